//! `/api/approvals`: people in the loop.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use interlock_core::approval::State as ApprovalState;
use interlock_store::{ApprovalFilter, ApprovalRow};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{json, page, time};
use crate::App;
use crate::auth::{Caller, Permission};
use crate::error::{ApiError, ApiResult, ErrorBody};

/// The longest that one request waits, in seconds: below what proxies cut.
const HOLD_S_MAX: u64 = 50;

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
    /// How many have.
    pub agreed: usize,
    /// The composite risk, 0..=100.
    pub risk: u16,
    /// Why it is asked.
    pub reason: String,
    /// What the person is shown: masked arguments, reasons.
    #[schema(value_type = Value)]
    pub detail: serde_json::Value,
    /// The digest that a grant binds to, hex.
    pub action_hash: String,
    /// When it was asked.
    pub requested_at: String,
    /// When it expires, which denies.
    pub expires_at: String,
    /// Whether an earlier decision stands instead of this answer.
    pub already_decided: bool,
}

fn body(row: ApprovalRow, already_decided: bool) -> ApprovalBody {
    let agreed = row.approval.agreed();
    ApprovalBody {
        state: row.approval.state.name().to_owned(),
        quorum: row.approval.request.quorum,
        agreed,
        action_hash: row.approval.request.digest.to_hex(),
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
    /// How many, 1 to 1000; 100 by default.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<usize>,
}

/// Lists approvals, the oldest first.
#[utoipa::path(
    get, path = "/api/approvals", operation_id = "list_approvals", tag = "approvals",
    params(ApprovalQuery),
    responses(
        (status = 200, description = "The approvals", body = Vec<ApprovalBody>),
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
) -> ApiResult<Json<Vec<ApprovalBody>>> {
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
    let filter = ApprovalFilter {
        state,
        agent_id: query.agent_id,
        ..ApprovalFilter::default()
    };
    let rows = app
        .blocking(move |runtime| Ok(runtime.store().approvals(caller.tenant(), &filter, limit)?))
        .await?;
    Ok(Json(rows.into_iter().map(|row| body(row, false)).collect()))
}

/// A person's answer.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecideRequest {
    /// `approve` or `deny`.
    #[schema(pattern = "^(approve|deny)$")]
    pub decision: String,
    /// Why.
    #[schema(max_length = 4096)]
    pub reason: Option<String>,
}

/// Decides an approval; a second answer gets the first outcome.
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
        (status = 409, description = "It cannot be decided any more", body = ErrorBody),
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
    caller.require(Permission::Decide)?;
    let request: DecideRequest = json(&bytes)?;
    let approve = match request.decision.as_str() {
        "approve" => true,
        "deny" => false,
        _ => {
            return Err(ApiError::field(
                "decision",
                "field.invalid",
                "`decision` must be `approve` or `deny`",
            ));
        }
    };
    let reason = request.reason.unwrap_or_default();
    if reason.len() > interlock_core::approval::REASON_BYTES_MAX {
        return Err(ApiError::field(
            "reason",
            "field.invalid",
            "`reason` has more than 4096 bytes",
        ));
    }
    let answered = app
        .blocking(move |runtime| {
            runtime.decide_approval(&caller.principal, &caller.subject, &id, approve, &reason)
        })
        .await?;
    Ok(Json(body(answered.row, answered.already_decided)))
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
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn wait(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    query: Result<Query<WaitQuery>, axum::extract::rejection::QueryRejection>,
) -> ApiResult<Json<ApprovalBody>> {
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
            return Ok(Json(body(row, false)));
        }
        loop {
            match tokio::time::timeout_at(deadline, changes.recv()).await {
                Err(_) => return Ok(Json(body(row, false))),
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
