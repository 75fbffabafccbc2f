//! `/api/password`: a person's own password.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::json;
use super::session::Hidden;
use crate::App;
use crate::auth::{Caller, Peer};
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::identity::NewPassword;

/// Another password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordRequest {
    /// The one that holds.
    #[schema(value_type = String, max_length = 256)]
    pub old_password: Hidden,
    /// The one that is to hold: 12 characters or more.
    #[schema(value_type = String, min_length = 12, max_length = 256)]
    pub new_password: Hidden,
}

/// Changes one's own password, in a session. All other sessions of the person end.
#[utoipa::path(
    post, path = "/api/password", operation_id = "change_password", tag = "users",
    request_body = PasswordRequest,
    responses(
        (status = 204, description = "The new one holds"),
        (status = 400, description = "It may not be chosen, or a field is of another form", body = ErrorBody),
        (status = 401, description = "The old password is wrong, or nobody is signed in", body = ErrorBody),
        (status = 403, description = "A key has no password, or the request is of another page", body = ErrorBody),
        (status = 409, description = "The person signs in at a provider and has no password", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 429, description = "There were too many tries", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn change(
    State(app): State<App>,
    caller: Caller,
    peer: Peer,
    body: Bytes,
) -> ApiResult<StatusCode> {
    let Some(user_id) = caller.session_user() else {
        return Err(ApiError::forbidden(
            "a key has no password: sign in with a browser to change yours",
        ));
    };
    let request: PasswordRequest = json(&body)?;
    app.change_password(NewPassword {
        user_id,
        tenant: caller.tenant().to_owned(),
        session_id: caller.key_id,
        old: request.old_password.0,
        new: request.new_password.0,
        peer,
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
