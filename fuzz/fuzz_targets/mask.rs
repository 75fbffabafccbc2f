//! `privacy::mask_text`: the matches lie in the text, apart and in order, and what lies between
//! them stays as it is.
#![no_main]

use interlock_core::privacy::{Strategy, mask_text, mask_value};
use interlock_fuzz::{TEXT_BYTES_MAX, text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = text(data, TEXT_BYTES_MAX);
    for strategy in [Strategy::Partial, Strategy::Full, Strategy::Hash] {
        let masked = mask_text(&text, strategy);
        let mut expected = String::new();
        let mut at = 0;
        for found in &masked.matches {
            assert!(at <= found.start && found.start < found.end);
            expected.push_str(&text[at..found.start]);
            let value = &text[found.start..found.end];
            expected.push_str(&mask_value(found.kind, value, strategy));
            at = found.end;
        }
        expected.push_str(&text[at..]);
        assert_eq!(masked.text, expected);
    }
});
