//! Rows are made from the journal, and can be made again.

use interlock_core::model::{OutcomeStatus, Principal};
use interlock_runtime::{CheckOptions, Received, ResponseRules, Runtime, SentRecord};
use interlock_store::{
    ActionFilter, ActionRow, Alert, ProjectionStore as _, SqliteOptions, SqliteStore,
};

use crate::world::{SECOND, TENANT, World, action, check, end, outcome};

fn rows(runtime: &Runtime) -> (Vec<ActionRow>, Vec<Alert>) {
    let store = runtime.store();
    let actions = store
        .actions(TENANT, &ActionFilter::default(), 1_000)
        .expect("actions");
    let alerts = store.alerts(TENANT, None, None, 1_000).expect("alerts");
    (actions, alerts)
}

/// The rows, once there are `n`.
fn wait_for(runtime: &Runtime, n: usize) -> (Vec<ActionRow>, Vec<Alert>) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        let rows = rows(runtime);
        if rows.0.len() >= n && rows.0.iter().filter(|a| a.outcome.is_some()).count() >= n / 2 {
            return rows;
        }
        assert!(
            std::time::Instant::now() < deadline,
            "{} of {n} rows",
            rows.0.len()
        );
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

#[test]
fn rows_appear_and_can_be_made_again() {
    let world = World::new();
    let runtime = world.open();
    for n in 0..10 {
        world.advance(30 * SECOND);
        let read = check(
            &runtime,
            &format!(
                r#"{{"agent_id":"bot","action_type":"file_read","tool":"read_file","resource":"/srv/app/{n}.md","run_id":"r","step":{n},"arguments":{{"path":"/srv/app/{n}.md"}}}}"#
            ),
        );
        runtime
            .outcome(
                &Principal::local(),
                read.id,
                &outcome(OutcomeStatus::Succeeded),
            )
            .expect("an outcome");
        check(
            &runtime,
            &format!(
                r#"{{"agent_id":"vandal-{n}","action_type":"database_write","resource":"postgres://prod/t{n}","arguments":{{"sql":"DELETE FROM t{n}"}}}}"#
            ),
        );
    }
    let before = wait_for(&runtime, 20);
    assert_eq!((before.0.len(), before.1.len()), (20, 10));
    assert!(
        before.0.iter().all(|a| a.payload != "null"),
        "payloads are shown"
    );
    let seqs: Vec<u64> = before.0.iter().map(|a| a.seq).collect();
    assert!(seqs.is_sorted_by(|a, b| a > b), "newest first: {seqs:?}");

    let alert = before.1[3].row.id.clone();
    runtime
        .store()
        .acknowledge_alert(TENANT, &alert, "ann", 5)
        .expect("acknowledged");
    let before = rows(&runtime);
    let stats = runtime.store().stats(TENANT).expect("stats");
    end(runtime);

    // Opened again, nothing is projected twice.
    let runtime = world.open();
    assert_eq!(rows(&runtime), before);
    runtime.store().reset_projection().expect("reset");
    assert_eq!(rows(&runtime).0.len(), 0);
    end(runtime);

    let runtime = world.open();
    let after = rows(&runtime);
    let acknowledged = after
        .1
        .iter()
        .find(|a| a.row.id == alert)
        .expect("the alert is back");
    assert_eq!(acknowledged.acknowledged, Some((5, "ann".to_owned())));
    assert_eq!(after, before);
    assert_eq!(runtime.store().stats(TENANT).expect("stats"), stats);
    end(runtime);
}

/// Takes the rows away, as a new version of them does.
pub(crate) fn lose_rows(world: &World) {
    let path = world.dir.path().join("interlock.db");
    let store = SqliteStore::open(&path, SqliteOptions::default()).expect("a store");
    store.reset_projection().expect("no rows");
}

pub(crate) fn caught_up(runtime: &Runtime) {
    let patience = std::time::Duration::from_secs(60);
    assert!(runtime.projected(patience).expect("a position"));
    let deadline = std::time::Instant::now() + patience;
    while runtime.behind(TENANT) > 0 {
        assert!(std::time::Instant::now() < deadline);
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

#[test]
fn a_long_backlog_is_added_beside_the_decisions() {
    let mut world = World::new();
    let runtime = world.open();
    let asks = |runtime: &Runtime, n: usize| {
        check(
            runtime,
            &format!(
                r#"{{"agent_id":"vandal-{n}","action_type":"database_write","resource":"postgres://prod/t{n}","arguments":{{"sql":"DELETE FROM t{n}"}}}}"#
            ),
        )
    };
    for n in 0..700 {
        world.advance(SECOND);
        asks(&runtime, n);
    }
    caught_up(&runtime);
    let before = rows(&runtime);
    assert_eq!(before.0.len(), 700);
    end(runtime);

    lose_rows(&world);
    world.backlog = Some(0);
    // Rows cannot be written for now.
    let path = world.dir.path().join("interlock.db");
    let other = rusqlite::Connection::open(path).expect("the file");
    let locked = || other.execute_batch("BEGIN IMMEDIATE").expect("the lock");
    let runtime = world.try_open_then(locked).expect("it opens");
    let size = |runtime: &Runtime| runtime.journal().head(TENANT).expect("a log").size;
    assert_eq!(runtime.behind(TENANT), size(&runtime));
    assert_eq!(runtime.behind("nobody"), 0);
    let read = r#"{"agent_id":"bot","action_type":"file_read","resource":"/srv/docs/a.md"}"#;
    check(&runtime, read);
    assert_eq!(runtime.behind(TENANT), size(&runtime));
    // What was taken before is known by its row, and so is the newest alert.
    let error = runtime
        .receive(&Principal::local(), "key", "log", &[])
        .expect_err("it cannot know");
    assert_eq!(error.code(), "lists.behind");
    let rules = ResponseRules::default();
    let error = runtime
        .set_response_rules(TENANT, "ann", &rules)
        .expect_err("it cannot know");
    assert_eq!(error.code(), "lists.behind", "{error}");
    other.execute_batch("ROLLBACK").expect("no lock");
    caught_up(&runtime);
    let after = rows(&runtime);
    assert_eq!((&after.0[1..], &after.1), (&before.0[..], &before.1));
    runtime
        .receive(&Principal::local(), "key", "log", &[])
        .expect("it knows");
    end(runtime);

    // A start that is ended meanwhile leaves the rest to the next one.
    lose_rows(&world);
    end(world.open());
    world.backlog = None;
    let runtime = world.open();
    assert_eq!(runtime.behind(TENANT), 0);
    assert_eq!(rows(&runtime), after);
    end(runtime);
}

/// The backlog of one tenant holds up nobody else, whatever the last entry of the others is.
#[test]
fn the_backlog_of_one_tenant_is_that_of_no_other() {
    const OTHER: &str = "acme";
    let mut world = World::new();
    let other = Principal {
        tenant: OTHER.into(),
        ..Principal::local()
    };
    let read = r#"{"agent_id":"bot","action_type":"file_read","resource":"/srv/docs/a.md"}"#;
    let asks = |runtime: &Runtime| {
        runtime
            .check(&other, action(read), &CheckOptions::default())
            .expect("a decision")
    };
    let sent = |n: u64| {
        let id = format!("0190f3b0-0000-7000-8000-0000000000{n:02x}");
        SentRecord {
            seq: n,
            kind: "decision".to_owned(),
            body: format!(
                r#"{{"v":1,"ts":"2026-11-21T00:00:00Z","kind":"decision","id":"{id}","agent":"bot","session":"","type":"api_call","tool":"t","effect":"allow","decided":"allow","risk":7,"program":"00","reasons":[]}}"#
            ),
        }
    };
    let receive = |runtime: &Runtime, n: u64| -> Received {
        runtime
            .receive(&other, "key", "log", &[sent(n)])
            .expect("it knows what it took")
    };
    let runtime = world.open();
    runtime.open_tenant(OTHER).expect("a tenant");
    assert_eq!(receive(&runtime, 1).known, 0);
    let done = asks(&runtime);
    runtime
        .outcome(&other, done.id, &outcome(OutcomeStatus::Succeeded))
        .expect("an outcome");
    assert!(
        runtime
            .projected(std::time::Duration::from_secs(60))
            .expect("a position")
    );
    let path = world.dir.path().join("interlock.db");
    let rows = || SqliteStore::open(&path, SqliteOptions::default()).expect("a store");
    let reached = rows()
        .projection_position()
        .expect("it reads")
        .expect("a position");
    check(&runtime, read);
    caught_up(&runtime);
    end(runtime);

    // As if the start had made the rows until there.
    rows()
        .apply_batch(&mut |tx| tx.position(&reached))
        .expect("a position");
    world.backlog = Some(0);
    let blocker = rusqlite::Connection::open(&path).expect("the file");
    let locked = || blocker.execute_batch("BEGIN IMMEDIATE").expect("the lock");
    let runtime = world.try_open_then(locked).expect("it opens");
    runtime.open_tenant(OTHER).expect("a tenant");
    assert!(runtime.behind(TENANT) > 0);
    assert_eq!(runtime.behind(OTHER), 0);
    // What it took before is known by its row, what it takes now without one.
    assert_eq!(receive(&runtime, 1).known, 1);
    assert_eq!(receive(&runtime, 2).known, 0);
    assert_eq!(receive(&runtime, 2).known, 1);
    // What is new is not in the lists, and they say so.
    assert_eq!(runtime.behind(OTHER), 1);
    let error = runtime
        .receive(&Principal::local(), "key", "log", &[])
        .expect_err("it cannot know");
    assert_eq!(error.code(), "lists.behind");
    blocker.execute_batch("ROLLBACK").expect("no lock");
    caught_up(&runtime);
    assert_eq!(runtime.behind(OTHER), 0);
    end(runtime);
}
