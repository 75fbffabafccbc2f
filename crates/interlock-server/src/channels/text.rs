//! What agents wrote, as it is safe to show: nothing of it is markup, and nothing of it is hidden.

/// Whether a character is shown by its number: it shows as nothing, or turns the text around it.
fn is_hidden(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(u32::from(c),
            0xAD | 0x34F | 0x61C | 0x115F..=0x1160 | 0x17B4..=0x17B5 | 0x180B..=0x180F
            | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F | 0x3164 | 0xFE00..=0xFE0F
            | 0xFEFF | 0xFFA0 | 0xFFF0..=0xFFFB | 0x1D173..=0x1D17A | 0xE0000..=0xE0FFF)
}

/// The text with everything hidden spelt out, and at most `max` characters of it.
pub(super) fn visible(text: &str, max: usize) -> String {
    let mut out = String::with_capacity(text.len().min(max));
    let mut chars = text.chars();
    for c in chars.by_ref().take(max) {
        if is_hidden(c) {
            out.push_str(&format!("[U+{:04X}]", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    let left = chars.count();
    if left > 0 {
        out.push_str(&format!("… ({left} more characters)"));
    }
    out
}

/// As [`visible`], for HTML.
pub(super) fn html(text: &str, max: usize) -> String {
    let mut out = String::new();
    for c in visible(text, max).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// As [`line`], and no program makes a link of an address in it.
pub(super) fn unlinked(text: &str, max: usize) -> String {
    line(text, max)
        .replace("://", "[:]//")
        .replace("www.", "www[.]")
}

/// As [`visible`], on one line: for headers and titles.
pub(crate) fn line(text: &str, max: usize) -> String {
    visible(text, max).replace('\n', "[U+000A]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_hidden_and_nothing_is_markup() {
        assert_eq!(
            visible("pay\u{202e}evil\u{200b}\r\n\u{e0041}", 99),
            "pay[U+202E]evil[U+200B][U+000D]\n[U+E0041]"
        );
        assert_eq!(visible("abcdef", 3), "abc… (3 more characters)");
        assert_eq!(
            html("<a href='x'>\"&</a>", 99),
            "&lt;a href=&#39;x&#39;&gt;&quot;&amp;&lt;/a&gt;"
        );
        assert_eq!(line("a\r\nBcc: b", 99), "a[U+000D][U+000A]Bcc: b");
        assert_eq!(visible("Käse 日本 👍", 99), "Käse 日本 👍");
        assert_eq!(
            unlinked("see https://evil.example\nwww.evil.example", 99),
            "see https[:]//evil.example[U+000A]www[.]evil.example"
        );
    }
}
