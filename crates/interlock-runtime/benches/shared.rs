//! What it costs a worker to ask the process that owns the data directory, beside asking in that
//! process: the same actions, the same bundle, one caller, records acknowledged after their write
//! (durability `async`), so that the disk's sync is in neither.
//!
//! The owner of the client's directory is a process of its own: this program, started again.

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use interlock_core::model::{Action, Principal};
use interlock_runtime::{CheckOptions, Gate, GateOptions, Options, Place};
use interlock_store::journal::Durability;

const OWNER: &str = "INTERLOCK_BENCH_OWNER";
const INPUTS: [(&str, &str); 3] = [
    (
        "send_email",
        include_str!("../../../bench/actions/send_email.json"),
    ),
    (
        "sql_query",
        include_str!("../../../bench/actions/sql_query.json"),
    ),
    (
        "hostile",
        include_str!("../../../bench/actions/hostile.json"),
    ),
];
const ROUNDS: usize = 2_000;

fn options(data: &Path) -> GateOptions {
    GateOptions {
        runtime: Options {
            durability: Durability::Async,
            reserve_bytes: 0,
            ..Options::on(data)
        },
        patience: Duration::from_secs(30),
    }
}

/// The owner's process: until its input ends.
fn own(data: &Path) {
    let gate = Gate::open(options(data)).expect("the directory opens");
    println!("ready");
    std::io::stdout().flush().expect("the output is read");
    // Read to its end; what is in it does not matter.
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    gate.close();
}

/// The median of `ROUNDS` samples, in microseconds and tenths.
fn median(mut once: impl FnMut()) -> String {
    for _ in 0..ROUNDS / 10 {
        once();
    }
    let mut samples: Vec<u128> = (0..ROUNDS)
        .map(|_| {
            let begun = Instant::now();
            once();
            begun.elapsed().as_nanos()
        })
        .collect();
    samples.sort_unstable();
    let tenths = samples[samples.len() / 2] / 100;
    format!("{}.{}", tenths / 10, tenths % 10)
}

fn main() {
    if let Some(data) = std::env::var_os(OWNER) {
        return own(Path::new(&data));
    }
    let directory = tempfile::tempdir().expect("a directory");
    let (own, other) = (directory.path().join("own"), directory.path().join("other"));
    let inside = Gate::open(options(&own)).expect("the directory opens");
    let mut owner = Command::new(std::env::current_exe().expect("this program"))
        .env(OWNER, &other)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the owner starts");
    let mut ready = String::new();
    let output = owner.stdout.take().expect("its output");
    BufReader::new(output)
        .read_line(&mut ready)
        .expect("it gets ready");
    let outside = Gate::open(options(&other)).expect("the owner answers");
    assert!(matches!(outside.place(), Place::Client(_)));

    println!("median of {ROUNDS}, microseconds");
    println!("{:<12}{:>12}{:>12}", "", "owner", "client");
    let bare = |gate: &Gate| {
        median(|| {
            gate.policy("default").expect("an answer");
        })
    };
    println!(
        "{:<12}{:>12}{:>12}",
        "no check",
        bare(&inside),
        bare(&outside)
    );
    for (name, json) in INPUTS {
        let action = Action::from_json(json.as_bytes()).expect("the action is well-formed");
        let (who, how) = (Principal::local(), CheckOptions::default());
        let check = |gate: &Gate| {
            median(|| {
                gate.check(&who, action.clone(), &how).expect("a decision");
            })
        };
        println!("{name:<12}{:>12}{:>12}", check(&inside), check(&outside));
    }
    drop(outside);
    drop(owner.stdin.take());
    owner.wait().expect("the owner ends");
}
