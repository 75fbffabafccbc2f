//! Passwords: a value that a word announces.

use crate::text::Flags;

use super::kind::{Family, Kind, Match};
use super::mask::nothing;
use super::scan::Words;

/// A password.
pub(super) static KIND: Kind = Kind {
    name: "password",
    label: "PASSWORD",
    family: Family::Secret,
    risk: 90,
    flags: Flags::ASSIGN.and(Flags::DIGIT),
    words: Words::PASSWORD,
    find,
    partial: nothing,
};

pub(super) const KEYWORDS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "passwort",
    "contraseña",
    "mot de passe",
    "kennwort",
];

/// Lower-case forms of the keywords that [`find`] looks for byte by byte.
const WORDS: [&str; 7] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "passwort",
    "mot de passe",
    "kennwort",
];

fn find(text: &str, out: &mut Vec<Match>) {
    let bytes = text.as_bytes();
    for word in WORDS {
        let mut from = 0;
        while let Some(found) = position(bytes, from, word.as_bytes()) {
            let after = found + word.len();
            from = after;
            if let Some((start, end, confidence)) = value(text, after) {
                out.push(Match {
                    kind: &KIND,
                    start,
                    end,
                    confidence,
                });
            }
        }
    }
}

pub(super) fn position(text: &[u8], from: usize, needle: &[u8]) -> Option<usize> {
    text.get(from..)?
        .windows(needle.len())
        .position(|w| w.eq_ignore_ascii_case(needle))
        .map(|i| from + i)
}

/// The value assigned after a keyword that ends at `after`.
fn value(text: &str, after: usize) -> Option<(usize, usize, u8)> {
    let (start, assigned) = assignment(text, after)?;
    let (start, end, quoted) = extent(text, start)?;
    let value = text.get(start..end)?;
    let digit = value.bytes().any(|b| b.is_ascii_digit());
    let letter = value.bytes().any(|b| b.is_ascii_alphabetic());
    let symbol = value
        .bytes()
        .any(|b| b.is_ascii_punctuation() && !matches!(b, b'.' | b'_' | b'-' | b'/'));
    if value.len() < 6 || placeholder(value) || code_like(value) {
        return None;
    }
    match (assigned, quoted) {
        (true, true) if digit || symbol || value.len() >= 8 => Some((start, end, 75)),
        (true, false) if letter && (digit || symbol) => Some((start, end, 70)),
        (false, _) if digit && letter => Some((start, end, 65)),
        _ => None,
    }
}

/// Where the value begins, and whether `=` or `:` assigns it; otherwise the word `is` does.
pub(super) fn assignment(text: &str, after: usize) -> Option<(usize, bool)> {
    let bytes = text.as_bytes();
    let at = |i: usize| bytes.get(i).copied().unwrap_or(0);
    let mut i = after;
    while matches!(at(i), b'"' | b'\'' | b' ' | b'\\' | b'`' | b']' | b')') && i < after + 4 {
        i += 1;
    }
    let mut assigned = false;
    while matches!(at(i), b'=' | b':' | b'>') && i < after + 8 {
        assigned = true;
        i += 1;
    }
    if !assigned {
        let rest = text.get(i..)?;
        let word = rest.get(..3)?;
        if !word.eq_ignore_ascii_case("is ") {
            return None;
        }
        i += 3;
    }
    while matches!(at(i), b' ' | b'\\') && i < after + 24 {
        i += 1;
    }
    Some((i, assigned))
}

/// The extent of a value that begins at `start`, without its quotes, and whether it had some.
pub(super) fn extent(text: &str, start: usize) -> Option<(usize, usize, bool)> {
    let bytes = text.as_bytes();
    let quote = bytes.get(start).copied()?;
    if matches!(quote, b'"' | b'\'' | b'`') {
        let length = bytes
            .iter()
            .skip(start + 1)
            .take(256)
            .position(|b| *b == quote || *b == b'\n')?;
        return Some((start + 1, start + 1 + length, true));
    }
    let length = bytes
        .iter()
        .skip(start)
        .take(256)
        .position(|b| {
            b.is_ascii_whitespace()
                || matches!(
                    b,
                    b'"' | b'\'' | b',' | b';' | b'&' | b'<' | b'>' | b'`' | b')'
                )
        })
        .unwrap_or_else(|| bytes.len().saturating_sub(start).min(256));
    let value = text.get(start..start + length)?;
    let trimmed = value.trim_end_matches(['.', '?', '!', ',']);
    (!trimmed.is_empty()).then_some((start, start + trimmed.len(), false))
}

/// Values that stand for a value: `***`, `<password>`, `${PASSWORD}`, `xxxx`, `your-password`.
pub(super) fn placeholder(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let bytes = value.as_bytes();
    let distinct = {
        let mut seen = [false; 256];
        let mut count = 0;
        for b in bytes {
            if let Some(slot) = seen.get_mut(usize::from(*b)) {
                count += usize::from(!*slot);
                *slot = true;
            }
        }
        count
    };
    distinct <= 2
        || matches!(bytes.first(), Some(b'<' | b'$' | b'{' | b'%' | b'[' | b'*'))
        || [
            "xxxx",
            "****",
            "....",
            "your",
            "example",
            "placeholder",
            "changeme",
            "redacted",
            "dummy",
            "{{",
            "${",
            "<",
        ]
        .iter()
        .any(|p| lower.contains(p))
            && !lower.starts_with("akia")
}

/// A reference to a value rather than a value: a call, a path, an identifier with parts.
pub(super) fn code_like(value: &str) -> bool {
    value.contains('(')
        || value.contains("::")
        || value.contains("//")
        || [
            "process.",
            "os.",
            "env.",
            "self.",
            "this.",
            "config.",
            "settings.",
            "string",
            "none",
            "null",
            "true",
            "false",
            "undefined",
            "required",
            "optional",
        ]
        .iter()
        .any(|p| {
            value
                .get(..p.len())
                .is_some_and(|h| h.eq_ignore_ascii_case(p))
        })
}
