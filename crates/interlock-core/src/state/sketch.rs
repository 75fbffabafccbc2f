//! A bounded set of hashes with decayed counts; the smallest count gives way.

use super::codec::codec;

/// Hashes and their counts, sorted by hash.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Sketch {
    entries: Vec<(u64, u64)>,
}
codec!(Sketch { entries });

impl Sketch {
    /// Adds `weight` to `hash`; with more than `max` hashes the one with the smallest count is
    /// forgotten, but not the one just added.
    pub(crate) fn add(&mut self, hash: u64, weight: u64, max: usize) {
        match self.find(hash) {
            Ok(at) => {
                if let Some((_, count)) = self.entries.get_mut(at) {
                    *count = count.saturating_add(weight);
                }
            }
            Err(at) if self.entries.len() < max => self.entries.insert(at, (hash, weight)),
            Err(_) => {
                let smallest = self
                    .entries
                    .iter()
                    .enumerate()
                    .min_by_key(|(_, (hash, count))| (*count, *hash))
                    .map(|(at, _)| at);
                if let Some(smallest) = smallest {
                    self.entries.remove(smallest);
                }
                let at = self.entries.partition_point(|(have, _)| *have < hash);
                self.entries.insert(at, (hash, weight));
            }
        }
    }

    fn find(&self, hash: u64) -> Result<usize, usize> {
        self.entries.binary_search_by_key(&hash, |(have, _)| *have)
    }

    /// Whether the hash is held.
    #[must_use]
    pub(crate) fn contains(&self, hash: u64) -> bool {
        self.find(hash).is_ok()
    }

    /// The count of a hash; 0 when it is not held.
    #[must_use]
    pub(crate) fn count(&self, hash: u64) -> u64 {
        let at = self.find(hash).ok();
        at.and_then(|at| self.entries.get(at))
            .map_or(0, |(_, n)| *n)
    }

    /// Halves every count so many times and forgets those that vanish.
    pub(crate) fn halve(&mut self, times: u32) {
        for (_, count) in &mut self.entries {
            *count >>= times;
        }
        self.entries.retain(|(_, count)| *count > 0);
    }

    /// Adds another node's counts and keeps the `max` largest.
    pub(crate) fn merge(&mut self, other: &Self, max: usize) {
        for (hash, count) in &other.entries {
            match self.find(*hash) {
                Ok(at) => {
                    if let Some((_, have)) = self.entries.get_mut(at) {
                        *have = have.saturating_add(*count);
                    }
                }
                Err(at) => self.entries.insert(at, (*hash, *count)),
            }
        }
        if self.entries.len() > max {
            self.entries
                .sort_unstable_by_key(|(hash, count)| (std::cmp::Reverse(*count), *hash));
            self.entries.truncate(max);
            self.entries.sort_unstable();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_gives_way_but_never_the_newest() {
        let mut sketch = Sketch::default();
        for (hash, weight) in [(5, 10), (3, 2), (9, 7)] {
            sketch.add(hash, weight, 3);
        }
        sketch.add(4, 1, 3);
        assert_eq!(sketch.entries, [(4, 1), (5, 10), (9, 7)]);
        sketch.add(1, 1, 3);
        assert_eq!(sketch.entries, [(1, 1), (5, 10), (9, 7)]);
        sketch.halve(1);
        assert_eq!(sketch.entries, [(5, 5), (9, 3)]);
    }
}
