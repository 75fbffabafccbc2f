//! The large sizes, and what each takes here: `sizes [NAME]...`.
//!
//! Runs commands of this repository at their full size and writes `docs/sizes.md` from the lines that they
//! print of the form `figure | what | size | figure | limit`. The console and its tools must be there (`make tools`).
//! Without names all are run; the rows of those
//! that are not run stay as they are.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

const PAGE: &str = "docs/sizes.md";
const MARK: &str = "figure | ";

/// A measurement: its name, and what a shell runs in the root of the repository.
const SIZES: &[(&str, &str)] = &[
    (
        "approvals-memory-sqlite",
        "INTERLOCK_SOAK=1 cargo test --release -p interlock-store --test conformance one_decision_each -- --nocapture --test-threads=1",
    ),
    (
        "approvals-rest",
        "INTERLOCK_SOAK=1 cargo test --release -p interlock-server --test it deciders_race -- --nocapture",
    ),
    ("wake", "cargo run --release -p xtask -- wake"),
    ("search", "cargo run --release -p xtask -- search 1000000"),
    ("what-if", "cargo run --release -p xtask -- whatif 1000000"),
    (
        "evidence",
        "cargo run --release -p interlock-runtime --example evidence -- 1000000",
    ),
    (
        "replay",
        "cargo build --release -p interlock-cli --bin interlock && INTERLOCK_SOAK=1 target/venv/bin/python scripts/acceptance.py --binary target/release/interlock --only \"replay of a long run\"",
    ),
];

/// A row of the page.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    name: String,
    /// What, size, figure, limit.
    cells: [String; 4],
}

/// A figure, from a line that a command printed.
fn figure(name: &str, line: &str) -> Option<Row> {
    // A test's first line may stand behind its name.
    let (_, rest) = line.split_once(MARK)?;
    let mut cells = rest.split('|').map(|cell| cell.trim().to_owned());
    let cells = std::array::from_fn(|_| cells.next().unwrap_or_default());
    Some(Row {
        name: name.to_owned(),
        cells,
    })
}

/// The rows of a page that was written.
fn rows(page: &str) -> Vec<Row> {
    let lines = page.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ");
        let name = cells.next()?.strip_prefix('`')?.strip_suffix('`')?;
        let cells: Vec<String> = cells.map(|cell| cell.trim().to_owned()).collect();
        Some(Row {
            name: name.to_owned(),
            cells: cells.try_into().ok()?,
        })
    });
    lines.collect()
}

/// What this machine is, and what else it does.
fn machine() -> String {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("unknown");
    format!("{processors} processors, load {load} before it")
}

fn page(rows: &[Row], last: &str) -> String {
    let mut out = format!(
        "# Large sizes\n\nWhat the largest sizes take. Written by `cargo run --release -p xtask -- sizes` from what its commands print;\nlast on {last}. *Processor* is what was computed, without what else the machine did meanwhile.\n\n| name | what | size | figure | limit |\n|---|---|---|---|---|\n"
    );
    for row in rows {
        let _ = writeln!(out, "| `{}` | {} |", row.name, row.cells.join(" | "));
    }
    out.push_str("\n| name | command |\n|---|---|\n");
    for (name, command) in SIZES {
        let _ = writeln!(out, "| {name} | `{command}` |");
    }
    out.push_str("\nA twentieth of each, or less, runs in `make test`.\n");
    out
}

/// Runs a measurement and gives its figures.
fn measure(root: &Path, name: &str, command: &str) -> Result<Vec<Row>> {
    println!("== {name}: {command}");
    let mut child = Command::new("sh")
        .args(["-euc", command])
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let said = BufReader::new(child.stdout.take().context("no output")?);
    let mut found = Vec::new();
    for line in said.lines() {
        let line = line?;
        println!("{line}");
        found.extend(figure(name, &line));
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("`{name}` failed: {status}");
    }
    if found.is_empty() {
        bail!("`{name}` printed no figure");
    }
    Ok(found)
}

/// Runs the named measurements, or all, and rewrites the page after each.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let names: Vec<&str> = SIZES.iter().map(|(name, _)| *name).collect();
    for arg in args {
        if !names.contains(&arg.as_str()) {
            bail!("there is no `{arg}`; there are {}", names.join(", "));
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let path = root.join(PAGE);
    let mut known = rows(&std::fs::read_to_string(&path).unwrap_or_default());
    let mut failed = Vec::new();
    for (name, command) in SIZES {
        if !args.is_empty() && !args.iter().any(|arg| arg == name) {
            continue;
        }
        let machine = machine();
        match measure(&root, name, command) {
            Ok(found) => {
                known.retain(|row| row.name != *name);
                known.extend(found);
                known.sort_by_key(|row| names.iter().position(|name| *name == row.name));
                std::fs::write(&path, page(&known, &machine))?;
            }
            Err(error) => {
                println!("{error}");
                failed.push(*name);
            }
        }
    }
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_back() {
        let lines = [
            "test a ... figure | search: p95 | 5 entries | 66 ms | 300 ms",
            "figure | evidence: export | 5 entries | 1.0 s (processor 0.9 s) | ",
        ];
        let made: Vec<Row> = lines
            .iter()
            .filter_map(|line| figure("search", line))
            .collect();
        assert_eq!(made.len(), 2);
        assert_eq!(made[1].cells[3], "");
        assert_eq!(rows(&page(&made, "2 processors")), made);
        assert_eq!(figure("search", "66 ms"), None);
    }
}
