//! Dates of birth: a date that a word announces.

use std::sync::LazyLock;

use regex::Regex;

use crate::text::Flags;

use super::kind::{Family, Kind, Match};
use super::mask::nothing;
use super::scan::Words;

/// A date of birth.
pub(super) static KIND: Kind = Kind {
    name: "date_of_birth",
    label: "DATE_OF_BIRTH",
    family: Family::Personal,
    risk: 70,
    flags: Flags::DIGIT,
    words: Words::BIRTH,
    find,
    partial: nothing,
};

pub(super) const KEYWORDS: &[&str] = &[
    "dob",
    "d.o.b",
    "date of birth",
    "date_of_birth",
    "birth date",
    "birthdate",
    "birthday",
    "born",
    "geboren",
    "geburtsdatum",
    "fecha de nacimiento",
    "né le",
    "née le",
    "date de naissance",
    "data di nascita",
    "data de nascimento",
];

static PATTERN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?ix)
        \b(?:d\.?o\.?b\b\.?|date[\ _]of[\ _]birth|birth[\ _]?date|birthday|born\ (?:on|in)?|geboren\ am
          |geburtsdatum|fecha\ de\ nacimiento|née?\ le|date\ de\ naissance|data\ di\ nascita|data\ de\ nascimento)
        [^\d\n]{0,16}
        ( \d{4}[-/.]\d{1,2}[-/.]\d{1,2}
        | \d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d{2})
        | \d{1,2}(?:st|nd|rd|th|\.)?\ (?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*,?\ \d{4} )
        (?:\D|$)
        |
        \b(?:d\.?o\.?b\b\.?|date[\ _]of[\ _]birth|birth[\ _]?date|birthday|born\ (?:on)?)[^\d\n]{0,4}
        ( (?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?\ \d{1,2}(?:st|nd|rd|th)?,?\ \d{4} )",
    )
    .ok()
});

fn find(text: &str, out: &mut Vec<Match>) {
    let Some(pattern) = PATTERN.as_ref() else {
        return;
    };
    for captures in pattern.captures_iter(text) {
        if let Some(date) = captures.get(1).or_else(|| captures.get(2)) {
            out.push(Match {
                kind: &KIND,
                start: date.start(),
                end: date.end(),
                confidence: 78,
            });
        }
    }
}
