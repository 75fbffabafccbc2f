//! Numbers of the United Kingdom.

use crate::privacy::check::{digit, weighted};
use crate::privacy::context;
use crate::privacy::draw::Draw;
use crate::privacy::kind::{Finder, Make, Match, kind};
use crate::privacy::mask::last_four;
use crate::privacy::number::Number;
use crate::privacy::number::separator::SPACE;
use crate::privacy::scan::{Input, Words};
use crate::text::Flags;

kind! {
    /// An NHS number: ten digits, the last a check digit modulo 11.
    NHS = "uk_nhs", Personal, 90;
    code "uk-nhs", "a number of the National Health Service";
    example "NHS number 943 476 5919";
    checksum "weights 10 to 2, mod 11";
    source "https://www.datadictionary.nhs.uk/attributes/nhs_number.html";
    words &["nhs", "nhs number", "national health service", "patient"];
    find Finder::Number(10, 10, judge_nhs);
    mask last_four;
    make Make::Redraw(0);
}

kind! {
    /// A national insurance number: two letters of which some are never used, six digits, a letter from A to D.
    NINO = "uk_nino", Personal, 90;
    code "uk-nino", "a national insurance number";
    example "AB 12 34 56 C";
    checksum "";
    source "https://www.gov.uk/hmrc-internal-manuals/national-insurance-manual/nim39110";
    words &["nino", "national insurance", "ni number", "ni no"];
    find Finder::Text(Flags::DIGIT, Words::NONE, find_nino);
    mask last_four;
    make Make::Own(make_nino);
}

kind! {
    /// A unique taxpayer reference: the first digit checks the nine that follow, modulo 11; behind a word for it.
    UTR = "uk_utr", Personal, 85;
    code "uk-utr", "a taxpayer's reference of the United Kingdom";
    example "UTR 19558 39661";
    checksum "weights 6 to 10 and 5 to 2, mod 11";
    source "https://www.gov.uk/find-utr-number";
    words &["utr", "unique taxpayer", "tax reference", "self assessment"];
    find Finder::Number(10, 10, judge_utr);
    mask last_four;
    make Make::Redraw(0);
}

fn judge_nhs(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    let check = 11 - weighted(digits, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    let valid = check % 11 == digit(digits, 9) && check != 10 && digits.first() != Some(&0);
    if valid && number.plain_or(&[3, 3, 4]) {
        number.sure(
            92,
            if number.grouped(&[3, 3, 4], SPACE) {
                55
            } else {
                0
            },
        )
    } else {
        0
    }
}

fn judge_utr(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    let rest = digits.get(1..).unwrap_or_default();
    let sum = weighted(rest, &[6, 7, 8, 9, 10, 5, 4, 3, 2]);
    let check = [2, 1, 9, 8, 7, 6, 5, 4, 3, 2, 1]
        .get(sum as usize % 11)
        .copied();
    if check == digits.first().map(|d| u32::from(*d)) && number.plain_or(&[5, 5]) {
        number.sure(85, 0)
    } else {
        0
    }
}

/// Letters and digits in groups of two, with or without spaces.
fn find_nino(input: &Input<'_>, out: &mut Vec<Match>) {
    let bytes = input.text.as_bytes();
    let at = |i: usize| bytes.get(i).copied().unwrap_or(0);
    let mut i = 0;
    while i + 9 <= bytes.len() {
        let head = at(i).is_ascii_uppercase()
            && at(i + 1).is_ascii_uppercase()
            && (at(i + 2).is_ascii_digit() || at(i + 3).is_ascii_digit())
            && !i.checked_sub(1).is_some_and(|b| {
                at(b).is_ascii_alphanumeric() || matches!(at(b), b'-' | b'_' | b'/' | b'.')
            });
        match head.then(|| nino(bytes, i)).flatten() {
            Some((end, spaced)) => {
                let named = context::named(input, i, end, &NINO);
                out.push(Match {
                    kind: &NINO,
                    start: i,
                    end,
                    confidence: match (named, spaced) {
                        (true, _) => 94,
                        (false, true) => 82,
                        (false, false) => 66,
                    },
                });
                i = end;
            }
            None => i += 1,
        }
    }
}

/// The end of the number at `start`, and whether spaces group it.
fn nino(bytes: &[u8], start: usize) -> Option<(usize, bool)> {
    let mut compact = [0u8; 9];
    let mut i = start;
    let mut spaced = false;
    for (n, slot) in compact.iter_mut().enumerate() {
        if n > 0 && n % 2 == 0 && matches!(bytes.get(i), Some(b' ' | b'-')) {
            spaced = true;
            i += 1;
        }
        *slot = *bytes.get(i)?;
        i += 1;
    }
    let [a, b, digits @ .., last] = compact;
    let first = a.is_ascii_uppercase() && !b"DFIQUV".contains(&a);
    let second = b.is_ascii_uppercase() && !b"DFIOQUV".contains(&b);
    let used = ![b"BG", b"GB", b"NK", b"KN", b"TN", b"NT", b"ZZ"].contains(&&[a, b]);
    let valid = first
        && second
        && used
        && digits.iter().all(u8::is_ascii_digit)
        && matches!(last, b'A'..=b'D');
    let joined = bytes
        .get(i)
        .is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    (valid && !joined).then_some((i, spaced))
}

fn make_nino(original: &str, draw: &mut Draw) -> String {
    let mut seen = 0;
    original
        .chars()
        .map(|c| {
            seen += usize::from(c.is_ascii_alphanumeric());
            match (c.is_ascii_alphanumeric(), seen) {
                (true, 1 | 2) => draw.pick(b"ACEHJLMPRSWXY"),
                (true, 9) => draw.pick(b"ABCD"),
                _ => draw.like(c, false),
            }
        })
        .collect()
}
