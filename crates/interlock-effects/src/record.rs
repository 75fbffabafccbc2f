//! What the undo journal says: one record per frame, as JSON.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::files::state::{FileId, Fingerprint, Meta, Times};

/// The version of the format.
pub(crate) const VERSION: u32 = 1;

/// Bytes that are mostly text: a JSON string, or `{"hex": …}` where they are not UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Hex { hex: String },
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => to.serialize_str(text),
            Err(_) => Written::Hex {
                hex: self.0.iter().map(|b| format!("{b:02x}")).collect(),
            }
            .serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match Written::deserialize(from)? {
            Written::Text(text) => Ok(Self(text.into_bytes())),
            Written::Hex { hex } => {
                let digits: Option<Vec<u8>> = hex
                    .chars()
                    .map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok()))
                    .collect();
                let digits = digits.filter(|d| d.len() % 2 == 0);
                let digits = digits.ok_or_else(|| D::Error::custom("bytes that are no hex"))?;
                Ok(Self(
                    digits
                        .chunks(2)
                        .map(|pair| pair[0] << 4 | pair[1])
                        .collect(),
                ))
            }
        }
    }
}

/// An absolute path without a link before its last component.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Name(pub(crate) PathBuf);

impl std::ops::Deref for Name {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl std::borrow::Borrow<Path> for Name {
    fn borrow(&self) -> &Path {
        &self.0
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        Bytes(self.0.as_os_str().as_bytes().to_vec()).serialize(to)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let bytes = Bytes::deserialize(from)?;
        Ok(Self(OsString::from_vec(bytes.0).into()))
    }
}

/// Who did a step, and under which decision.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct About {
    /// The agent.
    pub agent: String,
    /// What it did it with.
    pub tool: String,
    /// The id of the decision under which it ran.
    pub decision: String,
}

/// An effect that this crate does not undo by itself: a custom undo, a compensating request,
/// statements on a connection. What undoes it is an [`Executor`](crate::Executor).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declared {
    /// What kind of executor it needs, such as `call`, `http`, `sqlite`.
    pub kind: String,
    /// What the executor needs to know.
    pub payload: serde_json::Value,
    /// Whether undoing it twice is the same as once. If not, an undo that a crash cut off is not
    /// repeated: a person must look.
    pub idempotent: bool,
}

/// How the content of a file is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kept {
    /// The inode itself, under another name.
    Linked(String),
    /// A copy.
    Copied(String),
    /// Nothing but its size: only ever grows.
    Prefix,
    /// The target of a symbolic link.
    Target(Bytes),
    /// Nothing: a directory, or a file of which only metadata changes.
    Nothing,
}

/// What stood at a path before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Pre {
    Absent,
    Present { meta: Meta, kept: Kept },
}

/// A directory whose times an effect changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Parent {
    pub(crate) path: Name,
    pub(crate) times: Times,
}

/// One change, and how it was before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Effect {
    Entry {
        path: Name,
        pre: Pre,
        parent: Option<Parent>,
    },
    Rename {
        from: Name,
        to: Name,
        moved: FileId,
        victim: Pre,
        parents: Vec<Parent>,
    },
    Declared(Declared),
}

impl Effect {
    /// The paths that it changes.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Name> {
        let (one, two) = match self {
            Self::Entry { path, .. } => (Some(path), None),
            Self::Rename { from, to, .. } => (Some(from), Some(to)),
            Self::Declared(_) => (None, None),
        };
        one.into_iter().chain(two)
    }

    /// The name of its kept content.
    pub(crate) fn blob(&self) -> Option<&str> {
        let pre = match self {
            Self::Entry { pre, .. } => pre,
            Self::Rename { victim, .. } => victim,
            Self::Declared(_) => return None,
        };
        match pre {
            Pre::Present {
                kept: Kept::Linked(name) | Kept::Copied(name),
                ..
            } => Some(name),
            _ => None,
        }
    }

    /// Bytes that are kept for it.
    pub(crate) fn bytes(&self) -> u64 {
        let pre = match self {
            Self::Entry { pre, .. } => pre,
            Self::Rename { victim, .. } => victim,
            Self::Declared(declared) => return declared.payload.to_string().len() as u64,
        };
        match pre {
            Pre::Present {
                meta,
                kept: Kept::Linked(_) | Kept::Copied(_),
            } => meta.size,
            _ => 0,
        }
    }
}

/// A frame of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Record {
    /// The first of a journal; numbers of steps go on at `next`.
    Journal { version: u32, next: u64 },
    /// A step began.
    Begin { step: u64, about: About, at: i64 },
    /// It is about to have this effect.
    Effect { step: u64, effect: Effect },
    /// It has an effect that cannot be undone.
    Irreversible { step: u64, why: String },
    /// It is over, and this is how it left things.
    Seal {
        step: u64,
        posts: Vec<(Name, Fingerprint)>,
    },
    /// Its undo was checked and begins.
    Undoing { step: u64 },
    /// Its undo met an obstacle and stands still until somebody asks for it again.
    Stopped { step: u64 },
    /// The undo of a declared effect that must not run twice begins.
    Executing { step: u64, effect: usize },
    /// One effect is undone; an object may have come back as another inode.
    Undone {
        step: u64,
        effect: usize,
        replaced: Option<(FileId, FileId)>,
    },
    /// The step is undone, or too old to be kept.
    Forget { step: u64 },
}

impl Record {
    /// Whether something happens next that must not happen without it. The others may be lost with
    /// the machine: they come to the disk with the next one that is a promise, a seal only finds
    /// conflicts, and what is undone twice is undone.
    pub(crate) fn is_promise(&self) -> bool {
        match self {
            Self::Begin { .. } | Self::Irreversible { .. } | Self::Seal { .. } => false,
            Self::Undone { replaced, .. } => replaced.is_some(),
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bytes_survive(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let written = serde_json::to_string(&Bytes(bytes.clone())).unwrap();
            prop_assert_eq!(serde_json::from_str::<Bytes>(&written).unwrap().0, bytes);
        }
    }
}
