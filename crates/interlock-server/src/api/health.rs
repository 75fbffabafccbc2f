//! Health, and what answers where nothing else does.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use interlock_runtime::RuntimeError;
use serde::Serialize;
use utoipa::ToSchema;

use crate::App;
use crate::error::{ApiError, ApiResult};

/// The health of the server.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Health {
    /// `ok`.
    pub status: String,
    /// The version.
    pub version: String,
    /// Seconds since the start.
    pub uptime_s: u64,
    /// Since when the policies in force are not the newest, because the newest do not compile;
    /// `/api/stats` says why. Absent when they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_stale_since: Option<String>,
}

fn health(app: &App) -> Json<Health> {
    Json(Health {
        status: "ok".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uptime_s: app.uptime().as_secs(),
        policy_stale_since: app.runtime().stale_policy().map(|s| super::time(s.since)),
    })
}

/// The process is alive.
#[utoipa::path(
    get, path = "/healthz", operation_id = "healthz", tag = "system",
    responses((status = 200, description = "Alive", body = Health))
)]
pub async fn healthz(State(app): State<App>) -> Json<Health> {
    health(&app)
}

/// The server takes decisions.
#[utoipa::path(
    get, path = "/readyz", operation_id = "readyz", tag = "system",
    responses(
        (status = 200, description = "Ready", body = Health),
        (status = 503, description = "The record cannot be written, so everything with an effect is denied", body = crate::ErrorBody),
    )
)]
pub async fn readyz(State(app): State<App>) -> ApiResult<Json<Health>> {
    match app.runtime().journal().stopped() {
        None => Ok(health(&app)),
        Some(error) => Err(RuntimeError::AuditUnavailable(error.to_string()).into()),
    }
}

/// Does nothing, for measuring what HTTP costs.
pub(crate) async fn noop(_body: axum::body::Bytes) -> &'static str {
    "{}"
}

pub(crate) async fn no_such_path() -> ApiError {
    ApiError::new(
        StatusCode::NOT_FOUND,
        "no-such-path",
        "there is nothing at this path; see /openapi.json",
    )
}

pub(crate) async fn no_such_method() -> ApiError {
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "no-such-method",
        "this path does not take that method; see /openapi.json",
    )
}
