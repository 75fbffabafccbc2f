//! Finding all kinds in one text.
//!
//! The detector's way must cost next to nothing on a text that holds none: numbers and codes are
//! looked at only where the byte classes say that there are some, and the words beside one only
//! after its shape and its check digits fit.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::model::Vector;
use crate::model::limits::STRING_BYTES_MAX;
use crate::text::{Bound, Flags, Hit, Literals, Prefilter};

use super::context::{self, Announced};
use super::kind::{Family, Finder, Kind, Match};
use super::{code, date_of_birth, number, person_name, postal_address, registry, run, secret};

pub use registry::KINDS;

/// Matches kept of one text: more than any text of `STRING_BYTES_MAX` can hold, so that masking one
/// leaves nothing out.
const MATCHES_MAX: usize = STRING_BYTES_MAX / 2;
/// The confidence of data that identifies a person only together, once it stands together.
const TOGETHER: u8 = 58;

/// Words that announce a kind, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Words(pub(crate) u64);

impl Words {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const PRIVATE_KEY: Self = Self(1);
    pub(crate) const PASSWORD: Self = Self(1 << 1);
    pub(crate) const BIRTH: Self = Self(1 << 2);
    pub(crate) const COMMAND: Self = Self(1 << 3);
    pub(crate) const DIAGNOSIS: Self = Self(1 << 4);
    /// The mark within client secrets of Azure, whose other marks break up the run.
    pub(crate) const MARK: Self = Self(1 << 7);
    pub(crate) const NAME: Self = Self(1 << 5);
    pub(crate) const STREET: Self = Self(1 << 6);

    const fn class(self) -> u8 {
        self.0.trailing_zeros() as u8
    }
}

const fn literals(words: Words, bound: Bound, list: &'static [&'static str]) -> Literals {
    Literals {
        class: words.class(),
        bound,
        words: list,
    }
}

/// The words as literals for the detectors' prefilter; the class is the bit.
pub(crate) static KEYWORD_LITERALS: &[Literals] = &[
    literals(Words::PRIVATE_KEY, Bound::None, &["-----begin"]),
    literals(Words::PASSWORD, Bound::None, secret::password::KEYWORDS),
    literals(Words::COMMAND, Bound::Start, secret::command_line::KEYWORDS),
    literals(Words::MARK, Bound::None, &["q~"]),
    literals(Words::BIRTH, Bound::Start, date_of_birth::KEYWORDS),
    literals(
        Words::DIAGNOSIS,
        Bound::Start,
        super::health::DIAGNOSIS_WORDS,
    ),
];

/// The words of what identifies a person only together with something else; looked for where
/// something else was found.
static QUASI_LITERALS: &[Literals] = &[
    literals(Words::NAME, Bound::Start, person_name::CUES),
    literals(Words::STREET, Bound::Start, postal_address::STREET_WORDS),
    literals(Words::STREET, Bound::None, postal_address::STREET_ENDINGS),
];

static PREFILTER: LazyLock<Prefilter> =
    LazyLock::new(|| Prefilter::new([(Vector::Pii, KEYWORD_LITERALS)].into_iter()));

static QUASI_PREFILTER: LazyLock<Prefilter> =
    LazyLock::new(|| Prefilter::new([(Vector::Pii, QUASI_LITERALS)].into_iter()));

/// A text to look through.
#[derive(Debug, Clone)]
pub(crate) struct Input<'a> {
    pub(super) text: &'a str,
    pub(super) flags: Flags,
    pub(super) hits: Vec<Hit>,
    pub(super) words: Words,
    /// The name of the field that holds the text, empty within none.
    pub(super) key: &'a str,
    /// What that name announces.
    pub(super) announced: Announced,
}

impl<'a> Input<'a> {
    /// A text with its byte classes, the hits of [`KEYWORD_LITERALS`] in it, and the name of its
    /// field.
    pub(crate) fn new(text: &'a str, flags: Flags, hits: Vec<Hit>, key: &'a str) -> Self {
        let words = hits.iter().fold(0, |all, h| all | 1 << h.class);
        let announced = if flags.any(Flags::DIGIT) {
            context::of_key(key)
        } else {
            Announced::default()
        };
        Self {
            text,
            flags,
            hits,
            words: Words(words),
            key,
            announced,
        }
    }

    /// A text that stands for itself, with nothing around it.
    pub(super) fn alone(text: &'a str) -> Self {
        Self {
            text,
            flags: Flags::default(),
            hits: Vec::new(),
            words: Words::NONE,
            key: "",
            announced: Announced::default(),
        }
    }

    /// Where the words of `class` stand.
    pub(super) fn places(&self, class: Words) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.hits
            .iter()
            .filter(move |h| h.class == class.class())
            .map(|h| (h.start as usize, h.end as usize))
    }
}

/// Every place in `text`, in order, none overlapping another: personal data, and secrets, and what
/// identifies a person only together with other data, with less confidence.
#[must_use]
pub fn find(text: &str) -> Vec<Match> {
    // Every literal: what is masked may not be left out because others stand before it.
    let hits = PREFILTER.scan_within(text, text.len()).hits;
    let input = Input::new(text, Flags::of(text), hits, "");
    let mut all = direct(&input);
    quasi(&input, &mut all);
    finish(all)
}

/// As [`find`], for a text of which more is known. Names and addresses are looked for only beside
/// something that already identifies a person: alone they are no reason to stop an action.
pub(crate) fn find_with(input: &Input<'_>) -> Vec<Match> {
    let mut all = direct(input);
    if all.iter().any(|m| m.kind.family != Family::Secret) {
        quasi(input, &mut all);
    }
    finish(all)
}

/// What a kind that is neither a number nor a code nor a run is looked for by: its byte classes and
/// words, the announcement by its field's name, and the function.
type TextKind = (Flags, Words, Announced, fn(&Input<'_>, &mut Vec<Match>));

/// The kinds that are neither a number nor a code nor a run.
static TEXT_KINDS: LazyLock<Vec<TextKind>> = LazyLock::new(|| {
    let text_kind = |(index, kind): (usize, &&Kind)| match kind.finder {
        Finder::Text(flags, words, find) => Some((flags, words, Announced::of(index), find)),
        _ => None,
    };
    KINDS.iter().enumerate().filter_map(text_kind).collect()
});

fn direct(input: &Input<'_>) -> Vec<Match> {
    let mut all = Vec::new();
    if input.flags.any(Flags::DIGIT) {
        number::find(input, &mut all);
        code::find(input, &mut all);
    }
    if input.flags.any(Flags::RUN) || input.words.0 & Words::MARK.0 != 0 {
        run::find(input, &mut all);
    }
    for (flags, words, announced, find) in TEXT_KINDS.iter() {
        let possible = input.flags.any(*flags)
            && (*words == Words::NONE
                || input.words.0 & words.0 != 0
                || input.announced.has(*announced));
        if possible && all.len() < MATCHES_MAX {
            find(input, &mut all);
        }
    }
    all
}

/// Adds names and addresses, and makes sure of what identifies a person together.
fn quasi(input: &Input<'_>, all: &mut Vec<Match>) {
    let hits = QUASI_PREFILTER
        .scan_within(input.text, STRING_BYTES_MAX)
        .hits;
    let input = Input::new(input.text, input.flags, hits, input.key);
    person_name::find(&input, all);
    postal_address::find(&input, all);
    let mut kinds: Vec<&str> = all
        .iter()
        .filter(|m| m.kind.family == Family::Personal)
        .map(|m| m.kind.name)
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    if kinds.len() >= 2 {
        for found in all {
            if matches!(
                found.kind.name,
                "person_name" | "postal_address" | "date_of_birth"
            ) {
                found.confidence = found.confidence.max(TOGETHER);
            }
        }
    }
}

fn finish(mut all: Vec<Match>) -> Vec<Match> {
    if all.len() > 1 {
        all.truncate(MATCHES_MAX);
        all = without_overlaps(all);
    }
    all
}

fn without_overlaps(mut all: Vec<Match>) -> Vec<Match> {
    // Surest first, then the longest; the sort is stable, so that the order of passes breaks ties.
    all.sort_by_key(|m| std::cmp::Reverse((m.confidence, m.end - m.start)));
    let mut taken = BTreeMap::<usize, usize>::new();
    let mut kept: Vec<Match> = Vec::with_capacity(all.len());
    for candidate in all {
        let before = taken.range(..candidate.end).next_back();
        if before.is_none_or(|(_, end)| *end <= candidate.start) {
            taken.insert(candidate.start, candidate.end);
            kept.push(candidate);
        }
    }
    kept.sort_by_key(|m| m.start);
    kept
}

/// The kind of that name.
#[must_use]
pub fn kind(name: &str) -> Option<&'static Kind> {
    KINDS.iter().copied().find(|k| k.name == name)
}
