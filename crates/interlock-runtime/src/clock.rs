//! Time and ids, as parameters.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use interlock_core::model::UnixNanos;
use uuid::Uuid;

/// A source of time.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Nanoseconds since the Unix epoch.
    fn now(&self) -> UnixNanos;
}

/// The system's clock, kept from running backwards within this process: a jump back would reopen
/// windows that are used up.
#[derive(Debug, Default)]
pub struct SystemClock {
    latest: AtomicI64,
}

impl Clock for SystemClock {
    fn now(&self) -> UnixNanos {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .ok()
            .and_then(|d| i64::try_from(d.as_nanos()).ok())
            .unwrap_or(0);
        self.latest.fetch_max(now, Ordering::Relaxed).max(now)
    }
}

/// A clock that is set by hand, for tests and simulations.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `now`.
    #[must_use]
    pub fn at(now: UnixNanos) -> Self {
        Self(AtomicI64::new(now))
    }

    /// Sets it.
    pub fn set(&self, now: UnixNanos) {
        self.0.store(now, Ordering::Relaxed);
    }

    /// Moves it on.
    pub fn advance(&self, by: UnixNanos) {
        self.0.fetch_add(by, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UnixNanos {
        self.0.load(Ordering::Relaxed)
    }
}

/// A time-ordered id (UUID version 7).
pub(crate) fn new_id(now: UnixNanos) -> Uuid {
    let now = u64::try_from(now).unwrap_or(0);
    let seconds = now / 1_000_000_000;
    let nanos = u32::try_from(now % 1_000_000_000).unwrap_or(0);
    Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanos))
}
