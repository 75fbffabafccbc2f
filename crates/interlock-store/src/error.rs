//! What can go wrong with the store.

use interlock_core::approval::RequestError;
use thiserror::Error;

/// Why the store did not do what it was asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no such row in this tenant.
    #[error("{what} `{id}` was not found")]
    NotFound {
        /// What kind of row: `agent`, `policy`, ….
        what: &'static str,
        /// The id that was asked for.
        id: String,
    },
    /// A row with that id is there already.
    #[error("{what} `{id}` already exists")]
    Exists {
        /// What kind of row.
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// The row has changed since the caller read it.
    #[error("{what} `{id}` has changed: it is at version {found}, not {expected}")]
    Version {
        /// What kind of row.
        what: &'static str,
        /// Its id.
        id: String,
        /// The version that the caller expected.
        expected: u64,
        /// The version that is there.
        found: u64,
    },
    /// A field is outside its limits.
    #[error("`{field}` {problem}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// What is wrong with it, naming the limit.
        problem: String,
    },
    /// An approval cannot be asked for like that.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The database was written by a later version of the program.
    #[error("the database is at schema {found}, this program knows up to {known}; use a newer one")]
    NewerSchema {
        /// The schema that was found.
        found: i64,
        /// The latest one that this program knows.
        known: i64,
    },
    /// The file is a SQLite database of something else.
    #[error("`{0}` is not an Interlock database")]
    Foreign(String),
    /// A stored value does not have the form that this program writes.
    #[error("the stored {what} is damaged: {problem}")]
    Damaged {
        /// What was read.
        what: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(#[from] rusqlite::Error),
    /// A file could not be read or written.
    #[error("`{path}`: {source}")]
    Io {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system gave no random bytes.
    #[error("the system gave no random bytes: {0}")]
    Random(getrandom::Error),
}

impl StoreError {
    pub(crate) fn not_found(what: &'static str, id: &str) -> Self {
        Self::NotFound {
            what,
            id: id.to_owned(),
        }
    }

    pub(crate) fn exists(what: &'static str, id: &str) -> Self {
        Self::Exists {
            what,
            id: id.to_owned(),
        }
    }

    /// A field is outside its limits: what it must be.
    #[must_use]
    pub fn invalid(field: &'static str, problem: impl Into<String>) -> Self {
        Self::Invalid {
            field,
            problem: problem.into(),
        }
    }

    /// Something that was stored cannot be read back.
    #[must_use]
    pub fn damaged(what: &'static str, problem: impl ToString) -> Self {
        Self::Damaged {
            what,
            problem: problem.to_string(),
        }
    }

    /// Whether the row is not there, or not this tenant's.
    #[must_use]
    pub const fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }
}
