//! `/api/actions`: what agents did, and what became of it.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use interlock_core::model::{Effect, Outcome, OutcomeStatus, Value};
use interlock_runtime::Claimed;
use interlock_store::{ActionFilter, ActionRow, Cursor, Page, Search};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::check::{CheckRequest, CheckResponse, FindingBody, RiskBody};
use super::search::{self, Listed};
use super::{json, page, time};
use crate::App;
use crate::auth::{Caller, Permission};
use crate::error::{ApiError, ApiResult, ErrorBody};

/// What the log of an action answers.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Reported {
    /// Always true: it is in the record.
    pub logged: bool,
    /// The action's id.
    pub action_id: String,
    /// The risk, 0..1.
    pub risk_score: f64,
    /// The risk with its terms.
    pub risk: RiskBody,
    /// The published five dimensions and the blast radius, 0..1.
    pub risk_breakdown: std::collections::BTreeMap<String, f64>,
    /// Whether somebody should look at it.
    pub flagged: bool,
    /// Why.
    pub flag_reason: Option<String>,
    /// What a check would have decided: `allow`, `pause` or `block`.
    pub decision: String,
}

/// Logs an action that already ran: it is scored and recorded, nothing is enforced.
#[utoipa::path(
    post, path = "/api/actions", operation_id = "report_action", tag = "decisions",
    request_body = CheckRequest,
    responses(
        (status = 200, description = "It is in the record", body = Reported),
        (status = 400, description = "The action is malformed", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key is bound to another agent", body = ErrorBody),
        (status = 404, description = "The named approval does not exist", body = ErrorBody),
        (status = 409, description = "The idempotency key was used for another action", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 503, description = "It cannot be recorded", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn report(
    State(app): State<App>,
    caller: Caller,
    body: Bytes,
) -> ApiResult<Json<Reported>> {
    caller.require(Permission::Check)?;
    let mut action = super::check::parse_action(&body)?;
    let claimed = Claimed {
        decision: action
            .metadata
            .get("decision")
            .and_then(Value::as_str)
            .map(|d| d.chars().take(32).collect()),
        risk_milli: action
            .metadata
            .get("risk_score")
            .and_then(|v| match v {
                Value::Number(n) => n.as_nano(),
                _ => None,
            })
            .and_then(|nano| u16::try_from((nano / 1_000_000).clamp(0, 1_000)).ok()),
    };
    // A report is of something that happened; it can name no approval to use.
    action.metadata.remove(interlock_runtime::APPROVAL_FIELD);
    let checked = app.report(&caller, action, claimed).await?;
    let answer = CheckResponse::of(&checked);
    let flagged = checked.decision.effect >= Effect::RequireApproval;
    Ok(Json(Reported {
        logged: true,
        action_id: answer.id,
        risk_score: answer.risk_score,
        risk: answer.risk,
        risk_breakdown: answer.risk_breakdown,
        flagged,
        flag_reason: flagged.then_some(answer.reason),
        decision: answer.decision,
    }))
}

/// Which actions to list.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ActionQuery {
    /// How many, 1 to 1000; 50 by default.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<usize>,
    /// Only of this agent.
    pub agent_id: Option<String>,
    /// Only of this session.
    pub session_id: Option<String>,
    /// Only of this run.
    pub run_id: Option<String>,
    /// Only of this type.
    pub action_type: Option<String>,
    /// Only flagged ones, or only those not flagged.
    pub flagged: Option<bool>,
    /// Only those recorded before this sequence number.
    pub before: Option<u64>,
    /// Only those that a filter lets through: `agent:billing* decision:block risk:>70 since:24h`.
    /// One request searches for a quarter of a second at most; `interlock-searched-to` says how far
    /// it came, and `interlock-next` where to go on.
    #[param(max_length = 1000, example = "decision:block risk:>70")]
    pub q: Option<String>,
}

/// One action of the list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ActionBody {
    /// The decision's id.
    pub id: String,
    /// The sequence number of its record.
    pub seq: u64,
    /// The agent.
    pub agent_id: String,
    /// The session.
    pub session_id: String,
    /// The run.
    pub run_id: String,
    /// The position in the run.
    pub step: Option<i64>,
    /// The type.
    pub action_type: String,
    /// The resource, as asked.
    pub resource: String,
    /// The tool.
    pub tool: String,
    /// Masked payload or arguments.
    #[schema(value_type = Value)]
    pub payload: serde_json::Value,
    /// Whether its content was erased; the payload is `null` then.
    pub erased: bool,
    /// What was decided.
    pub effect: String,
    /// What the reporting client decided, or the published form of `effect`.
    pub decision: String,
    /// 0..1: the reporting client's score if it gave one, else ours.
    pub risk_score: f64,
    /// Our composite, 0..=100.
    pub risk: u16,
    /// The seven dimensions.
    #[schema(value_type = Object)]
    pub risk_breakdown: serde_json::Value,
    /// Whether somebody should look at it.
    pub flagged: bool,
    /// Why it was decided so.
    pub flag_reason: Option<String>,
    /// What asked, in its own words.
    pub source: Option<String>,
    /// How it ended, if that was reported.
    pub outcome: Option<String>,
    /// What it cost, a decimal of US dollars, if that was said.
    pub cost_usd: Option<String>,
    /// How long it ran, if that was said.
    pub latency_ms: Option<i64>,
    /// The rules that fired.
    pub rules: Vec<String>,
    /// What the detectors found.
    pub findings: Vec<String>,
    /// The OWASP agentic risks of what they found.
    pub asi: Vec<String>,
    /// The environment, if one was said.
    pub environment: Option<String>,
    /// The approval that it asked for or ran under.
    pub approval_id: Option<String>,
    /// Whether a detector or a rule failed.
    pub degraded: bool,
    /// Whether a client decided itself and reported it.
    pub reported: bool,
    /// Why it was decided so, also when it is not flagged.
    pub reason: String,
    /// Whether it was undone.
    pub rolled_back: bool,
    /// When, RFC 3339.
    pub timestamp: String,
}

impl From<ActionRow> for ActionBody {
    fn from(row: ActionRow) -> Self {
        let parse = |text: &str| serde_json::from_str(text).unwrap_or(serde_json::Value::Null);
        Self {
            decision: row
                .claimed
                .clone()
                .unwrap_or_else(|| super::check::published(row.effect).to_owned()),
            payload: parse(&row.payload),
            erased: row.erased,
            effect: row.effect.name().to_owned(),
            risk_score: f64::from(row.risk_milli) / 1_000.0,
            risk: row.risk,
            risk_breakdown: parse(&row.risk_breakdown),
            flagged: row.flagged,
            flag_reason: row.flagged.then(|| row.reason.clone()),
            source: (!row.source.is_empty()).then_some(row.source),
            cost_usd: row
                .outcome
                .as_ref()
                .and_then(|o| o.cost_nano_usd)
                .map(|nano| interlock_filter::Number(nano).to_string()),
            latency_ms: row.outcome.as_ref().and_then(|o| o.latency_ms),
            outcome: row.outcome.map(|o| o.status),
            rules: row.facets.rules,
            findings: row.facets.findings,
            asi: row.facets.asi,
            approval_id: Some(row.facets.approval).filter(|id| !id.is_empty()),
            degraded: row.facets.degraded,
            reported: row.claimed.is_some(),
            reason: row.reason,
            environment: Some(row.facets.environment).filter(|name| !name.is_empty()),
            rolled_back: row.rollback.is_some(),
            timestamp: time(row.at),
            id: row.id,
            seq: row.seq,
            agent_id: row.agent_id,
            session_id: row.session_id,
            run_id: row.run_id,
            step: row.step,
            action_type: row.action_type,
            resource: row.resource,
            tool: row.tool,
        }
    }
}

/// Lists actions, newest first.
#[utoipa::path(
    get, path = "/api/actions", operation_id = "list_actions", tag = "decisions",
    params(ActionQuery),
    responses(
        (status = 200, description = "The actions", body = Vec<ActionBody>, headers(
            ("interlock-next" = String, description = "Where the next page begins; give it as `before`"),
            ("interlock-searched-to" = String, description = "How far was looked, when the time of one request was over before the page was full"),
            ("interlock-behind" = u64, description = "How many recorded entries the list does not know yet, while they are added after a start"),
        )),
        (status = 400, description = "A parameter is out of range", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not read", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    query: Result<Query<ActionQuery>, axum::extract::rejection::QueryRejection>,
) -> ApiResult<Listed<ActionBody>> {
    caller.require(Permission::Read)?;
    let Query(query) =
        query.map_err(|e| ApiError::field("query", "field.invalid", e.body_text()))?;
    let limit = page(query.limit, 50)?;
    let terms = search::terms(query.q.as_deref(), &interlock_filter::ACTIONS)?;
    let filter = ActionFilter {
        agent_id: query.agent_id,
        session_id: query.session_id,
        run_id: query.run_id,
        action_type: query.action_type,
        flagged: query.flagged,
        before: query.before.map(Cursor),
        ..ActionFilter::default()
    };
    let (found, behind) = app
        .blocking(move |runtime| {
            let store = runtime.store();
            let behind = runtime.behind(caller.tenant());
            if terms.terms.is_empty() {
                let rows = store.actions(caller.tenant(), &filter, limit)?;
                let full = rows.len() == limit;
                let page = Page {
                    next: rows.last().filter(|_| full).map(|last| Cursor(last.seq)),
                    rows,
                    searched_to: None,
                };
                return Ok((page, behind));
            }
            let search = Search {
                terms: &terms,
                now: runtime.now(),
                budget: search::BUDGET,
            };
            let page = store.search_actions(caller.tenant(), &filter, &search, limit)?;
            Ok((page, behind))
        })
        .await?;
    Ok(Listed {
        rows: found.rows.into_iter().map(ActionBody::from).collect(),
        next: found.next.map(|cursor| cursor.0.to_string()),
        searched_to: found.searched_to,
        behind,
    })
}

/// What became of an action.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OutcomeRequest {
    /// `succeeded`, `failed` or `not_run`.
    #[schema(example = "succeeded", pattern = "^(succeeded|failed|not_run)$")]
    pub status: String,
    /// How long it took.
    #[schema(minimum = 0, maximum = 31536000000i64)]
    pub latency_ms: Option<i64>,
    /// What it cost, a decimal.
    #[schema(example = "0.012", pattern = r"^\d{1,9}(\.\d{1,9})?$")]
    pub cost_usd: Option<String>,
    /// Rows of the result.
    #[schema(minimum = 0)]
    pub rows: Option<i64>,
    /// The result's text; it is scanned, and kept apart from the record, which commits to it.
    #[schema(max_length = 131072)]
    pub result: Option<String>,
    /// Whether it was sent before and got no answer: then it is answered like the first.
    #[serde(default)]
    pub again: Option<bool>,
}

/// What the detectors say of the result.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OutcomeResponse {
    /// Findings in the result; show it to the agent as untrusted data, or not at all.
    pub findings: Vec<FindingBody>,
    /// Whether the session now counts as having read untrusted content.
    pub tainted: bool,
    /// The sequence number of the record.
    pub seq: u64,
}

/// Reports what became of an action, once; its result is scanned before the agent sees it.
#[utoipa::path(
    post, path = "/api/actions/{id}/outcome", operation_id = "report_outcome", tag = "decisions",
    params(("id" = String, Path, description = "The decision's id")),
    request_body = OutcomeRequest,
    responses(
        (status = 200, description = "It is in the record", body = OutcomeResponse),
        (status = 400, description = "The outcome is malformed", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not report", body = ErrorBody),
        (status = 404, description = "No such decision waits for an outcome", body = ErrorBody),
        (status = 409, description = "It was reported already", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 503, description = "It cannot be recorded", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn outcome(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    _headers: HeaderMap,
    body: Bytes,
) -> ApiResult<Json<OutcomeResponse>> {
    caller.require(Permission::Check)?;
    let id = id
        .parse()
        .map_err(|_| ApiError::not_found("decision that waits for an outcome"))?;
    let request: OutcomeRequest = json(&body)?;
    let status = OutcomeStatus::from_name(&request.status)
        .filter(|s| *s != OutcomeStatus::Unknown)
        .ok_or_else(|| {
            ApiError::field(
                "status",
                "field.invalid",
                "`status` must be `succeeded`, `failed` or `not_run`",
            )
        })?;
    let natural = |field: &'static str, n: Option<i64>| match n {
        Some(n) if n < 0 => Err(ApiError::field(
            field,
            "field.invalid",
            format!("`{field}` must not be negative"),
        )),
        other => Ok(other),
    };
    let cost_nano_usd = match request.cost_usd.as_deref() {
        None => 0,
        Some(text) => interlock_core::model::parse_nano(text)
            .filter(|n| *n >= 0)
            .ok_or_else(|| {
                ApiError::field(
                    "cost_usd",
                    "field.invalid",
                    "`cost_usd` must be a decimal from 0 to 9223372036",
                )
            })?,
    };
    if let Some(result) = &request.result
        && result.len() > interlock_core::model::limits::STRING_BYTES_MAX
    {
        return Err(ApiError::field(
            "result",
            "field.invalid",
            format!(
                "`result` has {} bytes, the limit is {}",
                result.len(),
                interlock_core::model::limits::STRING_BYTES_MAX
            ),
        ));
    }
    let outcome = Outcome {
        status,
        latency_ms: natural("latency_ms", request.latency_ms)?.unwrap_or(0),
        cost_nano_usd,
        result_bytes: request
            .result
            .as_ref()
            .map_or(0, |r| i64::try_from(r.len()).unwrap_or(i64::MAX)),
        rows: natural("rows", request.rows)?,
        result: request.result,
    };
    let reply = app
        .blocking(move |runtime| {
            let again = request.again.unwrap_or(false);
            runtime.outcome_again(&caller.principal, id, &outcome, again)
        })
        .await?;
    Ok(Json(OutcomeResponse {
        findings: super::check::findings(&reply.findings),
        tainted: reply.tainted,
        seq: reply.seq,
    }))
}
