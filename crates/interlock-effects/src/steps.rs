//! The steps that can be undone, as a fold over the journal.

use std::collections::{BTreeMap, BTreeSet};

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::files::state::{FileId, Fingerprint, Kind, Meta};
use crate::record::{About, Effect, Kept, Name, Pre, Record, VERSION};

/// A step, as others see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepInfo {
    /// Its number; later steps have higher ones.
    pub step: u64,
    /// Who did it, and under which decision.
    pub about: About,
    /// When it began, nanoseconds since 1970.
    pub at: i64,
    /// The paths that it changed.
    pub paths: Vec<std::path::PathBuf>,
    /// Kinds of its declared effects that are not undone.
    pub declared: Vec<String>,
    /// Why parts of it cannot be undone.
    pub irreversible: Vec<String>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Step {
    pub(crate) about: About,
    pub(crate) at: i64,
    pub(crate) effects: Vec<Effect>,
    pub(crate) irreversible: Vec<String>,
    /// The last effect on each path.
    pub(crate) last: BTreeMap<Name, usize>,
    /// How it left things.
    pub(crate) posts: Option<Vec<(Name, Fingerprint)>>,
    /// Whether its undo has begun.
    pub(crate) undoing: bool,
    /// Whether its undo stands still, which no restart continues by itself.
    pub(crate) stopped: bool,
    pub(crate) undone: BTreeSet<usize>,
    /// The declared effect whose undo has begun and must not begin twice.
    pub(crate) executing: Option<usize>,
    /// Inodes that came back as others while it was undone.
    pub(crate) replaced: Vec<(FileId, FileId)>,
    pub(crate) bytes: u64,
}

impl Step {
    /// The paths that it changes, each once.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Name> {
        self.last.keys()
    }

    /// Whether it changes `path`.
    pub(crate) fn changes(&self, path: &Name) -> bool {
        self.last.contains_key(path)
    }

    /// Whether undoing it puts this back already: the object at `path` is the one that was kept
    /// when the step last touched it. `named` when the name goes away.
    pub(crate) fn holds(&self, path: &Path, named: bool) -> std::io::Result<bool> {
        let last = self.last.get(&Name(path.to_owned()));
        let Some(Effect::Entry {
            pre: Pre::Present { meta, kept },
            parent,
            ..
        }) = last.and_then(|at| self.effects.get(*at))
        else {
            return Ok(false);
        };
        let enough = match kept {
            // A copy would come back as another inode than the one that loses its name.
            Kept::Copied(_) => !named,
            Kept::Linked(_) | Kept::Target(_) => named,
            Kept::Nothing => named && meta.kind == Kind::Directory && parent.is_some(),
            Kept::Prefix => false,
        };
        Ok(enough && Meta::read(path)?.is_some_and(|now| now.id == meta.id))
    }

    pub(crate) fn info(&self, step: u64) -> StepInfo {
        StepInfo {
            step,
            about: self.about.clone(),
            at: self.at,
            paths: self.paths().map(|name| name.0.clone()).collect(),
            declared: self
                .effects
                .iter()
                .enumerate()
                .filter_map(|(place, effect)| match effect {
                    Effect::Declared(declared) if !self.undone.contains(&place) => {
                        Some(declared.kind.clone())
                    }
                    _ => None,
                })
                .collect(),
            irreversible: self.irreversible.clone(),
        }
    }
}

/// What the journal says in all.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    pub(crate) live: BTreeMap<u64, Step>,
    pub(crate) next: u64,
    pub(crate) bytes: u64,
    /// Inodes that came back as others: what later steps called the first is the second now.
    pub(crate) replaced: BTreeMap<FileId, FileId>,
}

impl Steps {
    pub(crate) fn apply(&mut self, record: Record) {
        match record {
            Record::Journal { next, .. } => self.next = self.next.max(next),
            Record::Begin { step, about, at } => {
                self.next = self.next.max(step + 1);
                self.live.entry(step).or_insert(Step {
                    about,
                    at,
                    ..Step::default()
                });
            }
            Record::Effect { step, effect } => {
                if let Some(found) = self.live.get_mut(&step) {
                    let bytes = effect.bytes();
                    found.bytes += bytes;
                    self.bytes += bytes;
                    for path in effect.paths() {
                        found.last.insert(path.clone(), found.effects.len());
                    }
                    found.effects.push(effect);
                    // What happened after a seal is not in it.
                    found.posts = None;
                }
            }
            Record::Irreversible { step, why } => {
                if let Some(found) = self.live.get_mut(&step) {
                    found.irreversible.push(why);
                }
            }
            Record::Seal { step, posts } => {
                if let Some(found) = self.live.get_mut(&step) {
                    found.posts = Some(posts);
                }
            }
            Record::Undoing { step } => {
                if let Some(found) = self.live.get_mut(&step) {
                    found.undoing = true;
                    found.stopped = false;
                }
            }
            Record::Stopped { step } => {
                if let Some(found) = self.live.get_mut(&step) {
                    found.stopped = true;
                }
            }
            Record::Executing { step, effect } => {
                if let Some(found) = self.live.get_mut(&step) {
                    found.executing = Some(effect);
                }
            }
            Record::Undone {
                step,
                effect,
                replaced,
            } => {
                if let Some(found) = self.live.get_mut(&step) {
                    found.undone.insert(effect);
                    found.executing = None;
                    found.replaced.extend(replaced);
                }
                if let Some((was, is)) = replaced {
                    self.replaced.insert(was, is);
                }
            }
            Record::Forget { step } => {
                if let Some(gone) = self.live.remove(&step) {
                    self.bytes -= gone.bytes;
                }
                if self.live.is_empty() {
                    self.replaced.clear();
                }
            }
        }
    }

    /// Whether a step after `step` may have changed `path`: by its name, by another name of the same
    /// file, or by moving or removing what it is in.
    pub(crate) fn changed_after(&self, step: u64, path: &Name) -> bool {
        let mut later = self.live.range(step + 1..).peekable();
        if later.peek().is_none() {
            return false;
        }
        let shared = |found: std::fs::Metadata| found.is_file() && found.nlink() > 1;
        if path.symlink_metadata().is_ok_and(shared) {
            return true;
        }
        later.any(|(_, later)| {
            let mut above = path.ancestors();
            above.any(|above| later.last.contains_key(above))
        })
    }

    /// Whether `id`, as a step knew it, is the object that is `now`.
    pub(crate) fn same(&self, id: FileId, now: FileId) -> bool {
        let mut id = id;
        // An object may have come back more than once; a cycle would be a reused number.
        for _ in 0..self.replaced.len() {
            if id == now {
                return true;
            }
            match self.replaced.get(&id) {
                Some(next) => id = *next,
                None => return false,
            }
        }
        id == now
    }

    /// The shortest journal that says the same.
    pub(crate) fn records(&self) -> Vec<Record> {
        let mut all = vec![Record::Journal {
            version: VERSION,
            next: self.next,
        }];
        for (&step, found) in &self.live {
            all.push(Record::Begin {
                step,
                about: found.about.clone(),
                at: found.at,
            });
            all.extend(found.effects.iter().map(|effect| Record::Effect {
                step,
                effect: effect.clone(),
            }));
            all.extend(found.irreversible.iter().map(|why| Record::Irreversible {
                step,
                why: why.clone(),
            }));
            all.extend(found.posts.iter().map(|posts| Record::Seal {
                step,
                posts: posts.clone(),
            }));
            if found.undoing {
                all.push(Record::Undoing { step });
            }
            let mut replaced = found.replaced.iter().copied();
            all.extend(found.undone.iter().map(|&effect| Record::Undone {
                step,
                effect,
                replaced: replaced.next(),
            }));
            all.extend(
                found
                    .executing
                    .map(|effect| Record::Executing { step, effect }),
            );
            if found.stopped {
                all.push(Record::Stopped { step });
            }
        }
        all
    }
}
