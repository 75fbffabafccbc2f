//! The permission profile of an agent, and the policy rows of the published API.

use interlock_core::model::{Effect, reason::code};
use interlock_store::{AgentProfile, Days, NewPolicy};

use crate::world::{MINUTE, TENANT, World, check, codes, end, expect, fired};

const ALLOW_ALL: &str = "interlock: 1\ndefault: allow\n";
/// No resource is sensitive by its name alone, so that the score is of the action.
const PLAIN_NAMES: &str = "interlock: 1\ndefault: allow\nclassification: { builtin: false }\n";

fn published() -> AgentProfile {
    AgentProfile {
        allowed_action_types: Some(vec!["file_read".into(), "api_call".into()]),
        allowed_resources: Some(vec!["/srv/data/*".into(), "http://*.internal/*".into()]),
        blocked_resources: vec!["*.pem".into(), "prod.*".into()],
        max_actions_per_minute: Some(20),
        max_risk_milli: Some(700),
        ..AgentProfile::default()
    }
}

fn read(path: &str) -> String {
    format!(
        r#"{{"agent_id":"bot","action_type":"file_read","resource":"{path}","arguments":{{"path":"{path}"}}}}"#
    )
}

#[test]
fn each_limit_blocks_with_its_own_code() {
    let world = World::policy(ALLOW_ALL);
    let runtime = world.open();
    runtime
        .set_profile(TENANT, "admin", "bot", &published())
        .expect("a profile");
    let cases = [
        (read("/srv/data/a.txt"), Effect::Allow, code::DEFAULT),
        (
            r#"{"agent_id":"bot","action_type":"file_delete","resource":"/srv/data/a.txt"}"#
                .to_owned(),
            Effect::Block,
            code::PROFILE_TYPE,
        ),
        (
            read("/srv/other/a.txt"),
            Effect::Block,
            code::PROFILE_RESOURCE,
        ),
        (
            read("/srv/data/key.pem"),
            Effect::Block,
            code::PROFILE_BLOCKED,
        ),
        (read("/srv/data/b.txt"), Effect::Allow, code::DEFAULT),
    ];
    for (json, effect, code) in cases {
        expect(&runtime, &json, effect, code);
    }
    // Another agent has no profile.
    expect(
        &runtime,
        r#"{"agent_id":"other","action_type":"file_delete","resource":"/srv/data/a.txt"}"#,
        Effect::Allow,
        code::DEFAULT,
    );
    end(runtime);
}

#[test]
fn the_twenty_first_call_in_a_minute_is_blocked() {
    let world = World::policy(ALLOW_ALL);
    let runtime = world.open();
    runtime
        .set_profile(TENANT, "admin", "bot", &published())
        .expect("a profile");
    for n in 0..20 {
        expect(
            &runtime,
            &read(&format!("/srv/data/{n}.txt")),
            Effect::Allow,
            code::DEFAULT,
        );
        world.advance(MINUTE / 100);
    }
    expect(
        &runtime,
        &read("/srv/data/20.txt"),
        Effect::Block,
        code::PROFILE_RATE,
    );
    world.advance(MINUTE);
    expect(
        &runtime,
        &read("/srv/data/21.txt"),
        Effect::Allow,
        code::DEFAULT,
    );
    end(runtime);
}

#[test]
fn a_risk_over_the_maximum_is_blocked() {
    let world = World::policy(ALLOW_ALL);
    let runtime = world.open();
    let profile = |milli| AgentProfile {
        max_risk_milli: Some(milli),
        ..AgentProfile::default()
    };
    let risky = r#"{"agent_id":"bot","action_type":"database_write","resource":"postgres://prod/customers",
        "environment":"production","arguments":{"sql":"DELETE FROM customers"}}"#;
    let risk = u16::from(check(&runtime, risky).decision.risk.composite);
    println!("risk of an unbounded delete in production: {risk}");
    runtime
        .set_profile(TENANT, "admin", "bot", &profile(100))
        .expect("a profile");
    expect(&runtime, risky, Effect::Block, code::PROFILE_RISK);
    runtime
        .set_profile(TENANT, "admin", "bot", &profile(1_000))
        .expect("a profile");
    expect(&runtime, risky, Effect::Allow, code::DEFAULT);
    end(runtime);
}

#[test]
fn the_published_policy_fires_only_above_its_score() {
    let world = World::policy(PLAIN_NAMES);
    let runtime = world.open();
    let policy = NewPolicy {
        id: "p1".to_owned(),
        name: "Block prod deletes".to_owned(),
        action_type: Some("file_delete".to_owned()),
        resource_pattern: Some("prod.*".to_owned()),
        effect: Effect::Block,
        max_risk_milli: Some(500),
        time_start: None,
        time_end: None,
        days: Days::default(),
        priority: 10,
    };
    let low = r#"{"agent_id":"bot","action_type":"file_delete","resource":"prod.scratch.a","environment":"development"}"#;
    let high = r#"{"agent_id":"bot","action_type":"file_delete","resource":"prod.customers.*","environment":"production",
        "tool":"shell","arguments":{"command":"rm -rf /srv/prod/customers","recursive":true,"customer":{"ssn":"078-05-1120","card":"4111 1111 1111 1111"}}}"#;
    let before = (check(&runtime, low), check(&runtime, high));
    println!(
        "risks {} and {}",
        before.0.decision.risk.composite, before.1.decision.risk.composite
    );
    assert!(
        before.0.decision.risk.composite <= 50,
        "{:?}",
        before.0.decision.risk
    );
    assert!(
        before.1.decision.risk.composite > 50,
        "{:?}",
        before.1.decision.risk
    );
    runtime
        .insert_policy(TENANT, "admin", &policy)
        .expect("a policy");
    expect(&runtime, low, Effect::Allow, code::DEFAULT);
    let blocked = expect(&runtime, high, Effect::Block, code::RULE);
    assert!(
        fired(&blocked).contains(&"policy/p1"),
        "{:?}",
        codes(&blocked)
    );
    // Elsewhere it does not hold, however risky.
    let elsewhere = check(
        &runtime,
        &high.replace("\"prod.customers.*\"", "\"dev.customers.*\""),
    );
    assert!(!fired(&elsewhere).contains(&"policy/p1"));
    runtime
        .delete_policy(TENANT, "admin", "p1")
        .expect("it goes");
    assert_ne!(check(&runtime, high).decision.effect, Effect::Block);
    end(runtime);
}
