//! One file per resource.

pub mod actions;
pub mod agents;
pub mod alert_groups;
pub mod alerts;
pub mod approvals;
pub mod audit;
mod body;
pub mod budgets;
pub mod bundle;
pub mod channels;
pub mod check;
pub mod content;
pub mod deliveries;
pub mod draft;
pub mod edit_previews;
pub mod evidence;
pub mod explained;
pub mod export;
pub mod from_action;
pub mod health;
pub mod join;
pub mod keys;
pub mod kill;
pub mod lease;
pub mod mutes;
pub mod oidc;
pub mod password;
pub mod pii;
pub mod policies;
pub mod records;
pub mod responses;
pub mod reviews;
pub mod rollbacks;
pub mod run_diff;
pub mod runs;
mod search;
pub mod session;
pub mod session_approvals;
pub mod stats;
pub mod tool_stops;
pub mod users;
pub mod what_if;
pub mod whoami;

use interlock_core::model::UnixNanos;

pub(crate) use body::json;

use crate::error::{ApiError, ApiResult};

/// A time as the API shows it: RFC 3339, UTC, milliseconds.
pub(crate) fn time(at: UnixNanos) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(at))
        .map_or_else(|_| String::new(), |t| format!("{t:.3}"))
}

/// The rows of a page: 1 to 1,000.
pub(crate) fn page(limit: Option<usize>, default: usize) -> ApiResult<usize> {
    match limit {
        None => Ok(default),
        Some(limit @ 1..=1_000) => Ok(limit),
        Some(_) => Err(ApiError::field(
            "limit",
            "field.invalid",
            "`limit` must be 1 to 1000",
        )),
    }
}

/// A risk of the published 0..1 scale in thousandths.
pub(crate) fn milli(field: &'static str, score: f64) -> ApiResult<u16> {
    if (0.0..=1.0).contains(&score) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0..=1000 after the check above"
        )]
        Ok((score * 1_000.0).round() as u16)
    } else {
        Err(ApiError::field(
            field,
            "field.invalid",
            format!("`{field}` must be 0 to 1"),
        ))
    }
}
