//! What is configured of single agents: profiles and elevated credentials, as the hot path needs
//! them.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use interlock_core::program::glob::Glob;
use interlock_core::program::rule::{Profile, ProfileBudget};
use interlock_store::{Agent, AgentProfile, Store, StoreError};

/// What is configured of one agent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Configured {
    pub(crate) profile: Option<Profile>,
    pub(crate) elevated: bool,
}

/// All configured agents, by tenant and agent.
#[derive(Debug, Default)]
pub(crate) struct Agents(RwLock<HashMap<String, HashMap<String, Arc<Configured>>>>);

/// The compiled form of a stored profile.
pub(crate) fn compile(profile: &AgentProfile) -> Option<Profile> {
    let globs = |patterns: &Vec<String>| patterns.iter().map(|p| Glob::new(p)).collect::<Vec<_>>();
    (*profile != AgentProfile::default()).then(|| Profile {
        allowed_actions: profile.allowed_action_types.as_ref().map(globs),
        allowed_resources: profile.allowed_resources.as_ref().map(globs),
        blocked_resources: globs(&profile.blocked_resources),
        actions_per_minute: profile.max_actions_per_minute.map(i64::from),
        risk_max: profile
            .max_risk_milli
            .and_then(|milli| u8::try_from(milli / 10).ok()),
        budget: ProfileBudget {
            day_nano_usd: profile.budget_day_nano_usd,
            month_nano_usd: profile.budget_month_nano_usd,
        },
    })
}

impl Agents {
    /// The configuration of an agent, if there is any.
    pub(crate) fn get(&self, tenant: &str, agent: &str) -> Option<Arc<Configured>> {
        let agents = self.0.read().unwrap_or_else(PoisonError::into_inner);
        agents.get(tenant)?.get(agent).map(Arc::clone)
    }

    /// The agents of a tenant that are configured, in their order.
    pub(crate) fn names(&self, tenant: &str) -> Vec<String> {
        let agents = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let all = agents.get(tenant).into_iter().flat_map(HashMap::keys);
        let mut names: Vec<String> = all.cloned().collect();
        names.sort_unstable();
        names
    }

    /// Takes a stored agent in.
    pub(crate) fn set(&self, tenant: &str, agent: &Agent) {
        let configured = Configured {
            profile: compile(&agent.profile),
            elevated: agent.elevated,
        };
        let mut agents = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let tenant = agents.entry(tenant.to_owned()).or_default();
        if configured == Configured::default() {
            tenant.remove(&agent.agent_id);
        } else {
            tenant.insert(agent.agent_id.clone(), Arc::new(configured));
        }
    }

    /// Reads all agents of a tenant.
    pub(crate) fn load(
        &self,
        store: &dyn Store,
        tenant: &str,
        mut paused: impl FnMut(&str),
    ) -> Result<(), StoreError> {
        let mut after: Option<String> = None;
        loop {
            let page = store.agents(tenant, after.as_deref(), interlock_store::PAGE_ROWS_MAX)?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(last.agent_id.clone());
            for agent in &page {
                self.set(tenant, agent);
                if agent.paused {
                    paused(&agent.agent_id);
                }
            }
        }
    }
}
