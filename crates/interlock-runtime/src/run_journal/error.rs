//! Why a run cannot go on.

use std::io;

use thiserror::Error;

/// Why a run cannot go on. Every variant means that the step must not run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// It exists, and was not to be resumed.
    #[error("run `{0}` exists; resume it, or give the new run a name of its own")]
    Exists(String),
    /// There is no such run.
    #[error("there is no run `{0}`")]
    Unknown(String),
    /// It is open, here or in another process.
    #[error("run `{0}` is open already, in this process or in another one")]
    Open(String),
    /// It waits for a person.
    #[error("run `{run}` is paused: {why}")]
    Paused {
        /// The run.
        run: String,
        /// What happened.
        why: String,
    },
    /// A step is not the one that stood at its place before.
    #[error("step {step} of run `{run}` was `{was}` and is now `{now}`, or has other arguments")]
    Diverged {
        /// The run.
        run: String,
        /// The step.
        step: u32,
        /// What it was.
        was: String,
        /// What it is.
        now: String,
    },
    /// A limit is reached.
    #[error("run `{run}` has reached its limit of {what}")]
    Full {
        /// The run.
        run: String,
        /// The limit.
        what: String,
    },
    /// The journal does not read.
    #[error("the journal of run `{run}` cannot be trusted: {why}")]
    Corrupt {
        /// The run.
        run: String,
        /// What is wrong.
        why: String,
    },
    /// The process was forked: the run is the parent's.
    #[error("run `{0}` belongs to the process that this one was forked from")]
    Forked(String),
    /// A value is out of its limits.
    #[error("{0}")]
    Invalid(String),
    /// The journal cannot be read or written.
    #[error("the journal of run `{run}` cannot be used: {source}")]
    Io {
        /// The run.
        run: String,
        /// Why.
        source: io::Error,
    },
}

impl RunError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Exists(_) => "run.exists",
            Self::Unknown(_) => "run.unknown",
            Self::Open(_) => "run.open",
            Self::Paused { .. } => "run.paused",
            Self::Diverged { .. } => "run.diverged",
            Self::Full { .. } => "run.limit",
            Self::Corrupt { .. } => "run.corrupt",
            Self::Forked(_) => "run.forked",
            Self::Invalid(_) => "run.invalid",
            Self::Io { .. } => "run.unavailable",
        }
    }

    /// The error of an SDK that says this: `Diverged`, `RunPaused`, `Unavailable` or `RunError`.
    #[must_use]
    pub const fn class(&self) -> &'static str {
        match self {
            Self::Diverged { .. } => "Diverged",
            Self::Paused { .. } => "RunPaused",
            Self::Corrupt { .. } | Self::Io { .. } => "Unavailable",
            _ => "RunError",
        }
    }
}
