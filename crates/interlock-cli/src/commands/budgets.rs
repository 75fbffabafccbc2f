//! `interlock budgets`

use std::fmt::Write as _;

use anyhow::Result;
use serde_json::{Value, json};

use super::ServerArgs;
use super::approvals::visible;
use super::search::encoded;
use crate::output::Output;

/// What tenants, API keys and agents may cost in a day or a month.
///
/// An action draws on every budget that is about it, before it runs; what does not fit is blocked, or
/// a trickle of it goes on. Setting and removing needs a key of role `admin`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  interlock budgets list
  interlock budgets set everything --scope tenant --period month --usd 300 --notify ops
  interlock budgets set each-key --scope key --usd 20
  interlock budgets set support --scope agent --of 'support-*' --calls 1000 --throttle 2
  interlock budgets remove support

Exit codes: 0 done, 1 the server cannot be reached or refuses")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the budgets and what is used of them.
    List(List),
    /// Set a budget, or new terms for the one of that name.
    Set(Set),
    /// Remove a budget.
    Remove(Remove),
}

#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
struct Set {
    /// Its name.
    id: String,
    /// Whom it is about: the tenant as a whole, or each key or agent by itself.
    #[arg(long, value_parser = ["tenant", "key", "agent"])]
    scope: String,
    /// Which keys, by id, or agents, by name; `*` stands for any characters.
    #[arg(long, value_name = "PATTERN")]
    of: Option<String>,
    /// What it renews with, UTC.
    #[arg(long, default_value = "day", value_parser = ["day", "month"])]
    period: String,
    /// The most that a period may cost, in US dollars.
    #[arg(
        long,
        value_name = "AMOUNT",
        required_unless_present = "calls",
        allow_hyphen_values = true
    )]
    usd: Option<String>,
    /// The most calls of a period.
    #[arg(long, value_name = "COUNT", allow_hyphen_values = true)]
    calls: Option<i64>,
    /// A percentage at which people are told; may be given more than once. 50, 80 and 100 when left
    /// out.
    #[arg(long = "threshold", value_name = "PERCENT")]
    thresholds: Vec<u8>,
    /// Past the limit so many calls a minute go on; all are blocked when left out.
    #[arg(long, value_name = "CALLS", allow_hyphen_values = true)]
    throttle: Option<i64>,
    /// A group of people that is told; may be given more than once.
    #[arg(long, value_name = "GROUP")]
    notify: Vec<String>,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
struct Remove {
    /// Its name.
    id: String,
    #[command(flatten)]
    server: ServerArgs,
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// Amounts are texts with nine digits after the point at most, so that their sum is exact.
fn nano(value: &Value) -> i64 {
    let text = value.as_str().unwrap_or_default();
    interlock_core::model::parse_nano(text).unwrap_or(0)
}

fn used(purse: &Value, budget: &Value) -> String {
    let mut line = String::new();
    if let Some(max) = budget["limit_usd"].as_str() {
        let (settled, reserved) = (&purse["settled"]["usd"], &purse["reserved"]["usd"]);
        let sum = nano(settled).saturating_add(nano(reserved));
        let _ = write!(line, "{} of {max} USD", interlock_core::state::dollars(sum));
        if nano(reserved) > 0 {
            let _ = write!(line, " ({} in flight)", text(&purse["reserved"], "usd"));
        }
    }
    if let Some(max) = budget["limit_calls"].as_i64() {
        let calls = |of: &str| purse[of]["calls"].as_i64().unwrap_or(0);
        let comma = if line.is_empty() { "" } else { ", " };
        let sum = calls("settled").saturating_add(calls("reserved"));
        let _ = write!(line, "{comma}{sum} of {max} calls");
    }
    line
}

fn lines(budget: &Value) -> String {
    let whom = match (text(budget, "scope"), text(budget, "of")) {
        ("tenant", _) => "all actions together".to_owned(),
        (scope, "*") => format!("each {scope}"),
        (scope, of) => format!("each {scope} `{}`", visible(of)),
    };
    let mut limits = Vec::new();
    if let Some(usd) = budget["limit_usd"].as_str() {
        limits.push(format!("{usd} USD"));
    }
    if let Some(calls) = budget["limit_calls"].as_i64() {
        limits.push(format!("{calls} calls"));
    }
    let then = match budget["calls_per_minute"].as_i64() {
        Some(calls) => format!("then {calls} calls a minute"),
        None => "then blocked".to_owned(),
    };
    let declared = if budget["declared"] == true {
        ", of the file"
    } else {
        ""
    };
    let mut lines = format!(
        "{}  {whom}: {} a {}, {then}{declared}\n",
        text(budget, "id"),
        limits.join(" and "),
        text(budget, "period"),
    );
    for purse in budget["purses"].as_array().into_iter().flatten() {
        let _ = writeln!(
            lines,
            "  {:>3} %  {}  {}, renews {}",
            purse["percent"],
            visible(text(purse, "subject")),
            used(purse, budget),
            text(purse, "renews_at"),
        );
    }
    lines
}

pub(crate) fn run(args: &Args, out: Output) -> Result<u8> {
    match &args.command {
        Command::List(args) => {
            let budgets = args.server.client()?.get("/api/budgets")?;
            out.print(&budgets, || {
                let mut all = String::new();
                for budget in budgets.as_array().into_iter().flatten() {
                    all.push_str(&lines(budget));
                }
                if all.is_empty() {
                    all.push_str("no budget is set: `interlock budgets set` sets one");
                }
                all
            });
        }
        Command::Set(args) => {
            let mut body = json!({
                "scope": args.scope, "period": args.period, "notify": args.notify,
                "at_limit": if args.throttle.is_some() { "throttle" } else { "block" },
            });
            let given = [
                ("of", args.of.as_ref().map(|of| json!(of))),
                ("limit_usd", args.usd.as_ref().map(|usd| json!(usd))),
                ("limit_calls", args.calls.map(|calls| json!(calls))),
                ("calls_per_minute", args.throttle.map(|calls| json!(calls))),
                (
                    "thresholds",
                    (!args.thresholds.is_empty()).then(|| json!(args.thresholds)),
                ),
            ];
            for (name, value) in given {
                if let Some(value) = value {
                    body[name] = value;
                }
            }
            let path = format!("/api/budgets/{}", encoded(&args.id));
            let budget = args.server.client()?.put(&path, &body)?;
            out.print(&budget, || lines(&budget));
        }
        Command::Remove(args) => {
            let path = format!("/api/budgets/{}", encoded(&args.id));
            let budget = args.server.client()?.delete(&path)?;
            out.print(&budget, || format!("removed {}", lines(&budget)));
        }
    }
    Ok(0)
}
