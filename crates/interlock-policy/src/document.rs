//! YAML as a tree that knows where each value stands, so that one reading reports every mistake.

use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use crate::diagnostic::{Reports, nearest};
use interlock_core::model::{Object, Value};

/// Bytes of one policy file.
pub const FILE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Nesting of one policy file.
const DEPTH_MAX: usize = 48;

/// A value and where it stands, in bytes of the file.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) span: Range<usize>,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    /// The lexeme.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Range<usize>,
    pub(crate) value: Node,
}

impl Kind {
    fn name(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

enum Raw {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RawVisitor;
        impl<'de> Visitor<'de> for RawVisitor {
            type Value = Raw;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }
            fn visit_unit<E>(self) -> Result<Raw, E> {
                Ok(Raw::Null)
            }
            fn visit_none<E>(self) -> Result<Raw, E> {
                Ok(Raw::Null)
            }
            fn visit_some<D: Deserializer<'de>>(self, d: D) -> Result<Raw, D::Error> {
                Raw::deserialize(d)
            }
            fn visit_bool<E>(self, v: bool) -> Result<Raw, E> {
                Ok(Raw::Bool(v))
            }
            fn visit_i64<E>(self, v: i64) -> Result<Raw, E> {
                Ok(Raw::Number(v.to_string()))
            }
            fn visit_u64<E>(self, v: u64) -> Result<Raw, E> {
                Ok(Raw::Number(v.to_string()))
            }
            fn visit_i128<E>(self, v: i128) -> Result<Raw, E> {
                Ok(Raw::Number(v.to_string()))
            }
            fn visit_u128<E>(self, v: u128) -> Result<Raw, E> {
                Ok(Raw::Number(v.to_string()))
            }
            fn visit_f64<E>(self, v: f64) -> Result<Raw, E> {
                Ok(Raw::Number(v.to_string()))
            }
            fn visit_str<E>(self, v: &str) -> Result<Raw, E> {
                Ok(Raw::Text(v.to_owned()))
            }
            fn visit_string<E>(self, v: String) -> Result<Raw, E> {
                Ok(Raw::Text(v))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Raw::List(items))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Raw::Map(entries))
            }
        }
        deserializer.deserialize_any(RawVisitor)
    }
}

/// Parses a file; `None` when it is not YAML, which is then reported.
pub(crate) fn parse(reports: &mut Reports<'_>) -> Option<Node> {
    let text = reports.source.text;
    if text.len() > FILE_BYTES_MAX {
        reports.error(
            "policy.too-large",
            0..0,
            format!(
                "the file has {} bytes, the limit is {FILE_BYTES_MAX}",
                text.len()
            ),
        );
        return None;
    }
    let options = serde_saphyr::options! {
        strict_booleans: true,
        with_snippet: false,
        budget: serde_saphyr::budget! {
            max_depth: DEPTH_MAX,
        },
    };
    match serde_saphyr::from_str_with_options::<Spanned<Raw>>(text, options) {
        Ok(raw) => Some(build(raw, text)),
        Err(error) => {
            let at = error
                .location()
                .map_or(0, |location| offset_of(location, text));
            reports.error("policy.syntax", at..at + 1, tidy(&error.to_string()));
            None
        }
    }
}

/// The library's sentence without its own position and in our manner.
fn tidy(message: &str) -> String {
    let first = message.lines().next().unwrap_or_default();
    let first = first
        .split(" at line ")
        .next()
        .unwrap_or_default()
        .trim_start_matches("error: ");
    let first = match first.split_once(": ") {
        Some((place, rest)) if place.starts_with("line ") => rest,
        _ => first,
    };
    // The advice is for the library's callers, not for authors of policies.
    let first = first.split(", set ").next().unwrap_or_default();
    let mut chars = first.trim_end_matches('.').chars();
    let first = match chars.next() {
        Some(c) => c.to_lowercase().chain(chars).collect(),
        None => String::new(),
    };
    format!("not valid YAML: {first}")
}

fn offset_of(location: serde_saphyr::Location, text: &str) -> usize {
    if let Some(at) = location.span().byte_offset() {
        return usize::try_from(at).unwrap_or(0).min(text.len());
    }
    let line = usize::try_from(location.line()).unwrap_or(0);
    let column = usize::try_from(location.column()).unwrap_or(0);
    let start = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum::<usize>();
    text.get(start..)
        .unwrap_or_default()
        .char_indices()
        .nth(column.saturating_sub(1))
        .map_or(start, |(at, _)| start + at)
}

fn range(location: serde_saphyr::Location, text: &str) -> Range<usize> {
    let start = offset_of(location, text);
    let length = location
        .span()
        .byte_len()
        .and_then(|n| usize::try_from(n).ok())
        .unwrap_or(0);
    start..(start + length).min(text.len())
}

fn build(raw: Spanned<Raw>, text: &str) -> Node {
    let defined = range(raw.defined, text);
    let span = range(raw.referenced, text);
    let kind = match raw.value {
        Raw::Null => Kind::Null,
        Raw::Bool(b) => Kind::Bool(b),
        Raw::Number(read) => {
            // The lexeme as written, when it is one that JSON has too: 10.50 stays 10.50.
            let written = text.get(defined).unwrap_or_default().trim();
            let kept = match Value::parse(written.as_bytes()) {
                Ok(Value::Number(_)) => written.to_owned(),
                _ => read,
            };
            Kind::Number(kept)
        }
        Raw::Text(t) => Kind::Text(t),
        Raw::List(items) => Kind::List(items.into_iter().map(|i| build(i, text)).collect()),
        Raw::Map(entries) => Kind::Map(
            entries
                .into_iter()
                .map(|(key, value)| Entry {
                    key_span: range(key.referenced, text),
                    key: key.value,
                    value: build(value, text),
                })
                .collect(),
        ),
    };
    Node { kind, span }
}

impl Node {
    pub(crate) fn wrong(&self, reports: &mut Reports<'_>, what: &str, wanted: &str) {
        reports.error(
            "policy.wrong-type",
            self.first_line(reports),
            format!("{what} must be {wanted}, not {}", self.kind.name()),
        );
    }

    /// The span, cut at the end of its first line.
    pub(crate) fn first_line(&self, reports: &Reports<'_>) -> Range<usize> {
        let text = reports
            .source
            .text
            .get(self.span.clone())
            .unwrap_or_default();
        let length = text.split('\n').next().unwrap_or_default().trim_end().len();
        self.span.start..self.span.start + length
    }

    pub(crate) fn text(&self, reports: &mut Reports<'_>, what: &str) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => {
                self.wrong(reports, what, "a text");
                None
            }
        }
    }

    pub(crate) fn boolean(&self, reports: &mut Reports<'_>, what: &str) -> Option<bool> {
        match &self.kind {
            Kind::Bool(b) => Some(*b),
            _ => {
                self.wrong(reports, what, "true or false");
                None
            }
        }
    }

    /// A whole number within `bounds`.
    pub(crate) fn integer(
        &self,
        reports: &mut Reports<'_>,
        what: &str,
        bounds: std::ops::RangeInclusive<i64>,
    ) -> Option<i64> {
        let number = match &self.kind {
            Kind::Number(lexeme) => lexeme.parse::<i64>().ok(),
            _ => None,
        };
        match number {
            Some(n) if bounds.contains(&n) => Some(n),
            _ => {
                reports.error(
                    "policy.wrong-value",
                    self.first_line(reports),
                    format!(
                        "{what} must be a whole number from {} to {}",
                        bounds.start(),
                        bounds.end()
                    ),
                );
                None
            }
        }
    }

    /// A list of texts; a single text is a list of one.
    pub(crate) fn texts<'n>(
        &'n self,
        reports: &mut Reports<'_>,
        what: &str,
    ) -> Vec<(&'n str, Range<usize>)> {
        match &self.kind {
            Kind::Text(text) => vec![(text.as_str(), self.span.clone())],
            Kind::List(items) => items
                .iter()
                .filter_map(|item| Some((item.text(reports, what)?, item.span.clone())))
                .collect(),
            _ => {
                self.wrong(reports, what, "a text or a list of texts");
                Vec::new()
            }
        }
    }

    pub(crate) fn list(&self, reports: &mut Reports<'_>, what: &str) -> &[Self] {
        match &self.kind {
            Kind::List(items) => items,
            Kind::Null => &[],
            _ => {
                self.wrong(reports, what, "a list");
                &[]
            }
        }
    }

    pub(crate) fn entries(&self, reports: &mut Reports<'_>, what: &str) -> &[Entry] {
        match &self.kind {
            Kind::Map(entries) => entries,
            Kind::Null => &[],
            _ => {
                self.wrong(reports, what, "a mapping");
                &[]
            }
        }
    }

    /// The fields of a mapping, of which only `known` ones may be there.
    pub(crate) fn fields<'n>(
        &'n self,
        reports: &mut Reports<'_>,
        what: &str,
        known: &'static [&'static str],
    ) -> Fields<'n> {
        let entries = self.entries(reports, what);
        for entry in entries {
            if !known.contains(&entry.key.as_str()) {
                let help = nearest(&entry.key, known.iter().copied()).map_or_else(
                    || format!("known fields: `{}`", known.join("`, `")),
                    |near| format!("did you mean `{near}`?"),
                );
                reports.error_help(
                    "policy.unknown-field",
                    entry.key_span.clone(),
                    format!("unknown field `{}` in {what}", entry.key),
                    Some(help),
                );
            }
        }
        Fields { entries }
    }

    /// The value as JSON, for actions of tests and lists of allowed values.
    pub(crate) fn to_value(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(b) => Value::Bool(*b),
            Kind::Number(lexeme) => {
                Value::parse(lexeme.as_bytes()).unwrap_or_else(|_| Value::from(lexeme.as_str()))
            }
            Kind::Text(text) => Value::from(text.as_str()),
            Kind::List(items) => Value::Array(items.iter().map(Self::to_value).collect()),
            Kind::Map(entries) => Value::Object(
                entries
                    .iter()
                    .map(|e| (e.key.clone(), e.value.to_value()))
                    .collect::<Object>(),
            ),
        }
    }
}

/// The fields of one mapping.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'n> {
    entries: &'n [Entry],
}

impl<'n> Fields<'n> {
    pub(crate) fn get(&self, key: &str) -> Option<&'n Node> {
        self.entry(key).map(|e| &e.value)
    }

    pub(crate) fn entry(&self, key: &str) -> Option<&'n Entry> {
        self.entries.iter().find(|e| e.key == key)
    }
}

/// Maps bytes of a decoded scalar back to bytes of the file, whatever the scalar's style.
///
/// Folding, indentation and line breaks only change white space, so the characters that are not
/// white space stand in the file in the same order; escapes of double and single quotes are
/// followed.
#[derive(Debug)]
pub(crate) struct ScalarMap {
    /// For each byte of the decoded text, the byte of the file; one more for the end.
    offsets: Vec<usize>,
}

impl ScalarMap {
    pub(crate) fn new(node: &Node, decoded: &str, file: &str) -> Self {
        let start = node.span.start;
        let raw = file.get(start..).unwrap_or_default();
        let style = raw.chars().next().unwrap_or(' ');
        let mut at = match style {
            '"' | '\'' => 1,
            // The header of a block scalar ends with its line.
            '|' | '>' => raw.find('\n').map_or(raw.len(), |n| n + 1),
            _ => 0,
        };
        let mut offsets = Vec::with_capacity(decoded.len() + 1);
        for c in decoded.chars() {
            if !c.is_whitespace() {
                at += skip(raw.get(at..).unwrap_or_default(), style, c);
            }
            offsets.extend(std::iter::repeat_n(start + at, c.len_utf8()));
            if !c.is_whitespace() {
                at += consumed(raw.get(at..).unwrap_or_default(), style);
            }
        }
        offsets.push(start + at);
        Self { offsets }
    }

    pub(crate) fn offset(&self, decoded: usize) -> usize {
        self.offsets
            .get(decoded)
            .or(self.offsets.last())
            .copied()
            .unwrap_or(0)
    }

    pub(crate) fn range(&self, decoded: Range<usize>) -> Range<usize> {
        let start = self.offset(decoded.start);
        // The end of the last character, not the start of what follows it after white space.
        let end = if decoded.end > decoded.start {
            self.offset(decoded.end - 1) + 1
        } else {
            start
        };
        start..end.max(start + 1)
    }
}

/// White space in the file, escaped or not, before the next character that is none.
fn skip(raw: &str, style: char, wanted: char) -> usize {
    let mut at = 0;
    loop {
        let rest = raw.get(at..).unwrap_or_default();
        let Some(c) = rest.chars().next() else {
            return at;
        };
        if c.is_whitespace() {
            at += c.len_utf8();
        } else if style == '"' && c == '\\' && wanted != '\\' && is_space_escape(rest) {
            at += 2;
        } else {
            return at;
        }
    }
}

fn is_space_escape(rest: &str) -> bool {
    matches!(
        rest.as_bytes().get(1),
        Some(b'n' | b't' | b'r' | b' ' | b'\n' | b'\t')
    )
}

/// How many bytes the character at the start takes in the file.
fn consumed(raw: &str, style: char) -> usize {
    match (style, raw.as_bytes()) {
        ('\'', [b'\'', b'\'', ..]) => 2,
        ('"', [b'\\', kind, ..]) => match kind {
            b'x' => 4,
            b'u' => 6,
            b'U' => 10,
            _ => 2,
        },
        _ => raw.chars().next().map_or(0, char::len_utf8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::SourceText;

    fn tree(text: &str) -> Result<Node, String> {
        let source = SourceText::new("t.yaml", text);
        let mut reports = Reports::new(&source);
        parse(&mut reports).ok_or_else(|| {
            reports
                .found
                .first()
                .map(ToString::to_string)
                .unwrap_or_default()
        })
    }

    /// Where the word `needle` of the decoded scalar under `k` stands in the file.
    fn mapped(text: &str, needle: &str) -> String {
        let node = tree(text).unwrap();
        let Kind::Map(entries) = &node.kind else {
            panic!("not a mapping")
        };
        let value = &entries[0].value;
        let Kind::Text(decoded) = &value.kind else {
            panic!("not a text: {value:?}")
        };
        let at = decoded.find(needle).unwrap();
        let map = ScalarMap::new(value, decoded, text);
        text[map.range(at..at + needle.len())].to_owned()
    }

    #[test]
    fn every_style_maps_back() {
        for text in [
            "k: a && needle == 1\n",
            "k:   'it''s needle'\n",
            "k: \"say \\\"x\\\" \\n needle\"\n",
            "k: |\n  a &&\n    needle\n",
            "k: >-\n  a &&\n  needle && b\n",
            "k: a &&\n  needle\n",
            "k: \"a &&\n   needle\"\n",
        ] {
            assert_eq!(mapped(text, "needle"), "needle", "{text}");
        }
    }

    #[test]
    fn numbers_keep_their_lexeme() {
        let node = tree("a: 10.50\nb: 100000000000000000000\nc: 7\n").unwrap();
        assert_eq!(
            node.to_value().to_json(),
            r#"{"a":10.50,"b":100000000000000000000,"c":7}"#
        );
    }

    #[test]
    fn mistakes_in_yaml_have_a_place() {
        for (text, place) in [
            ("a: [1, 2\nb: 3\n", "t.yaml:2:"),
            ("a: 1\na: 2\n", "t.yaml:2:1"),
            ("a: \"x\n", "t.yaml:"),
        ] {
            let shown = tree(text).unwrap_err();
            assert!(shown.contains(place), "{text:?}: {shown}");
        }
        let deep = format!("{}1{}", "[".repeat(500), "]".repeat(500));
        assert!(tree(&deep).is_err());
    }
}
