//! All agents and sessions, bounded, and the switches that stop them.
//!
//! Agents are independent of each other: a runtime may keep several [`AgentTable`]s, each behind
//! its own lock. Sessions may be shared by agents and have a table of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::agent::{AgentState, OutcomeSummary};
use super::codec::{Codec, codec};
use super::footprint::Footprint;
use super::ledger::Ledger;
use super::readings::{Readings, StateFacts};
use super::session::Session;
use super::taint::Taint;
use crate::model::Effect;

/// Agents remembered by default.
pub const AGENTS_MAX: usize = 10_000;
/// Sessions remembered by default.
pub const SESSIONS_MAX: usize = 20_000;
/// Tenants and agents that can be stopped by name.
pub const SWITCHES_MAX: usize = 10_000;

/// The version of the snapshot format.
const SNAPSHOT_VERSION: u16 = 2;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Slot<V> {
    used: u64,
    value: Box<V>,
}

impl<V: Codec> Codec for Slot<V> {
    fn put(&self, out: &mut Vec<u8>) {
        self.used.put(out);
        self.value.put(out);
    }
    fn take(from: &mut &[u8]) -> Option<Self> {
        Some(Self {
            used: u64::take(from)?,
            value: <Box<V> as Codec>::take(from)?,
        })
    }
}

/// A bounded map of (tenant, name); what was not used for longest is forgotten. Keyed by the full
/// names: no agent can choose a name that meets another's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table<V> {
    tenants: BTreeMap<Box<str>, BTreeMap<Box<str>, Slot<V>>>,
    len: u64,
    uses: u64,
    max: u64,
}

impl<V: Codec> Codec for Table<V> {
    fn put(&self, out: &mut Vec<u8>) {
        self.tenants.put(out);
        self.len.put(out);
        self.uses.put(out);
        self.max.put(out);
    }
    fn take(from: &mut &[u8]) -> Option<Self> {
        Some(Self {
            tenants: BTreeMap::take(from)?,
            len: u64::take(from)?,
            uses: u64::take(from)?,
            max: u64::take(from)?,
        })
    }
}

fn table_bytes<V: Codec>(table: &Table<V>) -> Vec<u8> {
    let mut out = Vec::new();
    SNAPSHOT_VERSION.put(&mut out);
    table.put(&mut out);
    out
}

fn table_of<V: Codec>(bytes: &[u8]) -> Result<Table<V>, SnapshotError> {
    let table: Table<V> = versioned(bytes)?;
    let entries: u64 = table.tenants.values().map(|n| n.len() as u64).sum();
    if table.len == entries && table.len <= table.max {
        Ok(table)
    } else {
        Err(SnapshotError::Damaged)
    }
}

/// What follows the version of a snapshot, to its last byte.
fn versioned<T: Codec>(bytes: &[u8]) -> Result<T, SnapshotError> {
    let mut from = bytes;
    match u16::take(&mut from) {
        Some(SNAPSHOT_VERSION) => {}
        Some(version) => return Err(SnapshotError::Version(version)),
        None => return Err(SnapshotError::Damaged),
    }
    let value = T::take(&mut from).ok_or(SnapshotError::Damaged)?;
    if from.is_empty() {
        Ok(value)
    } else {
        Err(SnapshotError::Damaged)
    }
}

/// The agents of one shard.
pub type AgentTable = Table<AgentState>;
/// The sessions of one shard.
pub type SessionTable = Table<Session>;

impl<V: Default> Table<V> {
    /// An empty table of at most `max` entries, at least 16.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self {
            tenants: BTreeMap::new(),
            len: 0,
            uses: 0,
            max: max.max(16) as u64,
        }
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::try_from(self.len).unwrap_or(usize::MAX)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The entry, if it is there.
    #[must_use]
    pub fn get(&self, tenant: &str, name: &str) -> Option<&V> {
        Some(&self.tenants.get(tenant)?.get(name)?.value)
    }

    /// The entry, used now, if it is there.
    pub fn get_mut(&mut self, tenant: &str, name: &str) -> Option<&mut V> {
        let slot = self.tenants.get_mut(tenant)?.get_mut(name)?;
        self.uses = self.uses.saturating_add(1);
        slot.used = self.uses;
        Some(&mut slot.value)
    }

    /// Runs `f` on the entry, which is made when it is not there, and used now.
    pub fn with<T>(&mut self, tenant: &str, name: &str, f: impl FnOnce(&mut V) -> T) -> T {
        if let Some(value) = self.get_mut(tenant, name) {
            return f(value);
        }
        if self.len >= self.max {
            self.evict();
        }
        self.uses = self.uses.saturating_add(1);
        let mut value = Box::<V>::default();
        let answer = f(&mut value);
        let used = self.uses;
        self.tenants
            .entry(tenant.into())
            .or_default()
            .insert(name.into(), Slot { used, value });
        self.len = self.len.saturating_add(1);
        answer
    }

    /// Forgets the sixteenth that was not used for longest, so that a flood of names pays for one
    /// look at the table per many.
    fn evict(&mut self) {
        let mut used: Vec<u64> = self
            .tenants
            .values()
            .flat_map(BTreeMap::values)
            .map(|slot| slot.used)
            .collect();
        used.sort_unstable();
        let Some(last_to_go) = used.get(used.len() / 16).copied() else {
            return;
        };
        for names in self.tenants.values_mut() {
            names.retain(|_, slot| slot.used > last_to_go);
        }
        self.tenants.retain(|_, names| !names.is_empty());
        self.len = self.tenants.values().map(|n| n.len() as u64).sum();
    }

    /// Runs `f` on every entry in order of their names.
    pub fn for_each(&mut self, mut f: impl FnMut(&str, &str, &mut V)) {
        for (tenant, names) in &mut self.tenants {
            for (name, slot) in names {
                f(tenant, name, &mut slot.value);
            }
        }
    }
}

impl Table<AgentState> {
    /// [`AgentState::reserve`] for the footprint's agent.
    pub fn reserve(&mut self, footprint: &Footprint, now: i64) -> Readings {
        self.with(&footprint.tenant, &footprint.agent, |agent| {
            agent.reserve(footprint, now)
        })
    }

    /// [`AgentState::conclude`] for the footprint's agent.
    pub fn conclude(&mut self, footprint: &Footprint, effect: Effect, now: i64) -> bool {
        self.get_mut(&footprint.tenant, &footprint.agent)
            .is_some_and(|agent| agent.conclude(footprint, effect, now))
    }

    /// [`AgentState::expire`] for every agent: tenant, agent and the actions whose outcome became
    /// unknown.
    pub fn expire(&mut self, now: i64) -> Vec<(Box<str>, Box<str>, u128)> {
        let mut unknown = Vec::new();
        self.for_each(|tenant, name, agent| {
            for id in agent.expire(now) {
                unknown.push((tenant.into(), name.into(), id));
            }
        });
        unknown
    }

    /// [`AgentState::expire`], agent by agent in the order of their names, until `actions_max`
    /// outcomes became unknown: for a caller that holds a lock and comes again. Answers how many
    /// did, which is less than `actions_max` when nothing is left.
    pub fn expire_some(&mut self, now: i64, actions_max: usize) -> usize {
        let mut unknown = 0;
        let agents = self.tenants.values_mut().flat_map(BTreeMap::values_mut);
        for slot in agents {
            if unknown >= actions_max {
                break;
            }
            unknown = unknown.saturating_add(slot.value.expire(now).len());
        }
        unknown
    }

    /// The snapshot of this table; equal tables have equal bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        table_bytes(self)
    }

    /// Reads a snapshot of a table of agents.
    ///
    /// # Errors
    /// When it is of another version (fold the journal instead) or damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SnapshotError> {
        table_of(bytes)
    }
}

impl Table<Session> {
    /// The snapshot of this table; equal tables have equal bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        table_bytes(self)
    }

    /// Reads a snapshot of a table of sessions.
    ///
    /// # Errors
    /// When it is of another version (fold the journal instead) or damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SnapshotError> {
        table_of(bytes)
    }

    /// Adds what the footprint's session says, as it was before the action.
    pub fn read(&self, footprint: &Footprint, out: &mut StateFacts) {
        if let Some(session) = self.get(&footprint.tenant, &footprint.session) {
            session.read(footprint, out);
        }
    }

    /// [`Session::conclude`] for the footprint's session, if it has one.
    pub fn conclude(&mut self, footprint: &Footprint, effect: Effect) {
        if !footprint.session.is_empty() && effect.permits() {
            self.with(&footprint.tenant, &footprint.session, |session| {
                session.conclude(footprint, effect);
            });
        }
    }

    /// Adds what a result brought into a session.
    pub fn taint(&mut self, tenant: &str, session: &str, taint: &Taint) {
        if !session.is_empty() {
            self.with(tenant, session, |s| s.taint(taint));
        }
    }
}

/// The switches that stop everything, a tenant, or one agent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Switches {
    kill: bool,
    killed: BTreeSet<Box<str>>,
    paused: BTreeSet<(Box<str>, Box<str>)>,
}
codec!(Switches {
    kill,
    killed,
    paused
});

/// There are too many switches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SwitchesFull;

impl fmt::Display for SwitchesFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "more than {SWITCHES_MAX} agents or tenants are stopped by name"
        )
    }
}

impl std::error::Error for SwitchesFull {}

impl Switches {
    /// Stops everything, or lets it go on.
    pub fn kill_all(&mut self, on: bool) {
        self.kill = on;
    }

    /// Stops a tenant, or lets it go on.
    ///
    /// # Errors
    /// When [`SWITCHES_MAX`] are on.
    pub fn kill_tenant(&mut self, tenant: &str, on: bool) -> Result<(), SwitchesFull> {
        if !on {
            self.killed.remove(tenant);
        } else if !self.killed.contains(tenant) {
            if self.killed.len() >= SWITCHES_MAX {
                return Err(SwitchesFull);
            }
            self.killed.insert(tenant.into());
        }
        Ok(())
    }

    /// Pauses an agent, or lets it go on.
    ///
    /// # Errors
    /// When [`SWITCHES_MAX`] are on.
    pub fn pause(&mut self, tenant: &str, agent: &str, on: bool) -> Result<(), SwitchesFull> {
        let key = (Box::<str>::from(tenant), Box::<str>::from(agent));
        if !on {
            self.paused.remove(&key);
        } else if !self.paused.contains(&key) {
            if self.paused.len() >= SWITCHES_MAX {
                return Err(SwitchesFull);
            }
            self.paused.insert(key);
        }
        Ok(())
    }

    /// Whether a tenant is stopped.
    #[must_use]
    pub fn stopped(&self, tenant: &str) -> bool {
        self.kill || self.killed.contains(tenant)
    }

    /// The agents of a tenant that are paused, in their order.
    pub fn paused<'a>(&'a self, tenant: &'a str) -> impl Iterator<Item = &'a str> {
        let of = self.paused.iter().filter(move |(t, _)| &**t == tenant);
        of.map(|(_, agent)| &**agent)
    }

    /// Writes the readings.
    pub fn read(&self, footprint: &Footprint, out: &mut StateFacts) {
        out.kill_switch = self.kill || self.killed.contains(footprint.tenant.as_str());
        out.agent_paused = !self.paused.is_empty()
            && self.paused.contains(&(
                footprint.tenant.as_str().into(),
                footprint.agent.as_str().into(),
            ));
    }
}

/// Agents, sessions and switches in one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateStore {
    /// The agents.
    pub agents: AgentTable,
    /// The sessions.
    pub sessions: SessionTable,
    /// The switches.
    pub switches: Switches,
    /// The budgets that span agents.
    pub ledger: Ledger,
}
codec!(StateStore {
    agents,
    sessions,
    switches,
    ledger
});

impl Default for StateStore {
    fn default() -> Self {
        Self::new(AGENTS_MAX, SESSIONS_MAX)
    }
}

impl StateStore {
    /// An empty store.
    #[must_use]
    pub fn new(agents_max: usize, sessions_max: usize) -> Self {
        Self {
            agents: Table::new(agents_max),
            sessions: Table::new(sessions_max),
            switches: Switches::default(),
            ledger: Ledger::default(),
        }
    }

    /// Charges an action and answers everything that its decision reads.
    pub fn reserve(&mut self, footprint: &Footprint, now: i64) -> Readings {
        let mut readings = self.agents.reserve(footprint, now);
        readings.ledger = self.ledger.reserve(footprint, now);
        self.sessions.read(footprint, &mut readings.state);
        self.switches.read(footprint, &mut readings.state);
        readings
    }

    /// Takes a decision in; see [`AgentState::conclude`].
    pub fn conclude(&mut self, footprint: &Footprint, effect: Effect, now: i64) -> bool {
        self.ledger.conclude(footprint, effect, now);
        let held = self.agents.conclude(footprint, effect, now);
        if held {
            self.sessions.conclude(footprint, effect);
        }
        held
    }

    /// Takes an outcome in; see [`AgentState::settle`].
    pub fn settle(
        &mut self,
        tenant: &str,
        agent: &str,
        id: u128,
        outcome: &OutcomeSummary,
        now: i64,
    ) -> bool {
        self.ledger.settle(tenant, id, outcome, now);
        self.agents
            .get_mut(tenant, agent)
            .is_some_and(|a| a.settle(id, outcome, now))
    }

    /// Gives a reservation back; see [`AgentState::cancel`].
    pub fn cancel(&mut self, tenant: &str, agent: &str, id: u128, now: i64) -> bool {
        self.ledger.cancel(tenant, id, now);
        self.agents
            .get_mut(tenant, agent)
            .is_some_and(|a| a.cancel(id, now))
    }

    /// Counts an approval that a person gave to an agent.
    pub fn approved(&mut self, tenant: &str, agent: &str, now: i64) {
        self.agents.with(tenant, agent, |a| a.approved(now));
    }

    /// Replays the record of a decision: the same functions, at the recorded times.
    pub fn fold_decision(&mut self, footprint: &Footprint, effect: Effect, concluded_at: i64) {
        self.reserve(footprint, footprint.at);
        self.conclude(footprint, effect, concluded_at);
    }

    /// The snapshot; equal states have equal bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        SNAPSHOT_VERSION.put(&mut out);
        self.put(&mut out);
        out
    }

    /// Reads a snapshot.
    ///
    /// # Errors
    /// When it is of another version (fold the journal instead) or damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SnapshotError> {
        versioned(bytes)
    }
}

/// Why a snapshot was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotError {
    /// It is of that version.
    Version(u16),
    /// It does not end where it should, or holds what no snapshot holds.
    Damaged,
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => write!(
                f,
                "state snapshot is of version {version}, this program reads version {SNAPSHOT_VERSION}"
            ),
            Self::Damaged => f.write_str("state snapshot is damaged"),
        }
    }
}

impl std::error::Error for SnapshotError {}
