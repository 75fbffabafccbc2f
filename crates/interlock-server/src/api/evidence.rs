//! `/api/evidence` and `/api/reports`: a part of the record with what proves it, and what it proves.

use std::io::{self, Seek as _, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use hyper::body::{Frame, SizeHint};
use interlock_runtime::evidence::{Scope, file_name};
use serde::Deserialize;
use tokio::io::{AsyncRead as _, ReadBuf};
use tokio::sync::Semaphore;
use utoipa::{IntoParams, ToSchema};

use super::json;
use crate::App;
use crate::auth::{Caller, Permission};
use crate::error::{ApiError, ApiResult, ErrorBody};

/// Passes over the record at the same time; each reads all of a log.
static PASSES: Semaphore = Semaphore::const_new(2);
/// After how many seconds to ask again when they are underway.
const RETRY_S: u64 = 10;
/// Bytes that are sent at once.
const PIECE_BYTES: usize = 64 * 1024;

/// What to take.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct EvidenceBody {
    /// Entries from this time on: a day, UTC, or a time, RFC 3339; from the beginning by default.
    #[schema(example = "2026-01-01")]
    pub from: Option<String>,
    /// Entries before this time; to the end by default.
    pub to: Option<String>,
    /// Only the entries of this run; all others are hidden.
    pub run: Option<String>,
    /// Only the entries about this decision; all others are hidden. Not together with `run`.
    pub action: Option<String>,
}

impl From<EvidenceBody> for Scope {
    fn from(body: EvidenceBody) -> Self {
        Self {
            from: body.from,
            to: body.to,
            run: body.run,
            action: body.action,
        }
    }
}

/// A file that is sent piece by piece.
struct Sent {
    file: tokio::fs::File,
    left: u64,
}

impl hyper::body::Body for Sent {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let mut piece = vec![0; PIECE_BYTES];
        let mut buffer = ReadBuf::new(&mut piece);
        let read = ready!(Pin::new(&mut self.file).poll_read(context, &mut buffer));
        let bytes = buffer.filled().len();
        Poll::Ready(Some(match read {
            Ok(()) if bytes == 0 => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(()) => {
                piece.truncate(bytes);
                self.left = self.left.saturating_sub(bytes as u64);
                Ok(Frame::data(piece.into()))
            }
            Err(error) => Err(error),
        }))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// Runs `f`, which reads a whole log, away from the threads that answer.
async fn pass<T: Send + 'static>(
    f: impl FnOnce() -> ApiResult<T> + Send + 'static,
) -> ApiResult<T> {
    let Ok(_pass) = PASSES.try_acquire() else {
        return Err(ApiError {
            retry_after_s: Some(RETRY_S),
            ..ApiError::new(
                StatusCode::TOO_MANY_REQUESTS,
                "busy",
                "others take evidence just now; try again soon",
            )
        });
    };
    match tokio::task::spawn_blocking(f).await {
        Ok(result) => result,
        Err(error) => Err(ApiError::internal(&error)),
    }
}

/// A bundle of evidence, a zip: entries, proofs, keys, policies, tables and verifiers, signed. That it
/// was taken, and by whom, goes into the record first.
#[utoipa::path(
    post, path = "/api/evidence", operation_id = "export_evidence", tag = "audit",
    request_body = EvidenceBody,
    responses(
        (status = 200, description = "The bundle", body = Vec<u8>, content_type = "application/zip"),
        (status = 400, description = "A field is out of its limits", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not read the record", body = ErrorBody),
        (status = 404, description = "No entry is in what was asked for", body = ErrorBody),
        (status = 429, description = "Others take evidence just now", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn export(State(app): State<App>, caller: Caller, body: Bytes) -> ApiResult<Response> {
    caller.require(Permission::Audit)?;
    let scope: Scope = json::<EvidenceBody>(&body)?.into();
    let name = file_name(caller.tenant(), &scope);
    let (file, bytes) = pass(move || {
        let mut file = tempfile::tempfile().map_err(|e| ApiError::internal(&e))?;
        let exported = app.runtime().export_evidence(
            caller.tenant(),
            &caller.subject,
            &scope,
            &mut file,
            &|_, _| {},
        )?;
        file.seek(SeekFrom::Start(0))
            .map_err(|e| ApiError::internal(&e))?;
        Ok((file, exported.bytes))
    })
    .await?;
    let sent = Sent {
        file: tokio::fs::File::from_std(file),
        left: bytes,
    };
    let mut response = Body::new(sent).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/zip"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // The name is made of letters, digits and a few signs.
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

/// What to report on.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ReportQuery {
    /// Entries from this time on: a day, UTC, or a time, RFC 3339; from the beginning by default.
    pub from: Option<String>,
    /// Entries before this time; to the end by default.
    pub to: Option<String>,
    /// `json` (the default), `html` or `csv`.
    #[param(pattern = "^(json|html|csv)$")]
    pub format: Option<String>,
}

/// What the record proves for the controls of a framework, and what it does not: counts of entries, each with
/// its query, and in JSON proofs of the first and the last. That it was asked for is recorded.
#[utoipa::path(
    get, path = "/api/reports/{framework}", operation_id = "get_report", tag = "audit",
    params(
        ("framework" = String, Path, description = "`eu-ai-act`, `soc2`, `hipaa`, `pci-dss` or `gdpr`", example = "soc2"),
        ReportQuery,
    ),
    responses(
        (status = 200, description = "The report", content(
            (serde_json::Value = "application/json"), (String = "text/html"), (String = "text/csv")
        )),
        (status = 400, description = "A parameter is out of its limits", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not read the record", body = ErrorBody),
        (status = 404, description = "There is no such framework, or nothing to count", body = ErrorBody),
        (status = 429, description = "Others take evidence just now", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn report(
    State(app): State<App>,
    caller: Caller,
    Path(framework): Path<String>,
    query: Result<Query<ReportQuery>, axum::extract::rejection::QueryRejection>,
) -> ApiResult<Response> {
    caller.require(Permission::Audit)?;
    let Query(query) =
        query.map_err(|e| ApiError::field("query", "field.invalid", e.body_text()))?;
    let format = query.format.unwrap_or_else(|| "json".to_owned());
    let kind = match format.as_str() {
        "json" => "application/json",
        "html" => "text/html; charset=utf-8",
        "csv" => "text/csv; charset=utf-8",
        _ => {
            return Err(ApiError::field(
                "format",
                "field.invalid",
                "`format` must be `json`, `html` or `csv`",
            ));
        }
    };
    let scope = Scope {
        from: query.from,
        to: query.to,
        ..Scope::default()
    };
    let text = pass(move || {
        let report = app.runtime().evidence_report(
            caller.tenant(),
            &caller.subject,
            &framework,
            &scope,
            &|_, _| {},
        )?;
        match format.as_str() {
            "html" => Ok(report.html()),
            "csv" => Ok(report.csv()),
            _ => serde_json::to_string(&report).map_err(|e| ApiError::internal(&e)),
        }
    })
    .await?;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(kind)),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        // What a browser opens by itself is a file, not a page of this origin.
        (CONTENT_DISPOSITION, HeaderValue::from_static("attachment")),
    ];
    Ok((headers, text).into_response())
}
