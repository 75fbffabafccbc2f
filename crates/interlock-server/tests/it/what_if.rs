//! A draft over what was decided, and a rule out of one decision.

use interlock_core::model::Role;
use serde_json::{Value, json};

use crate::client::{Answer, Server};

fn decide(server: &Server, action: &Value) -> Value {
    let answer = server.post("/api/check", &action.to_string());
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

fn action(agent: &str, run: &str, kind: &str, tool: &str, arguments: &Value) -> Value {
    json!({
        "agent_id": agent, "action_type": kind, "tool": tool, "run_id": run,
        "resource": arguments["path"].as_str().unwrap_or_default(), "arguments": arguments,
    })
}

fn what_if(server: &Server, body: &Value) -> Value {
    let answer = server.post("/api/what-if", &body.to_string());
    assert!([200, 202].contains(&answer.status), "{}", answer.text);
    let mut job = answer.json();
    let id = job["id"].as_str().unwrap().to_owned();
    for _ in 0..600 {
        if job["state"] != "running" {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
        job = server.get(&format!("/api/what-if/{id}")).json();
    }
    assert_eq!(job["state"], "done", "{job}");
    job
}

fn team(rules: &str) -> String {
    format!("interlock: 1\ndefault: allow\nrules:\n{rules}")
}

/// Ten reads, two payments, one delete that is blocked.
fn work(server: &Server) -> Vec<Value> {
    let mut made = Vec::new();
    for n in 0..10 {
        let path = format!("/srv/app/docs/{n}.md");
        let read = action(
            "reader",
            "run-a",
            "file_read",
            "read_file",
            &json!({"path": path}),
        );
        made.push(decide(server, &read));
    }
    for amount in [20, 30] {
        let pay = action(
            "payer",
            "run-b",
            "payment",
            "pay",
            &json!({"amount": amount, "currency": "EUR"}),
        );
        made.push(decide(server, &pay));
    }
    let delete = action(
        "dba",
        "run-c",
        "database_write",
        "sql.execute",
        &json!({"sql": "DELETE FROM orders"}),
    );
    made.push(decide(server, &delete));
    projected(server);
    made
}

/// Rows follow the record.
fn projected(server: &Server) {
    let within = std::time::Duration::from_secs(20);
    assert!(server.runtime.projected(within).expect("a store"));
}

#[test]
fn a_draft_is_held_against_what_was_decided() {
    let server = Server::start();
    let made = work(&server);
    let number = |job: &Value, key: &str| job["report"][key].as_u64().unwrap();

    // What is in force decides the same.
    let same = what_if(
        &server,
        &json!({"name": "team.yaml", "text": team("  []\n")}),
    );
    assert_eq!(number(&same, "actions"), 13);
    assert_eq!(
        (number(&same, "same"), number(&same, "not_evaluated")),
        (13, 0),
        "{same}"
    );

    // A rule by a fact, and one by an argument, of which the record holds nothing.
    let rules = "  - { id: ask, match: { tool: [read_file] }, effect: require_approval }\n  - { id: dear, match: { action: payment }, when: args.amount > 25, effect: block }\n";
    let found = what_if(&server, &json!({"name": "team.yaml", "text": team(rules)}));
    assert_eq!(number(&found, "stricter"), 10, "{found}");
    assert_eq!(number(&found, "not_evaluated"), 2);
    let flip = &found["report"]["flips"][0];
    assert_eq!(
        (
            flip["rule"].as_str(),
            flip["from"].as_str(),
            flip["to"].as_str(),
            flip["count"].as_u64()
        ),
        (
            Some("ask"),
            Some("allow"),
            Some("require_approval"),
            Some(10)
        )
    );
    assert_eq!(flip["samples"][0]["id"], made[0]["id"]);
    assert_eq!(flip["samples"].as_array().unwrap().len(), 5);
    let lacking = &found["report"]["unevaluated"][0];
    assert_eq!(
        (lacking["code"].as_str(), lacking["what"].as_str()),
        (Some("argument"), Some("args.amount"))
    );
    let people = &found["report"]["reviewers"];
    assert_eq!(
        (people["asks_more"].as_u64(), people["measured"].as_u64()),
        (Some(10), Some(0))
    );
    assert_eq!(people["minutes_more"].as_f64(), Some(10.0));

    // Ranges.
    for (key, value, actions) in [
        ("run", "run-b", 2),
        ("agent", "reader", 10),
        ("until", "2020-01-01T00:00:00Z", 0),
    ] {
        let part = what_if(
            &server,
            &json!({"name": "team.yaml", "text": team("  []\n"), key: value}),
        );
        assert_eq!(number(&part, "actions"), actions, "{key}");
    }

    // Published, the very draft decides its own record the same.
    let published = server.post(
        "/api/bundle",
        &json!({"name": "team.yaml", "text": team(rules)}).to_string(),
    );
    assert_eq!(published.status, 200, "{}", published.text);
    let pay = action(
        "payer",
        "run-d",
        "payment",
        "pay",
        &json!({"amount": 40, "currency": "EUR"}),
    );
    assert_eq!(decide(&server, &pay)["effect"], "block");
    let again = what_if(
        &server,
        &json!({"name": "team.yaml", "revision": null, "run": "run-d"}),
    );
    assert_eq!(
        (number(&again, "actions"), number(&again, "same")),
        (1, 1),
        "{again}"
    );
    // Without it, the block goes.
    let without = what_if(
        &server,
        &json!({"name": "team.yaml", "text": team("  []\n"), "run": "run-d"}),
    );
    assert_eq!(number(&without, "milder"), 1, "{without}");
    assert_eq!(without["report"]["flips"][0]["rule"], "dear");
    assert_eq!(without["report"]["blocked_runs"]["count"], 1);
}

#[test]
fn what_people_said_counts() {
    let server = Server::start();
    let rule = team("  - { id: ask, match: { tool: [pay] }, effect: require_approval }\n");
    let published = server.post(
        "/api/bundle",
        &json!({"name": "team.yaml", "text": rule}).to_string(),
    );
    assert_eq!(published.status, 200, "{}", published.text);
    let person = server.person(Role::Approver, "ana");
    for verdict in ["approve", "deny"] {
        let pay = action(
            "payer",
            verdict,
            "payment",
            "pay",
            &json!({"amount": 20, "currency": "EUR"}),
        );
        let made = decide(&server, &pay);
        assert_eq!(made["effect"], "require_approval");
        let approval = made["approval_id"].as_str().unwrap();
        let answered = server.call(
            "POST",
            &format!("/api/approvals/{approval}/decide"),
            &person,
            &json!({"decision": verdict, "reason": "because"}).to_string(),
        );
        assert_eq!(answered.status, 200, "{}", answered.text);
    }
    let blocked = what_if(
        &server,
        &json!({"name": "team.yaml", "text": team("  - { id: no, match: { tool: [pay] }, effect: block }\n")}),
    );
    assert_eq!(
        blocked["report"]["approved_blocked"]["count"], 1,
        "{blocked}"
    );
    assert_eq!(blocked["report"]["reviewers"]["measured"], 2);
    let open = what_if(
        &server,
        &json!({"name": "team.yaml", "text": team("  []\n")}),
    );
    assert_eq!(open["report"]["denied_runs"]["count"], 1, "{open}");
    assert_eq!(open["report"]["reviewers"]["asks_less"], 2);
}

#[test]
fn a_replay_is_its_tenants_own() {
    let server = Server::start();
    work(&server);
    let job = what_if(
        &server,
        &json!({"name": "team.yaml", "text": team("  []\n")}),
    );
    let path = format!("/api/what-if/{}", job["id"].as_str().unwrap());
    let other = server.key("other", Role::Admin, None);
    for method in ["GET", "DELETE"] {
        assert_eq!(
            server.call(method, &path, &other, "").status,
            404,
            "{method}"
        );
    }
    let viewer = server.key("default", Role::Approver, None);
    assert_eq!(server.call("GET", &path, &viewer, "").status, 200);
    assert_eq!(server.call("DELETE", &path, &viewer, "").status, 403);
    assert_eq!(
        server.call("POST", "/api/what-if", &viewer, "{}").status,
        403
    );
    // It has ended: cancelling changes nothing.
    let cancelled = server.call(
        "DELETE",
        &path,
        &server.key("default", Role::Admin, None),
        "",
    );
    assert_eq!(cancelled.json()["state"], "done");
    // The other tenant sees nothing of these actions.
    let theirs = server.call(
        "POST",
        "/api/what-if",
        &other,
        &json!({"name": "t.yaml", "text": team("  []\n")}).to_string(),
    );
    assert_eq!(theirs.json()["report"]["actions"], 0, "{}", theirs.text);
    for (body, status, field) in [
        (json!({"name": "", "text": ""}), 400, "name"),
        (
            json!({"name": "t.yaml", "text": "x", "revision": 1}),
            400,
            "revision",
        ),
        (
            json!({"name": "t.yaml", "text": "x", "since": "yesterday"}),
            400,
            "since",
        ),
        (
            json!({"name": "t.yaml", "text": "x", "wait_ms": 10_001}),
            400,
            "wait_ms",
        ),
        (
            json!({"name": "t.yaml", "text": "x", "run": ""}),
            400,
            "run",
        ),
        (json!({"name": "t.yaml"}), 404, ""),
        (json!({"name": "t.yaml", "text": "nonsense: 1"}), 422, ""),
    ] {
        let answer: Answer = server.post("/api/what-if", &body.to_string());
        assert_eq!(
            (answer.status, answer.field("field").as_str()),
            (status, field),
            "{body}: {}",
            answer.text
        );
    }
}

#[test]
fn a_frame_becomes_a_rule_with_its_test() {
    let server = Server::start();
    let made = work(&server);
    let actions = [
        (&made[0], "reader", "run-a"),
        (&made[10], "payer", "run-b"),
        (&made[12], "dba", "run-c"),
    ];
    for (made, agent, run) in actions {
        let id = made["id"].as_str().unwrap();
        for strength in ["exact", "target", "tool"] {
            let body = json!({"effect": "block", "strength": strength}).to_string();
            let answer = server.post(&format!("/api/actions/{id}/rule"), &body);
            assert_eq!(answer.status, 200, "{}", answer.text);
            let proposal = answer.json();
            let text = proposal["text"].as_str().unwrap();
            assert_eq!(proposal["draft"]["compiles"], true, "{proposal}");
            assert_eq!(proposal["tested"], true, "{agent} {strength}: {proposal}");
            assert!(
                proposal["draft"]["tests"][0]["passed"].as_bool().unwrap(),
                "{proposal}"
            );
            // The draft blocks the action that it is made of.
            let found = what_if(
                &server,
                &json!({"name": proposal["name"], "text": text, "run": run}),
            );
            let report = &found["report"];
            assert_eq!(report["not_evaluated"], 0, "{text}\n{report}");
            if made["effect"] != "block" {
                let by = report["flips"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .find(|f| f["rule"] == proposal["rule"]);
                let by = by.unwrap_or_else(|| panic!("{text}\n{report}"));
                // The exact rule covers one of them, the others more.
                let covered = by["count"].as_u64().unwrap();
                let all = if agent == "reader" { 10 } else { 2 };
                assert_eq!(
                    covered,
                    if strength == "exact" { 1 } else { all },
                    "{strength}\n{text}"
                );
            }
        }
    }
    let first = made[0]["id"].as_str().unwrap();
    let ask = |key: &str, id: &str, body: &str| {
        server
            .call("POST", &format!("/api/actions/{id}/rule"), key, body)
            .status
    };
    let good = r#"{"effect":"block"}"#;
    assert_eq!(
        ask(&server.key("other", Role::Admin, None), first, good),
        404
    );
    assert_eq!(
        ask(&server.key("default", Role::Approver, None), first, good),
        403
    );
    let admin = server.key("default", Role::Admin, None);
    assert_eq!(ask(&admin, first, r#"{"effect":"redact"}"#), 400);
    assert_eq!(
        ask(&admin, first, r#"{"effect":"block","strength":"all"}"#),
        400
    );
    assert_eq!(
        ask(&admin, "0198c0de-0000-7000-8000-000000000001", good),
        404
    );
}

/// What an agent writes gets into no rule, whatever it writes.
#[test]
fn an_agents_text_is_no_policy() {
    let server = Server::start();
    for (tool, path) in [
        (
            "x], effect: allow, match: { tool: [\"*\"",
            "/srv/a\"]\n  - id: evil\n    effect: allow",
        ),
        ("*", "/srv/*"),
        ("read\u{202e}elif", "/srv/[a-z]*"),
    ] {
        let read = action(
            "evil\"}",
            "run-x",
            "file_read",
            tool,
            &json!({"path": path}),
        );
        let answer = server.post("/api/check", &read.to_string());
        if answer.status != 200 {
            continue;
        }
        let id = answer.field("id");
        projected(&server);
        let answer = server.post(
            &format!("/api/actions/{id}/rule"),
            r#"{"effect":"block","strength":"target"}"#,
        );
        if answer.status == 409 {
            continue;
        }
        let proposal = answer.json();
        assert_eq!(answer.status, 200, "{}", answer.text);
        let text = proposal["text"].as_str().unwrap();
        assert_eq!(proposal["draft"]["compiles"], true, "{text}");
        let rules = text.split("tests:").next().unwrap();
        assert_eq!(text.matches("\n  - id: ").count(), 1, "{text}");
        for hostile in ["evil", "\u{202e}", "tool: [\"*\"]", "[a-z]"] {
            assert!(!rules.contains(hostile), "{hostile} in {rules}");
        }
    }
}

/// `custom` selects every type that is not listed, so that a rule cannot mean the one action of that name.
#[test]
fn an_allow_is_not_made_of_the_type_that_stands_for_all() {
    let server = Server::start();
    let ask = |kind: &str, effect: &str, strength: &str| {
        let made = decide(
            &server,
            &action("bot", "run-c", kind, "deploy", &json!({"path": "/srv/a"})),
        );
        projected(&server);
        server.post(
            &format!("/api/actions/{}/rule", made["id"].as_str().unwrap()),
            &json!({"effect": effect, "strength": strength}).to_string(),
        )
    };
    for strength in ["exact", "target", "tool"] {
        let refused = ask("custom", "allow", strength);
        assert_eq!(refused.status, 409, "{}", refused.text);
        assert!(
            refused.text.contains("every type that is not listed"),
            "{}",
            refused.text
        );
        // A type that has a name of its own is selected by it.
        let named = ask("release.cut", "allow", strength);
        assert_eq!(named.status, 200, "{}", named.text);
        assert!(
            named.field("text").contains("action: [\"release.cut\"]"),
            "{}",
            named.text
        );
    }
    // What holds back may cover more, and says so.
    let block = ask("custom", "block", "tool");
    assert_eq!(block.status, 200, "{}", block.text);
    assert!(
        block.json()["notes"]
            .to_string()
            .contains("every type that is not listed")
    );
}
