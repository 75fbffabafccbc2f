//! The filter of the lists: what it finds, how one goes on, what is refused, and what two runs differ in.

use interlock_core::model::Role;
use serde_json::{Value, json};

use crate::client::{Answer, Server};

fn decide(server: &Server, action: &Value) -> String {
    let answer = server.post("/api/check", &action.to_string());
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.field("id")
}

fn encoded(text: &str) -> String {
    text.bytes().map(|b| format!("%{b:02X}")).collect()
}

fn search(server: &Server, list: &str, q: &str, more: &str) -> Answer {
    server.get(&format!("/api/{list}?q={}{more}", encoded(q)))
}

fn header(answer: &Answer, name: &str) -> Option<String> {
    answer.head.lines().find_map(|line| {
        let (found, value) = line.split_once(": ")?;
        found
            .eq_ignore_ascii_case(name)
            .then(|| value.trim().to_owned())
    })
}

fn steps(answer: &Answer) -> Vec<i64> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let rows = answer.json();
    let rows = rows.as_array().expect("a list");
    rows.iter()
        .map(|row| row["step"].as_i64().expect("a step"))
        .collect()
}

fn filled() -> Server {
    let server = Server::start();
    for step in 1..=6 {
        let write = step % 3 == 0;
        let id = decide(
            &server,
            &json!({
                "agent_id": if step % 2 == 0 { "billing-bot" } else { "Ops" },
                "action_type": if write { "database_write" } else { "file_read" },
                "resource": format!("/srv/prod/table_{step}"),
                "tool": "db.query", "run_id": "r1", "step": step, "session_id": format!("s{}", step % 2),
                "environment": {"name": "production"},
                "arguments": if write { json!({"sql": "DELETE FROM a"}) } else { json!({}) },
            }),
        );
        if step == 2 {
            let outcome = r#"{"status":"succeeded","latency_ms":40,"cost_usd":"1.25"}"#;
            let answer = server.post(&format!("/api/actions/{id}/outcome"), outcome);
            assert_eq!(answer.status, 200, "{}", answer.text);
        }
    }
    assert!(
        server
            .runtime
            .projected(std::time::Duration::from_secs(20))
            .expect("a store")
    );
    server
}

#[test]
fn actions_are_found() {
    let server = filled();
    for (q, expected) in [
        ("", vec![6, 5, 4, 3, 2, 1]),
        ("agent:billing*", vec![6, 4, 2]),
        ("agent:ops decision:block", vec![3]),
        ("-decision:block step:>1", vec![5, 4, 2]),
        ("resource:*table_4", vec![4]),
        ("\"TABLE_5\"", vec![5]),
        ("cost:>1 latency:40 outcome:succeeded", vec![2]),
        ("env:production has:rule decision:block", vec![6, 3]),
        ("tool:db.query type:database_write is:flagged", vec![6, 3]),
        ("since:1h run:R1", vec![6, 5, 4, 3, 2, 1]),
        ("until:1h", vec![]),
        ("approver:nobody", vec![]),
    ] {
        let found = search(&server, "actions", q, "");
        assert_eq!(steps(&found), expected, "{q}");
        assert_eq!(header(&found, "interlock-next"), None, "{q}");
    }
    let mut seen = Vec::new();
    let mut more = String::new();
    loop {
        let page = search(&server, "actions", "agent:*", &format!("&limit=2{more}"));
        seen.extend(steps(&page));
        let Some(next) = header(&page, "interlock-next") else {
            break;
        };
        more = format!("&before={next}");
    }
    assert_eq!(seen, [6, 5, 4, 3, 2, 1]);
    let both = search(&server, "actions", "decision:block", "&agent_id=Ops");
    assert_eq!(steps(&both), [3]);
    let exact = search(&server, "actions", "decision:block", "&agent_id=ops");
    assert_eq!(
        steps(&exact),
        [0_i64; 0],
        "`agent_id` is exact, `agent:` is not"
    );
}

#[test]
fn other_lists_are_searched_too() {
    let server = filled();
    let count = |list: &str, q: &str| {
        let found = search(&server, list, q, "");
        assert_eq!(found.status, 200, "{}", found.text);
        found.json().as_array().map(Vec::len)
    };
    assert_eq!(
        count("runs", "blocked:2 actions:6 agents:2 risk:>0"),
        Some(1)
    );
    assert_eq!(count("runs", "blocked:>2"), Some(0));
    assert_eq!(count("alerts", "is:open agent:billing-bot"), Some(1));
    assert_eq!(count("alerts", "is:acknowledged"), Some(0));
    assert_eq!(count("approvals", "risk:>0"), Some(0));
    let first = search(&server, "alerts", "is:open", "&limit=1");
    let next = header(&first, "interlock-next").expect("one more");
    let second = search(
        &server,
        "alerts",
        "is:open",
        &format!("&limit=1&before={next}"),
    );
    assert_ne!(first.json()[0]["id"], second.json()[0]["id"]);
}

#[test]
fn what_is_no_filter_is_refused_with_its_column() {
    let server = Server::start();
    for (list, q, message) in [
        (
            "actions",
            "riks:>7",
            "column 1: actions have no field `riks`; did you mean `risk`?",
        ),
        (
            "actions",
            "agent:x risk:high",
            "column 14: `high` is no number",
        ),
        (
            "runs",
            "tool:x",
            "column 1: runs have no field `tool`; quotes make it a text to look for",
        ),
        ("alerts", "level:", "column 7: `level:` has no value here"),
        ("approvals", "\"", "column 1: the quote is not closed"),
    ] {
        let refused = search(&server, list, q, "");
        assert_eq!(
            (refused.status, refused.field("code")),
            (400, "filter.invalid".to_owned())
        );
        assert_eq!(
            (refused.field("field"), refused.field("message")),
            ("q".to_owned(), message.to_owned())
        );
    }
    let long = search(&server, "actions", &"a".repeat(1_001), "");
    assert_eq!(long.status, 400, "{}", long.text);
    for path in [
        "alerts?before=x",
        "alerts?before=1",
        "approvals?after=:",
        "actions?before=-1",
    ] {
        assert_eq!(server.get(&format!("/api/{path}")).status, 400, "{path}");
    }
}

#[test]
fn two_runs_are_compared() {
    let server = Server::start();
    let run = |run: &str, steps: &[(&str, &str)]| {
        for (step, (resource, sql)) in (1..).zip(steps) {
            decide(
                &server,
                &json!({"agent_id": "bot", "action_type": "database_query", "resource": resource,
                    "run_id": run, "step": step, "arguments": {"sql": sql}}),
            );
        }
    };
    // The first steps of an agent have a risk of their own.
    run("before", &[("db://z", "SELECT 1 FROM z")]);
    run(
        "one",
        &[
            ("db://a", "SELECT 1 FROM a"),
            ("db://b", "SELECT 1 FROM b"),
            ("db://c", "SELECT 1 FROM c"),
        ],
    );
    run(
        "two/x",
        &[
            ("db://a", "SELECT 1 FROM a"),
            ("db://c", "SELECT 2 FROM c"),
            ("db://d", "SELECT 1 FROM d"),
        ],
    );
    assert!(
        server
            .runtime
            .projected(std::time::Duration::from_secs(20))
            .expect("a store")
    );
    let compare = |a: &str, b: &str| server.get(&format!("/api/runs/diff?a={a}&b={}", encoded(b)));
    let diff = compare("one", "two/x").json();
    assert_eq!(
        (&diff["total"], &diff["same"], &diff["exact"]),
        (&json!(4), &json!(1), &json!(true)),
        "{diff}"
    );
    let lines = diff["lines"].as_array().expect("lines");
    assert_eq!(lines.len(), 3, "{diff}");
    assert_eq!(
        (&lines[0]["a"]["resource"], &lines[0]["b"]),
        (&json!("db://b"), &Value::Null)
    );
    assert_eq!(
        (&lines[1]["differ"], &lines[1]["place"]),
        (&json!(["arguments"]), &json!(2))
    );
    assert_eq!(
        lines[1]["arguments"].as_array().map(Vec::len),
        Some(1),
        "{diff}"
    );
    assert_eq!(
        (&lines[2]["a"], &lines[2]["b"]["resource"]),
        (&Value::Null, &json!("db://d"))
    );
    assert_eq!(compare("one", "one").json()["lines"], json!([]));
    assert_eq!(compare("one", "none").status, 404);
    assert_eq!(server.get("/api/runs/diff?a=one").status, 400);
    let other = server.key("other", Role::Admin, None);
    assert_eq!(
        server
            .call("GET", "/api/runs/diff?a=one&b=one", &other, "")
            .status,
        404
    );
    let agent = server.key("default", Role::Agent, Some("bot"));
    assert_eq!(
        server
            .call("GET", "/api/runs/diff?a=one&b=one", &agent, "")
            .status,
        403
    );
}
