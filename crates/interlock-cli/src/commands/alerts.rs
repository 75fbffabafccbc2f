//! `interlock alerts`

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail, ensure};
use interlock_filter::{ALERT_GROUPS, parse};
use serde_json::{Value, json};

use super::ServerArgs;
use super::approvals::visible;
use super::search::{encoded, gather_all};
use crate::output::Output;

/// Look after groups of alerts, mute them, and see what was done about them by itself.
///
/// Reading needs a key that may read, changing a group or a mute one of role `approver`, changing the
/// rules of responses one of role `admin`. What agents wrote is printed with everything hidden in it
/// spelt out.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  interlock alerts list
  interlock alerts list --state all --level high
  interlock alerts list 'detector:pii count:>5 since:7d'
  interlock alerts show 5b1f…
  interlock alerts ack 5b1f… --comment 'looking'
  interlock alerts assign 5b1f… ann
  interlock alerts resolve 5b1f… --comment 'fixed in 1.4'
  interlock alerts mute --agent billing --detector pii --for 7d --reason 'known, fixed on Monday'
  interlock alerts rules --set responses.json
  interlock alerts responses

Exit codes: 0 done, 1 the server cannot be reached or refuses")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List groups of alerts, the one that happened last first.
    List(List),
    /// Show a group with its newest alerts and what people did.
    Show(One),
    /// Say that somebody looks after a group.
    Ack(Change),
    /// Say that a group is over; it is open again when it happens again.
    Resolve(Change),
    /// Open a group again.
    Reopen(Change),
    /// Say who looks after a group.
    Assign(Assign),
    /// Write something down beside a group.
    Comment(Comment),
    /// Keep people from being told of groups for a time; it changes no decision.
    Mute(Mute),
    /// End a mute.
    Unmute(One),
    /// List mutes.
    Mutes(All),
    /// List what was done by itself because of alerts.
    Responses(All),
    /// Print or replace the rules of automatic responses.
    Rules(Rules),
}

#[derive(Debug, clap::Args)]
struct List {
    /// What to look for: `detector:pii count:>5 since:24h "free text"`.
    ///
    /// One that begins with a minus comes after `--`.
    #[arg(value_name = "FILTER")]
    filter: Vec<String>,
    /// Only those in this state.
    #[arg(long, default_value = "open", value_parser = ["open", "acknowledged", "resolved", "all"])]
    state: String,
    /// Only of this level or worse.
    #[arg(long, value_parser = ["low", "medium", "high", "critical"])]
    level: Option<String>,
    /// Only of this agent.
    #[arg(long)]
    agent: Option<String>,
    /// Only those that this person looks after.
    #[arg(long)]
    assignee: Option<String>,
    /// Also those that are muted.
    #[arg(long)]
    muted: bool,
    /// How many.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
struct One {
    /// The id.
    id: String,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
struct All {
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
struct Change {
    /// The group's id.
    id: String,
    /// What there is to say.
    #[arg(long)]
    comment: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
struct Assign {
    /// The group's id.
    id: String,
    /// Who; nobody when it is left out.
    person: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
struct Comment {
    /// The group's id.
    id: String,
    /// What there is to say.
    text: String,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
struct Mute {
    /// Only this group, by its id.
    group: Option<String>,
    /// Only groups of this agent.
    #[arg(long)]
    agent: Option<String>,
    /// Only groups of this rule.
    #[arg(long)]
    rule: Option<String>,
    /// Only groups of this detector.
    #[arg(long)]
    detector: Option<String>,
    /// For how long: 30m, 12h, 7d; at most 90d.
    #[arg(long = "for", value_name = "TIME", value_parser = seconds)]
    time: u32,
    /// Why.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
struct Rules {
    /// A JSON file as `GET /api/response-rules` answers it; without `version` the one in force is
    /// replaced.
    #[arg(long, value_name = "FILE")]
    set: Option<PathBuf>,
    #[command(flatten)]
    server: ServerArgs,
}

/// A time with its unit, in seconds.
pub(super) fn seconds(text: &str) -> Result<u32, String> {
    let problem = || format!("`{text}` must be a number with `s`, `m`, `h` or `d`, such as `12h`");
    let at = text.len().saturating_sub(1);
    let (number, unit) = text.split_at_checked(at).ok_or_else(problem)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(problem()),
    };
    let number: u32 = number.parse().map_err(|_| problem())?;
    number
        .checked_mul(unit)
        .filter(|seconds| *seconds > 0)
        .ok_or_else(problem)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

pub(crate) fn run(args: &Args, out: Output) -> Result<u8> {
    match &args.command {
        Command::List(args) => list(args, out),
        Command::Show(args) => show(args, out),
        Command::Ack(args) => state(args, "acknowledged", out),
        Command::Resolve(args) => state(args, "resolved", out),
        Command::Reopen(args) => state(args, "open", out),
        Command::Assign(args) => {
            let person = args.person.as_deref().unwrap_or_default();
            change(&args.server, &args.id, json!({ "assignee": person }), out)
        }
        Command::Comment(args) => {
            change(&args.server, &args.id, json!({ "comment": args.text }), out)
        }
        Command::Mute(args) => mute(args, out),
        Command::Unmute(args) => {
            let path = format!("/api/mutes/{}", encoded(&args.id));
            let mute = args.server.client()?.delete(&path)?;
            out.print(&mute, || format!("mute {} is over", args.id));
            Ok(0)
        }
        Command::Mutes(args) => mutes(args, out),
        Command::Responses(args) => responses(args, out),
        Command::Rules(args) => rules(args, out),
    }
}

fn list(args: &List, out: Output) -> Result<u8> {
    let filter = args.filter.join(" ");
    let filter = filter.trim();
    if let Err(error) = parse(filter, &ALERT_GROUPS) {
        bail!("this is no filter:\n{}", error.pointed(filter));
    }
    let mut path = format!("/api/alert-groups?q={}", encoded(filter));
    if args.state != "all" {
        let _ = write!(path, "&state={}", args.state);
    }
    if !args.muted {
        path.push_str("&muted=false");
    }
    for (name, value) in [
        ("level", &args.level),
        ("agent_id", &args.agent),
        ("assignee", &args.assignee),
    ] {
        if let Some(value) = value {
            let _ = write!(path, "&{name}={}", encoded(value));
        }
    }
    let client = args.server.client()?;
    let progress = |to: &str, found: usize| {
        out.note(&format!("searched back to {to}, {found} found so far"));
    };
    let groups = Value::from(gather_all(&client, &path, args.limit as usize, progress)?);
    out.print(&groups, || {
        let rows = groups.as_array().map(Vec::as_slice).unwrap_or_default();
        if rows.is_empty() {
            return "no groups of alerts".to_owned();
        }
        rows.iter()
            .fold(String::new(), |all, group| all + &line(group))
    });
    Ok(0)
}

/// One group on two lines.
fn line(group: &Value) -> String {
    let mut notes = vec![text(group, "state").to_owned()];
    if group["reopened"] == true {
        notes.push("again".to_owned());
    }
    if !group["muted_by"].is_null() {
        notes.push("muted".to_owned());
    }
    if !text(group, "assignee").is_empty() {
        notes.push(format!("with {}", visible(text(group, "assignee"))));
    }
    let agent = match text(group, "agent_id") {
        "" => "many agents".to_owned(),
        agent => visible(agent),
    };
    format!(
        "{}  {:<8}  {:>6} x  {}  {}  ({})\n    {}\n",
        text(group, "id"),
        text(group, "level"),
        group["count"],
        text(group, "last_seen"),
        agent,
        notes.join(", "),
        visible(text(group, "message")).replace('\n', "[U+000A]"),
    )
}

fn show(args: &One, out: Output) -> Result<u8> {
    let path = format!("/api/alert-groups/{}", encoded(&args.id));
    let detail = args.server.client()?.get(&path)?;
    out.print(&detail, || {
        let group = &detail["group"];
        let mut text_out = line(group);
        for (title, key) in [
            ("rule", "rule"),
            ("detector", "detector"),
            ("finding", "code"),
            ("fingerprint", "fingerprint"),
            ("first seen", "first_seen"),
        ] {
            if !text(group, key).is_empty() {
                let _ = writeln!(text_out, "    {title}: {}", text(group, key));
            }
        }
        let tags = group["tags"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        let tags: Vec<&str> = tags.iter().filter_map(Value::as_str).collect();
        if !tags.is_empty() {
            let _ = writeln!(text_out, "    tags: {}", tags.join(", "));
        }
        let notes = detail["notes"].as_array().into_iter().flatten();
        for note in notes {
            let _ = writeln!(
                text_out,
                "  {}  {} {} {}",
                text(note, "at"),
                visible(text(note, "by")),
                text(note, "what"),
                visible(text(note, "text")),
            );
        }
        text_out.push_str("  newest alerts\n");
        for alert in detail["alerts"].as_array().into_iter().flatten() {
            let _ = writeln!(
                text_out,
                "  {}  {:<8}  {}  {}",
                text(alert, "created_at"),
                text(alert, "level"),
                text(alert, "action_id"),
                visible(text(alert, "message")).replace('\n', "[U+000A]"),
            );
        }
        text_out
    });
    Ok(0)
}

fn state(args: &Change, state: &str, out: Output) -> Result<u8> {
    let mut body = json!({ "state": state });
    if let Some(comment) = &args.comment {
        body["comment"] = json!(comment);
    }
    change(&args.server, &args.id, body, out)
}

/// Changes a group as it stands now; what happens in between is not covered.
fn change(server: &ServerArgs, id: &str, mut body: Value, out: Output) -> Result<u8> {
    let client = server.client()?;
    let path = format!("/api/alert-groups/{}", encoded(id));
    let seen = client.get(&path)?;
    body["version"] = seen["group"]["version"].clone();
    body["seen_seq"] = seen["group"]["last_seq"].clone();
    let group = client.patch(&path, &body)?;
    out.print(&group, || line(&group));
    Ok(0)
}

fn mute(args: &Mute, out: Output) -> Result<u8> {
    let client = args.server.client()?;
    let mut body = json!({ "seconds": args.time, "reason": args.reason });
    if let Some(id) = &args.group {
        let seen = client.get(&format!("/api/alert-groups/{}", encoded(id)))?;
        body["fingerprint"] = seen["group"]["fingerprint"].clone();
    }
    for (name, value) in [
        ("agent_id", &args.agent),
        ("rule", &args.rule),
        ("detector", &args.detector),
    ] {
        if let Some(value) = value {
            body[name] = json!(value);
        }
    }
    ensure!(
        body.as_object().is_some_and(|fields| fields.len() > 2),
        "nothing to mute: name a group, `--agent`, `--rule` or `--detector`"
    );
    let mute = client.post("/api/mutes", &body)?;
    out.print(&mute, || {
        format!(
            "mute {} holds until {}",
            text(&mute, "id"),
            text(&mute, "expires_at")
        )
    });
    Ok(0)
}

fn mutes(args: &All, out: Output) -> Result<u8> {
    let mutes = args.server.client()?.get("/api/mutes?limit=1000")?;
    out.print(&mutes, || {
        let mut lines = String::new();
        for mute in mutes.as_array().into_iter().flatten() {
            let mut of = Vec::new();
            for key in ["fingerprint", "agent_id", "rule", "detector"] {
                if !text(mute, key).is_empty() {
                    of.push(format!("{key} {}", visible(text(mute, key))));
                }
            }
            let _ = writeln!(
                lines,
                "{}  {}  until {}  {}  by {}: {}",
                text(mute, "id"),
                if mute["live"] == true { "live" } else { "over" },
                text(mute, "expires_at"),
                of.join(", "),
                visible(text(mute, "by")),
                visible(text(mute, "reason")),
            );
        }
        if lines.is_empty() {
            lines.push_str("no mutes");
        }
        lines
    });
    Ok(0)
}

fn responses(args: &All, out: Output) -> Result<u8> {
    let responses = args.server.client()?.get("/api/responses")?;
    out.print(&responses, || {
        let mut lines = String::new();
        for response in responses.as_array().into_iter().flatten() {
            let _ = writeln!(
                lines,
                "{}  {}  {}  {}  {}: {}",
                text(response, "at"),
                text(response, "rule"),
                visible(text(response, "subject")),
                text(response, "action"),
                text(response, "result"),
                visible(text(response, "message")),
            );
        }
        if lines.is_empty() {
            lines.push_str("no responses");
        }
        lines
    });
    Ok(0)
}

fn rules(args: &Rules, out: Output) -> Result<u8> {
    let client = args.server.client()?;
    let mut rules = client.get("/api/response-rules")?;
    if let Some(file) = &args.set {
        let shown = file.display();
        let read = std::fs::read(file).with_context(|| format!("cannot read `{shown}`"))?;
        let mut given: Value =
            serde_json::from_slice(&read).with_context(|| format!("`{shown}` is not JSON"))?;
        ensure!(
            given.is_object(),
            "`{shown}` must be an object with `rules`"
        );
        if given["version"].is_null() {
            given["version"] = rules["version"].clone();
        }
        rules = client.put("/api/response-rules", &given)?;
    }
    out.print(&rules, || {
        serde_json::to_string_pretty(&rules).unwrap_or_default()
    });
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        assert_eq!(seconds("90s"), Ok(90));
        assert_eq!(seconds("30m"), Ok(1_800));
        assert_eq!(seconds("7d"), Ok(604_800));
        for wrong in ["", "d", "7", "7w", "-1d", "0h", "1.5h", "99999999d", "7ä"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
