//! Reading bytes and parts of texts without a panic.

/// The byte at `i`, 0 past the end.
pub(super) fn at(text: &[u8], i: usize) -> u8 {
    text.get(i).copied().unwrap_or(0)
}

/// The part `start..end`, empty when it is none.
pub(super) fn part(text: &str, start: usize, end: usize) -> &str {
    text.get(start..end).unwrap_or_default()
}

/// Whether `text` has `needle` from `i` on, in either case of ASCII letters.
pub(super) fn starts(text: &[u8], i: usize, needle: &str) -> bool {
    text.get(i..i + needle.len())
        .is_some_and(|s| s.eq_ignore_ascii_case(needle.as_bytes()))
}

/// The position of `needle` in `text` from `from` on, in either case of ASCII letters.
pub(super) fn find(text: &[u8], from: usize, needle: &str) -> Option<usize> {
    let first = needle.as_bytes().first()?;
    (from..text.len().saturating_sub(needle.len() - 1))
        .find(|&i| at(text, i).eq_ignore_ascii_case(first) && starts(text, i, needle))
}

/// The first position from `i` on that holds no white space.
pub(super) fn skip_space(text: &[u8], mut i: usize) -> usize {
    while at(text, i).is_ascii_whitespace() {
        i += 1;
    }
    i
}
