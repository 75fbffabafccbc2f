//! The rows. Times are nanoseconds since the Unix epoch, handed in by the caller.

use std::fmt;

use interlock_core::approval::{Approval, Request};
use interlock_core::model::limits::{ID_BYTES_MAX, RESOURCE_BYTES_MAX};
use interlock_core::model::{ActionDigest, Effect, Role, UnixNanos};

use crate::error::StoreError;

/// Rows of one page.
pub const PAGE_ROWS_MAX: usize = 1_000;
/// Patterns in one list of a profile.
pub(crate) const PATTERNS_MAX: usize = 1_000;
/// Bytes of a name or label.
pub(crate) const NAME_BYTES_MAX: usize = 256;
/// Bytes of a message or description.
pub(crate) const MESSAGE_BYTES_MAX: usize = 4_096;
/// Bytes of a JSON column or a stored response.
pub(crate) const JSON_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of one bundle's text.
pub(crate) const BUNDLE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Bytes of a setting's value.
pub(crate) const SETTING_BYTES_MAX: usize = 64 * 1024;

pub(crate) fn check_len(field: &'static str, text: &str, max: usize) -> Result<(), StoreError> {
    if text.len() > max {
        return Err(StoreError::invalid(
            field,
            format!("is {} bytes, the limit is {max}", text.len()),
        ));
    }
    Ok(())
}

pub(crate) fn check_id(field: &'static str, text: &str) -> Result<(), StoreError> {
    if text.is_empty() {
        return Err(StoreError::invalid(field, "is empty"));
    }
    check_len(field, text, ID_BYTES_MAX)
}

pub(crate) fn check_page(limit: usize) -> Result<(), StoreError> {
    if limit == 0 || limit > PAGE_ROWS_MAX {
        return Err(StoreError::invalid(
            "limit",
            format!("is {limit}, it must be 1 to {PAGE_ROWS_MAX}"),
        ));
    }
    Ok(())
}

/// What the kill switch of one agent does when it fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KillSwitchMode {
    /// Somebody is told.
    #[default]
    Alert,
    /// The agent is paused.
    Pause,
    /// The last actions are undone and the agent is paused.
    Rollback,
}

impl KillSwitchMode {
    /// All modes.
    pub const ALL: [Self; 3] = [Self::Alert, Self::Pause, Self::Rollback];

    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Pause => "pause",
            Self::Rollback => "rollback",
        }
    }

    /// The mode of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|m| m.name() == name)
    }
}

/// What one agent may do; mandatory whatever the policies say. An absent limit does not limit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AgentProfile {
    /// Globs of the action types that are allowed; absent: all.
    pub allowed_action_types: Option<Vec<String>>,
    /// Globs of the resources that are allowed; absent: all.
    pub allowed_resources: Option<Vec<String>>,
    /// Globs of the resources that are blocked.
    pub blocked_resources: Vec<String>,
    /// Actions in any one minute.
    pub max_actions_per_minute: Option<u32>,
    /// The highest risk, in thousandths of the 0..1 scale.
    pub max_risk_milli: Option<u16>,
    /// What its actions may cost in a day (UTC), in billionths of a US dollar.
    pub budget_day_nano_usd: Option<i64>,
    /// What its actions may cost in a month (UTC), in billionths of a US dollar.
    pub budget_month_nano_usd: Option<i64>,
}

impl AgentProfile {
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let lists = [
            ("allowed_action_types", self.allowed_action_types.as_ref()),
            ("allowed_resources", self.allowed_resources.as_ref()),
            ("blocked_resources", Some(&self.blocked_resources)),
        ];
        for (field, list) in lists {
            let Some(list) = list else { continue };
            if list.len() > PATTERNS_MAX {
                return Err(StoreError::invalid(
                    field,
                    format!("has {} patterns, the limit is {PATTERNS_MAX}", list.len()),
                ));
            }
            for pattern in list {
                check_len(field, pattern, RESOURCE_BYTES_MAX)?;
            }
        }
        for budget in [self.budget_day_nano_usd, self.budget_month_nano_usd] {
            if budget.is_some_and(|nano| nano < 0) {
                return Err(StoreError::invalid(
                    "budget_usd",
                    "is below zero".to_owned(),
                ));
            }
        }
        check_milli("max_risk_score", self.max_risk_milli)
    }
}

fn check_milli(field: &'static str, value: Option<u16>) -> Result<(), StoreError> {
    match value {
        Some(milli) if milli > 1_000 => Err(StoreError::invalid(
            field,
            format!("is {milli} thousandths, the limit is 1000"),
        )),
        _ => Ok(()),
    }
}

/// What an agent has done, as the journal tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AgentCounters {
    /// Actions decided.
    pub total: u64,
    /// Actions flagged.
    pub flagged: u64,
    /// Actions blocked.
    pub blocked: u64,
    /// Actions that waited for a person.
    pub held: u64,
    /// Actions undone.
    pub rolled_back: u64,
    /// The sum of their risk, in thousandths of the 0..1 scale.
    pub risk_milli_sum: u64,
    /// When the last one was.
    pub last_seen: Option<UnixNanos>,
}

impl AgentCounters {
    /// The mean risk in thousandths of the 0..1 scale; 0 before the first action.
    #[must_use]
    pub const fn mean_risk_milli(&self) -> u64 {
        match self.risk_milli_sum.checked_div(self.total) {
            Some(mean) => mean,
            None => 0,
        }
    }
}

/// An agent to register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAgent {
    /// Its id, unique in the tenant.
    pub agent_id: String,
    /// Its name for people.
    pub name: String,
}

/// A registered agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// Its id, unique in the tenant.
    pub agent_id: String,
    /// Its name for people.
    pub name: String,
    /// What it may do.
    pub profile: AgentProfile,
    /// Whether it may do nothing for now.
    pub paused: bool,
    /// What its kill switch does.
    pub kill_switch_mode: KillSwitchMode,
    /// Whether it holds elevated credentials.
    pub elevated: bool,
    /// When it was registered, or first seen.
    pub created: UnixNanos,
    /// What it has done.
    pub counters: AgentCounters,
}

/// Changes to an agent; what is absent stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AgentChange {
    /// Its name for people.
    pub name: Option<String>,
    /// Whether it may do nothing for now.
    pub paused: Option<bool>,
    /// What its kill switch does.
    pub kill_switch_mode: Option<KillSwitchMode>,
    /// Whether it holds elevated credentials.
    pub elevated: Option<bool>,
}

/// An alert as the projector writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertRow {
    /// Its id, unique in the tenant and derived from the record, so that a rebuilt projection keeps
    /// what was acknowledged.
    pub id: String,
    /// Its place in the order of alerts: the sequence number of the record.
    pub seq: u64,
    /// The agent.
    pub agent_id: String,
    /// The action, if one caused it.
    pub action_id: Option<String>,
    /// How urgent: `low`, `medium`, `high`, `critical`.
    pub level: String,
    /// What happened.
    pub message: String,
    /// When.
    pub created: UnixNanos,
    /// What caused it.
    pub cause: crate::triage::AlertCause,
}

/// An alert as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// What was raised.
    pub row: AlertRow,
    /// When somebody acknowledged it, and who.
    pub acknowledged: Option<(UnixNanos, String)>,
}

/// Days of the week; none means every day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Days(u8);

impl Days {
    const NAMES: [&'static str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

    /// From a mask whose lowest bit is Monday.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Option<Self> {
        if bits < 128 { Some(Self(bits)) } else { None }
    }

    /// The mask, whose lowest bit is Monday.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// The days with this one added: its English name, or the first three letters of it, in any
    /// letter case.
    #[must_use]
    pub fn with(self, name: &str) -> Option<Self> {
        const FULL: [&str; 7] = [
            "monday",
            "tuesday",
            "wednesday",
            "thursday",
            "friday",
            "saturday",
            "sunday",
        ];
        let at = FULL.iter().zip(Self::NAMES).position(|(full, short)| {
            name.eq_ignore_ascii_case(full) || name.eq_ignore_ascii_case(short)
        })?;
        Some(Self(self.0 | 1 << at))
    }

    /// Their short names, from Monday.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES
            .into_iter()
            .enumerate()
            .filter_map(move |(at, name)| (self.0 >> at & 1 == 1).then_some(name))
    }
}

/// A policy to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPolicy {
    /// Its id, unique in the tenant.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// A glob of action types; absent: all.
    pub action_type: Option<String>,
    /// A glob of resources; absent: all.
    pub resource_pattern: Option<String>,
    /// What it asks for.
    pub effect: Effect,
    /// It fires only above this risk, in thousandths of the 0..1 scale.
    pub max_risk_milli: Option<u16>,
    /// The first hour of the day, UTC, in which it holds: 0..23.
    pub time_start: Option<u8>,
    /// The hour of the day, UTC, at which it ends: 0..24.
    pub time_end: Option<u8>,
    /// The days on which it holds.
    pub days: Days,
    /// The highest decides.
    pub priority: i64,
}

/// A policy as a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// What it says.
    pub policy: NewPolicy,
    /// Whether it is in force.
    pub enabled: bool,
    /// When it was added.
    pub created: UnixNanos,
    /// The revision of the tenant's policies at which it last changed.
    pub revision: u64,
}

impl NewPolicy {
    /// Whether every field is within its limits.
    ///
    /// # Errors
    /// [`StoreError::Invalid`], which names the field.
    pub fn check(&self) -> Result<(), StoreError> {
        check_id("id", &self.id)?;
        check_id("name", &self.name)?;
        for (field, glob) in [
            ("action_type", &self.action_type),
            ("resource_pattern", &self.resource_pattern),
        ] {
            if let Some(glob) = glob {
                check_len(field, glob, RESOURCE_BYTES_MAX)?;
            }
        }
        check_milli("max_risk_score", self.max_risk_milli)?;
        for (field, hour, max) in [
            ("time_start", self.time_start, 23),
            ("time_end", self.time_end, 24),
        ] {
            if hour.is_some_and(|hour| hour > max) {
                return Err(StoreError::invalid(field, format!("must be 0 to {max}")));
            }
        }
        Ok(())
    }
}

/// Changes to a policy; what is absent stays. An inner `None` clears the field.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PolicyChange {
    /// Its name for people.
    pub name: Option<String>,
    /// A glob of action types.
    pub action_type: Option<Option<String>>,
    /// A glob of resources.
    pub resource_pattern: Option<Option<String>>,
    /// What it asks for.
    pub effect: Option<Effect>,
    /// It fires only above this risk, in thousandths.
    pub max_risk_milli: Option<Option<u16>>,
    /// The first hour of the day in which it holds.
    pub time_start: Option<Option<u8>>,
    /// The hour of the day at which it ends.
    pub time_end: Option<Option<u8>>,
    /// The days on which it holds.
    pub days: Option<Days>,
    /// The highest decides.
    pub priority: Option<i64>,
    /// Whether it is in force.
    pub enabled: Option<bool>,
}

impl PolicyChange {
    /// Makes the change to a row, whose revision stays.
    ///
    /// # Errors
    /// [`StoreError::Invalid`], which names the field that would be out of its limits.
    pub fn apply(&self, row: &mut Policy) -> Result<(), StoreError> {
        fn set<T: Clone>(target: &mut T, change: Option<&T>) {
            if let Some(value) = change {
                *target = value.clone();
            }
        }
        let policy = &mut row.policy;
        set(&mut policy.name, self.name.as_ref());
        set(&mut policy.action_type, self.action_type.as_ref());
        set(&mut policy.resource_pattern, self.resource_pattern.as_ref());
        set(&mut policy.effect, self.effect.as_ref());
        set(&mut policy.max_risk_milli, self.max_risk_milli.as_ref());
        set(&mut policy.time_start, self.time_start.as_ref());
        set(&mut policy.time_end, self.time_end.as_ref());
        set(&mut policy.days, self.days.as_ref());
        set(&mut policy.priority, self.priority.as_ref());
        set(&mut row.enabled, self.enabled.as_ref());
        row.policy.check()
    }
}

/// One revision of a bundle's text. Revisions are never changed and never reused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// Its name: the layer it stands for.
    pub name: String,
    /// The revision of the tenant's policies that it made.
    pub revision: u64,
    /// The text as given.
    pub text: String,
    /// Who published it.
    pub author: String,
    /// When.
    pub created: UnixNanos,
}

/// What is known about a key; never the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// Its id, unique across tenants.
    pub id: String,
    /// The tenant it binds to.
    pub tenant: String,
    /// The agent it binds to; absent: any of the tenant.
    pub agent_id: Option<String>,
    /// The environment it binds to; absent: any.
    pub environment: Option<String>,
    /// What it may do.
    pub role: Role,
    /// What it is for.
    pub label: String,
    /// When it was created.
    pub created: UnixNanos,
    /// From when on it is not accepted; absent: never.
    pub expires: Option<UnixNanos>,
    /// Since when it is revoked.
    pub revoked: Option<UnixNanos>,
    /// When it was last used.
    pub last_used: Option<UnixNanos>,
    /// Until when its secret of before the last rotation is accepted as well.
    pub previous_until: Option<UnixNanos>,
    /// The id of the user whose key it is.
    pub user_id: Option<String>,
}

/// A key with what a presented one is checked against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// What is known about it.
    pub record: KeyRecord,
    /// The keyed hash of its secret.
    pub hash: [u8; 32],
    /// That of its secret of before the last rotation.
    pub previous: Option<[u8; 32]>,
    /// The login of the user whose key it is; absent also when that user may not use it any more.
    pub login: Option<String>,
}

/// What is asked of people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalRequest {
    /// The id of the approval, unique in the tenant.
    pub id: String,
    /// What the state machine needs.
    pub request: Request,
    /// The agent that asked.
    pub agent_id: String,
    /// Its session.
    pub session_id: String,
    /// Its run.
    pub run_id: String,
    /// Its step in the run.
    pub step: Option<i64>,
    /// The type of the action.
    pub action_type: String,
    /// The resource.
    pub resource: String,
    /// The tool.
    pub tool: String,
    /// The group that is asked.
    pub group: String,
    /// The composite risk, 0..100.
    pub risk: u16,
    /// Why it is asked.
    pub reason: String,
    /// What the person is shown, as JSON with its content masked.
    pub detail: String,
}

impl ApprovalRequest {
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        check_id("id", &self.id)?;
        check_id("agent_id", &self.agent_id)?;
        for (field, text) in [
            ("session_id", &self.session_id),
            ("run_id", &self.run_id),
            ("action_type", &self.action_type),
            ("tool", &self.tool),
            ("group", &self.group),
        ] {
            check_len(field, text, ID_BYTES_MAX)?;
        }
        check_len("resource", &self.resource, RESOURCE_BYTES_MAX)?;
        check_len("reason", &self.reason, MESSAGE_BYTES_MAX)?;
        check_len("detail", &self.detail, JSON_BYTES_MAX)
    }
}

/// An approval as it is kept: what was asked, and where the state machine stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalRow {
    /// What was asked.
    pub asked: ApprovalRequest,
    /// Where it stands.
    pub approval: Approval,
}

/// Where the next page of an inbox begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxCursor {
    /// When the last row of this page was requested.
    pub requested_at: UnixNanos,
    /// Its id.
    pub id: String,
}

impl fmt::Display for InboxCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.requested_at, self.id)
    }
}

impl std::str::FromStr for InboxCursor {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let (requested_at, id) = text
            .split_once('.')
            .and_then(|(at, id)| Some((at.parse().ok()?, id)))
            .ok_or_else(|| StoreError::invalid("cursor", "is not one that a page returned"))?;
        check_id("cursor", id)?;
        Ok(Self {
            requested_at,
            id: id.to_owned(),
        })
    }
}

/// Which approvals to list, oldest request first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ApprovalFilter {
    /// Only those in this state.
    pub state: Option<interlock_core::approval::State>,
    /// Only those that ask this group.
    pub group: Option<String>,
    /// Only those of this agent.
    pub agent_id: Option<String>,
    /// Only those after the row of this cursor, in the order that is asked for.
    pub after: Option<InboxCursor>,
    /// The newest first; else what waits longest.
    pub newest: bool,
}

/// How an action ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionOutcome {
    /// `succeeded`, `failed`, `unknown`, ….
    pub status: String,
    /// When it was reported.
    pub at: UnixNanos,
    /// What it cost, in billionths of a US dollar, if that was said.
    pub cost_nano_usd: Option<i64>,
    /// How long it ran, in milliseconds, if that was said.
    pub latency_ms: Option<i64>,
}

/// What an action can be found by beyond what a list shows of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facets {
    /// The approval that it asked for or ran under; empty for none.
    pub approval: String,
    /// The environment; empty when none was said.
    pub environment: String,
    /// The ids of the rules that fired.
    pub rules: Vec<String>,
    /// The codes of the findings.
    pub findings: Vec<String>,
    /// The OWASP agentic risks of the findings, such as `ASI02`.
    pub asi: Vec<String>,
    /// Whether a detector or a rule failed.
    pub degraded: bool,
}

/// That an action was undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rollback {
    /// When.
    pub at: UnixNanos,
    /// Why.
    pub reason: String,
}

/// A decided action as a row of the projection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionRow {
    /// The id of the decision, unique in the tenant.
    pub id: String,
    /// The sequence number of its record in the tenant's log.
    pub seq: u64,
    /// The agent.
    pub agent_id: String,
    /// Its name, as it came with the action.
    pub agent_name: Option<String>,
    /// The session.
    pub session_id: String,
    /// The run.
    pub run_id: String,
    /// The step in the run.
    pub step: Option<i64>,
    /// The type.
    pub action_type: String,
    /// The resource.
    pub resource: String,
    /// The tool.
    pub tool: String,
    /// What the enforcement point was told to do.
    pub effect: Effect,
    /// What was decided before its capabilities were considered.
    pub decided: Effect,
    /// The composite risk, 0..100.
    pub risk: u16,
    /// The published score, in thousandths of the 0..1 scale.
    pub risk_milli: u16,
    /// The parts of the risk, as JSON.
    pub risk_breakdown: String,
    /// Whether somebody should look at it.
    pub flagged: bool,
    /// Why it was decided so.
    pub reason: String,
    /// The enforcement point that asked.
    pub source: String,
    /// What a client decided itself, when it reports an action that already ran.
    pub claimed: Option<String>,
    /// The payload with its content masked, as JSON.
    pub payload: String,
    /// The number of the vault's key that seals its content.
    pub vault_key: Option<u32>,
    /// Whether its content was erased.
    pub erased: bool,
    /// When it was decided.
    pub at: UnixNanos,
    /// How it ended.
    pub outcome: Option<ActionOutcome>,
    /// Whether it was undone.
    pub rollback: Option<Rollback>,
    /// What else it can be found by.
    pub facets: Facets,
}

/// Where the next page of actions or alerts begins: rows before this sequence number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor(pub u64);

/// Where the next page of alerts begins: those before this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertCursor {
    /// The sequence number of the last alert of this page.
    pub seq: u64,
    /// Its id.
    pub id: String,
}

/// Which actions to list, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ActionFilter {
    /// Only of this agent.
    pub agent_id: Option<String>,
    /// Only of this session.
    pub session_id: Option<String>,
    /// Only of this run.
    pub run_id: Option<String>,
    /// Only of this type.
    pub action_type: Option<String>,
    /// Only with this effect.
    pub effect: Option<Effect>,
    /// Only flagged ones, or only those not flagged.
    pub flagged: Option<bool>,
    /// Only from this time on.
    pub since: Option<UnixNanos>,
    /// Only before this time.
    pub until: Option<UnixNanos>,
    /// Only those with a smaller sequence number.
    pub before: Option<Cursor>,
}

impl ActionFilter {
    /// Whether an action is one of these; the place of the page is not asked.
    pub(crate) fn holds(&self, row: &ActionRow) -> bool {
        let same =
            |wanted: &Option<String>, found: &String| wanted.as_ref().is_none_or(|w| w == found);
        // A row without a session or run belongs to none.
        let named = |wanted: &Option<String>, found: &String| {
            wanted
                .as_ref()
                .is_none_or(|w| w == found && !found.is_empty())
        };
        same(&self.agent_id, &row.agent_id)
            && named(&self.session_id, &row.session_id)
            && named(&self.run_id, &row.run_id)
            && same(&self.action_type, &row.action_type)
            && self.effect.is_none_or(|effect| effect == row.effect)
            && self.flagged.is_none_or(|flagged| flagged == row.flagged)
            && self.since.is_none_or(|since| row.at >= since)
            && self.until.is_none_or(|until| row.at < until)
    }
}

/// The actions of one run together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// The run.
    pub run_id: String,
    /// The agent of its first action.
    pub agent_id: String,
    /// How many agents acted in it.
    pub agents: u64,
    /// The sequence number of its first action.
    pub first_seq: u64,
    /// That of its last.
    pub last_seq: u64,
    /// When its first action was decided.
    pub started: UnixNanos,
    /// When its last one was.
    pub last: UnixNanos,
    /// Actions.
    pub actions: u64,
    /// Actions that somebody should look at.
    pub flagged: u64,
    /// Actions blocked.
    pub blocked: u64,
    /// Actions that waited for a person.
    pub held: u64,
    /// The highest composite risk, 0..100.
    pub risk_max: u16,
}

/// The answer that was given to an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyRow {
    /// The key that the caller chose.
    pub key: String,
    /// The digest of the action that it came with.
    pub digest: ActionDigest,
    /// The decision.
    pub decision_id: String,
    /// The response as it was given.
    pub response: String,
    /// From when on the key is free again.
    pub expires: UnixNanos,
}

impl IdempotencyRow {
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        check_id("idempotency_key", &self.key)?;
        check_id("decision_id", &self.decision_id)?;
        check_len("response", &self.response, JSON_BYTES_MAX)
    }
}

/// Whether everything of a tenant is stopped.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KillSwitch {
    /// Whether it is on.
    pub on: bool,
    /// Why.
    pub reason: String,
    /// Who switched it last.
    pub by: String,
    /// When.
    pub at: UnixNanos,
}

/// Counters that only grow, so that a cache knows when it is stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Epochs {
    /// Policies and bundles: the policy revision.
    pub policy: u64,
    /// Keys.
    pub keys: u64,
    /// Kill switch, settings, profiles and pauses.
    pub control: u64,
}

/// Something that must still be told: written in the transaction of what it tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    /// Its place in the order.
    pub seq: u64,
    /// The tenant.
    pub tenant: String,
    /// What happened: `approval.request`, `approval.approve`, ….
    pub topic: String,
    /// The id of the row it happened to.
    pub subject: String,
    /// The version of that row afterwards.
    pub version: u64,
    /// The state of that row afterwards.
    pub state: String,
    /// When.
    pub at: UnixNanos,
}

/// Sums over a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Agents registered.
    pub agents: u64,
    /// Agents paused.
    pub agents_paused: u64,
    /// What they have done together.
    pub actions: AgentCounters,
    /// Alerts that nobody has acknowledged.
    pub alerts_open: u64,
    /// Approvals that wait for people.
    pub approvals_pending: u64,
    /// Policies in force.
    pub policies_enabled: u64,
}
