//! `/api/tool-stops`: tools that may not be used, by anybody or by one agent.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use interlock_store::ToolStop;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{json, page, time};
use crate::App;
use crate::auth::{Caller, Permission};
use crate::error::{ApiError, ApiResult, ErrorBody};

/// That a tool may not be used.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ToolStopBody {
    /// Its id.
    pub id: String,
    /// The tool or type of action; with a `*` at its end all that begin so.
    pub tool: String,
    /// Only for this agent; empty for all.
    pub agent_id: String,
    /// Why.
    pub reason: String,
    /// Who.
    pub by: String,
    /// When.
    pub created_at: String,
    /// Until when; until somebody ends it when absent.
    pub expires_at: Option<String>,
    /// When somebody ended it.
    pub ended_at: Option<String>,
    /// Who did.
    pub ended_by: Option<String>,
    /// Whether it holds now.
    pub live: bool,
}

fn body(stop: ToolStop, now: i64) -> ToolStopBody {
    let live = stop.holds(now);
    let (ended_at, ended_by) = stop.ended.unzip();
    ToolStopBody {
        id: stop.id,
        tool: stop.tool,
        agent_id: stop.agent_id,
        reason: stop.reason,
        by: stop.by,
        created_at: time(stop.created),
        expires_at: stop.expires.map(time),
        ended_at: ended_at.map(time),
        ended_by,
        live,
    }
}

/// Which to list.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ToolStopQuery {
    /// Only those that hold now.
    pub live: Option<bool>,
    /// How many, 1 to 1000; 100 by default.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<usize>,
}

/// Lists stops of tools, the newest first.
#[utoipa::path(
    get, path = "/api/tool-stops", operation_id = "list_tool_stops", tag = "agents",
    params(ToolStopQuery),
    responses(
        (status = 200, description = "The stops", body = Vec<ToolStopBody>),
        (status = 400, description = "A parameter is out of range", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not read", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    query: Result<Query<ToolStopQuery>, axum::extract::rejection::QueryRejection>,
) -> ApiResult<Json<Vec<ToolStopBody>>> {
    caller.require(Permission::Read)?;
    let Query(query) =
        query.map_err(|e| ApiError::field("query", "field.invalid", e.body_text()))?;
    let limit = page(query.limit, 100)?;
    let stops = app
        .blocking(move |runtime| {
            let now = runtime.now();
            let at = query.live.unwrap_or(false).then_some(now);
            let stops = runtime.store().tool_stops(caller.tenant(), at, limit)?;
            Ok(stops.into_iter().map(|s| body(s, now)).collect())
        })
        .await?;
    Ok(Json(stops))
}

/// What to stop.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolStopRequest {
    /// The tool or type of action, in any case of its letters; with a `*` at its end all that begin
    /// so.
    #[schema(
        min_length = 1,
        max_length = 64,
        pattern = "^[^*]+\\*?$",
        example = "send_email"
    )]
    pub tool: String,
    /// Only for this agent.
    #[schema(max_length = 64)]
    pub agent_id: Option<String>,
    /// Why.
    #[schema(max_length = 1000)]
    pub reason: Option<String>,
    /// For how long, in seconds; until somebody ends it when absent.
    #[schema(minimum = 1, maximum = 31536000)]
    pub seconds: Option<u32>,
}

/// Seconds that a stop with an end may last: a year.
const SECONDS_MAX: u32 = 31_536_000;

/// Stops a tool at once, here and in connected clients within a second or two.
#[utoipa::path(
    post, path = "/api/tool-stops", operation_id = "stop_tool", tag = "agents",
    request_body = ToolStopRequest,
    responses(
        (status = 201, description = "It is stopped", body = ToolStopBody,
            links(("end" = (operation_id = "start_tool", parameters(("id" = "$response.body#/id")))))),
        (status = 400, description = "A field is out of its limits", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not administer", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn stop(
    State(app): State<App>,
    caller: Caller,
    bytes: Bytes,
) -> ApiResult<(StatusCode, Json<ToolStopBody>)> {
    caller.require(Permission::Administer)?;
    let request: ToolStopRequest = json(&bytes)?;
    if request
        .seconds
        .is_some_and(|s| !(1..=SECONDS_MAX).contains(&s))
    {
        let problem = format!("`seconds` must be 1 to {SECONDS_MAX}");
        return Err(ApiError::field("seconds", "field.invalid", problem));
    }
    let stop = app
        .blocking(move |runtime| {
            let stop = runtime.stop_tool(
                caller.tenant(),
                &caller.subject,
                &request.tool,
                request.agent_id.as_deref().unwrap_or_default(),
                request.reason.as_deref().unwrap_or_default(),
                request.seconds,
            )?;
            Ok(body(stop, runtime.now()))
        })
        .await?;
    Ok((StatusCode::CREATED, Json(stop)))
}

/// Lets a stopped tool go on; the first end stands.
#[utoipa::path(
    delete, path = "/api/tool-stops/{id}", operation_id = "start_tool", tag = "agents",
    params(("id" = String, Path, description = "The stop's id")),
    responses(
        (status = 200, description = "It may be used again", body = ToolStopBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not administer", body = ErrorBody),
        (status = 404, description = "No such stop", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn start(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<ToolStopBody>> {
    caller.require(Permission::Administer)?;
    let stop = app
        .blocking(move |runtime| {
            let stop = runtime.start_tool(caller.tenant(), &caller.subject, &id)?;
            Ok(body(stop, runtime.now()))
        })
        .await?;
    Ok(Json(stop))
}
