//! Money: estimates are reserved before, outcomes settle them, and no number of callers passes a
//! cap together.

use std::sync::Barrier;
use std::sync::atomic::{AtomicI64, Ordering};

use interlock_core::model::{Effect, OutcomeStatus, Principal, reason::code};
use interlock_runtime::{CheckOptions, Claimed, Runtime, Spending};
use interlock_store::AgentProfile;

use crate::world::{
    DAY, HOUR, MINUTE, SECOND, TENANT, World, action, check, codes, end, expect, outcome, records,
};

const USD: i64 = 1_000_000_000;
const OPEN: &str = "interlock: 1\ndefault: allow\n";

fn call(cost: &str) -> String {
    format!(r#"{{"agent_id":"bot","action_type":"llm_call","tool":"model","cost_usd":"{cost}"}}"#)
}

fn budget(runtime: &Runtime, day: Option<i64>, month: Option<i64>) {
    let profile = AgentProfile {
        budget_day_nano_usd: day,
        budget_month_nano_usd: month,
        ..AgentProfile::default()
    };
    runtime
        .set_profile(TENANT, "admin", "bot", &profile)
        .expect("a profile");
}

fn spent(runtime: &Runtime) -> (i64, i64) {
    let Spending {
        day_nano_usd,
        month_nano_usd,
    } = runtime.spending(TENANT, "bot");
    (day_nano_usd, month_nano_usd)
}

fn report(runtime: &Runtime, id: uuid::Uuid, status: OutcomeStatus, cost_nano_usd: i64) {
    let mut outcome = outcome(status);
    outcome.cost_nano_usd = cost_nano_usd;
    runtime
        .outcome(&Principal::local(), id, &outcome)
        .expect("an outcome");
}

#[test]
fn a_budget_holds_to_the_last_cent_and_renews() {
    let world = World::policy(OPEN);
    let runtime = world.open();
    assert_eq!(spent(&runtime), (0, 0), "nothing is counted without one");
    check(&runtime, &call("5"));
    assert_eq!(spent(&runtime), (0, 0));
    budget(&runtime, Some(2 * USD), Some(3 * USD));
    expect(&runtime, &call("1.99"), Effect::Allow, code::DEFAULT);
    let over = expect(&runtime, &call("0.02"), Effect::Block, code::BUDGET);
    assert_eq!(
        over.decision.reasons[0].message,
        "this action would use 100.5% of a budget"
    );
    // What was blocked costs nothing.
    expect(&runtime, &call("0.01"), Effect::Allow, code::DEFAULT);
    assert_eq!(spent(&runtime), (2 * USD, 2 * USD));
    world.advance(DAY);
    assert_eq!(spent(&runtime), (0, 2 * USD));
    expect(&runtime, &call("1"), Effect::Allow, code::DEFAULT);
    expect(&runtime, &call("0.000000001"), Effect::Block, code::BUDGET);
    // The first of April.
    world.advance(30 * DAY);
    expect(&runtime, &call("2"), Effect::Allow, code::DEFAULT);
    // Another agent has a purse of its own, or none.
    let other = call("100").replace("\"bot\"", "\"other\"");
    expect(&runtime, &other, Effect::Allow, code::DEFAULT);
    // Lifted by whoever set it.
    budget(&runtime, None, None);
    expect(&runtime, &call("100"), Effect::Allow, code::DEFAULT);
    end(runtime);
}

#[test]
fn an_outcome_settles_what_was_reserved() {
    let world = World::policy(OPEN);
    let runtime = world.open();
    budget(&runtime, Some(10 * USD), None);
    let check_cost = |cost: &str| check(&runtime, &call(cost)).id;
    // Cheaper than thought, dearer than thought, not run, failed, never heard of.
    report(&runtime, check_cost("4"), OutcomeStatus::Succeeded, USD);
    assert_eq!(spent(&runtime).0, USD);
    report(&runtime, check_cost("1"), OutcomeStatus::Succeeded, 3 * USD);
    assert_eq!(spent(&runtime).0, 4 * USD);
    report(&runtime, check_cost("6"), OutcomeStatus::NotRun, 0);
    assert_eq!(spent(&runtime).0, 4 * USD);
    report(&runtime, check_cost("2"), OutcomeStatus::Failed, USD);
    assert_eq!(spent(&runtime).0, 5 * USD);
    report(&runtime, check_cost("1"), OutcomeStatus::Unknown, 0);
    assert_eq!(spent(&runtime).0, 6 * USD);
    // Nobody reports: the estimate stands, also once the outcome is unknown.
    check_cost("1");
    world.advance(6 * MINUTE);
    assert_eq!(runtime.tick().unknown, 1);
    assert_eq!(spent(&runtime).0, 7 * USD);
    // An agent that never says what it will cost is stopped by what it did cost.
    report(&runtime, check_cost("0"), OutcomeStatus::Succeeded, 4 * USD);
    expect(&runtime, &call("0"), Effect::Block, code::BUDGET);
    end(runtime);
}

#[test]
fn what_does_not_run_is_given_back() {
    let world = World::policy(
        "interlock: 1\ndefault: allow\nrules:\n  - id: ask\n    match: { tool: [refund] }\n    effect: require_approval\n  - id: never\n    match: { tool: [wire] }\n    effect: block\n",
    );
    let runtime = world.open();
    budget(&runtime, Some(10 * USD), None);
    for (tool, effect) in [("refund", Effect::RequireApproval), ("wire", Effect::Block)] {
        expect(
            &runtime,
            &call("5").replace("model", tool),
            effect,
            code::RULE,
        );
        assert_eq!(spent(&runtime).0, 0, "{tool}");
    }
    // A report is no request: it uses up nothing.
    let reported = CheckOptions {
        reported: Some(Claimed::default()),
        ..CheckOptions::default()
    };
    runtime
        .check(&Principal::local(), action(&call("5")), &reported)
        .expect("a report");
    assert_eq!(spent(&runtime).0, 0);
    // Nor what could not be recorded.
    runtime.journal().clone().close().expect("it closes");
    assert!(
        runtime
            .check(
                &Principal::local(),
                action(&call("5")),
                &CheckOptions::default()
            )
            .is_err()
    );
    assert_eq!(spent(&runtime).0, 0);
    end(runtime);
}

#[test]
fn a_budget_of_the_bundle_and_one_of_an_administrator() {
    let world = World::policy(
        "interlock: 1\ndefault: allow\nprofiles:\n  \"bot*\": { budget_usd: { day: 1.50 } }\n",
    );
    let runtime = world.open();
    expect(&runtime, &call("1.5"), Effect::Allow, code::DEFAULT);
    expect(&runtime, &call("0.01"), Effect::Block, code::BUDGET);
    // What an administrator sets stands in for the bundle's, and what was spent stays.
    budget(&runtime, Some(2 * USD), None);
    expect(&runtime, &call("0.5"), Effect::Allow, code::DEFAULT);
    expect(&runtime, &call("0.01"), Effect::Block, code::BUDGET);
    assert_eq!(records(&runtime, "decision").len(), 4);
    end(runtime);
}

#[test]
fn a_restart_refills_no_purse() {
    let world = World::policy(OPEN);
    let runtime = world.open();
    budget(&runtime, Some(3 * USD), Some(3 * USD));
    report(
        &runtime,
        check(&runtime, &call("1")).id,
        OutcomeStatus::Succeeded,
        2 * USD,
    );
    check(&runtime, &call("0.5"));
    expect(&runtime, &call("2"), Effect::Block, code::BUDGET);
    let before = spent(&runtime);
    assert_eq!(before, (2 * USD + USD / 2, 2 * USD + USD / 2));
    end(runtime);
    let runtime = world.open();
    assert_eq!(spent(&runtime), before);
    expect(&runtime, &call("0.51"), Effect::Block, code::BUDGET);
    expect(&runtime, &call("0.5"), Effect::Allow, code::DEFAULT);
    end(runtime);
}

#[test]
fn no_number_of_callers_passes_a_cap() {
    const CALLERS: usize = 8;
    const CALLS: usize = 20;
    let world = World::policy(
        "interlock: 1\ndefault: allow\nrules:\n  - id: cap\n    match: { tool: [capped] }\n    require: { limits: { spend_usd: 7/1d } }\n    effect: block\n",
    );
    for (tool, cap) in [("model", 10 * USD), ("capped", 7 * USD)] {
        let runtime = world.open();
        if tool == "model" {
            budget(&runtime, Some(cap), None);
        } else {
            budget(&runtime, None, None);
        }
        let (allowed, barrier) = (AtomicI64::new(0), Barrier::new(CALLERS));
        std::thread::scope(|scope| {
            for caller in 0..CALLERS {
                let (runtime, allowed, barrier) = (&runtime, &allowed, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    for n in 0..CALLS {
                        let cents = 10 + (caller * 7 + n * 3) % 30;
                        let json = call(&format!("0.{cents:02}"))
                            .replace("model", tool)
                            .replace(
                                "\"llm_call\"",
                                &format!(r#""llm_call","resource":"x/{caller}/{n}""#),
                            );
                        let checked = check(runtime, &json);
                        if checked.decision.effect.permits() {
                            let nano = i64::try_from(cents).expect("small") * USD / 100;
                            let now = allowed.fetch_add(nano, Ordering::SeqCst) + nano;
                            assert!(now <= cap, "{now} of {cap}");
                        } else {
                            let codes = codes(&checked);
                            let known = [code::BUDGET, code::LIMIT, code::BREAKER];
                            assert!(codes.iter().any(|c| known.contains(c)), "{codes:?}");
                        }
                    }
                });
            }
        });
        let used = allowed.load(Ordering::SeqCst);
        assert!(used > cap / 2, "{used} of {cap} could be used");
        if tool == "model" {
            assert_eq!(spent(&runtime).0, used);
        }
        end(runtime);
        world.advance(2 * HOUR + SECOND);
    }
}
