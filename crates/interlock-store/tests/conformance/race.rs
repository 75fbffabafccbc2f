//! Racing deciders and executors: exactly one decides, exactly one runs the action.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use interlock_core::approval::{State, Verdict};
use interlock_store::{
    ApprovalFilter, ApprovalStore as _, KeyRecord, MemoryStore, SqliteOptions, SqliteStore, Store,
};

use super::approvals::{claim, vote};
use super::{asked, keys};

/// `people` decide each of `approvals` at once, half of them for and half against, and executors
/// claim whatever they can.
fn race(name: &str, store: &dyn Store, approvals: usize, people: usize) {
    for n in 0..approvals {
        let asked = asked(&format!("p{n}"), 1, 1_000);
        store.request_approval("t", &asked, 1).unwrap();
    }
    let decided: Vec<AtomicUsize> = (0..approvals).map(|_| AtomicUsize::new(0)).collect();
    let claimed: Vec<AtomicUsize> = (0..approvals).map(|_| AtomicUsize::new(0)).collect();
    let start = Barrier::new(people);
    let began = Instant::now();
    std::thread::scope(|scope| {
        for person in 0..people {
            let (start, decided, claimed) = (&start, &decided, &claimed);
            scope.spawn(move || {
                let name = format!("person-{person}");
                let verdict = if person % 2 == 0 {
                    Verdict::Approve
                } else {
                    Verdict::Deny
                };
                start.wait();
                for n in 0..approvals {
                    let id = format!("p{n}");
                    let advance =
                        |event| store.advance_approval("t", &id, None, &event, 2).unwrap();
                    let mine = advance(vote(&name, verdict, 1));
                    if mine.applied() {
                        decided[n].fetch_add(1, Ordering::Relaxed);
                    } else {
                        assert!(mine.already_decided(), "{mine:?}");
                        assert_ne!(mine.row.approval.state, State::Pending);
                    }
                    if advance(claim(1, person as u64)).applied() {
                        claimed[n].fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let took = began.elapsed();
    let mut approved = 0;
    for n in 0..approvals {
        assert_eq!(
            decided[n].load(Ordering::Relaxed),
            1,
            "p{n} was decided twice"
        );
        let row = store.approval("t", &format!("p{n}")).unwrap();
        assert_eq!(row.approval.votes.len(), 1);
        let runs = claimed[n].load(Ordering::Relaxed);
        match row.approval.state {
            State::Claimed => {
                assert_eq!(runs, 1);
                assert_eq!(row.approval.version, 3);
                approved += 1;
            }
            State::Denied => assert_eq!((runs, row.approval.version), (0, 2)),
            other => panic!("p{n} is {other}"),
        }
    }
    println!(
        "{approvals} approvals, {people} racing deciders: one decision each \
         ({approved} approved and claimed once) in {took:.1?}"
    );
    println!(
        "figure | approvals: racing deciders, {name} | {approvals} approvals, {people} deciders each | none decided twice, no grant used twice, {took:.1?} | "
    );
}

fn soak() -> bool {
    let soak = std::env::var_os("INTERLOCK_SOAK").is_some();
    if !soak {
        println!("reduced size; INTERLOCK_SOAK=1 runs the full one");
    }
    soak
}

#[test]
fn one_decision_each_in_memory() {
    let (approvals, people) = if soak() { (10_000, 100) } else { (10_000, 8) };
    race("in memory", &MemoryStore::new(), approvals, people);
}

#[test]
fn one_decision_each_in_sqlite() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&dir.path().join("db"), SqliteOptions::default()).unwrap();
    let (approvals, people) = if soak() { (2_000, 8) } else { (500, 4) };
    race("SQLite", &store, approvals, people);
}

/// Two processes on one file: each has its own store.
#[test]
fn one_decision_each_through_two_stores_on_one_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let open = || SqliteStore::open(&path, SqliteOptions::default()).unwrap();
    let stores = [open(), open()];
    for n in 0..100 {
        let asked = asked(&format!("p{n}"), 1, 1_000);
        stores[0].request_approval("t", &asked, 1).unwrap();
    }
    let decided = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for (store, name) in stores.iter().zip(["ana", "bo"]) {
            let (decided, dynamic): (_, &dyn Store) = (&decided, store);
            scope.spawn(move || {
                for n in 0..100 {
                    let event = vote(name, Verdict::Approve, 1);
                    let advanced = dynamic
                        .advance_approval("t", &format!("p{n}"), None, &event, 2)
                        .unwrap();
                    decided.fetch_add(usize::from(advanced.applied()), Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(decided.into_inner(), 100);
    let filter = ApprovalFilter {
        state: Some(State::Approved),
        ..ApprovalFilter::default()
    };
    assert_eq!(stores[1].approvals("t", &filter, 1_000).unwrap().len(), 100);
}

#[test]
fn one_first_key_is_made_whoever_starts() {
    // Which of them finds the file new, half made or ready is up to the scheduler.
    for _ in 0..10 {
        start_together();
    }
}

fn start_together() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let made = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for n in 0..4 {
            let (path, made) = (&path, &made);
            scope.spawn(move || {
                // All of them also make the file and its schema.
                let store = SqliteStore::open(path, SqliteOptions::default()).unwrap();
                let key: KeyRecord = keys::record("t", &format!("key-{n}"), 1);
                let first: &dyn Store = &store;
                let won = first.insert_first_key(&key, &[1; 32]).unwrap();
                made.fetch_add(usize::from(won), Ordering::Relaxed);
            });
        }
    });
    assert_eq!(made.into_inner(), 1);
}
