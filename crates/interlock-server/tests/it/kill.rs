//! `kill -9` under load: whatever was acknowledged is in the journal.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use interlock_core::model::Value;
use interlock_store::journal::{Journal, JournalOptions};

use crate::client::send;

const CLIENTS: usize = 8;

/// Rounds: 3, or 200 in a soak.
fn rounds() -> usize {
    if std::env::var_os("INTERLOCK_SOAK").is_some() {
        200
    } else {
        println!("3 kills; INTERLOCK_SOAK=1 makes it 200");
        3
    }
}

/// The example beside this test's binary; cargo builds it with all tests, not with this one alone.
fn target() -> PathBuf {
    let test = std::env::current_exe().expect("this binary has a path");
    let profile = test
        .parent()
        .and_then(Path::parent)
        .expect("deps is in a profile's directory");
    let path = profile.join("examples").join("kill-target");
    if !path.exists() {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo)
            .args([
                "build",
                "-p",
                "interlock-server",
                "--example",
                "kill-target",
            ])
            .status();
        assert!(
            built.is_ok_and(|status| status.success()),
            "`kill-target` cannot be built"
        );
    }
    path
}

/// Serves, loads and kills; answers what was acknowledged: id to sequence number.
fn round(data: &Path, n: usize) -> BTreeMap<String, u64> {
    let mut child = Command::new(target())
        .arg(data)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("the server starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("piped"))
        .read_line(&mut line)
        .expect("a line");
    let (address, key) = line.trim().split_once(' ').expect("address and key");
    let address: SocketAddr = address.parse().expect("an address");
    let (acknowledged, stop) = (Mutex::new(BTreeMap::new()), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (acknowledged, stop) = (&acknowledged, &stop);
            scope.spawn(move || {
                let mut step = 0;
                while !stop.load(Ordering::Relaxed) {
                    step += 1;
                    let body = format!(
                        r#"{{"agent_id":"bot-{client}","action_type":"file_read","run_id":"run-{n}-{client}","step":{step},"resource":"/srv/app/{step}.txt"}}"#
                    );
                    let Ok(answer) = send(address, "POST", "/api/check", &[("x-api-key", key)], body.as_bytes()) else {
                        return;
                    };
                    // An answer that was cut off by the kill does not parse, and was not got.
                    let json = answer.json();
                    if let (200, Some(id), Some(seq)) = (answer.status, json["id"].as_str(), json["record"]["seq"].as_u64()) {
                        acknowledged.lock().expect("no panic").insert(id.to_owned(), seq);
                    }
                }
            });
        }
        // Not the same moment each time.
        std::thread::sleep(Duration::from_millis(250 + (n as u64 * 37) % 200));
        child.kill().expect("killed");
        stop.store(true, Ordering::Relaxed);
    });
    child.wait().expect("it is gone");
    acknowledged.into_inner().expect("no panic")
}

#[test]
fn nothing_acknowledged_is_lost() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut all: BTreeMap<String, u64> = BTreeMap::new();
    let rounds = rounds();
    for n in 0..rounds {
        let got = round(dir.path(), n);
        assert!(!got.is_empty(), "round {n} acknowledged nothing");
        all.extend(got);
        let (journal, recovery) =
            Journal::open(dir.path(), JournalOptions::default()).expect("it recovers");
        let mut recorded: BTreeMap<String, u64> = BTreeMap::new();
        for entry in journal.read("default", 0, usize::MAX).expect("it reads") {
            let body = Value::parse(&entry.body).expect("a body is JSON");
            if let Some(id) = body.get("id").and_then(Value::as_str) {
                recorded.insert(id.to_owned(), entry.seq);
            }
        }
        let missing: Vec<_> = all
            .iter()
            .filter(|(id, seq)| recorded.get(*id) != Some(seq))
            .collect();
        assert!(
            missing.is_empty(),
            "round {n}: {} of {} are missing: {missing:?}",
            missing.len(),
            all.len()
        );
        println!(
            "kill {}: {} acknowledged so far, {} recorded, torn bytes {:?}",
            n + 1,
            all.len(),
            recorded.len(),
            recovery.cut
        );
        journal.close().expect("closed");
    }
    println!(
        "{rounds} kills, {} acknowledged decisions, 0 missing",
        all.len()
    );
}
