//! Composite risk against outcomes: a monotone mapping to a probability, its calibration error on
//! other seeds, and what each dimension is worth.

use interlock_core::risk::{Dimension, RiskConfig, RiskReport, combine};

use super::attack::Family;

/// One scored action.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scored {
    pub(crate) composite: u8,
    pub(crate) dimensions: [u8; 7],
    /// The attack that it belongs to.
    pub(crate) attack: Option<Family>,
}

/// Actions per composite: ordinary ones, and those of attacks.
pub(crate) type Counts = [[f64; 2]; 101];

/// Counts scores; with `base` the attacks are weighed so that they make up that share.
pub(crate) fn counts(
    scored: &[Scored],
    base: Option<f64>,
    score: impl Fn(&Scored) -> u8,
) -> Counts {
    let attacks = scored.iter().filter(|s| s.attack.is_some()).count() as f64;
    let ordinary = scored.len() as f64 - attacks;
    let weight = base.map_or(1.0, |base| {
        ordinary * base / ((1.0 - base) * attacks.max(1.0))
    });
    let mut out = [[0.0; 2]; 101];
    for s in scored {
        let at = usize::from(score(s).min(100));
        if s.attack.is_some() {
            out[at][1] += weight;
        } else {
            out[at][0] += 1.0;
        }
    }
    out
}

/// Isotonic regression by pooling adjacent violators (Ayer et al., 1955; Barlow et al., 1972): for
/// each composite the probability that rises with it and fits best.
pub(crate) fn isotonic(counts: &Counts) -> [f64; 101] {
    struct Block {
        bad: f64,
        all: f64,
        len: usize,
    }
    let mut blocks: Vec<Block> = Vec::new();
    for [good, bad] in counts {
        blocks.push(Block {
            bad: *bad,
            all: good + bad,
            len: 1,
        });
        while let [.., before, last] = blocks.as_mut_slice() {
            // Compared as products, so that composites without actions join their neighbour.
            if before.bad * last.all < last.bad * before.all {
                break;
            }
            before.bad += last.bad;
            before.all += last.all;
            before.len += last.len;
            blocks.pop();
        }
    }
    let mut out = [0.0; 101];
    let mut at = 0;
    for block in blocks {
        for p in &mut out[at..at + block.len] {
            *p = if block.all > 0.0 {
                block.bad / block.all
            } else {
                0.0
            };
        }
        at += block.len;
    }
    out
}

/// One bin of a reliability diagram.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Bin {
    pub(crate) actions: f64,
    pub(crate) predicted: f64,
    pub(crate) observed: f64,
}

/// How well a mapping predicts, on counts that it was not fitted on.
#[derive(Debug, Clone)]
pub(crate) struct Reliability {
    /// Ten bins of equal width.
    pub(crate) bins: [Bin; 10],
    /// Expected calibration error over those (Naeini et al., 2015).
    pub(crate) ece: f64,
    /// The same with every composite as a bin of its own: nothing averages out within a bin.
    pub(crate) ece_fine: f64,
    /// The mean squared error (Brier, 1950).
    pub(crate) brier: f64,
}

pub(crate) fn reliability(counts: &Counts, map: &[f64; 101]) -> Reliability {
    let mut bins = [Bin::default(); 10];
    let (mut all, mut fine, mut brier) = (0.0, 0.0, 0.0);
    for ([good, bad], p) in counts.iter().zip(map) {
        let n = good + bad;
        let bin = &mut bins[((p * 10.0) as usize).min(9)];
        bin.actions += n;
        bin.predicted += n * p;
        bin.observed += bad;
        all += n;
        fine += (bad - n * p).abs();
        brier += good * p * p + bad * (1.0 - p) * (1.0 - p);
    }
    let ece: f64 = bins.iter().map(|b| (b.observed - b.predicted).abs()).sum();
    for bin in &mut bins {
        if bin.actions > 0.0 {
            bin.predicted /= bin.actions;
            bin.observed /= bin.actions;
        }
    }
    Reliability {
        bins,
        ece: ece / all,
        ece_fine: fine / all,
        brier: brier / all,
    }
}

/// The share of pairs of an attack's action and an ordinary one in which the attack's scores
/// higher; ties count half.
pub(crate) fn area(counts: &Counts) -> f64 {
    let (mut below, mut won, mut bad_all, mut good_all) = (0.0, 0.0, 0.0, 0.0);
    for [good, bad] in counts {
        won += bad * (below + good / 2.0);
        below += good;
        bad_all += bad;
        good_all += good;
    }
    if bad_all * good_all > 0.0 {
        won / (bad_all * good_all)
    } else {
        0.5
    }
}

/// The composite with other weights, floors as they are.
pub(crate) fn recombined(scored: &Scored, weights: [u32; 7]) -> u8 {
    let mut report = RiskReport::default();
    for (dimension, score) in report.dimensions.iter_mut().zip(scored.dimensions) {
        dimension.score = score;
    }
    combine(
        &mut report,
        &RiskConfig {
            weights,
            ..RiskConfig::default()
        },
    );
    report.composite
}

/// What one dimension is worth: its own area, and that of the composite without it and with half
/// and twice its weight.
pub(crate) fn worth(scored: &[Scored], dimension: Dimension) -> [f64; 4] {
    let at = dimension as usize;
    let weights = RiskConfig::default().weights;
    let with = |weight: u32| {
        let mut weights = weights;
        weights[at] = weight;
        area(&counts(scored, None, |s| recombined(s, weights)))
    };
    [
        area(&counts(scored, None, |s| s.dimensions[at])),
        with(0),
        with(weights[at] / 2),
        with(weights[at] * 2),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(rows: &[(u8, f64, f64)]) -> Counts {
        let mut counts = [[0.0; 2]; 101];
        for (at, good, bad) in rows {
            counts[usize::from(*at)] = [*good, *bad];
        }
        counts
    }

    #[test]
    fn violators_are_pooled() {
        let counts = of(&[
            (10, 9.0, 1.0),
            (20, 5.0, 5.0),
            (30, 7.0, 3.0),
            (40, 0.0, 4.0),
        ]);
        let map = isotonic(&counts);
        assert!(map.is_sorted());
        assert!((map[10] - 0.1).abs() < 1e-9 && (map[20] - 0.4).abs() < 1e-9);
        assert!((map[30] - 0.4).abs() < 1e-9 && (map[40] - 1.0).abs() < 1e-9);
        assert!(reliability(&counts, &map).ece < 1e-9);
        let certain = [1.0; 101];
        assert!((reliability(&counts, &certain).ece - 21.0 / 34.0).abs() < 1e-9);
    }

    #[test]
    fn area_counts_pairs() {
        assert!((area(&of(&[(1, 5.0, 0.0), (2, 0.0, 5.0)])) - 1.0).abs() < 1e-9);
        assert!((area(&of(&[(1, 5.0, 5.0)])) - 0.5).abs() < 1e-9);
        assert!((area(&of(&[(1, 1.0, 1.0), (2, 1.0, 1.0)])) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn the_published_weights_give_the_published_composite() {
        let scored = Scored {
            composite: 0,
            dimensions: [50; 7],
            attack: None,
        };
        assert_eq!(recombined(&scored, RiskConfig::default().weights), 50);
    }
}
