//! The state of one agent.

use std::collections::{BTreeMap, VecDeque};

use super::baseline::Baseline;
use super::breaker::{Breakers, DENIALS, Probe};
use super::budget::Budgets;
use super::codec::codec;
use super::decay::{APPROVAL_HALF_LIFE_NS, Decayed, VIOLATION_HALF_LIFE_NS};
use super::footprint::Footprint;
use super::loops::CallRing;
use super::rate::{BucketSum, MinuteWindow};
use super::readings::{LimitCharge, LimitKind, LimitReading, Readings};
use super::reserve::{Counters, IN_FLIGHT_MAX, Reservation};
use crate::model::{Effect, Outcome, OutcomeStatus};

/// How long a reservation may stay in flight. A decision that is not made by then gives its charges
/// back; a permitted action whose outcome nobody reported by then counts as `unknown` and keeps
/// them: for all we know it ran.
pub const RESERVATION_TTL_NS: i64 = 5 * 60 * 1_000_000_000;

/// The window of bytes out and records read.
const VOLUME_WINDOW_NS: i64 = 5 * 60 * 1_000_000_000;
/// Marks remembered for `preceded_by`; the oldest gives way, which can only make a rule stricter.
const MARKS_MAX: usize = 512;
/// A clock that steps back further than this was set; less is two callers who looked in turn.
const CLOCK_JITTER_NS: i64 = 5_000_000_000;

/// A step forward counts as so much at most: every window has passed by then, and no step however
/// wrong can wear the clock out.
const CLOCK_STEP_NS_MAX: i64 = 400 * 86_400 * 1_000_000_000;

/// A clock of one's own, an agent's or a ledger's: never runs backwards, so that no limit is reset; and after a step back
/// runs on from there, so that no limit is held until the old time comes round again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct AgentClock {
    wall: i64,
    own: i64,
}
codec!(AgentClock { wall, own });

impl AgentClock {
    pub(super) fn tick(&mut self, now: i64) -> i64 {
        if self.own == 0 {
            *self = Self {
                wall: now,
                own: now.max(1),
            };
        } else if now >= self.wall {
            let step = now.saturating_sub(self.wall).min(CLOCK_STEP_NS_MAX);
            self.own = self.own.saturating_add(step);
            self.wall = now;
        } else if self.wall.saturating_sub(now) > CLOCK_JITTER_NS {
            self.wall = now;
        }
        self.own
    }
}

/// What an outcome tells the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutcomeSummary {
    /// How the action ended.
    pub status: OutcomeStatus,
    /// What it really cost, in billionths of a US dollar; `None` when nobody said: the reserved
    /// cost stands.
    pub cost_nano_usd: Option<i64>,
    /// Records touched, as observed.
    pub records: Option<i64>,
}

impl OutcomeSummary {
    /// The summary of an outcome.
    #[must_use]
    pub fn of(outcome: &Outcome) -> Self {
        Self {
            status: outcome.status,
            cost_nano_usd: (outcome.cost_nano_usd > 0).then_some(outcome.cost_nano_usd),
            records: outcome.rows,
        }
    }
}

/// What Interlock remembers of one agent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AgentState {
    clock: AgentClock,
    actions: i64,
    last_type: Option<u8>,
    violations: Decayed,
    approvals: Decayed,
    minute: MinuteWindow,
    calls: CallRing,
    bytes_out: BucketSum,
    records_read: BucketSum,
    breakers: Breakers,
    budgets: Budgets,
    counters: Counters,
    /// When what a `preceded_by` asks for was last permitted.
    marks: BTreeMap<u64, i64>,
    baseline: Baseline,
    in_flight: VecDeque<Reservation>,
}
codec!(AgentState {
    clock,
    actions,
    last_type,
    violations,
    approvals,
    minute,
    calls,
    bytes_out,
    records_read,
    breakers,
    budgets,
    counters,
    marks,
    baseline,
    in_flight,
});

impl AgentState {
    /// Charges an action and answers what a decision needs to know. `now` is in Unix nanoseconds.
    ///
    /// The readings include this action. A reservation of the same id gives way.
    pub fn reserve(&mut self, footprint: &Footprint, now: i64) -> Readings {
        let own = self.clock.tick(now);
        self.cancel(footprint.id, now);
        if self.in_flight.len() >= IN_FLIGHT_MAX {
            // Counts as unknown: its charges stay.
            self.in_flight.pop_front();
        }
        let mut readings = Readings::default();
        let out = &mut readings.state;
        out.agent_known = self.actions > 0;
        out.agent_actions = self.actions;
        out.agent_violations = self.violations.value_x100(now, VIOLATION_HALF_LIFE_NS);
        out.agent_approvals = self.approvals.value_x100(now, APPROVAL_HALF_LIFE_NS);
        let rate = self.minute.push(own, IN_FLIGHT_MAX);
        out.actions_last_minute = rate;
        (out.identical_calls, out.similar_calls) =
            self.calls
                .push(own, footprint.call_hash, footprint.near_hash);
        out.error_share = self.breakers.error_share(own);
        out.denials = self.breakers.denial_count(own);
        let entered = self.breakers.enter(own);
        out.breaker_open = entered.is_err();
        self.bytes_out
            .add(own, VOLUME_WINDOW_NS, footprint.bytes_out);
        out.bytes_out = self.bytes_out.sum();
        let records = footprint.records_read();
        self.records_read.add(own, VOLUME_WINDOW_NS, records);
        out.records_read = self.records_read.sum();
        let familiar = self
            .baseline
            .read(footprint, self.last_type, rate, now, out);
        let cost = footprint.cost_nano_usd.max(0);
        let mut budgets = Vec::with_capacity(footprint.budgets.len());
        for charge in &footprint.budgets {
            let (index, used) = self.budgets.reserve(charge, cost, now);
            out.budget_used = out.budget_used.max(used);
            budgets.push((charge.key, (charge.period, index)));
        }
        let repeats = out.identical_calls;
        let mut charges = Vec::with_capacity(footprint.limits.len());
        readings.limits = footprint
            .limits
            .iter()
            .map(|limit| match limit.kind {
                LimitKind::PrecededBy => self.preceded(limit, own),
                _ => {
                    let in_flight = self.in_flight.len();
                    self.counters
                        .charge(limit, footprint, own, in_flight, &mut charges)
                }
            })
            .collect();
        self.in_flight.push_back(Reservation {
            id: footprint.id,
            at: own,
            permitted: false,
            refused: entered.is_err(),
            probes: entered.unwrap_or(0),
            rate,
            repeats,
            familiar,
            cost,
            bytes_out: footprint.bytes_out.max(0),
            records,
            charges,
            budgets,
        });
        readings
    }

    fn preceded(&self, limit: &LimitCharge, own: i64) -> LimitReading {
        let window = limit.window_ms.max(0).saturating_mul(1_000_000);
        let start = own.saturating_sub(window);
        let seen = self.marks.get(&limit.key).is_some_and(|at| *at > start);
        LimitReading {
            key: limit.key,
            used: i64::from(seen),
            // An amount says that this action is what others must be preceded by.
            exceeded: limit.amount == 0 && !seen,
            retry_after_ms: 0,
        }
    }

    /// Takes the decision in. Whether the reservation was still there: if not, it expired, its
    /// charges are gone, and an action that the decision permitted must not run.
    ///
    /// An action that may not run now (blocked, or waiting for a person) gives its charges back;
    /// one that was approved reserves anew.
    pub fn conclude(&mut self, footprint: &Footprint, effect: Effect, now: i64) -> bool {
        let own = self.clock.tick(now);
        // The newest is the likeliest.
        let Some(at) = self.in_flight.iter().rposition(|r| r.id == footprint.id) else {
            return false;
        };
        if !effect.permits() {
            let Some(reservation) = self.in_flight.remove(at) else {
                return false;
            };
            let blocked = effect == Effect::Block;
            let probe = if blocked { Probe::Failed } else { Probe::Void };
            // A denial says nothing of the errors or the cost; only the denial breaker learns.
            let (probes, at) = (reservation.probes, reservation.at);
            self.breakers.leave(probes & DENIALS, at, probe, own);
            self.breakers.leave(probes & !DENIALS, at, Probe::Void, own);
            if blocked && !reservation.refused {
                self.breakers.denial(own);
                self.violations.add(now, VIOLATION_HALF_LIFE_NS);
            }
            self.release(&reservation);
            return true;
        }
        let Some(reservation) = self.in_flight.get_mut(at) else {
            return false;
        };
        if reservation.permitted {
            return true;
        }
        reservation.permitted = true;
        reservation.keep_what_settles();
        let denials = reservation.probes & DENIALS;
        reservation.probes &= !DENIALS;
        let (entered, cost) = (reservation.at, reservation.cost);
        let (rate, repeats) = (reservation.rate, reservation.repeats);
        let familiar = reservation.familiar;
        self.breakers.leave(denials, entered, Probe::Succeeded, own);
        self.breakers.spend(own, cost);
        self.actions = self.actions.saturating_add(1);
        self.mark(footprint, own);
        self.baseline.count(footprint, familiar, now);
        // What raised an alert or had to run apart is not what this agent usually does, unless it
        // goes on although somebody was told.
        let learns = match effect {
            Effect::Allow | Effect::Redact => true,
            Effect::Alert => self.baseline.adopts(footprint, now),
            _ => false,
        };
        if learns {
            self.baseline
                .learn(footprint, self.last_type, (rate, repeats), now);
        }
        self.last_type = Some(footprint.type_index);
        true
    }

    fn mark(&mut self, footprint: &Footprint, own: i64) {
        for limit in &footprint.limits {
            if limit.kind != LimitKind::PrecededBy || limit.amount == 0 {
                continue;
            }
            if self.marks.len() >= MARKS_MAX && !self.marks.contains_key(&limit.key) {
                let oldest = self.marks.iter().min_by_key(|(_, at)| **at);
                if let Some(oldest) = oldest.map(|(key, _)| *key) {
                    self.marks.remove(&oldest);
                }
            }
            self.marks.insert(limit.key, own);
        }
    }

    fn release(&mut self, reservation: &Reservation) {
        let at = reservation.at;
        self.minute.remove(at);
        self.bytes_out
            .adjust(at, reservation.bytes_out.saturating_neg());
        self.records_read
            .adjust(at, reservation.records.saturating_neg());
        self.counters.release(&reservation.charges, at);
        self.settle_budgets(reservation, 0);
    }

    fn settle_budgets(&mut self, reservation: &Reservation, cost: i64) {
        for (key, (period, index)) in &reservation.budgets {
            let by = cost.max(0).saturating_sub(reservation.cost);
            self.budgets.adjust(*key, *period, *index, by);
        }
    }

    /// Takes the outcome of a permitted action in. Whether it was still awaited.
    ///
    /// Money is settled to what it really cost, nothing when the action did not run. Calls stay
    /// counted whatever the outcome: a claim that nothing ran must not lift a rate limit.
    pub fn settle(&mut self, id: u128, outcome: &OutcomeSummary, now: i64) -> bool {
        let own = self.clock.tick(now);
        let at = self
            .in_flight
            .iter()
            .position(|r| r.id == id && r.permitted);
        let Some(reservation) = at.and_then(|at| self.in_flight.remove(at)) else {
            return false;
        };
        if own.saturating_sub(reservation.at) >= RESERVATION_TTL_NS {
            // Too late, whether or not somebody came by to expire it: its outcome is unknown.
            self.breakers
                .leave(reservation.probes, reservation.at, Probe::Void, own);
            return false;
        }
        let (failed, probe, cost) = match outcome.status {
            OutcomeStatus::Succeeded => (Some(false), Probe::Succeeded, outcome.cost_nano_usd),
            OutcomeStatus::Failed => (Some(true), Probe::Failed, outcome.cost_nano_usd),
            OutcomeStatus::NotRun => (None, Probe::Void, Some(0)),
            OutcomeStatus::Unknown => (None, Probe::Void, None),
        };
        self.counters.settle(&reservation, own, cost, failed);
        if let Some(cost) = cost {
            self.settle_budgets(&reservation, cost);
            self.breakers
                .spend(own, cost.saturating_sub(reservation.cost));
        }
        if let Some(failed) = failed {
            self.breakers.outcome(own, failed);
        }
        self.breakers
            .leave(reservation.probes, reservation.at, probe, own);
        if let Some(records) = outcome.records {
            let more = records.saturating_sub(reservation.records);
            self.records_read.add(own, VOLUME_WINDOW_NS, more);
        }
        true
    }

    /// Gives a reservation back whose caller went away before there was a decision. Whether there
    /// was one.
    pub fn cancel(&mut self, id: u128, now: i64) -> bool {
        let own = self.clock.tick(now);
        let at = self
            .in_flight
            .iter()
            .rposition(|r| r.id == id && !r.permitted);
        let Some(reservation) = at.and_then(|at| self.in_flight.remove(at)) else {
            return false;
        };
        self.breakers
            .leave(reservation.probes, reservation.at, Probe::Void, own);
        self.release(&reservation);
        true
    }

    /// Ends what has been in flight for longer than [`RESERVATION_TTL_NS`] and answers the
    /// permitted actions among them: their outcome is `unknown`.
    pub fn expire(&mut self, now: i64) -> Vec<u128> {
        let mut unknown = Vec::new();
        if self.in_flight.is_empty() {
            return unknown;
        }
        let own = self.clock.tick(now);
        while let Some(oldest) = self.in_flight.front() {
            if own.saturating_sub(oldest.at) < RESERVATION_TTL_NS {
                break;
            }
            let Some(reservation) = self.in_flight.pop_front() else {
                break;
            };
            self.breakers
                .leave(reservation.probes, reservation.at, Probe::Void, own);
            if reservation.permitted {
                unknown.push(reservation.id);
            } else {
                self.release(&reservation);
            }
        }
        unknown
    }

    /// Counts an approval that a person gave to this agent.
    pub fn approved(&mut self, now: i64) {
        self.clock.tick(now);
        self.approvals.add(now, APPROVAL_HALF_LIFE_NS);
    }

    /// What the agent usually does.
    #[must_use]
    pub fn baseline(&self) -> &Baseline {
        &self.baseline
    }

    /// The agent's budgets.
    #[must_use]
    pub fn budgets(&self) -> &Budgets {
        &self.budgets
    }

    /// Reservations in flight.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Adds what another node learned of the agent: baseline, violations and approvals, and any
    /// breaker that is open there. Windows and budgets are not merged: they have one owner.
    pub fn merge(&mut self, other: &Self) {
        self.baseline.merge(&other.baseline);
        self.violations.merge(&other.violations);
        self.approvals.merge(&other.approvals);
        self.breakers.merge_open(&other.breakers);
        self.actions = self.actions.saturating_add(other.actions);
    }
}
