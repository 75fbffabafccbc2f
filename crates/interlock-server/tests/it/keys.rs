//! Who may do what.

use interlock_core::model::Role;

use crate::client::Server;

const READ: &str = r#"{"agent_id":"bot","action_type":"file_read","resource":"/srv/app/a.txt"}"#;

#[test]
fn only_a_valid_key_gets_in() {
    let server = Server::with(interlock_server::Limits {
        wrong_keys_burst: 1_000,
        ..interlock_server::Limits::default()
    });
    let revoked = server.key("default", Role::Admin, None);
    let id = server.runtime.store().keys("default").expect("keys");
    let id = id
        .iter()
        .map(|k| k.id.clone())
        .find(|id| revoked.contains(id.as_str()))
        .expect("its id");
    assert_eq!(server.call("GET", "/api/stats", &revoked, "").status, 200);
    assert_eq!(
        server
            .call("DELETE", &format!("/api/keys/{id}"), &server.admin, "")
            .status,
        200
    );
    let expired = server.key_until("default", Role::Admin, None, -1);
    let mut wrong = server.admin.clone();
    let last = wrong.pop().expect("a character");
    wrong.push(if last == 'a' { 'b' } else { 'a' });
    let long = "k".repeat(9_000);
    for (name, key) in [
        ("revoked", revoked.as_str()),
        ("expired", expired.as_str()),
        ("wrong", wrong.as_str()),
        ("empty", ""),
        ("nonsense", "nonsense"),
        ("long", long.as_str()),
    ] {
        for (header, value) in [
            ("x-api-key", key.to_owned()),
            ("authorization", format!("Bearer {key}")),
        ] {
            let answer = server.send("GET", "/api/stats", &[(header, &value)], b"");
            assert_eq!(
                (answer.status, answer.field("code").as_str()),
                (401, "key.invalid"),
                "{name} in {header}"
            );
            assert!(
                !answer.text.contains(&id),
                "{name} tells too much: {}",
                answer.text
            );
        }
    }
    for headers in [
        &[][..],
        &[("authorization", "Basic YTpi")][..],
        &[("x-api-key", "\u{e9}")][..],
    ] {
        let answer = server.send("POST", "/api/check", headers, READ.as_bytes());
        assert_eq!(
            (answer.status, answer.field("code").as_str()),
            (401, "key.invalid"),
            "{headers:?}"
        );
    }
    let bearer = format!("Bearer {}", server.admin);
    assert_eq!(
        server
            .send("GET", "/api/stats", &[("authorization", &bearer)], b"")
            .status,
        200
    );
}

#[test]
fn a_key_of_one_agent_speaks_for_no_other() {
    let server = Server::start();
    let key = server.key("default", Role::Agent, Some("bot"));
    assert_eq!(server.call("POST", "/api/check", &key, READ).status, 200);
    for path in ["/api/check", "/api/actions"] {
        let answer = server.call("POST", path, &key, &READ.replace("\"bot\"", "\"other\""));
        assert_eq!(
            (answer.status, answer.field("code").as_str()),
            (403, "identity.mismatch"),
            "{path}"
        );
    }
    // Nor does it see or settle what another did.
    let others = server.post("/api/check", &READ.replace("\"bot\"", "\"other\""));
    let path = format!("/api/actions/{}/outcome", others.field("id"));
    assert_eq!(
        server
            .call("POST", &path, &key, r#"{"status":"succeeded"}"#)
            .status,
        404
    );
    assert_eq!(server.post(&path, r#"{"status":"succeeded"}"#).status, 200);
}

#[test]
fn another_tenant_sees_nothing() {
    let server = Server::start();
    let other = server.key("other", Role::Admin, None);
    let own = server.post("/api/check", READ);
    let asked = server.post(
        "/api/check",
        r#"{"agent_id":"bot","action_type":"payment","arguments":{"amount":5000,"currency":"EUR"}}"#,
    );
    let approval = asked.field("approval_id");
    assert!(!approval.is_empty(), "{}", asked.text);
    let policy = server
        .post(
            "/api/policies",
            r#"{"name":"p","action_type":"payment","effect":"block"}"#,
        )
        .field("id");
    server.post("/api/agents", r#"{"name":"bot"}"#);
    let key_id = server
        .post("/api/keys", r#"{"role":"auditor"}"#)
        .field("id");
    for (method, path, body) in [
        (
            "POST",
            format!("/api/actions/{}/outcome", own.field("id")),
            r#"{"status":"succeeded"}"#,
        ),
        (
            "POST",
            format!("/api/approvals/{approval}/decide"),
            r#"{"decision":"approve"}"#,
        ),
        ("GET", format!("/api/approvals/{approval}/wait?hold=0"), ""),
        ("PATCH", "/api/agents/bot".to_owned(), r#"{"paused":true}"#),
        (
            "PATCH",
            format!("/api/policies/{policy}"),
            r#"{"enabled":false}"#,
        ),
        ("DELETE", format!("/api/policies/{policy}"), ""),
        ("DELETE", format!("/api/keys/{key_id}"), ""),
    ] {
        let answer = server.call(method, &path, &other, body);
        assert_eq!(
            (answer.status, answer.field("code").as_str()),
            (404, "not-found"),
            "{method} {path}: {}",
            answer.text
        );
    }
    for path in [
        "/api/actions",
        "/api/agents",
        "/api/policies",
        "/api/approvals",
        "/api/alerts",
    ] {
        assert_eq!(
            server.call("GET", path, &other, "").json(),
            serde_json::json!([]),
            "{path}"
        );
    }
    // A grant of one tenant is unknown in another.
    let answer = server.call("POST", "/api/check", &other, &format!(r#"{{"agent_id":"bot","action_type":"payment","arguments":{{"amount":5000,"currency":"EUR"}},"approval_id":"{approval}"}}"#));
    assert_eq!(answer.status, 404, "{}", answer.text);
}

/// Role by operation: `+` is let in (any status but 401 and 403), `-` is refused with 403.
const MATRIX: &str = "
                                          agent approver policy_author auditor admin
POST   /api/check                           +      -          -          -      +
POST   /api/actions                         +      -          -          -      +
POST   /api/actions/x/outcome               +      -          -          -      +
GET    /api/actions                         -      +          +          +      +
GET    /api/agents                          -      +          +          +      +
POST   /api/agents                          -      -          -          -      +
PATCH  /api/agents/x                        -      -          -          -      +
PATCH  /api/agents/x/profile                -      -          -          -      +
POST   /api/agents/x/rollback               -      -          -          -      +
GET    /api/rollbacks                       -      +          +          +      +
GET    /api/rollbacks/x                     -      +          +          +      +
DELETE /api/rollbacks/x                     -      -          -          -      +
POST   /api/rollbacks/x/claim               +      -          -          -      +
POST   /api/rollbacks/x/result              +      -          -          -      +
GET    /api/alerts                          -      +          +          +      +
PATCH  /api/alerts/x/acknowledge            -      +          -          -      +
GET    /api/policies                        -      +          +          +      +
POST   /api/policies                        -      -          +          -      +
PATCH  /api/policies/x                      -      -          +          -      +
DELETE /api/policies/x                      -      -          +          -      +
GET    /api/bundle                          +      +          +          +      +
GET    /api/bundle/history                  -      +          +          +      +
POST   /api/bundle                          -      -          +          -      +
GET    /api/stats                           -      +          +          +      +
GET    /api/approvals                       -      +          +          +      +
POST   /api/approvals/x/decide              -      +          -          -      +
GET    /api/approvals/x/wait?hold=0         +      +          +          +      +
GET    /api/audit/entries                   -      -          -          +      +
GET    /api/audit/checkpoint                -      -          -          +      +
GET    /api/audit/proof/0                   -      -          -          +      +
POST   /api/evidence                        -      -          -          +      +
GET    /api/reports/soc2                    -      -          -          +      +
GET    /api/keys                            -      -          -          -      +
POST   /api/keys                            -      -          -          -      +
DELETE /api/keys/x                          -      -          -          -      +
GET    /api/kill-switch                     -      +          +          +      +
POST   /api/kill-switch                     -      -          -          -      +
";

#[test]
fn roles_do_what_they_are_for() {
    let server = Server::start();
    let mut lines = MATRIX.lines().filter(|l| !l.trim().is_empty());
    let roles: Vec<&str> = lines.next().expect("a head").split_whitespace().collect();
    let keys: Vec<String> = roles
        .iter()
        .map(|name| {
            let role = Role::from_name(name).expect("a role");
            server.key("default", role, (role == Role::Agent).then_some("bot"))
        })
        .collect();
    let mut wrong = Vec::new();
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (method, path, cells) = (words[0], words[1], &words[2..]);
        assert_eq!(cells.len(), roles.len(), "{line}");
        for ((cell, role), key) in cells.iter().zip(&roles).zip(&keys) {
            let answer = server.call(method, path, key, "{}");
            let refused = answer.status == 403;
            if answer.status == 401 || answer.status >= 500 || refused != (*cell == "-") {
                wrong.push(format!("{role}: {method} {path}: {}", answer.status));
            }
            if refused {
                assert_eq!(answer.field("code"), "key.forbidden", "{line}");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
