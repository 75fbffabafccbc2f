//! What one worker gathers.

use std::collections::BTreeMap;
use std::sync::Arc;

use interlock_core::audit::recorded::Recorded;
use interlock_core::model::Effect;
use interlock_core::program::replay::{Missing, Redecided, Replayed};

use super::report::Sample;
use super::reviewers::Held;

/// Kinds of flips that are told apart: by rule, agent, tool and pair of effects.
pub(super) const FLIPS_MAX: usize = 1_000;
/// Things missing that are told apart.
pub(super) const MISSING_MAX: usize = 200;
/// Actions shown for each.
pub(super) const SAMPLES_MAX: usize = 5;

/// What tells flips apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FlipKey {
    pub(super) rule: Arc<str>,
    pub(super) agent: String,
    pub(super) tool: String,
    pub(super) from: Effect,
    pub(super) to: Effect,
}

/// A number of actions and the first of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Group {
    pub(super) count: u64,
    pub(super) samples: Vec<Sample>,
}

impl Group {
    fn add(&mut self, sample: impl FnOnce() -> Sample) {
        self.count += 1;
        if self.samples.len() < SAMPLES_MAX {
            self.samples.push(sample());
        }
    }

    fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.samples.extend(other.samples);
        self.samples.sort_by_key(|sample| sample.seq);
        self.samples.truncate(SAMPLES_MAX);
    }
}

/// Everything that is counted.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) same: u64,
    pub(super) stricter: u64,
    pub(super) milder: u64,
    pub(super) unknown: u64,
    pub(super) scores_as_recorded: u64,
    /// From, to; in the order of [`Effect::ALL`].
    pub(super) pairs: [[u64; 6]; 6],
    pub(super) flips: BTreeMap<FlipKey, Group>,
    /// Flips of further kinds.
    pub(super) further: u64,
    pub(super) missing: BTreeMap<Missing, Group>,
    pub(super) missing_further: u64,
    /// Actions that wait for a person and did not.
    pub(super) asks_more: u64,
    /// Actions that waited for a person and would not.
    pub(super) asks_less: u64,
    /// What ran by a person's approval and would be blocked.
    pub(super) approved_blocked: Group,
    /// What was blocked by policy and would run.
    pub(super) blocked_runs: Group,
    pub(super) held: Held,
}

impl Tally {
    /// Actions so far.
    pub(super) const fn actions(&self) -> u64 {
        self.same + self.stricter + self.milder + self.unknown
    }

    /// A record that cannot be read.
    pub(super) fn unreadable(&mut self, seq: u64, missing: &Missing) {
        self.unknown += 1;
        self.lacks(missing, || Sample {
            seq,
            ..Sample::default()
        });
    }

    fn lacks(&mut self, missing: &Missing, sample: impl FnOnce() -> Sample) {
        if let Some(group) = self.missing.get_mut(missing) {
            group.add(sample);
        } else if self.missing.len() < MISSING_MAX {
            self.missing.entry(missing.clone()).or_default().add(sample);
        } else {
            self.missing_further += 1;
        }
    }

    /// An action and what the draft makes of it.
    pub(super) fn add(&mut self, seq: u64, recorded: &Recorded, replayed: Replayed) {
        let again = match replayed {
            Replayed::Unknown(missing) => {
                self.unknown += 1;
                for one in &missing {
                    self.lacks(one, || sample(seq, recorded, None, ""));
                }
                return;
            }
            Replayed::Decided(again) => again,
        };
        self.scores_as_recorded += u64::from(again.scores_as_recorded);
        let (from, to) = (recorded.effect, again.effect);
        if from == Effect::RequireApproval {
            self.held.add(recorded, to, || {
                sample(seq, recorded, Some(to), &why(recorded, &again))
            });
        }
        if from == to {
            self.same += 1;
            return;
        }
        if let Some(slot) = self
            .pairs
            .get_mut(from as usize)
            .and_then(|row| row.get_mut(to as usize))
        {
            *slot += 1;
        }
        if to > from {
            self.stricter += 1;
        } else {
            self.milder += 1;
        }
        self.asks_more += u64::from(to == Effect::RequireApproval);
        self.asks_less += u64::from(from == Effect::RequireApproval);
        let rule = why(recorded, &again);
        let shown = || sample(seq, recorded, Some(to), &rule);
        let granted = !recorded.approval.is_empty() && recorded.approval != recorded.id;
        if to == Effect::Block && from.permits() && granted {
            self.approved_blocked.add(shown);
        }
        if from == Effect::Block && to.permits() {
            self.blocked_runs.add(shown);
        }
        let key = FlipKey {
            rule: Arc::clone(&rule),
            agent: recorded.action.agent_id.clone(),
            tool: recorded.action.tool.clone(),
            from,
            to,
        };
        if let Some(group) = self.flips.get_mut(&key) {
            group.add(shown);
        } else if self.flips.len() < FLIPS_MAX {
            self.flips.entry(key).or_default().add(shown);
        } else {
            self.further += 1;
        }
    }

    /// Takes in what another worker gathered.
    pub(super) fn merge(&mut self, other: Self) {
        self.same += other.same;
        self.stricter += other.stricter;
        self.milder += other.milder;
        self.unknown += other.unknown;
        self.scores_as_recorded += other.scores_as_recorded;
        for (row, more) in self.pairs.iter_mut().zip(other.pairs) {
            for (slot, n) in row.iter_mut().zip(more) {
                *slot += n;
            }
        }
        for (key, group) in other.flips {
            if self.flips.len() < FLIPS_MAX || self.flips.contains_key(&key) {
                self.flips.entry(key).or_default().merge(group);
            } else {
                self.further += group.count;
            }
        }
        self.further += other.further;
        for (key, group) in other.missing {
            if self.missing.len() < MISSING_MAX || self.missing.contains_key(&key) {
                self.missing.entry(key).or_default().merge(group);
            } else {
                self.missing_further += group.count;
            }
        }
        self.missing_further += other.missing_further;
        self.asks_more += other.asks_more;
        self.asks_less += other.asks_less;
        self.approved_blocked.merge(other.approved_blocked);
        self.blocked_runs.merge(other.blocked_runs);
        self.held.merge(other.held);
    }
}

/// The rule that makes the difference: what decides now, or where that is milder, what decided then
/// and no longer does.
fn why(recorded: &Recorded, again: &Redecided) -> Arc<str> {
    let default = || Arc::from(interlock_core::program::DEFAULT_ID);
    if again.effect >= recorded.effect {
        let fired_then = |id: &&Arc<str>| recorded.fired.iter().any(|f| f.decided && f.id == **id);
        return again
            .by
            .iter()
            .find(|id| !fired_then(id))
            .or_else(|| again.by.first())
            .cloned()
            .unwrap_or_else(default);
    }
    recorded
        .fired
        .iter()
        .filter(|fired| fired.decided)
        .find(|fired| !again.by.contains(&fired.id))
        .map_or_else(default, |fired| fired.id.clone())
}

fn sample(seq: u64, recorded: &Recorded, to: Option<Effect>, rule: &str) -> Sample {
    Sample {
        seq,
        id: recorded.id.clone(),
        at: recorded.at,
        run: recorded.action.run_id.clone(),
        agent: recorded.action.agent_id.clone(),
        action_type: recorded.action.action_type.name().to_owned(),
        tool: recorded.action.tool.clone(),
        resource: recorded.action.resource.clone(),
        from: recorded.effect,
        to,
        rule: rule.to_owned(),
    }
}
