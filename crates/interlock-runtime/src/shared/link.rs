//! The client's side: a few connections to the owner, one call at a time on each, so that no call
//! queues behind one that waits for a person.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use interlock_store::journal;

use super::address::{Peer, dial};
use super::frame::{Broken, Frames, SLICE};
use super::message::{
    GREETING_BYTES_MAX, Hello, MESSAGE_BYTES_MAX, Owner, Request, Response, VERSION, Welcome,
};
use super::wire::{Names, decode, encode};

/// Connections of one process at once; further calls wait for one to come free.
const CONNECTIONS_MAX: usize = 32;
/// Connections kept for the next call.
const IDLE_MAX: usize = 8;

/// The connection to one owner.
#[derive(Debug)]
pub(crate) struct Link {
    data: PathBuf,
    owner: Owner,
    /// Its process id as this process sees it, which is another one across namespaces.
    process: u32,
    names: Arc<Names>,
    pool: Mutex<Pool>,
    freed: Condvar,
}

#[derive(Debug, Default)]
struct Pool {
    idle: Vec<Frames>,
    open: usize,
}

/// Why a call got no answer.
#[derive(Debug)]
pub(crate) enum Lost {
    /// There is no owner that answers, and nothing was sent to one.
    NotSent,
    /// It was sent, and the owner went away before it answered.
    Unanswered,
    /// The owner is there and did not answer in time.
    TooLate,
    /// The message is larger than it may be.
    TooLarge(usize),
    /// It will not do to try again: the other side is not what it should be.
    Refused(String),
}

impl Link {
    /// Finds the owner of `data` and greets it.
    pub(crate) fn connect(
        data: &Path,
        names: &Arc<Names>,
        deadline: Instant,
    ) -> Result<Self, Lost> {
        let (frames, owner, process) = greet(data, deadline)?;
        Ok(Self {
            data: data.to_owned(),
            owner,
            process,
            names: Arc::clone(names),
            pool: Mutex::new(Pool {
                idle: vec![frames],
                open: 1,
            }),
            freed: Condvar::new(),
        })
    }

    pub(crate) fn owner(&self) -> &Owner {
        &self.owner
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the owner, on a connection of its own.
    pub(crate) fn call(&self, request: &Request, deadline: Instant) -> Result<Response, Lost> {
        let message = encode(request);
        if message.len() > MESSAGE_BYTES_MAX {
            return Err(Lost::TooLarge(message.len()));
        }
        loop {
            let (mut lease, kept) = self.lease(deadline)?;
            match lease.exchange(&message, deadline) {
                // The owner closes connections that are silent for long: that is not its end.
                Err(Lost::Unanswered) if kept && !self.is_gone() => {
                    if Instant::now() >= deadline {
                        return Err(Lost::Unanswered);
                    }
                    // All that were kept as long are closed as well.
                    self.forget_idle();
                    if !request.is_repeatable() {
                        return Err(Lost::Unanswered);
                    }
                }
                other => return other,
            }
        }
    }

    /// Whether the owner that was greeted has gone: nobody holds the lock, or somebody else.
    pub(crate) fn is_gone(&self) -> bool {
        is_gone(&self.data, self.process)
    }

    fn forget_idle(&self) {
        let mut pool = self.pool();
        pool.open -= pool.idle.len();
        pool.idle.clear();
        drop(pool);
        self.freed.notify_all();
    }

    /// A connection for one call, and whether it was used before.
    fn lease(&self, deadline: Instant) -> Result<(Lease<'_>, bool), Lost> {
        let mut pool = self.pool();
        loop {
            if let Some(frames) = pool.idle.pop() {
                return Ok((Lease::new(self, frames), true));
            }
            if pool.open < CONNECTIONS_MAX {
                pool.open += 1;
                break;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Lost::TooLate);
            }
            pool = self
                .freed
                .wait_timeout(pool, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        drop(pool);
        match greet(&self.data, deadline) {
            Ok((frames, owner, _)) if owner.epoch == self.owner.epoch => {
                Ok((Lease::new(self, frames), false))
            }
            other => {
                self.release(None);
                // Another epoch: this link is to an owner that is gone.
                Err(other.err().unwrap_or(Lost::NotSent))
            }
        }
    }

    fn release(&self, frames: Option<Frames>) {
        let mut pool = self.pool();
        match frames {
            Some(frames) if pool.idle.len() < IDLE_MAX => pool.idle.push(frames),
            _ => pool.open -= 1,
        }
        drop(pool);
        self.freed.notify_one();
    }
}

/// A connection during one call. It goes back to the pool if the call left it in order.
struct Lease<'a> {
    link: &'a Link,
    frames: Option<Frames>,
    sound: bool,
}

impl<'a> Lease<'a> {
    fn new(link: &'a Link, frames: Frames) -> Self {
        Self {
            link,
            frames: Some(frames),
            sound: false,
        }
    }

    fn exchange(&mut self, message: &[u8], deadline: Instant) -> Result<Response, Lost> {
        let Some(frames) = &mut self.frames else {
            return Err(Lost::NotSent);
        };
        // What was written in part may have been read in whole by now.
        frames.send(message).map_err(|_| Lost::Unanswered)?;
        let mut gone = false;
        let received = frames.receive(MESSAGE_BYTES_MAX, || {
            // A copy of the socket in a forked child keeps the connection open when the owner is
            // gone; the lock tells.
            gone = self.link.is_gone();
            !gone && Instant::now() < deadline
        });
        let bytes = match received {
            Ok(bytes) => bytes,
            Err(Broken::Stopped) if !gone => return Err(Lost::TooLate),
            Err(Broken::Size(bytes)) => {
                return Err(Lost::Refused(format!("a message of {bytes} bytes")));
            }
            Err(Broken::Stopped | Broken::End | Broken::Io(_)) => return Err(Lost::Unanswered),
        };
        let response =
            decode(&bytes, &self.link.names).map_err(|error| Lost::Refused(error.to_string()))?;
        self.sound = true;
        Ok(response)
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let frames = self.frames.take().filter(|_| self.sound);
        self.link.release(frames);
    }
}

fn is_gone(data: &Path, process: u32) -> bool {
    match journal::holder(data) {
        Ok(None) => true,
        Ok(Some(holder)) => holder
            .process
            .is_some_and(|now| process != 0 && now != process),
        // It cannot be told; the deadline ends the wait.
        Err(_) => false,
    }
}

/// Connects, and says and hears who is there.
fn greet(data: &Path, deadline: Instant) -> Result<(Frames, Owner, u32), Lost> {
    let stream = dial(data).map_err(|error| match error.kind() {
        ErrorKind::PermissionDenied => {
            Lost::Refused("the data directory's socket belongs to another user".to_owned())
        }
        _ => Lost::NotSent,
    })?;
    let peer = Peer::of(&stream).map_err(|_| Lost::NotSent)?;
    if !peer.is_trusted() {
        return Err(Lost::Refused(format!(
            "user {} serves the data directory's socket",
            peer.user
        )));
    }
    let mut frames = Frames::new(stream).map_err(|_| Lost::NotSent)?;
    frames
        .send(&encode(&Hello::OURS))
        .map_err(|_| Lost::NotSent)?;
    let until = deadline.min(Instant::now() + 8 * SLICE);
    let received = frames.receive(GREETING_BYTES_MAX, || {
        Instant::now() < until && !is_gone(data, peer.process)
    });
    let bytes = received.map_err(|broken| match broken {
        Broken::Size(bytes) => Lost::Refused(format!("a greeting of {bytes} bytes")),
        Broken::End | Broken::Stopped | Broken::Io(_) => Lost::NotSent,
    })?;
    match decode(&bytes, &Names::default()) {
        Ok(Welcome::Owner(owner)) => Ok((frames, owner, peer.process)),
        Ok(Welcome::Busy) => Err(Lost::NotSent),
        Ok(Welcome::Version(theirs)) => Err(Lost::Refused(format!(
            "the owner speaks version {theirs} of the protocol, this process {VERSION}: run the same version of Interlock on one data directory"
        ))),
        Err(error) => Err(Lost::Refused(error.to_string())),
    }
}

/// Who owns a data directory and serves it; `None` when nobody does, or does not answer.
#[must_use]
pub fn owner(data: &Path) -> Option<Owner> {
    let deadline = Instant::now() + 8 * SLICE;
    greet(data, deadline).ok().map(|(_, owner, _)| owner)
}
