//! Bodies of decisions read back, and decided anew: whatever the bytes, an answer in bounded time, and
//! the same one twice.
#![no_main]

use std::sync::{Arc, LazyLock};

use interlock_core::audit::recorded::Recorded;
use interlock_core::program::replay::{ProfileNow, Replay};
use libfuzzer_sys::fuzz_target;

static DEFAULT: LazyLock<Replay> = LazyLock::new(|| {
    let source = interlock_policy::built_in("default").expect("a built-in bundle");
    let compiled = interlock_policy::compile(&[source], 1).expect("it compiles");
    Replay::new(Arc::new(compiled.program), [])
});

fuzz_target!(|data: &[u8]| {
    if let Ok(recorded) = Recorded::read(data) {
        let first = DEFAULT.decide(&recorded, ProfileNow::default());
        assert_eq!(first, DEFAULT.decide(&recorded, ProfileNow::default()));
    }
});
