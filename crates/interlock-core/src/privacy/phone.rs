//! Telephone numbers: international form, North American form, and any plausible number that a
//! word announces.

use crate::text::Flags;

use super::kind::{Family, Kind, Match};
use super::mask::last_four;
use super::numbers::{Number, announced, digits_of, numbers};
use super::scan::Words;

/// A telephone number.
pub(super) static KIND: Kind = Kind {
    name: "phone",
    label: "PHONE",
    family: Family::Personal,
    risk: 65,
    flags: Flags::LONG_NUMBER,
    words: Words::NONE,
    find,
    partial: last_four,
};

const PHONE_WORDS: [&str; 20] = [
    "phone",
    "call ",
    "tel",
    "mobile",
    "cell",
    "reach",
    "contact",
    "whatsapp",
    "fax",
    "sms",
    "dial",
    "text me",
    "registered",
    "answering at",
    "telefon",
    "handy",
    "móvil",
    "ring me",
    "my number",
    "messages to",
];

fn find(text: &str, out: &mut Vec<Match>) {
    numbers(text, |number| {
        if !(6..=15).contains(&number.digits) {
            return;
        }
        let part = text.get(number.start..number.end).unwrap_or_default();
        if date_like(part) {
            return;
        }
        let confidence = if number.plus && (8..=15).contains(&number.digits) {
            80
        } else if north_american(part, number) {
            68
        } else if (7..=13).contains(&number.digits)
            && announced(text, number.start, 40, &PHONE_WORDS)
        {
            62
        } else {
            return;
        };
        out.push(Match {
            kind: &KIND,
            start: number.start - usize::from(number.plus),
            end: number.end,
            confidence,
        });
    });
}

/// `(555) 234-5678`, `555-234-5678`, `555.234.5678`, `1-555-…`: area and exchange begin with 2 to
/// 9 (NANP). Ten bare digits are no telephone number without a word that says so.
fn north_american(part: &str, number: Number) -> bool {
    let (digits, count) = digits_of(part);
    let digits = digits.get(..count).unwrap_or_default();
    let local = match digits {
        [1, rest @ ..] if rest.len() == 10 => rest,
        rest if rest.len() == 10 => rest,
        _ => return false,
    };
    let grouped = {
        let groups: Vec<usize> = part
            .split(|c: char| !c.is_ascii_digit())
            .map(str::len)
            .filter(|n| *n > 0)
            .collect();
        groups.ends_with(&[3, 3, 4])
    };
    grouped
        && number.separators & 16 == 0
        && matches!(local, [a, _, _, e, ..] if *a >= 2 && *e >= 2)
}

/// A date or a time, or a sequence of small numbers, is not a telephone number.
fn date_like(part: &str) -> bool {
    let groups: Vec<&str> = part
        .split(|c: char| !c.is_ascii_digit())
        .filter(|g| !g.is_empty())
        .collect();
    let length = |n: usize| groups.get(n).map_or(0, |g| g.len());
    let year = |n: usize| {
        groups
            .get(n)
            .is_some_and(|g| g.len() == 4 && (g.starts_with("19") || g.starts_with("20")))
    };
    let dotted = part.contains('.') && groups.len() == 4 && groups.iter().all(|g| g.len() <= 3);
    dotted
        || part.contains('/')
        || (year(0) && length(1) <= 2 && length(2) <= 2 && groups.len() >= 3)
        || (groups.len() >= 3 && length(0) <= 2 && length(1) <= 2 && year(2))
        || groups.iter().all(|g| g.len() <= 1)
}
