//! Actions and alerts, and that a batch is all or nothing.

use interlock_core::model::{ActionDigest, Effect};
use interlock_store::{
    ActionFilter, ActionOutcome, ActionRow, AgentChange, AlertCause, AlertCursor, AlertRow, Cursor,
    IdempotencyRow, Projection, Rollback, RunRow, Store, StoreError,
};

use super::{Make, action, asked, new_agent, new_policy, not_found, refused};

pub(super) fn all(make: Make<'_>) {
    every_field_is_kept(&*make());
    counters(&*make());
    deleted_agents(&*make());
    filters_and_pages(&*make());
    alerts(&*make());
    a_failed_batch_leaves_nothing(&*make());
    rebuild(&*make());
    stats(&*make());
    erasure(&*make());
    runs(&*make());
}

fn erasure(store: &dyn Store) {
    let sealed = |id: &str, seq, key| ActionRow {
        payload: format!("{{\"who\":\"{id}\"}}"),
        vault_key: key,
        ..action(id, seq, "a", 5)
    };
    let rows = [
        sealed("d1", 1, Some(3)),
        sealed("d2", 2, Some(4)),
        sealed("d3", 3, None),
        sealed("d4", 4, Some(3)),
    ];
    put(store, "t", &rows);
    put(store, "u", &rows);
    for id in ["d1", "d2"] {
        store
            .request_approval("t", &asked(id, 7, 1_000), 5)
            .unwrap();
    }
    store
        .apply_batch(&mut |batch| batch.erased("t", 3))
        .unwrap();
    store.forget_traces().unwrap();
    for row in &rows {
        let found = store.action("t", &row.id).unwrap();
        let gone = row.vault_key == Some(3);
        assert_eq!(found.erased, gone, "{}", row.id);
        assert_eq!(found.payload == "null", gone, "{}", row.id);
        assert_eq!(found.vault_key, row.vault_key);
        // The number of a key is one of a tenant's.
        assert_eq!(store.action("u", &row.id).unwrap(), *row);
    }
    let detail = |id| store.approval("t", id).unwrap().asked.detail;
    assert_eq!(detail("d1"), r#"{"erased":true}"#);
    assert_eq!(detail("d2"), asked("d2", 7, 1_000).detail);
}

fn runs(store: &dyn Store) {
    let of = |run: &str, agent: &str, seq, effect, risk, flagged| ActionRow {
        run_id: run.to_owned(),
        effect,
        risk,
        flagged,
        ..action(
            &format!("d{seq}"),
            seq,
            agent,
            i64::try_from(seq).unwrap() * 10,
        )
    };
    assert_eq!(store.runs("t", None, 10).unwrap(), []);
    let rows = [
        of("r1", "b", 1, Effect::Allow, 10, false),
        of("r2", "a", 2, Effect::Block, 90, true),
        of("", "a", 3, Effect::Block, 99, true),
        of("r1", "a", 4, Effect::RequireApproval, 60, true),
        of("r3", "a", 5, Effect::Allow, 5, false),
        of("r1", "a", 6, Effect::Block, 20, false),
    ];
    put(store, "t", &rows);
    put(store, "u", &[of("r1", "a", 7, Effect::Allow, 1, false)]);
    let found = store.runs("t", None, 10).unwrap();
    let names: Vec<&str> = found.iter().map(|run| run.run_id.as_str()).collect();
    assert_eq!(
        names,
        ["r1", "r3", "r2"],
        "the one that acted last is first"
    );
    assert_eq!(
        found[0],
        RunRow {
            run_id: "r1".to_owned(),
            agent_id: "b".to_owned(),
            agents: 2,
            first_seq: 1,
            last_seq: 6,
            started: 10,
            last: 60,
            actions: 3,
            flagged: 1,
            blocked: 1,
            held: 1,
            risk_max: 60,
        }
    );
    // Page by page: the same runs, whole.
    let mut paged = Vec::new();
    while let [run] = &*store
        .runs(
            "t",
            paged.last().map(|run: &RunRow| Cursor(run.last_seq)),
            1,
        )
        .unwrap()
    {
        paged.push(run.clone());
    }
    assert_eq!(paged, found);
    for limit in [0, 1_001] {
        refused(store.runs("t", None, limit), "it must be 1 to 1000");
    }
}

fn put(store: &dyn Store, tenant: &str, rows: &[ActionRow]) {
    store
        .apply_batch(&mut |batch| rows.iter().try_for_each(|row| batch.action(tenant, row)))
        .unwrap();
}

pub(super) fn alert(id: &str, seq: u64) -> AlertRow {
    AlertRow {
        id: id.to_owned(),
        seq,
        agent_id: "a".to_owned(),
        action_id: Some("d1".to_owned()),
        level: "high".to_owned(),
        message: "`DELETE` without `WHERE`".to_owned(),
        created: 5,
        cause: AlertCause::default(),
    }
}

fn every_field_is_kept(store: &dyn Store) {
    let mut full = action("d1", 7, "a", -5);
    full.agent_name = Some("The A".into());
    full.session_id = "s".into();
    full.run_id = "r".into();
    full.step = Some(i64::MIN);
    full.effect = Effect::RequireApproval;
    full.decided = Effect::Sandbox;
    full.risk = 100;
    full.risk_milli = 1_000;
    full.flagged = true;
    full.reason = "naïve \0 text".into();
    let plain = action("d2", 8, "a", 6);
    put(store, "t", &[full.clone(), plain.clone()]);
    assert_eq!(store.action("t", "d1").unwrap(), full);
    assert_eq!(store.action("t", "d2").unwrap(), plain);
    not_found(store.action("t", "d3"));

    let outcome = |status: &str, at| ActionOutcome {
        status: status.into(),
        at,
        cost_nano_usd: Some(1_500_000_000),
        latency_ms: None,
    };
    let rollback = |reason: &str, at| Rollback {
        reason: reason.into(),
        at,
    };
    store
        .apply_batch(&mut |batch| {
            batch.outcome("t", "d1", &outcome("unknown", 8))?;
            batch.outcome("t", "d1", &outcome("succeeded", 9))?;
            batch.outcome("t", "nothing", &outcome("succeeded", 9))?;
            batch.rolled_back("t", "d1", &rollback("manual", 10))?;
            batch.rolled_back("t", "d1", &rollback("again", 11))?;
            batch.rolled_back("t", "nothing", &rollback("x", 11))
        })
        .unwrap();
    full.outcome = Some(outcome("succeeded", 9));
    full.rollback = Some(rollback("manual", 10));
    assert_eq!(store.action("t", "d1").unwrap(), full);
    assert_eq!(store.agent("t", "a").unwrap().counters.rolled_back, 1);
    // A row that comes with its outcome keeps it.
    let mut done = action("d9", 9, "a", 1);
    done.outcome = full.outcome;
    done.rollback = full.rollback;
    put(store, "t", std::slice::from_ref(&done));
    assert_eq!(store.action("t", "d9").unwrap(), done);
}

fn counters(store: &dyn Store) {
    store.register_agent("t", &new_agent("known"), 1).unwrap();
    let mut rows = vec![
        action("d1", 1, "known", 10),
        action("d2", 2, "known", 30),
        action("d3", 3, "known", 20),
        action("d4", 4, "new", 40),
    ];
    rows[0].flagged = true;
    rows[1].effect = Effect::Block;
    rows[1].risk_milli = 900;
    rows[2].effect = Effect::RequireApproval;
    put(store, "t", &rows);
    // Projected again, as after a crash between commit and answer.
    put(store, "t", &rows);
    // Neither a known id nor a known sequence number is a second action.
    put(
        store,
        "t",
        &[action("d1", 9, "known", 50), action("d9", 1, "known", 50)],
    );
    not_found(store.action("t", "d9"));
    let known = store.agent("t", "known").unwrap();
    assert_eq!((known.name.as_str(), known.created), ("the known", 1));
    let counters = known.counters;
    assert_eq!(
        (
            counters.total,
            counters.flagged,
            counters.blocked,
            counters.held
        ),
        (3, 1, 1, 1)
    );
    assert_eq!(
        (counters.risk_milli_sum, counters.mean_risk_milli()),
        (1_140, 380)
    );
    assert_eq!(counters.last_seen, Some(30));
    let new = store.agent("t", "new").unwrap();
    assert_eq!(
        (new.name.as_str(), new.created, new.counters.total),
        ("new", 40, 1)
    );
    refused(
        store.register_agent("t", &new_agent("new"), 41),
        "already exists",
    );
}

fn deleted_agents(store: &dyn Store) {
    let first = action("d1", 1, "a", 10);
    put(store, "t", std::slice::from_ref(&first));
    let paused = AgentChange {
        paused: Some(true),
        ..AgentChange::default()
    };
    store.update_agent("t", "a", &paused).unwrap();
    store.delete_agent("t", "a", 20).unwrap();
    assert_eq!(store.action("t", "d1").unwrap(), first);
    // A record from before the deletion, projected late, does not bring it back.
    put(store, "t", &[action("d2", 2, "a", 20)]);
    not_found(store.agent("t", "a"));
    put(store, "t", &[action("d3", 3, "a", 21)]);
    let back = store.agent("t", "a").unwrap();
    assert_eq!(
        (back.created, back.counters.total, back.paused),
        (21, 1, false)
    );
    store
        .apply_batch(&mut |batch| {
            let undone = Rollback {
                at: 30,
                reason: "manual".into(),
            };
            batch.rolled_back("t", "d1", &undone)?;
            batch.rolled_back("t", "d3", &undone)
        })
        .unwrap();
    assert_eq!(store.agent("t", "a").unwrap().counters.rolled_back, 1);
}

fn filters_and_pages(store: &dyn Store) {
    let rows: Vec<ActionRow> = (1..=40_u64)
        .map(|n| {
            let at = i64::try_from(n).unwrap() * 10;
            let mut row = action(
                &format!("d{n}"),
                n,
                if n % 2 == 0 { "even" } else { "odd" },
                at,
            );
            row.session_id = if n % 5 == 0 {
                String::new()
            } else {
                format!("s{}", n % 3)
            };
            row.run_id = if n % 4 == 0 {
                "r".into()
            } else {
                String::new()
            };
            row.flagged = n % 7 == 0;
            row.effect = if n % 10 == 0 {
                Effect::Block
            } else {
                Effect::Allow
            };
            row.action_type = if n % 3 == 0 { "payment" } else { "file_read" }.into();
            row
        })
        .collect();
    put(store, "t", &rows);
    let check = |filter: ActionFilter, keep: &dyn Fn(u64) -> bool| {
        let expected: Vec<u64> = (1..=40).rev().filter(|n| keep(*n)).collect();
        let mut paged = filter.clone();
        let mut seen = Vec::new();
        loop {
            let page = store.actions("t", &paged, 7).unwrap();
            let Some(last) = page.last() else { break };
            paged.before = Some(Cursor(last.seq));
            seen.extend(page.iter().map(|row| row.seq));
        }
        assert_eq!(seen, expected, "{filter:?}");
        let whole = store.actions("t", &filter, 1_000).unwrap();
        assert_eq!(whole.len(), expected.len(), "{filter:?}");
    };
    let none = ActionFilter::default;
    check(none(), &|_| true);
    let even = ActionFilter {
        agent_id: Some("even".into()),
        ..none()
    };
    check(even.clone(), &|n| n % 2 == 0);
    check(
        ActionFilter {
            flagged: Some(true),
            ..even.clone()
        },
        &|n| n % 14 == 0,
    );
    check(
        ActionFilter {
            flagged: Some(false),
            ..none()
        },
        &|n| n % 7 != 0,
    );
    check(
        ActionFilter {
            session_id: Some("s1".into()),
            ..none()
        },
        &|n| n % 3 == 1 && n % 5 != 0,
    );
    // A row without a session belongs to none.
    check(
        ActionFilter {
            session_id: Some(String::new()),
            ..none()
        },
        &|_| false,
    );
    check(
        ActionFilter {
            run_id: Some("r".into()),
            ..none()
        },
        &|n| n % 4 == 0,
    );
    check(
        ActionFilter {
            action_type: Some("payment".into()),
            ..none()
        },
        &|n| n % 3 == 0,
    );
    check(
        ActionFilter {
            effect: Some(Effect::Block),
            ..none()
        },
        &|n| n % 10 == 0,
    );
    check(
        ActionFilter {
            since: Some(100),
            until: Some(200),
            ..even
        },
        &|n| n % 2 == 0 && (10..20).contains(&n),
    );
    check(
        ActionFilter {
            before: Some(Cursor(5)),
            ..none()
        },
        &|n| n < 5,
    );
    check(
        ActionFilter {
            agent_id: Some("' OR 1=1 --".into()),
            ..none()
        },
        &|_| false,
    );
    for limit in [0, 1_001] {
        refused(store.actions("t", &none(), limit), "it must be 1 to 1000");
    }
}

fn alerts(store: &dyn Store) {
    // Two alerts may come from one record.
    let rows = [alert("x", 1), alert("y", 2), alert("z", 2), alert("w", 3)];
    for _ in 0..2 {
        store
            .apply_batch(&mut |batch| rows.iter().try_for_each(|row| batch.alert("t", row)))
            .unwrap();
    }
    let list = |acknowledged, before: Option<(u64, &str)>, limit| -> Vec<String> {
        let before = before.map(|(seq, id)| AlertCursor {
            seq,
            id: id.to_owned(),
        });
        let page = store
            .alerts("t", acknowledged, before.as_ref(), limit)
            .unwrap();
        page.into_iter().map(|a| a.row.id).collect()
    };
    assert_eq!(list(None, None, 10), ["w", "z", "y", "x"]);
    assert_eq!(list(None, None, 2), ["w", "z"]);
    assert_eq!(list(None, Some((2, "z")), 2), ["y", "x"]);
    assert_eq!(store.alert("t", "x").unwrap().row, rows[0]);
    let done = store.acknowledge_alert("t", "y", "ana", 50).unwrap();
    assert_eq!(done.acknowledged, Some((50, "ana".to_owned())));
    let again = store.acknowledge_alert("t", "y", "bo", 60).unwrap();
    assert_eq!(again, done);
    not_found(store.acknowledge_alert("t", "nothing", "ana", 1));
    not_found(store.alert("t", "nothing"));
    refused(store.acknowledge_alert("t", "x", "", 1), "`by` is empty");
    assert_eq!(list(Some(true), None, 10), ["y"]);
    assert_eq!(list(Some(false), None, 10), ["w", "z", "x"]);
    assert_eq!(list(Some(false), Some((3, "w")), 1), ["z"]);
    refused(store.alerts("t", None, None, 0), "it must be 1 to 1000");
}

fn a_failed_batch_leaves_nothing(store: &dyn Store) {
    assert_eq!(store.projection_position().unwrap(), None);
    let write = |batch: &mut dyn Projection, n: u64| -> Result<(), StoreError> {
        batch.action("t", &action(&format!("d{n}"), n, "a", 1))?;
        batch.alert("t", &alert(&format!("x{n}"), n))?;
        let answer = IdempotencyRow {
            key: format!("k{n}"),
            digest: ActionDigest([1; 32]),
            decision_id: format!("d{n}"),
            response: "{}".to_owned(),
            expires: 100,
        };
        batch.idempotency("t", &answer, 1)?;
        batch.position(&n.to_be_bytes())
    };
    store.apply_batch(&mut |batch| write(batch, 1)).unwrap();
    let position = store.projection_position().unwrap();
    assert_eq!(position, Some(1_u64.to_be_bytes().to_vec()));
    let failed = store.apply_batch(&mut |batch| {
        write(batch, 2)?;
        Err(StoreError::Invalid {
            field: "record",
            problem: "cannot be read".to_owned(),
        })
    });
    refused(failed, "`record` cannot be read");
    not_found(store.action("t", "d2"));
    not_found(store.alert("t", "x2"));
    assert_eq!(store.idempotency("t", "k2", 1).unwrap(), None);
    assert_eq!(store.projection_position().unwrap(), position);
    assert_eq!(store.agent("t", "a").unwrap().counters.total, 1);
    // The same batch succeeds later; the answer that stands is not replaced.
    store.apply_batch(&mut |batch| write(batch, 2)).unwrap();
    assert!(store.action("t", "d2").is_ok());
    let answer = store.idempotency("t", "k1", 1).unwrap().unwrap();
    assert_eq!(answer.decision_id, "d1");
}

fn rebuild(store: &dyn Store) {
    let project = || {
        store
            .apply_batch(&mut |batch| {
                for n in 1..=5 {
                    batch.action("t", &action(&format!("d{n}"), n, "a", 10))?;
                }
                let undone = Rollback {
                    at: 11,
                    reason: "manual".into(),
                };
                batch.rolled_back("t", "d1", &undone)?;
                batch.alert("t", &alert("x", 1))?;
                batch.position(b"end")
            })
            .unwrap();
    };
    project();
    let profile = interlock_store::AgentProfile {
        max_actions_per_minute: Some(20),
        ..Default::default()
    };
    store.set_profile("t", "a", &profile).unwrap();
    store.acknowledge_alert("t", "x", "ana", 50).unwrap();
    let read = || {
        let none = ActionFilter::default();
        (
            store.actions("t", &none, 100).unwrap(),
            store.agents("t", None, 100).unwrap(),
            store.alerts("t", None, None, 100).unwrap(),
            store.projection_position().unwrap(),
        )
    };
    let before = read();
    store.reset_projection().unwrap();
    let (actions, agents, alerts, position) = read();
    assert!(actions.is_empty() && alerts.is_empty() && position.is_none());
    assert_eq!(
        (agents[0].counters.total, &agents[0].profile),
        (0, &profile)
    );
    project();
    assert_eq!(read(), before);
}

fn stats(store: &dyn Store) {
    assert_eq!(store.stats("t").unwrap(), interlock_store::Stats::default());
    let mut blocked = action("d2", 2, "b", 20);
    blocked.effect = Effect::Block;
    put(store, "t", &[action("d1", 1, "a", 10), blocked]);
    put(store, "u", &[action("d1", 1, "a", 99)]);
    let rows = [alert("x", 1), alert("y", 2)];
    store
        .apply_batch(&mut |batch| rows.iter().try_for_each(|row| batch.alert("t", row)))
        .unwrap();
    store.acknowledge_alert("t", "x", "ana", 1).unwrap();
    store.request_approval("t", &asked("p", 1, 100), 1).unwrap();
    store.insert_policy("t", &new_policy("p", 1), 1).unwrap();
    store.insert_policy("t", &new_policy("q", 1), 1).unwrap();
    let off = interlock_store::PolicyChange {
        enabled: Some(false),
        ..Default::default()
    };
    store.update_policy("t", "q", &off).unwrap();
    let paused = AgentChange {
        paused: Some(true),
        ..AgentChange::default()
    };
    store.update_agent("t", "a", &paused).unwrap();
    let stats = store.stats("t").unwrap();
    assert_eq!((stats.agents, stats.agents_paused), (2, 1));
    assert_eq!((stats.actions.total, stats.actions.blocked), (2, 1));
    assert_eq!(stats.actions.last_seen, Some(20));
    assert_eq!(
        (
            stats.alerts_open,
            stats.approvals_pending,
            stats.policies_enabled
        ),
        (1, 1, 1)
    );
    store.delete_agent("t", "b", 30).unwrap();
    assert_eq!(store.stats("t").unwrap().agents, 1);
}
