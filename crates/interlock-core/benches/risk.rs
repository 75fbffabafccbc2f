//! Risk and the facts that are not SQL or shell, on three usual actions.

use criterion::{Criterion, criterion_group, criterion_main};
use interlock_core::facts::{FactInput, Facts};
use interlock_core::model::{Action, Findings, Principal};
use interlock_core::program::Classification;
use interlock_core::risk::{RiskConfig, RiskContext, score};
use interlock_core::state::StateFacts;
use std::hint::black_box;

const ACTIONS: [(&str, &str); 4] = [
    (
        "read a file",
        r#"{"agent_id":"a","action_type":"file_read","resource":"/srv/app/reports/q3.csv"}"#,
    ),
    (
        "send an e-mail of 620 bytes",
        r#"{"agent_id":"mailer","action_type":"message_send","tool":"send_email","arguments":{"to":"ann.lee@example.com","subject":"Your order has shipped","body":"Dear Ann, thank you for your order. It left our warehouse this morning and should reach you within three working days. You can follow it at https://track.example.com/o/81723 at any time. If something is missing or damaged, answer this message within fourteen days and we will send a replacement or give your money back, whichever you prefer. We hope that you enjoy it. With kind regards, the team"},"run_id":"run-1","step":3,"environment":"production"}"#,
    ),
    (
        "query a table",
        r#"{"agent_id":"billing","action_type":"database_query","resource":"postgres://prod/customers","tool":"sql.execute","arguments":{"sql":"SELECT id, name, email FROM customers WHERE id = 4711"}}"#,
    ),
    (
        "post to an API",
        r#"{"agent_id":"billing","action_type":"api_call","resource":"https://api.example.com/v1/charges","tool":"http.request","arguments":{"method":"POST","headers":{"Authorization":"Bearer x"},"body":{"amount":4500,"currency":"eur","customer":"c-81"}}}"#,
    ),
];

fn benches(c: &mut Criterion) {
    let principal = Principal::local();
    let classes = Classification::default();
    let config = RiskConfig::default();
    let findings = Findings::default();
    let usual = StateFacts {
        agent_known: true,
        agent_actions: 500,
        baseline_ready: true,
        type_share: 400,
        hour_share: 80,
        records_deviation: 400,
        ..StateFacts::default()
    };
    for (name, json) in ACTIONS {
        let action = Action::from_json(json.as_bytes()).expect("the action is well formed");
        let input = FactInput {
            action: &action,
            principal: &principal,
            classes: &classes,
            now: 1_794_970_800_000_000_000,
        };
        c.bench_function(&format!("facts/{name}"), |b| {
            b.iter(|| Facts::compute(black_box(input)));
        });
        let facts = Facts::compute(input);
        let cx = RiskContext {
            action: &action,
            principal: &principal,
            facts: &facts,
            findings: &findings,
            state: &usual,
            config: &config,
            now: input.now,
        };
        c.bench_function(&format!("risk/{name}"), |b| {
            b.iter(|| score(black_box(&cx)));
        });
    }
}

criterion_group!(all, benches);
criterion_main!(all);
