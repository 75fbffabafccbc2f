//! The journal of a run, and the digest by which a step is known again.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use interlock_core::model::{Action, ActionDigest, ActionType};
use interlock_runtime::{DEFAULT_TENANT, RunError, RunJournal, Step};
use pyo3::prelude::*;

use crate::error::{of_action, of_run};
use crate::value::from_python;

/// The digest of an action at its place in a run, hex.
#[pyfunction]
#[pyo3(signature = (agent, action_type, resource, tool, arguments, run, step))]
#[expect(
    clippy::too_many_arguments,
    reason = "they are what the digest is over"
)]
pub(crate) fn action_digest(
    py: Python<'_>,
    agent: &str,
    action_type: &str,
    resource: &str,
    tool: &str,
    arguments: &Bound<'_, PyAny>,
    run: &str,
    step: i64,
) -> PyResult<String> {
    let action_type = ActionType::parse(action_type).map_err(|e| of_action(py, &e))?;
    let mut action = Action::new(agent, action_type);
    action.resource = resource.to_owned();
    action.tool = tool.to_owned();
    action.arguments = from_python("arguments", arguments)?;
    action.run_id = run.to_owned();
    action.step = Some(step);
    Ok(ActionDigest::of(DEFAULT_TENANT, &action).to_hex())
}

/// The journal of one run.
#[pyclass(frozen, name = "RunJournal", module = "interlock._core")]
#[derive(Debug)]
pub(crate) struct PyRunJournal {
    run: String,
    journal: Mutex<Option<RunJournal>>,
}

impl PyRunJournal {
    fn with<T: Send>(
        &self,
        py: Python<'_>,
        act: impl Fn(&RunJournal) -> Result<T, RunError> + Send + Sync,
    ) -> PyResult<T> {
        let done = py.detach(|| {
            let journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
            match journal.as_ref() {
                Some(journal) => act(journal),
                None => Err(RunError::Invalid(format!("run `{}` is closed", self.run))),
            }
        });
        done.map_err(|e| of_run(py, &e))
    }
}

#[pymethods]
impl PyRunJournal {
    #[new]
    fn new(py: Python<'_>, data: PathBuf, run: &str, resume: bool) -> PyResult<Self> {
        let journal = py.detach(|| RunJournal::open(&data, run, resume));
        Ok(Self {
            run: run.to_owned(),
            journal: Mutex::new(Some(journal.map_err(|e| of_run(py, &e))?)),
        })
    }

    /// What is known of a step: `new`, `done`, `failed` or `in-doubt`; its result or its error;
    /// and the approval that it waits for.
    fn step(
        &self,
        py: Python<'_>,
        step: u32,
        name: &str,
        digest: &str,
    ) -> PyResult<(&'static str, Option<String>, Option<String>)> {
        let step = self.with(py, |journal| journal.step(step, name, digest))?;
        Ok(match step {
            Step::New { approval } => ("new", None, approval),
            Step::Done(result) => ("done", result, None),
            Step::Failed(error) => ("failed", Some(error), None),
            Step::InDoubt { error, approval } => ("in-doubt", error, approval),
            // Nothing that this version knows: nobody may run it.
            _ => ("in-doubt", None, None),
        })
    }

    /// Notes the approval that a step waits for.
    fn asked(
        &self,
        py: Python<'_>,
        step: u32,
        name: &str,
        digest: &str,
        approval: &str,
    ) -> PyResult<()> {
        self.with(py, |journal| journal.asked(step, name, digest, approval))
    }

    /// The step is about to happen; on disk when this returns.
    fn begin(
        &self,
        py: Python<'_>,
        step: u32,
        name: &str,
        digest: &str,
        decision: &str,
    ) -> PyResult<()> {
        self.with(py, |journal| journal.begin(step, name, digest, decision))
    }

    /// The step happened and returned this (JSON), or something that cannot be stored.
    #[pyo3(signature = (step, result))]
    fn done(&self, py: Python<'_>, step: u32, result: Option<&str>) -> PyResult<()> {
        self.with(py, |journal| journal.done(step, result))
    }

    /// The step raised an error.
    fn failed(&self, py: Python<'_>, step: u32, error: &str) -> PyResult<()> {
        self.with(py, |journal| journal.failed(step, error))
    }

    /// All steps are done.
    fn finish(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, RunJournal::finish)
    }

    /// Whether all steps were done, in this life or in an earlier one.
    #[getter]
    fn finished(&self, py: Python<'_>) -> PyResult<bool> {
        self.with(py, RunJournal::is_finished)
    }

    /// Lets another process resume the run.
    fn close(&self, py: Python<'_>) {
        py.detach(|| {
            let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
            *journal = None;
        });
    }

    /// Ends the pause of a run.
    #[staticmethod]
    fn release(py: Python<'_>, data: PathBuf, run: &str, by: &str) -> PyResult<()> {
        let done = py.detach(|| RunJournal::release(&data, run, by));
        done.map_err(|e| of_run(py, &e))
    }

    /// Answers for a step in doubt: it happened and returned `result` (JSON), or it did not happen.
    #[staticmethod]
    #[pyo3(signature = (data, run, step, result, by))]
    fn settle(
        py: Python<'_>,
        data: PathBuf,
        run: &str,
        step: u32,
        result: Option<&str>,
        by: &str,
    ) -> PyResult<()> {
        let done = py.detach(|| RunJournal::settle(&data, run, step, result, by));
        done.map_err(|e| of_run(py, &e))
    }

    /// Removes a run with everything that it stored.
    #[staticmethod]
    fn forget(py: Python<'_>, data: PathBuf, run: &str) -> PyResult<()> {
        let done = py.detach(|| RunJournal::forget(&data, run));
        done.map_err(|e| of_run(py, &e))
    }
}
