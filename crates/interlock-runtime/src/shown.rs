//! Masked payloads on their way from a decision to the projection.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

/// Payloads kept; past it the oldest is not shown.
const KEEP_MAX: usize = 8_192;

#[derive(Debug, Default)]
struct Inner {
    payloads: HashMap<Uuid, String>,
    order: VecDeque<Uuid>,
}

/// The payloads.
#[derive(Debug, Default)]
pub(crate) struct Shown(Mutex<Inner>);

impl Shown {
    /// Keeps the payload of a decision until it is projected.
    pub(crate) fn insert(&self, id: Uuid, payload: String) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.order.push_back(id);
        inner.payloads.insert(id, payload);
        while inner.order.len() > KEEP_MAX {
            if let Some(oldest) = inner.order.pop_front() {
                inner.payloads.remove(&oldest);
            }
        }
    }

    /// The payload of a decision.
    pub(crate) fn get(&self, id: &str) -> Option<String> {
        let id = id.parse().ok()?;
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.payloads.get(&id).cloned()
    }
}
