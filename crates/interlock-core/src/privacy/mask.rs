//! Masking: partial, full, or a hash that stays the same for the same value.

use sha2::{Digest as _, Sha256};

use super::kind::{Kind, Match};
use super::scan::find;

/// How what was found is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Strategy {
    /// Enough is left to recognise it: `j***@example.com`, `****1111`.
    #[default]
    Partial,
    /// Its kind only: `[EMAIL]`.
    Full,
    /// Its kind and the first eight hexadecimal digits of its SHA-256: `[EMAIL:1f2e3d4c]`. Equal
    /// values get equal masks. The hash has no key: it hides, it does not protect against
    /// guessing.
    Hash,
}

impl Strategy {
    /// The strategy of that name: `partial`, `full` or `hash`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "partial" => Some(Self::Partial),
            "full" => Some(Self::Full),
            "hash" => Some(Self::Hash),
            _ => None,
        }
    }
}

/// A masked text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Masked {
    /// The text with every match replaced.
    pub text: String,
    /// What was replaced, with its place in the original.
    pub matches: Vec<Match>,
}

/// Replaces everything that [`find`] reports in `text`.
#[must_use]
pub fn mask_text(text: &str, strategy: Strategy) -> Masked {
    replace_with(text, |kind, value| mask_value(kind, value, strategy))
}

/// Replaces everything that [`find`] reports in `text` by what `with` makes of it.
pub(super) fn replace_with(text: &str, with: impl Fn(&Kind, &str) -> String) -> Masked {
    let matches = find(text);
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for found in &matches {
        out.push_str(text.get(at..found.start).unwrap_or_default());
        let value = text.get(found.start..found.end).unwrap_or_default();
        out.push_str(&with(found.kind, value));
        at = found.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    Masked { text: out, matches }
}

/// The mask of one value.
#[must_use]
pub fn mask_value(kind: &Kind, value: &str, strategy: Strategy) -> String {
    match strategy {
        Strategy::Partial => (kind.partial)(value),
        Strategy::Full => format!("[{}]", kind.label()),
        Strategy::Hash => {
            let digest = Sha256::digest(value.as_bytes());
            let mut mask = format!("[{}:", kind.label());
            for byte in digest.iter().take(4) {
                use std::fmt::Write as _;
                let _ = write!(mask, "{byte:02x}");
            }
            mask.push(']');
            mask
        }
    }
}

/// Four stars and the last four letters or digits.
pub(super) fn last_four(value: &str) -> String {
    let plain: Vec<char> = value.chars().filter(|c| c.is_alphanumeric()).collect();
    let tail: String = plain.iter().skip(plain.len().saturating_sub(4)).collect();
    format!("****{tail}")
}

/// The ends stay, at least two characters each, a sixth of long values; the middle is stars.
pub(super) fn both_ends(value: &str) -> String {
    let chars: Vec<char> = value.chars().collect();
    let show = (chars.len() / 6).max(2);
    if chars.len() <= show * 2 {
        return "*".repeat(chars.len());
    }
    let head: String = chars.iter().take(show).collect();
    let tail: String = chars.iter().skip(chars.len() - show).collect();
    format!("{head}{}{tail}", "*".repeat(chars.len() - show * 2))
}

/// Nothing stays: what is left of a secret is a part of the secret.
pub(super) fn nothing(_value: &str) -> String {
    "********".to_owned()
}
