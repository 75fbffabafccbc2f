//! YAML for the package, which has no reader of its own.

use std::collections::BTreeMap;

use pyo3::prelude::*;

use crate::error::configuration;

/// A YAML document as JSON, and with `lines` the line of each value by its JSON Pointer. `name` is what
/// messages call it.
#[pyfunction]
#[pyo3(signature = (name, text, lines=false))]
pub(crate) fn read_yaml(
    py: Python<'_>,
    name: &str,
    text: &str,
    lines: bool,
) -> PyResult<(String, BTreeMap<String, u32>)> {
    match py.detach(|| interlock_policy::read_yaml(name, text, lines)) {
        Ok(read) => Ok((read.json, read.lines)),
        Err(wrong) => {
            let place = format!("{}:{}", wrong.file, wrong.line);
            let message = format!("{place}: {}", wrong.message);
            Err(configuration(py, message, "document.syntax"))
        }
    }
}
