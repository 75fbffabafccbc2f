//! `/api/session`: people sign in and out, and see where else they are signed in.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use interlock_store::identity::Session;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::whoami::WhoamiBody;
use super::{json, time};
use crate::App;
use crate::auth::{Caller, Peer};
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::identity::browser::{own_page, set_cookie};
use crate::identity::{SignIn, SignedIn};

/// A secret in a request: never printed, and gone from memory after use.
#[derive(Clone, Deserialize)]
#[serde(from = "String")]
pub struct Hidden(pub(crate) Zeroizing<String>);

impl From<String> for Hidden {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hidden")
    }
}

/// Who signs in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignInRequest {
    /// The login.
    #[schema(max_length = 128, example = "ana@example.com")]
    pub login: String,
    /// The password.
    #[schema(value_type = String, max_length = 256)]
    pub password: Hidden,
    /// The six digits that the authenticator application shows, or a recovery code.
    #[schema(value_type = String, max_length = 128, example = "123456")]
    pub code: Hidden,
}

/// Gives the browser its session.
///
/// # Errors
/// When the cookie cannot be written.
pub(crate) fn with_session(
    app: &App,
    headers: &HeaderMap,
    signed_in: &SignedIn,
    mut response: Response,
) -> ApiResult<Response> {
    let reached = own_page(headers, app.public_url().as_deref())?;
    let cookie = set_cookie(
        reached,
        signed_in.token.expose(),
        app.identity().lifetime_s(),
    );
    let mut value = HeaderValue::from_str(&cookie).map_err(|e| ApiError::internal(&e))?;
    value.set_sensitive(true);
    response.headers_mut().append(header::SET_COOKIE, value);
    let no_store = HeaderValue::from_static("no-store");
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, no_store);
    Ok(response)
}

/// Signs in with a password and a one-time code. The session is a cookie that scripts cannot read; it
/// ends after 12 hours, or 30 minutes without a request.
///
/// Only a page of this server can do this: the request must name its own `Origin`, have
/// `Sec-Fetch-Site: same-origin`, and a header `x-interlock-request`. So must all other changes that
/// count by the cookie.
#[utoipa::path(
    post, path = "/api/session", operation_id = "sign_in", tag = "users",
    request_body = SignInRequest,
    responses(
        (status = 200, description = "Who is signed in; the session is in a cookie", body = WhoamiBody),
        (status = 400, description = "A field is missing or unknown", body = ErrorBody),
        (status = 401, description = "The login, the password or the code is wrong", body = ErrorBody),
        (status = 403, description = "The request does not come from this server's own page", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 429, description = "There were too many tries", body = ErrorBody),
    )
)]
pub async fn sign_in(
    State(app): State<App>,
    peer: Peer,
    headers: HeaderMap,
    body: Bytes,
) -> ApiResult<Response> {
    own_page(&headers, app.public_url().as_deref())?;
    let request: SignInRequest = json(&body)?;
    let given = SignIn {
        login: request.login,
        password: request.password.0,
        code: request.code.0,
        peer,
    };
    let signed_in = app.sign_in(given).await?;
    let caller = Caller::of_session(&app, &signed_in.session, &signed_in.user);
    let response = Json(WhoamiBody::of(&caller)).into_response();
    with_session(&app, &headers, &signed_in, response)
}

/// Signs out: the session ends, and the browser forgets it.
#[utoipa::path(
    delete, path = "/api/session", operation_id = "sign_out", tag = "users",
    responses(
        (status = 204, description = "The session has ended; with a key, there was none"),
        (status = 401, description = "Nobody is signed in", body = ErrorBody),
        (status = 403, description = "The request does not come from this server's own page", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn sign_out(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let Some(user_id) = caller.session_user() else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let reached = own_page(&headers, app.public_url().as_deref())?;
    app.blocking(move |runtime| {
        let (tenant, id) = (caller.tenant(), &caller.key_id);
        runtime.store().end_session(tenant, &user_id, id)?;
        runtime.record_identity(
            tenant,
            &caller.subject,
            "session-ended",
            &format!("{user_id} {id}"),
        )
    })
    .await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Ok(value) = HeaderValue::from_str(&set_cookie(reached, "", 0)) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    Ok(response)
}

/// A session.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SessionBody {
    /// Its id.
    pub id: String,
    /// Whether it is the one that asks.
    pub current: bool,
    /// How the person signed in: `password`, `recovery` (with a recovery code), `invitation` or `oidc`.
    pub method: String,
    /// From which address; a proxy's, when one is in between.
    pub address: String,
    /// The browser as it names itself.
    pub agent: String,
    /// Since when.
    pub created_at: String,
    /// When it was last used, to the minute.
    pub seen_at: String,
    /// When it ends at the latest.
    pub expires_at: String,
}

impl SessionBody {
    pub(crate) fn of(session: Session, current: &str) -> Self {
        Self {
            current: session.id == current,
            id: session.id,
            method: session.method,
            address: session.address,
            agent: session.agent,
            created_at: time(session.created),
            seen_at: time(session.seen),
            expires_at: time(session.expires),
        }
    }
}

/// The sessions of whoever asks; with a key that is nobody's, none.
#[utoipa::path(
    get, path = "/api/sessions", operation_id = "list_sessions", tag = "users",
    responses(
        (status = 200, description = "The sessions, newest first", body = Vec<SessionBody>),
        (status = 401, description = "No valid key or session", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn list(State(app): State<App>, caller: Caller) -> ApiResult<Json<Vec<SessionBody>>> {
    let Some(user_id) = caller.user_id.clone() else {
        return Ok(Json(Vec::new()));
    };
    let current = caller.key_id.clone();
    let idle = app.clone();
    let sessions = app
        .blocking(move |runtime| {
            let now = runtime.now();
            let idle_since = idle.identity().idle_since(now);
            let mut sessions = runtime.store().sessions(caller.tenant(), &user_id)?;
            sessions.retain(|s| s.expires > now && s.seen > idle_since);
            Ok(sessions)
        })
        .await?;
    let body = |session| SessionBody::of(session, &current);
    Ok(Json(sessions.into_iter().map(body).collect()))
}

/// Ends one of one's own sessions.
#[utoipa::path(
    delete, path = "/api/sessions/{id}", operation_id = "end_session", tag = "users",
    params(("id" = String, Path, description = "The session's id")),
    responses(
        (status = 204, description = "It has ended"),
        (status = 401, description = "No valid key or session", body = ErrorBody),
        (status = 404, description = "No such session of the caller's", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn end(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> ApiResult<StatusCode> {
    let Some(user_id) = caller.user_id.clone() else {
        return Err(ApiError::not_found("session"));
    };
    app.blocking(move |runtime| {
        let tenant = caller.tenant();
        runtime.store().end_session(tenant, &user_id, &id)?;
        runtime.record_identity(
            tenant,
            &caller.subject,
            "session-ended",
            &format!("{user_id} {id}"),
        )
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
