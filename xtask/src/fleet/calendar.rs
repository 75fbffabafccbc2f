//! Time: zones with their summer time, weekdays, month ends, seasons.

pub(crate) const SECOND: i64 = 1_000_000_000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;

/// Monday, the 31st of August 2026, 00:00 UTC: the first day that a trace can begin on.
pub(crate) const EPOCH: i64 = 1_788_134_400 * SECOND;
/// Days from there to the end of summer time in Europe (25 October) and the United States
/// (1 November).
const EUROPE_WINTER: i64 = 55;
const AMERICA_WINTER: i64 = 62;
/// Lengths of the months from September on.
const MONTHS: [i64; 6] = [30, 31, 30, 31, 31, 28];

/// Where an agent's people live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Zone {
    pub(crate) name: &'static str,
    pub(crate) region: &'static str,
    /// Hours ahead of UTC in winter.
    pub(crate) offset: i64,
    /// The day, from the epoch, on which summer time ends.
    pub(crate) winter: Option<i64>,
}

pub(crate) const ZONES: [Zone; 5] = [
    Zone {
        name: "Berlin",
        region: "eu-central-1",
        offset: 1,
        winter: Some(EUROPE_WINTER),
    },
    Zone {
        name: "London",
        region: "eu-west-2",
        offset: 0,
        winter: Some(EUROPE_WINTER),
    },
    Zone {
        name: "New York",
        region: "us-east-1",
        offset: -5,
        winter: Some(AMERICA_WINTER),
    },
    Zone {
        name: "San Francisco",
        region: "us-west-1",
        offset: -8,
        winter: Some(AMERICA_WINTER),
    },
    Zone {
        name: "Tokyo",
        region: "ap-northeast-1",
        offset: 9,
        winter: None,
    },
];

impl Zone {
    /// The time of a local hour of a day counted from the epoch.
    pub(crate) fn at(&self, day: i64, hour: i64) -> i64 {
        let summer = self.winter.is_some_and(|from| day < from);
        EPOCH + day * DAY + (hour - self.offset - i64::from(summer)) * HOUR
    }
}

/// 0 for Monday.
pub(crate) const fn weekday(day: i64) -> i64 {
    day.rem_euclid(7)
}

pub(crate) const fn weekend(day: i64) -> bool {
    weekday(day) >= 5
}

/// Days to the nearest turn of the month: 0 for the last and the first day of one.
pub(crate) fn from_month_end(day: i64) -> i64 {
    let mut first = 1;
    let mut nearest = if day < first { -day } else { day - first };
    for length in MONTHS {
        first += length;
        let distance = if day < first {
            first - 1 - day
        } else {
            day - first
        };
        nearest = nearest.min(distance);
    }
    nearest
}

/// How busy a week is: it rises towards the end of the year and dips in holidays.
pub(crate) fn season(day: i64) -> f64 {
    const WEEKS: [f64; 20] = [
        0.9, 0.95, 1.0, 1.0, 1.05, 0.95, 0.9, 1.0, 1.05, 1.1, 1.1, 1.15, 1.3, 1.2, 1.15, 1.1, 0.7,
        0.6, 0.9, 1.0,
    ];
    WEEKS[(day / 7).rem_euclid(20) as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calendar_is_right() {
        // 30 September and 1 October 2026 are days 30 and 31 from the epoch.
        for (day, want) in [
            (0, 0),
            (1, 0),
            (16, 14),
            (29, 1),
            (30, 0),
            (31, 0),
            (61, 0),
            (60, 1),
            (62, 0),
        ] {
            assert_eq!(from_month_end(day), want, "{day}");
        }
        assert!(weekday(0) == 0 && weekend(5) && weekend(6) && !weekend(7));
        assert_eq!(ZONES[0].at(54, 9), EPOCH + 54 * DAY + 7 * HOUR);
        assert_eq!(ZONES[0].at(55, 9), EPOCH + 55 * DAY + 8 * HOUR);
        assert_eq!(ZONES[4].at(0, 9), EPOCH);
    }
}
