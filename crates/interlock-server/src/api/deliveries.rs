//! `/api/deliveries`: what the channels carried, and what they gave up.

use axum::Json;
use axum::extract::{Path, Query, State};
use interlock_store::{Delivery, DeliveryStatus};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{page, time};
use crate::App;
use crate::auth::{Caller, Permission};
use crate::error::{ApiError, ApiResult, ErrorBody};

/// A message and what became of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DeliveryBody {
    /// Its number.
    pub seq: u64,
    /// The channel.
    pub channel: String,
    /// Whom it is for, or empty.
    pub person: String,
    /// What happened: `approval.request`, `approval.remind`, ….
    pub topic: String,
    /// The approval.
    pub approval_id: String,
    /// `due`, `sent` or `dead`.
    pub status: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next.
    pub next: Option<String>,
    /// Why the last attempt failed.
    pub error: String,
    /// When it was made.
    pub created: String,
}

fn body(delivery: Delivery) -> DeliveryBody {
    DeliveryBody {
        seq: delivery.seq,
        channel: delivery.message.channel,
        person: delivery.message.person,
        topic: delivery.message.topic,
        approval_id: delivery.message.subject,
        status: delivery.status.name().to_owned(),
        attempts: delivery.attempts,
        next: delivery.due_at.map(time),
        error: delivery.error,
        created: time(delivery.created),
    }
}

/// Which to list.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DeliveryQuery {
    /// Only those that are `due`, `sent` or `dead`.
    #[param(pattern = "^(due|sent|dead)$")]
    pub status: Option<String>,
    /// How many, 1 to 1000; 100 by default.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<usize>,
}

/// Lists deliveries, the newest first.
#[utoipa::path(
    get, path = "/api/deliveries", operation_id = "list_deliveries", tag = "approvals",
    params(DeliveryQuery),
    responses(
        (status = 200, description = "The deliveries", body = Vec<DeliveryBody>),
        (status = 400, description = "A parameter is out of range", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not read", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    query: Result<Query<DeliveryQuery>, axum::extract::rejection::QueryRejection>,
) -> ApiResult<Json<Vec<DeliveryBody>>> {
    caller.require(Permission::Read)?;
    let Query(query) =
        query.map_err(|e| ApiError::field("query", "field.invalid", e.body_text()))?;
    let limit = page(query.limit, 100)?;
    let status = match query.status.as_deref() {
        None => None,
        Some(name) => Some(DeliveryStatus::from_name(name).ok_or_else(|| {
            ApiError::field(
                "status",
                "field.invalid",
                "`status` must be `due`, `sent` or `dead`",
            )
        })?),
    };
    let rows = app
        .blocking(move |runtime| Ok(runtime.store().deliveries(caller.tenant(), status, limit)?))
        .await?;
    Ok(Json(rows.into_iter().map(body).collect()))
}

/// Makes a dead delivery due again.
#[utoipa::path(
    post, path = "/api/deliveries/{seq}/retry", operation_id = "retry_delivery", tag = "approvals",
    params(("seq" = u64, Path, description = "Its number")),
    responses(
        (status = 204, description = "It is tried at once"),
        (status = 400, description = "The number is malformed", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not administer", body = ErrorBody),
        (status = 404, description = "There is no dead delivery of this number", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn retry(
    State(app): State<App>,
    caller: Caller,
    Path(seq): Path<u64>,
) -> ApiResult<axum::http::StatusCode> {
    caller.require(Permission::Administer)?;
    app.blocking(move |runtime| {
        let (store, now) = (runtime.store(), runtime.now());
        Ok(store.revive_delivery(caller.tenant(), seq, now)?)
    })
    .await?;
    Ok(axum::http::StatusCode::NO_CONTENT)
}
