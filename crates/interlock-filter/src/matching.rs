//! Whether something is what a filter says.

use crate::number::Number;
use crate::pattern::{Pattern, fold};
use crate::{Filter, Resource, Term, Test};

/// Something that can be filtered, asked by the names of its resource's fields.
pub trait Record {
    /// Shows the texts of a field, as they are kept; empty ones count as none.
    fn texts(&self, field: &str, see: &mut dyn FnMut(&str));

    /// The number of a field.
    fn number(&self, field: &str) -> Option<Number>;

    /// Whether a field has this name.
    fn name(&self, field: &str, name: &str) -> bool;

    /// When it happened, in nanoseconds since 1970.
    fn at(&self) -> i64;
}

impl Filter {
    /// Whether a record of this resource is what all terms say, when it is `now` (nanoseconds).
    #[must_use]
    pub fn matches(&self, record: &dyn Record, resource: &Resource, now: i64) -> bool {
        self.terms
            .iter()
            .all(|term| term.matches(record, resource, now))
    }
}

impl Term {
    /// Whether a record is what this term says.
    #[must_use]
    pub fn matches(&self, record: &dyn Record, resource: &Resource, now: i64) -> bool {
        self.test.holds(record, resource, now) != self.not
    }
}

fn any(record: &dyn Record, field: &str, holds: &dyn Fn(&str) -> bool) -> bool {
    let mut found = false;
    record.texts(field, &mut |text| found = found || holds(&fold(text)));
    found
}

impl Test {
    fn holds(&self, record: &dyn Record, resource: &Resource, now: i64) -> bool {
        let like = |patterns: &[Pattern], text: &str| {
            patterns.iter().any(|pattern| pattern.matches_folded(text))
        };
        match self {
            Self::Text(field, patterns) => any(record, field.name, &|text| like(patterns, text)),
            Self::Name(field, names) => names.iter().any(|name| record.name(field.name, name)),
            Self::Number(field, compare, numbers) => record
                .number(field.name)
                .is_some_and(|have| compare.holds(have, numbers)),
            Self::Since(moment) => record.at() >= moment.nanos(now),
            Self::Until(moment) => record.at() < moment.nanos(now),
            Self::Free(pattern) => resource
                .free
                .iter()
                .any(|field| any(record, field, &|text| pattern.within_folded(text))),
        }
    }
}
