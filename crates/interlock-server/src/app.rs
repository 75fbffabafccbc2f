//! What every handler shares.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, Method};
use interlock_core::model::Action;
use interlock_runtime::{CheckOptions, Checked, Claimed, Floor, Runtime, RuntimeError};
use interlock_store::keys::{AuthError, KeyRing, id_of};
use tokio::sync::{broadcast, oneshot};

use crate::admission::Admission;
use crate::auth::Caller;
use crate::channels::health::Health;
use crate::error::{ApiError, ApiResult};
use crate::identity::{self, Identity, browser};
use crate::limits::Limits;

/// How long a key that was looked up is believed.
const KEY_CACHE: Duration = Duration::from_secs(1);
/// Keys believed at once.
const KEYS_MAX: usize = 10_000;
/// Changes of approvals that a slow waiter may miss before it looks again by itself.
const CHANGES_MAX: usize = 1_024;

/// How the server is set up.
#[derive(Debug)]
pub struct AppOptions {
    /// What decides.
    pub runtime: Runtime,
    /// What checks keys.
    pub keyring: KeyRing,
}

/// What every handler shares. Cheap to clone.
#[derive(Debug, Clone)]
pub struct App(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    runtime: Runtime,
    keyring: KeyRing,
    keys: Mutex<HashMap<[u8; 32], (Instant, Caller)>>,
    changes: broadcast::Sender<(String, String)>,
    started: Instant,
    admission: Arc<Admission>,
    channels: std::sync::OnceLock<Arc<crate::channels::config::Config>>,
    channel_health: Arc<Health>,
    identity: Identity,
    providers: std::sync::OnceLock<identity::oidc::Providers>,
    exports: std::sync::OnceLock<crate::export::Statuses>,
}

impl App {
    /// Sets the server up.
    #[must_use]
    pub fn new(options: AppOptions) -> Self {
        Self::with_limits(options, Limits::default())
    }

    /// Sets the server up with limits of its own.
    #[must_use]
    pub fn with_limits(options: AppOptions, limits: Limits) -> Self {
        let (changes, _) = broadcast::channel(CHANGES_MAX);
        let sender = changes.clone();
        options.runtime.on_approval_change(move |tenant, id| {
            // Nobody may be waiting.
            let _ = sender.send((tenant.to_owned(), id.to_owned()));
        });
        Self(Arc::new(Inner {
            runtime: options.runtime,
            keyring: options.keyring,
            keys: Mutex::default(),
            changes,
            started: Instant::now(),
            identity: Identity::new(&limits),
            providers: std::sync::OnceLock::new(),
            admission: Arc::new(Admission::new(limits)),
            channels: std::sync::OnceLock::new(),
            channel_health: Arc::default(),
            exports: std::sync::OnceLock::new(),
        }))
    }

    /// What decides.
    #[must_use]
    pub fn runtime(&self) -> &Runtime {
        &self.0.runtime
    }

    /// What makes and checks keys.
    #[must_use]
    pub fn keyring(&self) -> &KeyRing {
        &self.0.keyring
    }

    /// Says once how people are reached, so that what they answer there is taken.
    pub fn set_channels(&self, config: Arc<crate::channels::config::Config>) {
        // The first one stands.
        let _ = self.0.channels.set(config);
    }

    /// How people are reached, if that is configured.
    pub(crate) fn channels(&self) -> Option<Arc<crate::channels::config::Config>> {
        self.0.channels.get().map(Arc::clone)
    }

    /// How the channels are doing.
    pub(crate) fn channel_health(&self) -> Arc<Health> {
        Arc::clone(&self.0.channel_health)
    }

    /// Says once at which providers people may sign in. None is asked anything yet.
    ///
    /// # Errors
    /// When the authorities of one, or the users, cannot be read.
    pub fn set_sign_in(&self, config: &crate::SignInConfig) -> Result<(), String> {
        // The first one stands.
        let _ = self
            .0
            .providers
            .set(identity::oidc::Providers::new(config)?);
        // Their groups are known before anybody can ask one.
        self.refresh_people()
            .map_err(|e| format!("cannot read the users: {e}"))
    }

    /// The providers at which people may sign in, if any is configured.
    pub(crate) fn providers(&self) -> Option<&identity::oidc::Providers> {
        self.0.providers.get()
    }

    /// What signing in needs.
    pub(crate) fn identity(&self) -> &Identity {
        &self.0.identity
    }

    /// Where people reach this server, if that is configured.
    pub(crate) fn public_url(&self) -> Option<String> {
        self.channels().and_then(|config| config.public_url.clone())
    }

    /// Whose session these headers hold.
    ///
    /// # Errors
    /// `401` when there is none, `403` when the request does not come from this server's own page.
    pub(crate) async fn session(&self, method: &Method, headers: &HeaderMap) -> ApiResult<Caller> {
        let Some(token) = browser::token(headers) else {
            return Err(ApiError::unauthorized());
        };
        browser::check(method, headers, self.public_url().as_deref())?;
        let hash = self.keyring().token_hash(identity::SESSION, token);
        let app = self.clone();
        let found = self
            .blocking(move |runtime| {
                let (store, now) = (runtime.store(), runtime.now());
                let found = store.session(&hash, now, app.identity().idle_since(now))?;
                if let Some((session, _)) = &found
                    && identity::is_stale(session, now)
                {
                    store.touch_session(&hash, now)?;
                }
                Ok(found)
            })
            .await?;
        let (session, user) = found.ok_or_else(ApiError::unauthorized)?;
        browser::check_session(headers, &session.id)?;
        Ok(Caller::of_session(self, &session, &user))
    }

    /// Says once how the sinks of the record are doing, so that it can be asked for.
    pub fn set_exports(&self, statuses: crate::export::Statuses) {
        // The first one stands.
        let _ = self.0.exports.set(statuses);
    }

    /// How the sinks of the record are doing, if there are any.
    pub(crate) fn exports(&self) -> Option<&crate::export::Statuses> {
        self.0.exports.get()
    }

    /// Who is let in.
    pub(crate) fn admission(&self) -> &Arc<Admission> {
        &self.0.admission
    }

    /// How long the server has run.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        self.0.started.elapsed()
    }

    /// Changes of approvals from now on.
    #[must_use]
    pub fn changes(&self) -> broadcast::Receiver<(String, String)> {
        self.0.changes.subscribe()
    }

    /// Forgets which keys are believed.
    pub fn forget_keys(&self) {
        self.0
            .keys
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// Who presents this key, from `address`.
    ///
    /// # Errors
    /// `401`, the same for every reason; `429` when the address has presented too many wrong keys.
    pub fn authenticate(
        &self,
        presented: &str,
        bearer: bool,
        address: Option<IpAddr>,
    ) -> ApiResult<Caller> {
        use sha2::Digest as _;
        let fingerprint: [u8; 32] = sha2::Sha256::digest(presented.as_bytes()).into();
        let now = Instant::now();
        let was_right = {
            let keys = self.0.keys.lock().unwrap_or_else(PoisonError::into_inner);
            match keys.get(&fingerprint) {
                Some((until, caller)) if *until > now => {
                    return Ok(Caller {
                        bearer,
                        ..caller.clone()
                    });
                }
                entry => entry.is_some(),
            }
        };
        let wrong_keys = &self.0.admission.wrong_keys;
        let wait = address.and_then(|address| wrong_keys.wait(address, now));
        // Who guesses is not told whether a guess was right. A key that was right before, or whose
        // 256 random bits nobody guesses, is looked at all the same, so that others at the same
        // address are not shut out with it.
        if let Some(wait) = wait
            && !was_right
            && id_of(presented).is_err()
        {
            return Err(self.too_many_wrong_keys(wait));
        }
        let key = match self.0.keyring.authenticate(
            self.0.runtime.store(),
            presented,
            self.0.runtime.now(),
        ) {
            Ok(key) => key,
            Err(AuthError::Store(error)) => return Err(ApiError::internal(&error)),
            Err(reason) => {
                self.0
                    .keys
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .remove(&fingerprint);
                if let Some(address) = address
                    && wrong_keys.note(address, now)
                {
                    tracing::warn!(%address, last = %reason, "many wrong keys from one address");
                }
                return Err(wait.map_or_else(ApiError::unauthorized, |wait| {
                    self.too_many_wrong_keys(wait)
                }));
            }
        };
        let caller = Caller::of(self, &key, bearer);
        let mut keys = self.0.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= KEYS_MAX {
            keys.clear();
        }
        keys.insert(fingerprint, (now + KEY_CACHE, caller.clone()));
        Ok(caller)
    }

    fn too_many_wrong_keys(&self, wait: Duration) -> ApiError {
        let counter = &self.0.admission.turned_away.wrong_keys;
        counter.fetch_add(1, Ordering::Relaxed);
        ApiError::too_many_wrong_keys(wait)
    }

    /// Decides, and waits until the decision is recorded.
    ///
    /// # Errors
    /// When there is no decision.
    pub async fn check(&self, caller: &Caller, action: Action) -> ApiResult<Checked> {
        self.decide(caller, action, CheckOptions::default()).await
    }

    /// As [`Self::check`], with a floor under the decision.
    ///
    /// # Errors
    /// When there is no decision.
    pub async fn check_above(
        &self,
        caller: &Caller,
        action: Action,
        floor: Arc<Floor>,
    ) -> ApiResult<Checked> {
        let options = CheckOptions {
            floor: Some(floor),
            ..CheckOptions::default()
        };
        self.decide(caller, action, options).await
    }

    /// Scores and records an action that already ran.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub async fn report(
        &self,
        caller: &Caller,
        action: Action,
        claimed: Claimed,
    ) -> ApiResult<Checked> {
        let options = CheckOptions {
            reported: Some(claimed),
            ..CheckOptions::default()
        };
        self.decide(caller, action, options).await
    }

    async fn decide(
        &self,
        caller: &Caller,
        action: Action,
        options: CheckOptions,
    ) -> ApiResult<Checked> {
        let _turn = self.0.admission.check().await?;
        let (send, receive) = oneshot::channel();
        let options = CheckOptions {
            key_id: caller.key_id.clone(),
            ..options
        };
        self.0
            .runtime
            .check_with(&caller.principal, action, &options, move |result| {
                // A caller that went away leaves its decision in the record.
                let _ = send.send(result);
            });
        receive
            .await
            .unwrap_or_else(|_| {
                Err(RuntimeError::AuditUnavailable(
                    "the writer stopped".to_owned(),
                ))
            })
            .map_err(ApiError::from)
    }

    /// Runs what may touch the disk away from the threads that serve requests.
    ///
    /// # Errors
    /// What `f` returns.
    pub async fn blocking<T: Send + 'static>(
        &self,
        f: impl FnOnce(&Runtime) -> Result<T, RuntimeError> + Send + 'static,
    ) -> ApiResult<T> {
        let app = self.clone();
        match tokio::task::spawn_blocking(move || f(&app.0.runtime)).await {
            Ok(result) => result.map_err(ApiError::from),
            Err(error) => Err(ApiError::internal(&error)),
        }
    }
}
