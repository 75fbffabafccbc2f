//! `interlock tools`

use std::fmt::Write as _;

use anyhow::Result;
use serde_json::{Value, json};

use super::ServerArgs;
use super::alerts::seconds;
use super::approvals::visible;
use super::search::encoded;
use crate::output::Output;

/// Stop tools, for all agents or for one, and let them go on.
///
/// It needs a key of role `admin`. A stop holds at once, and in connected clients within two seconds.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  interlock tools stop send_email --reason 'wrong template'
  interlock tools stop 'db.*' --agent billing --for 2h
  interlock tools list
  interlock tools start 0196f0c2-…

Exit codes: 0 done, 1 the server cannot be reached or refuses")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Stop a tool or type of action.
    Stop(Stop),
    /// Let a stopped tool go on, by the id of the stop.
    Start(Start),
    /// List the tools that are stopped.
    List(List),
}

#[derive(Debug, clap::Args)]
struct Stop {
    /// The tool or type of action; with a `*` at its end all that begin so.
    tool: String,
    /// Only for this agent.
    #[arg(long)]
    agent: Option<String>,
    /// For how long: 30m, 12h, 7d; until somebody ends it when it is left out.
    #[arg(long = "for", value_name = "TIME", value_parser = seconds)]
    time: Option<u32>,
    /// Why.
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
struct Start {
    /// The id of the stop.
    id: String,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
struct List {
    /// Also stops that are over.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    server: ServerArgs,
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn line(stop: &Value) -> String {
    let agent = match text(stop, "agent_id") {
        "" => "all agents".to_owned(),
        agent => format!("agent {}", visible(agent)),
    };
    let until = match (text(stop, "ended_by"), text(stop, "expires_at")) {
        ("", "") => "until somebody ends it".to_owned(),
        ("", until) => format!("until {until}"),
        (by, _) => format!("ended by {}", visible(by)),
    };
    format!(
        "{}  {}  for {agent}  {until}  by {}: {}\n",
        text(stop, "id"),
        visible(text(stop, "tool")),
        visible(text(stop, "by")),
        visible(text(stop, "reason")),
    )
}

pub(crate) fn run(args: &Args, out: Output) -> Result<u8> {
    match &args.command {
        Command::Stop(args) => {
            let mut body = json!({ "tool": args.tool });
            if let Some(agent) = &args.agent {
                body["agent_id"] = json!(agent);
            }
            if let Some(seconds) = args.time {
                body["seconds"] = json!(seconds);
            }
            if let Some(reason) = &args.reason {
                body["reason"] = json!(reason);
            }
            let stop = args.server.client()?.post("/api/tool-stops", &body)?;
            out.print(&stop, || line(&stop));
        }
        Command::Start(args) => {
            let path = format!("/api/tool-stops/{}", encoded(&args.id));
            let stop = args.server.client()?.delete(&path)?;
            out.print(&stop, || line(&stop));
        }
        Command::List(args) => {
            let live = if args.all { "" } else { "&live=true" };
            let path = format!("/api/tool-stops?limit=1000{live}");
            let stops = args.server.client()?.get(&path)?;
            out.print(&stops, || {
                let mut lines = String::new();
                for stop in stops.as_array().into_iter().flatten() {
                    let _ = write!(lines, "{}", line(stop));
                }
                if lines.is_empty() {
                    lines.push_str("no tool is stopped");
                }
                lines
            });
        }
    }
    Ok(0)
}
