//! Passport numbers: a document number that a word announces.

use std::sync::LazyLock;

use regex::Regex;

use crate::text::Flags;

use super::kind::{Family, Kind, Match};
use super::mask::both_ends;
use super::scan::Words;

/// A passport number.
pub(super) static KIND: Kind = Kind {
    name: "passport",
    label: "PASSPORT",
    family: Family::Personal,
    risk: 80,
    flags: Flags::DIGIT,
    words: Words::PASSPORT,
    find,
    partial: both_ends,
};

pub(super) const KEYWORDS: &[&str] = &["passport", "reisepass", "pasaporte", "passeport"];

static PATTERN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(?:passport|reisepass|pasaporte|passeport)[^\n]{0,24}?\b([A-Z]{1,2}\d{6,8}|\d{9}|\d{2}[A-Z]{2}\d{5})\b").ok()
});

fn find(text: &str, out: &mut Vec<Match>) {
    let Some(pattern) = PATTERN.as_ref() else {
        return;
    };
    for captures in pattern.captures_iter(text) {
        if let Some(number) = captures.get(1) {
            out.push(Match {
                kind: &KIND,
                start: number.start(),
                end: number.end(),
                confidence: 72,
            });
        }
    }
}
