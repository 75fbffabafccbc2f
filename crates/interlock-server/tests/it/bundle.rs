//! Signed bundles, as an SDK fetches them.

use interlock_core::audit::note::Verifier;
use interlock_core::model::Role;
use interlock_policy::{BundleError, verify_bundle};

use crate::client::Server;

const MAIL: &str =
    "interlock: 1\nrules:\n  - { id: no-mail, match: { action: [message_send] }, effect: block }\n";

fn publish(server: &Server, body: &serde_json::Value) -> crate::client::Answer {
    server.post("/api/bundle", &body.to_string())
}

#[test]
fn an_sdk_fetches_checks_and_keeps_a_bundle() {
    let server = Server::start();
    let agent = server.key("default", Role::Agent, Some("bot"));
    let fetch = |tag: &str| {
        server.send(
            "GET",
            "/api/bundle",
            &[("x-api-key", &agent), ("if-none-match", tag)],
            b"",
        )
    };
    let first = fetch("");
    assert_eq!(first.status, 200, "{}", first.text);
    let tag = first
        .head
        .lines()
        .find_map(|l| l.strip_prefix("etag: "))
        .expect("a tag")
        .to_owned();
    let same = fetch(&tag);
    assert_eq!((same.status, same.text.as_str()), (304, ""));
    let vkey = first.field("vkey");
    let key = Verifier::parse(&vkey).expect("a key");
    let taken = verify_bundle(first.text.as_bytes(), &key, "default", None).expect("it is signed");
    assert!(taken.same_program);

    let published = publish(
        &server,
        &serde_json::json!({"name": "team.yaml", "text": MAIL}),
    );
    assert_eq!(published.status, 200, "{}", published.text);
    let second = fetch(&tag);
    assert_eq!(second.status, 200);
    let held = verify_bundle(
        second.text.as_bytes(),
        &key,
        "default",
        Some(&taken.manifest),
    )
    .expect("it is newer")
    .manifest;
    assert_eq!(held.number, taken.manifest.number + 1);
    // Played back, altered on the way, signed by another server.
    let error = verify_bundle(first.text.as_bytes(), &key, "default", Some(&held)).unwrap_err();
    assert!(matches!(error, BundleError::Older { .. }), "{error}");
    let altered = second.text.replace("no-mail", "no-male");
    let error = verify_bundle(altered.as_bytes(), &key, "default", None).unwrap_err();
    assert_eq!(error, BundleError::Texts);
    let foreign = Server::start().get("/api/bundle");
    let error = verify_bundle(foreign.text.as_bytes(), &key, "default", None).unwrap_err();
    assert!(matches!(error, BundleError::Signature(_)), "{error}");

    // An agent reads its rules; it does not change them, nor see who did.
    let denied = server.call("POST", "/api/bundle", &agent, r#"{"name":"x","text":""}"#);
    assert_eq!(denied.status, 403);
    assert_eq!(
        server.call("GET", "/api/bundle/history", &agent, "").status,
        403
    );
    let other = server.key("other", Role::Agent, Some("bot"));
    let theirs = server.call("GET", "/api/bundle", &other, "");
    assert!(!theirs.text.contains("no-mail"), "another tenant's");
    let error = verify_bundle(theirs.text.as_bytes(), &key, "default", None).unwrap_err();
    assert!(matches!(error, BundleError::Tenant { .. }), "{error}");
}

#[test]
fn a_revert_is_a_new_number() {
    let server = Server::start();
    let send = |body: serde_json::Value| publish(&server, &body);
    let first = send(serde_json::json!({"name": "team.yaml", "text": MAIL}));
    let revision = first.json()["revision"].as_u64().expect("a revision");
    let second = send(serde_json::json!({
        "name": "team.yaml", "text": "interlock: 1\n", "expected_revision": revision,
    }));
    assert_eq!(second.status, 200, "{}", second.text);
    let mail = r#"{"agent_id":"bot","action_type":"message_send"}"#;
    assert_ne!(
        server.post("/api/check", mail).field("policy_matched"),
        "no-mail"
    );
    let history = server.get("/api/bundle/history?name=team.yaml").json();
    let revisions: Vec<u64> = history
        .as_array()
        .expect("a list")
        .iter()
        .map(|r| r["revision"].as_u64().expect("a revision"))
        .collect();
    assert_eq!(revisions, [revision + 1, revision]);
    assert_eq!(server.get("/api/bundle/history").json(), history);
    // Who has not seen the second one is told so.
    let stale = send(serde_json::json!({
        "name": "team.yaml", "revert_to": revision, "expected_revision": revision,
    }));
    assert_eq!(stale.status, 409, "{}", stale.text);
    let reverted = send(serde_json::json!({"name": "team.yaml", "revert_to": revision}));
    assert_eq!(reverted.status, 200, "{}", reverted.text);
    assert!(reverted.json()["number"].as_u64() > second.json()["number"].as_u64());
    assert_eq!(
        server.post("/api/check", mail).field("policy_matched"),
        "no-mail"
    );
}
