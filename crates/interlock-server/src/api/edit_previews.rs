//! `POST /api/approvals/{id}/preview`: what an edit would come to, before anybody agrees to it.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::approvals::edit;
use super::json;
use crate::App;
use crate::auth::{Caller, Permission};
use crate::error::{ApiResult, ErrorBody};

/// An edit; either `arguments` or `patch`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"arguments": {"amount": 5}}))]
pub struct PreviewRequest {
    /// The arguments to run with.
    #[serde(rename = "arguments")]
    #[schema(value_type = Option<Object>)]
    pub _arguments: Option<serde::de::IgnoredAny>,
    /// What to change of them, as a JSON patch (RFC 6902) of `add`, `remove`, `replace` and `test`.
    #[serde(rename = "patch")]
    #[schema(value_type = Option<Vec<Object>>)]
    pub _patch: Option<serde::de::IgnoredAny>,
    /// What is acted on, if that changes too.
    #[schema(max_length = 4096)]
    pub resource: Option<String>,
}

/// What an edit comes to.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PreviewBody {
    /// The digest of the edited action, hex: give it as `edited_hash` with the answer, so that what was
    /// shown is what is agreed to.
    pub edited_hash: String,
    /// What the edited action acts on.
    pub resource: String,
    /// The edited arguments as JSON, masked.
    pub arguments: String,
    /// The change as a JSON patch, masked.
    pub patch: String,
    /// What would be decided on it, were it asked for now.
    pub effect: String,
    /// Its composite risk, 0..=100.
    pub risk: u8,
    /// Why.
    pub reasons: Vec<String>,
    /// Why nobody could agree to it; absent when they can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// Decides on an edited action without agreeing to it. Nothing is recorded or charged.
#[utoipa::path(
    post, path = "/api/approvals/{id}/preview", operation_id = "preview_edit", tag = "approvals",
    params(("id" = String, Path, description = "The approval's id")),
    request_body = PreviewRequest,
    responses(
        (status = 200, description = "What the edit comes to", body = PreviewBody),
        (status = 400, description = "The edit is malformed", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not decide", body = ErrorBody),
        (status = 404, description = "No such approval", body = ErrorBody),
        (status = 409, description = "It cannot be edited", body = ErrorBody),
        (status = 410, description = "What would be edited was erased", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn preview(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    bytes: Bytes,
) -> ApiResult<Json<PreviewBody>> {
    caller.require(Permission::Decide)?;
    let request: PreviewRequest = json(&bytes)?;
    let edit = edit(request.resource, None, &bytes)?;
    let preview = app
        .blocking(move |runtime| runtime.preview_edit(&caller.principal, &id, &edit))
        .await?;
    Ok(Json(PreviewBody {
        edited_hash: preview.digest.to_hex(),
        resource: preview.resource,
        arguments: preview.arguments,
        patch: preview.patch,
        effect: preview.effect.name().to_owned(),
        risk: preview.risk,
        reasons: preview.reasons,
        refused: preview.refused,
    }))
}
