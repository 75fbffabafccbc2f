//! Reserve and conclude for an agent that is known: the state's share of a decision.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use interlock_core::facts::Facts;
use interlock_core::model::{Action, Effect, OutcomeStatus, Principal};
use interlock_core::state::{
    BudgetCharge, BudgetPeriod, CounterKey, Footprint, LedgerCharge, Limit, LimitCharge, LimitKind,
    OutcomeSummary, StateStore,
};
use std::hint::black_box;
use std::sync::Arc;

const START: i64 = 1_794_823_200_000_000_000;

fn action(n: i64) -> Action {
    let body = format!(
        r#"{{"agent_id":"support-bot","action_type":"message_send","tool":"send_email","session_id":"s-1",
        "run_id":"r-1","step":{n},"arguments":{{"to":"ann{}@example.com","subject":"Your order {n}","body":"{}"}},
        "environment":{{"name":"production","region":"eu-west-1"}}}}"#,
        n % 50,
        "Thank you for your order. It will be with you soon. ".repeat(8)
    );
    Action::from_json(body.as_bytes()).expect("a well-formed action")
}

fn footprint(n: i64) -> Footprint {
    let at = START + n * 400_000_000;
    let id = u128::try_from(n).unwrap_or(0);
    let mut footprint = Footprint::of(id, &Principal::local(), &action(n), &Facts::default(), at);
    footprint.limits = vec![LimitCharge {
        key: 1,
        kind: LimitKind::Calls,
        amount: 1,
        max: 200,
        window_ms: 60_000,
    }];
    footprint.budgets = vec![BudgetCharge {
        key: 1,
        period: BudgetPeriod::Day,
        max_nano_usd: i64::MAX,
    }];
    footprint
}

fn budgets() -> Vec<LedgerCharge> {
    ["tenant", "key:k1", "agent:support-bot"]
        .into_iter()
        .map(|subject| LedgerCharge {
            key: CounterKey {
                budget: Arc::from("team"),
                period: BudgetPeriod::Day,
                subject: Arc::from(subject),
            },
            limit: Limit {
                nano_usd: Some(i64::MAX),
                calls: None,
            },
            trickle: 0,
            thresholds: Arc::from([50, 80, 100].as_slice()),
        })
        .collect()
}

fn state(c: &mut Criterion) {
    let mut store = StateStore::default();
    let mut n = 0;
    let mut next = || {
        n += 1;
        footprint(n)
    };
    let outcome = OutcomeSummary {
        status: OutcomeStatus::Succeeded,
        cost_nano_usd: None,
        records: None,
    };
    for _ in 0..1_000 {
        let f = next();
        store.fold_decision(&f, Effect::Allow, f.at);
        store.settle(&f.tenant, &f.agent, f.id, &outcome, f.at);
    }
    c.bench_function("state/reserve+conclude", |b| {
        b.iter_batched(
            &mut next,
            |f| {
                let readings = store.reserve(&f, f.at);
                let held = store.conclude(&f, Effect::Allow, f.at);
                black_box((readings, held, f))
            },
            BatchSize::SmallInput,
        );
    });
    // What budgets of a tenant, a key and an agent add to it.
    c.bench_function("state/reserve+conclude with three budgets", |b| {
        b.iter_batched(
            || {
                let mut f = next();
                f.ledger = budgets();
                f
            },
            |f| {
                let readings = store.reserve(&f, f.at);
                let held = store.conclude(&f, Effect::Allow, f.at);
                black_box((readings, held, f))
            },
            BatchSize::SmallInput,
        );
    });
    c.bench_function("state/settle", |b| {
        b.iter_batched(
            || {
                let f = footprint(1);
                store.fold_decision(&f, Effect::Allow, f.at);
                (store.clone(), f)
            },
            |(mut store, f)| {
                store.settle(&f.tenant, &f.agent, f.id, &outcome, f.at);
                store
            },
            BatchSize::LargeInput,
        );
    });
    let (principal, facts) = (Principal::local(), Facts::default());
    let action = action(7);
    c.bench_function("state/footprint of a 600-byte e-mail", |b| {
        b.iter(|| Footprint::of(7, &principal, black_box(&action), &facts, START));
    });
    let f = footprint(7);
    c.bench_function("state/footprint to JSON", |b| {
        b.iter(|| {
            let mut out = String::with_capacity(1_024);
            black_box(&f).write_json(&mut out);
            out
        });
    });
}

criterion_group!(benches, state);
criterion_main!(benches);
