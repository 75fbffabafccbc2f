//! How channels are doing: what each one took last, and why it did not.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use interlock_core::model::UnixNanos;

use super::Sent;

/// What was seen of one channel since the server started.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Seen {
    /// When it last took a message.
    pub(crate) sent_at: Option<UnixNanos>,
    /// When it last did not, and why.
    pub(crate) failed: Option<(UnixNanos, String)>,
    /// Attempts in a row that failed.
    pub(crate) failures: u32,
}

/// What was seen of the channels, by name: as many as are configured.
#[derive(Debug, Default)]
pub(crate) struct Health(Mutex<BTreeMap<String, Seen>>);

impl Health {
    pub(super) fn note(&self, channel: &str, sent: &Sent, now: UnixNanos) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = all.entry(channel.to_owned()).or_default();
        match sent {
            Sent::Yes => {
                seen.sent_at = Some(now);
                seen.failures = 0;
            }
            // It says nothing of the channel.
            Sent::Skipped => {}
            Sent::Later(error, _) | Sent::Never(error) => {
                seen.failed = Some((now, error.clone()));
                seen.failures = seen.failures.saturating_add(1);
            }
        }
    }

    pub(crate) fn of(&self, channel: &str) -> Seen {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(channel).cloned().unwrap_or_default()
    }
}
