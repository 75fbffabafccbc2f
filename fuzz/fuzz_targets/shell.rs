//! `ShellFacts::of`: what does not parse takes the dangerous value.
#![no_main]

use interlock_core::facts::shell::ShellFacts;
use interlock_fuzz::{TEXT_BYTES_MAX, text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let line = text(data, TEXT_BYTES_MAX);
    let facts = ShellFacts::of(&line);
    assert!(facts.present);
    if !facts.parsed {
        assert!(facts.destructive && facts.recursive_delete && facts.elevated && facts.code);
    }
    assert_eq!(facts, ShellFacts::of(&line));
    let words: Vec<&str> = line.split_whitespace().collect();
    let _ = ShellFacts::of_words(&words);
});
