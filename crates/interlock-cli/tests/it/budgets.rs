//! `interlock budgets` and `interlock up --budgets`, as the guide has them.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::command::{Ran, Running, run};

const KEY: &str = "a-key-for-tests-0123456789abcdefghijklmnop";
const GUIDE: &str = include_str!("../../../../docs/guides/budgets.md");

/// The first block of a language in the guide.
fn block(language: &str) -> &'static str {
    let opened = format!("```{language}\n");
    let from = GUIDE.find(&opened).unwrap() + opened.len();
    let text = &GUIDE[from..];
    &text[..text.find("```").unwrap()]
}

struct Server {
    url: String,
    running: Running,
}

impl Server {
    fn start(directory: &Path, budgets: bool) -> Self {
        let address = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let listen = address.to_string();
        let mut args = vec![
            "up",
            "--data",
            "data",
            "--policy",
            "open.yaml",
            "--listen",
            &listen,
        ];
        if budgets {
            args.extend(["--budgets", "budgets.yaml"]);
        }
        let running = Running::start(&args, directory, KEY);
        let until = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < until, "the server did not come up");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self {
            url: format!("http://{address}"),
            running,
        }
    }

    fn run(&self, directory: &Path, args: &[&str]) -> Ran {
        let mut all = args.to_vec();
        all.extend(["--server", &self.url, "--key", KEY]);
        run(&all, directory)
    }

    fn check(&self, agent: &str, cost: &str) -> Value {
        let action = json!({"agent_id": agent, "action_type": "llm_call", "tool": "model", "cost_usd": cost});
        reqwest::blocking::Client::new()
            .post(format!("{}/api/check", self.url))
            .header("x-api-key", KEY)
            .json(&action)
            .send()
            .unwrap()
            .json()
            .unwrap()
    }
}

/// A command line of the guide, without quotes.
fn words(line: &str) -> Vec<String> {
    line.split_whitespace()
        .map(|word| word.trim_matches('\'').to_owned())
        .collect()
}

#[test]
fn the_commands_of_the_guide() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    std::fs::write(path.join("open.yaml"), "interlock: 1\ndefault: allow\n").unwrap();
    let server = Server::start(path, false);
    let ran = server.run(path, &["budgets", "list"]);
    assert!(ran.stdout.contains("no budget is set"), "{}", ran.stdout);
    let lines: Vec<_> = block("console")
        .lines()
        .filter_map(|l| l.strip_prefix("$ interlock "))
        .collect();
    assert_eq!(lines.len(), 5);
    for line in &lines[..3] {
        let line = words(line);
        let args: Vec<&str> = line.iter().map(String::as_str).collect();
        let ran = server.run(path, &args);
        assert_eq!(ran.code, 0, "{line:?}: {}", ran.stderr);
    }
    assert_eq!(server.check("support-1", "19.5")["effect"], "allow");
    let refused = server.check("support-1", "0.51").to_string();
    assert!(refused.contains("budget.exceeded"), "{refused}");
    assert!(refused.contains("20.01 of 20 USD for the day"), "{refused}");
    let ran = server.run(path, &["budgets", "list"]);
    for said in [
        "each-key  each key: 20 USD a day, then blocked",
        "97 %  key:",
        "19.5 of 20 USD (19.5 in flight), renews 2",
        "everything  all actions together: 300 USD a month, then blocked",
        "support  each agent `support-*`: 1000 calls a day, then 2 calls a minute",
        "0 %  agent:support-1  1 of 1000 calls",
    ] {
        assert!(ran.stdout.contains(said), "{said}\n{}", ran.stdout);
    }
    let ran = server.run(path, &["budgets", "list", "--json"]);
    let all: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(all[1]["purses"][0]["top"][0]["agent_id"], "support-1");
    for (args, said) in [
        (&["budgets", "set", "x", "--scope", "tenant"][..], "--usd"),
        (
            &["budgets", "set", "x", "--scope", "tenant", "--usd", "-1"],
            "limit_usd",
        ),
        (
            &[
                "budgets",
                "set",
                "x",
                "--scope",
                "agent",
                "--usd",
                "1",
                "--throttle",
                "0",
            ],
            "calls_per_minute",
        ),
        (
            &["budgets", "set", "x y", "--scope", "agent", "--usd", "1"],
            "`id` must be",
        ),
        (&["budgets", "remove", "nothing"], "no such budget"),
    ] {
        let ran = server.run(path, args);
        assert!(
            ran.code > 0 && ran.stderr.contains(said),
            "{args:?}: {}",
            ran.stderr
        );
    }
    let ran = server.run(path, &["budgets", "remove", "support"]);
    assert!(
        ran.code == 0 && ran.stdout.contains("removed support"),
        "{}",
        ran.stdout
    );
    drop(server.running);
}

#[test]
fn the_file_of_the_guide() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    std::fs::write(path.join("open.yaml"), "interlock: 1\ndefault: allow\n").unwrap();
    std::fs::write(
        path.join("budgets.yaml"),
        "budgets:\n- id: x\n  scope: tenant\n",
    )
    .unwrap();
    let ran = run(
        &[
            "up",
            "--data",
            "data",
            "--listen",
            "127.0.0.1:0",
            "--budgets",
            "budgets.yaml",
        ],
        path,
    );
    assert!(
        ran.code > 0 && ran.stderr.contains("`budgets.yaml`: "),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("a budget limits money, calls, or both"),
        "{}",
        ran.stderr
    );
    std::fs::write(path.join("budgets.yaml"), block("yaml")).unwrap();
    let server = Server::start(path, true);
    let ran = server.run(path, &["budgets", "list"]);
    assert_eq!(
        ran.stdout.matches(", of the file").count(),
        3,
        "{}",
        ran.stdout
    );
    let ran = server.run(path, &["budgets", "remove", "support"]);
    assert!(
        ran.code > 0 && ran.stderr.contains("change it there"),
        "{}",
        ran.stderr
    );
    let ran = server.run(
        path,
        &[
            "budgets", "set", "mine", "--scope", "tenant", "--calls", "1",
        ],
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(server.check("a", "1")["effect"], "allow");
    assert_eq!(server.check("a", "1")["effect"], "block");
    drop(server.running);
    // What was used is used after a start, by the record alone.
    let server = Server::start(path, true);
    assert_eq!(server.check("b", "1")["effect"], "block");
    let ran = server.run(path, &["budgets", "list"]);
    assert!(
        ran.stdout.contains("100 %  tenant  1 of 1 calls"),
        "{}",
        ran.stdout
    );
}
