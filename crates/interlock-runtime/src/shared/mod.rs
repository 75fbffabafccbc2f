//! One data directory, many processes.
//!
//! [`Gate`] is what an enforcement point embeds. The first process on a data directory owns it: it
//! holds the lock and an epoch, decides, writes the record, and serves a socket in the directory.
//! Every further process of the same user becomes a client of that socket. When the owner goes,
//! whoever notices first takes over with a higher epoch: state, approvals and the answers to
//! idempotency keys are folded from the record, so no limit starts anew and nothing is decided
//! twice. A forked child never uses what its parent held; it connects for itself.
//!
//! **Invariant:** who is owner is a matter of the lock alone. A socket proves nothing; it is
//! replaced by whoever holds the lock.
//!
//! **Invariant:** a call that is in doubt is repeated under the same idempotency key, or ends in an
//! error, which denies.

mod address;
mod error;
mod frame;
mod gate;
mod link;
mod message;
pub(crate) mod model;
mod socket;
pub(crate) mod wire;

pub use error::GateError;
pub use gate::{Gate, GateOptions, Place};
pub use link::owner;
pub use message::{Owner, OwnerKind, PolicyEpoch};
pub use socket::{CONNECTIONS_MAX, Socket};

use crate::Runtime;

impl Runtime {
    /// A digest of what this runtime was started with; see [`Owner::settings`].
    #[must_use]
    pub fn settings_digest(&self) -> [u8; 32] {
        self.inner.bundles.with_base(|base| {
            message::settings(base, self.inner.journal.durability(), self.inner.content)
        })
    }
    /// A digest of the budgets of a file that are in force; see [`Owner::budgets`].
    pub(crate) fn budgets_digest(&self) -> [u8; 32] {
        let rows = self.budgets(crate::DEFAULT_TENANT);
        message::budgets(
            rows.iter()
                .filter(|row| row.declared)
                .map(|row| &row.budget),
        )
    }
}
