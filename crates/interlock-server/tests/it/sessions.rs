//! People who sign in: invitations, passwords with one-time codes, sessions, and what ends them.

use hmac::{Hmac, KeyInit as _, Mac as _};
use interlock_core::model::Role;
use interlock_server::Limits;
use serde_json::{Value, json};
use sha1::Sha1;

use crate::client::{Answer, Server, raw};

pub(crate) const PASSWORD: &str = "plain tree over the ridge";

/// What the page of whoever joins draws.
const NONCE: &str = "00112233445566778899aabbccddeeff";

/// The code of a secret in base 32, so many steps from now (RFC 6238).
pub(crate) fn code(secret: &str, steps: i64) -> String {
    let mut bits = 0_u64;
    let mut count = 0;
    let mut bytes = Vec::new();
    for c in secret.bytes() {
        let digit = match c {
            b'A'..=b'Z' => c - b'A',
            b'2'..=b'7' => c - b'2' + 26,
            other => panic!("not base 32: {other}"),
        };
        bits = bits << 5 | u64::from(digit);
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970");
    let step = i64::try_from(now.as_secs() / 30).expect("small") + steps;
    let mut mac = Hmac::<Sha1>::new_from_slice(&bytes).expect("a key");
    mac.update(&step.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let at = usize::from(hash[19] & 15);
    let word = u32::from_be_bytes(hash[at..at + 4].try_into().expect("four")) & 0x7fff_ffff;
    format!("{:06}", word % 1_000_000)
}

/// A browser that is on the server's own page.
pub(crate) struct Browser<'a> {
    server: &'a Server,
    pub(crate) cookie: Option<String>,
}

impl<'a> Browser<'a> {
    pub(crate) fn new(server: &'a Server) -> Self {
        Self {
            server,
            cookie: None,
        }
    }

    /// The headers that a browser sends for a script of the page, and others in their place.
    fn with(&self, method: &str, path: &str, body: &str, other: &[(&str, &str)]) -> Answer {
        let origin = format!("http://{}", self.server.address);
        let mut headers = vec![
            ("origin", origin.as_str()),
            ("sec-fetch-site", "same-origin"),
            ("x-interlock-request", "1"),
        ];
        if let Some(cookie) = &self.cookie {
            headers.push(("cookie", cookie));
        }
        for (name, value) in other {
            headers.retain(|(n, _)| n != name);
            if !value.is_empty() {
                headers.push((name, value));
            }
        }
        self.server.send(method, path, &headers, body.as_bytes())
    }

    pub(crate) fn call(&mut self, method: &str, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let answer = self.with(method, path, &body, &[]);
        if let Some(cookie) = cookie(&answer) {
            self.cookie = Some(cookie);
        }
        answer
    }

    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.call("GET", path, &Value::Null)
    }

    fn sign_in(&mut self, login: &str, password: &str, code: &str) -> Answer {
        let body = json!({"login": login, "password": password, "code": code});
        self.call("POST", "/api/session", &body)
    }
}

fn set_cookie(answer: &Answer) -> Option<&str> {
    answer
        .head
        .lines()
        .find_map(|line| line.strip_prefix("set-cookie: "))
}

/// The cookie that an answer sets, letters as they are.
fn cookie(answer: &Answer) -> Option<String> {
    let line = answer
        .raw_head
        .lines()
        .find(|line| line.to_ascii_lowercase().starts_with("set-cookie: "))?;
    let (_, value) = line.split_once(": ")?;
    Some(value.split(';').next()?.to_owned())
}

/// A user who has joined, with a session.
pub(crate) struct Person<'a> {
    pub(crate) browser: Browser<'a>,
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) recovery: Vec<String>,
}

/// Makes a user with an admin key and joins as that person.
pub(crate) fn join<'a>(server: &'a Server, admin: &str, login: &str, role: &str) -> Person<'a> {
    let body = json!({"login": login, "role": role}).to_string();
    let made = server.call("POST", "/api/users", admin, &body);
    assert_eq!(made.status, 201, "{}", made.text);
    let made = made.json();
    let path = made["invitation"]["path"].as_str().expect("a path");
    let token = path.strip_prefix("/join#").expect("its form").to_owned();
    let mut browser = Browser::new(server);
    let offer = browser.call(
        "POST",
        "/api/join/look",
        &json!({"token": token, "nonce": NONCE}),
    );
    assert_eq!((offer.status, offer.field("login").as_str()), (200, login));
    let secret = offer.field("secret");
    let body = json!({
        "token": token, "nonce": NONCE, "password": PASSWORD, "code": code(&secret, 0)
    });
    let joined = browser.call("POST", "/api/join", &body);
    assert_eq!(joined.status, 201, "{}", joined.text);
    let again = browser.call("POST", "/api/join", &body);
    assert_eq!(
        (again.status, again.field("code").as_str()),
        (404, "invitation.unknown")
    );
    let codes = joined.json()["recovery_codes"].clone();
    Person {
        browser,
        id: made["user"]["id"].as_str().expect("an id").to_owned(),
        secret,
        recovery: serde_json::from_value(codes).expect("codes"),
    }
}

fn roomy() -> Server {
    Server::with(Limits {
        wrong_keys_burst: 10_000,
        ..Limits::default()
    })
}

/// Everything on record, as one text.
pub(crate) fn record(server: &Server) -> String {
    let mut all = String::new();
    for tenant in ["default", "other"] {
        // A tenant without a record has no log.
        let entries = server.runtime.journal().read(tenant, 0, 10_000);
        for entry in entries.unwrap_or_default() {
            all.push_str(&String::from_utf8_lossy(&entry.body));
            all.push('\n');
        }
    }
    all
}

#[test]
fn a_person_joins_and_signs_in_with_each_code_once() {
    let server = roomy();
    let mut ana = join(&server, &server.admin, "ana", "approver");
    let who = ana.browser.get("/api/whoami");
    assert_eq!(who.status, 200, "{}", who.text);
    let who = who.json();
    assert_eq!(
        (&who["subject"], &who["role"], &who["session"], &who["may"]),
        (
            &json!("ana"),
            &json!("approver"),
            &json!(true),
            &json!(["read", "decide"])
        )
    );
    assert_eq!(ana.browser.get("/api/users").status, 403);

    let mut other = Browser::new(&server);
    // The code that she joined with is used up; the next one is good once.
    for (password, code, expected) in [
        (PASSWORD, code(&ana.secret, 0), 401),
        ("plain tree over the Ridge", code(&ana.secret, 1), 401),
        (PASSWORD, code(&ana.secret, 3), 401),
        (PASSWORD, "000000x".to_owned(), 401),
        (PASSWORD, String::new(), 401),
        (PASSWORD, code(&ana.secret, 1), 200),
        (PASSWORD, code(&ana.secret, 1), 401),
        (PASSWORD, ana.recovery[0].clone(), 200),
        (PASSWORD, ana.recovery[0].clone(), 401),
        (PASSWORD, ana.recovery[1].to_lowercase(), 200),
        ("wrong", ana.recovery[2].clone(), 401),
        (PASSWORD, ana.recovery[2].clone(), 200),
    ] {
        let answer = other.sign_in("ana", password, &code);
        assert_eq!(
            answer.status, expected,
            "{password} {code}: {}",
            answer.text
        );
    }
    // Nobody is told what was wrong.
    let wrong = other.sign_in("ana", "wrong", "123456");
    let unknown = other.sign_in("nobody", "wrong", "123456");
    assert_eq!((wrong.status, unknown.status), (401, 401));
    assert_eq!(wrong.text, unknown.text);

    // The old session holds beside the new ones, until somebody ends it.
    let sessions = other.get("/api/sessions").json();
    assert_eq!(sessions.as_array().map(Vec::len), Some(5), "{sessions}");
    let first = sessions[4]["id"].as_str().expect("an id").to_owned();
    assert_eq!(sessions[4]["method"], "invitation");
    assert_eq!(ana.browser.get("/api/whoami").status, 200);
    let path = format!("/api/sessions/{first}");
    assert_eq!(other.call("DELETE", &path, &Value::Null).status, 204);
    assert_eq!(ana.browser.get("/api/whoami").status, 401);
    assert_eq!(
        other.call("DELETE", "/api/session", &Value::Null).status,
        204
    );
    other.cookie = other.cookie.take().filter(|c| c.ends_with('='));
    assert!(other.cookie.is_some(), "the browser is told to forget it");
}

#[test]
fn whoever_invites_does_not_know_the_second_factor() {
    let server = roomy();
    let body = json!({"login": "ana", "role": "approver"}).to_string();
    let made = server.call("POST", "/api/users", &server.admin, &body);
    let path = made.json()["invitation"]["path"].clone();
    let token = path.as_str().and_then(|p| p.strip_prefix("/join#"));
    let token = token.expect("its form");
    let mut browser = Browser::new(&server);
    let other = "ffeeddccbbaa99887766554433221100";
    let mut look = |nonce: &Value| {
        let body = json!({"token": token, "nonce": nonce});
        browser.call("POST", "/api/join/look", &body)
    };
    let mine = look(&json!(NONCE)).field("secret");
    assert_eq!(mine, look(&json!(NONCE)).field("secret"), "once set up");
    let theirs = look(&json!(other)).field("secret");
    assert_ne!(mine, theirs);
    for wrong in [
        json!(""),
        json!(&NONCE[1..]),
        json!(format!("{NONCE}0")),
        json!(NONCE.replace('a', "A")),
        json!(NONCE.replace('a', "g")),
        json!(NONCE.replace("aa", "é")),
        Value::Null,
    ] {
        let answer = look(&wrong);
        assert_eq!(answer.status, 400, "{wrong}: {}", answer.text);
    }
    let mut join = |nonce: Option<&str>, secret: &str| {
        let mut body = json!({"token": token, "password": PASSWORD, "code": code(secret, 0)});
        if let Some(nonce) = nonce {
            body["nonce"] = json!(nonce);
        }
        browser.call("POST", "/api/join", &body)
    };
    assert_eq!(join(None, &mine).status, 400);
    let answer = join(Some(NONCE), &theirs);
    assert_eq!(answer.field("code"), "code.wrong", "{}", answer.text);
    let answer = join(Some(NONCE), &mine);
    assert_eq!(answer.status, 201, "{}", answer.text);
}

#[test]
fn signing_out_ends_the_session_itself() {
    let server = roomy();
    let ana = join(&server, &server.admin, "ana", "auditor");
    let kept = ana.browser.cookie.clone();
    let mut browser = ana.browser;
    assert_eq!(
        browser.call("DELETE", "/api/session", &Value::Null).status,
        204
    );
    browser.cookie = kept;
    assert_eq!(browser.get("/api/whoami").status, 401);
    let said = record(&server);
    for what in [
        "user-added",
        "credentials-set",
        "session-begun-invitation",
        "session-ended",
    ] {
        assert!(said.contains(what), "{what} is not on record: {said}");
    }
}

#[test]
fn another_page_can_do_nothing_with_the_cookie() {
    let server = roomy();
    let boss = join(&server, &server.admin, "boss", "admin");
    let on = r#"{"on":true}"#;
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "http://127.0.0.1:1"),
        ("origin", "null"),
        ("origin", ""),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-site", ""),
        ("x-interlock-request", ""),
    ] {
        let answer = boss
            .browser
            .with("POST", "/api/kill-switch", on, &[(name, value)]);
        assert_eq!(
            (answer.status, answer.field("code").as_str()),
            (403, "session.elsewhere"),
            "{name}: {value}: {}",
            answer.text
        );
        // Nor can it sign somebody in.
        let body = r#"{"login":"boss","password":"x","code":"1"}"#;
        let answer = boss
            .browser
            .with("POST", "/api/session", body, &[(name, value)]);
        assert_eq!(answer.status, 403, "{name}: {value}: {}", answer.text);
    }
    let read = |site| {
        boss.browser
            .with("GET", "/api/users", "", &[("sec-fetch-site", site)])
            .status
    };
    assert_eq!(
        (read("cross-site"), read("same-site"), read("none")),
        (403, 403, 200)
    );
    assert!(
        !server
            .runtime
            .store()
            .kill_switch("default")
            .expect("it")
            .on
    );
    let answer = boss.browser.with("POST", "/api/kill-switch", on, &[]);
    assert_eq!(answer.status, 200, "{}", answer.text);
    // A key needs none of it, and counts before a cookie.
    let auditor = server.key("default", Role::Auditor, None);
    let cookie = boss.browser.cookie.clone().expect("a cookie");
    let headers = [("x-api-key", auditor.as_str()), ("cookie", cookie.as_str())];
    let who = server.send("GET", "/api/whoami", &headers, b"");
    assert_eq!(who.json()["role"], "auditor");
    let wrong = [
        ("x-api-key", "no-key-of-anybody"),
        ("cookie", cookie.as_str()),
    ];
    assert_eq!(server.send("GET", "/api/whoami", &wrong, b"").status, 401);
}

#[test]
fn the_cookie_fits_how_the_server_is_reached() {
    let server = roomy();
    let ana = join(&server, &server.admin, "ana", "auditor");
    let sign_in = |host: &str, origin: &str, recovery: usize| {
        let code = &ana.recovery[recovery];
        let body = json!({"login": "ana", "password": PASSWORD, "code": code}).to_string();
        let text = format!(
            "POST /api/session HTTP/1.1\r\nhost: {host}\r\norigin: {origin}\r\n\
             sec-fetch-site: same-origin\r\nx-interlock-request: 1\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        raw(server.address, text.as_bytes()).expect("an answer")
    };
    let tls = sign_in("interlock.example.com", "https://interlock.example.com", 0);
    let line = set_cookie(&tls).expect("a cookie");
    assert!(line.starts_with("__host-interlock="), "{line}");
    for part in [
        "; path=/",
        "; httponly",
        "; samesite=strict",
        "; secure",
        "; max-age=43200",
    ] {
        assert!(line.contains(part), "{line}");
    }
    assert!(!line.contains("domain"), "{line}");
    let here = sign_in("localhost:1", "http://localhost:1", 1);
    let line = set_cookie(&here).expect("a cookie");
    assert!(line.starts_with("interlock-loopback="), "{line}");
    assert!(
        line.contains("; httponly; samesite=strict") && !line.contains("secure"),
        "{line}"
    );
    // Without TLS from another machine, or under a name that was made to lead here.
    let plain = sign_in("interlock.example.com", "http://interlock.example.com", 2);
    assert_eq!(plain.status, 403, "{}", plain.text);
    assert!(set_cookie(&plain).is_none());
}

#[test]
fn a_disabled_user_is_out_at_once() {
    let server = roomy();
    let mut ana = join(&server, &server.admin, "ana", "approver");
    let body = json!({"role": "approver", "user_id": ana.id, "label": "laptop"}).to_string();
    let made = server.post("/api/keys", &body);
    assert_eq!(made.status, 201, "{}", made.text);
    let key = made.field("key");
    let told = format!(
        "{}, role approver, user {}, label laptop",
        made.field("id"),
        ana.id
    );
    assert!(record(&server).contains(&told), "{told}");
    let who = || server.call("GET", "/api/whoami", &key, "");
    assert_eq!(who().field("subject"), "ana");
    assert_eq!(ana.browser.get("/api/whoami").status, 200);
    let path = format!("/api/users/{}", ana.id);
    let change = |body: &str| server.call("PATCH", &path, &server.admin, body).status;
    assert_eq!(change(r#"{"disabled":true}"#), 200);
    assert_eq!(ana.browser.get("/api/whoami").status, 401);
    assert_eq!(who().status, 401, "nor does her key hold");
    let refused = ana.browser.sign_in("ana", PASSWORD, &ana.recovery[0]);
    assert_eq!(refused.status, 401);
    assert_eq!(change(r#"{"disabled":false}"#), 200);
    assert_eq!(
        ana.browser.get("/api/whoami").status,
        401,
        "the session stays ended"
    );
    assert_eq!(who().status, 200);
    let back = ana.browser.sign_in("ana", PASSWORD, &ana.recovery[1]);
    assert_eq!(back.status, 200, "{}", back.text);
    // Another role ends it too, and the key of the old role does not hold.
    assert_eq!(change(r#"{"role":"auditor"}"#), 200);
    assert_eq!(ana.browser.get("/api/whoami").status, 401);
    assert_eq!(who().status, 401);
    // A reset takes password and second factor away.
    let reset = server.post(&format!("{path}/reset"), "");
    assert_eq!(reset.status, 201, "{}", reset.text);
    let refused = ana.browser.sign_in("ana", PASSWORD, &ana.recovery[2]);
    assert_eq!(refused.status, 401);
}

#[test]
fn nobody_takes_rights_from_themselves() {
    let server = roomy();
    let mut boss = join(&server, &server.admin, "boss", "admin");
    let path = format!("/api/users/{}", boss.id);
    for body in [json!({"disabled": true}), json!({"role": "auditor"})] {
        let answer = boss.browser.call("PATCH", &path, &body);
        assert_eq!(
            (answer.status, answer.field("code").as_str()),
            (409, "user.own")
        );
    }
    let reset = boss
        .browser
        .call("POST", &format!("{path}/reset"), &Value::Null);
    assert_eq!(reset.status, 409);
    let named = boss
        .browser
        .call("PATCH", &path, &json!({"name": "The Boss"}));
    assert_eq!(named.status, 200, "{}", named.text);
    assert_eq!(boss.browser.get("/api/users").json()[0]["name"], "The Boss");
}

#[test]
fn guessing_is_slow_and_shuts_out_nobody_else() {
    let server = roomy();
    let mut ana = join(&server, &server.admin, "ana", "approver");
    let mut bo = join(&server, &server.admin, "bo", "approver");
    let mut thief = Browser::new(&server);
    let mut statuses = Vec::new();
    for n in 0..14 {
        statuses.push(thief.sign_in("ana", "wrong", &format!("{n:06}")).status);
    }
    assert_eq!(statuses[..10], [401; 10]);
    assert_eq!(statuses[10..], [429; 4]);
    let right = ana.browser.sign_in("ana", PASSWORD, &ana.recovery[0]);
    assert_eq!(right.status, 429, "the right password does not tell either");
    assert!(right.head.contains("retry-after: "), "{}", right.head);
    // An account that is not there is as slow.
    let nobody: Vec<u16> = (0..11)
        .map(|_| thief.sign_in("nobody", "wrong", "123456").status)
        .collect();
    assert_eq!((nobody[9], nobody[10]), (401, 429));
    let other = bo.browser.sign_in("bo", PASSWORD, &bo.recovery[0]);
    assert_eq!(other.status, 200, "{}", other.text);
    // Once, however often it is tried.
    assert_eq!(record(&server).matches("sign-in-throttled").count(), 1);
    // Many at once do not get more tries.
    let results: Vec<u16> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16)
            .map(|n| {
                let server = &server;
                scope.spawn(move || {
                    let mut thief = Browser::new(server);
                    thief.sign_in("cy", "wrong", &format!("{n:06}")).status
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|t| t.join().expect("no panic"))
            .collect()
    });
    let tried = results.iter().filter(|s| **s == 401).count();
    assert_eq!(tried, 10, "{results:?}");
}

#[test]
fn a_person_answers_once_however_they_come() {
    let server = roomy();
    let bundle = "interlock: 1\nname: office\ndefault: allow\nrules:\n  - id: two\n    \
        match: { action: [payment] }\n    effect: require_approval\n    \
        approvers: { group: finance, quorum: 2 }\n";
    let body = json!({"name": "office", "text": bundle}).to_string();
    assert_eq!(server.post("/api/bundle", &body).status, 200);
    let mut ana = join(&server, &server.admin, "ana", "approver");
    let mut bo = join(&server, &server.admin, "bo", "approver");
    let mut cy = join(&server, &server.admin, "cy", "approver");
    for (id, login) in [(&ana.id, "ana"), (&bo.id, "bo")] {
        let body = r#"{"groups":["finance"]}"#;
        let answer = server.call("PATCH", &format!("/api/users/{id}"), &server.admin, body);
        assert_eq!(answer.status, 200, "{login}: {}", answer.text);
    }
    // Other groups ended the sessions.
    assert_eq!(ana.browser.get("/api/whoami").status, 401);
    let sign_in = |person: &mut Person<'_>, login: &str| {
        let answer = person.browser.sign_in(login, PASSWORD, &person.recovery[0]);
        assert_eq!(answer.status, 200, "{}", answer.text);
    };
    sign_in(&mut ana, "ana");
    sign_in(&mut bo, "bo");
    let asked = |user: &str| {
        let body = json!({"agent_id": "bot", "action_type": "payment", "user": {"id": user},
            "arguments": {"amount": 5}});
        server
            .post("/api/check", &body.to_string())
            .field("approval_id")
    };
    let approve = json!({"decision": "approve"});
    let id = asked("somebody");
    let path = format!("/api/approvals/{id}/decide");
    let key = server.person(Role::Approver, "ana");
    let state = |answer: &Answer| answer.field("state");
    let first = ana.browser.call("POST", &path, &approve);
    assert_eq!(
        (first.status, state(&first).as_str()),
        (200, "pending"),
        "{}",
        first.text
    );
    let again = server.call("POST", &path, &key, &approve.to_string());
    assert_ne!(
        state(&again),
        "approved",
        "her key is no second person: {}",
        again.text
    );
    let stranger = cy.browser.call("POST", &path, &approve);
    assert_ne!(
        state(&stranger),
        "approved",
        "not of the group: {}",
        stranger.text
    );
    let second = bo.browser.call("POST", &path, &approve);
    assert_eq!(state(&second), "approved", "{}", second.text);
    // Who asked does not answer, also not with a session.
    let id = asked("ana");
    let path = format!("/api/approvals/{id}/decide");
    let own = ana.browser.call("POST", &path, &approve);
    assert_eq!(own.status, 409, "{}", own.text);
}

#[test]
fn sessions_run_out() {
    for limits in [
        Limits {
            session_lifetime: std::time::Duration::ZERO,
            ..Limits::default()
        },
        Limits {
            session_idle: std::time::Duration::ZERO,
            ..Limits::default()
        },
    ] {
        let server = Server::with(limits);
        let mut ana = join(&server, &server.admin, "ana", "auditor");
        assert!(ana.browser.cookie.is_some());
        assert_eq!(ana.browser.get("/api/whoami").status, 401);
    }
}

#[test]
fn a_session_is_of_its_own_tenant() {
    let server = roomy();
    let admin = server.key("other", Role::Admin, None);
    let mut eve = join(&server, &admin, "eve", "admin");
    let ana = join(&server, &server.admin, "ana", "auditor");
    let users = eve.browser.get("/api/users").json();
    assert_eq!(users.as_array().map(Vec::len), Some(1), "{users}");
    assert_eq!(eve.browser.get("/api/whoami").json()["tenant"], "other");
    for (method, path) in [
        ("PATCH", format!("/api/users/{}", ana.id)),
        ("POST", format!("/api/users/{}/reset", ana.id)),
        ("GET", format!("/api/users/{}/sessions", ana.id)),
    ] {
        let body = if path.ends_with("/reset") {
            json!({"at_provider": true})
        } else {
            json!({"disabled": true})
        };
        let answer = eve.browser.call(method, &path, &body);
        assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text);
    }
    let key = json!({"role": "auditor", "user_id": ana.id});
    assert_eq!(eve.browser.call("POST", "/api/keys", &key).status, 404);
}

#[test]
fn no_secret_is_kept_in_clear() {
    let server = roomy();
    let mut ana = join(&server, &server.admin, "ana", "auditor");
    let signed_in = ana.browser.sign_in("ana", PASSWORD, &ana.recovery[0]);
    assert_eq!(signed_in.status, 200);
    let token = ana.browser.cookie.clone().expect("a cookie");
    let (_, token) = token.split_once('=').expect("a value");
    assert_eq!(token.len(), 43);
    let secret = ana.secret.clone();
    let said = record(&server);
    let stored = server.stored_bytes();
    let has = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|w| w == text.as_bytes());
    assert!(has(&stored, "ana"), "the files are read");
    for text in [
        PASSWORD,
        token,
        secret.as_str(),
        &ana.recovery[1],
        &ana.recovery[0],
    ] {
        assert!(!has(said.as_bytes(), text), "{text} is on record");
        assert!(!has(&stored, text), "{text} is in a file");
    }
}

#[test]
fn a_person_changes_the_own_password() {
    let server = roomy();
    let mut ana = join(&server, &server.admin, "ana", "approver");
    let mut other = Browser::new(&server);
    assert_eq!(other.sign_in("ana", PASSWORD, &ana.recovery[0]).status, 200);
    const NEW: &str = "another tree on the ridge";
    let change = |old: &str, new: &str| json!({"old_password": old, "new_password": new});
    for (body, expected) in [
        (
            change("wrong tree over the ridge", NEW),
            (401, "password.wrong"),
        ),
        (change(PASSWORD, "short"), (400, "password.weak")),
        (change(PASSWORD, "ana ana ana ana"), (400, "password.weak")),
        (json!({"old_password": PASSWORD}), (400, "field.missing")),
    ] {
        let answer = ana.browser.call("POST", "/api/password", &body);
        assert_eq!(
            (answer.status, answer.field("code").as_str()),
            expected,
            "{}",
            answer.text
        );
    }
    assert_eq!(other.get("/api/whoami").status, 200, "nothing has ended");
    // Neither a key, nor another page.
    let key = server.person(Role::Admin, "ana");
    let body = change(PASSWORD, NEW);
    assert_eq!(
        server
            .call("POST", "/api/password", &key, &body.to_string())
            .status,
        403
    );
    let origin = [
        ("origin", "https://evil.example"),
        ("sec-fetch-site", "cross-site"),
    ];
    let text = body.to_string();
    assert_eq!(
        ana.browser
            .with("POST", "/api/password", &text, &origin)
            .status,
        403
    );
    let changed = ana.browser.call("POST", "/api/password", &body);
    assert_eq!(changed.status, 204, "{}", changed.text);
    assert_eq!(
        ana.browser.get("/api/whoami").status,
        200,
        "the one that asked stays"
    );
    assert_eq!(other.get("/api/whoami").status, 401);
    assert_eq!(other.sign_in("ana", PASSWORD, &ana.recovery[1]).status, 401);
    assert_eq!(other.sign_in("ana", NEW, &ana.recovery[1]).status, 200);
    let said = record(&server);
    assert_eq!(said.matches("password-changed").count(), 1, "{said}");
    assert!(!said.contains(NEW) && !said.contains(PASSWORD));
    // Guessing the old one is bounded as guessing at the door is.
    let statuses: Vec<u16> = (0..12)
        .map(|_| {
            ana.browser
                .call("POST", "/api/password", &change("guess", PASSWORD))
                .status
        })
        .collect();
    assert_eq!((statuses[9], statuses[10]), (401, 429), "{statuses:?}");
}

#[test]
fn a_tab_whose_person_was_replaced_changes_nothing() {
    let server = roomy();
    let mut ana = join(&server, &server.admin, "ana", "admin");
    let bo = join(&server, &server.admin, "bo", "admin");
    let thought = ana.browser.get("/api/whoami").field("key_id");
    // Another tab of the same browser signs bo in: the cookie is his.
    ana.browser.cookie.clone_from(&bo.browser.cookie);
    let mine = [("x-interlock-session", thought.as_str())];
    let on = r#"{"on":true,"reason":"mine"}"#;
    for (method, path, body) in [
        ("POST", "/api/kill-switch", on),
        ("POST", "/api/users", r#"{"login":"eve","role":"admin"}"#),
        ("DELETE", "/api/session", ""),
        ("GET", "/api/users", ""),
    ] {
        let answer = ana.browser.with(method, path, body, &mine);
        assert_eq!(
            (answer.status, answer.field("code").as_str()),
            (409, "session.other"),
            "{method} {path}: {}",
            answer.text
        );
    }
    let state = server.get("/api/kill-switch").json();
    assert_eq!(state["on"], false, "{state}");
    // The page, loaded again, knows whose it is.
    let now = ana.browser.get("/api/whoami");
    assert_eq!(now.field("subject"), "bo");
    let his = now.field("key_id");
    let answer = ana.browser.with(
        "POST",
        "/api/kill-switch",
        on,
        &[("x-interlock-session", &his)],
    );
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[test]
fn who_is_disabled_counts_in_no_open_quorum() {
    for tenant in ["default", "other"] {
        who_is_disabled_does_not_count(tenant);
    }
}

fn who_is_disabled_does_not_count(tenant: &str) {
    let server = roomy();
    let admin = server.key(tenant, Role::Admin, None);
    let post = |path: &str, body: &str| server.call("POST", path, &admin, body);
    let get = |path: &str| server.call("GET", path, &admin, "");
    let bundle = "interlock: 1\nname: office\ndefault: allow\nrules:\n  - id: two\n    \
        match: { action: [payment] }\n    effect: require_approval\n    \
        approvers: { group: finance, quorum: 2 }\n";
    let body = json!({"name": "office", "text": bundle}).to_string();
    assert_eq!(post("/api/bundle", &body).status, 200);
    let mut ana = join(&server, &admin, "ana", "approver");
    let mut bo = join(&server, &admin, "bo", "approver");
    let mut cy = join(&server, &admin, "cy", "approver");
    let asked = |amount: u8| {
        let body =
            json!({"agent_id": "bot", "action_type": "payment", "arguments": {"amount": amount}});
        let asked = post("/api/check", &body.to_string());
        format!("/api/approvals/{}", asked.field("approval_id"))
    };
    let approve = json!({"decision": "approve"});
    let answer = |person: &mut Person<'_>, path: &str| {
        let answer = person
            .browser
            .call("POST", &format!("{path}/decide"), &approve);
        assert_eq!(answer.status, 200, "{}", answer.text);
        let answer = answer.json();
        (
            answer["state"].as_str().expect("a state").to_owned(),
            answer["agreed"].clone(),
        )
    };
    let (open, decided) = (asked(1), asked(2));
    assert_eq!(answer(&mut ana, &open), ("pending".to_owned(), json!(1)));
    answer(&mut ana, &decided);
    assert_eq!(answer(&mut bo, &decided).0, "approved");
    let id = ana.id.clone();
    let disable = |on: bool| {
        let path = format!("/api/users/{id}");
        let body = json!({"disabled": on}).to_string();
        assert_eq!(server.call("PATCH", &path, &admin, &body).status, 200);
    };
    disable(true);
    let shown = get(&open).json();
    let agreed = shown["approval"].get("agreed").or(shown.get("agreed"));
    assert_eq!(agreed, Some(&json!(0)), "{shown}");
    assert_eq!(answer(&mut bo, &open), ("pending".to_owned(), json!(1)));
    assert_eq!(answer(&mut cy, &open), ("approved".to_owned(), json!(3)));
    // What was decided stays so.
    let stays = get(&decided).json();
    assert!(stays.to_string().contains("\"approved\""), "{stays}");
    assert!(record(&server).contains(r#""lapsed":["ana"]"#), "on record");
    // Who may act again counts again.
    let again = asked(3);
    disable(false);
    assert_eq!(
        ana.browser
            .sign_in("ana", PASSWORD, &ana.recovery[0])
            .status,
        200
    );
    answer(&mut ana, &again);
    assert_eq!(answer(&mut bo, &again).0, "approved");
}
