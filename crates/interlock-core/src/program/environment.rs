//! What one environment sets: bands, weights, detectors, loops.

use crate::detectors::DetectorConfig;
use crate::model::{Effect, Vector};
use crate::program::rule::Band;
use crate::risk::RiskConfig;

/// The configuration of one environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentConfig {
    /// Risk bands; `None`: the program's.
    pub bands: Option<Vec<Band>>,
    /// How risk is weighed.
    pub risk: RiskConfig,
    /// Which detectors run, and from which confidence a finding counts.
    pub detectors: DetectorConfig,
    /// What a finding that counts asks for, in the order of [`Vector::ALL`]; `allow` asks for
    /// nothing.
    pub detector_effects: [Effect; 12],
    /// Identical calls within five minutes that are still no loop.
    pub loop_identical_max: i64,
    /// Near-identical calls (same tool, same target) within five minutes that are still no loop.
    pub loop_similar_max: i64,
    /// What a loop asks for.
    pub loop_effect: Effect,
    /// What holds when no rule decides; `None`: the program's.
    pub default: Option<Effect>,
}

impl Default for EnvironmentConfig {
    fn default() -> Self {
        Self {
            bands: None,
            risk: RiskConfig::default(),
            detectors: DetectorConfig::default(),
            detector_effects: Vector::ALL.map(default_effect),
            loop_identical_max: 8,
            loop_similar_max: 10,
            loop_effect: Effect::Block,
            default: None,
        }
    }
}

impl EnvironmentConfig {
    /// What a finding of `vector` that counts asks for.
    #[must_use]
    pub fn detector_effect(&self, vector: Vector) -> Effect {
        self.detector_effects
            .get(vector as usize)
            .copied()
            .unwrap_or(Effect::Block)
    }

    /// From which confidence on a finding of `vector` counts; `None` when the detector is off.
    #[must_use]
    pub fn threshold(&self, vector: Vector) -> Option<u8> {
        if self.detectors.enabled.contains(vector) {
            self.detectors.threshold.get(vector as usize).copied()
        } else {
            None
        }
    }
}

/// What has one certain reading blocks; what a person can judge better asks one; what is common in
/// honest work is told.
const fn default_effect(vector: Vector) -> Effect {
    match vector {
        Vector::SqlInjection | Vector::ExfiltrationVelocity | Vector::ExploitSignature => {
            Effect::Block
        }
        Vector::PromptInjection
        | Vector::ResourceExhaustion
        | Vector::PrivilegeEscalation
        | Vector::SessionAnomaly => Effect::RequireApproval,
        Vector::Xss | Vector::Pii | Vector::BehaviouralAnomaly | Vector::RateLimit => Effect::Alert,
        // Derived from the rules that fired, which have had their say already.
        Vector::PolicyViolation => Effect::Allow,
    }
}
