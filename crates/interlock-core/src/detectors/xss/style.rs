//! Styles that run script, through the escapes and comments that CSS allows within its words.

use super::super::text_at::{at, find};
use super::{Page, STYLE, contains};

/// Words of old browsers that run what follows them.
const WORDS: [(&[u8], u8); 9] = [
    (b"expression(", 76),
    (b"-moz-binding", 76),
    (b"binding:url", 66),
    (b"behavior:", 66),
    (b"behaviour:", 66),
    (b"javascript:", 88),
    (b"vbscript:", 88),
    (b"-o-link:", 62),
    (b"@import", 60),
];

/// Judges the value of a `style` attribute.
pub(super) fn declaration(style: &[u8]) -> Option<u8> {
    let plain = plain(style);
    WORDS
        .iter()
        .filter(|(word, _)| plain.windows(word.len()).any(|w| w == *word))
        .map(|(_, sure)| *sure)
        .max()
}

/// A style in lower case without white space, comments and escapes.
fn plain(style: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(style.len());
    let mut i = 0;
    while i < style.len() {
        let b = at(style, i);
        i += 1;
        if b <= b' ' {
            continue;
        }
        if b == b'/' && at(style, i) == b'*' {
            let rest = style.get(i + 1..).unwrap_or_default();
            i = rest
                .windows(2)
                .position(|w| w == b"*/")
                .map_or(style.len(), |n| i + n + 3);
            continue;
        }
        if b != b'\\' {
            out.push(b.to_ascii_lowercase());
            continue;
        }
        let mut code = 0u32;
        let mut digits = 0;
        while digits < 6
            && let Some(digit) = char::from(at(style, i)).to_digit(16)
        {
            code = code * 16 + digit;
            digits += 1;
            i += 1;
        }
        if digits > 0 {
            i += usize::from(at(style, i) == b' ');
            out.push(u8::try_from(code).unwrap_or(b'?').to_ascii_lowercase());
        }
    }
    out
}

impl Page<'_> {
    pub(super) fn styles(&mut self) {
        for (word, confidence) in [
            ("expression(", 70),
            ("-moz-binding", 76),
            ("behavior:url", 70),
            ("url(javascript", 88),
            ("behavior:expr", 70),
            ("-o-link", 60),
        ] {
            if let Some(n) = find(self.bytes, 0, word) {
                let styled = contains(self.text, &["style", "<", "xss", "width:", "{"]);
                if styled {
                    self.push(&STYLE, confidence, (n, n + word.len()));
                }
            }
        }
        if let Some(n) = find(self.bytes, 0, "expression/") {
            self.push(&STYLE, 66, (n, n + 11));
        }
        if let Some(n) = find(self.bytes, 0, "@import")
            && contains(self.text, &["<style", "style="])
        {
            self.push(&STYLE, 60, (n, n + 7));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_comments_hide_nothing() {
        for style in [
            "width: expression(alert(1))",
            "xss:expr/**/ession(1)",
            r"x:\65xpression(1)",
            r"x:\000065 xpression(1)",
            r"-\mo\z-b\inding:url(//e.example/x)",
            "background:url(java\nscript:alert(1))",
        ] {
            assert!(declaration(style.as_bytes()).is_some(), "{style}");
        }
        for style in [
            "color:red",
            "width: calc(1px + 2px)",
            "background:url(/a.png)",
            "\\",
            "/*",
        ] {
            assert_eq!(declaration(style.as_bytes()), None, "{style}");
        }
    }
}
