//! The grammar of filters: `agent:billing* decision:block,redact risk:>70 since:24h "free text"`.
//!
//! One language for the console, the API and the command line. `docs/reference/filters.md` has the
//! grammar in EBNF; `tests/cases.json` says what is accepted, what is refused and where, and is run
//! by this crate and by the console, which parses in the browser.
//!
//! [`parse`] makes a [`Filter`] for one [`Resource`]; [`Filter::matches`] asks it of a [`Record`].
//! A store that keeps columns asks each [`Term`] of a column instead.
//!
//! **Invariant:** parsing takes time linear in the text, and a text of more than
//! [`TEXT_CHARS_MAX`] characters or [`TERMS_MAX`] terms is refused. **Invariant:** the canonical text
//! of a filter parses to the same filter, where the quotes that it needs do not make it too long.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::string_slice
    )
)]

mod canonical;
mod error;
mod fields;
mod matching;
mod number;
mod parse;
mod pattern;
mod time;

pub use error::FilterError;
pub use fields::{
    ACTIONS, AGENTS, ALERT_GROUPS, ALERTS, APPROVALS, Field, Kind, RESOURCES, RUNS, Resource,
};
pub use matching::Record;
pub use number::{NANO, Number};
pub use parse::{TERMS_MAX, TEXT_CHARS_MAX, VALUES_MAX, parse};
pub use pattern::{Pattern, fold};
pub use time::Moment;

/// How a number is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// It is one of these.
    Equal,
    /// It is greater.
    Greater,
    /// It is greater or the same.
    AtLeast,
    /// It is less.
    Less,
    /// It is less or the same.
    AtMost,
}

impl Compare {
    /// How it is written.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Equal => "",
            Self::Greater => ">",
            Self::AtLeast => ">=",
            Self::Less => "<",
            Self::AtMost => "<=",
        }
    }
}

/// What a term asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// One of the texts of a field is like one of these patterns.
    Text(&'static Field, Vec<Pattern>),
    /// The field has one of these names.
    Name(&'static Field, Vec<&'static str>),
    /// The number compares so with one of these.
    Number(&'static Field, Compare, Vec<Number>),
    /// It happened at this time or after it.
    Since(Moment),
    /// It happened before this time.
    Until(Moment),
    /// One of the texts that people read holds this.
    Free(Pattern),
}

/// One term of a filter.
#[derive(Debug, Clone)]
pub struct Term {
    /// Whether it is turned around.
    pub not: bool,
    /// What it asks.
    pub test: Test,
    /// The column where it begins, from 1, in characters.
    pub column: usize,
}

/// Two terms are equal that ask the same, wherever they stand.
impl PartialEq for Term {
    fn eq(&self, other: &Self) -> bool {
        self.not == other.not && self.test == other.test
    }
}

impl Eq for Term {}

/// A filter: all its terms hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// The terms, in the order of the text.
    pub terms: Vec<Term>,
}
