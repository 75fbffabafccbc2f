//! The state of all agents in memory, behind locks that no stage of the pipeline holds across
//! another.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use interlock_core::model::{Effect, UnixNanos};
use interlock_core::program::rule::ProfileBudget;
use interlock_core::state::{
    AGENTS_MAX, AgentTable, BudgetPeriod, CounterKey, CounterUse, Crossing, Footprint, Ledger,
    OutcomeSummary, Readings, SESSIONS_MAX, SessionTable, StableHash, Switches, SwitchesFull,
    Taint,
};

/// Locks that agents are spread over.
const SHARDS: usize = 16;
/// Outcomes that become unknown under one lock.
const EXPIRE_MAX: usize = 256;

/// The state.
#[derive(Debug)]
pub(crate) struct Memory {
    agents: Vec<Mutex<AgentTable>>,
    sessions: Mutex<SessionTable>,
    switches: RwLock<Switches>,
    /// Budgets span agents, so they are in no shard. Its lock is taken after that of the shard was
    /// given back, and by actions that draw on such a budget alone.
    ledger: Mutex<Ledger>,
    /// Whether the ledger holds anything: without budgets an outcome does not ask it.
    charged: AtomicBool,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Memory {
    /// How many parts of a snapshot the state is: the shards of the agents, the sessions, and the
    /// ledger.
    pub(crate) const PARTS: usize = SHARDS + 2;

    pub(crate) fn new() -> Self {
        Self {
            agents: (0..SHARDS)
                .map(|_| Mutex::new(AgentTable::new(AGENTS_MAX / SHARDS)))
                .collect(),
            sessions: Mutex::new(SessionTable::new(SESSIONS_MAX)),
            switches: RwLock::default(),
            ledger: Mutex::default(),
            charged: AtomicBool::new(false),
        }
    }

    fn shard(&self, tenant: &str, agent: &str) -> MutexGuard<'_, AgentTable> {
        let hash = StableHash::new("shard").text(tenant).text(agent).finish();
        let at = usize::try_from(hash % SHARDS as u64).unwrap_or(0);
        // `at` is below the number of shards by construction.
        locked(self.agents.get(at).unwrap_or_else(|| &self.agents[0]))
    }

    /// Charges an action and answers what its decision reads.
    pub(crate) fn reserve(&self, footprint: &Footprint, now: UnixNanos) -> Readings {
        let mut readings = self
            .shard(&footprint.tenant, &footprint.agent)
            .reserve(footprint, now);
        if !footprint.session.is_empty() {
            locked(&self.sessions).read(footprint, &mut readings.state);
        }
        self.switches
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .read(footprint, &mut readings.state);
        if !footprint.ledger.is_empty() {
            self.charged.store(true, Ordering::Release);
            readings.ledger = locked(&self.ledger).reserve(footprint, now);
        }
        readings
    }

    /// Takes a decision in.
    pub(crate) fn conclude(&self, footprint: &Footprint, effect: Effect, now: UnixNanos) {
        let held = self
            .shard(&footprint.tenant, &footprint.agent)
            .conclude(footprint, effect, now);
        if held {
            locked(&self.sessions).conclude(footprint, effect);
        }
        if !footprint.ledger.is_empty() {
            locked(&self.ledger).conclude(footprint, effect, now);
        }
    }

    /// Gives a reservation back.
    pub(crate) fn cancel(&self, footprint: &Footprint, now: UnixNanos) {
        if !footprint.ledger.is_empty() {
            locked(&self.ledger).cancel(&footprint.tenant, footprint.id, now);
        }
        if let Some(agent) = self
            .shard(&footprint.tenant, &footprint.agent)
            .get_mut(&footprint.tenant, &footprint.agent)
        {
            agent.cancel(footprint.id, now);
        }
    }

    /// Takes an outcome in.
    pub(crate) fn settle(
        &self,
        tenant: &str,
        agent: &str,
        id: u128,
        outcome: &OutcomeSummary,
        now: UnixNanos,
    ) -> bool {
        if self.charged.load(Ordering::Acquire) {
            locked(&self.ledger).settle(tenant, id, outcome, now);
        }
        self.shard(tenant, agent)
            .get_mut(tenant, agent)
            .is_some_and(|a| a.settle(id, outcome, now))
    }

    /// Counts an approval that a person gave.
    pub(crate) fn approved(&self, tenant: &str, agent: &str, now: UnixNanos) {
        self.shard(tenant, agent)
            .with(tenant, agent, |a| a.approved(now));
    }

    /// Adds what a result brought into a session.
    pub(crate) fn taint(&self, tenant: &str, session: &str, taint: &Taint) {
        locked(&self.sessions).taint(tenant, session, taint);
    }

    /// Pauses an agent, or lets it go on.
    pub(crate) fn pause(&self, tenant: &str, agent: &str, on: bool) -> Result<(), SwitchesFull> {
        self.switches
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .pause(tenant, agent, on)
    }

    /// Stops a tenant, or lets it go on.
    pub(crate) fn kill(&self, tenant: &str, on: bool) -> Result<(), SwitchesFull> {
        self.switches
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .kill_tenant(tenant, on)
    }

    /// Whether a tenant is stopped, and its agents that are paused.
    pub(crate) fn standing(&self, tenant: &str) -> (bool, Vec<String>) {
        let switches = self.switches.read().unwrap_or_else(PoisonError::into_inner);
        let paused = switches.paused(tenant).map(str::to_owned).collect();
        (switches.stopped(tenant), paused)
    }

    /// Ends what has been in flight for too long; answers how many outcomes became unknown.
    ///
    /// No lock is held for more than the agents of one shard and [`EXPIRE_MAX`] outcomes, give or
    /// take those of one agent; what is left waits for the next call.
    pub(crate) fn expire(&self, now: UnixNanos) -> usize {
        if self.charged.load(Ordering::Acquire) {
            locked(&self.ledger).expire(now, EXPIRE_MAX);
        }
        self.agents
            .iter()
            .map(|shard| locked(shard).expire_some(now, EXPIRE_MAX))
            .sum()
    }

    /// What an agent has spent of its own budgets, by the periods that `now` falls in: the day's and
    /// the month's, in billionths of a US dollar, what is in flight included.
    pub(crate) fn spent(&self, tenant: &str, agent: &str, now: UnixNanos) -> (i64, i64) {
        let key = ProfileBudget::key();
        let shard = self.shard(tenant, agent);
        shard.get(tenant, agent).map_or((0, 0), |state| {
            let used = |period| state.budgets().used_at(key, period, now);
            (used(BudgetPeriod::Day), used(BudgetPeriod::Month))
        })
    }

    /// What the budgets of a tenant stand at, by counter.
    pub(crate) fn ledger_use(&self, tenant: &str, now: UnixNanos) -> Vec<CounterUse> {
        locked(&self.ledger).usage(tenant, now)
    }

    /// Thresholds of budgets that were crossed and nobody was told of.
    pub(crate) fn crossings(&self, max: usize) -> Vec<Crossing> {
        if !self.charged.load(Ordering::Acquire) {
            return Vec::new();
        }
        locked(&self.ledger).untold(max)
    }

    /// People were told of a crossing.
    pub(crate) fn told(&self, tenant: &str, key: &CounterKey, index: i64, percent: u8) {
        locked(&self.ledger).told(tenant, key, index, percent);
    }

    /// The parts of a snapshot: the shards of the agents in order, the sessions, and the ledger.
    /// Switches are not in it: they are rows.
    pub(crate) fn parts(&self) -> impl Iterator<Item = Vec<u8>> {
        self.agents
            .iter()
            .map(|shard| locked(shard).to_bytes())
            .chain(std::iter::once_with(|| locked(&self.sessions).to_bytes()))
            .chain(std::iter::once_with(|| locked(&self.ledger).to_bytes()))
    }

    /// Reads the parts of a snapshot.
    pub(crate) fn from_parts(parts: &mut dyn Iterator<Item = &[u8]>) -> Option<Self> {
        let agents = (0..SHARDS)
            .map(|_| Some(Mutex::new(AgentTable::from_bytes(parts.next()?).ok()?)))
            .collect::<Option<_>>()?;
        let sessions = SessionTable::from_bytes(parts.next()?).ok()?;
        let ledger = Ledger::from_bytes(parts.next()?).ok()?;
        Some(Self {
            agents,
            sessions: Mutex::new(sessions),
            switches: RwLock::default(),
            charged: AtomicBool::new(!ledger.is_empty()),
            ledger: Mutex::new(ledger),
        })
    }

    /// Replays the record of a decision.
    pub(crate) fn fold_decision(&self, footprint: &Footprint, effect: Effect, at: UnixNanos) {
        self.reserve(footprint, footprint.at);
        self.conclude(footprint, effect, at);
    }
}
