//! `interlock policy check`

use std::fmt::Write as _;

use anyhow::Result;
use interlock_policy::Diagnostic;
use serde_json::json;

use super::{BundleArgs, count, diagnostic_json};
use crate::output::Output;

/// Report every problem with line and caret.
///
/// Unknown names and types that do not fit are errors, and the bundle does not load. A condition
/// that can never hold, a rule that another always decides before, and a rule without a test are
/// warnings.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  interlock policy check policies/
  interlock policy check --deny-warnings policies/payments.yaml
  interlock policy check hipaa                   a built-in bundle

Exit codes: 0 it loads, 1 it has errors, or warnings with --deny-warnings")]
pub(crate) struct Args {
    #[command(flatten)]
    bundle: BundleArgs,
    /// Fail on warnings too.
    #[arg(long)]
    deny_warnings: bool,
}

pub(crate) fn run(args: &Args, out: Output) -> Result<u8> {
    let (found, loaded) = match super::compile(&args.bundle.bundle) {
        Ok(compiled) => {
            let counts = (compiled.program.rules().len(), compiled.tests.len());
            (compiled.warnings, Some(counts))
        }
        Err(found) => (found, None),
    };
    let errors = found.iter().filter(|d| d.is_error()).count();
    let warnings = found.len() - errors;
    let failed = loaded.is_none() || (args.deny_warnings && warnings > 0);
    let value = json!({
        "ok": !failed,
        "errors": errors,
        "warnings": warnings,
        "rules": loaded.map(|(rules, _)| rules),
        "tests": loaded.map(|(_, tests)| tests),
        "diagnostics": found.iter().map(diagnostic_json).collect::<Vec<_>>(),
    });
    out.print(&value, || text(&found, errors, warnings, loaded));
    Ok(u8::from(failed))
}

fn text(
    found: &[Diagnostic],
    errors: usize,
    warnings: usize,
    loaded: Option<(usize, usize)>,
) -> String {
    let mut text = String::new();
    for diagnostic in found {
        let _ = writeln!(text, "{diagnostic}\n");
    }
    let problems = format!("{}, {}", count(errors, "error"), count(warnings, "warning"));
    match loaded {
        Some((rules, tests)) => {
            let _ = write!(
                text,
                "{problems}; the bundle loads: {}, {}",
                count(rules, "rule"),
                count(tests, "test")
            );
        }
        None => {
            let _ = write!(text, "{problems}; the bundle does not load");
        }
    }
    text
}
