//! `/api/agents`: agents, their profiles and switches.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use interlock_core::model::parse_nano;
use interlock_runtime::Runtime;
use interlock_store::{Agent, AgentChange, AgentProfile, KillSwitchMode, NewAgent, PAGE_ROWS_MAX};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::{json, milli, time};
use crate::App;
use crate::auth::{Caller, Permission};
use crate::error::{ApiError, ApiResult, ErrorBody};

/// An agent with its profile.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AgentBody {
    /// Its id.
    pub agent_id: String,
    /// Its name for people.
    pub name: String,
    /// Whether it may do nothing for now.
    pub paused: bool,
    /// `alert`, `pause` or `rollback`.
    pub kill_switch_mode: String,
    /// Whether it holds elevated credentials.
    pub elevated: bool,
    /// Allowed action types; null: all.
    pub allowed_action_types: Option<Vec<String>>,
    /// Allowed resources; null: all.
    pub allowed_resources: Option<Vec<String>>,
    /// Blocked resources.
    pub blocked_resources: Vec<String>,
    /// Most actions in a minute; null: no limit.
    pub max_actions_per_minute: Option<u32>,
    /// The highest risk, 0..1; null: no limit.
    pub max_risk_score: Option<f64>,
    /// What its actions may cost, and have cost; null: no limit, and nothing is counted.
    pub budget_usd: Option<BudgetBody>,
    /// Actions decided.
    pub total_actions: u64,
    /// Actions flagged.
    pub flagged_actions: u64,
    /// Actions undone.
    pub rolled_back_actions: u64,
    /// The mean risk, 0..1.
    pub avg_risk_score: f64,
    /// When it was last seen.
    pub last_seen: Option<String>,
    /// When it was registered or first seen.
    pub created_at: String,
}

/// The budgets of an agent, in US dollars as decimal texts.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BudgetBody {
    /// The most in a day, UTC; null: no limit.
    pub day: Option<String>,
    /// The most in a month, UTC; null: no limit.
    pub month: Option<String>,
    /// What the day has cost so far, what is in flight included by its estimate; null without a
    /// limit.
    pub spent_day: Option<String>,
    /// What the month has cost so far.
    pub spent_month: Option<String>,
}

/// Billionths as a decimal number without needless zeros.
fn dollars(nano: i64) -> String {
    let (whole, fraction) = (nano / 1_000_000_000, nano.unsigned_abs() % 1_000_000_000);
    if fraction == 0 {
        return whole.to_string();
    }
    let digits = format!("{fraction:09}");
    format!("{whole}.{}", digits.trim_end_matches('0'))
}

fn body(runtime: &Runtime, tenant: &str, agent: Agent) -> AgentBody {
    let score = |m: u16| f64::from(m) / 1_000.0;
    let (day, month) = (
        agent.profile.budget_day_nano_usd,
        agent.profile.budget_month_nano_usd,
    );
    let budget_usd = (day.is_some() || month.is_some()).then(|| {
        let spent = runtime.spending(tenant, &agent.agent_id);
        BudgetBody {
            day: day.map(dollars),
            month: month.map(dollars),
            spent_day: day.map(|_| dollars(spent.day_nano_usd)),
            spent_month: month.map(|_| dollars(spent.month_nano_usd)),
        }
    });
    AgentBody {
        paused: agent.paused,
        kill_switch_mode: agent.kill_switch_mode.name().to_owned(),
        elevated: agent.elevated,
        max_risk_score: agent.profile.max_risk_milli.map(score),
        budget_usd,
        allowed_action_types: agent.profile.allowed_action_types,
        allowed_resources: agent.profile.allowed_resources,
        blocked_resources: agent.profile.blocked_resources,
        max_actions_per_minute: agent.profile.max_actions_per_minute,
        total_actions: agent.counters.total,
        flagged_actions: agent.counters.flagged,
        rolled_back_actions: agent.counters.rolled_back,
        avg_risk_score: score(u16::try_from(agent.counters.mean_risk_milli()).unwrap_or(1_000)),
        last_seen: agent.counters.last_seen.map(time),
        created_at: time(agent.created),
        agent_id: agent.agent_id,
        name: agent.name,
    }
}

/// Lists all agents with their profiles.
#[utoipa::path(
    get, path = "/api/agents", operation_id = "list_agents", tag = "agents",
    responses(
        (status = 200, description = "The agents", body = Vec<AgentBody>),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not read", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn list(State(app): State<App>, caller: Caller) -> ApiResult<Json<Vec<AgentBody>>> {
    caller.require(Permission::Read)?;
    let agents = app
        .blocking(move |runtime| {
            let mut all: Vec<AgentBody> = Vec::new();
            loop {
                let after = all.last().map(|a| a.agent_id.clone());
                let page =
                    runtime
                        .store()
                        .agents(caller.tenant(), after.as_deref(), PAGE_ROWS_MAX)?;
                let full = page.len() == PAGE_ROWS_MAX;
                all.extend(page.into_iter().map(|a| body(runtime, caller.tenant(), a)));
                if !full {
                    return Ok(all);
                }
            }
        })
        .await?;
    Ok(Json(agents))
}

/// An agent to register.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterRequest {
    /// Its name for people.
    #[schema(min_length = 1, max_length = 256)]
    pub name: String,
    /// Its id; the name when absent.
    #[schema(min_length = 1, max_length = 256)]
    pub agent_id: Option<String>,
}

/// Registers an agent.
#[utoipa::path(
    post, path = "/api/agents", operation_id = "register_agent", tag = "agents",
    request_body = RegisterRequest,
    responses(
        (status = 201, description = "It is registered", body = AgentBody,
            links(
                ("update" = (operation_id = "update_agent", parameters(("id" = "$response.body#/agent_id")))),
                ("profile" = (operation_id = "set_profile", parameters(("id" = "$response.body#/agent_id")))),
            )),
        (status = 400, description = "A field is out of its limits", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not administer", body = ErrorBody),
        (status = 409, description = "There is one with that id", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn register(
    State(app): State<App>,
    caller: Caller,
    bytes: Bytes,
) -> ApiResult<(StatusCode, Json<AgentBody>)> {
    caller.require(Permission::Administer)?;
    let request: RegisterRequest = json(&bytes)?;
    let agent = NewAgent {
        agent_id: request.agent_id.unwrap_or_else(|| request.name.clone()),
        name: request.name,
    };
    let row = app
        .blocking(move |runtime| {
            let row = runtime.register_agent(caller.tenant(), &caller.subject, &agent)?;
            Ok(body(runtime, caller.tenant(), row))
        })
        .await?;
    Ok((StatusCode::CREATED, Json(row)))
}

/// Changes to an agent; what is absent stays.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentPatch {
    /// Its name for people.
    #[schema(min_length = 1, max_length = 256)]
    pub name: Option<String>,
    /// Whether it may do nothing for now.
    pub paused: Option<bool>,
    /// `alert`, `pause` or `rollback`.
    #[schema(pattern = "^(alert|pause|rollback)$")]
    pub kill_switch_mode: Option<String>,
    /// Whether it holds elevated credentials.
    pub elevated: Option<bool>,
}

/// Changes an agent: name, pause, kill switch.
#[utoipa::path(
    patch, path = "/api/agents/{id}", operation_id = "update_agent", tag = "agents",
    params(("id" = String, Path, description = "The agent's id")),
    request_body = AgentPatch,
    responses(
        (status = 200, description = "It is changed", body = AgentBody),
        (status = 400, description = "A field is out of its limits", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not administer", body = ErrorBody),
        (status = 404, description = "No such agent", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn update(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    bytes: Bytes,
) -> ApiResult<Json<AgentBody>> {
    caller.require(Permission::Administer)?;
    let patch: AgentPatch = json(&bytes)?;
    let kill_switch_mode = match patch.kill_switch_mode.as_deref() {
        None => None,
        Some(word) => Some(
            KillSwitchMode::from_name(&word.to_ascii_lowercase()).ok_or_else(|| {
                ApiError::field(
                    "kill_switch_mode",
                    "field.invalid",
                    "`kill_switch_mode` must be `alert`, `pause` or `rollback`",
                )
            })?,
        ),
    };
    let change = AgentChange {
        name: patch.name,
        paused: patch.paused,
        kill_switch_mode,
        elevated: patch.elevated,
    };
    let row = app
        .blocking(move |runtime| {
            let row = runtime.update_agent(caller.tenant(), &caller.subject, &id, &change)?;
            Ok(body(runtime, caller.tenant(), row))
        })
        .await?;
    Ok(Json(row))
}

/// Tells an absent field (`None`) from `null` (`Some(None)`).
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    d: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(d).map(Some)
}

/// A permission profile; an absent field stays, `null` lifts the limit.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProfilePatch {
    /// Globs of allowed action types.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Vec<String>>)]
    pub allowed_action_types: Option<Option<Vec<String>>>,
    /// Globs of allowed resources.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Vec<String>>)]
    pub allowed_resources: Option<Option<Vec<String>>>,
    /// Globs of blocked resources.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Vec<String>>)]
    pub blocked_resources: Option<Option<Vec<String>>>,
    /// Most allowed actions in a minute.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<u32>, maximum = 1000000)]
    pub max_actions_per_minute: Option<Option<u32>>,
    /// The highest risk, 0..1.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<f64>, minimum = 0, maximum = 1)]
    pub max_risk_score: Option<Option<f64>>,
    /// What its actions may cost. An object replaces both limits.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<BudgetRequest>)]
    pub budget_usd: Option<Option<BudgetRequest>>,
}

/// What an agent's actions may cost, in US dollars; an absent limit does not limit.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BudgetRequest {
    /// In a day, UTC: a decimal text; a number is taken as well.
    #[schema(value_type = Option<String>, pattern = "^[0-9]{1,9}([.][0-9]{1,9})?$")]
    pub day: Option<Amount>,
    /// In a month, UTC: a decimal text; a number is taken as well.
    #[schema(value_type = Option<String>, pattern = "^[0-9]{1,9}([.][0-9]{1,9})?$")]
    pub month: Option<Amount>,
}

/// An amount of money: a decimal text, or a number.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Amount {
    /// Exact, with at most nine decimals.
    Text(String),
    /// Rounded to nine decimals.
    Number(f64),
}

impl Amount {
    fn nano(&self) -> ApiResult<i64> {
        let text = match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => format!("{number:.9}"),
        };
        // A sign or an exponent is nothing that a budget has.
        let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        parse_nano(&text)
            .filter(|nano| plain && *nano >= 0)
            .ok_or_else(|| {
                ApiError::field(
                    "budget_usd",
                    "field.invalid",
                    "`budget_usd` must be amounts from 0 to 9223372036 with at most nine decimals",
                )
            })
    }
}

impl BudgetRequest {
    /// The day's and the month's, in billionths.
    fn nano(&self) -> ApiResult<(Option<i64>, Option<i64>)> {
        let nano = |amount: &Option<Amount>| amount.as_ref().map(Amount::nano).transpose();
        Ok((nano(&self.day)?, nano(&self.month)?))
    }
}

/// Changes an agent's permission profile; every field is enforced whatever the policies say.
#[utoipa::path(
    patch, path = "/api/agents/{id}/profile", operation_id = "set_profile", tag = "agents",
    params(("id" = String, Path, description = "The agent's id; it is registered if it is not known")),
    request_body = ProfilePatch,
    responses(
        (status = 200, description = "The agent with its profile", body = AgentBody),
        (status = 400, description = "A field is out of its limits", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not administer", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn set_profile(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    bytes: Bytes,
) -> ApiResult<Json<AgentBody>> {
    caller.require(Permission::Administer)?;
    let patch: ProfilePatch = json(&bytes)?;
    let risk = match patch.max_risk_score {
        Some(Some(score)) => Some(Some(milli("max_risk_score", score)?)),
        Some(None) => Some(None),
        None => None,
    };
    let budget = match patch.budget_usd {
        Some(Some(budget)) => Some(budget.nano()?),
        Some(None) => Some((None, None)),
        None => None,
    };
    let row = app
        .blocking(move |runtime| {
            let mut profile = match runtime.store().agent(caller.tenant(), &id) {
                Ok(agent) => agent.profile,
                Err(error) if error.is_not_found() => AgentProfile::default(),
                Err(error) => return Err(error.into()),
            };
            if let Some(types) = patch.allowed_action_types {
                profile.allowed_action_types = types;
            }
            if let Some(resources) = patch.allowed_resources {
                profile.allowed_resources = resources;
            }
            if let Some(resources) = patch.blocked_resources {
                profile.blocked_resources = resources.unwrap_or_default();
            }
            if let Some(rate) = patch.max_actions_per_minute {
                profile.max_actions_per_minute = rate;
            }
            if let Some(risk) = risk {
                profile.max_risk_milli = risk;
            }
            if let Some((day, month)) = budget {
                profile.budget_day_nano_usd = day;
                profile.budget_month_nano_usd = month;
            }
            let row = runtime.set_profile(caller.tenant(), &caller.subject, &id, &profile)?;
            Ok(body(runtime, caller.tenant(), row))
        })
        .await?;
    Ok(Json(row))
}
