//! The text pass and the twelve detectors over an action that carries the input, before it runs
//! and as its result.
#![no_main]

use interlock_core::detectors::{
    DetectContext, DetectorConfig, Phase, detect_content, scan, scan_result,
};
use interlock_core::facts::{FactInput, Facts};
use interlock_core::model::limits::{DECODE_GROWTH_MAX, FINDINGS_MAX};
use interlock_core::model::{Action, ActionType, Findings, Object, Principal, Value};
use interlock_core::program::Classification;
use interlock_core::text::{flatten, normalise};
use interlock_fuzz::{TEXT_BYTES_MAX, text};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static CLASSES: LazyLock<Classification> = LazyLock::new(Classification::default);

fuzz_target!(|data: &[u8]| {
    let text = text(data, TEXT_BYTES_MAX);
    let _ = normalise(&text);
    let mut arguments = Object::new();
    arguments.insert("text", Value::String(text.clone().into_owned()));
    let mut action = Action::new("fuzz", ActionType::ApiCall);
    action.arguments = Value::Object(arguments);
    let principal = Principal::local();
    let facts = Facts::compute(FactInput {
        action: &action,
        principal: &principal,
        classes: &CLASSES,
        now: 1_795_233_600_000_000_000,
    });
    let (segments, truncated) = flatten(&action);
    let scanned = scan(&segments, truncated);
    let source: usize = segments.iter().map(|s| s.text.len()).sum();
    let views: usize = scanned.views().iter().map(|v| v.text.len()).sum();
    assert!(
        views <= source * (DECODE_GROWTH_MAX + 1),
        "{views} of {source}"
    );
    // The detectors are read at threshold 0, so that nothing that they say is dropped unseen.
    let config = DetectorConfig {
        threshold: [0; 12],
        ..DetectorConfig::default()
    };
    let mut found = Findings::default();
    let ran = detect_content(
        &DetectContext {
            action: &action,
            principal: &principal,
            facts: &facts,
            scanned: &scanned,
            readings: None,
            phase: Phase::Content,
        },
        &config,
        &mut found,
    );
    assert!(ran.failed.is_empty());
    assert!(found.items().len() <= FINDINGS_MAX);
    for finding in found.items() {
        assert!(finding.confidence <= 100);
        let span = finding.span.start as usize..finding.span.end as usize;
        let within = segments
            .iter()
            .any(|s| s.path == finding.path && s.text.get(span.clone()).is_some());
        assert!(within || span.is_empty(), "{finding:?}");
    }
    let mut found = Findings::default();
    let ran = scan_result(&text, &config, &mut found);
    assert!(ran.failed.is_empty());
});
