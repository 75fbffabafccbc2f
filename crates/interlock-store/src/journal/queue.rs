//! The bounded queue before the writer: a lane per log, drained in turns.

use super::error::JournalError;
use super::{Appended, Durability};
use crate::vault::Deferred;
use interlock_core::audit::frame::Kind;
use std::collections::{HashMap, VecDeque};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Most bytes of bodies and content in one batch.
const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Most bytes of bodies and content that wait.
const QUEUE_BYTES_MAX: usize = 256 * 1024 * 1024;
/// A lane may hold this many times what is still free (dynamic thresholds after Choudhury and
/// Hahne): alone it gets three quarters, and there is always room for another.
const SHARE: usize = 3;

pub(super) type Done = Box<dyn FnOnce(Result<Appended, JournalError>) + Send>;

pub(super) struct Item {
    pub(super) tenant: Arc<str>,
    pub(super) kind: Kind,
    pub(super) body: Vec<u8>,
    /// Sealed and committed to in the body before the entry is written.
    pub(super) content: Option<Deferred>,
    pub(super) done: Done,
}

impl Item {
    fn bytes(&self) -> usize {
        self.body.len() + self.content.as_ref().map_or(0, |content| content.bytes)
    }
}

#[derive(Default)]
struct Lane {
    items: VecDeque<Item>,
    bytes: usize,
}

pub(super) enum Control {
    /// Sync, then sign the head of the tenant's log.
    Checkpoint(Arc<str>, SyncSender<Result<Arc<str>, JournalError>>),
    /// Replace the signing key.
    Rotate(SyncSender<Result<String, JournalError>>),
    /// Sync.
    Sync(SyncSender<Result<(), JournalError>>),
}

#[derive(Default)]
struct Inner {
    lanes: HashMap<Arc<str>, Lane>,
    turns: VecDeque<Arc<str>>,
    entries: usize,
    bytes: usize,
    control: VecDeque<Control>,
    closed: Option<JournalError>,
    closing: bool,
    /// Whether the writer waits for an item, and how many wait for room: a call that nobody waits
    /// for costs as much as the push.
    writer_waits: bool,
    pushers_wait: usize,
}

pub(super) struct Queue {
    inner: Mutex<Inner>,
    filled: Condvar,
    drained: Condvar,
    capacity: usize,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue")
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

/// What the writer takes at once.
#[derive(Default)]
pub(super) struct Taken {
    pub(super) items: Vec<Item>,
    pub(super) control: Vec<Control>,
    pub(super) closing: bool,
}

impl Queue {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            inner: Mutex::default(),
            filled: Condvar::new(),
            drained: Condvar::new(),
            capacity: capacity.max(1),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an item, waiting up to `patience` for room.
    pub(super) fn push(&self, item: Item, patience: Duration) -> Result<(), JournalError> {
        let deadline = Instant::now() + patience;
        let bytes = item.bytes();
        let mut inner = self.lock();
        loop {
            if let Some(error) = &inner.closed {
                return Err(error.clone());
            }
            if inner.closing {
                return Err(JournalError::Closed);
            }
            let free = self.capacity - inner.entries.min(self.capacity);
            let (own, own_bytes) = inner
                .lanes
                .get(&item.tenant)
                .map_or((0, 0), |lane| (lane.items.len(), lane.bytes));
            let free_bytes = QUEUE_BYTES_MAX.saturating_sub(inner.bytes.saturating_add(bytes));
            let room = free > 0 && own < SHARE.saturating_mul(free);
            // Whatever its size, an item that is alone passes.
            let fits = own == 0 || own_bytes < SHARE.saturating_mul(free_bytes);
            if room && fits {
                break;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() && room {
                return Err(JournalError::QueueBytes(QUEUE_BYTES_MAX));
            }
            if left.is_zero() {
                return Err(JournalError::QueueFull(self.capacity));
            }
            inner.pushers_wait += 1;
            inner = self
                .drained
                .wait_timeout(inner, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            inner.pushers_wait -= 1;
        }
        let tenant = item.tenant.clone();
        inner.entries += 1;
        inner.bytes += bytes;
        let lane = inner.lanes.entry(tenant.clone()).or_default();
        let first = lane.items.is_empty();
        lane.items.push_back(item);
        lane.bytes += bytes;
        if first {
            inner.turns.push_back(tenant);
        }
        let wake = inner.writer_waits;
        drop(inner);
        if wake {
            self.filled.notify_one();
        }
        Ok(())
    }

    pub(super) fn control(&self, control: Control) -> Result<(), JournalError> {
        let mut inner = self.lock();
        if let Some(error) = &inner.closed {
            return Err(error.clone());
        }
        inner.control.push_back(control);
        drop(inner);
        self.filled.notify_one();
        Ok(())
    }

    /// Why nothing more is let in.
    pub(super) fn stopped(&self) -> Option<JournalError> {
        let inner = self.lock();
        let closing = || inner.closing.then_some(JournalError::Closed);
        inner.closed.clone().or_else(closing)
    }

    /// Lets no more in; the writer drains what is there.
    pub(super) fn close(&self) {
        self.lock().closing = true;
        self.filled.notify_one();
        self.drained.notify_all();
    }

    /// Takes what is there, one of each lane in turn, waiting up to `patience` for the first.
    pub(super) fn take(&self, patience: Duration) -> Taken {
        let mut inner = self.lock();
        if inner.entries == 0 && inner.control.is_empty() && !inner.closing {
            inner.writer_waits = true;
            inner = self
                .filled
                .wait_timeout(inner, patience)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            inner.writer_waits = false;
        }
        let mut taken = Taken {
            control: inner.control.drain(..).collect(),
            ..Taken::default()
        };
        let mut bytes = 0;
        while bytes < BATCH_BYTES_MAX {
            let Some(tenant) = inner.turns.pop_front() else {
                break;
            };
            let Some(lane) = inner.lanes.get_mut(&tenant) else {
                continue;
            };
            if let Some(item) = lane.items.pop_front() {
                bytes += item.bytes();
                lane.bytes -= item.bytes();
                taken.items.push(item);
            }
            if lane.items.is_empty() {
                inner.lanes.remove(&tenant);
            } else {
                inner.turns.push_back(tenant);
            }
        }
        inner.entries -= taken.items.len();
        inner.bytes -= bytes;
        taken.closing = inner.closing && inner.entries == 0;
        let wake = inner.pushers_wait > 0;
        drop(inner);
        if wake {
            self.drained.notify_all();
        }
        taken
    }

    /// Refuses everything from now on with `error`; answers what waits with it.
    pub(super) fn fail(&self, error: &JournalError) {
        let mut inner = self.lock();
        inner.closed = Some(error.clone());
        inner.entries = 0;
        inner.bytes = 0;
        inner.turns.clear();
        let lanes = std::mem::take(&mut inner.lanes);
        let control = std::mem::take(&mut inner.control);
        drop(inner);
        self.drained.notify_all();
        let mut lanes: Vec<_> = lanes.into_iter().collect();
        lanes.sort_by(|(a, _), (b, _)| a.cmp(b));
        for item in lanes.into_iter().flat_map(|(_, lane)| lane.items) {
            (item.done)(Err(error.clone()));
        }
        for control in control {
            control.refuse(error);
        }
    }
}

impl Control {
    pub(super) fn refuse(self, error: &JournalError) {
        match self {
            Self::Checkpoint(_, reply) => drop(reply.send(Err(error.clone()))),
            Self::Rotate(reply) => drop(reply.send(Err(error.clone()))),
            Self::Sync(reply) => drop(reply.send(Err(error.clone()))),
        }
    }
}

impl Durability {
    /// How long written entries may wait for their sync.
    pub(super) fn window(self) -> Option<Duration> {
        match self {
            Self::Strict => None,
            Self::Batch => Some(Duration::from_millis(5)),
            Self::Async => Some(Duration::from_secs(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(tenant: &str, body: u8) -> Item {
        Item {
            tenant: tenant.into(),
            kind: Kind::Decision,
            body: vec![body],
            content: None,
            done: Box::new(|_| {}),
        }
    }

    #[test]
    fn one_noisy_tenant_leaves_room() {
        let queue = Queue::new(100);
        let mut noisy = 0;
        while queue.push(item("noisy", 0), Duration::ZERO).is_ok() {
            noisy += 1;
        }
        assert_eq!(noisy, 75);
        assert!(queue.push(item("quiet", 1), Duration::ZERO).is_ok());
        let taken = queue.take(Duration::ZERO);
        // The quiet one is served in the first round.
        assert_eq!(taken.items[1].body, [1]);
        assert_eq!(taken.items.len(), 76);
    }

    #[test]
    fn what_waits_is_bounded_in_bytes_too() {
        let heavy = |tenant: &str| Item {
            content: Some(Deferred {
                bytes: 16 * 1024 * 1024,
                make: Box::new(|| unreachable!("it is not made here")),
            }),
            ..item(tenant, 0)
        };
        let queue = Queue::new(1_000);
        let mut noisy = 0;
        let refused = loop {
            match queue.push(heavy("noisy"), Duration::ZERO) {
                Ok(()) => noisy += 1,
                Err(error) => break error,
            }
        };
        assert!(matches!(refused, JournalError::QueueBytes(_)), "{refused}");
        assert!((8..=12).contains(&noisy), "{noisy} of 16 MiB in 256 MiB");
        assert!(queue.push(heavy("quiet"), Duration::ZERO).is_ok());
        while !queue.take(Duration::ZERO).items.is_empty() {}
        assert!(queue.push(heavy("noisy"), Duration::ZERO).is_ok());
    }

    #[test]
    fn a_full_queue_refuses_and_a_closed_one_drains() {
        let queue = Queue::new(2);
        for n in 0..2 {
            queue.push(item(&n.to_string(), 0), Duration::ZERO).unwrap();
        }
        assert!(matches!(
            queue.push(item("x", 0), Duration::from_millis(5)),
            Err(JournalError::QueueFull(2))
        ));
        queue.close();
        assert!(matches!(
            queue.push(item("x", 0), Duration::ZERO),
            Err(JournalError::Closed)
        ));
        let taken = queue.take(Duration::ZERO);
        assert!(taken.closing);
        assert_eq!(taken.items.len(), 2);
    }
}
