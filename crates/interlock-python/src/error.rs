//! Rust errors as the exceptions of `interlock.errors`.

use interlock_core::model::ActionError;
use interlock_runtime::{GateError, RunError};
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
    raise(py, error.class(), error.to_string(), error.code())
}

/// Why a run cannot go on. Whatever it is, the step must not run.
pub(crate) fn of_run(py: Python<'_>, error: &RunError) -> PyErr {
    raise(py, error.class(), error.to_string(), error.code())
}
