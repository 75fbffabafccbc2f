//! Threads beside the decisions: the clock's work each second, and the state snapshot.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use interlock_store::journal::Journal;

use crate::fold::Folded;
use crate::snapshot::{self, SnapshotError};
use crate::{Inner, Runtime};

/// How often the threads look at what there is to do.
const TICK: Duration = Duration::from_secs(1);
/// A snapshot is made when a start would have to fold so many entries.
pub(crate) const SNAPSHOT_ENTRIES: u64 = 25_000;
/// At an orderly end so many are enough: the next start is quick, and so is the end.
const SNAPSHOT_ENTRIES_AT_END: u64 = 1_000;
/// Between two snapshots, so that under load folding stays a small share of one processor.
const SNAPSHOT_EVERY: Duration = Duration::from_secs(10);

/// Lowers the priority of the calling thread: what it does can wait, a decision cannot.
pub(crate) fn yield_to_decisions() {
    // Elsewhere the priority is the whole process's.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, 10) {
        tracing::debug!(%error, "a background thread keeps its priority");
    }
}

/// Tells threads to stop.
#[derive(Debug, Default)]
struct Stop {
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    /// Waits; whether to go on.
    fn wait(&self, time: Duration) -> bool {
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .changed
            .wait_timeout_while(stopped, time, |stopped| !*stopped);
        !*waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn stop(&self) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }
}

/// The threads of one runtime.
#[derive(Debug, Default)]
pub(crate) struct Background {
    stop: Arc<Stop>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Background {
    /// Starts the threads. They do not keep the runtime alive.
    pub(crate) fn start(
        &self,
        inner: &Arc<Inner>,
        data: &Path,
        snapshot_entries: u64,
    ) -> std::io::Result<()> {
        let (weak, stop) = (Arc::downgrade(inner), Arc::clone(&self.stop));
        let timer = std::thread::Builder::new()
            .name("timer".to_owned())
            .spawn(move || timer(&weak, &stop))?;
        let snapshots = Snapshots {
            dir: snapshot::directory(data),
            journal: inner.journal.clone(),
            entries: snapshot_entries,
        };
        let stop = Arc::clone(&self.stop);
        let snapshots = std::thread::Builder::new()
            .name("snapshot".to_owned())
            .spawn(move || {
                yield_to_decisions();
                snapshots.run(&stop);
            })?;
        self.threads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend([timer, snapshots]);
        Ok(())
    }

    /// Stops the threads and waits for them; the last snapshot is made on the way.
    pub(crate) fn stop(&self) {
        self.stop.stop();
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // The last handle on a runtime may be dropped by its own timer.
            if thread.thread().id() != std::thread::current().id() && thread.join().is_err() {
                tracing::error!("a background thread failed; the next start folds the record");
            }
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.stop.stop();
    }
}

fn timer(inner: &Weak<Inner>, stop: &Stop) {
    while stop.wait(TICK) {
        let Some(inner) = inner.upgrade() else {
            return;
        };
        Runtime { inner }.tick();
    }
}

/// Makes snapshots.
#[derive(Debug)]
pub(crate) struct Snapshots {
    pub(crate) dir: std::path::PathBuf,
    pub(crate) journal: Journal,
    /// Entries of the last snapshot.
    pub(crate) entries: u64,
}

impl Snapshots {
    fn run(mut self, stop: &Stop) {
        let mut tried: Option<Instant> = None;
        loop {
            let go_on = stop.wait(TICK);
            let behind = self.journal.entries().saturating_sub(self.entries);
            let due = match go_on {
                true => {
                    behind >= SNAPSHOT_ENTRIES
                        && tried.is_none_or(|tried| tried.elapsed() >= SNAPSHOT_EVERY)
                }
                false => behind >= SNAPSHOT_ENTRIES_AT_END,
            };
            if due {
                tried = Some(Instant::now());
                match self.take() {
                    Ok(size) => {
                        tracing::info!(entries = self.entries, bytes = size, "state snapshot made");
                    }
                    Err(error) => {
                        tracing::warn!(%error, "no state snapshot could be made; the next start folds more of the record");
                    }
                }
            }
            if !go_on {
                return;
            }
        }
    }

    /// Folds what came since the last snapshot and writes the next one; its size in bytes.
    pub(crate) fn take(&mut self) -> Result<u64, SnapshotError> {
        let mut folded = restore(&self.dir, &self.journal);
        folded.advance(&self.journal, u64::MAX)?;
        // What is visible may not be durable yet, and a snapshot must not be ahead of its journal.
        self.journal.sync()?;
        let size = snapshot::write(&self.dir, &self.journal, &folded)?;
        self.entries = folded.at.entries;
        Ok(size)
    }
}

/// The state of the snapshot in `dir`, or that of no entry if there is none that can be used.
pub(crate) fn restore(dir: &Path, journal: &Journal) -> Folded {
    match snapshot::read(dir, journal) {
        Ok(folded) => folded,
        Err(error) => {
            tracing::warn!(%error, "the state snapshot is refused; the whole record is folded");
            None
        }
    }
    .unwrap_or_else(Folded::new)
}
