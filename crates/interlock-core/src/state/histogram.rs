//! Sizes and rates in log space: a histogram of quarter octaves, and how far a value is from its
//! middle.

use super::codec::codec;

/// Quarter octaves up to 2^42; larger values share the last.
const BINS: usize = 168;
/// Values seen before it judges.
const SAMPLES_MIN: u32 = 20;
/// Values between two looks at the middle; fewer while there are few.
const REFRESH: u32 = 8;
/// The share of values, per cent, that the high mark lies above.
const HIGH_PERCENT: u64 = 97;
/// The share of values that lie above the top mark: one of so many.
const TOP_SHARE: u64 = 512;
/// Quarter octaves above the top mark up to which a value is not far out: twice that.
const TOP_MARGIN: i64 = 4;
/// The most that such a value deviates.
const DEVIATION_KNOWN_MAX: i64 = 300;
/// The least spread it assumes, in quarter octaves: half an octave. Without it an agent whose
/// sizes never vary would make every other size infinitely odd.
const SPREAD_MIN: i64 = 2;
/// The largest deviation it reports.
pub(crate) const DEVIATION_MAX: i64 = 10_000;

/// Decayed counts of `log2(value + 1)` in quarter octaves, with the median and the median absolute
/// deviation and two high marks as of the last refresh.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct LogHistogram {
    bins: Vec<u64>,
    samples: u32,
    unseen: u32,
    median: i64,
    spread: i64,
    /// The bin below which 97 of 100 values lie.
    high: i64,
    /// The bin below which all but one of [`TOP_SHARE`] lie.
    top: i64,
}
codec!(LogHistogram {
    bins,
    samples,
    unseen,
    median,
    spread,
    high,
    top
});

/// `2^(1/4)`, `2^(2/4)`, `2^(3/4)` in 16-bit fixed point.
const QUARTERS: [u64; 3] = [77_936, 92_682, 110_218];

/// The quarter octave of `value + 1`.
fn bin(value: i64) -> usize {
    let n = value.max(0).unsigned_abs().saturating_add(1);
    let octave = n.ilog2();
    let mantissa = if octave >= 16 {
        n >> (octave - 16)
    } else {
        n << (16 - octave)
    };
    let quarter = QUARTERS.iter().filter(|q| mantissa >= **q).count();
    let octave = usize::try_from(octave).unwrap_or(usize::MAX);
    (octave.saturating_mul(4) + quarter).min(BINS - 1)
}

/// The largest value of a quarter octave, a little rounded.
fn largest(bin: i64) -> i64 {
    let next = bin.clamp(0, BINS as i64).saturating_add(1);
    let quarter = usize::try_from(next % 4).unwrap_or(0);
    let fraction = quarter.checked_sub(1).and_then(|q| QUARTERS.get(q));
    let value = (u128::from(fraction.copied().unwrap_or(1 << 16)) << (next / 4)) >> 16;
    i64::try_from(value).unwrap_or(i64::MAX).saturating_sub(1)
}

impl LogHistogram {
    /// Values learned so far.
    #[must_use]
    pub(crate) const fn samples(&self) -> u32 {
        self.samples
    }

    /// How many times the high mark a value is, × 100; a mark below `least` counts as that.
    #[must_use]
    pub(crate) fn times_high(&self, value: i64, least: i64) -> i64 {
        let high = largest(self.high).max(least).max(1);
        // Never 0, which says that too little is known.
        (value.max(0).saturating_mul(100) / high).clamp(1, DEVIATION_MAX)
    }

    /// Learns a value of zero or more.
    pub(crate) fn add(&mut self, value: i64, weight: u64) {
        let at = bin(value);
        if self.bins.len() <= at {
            self.bins.resize(at + 1, 0);
        }
        if let Some(count) = self.bins.get_mut(at) {
            *count = count.saturating_add(weight);
        }
        self.samples = self.samples.saturating_add(1);
        self.unseen = self.unseen.saturating_add(1);
        if self.unseen >= REFRESH.min(self.samples / 16 + 1) {
            self.refresh();
        }
    }

    /// The robust z-score (Iglewicz and Hoaglin: 0.6745 × distance from the median ÷ median absolute
    /// deviation) × 100, in log space; 0 until enough values were seen. What is not far above
    /// the top mark is never far out, however narrow the middle: sizes have several modes.
    #[must_use]
    pub(crate) fn deviation(&self, value: i64) -> i64 {
        if self.samples < SAMPLES_MIN {
            return 0;
        }
        let at = i64::try_from(bin(value)).unwrap_or(0);
        let distance = at.saturating_sub(self.median);
        let spread = self.spread.max(SPREAD_MIN).saturating_mul(100);
        let most = if at <= self.top.saturating_add(TOP_MARGIN) {
            DEVIATION_KNOWN_MAX
        } else {
            DEVIATION_MAX
        };
        (distance.saturating_mul(6_745) / spread).clamp(-DEVIATION_MAX, most)
    }

    fn refresh(&mut self) {
        self.unseen = 0;
        let count = |at: i64| {
            usize::try_from(at)
                .ok()
                .and_then(|at| self.bins.get(at))
                .copied()
                .unwrap_or(0)
        };
        let total = self.bins.iter().fold(0u64, |sum, n| sum.saturating_add(*n));
        let half = total.div_ceil(2);
        let mut below = 0u64;
        let median = self
            .bins
            .iter()
            .position(|n| {
                below = below.saturating_add(*n);
                below >= half
            })
            .unwrap_or(0);
        let median = i64::try_from(median).unwrap_or(0);
        let mut within = count(median);
        let mut spread = 0;
        while within < half && spread < BINS as i64 {
            spread += 1;
            within = within
                .saturating_add(count(median - spread))
                .saturating_add(count(median + spread));
        }
        let mark = |above: u64| {
            let mut beyond = 0u64;
            let at = self.bins.iter().rposition(|n| {
                beyond = beyond.saturating_add(*n);
                beyond >= above.max(1)
            });
            at.and_then(|at| i64::try_from(at).ok()).unwrap_or(0)
        };
        let high = mark(total.saturating_sub(total / 100 * HIGH_PERCENT));
        let top = mark(total / TOP_SHARE);
        self.high = high;
        self.top = top;
        self.median = median;
        self.spread = spread;
    }

    /// Halves every count so many times.
    pub(crate) fn halve(&mut self, times: u32) {
        for count in &mut self.bins {
            *count >>= times;
        }
        while self.bins.last() == Some(&0) {
            self.bins.pop();
        }
        self.refresh();
    }

    /// Adds another node's counts.
    pub(crate) fn merge(&mut self, other: &Self) {
        if self.bins.len() < other.bins.len() {
            self.bins.resize(other.bins.len(), 0);
        }
        for (count, more) in self.bins.iter_mut().zip(&other.bins) {
            *count = count.saturating_add(*more);
        }
        self.samples = self.samples.saturating_add(other.samples);
        self.refresh();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_quarter_octaves() {
        for (value, want) in [
            (-5, 0),
            (0, 0),
            (1, 4),
            (2, 6),
            (3, 8),
            (6, 11),
            (1_023, 40),
            (i64::MAX, BINS - 1),
        ] {
            assert_eq!(bin(value), want, "{value}");
        }
        for value in 1..100_000i64 {
            let want = ((value + 1) as f64).log2() * 4.0;
            let got = bin(value) as f64;
            assert!(
                (want.floor() - got).abs() < 1.01 && got <= want + 1e-3,
                "{value}"
            );
        }
    }

    /// The values learned, then a value and the range its deviation must fall in.
    fn check(learned: &[i64], value: i64, want: std::ops::RangeInclusive<i64>) {
        let mut histogram = LogHistogram::default();
        for v in learned {
            histogram.add(*v, 1 << 16);
        }
        let got = histogram.deviation(value);
        assert!(want.contains(&got), "{value}: {got} not in {want:?}");
    }

    #[test]
    fn deviations_are_in_log_space() {
        let constant = [500; 40];
        check(&constant, 500, 0..=0);
        check(&constant, 700, 50..=80);
        check(&constant, 5_000, 400..=500);
        check(&constant, 50_000_000, 2_000..=2_500);
        check(&constant, 5, -1_000..=-700);
        let wide: Vec<i64> = (0..64).map(|i| 1i64 << (i % 16)).collect();
        check(&wide, 300, -60..=60);
        check(&wide, 100_000, 80..=200);
        check(&[1; 40], 100_000, 2_000..=2_300);
        check(&[500; 19], 5_000_000, 0..=0);
    }

    #[test]
    fn the_high_mark_is_its_own_busiest() {
        let mut histogram = LogHistogram::default();
        for n in 0..100 {
            histogram.add(if n % 10 == 0 { 4_000 } else { 100 }, 1 << 16);
        }
        assert!((90..=125).contains(&histogram.times_high(4_500, 0)));
        assert!((900..=1_150).contains(&histogram.times_high(45_000, 0)));
        assert_eq!(histogram.times_high(45_000, 45_000), 100);
        assert_eq!(histogram.times_high(0, 0), 1);
        assert!(histogram.deviation(4_000) <= DEVIATION_KNOWN_MAX);
        assert!(histogram.deviation(400_000) > 1_000);
        // Below 7 the whole numbers are further apart than quarters of an octave.
        for at in 12..BINS - 1 {
            let at = i64::try_from(at).unwrap();
            let back = i64::try_from(bin(largest(at))).unwrap();
            assert!((at - 1..=at + 1).contains(&back), "{at}: {back}");
        }
    }

    #[test]
    fn it_follows_a_change() {
        let mut histogram = LogHistogram::default();
        for _ in 0..50 {
            histogram.add(10, 1 << 16);
        }
        histogram.halve(3);
        for _ in 0..50 {
            histogram.add(10_000, 1 << 16);
        }
        assert!(histogram.deviation(10_000) < 50);
    }
}
