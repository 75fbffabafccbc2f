//! What differs between two runs, step by step.
//!
//! Steps belong together that did the same to the same thing (type, tool, resource), in an order
//! that pairs as many as there can be; between those, steps that did the same to another thing. What
//! was not kept cannot differ: an erased payload is no change of arguments.

mod align;

use std::hash::{BuildHasher as _, RandomState};

use interlock_store::{ActionFilter, ActionRow, Cursor, PAGE_ROWS_MAX, Store, StoreError};

use align::align;

/// Steps of a run that can be compared.
pub const STEPS_MAX: usize = 100_000;

/// What differs between two steps that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// What is acted on.
    Resource,
    /// The arguments, as far as they are shown.
    Arguments,
    /// What was decided.
    Decision,
    /// The composite risk.
    Risk,
    /// How it ended.
    Outcome,
    /// What it cost.
    Cost,
}

impl Difference {
    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Resource => "resource",
            Self::Arguments => "arguments",
            Self::Decision => "decision",
            Self::Risk => "risk",
            Self::Outcome => "outcome",
            Self::Cost => "cost",
        }
    }
}

/// A step, as little of it as comparing takes.
#[derive(Debug, Clone)]
struct Step {
    id: String,
    /// Of what it does, and of what it does to what.
    same: u64,
    like: u64,
    /// `None` when it is not kept.
    arguments: Option<u64>,
    resource: u64,
    effect: interlock_core::model::Effect,
    risk: u16,
    outcome: Option<String>,
    cost_nano_usd: i64,
    latency_ms: i64,
}

/// Steps are compared by hashes under a key of one comparison: with a known key somebody who writes
/// both payloads could make two that are taken for the same.
fn hash(key: &RandomState, parts: &[&str]) -> u64 {
    key.hash_one(parts)
}

impl Step {
    fn of(key: &RandomState, row: ActionRow) -> Self {
        let outcome = row.outcome.as_ref();
        Self {
            same: hash(key, &[&row.action_type, &row.tool, &row.resource]),
            like: hash(key, &[&row.action_type, &row.tool]),
            arguments: (!row.erased).then(|| hash(key, &[&row.payload])),
            resource: hash(key, &[&row.resource]),
            effect: row.effect,
            risk: row.risk,
            cost_nano_usd: outcome.and_then(|o| o.cost_nano_usd).unwrap_or(0),
            latency_ms: outcome.and_then(|o| o.latency_ms).unwrap_or(0),
            outcome: row.outcome.map(|o| o.status),
            id: row.id,
        }
    }

    fn differences(&self, other: &Self) -> Vec<Difference> {
        let arguments = self.arguments.zip(other.arguments);
        [
            (Difference::Resource, self.resource != other.resource),
            (
                Difference::Arguments,
                arguments.is_some_and(|(a, b)| a != b),
            ),
            (Difference::Decision, self.effect != other.effect),
            (Difference::Risk, self.risk != other.risk),
            (Difference::Outcome, self.outcome != other.outcome),
            (Difference::Cost, self.cost_nano_usd != other.cost_nano_usd),
        ]
        .into_iter()
        .filter_map(|(what, differs)| differs.then_some(what))
        .collect()
    }
}

/// One line of the comparison: a step of one run, of the other, or two that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The place in the first run, from 0, and the id of the action.
    pub a: Option<(usize, String)>,
    /// The same of the second run.
    pub b: Option<(usize, String)>,
    /// What differs, when both have it.
    pub differ: Vec<Difference>,
}

/// Sums over the steps of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sums {
    /// Steps.
    pub steps: usize,
    /// Steps blocked.
    pub blocked: usize,
    /// What they cost together, in billionths of a US dollar.
    pub cost_nano_usd: i64,
    /// How long they ran together, in milliseconds.
    pub latency_ms: i64,
}

fn sums(steps: &[Step]) -> Sums {
    let mut sums = Sums {
        steps: steps.len(),
        ..Sums::default()
    };
    for step in steps {
        sums.blocked += usize::from(step.effect == interlock_core::model::Effect::Block);
        sums.cost_nano_usd = sums.cost_nano_usd.saturating_add(step.cost_nano_usd);
        sums.latency_ms = sums.latency_ms.saturating_add(step.latency_ms);
    }
    sums
}

/// The comparison of two runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunDiff {
    /// The lines, those that are the same included.
    pub lines: Vec<Line>,
    /// Whether as many steps are paired as can be; runs with very little in common are paired more
    /// simply.
    pub exact: bool,
    /// Of the first run.
    pub a: Sums,
    /// Of the second.
    pub b: Sums,
}

/// Compares two runs of a tenant.
///
/// # Errors
/// [`StoreError::NotFound`] when there is no such run, [`StoreError::Invalid`] when one has more
/// than [`STEPS_MAX`] steps.
pub fn run_diff(store: &dyn Store, tenant: &str, a: &str, b: &str) -> Result<RunDiff, StoreError> {
    let key = RandomState::new();
    let (a, b) = (
        steps(&key, store, tenant, a)?,
        steps(&key, store, tenant, b)?,
    );
    Ok(compare(&a, &b))
}

/// The steps of a run, oldest first.
fn steps(
    key: &RandomState,
    store: &dyn Store,
    tenant: &str,
    run: &str,
) -> Result<Vec<Step>, StoreError> {
    let mut filter = ActionFilter {
        run_id: Some(run.to_owned()),
        ..ActionFilter::default()
    };
    let mut steps = Vec::new();
    loop {
        let rows = store.actions(tenant, &filter, PAGE_ROWS_MAX)?;
        let over = rows.len() < PAGE_ROWS_MAX;
        filter.before = rows.last().map(|last| Cursor(last.seq));
        steps.extend(rows.into_iter().map(|row| Step::of(key, row)));
        if steps.len() > STEPS_MAX {
            return Err(StoreError::Invalid {
                field: "run",
                problem: format!("has more than {STEPS_MAX} steps, which are not compared"),
            });
        }
        if over {
            break;
        }
    }
    if steps.is_empty() {
        return Err(StoreError::NotFound {
            what: "run",
            id: run.to_owned(),
        });
    }
    steps.reverse();
    Ok(steps)
}

fn keys(steps: &[Step], key: fn(&Step) -> u64) -> Vec<u64> {
    steps.iter().map(key).collect()
}

fn compare(a: &[Step], b: &[Step]) -> RunDiff {
    let (same, mut exact) = align(&keys(a, |s| s.same), &keys(b, |s| s.same));
    let mut lines = Vec::with_capacity(a.len().max(b.len()));
    let (mut i, mut j) = (0, 0);
    let ends = std::iter::once((a.len(), b.len()));
    for (next_i, next_j) in same.into_iter().chain(ends) {
        // Between two pairs: what did the same to another thing.
        let (some_a, some_b) = (&a[i..next_i], &b[j..next_j]);
        let (like, all) = align(&keys(some_a, |s| s.like), &keys(some_b, |s| s.like));
        exact &= all;
        let (mut x, mut y) = (0, 0);
        let ends = std::iter::once((some_a.len(), some_b.len()));
        for (next_x, next_y) in like.into_iter().chain(ends) {
            lines.extend((x..next_x).map(|x| line(a, b, Some(i + x), None)));
            lines.extend((y..next_y).map(|y| line(a, b, None, Some(j + y))));
            if next_x < some_a.len() {
                lines.push(line(a, b, Some(i + next_x), Some(j + next_y)));
            }
            (x, y) = (next_x + 1, next_y + 1);
        }
        if next_i < a.len() {
            lines.push(line(a, b, Some(next_i), Some(next_j)));
        }
        (i, j) = (next_i + 1, next_j + 1);
    }
    RunDiff {
        lines,
        exact,
        a: sums(a),
        b: sums(b),
    }
}

fn line(a: &[Step], b: &[Step], i: Option<usize>, j: Option<usize>) -> Line {
    let named = |steps: &[Step], place: Option<usize>| {
        let place = place?;
        Some((place, steps.get(place)?.id.clone()))
    };
    let both = i.and_then(|i| a.get(i)).zip(j.and_then(|j| b.get(j)));
    Line {
        a: named(a, i),
        b: named(b, j),
        differ: both.map_or_else(Vec::new, |(a, b)| a.differences(b)),
    }
}

#[cfg(test)]
mod tests {
    use interlock_core::model::Effect;

    use super::*;

    /// `tool resource arguments effect`, one a line.
    fn run(key: &RandomState, text: &str) -> Vec<Step> {
        text.lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .enumerate()
            .map(|(n, line)| {
                let words: Vec<&str> = line.split(' ').collect();
                let [tool, resource, arguments, effect] = words[..] else {
                    panic!("{line}");
                };
                Step {
                    id: n.to_string(),
                    same: hash(key, &["t", tool, resource]),
                    like: hash(key, &["t", tool]),
                    arguments: (arguments != "erased").then(|| hash(key, &[arguments])),
                    resource: hash(key, &[resource]),
                    effect: Effect::from_name(effect).unwrap(),
                    risk: 1,
                    outcome: None,
                    cost_nano_usd: 0,
                    latency_ms: 0,
                }
            })
            .collect()
    }

    fn shown(diff: &RunDiff) -> Vec<String> {
        let place = |side: &Option<(usize, String)>| {
            side.as_ref().map_or("-".to_owned(), |(n, _)| n.to_string())
        };
        diff.lines
            .iter()
            .map(|line| {
                let names: Vec<_> = line.differ.iter().map(|d| d.name()).collect();
                format!("{} {} {}", place(&line.a), place(&line.b), names.join(","))
            })
            .collect()
    }

    #[test]
    fn steps_are_paired_and_compared() {
        let key = &RandomState::new();
        let a = run(
            key,
            "
            read /a 1 allow
            read /b 1 allow
            query db 1 allow
            mail ana 1 allow
            read /z erased allow
        ",
        );
        let b = run(
            key,
            "
            read /a 1 allow
            query db 2 block
            mail bo 1 allow
            pay x 1 require_approval
            read /z 5 allow
        ",
        );
        let diff = compare(&a, &b);
        assert_eq!(
            shown(&diff),
            [
                "0 0 ",
                "1 - ",
                "2 1 arguments,decision",
                "3 2 resource",
                "- 3 ",
                "4 4 ",
            ]
        );
        assert!(diff.exact);
        assert_eq!((diff.a.steps, diff.b.blocked), (5, 1));
        let same = compare(&a, &a);
        assert!(same.lines.iter().all(|line| line.differ.is_empty()));
        assert_eq!(same.lines.len(), a.len());
    }

    #[test]
    fn a_run_against_nothing_of_it() {
        let key = &RandomState::new();
        let (a, b) = (run(key, "read /a 1 allow"), run(key, "pay x 1 block"));
        assert_eq!(shown(&compare(&a, &b)), ["0 - ", "- 0 "]);
        assert_eq!(shown(&compare(&[], &b)), ["- 0 "]);
        assert_eq!(compare(&[], &[]).lines, []);
    }

    /// What is equal under the key of one comparison says nothing of the next.
    #[test]
    fn every_comparison_has_a_key_of_its_own() {
        let (one, other) = (RandomState::new(), RandomState::new());
        assert_eq!(hash(&one, &["a", "b"]), hash(&one, &["a", "b"]));
        assert_ne!(hash(&one, &["a", "b"]), hash(&one, &["ab"]));
        assert_ne!(hash(&one, &["a", "b"]), hash(&other, &["a", "b"]));
    }
}
