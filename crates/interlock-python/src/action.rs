//! What Python says of an action.

use interlock_core::model::limits::{ACTION_TYPE_BYTES_MAX, ID_BYTES_MAX, RESOURCE_BYTES_MAX};
use interlock_core::model::{Action, ActionType};
use pyo3::prelude::*;

use crate::error::{invalid, of_action};
use crate::value::from_python;

/// The parts that every caller names.
#[derive(Debug)]
pub(crate) struct Parts<'a, 'py> {
    pub(crate) agent: &'a str,
    pub(crate) action_type: &'a str,
    pub(crate) resource: &'a str,
    pub(crate) tool: &'a str,
    pub(crate) arguments: Option<&'a Bound<'py, PyAny>>,
    pub(crate) environment: &'a str,
}

impl Parts<'_, '_> {
    /// The action, once each part is within its limits.
    pub(crate) fn action(&self, py: Python<'_>) -> PyResult<Action> {
        within(py, "action_type", self.action_type, ACTION_TYPE_BYTES_MAX)?;
        within(py, "resource", self.resource, RESOURCE_BYTES_MAX)?;
        for (field, text) in [
            ("agent", self.agent),
            ("tool", self.tool),
            ("environment", self.environment),
        ] {
            within(py, field, text, ID_BYTES_MAX)?;
        }
        if self.agent.is_empty() {
            return Err(invalid(
                py,
                "`agent` is empty: who acts?".to_owned(),
                "action.field-missing",
            ));
        }
        let action_type = ActionType::parse(self.action_type).map_err(|e| of_action(py, &e))?;
        let mut action = Action::new(self.agent, action_type);
        action.resource = self.resource.to_owned();
        action.tool = self.tool.to_owned();
        action.environment.name = self.environment.to_owned();
        if let Some(arguments) = self.arguments {
            action.arguments = from_python("arguments", arguments)?;
        }
        Ok(action)
    }
}

/// Holds the length of a text against its limit.
pub(crate) fn within(py: Python<'_>, field: &str, text: &str, max: usize) -> PyResult<()> {
    if text.len() <= max {
        return Ok(());
    }
    Err(invalid(
        py,
        format!("`{field}` has {} bytes, the limit is {max}", text.len()),
        "action.field-too-long",
    ))
}
