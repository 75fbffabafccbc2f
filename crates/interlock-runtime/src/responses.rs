//! Automatic responses: what is done when alerts of a level pile up.
//!
//! A response is three entries of the record at most: that it began, what it did (a pause, an order
//! of a rollback), and what came of it. The rows that say which responses are under way follow from
//! the record, and a response's id from its rule, its subject and the alert that set it off, so that
//! after a crash anywhere it is carried out, and once. Alerts are looked at in their order, up to a
//! mark that only moves on; a projection that is made again sets nothing off.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use interlock_core::audit::body::Body;
use interlock_core::audit::frame::Kind;
use interlock_core::model::limits::ID_BYTES_MAX;
use interlock_core::model::{Principal, UnixNanos, Value};
use interlock_core::program::glob::Glob;
use interlock_store::{
    AlertCause, AlertRow, AlertScope, CountedAlert, LEVELS, NOTIFY_MAX, PAGE_ROWS_MAX, ResponseEnd,
    ResponseRow, level_rank,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::error::RuntimeError;
use crate::rollbacks::ROLLBACK_STEPS_MAX;
use crate::{Runtime, rfc3339};

const SETTING: &str = "response_rules";
/// Rules of one tenant.
pub const RESPONSE_RULES_MAX: usize = 50;
/// Alerts that one rule may count to.
pub const RESPONSE_COUNT_MAX: u32 = 100;
/// The longest window, in seconds: a day.
pub const RESPONSE_WINDOW_S_MAX: u32 = 86_400;
/// The shortest and the longest time between two answers to one subject, in seconds.
pub const RESPONSE_COOL_DOWN_S: std::ops::RangeInclusive<u32> = 10..=604_800;
/// Agents that responses may stop within an hour, where nothing else is set.
pub const AGENTS_PER_HOUR: u32 = 10;
/// What that may be set to at most.
pub const AGENTS_PER_HOUR_MAX: u32 = 500;
/// Responses of a tenant that stop nobody, within an hour: whoever names ever new agents gets no more.
const QUIET_PER_HOUR: usize = 100;
const HOUR_NS: i64 = 3_600 * 1_000_000_000;
const SECOND_NS: i64 = 1_000_000_000;
/// How long an order of a rollback waits for a client, in seconds: a day.
const ROLLBACK_WAIT_S: u32 = 86_400;
/// Alerts looked at in one step.
const PAGE: usize = 256;
/// How long one tick looks at alerts; what is left waits for the next one.
const LOOK: Duration = Duration::from_millis(400);
/// Responses that begin in one tick.
const BEGIN_MAX: usize = 20;
/// How long one tick waits for the rows to have what is on record.
const PATIENCE: Duration = Duration::from_secs(2);
/// Alerts that the entry of a response names.
const CAUSES_MAX: usize = 20;

/// What alerts of a rule are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseScope {
    /// Those of one agent.
    Agent,
    /// Those with one tool: of any agent, but of the agent alone where it is stopped for them.
    Tool,
    /// Those of one detector, in the same way.
    Detector,
}

impl ResponseScope {
    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Tool => "tool",
            Self::Detector => "detector",
        }
    }

    const fn store(self) -> AlertScope {
        match self {
            Self::Agent => AlertScope::Agent,
            Self::Tool => AlertScope::Tool,
            Self::Detector => AlertScope::Detector,
        }
    }

    /// What an alert counts for.
    fn subjects(self, alert: &AlertRow) -> Vec<&str> {
        match self {
            Self::Agent => vec![&alert.agent_id],
            Self::Tool => vec![&alert.cause.tool],
            Self::Detector => alert.cause.detectors().collect(),
        }
    }

    /// Whether an alert that was counted is one of this subject.
    fn holds(self, subject: &str, counted: &CountedAlert) -> bool {
        match self {
            Self::Agent => subject == counted.agent_id,
            Self::Tool => subject == counted.tool,
            Self::Detector => counted.detectors.iter().any(|name| name == subject),
        }
    }
}

/// What a response does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseAction {
    /// It raises a critical alert and tells people.
    Alert,
    /// It also pauses the agent of the last alert.
    Pause,
    /// It also orders that the agent's last steps are undone.
    Rollback,
}

impl ResponseAction {
    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Pause => "pause",
            Self::Rollback => "rollback",
        }
    }
}

const fn yes() -> bool {
    true
}

/// When something is done by itself, and what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseRule {
    /// Its name, unique in the tenant.
    pub id: String,
    /// Whether it is in force.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// What is counted.
    pub scope: ResponseScope,
    /// The level from which an alert counts.
    pub level: String,
    /// How many.
    pub count: u32,
    /// Within how many seconds.
    pub window_s: u32,
    /// Only alerts of agents that match; `*` stands for any characters.
    #[serde(default)]
    pub agent: Option<String>,
    /// Only alerts of this detector.
    #[serde(default)]
    pub detector: Option<String>,
    /// What is done.
    pub action: ResponseAction,
    /// Steps that a rollback undoes.
    #[serde(default)]
    pub last: u32,
    /// Groups of people that are told.
    #[serde(default)]
    pub notify: Vec<String>,
    /// How long it does not answer to the same subject again, in seconds.
    pub cool_down_s: u32,
    /// Whether it only says what it would do.
    #[serde(default)]
    pub dry_run: bool,
}

/// The rules of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseRules {
    /// Goes up with each change.
    pub version: u64,
    /// Agents that responses may stop within an hour; more are told of and not stopped.
    pub agents_per_hour: u32,
    /// The rules.
    pub rules: Vec<ResponseRule>,
}

impl Default for ResponseRules {
    fn default() -> Self {
        Self {
            version: 0,
            agents_per_hour: AGENTS_PER_HOUR,
            rules: Vec::new(),
        }
    }
}

fn invalid(field: &'static str, problem: impl Into<String>) -> RuntimeError {
    RuntimeError::Invalid(field, problem.into())
}

impl ResponseRule {
    fn check(&self) -> Result<(), RuntimeError> {
        let of = |problem: &str| format!("of rule `{}` {problem}", self.id);
        if self.id.is_empty() || self.id.len() > ID_BYTES_MAX {
            return Err(invalid("id", format!("must be 1 to {ID_BYTES_MAX} bytes")));
        }
        if level_rank(&self.level) == 0 {
            let problem = format!("must be one of {}", LEVELS.join(", "));
            return Err(invalid("level", of(&problem)));
        }
        for (field, value, max) in [
            ("count", self.count, RESPONSE_COUNT_MAX),
            ("window_s", self.window_s, RESPONSE_WINDOW_S_MAX),
        ] {
            if !(1..=max).contains(&value) {
                return Err(invalid(field, of(&format!("must be 1 to {max}"))));
            }
        }
        if !RESPONSE_COOL_DOWN_S.contains(&self.cool_down_s) {
            let (from, to) = (RESPONSE_COOL_DOWN_S.start(), RESPONSE_COOL_DOWN_S.end());
            return Err(invalid(
                "cool_down_s",
                of(&format!("must be {from} to {to}")),
            ));
        }
        let undoes = self.action == ResponseAction::Rollback;
        if undoes && !(1..=ROLLBACK_STEPS_MAX).contains(&self.last) {
            let problem = format!("must be 1 to {ROLLBACK_STEPS_MAX} for a rollback");
            return Err(invalid("last", of(&problem)));
        }
        if !undoes && self.last != 0 {
            return Err(invalid("last", of("is for a rollback only")));
        }
        if self.notify.len() > NOTIFY_MAX
            || self
                .notify
                .iter()
                .any(|g| g.is_empty() || g.len() > ID_BYTES_MAX)
        {
            let problem =
                format!("must be at most {NOTIFY_MAX} names of 1 to {ID_BYTES_MAX} bytes");
            return Err(invalid("notify", of(&problem)));
        }
        for (field, text) in [("agent", &self.agent), ("detector", &self.detector)] {
            if text
                .as_ref()
                .is_some_and(|t| t.is_empty() || t.len() > ID_BYTES_MAX)
            {
                let problem = format!("must be 1 to {ID_BYTES_MAX} bytes");
                return Err(invalid(field, of(&problem)));
            }
        }
        Ok(())
    }
}

impl ResponseRules {
    fn check(&self) -> Result<(), RuntimeError> {
        if self.rules.len() > RESPONSE_RULES_MAX {
            let problem = format!("must be at most {RESPONSE_RULES_MAX}");
            return Err(invalid("rules", problem));
        }
        if !(1..=AGENTS_PER_HOUR_MAX).contains(&self.agents_per_hour) {
            let problem = format!("must be 1 to {AGENTS_PER_HOUR_MAX}");
            return Err(invalid("agents_per_hour", problem));
        }
        let mut ids = BTreeSet::new();
        for rule in &self.rules {
            rule.check()?;
            if !ids.insert(&rule.id) {
                return Err(invalid("id", format!("`{}` is there twice", rule.id)));
            }
        }
        Ok(())
    }

    fn in_force(&self) -> bool {
        self.rules.iter().any(|rule| rule.enabled)
    }
}

/// A rule as alerts are held against it.
#[derive(Debug)]
struct Armed {
    rule: ResponseRule,
    agent: Option<Glob>,
    rank: u8,
}

impl Armed {
    /// Whether the filters of the rule let an alert count: any of its findings does.
    fn counts<'a>(&self, agent: &str, mut detectors: impl Iterator<Item = &'a str>) -> bool {
        self.agent.as_ref().is_none_or(|glob| glob.matches(agent))
            && self
                .rule
                .detector
                .as_ref()
                .is_none_or(|wanted| detectors.any(|found| found == wanted))
    }

    /// Whether each agent is answered to by itself: nobody is stopped for what others did.
    fn of_each(&self) -> bool {
        self.rule.action != ResponseAction::Alert && self.rule.scope != ResponseScope::Agent
    }
}

/// The rules of one tenant in force.
#[derive(Debug, Default)]
struct OfTenant {
    rules: ResponseRules,
    armed: Vec<Armed>,
    /// Whether a response may be under way.
    open: bool,
}

/// The rules of all tenants.
#[derive(Debug, Default)]
pub(crate) struct Responses {
    all: Mutex<HashMap<String, Arc<OfTenant>>>,
    /// Held by who answers to alerts, or changes the rules.
    responding: Mutex<()>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The id of the response that this alert sets off.
fn response_id(rule: &str, subject: &str, alert: &str) -> String {
    let mut hash = Sha256::new();
    for part in ["response", rule, subject, alert] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    let digest: [u8; 32] = hash.finalize().into();
    let bytes = digest.first_chunk::<16>().copied().unwrap_or_default();
    uuid::Builder::from_custom_bytes(bytes)
        .into_uuid()
        .to_string()
}

/// What one look at alerts has found already.
#[derive(Default)]
struct Look {
    now: UnixNanos,
    /// Since when a rule answers to a subject again.
    last: HashMap<(String, String), Option<UnixNanos>>,
    /// Agents that were stopped within the hour.
    stopped: Option<BTreeSet<String>>,
    /// Responses within the hour that stopped nobody.
    quiet: usize,
    begun: usize,
}

impl Runtime {
    /// The rules of automatic responses.
    #[must_use]
    pub fn response_rules(&self, tenant: &str) -> ResponseRules {
        let all = locked(&self.inner.responses.all);
        all.get(tenant)
            .map(|of| of.rules.clone())
            .unwrap_or_default()
    }

    /// Replaces the rules, if `rules.version` is the one in force. They answer to alerts from now on.
    ///
    /// # Errors
    /// When a rule is out of its limits, somebody else changed the rules, or nothing can be recorded
    /// or stored.
    pub fn set_response_rules(
        &self,
        tenant: &str,
        by: &str,
        rules: &ResponseRules,
    ) -> Result<ResponseRules, RuntimeError> {
        rules.check()?;
        let _one = locked(&self.inner.responses.responding);
        let before = self.response_rules(tenant);
        if before.version != rules.version {
            return Err(RuntimeError::Conflict(format!(
                "the rules are at version {}, not {}: read them again",
                before.version, rules.version
            )));
        }
        if !before.in_force() {
            // The newest alert must be known, from which on there are responses.
            self.listed(tenant)?;
        }
        let rules = ResponseRules {
            version: rules.version + 1,
            ..rules.clone()
        };
        let json =
            serde_json::to_string(&rules).map_err(|e| RuntimeError::Conflict(e.to_string()))?;
        let mut body = Body::new(Kind::ConfigChange, &rfc3339(self.now()));
        body.str("tenant", tenant)
            .str("actor", by)
            .str("what", "response-rules-changed")
            .str("id", tenant)
            .int("version", i128::from(rules.version))
            .opt_hash("rules_hash", Some(&Sha256::digest(json.as_bytes()).into()));
        self.record_body(tenant, Kind::ConfigChange, &mut body)?;
        if !before.in_force() {
            // What was raised before there were rules sets nothing off.
            self.projected(PATIENCE)?;
            self.inner.store.set_response_mark(tenant, None)?;
        }
        self.inner.store.set_setting(tenant, SETTING, Some(&json))?;
        self.arm(tenant, rules.clone());
        Ok(rules)
    }

    fn arm(&self, tenant: &str, rules: ResponseRules) {
        let armed = rules.rules.iter().filter(|rule| rule.enabled);
        let armed = armed.map(|rule| Armed {
            agent: rule.agent.as_deref().map(Glob::new),
            rank: level_rank(&rule.level),
            rule: rule.clone(),
        });
        let of = OfTenant {
            armed: armed.collect(),
            rules,
            open: true,
        };
        locked(&self.inner.responses.all).insert(tenant.to_owned(), Arc::new(of));
    }

    /// Reads the rules of a tenant.
    pub(crate) fn load_responses(&self, tenant: &str) -> Result<(), RuntimeError> {
        let rules = match self.inner.store.setting(tenant, SETTING)? {
            Some(json) => serde_json::from_str(&json).map_err(|e| {
                RuntimeError::Conflict(format!("the stored response rules cannot be read: {e}"))
            })?,
            None => ResponseRules::default(),
        };
        self.arm(tenant, rules);
        Ok(())
    }

    /// Finishes responses that are under way and begins those that new alerts set off; how many
    /// began.
    pub(crate) fn respond(&self, now: UnixNanos) -> usize {
        let _one = locked(&self.inner.responses.responding);
        let all: Vec<(String, Arc<OfTenant>)> = locked(&self.inner.responses.all)
            .iter()
            .filter(|(_, of)| of.open || !of.armed.is_empty())
            .map(|(tenant, of)| (tenant.clone(), Arc::clone(of)))
            .collect();
        let mut begun = 0;
        for (tenant, of) in all {
            match self.respond_in(&tenant, &of, now) {
                Ok(count) => begun += count,
                Err(error) => {
                    tracing::error!(%error, tenant, "alerts are not answered to for now; decisions go on");
                }
            }
        }
        begun
    }

    fn respond_in(
        &self,
        tenant: &str,
        of: &OfTenant,
        now: UnixNanos,
    ) -> Result<usize, RuntimeError> {
        // The rows say what has begun and ended; what is on record by now must be in them.
        // While a backlog is projected, only of a tenant whose own entries are all in them.
        let known = if self.inner.behind.is_long() {
            self.listed(tenant).is_ok()
        } else {
            self.projected(PATIENCE)?
        };
        if !known {
            return Ok(0);
        }
        let store = &self.inner.store;
        for row in store.responses(tenant, true, PAGE_ROWS_MAX)?.iter().rev() {
            self.carry_out(tenant, row)?;
        }
        if of.armed.is_empty() {
            // Nothing of this tenant is under way any more.
            let mut all = locked(&self.inner.responses.all);
            if let Some(mine) = all.get_mut(tenant) {
                *mine = Arc::new(OfTenant {
                    rules: mine.rules.clone(),
                    armed: Vec::new(),
                    open: false,
                });
            }
            return Ok(0);
        }
        let until = Instant::now() + LOOK;
        let mut look = Look {
            now,
            ..Look::default()
        };
        let mut mark = store.response_mark(tenant)?;
        loop {
            let page = store.alerts_after(tenant, mark, PAGE)?;
            let Some(last) = page.last() else { break };
            // Alerts of one entry are looked at together, or not yet.
            let whole = page.len() < PAGE;
            let through = if whole {
                last.seq
            } else {
                last.seq.saturating_sub(1)
            };
            for alert in page.iter().filter(|alert| alert.seq <= through) {
                for (armed, subject) in of.armed.iter().flat_map(|armed| {
                    let subjects = armed.rule.scope.subjects(alert);
                    subjects.into_iter().map(move |subject| (armed, subject))
                }) {
                    let begins = self.set_off(tenant, of, armed, alert, subject, &mut look)?;
                    if let Some(row) = begins {
                        self.begin_response(tenant, &armed.rule, &row, alert)?;
                        self.carry_out(tenant, &row)?;
                        look.begun += 1;
                    }
                }
            }
            mark = through.max(mark);
            store.set_response_mark(tenant, Some(mark))?;
            if whole || look.begun >= BEGIN_MAX || Instant::now() >= until {
                break;
            }
        }
        Ok(look.begun)
    }

    /// The response that this alert sets off by this rule for one of its subjects.
    fn set_off(
        &self,
        tenant: &str,
        of: &OfTenant,
        armed: &Armed,
        alert: &AlertRow,
        subject: &str,
        look: &mut Look,
    ) -> Result<Option<ResponseRow>, RuntimeError> {
        let (rule, now) = (&armed.rule, look.now);
        let fits = !subject.is_empty()
            && !matches!(&*alert.cause.kind, "response" | "stopped")
            && level_rank(&alert.level) >= armed.rank
            && armed.counts(&alert.agent_id, alert.cause.detectors())
            && (rule.scope != ResponseScope::Detector
                || rule.detector.as_ref().is_none_or(|d| d == subject));
        if !fits {
            return Ok(None);
        }
        let store = &self.inner.store;
        // Otherwise one agent, by what it does itself, has another one stopped, or keeps a rule from
        // answering to another one.
        let (scope, of_whom) = if armed.of_each() {
            (ResponseScope::Agent, &*alert.agent_id)
        } else {
            (rule.scope, subject)
        };
        let named = format!("{}:{of_whom}", scope.name());
        let key = (rule.id.clone(), named.clone());
        let last = match look.last.get(&key) {
            Some(last) => *last,
            None => {
                let last = store.last_response(tenant, &rule.id, &named)?;
                look.last.insert(key.clone(), last);
                last
            }
        };
        let cool_ns = i64::from(rule.cool_down_s) * SECOND_NS;
        if last.is_some_and(|last| alert.created < last.saturating_add(cool_ns)) {
            return Ok(None);
        }
        let window = alert
            .created
            .saturating_sub(i64::from(rule.window_s) * SECOND_NS);
        // What was answered to is not counted again.
        let since = window.max(last.unwrap_or(i64::MIN));
        let count = usize::try_from(rule.count).unwrap_or(1);
        // Where a filter lets not all alerts of the subject count, as many are looked through as one
        // page has.
        let filtered = armed.of_each()
            || rule.agent.is_some() && rule.scope != ResponseScope::Agent
            || rule.detector.is_some() && rule.scope != ResponseScope::Detector;
        let alerts: Vec<String> = store
            .alerts_within(
                tenant,
                scope.store(),
                of_whom,
                armed.rank,
                since,
                alert.seq,
                if filtered { PAGE_ROWS_MAX } else { count },
            )?
            .into_iter()
            .filter(|counted| {
                let detectors = counted.detectors.iter().map(|name| &**name);
                armed.counts(&counted.agent_id, detectors) && rule.scope.holds(subject, counted)
            })
            .take(count)
            .map(|counted| counted.id)
            .collect();
        if alerts.len() < count {
            return Ok(None);
        }
        look.last.insert(key, Some(now));
        let stops = rule.action != ResponseAction::Alert && !rule.dry_run;
        let capped = stops && self.is_capped(tenant, of, &alert.agent_id, look)?;
        if !stops || capped {
            self.count_recent(tenant, look)?;
            if look.quiet >= QUIET_PER_HOUR {
                tracing::warn!(
                    tenant,
                    rule = rule.id,
                    "too many responses within the hour: this one is left out"
                );
                return Ok(None);
            }
            look.quiet += 1;
        }
        Ok(Some(ResponseRow {
            id: response_id(&rule.id, &named, &alert.id),
            seq: 0,
            rule: rule.id.clone(),
            subject: named,
            agent_id: alert.agent_id.clone(),
            action: rule.action.name().to_owned(),
            last: rule.last,
            dry_run: rule.dry_run,
            capped,
            alerts: alerts.into_iter().take(CAUSES_MAX).collect(),
            at: now,
            ended: None,
        }))
    }

    /// Whether as many agents were stopped within the hour as may be; this one counts from now on.
    fn is_capped(
        &self,
        tenant: &str,
        of: &OfTenant,
        agent: &str,
        look: &mut Look,
    ) -> Result<bool, RuntimeError> {
        self.count_recent(tenant, look)?;
        let stopped = look.stopped.get_or_insert_default();
        if stopped.contains(agent) {
            return Ok(false);
        }
        if stopped.len() >= usize::try_from(of.rules.agents_per_hour).unwrap_or(usize::MAX) {
            return Ok(true);
        }
        stopped.insert(agent.to_owned());
        Ok(false)
    }

    /// Reads once in a look what responses did within the hour. One page has them all, as both kinds
    /// are bounded.
    fn count_recent(&self, tenant: &str, look: &mut Look) -> Result<(), RuntimeError> {
        if look.stopped.is_some() {
            return Ok(());
        }
        let rows = self.inner.store.responses(tenant, false, PAGE_ROWS_MAX)?;
        let recent = rows
            .into_iter()
            .filter(|row| row.at > look.now.saturating_sub(HOUR_NS));
        let (quiet, stops): (Vec<_>, Vec<_>) = recent.partition(|row| {
            row.dry_run || row.capped || row.action == ResponseAction::Alert.name()
        });
        look.quiet = quiet.len();
        look.stopped = Some(stops.into_iter().map(|row| row.agent_id).collect());
        Ok(())
    }

    fn begin_response(
        &self,
        tenant: &str,
        rule: &ResponseRule,
        row: &ResponseRow,
        alert: &AlertRow,
    ) -> Result<(), RuntimeError> {
        let mut body = Body::new(Kind::Alert, &rfc3339(row.at));
        body.str("alert", BEGAN)
            .str("id", &row.id)
            .str("tenant", tenant)
            .str("agent", &row.agent_id)
            .str("rule", &row.rule)
            .str("subject", &row.subject)
            .str("action", &row.action)
            .int("last", row.last)
            .bool("dry_run", row.dry_run)
            .bool("capped", row.capped)
            .str("level", &rule.level)
            .int("count", rule.count)
            .int("window_s", rule.window_s)
            .strs("notify", &rule.notify)
            .strs("alerts", &row.alerts)
            .opt_str("of", alert.action_id.as_deref());
        self.record_body(tenant, Kind::Alert, &mut body)
    }

    /// Does what a response says and records what came of it. All of it may be done again.
    fn carry_out(&self, tenant: &str, row: &ResponseRow) -> Result<(), RuntimeError> {
        let (result, message) = if row.dry_run {
            (
                "dry-run",
                format!("would {} agent `{}`", row.action, row.agent_id),
            )
        } else if row.capped {
            let problem = "as many agents were stopped within the hour as `agents_per_hour` says: look at them, and stop this one by hand";
            ("capped", problem.to_owned())
        } else {
            match self.stop_for(tenant, row) {
                Ok(message) => ("done", message),
                // Not on record, not in the rows: the next tick does it again.
                Err(error @ (RuntimeError::AuditUnavailable(_) | RuntimeError::Store(_))) => {
                    return Err(error);
                }
                Err(error) => ("failed", error.to_string()),
            }
        };
        let mut body = Body::new(Kind::Alert, &rfc3339(self.now()));
        body.str("alert", ENDED)
            .str("id", &row.id)
            .str("tenant", tenant)
            .str("agent", &row.agent_id)
            .str("rule", &row.rule)
            .str("result", result)
            .str("message", &message);
        self.record_body(tenant, Kind::Alert, &mut body)
    }

    fn stop_for(&self, tenant: &str, row: &ResponseRow) -> Result<String, RuntimeError> {
        let by = format!("response:{}", row.rule);
        if row.action == ResponseAction::Alert.name() {
            return Ok("people are told".to_owned());
        }
        let agent = &row.agent_id;
        let paused = match self.inner.store.agent(tenant, agent) {
            Ok(found) => found.paused,
            Err(error) if error.is_not_found() => false,
            Err(error) => return Err(error.into()),
        };
        let mut done = if paused {
            format!("agent `{agent}` was paused before")
        } else {
            self.pause_agent(tenant, &by, agent)?;
            format!("agent `{agent}` is paused")
        };
        if row.action == ResponseAction::Rollback.name() {
            let principal = Principal {
                tenant: Arc::from(tenant),
                ..Principal::local()
            };
            let reason = format!("response rule `{}`", row.rule);
            let reason: String = reason
                .chars()
                .take(crate::ROLLBACK_TEXT_CHARS_MAX)
                .collect();
            let order = self.order_rollback_as(
                &principal,
                &by,
                agent,
                row.last,
                &reason,
                ROLLBACK_WAIT_S,
                Some(&row.id),
            )?;
            done = format!(
                "{done}; rollback `{}` of its last {} steps is ordered",
                order.id, row.last
            );
        }
        Ok(done)
    }
}

/// By what entries are known as the beginning and the end of a response.
const BEGAN: &str = "response";
const ENDED: &str = "response-ended";

fn text<'a>(body: &'a Value, key: &str) -> &'a str {
    body.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn texts(body: &Value, key: &str, max: usize) -> Vec<String> {
    let all = body.get(key).and_then(Value::as_array).unwrap_or_default();
    all.iter()
        .filter_map(Value::as_str)
        .take(max)
        .map(str::to_owned)
        .collect()
}

/// What an entry tells of responses.
pub(crate) enum Told {
    /// One began; people get an alert of it.
    Began(Box<ResponseRow>, Box<AlertRow>),
    /// One ended.
    Ended(String, ResponseEnd),
}

/// What an entry of kind `alert` tells of responses.
pub(crate) fn told(body: &Value, seq: u64, at: UnixNanos) -> Option<Told> {
    let id = text(body, "id");
    id.parse::<Uuid>().ok()?;
    match text(body, "alert") {
        ENDED => Some(Told::Ended(
            id.to_owned(),
            ResponseEnd {
                result: text(body, "result").to_owned(),
                message: text(body, "message").to_owned(),
                at,
            },
        )),
        BEGAN => {
            let flag = |key: &str| matches!(body.get(key), Some(Value::Bool(true)));
            let int = |key: &str| body.get(key).and_then(Value::as_i64).unwrap_or(0);
            let row = ResponseRow {
                id: id.to_owned(),
                seq,
                rule: text(body, "rule").to_owned(),
                subject: text(body, "subject").to_owned(),
                agent_id: text(body, "agent").to_owned(),
                action: text(body, "action").to_owned(),
                last: u32::try_from(int("last")).unwrap_or(0),
                dry_run: flag("dry_run"),
                capped: flag("capped"),
                alerts: texts(body, "alerts", CAUSES_MAX),
                at,
                ended: None,
            };
            let what = match (row.dry_run, row.capped, &*row.action) {
                (true, _, action) => format!("would {action} (dry run)"),
                (_, true, action) => format!("may not {action}: too many agents were stopped"),
                (_, _, "alert") => "tells people".to_owned(),
                (_, _, "rollback") => format!("pauses it and undoes its last {} steps", row.last),
                _ => "pauses it".to_owned(),
            };
            let alert = AlertRow {
                id: format!("alert-response-{id}"),
                seq,
                agent_id: row.agent_id.clone(),
                action_id: Some(text(body, "of").to_owned()).filter(|of| !of.is_empty()),
                level: if row.dry_run { "high" } else { "critical" }.to_owned(),
                message: format!(
                    "response `{}` {what}: {} alerts of level {} or worse within {} s of {}",
                    row.rule,
                    int("count"),
                    text(body, "level"),
                    int("window_s"),
                    row.subject,
                )
                .chars()
                .take(1_000)
                .collect(),
                created: at,
                cause: AlertCause {
                    kind: "response".to_owned(),
                    rule: row.rule.clone(),
                    notify: texts(body, "notify", NOTIFY_MAX),
                    ..AlertCause::default()
                },
            };
            Some(Told::Began(Box::new(row), Box::new(alert)))
        }
        _ => None,
    }
}
