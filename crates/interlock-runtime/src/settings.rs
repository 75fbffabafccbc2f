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
use crate::{Inner, Runtime, rfc3339};

/// What an agent has spent of its budgets, in billionths of a US dollar; what is in flight counts
/// with its estimate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spending {
    /// In the day so far, UTC.
    pub day_nano_usd: i64,
    /// In the month so far, UTC.
    pub month_nano_usd: i64,
}

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

    /// Writes into the record that something changed about who may sign in, or that somebody did.
    /// `what` says it in a word, such as `session-begun-password`; no secret is in it.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub fn record_identity(
        &self,
        tenant: &str,
        by: &str,
        what: &str,
        id: &str,
    ) -> Result<(), RuntimeError> {
        self.record_change(tenant, Kind::ConfigChange, by, what, id)
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
    /// When there is no such agent, or the change cannot be recorded: a pause holds all the same.
    pub fn update_agent(
        &self,
        tenant: &str,
        by: &str,
        agent_id: &str,
        change: &AgentChange,
    ) -> Result<Agent, RuntimeError> {
        let record =
            || self.record_change(tenant, Kind::ConfigChange, by, "agent-changed", agent_id);
        let store = &self.inner.store;
        // A stop holds before it is on record, its end only after: whatever fails between the two
        // leaves the agent stopped. The same goes for the kill switch.
        let resumes = change.paused == Some(false);
        if resumes {
            store.agent(tenant, agent_id)?;
            record()?;
        }
        let row = store.update_agent(tenant, agent_id, change)?;
        self.inner.agents.set(tenant, &row);
        let set = |by_server: bool| {
            let paused = row.paused || by_server;
            self.inner.memory.pause(tenant, agent_id, paused)
        };
        match &self.inner.connection {
            Some(connection) => connection.with_paused(agent_id, set),
            None => set(false),
        }
        .map_err(|e| RuntimeError::Conflict(e.to_string()))?;
        if !resumes {
            record()?;
        }
        Ok(row)
    }

    /// Stops an agent, which is registered if it is not known yet: everything that it asks for is
    /// denied until somebody ends the pause.
    ///
    /// # Errors
    /// When the pause cannot be stored or recorded.
    pub fn pause_agent(&self, tenant: &str, by: &str, agent_id: &str) -> Result<(), RuntimeError> {
        let change = AgentChange {
            paused: Some(true),
            ..AgentChange::default()
        };
        match self.update_agent(tenant, by, agent_id, &change) {
            Err(RuntimeError::Store(error)) if error.is_not_found() => {}
            other => return other.map(drop),
        }
        let new = NewAgent {
            agent_id: agent_id.to_owned(),
            name: agent_id.to_owned(),
        };
        match self.inner.store.register_agent(tenant, &new, self.now()) {
            // Its first action registers it as well.
            Ok(_) | Err(StoreError::Exists { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        self.update_agent(tenant, by, agent_id, &change).map(drop)
    }

    /// Forgets an agent and its profile; what it did stays on record. It is back with its next
    /// action.
    ///
    /// # Errors
    /// When there is no such agent, or the change cannot be recorded.
    pub fn delete_agent(&self, tenant: &str, by: &str, agent_id: &str) -> Result<(), RuntimeError> {
        let store = &self.inner.store;
        let mut row = store.agent(tenant, agent_id)?;
        store.delete_agent(tenant, agent_id, self.now())?;
        row.profile = AgentProfile::default();
        row.elevated = false;
        self.inner.agents.set(tenant, &row);
        self.inner
            .memory
            .pause(tenant, agent_id, false)
            .map_err(|e| RuntimeError::Conflict(e.to_string()))?;
        self.record_change(tenant, Kind::ConfigChange, by, "agent-deleted", agent_id)
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

    /// What an agent has spent of its own budgets; nothing is counted for an agent that has none.
    #[must_use]
    pub fn spending(&self, tenant: &str, agent_id: &str) -> Spending {
        let (day, month) = self.inner.memory.spent(tenant, agent_id, self.now());
        Spending {
            day_nano_usd: day,
            month_nano_usd: month,
        }
    }

    /// Adds a policy row, if the whole still compiles with it.
    ///
    /// Rows are compiled before they are stored, here and below: whenever the process ends, what is
    /// stored compiles, and the next start finds policies that it can put in force.
    ///
    /// # Errors
    /// When it does not compile, or a field is out of its limits.
    pub fn insert_policy(
        &self,
        tenant: &str,
        by: &str,
        policy: &NewPolicy,
    ) -> Result<Policy, RuntimeError> {
        let Inner { store, bundles, .. } = &*self.inner;
        policy.check()?;
        let row = {
            let _one = bundles.editing();
            let mut rows = store.policies(tenant)?;
            // One that exists is the store's to refuse.
            if rows.iter().all(|row| row.policy.id != policy.id) {
                rows.push(Policy {
                    policy: policy.clone(),
                    enabled: true,
                    created: self.now(),
                    revision: 0,
                });
                bundles.try_compile(tenant, &**store, None, &rows)?;
            }
            let row = store.insert_policy(tenant, policy, self.now())?;
            bundles.reload(tenant, &**store)?;
            row
        };
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
        let Inner { store, bundles, .. } = &*self.inner;
        let row = {
            let _one = bundles.editing();
            let mut rows = store.policies(tenant)?;
            if let Some(row) = rows.iter_mut().find(|row| row.policy.id == id) {
                change.apply(row)?;
                bundles.try_compile(tenant, &**store, None, &rows)?;
            }
            let row = store.update_policy(tenant, id, change)?;
            bundles.reload(tenant, &**store)?;
            row
        };
        self.record_change(tenant, Kind::PolicyChange, by, "policy-changed", id)?;
        Ok(row)
    }

    /// Removes a policy row, if the whole still compiles without it.
    ///
    /// # Errors
    /// When it does not, or there is no such policy.
    pub fn delete_policy(&self, tenant: &str, by: &str, id: &str) -> Result<(), RuntimeError> {
        let Inner { store, bundles, .. } = &*self.inner;
        {
            let _one = bundles.editing();
            let mut rows = store.policies(tenant)?;
            rows.retain(|row| row.policy.id != id);
            bundles.try_compile(tenant, &**store, None, &rows)?;
            store.delete_policy(tenant, id)?;
            bundles.reload(tenant, &**store)?;
        }
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
        let one = self.inner.bundles.editing();
        self.inner.bundles.try_compile(
            tenant,
            store,
            Some(Source::new(name, text).in_layer(Layer::Team)),
            &store.policies(tenant)?,
        )?;
        let bundle = store.publish_bundle(tenant, name, text, by, expected, self.now())?;
        let loaded = self.inner.bundles.reload(tenant, store)?;
        drop(one);
        self.record_change(tenant, Kind::PolicyChange, by, "bundle-published", name)?;
        Ok((bundle, loaded))
    }

    /// Publishes the text that a bundle had at an earlier revision as a new one.
    ///
    /// # Errors
    /// As [`Self::publish_bundle`], and when there is no such revision.
    pub fn revert_bundle(
        &self,
        tenant: &str,
        by: &str,
        name: &str,
        revision: u64,
        expected: Option<u64>,
    ) -> Result<(Bundle, Arc<Loaded>), RuntimeError> {
        let old = self.inner.store.bundle(tenant, name, Some(revision))?;
        self.publish_bundle(tenant, by, name, &old.text, expected)
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
        self.load_rollbacks(tenant)?;
        self.load_tool_stops(tenant)?;
        self.load_responses(tenant)?;
        self.load_budgets(tenant)?;
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
    /// When the store fails, or the change cannot be recorded: a stop holds all the same.
    pub fn set_kill_switch(
        &self,
        tenant: &str,
        by: &str,
        on: bool,
        reason: &str,
    ) -> Result<(), RuntimeError> {
        let what = if on { "kill-on" } else { "kill-off" };
        let record = || self.record_change(tenant, Kind::Kill, by, what, tenant);
        if !on {
            record()?;
        }
        self.inner.store.set_kill_switch(
            tenant,
            &interlock_store::KillSwitch {
                on,
                reason: reason.to_owned(),
                by: by.to_owned(),
                at: self.now(),
            },
        )?;
        let set = |by_server: bool| self.inner.memory.kill(tenant, on || by_server);
        match &self.inner.connection {
            Some(connection) => connection.with_kill(set),
            None => set(false),
        }
        .map_err(|e| RuntimeError::Conflict(e.to_string()))?;
        if on { record() } else { Ok(()) }
    }
}
