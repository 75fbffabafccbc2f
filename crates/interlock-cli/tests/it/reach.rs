//! Whether what is said gets there, as `interlock doctor` tells it, and groups of alerts by a filter.

use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::command::{Ran, Running, run};
use crate::server::wait;

const KEY: &str = "a-key-for-tests-0123456789abcdefghijklmnop";
const BUNDLE: &str = "\
interlock: 1
default: allow
rules:
  - { id: reads, match: { action: [file_read] }, effect: block, notify: [team] }
";
const PEOPLE: &str = "\
public_url: https://interlock.example.com
people: { ann: {} }
groups: { team: { people: [ann], channels: [pager] } }
channels:
  pager:
    pagerduty: { api_url: \"http://ADDRESS\", allow: [127.0.0.1], routing_key: { file: key } }
";
const EXPORT: &str = "\
sinks:
  archive:
    format: jsonl
    file: { path: events.jsonl }
";

/// An address at which nobody listens.
fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

fn until(what: &str, mut holds: impl FnMut() -> Option<Ran>) -> Ran {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(ran) = holds() {
            return ran;
        }
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_receiver_that_does_not_answer_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let people = PEOPLE.replace("ADDRESS", &nobody().to_string());
    for (name, text) in [
        ("policy.yaml", BUNDLE),
        ("people.yaml", &people),
        ("export.yaml", EXPORT),
        ("key", "e93facc04764012d7bfb002500d5d1a6"),
    ] {
        std::fs::write(path.join(name), text).unwrap();
    }
    let address = nobody();
    let listen = address.to_string();
    let args = [
        "up",
        "--data",
        "data",
        "--policy",
        "policy.yaml",
        "--people",
        "people.yaml",
        "--export",
        "export.yaml",
        "--listen",
        &listen,
    ];
    let _running = Running::start(&args, path, KEY);
    wait(address);
    let url = format!("http://{address}");
    for agent in ["bot", "bot", "other"] {
        let answer: Value = reqwest::blocking::Client::new()
            .post(format!("{url}/api/check"))
            .header("x-api-key", KEY)
            .json(
                &json!({"agent_id": agent, "action_type": "file_read", "resource": "/srv/a",
                "arguments": {"path": "/srv/a"}}),
            )
            .send()
            .unwrap()
            .json()
            .unwrap();
        assert_eq!(answer["effect"], "block", "{answer}");
    }
    let doctor = |key: &str| {
        let args = [
            "doctor",
            "--data",
            "data",
            "--listen",
            &listen,
            "--policy",
            "policy.yaml",
            "--key",
            key,
        ];
        run(&args, path)
    };
    let ran = until("the channel fails", || {
        Some(doctor(KEY)).filter(|ran| ran.stdout.contains("warn  channels `pager` (pagerduty)"))
    });
    assert!(ran.stdout.contains("last error"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("e93facc0"), "{}", ran.stdout);
    assert!(
        ran.stdout.contains("ok    export   `archive` is "),
        "{}",
        ran.stdout
    );
    let wrong = doctor("not-a-key");
    assert!(wrong.stdout.contains("was not asked"), "{}", wrong.stdout);

    let list = |filter: &str| {
        let ran = run(
            &[
                "alerts", "list", filter, "--server", &url, "--key", KEY, "--json",
            ],
            path,
        );
        (ran.code, ran.stdout, ran.stderr)
    };
    until("both groups", || {
        let (_, stdout, _) = list("agent:*");
        (stdout.matches("\"fingerprint\"").count() == 2).then(|| doctor(KEY))
    });
    let (code, stdout, _) = list("count:>1 rule:reads");
    assert_eq!(
        (code, stdout.matches("\"fingerprint\"").count()),
        (0, 1),
        "{stdout}"
    );
    let (code, _, stderr) = list("cuont:>1");
    assert_ne!(code, 0);
    assert!(stderr.contains("did you mean `count`?"), "{stderr}");
}
