//! `interlock keys`

use std::fmt::Write as _;

use anyhow::Result;
use serde_json::{Value, json};

use super::ServerArgs;
use crate::output::Output;

/// Create, list, rotate and revoke API keys.
///
/// Needs a key of role `admin`. A key is shown once, when it is made.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  interlock keys create --role agent --agent billing-bot --label 'billing in production'
  interlock keys create --role approver --label anna --expires-days 30
  interlock keys list
  interlock keys rotate 8hT2kQw9ZbLm --grace-hours 48
  interlock keys revoke 8hT2kQw9ZbLm

Exit codes: 0 done, 1 the server cannot be reached or refuses")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Make a key and print it; it cannot be shown again.
    Create(Create),
    /// List keys, revoked ones too.
    List(List),
    /// Give a key another secret; the old one is accepted for some hours more.
    Rotate(Rotate),
    /// Revoke a key; it is refused at once.
    Revoke(Revoke),
}

#[derive(Debug, clap::Args)]
struct Create {
    /// What it may do.
    #[arg(long, value_parser = ["agent", "approver", "policy_author", "auditor", "admin"])]
    role: String,
    /// The agent that it speaks for; required for role `agent`.
    #[arg(long, value_name = "ID", required_if_eq("role", "agent"))]
    agent: Option<String>,
    /// The environment that it is bound to.
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// What it is for, or whose it is.
    #[arg(long, value_name = "TEXT")]
    label: Option<String>,
    /// After how many days it expires; 90 by default.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(i64).range(1..=3_650))]
    expires_days: Option<i64>,
    /// The id of the user whose key it is; it holds as long as the user may do this.
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
struct Rotate {
    /// The key's id.
    id: String,
    /// For how many hours the old secret is accepted beside the new one.
    #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = clap::value_parser!(i64).range(0..=168))]
    grace_hours: i64,
    /// After how many days the key expires; 90 by default.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(i64).range(1..=3_650))]
    expires_days: Option<i64>,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
struct Revoke {
    /// The key's id.
    id: String,
    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) fn run(args: &Args, out: Output) -> Result<u8> {
    match &args.command {
        Command::Create(args) => create(args, out),
        Command::List(args) => {
            let keys = args.server.client()?.get("/api/keys")?;
            out.print(&keys, || table(&keys));
            Ok(0)
        }
        Command::Rotate(args) => rotate(args, out),
        Command::Revoke(args) => {
            let key = args
                .server
                .client()?
                .delete(&format!("/api/keys/{}", args.id))?;
            out.print(&key, || format!("revoked {}", args.id));
            Ok(0)
        }
    }
}

fn create(args: &Create, out: Output) -> Result<u8> {
    let mut body = json!({"role": args.role});
    for (name, value) in [
        ("agent_id", &args.agent),
        ("environment", &args.environment),
        ("label", &args.label),
        ("user_id", &args.user),
    ] {
        if let Some(value) = value {
            body[name] = json!(value);
        }
    }
    if let Some(days) = args.expires_days {
        body["expires_days"] = json!(days);
    }
    let key = args.server.client()?.post("/api/keys", &body)?;
    out.note("keep it: it is not shown again");
    out.print(&key, || key["key"].as_str().unwrap_or_default().to_owned());
    Ok(0)
}

fn rotate(args: &Rotate, out: Output) -> Result<u8> {
    let mut body = json!({"grace_hours": args.grace_hours});
    if let Some(days) = args.expires_days {
        body["expires_days"] = json!(days);
    }
    let path = format!("/api/keys/{}/rotate", args.id);
    let key = args.server.client()?.post(&path, &body)?;
    let until = key["previous_until"].as_str().unwrap_or_default();
    out.note(&format!(
        "keep it: it is not shown again; the old one is accepted until {until}"
    ));
    out.print(&key, || key["key"].as_str().unwrap_or_default().to_owned());
    Ok(0)
}

fn table(keys: &Value) -> String {
    let mut text = format!(
        "{:<24} {:<14} {:<20} {:<9} label\n",
        "id", "role", "agent", "state"
    );
    for key in keys.as_array().into_iter().flatten() {
        let field = |name: &str| key[name].as_str().unwrap_or("-");
        let state = if key["revoked_at"].is_string() {
            "revoked"
        } else {
            "active"
        };
        let _ = writeln!(
            text,
            "{:<24} {:<14} {:<20} {state:<9} {}",
            field("id"),
            field("role"),
            field("agent_id"),
            field("label")
        );
    }
    text
}
