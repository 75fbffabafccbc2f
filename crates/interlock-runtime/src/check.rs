//! From an action to a recorded decision.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use interlock_core::audit::record::{RecordMeta, decision_body};
use interlock_core::engine::{self, Prepared, Request};
use interlock_core::model::{
    Action, ActionDigest, Decision, Effect, Principal, Reason, UnixNanos, reason,
};
use interlock_core::audit::frame::Kind;
use interlock_core::model::{FiredRule, RuleKind};
use interlock_core::program::Grant;
use uuid::Uuid;

use crate::bundles::Loaded;
use crate::clock::new_id;
use crate::error::RuntimeError;
use crate::idempotency::Seen;
use crate::runs::RunLink;
use crate::{Runtime, rfc3339};

/// A decision with its place in the record.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The decision's id.
    pub id: Uuid,
    /// When it was decided.
    pub at: UnixNanos,
    /// The agent, as asked.
    pub agent_id: String,
    /// The action type, as asked.
    pub action_type: String,
    /// The resource, as asked.
    pub resource: String,
    /// The decision.
    pub decision: Arc<Decision>,
    /// The sequence number of its record in the tenant's log.
    pub seq: u64,
    /// The leaf hash of its record.
    pub leaf: [u8; 32],
    /// The approval that was asked for.
    pub approval_id: Option<Uuid>,
    /// Whether this is the stored answer to an earlier request.
    pub replayed: bool,
}

/// What an enforcement point says of an action that it reports after the fact.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Claimed {
    /// What it decided itself, in its own words.
    pub decision: Option<String>,
    /// Its own risk score, in thousandths of the 0..1 scale.
    pub risk_milli: Option<u16>,
}

/// How a decision is asked for.
#[derive(Debug, Clone, Default)]
pub struct CheckOptions {
    /// The id of the key that asks; empty for a local caller.
    pub key_id: String,
    /// Whether the action already ran: it is scored and recorded, and nothing is enforced.
    pub reported: Option<Claimed>,
}

/// A decision that waits for its record to be durable.
struct Pending {
    checked: Checked,
    action: Action,
    prepared: Option<Prepared>,
    tenant: Arc<str>,
    body: Vec<u8>,
    link: Option<RunLink>,
}

impl Runtime {
    /// Decides on an action and returns once the record is as durable as the mode says.
    ///
    /// # Errors
    /// When there is no decision; the action must not run.
    pub fn check(
        &self,
        principal: &Principal,
        action: Action,
        options: &CheckOptions,
    ) -> Result<Checked, RuntimeError> {
        let (send, receive) = std::sync::mpsc::sync_channel(1);
        self.check_with(principal, action, options, move |result| {
            // The receiver waits below; it cannot be gone.
            let _ = send.send(result);
        });
        receive
            .recv()
            .unwrap_or_else(|_| Err(RuntimeError::AuditUnavailable("the writer stopped".to_owned())))
    }

    /// Decides on an action; `done` is called once the record is as durable as the mode says, on
    /// the writer's thread, and must not block.
    pub fn check_with(
        &self,
        principal: &Principal,
        action: Action,
        options: &CheckOptions,
        done: impl FnOnce(Result<Checked, RuntimeError>) + Send + 'static,
    ) {
        let pending = match self.begin(principal, action, options) {
            Ok(Begun::Stored(checked)) => return done(Ok(*checked)),
            Ok(Begun::Fresh(pending)) => *pending,
            Err(error) => return done(Err(error)),
        };
        let Pending {
            mut checked,
            action,
            prepared,
            tenant,
            body,
            link,
        } = pending;
        let runtime = self.clone();
        let finish_tenant = Arc::clone(&tenant);
        let finish = move |result: Result<interlock_store::journal::Appended, interlock_store::journal::JournalError>| {
            let tenant = finish_tenant;
            match result {
                Ok(appended) => {
                    checked.seq = appended.seq;
                    checked.leaf = appended.leaf;
                    if let Some(link) = link {
                        runtime.inner.runs.recorded(&link, appended.leaf);
                    }
                    if !action.idempotency_key.is_empty() {
                        runtime.inner.idempotency.store(&tenant, &action, &checked);
                    }
                    runtime.inner.projector.wake();
                    done(Ok(checked));
                }
                Err(error) => {
                    if let Some(prepared) = &prepared {
                        runtime.release(prepared, checked.at);
                    }
                    done(Err(RuntimeError::AuditUnavailable(error.to_string())));
                }
            }
        };
        self.inner.journal.append_with(&tenant, Kind::Decision, body, finish);
    }

    fn begin(
        &self,
        principal: &Principal,
        action: Action,
        options: &CheckOptions,
    ) -> Result<Begun, RuntimeError> {
        if let Some(bound) = principal.agent.as_deref()
            && bound != action.agent_id
        {
            return Err(RuntimeError::Identity {
                bound: bound.to_owned(),
                named: action.agent_id.clone(),
            });
        }
        let digest = ActionDigest::of(&principal.tenant, &action);
        if !action.idempotency_key.is_empty() {
            match self.inner.idempotency.find(&principal.tenant, &action, digest) {
                Seen::New => {}
                Seen::Same(checked) => return Ok(Begun::Stored(checked)),
                Seen::Other => {
                    return Err(RuntimeError::IdempotencyConflict(action.idempotency_key));
                }
            }
        }
        let now = self.inner.clock.now();
        let id = new_id(now);
        let loaded = self.inner.bundles.current(&principal.tenant);
        let grant = self.find_grant(principal, &action, digest, now)?;
        let agent = self.inner.agents.get(&principal.tenant, &action.agent_id);
        let request = Request {
            principal,
            action: &action,
            now,
            reservation: id.as_u128(),
            profile: agent.as_ref().map(|a| &a.profile),
            grant: grant.as_ref(),
        };
        let (prepared, decision) = self.run(&loaded, &request, &agent, options);
        let mut decision = decision;
        let mut approval_id = grant.as_ref().map(|g| g.approval);
        if let Some(grant) = &grant
            && decision.effect.permits()
        {
            if let Err(error) = self.claim(principal, grant, now) {
                decision = refuse(decision, reason::code::GRANT, format!("the approval cannot be used: {error}"));
            }
        } else if decision.effect == Effect::RequireApproval && options.reported.is_none() {
            approval_id = Some(self.request_approval(principal, &action, digest, &decision, &loaded, now)?);
        }
        if let Some(prepared) = &prepared {
            self.conclude(prepared, &decision, now);
        }
        let link = self.inner.runs.next(&principal.tenant, &action.run_id);
        let body = self.encode(principal, &action, prepared.as_ref(), &decision, id, now, options, link.as_ref(), approval_id)?;
        self.inner.pending.insert(&principal.tenant, &action.agent_id, id, now);
        let checked = Checked {
            id,
            at: now,
            agent_id: action.agent_id.clone(),
            action_type: action.action_type.name().to_owned(),
            resource: action.resource.clone(),
            decision: Arc::new(decision),
            seq: 0,
            leaf: [0; 32],
            approval_id,
            replayed: false,
        };
        Ok(Begun::Fresh(Box::new(Pending {
            checked,
            action,
            prepared,
            tenant: Arc::clone(&principal.tenant),
            body,
            link,
        })))
    }
}
