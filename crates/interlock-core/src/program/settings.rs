//! What of a program shapes the inputs of its policy stage, in a form that a record carries.

use crate::program::{Classification, EnvironmentConfig};
use crate::state::StableHash;

/// What facts, scores and findings of a decision were made under.
///
/// A replay of another program over the same inputs is exact only where that program would have
/// had the same inputs; weights, marks, rules and bands are no part of this, since they come after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Settings {
    /// A hash of the classification of resources and hosts, the compliance packs, the operating
    /// hours and the approved regions.
    pub digest: u64,
    /// From which confidence on a finding counted; in the order of `Vector::ALL`.
    pub thresholds: [u8; 12],
}

impl Settings {
    /// The settings of one environment.
    #[must_use]
    pub fn of(classes: &Classification, environment: &EnvironmentConfig) -> Self {
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let mut hash = StableHash::new("settings/1").number(count(classes.tiers.len()));
        for (glob, tier) in &classes.tiers {
            hash = hash.text(glob.pattern()).number(*tier as u64);
        }
        let risk = &environment.risk;
        for list in [&classes.internal_domains, &risk.regions, &risk.packs] {
            hash = hash.number(count(list.len()));
            for text in list {
                hash = hash.text(text);
            }
        }
        hash = match risk.operating_hours {
            Some((from, to)) => hash.number(1).number(from.into()).number(to.into()),
            None => hash.number(0),
        };
        Self {
            digest: hash.finish(),
            thresholds: environment.detectors.threshold,
        }
    }
}
