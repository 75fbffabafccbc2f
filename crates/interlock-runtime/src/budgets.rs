//! Budgets of a tenant, of keys and of agents: which are in force, what they stand at, and who is
//! told when a threshold is crossed.
//!
//! What is used follows from the record: each decision names the budgets that it drew on, with their
//! terms, so that a replay needs none of the rows here. Rows say what is in force from now on.
//!
//! **Invariant:** where no budget is in force a decision pays for one look at a flag.
//! **Invariant:** a crossing is an entry of the record, from which a restart knows that people were
//! told of it.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use interlock_core::audit::body::Body;
use interlock_core::audit::frame::Kind;
use interlock_core::model::{UnixNanos, Value};
use interlock_core::program::glob::Glob;
use interlock_core::state::{
    Amount, BudgetPeriod, CounterKey, CounterUse, Crossing, LedgerCharge, Limit, used_of,
};
use interlock_policy::{Budget, BudgetError, BudgetScope, check_budgets};
use interlock_store::{AlertCause, AlertRow, NOTIFY_MAX};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::error::RuntimeError;
use crate::{Runtime, rfc3339};

const SETTING: &str = "budgets";
/// By what an entry is known as a crossing.
const ALERT: &str = "budget";
/// Crossings that one tick tells of; the rest waits for the next one.
const TELL_MAX: usize = 100;
/// Purses of one budget that are listed, those that are fullest first.
pub(crate) const PURSES_MAX: usize = 100;
/// Agents of one purse that are listed.
const TOP_MAX: usize = 10;
/// Bytes of all budgets of a tenant as they are stored: what a setting holds.
const STORED_BYTES_MAX: usize = 64 * 1024;
const SUBJECT_TENANT: &str = "tenant";

/// A budget as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetInForce {
    /// Its terms.
    pub budget: Budget,
    /// Who set it.
    pub by: String,
    /// When, in Unix nanoseconds.
    pub at: UnixNanos,
    /// Whether it stands in the file that the process was started with, and is changed there.
    #[serde(default)]
    pub declared: bool,
}

/// What one agent draws.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurseUse {
    /// The agent.
    pub agent: String,
    /// What is settled and reserved.
    pub used: Amount,
}

/// What one tenant, key or agent has used of a budget in a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purse {
    /// `tenant`, `key:…` or `agent:…`.
    pub subject: String,
    /// When the period began.
    pub since: UnixNanos,
    /// When it renews.
    pub renews: UnixNanos,
    /// What is settled.
    pub settled: Amount,
    /// What is in flight, by its estimate.
    pub reserved: Amount,
    /// What is used, in percent of the limit.
    pub percent: i64,
    /// The agents that draw most; none where the subject is an agent.
    pub top: Vec<PurseUse>,
    /// What other agents draw.
    pub others: Amount,
}

/// A budget as actions are held against it.
#[derive(Debug)]
struct Armed {
    id: Arc<str>,
    scope: BudgetScope,
    of: Glob,
    period: BudgetPeriod,
    limit: Limit,
    trickle: i64,
    thresholds: Arc<[u8]>,
    tenant: Arc<str>,
}

impl Armed {
    fn of(budget: &Budget) -> Option<Self> {
        Some(Self {
            id: Arc::from(budget.id.as_str()),
            scope: budget.scope,
            of: Glob::new(&budget.of),
            period: budget.renews()?,
            limit: limit(budget),
            trickle: budget.trickle(),
            thresholds: Arc::from(budget.thresholds.as_slice()),
            tenant: Arc::from(SUBJECT_TENANT),
        })
    }

    /// For whom an action counts, if it counts.
    fn subject(&self, key_id: &str, agent: &str) -> Option<Arc<str>> {
        match self.scope {
            BudgetScope::Tenant => Some(Arc::clone(&self.tenant)),
            // A local caller has no key.
            BudgetScope::Key => (!key_id.is_empty() && self.of.matches(key_id))
                .then(|| Arc::from(format!("key:{key_id}"))),
            BudgetScope::Agent => self
                .of
                .matches(agent)
                .then(|| Arc::from(format!("agent:{agent}"))),
        }
    }
}

fn limit(budget: &Budget) -> Limit {
    Limit {
        nano_usd: budget.limit_usd.map(|usd| usd.0),
        calls: budget.limit_calls,
    }
}

#[derive(Debug, Default)]
struct OfTenant {
    rows: Vec<BudgetInForce>,
    armed: Vec<Armed>,
}

/// The budgets of all tenants in force.
#[derive(Debug, Default)]
pub(crate) struct Budgets {
    any: AtomicBool,
    all: RwLock<HashMap<String, Arc<OfTenant>>>,
    /// Whether this process was started with a file: what stands in it is not changed here.
    declared: AtomicBool,
    /// Held by who changes one.
    changing: Mutex<()>,
    /// Held by who tells people, so that one tells of a crossing.
    telling: Mutex<()>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Budgets {
    fn get(&self, tenant: &str) -> Option<Arc<OfTenant>> {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        all.get(tenant).cloned()
    }

    /// Whether a tenant has any.
    pub(crate) fn any(&self, tenant: &str) -> bool {
        self.any.load(Ordering::Acquire) && self.get(tenant).is_some()
    }

    /// What an action draws on.
    pub(crate) fn charges(&self, tenant: &str, key_id: &str, agent: &str) -> Vec<LedgerCharge> {
        if !self.any.load(Ordering::Acquire) {
            return Vec::new();
        }
        let Some(of) = self.get(tenant) else {
            return Vec::new();
        };
        of.armed
            .iter()
            .filter_map(|armed| {
                Some(LedgerCharge {
                    key: CounterKey {
                        budget: Arc::clone(&armed.id),
                        period: armed.period,
                        subject: armed.subject(key_id, agent)?,
                    },
                    limit: armed.limit,
                    trickle: armed.trickle,
                    thresholds: Arc::clone(&armed.thresholds),
                })
            })
            .collect()
    }

    fn arm(&self, tenant: &str, rows: Vec<BudgetInForce>) {
        let armed = rows.iter().filter_map(|row| Armed::of(&row.budget));
        let of = OfTenant {
            armed: armed.collect(),
            rows,
        };
        let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
        if of.rows.is_empty() {
            all.remove(tenant);
        } else {
            all.insert(tenant.to_owned(), Arc::new(of));
        }
        self.any.store(!all.is_empty(), Ordering::Release);
    }

    fn notify(&self, tenant: &str, id: &str) -> Vec<String> {
        let of = self.get(tenant);
        let row = of.as_ref().and_then(|of| {
            let mut rows = of.rows.iter();
            rows.find(|row| row.budget.id == id)
        });
        row.map(|row| row.budget.notify.clone()).unwrap_or_default()
    }
}

fn invalid(error: BudgetError) -> RuntimeError {
    RuntimeError::Invalid(error.field, error.problem)
}

fn purse(of: &CounterUse, limit: &Limit) -> Purse {
    let used = of.settled.plus(of.reserved);
    let mut others = of.others;
    for (_, amount) in of.agents.iter().skip(TOP_MAX) {
        others = others.plus(*amount);
    }
    let top = of.agents.iter().take(TOP_MAX);
    Purse {
        subject: of.key.subject.to_string(),
        since: of.key.period.start(of.index),
        renews: of.key.period.end(of.index),
        settled: of.settled,
        reserved: of.reserved,
        percent: limit.percent(used),
        top: top
            .map(|(agent, used)| PurseUse {
                agent: agent.to_string(),
                used: *used,
            })
            .collect(),
        others,
    }
}

impl Runtime {
    /// The budgets of a tenant, in the order of their names.
    #[must_use]
    pub fn budgets(&self, tenant: &str) -> Vec<BudgetInForce> {
        let of = self.inner.budgets.get(tenant);
        of.map(|of| of.rows.clone()).unwrap_or_default()
    }

    /// The budgets of a tenant with what each stands at: the purses that are fullest, at most 100
    /// each.
    #[must_use]
    pub fn budget_use(&self, tenant: &str) -> Vec<(BudgetInForce, Vec<Purse>)> {
        let now = self.now();
        let rows = self.budgets(tenant);
        if rows.is_empty() {
            return Vec::new();
        }
        let mut by_budget: HashMap<(Arc<str>, BudgetPeriod), Vec<CounterUse>> = HashMap::new();
        for of in self.inner.memory.ledger_use(tenant, now) {
            let key = (Arc::clone(&of.key.budget), of.key.period);
            by_budget.entry(key).or_default().push(of);
        }
        rows.into_iter()
            .map(|row| {
                let limit = limit(&row.budget);
                let found = row
                    .budget
                    .renews()
                    .and_then(|period| by_budget.get(&(Arc::from(row.budget.id.as_str()), period)));
                let mut purses: Vec<Purse> = found
                    .into_iter()
                    .flatten()
                    .map(|of| purse(of, &limit))
                    .collect();
                purses.sort_by(|a, b| (b.percent, &a.subject).cmp(&(a.percent, &b.subject)));
                purses.truncate(PURSES_MAX);
                (row, purses)
            })
            .collect()
    }

    /// Sets a budget: a new one, or new terms for the one of that name. What was used of it in the
    /// period stays used.
    ///
    /// # Errors
    /// When a field is out of its limits, there are too many, the budget stands in the file that the
    /// process was started with, or nothing can be recorded or stored.
    pub fn set_budget(
        &self,
        tenant: &str,
        by: &str,
        budget: &Budget,
    ) -> Result<BudgetInForce, RuntimeError> {
        budget.check().map_err(invalid)?;
        let _one = locked(&self.inner.budgets.changing);
        let mut rows = self.budgets(tenant);
        self.may_change(&rows, &budget.id)?;
        let row = BudgetInForce {
            budget: budget.clone(),
            by: by.to_owned(),
            at: self.now(),
            declared: false,
        };
        rows.retain(|other| other.budget.id != budget.id);
        rows.push(row.clone());
        self.put_in_force(tenant, rows, &[("budget-set", &row)])?;
        Ok(row)
    }

    /// Removes a budget; what it has counted stays until its period ends, should it come back.
    ///
    /// # Errors
    /// As [`Self::set_budget`], and when there is no such budget.
    pub fn remove_budget(
        &self,
        tenant: &str,
        by: &str,
        id: &str,
    ) -> Result<BudgetInForce, RuntimeError> {
        let _one = locked(&self.inner.budgets.changing);
        let mut rows = self.budgets(tenant);
        let at = rows
            .iter()
            .position(|row| row.budget.id == id)
            .ok_or(RuntimeError::NotFound("budget"))?;
        self.may_change(&rows, id)?;
        let mut gone = rows.remove(at);
        let before = std::mem::replace(&mut gone.by, by.to_owned());
        self.put_in_force(tenant, rows, &[("budget-removed", &gone)])?;
        gone.by = before;
        Ok(gone)
    }

    /// Puts the budgets of a file in force, beside those that people set: those that the file had
    /// before and has no more are removed, and what stands in it can be changed there only.
    ///
    /// # Errors
    /// As [`Self::set_budget`].
    pub fn declare_budgets(
        &self,
        tenant: &str,
        by: &str,
        budgets: &[Budget],
    ) -> Result<(), RuntimeError> {
        check_budgets(budgets).map_err(invalid)?;
        let _one = locked(&self.inner.budgets.changing);
        let now = self.now();
        let before = self.budgets(tenant);
        let stands = |id: &str| budgets.iter().any(|budget| budget.id == id);
        let (mut rows, mut changed) = (Vec::new(), Vec::new());
        for row in &before {
            if row.declared && !stands(&row.budget.id) {
                changed.push(("budget-removed", row.clone()));
            } else if !stands(&row.budget.id) {
                rows.push(row.clone());
            }
        }
        for budget in budgets {
            let same = before
                .iter()
                .find(|row| row.declared && row.budget == *budget);
            let row = same.cloned().unwrap_or_else(|| BudgetInForce {
                budget: budget.clone(),
                by: by.to_owned(),
                at: now,
                declared: true,
            });
            if same.is_none() {
                changed.push(("budget-set", row.clone()));
            }
            rows.push(row);
        }
        for (_, row) in &mut changed {
            by.clone_into(&mut row.by);
        }
        if !changed.is_empty() {
            let changed: Vec<_> = changed.iter().map(|(what, row)| (*what, row)).collect();
            self.put_in_force(tenant, rows, &changed)?;
        }
        self.inner.budgets.declared.store(true, Ordering::Release);
        Ok(())
    }

    fn may_change(&self, rows: &[BudgetInForce], id: &str) -> Result<(), RuntimeError> {
        let declared = rows.iter().any(|row| row.declared && row.budget.id == id);
        if declared && self.inner.budgets.declared.load(Ordering::Acquire) {
            return Err(RuntimeError::Conflict(format!(
                "budget `{id}` stands in the file of budgets that Interlock was started with: change it there"
            )));
        }
        Ok(())
    }

    /// Records what changed, stores the whole and puts it in force.
    fn put_in_force(
        &self,
        tenant: &str,
        mut rows: Vec<BudgetInForce>,
        changed: &[(&str, &BudgetInForce)],
    ) -> Result<(), RuntimeError> {
        rows.sort_by(|a, b| a.budget.id.cmp(&b.budget.id));
        let all: Vec<Budget> = rows.iter().map(|row| row.budget.clone()).collect();
        check_budgets(&all).map_err(invalid)?;
        let json =
            serde_json::to_string(&rows).map_err(|e| RuntimeError::Conflict(e.to_string()))?;
        if json.len() > STORED_BYTES_MAX {
            // Found before anything is on record.
            let problem = format!("are longer than {STORED_BYTES_MAX} bytes together");
            return Err(RuntimeError::Invalid("budgets", problem));
        }
        for (what, row) in changed {
            let Budget {
                id,
                scope,
                of,
                period,
                limit_usd,
                limit_calls,
                thresholds,
                at_limit,
                notify,
                ..
            } = &row.budget;
            let mut body = Body::new(Kind::Budget, &rfc3339(self.now()));
            body.str("tenant", tenant)
                .str("actor", &row.by)
                .str("what", what)
                .str("id", id)
                .str("scope", scope.name())
                .str("of", of)
                .str("period", period)
                .opt_str("limit_usd", limit_usd.map(|usd| usd.to_string()).as_deref());
            if let Some(calls) = limit_calls {
                body.int("limit_calls", *calls);
            }
            body.strs("thresholds", thresholds.iter().map(u8::to_string))
                .str("at_limit", at_limit.name())
                .int("calls_per_minute", row.budget.trickle())
                .strs("notify", notify)
                .bool("declared", row.declared);
            self.record_body(tenant, Kind::Budget, &mut body)?;
        }
        let json = (!rows.is_empty()).then_some(json);
        self.inner
            .store
            .set_setting(tenant, SETTING, json.as_deref())?;
        self.inner.budgets.arm(tenant, rows);
        Ok(())
    }

    /// Reads the budgets of a tenant.
    pub(crate) fn load_budgets(&self, tenant: &str) -> Result<(), RuntimeError> {
        let rows = match self.inner.store.setting(tenant, SETTING)? {
            Some(json) => serde_json::from_str(&json).map_err(|e| {
                RuntimeError::Conflict(format!("the stored budgets cannot be read: {e}"))
            })?,
            None => Vec::new(),
        };
        self.inner.budgets.arm(tenant, rows);
        Ok(())
    }

    /// Puts thresholds that were crossed on record, from where people are told; how many.
    pub(crate) fn tell_budgets(&self, now: UnixNanos) -> usize {
        let _one = locked(&self.inner.budgets.telling);
        let mut told = 0;
        for crossing in self.inner.memory.crossings(TELL_MAX) {
            if let Err(error) = self.tell_budget(&crossing, now) {
                tracing::error!(%error, budget = &*crossing.key.budget, "people are not told of a budget for now; it holds");
                break;
            }
            let Crossing {
                tenant,
                key,
                index,
                percent,
                ..
            } = &crossing;
            self.inner.memory.told(tenant, key, *index, *percent);
            told += 1;
        }
        told
    }

    fn tell_budget(&self, crossing: &Crossing, now: UnixNanos) -> Result<(), RuntimeError> {
        let Crossing {
            tenant,
            key,
            index,
            percent,
            used,
            limit,
            agent,
        } = crossing;
        let mut body = Body::new(Kind::Alert, &rfc3339(now));
        body.str("alert", ALERT)
            .str("id", &crossing_id(crossing))
            .str("tenant", tenant)
            .str("budget", &key.budget)
            .str("subject", &key.subject)
            .str("period", key.period.name())
            .int("index", *index)
            .int("percent", *percent)
            .int("used_nano_usd", used.nano_usd)
            .int("used_calls", used.calls);
        if let Some(max) = limit.nano_usd {
            body.int("limit_nano_usd", max);
        }
        if let Some(max) = limit.calls {
            body.int("limit_calls", max);
        }
        body.opt_str("agent", key.subject.strip_prefix("agent:"))
            .opt_str("most", (!agent.is_empty()).then_some(&**agent))
            .strs("notify", self.inner.budgets.notify(tenant, &key.budget));
        self.record_body(tenant, Kind::Alert, &mut body)
    }
}

/// The id of a crossing: the same whoever makes it, so that rows have it once.
fn crossing_id(crossing: &Crossing) -> String {
    let mut hash = Sha256::new();
    let limit = format!("{:?}", crossing.limit);
    let (index, percent) = (crossing.index.to_string(), crossing.percent.to_string());
    for part in [
        &*crossing.key.budget,
        &*crossing.key.subject,
        crossing.key.period.name(),
        &index,
        &percent,
        &limit,
    ] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    let digest: [u8; 32] = hash.finalize().into();
    let bytes = digest.first_chunk::<16>().copied().unwrap_or_default();
    uuid::Builder::from_custom_bytes(bytes)
        .into_uuid()
        .to_string()
}

fn text<'a>(body: &'a Value, key: &str) -> &'a str {
    body.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn number(body: &Value, key: &str) -> Option<i64> {
    body.get(key).and_then(Value::as_i64)
}

/// What an entry of kind `alert` says of a crossing that people were told of.
pub(crate) fn told(body: &Value) -> Option<(CounterKey, i64, u8)> {
    if text(body, "alert") != ALERT {
        return None;
    }
    Some((
        CounterKey {
            budget: Arc::from(text(body, "budget")),
            period: BudgetPeriod::from_name(text(body, "period"))?,
            subject: Arc::from(text(body, "subject")),
        },
        number(body, "index")?,
        u8::try_from(number(body, "percent")?).ok()?,
    ))
}

/// The alert that people see of a crossing.
pub(crate) fn alert_row(body: &Value, seq: u64, at: UnixNanos) -> Option<AlertRow> {
    let (key, _, percent) = told(body)?;
    let limit = Limit {
        nano_usd: number(body, "limit_nano_usd"),
        calls: number(body, "limit_calls"),
    };
    let used = Amount {
        nano_usd: number(body, "used_nano_usd")?,
        calls: number(body, "used_calls")?,
    };
    let period = key.period.name();
    let what = if percent >= 100 {
        "is used up or refused an action".to_owned()
    } else {
        format!("has reached {percent} %")
    };
    let mut message = format!(
        "budget `{}` of `{}` {what}: {} in this {period}",
        key.budget,
        key.subject,
        used_of(used, &limit),
    );
    let most = text(body, "most");
    if !most.is_empty() {
        let _ = write!(message, "; agent `{most}` draws most");
    }
    let notify = body.get("notify").and_then(Value::as_array);
    Some(AlertRow {
        id: format!("alert-budget-{}", text(body, "id")),
        seq,
        // A purse of many is nobody's: no response stops an agent for what others spent.
        agent_id: key
            .subject
            .strip_prefix("agent:")
            .unwrap_or_default()
            .to_owned(),
        action_id: None,
        level: match percent {
            0..80 => "medium",
            80..100 => "high",
            _ => "critical",
        }
        .to_owned(),
        message: message.chars().take(1_000).collect(),
        created: at,
        cause: AlertCause {
            kind: ALERT.to_owned(),
            // Groups and messages are bounded by it: a budget of many purses takes no other's place.
            key_id: format!("budget:{}", key.budget),
            rule: key.budget.to_string(),
            // Each threshold of each purse is a group of its own, so that none is told of late.
            class: format!("{percent}% {period} {}", key.subject),
            notify: notify
                .unwrap_or_default()
                .iter()
                .filter_map(Value::as_str)
                .take(NOTIFY_MAX)
                .map(str::to_owned)
                .collect(),
            ..AlertCause::default()
        },
    })
}
