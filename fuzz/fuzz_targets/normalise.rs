//! `text::normalise`: every span of what it makes lies in the text that it came from, in order.
#![no_main]

use interlock_core::text::normalise;
use interlock_fuzz::{TEXT_BYTES_MAX, text};
use libfuzzer_sys::fuzz_target;

/// Bytes that a character can become: U+FDFA is one word of 18 characters.
const GROWTH_MAX: usize = 12;

fuzz_target!(|data: &[u8]| {
    let text = text(data, TEXT_BYTES_MAX);
    let out = normalise(&text);
    assert!(out.text.len() <= text.len() * GROWTH_MAX);
    assert!(out.hidden <= text.len() && out.disguised <= text.len() * 2);
    if text.is_ascii() {
        assert_eq!(out.text, text.to_ascii_lowercase());
        assert_eq!(out.disguised, 0);
    }
    let mut before = 0;
    for (at, _) in out.text.char_indices() {
        let at = u32::try_from(at).unwrap();
        let span = out.map.source_of(at, at + 1);
        assert!(span.start <= span.end && span.end as usize <= text.len());
        assert!(before <= span.start, "{before} then {span:?}");
        before = span.start;
    }
});
