//! Retries find the first answer, for 24 hours.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use interlock_core::model::{Action, ActionDigest, UnixNanos};

use crate::approvals::APPROVAL_FIELD;
use crate::bytes::{Reader, put_i64, put_option, put_text, put_u64};
use crate::check::Checked;
use crate::error::RuntimeError;

/// How long a key is remembered.
const KEEP_NS: UnixNanos = 24 * 3_600 * 1_000_000_000;
/// How many keys are remembered; past it the oldest is forgotten.
const KEYS_MAX: usize = 100_000;

/// What is known of an idempotency key.
#[derive(Debug)]
pub(crate) enum Seen {
    /// It was not used; it is taken now, and whoever took it must answer or give it back.
    New,
    /// It was used for the same action: the stored answer.
    Same(Box<Checked>),
    /// It was used for the same action, before this process started: the number of the answer's
    /// record in the tenant's log.
    Recorded(u64),
    /// It was used for the same action, whose answer is not there yet.
    Underway,
    /// It was used for another action.
    Other,
}

/// Tenant, agent, key, and the approval that the request uses: a request that brings a grant is
/// not a retry of the one that asked for it.
pub(crate) type Key = (String, String, String, String);

/// Gets the first answer once it is there.
pub(crate) type Waiter = Box<dyn FnOnce(Result<Checked, RuntimeError>) + Send>;

enum Answer {
    There(Box<Checked>),
    /// When it was given, and the number of its record: read when somebody asks, as hardly anybody
    /// does after a restart.
    Recorded(UnixNanos, u64),
    Awaited(Vec<Waiter>),
}

#[derive(Default)]
struct Inner {
    answers: HashMap<Key, (ActionDigest, Answer)>,
    order: VecDeque<(UnixNanos, Key)>,
}

/// Remembered answers.
#[derive(Default)]
pub(crate) struct Idempotency(Mutex<Inner>);

impl std::fmt::Debug for Idempotency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Idempotency")
    }
}

/// The key of an action; `None` when it has none.
pub(crate) fn key(tenant: &str, action: &Action) -> Option<Key> {
    if action.idempotency_key.is_empty() {
        return None;
    }
    let approval = action.metadata.get(APPROVAL_FIELD);
    Some((
        tenant.to_owned(),
        action.agent_id.clone(),
        action.idempotency_key.clone(),
        approval
            .and_then(|a| a.as_str()?.parse::<uuid::Uuid>().ok())
            .map(|id| id.to_string())
            .unwrap_or_default(),
    ))
}

fn replay(checked: &Checked) -> Checked {
    Checked {
        replayed: true,
        ..checked.clone()
    }
}

impl Idempotency {
    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks a key up, and takes it when it is new.
    pub(crate) fn take(&self, key: &Key, digest: ActionDigest, now: UnixNanos) -> Seen {
        let mut inner = self.lock();
        inner.forget(now);
        match inner.answers.get(key) {
            Some((first, _)) if *first != digest => Seen::Other,
            Some((_, Answer::There(checked))) => Seen::Same(Box::new(replay(checked))),
            Some((_, Answer::Recorded(_, seq))) => Seen::Recorded(*seq),
            Some((_, Answer::Awaited(_))) => Seen::Underway,
            None => {
                inner
                    .answers
                    .insert(key.clone(), (digest, Answer::Awaited(Vec::new())));
                Seen::New
            }
        }
    }

    /// Calls `waiter` with the answer to a key that was underway.
    pub(crate) fn wait(&self, key: &Key, waiter: Waiter) {
        let mut inner = self.lock();
        let result = match inner.answers.get_mut(key) {
            Some((_, Answer::Awaited(waiters))) => {
                waiters.push(waiter);
                return;
            }
            Some((_, Answer::There(checked))) => Ok(replay(checked)),
            Some((_, Answer::Recorded(..))) | None => Err(failed()),
        };
        drop(inner);
        waiter(result);
    }

    /// Remembers the answer to a taken key once it is recorded, and tells those who wait.
    pub(crate) fn answer(&self, key: Key, digest: ActionDigest, checked: &Checked) {
        let mut inner = self.lock();
        inner.order.push_back((checked.at, key.clone()));
        let answer = Answer::There(Box::new(checked.clone()));
        let before = inner.answers.insert(key, (digest, answer));
        drop(inner);
        if let Some((_, Answer::Awaited(waiters))) = before {
            for waiter in waiters {
                waiter(Ok(replay(checked)));
            }
        }
    }

    /// Restores the answer to a key from its record.
    pub(crate) fn restore(&self, key: Key, digest: ActionDigest, at: UnixNanos, seq: u64) {
        let mut inner = self.lock();
        inner.forget(at);
        inner.order.push_back((at, key.clone()));
        inner
            .answers
            .insert(key, (digest, Answer::Recorded(at, seq)));
    }

    /// The answers as a part of a snapshot; equal answers have equal bytes.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let inner = self.lock();
        let mut out = Vec::new();
        put_u64(&mut out, inner.order.len() as u64);
        for (at, key) in &inner.order {
            put_i64(&mut out, *at);
            for text in [&key.0, &key.1, &key.2, &key.3] {
                put_text(&mut out, text);
            }
            // A key that was used again has a younger answer, further back in the order.
            let given = inner.given(key).filter(|(given, ..)| given == at);
            put_option(&mut out, given, |out, (_, seq, digest)| {
                put_u64(out, seq);
                out.extend_from_slice(&digest.0);
            });
        }
        out
    }

    /// Reads a part of a snapshot.
    pub(crate) fn from_bytes(from: &mut Reader<'_>) -> Option<Self> {
        let mut inner = Inner::default();
        for _ in 0..from.count()? {
            let at = from.i64()?;
            let key = (from.text()?, from.text()?, from.text()?, from.text()?);
            let given = from.option(|from| Some((from.u64()?, ActionDigest(from.array()?))))?;
            if let Some((seq, digest)) = given {
                let answer = Answer::Recorded(at, seq);
                inner.answers.insert(key.clone(), (digest, answer));
            }
            inner.order.push_back((at, key));
        }
        from.end()?;
        Some(Self(Mutex::new(inner)))
    }

    /// Gives a taken key back: there is no answer, and the next request is the first.
    pub(crate) fn give_back(&self, key: &Key) {
        let mut inner = self.lock();
        if !matches!(inner.answers.get(key), Some((_, Answer::Awaited(_)))) {
            return;
        }
        let before = inner.answers.remove(key);
        drop(inner);
        if let Some((_, Answer::Awaited(waiters))) = before {
            for waiter in waiters {
                waiter(Err(failed()));
            }
        }
    }
}

fn failed() -> RuntimeError {
    RuntimeError::AuditUnavailable(
        "the request that used this idempotency key first got no decision; try again".to_owned(),
    )
}

impl Inner {
    /// When the answer to a key was given, the number of its record, and what it answered.
    fn given(&self, key: &Key) -> Option<(UnixNanos, u64, &ActionDigest)> {
        match self.answers.get(key)? {
            (digest, Answer::There(checked)) => Some((checked.at, checked.seq, digest)),
            (digest, Answer::Recorded(at, seq)) => Some((*at, *seq, digest)),
            (_, Answer::Awaited(_)) => None,
        }
    }

    fn forget(&mut self, now: UnixNanos) {
        while let Some((at, _)) = self.order.front()
            && (now.saturating_sub(*at) > KEEP_NS || self.order.len() > KEYS_MAX)
        {
            if let Some((at, old)) = self.order.pop_front() {
                // A key that was used again after it was forgotten has a younger answer.
                if self.given(&old).is_some_and(|(given, ..)| given <= at) {
                    self.answers.remove(&old);
                }
            }
        }
    }
}
