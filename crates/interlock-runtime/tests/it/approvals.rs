//! People in the loop: one decision, one use, for exactly one action.

use std::sync::Barrier;

use interlock_core::approval::State;
use interlock_core::model::{Effect, OutcomeStatus, Principal, Role, reason::code};
use interlock_policy::read_budgets;
use interlock_runtime::{Checked, Runtime};
use interlock_store::journal::{Body, Kind};

use crate::world::{
    HOUR, TENANT, World, check, codes, end, expect, outcome, principal, records, try_check,
};

const ASK: &str = "interlock: 1\ndefault: allow\nrules:\n  - id: refunds\n    match: { tool: [refund] }\n    effect: require_approval\n    approvers: { group: finance, quorum: 1, timeout: 2h }\n  - id: frozen\n    priority: 5\n    mandatory: true\n    match: { resource: [\"frozen/*\"] }\n    effect: block\n";

fn refund(amount: u32, extra: &str) -> String {
    format!(
        r#"{{"agent_id":"bot","action_type":"api_call","tool":"refund","resource":"orders/7","arguments":{{"amount":{amount}}}{extra}}}"#
    )
}

fn with(amount: u32, approval: &str) -> String {
    refund(amount, &format!(r#","approval_id":"{approval}""#))
}

fn ask(runtime: &Runtime, amount: u32) -> (Checked, String) {
    let asked = expect(
        runtime,
        &refund(amount, ""),
        Effect::RequireApproval,
        code::RULE,
    );
    let id = asked
        .approval_id
        .expect("an approval is asked for")
        .to_string();
    (asked, id)
}

fn answer(runtime: &Runtime, id: &str, who: &str, approve: bool) -> State {
    let person = principal(Role::Approver, None);
    let answered = runtime
        .decide_approval(&person, who, id, approve, "checked")
        .expect("an answer");
    answered.row.approval.state
}

#[test]
fn an_approved_action_runs_once() {
    let world = World::policy(ASK);
    let runtime = world.open();
    let (_, id) = ask(&runtime, 100);
    // Before anybody decides there is no grant.
    assert_eq!(
        try_check(&runtime, &with(100, &id))
            .expect_err("pending")
            .code(),
        "conflict"
    );
    assert_eq!(answer(&runtime, &id, "ann", true), State::Approved);
    let run = check(&runtime, &with(100, &id));
    assert_eq!(run.decision.effect, Effect::Allow, "{:?}", codes(&run));
    assert_eq!(run.approval_id.map(|a| a.to_string()), Some(id.clone()));
    // The grant is used up.
    let error = try_check(&runtime, &with(100, &id)).expect_err("claimed");
    assert_eq!(error.code(), "conflict", "{error}");
    let finals = records(&runtime, "approval-final");
    assert_eq!(finals.len(), 1, "{finals:?}");
    end(runtime);
}

#[test]
fn a_budget_that_is_used_up_takes_no_approval_away() {
    let world = World::policy(ASK);
    let runtime = world.open();
    let (_, id) = ask(&runtime, 100);
    assert_eq!(answer(&runtime, &id, "ann", true), State::Approved);
    let text = "budgets:\n- {id: all, scope: tenant, limit_calls: 1}\n";
    let budget = read_budgets(text).expect("a budget").remove(0);
    runtime.set_budget(TENANT, "ana", &budget).expect("set");
    let look = r#"{"agent_id":"bot","action_type":"api_call","tool":"look"}"#;
    let other = expect(&runtime, look, Effect::Allow, code::DEFAULT);
    for _ in 0..2 {
        expect(&runtime, &with(100, &id), Effect::Block, code::BUDGET);
    }
    runtime
        .outcome(
            &Principal::local(),
            other.id,
            &outcome(OutcomeStatus::NotRun),
        )
        .expect("an outcome");
    let run = check(&runtime, &with(100, &id));
    assert_eq!(run.decision.effect, Effect::Allow, "{:?}", codes(&run));
    end(runtime);
}

#[test]
fn a_retry_of_the_granted_request_gets_its_answer() {
    let world = World::policy(ASK);
    let runtime = world.open();
    let key = r#","idempotency_key":"k""#;
    let asked = check(&runtime, &refund(100, key));
    let id = asked.approval_id.expect("an approval").to_string();
    answer(&runtime, &id, "ann", true);
    let granted = refund(100, &format!(r#"{key},"approval_id":"{id}""#));
    let run = check(&runtime, &granted);
    assert_eq!((run.decision.effect, run.replayed), (Effect::Allow, false));
    let again = check(&runtime, &granted);
    assert_eq!((again.id, again.replayed), (run.id, true));
    // The request that asked still gets the answer that it got.
    assert_eq!(check(&runtime, &refund(100, key)).id, asked.id);
    end(runtime);
    let runtime = world.open();
    assert_eq!(check(&runtime, &granted).id, run.id);
    assert_eq!(check(&runtime, &refund(100, key)).id, asked.id);
    end(runtime);
}

#[test]
fn a_grant_is_for_one_action_of_one_agent() {
    let world = World::policy(ASK);
    let runtime = world.open();
    let (_, id) = ask(&runtime, 100);
    answer(&runtime, &id, "ann", true);
    let error = try_check(&runtime, &with(4_500, &id)).expect_err("another amount");
    assert_eq!(error.code(), "conflict", "{error}");
    let other = with(100, &id).replace("\"bot\"", "\"other\"");
    assert_eq!(
        try_check(&runtime, &other)
            .expect_err("another agent")
            .code(),
        "not-found"
    );
    for unknown in ["0198ffff-0000-7000-8000-000000000000", "nonsense"] {
        assert_eq!(
            try_check(&runtime, &with(100, unknown))
                .expect_err("unknown")
                .code(),
            "not-found"
        );
    }
    // None of that used it up.
    assert_eq!(
        check(&runtime, &with(100, &id)).decision.effect,
        Effect::Allow
    );
    end(runtime);
}

#[test]
fn a_denied_or_expired_request_gives_no_grant() {
    let world = World::policy(ASK);
    let runtime = world.open();
    let (_, denied) = ask(&runtime, 1);
    assert_eq!(answer(&runtime, &denied, "ann", false), State::Denied);
    assert_eq!(
        try_check(&runtime, &with(1, &denied))
            .expect_err("denied")
            .code(),
        "conflict"
    );

    let (_, late) = ask(&runtime, 2);
    world.advance(2 * HOUR + 1);
    let person = principal(Role::Admin, None);
    assert_eq!(
        runtime
            .approval(&person, &late)
            .expect("a row")
            .approval
            .state,
        State::Expired
    );
    let answered = runtime.decide_approval(&person, "ann", &late, true, "too late");
    assert!(!answered.is_ok_and(|a| a.row.approval.state.is_approved()));
    assert!(try_check(&runtime, &with(2, &late)).is_err());

    // A grant that is not used in time is gone as well.
    let (_, unused) = ask(&runtime, 3);
    answer(&runtime, &unused, "ann", true);
    world.advance(48 * HOUR);
    let used = try_check(&runtime, &with(3, &unused));
    assert!(!used.is_ok_and(|c| c.decision.effect.permits()));
    end(runtime);
}

#[test]
fn an_agent_cannot_decide_or_see_what_is_not_its_own() {
    let world = World::policy(ASK);
    let runtime = world.open();
    let (_, id) = ask(&runtime, 1);
    for role in [Role::Agent, Role::PolicyAuthor, Role::Auditor] {
        let error = runtime
            .decide_approval(&principal(role, Some("bot")), "bot", &id, true, "")
            .expect_err("not an approver");
        assert_eq!(error.code(), "key.forbidden");
    }
    let other = principal(Role::Agent, Some("other"));
    assert_eq!(
        runtime.approval(&other, &id).expect_err("another's").code(),
        "not-found"
    );
    assert!(
        runtime
            .approval(&principal(Role::Agent, Some("bot")), &id)
            .is_ok()
    );
    end(runtime);
}

#[test]
fn of_eight_racing_deciders_one_decides() {
    let world = World::policy(ASK);
    let runtime = world.open();
    for round in 0..5 {
        let (_, id) = ask(&runtime, 1_000 + round);
        let barrier = Barrier::new(8);
        let answers: Vec<(bool, State)> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|n| {
                    let (runtime, id, barrier) = (&runtime, &id, &barrier);
                    scope.spawn(move || {
                        barrier.wait();
                        let person = principal(Role::Approver, None);
                        let answered = runtime
                            .decide_approval(&person, &format!("person-{n}"), id, n % 2 == 0, "")
                            .expect("an answer");
                        (answered.already_decided, answered.row.approval.state)
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|t| t.join().expect("no panic"))
                .collect()
        });
        assert_eq!(
            answers.iter().filter(|(already, _)| !already).count(),
            1,
            "{answers:?}"
        );
        assert!(
            answers.iter().all(|(_, state)| *state == answers[0].1),
            "{answers:?}"
        );
    }
    assert_eq!(records(&runtime, "approval-final").len(), 5);
    end(runtime);
}

#[test]
fn of_eight_racing_executors_one_runs() {
    let world = World::policy(ASK);
    let runtime = world.open();
    let (_, id) = ask(&runtime, 100);
    answer(&runtime, &id, "ann", true);
    let barrier = Barrier::new(8);
    let ran: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    try_check(&runtime, &with(100, &id)).is_ok_and(|c| c.decision.effect.permits())
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|t| usize::from(t.join().expect("no panic")))
            .sum()
    });
    assert_eq!(ran, 1);
    end(runtime);
}

#[test]
fn a_grant_lifts_no_block() {
    let world = World::policy(ASK);
    let runtime = world.open();
    // Before its first action: the projection would make it known as well.
    let new = interlock_store::NewAgent {
        agent_id: "bot".to_owned(),
        name: "bot".to_owned(),
    };
    runtime
        .register_agent(TENANT, "admin", &new)
        .expect("registered");
    let (_, id) = ask(&runtime, 100);
    answer(&runtime, &id, "ann", true);
    // Between asking and running the agent is paused.
    let pause = |on| interlock_store::AgentChange {
        paused: Some(on),
        ..interlock_store::AgentChange::default()
    };
    runtime
        .update_agent(TENANT, "admin", "bot", &pause(true))
        .expect("paused");
    expect(&runtime, &with(100, &id), Effect::Block, code::AGENT_PAUSED);
    runtime
        .update_agent(TENANT, "admin", "bot", &pause(false))
        .expect("resumed");
    // What people agreed to is no longer what would be decided: ask again.
    assert!(try_check(&runtime, &with(100, &id)).is_err());
    end(runtime);
}

#[test]
fn decisions_and_claims_survive_a_restart() {
    let world = World::policy(ASK);
    let runtime = world.open();
    let (_, used) = ask(&runtime, 1);
    let (_, granted) = ask(&runtime, 2);
    let (_, pending) = ask(&runtime, 3);
    answer(&runtime, &used, "ann", true);
    answer(&runtime, &granted, "ann", true);
    assert_eq!(
        check(&runtime, &with(1, &used)).decision.effect,
        Effect::Allow
    );
    end(runtime);
    let runtime = world.open();
    assert!(try_check(&runtime, &with(1, &used)).is_err());
    assert_eq!(
        check(&runtime, &with(2, &granted)).decision.effect,
        Effect::Allow
    );
    assert_eq!(answer(&runtime, &pending, "bob", true), State::Approved);
    assert_eq!(
        check(&runtime, &with(3, &pending)).decision.effect,
        Effect::Allow
    );
    end(runtime);
}

fn state(runtime: &Runtime, id: &str) -> State {
    let row = runtime.store().approval(TENANT, id).expect("a row");
    row.approval.state
}

#[test]
fn an_answer_that_cannot_be_recorded_gives_no_grant() {
    let world = World::policy(ASK);
    let runtime = world.open();
    let (_, id) = ask(&runtime, 100);
    runtime.journal().clone().close().expect("it closes");
    let person = principal(Role::Approver, None);
    for approve in [true, false] {
        let error = runtime
            .decide_approval(&person, "ann", &id, approve, "")
            .expect_err("no record");
        assert_eq!(error.code(), "audit-unavailable", "{error}");
    }
    assert_eq!(state(&runtime, &id), State::Pending);
    end(runtime);
    let runtime = world.open();
    assert_eq!(state(&runtime, &id), State::Pending);
    assert_eq!(answer(&runtime, &id, "ann", true), State::Approved);
    end(runtime);
}

/// Writes what the runtime writes before it writes the row, and nothing more: a crash between.
fn record_alone(
    runtime: &Runtime,
    kind: Kind,
    now: i64,
    members: &[(&str, &str)],
    number: (&str, i64),
) {
    let mut body = Body::new(kind, &interlock_runtime::rfc3339(now));
    for (name, text) in members {
        body.str(name, text);
    }
    body.int(number.0, number.1);
    let body = body.finish().expect("a body");
    runtime
        .journal()
        .append(TENANT, kind, body)
        .expect("appended");
}

#[test]
fn a_row_follows_its_record_after_a_crash() {
    let world = World::policy(ASK);
    let runtime = world.open();
    let asked: Vec<String> = (0..3).map(|n| ask(&runtime, n).1).collect();
    let now = interlock_runtime::Clock::now(&*world.clock);
    for (id, verdict, state) in [
        (&asked[0], "approve", "approved"),
        (&asked[1], "deny", "denied"),
    ] {
        let members = [
            ("id", id.as_str()),
            ("agent", "bot"),
            ("approver", "ann"),
            ("verdict", verdict),
            ("state", state),
        ];
        record_alone(&runtime, Kind::ApprovalFinal, now, &members, ("version", 2));
    }
    end(runtime);
    let runtime = world.open();
    assert_eq!(state(&runtime, &asked[0]), State::Approved);
    assert_eq!(state(&runtime, &asked[1]), State::Denied);
    assert_eq!(state(&runtime, &asked[2]), State::Pending);
    let run = check(&runtime, &with(0, &asked[0]));
    assert_eq!(run.decision.effect, Effect::Allow);
    // Its outcome is recorded, and the process ends before the approval hears of it.
    let row = runtime.store().approval(TENANT, &asked[0]).expect("a row");
    let fence = row.approval.claim.expect("it is claimed").fence;
    let fence = i64::try_from(fence).expect("a time");
    let run_id = run.id.to_string();
    let members = [
        ("id", run_id.as_str()),
        ("agent", "bot"),
        ("status", "failed"),
        ("approval", asked[0].as_str()),
    ];
    record_alone(&runtime, Kind::Outcome, now, &members, ("fence", fence));
    end(runtime);
    for _ in 0..2 {
        let runtime = world.open();
        assert_eq!(state(&runtime, &asked[0]), State::Failed);
        end(runtime);
    }
}

#[test]
fn an_outcome_ends_the_approval_that_allowed_it() {
    use OutcomeStatus::{Failed, NotRun, Succeeded, Unknown};
    let world = World::policy(ASK);
    for (amount, status, restart, want) in [
        (1, Succeeded, false, State::Executed),
        (2, Succeeded, true, State::Executed),
        (3, Failed, false, State::Failed),
        (4, NotRun, true, State::Failed),
        (5, Unknown, false, State::Claimed),
    ] {
        let mut runtime = world.open();
        let (_, id) = ask(&runtime, amount);
        answer(&runtime, &id, "ann", true);
        let run = check(&runtime, &with(amount, &id));
        assert_eq!(run.decision.effect, Effect::Allow);
        if restart {
            end(runtime);
            runtime = world.open();
        }
        runtime
            .outcome(&Principal::local(), run.id, &outcome(status))
            .expect("an outcome");
        assert_eq!(state(&runtime, &id), want, "{status:?}");
        end(runtime);
    }
    // Nobody reports: the lease makes it unknown, and a late report settles it.
    let runtime = world.open();
    let (_, id) = ask(&runtime, 6);
    answer(&runtime, &id, "ann", true);
    let run = check(&runtime, &with(6, &id));
    world.advance(HOUR);
    runtime.tick();
    assert_eq!(state(&runtime, &id), State::Unknown);
    runtime
        .outcome(&Principal::local(), run.id, &outcome(Succeeded))
        .expect("an outcome");
    assert_eq!(state(&runtime, &id), State::Executed);
    end(runtime);
}
