//! United States social security numbers, by the ranges that the SSA gives out.

use crate::text::Flags;

use super::kind::{Family, Kind, Match};
use super::mask::last_four;
use super::numbers::{announced, digits_of, numbers};
use super::scan::Words;

/// A social security number.
pub(super) static KIND: Kind = Kind {
    name: "ssn",
    label: "SSN",
    family: Family::Personal,
    risk: 95,
    flags: Flags::LONG_NUMBER,
    words: Words::NONE,
    find,
    partial: last_four,
};

const SSN_WORDS: [&str; 5] = [
    "ssn",
    "social security",
    "social-security",
    "social_security",
    "ss#",
];

fn find(text: &str, out: &mut Vec<Match>) {
    numbers(text, |number| {
        if number.digits != 9 || number.plus || number.separators & !3 != 0 {
            return;
        }
        let part = text.get(number.start..number.end).unwrap_or_default();
        let named = announced(text, number.start, 32, &SSN_WORDS);
        let shaped = matches!(part.as_bytes(), [_, _, _, a, _, _, b, _, _, _, _] if a == b && matches!(a, b'-' | b' '));
        let plain = part.len() == 9;
        let hyphens = shaped && number.separators == 2;
        if !(hyphens || (named && (shaped || plain))) || !given_out(part) {
            return;
        }
        out.push(Match {
            kind: &KIND,
            start: number.start,
            end: number.end,
            confidence: if named { 95 } else { 80 },
        });
    });
}

/// The area is not 000, 666 or 9xx, the group not 00, the serial not 0000; two numbers printed in
/// advertisements are void.
fn given_out(text: &str) -> bool {
    let (digits, _) = digits_of(text);
    let number = digits
        .iter()
        .take(9)
        .fold(0u32, |n, d| n * 10 + u32::from(*d));
    let (area, group, serial) = (number / 1_000_000, number / 10_000 % 100, number % 10_000);
    area != 0
        && area != 666
        && area < 900
        && group != 0
        && serial != 0
        && number != 78_051_120
        && number != 219_099_999
}
