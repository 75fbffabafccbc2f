//! Deciding here, by a server's policies.

use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use interlock_core::audit::note::Verifier;
use interlock_core::model::{Action, Outcome, Principal};
use interlock_policy::{BundleError, Lease, LeaseError, Source, verify_bundle};
use interlock_store::ApprovalRow;
use interlock_store::journal::JournalError;
use uuid::Uuid;

use super::address::ServerAddress;
use super::connection::ConnectionOptions;
use super::error::ServerError;
use super::held::{Held, Identity};
use super::own::{self, Own, locked};
use super::unavailable::{OnUnavailable, Otherwise};
use super::{api, queue};
use crate::check::{CheckOptions, Checked};
use crate::clock::{Clock as _, SystemClock};
use crate::error::RuntimeError;
use crate::open::Options;
use crate::outcome::OutcomeReply;
use crate::shared::{Gate, GateError, GateOptions};
use crate::{APPROVAL_FIELD, Runtime};

/// How often the server is asked for a lease: a stop reaches this process within this time.
const POLL: Duration = Duration::from_secs(1);
/// How often the record is looked at for what the server does not have.
const SEND: Duration = Duration::from_millis(250);
/// How long a lease may take to come.
const LEASE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a closing process tries to send what is left.
const LAST_TRY: Duration = Duration::from_secs(2);

/// How a connected client is opened.
#[derive(Debug, Clone)]
pub struct ConnectedOptions {
    /// The server.
    pub server: ServerAddress,
    /// Its key in C2SP form, if it is known; else the first one that is met is kept and trusted.
    pub vkey: Option<String>,
    /// What happens when it does not answer.
    pub on_unavailable: OnUnavailable,
    /// How long a question to the server may take in all.
    pub timeout: Duration,
    /// The data directory and how it is kept; policies are the server's.
    pub gate: GateOptions,
    /// What may be decided when no lease holds.
    pub connection: ConnectionOptions,
    /// Entries of the record that may wait for the server; past them nothing more runs without it.
    pub waiting_max: u64,
}

impl ConnectedOptions {
    /// The defaults for `server` on the data directory `data`: a server that is trusted when it is
    /// first met, everything closed, five seconds for a question.
    #[must_use]
    pub fn on(data: &std::path::Path, server: ServerAddress) -> Self {
        Self {
            server,
            vkey: None,
            on_unavailable: OnUnavailable::default(),
            timeout: Duration::from_secs(5),
            gate: GateOptions::on(data),
            connection: ConnectionOptions::new(true),
            waiting_max: queue::WAITING_MAX,
        }
    }
}

/// How a connected client stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Standing {
    /// Whether this process is the one of its data directory that speaks with the server; the rest
    /// is known to that one alone.
    pub owner: bool,
    /// Whether a lease holds.
    pub leased: bool,
    /// The number of the bundle in force; 0 when there is none.
    pub bundle: u64,
    /// Records that the server may not have.
    pub waiting: u64,
    /// Records that the server will not have: `server/refused.jsonl` in the data directory names
    /// them.
    pub refused: u64,
    /// Why the last question to the server got no answer.
    pub problem: Option<String>,
    /// Why records could not be sent at last.
    pub upload_problem: Option<String>,
}

/// Decides in this process by the policies of a server. Cheap to clone; usable from any thread, and
/// in forked children.
#[derive(Debug, Clone)]
pub struct Connected(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    gate: Gate,
    options: ConnectedOptions,
    held: Held,
    own: ArcSwap<Own>,
    clock: SystemClock,
}

/// Why something between this process and the server did not succeed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error("cannot keep what the server said: {0}")]
    Disk(#[from] std::io::Error),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
}

impl Trouble {
    /// As what the caller learns.
    fn into_error(self, server: &super::http::Server) -> ServerError {
        match self {
            Self::Server(error) => error,
            Self::Disk(error) => ServerError::Configuration(error.to_string()),
            other => server.untrusted(other),
        }
    }
}

/// The policies of a data directory that has not met its server: nothing with an effect is allowed.
fn nothing() -> Vec<Source> {
    vec![Source::new(
        "before-the-server.yaml",
        "interlock: 1\ndefault: block\n",
    )]
}

impl Connected {
    /// Opens the data directory and asks the server for its policies. A server that does not answer
    /// is waited for in the background: until it does, the last policies hold for what has no side
    /// effect, and nothing else runs.
    ///
    /// # Errors
    /// When the data directory cannot be opened, or the server refuses the key or is not the one
    /// that is trusted.
    pub fn open(mut options: ConnectedOptions) -> Result<Self, GateError> {
        let own = Own::new(&options.server)?;
        if let Some(vkey) = &options.vkey {
            Verifier::parse(vkey).map_err(|e| {
                ServerError::Configuration(format!("`server_key` is not a key of a server: {e}"))
            })?;
        }
        let data: PathBuf = options.gate.runtime.data.clone();
        let held = Held::open(&data).map_err(|e| disk(&e))?;
        options.gate.runtime = Options {
            policies: nothing(),
            connection: Some(options.connection),
            ..options.gate.runtime
        };
        let gate = Gate::open(options.gate.clone())?;
        let connected = Self(Arc::new(Inner {
            gate,
            options,
            held,
            own: ArcSwap::from_pointee(own),
            clock: SystemClock::default(),
        }));
        let own = connected.0.own.load_full();
        if let Some(runtime) = connected.0.gate.runtime() {
            match connected.0.renew(&runtime, &own) {
                Ok(()) => {}
                Err(Trouble::Server(error)) if error.is_unavailable() => {
                    tracing::warn!(%error, "the server does not answer yet");
                    own.note(Some(error.to_string()));
                }
                Err(trouble) => {
                    connected.0.gate.close();
                    return Err(trouble.into_error(&own.server).into());
                }
            }
        }
        connected.begin(&own);
        Ok(connected)
    }

    /// The part of this process, with its threads.
    pub(super) fn own(&self) -> Result<Arc<Own>, ServerError> {
        own::of(&self.0.own, &self.0.options.server, |own| self.begin(own))
    }

    fn begin(&self, own: &Arc<Own>) {
        for (name, every, work) in [
            ("interlock-lease", POLL, Inner::keep as Work),
            ("interlock-record", SEND, Inner::send as Work),
        ] {
            let (inner, part) = (Arc::downgrade(&self.0), Arc::clone(own));
            let spawned = thread::Builder::new()
                .name(name.to_owned())
                .spawn(move || repeat(&inner, &part, every, work));
            match spawned {
                Ok(thread) => locked(&own.threads).push(thread),
                // Without it the lease runs out, and side effects are denied.
                Err(error) => tracing::error!(%error, "cannot start a thread"),
            }
        }
    }

    /// Decides on an action, here or at the server.
    ///
    /// The server decides what one process cannot: where a person must agree, where a rule has a
    /// limit or an agent a budget, and for agents that are configured there.
    ///
    /// # Errors
    /// When there is no decision; the action must not run.
    pub fn check(
        &self,
        principal: &Principal,
        action: Action,
        options: &CheckOptions,
    ) -> Result<Checked, GateError> {
        let own = self.own()?;
        let inner = &*self.0;
        let otherwise = inner
            .options
            .on_unavailable
            .of(&action.tool, &action.environment.name);
        let claims = action.metadata.get(APPROVAL_FIELD).is_some();
        let open = otherwise == Otherwise::Open && !claims;
        let mut options = CheckOptions {
            open,
            ..options.clone()
        };
        let mut kept = action.clone();
        match inner.gate.check(principal, action, &options) {
            Err(error) if is_at_server(&error) => {}
            answered => return answered,
        }
        if options.floor.is_some() {
            return Err(ServerError::Configuration(
                "the server decides on this action, and takes no limits of its client's own"
                    .to_owned(),
            )
            .into());
        }
        let key = kept.idempotency_key.clone();
        let (timeout, now) = (inner.options.timeout, inner.clock.now());
        match own.server.check(&mut kept, &own.names, timeout, now) {
            Ok(checked) => {
                own.there.insert(checked.id);
                Ok(checked)
            }
            Err(error) if open && error.is_unavailable() => {
                kept.idempotency_key = key;
                let why = error.to_string();
                options.without_server = Some(why.chars().take(500).collect());
                match inner.gate.check(principal, kept, &options) {
                    Err(refused) if is_at_server(&refused) => Err(error.into()),
                    answered => answered,
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Takes the outcome of a decision, once, where it was made.
    ///
    /// # Errors
    /// When it was not taken, or it is not known whether it was.
    pub fn outcome(
        &self,
        principal: &Principal,
        id: Uuid,
        outcome: &Outcome,
    ) -> Result<OutcomeReply, GateError> {
        let own = self.own()?;
        if !own.there.has(id) {
            match self.0.gate.outcome(principal, id, outcome) {
                // Another process may have asked the server.
                Err(GateError::Runtime(RuntimeError::NotFound(_))) => {}
                answered => return answered,
            }
        }
        let timeout = self.0.options.timeout;
        Ok(own.server.outcome(id, outcome, timeout)?)
    }

    /// An approval once it is decided, or as it stands after `patience`: they are the server's.
    ///
    /// # Errors
    /// When there is none of this id, or the server does not answer.
    pub fn approval(&self, id: &str, patience: Duration) -> Result<ApprovalRow, GateError> {
        let own = self.own()?;
        Ok(own.server.approval(id, patience, self.0.options.timeout)?)
    }

    /// How long a question to the server may take in all.
    pub(super) fn timeout(&self) -> Duration {
        self.0.options.timeout
    }

    /// The gate to the data directory.
    #[must_use]
    pub fn gate(&self) -> &Gate {
        &self.0.gate
    }

    /// How this process stands with the server.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let inner = &*self.0;
        let own = self.own().ok();
        let problem = own.as_ref().and_then(|own| own.problem());
        let Some(runtime) = inner.gate.runtime() else {
            return Standing {
                problem,
                ..Standing::default()
            };
        };
        let mut upload_problem = own
            .as_ref()
            .and_then(|own| locked(&own.upload_problem).clone());
        let refused = match own.as_ref().map(|own| own.refused_count(&inner.held)) {
            Some(Ok(refused)) => refused,
            Some(Err(error)) => {
                upload_problem.get_or_insert(format!("cannot read what was refused: {error}"));
                0
            }
            None => 0,
        };
        let size = runtime
            .journal()
            .head(crate::DEFAULT_TENANT)
            .map_or(0, |head| head.size);
        let sent = inner.held.sent().ok().flatten().unwrap_or(0);
        Standing {
            owner: true,
            leased: runtime.lease_holds(),
            bundle: runtime
                .bundle(crate::DEFAULT_TENANT)
                .map_or(0, |loaded| loaded.number),
            waiting: size.saturating_sub(sent),
            refused,
            problem,
            upload_problem,
        }
    }

    /// Ends this process's part: what is on record is sent if the server answers within two
    /// seconds, and is sent by the next process that opens the directory if it does not.
    pub fn close(&self) {
        let Ok(own) = self.own() else { return };
        own.end();
        if let Some(runtime) = self.0.gate.runtime()
            && runtime.lease_holds()
            && let Err(trouble) = queue::send(
                &runtime,
                &self.0.held,
                &own,
                self.0.options.waiting_max,
                LAST_TRY,
            )
        {
            tracing::warn!(%trouble, "some of the record is sent when the directory is next opened");
        }
        self.0.gate.close();
    }
}

/// Work of a thread, done again and again.
type Work = fn(&Inner, &Own);

fn repeat(inner: &Weak<Inner>, own: &Own, every: Duration, work: Work) {
    while own.stop.wait(every) {
        let Some(inner) = inner.upgrade() else {
            return;
        };
        work(&inner, own);
    }
}

fn is_at_server(error: &GateError) -> bool {
    error.code() == RuntimeError::AtServer.code()
}

fn disk(error: &std::io::Error) -> ServerError {
    ServerError::Configuration(format!("cannot keep what the server says: {error}"))
}

impl Inner {
    /// Asks for a lease, if this process is the one that decides.
    fn keep(&self, own: &Own) {
        let Some(runtime) = self.gate.runtime() else {
            return;
        };
        let renewed = self.renew(&runtime, own);
        if let Err(trouble) = &renewed {
            // A key that is refused now is as good as no server.
            let untrusted = matches!(trouble, Trouble::Server(error) if !error.is_unavailable());
            if untrusted {
                runtime.distrust(true);
            }
            // The clock of this machine may have been set back: what counts is how long it was.
            if untrusted || own.lease_is_over() {
                runtime.end_lease();
            }
            tracing::warn!(%trouble, "no lease");
        }
        own.note(renewed.err().map(|trouble| trouble.to_string()));
    }

    fn renew(&self, runtime: &Runtime, own: &Own) -> Result<(), Trouble> {
        if self.held.sent()?.is_none() {
            // What was recorded before this directory was connected is its own affair.
            let before = runtime
                .journal()
                .head(crate::DEFAULT_TENANT)
                .map_or(0, |head| head.size);
            self.held.set_sent(before)?;
        }
        let server = &own.server;
        let mut random = [0; 16];
        getrandom::fill(&mut random)
            .map_err(|e| ServerError::Configuration(format!("no random numbers: {e}")))?;
        let nonce = interlock_core::audit::hex(&random);
        let (asked, at) = (Instant::now(), runtime.now());
        let timeout = LEASE_TIMEOUT.min(self.options.timeout);
        let offered = server.lease(&nonce, timeout)?;
        let known = self.held.identity()?;
        let trusted = match (&self.options.vkey, &known) {
            (Some(given), Some(known)) if *given != known.vkey => {
                return Err(server
                    .untrusted("this data directory belongs to a server of another key")
                    .into());
            }
            (Some(given), _) => given.clone(),
            (None, Some(known)) => known.vkey.clone(),
            (None, None) => offered.vkey.clone(),
        };
        let key = Verifier::parse(&trusted).map_err(|e| server.untrusted(e))?;
        let lease = Lease::verify(&offered.note, &key, &nonce)
            .map_err(|e: LeaseError| server.untrusted(e))?;
        if let Some(known) = &known
            && known.tenant != lease.tenant
        {
            return Err(server
                .untrusted(format!(
                    "the key is of tenant `{}`, this data directory is of `{}`",
                    lease.tenant, known.tenant
                ))
                .into());
        }
        self.take_bundle(
            runtime,
            own,
            &lease,
            &key,
            known.is_none().then_some(&trusted),
        )?;
        let valid = Duration::from_millis(u64::from(lease.valid_ms));
        let until = at.saturating_add(i64::try_from(valid.as_nanos()).unwrap_or(0));
        runtime.take_lease(&lease, until, &self.held)?;
        runtime.distrust(false);
        own.leased_until(asked + valid);
        // Its agent is stopped by now.
        *locked(&own.rollbacks) = lease.rollbacks;
        Ok(())
    }

    /// Puts the bundle of a lease in force, unless it is.
    fn take_bundle(
        &self,
        runtime: &Runtime,
        own: &Own,
        lease: &Lease,
        key: &Verifier,
        first: Option<&String>,
    ) -> Result<(), Trouble> {
        let server = &own.server;
        let in_force = runtime.bundle(crate::DEFAULT_TENANT);
        let same = in_force.as_ref().is_some_and(|loaded| {
            loaded.number == lease.bundle
                && interlock_core::audit::hex(&loaded.sources_digest) == lease.sources
        });
        if same {
            return Ok(());
        }
        let bytes = server.bundle()?;
        let held = self.held.manifest()?;
        let bundle = verify_bundle(&bytes, key, &lease.tenant, held.as_ref())
            .map_err(|e: BundleError| server.untrusted(e))?;
        if !api::matches(&bundle, lease.bundle) {
            return Err(server
                .untrusted("its bundle is older than its lease says")
                .into());
        }
        if !bundle.same_program {
            tracing::warn!(
                "a built-in bundle differs between this version and the server's; decisions may differ"
            );
        }
        if let Some(vkey) = first {
            self.held.set_identity(&Identity {
                vkey: vkey.clone(),
                tenant: lease.tenant.clone(),
            })?;
        }
        self.held.set_bundle(&bytes)?;
        runtime.take_bundle(bundle)?;
        Ok(())
    }

    /// Sends what the server does not have of the record, if this process is the one that decides.
    fn send(&self, own: &Own) {
        let Some(runtime) = self.gate.runtime() else {
            return;
        };
        let size = runtime
            .journal()
            .head(crate::DEFAULT_TENANT)
            .map_or(0, |head| head.size);
        let sent = self.held.sent().ok().flatten().unwrap_or(0);
        runtime.connection_full(size.saturating_sub(sent) > self.options.waiting_max);
        if !runtime.lease_holds() {
            // Nobody is there, or it is not the server that is trusted.
            return;
        }
        let sent = queue::send(
            &runtime,
            &self.held,
            own,
            self.options.waiting_max,
            self.options.timeout,
        );
        if let Err(trouble) = &sent {
            tracing::warn!(%trouble, "the record waits to be sent");
        }
        *locked(&own.upload_problem) = sent.err().map(|trouble| trouble.to_string());
    }
}

impl Own {
    fn note(&self, problem: Option<String>) {
        *locked(&self.problem) = problem;
    }

    fn problem(&self) -> Option<String> {
        locked(&self.problem).clone()
    }

    fn refused_count(&self, held: &Held) -> std::io::Result<u64> {
        let mut list = locked(&self.refused);
        list.get_or_insert_with(|| held.refused()).count()
    }

    fn leased_until(&self, until: Instant) {
        *locked(&self.leased) = Some(until);
    }

    fn lease_is_over(&self) -> bool {
        locked(&self.leased).is_none_or(|until| Instant::now() >= until)
    }
}
