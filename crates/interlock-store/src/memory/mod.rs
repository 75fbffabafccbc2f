//! A back end in memory, for tests: the same answers as the others, nothing on disk.

mod approvals;
mod control;
mod projection;
mod review;
mod runs;
mod triage;
mod users;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use interlock_core::model::UnixNanos;

use crate::error::StoreError;
use crate::model::{
    ActionRow, Agent, AlertRow, ApprovalRow, Bundle, Epochs, IdempotencyRow, KillSwitch, OutboxRow,
    Policy, StoredKey,
};

type Result<T> = std::result::Result<T, StoreError>;

/// Tenant and id: what every row is found by.
type Key = (String, String);

fn key(tenant: &str, id: &str) -> Key {
    (tenant.to_owned(), id.to_owned())
}

/// The rows of one tenant, by id.
fn of_tenant<'a, V>(
    rows: &'a BTreeMap<Key, V>,
    tenant: &'a str,
) -> impl DoubleEndedIterator<Item = (&'a str, &'a V)> {
    rows.range(key(tenant, "")..)
        .take_while(move |((t, _), _)| t == tenant)
        .map(|((_, id), row)| (id.as_str(), row))
        .collect::<Vec<_>>()
        .into_iter()
}

#[derive(Debug)]
struct AgentEntry {
    agent: Agent,
    live: bool,
    /// When it was last deleted: actions up to then do not count.
    forgotten: Option<UnixNanos>,
}

impl AgentEntry {
    fn counts(&self, at: UnixNanos) -> bool {
        self.forgotten.is_none_or(|forgotten| forgotten < at)
    }
}

#[derive(Debug, Default)]
struct Tables {
    agents: BTreeMap<Key, AgentEntry>,
    alerts: BTreeMap<Key, AlertRow>,
    acknowledgements: BTreeMap<Key, (UnixNanos, String)>,
    /// The group of each alert.
    alert_groups: BTreeMap<Key, String>,
    groups: BTreeMap<Key, crate::triage::AlertGroup>,
    triages: BTreeMap<Key, triage::Triaged>,
    notes: BTreeMap<Key, Vec<crate::triage::GroupNote>>,
    told: BTreeMap<Key, triage::Told>,
    mutes: BTreeMap<Key, crate::triage::Mute>,
    tool_stops: BTreeMap<Key, crate::triage::ToolStop>,
    responses: BTreeMap<Key, crate::triage::ResponseRow>,
    response_marks: BTreeMap<String, u64>,
    policies: BTreeMap<Key, Policy>,
    bundles: BTreeMap<(String, String, u64), Bundle>,
    keys: BTreeMap<String, StoredKey>,
    users: BTreeMap<Key, users::Account>,
    invitations: BTreeMap<[u8; 32], crate::identity::Invitation>,
    user_sessions: BTreeMap<[u8; 32], crate::identity::Session>,
    taken_sign_ins: BTreeMap<[u8; 32], interlock_core::model::UnixNanos>,
    approvals: BTreeMap<Key, ApprovalRow>,
    /// Tenant, state, time of request, id: the order of an inbox.
    inbox: BTreeSet<(String, &'static str, UnixNanos, String)>,
    outbox: BTreeMap<u64, OutboxRow>,
    outbox_seq: u64,
    /// Notices given.
    notices: BTreeMap<Key, usize>,
    edits: BTreeMap<Key, crate::review::ApprovalEdit>,
    sessions: BTreeMap<Key, crate::review::SessionApproval>,
    deliveries: BTreeMap<u64, crate::review::Delivery>,
    delivery_seq: u64,
    links: BTreeMap<[u8; 32], crate::review::ApprovalLink>,
    actions: BTreeMap<(String, u64), ActionRow>,
    action_ids: BTreeMap<Key, u64>,
    epochs: BTreeMap<String, Epochs>,
    kill_switches: BTreeMap<String, KillSwitch>,
    settings: BTreeMap<Key, String>,
    idempotency: BTreeMap<Key, IdempotencyRow>,
    position: Option<Vec<u8>>,
}

impl Tables {
    fn epochs(&mut self, tenant: &str) -> &mut Epochs {
        self.epochs.entry(tenant.to_owned()).or_default()
    }
}

/// The store in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    tables: Mutex<Tables>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
