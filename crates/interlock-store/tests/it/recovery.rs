//! How long opening takes when much was written.

use crate::support::{body, soak};
use interlock_store::journal::{Durability, Journal, JournalOptions, Kind};
use std::sync::mpsc::channel;
use std::time::Duration;

#[test]
fn opening_reads_the_last_segment_only() {
    let soak = soak();
    let (entries, segment_bytes): (u64, u64) = match soak {
        true => (1_000_000, 64 * 1024 * 1024),
        false => (20_000, 1024 * 1024),
    };
    let options = JournalOptions {
        segment_bytes,
        durability: Durability::Async,
        reserve_bytes: 0,
        ..JournalOptions::default()
    };
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), options.clone()).unwrap();
    let (done, outcomes) = channel();
    let mut flying = 0;
    for n in 0..entries {
        let tenant = ["acme", "globex", "initech"][(n % 3) as usize];
        let done = done.clone();
        journal
            .append_with(
                tenant,
                Kind::Decision,
                body(Kind::Decision, n),
                move |result| {
                    let _ = done.send(result.is_ok());
                },
            )
            .unwrap();
        flying += 1;
        while flying >= 512 {
            assert!(outcomes.recv().unwrap());
            flying -= 1;
        }
    }
    for _ in 0..flying {
        assert!(outcomes.recv().unwrap());
    }
    let heads: Vec<_> = journal.tenants().iter().map(|t| journal.head(t)).collect();
    let (tenants, end) = (journal.tenants(), journal.end());
    journal.close().unwrap();
    // The quickest of three, so that what else the machine does tells less.
    let open = || Journal::open(dir.path(), options.clone()).unwrap();
    let (mut journal, mut recovery) = open();
    for _ in 0..2 {
        journal.close().unwrap();
        let (next, again) = open();
        journal = next;
        recovery = match again.took < recovery.took {
            true => again,
            false => recovery,
        };
    }
    println!(
        "{entries} entries in {} segments: recovered in {:?}, {} entries scanned",
        end.segment + 1,
        recovery.took,
        recovery.entries_scanned
    );
    assert!(recovery.entries_scanned < entries / 2);
    assert!(
        recovery.took < Duration::from_secs(1),
        "{:?}",
        recovery.took
    );
    for (tenant, head) in tenants.iter().zip(heads).skip(1) {
        assert_eq!(journal.head(tenant), head);
    }
    let middle = journal.read("acme", entries / 6, 1).unwrap();
    assert_eq!(middle[0].seq, entries / 6);
}
