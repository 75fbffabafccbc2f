//! `/api/runs`: the actions of agents' tasks, task by task.

use axum::Json;
use axum::extract::{Query, State};
use interlock_store::{Cursor, RunRow};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{page, time};
use crate::App;
use crate::auth::{Caller, Permission};
use crate::error::{ApiError, ApiResult, ErrorBody};

/// Which runs to list.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RunQuery {
    /// How many, 1 to 200; 50 by default.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<usize>,
    /// Only those whose last action was recorded before this sequence number.
    pub before: Option<u64>,
}

/// The runs of a page: each is summed up, so that there are fewer than rows of other lists.
const RUNS_MAX: usize = 200;

/// The actions of one run together.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RunBody {
    /// The run; `GET /api/actions?run_id=` has its actions.
    pub run_id: String,
    /// The agent of its first action.
    pub agent_id: String,
    /// How many agents acted in it.
    pub agents: u64,
    /// The sequence number of its first action.
    pub first_seq: u64,
    /// That of its last; give it as `before` for the next page.
    pub last_seq: u64,
    /// When its first action was decided.
    pub started_at: String,
    /// When its last one was.
    pub last_at: String,
    /// Actions.
    pub actions: u64,
    /// Actions that somebody should look at.
    pub flagged: u64,
    /// Actions blocked.
    pub blocked: u64,
    /// Actions that waited for a person.
    pub held: u64,
    /// The highest composite risk, 0..=100.
    pub risk_max: u16,
}

impl From<RunRow> for RunBody {
    fn from(run: RunRow) -> Self {
        Self {
            run_id: run.run_id,
            agent_id: run.agent_id,
            agents: run.agents,
            first_seq: run.first_seq,
            last_seq: run.last_seq,
            started_at: time(run.started),
            last_at: time(run.last),
            actions: run.actions,
            flagged: run.flagged,
            blocked: run.blocked,
            held: run.held,
            risk_max: run.risk_max,
        }
    }
}

/// Lists runs, the one that acted last first.
#[utoipa::path(
    get, path = "/api/runs", operation_id = "list_runs", tag = "decisions",
    params(RunQuery),
    responses(
        (status = 200, description = "The runs", body = Vec<RunBody>),
        (status = 400, description = "A parameter is out of range", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not read", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    query: Result<Query<RunQuery>, axum::extract::rejection::QueryRejection>,
) -> ApiResult<Json<Vec<RunBody>>> {
    caller.require(Permission::Read)?;
    let Query(query) =
        query.map_err(|e| ApiError::field("query", "field.invalid", e.body_text()))?;
    let limit = page(query.limit, 50)?;
    if limit > RUNS_MAX {
        return Err(ApiError::field(
            "limit",
            "field.invalid",
            format!("`limit` must be 1 to {RUNS_MAX}"),
        ));
    }
    let before = query.before.map(Cursor);
    let rows = app
        .blocking(move |runtime| Ok(runtime.store().runs(caller.tenant(), before, limit)?))
        .await?;
    Ok(Json(rows.into_iter().map(RunBody::from).collect()))
}
