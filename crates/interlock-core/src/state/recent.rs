//! When something was first met, for the newest few.

use std::collections::VecDeque;

use super::codec::codec;

/// Hashes with the time of their first meeting, oldest first; bounded by who adds to it. What had
/// to give way counts as long known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Recent {
    met: VecDeque<(u64, i64)>,
}
codec!(Recent { met });

impl Recent {
    /// When it was first met, if that is still remembered.
    #[must_use]
    pub(crate) fn first(&self, hash: u64) -> Option<i64> {
        let entry = self.met.iter().rev().find(|(have, _)| *have == hash);
        entry.map(|(_, at)| *at)
    }

    /// Remembers the first meeting.
    pub(crate) fn meet(&mut self, hash: u64, now: i64, max: usize) {
        if self.first(hash).is_none() {
            while self.met.len() >= max.max(1) {
                self.met.pop_front();
            }
            self.met.push_back((hash, now));
        }
    }

    /// Adds what another node met; in either order the result is the same.
    pub(crate) fn merge(&mut self, other: &Self, max: usize) {
        let mut all: Vec<(u64, i64)> = self.met.iter().chain(&other.met).copied().collect();
        all.sort_unstable();
        all.dedup_by_key(|(hash, _)| *hash);
        all.sort_unstable_by_key(|(hash, at)| (*at, *hash));
        let surplus = all.len().saturating_sub(max);
        self.met = all.split_off(surplus).into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_gives_way() {
        let mut recent = Recent::default();
        for (hash, now) in [(1, 10), (2, 11), (1, 12), (3, 13)] {
            recent.meet(hash, now, 2);
        }
        assert_eq!(recent.first(1), None);
        assert_eq!((recent.first(2), recent.first(3)), (Some(11), Some(13)));
    }

    #[test]
    fn merging_keeps_the_first_meeting() {
        let of = |met: &[(u64, i64)]| Recent {
            met: met.iter().copied().collect(),
        };
        let (a, b) = (of(&[(7, 5), (8, 9)]), of(&[(8, 2), (6, 6)]));
        let (mut ab, mut ba) = (a.clone(), b.clone());
        ab.merge(&b, 3);
        ba.merge(&a, 3);
        assert_eq!(ab, ba);
        assert_eq!(ab, of(&[(8, 2), (7, 5), (6, 6)]));
    }
}
