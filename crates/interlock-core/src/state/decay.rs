//! Decayed counts that merge.
//!
//! An event at time `t` weighs `2^(t / half-life)` relative to a common epoch (1970), so that sums
//! of two nodes add up; a plain moving average would not merge. The exponent is split: its whole
//! part is the `period` that the sum is kept relative to (every new period halves the sum), its
//! fraction is looked up in a table. All in integers: weights are 16-bit fixed point.

use super::codec::codec;

/// Half-life of denials and violations, in nanoseconds: a day.
pub(crate) const VIOLATION_HALF_LIFE_NS: i64 = 86_400_000_000_000;
/// Half-life of approvals: thirty days.
pub(crate) const APPROVAL_HALF_LIFE_NS: i64 = 30 * VIOLATION_HALF_LIFE_NS;
/// Half-life of a baseline: fourteen days.
pub(crate) const BASELINE_HALF_LIFE_NS: i64 = 14 * VIOLATION_HALF_LIFE_NS;

/// `2^(i/64)` in 16-bit fixed point.
const POW2: [u64; 64] = {
    // 2^(1/64) with 62 fractional bits.
    const ROOT: u128 = 4_661_903_986_662_671_289;
    let mut table = [0; 64];
    let mut power: u128 = 1 << 62;
    let mut i = 0;
    while i < 64 {
        #[expect(clippy::indexing_slicing, reason = "evaluated at compile time")]
        {
            table[i] = (power >> 46) as u64;
        }
        power = (power * ROOT) >> 62;
        i += 1;
    }
    table
};

/// The period of a time, and the weight of an event at that time relative to the period.
#[must_use]
pub(crate) fn weight(time: i64, half_life_ns: i64) -> (i64, u64) {
    let half_life = half_life_ns.max(64);
    let step = time.rem_euclid(half_life) / (half_life / 64).max(1);
    let weight = usize::try_from(step)
        .ok()
        .and_then(|i| POW2.get(i.min(63)))
        .copied();
    (time.div_euclid(half_life), weight.unwrap_or(1 << 16))
}

/// How far a sum moves when its period moves from `from` to `to`.
pub(crate) fn halvings(from: i64, to: i64) -> u32 {
    u32::try_from(to.saturating_sub(from).clamp(0, 63)).unwrap_or(63)
}

/// One decayed count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Decayed {
    period: i64,
    sum: u64,
}
codec!(Decayed { period, sum });

impl Decayed {
    fn advance(&mut self, period: i64) {
        self.sum >>= halvings(self.period, period);
        self.period = self.period.max(period);
    }

    /// Counts one event. A time before the newest period counts as that period's start.
    pub fn add(&mut self, time: i64, half_life_ns: i64) {
        let (period, weight) = weight(time, half_life_ns);
        self.advance(period);
        let weight = if period < self.period {
            1 << 16
        } else {
            weight
        };
        self.sum = self.sum.saturating_add(weight);
    }

    /// The count at `time` × 100.
    #[must_use]
    pub fn value_x100(&self, time: i64, half_life_ns: i64) -> i64 {
        if self.sum == 0 {
            return 0;
        }
        let (period, weight) = weight(time, half_life_ns);
        let weight = if period < self.period {
            1 << 16
        } else {
            weight
        };
        let sum = self.sum >> halvings(self.period, period);
        // Rounded, so that a count of one just made reads 100.
        let value = (u128::from(sum) * 100 + u128::from(weight) / 2) / u128::from(weight);
        i64::try_from(value).unwrap_or(i64::MAX)
    }

    /// Adds another node's count.
    pub fn merge(&mut self, other: &Self) {
        let period = self.period.max(other.period);
        let mut other = *other;
        other.advance(period);
        self.advance(period);
        self.sum = self.sum.saturating_add(other.sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY: i64 = VIOLATION_HALF_LIFE_NS;

    #[test]
    fn the_table_holds_powers_of_two() {
        for (i, got) in POW2.iter().enumerate() {
            let want = f64::from(1u32 << 16) * (i as f64 / 64.0).exp2();
            assert!((*got as f64 - want).abs() <= 1.0, "{i}: {got} {want}");
        }
    }

    #[test]
    fn a_count_halves_in_a_half_life() {
        let mut count = Decayed::default();
        let start = 20_000 * DAY + 7 * DAY / 24;
        for _ in 0..8 {
            count.add(start, DAY);
        }
        let check = |days: i64, want: i64| {
            assert_eq!(
                count.value_x100(start + days * DAY, DAY),
                want,
                "{days} days"
            );
        };
        check(0, 800);
        check(1, 400);
        check(2, 200);
        check(10, 1);
        check(400, 0);
        let half_day = count.value_x100(start + DAY / 2, DAY);
        assert!((560..=572).contains(&half_day), "{half_day}");
    }

    proptest! {
        #[test]
        fn merging_commutes(
            a in prop::collection::vec(0i64..100 * DAY, 0..20),
            b in prop::collection::vec(0i64..100 * DAY, 0..20),
        ) {
            let of = |times: &[i64]| {
                let mut count = Decayed::default();
                for t in times { count.add(*t, DAY); }
                count
            };
            let (x, y) = (of(&a), of(&b));
            let (mut xy, mut yx) = (x, y);
            xy.merge(&y);
            yx.merge(&x);
            prop_assert_eq!(xy, yx);
        }
    }
}
