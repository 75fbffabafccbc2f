//! A provider over HTTP: what it says of itself (`OpenID` Connect Discovery 1.0), its keys, and what it
//! gives for a code. Every answer is bounded in size and time, and no redirect is followed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zeroize::Zeroizing;

use super::config::{ClientAuth, ProviderConfig, may_reach};
use super::id_token::{self, Claims, Expected};
use super::jose::{Keys, TokenError, Unverified};
use super::query::{encode, form};
use crate::api::session::Hidden;
use crate::channels::address::client;

/// Bytes of an answer: discovery, keys, tokens, userinfo.
const ANSWER_BYTES_MAX: u64 = 128 * 1024;
/// How long discovery and keys are believed.
const BELIEVED: Duration = Duration::from_secs(600);

/// How long a discovery that failed is not tried again.
const FAILURE_KEPT: Duration = Duration::from_secs(10);
/// People of one provider who are looked into at once; of further ones none waits, so that a provider
/// that hangs holds up nobody but its own.
const TURNS_MAX: usize = 8;

/// Why nobody can sign in at a provider.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProviderError {
    /// It does not answer, or not with what was asked for.
    #[error("{0}")]
    Unusable(String),
    /// It does not take the code.
    #[error("the provider does not take the code: `{0}`")]
    Code(String),
    /// What it says is not believed.
    #[error(transparent)]
    Token(#[from] TokenError),
}

fn unusable(what: &str, why: impl std::fmt::Display) -> ProviderError {
    ProviderError::Unusable(format!("{what}: {why}"))
}

/// What a provider says of itself, as far as it is used.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Metadata {
    issuer: String,
    pub(crate) authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// RFC 9207.
    #[serde(default)]
    pub(crate) authorization_response_iss_parameter_supported: bool,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: Hidden,
    access_token: Option<Hidden>,
}

/// What is exchanged for a person's claims.
#[derive(Debug)]
pub(crate) struct Grant<'a> {
    pub(crate) code: &'a str,
    pub(crate) redirect_uri: &'a str,
    pub(crate) verifier: &'a str,
    pub(crate) nonce: &'a str,
    pub(crate) now_s: i64,
}

type Believed<T> = Mutex<Option<(Instant, Arc<T>)>>;

/// A provider.
#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) config: ProviderConfig,
    http: ureq::Agent,
    metadata: Believed<Metadata>,
    keys: Believed<Keys>,
    turns: Arc<Semaphore>,
    /// When discovery last failed, and why; held while it is asked for, so that one asks at a time.
    failed: Mutex<Option<(Instant, String)>>,
}

fn believed<T>(kept: &Believed<T>, for_at_most: Duration) -> Option<Arc<T>> {
    let kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    kept.as_ref()
        .filter(|(since, _)| since.elapsed() < for_at_most)
        .map(|(_, value)| Arc::clone(value))
}

fn keep<T>(kept: &Believed<T>, value: T) -> Arc<T> {
    let value = Arc::new(value);
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    *kept = Some((Instant::now(), Arc::clone(&value)));
    value
}

impl Provider {
    /// Sets a provider up; it is not asked anything yet.
    ///
    /// # Errors
    /// When the authorities that it is trusted by cannot be read.
    pub(crate) fn new(config: ProviderConfig) -> Result<Self, String> {
        let http = client(&config.guard, !config.plain, config.ca_file.as_deref())
            .map_err(|e| format!("provider `{}`: {e}", config.name))?;
        Ok(Self {
            config,
            http,
            metadata: Mutex::default(),
            keys: Mutex::default(),
            turns: Arc::new(Semaphore::new(TURNS_MAX)),
            failed: Mutex::default(),
        })
    }

    /// A turn to ask this provider; `None` when it is asked for enough people already.
    pub(crate) fn turn(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.turns).try_acquire_owned().ok()
    }

    fn read(
        &self,
        what: &str,
        answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<(u16, Zeroizing<Vec<u8>>), ProviderError> {
        let mut answer = answer.map_err(|e| unusable(what, e))?;
        let status = answer.status();
        if status.is_redirection() {
            return Err(unusable(what, "it leads elsewhere, which is not followed"));
        }
        let body = answer
            .body_mut()
            .with_config()
            .limit(ANSWER_BYTES_MAX)
            .read_to_vec()
            .map_err(|e| unusable(what, e))?;
        Ok((status.as_u16(), Zeroizing::new(body)))
    }

    fn get(
        &self,
        what: &str,
        url: &str,
        token: Option<&str>,
    ) -> Result<Zeroizing<Vec<u8>>, ProviderError> {
        let mut request = self.http.get(url).header("accept", "application/json");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request
            .config()
            .timeout_global(Some(self.config.timeout))
            .build();
        match self.read(what, request.call())? {
            (200, body) => Ok(body),
            (status, _) => Err(unusable(what, format!("it answers with status {status}"))),
        }
    }

    /// What the provider says of itself.
    ///
    /// # Errors
    /// When it does not answer, or says of itself what cannot be.
    pub(crate) fn metadata(&self) -> Result<Arc<Metadata>, ProviderError> {
        if let Some(metadata) = believed(&self.metadata, BELIEVED) {
            return Ok(metadata);
        }
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever had the lock may have got it.
        if let Some(metadata) = believed(&self.metadata, BELIEVED) {
            return Ok(metadata);
        }
        if let Some((_, why)) = (failed.as_ref()).filter(|(at, _)| at.elapsed() < FAILURE_KEPT) {
            return Err(ProviderError::Unusable(why.clone()));
        }
        let discovered = self.discover();
        *failed = match &discovered {
            Ok(_) => None,
            Err(error) => Some((Instant::now(), error.to_string())),
        };
        discovered
    }

    fn discover(&self) -> Result<Arc<Metadata>, ProviderError> {
        const WHAT: &str = "discovery";
        let issuer = &self.config.issuer;
        let base = issuer.trim_end_matches('/');
        let url = format!("{base}/.well-known/openid-configuration");
        let body = self.get(WHAT, &url, None)?;
        let metadata: Metadata = serde_json::from_slice(&body)
            .map_err(|_| unusable(WHAT, "the document is not as it must be"))?;
        if metadata.issuer != *issuer {
            return Err(unusable(WHAT, "the document is of another issuer"));
        }
        let addresses = [
            Some(&metadata.authorization_endpoint),
            Some(&metadata.token_endpoint),
            Some(&metadata.jwks_uri),
            metadata.userinfo_endpoint.as_ref(),
        ];
        let wrong = |url: &&String| !may_reach(url, self.config.plain);
        if addresses.into_iter().flatten().any(|url| wrong(&url)) {
            return Err(unusable(WHAT, "it names an address that is not https"));
        }
        Ok(keep(&self.metadata, metadata))
    }

    fn keys(&self, at: &str, for_at_most: Duration) -> Result<Arc<Keys>, ProviderError> {
        if let Some(keys) = believed(&self.keys, for_at_most) {
            return Ok(keys);
        }
        let body = self.get("keys", at, None)?;
        Ok(keep(&self.keys, Keys::parse(&body)?))
    }

    fn client_auth(&self, metadata: &Metadata) -> ClientAuth {
        let takes = |name: &str| {
            (metadata.token_endpoint_auth_methods_supported.as_ref())
                .is_none_or(|all| all.iter().any(|method| method == name))
        };
        self.config.client_auth.unwrap_or_else(|| {
            if !takes("client_secret_basic") && takes("client_secret_post") {
                ClientAuth::Post
            } else {
                ClientAuth::Basic
            }
        })
    }

    fn tokens(&self, metadata: &Metadata, grant: &Grant<'_>) -> Result<Tokens, ProviderError> {
        const WHAT: &str = "the token endpoint";
        let config = &self.config;
        let secret = match &config.client_secret {
            Some(secret) => Some(secret.text().map_err(|e| unusable(WHAT, e))?),
            None => None,
        };
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", grant.code),
            ("redirect_uri", grant.redirect_uri),
            ("code_verifier", grant.verifier),
        ];
        let mut request = self
            .http
            .post(&metadata.token_endpoint)
            .header("accept", "application/json")
            .header("content-type", "application/x-www-form-urlencoded");
        match (secret, self.client_auth(metadata)) {
            (Some(secret), ClientAuth::Basic) => {
                let mut pair = Zeroizing::new(String::new());
                encode(&config.client_id, &mut pair);
                pair.push(':');
                encode(secret, &mut pair);
                let pair = interlock_core::audit::base64::encode(pair.as_bytes());
                request = request.header("authorization", format!("Basic {pair}"));
            }
            (Some(secret), ClientAuth::Post) => {
                fields.extend([("client_id", &*config.client_id), ("client_secret", secret)]);
            }
            (None, _) => fields.push(("client_id", &config.client_id)),
        }
        let body = Zeroizing::new(form(&fields));
        let request = request
            .config()
            .timeout_global(Some(config.timeout))
            .build();
        let (status, body) = self.read(WHAT, request.send(body.as_bytes()))?;
        if status == 200 {
            return serde_json::from_slice(&body)
                .map_err(|_| unusable(WHAT, "its answer holds no ID token"));
        }
        // RFC 6749, section 5.2.
        #[derive(Deserialize)]
        struct Refusal {
            error: String,
        }
        match serde_json::from_slice::<Refusal>(&body) {
            Ok(refusal) if (400..500).contains(&status) => {
                let known = |c: char| c.is_ascii_lowercase() || c == '_';
                let error = refusal.error.chars().filter(|c| known(*c)).take(64);
                Err(ProviderError::Code(error.collect()))
            }
            _ => Err(unusable(WHAT, format!("it answers with status {status}"))),
        }
    }

    /// Who came back with this code.
    ///
    /// # Errors
    /// When the provider does not answer, does not take the code, or is not believed.
    pub(crate) fn exchange(&self, grant: &Grant<'_>) -> Result<Claims, ProviderError> {
        let began = Instant::now();
        let metadata = self.metadata()?;
        let tokens = self.tokens(&metadata, grant)?;
        let token = Unverified::parse(&tokens.id_token.0)?;
        let expected = Expected {
            issuer: &self.config.issuer,
            client_id: &self.config.client_id,
            nonce: grant.nonce,
            access_token: tokens.access_token.as_ref().map(|t| t.0.as_str()),
            now_s: grant.now_s,
        };
        let keys = self.keys(&metadata.jwks_uri, BELIEVED)?;
        let mut claims = match id_token::verify(&token, &keys, &expected) {
            // The provider may have changed its keys since they were asked for.
            Err(TokenError::UnknownKey) => {
                let keys = self.keys(&metadata.jwks_uri, began.elapsed())?;
                id_token::verify(&token, &keys, &expected)?
            }
            other => other?,
        };
        let lacks = !claims.has("email")
            || !claims.has("email_verified")
            || (!self.config.roles.is_empty() && !claims.has(&self.config.groups_claim));
        if let (true, Some(url), Some(access)) =
            (lacks, &metadata.userinfo_endpoint, &tokens.access_token)
        {
            let access = access.0.as_str();
            // It goes into a header.
            if access.len() > 8_192 || !access.bytes().all(|b| b.is_ascii_graphic()) {
                return Err(unusable("userinfo", "the access token is no text"));
            }
            claims.add(&self.get("userinfo", url, Some(access))?)?;
        }
        Ok(claims)
    }
}
