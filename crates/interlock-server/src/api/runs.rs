//! `/api/runs`: the actions of agents' tasks, task by task.

use axum::extract::{Query, State};
use interlock_filter::RUNS;
use interlock_store::{Cursor, PAGE_ROWS_MAX, RunRow, sift};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::search::{self, Listed};
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
    /// Only those that a filter lets through: `blocked:>0 agent:billing* since:24h`.
    #[param(max_length = 1000, example = "blocked:>0")]
    pub q: Option<String>,
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
        (status = 200, description = "The runs", body = Vec<RunBody>, headers(
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
    query: Result<Query<RunQuery>, axum::extract::rejection::QueryRejection>,
) -> ApiResult<Listed<RunBody>> {
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
    let terms = search::terms(query.q.as_deref(), &RUNS)?;
    let before = query.before.map(Cursor);
    let (found, behind) = app
        .blocking(move |runtime| {
            let (store, now) = (runtime.store(), runtime.now());
            let all = terms.terms.is_empty();
            let read = |before: Option<&Cursor>| {
                // Without a filter, what is read is what is shown.
                let rows = if all { limit } else { PAGE_ROWS_MAX };
                store.runs(caller.tenant(), before.copied(), rows)
            };
            let place = |run: &RunRow| (Cursor(run.last_seq), run.last);
            let keep = |run: &RunRow| terms.matches(run, &RUNS, now);
            let found = sift(before, limit, search::BUDGET, read, place, keep)?;
            Ok((found, runtime.behind(caller.tenant())))
        })
        .await?;
    Ok(Listed {
        rows: found.rows.into_iter().map(RunBody::from).collect(),
        next: found.next.map(|cursor| cursor.0.to_string()),
        searched_to: found.searched_to,
        behind,
    })
}
