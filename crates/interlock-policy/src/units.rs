//! Durations, rates, hours, days and instants as authors write them.

use interlock_core::model::UnixNanos;

/// A day in milliseconds.
pub(crate) const DAY_MS: i64 = 86_400_000;
/// The longest window or time limit, in milliseconds: 366 days.
pub(crate) const DURATION_MS_MAX: i64 = 366 * DAY_MS;

/// `30s`, `5m`, `1h`, `1d`, `2w` in milliseconds; at least a second.
pub(crate) fn duration_ms(text: &str) -> Option<i64> {
    let text = text.trim();
    let (number, unit) = text.split_at_checked(text.find(|c: char| !c.is_ascii_digit())?)?;
    let unit_ms = match unit {
        "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => DAY_MS,
        "w" => 7 * DAY_MS,
        _ => return None,
    };
    let ms = number.parse::<i64>().ok()?.checked_mul(unit_ms)?;
    (1_000..=DURATION_MS_MAX).contains(&ms).then_some(ms)
}

/// `20/1m`: what may happen in which window.
pub(crate) fn rate(text: &str) -> Option<(&str, i64)> {
    let (amount, window) = text.split_once('/')?;
    Some((amount.trim(), duration_ms(window)?))
}

/// `09:00-17:00` as minutes of the day, first and one past the last.
pub(crate) fn hours(text: &str) -> Option<(u16, u16)> {
    let (from, to) = text.split_once('-')?;
    let minute = |text: &str| -> Option<u16> {
        let (hour, minute) = text.trim().split_once(':')?;
        if hour.is_empty() || hour.len() > 2 || minute.len() != 2 {
            return None;
        }
        let (hour, minute) = (hour.parse::<u16>().ok()?, minute.parse::<u16>().ok()?);
        let at = hour * 60 + minute;
        (minute < 60 && at <= 24 * 60).then_some(at)
    };
    let (from, to) = (minute(from)?, minute(to)?);
    (from != to && from < 24 * 60).then_some((from, to))
}

/// `mon`, `mon-fri`, `sat-mon` as bits; bit 0 is Monday.
pub(crate) fn days(text: &str) -> Option<u8> {
    const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let day = |text: &str| DAYS.iter().position(|d| *d == text.trim());
    let (from, to) = match text.split_once('-') {
        Some((from, to)) => (day(from)?, day(to)?),
        None => (day(text)?, day(text)?),
    };
    let mut bits = 0u8;
    let mut at = from;
    loop {
        bits |= 1 << at;
        if at == to {
            return Some(bits);
        }
        at = (at + 1) % 7;
    }
}

/// A date (00:00 UTC) or an RFC 3339 instant.
pub(crate) fn instant(text: &str) -> Option<UnixNanos> {
    let timestamp = text.parse::<jiff::Timestamp>().ok().or_else(|| {
        let date = text.parse::<jiff::civil::Date>().ok()?;
        Some(date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
    })?;
    i64::try_from(timestamp.as_nanosecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_rates() {
        assert_eq!(duration_ms("30s"), Some(30_000));
        assert_eq!(duration_ms("5m"), Some(300_000));
        assert_eq!(duration_ms("1h"), Some(3_600_000));
        assert_eq!(duration_ms("2w"), Some(14 * DAY_MS));
        for wrong in [
            "",
            "5",
            "m",
            "0s",
            "1y",
            "400d",
            "-1h",
            "1.5h",
            "99999999999999999999h",
        ] {
            assert_eq!(duration_ms(wrong), None, "{wrong}");
        }
        assert_eq!(rate("20/1m"), Some(("20", 60_000)));
        assert_eq!(rate("20"), None);
    }

    #[test]
    fn hours_and_days() {
        assert_eq!(hours("09:00-17:00"), Some((540, 1020)));
        assert_eq!(hours("22:00-06:30"), Some((1320, 390)));
        assert_eq!(hours("00:00-24:00"), Some((0, 1440)));
        for wrong in [
            "9-17",
            "09:00",
            "09:60-10:00",
            "25:00-26:00",
            "09:00-09:00",
            "24:00-01:00",
        ] {
            assert_eq!(hours(wrong), None, "{wrong}");
        }
        assert_eq!(days("mon"), Some(1));
        assert_eq!(days("mon-fri"), Some(0x1f));
        assert_eq!(days("sat-mon"), Some(0b110_0001));
        assert_eq!(days("monday"), None);
    }

    #[test]
    fn instants() {
        assert_eq!(instant("1970-01-02"), Some(DAY_MS * 1_000_000));
        assert_eq!(instant("1970-01-01T00:00:01Z"), Some(1_000_000_000));
        assert_eq!(instant("1970-01-01T01:00:00+01:00"), Some(0));
        assert_eq!(instant("tomorrow"), None);
    }
}
