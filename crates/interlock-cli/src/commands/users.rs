//! `interlock users`

use std::fmt::Write as _;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::ServerArgs;
use crate::client::Client;
use crate::output::Output;

/// Add people who sign in to the console, and take their access away.
///
/// Needs a key of role `admin`, such as the first one that `interlock up` printed. A new user gets a
/// link, good once and for three days, to set a password and one-time codes.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  interlock users add ana --role admin
  interlock users add bo@example.com --role approver --group finance --group ops
  interlock users list
  interlock users change bo@example.com --role auditor
  interlock users disable bo@example.com
  interlock users reset-mfa ana

Exit codes: 0 done, 1 the server cannot be reached or refuses")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Make a user and print the link with which the person joins.
    Add(Add),
    /// List users, disabled ones too.
    List(List),
    /// Change a user's name, role or groups; another role or other groups end the user's sessions.
    Change(Change),
    /// Let a user sign in no more; sessions and keys of the user end at once.
    Disable(One),
    /// Let a disabled user sign in again.
    Enable(One),
    /// Take password and one-time codes away, and print a link to set new ones.
    ResetMfa(Reset),
}

#[derive(Debug, clap::Args)]
struct Reset {
    /// The name to sign in with.
    login: String,
    /// Let the person's next sign-in at a provider take the invitation up.
    #[arg(long)]
    at_provider: bool,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
struct Add {
    /// The name to sign in with, such as an e-mail address in lower case.
    login: String,
    /// What the person may do.
    #[arg(long, value_parser = ["approver", "policy_author", "auditor", "admin"])]
    role: String,
    /// The name as people write it.
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// A group that policies ask; may be given more than once.
    #[arg(long = "group", value_name = "NAME")]
    groups: Vec<String>,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
struct Change {
    /// The login.
    login: String,
    /// What the person may do.
    #[arg(long, value_parser = ["approver", "policy_author", "auditor", "admin"])]
    role: Option<String>,
    /// The name as people write it.
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// The groups, in the place of those of before; may be given more than once.
    #[arg(long = "group", value_name = "NAME", conflicts_with = "no_groups")]
    groups: Vec<String>,
    /// Take the person out of all groups.
    #[arg(long)]
    no_groups: bool,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
struct One {
    /// The login.
    login: String,
    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) fn run(args: &Args, out: Output) -> Result<u8> {
    match &args.command {
        Command::Add(args) => add(args, out),
        Command::List(args) => {
            let users = args.server.client()?.get("/api/users")?;
            out.print(&users, || table(&users));
            Ok(0)
        }
        Command::Change(args) => change(args, out),
        Command::Disable(args) => switch(args, true, out),
        Command::Enable(args) => switch(args, false, out),
        Command::ResetMfa(args) => {
            let client = args.server.client()?;
            let id = id_of(&client, &args.login)?;
            let invited = client.post(
                &format!("/api/users/{id}/reset"),
                &json!({"at_provider": args.at_provider}),
            )?;
            invited_to(&args.server, invited, out);
            Ok(0)
        }
    }
}

/// The id of a login.
fn id_of(client: &Client, login: &str) -> Result<String> {
    let users = client.get("/api/users")?;
    let found = users
        .as_array()
        .into_iter()
        .flatten()
        .find(|user| user["login"] == login);
    match found.and_then(|user| user["id"].as_str()) {
        Some(id) => Ok(id.to_owned()),
        None => bail!("there is no user `{login}`; `interlock users list` shows all"),
    }
}

/// Prints the link of an invitation.
fn invited_to(server: &ServerArgs, mut invited: Value, out: Output) {
    let path = invited["invitation"]["path"].as_str().unwrap_or_default();
    let link = format!("{}{path}", server.server.trim_end_matches('/'));
    let until = invited["invitation"]["expires_at"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    invited["invitation"]["url"] = json!(link);
    out.note(&format!(
        "good once, until {until}; whoever has the link joins as this user"
    ));
    out.print(&invited, || link);
}

fn add(args: &Add, out: Output) -> Result<u8> {
    let mut body = json!({"login": args.login, "role": args.role, "groups": args.groups});
    if let Some(name) = &args.name {
        body["name"] = json!(name);
    }
    let invited = args.server.client()?.post("/api/users", &body)?;
    invited_to(&args.server, invited, out);
    Ok(0)
}

fn change(args: &Change, out: Output) -> Result<u8> {
    let mut body = json!({});
    if let Some(role) = &args.role {
        body["role"] = json!(role);
    }
    if let Some(name) = &args.name {
        body["name"] = json!(name);
    }
    if args.no_groups || !args.groups.is_empty() {
        body["groups"] = json!(args.groups);
    }
    if body == json!({}) {
        bail!("nothing to change: give `--role`, `--name`, `--group` or `--no-groups`");
    }
    patch(&args.server, &args.login, &body, "changed", out)
}

fn switch(args: &One, disabled: bool, out: Output) -> Result<u8> {
    let done = if disabled { "disabled" } else { "enabled" };
    let body = json!({"disabled": disabled});
    patch(&args.server, &args.login, &body, done, out)
}

fn patch(server: &ServerArgs, login: &str, body: &Value, done: &str, out: Output) -> Result<u8> {
    let client = server.client()?;
    let id = id_of(&client, login)?;
    let user = client.patch(&format!("/api/users/{id}"), body)?;
    out.print(&user, || format!("{done} {login}"));
    Ok(0)
}

fn table(users: &Value) -> String {
    let mut text = format!(
        "{:<32} {:<14} {:<10} {:<25} groups\n",
        "login", "role", "state", "last signed in"
    );
    for user in users.as_array().into_iter().flatten() {
        let field = |name: &str| user[name].as_str().unwrap_or("-");
        let state = if user["disabled_at"].is_string() {
            "disabled"
        } else if user["enrolled"] == true || user["issuer"].is_string() {
            "active"
        } else {
            "invited"
        };
        let groups: Vec<&str> = user["groups"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let _ = writeln!(
            text,
            "{:<32} {:<14} {state:<10} {:<25} {}",
            field("login"),
            field("role"),
            field("last_login_at"),
            groups.join(", ")
        );
    }
    text
}
