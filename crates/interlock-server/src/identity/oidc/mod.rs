//! Signing in at another provider: `OpenID` Connect, authorisation code with PKCE.
//!
//! `attempt.rs` is what the browser keeps meanwhile, `provider.rs` speaks with the provider, `jose.rs`
//! and `id_token.rs` believe its token or do not, `person.rs` says who that is here, `flow.rs` joins
//! them. **Invariant:** nobody gets in who was neither invited nor mapped. **Invariant:** when anything
//! cannot be checked, nobody is signed in; local accounts do not need a provider. **Invariant:** what a
//! provider says is never shown, and never says where the browser goes.

mod attempt;
mod config;
mod flow;
mod id_token;
mod jose;
mod person;
mod provider;
mod query;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

pub(crate) use attempt::{LIFETIME_S, is_local};
pub use config::SignInConfig;
pub(crate) use flow::Problem;
pub(crate) use person::Stranger;
use provider::Provider;

/// Answers of providers that are looked into at once.
const EXCHANGES_MAX: usize = 8;
/// How long one waits for its turn.
const TURN_WAIT: Duration = Duration::from_secs(5);

/// The providers at which people may sign in.
#[derive(Debug)]
pub(crate) struct Providers {
    all: Vec<Arc<Provider>>,
    turns: Arc<Semaphore>,
}

impl Providers {
    /// Sets them up; none is asked anything yet, so that one that is down keeps nothing from starting.
    ///
    /// # Errors
    /// When the authorities of one cannot be read.
    pub(crate) fn new(config: &SignInConfig) -> Result<Self, String> {
        let one = |config: &config::ProviderConfig| Provider::new(config.clone()).map(Arc::new);
        Ok(Self {
            all: config.providers.iter().map(one).collect::<Result<_, _>>()?,
            turns: Arc::new(Semaphore::new(EXCHANGES_MAX)),
        })
    }

    /// Each by name, with what its button says.
    pub(crate) fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.all
            .iter()
            .map(|p| (p.config.name.as_str(), p.config.label.as_str()))
    }
}
