//! The owner's side: the socket in the data directory, and a thread for each client.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use interlock_core::approval::State;
use interlock_core::model::{Action, Principal};
use interlock_store::ApprovalRow;

use super::address::{Address, Peer, SOCKET};
use super::frame::{Broken, Frames};
use super::message::{
    ApprovalRequest, CheckRequest, Failure, GREETING_BYTES_MAX, Hello, MESSAGE_BYTES_MAX,
    OutcomeRequest, Owner, OwnerKind, PauseRequest, PolicyEpoch, Request, Response, VERSION,
    Welcome,
};
use super::wire::{Names, decode, encode};
use crate::Runtime;
use crate::error::RuntimeError;
use crate::outcome::OutcomeReply;

/// Connections served at once, each by a thread; who comes later is told to try again.
pub const CONNECTIONS_MAX: usize = 256;
/// How long a connection may be silent.
const IDLE: Duration = Duration::from_secs(60);
/// How long a client may take to say who it is.
const GREETING: Duration = Duration::from_secs(2);
/// How long one request may wait for an approval; the client asks again.
const HOLD_MAX: Duration = Duration::from_secs(30);
/// How long a stopping owner waits for requests that are underway.
const GRACE: Duration = Duration::from_secs(5);
/// Stack of a thread that serves a connection; everything that recurses has a depth.
const STACK_BYTES: usize = 2 * 1024 * 1024;

/// Serves a data directory to the other processes of the same user.
#[derive(Debug)]
pub struct Socket {
    shared: Arc<Shared>,
    accepting: Mutex<Option<JoinHandle<()>>>,
    /// Another handle on what the accepting thread waits for.
    listener: UnixListener,
}

#[derive(Debug)]
struct Shared {
    runtime: Runtime,
    owner: Mutex<Owner>,
    data: PathBuf,
    closing: AtomicBool,
    connections: Mutex<Connections>,
    /// Told when a connection ends.
    ended: Condvar,
    changes: Arc<Changes>,
}

#[derive(Debug, Default)]
struct Connections {
    next: u64,
    open: BTreeMap<u64, UnixStream>,
}

/// Counts changes of approvals, for those who wait for one.
#[derive(Debug, Default)]
struct Changes {
    count: Mutex<u64>,
    changed: Condvar,
}

impl Changes {
    fn count(&self) -> u64 {
        *locked(&self.count)
    }

    fn tell(&self) {
        *locked(&self.count) += 1;
        self.changed.notify_all();
    }

    /// Waits until there was a change after `seen`, or for `patience`.
    fn wait(&self, seen: u64, patience: Duration) {
        let count = locked(&self.count);
        drop(
            self.changed
                .wait_timeout_while(count, patience, |count| *count == seen),
        );
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Socket {
    /// Makes the socket in `data`, which `runtime` must own, and serves it until [`Self::close`].
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub fn serve(runtime: &Runtime, data: &Path, kind: OwnerKind) -> io::Result<Self> {
        let listener = listen(data)?;
        let accepted = listener.try_clone()?;
        let changes = Arc::new(Changes::default());
        let told = Arc::clone(&changes);
        runtime.on_approval_change(move |_, _| told.tell());
        let owner = Owner {
            process: std::process::id(),
            epoch: runtime.journal().epoch(),
            kind,
            settings: runtime.settings_digest(),
            budgets: runtime.budgets_digest(),
        };
        let shared = Arc::new(Shared {
            runtime: runtime.clone(),
            owner: Mutex::new(owner),
            data: data.to_owned(),
            closing: AtomicBool::new(false),
            connections: Mutex::default(),
            ended: Condvar::new(),
            changes,
        });
        let serving = Arc::clone(&shared);
        let accepting = thread::Builder::new()
            .name("interlock-accept".to_owned())
            .spawn(move || accept(&serving, &accepted))?;
        Ok(Self {
            shared,
            accepting: Mutex::new(Some(accepting)),
            listener,
        })
    }

    /// What clients are told of this process.
    #[must_use]
    pub fn owner(&self) -> Owner {
        locked(&self.shared.owner).clone()
    }

    /// Stops serving: no new connection, and what is underway is answered, or has five seconds for
    /// it. The socket is removed. To be called before the runtime is closed.
    pub fn close(&self) {
        if self.shared.closing.swap(true, Ordering::SeqCst) {
            return;
        }
        // Gone before the lock is, so that nobody removes the socket of the next owner.
        if let Err(error) = fs::remove_file(self.shared.data.join(SOCKET))
            && error.kind() != ErrorKind::NotFound
        {
            tracing::warn!(%error, "cannot remove the socket; the next owner will");
        }
        // Wakes the accepting thread, and reaches copies of the socket in forked children too.
        let _ = rustix::net::shutdown(&self.listener, rustix::net::Shutdown::Both);
        let thread = locked(&self.accepting).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
        self.shared.changes.tell();
        let mut connections = locked(&self.shared.connections);
        for stream in connections.open.values() {
            // Of a request that is underway the answer can still be written.
            let _ = stream.shutdown(std::net::Shutdown::Read);
        }
        let until = Instant::now() + GRACE;
        while !connections.open.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                tracing::warn!(
                    open = connections.open.len(),
                    "some requests of other processes did not finish in time and were cut off"
                );
                break;
            }
            connections = self
                .shared
                .ended
                .wait_timeout(connections, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.close();
    }
}

/// Makes the socket. Whoever calls this holds the lock, so what is there now is left over. It gets
/// its name only with its final mode: nobody else can connect in between, or put one in its place.
fn listen(data: &Path) -> io::Result<UnixListener> {
    let temporary = format!("{SOCKET}.new");
    let (address, target) = (Address::of(data, &temporary)?, data.join(SOCKET));
    let made = data.join(&temporary);
    match fs::remove_file(&made) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&address.path)?;
    fs::set_permissions(&made, fs::Permissions::from_mode(0o600))?;
    fs::rename(&made, &target)?;
    Ok(listener)
}

fn accept(shared: &Arc<Shared>, listener: &UnixListener) {
    loop {
        let accepted = listener.accept();
        if shared.closing.load(Ordering::SeqCst) {
            return;
        }
        match accepted {
            Ok((stream, _)) => admit(shared, stream),
            Err(error) => {
                // Out of file descriptors, as a rule: wait for some to be given back.
                tracing::warn!(%error, "cannot accept a connection of another process");
                thread::sleep(Duration::from_millis(50));
            }
        }
    }
}

/// Gives a connection its thread, or turns it away.
fn admit(shared: &Arc<Shared>, stream: UnixStream) {
    match Peer::of(&stream) {
        Ok(peer) if peer.is_trusted() => {}
        Ok(peer) => {
            tracing::warn!(
                user = peer.user,
                process = peer.process,
                "a process of another user was turned away from the data directory's socket"
            );
            return;
        }
        Err(error) => {
            tracing::warn!(%error, "cannot tell who connects, so it is turned away");
            return;
        }
    }
    let (Ok(handle), Ok(mut frames)) = (stream.try_clone(), Frames::new(stream)) else {
        return;
    };
    let mut connections = locked(&shared.connections);
    if connections.open.len() >= CONNECTIONS_MAX {
        drop(connections);
        // A greeting fits into the socket's buffer: this does not wait.
        let _ = frames.send(&encode(&Welcome::Busy));
        return;
    }
    connections.next += 1;
    let id = connections.next;
    connections.open.insert(id, handle);
    drop(connections);
    let serving = Arc::clone(shared);
    let spawned = thread::Builder::new()
        .name("interlock-client".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(move || {
            // A failure in one connection is that connection's end.
            let _ = catch_unwind(AssertUnwindSafe(|| converse(&serving, frames)));
            end(&serving, id);
        });
    if let Err(error) = spawned {
        tracing::warn!(%error, "cannot start a thread for a connection");
        end(shared, id);
    }
}

fn end(shared: &Shared, id: u64) {
    locked(&shared.connections).open.remove(&id);
    shared.ended.notify_all();
}

/// One connection, from its greeting to its end.
fn converse(shared: &Shared, mut frames: Frames) {
    let names = Names::default();
    let closing = || shared.closing.load(Ordering::SeqCst);
    let until = Instant::now() + GREETING;
    let greeted = frames.receive(GREETING_BYTES_MAX, || !closing() && Instant::now() < until);
    let hello: Hello = match greeted.map(|bytes| decode(&bytes, &names)) {
        Ok(Ok(hello)) => hello,
        Ok(Err(error)) => return tracing::warn!(%error, "a process did not greet as it should"),
        Err(broken) => return note(&broken),
    };
    let welcome = if hello == Hello::OURS {
        Welcome::Owner(shared.current())
    } else {
        Welcome::Version(VERSION)
    };
    let refused = matches!(welcome, Welcome::Version(_));
    if frames.send(&encode(&welcome)).is_err() || refused {
        return;
    }
    loop {
        let until = Instant::now() + IDLE;
        let received = frames.receive(MESSAGE_BYTES_MAX, || !closing() && Instant::now() < until);
        let request: Request = match received.map(|bytes| decode(&bytes, &names)) {
            Ok(Ok(request)) => request,
            Ok(Err(error)) => return tracing::warn!(%error, "a request of another process"),
            Err(broken) => return note(&broken),
        };
        let response = shared
            .answer(request)
            .unwrap_or_else(|error| Response::Failure(error.into()));
        let mut bytes = encode(&response);
        if bytes.len() > MESSAGE_BYTES_MAX {
            bytes = encode(&Response::Failure(Failure::AuditUnavailable(format!(
                "the answer has {} bytes, the limit is {MESSAGE_BYTES_MAX}",
                bytes.len()
            ))));
        }
        if frames.send(&bytes).is_err() {
            return;
        }
    }
}

fn note(broken: &Broken) {
    match broken {
        Broken::End | Broken::Stopped => {}
        Broken::Io(error) => tracing::debug!(%error, "a connection of another process broke"),
        Broken::Size(bytes) => {
            tracing::warn!(
                bytes,
                "a message of another process has a size that may not be"
            );
        }
    }
}

impl Shared {
    /// The owner with the settings and budgets of now: policies may have been loaded anew.
    fn current(&self) -> Owner {
        let settings = self.runtime.settings_digest();
        let budgets = self.runtime.budgets_digest();
        let mut owner = locked(&self.owner);
        owner.settings = settings;
        owner.budgets = budgets;
        owner.clone()
    }

    /// Only tenants that this process has open: a client cannot make one up.
    fn known(&self, tenant: &str) -> Result<(), RuntimeError> {
        match self.runtime.bundle(tenant) {
            Some(_) => Ok(()),
            None => Err(RuntimeError::NotFound("tenant")),
        }
    }

    fn answer(&self, request: Request) -> Result<Response, RuntimeError> {
        Ok(match request {
            Request::Check(request) => {
                let CheckRequest {
                    principal,
                    mut options,
                    action,
                } = *request;
                // A local process presents no key, so none is recorded as having asked.
                options.key_id.clear();
                self.known(&principal.tenant)?;
                let action = Action::from_json(action.as_bytes())?;
                let checked = self.runtime.check(&principal, action, &options)?;
                Response::Checked(Box::new(checked))
            }
            Request::Outcome(request) => {
                self.known(&request.principal.tenant)?;
                Response::Outcome(Box::new(self.outcome(&request)?))
            }
            Request::Approval(request) => {
                self.known(&request.principal.tenant)?;
                Response::Approval(Box::new(self.approval(&request)?))
            }
            Request::Pause(request) => {
                self.known(&request.tenant)?;
                let PauseRequest {
                    tenant,
                    by,
                    agent_id,
                } = &*request;
                self.runtime.pause_agent(tenant, by, agent_id)?;
                Response::Paused
            }
            Request::Policy(tenant) => Response::Policy(policy(&self.runtime, &tenant)),
        })
    }

    fn outcome(&self, request: &OutcomeRequest) -> Result<OutcomeReply, RuntimeError> {
        let OutcomeRequest {
            principal,
            id,
            outcome,
            again,
        } = request;
        self.runtime.outcome_again(principal, *id, outcome, *again)
    }

    fn approval(&self, request: &ApprovalRequest) -> Result<ApprovalRow, RuntimeError> {
        let ApprovalRequest {
            principal,
            id,
            hold_ms,
        } = request;
        let hold = Duration::from_millis(u64::from(*hold_ms)).min(HOLD_MAX);
        wait(&self.runtime, &self.changes, principal, id, hold, || {
            self.closing.load(Ordering::SeqCst)
        })
    }
}

/// The approval once it is decided, or as it stands after `hold`.
fn wait(
    runtime: &Runtime,
    changes: &Changes,
    principal: &Principal,
    id: &str,
    hold: Duration,
    stopped: impl Fn() -> bool,
) -> Result<ApprovalRow, RuntimeError> {
    let until = Instant::now() + hold;
    loop {
        // Counted before the look, so that no change falls between.
        let seen = changes.count();
        let row = runtime.approval(principal, id)?;
        let left = until.saturating_duration_since(Instant::now());
        if row.approval.state != State::Pending || left.is_zero() || stopped() {
            return Ok(row);
        }
        // Expiry tells nobody.
        changes.wait(seen, left.min(Duration::from_secs(1)));
    }
}

/// The policies in force for a tenant.
pub(crate) fn policy(runtime: &Runtime, tenant: &str) -> Option<PolicyEpoch> {
    runtime.bundle(tenant).map(|loaded| PolicyEpoch {
        revision: loaded.revision,
        program: loaded.compiled.program.digest(),
    })
}

impl Socket {
    /// As [`Runtime::approval`], waiting up to `hold` for a decision.
    pub(crate) fn wait_approval(
        &self,
        principal: &Principal,
        id: &str,
        hold: Duration,
    ) -> Result<ApprovalRow, RuntimeError> {
        let shared = &self.shared;
        wait(
            &shared.runtime,
            &shared.changes,
            principal,
            id,
            hold,
            || shared.closing.load(Ordering::SeqCst),
        )
    }
}
