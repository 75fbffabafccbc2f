//! What only the embedded back end can get wrong: its file.

use std::path::Path;

use interlock_core::approval::Verdict;
use interlock_core::model::Effect;
use interlock_store::{
    ActionRow, ActionStore as _, AgentStore as _, AlertCause, AlertRow, AlertStore as _,
    ApprovalStore as _, GroupFilter, ProjectionStore as _, SqliteOptions, SqliteStore, StoreError,
    TriageStore as _,
};

use super::approvals::vote;
use super::{action, asked, new_agent, refused};

fn open(path: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(path, SqliteOptions::default())
}

#[test]
fn rows_survive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let row = {
        let store = open(&path).unwrap();
        store.register_agent("t", &new_agent("a"), 1).unwrap();
        store.request_approval("t", &asked("p", 1, 100), 1).unwrap();
        let approve = vote("bo", Verdict::Approve, 1);
        store
            .advance_approval("t", "p", None, &approve, 2)
            .unwrap()
            .row
    };
    let store = open(&path).unwrap();
    assert_eq!(store.approval("t", "p").unwrap(), row);
    assert!(store.agent("t", "a").is_ok());
    store.check_integrity().unwrap();
    assert_eq!(store.path(), path);
}

#[cfg(unix)]
#[test]
fn the_files_are_readable_by_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("db")).unwrap();
    store.register_agent("t", &new_agent("a"), 1).unwrap();
    let mut files = 0;
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.file_name());
        files += 1;
    }
    assert_eq!(files, 3, "the database, its log and the log's index");
}

#[test]
fn a_later_schema_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    drop(open(&path).unwrap());
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute("INSERT INTO migration (version) VALUES (99)", [])
        .unwrap();
    refused(open(&path), "the database is at schema 99");
    let agents: i64 = connection
        .query_row("SELECT count(*) FROM agent", [], |row| row.get(0))
        .unwrap();
    assert_eq!(agents, 0);
}

/// What the last release with no groups of alerts has left.
#[test]
fn runs_from_before_they_were_kept_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let row = |seq: u64, run: &str, agent: &str| ActionRow {
        run_id: run.to_owned(),
        flagged: seq.is_multiple_of(2),
        risk: u16::try_from(seq).unwrap(),
        effect: Effect::ALL[usize::try_from(seq).unwrap() % Effect::ALL.len()],
        ..action(
            &format!("d{seq}"),
            seq,
            agent,
            1_000 - i64::try_from(seq).unwrap(),
        )
    };
    let rows: Vec<ActionRow> = (1..40)
        .map(|seq| {
            row(
                seq,
                ["r1", "", "r2"][usize::try_from(seq % 3).unwrap()],
                ["a", "b"][usize::try_from(seq % 2).unwrap()],
            )
        })
        .collect();
    let store = open(&path).unwrap();
    for tenant in ["t", "u"] {
        store
            .apply_batch(&mut |tx| rows.iter().try_for_each(|row| tx.action(tenant, row)))
            .unwrap();
    }
    let kept = store.runs("t", None, 10).unwrap();
    assert_eq!(kept.len(), 2);
    drop(store);
    // As the version before them left it.
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute_batch(
            "DROP TABLE taken_sign_in; ALTER TABLE app_user DROP COLUMN mapped; ALTER TABLE app_user DROP COLUMN withdrawn; ALTER TABLE invitation DROP COLUMN by_link;
             DROP TABLE run; DROP TABLE run_agent; DELETE FROM migration WHERE version >= 8",
        )
        .unwrap();
    let store = open(&path).unwrap();
    for tenant in ["t", "u"] {
        assert_eq!(store.runs(tenant, None, 10).unwrap(), kept);
    }
}

#[test]
fn alerts_from_before_there_were_groups_leave_none_behind() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "PRAGMA application_id = 0x494c434b;
             CREATE TABLE migration (version INTEGER PRIMARY KEY) STRICT",
        )
        .unwrap();
    for (version, sql) in [
        (1, include_str!("../../src/sqlite/schema_1.sql")),
        (2, include_str!("../../src/sqlite/schema_2.sql")),
        (3, include_str!("../../src/sqlite/schema_3.sql")),
        (4, include_str!("../../src/sqlite/schema_4.sql")),
    ] {
        connection.execute_batch(sql).unwrap();
        connection
            .execute("INSERT INTO migration (version) VALUES (?1)", [version])
            .unwrap();
    }
    connection
        .execute_batch(
            "INSERT INTO alert (tenant, seq, id, agent_id, level, message, created)
             VALUES ('t', 1, 'alert-1', 'a', 'high', 'm', 1), ('t', 2, 'alert-2', 'b', 'low', 'm', 2);
             INSERT INTO alert_acknowledgement (tenant, alert_id, at, by)
             VALUES ('t', 'alert-1', 9, 'ann')",
        )
        .unwrap();
    drop(connection);
    let store = open(&path).unwrap();
    let groups = || {
        let all = GroupFilter::default();
        store.alert_groups("t", &all, 10, 10).unwrap()
    };
    assert_eq!(groups(), []);
    assert_eq!(store.responses("t", false, 10).unwrap(), []);
    assert_eq!(store.projection_position().unwrap(), None);
    // The record brings them again, each in one group, and what people did with them.
    for seq in [1, 2] {
        let row = AlertRow {
            id: format!("alert-{seq}"),
            seq,
            agent_id: "a".to_owned(),
            action_id: None,
            level: "high".to_owned(),
            message: "m".to_owned(),
            created: 1,
            cause: AlertCause::default(),
        };
        store.apply_batch(&mut |b| b.alert("t", &row)).unwrap();
    }
    assert_eq!(groups().iter().map(|g| g.count).collect::<Vec<_>>(), [2]);
    let kept = store.alert("t", "alert-1").unwrap();
    assert_eq!(kept.acknowledged, Some((9, "ann".to_owned())));
}

#[test]
fn another_programs_file_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch("CREATE TABLE mine (x)").unwrap();
    refused(open(&path), "is not an Interlock database");
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .unwrap();
    assert_eq!(tables, 1);

    let text = dir.path().join("text");
    std::fs::write(&text, "this is not a database, whatever its name says").unwrap();
    refused(open(&text), "the database failed");
    refused(open(&dir.path().join("missing/db")), "missing/db");
}

#[test]
fn a_damaged_row_is_reported_and_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let store = open(&path).unwrap();
    store.request_approval("t", &asked("p", 1, 100), 1).unwrap();
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute("UPDATE approval SET state = 'blessed'", [])
        .unwrap();
    refused(
        store.approval("t", "p"),
        "the stored state is damaged: `blessed` is not known",
    );
}

#[test]
fn a_panic_in_a_batch_leaves_nothing_and_the_store_goes_on() {
    use interlock_store::{ActionStore as _, ProjectionStore as _};
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("db")).unwrap();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        store.apply_batch(&mut |batch| {
            batch.action("t", &super::action("d1", 1, "a", 1)).unwrap();
            panic!("a projector that fails");
        })
    }));
    assert!(panicked.is_err());
    assert!(store.action("t", "d1").unwrap_err().is_not_found());
    store
        .apply_batch(&mut |batch| batch.action("t", &super::action("d1", 1, "a", 1)))
        .unwrap();
    assert!(store.action("t", "d1").is_ok());
}

#[test]
fn the_number_of_readers_has_limits() {
    let dir = tempfile::tempdir().unwrap();
    for readers in [0, 65] {
        let options = SqliteOptions {
            readers,
            ..SqliteOptions::default()
        };
        let result = SqliteStore::open(&dir.path().join("db"), options);
        refused(result, "`readers` must be 1 to 64");
    }
}
