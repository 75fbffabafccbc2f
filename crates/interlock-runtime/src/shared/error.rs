//! Why a gate did not answer.

use std::time::Duration;

use thiserror::Error;

use crate::error::RuntimeError;
use crate::open::OpenError;
use crate::remote::ServerError;

/// Why a gate gave no answer. Every variant means that the action must not run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GateError {
    /// The owner's answer.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// This process should have taken the data directory over and could not open it.
    #[error(transparent)]
    Open(Box<OpenError>),
    /// The owner failed in a way whose type stays with it.
    #[error("{message}")]
    Owner {
        /// The stable code.
        code: &'static str,
        /// What the owner said.
        message: String,
    },
    /// Nobody decides on this data directory, or nobody answered in time.
    #[error("no process decided on data directory `{data}` within {}: {why}", shown(.waited))]
    Unavailable {
        /// The directory.
        data: String,
        /// How long was waited.
        waited: Duration,
        /// What stood in the way at last.
        why: String,
    },
    /// What serves the data directory cannot be used.
    #[error("the owner of data directory `{data}` cannot be used: {why}")]
    Refused {
        /// The directory.
        data: String,
        /// Why.
        why: String,
    },
    /// The server that was asked gave no answer.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The request is too large to be sent.
    #[error("the request has {bytes} bytes as a message, the limit is {max}")]
    TooLarge {
        /// How large it is.
        bytes: usize,
        /// How large it may be.
        max: usize,
    },
    /// The gate was closed.
    #[error("the gate is closed")]
    Closed,
}

fn shown(duration: &Duration) -> String {
    format!("{} ms", duration.as_millis())
}

impl From<OpenError> for GateError {
    fn from(error: OpenError) -> Self {
        Self::Open(Box::new(error))
    }
}

impl GateError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Runtime(error) => error.code(),
            Self::Open(_) => "owner.open",
            Self::Owner { code, .. } => code,
            Self::Unavailable { .. } => "owner.unavailable",
            Self::Refused { .. } => "owner.refused",
            Self::Server(error) => error.code(),
            Self::TooLarge { .. } => "action.too-large",
            Self::Closed => "gate.closed",
        }
    }
}
