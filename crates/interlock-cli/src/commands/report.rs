//! `interlock report`

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::commands::audit::{From, OPERATOR, runtime};
use crate::commands::evidence::{ScopeArgs, teller};
use crate::output::Output;

/// Report what the record proves for the controls of a framework, and what it does not.
///
/// Counts entries and nothing else; each count comes with its query and, in JSON, with proofs of the
/// first and the last entry. That it was asked for, and by whom, is recorded.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  interlock report eu-ai-act --from 2026-10-01 --to 2026-11-01 -o art-12.html
  interlock report soc2 --format csv
  interlock report gdpr --data interlock-data --format json      the server is stopped

Exit codes: 0 written, 1 there is nothing to count, or it cannot be read or written")]
pub(crate) struct Args {
    /// The framework.
    #[arg(value_parser = ["eu-ai-act", "soc2", "hipaa", "pci-dss", "gdpr"])]
    framework: String,
    #[command(flatten)]
    scope: ScopeArgs,
    /// The form.
    #[arg(long, value_parser = ["html", "json", "csv"], default_value = "html")]
    format: String,
    /// The file to write; printed by default.
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    source: From,
}

pub(crate) fn run(args: &Args, out: Output) -> Result<u8> {
    let scope = args.scope.scope();
    let format = if out.json { "json" } else { &args.format };
    let text = match &args.source.data {
        Some(data) => {
            let runtime = runtime(data, &args.source.tenant)?;
            let report = runtime.evidence_report(
                &args.source.tenant,
                OPERATOR,
                &args.framework,
                &scope,
                &teller(out),
            );
            runtime.close();
            let report = report?;
            match format {
                "html" => report.html(),
                "csv" => report.csv(),
                _ => serde_json::to_string_pretty(&report)?,
            }
        }
        None => {
            let mut path = format!("/api/reports/{}?format={format}", args.framework);
            for (name, value) in [("from", &scope.from), ("to", &scope.to)] {
                if let Some(value) = value {
                    // What a time consists of, but for the sign of its zone, needs no escape.
                    if !value
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b"-:.+".contains(&b))
                    {
                        bail!("`{value}` is no time");
                    }
                    path.push_str(&format!("&{name}={}", value.replace('+', "%2B")));
                }
            }
            args.source.server.client()?.get_text(&path)?
        }
    };
    match &args.out {
        Some(file) => {
            std::fs::write(file, &text)
                .with_context(|| format!("cannot write `{}`", file.display()))?;
            out.note(&format!("written to {}", file.display()));
        }
        None => {
            let value: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
            out.print(&value, || text);
        }
    }
    Ok(0)
}
