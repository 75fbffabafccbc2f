//! `ConditionCompiler`: an expression that a program can hold, or messages about places in the text.
#![no_main]

mod places;

use interlock_fuzz::text;
use interlock_policy::{CONDITION_BYTES_MAX, ConditionCompiler};
use libfuzzer_sys::fuzz_target;
use places::check_places;
use std::cell::RefCell;

thread_local! {
    static COMPILER: RefCell<ConditionCompiler> = RefCell::default();
}

fuzz_target!(|data: &[u8]| {
    let text = text(data, CONDITION_BYTES_MAX + 64);
    COMPILER.with_borrow_mut(|compiler| {
        if let Err(found) = compiler.compile(&text) {
            check_places(&found, &text);
        }
    });
});
