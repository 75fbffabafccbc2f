//! The policy stage alone: from facts, risk and readings to an evaluation.
//!
//! The programs have 100 to 10,000 rules of which a handful can match, as bundles for many agents,
//! tools and places have; the cost must not follow the size. `all-candidates` is the worst case:
//! every rule selects the action and evaluates its condition.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use interlock_core::facts::{FactId, Facts};
use interlock_core::model::{
    Action, ActionType, Effect, Findings, Layer, Principal, Value, VectorSet,
};
use interlock_core::program::expr::Expr;
use interlock_core::program::glob::Glob;
use interlock_core::program::rule::{Band, Exempt, Rule, Select};
use interlock_core::program::{
    Classification, EnvironmentConfig, EvalInput, Evaluation, Program, ProgramParts, SelectInput,
};
use interlock_core::risk::RiskReport;
use interlock_core::state::Readings;

fn over(what: Expr, mark: i64) -> Expr {
    Expr::Less(Box::new(Expr::Long(mark)), Box::new(what))
}

fn fact(group: &str, name: &str) -> Expr {
    Expr::Fact(FactId::find(group, name).expect("the fact exists"))
}

fn condition(number: usize) -> Expr {
    let both = |a, b| Expr::And(Box::new(a), Box::new(b));
    match number % 4 {
        0 => both(fact("sql", "unbounded"), over(Expr::Composite, 40)),
        1 => both(fact("", "outbound"), fact("sql", "reads")),
        2 => over(Expr::Arg(["amount".into()].into()), 500),
        _ => Expr::Contains(
            Box::new(fact("sql", "kinds")),
            Box::new(Expr::Str("drop".into())),
        ),
    }
}

/// A rule about one of many tools, one of many places or one of many agents; every kind has its
/// share of rules about writing and sending.
fn rule(number: usize) -> Rule {
    let glob = |text: String| vec![Glob::new(&text)];
    let mut select = Select {
        actions: match number % 3 {
            0 => vec![Glob::new("database_*")],
            1 => vec![Glob::new("message_send"), Glob::new("api_call")],
            _ => Vec::new(),
        },
        ..Select::default()
    };
    match number % 5 {
        0 | 1 => select.tools = glob(format!("tool{number}.execute")),
        2 | 3 => select.resources = glob(format!("postgres://prod/schema{number}/*")),
        _ => select.agents = glob(format!("agent-{number}")),
    }
    Rule {
        id: Arc::from(format!("rule-{number}")),
        description: Arc::from("A rule about one of many things"),
        origin: Arc::from("bench"),
        cites: Vec::new(),
        layer: Layer::Team,
        priority: 0,
        mandatory: false,
        overridable: false,
        shadow: false,
        select,
        when: Some(condition(number)),
        require: None,
        effect: Effect::RequireApproval,
        exempt: Exempt::default(),
        notify: Vec::new(),
        approvers: None,
        schedule: None,
        expires: None,
    }
}

/// `count` rules; the first five can match the action whatever their number, or all of them.
fn program(count: usize, every_one_selects: bool) -> Program {
    let rules = (0..count).map(|number| {
        let mut rule = rule(number);
        if every_one_selects || number < 5 {
            rule.select = Select {
                actions: vec![Glob::new("database_write")],
                ..Select::default()
            };
        }
        rule
    });
    let band = |from, effect| Band {
        from,
        when: None,
        effect,
        notify: Vec::new(),
    };
    Program::new(ProgramParts {
        rules: rules.collect(),
        default: Effect::Allow,
        bands: vec![band(86, Effect::Block), band(60, Effect::RequireApproval)],
        environments: Vec::new(),
        base: EnvironmentConfig::default(),
        classification: Classification::default(),
        digest: [0; 32],
        number: 1,
        name: Arc::from("bench"),
    })
    .expect("the rules make a program")
}

struct Scene {
    action: Action,
    principal: Principal,
    facts: Facts,
    risk: RiskReport,
    findings: Findings,
    readings: Readings,
}

impl Scene {
    fn new(action_type: ActionType, tool: &str, resource: &str) -> Self {
        let mut action = Action::new("billing-bot", action_type);
        action.tool = tool.to_owned();
        action.resource = resource.to_owned();
        let arguments = br#"{"sql": "DELETE FROM customers WHERE id = 7", "amount": 120}"#;
        action.arguments = Value::parse(arguments).expect("the arguments parse");
        let mut facts = Facts::default();
        facts.resource.name = resource.to_owned();
        facts.resource.names = vec![resource.to_owned()];
        facts.sql.kinds = vec!["delete".to_owned()];
        Self {
            action,
            principal: Principal::local(),
            facts,
            risk: RiskReport {
                composite: 35,
                ..RiskReport::default()
            },
            findings: Findings::default(),
            readings: Readings::default(),
        }
    }

    fn evaluate(&self, program: &Program) -> Evaluation {
        program.evaluate(&EvalInput {
            action: &self.action,
            principal: &self.principal,
            facts: &self.facts,
            risk: &self.risk,
            findings: &self.findings,
            readings: &self.readings,
            charged: &[],
            profile: None,
            grant: None,
            now: 0,
            environment: program.environment("production"),
            failed: VectorSet::default(),
        })
    }
}

fn policy(c: &mut Criterion) {
    let delete = Scene::new(
        ActionType::DatabaseWrite,
        "sql.execute",
        "postgres://prod/schema0/customers",
    );
    let unread = Scene::new(ActionType::LlmCall, "", "");
    let mut group = c.benchmark_group("policy");
    for count in [100, 200, 1_000, 10_000] {
        let few = program(count, false);
        assert_eq!(delete.evaluate(&few).effect, Effect::Allow);
        group.bench_function(format!("{count}-rules/five-candidates"), |b| {
            b.iter(|| black_box(delete.evaluate(black_box(&few))));
        });
        group.bench_function(format!("{count}-rules/no-candidate"), |b| {
            b.iter(|| black_box(unread.evaluate(black_box(&few))));
        });
    }
    for count in [200, 1_000] {
        let all = program(count, true);
        group.bench_function(format!("{count}-rules/all-candidates"), |b| {
            b.iter(|| black_box(delete.evaluate(black_box(&all))));
        });
    }
    let few = program(1_000, false);
    group.bench_function("1000-rules/charges", |b| {
        b.iter_batched_ref(
            Vec::new,
            |out| {
                few.charges(
                    &SelectInput {
                        action: &delete.action,
                        principal: &delete.principal,
                        facts: &delete.facts,
                        now: 0,
                    },
                    out,
                );
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(30)
        .measurement_time(std::time::Duration::from_secs(1))
        .warm_up_time(std::time::Duration::from_millis(300))
        .without_plots();
    targets = policy
}
criterion_main!(benches);
