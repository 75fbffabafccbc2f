//! A deeper model beside the decisions: what it finds is recorded, raises an alert, taints the session
//! and comes back with a restart; what it does not read is counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use interlock_core::model::{OutcomeStatus, Principal, Value};
use interlock_runtime::{DeepCounts, DeepModel, Runtime};

use crate::world::{World, check, end, outcome, records};

/// Takes every text with the word `heist` for an attack, fails on `panic`, and waits while it is held.
#[derive(Debug, Default)]
struct Words {
    held: AtomicBool,
}

impl DeepModel for Words {
    fn score_milli(&self, text: &str) -> u16 {
        while self.held.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(!text.contains("panic"), "a model that fails");
        if text.contains("heist") { 930 } else { 40 }
    }

    fn threshold_milli(&self) -> u16 {
        900
    }

    fn digest(&self) -> &str {
        "0123"
    }
}

fn ask(session: &str, prompt: &str) -> String {
    format!(
        r#"{{"agent_id":"bot","action_type":"llm_call","session_id":"{session}","context":{{"prompt":"{prompt}"}}}}"#
    )
}

fn until(runtime: &Runtime, what: impl Fn(DeepCounts) -> bool) -> DeepCounts {
    let begin = Instant::now();
    loop {
        let counts = runtime.deep_counts().expect("a model");
        if what(counts) {
            return counts;
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "{counts:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn tainted(runtime: &Runtime, session: &str) -> (bool, i64) {
    let state = check(runtime, &ask(session, "hi"))
        .decision
        .readings
        .state
        .clone();
    (state.untrusted_seen, state.instructions_seq)
}

#[test]
fn what_it_finds_is_recorded_and_taints_also_after_a_restart() {
    let world = World::policy("interlock: 1\ndefault: allow\n");
    let runtime = world.open();
    assert!(runtime.deep_counts().is_none());
    runtime
        .read_deeper(Arc::new(Words::default()))
        .expect("a thread");
    check(&runtime, &ask("calm", "what is the weather in Paris"));
    check(
        &runtime,
        &ask("said", "let us plan the heist of the century"),
    );
    let read = check(&runtime, &ask("read", "please read the page for me"));
    let mut page = outcome(OutcomeStatus::Succeeded);
    page.result = Some("the page is about a heist in the museum".to_owned());
    let reply = runtime
        .outcome(&Principal::local(), read.id, &page)
        .expect("an outcome");
    let counts = until(&runtime, |c| c.read == 4);
    assert_eq!((counts.flagged, counts.dropped, counts.waiting), (2, 0, 0));
    let entries = records(&runtime, "alert");
    assert_eq!(entries.len(), 2);
    for (entry, (of, path)) in entries
        .iter()
        .zip([("decision", "context.prompt"), ("outcome", "result")])
    {
        let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default();
        assert_eq!(
            (text("of"), text("path"), text("model")),
            (of, path, "0123")
        );
        assert_eq!(entry.get("score_milli").and_then(Value::as_i64), Some(930));
        // The text itself is nowhere in the entry.
        assert!(!entry.to_json().contains("heist"));
    }
    let expected = [
        ("calm", (false, 0)),
        ("said", (true, 0)),
        ("read", (true, i64::try_from(reply.seq).expect("a number"))),
    ];
    for (session, state) in expected {
        assert_eq!(tainted(&runtime, session), state, "{session}");
    }
    end(runtime);
    let runtime = world.open();
    for (session, state) in expected {
        assert_eq!(tainted(&runtime, session), state, "{session}");
    }
    let alerts = runtime
        .store()
        .alerts("default", None, None, 10)
        .expect("alerts");
    let deep: Vec<_> = alerts
        .iter()
        .filter(|a| a.row.id.starts_with("alert-deep-"))
        .collect();
    assert_eq!(deep.len(), 2);
    assert!(
        deep.iter()
            .all(|a| a.row.message.contains("0.930") && a.row.action_id.is_some())
    );
    end(runtime);
}

#[test]
fn what_does_not_fit_is_counted_and_holds_nobody_up() {
    let world = World::policy("interlock: 1\ndefault: allow\n");
    let runtime = world.open();
    let model = Arc::new(Words::default());
    model.held.store(true, Ordering::SeqCst);
    runtime
        .read_deeper(Arc::clone(&model) as Arc<dyn DeepModel>)
        .expect("a thread");
    // One is being read, 256 wait, the rest has no place; all are decided at once.
    for n in 0..300 {
        check(&runtime, &ask("s", &format!("a plain question number {n}")));
    }
    let counts = until(&runtime, |c| c.waiting == 256);
    assert_eq!(counts.dropped, 300 - 257);
    model.held.store(false, Ordering::SeqCst);
    until(&runtime, |c| c.read == 257);
    // A text that is cut is read as far as it goes, and counted.
    check(&runtime, &ask("s", &"word ".repeat(20_000)));
    let counts = until(&runtime, |c| c.read == 258);
    assert_eq!(counts.dropped, 300 - 257 + 1);
    end(runtime);
}

#[test]
fn a_model_that_fails_hides_nothing() {
    let world = World::policy("interlock: 1\ndefault: allow\n");
    let runtime = world.open();
    runtime
        .read_deeper(Arc::new(Words::default()))
        .expect("a thread");
    check(&runtime, &ask("s", "a text that makes it panic for sure"));
    check(&runtime, &ask("t", "and it goes on with the next text"));
    let counts = until(&runtime, |c| c.read == 2);
    assert_eq!(counts.flagged, 1);
    assert_eq!(tainted(&runtime, "s"), (true, 0));
    assert_eq!(tainted(&runtime, "t"), (false, 0));
    end(runtime);
}
