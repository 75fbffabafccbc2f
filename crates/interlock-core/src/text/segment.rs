//! Flattening an action into text segments.

use std::borrow::Cow;

use super::key;
use crate::model::limits::{
    JSON_DEPTH_MAX, PATH_BYTES_MAX, PATH_CUT, PATH_KEY, SCAN_BYTES_MAX, SEGMENTS_MAX,
};
use crate::model::{Action, Object, Value};

/// Where a text comes from; decides how far it is trusted and which detectors read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// The resource's name.
    Resource,
    /// An argument of the tool.
    Argument,
    /// The published `payload`.
    Payload,
    /// Prompt, plan and other explanations given by the agent.
    Context,
    /// The result of an action: tool output, a fetched page, a mail; untrusted.
    Result,
    /// Unknown fields.
    Metadata,
}

/// One text with the JSON path under which it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Where it comes from.
    pub channel: Channel,
    /// The JSON path from the action, such as `arguments.to[0]`; where it is too long, its beginning
    /// and [`PATH_CUT`]. That of a name is the path of what stands under it and [`PATH_KEY`]. A name
    /// that could be personal data or a secret is written as its place, `arguments.{0}`.
    pub path: String,
    /// The name of the innermost object key, empty within none; of a name, that of the object.
    pub key: &'a str,
    /// The text.
    pub text: Cow<'a, str>,
    /// What stands under it, where the text is the name of a field.
    pub named: Option<&'a Value>,
}

/// The texts of an action in a fixed order, and whether a limit was reached: [`SCAN_BYTES_MAX`],
/// [`SEGMENTS_MAX`] or [`JSON_DEPTH_MAX`] left some out, or [`PATH_BYTES_MAX`] cut a path off.
#[must_use]
pub fn flatten(action: &Action) -> (Vec<Segment<'_>>, bool) {
    let mut flat = Flattener {
        segments: Vec::with_capacity(16),
        bytes: 0,
        truncated: false,
        path: String::with_capacity(64),
        depth: 0,
    };
    flat.text(Channel::Resource, "resource", "resource", &action.resource);
    flat.root(Channel::Argument, "arguments", &action.arguments);
    flat.root(Channel::Payload, "payload", &action.payload);
    flat.fields(Channel::Context, "context", &action.context);
    flat.fields(Channel::Metadata, "metadata", &action.metadata);
    (flat.segments, flat.truncated)
}

/// Bytes of an index in brackets.
const INDEX_BYTES_MAX: usize = 10;

struct Flattener<'a> {
    segments: Vec<Segment<'a>>,
    bytes: usize,
    truncated: bool,
    path: String,
    depth: usize,
}

impl<'a> Flattener<'a> {
    fn root(&mut self, channel: Channel, name: &'a str, value: &'a Value) {
        self.path.clear();
        self.path.push_str(name);
        self.value(channel, name, value);
    }

    fn fields(&mut self, channel: Channel, root: &'a str, object: &'a Object) {
        self.path.clear();
        self.path.push_str(root);
        self.object(channel, root, object);
    }

    /// The texts of `object`, which stands under `key`; names that are not plain are texts too.
    fn object(&mut self, channel: Channel, key: &'a str, object: &'a Object) {
        let length = self.path.len();
        for (index, (name, item)) in object.iter().enumerate() {
            let plain = key::plain(name);
            if self.has_room(1 + name.len().max(INDEX_BYTES_MAX)) {
                if plain {
                    self.path.push('.');
                    self.path.push_str(name);
                } else {
                    key::push_step(&mut self.path, name, index);
                }
            }
            if !plain {
                self.name(channel, key, name, item);
            }
            self.value(channel, name, item);
            self.path.truncate(length);
        }
    }

    /// The name of a field as a text of its own.
    fn name(&mut self, channel: Channel, key: &'a str, name: &'a str, item: &'a Value) {
        let before = self.segments.len();
        let path = format!("{}{PATH_KEY}", self.path);
        self.text(channel, &path, key, name);
        if let Some(segment) = self.segments.get_mut(before) {
            segment.named = Some(item);
        }
    }

    /// Whether `bytes` more fit into the path. A path that was cut off stays as it is.
    fn has_room(&mut self, bytes: usize) -> bool {
        if self.path.ends_with(PATH_CUT) {
            return false;
        }
        let fits = self.path.len() + bytes <= PATH_BYTES_MAX;
        if !fits {
            self.truncated = true;
            self.path.push(PATH_CUT);
        }
        fits
    }

    fn text(&mut self, channel: Channel, path: &str, key: &'a str, text: &'a str) {
        if text.is_empty() {
            return;
        }
        let room = SCAN_BYTES_MAX.saturating_sub(self.bytes);
        let kept = if text.len() > room {
            self.truncated = true;
            let mut end = room;
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            text.get(..end).unwrap_or_default()
        } else {
            text
        };
        if kept.is_empty() {
            return;
        }
        if self.segments.len() >= SEGMENTS_MAX {
            self.truncated = true;
            return;
        }
        self.bytes += kept.len();
        self.segments.push(Segment {
            channel,
            path: path.to_owned(),
            key,
            text: Cow::Borrowed(kept),
            named: None,
        });
    }

    fn value(&mut self, channel: Channel, key: &'a str, value: &'a Value) {
        if self.depth > JSON_DEPTH_MAX {
            self.truncated = true;
            return;
        }
        self.depth += 1;
        let length = self.path.len();
        match value {
            Value::String(text) => {
                let path = std::mem::take(&mut self.path);
                self.text(channel, &path, key, text);
                self.path = path;
            }
            Value::Array(items) => {
                for (i, item) in items.iter().enumerate() {
                    use std::fmt::Write as _;
                    if self.has_room(INDEX_BYTES_MAX) {
                        let _ = write!(self.path, "[{i}]");
                    }
                    self.value(channel, key, item);
                    self.path.truncate(length);
                }
            }
            Value::Object(object) => self.object(channel, key, object),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
        self.depth -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ActionType;

    fn with(arguments: Value) -> Action {
        let mut action = Action::new("a", ActionType::ApiCall);
        action.arguments = arguments;
        action
    }

    fn object(key: &str, value: Value) -> Value {
        let mut object = Object::new();
        object.insert(key.to_owned(), value);
        Value::Object(object)
    }

    #[test]
    fn a_long_key_around_many_texts_does_not_multiply() {
        let texts = Value::Array(vec![Value::String("x".to_owned()); 1_000]);
        let action = with(object(&"k".repeat(100_000), object("inner", texts)));
        let (segments, truncated) = flatten(&action);
        assert!(truncated);
        // The long key is itself a text.
        let (names, texts): (Vec<_>, Vec<_>) = segments.iter().partition(|s| s.named.is_some());
        assert_eq!((names.len(), texts.len()), (1, 1_000));
        assert!(texts.iter().all(|s| s.path.ends_with(PATH_CUT)));
        assert!(segments.iter().all(|s| s.path.len() <= PATH_BYTES_MAX + 4));
        assert_eq!(texts.first().map(|s| s.key), Some("inner"));
    }

    #[test]
    fn a_long_path_shows_its_beginning() {
        let mut value = Value::String("x".to_owned());
        for _ in 0..20 {
            value = object(&"k".repeat(60), Value::Array(vec![value]));
        }
        let action = with(value);
        let (segments, truncated) = flatten(&action);
        let path = segments.first().map_or("", |s| s.path.as_str());
        assert!(truncated && path.starts_with("arguments.kkk"));
        assert!((PATH_BYTES_MAX - 64..=PATH_BYTES_MAX + 3).contains(&path.len()));
    }

    #[test]
    fn names_are_texts_unless_they_are_plain() {
        let action = with(object("user_id", object("a b", object("$ne", Value::Null))));
        let (segments, truncated) = flatten(&action);
        let found: Vec<_> = segments
            .iter()
            .map(|s| (s.path.as_str(), s.key, s.text.as_ref(), s.named.is_some()))
            .collect();
        assert!(!truncated);
        assert_eq!(
            found,
            [
                ("arguments.user_id.a b~", "user_id", "a b", true),
                ("arguments.user_id.a b.$ne~", "a b", "$ne", true),
            ]
        );
    }

    #[test]
    fn depth_and_number_of_texts_are_bounded() {
        let mut value = Value::String("x".to_owned());
        for _ in 0..JSON_DEPTH_MAX + 2 {
            value = Value::Array(vec![value]);
        }
        let action = with(value);
        let (segments, truncated) = flatten(&action);
        assert!(truncated && segments.is_empty());
        let texts = vec![Value::String("x".to_owned()); SEGMENTS_MAX + 1];
        let action = with(Value::Array(texts));
        let (segments, truncated) = flatten(&action);
        assert!(truncated);
        assert_eq!(segments.len(), SEGMENTS_MAX);
    }
}
