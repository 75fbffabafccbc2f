//! Claims one by one; the signature is real.

use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

use super::super::jose::{Keys, TokenError, Unverified, to_base64url};
use super::*;

const NOW: i64 = 1_800_000_000;
const ACCESS: &str = "access";

struct Signer {
    pair: Ed25519KeyPair,
    keys: Keys,
}

fn signer() -> Signer {
    let random = ring::rand::SystemRandom::new();
    let seed = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
    let pair = Ed25519KeyPair::from_pkcs8(seed.as_ref()).unwrap();
    let x = to_base64url(pair.public_key().as_ref());
    let set = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x}]});
    let keys = Keys::parse(set.to_string().as_bytes()).unwrap();
    Signer { pair, keys }
}

impl Signer {
    fn check_text(&self, payload: &str) -> Result<Claims, TokenError> {
        let header = to_base64url(br#"{"alg":"EdDSA"}"#);
        let signed = format!("{header}.{}", to_base64url(payload.as_bytes()));
        let signature = to_base64url(self.pair.sign(signed.as_bytes()).as_ref());
        let token = format!("{signed}.{signature}");
        let expected = Expected {
            issuer: "https://id.example",
            client_id: "interlock",
            nonce: "n-1",
            access_token: Some(ACCESS),
            now_s: NOW,
        };
        verify(&Unverified::parse(&token).unwrap(), &self.keys, &expected)
    }

    fn check(&self, change: &Value) -> Result<Claims, TokenError> {
        let mut claims = json!({
            "iss": "https://id.example", "sub": "s-1", "aud": "interlock", "nonce": "n-1",
            "iat": NOW, "exp": NOW + 300, "email": "Ana@Example.com", "email_verified": true,
            "groups": ["staff", 5, "leads"], "name": " Ana ",
        });
        for (name, value) in change.as_object().unwrap() {
            if *value == json!("absent") {
                claims.as_object_mut().unwrap().remove(name);
            } else {
                claims[name] = value.clone();
            }
        }
        self.check_text(&claims.to_string())
    }
}

#[test]
fn what_a_token_must_say() {
    let signer = signer();
    let at_hash = {
        use sha2::Digest as _;
        to_base64url(&sha2::Sha512::digest(ACCESS)[..32])
    };
    for good in [
        json!({}),
        json!({"aud": ["interlock"]}),
        json!({"aud": ["interlock", "other"], "azp": "interlock"}),
        json!({"exp": NOW - 59}),
        json!({"iat": NOW + 60, "nbf": NOW + 60}),
        json!({"iat": NOW - 660, "exp": NOW + 1}),
        json!({"exp": (NOW + 300) as f64 + 0.5}),
        json!({"at_hash": at_hash}),
    ] {
        let claims = signer
            .check(&good)
            .unwrap_or_else(|e| panic!("{good}: {e}"));
        assert_eq!(claims.subject, "s-1");
    }
    for (claim, wrong) in [
        ("iss", json!({"iss": "https://id.example/"})),
        ("iss", json!({"iss": "https://evil.example"})),
        ("aud", json!({"aud": "other"})),
        ("aud", json!({"aud": []})),
        ("aud", json!({"aud": "interlock2"})),
        ("azp", json!({"aud": ["interlock", "other"]})),
        ("azp", json!({"azp": "other"})),
        ("exp", json!({"exp": NOW - 60})),
        ("exp", json!({"exp": -1})),
        ("exp", json!({"exp": 1e300})),
        ("iat", json!({"iat": NOW + 61})),
        ("iat", json!({"iat": NOW - 661})),
        ("nbf", json!({"nbf": NOW + 61})),
        ("nonce", json!({"nonce": "n-2"})),
        ("nonce", json!({"nonce": ""})),
        ("at_hash", json!({"at_hash": "AAAA"})),
        ("sub", json!({"sub": ""})),
        ("sub", json!({"sub": "s".repeat(256)})),
    ] {
        match signer.check(&wrong) {
            Err(TokenError::Claim(name, _)) => assert_eq!(name, claim, "{wrong}"),
            other => panic!("{wrong}: {other:?}"),
        }
    }
    for name in ["iss", "sub", "aud", "exp", "iat", "nonce"] {
        for wrong in [json!("absent"), json!(null), json!({"a": 1})] {
            let error = signer.check(&json!({name: wrong})).unwrap_err();
            assert!(matches!(error, TokenError::Form(_)), "{name}: {error}");
        }
    }
    // The last of two would count for some readers, the first for others.
    let twice = format!(
        r#"{{"iss":"https://id.example","sub":"a","sub":"b","aud":"interlock","nonce":"n-1","iat":{NOW},"exp":{}}}"#,
        NOW + 300
    );
    assert!(matches!(
        signer.check_text(&twice),
        Err(TokenError::Form(_))
    ));
}

#[test]
fn an_address_counts_when_the_provider_says_so() {
    let signer = signer();
    let email = |change: Value| signer.check(&change).unwrap().verified_email();
    assert_eq!(email(json!({})).as_deref(), Some("ana@example.com"));
    for unsure in [
        json!({"email_verified": false}),
        json!({"email_verified": "true"}),
        json!({"email_verified": 1}),
        json!({"email_verified": "absent"}),
        json!({"email": "absent"}),
        json!({"email": "ana"}),
        json!({"email": "a@b@c"}),
        json!({"email": ["ana@example.com"]}),
    ] {
        assert_eq!(email(unsure.clone()), None, "{unsure}");
    }
    let claims = signer.check(&json!({})).unwrap();
    assert_eq!(claims.groups("groups"), ["staff", "leads"]);
    assert_eq!(claims.groups("name"), [" Ana "]);
    assert!(claims.groups("none").is_empty());
    assert_eq!(claims.name(), Some("Ana"));
}

#[test]
fn userinfo_adds_and_is_of_the_same_person() {
    let signer = signer();
    let bare = json!({"email": "absent", "email_verified": "absent", "groups": "absent"});
    let add = |claims: &Claims, info: Value| {
        let mut claims = claims.clone();
        claims.add(info.to_string().as_bytes()).map(|()| claims)
    };
    let claims = signer.check(&bare).unwrap();
    let info = json!({
        "sub": "s-1", "email": "ana@example.com", "email_verified": true, "groups": ["leads"],
        "nonce": "x", "name": "Eve",
    });
    let more = add(&claims, info.clone()).unwrap();
    assert_eq!(more.verified_email().as_deref(), Some("ana@example.com"));
    assert_eq!(
        (more.groups("groups"), more.name()),
        (vec!["leads"], Some("Ana"))
    );
    for other in [json!({"sub": "s-2"}), json!({}), json!([])] {
        assert!(add(&claims, other.clone()).is_err(), "{other}");
    }
    // One answer's address is not made true by another's word for it.
    let unsure = signer.check(&json!({"email": "eve@example.com", "email_verified": "absent"}));
    let word = json!({"sub": "s-1", "email_verified": true});
    assert_eq!(add(&unsure.unwrap(), word).unwrap().verified_email(), None);
    let sure = signer.check(&json!({})).unwrap();
    let other = add(
        &sure,
        json!({"sub": "s-1", "email": "eve@example.com", "email_verified": true}),
    );
    assert_eq!(
        other.unwrap().verified_email().as_deref(),
        Some("ana@example.com")
    );
}
