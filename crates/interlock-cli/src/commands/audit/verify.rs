//! `interlock audit verify`

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use interlock_core::audit::hex;
use interlock_core::audit::verify::{Report, Source, Trust, verify};
use serde_json::{Value, json};

use crate::output::Output;

/// Check a log directory against a key and checkpoints kept outside.
///
/// Prints one line, the same as the other verifiers print. Without a key from outside the record
/// is held against the key that it brings along: whoever can replace the whole directory can
/// replace that too. Without a checkpoint from outside, a record that was rolled back as a whole
/// looks whole.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  interlock audit verify interlock-data --vkey interlock.vkey --checkpoint yesterday.checkpoint
  interlock audit verify interlock-data/log --vkey 'interlock.local/…+1a2b3c4d+A…'

Exit codes: 0 ok, 1 altered, 2 truncated or rolled back, 3 corrupt, 4 signature or key,
5 ok with erased contents")]
pub(crate) struct Args {
    /// A data directory, or the `log` directory in it.
    dir: PathBuf,
    /// The key that the log began with: a file, or the key itself.
    #[arg(long, value_name = "FILE|TEXT")]
    vkey: Vec<String>,
    /// A signed checkpoint kept outside: a file.
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
}

pub(crate) fn run(args: &Args, out: Output) -> Result<u8> {
    let directory = log_directory(&args.dir)?;
    let mut vkeys = Vec::new();
    for vkey in &args.vkey {
        vkeys.push(read_vkey(vkey)?);
    }
    let own_key = vkeys.is_empty();
    if own_key {
        vkeys.extend(enclosed_vkey(&directory));
        out.note(
            "no --vkey: the record is held against the key it brings along, which proves less; \
             keep the key outside, `interlock up` prints it",
        );
    }
    if args.checkpoint.is_empty() {
        out.note("no --checkpoint: a record that was rolled back as a whole would not be found");
    }
    let mut checkpoints = Vec::new();
    for path in &args.checkpoint {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read checkpoint `{}`", path.display()))?;
        checkpoints.push(text);
    }
    let report = verify(
        &LogDirectory::new(&directory),
        Trust {
            vkeys: &vkeys,
            checkpoints: &checkpoints,
        },
    );
    out.print(&json(&report, own_key, checkpoints.len()), || text(&report));
    Ok(report.verdict.code())
}

/// The files of a log directory, which may be one that only can be read.
pub(crate) struct LogDirectory(PathBuf);

impl LogDirectory {
    pub(crate) fn new(directory: &Path) -> Self {
        Self(directory.to_owned())
    }
}

impl Source for LogDirectory {
    fn list(&self, dir: &str) -> Vec<String> {
        std::fs::read_dir(self.0.join(dir))
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect()
    }

    fn read(&self, path: &str) -> Option<Vec<u8>> {
        std::fs::read(self.0.join(path)).ok()
    }
}

/// The `log` directory, given it or the data directory around it.
fn log_directory(dir: &Path) -> Result<PathBuf> {
    for candidate in [dir.to_owned(), dir.join("log")] {
        if candidate.join("journal").is_dir() {
            return Ok(candidate);
        }
    }
    bail!(
        "`{}` holds no record: neither `journal` nor `log/journal` is there",
        dir.display()
    )
}

/// A key: the text of a file, or what was given itself.
pub(crate) fn read_vkey(given: &str) -> Result<String> {
    let path = Path::new(given);
    if path.is_file() {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read key `{given}`"))?;
        return Ok(text.trim().to_owned());
    }
    if !given.contains('+') {
        bail!("`{given}` is neither a file nor a key of the form `name+hash+key`");
    }
    Ok(given.trim().to_owned())
}

/// The key that the first log's first entry names.
pub(crate) fn enclosed_vkey(directory: &Path) -> Option<String> {
    let logs = std::fs::read_dir(directory.join("logs")).ok()?;
    logs.filter_map(Result::ok)
        .filter_map(|log| std::fs::read(log.path().join("genesis.json")).ok())
        .filter_map(|bytes| serde_json::from_slice::<Value>(&bytes).ok())
        .find(|genesis| genesis["log"] == 0)
        .and_then(|genesis| genesis["vkey"].as_str().map(str::to_owned))
}

fn json(report: &Report, own_key: bool, checkpoints: usize) -> Value {
    json!({
        "verdict": report.verdict.to_string(),
        "code": report.verdict.code(),
        "own_key": own_key,
        "outside_checkpoints": checkpoints,
        "logs": report.logs.iter().map(|log| json!({
            "tenant": log.tenant,
            "origin": log.origin,
            "id": log.id,
            "size": log.size,
            "root": hex(&log.root),
            "signed": log.signed,
        })).collect::<Vec<_>>(),
    })
}

fn text(report: &Report) -> String {
    let mut text = report.verdict.to_string();
    for log in &report.logs {
        let signed = log.signed.map_or_else(
            || "not signed".to_owned(),
            |size| format!("signed up to {size}"),
        );
        let _ = write!(text, "\n  {}: {} entries, {signed}", log.tenant, log.size);
    }
    text
}
