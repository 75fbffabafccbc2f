//! People sign in at a provider that speaks the real protocol over HTTP, and at ones that cheat.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use interlock_core::audit::base64;
use interlock_server::{Limits, SignInConfig};
use ring::signature::{Ed25519KeyPair, KeyPair as _, RsaKeyPair};
use serde_json::{Value, json};
use sha2::Digest as _;

use crate::client::{Answer, Server};
use crate::sessions::{Browser, join, record};

const SECRET: &str = "a secret/with+letters";
const RSA: &[u8] = include_bytes!("cases/provider_rsa.pkcs8");
const CALLBACK: &str = "/api/session/oidc/callback/sso";

fn base64url(bytes: &[u8]) -> String {
    let text = base64::encode(bytes).replace('+', "-").replace('/', "_");
    text.trim_end_matches('=').to_owned()
}

fn decoded(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(b) = bytes.next() {
        out.push(match b {
            b'%' => {
                let digits: String = bytes.by_ref().take(2).map(char::from).collect();
                u8::from_str_radix(&digits, 16).expect("two digits")
            }
            b'+' => b' ',
            other => other,
        });
    }
    String::from_utf8(out).expect("text")
}

fn field(form: &str, name: &str) -> Option<String> {
    form.split('&')
        .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
        .map(decoded)
}

/// How the provider signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Ed25519,
    Rsa,
    /// Not at all.
    Nothing,
    /// With the public key as a shared secret.
    PublicKey,
    /// With a key that is not among its own, under the name of one that is.
    Another,
}

/// What the provider does, which a test changes.
#[derive(Debug)]
struct Plan {
    sign: Sign,
    /// What the token says otherwise than it should; null: it does not say it.
    claims: Value,
    userinfo: Value,
    /// The name of the key, in the token and among the keys.
    kid: (&'static str, &'static str),
    /// In the place of the answers to these paths.
    raw: Vec<(&'static str, String)>,
    slow: Duration,
    pair: Ed25519KeyPair,
    /// Of the last sign-in that began.
    nonce: String,
    challenge: String,
    redirect_uri: String,
    /// What was asked, and how often.
    asked: Vec<String>,
}

/// A provider on this machine.
struct Provider {
    address: SocketAddr,
    plan: Arc<Mutex<Plan>>,
}

fn pair() -> Ed25519KeyPair {
    let seed = Ed25519KeyPair::generate_pkcs8(&ring::rand::SystemRandom::new()).expect("random");
    Ed25519KeyPair::from_pkcs8(seed.as_ref()).expect("a key")
}

fn ok(body: &Value) -> String {
    answer("200 OK", &body.to_string())
}

fn answer(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

impl Plan {
    fn token(&self, issuer: &str) -> String {
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .expect("after 1970")
            .as_secs();
        let access = base64url(&sha2::Sha512::digest(b"access")[..32]);
        let mut claims = json!({
            "iss": issuer, "sub": "s-ana", "aud": "interlock", "nonce": self.nonce,
            "iat": now, "exp": now + 300, "at_hash": access,
            "email": "ana@example.com", "email_verified": true,
        });
        let (alg, access) = match self.sign {
            Sign::Rsa => ("RS256", base64url(&sha2::Sha256::digest(b"access")[..16])),
            Sign::Nothing => ("none", access),
            Sign::PublicKey => ("HS256", access),
            Sign::Ed25519 | Sign::Another => ("EdDSA", access),
        };
        claims["at_hash"] = json!(access);
        for (name, value) in self.claims.as_object().expect("an object") {
            if value.is_null() {
                claims.as_object_mut().expect("an object").remove(name);
            } else {
                claims[name] = value.clone();
            }
        }
        let header = json!({"alg": alg, "kid": self.kid.0});
        let signed = format!(
            "{}.{}",
            base64url(header.to_string().as_bytes()),
            base64url(claims.to_string().as_bytes())
        );
        let message = signed.as_bytes();
        let signature = match self.sign {
            Sign::Ed25519 => self.pair.sign(message).as_ref().to_vec(),
            Sign::Another => pair().sign(message).as_ref().to_vec(),
            Sign::Nothing => Vec::new(),
            Sign::PublicKey => {
                let key =
                    ring::hmac::Key::new(ring::hmac::HMAC_SHA256, self.pair.public_key().as_ref());
                ring::hmac::sign(&key, message).as_ref().to_vec()
            }
            Sign::Rsa => {
                let key = RsaKeyPair::from_pkcs8(RSA).expect("a key");
                let mut signature = vec![0; key.public().modulus_len()];
                let random = ring::rand::SystemRandom::new();
                key.sign(
                    &ring::signature::RSA_PKCS1_SHA256,
                    &random,
                    message,
                    &mut signature,
                )
                .expect("signed");
                signature
            }
        };
        format!("{signed}.{}", base64url(&signature))
    }

    fn keys(&self) -> Value {
        if self.sign == Sign::Rsa {
            let key = RsaKeyPair::from_pkcs8(RSA).expect("a key");
            let public: ring::signature::RsaPublicKeyComponents<Vec<u8>> = key.public().into();
            return json!({"keys": [{
                "kty": "RSA", "kid": self.kid.1, "alg": "RS256", "use": "sig",
                "n": base64url(&public.n), "e": base64url(&public.e),
            }]});
        }
        let x = base64url(self.pair.public_key().as_ref());
        json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": self.kid.1, "x": x}]})
    }

    fn answer(&mut self, issuer: &str, path: &str, head: &str, body: &str) -> String {
        self.asked.push(path.to_owned());
        if let Some((_, raw)) = self.raw.iter().find(|(at, _)| *at == path) {
            return raw.clone();
        }
        match path {
            "/.well-known/openid-configuration" => ok(&json!({
                "issuer": issuer,
                "authorization_endpoint": format!("{issuer}/authorize"),
                "token_endpoint": format!("{issuer}/token"),
                "jwks_uri": format!("{issuer}/keys"),
                "userinfo_endpoint": format!("{issuer}/userinfo"),
            })),
            "/keys" => ok(&self.keys()),
            "/token" => {
                let verifier = field(body, "code_verifier").expect("a verifier");
                let challenge = base64url(&sha2::Sha256::digest(verifier.as_bytes()));
                assert_eq!(challenge, self.challenge, "PKCE");
                assert_eq!(
                    field(body, "redirect_uri").as_ref(),
                    Some(&self.redirect_uri)
                );
                assert_eq!(
                    field(body, "grant_type").as_deref(),
                    Some("authorization_code")
                );
                let basic = head
                    .lines()
                    .find_map(|line| line.strip_prefix("authorization: Basic "))
                    .expect("who asks");
                let basic =
                    String::from_utf8(base64::decode(basic).expect("base 64")).expect("text");
                let (id, secret) = basic.split_once(':').expect("a pair");
                assert_eq!(
                    (decoded(id), decoded(secret)),
                    ("interlock".into(), SECRET.into())
                );
                if field(body, "code").as_deref() != Some("good") {
                    return answer("400 Bad Request", r#"{"error":"invalid_grant"}"#);
                }
                let token = self.token(issuer);
                ok(&json!({"access_token": "access", "token_type": "Bearer", "id_token": token}))
            }
            "/userinfo" => {
                assert!(head.contains("authorization: Bearer access"), "{head}");
                ok(&self.userinfo)
            }
            _ => answer("404 Not Found", "{}"),
        }
    }
}

impl Provider {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let plan = Arc::new(Mutex::new(Plan {
            sign: Sign::Ed25519,
            claims: json!({}),
            userinfo: json!({"sub": "s-ana"}),
            kid: ("k", "k"),
            raw: Vec::new(),
            slow: Duration::ZERO,
            pair: pair(),
            nonce: String::new(),
            challenge: String::new(),
            redirect_uri: String::new(),
            asked: Vec::new(),
        }));
        let shared = Arc::clone(&plan);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let plan = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream, address, &plan));
            }
        });
        Self { address, plan }
    }

    fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().expect("no panic")
    }
}

fn serve(mut stream: TcpStream, address: SocketAddr, plan: &Mutex<Plan>) {
    let mut reader = BufReader::new(stream.try_clone().expect("a clone"));
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap_or(0) == 0 {
            return;
        }
    }
    let header = |name: &str| {
        let line = head
            .lines()
            .find(|l| l.to_ascii_lowercase().starts_with(name));
        line.and_then(|l| Some(l.split_once(": ")?.1.to_owned()))
    };
    let length = header("content-length")
        .and_then(|l| l.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("the body");
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let body = String::from_utf8(body).expect("text");
    let (text, slow) = {
        let mut plan = plan.lock().expect("no panic");
        let text = plan.answer(&format!("http://{address}"), &path, &head, &body);
        (text, plan.slow)
    };
    std::thread::sleep(slow);
    let _ = stream.write_all(text.as_bytes());
}

/// A server with that provider; `more` goes into its part of the file.
fn server(provider: &Provider, more: &str) -> Server {
    let server = Server::with(Limits {
        wrong_keys_burst: 10_000,
        ..Limits::default()
    });
    configure(&server, provider, more);
    server
}

fn configure(server: &Server, provider: &Provider, more: &str) {
    let secret = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(secret.path(), format!("{SECRET}\n")).expect("written");
    let text = format!(
        "providers:\n  sso:\n    label: Example\n    issuer: {}\n    client_id: interlock\n    timeout_ms: 400\n    client_secret: {{ file: '{}' }}\n{more}",
        provider.issuer(),
        secret.path().display()
    );
    let config = SignInConfig::parse(&text).expect("a configuration");
    server.app.set_sign_in(&config).expect("set");
}

fn invite(server: &Server, login: &str) -> String {
    let body = json!({"login": login, "role": "approver"}).to_string();
    let made = server.post("/api/users", &body);
    assert_eq!(made.status, 201, "{}", made.text);
    made.json()["user"]["id"]
        .as_str()
        .expect("an id")
        .to_owned()
}

/// A sign-in that has begun: what the browser keeps, and what it brings back.
struct Begun {
    cookie: String,
    state: String,
}

fn begin(server: &Server, provider: &Provider, to: &str) -> Begun {
    let mut browser = Browser::new(server);
    let body = json!({"provider": "sso", "to": to});
    let begun = browser.call("POST", "/api/session/oidc", &body);
    assert_eq!(begun.status, 200, "{}", begun.text);
    assert!(
        begun.head.contains("httponly; samesite=lax; max-age=600"),
        "{}",
        begun.head
    );
    let url = begun.field("url");
    let (page, query) = url.split_once('?').expect("a query");
    assert_eq!(page, format!("{}/authorize", provider.issuer()));
    let get = |name: &str| field(query, name).unwrap_or_else(|| panic!("no {name}: {query}"));
    assert_eq!(
        (
            get("response_type"),
            get("client_id"),
            get("code_challenge_method"),
            get("scope")
        ),
        (
            "code".into(),
            "interlock".into(),
            "S256".into(),
            "openid email profile".into()
        )
    );
    let mut plan = provider.plan();
    plan.nonce = get("nonce");
    plan.challenge = get("code_challenge");
    plan.redirect_uri = get("redirect_uri");
    assert_eq!(
        plan.redirect_uri,
        format!("http://{}{CALLBACK}", server.address)
    );
    Begun {
        cookie: browser.cookie.expect("a cookie"),
        state: get("state"),
    }
}

/// The browser comes back from the provider's page.
fn back(server: &Server, cookie: &str, query: &str) -> Answer {
    back_to(server, CALLBACK, cookie, query)
}

fn back_to(server: &Server, path: &str, cookie: &str, query: &str) -> Answer {
    let headers = [
        ("cookie", cookie),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "navigate"),
    ];
    server.send("GET", &format!("{path}?{query}"), &headers, b"")
}

fn whole(server: &Server, provider: &Provider) -> Answer {
    let begun = begin(server, provider, "/");
    back(
        server,
        &begun.cookie,
        &format!("code=good&state={}", begun.state),
    )
}

/// The session that an answer gives.
fn session(answer: &Answer) -> Option<String> {
    answer
        .raw_head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"))
        .find(|(_, value)| value.starts_with("interlock-loopback=") && !value.contains("=;"))
        .map(|(_, value)| value.split(';').next().unwrap_or_default().to_owned())
}

fn refused(answer: &Answer, status: u16, said: &str) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert!(answer.text.contains(said), "{said}: {}", answer.text);
    assert!(answer.head.contains("text/html"), "{}", answer.head);
    assert_eq!(session(answer), None, "{}", answer.head);
}

#[test]
fn whoever_is_invited_gets_in_and_is_known_again() {
    let provider = Provider::start();
    let server = server(&provider, "");
    let id = invite(&server, "ana@example.com");
    let begun = begin(&server, &provider, "/approvals/1");
    let query = format!("code=good&state={}", begun.state);
    let answer = back(&server, &begun.cookie, &query);
    assert_eq!(answer.status, 303, "{}", answer.text);
    assert!(
        answer.head.contains("location: /approvals/1\r"),
        "{}",
        answer.head
    );
    assert!(answer.head.contains("samesite=strict"), "{}", answer.head);
    let cookie = session(&answer).expect("a session");
    let mut browser = Browser::new(&server);
    browser.cookie = Some(cookie);
    let who = browser.get("/api/whoami").json();
    assert_eq!(
        (&who["subject"], &who["role"]),
        (&json!("ana@example.com"), &json!("approver"))
    );
    let sessions = browser.get("/api/sessions").json();
    assert_eq!(sessions[0]["method"], "oidc", "{sessions}");
    // There is no password to change, and the link of the invitation is used up.
    let change = json!({"old_password": "x", "new_password": "plain tree over the ridge"});
    let none = browser.call("POST", "/api/password", &change);
    assert_eq!(
        (none.status, none.field("code").as_str()),
        (409, "password.none")
    );
    // Known by the subject from now on, whatever the address.
    provider.plan().claims = json!({"email": "new@example.com"});
    assert_eq!(whole(&server, &provider).status, 303);
    // Nobody else by the address.
    provider.plan().claims = json!({"sub": "s-eve"});
    refused(
        &whole(&server, &provider),
        403,
        "not linked to the provider",
    );
    provider.plan().claims = json!({});
    let users = server.get("/api/users").json();
    assert_eq!(
        (&users[0]["issuer"], &users[0]["mapped"]),
        (&json!(provider.issuer()), &json!(false))
    );
    let record = record(&server);
    for what in ["user-linked", "session-begun-oidc"] {
        assert!(record.contains(what), "{what}: {record}");
    }
    // Who is disabled is told so, and is out.
    server.call(
        "PATCH",
        &format!("/api/users/{id}"),
        &server.admin,
        r#"{"disabled":true}"#,
    );
    refused(&whole(&server, &provider), 403, "is disabled");
    assert_eq!(browser.get("/api/whoami").status, 401);
    let stored = server.stored_bytes();
    let holds = |text: &[u8]| stored.windows(text.len()).any(|w| w == text);
    assert!(!holds(begun.state.as_bytes()) && !holds(SECRET.as_bytes()));
}

#[test]
fn whoever_is_not_invited_stays_out() {
    let provider = Provider::start();
    let server = server(&provider, "    email_domains: [example.com]\n");
    refused(
        &whole(&server, &provider),
        403,
        "Nobody here has invited you",
    );
    let ana = invite(&server, "ana@example.com");
    for unsure in [
        json!({"email_verified": false}),
        json!({"email_verified": null}),
        json!({"email_verified": "true"}),
        json!({"email": null}),
    ] {
        provider.plan().claims = unsure;
        refused(
            &whole(&server, &provider),
            403,
            "does not confirm your e-mail address",
        );
    }
    invite(&server, "ana@elsewhere.example");
    provider.plan().claims = json!({"email": "ana@elsewhere.example"});
    refused(
        &whole(&server, &provider),
        403,
        "Nobody here has invited you",
    );
    // Whoever has joined with a password is not taken over, nor after the invitation ran out.
    let local = join(&server, &server.admin, "bo@example.com", "admin");
    provider.plan().claims = json!({"email": "bo@example.com", "sub": "s-bo"});
    refused(
        &whole(&server, &provider),
        403,
        "not linked to the provider",
    );
    // Nor after a reset, whose invitation is good by its link only, unless it was made for a provider.
    let path = format!("/api/users/{}/reset", local.id);
    for body in ["", "{}", r#"{"at_provider":false}"#] {
        let reset = server.post(&path, body);
        assert_eq!(reset.status, 201, "{}", reset.text);
        refused(
            &whole(&server, &provider),
            403,
            "not linked to the provider",
        );
    }
    assert!(!record(&server).contains("user-linked"), "nobody was");
    let reset = server.post(&path, r#"{"at_provider":true}"#);
    assert_eq!(reset.status, 201, "{}", reset.text);
    assert_eq!(whole(&server, &provider).status, 303);
    // Userinfo, where the token is silent.
    let mut plan = provider.plan();
    plan.claims = json!({"email": null, "email_verified": null});
    plan.userinfo = json!({"sub": "s-bo", "email": "ana@example.com", "email_verified": true});
    drop(plan);
    refused(&whole(&server, &provider), 403, "could not be checked");
    provider.plan().userinfo["sub"] = json!("s-ana");
    assert_eq!(whole(&server, &provider).status, 303);
    let user = server.get("/api/users").json();
    let user = user
        .as_array()
        .expect("users")
        .iter()
        .find(|u| u["id"] == json!(ana));
    assert_eq!(user.expect("ana")["issuer"], json!(provider.issuer()));
}

#[test]
fn groups_of_the_provider_make_people_and_unmake_them() {
    let provider = Provider::start();
    let more = "    roles: { leads: approver, root: admin }\n    groups: { finance-eu: finance }\n";
    let server = server(&provider, more);
    for nobody in [
        json!({}),
        json!({"groups": ["staff"]}),
        json!({"groups": [["root"]]}),
    ] {
        provider.plan().claims = nobody;
        refused(
            &whole(&server, &provider),
            403,
            "Nobody here has invited you",
        );
    }
    provider.plan().claims = json!({"groups": ["staff", "leads", "finance-eu"], "name": "Ana B."});
    let cookie = session(&whole(&server, &provider)).expect("a session");
    let mut browser = Browser::new(&server);
    browser.cookie = Some(cookie);
    assert_eq!(browser.get("/api/whoami").json()["role"], "approver");
    let users = server.get("/api/users").json();
    assert_eq!(
        (&users[0]["groups"], &users[0]["mapped"], &users[0]["name"]),
        (&json!(["finance"]), &json!(true), &json!("Ana B."))
    );
    // An admin here does not say otherwise.
    let path = format!("/api/users/{}", users[0]["id"].as_str().expect("an id"));
    let changed = server.call("PATCH", &path, &server.admin, r#"{"role":"admin"}"#);
    assert_eq!(changed.status, 409, "{}", changed.text);
    // More at the provider is more here, at the next sign-in; what was before ends.
    provider.plan().claims = json!({"groups": ["leads", "root"]});
    let cookie = session(&whole(&server, &provider)).expect("a session");
    assert_eq!(browser.get("/api/whoami").status, 401);
    browser.cookie = Some(cookie);
    assert_eq!(browser.get("/api/whoami").json()["role"], "admin");
    // Nothing there is nothing here.
    provider.plan().claims = json!({"groups": []});
    refused(&whole(&server, &provider), 403, "any more");
    assert_eq!(browser.get("/api/whoami").status, 401);
    assert!(record(&server).contains("sign-in-refused"));
    // Disabled as by an admin, so that keys, votes and messages end; a group there enables again.
    let user = || server.get("/api/users").json()[0].clone();
    assert!(user()["disabled_at"].is_string(), "{}", user());
    assert!(record(&server).contains("user-disabled"));
    refused(&whole(&server, &provider), 403, "any more");
    provider.plan().claims = json!({"groups": ["leads", "finance-eu"]});
    assert_eq!(whole(&server, &provider).status, 303);
    let back = user();
    assert_eq!(
        (&back["disabled_at"], &back["role"], &back["groups"]),
        (&Value::Null, &json!("approver"), &json!(["finance"]))
    );
    assert!(record(&server).contains("user-enabled"));
    // Not whom an admin disabled, also after the provider did.
    for claims in [json!({"groups": []}), json!({"groups": ["leads"]})] {
        provider.plan().claims = claims;
        let _ = whole(&server, &provider);
        let off = server.call("PATCH", &path, &server.admin, r#"{"disabled":true}"#);
        assert_eq!(off.status, 200, "{}", off.text);
        provider.plan().claims = json!({"groups": ["leads"]});
        refused(&whole(&server, &provider), 403, "is disabled");
        server.call("PATCH", &path, &server.admin, r#"{"disabled":false}"#);
    }
    // The login of somebody else is not taken over by a group either.
    join(&server, &server.admin, "bo@example.com", "auditor");
    provider.plan().claims = json!({"groups": ["root"], "email": "bo@example.com", "sub": "s-bo"});
    refused(&whole(&server, &provider), 403, "not linked");
}

#[test]
fn what_a_provider_says_is_checked() {
    let provider = Provider::start();
    let server = server(&provider, "");
    invite(&server, "ana@example.com");
    let out = "could not be checked";
    for sign in [Sign::Nothing, Sign::PublicKey, Sign::Another] {
        provider.plan().sign = sign;
        refused(&whole(&server, &provider), 403, out);
    }
    provider.plan().sign = Sign::Ed25519;
    let now = jiff::Timestamp::now().as_second();
    for claims in [
        json!({"nonce": "another"}),
        json!({"nonce": null}),
        json!({"aud": "another"}),
        json!({"aud": ["interlock", "another"]}),
        json!({"iss": "https://evil.example"}),
        json!({"exp": now - 120}),
        json!({"nbf": now + 120}),
        json!({"iat": now - 7_200}),
        json!({"at_hash": "AAAA"}),
        json!({"sub": null}),
    ] {
        provider.plan().claims = claims.clone();
        let answer = whole(&server, &provider);
        assert_eq!(answer.status, 403, "{claims}");
        refused(&answer, 403, out);
    }
    provider.plan().claims = json!({});
    let begun = begin(&server, &provider, "/");
    let answer = back(
        &server,
        &begun.cookie,
        &format!("code=bad&state={}", begun.state),
    );
    refused(&answer, 403, out);
    assert_eq!(
        whole(&server, &provider).status,
        303,
        "the same provider, honest"
    );
}

#[test]
fn keys_change_and_unknown_ones_are_not_believed() {
    let provider = Provider::start();
    let server = server(&provider, "");
    invite(&server, "ana@example.com");
    assert_eq!(whole(&server, &provider).status, 303);
    assert_eq!(whole(&server, &provider).status, 303);
    let asked = |path: &str| provider.plan().asked.iter().filter(|p| *p == path).count();
    assert_eq!(
        (asked("/keys"), asked("/.well-known/openid-configuration")),
        (1, 1),
        "kept"
    );
    // Another key under another name: asked for again, once.
    let mut plan = provider.plan();
    plan.pair = pair();
    plan.kid = ("k2", "k2");
    drop(plan);
    assert_eq!(whole(&server, &provider).status, 303);
    assert_eq!(asked("/keys"), 2);
    provider.plan().kid = ("k3", "k2");
    refused(&whole(&server, &provider), 403, "could not be checked");
    assert_eq!(asked("/keys"), 3);
    // RSA, as most have.
    let mut plan = provider.plan();
    plan.sign = Sign::Rsa;
    plan.kid = ("r", "r");
    drop(plan);
    assert_eq!(whole(&server, &provider).status, 303);
}

#[test]
fn an_answer_is_good_once_and_in_the_browser_that_began() {
    let provider = Provider::start();
    let server = server(&provider, "");
    invite(&server, "ana@example.com");
    let over = "This sign-in is over";
    let (one, two) = (
        begin(&server, &provider, "/"),
        begin(&server, &provider, "/"),
    );
    let query = |begun: &Begun| format!("code=good&state={}", begun.state);
    for (cookie, query) in [
        // Of another browser, of none, altered, without what binds.
        (one.cookie.as_str(), query(&two)),
        ("", query(&two)),
        (&two.cookie[..two.cookie.len() - 2], query(&two)),
        ("interlock-loopback-sign-in=AAAA", query(&two)),
        (&two.cookie, "code=good".to_owned()),
        (&two.cookie, "code=good&state=".to_owned()),
        (&two.cookie, format!("{}&state=x", query(&two))),
        (&two.cookie, String::new()),
        (&format!("{0}; {0}", two.cookie), query(&two)),
    ] {
        refused(&back(&server, cookie, &query), 400, over);
    }
    let answer = back(&server, &two.cookie, &query(&two));
    assert_eq!(answer.status, 303, "none of it used it up: {}", answer.text);
    refused(&back(&server, &two.cookie, &query(&two)), 400, over);
    // The provider's no takes no place among those that were taken; the browser forgets what it began.
    let denied = begin(&server, &provider, "/");
    let no = format!("error=access_denied&state={}", denied.state);
    let answer = back(&server, &denied.cookie, &no);
    refused(&answer, 403, "did not let you in");
    assert!(
        answer.head.contains("interlock-loopback-sign-in=;"),
        "{}",
        answer.head
    );
    // Of another provider it is not one (RFC 9207).
    let mixed = begin(&server, &provider, "/");
    let other = format!("{}&iss=https%3A%2F%2Fevil.example", query(&mixed));
    refused(
        &back(&server, &mixed.cookie, &other),
        403,
        "could not be checked",
    );
    let same = begin(&server, &provider, "/");
    let own = format!("{}&iss={}", query(&same), provider.issuer());
    assert_eq!(back(&server, &same.cookie, &own).status, 303);
    // Only the own page begins, and only a path of this server is gone to.
    let mut browser = Browser::new(&server);
    for to in [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "x",
        "/a\r\nb: c",
    ] {
        let body = json!({"provider": "sso", "to": to});
        assert_eq!(
            browser.call("POST", "/api/session/oidc", &body).status,
            400,
            "{to}"
        );
    }
    let unknown = browser.call("POST", "/api/session/oidc", &json!({"provider": "x"}));
    assert_eq!(unknown.status, 404);
    let body = json!({"provider": "sso"}).to_string();
    let elsewhere = [
        ("origin", "https://evil.example"),
        ("sec-fetch-site", "cross-site"),
    ];
    let answer = server.send("POST", "/api/session/oidc", &elsewhere, body.as_bytes());
    assert_eq!(answer.status, 403);
    let listed = browser.get("/api/session/oidc").json();
    assert_eq!(listed, json!([{"name": "sso", "label": "Example"}]));
}

#[test]
fn a_provider_that_is_down_or_hostile_keeps_nobody_else_out() {
    const DISCOVERY: &str = "/.well-known/openid-configuration";
    let provider = Provider::start();
    let issuer = provider.issuer();
    let page = |issuer: &str, token: &str| {
        ok(&json!({
            "issuer": issuer, "authorization_endpoint": "https://id.example/authorize",
            "token_endpoint": token, "jwks_uri": "https://id.example/keys",
        }))
    };
    for raw in [
        answer("500 Internal Server Error", "{}"),
        "HTTP/1.1 302 Found\r\nlocation: https://evil.example/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned(),
        answer("200 OK", "not JSON"),
        answer("200 OK", "{}"),
        page("https://evil.example", "https://id.example/token"),
        page(&issuer, "http://id.example/token"),
        page(&issuer, "file:///etc/passwd"),
        page(&issuer, "http://169.254.169.254/token"),
        ok(&json!({"issuer": issuer, "padding": "x".repeat(200_000)})),
        // It promises more than it sends, and never ends.
        format!("HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n{}", "x".repeat(200_000)),
    ] {
        let server = server(&provider, "");
        let shown: String = raw.chars().take(200).collect();
        provider.plan().raw = vec![(DISCOVERY, raw)];
        let body = json!({"provider": "sso"});
        let answer = Browser::new(&server).call("POST", "/api/session/oidc", &body);
        assert_eq!(
            (answer.status, answer.field("code").as_str()),
            (503, "provider.unavailable"),
            "{shown}: {}",
            answer.text
        );
    }
    provider.plan().raw.clear();
    let server = server(&provider, "");
    invite(&server, "ana@example.com");
    // Between there and back again.
    for (path, raw) in [
        ("/token", answer("500 Internal Server Error", "{}")),
        ("/token", answer("200 OK", r#"{"access_token":"a"}"#)),
        ("/token", "HTTP/1.1 307 Temporary Redirect\r\nlocation: https://evil.example/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned()),
        ("/keys", answer("404 Not Found", "")),
    ] {
        provider.plan().raw = vec![(path, raw)];
        refused(&whole(&server, &provider), 503, "The provider does not answer");
    }
    provider.plan().raw.clear();
    let begun = begin(&server, &provider, "/");
    provider.plan().slow = Duration::from_millis(900);
    let late = back(
        &server,
        &begun.cookie,
        &format!("code=good&state={}", begun.state),
    );
    refused(&late, 503, "The provider does not answer");
    // A local account needs no provider.
    let mut local = join(&server, &server.admin, "bo", "approver");
    assert_eq!(local.browser.get("/api/whoami").status, 200);
    provider.plan().slow = Duration::ZERO;
    assert_eq!(whole(&server, &provider).status, 303);
}

#[test]
fn without_a_configuration_there_is_no_such_way() {
    let server = Server::start();
    let mut browser = Browser::new(&server);
    assert_eq!(browser.get("/api/session/oidc").json(), json!([]));
    let begun = browser.call("POST", "/api/session/oidc", &json!({"provider": "sso"}));
    assert_eq!(begun.status, 404);
    refused(
        &back(&server, "", "code=a&state=b"),
        400,
        "This sign-in is over",
    );
}

#[test]
fn an_answer_counts_at_the_address_of_the_provider_that_was_asked_alone() {
    let (provider, other) = (Provider::start(), Provider::start());
    let more = format!(
        "  other:\n    issuer: {}\n    client_id: interlock\n",
        other.issuer()
    );
    let server = server(&provider, &more);
    invite(&server, "ana@example.com");
    // The provider that was asked sends the browser on to the other one, whose code comes back; neither
    // says `iss`. The one that was asked must not be given that code.
    let begun = begin(&server, &provider, "/");
    let query = format!("code=good&state={}", begun.state);
    for path in [
        "/api/session/oidc/callback/other",
        "/api/session/oidc/callback/SSO",
        "/api/session/oidc/callback/none",
    ] {
        let answer = back_to(&server, path, &begun.cookie, &query);
        refused(&answer, 400, "This sign-in is over");
    }
    assert!(!provider.plan().asked.contains(&"/token".to_owned()));
    assert!(other.plan().asked.is_empty());
    // None of it used the sign-in up.
    assert_eq!(back(&server, &begun.cookie, &query).status, 303);
}

#[test]
fn a_group_of_the_provider_is_nobodys_without_anybody_in_it() {
    let provider = Provider::start();
    let more = "    roles: { leads: approver }\n    groups: { finance-eu: finance }\n";
    let server = server(&provider, more);
    let bundle = "interlock: 1\nname: office\ndefault: allow\nrules:\n  - id: one\n    \
        match: { action: [payment] }\n    effect: require_approval\n    \
        approvers: { group: finance, quorum: 1 }\n";
    let body = json!({"name": "office", "text": bundle}).to_string();
    assert_eq!(server.post("/api/bundle", &body).status, 200);
    let mut bo = join(&server, &server.admin, "bo", "approver");
    let body = json!({"agent_id": "bot", "action_type": "payment", "arguments": {"amount": 1}});
    let asked = server.post("/api/check", &body.to_string());
    let path = format!("/api/approvals/{}/decide", asked.field("approval_id"));
    let approve = json!({"decision": "approve"});
    let mut by_bo = || {
        let answer = bo.browser.call("POST", &path, &approve);
        assert_eq!(answer.status, 403, "{}", answer.text);
        assert!(answer.text.contains("not in group"), "{}", answer.text);
    };
    // Nobody has signed in yet.
    by_bo();
    let sign_in = |groups: &[&str]| {
        provider.plan().claims = json!({"groups": groups});
        session(&whole(&server, &provider)).expect("a session")
    };
    sign_in(&["leads", "finance-eu"]);
    by_bo();
    // The only one in it lost the group at the provider.
    let cookie = sign_in(&["leads"]);
    by_bo();
    let mut ana = Browser::new(&server);
    ana.cookie = Some(cookie);
    assert_eq!(ana.call("POST", &path, &approve).status, 403);
    ana.cookie = Some(sign_in(&["leads", "finance-eu"]));
    let answer = ana.call("POST", &path, &approve);
    assert_eq!(
        (answer.status, answer.field("state").as_str()),
        (200, "approved"),
        "{}",
        answer.text
    );
}

#[test]
fn a_reset_leaves_to_the_provider_what_a_mapped_user_may_do() {
    let provider = Provider::start();
    let server = server(&provider, "    roles: { leads: approver, root: admin }\n");
    provider.plan().claims = json!({"groups": ["root"]});
    assert_eq!(whole(&server, &provider).status, 303);
    let user = || server.get("/api/users").json()[0].clone();
    let path = format!("/api/users/{}/reset", user()["id"].as_str().expect("an id"));
    let reset = |body: &str| {
        let reset = server.post(&path, body);
        assert_eq!(reset.status, 201, "{}", reset.text);
        reset.json()
    };
    // No password, by whichever link, and no new link to the provider without its being meant.
    for at_provider in [false, true] {
        let made = reset(&json!({"at_provider": at_provider}).to_string());
        let link = made["invitation"]["path"].as_str().expect("a path");
        let token = link.strip_prefix("/join#").expect("its form");
        let nonce = "0123456789abcdef0123456789abcdef";
        let body = json!({"token": token, "nonce": nonce});
        let look = Browser::new(&server).call("POST", "/api/join/look", &body);
        assert_eq!(
            (look.status, look.field("code").as_str()),
            (404, "invitation.provider")
        );
    }
    reset("");
    refused(&whole(&server, &provider), 403, "not linked");
    reset(r#"{"at_provider":true}"#);
    // What the groups say by now holds, and nothing when they say nothing.
    provider.plan().claims = json!({"groups": []});
    refused(&whole(&server, &provider), 403, "any more");
    provider.plan().claims = json!({"groups": ["leads"]});
    assert_eq!(whole(&server, &provider).status, 303);
    assert_eq!(
        (&user()["mapped"], &user()["role"]),
        (&json!(true), &json!("approver"))
    );
}

#[test]
fn a_provider_that_hangs_is_asked_once_and_holds_up_no_other() {
    let (provider, other) = (Provider::start(), Provider::start());
    let more = format!(
        "  other:\n    issuer: {}\n    client_id: interlock\n",
        other.issuer()
    );
    let server = server(&provider, &more);
    provider.plan().slow = Duration::from_millis(900);
    let ask = |name: &str| {
        let body = json!({"provider": name});
        Browser::new(&server)
            .call("POST", "/api/session/oidc", &body)
            .status
    };
    std::thread::scope(|scope| {
        let hang: Vec<_> = (0..24).map(|_| scope.spawn(|| ask("sso"))).collect();
        assert_eq!(ask("other"), 200);
        for one in hang {
            assert_eq!(one.join().expect("an answer"), 503);
        }
    });
    // That it failed is remembered.
    assert_eq!(ask("sso"), 503);
    assert_eq!(
        provider.plan().asked.len(),
        1,
        "{:?}",
        provider.plan().asked
    );
}

#[test]
fn userinfo_says_whose_the_address_is_where_the_token_does_not() {
    let provider = Provider::start();
    let server = server(&provider, "");
    invite(&server, "ana@example.com");
    let mut plan = provider.plan();
    plan.claims = json!({"email_verified": null});
    plan.userinfo = json!({"sub": "s-ana", "email": "ana@example.com", "email_verified": true});
    drop(plan);
    assert_eq!(whole(&server, &provider).status, 303);
}
