//! `interlock agents`

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Value, json};

use super::ServerArgs;
use super::search::encoded;
use crate::output::Output;

/// How often a rollback is looked at while it is waited for.
const LOOK: Duration = Duration::from_millis(250);

/// Stop agents, let them go on, and undo what they did.
///
/// It needs a key of role `admin`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  interlock agents pause my-agent
  interlock agents resume my-agent
  interlock agents rollback my-agent --last 5 --reason 'wrong customer'

Exit codes: 0 done, 1 the server cannot be reached or refuses, or not everything was undone in time")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Stop an agent: it may do nothing until it is resumed.
    Pause(Agent),
    /// Let a stopped agent go on.
    Resume(Agent),
    /// Stop an agent and undo its last steps, where it runs.
    Rollback(Rollback),
}

#[derive(Debug, clap::Args)]
struct Agent {
    /// The agent's id.
    agent: String,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
struct Rollback {
    /// The agent's id.
    agent: String,
    /// How many steps, the newest first.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    last: u32,
    /// Why.
    #[arg(long)]
    reason: Option<String>,
    /// How long to wait for what came of it, in seconds.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(0..=86_400))]
    wait: u32,
    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) fn run(args: &Args, out: Output) -> Result<u8> {
    match &args.command {
        Command::Pause(args) => pause(args, true, out),
        Command::Resume(args) => pause(args, false, out),
        Command::Rollback(args) => rollback(args, out),
    }
}

fn pause(args: &Agent, paused: bool, out: Output) -> Result<u8> {
    let path = format!("/api/agents/{}", encoded(&args.agent));
    let client = args.server.client()?;
    let agent = client.patch(&path, &json!({ "paused": paused }))?;
    out.print(&agent, || {
        let what = if paused { "is paused" } else { "goes on" };
        format!("{} {what}", args.agent)
    });
    Ok(0)
}

fn rollback(args: &Rollback, out: Output) -> Result<u8> {
    let client = args.server.client()?;
    let mut body = json!({ "last": args.last });
    if let Some(reason) = &args.reason {
        body["reason"] = json!(reason);
    }
    let path = format!("/api/agents/{}/rollback", encoded(&args.agent));
    let mut order = client.post(&path, &body)?;
    let id = text(&order, "id").to_owned();
    let until = Instant::now() + Duration::from_secs(args.wait.into());
    while matches!(text(&order, "state"), "ordered" | "claimed") && Instant::now() < until {
        thread::sleep(LOOK);
        order = client.get(&format!("/api/rollbacks/{id}"))?;
    }
    out.print(&order, || told(&order));
    Ok(u8::from(text(&order, "state") != "done"))
}

fn text<'a>(order: &'a Value, key: &str) -> &'a str {
    order[key].as_str().unwrap_or_default()
}

fn told(order: &Value) -> String {
    let (agent, id) = (text(order, "agent_id"), text(order, "id"));
    let count = |key: &str| order[key].as_u64().unwrap_or(0);
    let undone = format!(
        "{} undone, {} not or not wholly reversible",
        count("undone"),
        count("irreversible")
    );
    match text(order, "state") {
        "done" => format!("{agent} is paused; rollback {id} is done: {undone}"),
        "ordered" => {
            format!("{agent} is paused; rollback {id} waits for the client that can do it")
        }
        "claimed" => format!("{agent} is paused; rollback {id} is under way"),
        state => format!(
            "{agent} is paused; rollback {id} {state}: {undone}: {}",
            text(order, "message")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_within_its_part_of_a_path() {
        assert_eq!(encoded("my-agent_1.a~"), "my-agent_1.a~");
        assert_eq!(encoded("a/../b?c#ä %"), "a%2F..%2Fb%3Fc%23%C3%A4%20%25");
    }
}
