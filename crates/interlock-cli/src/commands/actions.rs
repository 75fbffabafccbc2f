//! `interlock actions`

use std::fmt::Write as _;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use interlock_filter::ACTIONS;
use serde_json::Value;

use super::ServerArgs;
use super::search::{FilterArgs, encoded, gather_all, shown};
use crate::output::Output;

/// How often new actions are looked for.
const LOOK: Duration = Duration::from_secs(1);
/// Actions that are shown at once when many came between two looks.
const BURST: usize = 1_000;

/// Look for actions.
///
/// The filter is the one of the console and of the API; `docs/reference/filters.md` has all of it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  interlock actions search 'agent:billing* decision:block risk:>70' --since 24h
  interlock actions search 'tool:\"db.query\" -env:staging \"customers\"' --json
  interlock actions search is:flagged --follow

Exit codes: 0 done, also when nothing was found; 1 the filter is none, or the server cannot be reached or refuses")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show the actions that a filter lets through, newest first.
    #[command(alias = "list")]
    Search(Search),
}

#[derive(Debug, clap::Args)]
struct Search {
    #[command(flatten)]
    filter: FilterArgs,
    /// Show what is there, oldest first, and then what comes, until stopped.
    #[arg(long, short)]
    follow: bool,
    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) fn run(args: &Args, out: Output) -> Result<u8> {
    let Command::Search(args) = &args.command;
    let text = args.filter.text(&ACTIONS)?;
    let client = args.server.client()?;
    let path = format!("/api/actions?q={}", encoded(&text));
    let mut rows = gather_all(&client, &path, args.filter.limit(), |to, found| {
        out.note(&format!("searched back to {to}, {found} found"));
    })?;
    if !args.follow {
        let value = Value::Array(rows);
        out.print(&value, || table(&value));
        return Ok(0);
    }
    let mut last = None;
    loop {
        rows.reverse();
        for row in &rows {
            out.print(row, || line(row));
            last = row["seq"].as_u64();
        }
        thread::sleep(LOOK);
        rows = gather_all(&client, &path, BURST, |_, _| {})?;
        rows.retain(|row| row["seq"].as_u64() > last);
    }
}

fn line(row: &Value) -> String {
    let mut line = format!(
        "{}  {:<16} {:>3}  {:<20} {:<18} {}",
        row["timestamp"].as_str().unwrap_or_default(),
        row["effect"].as_str().unwrap_or_default(),
        row["risk"].as_u64().unwrap_or(0),
        shown(&row["agent_id"], 20),
        shown(
            if row["tool"] == "" {
                &row["action_type"]
            } else {
                &row["tool"]
            },
            18
        ),
        shown(&row["resource"], 60),
    );
    if let Some(run) = row["run_id"].as_str().filter(|run| !run.is_empty()) {
        let _ = write!(line, "  run {}", shown(&Value::from(run), 40));
    }
    line
}

fn table(rows: &Value) -> String {
    let rows = rows.as_array().map_or(&[][..], Vec::as_slice);
    if rows.is_empty() {
        return "nothing was found".to_owned();
    }
    rows.iter().map(|row| line(row) + "\n").collect()
}
