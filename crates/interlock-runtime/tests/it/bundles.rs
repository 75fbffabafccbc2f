//! Bundles: the built-in ones, a change that is refused, and how large one may be.

use std::fmt::Write as _;

use interlock_core::model::{Effect, reason::code};
use interlock_policy::{BUILT_IN, Source, built_in, compile, run_tests};
use interlock_runtime::RuntimeError;
use interlock_store::{Days, NewPolicy, PolicyChange, StoreError};

use crate::world::{TENANT, World, check, end, expect, fired};

const BLOCK_MAIL: &str = "interlock: 1\ndefault: allow\nrules:\n  - id: no-mail\n    match: { action: message_send }\n    effect: block\n";
const MAIL: &str =
    r#"{"agent_id":"bot","action_type":"message_send","arguments":{"to":"a@corp.internal"}}"#;

#[test]
fn the_tests_of_every_built_in_bundle_pass() {
    for (name, _) in BUILT_IN {
        let source = built_in(name).expect("it is built in");
        let compiled = compile(&[source], 1).unwrap_or_else(|d| panic!("{name}: {d:?}"));
        assert!(!compiled.tests.is_empty(), "{name} has no tests");
        let failures = run_tests(&compiled.tests, &compiled);
        assert!(failures.is_empty(), "{name}: {failures:#?}");
        println!("{name}: {} tests", compiled.tests.len());
    }
}

#[test]
fn what_does_not_compile_keeps_the_last_good_bundle() {
    let world = World::policy(BLOCK_MAIL);
    let runtime = world.open();
    let before = runtime
        .bundle(TENANT)
        .expect("a bundle")
        .compiled
        .program
        .digest();
    for bad in [
        "interlock: 1\nrules: [",
        "interlock: 1\ndefault: allow\nrules:\n  - id: x\n    when: facts.sql.unbouded\n    effect: block\n",
        "interlock: 1\ndefault: allow\nrules:\n  - id: x\n    when: risk.composite > 'high'\n    effect: block\n",
        "interlock: 1\ndefault: allow\nruels: []\n",
    ] {
        let error = runtime
            .reload_base(vec![Source::new("bad.yaml", bad)], &[TENANT.to_owned()])
            .expect_err("it does not compile");
        assert_eq!(error.code(), "policy.invalid", "{error}");
        assert!(error.to_string().contains("bad.yaml"), "{error}");
        let error = runtime
            .publish_bundle(TENANT, "author", "team.yaml", bad, None)
            .expect_err("it does not compile");
        assert_eq!(error.code(), "policy.invalid", "{error}");
        assert_eq!(
            runtime
                .bundle(TENANT)
                .expect("a bundle")
                .compiled
                .program
                .digest(),
            before
        );
        expect(&runtime, MAIL, Effect::Block, code::RULE);
    }
    end(runtime);
}

#[test]
fn a_row_that_does_not_compile_is_never_stored() {
    let world = World::policy(
        "interlock: 1\ndefault: allow\nrules:\n  - id: policy/taken\n    match: { action: message_send }\n    effect: block\n",
    );
    let runtime = world.open();
    let row = |id: &str| NewPolicy {
        id: id.to_owned(),
        name: "a row".to_owned(),
        action_type: Some("payment".to_owned()),
        resource_pattern: None,
        effect: Effect::Block,
        max_risk_milli: None,
        time_start: None,
        time_end: None,
        days: Days::default(),
        priority: 1,
    };
    let stored = || {
        let epochs = runtime.store().epochs(TENANT).expect("epochs");
        (
            epochs.policy,
            runtime.store().policies(TENANT).expect("rows"),
        )
    };
    let none = stored();
    let error = runtime
        .insert_policy(TENANT, "admin", &row("taken"))
        .expect_err("the id of a rule");
    assert_eq!(error.code(), "policy.invalid", "{error}");
    // Not even for a moment: the revision would show it.
    assert_eq!(stored(), none);
    runtime
        .insert_policy(TENANT, "admin", &row("free"))
        .expect("added");
    let one = stored();
    assert!(one.0 > none.0);
    assert!(matches!(
        runtime.insert_policy(TENANT, "admin", &row("free")),
        Err(RuntimeError::Store(StoreError::Exists { .. }))
    ));
    let early = PolicyChange {
        time_end: Some(Some(25)),
        ..PolicyChange::default()
    };
    assert!(
        runtime
            .update_policy(TENANT, "admin", "free", &early)
            .is_err()
    );
    assert!(runtime.delete_policy(TENANT, "admin", "nothing").is_err());
    assert_eq!(stored(), one);
    let off = PolicyChange {
        enabled: Some(false),
        ..PolicyChange::default()
    };
    runtime
        .update_policy(TENANT, "admin", "free", &off)
        .expect("changed");
    runtime
        .delete_policy(TENANT, "admin", "free")
        .expect("removed");
    assert!(stored().1.is_empty());
    end(runtime);
    end(world.open());
}

#[test]
fn revisions_only_go_up() {
    let world = World::policy("interlock: 1\ndefault: allow\n");
    let runtime = world.open();
    let mut latest = runtime.bundle(TENANT).expect("a bundle").revision;
    for text in [BLOCK_MAIL, "interlock: 1\ndefault: allow\n", BLOCK_MAIL] {
        let (_, loaded) = runtime
            .publish_bundle(TENANT, "author", "team.yaml", text, None)
            .expect("it compiles");
        assert!(
            loaded.revision > latest,
            "{} after {latest}",
            loaded.revision
        );
        latest = loaded.revision;
    }
    expect(&runtime, MAIL, Effect::Block, code::RULE);
    // Whoever edited an older one is told so, and what is in force stays.
    let error = runtime
        .publish_bundle(
            TENANT,
            "author",
            "team.yaml",
            "interlock: 1\ndefault: allow\n",
            Some(1),
        )
        .expect_err("not the revision in force");
    println!("{error}");
    expect(&runtime, MAIL, Effect::Block, code::RULE);
    end(runtime);
    // The next start has the same.
    let runtime = world.open();
    assert_eq!(runtime.bundle(TENANT).expect("a bundle").revision, latest);
    expect(&runtime, MAIL, Effect::Block, code::RULE);
    end(runtime);
}

#[test]
fn ten_thousand_rules_load() {
    let mut text = String::from("interlock: 1\ndefault: allow\nrules:\n");
    for n in 0..9_999 {
        let _ = writeln!(
            text,
            "  - {{ id: rule-{n}, match: {{ tool: [\"tool-{n}\"] }}, effect: block }}"
        );
    }
    let mut over = text.clone();
    for n in 9_999..10_001 {
        let _ = writeln!(
            over,
            "  - {{ id: rule-{n}, match: {{ tool: [\"tool-{n}\"] }}, effect: block }}"
        );
    }
    let started = std::time::Instant::now();
    let world = World::policy(&text);
    let runtime = world.open();
    println!("9,999 rules loaded in {:?}", started.elapsed());
    let hit = check(
        &runtime,
        r#"{"agent_id":"bot","action_type":"llm_call","tool":"tool-9998"}"#,
    );
    assert_eq!(fired(&hit), ["rule-9998"]);
    expect(
        &runtime,
        r#"{"agent_id":"bot","action_type":"llm_call","tool":"tool-x"}"#,
        Effect::Allow,
        code::DEFAULT,
    );
    let error = runtime
        .reload_base(vec![Source::new("over.yaml", over)], &[TENANT.to_owned()])
        .expect_err("too many");
    assert!(
        error.to_string().contains("10000") || error.to_string().contains("10,000"),
        "{error}"
    );
    assert_eq!(
        check(
            &runtime,
            r#"{"agent_id":"bot","action_type":"llm_call","tool":"tool-9998"}"#
        )
        .decision
        .effect,
        Effect::Block
    );
    end(runtime);
}

/// What `GET /api/bundle` sends.
fn travelling(loaded: &interlock_runtime::Loaded) -> Vec<u8> {
    let sources: Vec<serde_json::Value> = loaded
        .sources
        .iter()
        .map(|s| {
            serde_json::json!({"name": s.name, "text": s.text, "layer": s.layer.map(interlock_policy::layer_name)})
        })
        .collect();
    serde_json::json!({"manifest": loaded.manifest, "sources": sources})
        .to_string()
        .into_bytes()
}

#[test]
fn every_bundle_has_a_number_and_a_signature() {
    let world = World::policy("interlock: 1\ndefault: allow\n");
    let runtime = world.open();
    let vkey = runtime.bundle_vkey();
    let key = interlock_core::audit::note::Verifier::parse(&vkey).expect("a key");
    let taken = |held: Option<&interlock_policy::Manifest>| {
        let loaded = runtime.bundle(TENANT).expect("a bundle");
        interlock_policy::verify_bundle(&travelling(&loaded), &key, TENANT, held)
            .expect("it is signed")
            .manifest
    };
    let first = taken(None);
    assert_eq!(first.number, 1);
    // Tenant's own, base, and back: a number of its own for each.
    let (bundle, _) = runtime
        .publish_bundle(TENANT, "author", "team.yaml", BLOCK_MAIL, None)
        .expect("it compiles");
    let second = taken(Some(&first));
    let base = |text: &str| vec![Source::new("base.yaml", text)];
    let tenants = [TENANT.to_owned()];
    runtime
        .reload_base(base("interlock: 1\ndefault: block\n"), &tenants)
        .expect("it compiles");
    let third = taken(Some(&second));
    // The same again is the same.
    runtime
        .reload_base(base("interlock: 1\ndefault: block\n"), &tenants)
        .expect("it compiles");
    assert_eq!(taken(Some(&third)), third);
    runtime
        .publish_bundle(
            TENANT,
            "author",
            "team.yaml",
            "interlock: 1\ndefault: allow\n",
            None,
        )
        .expect("it compiles");
    let fourth = taken(Some(&third));
    let (reverted, _) = runtime
        .revert_bundle(TENANT, "author", "team.yaml", bundle.revision, None)
        .expect("there is one");
    assert!(reverted.revision > bundle.revision);
    assert_eq!(reverted.text, BLOCK_MAIL);
    let fifth = taken(Some(&fourth));
    assert_eq!(
        [
            first.number,
            second.number,
            third.number,
            fourth.number,
            fifth.number
        ],
        [1, 2, 3, 4, 5]
    );
    expect(&runtime, MAIL, Effect::Block, code::RULE);
    assert!(
        runtime
            .revert_bundle(TENANT, "author", "team.yaml", 77, None)
            .is_err()
    );
    // What does not compile has no number, and is said.
    assert!(runtime.stale_policy().is_none());
    runtime
        .reload_base(base("interlock: 1\nrules: ["), &tenants)
        .expect_err("it does not compile");
    let stale = runtime
        .stale_policy()
        .expect("the last good one is in force");
    assert!(stale.problem.contains("base.yaml"), "{}", stale.problem);
    assert_eq!(taken(Some(&fifth)), fifth);
    runtime
        .reload_base(base("interlock: 1\ndefault: block\n"), &tenants)
        .expect("the last good one again");
    assert!(runtime.stale_policy().is_none());
    end(runtime);
    // A start with the base as it first was is a change, and has a number of its own; the key stays.
    let runtime = world.open();
    let loaded = runtime.bundle(TENANT).expect("a bundle");
    let error = interlock_policy::verify_bundle(&travelling(&loaded), &key, "other", None);
    assert!(error.is_err());
    let sixth = interlock_policy::verify_bundle(&travelling(&loaded), &key, TENANT, Some(&fifth))
        .expect("the same key signed it")
        .manifest;
    assert_eq!(sixth.number, 6);
    end(runtime);
    let runtime = world.open();
    assert_eq!(runtime.bundle(TENANT).expect("a bundle").number, 6);
    end(runtime);
}
