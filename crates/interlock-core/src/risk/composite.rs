//! The composite: the weighted mean of the dimensions, lifted by the critical floor.
//!
//! `composite = Σ w·d / Σ w`, rounded half up. A dimension at or above its critical mark lifts the
//! composite to at least that mark, so that six calm dimensions cannot average away one that is on
//! fire. An action of `SEVERE_ACTION` or more by an agent that is new, only claims its identity or
//! was denied before lifts it to at least `SEVERE_FLOOR` in the same way: deleting what is
//! sensitive for good is a matter of course only for an agent that is known, proven and clean. When
//! all weights are zero the composite is the highest dimension.

use super::{Dimension, RiskConfig, RiskReport};

/// An action this severe does not run unseen unless the agent's own dimension is at zero.
const SEVERE_ACTION: u8 = 80;
/// Where such an action's composite begins: in the middle of the band that is isolated or told.
const SEVERE_FLOOR: u8 = 55;

/// Computes composite and floor from the dimensions' scores.
pub fn combine(report: &mut RiskReport, config: &RiskConfig) {
    let mut sum: u64 = 0;
    let mut weights: u64 = 0;
    let mut highest: u8 = 0;
    let mut floor: Option<(u8, Dimension)> = None;
    for ((dimension, weight), critical) in Dimension::ALL
        .into_iter()
        .zip(config.weights)
        .zip(config.critical)
    {
        let score = report.score(dimension).min(100);
        sum += u64::from(weight) * u64::from(score);
        weights += u64::from(weight);
        highest = highest.max(score);
        if critical <= 100 && score >= critical && floor.is_none_or(|(mark, _)| critical > mark) {
            floor = Some((critical, dimension));
        }
    }
    let action_floor = config
        .critical
        .first()
        .is_some_and(|critical| *critical <= 100);
    if floor.is_none_or(|(mark, _)| SEVERE_FLOOR > mark)
        && action_floor
        && report.score(Dimension::Action) >= SEVERE_ACTION
        && report.score(Dimension::Agent) > 0
    {
        floor = Some((SEVERE_FLOOR, Dimension::Action));
    }
    report.composite = if weights == 0 {
        highest
    } else {
        u8::try_from((2 * sum + weights) / (2 * weights)).unwrap_or(100)
    };
    report.floor = None;
    if let Some((mark, dimension)) = floor
        && mark > report.composite
    {
        report.composite = mark;
        report.floor = Some(dimension);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn composite(scores: [u8; 7], config: &RiskConfig) -> (u8, Option<Dimension>) {
        let mut report = RiskReport::default();
        for (dimension, score) in report.dimensions.iter_mut().zip(scores) {
            dimension.score = score;
        }
        combine(&mut report, config);
        (report.composite, report.floor)
    }

    #[test]
    fn table() {
        let published = RiskConfig::default();
        // 7.9 is the sum of the published weights.
        assert_eq!(composite([0; 7], &published), (0, None));
        assert_eq!(composite([50; 7], &published), (50, None));
        assert_eq!(composite([79, 0, 0, 0, 0, 0, 0], &published), (15, None));
        assert_eq!(composite([89, 0, 0, 0, 0, 0, 0], &published), (17, None));
        assert_eq!(
            composite([80, 10, 0, 0, 0, 0, 0], &published),
            (55, Some(Dimension::Action))
        );
        assert_eq!(composite([79, 10, 0, 0, 0, 0, 0], &published), (17, None));
        assert_eq!(
            composite([90, 0, 0, 0, 0, 0, 0], &published),
            (90, Some(Dimension::Action))
        );
        assert_eq!(
            composite([95, 0, 0, 0, 0, 0, 96], &published),
            (95, Some(Dimension::Data))
        );
        assert_eq!(composite([100; 7], &published), (100, None));
        let unweighted = RiskConfig {
            weights: [0; 7],
            critical: [101; 7],
            ..RiskConfig::default()
        };
        assert_eq!(composite([1, 2, 3, 44, 5, 6, 7], &unweighted), (44, None));
        // A low critical mark takes nothing from the floor of a severe action.
        let low = RiskConfig {
            critical: [90, 2, 101, 101, 101, 101, 101],
            ..RiskConfig::default()
        };
        assert_eq!(
            composite([80, 2, 0, 0, 0, 0, 0], &low),
            (55, Some(Dimension::Action))
        );
        // 1·1 / 2 is 0.5, which rounds up.
        let halves = RiskConfig {
            weights: [1, 1, 0, 0, 0, 0, 0],
            critical: [101; 7],
            ..RiskConfig::default()
        };
        assert_eq!(composite([1, 0, 0, 0, 0, 0, 0], &halves), (1, None));
    }

    proptest! {
        #[test]
        fn raising_a_dimension_never_lowers_the_composite(
            scores: [u8; 7], weights: [u32; 7], critical: [u8; 7], at in 0usize..7, by in 1u8..=100,
        ) {
            let config = RiskConfig { weights, critical, ..RiskConfig::default() };
            let scores = scores.map(|s| s % 101);
            let mut raised = scores;
            raised[at] = (raised[at] + by).min(100);
            let (low, _) = composite(scores, &config);
            let (high, _) = composite(raised, &config);
            prop_assert!(high >= low && high <= 100);
            prop_assert!(low >= *scores.iter().min().unwrap());
            prop_assert!(scores.iter().zip(critical).all(|(s, mark)| mark > 100 || *s < mark || low >= mark));
        }
    }
}
