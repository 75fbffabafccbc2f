//! `interlock_filter::parse`: what is accepted has one canonical text, which means the same; what is
//! refused is refused at a place in the text.
#![no_main]

use interlock_filter::{RESOURCES, TEXT_CHARS_MAX, parse};
use interlock_fuzz::text;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = text(data, 4 * TEXT_CHARS_MAX + 64);
    for resource in RESOURCES {
        match parse(&text, resource) {
            Ok(filter) => {
                let canonical = filter.to_string();
                // Quotes that a canonical text needs may make it longer than a filter may be.
                if canonical.chars().count() <= TEXT_CHARS_MAX {
                    let again = parse(&canonical, resource);
                    assert_eq!(again.as_ref(), Ok(&filter), "{canonical}");
                    assert_eq!(again.map(|f| f.to_string()), Ok(canonical));
                }
            }
            Err(error) => {
                assert!(error.column >= 1 && error.column <= text.chars().count() + 1);
                assert!(!error.message.is_empty());
            }
        }
    }
});
