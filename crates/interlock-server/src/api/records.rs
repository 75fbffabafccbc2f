//! `POST /api/records`: what enforcement points have decided by themselves.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use interlock_runtime::SentRecord;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::json;
use crate::App;
use crate::auth::{Caller, Permission};
use crate::error::{ApiResult, ErrorBody};

/// Records of one client's log.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordsRequest {
    /// The key of the client's log in C2SP form: what its records can be checked against.
    #[schema(min_length = 1, max_length = 512)]
    pub log: String,
    /// The records, in their order.
    #[schema(max_items = 1000)]
    pub records: Vec<SentRecordBody>,
}

/// One record of a client's log.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SentRecordBody {
    /// Its number in the client's log.
    pub seq: u64,
    /// What it records: `decision` or `outcome`.
    #[schema(example = "decision")]
    pub kind: String,
    /// Its stored bytes: this record commits to their leaf hash.
    pub body: String,
}

/// What became of the records.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RecordsResponse {
    /// How many are in the record now, those included that were there before.
    pub taken: u64,
    /// Of those, how many were there before.
    pub known: u64,
    /// Those that are not taken; sending them again changes nothing.
    pub refused: Vec<RefusedBody>,
    /// A C2SP signed note, by the key that signs bundles, of the line `interlock receipt v1` and the
    /// SHA-256 of the request's body in hex.
    pub receipt: String,
}

/// A record that is not taken.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RefusedBody {
    /// Its number in the client's log.
    pub seq: u64,
    /// Why.
    pub message: String,
}

/// Takes records of decisions and outcomes that a client made by itself. One that is sent again is
/// recorded once: by its id. Each is judged by itself: a key that is bound to an agent brings that agent's
/// records, and others are refused.
#[utoipa::path(
    post, path = "/api/records", operation_id = "send_records", tag = "decisions",
    request_body = RecordsRequest,
    responses(
        (status = 200, description = "What became of them", body = RecordsResponse),
        (status = 400, description = "A field is out of its limits", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not check actions", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 503, description = "They cannot be recorded", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn receive(
    State(app): State<App>,
    caller: Caller,
    bytes: Bytes,
) -> ApiResult<Json<RecordsResponse>> {
    caller.require(Permission::Check)?;
    let request: RecordsRequest = json(&bytes)?;
    let records: Vec<SentRecord> = request
        .records
        .into_iter()
        .map(|record| SentRecord {
            seq: record.seq,
            kind: record.kind,
            body: record.body,
        })
        .collect();
    let received = app
        .blocking(move |runtime| {
            runtime.receive(&caller.principal, &caller.key_id, &request.log, &records)
        })
        .await?;
    Ok(Json(RecordsResponse {
        receipt: app.runtime().receipt(&bytes),
        taken: received.taken,
        known: received.known,
        refused: received
            .refused
            .into_iter()
            .map(|(seq, message)| RefusedBody { seq, message })
            .collect(),
    }))
}
