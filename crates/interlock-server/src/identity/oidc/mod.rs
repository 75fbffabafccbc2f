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

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

pub(crate) use attempt::{LIFETIME_S, is_local};
pub use config::SignInConfig;
pub(crate) use flow::Problem;
pub(crate) use person::Stranger;
use provider::Provider;

/// The providers at which people may sign in.
#[derive(Debug)]
pub(crate) struct Providers {
    all: Vec<Arc<Provider>>,
    /// From where somebody came who was not let in, and when.
    strangers: Mutex<HashMap<IpAddr, Instant>>,
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
            strangers: Mutex::default(),
        })
    }

    /// The groups that those of the providers may put people into.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &str> {
        self.all
            .iter()
            .flat_map(|p| p.config.groups.values().map(String::as_str))
    }

    /// Each by name, with what its button says.
    pub(crate) fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.all
            .iter()
            .map(|p| (p.config.name.as_str(), p.config.label.as_str()))
    }
}
