//! `interlock approvals`

use std::fmt::Write as _;

use anyhow::Result;
use serde_json::{Value, json};

use super::ServerArgs;
use crate::output::Output;

/// List and decide approvals.
///
/// Listing needs a key that may read, deciding one of role `approver`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  interlock approvals list
  interlock approvals approve 0196f0c2-… --reason 'checked with the customer'
  interlock approvals deny 0196f0c2-…

Exit codes: 0 done, 1 the server cannot be reached or refuses, or it was decided otherwise before")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List approvals, the oldest first.
    List(List),
    /// Agree to an action.
    Approve(Decide),
    /// Refuse an action.
    Deny(Decide),
}

#[derive(Debug, clap::Args)]
struct List {
    /// Only those in this state, or `all`.
    #[arg(long, default_value = "pending")]
    state: String,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
struct Decide {
    /// The approval's id.
    id: String,
    /// Why.
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) fn run(args: &Args, out: Output) -> Result<u8> {
    match &args.command {
        Command::List(args) => {
            let path = format!("/api/approvals?state={}&limit=1000", args.state);
            let approvals = args.server.client()?.get(&path)?;
            out.print(&approvals, || table(&approvals));
            Ok(0)
        }
        Command::Approve(args) => decide(args, "approve", out),
        Command::Deny(args) => decide(args, "deny", out),
    }
}

fn decide(args: &Decide, decision: &str, out: Output) -> Result<u8> {
    let mut body = json!({"decision": decision});
    if let Some(reason) = &args.reason {
        body["reason"] = json!(reason);
    }
    let path = format!("/api/approvals/{}/decide", args.id);
    let approval = args.server.client()?.post(&path, &body)?;
    let before = approval["already_decided"] == true;
    let state = approval["state"].as_str().unwrap_or_default();
    out.print(&approval, || {
        let (agreed, quorum) = (&approval["agreed"], &approval["quorum"]);
        let already = if before { "was decided before: " } else { "" };
        format!("{} {already}{state}, {agreed} of {quorum} agreed", args.id)
    });
    let wanted = if decision == "approve" {
        ["approved", "claimed", "pending"]
    } else {
        ["denied"; 3]
    };
    Ok(u8::from(before && !wanted.contains(&state)))
}

fn table(approvals: &Value) -> String {
    let mut text = String::new();
    for approval in approvals.as_array().into_iter().flatten() {
        let field = |name: &str| approval[name].as_str().unwrap_or_default();
        let _ = writeln!(
            text,
            "{}  {}  {} {} {}\n  {}\n  asks {} of `{}`, {} agreed, risk {}, expires {}",
            field("id"),
            field("state"),
            field("agent_id"),
            field("action_type"),
            field("resource"),
            field("reason"),
            approval["quorum"],
            field("group"),
            approval["agreed"],
            approval["risk"],
            field("expires_at")
        );
    }
    if text.is_empty() {
        text.push_str("none");
    }
    text
}
