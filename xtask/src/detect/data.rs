//! The labelled texts.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

/// One labelled text.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) text: String,
    pub(crate) threat: bool,
    pub(crate) source: String,
    pub(crate) kind: String,
}

/// Where the texts are: `--data DIR`, `INTERLOCK_DETECT_DATA`, or beside the repository.
pub(crate) fn folder(args: &[String]) -> PathBuf {
    let named = args
        .iter()
        .position(|a| a == "--data")
        .and_then(|i| args.get(i + 1))
        .cloned();
    named
        .or_else(|| std::env::var("INTERLOCK_DETECT_DATA").ok())
        .map_or_else(|| PathBuf::from("../shared/data/detect"), PathBuf::from)
}

/// Reads `dev/NAME.jsonl.gz`, in the file's order.
pub(crate) fn read(folder: &Path, name: &str) -> Result<Vec<Row>> {
    let path = folder.join("dev").join(format!("{name}.jsonl.gz"));
    let mut gzip = Command::new("gzip")
        .arg("-dc")
        .arg(&path)
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run `gzip`")?;
    let output = gzip.stdout.take().context("`gzip` has no output")?;
    let mut rows = Vec::new();
    for line in BufReader::new(output).lines() {
        let record: serde_json::Value = serde_json::from_str(&line?)?;
        let field = |name: &str| {
            record
                .get(name)
                .and_then(serde_json::Value::as_str)
                .map(str::to_owned)
                .with_context(|| format!("a record of `{}` has no `{name}`", path.display()))
        };
        rows.push(Row {
            text: field("text")?,
            threat: record.get("label").and_then(serde_json::Value::as_i64) == Some(1),
            source: field("source")?,
            kind: field("kind")?,
        });
    }
    ensure!(
        gzip.wait()?.success(),
        "cannot unpack `{}`",
        path.display()
    );
    Ok(rows)
}
