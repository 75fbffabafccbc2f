//! Engine, state, journal, approvals and bundles wired together: what every enforcement point
//! embeds. Plain threads, no async runtime.

mod agents;
mod alerts;
mod approvals;
mod background;
mod behind;
mod budgets;
mod bundle_key;
mod bundles;
mod bytes;
mod changes;
mod check;
mod clock;
mod content;
mod deep;
mod draft;
mod error;
pub mod evidence;
mod floor;
mod fold;
mod from_action;
mod idempotency;
mod lease;
mod members;
mod memory;
mod open;
mod outcome;
mod people;
mod projector;
mod received;
mod recorded;
mod reload;
mod remote;
mod responses;
mod rollbacks;
pub mod run_diff;
mod run_journal;
mod runs;
mod settings;
mod settled;
mod shared;
mod snapshot;
mod stats;
mod timer;
mod tool_stops;
mod what_if;

pub use alerts::finding_code;
pub use approvals::{
    APPROVAL_FIELD, Answer, Answered, ArgumentRule, Change, Edit, EditPreview, Review, Say,
    SessionGrant, ShownEdit,
};
pub use budgets::{BudgetInForce, Purse, PurseUse};
pub use bundles::{Loaded, published_effect};
pub use changes::CHANGES;
pub use check::{CheckOptions, Checked, Claimed, agent_message};
pub use clock::{Clock, ManualClock, SystemClock};
pub use content::{ErasedSubject, RecordedContent, RecordedField};
pub use deep::{DeepCounts, DeepModel};
pub use draft::{Draft, DraftTest};
pub use error::RuntimeError;
pub use floor::{Asks, Floor, RiskFloor};
pub use from_action::{RuleProposal, Strength};
pub use open::{OpenError, Options};
pub use outcome::OutcomeReply;
pub use people::{Group, People};
pub use received::{Received, SentRecord};
pub use reload::Stale;
pub use remote::{
    Connected, ConnectedOptions, ConnectionOptions, Decider, OnUnavailable, Otherwise, Remote,
    RemoteOptions, ServerAddress, ServerError, ServerOptions, Standing,
};
pub use responses::{
    AGENTS_PER_HOUR, AGENTS_PER_HOUR_MAX, RESPONSE_COOL_DOWN_S, RESPONSE_COUNT_MAX,
    RESPONSE_RULES_MAX, RESPONSE_WINDOW_S_MAX, ResponseAction, ResponseRule, ResponseRules,
    ResponseScope,
};
pub use rollbacks::{
    ROLLBACK_STEPS_MAX, ROLLBACK_TEXT_CHARS_MAX, ROLLBACK_WAIT_S_MAX, RollbackOrder,
    RollbackResult, RollbackState,
};
pub use run_journal::{RUN_RESULT_BYTES_MAX, RUN_STEPS_MAX, RunError, RunJournal, Step};
pub use settings::Spending;
pub use shared::{
    CONNECTIONS_MAX, Gate, GateError, GateOptions, Owner, OwnerKind, Place, PolicyEpoch, Socket,
    owner,
};
pub use stats::Snapshot;
pub use timer::Ticked;
pub use what_if::{
    Flip, Further, Reviewers, SECONDS_DEFAULT, Sample, SampleGroup, Unevaluated, WHAT_IF_JOBS_MAX,
    WHAT_IF_RUNNING_MAX, WhatIfBodies, WhatIfDraft, WhatIfJob, WhatIfProgress, WhatIfRange,
    WhatIfReport, WhatIfState, what_if,
};

use std::sync::Arc;

use interlock_core::audit::record::ContentMode;
use interlock_core::model::UnixNanos;
use interlock_core::program::Program;
use interlock_store::Store;
use interlock_store::journal::Journal;
use interlock_store::vault::Vault;

/// The tenant of a single-tenant installation.
pub const DEFAULT_TENANT: &str = "default";

/// Everything that decides, in one process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Runtime {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) bundles: bundles::Bundles,
    /// Decides where no bundle is loaded: nothing is allowed that has an effect.
    pub(crate) empty: Program,
    pub(crate) memory: memory::Memory,
    pub(crate) agents: agents::Agents,
    pub(crate) journal: Journal,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) idempotency: idempotency::Idempotency,
    pub(crate) runs: runs::Runs,
    pub(crate) open: outcome::OpenDecisions,
    pub(crate) settled: settled::SettledDecisions,
    pub(crate) vault: Vault,
    /// Held by who erases.
    pub(crate) erasing: std::sync::Mutex<()>,
    pub(crate) projector: Arc<projector::Wake>,
    pub(crate) behind: Arc<behind::Behind>,
    pub(crate) thread: std::sync::Mutex<Option<std::thread::JoinHandle<()>>>,
    pub(crate) background: background::Background,
    /// Held while the state of an approval is read, recorded and advanced.
    pub(crate) deciding: Arc<std::sync::Mutex<()>>,
    pub(crate) executor_lease: std::time::Duration,
    pub(crate) people: arc_swap::ArcSwap<People>,
    pub(crate) changed: settings::Changed,
    pub(crate) stats: stats::Stats,
    pub(crate) deep: deep::Deep,
    pub(crate) content: ContentMode,
    /// The server whose policies hold here, where it is one.
    pub(crate) connection: Option<remote::Connection>,
    pub(crate) received: received::Recent,
    pub(crate) rollbacks: rollbacks::Rollbacks,
    pub(crate) responses: responses::Responses,
    pub(crate) budgets: budgets::Budgets,
    pub(crate) tool_stops: tool_stops::ToolStops,
    pub(crate) triaging: alerts::Triaging,
    pub(crate) what_if: what_if::Jobs,
}

impl Runtime {
    /// The journal.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.inner.journal
    }

    /// The contents.
    #[must_use]
    pub fn vault(&self) -> &Vault {
        &self.inner.vault
    }

    /// The rows.
    #[must_use]
    pub fn store(&self) -> &dyn Store {
        &*self.inner.store
    }

    /// The clock.
    #[must_use]
    pub fn now(&self) -> UnixNanos {
        self.inner.clock.now()
    }

    /// What is in force for a tenant.
    #[must_use]
    pub fn bundle(&self, tenant: &str) -> Option<Arc<Loaded>> {
        self.inner.bundles.current(tenant)
    }

    /// Counters since the start.
    #[must_use]
    pub fn stats(&self) -> Snapshot {
        self.inner.stats.snapshot()
    }

    /// Projects what is recorded and stops. Decisions after this are refused by the journal, and
    /// another process may open the data directory at once.
    pub fn close(&self) {
        self.inner.what_if.stop();
        self.inner.deep.stop();
        self.inner.background.stop();
        self.inner.projector.stop();
        let thread = self
            .inner
            .thread
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            // A projector that failed has logged why.
            let _ = thread.join();
        }
        if let Err(error) = self.inner.journal.clone().close() {
            tracing::error!(%error, "the journal did not close cleanly; the next start recovers it");
        }
        // An erasure that is underway comes to its end first.
        let _erasing = self
            .inner
            .erasing
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        self.inner.vault.close();
    }
}

/// A time as records carry it: RFC 3339, UTC, nanoseconds. A clock before 1970 reads as its first
/// instant.
#[must_use]
pub fn rfc3339(at: UnixNanos) -> String {
    interlock_store::journal::rfc3339(u64::try_from(at).unwrap_or(0))
}
