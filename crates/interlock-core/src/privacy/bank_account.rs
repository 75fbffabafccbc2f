//! International bank account numbers.

use crate::text::Flags;

use super::check::mod_97;
use super::draw::Draw;
use super::kind::{Finder, Make, Match, kind};
use super::mask::last_four;
use super::scan::{Input, Words};

kind! {
    /// An IBAN: its country's length and the check of ISO 7064 over it (ISO 13616-1).
    KIND = "bank_account", Financial, 85;
    code "bank-account", "an international bank account number";
    example "DE89 3704 0044 0532 0130 00";
    checksum "ISO 7064 mod 97-10, length by country";
    source "https://www.swift.com/standards/data-standards/iban-international-bank-account-number";
    words &["iban"];
    find Finder::Text(Flags::LONG_NUMBER.and(Flags::RUN), Words::NONE, find);
    mask last_four;
    make Make::Own(make);
}

/// Lengths from the SWIFT IBAN registry.
#[rustfmt::skip]
const LENGTHS: [(&str, usize); 89] = [
    ("AD", 24), ("AE", 23), ("AL", 28), ("AT", 20), ("AZ", 28), ("BA", 20), ("BE", 16), ("BG", 22),
    ("BH", 22), ("BI", 27), ("BR", 29), ("BY", 28), ("CH", 21), ("CR", 22), ("CY", 28), ("CZ", 24),
    ("DE", 22), ("DJ", 27), ("DK", 18), ("DO", 28), ("EE", 20), ("EG", 29), ("ES", 24), ("FI", 18),
    ("FK", 18), ("FO", 18), ("FR", 27), ("GB", 22), ("GE", 22), ("GI", 23), ("GL", 18), ("GR", 27),
    ("GT", 28), ("HN", 28), ("HR", 21), ("HU", 28), ("IE", 22), ("IL", 23), ("IQ", 23), ("IS", 26),
    ("IT", 27), ("JO", 30), ("KW", 30), ("KZ", 20), ("LB", 28), ("LC", 32), ("LI", 21), ("LT", 20),
    ("LU", 20), ("LV", 21), ("LY", 25), ("MC", 27), ("MD", 24), ("ME", 22), ("MK", 19), ("MN", 20),
    ("MR", 27), ("MT", 31), ("MU", 30), ("NI", 28), ("NL", 18), ("NO", 15), ("OM", 23), ("PK", 24),
    ("PL", 28), ("PS", 29), ("PT", 25), ("QA", 29), ("RO", 24), ("RS", 22), ("RU", 33), ("SA", 24),
    ("SC", 31), ("SD", 18), ("SE", 24), ("SI", 19), ("SK", 24), ("SM", 27), ("SO", 23), ("ST", 25),
    ("SV", 28), ("TL", 23), ("TN", 24), ("TR", 26), ("UA", 29), ("VA", 22), ("VG", 24), ("XK", 20),
    ("YE", 30),
];

fn find(input: &Input<'_>, out: &mut Vec<Match>) {
    let bytes = input.text.as_bytes();
    let at = |i: usize| bytes.get(i).copied().unwrap_or(0);
    let mut i = 0;
    while i + 15 <= bytes.len() {
        // Two digits behind two letters: most places end at the first look.
        let head = at(i + 2).is_ascii_digit()
            && at(i + 3).is_ascii_digit()
            && at(i).is_ascii_alphabetic()
            && at(i + 1).is_ascii_alphabetic()
            && !(i > 0 && at(i - 1).is_ascii_alphanumeric())
            // The groups of a UUID pass the check now and then.
            && !(i > 1 && at(i - 1) == b'-' && at(i - 2).is_ascii_hexdigit());
        match head.then(|| account(bytes, i)).flatten() {
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
        } else if b == b'-' && count % 4 != 0 || b == b'-' && count == 8 && end == start + 8 {
            // Groups of four: those of a UUID are of eight first.
            return None;
        } else if !matches!(b, b' ' | b'-' | b'.')
            || end == start
            || !bytes.get(end - 1)?.is_ascii_alphanumeric()
        {
            return None;
        }
        end += 1;
    }
    if bytes.get(end).is_some_and(u8::is_ascii_alphanumeric) {
        return None;
    }
    let (head, tail) = compact.get(..count)?.split_at_checked(4)?;
    (mod_97(tail.iter().chain(head).copied()) == 1).then_some(end)
}

/// An account of the same country: letters for letters, digits for digits, and its check digits.
fn make(original: &str, draw: &mut Draw) -> String {
    let mut seen = 0;
    let drawn: Vec<char> = original
        .chars()
        .map(|c| {
            seen += usize::from(c.is_ascii_alphanumeric());
            if seen > 4 { draw.like(c, false) } else { c }
        })
        .collect();
    let plain: String = drawn
        .iter()
        .filter(|c| c.is_ascii_alphanumeric())
        .map(char::to_ascii_uppercase)
        .collect();
    let tail = plain.get(4..).unwrap_or_default();
    let country = plain.get(..2).unwrap_or_default();
    let remainder = mod_97(format!("{tail}{country}00").bytes());
    let mut digits = format!("{:02}", 98 - remainder).into_bytes().into_iter();
    let mut seen = 0;
    drawn
        .into_iter()
        .map(|c| {
            seen += usize::from(c.is_ascii_alphanumeric());
            if matches!(seen, 3 | 4) && c.is_ascii_alphanumeric() {
                digits.next().map_or(c, char::from)
            } else {
                c
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::privacy::tests::sure_of;

    #[test]
    fn accounts_and_what_looks_like_one() {
        let sure = |text: &str| sure_of("bank_account", text);
        for text in [
            "DE89370400440532013000",
            "GB82 WEST 1234 5698 7654 32",
            "gb82west12345698765432",
            "NO9386011117947",
            "MT84MALT011000012345MTLCAST001S",
            "SC18SSCB11010000000000001497USD",
            "pay FR14 2004 1010 0505 0001 3M02 606 now",
        ] {
            assert!(sure(text) >= 50, "{text}");
        }
        for text in [
            "DE89370400440532013001",
            "DE8937040044053201300",
            "DE893704004405320130001",
            "ZZ89370400440532013000",
            "xDE89370400440532013000",
        ] {
            assert_eq!(sure(text), 0, "{text}");
        }
    }
}
