//! `/api/audit`: the record and its proofs.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use interlock_store::journal::{Entry, JournalError};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::check::hex;
use super::page;
use crate::App;
use crate::auth::{Caller, Permission};
use crate::error::{ApiError, ApiResult, ErrorBody};

/// Entries of one export.
const EXPORT_MAX: usize = 10_000;

impl From<JournalError> for ApiError {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::UnknownTenant(_) => Self::not_found("record: this tenant has none yet"),
            JournalError::Range { index, size } => Self::field(
                "seq",
                "audit.out-of-range",
                format!("{index} is beyond the log, which has {size} entries"),
            ),
            other => Self::internal(&other),
        }
    }
}

async fn journal<T: Send + 'static>(
    app: &App,
    f: impl FnOnce(&interlock_store::journal::Journal) -> Result<T, JournalError> + Send + 'static,
) -> ApiResult<T> {
    let app = app.clone();
    match tokio::task::spawn_blocking(move || f(app.runtime().journal())).await {
        Ok(result) => result.map_err(ApiError::from),
        Err(error) => Err(ApiError::internal(&error)),
    }
}

/// Which entries to list.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct EntryQuery {
    /// The first sequence number; 0 by default.
    pub from: Option<u64>,
    /// How many, 1 to 1000; 100 by default.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<usize>,
}

/// An entry of the record.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EntryBody {
    /// The sequence number.
    pub seq: u64,
    /// What it records.
    pub kind: String,
    /// The leaf hash, hex.
    pub leaf: String,
    /// The link to the entry before, hex.
    pub link: String,
    /// The body.
    #[schema(value_type = Value)]
    pub body: serde_json::Value,
}

impl From<Entry> for EntryBody {
    fn from(entry: Entry) -> Self {
        Self {
            seq: entry.seq,
            kind: entry.kind.name().into_owned(),
            leaf: hex(&entry.leaf),
            link: hex(&entry.link),
            body: serde_json::from_slice(&entry.body).unwrap_or(serde_json::Value::Null),
        }
    }
}

/// Lists entries of the tenant's log in order.
#[utoipa::path(
    get, path = "/api/audit/entries", operation_id = "list_entries", tag = "audit",
    params(EntryQuery),
    responses(
        (status = 200, description = "The entries", body = Vec<EntryBody>),
        (status = 400, description = "A parameter is out of range", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not read the record", body = ErrorBody),
        (status = 404, description = "There is no record yet", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn entries(
    State(app): State<App>,
    caller: Caller,
    query: Result<Query<EntryQuery>, axum::extract::rejection::QueryRejection>,
) -> ApiResult<Json<Vec<EntryBody>>> {
    caller.require(Permission::Audit)?;
    let Query(query) =
        query.map_err(|e| ApiError::field("query", "field.invalid", e.body_text()))?;
    let limit = page(query.limit, 100)?;
    let from = query.from.unwrap_or(0);
    let entries = journal(&app, move |j| j.read(caller.tenant(), from, limit)).await?;
    Ok(Json(entries.into_iter().map(EntryBody::from).collect()))
}

/// A signed checkpoint.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CheckpointBody {
    /// The signed note (C2SP tlog-checkpoint): origin, size, root, signatures.
    pub checkpoint: String,
    /// The key that the log began with; what a verifier trusts.
    pub vkey: String,
}

/// The newest checkpoint, signed now if it is stale. Keep one outside: it is what finds a rollback.
#[utoipa::path(
    get, path = "/api/audit/checkpoint", operation_id = "get_checkpoint", tag = "audit",
    responses(
        (status = 200, description = "The checkpoint", body = CheckpointBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not read the record", body = ErrorBody),
        (status = 404, description = "There is no record yet", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn checkpoint(State(app): State<App>, caller: Caller) -> ApiResult<Json<CheckpointBody>> {
    caller.require(Permission::Audit)?;
    let body = journal(&app, move |j| {
        Ok(CheckpointBody {
            checkpoint: j.checkpoint(caller.tenant())?,
            vkey: j.vkey(),
        })
    })
    .await?;
    Ok(Json(body))
}

/// A proof that an entry is in the log.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ProofBody {
    /// The proof in C2SP tlog-proof@v1 form, with the checkpoint; checkable offline.
    pub proof: String,
    /// The entry's leaf hash, hex.
    pub leaf: String,
}

/// The proof for one entry.
#[utoipa::path(
    get, path = "/api/audit/proof/{seq}", operation_id = "get_inclusion_proof", tag = "audit",
    params(("seq" = u64, Path, description = "The entry's sequence number")),
    responses(
        (status = 200, description = "The proof", body = ProofBody),
        (status = 400, description = "The entry is beyond the log", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not read the record", body = ErrorBody),
        (status = 404, description = "There is no record yet", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn proof(
    State(app): State<App>,
    caller: Caller,
    Path(seq): Path<String>,
) -> ApiResult<Json<ProofBody>> {
    caller.require(Permission::Audit)?;
    let seq: u64 = seq
        .parse()
        .map_err(|_| ApiError::field("seq", "field.invalid", "`seq` must be a sequence number"))?;
    let body = journal(&app, move |j| {
        let leaf = j
            .read(caller.tenant(), seq, 1)?
            .first()
            .map(|e| hex(&e.leaf));
        Ok(ProofBody {
            proof: j.tlog_proof(caller.tenant(), seq)?,
            leaf: leaf.unwrap_or_default(),
        })
    })
    .await?;
    Ok(Json(body))
}

/// Between which sizes.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ConsistencyQuery {
    /// The smaller size.
    #[serde(default)]
    pub old: u64,
    /// The larger size; the current one by default.
    pub new: Option<u64>,
}

/// A proof that the log only grew.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ConsistencyBody {
    /// The smaller size.
    pub old: u64,
    /// The larger size.
    pub new: u64,
    /// The hashes of RFC 6962 section 2.1.2, hex.
    pub hashes: Vec<String>,
}

/// The proof that one state of the log is the beginning of another.
#[utoipa::path(
    get, path = "/api/audit/consistency", operation_id = "get_consistency_proof", tag = "audit",
    params(ConsistencyQuery),
    responses(
        (status = 200, description = "The proof", body = ConsistencyBody),
        (status = 400, description = "A size is beyond the log", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not read the record", body = ErrorBody),
        (status = 404, description = "There is no record yet", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn consistency(
    State(app): State<App>,
    caller: Caller,
    query: Result<Query<ConsistencyQuery>, axum::extract::rejection::QueryRejection>,
) -> ApiResult<Json<ConsistencyBody>> {
    caller.require(Permission::Audit)?;
    let Query(query) =
        query.map_err(|e| ApiError::field("query", "field.invalid", e.body_text()))?;
    let body = journal(&app, move |j| {
        let size = j.head(caller.tenant()).map_or(0, |h| h.size);
        let new = query.new.unwrap_or(size);
        let hashes = j.consistency_proof(caller.tenant(), query.old, new)?;
        Ok(ConsistencyBody {
            old: query.old,
            new,
            hashes: hashes.iter().map(|h| hex(h)).collect(),
        })
    })
    .await?;
    Ok(Json(body))
}

/// The bodies as stored, one a line, from a sequence number on; at most 10,000 a request.
#[utoipa::path(
    get, path = "/api/audit/export", operation_id = "export_entries", tag = "audit",
    params(EntryQuery),
    responses(
        (status = 200, description = "JSON lines", body = String, content_type = "application/x-ndjson"),
        (status = 400, description = "A parameter is out of range", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not read the record", body = ErrorBody),
        (status = 404, description = "There is no record yet", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn export(
    State(app): State<App>,
    caller: Caller,
    query: Result<Query<EntryQuery>, axum::extract::rejection::QueryRejection>,
) -> ApiResult<Response> {
    caller.require(Permission::Audit)?;
    let Query(query) =
        query.map_err(|e| ApiError::field("query", "field.invalid", e.body_text()))?;
    let limit = page(query.limit, 1_000)?.min(EXPORT_MAX);
    let from = query.from.unwrap_or(0);
    let entries = journal(&app, move |j| j.read(caller.tenant(), from, limit)).await?;
    let mut lines = Vec::new();
    for entry in entries {
        lines.extend_from_slice(&entry.body);
        lines.push(b'\n');
    }
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], lines).into_response())
}
