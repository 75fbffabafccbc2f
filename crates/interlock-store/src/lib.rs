//! What Interlock keeps: the journal, which is the truth for decisions, the rows that the API
//! edits, and the projection of the journal.
//!
//! [`Store`] is what a back end offers; [`SqliteStore`] is the embedded one and [`MemoryStore`]
//! serves tests. Both pass the same conformance suite, as every later back end will.
//!
//! **Invariant:** every row belongs to a tenant and is looked up by tenant and id together; the id
//! of another tenant is not found, never forbidden. **Invariant:** no secret is stored or printed,
//! only keyed hashes.

mod error;
pub mod identity;
pub mod journal;
pub mod keys;
mod memory;
mod model;
mod review;
mod search;
mod sqlite;
mod traits;
mod triage;
pub mod vault;

pub use error::StoreError;
pub use memory::MemoryStore;
pub use model::{
    ActionFilter, ActionOutcome, ActionRow, Agent, AgentChange, AgentCounters, AgentProfile, Alert,
    AlertCursor, AlertRow, ApprovalFilter, ApprovalRequest, ApprovalRow, Bundle, Cursor, Days,
    Epochs, Facets, IdempotencyRow, InboxCursor, KeyRecord, KillSwitch, KillSwitchMode, NewAgent,
    NewPolicy, OutboxRow, PAGE_ROWS_MAX, Policy, PolicyChange, Rollback, RunRow, Stats, StoredKey,
};
pub use review::{
    ApprovalEdit, ApprovalLink, Attempt, BACKLOG_ROWS, ChannelBacklog, Delivery, DeliveryStatus,
    NewDelivery, ReviewStore, SESSION_NS_MAX, SESSION_USES_MAX, SessionApproval,
};
pub use search::{Page, Search, sift};
pub use sqlite::{SqliteOptions, SqliteStore};
pub use traits::{
    ActionStore, Advanced, AgentStore, AlertStore, ApprovalStore, IdempotencyStore, KeyStore,
    PolicyStore, Projection, ProjectionStore, PutIdempotency, SettingStore, Store,
};
pub use triage::{
    AlertCause, AlertGroup, AlertScope, CountedAlert, GROUP_WINDOW_NS, GroupFilter, GroupNote,
    GroupState, KEY_GROUPS_MAX, LEVELS, MUTE_NS_MAX, MUTES_MAX, Mute, NOTES_MAX, NOTIFY_MAX,
    ResponseEnd, ResponseRow, TENANT_GROUPS_MAX, TOOL_STOPS_MAX, ToolStop, Triage, TriageStore,
    level_rank, rank_level,
};
