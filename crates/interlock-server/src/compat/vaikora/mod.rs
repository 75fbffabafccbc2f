//! What the published Vaikora clients call: `/api/v1/*` for the SDK, the interceptor and the SIEM
//! connectors, `/v1/*` for the guard, `/api/v1/integration/*` for the gateway.
//!
//! - Ids are UUIDs everywhere. Decisions have one already; agents, organisations, rules and people
//!   get one that is derived from their own id, so that it needs no table and never changes.
//! - Their errors are read from `detail`, else `message`; a refused field is `422`, and the time to
//!   wait stands in the body as `retry_after`.
//! - What their model knows and ours does not (an agent's capabilities and metadata, the notes of a
//!   resolved alert) is kept as settings of the tenant.
//! - Lists are paged by number and carry a total, so at most [`ROWS_MAX`] rows are looked through.

mod actions;
mod agents;
mod alerts;
mod approvals;
mod evaluate;
mod identifiers;
mod integration;
mod kept;
mod policies;
mod validate;

use axum::Json;
use axum::Router;
use axum::extract::FromRequestParts;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequest, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

use crate::App;
use crate::auth::Caller;
use crate::connection::ClientAddress;
use crate::error::ApiError;

/// Rows that one list looks through, newest first; a `total` ends there.
const ROWS_MAX: usize = 20_000;
/// How long an answer waits for what was recorded before it to be in the lists.
const PATIENCE: Duration = Duration::from_secs(1);
/// Rows of one page.
const PAGE_ROWS_MAX: usize = 500;

/// The routes.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/agents", get(agents::list).post(agents::register))
        .route(
            "/api/v1/agents/{id}",
            get(agents::get)
                .patch(agents::update)
                .delete(agents::remove),
        )
        .route("/api/v1/actions", get(actions::list).post(actions::submit))
        .route("/api/v1/actions/evaluate", post(actions::submit))
        .route("/api/v1/actions/{id}", get(actions::get))
        .route("/api/v1/actions/{id}/complete", post(actions::complete))
        .route(
            "/api/v1/policies",
            get(policies::list).post(policies::create),
        )
        .route("/api/v1/policies/{id}", get(policies::get))
        .route("/api/v1/alerts", get(alerts::list))
        .route("/api/v1/alerts/{id}", get(alerts::get))
        .route("/api/v1/alerts/{id}/acknowledge", post(alerts::acknowledge))
        .route("/api/v1/alerts/{id}/resolve", post(alerts::resolve))
        .route("/api/v1/alerts/{id}/ignore", post(alerts::ignore))
        .route("/api/v1/validate", post(validate::one))
        .route("/api/v1/validate/batch", post(validate::batch))
        .route("/api/v1/validate/health", get(validate::health))
        .route("/api/v1/approvals", get(approvals::list))
        .route("/api/v1/approvals/request", post(approvals::request))
        .route("/api/v1/approvals/status/{id}", get(approvals::status))
        .route("/api/v1/approvals/resolve/{id}", post(approvals::resolve))
        .route("/api/v1/integration/policies", get(integration::policies))
        .route("/api/v1/integration/audit", post(integration::audit))
        .route(
            "/api/v1/integration/hitl/request",
            post(integration::request),
        )
        .route(
            "/api/v1/integration/hitl/status/{id}",
            get(integration::status),
        )
        .route("/v1/evaluate", post(evaluate::evaluate))
        .route("/v1/modules/check", post(evaluate::module))
        .route("/v1/policies", get(evaluate::policies))
        .route("/v1/audit", post(evaluate::audit))
}

/// A refusal in their shape.
#[derive(Debug)]
pub(super) struct Refused(ApiError);

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self(error) = self;
        // What is wrong with a field is a validation error there.
        let status = match error.status {
            StatusCode::BAD_REQUEST => StatusCode::UNPROCESSABLE_ENTITY,
            status => status,
        };
        let mut body = json!({
            "detail": error.message,
            "message": error.message,
            "code": error.code,
        });
        if status == StatusCode::UNPROCESSABLE_ENTITY {
            let field = error.field.as_deref().unwrap_or("body");
            body["errors"] = json!([{ "loc": [field], "msg": error.message, "type": error.code }]);
        }
        if let Some(seconds) = error.retry_after_s {
            body["retry_after"] = json!(seconds);
        }
        (status, Json(body)).into_response()
    }
}

pub(super) type Answer<T> = Result<T, Refused>;

/// Who calls; the gateway names its key in a header of its own.
#[derive(Debug)]
pub(super) struct Client(Caller);

impl FromRequestParts<App> for Client {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Answer<Self> {
        let key = parts.headers.get("x-proxy-api-key");
        if let Some(key) = key.and_then(|v| v.to_str().ok()) {
            let address = parts.extensions.get::<ClientAddress>().map(|a| a.0);
            return Ok(Self(app.authenticate(key, false, address)?));
        }
        Ok(Self(Caller::from_request_parts(parts, app).await?))
    }
}

/// A body. Fields that are not known are passed over: the clients send more than we need.
#[derive(Debug)]
pub(super) struct Body<T>(T);

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, app: &App) -> Answer<Self> {
        let bytes = axum::body::Bytes::from_request(request, app)
            .await
            .map_err(|e| ApiError::new(e.status(), "body.too-large", e.body_text()))?;
        let bytes: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        serde_json::from_slice(bytes).map(Self).map_err(|e| {
            let code = if e.is_data() {
                "body.invalid"
            } else {
                "json.syntax"
            };
            ApiError::field("body", code, format!("the body is not as documented: {e}")).into()
        })
    }
}

/// The parameters of a query; what is not known is passed over.
#[derive(Debug)]
pub(super) struct Asked<T>(T);

impl<T: DeserializeOwned> FromRequestParts<App> for Asked<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Answer<Self> {
        let query: Result<Query<T>, QueryRejection> = Query::from_request_parts(parts, app).await;
        match query {
            Ok(Query(query)) => Ok(Self(query)),
            Err(e) => Err(ApiError::field("query", "field.invalid", e.body_text()).into()),
        }
    }
}

/// Whether a value is the one that is wanted, if any is.
fn is(wanted: &Option<String>, value: impl FnOnce() -> String) -> bool {
    wanted.as_ref().is_none_or(|wanted| *wanted == value())
}

/// Which page of a list; stands in the query beside what the list is filtered by.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Paging {
    #[serde(default = "first")]
    page: usize,
    #[serde(default = "twenty", alias = "per_page")]
    page_size: usize,
}

fn first() -> usize {
    1
}

fn twenty() -> usize {
    20
}

/// A page.
#[derive(Debug, Serialize)]
pub(super) struct Page {
    items: Vec<Value>,
    total: usize,
    page: usize,
    page_size: usize,
    has_more: bool,
}

impl Paging {
    /// The bounds of the page in a list.
    fn bounds(self) -> Answer<(usize, usize)> {
        if self.page == 0 || self.page > ROWS_MAX {
            let message = format!("`page` must be 1 to {ROWS_MAX}");
            return Err(ApiError::field("page", "field.invalid", message).into());
        }
        if self.page_size == 0 || self.page_size > PAGE_ROWS_MAX {
            let message = format!("`page_size` must be 1 to {PAGE_ROWS_MAX}");
            return Err(ApiError::field("page_size", "field.invalid", message).into());
        }
        let from = (self.page - 1).saturating_mul(self.page_size);
        Ok((from, from.saturating_add(self.page_size)))
    }

    /// The page of all these, each shown by `show`, which the others are not.
    fn of<T, E>(self, all: Vec<T>, show: impl FnMut(T) -> Result<Value, E>) -> Answer<Page>
    where
        ApiError: From<E>,
    {
        let (from, until) = self.bounds()?;
        let total = all.len();
        let items = all.into_iter().skip(from).take(self.page_size).map(show);
        let items: Result<Vec<Value>, E> = items.collect();
        Ok(Page {
            items: items.map_err(ApiError::from)?,
            total,
            page: self.page,
            page_size: self.page_size,
            has_more: until < total,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_by_number() {
        let all: Vec<usize> = (0..45).collect();
        let page = |page, page_size| {
            Paging { page, page_size }.of(all.clone(), |n| Ok::<_, ApiError>(json!(n)))
        };
        let second = page(2, 20).unwrap();
        assert_eq!(
            (second.items.len(), second.total, second.has_more),
            (20, 45, true)
        );
        assert_eq!(second.items[0], json!(20));
        let last = page(3, 20).unwrap();
        assert_eq!((last.items.len(), last.has_more), (5, false));
        assert!(page(9, 20).unwrap().items.is_empty());
        for (number, size) in [(0, 20), (1, 0), (1, 501), (usize::MAX, 1)] {
            assert!(page(number, size).is_err(), "{number} {size}");
        }
    }
}
