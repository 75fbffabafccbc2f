//! Why the runtime could not answer.

use interlock_core::model::ActionError;
use interlock_store::StoreError;
use interlock_store::vault::VaultError;
use thiserror::Error;

/// Why a request got no decision. Every variant means that the action must not run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// The action is malformed.
    #[error(transparent)]
    Action(#[from] ActionError),
    /// The credential is bound to another agent.
    #[error("this key is bound to agent `{bound}`, the action names `{named}`")]
    Identity {
        /// The agent of the credential.
        bound: String,
        /// The agent of the action.
        named: String,
    },
    /// The idempotency key was used for another action.
    #[error("idempotency key `{0}` was used for another action")]
    IdempotencyConflict(String),
    /// The record cannot be written; a side effect is denied.
    #[error("the decision cannot be recorded, so the action is denied: {0}")]
    AuditUnavailable(String),
    /// There is no such thing in this tenant.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// It was done already, or cannot be done in this state.
    #[error("{0}")]
    Conflict(String),
    /// The caller may not do that.
    #[error("{0}")]
    Forbidden(String),
    /// The content was there, and was erased.
    #[error("the content was erased; what the entry commits to stays in the record")]
    Erased,
    /// A value is out of its limits.
    #[error("`{0}` {1}")]
    Invalid(&'static str, String),
    /// The vault failed, or holds something else than what the record commits to.
    #[error(transparent)]
    Vault(VaultError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Only the server that this process is connected to can decide on the action.
    #[error("the server decides on this action")]
    AtServer,
    /// The lists do not have so many entries of the record yet, and this needs them.
    #[error(
        "the lists are {0} entries behind the record, which they follow again since the start: try again when they have caught up"
    )]
    Behind(u64),
    /// A policy does not compile.
    #[error("the policy does not compile:\n{0}")]
    Policy(String),
}

impl RuntimeError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Action(e) => e.code,
            Self::Identity { .. } => "identity.mismatch",
            Self::IdempotencyConflict(_) => "idempotency.conflict",
            Self::AuditUnavailable(_) => "audit-unavailable",
            Self::NotFound(_) => "not-found",
            Self::Conflict(_) => "conflict",
            Self::Forbidden(_) => "key.forbidden",
            Self::Erased => "content.erased",
            Self::Invalid(..) => "field.invalid",
            Self::Vault(_) => "vault",
            Self::Store(_) => "store",
            Self::AtServer => "server.decides",
            Self::Behind(_) => "lists.behind",
            Self::Policy(_) => "policy.invalid",
        }
    }
}
