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

    /// The error of an SDK that says this: `InvalidAction` (this action cannot be decided on),
    /// `ConfigurationError` (nothing can, as it is set up) or `Unavailable` (there is no answer now).
    #[must_use]
    pub fn class(&self) -> &'static str {
        match self {
            Self::Runtime(error) => match error {
                RuntimeError::Action(_)
                | RuntimeError::Identity { .. }
                | RuntimeError::IdempotencyConflict(_)
                | RuntimeError::NotFound(_)
                | RuntimeError::Conflict(_)
                | RuntimeError::Forbidden(_)
                | RuntimeError::Invalid(..) => "InvalidAction",
                RuntimeError::Policy(_) => "ConfigurationError",
                _ => "Unavailable",
            },
            Self::Server(error) => match error {
                _ if error.is_unavailable() => "Unavailable",
                ServerError::Refused {
                    status: 400 | 403 | 404 | 409 | 413,
                    ..
                } => "InvalidAction",
                ServerError::Configuration(_) | ServerError::Refused { .. } => "ConfigurationError",
                // No answer that counts.
                _ => "Unavailable",
            },
            Self::TooLarge { .. } => "InvalidAction",
            Self::Owner { code, .. } => match *code {
                "server.decides" | "audit-unavailable" | "lists.behind" | "vault" | "store" => {
                    "Unavailable"
                }
                _ => "InvalidAction",
            },
            Self::Open(error) => match **error {
                OpenError::Runtime(RuntimeError::Policy(_)) => "ConfigurationError",
                _ => "Unavailable",
            },
            _ => "Unavailable",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_has_its_errors() {
        let refused = |status| {
            GateError::Server(ServerError::Refused {
                status,
                code: "x".to_owned(),
                message: String::new(),
            })
        };
        let owner = |code| GateError::Owner {
            code,
            message: String::new(),
        };
        for (error, class) in [
            (RuntimeError::AtServer.into(), "Unavailable"),
            (RuntimeError::NotFound("x").into(), "InvalidAction"),
            (refused(401), "ConfigurationError"),
            (refused(403), "InvalidAction"),
            (refused(422), "ConfigurationError"),
            (refused(503), "Unavailable"),
            (owner("server.decides"), "Unavailable"),
            (owner("identity.mismatch"), "InvalidAction"),
            (GateError::TooLarge { bytes: 2, max: 1 }, "InvalidAction"),
            (GateError::Closed, "Unavailable"),
        ] {
            assert_eq!(GateError::class(&error), class, "{error:?}");
        }
    }
}
