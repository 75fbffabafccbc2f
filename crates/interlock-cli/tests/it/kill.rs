//! `kill -9` of `interlock up` under load: what it answered is in the journal, what was asked twice
//! is decided once, and no limit starts anew.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use interlock_core::model::Value as Body;
use interlock_store::journal::{Journal, JournalOptions};
use reqwest::blocking::Client;
use serde_json::{Value, json};

use crate::command::{command, run};

const KEY: &str = "a-key-for-tests-0123456789abcdefghijklmnop";
/// Connections that only add load.
const LOADERS: usize = 5;
/// How many calls of the capped tool a round would make if it were not capped in all.
const CAPPED_PER_ROUND: usize = 8;

/// Rounds: 3, or 200 in a soak.
fn rounds() -> usize {
    if std::env::var_os("INTERLOCK_SOAK").is_some() {
        200
    } else {
        println!("3 kills; INTERLOCK_SOAK=1 makes it 200");
        3
    }
}

/// What was promised before a kill.
#[derive(Debug, Default)]
struct Promised {
    /// Decision to sequence number.
    acknowledged: BTreeMap<String, u64>,
    /// Idempotency key to the decision that answered it, if an answer came.
    once: BTreeMap<String, Option<String>>,
    /// Calls of the capped tool that were let through.
    allowed: usize,
}

/// A server that is killed when it is dropped.
struct Up {
    child: Child,
    url: String,
}

impl Up {
    fn start(directory: &Path) -> Self {
        let args = [
            "up",
            "--data",
            "data",
            "--policy",
            "capped.yaml",
            "--listen",
            "127.0.0.1:0",
            "--json",
        ];
        let mut child = command(&args, directory)
            .env("INTERLOCK_ADMIN_KEY", KEY)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let said: Value = serde_json::from_str(&line).unwrap();
        let url = said["url"].as_str().unwrap().to_owned();
        Self { child, url }
    }

    /// The answer, if it came whole.
    fn check(&self, client: &Client, action: &Value) -> Option<Value> {
        let answer = client
            .post(format!("{}/api/check", self.url))
            .header("x-api-key", KEY)
            .json(action)
            .send()
            .ok()?;
        assert_eq!(answer.status(), 200, "{:?}", answer.text());
        answer.json().ok()
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn client() -> Client {
    let patience = Duration::from_secs(20);
    Client::builder()
        .timeout(patience)
        .no_proxy()
        .build()
        .unwrap()
}

fn once(key: &str) -> Value {
    json!({"agent_id": "once", "action_type": "file_read", "resource": format!("/srv/once/{key}"), "idempotency_key": key})
}

/// Whether the call goes ahead; a detector that notices the loop may tell somebody meanwhile.
fn permits(effect: &str) -> bool {
    matches!(effect, "allow" | "alert")
}

fn capped(n: usize) -> Value {
    json!({"agent_id": "capped", "action_type": "llm_call", "tool": "capped", "arguments": {"n": n}})
}

fn place(answer: &Value) -> (String, u64) {
    let id = answer["id"].as_str().unwrap().to_owned();
    (id, answer["record"]["seq"].as_u64().unwrap())
}

/// What was asked before the kill is answered as it was then.
fn ask_again(up: &Up, promised: &mut Promised, since: &str) {
    let client = client();
    let keys: Vec<String> = promised
        .once
        .range(since.to_owned()..)
        .map(|(key, _)| key.clone())
        .collect();
    for key in keys {
        let answer = up.check(&client, &once(&key)).expect("nobody kills now");
        let (id, seq) = place(&answer);
        promised.acknowledged.insert(id.clone(), seq);
        let before = promised
            .once
            .insert(key.clone(), Some(id.clone()))
            .flatten();
        if let Some(before) = before {
            assert_eq!(before, id, "{key} was decided again");
            assert_eq!(answer["replayed"], true, "{key}");
        }
    }
}

/// Loads the server, kills it, and notes what it had answered by then.
fn load_and_kill(up: &mut Up, n: usize, promised: &mut Promised) {
    let noted = Mutex::new(std::mem::take(promised));
    let stop = AtomicBool::new(false);
    let server = &*up;
    std::thread::scope(|scope| {
        for loader in 0..LOADERS {
            let (noted, stop) = (&noted, &stop);
            scope.spawn(move || {
                let client = client();
                for step in 1.. {
                    let action = json!({"agent_id": format!("bot-{loader}"), "action_type": "file_read",
                        "run_id": format!("run-{n}-{loader}"), "step": step, "resource": format!("/srv/app/{step}.txt")});
                    let Some(answer) = server.check(&client, &action) else { return };
                    let (id, seq) = place(&answer);
                    noted.lock().unwrap().acknowledged.insert(id, seq);
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                }
            });
        }
        scope.spawn(|| {
            let client = client();
            for step in 0.. {
                let key = format!("{n:04}-{step:05}");
                noted.lock().unwrap().once.insert(key.clone(), None);
                let Some(answer) = server.check(&client, &once(&key)) else {
                    return;
                };
                let (id, seq) = place(&answer);
                let mut noted = noted.lock().unwrap();
                noted.acknowledged.insert(id.clone(), seq);
                noted.once.insert(key, Some(id));
                if stop.load(Ordering::Relaxed) {
                    return;
                }
            }
        });
        scope.spawn(|| {
            let client = client();
            for step in 0..CAPPED_PER_ROUND {
                let Some(answer) = server.check(&client, &capped(n * 1_000 + step)) else {
                    return;
                };
                let (id, seq) = place(&answer);
                let mut noted = noted.lock().unwrap();
                noted.acknowledged.insert(id, seq);
                noted.allowed += usize::from(permits(answer["effect"].as_str().unwrap()));
            }
        });
        // Not the same moment each time.
        std::thread::sleep(Duration::from_millis(120 + (n as u64 * 37) % 180));
        let id = server.child.id().to_string();
        let killed = std::process::Command::new("kill")
            .args(["-KILL", &id])
            .status();
        assert!(killed.unwrap().success());
        stop.store(true, Ordering::Relaxed);
    });
    up.kill();
    *promised = noted.into_inner().unwrap();
}

#[test]
fn nothing_is_lost_decided_twice_or_counted_anew() {
    let started = Instant::now();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let rounds = rounds();
    // Reached after half of the rounds: the rest must not get one more.
    let cap = rounds * CAPPED_PER_ROUND / 2;
    let policy = format!(
        "interlock: 1\nname: capped\ndefault: allow\nrules:\n  - id: cap\n    match: {{ tool: [capped] }}\n    require: {{ limits: {{ calls: {cap}/24h }} }}\n    effect: block\ndetectors:\n  resource_exhaustion: {{ effect: alert }}\n  behavioural_anomaly: {{ effect: alert }}\n"
    );
    std::fs::write(path.join("capped.yaml"), policy).unwrap();
    let mut promised = Promised::default();
    for n in 0..rounds {
        let mut up = Up::start(path);
        ask_again(&up, &mut promised, &format!("{:04}", n.saturating_sub(1)));
        let before = promised.acknowledged.len();
        load_and_kill(&mut up, n, &mut promised);
        assert!(
            promised.acknowledged.len() > before,
            "round {n} acknowledged nothing"
        );
    }
    let mut up = Up::start(path);
    ask_again(&up, &mut promised, &format!("{:04}", rounds - 1));
    let client = client();
    for n in 0.. {
        let answer = up.check(&client, &capped(900_000_000 + n)).unwrap();
        let (id, seq) = place(&answer);
        promised.acknowledged.insert(id, seq);
        if answer["effect"] == "block" {
            break;
        }
        promised.allowed += 1;
        assert!(n < cap, "the limit never holds");
    }
    up.kill();
    drop(up);

    let (journal, _) = Journal::open(&path.join("data"), JournalOptions::default()).unwrap();
    let mut recorded: BTreeMap<String, u64> = BTreeMap::new();
    let mut decided: BTreeMap<String, usize> = BTreeMap::new();
    let mut allowed = 0;
    for entry in journal.read("default", 0, usize::MAX).unwrap() {
        let body = Body::parse(&entry.body).unwrap();
        let text = |name: &str| body.get(name).and_then(Body::as_str).unwrap_or_default();
        if text("kind") != "decision" {
            continue;
        }
        recorded.insert(text("id").to_owned(), entry.seq);
        if let Some(key) = text("resource").strip_prefix("/srv/once/") {
            *decided.entry(key.to_owned()).or_default() += 1;
        }
        allowed += usize::from(text("tool") == "capped" && permits(text("effect")));
    }
    let vkey = journal.vkey();
    journal.close().unwrap();
    let missing: Vec<_> = promised
        .acknowledged
        .iter()
        .filter(|(id, seq)| recorded.get(*id) != Some(seq))
        .collect();
    assert!(
        missing.is_empty(),
        "{} are missing: {missing:?}",
        missing.len()
    );
    for key in promised.once.keys() {
        assert_eq!(decided.get(key), Some(&1), "{key} was not decided once");
    }
    assert_eq!(
        allowed, cap,
        "the limit of {cap} calls did not hold over the kills"
    );
    assert!(promised.allowed <= cap);
    let verified = run(&["audit", "verify", "data", "--vkey", &vkey], path);
    assert_eq!(verified.code, 0, "{}", verified.stdout);
    println!(
        "{rounds} kills, {} acknowledged decisions, 0 missing; {} idempotency keys, each decided once; {allowed} of {cap} capped calls let through; {} decisions in the record; {:.1} s a round",
        promised.acknowledged.len(),
        promised.once.len(),
        recorded.len(),
        started.elapsed().as_secs_f64() / rounds as f64
    );
}
