//! The views of a text (normal form, escapes undone, runs of base64 and hexadecimal decoded,
//! respelt): bounded, and each of their spans lies in the text itself.
#![no_main]

use std::borrow::Cow;

use interlock_core::model::limits::DECODE_GROWTH_MAX;
use interlock_core::text::{Channel, Prefilter, Scanned, Segment, ViewKind};
use interlock_fuzz::{TEXT_BYTES_MAX, text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = text(data, TEXT_BYTES_MAX);
    let segments = [Segment {
        channel: Channel::Argument,
        path: "arguments.text".to_owned(),
        key: "text",
        text: Cow::Borrowed(&text),
        named: None,
    }];
    let prefilter = Prefilter::new(std::iter::empty());
    let scanned = Scanned::new(&segments, false, &prefilter);
    let bytes: usize = scanned.views().iter().map(|v| v.text.len()).sum();
    assert!(bytes <= text.len() * (DECODE_GROWTH_MAX + 1));
    assert!(scanned.views().len() <= 256);
    for view in scanned.views() {
        for (start, end) in [(0, view.text.len()), (view.text.len() / 2, view.text.len())] {
            let span = scanned.origin(view, start, end);
            let origin = text.get(span.start as usize..span.end as usize);
            assert!(origin.is_some(), "{span:?} of {:?}", view.kind);
        }
        if view.kind == ViewKind::Raw {
            assert_eq!(view.text, text);
        }
    }
    // What is not reported as limited was followed to the end: its plainest forms are read.
    assert!(scanned.leaves().count() > 0);
});
