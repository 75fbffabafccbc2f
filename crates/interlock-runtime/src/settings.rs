//! Changes that people make: agents, profiles, policies. Each is stored, put in force and recorded.

use std::sync::{Arc, PoisonError, RwLock};

use interlock_core::audit::body::Body;
use interlock_core::audit::frame::Kind;
use interlock_core::audit::hex;
use interlock_core::model::Layer;
use interlock_policy::Source;
use interlock_store::{
    Agent, AgentChange, AgentProfile, Bundle, NewAgent, NewPolicy, Policy, PolicyChange, StoreError,
};

use crate::bundles::Loaded;
use crate::error::RuntimeError;
use crate::{Runtime, rfc3339};

type Listener = Box<dyn Fn(&str, &str) + Send + Sync>;

/// Those who want to know when an approval changes.
#[derive(Default)]
pub(crate) struct Changed(RwLock<Vec<Listener>>);

impl std::fmt::Debug for Changed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Changed")
    }
}

impl Changed {
    pub(crate) fn listen(&self, f: Listener) {
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push(f);
    }

    pub(crate) fn notify(&self, tenant: &str, id: &str) {
        for f in self.0.read().unwrap_or_else(PoisonError::into_inner).iter() {
            f(tenant, id);
        }
    }
}

impl Runtime {
    /// Writes a change of configuration into the record.
    pub(crate) fn record_change(
        &self,
        tenant: &str,
        kind: Kind,
        by: &str,
        what: &str,
        id: &str,
    ) -> Result<(), RuntimeError> {
        let mut body = Body::new(kind, &rfc3339(self.now()));
        body.str("tenant", tenant)
            .str("actor", by)
            .str("what", what)
            .str("id", id);
        if let Some(loaded) = self.bundle(tenant) {
            body.str("program", &hex(&loaded.compiled.program.digest()))
                .int("policy_rev", loaded.revision);
        }
        let bytes = body
            .finish()
            .map_err(|e| RuntimeError::AuditUnavailable(e.to_string()))?;
        self.inner
            .journal
            .append(tenant, kind, bytes)
            .map_err(|e| RuntimeError::AuditUnavailable(e.to_string()))?;
        Ok(())
    }

    /// Registers an agent.
    ///
    /// # Errors
    /// When it exists, or a field is out of its limits.
    pub fn register_agent(
        &self,
        tenant: &str,
        by: &str,
        agent: &NewAgent,
    ) -> Result<Agent, RuntimeError> {
        let row = self.inner.store.register_agent(tenant, agent, self.now())?;
        self.record_change(
            tenant,
            Kind::ConfigChange,
            by,
            "agent-registered",
            &agent.agent_id,
        )?;
        Ok(row)
    }

    /// Changes an agent: its name, whether it is paused, what its kill switch does.
    ///
    /// # Errors
    /// When there is no such agent.
    pub fn update_agent(
        &self,
        tenant: &str,
        by: &str,
        agent_id: &str,
        change: &AgentChange,
    ) -> Result<Agent, RuntimeError> {
        let row = self.inner.store.update_agent(tenant, agent_id, change)?;
        self.inner.agents.set(tenant, &row);
        self.inner
            .memory
            .pause(tenant, agent_id, row.paused)
            .map_err(|e| RuntimeError::Conflict(e.to_string()))?;
        self.record_change(tenant, Kind::ConfigChange, by, "agent-changed", agent_id)?;
        Ok(row)
    }

    /// Replaces the profile of an agent, which is registered if it is not known yet.
    ///
    /// # Errors
    /// When a field is out of its limits.
    pub fn set_profile(
        &self,
        tenant: &str,
        by: &str,
        agent_id: &str,
        profile: &AgentProfile,
    ) -> Result<Agent, RuntimeError> {
        let store = &self.inner.store;
        let row = match store.set_profile(tenant, agent_id, profile) {
            Err(error) if error.is_not_found() => {
                let new = NewAgent {
                    agent_id: agent_id.to_owned(),
                    name: agent_id.to_owned(),
                };
                match store.register_agent(tenant, &new, self.now()) {
                    Ok(_) | Err(StoreError::Exists { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
                store.set_profile(tenant, agent_id, profile)?
            }
            other => other?,
        };
        self.inner.agents.set(tenant, &row);
        self.record_change(tenant, Kind::ConfigChange, by, "profile-changed", agent_id)?;
        Ok(row)
    }

    /// Adds a policy row, if the whole still compiles with it.
    ///
    /// # Errors
    /// When it does not compile, or a field is out of its limits.
    pub fn insert_policy(
        &self,
        tenant: &str,
        by: &str,
        policy: &NewPolicy,
    ) -> Result<Policy, RuntimeError> {
        let row = self.inner.store.insert_policy(tenant, policy, self.now())?;
        if let Err(error) = self.inner.bundles.reload(tenant, &*self.inner.store) {
            // What does not compile must not be found by the next start either.
            self.inner.store.delete_policy(tenant, &policy.id)?;
            return Err(error);
        }
        self.record_change(tenant, Kind::PolicyChange, by, "policy-added", &policy.id)?;
        Ok(row)
    }

    /// Changes a policy row, if the whole still compiles with the change.
    ///
    /// # Errors
    /// As [`Self::insert_policy`], and when there is no such policy.
    pub fn update_policy(
        &self,
        tenant: &str,
        by: &str,
        id: &str,
        change: &PolicyChange,
    ) -> Result<Policy, RuntimeError> {
        let before = self.inner.store.policy(tenant, id)?;
        let row = self.inner.store.update_policy(tenant, id, change)?;
        if let Err(error) = self.inner.bundles.reload(tenant, &*self.inner.store) {
            let old = before.policy;
            self.inner.store.update_policy(
                tenant,
                id,
                &PolicyChange {
                    name: Some(old.name),
                    action_type: Some(old.action_type),
                    resource_pattern: Some(old.resource_pattern),
                    effect: Some(old.effect),
                    max_risk_milli: Some(old.max_risk_milli),
                    time_start: Some(old.time_start),
                    time_end: Some(old.time_end),
                    days: Some(old.days),
                    priority: Some(old.priority),
                    enabled: Some(before.enabled),
                },
            )?;
            return Err(error);
        }
        self.record_change(tenant, Kind::PolicyChange, by, "policy-changed", id)?;
        Ok(row)
    }

    /// Removes a policy row.
    ///
    /// # Errors
    /// When there is no such policy.
    pub fn delete_policy(&self, tenant: &str, by: &str, id: &str) -> Result<(), RuntimeError> {
        self.inner.store.delete_policy(tenant, id)?;
        self.inner.bundles.reload(tenant, &*self.inner.store)?;
        self.record_change(tenant, Kind::PolicyChange, by, "policy-removed", id)
    }

    /// Publishes a bundle's text, if the whole compiles with it.
    ///
    /// # Errors
    /// When it does not compile, or `expected` is not the revision in force.
    pub fn publish_bundle(
        &self,
        tenant: &str,
        by: &str,
        name: &str,
        text: &str,
        expected: Option<u64>,
    ) -> Result<(Bundle, Arc<Loaded>), RuntimeError> {
        let store = &*self.inner.store;
        self.inner.bundles.try_compile(
            tenant,
            store,
            Some(Source::new(name, text).in_layer(Layer::Team)),
            &store.policies(tenant)?,
        )?;
        let bundle = store.publish_bundle(tenant, name, text, by, expected, self.now())?;
        let loaded = self.inner.bundles.reload(tenant, store)?;
        self.record_change(tenant, Kind::PolicyChange, by, "bundle-published", name)?;
        Ok((bundle, loaded))
    }

    /// Replaces what every tenant has below its own; keeps the last good one when the new one does
    /// not compile.
    ///
    /// # Errors
    /// What does not compile.
    pub fn reload_base(&self, base: Vec<Source>, tenants: &[String]) -> Result<(), RuntimeError> {
        let before = self.inner.bundles.set_base(base);
        for tenant in tenants {
            if let Err(error) = self.inner.bundles.reload(tenant, &*self.inner.store) {
                self.inner.bundles.set_base(before);
                for tenant in tenants {
                    // The old base compiled before.
                    let _ = self.inner.bundles.reload(tenant, &*self.inner.store);
                }
                return Err(error);
            }
        }
        for tenant in tenants {
            self.record_change(
                tenant,
                Kind::PolicyChange,
                "operator",
                "base-reloaded",
                "base",
            )?;
        }
        Ok(())
    }

    /// Makes a tenant usable: its policies, agents and pauses.
    ///
    /// # Errors
    /// When the store fails or its policies do not compile.
    pub fn open_tenant(&self, tenant: &str) -> Result<(), RuntimeError> {
        let store = &*self.inner.store;
        self.inner.bundles.reload(tenant, store)?;
        let mut paused = Vec::new();
        self.inner
            .agents
            .load(store, tenant, |agent| paused.push(agent.to_owned()))?;
        for agent in paused {
            self.inner
                .memory
                .pause(tenant, &agent, true)
                .map_err(|e| RuntimeError::Conflict(e.to_string()))?;
        }
        if store.kill_switch(tenant)?.on {
            self.inner
                .memory
                .kill(tenant, true)
                .map_err(|e| RuntimeError::Conflict(e.to_string()))?;
        }
        Ok(())
    }

    /// Stops everything of a tenant, or lets it go on.
    ///
    /// # Errors
    /// When the store fails.
    pub fn set_kill_switch(
        &self,
        tenant: &str,
        by: &str,
        on: bool,
        reason: &str,
    ) -> Result<(), RuntimeError> {
        self.inner.store.set_kill_switch(
            tenant,
            &interlock_store::KillSwitch {
                on,
                reason: reason.to_owned(),
                by: by.to_owned(),
                at: self.now(),
            },
        )?;
        self.inner
            .memory
            .kill(tenant, on)
            .map_err(|e| RuntimeError::Conflict(e.to_string()))?;
        self.record_change(
            tenant,
            Kind::Kill,
            by,
            if on { "kill-on" } else { "kill-off" },
            tenant,
        )
    }
}
