//! The loop detector: how often the same call, or nearly the same, was just asked for.

use std::collections::VecDeque;

use super::codec::codec;
use super::rate::to_i64;

/// How far back the detector looks.
pub const LOOP_WINDOW_NS: i64 = 5 * 60 * 1_000_000_000;

/// How many calls it remembers; in a busier agent it sees the newest of the five minutes only, so
/// its counts are then a lower bound.
pub const LOOP_CALLS_MAX: usize = 256;

/// One call as the detector remembers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Call {
    at: i64,
    exact: u64,
    near: u64,
}
codec!(Call { at, exact, near });

/// The recent calls of one agent. Attempts count, whether they were allowed or not: a loop that
/// runs against a wall is a loop.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct CallRing {
    calls: VecDeque<Call>,
}
codec!(CallRing { calls });

impl CallRing {
    /// Adds a call and answers how many identical and how many similar ones there were in the
    /// window, this one included. An identical call is also similar.
    pub(crate) fn push(&mut self, now: i64, exact: u64, near: u64) -> (i64, i64) {
        let start = now.saturating_sub(LOOP_WINDOW_NS);
        while self.calls.len() >= LOOP_CALLS_MAX
            || self.calls.front().is_some_and(|c| c.at <= start)
        {
            self.calls.pop_front();
        }
        self.calls.push_back(Call {
            at: now,
            exact,
            near,
        });
        let (mut identical, mut similar) = (0usize, 0usize);
        for call in &self.calls {
            identical += usize::from(call.exact == exact);
            similar += usize::from(call.near == near || call.exact == exact);
        }
        (to_i64(identical), to_i64(similar))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000_000_000;

    #[test]
    fn counts_follow_the_window() {
        let mut ring = CallRing::default();
        let mut check = |second: i64, exact, near, want| {
            assert_eq!(ring.push(second * S, exact, near), want, "at {second} s");
        };
        check(0, 1, 9, (1, 1));
        check(1, 1, 9, (2, 2));
        check(2, 2, 9, (1, 3));
        check(3, 5, 6, (1, 1));
        check(300, 1, 9, (2, 3));
        check(301, 1, 9, (2, 3));
        check(900, 1, 9, (1, 1));
    }

    #[test]
    fn the_ring_is_bounded() {
        let mut ring = CallRing::default();
        let last = (0..1_000).map(|_| ring.push(0, 1, 1)).last();
        assert_eq!(last, Some((256, 256)));
        assert_eq!(ring.calls.len(), LOOP_CALLS_MAX);
    }
}
