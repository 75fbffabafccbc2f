//! Power cuts at every operation, failing syncs, full disks.

use crate::support::{body, open, options, soak, verdict};
use interlock_core::audit::verify::Verdict;
use interlock_store::journal::fault::{FaultVfs, Survival};
use interlock_store::journal::{Journal, JournalError, JournalOptions, Kind, Recovery};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a run was promised.
#[derive(Default)]
struct Promised {
    acknowledged: BTreeMap<(String, u64), [u8; 32]>,
    checkpoints: Vec<String>,
    vkey: Option<String>,
}

fn small() -> JournalOptions {
    JournalOptions {
        segment_bytes: 16 * 1024,
        checkpoint_entries: 5,
        reserve_bytes: 4096,
        ..options()
    }
}

fn open_small(disk: &FaultVfs) -> Result<(Journal, Recovery), JournalError> {
    Journal::open_with(Arc::new(disk.clone()), small())
}

/// Appends, checkpoints, a rotation, segment changes, a clean close and another opening.
fn workload(disk: &FaultVfs, promised: &mut Promised) -> Result<(), JournalError> {
    let mut n = 0;
    for round in 0..2 {
        let (journal, _) = open_small(disk)?;
        promised.vkey = Some(journal.vkey());
        for step in 0..24 {
            n += 1;
            let tenant = ["acme", "globex", "initech"][(n % 3) as usize];
            let appended = journal.append(tenant, Kind::Decision, body(Kind::Decision, n))?;
            let key = (tenant.to_owned(), appended.seq);
            promised.acknowledged.insert(key, appended.leaf);
            if step == 9 {
                promised.checkpoints.push(journal.checkpoint("acme")?);
            }
            if step == 15 && round == 0 {
                journal.rotate_key()?;
            }
        }
        journal.close()?;
    }
    Ok(())
}

fn check(disk: &FaultVfs, promised: &Promised, what: &str) {
    let (journal, _) = open_small(disk).unwrap_or_else(|e| panic!("{what}: {e}"));
    let vkey = journal.vkey();
    if let Some(known) = &promised.vkey {
        assert_eq!(&vkey, known, "{what}");
    }
    for ((tenant, seq), leaf) in &promised.acknowledged {
        let entry = journal.read(tenant, *seq, 1).unwrap();
        let found = entry.first().map(|entry| entry.leaf);
        assert_eq!(found, Some(*leaf), "{what}: {tenant} {seq} is lost");
    }
    journal
        .append("acme", Kind::Decision, body(Kind::Decision, 999))
        .unwrap();
    journal.close().unwrap();
    let report = verdict(disk, &vkey, &promised.checkpoints);
    assert_eq!(report.verdict.code(), 0, "{what}: {}", report.verdict);
}

#[test]
fn no_crash_point_loses_an_acknowledged_entry() {
    let whole = FaultVfs::new();
    workload(&whole, &mut Promised::default()).unwrap();
    let operations = whole.operations();
    let seeds: u64 = if soak() { 40 } else { 3 };
    let mut tried = 0;
    for crash_at in 1..=operations {
        let disk = FaultVfs::new();
        disk.crash_at(crash_at);
        let mut promised = Promised::default();
        // A crash while a checkpoint is published stops nothing by itself.
        let _ = workload(&disk, &mut promised);
        assert_eq!(
            disk.operations(),
            crash_at,
            "the workload is not repeatable"
        );
        let survivals = [Survival::Nothing, Survival::Everything]
            .into_iter()
            .chain((0..seeds).map(|seed| Survival::Part(seed * 1_000_003 + crash_at)));
        for survival in survivals {
            let found = disk.after_crash(survival);
            check(
                &found,
                &promised,
                &format!("crash at {crash_at}, {survival:?}"),
            );
            tried += 1;
        }
    }
    println!("{tried} crashes at {operations} operations");
}

#[test]
fn a_crash_during_recovery_is_survived() {
    let disk = FaultVfs::new();
    let mut promised = Promised::default();
    let operations = {
        let whole = FaultVfs::new();
        workload(&whole, &mut Promised::default()).unwrap();
        whole.operations()
    };
    disk.crash_at(operations * 2 / 3);
    let _ = workload(&disk, &mut promised);
    let seeds: u64 = if soak() { 200 } else { 12 };
    for seed in 0..seeds {
        let torn = disk.after_crash(Survival::Part(seed));
        let whole = torn.fork();
        drop(open_small(&whole).unwrap());
        for crash_at in 1..=whole.operations() {
            let again = torn.fork();
            again.crash_at(crash_at);
            let _ = open_small(&again).map(|(journal, _)| journal.close());
            let found = again.after_crash(Survival::Part(seed + crash_at));
            check(
                &found,
                &promised,
                &format!("seed {seed}, crash at {crash_at}"),
            );
        }
    }
}

#[test]
fn a_failed_sync_stops_the_journal_for_good() {
    for n in 1..30 {
        let disk = FaultVfs::new();
        let mut promised = Promised::default();
        disk.fail_sync(n);
        let stopped = workload(&disk, &mut promised);
        // Publishing a checkpoint may fail without harm; a sync of the journal may not.
        if let Err(error) = &stopped {
            assert!(
                matches!(error, JournalError::Poisoned(_) | JournalError::Io { .. }),
                "{error}"
            );
        }
        check(
            &disk.after_crash(Survival::Nothing),
            &promised,
            &format!("sync {n}"),
        );
    }
}

#[test]
fn a_poisoned_journal_answers_everyone() {
    let disk = FaultVfs::new();
    let (journal, _) = open_small(&disk).unwrap();
    journal
        .append("acme", Kind::Decision, body(Kind::Decision, 1))
        .unwrap();
    disk.fail_sync(1);
    for n in 0..3 {
        let refused = journal.append("acme", Kind::Decision, body(Kind::Decision, n));
        assert!(
            matches!(refused, Err(JournalError::Poisoned(_))),
            "{refused:?}"
        );
    }
    assert!(journal.checkpoint("acme").is_err());
    // What is durable can still be read.
    assert_eq!(journal.read("acme", 0, 10).unwrap().len(), 2);
    assert!(journal.close().is_err());
}

#[test]
fn a_full_disk_ends_in_order() {
    for extra in [0, 3_000, 20_000, 40_000] {
        let disk = FaultVfs::new();
        let options = JournalOptions {
            reserve_bytes: 40 * 1024,
            ..small()
        };
        let (journal, _) = Journal::open_with(Arc::new(disk.clone()), options.clone()).unwrap();
        let vkey = journal.vkey();
        disk.set_quota(Some(disk.used_bytes() + extra));
        let mut acknowledged = 0;
        let error = loop {
            match journal.append("acme", Kind::Decision, body(Kind::Decision, acknowledged)) {
                Ok(_) => acknowledged += 1,
                Err(error) => break error,
            }
        };
        assert!(matches!(error, JournalError::StorageFull), "{error}");
        assert!(acknowledged > 5);
        assert_eq!(journal.head("acme").unwrap().size, acknowledged + 1);
        assert!(matches!(journal.close(), Err(JournalError::StorageFull)));
        let report = verdict(&disk, &vkey, &[]);
        // With no byte left the last checkpoint may be missing, but no entry is.
        assert!(
            matches!(report.verdict, Verdict::Ok { .. }),
            "{}",
            report.verdict
        );
        disk.set_quota(None);
        let journal = Journal::open_with(Arc::new(disk.clone()), options)
            .unwrap()
            .0;
        journal
            .append("acme", Kind::Decision, body(Kind::Decision, 0))
            .unwrap();
        journal.close().unwrap();
        assert_eq!(verdict(&disk, &vkey, &[]).verdict.code(), 0);
    }
}

#[test]
fn a_torn_last_batch_is_cut_and_said() {
    let disk = FaultVfs::new();
    let journal = open(&disk);
    for n in 0..5 {
        journal
            .append("acme", Kind::Decision, body(Kind::Decision, n))
            .unwrap();
    }
    let end = journal.end();
    journal.close().unwrap();
    // Without the stop and its checkpoints, bytes beyond the end are what a torn batch leaves.
    let path = "log/journal/0000000000000000.seg";
    let mut segment = disk.files()[path].clone();
    segment[end.offset as usize..].fill(0);
    segment[end.offset as usize + 600..end.offset as usize + 700].fill(9);
    for name in disk.files().keys() {
        if name.ends_with("/checkpoint") || name.ends_with("/checkpoints.log") {
            disk.put(name, None);
        }
    }
    disk.put(path, Some(segment));
    let (journal, recovery) = Journal::open_with(Arc::new(disk.clone()), options()).unwrap();
    assert_eq!(recovery.cut, Some((end, 700)));
    let gap = journal.read("_node", 0, 100).unwrap();
    assert!(gap.iter().any(|entry| entry.kind == Kind::Gap));
    journal.close().unwrap();
}
