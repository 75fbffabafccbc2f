//! How sinks are doing, for people and for monitoring.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use interlock_core::model::UnixNanos;

/// How one sink is doing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SinkStatus {
    /// Its name in the configuration.
    pub name: String,
    /// The format.
    pub format: &'static str,
    /// What kind of receiver: `file`, `syslog-tls`, `hec`, `webhook`, `otlp`.
    pub destination: &'static str,
    /// Entries of the record that it has come past.
    pub passed: u64,
    /// Entries of the record that it has not come to yet.
    pub lag_entries: u64,
    /// When the oldest of them was written, where it is known.
    pub waiting_since: Option<UnixNanos>,
    /// Events that the receiver took.
    pub delivered: u64,
    /// Events that it will never take.
    pub rejected: u64,
    /// Attempts in a row that failed.
    pub failures: u32,
    /// Why the last one failed.
    pub last_error: Option<String>,
    /// When.
    pub failed_at: Option<UnixNanos>,
    /// When it last took something.
    pub delivered_at: Option<UnixNanos>,
}

/// A status that its sink's thread writes and others read.
#[derive(Debug, Clone)]
pub(super) struct Shared(Arc<Mutex<SinkStatus>>);

impl Shared {
    pub(super) fn new(status: SinkStatus) -> Self {
        Self(Arc::new(Mutex::new(status)))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, SinkStatus> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
