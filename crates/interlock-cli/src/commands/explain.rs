//! `interlock explain`

use std::fmt::Write as _;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use interlock_core::engine::{self, Request};
use interlock_core::facts::{FactGroup, FactId, FactRef, Facts};
use interlock_core::model::{FiredRule, Principal};
use interlock_core::risk::{self, RiskConfig};
use interlock_runtime::{Checked, Clock, DEFAULT_TENANT, ManualClock, SystemClock};
use interlock_server::api::check::CheckResponse;

use super::check::ActionArgs;
use crate::output::Output;

/// Items of a set that are shown.
const ITEMS_SHOWN_MAX: usize = 12;

/// Decide on one action and show where each point comes from.
///
/// As `interlock check`, with everything that led to the decision: the reasons, each term of the
/// risk, what the action does (the facts), what the detectors found, and the rules that fired.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  interlock explain action.json
  interlock explain --type database_write --sql 'DELETE FROM customers' --environment production
  interlock explain action.json --policy hipaa --at 2026-01-17T03:00:00Z

Exit codes: 0 explained, whatever was decided; 1 the action or the policy cannot be read")]
pub(crate) struct Args {
    #[command(flatten)]
    action: ActionArgs,
    /// The time to decide at, RFC 3339; now by default.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
}

/// What the decision does not carry.
#[derive(Default)]
struct Known {
    facts: Facts,
    risk: RiskConfig,
}

pub(crate) fn run(args: &Args, out: Output) -> Result<u8> {
    let clock: Arc<dyn Clock> = match &args.at {
        None => Arc::new(SystemClock::default()),
        Some(at) => {
            let at: jiff::Timestamp = at.parse().with_context(|| {
                format!("`--at {at}` is not a time such as 2026-01-17T03:00:00Z")
            })?;
            let at = i64::try_from(at.as_nanosecond()).context("`--at` is out of range")?;
            Arc::new(ManualClock::at(at))
        }
    };
    let mut known = Known::default();
    let checked = args.action.decide_with(clock, |runtime, action| {
        let Some(loaded) = runtime.bundle(DEFAULT_TENANT) else {
            return;
        };
        let program = &loaded.compiled.program;
        let principal = Principal::local();
        let request = Request {
            principal: &principal,
            action,
            now: runtime.now(),
            reservation: 0,
            profile: None,
            grant: None,
        };
        known.facts = engine::prepare(program, &request).facts;
        known.risk = program
            .environment(&known.facts.action.environment)
            .risk
            .clone();
    })?;
    let value = serde_json::to_value(CheckResponse::of(&checked))?;
    out.print(&value, || text(&checked, &known));
    Ok(0)
}

fn text(checked: &Checked, known: &Known) -> String {
    let decision = &checked.decision;
    let mut text = format!("{}\n", decision.effect);
    if decision.decided != decision.effect {
        let _ = writeln!(
            text,
            "  {} was decided; the enforcement point cannot do that",
            decision.decided
        );
    }
    for reason in &decision.reasons {
        let _ = writeln!(text, "  {}  [{}]", reason.message, reason.code);
    }
    let _ = write!(
        text,
        "\nrisk\n{}",
        indented(&risk::explain(&decision.risk, &known.risk))
    );
    let facts = facts(&known.facts);
    if !facts.is_empty() {
        let _ = write!(text, "\nfacts\n{facts}");
    }
    if !decision.findings.items().is_empty() {
        text.push_str("\nfindings\n");
    }
    for finding in decision.findings.items() {
        let place = if finding.path.is_empty() {
            "the whole action".to_owned()
        } else {
            format!(
                "{}, bytes {} to {}",
                finding.path, finding.span.start, finding.span.end
            )
        };
        let _ = writeln!(
            text,
            "  {} {}: {}, in {place}",
            finding.code.code, finding.confidence, finding.code.summary
        );
    }
    rules(&mut text, "rules", &decision.fired);
    rules(&mut text, "rules in shadow, not enforced", &decision.shadow);
    text
}

fn rules(text: &mut String, heading: &str, fired: &[FiredRule]) {
    if fired.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{heading}");
    for rule in fired {
        let decided = if rule.decided { "  decided" } else { "" };
        let errored = if rule.errored {
            "  (could not be evaluated)"
        } else {
            ""
        };
        let _ = writeln!(
            text,
            "  {} asks for {}{decided}{errored}",
            rule.id, rule.effect
        );
    }
}

fn indented(text: &str) -> String {
    text.lines().fold(String::new(), |mut out, line| {
        let _ = writeln!(out, "  {line}");
        out
    })
}

/// The facts that are not neutral, as policies name them.
fn facts(facts: &Facts) -> String {
    let mut out = String::new();
    for group in FactGroup::ALL {
        for (index, spec) in (0u8..).zip(group.specs()) {
            let value = match facts.get(FactId {
                group: *group,
                index,
            }) {
                Some(FactRef::Bool(true)) => "true".to_owned(),
                Some(FactRef::Long(n)) if n != 0 => n.to_string(),
                Some(FactRef::String(s)) if !s.is_empty() => s.to_owned(),
                Some(FactRef::Strings(items)) if !items.is_empty() => {
                    let mut list = items
                        .iter()
                        .take(ITEMS_SHOWN_MAX)
                        .cloned()
                        .collect::<Vec<_>>()
                        .join(", ");
                    if items.len() > ITEMS_SHOWN_MAX {
                        let _ = write!(list, " and {} more", items.len() - ITEMS_SHOWN_MAX);
                    }
                    list
                }
                _ => continue,
            };
            let name = match group.name() {
                "" => format!("facts.{}", spec.name),
                group => format!("facts.{group}.{}", spec.name),
            };
            let _ = writeln!(out, "  {name:<32} {value}");
        }
    }
    out
}
