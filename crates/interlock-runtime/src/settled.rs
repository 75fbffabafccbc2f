//! Outcomes that are recorded, for reports that are made again because their answer was lost.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use interlock_core::model::OutcomeStatus;
use uuid::Uuid;

use crate::bytes::{Reader, put_text, put_u64};

/// Outcomes kept; past it the one that was recorded first is forgotten.
const KEEP_MAX: usize = 10_000;

/// What must be known of an outcome to answer the same report again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settled {
    pub(crate) tenant: String,
    pub(crate) agent: String,
    pub(crate) status: OutcomeStatus,
    pub(crate) seq: u64,
}

#[derive(Debug, Default)]
struct All {
    by_id: HashMap<Uuid, Settled>,
    /// As they were recorded: ids bear times that their senders chose, and one from far in the
    /// future must not push out the others'.
    order: VecDeque<Uuid>,
}

impl All {
    fn insert(&mut self, id: Uuid, settled: Settled) {
        if self.by_id.insert(id, settled).is_none() {
            self.order.push_back(id);
        }
        while self.order.len() > KEEP_MAX {
            if let Some(first) = self.order.pop_front() {
                self.by_id.remove(&first);
            }
        }
    }
}

/// The outcomes by the id of their decision.
#[derive(Debug, Default)]
pub(crate) struct SettledDecisions(Mutex<All>);

impl SettledDecisions {
    fn lock(&self) -> MutexGuard<'_, All> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that the outcome of `id` is recorded.
    pub(crate) fn insert(&self, id: Uuid, settled: Settled) {
        self.lock().insert(id, settled);
    }

    /// The outcome of a decision of `tenant`.
    pub(crate) fn get(&self, tenant: &str, id: Uuid) -> Option<Settled> {
        let all = self.lock();
        let found = all.by_id.get(&id);
        found.filter(|s| s.tenant == tenant).cloned()
    }

    /// The outcomes as a part of a snapshot, in their order; equal ones have equal bytes.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let all = self.lock();
        let mut out = Vec::new();
        let in_order = all
            .order
            .iter()
            .filter_map(|id| all.by_id.get_key_value(id));
        put_u64(&mut out, all.order.len() as u64);
        for (id, settled) in in_order {
            out.extend_from_slice(id.as_bytes());
            put_text(&mut out, &settled.tenant);
            put_text(&mut out, &settled.agent);
            put_text(&mut out, settled.status.name());
            put_u64(&mut out, settled.seq);
        }
        out
    }

    /// Reads a part of a snapshot. One of an earlier version has them in the order of their ids.
    pub(crate) fn from_bytes(from: &mut Reader<'_>) -> Option<Self> {
        let mut all = All::default();
        for _ in 0..from.count()? {
            let id = Uuid::from_bytes(from.array()?);
            let settled = Settled {
                tenant: from.text()?,
                agent: from.text()?,
                status: OutcomeStatus::from_name(&from.text()?)?,
                seq: from.u64()?,
            };
            all.insert(id, settled);
        }
        from.end()?;
        Some(Self(Mutex::new(all)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(seq: u64) -> Settled {
        Settled {
            tenant: "t".to_owned(),
            agent: "a".to_owned(),
            status: OutcomeStatus::Succeeded,
            seq,
        }
    }

    #[test]
    fn what_was_recorded_first_is_forgotten_first() {
        let all = SettledDecisions::default();
        let future = |n: u128| Uuid::from_u128(u128::MAX - n);
        let most = KEEP_MAX as u128;
        for n in 0..most {
            all.insert(future(n), settled(0));
        }
        // The clock of whoever sent those is years ahead; this one's is right.
        let now = Uuid::from_u128(1);
        all.insert(now, settled(7));
        assert_eq!(all.get("t", now), Some(settled(7)));
        assert_eq!(all.get("t", future(0)), None);
        assert_eq!(all.get("t", future(1)), Some(settled(0)));
        // Noted again, it is no younger.
        all.insert(future(1), settled(8));
        assert_eq!(all.get("t", future(1)), Some(settled(8)));
        all.insert(Uuid::from_u128(2), settled(9));
        assert_eq!(all.get("t", future(1)), None);
        assert_eq!(all.lock().by_id.len(), KEEP_MAX);

        let bytes = all.to_bytes();
        let read = SettledDecisions::from_bytes(&mut Reader(&bytes)).unwrap();
        assert_eq!(read.to_bytes(), bytes);
        // Which of them is the first is kept as well.
        read.insert(Uuid::from_u128(3), settled(10));
        assert_eq!(read.get("t", future(2)), None);
        assert_eq!(read.get("t", now), Some(settled(7)));
    }
}
