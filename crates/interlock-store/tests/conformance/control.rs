//! Agents, policies, bundles, settings, kill switch, idempotency keys.

use interlock_core::model::{ActionDigest, Effect};
use interlock_store::{
    AgentChange, AgentProfile, Days, Epochs, IdempotencyRow, KillSwitch, KillSwitchMode,
    PAGE_ROWS_MAX, PolicyChange, PutIdempotency, Store, StoreError,
};

use super::{Make, new_agent, new_policy, not_found, refused};

pub(super) fn all(make: Make<'_>) {
    agents(&*make());
    profiles(&*make());
    agent_pages(&*make());
    policies(&*make());
    policy_limits(&*make());
    bundles(&*make());
    kill_switch_and_settings(&*make());
    idempotency(&*make());
}

fn agents(store: &dyn Store) {
    not_found(store.agent("t", "a"));
    let agent = store.register_agent("t", &new_agent("a"), 10).unwrap();
    assert_eq!((agent.name.as_str(), agent.created), ("the a", 10));
    assert_eq!(agent.profile, AgentProfile::default());
    assert_eq!(store.agent("t", "a").unwrap(), agent);
    refused(
        store.register_agent("t", &new_agent("a"), 11),
        "agent `a` already exists",
    );
    refused(
        store.register_agent("t", &new_agent(""), 11),
        "`agent_id` is empty",
    );
    refused(
        store.register_agent("t", &new_agent(&"x".repeat(257)), 11),
        "`agent_id` is 257 bytes, the limit is 256",
    );

    let change = AgentChange {
        paused: Some(true),
        kill_switch_mode: Some(KillSwitchMode::Rollback),
        ..AgentChange::default()
    };
    let changed = store.update_agent("t", "a", &change).unwrap();
    assert!(changed.paused && !changed.elevated);
    assert_eq!(changed.name, "the a");
    assert_eq!(changed.kill_switch_mode, KillSwitchMode::Rollback);
    let change = AgentChange {
        name: Some("b".to_owned()),
        elevated: Some(true),
        ..AgentChange::default()
    };
    let changed = store.update_agent("t", "a", &change).unwrap();
    assert!(changed.paused && changed.elevated && changed.name == "b");
    assert_eq!(store.agent("t", "a").unwrap(), changed);
    not_found(store.update_agent("t", "nobody", &change));

    assert_eq!(store.epochs("t").unwrap().control, 3);
    store.delete_agent("t", "a", 20).unwrap();
    not_found(store.agent("t", "a"));
    not_found(store.delete_agent("t", "a", 21));
    not_found(store.update_agent("t", "a", &change));
    not_found(store.set_profile("t", "a", &AgentProfile::default()));
    assert!(store.agents("t", None, 10).unwrap().is_empty());
    let anew = store.register_agent("t", &new_agent("a"), 30).unwrap();
    assert!(!anew.paused && !anew.elevated && anew.created == 30);
    assert_eq!(store.epochs("t").unwrap().control, 5);
}

fn profiles(store: &dyn Store) {
    store.register_agent("t", &new_agent("a"), 1).unwrap();
    let full = AgentProfile {
        allowed_action_types: Some(vec!["file_*".into(), "\"quoted\", ünïcode".into()]),
        allowed_resources: Some(Vec::new()),
        blocked_resources: vec!["*.env".into()],
        max_actions_per_minute: Some(u32::MAX),
        max_risk_milli: Some(1_000),
        budget_day_nano_usd: Some(20_000_000_000),
        budget_month_nano_usd: Some(i64::MAX),
    };
    assert_eq!(store.set_profile("t", "a", &full).unwrap().profile, full);
    assert_eq!(store.agent("t", "a").unwrap().profile, full);
    // Nothing allowed and everything allowed are not the same.
    let empty = AgentProfile::default();
    assert_eq!(store.set_profile("t", "a", &empty).unwrap().profile, empty);
    assert_eq!(store.agent("t", "a").unwrap().profile, empty);
    not_found(store.set_profile("t", "nobody", &full));
    let check = |change: fn(&mut AgentProfile), message| {
        let mut profile = AgentProfile::default();
        change(&mut profile);
        refused(store.set_profile("t", "a", &profile), message);
    };
    check(
        |p| p.max_risk_milli = Some(1_001),
        "`max_risk_score` is 1001 thousandths, the limit is 1000",
    );
    check(
        |p| p.budget_month_nano_usd = Some(-1),
        "`budget_usd` is below zero",
    );
    check(
        |p| p.blocked_resources = vec![String::new(); 1_001],
        "`blocked_resources` has 1001 patterns, the limit is 1000",
    );
    check(
        |p| p.allowed_resources = Some(vec!["x".repeat(4_097)]),
        "`allowed_resources` is 4097 bytes, the limit is 4096",
    );
    assert_eq!(store.agent("t", "a").unwrap().profile, empty);
}

fn agent_pages(store: &dyn Store) {
    for n in (0..25).rev() {
        let agent = new_agent(&format!("a{n:02}"));
        store.register_agent("t", &agent, n).unwrap();
    }
    let mut seen = Vec::new();
    loop {
        let after = seen.last().cloned();
        let page = store.agents("t", after.as_deref(), 10).unwrap();
        if page.is_empty() {
            break;
        }
        seen.extend(page.into_iter().map(|a| a.agent_id));
    }
    let all: Vec<String> = (0..25).map(|n| format!("a{n:02}")).collect();
    assert_eq!(seen, all);
    for limit in [0, PAGE_ROWS_MAX + 1, usize::MAX] {
        refused(store.agents("t", None, limit), "it must be 1 to 1000");
    }
}

fn policies(store: &dyn Store) {
    not_found(store.policy("t", "p"));
    let row = store.insert_policy("t", &new_policy("p", 5), 10).unwrap();
    assert!(row.enabled && row.created == 10 && row.revision == 1);
    assert_eq!(row.policy, new_policy("p", 5));
    assert_eq!(store.policy("t", "p").unwrap(), row);
    refused(
        store.insert_policy("t", &new_policy("p", 6), 11),
        "policy `p` already exists",
    );
    for (id, priority) in [("z", 9), ("b", 5), ("y", -1), ("a", i64::MIN)] {
        store
            .insert_policy("t", &new_policy(id, priority), 12)
            .unwrap();
    }
    let order = || -> Vec<String> {
        let rows = store.policies("t").unwrap();
        rows.into_iter().map(|row| row.policy.id).collect()
    };
    assert_eq!(order(), ["z", "b", "p", "y", "a"]);

    let before = store.epochs("t").unwrap().policy;
    let change = PolicyChange {
        enabled: Some(false),
        effect: Some(Effect::RequireApproval),
        action_type: Some(None),
        resource_pattern: Some(Some("*.env".into())),
        time_start: Some(None),
        days: Some(Days::default()),
        priority: Some(100),
        ..PolicyChange::default()
    };
    let changed = store.update_policy("t", "p", &change).unwrap();
    assert_eq!(store.policy("t", "p").unwrap(), changed);
    assert!(!changed.enabled && changed.created == 10);
    assert_eq!(changed.revision, before + 1);
    let policy = &changed.policy;
    assert_eq!(policy.effect, Effect::RequireApproval);
    assert_eq!(
        (&policy.action_type, policy.resource_pattern.as_deref()),
        (&None, Some("*.env"))
    );
    assert_eq!((policy.time_start, policy.time_end), (None, Some(24)));
    assert_eq!(policy.max_risk_milli, Some(650));
    assert_eq!(order(), ["p", "z", "b", "y", "a"]);
    not_found(store.update_policy("t", "nothing", &change));

    store.delete_policy("t", "p").unwrap();
    not_found(store.delete_policy("t", "p"));
    not_found(store.policy("t", "p"));
    assert_eq!(store.epochs("t").unwrap().policy, before + 2);
    // A revision is never used again, also not by the same policy added anew.
    let again = store.insert_policy("t", &new_policy("p", 5), 20).unwrap();
    assert_eq!(again.revision, before + 3);
}

fn policy_limits(store: &dyn Store) {
    let check = |change: fn(&mut interlock_store::NewPolicy), message| {
        let mut policy = new_policy("p", 1);
        change(&mut policy);
        refused(store.insert_policy("t", &policy, 1), message);
    };
    check(|p| p.id.clear(), "`id` is empty");
    check(|p| p.name.clear(), "`name` is empty");
    check(|p| p.max_risk_milli = Some(1_001), "`max_risk_score`");
    check(|p| p.time_start = Some(24), "`time_start` must be 0 to 23");
    check(|p| p.time_end = Some(25), "`time_end` must be 0 to 24");
    check(
        |p| p.resource_pattern = Some("x".repeat(4_097)),
        "`resource_pattern` is 4097 bytes",
    );
    assert!(store.policies("t").unwrap().is_empty());
    // A refused change leaves the row and its revision as they were.
    let row = store.insert_policy("t", &new_policy("p", 1), 1).unwrap();
    let bad = PolicyChange {
        priority: Some(7),
        time_end: Some(Some(25)),
        ..PolicyChange::default()
    };
    refused(store.update_policy("t", "p", &bad), "`time_end`");
    assert_eq!(store.policy("t", "p").unwrap(), row);
    assert_eq!(store.epochs("t").unwrap().policy, row.revision);
}

fn bundles(store: &dyn Store) {
    not_found(store.bundle("t", "team", None));
    let publish = |name, text: &str, expected, now| {
        store.publish_bundle("t", name, text, "ana", expected, now)
    };
    let first = publish("team", "default: allow", None, 1).unwrap();
    assert_eq!(first.revision, 1);
    store.insert_policy("t", &new_policy("p", 1), 2).unwrap();
    let second = publish("team", "default: block", Some(2), 3).unwrap();
    assert_eq!(second.revision, 3);
    let org = publish("org", "default: allow", Some(3), 4).unwrap();

    let late = publish("team", "default: allow", Some(3), 5);
    assert!(matches!(
        late,
        Err(StoreError::Version {
            expected: 3,
            found: 4,
            ..
        })
    ));
    assert_eq!(store.epochs("t").unwrap().policy, 4);

    assert_eq!(store.bundle("t", "team", None).unwrap(), second);
    assert_eq!(store.bundle("t", "team", Some(1)).unwrap(), first);
    not_found(store.bundle("t", "team", Some(2)));
    assert_eq!(store.bundles("t").unwrap(), [org, second]);
    assert_eq!(
        store.bundle_history("t", "team", 10).unwrap(),
        [(3, "ana".to_owned(), 3), (1, "ana".to_owned(), 1)]
    );
    assert_eq!(store.bundle_history("t", "team", 1).unwrap().len(), 1);
    refused(publish("", "x", None, 6), "`name` is empty");
    let huge = "x".repeat(16 * 1024 * 1024 + 1);
    refused(publish("team", &huge, None, 6), "`text` is 16777217 bytes");
    assert_eq!(store.epochs("t").unwrap().policy, 4);
}

fn kill_switch_and_settings(store: &dyn Store) {
    assert_eq!(store.kill_switch("t").unwrap(), KillSwitch::default());
    assert_eq!(store.epochs("t").unwrap(), Epochs::default());
    let on = KillSwitch {
        on: true,
        reason: "an incident".into(),
        by: "ana".into(),
        at: 7,
    };
    store.set_kill_switch("t", &on).unwrap();
    assert_eq!(store.kill_switch("t").unwrap(), on);
    let off = KillSwitch { on: false, ..on };
    store.set_kill_switch("t", &off).unwrap();
    assert_eq!(store.kill_switch("t").unwrap(), off);

    assert_eq!(store.setting("t", "x").unwrap(), None);
    store.set_setting("t", "x", Some("1")).unwrap();
    store.set_setting("t", "x", Some("2")).unwrap();
    assert_eq!(store.setting("t", "x").unwrap().as_deref(), Some("2"));
    store.set_setting("t", "x", None).unwrap();
    assert_eq!(store.setting("t", "x").unwrap(), None);
    refused(store.set_setting("t", "", Some("1")), "`name` is empty");
    assert_eq!(store.epochs("t").unwrap().control, 5);
}

fn idempotency(store: &dyn Store) {
    let row = |key: &str, digest, expires| IdempotencyRow {
        key: key.to_owned(),
        digest: ActionDigest([digest; 32]),
        decision_id: "d-1".to_owned(),
        response: r#"{"effect":"allow"}"#.to_owned(),
        expires,
    };
    assert_eq!(store.idempotency("t", "k", 1).unwrap(), None);
    let first = row("k", 1, 100);
    let put = |r: &IdempotencyRow, now| store.put_idempotency("t", r, now).unwrap();
    assert_eq!(put(&first, 1), PutIdempotency::Stored);
    assert_eq!(put(&first, 2), PutIdempotency::Found(first.clone()));
    let other = row("k", 2, 200);
    assert_eq!(put(&other, 99), PutIdempotency::Found(first.clone()));
    assert_eq!(store.idempotency("t", "k", 99).unwrap(), Some(first));
    // After its time a key is free.
    assert_eq!(store.idempotency("t", "k", 100).unwrap(), None);
    assert_eq!(put(&other, 100), PutIdempotency::Stored);
    assert_eq!(put(&row("k2", 3, 150), 100), PutIdempotency::Stored);
    assert_eq!(store.purge_idempotency(150).unwrap(), 1);
    assert_eq!(store.purge_idempotency(150).unwrap(), 0);
    assert_eq!(store.idempotency("t", "k", 150).unwrap(), Some(other));
    refused(
        store.put_idempotency("t", &row("", 1, 9), 1),
        "`idempotency_key` is empty",
    );
}
