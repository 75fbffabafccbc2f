//! How long an inbox of 100,000 pending approvals takes to read.

use std::path::Path;
use std::time::{Duration, Instant};

use interlock_core::approval::State;
use interlock_store::{
    ApprovalFilter, InboxCursor, MemoryStore, SqliteOptions, SqliteStore, Store,
};

use super::asked;

fn fill(store: &dyn Store, pending: i64) {
    for n in 0..pending {
        let mut request = asked(&format!("p{n:06}"), 1, 1_000_000_000);
        let group = usize::try_from(n).unwrap() % 3;
        request.group = ["finance", "security", "legal"][group].into();
        store.request_approval("t", &request, n / 3).unwrap();
    }
}

/// Copies the only row of the file, as one synced commit for each would take minutes.
fn copy(path: &Path, pending: i64) {
    let connection = rusqlite::Connection::open(path).unwrap();
    let columns: Vec<String> = connection
        .prepare("SELECT name FROM pragma_table_info('approval')")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let values: Vec<&str> = columns
        .iter()
        .map(|column| match column.as_str() {
            "id" => "printf('p%06d', n)",
            "requested_at" => "n / 3",
            "approver_group" => "iif(n % 3 = 0, 'finance', iif(n % 3 = 1, 'security', 'legal'))",
            other => other,
        })
        .collect();
    let sql = format!(
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers
         WHERE n + 1 < ?1) INSERT INTO approval ({}) SELECT {} FROM approval, numbers",
        columns.join(", "),
        values.join(", ")
    );
    connection.execute(&sql, [pending]).unwrap();
}

fn inbox(store: &dyn Store, name: &str, pending: i64) {
    assert_eq!(store.pending_count("t").unwrap(), pending.unsigned_abs());
    let mut times: Vec<Duration> = Vec::new();
    let mut filter = ApprovalFilter {
        state: Some(State::Pending),
        ..ApprovalFilter::default()
    };
    for round in 0..200 {
        filter.group = (round % 2 == 0).then(|| "security".to_owned());
        // Anywhere in the inbox, not only its first page.
        filter.after = Some(InboxCursor {
            requested_at: pending * round / 200 / 3 - 40,
            id: "p".to_owned(),
        });
        let began = Instant::now();
        let page = store.approvals("t", &filter, 50).unwrap();
        times.push(began.elapsed());
        assert!(!page.is_empty(), "round {round}");
        assert!(page.iter().all(|row| row.approval.state == State::Pending));
    }
    times.sort_unstable();
    let (median, p99) = (times[100], times[198]);
    println!("{name}: {pending} pending, a page of 50: median {median:.0?}, p99 {p99:.0?}");
    assert!(p99 < Duration::from_millis(100), "p99 is {p99:?}");
}

#[test]
fn an_inbox_is_read_in_time() {
    let soak = std::env::var_os("INTERLOCK_SOAK").is_some();
    if !soak {
        println!("reduced size; INTERLOCK_SOAK=1 runs the full one");
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let store = SqliteStore::open(&path, SqliteOptions::default()).unwrap();
    let pending = if soak { 100_000 } else { 1_000 };
    fill(&store, 1);
    copy(&path, pending);
    inbox(&store, "sqlite", pending);
    let store = MemoryStore::new();
    fill(&store, pending);
    inbox(&store, "memory", pending);
}
