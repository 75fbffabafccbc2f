//! Times as people write them.

use crate::number::NANO;

/// A moment: a span back from now, or a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// As written.
    text: String,
    meant: Meant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meant {
    /// So many seconds ago.
    Ago(i64),
    /// Nanoseconds since 1970.
    At(i64),
}

/// Digits of a span.
const SPAN_DIGITS_MAX: usize = 6;

impl Moment {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let meant = span(text)
            .map(Meant::Ago)
            .or_else(|| at(text).map(Meant::At))?;
        Some(Self {
            text: text.to_owned(),
            meant,
        })
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Nanoseconds since 1970, when it is `now`.
    #[must_use]
    pub const fn nanos(&self, now: i64) -> i64 {
        match self.meant {
            Meant::Ago(seconds) => now.saturating_sub(seconds.saturating_mul(NANO)),
            Meant::At(at) => at,
        }
    }
}

/// `90s`, `30m`, `24h`, `7d`, `2w`, in seconds.
fn span(text: &str) -> Option<i64> {
    let unit = text.chars().last()?;
    let digits = text.strip_suffix(unit)?;
    if digits.is_empty()
        || digits.len() > SPAN_DIGITS_MAX
        || !digits.bytes().all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    };
    Some(digits.parse::<i64>().ok()? * seconds)
}

/// Takes a number of so many digits off the front.
fn digits(text: &mut &str, count: usize) -> Option<i64> {
    let (number, rest) = text.split_at_checked(count)?;
    if !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    *text = rest;
    number.parse().ok()
}

fn take(text: &mut &str, c: char) -> Option<()> {
    *text = text.strip_prefix(c)?;
    Some(())
}

/// `2026-11-21`, midnight in UTC, or RFC 3339 `2026-11-21T12:30:00Z`; seconds and their fraction may
/// be left out. Years 1970 to 2200.
fn at(text: &str) -> Option<i64> {
    let mut rest = text;
    let year = digits(&mut rest, 4)?;
    take(&mut rest, '-')?;
    let month = digits(&mut rest, 2)?;
    take(&mut rest, '-')?;
    let day = digits(&mut rest, 2)?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1970..=2200).contains(&year) || !(1..=last).contains(&day) {
        return None;
    }
    let midnight = days(year, month, day) * 86_400;
    if rest.is_empty() {
        return Some(midnight * NANO);
    }
    take(&mut rest, 'T')?;
    let hour = digits(&mut rest, 2)?;
    take(&mut rest, ':')?;
    let minute = digits(&mut rest, 2)?;
    let mut second = 0;
    let mut nano = 0;
    if rest.starts_with(':') {
        take(&mut rest, ':')?;
        second = digits(&mut rest, 2)?;
        if rest.starts_with('.') {
            take(&mut rest, '.')?;
            let count = rest.bytes().take_while(u8::is_ascii_digit).count();
            if !(1..=9).contains(&count) {
                return None;
            }
            let fraction = digits(&mut rest, count)?;
            nano = fraction * 10_i64.pow(9 - u32::try_from(count).ok()?);
        }
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let offset = match rest {
        "Z" => 0,
        _ => {
            let sign = if rest.starts_with('-') { -1 } else { 1 };
            rest = rest.strip_prefix(['+', '-'])?;
            let hours = digits(&mut rest, 2)?;
            take(&mut rest, ':')?;
            let minutes = digits(&mut rest, 2)?;
            if !rest.is_empty() || hours > 23 || minutes > 59 {
                return None;
            }
            sign * (hours * 3_600 + minutes * 60)
        }
    };
    let seconds = midnight + hour * 3_600 + minute * 60 + second - offset;
    Some(seconds * NANO + nano)
}

/// Days since 1970 of a date of the Gregorian calendar (H. Hinnant, *chrono-compatible low-level
/// date algorithms*).
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year / 400;
    let of_era = year - era * 400;
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_times() {
        let now = 1_000_000 * NANO;
        for (text, seconds) in [
            ("0s", 1_000_000),
            ("30m", 998_200),
            ("1d", 913_600),
            ("1970-01-02", 86_400),
            ("2000-02-29", 951_782_400),
            ("2026-11-21T12:00:00Z", 1_795_262_400),
            ("2026-11-21T12:00Z", 1_795_262_400),
            ("2026-11-21T12:00:00+01:30", 1_795_257_000),
            ("2026-11-21T12:00:00-00:30", 1_795_264_200),
        ] {
            let moment = Moment::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(moment.nanos(now), seconds * NANO, "{text}");
        }
        let moment = Moment::parse("1970-01-01T00:00:00.25Z").unwrap();
        assert_eq!(moment.nanos(now), NANO / 4);
        for text in [
            "",
            "h",
            "1y",
            "1234567h",
            "-1h",
            "yesterday",
            "2026-13-01",
            "2026-02-29",
            "2026-1-1",
            "2026-11-21T25:00Z",
            "2026-11-21T12:00",
            "2026-11-21T12:00:00.Z",
            "2026-11-21 12:00Z",
            "1969-12-31",
            "2026-11-21T12:00:00+1:00",
            "1ä",
            "2026-11-21T12:00:00Zx",
        ] {
            assert!(Moment::parse(text).is_none(), "{text}");
        }
    }
}
