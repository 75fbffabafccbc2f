//! `/api/join`: whoever has an invitation sets a password and a second factor.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::json;
use super::session::{Hidden, with_session};
use super::whoami::WhoamiBody;
use crate::App;
use crate::auth::{Caller, Peer};
use crate::error::{ApiResult, ErrorBody};
use crate::identity::browser::own_page;
use crate::identity::{Join, totp};

/// An invitation.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InvitationRequest {
    /// The secret of the invitation: what its link has after `#`.
    #[schema(value_type = String, max_length = 64)]
    pub token: Hidden,
    /// 32 hexadecimal digits that whoever joins draws at random; the
    /// secret of one-time codes depends on them, so that whoever made the invitation does not know it.
    #[schema(
        value_type = String, min_length = 32, max_length = 32, pattern = "^[0-9a-f]{32}$",
        example = "00112233445566778899aabbccddeeff"
    )]
    pub nonce: Hidden,
}

/// What an invitation is for.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OfferBody {
    /// The login that the person will have.
    pub login: String,
    /// The person's name.
    pub name: String,
    /// The secret of one-time codes, to be typed into an authenticator application.
    pub secret: String,
    /// The same as the address that such applications read.
    pub uri: String,
}

/// Shows what an invitation is for; looking changes nothing.
#[utoipa::path(
    post, path = "/api/join/look", operation_id = "look_at_invitation", tag = "users",
    request_body = InvitationRequest,
    responses(
        (status = 200, description = "What it is for", body = OfferBody),
        (status = 400, description = "A field is missing, unknown or of another form", body = ErrorBody),
        (status = 404, description = "It was used, has expired, or was replaced", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 429, description = "There were too many tries", body = ErrorBody),
    )
)]
pub async fn look(State(app): State<App>, peer: Peer, body: Bytes) -> ApiResult<Json<OfferBody>> {
    let request: InvitationRequest = json(&body)?;
    let offer = app
        .look_at_invitation(request.token.0, &request.nonce.0, &peer)
        .await?;
    Ok(Json(OfferBody {
        secret: totp::base32(&offer.secret),
        uri: totp::uri(&offer.user.login, &offer.secret),
        login: offer.user.login,
        name: offer.user.name,
    }))
}

/// What a person who joins sets.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JoinRequest {
    /// The secret of the invitation.
    #[schema(value_type = String, max_length = 64)]
    pub token: Hidden,
    /// The nonce with which the invitation was looked at.
    #[schema(
        value_type = String, min_length = 32, max_length = 32, pattern = "^[0-9a-f]{32}$",
        example = "00112233445566778899aabbccddeeff"
    )]
    pub nonce: Hidden,
    /// The new password: 12 characters or more.
    #[schema(value_type = String, min_length = 12, max_length = 256)]
    pub password: Hidden,
    /// The six digits that the application shows now.
    #[schema(value_type = String, max_length = 128, example = "123456")]
    pub code: Hidden,
}

/// Somebody who has joined.
#[derive(Debug, Serialize, ToSchema)]
pub struct JoinedBody {
    /// Codes for when the application is lost; each is good once, and they are shown only now.
    pub recovery_codes: Vec<String>,
    /// Who is signed in.
    pub who: WhoamiBody,
}

/// Takes up an invitation, once: the password and the second factor are set, and a session begins as
/// when signing in.
#[utoipa::path(
    post, path = "/api/join", operation_id = "join", tag = "users",
    request_body = JoinRequest,
    responses(
        (status = 201, description = "The person is signed in; the session is in a cookie", body = JoinedBody),
        (status = 400, description = "The password may not be chosen, the code is wrong, or a field is of another form", body = ErrorBody),
        (status = 403, description = "The request does not come from this server's own page", body = ErrorBody),
        (status = 404, description = "The invitation was used, has expired, or was replaced", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 429, description = "There were too many tries", body = ErrorBody),
    )
)]
pub async fn join(
    State(app): State<App>,
    peer: Peer,
    headers: HeaderMap,
    body: Bytes,
) -> ApiResult<Response> {
    own_page(&headers, app.public_url().as_deref())?;
    let request: JoinRequest = json(&body)?;
    let joined = app
        .join(Join {
            token: request.token.0,
            nonce: request.nonce.0,
            password: request.password.0,
            code: request.code.0,
            peer,
        })
        .await?;
    let signed_in = &joined.signed_in;
    let caller = Caller::of_session(&app, &signed_in.session, &signed_in.user);
    let body = JoinedBody {
        recovery_codes: joined.recovery,
        who: WhoamiBody::of(&caller),
    };
    let response = (StatusCode::CREATED, Json(body)).into_response();
    with_session(&app, &headers, signed_in, response)
}
