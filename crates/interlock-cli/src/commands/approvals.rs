//! `interlock approvals`

use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::ServerArgs;
use super::search::encoded;
use crate::output::Output;

/// List and decide approvals.
///
/// Reading needs a key that may read, deciding one of role `approver`. What agents wrote is printed
/// with everything hidden in it spelt out.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  interlock approvals list
  interlock approvals watch
  interlock approvals show 0196f0c2-…
  interlock approvals approve 0196f0c2-… --reason 'checked with the customer'
  interlock approvals deny 0196f0c2-…
  interlock approvals edit 0196f0c2-… --set amount=90 --unset cc
  interlock approvals sessions

Exit codes: 0 done, 1 the server cannot be reached or refuses, or it was decided otherwise before")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List approvals, the oldest first.
    List(List),
    /// Show one with everything that a person should know before they answer.
    Show(One),
    /// Print approvals as they come in, until stopped.
    Watch(Watch),
    /// Agree to an action.
    Approve(Decide),
    /// Refuse an action.
    Deny(Decide),
    /// Agree to an action with other arguments; what comes of it is decided on again.
    Edit(EditArgs),
    /// Take one back before it is used.
    Cancel(One),
    /// Say whether an action happened whose executor went away.
    Resolve(Resolve),
    /// List the temporary rules by which people agreed to further actions.
    Sessions(Sessions),
    /// Take a temporary rule back.
    Revoke(One),
}

#[derive(Debug, clap::Args)]
struct One {
    /// The id.
    id: String,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
struct Watch {
    /// Stop after so many.
    #[arg(long, value_name = "N")]
    count: Option<usize>,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
struct EditArgs {
    /// The approval's id.
    id: String,
    /// Give an argument this value: JSON, or else a text. `a/b=1` sets `b` within `a`.
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// Take an argument away.
    #[arg(long, value_name = "NAME")]
    unset: Vec<String>,
    /// What is acted on instead.
    #[arg(long)]
    resource: Option<String>,
    /// Why.
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
struct Resolve {
    /// The approval's id.
    id: String,
    /// What was found out.
    #[arg(value_parser = ["happened", "absent"])]
    what: String,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
struct Sessions {
    /// Only those of this agent.
    #[arg(long)]
    agent: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
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
    /// The digest of the action as `show` printed it; needed to approve what somebody has edited.
    #[arg(long, value_name = "HASH")]
    hash: Option<String>,
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
        Command::Show(args) => {
            let path = format!("/api/approvals/{}", args.id);
            let approval = args.server.client()?.get(&path)?;
            out.print(&approval, || shown(&approval));
            Ok(0)
        }
        Command::Watch(args) => watch(args, out),
        Command::Approve(args) => decide(args, "approve", out),
        Command::Deny(args) => decide(args, "deny", out),
        Command::Edit(args) => edit(args, out),
        Command::Cancel(args) => {
            let path = format!("/api/approvals/{}/cancel", args.id);
            let approval = args.server.client()?.post(&path, &json!({}))?;
            out.print(&approval, || {
                format!("{} {}", args.id, text(&approval, "state"))
            });
            Ok(0)
        }
        Command::Resolve(args) => {
            let path = format!("/api/approvals/{}/resolve", args.id);
            let body = json!({"happened": args.what == "happened"});
            let approval = args.server.client()?.post(&path, &body)?;
            let before = approval["already_decided"] == true;
            out.print(&approval, || {
                let already = if before {
                    "was resolved before"
                } else {
                    "resolved"
                };
                format!("{} {already}", args.id)
            });
            Ok(u8::from(before))
        }
        Command::Sessions(args) => {
            let agent = args.agent.as_ref();
            let query =
                agent.map_or_else(String::new, |agent| format!("&agent_id={}", encoded(agent)));
            let path = format!("/api/session-approvals?limit=1000{query}");
            let rules = args.server.client()?.get(&path)?;
            out.print(&rules, || sessions(&rules));
            Ok(0)
        }
        Command::Revoke(args) => {
            let path = format!("/api/session-approvals/{}", args.id);
            let rule = args.server.client()?.delete(&path)?;
            out.print(&rule, || format!("{} is taken back", args.id));
            Ok(0)
        }
    }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// What an agent wrote, with everything spelt out that a terminal would not show as it is.
pub(crate) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '\n' || (c.is_ascii() && !c.is_control()) || c.is_alphanumeric() {
            out.push(c);
        } else {
            let _ = write!(out, "[U+{:04X}]", u32::from(c));
        }
    }
    out
}

/// Prints each approval that waits, once, oldest first.
fn watch(args: &Watch, out: Output) -> Result<u8> {
    let client = args.server.client()?;
    let mut seen = std::collections::BTreeSet::new();
    let mut printed = 0;
    loop {
        let approvals = client.get("/api/approvals?state=pending&limit=1000")?;
        let waiting: Vec<&Value> = approvals.as_array().into_iter().flatten().collect();
        for approval in &waiting {
            if seen.insert(text(approval, "id").to_owned()) {
                let one = json!([approval]);
                out.print(approval, || table(&one));
                printed += 1;
                if args.count.is_some_and(|count| printed >= count) {
                    return Ok(0);
                }
            }
        }
        // What is decided is not printed again, and need not be remembered.
        seen.retain(|id| waiting.iter().any(|a| text(a, "id") == id));
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
}

fn pointer(name: &str) -> String {
    let parts = name.split('/').map(|part| part.replace('~', "~0"));
    parts.fold(String::new(), |path, part| format!("{path}/{part}"))
}

fn edit(args: &EditArgs, out: Output) -> Result<u8> {
    let mut patch = Vec::new();
    for name in &args.unset {
        patch.push(json!({"op": "remove", "path": pointer(name)}));
    }
    for set in &args.set {
        let (name, value) = set
            .split_once('=')
            .with_context(|| format!("`--set {set}` must be NAME=VALUE"))?;
        let value: Value = serde_json::from_str(value).unwrap_or_else(|_| json!(value));
        patch.push(json!({"op": "add", "path": pointer(name), "value": value}));
    }
    anyhow::ensure!(
        !patch.is_empty() || args.resource.is_some(),
        "nothing to change: give `--set`, `--unset` or `--resource`"
    );
    let mut body = json!({"decision": "edit", "patch": patch});
    if let Some(resource) = &args.resource {
        body["resource"] = json!(resource);
    }
    if let Some(reason) = &args.reason {
        body["reason"] = json!(reason);
    }
    let path = format!("/api/approvals/{}/decide", args.id);
    let approval = args.server.client()?.post(&path, &body)?;
    let before = approval["already_decided"] == true;
    out.print(&approval, || {
        let (agreed, quorum) = (&approval["agreed"], &approval["quorum"]);
        let already = if before { "was decided before: " } else { "" };
        let state = text(&approval, "state");
        format!("{} {already}{state}, {agreed} of {quorum} agreed", args.id)
    });
    Ok(u8::from(before))
}

fn shown(approval: &Value) -> String {
    let mut out = table(&json!([approval]));
    let detail = &approval["detail"];
    let mut part = |title: &str, value: &Value| {
        let value = match value {
            Value::Null => return,
            Value::String(text) if text.is_empty() => return,
            Value::Array(items) if items.is_empty() => return,
            Value::Object(members) if members.is_empty() => return,
            Value::String(text) => text.clone(),
            other => serde_json::to_string_pretty(other).unwrap_or_default(),
        };
        let _ = writeln!(out, "\n{title}");
        for line in visible(&value).lines() {
            let _ = writeln!(out, "  {line}");
        }
    };
    part("An approval would allow", &approval["allows"]);
    part("Arguments, masked", &detail["arguments"]);
    part("Edited", &approval["edit"]);
    part("Prompt and plan, masked", &detail["context"]);
    part("How far it reaches", &detail["blast_radius"]);
    part("Why the risk is what it is", &detail["risk_terms"]);
    part("Rules", &detail["rules"]);
    part("Findings", &detail["findings"]);
    part("Facts", &detail["facts"]);
    part("Steps before, the last first", &approval["before"]);
    if approval["behind"].as_u64().unwrap_or(0) > 0 {
        part(
            "Steps may be missing",
            &json!("newer steps are still being added since the server was started"),
        );
    }
    part("Answers", &approval["votes"]);
    part(
        "Hash of what the next person agrees to",
        &approval["proposed_hash"],
    );
    out
}

fn sessions(rules: &Value) -> String {
    let mut out = String::new();
    for rule in rules.as_array().into_iter().flatten() {
        let live = if rule["live"] == true { "live" } else { "over" };
        let _ = writeln!(
            out,
            "{}  {live}  {} {} {} on {}\n  arguments {}\n  used {} of {}, until {}, by {}",
            text(rule, "id"),
            visible(text(rule, "agent_id")),
            visible(text(rule, "action_type")),
            visible(text(rule, "tool")),
            visible(text(rule, "resource")),
            visible(&rule["arguments"].to_string()),
            rule["uses"],
            rule["uses_max"],
            text(rule, "expires"),
            text(rule, "granted_by"),
        );
    }
    if out.is_empty() {
        out.push_str("none");
    }
    out
}

fn decide(args: &Decide, decision: &str, out: Output) -> Result<u8> {
    let mut body = json!({"decision": decision});
    if let Some(reason) = &args.reason {
        body["reason"] = json!(reason);
    }
    if let Some(hash) = &args.hash {
        body["action_hash"] = json!(hash);
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
        let field = |name: &str| visible(approval[name].as_str().unwrap_or_default());
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
