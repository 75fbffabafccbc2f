//! An agent's own hours: weekdays and weekends apart, the day a circle.

use super::codec::codec;

const DAY_HOURS: usize = 24;
const HOUR_NS: i64 = 3_600_000_000_000;

/// `1000·exp(6·(cos(15°·k) − 1))`, a von Mises kernel of concentration 6: what an hour says about
/// the hours beside it.
const KERNEL: [u64; 5] = [1_000, 815, 448, 172, 50];
const KERNEL_SUM: u64 = 1_000 + 2 * (815 + 448 + 172 + 50);

/// Decayed counts per hour (UTC) of weekdays, then of weekends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hours {
    counts: [u64; 2 * DAY_HOURS],
}
codec!(Hours { counts });

impl Default for Hours {
    fn default() -> Self {
        Self {
            counts: [0; 2 * DAY_HOURS],
        }
    }
}

/// 0 for a weekday, 24 for the weekend; and the hour.
fn place(time: i64) -> (usize, usize) {
    let hours = time.div_euclid(HOUR_NS);
    // The first of January 1970 was a Thursday.
    let weekday = (hours.div_euclid(24) + 3).rem_euclid(7);
    let hour = usize::try_from(hours.rem_euclid(24)).unwrap_or(0);
    (if weekday >= 5 { DAY_HOURS } else { 0 }, hour)
}

impl Hours {
    /// Learns a time.
    pub(crate) fn add(&mut self, time: i64, weight: u64) {
        let (kind, hour) = place(time);
        if let Some(count) = self.counts.get_mut(kind + hour) {
            *count = count.saturating_add(weight);
        }
    }

    /// The share of this hour in this kind of day, smoothed, per mille: 41 for an agent that works
    /// around the clock, 0 for an hour (or a weekend) it never came near.
    #[must_use]
    pub(crate) fn share(&self, time: i64) -> i64 {
        let (kind, hour) = place(time);
        let day = self.counts.get(kind..kind + DAY_HOURS).unwrap_or_default();
        let total: u128 = day.iter().map(|n| u128::from(*n)).sum();
        let at = |h: usize| day.get(h % DAY_HOURS).map_or(0, |n| u128::from(*n));
        let smooth: u128 = KERNEL
            .iter()
            .enumerate()
            .map(|(k, weight)| {
                let sides = if k == 0 {
                    at(hour)
                } else {
                    at(hour + k) + at(hour + DAY_HOURS - k)
                };
                sides * u128::from(*weight)
            })
            .sum();
        let share = (smooth * 1_000).checked_div(total * u128::from(KERNEL_SUM));
        share.and_then(|s| i64::try_from(s).ok()).unwrap_or(0)
    }

    /// Halves every count so many times.
    pub(crate) fn halve(&mut self, times: u32) {
        for count in &mut self.counts {
            *count >>= times;
        }
    }

    /// Adds another node's counts.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count = count.saturating_add(*more);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-16, a Monday, 00:00 UTC.
    const MONDAY: i64 = 1_794_787_200 * 1_000_000_000;

    #[test]
    fn an_office_agent_is_odd_at_night_and_on_sundays() {
        let mut hours = Hours::default();
        for day in 0..5 {
            for hour in 9..17 {
                hours.add(MONDAY + (day * 24 + hour) * HOUR_NS, 1 << 16);
            }
        }
        let check = |day: i64, hour: i64, want: std::ops::RangeInclusive<i64>| {
            let got = hours.share(MONDAY + (day * 24 + hour) * HOUR_NS);
            assert!(want.contains(&got), "day {day}, {hour} h: {got}");
        };
        check(0, 12, 110..=126);
        check(4, 9, 60..=100);
        check(4, 18, 10..=60);
        check(1, 3, 0..=0);
        check(1, 22, 0..=0);
        check(6, 12, 0..=0);
        check(7, 12, 110..=126);
    }

    #[test]
    fn midnight_is_no_edge() {
        let mut hours = Hours::default();
        hours.add(MONDAY + 23 * HOUR_NS, 1 << 16);
        assert_eq!(
            hours.share(MONDAY + HOUR_NS),
            hours.share(MONDAY + 21 * HOUR_NS)
        );
        assert!(hours.share(MONDAY) > 150);
    }

    #[test]
    fn around_the_clock_every_hour_is_alike() {
        let mut hours = Hours::default();
        for hour in 0..24 {
            hours.add(MONDAY + hour * HOUR_NS, 5 << 16);
        }
        for hour in 0..24 {
            assert_eq!(hours.share(MONDAY + hour * HOUR_NS), 41);
        }
    }
}
