//! `/api/policies`: policies as rows, in the published shape.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use interlock_store::{Days, NewPolicy, Policy, PolicyChange};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{json, milli, time};
use crate::App;
use crate::auth::{Caller, Permission};
use crate::compat::vaultak;
use crate::error::{ApiError, ApiResult, ErrorBody};

/// A policy to add.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyRequest {
    /// Its name for people.
    #[schema(min_length = 1, max_length = 256)]
    pub name: String,
    /// A glob of action types; absent: all.
    #[schema(max_length = 64)]
    pub action_type: Option<String>,
    /// A glob of resources; absent: all.
    #[schema(max_length = 4096)]
    pub resource_pattern: Option<String>,
    /// `block` (the default), `pause` or `allow`.
    #[schema(pattern = "^(block|pause|allow)$")]
    pub effect: Option<String>,
    /// It fires only above this risk, 0..1.
    #[schema(minimum = 0, maximum = 1)]
    pub max_risk_score: Option<f64>,
    /// The first hour of the day, UTC, in which it holds.
    #[schema(maximum = 23)]
    pub time_start: Option<u8>,
    /// The hour of the day, UTC, at which it ends.
    #[schema(maximum = 24)]
    pub time_end: Option<u8>,
    /// English names of the days on which it holds; absent: every day.
    pub days_allowed: Option<Vec<String>>,
    /// The highest decides.
    #[schema(minimum = -1000000, maximum = 1000000)]
    pub priority: Option<i64>,
}

/// A policy.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PolicyBody {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// A glob of action types.
    pub action_type: Option<String>,
    /// A glob of resources.
    pub resource_pattern: Option<String>,
    /// `block`, `pause` or `allow`.
    pub effect: String,
    /// It fires only above this risk, 0..1.
    pub max_risk_score: Option<f64>,
    /// The first hour in which it holds.
    pub time_start: Option<u8>,
    /// The hour at which it ends.
    pub time_end: Option<u8>,
    /// The days on which it holds.
    pub days_allowed: Vec<String>,
    /// The highest decides.
    pub priority: i64,
    /// Whether it is in force.
    pub enabled: bool,
    /// The revision at which it last changed.
    pub revision: u64,
    /// When it was added.
    pub created_at: String,
}

fn days_of(days: Days) -> Vec<String> {
    ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
        .into_iter()
        .enumerate()
        .filter(|(i, _)| days.bits() & (1 << i) != 0)
        .map(|(_, name)| name.to_owned())
        .collect()
}

impl From<Policy> for PolicyBody {
    fn from(row: Policy) -> Self {
        let policy = row.policy;
        Self {
            effect: super::check::published(policy.effect).to_owned(),
            max_risk_score: policy.max_risk_milli.map(|m| f64::from(m) / 1_000.0),
            days_allowed: days_of(policy.days),
            id: policy.id,
            name: policy.name,
            action_type: policy.action_type,
            resource_pattern: policy.resource_pattern,
            time_start: policy.time_start,
            time_end: policy.time_end,
            priority: policy.priority,
            enabled: row.enabled,
            revision: row.revision,
            created_at: time(row.created),
        }
    }
}

fn effect(word: &str) -> ApiResult<interlock_core::model::Effect> {
    interlock_runtime::published_effect(&word.to_ascii_lowercase()).ok_or_else(|| {
        ApiError::field(
            "effect",
            "field.invalid",
            "`effect` must be `block`, `pause` or `allow`",
        )
    })
}

fn days(names: &[String]) -> ApiResult<Days> {
    names.iter().try_fold(Days::default(), |days, name| {
        days.with(name).ok_or_else(|| {
            ApiError::field(
                "days_allowed",
                "field.invalid",
                "`days_allowed` must hold English names of days",
            )
        })
    })
}

fn priority(priority: i64) -> ApiResult<i64> {
    if (-1_000_000..=1_000_000).contains(&priority) {
        Ok(priority)
    } else {
        Err(ApiError::field(
            "priority",
            "field.invalid",
            "`priority` must be -1000000 to 1000000",
        ))
    }
}

/// Lists policies, the highest priority first.
#[utoipa::path(
    get, path = "/api/policies", operation_id = "list_policies", tag = "policies",
    responses(
        (status = 200, description = "The policies", body = Vec<PolicyBody>),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not read", body = ErrorBody),
    ),
    security(("api_key" = []))
)]
pub async fn list(State(app): State<App>, caller: Caller) -> ApiResult<Response> {
    caller.require(Permission::Read)?;
    let bearer = caller.bearer;
    let rows = app
        .blocking(move |runtime| Ok(runtime.store().policies(caller.tenant())?))
        .await?;
    let bodies: Vec<PolicyBody> = rows.into_iter().map(PolicyBody::from).collect();
    if bearer {
        return Ok(Json(vaultak::wrap_policies(&bodies)).into_response());
    }
    Ok(Json(bodies).into_response())
}

/// Adds a policy, in force at once.
#[utoipa::path(
    post, path = "/api/policies", operation_id = "create_policy", tag = "policies",
    request_body = PolicyRequest,
    responses(
        (status = 201, description = "It is in force", body = PolicyBody,
            links(
                ("update" = (operation_id = "update_policy", parameters(("id" = "$response.body#/id")))),
                ("remove" = (operation_id = "remove_policy", parameters(("id" = "$response.body#/id")))),
            )),
        (status = 400, description = "A field is out of its limits", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not change policies", body = ErrorBody),
        (status = 409, description = "The policies changed meanwhile", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 422, description = "It does not compile", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    body: Bytes,
) -> ApiResult<(StatusCode, Json<PolicyBody>)> {
    caller.require(Permission::EditPolicies)?;
    let request: PolicyRequest = json(&body)?;
    let policy = NewPolicy {
        id: uuid::Uuid::new_v7(uuid::Timestamp::now(uuid::NoContext)).to_string(),
        name: request.name,
        action_type: request.action_type,
        resource_pattern: request.resource_pattern,
        effect: effect(request.effect.as_deref().unwrap_or("block"))?,
        max_risk_milli: request
            .max_risk_score
            .map(|s| milli("max_risk_score", s))
            .transpose()?,
        time_start: request.time_start,
        time_end: request.time_end,
        days: days(request.days_allowed.as_deref().unwrap_or_default())?,
        priority: priority(request.priority.unwrap_or(0))?,
    };
    let row = app
        .blocking(move |runtime| runtime.insert_policy(caller.tenant(), &caller.subject, &policy))
        .await?;
    Ok((StatusCode::CREATED, Json(row.into())))
}

/// The published way to switch a policy on or off.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PolicyQuery {
    /// Whether it is in force.
    pub enabled: Option<bool>,
}

/// Changes to a policy; what is absent stays.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyPatch {
    /// Its name.
    #[schema(min_length = 1, max_length = 256)]
    pub name: Option<String>,
    /// A glob of action types.
    #[schema(max_length = 64)]
    pub action_type: Option<String>,
    /// A glob of resources.
    #[schema(max_length = 4096)]
    pub resource_pattern: Option<String>,
    /// `block`, `pause` or `allow`.
    #[schema(pattern = "^(block|pause|allow)$")]
    pub effect: Option<String>,
    /// It fires only above this risk, 0..1.
    #[schema(minimum = 0, maximum = 1)]
    pub max_risk_score: Option<f64>,
    /// The highest decides.
    #[schema(minimum = -1000000, maximum = 1000000)]
    pub priority: Option<i64>,
    /// Whether it is in force.
    pub enabled: Option<bool>,
}

/// Changes a policy.
#[utoipa::path(
    patch, path = "/api/policies/{id}", operation_id = "update_policy", tag = "policies",
    params(("id" = String, Path, description = "The policy's id"), PolicyQuery),
    request_body = Option<PolicyPatch>,
    responses(
        (status = 200, description = "It is changed", body = PolicyBody),
        (status = 400, description = "A field is out of its limits", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not change policies", body = ErrorBody),
        (status = 404, description = "No such policy", body = ErrorBody),
        (status = 409, description = "The policies changed meanwhile", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 422, description = "It does not compile", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn update(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    query: Result<Query<PolicyQuery>, axum::extract::rejection::QueryRejection>,
    body: Bytes,
) -> ApiResult<Json<PolicyBody>> {
    caller.require(Permission::EditPolicies)?;
    let Query(query) =
        query.map_err(|e| ApiError::field("query", "field.invalid", e.body_text()))?;
    let patch: PolicyPatch = if body.is_empty() || &body[..] == b"null" {
        PolicyPatch::default()
    } else {
        json(&body)?
    };
    let change = PolicyChange {
        name: patch.name,
        action_type: patch.action_type.map(Some),
        resource_pattern: patch.resource_pattern.map(Some),
        effect: patch.effect.as_deref().map(effect).transpose()?,
        max_risk_milli: patch
            .max_risk_score
            .map(|s| milli("max_risk_score", s).map(Some))
            .transpose()?,
        priority: patch.priority.map(priority).transpose()?,
        enabled: query.enabled.or(patch.enabled),
        ..PolicyChange::default()
    };
    let row = app
        .blocking(move |runtime| {
            runtime.update_policy(caller.tenant(), &caller.subject, &id, &change)
        })
        .await?;
    Ok(Json(row.into()))
}

/// That a policy is gone.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Deleted {
    /// Always true.
    pub deleted: bool,
}

/// Removes a policy.
#[utoipa::path(
    delete, path = "/api/policies/{id}", operation_id = "remove_policy", tag = "policies",
    params(("id" = String, Path, description = "The policy's id")),
    responses(
        (status = 200, description = "It is gone", body = Deleted),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not change policies", body = ErrorBody),
        (status = 404, description = "No such policy", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn remove(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<Deleted>> {
    caller.require(Permission::EditPolicies)?;
    app.blocking(move |runtime| runtime.delete_policy(caller.tenant(), &caller.subject, &id))
        .await?;
    Ok(Json(Deleted { deleted: true }))
}
