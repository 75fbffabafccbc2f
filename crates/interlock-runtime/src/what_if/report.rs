//! What came of a replay.

use interlock_core::model::{Effect, UnixNanos};
use interlock_core::program::replay::MissingKind;

use super::reviewers::{Answers, Reviewers};
use super::tally::{Group, SAMPLES_MAX, Tally};

/// One action, to be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sample {
    /// Its place in the tenant's log.
    pub seq: u64,
    /// The decision's id.
    pub id: String,
    /// When it was decided.
    pub at: UnixNanos,
    /// The run.
    pub run: String,
    /// The agent.
    pub agent: String,
    /// What kind of action.
    pub action_type: String,
    /// The tool.
    pub tool: String,
    /// What it was about, as asked.
    pub resource: String,
    /// What was decided.
    pub from: Effect,
    /// What would be; `None` when that is not known.
    pub to: Option<Effect>,
    /// The rule that makes the difference.
    pub rule: String,
}

/// A number of actions and the first of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SampleGroup {
    /// How many.
    pub count: u64,
    /// The first.
    pub samples: Vec<Sample>,
}

/// Decisions that change alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flip {
    /// The rule that makes the difference: it decides now, or no longer does.
    pub rule: String,
    /// The agent.
    pub agent: String,
    /// The tool.
    pub tool: String,
    /// What was decided.
    pub from: Effect,
    /// What would be.
    pub to: Effect,
    /// How many, and the first of them.
    pub actions: SampleGroup,
}

/// Actions that could not be re-evaluated for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unevaluated {
    /// Why.
    pub kind: MissingKind,
    /// Which argument, rule, detector or fact.
    pub what: String,
    /// How many, and the first of them.
    pub actions: SampleGroup,
}

/// What is counted together because there were too many kinds of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Further {
    /// Flips.
    pub flips: u64,
    /// Actions that could not be re-evaluated.
    pub unevaluated: u64,
}

/// What came of a replay.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WhatIfReport {
    /// Recorded actions in the range.
    pub actions: u64,
    /// Those decided the same.
    pub same: u64,
    /// Those decided more strictly.
    pub stricter: u64,
    /// Those decided more mildly.
    pub milder: u64,
    /// Those that could not be re-evaluated.
    pub unknown: u64,
    /// Those of which a finding no longer counts while the scores are those with it.
    pub scores_as_recorded: u64,
    /// How often each effect became which other one.
    pub pairs: Vec<(Effect, Effect, u64)>,
    /// What flips, most first.
    pub flips: Vec<Flip>,
    /// What could not be re-evaluated, most first.
    pub unevaluated: Vec<Unevaluated>,
    /// What is not listed.
    pub further: Further,
    /// The work of people.
    pub reviewers: Reviewers,
    /// Blocked although a person had approved: likely false alarms.
    pub approved_blocked: SampleGroup,
    /// Running although a person had denied: likely misses.
    pub denied_runs: SampleGroup,
    /// Running although policy had blocked.
    pub blocked_runs: SampleGroup,
}

impl From<Group> for SampleGroup {
    fn from(group: Group) -> Self {
        Self {
            count: group.count,
            samples: group.samples,
        }
    }
}

impl WhatIfReport {
    /// Decisions that change.
    #[must_use]
    pub const fn flipped(&self) -> u64 {
        self.stricter + self.milder
    }
}

pub(super) fn report(tally: Tally, answers: &Answers) -> WhatIfReport {
    let reviewers = tally
        .held
        .reviewers(answers, tally.asks_more, tally.asks_less);
    let [(approved, approved_shown), (denied, denied_shown)] = tally.held.odds(answers);
    let actions = tally.actions();
    let mut approved_blocked = SampleGroup::from(tally.approved_blocked);
    approved_blocked.count += approved;
    approved_blocked.samples.extend(approved_shown);
    approved_blocked.samples.truncate(SAMPLES_MAX);
    let mut flips: Vec<Flip> = tally
        .flips
        .into_iter()
        .map(|(key, group)| Flip {
            rule: key.rule.to_string(),
            agent: key.agent,
            tool: key.tool,
            from: key.from,
            to: key.to,
            actions: group.into(),
        })
        .collect();
    flips.sort_by(|a, b| {
        let key = |f: &Flip| {
            (
                f.rule.clone(),
                f.agent.clone(),
                f.tool.clone(),
                f.from,
                f.to,
            )
        };
        (b.actions.count.cmp(&a.actions.count)).then_with(|| key(a).cmp(&key(b)))
    });
    let mut unevaluated: Vec<Unevaluated> = tally
        .missing
        .into_iter()
        .map(|(missing, group)| Unevaluated {
            kind: missing.kind,
            what: missing.what,
            actions: group.into(),
        })
        .collect();
    unevaluated.sort_by_key(|one| std::cmp::Reverse(one.actions.count));
    let pairs = Effect::ALL
        .into_iter()
        .zip(tally.pairs)
        .flat_map(|(from, row)| {
            Effect::ALL
                .into_iter()
                .zip(row)
                .map(move |(to, count)| (from, to, count))
        })
        .filter(|(.., count)| *count > 0)
        .collect();
    WhatIfReport {
        actions,
        same: tally.same,
        stricter: tally.stricter,
        milder: tally.milder,
        unknown: tally.unknown,
        scores_as_recorded: tally.scores_as_recorded,
        pairs,
        flips,
        unevaluated,
        further: Further {
            flips: tally.further,
            unevaluated: tally.missing_further,
        },
        reviewers,
        approved_blocked,
        denied_runs: SampleGroup {
            count: denied,
            samples: denied_shown,
        },
        blocked_runs: tally.blocked_runs.into(),
    }
}
