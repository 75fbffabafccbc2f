//! `/api/channels`: how the ways to reach people are doing.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::time;
use crate::App;
use crate::auth::{Caller, Permission};
use crate::error::{ApiResult, ErrorBody};

/// A channel and how it is doing.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ChannelBody {
    /// Its name.
    pub name: String,
    /// `webhook`, `slack`, `email`, `pagerduty` or `teams`.
    pub kind: &'static str,
    /// Messages that it has not taken yet.
    pub waiting: u64,
    /// When the oldest of them was made.
    pub waiting_since: Option<String>,
    /// Messages that were given up within the last seven days.
    pub given_up: u64,
    /// When it last took a message, since the server started.
    pub sent_at: Option<String>,
    /// When an attempt last failed, since the server started.
    pub failed_at: Option<String>,
    /// Why the last failed attempt failed, of those that can be told.
    pub last_error: Option<String>,
    /// Attempts in a row that failed, since the server started.
    pub failures: u32,
}

/// The channels of the server's people file; they are of one tenant, so that others see none.
#[utoipa::path(
    get, path = "/api/channels", operation_id = "list_channels", tag = "approvals",
    responses(
        (status = 200, description = "The channels", body = Vec<ChannelBody>),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not read", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn list(State(app): State<App>, caller: Caller) -> ApiResult<Json<Vec<ChannelBody>>> {
    caller.require(Permission::Read)?;
    let Some(config) = app.channels().filter(|c| c.tenant == caller.tenant()) else {
        return Ok(Json(Vec::new()));
    };
    let health = app.channel_health();
    let rows = app
        .blocking(move |runtime| Ok(runtime.store().channel_backlog(caller.tenant())?))
        .await?;
    let body = |(name, channel): (&String, &crate::channels::config::Channel)| {
        let row = rows.iter().find(|row| row.channel == *name);
        let seen = health.of(name);
        let (failed_at, told) = seen.failed.unzip();
        let kept = row.map(|row| row.error.clone()).filter(|e| !e.is_empty());
        ChannelBody {
            name: name.clone(),
            kind: channel.kind(),
            waiting: row.map_or(0, |row| row.waiting),
            waiting_since: row.and_then(|row| row.waiting_since).map(time),
            given_up: row.map_or(0, |row| row.given_up),
            sent_at: seen.sent_at.map(time),
            failed_at: failed_at.map(time),
            last_error: told.or(kept),
            failures: seen.failures,
        }
    };
    Ok(Json(config.channels.iter().map(body).collect()))
}
