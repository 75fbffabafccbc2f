//! `/api/what-if`: a draft over recorded actions, before it is published.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use interlock_core::model::UnixNanos;
use interlock_policy::FILE_BYTES_MAX;
use interlock_runtime::{
    Runtime, RuntimeError, Sample, SampleGroup, WhatIfJob, WhatIfRange, WhatIfReport, WhatIfState,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{json, time};
use crate::App;
use crate::auth::{Caller, Permission};
use crate::error::{ApiError, ApiResult, ErrorBody};

/// How long a request waits for a replay that may end at once, where it does not say.
const WAIT_MS: u64 = 1_000;
/// How long it may wait.
const WAIT_MS_MAX: u64 = 10_000;
const NAME_BYTES_MAX: usize = 256;

/// A draft, and the recorded actions that it decides anew.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WhatIfRequest {
    /// The bundle that is drafted: `team.yaml`. It takes the place of the one of its name; every
    /// other policy of the tenant stays.
    #[schema(min_length = 1, max_length = 256, example = "team.yaml")]
    pub name: String,
    /// The draft's text: YAML, or Cedar when the name ends in `.cedar`.
    #[schema(max_length = 1000000, example = "interlock: 1\ndefault: allow\n")]
    pub text: Option<String>,
    /// Instead of a text: the text that the bundle had at this revision.
    pub revision: Option<u64>,
    /// Only the actions of this run.
    #[schema(max_length = 512)]
    pub run: Option<String>,
    /// Only the actions of this agent.
    #[schema(max_length = 512)]
    pub agent: Option<String>,
    /// Only actions decided at or after this time, RFC 3339.
    #[schema(format = DateTime)]
    pub since: Option<String>,
    /// Only actions decided before this time, RFC 3339.
    #[schema(format = DateTime)]
    pub until: Option<String>,
    /// How long the answer may wait for the end, in milliseconds, 0 to 10,000; 1,000 when absent.
    #[schema(minimum = 0, maximum = 10000)]
    pub wait_ms: Option<u64>,
}

/// A recorded action.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WhatIfSample {
    /// Its place in the record.
    pub seq: u64,
    /// The decision's id; `GET /api/actions/{id}` explains it. Empty when the record is not readable.
    pub id: String,
    /// When it was decided.
    pub at: String,
    /// The run; empty without one.
    pub run_id: String,
    /// The agent.
    pub agent_id: String,
    /// What kind of action.
    pub action_type: String,
    /// The tool.
    pub tool: String,
    /// What it was about, as asked.
    pub resource: String,
    /// What was decided.
    pub from: String,
    /// What the draft decides; null when that is not known.
    pub to: Option<String>,
    /// The rule that makes the difference; empty without one.
    pub rule: String,
}

impl From<&Sample> for WhatIfSample {
    fn from(sample: &Sample) -> Self {
        Self {
            seq: sample.seq,
            id: sample.id.clone(),
            at: time(sample.at),
            run_id: sample.run.clone(),
            agent_id: sample.agent.clone(),
            action_type: sample.action_type.clone(),
            tool: sample.tool.clone(),
            resource: sample.resource.clone(),
            from: sample.from.name().to_owned(),
            to: sample.to.map(|to| to.name().to_owned()),
            rule: sample.rule.clone(),
        }
    }
}

/// A number of actions and the first of them.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WhatIfGroup {
    /// How many.
    pub count: u64,
    /// The first.
    pub samples: Vec<WhatIfSample>,
}

impl From<&SampleGroup> for WhatIfGroup {
    fn from(group: &SampleGroup) -> Self {
        Self {
            count: group.count,
            samples: group.samples.iter().map(WhatIfSample::from).collect(),
        }
    }
}

/// How often one effect became another.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WhatIfPair {
    /// What was decided.
    pub from: String,
    /// What the draft decides.
    pub to: String,
    /// How often.
    pub count: u64,
}

/// Decisions that change alike.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WhatIfFlip {
    /// The rule that makes the difference: it decides now, or no longer does.
    pub rule: String,
    /// The agent.
    pub agent_id: String,
    /// The tool.
    pub tool: String,
    /// What was decided.
    pub from: String,
    /// What the draft decides.
    pub to: String,
    /// How many.
    pub count: u64,
    /// The first of them.
    pub samples: Vec<WhatIfSample>,
}

/// Actions that could not be re-evaluated for one reason.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WhatIfUnevaluated {
    /// The stable name of the reason.
    pub code: String,
    /// The reason for people.
    pub meaning: String,
    /// Which argument, rule, detector or fact; empty where the reason says it all.
    pub what: String,
    /// How many.
    pub count: u64,
    /// The first of them.
    pub samples: Vec<WhatIfSample>,
}

/// The work of people under the draft.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WhatIfReviewers {
    /// Actions that would wait for a person and did not.
    pub asks_more: u64,
    /// Actions that waited for a person and would not.
    pub asks_less: u64,
    /// Minutes of people that the draft costs: the former times the seconds of one.
    pub minutes_more: f64,
    /// Minutes that it saves.
    pub minutes_less: f64,
    /// Seconds from a question to a person's answer: the median of those recorded.
    pub seconds_each: u64,
    /// From how many answers; with none, `seconds_each` is an assumption.
    pub measured: u64,
    /// There are more approvals than were looked at.
    pub cut: bool,
}

/// What came of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WhatIfReportBody {
    /// Recorded actions in the range.
    pub actions: u64,
    /// Those decided the same.
    pub same: u64,
    /// Those decided more strictly.
    pub stricter: u64,
    /// Those decided more mildly.
    pub milder: u64,
    /// Those that could not be re-evaluated.
    pub not_evaluated: u64,
    /// Re-evaluated ones of which a finding no longer counts while the scores are those with it.
    pub scores_as_recorded: u64,
    /// How often each effect became another.
    pub pairs: Vec<WhatIfPair>,
    /// What changes, most first.
    pub flips: Vec<WhatIfFlip>,
    /// Changes that are counted but not listed.
    pub flips_further: u64,
    /// What could not be re-evaluated, most first.
    pub unevaluated: Vec<WhatIfUnevaluated>,
    /// Reasons that are counted but not listed.
    pub unevaluated_further: u64,
    /// The work of people.
    pub reviewers: WhatIfReviewers,
    /// Blocked although a person had approved: likely false alarms.
    pub approved_blocked: WhatIfGroup,
    /// Running although a person had denied: likely misses.
    pub denied_runs: WhatIfGroup,
    /// Running although policy had blocked.
    pub blocked_runs: WhatIfGroup,
}

#[expect(clippy::cast_precision_loss, reason = "minutes for people, to a tenth")]
fn minutes(actions: u64, seconds: u64) -> f64 {
    (actions.saturating_mul(seconds) as f64 / 6.0).round() / 10.0
}

impl From<&WhatIfReport> for WhatIfReportBody {
    fn from(report: &WhatIfReport) -> Self {
        let people = &report.reviewers;
        Self {
            actions: report.actions,
            same: report.same,
            stricter: report.stricter,
            milder: report.milder,
            not_evaluated: report.unknown,
            scores_as_recorded: report.scores_as_recorded,
            pairs: report
                .pairs
                .iter()
                .map(|(from, to, count)| WhatIfPair {
                    from: from.name().to_owned(),
                    to: to.name().to_owned(),
                    count: *count,
                })
                .collect(),
            flips: report
                .flips
                .iter()
                .map(|flip| WhatIfFlip {
                    rule: flip.rule.clone(),
                    agent_id: flip.agent.clone(),
                    tool: flip.tool.clone(),
                    from: flip.from.name().to_owned(),
                    to: flip.to.name().to_owned(),
                    count: flip.actions.count,
                    samples: flip
                        .actions
                        .samples
                        .iter()
                        .map(WhatIfSample::from)
                        .collect(),
                })
                .collect(),
            flips_further: report.further.flips,
            unevaluated: report
                .unevaluated
                .iter()
                .map(|one| WhatIfUnevaluated {
                    code: one.kind.name().to_owned(),
                    meaning: one.kind.meaning().to_owned(),
                    what: one.what.clone(),
                    count: one.actions.count,
                    samples: one.actions.samples.iter().map(WhatIfSample::from).collect(),
                })
                .collect(),
            unevaluated_further: report.further.unevaluated,
            reviewers: WhatIfReviewers {
                asks_more: people.asks_more,
                asks_less: people.asks_less,
                minutes_more: minutes(people.asks_more, people.median_s),
                minutes_less: minutes(people.asks_less, people.median_s),
                seconds_each: people.median_s,
                measured: people.measured,
                cut: people.cut,
            },
            approved_blocked: (&report.approved_blocked).into(),
            denied_runs: (&report.denied_runs).into(),
            blocked_runs: (&report.blocked_runs).into(),
        }
    }
}

/// A replay and how far it is.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WhatIfBody {
    /// Its id.
    pub id: String,
    /// `running`, `done`, `cancelled` or `failed`.
    #[schema(example = "running")]
    pub state: String,
    /// Who asked.
    pub by: String,
    /// When.
    pub at: String,
    /// Entries of the record read.
    pub entries: u64,
    /// Entries of the record there are.
    pub entries_total: u64,
    /// Actions decided anew so far.
    pub actions: u64,
    /// Why it failed.
    pub message: Option<String>,
    /// What came of it, once it is done.
    pub report: Option<WhatIfReportBody>,
}

fn body(job: &WhatIfJob, state: &WhatIfState) -> WhatIfBody {
    let read = |n: &std::sync::atomic::AtomicU64| n.load(Ordering::Relaxed);
    WhatIfBody {
        id: job.id.to_string(),
        state: state.name().to_owned(),
        by: job.by.clone(),
        at: time(job.at),
        entries: read(&job.progress.entries),
        entries_total: read(&job.progress.entries_total),
        actions: read(&job.progress.actions),
        message: match state {
            WhatIfState::Failed(why) => Some(why.clone()),
            _ => None,
        },
        report: match state {
            WhatIfState::Done(report) => Some(WhatIfReportBody::from(&**report)),
            _ => None,
        },
    }
}

fn instant(field: &'static str, text: Option<&str>) -> ApiResult<Option<UnixNanos>> {
    let Some(text) = text else {
        return Ok(None);
    };
    text.parse::<jiff::Timestamp>()
        .ok()
        .and_then(|at| i64::try_from(at.as_nanosecond()).ok())
        .map(Some)
        .ok_or_else(|| {
            ApiError::field(
                field,
                "field.invalid",
                format!("`{field}` must be a time such as `2026-01-31T00:00:00Z`"),
            )
        })
}

fn range(request: &WhatIfRequest) -> ApiResult<WhatIfRange> {
    for (field, value) in [("run", &request.run), ("agent", &request.agent)] {
        if value
            .as_ref()
            .is_some_and(|v| v.is_empty() || v.len() > 512)
        {
            return Err(ApiError::field(
                field,
                "field.invalid",
                format!("`{field}` must be 1 to 512 bytes"),
            ));
        }
    }
    Ok(WhatIfRange {
        tenant: None,
        run: request.run.clone(),
        agent: request.agent.clone(),
        since: instant("since", request.since.as_deref())?,
        until: instant("until", request.until.as_deref())?,
    })
}

/// The draft's text, as given or as it was at a revision.
fn text(runtime: &Runtime, tenant: &str, request: &WhatIfRequest) -> Result<String, RuntimeError> {
    match (&request.text, request.revision) {
        (Some(text), _) => Ok(text.clone()),
        (None, revision) => Ok(runtime
            .store()
            .bundle(tenant, &request.name, revision)?
            .text),
    }
}

/// Decides recorded actions anew under a draft: from the facts, findings, scores and readings of the
/// record, no detector runs again. Nothing changes. A short range is answered at once; of a longer
/// one `GET /api/what-if/{id}` says how far it is. What cannot be re-evaluated is listed.
#[utoipa::path(
    post, path = "/api/what-if", operation_id = "start_what_if", tag = "policies",
    request_body = WhatIfRequest,
    responses(
        (status = 200, description = "It has ended", body = WhatIfBody),
        (status = 202, description = "It runs", body = WhatIfBody,
            links(
                ("progress" = (operation_id = "get_what_if", parameters(("id" = "$response.body#/id")))),
                ("cancel" = (operation_id = "cancel_what_if", parameters(("id" = "$response.body#/id")))),
            )),
        (status = 400, description = "A field is out of its limits", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not change policies", body = ErrorBody),
        (status = 404, description = "There is no such bundle or revision", body = ErrorBody),
        (status = 409, description = "Too many replays run", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 422, description = "The draft does not compile", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn start(
    State(app): State<App>,
    caller: Caller,
    bytes: Bytes,
) -> ApiResult<(StatusCode, Json<WhatIfBody>)> {
    caller.require(Permission::EditPolicies)?;
    let request: WhatIfRequest = json(&bytes)?;
    let invalid = |field: &'static str, message: String| {
        Err(ApiError::field(field, "field.invalid", message))
    };
    if request.name.is_empty() || request.name.len() > NAME_BYTES_MAX {
        return invalid(
            "name",
            format!("`name` must be 1 to {NAME_BYTES_MAX} bytes"),
        );
    }
    if request
        .text
        .as_ref()
        .is_some_and(|t| t.len() > FILE_BYTES_MAX)
    {
        return invalid(
            "text",
            format!("`text` must be at most {FILE_BYTES_MAX} bytes"),
        );
    }
    if request.text.is_some() && request.revision.is_some() {
        return invalid(
            "revision",
            "give either `text` or `revision`, and not both".to_owned(),
        );
    }
    let wait_ms = request.wait_ms.unwrap_or(WAIT_MS);
    if wait_ms > WAIT_MS_MAX {
        return invalid("wait_ms", format!("`wait_ms` must be 0 to {WAIT_MS_MAX}"));
    }
    let range = range(&request)?;
    let (job, state) = app
        .blocking(move |runtime| {
            let tenant = caller.tenant();
            let text = text(runtime, tenant, &request)?;
            let draft = runtime.what_if_draft(tenant, &request.name, &text)?;
            let job = runtime.start_what_if(tenant, &caller.subject, draft, range)?;
            let state = job.wait(Duration::from_millis(wait_ms));
            Ok((job, state))
        })
        .await?;
    let status = if state == WhatIfState::Running {
        StatusCode::ACCEPTED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(body(&job, &state))))
}

fn job(app: &App, caller: &Caller, id: &str) -> ApiResult<std::sync::Arc<WhatIfJob>> {
    app.runtime()
        .what_if_job(caller.tenant(), id)
        .ok_or_else(|| ApiError::not_found("replay"))
}

/// How far a replay is, and what came of it. The latest ones are kept until the server stops.
#[utoipa::path(
    get, path = "/api/what-if/{id}", operation_id = "get_what_if", tag = "policies",
    params(("id" = String, Path, description = "The replay's id")),
    responses(
        (status = 200, description = "The replay", body = WhatIfBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not read", body = ErrorBody),
        (status = 404, description = "No such replay", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<WhatIfBody>> {
    caller.require(Permission::Read)?;
    let job = job(&app, &caller, &id)?;
    Ok(Json(body(&job, &job.state())))
}

/// Ends a replay. One that has ended stays as it is.
#[utoipa::path(
    delete, path = "/api/what-if/{id}", operation_id = "cancel_what_if", tag = "policies",
    params(("id" = String, Path, description = "The replay's id")),
    responses(
        (status = 200, description = "It ends, or has ended", body = WhatIfBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not change policies", body = ErrorBody),
        (status = 404, description = "No such replay", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn cancel(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<WhatIfBody>> {
    caller.require(Permission::EditPolicies)?;
    let job = job(&app, &caller, &id)?;
    job.progress.stop();
    let running = std::sync::Arc::clone(&job);
    let state = app
        .blocking(move |_| Ok(running.wait(Duration::from_millis(WAIT_MS))))
        .await?;
    Ok(Json(body(&job, &state)))
}
