//! What a runtime that decides by a server's policies remembers of that server.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use interlock_core::engine::Prepared;
use interlock_core::model::reason::code;
use interlock_core::model::{
    Action, Decision, Effect, FiredRule, Principal, Reason, RuleKind, UnixNanos,
};
use interlock_policy::{DecidedByServer, Lease};

use super::own::locked;
use crate::check::CheckOptions;
use crate::error::RuntimeError;

/// How a runtime that is connected to a server is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionOptions {
    /// Whether what has no side effect is decided by the last policies when no lease holds.
    pub reads_without_lease: bool,
}

impl ConnectionOptions {
    /// A connection with these options.
    #[must_use]
    pub fn new(reads_without_lease: bool) -> Self {
        Self {
            reads_without_lease,
        }
    }
}

/// What the last lease said beside how long it holds.
#[derive(Debug, Default)]
struct Terms {
    /// What the key is bound to.
    agent: Option<String>,
    environment: Option<Arc<str>>,
    /// Whose actions the server decides; `None` for all.
    there: Option<BTreeSet<String>>,
}

/// What was switched because the server said so.
#[derive(Debug, Default)]
pub(crate) struct Switched {
    pub(crate) kill: bool,
    pub(crate) paused: BTreeSet<String>,
}

/// What a runtime remembers of the server that it is connected to.
#[derive(Debug)]
pub(crate) struct Connection {
    options: ConnectionOptions,
    /// Until when side effects may be decided here, nanoseconds since the Unix epoch.
    until: AtomicI64,
    /// Whether what answers at the server's address is not the server that is trusted.
    untrusted: AtomicBool,
    /// Whether so much waits for the server that nothing more may run without it.
    full: AtomicBool,
    terms: RwLock<Terms>,
    pub(crate) switched: Mutex<Switched>,
}

impl Connection {
    pub(crate) fn new(options: ConnectionOptions) -> Self {
        Self {
            options,
            until: AtomicI64::new(0),
            untrusted: AtomicBool::new(false),
            full: AtomicBool::new(false),
            // Until a lease says otherwise.
            terms: RwLock::new(Terms {
                there: Some(BTreeSet::new()),
                ..Terms::default()
            }),
            switched: Mutex::default(),
        }
    }

    /// Takes the terms of a lease, which holds until `until`.
    pub(crate) fn take(&self, lease: &Lease, until: UnixNanos) {
        *self.terms.write().unwrap_or_else(PoisonError::into_inner) = Terms {
            agent: lease.agent.clone(),
            environment: lease.environment.as_deref().map(Arc::from),
            there: match &lease.server {
                DecidedByServer::All => None,
                DecidedByServer::Agents(agents) => Some(agents.iter().cloned().collect()),
            },
        };
        self.until.store(until, Ordering::SeqCst);
    }

    /// No lease holds any more.
    pub(crate) fn end(&self) {
        self.until.store(0, Ordering::SeqCst);
    }

    /// Whether what answers may be asked.
    pub(crate) fn set_untrusted(&self, untrusted: bool) {
        self.untrusted.store(untrusted, Ordering::SeqCst);
    }

    /// What stands in the way of a decision here by a grant of the server's people.
    pub(crate) fn claim(&self) -> RuntimeError {
        if self.untrusted.load(Ordering::SeqCst) {
            RuntimeError::Forbidden(
                "what answers in place of the server is not to be trusted".to_owned(),
            )
        } else {
            RuntimeError::AtServer
        }
    }

    pub(crate) fn set_full(&self, full: bool) {
        self.full.store(full, Ordering::SeqCst);
    }

    pub(crate) fn holds(&self, now: UnixNanos) -> bool {
        now < self.until.load(Ordering::SeqCst)
    }

    /// Who acts, with what the key is bound to.
    ///
    /// # Errors
    /// When the key is bound to another agent.
    pub(crate) fn bind(
        &self,
        principal: &Principal,
        action: &Action,
    ) -> Result<Option<Principal>, RuntimeError> {
        let terms = self.terms.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(bound) = &terms.agent
            && *bound != action.agent_id
        {
            return Err(RuntimeError::Identity {
                bound: bound.clone(),
                named: action.agent_id.clone(),
            });
        }
        Ok(terms.environment.as_ref().map(|environment| Principal {
            environment: Some(Arc::clone(environment)),
            ..principal.clone()
        }))
    }

    /// The decision that may be made here: denied where no lease holds, left to the server where
    /// this process cannot know enough.
    ///
    /// # Errors
    /// [`RuntimeError::AtServer`].
    pub(crate) fn hold(
        &self,
        mut decision: Decision,
        action: &Action,
        prepared: &Prepared,
        options: &CheckOptions,
        now: UnixNanos,
    ) -> Result<Decision, RuntimeError> {
        if options.reported.is_some()
            || !(decision.effect.permits() || decision.effect == Effect::RequireApproval)
        {
            return Ok(decision);
        }
        let full = self.full.load(Ordering::SeqCst);
        let side_effect = prepared.facts.action.side_effect;
        let late = !self.holds(now) && (side_effect || !self.options.reads_without_lease);
        let untrusted = self.untrusted.load(Ordering::SeqCst);
        if late && (full || untrusted || !options.open) {
            let message = if untrusted {
                "what answers in place of the server is not to be trusted, or it refused the key"
            } else if full {
                "too much waits to be sent to the server"
            } else {
                "the server has not confirmed the policies for too long"
            };
            let message = message.to_owned();
            return Ok(crate::check::deny(decision, "lease", code::LEASE, message));
        }
        let there = decision.effect == Effect::RequireApproval
            || !prepared.footprint.limits.is_empty()
            || !prepared.footprint.budgets.is_empty()
            || !prepared.footprint.ledger.is_empty()
            || match &self
                .terms
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .there
            {
                Some(agents) => agents.contains(&action.agent_id),
                None => true,
            };
        if there && untrusted {
            let message = "what answers in place of the server is not to be trusted".to_owned();
            return Ok(crate::check::deny(decision, "lease", code::LEASE, message));
        }
        let why = match (&options.without_server, there) {
            // Nobody but a person agrees in a person's place.
            (Some(_), _) if decision.effect == Effect::RequireApproval => {
                return Err(RuntimeError::AtServer);
            }
            (None, true) => return Err(RuntimeError::AtServer),
            (Some(why), true) => why.as_str(),
            (_, false) if late => "the server has not confirmed the policies for too long",
            (_, false) => return Ok(decision),
        };
        decision.effect = decision.effect.max(Effect::Alert);
        decision.reasons.insert(
            0,
            Reason {
                code: code::OPEN,
                message: format!("it is configured to run without the server: {why}"),
            },
        );
        decision.fired.push(FiredRule {
            id: Arc::from("on-unavailable"),
            kind: RuleKind::System,
            effect: Effect::Alert,
            decided: false,
            errored: false,
        });
        Ok(decision)
    }

    /// Runs `set` with whether the server has paused the agent: what is ended here goes on there.
    pub(crate) fn with_paused<T>(&self, agent: &str, set: impl FnOnce(bool) -> T) -> T {
        let switched = locked(&self.switched);
        set(switched.paused.contains(agent))
    }

    /// As [`Self::with_paused`], for the server's kill switch.
    pub(crate) fn with_kill<T>(&self, set: impl FnOnce(bool) -> T) -> T {
        let switched = locked(&self.switched);
        set(switched.kill)
    }

    /// Puts what the server has switched in place of what it had switched before; `set_kill` and
    /// `set_paused` are called for what changed.
    pub(crate) fn switch(
        &self,
        lease: &Lease,
        mut set_kill: impl FnMut(bool) -> Result<(), RuntimeError>,
        mut set_paused: impl FnMut(&str, bool) -> Result<(), RuntimeError>,
    ) -> Result<(), RuntimeError> {
        let mut now = locked(&self.switched);
        if now.kill != lease.kill {
            set_kill(lease.kill)?;
            now.kill = lease.kill;
        }
        let paused: BTreeSet<String> = lease.paused.iter().cloned().collect();
        for agent in paused.difference(&now.paused) {
            set_paused(agent, true)?;
        }
        for agent in now.paused.difference(&paused) {
            set_paused(agent, false)?;
        }
        now.paused = paused;
        Ok(())
    }
}
