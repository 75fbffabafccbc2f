//! How fast a draft decides recorded actions anew.
//!
//! Actions go through the real runtime into a real journal: those of the default bundle's own tests,
//! by two hundred agents. Then the policy stage, reading a record and the whole replay are timed in
//! turns over the same records, and the replay of the whole journal as `policy what-if` runs it.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use interlock_core::audit::record::ContentMode;
use interlock_core::audit::recorded::Recorded;
use interlock_core::model::{Principal, VectorSet};
use interlock_core::program::{EvalInput, Program};
use interlock_policy::{Source, built_in, compile};
use interlock_runtime::{
    CheckOptions, ManualClock, Options, Runtime, WhatIfDraft, WhatIfProgress, WhatIfRange, what_if,
};
use interlock_store::journal::{Durability, Kind, Position};

const AGENTS: usize = 200;
const RUN_ACTIONS: usize = 50;
/// Actions a recorded second apart for each agent.
const STEP_NS: i64 = 1_000_000_000 / 200;
/// Records over which single stages are timed.
const SAMPLE: usize = 20_000;
const ROUNDS: usize = 5;
const START: i64 = 1_768_384_800_000_000_000;

/// A draft: the default bundle with one rule more, as somebody would try it.
const RULE: &str = "\
interlock: 1
default: allow
rules:
  - id: orders-need-a-person
    match: { action: [database_write], resource: [\"postgres://shop/*\"] }
    when: facts.sql.writes
    effect: require_approval
";

fn record(data: &std::path::Path, actions: usize) -> Result<Runtime> {
    let clock = Arc::new(ManualClock::at(START));
    let (runtime, _) = Runtime::open(Options {
        clock: Arc::clone(&clock) as _,
        durability: Durability::Async,
        content: ContentMode::Hashes,
        ..Options::on(data)
    })?;
    let source = built_in("default").context("no default bundle")?;
    let cases = compile(&[source], 1)
        .map_err(|d| anyhow::anyhow!("{d:?}"))?
        .tests;
    let principal = Principal::local();
    for n in 0..actions {
        let agent = n % AGENTS;
        let turn = n / AGENTS;
        // Ordinary work is what agents mostly do; the last dozen cases are that.
        let pool = if turn.is_multiple_of(8) {
            &cases[..]
        } else {
            cases
                .get(cases.len().saturating_sub(10)..)
                .unwrap_or(&cases)
        };
        let case = pool
            .get((turn * 7 + agent * 3) % pool.len())
            .context("no case")?;
        let mut action = case.action.clone();
        action.agent_id = format!("agent-{agent:03}");
        action.run_id = format!("run-{agent:03}-{}", turn / RUN_ACTIONS);
        action.session_id = format!("session-{agent:03}");
        action.step = i64::try_from(turn % RUN_ACTIONS).ok();
        clock.advance(STEP_NS);
        runtime.check(&principal, action, &CheckOptions::default())?;
    }
    Ok(runtime)
}

/// Nanoseconds that this thread has run, by the kernel's count: other programs on the machine are no
/// part of it. The clock on the wall where the kernel does not say.
fn ran_ns(begin: Instant) -> u128 {
    std::fs::read_to_string("/proc/thread-self/schedstat")
        .ok()
        .and_then(|text| text.split(' ').next()?.parse().ok())
        .unwrap_or_else(|| begin.elapsed().as_nanos())
}

/// Nanoseconds of each stage for one record: medians of rounds in which the stages take turns.
fn medians<const N: usize>(of: usize, stages: &mut [&mut dyn FnMut(); N]) -> [f64; N] {
    let begin = Instant::now();
    let mut all: [Vec<u128>; N] = std::array::from_fn(|_| Vec::with_capacity(ROUNDS));
    for _ in 0..ROUNDS {
        for (stage, times) in stages.iter_mut().zip(&mut all) {
            let before = ran_ns(begin);
            stage();
            times.push(ran_ns(begin) - before);
        }
    }
    all.map(|mut times| {
        times.sort_unstable();
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let ns = times.get(ROUNDS / 2).copied().unwrap_or_default() as f64 / of.max(1) as f64;
        ns
    })
}

fn evaluate(program: &Program, principal: &Principal, one: &Recorded) {
    let environment = program.environment(&one.facts.action.environment);
    black_box(program.evaluate(&EvalInput {
        action: &one.action,
        principal,
        facts: &one.facts,
        risk: &one.risk,
        findings: &one.findings,
        readings: &one.readings,
        charged: &[],
        profile: None,
        grant: None,
        now: one.at,
        environment,
        failed: VectorSet::default(),
    }));
}

/// Runs the measurement; the argument is the number of actions, 100,000 by default.
#[expect(clippy::print_stdout, reason = "this is where the figures go")]
pub(crate) fn run(args: &[String]) -> Result<()> {
    let actions: usize = args.first().map_or(Ok(100_000), |s| s.parse())?;
    let directory = tempfile::tempdir()?;
    let begin = Instant::now();
    let runtime = record(directory.path(), actions)?;
    println!(
        "{actions} actions recorded in {:.1} s",
        begin.elapsed().as_secs_f64()
    );
    let base = built_in("default").context("no default bundle")?;
    let compiled = |sources: &[Source]| {
        compile(sources, 1).map_err(|d| {
            anyhow::anyhow!(
                "{}",
                d.first().map_or_else(String::new, ToString::to_string)
            )
        })
    };
    let same = WhatIfDraft::alone(compiled(std::slice::from_ref(&base))?, Vec::new());
    let draft = WhatIfDraft::alone(
        compiled(&[base, Source::new("draft.yaml", RULE)])?,
        Vec::new(),
    );

    let mut bodies = Vec::new();
    runtime
        .journal()
        .for_each(Position::default(), &mut |_, entry| {
            if entry.kind == Kind::Decision {
                bodies.push(entry.body.clone());
            }
            if bodies.len() < SAMPLE {
                std::ops::ControlFlow::Continue(())
            } else {
                std::ops::ControlFlow::Break(())
            }
        })?;
    let recorded: Vec<Recorded> = bodies
        .iter()
        .map(|body| Recorded::read(body))
        .collect::<Result<_, _>>()?;
    let principal = Principal::local();
    let bytes: usize = bodies.iter().map(Vec::len).sum();
    println!(
        "stages over {} of them, {} bytes each, medians of {ROUNDS} rounds",
        bodies.len(),
        bytes / bodies.len().max(1)
    );
    let [policy, decode, decide, whole] = medians(
        bodies.len(),
        &mut [
            &mut || {
                for one in &recorded {
                    evaluate(draft.program(), &principal, one);
                }
            },
            &mut || {
                for body in &bodies {
                    black_box(Recorded::read(body).ok());
                }
            },
            &mut || {
                for one in &recorded {
                    black_box(draft.decide(one));
                }
            },
            &mut || {
                for body in &bodies {
                    if let Ok(one) = Recorded::read(body) {
                        black_box(draft.decide(&one));
                    }
                }
            },
        ],
    );
    let allowed = 2.0f64.mul_add(policy, decode);
    println!("  policy stage alone   {policy:>8.0} ns");
    println!("  reading the record   {decode:>8.0} ns");
    println!(
        "  deciding it anew     {decide:>8.0} ns, {:.2} policy stages",
        decide / policy
    );
    println!(
        "  replay, both         {whole:>8.0} ns, {:.2} of 2 policy stages and reading ({allowed:.0} ns)",
        whole / allowed
    );
    println!(
        "figure | what-if: reading a record and deciding it anew | {actions} actions | {whole:.0} ns (processor) | {allowed:.0} ns: reading and two policy stages"
    );
    for (name, draft) in [
        ("the bundle in force", &same),
        ("with one rule more", &draft),
    ] {
        let progress = WhatIfProgress::default();
        let begin = Instant::now();
        let report = what_if(runtime.journal(), draft, &WhatIfRange::default(), &progress)?;
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let rate = report.actions as f64 / begin.elapsed().as_secs_f64();
        println!(
            "{name}: {} actions, {rate:.0} actions/s on two threads; {} the same, {} flip, {} not re-evaluated",
            report.actions,
            report.same,
            report.flipped(),
            report.unknown
        );
        println!(
            "figure | what-if: {name} | {} actions | {rate:.0} actions/s, {} not re-evaluated and listed | ",
            report.actions, report.unknown
        );
        for one in &report.unevaluated {
            println!(
                "  {} `{}`: {}",
                one.kind.name(),
                one.what,
                one.actions.count
            );
        }
    }
    runtime.close();
    if whole > allowed {
        bail!("the replay costs more than two policy stages and reading");
    }
    Ok(())
}
