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
    /// Where it starts in the text, in UTF-16 code units, as browsers count.
    pub start: usize,
    /// Where it ends, likewise.
    pub end: usize,
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
    let mut units = Utf16::new(&request.text);
    Ok(Json(MaskResponse {
        pii_found: !masked.matches.is_empty(),
        detections: masked
            .matches
            .iter()
            .map(|m| Detection {
                kind: m.kind.name.to_owned(),
                confidence: f64::from(m.confidence) / 100.0,
                start: units.at(m.start),
                end: units.at(m.end),
            })
            .collect(),
        masked: masked.text,
    }))
}

/// Turns byte offsets, asked for in rising order, into UTF-16 offsets in one pass over the text.
struct Utf16<'a> {
    text: &'a str,
    bytes: usize,
    units: usize,
}

impl<'a> Utf16<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text,
            bytes: 0,
            units: 0,
        }
    }

    fn at(&mut self, bytes: usize) -> usize {
        if bytes < self.bytes {
            *self = Self::new(self.text);
        }
        if let Some(part) = self.text.get(self.bytes..bytes) {
            self.units += part.encode_utf16().count();
            self.bytes = bytes;
        }
        self.units
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_as_browsers_count() {
        let text = "a\u{e4}\u{1f600}b";
        let mut units = Utf16::new(text);
        assert_eq!([0, 1, 3, 7, 8].map(|at| units.at(at)), [0, 1, 2, 4, 5]);
        assert_eq!(units.at(1), 1);
        let masked = mask_text("\u{1f600} ann@example.com", Strategy::Full);
        let found = &masked.matches[0];
        let mut units = Utf16::new("\u{1f600} ann@example.com");
        assert_eq!((units.at(found.start), units.at(found.end)), (3, 18));
    }
}
