//! `Action::from_json`: an action or an error, never more lenient than another JSON parser, and
//! what was read is written so that it reads the same.
#![no_main]

use interlock_core::model::limits::BODY_BYTES_MAX;
use interlock_core::model::{Action, ActionDigest, Value};
use interlock_fuzz::text;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // The bytes as they are: text that is not UTF-8 is this parser's own to refuse.
    check(data);
    if data.last().is_some_and(|b| *b >= 0xF8) {
        check(text(data, BODY_BYTES_MAX).as_bytes());
    }
});

fn check(data: &[u8]) {
    if let Ok(value) = Value::parse(data) {
        let written = value.to_json();
        assert_eq!(Value::parse(written.as_bytes()).as_ref(), Ok(&value));
        let other: Result<serde::de::IgnoredAny, _> = serde_json::from_slice(data);
        assert!(other.is_ok(), "accepted what is not JSON: {other:?}");
    }
    match Action::from_json(data) {
        Ok(action) => {
            assert!(Value::parse(data).is_ok());
            let digest = ActionDigest::of("tenant", &action);
            assert_eq!(digest, ActionDigest::of("tenant", &action));
            assert_ne!(digest, ActionDigest::of("other", &action));
        }
        Err(e) => assert!(!e.to_string().is_empty()),
    }
}
