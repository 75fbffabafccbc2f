//! How often something may fail (GCRA, ITU-T I.371, in its virtual scheduling form), by whatever it is
//! counted by.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Places remembered at once.
pub(crate) const PLACES_MAX: usize = 10_000;

/// Who failed lately.
#[derive(Debug)]
pub(crate) struct Throttle<K> {
    burst: u32,
    every: Duration,
    /// When the place would be without blame.
    blame: Mutex<HashMap<K, Instant>>,
}

impl<K: Hash + Eq + Copy> Throttle<K> {
    /// Takes `burst` failures at once and then one in `every`.
    pub(crate) fn new(burst: u32, every: Duration) -> Self {
        Self {
            burst: burst.max(1),
            every,
            blame: Mutex::default(),
        }
    }

    /// Blame up to which one more failure is taken.
    fn tolerance(&self) -> Duration {
        self.every * (self.burst - 1)
    }

    fn left(&self, blame: &HashMap<K, Instant>, place: K, now: Instant) -> Option<Duration> {
        blame
            .get(&place)
            .map(|until| until.saturating_duration_since(now))
            .and_then(|left| left.checked_sub(self.tolerance()))
            .filter(|wait| !wait.is_zero())
    }

    /// How long a place must wait before another failure is taken; `None`: it need not.
    pub(crate) fn wait(&self, place: K, now: Instant) -> Option<Duration> {
        let blame = self.blame.lock().unwrap_or_else(PoisonError::into_inner);
        self.left(&blame, place, now)
    }

    /// Takes down a failure. Returns whether the place has just used up what it may.
    pub(crate) fn note(&self, place: K, now: Instant) -> bool {
        let mut blame = self.blame.lock().unwrap_or_else(PoisonError::into_inner);
        self.add(&mut blame, place, now)
    }

    /// Takes down a failure before it is known whether it is one, so that many at once do not all
    /// pass; whether it was the last for now.
    ///
    /// # Errors
    /// How long to wait; nothing is taken down then.
    pub(crate) fn take(&self, place: K, now: Instant) -> Result<bool, Duration> {
        let mut blame = self.blame.lock().unwrap_or_else(PoisonError::into_inner);
        match self.left(&blame, place, now) {
            Some(wait) => Err(wait),
            None => Ok(self.add(&mut blame, place, now)),
        }
    }

    /// Forgets the blame of a place.
    pub(crate) fn forgive(&self, place: K) {
        let mut blame = self.blame.lock().unwrap_or_else(PoisonError::into_inner);
        blame.remove(&place);
    }

    fn add(&self, blame: &mut HashMap<K, Instant>, place: K, now: Instant) -> bool {
        if blame.len() >= PLACES_MAX && !blame.contains_key(&place) {
            blame.retain(|_, until| *until > now);
            // Many places at once: the one with the least blame is forgotten.
            if blame.len() >= PLACES_MAX
                && let Some(least) = blame.iter().min_by_key(|(_, until)| **until)
            {
                let least = *least.0;
                blame.remove(&least);
            }
        }
        let most = now + self.every * self.burst;
        let until = blame.entry(place).or_insert(now);
        let before = *until;
        *until = ((*until).max(now) + self.every).min(most);
        let over = now + self.tolerance();
        before <= over && *until > over
    }

    #[cfg(test)]
    pub(crate) fn places(&self) -> usize {
        self.blame.lock().unwrap().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_beforehand_is_bounded_and_forgiven() {
        let throttle = Throttle::new(3, Duration::from_secs(60));
        let now = Instant::now();
        assert_eq!(throttle.take(1, now), Ok(false));
        assert_eq!(throttle.take(1, now), Ok(false));
        assert_eq!(throttle.take(1, now), Ok(true), "the last one");
        assert_eq!(throttle.take(1, now), Err(Duration::from_secs(60)));
        assert_eq!(
            throttle.take(1, now),
            Err(Duration::from_secs(60)),
            "nothing added"
        );
        assert_eq!(throttle.take(2, now), Ok(false));
        throttle.forgive(1);
        assert_eq!(throttle.take(1, now), Ok(false));
    }
}
