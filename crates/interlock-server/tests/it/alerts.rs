//! Groups of alerts, mutes, stopped tools and responses over HTTP.

use std::time::{Duration, Instant};

use interlock_core::model::Role;
use serde_json::{Value, json};

use crate::client::Server;

const BLOCKED: &str = r#"{"agent_id":"bot","action_type":"database_write","resource":"postgres://prod/customers","arguments":{"sql":"DELETE FROM customers"}}"#;

/// Waits for what `find` gives.
fn until<T>(what: &str, mut find: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(found) = find() {
            return found;
        }
        assert!(Instant::now() < end, "not within 20 s: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn group(server: &Server, count: u64) -> Value {
    until("a group", || {
        let groups = server.get("/api/alert-groups").json();
        let all = groups.as_array().cloned().unwrap_or_default();
        all.into_iter()
            .find(|g| g["agent_id"] == "bot" && g["count"] == count)
    })
}

#[test]
fn people_work_on_groups() {
    let server = Server::start();
    let ann = server.person(Role::Approver, "ann");
    for _ in 0..3 {
        server.post("/api/check", BLOCKED);
    }
    let seen = group(&server, 3);
    let id = seen["id"].as_str().expect("an id");
    assert!(!seen["rule"].as_str().expect("a rule").is_empty(), "{seen}");
    let path = format!("/api/alert-groups/{id}");
    let change = |body: Value| server.call("PATCH", &path, &ann, &body.to_string());
    for (body, field) in [
        (json!({}), "version"),
        (json!({"version": 0}), "state"),
        (json!({"version": 0, "state": "closed"}), "state"),
        (json!({"version": 0, "comment": " "}), "comment"),
        (
            json!({"version": 0, "assignee": "x".repeat(1_000)}),
            "assignee",
        ),
        (json!({"version": 0, "stat": "open"}), "stat"),
    ] {
        let answer = change(body.clone());
        assert_eq!(
            (answer.status, &*answer.field("field")),
            (400, field),
            "{body} {}",
            answer.text
        );
    }
    let taken = change(json!({"version": 0, "state": "acknowledged", "assignee": "ann"}));
    assert_eq!(
        (taken.status, &*taken.field("changed_by")),
        (200, "ann"),
        "{}",
        taken.text
    );
    let late = change(json!({"version": 0, "state": "open"}));
    assert_eq!((late.status, &*late.field("code")), (409, "conflict"));
    // The plain list follows.
    let open = server.get("/api/alerts?acknowledged=false").json();
    assert_eq!(open, json!([]));
    let detail = server.get(&path).json();
    assert_eq!(detail["alerts"].as_array().map(Vec::len), Some(3));
    assert_eq!(detail["notes"][1]["text"], "ann");
    for (query, count) in [
        ("state=acknowledged", 1),
        ("state=open", 0),
        ("assignee=ann&agent_id=bot", 1),
        ("level=critical&detector=none", 0),
        ("muted=true", 0),
        (&*format!("before={}.{id}", seen["last_seq"]), 0),
    ] {
        let found = server.get(&format!("/api/alert-groups?{query}")).json();
        assert_eq!(found.as_array().map(Vec::len), Some(count), "{query}");
    }
    for wrong in [
        "state=x",
        "level=loud",
        "before=1",
        "before=x.y",
        "limit=0",
        "muted=maybe",
    ] {
        let answer = server.get(&format!("/api/alert-groups?{wrong}"));
        assert_eq!(answer.status, 400, "{wrong}");
    }
}

#[test]
fn another_tenant_finds_none_of_it() {
    let server = Server::start();
    let other = server.key("other", Role::Admin, None);
    server.post("/api/check", BLOCKED);
    let id = group(&server, 1)["id"].as_str().expect("an id").to_owned();
    let mute = server.post(
        "/api/mutes",
        r#"{"agent_id":"bot","reason":"r","seconds":60}"#,
    );
    let stop = server.post("/api/tool-stops", r#"{"tool":"mail"}"#);
    assert_eq!(
        (mute.status, stop.status),
        (201, 201),
        "{} {}",
        mute.text,
        stop.text
    );
    for (method, path, body) in [
        ("GET", format!("/api/alert-groups/{id}"), ""),
        (
            "PATCH",
            format!("/api/alert-groups/{id}"),
            r#"{"version":0,"state":"open"}"#,
        ),
        ("DELETE", format!("/api/mutes/{}", mute.field("id")), ""),
        (
            "DELETE",
            format!("/api/tool-stops/{}", stop.field("id")),
            "",
        ),
    ] {
        let answer = server.call(method, &path, &other, body);
        assert_eq!(
            (answer.status, &*answer.field("code")),
            (404, "not-found"),
            "{method} {path}"
        );
    }
    for path in [
        "/api/alert-groups",
        "/api/mutes",
        "/api/tool-stops",
        "/api/responses",
    ] {
        assert_eq!(
            server.call("GET", path, &other, "").json(),
            json!([]),
            "{path}"
        );
    }
    // A stop of one tenant stops nothing of another.
    let mail = r#"{"agent_id":"bot","action_type":"llm_call","tool":"mail"}"#;
    assert_eq!(server.post("/api/check", mail).field("effect"), "block");
    assert_ne!(
        server
            .call("POST", "/api/check", &other, mail)
            .field("effect"),
        "block"
    );
}

#[test]
fn what_is_out_of_its_limits_is_refused_by_name() {
    let server = Server::start();
    let mute = |body: Value| server.post("/api/mutes", &body.to_string());
    for (body, field) in [
        (json!({"reason": "r", "seconds": 60}), "filter"),
        (json!({"agent_id": "a", "seconds": 60}), "reason"),
        (
            json!({"agent_id": "a", "reason": "", "seconds": 60}),
            "reason",
        ),
        (
            json!({"agent_id": "a", "reason": "r", "seconds": 0}),
            "expires",
        ),
        (
            json!({"agent_id": "a", "reason": "r", "seconds": 7_776_001}),
            "expires",
        ),
    ] {
        let answer = mute(body.clone());
        assert_eq!(
            (answer.status, &*answer.field("field")),
            (400, field),
            "{body} {}",
            answer.text
        );
    }
    for (body, field) in [
        (json!({"tool": "*"}), "tool"),
        (json!({"tool": "a*b"}), "tool"),
        (json!({"tool": "a", "seconds": 0}), "seconds"),
        (json!({"tool": "a", "seconds": 40_000_000}), "seconds"),
    ] {
        let answer = server.post("/api/tool-stops", &body.to_string());
        assert_eq!(
            (answer.status, &*answer.field("field")),
            (400, field),
            "{body} {}",
            answer.text
        );
    }
    let rule = json!({"id": "r", "scope": "agent", "level": "high", "count": 3, "window_s": 60, "action": "pause"});
    let set = |version: u64, change: Value| {
        let mut rule = rule.clone();
        for (name, value) in change.as_object().into_iter().flatten() {
            rule[name] = value.clone();
        }
        let body = json!({"version": version, "rules": [rule]}).to_string();
        server.call("PUT", "/api/response-rules", &server.admin, &body)
    };
    for (change, field) in [
        (json!({"scope": "all"}), "scope"),
        (json!({"action": "erase"}), "action"),
        (json!({"level": "loud"}), "level"),
        (json!({"count": 0}), "count"),
        (json!({"last": 3}), "last"),
    ] {
        let answer = set(0, change.clone());
        assert_eq!(
            (answer.status, &*answer.field("field")),
            (400, field),
            "{change} {}",
            answer.text
        );
    }
    let answer = set(0, json!({"cooldown_s": 60}));
    assert_eq!(answer.status, 400, "{}", answer.text);
    let kept = set(0, json!({}));
    assert_eq!(
        (kept.status, &kept.json()["version"]),
        (200, &json!(1)),
        "{}",
        kept.text
    );
    assert_eq!(set(0, json!({})).status, 409);
    assert_eq!(
        server.get("/api/response-rules").json()["rules"][0]["cool_down_s"],
        3_600
    );
}

#[test]
fn a_filter_looks_through_groups() {
    let server = Server::start();
    for _ in 0..3 {
        server.post("/api/check", BLOCKED);
    }
    for n in 0..5 {
        let body = json!({"agent_id": format!("reader-{n}"), "action_type": "database_query", "tool": "q",
            "arguments": {"name": "x' OR '1'='1' -- "}});
        server.post("/api/check", &body.to_string());
    }
    until("all groups", || {
        let all = server.get("/api/alert-groups").json();
        let all = all.as_array().cloned().unwrap_or_default();
        let count: u64 = all.iter().filter_map(|g| g["count"].as_u64()).sum();
        (all.len() == 6 && count == 8).then_some(())
    });
    let found = |q: &str| -> Vec<Value> {
        let answer = server.get(&format!("/api/alert-groups?q={q}"));
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json().as_array().cloned().expect("a list")
    };
    for (q, count) in [
        ("agent:bot", 1),
        ("agent:reader-*", 5),
        ("count:%3E2", 1),
        ("detector:sql_injection", 5),
        ("-detector:sql_injection", 1),
        ("state:open", 6),
        ("state:resolved", 0),
        ("is:muted", 0),
        ("kind:decision%20since:1h", 6),
        ("until:1h", 0),
        ("READER-3", 1),
        ("level:low,medium,high,critical", 6),
        ("-level:low,medium,high,critical", 0),
    ] {
        assert_eq!(found(q).len(), count, "{q}: {:?}", found(q));
    }
    let tag = found("detector:sql_injection")[0]["tags"][0]
        .as_str()
        .expect("a tag")
        .to_owned();
    assert_eq!(found(&format!("tag:{tag}")).len(), 5);
    assert_eq!(
        found("agent:reader-1")[0]["detectors"][0],
        "sql_injection",
        "all that was found, the strongest first"
    );
    // Page by page, and with what the other parameters say.
    let mut from = String::new();
    let mut seen = Vec::new();
    loop {
        let page = server.get(&format!("/api/alert-groups?q=agent:reader*&limit=2{from}"));
        for group in page.json().as_array().expect("a list") {
            seen.push(group["id"].as_str().expect("an id").to_owned());
        }
        let next = page
            .head
            .lines()
            .find_map(|l| l.strip_prefix("interlock-next: "));
        match next {
            Some(next) => from = format!("&before={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 5);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 5);
    let one = server
        .get("/api/alert-groups?q=agent:reader*&agent_id=reader-2")
        .json();
    assert_eq!(one.as_array().map(Vec::len), Some(1));
    let wrong = server.get("/api/alert-groups?q=detecter:x");
    assert_eq!((wrong.status, &*wrong.field("field")), (400, "q"));
    assert!(
        wrong.text.contains("did you mean `detector`"),
        "{}",
        wrong.text
    );
}
