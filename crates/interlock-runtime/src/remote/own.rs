//! What belongs to one process and must not be used by its forked children: connections, threads,
//! locks.

use std::collections::BTreeSet;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use interlock_policy::RollbackWanted;
use uuid::Uuid;

use super::address::ServerAddress;
use super::error::ServerError;
use super::http::Server;
use super::queue::Place;
use super::refused::Refused;
use crate::shared::wire::Names;

/// Decisions of which this process remembers who made them.
const REMEMBERED_MAX: usize = 100_000;

/// Ids, of which the oldest is forgotten first.
#[derive(Debug, Default)]
pub(super) struct Ids(Mutex<BTreeSet<Uuid>>);

impl Ids {
    pub(super) fn insert(&self, id: Uuid) {
        let mut ids = locked(&self.0);
        ids.insert(id);
        while ids.len() > REMEMBERED_MAX {
            ids.pop_first();
        }
    }

    pub(super) fn has(&self, id: Uuid) -> bool {
        locked(&self.0).contains(&id)
    }
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tells threads to stop, or to look at once.
#[derive(Debug, Default)]
pub(super) struct Stop {
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    /// Waits; whether to go on.
    pub(super) fn wait(&self, time: Duration) -> bool {
        let stopped = locked(&self.stopped);
        let waited = self
            .changed
            .wait_timeout_while(stopped, time, |stopped| !*stopped);
        !*waited.unwrap_or_else(PoisonError::into_inner).0
    }

    pub(super) fn stop(&self) {
        *locked(&self.stopped) = true;
        self.changed.notify_all();
    }
}

/// The part of one process.
#[derive(Debug)]
pub(super) struct Own {
    process: u32,
    pub(super) server: Server,
    pub(super) names: Names,
    /// Decided by the server.
    pub(super) there: Ids,
    /// Not decided by anyone: they ran because no server answered.
    pub(super) undecided: Ids,
    pub(super) stop: Arc<Stop>,
    pub(super) threads: Mutex<Vec<JoinHandle<()>>>,
    /// Why the last question to the server got no answer.
    pub(super) problem: Mutex<Option<String>>,
    /// Why records could not be sent at last.
    pub(super) upload_problem: Mutex<Option<String>>,
    /// Records that the server will not have, once it was looked.
    pub(super) refused: Mutex<Option<Refused>>,
    /// Where the next batch of records begins.
    pub(super) place: Mutex<Option<Place>>,
    /// The rollbacks that the last lease asked for.
    pub(super) rollbacks: Mutex<Vec<RollbackWanted>>,
    /// Until when a lease holds, by the clock that nobody sets.
    pub(super) leased: Mutex<Option<Instant>>,
}

impl Own {
    pub(super) fn new(address: &ServerAddress) -> Result<Self, ServerError> {
        Ok(Self {
            process: std::process::id(),
            server: Server::new(address)?,
            names: Names::default(),
            there: Ids::default(),
            undecided: Ids::default(),
            stop: Arc::default(),
            threads: Mutex::default(),
            problem: Mutex::default(),
            upload_problem: Mutex::default(),
            refused: Mutex::default(),
            place: Mutex::default(),
            rollbacks: Mutex::default(),
            leased: Mutex::default(),
        })
    }

    /// Stops the threads and waits for them.
    pub(super) fn end(&self) {
        self.stop.stop();
        let threads = mem::take(&mut *locked(&self.threads));
        for thread in threads {
            if thread.thread().id() != std::thread::current().id() && thread.join().is_err() {
                tracing::error!("a thread that speaks to the server failed");
            }
        }
    }
}

/// The part of this process in `held`; `begin` starts the threads of a new one.
pub(super) fn of(
    held: &ArcSwap<Own>,
    address: &ServerAddress,
    begin: impl FnOnce(&Arc<Own>),
) -> Result<Arc<Own>, ServerError> {
    let own = held.load_full();
    if own.process == std::process::id() {
        return Ok(own);
    }
    let next = Arc::new(Own::new(address)?);
    let found = held.compare_and_swap(&own, Arc::clone(&next));
    // Its locks may be held by threads that this process does not have: left alone, for good.
    if Arc::ptr_eq(&found, &own) {
        mem::forget(own);
        begin(&next);
        return Ok(next);
    }
    Ok(held.load_full())
}
