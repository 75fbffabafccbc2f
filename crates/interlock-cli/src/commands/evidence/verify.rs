//! `interlock evidence verify`

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use interlock_evidence::verify::{Trust, verify_path};
use serde_json::json;

use crate::commands::audit::read_vkey;
use crate::output::Output;

/// Check a bundle against a key and checkpoints kept outside.
///
/// Prints one line, the same as `verify.py` and `verify.html` print. The key must come from somewhere
/// else than the bundle: whoever can replace a bundle can replace the key in it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  interlock evidence verify evidence.zip --vkey interlock.vkey
  interlock evidence verify evidence.zip --vkey interlock.vkey --checkpoint yesterday.checkpoint

Exit codes: 0 ok, 1 altered, 2 missing, cut or rolled back, 3 not a bundle, 4 signature or key,
5 ok with erased contents")]
pub(crate) struct Args {
    /// The bundle: a zip, or the directory that it was unpacked to.
    file: PathBuf,
    /// The key that the log began with: a file, or the key itself.
    #[arg(long, value_name = "FILE|TEXT", required = true)]
    vkey: Vec<String>,
    /// A signed checkpoint kept outside: a file.
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
}

pub(crate) fn run(args: &Args, out: Output) -> Result<u8> {
    if !args.file.exists() {
        bail!("`{}` is not there", args.file.display());
    }
    let vkeys = args
        .vkey
        .iter()
        .map(|vkey| read_vkey(vkey))
        .collect::<Result<Vec<_>>>()?;
    if args.checkpoint.is_empty() {
        out.note("no --checkpoint: a log that was replaced as a whole would not be found");
    }
    let mut checkpoints = Vec::new();
    for path in &args.checkpoint {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read checkpoint `{}`", path.display()))?;
        checkpoints.push(text);
    }
    let trust = Trust {
        vkeys: &vkeys,
        checkpoints: &checkpoints,
    };
    let report = verify_path(&args.file, trust)
        .with_context(|| format!("cannot read `{}`", args.file.display()))?;
    let value = json!({
        "verdict": report.verdict.to_string(),
        "code": report.verdict.code(),
        "outside_checkpoints": checkpoints.len(),
        "manifest": report.manifest.as_ref().map(|m| json!({
            "tenant": m.tenant, "origin": m.origin, "created": m.created, "by": m.by,
            "scope": m.scope, "size": m.size, "entries": m.entries,
        })),
    });
    out.print(&value, || {
        let mut text = report.verdict.to_string();
        if let Some(m) = &report.manifest {
            text.push_str(&format!(
                "\n  signed {} of tenant {}",
                m.created,
                m.tenant.escape_debug()
            ));
        }
        text
    });
    Ok(report.verdict.code())
}
