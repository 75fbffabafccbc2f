//! `/api/bundle`: the bundle in force, and how a new one is published.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use interlock_policy::{Source, layer_name};
use interlock_runtime::Loaded;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::check::hex;
use super::{json, page, time};
use crate::App;
use crate::auth::{Caller, Permission};
use crate::error::{ApiError, ApiResult, ErrorBody};

/// One file of a bundle.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SourceBody {
    /// Its name.
    pub name: String,
    /// `organisation`, `team` or `agent`; null when the file says so itself.
    pub layer: Option<String>,
    /// Its text.
    pub text: String,
}

impl From<&Source> for SourceBody {
    fn from(source: &Source) -> Self {
        Self {
            name: source.name.clone(),
            layer: source.layer.map(|l| layer_name(l).to_owned()),
            text: source.text.clone(),
        }
    }
}

/// A bundle in force.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BundleBody {
    /// The number of the bundle: it stands for one set of texts and never goes back.
    pub number: u64,
    /// The revision of the tenant's own policies; never goes back.
    pub revision: u64,
    /// The digest of the compiled form, hex.
    pub digest: String,
    /// What is signed: a C2SP signed note of tenant, number, digest of the texts, digest of the
    /// compiled form, and time.
    pub manifest: String,
    /// The key that signed it, in C2SP form. A client trusts one that it was given, not this one.
    pub vkey: String,
    /// The files.
    pub sources: Vec<SourceBody>,
    /// Warnings of the compiler.
    pub warnings: Vec<String>,
}

fn body(app: &App, loaded: &Loaded) -> BundleBody {
    BundleBody {
        number: loaded.number,
        revision: loaded.revision,
        digest: hex(&loaded.compiled.program.digest()),
        manifest: loaded.manifest.clone(),
        vkey: app.runtime().bundle_vkey(),
        sources: loaded.sources.iter().map(SourceBody::from).collect(),
        warnings: loaded
            .compiled
            .warnings
            .iter()
            .map(ToString::to_string)
            .collect(),
    }
}

/// The entity tag of a bundle (RFC 9110 section 8.8.3): one for each set of texts and revision.
fn tag(loaded: &Loaded) -> String {
    let digest = hex(&loaded.sources_digest);
    let short = digest.get(..16).unwrap_or_default();
    format!("\"{}.{}-{short}\"", loaded.number, loaded.revision)
}

/// Whether one of the tags that the client has is this one, by weak comparison (RFC 9110 section
/// 13.1.2).
fn has(headers: &HeaderMap, tag: &str) -> bool {
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}

/// The bundle in force, signed. A client that enforces by itself checks the manifest, that the
/// number is not lower than the one it has, and the texts.
#[utoipa::path(
    get, path = "/api/bundle", operation_id = "get_bundle", tag = "policies",
    params(("If-None-Match" = Option<String>, Header, description = "The `ETag` that the client has")),
    responses(
        (status = 200, description = "The bundle", body = BundleBody,
            headers(("etag" = String, description = "Its entity tag"))),
        (status = 304, description = "The client has it"),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not read", body = ErrorBody),
        (status = 404, description = "Nothing is in force", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
) -> ApiResult<Response> {
    // An enforcement point needs the rules of its own tenant.
    if caller.require(Permission::Check).is_err() {
        caller.require(Permission::Read)?;
    }
    let loaded = app
        .runtime()
        .bundle(caller.tenant())
        .ok_or_else(|| ApiError::not_found("bundle"))?;
    let tag = tag(&loaded);
    let mut response = if has(&headers, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Json(body(&app, &loaded)).into_response()
    };
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-cache"),
    );
    Ok(response)
}

/// Of which bundle.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct HistoryQuery {
    /// Only of this bundle.
    pub name: Option<String>,
    /// How many, 1 to 1000; 100 by default.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<usize>,
}

/// One revision of a bundle that was published.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RevisionBody {
    /// The bundle.
    pub name: String,
    /// The revision; give it as `revert_to` to publish its text again.
    pub revision: u64,
    /// Who published it.
    pub author: String,
    /// When.
    pub created_at: String,
}

/// The revisions of the tenant's bundles, newest first.
#[utoipa::path(
    get, path = "/api/bundle/history", operation_id = "list_bundle_revisions", tag = "policies",
    params(HistoryQuery),
    responses(
        (status = 200, description = "The revisions", body = Vec<RevisionBody>),
        (status = 400, description = "A parameter is out of range", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not read", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn history(
    State(app): State<App>,
    caller: Caller,
    query: Result<Query<HistoryQuery>, axum::extract::rejection::QueryRejection>,
) -> ApiResult<Json<Vec<RevisionBody>>> {
    caller.require(Permission::Read)?;
    let Query(query) =
        query.map_err(|e| ApiError::field("query", "field.invalid", e.body_text()))?;
    let limit = page(query.limit, 100)?;
    let revisions = app
        .blocking(move |runtime| {
            let (store, tenant) = (runtime.store(), caller.tenant());
            let names = match query.name {
                Some(name) => vec![name],
                None => store.bundles(tenant)?.into_iter().map(|b| b.name).collect(),
            };
            let mut all = Vec::new();
            for name in names {
                for (revision, author, created) in store.bundle_history(tenant, &name, limit)? {
                    all.push(RevisionBody {
                        name: name.clone(),
                        revision,
                        author,
                        created_at: time(created),
                    });
                }
            }
            all.sort_by_key(|r| std::cmp::Reverse(r.revision));
            all.truncate(limit);
            Ok(all)
        })
        .await?;
    Ok(Json(revisions))
}

/// A bundle to publish.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishRequest {
    /// Its name: `team.yaml`.
    #[schema(min_length = 1, max_length = 256, example = "team.yaml")]
    pub name: String,
    /// The text: YAML, or Cedar when the name ends in `.cedar`.
    #[schema(max_length = 1000000, example = "interlock: 1\ndefault: allow\n")]
    pub text: Option<String>,
    /// Instead of a text: publish again the text that the bundle had at this revision.
    pub revert_to: Option<u64>,
    /// The revision that it was made from; a conflict when another one is in force.
    pub expected_revision: Option<u64>,
}

/// Publishes a bundle: it compiles as a whole, or what is in force stays.
#[utoipa::path(
    post, path = "/api/bundle", operation_id = "publish_bundle", tag = "policies",
    request_body = PublishRequest,
    responses(
        (status = 200, description = "It is in force", body = BundleBody),
        (status = 400, description = "A field is out of its limits", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not change policies", body = ErrorBody),
        (status = 404, description = "There is no such revision to revert to", body = ErrorBody),
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
    let published = app
        .blocking(move |runtime| {
            let (tenant, by) = (caller.tenant(), caller.subject.as_str());
            let (name, expected) = (request.name.as_str(), request.expected_revision);
            match (request.text, request.revert_to) {
                (Some(text), None) => runtime
                    .publish_bundle(tenant, by, name, &text, expected)
                    .map(Some),
                (None, Some(revision)) => runtime
                    .revert_bundle(tenant, by, name, revision, expected)
                    .map(Some),
                _ => Ok(None),
            }
        })
        .await?;
    let (_, loaded) = published.ok_or_else(|| {
        ApiError::field(
            "text",
            "field.missing",
            "give either `text` or `revert_to`, and not both",
        )
    })?;
    Ok(Json(body(&app, &loaded)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_that_the_client_has() {
        for (given, found) in [
            ("\"3-ab\"", true),
            ("W/\"3-ab\"", true),
            ("\"1-xy\", \"3-ab\"", true),
            ("*", true),
            ("\"3-abc\"", false),
            ("3-ab", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, given.parse().unwrap());
            assert_eq!(has(&headers, "\"3-ab\""), found, "{given}");
        }
        assert!(!has(&HeaderMap::new(), "\"3-ab\""));
    }
}
