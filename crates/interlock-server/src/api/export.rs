//! `/api/export`: the record as events, for a SIEM that fetches, and how the sinks are doing.

use axum::Json;
use axum::extract::{Query, State};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::response::{IntoResponse, Response};
use interlock_core::model::UnixNanos;
use interlock_store::journal::{Journal, JournalError};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{page, time};
use crate::App;
use crate::auth::{Caller, Permission};
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::export::{self, Bounds, Format, SecurityEvent, SinkStatus, Statuses};

/// Entries that are read in one go.
const READ: usize = 256;
/// Entries that one request passes over, wanted or not.
const SCANNED_MAX: u64 = 20_000;
/// A page ends once it has so many bytes.
const PAGE_BYTES: usize = 4 * 1024 * 1024;
/// Where the next page begins.
const NEXT: HeaderName = HeaderName::from_static("x-next-after");
/// Whether there is one.
const MORE: HeaderName = HeaderName::from_static("x-more");

/// Which part of the record, and in which form.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ExportQuery {
    /// The form; `ocsf` by default.
    #[serde(default)]
    #[param(inline)]
    pub format: Format,
    /// Entries after this sequence number: `x-next-after` of the page before. From the first by default.
    pub after: Option<u64>,
    /// How many entries, 1 to 1000; 1000 by default.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<usize>,
    /// Only entries from this time on, RFC 3339.
    #[param(format = DateTime, example = "2026-01-01T00:00:00Z")]
    pub since: Option<String>,
    /// Only entries before this time, RFC 3339.
    #[param(format = DateTime, example = "2099-01-01T00:00:00Z")]
    pub until: Option<String>,
}

/// Which entries of a log, as read from a query or a command line.
#[derive(Debug, Clone, Default)]
pub struct Part {
    /// The form.
    pub format: Format,
    /// The first sequence number.
    pub from: u64,
    /// How many entries.
    pub limit: usize,
    /// From this time on.
    pub since: Option<UnixNanos>,
    /// Before this time.
    pub until: Option<UnixNanos>,
}

/// A page of events.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// One event a line.
    pub lines: String,
    /// Where the next page begins.
    pub next: u64,
    /// Whether there is something beyond this page already.
    pub more: bool,
}

/// Reads a page of a tenant's log; it is bounded in entries, in bytes, and in what it passes over.
///
/// # Errors
/// When there is no such log, or it cannot be read.
pub fn read(journal: &Journal, tenant: &str, part: &Part) -> Result<Page, JournalError> {
    let log = export::log_of(journal, tenant);
    let mut page = Page {
        next: part.from,
        ..Page::default()
    };
    let mut events = 0;
    'all: while page.next - part.from < SCANNED_MAX {
        let entries = journal.read(tenant, page.next, READ)?;
        if entries.is_empty() {
            break;
        }
        for entry in &entries {
            if events >= part.limit || page.lines.len() >= PAGE_BYTES {
                break 'all;
            }
            page.next = entry.seq + 1;
            let event = SecurityEvent::of(&log, entry, Bounds::FULL);
            let early = part.since.is_some_and(|since| event.time < since);
            let late = part.until.is_some_and(|until| event.time >= until);
            if early || late {
                continue;
            }
            events += 1;
            for line in export::lines(part.format, &event) {
                page.lines.push_str(&line);
                page.lines.push('\n');
            }
        }
    }
    page.more = journal
        .head(tenant)
        .is_some_and(|head| page.next < head.size);
    Ok(page)
}

fn instant(field: &'static str, text: Option<&String>) -> ApiResult<Option<UnixNanos>> {
    text.map(|text| {
        text.parse::<jiff::Timestamp>()
            .ok()
            .and_then(|at| i64::try_from(at.as_nanosecond()).ok())
            .ok_or_else(|| {
                ApiError::field(
                    field,
                    "field.invalid",
                    format!("`{field}` must be a time such as 2026-01-31T12:00:00Z"),
                )
            })
    })
    .transpose()
}

/// The record as events, one a line: a page that ends after `limit` entries or 4 MiB.
///
/// `x-next-after` says where the next page begins, `x-more` whether there is one already. A page may
/// be empty and have more behind it, when the entries that were passed over are outside the times
/// asked for.
#[utoipa::path(
    get, path = "/api/export", operation_id = "export_events", tag = "audit",
    params(ExportQuery),
    responses(
        (status = 200, description = "Events, one a line", content(
            (String = "application/x-ndjson"), (String = "text/plain"),
        ), headers(
            ("x-next-after" = String, description = "`after` of the next page; empty before the first entry"),
            ("x-more" = String, description = "`true` or `false`"),
        )),
        (status = 400, description = "A parameter is out of range", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not read the record", body = ErrorBody),
        (status = 404, description = "There is no record yet", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn events(
    State(app): State<App>,
    caller: Caller,
    query: Result<Query<ExportQuery>, axum::extract::rejection::QueryRejection>,
) -> ApiResult<Response> {
    caller.require(Permission::Audit)?;
    let Query(query) =
        query.map_err(|e| ApiError::field("query", "field.invalid", e.body_text()))?;
    let part = Part {
        format: query.format,
        from: query.after.map_or(0, |after| after.saturating_add(1)),
        limit: page(query.limit, 1_000)?,
        since: instant("since", query.since.as_ref())?,
        until: instant("until", query.until.as_ref())?,
    };
    let format = part.format;
    let tenant = caller.tenant().to_owned();
    let blocking = app.clone();
    let page =
        tokio::task::spawn_blocking(move || read(blocking.runtime().journal(), &tenant, &part))
            .await
            .map_err(|e| ApiError::internal(&e))??;
    let next = page
        .next
        .checked_sub(1)
        .map_or_else(String::new, |n| n.to_string());
    let value = |text: &str| HeaderValue::from_str(text).map_err(|e| ApiError::internal(&e));
    Ok((
        [
            (
                CONTENT_TYPE,
                HeaderValue::from_static(format.content_type()),
            ),
            (NEXT, value(&next)?),
            (
                MORE,
                HeaderValue::from_static(if page.more { "true" } else { "false" }),
            ),
        ],
        page.lines,
    )
        .into_response())
}

/// How a sink of the server's configuration is doing.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SinkBody {
    /// Its name.
    pub name: String,
    /// The form of its events.
    pub format: &'static str,
    /// What kind of receiver it is: `file`, `syslog-tls`, `syslog-tcp`, `syslog-udp`, `hec`,
    /// `webhook`, `otlp`.
    pub destination: &'static str,
    /// Entries of the record that it has not come to yet, of all tenants.
    pub lag_entries: u64,
    /// When the oldest of them was written, where that is known.
    pub waiting_since: Option<String>,
    /// Events that the receiver took.
    pub delivered: u64,
    /// Events that it will never take.
    pub rejected: u64,
    /// Attempts in a row that failed.
    pub failures: u32,
    /// Why the last failed attempt failed.
    pub last_error: Option<String>,
    /// When it failed.
    pub failed_at: Option<String>,
    /// When the receiver last took something.
    pub delivered_at: Option<String>,
}

impl From<SinkStatus> for SinkBody {
    fn from(status: SinkStatus) -> Self {
        Self {
            name: status.name,
            format: status.format,
            destination: status.destination,
            lag_entries: status.lag_entries,
            waiting_since: status.waiting_since.map(time),
            delivered: status.delivered,
            rejected: status.rejected,
            failures: status.failures,
            last_error: status.last_error,
            failed_at: status.failed_at.map(time),
            delivered_at: status.delivered_at.map(time),
        }
    }
}

/// Sinks of the server's export configuration; they are of the whole server, so that only its own
/// tenant is shown them.
#[utoipa::path(
    get, path = "/api/export/sinks", operation_id = "list_export_sinks", tag = "audit",
    responses(
        (status = 200, description = "The sinks", body = Vec<SinkBody>),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not read the record", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn sinks(State(app): State<App>, caller: Caller) -> ApiResult<Json<Vec<SinkBody>>> {
    caller.require(Permission::Audit)?;
    if caller.tenant() != interlock_runtime::DEFAULT_TENANT {
        return Ok(Json(Vec::new()));
    }
    let statuses = app.exports().map(Statuses::now).unwrap_or_default();
    Ok(Json(statuses.into_iter().map(SinkBody::from).collect()))
}
