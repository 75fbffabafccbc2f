//! Texts of agents in formats where a line is an event and some characters mean something.

use crate::channels::text::line;

/// A text cut at `max` bytes, which says how much of it is missing.
pub(super) fn bounded(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    // No mark is longer than that of the whole text.
    let longest = format!("…[+{} bytes]", text.len());
    let keep = max.saturating_sub(longest.len());
    let at = (0..=keep)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0);
    let mark = format!("…[+{} bytes]", text.len() - at);
    format!("{}{mark}", text.get(..at).unwrap_or_default())
}

/// A text on one line with everything hidden spelt out, at most about `max` bytes of it.
///
/// What is spelt out takes more room than it had, so that it is cut again.
pub(super) fn shown(text: &str, max: usize) -> String {
    let cut = bounded(text, max);
    let shown = line(&cut, usize::MAX);
    if shown.len() == cut.len() {
        return shown;
    }
    bounded(&shown, max)
}

/// A name of the product's own, such as `decision.block`: anything else becomes `other`.
pub(super) fn word(text: &str) -> String {
    let fits = (1..=48).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b));
    if fits { text } else { "other" }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_text_says_so() {
        assert_eq!(bounded("abc", 3), "abc");
        let cut = bounded(&"é".repeat(100), 61);
        assert!(cut.len() <= 61 && cut.ends_with("bytes]"), "{cut}");
        assert!(bounded("abcdef", 1).contains("+6 bytes"));
        assert!(bounded(&"x".repeat(1_099), 1_000).len() <= 1_000);
        for max in 0..40 {
            // Shorter than the mark itself it cannot be.
            assert!(bounded(&"日本".repeat(20), max).len() <= max.max(18));
        }
    }

    #[test]
    fn nothing_ends_a_line_or_hides() {
        let shown = shown("a\r\nb\u{202e}c\u{0}\u{85}\u{2028}", 4_096);
        assert!(!shown.chars().any(char::is_control), "{shown}");
        assert_eq!(shown, "a[U+000D][U+000A]b[U+202E]c[U+0000][U+0085][U+2028]");
        assert!(super::shown(&"\n".repeat(5_000), 100).len() <= 100);
    }

    #[test]
    fn words_are_the_products_own() {
        assert_eq!(word("agent-changed"), "agent-changed");
        for text in ["", "a b", "A", "a\nb", "é", &"a".repeat(49)] {
            assert_eq!(word(text), "other");
        }
    }
}
