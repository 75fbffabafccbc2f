//! `interlock_policy::compile` and `format`: a program that decides, or messages about places in
//! the text; formatting keeps the meaning and its own form.
#![no_main]

mod places;

use interlock_core::engine::{Request, decide, prepare};
use interlock_core::model::{Action, Principal};
use interlock_core::state::Readings;
use interlock_fuzz::text;
use interlock_policy::{Source, compile, format};
use libfuzzer_sys::fuzz_target;
use places::check_places;
use std::sync::LazyLock;

static ACTION: LazyLock<Action> = LazyLock::new(|| {
    Action::from_json(
        br#"{"agent_id":"a","action_type":"database_write","tool":"db","resource":"postgres://prod/users",
            "arguments":{"query":"DELETE FROM users","amount":4500,"a":"b"}}"#,
    )
    .unwrap()
});

fuzz_target!(|data: &[u8]| {
    // The first byte of a Cedar file is a control character, which neither language begins with.
    let (name, data) = match data.split_first() {
        Some((1, rest)) => ("x.cedar", rest),
        _ => ("x.yaml", data),
    };
    let text = text(data, 8 * 1024);
    let sources = [Source::new(name, text.as_ref())];
    match compile(&sources, 1) {
        Err(found) => {
            let (own, other): (Vec<_>, Vec<_>) = found.into_iter().partition(|d| d.file == name);
            if other.is_empty() {
                check_places(&own, &text);
            }
        }
        Ok(compiled) => {
            let principal = Principal::local();
            let request = Request {
                principal: &principal,
                action: &ACTION,
                now: 1_795_233_600_000_000_000,
                reservation: 1,
                profile: compiled.profile("a"),
                grant: None,
            };
            let prepared = prepare(&compiled.program, &request);
            assert!(prepared.ran.failed.is_empty());
            let _ = decide(&compiled.program, &request, &prepared, Readings::default());
        }
    }
    if let Ok(formatted) = format(&sources[0]) {
        let again = Source::new(name, formatted.as_str());
        assert_eq!(format(&again).as_ref(), Ok(&formatted));
    }
});
