//! Alerts in groups, what people do about them, mutes, stopped tools, and automatic responses.
//!
//! A group is what the alerts of one agent for one cause are together. Its fingerprint is made of
//! names that policies and this program choose, and of the agent's; nothing else that an agent writes
//! is in it, so that no text splits a group. An agent whose key names ever new agents gets
//! [`KEY_GROUPS_MAX`] groups, and then one for each level: other keys' groups are untouched.

use interlock_core::audit::hex;
use interlock_core::model::UnixNanos;
use sha2::{Digest as _, Sha256};

use crate::error::StoreError;
use crate::model::{AlertRow, MESSAGE_BYTES_MAX, NAME_BYTES_MAX, check_id, check_len};

type Result<T> = std::result::Result<T, StoreError>;

/// An alert joins the group of its fingerprint when the last one came within this: a day, in
/// nanoseconds.
pub const GROUP_WINDOW_NS: i64 = 24 * 3_600 * 1_000_000_000;
/// Groups that the alerts of one key make within the window.
pub const KEY_GROUPS_MAX: usize = 1_000;
/// Groups that the alerts of one tenant make within the window.
pub const TENANT_GROUPS_MAX: usize = 10_000;
/// How long a mute may hold: 90 days, in nanoseconds.
pub const MUTE_NS_MAX: i64 = 90 * 24 * 3_600 * 1_000_000_000;
/// Mutes of a tenant that may hold at once.
pub const MUTES_MAX: usize = 200;
/// Tools of a tenant that may be stopped at once.
pub const TOOL_STOPS_MAX: usize = 200;
/// Notes that are kept of one group; the oldest go.
pub const NOTES_MAX: usize = 200;
/// Groups of people that are told of one group of alerts.
pub const NOTIFY_MAX: usize = 16;
/// Threat vectors that are kept of an alert or a group beside the strongest: more than there are.
pub(crate) const OTHERS_MAX: usize = 16;

/// Levels from the mildest to the worst.
pub const LEVELS: [&str; 4] = ["low", "medium", "high", "critical"];

/// The rank of a level: 1 to 4; 0 for what is none.
#[must_use]
pub fn level_rank(level: &str) -> u8 {
    let at = LEVELS.iter().position(|name| *name == level);
    at.and_then(|at| u8::try_from(at + 1).ok()).unwrap_or(0)
}

/// The level of a rank.
#[must_use]
pub fn rank_level(rank: u8) -> &'static str {
    let at = usize::from(rank.max(1)) - 1;
    LEVELS.get(at).copied().unwrap_or("critical")
}

/// What caused an alert, by names that an agent does not choose but for its own and its tool's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AlertCause {
    /// `decision`, `stopped`, `deep-model`, `response` or `budget`.
    pub kind: String,
    /// The key that asked; empty for a local caller.
    pub key_id: String,
    /// The rule that decided; empty when none did.
    pub rule: String,
    /// The threat vector of the strongest finding; empty without one.
    pub detector: String,
    /// The threat vectors of its other findings, so that a stronger one hides none of them; of a group
    /// those of all its alerts.
    pub others: Vec<String>,
    /// The code of the strongest finding.
    pub code: String,
    /// What kind of action it was: one of the listed types, or `custom`.
    pub class: String,
    /// The tool, or the type of the action where none was named.
    pub tool: String,
    /// Groups of people that rules want told.
    pub notify: Vec<String>,
}

impl AlertCause {
    /// The threat vectors of all findings, the strongest one first.
    pub fn detectors(&self) -> impl Iterator<Item = &str> {
        let first = Some(&*self.detector).filter(|name| !name.is_empty());
        first
            .into_iter()
            .chain(self.others.iter().map(|name| &**name))
    }
}

fn digest(parts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

/// The first 16 bytes, in hex.
fn short(digest: &[u8; 32]) -> String {
    hex(digest.first_chunk::<16>().unwrap_or(&[0; 16]))
}

/// What an alert has in common with those of its group.
#[must_use]
pub(crate) fn fingerprint(row: &AlertRow) -> String {
    let cause = &row.cause;
    short(&digest(&[
        "group",
        &row.agent_id,
        &cause.kind,
        &cause.rule,
        &cause.detector,
        &cause.class,
    ]))
}

/// The fingerprint of what has no place of its own any more.
#[must_use]
pub(crate) fn overflow_fingerprint(row: &AlertRow) -> String {
    short(&digest(&["overflow", &row.cause.key_id, &row.level]))
}

/// The id of the group that begins with this alert: the same after a rebuild.
#[must_use]
pub(crate) fn group_id(fingerprint: &str, first_alert: &str) -> String {
    short(&digest(&["id", fingerprint, first_alert]))
}

/// How far people are with a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GroupState {
    /// Nobody has looked, or it happened again after it was resolved.
    #[default]
    Open,
    /// Somebody looks after it.
    Acknowledged,
    /// It is over.
    Resolved,
}

impl GroupState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Open, Self::Acknowledged, Self::Resolved];

    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// Alerts of one agent for one cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertGroup {
    /// Its id, unique in the tenant.
    pub id: String,
    /// What its alerts have in common.
    pub fingerprint: String,
    /// Whether it stands for groups past the limit; then only key and level are common.
    pub overflow: bool,
    /// The agent; empty for an overflow.
    pub agent_id: String,
    /// What caused it; of an overflow only the key.
    pub cause: AlertCause,
    /// The worst level.
    pub level: String,
    /// The message of the first alert of the worst level.
    pub message: String,
    /// How many alerts.
    pub count: u64,
    /// When the first one was raised.
    pub first_seen: UnixNanos,
    /// When the last one was.
    pub last_seen: UnixNanos,
    /// The first alert.
    pub first_alert: String,
    /// The last alert.
    pub last_alert: String,
    /// The place of the last alert in the order of alerts.
    pub last_seq: u64,
    /// How far people are.
    pub state: GroupState,
    /// Whether it was resolved and happened again.
    pub reopened: bool,
    /// Who looks after it; empty for nobody.
    pub assignee: String,
    /// Goes up with each change that a person makes.
    pub version: u64,
    /// When somebody changed it last, and who.
    pub changed: Option<(UnixNanos, String)>,
    /// The mute that silences it.
    pub muted_by: Option<String>,
}

/// Which groups to list, the one that happened last first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GroupFilter {
    /// Only in this state.
    pub state: Option<GroupState>,
    /// Only muted ones, or only those that are not.
    pub muted: Option<bool>,
    /// Only of this agent.
    pub agent_id: Option<String>,
    /// Only of this rule.
    pub rule: Option<String>,
    /// Only those in which this detector found something, be it the strongest finding or not.
    pub detector: Option<String>,
    /// Only assigned to this person.
    pub assignee: Option<String>,
    /// Only from this rank on.
    pub rank_min: u8,
    /// Only those whose last alert is before this place.
    pub before: Option<(u64, String)>,
}

/// What a person does about a group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Triage {
    /// The version that they saw.
    pub version: u64,
    /// The last alert that they saw; what came later is not covered by a new state. The group's last
    /// one when it is later than that.
    pub seen_seq: Option<u64>,
    /// The new state.
    pub state: Option<GroupState>,
    /// Who looks after it from now on; empty for nobody.
    pub assignee: Option<String>,
    /// What they say.
    pub comment: Option<String>,
    /// Who.
    pub by: String,
}

impl Triage {
    /// Refuses what is out of its limits.
    ///
    /// # Errors
    /// [`StoreError::Invalid`], naming the field.
    pub fn check(&self) -> Result<()> {
        check_len(
            "assignee",
            self.assignee.as_deref().unwrap_or_default(),
            NAME_BYTES_MAX,
        )?;
        check_len(
            "comment",
            self.comment.as_deref().unwrap_or_default(),
            MESSAGE_BYTES_MAX,
        )?;
        check_id("by", &self.by)
    }

    /// What of it goes to the notes: what was done, and the text beside it.
    pub(crate) fn notes(&self) -> Vec<(&'static str, String)> {
        let mut notes = Vec::new();
        if let Some(state) = self.state {
            notes.push((state.name(), String::new()));
        }
        if let Some(assignee) = &self.assignee {
            notes.push(("assigned", assignee.clone()));
        }
        if let Some(comment) = &self.comment {
            notes.push(("comment", comment.clone()));
        }
        notes
    }
}

/// One thing that a person did about a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupNote {
    /// When.
    pub at: UnixNanos,
    /// Who.
    pub by: String,
    /// `open`, `acknowledged`, `resolved`, `assigned` or `comment`.
    pub what: String,
    /// The comment, or the new assignee.
    pub text: String,
}

/// That people are not told of groups like these until it expires. It changes no decision and no
/// response, and what it silences is counted all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mute {
    /// Its id.
    pub id: String,
    /// Only groups with this fingerprint; empty for any.
    pub fingerprint: String,
    /// Only of this agent; empty for any.
    pub agent_id: String,
    /// Only of this rule; empty for any.
    pub rule: String,
    /// Only what this detector found; empty for any. A group with findings of several is silenced
    /// once there are mutes for each of them.
    pub detector: String,
    /// Why.
    pub reason: String,
    /// Who.
    pub by: String,
    /// When.
    pub created: UnixNanos,
    /// Until when.
    pub expires: UnixNanos,
    /// When somebody ended it, and who.
    pub ended: Option<(UnixNanos, String)>,
}

impl Mute {
    /// Refuses what is out of its limits.
    ///
    /// # Errors
    /// [`StoreError::Invalid`], naming the field.
    pub fn check(&self) -> Result<()> {
        check_id("id", &self.id)?;
        check_id("by", &self.by)?;
        for (field, text) in [
            ("fingerprint", &self.fingerprint),
            ("agent_id", &self.agent_id),
            ("rule", &self.rule),
            ("detector", &self.detector),
        ] {
            check_len(field, text, NAME_BYTES_MAX)?;
        }
        if self.reason.trim().is_empty() {
            return Err(StoreError::invalid("reason", "a mute needs a reason"));
        }
        check_len("reason", &self.reason, MESSAGE_BYTES_MAX)?;
        let all = [
            &self.fingerprint,
            &self.agent_id,
            &self.rule,
            &self.detector,
        ];
        if all.iter().all(|text| text.is_empty()) {
            let problem = "name a `fingerprint`, an `agent_id`, a `rule` or a `detector`: a mute never silences everything";
            return Err(StoreError::invalid("filter", problem));
        }
        let life = self.expires.saturating_sub(self.created);
        if life <= 0 || life > MUTE_NS_MAX {
            return Err(StoreError::invalid("expires", "must be within 90 days"));
        }
        Ok(())
    }

    /// Whether it holds at this time.
    #[must_use]
    pub fn holds(&self, now: UnixNanos) -> bool {
        self.ended.is_none() && now < self.expires
    }

    /// Whether it is about what this detector found in this group.
    #[must_use]
    pub fn covers(&self, group: &AlertGroup, detector: &str) -> bool {
        let fits = |wanted: &str, found: &str| wanted.is_empty() || wanted == found;
        fits(&self.fingerprint, &group.fingerprint)
            && fits(&self.agent_id, &group.agent_id)
            && fits(&self.rule, &group.cause.rule)
            && fits(&self.detector, detector)
    }
}

/// That a tool may not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolStop {
    /// Its id.
    pub id: String,
    /// The tool or type of action; with a `*` at its end all that begin so.
    pub tool: String,
    /// Only for this agent; empty for all.
    pub agent_id: String,
    /// Why.
    pub reason: String,
    /// Who.
    pub by: String,
    /// When.
    pub created: UnixNanos,
    /// Until when; `None` until somebody ends it.
    pub expires: Option<UnixNanos>,
    /// When somebody ended it, and who.
    pub ended: Option<(UnixNanos, String)>,
}

impl ToolStop {
    /// Refuses what is out of its limits.
    ///
    /// # Errors
    /// [`StoreError::Invalid`], naming the field.
    pub fn check(&self) -> Result<()> {
        check_id("id", &self.id)?;
        check_id("by", &self.by)?;
        check_id("tool", &self.tool)?;
        let body = self.tool.strip_suffix('*').unwrap_or(&self.tool);
        if body.contains('*') {
            let problem = "may have a `*` at its end only";
            return Err(StoreError::invalid("tool", problem));
        }
        if body.is_empty() {
            let problem = "must not be `*` alone: the kill switch stops everything";
            return Err(StoreError::invalid("tool", problem));
        }
        check_len("agent_id", &self.agent_id, NAME_BYTES_MAX)?;
        check_len("reason", &self.reason, MESSAGE_BYTES_MAX)?;
        if self.expires.is_some_and(|expires| expires <= self.created) {
            return Err(StoreError::invalid("expires", "must be later than now"));
        }
        Ok(())
    }

    /// Whether it holds at this time.
    #[must_use]
    pub fn holds(&self, now: UnixNanos) -> bool {
        self.ended.is_none() && self.expires.is_none_or(|expires| now < expires)
    }
}

/// An alert that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountedAlert {
    /// Its id.
    pub id: String,
    /// The agent.
    pub agent_id: String,
    /// The tool.
    pub tool: String,
    /// All detectors that found something, the strongest first.
    pub detectors: Vec<String>,
}

/// What a count of alerts is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertScope {
    /// One agent.
    Agent,
    /// One tool.
    Tool,
    /// One detector, also where another one found something stronger.
    Detector,
}

/// An automatic response, as the journal tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseRow {
    /// Its id, derived from rule, subject and the alert that set it off.
    pub id: String,
    /// The place of its entry in the tenant's log.
    pub seq: u64,
    /// The rule.
    pub rule: String,
    /// What was counted: `agent:…`, `tool:…` or `detector:…`.
    pub subject: String,
    /// The agent that it is about.
    pub agent_id: String,
    /// `alert`, `pause` or `rollback`.
    pub action: String,
    /// Steps to undo.
    pub last: u32,
    /// Whether it only says what it would do.
    pub dry_run: bool,
    /// Whether it was not carried out because too many agents were stopped within the hour.
    pub capped: bool,
    /// Alerts that set it off, the newest first.
    pub alerts: Vec<String>,
    /// When.
    pub at: UnixNanos,
    /// What came of it, and when; `None` while it is under way.
    pub ended: Option<ResponseEnd>,
}

/// What came of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseEnd {
    /// `done`, `dry-run`, `capped` or `failed`.
    pub result: String,
    /// What was done, or why not.
    pub message: String,
    /// When.
    pub at: UnixNanos,
}

/// Groups, mutes, stopped tools and responses.
pub trait TriageStore {
    /// One group.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has none with that id.
    fn alert_group(&self, tenant: &str, id: &str, now: UnixNanos) -> Result<AlertGroup>;

    /// A page of groups, the one that happened last first.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when `limit` is out of range.
    fn alert_groups(
        &self,
        tenant: &str,
        filter: &GroupFilter,
        now: UnixNanos,
        limit: usize,
    ) -> Result<Vec<AlertGroup>>;

    /// The newest alerts of a group.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when `limit` is out of range.
    fn group_alerts(&self, tenant: &str, id: &str, limit: usize) -> Result<Vec<AlertRow>>;

    /// What people did about a group, oldest first; at most [`NOTES_MAX`].
    ///
    /// # Errors
    /// When the back end fails.
    fn group_notes(&self, tenant: &str, id: &str) -> Result<Vec<GroupNote>>;

    /// Does what a person does about a group, if its version is the one that they saw. Where people
    /// were told of the group, a new state leaves a row in the outbox: `alert.` and the state.
    ///
    /// # Errors
    /// As [`Self::alert_group`], and [`StoreError::Version`] when somebody else changed it.
    fn triage(&self, tenant: &str, id: &str, triage: &Triage, now: UnixNanos)
    -> Result<AlertGroup>;

    /// Groups whose people are to be told: new ones, worse ones, those that happened again after they
    /// were resolved, and those that have grown since `quiet` before `now`. Each gets a row in the
    /// outbox and counts as told, in one transaction. Of one tenant, `hourly` at most within an hour,
    /// and of them `of_key` about what one key did, so that no agent keeps people from being told of
    /// others; what is left waits. Muted groups wait as well.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when `limit` is out of range.
    fn tell_groups(
        &self,
        now: UnixNanos,
        quiet_ns: i64,
        hourly: usize,
        of_key: usize,
        limit: usize,
    ) -> Result<Vec<(String, String)>>;

    /// Keeps a mute.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when a field is out of its limits or [`MUTES_MAX`] hold.
    fn insert_mute(&self, tenant: &str, mute: &Mute) -> Result<()>;

    /// Mutes, newest first; only those that hold at this time, where one is given.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when `limit` is out of range.
    fn mutes(&self, tenant: &str, at: Option<UnixNanos>, limit: usize) -> Result<Vec<Mute>>;

    /// Ends a mute; the first end stands.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has none with that id.
    fn end_mute(&self, tenant: &str, id: &str, by: &str, now: UnixNanos) -> Result<Mute>;

    /// Keeps the stop of a tool. Raises the `control` epoch.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when a field is out of its limits or [`TOOL_STOPS_MAX`] hold.
    fn insert_tool_stop(&self, tenant: &str, stop: &ToolStop) -> Result<()>;

    /// Stops of tools, newest first; only those that hold at this time, where one is given.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when `limit` is out of range.
    fn tool_stops(
        &self,
        tenant: &str,
        at: Option<UnixNanos>,
        limit: usize,
    ) -> Result<Vec<ToolStop>>;

    /// One stop of a tool, also one that has ended.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has none with that id.
    fn tool_stop(&self, tenant: &str, id: &str) -> Result<ToolStop>;

    /// Ends the stop of a tool; the first end stands. Raises the `control` epoch.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has none with that id.
    fn end_tool_stop(&self, tenant: &str, id: &str, by: &str, now: UnixNanos) -> Result<ToolStop>;

    /// Alerts after a place, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when `limit` is out of range.
    fn alerts_after(&self, tenant: &str, seq: u64, limit: usize) -> Result<Vec<AlertRow>>;

    /// The newest alerts of one subject up to and with `through`, not older than `since`, of this rank
    /// or worse, responses left out.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when `limit` is out of range.
    #[expect(clippy::too_many_arguments, reason = "the parts of one question")]
    fn alerts_within(
        &self,
        tenant: &str,
        scope: AlertScope,
        subject: &str,
        rank: u8,
        since: UnixNanos,
        through: u64,
        limit: usize,
    ) -> Result<Vec<CountedAlert>>;

    /// Up to which alert the rules of responses have looked.
    ///
    /// # Errors
    /// When the back end fails.
    fn response_mark(&self, tenant: &str) -> Result<u64>;

    /// Moves that on; it never goes back. `None` moves it behind all alerts.
    ///
    /// # Errors
    /// When the back end fails.
    fn set_response_mark(&self, tenant: &str, seq: Option<u64>) -> Result<()>;

    /// Responses, newest first; only those under way, where asked.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when `limit` is out of range.
    fn responses(&self, tenant: &str, open: bool, limit: usize) -> Result<Vec<ResponseRow>>;

    /// When a rule answered last to this subject.
    ///
    /// # Errors
    /// When the back end fails.
    fn last_response(&self, tenant: &str, rule: &str, subject: &str) -> Result<Option<UnixNanos>>;
}
