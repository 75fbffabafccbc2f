//! What a draft costs and saves people, and where it is at odds with what they decided.

use std::collections::HashMap;

use interlock_core::audit::recorded::Recorded;
use interlock_core::model::{Effect, UnixNanos, Value};

use super::report::Sample;
use super::tally::SAMPLES_MAX;

/// Approvals that are looked at; further ones are not, and the report says so.
const APPROVALS_MAX: usize = 1 << 17;
/// Actions that are shown once it is known what a person said.
const SHOWN_MAX: usize = 4_096;
/// Seconds that a person takes where nobody has decided anything yet.
pub const SECONDS_DEFAULT: u64 = 60;

/// The work of people under a draft.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reviewers {
    /// Actions that would wait for a person and did not.
    pub asks_more: u64,
    /// Actions that waited for a person and would not.
    pub asks_less: u64,
    /// The median of the seconds from a question to a person's answer.
    pub median_s: u64,
    /// From how many answers; of none, [`SECONDS_DEFAULT`] stands.
    pub measured: u64,
    /// Not all approvals were looked at: there are more than are kept in memory.
    pub cut: bool,
}

/// What people answered, by approval.
#[derive(Debug, Default)]
pub(super) struct Answers {
    by_id: HashMap<u128, (bool, UnixNanos)>,
    cut: bool,
}

/// The number of a UUID.
fn number(id: &str) -> Option<u128> {
    id.parse::<uuid::Uuid>().ok().map(|id| id.as_u128())
}

impl Answers {
    /// Takes in an entry that ends an approval; what no person ended is passed over.
    pub(super) fn note(&mut self, body: &[u8]) {
        let Ok(body) = Value::parse(body) else {
            return;
        };
        let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
        let approved = match text("state") {
            "approved" | "approved_edited" => true,
            "denied" => false,
            _ => return,
        };
        let at = text("ts")
            .parse::<jiff::Timestamp>()
            .ok()
            .and_then(|at| i64::try_from(at.as_nanosecond()).ok());
        if let (Some(id), Some(at), false) = (number(text("id")), at, text("approver").is_empty()) {
            if self.by_id.len() < APPROVALS_MAX {
                self.by_id.insert(id, (approved, at));
            } else {
                self.cut = true;
            }
        }
    }
}

/// Actions that waited for a person.
#[derive(Debug, Default)]
pub(super) struct Held {
    all: Vec<(u128, UnixNanos, Effect)>,
    shown: Vec<(u128, Sample)>,
    cut: bool,
}

impl Held {
    pub(super) fn add(&mut self, recorded: &Recorded, to: Effect, sample: impl FnOnce() -> Sample) {
        let Some(id) = number(&recorded.id) else {
            return;
        };
        if self.all.len() >= APPROVALS_MAX {
            self.cut = true;
            return;
        }
        self.all.push((id, recorded.at, to));
        if to != Effect::RequireApproval && self.shown.len() < SHOWN_MAX {
            self.shown.push((id, sample()));
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.all.extend(other.all);
        self.shown.extend(other.shown);
        self.cut |= other.cut;
    }

    /// What people said of what the draft decides otherwise: blocked although approved, running
    /// although denied; each with the first of them.
    pub(super) fn odds(&self, answers: &Answers) -> [(u64, Vec<Sample>); 2] {
        let at_odds = |id: &u128, to: Effect| {
            answers
                .by_id
                .get(id)
                .and_then(|(approved, _)| match (approved, to) {
                    (true, Effect::Block) => Some(0),
                    (false, to) if to.permits() => Some(1),
                    _ => None,
                })
        };
        let mut found: [(u64, Vec<Sample>); 2] = Default::default();
        for (id, _, to) in &self.all {
            if let Some((count, _)) = at_odds(id, *to).and_then(|at: usize| found.get_mut(at)) {
                *count += 1;
            }
        }
        for (id, sample) in &self.shown {
            let to = sample.to.unwrap_or_default();
            if let Some((_, samples)) = at_odds(id, to).and_then(|at: usize| found.get_mut(at))
                && samples.len() < SAMPLES_MAX
            {
                samples.push(sample.clone());
            }
        }
        found
    }

    pub(super) fn reviewers(&self, answers: &Answers, asks_more: u64, asks_less: u64) -> Reviewers {
        let mut seconds: Vec<u64> = self
            .all
            .iter()
            .filter_map(|(id, asked, _)| {
                let (_, answered) = answers.by_id.get(id)?;
                u64::try_from(answered.checked_sub(*asked)? / 1_000_000_000).ok()
            })
            .collect();
        seconds.sort_unstable();
        Reviewers {
            asks_more,
            asks_less,
            median_s: seconds
                .get(seconds.len() / 2)
                .copied()
                .unwrap_or(SECONDS_DEFAULT),
            measured: u64::try_from(seconds.len()).unwrap_or(u64::MAX),
            cut: self.cut || answers.cut,
        }
    }
}
