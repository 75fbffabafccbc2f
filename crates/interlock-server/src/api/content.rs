//! `/api/audit/content` and `/api/subjects`: what the record commits to, and its erasure.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use interlock_core::model::limits::{ID_BYTES_MAX, STRING_BYTES_MAX};
use interlock_runtime::{ErasedSubject, RecordedContent};
use interlock_store::vault::Subject;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::json;
use crate::App;
use crate::auth::{Caller, Permission};
use crate::error::{ApiError, ApiResult, ErrorBody};

/// What an erasure rests on when nobody says.
const BASIS: &str = "request";

/// One piece of content.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ContentField {
    /// `arguments`, `payload`, `context`, `metadata` or `request` of a decision, `result` of an
    /// outcome.
    pub name: String,
    /// What the record commits to: HMAC-SHA256 under a key of the record's own.
    pub commitment: String,
    /// The content, byte for byte as committed to; absent when only the commitment was kept.
    pub text: Option<String>,
}

/// The content of an entry.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ContentBody {
    /// The entry's sequence number.
    pub seq: u64,
    /// What it records.
    pub kind: String,
    /// `user` or `agent`: whom the content is about. An outcome's is that of its decision.
    pub subject: Option<String>,
    /// Whether content was kept, or only what it can be checked with.
    pub kept: bool,
    /// The pieces; every one was held against the record.
    pub fields: Vec<ContentField>,
}

impl From<RecordedContent> for ContentBody {
    fn from(content: RecordedContent) -> Self {
        Self {
            seq: content.seq,
            kind: content.kind,
            subject: content.subject,
            kept: content.kept,
            fields: content
                .fields
                .into_iter()
                .map(|field| ContentField {
                    name: field.name,
                    commitment: field.commitment,
                    text: field.text,
                })
                .collect(),
        }
    }
}

fn number(seq: &str) -> ApiResult<u64> {
    seq.parse()
        .map_err(|_| ApiError::field("seq", "field.invalid", "`seq` must be a sequence number"))
}

/// The content of an entry, unmasked, checked against what the entry commits to. That it was read,
/// and by whom, goes into the record first.
#[utoipa::path(
    get, path = "/api/audit/content/{seq}", operation_id = "get_content", tag = "audit",
    params(("seq" = u64, Path, description = "The sequence number of a decision or an outcome", example = 1)),
    responses(
        (status = 200, description = "The content", body = ContentBody),
        (status = 400, description = "That is no sequence number", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not read the record", body = ErrorBody),
        (status = 404, description = "There is no such entry, or it has no content", body = ErrorBody),
        (status = 410, description = "The content was erased", body = ErrorBody),
        (status = 503, description = "That it was read cannot be recorded", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    Path(seq): Path<String>,
) -> ApiResult<Json<ContentBody>> {
    caller.require(Permission::Audit)?;
    let seq = number(&seq)?;
    let content = app
        .blocking(move |runtime| runtime.content(caller.tenant(), &caller.subject, seq))
        .await?;
    Ok(Json(content.into()))
}

/// Content that somebody presents.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContentCheck {
    /// The name of the piece.
    #[schema(example = "arguments", max_length = 64)]
    pub field: String,
    /// The content; JSON compact, members and numbers as they came.
    #[schema(example = "{\"path\":\"/srv/data/a.csv\"}", max_length = 131072)]
    pub text: String,
}

/// Whether presented content is what the record commits to.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ContentMatch {
    /// Whether it is.
    pub matches: bool,
}

/// Holds presented content against what an entry commits to; of use where content is not kept.
#[utoipa::path(
    post, path = "/api/audit/content/{seq}/check", operation_id = "check_content", tag = "audit",
    params(("seq" = u64, Path, description = "The sequence number of a decision or an outcome", example = 1)),
    request_body = ContentCheck,
    responses(
        (status = 200, description = "Whether it matches", body = ContentMatch),
        (status = 400, description = "The request is malformed", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not read the record", body = ErrorBody),
        (status = 404, description = "There is no such entry, or it has no such content", body = ErrorBody),
        (status = 410, description = "The content was erased", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn check(
    State(app): State<App>,
    caller: Caller,
    Path(seq): Path<String>,
    body: Bytes,
) -> ApiResult<Json<ContentMatch>> {
    caller.require(Permission::Audit)?;
    let seq = number(&seq)?;
    let request: ContentCheck = json(&body)?;
    if request.text.len() > STRING_BYTES_MAX {
        return Err(ApiError::field(
            "text",
            "field.invalid",
            format!(
                "`text` has {} bytes, the limit is {STRING_BYTES_MAX}",
                request.text.len()
            ),
        ));
    }
    let matches = app
        .blocking(move |runtime| {
            runtime.content_matches(caller.tenant(), seq, &request.field, &request.text)
        })
        .await?;
    Ok(Json(ContentMatch { matches }))
}

/// On what an erasure rests.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ErasureQuery {
    /// A law or a rule, recorded for ever: `gdpr-17`, `retention`; `request` by default. Never a
    /// person.
    #[param(max_length = 64, pattern = "^[a-z0-9._-]+$", example = "gdpr-17")]
    pub basis: Option<String>,
}

/// What an erasure did.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ErasureBody {
    /// Whether there was anything to erase.
    pub erased: bool,
    /// The sequence number of the entry that records it.
    pub seq: Option<u64>,
    /// The keyed hash by which that entry names the subject.
    pub subject_hash: Option<String>,
    /// Keys destroyed.
    pub keys: u32,
    /// Records of the vault that cannot be opened any more.
    pub records: u64,
}

impl From<Option<ErasedSubject>> for ErasureBody {
    fn from(erased: Option<ErasedSubject>) -> Self {
        match erased {
            Some(erased) => Self {
                erased: true,
                seq: Some(erased.seq),
                subject_hash: Some(erased.subject),
                keys: erased.keys,
                records: erased.records,
            },
            None => Self {
                erased: false,
                seq: None,
                subject_hash: None,
                keys: 0,
                records: 0,
            },
        }
    }
}

/// Destroys what is kept of the content about a person or an agent. It cannot be undone; the record
/// keeps its proofs, and says that contents were erased.
#[utoipa::path(
    delete, path = "/api/subjects/{kind}/{id}", operation_id = "erase_subject", tag = "audit",
    params(
        ("kind" = String, Path, description = "`user`, by the `user.id` of actions, or `agent`, for what an agent did on behalf of nobody", example = "user", pattern = "^(user|agent)$"),
        ("id" = String, Path, description = "Whose content", example = "u-7", max_length = 256),
        ErasureQuery,
    ),
    responses(
        (status = 200, description = "What was erased; nothing, if there was nothing", body = ErasureBody),
        (status = 400, description = "A parameter is out of its limits", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not administer", body = ErrorBody),
        (status = 503, description = "The key is destroyed, and its entry cannot be written yet", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn erase(
    State(app): State<App>,
    caller: Caller,
    Path((kind, id)): Path<(String, String)>,
    query: Result<Query<ErasureQuery>, axum::extract::rejection::QueryRejection>,
) -> ApiResult<Json<ErasureBody>> {
    caller.require(Permission::Administer)?;
    let Query(query) =
        query.map_err(|e| ApiError::field("query", "field.invalid", e.body_text()))?;
    if id.is_empty() || id.len() > ID_BYTES_MAX {
        return Err(ApiError::field(
            "id",
            "field.invalid",
            format!("`id` must be 1 to {ID_BYTES_MAX} bytes"),
        ));
    }
    let tenant = caller.principal.tenant.clone();
    let subject = match kind.as_str() {
        "user" => Subject::User { tenant, id },
        "agent" => Subject::Agent { tenant, id },
        _ => {
            return Err(ApiError::field(
                "kind",
                "field.invalid",
                "`kind` must be `user` or `agent`",
            ));
        }
    };
    let basis = query.basis.unwrap_or_else(|| BASIS.to_owned());
    let erased = app
        .blocking(move |runtime| runtime.erase_subject(&subject, &caller.subject, &basis))
        .await?;
    Ok(Json(erased.into()))
}
