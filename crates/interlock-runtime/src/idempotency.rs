//! Retries find the first answer, for 24 hours.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use interlock_core::model::{Action, ActionDigest, UnixNanos};

use crate::check::Checked;

/// How long a key is remembered.
const KEEP_NS: UnixNanos = 24 * 3_600 * 1_000_000_000;
/// How many keys are remembered; past it the oldest is forgotten.
const KEYS_MAX: usize = 100_000;

/// What is known of an idempotency key.
#[derive(Debug)]
pub(crate) enum Seen {
    /// It was not used.
    New,
    /// It was used for the same action: the stored answer.
    Same(Box<Checked>),
    /// It was used for another action.
    Other,
}

type Key = (String, String, String);

#[derive(Debug, Default)]
struct Inner {
    answers: HashMap<Key, (ActionDigest, Checked)>,
    order: VecDeque<(UnixNanos, Key)>,
}

/// Remembered answers, by tenant, agent and key.
#[derive(Debug, Default)]
pub(crate) struct Idempotency(Mutex<Inner>);

fn key(tenant: &str, action: &Action) -> Key {
    (
        tenant.to_owned(),
        action.agent_id.clone(),
        action.idempotency_key.clone(),
    )
}

impl Idempotency {
    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks the action's key up.
    pub(crate) fn find(
        &self,
        tenant: &str,
        action: &Action,
        digest: ActionDigest,
        now: UnixNanos,
    ) -> Seen {
        let mut inner = self.lock();
        while let Some((at, _)) = inner.order.front()
            && (now - at > KEEP_NS || inner.order.len() > KEYS_MAX)
        {
            if let Some((_, old)) = inner.order.pop_front() {
                inner.answers.remove(&old);
            }
        }
        match inner.answers.get(&key(tenant, action)) {
            None => Seen::New,
            Some((first, checked)) if *first == digest => {
                let mut checked = checked.clone();
                checked.replayed = true;
                Seen::Same(Box::new(checked))
            }
            Some(_) => Seen::Other,
        }
    }

    /// Remembers an answer once it is recorded.
    pub(crate) fn store(
        &self,
        tenant: &str,
        action: &Action,
        digest: ActionDigest,
        checked: &Checked,
    ) {
        let key = key(tenant, action);
        let mut inner = self.lock();
        inner.order.push_back((checked.at, key.clone()));
        inner.answers.insert(key, (digest, checked.clone()));
    }
}
