//! Reservations: what is in flight, and the counters of the limits that rules ask about.
//!
//! Calls and spend count what is allowed or in flight: a denial gives its charge back. Identical
//! calls and retries count attempts, whatever became of them: a loop that runs against a wall is a
//! loop.

use std::collections::BTreeMap;

use super::codec::{Codec, codec};
use super::footprint::Footprint;
use super::hash::StableHash;
use super::rate::{BucketSum, SlidingLog, to_i64};
use super::readings::{LimitCharge, LimitKind, LimitReading};
use super::usage::Familiarity;

/// Reservations in flight of one agent. Past it the oldest counts as one whose outcome nobody
/// reported; its charges stay.
pub const IN_FLIGHT_MAX: usize = 256;
/// Limits up to this maximum are counted exactly; above it by [`BucketSum`], which may count too
/// much by what came within 1/64 of the window.
pub const EXACT_MAX: i64 = 256;
/// Counters of one agent.
pub const COUNTERS_MAX: usize = 1_024;
/// Words of eight bytes in all counters of one agent together.
pub const CELLS_MAX: u64 = 16_384;
/// An error rate needs so many outcomes.
pub(crate) const RATE_OUTCOMES_MIN: i64 = 5;

const MS: i64 = 1_000_000;

/// What an outcome still has to settle in a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Charge {
    kind: LimitKind,
    key: u64,
    amount: i64,
}
codec!(Charge { kind, key, amount });

impl Codec for LimitKind {
    fn put(&self, out: &mut Vec<u8>) {
        let at = Self::ALL.iter().position(|k| k == self).unwrap_or(0);
        u8::try_from(at).unwrap_or(0).put(out);
    }
    fn take(from: &mut &[u8]) -> Option<Self> {
        Self::ALL.get(usize::from(u8::take(from)?)).copied()
    }
}

/// How a counter counts.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Count {
    /// Exactly, up to [`EXACT_MAX`].
    Log(SlidingLog),
    /// Amounts.
    Sum(BucketSum),
    /// All outcomes and the failed ones.
    Share(BucketSum, BucketSum),
}

impl Codec for Count {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Log(log) => {
                out.push(0);
                log.put(out);
            }
            Self::Sum(sum) => {
                out.push(1);
                sum.put(out);
            }
            Self::Share(all, failed) => {
                out.push(2);
                all.put(out);
                failed.put(out);
            }
        }
    }
    fn take(from: &mut &[u8]) -> Option<Self> {
        match u8::take(from)? {
            0 => SlidingLog::take(from).map(Self::Log),
            1 => BucketSum::take(from).map(Self::Sum),
            2 => Some(Self::Share(BucketSum::take(from)?, BucketSum::take(from)?)),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Counter {
    count: Count,
    window_ns: i64,
    /// When nothing of it is left, if nobody touches it.
    empty_at: i64,
}
codec!(Counter {
    count,
    window_ns,
    empty_at
});

/// The counters of one agent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Counters {
    counters: BTreeMap<u64, Counter>,
    /// Words that all counters hold.
    cells: u64,
    sweep_at: i64,
}
codec!(Counters {
    counters,
    cells,
    sweep_at
});

/// The counter that a charge is counted by.
fn counter_key(charge: &LimitCharge, footprint: &Footprint) -> u64 {
    let apart = match charge.kind {
        LimitKind::IdenticalCalls => footprint.call_hash,
        LimitKind::Retries if footprint.step_hash != 0 => footprint.step_hash,
        // Without a step, asking for the same thing again is what a retry is.
        LimitKind::Retries => footprint.call_hash,
        _ => 0,
    };
    StableHash::new(charge.kind.name())
        .number(charge.key)
        .number(apart)
        .finish()
}

fn to_ms(ns: i64) -> i64 {
    // Rounded up: a caller that waits so long must not come too early.
    ns.max(0) / MS + i64::from(ns % MS > 0)
}

impl Count {
    /// Words of memory that grow.
    fn cells(&self) -> u64 {
        let cells = match self {
            Self::Log(log) => log.len(),
            Self::Sum(sum) => 2 * sum.len(),
            Self::Share(all, failed) => 2 * (all.len() + failed.len()),
        };
        cells as u64
    }

    fn prune(&mut self, now: i64, window_ns: i64) {
        match self {
            Self::Log(log) => log.prune(now, window_ns),
            Self::Sum(sum) => sum.prune(now, window_ns),
            Self::Share(all, failed) => {
                all.prune(now, window_ns);
                failed.prune(now, window_ns);
            }
        }
    }
}

impl Counters {
    /// Charges one limit; what an outcome has to settle goes to `settle`. `in_flight` other
    /// reservations may still give their charge back.
    pub(crate) fn charge(
        &mut self,
        charge: &LimitCharge,
        footprint: &Footprint,
        now: i64,
        in_flight: usize,
        settle: &mut Vec<Charge>,
    ) -> LimitReading {
        let window_ns = charge.window_ms.max(1).saturating_mul(MS);
        let key = counter_key(charge, footprint);
        let amount = charge.amount.max(0);
        // "Three retries" are four attempts.
        let first = i64::from(charge.kind == LimitKind::Retries);
        let max = charge.max.max(0).saturating_add(first);
        if self.full(!self.counters.contains_key(&key), now) {
            // What cannot be counted counts as passed: a flood of keys must not lift a limit.
            return LimitReading {
                key: charge.key,
                used: max.saturating_add(1),
                exceeded: true,
                retry_after_ms: self.first_free_ms(now, charge.window_ms),
            };
        }
        let attempts = matches!(charge.kind, LimitKind::IdenticalCalls | LimitKind::Retries);
        let exact =
            (attempts || charge.kind == LimitKind::Calls) && max <= EXACT_MAX && amount == 1;
        let counter = self.counters.entry(key).or_insert_with(|| Counter {
            count: match charge.kind {
                LimitKind::ErrorRate => Count::Share(BucketSum::default(), BucketSum::default()),
                _ if exact => Count::Log(SlidingLog::default()),
                _ => Count::Sum(BucketSum::default()),
            },
            window_ns,
            empty_at: 0,
        });
        counter.window_ns = window_ns;
        counter.empty_at = empty_at(now, window_ns);
        let before = counter.count.cells();
        counter.count.prune(now, window_ns);
        // What was tried counts on, so that one more must leave before the next try fits.
        let fits = max.saturating_sub(i64::from(attempts));
        let (used, exceeded, wait_ns) = match &mut counter.count {
            Count::Log(log) => {
                // Whatever may still be given back, one more than the maximum is left.
                let keep = usize::try_from(max)
                    .unwrap_or(0)
                    .saturating_add(2 + in_flight);
                log.push(now, keep);
                let used = to_i64(log.len());
                (used, used > max, log.wait_ns(now, window_ns, fits))
            }
            Count::Sum(sum) => {
                sum.add(now, window_ns, amount);
                let used = sum.sum();
                (used, used > max, sum.wait_ns(now, window_ns, fits))
            }
            Count::Share(all, failed) => {
                let share = failed
                    .sum()
                    .saturating_mul(1_000)
                    .checked_div(all.sum())
                    .unwrap_or(0);
                let over = all.sum() >= RATE_OUTCOMES_MIN && share > max;
                (share, over, failed.wait_ns(now, window_ns, 0))
            }
        };
        let after = counter.count.cells();
        self.count_cells(before, after);
        settle.push(Charge {
            kind: charge.kind,
            key,
            amount,
        });
        LimitReading {
            key: charge.key,
            used: used.saturating_sub(first),
            exceeded,
            retry_after_ms: if exceeded { to_ms(wait_ns) } else { 0 },
        }
    }

    fn count_cells(&mut self, before: u64, after: u64) {
        self.cells = self.cells.saturating_add(after).saturating_sub(before);
    }

    /// Whether there is no room, after what is empty gave way; looks at most once a second.
    fn full(&mut self, new: bool, now: i64) -> bool {
        let over = |s: &Self| (new && s.counters.len() >= COUNTERS_MAX) || s.cells >= CELLS_MAX;
        if over(self) && now >= self.sweep_at {
            self.sweep_at = now.saturating_add(1_000 * MS);
            self.cells = 0;
            self.counters.retain(|_, c| c.empty_at > now);
            for counter in self.counters.values_mut() {
                counter.count.prune(now, counter.window_ns);
                self.cells = self.cells.saturating_add(counter.count.cells());
            }
        }
        over(self)
    }

    fn first_free_ms(&self, now: i64, window_ms: i64) -> i64 {
        let first = self.counters.values().map(|c| c.empty_at).min();
        first.map_or(window_ms, |t| to_ms(t.saturating_sub(now)).max(1))
    }

    /// Gives calls and spend back.
    pub(crate) fn release(&mut self, charges: &[Charge], at: i64) {
        for charge in charges {
            if matches!(charge.kind, LimitKind::Calls | LimitKind::Spend) {
                self.change(charge.key, at, charge.amount.saturating_neg());
            }
        }
    }

    fn change(&mut self, key: u64, at: i64, by: i64) {
        let Some(counter) = self.counters.get_mut(&key) else {
            return;
        };
        let before = counter.count.cells();
        match &mut counter.count {
            Count::Log(log) if by < 0 => {
                log.remove(at);
            }
            Count::Sum(sum) => sum.adjust(at, by),
            Count::Log(_) | Count::Share(..) => {}
        }
        let after = counter.count.cells();
        self.count_cells(before, after);
    }

    /// Settles spend to what it really cost and counts the outcome in error rates. `failed` is
    /// `None` when nothing ran, or nobody knows.
    ///
    /// A charge above the action's own cost is money that it moved. The cost of moving it does not
    /// bring that back; only not running does.
    pub(crate) fn settle(
        &mut self,
        reservation: &Reservation,
        now: i64,
        cost: Option<i64>,
        failed: Option<bool>,
    ) {
        for charge in &reservation.charges {
            match (charge.kind, cost, failed) {
                (LimitKind::Spend, Some(cost), _) => {
                    let moved = charge.amount > reservation.cost && failed.is_some();
                    let least = if moved { charge.amount } else { 0 };
                    let by = cost.max(least).saturating_sub(charge.amount);
                    self.change(charge.key, reservation.at, by);
                }
                (LimitKind::ErrorRate, _, Some(failed)) => {
                    if let Some(counter) = self.counters.get_mut(&charge.key) {
                        let before = counter.count.cells();
                        if let Count::Share(all, failures) = &mut counter.count {
                            all.add(now, counter.window_ns, 1);
                            failures.add(now, counter.window_ns, i64::from(failed));
                        }
                        counter.empty_at = empty_at(now, counter.window_ns);
                        let after = counter.count.cells();
                        self.count_cells(before, after);
                    }
                }
                _ => {}
            }
        }
    }
}

/// The window and the sub-window that a sum may keep longer.
fn empty_at(now: i64, window_ns: i64) -> i64 {
    now.saturating_add(window_ns).saturating_add(window_ns / 32)
}

/// One reservation in flight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reservation {
    pub(crate) id: u128,
    /// When it was made, by the agent's own clock.
    pub(crate) at: i64,
    /// Whether its decision permitted it; until then it is undecided.
    pub(crate) permitted: bool,
    /// A breaker refused it: its denial says nothing new about the agent.
    pub(crate) refused: bool,
    /// The breakers that it probes.
    pub(crate) probes: u8,
    /// The agent's actions of the minute.
    pub(crate) rate: i64,
    /// The same call within five minutes.
    pub(crate) repeats: i64,
    /// What the baseline knew of it.
    pub(crate) familiar: Familiarity,
    pub(crate) cost: i64,
    pub(crate) bytes_out: i64,
    pub(crate) records: i64,
    pub(crate) charges: Vec<Charge>,
    /// Budgets charged: key, and its period's kind and number.
    pub(crate) budgets: Vec<(u64, (super::budget::BudgetPeriod, i64))>,
}
codec!(Reservation {
    id,
    at,
    permitted,
    refused,
    probes,
    rate,
    repeats,
    familiar,
    cost,
    bytes_out,
    records,
    charges,
    budgets,
});

impl Reservation {
    /// Forgets the charges that no outcome changes.
    pub(crate) fn keep_what_settles(&mut self) {
        self.charges
            .retain(|c| matches!(c.kind, LimitKind::Spend | LimitKind::ErrorRate));
        if self.charges.is_empty() {
            self.charges = Vec::new();
        }
    }
}
