//! Rate windows: an exact sliding log, a bucketed sum for large amounts, and GCRA.
//!
//! Windows are half open: at time `t` they hold what came in `(t - window, t]`.

use std::collections::VecDeque;

use super::codec::codec;

/// Sub-windows of a [`BucketSum`].
const BUCKETS: i64 = 64;

/// The times of single events; exact.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SlidingLog {
    times: VecDeque<i64>,
}
codec!(SlidingLog { times });

impl SlidingLog {
    /// Forgets what left the window.
    pub fn prune(&mut self, now: i64, window_ns: i64) {
        let start = now.saturating_sub(window_ns);
        while self.times.front().is_some_and(|t| *t <= start) {
            self.times.pop_front();
        }
    }

    /// Adds an event and keeps the newest `keep` of them; the one that had to go, if any.
    pub fn push(&mut self, now: i64, keep: usize) -> Option<i64> {
        // Times come from a clock that never runs backwards, so the log stays sorted.
        self.times.push_back(now);
        let over = self.times.len() > keep.max(1);
        over.then(|| self.times.pop_front()).flatten()
    }

    /// Takes one event of that time back; whether there was one.
    pub fn remove(&mut self, time: i64) -> bool {
        let at = self.times.binary_search(&time);
        at.is_ok_and(|at| self.times.remove(at).is_some())
    }

    /// How many events the log holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// Events in the window.
    #[must_use]
    pub fn count(&self, now: i64, window_ns: i64) -> i64 {
        let start = now.saturating_sub(window_ns);
        let gone = self.times.partition_point(|t| *t <= start);
        to_i64(self.times.len().saturating_sub(gone))
    }

    /// Nanoseconds until at most `max` of the events that the log holds are in the window.
    #[must_use]
    pub fn wait_ns(&self, now: i64, window_ns: i64, max: i64) -> i64 {
        let over = to_i64(self.times.len()).saturating_sub(max.max(0));
        let Some(last_to_go) = usize::try_from(over.saturating_sub(1)).ok() else {
            return 0;
        };
        self.times.get(last_to_go).map_or(window_ns, |t| {
            t.saturating_add(window_ns).saturating_sub(now).max(0)
        })
    }
}

/// The sum of amounts within a window, in 64 sub-windows.
///
/// Never counts less than what the window holds. It may count more: at most what came within the
/// one sub-window (1/64 of the window) that is leaving.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BucketSum {
    width_ns: i64,
    buckets: VecDeque<(i64, i64)>,
    sum: i64,
}
codec!(BucketSum {
    width_ns,
    buckets,
    sum
});

impl BucketSum {
    fn width(window_ns: i64) -> i64 {
        // Rounded up, so that 64 sub-windows cover the window.
        (window_ns / BUCKETS).saturating_add(1)
    }

    /// Forgets what left the window. A window of another length keeps the whole sum and lets it
    /// age from now on: a changed policy may count too much for a while, never too little.
    pub fn prune(&mut self, now: i64, window_ns: i64) {
        let width = Self::width(window_ns);
        if self.width_ns != width {
            self.width_ns = width;
            self.buckets.clear();
            if self.sum != 0 {
                self.buckets.push_back((now.div_euclid(width), self.sum));
            }
        }
        let start = now.saturating_sub(window_ns);
        while let Some((index, amount)) = self.buckets.front() {
            // The newest nanosecond that the bucket can hold.
            if index
                .saturating_add(1)
                .saturating_mul(width)
                .saturating_sub(1)
                > start
            {
                break;
            }
            self.sum = self.sum.saturating_sub(*amount);
            self.buckets.pop_front();
        }
    }

    /// Adds an amount of zero or more.
    pub fn add(&mut self, now: i64, window_ns: i64, amount: i64) {
        self.prune(now, window_ns);
        self.adjust(now, amount.max(0));
    }

    /// Changes the amount that was added at `time`, if that part of the window is still held. A
    /// bucket never falls below zero.
    pub fn adjust(&mut self, time: i64, amount: i64) {
        if amount == 0 || self.width_ns == 0 {
            return;
        }
        let index = time.div_euclid(self.width_ns);
        let at = self.buckets.partition_point(|(i, _)| *i < index);
        match self.buckets.get_mut(at) {
            Some((i, held)) if *i == index => {
                let new = held.saturating_add(amount).max(0);
                self.sum = self.sum.saturating_add(new.saturating_sub(*held)).max(0);
                *held = new;
                if new == 0 {
                    self.buckets.remove(at);
                }
            }
            _ if amount > 0 => {
                self.sum = self.sum.saturating_add(amount);
                self.buckets.insert(at, (index, amount));
            }
            _ => {}
        }
    }

    /// The sum of the window as last pruned.
    #[must_use]
    pub fn sum(&self) -> i64 {
        self.sum
    }

    /// Sub-windows held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.buckets.len()
    }

    /// Whether nothing is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    /// Nanoseconds until the sum is at most `max`.
    #[must_use]
    pub fn wait_ns(&self, now: i64, window_ns: i64, max: i64) -> i64 {
        let mut left = self.sum;
        let mut wait = 0;
        for (index, amount) in &self.buckets {
            if left <= max {
                return wait;
            }
            left = left.saturating_sub(*amount);
            let end = index.saturating_add(1).saturating_mul(self.width_ns);
            wait = end.saturating_add(window_ns).saturating_sub(now).max(0);
        }
        if left <= max { wait } else { window_ns }
    }
}

/// Events of one minute: exact up to [`MINUTE_EXACT_MAX`], above that a [`BucketSum`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct MinuteWindow {
    log: SlidingLog,
    sum: BucketSum,
    /// When the newest event came that the log could not keep.
    spilled_at: i64,
}
codec!(MinuteWindow {
    log,
    sum,
    spilled_at
});

/// Up to so many events of a minute are counted exactly.
pub(crate) const MINUTE_EXACT_MAX: usize = 512;

const MINUTE_NS: i64 = 60_000_000_000;

impl MinuteWindow {
    /// Adds an event and answers how many the minute holds, this one included. `in_flight_max`
    /// events at most may still be taken back.
    pub(crate) fn push(&mut self, now: i64, in_flight_max: usize) -> i64 {
        self.log.prune(now, MINUTE_NS);
        // Whatever of it may still be taken back, what is left counts exactly.
        let keep = MINUTE_EXACT_MAX.saturating_add(in_flight_max);
        if let Some(spilled) = self.log.push(now, keep) {
            self.spilled_at = spilled;
        }
        self.sum.add(now, MINUTE_NS, 1);
        let exact = to_i64(self.log.len());
        if self.spilled_at <= now.saturating_sub(MINUTE_NS) {
            exact
        } else {
            exact.max(self.sum.sum())
        }
    }

    /// Takes back the event of that time.
    pub(crate) fn remove(&mut self, time: i64) {
        self.log.remove(time);
        self.sum.adjust(time, -1);
    }
}

/// The generic cell rate algorithm (ITU-T I.371): `burst` events at once, then one per interval,
/// in one timestamp. For callers that want smoothing rather than an exact window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gcra {
    theoretical_arrival: i64,
}
codec!(Gcra {
    theoretical_arrival
});

impl Gcra {
    /// Takes one event if it conforms.
    ///
    /// # Errors
    /// Nanoseconds until one would.
    pub fn take(&mut self, now: i64, interval_ns: i64, burst: i64) -> Result<(), i64> {
        let interval = interval_ns.max(1);
        let tolerance = interval.saturating_mul(burst.max(1).saturating_sub(1));
        let arrival = self.theoretical_arrival.max(now);
        let early = arrival.saturating_sub(now).saturating_sub(tolerance);
        if early > 0 {
            return Err(early);
        }
        self.theoretical_arrival = arrival.saturating_add(interval);
        Ok(())
    }
}

pub(crate) fn to_i64(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_log_is_exact_at_its_edges() {
        let mut log = SlidingLog::default();
        for t in [0, 10, 10, 59] {
            log.push(t, 300);
        }
        let check = |now, count| assert_eq!(log.count(now, 60), count, "at {now}");
        check(59, 4);
        check(60, 3);
        check(69, 3);
        check(70, 1);
        check(118, 1);
        check(119, 0);
        assert_eq!(log.wait_ns(59, 60, 3), 1, "the event at 0 leaves at 60");
        assert_eq!(log.wait_ns(59, 60, 1), 11);
        assert_eq!(log.wait_ns(59, 60, 4), 0);
        assert!(log.remove(10));
        assert!(!log.remove(11));
        assert_eq!(log.count(59, 60), 3);
    }

    #[test]
    fn a_minute_never_counts_too_little() {
        let mut minute = MinuteWindow::default();
        for n in 0..2_000i64 {
            let now = n * 20_000_000;
            let got = minute.push(now, 256);
            if n < 768 {
                assert_eq!(got, n + 1);
            } else {
                assert!((n + 1..=n + 1 + 50).contains(&got), "{n}: {got}");
            }
        }
        for n in 1_800..2_000 {
            minute.remove(n * 20_000_000);
        }
        let got = minute.push(2_000 * 20_000_000, 256);
        assert!((1_801..=1_851).contains(&got), "{got}");
        let got = minute.push(2_000 * 20_000_000 + MINUTE_NS, 256);
        assert_eq!(got, 1, "everything has left");
    }

    #[test]
    fn gcra_allows_the_burst_and_then_the_rate() {
        let mut cell = Gcra::default();
        let got: Vec<Result<(), i64>> = [100, 100, 100, 100, 105, 110, 110, 200, 200]
            .iter()
            .map(|now| cell.take(*now, 10, 3))
            .collect();
        let want = [
            Ok(()),
            Ok(()),
            Ok(()),
            Err(10),
            Err(5),
            Ok(()),
            Err(10),
            Ok(()),
            Ok(()),
        ];
        assert_eq!(got, want);
    }

    #[test]
    fn gcra_never_resets_when_the_clock_steps_back() {
        let mut cell = Gcra::default();
        assert_eq!(cell.take(1_000, 10, 1), Ok(()));
        assert_eq!(cell.take(500, 10, 1), Err(510));
    }

    proptest! {
        /// Never less than the truth, and more by at most one sub-window's worth.
        #[test]
        fn the_bucketed_sum_brackets_the_truth(
            steps in prop::collection::vec((0i64..2_000, 0i64..50), 1..200),
            window in 100i64..100_000,
        ) {
            let mut sum = BucketSum::default();
            let mut all: Vec<(i64, i64)> = Vec::new();
            let mut now = 0;
            for (gap, amount) in steps {
                now += gap;
                sum.add(now, window, amount);
                all.push((now, amount));
                let within = |from: i64| -> i64 {
                    all.iter().filter(|(t, _)| *t > from).map(|(_, a)| a).sum()
                };
                let exact = within(now - window);
                let most = within(now - window - window / 64 - 1);
                prop_assert!(sum.sum() >= exact);
                prop_assert!(sum.sum() <= most, "{} > {most}", sum.sum());
                let wait = sum.wait_ns(now, window, exact / 2);
                let mut later = sum.clone();
                later.prune(now + wait, window);
                prop_assert!(later.sum() <= exact / 2);
            }
        }

        #[test]
        fn what_is_taken_back_leaves_no_trace(times in prop::collection::vec(0i64..10_000, 1..50), extra in 0i64..10_000) {
            let mut times = times;
            times.sort_unstable();
            let mut with = BucketSum::default();
            let mut without = BucketSum::default();
            let late = extra.max(*times.last().unwrap());
            for t in &times {
                with.add(*t, 20_000, 3);
                without.add(*t, 20_000, 3);
            }
            with.add(late, 20_000, 7);
            with.adjust(late, -7);
            without.prune(late, 20_000);
            prop_assert_eq!(with, without);
        }
    }
}
