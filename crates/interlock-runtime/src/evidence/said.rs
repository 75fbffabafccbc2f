//! What an entry says, as far as evidence counts and lists it.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// A text. A member of another kind of entry that has the same name and is none is empty.
#[derive(Debug, Default)]
pub(super) struct Text<'a>(Cow<'a, str>);

/// A number, 0 where the member is none.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Number(pub(super) u64);

impl Text<'_> {
    pub(super) fn into_owned(self) -> String {
        self.0.into_owned()
    }
}

impl Deref for Text<'_> {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Takes a text or a number, and passes by all else.
struct Either;

enum Found<'a> {
    Text(Cow<'a, str>),
    Number(u64),
    Other,
}

impl<'de> Visitor<'de> for Either {
    type Value = Found<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Found::Text(Cow::Borrowed(text)))
    }
    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Found::Text(Cow::Owned(text.to_owned())))
    }
    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Found::Number(number))
    }
    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Found::Other)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Found::Other)
    }
    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Found::Other)
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Found::Other)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Found::Other)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Found::Other)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(match from.deserialize_any(Either)? {
            Found::Text(text) => Self(text),
            Found::Number(_) | Found::Other => Self::default(),
        })
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(match from.deserialize_any(Either)? {
            Found::Number(number) => Self(number),
            Found::Text(_) | Found::Other => Self::default(),
        })
    }
}

/// The members of a body that are read; a text that is not there is empty.
#[derive(Debug, Deserialize)]
pub(super) struct Said<'a> {
    #[serde(borrow, default)]
    pub(super) ts: Text<'a>,
    #[serde(borrow, default)]
    pub(super) kind: Text<'a>,
    #[serde(borrow, default)]
    pub(super) id: Text<'a>,
    #[serde(borrow, default)]
    pub(super) agent: Text<'a>,
    #[serde(borrow, default)]
    pub(super) run: Text<'a>,
    #[serde(borrow, default)]
    pub(super) effect: Text<'a>,
    #[serde(borrow, default)]
    pub(super) decided: Text<'a>,
    #[serde(borrow, default)]
    pub(super) status: Text<'a>,
    #[serde(borrow, default)]
    pub(super) what: Text<'a>,
    #[serde(borrow, default)]
    pub(super) state: Text<'a>,
    #[serde(borrow, default)]
    pub(super) verdict: Text<'a>,
    #[serde(borrow, default)]
    pub(super) via: Text<'a>,
    #[serde(borrow, default)]
    pub(super) approver: Text<'a>,
    #[serde(borrow, default)]
    pub(super) actor: Text<'a>,
    #[serde(borrow, default)]
    pub(super) approval: Text<'a>,
    #[serde(borrow, default)]
    pub(super) assurance: Text<'a>,
    #[serde(borrow, default)]
    pub(super) key: Text<'a>,
    #[serde(borrow, default)]
    pub(super) program: Text<'a>,
    #[serde(borrow, default)]
    pub(super) edited_hash: Text<'a>,
    #[serde(borrow, default)]
    pub(super) edited_resource: Text<'a>,
    #[serde(borrow, default)]
    pub(super) subject: Text<'a>,
    #[serde(borrow, default)]
    pub(super) subject_hash: Text<'a>,
    #[serde(borrow, default)]
    pub(super) basis: Text<'a>,
    #[serde(borrow, default)]
    pub(super) durability: Text<'a>,
    #[serde(borrow, default)]
    pub(super) version: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) reason: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) findings: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) rules: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) reported: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) content: Option<&'a RawValue>,
    #[serde(default)]
    pub(super) risk: Number,
    #[serde(default)]
    pub(super) policy_rev: Number,
    #[serde(default)]
    pub(super) epoch: Number,
    #[serde(default)]
    pub(super) bytes: Number,
    #[serde(default)]
    pub(super) records: Number,
    #[serde(default)]
    pub(super) keys: Number,
}

impl<'a> Said<'a> {
    /// Reads a body; `None` when it is not one that this version writes.
    pub(super) fn read(body: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    /// The member of that name as a text, with `*` for a list or an object that is not empty; `None` if
    /// queries know no such member.
    pub(super) fn member(name: &str) -> Option<for<'x, 'y> fn(&'x Said<'y>) -> &'x str> {
        fn raw(value: Option<&RawValue>) -> &str {
            match value.map(RawValue::get) {
                None | Some("[]" | "{}" | "null" | "\"\"") => "",
                Some(_) => "*",
            }
        }
        Some(match name {
            "kind" => |s| &s.kind,
            "effect" => |s| &s.effect,
            "decided" => |s| &s.decided,
            "status" => |s| &s.status,
            "what" => |s| &s.what,
            "state" => |s| &s.state,
            "verdict" => |s| &s.verdict,
            "via" => |s| &s.via,
            "approver" => |s| &s.approver,
            "actor" => |s| &s.actor,
            "agent" => |s| &s.agent,
            "run" => |s| &s.run,
            "approval" => |s| &s.approval,
            "assurance" => |s| &s.assurance,
            "key" => |s| &s.key,
            "edited_hash" => |s| &s.edited_hash,
            "basis" => |s| &s.basis,
            "findings" => |s| raw(s.findings),
            "rules" => |s| raw(s.rules),
            "reported" => |s| raw(s.reported),
            "content" => |s| raw(s.content),
            _ => return None,
        })
    }
}

/// The time in the head of a body, without reading the rest.
pub(super) fn time(body: &[u8]) -> Option<&str> {
    let rest = body.strip_prefix(b"{\"v\":1,\"ts\":\"")?;
    let end = rest.iter().take(41).position(|b| *b == b'"')?;
    core::str::from_utf8(rest.get(..end)?).ok()
}
