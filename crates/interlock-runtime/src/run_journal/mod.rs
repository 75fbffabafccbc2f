//! What an agent's run has done so far, step by step, so that a run that was cut off can go on
//! where it stopped.
//!
//! A step is written down twice: that it is about to happen, before it does, and what came of it,
//! before anybody is told. Both are synced. Whatever the moment of a crash, the file then says of
//! every step that it did not begin, that it is done and what it returned, or that it began and
//! nobody knows: the one case in which a retry may be wrong, and in which somebody has to answer.
//!
//! One file for each run, `runs/<hash of its name>.run`, append-only. A record is a line: the CRC-32C
//! of what follows it in eight hex digits, a space, and an object of JSON. A last line without its
//! line feed was never acknowledged and is dropped; any other line that does not read is an error,
//! because a run that is continued from a wrong place repeats effects.

mod error;
mod line;
mod state;

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use interlock_core::model::limits::ID_BYTES_MAX;
use interlock_store::journal::{Held, lock_file};
use sha2::{Digest as _, Sha256};

pub use error::RunError;
use line::Line;
pub use state::Step;
use state::Steps;

/// Steps of a run.
pub const RUN_STEPS_MAX: u32 = 100_000;
/// Bytes of the result of a step, as JSON.
pub const RUN_RESULT_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of the text of an error, and of the other texts of a record.
const TEXT_BYTES_MAX: usize = 4_096;
/// Bytes of a journal.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// The journal of one run, open in one process at a time.
#[derive(Debug)]
pub struct RunJournal {
    run: String,
    /// The process that opened it: a forked child has the file, but not the lock.
    process: u32,
    inner: Mutex<Inner>,
    _lock: Held,
}

#[derive(Debug)]
struct Inner {
    file: File,
    bytes: u64,
    steps: Steps,
    /// A write failed: what is on disk is not known, so nothing more is written.
    broken: bool,
}

/// The directory of the runs of a data directory.
fn directory(data: &Path) -> PathBuf {
    data.join("runs")
}

/// The path of a run's journal, without its extension.
fn stem(data: &Path, run: &str) -> PathBuf {
    let mut hash = Sha256::new();
    hash.update(b"interlock/run/1\0");
    hash.update(run);
    let digest: [u8; 32] = hash.finalize().into();
    let name = interlock_core::audit::hex(&digest);
    directory(data).join(name.get(..32).unwrap_or(&name))
}

fn checked_name(run: &str) -> Result<(), RunError> {
    if run.is_empty() || run.len() > ID_BYTES_MAX {
        return Err(RunError::Invalid(format!(
            "the name of a run has 1 to {ID_BYTES_MAX} bytes, this one {}",
            run.len()
        )));
    }
    Ok(())
}

impl RunJournal {
    /// Opens the journal of a run. Without `resume` the run must be new.
    ///
    /// # Errors
    /// When the run exists and is not to be resumed, is open already, is paused, or cannot be read.
    pub fn open(data: &Path, run: &str, resume: bool) -> Result<Self, RunError> {
        let journal = Self::open_any(data, run, resume)?;
        let paused = journal.inner()?.steps.paused.clone();
        match paused {
            Some(why) => Err(RunError::Paused {
                run: run.to_owned(),
                why,
            }),
            None => Ok(journal),
        }
    }

    fn open_any(data: &Path, run: &str, resume: bool) -> Result<Self, RunError> {
        checked_name(run)?;
        let io = |source| RunError::Io {
            run: run.to_owned(),
            source,
        };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory(data))
            .map_err(io)?;
        let stem = stem(data, run);
        let lock = lock_file(&stem.with_extension("lock")).map_err(|error| {
            if error.kind() == ErrorKind::WouldBlock {
                RunError::Open(run.to_owned())
            } else {
                io(error)
            }
        })?;
        let path = stem.with_extension("run");
        let exists = path.try_exists().map_err(io)?;
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path)
            .map_err(io)?;
        if file.metadata().map_err(io)?.len() > FILE_BYTES_MAX {
            return Err(RunError::Full {
                run: run.to_owned(),
                what: format!("{FILE_BYTES_MAX} bytes"),
            });
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(io)?;
        let (mut steps, kept) = Steps::read(run, &bytes)?;
        if kept < bytes.len() {
            // Written in part when the process ended; nobody was told of it.
            file.set_len(kept as u64).map_err(io)?;
            file.sync_data().map_err(io)?;
        }
        if !steps.begun {
            steps.begun = true;
            let line = Line::Run {
                v: 1,
                run: run.to_owned(),
            }
            .to_bytes();
            file.write_all(&line).map_err(io)?;
            file.sync_all().map_err(io)?;
            bytes = line;
        } else {
            bytes.truncate(kept);
            if !resume {
                return Err(RunError::Exists(run.to_owned()));
            }
        }
        if !exists {
            // The name of the file, too, must survive.
            File::open(directory(data))
                .and_then(|directory| directory.sync_all())
                .map_err(io)?;
        }
        Ok(Self {
            run: run.to_owned(),
            process: std::process::id(),
            inner: Mutex::new(Inner {
                file,
                bytes: bytes.len() as u64,
                steps,
                broken: false,
            }),
            _lock: lock,
        })
    }

    /// Ends the pause of a run: a person looked at why it stands still.
    ///
    /// # Errors
    /// When there is no such run, it is open, or the change cannot be written.
    pub fn release(data: &Path, run: &str, by: &str) -> Result<(), RunError> {
        let journal = Self::open_existing(data, run)?;
        journal.append(Line::Released { by: clipped(by) })
    }

    /// Answers for a step whose outcome is not known: it happened and returned `result` (JSON), or
    /// it did not happen.
    ///
    /// # Errors
    /// When the step is not in doubt, and as [`Self::release`].
    pub fn settle(
        data: &Path,
        run: &str,
        step: u32,
        happened: Option<&str>,
        by: &str,
    ) -> Result<(), RunError> {
        let journal = Self::open_existing(data, run)?;
        {
            let inner = journal.inner()?;
            if !inner.steps.is_in_doubt(step) {
                return Err(RunError::Invalid(format!(
                    "the outcome of step {step} of run `{run}` is not in doubt"
                )));
            }
        }
        let by = clipped(by);
        journal.append(match happened {
            Some(result) => Line::Done {
                step,
                result: Some(journal.checked_result(result)?),
                by: Some(by),
            },
            None => Line::NotRun { step, by },
        })
    }

    fn open_existing(data: &Path, run: &str) -> Result<Self, RunError> {
        checked_name(run)?;
        if !stem(data, run).with_extension("run").exists() {
            return Err(RunError::Unknown(run.to_owned()));
        }
        Self::open_any(data, run, true)
    }

    /// Removes a run with everything that it stored. It can then begin anew, and repeats its
    /// effects.
    ///
    /// # Errors
    /// When there is no such run, or it is open.
    pub fn forget(data: &Path, run: &str) -> Result<(), RunError> {
        let journal = Self::open_existing(data, run)?;
        let io = |source| RunError::Io {
            run: run.to_owned(),
            source,
        };
        fs::remove_file(stem(data, run).with_extension("run")).map_err(io)?;
        drop(journal);
        Ok(())
    }

    /// The name of the run.
    #[must_use]
    pub fn run(&self) -> &str {
        &self.run
    }

    /// Whether [`Self::finish`] was called, in this life or in an earlier one.
    ///
    /// # Errors
    /// In a forked child.
    pub fn is_finished(&self) -> Result<bool, RunError> {
        Ok(self.inner()?.steps.finished)
    }

    /// What is known of a step that is about to be taken: step numbers count from 1.
    ///
    /// # Errors
    /// [`RunError::Diverged`] when another step stood here before; that is written down, and the run
    /// is paused. Else when the run cannot go on.
    pub fn step(&self, step: u32, name: &str, digest: &str) -> Result<Step, RunError> {
        if step == 0 || step > RUN_STEPS_MAX {
            return Err(RunError::Full {
                run: self.run.clone(),
                what: format!("{RUN_STEPS_MAX} steps"),
            });
        }
        let before = {
            let inner = self.inner()?;
            match inner.steps.look(step, digest) {
                Ok(found) => return Ok(found),
                Err(before) => before,
            }
        };
        self.append(Line::Diverged {
            step,
            was: before.clone(),
            name: clipped(name),
            digest: clipped(digest),
        })?;
        Err(RunError::Diverged {
            run: self.run.clone(),
            step,
            was: before,
            now: name.to_owned(),
        })
    }

    /// Notes the approval that a step waits for, so that the next life waits for the same one.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn asked(
        &self,
        step: u32,
        name: &str,
        digest: &str,
        approval: &str,
    ) -> Result<(), RunError> {
        self.append(Line::Asked {
            step,
            name: clipped(name),
            digest: clipped(digest),
            approval: clipped(approval),
        })
    }

    /// Writes down that a step is about to happen, under the decision of that id. When this
    /// returns, it is on disk.
    ///
    /// # Errors
    /// When it cannot be written: the step must not run.
    pub fn begin(
        &self,
        step: u32,
        name: &str,
        digest: &str,
        decision: &str,
    ) -> Result<(), RunError> {
        self.append(Line::Begin {
            step,
            name: clipped(name),
            digest: clipped(digest),
            decision: clipped(decision),
        })
    }

    /// Writes down what a step returned, as JSON; `None` when it cannot be stored. When this
    /// returns, it is on disk.
    ///
    /// # Errors
    /// When it cannot be written: the outcome of the step is in doubt.
    pub fn done(&self, step: u32, result: Option<&str>) -> Result<(), RunError> {
        let result = match result {
            Some(result) => Some(self.checked_result(result)?),
            None => None,
        };
        self.append(Line::Done {
            step,
            result,
            by: None,
        })
    }

    /// Writes down that a step failed.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn failed(&self, step: u32, error: &str) -> Result<(), RunError> {
        self.append(Line::Failed {
            step,
            error: clipped(error),
        })
    }

    /// Writes down that all steps are done. The results are kept: a finished run that is resumed
    /// returns them and repeats nothing.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(&self) -> Result<(), RunError> {
        if self.is_finished()? {
            return Ok(());
        }
        self.append(Line::End {})
    }

    fn checked_result(&self, result: &str) -> Result<String, RunError> {
        if result.len() > RUN_RESULT_BYTES_MAX {
            return Err(RunError::Full {
                run: self.run.clone(),
                what: format!(
                    "{RUN_RESULT_BYTES_MAX} bytes for the result of a step, this one has {}",
                    result.len()
                ),
            });
        }
        match serde_json::from_str::<serde::de::IgnoredAny>(result) {
            Ok(_) => Ok(result.to_owned()),
            Err(error) => Err(RunError::Invalid(format!("a result is no JSON: {error}"))),
        }
    }

    fn inner(&self) -> Result<MutexGuard<'_, Inner>, RunError> {
        if self.process != std::process::id() {
            return Err(RunError::Forked(self.run.clone()));
        }
        Ok(self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Appends a record and syncs it.
    fn append(&self, line: Line) -> Result<(), RunError> {
        let io = |source| RunError::Io {
            run: self.run.clone(),
            source,
        };
        let bytes = line.to_bytes();
        let mut inner = self.inner()?;
        if inner.broken {
            return Err(io(io::Error::other("an earlier write failed")));
        }
        if let Some(refusal) = inner.steps.refusal(&line) {
            return Err(RunError::Invalid(format!("run `{}`: {refusal}", self.run)));
        }
        if inner.bytes + bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(RunError::Full {
                run: self.run.clone(),
                what: format!("{FILE_BYTES_MAX} bytes"),
            });
        }
        let written = inner
            .file
            .write_all(&bytes)
            .and_then(|()| inner.file.sync_data());
        if let Err(error) = written {
            inner.broken = true;
            return Err(io(error));
        }
        inner.bytes += bytes.len() as u64;
        inner.steps.take(line).map_err(|why| RunError::Corrupt {
            run: self.run.clone(),
            why,
        })
    }
}

/// A text cut to what a record holds.
fn clipped(text: &str) -> String {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
