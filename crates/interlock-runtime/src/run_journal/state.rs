//! What the records of a run say, taken together.

use std::collections::HashMap;

use super::RunError;
use super::line::Line;

/// What is known of a step that is about to be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// It did not happen.
    New {
        /// The approval that an earlier life asked for.
        approval: Option<String>,
    },
    /// It happened, and returned this (JSON); `None` when that could not be stored.
    Done(Option<String>),
    /// It raised an error, and the run went on.
    Failed(String),
    /// It began, and nobody knows whether it happened: the process ended, or the step raised an
    /// error and the run ended with it.
    InDoubt {
        /// The error, if there was one.
        error: Option<String>,
        /// The approval that an earlier life asked for.
        approval: Option<String>,
    },
}

#[derive(Debug, Clone)]
enum Outcome {
    NotRun,
    Begun,
    Done(Option<String>),
    Failed(String),
}

#[derive(Debug, Clone)]
struct Known {
    name: String,
    digest: String,
    approval: Option<String>,
    outcome: Outcome,
}

/// All steps of a run.
#[derive(Debug, Default)]
pub(super) struct Steps {
    pub(super) begun: bool,
    pub(super) finished: bool,
    /// Why the run stands still.
    pub(super) paused: Option<String>,
    known: HashMap<u32, Known>,
    last: u32,
}

impl Steps {
    /// Reads a file; also how many of its bytes were acknowledged.
    pub(super) fn read(run: &str, bytes: &[u8]) -> Result<(Self, usize), RunError> {
        let corrupt = |why: String| RunError::Corrupt {
            run: run.to_owned(),
            why,
        };
        let mut steps = Self::default();
        let mut kept = 0;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let Some(line) = line.strip_suffix(b"\n") else {
                // The last one, written in part.
                break;
            };
            let parsed =
                Line::parse(line).map_err(|why| corrupt(format!("at byte {kept}, {why}")))?;
            if let Line::Run { v, run: named } = &parsed {
                if *v != 1 {
                    return Err(corrupt(format!("it is of version {v}, this reads 1")));
                }
                if named != run {
                    return Err(corrupt(format!("it is of run `{named}`")));
                }
            } else if !steps.begun {
                return Err(corrupt("its first record is missing".to_owned()));
            }
            steps
                .take(parsed)
                .map_err(|why| corrupt(format!("at byte {kept}, {why}")))?;
            kept += line.len() + 1;
        }
        Ok((steps, kept))
    }

    /// Why a record cannot follow what is there.
    pub(super) fn refusal(&self, line: &Line) -> Option<String> {
        match line {
            Line::Run { .. } if self.begun => Some("the run begins twice".to_owned()),
            Line::Begin { step, .. } | Line::Asked { step, .. } => self
                .known
                .get(step)
                .is_some_and(|known| matches!(known.outcome, Outcome::Done(_)))
                .then(|| format!("step {step} begins after it was done")),
            Line::Done { step, .. } | Line::Failed { step, .. } | Line::NotRun { step, .. } => {
                (!self.known.contains_key(step)).then(|| format!("step {step} did not begin"))
            }
            _ => None,
        }
    }

    /// Takes a record in.
    pub(super) fn take(&mut self, line: Line) -> Result<(), String> {
        if let Some(refusal) = self.refusal(&line) {
            return Err(refusal);
        }
        match line {
            Line::Run { .. } => self.begun = true,
            Line::Asked {
                step,
                name,
                digest,
                approval,
            } => {
                let known = self.known.entry(step).or_insert(Known {
                    name,
                    digest,
                    approval: None,
                    outcome: Outcome::NotRun,
                });
                known.approval = Some(approval);
                self.last = self.last.max(step);
            }
            Line::Begin {
                step, name, digest, ..
            } => {
                self.known.insert(
                    step,
                    Known {
                        name,
                        digest,
                        // Used up by this attempt.
                        approval: None,
                        outcome: Outcome::Begun,
                    },
                );
                self.last = self.last.max(step);
            }
            Line::Done { step, result, .. } => self.settle(step, Outcome::Done(result)),
            Line::Failed { step, error } => self.settle(step, Outcome::Failed(error)),
            Line::NotRun { step, .. } => self.settle(step, Outcome::NotRun),
            Line::Diverged {
                step, was, name, ..
            } => {
                self.paused = Some(format!("step {step} was `{was}` and became `{name}`"));
            }
            Line::Released { .. } => self.paused = None,
            Line::End {} => self.finished = true,
        }
        Ok(())
    }

    fn settle(&mut self, step: u32, outcome: Outcome) {
        if let Some(known) = self.known.get_mut(&step) {
            known.outcome = outcome;
        }
    }

    /// What is known of a step; the name of the other step that stood at its place.
    pub(super) fn look(&self, step: u32, digest: &str) -> Result<Step, String> {
        let Some(known) = self.known.get(&step) else {
            return Ok(Step::New { approval: None });
        };
        let never_ran = matches!(known.outcome, Outcome::NotRun);
        if known.digest != digest {
            // What was only asked about may change: nothing of it happened.
            return if never_ran {
                Ok(Step::New { approval: None })
            } else {
                Err(known.name.clone())
            };
        }
        let approval = known.approval.clone();
        Ok(match &known.outcome {
            Outcome::NotRun => Step::New { approval },
            Outcome::Done(result) => Step::Done(result.clone()),
            Outcome::Failed(error) if step < self.last => Step::Failed(error.clone()),
            Outcome::Failed(error) => Step::InDoubt {
                error: Some(error.clone()),
                approval,
            },
            Outcome::Begun => Step::InDoubt {
                error: None,
                approval,
            },
        })
    }

    pub(super) fn is_in_doubt(&self, step: u32) -> bool {
        self.known
            .get(&step)
            .is_some_and(|known| match known.outcome {
                Outcome::Begun => true,
                Outcome::Failed(_) => step == self.last,
                Outcome::NotRun | Outcome::Done(_) => false,
            })
    }
}
