//! One pass over a text for the literals of all detectors.
//!
//! The last three bytes, folded to 64 classes, index two bit maps: the prefixes of literals that
//! may stand anywhere, and of those that begin a word. The maps fit the innermost cache, where the
//! table of an automaton over as many literals does not; only where a bit is set is a literal
//! compared.

use super::normalise::normalise;
use crate::model::{Vector, VectorSet};

/// Hits kept of one text; a text with more is reported as one that passed a limit.
pub(super) const HITS_MAX: usize = 16_384;
/// Bits of a folded byte.
const CLASS_BITS: u32 = 6;
/// Set beside the class of a byte that continues a word.
const WORD_BIT: u8 = 1 << CLASS_BITS;
/// Folded triples.
const KEYS: usize = 1 << (3 * CLASS_BITS);

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
    /// The literals, two bytes or more; ASCII letters match in either case.
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
pub(crate) struct Hits {
    pub(super) vectors: VectorSet,
    pub(super) classes: [u64; 12],
    pub(crate) hits: Vec<Hit>,
    pub(super) flooded: bool,
    /// How many hits may still be kept.
    room: usize,
}

#[derive(Debug, Clone)]
struct Literal {
    /// The first eight bytes in lower case, and which of them there are.
    head: u64,
    mask: u64,
    /// In lower case.
    bytes: Box<[u8]>,
    vector: Vector,
    class: u8,
    bound: Bound,
}

/// The literals of all detectors, ready to be looked for.
#[derive(Debug)]
pub struct Prefilter {
    /// Bit maps over folded triples, side by side: literals that stand anywhere, and literals that
    /// begin a word.
    maps: Box<[[u64; 2]]>,
    /// Literals in the order of their folded triple, those of two bytes once per triple.
    order: Vec<(u32, Literal)>,
    /// Where the literals of each triple begin in `order`.
    index: Vec<u32>,
    count: usize,
}

const fn folds() -> [u8; 256] {
    let mut table = [0u8; 256];
    let mut i = 0;
    while i < 256 {
        let b = i as u8;
        let class = match b {
            b'a'..=b'z' => b - b'a' + 1,
            b'A'..=b'Z' => b - b'A' + 1,
            // Punctuation gets a class of its own as far as there are any left.
            b' ' | b'\n' | b'\t' | b'\r' => 27,
            b'0'..=b'9' => 28 + (b - b'0') % 4,
            b'.' => 32,
            b',' => 33,
            b'-' => 34,
            b'\'' => 35,
            b'"' => 36,
            b'/' => 37,
            b'\\' => 38,
            b'(' => 39,
            b')' => 40,
            b'<' => 41,
            b'>' => 42,
            b'=' => 43,
            b'%' => 44,
            b'$' => 45,
            b'{' => 46,
            b'}' => 47,
            b'|' => 48,
            b'&' => 49,
            b';' => 50,
            b':' => 51,
            b'*' => 52,
            b'#' => 53,
            b'@' => 54,
            b'_' => 55,
            b'[' => 56,
            b'+' => 57,
            b'`' => 58,
            b'!' => 59,
            128.. => 60 + b % 3,
            _ => 63,
        };
        let word = if word_byte(b) { WORD_BIT } else { 0 };
        #[expect(clippy::indexing_slicing, reason = "evaluated at compile time")]
        {
            table[i] = class | word;
        }
        i += 1;
    }
    table
}

static FOLDS: [u8; 256] = folds();

fn fold(b: u8) -> u32 {
    u32::from(FOLDS.get(usize::from(b)).copied().unwrap_or(0) & (WORD_BIT - 1))
}

/// The first eight bytes in lower case, zeros past the end.
fn head(text: &[u8]) -> u64 {
    let mut eight = [0u8; 8];
    for (to, from) in eight.iter_mut().zip(text) {
        *to = from.to_ascii_lowercase();
    }
    u64::from_le_bytes(eight)
}

impl Prefilter {
    /// Prepares the literals. They are brought into normal form first, so that they are written as
    /// people write them; those of less than two bytes are left out.
    #[must_use]
    pub fn new<'a>(sets: impl Iterator<Item = (Vector, &'a [Literals])>) -> Self {
        let mut filter = Self {
            maps: vec![[0; 2]; KEYS / 64].into_boxed_slice(),
            order: Vec::new(),
            index: Vec::new(),
            count: 0,
        };
        for (vector, literals) in sets {
            for set in literals {
                for word in set.words {
                    let bytes = if word.is_ascii() {
                        word.to_ascii_lowercase()
                    } else {
                        normalise(word).text
                    };
                    if bytes.len() < 2 {
                        continue;
                    }
                    filter.count += 1;
                    let missing = 8usize.saturating_sub(bytes.len());
                    filter.insert(&Literal {
                        head: head(bytes.as_bytes()),
                        mask: u64::MAX >> (8 * missing),
                        bytes: bytes.into_bytes().into_boxed_slice(),
                        vector,
                        class: set.class & 63,
                        bound: set.bound,
                    });
                }
            }
        }
        filter.order.sort_by_key(|(key, _)| *key);
        let mut at = 0;
        for triple in 0..=KEYS {
            while filter
                .order
                .get(at)
                .is_some_and(|(key, _)| (*key as usize) < triple)
            {
                at += 1;
            }
            filter.index.push(at as u32);
        }
        filter
    }

    fn insert(&mut self, literal: &Literal) {
        let byte = |i: usize| literal.bytes.get(i).copied().unwrap_or(0);
        let pair = (fold(byte(0)) << CLASS_BITS) | fold(byte(1));
        let thirds = if literal.bytes.len() == 2 {
            0..1 << CLASS_BITS
        } else {
            fold(byte(2))..fold(byte(2)) + 1
        };
        for third in thirds {
            let key = (pair << CLASS_BITS) | third;
            let map = usize::from(literal.bound != Bound::None);
            if let Some(bits) = self
                .maps
                .get_mut((key / 64) as usize)
                .and_then(|m| m.get_mut(map))
            {
                *bits |= 1 << (key % 64);
            }
            self.order.push((key, literal.clone()));
        }
    }

    /// How many literals it knows.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether it knows none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(crate) fn scan(&self, text: &str) -> Hits {
        self.scan_within(text, HITS_MAX)
    }

    /// As [`Self::scan`], with at most `hits_max` hits kept.
    pub(crate) fn scan_within(&self, text: &str, hits_max: usize) -> Hits {
        let mut out = Hits {
            room: hits_max,
            ..Hits::default()
        };
        let bytes = text.as_bytes();
        let mut walk = Walk { key: 0, words: 0 };
        for (i, b) in bytes.iter().enumerate() {
            if self.step(&mut walk, *b) && i >= 2 {
                self.verify(bytes, i - 2, walk.key, &mut out);
            }
        }
        // Two bytes past the end, so that a literal of two bytes may end the text.
        for i in bytes.len()..bytes.len() + 2 {
            if self.step(&mut walk, 0) && i >= 2 {
                self.verify(bytes, i - 2, walk.key, &mut out);
            }
        }
        out
    }

    /// Takes one byte in; whether a literal may begin with the last three.
    #[inline(always)]
    fn step(&self, walk: &mut Walk, b: u8) -> bool {
        let fold = u32::from(FOLDS.get(usize::from(b)).copied().unwrap_or(0));
        walk.key =
            ((walk.key << CLASS_BITS) | (fold & (u32::from(WORD_BIT) - 1))) & (KEYS as u32 - 1);
        walk.words = (walk.words << 1) | (fold >> CLASS_BITS);
        let [anywhere, at_start] = self
            .maps
            .get((walk.key / 64) as usize)
            .copied()
            .unwrap_or_default();
        // What stands before the triple does not continue a word: all ones, else zero.
        let begins = u64::from(walk.words >> 3 & 1).wrapping_sub(1);
        (anywhere | (at_start & begins)) >> (walk.key % 64) & 1 != 0
    }

    #[inline(never)]
    fn verify(&self, text: &[u8], start: usize, key: u32, out: &mut Hits) {
        let at = |n: u32| self.index.get(n as usize).copied().unwrap_or(0) as usize;
        let rest = text.get(start..).unwrap_or_default();
        let eight = head(rest);
        let candidates = self.order.get(at(key)..at(key + 1)).unwrap_or_default();
        for (_, literal) in candidates {
            if eight & literal.mask != literal.head {
                continue;
            }
            let end = start + literal.bytes.len();
            let same = rest
                .get(..literal.bytes.len())
                .is_some_and(|t| t.eq_ignore_ascii_case(&literal.bytes));
            if !same || !bounded(text, start, end, literal.bound) {
                continue;
            }
            out.vectors.insert(literal.vector);
            if let Some(mask) = out.classes.get_mut(literal.vector as usize) {
                *mask |= 1 << literal.class;
            }
            if out.room > 0 {
                out.room -= 1;
                out.hits.push(Hit {
                    vector: literal.vector,
                    class: literal.class,
                    start: start as u32,
                    end: end as u32,
                });
            } else {
                out.flooded = true;
            }
        }
    }
}

/// The last three classes, and which of the last bytes continued a word.
struct Walk {
    key: u32,
    words: u32,
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    static SETS: &[Literals] = &[
        Literals {
            class: 1,
            bound: Bound::None,
            words: &["--", "ab", "abc", "ban", "://", "Ä"],
        },
        Literals {
            class: 2,
            bound: Bound::Start,
            words: &["an", "cab"],
        },
        Literals {
            class: 3,
            bound: Bound::Word,
            words: &["ab", "1a"],
        },
    ];

    fn filter() -> Prefilter {
        Prefilter::new([(Vector::Xss, SETS)].into_iter())
    }

    /// The literals found by looking at every place for every literal.
    fn naive(text: &str) -> Vec<(u32, u32, u8)> {
        let mut all = Vec::new();
        for set in SETS {
            for word in set.words.iter().filter(|w| w.len() >= 2 && w.is_ascii()) {
                for start in 0..text.len() {
                    let end = start + word.len();
                    let same = text
                        .as_bytes()
                        .get(start..end)
                        .is_some_and(|t| t.eq_ignore_ascii_case(word.as_bytes()));
                    if same && bounded(text.as_bytes(), start, end, set.bound) {
                        all.push((start as u32, end as u32, set.class));
                    }
                }
            }
        }
        all.sort_unstable();
        all
    }

    proptest! {
        #[test]
        fn finds_what_a_naive_search_finds(text in "[aAbBcn1_ :/-]{0,24}") {
            let mut found: Vec<_> = filter()
                .scan(&text)
                .hits
                .iter()
                .map(|h| (h.start, h.end, h.class))
                .collect();
            found.sort_unstable();
            prop_assert_eq!(found, naive(&text));
        }
    }
}
