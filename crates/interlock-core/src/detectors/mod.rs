//! The twelve threat vectors: one file each, one line of registration.
//!
//! **Invariant:** a detector sees text only through [`Scanned`]: flattened, normalised and
//! prefiltered once for all. **Invariant:** a detector that panics fails closed: its vector is
//! reported with confidence 100.

mod behavioural_anomaly;
mod code;
mod context;
mod exfiltration_velocity;
mod exploit_signature;
mod pii;
pub mod policy_violation;
mod privilege_escalation;
pub mod prompt_injection;
mod rate_limit;
mod resource_exhaustion;
mod sequence;
mod session_anomaly;
mod sql_injection;
mod text_at;
mod xss;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;

pub use context::{DetectContext, DetectorConfig, Phase};
pub(crate) use rate_limit::limit_exceeded;

use crate::facts::Facts;
use crate::model::{
    Action, ActionType, Finding, FindingCode, Findings, Principal, Vector, VectorSet,
};
use crate::text::{Channel, Flags, Literals, Prefilter, Scanned, Segment, flatten};

/// Looks for one threat.
pub trait Detector: Sync + std::fmt::Debug {
    /// The vector that it reports.
    fn vector(&self) -> Vector;
    /// When it runs; a content detector that also reads results runs in both phases.
    fn phase(&self) -> Phase;
    /// What it can report.
    fn codes(&self) -> &'static [&'static FindingCode];
    /// The literals without which it has nothing to look at in a text.
    fn literals(&self) -> &'static [Literals] {
        &[]
    }
    /// The byte classes that, without any literal, give it something to look at.
    fn triggers(&self) -> Flags {
        Flags::default()
    }
    /// Whether it also has to run without a literal or a byte class: it reads facts or state.
    fn reads_facts(&self) -> bool {
        false
    }
    /// Whether it reads results of actions too.
    fn reads_results(&self) -> bool {
        false
    }
    /// Whether a detector of another phase also reads the readings of state.
    fn reads_state(&self) -> bool {
        false
    }
    /// The code that says that this detector itself failed.
    fn failed(&self) -> &'static FindingCode;
    /// Reports what it finds.
    fn detect(&self, cx: &DetectContext<'_>, out: &mut Findings);
}

/// The twelve, in the order of [`Vector::ALL`].
pub static DETECTORS: [&dyn Detector; 12] = [
    &prompt_injection::PromptInjection,
    &sql_injection::SqlInjection,
    &xss::Xss,
    &exfiltration_velocity::ExfiltrationVelocity,
    &pii::Pii,
    &exploit_signature::ExploitSignature,
    &resource_exhaustion::ResourceExhaustion,
    &privilege_escalation::PrivilegeEscalation,
    &session_anomaly::SessionAnomaly,
    &behavioural_anomaly::BehaviouralAnomaly,
    &rate_limit::RateLimit,
    &policy_violation::PolicyViolation,
];

/// The prefilter over the literals of all detectors.
pub static PREFILTER: LazyLock<Prefilter> =
    LazyLock::new(|| Prefilter::new(DETECTORS.iter().map(|d| (d.vector(), d.literals()))));

/// Which vectors were looked for, and which detectors failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ran {
    /// The vectors looked for.
    pub vectors: VectorSet,
    /// The vectors whose detector panicked; the engine denies.
    pub failed: VectorSet,
}

impl Ran {
    /// Both together.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        for vector in Vector::ALL {
            if other.vectors.contains(vector) {
                self.vectors.insert(vector);
            }
            if other.failed.contains(vector) {
                self.failed.insert(vector);
            }
        }
        self
    }
}

/// Scans `segments` with the prefilter of the twelve.
#[must_use]
pub fn scan<'a>(segments: &'a [Segment<'a>], truncated: bool) -> Scanned<'a> {
    Scanned::new(segments, truncated, &PREFILTER)
}

/// Whether any detector that is on reads the text of actions.
#[must_use]
pub fn read_text(config: &DetectorConfig) -> bool {
    DETECTORS
        .iter()
        .any(|d| d.phase() == Phase::Content && config.enabled.contains(d.vector()))
}

/// Looks for the vectors that need the action's text and facts only.
pub fn detect_content(cx: &DetectContext<'_>, config: &DetectorConfig, out: &mut Findings) -> Ran {
    let cx = DetectContext {
        phase: Phase::Content,
        ..*cx
    };
    run(&DETECTORS, &cx, config, out)
}

/// Looks for the vectors that need the readings of state.
pub fn detect_state(cx: &DetectContext<'_>, config: &DetectorConfig, out: &mut Findings) -> Ran {
    let cx = DetectContext {
        phase: Phase::State,
        ..*cx
    };
    run(&DETECTORS, &cx, config, out)
}

/// Whether something was not looked through: a limit on text was reached.
#[must_use]
pub fn unread(findings: &Findings) -> bool {
    findings.has_code(resource_exhaustion::scan_limit().code.code)
}

/// Looks through the result of an action before the agent sees it. The text is untrusted.
pub fn scan_result(text: &str, config: &DetectorConfig, out: &mut Findings) -> Ran {
    let mut action = Action::new("result", ActionType::LlmCall);
    action.payload = text.into();
    let (mut segments, truncated) = flatten(&action);
    for segment in &mut segments {
        segment.channel = Channel::Result;
        segment.path = "result".to_owned();
        segment.key = "result";
    }
    let scanned = scan(&segments, truncated);
    let facts = Facts::default();
    let principal = Principal::local();
    let cx = DetectContext {
        action: &action,
        principal: &principal,
        facts: &facts,
        scanned: &scanned,
        readings: None,
        phase: Phase::Post,
    };
    run(&DETECTORS, &cx, config, out)
}

/// Runs those of `detectors` that are on and belong to the phase of `cx`. Each is isolated: a
/// panic becomes a finding of its vector with confidence 100.
pub fn run(
    detectors: &[&dyn Detector],
    cx: &DetectContext<'_>,
    config: &DetectorConfig,
    out: &mut Findings,
) -> Ran {
    let mut ran = Ran::default();
    let before = out.items().len();
    for detector in detectors {
        let vector = detector.vector();
        let due = detector.phase() == cx.phase
            || (cx.phase == Phase::Post && detector.reads_results())
            || (cx.phase == Phase::State && detector.reads_state());
        if !due || !config.enabled.contains(vector) {
            continue;
        }
        ran.vectors.insert(vector);
        let candidate = detector.reads_facts()
            || cx.scanned.has(vector)
            || cx.scanned.flags().any(detector.triggers());
        if !candidate {
            continue;
        }
        if catch_unwind(AssertUnwindSafe(|| detector.detect(cx, out))).is_err() {
            ran.failed.insert(vector);
            out.push(Finding::whole(detector.failed(), 100));
        }
    }
    // Results are not that detector's to read, but what was not looked through of one is said too.
    let unread = cx.phase == Phase::Post && cx.scanned.limited();
    if (out.take_limited() || unread) && config.enabled.contains(Vector::ResourceExhaustion) {
        let finding = resource_exhaustion::scan_limit();
        if !out.has_code(finding.code.code) {
            out.push(finding);
        }
    }
    if out.items().len() > before || out.dropped() > 0 {
        out.retain(|vector, confidence| {
            let threshold = config.threshold.get(vector as usize);
            threshold.is_none_or(|t| confidence >= *t)
        });
    }
    ran
}
