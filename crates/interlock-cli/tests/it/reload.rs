//! Policy files that change under a running server, and bundles that are published to it.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::command::run;

const KEY: &str = "a-key-for-tests-0123456789abcdefghijklmnop";

struct Server {
    directory: tempfile::TempDir,
    address: SocketAddr,
    child: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn rule(effect: &str) -> String {
    format!(
        "interlock: 1\ndefault: allow\nrules:\n  - id: mail\n    match: {{ action: [message_send] }}\n    effect: {effect}\n"
    )
}

impl Server {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("policies")).unwrap();
        std::fs::write(directory.path().join("policies/mail.yaml"), rule("block")).unwrap();
        let address = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let errors = std::fs::File::create(directory.path().join("errors")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_interlock"))
            .args(["up", "--data", "data", "--policy", "policies"])
            .args(["--listen", &address.to_string()])
            .current_dir(directory.path())
            .env("INTERLOCK_ADMIN_KEY", KEY)
            .env_remove("INTERLOCK_POLICY")
            .env_remove("INTERLOCK_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(errors)
            .spawn()
            .unwrap();
        let server = Self {
            directory,
            address,
            child,
        };
        let until = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(address).is_err() {
            assert!(
                Instant::now() < until,
                "the server did not come up: {}",
                server.errors()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn file(&self) -> PathBuf {
        self.path().join("policies/mail.yaml")
    }

    fn errors(&self) -> String {
        std::fs::read_to_string(self.path().join("errors")).unwrap()
    }

    fn hang_up(&self) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-HUP", &pid]).status().unwrap();
        assert!(sent.success());
    }

    fn get(&self, path: &str) -> Value {
        let url = format!("http://{}{path}", self.address);
        let client = reqwest::blocking::Client::new();
        client
            .get(url)
            .header("x-api-key", KEY)
            .send()
            .unwrap()
            .json()
            .unwrap()
    }

    /// Waits until the rule asks for `effect`; returns how long that took.
    fn until(&self, effect: &str) -> Duration {
        let client = reqwest::blocking::Client::new();
        let started = Instant::now();
        loop {
            let found = mail(&client, self.address);
            if found == effect {
                return started.elapsed();
            }
            assert!(
                started.elapsed() < Duration::from_secs(30),
                "still `{found}`, not `{effect}`: {}",
                self.errors()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// What the rule asks for on a message; so many of them trip other limits as well. A request that
/// fails is a failure of the test.
fn mail(client: &reqwest::blocking::Client, address: SocketAddr) -> String {
    let answer = client
        .post(format!("http://{address}/api/check"))
        .header("x-api-key", KEY)
        .header("user-agent", "test")
        .json(&json!({"agent_id": "bot", "action_type": "message_send"}))
        .send()
        .unwrap();
    assert!(answer.status().is_success(), "{}", answer.status());
    let answer: Value = answer.json().unwrap();
    let fired = answer["fired_rules"].as_array().unwrap();
    let rule = fired.iter().find(|r| r["id"] == "mail").unwrap();
    rule["effect"].as_str().unwrap().to_owned()
}

#[test]
fn a_changed_file_is_in_force_within_seconds_and_a_broken_one_is_not() {
    let server = Server::start();
    server.until("block");
    // Watched.
    std::fs::write(server.file(), rule("require_approval")).unwrap();
    let took = server.until("require_approval");
    println!("in force {took:?} after the file was written");
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert!(server.get("/readyz")["policy_stale_since"].is_null());
    // Broken: the last good one stays, the error is printed once with its place.
    let broken = rule("block").replace("effect", "efect");
    std::fs::write(server.file(), &broken).unwrap();
    let until = Instant::now() + Duration::from_secs(10);
    while server.get("/readyz")["policy_stale_since"].is_null() {
        assert!(Instant::now() < until, "nothing was said");
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(1_200));
    let errors = server.errors();
    assert_eq!(
        errors.matches("did you mean `effect`?").count(),
        1,
        "{errors}"
    );
    assert!(
        errors.contains("mail.yaml:6:5") && errors.contains("^^^^^"),
        "{errors}"
    );
    server.until("require_approval");
    let stats = server.get("/api/stats");
    assert!(
        stats["policy_problem"]
            .as_str()
            .unwrap()
            .contains("mail.yaml:6:5"),
        "{stats}"
    );
    // Gone altogether: the same.
    std::fs::remove_file(server.file()).unwrap();
    server.hang_up();
    std::thread::sleep(Duration::from_millis(300));
    server.until("require_approval");
    // Mended.
    std::fs::write(server.file(), rule("alert")).unwrap();
    server.until("alert");
    assert!(server.get("/readyz")["policy_stale_since"].is_null());
    assert!(server.get("/api/stats")["policy_problem"].is_null());
}

#[test]
fn no_request_fails_while_policies_change() {
    let server = Server::start();
    let number = server.get("/api/bundle")["number"].as_u64().unwrap();
    let done = AtomicBool::new(false);
    let answers = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let client = reqwest::blocking::Client::new();
                    let mut answers = 0_u32;
                    while !done.load(Ordering::Relaxed) {
                        let effect = mail(&client, server.address);
                        assert!(effect == "block" || effect == "alert", "{effect}");
                        answers += 1;
                    }
                    answers
                })
            })
            .collect();
        for n in 0..20 {
            let effect = if n % 2 == 0 { "alert" } else { "block" };
            std::fs::write(server.file(), rule(effect)).unwrap();
            server.hang_up();
            server.until(effect);
        }
        done.store(true, Ordering::Relaxed);
        workers.into_iter().map(|w| w.join().unwrap()).sum::<u32>()
    });
    println!("{answers} requests during 20 reloads, none failed");
    assert!(answers > 20, "{answers}");
    assert_eq!(
        server.get("/api/bundle")["number"].as_u64().unwrap(),
        number + 20
    );
}

#[test]
fn bundles_are_published_listed_and_reverted() {
    let server = Server::start();
    let url = format!("http://{}", server.address);
    let with = |args: &[&str]| {
        let mut all = vec!["policy"];
        all.extend(args);
        all.extend(["--server", &url, "--key", KEY]);
        run(&all, server.path())
    };
    let team = server.path().join("team.yaml");
    let pay =
        "interlock: 1\nrules:\n  - { id: pay, match: { action: [payment] }, effect: block }\n";
    std::fs::write(&team, pay).unwrap();
    let ran = with(&["publish", "team.yaml", "--json"]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let first = ran.json()["revision"].as_u64().unwrap().to_string();
    std::fs::write(&team, "interlock: 1\n").unwrap();
    let ran = with(&["publish", "team.yaml", "--expect", &first]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("is in force"), "{}", ran.stdout);
    std::fs::write(&team, "interlock: 1\nrules: [\n").unwrap();
    let ran = with(&["publish", "team.yaml"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("team.yaml:"), "{}", ran.stderr);
    let ran = with(&["history"]);
    assert_eq!(ran.stdout.lines().count(), 2, "{}", ran.stdout);
    let ran = with(&["revert", "team.yaml", &first]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let bundle = server.get("/api/bundle");
    assert!(
        bundle["sources"].to_string().contains("id: pay"),
        "{bundle}"
    );
    assert_eq!(with(&["history"]).stdout.lines().count(), 3);
    assert_eq!(with(&["revert", "team.yaml", "77"]).code, 1);
}
