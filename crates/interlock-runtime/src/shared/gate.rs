//! The gate: owner or client, whichever this process is just now.

use std::mem;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use interlock_core::approval::State;
use interlock_core::model::{Action, Outcome, Principal};
use interlock_store::journal::Durability;
use interlock_store::{ApprovalRow, journal};
use uuid::Uuid;

use super::error::GateError;
use super::link::{Link, Lost};
use super::message::{
    ApprovalRequest, CheckRequest, MESSAGE_BYTES_MAX, OutcomeRequest, Owner, OwnerKind,
    PauseRequest, PolicyEpoch, Request, Response, budgets, settings,
};
use super::model::action_json;
use super::socket::{Socket, policy};
use super::wire::Names;
use crate::Runtime;
use crate::check::{CheckOptions, Checked};
use crate::clock::new_id;
use crate::open::{OpenError, Options};
use crate::outcome::OutcomeReply;

/// The first and the longest pause between two attempts to find an owner or to become one.
const PAUSE_MIN: Duration = Duration::from_millis(2);
const PAUSE_MAX: Duration = Duration::from_millis(200);
/// How long one request of a longer wait for an approval is held.
const HOLD: Duration = Duration::from_secs(20);
/// How long the owner may take to answer beyond what it was asked to wait.
const ANSWER: Duration = Duration::from_secs(5);

/// How a gate is opened.
#[derive(Debug, Clone)]
pub struct GateOptions {
    /// How the directory is opened if this process owns it. A process takes over from another one
    /// only if both were started with the same policies, durability and content mode.
    pub runtime: Options,
    /// How long a call may take in all, a takeover in the middle of it included.
    pub patience: Duration,
}

impl GateOptions {
    /// The defaults on `data`: those of [`Options::on`], and ten seconds for a call.
    #[must_use]
    pub fn on(data: &Path) -> Self {
        Self {
            runtime: Options::on(data),
            patience: Duration::from_secs(10),
        }
    }
}

/// What this process is to a data directory.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// It decides.
    Owner(Owner),
    /// It asks the owner.
    Client(Owner),
    /// It was forked and has not asked since.
    Unconnected,
    /// The gate is closed.
    Closed,
}

impl Place {
    /// The owner, where it is known.
    #[must_use]
    pub fn owner(&self) -> Option<&Owner> {
        match self {
            Self::Owner(owner) | Self::Client(owner) => Some(owner),
            Self::Unconnected | Self::Closed => None,
        }
    }
}

/// Decides on actions, in this process or through the one that owns the data directory. Cheap to
/// clone; usable from any thread, and in forked children.
#[derive(Debug, Clone)]
pub struct Gate(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    options: GateOptions,
    seat: ArcSwap<Seat>,
}

/// What a process is for a while. Never changed, only replaced.
#[derive(Debug)]
struct Seat {
    /// The process that this holds for. In a forked child it does not, and must not be touched:
    /// its threads are gone and its locks may be held by them.
    process: u32,
    /// One of this process changes the seat at a time.
    turn: Arc<Turn>,
    /// What this process has learnt from owners; kept for good, so kept once.
    names: Arc<Names>,
    /// Whether this process may take over when the owner goes.
    successor: bool,
    role: Option<Role>,
}

#[derive(Debug)]
enum Role {
    Owner(Box<Owning>),
    Client(Link),
    Unconnected,
    Closed,
}

#[derive(Debug)]
struct Owning {
    // Before the runtime: what is underway is answered before the record is closed.
    socket: Socket,
    runtime: Runtime,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let role = self.role.take();
        if self.process == std::process::id() {
            if let Some(Role::Owner(owning)) = role {
                owning.end();
            }
        } else {
            mem::forget(role);
        }
    }
}

impl Owning {
    fn end(&self) {
        self.socket.close();
        self.runtime.close();
    }
}

/// Lets one thread in at a time, and no thread wait without end.
#[derive(Debug, Default)]
struct Turn {
    taken: Mutex<bool>,
    given: Condvar,
}

struct Taken<'a>(&'a Turn);

impl Turn {
    fn take(&self, deadline: Instant) -> Option<Taken<'_>> {
        let left = deadline.saturating_duration_since(Instant::now());
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut taken, _) = self
            .given
            .wait_timeout_while(taken, left, |taken| *taken)
            .unwrap_or_else(PoisonError::into_inner);
        if *taken {
            return None;
        }
        *taken = true;
        Some(Taken(self))
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        *self.0.taken.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.0.given.notify_one();
    }
}

/// What is left of a call's patience, and what it has met so far.
struct Attempt {
    started: Instant,
    deadline: Instant,
    /// Whether a request was sent that got no answer.
    unanswered: bool,
    why: &'static str,
}

impl Attempt {
    fn new(patience: Duration) -> Self {
        let started = Instant::now();
        Self {
            started,
            deadline: started + patience,
            unanswered: false,
            why: "it was not tried",
        }
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.deadline
    }
}

impl Gate {
    /// Opens a data directory: as its owner if nobody owns it, as a client otherwise.
    ///
    /// # Errors
    /// When the directory cannot be opened, or its owner cannot be asked.
    pub fn open(options: GateOptions) -> Result<Self, GateError> {
        let gate = Self(Arc::new(Inner {
            seat: ArcSwap::from_pointee(Seat {
                process: std::process::id(),
                turn: Arc::default(),
                names: Arc::default(),
                successor: true,
                role: Some(Role::Unconnected),
            }),
            options,
        }));
        let mut attempt = Attempt::new(gate.0.options.patience);
        let seat = gate.seat();
        gate.reseat(&seat, &mut attempt)?;
        Ok(gate)
    }

    /// Decides on an action and returns once the record is as durable as the owner's mode says.
    ///
    /// As [`Runtime::check`]. When the owner goes before it answers, the call is repeated under the
    /// same idempotency key (one is made where the action has none), so that one action is decided
    /// and charged once. A client's answer carries everything but the readings of state.
    ///
    /// # Errors
    /// When there is no decision; the action must not run.
    pub fn check(
        &self,
        principal: &Principal,
        mut action: Action,
        options: &CheckOptions,
    ) -> Result<Checked, GateError> {
        let mut attempt = Attempt::new(self.0.options.patience);
        let own_key = action.idempotency_key.is_empty();
        let mut message = None;
        loop {
            let seat = self.seat();
            let lost = match seat.role() {
                Role::Owner(owning) => {
                    let checked = owning.runtime.check(principal, action, options)?;
                    return Ok(plain(checked, own_key));
                }
                Role::Client(link) => {
                    let request = message.get_or_insert_with(|| {
                        if own_key {
                            action.idempotency_key = format!("auto-{}", new_id(self.now()));
                        }
                        Request::Check(Box::new(CheckRequest {
                            principal: principal.clone(),
                            options: options.clone(),
                            action: action_json(&action),
                        }))
                    });
                    match link.call(request, attempt.deadline) {
                        Ok(Response::Checked(checked)) => return Ok(plain(*checked, own_key)),
                        Ok(other) => return Err(self.failure(other)),
                        Err(lost) => Some(lost),
                    }
                }
                Role::Unconnected => None,
                Role::Closed => return Err(GateError::Closed),
            };
            self.lost(lost, &seat, &mut attempt)?;
        }
    }

    /// Takes the outcome of a decision, once. As [`Runtime::outcome`]; a repeated report of the
    /// same outcome, made because the owner went away, is answered like the first.
    ///
    /// # Errors
    /// When the outcome was not taken, or it is not known whether it was.
    pub fn outcome(
        &self,
        principal: &Principal,
        id: Uuid,
        outcome: &Outcome,
    ) -> Result<OutcomeReply, GateError> {
        let mut attempt = Attempt::new(self.0.options.patience);
        loop {
            let seat = self.seat();
            let again = attempt.unanswered;
            let lost = match seat.role() {
                Role::Owner(owning) => {
                    let reply = owning
                        .runtime
                        .outcome_again(principal, id, outcome, again)?;
                    return Ok(reply);
                }
                Role::Client(link) => {
                    let request = Request::Outcome(Box::new(OutcomeRequest {
                        principal: principal.clone(),
                        id,
                        outcome: outcome.clone(),
                        again,
                    }));
                    match link.call(&request, attempt.deadline) {
                        Ok(Response::Outcome(reply)) => return Ok(*reply),
                        Ok(other) => return Err(self.failure(other)),
                        Err(lost) => Some(lost),
                    }
                }
                Role::Unconnected => None,
                Role::Closed => return Err(GateError::Closed),
            };
            self.lost(lost, &seat, &mut attempt)?;
        }
    }

    /// One approval as it stands.
    ///
    /// # Errors
    /// As [`Runtime::approval`].
    pub fn approval(&self, principal: &Principal, id: &str) -> Result<ApprovalRow, GateError> {
        self.hold_approval(principal, id, Duration::ZERO)
    }

    /// One approval once it is decided, or as it stands after `patience`. Survives the owner: the
    /// wait goes on with the next one.
    ///
    /// # Errors
    /// As [`Runtime::approval`].
    pub fn wait_approval(
        &self,
        principal: &Principal,
        id: &str,
        patience: Duration,
    ) -> Result<ApprovalRow, GateError> {
        let until = Instant::now() + patience;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let row = self.hold_approval(principal, id, left.min(HOLD))?;
            if row.approval.state != State::Pending || Instant::now() >= until {
                return Ok(row);
            }
        }
    }

    fn hold_approval(
        &self,
        principal: &Principal,
        id: &str,
        hold: Duration,
    ) -> Result<ApprovalRow, GateError> {
        let mut attempt = Attempt::new(self.0.options.patience.max(hold + ANSWER));
        let until = attempt.started + hold;
        loop {
            let seat = self.seat();
            let hold = until.saturating_duration_since(Instant::now());
            let lost = match seat.role() {
                Role::Owner(owning) => {
                    return Ok(owning.socket.wait_approval(principal, id, hold)?);
                }
                Role::Client(link) => {
                    let request = Request::Approval(Box::new(ApprovalRequest {
                        principal: principal.clone(),
                        id: id.to_owned(),
                        hold_ms: u32::try_from(hold.as_millis()).unwrap_or(u32::MAX),
                    }));
                    match link.call(&request, attempt.deadline) {
                        Ok(Response::Approval(row)) => return Ok(*row),
                        Ok(other) => return Err(self.failure(other)),
                        Err(lost) => Some(lost),
                    }
                }
                Role::Unconnected => None,
                Role::Closed => return Err(GateError::Closed),
            };
            self.lost(lost, &seat, &mut attempt)?;
        }
    }

    /// Stops an agent: everything that it asks for is denied until a person ends the pause. As
    /// [`Runtime::pause_agent`].
    ///
    /// # Errors
    /// When the agent is not stopped.
    pub fn pause_agent(&self, tenant: &str, by: &str, agent_id: &str) -> Result<(), GateError> {
        let mut attempt = Attempt::new(self.0.options.patience);
        loop {
            let seat = self.seat();
            let lost = match seat.role() {
                Role::Owner(owning) => {
                    return Ok(owning.runtime.pause_agent(tenant, by, agent_id)?);
                }
                Role::Client(link) => {
                    let request = Request::Pause(Box::new(PauseRequest {
                        tenant: tenant.to_owned(),
                        by: by.to_owned(),
                        agent_id: agent_id.to_owned(),
                    }));
                    match link.call(&request, attempt.deadline) {
                        Ok(Response::Paused) => return Ok(()),
                        Ok(other) => return Err(self.failure(other)),
                        Err(lost) => Some(lost),
                    }
                }
                Role::Unconnected => None,
                Role::Closed => return Err(GateError::Closed),
            };
            self.lost(lost, &seat, &mut attempt)?;
        }
    }

    /// The policies in force for a tenant; `None` when the owner does not have it open.
    ///
    /// # Errors
    /// When there is no owner to ask.
    pub fn policy(&self, tenant: &str) -> Result<Option<PolicyEpoch>, GateError> {
        let mut attempt = Attempt::new(self.0.options.patience);
        loop {
            let seat = self.seat();
            let lost = match seat.role() {
                Role::Owner(owning) => return Ok(policy(&owning.runtime, tenant)),
                Role::Client(link) => {
                    let request = Request::Policy(tenant.to_owned());
                    match link.call(&request, attempt.deadline) {
                        Ok(Response::Policy(epoch)) => return Ok(epoch),
                        Ok(other) => return Err(self.failure(other)),
                        Err(lost) => Some(lost),
                    }
                }
                Role::Unconnected => None,
                Role::Closed => return Err(GateError::Closed),
            };
            self.lost(lost, &seat, &mut attempt)?;
        }
    }

    /// What this process is just now.
    #[must_use]
    pub fn place(&self) -> Place {
        match self.seat().role() {
            Role::Owner(owning) => Place::Owner(owning.socket.owner()),
            Role::Client(link) => Place::Client(link.owner().clone()),
            Role::Unconnected => Place::Unconnected,
            Role::Closed => Place::Closed,
        }
    }

    /// Whether calls are answered in this process and without waiting for a disk, just now: a thread
    /// that must not be held up, such as one with an event loop, may make them itself.
    #[must_use]
    pub fn answers_at_once(&self) -> bool {
        let writes = self.0.options.runtime.durability != Durability::Strict;
        writes && matches!(self.seat().role(), Role::Owner(_))
    }

    /// The runtime, while this process is the owner: for what only an owner does.
    #[must_use]
    pub fn runtime(&self) -> Option<Runtime> {
        match self.seat().role() {
            Role::Owner(owning) => Some(owning.runtime.clone()),
            _ => None,
        }
    }

    /// Ends this process's part. An owner answers what is underway, closes the record and gives
    /// the directory free at once; another process takes over when it next asks.
    pub fn close(&self) {
        let seat = self.seat();
        let closed = Arc::new(Seat {
            process: seat.process,
            turn: Arc::clone(&seat.turn),
            names: Arc::clone(&seat.names),
            successor: false,
            role: Some(Role::Closed),
        });
        let last = self.0.seat.swap(closed);
        if let Role::Owner(owning) = last.role() {
            owning.end();
        }
    }

    fn now(&self) -> interlock_core::model::UnixNanos {
        self.0.options.runtime.clock.now()
    }

    /// The seat of this process. In a forked child the parent's is left alone, for good: dropping
    /// it would wait for threads that this process does not have.
    fn seat(&self) -> Arc<Seat> {
        let seat = self.0.seat.load_full();
        let process = std::process::id();
        if seat.process == process {
            return seat;
        }
        let own = Arc::new(Seat {
            process,
            turn: Arc::default(),
            names: Arc::default(),
            successor: seat.successor,
            role: Some(match seat.role {
                Some(Role::Closed) => Role::Closed,
                _ => Role::Unconnected,
            }),
        });
        // Of several threads one wins; the others find what it put there.
        let _ = self.0.seat.compare_and_swap(&seat, own);
        mem::forget(seat);
        self.0.seat.load_full()
    }

    fn failure(&self, response: Response) -> GateError {
        let Response::Failure(failure) = response else {
            return self.refused("it answered something else than what it was asked");
        };
        match failure.into_error() {
            Ok(error) => GateError::Runtime(error),
            Err((code, message)) => GateError::Owner { code, message },
        }
    }

    fn data(&self) -> String {
        self.0.options.runtime.data.display().to_string()
    }

    fn refused(&self, why: impl Into<String>) -> GateError {
        GateError::Refused {
            data: self.data(),
            why: why.into(),
        }
    }

    fn unavailable(&self, attempt: &Attempt) -> GateError {
        GateError::Unavailable {
            data: self.data(),
            waited: attempt.started.elapsed(),
            why: attempt.why.to_owned(),
        }
    }

    /// After a call that got no answer: finds the next owner, or ends the call.
    fn lost(
        &self,
        lost: Option<Lost>,
        seat: &Arc<Seat>,
        attempt: &mut Attempt,
    ) -> Result<(), GateError> {
        match lost {
            None | Some(Lost::NotSent) => attempt.why = "there is no owner that answers",
            Some(Lost::Unanswered) => {
                attempt.unanswered = true;
                attempt.why = "the owner went away before it answered";
            }
            Some(Lost::TooLate) => {
                attempt.why = "the owner did not answer in time";
                return Err(self.unavailable(attempt));
            }
            Some(Lost::TooLarge(bytes)) => {
                return Err(GateError::TooLarge {
                    bytes,
                    max: MESSAGE_BYTES_MAX,
                });
            }
            Some(Lost::Refused(why)) => return Err(self.refused(why)),
        }
        if attempt.is_over() {
            return Err(self.unavailable(attempt));
        }
        self.reseat(seat, attempt)
    }

    /// Replaces `seen`, which no longer serves, unless another thread has done so.
    fn reseat(&self, seen: &Arc<Seat>, attempt: &mut Attempt) -> Result<(), GateError> {
        let Some(_turn) = seen.turn.take(attempt.deadline) else {
            return Err(self.unavailable(attempt));
        };
        if !Arc::ptr_eq(&self.0.seat.load_full(), seen) {
            return Ok(());
        }
        let role = self.find(seen, attempt)?;
        let successor = match &role {
            Role::Client(link) => link.owner().settings == self.settings(),
            _ => seen.successor,
        };
        let seat = Arc::new(Seat {
            process: seen.process,
            turn: Arc::clone(&seen.turn),
            names: Arc::clone(&seen.names),
            successor,
            role: Some(role),
        });
        // A gate that was closed meanwhile stays closed, and what was opened for it goes.
        drop(self.0.seat.compare_and_swap(seen, seat));
        Ok(())
    }

    /// What a runtime of these options would have as its settings.
    fn settings(&self) -> [u8; 32] {
        let options = &self.0.options.runtime;
        settings(&options.policies, options.durability, options.content)
    }

    /// Refuses an owner with other budgets than those of the file that this process was started with:
    /// a limit that somebody wrote down must hold. Without a file the owner's hold.
    fn same_budgets(&self, owner: &Owner) -> Result<(), GateError> {
        match &self.0.options.runtime.budgets {
            Some(of_file) if budgets(of_file.iter()) != owner.budgets => {
                Err(self.refused(format!(
                    "the owner, process {}, was started without this file of budgets or with another one, and the budgets of the owner hold for all: start it with the same file, or this process without one",
                    owner.process
                )))
            }
            _ => Ok(()),
        }
    }

    /// Connects to the owner, or becomes it, whichever comes first.
    fn find(&self, seen: &Seat, attempt: &mut Attempt) -> Result<Role, GateError> {
        let may_own = seen.successor;
        let options = &self.0.options.runtime;
        let mut pause = PAUSE_MIN;
        loop {
            // Where nobody holds the lock, a socket is left over; a forked child of the last owner may
            // even keep it open, and nobody would answer.
            let vacant = matches!(journal::holder(&options.data), Ok(None));
            let found = if vacant && may_own {
                Err(Lost::NotSent)
            } else {
                Link::connect(&options.data, &seen.names, attempt.deadline)
            };
            match found {
                Ok(link) => {
                    self.same_budgets(link.owner())?;
                    return Ok(Role::Client(link));
                }
                Err(Lost::Refused(why)) => return Err(self.refused(why)),
                Err(_) if !may_own => {
                    attempt.why = "the owner is gone, and this process was started with other policies, durability or content mode, so it does not take over";
                }
                Err(_) => match Runtime::open(options.clone()) {
                    Ok((runtime, _)) => {
                        let socket = Socket::serve(&runtime, &options.data, OwnerKind::Embedded)
                            .map_err(|source| {
                                runtime.close();
                                OpenError::Socket {
                                    path: options.data.display().to_string(),
                                    source,
                                }
                            })?;
                        return Ok(Role::Owner(Box::new(Owning { socket, runtime })));
                    }
                    Err(OpenError::InUse(_)) => {
                        attempt.why = "another process holds it and does not answer";
                    }
                    Err(error) => return Err(error.into()),
                },
            }
            let left = attempt.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(self.unavailable(attempt));
            }
            thread::sleep(jittered(pause).min(left));
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }
}

impl Seat {
    fn role(&self) -> &Role {
        self.role.as_ref().unwrap_or(&Role::Closed)
    }
}

/// Half to one and a half times `pause`, so that those who lost one owner do not all come at once.
fn jittered(pause: Duration) -> Duration {
    let mut random = [0; 2];
    // Without randomness they come at once.
    let _ = getrandom::fill(&mut random);
    pause / 2 + pause * u32::from(u16::from_le_bytes(random)) / u32::from(u16::MAX)
}

/// An answer to a call that had no key of its own is nobody's retry.
fn plain(checked: Checked, own_key: bool) -> Checked {
    Checked {
        replayed: checked.replayed && !own_key,
        ..checked
    }
}

#[cfg(test)]
mod tests;
