//! Sinks of the record against receivers that fail, refuse, go away and come back.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use interlock_core::model::{Action, Principal, Role};
use interlock_runtime::{CheckOptions, Options, Runtime};
use interlock_server::export::{Config, Exporter, SinkStatus};
use interlock_store::journal::Durability;
use serde_json::{Value, json};

use crate::client::Server;

type Say = Box<dyn Fn(&str, &str) -> (u16, String) + Send>;

/// A receiver over HTTP that answers as it is told, and keeps what it answered with success.
struct Receiver {
    address: SocketAddr,
    say: Arc<Mutex<Say>>,
    heads: Arc<Mutex<Vec<String>>>,
    taken: Arc<Mutex<Vec<String>>>,
}

impl Receiver {
    fn start(say: impl Fn(&str, &str) -> (u16, String) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let receiver = Self {
            address: listener.local_addr().expect("an address"),
            say: Arc::new(Mutex::new(Box::new(say))),
            heads: Arc::default(),
            taken: Arc::default(),
        };
        let (say, heads, taken) = (
            Arc::clone(&receiver.say),
            Arc::clone(&receiver.heads),
            Arc::clone(&receiver.taken),
        );
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (say, heads, taken) =
                    (Arc::clone(&say), Arc::clone(&heads), Arc::clone(&taken));
                std::thread::spawn(move || serve(&stream, &say, &heads, &taken));
            }
        });
        receiver
    }

    fn say(&self, say: impl Fn(&str, &str) -> (u16, String) + Send + 'static) {
        *self.say.lock().expect("say") = Box::new(say);
    }

    fn taken(&self) -> Vec<String> {
        self.taken.lock().expect("taken").clone()
    }

    /// The events that it took, each once, in the order in which they came first.
    fn events(&self) -> Vec<Value> {
        let mut seen = BTreeSet::new();
        let mut all = Vec::new();
        for line in self.taken().iter().flat_map(|body| body.lines()) {
            let event: Value = serde_json::from_str(line).expect("an event");
            if seen.insert(event["id"].as_str().expect("an id").to_owned()) {
                all.push(event);
            }
        }
        all
    }
}

fn serve(
    stream: &TcpStream,
    say: &Mutex<Say>,
    heads: &Mutex<Vec<String>>,
    taken: &Mutex<Vec<String>>,
) {
    let mut writer = stream;
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse().ok())?
        });
        let mut body = vec![0; length.unwrap_or(0)];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let body = String::from_utf8_lossy(&body).into_owned();
        let (status, answer) = say.lock().expect("say")(&head, &body);
        heads.lock().expect("heads").push(head);
        if status < 300 {
            taken.lock().expect("taken").push(body);
        }
        let answer = format!(
            "HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{answer}",
            answer.len()
        );
        if writer.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn ok(_: &str, _: &str) -> (u16, String) {
    (200, String::new())
}

fn down(_: &str, _: &str) -> (u16, String) {
    (503, String::new())
}

fn open(dir: &Path) -> Runtime {
    let options = Options {
        durability: Durability::Async,
        policies: vec![interlock_policy::built_in("default").expect("a built-in bundle")],
        ..Options::on(dir)
    };
    Runtime::open(options).expect("a runtime").0
}

fn act(runtime: &Runtime, agent: &str, count: usize) {
    for n in 0..count {
        let action = Action::from_json(
            json!({
                "agent_id": agent, "action_type": "file_read", "resource": format!("/srv/{n}"),
                "run_id": "run", "tool": "read",
            })
            .to_string()
            .as_bytes(),
        )
        .expect("an action");
        let checked = runtime.check(&Principal::local(), action, &CheckOptions::default());
        checked.expect("a decision");
    }
}

/// The ids of every entry of the tenant's record.
fn recorded(runtime: &Runtime) -> Vec<String> {
    let head = runtime.journal().head("default").expect("a log");
    (0..head.size)
        .map(|seq| format!("{}-{seq}", head.id))
        .collect()
}

fn hook(dir: &Path, address: SocketAddr) -> Config {
    let secret = dir.join("secret");
    std::fs::write(&secret, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a file");
    Config::parse(&format!(
        "sinks:\n  hook:\n    format: jsonl\n    webhook:\n      url: http://{address}/events\n      \
         secrets: [{{ file: {} }}]\n      allow: [127.0.0.1]\n",
        secret.display()
    ))
    .expect("a configuration")
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn status(exporter: &Exporter) -> SinkStatus {
    exporter.statuses().now().remove(0)
}

#[test]
fn a_receiver_that_was_down_over_restarts_gets_everything_in_order() {
    let dir = tempfile::tempdir().expect("a directory");
    let receiver = Receiver::start(ok);
    let config = hook(dir.path(), receiver.address);
    let each = if std::env::var_os("INTERLOCK_SOAK").is_some() {
        20_000
    } else {
        700
    };
    {
        let runtime = open(dir.path());
        act(&runtime, "before", 5);
        let exporter = Exporter::start(&runtime, dir.path(), &config).expect("it starts");
        let all = recorded(&runtime);
        until("what is there is sent", || {
            receiver.events().len() == all.len()
        });
        // Down: it takes some of a request and says no, or nothing at all.
        receiver.say(down);
        act(&runtime, "outage", each);
        until("the lag shows", || {
            let now = status(&exporter);
            now.lag_entries >= each as u64 && now.failures > 0 && now.waiting_since.is_some()
        });
        let now = status(&exporter);
        assert!(now.failures > 0 && now.waiting_since.is_some(), "{now:?}");
        assert!(
            now.last_error.as_deref().is_some_and(|e| e.contains("503")),
            "{now:?}"
        );
        drop(exporter);
        runtime.close();
    }
    // Another life of the program in the middle of it.
    {
        let runtime = open(dir.path());
        let exporter = Exporter::start(&runtime, dir.path(), &config).expect("it starts");
        act(&runtime, "later", each);
        until("it still fails", || status(&exporter).failures > 0);
        drop(exporter);
        runtime.close();
    }
    let runtime = open(dir.path());
    receiver.say(ok);
    let mut exporter = Exporter::start(&runtime, dir.path(), &config).expect("it starts");
    let all = recorded(&runtime);
    assert!(all.len() > 2 * each);
    until("all of it comes", || receiver.events().len() >= all.len());
    until("nothing waits", || status(&exporter).lag_entries == 0);
    let ids: Vec<String> = receiver
        .events()
        .iter()
        .map(|e| e["id"].as_str().expect("an id").to_owned())
        .collect();
    assert_eq!(
        ids, all,
        "every entry, in order, none twice under another id"
    );
    exporter.stop();
    let now = status(&exporter);
    assert_eq!((now.delivered, now.rejected), (all.len() as u64, 0));
    assert_eq!(now.waiting_since, None);

    // After a stop in order nothing comes again.
    let before = receiver.taken().len();
    let exporter = Exporter::start(&runtime, dir.path(), &config).expect("it starts");
    act(&runtime, "after", 1);
    until("the new one comes", || {
        receiver.events().len() == all.len() + 1
    });
    drop(exporter);
    let new: Vec<String> = receiver.taken().split_off(before);
    assert_eq!(new.iter().flat_map(|b| b.lines()).count(), 1, "{new:?}");
}

#[test]
fn what_a_receiver_refuses_for_good_keeps_nothing_else_waiting() {
    let dir = tempfile::tempdir().expect("a directory");
    let receiver = Receiver::start(|_, body| {
        let status = if body.contains("\"agent\":\"poison\"") {
            400
        } else {
            200
        };
        (status, String::new())
    });
    let runtime = open(dir.path());
    act(&runtime, "good", 40);
    act(&runtime, "poison", 1);
    act(&runtime, "good", 40);
    act(&runtime, "poison", 2);
    act(&runtime, "good", 3);
    let config = hook(dir.path(), receiver.address);
    let mut exporter = Exporter::start(&runtime, dir.path(), &config).expect("it starts");
    let all = recorded(&runtime).len();
    until("the rest comes", || receiver.events().len() == all - 3);
    until("it is caught up", || status(&exporter).lag_entries == 0);
    exporter.stop();
    let now = status(&exporter);
    assert_eq!(
        (now.delivered, now.rejected),
        (all as u64 - 3, 3),
        "{now:?}"
    );
    let kept =
        std::fs::read_to_string(dir.path().join("export/hook.rejected.jsonl")).expect("kept");
    assert_eq!(kept.lines().count(), 3, "{kept}");
    assert!(kept.lines().all(|l| l.contains("\"agent\":\"poison\"")));
}

#[test]
fn a_receiver_that_refuses_everything_loses_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let receiver = Receiver::start(|_, _| (400, String::new()));
    let runtime = open(dir.path());
    act(&runtime, "bot", 6);
    let all = recorded(&runtime).len();
    let config = hook(dir.path(), receiver.address);
    let mut exporter = Exporter::start(&runtime, dir.path(), &config).expect("it starts");
    until("it is told", || status(&exporter).failures > 1);
    let now = status(&exporter);
    assert_eq!((now.delivered, now.rejected), (0, 0), "{now:?}");
    let why = now.last_error.expect("a reason");
    assert!(
        why.contains("each of") && why.contains("is refused"),
        "{why}"
    );
    assert!(!dir.path().join("export/hook.rejected.jsonl").exists());
    receiver.say(ok);
    until("all of it comes", || receiver.events().len() == all);
    until("it is caught up", || status(&exporter).lag_entries == 0);
    exporter.stop();
    assert_eq!(status(&exporter).rejected, 0);
}

#[test]
fn a_mark_of_another_record_is_told_and_all_is_sent() {
    let dir = tempfile::tempdir().expect("a directory");
    let other = tempfile::tempdir().expect("a directory");
    let receiver = Receiver::start(ok);
    let config = hook(dir.path(), receiver.address);
    for (dir, count) in [(other.path(), 30), (dir.path(), 20)] {
        let runtime = open(dir);
        act(&runtime, "bot", count);
        if dir == other.path() {
            let mut exporter = Exporter::start(&runtime, dir, &config).expect("it starts");
            until("it is caught up", || status(&exporter).lag_entries == 0);
            exporter.stop();
        }
        runtime.close();
    }
    std::fs::create_dir_all(dir.path().join("export")).expect("a directory");
    std::fs::copy(
        other.path().join("export/hook.json"),
        dir.path().join("export/hook.json"),
    )
    .expect("a copy");
    receiver.taken.lock().expect("taken").clear();
    let runtime = open(dir.path());
    let exporter = Exporter::start(&runtime, dir.path(), &config).expect("it starts");
    let all = recorded(&runtime);
    until("all of it comes", || {
        receiver.events().len() == all.len() + 1
    });
    drop(exporter);
    let events = receiver.events();
    assert_eq!(events[0]["code"], "gap.export", "{}", events[0]);
    assert_eq!(events[1]["id"], json!(all[0]));

    // A mark that nobody can read is not taken for none.
    std::fs::write(dir.path().join("export/hook.json"), "{").expect("written");
    let error = Exporter::start(&runtime, dir.path(), &config).expect_err("it is refused");
    assert!(
        error.contains("sink `hook`") && error.contains("hook.json"),
        "{error}"
    );
}

#[test]
fn a_collector_is_believed_when_it_has_indexed_and_its_token_shows_nowhere() {
    const TOKEN: &str = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
    let dir = tempfile::tempdir().expect("a directory");
    let asked = Arc::new(Mutex::new(0));
    let asks = Arc::clone(&asked);
    let receiver =
        Receiver::start(|_, _| (403, json!({"text": "Invalid token", "code": 4}).to_string()));
    let secret = dir.path().join("token");
    std::fs::write(&secret, TOKEN).expect("a file");
    let config = Config::parse(&format!(
        "sinks:\n  splunk:\n    only: {{ kinds: [decision] }}\n    hec:\n      url: http://{}\n      \
         token: {{ file: {} }}\n      index: agents\n      ack: true\n      allow: [127.0.0.1]\n",
        receiver.address,
        secret.display()
    ))
    .expect("a configuration");
    assert!(!format!("{config:?}").contains(TOKEN));
    let runtime = open(dir.path());
    act(&runtime, "bot", 3);
    let mut exporter = Exporter::start(&runtime, dir.path(), &config).expect("it starts");
    until("a refused token shows", || status(&exporter).failures > 0);
    assert!(
        status(&exporter)
            .last_error
            .is_some_and(|e| e.contains("403") && !e.contains(TOKEN))
    );
    assert_eq!(
        status(&exporter).rejected,
        0,
        "a wrong token refuses no event for good"
    );
    receiver.say(move |head, body| {
        if head.starts_with("POST /services/collector/ack ") {
            assert_eq!(body, "{\"acks\":[7]}");
            let mut asked = asks.lock().expect("asked");
            *asked += 1;
            return (200, json!({"acks": {"7": *asked > 1}}).to_string());
        }
        (
            200,
            json!({"text": "Success", "code": 0, "ackId": 7}).to_string(),
        )
    });
    until("it is caught up", || status(&exporter).lag_entries == 0);
    assert!(*asked.lock().expect("asked") >= 2);
    exporter.stop();
    let heads = receiver.heads.lock().expect("heads").clone();
    let head = heads
        .iter()
        .find(|h| h.starts_with("POST /services/collector/event "))
        .expect("events");
    assert!(
        head.contains(&format!("authorization: Splunk {TOKEN}\r\n")),
        "{head}"
    );
    assert!(head.contains("x-splunk-request-channel: "), "{head}");
    let taken = receiver.taken();
    let first: Value =
        serde_json::from_str(taken[0].lines().next().expect("a line")).expect("JSON");
    assert_eq!(first["index"], "agents");
    assert_eq!(first["sourcetype"], "interlock:event");
    assert_eq!(first["event"]["class_uid"], 6003);
    assert!(first["fields"]["entry_id"].is_string() && first["time"].is_string());
    let kept = std::fs::read_to_string(dir.path().join("export/splunk.json")).expect("a file");
    assert!(!kept.contains(TOKEN));
}

#[test]
fn nothing_is_connected_to_that_is_not_allowed() {
    let dir = tempfile::tempdir().expect("a directory");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("set");
    let port = listener.local_addr().expect("an address").port();
    let secret = dir.path().join("secret");
    std::fs::write(&secret, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a file");
    let targets = [
        format!("syslog: {{ host: 127.0.0.1, port: {port}, transport: tcp }}"),
        format!("syslog: {{ host: localhost, port: {port}, transport: tls }}"),
        format!("syslog: {{ host: 127.0.0.1, port: {port}, transport: udp }}"),
        format!(
            "webhook: {{ url: 'http://127.0.0.1:{port}', secrets: [{{ file: {} }}] }}",
            secret.display()
        ),
        format!("otlp: {{ url: 'https://localhost:{port}/v1/traces' }}"),
        format!(
            "hec: {{ url: 'http://127.0.0.1:{port}', token: {{ file: {} }} }}",
            secret.display()
        ),
    ];
    let runtime = open(dir.path());
    // What is blocked is a span at once.
    runtime
        .set_kill_switch("default", "ann", true, "drill")
        .expect("it is thrown");
    act(&runtime, "bot", 1);
    for target in targets {
        let config =
            Config::parse(&format!("sinks:\n  one:\n    {target}\n")).expect("a configuration");
        let exporter = Exporter::start(&runtime, dir.path(), &config).expect("it starts");
        until("it is refused", || status(&exporter).failures > 0);
        let why = status(&exporter).last_error.unwrap_or_default();
        assert!(why.contains("`allow`"), "{target}: {why}");
    }
    assert!(listener.accept().is_err(), "somebody connected");
}

#[test]
fn events_are_fetched_in_pages_by_who_may_and_of_their_own_tenant() {
    let server = Server::start();
    for n in 0..12 {
        let action =
            json!({"agent_id": "bot", "action_type": "file_read", "resource": format!("/srv/{n}")});
        assert_eq!(server.post("/api/check", &action.to_string()).status, 200);
    }
    let mut after = String::new();
    let mut ids = Vec::new();
    loop {
        let answer = server.get(&format!("/api/export?format=jsonl&limit=5{after}"));
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert!(answer.text.lines().count() <= 5);
        ids.extend(answer.text.lines().map(|line| {
            let event: Value = serde_json::from_str(line).expect("an event");
            event["record"]["seq"].as_u64().expect("a number")
        }));
        let header = |name: &str| {
            let line = answer
                .head
                .lines()
                .find_map(|l| l.strip_prefix(&format!("{name}: ")));
            line.map(|l| l.trim().to_owned()).unwrap_or_default()
        };
        after = format!("&after={}", header("x-next-after"));
        if header("x-more") == "false" {
            break;
        }
    }
    let size = server
        .runtime
        .journal()
        .head("default")
        .expect("a log")
        .size;
    assert_eq!(ids, (0..size).collect::<Vec<_>>());
    let nothing = server.get(&format!("/api/export?format=jsonl{after}"));
    assert_eq!((nothing.status, nothing.text.as_str()), (200, ""));
    let none = server.get("/api/export?until=2001-01-01T00:00:00Z");
    assert_eq!((none.status, none.text.as_str()), (200, ""));
    let some = server.get("/api/export?since=2001-01-01T00:00:00Z&format=cef");
    assert!(
        some.text.lines().all(|l| l.starts_with("CEF:0|Interlock|")),
        "{}",
        some.text
    );

    for path in [
        "format=xml",
        "since=yesterday",
        "limit=0",
        "limit=1001",
        "after=-1",
        "unknown=1",
    ] {
        let answer = server.get(&format!("/api/export?{path}"));
        assert_eq!(answer.status, 400, "{path}: {}", answer.text);
    }
    let get = |key: &str, path: &str| server.call("GET", path, key, "");
    for (role, allowed) in [
        (Role::Auditor, true),
        (Role::Agent, false),
        (Role::Approver, false),
        (Role::PolicyAuthor, false),
    ] {
        let key = server.key("default", role, None);
        for path in ["/api/export", "/api/export/sinks"] {
            let status = get(&key, path).status;
            assert_eq!(status, if allowed { 200 } else { 403 }, "{role:?} {path}");
        }
    }
    let foreign = server.key("other", Role::Auditor, None);
    let theirs = get(&foreign, "/api/export?format=jsonl");
    assert!(!theirs.text.contains("\"bot\""), "{}", theirs.text);
    assert_eq!(get(&foreign, "/api/export/sinks").text, "[]");
    assert_eq!(get("nothing", "/api/export").status, 401);
}

/// The configuration of the guide, as it stands there but for the places of secrets.
#[test]
fn the_guides_configuration_is_one() {
    let text = include_str!("../../../../docs/guides/siem.md");
    let start = text.find("```yaml").expect("a block") + 7;
    let block = &text[start..start + text[start..].find("```").expect("its end")];
    let dir = tempfile::tempdir().expect("a directory");
    let secret = dir.path().join("secret");
    std::fs::write(&secret, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a file");
    let mut config = block.to_owned();
    for name in ["splunk-token", "soc-webhook", "otel-key"] {
        config = config.replace(
            &format!("/run/secrets/{name}"),
            &secret.display().to_string(),
        );
    }
    let config = Config::parse(&config).expect("a configuration");
    let kinds: Vec<&str> = config.sinks.iter().map(|s| s.target.name()).collect();
    assert_eq!(
        kinds,
        ["file", "syslog-tls", "syslog-tls", "webhook", "hec", "otlp"],
        "in the order of their names"
    );
}
