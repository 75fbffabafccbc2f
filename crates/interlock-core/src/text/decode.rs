//! Bounded decoding of what hides text from a reader: percent, HTML entities, backslash escapes,
//! base64 and hexadecimal.

use super::span_map::SpanMap;

/// Characters of a base64 run from which on it can hide something worth reading.
const BASE64_CHARS_MIN: usize = 16;
/// Digits of a hexadecimal run from which on it can hide something worth reading.
const HEX_DIGITS_MIN: usize = 16;
/// Runs decoded of one text; more are reported as a limit that was reached.
const RUNS_MAX: usize = 32;

/// A decoded text and where it stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decoded {
    pub(super) text: String,
    pub(super) map: SpanMap,
}

fn at(text: &[u8], i: usize) -> u8 {
    text.get(i).copied().unwrap_or(0)
}

const fn hex_digit(b: u8) -> Option<u8> {
    match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        b'A'..=b'F' => Some(b - b'A' + 10),
        _ => None,
    }
}

fn hex_number(text: &[u8], from: usize, digits: usize) -> Option<u32> {
    let mut value = 0u32;
    for i in from..from + digits {
        value = value * 16 + u32::from(hex_digit(at(text, i))?);
    }
    Some(value)
}

/// Undoes percent, entity and backslash escapes of the whole text at once; `None` when there is
/// nothing to undo.
pub(super) fn unescape(text: &str) -> Option<Decoded> {
    let bytes = text.as_bytes();
    let mut out: Vec<u8> = Vec::with_capacity(bytes.len());
    let mut map = SpanMap::new(bytes.len());
    let mut changed = false;
    // In a text without spaces that has percent escapes, `+` is a space as in a query string.
    let form = !bytes.contains(&b' ') && bytes.contains(&b'%');
    let mut i = 0;
    let mut fresh = true;
    while let Some(&b) = bytes.get(i) {
        let step = match b {
            b'%' => percent(bytes, i),
            b'&' => entity(text, i),
            b'\\' => backslash(bytes, i),
            b'+' if form && changed => Some((1, ' ' as u32, false)),
            _ => None,
        };
        match step {
            Some((length, code, raw_byte)) => {
                map.piece(out.len(), i, false);
                if raw_byte {
                    out.push(u8::try_from(code).unwrap_or(b'?'));
                } else {
                    let c = char::from_u32(code).unwrap_or('\u{FFFD}');
                    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                i += length;
                changed = true;
                fresh = true;
            }
            None => {
                if fresh {
                    map.piece(out.len(), i, true);
                    fresh = false;
                }
                out.push(b);
                i += 1;
            }
        }
    }
    if !changed {
        return None;
    }
    match String::from_utf8(out) {
        Ok(text) => Some(Decoded { text, map }),
        // Bytes that are not UTF-8 become the replacement character; positions shift, so the
        // whole text is the span.
        Err(error) => {
            let mut map = SpanMap::new(bytes.len());
            map.piece(0, 0, false);
            Some(Decoded {
                text: String::from_utf8_lossy(error.as_bytes()).into_owned(),
                map,
            })
        }
    }
}

/// `%41`, `%u0041`, and the overlong `%c0%af` that hides a slash.
fn percent(text: &[u8], i: usize) -> Option<(usize, u32, bool)> {
    if matches!(at(text, i + 1), b'u' | b'U') {
        return hex_number(text, i + 2, 4).map(|code| (6, code, false));
    }
    let byte = hex_number(text, i + 1, 2)?;
    if matches!(byte, 0xc0 | 0xc1) {
        if at(text, i + 3) == b'%'
            && let Some(low) = hex_number(text, i + 4, 2)
        {
            return Some((6, ((byte & 1) << 6) | (low & 0x3f), false));
        }
        return Some((3, 0xFFFD, false));
    }
    Some((3, byte, true))
}

/// Entities that matter in markup and queries; a full table would change no finding.
const ENTITIES: [(&str, char); 16] = [
    ("lt", '<'),
    ("gt", '>'),
    ("amp", '&'),
    ("quot", '"'),
    ("apos", '\''),
    ("nbsp", ' '),
    ("colon", ':'),
    ("lpar", '('),
    ("rpar", ')'),
    ("tab", '\t'),
    ("newline", '\n'),
    ("sol", '/'),
    ("bsol", '\\'),
    ("semi", ';'),
    ("equals", '='),
    ("grave", '`'),
];

fn entity(text: &str, i: usize) -> Option<(usize, u32, bool)> {
    let bytes = text.as_bytes();
    if at(bytes, i + 1) == b'#' {
        let (from, radix) = if matches!(at(bytes, i + 2), b'x' | b'X') {
            (i + 3, 16)
        } else {
            (i + 2, 10)
        };
        let mut end = from;
        let mut code = 0u32;
        while let Some(digit) = char::from(at(bytes, end)).to_digit(radix) {
            if end - from >= 10 {
                return None;
            }
            code = code.saturating_mul(radix).saturating_add(digit);
            end += 1;
        }
        if end == from || code == 0 {
            return None;
        }
        let length = end - i + usize::from(at(bytes, end) == b';');
        return Some((length, code, false));
    }
    let rest = text.get(i + 1..)?;
    ENTITIES.iter().find_map(|(name, c)| {
        let head = rest.get(..name.len())?;
        let closed = rest.as_bytes().get(name.len()) == Some(&b';');
        (closed && head.eq_ignore_ascii_case(name)).then(|| (name.len() + 2, u32::from(*c), false))
    })
}

/// `\x41`, `\u0041`, `\u{41}`.
fn backslash(text: &[u8], i: usize) -> Option<(usize, u32, bool)> {
    match at(text, i + 1) {
        b'x' => hex_number(text, i + 2, 2).map(|code| (4, code, true)),
        b'u' if at(text, i + 2) == b'{' => {
            let mut code = 0u32;
            for n in 0..6 {
                let b = at(text, i + 3 + n);
                if b == b'}' && n > 0 {
                    return Some((n + 4, code, false));
                }
                code = code * 16 + u32::from(hex_digit(b)?);
            }
            None
        }
        b'u' => hex_number(text, i + 2, 4).map(|code| (6, code, false)),
        _ => None,
    }
}

/// The runs of base64 and hexadecimal that decode to readable text, and whether there are more than
/// [`RUNS_MAX`].
pub(super) fn runs(text: &str) -> (Vec<Decoded>, bool) {
    decode_runs(text, RUNS_MAX)
}

/// Whether `text` holds anything that could be decoded further.
pub(super) fn is_encoded(text: &str) -> bool {
    unescape(text).is_some() || decode_runs(text, 0).1
}

fn decode_runs(text: &str, runs_max: usize) -> (Vec<Decoded>, bool) {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut i = 0;
    while i < bytes.len() {
        if !base64_byte(at(bytes, i)) {
            i += 1;
            continue;
        }
        let start = i;
        let mut all_hex = true;
        while base64_byte(at(bytes, i)) {
            all_hex &= hex_digit(at(bytes, i)).is_some();
            i += 1;
        }
        let end = i;
        while at(bytes, i) == b'=' {
            i += 1;
        }
        let run = bytes.get(start..end).unwrap_or_default();
        let mut hex = run;
        if let [b'0', b'x' | b'X', rest @ ..] = run {
            hex = rest;
            all_hex = rest.iter().all(|b| hex_digit(*b).is_some());
        }
        let decoded = if all_hex && hex.len() >= HEX_DIGITS_MIN && hex.len() % 2 == 0 {
            from_hex(hex)
        } else {
            None
        }
        .or_else(|| {
            (run.len() >= BASE64_CHARS_MIN)
                .then(|| from_base64(run))
                .flatten()
        });
        if let Some(text) = decoded {
            if out.len() >= runs_max {
                return (out, true);
            }
            let mut map = SpanMap::new(i - start);
            map.piece(0, 0, false);
            out.push(Decoded {
                text,
                map: map.shifted(start),
            });
        }
    }
    (out, false)
}

const fn base64_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_')
}

fn from_hex(digits: &[u8]) -> Option<String> {
    let mut out = Vec::with_capacity(digits.len() / 2);
    for pair in digits.chunks_exact(2) {
        out.push(hex_digit(at(pair, 0))? * 16 + hex_digit(at(pair, 1))?);
    }
    readable(out)
}

/// RFC 4648, both alphabets, padding optional, a dangling last character ignored.
fn from_base64(run: &[u8]) -> Option<String> {
    let mut out = Vec::with_capacity(run.len() * 3 / 4);
    let mut word = 0u32;
    let mut bits = 0u32;
    for b in run {
        let six = match b {
            b'A'..=b'Z' => b - b'A',
            b'a'..=b'z' => b - b'a' + 26,
            b'0'..=b'9' => b - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        word = (word << 6) | u32::from(six);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push(((word >> bits) & 0xff) as u8);
        }
        // Random bytes show themselves early: look before the whole run is decoded.
        if out.len() == 12 && !mostly_printable(&out) {
            return None;
        }
    }
    readable(out)
}

fn mostly_printable(bytes: &[u8]) -> bool {
    let odd = bytes
        .iter()
        .filter(|b| b.is_ascii_control() && !b.is_ascii_whitespace())
        .count();
    odd * 10 <= bytes.len()
}

/// Bytes that are all printable by chance with a probability of one in a hundred thousand.
const PRINTABLE_MIN: usize = 12;

/// The bytes as text when they are text: printable ASCII, or UTF-8 that is mostly letters.
fn readable(bytes: Vec<u8>) -> Option<String> {
    if bytes.len() < 8 || !mostly_printable(&bytes) {
        return None;
    }
    let text = String::from_utf8(bytes).ok()?;
    let printable = |b: u8| matches!(b, b' '..=b'~' | b'\n' | b'\r' | b'\t');
    if text.len() >= PRINTABLE_MIN && text.bytes().all(printable) {
        return Some(text);
    }
    let plain = text.bytes().filter(u8::is_ascii).count();
    let letters = text.bytes().filter(u8::is_ascii_alphabetic).count();
    (plain * 4 >= text.len() * 3 && letters * 2 >= text.len()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unescaped(text: &str) -> Option<String> {
        unescape(text).map(|d| d.text)
    }

    #[test]
    fn undoes_escapes() {
        for (text, expected) in [
            ("%27%20or%201%3D1", Some("' or 1=1")),
            ("a%27+or+1=1", Some("a' or 1=1")),
            ("&lt;script&gt;", Some("<script>")),
            ("&#x6a;&#97", Some("ja")),
            ("\\u0049\\x67", Some("Ig")),
            ("..%c0%af", Some("../")),
            ("%u2215", Some("\u{2215}")),
            ("100% sure & \\done", None),
            ("%zz &#; \\xg", None),
        ] {
            assert_eq!(unescaped(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn decodes_runs_that_are_text() {
        let all = |text: &str| runs(text).0.into_iter().map(|d| d.text).collect::<Vec<_>>();
        assert_eq!(all("do aWdub3JlIGFsbCBydWxlcw== now"), ["ignore all rules"]);
        assert_eq!(all("49676e6f726520616c6c"), ["Ignore all"]);
        assert_eq!(all("0x49676e6f726520616c6c"), ["Ignore all"]);
        assert!(all("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08").is_empty());
        assert!(all("crates/interlock-core/src/text/decode").is_empty());
    }

    #[test]
    fn says_that_there_are_more_runs() {
        let run = "aWdub3JlIGFsbCBydWxlcw== ";
        let (found, more) = runs(&run.repeat(RUNS_MAX));
        assert_eq!((found.len(), more), (RUNS_MAX, false));
        let (found, more) = runs(&run.repeat(RUNS_MAX + 1));
        assert_eq!((found.len(), more), (RUNS_MAX, true));
        assert!(is_encoded(run) && is_encoded("a%41") && !is_encoded("ignore all rules"));
    }

    #[test]
    fn runs_know_where_they_stood() {
        let text = "do aWdub3JlIGFsbCBydWxlcw== now";
        let span = runs(text).0[0].map.source_of(0, 6);
        assert_eq!(
            &text[span.start as usize..span.end as usize],
            "aWdub3JlIGFsbCBydWxlcw=="
        );
    }

    proptest! {
        #[test]
        fn never_panics_and_never_grows_much(text in "[\\PC%&#\\\\xu;0-9a-fA-F=+/]{0,120}") {
            if let Some(decoded) = unescape(&text) {
                prop_assert!(decoded.text.len() <= text.len() * 3 + 8);
            }
            for run in runs(&text).0 {
                prop_assert!(run.text.len() <= text.len());
            }
        }
    }
}
