//! Agents, policies, keys, settings and idempotency keys.

use interlock_core::model::UnixNanos;
use interlock_core::model::limits::RULES_MAX;

use super::{AgentEntry, MemoryStore, Result, Tables, key, of_tenant};
use crate::error::StoreError;
use crate::model::{
    Agent, AgentChange, AgentCounters, AgentProfile, BUNDLE_BYTES_MAX, Bundle, Epochs,
    IdempotencyRow, KeyRecord, KillSwitch, KillSwitchMode, MESSAGE_BYTES_MAX, NAME_BYTES_MAX,
    NewAgent, NewPolicy, Policy, PolicyChange, SETTING_BYTES_MAX, StoredKey, check_id, check_len,
    check_page,
};
use crate::traits::{
    AgentStore, IdempotencyStore, KeyStore, PolicyStore, PutIdempotency, SettingStore,
};

pub(super) fn fresh_agent(agent_id: &str, name: &str, now: UnixNanos) -> Agent {
    Agent {
        agent_id: agent_id.to_owned(),
        name: name.to_owned(),
        profile: AgentProfile::default(),
        paused: false,
        kill_switch_mode: KillSwitchMode::default(),
        elevated: false,
        created: now,
        counters: AgentCounters::default(),
    }
}

fn live<'a>(tables: &'a mut Tables, tenant: &str, agent_id: &str) -> Result<&'a mut AgentEntry> {
    tables
        .agents
        .get_mut(&key(tenant, agent_id))
        .filter(|entry| entry.live)
        .ok_or_else(|| StoreError::not_found("agent", agent_id))
}

impl AgentStore for MemoryStore {
    fn register_agent(&self, tenant: &str, agent: &NewAgent, now: UnixNanos) -> Result<Agent> {
        check_id("agent_id", &agent.agent_id)?;
        check_id("name", &agent.name)?;
        let mut tables = self.tables();
        let place = key(tenant, &agent.agent_id);
        let before = tables.agents.get(&place);
        if before.is_some_and(|entry| entry.live) {
            return Err(StoreError::exists("agent", &agent.agent_id));
        }
        let fresh = fresh_agent(&agent.agent_id, &agent.name, now);
        let forgotten = before.and_then(|entry| entry.forgotten);
        tables.agents.insert(
            place,
            AgentEntry {
                agent: fresh.clone(),
                live: true,
                forgotten,
            },
        );
        tables.epochs(tenant).control += 1;
        Ok(fresh)
    }

    fn agent(&self, tenant: &str, agent_id: &str) -> Result<Agent> {
        Ok(live(&mut self.tables(), tenant, agent_id)?.agent.clone())
    }

    fn agents(&self, tenant: &str, after: Option<&str>, limit: usize) -> Result<Vec<Agent>> {
        check_page(limit)?;
        let tables = self.tables();
        Ok(of_tenant(&tables.agents, tenant)
            .filter(|(id, entry)| entry.live && *id > after.unwrap_or(""))
            .take(limit)
            .map(|(_, entry)| entry.agent.clone())
            .collect())
    }

    fn update_agent(&self, tenant: &str, agent_id: &str, change: &AgentChange) -> Result<Agent> {
        if let Some(name) = &change.name {
            check_id("name", name)?;
        }
        let mut tables = self.tables();
        let agent = &mut live(&mut tables, tenant, agent_id)?.agent;
        if let Some(name) = &change.name {
            agent.name.clone_from(name);
        }
        agent.paused = change.paused.unwrap_or(agent.paused);
        agent.kill_switch_mode = change.kill_switch_mode.unwrap_or(agent.kill_switch_mode);
        agent.elevated = change.elevated.unwrap_or(agent.elevated);
        let agent = agent.clone();
        tables.epochs(tenant).control += 1;
        Ok(agent)
    }

    fn set_profile(&self, tenant: &str, agent_id: &str, profile: &AgentProfile) -> Result<Agent> {
        profile.check()?;
        let mut tables = self.tables();
        let agent = &mut live(&mut tables, tenant, agent_id)?.agent;
        agent.profile = profile.clone();
        let agent = agent.clone();
        tables.epochs(tenant).control += 1;
        Ok(agent)
    }

    fn delete_agent(&self, tenant: &str, agent_id: &str, now: UnixNanos) -> Result<()> {
        let mut tables = self.tables();
        let entry = live(&mut tables, tenant, agent_id)?;
        *entry = AgentEntry {
            agent: fresh_agent(agent_id, &entry.agent.name, entry.agent.created),
            live: false,
            forgotten: Some(now),
        };
        tables.epochs(tenant).control += 1;
        Ok(())
    }
}

impl PolicyStore for MemoryStore {
    fn insert_policy(&self, tenant: &str, policy: &NewPolicy, now: UnixNanos) -> Result<Policy> {
        policy.check()?;
        let mut tables = self.tables();
        let count = of_tenant(&tables.policies, tenant).count();
        if count >= RULES_MAX {
            return Err(StoreError::invalid(
                "policies",
                format!("are {count}, the limit is {RULES_MAX}"),
            ));
        }
        let place = key(tenant, &policy.id);
        if tables.policies.contains_key(&place) {
            return Err(StoreError::exists("policy", &policy.id));
        }
        let epochs = tables.epochs(tenant);
        epochs.policy += 1;
        let row = Policy {
            policy: policy.clone(),
            enabled: true,
            created: now,
            revision: epochs.policy,
        };
        tables.policies.insert(place, row.clone());
        Ok(row)
    }

    fn policy(&self, tenant: &str, id: &str) -> Result<Policy> {
        self.tables()
            .policies
            .get(&key(tenant, id))
            .cloned()
            .ok_or_else(|| StoreError::not_found("policy", id))
    }

    fn policies(&self, tenant: &str) -> Result<Vec<Policy>> {
        let tables = self.tables();
        let mut rows: Vec<Policy> = of_tenant(&tables.policies, tenant)
            .map(|(_, row)| row.clone())
            .collect();
        // Stable: within one priority the order of ids stays.
        rows.sort_by_key(|row| std::cmp::Reverse(row.policy.priority));
        Ok(rows)
    }

    fn update_policy(&self, tenant: &str, id: &str, change: &PolicyChange) -> Result<Policy> {
        let mut tables = self.tables();
        let place = key(tenant, id);
        let mut row = tables
            .policies
            .get(&place)
            .cloned()
            .ok_or_else(|| StoreError::not_found("policy", id))?;
        change.apply(&mut row)?;
        let epochs = tables.epochs(tenant);
        epochs.policy += 1;
        row.revision = epochs.policy;
        tables.policies.insert(place, row.clone());
        Ok(row)
    }

    fn delete_policy(&self, tenant: &str, id: &str) -> Result<()> {
        let mut tables = self.tables();
        tables
            .policies
            .remove(&key(tenant, id))
            .ok_or_else(|| StoreError::not_found("policy", id))?;
        tables.epochs(tenant).policy += 1;
        Ok(())
    }

    fn publish_bundle(
        &self,
        tenant: &str,
        name: &str,
        text: &str,
        author: &str,
        expected: Option<u64>,
        now: UnixNanos,
    ) -> Result<Bundle> {
        check_id("name", name)?;
        check_id("author", author)?;
        check_len("text", text, BUNDLE_BYTES_MAX)?;
        let mut tables = self.tables();
        let epochs = tables.epochs(tenant);
        if let Some(expected) = expected.filter(|expected| *expected != epochs.policy) {
            return Err(StoreError::Version {
                what: "policies",
                id: tenant.to_owned(),
                expected,
                found: epochs.policy,
            });
        }
        epochs.policy += 1;
        let bundle = Bundle {
            name: name.to_owned(),
            revision: epochs.policy,
            text: text.to_owned(),
            author: author.to_owned(),
            created: now,
        };
        tables.bundles.insert(
            (tenant.to_owned(), name.to_owned(), bundle.revision),
            bundle.clone(),
        );
        Ok(bundle)
    }

    fn bundle(&self, tenant: &str, name: &str, revision: Option<u64>) -> Result<Bundle> {
        let tables = self.tables();
        tables
            .bundles
            .range(
                (tenant.to_owned(), name.to_owned(), 0)
                    ..=(tenant.to_owned(), name.to_owned(), u64::MAX),
            )
            .rev()
            .map(|(_, bundle)| bundle)
            .find(|bundle| revision.is_none_or(|n| n == bundle.revision))
            .cloned()
            .ok_or_else(|| StoreError::not_found("bundle", name))
    }

    fn bundles(&self, tenant: &str) -> Result<Vec<Bundle>> {
        let tables = self.tables();
        let mut latest: Vec<Bundle> = Vec::new();
        let rows = tables
            .bundles
            .range((tenant.to_owned(), String::new(), 0)..)
            .take_while(|((t, _, _), _)| t == tenant);
        for (_, bundle) in rows {
            match latest.last_mut() {
                Some(last) if last.name == bundle.name => *last = bundle.clone(),
                _ => latest.push(bundle.clone()),
            }
        }
        Ok(latest)
    }

    fn bundle_history(
        &self,
        tenant: &str,
        name: &str,
        limit: usize,
    ) -> Result<Vec<(u64, String, UnixNanos)>> {
        check_page(limit)?;
        let tables = self.tables();
        Ok(tables
            .bundles
            .range(
                (tenant.to_owned(), name.to_owned(), 0)
                    ..=(tenant.to_owned(), name.to_owned(), u64::MAX),
            )
            .rev()
            .take(limit)
            .map(|(_, b)| (b.revision, b.author.clone(), b.created))
            .collect())
    }
}

fn insert_key(tables: &mut Tables, key: &KeyRecord, hash: &[u8; 32]) -> Result<()> {
    if tables.keys.contains_key(&key.id) {
        return Err(StoreError::exists("key", &key.id));
    }
    let stored = StoredKey {
        record: key.clone(),
        hash: *hash,
        previous: None,
        login: None,
    };
    tables.keys.insert(key.id.clone(), stored);
    tables.epochs(&key.tenant).keys += 1;
    Ok(())
}

impl KeyStore for MemoryStore {
    fn insert_key(&self, key: &KeyRecord, secret_hash: &[u8; 32]) -> Result<()> {
        insert_key(&mut self.tables(), key, secret_hash)
    }

    fn insert_first_key(&self, key: &KeyRecord, secret_hash: &[u8; 32]) -> Result<bool> {
        let mut tables = self.tables();
        if tables.keys.values().any(|k| k.record.tenant == key.tenant) {
            return Ok(false);
        }
        insert_key(&mut tables, key, secret_hash)?;
        Ok(true)
    }

    fn key_for_authentication(&self, id: &str) -> Result<Option<StoredKey>> {
        let tables = self.tables();
        let Some(mut stored) = tables.keys.get(id).cloned() else {
            return Ok(None);
        };
        if let Some(user) = &stored.record.user_id {
            stored.login = tables
                .users
                .get(&key(&stored.record.tenant, user))
                .map(|account| &account.user)
                .filter(|user| user.disabled.is_none() && user.role == stored.record.role)
                .map(|user| user.login.clone());
        }
        Ok(Some(stored))
    }

    fn keys(&self, tenant: &str) -> Result<Vec<KeyRecord>> {
        let tables = self.tables();
        let mut keys: Vec<KeyRecord> = tables
            .keys
            .values()
            .filter(|k| k.record.tenant == tenant)
            .map(|k| k.record.clone())
            .collect();
        keys.sort_by_key(|k| k.created);
        Ok(keys)
    }

    fn revoke_key(&self, tenant: &str, id: &str, now: UnixNanos) -> Result<KeyRecord> {
        let mut tables = self.tables();
        let stored = tables
            .keys
            .get_mut(id)
            .filter(|k| k.record.tenant == tenant)
            .ok_or_else(|| StoreError::not_found("key", id))?;
        stored.record.revoked.get_or_insert(now);
        let key = stored.record.clone();
        tables.epochs(tenant).keys += 1;
        Ok(key)
    }

    fn rotate_key(
        &self,
        tenant: &str,
        id: &str,
        secret_hash: &[u8; 32],
        expires: Option<UnixNanos>,
        previous_until: UnixNanos,
    ) -> Result<KeyRecord> {
        let mut tables = self.tables();
        let stored = tables
            .keys
            .get_mut(id)
            .filter(|k| k.record.tenant == tenant && k.record.revoked.is_none())
            .ok_or_else(|| StoreError::not_found("key", id))?;
        stored.previous = Some(std::mem::replace(&mut stored.hash, *secret_hash));
        stored.record.expires = expires;
        stored.record.previous_until = Some(previous_until);
        let key = stored.record.clone();
        tables.epochs(tenant).keys += 1;
        Ok(key)
    }

    fn touch_keys(&self, used: &[(String, UnixNanos)]) -> Result<()> {
        let mut tables = self.tables();
        for (id, at) in used {
            if let Some(stored) = tables.keys.get_mut(id) {
                stored.record.last_used = stored.record.last_used.max(Some(*at));
            }
        }
        Ok(())
    }
}

impl SettingStore for MemoryStore {
    fn kill_switch(&self, tenant: &str) -> Result<KillSwitch> {
        Ok(self
            .tables()
            .kill_switches
            .get(tenant)
            .cloned()
            .unwrap_or_default())
    }

    fn set_kill_switch(&self, tenant: &str, switch: &KillSwitch) -> Result<()> {
        check_len("reason", &switch.reason, MESSAGE_BYTES_MAX)?;
        check_len("by", &switch.by, NAME_BYTES_MAX)?;
        let mut tables = self.tables();
        tables
            .kill_switches
            .insert(tenant.to_owned(), switch.clone());
        tables.epochs(tenant).control += 1;
        Ok(())
    }

    fn setting(&self, tenant: &str, name: &str) -> Result<Option<String>> {
        Ok(self.tables().settings.get(&key(tenant, name)).cloned())
    }

    fn set_setting(&self, tenant: &str, name: &str, value: Option<&str>) -> Result<()> {
        check_id("name", name)?;
        check_len("value", value.unwrap_or_default(), SETTING_BYTES_MAX)?;
        let mut tables = self.tables();
        match value {
            Some(value) => tables.settings.insert(key(tenant, name), value.to_owned()),
            None => tables.settings.remove(&key(tenant, name)),
        };
        tables.epochs(tenant).control += 1;
        Ok(())
    }

    fn epochs(&self, tenant: &str) -> Result<Epochs> {
        Ok(self
            .tables()
            .epochs
            .get(tenant)
            .copied()
            .unwrap_or_default())
    }
}

/// Keeps an answer if the key is free, else tells which one was given.
pub(super) fn put_idempotency(
    tables: &mut Tables,
    tenant: &str,
    row: &IdempotencyRow,
    now: UnixNanos,
) -> PutIdempotency {
    let place = key(tenant, &row.key);
    match tables.idempotency.get(&place) {
        Some(found) if found.expires > now => PutIdempotency::Found(found.clone()),
        _ => {
            tables.idempotency.insert(place, row.clone());
            PutIdempotency::Stored
        }
    }
}

impl IdempotencyStore for MemoryStore {
    fn idempotency(
        &self,
        tenant: &str,
        name: &str,
        now: UnixNanos,
    ) -> Result<Option<IdempotencyRow>> {
        Ok(self
            .tables()
            .idempotency
            .get(&key(tenant, name))
            .filter(|row| row.expires > now)
            .cloned())
    }

    fn put_idempotency(
        &self,
        tenant: &str,
        row: &IdempotencyRow,
        now: UnixNanos,
    ) -> Result<PutIdempotency> {
        row.check()?;
        Ok(put_idempotency(&mut self.tables(), tenant, row, now))
    }

    fn purge_idempotency(&self, now: UnixNanos) -> Result<u64> {
        let mut tables = self.tables();
        let before = tables.idempotency.len();
        tables.idempotency.retain(|_, row| row.expires > now);
        Ok((before - tables.idempotency.len()) as u64)
    }
}
