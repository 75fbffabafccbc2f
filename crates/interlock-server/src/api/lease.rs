//! `GET /api/lease`: for enforcement points that decide by themselves.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::App;
use crate::auth::{Caller, Permission};
use crate::error::{ApiError, ApiResult, ErrorBody};

/// What the lease answers.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LeaseQuery {
    /// Drawn by the client for this request, and signed with the lease: 1 to 128 letters and digits.
    #[param(
        min_length = 1,
        max_length = 128,
        pattern = "^[A-Za-z0-9]+$",
        example = "9f86d081884c7d65"
    )]
    pub nonce: String,
}

/// A lease.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LeaseBody {
    /// A C2SP signed note of the line `interlock lease v1` and a line of JSON: tenant, nonce, what
    /// the key is bound to, number and digest of the bundle in force, how long it is good for in
    /// milliseconds, the kill switch, paused agents, the agents whose actions the server decides, and
    /// the rollbacks that wait for a client.
    pub lease: String,
    /// The key that signed it, in C2SP form. A client trusts one that it was given or that it met
    /// first, not this one.
    pub vkey: String,
}

/// What an enforcement point that decides by itself may rely on, for some seconds. It asks every
/// second; when no lease holds, it denies side effects.
#[utoipa::path(
    get, path = "/api/lease", operation_id = "get_lease", tag = "policies",
    params(LeaseQuery),
    responses(
        (status = 200, description = "The lease", body = LeaseBody,
            links(("bundle" = (operation_id = "get_bundle")))),
        (status = 400, description = "The nonce is missing or malformed", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not check actions", body = ErrorBody),
        (status = 404, description = "Nothing is in force", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    query: Result<Query<LeaseQuery>, QueryRejection>,
) -> ApiResult<Json<LeaseBody>> {
    caller.require(Permission::Check)?;
    let Query(query) =
        query.map_err(|e| ApiError::field("query", "field.invalid", e.body_text()))?;
    // Everything is in memory.
    let lease = app.runtime().lease(&caller.principal, &query.nonce)?;
    Ok(Json(LeaseBody {
        lease,
        vkey: app.runtime().bundle_vkey(),
    }))
}
