//! Entries per second of the three verifiers, on a log of entries of about 1 KB.
//!
//! `cargo run --release -p interlock-store --example verify_speed -- [entries] [runs]`
//!
//! Prints the best run of each, start of the process included; what is not installed is said. The
//! HTML verifier runs in Node.js and, by `scripts/verify_page.py --speed`, in Chromium.

use interlock_core::audit::verify::{Trust, verify};
use interlock_store::journal::{Body, DirSource, Durability, Journal, JournalOptions, Kind};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

const IN_FLIGHT: usize = 512;

fn body(n: u64) -> Vec<u8> {
    // About 1 KB, the size of a decision with its facts.
    let pad = "x".repeat(880);
    Body::new(Kind::Decision, "2026-11-21T04:00:00.000000000Z")
        .str("agent", "bench")
        .int("n", n)
        .str("pad", &pad)
        .finish()
        .expect("a body of 1 KB fits")
}

/// Writes the log; answers its key and a checkpoint.
fn write(dir: &Path, entries: u64) -> (String, String) {
    let options = JournalOptions {
        durability: Durability::Async,
        reserve_bytes: 0,
        ..JournalOptions::default()
    };
    let (journal, _) = Journal::open(dir, options).expect("the journal opens");
    let (done, outcomes) = channel();
    for n in 0..entries {
        let tenant = ["acme", "globex", "initech"][(n % 3) as usize];
        let done = done.clone();
        let answered = move |result: Result<_, _>| {
            let _ = done.send(result.is_ok());
        };
        journal
            .append_with(tenant, Kind::Decision, body(n), answered)
            .expect("there is room in the queue");
        if n >= IN_FLIGHT as u64 {
            assert!(outcomes.recv().expect("the writer answers"));
        }
    }
    let (vkey, note) = (journal.vkey(), journal.checkpoint("acme"));
    let note = note.expect("a checkpoint");
    journal.close().expect("the journal closes");
    (vkey, note)
}

fn best(runs: usize, mut run: impl FnMut() -> String) -> (Duration, String) {
    (0..runs.max(1))
        .map(|_| {
            let started = Instant::now();
            let verdict = run();
            (started.elapsed(), verdict)
        })
        .min()
        .expect("there is a run")
}

fn main() {
    let mut args = std::env::args().skip(1);
    let entries: u64 = args.next().and_then(|n| n.parse().ok()).unwrap_or(50_000);
    let runs: usize = args.next().and_then(|n| n.parse().ok()).unwrap_or(3);
    let dir = tempfile::tempdir().expect("a directory");
    let (vkey, note) = write(dir.path(), entries);
    let log = dir.path().join("log");
    let checkpoint = dir.path().join("checkpoint");
    std::fs::write(&checkpoint, &note).expect("the checkpoint is kept");
    println!(
        "{entries} entries of {} bytes, best of {runs} runs, one thread",
        body(entries).len()
    );

    let ours = best(runs, || {
        let trust = Trust {
            vkeys: std::slice::from_ref(&vkey),
            checkpoints: std::slice::from_ref(&note),
        };
        verify(&DirSource::new(&log), trust).verdict.to_string()
    });
    let mut figures = vec![("Rust", ours)];
    let verifiers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../verifiers");
    for (name, program, script) in [
        ("Python", "python3", "verify.py"),
        ("HTML, in Node.js", "node", "verify_node.mjs"),
    ] {
        if Command::new(program).arg("--version").output().is_err() {
            println!("{name:<18} not measured: `{program}` is not installed");
            continue;
        }
        let theirs = best(runs, || {
            let output = Command::new(program)
                .arg(verifiers.join(script))
                .arg(&log)
                .args(["--vkey", &vkey, "--checkpoint"])
                .arg(&checkpoint)
                .output()
                .expect("the verifier runs");
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        });
        figures.push((name, theirs));
    }
    let expected = figures[0].1.1.clone();
    for (name, (took, verdict)) in figures {
        assert!(
            verdict.starts_with("ok ") && verdict == expected,
            "{name}: {verdict}"
        );
        println!(
            "{name:<18} {:>9.0} entries/s  {:>6.2} s",
            entries as f64 / took.as_secs_f64(),
            took.as_secs_f64()
        );
    }
    println!("{expected}");
    let page = Command::new("python3")
        .arg(verifiers.join("../scripts/verify_page.py"))
        .arg(&log)
        .args(["--vkey", &vkey, "--speed", "--checkpoint"])
        .arg(&checkpoint)
        .status();
    assert!(page.is_ok_and(|status| status.success()), "the page failed");
}
