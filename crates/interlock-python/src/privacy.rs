//! Masking of personal data and secrets.

use interlock_core::privacy::{Strategy, mask_text};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::error::configuration;

/// Masks personal data and secrets in `text`; also says what was found, as dictionaries of `kind`,
/// `start` and `end` (in characters).
#[pyfunction]
pub(crate) fn mask<'py>(
    py: Python<'py>,
    text: &str,
    strategy: &str,
) -> PyResult<(String, Bound<'py, PyList>)> {
    let Some(strategy) = Strategy::from_name(strategy) else {
        return Err(configuration(
            py,
            format!("`strategy` must be `partial`, `full` or `hash`, not `{strategy}`"),
            "config.invalid",
        ));
    };
    let masked = py.detach(|| mask_text(text, strategy));
    let found = PyList::empty(py);
    let characters = |at: usize| text.get(..at).map_or(0, |before| before.chars().count());
    for one in &masked.matches {
        let item = PyDict::new(py);
        item.set_item("kind", one.kind.name)?;
        item.set_item("start", characters(one.start))?;
        item.set_item("end", characters(one.end))?;
        found.append(item)?;
    }
    Ok((masked.text, found))
}
