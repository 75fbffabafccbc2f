//! Appending, reading, proving, reopening.

use crate::support::{body, open, options, verdict};
use interlock_core::audit::chain::leaf;
use interlock_core::audit::merkle::{verify_consistency, verify_inclusion};
use interlock_core::audit::note::Verifier;
use interlock_core::audit::proof::TlogProof;
use interlock_core::audit::tiles;
use interlock_core::audit::verify::{Trust, Verdict, verify};
use interlock_store::journal::fault::FaultVfs;
use interlock_store::journal::vfs::Vfs as _;
use interlock_store::journal::{
    DirSource, Durability, Journal, JournalError, JournalOptions, Kind, NODE_LOG, Position,
};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

fn fill(journal: &Journal, tenant: &str, from: u64, to: u64) {
    for n in from..to {
        let appended = journal
            .append(tenant, Kind::Decision, body(Kind::Decision, n))
            .unwrap();
        // Entry 0 is the genesis.
        assert_eq!(appended.seq, n + 1);
        assert_eq!(appended.leaf, leaf(&body(Kind::Decision, n)));
    }
}

#[test]
fn entries_come_back_across_segments_and_openings() {
    let disk = FaultVfs::new();
    let journal = open(&disk);
    let vkey = journal.vkey();
    fill(&journal, "acme", 0, 300);
    fill(&journal, "globex", 0, 40);
    let head = journal.head("acme").unwrap();
    journal.close().unwrap();
    assert_eq!(verdict(&disk, &vkey, &[]).verdict.code(), 0);

    let journal = open(&disk);
    assert_eq!(journal.vkey(), vkey);
    assert_eq!(journal.head("acme"), Some(head));
    fill(&journal, "acme", 300, 400);
    for (from, limit) in [
        (0, 1),
        (1, 1000),
        (17, 5),
        (250, 100),
        (399, 9),
        (400, 9),
        (401, 9),
    ] {
        let entries = journal.read("acme", from, limit).unwrap();
        assert_eq!(entries.len(), limit.min((401 - from.min(401)) as usize));
        for (entry, seq) in entries.iter().zip(from..) {
            assert_eq!(entry.seq, seq);
            if seq > 0 {
                assert_eq!(entry.body, body(Kind::Decision, seq - 1));
            }
        }
    }
    assert_eq!(journal.read("globex", 0, 1000).unwrap().len(), 41);
    assert!(matches!(
        journal.read("nobody", 0, 1),
        Err(JournalError::UnknownTenant(_))
    ));

    // Physical order, all of it, and from the middle on.
    let mut seen = Vec::new();
    let end = journal
        .for_each(Position::default(), &mut |tenant, entry| {
            seen.push((tenant.to_owned(), entry.seq, entry.position));
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(end, journal.end());
    assert_eq!(seen[0].0, NODE_LOG);
    assert_eq!(
        seen.iter().filter(|(tenant, ..)| tenant == "acme").count(),
        401
    );
    let middle = seen[seen.len() / 2].2;
    let mut rest = 0;
    journal
        .for_each(middle, &mut |_, _| {
            rest += 1;
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(rest, seen.len() - seen.len() / 2);
    assert!(seen.iter().any(|(.., at)| at.segment > 1));
    journal.close().unwrap();
    let report = verdict(&disk, &vkey, &[]);
    assert!(
        matches!(report.verdict, Verdict::Ok { unsigned: 0, .. }),
        "{}",
        report.verdict
    );
}

#[test]
fn proofs_hold_outside() {
    let disk = FaultVfs::new();
    let journal = open(&disk);
    fill(&journal, "acme", 0, 700);
    fill(&journal, "globex", 0, 3);
    let key = Verifier::parse(&journal.vkey()).unwrap();
    let head = journal.head("acme").unwrap();
    // Twice: the second time from the tiles that the first stored.
    for _ in 0..2 {
        for seq in [0, 1, 255, 256, 511, 512, 699, 700] {
            let entry = journal.read("acme", seq, 1).unwrap().remove(0);
            for size in [seq + 1, 701] {
                let root = journal.root_at("acme", size).unwrap();
                let proof = journal.inclusion_proof("acme", seq, size).unwrap();
                verify_inclusion(&entry.leaf, seq, size, &proof, &root).unwrap();
            }
            let text = journal.tlog_proof("acme", seq).unwrap();
            let proof = TlogProof::parse(&text).unwrap();
            proof
                .verify(&leaf(&entry.body), &head.origin, &[&key])
                .unwrap();
        }
    }
    for (old, new) in [(0, 701), (1, 2), (256, 701), (300, 600), (701, 701)] {
        let proof = journal.consistency_proof("acme", old, new).unwrap();
        let (old_root, new_root) = (
            journal.root_at("acme", old).unwrap(),
            journal.root_at("acme", new).unwrap(),
        );
        verify_consistency(old, new, &old_root, &new_root, &proof).unwrap();
    }
    assert!(journal.inclusion_proof("acme", 701, 701).is_err());
    assert!(journal.consistency_proof("acme", 1, 702).is_err());

    // A tile that was tampered with is noticed and made again.
    let path = format!("log/logs/{}/tile/0/000", head.id);
    let mut tile = disk.read(&path).unwrap();
    tile[40] ^= 1;
    disk.put(&path, Some(tile.clone()));
    journal.inclusion_proof("acme", 1, 701).unwrap();
    assert_ne!(disk.read(&path).unwrap(), tile);
}

#[test]
fn tiles_are_exported() {
    let disk = FaultVfs::new();
    let journal = open(&disk);
    fill(&journal, "acme", 0, 600);
    let dir = tempfile::tempdir().unwrap();
    journal.export_tiles("acme", dir.path()).unwrap();
    let read = |path: &str| std::fs::read(dir.path().join(path)).unwrap();
    let mut frontier = interlock_core::audit::merkle::Frontier::default();
    for path in [
        "tile/entries/000",
        "tile/entries/001",
        "tile/entries/002.p/89",
    ] {
        for entry in tiles::bundle_entries(&read(path)).unwrap() {
            frontier.push(leaf(entry));
        }
    }
    assert_eq!(frontier.root(), journal.head("acme").unwrap().root);
    assert_eq!(read("tile/0/001").len(), 8192);
    assert_eq!(read("tile/0/002.p/89").len(), 89 * 32);
    assert_eq!(read("tile/1/000.p/2").len(), 64);
    let note = String::from_utf8(read("checkpoint")).unwrap();
    assert!(note.contains("\n601\n"), "{note}");
}

#[test]
fn keys_rotate_and_old_ones_hold_to_their_epoch() {
    let disk = FaultVfs::new();
    let journal = open(&disk);
    let vkey = journal.vkey();
    fill(&journal, "acme", 0, 20);
    let before = journal.checkpoint("acme").unwrap();
    let next = journal.rotate_key().unwrap();
    assert_ne!(next, vkey);
    assert_eq!(journal.vkey(), vkey);
    for n in 20..40 {
        journal
            .append("acme", Kind::Decision, body(Kind::Decision, n))
            .unwrap();
    }
    journal
        .append("globex", Kind::Decision, body(Kind::Decision, 0))
        .unwrap();
    let after = journal.checkpoint("acme").unwrap();
    assert_eq!(disk.list("keys").unwrap().len(), 1);
    journal.close().unwrap();
    let report = verdict(&disk, &vkey, &[before.clone(), after.clone()]);
    assert_eq!(report.verdict.code(), 0, "{}", report.verdict);
    // Only the first key is trusted to begin with.
    assert_eq!(verdict(&disk, &next, &[]).verdict.code(), 4);

    // A history signed anew with the current key is refused for sizes of the old one.
    let journal = open(&disk);
    assert_eq!(journal.current_vkey(), next);
    journal.close().unwrap();
    let files = disk.files();
    let (_, seed) = files
        .iter()
        .find(|(path, _)| path.starts_with("keys/"))
        .unwrap();
    let seed: [u8; 32] = seed[..].try_into().unwrap();
    let name = next.split('+').next().unwrap();
    let signer = interlock_core::audit::note::Signer::from_seed(name, &seed).unwrap();
    let text = before.split_inclusive("\n\n").next().unwrap();
    let forged = signer.note(text.strip_suffix('\n').unwrap());
    assert_eq!(verdict(&disk, &vkey, &[forged]).verdict.code(), 4);
}

#[test]
fn bodies_that_are_refused() {
    let disk = FaultVfs::new();
    let journal = open(&disk);
    let good = body(Kind::Decision, 1);
    for (kind, bytes) in [
        (Kind::Outcome, good.clone()),
        (Kind::Decision, b"{}".to_vec()),
        (Kind::Decision, Vec::new()),
        (Kind::Decision, [&good[..], b"\0"].concat()),
        (Kind::Decision, [&good[..], &[b' '; 70_000]].concat()),
        (Kind::Other(77), good.clone()),
    ] {
        let refused = journal.append("acme", kind, bytes);
        assert!(matches!(refused, Err(JournalError::Body(_))), "{refused:?}");
    }
    assert!(journal.append("", Kind::Decision, good.clone()).is_err());
    journal.append("acme", Kind::Decision, good).unwrap();
    journal.close().unwrap();
}

#[test]
fn one_writer_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, recovery) = Journal::open(dir.path(), options()).unwrap();
    assert!(recovery.created);
    assert!(matches!(
        Journal::open(dir.path(), options()),
        Err(JournalError::Locked)
    ));
    journal.close().unwrap();
    let (journal, again) = Journal::open(dir.path(), options()).unwrap();
    assert_eq!(again.epoch, recovery.epoch + 1);
    assert!(!again.created);
    drop(journal);
    let source = DirSource::new(&dir.path().join("log"));
    let report = verify(&source, Trust::default());
    assert_eq!(report.verdict, Verdict::Trust);
}

#[test]
fn many_threads_many_tenants_and_threads_of_the_journal() {
    for durability in [Durability::Strict, Durability::Batch, Durability::Async] {
        let dir = tempfile::tempdir().unwrap();
        let options = JournalOptions {
            segment_bytes: 256 * 1024,
            durability,
            checkpoint_every: Duration::from_millis(20),
            checkpoint_entries: 64,
            reserve_bytes: 4096,
            ..JournalOptions::default()
        };
        let (journal, _) = Journal::open(dir.path(), options.clone()).unwrap();
        let vkey = journal.vkey();
        std::thread::scope(|scope| {
            for thread in 0..8u64 {
                let journal = journal.clone();
                scope.spawn(move || {
                    for n in 0..100 {
                        let tenant = format!("tenant-{}", (thread + n) % 5);
                        journal
                            .append(&tenant, Kind::Decision, body(Kind::Decision, n))
                            .unwrap();
                    }
                });
            }
        });
        let called = Arc::new(AtomicUsize::new(0));
        for n in 0..50 {
            let called = called.clone();
            journal
                .append_with(
                    "late",
                    Kind::Outcome,
                    body(Kind::Outcome, n),
                    move |result| {
                        result.unwrap();
                        called.fetch_add(1, Ordering::SeqCst);
                    },
                )
                .unwrap();
        }
        let note = journal.checkpoint("tenant-0").unwrap();
        journal.sync().unwrap();
        let total: u64 = journal
            .tenants()
            .iter()
            .map(|tenant| journal.head(tenant).unwrap().size)
            .sum();
        journal.close().unwrap();
        assert_eq!(called.load(Ordering::SeqCst), 50);
        let source = DirSource::new(&dir.path().join("log"));
        let trust = Trust {
            vkeys: &[vkey],
            checkpoints: &[note],
        };
        let report = verify(&source, trust);
        match report.verdict {
            // Closing adds the stop.
            Verdict::Ok {
                entries,
                unsigned: 0,
                ..
            } => assert_eq!(entries, total + 1),
            other => panic!("{durability:?}: {other}"),
        }
        let (_, recovery) = Journal::open(dir.path(), options).unwrap();
        assert_eq!(recovery.cut, None);
    }
}

#[test]
fn missing_snapshots_and_folders_are_rebuilt() {
    let disk = FaultVfs::new();
    let journal = open(&disk);
    let vkey = journal.vkey();
    fill(&journal, "acme", 0, 500);
    journal.close().unwrap();
    let before = disk.files();
    for path in before.keys() {
        if path.ends_with(".snap") || path.ends_with("genesis.json") {
            disk.put(path, None);
        }
    }
    let journal = open(&disk);
    assert_eq!(journal.read("acme", 3, 1).unwrap()[0].seq, 3);
    journal.close().unwrap();
    for (path, bytes) in before {
        if path.ends_with(".snap") || path.ends_with("genesis.json") {
            assert_eq!(disk.read(&path).unwrap(), bytes, "{path}");
        }
    }
    assert_eq!(verdict(&disk, &vkey, &[]).verdict.code(), 0);
}
