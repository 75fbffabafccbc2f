//! Keys.

use interlock_core::model::Role;
use interlock_store::{KeyRecord, Store};

use super::{Make, not_found, refused};

pub(super) fn all(make: Make<'_>) {
    keys(&*make());
    first_key(&*make());
    rotation(&*make());
}

pub(super) fn record(tenant: &str, id: &str, created: i64) -> KeyRecord {
    KeyRecord {
        id: id.to_owned(),
        tenant: tenant.to_owned(),
        agent_id: Some("billing-bot".to_owned()),
        environment: None,
        role: Role::PolicyAuthor,
        label: "for tests".to_owned(),
        created,
        expires: Some(1_000),
        revoked: None,
        last_used: None,
        previous_until: None,
        user_id: None,
    }
}

fn keys(store: &dyn Store) {
    let (a, b) = (record("t", "a", 2), record("t", "b", 1));
    store.insert_key(&a, &[1; 32]).unwrap();
    store.insert_key(&b, &[2; 32]).unwrap();
    let found = || store.key_for_authentication("a").unwrap().unwrap();
    assert_eq!((found().record, found().hash), (a.clone(), [1; 32]));
    assert_eq!(store.key_for_authentication("none").unwrap(), None);
    assert_eq!(store.keys("t").unwrap(), [b, a.clone()]);
    refused(store.insert_key(&a, &[3; 32]), "key `a` already exists");
    // Ids are unique across tenants, and a taken one keeps its secret.
    refused(
        store.insert_key(&record("u", "a", 1), &[3; 32]),
        "key `a` already exists",
    );
    assert_eq!(found().hash, [1; 32]);

    assert_eq!(store.epochs("t").unwrap().keys, 2);
    let used = [("a".to_owned(), 50), ("none".to_owned(), 50)];
    store.touch_keys(&used).unwrap();
    store.touch_keys(&[("a".to_owned(), 40)]).unwrap();
    assert_eq!(store.epochs("t").unwrap().keys, 2);
    let revoked = store.revoke_key("t", "a", 60).unwrap();
    assert_eq!((revoked.revoked, revoked.last_used), (Some(60), Some(50)));
    assert_eq!(store.revoke_key("t", "a", 70).unwrap().revoked, Some(60));
    assert!(store.epochs("t").unwrap().keys > 2);
    not_found(store.revoke_key("t", "none", 1));
}

fn first_key(store: &dyn Store) {
    assert!(
        store
            .insert_first_key(&record("t", "a", 1), &[1; 32])
            .unwrap()
    );
    assert!(
        !store
            .insert_first_key(&record("t", "b", 1), &[1; 32])
            .unwrap()
    );
    store.revoke_key("t", "a", 2).unwrap();
    assert!(
        !store
            .insert_first_key(&record("t", "c", 1), &[1; 32])
            .unwrap()
    );
    assert!(
        store
            .insert_first_key(&record("u", "d", 1), &[1; 32])
            .unwrap()
    );
    assert_eq!(store.keys("t").unwrap().len(), 1);
}

fn rotation(store: &dyn Store) {
    store.insert_key(&record("t", "a", 1), &[1; 32]).unwrap();
    let epoch = store.epochs("t").unwrap().keys;
    let rotated = store
        .rotate_key("t", "a", &[2; 32], Some(5_000), 900)
        .unwrap();
    assert_eq!(
        (rotated.expires, rotated.previous_until),
        (Some(5_000), Some(900))
    );
    assert!(store.epochs("t").unwrap().keys > epoch);
    let hashes = || {
        let found = store.key_for_authentication("a").unwrap().unwrap();
        (found.hash, found.previous)
    };
    assert_eq!(hashes(), ([2; 32], Some([1; 32])));
    store.rotate_key("t", "a", &[3; 32], None, 950).unwrap();
    assert_eq!(hashes(), ([3; 32], Some([2; 32])), "the first is gone");
    not_found(store.rotate_key("u", "a", &[4; 32], None, 1));
    store.revoke_key("t", "a", 60).unwrap();
    not_found(store.rotate_key("t", "a", &[4; 32], None, 1));
    assert_eq!(hashes().0, [3; 32]);
}
