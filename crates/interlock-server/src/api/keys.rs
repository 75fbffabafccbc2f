//! `/api/keys`: credentials. A key is shown once, when it is made.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use interlock_core::model::Role;
use interlock_runtime::RuntimeError;
use interlock_store::KeyRecord;
use interlock_store::keys::{Binding, LIFETIME_NS_DEFAULT};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{json, time};
use crate::App;
use crate::auth::{Caller, Permission};
use crate::error::{ApiError, ApiResult, ErrorBody};

/// What is known of a key.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct KeyBody {
    /// Its id.
    pub id: String,
    /// `agent`, `approver`, `policy_author`, `auditor` or `admin`.
    pub role: String,
    /// The agent that it is bound to.
    pub agent_id: Option<String>,
    /// The environment that it is bound to.
    pub environment: Option<String>,
    /// What it is for.
    pub label: String,
    /// When it was made.
    pub created_at: String,
    /// From when on it is not accepted.
    pub expires_at: Option<String>,
    /// Since when it is revoked.
    pub revoked_at: Option<String>,
    /// When it was last used.
    pub last_used_at: Option<String>,
    /// Until when the secret of before the last rotation is accepted as well.
    pub previous_until: Option<String>,
    /// The user whose key it is.
    pub user_id: Option<String>,
    /// The key itself; only in the answer that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

impl From<KeyRecord> for KeyBody {
    fn from(record: KeyRecord) -> Self {
        Self {
            role: record.role.name().to_owned(),
            created_at: time(record.created),
            expires_at: record.expires.map(time),
            revoked_at: record.revoked.map(time),
            last_used_at: record.last_used.map(time),
            previous_until: record.previous_until.map(time),
            user_id: record.user_id,
            id: record.id,
            agent_id: record.agent_id,
            environment: record.environment,
            label: record.label,
            key: None,
        }
    }
}

/// Lists the tenant's keys, also revoked ones.
#[utoipa::path(
    get, path = "/api/keys", operation_id = "list_keys", tag = "keys",
    responses(
        (status = 200, description = "The keys", body = Vec<KeyBody>),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not administer", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn list(State(app): State<App>, caller: Caller) -> ApiResult<Json<Vec<KeyBody>>> {
    caller.require(Permission::Administer)?;
    let keys = app
        .blocking(move |runtime| Ok(runtime.store().keys(caller.tenant())?))
        .await?;
    Ok(Json(keys.into_iter().map(KeyBody::from).collect()))
}

/// A key to make.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyRequest {
    /// `agent`, `approver`, `policy_author`, `auditor` or `admin`.
    #[schema(pattern = "^(agent|approver|policy_author|auditor|admin)$")]
    pub role: String,
    /// The agent that it is bound to; required for role `agent`.
    #[schema(min_length = 1, max_length = 256)]
    pub agent_id: Option<String>,
    /// The environment that it is bound to.
    #[schema(min_length = 1, max_length = 256)]
    pub environment: Option<String>,
    /// What it is for, or whose it is.
    #[schema(max_length = 256)]
    pub label: Option<String>,
    /// After how many days it expires, 1 to 3650; 90 by default.
    #[schema(minimum = 1, maximum = 3650)]
    pub expires_days: Option<i64>,
    /// The id of the user whose key it is: it counts as that person, and holds as long as the user
    /// has its role and is not disabled.
    #[schema(max_length = 256)]
    pub user_id: Option<String>,
}

fn lifetime(days: Option<i64>) -> ApiResult<i64> {
    match days {
        None => Ok(LIFETIME_NS_DEFAULT),
        Some(days @ 1..=3_650) => Ok(days * 24 * 3_600 * 1_000_000_000),
        Some(_) => Err(ApiError::field(
            "expires_days",
            "field.invalid",
            "`expires_days` must be 1 to 3650",
        )),
    }
}

/// Makes a key. The answer is the only time that it is shown.
#[utoipa::path(
    post, path = "/api/keys", operation_id = "create_key", tag = "keys",
    request_body = KeyRequest,
    responses(
        (status = 201, description = "The key", body = KeyBody,
            links(("revoke" = (operation_id = "revoke_key", parameters(("id" = "$response.body#/id")))))),
        (status = 400, description = "A field is out of its limits", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not administer", body = ErrorBody),
        (status = 404, description = "The tenant has no such user", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    body: Bytes,
) -> ApiResult<(StatusCode, Json<KeyBody>)> {
    caller.require(Permission::Administer)?;
    let request: KeyRequest = json(&body)?;
    let role = Role::from_name(&request.role).ok_or_else(|| {
        ApiError::field(
            "role",
            "field.invalid",
            "`role` must be `agent`, `approver`, `policy_author`, `auditor` or `admin`",
        )
    })?;
    if role == Role::Agent && request.agent_id.is_none() {
        return Err(ApiError::field(
            "agent_id",
            "field.missing",
            "a key of role `agent` must name its `agent_id`",
        ));
    }
    let lifetime = lifetime(request.expires_days)?;
    let binding = Binding {
        tenant: caller.tenant().to_owned(),
        agent_id: request.agent_id,
        environment: request.environment,
        role,
        label: request.label.unwrap_or_default(),
        user_id: request.user_id,
    };
    let ring = app.clone();
    let (secret, record) = app
        .blocking(move |runtime| {
            let now = runtime.now();
            let (secret, record, hash) = ring.keyring().mint(binding, now, Some(now + lifetime))?;
            if let Some(user_id) = &record.user_id {
                let user = runtime.store().user(&record.tenant, user_id)?;
                if user.role != record.role {
                    return Err(RuntimeError::Invalid(
                        "role",
                        format!("must be the user's, `{}`", user.role.name()),
                    ));
                }
            }
            // Whose it is and what it may do is told with it: its answers count under the label, or
            // as the user's.
            let id = format!(
                "{}, role {}, user {}, label {}",
                record.id,
                record.role.name(),
                record.user_id.as_deref().unwrap_or("none"),
                record.label
            );
            runtime.record_identity(&record.tenant, &caller.subject, "key-made", &id)?;
            runtime.store().insert_key(&record, &hash)?;
            Ok((secret, record))
        })
        .await?;
    let mut body = KeyBody::from(record);
    body.key = Some(secret.expose().to_owned());
    Ok((StatusCode::CREATED, Json(body)))
}

/// Revokes a key; the first revocation stands.
#[utoipa::path(
    delete, path = "/api/keys/{id}", operation_id = "revoke_key", tag = "keys",
    params(("id" = String, Path, description = "The key's id")),
    responses(
        (status = 200, description = "It is revoked", body = KeyBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not administer", body = ErrorBody),
        (status = 404, description = "No such key", body = ErrorBody),
        (status = 409, description = "A key cannot revoke itself", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn revoke(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<KeyBody>> {
    caller.require(Permission::Administer)?;
    if id == caller.key_id {
        return Err(ApiError::conflict(
            "key.own",
            "a key cannot revoke itself; use another admin key",
        ));
    }
    let forgetful = app.clone();
    let record = app
        .blocking(move |runtime| {
            let record = runtime
                .store()
                .revoke_key(caller.tenant(), &id, runtime.now())?;
            forgetful.forget_keys();
            runtime.record_identity(caller.tenant(), &caller.subject, "key-revoked", &id)?;
            Ok(record)
        })
        .await?;
    Ok(Json(record.into()))
}

/// How to rotate a key.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateRequest {
    /// For how many hours the old secret is accepted beside the new one, 0 to 168; 24 by default.
    #[schema(minimum = 0, maximum = 168)]
    pub grace_hours: Option<i64>,
    /// After how many days the key expires, 1 to 3650; 90 by default.
    #[schema(minimum = 1, maximum = 3650)]
    pub expires_days: Option<i64>,
}

/// Hours for which a secret outlives a rotation, unless asked otherwise.
const GRACE_HOURS_DEFAULT: i64 = 24;

/// Gives a key another secret, shown only in this answer, and another end. The secret that it had is
/// accepted for some hours more, so that programs are changed one after the other; the one of before
/// that ends at once.
#[utoipa::path(
    post, path = "/api/keys/{id}/rotate", operation_id = "rotate_key", tag = "keys",
    params(("id" = String, Path, description = "The key's id")),
    request_body = RotateRequest,
    responses(
        (status = 201, description = "The key with its new secret", body = KeyBody),
        (status = 400, description = "A field is out of its limits", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not administer", body = ErrorBody),
        (status = 404, description = "No such key, or it is revoked", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn rotate(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    body: Bytes,
) -> ApiResult<(StatusCode, Json<KeyBody>)> {
    caller.require(Permission::Administer)?;
    let request: RotateRequest = json(&body)?;
    let lifetime = lifetime(request.expires_days)?;
    let grace = match request.grace_hours.unwrap_or(GRACE_HOURS_DEFAULT) {
        hours @ 0..=168 => hours * 3_600 * 1_000_000_000,
        _ => {
            return Err(ApiError::field(
                "grace_hours",
                "field.invalid",
                "`grace_hours` must be 0 to 168",
            ));
        }
    };
    let shared = app.clone();
    let (secret, record) = app
        .blocking(move |runtime| {
            let (tenant, now) = (caller.tenant(), runtime.now());
            let store = runtime.store();
            let known = store.keys(tenant)?.into_iter().find(|k| k.id == id);
            let Some(known) = known.filter(|key| key.revoked.is_none()) else {
                return Err(RuntimeError::NotFound("key"));
            };
            // A secret that has expired stays so.
            let until = known.expires.map_or(now + grace, |at| at.min(now + grace));
            let (secret, hash) = shared.keyring().secret_for(&id)?;
            runtime.record_identity(tenant, &caller.subject, "key-rotated", &id)?;
            let record = store.rotate_key(tenant, &id, &hash, Some(now + lifetime), until)?;
            shared.forget_keys();
            Ok((secret, record))
        })
        .await?;
    let mut body = KeyBody::from(record);
    body.key = Some(secret.expose().to_owned());
    Ok((StatusCode::CREATED, Json(body)))
}
