//! Who writes: a caller that finds nobody else at it, or the journal's own thread.
//!
//! Waking a thread costs more than a decision, so a caller that waits for its entry anyway writes
//! it, and with it whatever else is queued. The journal's thread remains for what nobody waits
//! for, for syncs and checkpoints that come due, for what was queued while somebody else wrote,
//! and for the end.
//!
//! Nothing stays in the queue unseen: whoever queues tries to take the seat afterwards, and whoever
//! leaves it looks at the queue afterwards.

use super::error::JournalError;
use super::queue::Item;
use super::writer::Writer;
use super::{Durability, Shared};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

/// How often one caller writes in a row while others queue.
const TURNS: usize = 4;

/// How the journal's thread rests.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rest {
    pub(super) time: Duration,
    /// Whether it must be woken for what is written meanwhile.
    pub(super) asleep: bool,
}

struct Held {
    /// Gone once the journal stopped.
    writer: Option<Writer>,
    /// How it stopped.
    ended: Result<(), JournalError>,
}

/// The writer's place; one thread at a time has it.
pub(super) struct Seat {
    shared: Arc<Shared>,
    held: Mutex<Held>,
}

impl std::fmt::Debug for Seat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seat").finish_non_exhaustive()
    }
}

impl Held {
    /// Lets the writer work; when that fails, the journal stops and everybody is answered.
    fn work(
        &mut self,
        shared: &Shared,
        work: impl FnOnce(&mut Writer) -> Result<(), JournalError>,
    ) -> bool {
        let Some(writer) = &mut self.writer else {
            return false;
        };
        let worked = catch_unwind(AssertUnwindSafe(|| work(writer)))
            .unwrap_or_else(|_| Err(JournalError::Poisoned("the writer panicked".into())));
        match worked {
            Ok(()) => true,
            Err(error) => {
                self.fail(shared, error);
                false
            }
        }
    }

    fn fail(&mut self, shared: &Shared, error: JournalError) {
        let error = match error {
            JournalError::StorageFull | JournalError::Poisoned(_) => error,
            other => JournalError::Poisoned(other.to_string().into()),
        };
        tracing::error!(%error, "the journal accepts no more entries");
        self.end(shared, Err(error));
    }

    fn end(&mut self, shared: &Shared, how: Result<(), JournalError>) {
        let Some(mut writer) = self.writer.take() else {
            return;
        };
        let error = match &how {
            Ok(()) => JournalError::Closed,
            Err(error) => error.clone(),
        };
        self.ended = how;
        writer.stop(&error);
        shared.queue.fail(&error);
        writer.end_publishing();
    }
}

impl Seat {
    pub(super) fn new(shared: Arc<Shared>, writer: Writer) -> Self {
        Self {
            shared,
            held: Mutex::new(Held {
                writer: Some(writer),
                ended: Ok(()),
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The seat, unless somebody has it.
    fn try_lock(&self) -> Option<MutexGuard<'_, Held>> {
        match self.held.try_lock() {
            Ok(held) => Some(held),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Writes an item of a caller that waits for it, and what others queue meanwhile; or queues it,
    /// when somebody else is writing.
    ///
    /// When it is refused, its waiter is not called.
    pub(super) fn write(&self, item: Item, patience: Duration) -> Result<(), JournalError> {
        let queue = &self.shared.queue;
        // Under strict durability a turn is a sync, and who waits shall not wait for two.
        let turns = match self.shared.options.durability {
            Durability::Strict => 1,
            Durability::Batch | Durability::Async => TURNS,
        };
        let mut taken = match self.try_lock() {
            Some(held) => Some((held, queue.take_with(item)?)),
            None => {
                queue.push(item, patience, false)?;
                None
            }
        };
        for turn in 1..=turns {
            let (mut held, items) = match taken.take() {
                Some(first) => first,
                None => match self.try_lock() {
                    Some(held) => (held, queue.take()),
                    // Who has the seat looks at the queue once more.
                    None => return Ok(()),
                },
            };
            if !items.is_empty() {
                held.work(&self.shared, |writer| writer.write(items));
            }
            drop(held);
            if !queue.wrote(turn == turns) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The journal's own thread.
    pub(super) fn run(&self) -> Result<(), JournalError> {
        let mut rest = Rest::default();
        let mut seen = 0;
        loop {
            self.shared.queue.rest(&rest);
            let mut held = self.lock();
            let taken = self.shared.queue.take_all();
            let closing = taken.closing;
            let worked = held.work(&self.shared, |writer| {
                writer.turn(taken.items, taken.control)?;
                if closing { writer.finish() } else { Ok(()) }
            });
            if worked && closing {
                held.end(&self.shared, Ok(()));
            }
            let due = held.writer.as_mut().and_then(Writer::due_sync);
            if let Some(due) = due {
                drop(held);
                // Others write meanwhile.
                let synced = catch_unwind(AssertUnwindSafe(|| self.shared.sync(&*due.file)))
                    .unwrap_or_else(|_| Err(JournalError::Poisoned("a sync panicked".into())));
                held = self.lock();
                held.work(&self.shared, |writer| {
                    synced?;
                    writer.synced(&due);
                    Ok(())
                });
            }
            match &mut held.writer {
                Some(writer) => rest = writer.rest(&mut seen),
                None => return held.ended.clone(),
            }
        }
    }
}
