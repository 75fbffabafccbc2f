//! Words of a text as hashed features of the linear models.
//!
//! One pass, no allocation. A word is a run of letters, an ideograph stands alone, a run of digits
//! is one token whatever its value, and a word longer than [`WORD_BYTES_MAX`] is one token whatever
//! it says: what is encoded shall not count as such.

use super::lexicon::LEXICON;
use super::patterns;
use crate::text::lanes;

/// Base-two logarithm of the number of buckets of a model.
const BUCKET_BITS: u32 = 18;
/// Buckets of a model.
pub const BUCKETS: usize = 1 << BUCKET_BITS;
/// Features of one token: the word, its stem, what it makes with the word before it, and its
/// family with those before it.
pub const FEATURES: usize = 10;
/// The bucket of a feature that a token does not have.
pub const ABSENT: u32 = BUCKETS as u32;
/// Tokens back to which a family still goes together with another.
const REACH: u32 = 8;
/// Families of a sentence that are remembered.
const PAST: usize = 6;
/// Of those, the ones that make a pair with the next.
const PAIRS: usize = 4;
/// A word too long to be one.
const BLOB: (u64, u64) = (0x71, 0x72);
/// A number, whatever its value.
const NUMBER: (u64, u64) = (0x61, 0x62);
/// Bytes of a word from which on it is a blob, not language.
const WORD_BYTES_MAX: usize = 36;
/// Bytes of a word that its stem keeps.
const STEM_BYTES: u32 = 5;

const BREAK: u8 = 0;
const LETTER: u8 = 1;
const DIGIT: u8 = 2;
const HIGH: u8 = 3;
const MARK: u8 = 4;
const JOIN: u8 = 5;

const fn kinds() -> [u8; 256] {
    let mut table = [BREAK; 256];
    let mut i = 0;
    while i < 256 {
        let b = i as u8;
        let kind = match b {
            b'a'..=b'z' | b'A'..=b'Z' => LETTER,
            b'0'..=b'9' => DIGIT,
            128.. => HIGH,
            b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'#' | b':' | b'"' | b'|' | b'=' | b'?'
            | b'!' => MARK,
            b'\'' => JOIN,
            _ => BREAK,
        };
        #[expect(clippy::indexing_slicing, reason = "evaluated at compile time")]
        {
            table[i] = kind;
        }
        i += 1;
    }
    table
}

static KINDS: [u8; 256] = kinds();

fn kind(b: u8) -> u8 {
    KINDS.get(usize::from(b)).copied().unwrap_or(BREAK)
}

/// Eight bytes from `at` on, zeros past the end.
#[inline(always)]
fn eight(bytes: &[u8], at: usize) -> u64 {
    lanes::eight(bytes, at, 0)
}

/// The first byte from `at` on that is neither an ASCII letter nor an apostrophe.
#[inline(always)]
fn letters_end(bytes: &[u8], mut at: usize) -> usize {
    loop {
        let x = eight(bytes, at);
        let length = lanes::first(lanes::others(lanes::letters(x) | lanes::equal(x, b'\'')));
        at += length;
        if length < 8 {
            return at;
        }
    }
}

/// ASCII letters of eight bytes in lower case; other bytes stay.
const fn lower(x: u64) -> u64 {
    x | (((x & 0x8080_8080_8080_8080) >> 2) ^ 0x2020_2020_2020_2020)
}

const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

const fn mix(a: u64, b: u64) -> u64 {
    let x = (a ^ b).wrapping_mul(MULTIPLIER);
    x ^ (x >> 29)
}

/// A word as a number and its stem as a number.
#[inline(always)]
pub(super) fn word(bytes: &[u8], start: usize, end: usize) -> (u64, u64) {
    let length = end.saturating_sub(start);
    let keep = |n: usize| {
        if n >= 8 {
            u64::MAX
        } else {
            (1u64 << (8 * n)) - 1
        }
    };
    let head = lower(eight(bytes, start)) & keep(length);
    // Ten bytes are about five letters of the scripts that take two bytes for one.
    let stem = if head & 0x80 == 0 {
        head & ((1u64 << (8 * STEM_BYTES)) - 1)
    } else {
        let tail = eight(bytes, start + 8) & keep(length.saturating_sub(8).min(2));
        mix(head, tail)
    };
    let mut whole = mix(head, length as u64);
    let mut at = 8;
    while at < length {
        whole = mix(whole, lower(eight(bytes, start + at)) & keep(length - at));
        at += 8;
    }
    (whole, mix(stem, 0x5200))
}

/// The buckets of one token.
pub type Token = [u32; FEATURES];

/// A family of words met in this sentence, and which token it was.
type Met = (u8, u32);

/// What was met before a token.
struct Before {
    /// The last word with its stem.
    word: (u64, u64),
    /// The last families of the sentence, the latest first.
    met: [Met; PAST],
    tokens: u32,
    evidence: u64,
}

/// Takes the features of the tokens of a text, each token's before the token.
pub(super) trait Sink {
    /// One feature of the token that comes.
    fn feature(&mut self, bucket: u32);
    /// The token, and the bytes that it stands at.
    fn token(&mut self, bytes: (usize, usize));
}

/// Calls `emit` with the features of each token of `text` and the bytes that it stands at. The text
/// should be in normal form where it is not ASCII. Returns the evidence of families near each
/// other, one bit each, and the number of tokens.
pub fn tokens(text: &str, emit: impl FnMut(&Token, (usize, usize))) -> (u64, u32) {
    struct Whole<F> {
        token: Token,
        length: usize,
        emit: F,
    }
    impl<F: FnMut(&Token, (usize, usize))> Sink for Whole<F> {
        fn feature(&mut self, bucket: u32) {
            if let Some(slot) = self.token.get_mut(self.length) {
                *slot = bucket;
                self.length += 1;
            }
        }

        fn token(&mut self, bytes: (usize, usize)) {
            (self.emit)(&self.token, bytes);
            self.token = [ABSENT; FEATURES];
            self.length = 0;
        }
    }
    let mut sink = Whole {
        token: [ABSENT; FEATURES],
        length: 0,
        emit,
    };
    walk(text, &mut sink)
}

/// As [`tokens`], feature by feature.
pub(super) fn walk(text: &str, sink: &mut impl Sink) -> (u64, u32) {
    let bytes = text.as_bytes();
    let lexicon = &*LEXICON;
    let mut before = Before {
        word: (1, 1),
        met: [(0, 0); PAST],
        tokens: 0,
        evidence: 0,
    };
    // Where the last ideograph ended: two beside each other are looked up as a pair.
    let mut ideograph_end = usize::MAX;
    let mut at = 0;
    while let Some(&b) = bytes.get(at) {
        let start = at;
        at += 1;
        if b == b' ' {
            continue;
        }
        let mut family = 0;
        let this = match kind(b) {
            HIGH if ideograph(bytes, start) => {
                at = (start + 3).min(bytes.len());
                if ideograph_end == start {
                    family = lexicon.family(word(bytes, start.saturating_sub(3), at));
                }
                ideograph_end = at;
                word(bytes, start, at)
            }
            LETTER | HIGH => {
                at = letters_end(bytes, at);
                while let Some(&b) = bytes.get(at)
                    && kind(b) == HIGH
                    && !ideograph(bytes, at)
                {
                    at = letters_end(bytes, at + 1);
                }
                if at - start > WORD_BYTES_MAX {
                    BLOB
                } else {
                    let this = word(bytes, start, at);
                    family = lexicon.family(this);
                    this
                }
            }
            DIGIT => {
                while bytes.get(at).is_some_and(|b| kind(*b) == DIGIT) {
                    at += 1;
                }
                NUMBER
            }
            MARK => {
                if matches!(b, b'{' | b'}' | b'?' | b'!' | b'|' | b'#') {
                    before.met = [(0, 0); PAST];
                }
                // A row of the same mark is one.
                if start > 0 && bytes.get(start - 1) == Some(&b) {
                    continue;
                }
                (0x100 + u64::from(b), 0x200 + u64::from(b))
            }
            _ => {
                // A sentence or statement ends: what follows belongs to another.
                let next = bytes.get(at).copied().unwrap_or(b' ');
                let ends = matches!(b, b'.' | b'\n') && matches!(next, b' ' | b'\n');
                if ends || matches!(b, b';' | b'(' | b')') {
                    before.met = [(0, 0); PAST];
                }
                continue;
            }
        };
        before.token(this, family, sink);
        sink.token((start, at));
    }
    (before.evidence, before.tokens)
}

impl Before {
    /// The features of the word `this` of `family` after what was before it.
    #[inline(always)]
    fn token(&mut self, this: (u64, u64), family: u8, sink: &mut impl Sink) {
        let second = std::mem::replace(&mut self.word, this);
        self.tokens += 1;
        sink.feature(bucket(this.0));
        sink.feature(bucket(this.1));
        sink.feature(bucket(mix(second.0, this.0.rotate_left(17))));
        sink.feature(bucket(mix(second.1.rotate_left(7), this.1)));
        if family != 0 {
            self.known(family, sink);
            return;
        }
        let (last, at) = self.met.first().copied().unwrap_or_default();
        if last != 0 && self.tokens - at <= 3 {
            sink.feature(bucket(mix(0x84 + u64::from(last) * 256, this.1)));
        }
    }

    /// The features that a word of `family` makes with those of the sentence.
    #[inline(never)]
    fn known(&mut self, family: u8, sink: &mut impl Sink) {
        let mut put = |x: u64| sink.feature(bucket(x));
        let f = u64::from(family);
        put(mix(0x81, f));
        let mut around = 1u32 << (family & 31);
        let mut near = [0u64; 2];
        for (i, (other, at)) in self.met.iter().enumerate() {
            let distance = self.tokens - at;
            if *other == 0 || distance > REACH {
                break;
            }
            around |= 1 << (other & 31);
            self.evidence |= patterns::close(*other, family, distance);
            if let Some(slot) = near.get_mut(i) {
                *slot = u64::from(*other);
            }
            if i < PAIRS {
                put(mix(0x82, (f << 8) | u64::from(*other)));
            }
        }
        let [last, but_one] = near;
        if but_one != 0 {
            put(mix(0x83, (f << 16) | (last << 8) | but_one));
        }
        self.evidence |= patterns::near(family, around, self.evidence);
        self.met.rotate_right(1);
        if let Some(slot) = self.met.first_mut() {
            *slot = (family, self.tokens);
        }
    }
}

/// Whether a character that stands for a word or syllable begins here: U+2E80 to U+9FFF, and
/// Hangul.
fn ideograph(bytes: &[u8], at: usize) -> bool {
    let first = bytes.get(at).copied().unwrap_or(0);
    if first < 0xe2 {
        return false;
    }
    let second = bytes.get(at + 1).copied().unwrap_or(0);
    match first {
        0xe2 => second >= 0xba,
        0xe3..=0xe9 | 0xeb..=0xec => true,
        0xea => second >= 0xb0,
        0xed => second <= 0x9e,
        _ => false,
    }
}

const fn bucket(x: u64) -> u32 {
    (x.wrapping_mul(MULTIPLIER) >> (64 - BUCKET_BITS)) as u32
}
