//! `/api/mutes`: which groups of alerts people are not told of, why, and until when.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use interlock_store::Mute;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{json, page, time};
use crate::App;
use crate::auth::{Caller, Permission};
use crate::error::{ApiError, ApiResult, ErrorBody};

/// A mute. It changes no decision and no response; what it silences is counted all the same.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MuteBody {
    /// Its id.
    pub id: String,
    /// Only groups with this fingerprint; empty for any.
    pub fingerprint: String,
    /// Only of this agent; empty for any.
    pub agent_id: String,
    /// Only of this rule; empty for any.
    pub rule: String,
    /// Only of this detector; empty for any.
    pub detector: String,
    /// Why.
    pub reason: String,
    /// Who.
    pub by: String,
    /// When.
    pub created_at: String,
    /// Until when.
    pub expires_at: String,
    /// When somebody ended it.
    pub ended_at: Option<String>,
    /// Who did.
    pub ended_by: Option<String>,
    /// Whether it holds now.
    pub live: bool,
}

fn body(mute: Mute, now: i64) -> MuteBody {
    let live = mute.holds(now);
    let (ended_at, ended_by) = mute.ended.unzip();
    MuteBody {
        id: mute.id,
        fingerprint: mute.fingerprint,
        agent_id: mute.agent_id,
        rule: mute.rule,
        detector: mute.detector,
        reason: mute.reason,
        by: mute.by,
        created_at: time(mute.created),
        expires_at: time(mute.expires),
        ended_at: ended_at.map(time),
        ended_by,
        live,
    }
}

/// Which to list.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MuteQuery {
    /// Only those that hold now.
    pub live: Option<bool>,
    /// How many, 1 to 1000; 100 by default.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<usize>,
}

/// Lists mutes, the newest first.
#[utoipa::path(
    get, path = "/api/mutes", operation_id = "list_mutes", tag = "alerts",
    params(MuteQuery),
    responses(
        (status = 200, description = "The mutes", body = Vec<MuteBody>),
        (status = 400, description = "A parameter is out of range", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not read", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    query: Result<Query<MuteQuery>, axum::extract::rejection::QueryRejection>,
) -> ApiResult<Json<Vec<MuteBody>>> {
    caller.require(Permission::Read)?;
    let Query(query) =
        query.map_err(|e| ApiError::field("query", "field.invalid", e.body_text()))?;
    let limit = page(query.limit, 100)?;
    let mutes = app
        .blocking(move |runtime| {
            let now = runtime.now();
            let at = query.live.unwrap_or(false).then_some(now);
            let mutes = runtime.store().mutes(caller.tenant(), at, limit)?;
            Ok(mutes.into_iter().map(|m| body(m, now)).collect())
        })
        .await?;
    Ok(Json(mutes))
}

/// What to mute. At least one of `fingerprint`, `agent_id`, `rule` and `detector` is needed; what is
/// given must all hold.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MuteRequest {
    /// Only groups with this fingerprint.
    #[schema(max_length = 64, example = "0123456789abcdef0123456789abcdef")]
    pub fingerprint: Option<String>,
    /// Only of this agent.
    #[schema(max_length = 64)]
    pub agent_id: Option<String>,
    /// Only of this rule.
    #[schema(max_length = 64)]
    pub rule: Option<String>,
    /// Only of this detector.
    #[schema(max_length = 64)]
    pub detector: Option<String>,
    /// Why.
    #[schema(min_length = 1, max_length = 1000, example = "known, fixed on Monday")]
    pub reason: String,
    /// For how long, in seconds, at most 90 days.
    #[schema(minimum = 1, maximum = 7776000, example = 3600)]
    pub seconds: u32,
}

/// Keeps people from being told of groups of alerts for a time.
#[utoipa::path(
    post, path = "/api/mutes", operation_id = "create_mute", tag = "alerts",
    request_body(content = MuteRequest, example = json!({
        "agent_id": "billing", "detector": "pii", "reason": "known, fixed on Monday", "seconds": 3600
    })),
    responses(
        (status = 201, description = "It holds", body = MuteBody,
            links(("end" = (operation_id = "end_mute", parameters(("id" = "$response.body#/id")))))),
        (status = 400, description = "A field is out of its limits", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not decide", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    bytes: Bytes,
) -> ApiResult<(StatusCode, Json<MuteBody>)> {
    caller.require(Permission::Decide)?;
    let request: MuteRequest = json(&bytes)?;
    let mute = app
        .blocking(move |runtime| {
            let now = runtime.now();
            let mute = Mute {
                id: String::new(),
                fingerprint: request.fingerprint.unwrap_or_default(),
                agent_id: request.agent_id.unwrap_or_default(),
                rule: request.rule.unwrap_or_default(),
                detector: request.detector.unwrap_or_default(),
                reason: request.reason,
                by: caller.subject.clone(),
                created: now,
                expires: now.saturating_add(i64::from(request.seconds) * 1_000_000_000),
                ended: None,
            };
            let mute = runtime.mute(caller.tenant(), &mute)?;
            Ok(body(mute, now))
        })
        .await?;
    Ok((StatusCode::CREATED, Json(mute)))
}

/// Ends a mute before it expires; the first end stands.
#[utoipa::path(
    delete, path = "/api/mutes/{id}", operation_id = "end_mute", tag = "alerts",
    params(("id" = String, Path, description = "The mute's id")),
    responses(
        (status = 200, description = "It is over", body = MuteBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not decide", body = ErrorBody),
        (status = 404, description = "No such mute", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn end(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<MuteBody>> {
    caller.require(Permission::Decide)?;
    let mute = app
        .blocking(move |runtime| {
            let mute = runtime.unmute(caller.tenant(), &caller.subject, &id)?;
            Ok(body(mute, runtime.now()))
        })
        .await?;
    Ok(Json(mute))
}
