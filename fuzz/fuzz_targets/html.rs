//! The reader of markup behind the vector `xss`, over an argument and over a result.
#![no_main]

use interlock_core::detectors::{
    DetectContext, DetectorConfig, Phase, detect_content, scan, scan_result,
};
use interlock_core::facts::Facts;
use interlock_core::model::{Action, ActionType, Findings, Principal, Vector, VectorSet};
use interlock_core::text::flatten;
use interlock_fuzz::{TEXT_BYTES_MAX, text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = text(data, TEXT_BYTES_MAX);
    let config = DetectorConfig {
        enabled: VectorSet::from_iter([Vector::Xss]),
        threshold: [0; 12],
    };
    let mut action = Action::new("fuzz", ActionType::ApiCall);
    action.payload = text.as_ref().into();
    let (segments, truncated) = flatten(&action);
    let scanned = scan(&segments, truncated);
    let cx = DetectContext {
        action: &action,
        principal: &Principal::local(),
        facts: &Facts::default(),
        scanned: &scanned,
        readings: None,
        phase: Phase::Content,
    };
    let mut found = Findings::default();
    let ran = detect_content(&cx, &config, &mut found);
    assert!(ran.failed.is_empty());
    for finding in found.items() {
        assert_eq!(finding.code.vector, Vector::Xss);
        let span = finding.span.start as usize..finding.span.end as usize;
        assert!(text.get(span).is_some(), "{finding:?}");
    }
    let mut again = Findings::default();
    detect_content(&cx, &config, &mut again);
    assert_eq!(found, again);
    let ran = scan_result(&text, &config, &mut Findings::default());
    assert!(ran.failed.is_empty());
});
