//! A decision as Python sees it.

use interlock_core::model::{Action, Effect, Findings, Obligation};
use interlock_core::privacy::redact_value;
use interlock_core::risk::Dimension;
use interlock_runtime::{Checked, agent_message};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::value::to_python;

/// What was decided about an action.
#[pyclass(frozen, name = "Decision", module = "interlock")]
#[derive(Debug)]
pub(crate) struct PyDecision {
    checked: Checked,
    /// The arguments that may be used in place of those asked about.
    arguments: Option<interlock_core::model::Value>,
}

impl PyDecision {
    /// `action` is what was asked; only a redaction needs it.
    pub(crate) fn new(checked: Checked, action: Option<Action>) -> Self {
        let spans = checked.decision.obligations.iter().find_map(|o| match o {
            Obligation::Redact(spans) => Some(spans),
            _ => None,
        });
        let arguments = match (spans, action) {
            (Some(spans), Some(action)) => {
                Some(redact_value("arguments", &action.arguments, spans))
            }
            _ => None,
        };
        Self { checked, arguments }
    }
}

/// Findings as dictionaries.
pub(crate) fn findings<'py>(py: Python<'py>, found: &Findings) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for finding in found.items() {
        let item = PyDict::new(py);
        item.set_item("code", finding.code.code)?;
        item.set_item("vector", finding.code.vector.name())?;
        item.set_item("summary", finding.code.summary)?;
        item.set_item("confidence", finding.confidence)?;
        item.set_item("path", &*finding.path)?;
        item.set_item("span", (finding.span.start, finding.span.end))?;
        item.set_item("tags", finding.code.tags)?;
        list.append(item)?;
    }
    Ok(list)
}

#[pymethods]
impl PyDecision {
    /// The decision's id; the outcome refers to it.
    #[getter]
    fn id(&self) -> String {
        self.checked.id.to_string()
    }

    /// `allow`, `alert`, `redact`, `sandbox`, `require_approval` or `block`.
    #[getter]
    fn effect(&self) -> &'static str {
        self.checked.decision.effect.name()
    }

    /// Whether the action may run now: as asked, or with `arguments` under `redact`.
    #[getter]
    fn allowed(&self) -> bool {
        matches!(
            self.checked.decision.effect,
            Effect::Allow | Effect::Alert | Effect::Redact
        )
    }

    /// The first reason, for the operator. Never show it to the agent.
    #[getter]
    fn reason(&self) -> &str {
        let first = self.checked.decision.reasons.first();
        first.map_or("", |r| r.message.as_str())
    }

    /// The stable code of the first reason.
    #[getter]
    fn code(&self) -> &'static str {
        self.checked.decision.reasons.first().map_or("", |r| r.code)
    }

    /// All reasons, as pairs of code and sentence.
    #[getter]
    fn reasons(&self) -> Vec<(&'static str, String)> {
        let reasons = self.checked.decision.reasons.iter();
        reasons.map(|r| (r.code, r.message.clone())).collect()
    }

    /// The composite risk, 0..=100.
    #[getter]
    fn risk(&self) -> u8 {
        self.checked.decision.risk.composite
    }

    /// The score of each of the seven dimensions, 0..=100.
    #[getter]
    fn dimensions<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let scores = PyDict::new(py);
        let all = Dimension::ALL
            .into_iter()
            .zip(&self.checked.decision.risk.dimensions);
        for (dimension, score) in all {
            scores.set_item(dimension.name(), score.score)?;
        }
        Ok(scores)
    }

    /// What the detectors found.
    #[getter]
    fn findings<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        findings(py, &self.checked.decision.findings)
    }

    /// The ids of the rules that fired; the first one listed need not have decided.
    #[getter]
    fn rules(&self) -> Vec<String> {
        let fired = self.checked.decision.fired.iter();
        fired.map(|r| r.id.to_string()).collect()
    }

    /// The rule that decided, if one did.
    #[getter]
    fn policy(&self) -> Option<String> {
        let mut fired = self.checked.decision.fired.iter();
        fired.find(|r| r.decided).map(|r| r.id.to_string())
    }

    /// The approval to wait for.
    #[getter]
    fn approval_id(&self) -> Option<String> {
        self.checked.approval_id.map(|id| id.to_string())
    }

    /// The arguments to use under `redact`, `None` where they stay as they are.
    #[getter]
    fn arguments<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let arguments = self.arguments.as_ref();
        arguments.map(|value| to_python(py, value)).transpose()
    }

    /// How long to wait before trying again, in milliseconds, where a limit says so.
    #[getter]
    fn retry_after_ms(&self) -> Option<i64> {
        let mut obligations = self.checked.decision.obligations.iter();
        obligations.find_map(|o| match o {
            Obligation::Throttle(ms) => Some(*ms),
            _ => None,
        })
    }

    /// What may be told to the agent: little, with a reference for the operator.
    #[getter]
    fn agent_message(&self) -> String {
        agent_message(self.checked.decision.effect, &self.checked.id.to_string())
    }

    /// The sequence number of its record.
    #[getter]
    fn seq(&self) -> u64 {
        self.checked.seq
    }

    /// The leaf hash of its record, hex.
    #[getter]
    fn leaf(&self) -> String {
        interlock_core::audit::hex(&self.checked.leaf)
    }

    /// Whether this is the stored answer to an earlier check with the same key.
    #[getter]
    fn replayed(&self) -> bool {
        self.checked.replayed
    }

    fn __repr__(&self) -> String {
        format!(
            "<Decision {} {} risk={} {:?}>",
            self.checked.id,
            self.effect(),
            self.risk(),
            self.reason()
        )
    }
}
