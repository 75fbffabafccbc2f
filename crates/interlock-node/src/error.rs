//! Rust errors as texts from which `lib/errors.cjs` makes the typed ones.

use interlock_core::model::ActionError;
use interlock_effects::EffectError;
use interlock_runtime::{GateError, RunError};
use napi::Error;

/// Separates class, code and message; none of them holds it.
const SEPARATOR: char = '\u{1f}';

/// An error as it crosses to JavaScript.
pub(crate) fn spelt(class: &str, message: &str, code: &str) -> String {
    format!("{class}{SEPARATOR}{code}{SEPARATOR}{message}")
}

fn raise(class: &str, message: &str, code: &str) -> Error {
    Error::from_reason(spelt(class, message, code))
}

/// The action cannot be decided on as it is.
pub(crate) fn invalid(message: &str, code: &str) -> Error {
    raise("InvalidAction", message, code)
}

/// Something was asked of Interlock that it cannot be.
pub(crate) fn configuration(message: &str, code: &str) -> Error {
    raise("ConfigurationError", message, code)
}

/// There is no answer now.
pub(crate) fn unavailable(message: &str) -> Error {
    raise("Unavailable", message, "engine.busy")
}

pub(crate) fn of_action(error: &ActionError) -> Error {
    invalid(&error.to_string(), error.code)
}

/// Why there is no answer. Whatever it is, the action must not run.
pub(crate) fn of_gate(error: &GateError) -> Error {
    raise(error.class(), &error.to_string(), error.code())
}

/// Why a run cannot go on. Whatever it is, the step must not run.
pub(crate) fn of_run(error: &RunError) -> Error {
    raise(error.class(), &error.to_string(), error.code())
}

/// Why something cannot be kept or undone, spelt.
pub(crate) fn spelt_effect(error: &EffectError) -> String {
    let code = match error {
        EffectError::Irreversible(_) => "undo.irreversible",
        EffectError::NoStep(_) => "undo.step",
        _ => "undo.unavailable",
    };
    spelt("Unavailable", &error.to_string(), code)
}

pub(crate) fn of_effect(error: &EffectError) -> Error {
    Error::from_reason(spelt_effect(error))
}
