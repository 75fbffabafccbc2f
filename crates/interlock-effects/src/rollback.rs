//! Undoing steps, newest first.

use std::collections::BTreeSet;
use std::path::Path;

use crate::error::{EffectError, Refusal, Result, at};
use crate::files::restore::{Replaced, Restore};
use crate::files::state::{Kind, Meta};
use crate::record::{Declared, Effect, Name, Pre, Record};
use crate::steps::{Step, StepInfo};
use crate::undo::{Open, Undo};

/// What to undo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rollback {
    /// How many steps, counted from the newest.
    pub last: usize,
    /// Only those of this agent.
    pub agent: Option<String>,
    /// Undoes a step although what it changed was changed since; what came since is lost.
    pub force: bool,
}

impl Rollback {
    /// The last `last` steps of whoever did them.
    #[must_use]
    pub fn last(last: usize) -> Self {
        Self {
            last,
            agent: None,
            force: false,
        }
    }
}

/// What became of a rollback.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The steps that are undone, in the order in which they were.
    pub undone: Vec<StepInfo>,
    /// Steps of which nothing, or not everything, can be undone. What can be, is.
    pub irreversible: Vec<StepInfo>,
    /// Why it ended early: older steps are as they were.
    pub stopped: Option<Stopped>,
}

/// The step at which a rollback ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// The step.
    pub step: StepInfo,
    /// Why it is not undone.
    pub why: Refusal,
}

/// Undoes effects that were declared.
pub trait Executor {
    /// Whether it could undo this effect now; changes nothing.
    ///
    /// # Errors
    /// Why not.
    fn check(&mut self, declared: &Declared) -> std::result::Result<(), String>;

    /// Undoes the effect, and looks whether it is undone.
    ///
    /// # Errors
    /// What failed.
    fn undo(&mut self, declared: &Declared) -> std::result::Result<(), String>;
}

/// Can undo files only.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoExecutor;

impl Executor for NoExecutor {
    fn check(&mut self, _: &Declared) -> std::result::Result<(), String> {
        Err("nothing here can do it".to_owned())
    }

    fn undo(&mut self, declared: &Declared) -> std::result::Result<(), String> {
        self.check(declared)
    }
}

/// Why a step ended: it is refused, or the system failed.
enum End {
    Refused(Refusal),
    Failed(EffectError),
}

impl From<EffectError> for End {
    fn from(error: EffectError) -> Self {
        Self::Failed(error)
    }
}

impl Undo {
    /// Undoes the last steps, newest first. A rollback that was cut off is completed before; its
    /// steps do not count.
    ///
    /// A step is checked as a whole before any of it is undone. The first that is refused ends the
    /// rollback. Whoever else uses this journal waits meanwhile, so that an executor must not.
    ///
    /// # Errors
    /// When the journal cannot be read or written. What was undone by then is on record, and the
    /// next call goes on there.
    pub fn rollback(&self, what: &Rollback, executor: &mut dyn Executor) -> Result<Report> {
        self.locked(|open| {
            let mut report = Report::default();
            // What stands still waits for somebody who asks; what a crash cut off does not.
            let cut_off: Vec<u64> = numbers(open, |step| {
                step.undoing && (what.last > 0 || !step.stopped)
            })
            .collect();
            let mut steps = cut_off.clone();
            let wanted = numbers(open, |step| {
                let agent = what.agent.as_ref();
                !step.undoing && agent.is_none_or(|agent| *agent == step.about.agent)
            });
            steps.extend(wanted.take(what.last));
            let chosen: BTreeSet<u64> = steps.iter().copied().collect();
            for number in steps {
                let Some(step) = open.steps.live.get(&number) else {
                    continue;
                };
                let info = step.info(number);
                match self.undo_step(open, number, &chosen, what.force, executor) {
                    Ok(()) if info.irreversible.is_empty() => report.undone.push(info),
                    Ok(()) => report.irreversible.push(info),
                    Err(End::Refused(why)) => {
                        report.stopped = Some(Stopped { step: info, why });
                        break;
                    }
                    Err(End::Failed(error)) => return Err(error),
                }
            }
            Ok(report)
        })
    }

    /// Completes a rollback that was cut off, if there is one.
    ///
    /// # Errors
    /// As [`Self::rollback`].
    pub fn resume(&self, executor: &mut dyn Executor) -> Result<Report> {
        self.rollback(&Rollback::last(0), executor)
    }

    fn undo_step(
        &self,
        open: &mut Open,
        number: u64,
        chosen: &BTreeSet<u64>,
        force: bool,
        executor: &mut dyn Executor,
    ) -> std::result::Result<(), End> {
        let Some(step) = open.steps.live.get(&number).cloned() else {
            return Ok(());
        };
        if !step.undoing {
            if !force {
                self.check(open, number, &step, chosen)?;
            }
            check_declared(&step, executor)?;
        }
        if !step.undoing || step.stopped {
            open.write(vec![Record::Undoing { step: number }])?;
        }
        for (at, effect) in step.effects.iter().enumerate().rev() {
            if step.undone.contains(&at) {
                continue;
            }
            let replaced = match effect {
                Effect::Declared(declared) => {
                    execute(open, number, at, declared, &step, executor)?;
                    None
                }
                _ => match straight(effect).and_then(|()| restore(open, number, at, effect)) {
                    Ok(replaced) => replaced,
                    Err(error) => {
                        // By the next start somebody may have put it right by hand.
                        open.write(vec![Record::Stopped { step: number }])?;
                        let path = effect.paths().last().map_or(Path::new(""), |name| name);
                        return Err(End::Refused(Refusal::Interrupted {
                            why: format!("`{}`: {error}", path.display()),
                        }));
                    }
                },
            };
            open.write(vec![Record::Undone {
                step: number,
                effect: at,
                replaced,
            }])?;
        }
        Ok(open.forget(&[number])?)
    }

    /// Whether everything that a step changed is as it left it.
    fn check(
        &self,
        open: &Open,
        number: u64,
        step: &Step,
        chosen: &BTreeSet<u64>,
    ) -> std::result::Result<(), End> {
        for (later, other) in open.steps.live.range(number + 1..) {
            if chosen.contains(later) {
                continue;
            }
            if let Some(path) = other.paths().find(|path| step.changes(path)) {
                return Err(End::Refused(Refusal::Later {
                    path: path.0.clone(),
                    step: *later,
                    agent: other.about.agent.clone(),
                }));
            }
        }
        for (path, post) in step.posts.iter().flatten() {
            let differs = post
                .differs(path, self.limits().file_bytes_max)
                .map_err(at("look at", path))?;
            if let Some(why) = differs {
                return Err(conflict(path, why));
            }
        }
        // Where nothing stood there must be nothing left, once the step's own entries are gone.
        for (at_effect, effect) in step.effects.iter().enumerate() {
            let Effect::Entry {
                path,
                pre: Pre::Absent,
                ..
            } = effect
            else {
                continue;
            };
            let Some(now_at) = moved(path, &step.effects[at_effect + 1..]) else {
                continue;
            };
            let now = Meta::read(now_at).map_err(at("look at", now_at))?;
            if now.is_none_or(|now| now.kind != Kind::Directory) {
                continue;
            }
            for child in std::fs::read_dir(&now_at.0).map_err(at("list", now_at))? {
                let child = child.map_err(at("list", now_at))?;
                let own = |dir: &Name| step.changes(&Name(dir.join(child.file_name())));
                if !own(path) && !own(now_at) {
                    let why = format!("`{}` was put into it", child.path().display());
                    return Err(conflict(now_at, why));
                }
            }
        }
        Ok(())
    }
}

/// Where what was made at `path` is after `later`; `None` when something else took its place.
fn moved<'a>(path: &'a Name, later: &'a [Effect]) -> Option<&'a Name> {
    let mut at = path;
    for effect in later {
        if let Effect::Rename { from, to, .. } = effect {
            if from == at {
                at = to;
            } else if to == at {
                return None;
            }
        }
    }
    Some(at)
}

fn conflict(path: &Name, why: String) -> End {
    End::Refused(Refusal::Conflict {
        path: path.0.clone(),
        why,
    })
}

/// The numbers of steps that `wanted` takes, newest first.
fn numbers<'a>(
    open: &'a Open,
    wanted: impl Fn(&Step) -> bool + 'a,
) -> impl Iterator<Item = u64> + 'a {
    let steps = open.steps.live.iter().rev();
    steps
        .filter(move |(_, step)| wanted(step))
        .map(|(number, _)| *number)
}

fn declared_refuses(declared: &Declared, why: String) -> End {
    End::Refused(Refusal::Declared {
        kind: declared.kind.clone(),
        why,
    })
}

fn check_declared(step: &Step, executor: &mut dyn Executor) -> std::result::Result<(), End> {
    // As they will be undone: an effect is looked at when those after it were.
    for (place, effect) in step.effects.iter().enumerate().rev() {
        if let Effect::Declared(declared) = effect
            && !step.undone.contains(&place)
        {
            executor
                .check(declared)
                .map_err(|why| declared_refuses(declared, why))?;
        }
    }
    Ok(())
}

fn execute(
    open: &mut Open,
    number: u64,
    at: usize,
    declared: &Declared,
    step: &Step,
    executor: &mut dyn Executor,
) -> std::result::Result<(), End> {
    if !declared.idempotent {
        if step.executing == Some(at) {
            return Err(declared_refuses(
                declared,
                "it began before and nobody knows whether it ended; a person must look".to_owned(),
            ));
        }
        open.write(vec![Record::Executing {
            step: number,
            effect: at,
        }])?;
    }
    executor.undo(declared).map_err(|why| {
        End::Refused(Refusal::Interrupted {
            why: format!("the undo of `{}` failed: {why}", declared.kind),
        })
    })
}

/// Whether the directories above what is put back are those that they were: a link in the place of one
/// leads to somebody else's files. Paths were taken without links.
fn straight(effect: &Effect) -> std::io::Result<()> {
    for path in effect.paths() {
        let above = path.0.parent().unwrap_or(&path.0);
        // What is not there is made again, or in nobody's way.
        if above.canonicalize().is_ok_and(|real| real != above) {
            return Err(std::io::Error::other(format!(
                "a directory above it is a link now, to `{}`",
                above.canonicalize().unwrap_or_default().display()
            )));
        }
    }
    Ok(())
}

fn restore(open: &Open, number: u64, at: usize, effect: &Effect) -> std::io::Result<Replaced> {
    let restore = Restore {
        blobs: &open.blobs,
        temporary: format!(".interlock-undo-{number}-{at}"),
        sync: open.sync,
    };
    match effect {
        Effect::Entry { path, pre, parent } => {
            let replaced = restore.entry(path, pre)?;
            parent.as_ref().map_or(Ok(()), Restore::parent)?;
            Ok(replaced)
        }
        Effect::Rename {
            from,
            to,
            moved,
            victim,
            parents,
        } => {
            let replaced = restore.rename(from, to, victim, |now| open.steps.same(*moved, now))?;
            for parent in parents {
                Restore::parent(parent)?;
            }
            Ok(replaced)
        }
        Effect::Declared(_) => Ok(None),
    }
}
