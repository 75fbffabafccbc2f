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
