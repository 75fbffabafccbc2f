//! The same key and action: the stored decision, charged once.

use std::sync::Barrier;

use interlock_core::model::{Effect, reason::code};
use interlock_runtime::{Runtime, RuntimeError};

use crate::world::{DAY, World, check, end, expect, records, try_check};

const LIMITED: &str = "interlock: 1\ndefault: allow\nrules:\n  - id: three\n    match: { action: message_send }\n    require: { limits: { calls: 3/1h } }\n    effect: block\n    notify: [ops]\n";

fn send(key: &str, to: &str) -> String {
    format!(
        r#"{{"agent_id":"bot","action_type":"message_send","tool":"mail","idempotency_key":"{key}","arguments":{{"to":"{to}"}}}}"#
    )
}

/// One of three calls is charged: two more fit, the next does not.
fn two_more_fit(runtime: &Runtime) {
    let calls = [
        ("k2", Effect::Allow, code::DEFAULT),
        ("k3", Effect::Allow, code::DEFAULT),
        ("k4", Effect::Block, code::LIMIT),
    ];
    for (key, effect, reason) in calls {
        expect(runtime, &send(key, "b@corp.internal"), effect, reason);
    }
}

#[test]
fn a_retry_gets_the_first_answer_and_is_not_charged() {
    let world = World::policy(LIMITED);
    let runtime = world.open();
    let first = check(&runtime, &send("k1", "a@corp.internal"));
    for _ in 0..10 {
        let again = check(&runtime, &send("k1", "a@corp.internal"));
        assert!(again.replayed);
        assert_eq!(
            (again.id, again.seq, again.leaf),
            (first.id, first.seq, first.leaf)
        );
        assert_eq!(again.decision, first.decision);
    }
    assert_eq!(records(&runtime, "decision").len(), 1);
    two_more_fit(&runtime);
    end(runtime);
}

#[test]
fn another_action_under_the_same_key_is_a_conflict() {
    let world = World::policy(LIMITED);
    let runtime = world.open();
    check(&runtime, &send("k1", "a@corp.internal"));
    let error = try_check(&runtime, &send("k1", "b@corp.internal")).expect_err("a conflict");
    assert!(
        matches!(error, RuntimeError::IdempotencyConflict(_)),
        "{error}"
    );
    assert_eq!(error.code(), "idempotency.conflict");
    // Keys are an agent's own.
    let other = send("k1", "b@corp.internal").replace("\"bot\"", "\"other\"");
    assert!(!check(&runtime, &other).replayed);
    end(runtime);
}

#[test]
fn racing_retries_are_decided_once() {
    let world = World::policy(LIMITED);
    let runtime = world.open();
    let barrier = Barrier::new(8);
    let answers: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    check(&runtime, &send("race", "a@corp.internal"))
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|t| t.join().expect("no panic"))
            .collect()
    });
    assert_eq!(answers.iter().filter(|a| !a.replayed).count(), 1);
    assert!(
        answers
            .iter()
            .all(|a| a.id == answers[0].id && a.effect() == Effect::Allow)
    );
    assert_eq!(records(&runtime, "decision").len(), 1);
    two_more_fit(&runtime);
    end(runtime);
}

trait EffectOf {
    fn effect(&self) -> Effect;
}

impl EffectOf for interlock_runtime::Checked {
    fn effect(&self) -> Effect {
        self.decision.effect
    }
}

#[test]
fn answers_survive_a_restart_and_end_after_a_day() {
    let world = World::policy(LIMITED);
    let runtime = world.open();
    let keys = ["k1", "k2", "k3", "k4"];
    let first: Vec<_> = keys
        .iter()
        .map(|k| check(&runtime, &send(k, "a@corp.internal")))
        .collect();
    assert_eq!(first[3].effect(), Effect::Block);
    end(runtime);

    let runtime = world.open();
    for (key, first) in keys.iter().zip(&first) {
        let again = check(&runtime, &send(key, "a@corp.internal"));
        assert!(again.replayed, "{key}");
        assert_eq!(
            (again.id, again.at, again.seq, again.leaf),
            (first.id, first.at, first.seq, first.leaf)
        );
        assert_eq!(
            (&again.agent_id, &again.action_type, &again.resource),
            (&first.agent_id, &first.action_type, &first.resource)
        );
        let (a, b) = (&again.decision, &first.decision);
        assert_eq!((a.effect, a.decided), (b.effect, b.decided));
        assert_eq!(a.reasons, b.reasons);
        assert_eq!(a.fired, b.fired);
        assert_eq!(a.findings, b.findings);
        assert_eq!(a.obligations, b.obligations);
        assert_eq!(
            (a.risk.composite, a.risk.floor),
            (b.risk.composite, b.risk.floor)
        );
        let scores =
            |d: &interlock_core::model::Decision| d.risk.dimensions.clone().map(|d| d.score);
        assert_eq!(scores(a), scores(b));
    }
    assert!(
        !first[3].decision.obligations.is_empty(),
        "the fourth had somebody to notify"
    );
    let error = try_check(&runtime, &send("k1", "b@corp.internal")).expect_err("a conflict");
    assert_eq!(error.code(), "idempotency.conflict");
    world.advance(DAY + 1);
    assert!(!check(&runtime, &send("k1", "b@corp.internal")).replayed);
    end(runtime);
}
