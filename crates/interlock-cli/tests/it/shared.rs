//! Several processes on one data directory, as a person meets them.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use interlock_core::model::{Action, Principal};
use interlock_runtime::{CheckOptions, Gate, GateOptions, Place};

use crate::command::{Running, run};

const KEY: &str = "a-key-for-tests-0123456789abcdefghijklmnop";

fn free() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

#[test]
fn commands_on_the_directory_of_a_server_are_its_clients() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let listen = free();
    let up = [
        "up", "--data", "data", "--policy", "strict", "--listen", &listen,
    ];
    let server = Running::start(&up, path, KEY);
    let until = Instant::now() + Duration::from_secs(20);
    while !path.join("data/interlock.sock").exists() {
        assert!(Instant::now() < until, "the server did not come up");
        std::thread::sleep(Duration::from_millis(20));
    }
    let check = |sql: &str| {
        let args = ["check", "--sql", sql, "--data", "data", "--json"];
        let ran = run(&args, path);
        (ran.code, ran.json()["record"]["seq"].as_u64().unwrap())
    };
    let (code, first) = check("DROP TABLE customers");
    assert_eq!(code, 3, "the server's policies decide");
    let (code, second) = check("SELECT 1");
    assert_eq!((code, second), (0, first + 1), "one record");
    let ran = run(&["check", "--sql", "SELECT 1", "--data", "data"], path);
    let recorded = format!("recorded as entry {}", first + 2);
    assert!(ran.stdout.contains(&recorded), "{}", ran.stdout);

    let ran = run(&["up", "--data", "data", "--listen", &free()], path);
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr.contains("in use by another server"),
        "{}",
        ran.stderr
    );
    server.stop();
    assert!(!path.join("data/interlock.sock").exists());
    let ran = run(&["audit", "verify", "data"], path);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    // Nobody owns it now: the command does, for a moment.
    assert_eq!(check("SELECT 1"), (0, first + 3));
}

#[test]
fn a_server_does_not_start_on_the_directory_of_a_process_that_embeds() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let mut options = GateOptions::on(&path.join("data"));
    options.runtime.segment_bytes = 1024 * 1024;
    options.runtime.reserve_bytes = 0;
    let gate = Gate::open(options).unwrap();
    let ran = run(&["up", "--data", "data", "--listen", &free()], path);
    assert_eq!(ran.code, 1);
    let expected = format!(
        "in use by process {}, which embeds Interlock",
        std::process::id()
    );
    assert!(ran.stderr.contains(&expected), "{}", ran.stderr);
    let ran = run(&["check", "--sql", "SELECT 1", "--data", "data"], path);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let runtime = gate.runtime().unwrap();
    assert_eq!(decisions(&runtime), 1, "the command asked this process");
    let doctor = run(&["doctor", "--data", "data", "--listen", &free()], path);
    let expected = format!("process {} runs on", std::process::id());
    assert!(doctor.stdout.contains(&expected), "{}", doctor.stdout);
    let action = Action::from_json(br#"{"agent_id":"a","action_type":"x"}"#).unwrap();
    gate.check(&Principal::local(), action, &CheckOptions::default())
        .unwrap();
    assert!(matches!(gate.place(), Place::Owner(_)), "still");
}

fn decisions(runtime: &interlock_runtime::Runtime) -> usize {
    // The log begins with its own first entry.
    let size = runtime
        .journal()
        .head("default")
        .map_or(0, |head| head.size);
    usize::try_from(size).unwrap() - 1
}

#[test]
fn check_does_not_make_a_data_directory() {
    let directory = tempfile::tempdir().unwrap();
    let ran = run(
        &["check", "--sql", "SELECT 1", "--data", "tpyo"],
        directory.path(),
    );
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr.contains("no data directory `tpyo`"),
        "{}",
        ran.stderr
    );
    assert!(!directory.path().join("tpyo").exists());
}
