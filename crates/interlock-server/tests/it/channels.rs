//! Channels, each against a local server that speaks the real protocol.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit as _, Mac as _};
use interlock_core::audit::base64;
use interlock_core::model::Role;
use interlock_server::channels::Notifier;
use interlock_server::channels::config::Config;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::approvals::{ask, asking};
use crate::client::Server;

/// What somebody sent.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    pub(crate) path: String,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Got {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.head
            .lines()
            .find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name).then_some(value.trim())
            })
            .unwrap_or_default()
    }
}

/// A web server that keeps what it gets and answers what it is told to: `200` with `{"ok":true}`
/// when it is told nothing.
pub(crate) struct Web {
    address: SocketAddr,
    got: Arc<Mutex<Vec<Got>>>,
    answers: Arc<Mutex<VecDeque<String>>>,
}

impl Web {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let web = Self {
            address: listener.local_addr().expect("an address"),
            got: Arc::default(),
            answers: Arc::default(),
        };
        let (got, answers) = (Arc::clone(&web.got), Arc::clone(&web.answers));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (got, answers) = (Arc::clone(&got), Arc::clone(&answers));
                std::thread::spawn(move || serve(stream, &got, &answers));
            }
        });
        web
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn tell(&self, status: &str, body: &str) {
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.answers.lock().expect("answers").push_back(answer);
    }

    /// What it has got, once there are so many.
    pub(crate) fn wait(&self, count: usize) -> Vec<Got> {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let got = self.got.lock().expect("got").clone();
            if got.len() >= count {
                return got;
            }
            assert!(Instant::now() < until, "only {got:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn serve(stream: TcpStream, got: &Mutex<Vec<Got>>, answers: &Mutex<VecDeque<String>>) {
    let mut writer = stream.try_clone().expect("a handle");
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if line == "\r\n" {
                break;
            }
            head.push_str(&line);
        }
        let mut one = Got {
            path: head.split(' ').nth(1).unwrap_or_default().to_owned(),
            head,
            body: String::new(),
        };
        let length: usize = one.header("content-length").parse().unwrap_or(0);
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        one.body = String::from_utf8_lossy(&body).into_owned();
        got.lock().expect("got").push(one);
        let answer = answers.lock().expect("answers").pop_front();
        let answer = answer.unwrap_or_else(|| {
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{\"ok\":true}"
                .to_owned()
        });
        if writer.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

pub(crate) fn secret(directory: &tempfile::TempDir, name: &str, text: &str) -> String {
    let path = directory.path().join(name);
    std::fs::write(&path, text).expect("a file");
    path.display().to_string()
}

/// Ann and Bo are asked through `channels`; Mia when they do not answer.
pub(crate) fn people(server: &Server, channel: &str, channels: &str) -> Notifier {
    let text = format!(
        "public_url: http://{}\n\
         people:\n  \
           ann: {{ names: [ann's key], email: ann@example.com, slack: [T1/U1] }}\n  \
           bo: {{ email: bo@example.com, slack: [T1/U2] }}\n  \
           mia: {{ email: mia@example.com }}\n\
         groups:\n  \
           approvers: {{ people: [ann, bo], next: managers, channels: [{channel}] }}\n  \
           managers: {{ people: [mia], channels: [{channel}] }}\n\
         channels:\n{channels}",
        server.address
    );
    let config = Arc::new(Config::parse(&text).expect("a configuration"));
    server.app.set_channels(Arc::clone(&config));
    Notifier::start(&server.app)
        .expect("it starts")
        .expect("there are channels")
}

fn delivery(server: &Server, id: &str) -> Value {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let all = server.get("/api/deliveries").json();
        let found = all
            .as_array()
            .into_iter()
            .flatten()
            .find(|d| d["approval_id"] == id && d["attempts"] != 0);
        if let Some(found) = found {
            return found.clone();
        }
        assert!(Instant::now() < until, "{all}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_webhook_is_signed_repeated_and_given_up() {
    let server = asking();
    let (web, dir) = (Web::start(), tempfile::tempdir().expect("a directory"));
    let keys: [&[u8]; 2] = [&[7; 32], &[9; 24]];
    let files: Vec<String> = keys
        .iter()
        .enumerate()
        .map(|(n, key)| {
            let text = format!("whsec_{}\n", base64::encode(key));
            secret(&dir, &n.to_string(), &text)
        })
        .collect();
    let channel = |name: &str, url: &str, allow: &str| {
        format!(
            "  {name}: {{ webhook: {{ url: \"{url}\", allow: [{allow}], secrets: [{{ file: \"{}\" }}, {{ file: \"{}\" }}] }} }}\n",
            files[0], files[1]
        )
    };
    web.tell("500 Internal Server Error", "{}");
    let channels = channel("hook", &web.url("/hook"), "127.0.0.0/8")
        + &channel("inward", &web.url("/inward"), "");
    let _notifier = people(&server, "hook, inward", &channels);
    let id = ask(&server, 7);

    // The first attempt fails, the second comes after about five seconds with the same id.
    let got = web.wait(2);
    assert_eq!(got[0].header("webhook-id"), got[1].header("webhook-id"));
    assert_eq!(got[0].body, got[1].body);
    let body: Value = serde_json::from_str(&got[1].body).expect("JSON");
    assert_eq!(
        (&body["type"], &body["data"]["id"]),
        (&json!("approval.request"), &json!(id))
    );
    assert!(!got[1].body.contains("example.com"), "{}", got[1].body);
    for one in &got {
        assert_eq!(one.path, "/hook", "nothing goes where it is not allowed to");
        let signed = format!(
            "{}.{}.{}",
            one.header("webhook-id"),
            one.header("webhook-timestamp"),
            one.body
        );
        let want: Vec<String> = keys
            .iter()
            .map(|key| {
                let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key");
                mac.update(signed.as_bytes());
                format!("v1,{}", base64::encode(&mac.finalize().into_bytes()))
            })
            .collect();
        assert_eq!(one.header("webhook-signature"), want.join(" "));
    }
    // The other one leads to this machine, which nobody allowed.
    let all = server.get("/api/deliveries").json();
    let refused = all
        .as_array()
        .into_iter()
        .flatten()
        .find(|d| d["channel"] == "inward")
        .cloned()
        .expect("a delivery");
    let error = refused["error"].as_str().unwrap_or_default();
    assert!(
        error.contains("not public") && error.contains("127.0.0.1"),
        "{refused}"
    );
    assert_eq!(refused["status"], "due");

    // A receiver that wants no more gets no more; somebody may ask to try again.
    web.tell("410 Gone", "{}");
    let gone = ask(&server, 8);
    let until = Instant::now() + Duration::from_secs(20);
    let dead = loop {
        let dead = server.get("/api/deliveries?status=dead").json();
        if dead[0]["approval_id"] == json!(gone) {
            break dead[0].clone();
        }
        assert!(Instant::now() < until, "{dead}");
        std::thread::sleep(Duration::from_millis(10));
    };
    let retry = format!("/api/deliveries/{}/retry", dead["seq"]);
    assert_eq!(server.post(&retry, "").status, 204);
    assert_eq!(server.post("/api/deliveries/999999/retry", "").status, 404);
    let got = web.wait(4);
    assert!(got[3].body.contains(&gone), "{got:?}");
}

fn press(server: &Server, secret: &str, at: i64, body: &str, path: &str) -> u16 {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key");
    mac.update(format!("v0:{at}:{body}").as_bytes());
    let hex = interlock_core::audit::hex(&mac.finalize().into_bytes());
    let headers = [
        ("x-slack-request-timestamp", at.to_string()),
        ("x-slack-signature", format!("v0={hex}")),
    ];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
    server.send("POST", path, &headers, body.as_bytes()).status
}

fn form(team: &str, user: &str, action: &str, value: &str, response: &str) -> String {
    let payload = json!({
        "type": "block_actions", "user": {"id": user}, "team": {"id": team},
        "actions": [{"action_id": action, "value": value}], "response_url": response,
    });
    let encoded: String = payload
        .to_string()
        .bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect();
    format!("payload={encoded}")
}

#[test]
fn slack_asks_and_takes_signed_answers_of_people_it_knows() {
    const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
    const PATH: &str = "/channels/slack/ops";
    let server = asking();
    let (web, dir) = (Web::start(), tempfile::tempdir().expect("a directory"));
    // Before anything is configured there is no route.
    let now = || server.runtime.now() / 1_000_000_000;
    assert_eq!(press(&server, SECRET, now(), "payload=%7B%7D", PATH), 404);
    let channels = format!(
        "  ops: {{ slack: {{ team: T1, channel: C1, api_url: \"{}\", allow: [127.0.0.1], token: {{ file: \"{}\" }}, signing_secret: {{ file: \"{}\" }} }} }}\n",
        web.url("/api"),
        secret(&dir, "token", "xoxb-1"),
        secret(&dir, "signing", SECRET)
    );
    let _notifier = people(&server, "ops", &channels);
    web.tell("200 OK", r#"{"ok":false,"error":"ratelimited"}"#);
    let id = ask(&server, 7);
    let got = web.wait(2);
    assert_eq!(got[1].path, "/api/chat.postMessage");
    assert_eq!(got[1].header("authorization"), "Bearer xoxb-1");
    let message: Value = serde_json::from_str(&got[1].body).expect("JSON");
    assert_eq!(message["channel"], "C1");
    assert!(!got[1].body.contains("eve@"), "{}", got[1].body);
    let blocks = message["blocks"].as_array().expect("blocks");
    let buttons = &blocks.last().expect("buttons")["elements"];
    let value = buttons[0]["value"].as_str().expect("a value").to_owned();
    assert!(value.starts_with(&id), "{value}");
    assert!(
        !got[1].body.contains("mrkdwn"),
        "what agents write is plain text"
    );

    let answer = web.url("/answer");
    let state = || server.get(&format!("/api/approvals/{id}")).field("state");
    let approve = form("T1", "U1", "approve", &value, &answer);
    // Forged, old, of the future, of another workspace, of somebody unknown: nothing is decided.
    assert_eq!(press(&server, "another secret", now(), &approve, PATH), 401);
    assert_eq!(press(&server, SECRET, now() - 301, &approve, PATH), 401);
    assert_eq!(press(&server, SECRET, now() + 302, &approve, PATH), 401);
    assert_eq!(press(&server, SECRET, now(), "payload=%7", PATH), 400);
    let elsewhere = form("T9", "U1", "approve", &value, &answer);
    assert_eq!(press(&server, SECRET, now(), &elsewhere, PATH), 403);
    let unsigned = server.send("POST", PATH, &[], approve.as_bytes());
    assert_eq!(unsigned.status, 401);
    let stranger = form("T1", "U9", "approve", &value, &answer);
    assert_eq!(press(&server, SECRET, now(), &stranger, PATH), 200);
    let told = web.wait(3)[2].clone();
    assert!(
        told.body.contains("linked to nobody") && told.body.contains("ephemeral"),
        "{told:?}"
    );
    let stale = format!("{id} {}", "00".repeat(32));
    let stale = form("T1", "U1", "approve", &stale, &answer);
    assert_eq!(press(&server, SECRET, now(), &stale, PATH), 200);
    assert!(web.wait(4)[3].body.contains("changed"));
    assert_eq!(state(), "pending");

    let at = now();
    assert_eq!(press(&server, SECRET, at, &approve, PATH), 200);
    assert_eq!(state(), "approved");
    let told = web.wait(5)[4].clone();
    assert!(
        told.path == "/answer" && told.body.contains("ann answered: approved"),
        "{told:?}"
    );
    // The same request again, and somebody else later: the first answer stands.
    assert_eq!(press(&server, SECRET, at, &approve, PATH), 200);
    let deny = form("T1", "U2", "deny", &value, &answer);
    assert_eq!(press(&server, SECRET, now(), &deny, PATH), 200);
    assert!(web.wait(7)[6].body.contains("Answered before"));
    let review = server.get(&format!("/api/approvals/{id}")).json();
    assert_eq!(review["state"], "approved");
    assert_eq!(
        review["votes"].as_array().expect("votes").len(),
        1,
        "{review}"
    );
    assert_eq!(review["votes"][0]["approver"], "ann");
}

/// A mail server: what it took, one text for each mail.
struct Smtp {
    port: u16,
    mails: Arc<Mutex<Vec<String>>>,
    refusals: Arc<Mutex<usize>>,
}

impl Smtp {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let smtp = Self {
            port: listener.local_addr().expect("an address").port(),
            mails: Arc::default(),
            refusals: Arc::default(),
        };
        let (mails, refusals) = (Arc::clone(&smtp.mails), Arc::clone(&smtp.refusals));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (mails, refusals) = (Arc::clone(&mails), Arc::clone(&refusals));
                std::thread::spawn(move || converse(stream, &mails, &refusals));
            }
        });
        smtp
    }

    fn wait(&self, count: usize) -> Vec<String> {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let mails = self.mails.lock().expect("mails").clone();
            if mails.len() >= count {
                return mails;
            }
            assert!(Instant::now() < until, "only {mails:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// RFC 5321, as far as a client goes that sends one mail.
fn converse(stream: TcpStream, mails: &Mutex<Vec<String>>, refusals: &Mutex<usize>) {
    let mut writer = stream.try_clone().expect("a handle");
    let mut reader = BufReader::new(stream);
    let mut say = |text: &str| writer.write_all(text.as_bytes()).is_ok();
    say("220 mail.test ESMTP\r\n");
    let mut envelope = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let verb = line
            .split([' ', '\r'])
            .next()
            .unwrap_or_default()
            .to_ascii_uppercase();
        match verb.as_str() {
            "EHLO" => drop(say("250-mail.test\r\n250 8BITMIME\r\n")),
            "RCPT" if *refusals.lock().expect("refusals") > 0 => {
                *refusals.lock().expect("refusals") -= 1;
                say("450 4.2.1 try later\r\n");
            }
            "MAIL" | "RCPT" => {
                envelope.push_str(&line);
                say("250 2.1.0 ok\r\n");
            }
            "DATA" => {
                say("354 go on\r\n");
                let mut text = String::new();
                loop {
                    let mut line = String::new();
                    if reader.read_line(&mut line).unwrap_or(0) == 0 {
                        return;
                    }
                    if line == ".\r\n" {
                        break;
                    }
                    text.push_str(&line);
                }
                mails
                    .lock()
                    .expect("mails")
                    .push(format!("{envelope}{text}"));
                envelope.clear();
                say("250 2.0.0 taken\r\n");
            }
            "QUIT" => {
                say("221 bye\r\n");
                return;
            }
            _ => drop(say("250 ok\r\n")),
        }
    }
}

fn link_of(mail: &str) -> String {
    // Lines that are too long are folded.
    let text = mail.replace("=\r\n", "");
    let at = text.find("/channels/email/").expect("a link");
    text[at..]
        .chars()
        .take_while(|c| !c.is_whitespace())
        .collect()
}

#[test]
fn mail_has_a_link_to_a_page_and_only_its_form_decides() {
    let server = asking();
    let smtp = Smtp::start();
    *smtp.refusals.lock().expect("refusals") = 1;
    let channels = format!(
        "  mail: {{ email: {{ host: 127.0.0.1, port: {}, tls: none, from: \"Interlock <interlock@example.com>\" }} }}\n",
        smtp.port
    );
    let _notifier = people(&server, "mail", &channels);
    let id = ask(&server, 7);
    // One for each of the two who are asked; what was refused for now comes a little later.
    let mails = smtp.wait(2);
    let of = |name: &str| {
        mails
            .iter()
            .find(|m| m.contains(&format!("RCPT TO:<{name}@example.com>")))
            .cloned()
            .expect("a mail")
    };
    let (ann, bo) = (link_of(&of("ann")), link_of(&of("bo")));
    assert_ne!(ann, bo);
    assert!(!mails.iter().any(|m| m.contains("eve@example.com")));
    let state = || server.get(&format!("/api/approvals/{id}")).field("state");
    // Whoever is disabled as a user has no valid link, until they are a user again.
    let made = server.post("/api/users", r#"{"login":"ann","role":"approver"}"#);
    let user = format!(
        "/api/users/{}",
        made.json()["user"]["id"].as_str().expect("an id")
    );
    let disable = |body: &str| server.call("PATCH", &user, &server.admin, body).status;
    assert_eq!(disable(r#"{"disabled":true}"#), 200);
    assert_eq!(server.send("GET", &ann, &[], b"").status, 404);
    assert_eq!(disable(r#"{"disabled":false}"#), 200);
    let open = |path: &str| server.send("GET", path, &[], b"");
    // A program that follows links, however often, changes nothing.
    for _ in 0..3 {
        let page = open(&ann);
        assert_eq!(page.status, 200, "{}", page.text);
        assert!(page.text.contains("<form method=\"post\">") && page.text.contains("pay"));
        assert!(
            page.head
                .contains("content-security-policy: default-src 'none'"),
            "{}",
            page.head
        );
        assert!(page.head.contains("referrer-policy: no-referrer"));
        assert!(!page.text.contains("example.com</pre>"), "{}", page.text);
    }
    assert_eq!(server.send("HEAD", &ann, &[], b"").status, 200);
    assert_eq!(state(), "pending");
    let post = |path: &str, body: &str, site: &str| {
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("sec-fetch-site", site),
        ];
        server.send("POST", path, &headers, body.as_bytes())
    };
    assert_eq!(post(&ann, "decision=perhaps", "same-origin").status, 400);
    assert_eq!(post(&ann, "decision=approve", "cross-site").status, 403);
    let wrong = format!("/channels/email/{}", "0".repeat(64));
    for path in [wrong.as_str(), "/channels/email/x", &ann[..ann.len() - 1]] {
        assert_eq!(open(path).status, 404, "{path}");
        assert_eq!(post(path, "decision=approve", "same-origin").status, 404);
    }
    assert_eq!(state(), "pending");
    let done = post(&ann, "reason=looks+fine%21&decision=approve", "same-origin");
    assert!(
        done.status == 200 && done.text.contains("approved"),
        "{}",
        done.text
    );
    let review = server.get(&format!("/api/approvals/{id}")).json();
    assert_eq!(review["votes"][0]["approver"], "ann");
    assert_eq!(review["votes"][0]["reason"], "looks fine!");
    // Once; and the other's link shows what became of it.
    assert_eq!(post(&ann, "decision=deny", "same-origin").status, 404);
    let late = open(&bo);
    assert!(late.status == 200 && late.text.contains("approved") && !late.text.contains("<form"));
    let late = post(&bo, "decision=deny", "same-origin");
    assert!(late.text.contains("decided before"), "{}", late.text);
    assert_eq!(state(), "approved");
    assert!(delivery(&server, &id)["status"] == "sent");
}

#[test]
fn nobody_is_told_by_a_list_from_before() {
    let server = asking();
    let smtp = Smtp::start();
    let made = server.post("/api/users", r#"{"login":"ann","role":"approver"}"#);
    let user = format!(
        "/api/users/{}",
        made.json()["user"]["id"].as_str().expect("an id")
    );
    let disabled = server.call("PATCH", &user, &server.admin, r#"{"disabled":true}"#);
    assert_eq!(disabled.status, 200, "{}", disabled.text);
    // It waits in the outbox as the channels start.
    ask(&server, 7);
    let channels = format!(
        "  mail: {{ email: {{ host: 127.0.0.1, port: {}, tls: none, from: interlock@example.com }} }}\n",
        smtp.port
    );
    let _notifier = people(&server, "mail", &channels);
    let mails = smtp.wait(1);
    ask(&server, 8);
    // One for each question, both to Bo.
    let mails = [mails, smtp.wait(2)].concat();
    assert!(
        !mails.iter().any(|mail| mail.contains("ann@example.com")),
        "{mails:?}"
    );
}

#[test]
fn hostile_text_in_a_mail_and_on_its_page_is_shown_and_does_nothing() {
    let server = asking();
    let smtp = Smtp::start();
    let channels = format!(
        "  mail: {{ email: {{ host: 127.0.0.1, port: {}, tls: none, from: interlock@example.com }} }}\n",
        smtp.port
    );
    let _notifier = people(&server, "mail", &channels);
    let action = json!({
        "agent_id": "bot", "action_type": "payment", "tool": "a\u{202e}yap",
        "resource": "account <b>7</b> & co\u{200b}", "arguments": {"to": "<i>\"x\"</i>"},
    });
    let asked = server.post("/api/check", &action.to_string());
    assert_eq!(asked.field("effect"), "require_approval", "{}", asked.text);
    let mails = smtp.wait(2);
    for mail in &mails {
        let head = mail.split("\r\n\r\n").next().expect("a head");
        assert!(!head.to_ascii_lowercase().contains("\r\nbcc:"), "{head}");
        assert!(mail.contains("[U+202E]"), "{mail}");
    }
    let page = server.send("GET", &link_of(&mails[0]), &[], b"");
    assert!(
        !page.text.contains("<b>") && !page.text.contains("<i>"),
        "{}",
        page.text
    );
    assert!(
        page.text.contains("[U+202E]") && page.text.contains("[U+200B]"),
        "{}",
        page.text
    );
}

#[test]
fn a_configuration_that_cannot_work_is_refused() {
    let check = |text: &str, part: &str| {
        let error = Config::parse(text).expect_err(part);
        assert!(error.contains(part), "{error}");
    };
    check("peple: {}", "peple");
    check("groups: { a: { people: [ann] } }", "no person `ann`");
    check("groups: { a: { next: b } }", "no group `b`");
    check("groups: { a: { channels: [c] } }", "no channel `c`");
    check("owners: { \"bot-*\": ann }", "no person `ann`");
    check(
        "people: { ann: { names: [x] }, bo: { names: [x] } }",
        "two people",
    );
    check("channels: { c: {} }", "must be one of");
    check(
        "public_url: https://x\nchannels: { c: { webhook: { url: \"https://x/\", secrets: [] }, teams: { url: { env: HOME } } } }",
        "must be one of",
    );
    check(
        "channels: { c: { email: { host: mail.example, from: a@b.c } } }",
        "public_url",
    );
    check(
        "public_url: https://x\nchannels: { c: { email: { host: mail.example, from: a@b.c, tls: none } } }",
        "without TLS",
    );
    check(
        "channels: { c: { webhook: { url: \"ftp://x\", secrets: [] } } }",
        "https address",
    );
    check(
        "channels: { c: { webhook: { url: \"https://u:p@x/\", secrets: [] } } }",
        "https address",
    );
    check(
        "channels: { c: { webhook: { url: \"https://x/\", secrets: [] } } }",
        "1 to 4",
    );
    check(
        "channels: { c: { webhook: { url: \"https://x/\", secrets: [{ env: INTERLOCK_NO_SUCH }] } } }",
        "INTERLOCK_NO_SUCH",
    );
    // A route without a secret does not exist.
    check(
        "channels: { c: { slack: { team: T, channel: C, token: { env: A } } } }",
        "signing_secret",
    );
    let server = Server::start();
    let key = server.key("default", Role::Auditor, None);
    let none = server.call("GET", "/api/deliveries", &key, "");
    assert_eq!((none.status, none.text.as_str()), (200, "[]"));
}

/// The blocks of the guide in this language.
fn guide(language: &str) -> Vec<String> {
    let text = include_str!("../../../../docs/guides/approvals.md");
    let open = format!("```{language}\n");
    text.split(&open)
        .skip(1)
        .filter_map(|part| Some(part.split_once("\n```")?.0.to_owned()))
        .collect()
}

#[test]
fn what_the_guide_shows_can_be_used() {
    let yaml = guide("yaml");
    let [policy, people] = &yaml[..] else {
        panic!("{yaml:?}");
    };
    let sources = [interlock_policy::Source::new(
        "payments.yaml",
        policy.as_str(),
    )];
    let compiled = interlock_policy::compile(&sources, 1).expect("the policy compiles");
    assert_eq!(compiled.program.rules().len(), 1);
    // The secrets are somebody else's: files of our own stand in for them.
    let dir = tempfile::tempdir().expect("a directory");
    let text = secret(&dir, "text", "a secret");
    let key = secret(&dir, "key", &format!("whsec_{}", base64::encode(&[1; 32])));
    let people = people
        .replace("env: SLACK_BOT_TOKEN", &format!("file: {text}"))
        .replace("env: SLACK_SIGNING_SECRET", &format!("file: {text}"))
        .replace(
            "env: PAGERDUTY_ROUTING_KEY",
            &format!("file: {}", secret(&dir, "pager", &"0".repeat(32))),
        )
        .replace(
            "env: TEAMS_WORKFLOW_URL",
            &format!("file: {}", secret(&dir, "room", "https://x.example/?sig=1")),
        )
        .replace("/run/secrets/smtp", &text)
        .replace("/run/secrets/webhook", &key);
    let config = Config::parse(&people).expect("the configuration is one");
    assert_eq!(config.channels.len(), 5);
    assert_eq!(config.people.asked("finance", 1), ["finance", "managers"]);
    assert_eq!(
        config.people.known("slack:T012AB3CD/U045EF6GH"),
        Some("ann")
    );
    assert!(
        !format!("{config:?}").contains("a secret"),
        "secrets are not printed"
    );
}
