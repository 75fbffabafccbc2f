//! Secrets without a vendor's prefix: a random-looking value that a word announces.

use crate::text::Flags;

use super::kind::{Family, Kind, Match};
use super::mask::both_ends;
use super::password::{assignment, code_like, extent, placeholder, position};
use super::scan::Words;

/// A secret of unknown origin.
pub(super) static KIND: Kind = Kind {
    name: "generic_secret",
    label: "GENERIC_SECRET",
    family: Family::Secret,
    risk: 80,
    flags: Flags::RUN,
    words: Words::SECRET,
    find,
    partial: both_ends,
};

pub(super) const KEYWORDS: &[&str] = &[
    "api_key",
    "apikey",
    "api-key",
    "api key",
    "secret",
    "token",
    "access_key",
    "access-key",
    "accesskey",
    "auth_key",
    "authkey",
    "client_secret",
    "private_key",
    "credential",
    "bearer ",
    "authorization:",
    "basic ",
    "license_key",
    "signing_key",
    "encryption_key",
    "service_key",
];

const VALUE_BYTES_MIN: usize = 16;
const VALUE_BYTES_MAX: usize = 200;

fn find(text: &str, out: &mut Vec<Match>) {
    let bytes = text.as_bytes();
    for word in KEYWORDS {
        let mut from = 0;
        while let Some(found) = position(bytes, from, word.as_bytes()) {
            let after = found + word.len();
            from = after;
            // The keyword may go on, as in `token_value = …`.
            let mut end = after;
            while end < after + 16
                && bytes
                    .get(end)
                    .is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
                && !word.ends_with(' ')
            {
                end += 1;
            }
            let start = if word.ends_with(' ') {
                Some(after)
            } else {
                assignment(text, end).map(|(start, _)| start)
            };
            if let Some((start, end)) = start.and_then(|s| value(text, s)) {
                out.push(Match {
                    kind: &KIND,
                    start,
                    end,
                    confidence: 66,
                });
                from = end;
            }
        }
    }
}

fn value(text: &str, start: usize) -> Option<(usize, usize)> {
    let rest = text.get(start..)?;
    // A scheme may stand between: `Authorization: Bearer …`.
    let skip = ["bearer ", "basic ", "token "]
        .iter()
        .find(|s| {
            rest.get(..s.len())
                .is_some_and(|h| h.eq_ignore_ascii_case(s))
        })
        .map_or(0, |s| s.len());
    let (start, end, _) = extent(text, start + skip)?;
    let value = text.get(start..end)?;
    let fits = (VALUE_BYTES_MIN..=VALUE_BYTES_MAX).contains(&value.len());
    (fits && !placeholder(value) && !code_like(value) && random(value)).then_some((start, end))
}

/// Whether a value looks drawn and not written: digits among letters, many different characters,
/// no long run of letters that could be a word.
pub(super) fn random(value: &str) -> bool {
    let bytes = value.as_bytes();
    if !bytes.iter().all(|b| {
        b.is_ascii_alphanumeric()
            || matches!(
                b,
                b'+' | b'/' | b'=' | b'-' | b'_' | b'.' | b'~' | b'!' | b'@' | b'#' | b'^' | b'*'
            )
    }) {
        return false;
    }
    let digits = bytes.iter().filter(|b| b.is_ascii_digit()).count();
    let letters = bytes.iter().filter(|b| b.is_ascii_alphabetic()).count();
    let mut seen = [false; 128];
    for b in bytes {
        if let Some(slot) = seen.get_mut(usize::from(*b)) {
            *slot = true;
        }
    }
    let distinct = seen.iter().filter(|s| **s).count();
    let mut longest = 0;
    let mut run = 0;
    for b in bytes {
        run = if b.is_ascii_lowercase() { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    // Every sixth character a digit is what random base64 has at the least; hexadecimal has more.
    digits * 12 >= bytes.len() && letters >= 3 && distinct >= 9 && longest <= 8
}
