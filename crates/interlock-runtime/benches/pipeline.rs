//! The whole pipeline in process, per action: prepare, reserve, decide, conclude, encode the
//! record. Hashing and writing belong to the journal's writer and are not in it.
//!
//! The yardstick is SHA-256 over 1 KB with the portable backend, timed in the same run and in turn
//! with the pipeline, so that a busy or slow machine slows both. Inputs are the fixed actions of
//! `bench/actions`, a fresh copy for each iteration; the policy is the bundle `default` and 200
//! rules; the state is that of an agent with 500 settled actions.
//!
//! After the usual output of criterion a table shows median, ratio and 99th percentile from raw
//! samples, and the median of each stage.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::Criterion;
use interlock_core::audit::record::{ContentMode, RecordMeta, decision_body};
use interlock_core::engine::{self, Prepared, Request};
use interlock_core::model::{
    Action, Decision, OutcomeStatus, Principal, UnixNanos, Value, VectorSet,
};
use interlock_core::program::Program;
use interlock_core::state::{AgentTable, OutcomeSummary, SessionTable, Switches};
use interlock_policy::{Source, built_in, compile};

const INPUTS: [(&str, &str); 4] = [
    (
        "send_email",
        include_str!("../../../bench/actions/send_email.json"),
    ),
    (
        "sql_query",
        include_str!("../../../bench/actions/sql_query.json"),
    ),
    (
        "hostile",
        include_str!("../../../bench/actions/hostile.json"),
    ),
    (
        "unread",
        r#"{"agent_id":"sales-assistant","action_type":"custom_step","arguments":{}}"#,
    ),
];
/// Names of the stages that the table shows.
const STAGES: [&str; 5] = ["prepare", "reserve", "decide", "conclude", "encode"];
const START: UnixNanos = 1_794_970_800_000_000_000;
/// Between two actions of the agent, so that ordinary work does not look like a loop.
const PAUSE: UnixNanos = 7 * 60 * 1_000_000_000;
const WARM_ACTIONS: usize = 500;

/// As many rules, of which none selects a tool of the inputs.
fn rules(count: usize) -> String {
    use std::fmt::Write as _;
    let mut text = "interlock: 1\ndefault: allow\nrules:\n".to_owned();
    for i in 0..count {
        let kind = ["message_send", "database_query", "file_read", "payment"][i % 4];
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "  - id: rule-{i}\n    match: {{ action: [{kind}], tool: [tool-{i}] }}\n    when: risk.composite > 90 && facts.outbound\n    effect: block\n"
        );
    }
    text
}

fn program() -> Program {
    let default = built_in("default").expect("the bundle `default` is built in");
    compile(&[default, Source::new("rules.yaml", rules(200))], 1)
        .unwrap_or_else(|d| panic!("the bundle does not compile: {d:?}"))
        .program
}

/// What one process holds to decide.
struct Pipeline<'p> {
    program: &'p Program,
    principal: Principal,
    agents: AgentTable,
    sessions: SessionTable,
    switches: Switches,
    now: UnixNanos,
    id: u128,
    stages: [Duration; 5],
}

/// What one action leaves behind.
type Done = (Prepared, Decision, Vec<u8>);

impl<'p> Pipeline<'p> {
    fn new(program: &'p Program, warm: &Action) -> Self {
        let mut pipeline = Self {
            program,
            principal: Principal::local(),
            agents: AgentTable::new(1_000),
            sessions: SessionTable::new(1_000),
            switches: Switches::default(),
            now: START,
            id: 0x0198_f000_0000_7000_8000_0000_0000_0000,
            stages: Default::default(),
        };
        for _ in 0..WARM_ACTIONS {
            pipeline.step(warm);
        }
        pipeline
    }

    /// The timed part.
    fn run<const STAGED: bool>(&mut self, action: &Action) -> Done {
        let mut mark = Instant::now();
        let mut stage = 0;
        let mut lap = |stages: &mut [Duration; 5]| {
            if STAGED {
                let now = Instant::now();
                stages[stage] = now - mark;
                mark = now;
                stage += 1;
            }
        };
        let request = Request {
            principal: &self.principal,
            action,
            now: self.now,
            reservation: self.id,
            profile: None,
            grant: None,
        };
        let prepared = engine::prepare(self.program, &request);
        lap(&mut self.stages);
        let footprint = &prepared.footprint;
        let mut readings = self.agents.reserve(footprint, self.now);
        if !footprint.session.is_empty() {
            self.sessions.read(footprint, &mut readings.state);
        }
        self.switches.read(footprint, &mut readings.state);
        lap(&mut self.stages);
        let decision = engine::decide(self.program, &request, &prepared, readings);
        lap(&mut self.stages);
        if self.agents.conclude(footprint, decision.effect, self.now) {
            self.sessions.conclude(footprint, decision.effect);
        }
        lap(&mut self.stages);
        let body = decision_body(
            &RecordMeta {
                id: &uuid::Uuid::from_u128(self.id).to_string(),
                ts: &interlock_runtime::rfc3339(self.now),
                key: "k-0123456789abcdef",
                assurance: "cooperative",
                content: ContentMode::Full,
                run_seq: 0,
                run_prev: None,
                approval: None,
                source: "",
                reported: None,
            },
            &self.principal,
            action,
            &prepared,
            &decision,
        )
        .expect("the record is within its limit");
        lap(&mut self.stages);
        (prepared, decision, body)
    }

    /// The outcome of what just ran, and the way to the next action.
    fn settle(&mut self, done: &Done) {
        let footprint = &done.0.footprint;
        if let Some(agent) = self.agents.get_mut(&footprint.tenant, &footprint.agent) {
            let outcome = OutcomeSummary {
                status: OutcomeStatus::Succeeded,
                cost_nano_usd: None,
                records: None,
            };
            agent.settle(footprint.id, &outcome, self.now);
        }
        self.now += PAUSE;
        self.id += 1;
    }

    fn step(&mut self, action: &Action) -> Duration {
        let copy = action.clone();
        let start = Instant::now();
        let done = black_box(self.run::<false>(black_box(&copy)));
        let took = start.elapsed();
        self.settle(&done);
        took
    }

    fn step_from_json(&mut self, json: &[u8]) -> Duration {
        let start = Instant::now();
        let action = Action::from_json(black_box(json)).expect("the action is well formed");
        let done = black_box(self.run::<false>(&action));
        let took = start.elapsed();
        self.settle(&done);
        took
    }

    fn step_staged(&mut self, action: &Action) -> [Duration; 5] {
        let copy = action.clone();
        let done = black_box(self.run::<true>(black_box(&copy)));
        self.settle(&done);
        self.stages
    }
}

fn action_of(json: &str) -> Action {
    Action::from_json(json.trim().as_bytes()).expect("the action is well formed")
}

fn sha256(block: &[u8; 1024]) -> Duration {
    use sha2_soft::Digest as _;
    let start = Instant::now();
    black_box(sha2_soft::Sha256::digest(black_box(block)));
    start.elapsed()
}

/// Holds that nothing was left out of what is timed.
fn assert_complete(pipeline: &mut Pipeline<'_>, name: &str, action: &Action) {
    let (prepared, decision, body) = pipeline.run::<false>(action);
    assert!(prepared.ran.failed.is_empty(), "{name}: a detector failed");
    assert_eq!(
        decision.vectors_run,
        VectorSet::ALL,
        "{name}: twelve vectors run"
    );
    let record = Value::parse(&body).expect("the record is JSON");
    let scores = record
        .get("dims")
        .and_then(Value::as_array)
        .unwrap_or_default();
    assert_eq!(scores.len(), 7, "{name}: seven dimensions are recorded");
    for (dimension, score) in decision.risk.dimensions.iter().zip(scores) {
        let sum: i32 = dimension.terms.iter().map(|t| i32::from(t.points)).sum();
        assert_eq!(Some(i64::from(sum.clamp(0, 100))), score.as_i64(), "{name}");
    }
    assert!(
        decision.risk.dimensions.iter().any(|d| !d.terms.is_empty()),
        "{name}: no dimension has a term"
    );
    assert!(
        pipeline.program.rules().len() >= 200,
        "the rules are compiled in"
    );
}

struct Row {
    name: String,
    samples: Vec<Duration>,
}

impl Row {
    fn at(&mut self, per_mille: usize) -> f64 {
        self.samples.sort_unstable();
        let at = (self.samples.len() * per_mille / 1_000).min(self.samples.len() - 1);
        self.samples[at].as_secs_f64() * 1e6
    }
}

/// The table from raw samples.
fn table(program: &Program, rounds: usize) {
    let block = [0xa5u8; 1024];
    let mut sha = Row {
        name: "SHA-256 of 1 KB, portable".to_owned(),
        samples: Vec::new(),
    };
    let mut rows = Vec::new();
    let mut stages = Vec::new();
    for (name, json) in INPUTS {
        let action = action_of(json);
        let mut pipeline = Pipeline::new(program, &action);
        let mut parsed = Vec::with_capacity(rounds);
        let mut bytes = Vec::with_capacity(rounds);
        let mut laps: [Vec<Duration>; 5] = Default::default();
        for _ in 0..rounds {
            parsed.push(pipeline.step(&action));
            bytes.push(pipeline.step_from_json(json.trim().as_bytes()));
            sha.samples.push(sha256(&block));
        }
        for _ in 0..rounds / 4 {
            for (lap, took) in laps.iter_mut().zip(pipeline.step_staged(&action)) {
                lap.push(took);
            }
        }
        rows.push(Row {
            name: name.to_owned(),
            samples: parsed,
        });
        rows.push(Row {
            name: format!("{name}, from JSON"),
            samples: bytes,
        });
        stages.push((name, laps));
    }
    let yardstick = sha.at(500);
    println!("\n{rounds} samples each; 200 rules; record encoded, hashing in the writer");
    println!("| | median µs | × SHA-256 | p99 µs |\n|---|---:|---:|---:|");
    for mut row in std::iter::once(sha).chain(rows) {
        let (median, p99) = (row.at(500), row.at(990));
        println!(
            "| {} | {median:.2} | {:.2} | {p99:.2} |",
            row.name,
            median / yardstick
        );
    }
    print!("\n| median µs of |");
    for stage in STAGES {
        print!(" {stage} |");
    }
    println!("\n|---|---:|---:|---:|---:|---:|");
    for (name, laps) in stages {
        print!("| {name} |");
        for samples in laps {
            let mut row = Row {
                name: String::new(),
                samples,
            };
            print!(" {:.2} |", row.at(500));
        }
        println!();
    }
}

fn main() {
    let program = program();
    for (name, json) in INPUTS {
        let action = action_of(json);
        assert_complete(&mut Pipeline::new(&program, &action), name, &action);
    }
    let mut criterion = Criterion::default().configure_from_args();
    for (name, json) in INPUTS {
        let action = action_of(json);
        let mut pipeline = Pipeline::new(&program, &action);
        criterion.bench_function(&format!("pipeline/{name}"), |b| {
            b.iter_custom(|n| (0..n).map(|_| pipeline.step(&action)).sum());
        });
    }
    let block = [0xa5u8; 1024];
    criterion.bench_function("sha256/1 KB, portable", |b| {
        b.iter_custom(|n| (0..n).map(|_| sha256(&block)).sum());
    });
    criterion.final_summary();
    // `cargo test` runs benchmarks once, to see that they work.
    let once = std::env::args().any(|a| a == "--test");
    table(&program, if once { 20 } else { 20_000 });
}
