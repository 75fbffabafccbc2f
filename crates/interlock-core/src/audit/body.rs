//! An ordered JSON writer for record bodies.
//!
//! Bodies carry no floats: their text would depend on the printer. Risk is written ×1000, money in
//! nano-dollars, times as RFC 3339 text.

use super::frame::{BODY_BYTES_MAX, Kind};
use core::fmt::Write as _;

/// Why a body could not be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// The body is larger than a record holds.
    #[error("body of {bytes} bytes exceeds the limit of {BODY_BYTES_MAX}")]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
    /// A text handed in as finished JSON is not in the form bodies need.
    #[error("raw value of `{key}` is empty or holds a control character")]
    Raw {
        /// The member concerned.
        key: String,
    },
}

/// Writes one JSON object, members in the order of the calls.
///
/// Every body begins with `v`, `ts` and `kind`; the verifiers hold the kind of the frame, which no
/// hash covers, against the one in the body, which the leaf covers.
#[derive(Debug, Clone)]
pub struct Body {
    text: String,
    bad: Option<String>,
}

/// Whether a byte of `word` is `"`, `\`, below a space, DEL, or 0xE2, with which the line
/// separators begin; a bit in each such byte.
///
/// Source: Sean Anderson, Bit Twiddling Hacks, "Determine if a word has a byte less than n".
const fn special(word: u64) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    const fn zero(word: u64) -> u64 {
        word.wrapping_sub(ONES) & !word
    }
    let low = word.wrapping_sub(ONES * 0x20) & !word;
    let equal = zero(word ^ (ONES * b'"' as u64))
        | zero(word ^ (ONES * b'\\' as u64))
        | zero(word ^ (ONES * 0x7f))
        | zero(word ^ (ONES * 0xe2));
    (low | equal) & HIGH
}

/// Whether a text may need an escape, which nearly none does: eight bytes at a time.
fn may_need_escape(text: &[u8]) -> bool {
    let (words, rest) = text.as_chunks::<8>();
    let mut found = 0;
    for word in words {
        found |= special(u64::from_ne_bytes(*word));
    }
    let mut last = [b' '; 8];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    found |= special(u64::from_ne_bytes(last));
    found != 0
}

/// Appends `text` to `out` as a JSON string with its quotes.
pub fn write_string(out: &mut String, text: &str) {
    out.push('"');
    if !may_need_escape(text.as_bytes()) {
        out.push_str(text);
        out.push('"');
        return;
    }
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // Line separators are legal in JSON but end a line in some readers.
            c if c < ' ' || c == '\u{7f}' || c == '\u{2028}' || c == '\u{2029}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Appends a name of the product's own, such as that of a fact, as a JSON string: letters, digits,
/// `_`, `-` and `.`, so that nothing in it needs an escape.
pub(crate) fn write_name(out: &mut String, name: &'static str) {
    debug_assert!(
        name.bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')),
        "`{name}` is no name"
    );
    out.push('"');
    out.push_str(name);
    out.push('"');
}

/// Appends `number` in decimal.
pub fn write_int(out: &mut String, number: i64) {
    if number < 0 {
        out.push('-');
    }
    let mut rest = number.unsigned_abs();
    if rest < 10 {
        // The digit is below ten.
        out.push(char::from(b'0' + rest as u8));
        return;
    }
    // Twenty digits hold every number of 64 bits.
    let mut digits = [b'0'; 20];
    let mut used = 0;
    for digit in digits.iter_mut().rev() {
        // The remainder is below ten.
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
        used += 1;
        if rest == 0 {
            break;
        }
    }
    // The digits are ASCII.
    out.push_str(
        core::str::from_utf8(digits.get(20 - used..).unwrap_or_default()).unwrap_or_default(),
    );
}

/// The two digits of a byte.
const fn hex_digits(byte: u8) -> [u8; 2] {
    const fn digit(nibble: u8) -> u8 {
        nibble + if nibble < 10 { b'0' } else { b'a' - 10 }
    }
    [digit(byte >> 4), digit(byte & 15)]
}

/// Appends `number` as sixteen lower-case hexadecimal digits.
pub fn write_hex(out: &mut String, number: u64) {
    let digits = number.to_be_bytes().map(hex_digits);
    // The digits are ASCII.
    out.push_str(core::str::from_utf8(digits.as_flattened()).unwrap_or_default());
}

/// Appends a hash of 32 bytes as lower-case hexadecimal digits.
fn write_hash(out: &mut String, hash: &[u8; 32]) {
    let digits = hash.map(hex_digits);
    // The digits are ASCII.
    out.push_str(core::str::from_utf8(digits.as_flattened()).unwrap_or_default());
}

fn write_number(out: &mut String, number: i128) {
    if let Ok(number) = i64::try_from(number) {
        write_int(out, number);
    } else {
        // Writing to a string does not fail.
        let _ = write!(out, "{number}");
    }
}

impl Body {
    /// Starts the body of an entry of `kind` at `ts` (RFC 3339, UTC).
    #[must_use]
    pub fn new(kind: Kind, ts: &str) -> Self {
        Self::with_capacity(kind, ts, 512)
    }

    /// [`Self::new`] with room for `bytes` bytes.
    #[must_use]
    pub fn with_capacity(kind: Kind, ts: &str, bytes: usize) -> Self {
        let mut text = String::with_capacity(bytes);
        text.push_str("{\"v\":1,\"ts\":");
        write_string(&mut text, ts);
        text.push_str(",\"kind\":");
        write_string(&mut text, &kind.name());
        Self { text, bad: None }
    }

    fn key(&mut self, key: &str) {
        self.text.push(',');
        write_string(&mut self.text, key);
        self.text.push(':');
    }

    /// A member whose value `write` appends.
    ///
    /// `write` answers for the grammar: one JSON value on one line.
    pub(crate) fn written(&mut self, key: &str, write: impl FnOnce(&mut String)) -> &mut Self {
        self.key(key);
        write(&mut self.text);
        self
    }

    /// A string member.
    pub fn str(&mut self, key: &str, value: &str) -> &mut Self {
        self.key(key);
        write_string(&mut self.text, value);
        self
    }

    /// A string member that is left out when there is no value.
    pub fn opt_str(&mut self, key: &str, value: Option<&str>) -> &mut Self {
        match value {
            Some(value) => self.str(key, value),
            None => self,
        }
    }

    /// A hash in lower-case hexadecimal, left out when there is none.
    pub fn opt_hash(&mut self, key: &str, hash: Option<&[u8; 32]>) -> &mut Self {
        if let Some(hash) = hash {
            self.key(key);
            self.text.push('"');
            write_hash(&mut self.text, hash);
            self.text.push('"');
        }
        self
    }

    /// An integer member.
    pub fn int(&mut self, key: &str, value: impl Into<i128>) -> &mut Self {
        self.key(key);
        write_number(&mut self.text, value.into());
        self
    }

    /// A Boolean member.
    pub fn bool(&mut self, key: &str, value: bool) -> &mut Self {
        self.key(key);
        self.text.push_str(if value { "true" } else { "false" });
        self
    }

    /// A member whose value is finished JSON on one line, such as another object.
    ///
    /// The caller answers for its grammar; an empty value or a control character makes
    /// [`Body::finish`] fail.
    pub fn raw(&mut self, key: &str, json: &str) -> &mut Self {
        if (json.is_empty() || json.bytes().any(|b| b < b' ')) && self.bad.is_none() {
            self.bad = Some(key.to_owned());
        }
        self.key(key);
        self.text.push_str(json);
        self
    }

    /// An array of strings.
    pub fn strs<I: IntoIterator<Item = S>, S: AsRef<str>>(
        &mut self,
        key: &str,
        values: I,
    ) -> &mut Self {
        self.key(key);
        self.text.push('[');
        for (i, value) in values.into_iter().enumerate() {
            if i > 0 {
                self.text.push(',');
            }
            write_string(&mut self.text, value.as_ref());
        }
        self.text.push(']');
        self
    }

    /// An array of integers.
    pub fn ints<I: IntoIterator<Item = N>, N: Into<i128>>(
        &mut self,
        key: &str,
        values: I,
    ) -> &mut Self {
        self.key(key);
        self.text.push('[');
        for (i, value) in values.into_iter().enumerate() {
            if i > 0 {
                self.text.push(',');
            }
            write_number(&mut self.text, value.into());
        }
        self.text.push(']');
        self
    }

    /// An array of finished JSON values, under the conditions of [`Body::raw`].
    pub fn raws<I: IntoIterator<Item = S>, S: AsRef<str>>(
        &mut self,
        key: &str,
        values: I,
    ) -> &mut Self {
        let mut array = String::from("[");
        for (i, value) in values.into_iter().enumerate() {
            if i > 0 {
                array.push(',');
            }
            if value.as_ref().is_empty() && self.bad.is_none() {
                self.bad = Some(key.to_owned());
            }
            array.push_str(value.as_ref());
        }
        array.push(']');
        self.raw(key, &array)
    }

    /// Bytes written so far, with the closing brace.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.text.len() + 1
    }

    /// Ends the object.
    ///
    /// # Errors
    ///
    /// When it exceeds [`BODY_BYTES_MAX`], or a raw value was not usable.
    pub fn finish(&mut self) -> Result<Vec<u8>, BodyError> {
        if let Some(key) = self.bad.take() {
            return Err(BodyError::Raw { key });
        }
        let mut text = core::mem::take(&mut self.text);
        text.push('}');
        if text.len() > BODY_BYTES_MAX {
            return Err(BodyError::TooLarge { bytes: text.len() });
        }
        Ok(text.into_bytes())
    }
}

/// The name of the kind in the head of a body that [`Body`] could have written, or `None`.
///
/// The form is fixed so that every verifier can read it without a JSON parser:
/// `{"v":<1 to 9 digits>,"ts":"<1 to 40 of [0-9TZ:.+-]>","kind":"<name>"` and then `,` or `}`.
#[must_use]
pub fn kind_name(body: &[u8]) -> Option<&str> {
    fn taken(bytes: &[u8], max: usize, of: impl Fn(u8) -> bool) -> Option<(&[u8], &[u8])> {
        let n = bytes.iter().take_while(|b| of(**b)).count();
        if n == 0 || n > max {
            return None;
        }
        bytes.split_at_checked(n)
    }
    let rest = body.strip_prefix(b"{\"v\":")?;
    let (_, rest) = taken(rest, 9, |b| b.is_ascii_digit())?;
    let rest = rest.strip_prefix(b",\"ts\":\"")?;
    let (_, rest) = taken(rest, 40, |b| b.is_ascii_digit() || b"TZ:.+-".contains(&b))?;
    let rest = rest.strip_prefix(b"\",\"kind\":\"")?;
    let (name, rest) = taken(rest, 32, |b| b.is_ascii_lowercase() || b == b'-')?;
    let rest = rest.strip_prefix(b"\"")?;
    if !matches!(rest.first(), Some(b',' | b'}')) {
        return None;
    }
    core::str::from_utf8(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TS: &str = "2026-11-21T04:00:00.000000000Z";

    #[test]
    fn members_keep_their_order() {
        let body = Body::new(Kind::Decision, TS)
            .str("tenant", "a\"b\\c\n\u{2028}\u{1}é")
            .int("risk", -5i64)
            .bool("shadow", true)
            .strs("rules", ["x", "y"])
            .ints("dims", [1u32, 2])
            .raw("cost", "{\"nano\":1}")
            .raws("detectors", ["1", "{}"])
            .opt_str("absent", None)
            .finish()
            .unwrap();
        assert_eq!(
            String::from_utf8(body.clone()).unwrap(),
            "{\"v\":1,\"ts\":\"2026-11-21T04:00:00.000000000Z\",\"kind\":\"decision\",\
             \"tenant\":\"a\\\"b\\\\c\\n\\u2028\\u0001é\",\"risk\":-5,\"shadow\":true,\
             \"rules\":[\"x\",\"y\"],\"dims\":[1,2],\"cost\":{\"nano\":1},\"detectors\":[1,{}]}"
        );
        assert_eq!(kind_name(&body), Some("decision"));
        assert!(serde_json::from_slice::<serde_json::Value>(&body).is_ok());
    }

    #[test]
    fn limits_are_held() {
        let long = "x".repeat(BODY_BYTES_MAX);
        assert!(matches!(
            Body::new(Kind::Decision, TS).str("a", &long).finish(),
            Err(BodyError::TooLarge { .. })
        ));
        for raw in ["", "1\n", "\0"] {
            assert!(
                Body::new(Kind::Decision, TS)
                    .raw("a", raw)
                    .finish()
                    .is_err()
            );
        }
    }

    #[test]
    fn heads_that_are_not_ours() {
        for text in [
            "",
            "{}",
            "{\"ts\":\"2026\",\"v\":1,\"kind\":\"decision\"}",
            "{\"v\":1,\"ts\":\"2026\",\"kind\":\"\"}",
            "{\"v\":1,\"ts\":\"2026\",\"kind\":\"decision\"",
            "{\"v\":1,\"ts\":\"2026\",\"kind\":\"Decision\"}",
            "{\"v\":1, \"ts\":\"2026\",\"kind\":\"decision\"}",
            "{\"v\":1234567890,\"ts\":\"2026\",\"kind\":\"decision\"}",
        ] {
            assert_eq!(kind_name(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn numbers_are_those_of_the_formatter(n: i64, hex: u64) {
            for n in [n, 0, i64::MIN, i64::MAX, n % 1_000] {
                let mut out = String::new();
                write_int(&mut out, n);
                prop_assert_eq!(out, n.to_string());
            }
            let mut out = String::new();
            write_hex(&mut out, hex);
            prop_assert_eq!(out, format!("{hex:016x}"));
        }

        #[test]
        fn what_may_need_an_escape_is_seen(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let needed = bytes
                .iter()
                .any(|b| matches!(b, ..b' ' | b'"' | b'\\' | 0x7f | 0xe2));
            prop_assert_eq!(may_need_escape(&bytes), needed);
        }

        #[test]
        fn strings_survive(value: String, key: String) {
            let body = Body::new(Kind::Outcome, TS).str(&key, &value).finish().unwrap();
            let read: serde_json::Value = serde_json::from_slice(&body).unwrap();
            if !["v", "ts", "kind"].contains(&key.as_str()) {
                prop_assert_eq!(read.get(&key).and_then(|v| v.as_str()), Some(value.as_str()));
            }
            prop_assert!(body.iter().all(|b| *b >= b' '));
        }
    }
}
