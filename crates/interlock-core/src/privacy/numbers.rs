//! Runs of digits with single separators, and what stands before them.

/// A number as written: digits with spaces, hyphens, dots or parentheses between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Number {
    pub(super) start: usize,
    pub(super) end: usize,
    /// How many digits.
    pub(super) digits: usize,
    /// The separators seen: 1 space, 2 hyphen, 4 dot, 8 parenthesis, 16 slash.
    pub(super) separators: u8,
    /// A `+` stands before it.
    pub(super) plus: bool,
}

const GROUP_DIGITS_MAX: usize = 32;

/// The numbers of a text that neither continue a word nor are continued by one.
pub(super) fn numbers(text: &str, mut each: impl FnMut(Number)) {
    let bytes = text.as_bytes();
    let at = |i: usize| bytes.get(i).copied().unwrap_or(0);
    let mut i = 0;
    while i < bytes.len() {
        let b = at(i);
        let opens = b == b'(' && at(i + 1).is_ascii_digit();
        if !b.is_ascii_digit() && !opens {
            i += 1;
            continue;
        }
        let start = i;
        let mut number = Number {
            start,
            end: start,
            digits: 0,
            separators: if opens { 8 } else { 0 },
            plus: start > 0 && at(start - 1) == b'+',
        };
        if opens {
            i += 1;
        }
        loop {
            if at(i).is_ascii_digit() {
                number.digits += 1;
                i += 1;
                number.end = i;
                if number.digits > GROUP_DIGITS_MAX {
                    while at(i).is_ascii_digit() {
                        i += 1;
                    }
                    break;
                }
                continue;
            }
            let (length, kind) = separator(bytes, i);
            if length == 0 {
                break;
            }
            number.separators |= kind;
            i += length;
        }
        let before = if start == 0 { 0 } else { at(start - 1) };
        let after = at(number.end);
        let joined = before.is_ascii_alphanumeric()
            || matches!(before, b'_' | b'#' | b'$' | b'\\' | b'%')
            || (before == b'.' && start > 1 && at(start - 2).is_ascii_digit())
            || (before == b'-' && start > 1 && at(start - 2).is_ascii_alphanumeric())
            || (after.is_ascii_alphanumeric() && !extension(bytes, number.end))
            || matches!(after, b'_' | b'%')
            || (after == b'-'
                && at(number.end + 1).is_ascii_alphanumeric()
                && !label(text, number.end + 1))
            || (matches!(after, b'.' | b',') && at(number.end + 1).is_ascii_digit());
        // A card number may follow a `#`, a version or a price may not be one.
        if !joined || (before == b'#' && !after.is_ascii_alphanumeric()) {
            each(number);
        }
        i = i.max(number.end).max(start + 1);
    }
}

/// `x123` behind a telephone number.
fn extension(bytes: &[u8], at: usize) -> bool {
    matches!(bytes.get(at..at + 2), Some([b'x' | b'X', d]) if d.is_ascii_digit())
}

/// A word that says which telephone it is, tied on with a hyphen.
fn label(text: &str, at: usize) -> bool {
    ["office", "fax", "home", "mobile", "work", "cell"]
        .iter()
        .any(|w| {
            text.get(at..at + w.len())
                .is_some_and(|t| t.eq_ignore_ascii_case(w))
        })
}

/// The separator at `i` if a digit follows it: its length and its kind.
fn separator(bytes: &[u8], i: usize) -> (usize, u8) {
    let at = |i: usize| bytes.get(i).copied().unwrap_or(0);
    let kind = |b: u8| match b {
        b' ' => 1,
        b'-' => 2,
        b'.' => 4,
        b')' | b'(' => 8,
        b'/' => 16,
        _ => 0u8,
    };
    let first = kind(at(i));
    if first == 0 {
        return (0, 0);
    }
    if at(i + 1).is_ascii_digit() {
        return (1, first);
    }
    let second = kind(at(i + 1));
    if second != 0 && (first | second) & 8 != 0 && at(i + 2).is_ascii_digit() {
        return (2, first | second);
    }
    (0, 0)
}

/// The digits of a part of a text, at most 32.
pub(super) fn digits_of(text: &str) -> ([u8; 32], usize) {
    let mut digits = [0u8; 32];
    let mut count = 0;
    for b in text.bytes().filter(u8::is_ascii_digit) {
        match digits.get_mut(count) {
            Some(slot) => *slot = b - b'0',
            None => break,
        }
        count += 1;
    }
    (digits, count)
}

/// The Luhn check (ISO/IEC 7812-1, annex B).
pub(super) fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(i, d)| {
            let d = u32::from(*d) << (i % 2);
            if d > 9 { d - 9 } else { d }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Whether one of `words` stands within `reach` bytes before `start`, at the start of a word.
pub(super) fn announced(text: &str, start: usize, reach: usize, words: &[&str]) -> bool {
    let bytes = text.as_bytes();
    let from = start.saturating_sub(reach);
    let head = bytes.get(from..start).unwrap_or_default();
    words.iter().any(|word| {
        head.windows(word.len()).enumerate().any(|(i, w)| {
            w.eq_ignore_ascii_case(word.as_bytes())
                && !(from + i)
                    .checked_sub(1)
                    .and_then(|b| bytes.get(b))
                    .is_some_and(u8::is_ascii_alphabetic)
        })
    })
}
