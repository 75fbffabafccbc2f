//! Outcomes that are recorded, for reports that are made again because their answer was lost.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use interlock_core::model::OutcomeStatus;
use uuid::Uuid;

use crate::bytes::{Reader, put_text, put_u64};

/// Outcomes kept; past it the one of the oldest decision is forgotten.
const KEEP_MAX: usize = 10_000;

/// What must be known of an outcome to answer the same report again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settled {
    pub(crate) tenant: String,
    pub(crate) agent: String,
    pub(crate) status: OutcomeStatus,
    pub(crate) seq: u64,
}

/// The outcomes by the id of their decision: ids are ordered by time.
#[derive(Debug, Default)]
pub(crate) struct SettledDecisions(Mutex<BTreeMap<Uuid, Settled>>);

impl SettledDecisions {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Uuid, Settled>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that the outcome of `id` is recorded.
    pub(crate) fn insert(&self, id: Uuid, settled: Settled) {
        let mut all = self.lock();
        all.insert(id, settled);
        while all.len() > KEEP_MAX {
            all.pop_first();
        }
    }

    /// The outcome of a decision of `tenant`.
    pub(crate) fn get(&self, tenant: &str, id: Uuid) -> Option<Settled> {
        let all = self.lock();
        all.get(&id).filter(|s| s.tenant == tenant).cloned()
    }

    /// The outcomes as a part of a snapshot; equal ones have equal bytes.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let all = self.lock();
        let mut out = Vec::new();
        put_u64(&mut out, all.len() as u64);
        for (id, settled) in all.iter() {
            out.extend_from_slice(id.as_bytes());
            put_text(&mut out, &settled.tenant);
            put_text(&mut out, &settled.agent);
            put_text(&mut out, settled.status.name());
            put_u64(&mut out, settled.seq);
        }
        out
    }

    /// Reads a part of a snapshot.
    pub(crate) fn from_bytes(from: &mut Reader<'_>) -> Option<Self> {
        let all = (0..from.count()?)
            .map(|_| {
                let id = Uuid::from_bytes(from.array()?);
                let settled = Settled {
                    tenant: from.text()?,
                    agent: from.text()?,
                    status: OutcomeStatus::from_name(&from.text()?)?,
                    seq: from.u64()?,
                };
                Some((id, settled))
            })
            .collect::<Option<_>>()?;
        from.end()?;
        Some(Self(Mutex::new(all)))
    }
}
