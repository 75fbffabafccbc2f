//! The gate to a data directory, and what it answers beside decisions.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use interlock_core::approval::State;
use interlock_core::audit::record::ContentMode;
use interlock_core::model::limits::ID_BYTES_MAX;
use interlock_core::model::{Capabilities, Outcome, OutcomeStatus, Principal, Role, Value};
use interlock_runtime::{
    APPROVAL_FIELD, Answer, Change, CheckOptions, Claimed, DEFAULT_TENANT, Decider, Edit,
    GateOptions, Options, OutcomeReply, ROLLBACK_TEXT_CHARS_MAX, RollbackResult, RollbackState,
    RuntimeError, Say, ServerAddress, ServerOptions, rfc3339,
};
use interlock_store::journal::Durability;
use interlock_store::{ActionFilter, AgentChange, ApprovalRow};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use uuid::Uuid;

use crate::action::{Parts, within};
use crate::decision::{PyDecision, findings};
use crate::error::{configuration, invalid, of_gate};
use crate::floor::PyFloor;
use crate::value::{from_python, object_from_python};

/// An agent's process has no lists to keep up to date; whoever looks opens the directory.
const GATHER: Duration = Duration::from_secs(2);

/// Decides on actions, in this process or through the one that owns the data directory.
#[pyclass(frozen, name = "Engine", module = "interlock._core")]
#[derive(Debug)]
pub(crate) struct PyEngine {
    decider: Decider,
}

#[pymethods]
impl PyEngine {
    #[new]
    #[pyo3(signature = (
        data, policies, durability, content, patience_ms, *, server=None, api_key="", remote=false,
        server_key=None, on_unavailable=Vec::new(), offline_reads=true, ca_file=None,
        allow_plain_http=false, budgets=None,
    ))]
    #[expect(clippy::too_many_arguments, reason = "they are options, by keyword")]
    fn new(
        py: Python<'_>,
        data: PathBuf,
        policies: Vec<String>,
        durability: &str,
        content: &str,
        patience_ms: u64,
        server: Option<String>,
        api_key: &str,
        remote: bool,
        server_key: Option<String>,
        on_unavailable: Vec<(String, String)>,
        offline_reads: bool,
        ca_file: Option<PathBuf>,
        allow_plain_http: bool,
        budgets: Option<PathBuf>,
    ) -> PyResult<Self> {
        let mut sources = Vec::new();
        for name in &policies {
            let found = interlock_policy::named(name);
            sources.extend(found.map_err(|d| configuration(py, d.to_string(), d.code))?);
        }
        let durability = match durability {
            "strict" => Durability::Strict,
            "batch" => Durability::Batch,
            "async" => Durability::Async,
            other => {
                return Err(configuration(
                    py,
                    format!("`durability` must be `strict`, `batch` or `async`, not `{other}`"),
                    "config.invalid",
                ));
            }
        };
        let content = match content {
            "full" => ContentMode::Full,
            "hashes" => ContentMode::Hashes,
            "none" => ContentMode::None,
            other => {
                return Err(configuration(
                    py,
                    format!("`content` must be `full`, `hashes` or `none`, not `{other}`"),
                    "config.invalid",
                ));
            }
        };
        let budgets = budgets
            .map(|path| interlock_policy::load_budgets(&path))
            .transpose()
            .map_err(|error| configuration(py, error, "config.budgets"))?;
        let options = GateOptions {
            runtime: Options {
                budgets,
                policies: sources,
                durability,
                content,
                gather: GATHER,
                ..Options::on(&data)
            },
            patience: Duration::from_millis(patience_ms),
        };
        let server = server.map(|url| ServerOptions {
            address: ServerAddress {
                url,
                key: api_key.to_owned(),
                ca_file,
                allow_plain_http,
            },
            remote,
            vkey: server_key,
            on_unavailable,
            reads_without_lease: offline_reads,
            timeout: Duration::from_millis(patience_ms),
        });
        let decider = py.detach(|| Decider::open(options, server));
        Ok(Self {
            decider: decider.map_err(|e| of_gate(py, &e))?,
        })
    }

    /// Decides on an action; it is on record when this returns.
    #[pyo3(signature = (
        agent, action_type, resource, tool, arguments, *, payload=None, environment=None,
        session=None, run=None, step=None, idempotency_key=None, cost_usd=None, user=None,
        context=None, metadata=None, approval_id=None, redact=false, sandbox=false, wait=true,
        path_resolved=None, addresses=None, floor=None, reported=false, undo=false,
    ))]
    #[expect(
        clippy::too_many_arguments,
        reason = "they are the fields of an action, by keyword"
    )]
    fn check(
        &self,
        py: Python<'_>,
        agent: &str,
        action_type: &str,
        resource: &str,
        tool: &str,
        arguments: Option<&Bound<'_, PyAny>>,
        payload: Option<&Bound<'_, PyAny>>,
        environment: Option<&str>,
        session: Option<&str>,
        run: Option<&str>,
        step: Option<i64>,
        idempotency_key: Option<&str>,
        cost_usd: Option<&Bound<'_, PyAny>>,
        user: Option<&str>,
        context: Option<&Bound<'_, PyAny>>,
        metadata: Option<&Bound<'_, PyAny>>,
        approval_id: Option<&str>,
        redact: bool,
        sandbox: bool,
        wait: bool,
        path_resolved: Option<&str>,
        addresses: Option<Vec<String>>,
        floor: Option<&PyFloor>,
        reported: bool,
        undo: bool,
    ) -> PyResult<PyDecision> {
        for (field, text) in [
            ("session", session),
            ("run", run),
            ("idempotency_key", idempotency_key),
            ("user", user),
        ] {
            within(py, field, text.unwrap_or_default(), ID_BYTES_MAX)?;
        }
        let parts = Parts {
            agent,
            action_type,
            resource,
            tool,
            arguments,
            environment: environment.unwrap_or_default(),
        };
        let mut action = parts.action(py)?;
        let owned = |text: Option<&str>| text.unwrap_or_default().to_owned();
        action.session_id = owned(session);
        action.run_id = owned(run);
        action.step = step;
        action.idempotency_key = owned(idempotency_key);
        action.user.id = owned(user);
        action.capabilities = Capabilities {
            redact,
            sandbox,
            wait,
            undo,
        };
        action.observed.path_resolved = path_resolved.map(str::to_owned);
        action.observed.addresses = addresses.unwrap_or_default();
        if let Some(payload) = payload {
            action.payload = from_python("payload", payload)?;
        }
        if let Some(cost) = cost_usd {
            action.cost_nano_usd = nano_usd(cost)?;
        }
        if let Some(context) = context {
            action.context = object_from_python("context", context)?;
        }
        if let Some(metadata) = metadata {
            action.metadata = object_from_python("metadata", metadata)?;
        }
        if let Some(id) = approval_id {
            action.metadata.insert(APPROVAL_FIELD, Value::from(id));
        }
        let kept = redact.then(|| action.clone());
        let options = CheckOptions {
            reported: reported.then(Claimed::default),
            floor: floor.map(|floor| Arc::clone(&floor.0)),
            ..CheckOptions::default()
        };
        let checked = py.detach(|| self.decider.check(action, &options));
        let checked = checked.map_err(|e| of_gate(py, &e))?;
        Ok(PyDecision::new(checked, kept))
    }

    /// Reports what became of an action, once; its result is scanned.
    #[pyo3(signature = (
        id, status, *, latency_ms=0, cost_usd=None, result=None, result_bytes=0, rows=None
    ))]
    #[expect(
        clippy::too_many_arguments,
        reason = "they are the fields of an outcome, by keyword"
    )]
    fn outcome(
        &self,
        py: Python<'_>,
        id: &str,
        status: &str,
        latency_ms: i64,
        cost_usd: Option<&Bound<'_, PyAny>>,
        result: Option<String>,
        result_bytes: i64,
        rows: Option<i64>,
    ) -> PyResult<PyOutcome> {
        let Some(status) = OutcomeStatus::from_name(status) else {
            return Err(invalid(
                py,
                format!(
                    "`status` must be `succeeded`, `failed`, `not_run` or `unknown`, not `{status}`"
                ),
                "field.invalid",
            ));
        };
        let id = id
            .parse::<Uuid>()
            .map_err(|_| invalid(py, format!("`{id}` is no decision's id"), "field.invalid"))?;
        let outcome = Outcome {
            status,
            latency_ms,
            cost_nano_usd: cost_usd.map_or(Ok(0), nano_usd)?,
            result_bytes,
            rows,
            result,
        };
        let reply = py.detach(|| self.decider.outcome(id, &outcome));
        Ok(PyOutcome(reply.map_err(|e| of_gate(py, &e))?))
    }

    /// An approval once it is decided, or as it stands after `wait_ms`.
    fn approval(&self, py: Python<'_>, id: &str, wait_ms: u64) -> PyResult<PyApproval> {
        let wait = Duration::from_millis(wait_ms);
        let row = py.detach(|| self.decider.approval(id, wait));
        Ok(PyApproval(row.map_err(|e| of_gate(py, &e))?))
    }

    /// Records a person's answer to an approval, perhaps with other `arguments` as JSON; only in the
    /// process that owns the directory.
    #[pyo3(signature = (id, approver, approve, reason, arguments=None))]
    fn decide_approval(
        &self,
        py: Python<'_>,
        id: &str,
        approver: &str,
        approve: bool,
        reason: &str,
        arguments: Option<&str>,
    ) -> PyResult<PyApproval> {
        if self.decider.has_server() {
            return Err(configuration(
                py,
                "the server asks people and takes their answers: answer there".to_owned(),
                "owner.elsewhere",
            ));
        }
        let Some(runtime) = self.decider.runtime() else {
            return Err(configuration(
                py,
                "another process owns the data directory: answer there, or with `interlock approvals`".to_owned(),
                "owner.elsewhere",
            ));
        };
        let person = Principal {
            role: Role::Approver,
            ..Principal::local()
        };
        let edit = match arguments {
            Some(json) => Some(Edit {
                change: Change::Arguments(Value::parse(json.as_bytes()).map_err(|e| {
                    configuration(py, format!("`arguments` are not JSON: {e}"), "body.invalid")
                })?),
                resource: None,
                expected: None,
            }),
            None => None,
        };
        let answer = Answer {
            approver,
            say: match &edit {
                _ if !approve => Say::Deny,
                Some(edit) => Say::Edit(edit),
                None => Say::Approve,
            },
            seen: None,
            reason,
            via: "embedded",
        };
        let answered = py.detach(|| runtime.answer_approval(&person, id, &answer));
        Ok(PyApproval(
            answered.map_err(|e| of_gate(py, &e.into()))?.row,
        ))
    }

    /// Stops an agent, from any process: it may do nothing until a person ends the pause.
    fn pause_agent(&self, py: Python<'_>, agent: &str, by: &str) -> PyResult<()> {
        within(py, "agent", agent, ID_BYTES_MAX)?;
        within(py, "by", by, ID_BYTES_MAX)?;
        let done = py.detach(|| self.decider.pause_agent(by, agent));
        done.map_err(|e| of_gate(py, &e))
    }

    /// Ends the pause of an agent; only in the process that owns the directory.
    fn resume_agent(&self, py: Python<'_>, agent: &str, by: &str) -> PyResult<()> {
        let Some(runtime) = self.decider.runtime() else {
            return Err(elsewhere(py, "the pause of an agent is ended"));
        };
        let change = AgentChange {
            paused: Some(false),
            ..AgentChange::default()
        };
        let done = py.detach(|| runtime.update_agent(DEFAULT_TENANT, by, agent, &change));
        done.map(drop).map_err(|e| of_gate(py, &e.into()))
    }

    /// The latest actions of an agent, newest first, as dictionaries, a moment after they were
    /// decided on; only in the process that owns the directory.
    fn trail<'py>(
        &self,
        py: Python<'py>,
        agent: &str,
        limit: usize,
    ) -> PyResult<Bound<'py, PyList>> {
        let Some(runtime) = self.decider.runtime() else {
            return Err(elsewhere(py, "what an agent did is read"));
        };
        let filter = ActionFilter {
            agent_id: Some(agent.to_owned()),
            ..ActionFilter::default()
        };
        let limit = limit.min(interlock_store::PAGE_ROWS_MAX);
        let rows = py.detach(|| runtime.store().actions(DEFAULT_TENANT, &filter, limit));
        let list = PyList::empty(py);
        for row in rows.map_err(|e| of_gate(py, &RuntimeError::from(e).into()))? {
            let item = PyDict::new(py);
            item.set_item("id", row.id)?;
            item.set_item("seq", row.seq)?;
            item.set_item("agent_id", row.agent_id)?;
            item.set_item("session_id", row.session_id)?;
            item.set_item("run_id", row.run_id)?;
            item.set_item("step", row.step)?;
            item.set_item("action_type", row.action_type)?;
            item.set_item("resource", row.resource)?;
            item.set_item("tool", row.tool)?;
            item.set_item("effect", row.effect.name())?;
            item.set_item("risk", row.risk)?;
            item.set_item("flagged", row.flagged)?;
            item.set_item("reason", row.reason)?;
            item.set_item("timestamp", rfc3339(row.at))?;
            list.append(item)?;
        }
        Ok(list)
    }

    /// `owner`, `client`, `unconnected` (forked, and has not asked since) or `closed`; `remote`
    /// where a server decides about everything.
    #[getter]
    fn place(&self) -> &'static str {
        self.decider.place()
    }

    /// How a client that decides by a server's policies stands with it; `None` for others.
    fn standing<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let Decider::Connected(connected) = &self.decider else {
            return Ok(None);
        };
        let standing = py.detach(|| connected.standing());
        let map = PyDict::new(py);
        map.set_item("owner", standing.owner)?;
        map.set_item("leased", standing.leased)?;
        map.set_item("bundle", standing.bundle)?;
        map.set_item("waiting", standing.waiting)?;
        map.set_item("refused", standing.refused)?;
        map.set_item("problem", standing.problem)?;
        map.set_item("upload_problem", standing.upload_problem)?;
        Ok(Some(map))
    }

    /// The rollbacks that the server waits for, as id, agent and number of steps; none in a process
    /// that does not own the data directory.
    fn rollbacks(&self) -> Vec<(String, String, u32)> {
        let Decider::Connected(connected) = &self.decider else {
            return Vec::new();
        };
        let wanted = connected.rollbacks().into_iter();
        wanted.map(|one| (one.id, one.agent, one.last)).collect()
    }

    /// Takes a rollback for this data directory; whether it is carried out here.
    fn claim_rollback(&self, py: Python<'_>, id: &str) -> PyResult<bool> {
        let Decider::Connected(connected) = &self.decider else {
            return Ok(false);
        };
        let id = rollback_id(py, id)?;
        py.detach(|| connected.claim_rollback(id))
            .map_err(|e| of_gate(py, &e))
    }

    /// Tells the server what came of a rollback; whether it takes it.
    fn end_rollback(
        &self,
        py: Python<'_>,
        id: &str,
        state: &str,
        undone: u32,
        irreversible: u32,
        message: &str,
    ) -> PyResult<bool> {
        let Decider::Connected(connected) = &self.decider else {
            return Ok(false);
        };
        let id = rollback_id(py, id)?;
        let Some(state) = RollbackState::ended(state) else {
            return Err(invalid(
                py,
                format!("`state` must be `done`, `stopped` or `failed`, not `{state}`"),
                "field.invalid",
            ));
        };
        let result = RollbackResult {
            state,
            undone,
            irreversible,
            message: message.chars().take(ROLLBACK_TEXT_CHARS_MAX).collect(),
        };
        py.detach(|| connected.end_rollback(id, &result))
            .map_err(|e| of_gate(py, &e))
    }

    /// Ends this process's part: the record is closed, another process may own the directory.
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.decider.close());
    }
}

fn rollback_id(py: Python<'_>, id: &str) -> PyResult<Uuid> {
    id.parse()
        .map_err(|_| invalid(py, format!("`{id}` is no rollback's id"), "field.invalid"))
}

/// What only the owner of a data directory does was asked of another process.
fn elsewhere(py: Python<'_>, what: &str) -> PyErr {
    configuration(
        py,
        format!("{what} in the process that owns the data directory, which this one is not"),
        "owner.elsewhere",
    )
}

/// An amount of US dollars in billionths: an `int`, a `float`, a `Decimal` or a `str`.
fn nano_usd(amount: &Bound<'_, PyAny>) -> PyResult<i64> {
    let text = amount.str()?.to_string();
    interlock_core::model::parse_nano(&text)
        .filter(|nano| *nano >= 0)
        .ok_or_else(|| {
            invalid(
                amount.py(),
                format!("`cost_usd` must be an amount from 0 on, not `{text}`"),
                "action.field-type",
            )
        })
}

/// What became of a report of an outcome.
#[pyclass(frozen, name = "Outcome", module = "interlock")]
#[derive(Debug)]
pub(crate) struct PyOutcome(OutcomeReply);

#[pymethods]
impl PyOutcome {
    /// What the detectors found in the result.
    #[getter]
    fn findings<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        findings(py, &self.0.findings)
    }

    /// Whether the session now counts as having read untrusted instructions.
    #[getter]
    fn tainted(&self) -> bool {
        self.0.tainted
    }

    /// The sequence number of its record.
    #[getter]
    fn seq(&self) -> u64 {
        self.0.seq
    }
}

/// An approval as it stands.
#[pyclass(frozen, name = "Approval", module = "interlock")]
#[derive(Debug)]
pub(crate) struct PyApproval(ApprovalRow);

#[pymethods]
impl PyApproval {
    /// Its id.
    #[getter]
    fn id(&self) -> String {
        self.0.asked.id.clone()
    }

    /// `pending`, `approved`, `denied`, `expired`, …
    #[getter]
    fn state(&self) -> &'static str {
        self.0.approval.state.name()
    }

    /// Whether it gives a grant now.
    #[getter]
    fn approved(&self) -> bool {
        self.0.approval.state.is_approved()
    }

    /// Whether people have yet to answer.
    #[getter]
    fn pending(&self) -> bool {
        self.0.approval.state == State::Pending
    }

    /// When it expires, which denies: RFC 3339.
    #[getter]
    fn expires_at(&self) -> String {
        rfc3339(self.0.approval.request.expires_at)
    }

    /// What was asked, for the person who answers.
    #[getter]
    fn asked<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let asked = &self.0.asked;
        let map = PyDict::new(py);
        map.set_item("agent", &asked.agent_id)?;
        map.set_item("action_type", &asked.action_type)?;
        map.set_item("resource", &asked.resource)?;
        map.set_item("tool", &asked.tool)?;
        map.set_item("group", &asked.group)?;
        map.set_item("risk", asked.risk)?;
        map.set_item("reason", &asked.reason)?;
        map.set_item("detail", &asked.detail)?;
        Ok(map)
    }

    fn __repr__(&self) -> String {
        format!("<Approval {} {}>", self.0.asked.id, self.state())
    }
}
