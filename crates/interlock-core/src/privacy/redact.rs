//! Redaction of an action: what an enforcement point puts in place of what must not leave.

use crate::model::Span;
use crate::model::Value;
use crate::text::push_step;

use super::mask::{Strategy, mask_text};

/// What stands for a span in which no kind is recognised any more.
const REDACTED: &str = "[REDACTED]";

/// `value` with the spans replaced by their kind (`[EMAIL]`).
///
/// `root` is the path of `value` in the action (`arguments`); spans are those of
/// [`crate::model::Obligation::Redact`]: a JSON path, and bytes of the text under it. A span that
/// does not fit its text replaces the text as a whole.
#[must_use]
pub fn redact_value(root: &str, value: &Value, spans: &[(String, Span)]) -> Value {
    let mut path = root.to_owned();
    redact(&mut path, value, spans)
}

fn redact(path: &mut String, value: &Value, spans: &[(String, Span)]) -> Value {
    use std::fmt::Write as _;
    let length = path.len();
    match value {
        Value::String(text) => Value::String(redact_text(path, text, spans)),
        Value::Array(items) => Value::Array(
            items
                .iter()
                .enumerate()
                .map(|(i, item)| {
                    let _ = write!(path, "[{i}]");
                    let item = redact(path, item, spans);
                    path.truncate(length);
                    item
                })
                .collect(),
        ),
        Value::Object(object) => Value::Object(
            object
                .iter()
                .enumerate()
                .map(|(index, (name, item))| {
                    push_step(path, name, index);
                    let item = redact(path, item, spans);
                    path.truncate(length);
                    (name.to_owned(), item)
                })
                .collect(),
        ),
        other => other.clone(),
    }
}

fn redact_text(path: &str, text: &str, spans: &[(String, Span)]) -> String {
    let mut own: Vec<(usize, usize)> = spans
        .iter()
        .filter(|(at, _)| at == path)
        .map(|(_, span)| (span.start as usize, span.end as usize))
        .collect();
    if own.is_empty() {
        return text.to_owned();
    }
    own.sort_unstable();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for (start, end) in own {
        if end <= at {
            continue;
        }
        // Spans of several findings may overlap: what is left of the later one.
        let start = start.max(at);
        let (Some(before), Some(found)) = (text.get(at..start), text.get(start..end)) else {
            return REDACTED.to_owned();
        };
        out.push_str(before);
        out.push_str(&replaced(found));
        at = end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

/// The kind in brackets if the whole of it is of one kind.
fn replaced(found: &str) -> String {
    let masked = mask_text(found, Strategy::Full);
    match masked.matches.as_slice() {
        [one] if one.start == 0 && one.end == found.len() => masked.text,
        _ => REDACTED.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start: u32, end: u32) -> Span {
        Span { start, end }
    }

    fn redacted(json: &str, spans: &[(&str, Span)]) -> String {
        let spans: Vec<_> = spans.iter().map(|(p, s)| ((*p).to_owned(), *s)).collect();
        let value = Value::parse(json.as_bytes()).unwrap();
        redact_value("arguments", &value, &spans).to_json()
    }

    #[test]
    fn what_is_named_is_replaced_and_nothing_else() {
        let json = r#"{"to":["ann@example.com","bob@example.com"],"n":1,"text":"ok"}"#;
        assert_eq!(
            redacted(json, &[("arguments.to[1]", span(0, 15))]),
            r#"{"to":["ann@example.com","[EMAIL]"],"n":1,"text":"ok"}"#
        );
        assert_eq!(redacted(json, &[("payload.to[1]", span(0, 15))]), json);
    }

    #[test]
    fn names_that_paths_do_not_hold_are_found_by_their_place() {
        let json = r#"{"a":"x","ann@example.com":{"mail":"bob@example.com"}}"#;
        assert_eq!(
            redacted(json, &[("arguments.{1}.mail", span(0, 15))]),
            r#"{"a":"x","ann@example.com":{"mail":"[EMAIL]"}}"#
        );
        // Nothing is put in the place of a name.
        assert_eq!(redacted(json, &[("arguments.{1}~", span(0, 15))]), json);
    }

    #[test]
    fn overlapping_and_misplaced_spans_leak_nothing() {
        let json = r#"{"t":"äbcdefgh"}"#;
        let path = "arguments.t";
        assert_eq!(
            redacted(json, &[(path, span(3, 6)), (path, span(4, 8))]),
            r#"{"t":"äb[REDACTED][REDACTED]h"}"#
        );
        // In the middle of a character, and behind the end.
        assert_eq!(
            redacted(json, &[(path, span(1, 4))]),
            r#"{"t":"[REDACTED]"}"#
        );
        assert_eq!(
            redacted(json, &[(path, span(4, 40))]),
            r#"{"t":"[REDACTED]"}"#
        );
    }
}
