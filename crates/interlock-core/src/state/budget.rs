//! Budgets: money per day or month (UTC), charged before the action and settled by its outcome.

use super::codec::{Codec, codec};

/// Budgets of one agent.
pub const BUDGETS_MAX: usize = 32;

const DAY_NS: i64 = 86_400_000_000_000;

/// What a budget renews with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BudgetPeriod {
    /// At midnight UTC.
    Day,
    /// On the first of the month, UTC.
    Month,
}

impl BudgetPeriod {
    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// The period of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Day, Self::Month]
            .into_iter()
            .find(|p| p.name() == name)
    }

    /// The number of the period that a time falls in.
    #[must_use]
    pub fn index(self, time: i64) -> i64 {
        let days = time.div_euclid(DAY_NS);
        match self {
            Self::Day => days,
            Self::Month => month_of(days),
        }
    }

    /// When the period of that number begins, in Unix nanoseconds.
    #[must_use]
    pub fn start(self, index: i64) -> i64 {
        let days = match self {
            Self::Day => index,
            Self::Month => first_day_of(index),
        };
        days.saturating_mul(DAY_NS)
    }

    /// When the period of that number ends, and the next one begins.
    #[must_use]
    pub fn end(self, index: i64) -> i64 {
        self.start(index.saturating_add(1))
    }
}

/// The first day, since 1970, of a month since year 0: Howard Hinnant's `days_from_civil`.
fn first_day_of(month: i64) -> i64 {
    // Years begin in March, so that the leap day is the last one.
    let (year, from_march) = (
        month.saturating_sub(2).div_euclid(12),
        month.saturating_sub(2).rem_euclid(12),
    );
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * from_march + 2) / 5;
    let of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    era.saturating_mul(146_097)
        .saturating_add(of_era)
        .saturating_sub(719_468)
}

/// Months since year 0 of a day since 1970: Howard Hinnant's `civil_from_days`.
fn month_of(days: i64) -> i64 {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day = shifted.rem_euclid(146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    (era * 400 + year) * 12 + from_march + 2
}

impl Codec for BudgetPeriod {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self == Self::Month));
    }
    fn take(from: &mut &[u8]) -> Option<Self> {
        match u8::take(from)? {
            0 => Some(Self::Day),
            1 => Some(Self::Month),
            _ => None,
        }
    }
}

/// A budget that an action draws on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetCharge {
    /// The budget: a hash of its name.
    pub key: u64,
    /// What it renews with.
    pub period: BudgetPeriod,
    /// The most that a period may cost, in billionths of a US dollar.
    pub max_nano_usd: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Budget {
    key: u64,
    period: BudgetPeriod,
    index: i64,
    used: i64,
}
codec!(Budget {
    key,
    period,
    index,
    used
});

/// The budgets of one agent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Budgets {
    budgets: Vec<Budget>,
}
codec!(Budgets { budgets });

impl Budgets {
    /// Charges a cost of zero or more and answers the period's number and the share used, this and
    /// everything in flight included: per mille of the maximum, rounded up, so that it passes 1000
    /// exactly when the maximum is passed.
    pub fn reserve(&mut self, charge: &BudgetCharge, cost: i64, now: i64) -> (i64, i64) {
        let index = charge.period.index(now);
        let at = self
            .budgets
            .iter()
            .position(|b| b.key == charge.key && b.period == charge.period);
        if at.is_none() && self.budgets.len() >= BUDGETS_MAX {
            self.budgets.retain(|b| b.period.index(now) <= b.index);
            if self.budgets.len() >= BUDGETS_MAX {
                // What cannot be counted counts as used up.
                return (index, 1_001);
            }
        }
        let at = at.unwrap_or_else(|| {
            self.budgets.push(Budget {
                key: charge.key,
                period: charge.period,
                index,
                used: 0,
            });
            self.budgets.len() - 1
        });
        let Some(budget) = self.budgets.get_mut(at) else {
            return (index, 1_001);
        };
        // A clock that steps back into yesterday does not renew anything.
        if index > budget.index {
            budget.index = index;
            budget.used = 0;
        }
        budget.used = budget.used.saturating_add(cost.max(0));
        (budget.index, share(budget.used, charge.max_nano_usd))
    }

    /// Changes what a charge of period `index` was, downward (released, cheaper) or upward.
    pub fn adjust(&mut self, key: u64, period: BudgetPeriod, index: i64, by: i64) {
        let budget = self
            .budgets
            .iter_mut()
            .find(|b| b.key == key && b.period == period && b.index == index);
        if let Some(budget) = budget {
            budget.used = budget.used.saturating_add(by).max(0);
        }
    }

    /// What a budget has used in the period that `now` falls in, in billionths of a US dollar.
    #[must_use]
    pub fn used_at(&self, key: u64, period: BudgetPeriod, now: i64) -> i64 {
        let mut budgets = self.budgets.iter();
        let budget = budgets.find(|b| b.key == key && b.period == period);
        // A clock that steps back is still in the period that was charged.
        budget.map_or(0, |b| {
            if period.index(now) > b.index {
                0
            } else {
                b.used
            }
        })
    }

    /// What a budget has used in the period of its latest charge, in billionths of a US dollar.
    #[must_use]
    pub fn used(&self, key: u64, period: BudgetPeriod) -> i64 {
        let mut budgets = self.budgets.iter();
        let budget = budgets.find(|b| b.key == key && b.period == period);
        budget.map_or(0, |b| b.used)
    }
}

fn share(used: i64, max: i64) -> i64 {
    if max <= 0 {
        return if used > 0 { 1_001 } else { 0 };
    }
    let share = (i128::from(used) * 1_000 + i128::from(max) - 1) / i128::from(max);
    i64::try_from(share).unwrap_or(i64::MAX).min(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_and_days_begin_at_midnight_utc() {
        let check = |time: &str, day: i64, month: i64| {
            let t: jiff::Timestamp = time.parse().unwrap();
            let t = i64::try_from(t.as_nanosecond()).unwrap();
            assert_eq!(BudgetPeriod::Day.index(t), day, "{time}");
            assert_eq!(BudgetPeriod::Month.index(t), month, "{time}");
            for period in [BudgetPeriod::Day, BudgetPeriod::Month] {
                let index = period.index(t);
                let (start, end) = (period.start(index), period.end(index));
                assert!(start <= t && t < end, "{time}");
                assert_eq!(period.index(start), index, "{time}");
                assert_eq!(period.index(end), index + 1, "{time}");
                assert_eq!(period.index(end - 1), index, "{time}");
            }
        };
        check("1970-01-01T00:00:00Z", 0, 1970 * 12);
        check("1969-12-31T23:59:59Z", -1, 1970 * 12 - 1);
        check("2026-11-30T23:59:59.999Z", 20_787, 2026 * 12 + 10);
        check("2026-12-01T00:00:00Z", 20_788, 2026 * 12 + 11);
        check("2028-02-29T12:00:00Z", 21_243, 2028 * 12 + 1);
        check("2028-03-01T00:00:00Z", 21_244, 2028 * 12 + 2);
    }

    #[test]
    fn the_share_passes_a_thousand_exactly_at_the_maximum() {
        for (used, max, want) in [
            (0, 100, 0),
            (50, 100, 500),
            (100, 100, 1_000),
            (101, 100, 1_010),
            (1_000_000_000_000, 1_000_000_000_000, 1_000),
            (1_000_000_000_001, 1_000_000_000_000, 1_001),
            (0, 0, 0),
            (1, 0, 1_001),
            (i64::MAX, 1, 1_000_000),
        ] {
            assert_eq!(share(used, max), want, "{used} of {max}");
        }
    }

    #[test]
    fn a_clock_that_steps_back_renews_nothing() {
        let charge = BudgetCharge {
            key: 7,
            period: BudgetPeriod::Day,
            max_nano_usd: 100,
        };
        let mut budgets = Budgets::default();
        assert_eq!(budgets.reserve(&charge, 60, 5 * DAY_NS), (5, 600));
        assert_eq!(budgets.reserve(&charge, 60, 4 * DAY_NS), (5, 1_200));
        assert_eq!(budgets.reserve(&charge, 60, 6 * DAY_NS), (6, 600));
        budgets.adjust(7, BudgetPeriod::Day, 5, -60);
        assert_eq!(budgets.used(7, BudgetPeriod::Day), 60, "yesterday's charge");
        for (day, used) in [(5, 60), (6, 60), (7, 0)] {
            let got = budgets.used_at(7, BudgetPeriod::Day, day * DAY_NS);
            assert_eq!(got, used, "on day {day}");
        }
        budgets.adjust(7, BudgetPeriod::Day, 6, -60);
        assert_eq!(budgets.used(7, BudgetPeriod::Day), 0);
    }

    #[test]
    fn too_many_budgets_fail_closed() {
        let mut budgets = Budgets::default();
        let mut reserve = |key, now| {
            let charge = BudgetCharge {
                key,
                period: BudgetPeriod::Day,
                max_nano_usd: 100,
            };
            budgets.reserve(&charge, 1, now).1
        };
        for key in 0..32 {
            assert_eq!(reserve(key, 0), 10);
        }
        assert_eq!(reserve(99, 0), 1_001);
        assert_eq!(reserve(99, DAY_NS), 10, "yesterday's give way");
    }
}
