//! Which record came before in a run, so that a run can be exported with proof that nothing is
//! missing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Runs remembered; past it the run that was used longest ago starts a new chain.
const RUNS_MAX: usize = 20_000;

/// The place of one record in its run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunLink {
    key: (Arc<str>, String),
    /// From 1.
    pub(crate) seq: u64,
    /// The leaf of the latest record of the run that is known to be written.
    pub(crate) prev: Option<[u8; 32]>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Run {
    seq: u64,
    leaf: Option<[u8; 32]>,
    used: u64,
}

#[derive(Debug, Default)]
struct Inner {
    runs: HashMap<(Arc<str>, String), Run>,
    ticks: u64,
}

/// The runs of all tenants.
#[derive(Debug, Default)]
pub(crate) struct Runs(Mutex<Inner>);

impl Runs {
    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next place in a run; `None` without a run.
    pub(crate) fn next(&self, tenant: &Arc<str>, run: &str) -> Option<RunLink> {
        if run.is_empty() {
            return None;
        }
        let mut inner = self.lock();
        inner.ticks += 1;
        let used = inner.ticks;
        if inner.runs.len() >= RUNS_MAX {
            // Forgetting the older half at once keeps the cost of a new run constant on average.
            let half = used.saturating_sub(RUNS_MAX as u64 / 2);
            inner.runs.retain(|_, r| r.used > half);
        }
        let key = (Arc::clone(tenant), run.to_owned());
        let entry = inner.runs.entry(key.clone()).or_default();
        entry.seq += 1;
        entry.used = used;
        Some(RunLink {
            key,
            seq: entry.seq,
            prev: entry.leaf,
        })
    }

    /// Notes that the record of `link` is written.
    pub(crate) fn recorded(&self, link: &RunLink, leaf: [u8; 32]) {
        if let Some(run) = self.lock().runs.get_mut(&link.key) {
            run.leaf = Some(leaf);
        }
    }

    /// Restores a run from a record.
    pub(crate) fn restore(&self, tenant: &Arc<str>, run: &str, seq: u64, leaf: [u8; 32]) {
        if run.is_empty() {
            return;
        }
        let mut inner = self.lock();
        inner.ticks += 1;
        let used = inner.ticks;
        let entry = inner
            .runs
            .entry((Arc::clone(tenant), run.to_owned()))
            .or_default();
        entry.seq = entry.seq.max(seq);
        entry.leaf = Some(leaf);
        entry.used = used;
    }
}
