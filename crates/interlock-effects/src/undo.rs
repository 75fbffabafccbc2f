//! The undo journal of a data directory, shared by every process on it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use rustix::fs::{Mode, chmod};

use crate::error::{EffectError, Irreversible, Result, at};
use crate::files::blob::Blobs;
use crate::files::capture::Capture;
use crate::files::state::Fingerprint;
use crate::files::{FileOp, entry, followed, is_straight};
use crate::journal::Journal;
use crate::limits::Limits;
use crate::record::{About, Declared, Name, Record};
use crate::steps::{StepInfo, Steps};

/// Bytes of a declared effect.
const DECLARED_BYTES_MAX: usize = 1 << 20;
/// The journal is written anew when it is this much longer than what it says.
const SLACK_BYTES: u64 = 4 << 20;

/// Writes down how things are before they change, and puts them back. Cheap to clone; any number of
/// processes may have the same directory open, and a forked child goes on with it.
#[derive(Debug, Clone)]
pub struct Undo {
    shared: Arc<Shared>,
    limits: Limits,
}

#[derive(Debug)]
struct Shared {
    dir: PathBuf,
    sync: bool,
    seat: ArcSwap<Seat>,
}

/// What belongs to one process: a forked child makes its own.
#[derive(Debug)]
struct Seat {
    process: u32,
    open: Mutex<Option<Open>>,
}

/// The journal with what it says.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) journal: Journal,
    pub(crate) blobs: Blobs,
    pub(crate) steps: Steps,
    pub(crate) dir: PathBuf,
    pub(crate) sync: bool,
    /// Bytes of the journal when it was last made or written anew.
    base: u64,
}

/// The journals that this process has open: a second lock on the same file would not hold against
/// the first, and closing it would give the first up.
static OPEN: Mutex<Vec<(PathBuf, Weak<Shared>)>> = Mutex::new(Vec::new());

/// What became of an effect that was declared before it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// It did not happen.
    Nothing,
    /// It happened, and this undoes it.
    Undoable(Declared),
    /// It happened, and nothing undoes it: why.
    Irreversible(String),
}

fn fits(declared: &Declared) -> Result<()> {
    let bytes = declared.payload.to_string().len();
    if bytes > DECLARED_BYTES_MAX {
        return Err(Irreversible::TooLarge {
            path: PathBuf::from(&declared.kind),
            bytes: bytes as u64,
            max: DECLARED_BYTES_MAX as u64,
        }
        .into());
    }
    Ok(())
}

impl Undo {
    /// Opens the undo journal in `dir`, which is made. With `sync`, pre-image and record are on
    /// disk before an effect may happen; without, they survive the end of the process but not that
    /// of the machine.
    ///
    /// # Errors
    /// When the directory cannot be made or the journal cannot be read.
    pub fn open(dir: &Path, limits: Limits, sync: bool) -> Result<Self> {
        std::fs::create_dir_all(dir).map_err(at("make", dir))?;
        chmod(dir, Mode::RWXU).map_err(|e| at("protect", dir)(e.into()))?;
        let dir = dir.canonicalize().map_err(at("find", dir))?;
        let shared = {
            let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
            open.retain(|(_, shared)| shared.strong_count() > 0);
            let known = open.iter().find(|(path, _)| *path == dir);
            if let Some(shared) = known.and_then(|(_, shared)| shared.upgrade()) {
                shared
            } else {
                let shared = Arc::new(Shared {
                    dir: dir.clone(),
                    sync,
                    seat: ArcSwap::from_pointee(Seat::new()),
                });
                open.push((dir, Arc::downgrade(&shared)));
                shared
            }
        };
        let undo = Self { shared, limits };
        undo.locked(|_| Ok(()))?;
        Ok(undo)
    }

    /// Whether `op` could be undone if it were done now; keeps nothing.
    ///
    /// # Errors
    /// [`EffectError::Irreversible`] says why not.
    pub fn plan(&self, op: FileOp<'_>) -> Result<()> {
        let mut capture = Capture {
            limits: &self.limits,
            own: &self.shared.dir,
            blobs: None,
            prefix: String::new(),
            next: 0,
        };
        capture.effects(op).map(drop)
    }

    /// Begins a step and returns its number.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn begin(&self, about: &About) -> Result<u64> {
        self.locked(|open| {
            self.make_room(open, 0)?;
            let step = open.steps.next;
            open.write(vec![Record::Begin {
                step,
                about: about.clone(),
                at: now(),
            }])?;
            Ok(step)
        })
    }

    /// Keeps what `op` is about to change. When this returns, `op` may be done.
    ///
    /// # Errors
    /// When it cannot be kept: `op` must not be done then, or not be called reversible.
    pub fn before(&self, step: u64, op: FileOp<'_>) -> Result<()> {
        self.locked(|open| {
            let next = self.effects_of(open, step)?;
            let (path, named) = match op {
                FileOp::Write(path) | FileOp::Append(path) => (followed(path), false),
                FileOp::Delete(path) | FileOp::RemoveDirectory(path) => (entry(path), true),
                _ => (Ok(PathBuf::new()), false),
            };
            if let (Ok(path), Some(known)) = (path, open.steps.live.get(&step))
                && known.holds(&path, named).map_err(at("look at", &path))?
            {
                return Ok(());
            }
            let own = open.dir.clone();
            let mut capture = Capture {
                limits: &self.limits,
                own: &own,
                blobs: Some(&open.blobs),
                prefix: format!("{step}-{next}"),
                next: 0,
            };
            let effects = capture.effects(op)?;
            if effects.iter().any(|effect| effect.blob().is_some()) {
                open.blobs.settle().map_err(at("keep in", &open.dir))?;
            }
            let bytes = effects.iter().map(crate::record::Effect::bytes).sum();
            let records = effects
                .into_iter()
                .map(|effect| Record::Effect { step, effect });
            open.write(records.collect())?;
            self.make_room(open, bytes)
        })
    }

    /// Notes an effect that an [`Executor`](crate::Executor) can undo: before it happens, if what
    /// undoes it is known by then. Returns its place in the step.
    ///
    /// # Errors
    /// When it is too large or cannot be written.
    pub fn declare(&self, step: u64, declared: Declared) -> Result<usize> {
        fits(&declared)?;
        self.locked(|open| {
            let place = self.effects_of(open, step)?;
            let effect = crate::record::Effect::Declared(declared);
            open.write(vec![Record::Effect { step, effect }])?;
            Ok(place)
        })
    }

    /// Says what became of an effect that was declared before it happened, which takes its place.
    ///
    /// # Errors
    /// When what undoes it is too large or cannot be written: the effect stays as it was declared.
    pub fn settle(&self, step: u64, effect: usize, settled: Settled) -> Result<()> {
        if let Settled::Undoable(declared) = &settled {
            fits(declared)?;
        }
        self.locked(|open| {
            self.effects_of(open, step)?;
            // One write: the one never stands without the other.
            let known = match settled {
                Settled::Nothing => None,
                Settled::Undoable(declared) => Some(Record::Effect {
                    step,
                    effect: crate::record::Effect::Declared(declared),
                }),
                Settled::Irreversible(why) => Some(Record::Irreversible { step, why }),
            };
            let gone = Record::Undone {
                step,
                effect,
                replaced: None,
            };
            open.write(known.into_iter().chain([gone]).collect())
        })
    }

    /// Notes that the step has an effect that cannot be undone.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn irreversible(&self, step: u64, why: &str) -> Result<()> {
        let why = why.to_owned();
        self.locked(|open| {
            self.effects_of(open, step)?;
            open.write(vec![Record::Irreversible { step, why }])
        })
    }

    /// Ends a step: how it left things is what a rollback expects to find. Without this a rollback
    /// only sees conflicts with other steps. A step that has no effect is forgotten; one that is
    /// undone by now is none.
    ///
    /// # Errors
    /// When what it changed cannot be looked at, or the journal cannot be written.
    pub fn seal(&self, step: u64) -> Result<()> {
        self.locked(|open| {
            let Some(found) = open.steps.live.get(&step) else {
                return Ok(());
            };
            if found.undone.len() == found.effects.len() && found.irreversible.is_empty() {
                return open.write(vec![Record::Forget { step }]);
            }
            let posts: Result<Vec<(Name, Fingerprint)>> = found
                .paths()
                // What later steps found there is in their pre-images.
                .filter(|path| !open.steps.changed_after(step, path))
                // It led nowhere when the step tried it; what it leads to now is another name's.
                .filter(|path| is_straight(path))
                .map(|path| {
                    let post = Fingerprint::read(path, self.limits.file_bytes_max);
                    Ok((path.clone(), post.map_err(at("look at", path))?))
                })
                .collect();
            let posts = posts?;
            open.write(vec![Record::Seal { step, posts }])
        })
    }

    /// The steps that are kept, oldest first; only those of `agent` when one is given.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn steps(&self, agent: Option<&str>) -> Result<Vec<StepInfo>> {
        self.locked(|open| {
            let steps = open.steps.live.iter();
            Ok(steps
                .filter(|(_, step)| agent.is_none_or(|agent| step.about.agent == agent))
                .map(|(number, step)| step.info(*number))
                .collect())
        })
    }

    /// Forgets steps that began before `before`, nanoseconds since 1970, with what was kept for them.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn forget(&self, before: i64) -> Result<usize> {
        self.locked(|open| {
            let old: Vec<u64> = open
                .steps
                .live
                .iter()
                .filter(|(_, step)| step.at < before && !step.undoing)
                .map(|(number, _)| *number)
                .collect();
            open.forget(&old)?;
            Ok(old.len())
        })
    }

    /// Forgets one step, also one whose undo was cut off and cannot be completed: a person looked.
    ///
    /// # Errors
    /// When there is no such step, or the journal cannot be written.
    pub fn abandon(&self, step: u64) -> Result<()> {
        self.locked(|open| {
            if !open.steps.live.contains_key(&step) {
                return Err(EffectError::NoStep(step));
            }
            open.forget(&[step])
        })
    }

    /// The bounds that it was opened with.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    fn effects_of(&self, open: &Open, step: u64) -> Result<usize> {
        let found = open.steps.live.get(&step);
        let found = found.filter(|found| !found.undoing);
        let effects = found.ok_or(EffectError::NoStep(step))?.effects.len();
        if effects >= self.limits.step_effects_max {
            return Err(Irreversible::TooMany {
                path: PathBuf::from(format!("step {step}")),
                max: self.limits.step_effects_max,
            }
            .into());
        }
        Ok(effects)
    }

    /// Forgets the oldest steps until the limits hold with `bytes` just added.
    fn make_room(&self, open: &mut Open, bytes: u64) -> Result<()> {
        let mut old = Vec::new();
        let (mut total, mut count) = (open.steps.bytes, open.steps.live.len());
        let newest = open.steps.live.keys().next_back().copied();
        for (&number, step) in &open.steps.live {
            let full = total > self.limits.total_bytes_max || count > self.limits.steps_max;
            // The last one is what the bytes are for.
            if !full || step.undoing || (bytes > 0 && Some(number) == newest) {
                break;
            }
            total -= step.bytes;
            count -= 1;
            old.push(number);
        }
        open.forget(&old)
    }

    /// Runs `f` on the journal as it is now, alone among threads and processes.
    pub(crate) fn locked<T>(&self, f: impl FnOnce(&mut Open) -> Result<T>) -> Result<T> {
        let seat = self.seat();
        let mut open = seat.open.lock().unwrap_or_else(PoisonError::into_inner);
        let open = match &mut *open {
            Some(open) => open,
            empty => empty.insert(Open::new(&self.shared)?),
        };
        open.journal.lock()?;
        let done = open.refresh().and_then(|()| f(open));
        open.journal.unlock();
        done
    }

    fn seat(&self) -> Arc<Seat> {
        let seat = self.shared.seat.load_full();
        if seat.process == std::process::id() {
            return seat;
        }
        // The parent's may be locked by a thread that this process does not have.
        let _ = self
            .shared
            .seat
            .compare_and_swap(&seat, Arc::new(Seat::new()));
        std::mem::forget(seat);
        self.shared.seat.load_full()
    }
}

impl Seat {
    fn new() -> Self {
        Self {
            process: std::process::id(),
            open: Mutex::new(None),
        }
    }
}

impl Open {
    fn new(shared: &Shared) -> Result<Self> {
        let dir = shared.dir.clone();
        Ok(Self {
            journal: Journal::open(&dir, shared.sync)?,
            blobs: Blobs::open(dir.join("kept"), shared.sync).map_err(at("make", &dir))?,
            steps: Steps::default(),
            dir,
            sync: shared.sync,
            base: u64::MAX,
        })
    }

    fn refresh(&mut self) -> Result<()> {
        let (replaced, records) = self.journal.news()?;
        if replaced {
            self.steps = Steps::default();
        }
        for record in records {
            self.steps.apply(record);
        }
        self.steps.next = self.steps.next.max(1);
        if self.base == u64::MAX {
            self.sweep().map_err(at("tidy", &self.dir))?;
            self.base = self.journal.len();
        }
        if self.journal.len() > self.base.saturating_mul(2).saturating_add(SLACK_BYTES) {
            self.journal.replace(&self.steps.records())?;
            self.base = self.journal.len();
        }
        Ok(())
    }

    /// Removes contents that no step refers to: of effects that a crash kept from being recorded,
    /// and of forgotten steps.
    fn sweep(&self) -> io::Result<()> {
        let wanted: std::collections::HashSet<&str> = self
            .steps
            .live
            .values()
            .flat_map(|step| &step.effects)
            .filter_map(crate::record::Effect::blob)
            .collect();
        for name in self.blobs.names()? {
            if !wanted.contains(name.as_str()) {
                self.blobs.remove(&name)?;
            }
        }
        Ok(())
    }

    pub(crate) fn write(&mut self, records: Vec<Record>) -> Result<()> {
        self.journal.append(&records)?;
        for record in records {
            self.steps.apply(record);
        }
        Ok(())
    }

    /// Forgets steps, and then what was kept for them.
    pub(crate) fn forget(&mut self, steps: &[u64]) -> Result<()> {
        if steps.is_empty() {
            return Ok(());
        }
        let kept: Vec<String> = steps
            .iter()
            .filter_map(|step| self.steps.live.get(step))
            .flat_map(|step| &step.effects)
            .filter_map(|effect| effect.blob().map(str::to_owned))
            .collect();
        self.write(steps.iter().map(|&step| Record::Forget { step }).collect())?;
        for name in kept {
            // What stays here is swept at the next start.
            let _ = self.blobs.remove(&name);
        }
        Ok(())
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
    })
}
