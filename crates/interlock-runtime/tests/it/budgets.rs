//! Budgets of a tenant, of keys and of agents: what they let through, what is said of it, and what a
//! restart knows.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use interlock_core::model::{Effect, OutcomeStatus, Principal, Value, reason::code};
use interlock_policy::{Budget, read_budgets};
use interlock_runtime::{CheckOptions, Checked, Claimed, Purse, Runtime, RuntimeError};
use interlock_store::AlertRow;

use crate::world::{DAY, MINUTE, SECOND, TENANT, World, action, codes, end, outcome, records};

const USD: i64 = 1_000_000_000;
const OPEN: &str = "interlock: 1\ndefault: allow\nrules:\n  - id: never\n    match: { tool: [wire] }\n    effect: block\n  - id: ask\n    match: { tool: [refund] }\n    effect: require_approval\n";

fn budgets(text: &str) -> Vec<Budget> {
    read_budgets(&format!("budgets:\n{text}")).expect("budgets")
}

fn set(runtime: &Runtime, text: &str) {
    for budget in budgets(text) {
        runtime
            .set_budget(TENANT, "ana", &budget)
            .expect("it is set");
    }
}

/// A call with a key, so that a budget of keys is asked.
fn call(runtime: &Runtime, tenant: &str, key: &str, agent: &str, cost: &str) -> Checked {
    call_of(runtime, tenant, key, agent, "model", cost)
}

fn call_of(
    runtime: &Runtime,
    tenant: &str,
    key: &str,
    agent: &str,
    tool: &str,
    cost: &str,
) -> Checked {
    let json = format!(
        r#"{{"agent_id":"{agent}","action_type":"llm_call","tool":"{tool}","cost_usd":"{cost}"}}"#
    );
    let principal = Principal {
        tenant: Arc::from(tenant),
        ..Principal::local()
    };
    let options = CheckOptions {
        key_id: key.to_owned(),
        ..CheckOptions::default()
    };
    runtime
        .check(&principal, action(&json), &options)
        .expect("a decision")
}

fn allowed(checked: &Checked) -> bool {
    let effect = checked.decision.effect;
    if effect == Effect::Block {
        assert!(
            codes(checked).contains(&code::BUDGET),
            "{:?}",
            checked.decision.reasons
        );
    }
    effect == Effect::Allow
}

fn report(runtime: &Runtime, of: &Checked, status: OutcomeStatus, cost_nano_usd: i64) {
    let mut said = outcome(status);
    said.cost_nano_usd = cost_nano_usd;
    runtime
        .outcome(&Principal::local(), of.id, &said)
        .expect("an outcome");
}

fn purses(runtime: &Runtime, tenant: &str, id: &str) -> Vec<Purse> {
    let all = runtime.budget_use(tenant).into_iter();
    all.filter(|(row, _)| row.budget.id == id)
        .flat_map(|(_, purses)| purses)
        .collect()
}

/// Settled and reserved money, and calls.
fn used(runtime: &Runtime, id: &str) -> (i64, i64, i64) {
    purses(runtime, TENANT, id).first().map_or((0, 0, 0), |p| {
        (
            p.settled.nano_usd,
            p.reserved.nano_usd,
            p.settled.calls + p.reserved.calls,
        )
    })
}

fn alerts(runtime: &Runtime, tenant: &str) -> Vec<AlertRow> {
    assert!(
        runtime.projected(Duration::from_secs(20)).expect("rows"),
        "in time"
    );
    let all = runtime
        .store()
        .alerts_after(tenant, 0, 1_000)
        .expect("alerts");
    all.into_iter()
        .filter(|alert| alert.cause.kind == "budget")
        .collect()
}

#[test]
fn each_budget_counts_for_whom_it_is_and_says_which_refused() {
    let world = World::policy(OPEN);
    let runtime = world.open();
    assert!(allowed(&call(&runtime, TENANT, "k1", "bot", "1000")));
    set(
        &runtime,
        "- {id: all, scope: tenant, period: month, limit_usd: 10}
- {id: keys, scope: key, of: 'k*', limit_usd: 4}
- {id: bots, scope: agent, of: 'bot*', limit_calls: 2}
",
    );
    // What ran before a budget was set is not counted.
    assert!(allowed(&call(&runtime, TENANT, "k1", "bot", "3")));
    let refused = call(&runtime, TENANT, "k1", "other", "1.000000001");
    assert!(!allowed(&refused));
    assert_eq!(
        refused.decision.reasons[0].message,
        "budget `keys` of `key:k1` is used up: this action would make it 4.000000001 of 4 USD for the day"
    );
    // Another key has a purse of its own, and one that does not match none.
    assert!(allowed(&call(&runtime, TENANT, "k2", "other", "4")));
    assert!(allowed(&call(&runtime, TENANT, "K3", "other", "2")));
    assert!(allowed(&call(&runtime, TENANT, "", "bot", "0.5")));
    let refused = call(&runtime, TENANT, "", "bot", "0");
    assert_eq!(
        refused.decision.reasons[0].message,
        "budget `bots` of `agent:bot` is used up: this action would make it 3 of 2 calls for the day"
    );
    let refused = call(&runtime, TENANT, "", "bot2", "0.51");
    assert_eq!(
        refused.decision.reasons[0].message,
        "budget `all` of `tenant` is used up: this action would make it 10.01 of 10 USD for the month"
    );
    assert!(allowed(&call(&runtime, TENANT, "", "bot2", "0.5")));
    assert_eq!(used(&runtime, "all"), (0, 10 * USD, 5));
    let top: Vec<_> = purses(&runtime, TENANT, "all")[0]
        .top
        .iter()
        .map(|drawer| (drawer.agent.clone(), drawer.used.nano_usd))
        .collect();
    assert_eq!(
        top,
        [
            ("other".to_owned(), 6 * USD),
            ("bot".to_owned(), 7 * USD / 2),
            ("bot2".to_owned(), USD / 2)
        ]
    );
    // The day renews, the month does not.
    world.advance(DAY);
    assert_eq!(used(&runtime, "keys"), (0, 0, 0));
    assert!(!allowed(&call(&runtime, TENANT, "k1", "bot", "0.01")));
    assert!(allowed(&call(&runtime, TENANT, "k1", "bot", "0")));
    // The record names the budgets that were drawn on, and what they answered.
    let last = records(&runtime, "decision").pop().expect("a decision");
    let row = |of: &str| {
        let all = last
            .get(of)
            .and_then(|v| v.get("ledger"))
            .and_then(Value::as_array);
        all.and_then(|rows| rows.first().map(Value::to_json))
            .unwrap_or_default()
    };
    assert_eq!(
        row("state"),
        r#"["all","tenant","month",10000000000,-1,0,[50,80,100]]"#
    );
    assert_eq!(
        row("readings"),
        r#"["all","tenant","month","within",10000000000,6,10000000000,-1,0,0]"#
    );
    end(runtime);
}

#[test]
fn an_outcome_settles_and_what_does_not_run_is_given_back() {
    let world = World::policy(OPEN);
    let runtime = world.open();
    set(
        &runtime,
        "- {id: all, scope: tenant, limit_usd: 10, limit_calls: 100}\n",
    );
    let go = |cost: &str| call(&runtime, TENANT, "", "bot", cost);
    report(&runtime, &go("4"), OutcomeStatus::Succeeded, USD);
    assert_eq!(used(&runtime, "all"), (USD, 0, 1));
    report(&runtime, &go("1"), OutcomeStatus::Failed, 3 * USD);
    assert_eq!(used(&runtime, "all"), (4 * USD, 0, 2));
    report(&runtime, &go("6"), OutcomeStatus::NotRun, 0);
    assert_eq!(used(&runtime, "all"), (4 * USD, 0, 2));
    let unheard = go("2");
    assert_eq!(used(&runtime, "all"), (4 * USD, 2 * USD, 3));
    world.advance(6 * MINUTE);
    runtime.tick();
    assert_eq!(
        used(&runtime, "all"),
        (6 * USD, 0, 3),
        "for all that is known, it ran"
    );
    report(&runtime, &unheard, OutcomeStatus::NotRun, 0);
    assert_eq!(used(&runtime, "all"), (6 * USD, 0, 3), "too late");
    // Blocked by a rule, waiting for a person, reported after the fact: none of it is drawn.
    for tool in ["wire", "refund"] {
        call_of(&runtime, TENANT, "", "bot", tool, "1");
    }
    let reported = CheckOptions {
        reported: Some(Claimed::default()),
        ..CheckOptions::default()
    };
    let json = r#"{"agent_id":"bot","action_type":"llm_call","tool":"model","cost_usd":"1"}"#;
    runtime
        .check(&Principal::local(), action(json), &reported)
        .expect("a report");
    assert_eq!(used(&runtime, "all"), (6 * USD, 0, 3));
    // Nor what could not be recorded.
    runtime.journal().clone().close().expect("it closes");
    let failed = runtime.check(&Principal::local(), action(json), &CheckOptions::default());
    assert!(failed.is_err());
    assert_eq!(used(&runtime, "all"), (6 * USD, 0, 3));
    end(runtime);
}

#[test]
fn a_throttled_budget_lets_a_trickle_through() {
    let world = World::policy(OPEN);
    let runtime = world.open();
    set(
        &runtime,
        "- {id: slow, scope: tenant, limit_calls: 1, at_limit: throttle, calls_per_minute: 2}\n",
    );
    let go = || call(&runtime, TENANT, "", "bot", "0");
    assert!(allowed(&go()) && allowed(&go()) && allowed(&go()));
    world.advance(10 * SECOND);
    let refused = go();
    assert_eq!(
        refused.decision.reasons[0].message,
        "budget `slow` of `tenant` is used up: this action would make it 4 of 1 calls for the day; past the limit 2 calls a minute go on, the next one in 50000 ms"
    );
    assert_eq!(codes(&refused).first(), Some(&code::BUDGET));
    world.advance(50 * SECOND);
    assert!(allowed(&go()) && allowed(&go()) && !allowed(&go()));
    assert_eq!(used(&runtime, "slow").2, 5);
    end(runtime);
}

#[test]
fn no_number_of_callers_passes_a_ceiling() {
    const CALLERS: usize = 8;
    const CALLS: usize = 40;
    let world = World::policy(OPEN);
    let runtime = world.open();
    set(
        &runtime,
        "- {id: money, scope: tenant, limit_usd: 20}\n- {id: calls, scope: key, limit_calls: 45}\n",
    );
    let (spent, barrier) = (AtomicI64::new(0), Barrier::new(CALLERS));
    let made: [AtomicI64; 2] = Default::default();
    std::thread::scope(|scope| {
        for caller in 0..CALLERS {
            let (runtime, spent, made, barrier) = (&runtime, &spent, &made, &barrier);
            scope.spawn(move || {
                barrier.wait();
                for n in 0..CALLS {
                    let cents = i64::try_from(10 + (caller * 7 + n * 3) % 30).expect("small");
                    let key = format!("k{}", caller % 2);
                    // An agent of its own each, so that no limit of an agent comes first.
                    let agent = format!("a{caller}-{n}");
                    let checked = call(runtime, TENANT, &key, &agent, &format!("0.{cents:02}"));
                    if allowed(&checked) {
                        let now = spent.fetch_add(cents, Ordering::SeqCst) + cents;
                        assert!(now <= 2_000, "{now} cents");
                        let calls = made[caller % 2].fetch_add(1, Ordering::SeqCst) + 1;
                        assert!(calls <= 45, "{calls} calls");
                    }
                }
            });
        }
    });
    let spent = spent.load(Ordering::SeqCst);
    assert!(spent > 1_700, "{spent} cents of 2000 could be used");
    let total = made.iter().map(|n| n.load(Ordering::SeqCst)).sum();
    assert_eq!(used(&runtime, "money"), (0, spent * USD / 100, total));
    let all = purses(&runtime, TENANT, "money").remove(0);
    assert_eq!(all.top.len(), 10);
    let others = all.top.iter().fold(all.others, |sum, d| sum.plus(d.used));
    assert_eq!(
        others.nano_usd,
        spent * USD / 100,
        "who draws is counted to the last cent"
    );
    end(runtime);
}

#[test]
fn a_threshold_is_told_of_once_in_a_period_also_by_another_process() {
    let world = World::policy(OPEN);
    let runtime = world.open();
    set(
        &runtime,
        "- {id: all, scope: tenant, limit_usd: 10, notify: [ops]}\n- {id: each, scope: agent, limit_calls: 4, thresholds: [50]}\n",
    );
    let go = |runtime: &Runtime, agent: &str, cost: &str| {
        let went = allowed(&call(runtime, TENANT, "", agent, cost));
        runtime.tick();
        went
    };
    assert!(go(&runtime, "a", "5"));
    assert!(go(&runtime, "a", "1"));
    let said = alerts(&runtime, TENANT);
    let shown: Vec<_> = said
        .iter()
        .map(|a| (&*a.message, &*a.level, &*a.agent_id))
        .collect();
    assert_eq!(
        shown,
        [
            (
                "budget `all` of `tenant` has reached 50 %: 5 of 10 USD in this day; agent `a` draws most",
                "medium",
                ""
            ),
            (
                "budget `each` of `agent:a` has reached 50 %: 2 of 4 calls in this day; agent `a` draws most",
                "medium",
                "a"
            ),
        ]
    );
    assert_eq!(said[0].cause.notify, ["ops"]);
    // Crossed, and the process ends before anybody is told.
    assert!(allowed(&call(&runtime, TENANT, "", "b", "2.5")));
    end(runtime);
    let runtime = world.open();
    runtime.tick();
    let said = alerts(&runtime, TENANT);
    assert_eq!(said.len(), 3, "{said:?}");
    assert_eq!(
        (&*said[2].level, &*said[2].cause.class),
        ("high", "80% day tenant")
    );
    // Each is a group of its own, so that nobody waits for the hour of the one before.
    let groups = runtime
        .store()
        .alert_group(TENANT, "nothing", runtime.now());
    assert!(groups.is_err());
    end(runtime);
    let runtime = world.open();
    assert!(go(&runtime, "b", "0"));
    assert!(!go(&runtime, "b", "9"));
    assert!(!go(&runtime, "c", "9"));
    let said = alerts(&runtime, TENANT);
    assert_eq!(said.len(), 5, "{said:?}");
    assert_eq!(said.iter().filter(|a| a.level == "critical").count(), 1);
    assert_eq!(runtime.tick().budgets, 0);
    // A new period, a new alert.
    world.advance(DAY);
    assert!(go(&runtime, "c", "6"));
    assert_eq!(alerts(&runtime, TENANT).len(), 6);
    // A projection that is made anew has each once.
    end(runtime);
    let runtime = world.open();
    runtime.tick();
    let said = alerts(&runtime, TENANT);
    let ids: std::collections::BTreeSet<_> = said.iter().map(|a| &a.id).collect();
    assert_eq!((ids.len(), said.len()), (6, 6));
    end(runtime);
}

#[test]
fn a_restart_refills_no_purse() {
    let world = World::policy(OPEN);
    let runtime = world.open();
    set(
        &runtime,
        "- {id: all, scope: tenant, limit_usd: 3}\n- {id: slow, scope: key, limit_calls: 1, at_limit: throttle, calls_per_minute: 1}\n",
    );
    let first = call(&runtime, TENANT, "k", "bot", "1");
    report(&runtime, &first, OutcomeStatus::Succeeded, 2 * USD);
    assert!(allowed(&call(&runtime, TENANT, "k", "bot", "0.5")));
    assert!(!allowed(&call(&runtime, TENANT, "k", "bot", "0.5")));
    let before = runtime.budget_use(TENANT);
    end(runtime);
    let runtime = world.open();
    assert_eq!(runtime.budget_use(TENANT), before);
    // The trickle of the minute is not there again either.
    let refused = call(&runtime, TENANT, "k", "bot", "0.1");
    assert!(
        refused.decision.reasons[0]
            .message
            .contains("`slow` of `key:k`"),
        "{refused:?}"
    );
    assert!(!allowed(&call(&runtime, TENANT, "", "bot", "0.51")));
    assert!(allowed(&call(&runtime, TENANT, "", "bot", "0.5")));
    // Removed and set again within the period: what was used stays used.
    let gone = runtime
        .remove_budget(TENANT, "ana", "all")
        .expect("it was there");
    assert!(allowed(&call(&runtime, TENANT, "", "bot", "50")));
    runtime
        .set_budget(TENANT, "ana", &gone.budget)
        .expect("it is set");
    assert_eq!(used(&runtime, "all"), (2 * USD, USD, 3));
    end(runtime);
}

#[test]
fn a_budget_of_one_tenant_is_nothing_to_another() {
    let world = World::policy(OPEN);
    let runtime = world.open();
    runtime.open_tenant("other").expect("a tenant");
    set(
        &runtime,
        "- {id: all, scope: tenant, limit_usd: 1, limit_calls: 5}\n- {id: keys, scope: key, limit_calls: 1}\n",
    );
    let of_other = &budgets("- {id: all, scope: tenant, limit_usd: 7}\n")[0];
    runtime
        .set_budget("other", "bob", of_other)
        .expect("it is set");
    for _ in 0..3 {
        assert!(allowed(&call(&runtime, "other", "k", "bot", "2")));
    }
    assert!(!allowed(&call(&runtime, "other", "k", "bot", "2")));
    assert!(purses(&runtime, TENANT, "all").is_empty());
    assert!(allowed(&call(&runtime, TENANT, "k", "bot", "1")));
    assert_eq!(
        purses(&runtime, "other", "all")[0].reserved.nano_usd,
        6 * USD
    );
    assert_eq!(runtime.budgets("other").len(), 1);
    assert!(runtime.budgets("nobody").is_empty());
    runtime.tick();
    assert_eq!(alerts(&runtime, "other").len(), 1);
    assert!(
        alerts(&runtime, TENANT)
            .iter()
            .all(|a| !a.message.contains("of 7 USD"))
    );
    let missing = runtime.remove_budget("other", "bob", "keys");
    assert!(matches!(missing, Err(RuntimeError::NotFound("budget"))));
    end(runtime);
}

#[test]
fn who_set_what_is_on_record_and_a_file_is_changed_in_the_file() {
    let world = World::policy(OPEN);
    let runtime = world.open();
    set(&runtime, "- {id: mine, scope: tenant, limit_usd: 5}\n");
    let of_file =
        budgets("- {id: a, scope: key, limit_usd: 1}\n- {id: b, scope: agent, limit_calls: 2}\n");
    runtime
        .declare_budgets(TENANT, "file", &of_file)
        .expect("they hold");
    // The same again is no change.
    runtime
        .declare_budgets(TENANT, "file", &of_file)
        .expect("they hold");
    let ids = |runtime: &Runtime| {
        let all = runtime.budgets(TENANT).into_iter();
        all.map(|row| row.budget.id + if row.declared { "!" } else { "" })
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&runtime), ["a!", "b!", "mine"]);
    for result in [
        runtime.set_budget(TENANT, "ana", &of_file[0]),
        runtime.remove_budget(TENANT, "ana", "b"),
    ] {
        assert!(
            matches!(result, Err(RuntimeError::Conflict(_))),
            "{result:?}"
        );
    }
    runtime
        .remove_budget(TENANT, "bob", "mine")
        .expect("it was set by hand");
    runtime
        .declare_budgets(TENANT, "file", &of_file[..1])
        .expect("they hold");
    assert_eq!(ids(&runtime), ["a!"]);
    let said: Vec<String> = records(&runtime, "budget")
        .iter()
        .map(|body| {
            let text = |key: &str| {
                body.get(key)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned()
            };
            format!(
                "{} {} {} {}",
                text("actor"),
                text("what"),
                text("id"),
                text("limit_usd")
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            "ana budget-set mine 5",
            "file budget-set a 1",
            "file budget-set b ",
            "bob budget-removed mine 5",
            "file budget-removed b ",
        ]
    );
    end(runtime);
    // Started without the file, what stood in it still holds, and can be changed.
    let runtime = world.open();
    assert_eq!(ids(&runtime), ["a!"]);
    runtime
        .remove_budget(TENANT, "ana", "a")
        .expect("it can be removed");
    let mut bad = of_file[0].clone();
    bad.limit_usd = None;
    let error = runtime
        .set_budget(TENANT, "ana", &bad)
        .expect_err("no limit");
    assert!(
        matches!(error, RuntimeError::Invalid("limit_usd", _)),
        "{error}"
    );
    for n in 0..64 {
        bad.limit_calls = Some(n);
        bad.id = format!("b{n}");
        runtime.set_budget(TENANT, "ana", &bad).expect("it is set");
    }
    bad.id = "b64".to_owned();
    let error = runtime
        .set_budget(TENANT, "ana", &bad)
        .expect_err("too many");
    assert_eq!(error.to_string(), "`budgets` must be at most 64");
    end(runtime);
}
