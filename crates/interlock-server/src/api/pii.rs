//! `/api/pii/mask`: personal data and secrets, masked.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use interlock_core::privacy::{Strategy, mask_text};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::json;
use crate::App;
use crate::auth::{Caller, Permission};
use crate::error::{ApiError, ApiResult, ErrorBody};

/// A text to mask.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MaskRequest {
    /// The text.
    #[schema(max_length = 131072)]
    pub text: String,
    /// `partial` (the default), `full` or `hash`.
    #[schema(pattern = "^(partial|full|hash)$")]
    pub strategy: Option<String>,
}

/// One masked place.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Detection {
    /// The kind.
    #[serde(rename = "type")]
    pub kind: String,
    /// 0..1.
    pub confidence: f64,
}

/// The masked text.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MaskResponse {
    /// The text with everything found replaced.
    pub masked: String,
    /// Whether anything was found.
    pub pii_found: bool,
    /// What was found, in order.
    pub detections: Vec<Detection>,
}

/// Masks personal data and secrets in a text.
#[utoipa::path(
    post, path = "/api/pii/mask", operation_id = "mask", tag = "decisions",
    request_body = MaskRequest,
    responses(
        (status = 200, description = "The masked text", body = MaskResponse),
        (status = 400, description = "A field is out of its limits", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not do this", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn mask(
    State(_app): State<App>,
    caller: Caller,
    body: Bytes,
) -> ApiResult<Json<MaskResponse>> {
    caller.require(Permission::Check)?;
    let request: MaskRequest = json(&body)?;
    let max = interlock_core::model::limits::STRING_BYTES_MAX;
    if request.text.len() > max {
        return Err(ApiError::field(
            "text",
            "field.invalid",
            format!(
                "`text` has {} bytes, the limit is {max}",
                request.text.len()
            ),
        ));
    }
    let word = request.strategy.as_deref().unwrap_or("partial");
    let strategy = Strategy::from_name(word).ok_or_else(|| {
        ApiError::field(
            "strategy",
            "field.invalid",
            "`strategy` must be `partial`, `full` or `hash`",
        )
    })?;
    let masked = mask_text(&request.text, strategy);
    Ok(Json(MaskResponse {
        pii_found: !masked.matches.is_empty(),
        detections: masked
            .matches
            .iter()
            .map(|m| Detection {
                kind: m.kind.name.to_owned(),
                confidence: f64::from(m.confidence) / 100.0,
            })
            .collect(),
        masked: masked.text,
    }))
}
