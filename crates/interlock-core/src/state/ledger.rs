//! Budgets that span agents: of a tenant, of an API key, or of agents by their names, in money and
//! in calls, by the day or the month (UTC).
//!
//! ```text
//! undecided ──conclude──▶ reserved ──settle, or nobody reports──▶ settled
//!     └── denied ──▶ 0          └── did not run ──▶ 0
//! ```
//!
//! What an action may cost is charged before it is decided, and everything undecided counts, so that
//! no number of callers passes a limit together. An action that does not fit takes nothing: of
//! several that each would fit alone, one gets through.
//!
//! Past its limit a budget blocks, or throttles: then so many calls a minute go on, and count.
//!
//! **Invariant:** a counter is known by its full names, never by a hash of what an agent may choose.
//! **Invariant:** `conclude` and `settle` in the order of the journal give the same `reserved`,
//! `settled`, whatever was undecided at the time; but for what was under way when a period ended,
//! which a fold may count in the next one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use super::agent::{AgentClock, OutcomeSummary, RESERVATION_TTL_NS};
use super::budget::BudgetPeriod;
use super::codec::{Codec, codec};
use super::footprint::Footprint;
use super::rate::SlidingLog;
use super::store::SnapshotError;
use crate::model::{Effect, OutcomeStatus};

/// Charges of one action; a record with more is refused as malformed.
pub const LEDGER_CHARGES_MAX: usize = 64;
/// Counters of one tenant. Past it those of earlier periods give way, and then what cannot be
/// counted counts as used up.
pub const LEDGER_COUNTERS_MAX: usize = 4_096;

/// How many of them are for the tenant and its keys alone.
pub const LEDGER_COUNTERS_KEPT: usize = 512;
/// Actions in flight of one tenant. Past it the oldest counts as one whose outcome nobody reported.
pub const LEDGER_IN_FLIGHT_MAX: usize = 16_384;
/// Agents that a counter tells apart; what others draw is summed up.
pub const DRAWERS_MAX: usize = 64;
/// Calls a minute that a budget past its limit may let through.
pub const TRICKLE_MAX: i64 = 600;
/// Thresholds of one budget.
pub const THRESHOLDS_MAX: usize = 8;

const MINUTE_NS: i64 = 60_000_000_000;
const MS: i64 = 1_000_000;
/// The version of the snapshot format.
const SNAPSHOT_VERSION: u16 = 1;

/// Money and calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amount {
    /// Billionths of a US dollar.
    pub nano_usd: i64,
    /// Calls.
    pub calls: i64,
}
codec!(Amount { nano_usd, calls });

impl Amount {
    /// The sum.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            nano_usd: self.nano_usd.saturating_add(other.nano_usd),
            calls: self.calls.saturating_add(other.calls),
        }
    }

    /// Never below zero.
    fn minus(self, other: Self) -> Self {
        Self {
            nano_usd: self.nano_usd.saturating_sub(other.nano_usd).max(0),
            calls: self.calls.saturating_sub(other.calls).max(0),
        }
    }
}

/// The most of a period; at least one of them is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limit {
    /// In billionths of a US dollar.
    pub nano_usd: Option<i64>,
    /// In calls.
    pub calls: Option<i64>,
}
codec!(Limit { nano_usd, calls });

impl Limit {
    /// Whether so much is more than this.
    #[must_use]
    pub fn passed_by(&self, used: Amount) -> bool {
        self.nano_usd.is_some_and(|max| used.nano_usd > max)
            || self.calls.is_some_and(|max| used.calls > max)
    }

    /// The share that is used, in percent, rounded down: of money or calls, whichever is more. Of
    /// nothing everything is used.
    #[must_use]
    pub fn percent(&self, used: Amount) -> i64 {
        let share = |used: i64, max: Option<i64>| match max {
            None => 0,
            Some(max) if max <= 0 => 100,
            Some(max) => {
                let share = i128::from(used) * 100 / i128::from(max);
                i64::try_from(share).unwrap_or(i64::MAX)
            }
        };
        share(used.nano_usd, self.nano_usd).max(share(used.calls, self.calls))
    }
}

/// One counter of a tenant: whose share of which budget it counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CounterKey {
    /// The budget.
    pub budget: Arc<str>,
    /// What it renews with.
    pub period: BudgetPeriod,
    /// For whom it counts: `tenant`, `key:…` or `agent:…`.
    pub subject: Arc<str>,
}
codec!(CounterKey {
    budget,
    period,
    subject
});

/// A budget that an action draws on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerCharge {
    /// The counter.
    pub key: CounterKey,
    /// The limit.
    pub limit: Limit,
    /// Calls a minute that go on past the limit; 0 blocks.
    pub trickle: i64,
    /// Percentages at which people are told, rising.
    pub thresholds: Arc<[u8]>,
}

/// What a budget says to an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LedgerVerdict {
    /// It fits.
    Within,
    /// It does not, and is one of the few that go on past the limit.
    Trickle,
    /// It does not, and as many as may go on past the limit did within the minute.
    Throttled,
    /// It does not.
    Exhausted,
}

impl LedgerVerdict {
    /// All verdicts.
    pub const ALL: [Self; 4] = [
        Self::Within,
        Self::Trickle,
        Self::Throttled,
        Self::Exhausted,
    ];

    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Within => "within",
            Self::Trickle => "trickle",
            Self::Throttled => "throttled",
            Self::Exhausted => "exhausted",
        }
    }

    /// The verdict of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|v| v.name() == name)
    }

    /// Whether the action must not run.
    #[must_use]
    pub const fn refuses(self) -> bool {
        matches!(self, Self::Throttled | Self::Exhausted)
    }
}

/// What a budget answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerReading {
    /// The counter.
    pub key: CounterKey,
    /// The answer.
    pub verdict: LedgerVerdict,
    /// What would be used with this action, everything in flight included.
    pub used: Amount,
    /// The limit.
    pub limit: Limit,
    /// Calls a minute that go on past the limit; 0 blocks.
    pub trickle: i64,
    /// How long until it is worth to ask again, in milliseconds; 0 when it fits.
    pub retry_after_ms: i64,
}

/// Billionths of a US dollar as a decimal number without needless zeros.
#[must_use]
pub fn dollars(nano_usd: i64) -> String {
    let sign = if nano_usd < 0 { "-" } else { "" };
    let nano = nano_usd.unsigned_abs();
    let (whole, fraction) = (nano / 1_000_000_000, nano % 1_000_000_000);
    if fraction == 0 {
        return format!("{sign}{whole}");
    }
    let digits = format!("{fraction:09}");
    format!("{sign}{whole}.{}", digits.trim_end_matches('0'))
}

/// `9.5 of 10 USD, 3 of 100 calls`: what a limit names.
#[must_use]
pub fn used_of(used: Amount, limit: &Limit) -> String {
    let mut text = String::new();
    if let Some(max) = limit.nano_usd {
        let _ = write!(text, "{} of {} USD", dollars(used.nano_usd), dollars(max));
    }
    if let Some(max) = limit.calls {
        let comma = if text.is_empty() { "" } else { ", " };
        let _ = write!(text, "{comma}{} of {max} calls", used.calls);
    }
    text
}

impl LedgerReading {
    /// Which budget, its limit, and what would be used, for people.
    #[must_use]
    pub fn message(&self) -> String {
        let CounterKey {
            budget,
            period,
            subject,
        } = &self.key;
        let used = used_of(self.used, &self.limit);
        let mut text = format!(
            "budget `{budget}` of `{subject}` is used up: this action would make it {used} for the {}",
            period.name()
        );
        if self.verdict == LedgerVerdict::Throttled {
            let _ = write!(
                text,
                "; past the limit {} calls a minute go on, the next one in {} ms",
                self.trickle, self.retry_after_ms
            );
        }
        text
    }
}

/// A threshold that was crossed and nobody was told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crossing {
    /// The tenant.
    pub tenant: Box<str>,
    /// The counter.
    pub key: CounterKey,
    /// The number of the period.
    pub index: i64,
    /// The highest threshold that was crossed, in percent.
    pub percent: u8,
    /// What is settled and reserved.
    pub used: Amount,
    /// The limit.
    pub limit: Limit,
    /// Who draws most.
    pub agent: Box<str>,
}

/// What a counter stands at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CounterUse {
    /// The counter.
    pub key: CounterKey,
    /// The number of the period.
    pub index: i64,
    /// What is settled.
    pub settled: Amount,
    /// What is in flight, by its estimate.
    pub reserved: Amount,
    /// The limit that the latest action was held against.
    pub limit: Limit,
    /// The agents that draw on it, who draws most first; none where the subject is an agent.
    pub agents: Vec<(Box<str>, Amount)>,
    /// What agents draw that are not told apart.
    pub others: Amount,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Counter {
    index: i64,
    limit: Limit,
    thresholds: Vec<u8>,
    settled: Amount,
    reserved: Amount,
    undecided: Amount,
    /// The calls of the minute that went on past the limit.
    trickle: SlidingLog,
    /// The highest threshold that was crossed, and the highest that people were told of.
    crossed: u8,
    told: u8,
    drawn: BTreeMap<Box<str>, Amount>,
    others: Amount,
}
codec!(Counter {
    index,
    limit,
    thresholds,
    settled,
    reserved,
    undecided,
    trickle,
    crossed,
    told,
    drawn,
    others
});

impl Counter {
    fn committed(&self) -> Amount {
        self.settled.plus(self.reserved)
    }

    /// Whether it says no more than one that was never made: what drew on it did not run.
    fn is_unused(&self) -> bool {
        self.committed().plus(self.undecided) == Amount::default()
            && self.trickle.is_empty()
            && self.crossed == 0
            && self.told == 0
    }

    /// Takes the terms of a charge in, and begins anew when its period is a later one. A clock that
    /// steps back into yesterday renews nothing.
    fn update(&mut self, index: i64, charge: &LedgerCharge) {
        if index > self.index {
            *self = Self {
                index,
                // A minute goes on over midnight.
                trickle: std::mem::take(&mut self.trickle),
                ..Self::default()
            };
        }
        if self.limit != charge.limit || *self.thresholds != *charge.thresholds {
            self.limit = charge.limit;
            self.thresholds = charge.thresholds.to_vec();
            // A raised limit is told of again when it is neared again.
            let reached = self.reached();
            self.crossed = self.crossed.min(reached);
            self.told = self.told.min(reached);
        }
    }

    /// The highest threshold that is reached.
    fn reached(&self) -> u8 {
        let percent = self.limit.percent(self.committed());
        let all = self.thresholds.iter().copied();
        all.filter(|t| i64::from(*t) <= percent).max().unwrap_or(0)
    }

    fn draw(&mut self, key: &CounterKey, agent: &str, by: Amount) {
        if key.subject.starts_with("agent:") {
            return;
        }
        if let Some(drawn) = self.drawn.get_mut(agent) {
            *drawn = drawn.plus(by);
        } else if self.drawn.len() < DRAWERS_MAX {
            self.drawn.insert(agent.into(), by);
        } else {
            self.others = self.others.plus(by);
        }
    }

    fn give_back(&mut self, agent: &str, by: Amount) {
        match self.drawn.get_mut(agent) {
            Some(drawn) => *drawn = drawn.minus(by),
            None => self.others = self.others.minus(by),
        }
    }

    fn top(&self) -> Vec<(Box<str>, Amount)> {
        let mut all: Vec<_> = self.drawn.iter().map(|(a, b)| (a.clone(), *b)).collect();
        // Equal ones stay in the order of their names.
        all.sort_by_key(|(_, drawn)| std::cmp::Reverse((drawn.nano_usd, drawn.calls)));
        all
    }
}

/// What an action holds of one counter.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Held {
    key: CounterKey,
    index: i64,
    /// Whether it counts while it is undecided: what does not fit takes nothing.
    taken: bool,
    /// When it was let through past the limit, by the ledger's clock.
    trickled: Option<i64>,
}
codec!(Held {
    key,
    index,
    taken,
    trickled
});

#[derive(Debug, Clone, PartialEq, Eq)]
struct Reservation {
    at: i64,
    agent: Box<str>,
    permitted: bool,
    cost: i64,
    held: Vec<Held>,
}
codec!(Reservation {
    at,
    agent,
    permitted,
    cost,
    held
});

impl Reservation {
    const fn amount(&self) -> Amount {
        Amount {
            nano_usd: self.cost,
            calls: 1,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct TenantLedger {
    clock: AgentClock,
    counters: BTreeMap<CounterKey, Counter>,
    in_flight: BTreeMap<u128, Reservation>,
    /// What is in flight, the oldest first.
    by_time: BTreeSet<(i64, u128)>,
    /// Counters with a crossing that nobody was told of.
    untold: BTreeSet<CounterKey>,
}
codec!(TenantLedger {
    clock,
    counters,
    in_flight,
    by_time,
    untold
});

impl TenantLedger {
    fn reserve(&mut self, footprint: &Footprint, now: i64) -> Vec<LedgerReading> {
        let own = self.clock.tick(now);
        if let Some(before) = self.remove(footprint.id) {
            self.release(&before);
        }
        while self.in_flight.len() >= LEDGER_IN_FLIGHT_MAX {
            let Some((_, oldest)) = self.by_time.first().copied() else {
                break;
            };
            let Some(reservation) = self.remove(oldest) else {
                break;
            };
            self.keep(&reservation);
        }
        let cost = footprint.cost_nano_usd.max(0);
        let mut held = Vec::with_capacity(footprint.ledger.len());
        let readings = footprint.ledger.iter().map(|charge| {
            let (reading, holds) = self.charge(charge, cost, now, own);
            held.extend(holds);
            reading
        });
        let readings: Vec<LedgerReading> = readings.collect();
        self.insert(
            footprint.id,
            Reservation {
                at: own,
                agent: footprint.agent.as_str().into(),
                permitted: false,
                cost,
                held,
            },
        );
        readings
    }

    fn insert(&mut self, id: u128, reservation: Reservation) {
        self.by_time.insert((reservation.at, id));
        self.in_flight.insert(id, reservation);
    }

    fn remove(&mut self, id: u128) -> Option<Reservation> {
        let reservation = self.in_flight.remove(&id)?;
        self.by_time.remove(&(reservation.at, id));
        Some(reservation)
    }

    /// Whether there is room for a counter.
    fn has_room(&mut self, key: &CounterKey, now: i64) -> bool {
        let full = LEDGER_COUNTERS_MAX - LEDGER_COUNTERS_KEPT;
        if self.counters.len() >= full && !self.counters.contains_key(key) {
            let untold = &self.untold;
            self.counters.retain(|key, counter| {
                let passed = key.period.index(now) > counter.index || counter.is_unused();
                !passed || untold.contains(key)
            });
            // Names of agents, of which anybody can invent many, leave room for the others.
            let most = match key.subject.starts_with("agent:") {
                true => full,
                false => LEDGER_COUNTERS_MAX,
            };
            return self.counters.len() < most;
        }
        true
    }

    fn charge(
        &mut self,
        charge: &LedgerCharge,
        cost: i64,
        now: i64,
        own: i64,
    ) -> (LedgerReading, Option<Held>) {
        let index = charge.key.period.index(now);
        let amount = Amount {
            nano_usd: cost,
            calls: 1,
        };
        let mut reading = LedgerReading {
            key: charge.key.clone(),
            verdict: LedgerVerdict::Exhausted,
            used: amount,
            limit: charge.limit,
            trickle: charge.trickle,
            retry_after_ms: to_ms(charge.key.period.end(index).saturating_sub(now)),
        };
        if !self.has_room(&charge.key, now) {
            // A flood of names must not lift a limit.
            return (reading, None);
        }
        let counter = self.counters.entry(charge.key.clone()).or_default();
        counter.update(index, charge);
        reading.used = counter.committed().plus(counter.undecided).plus(amount);
        let mut trickled = None;
        reading.verdict = if !charge.limit.passed_by(reading.used) {
            LedgerVerdict::Within
        } else if charge.trickle > 0 {
            let most = charge.trickle.min(TRICKLE_MAX);
            counter.trickle.prune(own, MINUTE_NS);
            if i64::try_from(counter.trickle.len()).unwrap_or(i64::MAX) < most {
                counter
                    .trickle
                    .push(own, usize::try_from(most).unwrap_or(1));
                trickled = Some(own);
                LedgerVerdict::Trickle
            } else {
                let wait = counter
                    .trickle
                    .wait_ns(own, MINUTE_NS, most.saturating_sub(1));
                reading.retry_after_ms = to_ms(wait).min(reading.retry_after_ms);
                LedgerVerdict::Throttled
            }
        } else {
            LedgerVerdict::Exhausted
        };
        let taken = !reading.verdict.refuses();
        if taken {
            counter.undecided = counter.undecided.plus(amount);
            reading.retry_after_ms = 0;
        }
        let held = Held {
            key: charge.key.clone(),
            index: counter.index,
            taken,
            trickled,
        };
        (reading, Some(held))
    }

    /// Gives everything back that a reservation holds.
    fn release(&mut self, reservation: &Reservation) {
        let amount = reservation.amount();
        for held in &reservation.held {
            let Some(counter) = self.counters.get_mut(&held.key) else {
                continue;
            };
            if !reservation.permitted
                && let Some(at) = held.trickled
            {
                // That it was let through is given back only where it did not go on.
                counter.trickle.remove(at);
            }
            if counter.index != held.index {
                continue;
            }
            if reservation.permitted {
                counter.reserved = counter.reserved.minus(amount);
                counter.give_back(&reservation.agent, amount);
            } else if held.taken {
                counter.undecided = counter.undecided.minus(amount);
            }
        }
    }

    /// Counts a reservation as it was charged: for all that is known, it ran.
    fn keep(&mut self, reservation: &Reservation) {
        self.end(reservation, reservation.cost);
    }

    /// Settles what ran, at what it cost.
    fn end(&mut self, reservation: &Reservation, cost: i64) {
        let amount = reservation.amount();
        for held in &reservation.held {
            let Some(counter) = self.counters.get_mut(&held.key) else {
                continue;
            };
            if counter.index != held.index {
                continue;
            }
            let cost = cost.max(0);
            if reservation.permitted {
                counter.reserved = counter.reserved.minus(amount);
                let (more, less) = (
                    cost.saturating_sub(reservation.cost).max(0),
                    reservation.cost.saturating_sub(cost).max(0),
                );
                let money = |nano_usd| Amount { nano_usd, calls: 0 };
                counter.draw(&held.key, &reservation.agent, money(more));
                if less > 0 {
                    counter.give_back(&reservation.agent, money(less));
                }
            } else {
                if held.taken {
                    counter.undecided = counter.undecided.minus(amount);
                }
                counter.draw(&held.key, &reservation.agent, amount);
            }
            counter.settled = counter.settled.plus(Amount {
                nano_usd: cost,
                calls: 1,
            });
            self.cross(&held.key, false);
        }
    }

    /// Notes the highest threshold that was crossed. A limit that refused counts as reached: whatever
    /// is left of it, this action did not fit.
    fn cross(&mut self, key: &CounterKey, refused: bool) {
        let Some(counter) = self.counters.get_mut(key) else {
            return;
        };
        let mut reached = counter.reached();
        if refused && counter.thresholds.contains(&100) {
            reached = 100;
        }
        counter.crossed = counter.crossed.max(reached);
        if counter.crossed > counter.told && !self.untold.contains(key) {
            self.untold.insert(key.clone());
        }
    }

    fn conclude(&mut self, footprint: &Footprint, effect: Effect, now: i64) {
        let own = self.clock.tick(now);
        if !effect.permits() {
            let Some(reservation) = self.remove(footprint.id) else {
                return;
            };
            self.release(&reservation);
            if effect == Effect::Block {
                for held in reservation.held.iter().filter(|held| !held.taken) {
                    self.cross(&held.key, true);
                }
            }
            return;
        }
        if !self.in_flight.contains_key(&footprint.id) {
            // It was decided for longer than a reservation holds; what runs is counted all the same.
            self.reserve(footprint, now);
        }
        let Some(mut reservation) = self.in_flight.remove(&footprint.id) else {
            return;
        };
        let at = reservation.at;
        if !reservation.permitted {
            let amount = reservation.amount();
            for held in &mut reservation.held {
                let Some(counter) = self.counters.get_mut(&held.key) else {
                    continue;
                };
                if counter.index != held.index {
                    continue;
                }
                if held.taken {
                    counter.undecided = counter.undecided.minus(amount);
                }
                held.taken = true;
                counter.reserved = counter.reserved.plus(amount);
                counter.draw(&held.key, &reservation.agent, amount);
                self.cross(&held.key, false);
            }
            reservation.permitted = true;
            debug_assert!(at <= own, "the clock never runs backwards");
        }
        self.in_flight.insert(footprint.id, reservation);
    }

    fn settle(&mut self, id: u128, outcome: &OutcomeSummary, now: i64) -> bool {
        let own = self.clock.tick(now);
        if !self.in_flight.get(&id).is_some_and(|r| r.permitted) {
            return false;
        }
        let Some(reservation) = self.remove(id) else {
            return false;
        };
        if own.saturating_sub(reservation.at) >= RESERVATION_TTL_NS {
            // Too late, whether or not somebody came by to expire it: its outcome is unknown.
            self.keep(&reservation);
            return false;
        }
        match outcome.status {
            OutcomeStatus::NotRun => self.release(&reservation),
            OutcomeStatus::Unknown => self.keep(&reservation),
            OutcomeStatus::Succeeded | OutcomeStatus::Failed => {
                let cost = outcome.cost_nano_usd.unwrap_or(reservation.cost);
                self.end(&reservation, cost);
            }
        }
        true
    }

    fn cancel(&mut self, id: u128, now: i64) {
        self.clock.tick(now);
        if self.in_flight.get(&id).is_some_and(|r| !r.permitted)
            && let Some(reservation) = self.remove(id)
        {
            self.release(&reservation);
        }
    }

    /// Ends at most `max`; answers how many.
    fn expire(&mut self, now: i64, max: usize) -> usize {
        if self.in_flight.is_empty() {
            return 0;
        }
        let own = self.clock.tick(now);
        let mut ended = 0;
        while ended < max
            && let Some((at, id)) = self.by_time.first().copied()
        {
            if own.saturating_sub(at) < RESERVATION_TTL_NS {
                break;
            }
            ended += 1;
            let Some(reservation) = self.remove(id) else {
                break;
            };
            if reservation.permitted {
                self.keep(&reservation);
            } else {
                self.release(&reservation);
            }
        }
        ended
    }
}

/// Rounded up: who waits so long must not come too early.
fn to_ms(ns: i64) -> i64 {
    ns.max(0) / MS + i64::from(ns % MS > 0)
}

/// The budgets of all tenants.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ledger {
    tenants: BTreeMap<Box<str>, TenantLedger>,
}
codec!(Ledger { tenants });

impl Ledger {
    /// Whether nothing was ever charged.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tenants.is_empty()
    }

    fn of(&mut self, tenant: &str) -> &mut TenantLedger {
        if !self.tenants.contains_key(tenant) {
            self.tenants.insert(tenant.into(), TenantLedger::default());
        }
        self.tenants.entry(tenant.into()).or_default()
    }

    /// Charges the budgets of a footprint and answers what each says, in their order.
    pub fn reserve(&mut self, footprint: &Footprint, now: i64) -> Vec<LedgerReading> {
        if footprint.ledger.is_empty() {
            return Vec::new();
        }
        self.of(&footprint.tenant).reserve(footprint, now)
    }

    /// Takes a decision in.
    pub fn conclude(&mut self, footprint: &Footprint, effect: Effect, now: i64) {
        if !footprint.ledger.is_empty() {
            self.of(&footprint.tenant).conclude(footprint, effect, now);
        }
    }

    /// Takes an outcome in. Whether it was awaited.
    ///
    /// What did not run gives money and call back; whatever else became of it, the call counts.
    pub fn settle(&mut self, tenant: &str, id: u128, outcome: &OutcomeSummary, now: i64) -> bool {
        self.tenants
            .get_mut(tenant)
            .is_some_and(|ledger| ledger.settle(id, outcome, now))
    }

    /// Gives a reservation back that was not decided.
    pub fn cancel(&mut self, tenant: &str, id: u128, now: i64) {
        if let Some(ledger) = self.tenants.get_mut(tenant) {
            ledger.cancel(id, now);
        }
    }

    /// Ends what has been in flight for too long, `max` at most: what was permitted counts as it was
    /// charged.
    pub fn expire(&mut self, now: i64, max: usize) {
        let mut left = max;
        for ledger in self.tenants.values_mut() {
            left -= ledger.expire(now, left);
        }
    }

    /// Crossings that nobody was told of, at most `max`.
    #[must_use]
    pub fn untold(&self, max: usize) -> Vec<Crossing> {
        let all = self.tenants.iter().flat_map(|(tenant, ledger)| {
            ledger.untold.iter().filter_map(move |key| {
                let counter = ledger.counters.get(key)?;
                if counter.crossed <= counter.told {
                    // Its period ended, or its limit was raised, before anybody was told.
                    return None;
                }
                Some(Crossing {
                    tenant: tenant.clone(),
                    key: key.clone(),
                    index: counter.index,
                    percent: counter.crossed,
                    used: counter.committed(),
                    limit: counter.limit,
                    agent: match key.subject.strip_prefix("agent:") {
                        Some(agent) => agent.into(),
                        None => counter
                            .top()
                            .first()
                            .map(|(a, _)| a.clone())
                            .unwrap_or_default(),
                    },
                })
            })
        });
        all.take(max).collect()
    }

    /// People were told of a crossing.
    pub fn told(&mut self, tenant: &str, key: &CounterKey, index: i64, percent: u8) {
        let Some(ledger) = self.tenants.get_mut(tenant) else {
            return;
        };
        let Some(counter) = ledger.counters.get_mut(key) else {
            return;
        };
        if counter.index == index {
            counter.told = counter.told.max(percent);
        }
        if counter.told >= counter.crossed {
            ledger.untold.remove(key);
        }
    }

    /// What the counters of a tenant stand at in the periods that `now` falls in.
    #[must_use]
    pub fn usage(&self, tenant: &str, now: i64) -> Vec<CounterUse> {
        let Some(ledger) = self.tenants.get(tenant) else {
            return Vec::new();
        };
        ledger
            .counters
            .iter()
            .filter(|(key, counter)| key.period.index(now) <= counter.index)
            .map(|(key, counter)| CounterUse {
                key: key.clone(),
                index: counter.index,
                settled: counter.settled,
                reserved: counter.reserved.plus(counter.undecided),
                limit: counter.limit,
                agents: counter.top(),
                others: counter.others,
            })
            .collect()
    }

    /// The snapshot; equal ledgers have equal bytes.
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
        let mut from = bytes;
        match u16::take(&mut from) {
            Some(SNAPSHOT_VERSION) => {}
            Some(version) => return Err(SnapshotError::Version(version)),
            None => return Err(SnapshotError::Damaged),
        }
        let ledger = Self::take(&mut from).ok_or(SnapshotError::Damaged)?;
        // Of one ledger there is one form: names that are there twice, or out of order, are none.
        (from.is_empty() && ledger.to_bytes() == bytes)
            .then_some(ledger)
            .ok_or(SnapshotError::Damaged)
    }
}
