//! Rust errors as the exceptions of `interlock.errors`.

use interlock_core::model::ActionError;
use interlock_runtime::{GateError, RunError, RuntimeError, ServerError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

/// The exception of that name, with a message and a stable code.
pub(crate) fn raise(py: Python<'_>, name: &str, message: String, code: &str) -> PyErr {
    static MODULE: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let module = MODULE.get_or_try_init(py, || py.import("interlock.errors").map(Bound::unbind));
    let made = module.and_then(|module| {
        let class = module.bind(py).getattr(name)?.cast_into::<PyType>()?;
        class.call1((message, code))
    });
    match made {
        Ok(error) => PyErr::from_value(error),
        Err(error) => error,
    }
}

/// The action cannot be decided on as it is.
pub(crate) fn invalid(py: Python<'_>, message: String, code: &str) -> PyErr {
    raise(py, "InvalidAction", message, code)
}

/// Something was asked of Interlock that it cannot be.
pub(crate) fn configuration(py: Python<'_>, message: String, code: &str) -> PyErr {
    raise(py, "ConfigurationError", message, code)
}

pub(crate) fn of_action(py: Python<'_>, error: &ActionError) -> PyErr {
    invalid(py, error.to_string(), error.code)
}

/// Why there is no answer. Whatever it is, the action must not run.
pub(crate) fn of_gate(py: Python<'_>, error: &GateError) -> PyErr {
    let name = match error {
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
        GateError::Server(error) => match error {
            _ if error.is_unavailable() => "Unavailable",
            ServerError::Refused {
                status: 400 | 403 | 404 | 409 | 413,
                ..
            } => "InvalidAction",
            ServerError::Configuration(_) | ServerError::Refused { .. } => "ConfigurationError",
            // No answer that counts.
            _ => "Unavailable",
        },
        GateError::TooLarge { .. } => "InvalidAction",
        GateError::Owner { code, .. } => match *code {
            "server.decides" => "Unavailable",
            "audit-unavailable" | "vault" | "store" => "Unavailable",
            _ => "InvalidAction",
        },
        GateError::Open(error) => match **error {
            interlock_runtime::OpenError::Runtime(RuntimeError::Policy(_)) => "ConfigurationError",
            _ => "Unavailable",
        },
        _ => "Unavailable",
    };
    raise(py, name, error.to_string(), error.code())
}

/// Why a run cannot go on. Whatever it is, the step must not run.
pub(crate) fn of_run(py: Python<'_>, error: &RunError) -> PyErr {
    let name = match error {
        RunError::Diverged { .. } => "Diverged",
        RunError::Paused { .. } => "RunPaused",
        RunError::Corrupt { .. } | RunError::Io { .. } => "Unavailable",
        _ => "RunError",
    };
    raise(py, name, error.to_string(), error.code())
}
