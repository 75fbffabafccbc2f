//! The undo journal of a data directory.

use std::path::PathBuf;

use interlock_effects::{
    About, Declared, EffectError, Executor, FileOp, Limits, Report, Rollback, Settled, StepInfo,
    Undo,
};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::error::{configuration, raise};

/// Keeps how things are before they change, and puts them back.
#[pyclass(frozen, name = "Undo", module = "interlock._core")]
#[derive(Debug)]
pub(crate) struct PyUndo(Undo);

/// An operation on files as Python names it: what, where, where to.
type Op = (String, PathBuf, Option<PathBuf>);

fn op<'a>(py: Python<'_>, (what, path, to): &'a Op) -> PyResult<FileOp<'a>> {
    Ok(match (what.as_str(), to) {
        ("write", _) => FileOp::Write(path),
        ("append", _) => FileOp::Append(path),
        ("create", _) => FileOp::Create(path),
        ("delete", _) => FileOp::Delete(path),
        ("rmdir", _) => FileOp::RemoveDirectory(path),
        ("rmtree", _) => FileOp::RemoveTree(path),
        ("metadata", _) => FileOp::Metadata(path),
        ("link-metadata", _) => FileOp::LinkMetadata(path),
        ("any", _) => FileOp::Any(path),
        ("rename", Some(to)) => FileOp::Rename(path, to),
        _ => {
            return Err(configuration(
                py,
                format!("`{what}` is no operation on files"),
                "undo.operation",
            ));
        }
    })
}

/// An effect, of which `payload` is what JSON says.
fn declared(py: Python<'_>, kind: &str, payload: &str, idempotent: bool) -> PyResult<Declared> {
    let payload = serde_json::from_str(payload)
        .map_err(|e| configuration(py, format!("`payload` is no JSON: {e}"), "undo.payload"))?;
    Ok(Declared {
        kind: kind.to_owned(),
        payload,
        idempotent,
    })
}

fn failed(py: Python<'_>, error: &EffectError) -> PyErr {
    let code = match error {
        EffectError::Irreversible(_) => "undo.irreversible",
        EffectError::NoStep(_) => "undo.step",
        _ => "undo.unavailable",
    };
    raise(py, "Unavailable", error.to_string(), code)
}

#[pymethods]
impl PyUndo {
    #[new]
    #[pyo3(signature = (path, *, sync, file_bytes_max=None, total_bytes_max=None, steps_max=None))]
    fn new(
        py: Python<'_>,
        path: PathBuf,
        sync: bool,
        file_bytes_max: Option<u64>,
        total_bytes_max: Option<u64>,
        steps_max: Option<usize>,
    ) -> PyResult<Self> {
        let usual = Limits::default();
        let limits = Limits {
            file_bytes_max: file_bytes_max.unwrap_or(usual.file_bytes_max),
            total_bytes_max: total_bytes_max.unwrap_or(usual.total_bytes_max),
            steps_max: steps_max.unwrap_or(usual.steps_max),
            ..usual
        };
        let undo = py.detach(|| Undo::open(&path, limits, sync));
        undo.map(Self).map_err(|e| failed(py, &e))
    }

    /// Why these operations could not be undone; `None` if they could.
    fn plan(&self, py: Python<'_>, ops: Vec<Op>) -> PyResult<Option<String>> {
        for one in &ops {
            let one = op(py, one)?;
            match py.detach(|| self.0.plan(one)) {
                Ok(()) => {}
                // What cannot be looked at cannot be kept either.
                Err(error) => return Ok(Some(error.to_string())),
            }
        }
        Ok(None)
    }

    /// Begins a step and returns its number.
    fn begin(&self, py: Python<'_>, agent: &str, tool: &str, decision: &str) -> PyResult<u64> {
        let about = About {
            agent: agent.to_owned(),
            tool: tool.to_owned(),
            decision: decision.to_owned(),
        };
        py.detach(|| self.0.begin(&about))
            .map_err(|e| failed(py, &e))
    }

    /// Keeps what these operations are about to change; they may be done when this returns.
    fn before(&self, py: Python<'_>, step: u64, ops: Vec<Op>) -> PyResult<()> {
        for one in &ops {
            let one = op(py, one)?;
            py.detach(|| self.0.before(step, one))
                .map_err(|e| failed(py, &e))?;
        }
        Ok(())
    }

    /// Notes an effect that a handler can undo; `payload` is JSON. Returns its place in the step.
    fn declare(
        &self,
        py: Python<'_>,
        step: u64,
        kind: &str,
        payload: &str,
        idempotent: bool,
    ) -> PyResult<usize> {
        let declared = declared(py, kind, payload, idempotent)?;
        py.detach(|| self.0.declare(step, declared))
            .map_err(|e| failed(py, &e))
    }

    /// Says what became of an effect that was declared before it happened: what undoes it, why it
    /// cannot be undone, or neither if it did not happen.
    #[pyo3(signature = (step, effect, *, kind=None, payload=None, idempotent=false, irreversible=None))]
    #[expect(
        clippy::too_many_arguments,
        reason = "they are the two outcomes, by keyword"
    )]
    fn settle(
        &self,
        py: Python<'_>,
        step: u64,
        effect: usize,
        kind: Option<&str>,
        payload: Option<&str>,
        idempotent: bool,
        irreversible: Option<String>,
    ) -> PyResult<()> {
        let settled = match (kind, payload, irreversible) {
            (Some(kind), Some(payload), None) => {
                Settled::Undoable(declared(py, kind, payload, idempotent)?)
            }
            (None, None, Some(why)) => Settled::Irreversible(why),
            (None, None, None) => Settled::Nothing,
            _ => {
                return Err(configuration(
                    py,
                    "give `kind` and `payload`, or `irreversible`, or none of them".to_owned(),
                    "undo.payload",
                ));
            }
        };
        py.detach(|| self.0.settle(step, effect, settled))
            .map_err(|e| failed(py, &e))
    }

    /// Notes that the step has an effect that cannot be undone.
    fn irreversible(&self, py: Python<'_>, step: u64, why: &str) -> PyResult<()> {
        py.detach(|| self.0.irreversible(step, why))
            .map_err(|e| failed(py, &e))
    }

    /// Ends a step: how it left things is what a rollback expects to find.
    fn seal(&self, py: Python<'_>, step: u64) -> PyResult<()> {
        py.detach(|| self.0.seal(step)).map_err(|e| failed(py, &e))
    }

    /// The steps that are kept, oldest first.
    #[pyo3(signature = (agent=None))]
    fn steps<'py>(&self, py: Python<'py>, agent: Option<&str>) -> PyResult<Bound<'py, PyList>> {
        let steps = py.detach(|| self.0.steps(agent));
        listed(py, &steps.map_err(|e| failed(py, &e))?)
    }

    /// Undoes the last steps, newest first. `handler(kind, payload, check)` undoes declared effects,
    /// or only looks whether it could; it raises if not.
    #[pyo3(signature = (last, agent, force, handler))]
    fn rollback<'py>(
        &self,
        py: Python<'py>,
        last: usize,
        agent: Option<String>,
        force: bool,
        handler: Py<PyAny>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let what = Rollback { last, agent, force };
        let report = py.detach(|| self.0.rollback(&what, &mut Handler(handler)));
        shown(py, &report.map_err(|e| failed(py, &e))?)
    }

    /// Forgets a step, also one whose undo was cut off.
    fn abandon(&self, py: Python<'_>, step: u64) -> PyResult<()> {
        py.detach(|| self.0.abandon(step))
            .map_err(|e| failed(py, &e))
    }

    /// Forgets steps that began before a time, nanoseconds since 1970; how many.
    fn forget(&self, py: Python<'_>, before: i64) -> PyResult<usize> {
        py.detach(|| self.0.forget(before))
            .map_err(|e| failed(py, &e))
    }
}

/// A Python function that undoes declared effects.
struct Handler(Py<PyAny>);

impl Handler {
    fn call(&self, declared: &Declared, check: bool) -> Result<(), String> {
        Python::attach(|py| {
            let payload = declared.payload.to_string();
            self.0
                .call1(py, (&declared.kind, payload, check))
                .map(drop)
                .map_err(|error| error.to_string())
        })
    }
}

impl Executor for Handler {
    fn check(&mut self, declared: &Declared) -> Result<(), String> {
        self.call(declared, true)
    }

    fn undo(&mut self, declared: &Declared) -> Result<(), String> {
        self.call(declared, false)
    }
}

fn step<'py>(py: Python<'py>, info: &StepInfo) -> PyResult<Bound<'py, PyDict>> {
    let map = PyDict::new(py);
    map.set_item("step", info.step)?;
    map.set_item("agent", &info.about.agent)?;
    map.set_item("tool", &info.about.tool)?;
    map.set_item("decision", &info.about.decision)?;
    map.set_item("at", interlock_runtime::rfc3339(info.at))?;
    let paths: Vec<String> = info
        .paths
        .iter()
        .map(|path| path.to_string_lossy().into_owned())
        .collect();
    map.set_item("paths", paths)?;
    map.set_item("declared", &info.declared)?;
    map.set_item("irreversible", &info.irreversible)?;
    Ok(map)
}

fn listed<'py>(py: Python<'py>, steps: &[StepInfo]) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for info in steps {
        list.append(step(py, info)?)?;
    }
    Ok(list)
}

fn shown<'py>(py: Python<'py>, report: &Report) -> PyResult<Bound<'py, PyDict>> {
    let map = PyDict::new(py);
    map.set_item("undone", listed(py, &report.undone)?)?;
    map.set_item("irreversible", listed(py, &report.irreversible)?)?;
    let stopped = match &report.stopped {
        None => None,
        Some(stopped) => Some((step(py, &stopped.step)?, stopped.why.to_string())),
    };
    map.set_item("stopped", stopped)?;
    Ok(map)
}
