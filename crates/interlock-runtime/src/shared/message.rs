//! What is said over the socket of a data directory.
//!
//! ```text
//! client                          owner
//! Hello                      →
//!                            ←    Welcome, or Failure and the end
//! Request                    →
//!                            ←    Response        one at a time on a connection
//! ```
//!
//! Every message is a frame: its length (u32, little endian, 1 to 512 KiB), then its bytes.

use interlock_core::model::{ActionError, Outcome, Principal};
use interlock_policy::{Budget, Source};
use interlock_store::ApprovalRow;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::wire::{structure, variants};
use crate::check::{CheckOptions, Checked};
use crate::error::RuntimeError;
use crate::outcome::OutcomeReply;
use interlock_core::audit::record::ContentMode;
use interlock_store::journal::Durability;

/// Bytes of a message: an action of 256 KiB, and as much again for what surrounds it.
pub(crate) const MESSAGE_BYTES_MAX: usize = 512 * 1024;
/// Bytes of the first message of each side.
pub(crate) const GREETING_BYTES_MAX: usize = 1_024;
/// The version of everything below; another one is refused in the greeting.
pub(crate) const VERSION: u16 = 4;

/// The first message of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hello {
    pub(crate) magic: [u8; 4],
    pub(crate) version: u16,
}

structure!(Hello { magic, version });

impl Hello {
    pub(crate) const OURS: Self = Self {
        magic: *b"ilk1",
        version: VERSION,
    };
}

/// What kind of process owns a data directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OwnerKind {
    /// A server, `interlock up`.
    Server,
    /// A process that embeds Interlock.
    Embedded,
}

variants!(OwnerKind { 0 => Server, 1 => Embedded });

/// The process that owns a data directory.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Owner {
    /// Its process id.
    pub process: u32,
    /// Its epoch in the journal.
    pub epoch: u32,
    /// What it is.
    pub kind: OwnerKind,
    /// A digest of what it was started with: policies below the tenants' own, durability, content
    /// mode. Only a process that was started with the same takes over from it.
    pub settings: [u8; 32],
    /// A digest of the budgets of a file that are in force there. A process that was started with a file
    /// of others does not become its client; one without a file takes these.
    pub budgets: [u8; 32],
}

structure!(Owner {
    process,
    epoch,
    kind,
    settings,
    budgets
});

/// The owner's answer to [`Hello`].
#[derive(Debug)]
pub(crate) enum Welcome {
    Owner(Owner),
    Busy,
    Version(u16),
}

variants!(Welcome { 0 => Owner(owner), 1 => Busy, 2 => Version(version) });

/// The digest of what a process was started with.
pub(crate) fn settings(base: &[Source], durability: Durability, content: ContentMode) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"interlock/settings/1\0");
    hash.update([match durability {
        Durability::Strict => 0,
        Durability::Batch => 1,
        Durability::Async => 2,
    }]);
    hash.update(content.name());
    for source in base {
        for text in [&source.name, &source.text] {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        }
        hash.update([source.layer.map_or(0, |layer| layer as u8 + 1)]);
    }
    hash.finalize().into()
}

/// The digest of the budgets of a file, in whatever order they stand.
pub(crate) fn budgets<'a>(of_file: impl Iterator<Item = &'a Budget>) -> [u8; 32] {
    let mut all: Vec<&Budget> = of_file.collect();
    all.sort_by(|a, b| a.id.cmp(&b.id));
    let mut hash = Sha256::new();
    hash.update(b"interlock/budgets/1\0");
    // Plain data with text keys: it can be written.
    hash.update(serde_json::to_vec(&all).unwrap_or_default());
    hash.finalize().into()
}

/// What a client asks.
#[derive(Debug)]
pub(crate) enum Request {
    Check(Box<CheckRequest>),
    Outcome(Box<OutcomeRequest>),
    Approval(Box<ApprovalRequest>),
    Policy(String),
    Pause(Box<PauseRequest>),
}

variants!(Request {
    0 => Check(it), 1 => Outcome(it), 2 => Approval(it), 3 => Policy(tenant), 4 => Pause(it),
});

impl Request {
    /// Whether it can be sent twice: what has a key is decided once, and what only looks changes
    /// nothing. The second report of an outcome must say that it is one.
    pub(crate) fn is_repeatable(&self) -> bool {
        match self {
            Self::Check(_) | Self::Approval(_) | Self::Policy(_) | Self::Pause(_) => true,
            Self::Outcome(request) => request.again,
        }
    }
}

#[derive(Debug)]
pub(crate) struct CheckRequest {
    pub(crate) principal: Principal,
    pub(crate) options: CheckOptions,
    /// The action in its wire form.
    pub(crate) action: String,
}

structure!(CheckRequest {
    principal,
    options,
    action
});

#[derive(Debug)]
pub(crate) struct OutcomeRequest {
    pub(crate) principal: Principal,
    pub(crate) id: Uuid,
    pub(crate) outcome: Outcome,
    /// Whether it was sent before and got no answer.
    pub(crate) again: bool,
}

structure!(OutcomeRequest {
    principal,
    id,
    outcome,
    again
});

#[derive(Debug)]
pub(crate) struct ApprovalRequest {
    pub(crate) principal: Principal,
    pub(crate) id: String,
    /// How long to wait for a decision, milliseconds.
    pub(crate) hold_ms: u32,
}

structure!(ApprovalRequest {
    principal,
    id,
    hold_ms
});

/// Any process may stop an agent; only people end a pause.
#[derive(Debug)]
pub(crate) struct PauseRequest {
    pub(crate) tenant: String,
    pub(crate) by: String,
    pub(crate) agent_id: String,
}

structure!(PauseRequest {
    tenant,
    by,
    agent_id
});

/// The policies in force for a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PolicyEpoch {
    /// Counts the changes of the tenant's policies.
    pub revision: u64,
    /// The digest of the compiled program.
    pub program: [u8; 32],
}

structure!(PolicyEpoch { revision, program });

/// What the owner answers.
#[derive(Debug)]
pub(crate) enum Response {
    Checked(Box<Checked>),
    Outcome(Box<OutcomeReply>),
    Approval(Box<ApprovalRow>),
    Policy(Option<PolicyEpoch>),
    Failure(Failure),
    Paused,
}

variants!(Response {
    0 => Checked(it), 1 => Outcome(it), 2 => Approval(it), 3 => Policy(it), 4 => Failure(it),
    5 => Paused,
});

/// Why there is no answer. Everything that an enforcement point tells apart keeps its type.
#[derive(Debug)]
pub(crate) enum Failure {
    Action(ActionError),
    Identity((String, String)),
    IdempotencyConflict(String),
    AuditUnavailable(String),
    NotFound(&'static str),
    Conflict(String),
    Forbidden(String),
    /// Anything else: its code and its message.
    Other((&'static str, String)),
}

variants!(Failure {
    0 => Action(error), 1 => Identity(names), 2 => IdempotencyConflict(key),
    3 => AuditUnavailable(why), 4 => NotFound(what), 5 => Conflict(why), 6 => Forbidden(why),
    7 => Other(what),
});

impl From<RuntimeError> for Failure {
    fn from(error: RuntimeError) -> Self {
        match error {
            RuntimeError::Action(error) => Self::Action(error),
            RuntimeError::Identity { bound, named } => Self::Identity((bound, named)),
            RuntimeError::IdempotencyConflict(key) => Self::IdempotencyConflict(key),
            RuntimeError::AuditUnavailable(why) => Self::AuditUnavailable(why),
            RuntimeError::NotFound(what) => Self::NotFound(what),
            RuntimeError::Conflict(why) => Self::Conflict(why),
            RuntimeError::Forbidden(why) => Self::Forbidden(why),
            error @ (RuntimeError::Store(_)
            | RuntimeError::Policy(_)
            | RuntimeError::AtServer
            | RuntimeError::Behind(_)
            | RuntimeError::Erased
            | RuntimeError::Invalid(..)
            | RuntimeError::Vault(_)) => Self::Other((error.code(), error.to_string())),
        }
    }
}

impl Failure {
    /// The owner's error again; code and message where its type cannot cross.
    pub(crate) fn into_error(self) -> Result<RuntimeError, (&'static str, String)> {
        Ok(match self {
            Self::Action(error) => RuntimeError::Action(error),
            Self::Identity((bound, named)) => RuntimeError::Identity { bound, named },
            Self::IdempotencyConflict(key) => RuntimeError::IdempotencyConflict(key),
            Self::AuditUnavailable(why) => RuntimeError::AuditUnavailable(why),
            Self::NotFound(what) => RuntimeError::NotFound(what),
            Self::Conflict(why) => RuntimeError::Conflict(why),
            Self::Forbidden(why) => RuntimeError::Forbidden(why),
            Self::Other(other) => return Err(other),
        })
    }
}

#[cfg(test)]
mod tests;
