//! What can go wrong with the journal.

use interlock_core::audit::merkle::ProofError;
use std::io;
use std::sync::Arc;

/// Why an operation of the journal failed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// Another process writes this journal.
    #[error("journal is locked by another writer")]
    Locked,
    /// The bytes on disk are not what was written; nothing was changed.
    #[error("journal is corrupt at `{file}` offset {offset}: {reason}")]
    Corrupt {
        /// File inside the log directory.
        file: String,
        /// Offset of the first byte that does not hold.
        offset: u64,
        /// What does not hold.
        reason: &'static str,
    },
    /// The journal holds less than was signed; nothing was changed.
    #[error("log `{log}` was rolled back: {size} entries found, {signed} were signed")]
    RolledBack {
        /// Folder of the log.
        log: String,
        /// Entries found.
        size: u64,
        /// Entries in the newest signed checkpoint.
        signed: u64,
    },
    /// A checkpoint on disk is not by the key of its epoch; nothing was changed.
    #[error("checkpoint of log `{log}` does not verify")]
    Signature {
        /// Folder of the log.
        log: String,
    },
    /// An earlier write or sync failed, after which the disk cannot be trusted until it is reread.
    #[error("journal stopped after a write error: {0}")]
    Poisoned(Arc<str>),
    /// No space is left; the journal was closed in order and refuses to append.
    #[error("no space is left for the journal")]
    StorageFull,
    /// The queue, or this log's share of it, is full.
    #[error("queue of the journal is full at {0} entries")]
    QueueFull(usize),
    /// What waits in the queue, or this log's share of it, is too large.
    #[error("queue of the journal is full at {0} bytes")]
    QueueBytes(usize),
    /// The content of the entry cannot be kept, so that the entry must not be written either.
    #[error("content cannot be kept: {0}")]
    Content(Arc<str>),
    /// The journal was closed.
    #[error("journal is closed")]
    Closed,
    /// The body cannot be recorded.
    #[error("body refused: {0}")]
    Body(&'static str),
    /// No log of that tenant exists.
    #[error("tenant `{0}` has no log")]
    UnknownTenant(String),
    /// An index or size beyond the log.
    #[error("entry {index} lies beyond the log of {size} entries")]
    Range {
        /// The index or size asked for.
        index: u64,
        /// Entries in the log.
        size: u64,
    },
    /// A proof could not be made.
    #[error("proof: {0}")]
    Proof(#[from] ProofError),
    /// The private key of the journal is missing or does not fit the log.
    #[error("signing key: {0}")]
    Key(&'static str),
    /// The system refused an operation.
    #[error("{doing}: {source}")]
    Io {
        /// What was attempted.
        doing: &'static str,
        /// The system's error.
        source: Arc<io::Error>,
    },
}

impl JournalError {
    pub(super) fn io(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| {
            if source.kind() == io::ErrorKind::StorageFull {
                return Self::StorageFull;
            }
            let source = Arc::new(source);
            Self::Io { doing, source }
        }
    }

    pub(super) fn content(error: &crate::vault::VaultError) -> Self {
        Self::Content(error.to_string().into())
    }

    /// Exit code of a process that gives up because of this error: 3 corrupt, 2 rolled back, 4
    /// signature, 1 anything else.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Corrupt { .. } => 3,
            Self::RolledBack { .. } => 2,
            Self::Signature { .. } | Self::Key(_) => 4,
            _ => 1,
        }
    }
}
