//! What belongs to approvals beside their state: edited arguments, notices, temporary rules,
//! deliveries to channels, and links in messages.

use interlock_core::approval::Notice;
use interlock_core::model::{ActionDigest, UnixNanos};

use crate::error::StoreError;
use crate::model::{ApprovalRow, JSON_BYTES_MAX, MESSAGE_BYTES_MAX, NAME_BYTES_MAX};
use crate::model::{check_id, check_len};

type Result<T> = std::result::Result<T, StoreError>;

/// How often one session approval may be used at most.
pub const SESSION_USES_MAX: u32 = 20;
/// How long a session approval may live at most: 60 minutes, in nanoseconds.
pub const SESSION_NS_MAX: i64 = 3_600 * 1_000_000_000;

/// That somebody changed the arguments of an approval; the arguments themselves are content of the
/// entry of the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalEdit {
    /// Who.
    pub editor: String,
    /// The digest of the changed action.
    pub digest: ActionDigest,
    /// The sequence number of the entry whose content holds arguments and difference.
    pub seq: u64,
    /// What asks for approval of the changed action.
    pub rules: Vec<String>,
    /// What the changed action acts on.
    pub resource: String,
}

/// A temporary rule: a person's agreement to further actions like one that they saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionApproval {
    /// Its id, unique in the tenant.
    pub id: String,
    /// The approval that it was made from.
    pub approval_id: String,
    /// The agent that may use it.
    pub agent_id: String,
    /// The type of the actions.
    pub action_type: String,
    /// The tool of the actions.
    pub tool: String,
    /// A pattern over the resource; `*` stands for any characters.
    pub resource: String,
    /// The run within which it holds; empty for a session.
    pub run_id: String,
    /// The session within which it holds; empty for a run.
    pub session_id: String,
    /// What each argument must be, as JSON.
    pub arguments: String,
    /// What asks for approval and is answered by it.
    pub rules: Vec<String>,
    /// The highest composite risk that it covers.
    pub risk_max: u16,
    /// How often it may be used.
    pub uses_max: u32,
    /// How often it was used.
    pub uses: u32,
    /// What the actions may cost together by their estimates, in billionths of a US dollar.
    pub cost_nano_max: Option<i64>,
    /// What they cost so far.
    pub cost_nano: i64,
    /// Who agreed.
    pub granted_by: String,
    /// Why, in their words.
    pub reason: String,
    /// When.
    pub created: UnixNanos,
    /// Until when it holds.
    pub expires: UnixNanos,
    /// When it was taken back, and by whom.
    pub revoked: Option<(UnixNanos, String)>,
}

impl SessionApproval {
    /// Refuses what is out of its limits.
    ///
    /// # Errors
    /// [`StoreError::Invalid`], naming the field.
    pub fn check(&self) -> Result<()> {
        check_id("id", &self.id)?;
        check_id("agent_id", &self.agent_id)?;
        check_len("granted_by", &self.granted_by, NAME_BYTES_MAX)?;
        check_len("reason", &self.reason, MESSAGE_BYTES_MAX)?;
        check_len("arguments", &self.arguments, JSON_BYTES_MAX)?;
        if !(1..=SESSION_USES_MAX).contains(&self.uses_max) {
            return Err(StoreError::invalid(
                "uses",
                format!("must be 1 to {SESSION_USES_MAX}"),
            ));
        }
        let life = self.expires.saturating_sub(self.created);
        if life <= 0 || life > SESSION_NS_MAX {
            return Err(StoreError::invalid("minutes", "must be 1 to 60"));
        }
        if self.run_id.is_empty() == self.session_id.is_empty() {
            return Err(StoreError::invalid(
                "within",
                "must be a run or a session that the action names",
            ));
        }
        if self.cost_nano_max.is_some_and(|max| max < 0) {
            return Err(StoreError::invalid("cost_usd", "must not be negative"));
        }
        Ok(())
    }

    /// Whether one more use, of this cost, is left.
    #[must_use]
    pub fn usable(&self, cost_nano: i64, now: UnixNanos) -> bool {
        self.revoked.is_none()
            && now < self.expires
            && self.uses < self.uses_max
            && cost_nano >= 0
            && self
                .cost_nano_max
                .is_none_or(|max| self.cost_nano.saturating_add(cost_nano) <= max)
    }
}

/// A message that a channel shall carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDelivery {
    /// The tenant.
    pub tenant: String,
    /// The channel, by its configured name.
    pub channel: String,
    /// Whom it is for; empty when the channel is for all.
    pub person: String,
    /// What happened: `approval.request`, ….
    pub topic: String,
    /// The id of the approval.
    pub subject: String,
    /// The version of the approval that it tells of.
    pub version: u64,
    /// The state of the approval that it tells of.
    pub state: String,
}

/// How a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryStatus {
    /// It waits for its next attempt.
    Due,
    /// The channel took it.
    Sent,
    /// It was tried as often as it may be.
    Dead,
}

impl DeliveryStatus {
    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Sent => "sent",
            Self::Dead => "dead",
        }
    }

    /// The status of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Due, Self::Sent, Self::Dead]
            .into_iter()
            .find(|s| s.name() == name)
    }
}

/// A message and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its number, over all tenants.
    pub seq: u64,
    /// The message.
    pub message: NewDelivery,
    /// When it was made.
    pub created: UnixNanos,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next; `None` when it is not.
    pub due_at: Option<UnixNanos>,
    /// How it stands.
    pub status: DeliveryStatus,
    /// Why the last attempt failed; empty when it did not.
    pub error: String,
}

/// Deliveries of a tenant that a look at its channels takes in, beside those that wait.
pub const BACKLOG_ROWS: usize = 10_000;

/// What a channel has not taken.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChannelBacklog {
    /// The channel.
    pub channel: String,
    /// Messages that wait.
    pub waiting: u64,
    /// When the oldest of them was made.
    pub waiting_since: Option<UnixNanos>,
    /// Messages that were given up.
    pub given_up: u64,
    /// Why the newest message that was not taken was not; empty where all were.
    pub error: String,
}

/// What became of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// The channel took it.
    Sent,
    /// It failed; it is tried again then.
    Again(UnixNanos, String),
    /// It failed for good.
    Dead(String),
}

/// A link in a message: what its secret is worth, under the secret's hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalLink {
    /// SHA-256 of the secret.
    pub hash: [u8; 32],
    /// The tenant.
    pub tenant: String,
    /// The approval.
    pub approval_id: String,
    /// Who may decide with it.
    pub approver: String,
    /// The version of the approval that they were told of.
    pub version: u64,
    /// Until when.
    pub expires: UnixNanos,
    /// Whether it was used.
    pub used: bool,
}

/// What belongs to approvals beside their state.
pub trait ReviewStore {
    /// Keeps that the arguments were changed; a later change replaces it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has no such approval.
    fn set_edit(&self, tenant: &str, id: &str, edit: &ApprovalEdit) -> Result<()>;

    /// How the arguments were changed, if they were.
    ///
    /// # Errors
    /// When the back end fails.
    fn edit(&self, tenant: &str, id: &str) -> Result<Option<ApprovalEdit>>;

    /// Gives the notices that are due, of at most `limit` approvals of all tenants, each with an
    /// outbox row.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when `limit` is out of range.
    fn advance_notices(
        &self,
        now: UnixNanos,
        limit: usize,
    ) -> Result<Vec<(String, ApprovalRow, Notice)>>;

    /// Keeps a session approval.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] and [`StoreError::Exists`].
    fn insert_session_approval(&self, tenant: &str, row: &SessionApproval) -> Result<()>;

    /// One session approval.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has none with that id.
    fn session_approval(&self, tenant: &str, id: &str) -> Result<SessionApproval>;

    /// The newest session approvals of a tenant, or of one agent.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when `limit` is out of range.
    fn session_approvals(
        &self,
        tenant: &str,
        agent_id: Option<&str>,
        limit: usize,
    ) -> Result<Vec<SessionApproval>>;

    /// Takes one use, of this cost; whether one was left.
    ///
    /// # Errors
    /// As [`Self::session_approval`].
    fn use_session_approval(
        &self,
        tenant: &str,
        id: &str,
        cost_nano: i64,
        now: UnixNanos,
    ) -> Result<bool>;

    /// Takes it back; the first time stands.
    ///
    /// # Errors
    /// As [`Self::session_approval`].
    fn revoke_session_approval(
        &self,
        tenant: &str,
        id: &str,
        by: &str,
        now: UnixNanos,
    ) -> Result<SessionApproval>;

    /// Makes deliveries of the outbox rows up to `through`, which are removed with it.
    ///
    /// # Errors
    /// When the back end fails.
    fn deliver(&self, messages: &[NewDelivery], through: u64, now: UnixNanos) -> Result<()>;

    /// The deliveries of a channel that are due, those due for longest first.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when `limit` is out of range.
    fn deliveries_due(&self, channel: &str, now: UnixNanos, limit: usize) -> Result<Vec<Delivery>>;

    /// Keeps what became of an attempt.
    ///
    /// # Errors
    /// When the back end fails.
    fn delivery_tried(&self, seq: u64, attempt: &Attempt) -> Result<()>;

    /// The newest deliveries of a tenant.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when `limit` is out of range.
    fn deliveries(
        &self,
        tenant: &str,
        status: Option<DeliveryStatus>,
        limit: usize,
    ) -> Result<Vec<Delivery>>;

    /// What each channel of a tenant has not taken, by its name. What was given up and why are those
    /// of the newest [`BACKLOG_ROWS`] deliveries.
    ///
    /// # Errors
    /// When the back end fails.
    fn channel_backlog(&self, tenant: &str) -> Result<Vec<ChannelBacklog>>;

    /// Makes a dead delivery due again.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has no dead one with that number.
    fn revive_delivery(&self, tenant: &str, seq: u64, now: UnixNanos) -> Result<()>;

    /// Removes deliveries that were sent or given up, and links that have expired, before `before`.
    ///
    /// # Errors
    /// When the back end fails.
    fn purge_deliveries(&self, before: UnixNanos) -> Result<u64>;

    /// Keeps a link.
    ///
    /// # Errors
    /// When the back end fails.
    fn put_link(&self, link: &ApprovalLink) -> Result<()>;

    /// The link of a secret's hash.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none.
    fn link(&self, hash: &[u8; 32]) -> Result<ApprovalLink>;

    /// Uses a link; whether it was unused and had not expired.
    ///
    /// # Errors
    /// When the back end fails.
    fn use_link(&self, hash: &[u8; 32], now: UnixNanos) -> Result<bool>;
}
