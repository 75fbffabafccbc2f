//! `path::normalise`: the one spelling is its own, and nothing absolute climbs.
#![no_main]

use interlock_core::facts::path::{is_secret, is_system, normalise};
use interlock_fuzz::{TEXT_BYTES_MAX, text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let path = normalise(&text(data, TEXT_BYTES_MAX));
    let _ = is_secret(&path.name);
    let _ = is_system(&path.name);
    // What stands before a path, and not in it, is read once: spaces, `file:`, the two slashes of a
    // share.
    let name = path.name.as_str();
    if path.parsed && name.starts_with('/') && !name.starts_with("//") && name.trim() == name {
        assert!(path.absolute);
        assert!(name.split('/').all(|part| part != ".." && part != "."));
        let again = normalise(name);
        assert_eq!(again.name, name);
        assert!(!again.traversal);
    }
});
