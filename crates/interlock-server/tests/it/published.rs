//! What published clients rely on: letter case, the alias, two shapes of policies; and metrics.

use crate::client::Server;

const READ: &str = r#"{"agent_id":"bot","action_type":"file_read","resource":"/srv/app/a.txt"}"#;
const SECRET: &str = r#"{"agent_id":"bot","action_type":"file_read","resource":"/srv/app/.env"}"#;
const PAY: &str =
    r#"{"agent_id":"bot","action_type":"payment","arguments":{"amount":5000,"currency":"EUR"}}"#;

#[test]
fn the_decision_has_the_letter_case_of_the_client() {
    let server = Server::start();
    // User agent, answers to an allowed, a held and a blocked action.
    for (agent, words) in [
        (Some("curl/8.5.0"), ["allow", "pause", "block"]),
        (Some("node"), ["allow", "pause", "block"]),
        (Some("python-requests/2.32"), ["allow", "pause", "block"]),
        (Some("Python-urllib/3.12"), ["ALLOW", "BLOCK", "BLOCK"]),
        (Some("Go-http-client/1.1"), ["ALLOW", "BLOCK", "BLOCK"]),
        (None, ["ALLOW", "BLOCK", "BLOCK"]),
    ] {
        for (body, word, effect) in [
            (READ, words[0], "allow"),
            (PAY, words[1], "require_approval"),
            (SECRET, words[2], "block"),
        ] {
            let mut headers = vec![("x-api-key", server.admin.as_str())];
            headers.extend(agent.map(|a| ("user-agent", a)));
            let answer = server.send("POST", "/api/check", &headers, body.as_bytes());
            assert_eq!(
                (
                    answer.status,
                    answer.field("decision").as_str(),
                    answer.field("effect").as_str()
                ),
                (200, word, effect),
                "{agent:?}: {}",
                answer.text
            );
        }
    }
}

#[test]
fn everything_is_served_below_the_alias() {
    let server = Server::start();
    for (method, path, body) in [
        ("GET", "/healthz", ""),
        ("GET", "/api/agents", ""),
        ("GET", "/api/policies", ""),
        ("GET", "/api/alerts", ""),
        ("POST", "/api/check", READ),
        ("POST", "/api/actions", READ),
        (
            "PATCH",
            "/api/agents/bot/profile",
            r#"{"max_actions_per_minute":20}"#,
        ),
    ] {
        let plain = server.call(method, path, &server.admin, body);
        let alias = server.call(method, &format!("/vaultak.com{path}"), &server.admin, body);
        assert_eq!(
            (plain.status, alias.status),
            (200, 200),
            "{path}: {}",
            alias.text
        );
    }
    assert_eq!(
        server.get("/vaultak.com/api/nothing").field("code"),
        "no-such-path"
    );
}

#[test]
fn an_agent_shows_its_budget() {
    let server = Server::start();
    let profile = |body: &str| {
        let answer = server.call("PATCH", "/api/agents/bot/profile", &server.admin, body);
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()["budget_usd"].clone()
    };
    assert!(profile(r#"{"max_actions_per_minute":20}"#).is_null());
    assert_eq!(
        profile(r#"{"budget_usd":{"day":"2.50","month":30}}"#),
        serde_json::json!({"day": "2.5", "month": "30", "spent_day": "0", "spent_month": "0"})
    );
    let check = |cost: &str| {
        let body = format!(
            r#"{{"agent_id":"bot","action_type":"llm_call","tool":"model","cost_usd":"{cost}"}}"#
        );
        server.post("/api/check", &body).json()
    };
    assert_eq!(check("2.000000001")["effect"], "allow");
    let blocked = check("0.5");
    assert_eq!(blocked["effect"], "block");
    assert!(blocked.to_string().contains("budget.exceeded"), "{blocked}");
    // A patch of something else leaves it, and the list shows what was spent.
    profile(r#"{"max_actions_per_minute":30}"#);
    let listed = server.get("/api/agents").json();
    assert_eq!(
        listed[0]["budget_usd"],
        serde_json::json!({"day": "2.5", "month": "30", "spent_day": "2.000000001", "spent_month": "2.000000001"})
    );
    assert!(profile(r#"{"budget_usd":null}"#).is_null());
}

#[test]
fn policies_have_two_shapes() {
    let server = Server::start();
    let made = server.post(
        "/api/policies",
        r#"{"name":"Block prod deletes","action_type":"file_delete","resource_pattern":"prod.*","effect":"block","max_risk_score":0.5,"priority":10}"#,
    );
    assert_eq!(made.status, 201, "{}", made.text);
    let listed = server.get("/api/policies").json();
    assert_eq!(listed[0]["name"], "Block prod deletes");
    assert_eq!(listed[0]["max_risk_score"], 0.5);
    let bearer = format!("Bearer {}", server.admin);
    let wrapped = server
        .send("GET", "/api/policies", &[("authorization", &bearer)], b"")
        .json();
    assert_eq!(
        wrapped["policies"][0],
        serde_json::json!({"name": "Block prod deletes", "action": "file_delete", "resource": "prod.*",
            "effect": "deny", "priority": -10, "description": "Block prod deletes"})
    );
    let described = server.send(
        "POST",
        "/api/check",
        &[("authorization", &bearer)],
        br#"{"description":"deletes all customers in the prod database","capabilities":["delete"]}"#,
    );
    assert_eq!(described.status, 200, "{}", described.text);
    assert!(
        described.json()["composite_score"]
            .as_i64()
            .is_some_and(|s| s > 20),
        "{}",
        described.text
    );
}

#[test]
fn metrics_count_what_was_decided() {
    let server = Server::start();
    let count = |effect: &str| -> u64 {
        let text = server.get("/metrics").text;
        let name = format!("interlock_decisions_total{{effect=\"{effect}\"}} ");
        let line = text
            .lines()
            .find_map(|l| l.strip_prefix(&name))
            .expect("the counter is there");
        line.parse().expect("a number")
    };
    assert_eq!((count("allow"), count("block")), (0, 0));
    for _ in 0..3 {
        server.post("/api/check", READ);
    }
    server.post("/api/check", SECRET);
    assert_eq!((count("allow"), count("block")), (3, 1));
    let answer = server.get("/metrics");
    assert!(
        answer.head.contains("content-type: text/plain"),
        "{}",
        answer.head
    );
    for name in [
        "interlock_decide_microseconds_count 4",
        "interlock_decide_microseconds_bucket{le=\"+Inf\"} 4",
        "interlock_uptime_seconds ",
    ] {
        assert!(
            answer.text.contains(name),
            "{name} is not in\n{}",
            answer.text
        );
    }
    assert!(!answer.text.contains("bot"), "metrics name no agent");
}
