//! Faults: whatever fails, a side effect is denied, and it shows.

use interlock_core::model::{Effect, OutcomeStatus, Principal, Role, reason::code};
use interlock_runtime::{CheckOptions, Options, Runtime, RuntimeError};
use interlock_store::{AgentChange, NewAgent};

use crate::world::{World, action, check, end, expect, outcome, principal, try_check};

#[test]
fn without_a_policy_side_effects_are_denied() {
    let world = World::new();
    let runtime = world.open();
    // A tenant that nobody opened has no bundle.
    let stranger = Principal {
        tenant: "stranger".into(),
        ..Principal::local()
    };
    for (json, effect) in [
        (
            r#"{"agent_id":"bot","action_type":"file_delete","resource":"/srv/a"}"#,
            Effect::Block,
        ),
        (
            r#"{"agent_id":"bot","action_type":"payment","arguments":{"amount":1,"currency":"EUR"}}"#,
            Effect::Block,
        ),
        (
            r#"{"agent_id":"bot","action_type":"code_execution","arguments":{"command":"rm -rf /srv/a"}}"#,
            Effect::Block,
        ),
    ] {
        let checked = runtime
            .check(&stranger, action(json), &CheckOptions::default())
            .expect("a decision");
        assert_eq!(checked.decision.effect, effect, "{json}");
        assert_eq!(checked.decision.reasons[0].code, code::NO_POLICY, "{json}");
    }
    end(runtime);
}

#[test]
fn a_key_of_one_agent_is_refused_for_another() {
    let world = World::new();
    let runtime = world.open();
    let key = principal(Role::Agent, Some("bot"));
    let json = r#"{"agent_id":"other","action_type":"file_read","resource":"/srv/a.txt"}"#;
    let error = runtime
        .check(&key, action(json), &CheckOptions::default())
        .expect_err("refused");
    assert!(matches!(error, RuntimeError::Identity { .. }));
    assert_eq!(error.code(), "identity.mismatch");
    let own = json.replace("other", "bot");
    assert_eq!(
        runtime
            .check(&key, action(&own), &CheckOptions::default())
            .expect("its own")
            .agent_id,
        "bot"
    );
    end(runtime);
}

#[test]
fn what_cannot_be_recorded_is_denied() {
    let world = World::new();
    let runtime = world.open();
    let read = r#"{"agent_id":"bot","action_type":"file_read","resource":"/srv/app/a.txt","arguments":{"path":"/srv/app/a.txt"},"idempotency_key":"k"}"#;
    let first = check(&runtime, read);
    runtime.journal().clone().close().expect("it closes");
    let later = read.replace("\"k\"", "\"later\"");
    for _ in 0..3 {
        // The key is given back, so that every try is a first one.
        let error = try_check(&runtime, &later).expect_err("no record");
        assert_eq!(error.code(), "audit-unavailable", "{error}");
    }
    let error = runtime
        .outcome(
            &Principal::local(),
            first.id,
            &outcome(OutcomeStatus::Succeeded),
        )
        .expect_err("no record");
    assert_eq!(error.code(), "audit-unavailable", "{error}");
    // What was recorded before is still answered.
    assert_eq!(check(&runtime, read).id, first.id);
    end(runtime);
    // The next start knows the outcome is missing and takes it.
    let runtime = world.open();
    runtime
        .outcome(
            &Principal::local(),
            first.id,
            &outcome(OutcomeStatus::Succeeded),
        )
        .expect("it is taken now");
    assert!(!check(&runtime, &later).replayed);
    end(runtime);
}

#[test]
fn what_was_not_recorded_is_not_charged() {
    let world = World::policy(
        "interlock: 1\ndefault: allow\nrules:\n  - id: two\n    require: { limits: { calls: 2/1h } }\n    effect: block\n",
    );
    let runtime = world.open();
    let at = |n: u32| format!(r#"{{"agent_id":"bot","action_type":"llm_call","tool":"t{n}"}}"#);
    expect(&runtime, &at(0), Effect::Allow, code::DEFAULT);
    // Too large for a record: refused after it was charged.
    let large = format!(
        r#"{{"agent_id":"bot","action_type":"llm_call","tool":"t","run_id":"{}"}}"#,
        "r".repeat(300)
    );
    assert!(interlock_core::model::Action::from_json(large.as_bytes()).is_err());
    runtime.journal().clone().close().expect("it closes");
    for n in 1..5 {
        assert_eq!(
            try_check(&runtime, &at(n)).expect_err("no record").code(),
            "audit-unavailable"
        );
    }
    end(runtime);
    let runtime = world.open();
    expect(&runtime, &at(5), Effect::Allow, code::DEFAULT);
    expect(&runtime, &at(6), Effect::Block, code::LIMIT);
    end(runtime);
}

#[test]
fn a_directory_has_one_owner() {
    let world = World::new();
    let runtime = world.open();
    assert!(world.try_open().is_err());
    let error = Runtime::open(Options::on(world.dir.path()))
        .expect_err("it is taken")
        .to_string();
    let directory = world.dir.path().display().to_string();
    assert!(
        error.contains("in use by another server") && error.contains(&directory),
        "{error}"
    );
    check(
        &runtime,
        r#"{"agent_id":"bot","action_type":"file_read","resource":"/srv/a.txt"}"#,
    );
    end(runtime);
    end(world.open());
}

#[test]
fn a_kill_switch_stops_everything_and_survives_a_restart() {
    let world = World::new();
    let read = r#"{"agent_id":"bot","action_type":"file_read","resource":"/srv/app/a.txt"}"#;
    let runtime = world.open();
    runtime
        .set_kill_switch("default", "admin", true, "incident")
        .expect("on");
    expect(&runtime, read, Effect::Block, code::KILL_SWITCH);
    end(runtime);
    let runtime = world.open();
    expect(&runtime, read, Effect::Block, code::KILL_SWITCH);
    runtime
        .set_kill_switch("default", "admin", false, "over")
        .expect("off");
    assert_ne!(
        check(&runtime, read).decision.reasons[0].code,
        code::KILL_SWITCH
    );
    end(runtime);
}

#[test]
fn without_a_record_a_stop_holds_and_does_not_end() {
    let world = World::new();
    let read = r#"{"agent_id":"bot","action_type":"file_read","resource":"/srv/app/a.txt"}"#;
    let paused = |on| AgentChange {
        paused: Some(on),
        ..AgentChange::default()
    };
    let new = NewAgent {
        agent_id: "bot".to_owned(),
        name: "bot".to_owned(),
    };
    let runtime = world.open();
    runtime
        .register_agent("default", "admin", &new)
        .expect("registered");
    runtime.journal().clone().close().expect("it closes");
    for error in [
        runtime.set_kill_switch("default", "admin", true, "").err(),
        runtime.set_kill_switch("default", "admin", false, "").err(),
        runtime
            .update_agent("default", "admin", "bot", &paused(true))
            .err(),
    ] {
        let error = error.expect("no record");
        assert_eq!(error.code(), "audit-unavailable", "{error}");
    }
    end(runtime);
    let runtime = world.open();
    expect(&runtime, read, Effect::Block, code::KILL_SWITCH);
    runtime
        .set_kill_switch("default", "admin", false, "over")
        .expect("off");
    expect(&runtime, read, Effect::Block, code::AGENT_PAUSED);
    runtime.journal().clone().close().expect("it closes");
    assert!(
        runtime
            .update_agent("default", "admin", "bot", &paused(false))
            .is_err()
    );
    end(runtime);
    let runtime = world.open();
    expect(&runtime, read, Effect::Block, code::AGENT_PAUSED);
    runtime
        .update_agent("default", "admin", "bot", &paused(false))
        .expect("resumed");
    assert!(!crate::world::codes(&check(&runtime, read)).contains(&code::AGENT_PAUSED));
    end(runtime);
}

#[test]
fn a_clock_that_jumps_back_opens_no_window() {
    let world = World::policy(
        "interlock: 1\ndefault: allow\nrules:\n  - id: two\n    require: { limits: { calls: 2/1m } }\n    effect: block\n",
    );
    let runtime = world.open();
    let call = r#"{"agent_id":"bot","action_type":"llm_call","tool":"t"}"#;
    expect(&runtime, call, Effect::Allow, code::DEFAULT);
    expect(&runtime, call, Effect::Allow, code::DEFAULT);
    expect(&runtime, call, Effect::Block, code::LIMIT);
    world.advance(-24 * crate::world::HOUR);
    expect(&runtime, call, Effect::Block, code::LIMIT);
    end(runtime);
}
