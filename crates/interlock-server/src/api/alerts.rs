//! `/api/alerts`: what somebody should look at.

use axum::Json;
use axum::extract::{Path, Query, State};
use interlock_filter::ALERTS;
use interlock_store::{Alert, AlertCursor, PAGE_ROWS_MAX, sift};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::search::{self, Listed};
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
    /// Only those that a filter lets through: `level:high,critical agent:billing* since:24h`.
    #[param(max_length = 1000, example = "level:high,critical")]
    pub q: Option<String>,
    /// Only those after the page before: what its header `interlock-next` said.
    pub before: Option<String>,
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
        (status = 200, description = "The alerts", body = Vec<AlertBody>, headers(
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
    query: Result<Query<AlertQuery>, axum::extract::rejection::QueryRejection>,
) -> ApiResult<Listed<AlertBody>> {
    caller.require(Permission::Read)?;
    let Query(query) =
        query.map_err(|e| ApiError::field("query", "field.invalid", e.body_text()))?;
    let limit = page(query.limit, 100)?;
    let terms = search::terms(query.q.as_deref(), &ALERTS)?;
    let before = match query.before.as_deref() {
        None => None,
        Some(text) => {
            let (seq, id) = search::cursor("before", text)?;
            let seq = u64::try_from(seq).unwrap_or(0);
            Some(AlertCursor { seq, id })
        }
    };
    let (found, behind) = app
        .blocking(move |runtime| {
            let (store, now) = (runtime.store(), runtime.now());
            let all = terms.terms.is_empty();
            let read = |before: Option<&AlertCursor>| {
                let rows = if all { limit } else { PAGE_ROWS_MAX };
                store.alerts(caller.tenant(), query.acknowledged, before, rows)
            };
            let place = |alert: &Alert| {
                let (seq, id) = (alert.row.seq, alert.row.id.clone());
                (AlertCursor { seq, id }, alert.row.created)
            };
            let keep = |alert: &Alert| terms.matches(alert, &ALERTS, now);
            let found = sift(before, limit, search::BUDGET, read, place, keep)?;
            Ok((found, runtime.behind(caller.tenant())))
        })
        .await?;
    Ok(Listed {
        rows: found.rows.into_iter().map(AlertBody::from).collect(),
        next: found.next.map(|c| format!("{}:{}", c.seq, c.id)),
        searched_to: found.searched_to,
        behind,
    })
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
