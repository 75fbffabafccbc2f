//! What is kept of an action beside its entry in the journal.

use super::{COMMITMENT, Owner, RecordId, Vault, VaultError};
use interlock_core::audit::hex;
use std::fmt::Write as _;
use std::sync::Arc;

/// The member of an entry's body that commits to content.
pub const CONTENT_MEMBER: &str = "content";
/// Longest text that [`CONTENT_MEMBER`] adds to a body, bytes.
pub const CONTENT_MEMBER_BYTES_MAX: usize = 2_048;

/// Whom content is about, and who may therefore ask that it be erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A person on whose behalf an agent acts.
    User {
        /// The tenant.
        tenant: Arc<str>,
        /// The person's id.
        id: String,
    },
    /// An agent that acts for nobody in particular.
    Agent {
        /// The tenant.
        tenant: Arc<str>,
        /// The agent's id.
        id: String,
    },
    /// The subject of a record that exists.
    Of(RecordId),
}

impl Subject {
    /// `user` or `agent`; none where only a record names the subject.
    #[must_use]
    pub fn kind(&self) -> Option<&'static str> {
        match self {
            Self::User { .. } => Some("user"),
            Self::Agent { .. } => Some("agent"),
            Self::Of(_) => None,
        }
    }

    /// Tenant, kind and the unambiguous name that keys are found by.
    pub(super) fn named(&self) -> Option<(&str, &'static str, String)> {
        let (tenant, id) = match self {
            Self::User { tenant, id } | Self::Agent { tenant, id } => (tenant, id),
            Self::Of(_) => return None,
        };
        let kind = self.kind()?;
        // The length keeps tenant and id apart, whatever they hold.
        Some((
            tenant,
            kind,
            format!("{}:{tenant}:{kind}:{id}", tenant.len()),
        ))
    }
}

/// Content of one entry.
#[derive(Clone, PartialEq, Eq)]
pub struct Content {
    /// Whom it is about.
    pub subject: Subject,
    /// Whether it is kept; if not, only the key of its commitments is.
    pub keep: bool,
    /// Names and contents. Names are letters, digits and `_`.
    pub fields: Vec<(&'static str, String)>,
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.fields.iter().map(|(name, _)| *name).collect();
        f.debug_struct("Content")
            .field("keep", &self.keep)
            .field("fields", &names)
            .finish_non_exhaustive()
    }
}

/// Content that is made when its entry is written, not when it is appended: what an action holds is
/// turned to text, committed to and sealed by who writes, so that it is in the vault before the entry.
pub struct Deferred {
    /// About how many bytes it holds; counted against the bounds of the queue.
    pub bytes: usize,
    /// Makes it.
    pub make: Box<dyn FnOnce() -> Content + Send>,
}

impl std::fmt::Debug for Deferred {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deferred")
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

impl Vault {
    /// Seals `content` into memory and adds to `body`, a finished JSON object, what commits to it:
    /// `"content":{"record":"<id>","kept":<bool>,"subject":"<kind>","fields":{"<name>":"<commitment>"}}`.
    /// Content without fields adds nothing.
    ///
    /// # Errors
    ///
    /// As [`Vault::stage`], and when the body would exceed what is kept free for this.
    pub fn stage_content(&self, content: &Content, body: &mut Vec<u8>) -> Result<(), VaultError> {
        if content.fields.is_empty() {
            return Ok(());
        }
        let name;
        let owner = match (&content.subject, content.subject.named()) {
            (Subject::Of(id), _) => Owner::Of(*id),
            (_, Some((.., found))) => {
                name = found;
                Owner::Name(&name)
            }
            (_, None) => return Err(VaultError::Corrupt("a subject without a name")),
        };
        let fields: Vec<(&str, &[u8])> = content
            .fields
            .iter()
            .map(|(name, text)| (*name, text.as_bytes()))
            .collect();
        let names: usize = fields.iter().map(|(name, _)| name.len() + 84).sum();
        if names + 128 > CONTENT_MEMBER_BYTES_MAX {
            return Err(VaultError::TooLarge);
        }
        let stored = self.stage(owner, content.keep, &fields)?;
        let mut member = String::with_capacity(names + 128);
        member.push_str(",\"");
        member.push_str(CONTENT_MEMBER);
        member.push_str("\":{\"record\":\"");
        // Writing to a string cannot fail.
        let _ = write!(member, "{}", stored.id);
        member.push_str("\",\"kept\":");
        member.push_str(if content.keep { "true" } else { "false" });
        if let Some(kind) = content.subject.kind() {
            member.push_str(",\"subject\":\"");
            member.push_str(kind);
            member.push('"');
        }
        member.push_str(",\"fields\":{");
        for (n, ((name, _), commitment)) in fields.iter().zip(&stored.commitments).enumerate() {
            if n > 0 {
                member.push(',');
            }
            member.push('"');
            member.push_str(name);
            member.push_str("\":\"");
            member.push_str(COMMITMENT);
            member.push_str(&hex(commitment));
            member.push('"');
        }
        member.push_str("}}}");
        // The closing brace of the object comes after the new member.
        body.pop();
        body.extend_from_slice(member.as_bytes());
        Ok(())
    }
}
