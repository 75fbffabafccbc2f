//! What needs a look inside: a forked child, as far as one process can play it. The parent's
//! threads go on here as they would there, and the child's memory is what it was at the fork.

use super::*;
use interlock_policy::Source;
use interlock_store::journal::Durability;

fn options(data: &Path) -> GateOptions {
    GateOptions {
        runtime: Options {
            policies: vec![Source::new("t.yaml", "interlock: 1\ndefault: allow\n")],
            durability: Durability::Async,
            segment_bytes: 256 * 1024,
            reserve_bytes: 0,
            ..Options::on(data)
        },
        patience: Duration::from_secs(5),
    }
}

/// The gate as a child of this process finds it.
fn forked(gate: Gate) -> Gate {
    let options = gate.0.options.clone();
    let mut seat = gate.0.seat.swap(Arc::new(Seat {
        process: std::process::id(),
        turn: Arc::default(),
        names: Arc::default(),
        successor: false,
        role: None,
    }));
    let inherited = Arc::get_mut(&mut seat).expect("nobody uses it");
    inherited.process += 1;
    Gate(Arc::new(Inner {
        options,
        seat: ArcSwap::new(seat),
    }))
}

fn check(gate: &Gate) -> Result<Checked, GateError> {
    let action = Action::from_json(br#"{"agent_id":"a","action_type":"file_read"}"#).unwrap();
    gate.check(&Principal::local(), action, &CheckOptions::default())
}

#[test]
fn a_child_of_the_owner_becomes_its_client() {
    let directory = tempfile::tempdir().unwrap();
    let gate = Gate::open(options(directory.path())).unwrap();
    let first = check(&gate).unwrap();
    let Place::Owner(owner) = gate.place() else {
        panic!("{:?}", gate.place())
    };
    let child = forked(gate);
    assert_eq!(child.place(), Place::Unconnected);
    assert!(child.runtime().is_none(), "the parent's is not the child's");
    let second = check(&child).unwrap();
    assert_eq!(child.place(), Place::Client(owner));
    assert_eq!(second.seq, first.seq + 1, "one record");
}

#[test]
fn a_child_of_a_client_connects_for_itself() {
    let directory = tempfile::tempdir().unwrap();
    let owner = Gate::open(options(directory.path())).unwrap();
    let client = Gate::open(options(directory.path())).unwrap();
    assert!(matches!(client.place(), Place::Client(_)));
    check(&client).unwrap();
    let child = forked(client);
    check(&child).unwrap();
    assert!(matches!(child.place(), Place::Client(_)));
    owner.close();
    check(&child).unwrap();
    assert!(
        matches!(child.place(), Place::Owner(_)),
        "the parent has gone"
    );
}

#[test]
fn a_child_that_never_asks_leaves_what_it_inherited() {
    let directory = tempfile::tempdir().unwrap();
    let gate = Gate::open(options(directory.path())).unwrap();
    let runtime = gate.runtime().unwrap();
    drop(forked(gate));
    // The parent still decides and still has the lock.
    let action = Action::from_json(br#"{"agent_id":"a","action_type":"file_read"}"#).unwrap();
    runtime
        .check(&Principal::local(), action, &CheckOptions::default())
        .unwrap();
    let again = Runtime::open(options(directory.path()).runtime);
    assert!(matches!(again, Err(OpenError::InUse(_))));
}

#[test]
fn pauses_are_spread_around_what_was_meant() {
    for _ in 0..100 {
        let pause = jittered(Duration::from_millis(100));
        assert!((50..=150).contains(&pause.as_millis()), "{pause:?}");
    }
}
