//! From an action to a recorded decision.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use interlock_core::audit::frame::Kind;
use interlock_core::audit::record::{RecordMeta, decision_body};
use interlock_core::engine::{self, Prepared, Request};
use interlock_core::model::{
    Action, ActionDigest, Decision, Effect, FiredRule, Principal, Reason, ReasonCode, RuleKind,
    UnixNanos, reason::code,
};
use interlock_core::program::{Grant, Program};
use interlock_core::state::{Footprint, Readings};
use interlock_store::journal::{Appended, JournalError};
use interlock_store::vault::Deferred;
use uuid::Uuid;

use crate::approvals::Found;
use crate::bundles::Loaded;
use crate::clock::new_id;
use crate::content::{About, of_action};
use crate::error::RuntimeError;
use crate::floor::Floor;
use crate::idempotency::{self, Seen};
use crate::outcome::{Granted, Open};
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
    /// Whether the action runs when the server that should confirm it does not answer: of use where
    /// the runtime is connected to one.
    pub open: bool,
    /// Why the server, which should have decided, did not.
    pub without_server: Option<String>,
    /// What the enforcement point asks for beyond the policies.
    pub floor: Option<Arc<Floor>>,
}

/// What may be told to the agent: little, with a reference for the operator.
#[must_use]
pub fn agent_message(effect: Effect, reference: &str) -> String {
    match effect {
        Effect::Block => format!("this action is not permitted (reference {reference})"),
        Effect::RequireApproval => {
            format!("this action waits for a person's approval (reference {reference})")
        }
        _ => String::new(),
    }
}

/// A decision that waits for its record to be durable.
struct Pending {
    checked: Checked,
    key: Option<idempotency::Key>,
    digest: ActionDigest,
    prepared: Prepared,
    tenant: Arc<str>,
    body: Vec<u8>,
    link: Option<RunLink>,
    content: Option<Deferred>,
    deep: Option<crate::deep::Job>,
}

/// Who writes the record.
#[derive(Clone, Copy)]
enum Writing {
    /// The caller, which waits, unless somebody else is writing.
    Here,
    /// The journal's thread: the caller must not wait.
    Elsewhere,
}

enum Begun {
    Stored(Box<Checked>),
    Underway(idempotency::Key),
    Fresh(Box<Pending>),
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
        self.check_then(principal, action, options, Writing::Here, move |result| {
            // The receiver waits below; it cannot be gone.
            let _ = send.send(result);
        });
        receive.recv().unwrap_or_else(|_| {
            Err(RuntimeError::AuditUnavailable(
                "the writer stopped".to_owned(),
            ))
        })
    }

    /// Decides on an action; `done` is called once the record is as durable as the mode says, on
    /// the thread that writes it, and must not block.
    pub fn check_with(
        &self,
        principal: &Principal,
        action: Action,
        options: &CheckOptions,
        done: impl FnOnce(Result<Checked, RuntimeError>) + Send + 'static,
    ) {
        self.check_then(principal, action, options, Writing::Elsewhere, done);
    }

    fn check_then(
        &self,
        principal: &Principal,
        action: Action,
        options: &CheckOptions,
        writing: Writing,
        done: impl FnOnce(Result<Checked, RuntimeError>) + Send + 'static,
    ) {
        let pending = match self.begin(principal, action, options) {
            Ok(Begun::Stored(checked)) => return done(Ok(*checked)),
            Ok(Begun::Underway(key)) => {
                return self.inner.idempotency.wait(&key, Box::new(done));
            }
            Ok(Begun::Fresh(pending)) => *pending,
            Err(error) => return done(Err(error)),
        };
        let runtime = self.clone();
        let tenant = Arc::clone(&pending.tenant);
        let (footprint, id, at, taken) = (
            pending.prepared.footprint.clone(),
            pending.checked.id,
            pending.checked.at,
            pending.key.clone(),
        );
        let reported = options.reported.is_some();
        // The writer calls `done` when it took the record; when it did not, it is called here.
        let done = Arc::new(std::sync::Mutex::new(Some(done)));
        let undone = Arc::clone(&done);
        let Pending {
            mut checked,
            key,
            digest,
            prepared,
            body,
            link,
            content,
            deep,
            ..
        } = pending;
        let finish = move |result: Result<Appended, JournalError>| match result {
            Ok(appended) => {
                let inner = &runtime.inner;
                checked.seq = appended.seq;
                checked.leaf = appended.leaf;
                if let Some(link) = &link {
                    inner.runs.recorded(link, appended.leaf);
                }
                if reported {
                    // A report is scored against the state, but does not use up what checks are
                    // limited by: it is no request, and the client that sends it decided by itself.
                    inner.memory.cancel(&prepared.footprint, checked.at);
                } else {
                    // What is not recorded did not happen: the state learns of it here.
                    inner
                        .memory
                        .conclude(&prepared.footprint, checked.decision.effect, checked.at);
                }
                if let Some(key) = key {
                    inner.idempotency.answer(key, digest, &checked);
                }
                inner.projector.wake();
                if let Some(job) = deep {
                    inner.deep.push(job.recorded(appended.seq));
                }
                call(&done, Ok(checked));
            }
            Err(error) => {
                runtime.undo(&prepared.footprint, checked.id, checked.at, key.as_ref());
                call(
                    &done,
                    Err(RuntimeError::AuditUnavailable(error.to_string())),
                );
            }
        };
        let journal = &self.inner.journal;
        let kind = Kind::Decision;
        let appended = match writing {
            Writing::Here => journal.append_content_here(&tenant, kind, body, content, finish),
            Writing::Elsewhere => journal.append_content_with(&tenant, kind, body, content, finish),
        };
        if let Err(error) = appended {
            self.undo(&footprint, id, at, taken.as_ref());
            call(
                &undone,
                Err(RuntimeError::AuditUnavailable(error.to_string())),
            );
        }
    }

    /// What is not recorded did not happen: the charges are given back.
    fn undo(&self, footprint: &Footprint, id: Uuid, at: UnixNanos, key: Option<&idempotency::Key>) {
        self.inner.memory.cancel(footprint, at);
        if let Some(key) = key {
            self.inner.idempotency.give_back(key);
        }
        self.inner.open.remove(&footprint.tenant, id);
    }

    fn begin(
        &self,
        principal: &Principal,
        action: Action,
        options: &CheckOptions,
    ) -> Result<Begun, RuntimeError> {
        let inner = &*self.inner;
        if let Some(bound) = principal.agent.as_deref()
            && bound != action.agent_id
        {
            return Err(RuntimeError::Identity {
                bound: bound.to_owned(),
                named: action.agent_id,
            });
        }
        let now = inner.clock.now();
        let key = idempotency::key(&principal.tenant, &action);
        if let Some(key) = key {
            let digest = ActionDigest::of(&principal.tenant, &action);
            return match inner.idempotency.take(&key, digest, now) {
                Seen::New => self
                    .begin_new(principal, action, options, now, Some(key.clone()))
                    .inspect_err(|_| inner.idempotency.give_back(&key)),
                Seen::Same(checked) => Ok(Begun::Stored(checked)),
                Seen::Recorded(seq) => self
                    .recorded(&principal.tenant, seq)
                    .map(|checked| Begun::Stored(Box::new(checked))),
                Seen::Underway => Ok(Begun::Underway(key)),
                Seen::Other => Err(RuntimeError::IdempotencyConflict(action.idempotency_key)),
            };
        }
        self.begin_new(principal, action, options, now, None)
    }

    fn begin_new(
        &self,
        principal: &Principal,
        action: Action,
        options: &CheckOptions,
        now: UnixNanos,
        key: Option<idempotency::Key>,
    ) -> Result<Begun, RuntimeError> {
        let inner = &*self.inner;
        let id = new_id(now);
        if let Some(connection) = &inner.connection
            && options.reported.is_none()
            && action.metadata.get(crate::APPROVAL_FIELD).is_some()
        {
            return Err(connection.claim());
        }
        let found = self.find_grant(principal, &action)?;
        let configured = inner.agents.get(&principal.tenant, &action.agent_id);
        let elevated = configured.as_ref().is_some_and(|c| c.elevated);
        let raised;
        let bound = match &inner.connection {
            Some(connection) => connection.bind(principal, &action)?,
            None => None,
        };
        let principal = bound.as_ref().unwrap_or(principal);
        let principal = if elevated && !principal.elevated {
            raised = Principal {
                elevated,
                ..principal.clone()
            };
            &raised
        } else {
            principal
        };
        let loaded = inner.bundles.current(&principal.tenant);
        let request = Request {
            principal,
            action: &action,
            now,
            reservation: id.as_u128(),
            // What an administrator set for the agent stands in for the bundle's profile.
            profile: configured
                .as_ref()
                .and_then(|c| c.profile.as_ref())
                .or_else(|| loaded.as_ref()?.compiled.profile(&action.agent_id)),
            grant: found.as_ref().map(|f| &f.grant),
        };
        let mut prepared = self.prepare(loaded.as_deref(), &request);
        prepared.footprint.ledger =
            inner
                .budgets
                .charges(&principal.tenant, &options.key_id, &action.agent_id);
        let digest = prepared.digest;
        let mut decision = self.decide(loaded.as_deref(), &request, &prepared, options);
        if let Some(connection) = &inner.connection {
            decision = connection
                .hold(decision, &action, &prepared, options, now)
                .inspect_err(|_| inner.memory.cancel(&prepared.footprint, now))?;
        }
        let mut approval_id = found.as_ref().map(|f| f.approval);
        if decision.effect == Effect::RequireApproval
            && found.is_none()
            && options.reported.is_none()
            && let Some(loaded) = loaded.as_deref()
            && let Some((agreed, session)) =
                self.agreed_before(loaded, &request, &prepared, &decision, options)
        {
            decision = agreed;
            approval_id = Some(session);
        }
        let asked = self.settle_approval(
            principal,
            &action,
            &prepared,
            &mut decision,
            loaded.as_deref(),
            found.as_ref(),
            id,
            now,
            options,
        );
        match asked {
            Ok(Some(asked)) => approval_id = Some(asked),
            Ok(None) => {}
            Err(error) => {
                inner.memory.cancel(&prepared.footprint, now);
                return Err(error);
            }
        }
        let link = inner.runs.next(&principal.tenant, &action.run_id);
        let body = self
            .encode(
                principal,
                &action,
                &prepared,
                &decision,
                id,
                now,
                options,
                link.as_ref(),
                approval_id,
            )
            .inspect_err(|_| inner.memory.cancel(&prepared.footprint, now))?;
        if options.reported.is_none() {
            inner.open.insert(
                id,
                Open {
                    tenant: Arc::clone(&principal.tenant),
                    agent: action.agent_id.clone(),
                    session: action.session_id.clone(),
                    run: action.run_id.clone(),
                    about: About::action(&action),
                    permitted: decision.effect.permits(),
                    granted: found.as_ref().map(|f| Granted::at(f.approval, now)),
                },
            );
        }
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
            key,
            digest,
            prepared,
            tenant: Arc::clone(&principal.tenant),
            body,
            link,
            deep: inner.deep.action(&principal.tenant, id, &action),
            content: of_action(inner.content, &principal.tenant, action),
        })))
    }

    /// Understands the action; a failure in it is a denial, not a crash.
    fn prepare(&self, loaded: Option<&Loaded>, request: &Request<'_>) -> Prepared {
        let program = loaded.map_or(&self.inner.empty, |l| &l.compiled.program);
        catch_unwind(AssertUnwindSafe(|| engine::prepare(program, request)))
            .unwrap_or_else(|_| Prepared::failed(request))
    }

    fn decide(
        &self,
        loaded: Option<&Loaded>,
        request: &Request<'_>,
        prepared: &Prepared,
        options: &CheckOptions,
    ) -> Decision {
        let started = Instant::now();
        let program = loaded.map_or(&self.inner.empty, |l| &l.compiled.program);
        let mut readings = self.inner.memory.reserve(&prepared.footprint, request.now);
        let tenant = &*request.principal.tenant;
        let stops = &self.inner.tool_stops;
        readings.state.tool_stopped = stops.stopped(tenant, request.action, request.now);
        let decision = self.judge(
            program,
            loaded.is_some(),
            request,
            prepared,
            readings,
            options,
        );
        self.inner.stats.decided(decision.effect, started.elapsed());
        decision
    }

    /// What people agreed to before, for this run or session, if it covers the action; one use is
    /// taken.
    fn agreed_before(
        &self,
        loaded: &Loaded,
        request: &Request<'_>,
        prepared: &Prepared,
        decision: &Decision,
        options: &CheckOptions,
    ) -> Option<(Decision, Uuid)> {
        let Request {
            principal,
            action,
            now,
            ..
        } = *request;
        let tenant = &principal.tenant;
        let session = self.find_session(tenant, action, prepared, decision, now)?;
        let id: Uuid = session.id.parse().ok()?;
        let grant = Grant {
            digest: prepared.digest,
            rules: decision.approvals.clone(),
            approval_id: Arc::from(session.id.as_str()),
        };
        let with_grant = Request {
            grant: Some(&grant),
            ..*request
        };
        let program = &loaded.compiled.program;
        let readings = decision.readings.clone();
        let agreed = self.judge(program, true, &with_grant, prepared, readings, options);
        (agreed.effect.permits() && self.use_session(tenant, &session, action, now))
            .then_some((agreed, id))
    }

    /// The decision on these readings.
    fn judge(
        &self,
        program: &Program,
        has_policy: bool,
        request: &Request<'_>,
        prepared: &Prepared,
        readings: Readings,
        options: &CheckOptions,
    ) -> Decision {
        let mut decision = catch_unwind(AssertUnwindSafe(|| {
            engine::decide(program, request, prepared, readings)
        }))
        .unwrap_or_else(|_| {
            deny(
                Decision::default(),
                "engine",
                code::DETECTOR_PANIC,
                "the engine failed on this action, so it is denied".to_owned(),
            )
        });
        if !prepared.ran.failed.is_empty() && decision.effect != Effect::Block {
            decision = deny(
                decision,
                "engine",
                code::DETECTOR_PANIC,
                "a detector failed on this action, so it is denied".to_owned(),
            );
        }
        if !has_policy && prepared.facts.action.side_effect {
            decision = deny(
                decision,
                "no-policy",
                code::NO_POLICY,
                "no policy is in force, so side effects are denied".to_owned(),
            );
        }
        if let Some(floor) = &options.floor {
            floor.raise(&mut decision, request, prepared);
        }
        decision
    }

    /// Uses the grant that the action names, or asks people when the decision says so.
    #[expect(clippy::too_many_arguments, reason = "the pieces of one decision")]
    fn settle_approval(
        &self,
        principal: &Principal,
        action: &Action,
        prepared: &Prepared,
        decision: &mut Decision,
        loaded: Option<&Loaded>,
        found: Option<&Found>,
        id: Uuid,
        now: UnixNanos,
        options: &CheckOptions,
    ) -> Result<Option<Uuid>, RuntimeError> {
        let Some(loaded) = loaded else {
            return Ok(None);
        };
        if let Some(found) = found {
            let holds = decision.effect.permits();
            if !holds && momentary(&decision.readings) {
                // Refused by a budget or a limit that renews: what people gave is there when it does.
                return Ok(None);
            }
            if holds && found.refused {
                *decision = deny(
                    std::mem::take(decision),
                    "approval",
                    code::GRANT,
                    "the policies were changed since the approval was given and refused the action a \
                     moment ago; try again, or ask again"
                        .to_owned(),
                );
                return Ok(None);
            }
            let fence = Granted::at(found.approval, now).fence;
            if let Err(error) = self.claim(principal, found, loaded, holds, fence, now)
                && holds
            {
                let denied = deny(
                    std::mem::take(decision),
                    "approval",
                    code::GRANT,
                    format!("the approval cannot be used: {error}"),
                );
                *decision = denied;
            }
            return Ok(None);
        }
        if decision.effect == Effect::RequireApproval && options.reported.is_none() {
            self.request_approval(principal, action, prepared, decision, loaded, id, now)?;
            return Ok(Some(id));
        }
        Ok(None)
    }

    #[expect(clippy::too_many_arguments, reason = "the pieces of one record")]
    fn encode(
        &self,
        principal: &Principal,
        action: &Action,
        prepared: &Prepared,
        decision: &Decision,
        id: Uuid,
        now: UnixNanos,
        options: &CheckOptions,
        link: Option<&RunLink>,
        approval: Option<Uuid>,
    ) -> Result<Vec<u8>, RuntimeError> {
        let reported = options.reported.as_ref().map(|claimed| {
            serde_json::json!({"decision": claimed.decision, "risk_milli": claimed.risk_milli})
                .to_string()
        });
        decision_body(
            &RecordMeta {
                id: &id.to_string(),
                ts: &rfc3339(now),
                key: &options.key_id,
                assurance: "cooperative",
                source: action
                    .metadata
                    .get("source")
                    .and_then(|s| s.as_str())
                    .unwrap_or_default(),
                content: self.inner.content,
                run_seq: link.map_or(0, |l| l.seq),
                run_prev: link.and_then(|l| l.prev.as_ref()),
                approval: approval.map(|a| a.to_string()).as_deref(),
                reported: reported.as_deref(),
            },
            principal,
            action,
            prepared,
            decision,
        )
        .map_err(|e| RuntimeError::AuditUnavailable(e.to_string()))
    }
}

type Done<F> = Arc<std::sync::Mutex<Option<F>>>;

fn call<F: FnOnce(Result<Checked, RuntimeError>)>(
    done: &Done<F>,
    result: Result<Checked, RuntimeError>,
) {
    let done = done
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
        .take();
    if let Some(done) = done {
        done(result);
    }
}

/// Whether a limit or a budget refuses that has room again later, whatever the policies say.
fn momentary(readings: &Readings) -> bool {
    readings.ledger.iter().any(|l| l.verdict.refuses())
        || readings.limits.iter().any(|l| l.exceeded)
}

/// The decision, turned into a denial by the system itself.
pub(crate) fn deny(
    mut decision: Decision,
    id: &str,
    code: ReasonCode,
    message: String,
) -> Decision {
    for rule in &mut decision.fired {
        rule.decided = false;
    }
    decision.fired.push(FiredRule {
        id: Arc::from(id),
        kind: RuleKind::System,
        effect: Effect::Block,
        decided: true,
        errored: false,
    });
    decision.reasons.insert(0, Reason { code, message });
    decision.effect = Effect::Block;
    decision.decided = Effect::Block;
    decision
}
