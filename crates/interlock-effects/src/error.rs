//! What goes wrong, and why something cannot be undone.

use std::io;
use std::path::{Path, PathBuf};

/// The undo journal or a pre-image cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EffectError {
    /// The system refused.
    #[error("cannot {what} `{}`: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The journal holds bytes that nobody wrote.
    #[error("the undo journal `{}` is damaged at byte {at}: {why}", path.display())]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// Where.
        at: u64,
        /// What is wrong.
        why: String,
    },
    /// There is no such step, or it was undone or forgotten.
    #[error("step {0} is not in the undo journal")]
    NoStep(u64),
    /// What is about to happen cannot be undone.
    #[error(transparent)]
    Irreversible(#[from] Irreversible),
}

/// Why an effect cannot be undone; known before it happens.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Irreversible {
    /// Its pre-image would be larger than is kept.
    #[error("`{}` has {bytes} bytes, {max} are kept of a file that is written in place", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The limit.
        max: u64,
    },
    /// A tree has more entries than are kept.
    #[error("`{}` has more than {max} entries", path.display())]
    TooMany {
        /// The directory.
        path: PathBuf,
        /// The limit.
        max: usize,
    },
    /// Writing to it is not writing to a file.
    #[error("`{}` is {what}: what is written to it is gone", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// It has other names that a copy would not have.
    #[error("`{}` has other names (hard links), and its file system is not that of the undo journal", path.display())]
    HardLinks {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be read, so that there is nothing to put back.
    #[error("`{}` cannot be kept: {why}", path.display())]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// The undo journal cannot keep itself.
    #[error("`{}` belongs to the undo journal", path.display())]
    OwnJournal {
        /// The path.
        path: PathBuf,
    },
}

/// Why a step was not undone. Nothing of a refused step was touched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// What it changed was changed again by something that is not in the journal.
    #[error("`{}` was changed since: {why}", path.display())]
    Conflict {
        /// What was changed.
        path: PathBuf,
        /// How it differs.
        why: String,
    },
    /// A later step, which is not to be undone, changed the same.
    #[error("`{}` was changed later by step {step} of `{agent}`, which is not undone", path.display())]
    Later {
        /// What was changed.
        path: PathBuf,
        /// The later step.
        step: u64,
        /// Whose it is.
        agent: String,
    },
    /// What would undo a declared effect says no, or is not there.
    #[error("the undo of `{kind}` refuses: {why}")]
    Declared {
        /// The kind of the effect.
        kind: String,
        /// Why.
        why: String,
    },
    /// It failed half way; the next rollback goes on where this one stopped.
    #[error("stopped half way, the next rollback goes on here: {why}")]
    Interrupted {
        /// What failed.
        why: String,
    },
}

pub(crate) type Result<T> = std::result::Result<T, EffectError>;

/// Says what was tried on which path.
pub(crate) fn at(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> EffectError + use<> {
    let path = path.to_owned();
    move |source| EffectError::Io { what, path, source }
}
