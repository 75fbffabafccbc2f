//! `/api/stats`: sums over a tenant.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::App;
use crate::auth::{Caller, Permission};
use crate::error::{ApiResult, ErrorBody};

/// Sums over a tenant.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StatsBody {
    /// Actions decided.
    pub total_actions: u64,
    /// Actions flagged.
    pub flagged_actions: u64,
    /// Actions blocked.
    pub blocked_actions: u64,
    /// Actions that waited for a person.
    pub held_actions: u64,
    /// The mean risk, 0..1.
    pub avg_risk_score: f64,
    /// Agents known.
    pub agents: u64,
    /// Agents paused.
    pub agents_paused: u64,
    /// Alerts that nobody has acknowledged.
    pub alerts_open: u64,
    /// Approvals that wait for people.
    pub approvals_pending: u64,
    /// Policies in force.
    pub policies_enabled: u64,
    /// Entries of the record that the sums over actions and alerts do not have yet, after a start that
    /// found many; 0 otherwise.
    pub behind: u64,
    /// Microseconds within which half of the decisions of this server, of every tenant, were taken since
    /// it started: the upper bound of a class. Absent without decisions, and beyond the largest class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decide_p50_us: Option<u64>,
    /// The same of 99 in 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decide_p99_us: Option<u64>,
    /// Since when the policies in force are not the newest; absent when they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_stale_since: Option<String>,
    /// What is wrong with the newest policies, with file, line and caret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_problem: Option<String>,
}

/// Sums over the tenant.
#[utoipa::path(
    get, path = "/api/stats", operation_id = "get_stats", tag = "system",
    responses(
        (status = 200, description = "The sums", body = StatsBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not read", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn get(State(app): State<App>, caller: Caller) -> ApiResult<Json<StatsBody>> {
    caller.require(Permission::Read)?;
    let (stats, behind) = app
        .blocking(move |runtime| {
            let behind = runtime.behind(caller.tenant());
            Ok((runtime.store().stats(caller.tenant())?, behind))
        })
        .await?;
    let stale = app.runtime().stale_policy();
    let times = app.runtime().stats();
    Ok(Json(StatsBody {
        decide_p50_us: times.latency_quantile_us(50),
        decide_p99_us: times.latency_quantile_us(99),
        total_actions: stats.actions.total,
        flagged_actions: stats.actions.flagged,
        blocked_actions: stats.actions.blocked,
        held_actions: stats.actions.held,
        avg_risk_score: f64::from(u16::try_from(stats.actions.mean_risk_milli()).unwrap_or(1_000))
            / 1_000.0,
        agents: stats.agents,
        agents_paused: stats.agents_paused,
        alerts_open: stats.alerts_open,
        approvals_pending: stats.approvals_pending,
        policies_enabled: stats.policies_enabled,
        behind,
        policy_stale_since: stale.as_ref().map(|s| super::time(s.since)),
        policy_problem: stale.map(|s| s.problem),
    }))
}
