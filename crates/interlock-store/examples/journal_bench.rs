//! Appends per second and time to acknowledgement, by durability and number in flight.
//!
//! `cargo run --release -p interlock-store --example journal_bench -- [seconds per figure] [dir]`

use interlock_store::journal::{Body, Durability, Journal, JournalOptions, Kind, rfc3339};
use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

fn body(n: u64) -> Vec<u8> {
    // About 1 KB, the size of a decision with its facts.
    let pad = "x".repeat(880);
    Body::new(Kind::Decision, &rfc3339(1_795_233_600_000_000_000 + n))
        .str("agent", "bench")
        .int("n", n)
        .str("pad", &pad)
        .finish()
        .expect("a body of 1 KB fits")
}

fn measure(journal: &Journal, flight: usize, time: Duration) -> (f64, Duration, Duration) {
    let (done, outcomes) = channel();
    let started = Instant::now();
    let mut waits = Vec::new();
    let (mut n, mut flying) = (0, 0);
    loop {
        let running = started.elapsed() < time;
        while running && flying < flight {
            let (done, at) = (done.clone(), Instant::now());
            let answered = move |result: Result<_, _>| {
                drop(done.send(result.map(|_| at.elapsed())));
            };
            if journal
                .append_with("bench", Kind::Decision, body(n), answered)
                .is_err()
            {
                break;
            }
            n += 1;
            flying += 1;
        }
        if flying == 0 {
            break;
        }
        match outcomes.recv() {
            Ok(Ok(wait)) => waits.push(wait),
            other => panic!("an append failed: {other:?}"),
        }
        flying -= 1;
    }
    let rate = waits.len() as f64 / started.elapsed().as_secs_f64();
    waits.sort();
    let at = |part: usize| waits[(waits.len() - 1) * part / 100];
    (rate, at(50), at(99))
}

fn main() {
    let mut args = std::env::args().skip(1);
    let seconds = args.next().and_then(|s| s.parse().ok()).unwrap_or(3);
    let dir = args
        .next()
        .map_or_else(|| std::env::temp_dir().join("journal-bench"), PathBuf::from);
    println!("durability  in flight  appends/s  p50 ms  p99 ms");
    for durability in [Durability::Strict, Durability::Batch] {
        let dir = dir.join(format!("{durability:?}"));
        let options = JournalOptions {
            durability,
            reserve_bytes: 0,
            ..JournalOptions::default()
        };
        let (journal, _) = Journal::open(&dir, options).expect("the journal opens");
        for flight in [1, 16, 64, 256, 1024] {
            let (rate, p50, p99) = measure(&journal, flight, Duration::from_secs(seconds));
            println!(
                "{:<10}  {flight:>9}  {rate:>9.0}  {:>6.2}  {:>6.2}",
                format!("{durability:?}").to_lowercase(),
                p50.as_secs_f64() * 1e3,
                p99.as_secs_f64() * 1e3,
            );
        }
        journal.close().expect("the journal closes");
        std::fs::remove_dir_all(&dir).expect("the folder can be removed");
    }
}
