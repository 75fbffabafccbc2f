//! What a kind of personal data or secret is.

use crate::text::Flags;

use super::scan::Words;

/// To which family a kind belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// It identifies or describes a person.
    Personal,
    /// It moves money.
    Financial,
    /// It opens something.
    Secret,
}

/// A kind of personal data or secret.
#[derive(Debug)]
pub struct Kind {
    /// The published name: `credit_card`.
    pub name: &'static str,
    /// The name within a mask: `[CREDIT_CARD]`.
    pub label: &'static str,
    /// Its family.
    pub family: Family,
    /// How much harm its loss does, per cent.
    pub risk: u8,
    /// The byte classes without any of which a text holds none.
    pub(super) flags: Flags,
    /// The words without any of which a text holds none; none: no word is needed.
    pub(super) words: Words,
    /// Reports each one in a text.
    pub(super) find: fn(&str, &mut Vec<Match>),
    /// The partial mask.
    pub(super) partial: fn(&str) -> String,
}

/// One place in a text.
#[derive(Debug, Clone, Copy)]
pub struct Match {
    /// The kind.
    pub kind: &'static Kind,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// How sure it is, 0..=100.
    pub confidence: u8,
}

impl PartialEq for Match {
    fn eq(&self, other: &Self) -> bool {
        self.kind.name == other.kind.name
            && (self.start, self.end, self.confidence) == (other.start, other.end, other.confidence)
    }
}

impl Eq for Match {}
