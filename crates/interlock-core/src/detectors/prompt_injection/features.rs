//! Words of a text as hashed features of the linear models.
//!
//! One pass, no allocation. A word is a run of letters, an ideograph stands alone, a run of digits
//! is one token whatever its value, and a word longer than [`WORD_BYTES_MAX`] is one token whatever
//! it says: what is encoded shall not count as such.

/// Base-two logarithm of the number of buckets of a model.
pub const BUCKET_BITS: u32 = 18;
/// Buckets of a model.
pub const BUCKETS: usize = 1 << BUCKET_BITS;
/// Features of one token: the word, its stem, and what it makes with the words before it.
pub const FEATURES: usize = 12;
/// The bucket of a feature that a token does not have.
pub const ABSENT: u32 = BUCKETS as u32;
/// Tokens back to which a family still goes together with another.
const REACH: u32 = 8;
/// Families remembered.
const PAST: usize = 6;
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
fn eight(bytes: &[u8], at: usize) -> u64 {
    match bytes.get(at..at + 8) {
        Some(b) => b.try_into().map_or(0, u64::from_le_bytes),
        None => {
            let mut out = [0u8; 8];
            for (to, from) in out.iter_mut().zip(bytes.get(at..).unwrap_or_default()) {
                *to = *from;
            }
            u64::from_le_bytes(out)
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

/// What the lexicon knows a whole word by.
pub(super) fn lookup_key(word: &[u8]) -> u64 {
    self::word(word, 0, word.len()).0
}

/// What the lexicon knows a stem by.
pub(super) fn stem_key(word: &[u8]) -> u64 {
    self::word(word, 0, word.len()).1
}

/// A word as a number and its stem as a number.
fn word(bytes: &[u8], start: usize, end: usize) -> (u64, u64) {
    let length = end - start;
    let keep = |n: usize| {
        if n >= 8 { u64::MAX } else { (1u64 << (8 * n)) - 1 }
    };
    let head = lower(eight(bytes, start)) & keep(length);
    // Ten bytes are about five letters of the scripts that take two bytes for one.
    let stem = if head & 0x80 == 0 {
        head & ((1u64 << (8 * STEM_BYTES)) - 1)
    } else {
        let tail = eight(bytes, start + 8) & keep(length.saturating_sub(8).min(2));
        mix(head, tail)
    };
    let mut whole = mix(head, 0x51);
    let mut at = 8;
    while at < length {
        whole = mix(whole, lower(eight(bytes, start + at)) & keep(length - at));
        at += 8;
    }
    (whole, mix(stem, 0x52))
}

/// The buckets of one token.
pub type Token = [u32; FEATURES];

/// Calls `emit` with the features of each token of `text`, which should be in normal form where it
/// is not ASCII.
pub fn tokens(text: &str, mut emit: impl FnMut(&Token)) -> (u64, u32) {
    let mut evidence = 0u64;
    let bytes = text.as_bytes();
    let mut before = [(1u64, 1u64); 2];
    let mut at = 0;
    let mut last_mark = 0u8;
    let lexicon = &*super::lexicon::LEXICON;
    let mut past = [(0u8, 0u32); PAST];
    let mut count = 0u32;
    let mut last_ideograph = usize::MAX;
    while let Some(&b) = bytes.get(at) {
        let start = at;
        at += 1;
        let mut family = 0u8;
        let this = match kind(b) {
            LETTER | HIGH => {
                if b >= 0xe2 && ideograph(bytes, start) {
                    at = (start + 3).min(bytes.len());
                    if last_ideograph == start {
                        family = lexicon.family(word(bytes, start - 3, at).0);
                    }
                    last_ideograph = at;
                    word(bytes, start, at)
                } else {
                    while let Some(&b) = bytes.get(at) {
                        let kind = kind(b);
                        if kind == LETTER || kind == JOIN {
                            at += 1;
                        } else if kind == HIGH && !(b >= 0xe2 && ideograph(bytes, at)) {
                            at += 1;
                        } else {
                            break;
                        }
                    }
                    if at - start > WORD_BYTES_MAX {
                        (0x71, 0x72)
                    } else {
                        let this = word(bytes, start, at);
                        family = lexicon.family(this.0);
                        if family == 0 {
                            family = lexicon.family(this.1);
                        }
                        this
                    }
                }
            }
            DIGIT => {
                while bytes.get(at).is_some_and(|b| kind(*b) == DIGIT) {
                    at += 1;
                }
                (0x61, 0x62)
            }
            MARK => {
                // A row of the same mark is one.
                if last_mark == b && bytes.get(start.wrapping_sub(1)) == Some(&b) {
                    continue;
                }
                last_mark = b;
                (0x100 + u64::from(b), 0x200 + u64::from(b))
            }
            _ => {
                // A sentence or statement ends: what follows belongs to another.
                let next = bytes.get(at).copied().unwrap_or(b' ');
                if matches!(b, b';' | b'(' | b')') || matches!(b, b'.' | b'\n') && (next == b' ' || next == b'\n')
                {
                    past = [(0, 0); PAST];
                }
                continue;
            }
        };
        if matches!(b, b'{' | b'}' | b'?' | b'!' | b'|' | b'#') {
            past = [(0, 0); PAST];
        }
        let [first, second] = before;
        let pair = mix(second.0, this.0.rotate_left(17));
        let mut token = [ABSENT; FEATURES];
        token[0] = bucket(this.0);
        token[1] = bucket(this.1);
        token[2] = bucket(pair);
        token[3] = bucket(mix(pair, first.0.rotate_left(31)));
        token[4] = bucket(mix(first.1.rotate_left(7), this.1));
        count += 1;
        if family != 0 {
            let f = u64::from(family);
            token[5] = bucket(mix(0x81, f));
            let mut near = [0u64; PAST];
            let mut around = 1u32 << family;
            for (i, (g, at)) in past.iter().enumerate() {
                if *g != 0 && count - at <= REACH {
                    near[i] = u64::from(*g);
                    around |= 1 << g;
                    evidence |= super::patterns::close(*g, family, count - at);
                    if i < 4 { token[6 + i] = bucket(mix(0x82, f << 8 | u64::from(*g))); }
                }
            }
            if near[1] != 0 {
                token[10] = bucket(mix(0x83, f << 16 | near[0] << 8 | near[1]));
            }
            evidence |= super::patterns::matched(family, around);
            past = [(family, count), past[0], past[1], past[2], past[3], past[4]];
        } else if past[0].0 != 0 && count - past[0].1 <= 3 {
            token[11] = bucket(mix(0x84 + u64::from(past[0].0) * 256, this.1));
        }
        emit(&token);
        before = [second, this];
    }
    (evidence, count)
}

/// Whether a character that stands for a word or syllable begins here: U+2E80 to U+9FFF, and
/// Hangul.
fn ideograph(bytes: &[u8], at: usize) -> bool {
    let first = bytes.get(at).copied().unwrap_or(0);
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
