//! `/api/kill-switch`: stops everything of the tenant.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::json;
use crate::App;
use crate::auth::{Caller, Permission};
use crate::error::{ApiResult, ErrorBody};

/// The kill switch.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct KillBody {
    /// Whether it is on: every action is blocked.
    pub on: bool,
    /// Why.
    pub reason: String,
    /// Who switched it last.
    pub by: String,
}

/// The kill switch.
#[utoipa::path(
    get, path = "/api/kill-switch", operation_id = "get_kill_switch", tag = "agents",
    responses(
        (status = 200, description = "The switch", body = KillBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not read", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn get(State(app): State<App>, caller: Caller) -> ApiResult<Json<KillBody>> {
    caller.require(Permission::Read)?;
    let switch = app
        .blocking(move |runtime| Ok(runtime.store().kill_switch(caller.tenant())?))
        .await?;
    Ok(Json(KillBody {
        on: switch.on,
        reason: switch.reason,
        by: switch.by,
    }))
}

/// How to set it.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KillRequest {
    /// Whether everything stops.
    pub on: bool,
    /// Why.
    #[schema(max_length = 1000)]
    pub reason: Option<String>,
}

/// Stops everything of the tenant, or lets it go on.
#[utoipa::path(
    post, path = "/api/kill-switch", operation_id = "set_kill_switch", tag = "agents",
    request_body = KillRequest,
    responses(
        (status = 200, description = "The switch", body = KillBody),
        (status = 400, description = "A field is out of its limits", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not administer", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn set(State(app): State<App>, caller: Caller, body: Bytes) -> ApiResult<Json<KillBody>> {
    caller.require(Permission::Administer)?;
    let request: KillRequest = json(&body)?;
    let reason = request.reason.unwrap_or_default();
    let by = caller.subject.clone();
    let shown = reason.clone();
    app.blocking(move |runtime| {
        runtime.set_kill_switch(caller.tenant(), &caller.subject, request.on, &reason)
    })
    .await?;
    Ok(Json(KillBody {
        on: request.on,
        reason: shown,
        by,
    }))
}
