//! The commands that speak to a running server.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::command::{Ran, Running, run};

pub(crate) const KEY: &str = "a-key-for-tests-0123456789abcdefghijklmnop";

/// A bundle in which a payment waits for a person.
const BUNDLE: &str = "\
interlock: 1
name: office
default: allow
rules:
  - id: payments-wait
    match: { action: [payment] }
    effect: require_approval
    approvers: { group: treasury, quorum: 1 }
";

pub(crate) struct Server {
    directory: tempfile::TempDir,
    pub(crate) url: String,
    pub(crate) running: Option<Running>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("office.yaml"), BUNDLE).unwrap();
        let address = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let listen = address.to_string();
        let args = [
            "up",
            "--data",
            "data",
            "--policy",
            "office.yaml",
            "--listen",
            &listen,
        ];
        let running = Running::start(&args, directory.path(), KEY);
        wait(address);
        Self {
            url: format!("http://{address}"),
            directory,
            running: Some(running),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    fn with(&self, key: &str, args: &[&str]) -> Ran {
        let mut all = args.to_vec();
        all.extend(["--server", &self.url, "--key", key]);
        run(&all, self.path())
    }

    fn run(&self, args: &[&str]) -> Ran {
        self.with(KEY, args)
    }

    pub(crate) fn check(&self, action: &Value) -> Value {
        reqwest::blocking::Client::new()
            .post(format!("{}/api/check", self.url))
            .header("x-api-key", KEY)
            .json(action)
            .send()
            .unwrap()
            .json()
            .unwrap()
    }
}

pub(crate) fn wait(address: SocketAddr) {
    let until = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(address).is_err() {
        assert!(Instant::now() < until, "the server did not come up");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn actions_and_runs_are_found_and_compared() {
    let server = Server::start();
    for (run, step, resource) in [
        // An agent's first action has a risk of its own.
        ("r0", 1, "/srv/0b"),
        ("r1", 1, "/srv/a"),
        ("r1", 2, "/srv/b"),
        ("r2", 1, "/srv/a"),
    ] {
        server.check(
            &json!({"agent_id": "reader\u{202e}", "action_type": "file_read", "tool": "read",
            "resource": resource, "run_id": run, "step": step}),
        );
    }
    let until = Instant::now() + Duration::from_secs(20);
    let found = loop {
        let ran = server.run(&[
            "actions",
            "search",
            "tool:read -resource:*b",
            "--since",
            "1h",
            "--json",
        ]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let rows: Value = serde_json::from_str(&ran.stdout).unwrap();
        if rows.as_array().unwrap().len() == 2 {
            break rows;
        }
        assert!(Instant::now() < until, "{rows}");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(found[0]["run_id"], "r2");
    let ran = server.run(&["actions", "search", "run:r1", "-n", "1"]);
    assert!(
        ran.stdout.contains("/srv/b") && !ran.stdout.contains("/srv/a"),
        "{}",
        ran.stdout
    );
    assert!(
        !ran.stdout.contains('\u{202e}') && ran.stdout.contains("[U+202E]"),
        "{}",
        ran.stdout
    );
    let ran = server.run(&["actions", "search", "tool:read riks:>7"]);
    let caret = "tool:read riks:>7\n          ^ actions have no field `riks`; did you mean `risk`?";
    assert!(
        ran.code == 1 && ran.stderr.contains(caret),
        "{}",
        ran.stderr
    );
    let ran = server.run(&["runs", "list", "actions:>1"]);
    assert!(
        ran.stdout.contains("r1") && !ran.stdout.contains("r2"),
        "{}",
        ran.stdout
    );
    let ran = server.run(&["runs", "show", "r1"]);
    assert_eq!(ran.stdout.lines().count(), 2, "{}", ran.stdout);
    assert_eq!(server.run(&["runs", "show", "none"]).code, 1);
    let ran = server.run(&["runs", "diff", "r1", "r2"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(
        ran.stdout.contains("  1 steps are the same"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout
            .lines()
            .any(|l| l.starts_with('-') && l.contains("/srv/b")),
        "{}",
        ran.stdout
    );
    assert_eq!(server.run(&["runs", "diff", "r1", "r1"]).code, 0);
}

#[test]
fn keys_approvals_and_the_record_of_a_server() {
    let mut server = Server::start();
    keys(&server);
    users(&server);
    approvals(&server);
    let entries = record(&server);
    in_use(&server);
    server.running.take().unwrap().stop();

    let ran = run(
        &["audit", "verify", "data", "--checkpoint", "kept"],
        server.path(),
    );
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let ran = run(
        &["audit", "export", "--data", "data", "--out", "offline"],
        server.path(),
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let read = |name: &str| std::fs::read_to_string(server.path().join(name)).unwrap();
    let (online, offline) = (read("online/default.jsonl"), read("offline/default.jsonl"));
    assert_eq!(online.lines().count(), entries);
    assert!(
        offline.starts_with(&online),
        "an export of the server is the record, byte for byte"
    );
}

fn keys(server: &Server) {
    let made = server.run(&[
        "keys",
        "create",
        "--role",
        "agent",
        "--agent",
        "bot",
        "--label",
        "of the tests",
        "--json",
    ]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    let made = made.json();
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    let listed = server.run(&["keys", "list"]);
    assert_eq!(listed.code, 0);
    let line = |ran: &Ran| {
        ran.stdout
            .lines()
            .find(|l| l.contains(id))
            .unwrap()
            .to_owned()
    };
    assert!(
        line(&listed).contains("active") && line(&listed).contains("of the tests"),
        "{}",
        listed.stdout
    );
    assert!(!listed.stdout.contains(key), "a key is shown once");
    // It may not administer.
    let refused = server.with(key, &["keys", "list"]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("403"), "{}", refused.stderr);
    let rotated = server.run(&["keys", "rotate", id, "--grace-hours", "1"]);
    assert_eq!(rotated.code, 0, "{}", rotated.stderr);
    assert!(
        rotated.stderr.contains("the old one is accepted until "),
        "{}",
        rotated.stderr
    );
    assert_ne!(rotated.stdout.trim(), key);
    // Both are known; neither may administer.
    for secret in [key, rotated.stdout.trim()] {
        let refused = server.with(secret, &["keys", "list"]);
        assert!(refused.stderr.contains("403"), "{}", refused.stderr);
    }
    assert_eq!(server.run(&["keys", "revoke", id]).code, 0);
    assert!(line(&server.run(&["keys", "list"])).contains("revoked"));
    let refused = server.with(key, &["keys", "list"]);
    assert!(refused.stderr.contains("401"), "{}", refused.stderr);
    assert_eq!(server.run(&["keys", "revoke", "nothing"]).code, 1);
    // In text, the key alone is on the standard output.
    let made = server.run(&["keys", "create", "--role", "approver", "--label", "anna"]);
    assert!(made.stdout.trim().starts_with("ilk_"), "{}", made.stdout);
}

fn approvals(server: &Server) {
    let anna = server
        .run(&["keys", "create", "--role", "approver", "--label", "anna"])
        .stdout;
    let anna = anna.trim();
    assert_eq!(server.run(&["approvals", "list"]).stdout.trim(), "none");
    let pay = &|amount: i64| json!({"agent_id": "bot", "action_type": "payment", "arguments": {"amount": amount, "currency": "USD"}});
    let ids: Vec<String> = [10, 20]
        .iter()
        .map(|amount| {
            let answer = server.check(&pay(*amount));
            assert_eq!(answer["effect"], "require_approval", "{answer}");
            answer["approval_id"].as_str().unwrap().to_owned()
        })
        .collect();
    let listed = server.run(&["approvals", "list"]);
    for id in &ids {
        assert!(listed.stdout.contains(id.as_str()), "{}", listed.stdout);
    }
    let ran = server.with(
        anna,
        &[
            "approvals",
            "approve",
            &ids[0],
            "--reason",
            "asked the customer",
        ],
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("approved"), "{}", ran.stdout);
    let ran = server.with(anna, &["approvals", "deny", &ids[1]]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("denied"), "{}", ran.stdout);
    // The first answer stands, and who wanted another is told.
    let ran = server.with(anna, &["approvals", "approve", &ids[1]]);
    assert_eq!(ran.code, 1, "{}{}", ran.stdout, ran.stderr);
    assert_eq!(server.run(&["approvals", "list"]).stdout.trim(), "none");
    edited(server, anna, &pay);
    let all = server
        .run(&["approvals", "list", "--state", "all", "--json"])
        .json();
    assert_eq!(all.as_array().unwrap().len(), 5);
}

/// One edited, one taken back, one shown and watched.
fn edited(server: &Server, anna: &str, pay: &dyn Fn(i64) -> Value) {
    let ask = |amount: i64| {
        let mut action = pay(amount);
        action["context"] = json!({"prompt": "pay \u{202e}ann"});
        let answer = server.check(&action);
        answer["approval_id"].as_str().unwrap().to_owned()
    };
    let (first, second, third) = (ask(30), ask(40), ask(50));
    let seen = server.run(&["approvals", "watch", "--count", "3"]);
    for id in [&first, &second, &third] {
        assert!(seen.stdout.contains(id.as_str()), "{}", seen.stdout);
    }
    let shown = server.run(&["approvals", "show", &first]).stdout;
    for part in [
        "An approval would allow",
        "[U+202E]",
        "Arguments, masked",
        "\"amount\":30",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let ran = server.with(anna, &["approvals", "edit", &first]);
    assert!(
        ran.code == 1 && ran.stderr.contains("nothing to change"),
        "{}",
        ran.stderr
    );
    let edit = [
        "approvals",
        "edit",
        &first,
        "--set",
        "amount=3",
        "--unset",
        "currency",
    ];
    let ran = server.with(anna, &edit);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("approved_edited"), "{}", ran.stdout);
    let ran = server.with(anna, &edit);
    assert_eq!(ran.code, 1, "{}", ran.stdout);
    let ran = server.with(anna, &["approvals", "cancel", &second]);
    assert!(
        ran.stdout.contains("cancelled"),
        "{}{}",
        ran.stdout,
        ran.stderr
    );
    let ran = server.with(anna, &["approvals", "resolve", &third, "happened"]);
    assert!(
        ran.code == 1 && ran.stderr.contains("409"),
        "{}",
        ran.stderr
    );
    assert_eq!(server.run(&["approvals", "sessions"]).stdout.trim(), "none");
    let ran = server.with(anna, &["approvals", "deny", &third]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

/// Returns how many entries the export has.
fn record(server: &Server) -> usize {
    let ran = server.run(&["audit", "tail", "--from", "0", "--no-follow"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(
        ran.stdout
            .lines()
            .filter(|l| l.contains("  decision  "))
            .count(),
        5,
        "{}",
        ran.stdout
    );
    let numbers: Vec<u64> = ran
        .stdout
        .lines()
        .map(|l| l.split_whitespace().next().unwrap().parse().unwrap())
        .collect();
    assert!(
        numbers.iter().copied().eq(0..numbers.len() as u64),
        "{numbers:?}"
    );
    let last = (numbers.len() - 1).to_string();
    let ran = server.run(&["audit", "prove", "--seq", &last]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let (_, checkpoint) = ran.stdout.split_once("\n\n").unwrap();
    std::fs::write(server.path().join("kept"), checkpoint).unwrap();
    let ran = server.run(&["audit", "export", "--out", "online"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let ran = server.run(&["audit", "export", "--out", "online", "--format", "tiles"]);
    assert_eq!(ran.code, 1);
    numbers.len()
}

fn users(server: &Server) {
    let added = server.run(&["users", "add", "ana", "--role", "admin", "--group", "ops"]);
    assert_eq!(added.code, 0, "{}", added.stderr);
    let link = format!("{}/join#", server.url);
    assert!(added.stdout.starts_with(&link), "{}", added.stdout);
    assert!(
        added.stderr.contains("good once, until "),
        "{}",
        added.stderr
    );
    let state = || {
        let listed = server.run(&["users", "list"]).stdout;
        let line = listed
            .lines()
            .find(|l| l.starts_with("ana "))
            .expect("her line");
        line.split_whitespace().nth(2).expect("a state").to_owned()
    };
    assert_eq!(state(), "invited");
    let again = server.run(&["users", "add", "ana", "--role", "admin"]);
    assert_eq!(again.code, 1);
    assert!(again.stderr.contains("409"), "{}", again.stderr);
    assert_eq!(server.run(&["users", "disable", "ana"]).code, 0);
    assert_eq!(state(), "disabled");
    assert_eq!(server.run(&["users", "enable", "ana"]).code, 0);
    let changed = server.run(&["users", "change", "ana", "--role", "auditor", "--no-groups"]);
    assert_eq!(changed.code, 0, "{}", changed.stderr);
    let reset = server.run(&["users", "reset-mfa", "ana", "--json"]);
    let reset = reset.json();
    assert_eq!(
        (&reset["user"]["role"], &reset["user"]["groups"]),
        (&json!("auditor"), &json!([]))
    );
    assert_ne!(reset["invitation"]["url"], json!(added.stdout.trim()));
    let unknown = server.run(&["users", "disable", "bo"]);
    assert_eq!(unknown.code, 1);
    assert!(
        unknown.stderr.contains("there is no user `bo`"),
        "{}",
        unknown.stderr
    );
    assert_eq!(server.run(&["users", "change", "ana"]).code, 1);
}

/// What other commands say while the server holds the directory.
fn in_use(server: &Server) {
    let ran = run(
        &["audit", "prove", "--data", "data", "--seq", "0"],
        server.path(),
    );
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("a server is running"), "{}", ran.stderr);
    let listen = server.url.trim_start_matches("http://");
    let ran = run(
        &[
            "doctor",
            "--data",
            "data",
            "--listen",
            listen,
            "--policy",
            "office.yaml",
        ],
        server.path(),
    );
    assert!(
        ran.stdout.contains("ok    lock     process "),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.contains("as a server is running"),
        "{}",
        ran.stdout
    );
}
