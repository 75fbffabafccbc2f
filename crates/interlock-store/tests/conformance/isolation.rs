//! A foreign tenant's id is not found, whatever is asked, and nothing of it changes.

use interlock_core::approval::{Event, Verdict};
use interlock_core::model::ActionDigest;
use interlock_store::{
    ActionFilter, ActionOutcome, AgentChange, AgentProfile, ApprovalFilter, Epochs, IdempotencyRow,
    KillSwitch, PolicyChange, Rollback, Stats, Store,
};

use super::approvals::vote;
use super::projection::alert;
use super::{Make, action, asked, keys, new_agent, new_policy, not_found};

pub(super) fn all(make: Make<'_>) {
    // A tenant whose name is a beginning, an end or another case of the owner's is foreign too.
    for foreign in [
        "other", "", "own", "owner2", "OWNER", "owner\0", "%", "owne_",
    ] {
        foreign_ids_are_not_found(&*make(), "owner", foreign);
    }
    same_ids_live_side_by_side(&*make());
}

fn fill(store: &dyn Store, tenant: &str, key_id: &str) {
    store.register_agent(tenant, &new_agent("a"), 1).unwrap();
    store.insert_policy(tenant, &new_policy("p", 1), 1).unwrap();
    store
        .publish_bundle(tenant, "team", tenant, "ana", None, 1)
        .unwrap();
    store
        .insert_key(&keys::record(tenant, key_id, 1), &[1; 32])
        .unwrap();
    store
        .request_approval(tenant, &asked("q", 1, 100), 1)
        .unwrap();
    store.set_setting(tenant, "s", Some(tenant)).unwrap();
    let on = KillSwitch {
        on: true,
        ..KillSwitch::default()
    };
    store.set_kill_switch(tenant, &on).unwrap();
    let answer = IdempotencyRow {
        key: "k".to_owned(),
        digest: ActionDigest([1; 32]),
        decision_id: "d".to_owned(),
        response: tenant.to_owned(),
        expires: 100,
    };
    store.put_idempotency(tenant, &answer, 1).unwrap();
    store
        .apply_batch(&mut |batch| {
            batch.action(tenant, &action("d", 1, "a", 10))?;
            batch.alert(tenant, &alert("x", 1))
        })
        .unwrap();
}

type Everything = (
    Vec<interlock_store::Agent>,
    Vec<interlock_store::Policy>,
    Vec<interlock_store::Bundle>,
    Vec<interlock_store::KeyRecord>,
    Vec<interlock_store::ApprovalRow>,
    Vec<interlock_store::ActionRow>,
    Vec<interlock_store::Alert>,
    (
        Option<String>,
        KillSwitch,
        Option<IdempotencyRow>,
        Epochs,
        Stats,
    ),
);

fn everything(store: &dyn Store, tenant: &str) -> Everything {
    (
        store.agents(tenant, None, 100).unwrap(),
        store.policies(tenant).unwrap(),
        store.bundles(tenant).unwrap(),
        store.keys(tenant).unwrap(),
        store
            .approvals(tenant, &ApprovalFilter::default(), 100)
            .unwrap(),
        store
            .actions(tenant, &ActionFilter::default(), 100)
            .unwrap(),
        store.alerts(tenant, None, None, 100).unwrap(),
        (
            store.setting(tenant, "s").unwrap(),
            store.kill_switch(tenant).unwrap(),
            store.idempotency(tenant, "k", 1).unwrap(),
            store.epochs(tenant).unwrap(),
            store.stats(tenant).unwrap(),
        ),
    )
}

fn foreign_ids_are_not_found(store: &dyn Store, owner: &str, foreign: &str) {
    let empty = everything(store, foreign);
    fill(store, owner, "key-1");
    let before = everything(store, owner);

    not_found(store.agent(foreign, "a"));
    let paused = AgentChange {
        paused: Some(true),
        ..AgentChange::default()
    };
    not_found(store.update_agent(foreign, "a", &paused));
    not_found(store.set_profile(foreign, "a", &AgentProfile::default()));
    not_found(store.delete_agent(foreign, "a", 9));
    not_found(store.policy(foreign, "p"));
    not_found(store.update_policy(foreign, "p", &PolicyChange::default()));
    not_found(store.delete_policy(foreign, "p"));
    not_found(store.bundle(foreign, "team", None));
    not_found(store.bundle(foreign, "team", Some(2)));
    assert!(store.bundle_history(foreign, "team", 9).unwrap().is_empty());
    not_found(store.revoke_key(foreign, "key-1", 9));
    not_found(store.approval(foreign, "q"));
    for event in [
        vote("bo", Verdict::Approve, 1),
        Event::Cancel,
        Event::Expire,
    ] {
        not_found(store.advance_approval(foreign, "q", None, &event, 500));
    }
    assert_eq!(store.pending_count(foreign).unwrap(), 0);
    not_found(store.action(foreign, "d"));
    not_found(store.alert(foreign, "x"));
    not_found(store.acknowledge_alert(foreign, "x", "bo", 9));
    store
        .apply_batch(&mut |batch| {
            let outcome = ActionOutcome {
                status: "failed".into(),
                at: 1,
                cost_nano_usd: None,
                latency_ms: None,
            };
            batch.outcome(foreign, "d", &outcome)?;
            let undone = Rollback {
                at: 1,
                reason: "x".into(),
            };
            batch.rolled_back(foreign, "d", &undone)
        })
        .unwrap();

    assert_eq!(everything(store, owner), before, "{foreign:?}");
    assert_eq!(everything(store, foreign), empty, "{foreign:?}");
}

fn same_ids_live_side_by_side(store: &dyn Store) {
    fill(store, "t", "key-1");
    let before = everything(store, "t");
    fill(store, "u", "key-2");
    assert_eq!(everything(store, "t"), before);
    store.delete_agent("u", "a", 50).unwrap();
    store.delete_policy("u", "p").unwrap();
    store.revoke_key("u", "key-2", 50).unwrap();
    store.acknowledge_alert("u", "x", "bo", 50).unwrap();
    store
        .advance_approval("u", "q", None, &vote("bo", Verdict::Deny, 1), 50)
        .unwrap();
    store.set_setting("u", "s", None).unwrap();
    // A bundle of the same name with a higher revision elsewhere does not hide this one.
    store
        .publish_bundle("u", "team", "u", "bo", None, 60)
        .unwrap();
    assert_eq!(everything(store, "t"), before);
    assert_eq!(store.setting("t", "s").unwrap().as_deref(), Some("t"));
}
