//! `interlock policy explain`

use std::fmt::Write as _;

use anyhow::{Result, bail};
use interlock_core::model::Layer;
use interlock_core::program::glob::Glob;
use interlock_core::program::rule::{ArgCheck, Rule};
use serde_json::json;

use super::{BundleArgs, condition};
use crate::output::Output;

/// Show what a rule looks at, asks for and needs.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  interlock policy explain policies/ no-unbounded-delete
  interlock policy explain hipaa hipaa.minimum-necessary

Exit codes: 0 shown, 1 there is no such rule, or the bundle does not load")]
pub(crate) struct Args {
    #[command(flatten)]
    bundle: BundleArgs,
    /// The rule's id.
    rule: String,
}

pub(crate) fn run(args: &Args, out: Output) -> Result<u8> {
    let compiled = super::compiled(&args.bundle.bundle)?;
    let rules = compiled.program.rules();
    let Some(rule) = rules.iter().find(|r| *r.id == *args.rule) else {
        let known: Vec<&str> = rules.iter().map(|r| &*r.id).collect();
        bail!(
            "there is no rule `{}`; the bundle has {}",
            args.rule,
            if known.is_empty() {
                "none".to_owned()
            } else {
                format!("`{}`", known.join("`, `"))
            }
        );
    };
    let when = rule.when.as_ref().map(condition::text);
    let tests: Vec<&str> = compiled
        .tests
        .iter()
        .filter(|t| t.expect.fires.contains(&args.rule) || t.expect.silent.contains(&args.rule))
        .map(|t| t.name.as_str())
        .collect();
    let value = json!({
        "id": &*rule.id,
        "description": &*rule.description,
        "origin": &*rule.origin,
        "cites": rule.cites.iter().map(|c| &**c).collect::<Vec<_>>(),
        "layer": layer(rule.layer),
        "priority": rule.priority,
        "mandatory": rule.mandatory,
        "overridable": rule.overridable,
        "shadow": rule.shadow,
        "select": {
            "action": patterns(&rule.select.actions),
            "tool": patterns(&rule.select.tools),
            "resource": patterns(&rule.select.resources),
            "environment": patterns(&rule.select.environments),
            "agent": patterns(&rule.select.agents),
        },
        "when": &when,
        "require": requirements(rule),
        "effect": rule.effect.name(),
        "notify": rule.notify.iter().map(|n| &**n).collect::<Vec<_>>(),
        "needs": condition::needs(rule),
        "tests": tests,
    });
    out.print(&value, || text(rule, when.as_deref(), &tests));
    Ok(0)
}

const fn layer(layer: Layer) -> &'static str {
    match layer {
        Layer::Organisation => "organisation",
        Layer::Team => "team",
        Layer::Agent => "agent",
    }
}

fn patterns(globs: &[Glob]) -> Vec<&str> {
    globs.iter().map(Glob::pattern).collect()
}

/// Billionths as a decimal.
fn nano(n: i64) -> String {
    let (sign, n) = (if n < 0 { "-" } else { "" }, n.unsigned_abs());
    let fraction = format!("{:09}", n % 1_000_000_000);
    let fraction = fraction.trim_end_matches('0');
    let dot = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{}{dot}{fraction}", n / 1_000_000_000)
}

/// The constraints; the rule fires when one is violated.
fn requirements(rule: &Rule) -> Vec<String> {
    let Some(require) = &rule.require else {
        return Vec::new();
    };
    let values = |values: &[interlock_core::model::Value]| {
        let list: Vec<String> = values
            .iter()
            .map(interlock_core::model::Value::to_json)
            .collect();
        format!("[{}]", list.join(", "))
    };
    let mut out = Vec::new();
    for constraint in &require.arguments {
        let check = match &constraint.check {
            ArgCheck::Max(n) => format!("at most {}", nano(*n)),
            ArgCheck::Min(n) => format!("at least {}", nano(*n)),
            ArgCheck::In(list) => format!("one of {}", values(list)),
            ArgCheck::NotIn(list) => format!("none of {}", values(list)),
            ArgCheck::Like(globs) => format!("like {}", patterns(globs).join(" or ")),
            ArgCheck::MaxLength(n) => format!("no longer than {n}"),
            ArgCheck::Present => "present".to_owned(),
            ArgCheck::Absent => "absent".to_owned(),
        };
        out.push(format!("args.{} is {check}", constraint.path.join(".")));
    }
    for limit in &require.limits {
        let per = limit.per.as_ref().map_or_else(String::new, |path| {
            format!(" for each args.{}", path.join("."))
        });
        let window = limit.window_ms;
        let kind = limit.kind.name();
        out.push(match &limit.tool {
            Some(tool) => format!("`{tool}` was called in the {window} ms before{per}"),
            None => format!("{kind} at most {} in {window} ms{per}", limit.max),
        });
    }
    out
}

fn text(rule: &Rule, when: Option<&str>, tests: &[&str]) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(text, "{name:<12} {value}");
        }
    };
    line("rule", &rule.id);
    line("description", &rule.description);
    line("stands at", &rule.origin);
    for cite in &rule.cites {
        line("serves", cite);
    }
    let mut place = format!("{}, priority {}", layer(rule.layer), rule.priority);
    for (set, word) in [
        (rule.mandatory, "mandatory"),
        (rule.overridable, "overridable"),
        (rule.shadow, "shadow: recorded, never enforced"),
    ] {
        if set {
            place.push_str(", ");
            place.push_str(word);
        }
    }
    line("layer", &place);
    let selects = [
        ("action", &rule.select.actions),
        ("tool", &rule.select.tools),
        ("resource", &rule.select.resources),
        ("environment", &rule.select.environments),
        ("agent", &rule.select.agents),
    ];
    let mut all = true;
    for (name, globs) in selects {
        if !globs.is_empty() {
            all = false;
            line(
                "selects",
                &format!("{name} {}", patterns(globs).join(" or ")),
            );
        }
    }
    if all {
        line("selects", "every action");
    }
    if let Some(schedule) = &rule.schedule {
        const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let days: Vec<&str> = (0..7)
            .filter(|d| schedule.days & (1 << d) != 0)
            .filter_map(|d| DAYS.get(d).copied())
            .collect();
        let hours = schedule.minutes.map_or_else(String::new, |(from, to)| {
            format!(
                " {:02}:{:02}-{:02}:{:02}",
                from / 60,
                from % 60,
                to / 60,
                to % 60
            )
        });
        let zone = schedule.zone.iana_name().unwrap_or("UTC");
        line("applies", &format!("{}{hours} {zone}", days.join(", ")));
    }
    if let Some(expires) = rule.expires {
        line("expires", &super::replay::instant(expires));
    }
    line("when", when.unwrap_or(""));
    for requirement in requirements(rule) {
        line("unless", &requirement);
    }
    line("effect", rule.effect.name());
    if let Some(approvers) = &rule.approvers {
        line(
            "asks",
            &format!("{} of `{}`", approvers.quorum, approvers.group),
        );
    }
    line("tells", &rule.notify.join(", "));
    for need in condition::needs(rule) {
        line("needs", &need);
    }
    for test in tests {
        line("tested by", test);
    }
    text
}
