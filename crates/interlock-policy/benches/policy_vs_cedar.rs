//! The policy stage beside `cedar-policy` on the same rules and the same actions, in one run.
//!
//! Both are handed what is ready before the stage: the core facts, risk, findings and readings;
//! Cedar its request, context included, so that only `is_authorized` is timed. The rules are
//! written once, as Cedar, spread over eight action types in their heads.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

use cedar_policy::{Authorizer, Context, Entities, EntityUid, PolicySet, Request};
use criterion::Criterion;
use interlock_core::facts::{FactGroup, FactId, FactInput, FactRef, Facts};
use interlock_core::model::{Action, Effect, Findings, Principal, Vector, VectorSet};
use interlock_core::program::{EvalInput, Program};
use interlock_core::risk::{Dimension, RiskReport};
use interlock_core::state::{Readings, StateFacts};
use interlock_policy::{Source, compile};
use serde_json::{Map, Value, json};

const TYPES: [&str; 8] = [
    "file_read",
    "file_write",
    "file_delete",
    "api_call",
    "database_query",
    "database_write",
    "message_send",
    "payment",
];

/// What the conditions ask, of many kinds; none holds of the action, so that none can be skipped.
const CONDITIONS: [&str; 8] = [
    "context.facts.sql.unbounded && context.risk.composite > 40",
    "context.facts.outbound && context.findings.pii",
    "context.facts.sql.tables.contains(\"salaries\")",
    "context.facts.resource.name like \"postgres://prod/secret*\"",
    "context.state.actions_last_minute > 60 || context.state.breaker_open",
    "context.facts.sql.kinds.containsAny([\"drop\", \"truncate\", \"grant\"])",
    "context.args has limit && context.args.limit > 10000",
    "context.risk.data >= 80 && !context.facts.authenticated",
];

const ACTION: &str = r#"{"agent_id":"billing-bot","action_type":"database_query","tool":"sql.query",
"resource":"postgres://prod/customers","environment":"production",
"arguments":{"sql":"SELECT c.name, c.plan FROM customers c JOIN orders o ON o.customer = c.id WHERE c.id = 4711 ORDER BY o.at LIMIT 20","limit":20}}"#;

/// The rules as Cedar text.
fn rules(count: usize) -> String {
    let mut text = String::new();
    for i in 0..count {
        let kind = TYPES[i % TYPES.len()];
        let condition = CONDITIONS[(i / TYPES.len()) % CONDITIONS.len()];
        writeln!(
            text,
            "@id(\"r{i}\") forbid (principal, action == Action::\"{kind}\", resource) when {{ {condition} }};"
        )
        .unwrap();
    }
    text
}

/// Everything that the stage is handed.
struct Ready {
    action: Action,
    principal: Principal,
    facts: Facts,
    risk: RiskReport,
    findings: Findings,
    readings: Readings,
}

fn ready(program: &Program) -> Ready {
    let action = Action::from_json(ACTION.as_bytes()).unwrap();
    let principal = Principal::local();
    let facts = Facts::compute(FactInput {
        action: &action,
        principal: &principal,
        classes: program.classification(),
        now: 1_768_384_800_000_000_000,
    });
    Ready {
        action,
        principal,
        facts,
        risk: RiskReport {
            composite: 30,
            ..RiskReport::default()
        },
        findings: Findings::default(),
        readings: Readings::default(),
    }
}

fn evaluate(program: &Program, ready: &Ready) -> Effect {
    let environment = program.environment(&ready.facts.action.environment);
    program
        .evaluate(&EvalInput {
            action: &ready.action,
            principal: &ready.principal,
            facts: &ready.facts,
            risk: &ready.risk,
            findings: &ready.findings,
            readings: &ready.readings,
            charged: &[],
            profile: None,
            grant: None,
            now: 1_768_384_800_000_000_000,
            environment,
            failed: VectorSet::default(),
        })
        .effect
}

fn fact_json(value: FactRef<'_>) -> Value {
    match value {
        FactRef::Bool(b) => json!(b),
        FactRef::Long(n) => json!(n),
        FactRef::String(s) => json!(s),
        FactRef::Strings(s) => json!(s),
    }
}

fn request(ready: &Ready) -> Request {
    let mut facts = Map::new();
    for group in FactGroup::ALL {
        for (index, spec) in (0u8..).zip(group.specs()) {
            let id = FactId {
                group: *group,
                index,
            };
            let value = fact_json(ready.facts.get(id).unwrap());
            if group.name().is_empty() {
                facts.insert(spec.name.to_owned(), value);
            } else {
                facts
                    .entry(group.name())
                    .or_insert_with(|| json!({}))
                    .as_object_mut()
                    .unwrap()
                    .insert(spec.name.to_owned(), value);
            }
        }
    }
    let mut risk: Map<String, Value> = Dimension::ALL
        .iter()
        .map(|d| (d.name().to_owned(), json!(ready.risk.score(*d))))
        .collect();
    risk.insert("composite".to_owned(), json!(ready.risk.composite));
    let findings: Map<String, Value> = Vector::ALL
        .iter()
        .map(|v| (v.name().to_owned(), json!(ready.findings.has(*v))))
        .collect();
    let state: Map<String, Value> = (0u8..)
        .zip(StateFacts::SPECS)
        .map(|(i, s)| {
            let value = ready.readings.state.get(i).unwrap();
            (s.name.to_owned(), fact_json(value))
        })
        .collect();
    let args: Value = serde_json::from_str(&ready.action.arguments.to_json()).unwrap();
    let context = json!({
        "facts": facts, "risk": risk, "findings": findings, "state": state, "args": args,
    });
    let uid = |kind: &str, id: &str| {
        EntityUid::from_type_name_and_id(kind.parse().unwrap(), id.parse().unwrap())
    };
    Request::new(
        uid("Agent", &ready.action.agent_id),
        uid("Action", ready.action.action_type.name()),
        uid("Resource", &ready.action.resource),
        Context::from_json_value(context, None).unwrap(),
        None,
    )
    .unwrap()
}

/// The median of many timed batches, in nanoseconds per call.
fn median(mut call: impl FnMut()) -> f64 {
    let mut batch = 1u32;
    loop {
        let start = Instant::now();
        (0..batch).for_each(|_| call());
        if start.elapsed().as_micros() >= 2_000 || batch >= 1 << 20 {
            break;
        }
        batch *= 2;
    }
    let mut samples: Vec<f64> = (0..51)
        .map(|_| {
            let start = Instant::now();
            (0..batch).for_each(|_| call());
            start.elapsed().as_nanos() as f64 / f64::from(batch)
        })
        .collect();
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut failed = false;
    for count in [100, 1_000] {
        let text = rules(count);
        let sources = [
            Source::new("base.yaml", "interlock: 1\ndefault: allow\n"),
            Source::new("rules.cedar", text.as_str()),
        ];
        let program = compile(&sources, 1).unwrap().program;
        assert_eq!(program.rules().len(), count);
        let ready = ready(&program);
        let permit = "permit (principal, action, resource);\n";
        let set: PolicySet = format!("{permit}{text}").parse().unwrap();
        let request = request(&ready);
        let entities = Entities::empty();
        let authorizer = Authorizer::new();
        // Both say the same before either is timed.
        assert_eq!(evaluate(&program, &ready), Effect::Allow);
        let response = authorizer.is_authorized(&request, &set, &entities);
        assert_eq!(response.decision(), cedar_policy::Decision::Allow);
        assert_eq!(response.diagnostics().errors().count(), 0);

        criterion.bench_function(&format!("policy stage, {count} rules"), |b| {
            b.iter(|| evaluate(black_box(&program), black_box(&ready)));
        });
        let ours = median(|| {
            black_box(evaluate(black_box(&program), black_box(&ready)));
        });
        let theirs = median(|| {
            black_box(authorizer.is_authorized(black_box(&request), &set, &entities));
        });
        let ratio = theirs / ours;
        println!(
            "{count} rules: policy stage {ours:.0} ns, cedar-policy {theirs:.0} ns, {ratio:.0} times"
        );
        failed |= ratio < 30.0;
    }
    assert!(
        !failed,
        "the policy stage is less than 30 times faster than cedar-policy"
    );
}
