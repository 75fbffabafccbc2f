//! `interlock policy test`

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use interlock_policy::{BUILT_IN, TestCase, TestFailure, run_tests};
use serde_json::json;

use super::count;
use crate::output::Output;

/// Run a bundle's own tests.
///
/// Each test is decided as an action would be: facts, detectors, risk, rules. What the test gives
/// (`risk`, `findings`, `state`) joins or takes the place of what was computed; the agent is
/// otherwise one that is known and acts as it always does.
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
        None => BUILT_IN
            .iter()
            .map(|(name, _)| PathBuf::from(name))
            .collect(),
    };
    let mut tested = Vec::new();
    for path in &bundles {
        tested.push(test(path)?);
    }
    let failed: usize = tested.iter().map(|t| t.failures.len()).sum();
    let total: usize = tested.iter().map(|t| t.cases.len()).sum();
    if total == 0 {
        bail!(
            "`{}` has no tests",
            bundles
                .iter()
                .map(|b| b.display().to_string())
                .collect::<Vec<_>>()
                .join("`, `")
        );
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
    let failures = run_tests(&compiled.tests, &compiled);
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
