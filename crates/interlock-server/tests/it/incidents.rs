//! PagerDuty and Microsoft Teams, each against a local server that speaks the real protocol.

use std::time::{Duration, Instant};

use interlock_core::model::Role;
use interlock_server::channels::Notifier;
use interlock_server::channels::config::Config;
use serde_json::{Value, json};

use crate::approvals::{ask, asking};
use crate::channels::{Got, Web, people, secret};
use crate::client::Server;

const KEY: &str = "e93facc04764012d7bfb002500d5d1a6";
const TAKEN: &str = r#"{"status":"success","message":"Event processed","dedup_key":"x"}"#;

fn until<T>(what: &str, mut find: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(found) = find() {
            return found;
        }
        assert!(Instant::now() < end, "not within 30 s: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

struct Pager {
    server: Server,
    web: Web,
    _dir: tempfile::TempDir,
    _notifier: Notifier,
}

fn pager(server: Server) -> Pager {
    let (web, dir) = (Web::start(), tempfile::tempdir().expect("a directory"));
    let channel = format!(
        "  pager: {{ pagerduty: {{ api_url: \"{}\", allow: [127.0.0.1], routing_key: {{ file: \"{}\" }} }} }}\n",
        web.url("/eu/"),
        secret(&dir, "key", &format!("{KEY}\n")),
    );
    let notifier = people(&server, "pager", &channel);
    Pager {
        server,
        web,
        _dir: dir,
        _notifier: notifier,
    }
}

/// The one channel, once it is as wanted.
fn channel(server: &Server, wanted: impl Fn(&Value) -> bool) -> Value {
    until("the channel", || {
        let all = server.get("/api/channels").json();
        Some(all[0].clone()).filter(|channel| wanted(channel))
    })
}

/// What PagerDuty refuses by its schema, this refuses too.
fn event(got: &Got) -> Value {
    assert_eq!(got.path, "/eu/v2/enqueue");
    assert!(got.header("content-type").starts_with("application/json"));
    let event = got.json();
    let member = |name: &str| event[name].as_str().unwrap_or_default();
    assert_eq!(member("routing_key"), KEY);
    let action = member("event_action");
    assert!(["trigger", "acknowledge", "resolve"].contains(&action));
    assert!((1..=255).contains(&member("dedup_key").len()));
    if action == "trigger" {
        let payload = &event["payload"];
        for name in ["summary", "source", "severity"] {
            assert!(!payload[name].as_str().unwrap_or_default().is_empty());
        }
        assert!(payload["summary"].as_str().unwrap().chars().count() <= 1_024);
        let severity = payload["severity"].as_str().unwrap();
        assert!(["critical", "error", "warning", "info"].contains(&severity));
    }
    event
}

#[test]
fn a_question_is_an_incident_until_it_is_answered() {
    let Pager { server, web, .. } = &pager(asking());
    web.tell("429 Too Many Requests", "");
    web.tell("202 Accepted", TAKEN);
    let id = ask(server, 7);
    let got = web.wait(1);
    let waits = channel(server, |c| c["failures"] == 1);
    assert_eq!(
        (&waits["kind"], &waits["waiting"], &waits["name"]),
        (&json!("pagerduty"), &json!(1), &json!("pager"))
    );
    assert_eq!(waits["last_error"], "PagerDuty answered 429");
    assert!(waits["waiting_since"].is_string() && waits["failed_at"].is_string());
    let first = event(&got[0]);
    let again = event(&web.wait(2)[1]);
    assert_eq!(first, again, "tried again as it was");
    assert_eq!(first["dedup_key"], format!("interlock-approval-{id}"));
    assert_eq!(first["event_action"], "trigger");
    let page = format!("http://{}/approvals/{id}", server.address);
    assert_eq!(first["links"][0]["href"], page);
    assert_eq!(first["client_url"], page);
    assert_eq!(first["payload"]["source"], "bot-7");
    // Names only: what else an agent wrote is read where it is shown as what it is.
    for text in ["eve@", "ann@", "accounts/7"] {
        assert!(!got[0].body.contains(text), "{}", got[0].body);
    }
    let taken = channel(server, |c| c["waiting"] == 0);
    assert_eq!(
        (&taken["failures"], &taken["given_up"]),
        (&json!(0), &json!(0))
    );
    assert!(taken["sent_at"].is_string(), "{taken}");

    web.tell("202 Accepted", TAKEN);
    let ann = server.person(Role::Approver, "ann's key");
    let path = format!("/api/approvals/{id}/decide");
    let said = server.call("POST", &path, &ann, r#"{"decision":"deny"}"#);
    assert_eq!(said.status, 200, "{}", said.text);
    let over = event(&web.wait(3)[2]);
    assert_eq!(over["event_action"], "resolve");
    assert_eq!(over["dedup_key"], first["dedup_key"]);
    assert_eq!(over["payload"], Value::Null);

    // What is wrong is not tried again, and says why without the key.
    web.tell(
        "400 Bad Request",
        &json!({"status": "invalid event", "message": "Event object is invalid",
            "errors": [format!("no integration {KEY}")]})
        .to_string(),
    );
    ask(server, 8);
    let dead = until("a refusal", || {
        let dead = server.get("/api/deliveries?status=dead").json();
        dead.get(0).cloned()
    });
    assert_eq!(
        dead["error"],
        "PagerDuty refused the event: no integration …"
    );
    assert_eq!(dead["attempts"], 1);
    assert_eq!(channel(server, |c| c["given_up"] == 1)["failures"], 1);
    assert!(!server.get("/api/channels").text.contains(KEY));
    // It is this tenant's.
    let other = server.key("other", Role::Admin, None);
    assert_eq!(server.call("GET", "/api/channels", &other, "").text, "[]");
}

/// Reads raise an alert of which people are told.
fn alerting() -> Server {
    let server = Server::start();
    let text = "interlock: 1\ndefault: allow\nrules:\n  \
        - { id: reads, match: { action: [file_read] }, effect: block, notify: [approvers] }\n";
    let body = json!({"name": "team.yaml", "text": text}).to_string();
    let published = server.post("/api/bundle", &body);
    assert_eq!(published.status, 200, "{}", published.text);
    server
}

fn read(server: &Server, agent: &str) {
    let body = json!({"agent_id": agent, "action_type": "file_read", "resource": "/srv/a",
        "arguments": {"path": "/srv/a"}});
    let answer = server.post("/api/check", &body.to_string());
    assert_eq!(answer.field("effect"), "block", "{}", answer.text);
}

fn group(server: &Server, agent: &str, count: u64) -> Value {
    until("a group", || {
        let groups = server.get("/api/alert-groups").json();
        let all = groups.as_array().cloned().unwrap_or_default();
        all.into_iter()
            .find(|g| g["agent_id"] == agent && g["count"] == count)
    })
}

fn change(server: &Server, group: &Value, state: &str) -> Value {
    let path = format!("/api/alert-groups/{}", group["id"].as_str().unwrap());
    let body = json!({"version": group["version"], "seen_seq": group["last_seq"], "state": state});
    let answer = server.call("PATCH", &path, &server.admin, &body.to_string());
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

#[test]
fn an_incident_follows_its_group_of_alerts() {
    let Pager { server, web, .. } = &pager(alerting());
    for _ in 0..9 {
        web.tell("202 Accepted", TAKEN);
    }
    let agent = "bot\u{202e} https://evil.example";
    read(server, agent);
    let first = event(&web.wait(1)[0]);
    let seen = group(server, agent, 1);
    let key = format!("interlock-alert-{}", seen["id"].as_str().unwrap());
    assert_eq!(
        (&first["event_action"], &first["dedup_key"]),
        (&json!("trigger"), &json!(key))
    );
    let payload = &first["payload"];
    assert_eq!(payload["custom_details"]["rule"], "reads");
    let source = payload["source"].as_str().unwrap();
    assert_eq!(source, "bot[U+202E] https[:]//evil.example");
    assert!(payload["summary"].as_str().unwrap().contains(source));
    let page = format!(
        "http://{}/alerts/{}",
        server.address,
        seen["id"].as_str().unwrap()
    );
    assert_eq!(first["links"][0]["href"], page);

    let mut step = 1;
    let mut next = |action: &str| {
        step += 1;
        let event = event(&web.wait(step)[step - 1]);
        assert_eq!(
            (&event["event_action"], &event["dedup_key"]),
            (&json!(action), &json!(key)),
            "{event}"
        );
    };
    let seen = change(server, &seen, "acknowledged");
    next("acknowledge");
    change(server, &seen, "resolved");
    next("resolve");
    // It happens again: the same key, which PagerDuty makes a new incident of.
    read(server, agent);
    next("trigger");
    let seen = group(server, agent, 2);
    assert_eq!(
        (&seen["version"], &seen["state"]),
        (&json!(2), &json!("open"))
    );
    change(server, &seen, "resolved");
    next("resolve");
}

#[test]
fn teams_gets_a_card_that_decides_nothing() {
    let server = asking();
    let (web, dir) = (Web::start(), tempfile::tempdir().expect("a directory"));
    let url =
        web.url("/workflows/abc/triggers/manual/paths/invoke?api-version=2016-06-01&sig=S3cretSig");
    let config = |allow: &str| {
        format!(
            "  room: {{ teams: {{ allow: [{allow}], url: {{ file: \"{}\" }} }} }}\n",
            secret(&dir, "url", &url)
        )
    };
    web.tell("429 Too Many Requests", "");
    web.tell("202 Accepted", "");
    let _notifier = people(&server, "room", &config("127.0.0.1"));
    let action = json!({
        "agent_id": "bot [press](https://evil.example)", "action_type": "payment",
        "tool": "a\u{202e}yap", "resource": "account <b>7</b> & co\u{200b}",
        "arguments": {"to": "<i>\"x\"</i>"},
    });
    let asked = server.post("/api/check", &action.to_string());
    assert_eq!(asked.field("effect"), "require_approval", "{}", asked.text);
    let id = asked.field("approval_id");
    let got = web.wait(2);
    assert_eq!(got[0].body, got[1].body);
    assert!(got[1].path.ends_with("&sig=S3cretSig"), "{}", got[1].path);
    let message = got[1].json();
    assert_eq!(message["type"], "message");
    let attachment = &message["attachments"][0];
    assert_eq!(
        attachment["contentType"],
        "application/vnd.microsoft.card.adaptive"
    );
    let card = &attachment["content"];
    assert_eq!(card["type"], "AdaptiveCard");
    let actions = card["actions"].as_array().expect("actions");
    assert_eq!(actions.len(), 1, "a link and nothing else");
    assert_eq!(actions[0]["type"], "Action.OpenUrl");
    let page = format!("http://{}/approvals/{id}", server.address);
    assert_eq!(actions[0]["url"], page);
    // Markup is read in text blocks only: those have our own words.
    let body = card["body"].as_array().expect("a body");
    for block in body {
        match block["type"].as_str() {
            Some("TextBlock") => assert_eq!(block["text"], "An agent asks"),
            Some("RichTextBlock") => {
                for run in block["inlines"].as_array().expect("runs") {
                    assert_eq!(run["type"], "TextRun");
                }
            }
            other => panic!("{other:?}"),
        }
    }
    let text = &got[1].body;
    assert!(
        text.contains("a[U+202E]yap") && text.contains("account <b>7</b> & co[U+200B]"),
        "{text}"
    );
    assert!(
        !text.contains("https://evil") && text.contains("bot [press](https[:]//evil.example)"),
        "{text}"
    );
    assert!(text.len() <= 28_000);
    let sent = channel(&server, |c| c["waiting"] == 0);
    assert_eq!(
        (&sent["kind"], &sent["last_error"]),
        (&json!("teams"), &json!("the workflow answered 429"))
    );
    // The address is a secret, also where it cannot be reached.
    let shown = [server.get("/api/deliveries").text, sent.to_string()].concat();
    assert!(!shown.contains("S3cretSig"), "{shown}");
    let told = format!("{:?}", server.get("/api/channels").text);
    assert!(!told.contains("S3cretSig"), "{told}");
}

#[test]
fn teams_is_told_of_alerts_and_not_of_what_people_did() {
    let server = alerting();
    let (web, dir) = (Web::start(), tempfile::tempdir().expect("a directory"));
    let url = web.url("/hook?sig=S3cretSig");
    // One that leads inward, which nobody allowed.
    let channels = format!(
        "  room: {{ teams: {{ allow: [127.0.0.1], url: {{ file: \"{0}\" }} }} }}\n  \
           inward: {{ teams: {{ url: {{ file: \"{0}\" }} }} }}\n",
        secret(&dir, "url", &url)
    );
    let _notifier = people(&server, "room, inward", &channels);
    read(&server, "bot");
    let card = web.wait(1)[0].json();
    let content = &card["attachments"][0]["content"];
    assert_eq!(content["body"][0]["text"], "Alerts");
    let seen = group(&server, "bot", 1);
    let page = format!(
        "http://{}/alerts/{}",
        server.address,
        seen["id"].as_str().unwrap()
    );
    assert_eq!(content["actions"][0]["url"], page);
    let seen = change(&server, &seen, "acknowledged");
    change(&server, &seen, "resolved");
    read(&server, "bot");
    let again = &web.wait(2)[1];
    assert!(
        again.body.contains("again after it was resolved"),
        "{}",
        again.body
    );
    let refused = until("the other one", || {
        let all = server.get("/api/deliveries").json();
        let mut all = all.as_array().cloned().unwrap_or_default().into_iter();
        all.find(|d| d["channel"] == "inward" && d["attempts"] != 0)
    });
    let error = refused["error"].as_str().unwrap_or_default();
    assert!(
        error.contains("not public") && !error.contains("S3cretSig"),
        "{refused}"
    );
}

#[test]
fn a_configuration_without_its_secret_is_refused_and_never_told() {
    let dir = tempfile::tempdir().expect("a directory");
    let check = |channel: &str, part: &str| {
        let text = format!("public_url: https://x.example\nchannels: {{ c: {{ {channel} }} }}\n");
        let error = Config::parse(&text).expect_err(part);
        assert!(error.contains(part), "{error}");
        assert!(!error.contains("S3cret"), "{error}");
    };
    let file = |name: &str, text: &str| format!("{{ file: \"{}\" }}", secret(&dir, name, text));
    check("pagerduty: {}", "routing_key");
    let short = file("short", "S3cret");
    check(
        &format!("pagerduty: {{ routing_key: {short} }}"),
        "32 letters",
    );
    let odd = file("odd", "S3cret-facc04764012d7bfb002500d5d");
    check(
        &format!("pagerduty: {{ routing_key: {odd} }}"),
        "32 letters",
    );
    let good = file("good", KEY);
    check(
        &format!("pagerduty: {{ routing_key: {good}, api_url: \"ftp://x\" }}"),
        "https address",
    );
    check(
        &format!("pagerduty: {{ routing_key: {good}, severity: high }}"),
        "severity",
    );
    let plain = file("plain", "S3cret");
    check(
        &format!("teams: {{ url: {plain} }}"),
        "as the workflow shows it",
    );
    let user = file("user", "https://u:S3cret@x.example/");
    check(
        &format!("teams: {{ url: {user} }}"),
        "as the workflow shows it",
    );
    let url = file("url", "https://x.example/?sig=S3cret");
    check(
        &format!("teams: {{ url: {url}, allow: [intranet] }}"),
        "not a network",
    );
    for channel in [
        format!("teams: {{ url: {url} }}"),
        format!("pagerduty: {{ routing_key: {good} }}"),
    ] {
        let text = format!("channels: {{ c: {{ {channel} }} }}\n");
        let error = Config::parse(&text).expect_err("no link");
        assert!(error.contains("public_url"), "{error}");
        let config = Config::parse(&format!("public_url: https://x.example\n{text}"));
        let shown = format!("{:?}", config.expect("a configuration"));
        assert!(!shown.contains("S3cret") && !shown.contains(KEY), "{shown}");
    }
}

#[test]
fn a_channel_that_failed_is_not_well_because_a_message_became_needless() {
    let server = asking();
    let (web, dir) = (Web::start(), tempfile::tempdir().expect("a directory"));
    let room = format!(
        "  room: {{ teams: {{ allow: [127.0.0.1], url: {{ file: \"{}\" }} }} }}\n",
        secret(&dir, "url", &web.url("/workflow")),
    );
    web.tell("500 Internal Server Error", "");
    let _notifier = people(&server, "room", &room);
    let id = ask(&server, 7);
    let fails = channel(&server, |c| c["failures"] == 1);
    assert_eq!(fails["waiting"], 1);
    // Decided before it is tried again: there is nothing to send any more.
    let ann = server.person(Role::Approver, "ann's key");
    let path = format!("/api/approvals/{id}/decide");
    let said = server.call("POST", &path, &ann, r#"{"decision":"deny"}"#);
    assert_eq!(said.status, 200, "{}", said.text);
    let over = channel(&server, |c| c["waiting"] == 0);
    assert_eq!(web.wait(1).len(), 1, "it was asked once");
    assert_eq!(
        (&over["failures"], &over["given_up"], &over["last_error"]),
        (&json!(1), &json!(0), &fails["last_error"])
    );
    assert!(!over["sent_at"].is_string(), "{over}");
    // What it takes says that it is well.
    ask(&server, 8);
    let well = channel(&server, |c| c["failures"] == 0);
    assert!(well["sent_at"].is_string(), "{well}");
}
