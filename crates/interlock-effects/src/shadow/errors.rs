//! What an operation on a shadow tree ends in.

use std::io;
use std::path::PathBuf;

use rustix::io::Errno;

/// Why an operation was not done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShadowError {
    /// It fails, as it would without the shadow.
    #[error("{}", io::Error::from(*.0))]
    System(Errno),
    /// It cannot be held back, so that it is not done.
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// What cannot be held back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// Who writes there speaks to the kernel or to another process.
    #[error("`{}` is {what}, which a shadow tree cannot hold back", path.display())]
    Reaches {
        /// The path.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// It is kept from whoever works in the shadow.
    #[error("`{}` is out of reach of a shadow tree", path.display())]
    Forbidden {
        /// The path.
        path: PathBuf,
    },
    /// The shadow has as much as it may have.
    #[error("`{}` is one too many: a shadow tree has {max} {what} at most", path.display())]
    Full {
        /// What would be added.
        path: PathBuf,
        /// Of what there is too much.
        what: &'static str,
        /// The limit.
        max: u64,
    },
    /// The file system cannot hold a shadow.
    #[error("`{}` cannot hold a shadow tree, its file system has no {what}: {why}", path.display())]
    Unfit {
        /// The directory of the shadow.
        path: PathBuf,
        /// What it lacks.
        what: &'static str,
        /// What the system said.
        why: String,
    },
    /// The file changed while it was copied, every time.
    #[error("`{}` changes while it is copied", path.display())]
    Restless {
        /// The file.
        path: PathBuf,
    },
    /// The list of what the shadow is based on cannot be read.
    #[error("`{}` is damaged: {why}", path.display())]
    Damaged {
        /// The list.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

impl From<Errno> for ShadowError {
    fn from(error: Errno) -> Self {
        Self::System(error)
    }
}

impl From<io::Error> for ShadowError {
    fn from(error: io::Error) -> Self {
        Self::System(Errno::from_io_error(&error).unwrap_or(Errno::IO))
    }
}
