//! `path::normalise`: the one spelling is its own.
#![no_main]

use interlock_core::facts::path::{is_secret, is_system, normalise};
use interlock_fuzz::{TEXT_BYTES_MAX, text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let path = normalise(&text(data, TEXT_BYTES_MAX));
    let _ = is_secret(&path.name);
    let _ = is_system(&path.name);
    if path.parsed {
        let again = normalise(&path.name);
        assert_eq!(again.name, path.name);
        assert_eq!(again.absolute, path.absolute);
    }
});
