//! Tokens signed by keys that are made here.

use proptest::prelude::*;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair,
};
use serde_json::{Value, json};

use super::*;

const RSA: &[u8] = include_bytes!("../../../tests/it/cases/provider_rsa.pkcs8");

fn token(header: &Value, payload: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let signed = format!(
        "{}.{}",
        to_base64url(header.to_string().as_bytes()),
        to_base64url(payload.to_string().as_bytes())
    );
    let signature = to_base64url(&sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

fn keys(all: &Value) -> Result<Keys, TokenError> {
    Keys::parse(json!({"keys": all}).to_string().as_bytes())
}

/// The tokens of one key each, with the key.
fn signed() -> Vec<(&'static str, Value, String)> {
    let random = ring::rand::SystemRandom::new();
    let payload = json!({"sub": "ana"});
    let rsa = RsaKeyPair::from_pkcs8(RSA).unwrap();
    let of_rsa = token(&json!({"alg": "RS256", "kid": "r"}), &payload, |message| {
        let mut signature = vec![0; rsa.public().modulus_len()];
        rsa.sign(
            &ring::signature::RSA_PKCS1_SHA256,
            &random,
            message,
            &mut signature,
        )
        .unwrap();
        signature
    });
    let public: RsaPublicKeyComponents<Vec<u8>> = rsa.public().into();
    let rsa = json!({
        "kty": "RSA", "kid": "r", "use": "sig", "alg": "RS256",
        "n": to_base64url(&public.n), "e": to_base64url(&public.e),
    });
    let seed = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let ec =
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, seed.as_ref(), &random).unwrap();
    let of_ec = token(&json!({"alg": "ES256", "kid": "e"}), &payload, |message| {
        ec.sign(&random, message).unwrap().as_ref().to_vec()
    });
    let point = ec.public_key().as_ref();
    let ec = json!({
        "kty": "EC", "crv": "P-256", "kid": "e",
        "x": to_base64url(&point[1..33]), "y": to_base64url(&point[33..]),
    });
    let seed = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
    let ed = Ed25519KeyPair::from_pkcs8(seed.as_ref()).unwrap();
    let of_ed = token(&json!({"alg": "EdDSA", "kid": "d"}), &payload, |message| {
        ed.sign(message).as_ref().to_vec()
    });
    let ed = json!({
        "kty": "OKP", "crv": "Ed25519", "kid": "d", "x": to_base64url(ed.public_key().as_ref()),
    });
    vec![("r", rsa, of_rsa), ("e", ec, of_ec), ("d", ed, of_ed)]
}

#[test]
fn each_kind_of_key_signs_and_no_other_is_taken_for_it() {
    let all = signed();
    let whole = keys(&all.iter().map(|(_, key, _)| key.clone()).collect()).unwrap();
    for (kid, key, text) in &all {
        let read = Unverified::parse(text).unwrap();
        assert_eq!(read.verify(&whole).unwrap(), br#"{"sub":"ana"}"#, "{kid}");
        let others: Value = all
            .iter()
            .filter(|o| o.0 != *kid)
            .map(|o| o.1.clone())
            .collect();
        let without = keys(&others).unwrap();
        assert_eq!(read.verify(&without), Err(TokenError::UnknownKey), "{kid}");
        // The key of another kind under the same name is not the one.
        let mut renamed = others;
        for other in renamed.as_array_mut().unwrap() {
            other["kid"] = json!(kid);
        }
        let renamed = keys(&renamed).unwrap();
        assert_eq!(read.verify(&renamed), Err(TokenError::UnknownKey), "{kid}");
        // For encryption, or for another algorithm.
        for (name, value) in [("use", "enc"), ("alg", "RS512"), ("alg", "HS256")] {
            let mut other = key.clone();
            other[name] = json!(value);
            assert!(
                matches!(keys(&json!([other])), Err(TokenError::Keys(_))),
                "{kid} {name}"
            );
        }
    }
}

#[test]
fn what_is_not_signed_with_a_private_key_is_refused() {
    let (_, key, text) = signed().swap_remove(0);
    let (_, payload) = text.rsplit_once('.').unwrap().0.split_once('.').unwrap();
    for alg in [
        "none", "None", "HS256", "HS512", "RS512", "PS256", "ES384", "", "rs256",
    ] {
        let header = to_base64url(json!({"alg": alg, "kid": "r"}).to_string().as_bytes());
        for signature in ["", "AAAA"] {
            let token = format!("{header}.{payload}.{signature}");
            assert_eq!(
                Unverified::parse(&token).unwrap_err(),
                TokenError::Algorithm,
                "{alg}"
            );
        }
    }
    // The public key as the secret of a shared one.
    use hmac::{Hmac, KeyInit as _, Mac as _};
    let forged = token(
        &json!({"alg": "HS256", "kid": "r"}),
        &json!({"sub": "eve"}),
        |message| {
            let secret = from_base64url(key["n"].as_str().unwrap()).unwrap();
            let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&secret).unwrap();
            mac.update(message);
            mac.finalize().into_bytes().to_vec()
        },
    );
    assert_eq!(
        Unverified::parse(&forged).unwrap_err(),
        TokenError::Algorithm
    );
    // A key that came with the token.
    let header =
        json!({"alg": "RS256", "kid": "x", "jwk": key, "jku": "https://evil.example/keys"});
    let (signed, signature) = text.rsplit_once('.').unwrap();
    let _ = signed;
    let token = format!(
        "{}.{payload}.{signature}",
        to_base64url(header.to_string().as_bytes())
    );
    let whole = keys(&json!([key])).unwrap();
    let read = Unverified::parse(&token).unwrap();
    assert_eq!(read.verify(&whole), Err(TokenError::UnknownKey));
}

#[test]
fn a_token_of_another_form_is_refused() {
    let (_, key, text) = signed().swap_remove(2);
    let header = |value: Value| to_base64url(value.to_string().as_bytes());
    let (rest, signature) = text.rsplit_once('.').unwrap();
    let (_, payload) = rest.split_once('.').unwrap();
    let long = format!("{}.a.b", "a".repeat(TOKEN_BYTES_MAX));
    for wrong in [
        "",
        ".",
        "..",
        "a.b",
        "a.b.c.d",
        &long,
        &format!("{rest}.{signature}="),
        &format!("{rest}.{signature}\n"),
        &format!(" {text}"),
        &format!("{}.{payload}.{signature}", header(json!([]))),
        &format!("{}.{payload}.{signature}", header(json!({"kid": "d"}))),
        &format!(
            "{}.{payload}.{signature}",
            header(json!({"alg": "EdDSA", "crit": ["exp"]}))
        ),
        &format!(
            "{}.{payload}.{signature}",
            header(json!({"alg": "EdDSA", "kid": "k".repeat(300)}))
        ),
        &format!(
            "{}.{payload}.{signature}",
            to_base64url(br#"{"alg":"none","alg":"EdDSA"}"#)
        ),
    ] {
        let error = Unverified::parse(wrong).unwrap_err();
        assert!(matches!(error, TokenError::Form(_)), "{wrong}: {error}");
    }
    // Without a name of the key there must be no choice.
    let nameless = keys(&json!([key])).unwrap();
    let mut second = key.clone();
    second["kid"] = json!("other");
    let two = keys(&json!([key, second])).unwrap();
    let read = Unverified {
        kid: None,
        ..Unverified::parse(&text).unwrap()
    };
    assert!(read.verify(&nameless).is_ok());
    assert_eq!(read.verify(&two), Err(TokenError::UnknownKey));
}

#[test]
fn sets_of_keys_are_bounded() {
    for wrong in [
        "",
        "[]",
        "{}",
        r#"{"keys":{}}"#,
        r#"{"keys":[]}"#,
        r#"{"keys":[{"kty":"oct","k":"AA"}]}"#,
    ] {
        assert!(
            matches!(Keys::parse(wrong.as_bytes()), Err(TokenError::Keys(_))),
            "{wrong}"
        );
    }
    let (_, key, _) = signed().swap_remove(2);
    let many = vec![key.clone(); KEYS_MAX + 1];
    assert!(keys(&json!(many)).is_err());
    // What is not understood beside what is.
    let mixed =
        keys(&json!([{"kty": "new"}, 5, {"kty": "EC", "crv": "P-521", "x": "AA", "y": "AA"}, key]));
    assert_eq!(mixed.unwrap().0.len(), 1);
}

proptest! {
    #[test]
    fn base64url_is_one_text_per_value(bytes in prop::collection::vec(any::<u8>(), 0..80), other in "[A-Za-z0-9_+/=-]{0,40}") {
        let text = to_base64url(&bytes);
        prop_assert_eq!(from_base64url(&text), Some(bytes));
        if let Some(read) = from_base64url(&other) {
            prop_assert_eq!(to_base64url(&read), other);
        }
    }

    #[test]
    fn whatever_the_text_there_is_an_answer(text in "\\PC{0,200}", parts in prop::collection::vec("[A-Za-z0-9_-]{0,60}", 0..5)) {
        let _ = Unverified::parse(&text);
        let _ = Unverified::parse(&parts.join("."));
        let _ = Keys::parse(text.as_bytes());
    }

    /// Whatever one changes in a token, it does not hold any more.
    #[test]
    fn a_changed_token_is_not_believed(place in any::<prop::sample::Index>(), other in any::<prop::sample::Index>()) {
        use std::sync::OnceLock;
        static MADE: OnceLock<(String, Keys)> = OnceLock::new();
        let (text, keys) = MADE.get_or_init(|| {
            let (_, key, text) = signed().swap_remove(2);
            (text, super::tests::keys(&json!([key])).unwrap())
        });
        let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
        let mut bytes = text.clone().into_bytes();
        let at = place.index(bytes.len());
        let letter = letters[other.index(letters.len())];
        prop_assume!(bytes[at] != letter);
        bytes[at] = letter;
        let changed = String::from_utf8(bytes).unwrap();
        let believed = Unverified::parse(&changed).is_ok_and(|read| read.verify(keys).is_ok());
        prop_assert!(!believed, "{changed}");
    }
}
