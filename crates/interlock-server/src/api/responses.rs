//! `/api/responses`: what is done by itself when alerts pile up, and what was.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Query, State};
use interlock_runtime::{
    AGENTS_PER_HOUR, ResponseAction, ResponseRule, ResponseRules, ResponseScope,
};
use interlock_store::ResponseRow;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{json, page, time};
use crate::App;
use crate::auth::{Caller, Permission};
use crate::error::{ApiError, ApiResult, ErrorBody};

/// When something is done by itself, and what.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResponseRuleBody {
    /// Its name.
    #[schema(min_length = 1, max_length = 64, example = "runaway")]
    pub id: String,
    /// Whether it is in force; it is when absent.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Whose alerts are counted together: those of one `agent`, with one `tool`, or of one
    /// `detector`.
    #[schema(pattern = "^(agent|tool|detector)$", example = "agent")]
    pub scope: String,
    /// The level from which an alert counts.
    #[schema(pattern = "^(low|medium|high|critical)$", example = "high")]
    pub level: String,
    /// How many.
    #[schema(minimum = 1, maximum = 100, example = 3)]
    pub count: u32,
    /// Within how many seconds.
    #[schema(minimum = 1, maximum = 86400, example = 300)]
    pub window_s: u32,
    /// Only alerts of agents that match; `*` stands for any characters.
    #[schema(min_length = 1, max_length = 64)]
    pub agent: Option<String>,
    /// Only alerts of this detector.
    #[schema(min_length = 1, max_length = 64)]
    pub detector: Option<String>,
    /// `alert` tells people, `pause` also pauses the agent of the last alert, `rollback` also undoes
    /// its last steps.
    #[schema(pattern = "^(alert|pause|rollback)$", example = "pause")]
    pub action: String,
    /// Steps that a rollback undoes; for a rollback only.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1000)]
    pub last: u32,
    /// Groups of people that are told.
    #[serde(default)]
    #[schema(max_items = 16)]
    pub notify: Vec<String>,
    /// How long it does not answer to the same subject again, in seconds; an hour when absent.
    #[serde(default = "cool_down")]
    #[schema(minimum = 10, maximum = 604800, example = 3600)]
    pub cool_down_s: u32,
    /// Whether it only says what it would do.
    #[serde(default)]
    pub dry_run: bool,
}

const fn yes() -> bool {
    true
}

const fn cool_down() -> u32 {
    3_600
}

const fn agents_per_hour() -> u32 {
    AGENTS_PER_HOUR
}

impl From<ResponseRule> for ResponseRuleBody {
    fn from(rule: ResponseRule) -> Self {
        Self {
            id: rule.id,
            enabled: rule.enabled,
            scope: rule.scope.name().to_owned(),
            level: rule.level,
            count: rule.count,
            window_s: rule.window_s,
            agent: rule.agent,
            detector: rule.detector,
            action: rule.action.name().to_owned(),
            last: rule.last,
            notify: rule.notify,
            cool_down_s: rule.cool_down_s,
            dry_run: rule.dry_run,
        }
    }
}

fn one_of(field: &'static str, names: &str) -> ApiError {
    ApiError::field(
        field,
        "field.invalid",
        format!("`{field}` must be one of {names}"),
    )
}

impl ResponseRuleBody {
    fn rule(self) -> ApiResult<ResponseRule> {
        let scope = match &*self.scope {
            "agent" => ResponseScope::Agent,
            "tool" => ResponseScope::Tool,
            "detector" => ResponseScope::Detector,
            _ => return Err(one_of("scope", "agent, tool, detector")),
        };
        let action = match &*self.action {
            "alert" => ResponseAction::Alert,
            "pause" => ResponseAction::Pause,
            "rollback" => ResponseAction::Rollback,
            _ => return Err(one_of("action", "alert, pause, rollback")),
        };
        Ok(ResponseRule {
            id: self.id,
            enabled: self.enabled,
            scope,
            level: self.level,
            count: self.count,
            window_s: self.window_s,
            agent: self.agent,
            detector: self.detector,
            action,
            last: self.last,
            notify: self.notify,
            cool_down_s: self.cool_down_s,
            dry_run: self.dry_run,
        })
    }
}

/// The rules of automatic responses.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResponseRulesBody {
    /// The version that was seen; it goes up with each change.
    #[schema(minimum = 0, maximum = 9007199254740991_i64, example = 0)]
    pub version: u64,
    /// Agents that responses may stop within an hour; past that they only tell. 10 when absent.
    #[serde(default = "agents_per_hour")]
    #[schema(minimum = 1, maximum = 500)]
    pub agents_per_hour: u32,
    /// The rules.
    #[schema(max_items = 50)]
    pub rules: Vec<ResponseRuleBody>,
}

impl From<ResponseRules> for ResponseRulesBody {
    fn from(rules: ResponseRules) -> Self {
        Self {
            version: rules.version,
            agents_per_hour: rules.agents_per_hour,
            rules: rules
                .rules
                .into_iter()
                .map(ResponseRuleBody::from)
                .collect(),
        }
    }
}

/// The rules of automatic responses.
#[utoipa::path(
    get, path = "/api/response-rules", operation_id = "get_response_rules", tag = "alerts",
    responses(
        (status = 200, description = "The rules", body = ResponseRulesBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not read", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn rules(State(app): State<App>, caller: Caller) -> ApiResult<Json<ResponseRulesBody>> {
    caller.require(Permission::Read)?;
    // They are in memory.
    Ok(Json(app.runtime().response_rules(caller.tenant()).into()))
}

/// Replaces the rules of automatic responses; they answer to alerts from now on.
#[utoipa::path(
    put, path = "/api/response-rules", operation_id = "set_response_rules", tag = "alerts",
    request_body(content = ResponseRulesBody, example = json!({"version": 0, "rules": [{
        "id": "runaway", "scope": "agent", "level": "high", "count": 3, "window_s": 300, "action": "pause"
    }]})),
    responses(
        (status = 200, description = "The rules in force", body = ResponseRulesBody),
        (status = 400, description = "A field is out of its limits", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not administer", body = ErrorBody),
        (status = 409, description = "Somebody else has changed them", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn set_rules(
    State(app): State<App>,
    caller: Caller,
    body: Bytes,
) -> ApiResult<Json<ResponseRulesBody>> {
    caller.require(Permission::Administer)?;
    let request: ResponseRulesBody = json(&body)?;
    let rules = ResponseRules {
        version: request.version,
        agents_per_hour: request.agents_per_hour,
        rules: request
            .rules
            .into_iter()
            .map(ResponseRuleBody::rule)
            .collect::<ApiResult<_>>()?,
    };
    let rules = app
        .blocking(move |runtime| {
            runtime.set_response_rules(caller.tenant(), &caller.subject, &rules)
        })
        .await?;
    Ok(Json(rules.into()))
}

/// An automatic response and what came of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ResponseBody {
    /// Its id; a rollback that it ordered has the same.
    pub id: String,
    /// The rule.
    pub rule: String,
    /// What was counted: `agent:…`, `tool:…` or `detector:…`. It may hold what an agent wrote.
    pub subject: String,
    /// The agent that it is about.
    pub agent_id: String,
    /// `alert`, `pause` or `rollback`.
    pub action: String,
    /// Steps to undo.
    pub last: u32,
    /// Whether it only said what it would do.
    pub dry_run: bool,
    /// Whether it was not carried out because too many agents were stopped within the hour.
    pub capped: bool,
    /// Alerts that set it off, the newest first; at most 20.
    pub alerts: Vec<String>,
    /// The sequence number of its record.
    pub seq: u64,
    /// When.
    pub at: String,
    /// `under-way`, `done`, `dry-run`, `capped` or `failed`.
    pub result: String,
    /// What was done, or why not.
    pub message: String,
    /// When it ended.
    pub ended_at: Option<String>,
}

impl From<ResponseRow> for ResponseBody {
    fn from(row: ResponseRow) -> Self {
        let ended = row.ended;
        Self {
            id: row.id,
            rule: row.rule,
            subject: row.subject,
            agent_id: row.agent_id,
            action: row.action,
            last: row.last,
            dry_run: row.dry_run,
            capped: row.capped,
            alerts: row.alerts,
            seq: row.seq,
            at: time(row.at),
            result: ended
                .as_ref()
                .map_or_else(|| "under-way".to_owned(), |end| end.result.clone()),
            message: ended
                .as_ref()
                .map(|end| end.message.clone())
                .unwrap_or_default(),
            ended_at: ended.map(|end| time(end.at)),
        }
    }
}

/// Which to list.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ResponseQuery {
    /// How many, 1 to 1000; 100 by default.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<usize>,
}

/// Lists automatic responses, the newest first.
#[utoipa::path(
    get, path = "/api/responses", operation_id = "list_responses", tag = "alerts",
    params(ResponseQuery),
    responses(
        (status = 200, description = "The responses", body = Vec<ResponseBody>),
        (status = 400, description = "A parameter is out of range", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not read", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    query: Result<Query<ResponseQuery>, axum::extract::rejection::QueryRejection>,
) -> ApiResult<Json<Vec<ResponseBody>>> {
    caller.require(Permission::Read)?;
    let Query(query) =
        query.map_err(|e| ApiError::field("query", "field.invalid", e.body_text()))?;
    let limit = page(query.limit, 100)?;
    let rows = app
        .blocking(move |runtime| Ok(runtime.store().responses(caller.tenant(), false, limit)?))
        .await?;
    Ok(Json(rows.into_iter().map(ResponseBody::from).collect()))
}
