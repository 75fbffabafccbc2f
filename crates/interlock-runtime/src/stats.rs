//! Counters of this process.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use interlock_core::model::Effect;

/// Upper bounds of the latency histogram, in microseconds.
const BOUNDS_US: [u64; 10] = [10, 20, 30, 50, 100, 200, 500, 1_000, 5_000, 20_000];

/// Counters.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    by_effect: [AtomicU64; 6],
    latency: [AtomicU64; 11],
    latency_us_sum: AtomicU64,
    unknown: AtomicU64,
}

/// The counters at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Decisions by effect, in the order of [`Effect::ALL`].
    pub by_effect: [u64; 6],
    /// Decisions by time in the engine: upper bound in microseconds, and how many took at most
    /// that; the last bound is open.
    pub latency_us: Vec<(Option<u64>, u64)>,
    /// All times in the engine together, in microseconds.
    pub latency_us_sum: u64,
    /// Permitted actions whose outcome nobody reported in time.
    pub outcomes_unknown: u64,
}

impl Snapshot {
    /// The bound, in microseconds, within which that many of a hundred decisions were taken; `None`
    /// without decisions, and beyond the last bound.
    #[must_use]
    pub fn latency_quantile_us(&self, percent: u64) -> Option<u64> {
        let total = self.latency_us.last()?.1;
        let wanted = total.saturating_mul(percent).div_ceil(100);
        if total == 0 {
            return None;
        }
        self.latency_us.iter().find(|(_, n)| *n >= wanted)?.0
    }
}

impl Stats {
    /// Counts one decision.
    pub(crate) fn decided(&self, effect: Effect, took: Duration) {
        if let Some(at) = Effect::ALL.iter().position(|e| *e == effect)
            && let Some(counter) = self.by_effect.get(at)
        {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let at = BOUNDS_US
            .iter()
            .position(|b| us <= *b)
            .unwrap_or(BOUNDS_US.len());
        if let Some(counter) = self.latency.get(at) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        self.latency_us_sum.fetch_add(us, Ordering::Relaxed);
    }

    /// Counts outcomes that became unknown.
    pub(crate) fn unknown(&self, count: usize) {
        self.unknown
            .fetch_add(u64::try_from(count).unwrap_or(0), Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let mut seen = 0;
        let latency_us = self
            .latency
            .iter()
            .enumerate()
            .map(|(i, counter)| {
                seen += counter.load(Ordering::Relaxed);
                (BOUNDS_US.get(i).copied(), seen)
            })
            .collect();
        let mut by_effect = [0; 6];
        for (to, from) in by_effect.iter_mut().zip(&self.by_effect) {
            *to = from.load(Ordering::Relaxed);
        }
        Snapshot {
            by_effect,
            latency_us,
            latency_us_sum: self.latency_us_sum.load(Ordering::Relaxed),
            outcomes_unknown: self.unknown.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use interlock_core::model::Effect;

    use super::Stats;

    #[test]
    fn a_quantile_is_the_bound_of_its_class() {
        let stats = Stats::default();
        assert_eq!(stats.snapshot().latency_quantile_us(50), None);
        for us in [5, 5, 15, 15, 45] {
            stats.decided(Effect::Allow, Duration::from_micros(us));
        }
        let taken = stats.snapshot();
        assert_eq!(taken.latency_quantile_us(40), Some(10));
        assert_eq!(taken.latency_quantile_us(50), Some(20));
        assert_eq!(taken.latency_quantile_us(99), Some(50));
        stats.decided(Effect::Allow, Duration::from_secs(60));
        assert_eq!(stats.snapshot().latency_quantile_us(99), None);
    }
}
