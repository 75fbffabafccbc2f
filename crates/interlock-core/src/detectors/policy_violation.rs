//! A violation of policy: derived from the rules that fired, and reported like a threat. The
//! engine adds it once the program has decided.

use super::code::codes;
use super::{DetectContext, Detector, DetectorConfig, Phase};
use crate::model::{Effect, Finding, FindingCode, Findings, Vector};

codes! {
    PolicyViolation, "policy-violation";
    BLOCKED = "blocked", "a rule blocks this action", ["CWE-285", "ASI02"];
    APPROVAL = "approval", "a rule asks for a person's approval", ["CWE-285", "ASI09"];
    RESTRICTED = "restricted", "a rule restricts how this action may run", ["CWE-285", "ASI02"];
}

/// The finding for a rule that fired with `effect`; none for a rule that allows or only alerts.
#[must_use]
pub fn finding(effect: Effect) -> Option<Finding> {
    match effect {
        Effect::Block => Some(Finding::whole(&BLOCKED, 100)),
        Effect::RequireApproval => Some(Finding::whole(&APPROVAL, 90)),
        Effect::Sandbox | Effect::Redact => Some(Finding::whole(&RESTRICTED, 70)),
        Effect::Alert | Effect::Allow => None,
    }
}

/// Adds the finding for a rule that fired with `effect`, where this vector is on and the finding
/// reaches its threshold.
pub fn report(effect: Effect, config: &DetectorConfig, out: &mut Findings) {
    let vector = Vector::PolicyViolation;
    let threshold = config.threshold.get(vector as usize).copied().unwrap_or(0);
    if let Some(finding) = finding(effect)
        && config.enabled.contains(vector)
        && finding.confidence >= threshold
    {
        out.push(finding);
    }
}

/// Stands in the registry; what it reports comes from [`report`].
#[derive(Debug)]
pub(super) struct PolicyViolation;

impl Detector for PolicyViolation {
    fn vector(&self) -> Vector {
        Vector::PolicyViolation
    }

    fn phase(&self) -> Phase {
        Phase::State
    }

    fn codes(&self) -> &'static [&'static FindingCode] {
        CODES
    }

    fn failed(&self) -> &'static FindingCode {
        &FAILED
    }

    fn detect(&self, _cx: &DetectContext<'_>, _out: &mut Findings) {}
}
