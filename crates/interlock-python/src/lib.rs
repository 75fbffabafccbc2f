//! `interlock._core`: the runtime as a Python extension. What Python programmers meet is the
//! package around it, in `python/interlock`.

mod action;
mod decision;
mod document;
mod engine;
mod error;
mod floor;
mod policies;
mod privacy;
mod run;
mod shadow;
mod undo;
mod value;

use pyo3::prelude::*;

/// The extension module.
#[pymodule]
mod _core {
    #[pymodule_export]
    use crate::decision::PyDecision;
    #[pymodule_export]
    use crate::document::read_yaml;
    #[pymodule_export]
    use crate::engine::{PyApproval, PyEngine, PyOutcome};
    #[pymodule_export]
    use crate::floor::PyFloor;
    #[pymodule_export]
    use crate::policies::{PyPolicies, PyVerdict};
    #[pymodule_export]
    use crate::privacy::mask;
    #[pymodule_export]
    use crate::run::{PyRunJournal, action_digest};
    #[pymodule_export]
    use crate::shadow::PyShadow;
    #[pymodule_export]
    use crate::undo::PyUndo;
    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
