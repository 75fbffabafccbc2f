//! What every back end of the store must do. A back end is one more test that calls
//! [`conformance`].

mod approvals;
mod control;
mod isolation;
mod keys;
mod projection;
mod race;
mod search;
mod soak;
mod sqlite;
mod triage;
mod users;

use interlock_core::approval::Request;
use interlock_core::model::{ActionDigest, Effect};
use interlock_store::{
    ActionRow, ApprovalRequest, MemoryStore, NewAgent, NewPolicy, SqliteOptions, SqliteStore,
    Store, StoreError,
};

/// Makes an empty store.
type Make<'a> = &'a dyn Fn() -> Box<dyn Store>;

/// All that a back end must do.
fn conformance(make: Make<'_>) {
    control::all(make);
    keys::all(make);
    users::all(make);
    approvals::all(make);
    projection::all(make);
    search::all(make);
    isolation::all(make);
    triage::all(make);
}

#[test]
fn memory() {
    conformance(&|| Box::new(MemoryStore::new()));
}

#[test]
fn sqlite() {
    let dir = tempfile::tempdir().unwrap();
    let made = std::cell::Cell::new(0);
    conformance(&|| {
        made.set(made.get() + 1);
        let path = dir.path().join(format!("{}.db", made.get()));
        Box::new(SqliteStore::open(&path, SqliteOptions::default()).unwrap())
    });
}

#[track_caller]
fn not_found<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    let error = result.unwrap_err();
    assert!(error.is_not_found(), "{error}");
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, StoreError>, message: &str) {
    let error = result.unwrap_err().to_string();
    assert!(
        error.contains(message),
        "`{error}` does not say `{message}`"
    );
}

fn new_agent(agent_id: &str) -> NewAgent {
    NewAgent {
        agent_id: agent_id.to_owned(),
        name: format!("the {agent_id}"),
    }
}

fn new_policy(id: &str, priority: i64) -> NewPolicy {
    NewPolicy {
        id: id.to_owned(),
        name: format!("policy {id}"),
        action_type: Some("database_*".to_owned()),
        resource_pattern: None,
        effect: Effect::Block,
        max_risk_milli: Some(650),
        time_start: Some(9),
        time_end: Some(24),
        days: interlock_store::Days::default().with("Mon").unwrap(),
        priority,
    }
}

fn asked(id: &str, digest: u8, expires_at: i64) -> ApprovalRequest {
    ApprovalRequest {
        id: id.to_owned(),
        request: Request::new(ActionDigest([digest; 32]), 1, expires_at),
        agent_id: "billing-bot".to_owned(),
        session_id: "s-1".to_owned(),
        run_id: "r-1".to_owned(),
        step: Some(-3),
        action_type: "payment".to_owned(),
        resource: "stripe://refunds".to_owned(),
        tool: "refund".to_owned(),
        group: "finance".to_owned(),
        risk: 61,
        reason: "`amount` is over 500".to_owned(),
        detail: r#"{"amount":4500}"#.to_owned(),
    }
}

fn action(id: &str, seq: u64, agent_id: &str, at: i64) -> ActionRow {
    ActionRow {
        id: id.to_owned(),
        seq,
        agent_id: agent_id.to_owned(),
        agent_name: None,
        claimed: None,
        session_id: String::new(),
        run_id: String::new(),
        step: None,
        action_type: "file_read".to_owned(),
        resource: "/srv/data/a.csv".to_owned(),
        tool: "read".to_owned(),
        effect: Effect::Allow,
        decided: Effect::Allow,
        risk: 12,
        risk_milli: 120,
        risk_breakdown: "{}".to_owned(),
        flagged: false,
        reason: String::new(),
        source: "sdk".to_owned(),
        payload: "{}".to_owned(),
        vault_key: None,
        erased: false,
        at,
        outcome: None,
        rollback: None,
        facets: interlock_store::Facets::default(),
    }
}
