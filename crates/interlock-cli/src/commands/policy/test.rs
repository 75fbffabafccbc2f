//! `interlock policy test`

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use interlock_core::detectors::DETECTORS;
use interlock_core::engine::{self, Request};
use interlock_core::model::{
    Effect, Finding, Findings, FiredRule, Principal, UnixNanos, Value, Vector,
};
use interlock_core::program::EvalInput;
use interlock_core::risk;
use interlock_core::state::AgentTable;
use interlock_policy::{BUILT_IN, Compiled, Evaluate, Given, TestCase, TestFailure, Verdict, run_tests};
use serde_json::json;

use super::count;
use crate::output::Output;

/// Wednesday 2026-01-14 10:00 UTC: what the clock shows in a test that does not set it.
const NOW_DEFAULT: UnixNanos = 1_768_384_800_000_000_000;

/// Run a bundle's own tests.
///
/// Each test is decided as an action would be: facts, detectors, risk, rules. What the test gives
/// (`risk`, `findings`, `state`) takes the place of what was computed; the agent is otherwise new.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  interlock policy test policies/
  interlock policy test --built-in

Exit codes: 0 all passed, 1 a test failed or the bundle does not load")]
pub(crate) struct Args {
    /// A file, a directory, or the name of a built-in bundle.
    #[arg(value_name = "PATH|NAME", required_unless_present = "built_in")]
    bundle: Option<PathBuf>,
    /// Test every built-in bundle.
    #[arg(long, conflicts_with = "bundle")]
    built_in: bool,
}

/// The tests of one bundle.
struct Tested {
    name: String,
    cases: Vec<TestCase>,
    failures: Vec<TestFailure>,
}

pub(crate) fn run(args: &Args, out: Output) -> Result<u8> {
    let bundles: Vec<PathBuf> = match &args.bundle {
        Some(path) => vec![path.clone()],
        None => BUILT_IN.iter().map(|(name, _)| PathBuf::from(name)).collect(),
    };
    let mut tested = Vec::new();
    for path in &bundles {
        tested.push(test(path)?);
    }
    let failed: usize = tested.iter().map(|t| t.failures.len()).sum();
    let total: usize = tested.iter().map(|t| t.cases.len()).sum();
    if total == 0 {
        bail!("`{}` has no tests", bundles.iter().map(|b| b.display().to_string()).collect::<Vec<_>>().join("`, `"));
    }
    let value = json!({
        "ok": failed == 0,
        "tests": total,
        "failed": failed,
        "bundles": tested.iter().map(|t| json!({
            "bundle": t.name,
            "tests": t.cases.iter().map(|case| {
                let failure = t.failure(case);
                json!({"name": case.name, "origin": case.origin, "ok": failure.is_none(), "message": failure.map(|f| &f.message)})
            }).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    });
    out.print(&value, || {
        let mut text = String::new();
        for bundle in &tested {
            bundle.write(&mut text, tested.len() > 1);
        }
        let _ = write!(text, "{}, {failed} failed", count(total, "test"));
        text
    });
    Ok(u8::from(failed > 0))
}

fn test(path: &Path) -> Result<Tested> {
    let compiled = super::compiled(path)?;
    let failures = run_tests(&compiled.tests, &Pipeline(&compiled));
    Ok(Tested {
        name: path.display().to_string(),
        failures,
        cases: compiled.tests,
    })
}

impl Tested {
    fn failure(&self, case: &TestCase) -> Option<&TestFailure> {
        self.failures
            .iter()
            .find(|f| f.origin == case.origin && f.name == case.name)
    }

    fn write(&self, text: &mut String, headed: bool) {
        if headed {
            let _ = writeln!(text, "{}", self.name);
        }
        for case in &self.cases {
            match self.failure(case) {
                None => {
                    let _ = writeln!(text, "  ok    {}", case.name);
                }
                Some(failure) => {
                    let _ = writeln!(text, "  FAIL  {}", case.name);
                    let _ = writeln!(text, "        {}: {}", failure.origin, failure.message);
                }
            }
        }
    }
}

/// Decides tests as the engine decides actions.
struct Pipeline<'a>(&'a Compiled);

impl Evaluate for Pipeline<'_> {
    fn decide(&self, case: &TestCase) -> Result<Verdict, String> {
        let program = &self.0.program;
        let principal = Principal::local();
        let request = Request {
            principal: &principal,
            action: &case.action,
            now: case.now.unwrap_or(NOW_DEFAULT),
            reservation: 1,
            profile: self.0.profile(&case.action.agent_id),
            grant: None,
        };
        let mut prepared = engine::prepare(program, &request);
        give_findings(case, &mut prepared.findings)?;
        let mut readings = AgentTable::new(1).reserve(&prepared.footprint, request.now);
        for (name, given) in &case.state {
            let value = match given {
                Given::Bool(b) => Value::from(*b),
                Given::Long(n) => Value::from(*n),
            };
            if !readings.state.set(name, &value) {
                return Err(format!("the state has no `{name}` of that type"));
            }
        }
        let decision = engine::decide(program, &request, &prepared, readings);
        if case.risk.is_empty() && case.composite.is_none() {
            let fired = decision.fired.iter().chain(&decision.shadow);
            return Ok(verdict(decision.effect, fired));
        }
        // The risk that the test gives comes before the rules, so the rules are asked again.
        let environment = program.environment(&prepared.facts.action.environment);
        let mut risk = decision.risk.clone();
        for (dimension, score) in &case.risk {
            if let Some(slot) = risk.dimensions.get_mut(*dimension as usize) {
                *slot = risk::DimensionScore::default();
                slot.score = *score;
            }
        }
        risk::combine(&mut risk, &environment.risk);
        if let Some(composite) = case.composite {
            risk.composite = composite;
        }
        let mut findings = decision.findings.clone();
        findings.retain(|f| f.code.vector != Vector::PolicyViolation);
        let evaluation = program.evaluate(&EvalInput {
            action: &case.action,
            principal: &principal,
            facts: &prepared.facts,
            risk: &risk,
            findings: &findings,
            readings: &decision.readings,
            charged: &prepared.charged,
            profile: request.profile,
            grant: None,
            now: request.now,
            environment,
            failed: prepared.ran.failed,
        });
        let fired = evaluation.fired.iter().chain(&evaluation.shadow);
        Ok(verdict(evaluation.effect, fired))
    }
}

fn verdict<'a>(effect: Effect, fired: impl Iterator<Item = &'a FiredRule>) -> Verdict {
    Verdict {
        effect,
        fired: fired.map(|f| f.id.to_string()).collect(),
    }
}

/// Puts what the test gives in the place of what the detectors of these vectors found.
fn give_findings(case: &TestCase, findings: &mut Findings) -> Result<(), String> {
    findings.retain(|f| !case.findings.contains_key(&f.code.vector));
    for (vector, confidence) in &case.findings {
        if *confidence == 0 {
            continue;
        }
        let code = DETECTORS
            .iter()
            .find(|d| d.vector() == *vector)
            .and_then(|d| d.codes().first())
            .ok_or_else(|| format!("no detector reports `{}`", vector.name()))?;
        findings.push(Finding::whole(code, *confidence));
    }
    Ok(())
}
