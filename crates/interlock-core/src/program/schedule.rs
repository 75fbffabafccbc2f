//! When a rule applies.

use jiff::Timestamp;

use crate::model::UnixNanos;
use crate::program::rule::Schedule;

/// All seven days.
const EVERY_DAY: u8 = 0x7f;

impl Schedule {
    /// Whether the schedule covers `now`.
    ///
    /// The clock is read as civil time in the schedule's zone, so that nine o'clock stays nine
    /// o'clock when summer time begins. A range across midnight belongs to the day on which it
    /// begins: `fri 22:00-06:00` covers Saturday at three and not Friday at three.
    #[must_use]
    pub fn covers(&self, now: UnixNanos) -> bool {
        if self.minutes.is_none() && self.days & EVERY_DAY == EVERY_DAY {
            return true;
        }
        let local = self.zone.to_datetime(
            Timestamp::from_nanosecond(i128::from(now)).unwrap_or(Timestamp::UNIX_EPOCH),
        );
        let minute =
            u16::from(local.hour().unsigned_abs()) * 60 + u16::from(local.minute().unsigned_abs());
        let today = local.weekday().to_monday_zero_offset().unsigned_abs();
        let yesterday = (today + 6) % 7;
        let on = |day: u8| self.days & (1 << day) != 0;
        match self.minutes {
            None => on(today),
            Some((from, to)) if from < to => on(today) && (from..to).contains(&minute),
            Some((from, to)) => (minute >= from && on(today)) || (minute < to && on(yesterday)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRI: u8 = 1 << 4;
    const WEEKDAYS: u8 = 0x1f;

    /// Days, minutes, zone; then instants with what is expected of them.
    #[test]
    fn cases() {
        let check = |days, minutes, zone: &str, instants: &[(&str, bool)]| {
            let schedule = Schedule {
                days,
                minutes,
                zone: jiff::tz::TimeZone::get(zone).unwrap(),
            };
            for (text, expected) in instants {
                let now: Timestamp = text.parse().unwrap();
                let now = i64::try_from(now.as_nanosecond()).unwrap();
                assert_eq!(schedule.covers(now), *expected, "{zone} {text}");
            }
        };
        let nine_to_five = Some((9 * 60, 17 * 60));
        check(
            WEEKDAYS,
            nine_to_five,
            "Europe/Berlin",
            &[
                ("2026-01-16T08:00:00Z", true),
                ("2026-01-16T07:59:59.999999999Z", false),
                ("2026-01-16T15:59:59Z", true),
                ("2026-01-16T16:00:00Z", false),
                // In summer the same civil hours are an hour earlier.
                ("2026-07-17T07:00:00Z", true),
                ("2026-07-17T15:00:00Z", false),
                ("2026-01-17T10:00:00Z", false),
            ],
        );
        // The hour that spring leaves out and the hour that autumn has twice.
        check(
            EVERY_DAY,
            Some((2 * 60, 3 * 60)),
            "Europe/Berlin",
            &[
                ("2026-03-29T00:59:59Z", false),
                ("2026-03-29T01:00:00Z", false),
                ("2026-10-25T00:30:00Z", true),
                ("2026-10-25T01:30:00Z", true),
                ("2026-10-25T02:00:00Z", false),
            ],
        );
        // Friday night in New York, most of it Saturday in UTC.
        check(
            FRI,
            Some((22 * 60, 6 * 60)),
            "America/New_York",
            &[
                ("2026-11-21T02:59:59Z", false),
                ("2026-11-21T03:00:00Z", true),
                ("2026-11-21T10:59:59Z", true),
                ("2026-11-21T11:00:00Z", false),
                ("2026-11-20T09:00:00Z", false),
                ("2026-11-22T04:00:00Z", false),
            ],
        );
        check(
            FRI,
            None,
            "UTC",
            &[
                ("2026-11-20T00:00:00Z", true),
                ("2026-11-21T00:00:00Z", false),
            ],
        );
        check(0, None, "UTC", &[("2026-11-20T00:00:00Z", false)]);
        check(EVERY_DAY, None, "UTC", &[("2026-11-20T00:00:00Z", true)]);
        // From and to alike: a whole day, from that minute on.
        check(
            FRI,
            Some((60, 60)),
            "UTC",
            &[
                ("2026-11-20T00:59:00Z", false),
                ("2026-11-20T01:00:00Z", true),
                ("2026-11-21T00:59:00Z", true),
                ("2026-11-21T01:00:00Z", false),
            ],
        );
        // The ends of the clock.
        check(
            FRI,
            nine_to_five,
            "Pacific/Kiritimati",
            &[("1970-01-01T00:00:00Z", false)],
        );
    }

    #[test]
    fn no_instant_panics() {
        let schedule = Schedule {
            days: FRI,
            minutes: Some((1, 2)),
            zone: jiff::tz::TimeZone::get("Asia/Kathmandu").unwrap(),
        };
        let covered = [i64::MIN, -1, 0, 1, i64::MAX].map(|now| schedule.covers(now));
        assert_eq!(covered, [false; 5]);
    }
}
