//! Decimals, exactly.

use crate::Compare;

/// Billionths of one.
pub const NANO: i64 = 1_000_000_000;
/// Digits before the point.
const WHOLE_DIGITS_MAX: usize = 9;
/// Digits after it.
const FRACTION_DIGITS_MAX: usize = 9;

/// A decimal in billionths: at most nine digits before the point and nine after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Number(pub i64);

impl Number {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        let (whole, fraction) = match digits.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (digits, ""),
        };
        let all = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty()
            || whole.len() > WHOLE_DIGITS_MAX
            || fraction.len() > FRACTION_DIGITS_MAX
            || !all(whole)
            || !all(fraction)
        {
            return None;
        }
        let whole: i64 = whole.parse().ok()?;
        let fraction: i64 = format!("{fraction:0<FRACTION_DIGITS_MAX$}").parse().ok()?;
        let nano = whole * NANO + fraction;
        Some(Self(if negative { -nano } else { nano }))
    }

    /// Of a whole number; one beyond the limits is at the limit.
    #[must_use]
    pub const fn whole(n: i64) -> Self {
        Self(n.saturating_mul(NANO))
    }
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let nano = self.0.unsigned_abs();
        let (whole, fraction) = (nano / NANO.unsigned_abs(), nano % NANO.unsigned_abs());
        if self.0 < 0 {
            f.write_str("-")?;
        }
        write!(f, "{whole}")?;
        if fraction > 0 {
            let digits = format!("{fraction:0>FRACTION_DIGITS_MAX$}");
            write!(f, ".{}", digits.trim_end_matches('0'))?;
        }
        Ok(())
    }
}

impl Compare {
    /// Whether a number compares so with one of these.
    #[must_use]
    pub fn holds(self, have: Number, want: &[Number]) -> bool {
        want.iter().any(|want| match self {
            Self::Equal => have == *want,
            Self::Greater => have > *want,
            Self::AtLeast => have >= *want,
            Self::Less => have < *want,
            Self::AtMost => have <= *want,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact() {
        for (text, nano, shown) in [
            ("70", 70 * NANO, "70"),
            ("0.1", NANO / 10, "0.1"),
            ("-0.000000001", -1, "-0.000000001"),
            ("007.50", 7_500_000_000, "7.5"),
            (
                "999999999.999999999",
                999_999_999_999_999_999,
                "999999999.999999999",
            ),
        ] {
            let number = Number::parse(text).unwrap();
            assert_eq!(number.0, nano);
            assert_eq!(number.to_string(), shown);
        }
        for text in [
            "",
            "-",
            ".5",
            "1.",
            "1e3",
            "+1",
            "1234567890",
            "0.0123456789",
            "٣",
            "1 ",
        ] {
            assert_eq!(Number::parse(text), None, "{text}");
        }
    }
}
