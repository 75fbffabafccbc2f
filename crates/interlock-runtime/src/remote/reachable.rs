//! A server that decides about everything.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use interlock_core::detectors::{self, DetectorConfig};
use interlock_core::model::reason::code;
use interlock_core::model::{
    Action, Decision, Effect, Findings, FiredRule, Outcome, Reason, RuleKind, Value, Vector,
};
use interlock_store::ApprovalRow;
use uuid::Uuid;

use super::address::ServerAddress;
use super::error::ServerError;
use super::own::{self, Own};
use super::spool::Spool;
use super::unavailable::{OnUnavailable, Otherwise};
use crate::APPROVAL_FIELD;
use crate::check::Checked;
use crate::clock::{Clock, SystemClock, new_id};
use crate::outcome::OutcomeReply;
use crate::shared::model::action_json;

/// How a remote client is opened.
#[derive(Debug, Clone)]
pub struct RemoteOptions {
    /// The server.
    pub server: ServerAddress,
    /// Where actions are kept that run without the server; needed only if some may.
    pub data: PathBuf,
    /// What happens when it does not answer.
    pub on_unavailable: OnUnavailable,
    /// How long a call may take in all.
    pub timeout: Duration,
}

/// Asks a server about everything. Cheap to clone; usable from any thread, and in forked children.
#[derive(Debug, Clone)]
pub struct Remote(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    options: RemoteOptions,
    own: ArcSwap<Own>,
    clock: SystemClock,
    spool: Option<Arc<Spool>>,
    /// Whether a thread sends what was kept.
    sending: Arc<AtomicBool>,
}

impl Remote {
    /// Checks how the server is to be asked; whether it answers shows at the first call.
    ///
    /// # Errors
    /// When it cannot be asked like this, or what runs without it could not be kept.
    pub fn open(options: RemoteOptions) -> Result<Self, ServerError> {
        let own = Own::new(&options.server)?;
        let spool = options
            .on_unavailable
            .is_open_somewhere()
            .then(|| Spool::open(&options.data))
            .transpose()
            .map_err(|e| {
                ServerError::Configuration(format!(
                    "cannot use data directory `{}`: {e}",
                    options.data.display()
                ))
            })?;
        Ok(Self(Arc::new(Inner {
            options,
            own: ArcSwap::from_pointee(own),
            clock: SystemClock::default(),
            spool: spool.map(Arc::new),
            sending: Arc::default(),
        })))
    }

    fn own(&self) -> Result<Arc<Own>, ServerError> {
        let inner = &self.0;
        own::of(&inner.own, &inner.options.server, |_| {
            // The thread that sent is the parent's.
            inner.sending.store(false, Ordering::SeqCst);
        })
    }

    /// Decides on an action.
    ///
    /// Without an answer in time the action does not run, unless it is `open`: then it is kept on
    /// disk for the server first, and the decision's first reason is `server.open`.
    ///
    /// # Errors
    /// When there is no decision; the action must not run.
    pub fn check(&self, mut action: Action) -> Result<Checked, ServerError> {
        let own = self.own()?;
        let options = &self.0.options;
        let now = self.0.clock.now();
        match own
            .server
            .check(&mut action, &own.names, options.timeout, now)
        {
            Ok(checked) => {
                self.send_kept(&own);
                Ok(checked)
            }
            Err(error) if error.is_unavailable() => self.without(&own, action, error),
            Err(error) => Err(error),
        }
    }

    /// What becomes of an action on which nobody decides.
    fn without(
        &self,
        own: &Own,
        mut action: Action,
        error: ServerError,
    ) -> Result<Checked, ServerError> {
        let otherwise = self
            .0
            .options
            .on_unavailable
            .of(&action.tool, &action.environment.name);
        let spool = match &self.0.spool {
            // What a person was asked about is never let run by nobody.
            Some(spool)
                if otherwise == Otherwise::Open
                    && action.metadata.get(APPROVAL_FIELD).is_none() =>
            {
                spool
            }
            _ => return Err(error),
        };
        let now = self.0.clock.now();
        let id = new_id(now);
        let why: String = error.to_string().chars().take(500).collect();
        let asked = action.idempotency_key;
        action.idempotency_key = format!("open-{id}");
        action.metadata.insert("decision", Value::from("open"));
        action
            .metadata
            .insert("without_server", Value::from(why.as_str()));
        action
            .metadata
            .insert("decision_id", Value::from(id.to_string().as_str()));
        if !asked.starts_with("auto-") {
            // The check itself may have arrived.
            action.metadata.insert("asked_as", Value::from(&*asked));
        }
        spool
            .put(&action_json(&action))
            .map_err(|e| ServerError::Unrecorded(e.to_string()))?;
        own.undecided.insert(id);
        tracing::warn!(tool = %action.tool, %error, "an action runs without a decision, as configured");
        Ok(Checked {
            id,
            at: now,
            agent_id: action.agent_id,
            action_type: action.action_type.name().to_owned(),
            resource: action.resource,
            decision: Arc::new(Decision {
                effect: Effect::Alert,
                decided: Effect::Alert,
                reasons: vec![Reason {
                    code: code::OPEN,
                    message: format!("it is configured to run without a decision: {why}"),
                }],
                fired: vec![FiredRule {
                    id: Arc::from("on-unavailable"),
                    kind: RuleKind::System,
                    effect: Effect::Alert,
                    decided: true,
                    errored: false,
                }],
                ..Decision::default()
            }),
            seq: 0,
            leaf: [0; 32],
            approval_id: None,
            replayed: false,
        })
    }

    /// Sends what was kept, in a thread of its own.
    fn send_kept(&self, own: &Arc<Own>) {
        let Some(spool) = &self.0.spool else { return };
        if spool.is_empty() || self.0.sending.swap(true, Ordering::SeqCst) {
            return;
        }
        let (spool, own) = (Arc::clone(spool), Arc::clone(own));
        let (sending, timeout) = (Arc::clone(&self.0.sending), self.0.options.timeout);
        let sent = Arc::clone(&own);
        let spawned = std::thread::Builder::new()
            .name("interlock-kept".to_owned())
            .spawn(move || {
                send_all(&spool, &own, timeout);
                sending.store(false, Ordering::SeqCst);
            });
        match spawned {
            Ok(thread) => {
                let mut threads = own::locked(&sent.threads);
                threads.retain(|thread| !thread.is_finished());
                threads.push(thread);
            }
            Err(error) => {
                tracing::warn!(%error, "cannot start a thread");
                self.0.sending.store(false, Ordering::SeqCst);
            }
        }
    }

    /// Takes the outcome of a decision, once.
    ///
    /// # Errors
    /// When it was not taken, or it is not known whether it was.
    pub fn outcome(&self, id: Uuid, outcome: &Outcome) -> Result<OutcomeReply, ServerError> {
        let own = self.own()?;
        if own.undecided.has(id) {
            // The server does not know this decision; the result is scanned all the same.
            return Ok(scanned(outcome));
        }
        own.server.outcome(id, outcome, self.0.options.timeout)
    }

    /// An approval once it is decided, or as it stands after `patience`.
    ///
    /// # Errors
    /// When there is none of this id, or the server does not answer.
    pub fn approval(&self, id: &str, patience: Duration) -> Result<ApprovalRow, ServerError> {
        let own = self.own()?;
        own.server.approval(id, patience, self.0.options.timeout)
    }

    /// Ends the threads of this process, after a last try to send what was kept.
    pub fn close(&self) {
        let Ok(own) = self.own() else { return };
        if let Some(spool) = &self.0.spool
            && !spool.is_empty()
            && !self.0.sending.load(Ordering::SeqCst)
        {
            send_all(
                spool,
                &own,
                Duration::from_secs(1).min(self.0.options.timeout),
            );
        }
        own.end();
    }
}

fn send_all(spool: &Spool, own: &Own, timeout: Duration) {
    let drained = spool.drain(|line| match own.server.report(line, timeout) {
        Err(error) if error.is_unavailable() || error.is_credential() => Err(error),
        Err(error) => {
            tracing::error!(%error, "the server will not record an action that ran without it; it is put aside");
            match spool.put_aside(line) {
                Ok(()) => Ok(()),
                Err(kept) => Err(ServerError::Unrecorded(kept.to_string())),
            }
        }
        Ok(()) => Ok(()),
    });
    match drained {
        Ok(Ok(0)) => {}
        Ok(Ok(sent)) => tracing::info!(sent, "the server has what ran without it"),
        Ok(Err(error)) => tracing::info!(%error, "what ran without the server is kept"),
        Err(error) => tracing::error!(%error, "what ran without the server cannot be read"),
    }
}

/// The answer to an outcome that nobody records.
fn scanned(outcome: &Outcome) -> OutcomeReply {
    let mut findings = Findings::default();
    if let Some(text) = outcome.result.as_deref() {
        detectors::scan_result(text, &DetectorConfig::default(), &mut findings);
    }
    OutcomeReply {
        tainted: findings.has(Vector::PromptInjection),
        findings,
        seq: 0,
    }
}
