//! One pass over a text for the literals of all detectors.
//!
//! The last three bytes, folded to 64 classes, index two bit maps: the prefixes of literals that
//! may stand anywhere, and of those and the ones that begin a word. What of the maps a text needs
//! fits the innermost cache, where the table of an automaton over as many literals does not. Where a
//! bit is set, the classes of the next two bytes are looked at, and only then are literals compared.

use super::lanes;
use super::normalise::normalise;
use crate::model::{Vector, VectorSet};

/// Hits kept of one text; a text with more is reported as one that passed a limit.
pub(super) const HITS_MAX: usize = 16_384;
/// Bits of a folded byte; the lowest is set for a byte that continues a word.
const CLASS_BITS: u32 = 6;
/// The classes that continue no word.
const NO_WORD: u64 = 0x5555_5555_5555_5555;
/// Folded pairs.
const PAIRS: usize = 1 << (2 * CLASS_BITS);
/// Words of the bit maps: one for each folded pair after a byte that continues no word, then one
/// for each after a byte that does.
const ROWS: usize = 2 * PAIRS;
/// Words of the sieve of heads: some ten bits for each literal.
const SIEVE: usize = 512;

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
    /// In lower case.
    bytes: Box<[u8]>,
    /// The last eight of the bytes; all when there are fewer.
    tail: u64,
    vector: Vector,
    class: u8,
    bound: Bound,
}

/// The first eight bytes of a literal in lower case, and which of them there are.
#[derive(Debug, Clone, Copy)]
struct Head {
    bytes: u64,
    mask: u64,
}

impl Literal {
    const fn is_long(&self) -> bool {
        self.bytes.len() >= 8
    }

    /// The classes that may stand at its third byte or one after that: its own, or what its bound
    /// lets follow.
    fn classes(&self, i: usize) -> u64 {
        match self.bytes.get(i) {
            Some(b) => 1 << fold(*b),
            None if i == self.bytes.len() && self.bound == Bound::Word => NO_WORD,
            None => u64::MAX,
        }
    }

    /// Whether it stands at `start..end` of `text`, its first eight bytes being known to.
    #[inline(always)]
    fn stands(&self, text: &[u8], start: usize, end: usize) -> bool {
        if end > text.len() {
            return false;
        }
        match self.bytes.len() {
            0..=8 => true,
            9..=16 => lanes::lower(lanes::eight(text, end.saturating_sub(8), 0)) == self.tail,
            _ => text
                .get(start..end)
                .is_some_and(|t| t.eq_ignore_ascii_case(&self.bytes)),
        }
    }
}

/// The literals that begin with one folded triple.
#[derive(Debug, Clone, Copy)]
struct Group {
    /// The classes that may follow the triple, and those that may follow these.
    next: [u64; 2],
    /// Where they are in the order: first those of less than eight bytes.
    from: u32,
    long: u32,
    to: u32,
}

/// The groups of the triples that begin with one folded pair.
#[derive(Debug, Clone, Copy, Default)]
struct Row {
    /// The third classes.
    thirds: u64,
    /// The group of the lowest.
    first: u32,
}

/// The literals of all detectors, ready to be looked for.
#[derive(Debug)]
pub struct Prefilter {
    /// Bit maps over folded triples; see [`ROWS`].
    maps: Box<[u64; ROWS]>,
    rows: Box<[Row; PAIRS]>,
    groups: Vec<Group>,
    /// Literals in the order of their folded triple, the long ones after the others, those of two
    /// bytes once per triple; and their heads beside them.
    order: Vec<(u32, Literal)>,
    heads: Vec<Head>,
    /// Bits of the heads of long literals, of which some triples begin many.
    sieve: Box<[u64; SIEVE]>,
    count: usize,
}

/// Zeros on the heap, never on the stack.
fn zeros<T: Clone + Default, const N: usize>() -> Box<[T; N]> {
    match vec![T::default(); N].into_boxed_slice().try_into() {
        Ok(array) => array,
        Err(_) => Box::new(std::array::from_fn(|_| T::default())),
    }
}

/// Where the bit of a head is in the sieve.
#[inline(always)]
const fn sieve(head: u64) -> (usize, u32) {
    let hash = head.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((hash >> 32) as usize % SIEVE, (hash >> 58) as u32)
}

const fn folds() -> [u8; 256] {
    let mut table = [0u8; 256];
    let mut i = 0;
    while i < 256 {
        let b = i as u8;
        // Odd classes continue a word.
        let class = match b {
            b'a'..=b'z' => 2 * (b - b'a') + 1,
            b'A'..=b'Z' => 2 * (b - b'A') + 1,
            b'0'..=b'9' => 53 + 2 * ((b - b'0') % 4),
            b'_' => 61,
            // Punctuation gets a class of its own as far as there are any left.
            b' ' | b'\n' | b'\t' | b'\r' => 0,
            b'.' => 2,
            b',' => 4,
            b'-' => 6,
            b'\'' => 8,
            b'"' => 10,
            b'/' => 12,
            b'\\' => 14,
            b'(' => 16,
            b')' => 18,
            b'<' => 20,
            b'>' => 22,
            b'=' => 24,
            b'%' => 26,
            b'$' => 28,
            b'{' => 30,
            b'}' => 32,
            b'|' => 34,
            b'&' => 36,
            b';' => 38,
            b':' => 40,
            b'*' => 42,
            b'#' => 44,
            b'@' => 46,
            b'[' => 48,
            b'+' => 50,
            b'`' => 52,
            b'!' => 54,
            128.. => 56 + 2 * (b % 3),
            _ => 62,
        };
        #[expect(clippy::indexing_slicing, reason = "evaluated at compile time")]
        {
            table[i] = class;
        }
        i += 1;
    }
    table
}

static FOLDS: [u8; 256] = folds();

#[inline(always)]
fn fold(b: u8) -> u32 {
    u32::from(FOLDS.get(usize::from(b)).copied().unwrap_or(0))
}

impl Prefilter {
    /// Prepares the literals. They are brought into normal form first, so that they are written as
    /// people write them; those of less than two bytes are left out.
    #[must_use]
    pub fn new<'a>(sets: impl Iterator<Item = (Vector, &'a [Literals])>) -> Self {
        let mut filter = Self {
            maps: zeros(),
            rows: zeros(),
            groups: Vec::new(),
            order: Vec::new(),
            heads: Vec::new(),
            sieve: zeros(),
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
                    let bytes = bytes.into_bytes().into_boxed_slice();
                    filter.insert(&Literal {
                        tail: lanes::eight(&bytes, bytes.len().saturating_sub(8), 0),
                        bytes,
                        vector,
                        class: set.class & 63,
                        bound: set.bound,
                    });
                }
            }
        }
        filter
            .order
            .sort_by_key(|(key, literal)| (*key, literal.is_long()));
        filter.index();
        filter
    }

    fn insert(&mut self, literal: &Literal) {
        let byte = |i: usize| literal.bytes.get(i).copied().unwrap_or(0);
        let pair = (fold(byte(0)) << CLASS_BITS) | fold(byte(1));
        let within = PAIRS + pair as usize;
        let rows = [
            Some(pair as usize),
            (literal.bound == Bound::None).then_some(within),
        ];
        let thirds = literal.classes(2);
        for third in (0..1 << CLASS_BITS).filter(|c| thirds >> c & 1 != 0) {
            for row in rows.into_iter().flatten() {
                if let Some(bits) = self.maps.get_mut(row) {
                    *bits |= 1 << third;
                }
            }
            self.order
                .push(((pair << CLASS_BITS) | third, literal.clone()));
        }
    }

    /// Groups the literals by their triple. They are in order.
    fn index(&mut self) {
        let mut last = None;
        for (at, (key, literal)) in self.order.iter().enumerate() {
            let missing = 8usize.saturating_sub(literal.bytes.len());
            let head = Head {
                bytes: lanes::lower(lanes::eight(&literal.bytes, 0, 0)),
                mask: u64::MAX >> (8 * missing),
            };
            self.heads.push(head);
            if literal.is_long() {
                let (word, bit) = sieve(head.bytes);
                if let Some(bits) = self.sieve.get_mut(word) {
                    *bits |= 1 << bit;
                }
            }
            let third = key % (1 << CLASS_BITS);
            if last != Some(*key) {
                last = Some(*key);
                if let Some(row) = self.rows.get_mut((key >> CLASS_BITS) as usize) {
                    if row.thirds == 0 {
                        row.first = self.groups.len() as u32;
                    }
                    row.thirds |= 1 << third;
                }
                self.groups.push(Group {
                    next: [0; 2],
                    from: at as u32,
                    long: at as u32,
                    to: at as u32,
                });
            }
            if let Some(group) = self.groups.last_mut() {
                group.to = at as u32 + 1;
                if !literal.is_long() {
                    group.long = group.to;
                }
                for (classes, i) in group.next.iter_mut().zip(3..) {
                    *classes |= literal.classes(i);
                }
            }
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
        let mut walk = 0;
        for (i, b) in bytes.iter().enumerate() {
            if self.step(&mut walk, *b)
                && i >= 2
                && let Some(group) = self.group(bytes, i - 2, walk)
            {
                self.verify(bytes, i - 2, group, &mut out);
            }
        }
        // Two bytes past the end, so that a literal of two bytes may end the text.
        for i in bytes.len()..bytes.len() + 2 {
            if self.step(&mut walk, 0)
                && i >= 2
                && let Some(group) = self.group(bytes, i - 2, walk)
            {
                self.verify(bytes, i - 2, group, &mut out);
            }
        }
        out
    }

    /// Takes one byte in after those of `walk`, the classes of the last bytes; whether a literal may
    /// begin with the last three.
    #[inline(always)]
    fn step(&self, walk: &mut u32, b: u8) -> bool {
        let class = fold(b);
        // Two classes, and of the one before them whether it continues a word.
        let row = *walk as usize % ROWS;
        *walk = (*walk << CLASS_BITS) | class;
        let bits = self.maps.get(row).copied().unwrap_or(0);
        bits >> (class % 64) & 1 != 0
    }

    /// The literals of the triple that ends `walk`, unless what follows it rules them out.
    #[inline(always)]
    fn group(&self, text: &[u8], start: usize, walk: u32) -> Option<Group> {
        let third = walk % 64;
        let row = self.rows.get((walk >> CLASS_BITS) as usize % PAIRS)?;
        let below = row.thirds & ((1 << third) - 1);
        let group = *self.groups.get((row.first + below.count_ones()) as usize)?;
        let follows = |at: usize| fold(text.get(at).copied().unwrap_or(0)) % 64;
        let [fourth, fifth] = group.next;
        let possible = fourth >> follows(start + 3) & fifth >> follows(start + 4) & 1;
        (possible != 0).then_some(group)
    }

    #[inline(never)]
    fn verify(&self, text: &[u8], start: usize, group: Group, out: &mut Hits) {
        let eight = lanes::lower(lanes::eight(text, start, 0));
        let (word, bit) = sieve(eight);
        let any_long = self.sieve.get(word).copied().unwrap_or(0) >> bit & 1 != 0;
        let to = if any_long { group.to } else { group.long };
        let range = group.from as usize..to as usize;
        let heads = self.heads.get(range.clone()).unwrap_or_default();
        let literals = self.order.get(range).unwrap_or_default();
        for (head, (_, literal)) in heads.iter().zip(literals) {
            if eight & head.mask != head.bytes {
                continue;
            }
            let end = start + literal.bytes.len();
            if !literal.stands(text, start, end) || !bounded(text, start, end, literal.bound) {
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
