//! What a detector sees, and how it is configured.

use crate::model::VectorSet;

/// When a detector runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Before the action, on its text and facts.
    Content,
    /// Before the action, on the readings of state.
    State,
    /// After the action, on its result.
    Post,
}

/// Which vectors are on in one environment, and from which confidence a finding counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetectorConfig {
    /// The vectors that are on.
    pub enabled: VectorSet,
    /// Findings below this confidence (0..=100) are dropped; in the order of `Vector::ALL`.
    pub threshold: [u8; 12],
}

impl Default for DetectorConfig {
    fn default() -> Self {
        Self {
            enabled: VectorSet::ALL,
            threshold: [50; 12],
        }
    }
}
