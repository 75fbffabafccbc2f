//! Malformed requests: a 4xx with a stable code that names the field, never a 5xx.

use crate::client::Server;

fn nested(depth: usize) -> String {
    format!(
        r#"{{"agent_id":"bot","action_type":"llm_call","payload":{}1{}}}"#,
        "[".repeat(depth),
        "]".repeat(depth)
    )
}

fn with(field: &str, value: &str) -> Vec<u8> {
    format!(r#"{{"agent_id":"bot","action_type":"llm_call","{field}":{value}}}"#).into_bytes()
}

#[test]
fn a_malformed_action_is_refused_by_name() {
    let server = Server::start();
    let long = |n: usize| format!("\"{}\"", "x".repeat(n));
    let check = "/api/check";
    let cases: Vec<(&str, Vec<u8>, u16, &str)> = vec![
        ("nothing", Vec::new(), 400, "json.syntax"),
        (
            "not JSON",
            b"DELETE FROM customers".to_vec(),
            400,
            "json.syntax",
        ),
        (
            "cut off",
            br#"{"agent_id":"bot","action_type""#.to_vec(),
            400,
            "json.syntax",
        ),
        (
            "text after the end",
            br#"{"agent_id":"bot","action_type":"llm_call"} {}"#.to_vec(),
            400,
            "json.syntax",
        ),
        ("an array", b"[]".to_vec(), 400, "action.not-an-object"),
        ("no fields", b"{}".to_vec(), 400, "action.field-missing"),
        (
            "no action type",
            br#"{"agent_id":"bot"}"#.to_vec(),
            400,
            "action.field-missing",
        ),
        (
            "no agent",
            br#"{"action_type":"llm_call"}"#.to_vec(),
            400,
            "action.field-missing",
        ),
        (
            "an empty agent",
            br#"{"agent_id":"","action_type":"llm_call"}"#.to_vec(),
            400,
            "action.field-missing",
        ),
        (
            "an agent that is a number",
            br#"{"agent_id":7,"action_type":"llm_call"}"#.to_vec(),
            400,
            "action.wrong-type",
        ),
        (
            "an action type with a space",
            br#"{"agent_id":"bot","action_type":"rm -rf /"}"#.to_vec(),
            400,
            "action.type-malformed",
        ),
        (
            "an action type of 65 bytes",
            format!(r#"{{"agent_id":"bot","action_type":"{}"}}"#, "a".repeat(65)).into_bytes(),
            400,
            "action.field-too-long",
        ),
        (
            "not UTF-8",
            b"{\"agent_id\":\"\xff\xfe\",\"action_type\":\"llm_call\"}".to_vec(),
            400,
            "json.not-utf8",
        ),
        (
            "half a surrogate",
            with("tool", r#""\ud800""#),
            400,
            "json.syntax",
        ),
        ("NaN", with("cost_usd", "NaN"), 400, "json.syntax"),
        (
            "infinity",
            with("cost_usd", "-Infinity"),
            400,
            "json.syntax",
        ),
        (
            "a huge cost",
            with("cost_usd", "1e400"),
            400,
            "action.out-of-range",
        ),
        (
            "a negative cost",
            with("cost_usd", "\"-1\""),
            400,
            "action.out-of-range",
        ),
        (
            "a negative step",
            with("step", "-1"),
            400,
            "action.out-of-range",
        ),
        (
            "a huge step",
            with("step", "99999999999999999999999"),
            400,
            "action.wrong-type",
        ),
        (
            "a step with a fraction",
            with("step", "1.5"),
            400,
            "action.wrong-type",
        ),
        (
            "a duplicate key",
            br#"{"agent_id":"bot","agent_id":"root","action_type":"llm_call"}"#.to_vec(),
            400,
            "json.duplicate-key",
        ),
        (
            "a duplicate key, escaped",
            br#"{"agent_id":"bot","\u0061gent_id":"root","action_type":"llm_call"}"#.to_vec(),
            400,
            "json.duplicate-key",
        ),
        (
            "a duplicate key, deep",
            with("arguments", r#"{"a":{"b":1,"b":2}}"#),
            400,
            "json.duplicate-key",
        ),
        ("65 levels", nested(65).into_bytes(), 400, "json.limit"),
        (
            "100,000 levels",
            nested(100_000).into_bytes(),
            400,
            "json.limit",
        ),
        (
            "a long resource",
            with("resource", &long(4_097)),
            400,
            "action.field-too-long",
        ),
        (
            "a long tool",
            with("tool", &long(257)),
            400,
            "action.field-too-long",
        ),
        (
            "a long string",
            with("payload", &long(128 * 1024 + 1)),
            400,
            "json.limit",
        ),
        (
            "an unknown capability",
            with("capabilities", r#"["fly"]"#),
            400,
            "action.unknown-capability",
        ),
        (
            "a timestamp that is none",
            with("timestamp", "\"yesterday\""),
            400,
            "action.timestamp-malformed",
        ),
        (
            "over 256 KiB",
            with(
                "payload",
                &format!("[{},{},{}]", long(100_000), long(100_000), long(100_000)),
            ),
            413,
            "action.too-large",
        ),
        ("over 1 MiB", vec![b' '; 1_100_000], 413, "body.too-large"),
        (
            "an approval that is none",
            with("approval_id", "\"x\""),
            404,
            "not-found",
        ),
    ];
    let mut wrong = Vec::new();
    for path in [check, "/api/actions"] {
        for (name, body, status, code) in &cases {
            if path == "/api/actions" && name.starts_with("an approval") {
                continue;
            }
            let answer = server.send("POST", path, &[("x-api-key", &server.admin)], body);
            let got = (answer.status, answer.field("code"));
            if (got.0, got.1.as_str()) != (*status, *code) {
                wrong.push(format!("{path}: {name}: {got:?}, not {status} {code}"));
            }
            assert!(
                !answer.field("message").is_empty(),
                "{name}: {}",
                answer.text
            );
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // What is at the limit is taken.
    for (name, body) in [
        ("62 levels", nested(62).into_bytes()),
        ("a long resource", with("resource", &long(4_096))),
        (
            "an unlisted type",
            br#"{"agent_id":"bot","action_type":"teleport.now"}"#.to_vec(),
        ),
        (
            "a huge number in an argument",
            with(
                "arguments",
                r#"{"n":1e400,"m":123456789012345678901234567890}"#,
            ),
        ),
    ] {
        let answer = server.send("POST", check, &[("x-api-key", &server.admin)], &body);
        assert_eq!(answer.status, 200, "{name}: {}", answer.text);
    }
}

#[test]
fn malformed_changes_are_refused_by_name() {
    let server = Server::start();
    let cases = [
        (
            "PATCH",
            "/api/agents/bot/profile",
            r#"{"max_risk_score":1.5}"#,
            400,
            "field.invalid",
        ),
        (
            "PATCH",
            "/api/agents/bot/profile",
            r#"{"max_risk_score":"high"}"#,
            400,
            "body.invalid",
        ),
        (
            "PATCH",
            "/api/agents/bot/profile",
            r#"{"max_actions_per_minute":-1}"#,
            400,
            "body.invalid",
        ),
        (
            "PATCH",
            "/api/agents/bot/profile",
            r#"{"budget_usd":{"day":"-5"}}"#,
            400,
            "field.invalid",
        ),
        (
            "PATCH",
            "/api/agents/bot/profile",
            r#"{"budget_usd":{"day":1e300}}"#,
            400,
            "field.invalid",
        ),
        (
            "PATCH",
            "/api/agents/bot/profile",
            r#"{"budget_usd":{"daily":5}}"#,
            400,
            "body.invalid",
        ),
        (
            "PATCH",
            "/api/agents/bot",
            r#"{"paused":"yes"}"#,
            400,
            "body.invalid",
        ),
        (
            "PATCH",
            "/api/agents/bot",
            r#"{"asleep":true}"#,
            400,
            "field.unknown",
        ),
        (
            "PATCH",
            "/api/agents/nobody",
            r#"{"paused":true}"#,
            404,
            "not-found",
        ),
        (
            "PATCH",
            "/api/agents/nobody",
            r#"{"kill_switch_mode":"explode"}"#,
            400,
            "field.invalid",
        ),
        (
            "POST",
            "/api/agents",
            r#"{"name":""}"#,
            400,
            "field.invalid",
        ),
        (
            "POST",
            "/api/policies",
            r#"{"name":"x","effect":"maybe"}"#,
            400,
            "field.invalid",
        ),
        (
            "POST",
            "/api/policies",
            r#"{"name":"x","max_risk_score":2}"#,
            400,
            "field.invalid",
        ),
        (
            "POST",
            "/api/policies",
            r#"{"name":"x","time_start":25}"#,
            400,
            "field.invalid",
        ),
        (
            "POST",
            "/api/policies",
            r#"{"name":"x","days_allowed":["someday"]}"#,
            400,
            "field.invalid",
        ),
        (
            "POST",
            "/api/policies",
            r#"{"name":"x","priority":99999999}"#,
            400,
            "field.invalid",
        ),
        (
            "POST",
            "/api/bundle",
            r#"{"name":"t.yaml","text":"interlock: 1\nrules: ["}"#,
            422,
            "policy.invalid",
        ),
        (
            "POST",
            "/api/bundle",
            r#"{"name":"t.yaml","text":"interlock: 1\ndefault: allow\n","expected_revision":77}"#,
            409,
            "conflict",
        ),
        (
            "POST",
            "/api/keys",
            r#"{"role":"god"}"#,
            400,
            "field.invalid",
        ),
        (
            "POST",
            "/api/keys",
            r#"{"role":"agent"}"#,
            400,
            "field.missing",
        ),
        (
            "POST",
            "/api/keys",
            r#"{"role":"admin","expires_days":0}"#,
            400,
            "field.invalid",
        ),
        ("GET", "/api/actions?limit=0", "", 400, "field.invalid"),
        (
            "GET",
            "/api/actions?limit=99999999999999999999",
            "",
            400,
            "field.invalid",
        ),
        (
            "GET",
            "/api/alerts?acknowledged=perhaps",
            "",
            400,
            "field.invalid",
        ),
        (
            "PATCH",
            "/api/alerts/none/acknowledge",
            "",
            404,
            "not-found",
        ),
        (
            "POST",
            "/api/approvals/none/decide",
            r#"{"decision":"approve"}"#,
            404,
            "not-found",
        ),
        (
            "POST",
            "/api/approvals/none/decide",
            r#"{"decision":"shrug"}"#,
            400,
            "field.invalid",
        ),
        (
            "GET",
            "/api/approvals/none/wait?hold=51",
            "",
            400,
            "field.invalid",
        ),
        (
            "POST",
            "/api/actions/none/outcome",
            r#"{"status":"succeeded"}"#,
            404,
            "not-found",
        ),
        (
            "POST",
            "/api/actions/0198ffff-0000-7000-8000-000000000000/outcome",
            r#"{"status":"unknown"}"#,
            400,
            "field.invalid",
        ),
        (
            "POST",
            "/api/actions/0198ffff-0000-7000-8000-000000000000/outcome",
            r#"{"status":"failed","cost_usd":"much"}"#,
            400,
            "field.invalid",
        ),
        ("DELETE", "/api/policies/none", "", 404, "not-found"),
        ("DELETE", "/api/keys/none", "", 404, "not-found"),
        ("GET", "/api/nothing", "", 404, "no-such-path"),
        ("DELETE", "/api/check", "", 405, "no-such-method"),
    ];
    for (method, path, body, status, code) in cases {
        let answer = server.call(method, path, &server.admin, body);
        assert_eq!(
            (answer.status, answer.field("code").as_str()),
            (status, code),
            "{method} {path} {body}: {}",
            answer.text
        );
    }
}
