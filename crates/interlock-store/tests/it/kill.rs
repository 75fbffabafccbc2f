//! `kill -9` of a process under load: what it had acknowledged is there afterwards.

use crate::support::{body, soak};
use interlock_core::audit::hex;
use interlock_core::audit::verify::{Trust, Verdict, verify};
use interlock_store::journal::{DirSource, Durability, Journal, JournalOptions, Kind};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const DIR: &str = "INTERLOCK_KILL_DIR";
/// Set when the child answers after the write, before the sync: a kill of the process loses neither.
const BATCH: &str = "INTERLOCK_KILL_BATCH";

fn options() -> JournalOptions {
    JournalOptions {
        segment_bytes: 512 * 1024,
        checkpoint_every: Duration::from_millis(50),
        reserve_bytes: 0,
        ..JournalOptions::default()
    }
}

/// The process that is killed: runs only when [`DIR`] says where.
#[test]
fn child_under_load() {
    let Some(dir) = std::env::var_os(DIR) else {
        return;
    };
    let options = JournalOptions {
        durability: match std::env::var_os(BATCH) {
            Some(_) => Durability::Batch,
            None => Durability::Strict,
        },
        ..options()
    };
    let (journal, _) = Journal::open(Path::new(&dir), options).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..6u64 {
            let journal = journal.clone();
            scope.spawn(move || {
                for n in 0.. {
                    let tenant = format!("tenant-{}", (thread + n) % 4);
                    let body = body(Kind::Decision, n + thread * 1_000_000);
                    let Ok(appended) = journal.append(&tenant, Kind::Decision, body) else {
                        return;
                    };
                    let line = format!("ack {tenant} {} {}\n", appended.seq, hex(&appended.leaf));
                    // One write per line; the parent ignores a last line that is cut.
                    if std::io::stdout().write_all(line.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
}

#[test]
fn kill_under_load() {
    let rounds = if soak() { 200 } else { 5 };
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged: BTreeMap<(String, u64), String> = BTreeMap::new();
    let mut random = 88_172_645_463_325_252_u64;
    let (mut cuts, mut vkey) = (0, None);
    let mut read: BTreeMap<String, u64> = BTreeMap::new();
    for round in 0..rounds {
        let mut command = Command::new(std::env::current_exe().unwrap());
        if round % 2 == 1 {
            command.env(BATCH, "1");
        }
        let mut child = command
            .args(["--exact", "kill::child_under_load", "--nocapture"])
            .env(DIR, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let reader = std::thread::spawn(move || {
            let mut acks = Vec::new();
            for line in output.lines().map_while(Result::ok) {
                let fields: Vec<&str> = line.split(' ').collect();
                if let ["ack", tenant, seq, leaf] = fields[..]
                    && leaf.len() == 64
                {
                    acks.push(((tenant.to_owned(), seq.parse().unwrap()), leaf.to_owned()));
                }
            }
            acks
        });
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        std::thread::sleep(Duration::from_millis(120 + random % 300));
        child.kill().unwrap();
        child.wait().unwrap();
        let acks: BTreeMap<(String, u64), String> = reader.join().unwrap().into_iter().collect();
        acknowledged.extend(acks.clone());

        let (journal, recovery) =
            Journal::open(dir.path(), options()).unwrap_or_else(|e| panic!("round {round}: {e}"));
        cuts += usize::from(recovery.cut.is_some());
        let known = vkey.get_or_insert_with(|| journal.vkey());
        assert_eq!(*known, journal.vkey());
        // Each time what is new, now and then all of it.
        let whole = round % 20 == 19 || round + 1 == rounds;
        let mut found: BTreeMap<(String, u64), String> = BTreeMap::new();
        for tenant in journal.tenants() {
            let seen = read.entry(tenant.clone()).or_insert(0);
            let from = if whole { 0 } else { *seen };
            for entry in journal.read(&tenant, from, usize::MAX).unwrap() {
                *seen = entry.seq + 1;
                found.insert((tenant.clone(), entry.seq), hex(&entry.leaf));
            }
        }
        for (place, leaf) in if whole { &acknowledged } else { &acks } {
            assert_eq!(
                found.get(place),
                Some(leaf),
                "round {round}: {place:?} is lost"
            );
        }
        journal.close().unwrap();
        if !whole {
            continue;
        }
        let trust = Trust {
            vkeys: &[vkey.clone().unwrap()],
            checkpoints: &[],
        };
        let verdict = verify(&DirSource::new(&dir.path().join("log")), trust).verdict;
        assert!(
            matches!(verdict, Verdict::Ok { unsigned: 0, .. }),
            "round {round}: {verdict}"
        );
    }
    assert!(acknowledged.len() > rounds, "the load was too small");
    println!(
        "{rounds} kills, {} entries acknowledged, none lost; {cuts} torn tails cut",
        acknowledged.len()
    );
}
