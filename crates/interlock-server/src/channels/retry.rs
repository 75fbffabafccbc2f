//! When a message that a channel did not take is tried again.

use interlock_core::model::UnixNanos;

const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// The pauses after each failure, over about 75 hours, as Standard Webhooks proposes.
const PAUSES: [i64; 9] = [
    5 * SECOND,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    14 * HOUR,
    20 * HOUR,
    24 * HOUR,
];

/// When to try again after `failures` earlier ones and this one, spread by up to a fifth; `None` when
/// it was tried often enough. The channel may ask for a longer pause, up to an hour.
pub(super) fn next(failures: u32, wait_s: Option<u64>, now: UnixNanos) -> Option<UnixNanos> {
    let mut random = [0; 2];
    // Without random bytes the pause is not spread, and just as right.
    let _ = getrandom::fill(&mut random);
    at(failures, wait_s, now, u16::from_le_bytes(random))
}

fn at(failures: u32, wait_s: Option<u64>, now: UnixNanos, random: u16) -> Option<UnixNanos> {
    let pause = *PAUSES.get(usize::try_from(failures).ok()?)?;
    let asked = i64::try_from(wait_s.unwrap_or(0).min(3_600)).unwrap_or(0) * SECOND;
    Some(now.saturating_add(spread(pause, random).max(asked)))
}

/// A pause, spread by up to a fifth either way, so that many who failed at once do not come again at
/// once.
pub(crate) fn spread(pause: i64, random: u16) -> i64 {
    pause - pause / 5 + pause / 5 * 2 / 1_000 * (i64::from(random) % 1_001)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nine_pauses_each_within_a_fifth() {
        for (failures, pause) in (0..).zip(PAUSES) {
            for random in [0, 1, 500, 1_000, u16::MAX] {
                let at = at(failures, None, 7, random).unwrap() - 7;
                assert!(
                    at >= pause * 4 / 5 && at <= pause * 6 / 5,
                    "{failures} {random}: {at}"
                );
            }
        }
        assert_eq!(at(9, None, 0, 0), None);
        assert_eq!(at(u32::MAX, None, 0, 0), None);
        assert_eq!(at(0, Some(60), 0, 0), Some(60 * SECOND));
        assert_eq!(at(0, Some(u64::MAX), 0, 0), Some(HOUR));
        assert_eq!(at(8, Some(1), i64::MAX, 0), Some(i64::MAX));
    }
}
