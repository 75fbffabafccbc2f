//! One pass over a text for the literals of all detectors.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::normalise::normalise;
use crate::model::{Vector, VectorSet};

/// Hits kept of one text; a text with more is reported as one that passed a limit.
pub(super) const HITS_MAX: usize = 16_384;

/// What must stand around a literal for it to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bound {
    /// Anything.
    None,
    /// No letter or digit before it.
    Start,
    /// No letter or digit on either side.
    Word,
}

/// Literals of one class of one detector. A class is a number below 64 that the detector chooses.
#[derive(Debug, Clone, Copy)]
pub struct Literals {
    /// The class.
    pub class: u8,
    /// What must stand around them.
    pub bound: Bound,
    /// The literals; ASCII letters match in either case.
    pub words: &'static [&'static str],
}

/// A literal found in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hit {
    /// Whose literal it is.
    pub vector: Vector,
    /// Which class.
    pub class: u8,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// What the prefilter found in one text.
#[derive(Debug, Clone, Default)]
pub(super) struct Hits {
    pub(super) vectors: VectorSet,
    pub(super) classes: [u64; 12],
    pub(super) hits: Vec<Hit>,
    pub(super) flooded: bool,
}

#[derive(Debug, Clone, Copy)]
struct Meaning {
    vector: Vector,
    class: u8,
    bound: Bound,
}

/// The automaton over the literals of all detectors.
#[derive(Debug)]
pub struct Prefilter {
    automaton: Option<AhoCorasick>,
    meanings: Vec<Meaning>,
}

impl Prefilter {
    /// Builds the automaton. Literals are brought into normal form first, so that they are
    /// written as people write them.
    #[must_use]
    pub fn new<'a>(sets: impl Iterator<Item = (Vector, &'a [Literals])>) -> Self {
        let mut patterns = Vec::new();
        let mut meanings = Vec::new();
        for (vector, literals) in sets {
            for set in literals {
                for word in set.words {
                    let pattern = if word.is_ascii() {
                        (*word).to_owned()
                    } else {
                        normalise(word).text
                    };
                    patterns.push(pattern);
                    meanings.push(Meaning {
                        vector,
                        class: set.class & 63,
                        bound: set.bound,
                    });
                }
            }
        }
        // The literals are constants and a test builds the automaton, so it is there.
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::DFA))
            .build(&patterns)
            .ok();
        Self {
            automaton,
            meanings,
        }
    }

    /// Whether the automaton was built.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        self.automaton.is_some()
    }

    /// How many literals it knows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.meanings.len()
    }

    /// Whether it knows none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.meanings.is_empty()
    }

    pub(super) fn scan(&self, text: &str) -> Hits {
        let mut out = Hits::default();
        let Some(automaton) = &self.automaton else {
            out.flooded = true;
            return out;
        };
        let bytes = text.as_bytes();
        for found in automaton.find_overlapping_iter(text) {
            let Some(meaning) = self.meanings.get(found.pattern().as_usize()) else {
                continue;
            };
            if !bounded(bytes, found.start(), found.end(), meaning.bound) {
                continue;
            }
            out.vectors.insert(meaning.vector);
            if let Some(mask) = out.classes.get_mut(meaning.vector as usize) {
                *mask |= 1 << meaning.class;
            }
            if out.hits.len() < HITS_MAX {
                out.hits.push(Hit {
                    vector: meaning.vector,
                    class: meaning.class,
                    start: found.start() as u32,
                    end: found.end() as u32,
                });
            } else {
                out.flooded = true;
            }
        }
        out
    }
}

fn bounded(text: &[u8], start: usize, end: usize, bound: Bound) -> bool {
    let before = start.checked_sub(1).and_then(|i| text.get(i)).copied();
    let after = text.get(end).copied();
    match bound {
        Bound::None => true,
        Bound::Start => !before.is_some_and(word_byte),
        Bound::Word => !before.is_some_and(word_byte) && !after.is_some_and(word_byte),
    }
}

const fn word_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}
