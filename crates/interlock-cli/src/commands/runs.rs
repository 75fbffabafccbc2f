//! `interlock runs`

use std::fmt::Write as _;

use anyhow::{Result, bail};
use interlock_filter::RUNS;
use serde_json::Value;

use super::ServerArgs;
use super::search::{FilterArgs, encoded, gather, gather_all, shown};
use crate::output::Output;

/// Runs of one request.
const PAGE_ROWS: usize = 200;
/// Steps of a run that are shown.
const STEPS_MAX: usize = 100_000;

/// List the runs of agents, show one, and compare two.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  interlock runs list 'blocked:>0 agent:billing*' --since 7d
  interlock runs show nightly-41
  interlock runs diff nightly-41 nightly-42

Exit codes: 0 done, for `diff`: nothing differs; 1 the filter is none, the server cannot be reached or
refuses, or for `diff`: something differs")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List runs, the one that acted last first.
    List(List),
    /// Show the steps of a run, oldest first.
    Show(Show),
    /// Show what differs between two runs.
    Diff(Diff),
}

#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
struct Show {
    /// The run.
    run: String,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
struct Diff {
    /// The first run.
    a: String,
    /// The second run.
    b: String,
    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) fn run(args: &Args, out: Output) -> Result<u8> {
    match &args.command {
        Command::List(args) => list(args, out),
        Command::Show(args) => show(args, out),
        Command::Diff(args) => diff(args, out),
    }
}

fn number(row: &Value, key: &str) -> u64 {
    row[key].as_u64().unwrap_or(0)
}

fn list(args: &List, out: Output) -> Result<u8> {
    let text = args.filter.text(&RUNS)?;
    let client = args.server.client()?;
    let path = format!("/api/runs?q={}", encoded(&text));
    let limit = args.filter.limit();
    let rows = gather(&client, &path, "before", limit, PAGE_ROWS, |to, found| {
        out.note(&format!("searched back to {to}, {found} found"));
    })?;
    let value = Value::Array(rows);
    out.print(&value, || {
        let rows = value.as_array().map_or(&[][..], Vec::as_slice);
        if rows.is_empty() {
            return "nothing was found".to_owned();
        }
        let one = |row: &Value| {
            format!(
                "{}  {:<36} {:<20} {:>7} actions {:>5} blocked {:>5} asked  risk {:>3}\n",
                row["last_at"].as_str().unwrap_or_default(),
                shown(&row["run_id"], 36),
                shown(&row["agent_id"], 20),
                number(row, "actions"),
                number(row, "blocked"),
                number(row, "held"),
                number(row, "risk_max"),
            )
        };
        rows.iter().map(one).collect()
    });
    Ok(0)
}

fn show(args: &Show, out: Output) -> Result<u8> {
    let client = args.server.client()?;
    let path = format!("/api/actions?run_id={}", encoded(&args.run));
    let mut rows = gather_all(&client, &path, STEPS_MAX, |_, _| {})?;
    if rows.is_empty() {
        bail!("there is no run `{}`, or nothing of it is kept", args.run);
    }
    rows.reverse();
    let value = Value::Array(rows);
    out.print(&value, || {
        let rows = value.as_array().map_or(&[][..], Vec::as_slice);
        rows.iter().map(|row| step(row) + "\n").collect()
    });
    Ok(0)
}

fn step(row: &Value) -> String {
    let place = row["step"].as_i64().map_or_else(
        || format!("#{}", number(row, "seq")),
        |step| step.to_string(),
    );
    let mut line = format!(
        "{place:>8}  {:<16} {:>3}  {} {}",
        row["effect"].as_str().unwrap_or_default(),
        number(row, "risk"),
        shown(
            if row["tool"] == "" {
                &row["action_type"]
            } else {
                &row["tool"]
            },
            24
        ),
        shown(&row["resource"], 60),
    );
    if let Some(outcome) = row["outcome"].as_str() {
        let _ = write!(line, "  {outcome}");
    }
    line
}

fn diff(args: &Diff, out: Output) -> Result<u8> {
    let client = args.server.client()?;
    let path = format!(
        "/api/runs/diff?a={}&b={}",
        encoded(&args.a),
        encoded(&args.b)
    );
    let mut all = client.get(&path)?;
    while let Some(next) = all["next"].as_u64() {
        let mut more = client.get(&format!("{path}&from={next}"))?;
        if let (Some(lines), Some(more)) =
            (all["lines"].as_array_mut(), more["lines"].as_array_mut())
        {
            lines.append(more);
        }
        all["next"] = more["next"].take();
    }
    out.print(&all, || told(&all));
    Ok(u8::from(
        all["lines"]
            .as_array()
            .is_some_and(|lines| !lines.is_empty()),
    ))
}

fn told(diff: &Value) -> String {
    let mut out = String::new();
    for side in ["a", "b"] {
        let of = &diff[side];
        let sign = if side == "a" { '-' } else { '+' };
        let _ = writeln!(
            out,
            "{sign} {}: {} steps, {} blocked, {} USD, {} ms",
            shown(&of["run_id"], 60),
            number(of, "steps"),
            number(of, "blocked"),
            of["cost_usd"].as_str().unwrap_or("0"),
            number(of, "latency_ms"),
        );
    }
    let _ = writeln!(out, "  {} steps are the same", number(diff, "same"));
    if diff["exact"] == false {
        out.push_str("  the runs have little in common: their steps are paired roughly\n");
    }
    let mut place = 0;
    for line in diff["lines"].as_array().into_iter().flatten() {
        let here = number(line, "place");
        if here > place {
            let _ = writeln!(out, "  … {} the same", here - place);
        }
        place = here + 1;
        match (line["a"].is_null(), line["b"].is_null()) {
            (false, true) => {
                let _ = writeln!(out, "- {}", step(&line["a"]));
            }
            (true, false) => {
                let _ = writeln!(out, "+ {}", step(&line["b"]));
            }
            _ => {
                let names = |key: &str| -> Vec<String> {
                    let list = line[key].as_array().into_iter().flatten();
                    list.map(|name| shown(name, 80)).collect()
                };
                let _ = writeln!(out, "- {}\n+ {}", step(&line["a"]), step(&line["b"]));
                let _ = writeln!(out, "           differ: {}", names("differ").join(", "));
                if !names("arguments").is_empty() {
                    let _ = writeln!(
                        out,
                        "           arguments at {}",
                        names("arguments").join(" ")
                    );
                }
            }
        }
    }
    out
}
