//! `/api/bundle`: the bundle in force, and how a new one is published.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use interlock_runtime::Loaded;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::check::hex;
use super::json;
use crate::App;
use crate::auth::{Caller, Permission};
use crate::error::{ApiError, ApiResult, ErrorBody};

/// One file of a bundle.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SourceBody {
    /// Its name.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// A bundle in force.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BundleBody {
    /// The revision; never goes back.
    pub revision: u64,
    /// The digest of the compiled form, hex.
    pub digest: String,
    /// The files.
    pub sources: Vec<SourceBody>,
    /// Warnings of the compiler.
    pub warnings: Vec<String>,
}

fn body(loaded: &Loaded) -> BundleBody {
    BundleBody {
        revision: loaded.revision,
        digest: hex(&loaded.compiled.program.digest()),
        sources: loaded
            .sources
            .iter()
            .map(|s| SourceBody {
                name: s.name.clone(),
                text: s.text.clone(),
            })
            .collect(),
        warnings: loaded
            .compiled
            .warnings
            .iter()
            .map(ToString::to_string)
            .collect(),
    }
}

/// The bundle in force.
#[utoipa::path(
    get, path = "/api/bundle", tag = "policies",
    responses(
        (status = 200, description = "The bundle", body = BundleBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not read", body = ErrorBody),
        (status = 404, description = "Nothing is in force", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn get(State(app): State<App>, caller: Caller) -> ApiResult<Json<BundleBody>> {
    caller.require(Permission::Read)?;
    let loaded = app
        .runtime()
        .bundle(caller.tenant())
        .ok_or_else(|| ApiError::not_found("bundle"))?;
    Ok(Json(body(&loaded)))
}

/// A bundle to publish.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishRequest {
    /// Its name: `team.yaml`.
    #[schema(min_length = 1, max_length = 256)]
    pub name: String,
    /// The text: YAML, or Cedar when the name ends in `.cedar`.
    #[schema(max_length = 1000000)]
    pub text: String,
    /// The revision that it was made from; a conflict when another one is in force.
    pub expected_revision: Option<u64>,
}

/// Publishes a bundle: it compiles as a whole, or what is in force stays.
#[utoipa::path(
    post, path = "/api/bundle", tag = "policies",
    request_body = PublishRequest,
    responses(
        (status = 200, description = "It is in force", body = BundleBody),
        (status = 400, description = "A field is out of its limits", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not change policies", body = ErrorBody),
        (status = 409, description = "Another revision is in force", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 422, description = "It does not compile; the message has line and caret", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn publish(
    State(app): State<App>,
    caller: Caller,
    bytes: Bytes,
) -> ApiResult<Json<BundleBody>> {
    caller.require(Permission::EditPolicies)?;
    let request: PublishRequest = json(&bytes)?;
    if request.name.is_empty() || request.name.len() > 256 {
        return Err(ApiError::field(
            "name",
            "field.invalid",
            "`name` must be 1 to 256 bytes",
        ));
    }
    let (_, loaded) = app
        .blocking(move |runtime| {
            runtime.publish_bundle(
                caller.tenant(),
                &caller.subject,
                &request.name,
                &request.text,
                request.expected_revision,
            )
        })
        .await?;
    Ok(Json(body(&loaded)))
}
