//! Risk: seven dimensions, each 0..=100, and their weighted composite.
//!
//! Each dimension is a sum of terms with a stable code, a sentence and points, so that every point
//! of a score can be explained. Integers only: equal inputs give equal scores on every machine.

mod action;
mod agent;
mod behaviour;
mod compliance;
mod composite;
mod data;
mod environment;
mod explain;
mod five;
mod report;
mod temporal;

pub use compliance::{ComplianceRule, PACKS, RULES as COMPLIANCE_RULES};
pub use composite::combine;
pub use explain::explain;
pub use five::FiveDimensions;
pub use report::{Dimension, DimensionScore, RiskConfig, RiskReport, TERMS_MAX, Term, Terms};

use crate::facts::Facts;
use crate::model::{Action, Findings, Principal, UnixNanos};
use crate::state::StateFacts;

/// What risk is judged by.
#[derive(Debug, Clone, Copy)]
pub struct RiskContext<'a> {
    /// The action.
    pub action: &'a Action,
    /// Who asks.
    pub principal: &'a Principal,
    /// What the action does.
    pub facts: &'a Facts,
    /// What the detectors found.
    pub findings: &'a Findings,
    /// What the state says of agent and session.
    pub state: &'a StateFacts,
    /// Weights, marks and packs of the environment.
    pub config: &'a RiskConfig,
    /// The engine's clock.
    pub now: UnixNanos,
}

/// Scores an action in all seven dimensions and combines them.
#[must_use]
pub fn score(cx: &RiskContext<'_>) -> RiskReport {
    let mut report = RiskReport::default();
    let [
        action,
        agent,
        temporal,
        environment,
        behaviour,
        compliance,
        data,
    ] = &mut report.dimensions;
    action::score(cx, action);
    agent::score(cx, agent);
    temporal::score(cx, temporal);
    environment::score(cx, environment);
    behaviour::score(cx, behaviour);
    compliance::score(cx, compliance);
    data::score(cx, data);
    combine(&mut report, cx.config);
    report
}

/// The points of the highest step that `value` reaches; `steps` rise.
fn step(value: i64, steps: &[(i64, i16)]) -> i16 {
    steps
        .iter()
        .rev()
        .find(|(from, _)| value >= *from)
        .map_or(0, |(_, points)| *points)
}

/// Whether the environment is production; one that nobody named counts as production.
fn is_production(environment: &str) -> bool {
    environment.is_empty()
        || ["production", "prod", "prd", "live"]
            .iter()
            .any(|name| environment.eq_ignore_ascii_case(name))
}
