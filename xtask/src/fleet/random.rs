//! Seeded randomness whose bits are the same on every machine: integers and exactly rounded
//! operations of floating point only.

/// SplitMix64 (Steele, Lea and Flood, 2014).
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// A stream of its own for each seed and purpose.
    pub(crate) fn new(seed: u64, purpose: &str, number: u64) -> Self {
        let mut random = Self(seed);
        for word in purpose.bytes().map(u64::from).chain([number]) {
            random.0 = random.next() ^ word;
        }
        random
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in `0..n`; 0 when `n` is.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u64
    }

    /// Uniform in `from..to`.
    pub(crate) fn between(&mut self, from: i64, to: i64) -> i64 {
        from + self.below((to - from).max(1).unsigned_abs()) as i64
    }

    /// Uniform in `0.0..1.0`.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// True with probability `p`.
    pub(crate) fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// The sum of twelve uniforms less six: normal but for its far tails.
    pub(crate) fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }

    /// Log-normal with this median; `sigma` is in octaves.
    pub(crate) fn log_normal(&mut self, median: f64, sigma: f64) -> f64 {
        median * exp2(sigma * self.normal())
    }

    /// Poisson: by counting arrivals up to 30 (Knuth), by the normal above.
    pub(crate) fn poisson(&mut self, mean: f64) -> u64 {
        if mean > 30.0 {
            return (mean + sqrt(mean) * self.normal() + 0.5).max(0.0) as u64;
        }
        let limit = exp2(-mean * std::f64::consts::LOG2_E);
        let (mut product, mut n) = (self.unit(), 0);
        while product > limit && n < 200 {
            product *= self.unit();
            n += 1;
        }
        n
    }

    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u64) as usize]
    }

    /// An index with probability in proportion to its weight.
    pub(crate) fn weighted(&mut self, weights: &[u32]) -> usize {
        let total: u64 = weights.iter().map(|w| u64::from(*w)).sum();
        let mut at = self.below(total.max(1));
        for (i, weight) in weights.iter().enumerate() {
            if at < u64::from(*weight) {
                return i;
            }
            at -= u64::from(*weight);
        }
        0
    }
}

/// `2^x` by the series of the exponential over the fraction.
pub(crate) fn exp2(x: f64) -> f64 {
    let x = x.clamp(-60.0, 60.0);
    let whole = x.floor();
    let y = (x - whole) * std::f64::consts::LN_2;
    let (mut term, mut sum) = (1.0, 1.0);
    for n in 1..18u32 {
        term *= y / f64::from(n);
        sum += term;
    }
    let power = (1u64 << (whole.abs() as u32)) as f64;
    if whole < 0.0 {
        sum / power
    } else {
        sum * power
    }
}

fn sqrt(x: f64) -> f64 {
    x.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_right() {
        let mut random = Random::new(7, "moments", 0);
        for mean in [0.5, 4.0, 25.0, 90.0] {
            let n = 20_000;
            let sum: u64 = (0..n).map(|_| random.poisson(mean)).sum();
            let got = sum as f64 / f64::from(n);
            assert!((got - mean).abs() < 0.03 * mean + 0.02, "{mean}: {got}");
        }
        let mut values: Vec<f64> = (0..10_001).map(|_| random.log_normal(50.0, 1.0)).collect();
        values.sort_by(f64::total_cmp);
        assert!((values[5_000] - 50.0).abs() < 2.5, "{}", values[5_000]);
        let mut counts = [0u32; 3];
        for _ in 0..30_000 {
            counts[random.weighted(&[1, 0, 2])] += 1;
        }
        assert!(
            counts[1] == 0 && (9_500..10_500).contains(&counts[0]),
            "{counts:?}"
        );
    }

    #[test]
    fn powers_are_right() {
        for x in [-40.0, -3.25, -0.5, 0.0, 0.75, 9.1] {
            assert!((exp2(x) / f64::exp2(x) - 1.0).abs() < 1e-12, "{x}");
        }
    }

    #[test]
    fn streams_are_apart_and_come_again() {
        let first = |purpose, n| Random::new(1, purpose, n).next();
        assert_eq!(first("day", 3), first("day", 3));
        assert_ne!(first("day", 3), first("day", 4));
        assert_ne!(first("day", 3), first("night", 3));
    }
}
