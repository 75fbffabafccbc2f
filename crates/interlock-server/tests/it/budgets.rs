//! Budgets over the API: keys and tenants apart, what is refused, what is shown.

use interlock_core::model::Role;
use serde_json::{Value, json};

use crate::client::Server;

fn open(server: &Server) {
    for tenant in ["default", "other"] {
        let body = json!({"name": "open", "text": "interlock: 1\nname: open\ndefault: allow\nrules: []\n"});
        let key = server.key(tenant, Role::Admin, None);
        let answer = server.call("POST", "/api/bundle", &key, &body.to_string());
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
}

fn check(server: &Server, key: &str, agent: &str, cost: &str) -> Value {
    let body =
        json!({"agent_id": agent, "action_type": "llm_call", "tool": "model", "cost_usd": cost});
    let answer = server.call("POST", "/api/check", key, &body.to_string());
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

#[test]
fn keys_and_tenants_have_purses_of_their_own() {
    let server = Server::start();
    open(&server);
    let put = |key: &str, id: &str, body: &Value| {
        let answer = server.call("PUT", &format!("/api/budgets/{id}"), key, &body.to_string());
        (answer.status, answer.json())
    };
    let set = put(
        &server.admin,
        "each",
        &json!({"scope": "key", "limit_usd": "2", "notify": ["ops"]}),
    );
    assert_eq!(set.0, 200, "{set:?}");
    assert_eq!(set.1["thresholds"], json!([50, 80, 100]));
    let (one, two) = (
        server.key("default", Role::Agent, None),
        server.key("default", Role::Agent, None),
    );
    let foreign = server.key("other", Role::Agent, None);
    assert_eq!(check(&server, &one, "a", "1.5")["effect"], "allow");
    let refused = check(&server, &one, "b", "0.6");
    assert_eq!(refused["effect"], "block");
    let said = refused["reasons"].to_string();
    assert!(
        said.contains("budget.exceeded") && said.contains("2.1 of 2 USD"),
        "{said}"
    );
    assert_eq!(check(&server, &two, "b", "2")["effect"], "allow");
    // Of another tenant neither the budget nor its use is seen, and its actions draw on nothing here.
    assert_eq!(check(&server, &foreign, "a", "100")["effect"], "allow");
    let admin = server.key("other", Role::Admin, None);
    assert_eq!(
        server.call("GET", "/api/budgets", &admin, "").json(),
        json!([])
    );
    assert_eq!(
        server
            .call("DELETE", "/api/budgets/each", &admin, "")
            .status,
        404
    );
    let theirs = put(
        &admin,
        "each",
        &json!({"scope": "tenant", "limit_calls": 1}),
    );
    assert_eq!(theirs.1["purses"], json!([]));
    let shown = server.get("/api/budgets").json();
    let purses = shown[0]["purses"].as_array().expect("purses");
    assert_eq!(purses.len(), 2);
    assert_eq!(purses[0]["percent"], 100);
    assert_eq!(purses[0]["reserved"], json!({"usd": "2", "calls": 1}));
    assert_eq!(purses[1]["top"][0]["agent_id"], "a");
    // An outcome settles.
    let id = check(&server, &foreign, "a", "3");
    assert_eq!(id["effect"], "allow");
    let path = format!("/api/actions/{}/outcome", id["id"].as_str().expect("an id"));
    let done = json!({"status": "succeeded", "cost_usd": "1"}).to_string();
    assert!(server.call("POST", &path, &foreign, &done).status < 300);
    let shown = server.call("GET", "/api/budgets", &admin, "").json();
    assert_eq!(
        shown[0]["purses"][0]["settled"],
        json!({"usd": "1", "calls": 1})
    );
    // New terms keep what was used.
    let (_, terms) = put(
        &admin,
        "each",
        &json!({"scope": "tenant", "limit_calls": 2}),
    );
    assert_eq!(terms["purses"][0]["percent"], 50);
    let gone = server.call("DELETE", "/api/budgets/each", &admin, "");
    assert_eq!(
        (gone.status, gone.json()["limit_calls"].as_i64()),
        (200, Some(2))
    );
}

#[test]
fn what_is_wrong_is_named() {
    let server = Server::start();
    let good = json!({"scope": "agent", "limit_usd": "5"});
    let with = |change: Value| {
        let mut body = good.clone();
        for (name, value) in change.as_object().expect("an object") {
            body[name] = value.clone();
        }
        body
    };
    for (id, body, field) in [
        ("a%20b", good.clone(), "id"),
        (&*"a".repeat(65), good.clone(), "id"),
        ("a", with(json!({"scope": "all"})), "scope"),
        ("a", with(json!({"limit_usd": "5,0"})), "limit_usd"),
        ("a", with(json!({"limit_usd": null})), "limit_usd"),
        ("a", with(json!({"limit_calls": -1})), "limit_calls"),
        ("a", with(json!({"period": "week"})), "period"),
        ("a", with(json!({"thresholds": [80, 50]})), "thresholds"),
        (
            "a",
            with(json!({"at_limit": "throttle"})),
            "calls_per_minute",
        ),
        (
            "a",
            with(json!({"calls_per_minute": 3})),
            "calls_per_minute",
        ),
        ("a", with(json!({"at_limit": "slow"})), "at_limit"),
        ("a", with(json!({"scope": "tenant", "of": "x"})), "of"),
        ("a", with(json!({"of": "a\u{0}"})), "of"),
        (
            "a",
            with(json!({"notify": ["a", "b", "c", "d", "e"]})),
            "notify",
        ),
        ("a", with(json!({"limit": 1})), "limit"),
    ] {
        let answer = server.call(
            "PUT",
            &format!("/api/budgets/{id}"),
            &server.admin,
            &body.to_string(),
        );
        assert_eq!(answer.status, 400, "{id} {body}: {}", answer.text);
        assert!(answer.text.contains(field), "{id} {body}: {}", answer.text);
    }
    assert_eq!(server.get("/api/budgets").json(), json!([]));
}
