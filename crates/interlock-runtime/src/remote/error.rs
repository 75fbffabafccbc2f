//! Why a server gave no answer.

use std::time::Duration;

use thiserror::Error;

/// Why a server gave no answer. Every variant means that the action must not run.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ServerError {
    /// It cannot be asked as it was configured.
    #[error("{0}")]
    Configuration(String),
    /// It did not answer, or not in time.
    #[error("the server at `{url}` did not answer within {} ms: {why}", .waited.as_millis())]
    Unreachable {
        /// Where it should be.
        url: String,
        /// How long was waited.
        waited: Duration,
        /// What stood in the way at last.
        why: String,
    },
    /// It answered that it cannot or will not.
    #[error("the server refused: {message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The stable code.
        code: String,
        /// What it said.
        message: String,
    },
    /// It is not the server that this process trusts, or it answers what no server would.
    #[error("the server at `{url}` is not to be trusted: {why}")]
    Untrusted {
        /// Where it is.
        url: String,
        /// Why.
        why: String,
    },
    /// What was done without it cannot be put on record.
    #[error("what is done without the server cannot be recorded: {0}")]
    Unrecorded(String),
}

impl ServerError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Configuration(_) => "server.configuration",
            Self::Unreachable { .. } => "server.unavailable",
            Self::Refused { code, .. } => code,
            Self::Untrusted { .. } => "server.untrusted",
            Self::Unrecorded(_) => "server.unrecorded",
        }
    }

    /// Whether there may be an answer later: nobody answered, or the server has no room.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Unrecorded(_) => true,
            // Who tried wrong keys too often is told to wait, and is still nobody.
            Self::Refused { status, .. } => {
                !self.is_credential() && (*status == 429 || *status >= 500)
            }
            Self::Configuration(_) | Self::Untrusted { .. } => false,
        }
    }

    /// Whether the credential is what was refused.
    #[must_use]
    pub fn is_credential(&self) -> bool {
        matches!(self, Self::Refused { status, code, .. }
            if *status == 401 || code == "key.too-many-wrong")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_key_is_no_absence() {
        let refused = |status, code: &str| ServerError::Refused {
            status,
            code: code.to_owned(),
            message: String::new(),
        };
        for (error, credential, unavailable) in [
            (refused(401, "key.invalid"), true, false),
            (refused(429, "key.too-many-wrong"), true, false),
            (refused(429, "overloaded"), false, true),
            (refused(503, "overloaded"), false, true),
            (refused(422, "field.invalid"), false, false),
        ] {
            assert_eq!(error.is_credential(), credential, "{error:?}");
            assert_eq!(error.is_unavailable(), unavailable, "{error:?}");
        }
    }
}
