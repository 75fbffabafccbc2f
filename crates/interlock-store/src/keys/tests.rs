use proptest::prelude::*;

use super::*;
use crate::MemoryStore;

fn ring() -> KeyRing {
    KeyRing::new([7; 32])
}

fn binding() -> Binding {
    Binding {
        tenant: "acme".into(),
        agent_id: Some("billing-bot".into()),
        environment: Some("production".into()),
        role: Role::Agent,
        label: "billing".into(),
        user_id: None,
    }
}

/// `ilk_` and the parts, with the checksum that fits.
fn key(id: &str, secret: &str) -> String {
    let body = format!("{PREFIX}{id}_{secret}");
    format!("{body}_{}", checksum(&body))
}

#[test]
fn forms() {
    let (id, secret) = ("a".repeat(12), "Z".repeat(43));
    let good = key(&id, &secret);
    assert_eq!(good.len(), KEY_LEN);
    let check = |text: &str, expected: Result<&str, FormError>| {
        assert_eq!(id_of(text), expected, "{text}");
    };
    check(&good, Ok(&id));
    check("", Err(FormError::Form));
    check("ilk_", Err(FormError::Form));
    check("vtk_test", Err(FormError::Form));
    check(&good[1..], Err(FormError::Form));
    check(&good[..good.len() - 1], Err(FormError::Form));
    check(&format!("{good}x"), Err(FormError::Form));
    check(&format!("{good} "), Err(FormError::Form));
    check(&format!("{good}_x"), Err(FormError::Form));
    check(&key("short", &secret), Err(FormError::Form));
    check(&key(&id, "short"), Err(FormError::Form));
    check(&key("a-aaaaaaaaaa", &secret), Err(FormError::Form));
    check(&key("äaaaaaaaaaa", &secret), Err(FormError::Form));
    check(&good.replacen('a', "b", 1), Err(FormError::Checksum));
    check(&good.replacen('Z', "z", 1), Err(FormError::Checksum));
}

/// Fixed, so that keys made by one version are accepted by the next.
#[test]
fn checksums_are_stable() {
    // CRC-32C of `123456789` is e3069283 (RFC 3720, B.4): 3808858755 in base 62.
    assert_eq!(checksum("123456789"), "49la9j");
    assert_eq!(checksum(""), "000000");
}

#[test]
fn a_minted_key_is_accepted_and_no_other() {
    let (ring, store) = (ring(), MemoryStore::new());
    let (secret, record, hash) = ring.mint(binding(), 10, Some(20)).unwrap();
    assert_eq!(id_of(secret.expose()), Ok(record.id.as_str()));
    store.insert_key(&record, &hash).unwrap();
    let accepted = ring.authenticate(&store, secret.expose(), 19).unwrap();
    assert_eq!(accepted.record, record);

    let check = |presented: &str, now, expected: &str| {
        let error = ring.authenticate(&store, presented, now).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    };
    check(secret.expose(), 20, "has expired");
    let (other, ..) = ring.mint(binding(), 10, None).unwrap();
    check(other.expose(), 11, "unknown");
    check(&key(&record.id, &"0".repeat(43)), 11, "unknown");
    check("vtk_something", 11, "unknown");
    check("", 11, "unknown");
    check(&"x".repeat(PRESENTED_BYTES_MAX + 1), 11, "unknown");
    check(&secret.expose()[..60], 11, "form");
    let stolen_rows = KeyRing::new([8; 32]);
    assert!(matches!(
        stolen_rows.authenticate(&store, secret.expose(), 11),
        Err(AuthError::Unknown)
    ));
    store.revoke_key("acme", &record.id, 12).unwrap();
    check(secret.expose(), 13, "revoked");
}

#[test]
fn a_key_of_another_form_is_imported() {
    let (ring, store) = (ring(), MemoryStore::new());
    let (record, hash) = ring.import("vtk_test", binding(), 1, None).unwrap();
    assert_eq!(record.id.len(), ID_LEN);
    store.insert_key(&record, &hash).unwrap();
    let accepted = ring.authenticate(&store, "vtk_test", 5).unwrap();
    assert_eq!(accepted.record.id, record.id);
    assert!(ring.authenticate(&store, "vtk_tesT", 5).is_err());
    // The id tells nothing to somebody without the pepper.
    let elsewhere = KeyRing::new([8; 32]);
    let (other, _) = elsewhere.import("vtk_test", binding(), 1, None).unwrap();
    assert_ne!(other.id, record.id);

    let ours = key(&"a".repeat(12), &"b".repeat(43));
    let (record, hash) = ring.import(&ours, binding(), 1, None).unwrap();
    assert_eq!(record.id, "a".repeat(12));
    store.insert_key(&record, &hash).unwrap();
    assert!(ring.authenticate(&store, &ours, 5).is_ok());
}

#[test]
fn what_cannot_be_a_key_is_not_imported() {
    let check = |key: &str, expected: &str| {
        let error = ring().import(key, binding(), 1, None).unwrap_err();
        assert!(error.to_string().contains(expected), "{key}: {error}");
    };
    check("", "8 to 512 bytes");
    check("short", "8 to 512 bytes");
    check(&"x".repeat(513), "8 to 512 bytes");
    check("with a space", "printable ASCII");
    check("naïve_key", "printable ASCII");
    check("ilk_not_really_ours", "does not have the form");
}

#[test]
fn a_binding_has_limits() {
    let check = |change: fn(&mut Binding), expires, expected: &str| {
        let mut binding = binding();
        change(&mut binding);
        let error = ring().mint(binding, 10, expires).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    };
    check(|b| b.tenant.clear(), None, "`tenant` is empty");
    check(|b| b.agent_id = Some(String::new()), None, "`agent_id`");
    check(|b| b.label = "x".repeat(257), None, "`label` is 257 bytes");
    check(|_| (), Some(10), "`expires` must be later");
}

#[test]
fn secrets_are_not_printed() {
    let ring = ring();
    let (secret, record, _) = ring.mint(binding(), 1, None).unwrap();
    let hidden = secret.expose().split('_').nth(2).unwrap();
    let printed = format!("{secret:?} {ring:?} {record:?}");
    assert!(!printed.contains(hidden), "{printed}");
}

#[test]
fn keys_do_not_repeat_and_use_all_digits() {
    let ring = ring();
    let mut seen = std::collections::BTreeSet::new();
    let mut digits = std::collections::BTreeSet::new();
    for _ in 0..200 {
        let (secret, record, _) = ring.mint(binding(), 1, None).unwrap();
        digits.extend(secret.expose().split('_').nth(2).unwrap().bytes());
        assert!(seen.insert(record.id));
    }
    assert_eq!(digits.len(), 62);
}

#[test]
fn the_pepper_stays() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pepper");
    let first = KeyRing::open(&path).unwrap();
    let again = KeyRing::open(&path).unwrap();
    assert_eq!(first.hash("x"), again.hash("x"));
    assert_ne!(first.hash("x"), ring().hash("x"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    std::fs::write(&path, [0; 31]).unwrap();
    let error = KeyRing::open(&path).unwrap_err();
    assert!(error.to_string().contains("32 bytes"), "{error}");
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "(ilk_)?[0-9a-zA-Zé_]{0,70}") {
        if let Ok(id) = id_of(&text) {
            prop_assert_eq!(id.len(), ID_LEN);
        }
    }

    #[test]
    fn one_changed_character_never_passes(
        id in "[0-9A-Za-z]{12}",
        secret in "[0-9A-Za-z]{43}",
        at in 0_usize..KEY_LEN,
        other in "[0-9A-Za-z_]",
    ) {
        let good = key(&id, &secret);
        prop_assert_eq!(id_of(&good), Ok(id.as_str()));
        let bad = format!("{}{other}{}", &good[..at], &good[at + 1..]);
        prop_assert_eq!(id_of(&bad).is_ok(), bad == good);
    }
}

#[test]
fn two_secrets_hold_while_a_key_is_rotated() {
    let (ring, store) = (ring(), MemoryStore::new());
    for imported in [false, true] {
        let (old, record) = if imported {
            let (record, hash) = ring.import("vtk_test", binding(), 10, None).unwrap();
            store.insert_key(&record, &hash).unwrap();
            ("vtk_test".to_owned(), record)
        } else {
            let (secret, record, hash) = ring.mint(binding(), 10, None).unwrap();
            store.insert_key(&record, &hash).unwrap();
            (secret.expose().to_owned(), record)
        };
        let rotate = |until| {
            let (secret, hash) = ring.secret_for(&record.id).unwrap();
            store
                .rotate_key("acme", &record.id, &hash, Some(1_000), until)
                .unwrap();
            secret.expose().to_owned()
        };
        let holds = |key: &str, now| ring.authenticate(&store, key, now).is_ok();
        let new = rotate(100);
        assert_eq!(id_of(&new), Ok(record.id.as_str()));
        assert!(holds(&old, 99) && holds(&new, 99));
        assert!(!holds(&old, 100) && holds(&new, 100));
        let newest = rotate(200);
        assert!(!holds(&old, 50), "only the last secret of before");
        assert!(holds(&new, 150) && holds(&newest, 150) && !holds(&newest, 1_000));
        store.revoke_key("acme", &record.id, 160).unwrap();
        assert!(!holds(&new, 170) && !holds(&newest, 170));
    }
}
