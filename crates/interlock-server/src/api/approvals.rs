//! `/api/approvals`: people in the loop.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use interlock_core::approval::State as ApprovalState;
use interlock_core::model::patch::Patch;
use interlock_core::model::{ActionDigest, Value};
use interlock_filter::APPROVALS;
use interlock_runtime::{Answer, Answered, Change, Edit, Runtime, RuntimeError, Say};
use interlock_store::{ApprovalFilter, ApprovalRow, InboxCursor, PAGE_ROWS_MAX, sift};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::search::{self, Listed};
use super::{json, page, time};
use crate::App;
use crate::auth::{Caller, Permission};
use crate::error::{ApiError, ApiResult, ErrorBody};

/// Answers of one request.
const BATCH_MAX: usize = 100;
/// The longest that one request waits, in seconds: below what proxies cut.
const HOLD_S_MAX: u64 = 50;

/// One person's answer.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct VoteBody {
    /// Who.
    pub approver: String,
    /// Whether they agreed.
    pub approves: bool,
    /// Why, in their words.
    pub reason: String,
    /// When.
    pub at: String,
}

/// An approval.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ApprovalBody {
    /// Its id; give it as `approval_id` with the same action to use the grant.
    pub id: String,
    /// `pending`, `approved`, `denied`, `expired`, `claimed`, …
    pub state: String,
    /// The agent that asked.
    pub agent_id: String,
    /// The run.
    pub run_id: String,
    /// The type of the action.
    pub action_type: String,
    /// The resource.
    pub resource: String,
    /// The tool.
    pub tool: String,
    /// The group that is asked.
    pub group: String,
    /// How many people must agree.
    pub quorum: u8,
    /// How many have, of those who may still act.
    pub agreed: usize,
    /// The composite risk, 0..=100.
    pub risk: u16,
    /// Why it is asked.
    pub reason: String,
    /// What the person is shown: masked arguments, reasons.
    #[schema(value_type = serde_json::Value)]
    pub detail: serde_json::Value,
    /// The digest of the action as it was asked, hex.
    pub action_hash: String,
    /// The digest of the action that the next person agrees to: another one, once somebody has
    /// edited the arguments.
    pub proposed_hash: String,
    /// Counts the changes of this approval.
    pub version: u64,
    /// What people answered.
    pub votes: Vec<VoteBody>,
    /// When it was asked.
    pub requested_at: String,
    /// When it expires, which denies.
    pub expires_at: String,
    /// Whether an earlier decision stands instead of this answer.
    pub already_decided: bool,
    /// Where it stands in the list: give it as `after` to get what follows.
    pub cursor: String,
}

pub(crate) fn body(
    app: &App,
    tenant: &str,
    row: ApprovalRow,
    already_decided: bool,
) -> ApprovalBody {
    let agreed = app.runtime().agreed(tenant, &row);
    let cursor = InboxCursor {
        requested_at: row.approval.requested_at,
        id: row.asked.id.clone(),
    };
    ApprovalBody {
        cursor: cursor.to_string(),
        state: row.approval.state.name().to_owned(),
        quorum: row.approval.request.quorum,
        agreed,
        action_hash: row.approval.request.digest.to_hex(),
        proposed_hash: row.approval.proposed().to_hex(),
        version: row.approval.version,
        votes: row
            .approval
            .votes
            .iter()
            .map(|vote| VoteBody {
                approver: vote.approver.clone(),
                approves: vote.approves,
                reason: vote.reason.clone(),
                at: time(vote.at),
            })
            .collect(),
        requested_at: time(row.approval.requested_at),
        expires_at: time(row.approval.request.expires_at),
        detail: serde_json::from_str(&row.asked.detail).unwrap_or(serde_json::Value::Null),
        id: row.asked.id,
        agent_id: row.asked.agent_id,
        run_id: row.asked.run_id,
        action_type: row.asked.action_type,
        resource: row.asked.resource,
        tool: row.asked.tool,
        group: row.asked.group,
        risk: row.asked.risk,
        reason: row.asked.reason,
        already_decided,
    }
}

/// Which approvals to list.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ApprovalQuery {
    /// Only those in this state; `pending` by default, `all` for all.
    pub state: Option<String>,
    /// Only those of this agent.
    pub agent_id: Option<String>,
    /// The newest first, instead of what waits longest.
    pub newest: Option<bool>,
    /// Only those that follow the one with this `cursor`, in the same order: what the header
    /// `interlock-next` of the page before said.
    #[param(max_length = 512)]
    pub after: Option<String>,
    /// How many, 1 to 1000; 100 by default.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<usize>,
    /// Only those that a filter lets through: `group:finance risk:>50 agent:billing*`.
    #[param(max_length = 1000, example = "risk:>50")]
    pub q: Option<String>,
}

/// Lists approvals, the oldest first, or the newest.
#[utoipa::path(
    get, path = "/api/approvals", operation_id = "list_approvals", tag = "approvals",
    params(ApprovalQuery),
    responses(
        (status = 200, description = "The approvals", body = Vec<ApprovalBody>, headers(
            ("interlock-next" = String, description = "Where the next page begins; give it as `after`"),
            ("interlock-searched-to" = String, description = "How far was looked, when the time of one request was over before the page was full"),
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
    query: Result<Query<ApprovalQuery>, axum::extract::rejection::QueryRejection>,
) -> ApiResult<Listed<ApprovalBody>> {
    let tenant = Arc::clone(&caller.principal.tenant);
    caller.require(Permission::Read)?;
    let Query(query) =
        query.map_err(|e| ApiError::field("query", "field.invalid", e.body_text()))?;
    let limit = page(query.limit, 100)?;
    let state = match query.state.as_deref() {
        Some("all") => None,
        None => Some(ApprovalState::Pending),
        Some(name) => Some(ApprovalState::from_name(name).ok_or_else(|| {
            ApiError::field(
                "state",
                "field.invalid",
                "`state` must be the name of a state, or `all`",
            )
        })?),
    };
    let terms = search::terms(query.q.as_deref(), &APPROVALS)?;
    let after: Option<InboxCursor> = match query.after.as_deref().map(str::parse).transpose() {
        Ok(after) => after,
        Err(_) => {
            return Err(ApiError::field(
                "after",
                "field.invalid",
                "`after` must be the `cursor` of an approval",
            ));
        }
    };
    let filter = ApprovalFilter {
        state,
        agent_id: query.agent_id,
        newest: query.newest == Some(true),
        ..ApprovalFilter::default()
    };
    let found = app
        .blocking(move |runtime| {
            let (store, now) = (runtime.store(), runtime.now());
            let all = terms.terms.is_empty();
            let read = |after: Option<&InboxCursor>| {
                let rows = if all { limit } else { PAGE_ROWS_MAX };
                let mut filter = filter.clone();
                filter.after = after.cloned();
                store.approvals(caller.tenant(), &filter, rows)
            };
            let place = |row: &ApprovalRow| {
                let (requested_at, id) = (row.approval.requested_at, row.asked.id.clone());
                (InboxCursor { requested_at, id }, requested_at)
            };
            let keep = |row: &ApprovalRow| terms.matches(row, &APPROVALS, now);
            Ok(sift(after, limit, search::BUDGET, read, place, keep)?)
        })
        .await?;
    Ok(Listed {
        rows: found
            .rows
            .into_iter()
            .map(|row| body(&app, &tenant, row, false))
            .collect(),
        next: found.next.map(|c| c.to_string()),
        searched_to: found.searched_to,
        behind: 0,
    })
}

/// A person's answer.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecideRequest {
    /// `approve`, `deny`, or `edit`: agree to the action with other arguments.
    #[schema(pattern = "^(approve|deny|edit)$")]
    pub decision: String,
    /// Why.
    #[schema(max_length = 4096)]
    pub reason: Option<String>,
    /// The `proposed_hash` that the person was shown; when the action is another one by now, the
    /// answer is refused.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub action_hash: Option<String>,
    /// With `edit`: the arguments to run with.
    #[schema(value_type = Option<Object>)]
    pub arguments: Option<serde_json::Value>,
    /// With `edit`, instead of `arguments`: what to change of them, as a JSON patch (RFC 6902) of
    /// `add`, `remove`, `replace` and `test`.
    #[schema(value_type = Option<Vec<Object>>)]
    pub patch: Option<serde_json::Value>,
    /// With `edit`: what is acted on, if that changes too.
    #[schema(max_length = 4096)]
    pub resource: Option<String>,
    /// With `edit`: the `edited_hash` of the preview that the person was shown; when the edit comes to
    /// another action, it is refused.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub edited_hash: Option<String>,
}

fn digest(field: &'static str, hex: &str) -> ApiResult<ActionDigest> {
    interlock_core::audit::unhex(hex)
        .and_then(|bytes| bytes.try_into().ok())
        .map(ActionDigest)
        .ok_or_else(|| {
            ApiError::field(
                field,
                "field.invalid",
                format!("`{field}` must be 64 hexadecimal digits"),
            )
        })
}

/// A number as every language of the agents writes it: `4.50` is `4.5`, so that the digest of what
/// is agreed to is that of what runs.
fn plain(value: Value) -> ApiResult<Value> {
    Ok(match value {
        Value::Number(number) => {
            let text = number.lexeme();
            if text.contains(['e', 'E']) {
                return Err(ApiError::field(
                    "arguments",
                    "field.invalid",
                    "write numbers without an exponent",
                ));
            }
            let short = match text.split_once('.') {
                Some((whole, rest)) => match rest.trim_end_matches('0') {
                    "" => whole.to_owned(),
                    rest => format!("{whole}.{rest}"),
                },
                None => text.to_owned(),
            };
            let short = if short == "-0" { "0".to_owned() } else { short };
            Value::parse(short.as_bytes())
                .map_err(|e| ApiError::field("arguments", "field.invalid", e.to_string()))?
        }
        Value::Array(items) => {
            Value::Array(items.into_iter().map(plain).collect::<ApiResult<_>>()?)
        }
        Value::Object(object) => Value::Object(
            object
                .into_iter()
                .map(|(key, value)| Ok((key, plain(value)?)))
                .collect::<ApiResult<_>>()?,
        ),
        other => other,
    })
}

/// What the body says of the edit; read from its text, so that numbers stay as they are written.
pub(super) fn edit(
    resource: Option<String>,
    edited_hash: Option<&str>,
    bytes: &[u8],
) -> ApiResult<Edit> {
    let text =
        Value::parse(bytes).map_err(|e| ApiError::field("body", "body.invalid", e.to_string()))?;
    let given = |name: &str| text.get(name).filter(|v| !v.is_null()).cloned();
    let change = match (given("arguments"), given("patch")) {
        (Some(arguments), None) => Change::Arguments(plain(arguments)?),
        (None, Some(patch)) => Change::Patch(
            Patch::from_value(&plain(patch)?)
                .map_err(|e| ApiError::field("patch", "field.invalid", e.to_string()))?,
        ),
        _ => {
            return Err(ApiError::field(
                "arguments",
                "field.missing",
                "an edit needs either `arguments` or `patch`",
            ));
        }
    };
    Ok(Edit {
        change,
        resource,
        expected: edited_hash
            .map(|hash| digest("edited_hash", hash))
            .transpose()?,
    })
}

fn answer(
    runtime: &Runtime,
    caller: &Caller,
    id: &str,
    say: Say<'_>,
    seen: Option<ActionDigest>,
    reason: &str,
) -> Result<Answered, RuntimeError> {
    let answer = Answer {
        approver: &caller.subject,
        say,
        seen,
        reason,
        via: "api",
    };
    runtime.answer_approval(&caller.principal, id, &answer)
}

fn reason(given: Option<String>) -> ApiResult<String> {
    let reason = given.unwrap_or_default();
    if reason.len() > interlock_core::approval::REASON_BYTES_MAX {
        return Err(ApiError::field(
            "reason",
            "field.invalid",
            "`reason` has more than 4096 bytes",
        ));
    }
    Ok(reason)
}

/// Decides an approval; a second answer gets the first outcome.
///
/// An edited action is decided on like any other: what would be blocked cannot be agreed to.
#[utoipa::path(
    post, path = "/api/approvals/{id}/decide", operation_id = "decide_approval", tag = "approvals",
    params(("id" = String, Path, description = "The approval's id")),
    request_body = DecideRequest,
    responses(
        (status = 200, description = "The approval as it stands", body = ApprovalBody),
        (status = 400, description = "The answer is malformed", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not decide", body = ErrorBody),
        (status = 404, description = "No such approval", body = ErrorBody),
        (status = 409, description = "It cannot be decided like that", body = ErrorBody),
        (status = 410, description = "What would be edited was erased", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 503, description = "The answer cannot be recorded", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn decide(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    bytes: Bytes,
) -> ApiResult<Json<ApprovalBody>> {
    let tenant = Arc::clone(&caller.principal.tenant);
    caller.require(Permission::Decide)?;
    let request: DecideRequest = json(&bytes)?;
    let edited = match request.decision.as_str() {
        "approve" | "deny" => None,
        "edit" => Some(edit(
            request.resource.clone(),
            request.edited_hash.as_deref(),
            &bytes,
        )?),
        _ => {
            return Err(ApiError::field(
                "decision",
                "field.invalid",
                "`decision` must be `approve`, `deny` or `edit`",
            ));
        }
    };
    if edited.is_none()
        && (request.arguments.is_some()
            || request.patch.is_some()
            || request.resource.is_some()
            || request.edited_hash.is_some())
    {
        return Err(ApiError::field(
            "decision",
            "field.invalid",
            "`arguments`, `patch`, `resource` and `edited_hash` need the decision `edit`",
        ));
    }
    let seen = request
        .action_hash
        .as_deref()
        .map(|hash| digest("action_hash", hash))
        .transpose()?;
    let approve = request.decision == "approve";
    let reason = reason(request.reason)?;
    let answered = app
        .blocking(move |runtime| {
            let say = match &edited {
                Some(edit) => Say::Edit(edit),
                None if approve => Say::Approve,
                None => Say::Deny,
            };
            answer(runtime, &caller, &id, say, seen, &reason)
        })
        .await?;
    Ok(Json(body(
        &app,
        &tenant,
        answered.row,
        answered.already_decided,
    )))
}

/// One of many answers.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchItem {
    /// The approval.
    pub id: String,
    /// Its `proposed_hash`, as the person was shown it.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub action_hash: String,
}

/// The same answer to many approvals, each of which the person was shown.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchRequest {
    /// `approve` or `deny`.
    #[schema(pattern = "^(approve|deny)$")]
    pub decision: String,
    /// Why.
    #[schema(max_length = 4096)]
    pub reason: Option<String>,
    /// Which, at most 100.
    #[schema(min_items = 1, max_items = 100)]
    pub items: Vec<BatchItem>,
}

/// What became of one of many answers.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BatchResult {
    /// The approval.
    pub id: String,
    /// Its state; absent when the answer was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Whether an earlier decision stands instead of this answer.
    pub already_decided: bool,
    /// Why the answer was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorBody>,
}

/// Decides many approvals, one after the other; each has its own result.
#[utoipa::path(
    post, path = "/api/approvals/batch", operation_id = "decide_approvals", tag = "approvals",
    request_body = BatchRequest,
    responses(
        (status = 200, description = "What became of each, in order", body = Vec<BatchResult>),
        (status = 400, description = "The answer is malformed", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not decide", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn batch(
    State(app): State<App>,
    caller: Caller,
    bytes: Bytes,
) -> ApiResult<Json<Vec<BatchResult>>> {
    caller.require(Permission::Decide)?;
    let request: BatchRequest = json(&bytes)?;
    let say = match request.decision.as_str() {
        "approve" => Say::Approve,
        "deny" => Say::Deny,
        _ => {
            return Err(ApiError::field(
                "decision",
                "field.invalid",
                "`decision` must be `approve` or `deny`",
            ));
        }
    };
    if !(1..=BATCH_MAX).contains(&request.items.len()) {
        return Err(ApiError::field(
            "items",
            "field.invalid",
            "`items` must be 1 to 100 approvals",
        ));
    }
    let reason = reason(request.reason)?;
    let items = request
        .items
        .into_iter()
        .map(|item| Ok((digest("action_hash", &item.action_hash)?, item.id)))
        .collect::<ApiResult<Vec<_>>>()?;
    let results = app
        .blocking(move |runtime| {
            Ok(items
                .into_iter()
                .map(|(seen, id)| {
                    let answered = answer(runtime, &caller, &id, say, Some(seen), &reason);
                    match answered.map_err(ApiError::from) {
                        Ok(answered) => BatchResult {
                            id,
                            state: Some(answered.row.approval.state.name().to_owned()),
                            already_decided: answered.already_decided,
                            error: None,
                        },
                        Err(error) => BatchResult {
                            id,
                            state: None,
                            already_decided: false,
                            error: Some(ErrorBody {
                                code: error.code.to_owned(),
                                message: error.message,
                                field: error.field,
                            }),
                        },
                    }
                })
                .collect())
        })
        .await?;
    Ok(Json(results))
}

/// Takes an approval back, before its grant is used: the agent that asked, or a person.
#[utoipa::path(
    post, path = "/api/approvals/{id}/cancel", operation_id = "cancel_approval", tag = "approvals",
    params(("id" = String, Path, description = "The approval's id")),
    responses(
        (status = 200, description = "The approval as it stands", body = ApprovalBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may neither ask nor decide", body = ErrorBody),
        (status = 404, description = "No such approval", body = ErrorBody),
        (status = 409, description = "It cannot be taken back any more", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn cancel(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<ApprovalBody>> {
    let tenant = Arc::clone(&caller.principal.tenant);
    if caller.require(Permission::Check).is_err() {
        caller.require(Permission::Decide)?;
    }
    let row = app
        .blocking(move |runtime| runtime.cancel_approval(&caller.principal, &caller.subject, &id))
        .await?;
    Ok(Json(body(&app, &tenant, row, false)))
}

/// What a person found out.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResolveRequest {
    /// Whether the effect of the action is there.
    pub happened: bool,
}

/// Ends the doubt about an action whose executor went away; the first answer stands.
#[utoipa::path(
    post, path = "/api/approvals/{id}/resolve", operation_id = "resolve_approval", tag = "approvals",
    params(("id" = String, Path, description = "The approval's id")),
    request_body = ResolveRequest,
    responses(
        (status = 200, description = "The approval as it stands", body = ApprovalBody),
        (status = 400, description = "The answer is malformed", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not decide", body = ErrorBody),
        (status = 404, description = "No such approval", body = ErrorBody),
        (status = 409, description = "It is not in doubt", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn resolve(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    bytes: Bytes,
) -> ApiResult<Json<ApprovalBody>> {
    let tenant = Arc::clone(&caller.principal.tenant);
    caller.require(Permission::Decide)?;
    let ResolveRequest { happened } = json(&bytes)?;
    let answered = app
        .blocking(move |runtime| {
            runtime.resolve_approval(&caller.principal, &caller.subject, &id, happened)
        })
        .await?;
    Ok(Json(body(
        &app,
        &tenant,
        answered.row,
        answered.already_decided,
    )))
}

/// How long to wait.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct WaitQuery {
    /// Seconds to hold the request, 0 to 50; 50 by default.
    #[param(maximum = 50)]
    pub hold: Option<u64>,
}

/// Waits until an approval is decided, or until `hold` is over; then ask again.
#[utoipa::path(
    get, path = "/api/approvals/{id}/wait", operation_id = "wait_for_approval", tag = "approvals",
    params(("id" = String, Path, description = "The approval's id"), WaitQuery),
    responses(
        (status = 200, description = "The approval as it stands", body = ApprovalBody),
        (status = 400, description = "A parameter is out of range", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not wait", body = ErrorBody),
        (status = 404, description = "No such approval", body = ErrorBody),
        (status = 410, description = "The arguments to run with were erased", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn wait(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    query: Result<Query<WaitQuery>, axum::extract::rejection::QueryRejection>,
) -> ApiResult<Json<ApprovalBody>> {
    let tenant = Arc::clone(&caller.principal.tenant);
    if caller.require(Permission::Check).is_err() {
        caller.require(Permission::Read)?;
    }
    let Query(query) =
        query.map_err(|e| ApiError::field("query", "field.invalid", e.body_text()))?;
    let hold = query.hold.unwrap_or(HOLD_S_MAX);
    if hold > HOLD_S_MAX {
        return Err(ApiError::field(
            "hold",
            "field.invalid",
            "`hold` must be 0 to 50",
        ));
    }
    let deadline = tokio::time::Instant::now() + Duration::from_secs(hold);
    // Subscribed before the first look, so that no change falls between.
    let mut changes = app.changes();
    loop {
        let (principal, wanted) = (caller.principal.clone(), id.clone());
        let row = app
            .blocking(move |runtime| runtime.approval(&principal, &wanted))
            .await?;
        if row.approval.state != ApprovalState::Pending {
            return Ok(Json(body(&app, &tenant, row, false)));
        }
        loop {
            match tokio::time::timeout_at(deadline, changes.recv()).await {
                Err(_) => return Ok(Json(body(&app, &tenant, row, false))),
                Ok(Ok((tenant, changed))) if tenant == caller.tenant() && changed == id => break,
                Ok(Ok(_)) => {}
                // Missed some, or nobody will tell: look again.
                Ok(Err(_)) => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    break;
                }
            }
        }
    }
}
