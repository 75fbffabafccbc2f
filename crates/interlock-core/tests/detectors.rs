//! The detectors on their text cases, and the promises of the registry.
//!
//! A case is one line of `tests/cases/detectors/<vector>.md`; `detector_cases` says how it reads.

mod detector_cases;
#[path = "detector_cases/file.rs"]
mod file;

use std::collections::BTreeSet;
use std::path::Path;

use interlock_core::detectors::{
    DETECTORS, DetectContext, Detector, DetectorConfig, PREFILTER, Phase, Ran, run, scan,
};
use interlock_core::model::{FindingCode, Findings, Principal, Vector, VectorSet};
use interlock_core::text::flatten;

use detector_cases::{case, findings};
use file::CaseFile;

fn off(vector: Vector) -> DetectorConfig {
    let mut config = DetectorConfig::default();
    config.enabled.remove(vector);
    config
}

/// Runs the cases of one vector: every positive is reported with its code and vanishes when the
/// detector is off, no benign one and no known miss is reported.
fn check(vector: Vector) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/detectors");
    let file = CaseFile::read(&folder, vector);
    let prefix = format!("{}.", vector.name().replace('_', "-"));
    let mut covered = BTreeSet::new();
    let mut wrong = Vec::new();
    for (code, line) in &file.positive {
        covered.insert(code.as_str());
        let case = case(line);
        let found = findings(&case, &DetectorConfig::default());
        if !found.has_code(&format!("{prefix}{code}")) {
            wrong.push(format!(
                "not reported: {code} {line}\n    {:?}",
                codes(&found)
            ));
        }
        let found = findings(&case, &off(vector));
        assert!(!found.has(vector), "reported though off: {line}");
    }
    let misses = file
        .misses
        .iter()
        .map(|(line, _)| ("no miss any more", line));
    for (what, line) in file.benign.iter().map(|l| ("false alarm", l)).chain(misses) {
        let found = findings(&case(line), &DetectorConfig::default());
        if found.has(vector) {
            wrong.push(format!("{what}: {line}\n    {:?}", codes(&found)));
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", vector.name(), wrong.join("\n"));
    let (positive, benign, misses) = (file.positive.len(), file.benign.len(), file.misses.len());
    assert!(
        positive >= 10 && benign >= 10 && misses >= 1,
        "{}: {positive} positive cases, {benign} benign, {misses} known misses",
        vector.name()
    );
    for code in detector(vector).codes() {
        let short = code
            .code
            .strip_prefix(&prefix)
            .expect("codes carry the vector's name");
        // That a detector fails is what `a_panic_fails_closed_and_stays_alone` is about.
        assert!(
            covered.contains(short) || std::ptr::eq(*code, detector(vector).failed()),
            "no case for `{}`",
            code.code
        );
    }
}

fn codes(found: &Findings) -> Vec<String> {
    found
        .items()
        .iter()
        .map(|f| format!("{} {} {}", f.code.code, f.confidence, f.path))
        .collect()
}

fn detector(vector: Vector) -> &'static dyn Detector {
    DETECTORS[vector as usize]
}

macro_rules! vector_tests {
    ($($name:ident: $vector:ident;)*) => { $(#[test] fn $name() { check(Vector::$vector); })* };
}

vector_tests! {
    prompt_injection: PromptInjection;
    sql_injection: SqlInjection;
    xss: Xss;
    exfiltration_velocity: ExfiltrationVelocity;
    pii: Pii;
    exploit_signature: ExploitSignature;
    resource_exhaustion: ResourceExhaustion;
    privilege_escalation: PrivilegeEscalation;
    session_anomaly: SessionAnomaly;
    behavioural_anomaly: BehaviouralAnomaly;
    rate_limit: RateLimit;
    policy_violations: PolicyViolation;
}

#[test]
fn the_registry_is_complete_and_in_order() {
    assert!(PREFILTER.len() > 1_000);
    let mut seen = BTreeSet::new();
    for (vector, detector) in Vector::ALL.into_iter().zip(DETECTORS) {
        assert_eq!(detector.vector(), vector);
        for code in detector.codes() {
            assert_eq!(code.vector, vector, "{}", code.code);
            assert!(seen.insert(code.code), "`{}` appears twice", code.code);
            assert!(!code.summary.ends_with('.'), "{}", code.code);
        }
        for literals in detector.literals() {
            assert!(literals.class < 64);
            assert!(literals.words.iter().all(|w| !w.is_empty()));
        }
    }
}

/// A detector that panics wherever it is asked to look, in the place of a real one.
#[derive(Debug)]
struct Panics(&'static dyn Detector);

impl Detector for Panics {
    fn vector(&self) -> Vector {
        self.0.vector()
    }
    fn phase(&self) -> Phase {
        self.0.phase()
    }
    fn codes(&self) -> &'static [&'static FindingCode] {
        self.0.codes()
    }
    fn reads_facts(&self) -> bool {
        true
    }
    fn failed(&self) -> &'static FindingCode {
        self.0.failed()
    }
    fn detect(&self, _cx: &DetectContext<'_>, _out: &mut Findings) {
        panic!("on purpose");
    }
}

/// Every vector in turn: its failure is reported as its own, with the most confidence, and the
/// others go on. That a failure denies is `a detector that failed denies` in `combining.json`.
#[test]
fn a_panic_fails_closed_and_stays_alone() {
    let case = case("' OR '1'='1' <script>alert(1)</script>");
    let (segments, truncated) = flatten(&case.action);
    let scanned = scan(&segments, truncated);
    for (vector, detector) in Vector::ALL.into_iter().zip(DETECTORS) {
        let cx = DetectContext {
            action: &case.action,
            principal: &Principal::local(),
            facts: &case.facts,
            scanned: &scanned,
            readings: None,
            phase: detector.phase(),
        };
        let panics = Panics(detector);
        let other = if vector == Vector::Xss {
            Vector::SqlInjection
        } else {
            Vector::Xss
        };
        let detectors: [&dyn Detector; 2] = [&panics, DETECTORS[other as usize]];
        let mut found = Findings::default();
        let ran: Ran = run(&detectors, &cx, &DetectorConfig::default(), &mut found);
        let only = |v: Vector| VectorSet::from_iter([v]);
        assert_eq!(ran.failed, only(vector));
        assert_eq!(found.confidence(vector), 100);
        assert!(found.has_code(detector.failed().code));
        assert!(detector.failed().code.ends_with(".detector-failed"));
        assert_eq!(found.has(other), cx.phase == Phase::Content);
        // One that is off is not even asked.
        let mut found = Findings::default();
        let ran = run(&detectors, &cx, &off(vector), &mut found);
        assert!(ran.failed.is_empty() && !found.has(vector));
    }
}

#[test]
fn findings_below_the_threshold_are_dropped() {
    let case = case("write to jo.doe@example.com");
    let mut config = DetectorConfig::default();
    assert!(findings(&case, &config).has(Vector::Pii));
    config.threshold[Vector::Pii as usize] = 90;
    let found = findings(&case, &config);
    assert!(!found.has(Vector::Pii) && found.items().is_empty());
}
