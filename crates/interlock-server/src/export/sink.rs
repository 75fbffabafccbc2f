//! What carries events away.

use super::event::SecurityEvent;

/// Why a batch was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failed {
    /// Not now; after so many seconds at the earliest, where the receiver says so.
    Later(String, Option<u64>),
    /// Something in it will never be taken.
    Never(String),
}

/// A receiver. `send` returns when the receiver answers for what it got; a batch that was not taken
/// is sent again as a whole, so that a receiver may see an event twice, under the same id.
pub(super) trait Destination: Send {
    fn send(&mut self, events: &[SecurityEvent]) -> Result<(), Failed>;
}
