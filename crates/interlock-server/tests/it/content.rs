//! Contents through the API: read by auditors, masked in lists, gone once erased.

use std::time::{Duration, Instant};

use interlock_core::model::Role;
use serde_json::{Value, json};

use crate::client::{Answer, Server};

const CHECK: &str = r#"{"agent_id":"mailer","action_type":"message_send","tool":"send_email",
    "arguments":{"to":"jane.doe@example.com","text":"the Zebrafish is in"},"user":{"id":"u/7 ö"}}"#;

/// The decision's id, and the sequence number of its entry.
fn decided(server: &Server) -> (String, u64) {
    let answer = server.post("/api/check", CHECK);
    assert_eq!(answer.status, 200, "{}", answer.text);
    let id = answer.field("id");
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let rows = server.get("/api/actions?agent_id=mailer").json();
        let row = rows
            .as_array()
            .into_iter()
            .flatten()
            .find(|r| r["id"] == id.as_str());
        if let Some(seq) = row.and_then(|row| row["seq"].as_u64()) {
            return (id, seq);
        }
        assert!(Instant::now() < deadline, "it is not projected");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn row(server: &Server, id: &str) -> Value {
    let rows = server.get("/api/actions?agent_id=mailer").json();
    let row = rows
        .as_array()
        .into_iter()
        .flatten()
        .find(|r| r["id"] == id);
    row.cloned().unwrap_or_default()
}

fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!(
        (answer.status, answer.field("code").as_str()),
        (status, code),
        "{}",
        answer.text
    );
}

#[test]
fn contents_are_read_checked_and_erased() {
    let server = Server::start();
    let (id, seq) = decided(&server);
    let shown = row(&server, &id);
    assert_eq!(shown["payload"]["text"], "the Zebrafish is in");
    assert_ne!(shown["payload"]["to"], "jane.doe@example.com");
    assert_eq!(shown["erased"], false);

    let path = format!("/api/audit/content/{seq}");
    let content = server.get(&path).json();
    assert_eq!(
        (&content["subject"], &content["kept"]),
        (&json!("user"), &json!(true))
    );
    let arguments = &content["fields"][0];
    assert_eq!(arguments["name"], "arguments");
    let text = arguments["text"].as_str().expect("a text");
    assert!(text.contains("jane.doe@example.com"), "{text}");
    for (text, matches) in [(text, true), ("{}", false)] {
        let body = json!({"field": "arguments", "text": text}).to_string();
        let answer = server.post(&format!("{path}/check"), &body);
        assert_eq!(answer.json()["matches"], matches, "{}", answer.text);
    }
    let log = server.get("/api/audit/export").text;
    assert!(
        log.contains("content-read") && !log.contains("Zebrafish"),
        "{log}"
    );

    let subject = "/api/subjects/user/u%2F7%20%C3%B6";
    let done = server.call(
        "DELETE",
        &format!("{subject}?basis=gdpr-17"),
        &server.admin,
        "",
    );
    assert_eq!(done.status, 200, "{}", done.text);
    assert_eq!(
        (&done.json()["erased"], &done.json()["records"]),
        (&json!(true), &json!(1))
    );
    refused(&server.get(&path), 410, "content.erased");
    let body = json!({"field": "arguments", "text": text}).to_string();
    refused(
        &server.post(&format!("{path}/check"), &body),
        410,
        "content.erased",
    );
    let shown = row(&server, &id);
    assert_eq!(
        (&shown["payload"], &shown["erased"]),
        (&Value::Null, &json!(true))
    );
    let again = server.call("DELETE", subject, &server.admin, "");
    assert_eq!(
        (again.status, &again.json()["erased"]),
        (200, &json!(false))
    );
}

#[test]
fn who_may_read_and_who_may_erase() {
    let server = Server::start();
    let (_, seq) = decided(&server);
    let path = format!("/api/audit/content/{seq}");
    for (role, reads) in [
        (Role::Agent, 403),
        (Role::Approver, 403),
        (Role::PolicyAuthor, 403),
        (Role::Auditor, 200),
        (Role::Admin, 200),
    ] {
        let key = server.key("default", role, None);
        assert_eq!(
            server.call("GET", &path, &key, "").status,
            reads,
            "{role:?}"
        );
        let erases = if role == Role::Admin { 200 } else { 403 };
        let answer = server.call("DELETE", "/api/subjects/agent/nobody", &key, "");
        assert_eq!(answer.status, erases, "{role:?}");
    }
    // Another tenant sees neither the entry nor the subject.
    let other = server.key("other", Role::Admin, None);
    refused(&server.call("GET", &path, &other, ""), 404, "not-found");
    let answer = server.call("DELETE", "/api/subjects/user/u%2F7%20%C3%B6", &other, "");
    assert_eq!(answer.json()["erased"], false);
    assert_eq!(server.get(&path).status, 200);
}

#[test]
fn what_is_wrong_is_named() {
    let server = Server::start();
    let (_, seq) = decided(&server);
    refused(&server.get("/api/audit/content/x"), 400, "field.invalid");
    refused(&server.get("/api/audit/content/999999"), 404, "not-found");
    let check = format!("/api/audit/content/{seq}/check");
    refused(&server.post(&check, "{}"), 400, "field.missing");
    let body = json!({"field": "nothing", "text": ""}).to_string();
    refused(&server.post(&check, &body), 404, "not-found");
    for path in [
        "/api/subjects/dog/rex",
        "/api/subjects/user/u-7?basis=Jane%20Doe",
        "/api/subjects/user/u-7?basis=",
        &format!("/api/subjects/user/{}", "x".repeat(257)),
    ] {
        refused(
            &server.call("DELETE", path, &server.admin, ""),
            400,
            "field.invalid",
        );
    }
}
