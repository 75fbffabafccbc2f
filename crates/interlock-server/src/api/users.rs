//! `/api/users`: the people of the tenant who may sign in.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use interlock_core::model::Role;
use interlock_runtime::{Runtime, RuntimeError};
use interlock_store::identity::{Invitation, User, UserChange};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::session::SessionBody;
use super::{json, time};
use crate::App;
use crate::auth::{Caller, Permission};
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::identity::{INVITATION, INVITATION_NS};

/// A person who may sign in.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct UserBody {
    /// The id.
    pub id: String,
    /// The name to sign in with.
    pub login: String,
    /// The name as people write it.
    pub name: String,
    /// `approver`, `policy_author`, `auditor` or `admin`.
    pub role: String,
    /// The groups that policies ask to which the person belongs.
    pub groups: Vec<String>,
    /// Whether password and second factor are set.
    pub enrolled: bool,
    /// The provider at which the person signs in, if it is not here.
    pub issuer: Option<String>,
    /// Whether the groups at the provider say what the person may do.
    pub mapped: bool,
    /// Since when the person may not sign in.
    pub disabled_at: Option<String>,
    /// When the user was made.
    pub created_at: String,
    /// When the person last signed in.
    pub last_login_at: Option<String>,
}

impl From<User> for UserBody {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            login: user.login,
            name: user.name,
            role: user.role.name().to_owned(),
            groups: user.groups,
            enrolled: user.enrolled,
            mapped: user.mapped,
            issuer: user.provider.map(|(issuer, _)| issuer),
            disabled_at: user.disabled.map(time),
            created_at: time(user.created),
            last_login_at: user.last_login.map(time),
        }
    }
}

/// A link with which a person sets a password and a second factor.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct InvitationBody {
    /// The path of the link: `/join#` and a secret. Only this answer has it. What stands after `#` is
    /// sent to no server by opening the link.
    pub path: String,
    /// From when on it is worth nothing.
    pub expires_at: String,
}

/// A user and an invitation for them.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct InvitedBody {
    /// The user.
    pub user: UserBody,
    /// The invitation.
    pub invitation: InvitationBody,
}

fn role(name: &str) -> ApiResult<Role> {
    Role::from_name(name)
        .filter(|role| *role != Role::Agent)
        .ok_or_else(|| {
            ApiError::field(
                "role",
                "field.invalid",
                "`role` must be `approver`, `policy_author`, `auditor` or `admin`",
            )
        })
}

/// Lists the tenant's users, also disabled ones.
#[utoipa::path(
    get, path = "/api/users", operation_id = "list_users", tag = "users",
    responses(
        (status = 200, description = "The users", body = Vec<UserBody>),
        (status = 401, description = "No valid key or session", body = ErrorBody),
        (status = 403, description = "The caller may not administer", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn list(State(app): State<App>, caller: Caller) -> ApiResult<Json<Vec<UserBody>>> {
    caller.require(Permission::Administer)?;
    let users = app
        .blocking(move |runtime| Ok(runtime.store().users(caller.tenant())?))
        .await?;
    Ok(Json(users.into_iter().map(UserBody::from).collect()))
}

/// A user to make.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserRequest {
    /// The name to sign in with, unique on the server: lower-case letters, digits and any of `._-+@`.
    /// Answers to approvals count under it, or under the person whom the file of people knows by it.
    #[schema(
        min_length = 1,
        max_length = 128,
        pattern = "^[a-z0-9][a-z0-9._+@-]*$",
        example = "ana@example.com"
    )]
    pub login: String,
    /// The name as people write it; the login by default.
    #[schema(max_length = 256)]
    pub name: Option<String>,
    /// `approver`, `policy_author`, `auditor` or `admin`.
    #[schema(pattern = "^(approver|policy_author|auditor|admin)$")]
    pub role: String,
    /// The groups that policies ask to which the person belongs.
    #[schema(max_items = 32)]
    pub groups: Option<Vec<String>>,
}

fn invite(
    app: &App,
    runtime: &Runtime,
    caller: &Caller,
    user_id: &str,
    reset: Option<ResetRequest>,
) -> Result<InvitedBody, RuntimeError> {
    let (token, hash) = app.keyring().token(INVITATION)?;
    let invitation = Invitation {
        tenant: caller.tenant().to_owned(),
        user_id: user_id.to_owned(),
        expires: runtime.now().saturating_add(INVITATION_NS),
        by_link: reset.is_some_and(|reset| !reset.at_provider),
    };
    let user = (runtime.store()).invite(&hash, &invitation, reset.is_some())?;
    Ok(InvitedBody {
        user: user.into(),
        invitation: InvitationBody {
            path: format!("/join#{}", token.expose()),
            expires_at: time(invitation.expires),
        },
    })
}

/// Makes a user, and an invitation that is good for three days and for one use.
#[utoipa::path(
    post, path = "/api/users", operation_id = "create_user", tag = "users",
    request_body = UserRequest,
    responses(
        (status = 201, description = "The user and the invitation", body = InvitedBody,
            links(
                ("change" = (operation_id = "update_user", parameters(("id" = "$response.body#/user/id")))),
                ("invite" = (operation_id = "reset_user", parameters(("id" = "$response.body#/user/id")))),
                ("sessions" = (operation_id = "list_user_sessions", parameters(("id" = "$response.body#/user/id")))),
            )),
        (status = 400, description = "A field is out of its limits", body = ErrorBody),
        (status = 401, description = "No valid key or session", body = ErrorBody),
        (status = 403, description = "The caller may not administer", body = ErrorBody),
        (status = 409, description = "The login is taken", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    body: Bytes,
) -> ApiResult<(StatusCode, Json<InvitedBody>)> {
    caller.require(Permission::Administer)?;
    let request: UserRequest = json(&body)?;
    let role = role(&request.role)?;
    let shared = app.clone();
    let invited = app
        .blocking(move |runtime| {
            let user = User {
                tenant: caller.tenant().to_owned(),
                id: Uuid::now_v7().to_string(),
                name: request.name.unwrap_or_else(|| request.login.clone()),
                login: request.login,
                role,
                groups: request.groups.unwrap_or_default(),
                disabled: None,
                created: runtime.now(),
                last_login: None,
                enrolled: false,
                provider: None,
                mapped: false,
                withdrawn: false,
            };
            // Nobody can sign in as it before there is an invitation.
            runtime.store().insert_user(&user)?;
            runtime.record_identity(caller.tenant(), &caller.subject, "user-added", &user.id)?;
            shared.refresh_people()?;
            invite(&shared, runtime, &caller, &user.id, None)
        })
        .await?;
    Ok((StatusCode::CREATED, Json(invited)))
}

/// What to change of a user; what is absent stays.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserUpdate {
    /// The name as people write it.
    #[schema(max_length = 256)]
    pub name: Option<String>,
    /// `approver`, `policy_author`, `auditor` or `admin`.
    #[schema(pattern = "^(approver|policy_author|auditor|admin)$")]
    pub role: Option<String>,
    /// The groups.
    #[schema(max_items = 32)]
    pub groups: Option<Vec<String>>,
    /// Whether the person may not sign in any more.
    pub disabled: Option<bool>,
}

/// Nobody takes rights from themselves, so that an admin does not lock everybody out by mistake.
fn not_oneself(caller: &Caller, id: &str) -> ApiResult<()> {
    if caller.user_id.as_deref() == Some(id) {
        return Err(ApiError::conflict(
            "user.own",
            "nobody can do this to themselves; ask another admin, or use an admin key",
        ));
    }
    Ok(())
}

/// Changes a user. Disabling, another role and other groups end the user's sessions at once, and the
/// user's keys of another role hold no more.
#[utoipa::path(
    patch, path = "/api/users/{id}", operation_id = "update_user", tag = "users",
    params(("id" = String, Path, description = "The user's id")),
    request_body = UserUpdate,
    responses(
        (status = 200, description = "The user", body = UserBody),
        (status = 400, description = "A field is out of its limits", body = ErrorBody),
        (status = 401, description = "No valid key or session", body = ErrorBody),
        (status = 403, description = "The caller may not administer", body = ErrorBody),
        (status = 404, description = "No such user", body = ErrorBody),
        (status = 409, description = "One cannot do this to oneself, or the provider's groups say it", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn update(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    body: Bytes,
) -> ApiResult<Json<UserBody>> {
    caller.require(Permission::Administer)?;
    let request: UserUpdate = json(&body)?;
    if request.role.is_some() || request.disabled == Some(true) {
        not_oneself(&caller, &id)?;
    }
    let change = UserChange {
        name: request.name,
        role: request.role.as_deref().map(role).transpose()?,
        groups: request.groups,
        disabled: request.disabled,
        withdrawn: false,
    };
    let shared = app.clone();
    let user = app
        .blocking(move |runtime| {
            let (tenant, by) = (caller.tenant(), &caller.subject);
            let what = match change.disabled {
                Some(true) => "user-disabled",
                Some(false) => "user-enabled",
                None => "user-changed",
            };
            let says = change.role.is_some() || change.groups.is_some();
            if says && runtime.store().user(tenant, &id)?.mapped {
                return Err(RuntimeError::Conflict(
                    "role and groups of this user come from the provider's groups at each sign-in; change them there".to_owned(),
                ));
            }
            // What gives is on record before it holds; what takes holds first.
            let takes = change.disabled == Some(true);
            if !takes {
                runtime.store().user(tenant, &id)?;
                runtime.record_identity(tenant, by, what, &id)?;
            }
            let (user, _) = runtime
                .store()
                .update_user(tenant, &id, &change, runtime.now())?;
            shared.forget_keys();
            if takes {
                runtime.record_identity(tenant, by, what, &id)?;
            }
            shared.refresh_people()?;
            Ok(user)
        })
        .await?;
    Ok(Json(user.into()))
}

/// What a reset is for.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetRequest {
    /// Whether the person's next sign-in at a provider, under the login as confirmed address, takes the
    /// invitation up. Else it is good by its link only. A user whose provider's groups say what they may
    /// do needs it: such a user sets no password.
    #[serde(default)]
    pub at_provider: bool,
}

/// Takes a user's password, second factor and provider away, ends the user's sessions, and makes an invitation
/// to set new ones.
#[utoipa::path(
    post, path = "/api/users/{id}/reset", operation_id = "reset_user", tag = "users",
    params(("id" = String, Path, description = "The user's id")),
    request_body = Option<ResetRequest>,
    responses(
        (status = 201, description = "The user and the invitation", body = InvitedBody),
        (status = 400, description = "A field is unknown or of another form", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 401, description = "No valid key or session", body = ErrorBody),
        (status = 403, description = "The caller may not administer", body = ErrorBody),
        (status = 404, description = "No such user", body = ErrorBody),
        (status = 409, description = "One cannot do this to oneself", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn reset(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    body: Bytes,
) -> ApiResult<(StatusCode, Json<InvitedBody>)> {
    caller.require(Permission::Administer)?;
    // As the document says: nothing, `null` or an object.
    let request = if body.is_empty() || body.trim_ascii() == b"null" {
        ResetRequest::default()
    } else {
        json(&body)?
    };
    not_oneself(&caller, &id)?;
    let shared = app.clone();
    let invited = app
        .blocking(move |runtime| {
            runtime.store().user(caller.tenant(), &id)?;
            runtime.record_identity(caller.tenant(), &caller.subject, "user-reset", &id)?;
            invite(&shared, runtime, &caller, &id, Some(request))
        })
        .await?;
    Ok((StatusCode::CREATED, Json(invited)))
}

/// The sessions of a user.
#[utoipa::path(
    get, path = "/api/users/{id}/sessions", operation_id = "list_user_sessions", tag = "users",
    params(("id" = String, Path, description = "The user's id")),
    responses(
        (status = 200, description = "The sessions, newest first", body = Vec<SessionBody>),
        (status = 401, description = "No valid key or session", body = ErrorBody),
        (status = 403, description = "The caller may not administer", body = ErrorBody),
        (status = 404, description = "No such user", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn sessions(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<Vec<SessionBody>>> {
    caller.require(Permission::Administer)?;
    let current = caller.key_id.clone();
    let sessions = app
        .blocking(move |runtime| {
            runtime.store().user(caller.tenant(), &id)?;
            Ok(runtime.store().sessions(caller.tenant(), &id)?)
        })
        .await?;
    let body = |session| SessionBody::of(session, &current);
    Ok(Json(sessions.into_iter().map(body).collect()))
}
