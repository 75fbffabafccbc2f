//! Which record came before in a run, so that a run can be exported with proof that nothing is
//! missing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::bytes::{Reader, put_option, put_text, put_u64};

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

impl Inner {
    /// The run, used now.
    fn touch(&mut self, key: &(Arc<str>, String)) -> &mut Run {
        self.ticks += 1;
        let used = self.ticks;
        if self.runs.len() >= RUNS_MAX && !self.runs.contains_key(key) {
            // Forgetting the older half at once keeps the cost of a new run constant on average.
            let half = used.saturating_sub(RUNS_MAX as u64 / 2);
            self.runs.retain(|_, r| r.used > half);
        }
        let run = self.runs.entry(key.clone()).or_default();
        run.used = used;
        run
    }
}

impl Runs {
    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next place in a run; `None` without a run.
    pub(crate) fn next(&self, tenant: &Arc<str>, run: &str) -> Option<RunLink> {
        if run.is_empty() {
            return None;
        }
        let key = (Arc::clone(tenant), run.to_owned());
        let mut inner = self.lock();
        let run = inner.touch(&key);
        run.seq += 1;
        let (seq, prev) = (run.seq, run.leaf);
        drop(inner);
        Some(RunLink { key, seq, prev })
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
        let key = (Arc::clone(tenant), run.to_owned());
        let mut inner = self.lock();
        let run = inner.touch(&key);
        run.seq = run.seq.max(seq);
        run.leaf = Some(leaf);
    }

    /// The runs as a part of a snapshot; equal runs have equal bytes.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let inner = self.lock();
        let mut runs: Vec<_> = inner.runs.iter().collect();
        runs.sort_unstable_by_key(|(key, _)| *key);
        let mut out = Vec::new();
        put_u64(&mut out, inner.ticks);
        put_u64(&mut out, runs.len() as u64);
        for ((tenant, name), run) in runs {
            put_text(&mut out, tenant);
            put_text(&mut out, name);
            put_u64(&mut out, run.seq);
            put_u64(&mut out, run.used);
            put_option(&mut out, run.leaf, |out, leaf| out.extend_from_slice(&leaf));
        }
        out
    }

    /// Reads a part of a snapshot.
    pub(crate) fn from_bytes(from: &mut Reader<'_>) -> Option<Self> {
        let ticks = from.u64()?;
        let runs = (0..from.count()?)
            .map(|_| {
                let key = (Arc::from(from.text()?), from.text()?);
                let (seq, used) = (from.u64()?, from.u64()?);
                let leaf = from.option(Reader::array)?;
                Some((key, Run { seq, leaf, used }))
            })
            .collect::<Option<_>>()?;
        from.end()?;
        Some(Self(Mutex::new(Inner { runs, ticks })))
    }
}
