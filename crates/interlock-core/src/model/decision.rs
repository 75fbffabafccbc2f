//! What Interlock answers.

use crate::model::effect::Effect;
use crate::model::finding::{Findings, VectorSet};
use crate::model::reason::ReasonCode;
use crate::risk::RiskReport;
use crate::state::Readings;

/// Where a rule stands: upper layers bind lower ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Layer {
    /// The whole organisation.
    Organisation,
    /// A team.
    #[default]
    Team,
    /// One agent.
    Agent,
}

/// What kind of thing fired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RuleKind {
    /// A rule of a bundle.
    Rule,
    /// A mandatory rule: a floor that no other rule lowers.
    Mandatory,
    /// A limit of the agent's profile.
    Profile,
    /// A band of the composite risk.
    Band,
    /// A detector at or over its threshold.
    Detector,
    /// Kill switch, pause, breaker, budget, failure: the system itself.
    System,
}

/// Something that had a say in the decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FiredRule {
    /// Its id in the bundle, or a name such as `band.60` or `detector.pii`.
    pub id: std::sync::Arc<str>,
    /// What kind of thing it is.
    pub kind: RuleKind,
    /// The effect it asked for.
    pub effect: Effect,
    /// Whether it decided.
    pub decided: bool,
    /// Whether it counts as fired because it could not be evaluated.
    pub errored: bool,
}

/// Why, with the sentence for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The stable code.
    pub code: ReasonCode,
    /// The sentence: lower case, names the rule or the value.
    pub message: String,
}

/// Who decides an approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approvers {
    /// The group.
    pub group: String,
    /// How many distinct people must agree.
    pub quorum: u8,
    /// After how long the request expires, which denies.
    pub timeout_ms: i64,
}

/// What the enforcement point must also do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obligation {
    /// Tell these groups.
    Notify(Vec<String>),
    /// Replace these spans: path and span of each.
    Redact(Vec<(String, crate::model::finding::Span)>),
    /// Keep a pre-image before the action runs.
    Snapshot,
    /// Ask these people.
    Approve(Approvers),
    /// Wait this long before trying again, in milliseconds.
    Throttle(i64),
}

/// How long each stage took, in nanoseconds; not part of the canonical decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timings {
    /// Facts.
    pub facts_ns: u64,
    /// Detectors on content.
    pub detect_ns: u64,
    /// Reading and charging state.
    pub reserve_ns: u64,
    /// Risk, rules and combining.
    pub decide_ns: u64,
}

/// A decision about one action. Canonical: a function of action, readings, program and clock.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decision {
    /// What the caller must do.
    pub effect: Effect,
    /// What was decided before the enforcement point's capabilities were considered.
    pub decided: Effect,
    /// Why; the first one decided.
    pub reasons: Vec<Reason>,
    /// The risk with its terms.
    pub risk: RiskReport,
    /// What the detectors found.
    pub findings: Findings,
    /// The vectors that ran.
    pub vectors_run: VectorSet,
    /// Every rule that fired, not only the one that decided.
    pub fired: Vec<FiredRule>,
    /// What the shadow rules would have done.
    pub shadow: Vec<FiredRule>,
    /// What the enforcement point must also do.
    pub obligations: Vec<Obligation>,
    /// What asks for approval, when the effect is that: what a grant must name.
    pub approvals: Vec<std::sync::Arc<str>>,
    /// The readings of state.
    pub readings: Readings,
    /// The digest of the program that decided.
    pub program: [u8; 32],
    /// What facts, scores and findings were made under.
    pub settings: crate::program::Settings,
}
