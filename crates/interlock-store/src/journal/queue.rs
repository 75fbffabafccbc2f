//! The bounded queue before the writer: a lane per log, drained in turns.

use super::error::JournalError;
use super::seat::Rest;
use super::{Appended, Durability};
use crate::vault::Deferred;
use interlock_core::audit::frame::Kind;
use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Most bytes of bodies and content in one batch.
const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Most bytes of bodies and content that wait.
const QUEUE_BYTES_MAX: usize = 256 * 1024 * 1024;
/// A lane may hold this many times what is still free (dynamic thresholds after Choudhury and
/// Hahne): alone it gets three quarters, and there is always room for another.
const SHARE: usize = 3;

pub(super) type Done = Box<dyn FnOnce(Result<Appended, JournalError>) + Send>;

/// Who waits for an entry; answered exactly once, also when whoever writes it panics.
pub(super) struct Waiter(Option<Done>);

impl Waiter {
    pub(super) fn new(done: Done) -> Self {
        Self(Some(done))
    }

    pub(super) fn answer(mut self, result: Result<Appended, JournalError>) {
        self.call(result);
    }

    /// Leaves the waiter without an answer: who asked is told another way.
    pub(super) fn forget(mut self) {
        self.0 = None;
    }

    /// A panic in the waiter's code must not stop the journal.
    fn call(&mut self, result: Result<Appended, JournalError>) {
        if let Some(done) = self.0.take()
            && catch_unwind(AssertUnwindSafe(|| done(result))).is_err()
        {
            tracing::error!("a waiter of the journal panicked");
        }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        if self.0.is_some() {
            self.call(Err(JournalError::Poisoned(
                "the writer stopped before it answered".into(),
            )));
        }
    }
}

pub(super) struct Item {
    pub(super) tenant: Arc<str>,
    pub(super) kind: Kind,
    pub(super) body: Vec<u8>,
    /// Sealed and committed to in the body before the entry is written.
    pub(super) content: Option<Deferred>,
    pub(super) done: Waiter,
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
    /// What the journal's thread does, and how many wait for room: a call that nobody waits for
    /// costs as much as the push.
    thread: Thread,
    /// Whether something was written since the journal's thread looked.
    stirred: bool,
    pushers_wait: usize,
}

impl Inner {
    /// Why nothing more is let in.
    fn refusal(&self) -> Option<JournalError> {
        let closing = || self.closing.then_some(JournalError::Closed);
        self.closed.clone().or_else(closing)
    }

    /// Adds an item to its lane.
    fn put(&mut self, item: Item) {
        let bytes = item.bytes();
        self.entries += 1;
        self.bytes += bytes;
        let lane = match self.lanes.get_mut(&item.tenant) {
            Some(lane) => lane,
            None => self.lanes.entry(item.tenant.clone()).or_default(),
        };
        lane.bytes += bytes;
        if lane.items.is_empty() {
            self.turns.push_back(item.tenant.clone());
        }
        lane.items.push_back(item);
    }
}

/// What the journal's thread does.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Thread {
    /// It runs, or is being woken: it looks at the queue before it rests.
    #[default]
    Up,
    /// It rests, and gets up in time for what is written meanwhile.
    Watching,
    /// It rests until somebody wakes it.
    Asleep,
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

/// What the journal's thread takes at once.
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

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an item, waiting up to `patience` for room; with `wake`, the journal's thread is told.
    ///
    /// When it is refused, its waiter is not called.
    pub(super) fn push(
        &self,
        item: Item,
        patience: Duration,
        wake: bool,
    ) -> Result<(), JournalError> {
        let mut inner = match self.room(&item, patience) {
            Ok(inner) => inner,
            Err(error) => {
                item.done.forget();
                return Err(error);
            }
        };
        inner.put(item);
        if wake {
            self.wake(inner);
        }
        Ok(())
    }

    /// Takes what is there and, behind it, an item that is written at once and needs no room.
    ///
    /// When it is refused, its waiter is not called.
    pub(super) fn take_with(&self, item: Item) -> Result<Vec<Item>, JournalError> {
        let mut inner = self.lock();
        if let Some(error) = inner.refusal() {
            item.done.forget();
            return Err(error);
        }
        if inner.entries == 0 {
            return Ok(vec![item]);
        }
        inner.put(item);
        Ok(self.take_from(inner))
    }

    /// Wakes the journal's thread if it rests.
    fn wake(&self, mut inner: MutexGuard<'_, Inner>) {
        let rests = std::mem::take(&mut inner.thread) != Thread::Up;
        drop(inner);
        if rests {
            self.filled.notify_one();
        }
    }

    /// Waits up to `patience` until there is room for `item`.
    fn room(&self, item: &Item, patience: Duration) -> Result<MutexGuard<'_, Inner>, JournalError> {
        let mut deadline = None;
        let bytes = item.bytes();
        let mut inner = self.lock();
        loop {
            if let Some(error) = inner.refusal() {
                return Err(error);
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
                return Ok(inner);
            }
            let now = Instant::now();
            let left = deadline
                .get_or_insert(now + patience)
                .saturating_duration_since(now);
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
    }

    pub(super) fn control(&self, control: Control) -> Result<(), JournalError> {
        let mut inner = self.lock();
        if let Some(error) = &inner.closed {
            return Err(error.clone());
        }
        inner.control.push_back(control);
        self.wake(inner);
        Ok(())
    }

    /// Why nothing more is let in.
    pub(super) fn stopped(&self) -> Option<JournalError> {
        self.lock().refusal()
    }

    /// Lets no more in; the writer drains what is there.
    pub(super) fn close(&self) {
        let mut inner = self.lock();
        inner.closing = true;
        self.wake(inner);
        self.drained.notify_all();
    }

    /// Rests the journal's thread until there is something for it to do, at most as `rest` says.
    pub(super) fn rest(&self, rest: &Rest) {
        let mut inner = self.lock();
        let idle = inner.entries == 0
            && inner.control.is_empty()
            && !inner.closing
            && inner.closed.is_none()
            // It would sleep through what was written since.
            && !(rest.asleep && inner.stirred);
        if !idle {
            return;
        }
        inner.thread = if rest.asleep {
            Thread::Asleep
        } else {
            Thread::Watching
        };
        inner = self
            .filled
            .wait_timeout(inner, rest.time)
            .unwrap_or_else(PoisonError::into_inner)
            .0;
        inner.thread = Thread::Up;
    }

    /// To be called by a caller that wrote, once others can write: whether there is more to write.
    /// With `leave`, or when it would not look in time, the journal's thread is told.
    pub(super) fn wrote(&self, leave: bool) -> bool {
        let mut inner = self.lock();
        inner.stirred = true;
        let more = inner.entries > 0;
        if (more && leave) || inner.thread == Thread::Asleep {
            self.wake(inner);
        }
        more
    }

    /// Takes what is there, one of each lane in turn.
    pub(super) fn take(&self) -> Vec<Item> {
        self.take_from(self.lock())
    }

    /// As [`Queue::take`], with what only the journal's thread does.
    pub(super) fn take_all(&self) -> Taken {
        let mut inner = self.lock();
        inner.stirred = false;
        let control = inner.control.drain(..).collect();
        let closing = inner.closing;
        let before = inner.entries;
        let items = self.take_from(inner);
        Taken {
            closing: closing && items.len() == before,
            items,
            control,
        }
    }

    fn take_from(&self, mut inner: MutexGuard<'_, Inner>) -> Vec<Item> {
        let mut items = Vec::new();
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
                items.push(item);
            }
            if lane.items.is_empty() {
                inner.lanes.remove(&tenant);
            } else {
                inner.turns.push_back(tenant);
            }
        }
        inner.entries -= items.len();
        inner.bytes -= bytes;
        let wake = inner.pushers_wait > 0;
        drop(inner);
        if wake {
            self.drained.notify_all();
        }
        items
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
        self.wake(inner);
        self.drained.notify_all();
        let mut lanes: Vec<_> = lanes.into_iter().collect();
        lanes.sort_by(|(a, _), (b, _)| a.cmp(b));
        for item in lanes.into_iter().flat_map(|(_, lane)| lane.items) {
            item.done.answer(Err(error.clone()));
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
            done: Waiter::new(Box::new(|_| {})),
        }
    }

    #[test]
    fn one_noisy_tenant_leaves_room() {
        let queue = Queue::new(100);
        let mut noisy = 0;
        while queue.push(item("noisy", 0), Duration::ZERO, true).is_ok() {
            noisy += 1;
        }
        assert_eq!(noisy, 75);
        assert!(queue.push(item("quiet", 1), Duration::ZERO, true).is_ok());
        let taken = queue.take();
        // The quiet one is served in the first round.
        assert_eq!(taken[1].body, [1]);
        assert_eq!(taken.len(), 76);
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
            match queue.push(heavy("noisy"), Duration::ZERO, true) {
                Ok(()) => noisy += 1,
                Err(error) => break error,
            }
        };
        assert!(matches!(refused, JournalError::QueueBytes(_)), "{refused}");
        assert!((8..=12).contains(&noisy), "{noisy} of 16 MiB in 256 MiB");
        assert!(queue.push(heavy("quiet"), Duration::ZERO, true).is_ok());
        while !queue.take().is_empty() {}
        assert!(queue.push(heavy("noisy"), Duration::ZERO, true).is_ok());
    }

    #[test]
    fn a_full_queue_refuses_and_a_closed_one_drains() {
        let queue = Queue::new(2);
        for n in 0..2 {
            queue
                .push(item(&n.to_string(), 0), Duration::ZERO, true)
                .unwrap();
        }
        assert!(matches!(
            queue.push(item("x", 0), Duration::from_millis(5), true),
            Err(JournalError::QueueFull(2))
        ));
        queue.close();
        assert!(matches!(
            queue.push(item("x", 0), Duration::ZERO, true),
            Err(JournalError::Closed)
        ));
        let taken = queue.take_all();
        assert!(taken.closing);
        assert_eq!(taken.items.len(), 2);
    }
}
