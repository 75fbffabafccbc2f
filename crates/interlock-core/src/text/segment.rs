//! Flattening an action into text segments.

use std::borrow::Cow;

use crate::model::limits::SCAN_BYTES_MAX;
use crate::model::{Action, Value};

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
    /// The JSON path from the action, such as `arguments.to[0]`.
    pub path: String,
    /// The name of the innermost object key, empty within none.
    pub key: &'a str,
    /// The text.
    pub text: Cow<'a, str>,
}

/// The texts of an action in a fixed order, and whether [`SCAN_BYTES_MAX`] cut some off.
#[must_use]
pub fn flatten(action: &Action) -> (Vec<Segment<'_>>, bool) {
    let mut flat = Flattener {
        segments: Vec::with_capacity(16),
        bytes: 0,
        truncated: false,
        path: String::with_capacity(64),
    };
    flat.text(Channel::Resource, "resource", "resource", &action.resource);
    flat.root(Channel::Argument, "arguments", &action.arguments);
    flat.root(Channel::Payload, "payload", &action.payload);
    for (key, value) in action.context.iter() {
        flat.field(Channel::Context, "context", key, value);
    }
    for (key, value) in action.metadata.iter() {
        flat.field(Channel::Metadata, "metadata", key, value);
    }
    (flat.segments, flat.truncated)
}

struct Flattener<'a> {
    segments: Vec<Segment<'a>>,
    bytes: usize,
    truncated: bool,
    path: String,
}

impl<'a> Flattener<'a> {
    fn root(&mut self, channel: Channel, name: &'a str, value: &'a Value) {
        self.path.clear();
        self.path.push_str(name);
        self.value(channel, name, value);
    }

    fn field(&mut self, channel: Channel, root: &str, key: &'a str, value: &'a Value) {
        self.path.clear();
        self.path.push_str(root);
        self.path.push('.');
        self.path.push_str(key);
        self.value(channel, key, value);
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
        self.bytes += kept.len();
        self.segments.push(Segment {
            channel,
            path: path.to_owned(),
            key,
            text: Cow::Borrowed(kept),
        });
    }

    fn value(&mut self, channel: Channel, key: &'a str, value: &'a Value) {
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
                    let _ = write!(self.path, "[{i}]");
                    self.value(channel, key, item);
                    self.path.truncate(length);
                }
            }
            Value::Object(object) => {
                for (name, item) in object.iter() {
                    self.path.push('.');
                    self.path.push_str(name);
                    self.value(channel, name, item);
                    self.path.truncate(length);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}
