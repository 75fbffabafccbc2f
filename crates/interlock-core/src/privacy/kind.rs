//! What a kind of personal data or secret is, and how one is declared.

use crate::model::FindingCode;
use crate::text::Flags;

use super::code::Code;
use super::draw::Draw;
use super::number::Number;
use super::run::Run;
use super::scan::{Input, Words};

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

impl Family {
    /// The published tags of findings of this family.
    pub(super) const fn tags(self) -> &'static [&'static str] {
        match self {
            Self::Personal | Self::Financial => &["CWE-359", "LLM02", "AML.T0057"],
            Self::Secret => &["CWE-798", "ASI03", "AML.T0055"],
        }
    }
}

/// A kind of personal data or secret.
#[derive(Debug)]
pub struct Kind {
    /// The published name: `credit_card`.
    pub name: &'static str,
    /// Its family.
    pub family: Family,
    /// How much harm its loss does, per cent.
    pub risk: u8,
    /// What the detector reports.
    pub code: FindingCode,
    /// A synthetic one, with what announces it.
    pub example: &'static str,
    /// What is checked beyond the shape; empty: nothing.
    pub checksum: &'static str,
    /// Where the shape and the check are defined.
    pub source: &'static str,
    /// Words beside it that announce it, in lower case.
    pub(super) words: &'static [&'static str],
    /// How one is found.
    pub(super) finder: Finder,
    /// The partial mask.
    pub(super) partial: fn(&str) -> String,
    /// How a synthetic one is made.
    pub(super) make: Make,
}

impl Kind {
    /// The name within a mask: `CREDIT_CARD`.
    #[must_use]
    pub fn label(&self) -> String {
        self.name.to_ascii_uppercase()
    }

    /// Whether a checksum or a check digit decides, so that a mistyped one is none.
    #[must_use]
    pub const fn checked(&self) -> bool {
        !self.checksum.is_empty()
    }
}

/// How one of a kind is found.
#[derive(Debug, Clone, Copy)]
pub(super) enum Finder {
    /// It is a number of so many digits; the function says how sure it is, 0 for not at all.
    Number(u8, u8, fn(&Number<'_>) -> u8),
    /// It is a code of letters and digits of so many characters.
    Code(u8, u8, fn(&Code<'_>) -> u8),
    /// It is one of the runs of a text.
    Run(fn(&Input<'_>, &Run<'_>, &mut Vec<Match>)),
    /// It is looked for in texts with one of these byte classes and one of these words.
    Text(Flags, Words, fn(&Input<'_>, &mut Vec<Match>)),
}

/// How a synthetic one in the form of another is made.
#[derive(Debug, Clone, Copy)]
pub(super) enum Make {
    /// As many first letters and digits stay as given; every other digit becomes a digit, every
    /// other letter a letter, until the kind's own check passes.
    Redraw(u8),
    /// The same, with a date at this place.
    Dated(u8, Date),
    /// By a function of its own.
    Own(fn(&str, &mut Draw) -> String),
}

/// How a date is written in digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Date {
    /// Year of two digits, month, day.
    Ymd,
    /// Day, month, year of two digits.
    Dmy,
    /// Year of four digits, month, day.
    YyyyMd,
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

/// Declares a kind: its static, with the finding code and its tags.
macro_rules! kind {
    (
        $(#[$doc:meta])*
        $id:ident = $name:literal, $family:ident, $risk:literal;
        code $code:literal, $summary:literal;
        example $example:expr;
        checksum $checksum:literal;
        source $source:literal;
        words $words:expr;
        find $finder:expr;
        mask $mask:expr;
        make $make:expr;
    ) => {
        $(#[$doc])*
        #[doc = concat!("\n\nDefined by <", $source, ">.")]
        pub(in crate::privacy) static $id: $crate::privacy::kind::Kind = $crate::privacy::kind::Kind {
            name: $name,
            family: $crate::privacy::kind::Family::$family,
            risk: $risk,
            code: $crate::model::FindingCode {
                code: concat!("pii.", $code),
                vector: $crate::model::Vector::Pii,
                summary: $summary,
                tags: $crate::privacy::kind::Family::$family.tags(),
            },
            example: $example,
            checksum: $checksum,
            source: $source,
            words: $words,
            finder: $finder,
            partial: $mask,
            make: $make,
        };
    };
}

pub(super) use kind;
