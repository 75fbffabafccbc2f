//! `interlock policy replay`

mod recorded;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use interlock_core::model::{Effect, Value};
use interlock_core::program::eval::EvalContext;
use interlock_core::program::rule::{Band, Rule, Select};
use interlock_core::program::{EvalInput, Evaluation, Program, SelectInput};
use interlock_core::state::{LimitKind, LimitReading, Readings};
use interlock_policy::Compiled;
use interlock_store::journal::{Journal, JournalOptions, Kind, Position};
use serde_json::json;

use self::recorded::Recorded;
use super::condition::{self, Known, Read};
use super::{BundleArgs, count};
use crate::output::Output;

pub(super) use self::recorded::instant;

/// Changes listed; further ones are counted.
const CHANGES_SHOWN_MAX: usize = 1_000;

/// Run a draft over recorded decisions.
///
/// Facts, findings, risk and readings are those of the record; only the rules are new. A record
/// holds no arguments, and counters only of the rules that were in force: a decision that turns on
/// something its record does not hold is reported as unknown.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  interlock policy replay draft.yaml --export decisions.jsonl
  interlock policy replay policies/ --data interlock-data --fail-on-change

`interlock audit export --out DIR` writes what --export reads. --data needs the directory to
itself: stop the server first.

Exit codes: 0 replayed, 1 it failed, or a decision changes or is unknown with --fail-on-change")]
pub(crate) struct Args {
    #[command(flatten)]
    bundle: BundleArgs,
    /// A data directory.
    #[arg(long, required_unless_present = "export", conflicts_with = "export")]
    data: Option<PathBuf>,
    /// A file with one recorded body a line; `-` is the standard input.
    #[arg(long, value_name = "FILE.jsonl")]
    export: Option<PathBuf>,
    /// Only the decisions of this tenant.
    #[arg(long)]
    tenant: Option<String>,
    /// Exit with 1 when a decision changes or is unknown.
    #[arg(long)]
    fail_on_change: bool,
}

/// What a draft makes of one decision.
enum Verdict {
    /// What it decides.
    Decided(Effect, Vec<String>),
    /// What it would have to know.
    Unknown(BTreeSet<String>),
}

/// A decision that changes.
struct Change {
    recorded: Recorded,
    to: Effect,
    reasons: Vec<String>,
}

#[derive(Default)]
struct Tally {
    decisions: usize,
    same: usize,
    stricter: usize,
    milder: usize,
    unknown: usize,
    missing: BTreeMap<String, usize>,
    changes: Vec<Change>,
}

pub(crate) fn run(args: &Args, out: Output) -> Result<u8> {
    let compiled = super::compiled(&args.bundle.bundle)?;
    let draft = Draft::new(&compiled)?;
    let mut tally = Tally::default();
    let mut one = |body: &[u8]| -> Result<()> {
        if let Some(recorded) = Recorded::read(body)?
            && args
                .tenant
                .as_deref()
                .is_none_or(|t| *recorded.principal.tenant == *t)
        {
            tally.add(draft.decide(&recorded), recorded);
        }
        Ok(())
    };
    if let Some(path) = &args.export {
        let reader: Box<dyn std::io::Read> = if path.as_os_str() == "-" {
            Box::new(std::io::stdin())
        } else {
            Box::new(
                std::fs::File::open(path)
                    .with_context(|| format!("cannot read `{}`", path.display()))?,
            )
        };
        for (number, line) in (1..).zip(BufReader::new(reader).split(b'\n')) {
            let line = line.with_context(|| format!("cannot read `{}`", path.display()))?;
            if !line.trim_ascii().is_empty() {
                one(&line).with_context(|| format!("line {number} of `{}`", path.display()))?;
            }
        }
    } else if let Some(data) = &args.data {
        if !data.join("log").is_dir() {
            bail!(
                "`{}` is not a data directory: it has no `log`",
                data.display()
            );
        }
        let (journal, _) = Journal::open(data, JournalOptions::default())?;
        let mut failed = Ok(());
        journal.for_each(Position::default(), &mut |_, entry| {
            if entry.kind == Kind::Decision {
                failed = one(&entry.body).with_context(|| format!("entry {}", entry.seq));
            }
            if failed.is_ok() {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        journal.close()?;
        failed?;
    }
    out.print(&tally.json(), || tally.text(&compiled));
    Ok(u8::from(
        args.fail_on_change && tally.same < tally.decisions,
    ))
}

impl Tally {
    fn add(&mut self, verdict: Verdict, recorded: Recorded) {
        self.decisions += 1;
        match verdict {
            Verdict::Unknown(missing) => {
                self.unknown += 1;
                for what in missing {
                    *self.missing.entry(what).or_default() += 1;
                }
            }
            Verdict::Decided(to, _) if to == recorded.decided => self.same += 1,
            Verdict::Decided(to, reasons) => {
                if to > recorded.decided {
                    self.stricter += 1;
                } else {
                    self.milder += 1;
                }
                if self.changes.len() < CHANGES_SHOWN_MAX {
                    self.changes.push(Change {
                        recorded,
                        to,
                        reasons,
                    });
                }
            }
        }
    }

    fn json(&self) -> serde_json::Value {
        json!({
            "decisions": self.decisions,
            "same": self.same,
            "stricter": self.stricter,
            "milder": self.milder,
            "unknown": self.unknown,
            "missing": self.missing,
            "changes": self.changes.iter().map(|c| json!({
                "id": c.recorded.id,
                "ts": c.recorded.ts,
                "agent_id": c.recorded.action.agent_id,
                "action_type": c.recorded.action.action_type.name(),
                "resource": c.recorded.action.resource,
                "from": c.recorded.decided.name(),
                "to": c.to.name(),
                "reasons": c.reasons,
            })).collect::<Vec<_>>(),
        })
    }

    fn text(&self, compiled: &Compiled) -> String {
        let mut text = String::new();
        for change in &self.changes {
            let action = &change.recorded.action;
            let _ = writeln!(
                text,
                "{}  {}  {} {} {}\n  {} -> {}: {}",
                change.recorded.id,
                change.recorded.ts,
                action.agent_id,
                action.action_type.name(),
                action.resource,
                change.recorded.decided,
                change.to,
                change
                    .reasons
                    .first()
                    .map_or("no rule decides", String::as_str),
            );
        }
        let more = (self.stricter + self.milder).saturating_sub(self.changes.len());
        if more > 0 {
            let _ = writeln!(text, "and {}", count(more, "further change"));
        }
        let _ = writeln!(
            text,
            "{} under `{}`: {} the same, {} stricter, {} milder, {} unknown",
            count(self.decisions, "decision"),
            compiled.program.name(),
            self.same,
            self.stricter,
            self.milder,
            self.unknown
        );
        for (what, times) in &self.missing {
            let _ = writeln!(
                text,
                "  unknown {}: the record does not hold {what}",
                count(*times, "time")
            );
        }
        text
    }
}

/// The draft, and the same rules without their conditions, which say what a rule looks at.
struct Draft<'a> {
    compiled: &'a Compiled,
    /// What each rule selects.
    selects: Program,
    /// What each rule selects when names of resources and environments are not recorded.
    may_select: Program,
}

impl<'a> Draft<'a> {
    fn new(compiled: &'a Compiled) -> Result<Self> {
        let bare = |named: bool| {
            let mut parts = compiled.program.parts().clone();
            for rule in &mut parts.rules {
                rule.when = None;
                rule.require = None;
                if !named {
                    rule.select = Select {
                        resources: Vec::new(),
                        environments: Vec::new(),
                        ..std::mem::take(&mut rule.select)
                    };
                }
            }
            Program::new(parts).map_err(|e| anyhow::anyhow!("{e}"))
        };
        Ok(Self {
            compiled,
            selects: bare(true)?,
            may_select: bare(false)?,
        })
    }

    fn decide(&self, recorded: &Recorded) -> Verdict {
        let mut missing: BTreeSet<String> = recorded.unknown.clone();
        let (readings, charged, unread) = self.limits(recorded);
        let profile = self.compiled.profile(&recorded.action.agent_id);
        if recorded.profile_fired && profile.is_none() {
            missing.insert("the profile of the agent".to_owned());
        }
        let lacks = |read: &Read| recorded.lacks(read);
        let cx = EvalContext {
            action: &recorded.action,
            facts: &recorded.facts,
            risk: &recorded.risk,
            findings: &recorded.findings,
            state: &recorded.readings.state,
        };
        let program = &self.compiled.program;
        let environment = program.environment(&recorded.facts.action.environment);
        let bare = if recorded.named {
            &self.selects
        } else {
            &self.may_select
        };
        let evaluate =
            |program: &Program, readings: &Readings, charged: &[(u32, usize)]| -> Evaluation {
                program.evaluate(&EvalInput {
                    action: &recorded.action,
                    principal: &recorded.principal,
                    facts: &recorded.facts,
                    risk: &recorded.risk,
                    findings: &recorded.findings,
                    readings,
                    charged,
                    profile,
                    grant: recorded.grant.as_ref(),
                    now: recorded.now,
                    environment,
                    failed: recorded.failed,
                })
            };
        let selected = evaluate(bare, &recorded.readings, &[]);
        let selected: BTreeSet<&str> = selected.fired.iter().map(|f| &*f.id).collect();
        for (number, rule) in (0u32..).zip(program.rules()) {
            if selected.contains(&*rule.id) {
                missing.extend(self.missing(number, rule, recorded, &cx, &lacks, &unread));
            }
        }
        for band in environment.bands.as_ref().unwrap_or(&program.parts().bands) {
            missing.extend(missing_of_band(band, &cx, &lacks));
        }
        if !missing.is_empty() {
            return Verdict::Unknown(missing);
        }
        let evaluation = evaluate(program, &readings, &charged);
        let reasons = evaluation.reasons.into_iter().map(|r| r.message).collect();
        Verdict::Decided(evaluation.decided, reasons)
    }

    /// What is missing to decide a rule that selects the action, or may select it.
    fn missing(
        &self,
        number: u32,
        rule: &Rule,
        recorded: &Recorded,
        cx: &EvalContext<'_>,
        lacks: &dyn Fn(&Read) -> bool,
        unread: &BTreeSet<u32>,
    ) -> BTreeSet<String> {
        let mut missing = BTreeSet::new();
        match rule
            .when
            .as_ref()
            .map_or(Known::Fires, |when| condition::known(when, cx, lacks))
        {
            Known::Silent => return missing,
            Known::Fires => {}
            Known::Unknown(reads) => missing.extend(reads.iter().map(|r| format!("`{r}`"))),
        }
        let by_name = !rule.select.resources.is_empty() || !rule.select.environments.is_empty();
        if by_name && !recorded.named {
            missing.insert("the names of resources".to_owned());
        }
        for constraint in rule.require.iter().flat_map(|r| &r.arguments) {
            missing.insert(format!("`args.{}`", constraint.path.join(".")));
        }
        if unread.contains(&number) {
            missing.insert(format!("the counters of `{}`", rule.id));
        }
        missing
    }

    /// The recorded answers to the draft's limits, and the rules with a limit that has none.
    fn limits(&self, recorded: &Recorded) -> (Readings, Vec<(u32, usize)>, BTreeSet<u32>) {
        let program = &self.compiled.program;
        let mut charges = Vec::new();
        program.charges(
            &SelectInput {
                action: &recorded.action,
                principal: &recorded.principal,
                facts: &recorded.facts,
                now: recorded.now,
            },
            &mut charges,
        );
        let mut readings = Readings {
            state: recorded.readings.state.clone(),
            ledger: recorded.readings.ledger.clone(),
            limits: Vec::new(),
        };
        let mut charged = Vec::new();
        let mut unread: BTreeSet<u32> = (0u32..)
            .zip(program.rules())
            .filter(|(_, rule)| {
                // A counter per argument cannot be told apart without the argument.
                !rule.shadow
                    && rule
                        .require
                        .iter()
                        .flat_map(|r| &r.limits)
                        .any(|l| l.per.is_some())
            })
            .map(|(number, _)| number)
            .collect();
        for (rule, charge) in charges {
            let read = recorded
                .readings
                .limits
                .iter()
                .find(|l| l.key == charge.key);
            let Some(read) = read else {
                unread.insert(rule);
                continue;
            };
            let same_maximum = recorded
                .charged
                .iter()
                .any(|c| c.key == charge.key && c.max == charge.max);
            let exceeded = match charge.kind {
                LimitKind::PrecededBy => read.exceeded,
                _ => read.used > charge.max || (same_maximum && read.exceeded),
            };
            charged.push((rule, readings.limits.len()));
            readings.limits.push(LimitReading { exceeded, ..*read });
        }
        (readings, charged, unread)
    }
}

fn missing_of_band(
    band: &Band,
    cx: &EvalContext<'_>,
    lacks: &dyn Fn(&Read) -> bool,
) -> BTreeSet<String> {
    match &band.when {
        Some(when) if cx.risk.composite >= band.from => match condition::known(when, cx, lacks) {
            Known::Unknown(reads) => reads.iter().map(|r| format!("`{r}`")).collect(),
            _ => BTreeSet::new(),
        },
        _ => BTreeSet::new(),
    }
}

/// The value of a member that must be there.
fn member<'a>(body: &'a Value, key: &str) -> Result<&'a Value> {
    body.get(key)
        .with_context(|| format!("the record has no `{key}`"))
}
