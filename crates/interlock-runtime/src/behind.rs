//! How far the rows are behind the record while a long backlog is projected beside the decisions: after
//! the rows were lost, or a new version makes them anew.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use interlock_store::ActionFilter;
use interlock_store::journal::Entry;

use crate::{Runtime, RuntimeError};

/// Entries that a start projects before it is over: some seconds. More are projected beside the
/// decisions.
pub(crate) const AT_START_MAX: u64 = 20_000;
/// How often the log says how far it is.
const TELL: Duration = Duration::from_secs(10);

/// What a start found to be projected, and how much of it is.
#[derive(Debug, Default)]
pub(crate) struct Behind {
    long: AtomicBool,
    progress: Mutex<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    /// Entries of all tenants that were there at the start and are not projected.
    left: u64,
    /// By tenant, the number after its last entry that is projected; those that came up since the start.
    next: BTreeMap<Arc<str>, u64>,
    told: Option<Instant>,
}

impl Behind {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// So many entries are left for later.
    pub(crate) fn begin(&self, left: u64) {
        tracing::warn!(
            entries = left,
            "many entries are not in the lists yet; they are added while decisions go on, and searches say how far they are behind"
        );
        let mut progress = self.progress();
        progress.left = left;
        progress.told = Some(Instant::now());
        self.long.store(true, Ordering::SeqCst);
    }

    /// Whether a backlog is being projected.
    pub(crate) fn is_long(&self) -> bool {
        self.long.load(Ordering::SeqCst)
    }

    /// These are projected.
    pub(crate) fn projected(&self, batch: &[(Arc<str>, Entry)]) {
        if !self.is_long() {
            return;
        }
        let mut progress = self.progress();
        for (tenant, entry) in batch {
            progress.next.insert(Arc::clone(tenant), entry.seq + 1);
        }
        progress.left = progress.left.saturating_sub(batch.len() as u64);
        if progress.told.is_none_or(|told| told.elapsed() >= TELL) {
            progress.told = Some(Instant::now());
            tracing::info!(
                entries = progress.left,
                "entries are left to be added to the lists"
            );
        }
    }

    /// Everything is projected.
    pub(crate) fn end(&self) {
        if self.long.swap(false, Ordering::SeqCst) {
            tracing::info!("the lists have everything that is recorded");
            *self.progress() = Progress::default();
        }
    }
}

impl Runtime {
    /// Refuses what needs every row of a tenant while some are not made.
    pub(crate) fn caught_up(&self, tenant: &str) -> Result<(), RuntimeError> {
        match self.behind(tenant)? {
            0 => Ok(()),
            entries => Err(RuntimeError::Behind(entries)),
        }
    }

    /// Entries of a tenant that are recorded and that lists and searches do not know yet. 0 but after a
    /// start that found many of them: what is recorded is listed a moment later.
    ///
    /// # Errors
    /// When the store fails.
    pub fn behind(&self, tenant: &str) -> Result<u64, RuntimeError> {
        let behind = &self.inner.behind;
        if !behind.is_long() {
            return Ok(0);
        }
        let known = behind.progress().next.get(tenant).copied();
        let next = match known {
            Some(next) => next,
            // None of its entries came up: its newest row says at least how far it is.
            None => {
                let newest = self
                    .inner
                    .store
                    .actions(tenant, &ActionFilter::default(), 1)?;
                newest.first().map_or(0, |row| row.seq + 1)
            }
        };
        let size = self.inner.journal.head(tenant).map_or(0, |head| head.size);
        Ok(size.saturating_sub(next))
    }
}
