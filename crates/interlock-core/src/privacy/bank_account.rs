//! International bank account numbers: country length and mod-97 check (ISO 13616, ISO 7064).

use crate::text::Flags;

use super::kind::{Family, Kind, Match};
use super::mask::last_four;
use super::scan::Words;

/// An IBAN.
pub(super) static KIND: Kind = Kind {
    name: "bank_account",
    label: "BANK_ACCOUNT",
    family: Family::Financial,
    risk: 85,
    flags: Flags::LONG_NUMBER,
    words: Words::NONE,
    find,
    partial: last_four,
};

/// Lengths from the SWIFT IBAN registry.
const LENGTHS: [(&str, usize); 60] = [
    ("AD", 24),
    ("AE", 23),
    ("AL", 28),
    ("AT", 20),
    ("AZ", 28),
    ("BA", 20),
    ("BE", 16),
    ("BG", 22),
    ("BH", 22),
    ("BR", 29),
    ("BY", 28),
    ("CH", 21),
    ("CR", 22),
    ("CY", 28),
    ("CZ", 24),
    ("DE", 22),
    ("DK", 18),
    ("DO", 28),
    ("EE", 20),
    ("EG", 29),
    ("ES", 24),
    ("FI", 18),
    ("FO", 18),
    ("FR", 27),
    ("GB", 22),
    ("GE", 22),
    ("GI", 23),
    ("GL", 18),
    ("GR", 27),
    ("GT", 28),
    ("HR", 21),
    ("HU", 28),
    ("IE", 22),
    ("IL", 23),
    ("IS", 26),
    ("IT", 27),
    ("JO", 30),
    ("KW", 30),
    ("KZ", 20),
    ("LB", 28),
    ("LI", 21),
    ("LT", 20),
    ("LU", 20),
    ("LV", 21),
    ("MC", 27),
    ("MD", 24),
    ("ME", 22),
    ("MK", 19),
    ("MT", 31),
    ("NL", 18),
    ("NO", 15),
    ("PK", 24),
    ("PL", 28),
    ("PT", 25),
    ("QA", 29),
    ("RO", 24),
    ("RS", 22),
    ("SA", 24),
    ("SE", 24),
    ("TR", 26),
];

fn find(text: &str, out: &mut Vec<Match>) {
    let bytes = text.as_bytes();
    let at = |i: usize| bytes.get(i).copied().unwrap_or(0);
    let mut i = 0;
    while i + 15 <= bytes.len() {
        let head = at(i).is_ascii_alphabetic()
            && at(i + 1).is_ascii_alphabetic()
            && at(i + 2).is_ascii_digit()
            && at(i + 3).is_ascii_digit()
            && !(i > 0 && at(i - 1).is_ascii_alphanumeric())
            // The groups of a UUID pass the check now and then.
            && !(i > 1 && at(i - 1) == b'-' && at(i - 2).is_ascii_hexdigit());
        if !head {
            i += 1;
            continue;
        }
        match account(bytes, i) {
            Some(end) => {
                out.push(Match {
                    kind: &KIND,
                    start: i,
                    end,
                    confidence: 95,
                });
                i = end;
            }
            None => i += 1,
        }
    }
}

/// The end of the account number that begins at `start`.
fn account(bytes: &[u8], start: usize) -> Option<usize> {
    let country = bytes.get(start..start + 2)?;
    let (_, length) = LENGTHS
        .iter()
        .find(|(c, _)| c.as_bytes().eq_ignore_ascii_case(country))?;
    let mut compact = [0u8; 34];
    let mut count = 0;
    let mut end = start;
    while count < *length {
        let b = *bytes.get(end)?;
        if b.is_ascii_alphanumeric() {
            *compact.get_mut(count)? = b.to_ascii_uppercase();
            count += 1;
        } else if !matches!(b, b' ' | b'-') || end == start {
            return None;
        }
        end += 1;
    }
    if bytes.get(end).is_some_and(u8::is_ascii_alphanumeric) {
        return None;
    }
    let (head, tail) = compact.get(..count)?.split_at_checked(4)?;
    let remainder = tail.iter().chain(head).fold(0u32, |r, b| {
        if b.is_ascii_digit() {
            (r * 10 + u32::from(b - b'0')) % 97
        } else {
            (r * 100 + u32::from(b - b'A') + 10) % 97
        }
    });
    (remainder == 1).then_some(end)
}
