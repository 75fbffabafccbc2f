//! Who calls, and what they may do.

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, USER_AGENT};
use axum::http::request::Parts;
use std::net::IpAddr;
use std::sync::Arc;

use interlock_core::model::{Principal, Role};
use interlock_runtime::RuntimeError;
use interlock_store::identity::{Session, User};
use interlock_store::vault::VaultError;
use interlock_store::{StoreError, StoredKey};

use crate::App;
use crate::connection::ClientAddress;
use crate::error::{ApiError, ApiResult};

/// What a handler asks of a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Check, report, wait.
    Check,
    /// Read agents, actions, alerts, policies, figures.
    Read,
    /// Read the record and its proofs.
    Audit,
    /// Decide approvals, acknowledge alerts.
    Decide,
    /// Change policies.
    EditPolicies,
    /// Change agents, keys and switches.
    Administer,
}

impl Permission {
    /// All of them with their names.
    pub const ALL: [(Self, &str); 6] = [
        (Self::Check, "check"),
        (Self::Read, "read"),
        (Self::Audit, "audit"),
        (Self::Decide, "decide"),
        (Self::EditPolicies, "edit_policies"),
        (Self::Administer, "administer"),
    ];
}

/// Whether a role covers what is asked: the one place that says so.
#[must_use]
pub fn permits(role: Role, permission: Permission) -> bool {
    use Permission::{Audit, Check, Decide, EditPolicies, Read};
    match role {
        Role::Agent => matches!(permission, Check),
        Role::Approver => matches!(permission, Read | Decide),
        Role::PolicyAuthor => matches!(permission, Read | EditPolicies),
        Role::Auditor => matches!(permission, Read | Audit),
        Role::Admin => true,
    }
}

/// Who calls, by credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// What the credential proves.
    pub principal: Principal,
    /// The id of the key, or of the session.
    pub key_id: String,
    /// The name by which a person's answers are counted: the user's, else the key's label or id.
    pub subject: String,
    /// Whether it came as a bearer token.
    pub bearer: bool,
    /// The user who signed in, or whose key it is.
    pub user_id: Option<String>,
    /// Whether it is a session, not a key.
    pub by_session: bool,
}

impl Caller {
    pub(crate) fn of(app: &App, key: &StoredKey, bearer: bool) -> Self {
        let record = &key.record;
        let subject = match &key.login {
            Some(login) => app.subject_of(&record.tenant, login),
            None if record.label.is_empty() => record.id.clone(),
            None => record.label.clone(),
        };
        Self {
            principal: Principal {
                tenant: Arc::from(record.tenant.as_str()),
                agent: record.agent_id.as_deref().map(Arc::from),
                environment: record.environment.as_deref().map(Arc::from),
                role: record.role,
                elevated: false,
            },
            key_id: record.id.clone(),
            subject,
            bearer,
            user_id: record.user_id.clone(),
            by_session: false,
        }
    }

    pub(crate) fn of_session(app: &App, session: &Session, user: &User) -> Self {
        Self {
            principal: Principal {
                tenant: Arc::from(user.tenant.as_str()),
                agent: None,
                environment: None,
                role: user.role,
                elevated: false,
            },
            key_id: session.id.clone(),
            subject: app.subject_of(&user.tenant, &user.login),
            bearer: false,
            user_id: Some(user.id.clone()),
            by_session: true,
        }
    }

    /// The user whose session this is; `None` for a key.
    #[must_use]
    pub fn session_user(&self) -> Option<String> {
        self.user_id.clone().filter(|_| self.by_session)
    }

    /// The tenant.
    #[must_use]
    pub fn tenant(&self) -> &str {
        &self.principal.tenant
    }

    /// Refuses what the key's role does not cover.
    ///
    /// # Errors
    /// `403`.
    pub fn require(&self, permission: Permission) -> ApiResult<()> {
        let allowed = permits(self.principal.role, permission);
        if allowed {
            Ok(())
        } else {
            Err(ApiError::forbidden(format!(
                "role `{}` may not do this",
                self.principal.role.name()
            )))
        }
    }
}

impl ApiError {
    /// `401`, the same whatever the reason.
    #[must_use]
    pub fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "key.invalid",
            "give a valid API key in `x-api-key` or as a bearer token",
        )
    }

    /// `429`: this address has presented too many wrong keys.
    pub(crate) fn too_many_wrong_keys(wait: std::time::Duration) -> Self {
        Self {
            retry_after_s: Some(wait.as_secs() + 1),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "key.too-many-wrong",
                "too many wrong keys came from this address; wait before the next one",
            )
        }
    }
}

/// Where a request comes from: its address, and the browser as it names itself. Nothing is proved.
#[derive(Debug, Clone)]
pub struct Peer {
    /// The address; a proxy's, when one is in between.
    pub address: Option<IpAddr>,
    /// The browser.
    pub agent: String,
}

impl Peer {
    /// The address where it tells who asks. Behind a loopback address may be a TLS proxy, and so
    /// everybody: what one of them does must not be held against all.
    pub(crate) fn telling_address(&self) -> Option<IpAddr> {
        self.address
            .filter(|address| !address.to_canonical().is_loopback())
    }
}

impl FromRequestParts<App> for Peer {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Self::Rejection> {
        Ok(Self {
            address: parts.extensions.get::<ClientAddress>().map(|a| a.0),
            agent: parts
                .headers
                .get(USER_AGENT)
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
                .unwrap_or_default(),
        })
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let header = |name: &str| parts.headers.get(name).and_then(|v| v.to_str().ok());
        let address = parts.extensions.get::<ClientAddress>().map(|a| a.0);
        if let Some(key) = header("x-api-key") {
            return app.authenticate(key, false, address);
        }
        match header(AUTHORIZATION.as_str()).map(|v| v.strip_prefix("Bearer ")) {
            Some(Some(key)) => app.authenticate(key.trim(), true, address),
            Some(None) => Err(ApiError::unauthorized()),
            None => app.session(&parts.method, &parts.headers).await,
        }
    }
}

impl From<RuntimeError> for ApiError {
    fn from(error: RuntimeError) -> Self {
        let code = error.code();
        let message = error.to_string();
        match error {
            RuntimeError::Action(e) => Self {
                field: Some(e.field.to_owned()),
                ..Self::new(StatusCode::BAD_REQUEST, code, message)
            },
            RuntimeError::Identity { .. } | RuntimeError::Forbidden(_) => {
                Self::new(StatusCode::FORBIDDEN, code, message)
            }
            RuntimeError::IdempotencyConflict(_) | RuntimeError::Conflict(_) => {
                Self::new(StatusCode::CONFLICT, code, message)
            }
            RuntimeError::AuditUnavailable(_) => Self {
                retry_after_s: Some(1),
                ..Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message)
            },
            RuntimeError::Behind(_) => Self {
                retry_after_s: Some(10),
                ..Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message)
            },
            RuntimeError::NotFound(what) => Self::not_found(what),
            RuntimeError::Erased => Self::new(StatusCode::GONE, code, message),
            RuntimeError::Invalid(field, _) => Self::field(field, code, message),
            // Whoever reads the record must learn of it.
            RuntimeError::Vault(VaultError::Unreadable(_)) => {
                tracing::error!(%message, "content is not what the record commits to; restore the vault's files from a backup");
                Self::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "content.damaged",
                    message,
                )
            }
            RuntimeError::Policy(_) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, message),
            RuntimeError::Store(error) => match error {
                StoreError::NotFound { what, .. } => Self::not_found(what),
                StoreError::Exists { .. } | StoreError::Version { .. } => {
                    Self::new(StatusCode::CONFLICT, "conflict", message)
                }
                StoreError::Invalid { field, .. } => Self::field(field, "field.invalid", message),
                StoreError::Request(_) => {
                    Self::new(StatusCode::BAD_REQUEST, "field.invalid", message)
                }
                other => Self::internal(&other),
            },
            other => Self::internal(&other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guide_says_what_roles_may() {
        let guide = include_str!("../../../docs/guides/identity.md");
        let names = Permission::ALL.map(|(_, name)| name.replace('_', " "));
        let head = format!("| role | {} |", names.join(" | "));
        assert!(guide.contains(&head), "the guide has no table `{head}`");
        for role in Role::ALL {
            let cells = Permission::ALL.map(
                |(permission, _)| {
                    if permits(role, permission) { "yes" } else { "" }
                },
            );
            let line = format!("| `{}` | {} |", role.name(), cells.join(" | "));
            let line = line.replace("|  |", "| |").replace("|  |", "| |");
            assert!(guide.contains(&line), "the guide lacks `{line}`");
        }
    }
}
