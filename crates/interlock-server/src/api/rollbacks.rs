//! Rollbacks: ordered by people, carried out by the client that kept what the agent changed.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use interlock_runtime::{RollbackOrder, RollbackResult, RollbackState};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{json, time};
use crate::App;
use crate::auth::{Caller, Permission};
use crate::error::{ApiError, ApiResult, ErrorBody};

/// How long an order waits for a client where nothing else is asked for, in seconds.
const WAIT_S: u32 = 24 * 3_600;

/// A rollback and how far it has come.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RollbackBody {
    /// Its id.
    pub id: String,
    /// The agent whose steps are undone; it is paused.
    pub agent_id: String,
    /// How many steps, the newest first.
    pub last: u32,
    /// Who ordered it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: String,
    /// Until when a client may take it.
    pub expires_at: String,
    /// `ordered`, `claimed`, `done`, `stopped`, `failed`, `canceled` or `expired`.
    #[schema(example = "ordered")]
    pub state: String,
    /// The log of the client that took it.
    pub claimed_by: Option<String>,
    /// Steps that are undone.
    pub undone: Option<u32>,
    /// Steps of which not everything could be undone.
    pub irreversible: Option<u32>,
    /// Why it ended early.
    pub message: Option<String>,
    /// When it ended.
    pub ended_at: Option<String>,
}

impl From<RollbackOrder> for RollbackBody {
    fn from(order: RollbackOrder) -> Self {
        let result = order.result;
        Self {
            id: order.id,
            agent_id: order.agent,
            last: order.last,
            by: order.by,
            reason: order.reason,
            at: time(order.at),
            expires_at: time(order.expires),
            state: order.state.name().to_owned(),
            claimed_by: order.claimed_by,
            undone: result.as_ref().map(|r| r.undone),
            irreversible: result.as_ref().map(|r| r.irreversible),
            message: result.map(|r| r.message),
            ended_at: order.ended.map(time),
        }
    }
}

/// What is to be undone.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackRequest {
    /// How many of the agent's steps, the newest first.
    #[schema(minimum = 1, maximum = 1000)]
    pub last: u32,
    /// Why.
    #[schema(max_length = 500)]
    pub reason: Option<String>,
    /// How long it may wait for a client, in seconds; a day when absent.
    #[schema(minimum = 1, maximum = 604800)]
    pub wait_s: Option<u32>,
}

/// Pauses an agent and orders that its last steps are undone. The connected client that kept what
/// they changed does so within seconds, one of them and once; `GET /api/rollbacks/{id}` says what
/// came of it. The agent stays paused until somebody ends that.
#[utoipa::path(
    post, path = "/api/agents/{id}/rollback", operation_id = "order_rollback", tag = "agents",
    params(("id" = String, Path, description = "The agent's id; it is registered if it is not known")),
    request_body = RollbackRequest,
    responses(
        (status = 202, description = "It is ordered, and the agent is paused", body = RollbackBody,
            links(
                ("standing" = (operation_id = "get_rollback", parameters(("id" = "$response.body#/id")))),
                ("cancel" = (operation_id = "cancel_rollback", parameters(("id" = "$response.body#/id")))),
            )),
        (status = 400, description = "A field is out of its limits", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not administer", body = ErrorBody),
        (status = 409, description = "Another rollback of the agent waits, or too many do", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn order(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    bytes: Bytes,
) -> ApiResult<(StatusCode, Json<RollbackBody>)> {
    caller.require(Permission::Administer)?;
    let request: RollbackRequest = json(&bytes)?;
    let order = app
        .blocking(move |runtime| {
            runtime.order_rollback(
                &caller.principal,
                &caller.subject,
                &id,
                request.last,
                request.reason.as_deref().unwrap_or_default(),
                request.wait_s.unwrap_or(WAIT_S),
            )
        })
        .await?;
    Ok((StatusCode::ACCEPTED, Json(order.into())))
}

/// Lists the latest rollbacks, newest first.
#[utoipa::path(
    get, path = "/api/rollbacks", operation_id = "list_rollbacks", tag = "agents",
    responses(
        (status = 200, description = "The rollbacks", body = Vec<RollbackBody>),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not read", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn list(State(app): State<App>, caller: Caller) -> ApiResult<Json<Vec<RollbackBody>>> {
    caller.require(Permission::Read)?;
    // They are in memory.
    let orders = app.runtime().rollbacks(caller.tenant());
    Ok(Json(orders.into_iter().map(RollbackBody::from).collect()))
}

/// A rollback and how far it has come.
#[utoipa::path(
    get, path = "/api/rollbacks/{id}", operation_id = "get_rollback", tag = "agents",
    params(("id" = String, Path, description = "The rollback's id")),
    responses(
        (status = 200, description = "The rollback", body = RollbackBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not read", body = ErrorBody),
        (status = 404, description = "No such rollback", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<RollbackBody>> {
    caller.require(Permission::Read)?;
    let order = app.runtime().rollback_order(caller.tenant(), &id)?;
    Ok(Json(order.into()))
}

/// Takes back a rollback that no client has taken. The agent stays paused.
#[utoipa::path(
    delete, path = "/api/rollbacks/{id}", operation_id = "cancel_rollback", tag = "agents",
    params(("id" = String, Path, description = "The rollback's id")),
    responses(
        (status = 200, description = "It is canceled", body = RollbackBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not administer", body = ErrorBody),
        (status = 404, description = "No such rollback", body = ErrorBody),
        (status = 409, description = "A client has it, or it is over", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn cancel(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<RollbackBody>> {
    caller.require(Permission::Administer)?;
    let order = app
        .blocking(move |runtime| runtime.cancel_rollback(&caller.principal, &caller.subject, &id))
        .await?;
    Ok(Json(order.into()))
}

/// Who takes a rollback.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClaimRequest {
    /// The key of the client's log in C2SP form.
    #[schema(
        min_length = 1,
        max_length = 512,
        example = "interlock/client+9f86d081+AQ"
    )]
    pub log: String,
}

/// Takes a rollback for one client, which then carries it out. The same client may ask again; for
/// every other one it is taken.
#[utoipa::path(
    post, path = "/api/rollbacks/{id}/claim", operation_id = "claim_rollback", tag = "agents",
    params(("id" = String, Path, description = "The rollback's id")),
    request_body = ClaimRequest,
    responses(
        (status = 200, description = "It is this client's", body = RollbackBody),
        (status = 400, description = "A field is out of its limits", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not check actions", body = ErrorBody),
        (status = 404, description = "No such rollback, or of an agent that the key is not bound to", body = ErrorBody),
        (status = 409, description = "Another client has it, or it is over", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn claim(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    bytes: Bytes,
) -> ApiResult<Json<RollbackBody>> {
    caller.require(Permission::Check)?;
    let request: ClaimRequest = json(&bytes)?;
    let order = app
        .blocking(move |runtime| {
            runtime.claim_rollback(&caller.principal, &caller.key_id, &request.log, &id)
        })
        .await?;
    Ok(Json(order.into()))
}

/// What came of a rollback.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackResultRequest {
    /// The key of the client's log in C2SP form.
    #[schema(
        min_length = 1,
        max_length = 512,
        example = "interlock/client+9f86d081+AQ"
    )]
    pub log: String,
    /// `done`, `stopped` or `failed`.
    #[schema(pattern = "^(done|stopped|failed)$", example = "done")]
    pub state: String,
    /// Steps that are undone.
    #[schema(maximum = 10000, example = 3)]
    pub undone: u32,
    /// Steps of which not everything could be undone.
    #[schema(maximum = 10000, example = 0)]
    pub irreversible: u32,
    /// Why it ended early.
    #[schema(max_length = 500)]
    pub message: Option<String>,
}

/// Takes what came of a rollback from the client that has it, once.
#[utoipa::path(
    post, path = "/api/rollbacks/{id}/result", operation_id = "end_rollback", tag = "agents",
    params(("id" = String, Path, description = "The rollback's id")),
    request_body = RollbackResultRequest,
    responses(
        (status = 200, description = "It is on record", body = RollbackBody),
        (status = 400, description = "A field is out of its limits", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not check actions", body = ErrorBody),
        (status = 404, description = "No such rollback, or of an agent that the key is not bound to", body = ErrorBody),
        (status = 409, description = "It is not this client's, or it ended otherwise", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn end(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    bytes: Bytes,
) -> ApiResult<Json<RollbackBody>> {
    caller.require(Permission::Check)?;
    let request: RollbackResultRequest = json(&bytes)?;
    let state = RollbackState::ended(&request.state).ok_or_else(|| {
        ApiError::field(
            "state",
            "field.invalid",
            "`state` must be `done`, `stopped` or `failed`",
        )
    })?;
    for (field, count) in [
        ("undone", request.undone),
        ("irreversible", request.irreversible),
    ] {
        if count > STEPS_MAX {
            return Err(ApiError::field(
                field,
                "field.invalid",
                format!("`{field}` must be at most {STEPS_MAX}"),
            ));
        }
    }
    let result = RollbackResult {
        state,
        undone: request.undone,
        irreversible: request.irreversible,
        message: request.message.unwrap_or_default(),
    };
    let order = app
        .blocking(move |runtime| {
            let principal = &caller.principal;
            runtime.end_rollback(principal, &caller.key_id, &request.log, &id, &result)
        })
        .await?;
    Ok(Json(order.into()))
}

/// Steps that a client may say it undid: as many as an undo journal keeps.
const STEPS_MAX: u32 = 10_000;
