//! How far the rows are behind the record while a long backlog is projected beside the decisions: after
//! the rows were lost, or a new version makes them anew.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use interlock_store::journal::{Entry, Journal};

use crate::{Runtime, RuntimeError};

/// Entries that a start projects before it is over: some seconds. More are projected beside the
/// decisions.
pub(crate) const AT_START_MAX: u64 = 20_000;
/// Entries of all tenants since the start up to which memory knows what was received meanwhile, so that a
/// record that comes again is known without its row. Both memories of it keep at least as many.
const REMEMBERED: u64 = 10_000;
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
    /// By tenant, the first entry that is not projected. A tenant that is new since the start is not here,
    /// and none of its entries is.
    next: BTreeMap<Arc<str>, u64>,
    /// By tenant, how many entries there were at the start.
    at_start: BTreeMap<Arc<str>, u64>,
    /// The sum of them.
    entries_at_start: u64,
    told: Option<Instant>,
}

impl Behind {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// These are left for later: of so many entries, by tenant, the first.
    pub(crate) fn begin(&self, journal: &Journal, left: u64, first: &BTreeMap<Arc<str>, u64>) {
        tracing::warn!(
            entries = left,
            "many entries are not in the lists yet; they are added while decisions go on, and searches say how far they are behind"
        );
        let mut progress = self.progress();
        for tenant in journal.tenants() {
            let size = journal.head(&tenant).map_or(0, |head| head.size);
            let tenant: Arc<str> = tenant.into();
            // A tenant of which nothing is left is in the rows as a whole.
            let next = first.get(&tenant).copied().unwrap_or(size);
            progress.next.insert(Arc::clone(&tenant), next);
            progress.at_start.insert(tenant, size);
        }
        progress.entries_at_start = progress.at_start.values().sum();
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
    /// Refuses what needs every row of a tenant while a start still makes some.
    ///
    /// # Errors
    /// [`RuntimeError::Behind`] when rows are missing.
    pub fn listed(&self, tenant: &str) -> Result<(), RuntimeError> {
        match self.behind(tenant) {
            0 => Ok(()),
            entries => Err(RuntimeError::Behind(entries)),
        }
    }

    /// Refuses what needs the rows of what a tenant had at the start, and remembers what came since,
    /// while some of those are not made: one tenant's backlog holds up no other tenant.
    pub(crate) fn caught_up(&self, tenant: &str) -> Result<(), RuntimeError> {
        let behind = &self.inner.behind;
        if !behind.is_long() {
            return Ok(());
        }
        let old = {
            let progress = behind.progress();
            let since = self.inner.journal.entries();
            let since = since.saturating_sub(progress.entries_at_start);
            let size = progress.at_start.get(tenant).copied().unwrap_or(0);
            let next = progress.next.get(tenant).copied().unwrap_or(0);
            since > REMEMBERED || next < size
        };
        if old { self.listed(tenant) } else { Ok(()) }
    }

    /// Entries of a tenant that are recorded and that lists and searches do not know yet. 0 but after a
    /// start that found many of them: what is recorded is listed a moment later.
    #[must_use]
    pub fn behind(&self, tenant: &str) -> u64 {
        let behind = &self.inner.behind;
        if !behind.is_long() {
            return 0;
        }
        let next = behind.progress().next.get(tenant).copied().unwrap_or(0);
        let size = self.inner.journal.head(tenant).map_or(0, |head| head.size);
        size.saturating_sub(next)
    }
}
