//! What time brings about, on a clock that is set by hand.

use std::sync::{Arc, Mutex};

use interlock_core::approval::State;
use interlock_core::model::{OutcomeStatus, Principal};
use interlock_store::ActionFilter;

use crate::world::{HOUR, MINUTE, SECOND, TENANT, World, check, end, outcome, records};

const ASK: &str = "interlock: 1\ndefault: allow\nrules:\n  - id: refunds\n    match: { tool: [refund] }\n    effect: require_approval\n    approvers: { group: finance, quorum: 1, timeout: 2h }\n";

fn call(n: usize) -> String {
    format!(
        r#"{{"agent_id":"bot-{}","action_type":"api_call","tool":"t","resource":"x/{n}"}}"#,
        n % 3
    )
}

#[test]
fn a_missing_outcome_becomes_unknown_once_and_may_still_come() {
    let world = World::policy(ASK);
    let runtime = world.open();
    let ids: Vec<_> = (0..10).map(|n| check(&runtime, &call(n)).id).collect();
    let report = |at: usize| {
        runtime
            .outcome(
                &Principal::local(),
                ids[at],
                &outcome(OutcomeStatus::Succeeded),
            )
            .expect("an outcome")
    };
    report(0);
    world.advance(5 * MINUTE - SECOND);
    assert_eq!(runtime.tick().unknown, 0);
    world.advance(SECOND);
    assert_eq!(runtime.tick().unknown, 9);
    assert_eq!(runtime.tick().unknown, 0);
    assert_eq!(runtime.stats().outcomes_unknown, 9);
    // No entry says so: the record has none for the other nine.
    assert_eq!(records(&runtime, "outcome").len(), 1);
    // A late report is taken and recorded.
    report(5);
    assert_eq!(records(&runtime, "outcome").len(), 2);
    end(runtime);
    // After a restart they are in flight as far as the record tells, and run out again.
    let runtime = world.open();
    assert_eq!(runtime.tick().unknown, 8);
    end(runtime);
}

#[test]
fn approvals_run_out_by_themselves_and_on_record() {
    let world = World::policy(ASK);
    let runtime = world.open();
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    runtime.on_approval_change(move |tenant, id| {
        tell.lock()
            .expect("told")
            .push((tenant.to_owned(), id.to_owned()));
    });
    let ask = |n: u32| {
        let json = format!(
            r#"{{"agent_id":"bot","action_type":"api_call","tool":"refund","resource":"orders/{n}"}}"#
        );
        check(&runtime, &json)
            .approval_id
            .expect("asked")
            .to_string()
    };
    let ids: Vec<String> = (0..3).map(ask).collect();
    assert_eq!(runtime.tick().approvals, 0);
    world.advance(2 * HOUR);
    assert_eq!(runtime.tick().approvals, 3);
    assert_eq!(runtime.tick().approvals, 0);
    let finals = records(&runtime, "approval-final");
    assert_eq!(finals.len(), 3);
    for body in &finals {
        let text = |key: &str| body.get(key).and_then(|v| v.as_str()).unwrap_or_default();
        assert_eq!((text("state"), text("agent")), ("expired", "bot"));
        assert!(ids.iter().any(|id| id == text("id")));
    }
    // Each when it was asked and when it ran out.
    assert_eq!(told.lock().expect("told").len(), 6);
    let row = runtime.store().approval(TENANT, &ids[0]).expect("a row");
    assert_eq!(row.approval.state, State::Expired);
    // Whoever looks first finds it expired too, and it is recorded once.
    let late = ask(9);
    world.advance(3 * HOUR);
    let row = runtime.approval(&Principal::local(), &late).expect("a row");
    assert_eq!(row.approval.state, State::Expired);
    assert_eq!(runtime.tick().approvals, 0);
    assert_eq!(records(&runtime, "approval-final").len(), 4);
    let actions = runtime
        .store()
        .actions(TENANT, &ActionFilter::default(), 10)
        .expect("rows");
    assert!(actions.iter().all(|row| row.outcome.is_none()));
    end(runtime);
}
