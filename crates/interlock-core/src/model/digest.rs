//! The digest that binds a grant, a retry or a proof to exactly one action.
//!
//! SHA-256 over a domain-separated, versioned stream of typed, length-prefixed tokens, so that no
//! two different actions share a stream. The stream, version 1:
//!
//! ```text
//! "interlock/action-digest/1" 0x00
//! then for tenant, agent, run, tool, action type, resource: S token;  step: I token or N
//! then the arguments, then the payload, as one value each
//! N                              null, or absent
//! T / F                          booleans
//! D  u32le(len) bytes            number lexeme as written
//! S  u32le(len) bytes            string, UTF-8
//! I  i64le                       integer
//! A  u32le(count) values…        array
//! O  u32le(count) (S value)…     object, keys in ascending byte order
//! ```

use sha2::{Digest, Sha256};

use crate::model::action::Action;
use crate::model::value::Value;

/// The SHA-256 digest of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ActionDigest(pub [u8; 32]);

impl ActionDigest {
    /// The digest of `action` as asked by an agent of `tenant`.
    #[must_use]
    pub fn of(tenant: &str, action: &Action) -> Self {
        let mut builder = DigestBuilder::new();
        for text in [
            tenant,
            &action.agent_id,
            &action.run_id,
            &action.tool,
            action.action_type.name(),
            &action.resource,
        ] {
            builder.string(text);
        }
        match action.step {
            Some(step) => builder.integer(step),
            None => builder.null(),
        }
        builder.value(&action.arguments);
        builder.value(&action.payload);
        builder.finish()
    }

    /// Lower-case hex.
    #[must_use]
    pub fn to_hex(&self) -> String {
        use std::fmt::Write as _;
        self.0.iter().fold(String::with_capacity(64), |mut out, b| {
            let _ = write!(out, "{b:02x}");
            out
        })
    }

    /// The first eight bytes, as a key for state that need not resist collisions by design.
    #[must_use]
    pub fn short(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }
}

/// Collects the tokens of a digest.
#[derive(Debug)]
pub struct DigestBuilder {
    buffer: Vec<u8>,
}

impl Default for DigestBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl DigestBuilder {
    /// A stream that holds only the domain.
    #[must_use]
    pub fn new() -> Self {
        let mut buffer = Vec::with_capacity(1024);
        buffer.extend_from_slice(b"interlock/action-digest/1\0");
        Self { buffer }
    }

    fn length(&mut self, n: usize) {
        // Limits keep every length far below 2^32.
        let n = u32::try_from(n).unwrap_or(u32::MAX);
        self.buffer.extend_from_slice(&n.to_le_bytes());
    }

    fn bytes(&mut self, tag: u8, bytes: &[u8]) {
        self.buffer.push(tag);
        self.length(bytes.len());
        self.buffer.extend_from_slice(bytes);
    }

    /// Adds an absent value.
    pub fn null(&mut self) {
        self.buffer.push(b'N');
    }

    /// Adds a string.
    pub fn string(&mut self, text: &str) {
        self.bytes(b'S', text.as_bytes());
    }

    /// Adds an integer.
    pub fn integer(&mut self, n: i64) {
        self.buffer.push(b'I');
        self.buffer.extend_from_slice(&n.to_le_bytes());
    }

    /// Adds a JSON value.
    pub fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.null(),
            Value::Bool(true) => self.buffer.push(b'T'),
            Value::Bool(false) => self.buffer.push(b'F'),
            Value::Number(n) => self.bytes(b'D', n.lexeme().as_bytes()),
            Value::String(s) => self.string(s),
            Value::Array(items) => {
                self.buffer.push(b'A');
                self.length(items.len());
                for item in items {
                    self.value(item);
                }
            }
            Value::Object(object) => {
                self.buffer.push(b'O');
                self.length(object.len());
                let mut fields: Vec<(&str, &Value)> = object.iter().collect();
                fields.sort_unstable_by_key(|(key, _)| *key);
                for (key, value) in fields {
                    self.string(key);
                    self.value(value);
                }
            }
        }
    }

    /// The digest of everything added.
    #[must_use]
    pub fn finish(self) -> ActionDigest {
        ActionDigest(Sha256::digest(&self.buffer).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ActionType;

    fn digest(arguments: &str) -> String {
        let mut action = Action::new("billing-bot", ActionType::Payment);
        action.tool = "refund".into();
        action.arguments = Value::parse(arguments.as_bytes()).unwrap();
        ActionDigest::of("default", &action).to_hex()
    }

    #[test]
    fn what_a_tool_could_read_differently_differs() {
        let base = digest(r#"{"amount":450,"to":"x"}"#);
        assert_eq!(
            base,
            digest(r#"{"to":"x","amount":450}"#),
            "key order does not matter"
        );
        for other in [
            r#"{"amount":450.0,"to":"x"}"#,
            r#"{"amount":"450","to":"x"}"#,
            r#"{"amount":4500,"to":"x"}"#,
            r#"{"amount":450,"to":"x","cc":null}"#,
            r#"{"amount":450,"to":["x"]}"#,
            r#"{"amount":450,"tox":""}"#,
        ] {
            assert_ne!(base, digest(other), "{other}");
        }
    }

    /// Fixed for every language that implements the digest.
    #[test]
    fn committed_vectors_hold() {
        for line in include_str!("../../tests/vectors/action_digest.txt").lines() {
            if let Some((hex, arguments)) = line.split_once(' ') {
                assert_eq!(hex, digest(arguments), "{arguments}");
            }
        }
    }
}
