//! `/api/session-approvals`: agreement to further actions of a run or session, as temporary rules.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use interlock_core::model::{Value, parse_nano};
use interlock_runtime::{ArgumentRule, SessionGrant};
use interlock_store::SessionApproval;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{json, page, time};
use crate::App;
use crate::auth::{Caller, Permission};
use crate::error::{ApiError, ApiResult, ErrorBody};

/// A temporary rule.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SessionApprovalBody {
    /// Its id.
    pub id: String,
    /// The approval that it was made from.
    pub approval_id: String,
    /// The agent that may use it.
    pub agent_id: String,
    /// The type of the actions.
    pub action_type: String,
    /// The tool.
    pub tool: String,
    /// The pattern over the resource.
    pub resource: String,
    /// The run within which it holds, or empty.
    pub run_id: String,
    /// The session within which it holds, or empty.
    pub session_id: String,
    /// What each argument must be: `same` as it was (a digest), `any`, `min` and `max`, `glob`, or
    /// `one_of`.
    #[schema(value_type = Object)]
    pub arguments: serde_json::Value,
    /// What asks for approval and is answered by it.
    pub rules: Vec<String>,
    /// The highest composite risk that it covers.
    pub risk_max: u16,
    /// How often it may be used.
    pub uses_max: u32,
    /// How often it was used.
    pub uses: u32,
    /// What the actions may cost together, in US dollars.
    pub cost_usd_max: Option<String>,
    /// What they cost so far by their estimates, in US dollars.
    pub cost_usd: String,
    /// Who agreed.
    pub granted_by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub created: String,
    /// Until when.
    pub expires: String,
    /// When it was taken back.
    pub revoked: Option<String>,
    /// Who took it back.
    pub revoked_by: Option<String>,
    /// Whether it covers anything now.
    pub live: bool,
}

fn usd(nano: i64) -> String {
    format!("{}.{:09}", nano / 1_000_000_000, nano % 1_000_000_000)
}

fn body(row: SessionApproval, now: i64) -> SessionApprovalBody {
    let live = row.usable(0, now);
    let (revoked, revoked_by) = row
        .revoked
        .map_or((None, None), |(at, by)| (Some(at), Some(by)));
    SessionApprovalBody {
        arguments: serde_json::from_str(&row.arguments).unwrap_or_default(),
        id: row.id,
        approval_id: row.approval_id,
        agent_id: row.agent_id,
        action_type: row.action_type,
        tool: row.tool,
        resource: row.resource,
        run_id: row.run_id,
        session_id: row.session_id,
        rules: row.rules,
        risk_max: row.risk_max,
        uses_max: row.uses_max,
        uses: row.uses,
        cost_usd_max: row.cost_nano_max.map(usd),
        cost_usd: usd(row.cost_nano),
        granted_by: row.granted_by,
        reason: row.reason,
        created: time(row.created),
        expires: time(row.expires),
        revoked: revoked.map(time),
        revoked_by,
        live,
    }
}

/// Which to list.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SessionApprovalQuery {
    /// Only those of this agent.
    pub agent_id: Option<String>,
    /// How many, 1 to 1000; 100 by default.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<usize>,
}

/// Lists session approvals, the newest first, also those that are over.
#[utoipa::path(
    get, path = "/api/session-approvals", operation_id = "list_session_approvals", tag = "approvals",
    params(SessionApprovalQuery),
    responses(
        (status = 200, description = "The session approvals", body = Vec<SessionApprovalBody>),
        (status = 400, description = "A parameter is out of range", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not read", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    query: Result<Query<SessionApprovalQuery>, axum::extract::rejection::QueryRejection>,
) -> ApiResult<Json<Vec<SessionApprovalBody>>> {
    caller.require(Permission::Read)?;
    let Query(query) =
        query.map_err(|e| ApiError::field("query", "field.invalid", e.body_text()))?;
    let limit = page(query.limit, 100)?;
    let (rows, now) = app
        .blocking(move |runtime| {
            let agent = query.agent_id.as_deref();
            let rows = runtime
                .store()
                .session_approvals(caller.tenant(), agent, limit)?;
            Ok((rows, runtime.now()))
        })
        .await?;
    Ok(Json(rows.into_iter().map(|row| body(row, now)).collect()))
}

/// What one argument must be; exactly one of `any`, `glob`, `one_of`, or `min` and `max`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ArgumentConstraint {
    /// Anything.
    pub any: Option<bool>,
    /// At least this whole number.
    pub min: Option<i64>,
    /// At most this whole number.
    pub max: Option<i64>,
    /// A text that this pattern matches.
    pub glob: Option<String>,
    /// One of these.
    #[schema(value_type = Option<Vec<serde_json::Value>>)]
    pub one_of: Option<Vec<serde_json::Value>>,
}

impl ArgumentConstraint {
    fn rule(self) -> Option<ArgumentRule> {
        Some(match self {
            Self {
                any: Some(true),
                min: None,
                max: None,
                glob: None,
                one_of: None,
            } => ArgumentRule::Any,
            Self {
                any: None,
                min: None,
                max: None,
                glob: Some(pattern),
                one_of: None,
            } => ArgumentRule::Glob(pattern),
            Self {
                any: None,
                min: None,
                max: None,
                glob: None,
                one_of: Some(values),
            } => ArgumentRule::OneOf(
                values
                    .iter()
                    .map(|v| Value::parse(v.to_string().as_bytes()).ok())
                    .collect::<Option<_>>()?,
            ),
            Self {
                any: None,
                min,
                max,
                glob: None,
                one_of: None,
            } if min.is_some() || max.is_some() => ArgumentRule::Range(min, max),
            _ => return None,
        })
    }
}

/// What a person agrees to beyond one action.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionApprovalRequest {
    /// The approval that asks for an action like those, pending or approved.
    pub approval_id: String,
    /// What the arguments must be; one that is not named must be as it was.
    pub arguments: Option<BTreeMap<String, ArgumentConstraint>>,
    /// A pattern over the resource; as it was, when there is none.
    #[schema(max_length = 4096)]
    pub resource: Option<String>,
    /// `run` or `session`; `run` by default.
    #[schema(pattern = "^(run|session)$")]
    pub within: Option<String>,
    /// How often; 20 by default.
    #[schema(minimum = 1, maximum = 20)]
    pub uses: Option<u32>,
    /// For how many minutes; 60 by default.
    #[schema(minimum = 1, maximum = 60)]
    pub minutes: Option<u32>,
    /// What the actions may cost together by their estimates, in US dollars.
    #[schema(example = "25.00", pattern = "^[0-9]{1,9}([.][0-9]{1,9})?$")]
    pub cost_usd: Option<String>,
    /// Why.
    #[schema(max_length = 4096)]
    pub reason: Option<String>,
}

/// Agrees to further actions like the one that an approval is about, within its run or session.
///
/// The approval itself stays as it is. Never for a critical action, nor for what several people must
/// agree to.
#[utoipa::path(
    post, path = "/api/session-approvals", operation_id = "create_session_approval", tag = "approvals",
    request_body = SessionApprovalRequest,
    responses(
        (status = 201, description = "The temporary rule", body = SessionApprovalBody,
            links(("revoke" = (operation_id = "revoke_session_approval", parameters(("id" = "$response.body#/id")))))),
        (status = 400, description = "The request is malformed", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not decide", body = ErrorBody),
        (status = 404, description = "No such approval", body = ErrorBody),
        (status = 409, description = "There can be none for this action", body = ErrorBody),
        (status = 410, description = "The content of the action was erased", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    bytes: Bytes,
) -> ApiResult<(axum::http::StatusCode, Json<SessionApprovalBody>)> {
    caller.require(Permission::Decide)?;
    let request: SessionApprovalRequest = json(&bytes)?;
    let invalid = |field: &str, text: &str| ApiError::field(field, "field.invalid", text);
    let mut arguments = BTreeMap::new();
    for (name, constraint) in request.arguments.unwrap_or_default() {
        let rule = constraint.rule().ok_or_else(|| {
            invalid(
                "arguments",
                "each of `arguments` must be one of `any`, `glob`, `one_of`, or `min` and `max`",
            )
        })?;
        arguments.insert(name, rule);
    }
    let whole_session = match request.within.as_deref() {
        None | Some("run") => false,
        Some("session") => true,
        Some(_) => return Err(invalid("within", "`within` must be `run` or `session`")),
    };
    let cost_nano_max = match request.cost_usd.as_deref() {
        None => None,
        Some(text) => Some(
            parse_nano(text)
                .filter(|n| *n >= 0)
                .ok_or_else(|| invalid("cost_usd", "`cost_usd` must be an amount of dollars"))?,
        ),
    };
    let grant = SessionGrant {
        arguments,
        resource: request.resource,
        whole_session,
        uses: request.uses,
        minutes: request.minutes,
        cost_nano_max,
        reason: request.reason.unwrap_or_default(),
    };
    let (row, now) = app
        .blocking(move |runtime| {
            let row = runtime.grant_session(
                &caller.principal,
                &caller.subject,
                &request.approval_id,
                &grant,
            )?;
            Ok((row, runtime.now()))
        })
        .await?;
    Ok((axum::http::StatusCode::CREATED, Json(body(row, now))))
}

/// Takes a session approval back; the first time stands.
#[utoipa::path(
    delete, path = "/api/session-approvals/{id}", operation_id = "revoke_session_approval", tag = "approvals",
    params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "As it stands", body = SessionApprovalBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not decide", body = ErrorBody),
        (status = 404, description = "There is none of this id", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn revoke(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<SessionApprovalBody>> {
    caller.require(Permission::Decide)?;
    let (row, now) = app
        .blocking(move |runtime| {
            let row = runtime.revoke_session(&caller.principal, &caller.subject, &id)?;
            Ok((row, runtime.now()))
        })
        .await?;
    Ok(Json(body(row, now)))
}
