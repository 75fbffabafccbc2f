//! Records that clients send: each is judged by itself, once, and none holds up another.

use interlock_core::model::Role;
use interlock_store::ActionRow;
use serde_json::{Value, json};

use crate::client::{Answer, Server};
use crate::connected::{Client, rows, server, until, write};
use crate::door::{Door, Way};

fn id(n: u8) -> String {
    format!("0190f3b0-0000-7000-8000-0000000000{n:02x}")
}

fn record(id: &str, agent: &str, kind: &str) -> Value {
    json!({"seq": 1, "kind": kind, "body": json!({"v": 1, "ts": "2026-11-21T00:00:00Z",
        "kind": kind, "id": id, "agent": agent, "session": "", "type": "api_call", "tool": "t",
        "effect": "allow", "decided": "allow", "risk": 1, "program": "00", "status": "succeeded"})
        .to_string()})
}

fn sent(server: &Server, key: &str, records: Value) -> Answer {
    let body = json!({"log": "k", "records": records}).to_string();
    server.call("POST", "/api/records", key, &body)
}

/// How many were taken, how many of them were known, how many are refused.
fn counted(answer: &Answer) -> (u64, u64, usize) {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let said = answer.json();
    let count = |key: &str| said[key].as_u64().expect("a count");
    let refused = said["refused"].as_array().map_or(0, Vec::len);
    (count("taken"), count("known"), refused)
}

#[test]
fn each_record_is_judged_by_itself() {
    let server = server();
    let key = server.key("default", Role::Agent, Some("bot"));
    let auditor = server.key("default", Role::Auditor, None);
    assert_eq!(sent(&server, &auditor, json!([])).status, 403);
    let one = id(1);
    let mine = sent(
        &server,
        &key,
        json!([record(&one, "bot", "outcome"), record(&one, "bot", "decision"),
            record(&one, "bot", "decision"), record(&one, "bot", "outcome"),
            record(&one, "bot", "kill"), record("x", "bot", "decision"),
            {"seq": 9, "kind": "decision", "body": "{\"agent\":\"bot\"}"}]),
    );
    assert_eq!(counted(&mine), (3, 1, 4), "{}", mine.text);
    // Another agent's is refused; what stands around it is taken.
    let mixed = sent(
        &server,
        &key,
        json!([
            record(&id(2), "bot", "decision"),
            record(&id(3), "other", "decision"),
            record(&id(2), "other", "outcome"),
            {"seq": 4, "kind": "decision", "body": "{\"agent\":"},
            record(&id(2), "bot", "outcome"),
        ]),
    );
    assert_eq!(counted(&mixed), (2, 0, 3), "{}", mixed.text);
    let why = mixed.json()["refused"][0]["message"].to_string();
    assert!(why.contains("`other`") && why.contains("`bot`"), "{why}");
    // Not even one who may speak for all takes an id over.
    let stolen = sent(
        &server,
        &server.admin,
        json!([
            record(&one, "other", "decision"),
            record(&one, "other", "outcome")
        ]),
    );
    assert_eq!(counted(&stolen), (0, 0, 2), "{}", stolen.text);
    let many: Vec<_> = (0..1_001)
        .map(|_| json!({"seq": 1, "kind": "x", "body": ""}))
        .collect();
    assert_eq!(sent(&server, &key, json!(many)).status, 400);
    let listed = |agent: &str| {
        let of = |row: &&ActionRow| row.agent_id == agent;
        rows(&server).iter().filter(of).count()
    };
    until("rows", || listed("bot") == 2);
    assert_eq!(listed("other"), 0);
}

#[test]
fn an_outcome_that_a_client_brings_settles_what_was_decided_here() {
    let server = server();
    let budget = r#"{"scope":"tenant","limit_calls":1}"#;
    let put = server.call("PUT", "/api/budgets/all", &server.admin, budget);
    assert_eq!(put.status, 200, "{}", put.text);
    let check = || {
        let look = r#"{"agent_id":"bot","action_type":"api_call","tool":"look"}"#;
        let answer = server.post("/api/check", look);
        (answer.field("effect"), answer.field("id"))
    };
    let (effect, id) = check();
    assert_eq!((effect.as_str(), check().0.as_str()), ("allow", "block"));
    until("its row", || rows(&server).iter().any(|row| row.id == id));
    let said = record(&id, "bot", "outcome").to_string();
    let said: Value = serde_json::from_str(&said.replace("succeeded", "not_run")).expect("JSON");
    assert_eq!(counted(&sent(&server, &server.admin, json!([said]))).0, 1);
    assert_eq!(check().0, "allow");
}

#[test]
fn a_store_that_fails_refuses_no_record() {
    let server = server();
    let (first, second) = (id(1), id(2));
    // A decision that only the rows know of, as after a restart, and its outcome.
    let known = server.post(
        "/api/check",
        r#"{"agent_id":"bot","action_type":"file_read","resource":"/srv/a.txt"}"#,
    );
    let known = known.field("id");
    let path = format!("/api/actions/{known}/outcome");
    assert_eq!(server.post(&path, r#"{"status":"succeeded"}"#).status, 200);
    until("its row", || {
        rows(&server).iter().any(|r| r.outcome.is_some())
    });

    let decision = json!([record(&first, "bot", "decision")]);
    assert_eq!(
        counted(&sent(&server, &server.admin, decision.clone())).0,
        1
    );
    until("the row of the first", || rows(&server).len() == 2);
    server.rename_table("action", "away");
    for records in [
        json!([record(&second, "bot", "decision")]),
        // Of the first it is remembered that it was taken, not whether its outcome was.
        json!([record(&first, "bot", "outcome")]),
        json!([record(&known, "bot", "outcome")]),
        json!([
            record(&first, "bot", "decision"),
            record(&second, "bot", "decision")
        ]),
    ] {
        let failed = sent(&server, &server.admin, records);
        assert_eq!(
            (failed.status, failed.field("code").as_str()),
            (503, "audit-unavailable"),
            "{}",
            failed.text
        );
        assert!(failed.head.contains("retry-after"), "{}", failed.head);
    }
    // Sent again, each is there once.
    server.rename_table("away", "action");
    let again = sent(
        &server,
        &server.admin,
        json!([
            record(&first, "bot", "decision"),
            record(&first, "bot", "outcome"),
            record(&second, "bot", "decision"),
            record(&known, "bot", "outcome")
        ]),
    );
    assert_eq!(counted(&again), (4, 2, 0), "{}", again.text);
    until("all rows", || rows(&server).len() == 3);
}

#[test]
fn a_refused_record_holds_up_none_behind_it_and_is_named() {
    let server = server();
    let data = tempfile::tempdir().expect("a directory");
    let door = Door::new(Way::To(server.address));
    // While the server is away, two agents act under a key that speaks for all.
    let client = Client::open(Client::options(data.path(), &door.url(), &server.admin));
    assert!(client.check(write()).decision.effect.permits());
    until("it is sent", || client.connected.standing().waiting == 0);
    door.set(Way::Closed);
    let mut foreign = write();
    foreign.agent_id = "other".to_owned();
    foreign.session_id = "of the other".to_owned();
    let foreign = client.check(foreign).id.to_string();
    let mut behind = write();
    behind.resource = "/srv/behind.txt".to_owned();
    let behind = client.check(behind).id.to_string();
    drop(client);

    // The next process has a key of one of them.
    let key = server.key("default", Role::Agent, Some("bot"));
    let open = || Client::open(Client::options(data.path(), &door.url(), &key));
    let client = open();
    until("trouble is said", || {
        client.connected.standing().problem.is_some()
    });
    door.set(Way::To(server.address));
    until("all is sent", || client.connected.standing().waiting == 0);
    let listed = |id: &str| rows(&server).iter().any(|row| row.id == id);
    until("what stands behind it", || listed(&behind));
    assert!(!listed(&foreign));
    let standing = client.connected.standing();
    assert_eq!(
        (standing.refused, standing.upload_problem),
        (1, None),
        "the upload is not in trouble"
    );
    let list = std::fs::read_to_string(data.path().join("server/refused.jsonl")).expect("a list");
    let line: Value = serde_json::from_str(list.trim()).expect("one line");
    assert_eq!(line["id"], foreign.as_str());
    assert_eq!(
        (&line["agent"], &line["kind"]),
        (&json!("other"), &json!("decision"))
    );
    assert!(line["why"].to_string().contains("bound"), "{line}");
    // It stays in the journal here, and is counted after a restart too.
    drop(client);
    let client = open();
    assert_eq!(client.connected.standing().refused, 1);
    assert!(client.connected.gate().runtime().is_some_and(|runtime| {
        let journal = runtime
            .journal()
            .read("default", 0, 1_000)
            .expect("entries");
        journal
            .iter()
            .any(|entry| String::from_utf8_lossy(&entry.body).contains(&foreign))
    }));
}

#[test]
fn trouble_with_sending_is_not_cleared_by_a_lease() {
    let server = server();
    let data = tempfile::tempdir().expect("a directory");
    let url = format!("http://{}", server.address);
    let client = Client::open(Client::options(data.path(), &url, &server.admin));
    assert!(client.check(write()).decision.effect.permits());
    until("it is sent", || client.connected.standing().waiting == 0);
    server.rename_table("action", "away");
    assert!(client.check(write()).decision.effect.permits());
    until("trouble is said", || {
        client.connected.standing().upload_problem.is_some()
    });
    // Leases go on meanwhile, several of them.
    let since = std::time::Instant::now();
    while since.elapsed() < std::time::Duration::from_millis(2_500) {
        let standing = client.connected.standing();
        assert!(standing.upload_problem.is_some(), "{standing:?}");
        assert!(
            standing.leased && standing.problem.is_none(),
            "{standing:?}"
        );
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    server.rename_table("away", "action");
    until("it is sent after all", || {
        let standing = client.connected.standing();
        standing.waiting == 0 && standing.upload_problem.is_none()
    });
}

/// That an agent is stopped is the server's to say: who claims it without it is counted like any other.
#[test]
fn a_client_cannot_say_that_it_was_stopped() {
    let server = server();
    let key = server.key("default", Role::Agent, Some("bot"));
    let told = |n: u8, rule: &str| {
        let mut one = record(&id(n), "bot", "decision");
        let mut body: Value =
            serde_json::from_str(one["body"].as_str().expect("text")).expect("JSON");
        body["effect"] = json!("block");
        body["decided"] = json!("block");
        // Each of a class of its own, so that each makes a group.
        body["type"] = json!(
            [
                "file_read",
                "file_write",
                "api_call",
                "payment",
                "llm_call",
                "message_send"
            ][usize::from(n) % 6]
        );
        body["rules"] = json!([[rule, "system", "block", 1, 0]]);
        one["body"] = json!(body.to_string());
        let answer = sent(&server, &key, json!([one]));
        assert_eq!(counted(&answer), (1, 0, 0), "{}", answer.text);
        let class = body["type"].clone();
        let mut found = Value::Null;
        until("a group", || {
            let groups = server.get("/api/alert-groups").json();
            let mut all = groups.as_array().into_iter().flatten();
            found = all
                .find(|group| group["class"] == class)
                .cloned()
                .unwrap_or_default();
            !found.is_null()
        });
        (
            found["kind"].as_str().expect("a kind").to_owned(),
            found["rule"].as_str().expect("a rule").to_owned(),
        )
    };
    let ours = |rule: &str| ("stopped".to_owned(), rule.to_owned());
    let like_any_other = ("decision".to_owned(), String::new());
    for (n, rule) in [(0, "agent.paused"), (1, "kill-switch"), (2, "tool.stopped")] {
        assert_eq!(told(n, rule), like_any_other, "{rule}");
    }
    let paused = server.call(
        "PATCH",
        "/api/agents/bot",
        &server.admin,
        r#"{"paused":true}"#,
    );
    assert_eq!(paused.status, 200, "{}", paused.text);
    assert_eq!(told(3, "agent.paused"), ours("agent.paused"));
    let stop = server.post("/api/tool-stops", r#"{"tool":"t*","agent_id":"bot"}"#);
    assert_eq!(stop.status, 201, "{}", stop.text);
    assert_eq!(told(4, "tool.stopped"), ours("tool.stopped"));
    // Another reason than the one that holds.
    assert_eq!(told(5, "kill-switch"), like_any_other);
}
