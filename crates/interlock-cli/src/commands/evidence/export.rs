//! `interlock evidence export`

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use interlock_runtime::evidence::{Scope, file_name};
use serde_json::json;

use crate::commands::audit::{From, OPERATOR, runtime};
use crate::output::Output;

/// How long nothing may come before the progress is told.
const TELL_EVERY: Duration = Duration::from_secs(2);

/// Write a bundle of evidence: entries, proofs, keys, tables and verifiers in one zip.
///
/// Without a range it is of everything. `--run` and `--action` enclose the entries of one run or one
/// decision and hide all others but for hashes. That it was taken, and by whom, is recorded.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  interlock evidence export --from 2026-10-01 --to 2026-11-01
  interlock evidence export --run nightly-42 -o run.zip          one run, all others hidden
  interlock evidence export --data interlock-data                the server is stopped

Exit codes: 0 written, 1 nothing was asked for, or it cannot be read or written")]
pub(crate) struct Args {
    #[command(flatten)]
    scope: ScopeArgs,
    /// Only the entries of this run.
    #[arg(long, value_name = "ID", conflicts_with = "action")]
    run: Option<String>,
    /// Only the entries about this decision.
    #[arg(long, value_name = "ID")]
    action: Option<String>,
    /// The file to write; named after tenant and range by default.
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    source: From,
}

/// From when to when.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ScopeArgs {
    /// From this time on: a day (UTC) or a time with zone.
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Before this time.
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
}

impl ScopeArgs {
    pub(crate) fn scope(&self) -> Scope {
        Scope {
            from: self.from.clone(),
            to: self.to.clone(),
            run: None,
            action: None,
        }
    }
}

/// Tells progress now and then.
pub(crate) fn teller(out: Output) -> impl Fn(u64, u64) {
    let last = Cell::new(Instant::now());
    move |done, of| {
        if last.get().elapsed() >= TELL_EVERY {
            last.set(Instant::now());
            out.note(&format!("{done} of {of} entries read"));
        }
    }
}

pub(crate) fn run(args: &Args, out: Output) -> Result<u8> {
    let scope = Scope {
        run: args.run.clone(),
        action: args.action.clone(),
        ..args.scope.scope()
    };
    let file = args
        .out
        .clone()
        .unwrap_or_else(|| file_name(&args.source.tenant, &scope).into());
    // What is not whole never has the name that was asked for.
    let part = PathBuf::from(format!("{}.part", file.display()));
    let written = write(args, &scope, &part, out);
    let value = match written {
        Ok(value) => value,
        Err(error) => {
            let _ = std::fs::remove_file(&part);
            return Err(error);
        }
    };
    std::fs::rename(&part, &file).with_context(|| format!("cannot write `{}`", file.display()))?;
    let mut value = value;
    value["written"] = json!(file.display().to_string());
    out.print(&value, || {
        let vkey = value["vkey"].as_str().map_or_else(String::new, |vkey| {
            format!(
                "\nVerify with: interlock evidence verify {} --vkey '{vkey}'",
                file.display()
            )
        });
        let entries = value["entries"].as_u64().map_or_else(String::new, |n| {
            format!(": {n} of {} entries", value["size"])
        });
        format!(
            "{}{entries}, {:.1} MB{vkey}",
            file.display(),
            value["bytes"].as_f64().unwrap_or_default() / 1e6
        )
    });
    Ok(0)
}

fn write(args: &Args, scope: &Scope, to: &Path, out: Output) -> Result<serde_json::Value> {
    let cannot = || format!("cannot write `{}`", to.display());
    let mut file = File::create(to).with_context(cannot)?;
    if let Some(data) = &args.source.data {
        let runtime = runtime(data, &args.source.tenant)?;
        let exported = runtime.export_evidence(
            &args.source.tenant,
            OPERATOR,
            scope,
            &mut file,
            &teller(out),
        );
        runtime.close();
        let exported = exported?;
        file.sync_all().with_context(cannot)?;
        return Ok(json!({
            "entries": exported.entries, "size": exported.size, "first": exported.first,
            "last": exported.last, "bytes": exported.bytes, "files": exported.files, "vkey": exported.vkey,
        }));
    }
    let client = args.source.server.client()?;
    out.note("the server gathers the evidence; a million entries take about a minute");
    let body = serde_json::to_value(scope)?;
    let mut answer = client.download("/api/evidence", &body)?;
    let bytes = io::copy(&mut answer, &mut file).context("the server broke off its answer")?;
    file.flush().with_context(cannot)?;
    file.sync_all().with_context(cannot)?;
    Ok(json!({"bytes": bytes}))
}
