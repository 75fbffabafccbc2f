//! `SqlFacts::of`: what does not parse takes the dangerous value.
#![no_main]

use interlock_core::facts::sql::SqlFacts;
use interlock_fuzz::{TEXT_BYTES_MAX, text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let sql = text(data, TEXT_BYTES_MAX);
    let facts = SqlFacts::of(&sql, None);
    assert!(facts.present);
    assert!(facts.row_estimate >= 0);
    if !facts.parsed {
        assert!(facts.reads && facts.writes && facts.deletes && facts.unbounded);
    }
    assert_eq!(facts, SqlFacts::of(&sql, None));
});
