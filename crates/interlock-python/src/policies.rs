//! Policies alone: no record, no state, no effect.

use std::collections::BTreeMap;

use interlock_policy::{Compiled, Evaluate as _, Expectation, TestCase, Verdict, compile, named};
use pyo3::prelude::*;

use crate::action::Parts;
use crate::error::{configuration, invalid};

/// Compiled policies, for tests of policies: what would they decide?
#[pyclass(frozen, name = "Policies", module = "interlock")]
#[derive(Debug)]
pub(crate) struct PyPolicies {
    compiled: Compiled,
}

#[pymethods]
impl PyPolicies {
    /// Compiles built-in bundles, files and directories, or the text of one policy.
    #[new]
    #[pyo3(signature = (*names, text=None))]
    fn new(py: Python<'_>, names: Vec<String>, text: Option<&str>) -> PyResult<Self> {
        let mut sources = Vec::new();
        for name in &names {
            let found = named(name);
            sources.extend(found.map_err(|d| configuration(py, d.to_string(), d.code))?);
        }
        if let Some(text) = text {
            sources.push(interlock_policy::Source::new("text.yaml", text));
        }
        if sources.is_empty() {
            return Err(configuration(
                py,
                "give the name of a policy, or `text`".to_owned(),
                "config.policy",
            ));
        }
        match compile(&sources, 1) {
            Ok(compiled) => Ok(Self { compiled }),
            Err(problems) => {
                let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
                let code = problems.first().map_or("policy.invalid", |p| p.code);
                Err(configuration(py, all.join("\n\n"), code))
            }
        }
    }

    /// What would be decided of this action by an agent with a past, outside all limits.
    #[pyo3(signature = (
        action_type, resource="", *, agent="agent", tool="", arguments=None, environment=""
    ))]
    #[expect(
        clippy::too_many_arguments,
        reason = "they are the fields of an action, by keyword"
    )]
    fn evaluate(
        &self,
        py: Python<'_>,
        action_type: &str,
        resource: &str,
        agent: &str,
        tool: &str,
        arguments: Option<&Bound<'_, PyAny>>,
        environment: &str,
    ) -> PyResult<PyVerdict> {
        let parts = Parts {
            agent,
            action_type,
            resource,
            tool,
            arguments,
            environment,
        };
        let action = parts.action(py)?;
        let case = TestCase {
            name: String::new(),
            origin: String::new(),
            action,
            now: None,
            composite: None,
            risk: BTreeMap::new(),
            findings: BTreeMap::new(),
            state: BTreeMap::new(),
            exceeded: Vec::new(),
            authenticated: true,
            expect: Expectation::default(),
        };
        self.compiled
            .decide(&case)
            .map(PyVerdict)
            .map_err(|why| invalid(py, why, "action.invalid"))
    }
}

/// What policies alone would decide.
#[pyclass(frozen, name = "Verdict", module = "interlock")]
#[derive(Debug)]
pub(crate) struct PyVerdict(Verdict);

#[pymethods]
impl PyVerdict {
    /// `allow`, `alert`, `redact`, `sandbox`, `require_approval` or `block`.
    #[getter]
    fn effect(&self) -> &'static str {
        self.0.effect.name()
    }

    /// The ids of the rules that fired, shadow rules among them.
    #[getter]
    fn rules(&self) -> Vec<String> {
        self.0.fired.clone()
    }

    fn __repr__(&self) -> String {
        format!("<Verdict {} {:?}>", self.effect(), self.0.fired)
    }
}
