//! What every tenant has below its own policies, changed while the server runs.

use interlock_core::audit::frame::Kind;
use interlock_core::model::UnixNanos;
use interlock_policy::Source;

use crate::Runtime;
use crate::error::RuntimeError;

/// Why the policies in force are not those that the operator has written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stale {
    /// Since when.
    pub since: UnixNanos,
    /// What is wrong with the new ones, with file, line and caret.
    pub problem: String,
}

impl Runtime {
    /// Replaces what every tenant has below its own, for all tenants or for none: when a tenant's
    /// policies do not compile with it, the last good ones stay in force and
    /// [`Self::stale_policy`] says so.
    ///
    /// # Errors
    /// What does not compile.
    pub fn reload_base(&self, base: Vec<Source>, tenants: &[String]) -> Result<(), RuntimeError> {
        let bundles = &self.inner.bundles;
        let changed = bundles
            .replace_base(base, tenants, &*self.inner.store)
            .inspect_err(|error| self.policy_problem(&error.to_string()))?;
        bundles.set_stale(None);
        if changed {
            for tenant in tenants {
                self.record_change(
                    tenant,
                    Kind::PolicyChange,
                    "operator",
                    "base-reloaded",
                    "base",
                )?;
            }
        }
        Ok(())
    }

    /// Notes that the new policies cannot be put in force, such as when a file cannot be read.
    pub fn policy_problem(&self, problem: &str) {
        let since = self
            .stale_policy()
            .map_or_else(|| self.now(), |stale| stale.since);
        self.inner.bundles.set_stale(Some(Stale {
            since,
            problem: problem.to_owned(),
        }));
    }

    /// Why the policies in force are not the newest, if they are not.
    #[must_use]
    pub fn stale_policy(&self) -> Option<Stale> {
        self.inner.bundles.stale()
    }

    /// The key by which clients check bundles.
    #[must_use]
    pub fn bundle_vkey(&self) -> String {
        self.inner.bundles.vkey()
    }
}
