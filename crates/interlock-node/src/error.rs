//! Rust errors as texts from which `lib/errors.cjs` makes the typed ones.

use interlock_core::model::ActionError;
use interlock_runtime::{GateError, OpenError, RuntimeError};
use napi::Error;

/// Separates class, code and message; none of them holds it.
const SEPARATOR: char = '\u{1f}';

fn raise(class: &str, message: &str, code: &str) -> Error {
    Error::from_reason(format!("{class}{SEPARATOR}{code}{SEPARATOR}{message}"))
}

/// The action cannot be decided on as it is.
pub(crate) fn invalid(message: &str, code: &str) -> Error {
    raise("InvalidAction", message, code)
}

/// Something was asked of Interlock that it cannot be.
pub(crate) fn configuration(message: &str, code: &str) -> Error {
    raise("ConfigurationError", message, code)
}

pub(crate) fn of_action(error: &ActionError) -> Error {
    invalid(&error.to_string(), error.code)
}

/// Why there is no answer. Whatever it is, the action must not run.
pub(crate) fn of_gate(error: &GateError) -> Error {
    let class = match error {
        GateError::Runtime(error) => match error {
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
        GateError::TooLarge { .. } => "InvalidAction",
        GateError::Owner { code, .. } => match *code {
            "audit-unavailable" | "vault" | "store" => "Unavailable",
            _ => "InvalidAction",
        },
        GateError::Open(error) => match **error {
            OpenError::Runtime(RuntimeError::Policy(_)) => "ConfigurationError",
            _ => "Unavailable",
        },
        _ => "Unavailable",
    };
    raise(class, &error.to_string(), error.code())
}
