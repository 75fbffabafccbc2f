//! What lists share that can be searched: the filter, the cursor and the time that a search takes.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use interlock_core::model::UnixNanos;
use interlock_filter::{Filter, Resource, parse};
use serde::Serialize;

use super::time;
use crate::error::{ApiError, ApiResult};

/// How long one request searches; what it found by then is its answer, with where to go on.
pub(crate) const BUDGET: Duration = Duration::from_millis(250);

/// Where the next page begins.
pub(crate) const NEXT: HeaderName = HeaderName::from_static("interlock-next");
/// How far back was looked, when the time was over before the page was full.
pub(crate) const SEARCHED_TO: HeaderName = HeaderName::from_static("interlock-searched-to");

/// How many recorded entries the list does not know yet: after a start that found many to add.
pub(crate) const BEHIND: HeaderName = HeaderName::from_static("interlock-behind");

/// The filter of a list.
pub(crate) fn terms(q: Option<&str>, resource: &Resource) -> ApiResult<Filter> {
    parse(q.unwrap_or_default(), resource)
        .map_err(|error| ApiError::field("q", "filter.invalid", error.to_string()))
}

/// A page of a list, with what follows in the headers.
#[derive(Debug)]
pub struct Listed<T> {
    pub(crate) rows: Vec<T>,
    pub(crate) next: Option<String>,
    pub(crate) searched_to: Option<UnixNanos>,
    pub(crate) behind: u64,
}

impl<T: Serialize> IntoResponse for Listed<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.rows).into_response();
        let searched_to = self.searched_to.map(time);
        let behind = (self.behind > 0).then(|| self.behind.to_string());
        let said = [
            (NEXT, self.next),
            (SEARCHED_TO, searched_to),
            (BEHIND, behind),
        ];
        for (name, value) in said {
            if let Some(value) = value.and_then(|v| HeaderValue::try_from(v).ok()) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

/// A cursor of two parts: a number and an id.
pub(crate) fn cursor(field: &'static str, text: &str) -> ApiResult<(i64, String)> {
    text.split_once(':')
        .and_then(|(number, id)| Some((number.parse().ok()?, id.to_owned())))
        .ok_or_else(|| {
            ApiError::field(
                field,
                "field.invalid",
                format!("`{field}` must be what the header `{NEXT}` of the page before said"),
            )
        })
}
