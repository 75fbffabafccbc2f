//! `/api/session/oidc`: people sign in at another provider.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::json;
use crate::App;
use crate::auth::Peer;
use crate::channels::link::page;
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::identity::browser::{Reached, set_attempt_cookie, set_cookie};
use crate::identity::oidc::{LIFETIME_S, Problem, Stranger};

/// A provider at which people may sign in.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SignInProviderBody {
    /// Its name, to begin with.
    pub name: String,
    /// What the button says.
    pub label: String,
}

/// Lists the providers at which people may sign in; none where none is configured.
#[utoipa::path(
    get, path = "/api/session/oidc", operation_id = "list_sign_in_providers", tag = "users",
    responses((status = 200, description = "The providers", body = Vec<SignInProviderBody>))
)]
pub async fn list(State(app): State<App>) -> Json<Vec<SignInProviderBody>> {
    let providers = app.providers();
    let body = |(name, label): (&str, &str)| SignInProviderBody {
        name: name.to_owned(),
        label: label.to_owned(),
    };
    Json(
        providers
            .map(|p| p.names().map(body).collect())
            .unwrap_or_default(),
    )
}

/// Where to sign in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OidcRequest {
    /// The provider's name.
    #[schema(max_length = 64, example = "sso")]
    pub provider: String,
    /// The path to go to afterwards; `/` by default.
    #[schema(max_length = 512, example = "/approvals")]
    pub to: Option<String>,
}

/// Where the browser goes.
#[derive(Debug, Serialize, ToSchema)]
pub struct OidcBody {
    /// The provider's page.
    pub url: String,
}

fn cookie(response: &mut Response, text: &str) -> ApiResult<()> {
    let mut value = HeaderValue::from_str(text).map_err(|e| ApiError::internal(&e))?;
    value.set_sensitive(true);
    let headers = response.headers_mut();
    headers.append(header::SET_COOKIE, value);
    let no_store = HeaderValue::from_static("no-store");
    headers.insert(header::CACHE_CONTROL, no_store);
    Ok(())
}

/// Begins a sign-in at a provider: `OpenID` Connect, authorisation code with PKCE. The browser goes to
/// `url`, and comes back within ten minutes with what a cookie of this answer binds to it.
#[utoipa::path(
    post, path = "/api/session/oidc", operation_id = "begin_sign_in", tag = "users",
    request_body = OidcRequest,
    responses(
        (status = 200, description = "Where the browser goes", body = OidcBody),
        (status = 400, description = "A field is missing, unknown or of another form", body = ErrorBody),
        (status = 403, description = "The request does not come from this server's own page", body = ErrorBody),
        (status = 404, description = "No such provider", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 503, description = "The provider does not answer as it must", body = ErrorBody),
    )
)]
pub async fn begin(State(app): State<App>, headers: HeaderMap, body: Bytes) -> ApiResult<Response> {
    crate::identity::browser::own_page(&headers, app.public_url().as_deref())?;
    let request: OidcRequest = json(&body)?;
    let begun = app
        .begin_oidc(&headers, &request.provider, request.to)
        .await?;
    let mut response = Json(OidcBody { url: begun.url }).into_response();
    let text = set_attempt_cookie(begun.reached, &begun.sealed, LIFETIME_S);
    cookie(&mut response, &text)?;
    Ok(response)
}

/// What a person is told: a title, and what to do.
fn told(problem: &Problem) -> (StatusCode, &'static str, &'static str) {
    const OUT: &str = "You are not signed in";
    let forbidden = StatusCode::FORBIDDEN;
    match problem {
        Problem::NotBegun => (
            StatusCode::BAD_REQUEST,
            "This sign-in is over",
            "It was begun in another browser, took more than ten minutes, or was used before. Begin again.",
        ),
        Problem::Denied => (
            forbidden,
            OUT,
            "The provider did not let you in, or you stopped there.",
        ),
        Problem::NotBelieved => (
            forbidden,
            OUT,
            "What the provider answered could not be checked, so it was not believed. The server's log says why.",
        ),
        Problem::Unavailable => (
            StatusCode::SERVICE_UNAVAILABLE,
            "The provider does not answer",
            "Try again later, or sign in with a login or a key.",
        ),
        Problem::TooMany(_) => (
            StatusCode::TOO_MANY_REQUESTS,
            "Too many tries",
            "Too many sign-ins from this address failed. Wait before the next one.",
        ),
        Problem::Stranger(Stranger::Disabled) => (
            forbidden,
            OUT,
            "Your account here is disabled. An admin can enable it.",
        ),
        Problem::Stranger(Stranger::Withdrawn) => (
            forbidden,
            OUT,
            "None of the groups that you have at the provider may sign in here any more.",
        ),
        Problem::Stranger(Stranger::Unverified) => (
            forbidden,
            OUT,
            "The provider does not confirm your e-mail address, so nobody here can tell who you are.",
        ),
        Problem::Stranger(Stranger::Uninvited) => (
            forbidden,
            OUT,
            "Nobody here has invited you. Ask an admin for an invitation to your e-mail address.",
        ),
        Problem::Stranger(Stranger::NoRoom) => (
            forbidden,
            OUT,
            "There is no room for another account here. Ask an admin.",
        ),
        Problem::Stranger(Stranger::Taken) => (
            forbidden,
            OUT,
            "There is an account with your address that is not linked to the provider. Sign in to it as before, or ask an admin to reset it for the provider.",
        ),
        Problem::Failed(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            OUT,
            "The server cannot do this now. Try again.",
        ),
    }
}

fn refused(problem: &Problem) -> Response {
    let (status, title, text) = told(problem);
    let body = format!("<p>{text}</p><p><a href=\"/\">Back to signing in</a></p>");
    let mut response = page(status, title, &body);
    if let Problem::TooMany(seconds) = problem {
        let seconds = HeaderValue::from(*seconds);
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}

/// Where the provider sends the browser back to. Whoever is known here is signed in; whoever is not
/// gets a page that says why. The answer of the provider is good once, in the browser that began.
#[utoipa::path(
    get, path = "/api/session/oidc/callback/{name}", operation_id = "end_sign_in", tag = "users",
    params(
        ("name" = String, Path, description = "The provider's name"),
        ("state" = Option<String>, Query, description = "What the sign-in began with"),
        ("code" = Option<String>, Query, description = "What the provider gives for tokens"),
        ("error" = Option<String>, Query, description = "Why the provider gives none"),
        ("iss" = Option<String>, Query, description = "Which provider answers (RFC 9207)"),
    ),
    responses(
        (status = 303, description = "The person is signed in, by a cookie; `location` is a path of this server"),
        (status = 400, description = "This browser began no such sign-in, or it is over", content((String = "text/html"), (ErrorBody = "application/json"))),
        (status = 403, description = "The person is not let in", content((String = "text/html"), (ErrorBody = "application/json"))),
        (status = 429, description = "There were too many tries", content((String = "text/html"), (ErrorBody = "application/json"))),
        (status = 503, description = "The provider does not answer as it must, or there is too much underway", content((String = "text/html"), (ErrorBody = "application/json"))),
    )
)]
pub async fn end(
    State(app): State<App>,
    peer: Peer,
    Path(name): Path<String>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> ApiResult<Response> {
    let query = query.unwrap_or_default();
    match app.end_oidc(&headers, &name, &query, &peer).await {
        Ok(ended) => {
            let mut response = StatusCode::SEE_OTHER.into_response();
            let to = HeaderValue::from_str(&ended.to).map_err(|e| ApiError::internal(&e))?;
            response.headers_mut().insert(header::LOCATION, to);
            let secret = ended.signed_in.token.expose();
            let session = set_cookie(ended.reached, secret, app.identity().lifetime_s());
            cookie(&mut response, &session)?;
            cookie(&mut response, &set_attempt_cookie(ended.reached, "", 0))?;
            // The address that the browser comes from holds the code.
            let none = HeaderValue::from_static("no-referrer");
            response.headers_mut().insert(header::REFERRER_POLICY, none);
            Ok(response)
        }
        Err(Problem::Failed(error)) => {
            tracing::debug!(code = error.code, "a sign-in failed");
            Ok(refused(&Problem::Failed(error)))
        }
        Err(problem) => {
            let mut response = refused(&problem);
            // A cookie that no host holds is a no-op, so that either may be told to go.
            if !matches!(problem, Problem::NotBegun | Problem::TooMany(_)) {
                for reached in [Reached::Tls, Reached::Loopback] {
                    cookie(&mut response, &set_attempt_cookie(reached, "", 0))?;
                }
            }
            Ok(response)
        }
    }
}
