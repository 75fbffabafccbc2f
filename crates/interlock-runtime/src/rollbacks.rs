//! Rollbacks that people order at a server, and that clients with the undo journal carry out.
//!
//! An order stops its agent and travels with the next leases. One client claims it, which is the
//! compare-and-set that makes it happen once, puts back what it kept, and says what came of it. Where
//! no client has kept anything of the agent, it waits until it expires.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use interlock_core::audit::body::Body;
use interlock_core::audit::frame::Kind;
use interlock_core::model::limits::ID_BYTES_MAX;
use interlock_core::model::{Principal, UnixNanos};
use interlock_policy::RollbackWanted;
use serde::{Deserialize, Serialize};

use crate::clock::new_id;
use crate::error::RuntimeError;
use crate::received::LOG_CHARS_MAX;
use crate::{Runtime, rfc3339};

/// Steps of one order.
pub const ROLLBACK_STEPS_MAX: u32 = 1_000;
/// Characters of an operator's reason, and of a client's message.
pub const ROLLBACK_TEXT_CHARS_MAX: usize = 500;
/// How long an order may wait for a client, in seconds.
pub const ROLLBACK_WAIT_S_MAX: u32 = 7 * 24 * 3_600;
/// Orders that are kept of a tenant; those that ended first are forgotten first.
const KEPT_MAX: usize = 64;
/// Orders that may wait for a client at a time.
const WAITING_MAX: usize = 16;
/// Bytes of all of them as they are stored.
const STORED_BYTES_MAX: usize = 60 * 1024;
const SETTING: &str = "rollbacks";

/// How far an order has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RollbackState {
    /// It waits for a client.
    Ordered,
    /// A client has taken it.
    Claimed,
    /// All that could be undone is.
    Done,
    /// It ended at a step that was changed since, or cannot be undone.
    Stopped,
    /// It could not be carried out.
    Failed,
    /// It was taken back before a client had it.
    Canceled,
    /// No client has taken it in time.
    Expired,
}

impl RollbackState {
    /// Its name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ordered => "ordered",
            Self::Claimed => "claimed",
            Self::Done => "done",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
            Self::Expired => "expired",
        }
    }

    /// The way in which a client ended it.
    #[must_use]
    pub fn ended(name: &str) -> Option<Self> {
        [Self::Done, Self::Stopped, Self::Failed]
            .into_iter()
            .find(|state| state.name() == name)
    }

    const fn is_open(self) -> bool {
        matches!(self, Self::Ordered | Self::Claimed)
    }
}

/// What came of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackResult {
    /// Done, stopped or failed.
    pub state: RollbackState,
    /// Steps that are undone.
    pub undone: u32,
    /// Steps of which not everything could be undone.
    pub irreversible: u32,
    /// Why it ended early, for people.
    pub message: String,
}

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackOrder {
    /// Its id.
    pub id: String,
    /// The agent whose steps are undone.
    pub agent: String,
    /// How many, the newest first.
    pub last: u32,
    /// Who ordered it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When, nanoseconds since the Unix epoch.
    pub at: UnixNanos,
    /// Until when a client may take it.
    pub expires: UnixNanos,
    /// How far it has come.
    pub state: RollbackState,
    /// The log of the client that took it.
    pub claimed_by: Option<String>,
    /// What came of it.
    pub result: Option<RollbackResult>,
    /// When it ended.
    pub ended: Option<UnixNanos>,
}

impl RollbackOrder {
    fn at(mut self, now: UnixNanos) -> Self {
        if self.state == RollbackState::Ordered && now >= self.expires {
            self.state = RollbackState::Expired;
        }
        self
    }
}

/// The orders by tenant, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Rollbacks {
    all: Mutex<HashMap<String, Vec<RollbackOrder>>>,
    /// Held by who changes one, so that of two one finds it changed.
    changing: Mutex<()>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Rollbacks {
    fn of(&self, tenant: &str, now: UnixNanos) -> Vec<RollbackOrder> {
        let all = locked(&self.all);
        let orders = all.get(tenant).into_iter().flatten();
        orders.map(|order| order.clone().at(now)).collect()
    }

    /// What clients of a tenant are asked for; of one agent only, where their key is bound to it.
    pub(crate) fn wanted(
        &self,
        tenant: &str,
        agent: Option<&str>,
        now: UnixNanos,
    ) -> Vec<RollbackWanted> {
        let all = locked(&self.all);
        let orders = all.get(tenant).into_iter().flatten();
        orders
            .filter(|order| order.state == RollbackState::Ordered && now < order.expires)
            .filter(|order| agent.is_none_or(|agent| agent == order.agent))
            .take(WAITING_MAX)
            .map(|order| RollbackWanted {
                id: order.id.clone(),
                agent: order.agent.clone(),
                last: order.last,
            })
            .collect()
    }
}

fn invalid(field: &'static str, problem: String) -> RuntimeError {
    RuntimeError::Invalid(field, problem)
}

fn short(field: &'static str, text: &str) -> Result<(), RuntimeError> {
    if text.chars().count() <= ROLLBACK_TEXT_CHARS_MAX {
        return Ok(());
    }
    let problem = format!("must be at most {ROLLBACK_TEXT_CHARS_MAX} characters");
    Err(invalid(field, problem))
}

impl Runtime {
    /// Orders that the last steps of an agent are undone, and stops the agent at once.
    ///
    /// # Errors
    /// When a field is out of its limits, another order of the agent waits, or nothing can be
    /// recorded: the agent is stopped all the same.
    pub fn order_rollback(
        &self,
        principal: &Principal,
        by: &str,
        agent: &str,
        last: u32,
        reason: &str,
        wait_s: u32,
    ) -> Result<RollbackOrder, RuntimeError> {
        self.order_rollback_as(principal, by, agent, last, reason, wait_s, None)
    }

    /// As [`Self::order_rollback`], under this id: an order that has it already is answered, so that
    /// who orders may do so again.
    #[expect(clippy::too_many_arguments, reason = "the parts of one order")]
    pub(crate) fn order_rollback_as(
        &self,
        principal: &Principal,
        by: &str,
        agent: &str,
        last: u32,
        reason: &str,
        wait_s: u32,
        id: Option<&str>,
    ) -> Result<RollbackOrder, RuntimeError> {
        let tenant = &*principal.tenant;
        if agent.is_empty() || agent.len() > ID_BYTES_MAX {
            return Err(invalid("id", format!("must be 1 to {ID_BYTES_MAX} bytes")));
        }
        if !(1..=ROLLBACK_STEPS_MAX).contains(&last) {
            let problem = format!("must be 1 to {ROLLBACK_STEPS_MAX}");
            return Err(invalid("last", problem));
        }
        if !(1..=ROLLBACK_WAIT_S_MAX).contains(&wait_s) {
            let problem = format!("must be 1 to {ROLLBACK_WAIT_S_MAX}");
            return Err(invalid("wait_s", problem));
        }
        short("reason", reason)?;
        let rollbacks = &self.inner.rollbacks;
        let _one = locked(&rollbacks.changing);
        let now = self.now();
        let mut orders = rollbacks.of(tenant, now);
        if let Some(known) = orders.iter().find(|order| Some(&*order.id) == id) {
            return Ok(known.clone());
        }
        let waiting = || orders.iter().filter(|o| o.state == RollbackState::Ordered);
        if let Some(other) = waiting().find(|order| order.agent == agent) {
            return Err(RuntimeError::Conflict(format!(
                "rollback `{}` of agent `{agent}` waits for a client: cancel it first",
                other.id
            )));
        }
        if waiting().count() >= WAITING_MAX {
            return Err(RuntimeError::Conflict(format!(
                "{WAITING_MAX} rollbacks wait for clients, which is the limit"
            )));
        }
        // Stopped first, so that nothing is added to what is undone.
        self.pause_agent(tenant, by, agent)?;
        let order = RollbackOrder {
            id: id.map_or_else(|| new_id(now).to_string(), str::to_owned),
            agent: agent.to_owned(),
            last,
            by: by.to_owned(),
            reason: reason.to_owned(),
            at: now,
            expires: now.saturating_add(i64::from(wait_s) * 1_000_000_000),
            state: RollbackState::Ordered,
            claimed_by: None,
            result: None,
            ended: None,
        };
        orders.push(order.clone());
        self.keep_rollback(tenant, "rollback-ordered", by, &order, orders)?;
        Ok(order)
    }

    /// The orders of a tenant, newest first.
    #[must_use]
    pub fn rollbacks(&self, tenant: &str) -> Vec<RollbackOrder> {
        let mut orders = self.inner.rollbacks.of(tenant, self.now());
        orders.reverse();
        orders
    }

    /// One order.
    ///
    /// # Errors
    /// When there is none of this id.
    pub fn rollback_order(&self, tenant: &str, id: &str) -> Result<RollbackOrder, RuntimeError> {
        let orders = self.inner.rollbacks.of(tenant, self.now());
        let order = orders.into_iter().find(|order| order.id == id);
        order.ok_or(RuntimeError::NotFound("rollback"))
    }

    /// Takes back an order that no client has taken. The agent stays stopped.
    ///
    /// # Errors
    /// When there is none of this id, it is no longer waiting, or nothing can be recorded.
    pub fn cancel_rollback(
        &self,
        principal: &Principal,
        by: &str,
        id: &str,
    ) -> Result<RollbackOrder, RuntimeError> {
        self.change_rollback(
            principal,
            "rollback-canceled",
            by,
            id,
            |order, now| match order.state {
                RollbackState::Ordered => {
                    order.state = RollbackState::Canceled;
                    order.ended = Some(now);
                    Ok(true)
                }
                RollbackState::Canceled => Ok(false),
                _ => Err(()),
            },
        )
    }

    /// Gives an order to the client with this log, which carries it out; the same client may ask
    /// again.
    ///
    /// # Errors
    /// When there is none of this id for this credential, somebody else has it or it is over, or
    /// nothing can be recorded.
    pub fn claim_rollback(
        &self,
        principal: &Principal,
        by: &str,
        log: &str,
        id: &str,
    ) -> Result<RollbackOrder, RuntimeError> {
        of_log(log)?;
        self.change_rollback(principal, "rollback-claimed", by, id, |order, _| {
            match (order.state, &order.claimed_by) {
                (RollbackState::Ordered, _) => {
                    order.state = RollbackState::Claimed;
                    order.claimed_by = Some(log.to_owned());
                    Ok(true)
                }
                (RollbackState::Claimed, Some(claimed)) if claimed == log => Ok(false),
                _ => Err(()),
            }
        })
    }

    /// Takes what came of an order from the client that claimed it, once.
    ///
    /// # Errors
    /// As [`Self::claim_rollback`], and when the result is not one.
    pub fn end_rollback(
        &self,
        principal: &Principal,
        by: &str,
        log: &str,
        id: &str,
        result: &RollbackResult,
    ) -> Result<RollbackOrder, RuntimeError> {
        of_log(log)?;
        short("message", &result.message)?;
        if RollbackState::ended(result.state.name()).is_none() {
            let problem = "must be `done`, `stopped` or `failed`".to_owned();
            return Err(invalid("state", problem));
        }
        self.change_rollback(principal, "rollback-ended", by, id, |order, now| {
            if order.claimed_by.as_deref() != Some(log) {
                return Err(());
            }
            if order.state == RollbackState::Claimed {
                order.state = result.state;
                order.result = Some(result.clone());
                order.ended = Some(now);
                return Ok(true);
            }
            // The same again: its answer was lost.
            if order.result.as_ref() == Some(result) {
                Ok(false)
            } else {
                Err(())
            }
        })
    }

    /// Changes an order; `change` says whether it did, or that it may not.
    fn change_rollback(
        &self,
        principal: &Principal,
        what: &str,
        by: &str,
        id: &str,
        change: impl FnOnce(&mut RollbackOrder, UnixNanos) -> Result<bool, ()>,
    ) -> Result<RollbackOrder, RuntimeError> {
        let tenant = &*principal.tenant;
        let rollbacks = &self.inner.rollbacks;
        let _one = locked(&rollbacks.changing);
        let now = self.now();
        let mut orders = rollbacks.of(tenant, now);
        let bound = principal.agent.as_deref();
        let order = orders
            .iter_mut()
            .find(|order| order.id == id && bound.is_none_or(|agent| agent == order.agent))
            .ok_or(RuntimeError::NotFound("rollback"))?;
        let changed = change(order, now).map_err(|()| {
            let state = order.state.name();
            RuntimeError::Conflict(format!("rollback `{id}` is {state} already"))
        })?;
        let order = order.clone();
        if changed {
            self.keep_rollback(tenant, what, by, &order, orders)?;
        }
        Ok(order)
    }

    /// Puts a change on record, then in the store, then in force.
    fn keep_rollback(
        &self,
        tenant: &str,
        what: &str,
        by: &str,
        order: &RollbackOrder,
        mut orders: Vec<RollbackOrder>,
    ) -> Result<(), RuntimeError> {
        let mut body = Body::new(Kind::ConfigChange, &rfc3339(self.now()));
        body.str("tenant", tenant)
            .str("actor", by)
            .str("what", what)
            .str("id", &order.id)
            .str("agent", &order.agent)
            .int("last", i64::from(order.last))
            .str("state", order.state.name());
        if let Some(log) = &order.claimed_by {
            body.str("log", log);
        }
        if let Some(result) = &order.result {
            body.int("undone", i64::from(result.undone))
                .int("irreversible", i64::from(result.irreversible));
        }
        let bytes = body
            .finish()
            .map_err(|e| RuntimeError::AuditUnavailable(e.to_string()))?;
        let stored = loop {
            let json = serde_json::to_string(&orders)
                .map_err(|e| RuntimeError::Conflict(e.to_string()))?;
            if orders.len() <= KEPT_MAX && json.len() <= STORED_BYTES_MAX {
                break json;
            }
            let over = orders
                .iter()
                .position(|one| !one.state.is_open() && one.id != order.id)
                // What is claimed and was never ended is forgotten last.
                .or_else(|| {
                    orders
                        .iter()
                        .position(|one| one.state == RollbackState::Claimed && one.id != order.id)
                });
            match over {
                Some(at) => drop(orders.remove(at)),
                None => {
                    return Err(RuntimeError::Conflict(
                        "too many rollbacks are open: cancel some".to_owned(),
                    ));
                }
            }
        };
        self.inner
            .journal
            .append(tenant, Kind::ConfigChange, bytes)
            .map_err(|e| RuntimeError::AuditUnavailable(e.to_string()))?;
        self.inner
            .store
            .set_setting(tenant, SETTING, Some(&stored))?;
        locked(&self.inner.rollbacks.all).insert(tenant.to_owned(), orders);
        Ok(())
    }

    /// Reads the orders of a tenant.
    pub(crate) fn load_rollbacks(&self, tenant: &str) -> Result<(), RuntimeError> {
        let orders = match self.inner.store.setting(tenant, SETTING)? {
            Some(json) => serde_json::from_str(&json).map_err(|e| {
                RuntimeError::Conflict(format!("the stored rollbacks cannot be read: {e}"))
            })?,
            None => Vec::new(),
        };
        locked(&self.inner.rollbacks.all).insert(tenant.to_owned(), orders);
        Ok(())
    }
}

fn of_log(log: &str) -> Result<(), RuntimeError> {
    if (1..=LOG_CHARS_MAX).contains(&log.chars().count()) {
        return Ok(());
    }
    let problem = format!("must be 1 to {LOG_CHARS_MAX} characters");
    Err(invalid("log", problem))
}
