//! Addresses that are script: `javascript:` and its like, through the white space, control
//! characters and character references that a browser takes out or undoes.

use super::super::text_at::{at, find};
use super::{Page, SCRIPT_SCHEME};

/// Bytes of an address that are enough to tell its scheme.
const HEAD_BYTES: usize = 48;

/// Judges the value of an attribute that a browser follows.
pub(super) fn address(value: &[u8]) -> Option<u8> {
    let head = head(value);
    let script = [
        "javascript:",
        "vbscript:",
        "livescript:",
        "mocha:",
        "jscript:",
    ];
    for scheme in script {
        let Some(at) = head
            .windows(scheme.len())
            .position(|w| w == scheme.as_bytes())
        else {
            continue;
        };
        // `feed:javascript:`, `0;url=javascript:`, `view-source:javascript:`.
        let before = head.get(..at).unwrap_or_default();
        let placed = before.is_empty() || before.ends_with(b":") || before.ends_with(b"=");
        let rest = head.get(at + scheme.len()..).unwrap_or_default();
        let harmless = rest.is_empty()
            || rest.starts_with(b"void")
            || rest == b";"
            || rest == b"//"
            || rest.starts_with(b"history.")
            || rest.starts_with(b"window.print()");
        if placed && !harmless {
            return Some(88);
        }
    }
    let data = [
        "data:text/html",
        "data:text/xml",
        "data:application/xhtml",
        "data:application/xml",
        "data:application/x-",
        "data:text/javascript",
        "data:application/javascript",
        "data:,",
        "data:;base64",
    ];
    if data.iter().any(|d| head.starts_with(d.as_bytes())) {
        return Some(82);
    }
    None
}

/// The beginning of an address as a browser reads it, in lower case.
fn head(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEAD_BYTES);
    let mut i = 0;
    while i < value.len() && out.len() < HEAD_BYTES {
        let b = at(value, i);
        if b == b'&'
            && let Some((code, length)) = reference(value, i)
        {
            i += length;
            if code > b' ' {
                out.push(code.to_ascii_lowercase());
            }
            continue;
        }
        i += 1;
        if b > b' ' {
            out.push(b.to_ascii_lowercase());
        }
    }
    out
}

/// A character reference to an ASCII character, with or without its semicolon.
fn reference(value: &[u8], i: usize) -> Option<(u8, usize)> {
    const NAMED: [(&[u8], u8); 6] = [
        (b"colon;", b':'),
        (b"tab;", b'\t'),
        (b"newline;", b'\n'),
        (b"lpar;", b'('),
        (b"sol;", b'/'),
        (b"nbsp;", b' '),
    ];
    if at(value, i + 1) != b'#' {
        let rest = value.get(i + 1..)?;
        return NAMED.iter().find_map(|(name, code)| {
            let same = rest
                .get(..name.len())
                .is_some_and(|r| r.eq_ignore_ascii_case(name));
            same.then_some((*code, name.len() + 1))
        });
    }
    let hexadecimal = matches!(at(value, i + 2), b'x' | b'X');
    let radix = if hexadecimal { 16 } else { 10 };
    let from = i + 2 + usize::from(hexadecimal);
    let mut end = from;
    let mut code = 0u32;
    while let Some(digit) = char::from(at(value, end)).to_digit(radix) {
        code = code.saturating_mul(radix).saturating_add(digit);
        end += 1;
    }
    let length = end - i + usize::from(at(value, end) == b';');
    (end > from).then_some((u8::try_from(code).unwrap_or(b'?'), length))
}

impl Page<'_> {
    /// `javascript:` and its like, with white space and control characters between the letters.
    pub(super) fn schemes(&mut self) {
        let mut compact: Vec<u8> = Vec::with_capacity(self.bytes.len());
        let mut origin: Vec<u32> = Vec::with_capacity(self.bytes.len());
        for (i, b) in self.bytes.iter().enumerate() {
            if *b > b' ' {
                compact.push(b.to_ascii_lowercase());
                origin.push(i as u32);
            }
        }
        let place = |n: usize| origin.get(n).copied().unwrap_or(0) as usize;
        for scheme in ["javascript:", "vbscript:", "livescript:"] {
            let mut from = 0;
            while let Some(n) = find(&compact, from, scheme) {
                from = n + scheme.len();
                let before = n.checked_sub(1).map_or(0, |b| at(&compact, b));
                if before.is_ascii_alphanumeric() && !self.spaced(place(n)) {
                    continue;
                }
                let tail = compact
                    .get(from..(from + 64).min(compact.len()))
                    .unwrap_or_default();
                let runs = tail
                    .iter()
                    .any(|b| matches!(b, b'(' | b'`' | b'=' | b'/' | b'%' | b'\\' | b'&'));
                let placed = n == 0
                    || matches!(
                        before,
                        b'=' | b'"'
                            | b'\''
                            | b'('
                            | b'`'
                            | b','
                            | b'>'
                            | b';'
                            | b':'
                            | b'&'
                            | b'/'
                            | b'\\'
                            | b'<'
                            | b']'
                            | b')'
                    );
                let harmless = tail.starts_with(b"void(0)") || tail.starts_with(b"void0");
                let confidence = match (runs && !harmless, placed) {
                    (true, true) => 88,
                    (true, false) => 66,
                    (false, true) => 44,
                    (false, false) => 30,
                };
                self.push(
                    &SCRIPT_SCHEME,
                    confidence,
                    (place(n), place(from.saturating_sub(1)) + 1),
                );
                break;
            }
        }
        for scheme in [
            "data:text/html",
            "data:image/svg+xml",
            "data:text/xml",
            "data:application/x",
            "data:text/javascript",
            "data:;base64",
            "data:,alert",
            "data:application/javascript",
        ] {
            if let Some(n) = find(&compact, 0, scheme) {
                let tail = compact
                    .get(n..(n + 400).min(compact.len()))
                    .unwrap_or_default();
                let active = tail.iter().any(|b| matches!(b, b'<' | b'('))
                    || find(tail, 0, "base64,").is_some();
                let image = scheme == "data:image/svg+xml";
                if active {
                    self.push(
                        &SCRIPT_SCHEME,
                        if image { 56 } else { 82 },
                        (place(n), place(n + scheme.len() - 1) + 1),
                    );
                    break;
                }
            }
        }
    }

    fn spaced(&self, i: usize) -> bool {
        i > 0 && at(self.bytes, i - 1) <= b' '
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_browser_takes_out_hides_nothing() {
        for value in [
            "javascript:alert(1)",
            " \u{1}JaVa\tScript:alert(1)",
            "&#106;&#97&#x76;ascript&colon;alert(1)",
            "java&Tab;script&NewLine;:alert(1)",
            "data:text/html;base64,PHNjcmlwdD4=",
            "0;url=javascript:alert(1)",
        ] {
            assert!(address(value.as_bytes()).is_some(), "{value}");
        }
        for value in [
            "javascript:void(0)",
            "https://example.com/javascript:the-good-parts",
            "data:image/png;base64,iVBORw0KGgo=",
            "&#",
            "&#x",
            "",
        ] {
            assert_eq!(address(value.as_bytes()), None, "{value}");
        }
    }
}
