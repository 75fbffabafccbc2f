//! `/api/alerts`: what somebody should look at.

use axum::Json;
use axum::extract::{Path, Query, State};
use interlock_store::Alert;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{page, time};
use crate::App;
use crate::auth::{Caller, Permission};
use crate::error::{ApiError, ApiResult, ErrorBody};

/// Which alerts to list.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AlertQuery {
    /// Only acknowledged ones, or only open ones.
    pub acknowledged: Option<bool>,
    /// How many, 1 to 1000; 100 by default.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<usize>,
}

/// An alert.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AlertBody {
    /// Its id.
    pub id: String,
    /// The agent.
    pub agent_id: String,
    /// The action.
    pub action_id: Option<String>,
    /// `low`, `medium`, `high` or `critical`.
    pub level: String,
    /// What happened.
    pub message: String,
    /// Whether somebody has acknowledged it.
    pub acknowledged: bool,
    /// Who.
    pub acknowledged_by: Option<String>,
    /// When it was raised.
    pub created_at: String,
}

impl From<Alert> for AlertBody {
    fn from(alert: Alert) -> Self {
        Self {
            id: alert.row.id,
            agent_id: alert.row.agent_id,
            action_id: alert.row.action_id,
            level: alert.row.level,
            message: alert.row.message,
            acknowledged: alert.acknowledged.is_some(),
            acknowledged_by: alert.acknowledged.map(|(_, by)| by),
            created_at: time(alert.row.created),
        }
    }
}

/// Lists alerts, newest first.
#[utoipa::path(
    get, path = "/api/alerts", operation_id = "list_alerts", tag = "alerts",
    params(AlertQuery),
    responses(
        (status = 200, description = "The alerts", body = Vec<AlertBody>),
        (status = 400, description = "A parameter is out of range", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not read", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    query: Result<Query<AlertQuery>, axum::extract::rejection::QueryRejection>,
) -> ApiResult<Json<Vec<AlertBody>>> {
    caller.require(Permission::Read)?;
    let Query(query) =
        query.map_err(|e| ApiError::field("query", "field.invalid", e.body_text()))?;
    let limit = page(query.limit, 100)?;
    let alerts = app
        .blocking(move |runtime| {
            Ok(runtime
                .store()
                .alerts(caller.tenant(), query.acknowledged, None, limit)?)
        })
        .await?;
    Ok(Json(alerts.into_iter().map(AlertBody::from).collect()))
}

/// Acknowledges an alert; the first acknowledgement stands.
#[utoipa::path(
    patch, path = "/api/alerts/{id}/acknowledge", operation_id = "acknowledge_alert", tag = "alerts",
    params(("id" = String, Path, description = "The alert's id")),
    responses(
        (status = 200, description = "It is acknowledged", body = AlertBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not acknowledge", body = ErrorBody),
        (status = 404, description = "No such alert", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn acknowledge(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<AlertBody>> {
    caller.require(Permission::Decide)?;
    let alert = app
        .blocking(move |runtime| {
            Ok(runtime.store().acknowledge_alert(
                caller.tenant(),
                &id,
                &caller.subject,
                runtime.now(),
            )?)
        })
        .await?;
    Ok(Json(alert.into()))
}
