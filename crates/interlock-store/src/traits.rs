//! What a back end offers. Every call is synchronous and safe from many threads.

use interlock_core::approval::{Event, Refusal};
use interlock_core::model::UnixNanos;

use crate::error::StoreError;
use crate::model::{
    ActionFilter, ActionOutcome, ActionRow, Agent, AgentChange, AgentProfile, Alert, AlertCursor,
    AlertRow, ApprovalFilter, ApprovalRequest, ApprovalRow, Bundle, Cursor, Epochs, IdempotencyRow,
    KeyRecord, KillSwitch, NewAgent, NewPolicy, OutboxRow, Policy, PolicyChange, Rollback, RunRow,
    Stats, StoredKey,
};
use crate::search::{Page, Search};
use crate::triage::{ResponseEnd, ResponseRow};

type Result<T> = std::result::Result<T, StoreError>;

/// Agents and their profiles. Each change raises the tenant's `control` epoch.
pub trait AgentStore {
    /// Registers an agent.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when the tenant has one with that id, also when it was only seen.
    fn register_agent(&self, tenant: &str, agent: &NewAgent, now: UnixNanos) -> Result<Agent>;

    /// One agent.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has none with that id.
    fn agent(&self, tenant: &str, agent_id: &str) -> Result<Agent>;

    /// A page of agents in the order of their ids, those after `after`.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when `limit` is 0 or more than [`crate::PAGE_ROWS_MAX`].
    fn agents(&self, tenant: &str, after: Option<&str>, limit: usize) -> Result<Vec<Agent>>;

    /// Changes an agent.
    ///
    /// # Errors
    /// As [`Self::agent`], and when a field is outside its limits.
    fn update_agent(&self, tenant: &str, agent_id: &str, change: &AgentChange) -> Result<Agent>;

    /// Replaces the profile of an agent.
    ///
    /// # Errors
    /// As [`Self::update_agent`].
    fn set_profile(&self, tenant: &str, agent_id: &str, profile: &AgentProfile) -> Result<Agent>;

    /// Forgets an agent; its actions stay. It is back with its next action, without its profile.
    ///
    /// # Errors
    /// As [`Self::agent`].
    fn delete_agent(&self, tenant: &str, agent_id: &str, now: UnixNanos) -> Result<()>;
}

/// Alerts, which the projector writes and people acknowledge.
pub trait AlertStore {
    /// One alert.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has none with that id.
    fn alert(&self, tenant: &str, id: &str) -> Result<Alert>;

    /// A page of alerts, newest first.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when `limit` is out of range.
    fn alerts(
        &self,
        tenant: &str,
        acknowledged: Option<bool>,
        before: Option<&AlertCursor>,
        limit: usize,
    ) -> Result<Vec<Alert>>;

    /// Acknowledges an alert. The first acknowledgement stands.
    ///
    /// # Errors
    /// As [`Self::alert`].
    fn acknowledge_alert(&self, tenant: &str, id: &str, by: &str, now: UnixNanos) -> Result<Alert>;
}

/// Policies as rows and as bundles of text. Each change makes a new revision of the tenant's
/// policies; a revision is never reused.
pub trait PolicyStore {
    /// Adds a policy, in force.
    ///
    /// # Errors
    /// [`StoreError::Exists`], and [`StoreError::Invalid`] when a field is outside its limits.
    fn insert_policy(&self, tenant: &str, policy: &NewPolicy, now: UnixNanos) -> Result<Policy>;

    /// One policy.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has none with that id.
    fn policy(&self, tenant: &str, id: &str) -> Result<Policy>;

    /// All policies, the highest priority first, then by id; at most 10,000.
    ///
    /// # Errors
    /// When the back end fails.
    fn policies(&self, tenant: &str) -> Result<Vec<Policy>>;

    /// Changes a policy.
    ///
    /// # Errors
    /// As [`Self::policy`], and when a field is outside its limits.
    fn update_policy(&self, tenant: &str, id: &str, change: &PolicyChange) -> Result<Policy>;

    /// Removes a policy.
    ///
    /// # Errors
    /// As [`Self::policy`].
    fn delete_policy(&self, tenant: &str, id: &str) -> Result<()>;

    /// Publishes a bundle's text as a new revision.
    ///
    /// # Errors
    /// [`StoreError::Version`] when `expected` is given and is not the tenant's policy revision.
    fn publish_bundle(
        &self,
        tenant: &str,
        name: &str,
        text: &str,
        author: &str,
        expected: Option<u64>,
        now: UnixNanos,
    ) -> Result<Bundle>;

    /// The bundle of that name: its latest revision, or a given one.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none.
    fn bundle(&self, tenant: &str, name: &str, revision: Option<u64>) -> Result<Bundle>;

    /// The latest revision of each bundle, by name.
    ///
    /// # Errors
    /// When the back end fails.
    fn bundles(&self, tenant: &str) -> Result<Vec<Bundle>>;

    /// The revisions of one bundle, newest first: number, author, time.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when `limit` is out of range.
    fn bundle_history(
        &self,
        tenant: &str,
        name: &str,
        limit: usize,
    ) -> Result<Vec<(u64, String, UnixNanos)>>;
}

/// Keys: what they bind to and a keyed hash of their secret. Each change but `touch_keys` raises
/// the tenant's `keys` epoch.
pub trait KeyStore {
    /// Keeps a key.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when any tenant has one with that id.
    fn insert_key(&self, key: &KeyRecord, secret_hash: &[u8; 32]) -> Result<()>;

    /// Keeps a key if the tenant has none at all, also no revoked one; tells whether it did.
    ///
    /// # Errors
    /// As [`Self::insert_key`].
    fn insert_first_key(&self, key: &KeyRecord, secret_hash: &[u8; 32]) -> Result<bool>;

    /// The key of that id in any tenant, with the hash of its secret: the one look-up that comes
    /// before the tenant is known.
    ///
    /// # Errors
    /// When the back end fails.
    fn key_for_authentication(&self, id: &str) -> Result<Option<StoredKey>>;

    /// All keys of a tenant in the order of creation, also revoked ones.
    ///
    /// # Errors
    /// When the back end fails.
    fn keys(&self, tenant: &str) -> Result<Vec<KeyRecord>>;

    /// Revokes a key. The first revocation stands.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has none with that id.
    fn revoke_key(&self, tenant: &str, id: &str, now: UnixNanos) -> Result<KeyRecord>;

    /// Gives a key another secret and another end; the secret that it had is accepted until
    /// `previous_until`, the one before that no more.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has none with that id that is not revoked.
    fn rotate_key(
        &self,
        tenant: &str,
        id: &str,
        secret_hash: &[u8; 32],
        expires: Option<UnixNanos>,
        previous_until: UnixNanos,
    ) -> Result<KeyRecord>;

    /// Notes when keys were last used; unknown ids are passed over. Meant to be called now and then
    /// with what has gathered, not with each request.
    ///
    /// # Errors
    /// When the back end fails.
    fn touch_keys(&self, used: &[(String, UnixNanos)]) -> Result<()>;
}

/// What became of an event on an approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advanced {
    /// The approval as it stands now.
    pub row: ApprovalRow,
    /// Why the event was not applied, if it was not.
    pub refusal: Option<Refusal>,
}

impl Advanced {
    /// Whether this event was applied.
    #[must_use]
    pub const fn applied(&self) -> bool {
        self.refusal.is_none()
    }

    /// Whether an earlier decision, or an earlier answer of the same person, stands.
    #[must_use]
    pub const fn already_decided(&self) -> bool {
        matches!(
            self.refusal,
            Some(Refusal::AlreadyDecided(_) | Refusal::AlreadyVoted)
        )
    }
}

/// Approvals: the state machine of `interlock_core::approval`, one compare-and-set a step.
pub trait ApprovalStore {
    /// Asks. An outbox row is written with it.
    ///
    /// # Errors
    /// [`StoreError::Exists`], [`StoreError::Request`] and [`StoreError::Invalid`].
    fn request_approval(
        &self,
        tenant: &str,
        asked: &ApprovalRequest,
        now: UnixNanos,
    ) -> Result<ApprovalRow>;

    /// One approval as it was last written; what time has brought about since is not applied.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has none with that id.
    fn approval(&self, tenant: &str, id: &str) -> Result<ApprovalRow>;

    /// A page of approvals, oldest request first.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when `limit` is out of range.
    fn approvals(
        &self,
        tenant: &str,
        filter: &ApprovalFilter,
        limit: usize,
    ) -> Result<Vec<ApprovalRow>>;

    /// Applies an event, and before it what time has brought about, in one transaction with the
    /// vote and the outbox rows. A refused event is not an error: the answer holds the approval as
    /// it stands and why.
    ///
    /// # Errors
    /// As [`Self::approval`], and [`StoreError::Version`] when the event would apply, but not to
    /// the version that the caller saw.
    fn advance_approval(
        &self,
        tenant: &str,
        id: &str,
        expected: Option<u64>,
        event: &Event,
        now: UnixNanos,
    ) -> Result<Advanced>;

    /// Applies what time has brought about to at most `limit` approvals of all tenants; returns
    /// tenant and new state of each.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when `limit` is out of range.
    fn advance_due(&self, now: UnixNanos, limit: usize) -> Result<Vec<(String, ApprovalRow)>>;

    /// How many approvals of a tenant wait for people.
    ///
    /// # Errors
    /// When the back end fails.
    fn pending_count(&self, tenant: &str) -> Result<u64>;

    /// What must still be told, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when `limit` is out of range.
    fn outbox(&self, limit: usize) -> Result<Vec<OutboxRow>>;

    /// Removes the outbox rows up to and with this one, which have been told.
    ///
    /// # Errors
    /// When the back end fails.
    fn outbox_done(&self, through: u64) -> Result<()>;
}

/// Actions, which the projector writes.
pub trait ActionStore {
    /// One action.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has none with that id.
    fn action(&self, tenant: &str, id: &str) -> Result<ActionRow>;

    /// A page of actions, newest first; the next page is before the `seq` of the last one.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when `limit` is out of range.
    fn actions(&self, tenant: &str, filter: &ActionFilter, limit: usize) -> Result<Vec<ActionRow>>;

    /// A page of the actions that are what a filter and a search say, newest first. When the
    /// search's time is over, the page holds what was found by then, and where to go on.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when `limit` is out of range, or when the search asks for approvers
    /// and there are more answers than can be looked through.
    fn search_actions(
        &self,
        tenant: &str,
        filter: &ActionFilter,
        search: &Search<'_>,
        limit: usize,
    ) -> Result<Page<ActionRow>>;

    /// A page of runs, the one that acted last first; the next page is before the `last_seq` of the
    /// last one.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when `limit` is out of range.
    fn runs(&self, tenant: &str, before: Option<Cursor>, limit: usize) -> Result<Vec<RunRow>>;

    /// Sums over a tenant.
    ///
    /// # Errors
    /// When the back end fails.
    fn stats(&self, tenant: &str) -> Result<Stats>;
}

/// Kill switch, settings and epochs of a tenant.
pub trait SettingStore {
    /// The kill switch of a tenant; off when never switched.
    ///
    /// # Errors
    /// When the back end fails.
    fn kill_switch(&self, tenant: &str) -> Result<KillSwitch>;

    /// Switches it. Raises the `control` epoch.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when a text is too long.
    fn set_kill_switch(&self, tenant: &str, switch: &KillSwitch) -> Result<()>;

    /// One setting.
    ///
    /// # Errors
    /// When the back end fails.
    fn setting(&self, tenant: &str, name: &str) -> Result<Option<String>>;

    /// Sets one, or clears it. Raises the `control` epoch.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when name or value are too long.
    fn set_setting(&self, tenant: &str, name: &str, value: Option<&str>) -> Result<()>;

    /// The epochs of a tenant.
    ///
    /// # Errors
    /// When the back end fails.
    fn epochs(&self, tenant: &str) -> Result<Epochs>;
}

/// Whether an idempotency key was free.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutIdempotency {
    /// It was; the answer is kept.
    Stored,
    /// It was not: this answer was given to it. With another digest it is a conflict.
    Found(IdempotencyRow),
}

/// Answers given to idempotency keys.
pub trait IdempotencyStore {
    /// The answer that was given to a key, if it is still kept at this time.
    ///
    /// # Errors
    /// When the back end fails.
    fn idempotency(
        &self,
        tenant: &str,
        key: &str,
        now: UnixNanos,
    ) -> Result<Option<IdempotencyRow>>;

    /// Keeps an answer if the key is free at this time; the first one stands.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when a field is outside its limits.
    fn put_idempotency(
        &self,
        tenant: &str,
        row: &IdempotencyRow,
        now: UnixNanos,
    ) -> Result<PutIdempotency>;

    /// Removes answers that are no longer kept at this time; tells how many.
    ///
    /// # Errors
    /// When the back end fails.
    fn purge_idempotency(&self, now: UnixNanos) -> Result<u64>;
}

/// What a projector may write in one transaction. Writing what is there already changes nothing,
/// so that records may be projected again after a crash.
pub trait Projection {
    /// A decided action. Its agent is created if it is not known, and its counters go up.
    ///
    /// # Errors
    /// When the back end fails.
    fn action(&mut self, tenant: &str, row: &ActionRow) -> Result<()>;

    /// How an action ended; an unknown action is passed over, a later report replaces.
    ///
    /// # Errors
    /// When the back end fails.
    fn outcome(&mut self, tenant: &str, action_id: &str, outcome: &ActionOutcome) -> Result<()>;

    /// That the key of the vault of this number was destroyed: the actions whose content it sealed
    /// show none from now on, and the approvals asked for them neither.
    ///
    /// # Errors
    /// When the back end fails.
    fn erased(&mut self, tenant: &str, vault_key: u32) -> Result<()>;

    /// That an action was undone; an unknown action is passed over, the first time stands.
    ///
    /// # Errors
    /// When the back end fails.
    fn rolled_back(&mut self, tenant: &str, action_id: &str, rollback: &Rollback) -> Result<()>;

    /// An alert.
    ///
    /// # Errors
    /// When the back end fails.
    fn alert(&mut self, tenant: &str, row: &AlertRow) -> Result<()>;

    /// That an automatic response began; what is known already stays as it is.
    ///
    /// # Errors
    /// When the back end fails.
    fn response(&mut self, tenant: &str, row: &ResponseRow) -> Result<()>;

    /// What came of an automatic response; an unknown one is passed over, the first end stands.
    ///
    /// # Errors
    /// When the back end fails.
    fn response_ended(&mut self, tenant: &str, id: &str, end: &ResponseEnd) -> Result<()>;

    /// The answer given to an idempotency key at this time; the first one stands.
    ///
    /// # Errors
    /// When the back end fails.
    fn idempotency(&mut self, tenant: &str, row: &IdempotencyRow, now: UnixNanos) -> Result<()>;

    /// How far the journal has been projected, as the journal tells positions.
    ///
    /// # Errors
    /// When the back end fails.
    fn position(&mut self, position: &[u8]) -> Result<()>;
}

/// The projection of the journal.
pub trait ProjectionStore {
    /// Runs `write` in one transaction: all of it is kept, or, when it fails, nothing.
    ///
    /// # Errors
    /// What `write` returned, or when the back end fails.
    fn apply_batch(&self, write: &mut dyn FnMut(&mut dyn Projection) -> Result<()>) -> Result<()>;

    /// Removes from the files what was overwritten, as far as the back end keeps such traces.
    ///
    /// # Errors
    /// When the back end fails.
    fn forget_traces(&self) -> Result<()>;

    /// How far the journal has been projected; `None` before the first batch.
    ///
    /// # Errors
    /// When the back end fails.
    fn projection_position(&self) -> Result<Option<Vec<u8>>>;

    /// Forgets all that was projected, so that it can be rebuilt from the journal. What people did
    /// stays: registrations, profiles, acknowledgements.
    ///
    /// # Errors
    /// When the back end fails.
    fn reset_projection(&self) -> Result<()>;
}

/// A whole back end.
pub trait Store:
    AgentStore
    + AlertStore
    + PolicyStore
    + KeyStore
    + crate::identity::IdentityStore
    + ApprovalStore
    + crate::review::ReviewStore
    + crate::triage::TriageStore
    + ActionStore
    + SettingStore
    + IdempotencyStore
    + ProjectionStore
    + std::fmt::Debug
    + Send
    + Sync
{
}

impl<T> Store for T where
    T: AgentStore
        + AlertStore
        + PolicyStore
        + KeyStore
        + crate::identity::IdentityStore
        + ApprovalStore
        + crate::review::ReviewStore
        + crate::triage::TriageStore
        + ActionStore
        + SettingStore
        + IdempotencyStore
        + ProjectionStore
        + std::fmt::Debug
        + Send
        + Sync
{
}

/// The steps that `event` causes, those of time first, each with its name and the approval after
/// it; and why the event itself was not applied.
pub(crate) fn steps(
    approval: &interlock_core::approval::Approval,
    expected: Option<u64>,
    event: Option<&Event>,
    id: &str,
    now: UnixNanos,
) -> Result<(Vec<Step>, Option<Refusal>)> {
    let mut done: Vec<Step> = Vec::new();
    let mut current = approval;
    // Nothing is due after what was due, so that this is at most one step.
    let due = approval.due(now);
    if let Some(due) = &due {
        if let Ok(next) = current.step(due, now) {
            done.push((due.name(), next));
        }
        if let Some((_, next)) = done.last() {
            current = next;
        }
    }
    let refusal = match event {
        Some(event) if due.as_ref() != Some(event) => match current.step(event, now) {
            Ok(next) => {
                if let Some(expected) = expected.filter(|v| *v != approval.version) {
                    return Err(StoreError::Version {
                        what: "approval",
                        id: id.to_owned(),
                        expected,
                        found: approval.version,
                    });
                }
                done.push((event.name(), next));
                None
            }
            Err(refusal) => Some(refusal),
        },
        _ => None,
    };
    Ok((done, refusal))
}

/// One applied step: the name of the event and the approval after it.
pub(crate) type Step = (&'static str, interlock_core::approval::Approval);
