//! The gate to a data directory.

use std::time::Duration;

use interlock_core::audit::record::ContentMode;
use interlock_core::model::{Action, Outcome, OutcomeStatus, Principal, Role, Value, parse_nano};
use interlock_runtime::{Answer, Change, CheckOptions, Decider, Edit, GateOptions, Options, Say};
use interlock_store::journal::Durability;
use napi::bindgen_prelude::AsyncTask;
use napi::{Env, Result, Task};
use napi_derive::napi;
use uuid::Uuid;

use crate::answer;
use crate::error::{configuration, invalid, of_action, of_gate};
use crate::server::Server;
use crate::task::caught;

/// An agent's process has no lists to keep up to date; whoever looks opens the directory.
const GATHER: Duration = Duration::from_secs(2);

/// Decides on actions, in this process or through the one that owns the data directory.
#[napi]
#[derive(Debug)]
pub struct Engine {
    pub(crate) decider: Decider,
}

#[napi]
impl Engine {
    /// Opens the directory `data`, or joins the process that owns it; with `server`, by its policies.
    ///
    /// # Errors
    /// When the policies do not compile, or the directory cannot be opened.
    #[napi(constructor, catch_unwind)]
    pub fn new(
        data: String,
        policies: Vec<String>,
        durability: String,
        content: String,
        patience_ms: u32,
        server: Option<Server>,
    ) -> Result<Self> {
        let mut sources = Vec::new();
        for name in &policies {
            let found = interlock_policy::named(name);
            sources.extend(found.map_err(|d| configuration(&d.to_string(), d.code))?);
        }
        let durability = match durability.as_str() {
            "strict" => Durability::Strict,
            "batch" => Durability::Batch,
            "async" => Durability::Async,
            other => {
                let text =
                    format!("`durability` must be `strict`, `batch` or `async`, not `{other}`");
                return Err(configuration(&text, "config.invalid"));
            }
        };
        let content = match content.as_str() {
            "full" => ContentMode::Full,
            "hashes" => ContentMode::Hashes,
            "none" => ContentMode::None,
            other => {
                let text = format!("`content` must be `full`, `hashes` or `none`, not `{other}`");
                return Err(configuration(&text, "config.invalid"));
            }
        };
        let patience = Duration::from_millis(u64::from(patience_ms));
        let options = GateOptions {
            runtime: Options {
                policies: sources,
                durability,
                content,
                gather: GATHER,
                ..Options::on(data.as_ref())
            },
            patience,
        };
        let server = server.map(|server| server.options(patience));
        let decider = Decider::open(options, server).map_err(|e| of_gate(&e))?;
        Ok(Self { decider })
    }

    /// Decides on an action, given as JSON; it is on record when this returns.
    ///
    /// # Errors
    /// When there is no decision: the action must not run.
    #[napi(catch_unwind)]
    pub fn check_sync(&self, action: String) -> Result<String> {
        check(&self.decider, &action)
    }

    /// As `checkSync` where that waits for no disk and no other process; otherwise nothing is done.
    /// Two threads to wake, there and back, cost more than a decision.
    ///
    /// # Errors
    /// As those of `checkSync`.
    #[napi(catch_unwind)]
    pub fn check_at_once(&self, action: String) -> Result<Option<String>> {
        let at_once = self.decider.answers_at_once();
        at_once.then(|| check(&self.decider, &action)).transpose()
    }

    /// As `checkSync`, on a thread of the pool.
    #[napi]
    pub fn check(&self, action: String) -> AsyncTask<CheckTask> {
        AsyncTask::new(CheckTask {
            decider: self.decider.clone(),
            action,
        })
    }

    /// Reports what became of an action, once; its result is scanned.
    ///
    /// # Errors
    /// When the outcome was not taken, or it is not known whether it was.
    #[napi(catch_unwind)]
    pub fn outcome_sync(&self, report: Report) -> Result<String> {
        outcome(&self.decider, &report)
    }

    /// As `outcomeSync` where `checkAtOnce` would decide; otherwise nothing is done.
    ///
    /// # Errors
    /// As those of `outcomeSync`.
    #[napi(catch_unwind)]
    pub fn outcome_at_once(&self, report: Report) -> Result<Option<String>> {
        let at_once = self.decider.answers_at_once();
        at_once.then(|| outcome(&self.decider, &report)).transpose()
    }

    /// As `outcomeSync`, on a thread of the pool.
    #[napi]
    pub fn outcome(&self, report: Report) -> AsyncTask<OutcomeTask> {
        AsyncTask::new(OutcomeTask {
            decider: self.decider.clone(),
            report,
        })
    }

    /// An approval once it is decided, or as it stands after `wait_ms`; blocks so long.
    ///
    /// # Errors
    /// When there is none of that id.
    #[napi(catch_unwind)]
    pub fn approval_sync(&self, id: String, wait_ms: u32) -> Result<String> {
        approval(&self.decider, &id, wait_ms)
    }

    /// An approval as it stands.
    #[napi]
    pub fn approval(&self, id: String) -> AsyncTask<ApprovalTask> {
        AsyncTask::new(ApprovalTask {
            decider: self.decider.clone(),
            id,
        })
    }

    /// Records a person's answer to an approval; only in the process that owns the directory. Who agrees
    /// may give other arguments, as JSON.
    ///
    /// # Errors
    /// When another process owns it, the approval takes no answer, or the arguments are no JSON.
    #[napi(catch_unwind)]
    pub fn decide_approval(
        &self,
        id: String,
        approver: String,
        approve: bool,
        reason: String,
        arguments: Option<String>,
    ) -> Result<String> {
        if self.decider.has_server() {
            return Err(configuration(
                "the server asks people and takes their answers: answer there",
                "owner.elsewhere",
            ));
        }
        let Some(runtime) = self.decider.runtime() else {
            return Err(configuration(
                "another process owns the data directory: answer there, or with `interlock approvals`",
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
                    configuration(&format!("`arguments` are not JSON: {e}"), "body.invalid")
                })?),
                resource: None,
                expected: None,
            }),
            None => None,
        };
        let said = Answer {
            approver: &approver,
            say: match &edit {
                _ if !approve => Say::Deny,
                Some(edit) => Say::Edit(edit),
                None => Say::Approve,
            },
            seen: None,
            reason: &reason,
            via: "embedded",
        };
        let answered = runtime
            .answer_approval(&person, &id, &said)
            .map_err(|e| of_gate(&e.into()))?;
        Ok(answer::approval(&answered.row))
    }

    /// `owner`, `client`, `unconnected` or `closed`; `remote` where a server decides about everything.
    #[napi(getter)]
    pub fn place(&self) -> &'static str {
        self.decider.place()
    }

    /// Ends this process's part: the record is closed, another process may own the directory.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.decider.close();
    }
}

/// What became of an action.
#[napi(object)]
#[derive(Debug, Clone)]
pub struct Report {
    /// The decision's id.
    pub id: String,
    /// `succeeded`, `failed`, `not_run` or `unknown`.
    pub status: String,
    /// How long it took.
    pub latency_ms: f64,
    /// What it cost, in US dollars.
    pub cost_usd: Option<String>,
    /// Its result, for the detectors.
    pub result: Option<String>,
    /// The size of the result.
    pub result_bytes: f64,
    /// How many rows it touched.
    pub rows: Option<f64>,
}

fn check(decider: &Decider, json: &str) -> Result<String> {
    let action = Action::from_json(json.as_bytes()).map_err(|e| of_action(&e))?;
    let arguments = action.capabilities.redact.then(|| action.arguments.clone());
    let checked = decider
        .check(action, &CheckOptions::default())
        .map_err(|e| of_gate(&e))?;
    Ok(answer::decision(&checked, arguments.as_ref()))
}

/// A count from JavaScript, where all numbers are floating: whole and from 0 on.
pub(crate) fn count(field: &str, number: f64) -> Result<i64> {
    /// The largest integer that a double holds exactly with all below it.
    const SAFE_MAX: f64 = 9_007_199_254_740_991.0;
    if number.fract() == 0.0 && (0.0..=SAFE_MAX).contains(&number) {
        // Exact: whole and within 53 bits.
        return Ok(number as i64);
    }
    Err(invalid(
        &format!("`{field}` must be a whole number from 0 on, not `{number}`"),
        "field.invalid",
    ))
}

pub(crate) fn outcome(decider: &Decider, report: &Report) -> Result<String> {
    let Some(status) = OutcomeStatus::from_name(&report.status) else {
        let text = format!(
            "`status` must be `succeeded`, `failed`, `not_run` or `unknown`, not `{}`",
            report.status
        );
        return Err(invalid(&text, "field.invalid"));
    };
    let Ok(id) = report.id.parse::<Uuid>() else {
        let text = format!("`{}` is no decision's id", report.id);
        return Err(invalid(&text, "field.invalid"));
    };
    let cost = report.cost_usd.as_deref().unwrap_or("0");
    let Some(cost_nano_usd) = parse_nano(cost).filter(|nano| *nano >= 0) else {
        let text = format!("`costUsd` must be an amount from 0 on, not `{cost}`");
        return Err(invalid(&text, "action.field-type"));
    };
    let outcome = Outcome {
        status,
        latency_ms: count("latencyMs", report.latency_ms)?,
        cost_nano_usd,
        result_bytes: count("resultBytes", report.result_bytes)?,
        rows: report.rows.map(|rows| count("rows", rows)).transpose()?,
        result: report.result.clone(),
    };
    let reply = decider.outcome(id, &outcome).map_err(|e| of_gate(&e))?;
    Ok(answer::outcome(&reply))
}

pub(crate) fn approval(decider: &Decider, id: &str, wait_ms: u32) -> Result<String> {
    let wait = Duration::from_millis(u64::from(wait_ms));
    let row = decider.approval(id, wait).map_err(|e| of_gate(&e))?;
    Ok(answer::approval(&row))
}

/// One check that is under way.
#[derive(Debug)]
pub struct CheckTask {
    decider: Decider,
    action: String,
}

/// One report that is under way.
#[derive(Debug)]
pub struct OutcomeTask {
    decider: Decider,
    report: Report,
}

/// One look at an approval that is under way.
#[derive(Debug)]
pub struct ApprovalTask {
    decider: Decider,
    id: String,
}

macro_rules! task {
    ($task:ident, $self:ident => $work:expr) => {
        impl Task for $task {
            type Output = String;
            type JsValue = String;

            fn compute(&mut $self) -> Result<String> {
                caught(|| $work)
            }

            fn resolve(&mut self, _: Env, output: String) -> Result<String> {
                Ok(output)
            }
        }
    };
}

task!(CheckTask, self => check(&self.decider, &self.action));
task!(OutcomeTask, self => outcome(&self.decider, &self.report));
task!(ApprovalTask, self => approval(&self.decider, &self.id, 0));
