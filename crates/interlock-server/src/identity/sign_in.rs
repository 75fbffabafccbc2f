//! Signing in with a password and a one-time code, and taking up an invitation.

use std::time::Instant;

use axum::http::StatusCode;
use interlock_core::model::UnixNanos;
use interlock_runtime::{Runtime, RuntimeError};
use interlock_store::identity::{Credentials, Proof, Session, User};
use interlock_store::keys::KeyRing;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{INVITATION, LOGIN, PEPPER, RECOVERY, SESSION, TOTP, password, sealed_for, totp};
use crate::App;
use crate::auth::Peer;
use crate::error::{ApiError, ApiResult};

/// Recovery codes that somebody who joins gets.
const RECOVERY_CODES: usize = 10;
/// Characters of a recovery code: 50 bits, behind the throttle of the account.
const RECOVERY_CHARACTERS: usize = 10;
/// Characters of a browser's name that are kept.
const AGENT_CHARACTERS_MAX: usize = 200;
/// Bytes of a login or a code that are looked at.
const FIELD_BYTES_MAX: usize = 128;

/// Hexadecimal digits of a nonce: 128 bits.
const NONCE_DIGITS: usize = 32;

/// What a person presents.
pub(crate) struct SignIn {
    pub(crate) login: String,
    pub(crate) password: Zeroizing<String>,
    pub(crate) code: Zeroizing<String>,
    pub(crate) peer: Peer,
}

/// A session that has just begun.
pub(crate) struct SignedIn {
    pub(crate) user: User,
    pub(crate) session: Session,
    pub(crate) token: interlock_store::keys::Secret,
}

/// What somebody who has an invitation sets up.
pub(crate) struct Offer {
    pub(crate) user: User,
    pub(crate) secret: Zeroizing<Vec<u8>>,
}

/// What somebody who takes up an invitation presents.
pub(crate) struct Join {
    pub(crate) token: Zeroizing<String>,
    pub(crate) nonce: Zeroizing<String>,
    pub(crate) password: Zeroizing<String>,
    pub(crate) code: Zeroizing<String>,
    pub(crate) peer: Peer,
}

/// What somebody who is signed in presents to have another password.
pub(crate) struct NewPassword {
    pub(crate) user_id: String,
    pub(crate) tenant: String,
    /// The session that asks, which stays.
    pub(crate) session_id: String,
    pub(crate) old: Zeroizing<String>,
    pub(crate) new: Zeroizing<String>,
    pub(crate) peer: Peer,
}

/// Somebody who has joined.
pub(crate) struct Joined {
    pub(crate) signed_in: SignedIn,
    pub(crate) recovery: Vec<String>,
}

/// The same whatever was wrong.
fn refused() -> ApiError {
    ApiError::new(
        StatusCode::UNAUTHORIZED,
        "session.refused",
        "the login, the password or the code is wrong",
    )
}

fn not_invited() -> ApiError {
    ApiError::new(
        StatusCode::NOT_FOUND,
        "invitation.unknown",
        "the invitation was used, has expired, or was replaced by a newer one; ask for another",
    )
}

pub(super) fn too_many(wait: std::time::Duration) -> ApiError {
    ApiError {
        retry_after_s: Some(wait.as_secs() + 1),
        ..ApiError::new(
            StatusCode::TOO_MANY_REQUESTS,
            "session.too-many-tries",
            "there were too many tries; wait before the next one",
        )
    }
}

pub(super) fn busy() -> ApiError {
    ApiError {
        retry_after_s: Some(1),
        ..ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "overloaded",
            "the server checks as many passwords as it can; try again",
        )
    }
}

/// Whether a text has the form of a nonce: of one length, so that what it is hashed with cannot shift.
fn is_nonce(text: &str) -> bool {
    text.len() == NONCE_DIGITS && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// A recovery code as it is compared: without what people add to read it.
fn plain(code: &str) -> String {
    code.chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .collect::<String>()
        .to_ascii_uppercase()
}

fn recovery_codes(ring: &KeyRing) -> Result<Vec<String>, RuntimeError> {
    (0..RECOVERY_CODES)
        .map(|_| {
            let (random, _) = ring.token(RECOVERY)?;
            let code = totp::base32(random.expose().as_bytes());
            let (_, end) = code.split_at(code.len() - RECOVERY_CHARACTERS);
            Ok(end.to_owned())
        })
        .collect()
}

impl App {
    fn account(&self, login: &str) -> [u8; 32] {
        self.keyring().token_hash(LOGIN, login)
    }

    /// Signs a person in.
    ///
    /// # Errors
    /// `401`, the same for every reason; `429` after too many tries from an address or at an account.
    pub(crate) async fn sign_in(&self, given: SignIn) -> ApiResult<SignedIn> {
        let login = given.login.trim().to_ascii_lowercase();
        let account = self.account(&login);
        let now = Instant::now();
        let address = given.peer.telling_address();
        if let Some(address) = address
            && let Some(wait) = self.admission().wrong_keys.wait(address, now)
        {
            return Err(too_many(wait));
        }
        let identity = self.identity();
        let place = identity.place(account, address);
        let (turn, last) = identity.turn_to_sign_in(place).await?;
        let app = self.clone();
        let outcome = self
            .blocking(move |runtime| {
                // It ends with the work, also when nobody waits for the answer any more.
                let _turn = turn;
                app.verify(runtime, &login, &given, last)
            })
            .await?;
        match outcome {
            Some(signed_in) => {
                identity.accounts.forgive(place);
                identity.know(account, address);
                Ok(signed_in)
            }
            None => {
                if let Some(address) = address {
                    self.admission().wrong_keys.note(address, now);
                }
                Err(refused())
            }
        }
    }

    /// `last`: another wrong try has to wait.
    fn verify(
        &self,
        runtime: &Runtime,
        login: &str,
        given: &SignIn,
        last: bool,
    ) -> Result<Option<SignedIn>, RuntimeError> {
        let fits = login.len() <= FIELD_BYTES_MAX && given.code.len() <= FIELD_BYTES_MAX;
        let found = if fits {
            runtime.store().user_by_login(login)?
        } else {
            None
        };
        let (user, credentials) = match found {
            Some((user, credentials)) => (Some(user), credentials),
            None => (None, None),
        };
        let ring = self.keyring();
        let pepper = Zeroizing::new(ring.token_hash(PEPPER, ""));
        let kept = credentials.as_ref().map(|c| c.password.as_str());
        let right = password::is_right(&pepper, &given.password, kept)?;
        let signed_in = match (&user, &credentials) {
            (Some(user), Some(credentials)) if right && user.disabled.is_none() => {
                match self.second_factor(runtime, user, credentials, &given.code)? {
                    Some(method) => {
                        self.begin(runtime, user, method, Proof::Password(kept), &given.peer)?
                    }
                    None => None,
                }
            }
            _ => None,
        };
        if let (None, Some(user), true) = (&signed_in, &user, last) {
            runtime.record_identity(&user.tenant, &user.login, "sign-in-throttled", &user.id)?;
            tracing::warn!(user = %user.id, "too many wrong tries to sign in to one account");
        }
        Ok(signed_in)
    }

    /// How the second factor was proved, if it was. A code, once taken, is used up.
    fn second_factor(
        &self,
        runtime: &Runtime,
        user: &User,
        credentials: &Credentials,
        code: &str,
    ) -> Result<Option<&'static str>, RuntimeError> {
        let ring = self.keyring();
        let (store, now) = (runtime.store(), runtime.now());
        let code = code.trim();
        if code.len() == totp::DIGITS {
            let secret = ring.unseal(&sealed_for(user), &credentials.totp)?;
            return Ok(match totp::matching_step(&secret, code, now) {
                Some(step) if store.take_step(&user.tenant, &user.id, step)? => Some("password"),
                _ => None,
            });
        }
        let hash = ring.token_hash(RECOVERY, &format!("{}/{}", user.id, plain(code)));
        let Some(left) = store.take_recovery(&user.tenant, &user.id, &hash)? else {
            return Ok(None);
        };
        let id = format!("{}, {left} left", user.id);
        runtime.record_identity(&user.tenant, &user.login, "recovery-code-used", &id)?;
        Ok(Some("recovery"))
    }

    /// Begins a session; `None` when the user is disabled, or what was checked holds no longer.
    pub(crate) fn begin(
        &self,
        runtime: &Runtime,
        user: &User,
        method: &str,
        proof: Proof<'_>,
        peer: &Peer,
    ) -> Result<Option<SignedIn>, RuntimeError> {
        let now = runtime.now();
        let (token, hash) = self.keyring().token(SESSION)?;
        let identity = self.identity();
        let session = Session {
            id: Uuid::now_v7().to_string(),
            tenant: user.tenant.clone(),
            user_id: user.id.clone(),
            method: method.to_owned(),
            address: peer.address.map(|a| a.to_string()).unwrap_or_default(),
            agent: peer.agent.chars().take(AGENT_CHARACTERS_MAX).collect(),
            created: now,
            seen: now,
            expires: now.saturating_add(identity.lifetime),
        };
        // On record before it holds.
        let id = format!("{} {}", user.id, session.id);
        let what = format!("session-begun-{method}");
        runtime.record_identity(&user.tenant, &user.login, &what, &id)?;
        let store = runtime.store();
        store.purge_sessions(now, identity.idle_since(now))?;
        if !store.begin_session(&hash, &session, proof)? {
            return Ok(None);
        }
        Ok(Some(SignedIn {
            user: user.clone(),
            session,
            token,
        }))
    }

    /// Puts a password in the place of the one that a person has, and ends the person's other sessions.
    ///
    /// # Errors
    /// `400` when the new one may not be chosen, `401` when the old one is wrong, `409` when there is
    /// none, `429` after too many tries.
    pub(crate) async fn change_password(&self, given: NewPassword) -> ApiResult<()> {
        let (tenant, id) = (given.tenant.clone(), given.user_id.clone());
        let user = self
            .blocking(move |runtime| Ok(runtime.store().user(&tenant, &id)?))
            .await?;
        if !user.enrolled {
            return Err(ApiError::conflict(
                "password.none",
                "there is no password here: you sign in at a provider",
            ));
        }
        if let Some(objection) = password::objection(&given.new, &user.login) {
            return Err(ApiError::field("new_password", "password.weak", objection));
        }
        let account = self.account(&user.login);
        let identity = self.identity();
        let place = identity.place(account, given.peer.telling_address());
        let (turn, last) = identity.turn_to_sign_in(place).await?;
        let app = self.clone();
        let changed = self
            .blocking(move |runtime| {
                let _turn = turn;
                app.replace_password(runtime, &user, &given, last)
            })
            .await?;
        if !changed {
            return Err(ApiError::new(
                StatusCode::UNAUTHORIZED,
                "password.wrong",
                "the old password is wrong",
            ));
        }
        identity.accounts.forgive(place);
        Ok(())
    }

    fn replace_password(
        &self,
        runtime: &Runtime,
        user: &User,
        given: &NewPassword,
        last: bool,
    ) -> Result<bool, RuntimeError> {
        let found = runtime.store().user_by_login(&user.login)?;
        let kept = found.and_then(|(_, credentials)| Some(credentials?.password));
        let pepper = Zeroizing::new(self.keyring().token_hash(PEPPER, ""));
        let record = |what| runtime.record_identity(&user.tenant, &user.login, what, &user.id);
        let (true, Some(kept)) = (
            password::is_right(&pepper, &given.old, kept.as_deref())?,
            kept,
        ) else {
            if last {
                record("sign-in-throttled")?;
                tracing::warn!(user = %user.id, "too many wrong tries to change one password");
            }
            return Ok(false);
        };
        let after = password::keep(&pepper, &given.new)?;
        // On record before it holds.
        record("password-changed")?;
        let store = runtime.store();
        Ok(store.change_password(&user.tenant, &user.id, &kept, &after, &given.session_id)?)
    }

    /// The secret of one-time codes that an invitation leads to: the same each time it is looked at
    /// with one nonce, so that looking twice does not undo what a person has set up. The nonce, of a
    /// fixed length, is the page's own: whoever made or passed on the invitation does not know it.
    fn offered_secret(&self, token: &str, nonce: &str) -> Zeroizing<Vec<u8>> {
        let text = Zeroizing::new(format!("{nonce}/{token}"));
        let hash = Zeroizing::new(self.keyring().token_hash(TOTP, &text));
        Zeroizing::new(hash[..totp::SECRET_BYTES].to_vec())
    }

    /// What an invitation is for.
    ///
    /// # Errors
    /// `400` when the nonce is not one, `404` when the invitation is good for nothing, `429` after too
    /// many tries.
    pub(crate) async fn look_at_invitation(
        &self,
        token: Zeroizing<String>,
        nonce: &str,
        peer: &Peer,
    ) -> ApiResult<Offer> {
        if !is_nonce(nonce) {
            return Err(ApiError::field(
                "nonce",
                "field.invalid",
                "`nonce` must be 32 lower-case hexadecimal digits, drawn at random by whoever joins",
            ));
        }
        let now = Instant::now();
        let address = peer.telling_address();
        let wrong_keys = &self.admission().wrong_keys;
        if let Some(wait) = address.and_then(|address| wrong_keys.wait(address, now)) {
            return Err(too_many(wait));
        }
        let hash = self.keyring().token_hash(INVITATION, &token);
        let found = self
            .blocking(move |runtime| Ok(runtime.store().invitation(&hash, runtime.now())?))
            .await?;
        let Some(user) = found else {
            if let Some(address) = address {
                wrong_keys.note(address, now);
            }
            return Err(not_invited());
        };
        if user.mapped {
            return Err(ApiError::new(
                StatusCode::NOT_FOUND,
                "invitation.provider",
                "the groups at a provider say what this account may do, so it has no password; sign in at the provider",
            ));
        }
        let secret = self.offered_secret(&token, nonce);
        Ok(Offer { user, secret })
    }

    /// Takes up an invitation: password and second factor are set, and a session begins.
    ///
    /// # Errors
    /// As [`Self::look_at_invitation`]; `400` when the password may not be chosen or the code is wrong.
    pub(crate) async fn join(&self, given: Join) -> ApiResult<Joined> {
        let token = given.token.clone();
        let Offer { user, secret } = self
            .look_at_invitation(token, &given.nonce, &given.peer)
            .await?;
        if let Some(objection) = password::objection(&given.password, &user.login) {
            return Err(ApiError::field("password", "password.weak", objection));
        }
        let now = self.runtime().now();
        let Some(step) = totp::matching_step(&secret, given.code.trim(), now) else {
            return Err(ApiError::field(
                "code",
                "code.wrong",
                "`code` is not what the application shows now; is the clock of the device right?",
            ));
        };
        let turn = self.identity().turn().await?;
        let app = self.clone();
        let joined = self
            .blocking(move |runtime| {
                let _turn = turn;
                app.enrol(runtime, &user, &given, &secret, step, now)
            })
            .await?;
        joined.ok_or_else(not_invited)
    }

    fn enrol(
        &self,
        runtime: &Runtime,
        user: &User,
        given: &Join,
        secret: &[u8],
        step: i64,
        now: UnixNanos,
    ) -> Result<Option<Joined>, RuntimeError> {
        let ring = self.keyring();
        let pepper = Zeroizing::new(ring.token_hash(PEPPER, ""));
        let credentials = Credentials {
            password: password::keep(&pepper, &given.password)?,
            totp: ring.seal(&sealed_for(user), secret)?,
        };
        let recovery = recovery_codes(ring)?;
        let hashes: Vec<[u8; 32]> = recovery
            .iter()
            .map(|code| ring.token_hash(RECOVERY, &format!("{}/{code}", user.id)))
            .collect();
        runtime.record_identity(&user.tenant, &user.login, "credentials-set", &user.id)?;
        let hash = ring.token_hash(INVITATION, &given.token);
        let accepted =
            runtime
                .store()
                .accept_invitation(&hash, &credentials, &hashes, step, now)?;
        let Some(user) = accepted else {
            return Ok(None);
        };
        let signed_in = self.begin(
            runtime,
            &user,
            "invitation",
            Proof::Password(Some(&credentials.password)),
            &given.peer,
        )?;
        Ok(signed_in.map(|signed_in| Joined {
            signed_in,
            recovery,
        }))
    }
}
