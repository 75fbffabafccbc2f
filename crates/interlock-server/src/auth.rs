//! Who calls, and what they may do.

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use std::sync::Arc;

use interlock_core::model::{Principal, Role};
use interlock_runtime::RuntimeError;
use interlock_store::vault::VaultError;
use interlock_store::{KeyRecord, StoreError};

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

/// Who calls, by credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// What the credential proves.
    pub principal: Principal,
    /// The id of the key.
    pub key_id: String,
    /// The name by which a person's answers are counted: the key's label, else its id.
    pub subject: String,
    /// Whether it came as a bearer token.
    pub bearer: bool,
}

impl Caller {
    pub(crate) fn of(record: &KeyRecord, bearer: bool) -> Self {
        Self {
            principal: Principal {
                tenant: Arc::from(record.tenant.as_str()),
                agent: record.agent_id.as_deref().map(Arc::from),
                environment: record.environment.as_deref().map(Arc::from),
                role: record.role,
                elevated: false,
            },
            key_id: record.id.clone(),
            subject: if record.label.is_empty() {
                record.id.clone()
            } else {
                record.label.clone()
            },
            bearer,
        }
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
        use Permission::{Administer, Audit, Check, Decide, EditPolicies, Read};
        let allowed = match self.principal.role {
            Role::Agent => matches!(permission, Check),
            Role::Approver => matches!(permission, Read | Decide),
            Role::PolicyAuthor => matches!(permission, Read | EditPolicies),
            Role::Auditor => matches!(permission, Read | Audit),
            Role::Admin => matches!(
                permission,
                Check | Read | Audit | Decide | EditPolicies | Administer
            ),
        };
        if allowed {
            Ok(())
        } else {
            Err(ApiError::forbidden(format!(
                "a key of role `{}` may not do this",
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

impl FromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let header = |name: &str| parts.headers.get(name).and_then(|v| v.to_str().ok());
        let address = parts.extensions.get::<ClientAddress>().map(|a| a.0);
        if let Some(key) = header("x-api-key") {
            return app.authenticate(key, false, address);
        }
        match header(AUTHORIZATION.as_str()).and_then(|v| v.strip_prefix("Bearer ")) {
            Some(key) => app.authenticate(key.trim(), true, address),
            None => Err(ApiError::unauthorized()),
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
