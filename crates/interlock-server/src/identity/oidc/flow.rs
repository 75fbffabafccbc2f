//! From the button to the session: the way to the provider and back.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, StatusCode, header};
use interlock_runtime::{Runtime, RuntimeError};
use interlock_store::identity::{Proof, Taken};
use subtle::ConstantTimeEq as _;

use super::attempt::{Attempt, LIFETIME_S};
use super::person::Stranger;
use super::provider::{Grant, Provider, ProviderError};
use super::query::{fields, form};
use super::{Providers, is_local};
use crate::App;
use crate::auth::Peer;
use crate::error::{ApiError, ApiResult};
use crate::identity::SignedIn;
use crate::identity::browser::{Reached, attempt_cookie, own_page};

/// Where providers send browsers back to, each to its own name, below the address at which people reach
/// the server. Of one address for all, a hostile provider could have the code of another handed to itself
/// (RFC 9700, section 4.4).
const CALLBACK: &str = "/api/session/oidc/callback";
/// What random texts are drawn for.
const RANDOM: &str = "oidc-random";
/// Bytes of a provider's answer in the address.
const QUERY_BYTES_MAX: usize = 8 * 1024;
/// Bytes of a code.
const CODE_BYTES_MAX: usize = 4 * 1024;

/// How long an address is remembered from which somebody came who was not let in.
const STRANGER_KEPT: Duration = Duration::from_secs(600);
/// Such addresses that are remembered.
const STRANGERS_MAX: usize = 10_000;

/// A sign-in that has begun.
pub(crate) struct Begun {
    /// Where the browser goes.
    pub(crate) url: String,
    /// What it brings back.
    pub(crate) sealed: String,
    pub(crate) reached: Reached,
}

/// Somebody who came back and is signed in.
pub(crate) struct Ended {
    pub(crate) signed_in: SignedIn,
    pub(crate) to: String,
    pub(crate) reached: Reached,
}

/// Why somebody who came back is not signed in.
#[derive(Debug)]
pub(crate) enum Problem {
    /// This browser began no such sign-in, or it was too long ago, or it has come back before.
    NotBegun,
    /// The provider says that the person may not, or did not want to.
    Denied,
    /// What the provider says is not believed.
    NotBelieved,
    /// The provider does not answer as it must.
    Unavailable,
    /// There were too many tries, of which this many seconds are to be waited.
    TooMany(u64),
    /// Nobody here.
    Stranger(Stranger),
    /// Anything else.
    Failed(ApiError),
}

impl Problem {
    /// Whether it counts as a wrong try of the address that it came from. Any page can send a browser
    /// here without a sign-in that has begun, and a person may choose the wrong account once.
    fn is_to_blame(&self, came_before: impl FnOnce() -> bool) -> bool {
        match self {
            Self::NotBelieved => true,
            Self::Stranger(_) => came_before(),
            Self::NotBegun
            | Self::Denied
            | Self::Unavailable
            | Self::TooMany(_)
            | Self::Failed(_) => false,
        }
    }
}

impl From<ApiError> for Problem {
    fn from(error: ApiError) -> Self {
        Self::Failed(error)
    }
}

fn unavailable() -> ApiError {
    ApiError {
        retry_after_s: Some(5),
        ..ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "provider.unavailable",
            "the provider does not answer as it must; sign in another way, or try again later",
        )
    }
}

/// What the log says: the operator can do something about it.
fn log(provider: &Provider, error: &ProviderError) {
    let name = &provider.config.name;
    tracing::warn!(provider = %name, %error, "nobody can sign in at this provider until this is mended");
}

/// What came of the provider's answer, once it was looked into.
enum Looked {
    In(Box<SignedIn>),
    Not(Problem),
}

impl Providers {
    fn named(&self, name: &str) -> Option<Arc<Provider>> {
        let found = self.all.iter().find(|p| p.config.name == name);
        found.map(Arc::clone)
    }

    /// Notes that somebody who is not let in came from an address; whether one did before, lately.
    fn came_before(&self, address: IpAddr, now: Instant) -> bool {
        let mut came = self
            .strangers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        came.retain(|_, since| now.saturating_duration_since(*since) < STRANGER_KEPT);
        if came.len() >= STRANGERS_MAX && !came.contains_key(&address) {
            return true;
        }
        came.insert(address, now).is_some()
    }
}

impl App {
    /// Begins a sign-in at a provider.
    ///
    /// # Errors
    /// `403` when the request is not of the server's own page, `404` when there is no such provider,
    /// `503` when it does not answer as it must.
    pub(crate) async fn begin_oidc(
        &self,
        headers: &HeaderMap,
        name: &str,
        to: Option<String>,
    ) -> ApiResult<Begun> {
        let reached = own_page(headers, self.public_url().as_deref())?;
        let to = to.unwrap_or_else(|| "/".to_owned());
        if !is_local(&to) {
            return Err(ApiError::field(
                "to",
                "field.invalid",
                "`to` must be a path of this server, of at most 512 printable characters",
            ));
        }
        let providers = self
            .providers()
            .ok_or_else(|| ApiError::not_found("provider"))?;
        let provider = (providers.named(name)).ok_or_else(|| ApiError::not_found("provider"))?;
        // Checked by `own_page`: it is where people reach this server.
        let origin = headers
            .get(header::ORIGIN)
            .and_then(|origin| origin.to_str().ok())
            .unwrap_or_default();
        let redirect_uri = format!("{origin}{CALLBACK}/{name}");
        let turn = provider.turn().ok_or_else(unavailable)?;
        let asked = Arc::clone(&provider);
        let metadata = self
            .blocking(move |_| {
                let _turn = turn;
                Ok(asked.metadata())
            })
            .await?
            .map_err(|error| {
                log(&provider, &error);
                unavailable()
            })?;
        let random = || {
            let drawn = self.keyring().token(RANDOM);
            drawn.map(|(text, _)| text.expose().to_owned())
        };
        let drawn =
            || -> Result<_, interlock_store::StoreError> { Ok((random()?, random()?, random()?)) };
        let (state, nonce, verifier) = drawn().map_err(|e| ApiError::internal(&e))?;
        let lifetime = i64::try_from(LIFETIME_S).unwrap_or(0) * 1_000_000_000;
        let attempt = Attempt {
            provider: provider.config.name.clone(),
            issuer: provider.config.issuer.clone(),
            redirect_uri,
            state,
            nonce,
            verifier,
            to,
            tls: reached == Reached::Tls,
            expires: self.runtime().now().saturating_add(lifetime),
        };
        let query = form(&[
            ("response_type", "code"),
            ("client_id", &provider.config.client_id),
            ("redirect_uri", &attempt.redirect_uri),
            ("scope", &provider.config.scopes.join(" ")),
            ("state", &attempt.state),
            ("nonce", &attempt.nonce),
            ("code_challenge", &attempt.challenge()),
            ("code_challenge_method", "S256"),
        ]);
        let endpoint = &metadata.authorization_endpoint;
        let joint = if endpoint.contains('?') { '&' } else { '?' };
        Ok(Begun {
            url: format!("{endpoint}{joint}{query}"),
            sealed: attempt
                .seal(self.keyring())
                .ok_or_else(|| ApiError::internal(&"a sign-in that is too long for a cookie"))?,
            reached,
        })
    }

    /// Ends a sign-in: the browser came back with what the provider says.
    ///
    /// # Errors
    /// Why nobody is signed in.
    pub(crate) async fn end_oidc(
        &self,
        headers: &HeaderMap,
        name: &str,
        query: &str,
        peer: &Peer,
    ) -> Result<Ended, Problem> {
        let now = Instant::now();
        let address = peer.telling_address();
        let wrong_keys = &self.admission().wrong_keys;
        if let Some(wait) = address.and_then(|address| wrong_keys.wait(address, now)) {
            return Err(Problem::TooMany(wait.as_secs() + 1));
        }
        let ended = self.look_into(headers, name, query, peer).await;
        if let (Err(problem), Some(address), Some(providers)) = (&ended, address, self.providers())
            && problem.is_to_blame(|| providers.came_before(address, now))
        {
            wrong_keys.note(address, now);
        }
        ended
    }

    async fn look_into(
        &self,
        headers: &HeaderMap,
        name: &str,
        query: &str,
        peer: &Peer,
    ) -> Result<Ended, Problem> {
        let ring = self.keyring();
        let begun = attempt_cookie(headers)
            .and_then(|sealed| Attempt::open(ring, sealed, self.runtime().now()));
        // An answer at the address of another provider than was asked is none, whatever it says.
        let attempt = begun
            .filter(|attempt| attempt.provider == name)
            .ok_or(Problem::NotBegun)?;
        if query.len() > QUERY_BYTES_MAX {
            return Err(Problem::NotBegun);
        }
        let [state, code, error, iss] =
            fields(query, ["state", "code", "error", "iss"]).ok_or(Problem::NotBegun)?;
        let same = |a: &str, b: &str| bool::from(a.as_bytes().ct_eq(b.as_bytes()));
        if !state.is_some_and(|state| same(&state, &attempt.state)) {
            return Err(Problem::NotBegun);
        }
        let providers = self.providers().ok_or(Problem::NotBegun)?;
        let provider = (providers.named(name))
            .filter(|provider| provider.config.issuer == attempt.issuer)
            .ok_or(Problem::NotBegun)?;
        // An answer of another provider (RFC 9207): neither its code nor its error counts.
        if iss.as_ref().is_some_and(|iss| *iss != attempt.issuer) {
            return Err(Problem::NotBelieved);
        }
        let code = match (code, error) {
            (_, Some(_)) => return Err(Problem::Denied),
            (Some(code), None) if (1..=CODE_BYTES_MAX).contains(&code.len()) => code,
            _ => return Err(Problem::NotBelieved),
        };
        let turn = provider.turn().ok_or(Problem::Unavailable)?;
        // From here on the answer is used up, whatever comes of it.
        let (hash, expires) = (attempt.hash(ring), attempt.expires);
        let taken = self
            .blocking(move |runtime| {
                let now = runtime.now();
                Ok(runtime.store().take_sign_in(&hash, expires, now)?)
            })
            .await?;
        match taken {
            Taken::Now => {}
            Taken::Before => return Err(Problem::NotBegun),
            Taken::Full => return Err(Problem::Unavailable),
        }
        let (to, reached) = (attempt.to.clone(), attempt.reached());
        let (app, peer) = (self.clone(), peer.clone());
        let looked = self
            .blocking(move |runtime| {
                let _turn = turn;
                app.exchange(runtime, &provider, &attempt, (&code, iss.is_some()), &peer)
            })
            .await?;
        match looked {
            Looked::In(signed_in) => Ok(Ended {
                signed_in: *signed_in,
                to,
                reached,
            }),
            Looked::Not(problem) => Err(problem),
        }
    }

    fn exchange(
        &self,
        runtime: &Runtime,
        provider: &Provider,
        attempt: &Attempt,
        (code, says_who): (&str, bool),
        peer: &Peer,
    ) -> Result<Looked, RuntimeError> {
        let config = &provider.config;
        let believed = || -> Result<_, ProviderError> {
            let metadata = provider.metadata()?;
            if metadata.authorization_response_iss_parameter_supported && !says_who {
                return Ok(Err(Problem::NotBelieved));
            }
            let claims = provider.exchange(&Grant {
                code,
                redirect_uri: &attempt.redirect_uri,
                verifier: &attempt.verifier,
                nonce: &attempt.nonce,
                now_s: runtime.now() / 1_000_000_000,
            })?;
            Ok(Ok(claims))
        };
        let claims = match believed() {
            Ok(Ok(claims)) => claims,
            Ok(Err(problem)) => return Ok(Looked::Not(problem)),
            Err(error) => {
                log(provider, &error);
                return Ok(Looked::Not(match error {
                    ProviderError::Unusable(_) => Problem::Unavailable,
                    ProviderError::Code(_) | ProviderError::Token(_) => Problem::NotBelieved,
                }));
            }
        };
        let user = match self.person_of(runtime, config, &claims)? {
            Ok(user) => user,
            Err(stranger) => {
                tracing::info!(provider = %config.name, why = ?stranger, "somebody whom a provider knows was not let in");
                return Ok(Looked::Not(Problem::Stranger(stranger)));
            }
        };
        let proof = Proof::Provider(&config.issuer, &claims.subject);
        Ok(match self.begin(runtime, &user, "oidc", proof, peer)? {
            Some(signed_in) => Looked::In(Box::new(signed_in)),
            None => Looked::Not(Problem::Stranger(Stranger::Disabled)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_not_believed_and_strangers_who_come_again_are_held_against_an_address() {
        let providers = Providers::new(&crate::SignInConfig::default()).expect("none");
        let address = |n: u32| IpAddr::from(n.to_be_bytes());
        let begin = Instant::now();
        let stranger = Problem::Stranger(Stranger::Uninvited);
        let to_blame = |problem: &Problem, n, now| {
            problem.is_to_blame(|| providers.came_before(address(n), now))
        };
        assert!(to_blame(&Problem::NotBelieved, 1, begin));
        for problem in [Problem::NotBegun, Problem::Denied, Problem::Unavailable] {
            assert!(!to_blame(&problem, 1, begin) && !to_blame(&problem, 1, begin));
        }
        assert!(!to_blame(&stranger, 1, begin), "once");
        assert!(to_blame(&stranger, 1, begin) && !to_blame(&stranger, 2, begin));
        assert!(!to_blame(&stranger, 1, begin + STRANGER_KEPT), "forgotten");
        let later = begin + STRANGER_KEPT * 2;
        for n in 0..u32::try_from(STRANGERS_MAX).expect("small") {
            assert!(!to_blame(&stranger, n, later));
        }
        assert!(to_blame(&stranger, u32::MAX, later), "bounded");
    }
}
