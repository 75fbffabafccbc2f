//! Users, invitations and sessions.

use interlock_core::model::Role;
use interlock_store::identity::{
    Credentials, Invitation, Proof, SESSIONS_MAX, Session, Taken, User, UserChange,
};
use interlock_store::{KeyRecord, Store};

use super::{Make, not_found, refused};

pub(super) fn all(make: Make<'_>) {
    users(&*make());
    changes_end_sessions(&*make());
    invitations(&*make());
    second_factors_once(&*make());
    sessions(&*make());
    keys_of_users(&*make());
    providers(&*make());
    answers_of_providers(&*make());
    passwords(&*make());
}

fn user(tenant: &str, login: &str) -> User {
    User {
        tenant: tenant.to_owned(),
        id: format!("id-{login}"),
        login: login.to_owned(),
        name: "Ana".to_owned(),
        role: Role::Approver,
        groups: vec!["finance".to_owned()],
        disabled: None,
        created: 1,
        last_login: None,
        enrolled: false,
        provider: None,
        mapped: false,
        withdrawn: false,
    }
}

fn session(tenant: &str, user_id: &str, id: &str, created: i64) -> Session {
    Session {
        id: id.to_owned(),
        tenant: tenant.to_owned(),
        user_id: user_id.to_owned(),
        method: "password".to_owned(),
        address: "192.0.2.1".to_owned(),
        agent: "a browser".to_owned(),
        created,
        seen: created,
        expires: created + 1_000,
    }
}

fn credentials() -> Credentials {
    Credentials {
        password: "$argon2id$…".to_owned(),
        totp: vec![1, 2, 3],
    }
}

fn users(store: &dyn Store) {
    let (ana, bo) = (user("t", "ana"), user("t", "bo"));
    store.insert_user(&bo).unwrap();
    store.insert_user(&ana).unwrap();
    assert_eq!(store.users("t").unwrap(), [ana.clone(), bo]);
    assert_eq!(store.user("t", "id-ana").unwrap(), ana);
    // A login is one person's on the whole server; a user is found by its own tenant alone.
    refused(
        store.insert_user(&user("u", "ana")),
        "user `ana` already exists",
    );
    not_found(store.user("u", "id-ana"));
    assert_eq!(store.users("u").unwrap(), []);
    assert_eq!(
        store.user_by_login("ana").unwrap(),
        Some((ana.clone(), None))
    );
    assert_eq!(store.user_by_login("cy").unwrap(), None);
    for wrong in ["", "Ana", "a b", "-ana", "ána", &"a".repeat(129)] {
        let mut other = user("t", "x");
        wrong.clone_into(&mut other.login);
        refused(store.insert_user(&other), "login");
    }
    let mut agent = user("t", "x");
    agent.role = Role::Agent;
    refused(store.insert_user(&agent), "role");
    let mut many = user("t", "x");
    many.groups = vec!["g".to_owned(); 33];
    refused(store.insert_user(&many), "the limit is 32");
    let provider = Some(("https://id.example".to_owned(), "s-1".to_owned()));
    let mut cy = user("t", "cy");
    cy.provider.clone_from(&provider);
    store.insert_user(&cy).unwrap();
    let mut twice = user("t", "dee");
    twice.provider = provider;
    refused(store.insert_user(&twice), "already exists");
    let by = |tenant, subject| {
        store
            .user_by_subject(tenant, "https://id.example", subject)
            .unwrap()
    };
    assert_eq!(by("t", "s-1"), Some(cy));
    assert_eq!((by("t", "s-2"), by("u", "s-1")), (None, None));
}

fn changes_end_sessions(store: &dyn Store) {
    store.insert_user(&user("t", "ana")).unwrap();
    store.insert_user(&user("t", "bo")).unwrap();
    let begin = |who: &str, n: u8| {
        let row = session("t", &format!("id-{who}"), &format!("s{n}"), 10);
        store
            .begin_session(&[n; 32], &row, Proof::Password(None))
            .unwrap()
    };
    let lives = |n: u8| store.session(&[n; 32], 11, 0).unwrap().is_some();
    assert!(begin("bo", 99));
    let change = UserChange::default();
    for (n, ends, change) in [
        (
            1,
            false,
            UserChange {
                name: Some("Ana B.".to_owned()),
                ..change.clone()
            },
        ),
        (
            2,
            true,
            UserChange {
                role: Some(Role::Admin),
                ..change.clone()
            },
        ),
        (
            3,
            false,
            UserChange {
                role: Some(Role::Admin),
                ..change.clone()
            },
        ),
        (
            4,
            true,
            UserChange {
                groups: Some(Vec::new()),
                ..change.clone()
            },
        ),
        (
            5,
            true,
            UserChange {
                disabled: Some(true),
                ..change.clone()
            },
        ),
    ] {
        assert!(begin("ana", n));
        let (user, ended) = store.update_user("t", "id-ana", &change, 20).unwrap();
        assert_eq!((ended, lives(n)), (ends, !ends), "{change:?} {user:?}");
    }
    assert!(!begin("ana", 6), "disabled");
    assert_eq!(store.user("t", "id-ana").unwrap().disabled, Some(20));
    let enable = UserChange {
        disabled: Some(false),
        ..UserChange::default()
    };
    store.update_user("t", "id-ana", &enable, 30).unwrap();
    assert!(begin("ana", 7) && lives(7) && lives(99));
    not_found(store.update_user("u", "id-ana", &enable, 30));
    let agent = UserChange {
        role: Some(Role::Agent),
        ..UserChange::default()
    };
    refused(store.update_user("t", "id-ana", &agent, 30), "role");
}

fn invitations(store: &dyn Store) {
    store.insert_user(&user("t", "ana")).unwrap();
    let row = |tenant: &str| Invitation {
        tenant: tenant.to_owned(),
        user_id: "id-ana".to_owned(),
        expires: 100,
        by_link: false,
    };
    not_found(store.invite(&[1; 32], &row("u"), false));
    store.invite(&[1; 32], &row("t"), false).unwrap();
    let good = |n: u8, now| store.invitation(&[n; 32], now).unwrap().is_some();
    assert!(good(1, 99) && !good(1, 100) && !good(2, 1));
    // A newer one takes its place.
    store.invite(&[2; 32], &row("t"), false).unwrap();
    assert!(!good(1, 1) && good(2, 1));
    let accept = |n: u8, now| {
        let codes = [[7; 32], [8; 32]];
        store
            .accept_invitation(&[n; 32], &credentials(), &codes, 5, now)
            .unwrap()
    };
    assert_eq!(accept(1, 1), None);
    assert_eq!(accept(2, 100), None);
    assert!(accept(2, 99).unwrap().enrolled);
    assert_eq!(accept(2, 99), None, "once");
    let (ana, kept) = store.user_by_login("ana").unwrap().unwrap();
    assert_eq!((ana.enrolled, kept), (true, Some(credentials())));
    // A reset takes everything away.
    let password = credentials().password;
    let begin = |n: u8, password| {
        let row = session("t", "id-ana", &format!("s{n}"), 1);
        store
            .begin_session(&[n; 32], &row, Proof::Password(password))
            .unwrap()
    };
    assert!(!begin(8, None) && !begin(8, Some("another")));
    assert!(begin(9, Some(&password)));
    store.invite(&[3; 32], &row("t"), true).unwrap();
    assert!(
        !begin(10, Some(&password)),
        "it was checked before the reset"
    );
    assert_eq!(store.session(&[10; 32], 2, 0).unwrap(), None);
    assert_eq!(store.session(&[9; 32], 2, 0).unwrap(), None);
    assert_eq!(store.user_by_login("ana").unwrap().unwrap().1, None);
    assert_eq!(store.take_recovery("t", "id-ana", &[7; 32]).unwrap(), None);
    // Not for a disabled user.
    let disable = UserChange {
        disabled: Some(true),
        ..UserChange::default()
    };
    store.update_user("t", "id-ana", &disable, 1).unwrap();
    assert!(!good(3, 1));
    assert_eq!(accept(3, 1), None);
}

fn second_factors_once(store: &dyn Store) {
    store.insert_user(&user("t", "ana")).unwrap();
    let row = Invitation {
        tenant: "t".to_owned(),
        user_id: "id-ana".to_owned(),
        expires: 100,
        by_link: false,
    };
    store.invite(&[1; 32], &row, false).unwrap();
    let codes = [[7; 32], [8; 32]];
    store
        .accept_invitation(&[1; 32], &credentials(), &codes, 5, 1)
        .unwrap();
    let step = |tenant, n| store.take_step(tenant, "id-ana", n).unwrap();
    assert!(!step("t", 5), "it was used to join");
    assert!(step("t", 6) && !step("t", 6) && !step("t", 5) && step("t", 8) && !step("t", 7));
    assert!(!step("u", 9));
    let code = |n: u8| store.take_recovery("t", "id-ana", &[n; 32]).unwrap();
    assert_eq!(
        (code(6), code(7), code(7), code(8)),
        (None, Some(1), None, Some(0))
    );
}

fn sessions(store: &dyn Store) {
    store.insert_user(&user("t", "ana")).unwrap();
    store.insert_user(&user("t", "bo")).unwrap();
    let row = session("t", "id-ana", "s1", 10);
    assert!(
        store
            .begin_session(&[1; 32], &row, Proof::Password(None))
            .unwrap()
    );
    assert!(
        !store
            .begin_session(
                &[2; 32],
                &session("u", "id-ana", "s2", 10),
                Proof::Password(None)
            )
            .unwrap()
    );
    assert_eq!(store.user("t", "id-ana").unwrap().last_login, Some(10));
    let (found, who) = store.session(&[1; 32], 1_009, 9).unwrap().unwrap();
    assert_eq!((found, who.login.as_str()), (row, "ana"));
    assert_eq!(store.session(&[1; 32], 1_010, 9).unwrap(), None, "over");
    assert_eq!(store.session(&[1; 32], 11, 10).unwrap(), None, "idle");
    store.touch_session(&[1; 32], 50).unwrap();
    store.touch_session(&[1; 32], 40).unwrap();
    assert!(store.session(&[1; 32], 60, 49).unwrap().is_some());
    not_found(store.end_session("t", "id-bo", "s1"));
    not_found(store.end_session("u", "id-ana", "s1"));
    store.end_session("t", "id-ana", "s1").unwrap();
    not_found(store.end_session("t", "id-ana", "s1"));
    // The newest stay.
    let most = u8::try_from(SESSIONS_MAX).unwrap();
    for n in 0..most + 3 {
        let row = session("t", "id-ana", &format!("n{n:03}"), 100 + i64::from(n));
        assert!(
            store
                .begin_session(&[n + 10; 32], &row, Proof::Password(None))
                .unwrap()
        );
    }
    let ids: Vec<String> = store
        .sessions("t", "id-ana")
        .unwrap()
        .into_iter()
        .map(|s| s.id)
        .collect();
    assert_eq!(ids.len(), usize::from(most));
    assert_eq!(
        (ids[0].as_str(), ids.last().unwrap().as_str()),
        ("n022", "n003")
    );
    assert_eq!(store.sessions("u", "id-ana").unwrap(), []);
    assert_eq!(store.purge_sessions(110, 109).unwrap(), 7, "idle ones");
    assert_eq!(
        store.purge_sessions(10_000, 0).unwrap(),
        usize::from(most) - 7
    );
}

fn keys_of_users(store: &dyn Store) {
    store.insert_user(&user("t", "ana")).unwrap();
    let record = KeyRecord {
        role: Role::Approver,
        user_id: Some("id-ana".to_owned()),
        ..super::keys::record("t", "k", 1)
    };
    store.insert_key(&record, &[1; 32]).unwrap();
    let login = || store.key_for_authentication("k").unwrap().unwrap().login;
    assert_eq!(login().as_deref(), Some("ana"));
    let mut change = UserChange {
        role: Some(Role::Admin),
        ..UserChange::default()
    };
    store.update_user("t", "id-ana", &change, 1).unwrap();
    assert_eq!(login(), None, "a key does not outgrow its user");
    change.role = Some(Role::Approver);
    store.update_user("t", "id-ana", &change, 1).unwrap();
    assert_eq!(login().as_deref(), Some("ana"));
    change.disabled = Some(true);
    store.update_user("t", "id-ana", &change, 1).unwrap();
    assert_eq!(login(), None);
}

fn providers(store: &dyn Store) {
    const ISSUER: &str = "https://id.example";
    for login in ["ana", "bo", "cy"] {
        store.insert_user(&user("t", login)).unwrap();
    }
    let link = |tenant: &str, who: &str, subject: &str, now| {
        let id = format!("id-{who}");
        store.link_user(tenant, &id, (ISSUER, subject), None, now)
    };
    let invite = |n: u8, who: &str, reset| {
        let row = Invitation {
            tenant: "t".to_owned(),
            user_id: format!("id-{who}"),
            expires: 100,
            by_link: false,
        };
        store.invite(&[n; 32], &row, reset).unwrap()
    };
    let begin = |n: u8, proof| {
        let row = session("t", "id-ana", &format!("s{n}"), 1);
        store.begin_session(&[n; 32], &row, proof).unwrap()
    };
    let ana = Proof::Provider(ISSUER, "s-ana");
    assert_eq!(link("t", "ana", "s-ana", 1).unwrap(), None, "not invited");
    invite(1, "ana", false);
    assert_eq!(link("t", "ana", "s-ana", 100).unwrap(), None, "too late");
    assert_eq!(
        link("u", "ana", "s-ana", 1).unwrap(),
        None,
        "another tenant"
    );
    assert_eq!(link("t", "dee", "s-ana", 1).unwrap(), None, "nobody");
    refused(link("t", "ana", "", 1), "subject");
    refused(link("t", "ana", &"s".repeat(256), 1), "subject");
    assert!(!begin(1, ana));
    let linked = link("t", "ana", "s-ana", 99).unwrap().unwrap();
    let provider = Some((ISSUER.to_owned(), "s-ana".to_owned()));
    assert_eq!((&linked.provider, linked.mapped), (&provider, false));
    assert_eq!(store.invitation(&[1; 32], 1).unwrap(), None, "used up");
    refused(link("t", "ana", "s-ana", 1), "already exists");
    assert_eq!(link("t", "ana", "s-2", 1).unwrap(), None, "once");
    let found = store.user_by_subject("t", ISSUER, "s-ana").unwrap();
    assert_eq!(found, Some(linked));
    assert!(begin(2, ana) && !begin(3, Proof::Provider(ISSUER, "s-2")));
    assert!(!begin(4, Proof::Provider("https://other.example", "s-ana")));
    // A subject is one user's; who has a password, or is disabled, is not linked.
    invite(5, "bo", false);
    refused(link("t", "bo", "s-ana", 1), "already exists");
    store
        .accept_invitation(&[5; 32], &credentials(), &[], 5, 1)
        .unwrap()
        .unwrap();
    invite(6, "bo", false);
    assert_eq!(link("t", "bo", "s-bo", 1).unwrap(), None);
    invite(7, "cy", false);
    let disable = UserChange {
        disabled: Some(true),
        ..UserChange::default()
    };
    store.update_user("t", "id-cy", &disable, 1).unwrap();
    assert_eq!(link("t", "cy", "s-cy", 1).unwrap(), None);
    // A reset takes the provider away, and what was checked before it.
    assert_eq!(invite(8, "ana", true).provider, None);
    assert!(!begin(9, ana) && store.session(&[2; 32], 2, 0).unwrap().is_none());
    assert_eq!(
        link("t", "ana", "s-2", 1).unwrap().map(|u| u.login),
        Some("ana".to_owned())
    );
    let mut mapped = user("t", "eve");
    mapped.provider = Some((ISSUER.to_owned(), "s-eve".to_owned()));
    mapped.mapped = true;
    store.insert_user(&mapped).unwrap();
    assert_eq!(store.user("t", "id-eve").unwrap(), mapped);
    assert!(!invite(10, "eve", true).withdrawn);
    // A reset does not make an admin's user of whom the provider's groups say what they may do: no
    // password is set, and no link is made without what they say now.
    let reset = store.user("t", "id-eve").unwrap();
    assert!(reset.mapped && reset.provider.is_none());
    assert_eq!(link("t", "eve", "s-eve", 1).unwrap(), None);
    let says = (Role::Auditor, vec!["readers".to_owned()]);
    let relink = |n: u8, by_link| {
        let row = Invitation {
            tenant: "t".to_owned(),
            user_id: "id-eve".to_owned(),
            expires: 100,
            by_link,
        };
        store.invite(&[n; 32], &row, true).unwrap();
        let provider = (ISSUER, "s-eve");
        let invited = store.is_invited("t", "id-eve", 1).unwrap();
        let linked = store.link_user("t", "id-eve", provider, Some(&says), 1);
        (invited, linked.unwrap())
    };
    assert_eq!(relink(11, true), (false, None), "good by its link only");
    let joined = store.accept_invitation(&[11; 32], &credentials(), &[], 5, 1);
    assert_eq!(joined.unwrap(), None);
    let (invited, linked) = relink(12, false);
    let linked = linked.unwrap();
    assert!(invited && linked.mapped);
    assert_eq!((linked.role, &linked.groups), (says.0, &says.1));
    assert!(!store.is_invited("t", "id-eve", 1).unwrap(), "used up");
    assert_eq!(store.user("t", "id-eve").unwrap(), linked);
    // What the provider disabled is told from what an admin did, who has the last word.
    let switch = |disabled, withdrawn| {
        let change = UserChange {
            disabled: Some(disabled),
            withdrawn,
            ..UserChange::default()
        };
        let (user, _) = store.update_user("t", "id-eve", &change, 7).unwrap();
        assert_eq!(store.user("t", "id-eve").unwrap(), user);
        (user.disabled, user.withdrawn)
    };
    assert_eq!(switch(true, true), (Some(7), true));
    assert_eq!(switch(true, false), (Some(7), false));
    assert_eq!(switch(true, true), (Some(7), false));
    assert_eq!(switch(false, false), (None, false));
    store.insert_user(&user("u", "fay")).unwrap();
    assert_eq!(store.user_tenants().unwrap(), ["t", "u"]);
}

fn answers_of_providers(store: &dyn Store) {
    let take =
        |n: u8, expires, now| store.take_sign_in(&[n; 32], expires, now).unwrap() == Taken::Now;
    assert!(take(1, 100, 1) && !take(1, 100, 1) && !take(1, 200, 99));
    assert!(!take(2, 100, 100), "too late");
    assert!(take(2, 100, 99));
    assert_eq!(store.purge_sessions(100, 0).unwrap(), 2);
}

fn passwords(store: &dyn Store) {
    store.insert_user(&user("t", "ana")).unwrap();
    let change = |tenant, before: &str, keep: &str| {
        store
            .change_password(tenant, "id-ana", before, "after", keep)
            .unwrap()
    };
    assert!(!change("t", "", "s1"), "there is none");
    let row = Invitation {
        tenant: "t".to_owned(),
        user_id: "id-ana".to_owned(),
        expires: 100,
        by_link: false,
    };
    store.invite(&[1; 32], &row, false).unwrap();
    store
        .accept_invitation(&[1; 32], &credentials(), &[], 5, 1)
        .unwrap();
    let password = credentials().password;
    let begin = |n: u8, password| {
        let row = session("t", "id-ana", &format!("s{n}"), 10);
        store
            .begin_session(&[n; 32], &row, Proof::Password(Some(password)))
            .unwrap()
    };
    let lives = |n: u8| store.session(&[n; 32], 11, 0).unwrap().is_some();
    assert!(begin(1, &password) && begin(2, &password));
    assert!(!change("u", &password, "s1") && !change("t", "another", "s1"));
    assert!(lives(1) && lives(2));
    assert!(change("t", &password, "s1"));
    assert_eq!((lives(1), lives(2)), (true, false), "the one that is kept");
    assert!(!change("t", &password, "s1") && !begin(3, &password) && begin(4, "after"));
    let kept = store.user_by_login("ana").unwrap().unwrap().1.unwrap();
    assert_eq!(
        (kept.password.as_str(), kept.totp),
        ("after", credentials().totp)
    );
}
