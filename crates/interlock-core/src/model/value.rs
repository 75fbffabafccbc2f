//! JSON values with exact numbers.
//!
//! Arguments are what a grant binds to, so two inputs that a tool could read differently must not
//! look the same here: number lexemes are kept as written, duplicate keys are refused, and every
//! size and depth has a limit.

use std::fmt;

use crate::model::limits::{JSON_DEPTH_MAX, JSON_KEYS_MAX, JSON_VALUES_MAX, STRING_BYTES_MAX};

/// A JSON value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Value {
    /// `null`.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as written.
    Number(Number),
    /// A string.
    String(String),
    /// An array.
    Array(Vec<Value>),
    /// An object with unique keys, in the order given.
    Object(Object),
}

/// A JSON number as its lexeme, so that `1.0`, `1` and `1e0` stay distinguishable and no digit is
/// lost to binary floating point.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Number(Box<str>);

impl Number {
    /// The text as written.
    #[must_use]
    pub fn lexeme(&self) -> &str {
        &self.0
    }

    /// The integer this is, if it is written without fraction or exponent and fits 64 bits.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        self.0.parse().ok()
    }

    /// The value in billionths, truncated toward zero beyond nine decimals.
    ///
    /// `None` when it does not fit 64 bits; exponents up to ±18 are understood.
    #[must_use]
    pub fn as_nano(&self) -> Option<i64> {
        parse_nano(&self.0)
    }
}

/// Parses a decimal number (`-12.50`, `3e2`) into billionths, truncating beyond nine decimals.
#[must_use]
pub fn parse_nano(text: &str) -> Option<i64> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((m, e)) => (m, e.parse::<i32>().ok().filter(|e| e.abs() <= 18)?),
        None => (rest, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut digits: i128 = 0;
    let mut scale: i32 = 9 + exponent;
    for byte in whole.bytes() {
        digits = push_digit(digits, byte)?;
    }
    for byte in fraction.bytes() {
        // Beyond thirty digits nothing that fits the result can change.
        if digits.unsigned_abs() < 10u128.pow(30) {
            digits = push_digit(digits, byte)?;
            scale -= 1;
        } else if !byte.is_ascii_digit() {
            return None;
        }
    }
    while scale > 0 {
        digits = digits.checked_mul(10)?;
        scale -= 1;
    }
    while scale < 0 {
        digits /= 10;
        scale += 1;
    }
    i64::try_from(if negative { -digits } else { digits }).ok()
}

fn push_digit(digits: i128, byte: u8) -> Option<i128> {
    byte.is_ascii_digit()
        .then(|| digits.checked_mul(10)?.checked_add(i128::from(byte - b'0')))?
}

impl From<i64> for Number {
    fn from(n: i64) -> Self {
        Self(n.to_string().into_boxed_str())
    }
}

/// An object: unique keys in the order given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Object(Vec<(String, Value)>);

impl Object {
    /// The empty object.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The value under `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.iter().find(|(k, _)| k == key).map(|(_, v)| v)
    }

    /// Takes the value under `key` out.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let at = self.0.iter().position(|(k, _)| k == key)?;
        Some(self.0.remove(at).1)
    }

    /// Sets `key`, replacing what was there.
    pub fn insert(&mut self, key: impl Into<String>, value: Value) {
        let key = key.into();
        if let Some(slot) = self.0.iter_mut().find(|(k, _)| *k == key) {
            slot.1 = value;
        } else {
            self.0.push((key, value));
        }
    }

    /// Keys and values in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.0.iter().map(|(k, v)| (k.as_str(), v))
    }

    /// Keys and values in order, values mutable.
    pub fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = (&str, &mut Value)> {
        self.0.iter_mut().map(|(k, v)| (k.as_str(), v))
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no keys.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl IntoIterator for Object {
    type Item = (String, Value);
    type IntoIter = std::vec::IntoIter<(String, Value)>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl FromIterator<(String, Value)> for Object {
    fn from_iter<T: IntoIterator<Item = (String, Value)>>(iter: T) -> Self {
        let mut object = Self::new();
        for (key, value) in iter {
            object.insert(key, value);
        }
        object
    }
}

impl Value {
    /// The string this is.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(s) => Some(s),
            _ => None,
        }
    }

    /// The integer this is.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Number(n) => n.as_i64(),
            _ => None,
        }
    }

    /// The object this is.
    #[must_use]
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(o) => Some(o),
            _ => None,
        }
    }

    /// The array this is.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Value]> {
        match self {
            Self::Array(a) => Some(a),
            _ => None,
        }
    }

    /// Whether this is `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The field `key` of this object.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_object()?.get(key)
    }

    /// The JSON type's name, for error messages.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Number(_) => "number",
            Self::String(_) => "string",
            Self::Array(_) => "array",
            Self::Object(_) => "object",
        }
    }

    /// Parses one JSON document.
    ///
    /// # Errors
    /// Names what is wrong and where: syntax, a duplicate key, or a limit of [`crate::model::limits`].
    pub fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        let text = std::str::from_utf8(bytes).map_err(|e| JsonError {
            offset: e.valid_up_to(),
            kind: JsonErrorKind::NotUtf8,
        })?;
        let mut parser = Parser {
            bytes: text.as_bytes(),
            text,
            at: 0,
            values: 0,
        };
        parser.skip_whitespace();
        let value = parser.value(0)?;
        parser.skip_whitespace();
        if parser.at < parser.bytes.len() {
            return Err(parser.error(JsonErrorKind::Syntax("unexpected text after the document")));
        }
        Ok(value)
    }

    /// Appends this value as compact JSON.
    pub fn write_json(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
            Self::Number(n) => out.push_str(n.lexeme()),
            Self::String(s) => write_json_string(s, out),
            Self::Array(items) => {
                out.push('[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    item.write_json(out);
                }
                out.push(']');
            }
            Self::Object(object) => {
                out.push('{');
                for (i, (key, value)) in object.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    write_json_string(key, out);
                    out.push(':');
                    value.write_json(out);
                }
                out.push('}');
            }
        }
    }

    /// This value as compact JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        self.write_json(&mut out);
        out
    }
}

impl From<&str> for Value {
    fn from(s: &str) -> Self {
        Self::String(s.to_owned())
    }
}

impl From<String> for Value {
    fn from(s: String) -> Self {
        Self::String(s)
    }
}

impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Self::Bool(b)
    }
}

impl From<i64> for Value {
    fn from(n: i64) -> Self {
        Self::Number(Number::from(n))
    }
}

impl From<Object> for Value {
    fn from(o: Object) -> Self {
        Self::Object(o)
    }
}

/// Appends `text` as a JSON string literal.
pub fn write_json_string(text: &str, out: &mut String) {
    out.push('"');
    let mut start = 0;
    for (i, byte) in text.bytes().enumerate() {
        let escape: Option<&str> = match byte {
            b'"' => Some("\\\""),
            b'\\' => Some("\\\\"),
            b'\n' => Some("\\n"),
            b'\r' => Some("\\r"),
            b'\t' => Some("\\t"),
            0x08 => Some("\\b"),
            0x0c => Some("\\f"),
            0..=0x1f => None,
            _ => continue,
        };
        out.push_str(text.get(start..i).unwrap_or_default());
        if let Some(escape) = escape {
            out.push_str(escape);
        } else {
            const HEX: [char; 16] = [
                '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
            ];
            out.push_str("\\u00");
            for nibble in [byte >> 4, byte & 15] {
                out.push(HEX.get(usize::from(nibble)).copied().unwrap_or('0'));
            }
        }
        start = i + 1;
    }
    out.push_str(text.get(start..).unwrap_or_default());
    out.push('"');
}

/// Why a text is not an acceptable JSON document, and at which byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonError {
    /// Byte offset of the problem.
    pub offset: usize,
    /// What it is.
    pub kind: JsonErrorKind,
}

/// The kinds of [`JsonError`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JsonErrorKind {
    /// The bytes are not UTF-8.
    NotUtf8,
    /// The grammar of RFC 8259 is violated.
    Syntax(&'static str),
    /// An object names a key twice.
    DuplicateKey(String),
    /// A limit is passed: what it limits, and its value.
    Limit(&'static str, usize),
}

impl JsonErrorKind {
    /// The stable code of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotUtf8 => "json.not-utf8",
            Self::Syntax(_) => "json.syntax",
            Self::DuplicateKey(_) => "json.duplicate-key",
            Self::Limit(..) => "json.limit",
        }
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            JsonErrorKind::NotUtf8 => write!(f, "body is not UTF-8 at byte {}", self.offset),
            JsonErrorKind::Syntax(what) => {
                write!(f, "body is not JSON: {what} at byte {}", self.offset)
            }
            JsonErrorKind::DuplicateKey(key) => {
                let shown: String = key.chars().take(64).collect();
                write!(f, "key `{shown}` appears twice at byte {}", self.offset)
            }
            JsonErrorKind::Limit(what, max) => {
                write!(
                    f,
                    "{what} exceeds the limit of {max} at byte {}",
                    self.offset
                )
            }
        }
    }
}

impl std::error::Error for JsonError {}

struct Parser<'a> {
    bytes: &'a [u8],
    text: &'a str,
    at: usize,
    values: usize,
}

impl Parser<'_> {
    fn error(&self, kind: JsonErrorKind) -> JsonError {
        JsonError {
            offset: self.at,
            kind,
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_whitespace(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn literal(&mut self, word: &str, value: Value) -> Result<Value, JsonError> {
        if self
            .bytes
            .get(self.at..)
            .is_some_and(|rest| rest.starts_with(word.as_bytes()))
        {
            self.at += word.len();
            Ok(value)
        } else {
            Err(self.error(JsonErrorKind::Syntax("expected a value")))
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.values += 1;
        if self.values > JSON_VALUES_MAX {
            return Err(self.error(JsonErrorKind::Limit("number of values", JSON_VALUES_MAX)));
        }
        if depth > JSON_DEPTH_MAX {
            return Err(self.error(JsonErrorKind::Limit("nesting depth", JSON_DEPTH_MAX)));
        }
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => Ok(Value::String(self.string()?)),
            Some(b't') => self.literal("true", Value::Bool(true)),
            Some(b'f') => self.literal("false", Value::Bool(false)),
            Some(b'n') => self.literal("null", Value::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => Err(self.error(JsonErrorKind::Syntax("expected a value"))),
            None => Err(self.error(JsonErrorKind::Syntax("unexpected end"))),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.at += 1;
        let mut fields: Vec<(String, Value)> = Vec::new();
        // Linear look-ups are quicker for the few keys of a usual object; the set keeps a large
        // one from becoming quadratic.
        let mut seen = std::collections::BTreeSet::new();
        self.skip_whitespace();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Object(Object(fields)));
        }
        loop {
            self.skip_whitespace();
            if self.peek() != Some(b'"') {
                return Err(self.error(JsonErrorKind::Syntax("expected a key")));
            }
            let key_at = self.at;
            let key = self.string()?;
            let duplicate = if fields.len() < 16 {
                fields.iter().any(|(k, _)| *k == key)
            } else {
                if seen.is_empty() {
                    seen.extend(fields.iter().map(|(k, _)| k.clone()));
                }
                !seen.insert(key.clone())
            };
            if duplicate {
                self.at = key_at;
                return Err(self.error(JsonErrorKind::DuplicateKey(key)));
            }
            if fields.len() >= JSON_KEYS_MAX {
                return Err(self.error(JsonErrorKind::Limit("number of keys", JSON_KEYS_MAX)));
            }
            self.skip_whitespace();
            if self.peek() != Some(b':') {
                return Err(self.error(JsonErrorKind::Syntax("expected `:`")));
            }
            self.at += 1;
            self.skip_whitespace();
            let value = self.value(depth + 1)?;
            fields.push((key, value));
            self.skip_whitespace();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Value::Object(Object(fields)));
                }
                _ => return Err(self.error(JsonErrorKind::Syntax("expected `,` or `}`"))),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.at += 1;
        let mut items = Vec::new();
        self.skip_whitespace();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::Array(items));
        }
        loop {
            self.skip_whitespace();
            items.push(self.value(depth + 1)?);
            self.skip_whitespace();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Value::Array(items));
                }
                _ => return Err(self.error(JsonErrorKind::Syntax("expected `,` or `]`"))),
            }
        }
    }

    fn number(&mut self) -> Result<Value, JsonError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => return Err(self.error(JsonErrorKind::Syntax("expected a digit"))),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.some_digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.some_digits()?;
        }
        let lexeme = self.text.get(start..self.at).unwrap_or_default();
        if lexeme.len() > 64 {
            self.at = start;
            return Err(self.error(JsonErrorKind::Limit("digits of a number", 64)));
        }
        Ok(Value::Number(Number(lexeme.into())))
    }

    fn digits(&mut self) {
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
    }

    fn some_digits(&mut self) -> Result<(), JsonError> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.error(JsonErrorKind::Syntax("expected a digit")));
        }
        self.digits();
        Ok(())
    }

    fn string(&mut self) -> Result<String, JsonError> {
        self.at += 1;
        let mut start = self.at;
        let mut out = String::new();
        loop {
            match self.peek() {
                None => return Err(self.error(JsonErrorKind::Syntax("unterminated string"))),
                Some(b'"') => {
                    let tail = self.text.get(start..self.at).unwrap_or_default();
                    if out.len() + tail.len() > STRING_BYTES_MAX {
                        return Err(
                            self.error(JsonErrorKind::Limit("string bytes", STRING_BYTES_MAX))
                        );
                    }
                    out.push_str(tail);
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => {
                    out.push_str(self.text.get(start..self.at).unwrap_or_default());
                    self.at += 1;
                    self.escape(&mut out)?;
                    start = self.at;
                }
                Some(0..=0x1f) => {
                    return Err(self.error(JsonErrorKind::Syntax("control character in a string")));
                }
                Some(_) => self.at += 1,
            }
        }
    }

    fn escape(&mut self, out: &mut String) -> Result<(), JsonError> {
        let byte = self.peek();
        self.at += 1;
        out.push(match byte {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let high = self.hex4()?;
                if (0xd800..0xdc00).contains(&high) {
                    if self.bytes.get(self.at..self.at + 2) != Some(b"\\u") {
                        return Err(self.error(JsonErrorKind::Syntax("lone surrogate")));
                    }
                    self.at += 2;
                    let low = self.hex4()?;
                    if !(0xdc00..0xe000).contains(&low) {
                        return Err(self.error(JsonErrorKind::Syntax("lone surrogate")));
                    }
                    let code = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                    char::from_u32(code)
                } else {
                    char::from_u32(high)
                }
                .ok_or_else(|| self.error(JsonErrorKind::Syntax("lone surrogate")))?
            }
            _ => return Err(self.error(JsonErrorKind::Syntax("unknown escape"))),
        });
        Ok(())
    }

    fn hex4(&mut self) -> Result<u32, JsonError> {
        let digits = self
            .text
            .get(self.at..self.at + 4)
            .filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|d| u32::from_str_radix(d, 16).ok())
            .ok_or_else(|| self.error(JsonErrorKind::Syntax("expected four hex digits")))?;
        self.at += 4;
        Ok(digits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(input: &str, expected: Result<&str, &str>) {
        let got = Value::parse(input.as_bytes());
        match expected {
            Ok(json) => assert_eq!(got.map(|v| v.to_json()), Ok(json.to_owned()), "{input}"),
            Err(message) => assert_eq!(
                got.map_err(|e| e.to_string()),
                Err(message.to_owned()),
                "{input}"
            ),
        }
    }

    #[test]
    fn boundary_cases() {
        check(
            r#" {"a" : [1, 2.50, -0, 1e3], "b":null} "#,
            Ok(r#"{"a":[1,2.50,-0,1e3],"b":null}"#),
        );
        check(r#""\u00e9\ud83d\ude00\n""#, Ok("\"é😀\\n\""));
        check(r#"{"a":1,"a":2}"#, Err("key `a` appears twice at byte 7"));
        check(
            r#"{"a":NaN}"#,
            Err("body is not JSON: expected a value at byte 5"),
        );
        check(
            "01",
            Err("body is not JSON: unexpected text after the document at byte 1"),
        );
        check(
            r#""\ud800""#,
            Err("body is not JSON: lone surrogate at byte 7"),
        );
        check("[1,]", Err("body is not JSON: expected a value at byte 3"));
        check("", Err("body is not JSON: unexpected end at byte 0"));
        check(
            "\"a\u{1}\"",
            Err("body is not JSON: control character in a string at byte 2"),
        );
        let deep = "[".repeat(70);
        check(
            &deep,
            Err("nesting depth exceeds the limit of 64 at byte 65"),
        );
        let keys: String = (0..40).map(|i| format!("\"k{i}\":0,")).collect();
        assert!(Value::parse(format!("{{{keys}\"k3\":1}}").as_bytes()).is_err());
        assert_eq!(
            Value::parse(b"\xff").unwrap_err().kind,
            JsonErrorKind::NotUtf8
        );
    }

    #[test]
    fn billionths_are_exact() {
        for (text, nano) in [
            ("1", Some(1_000_000_000)),
            ("-0.5", Some(-500_000_000)),
            ("4500", Some(4_500_000_000_000)),
            ("0.012", Some(12_000_000)),
            ("1e-9", Some(1)),
            ("1.5e2", Some(150_000_000_000)),
            ("9223372037", None),
            ("1e99", None),
            ("abc", None),
            (".", None),
        ] {
            assert_eq!(parse_nano(text), nano, "{text}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_serde_json(text in r#"[\[\]{}",:0-9a-z\\. -]{0,40}"#) {
            let ours = Value::parse(text.as_bytes()).is_ok();
            let theirs = serde_json::from_str::<serde_json::Value>(&text).is_ok();
            // We also refuse duplicate keys; serde_json refuses numbers out of range.
            if ours != theirs {
                let why = Value::parse(text.as_bytes()).err().map(|e| e.kind);
                let out_of_range = serde_json::from_str::<serde_json::Value>(&text)
                    .is_err_and(|e| e.to_string().contains("out of range"));
                prop_assert!(matches!(why, Some(JsonErrorKind::DuplicateKey(_))) || out_of_range, "{}", text);
            }
        }

        #[test]
        fn round_trips(text in "\\PC{0,60}") {
            let value = Value::Array(vec![Value::String(text)]);
            prop_assert_eq!(Value::parse(value.to_json().as_bytes()), Ok(value));
        }
    }
}
