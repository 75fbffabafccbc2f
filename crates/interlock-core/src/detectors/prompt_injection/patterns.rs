//! Which families of words, near each other in one sentence, are evidence for an injection.
//!
//! The strengths here are what is known beforehand; the trainer starts from them.

const DROP: u32 = 1 << 1;
const PRIOR: u32 = 1 << 2;
const TOLD: u32 = 1 << 3;
const LIMIT: u32 = 1 << 4;
const REVEAL: u32 = 1 << 5;
const SHOW: u32 = 1 << 6;
const HIDDEN: u32 = 1 << 7;
const YOU: u32 = 1 << 8;
const AI: u32 = 1 << 9;
const AUTHORITY: u32 = 1 << 10;
const FREE: u32 = 1 << 11;
const PLAY: u32 = 1 << 12;
const RUN: u32 = 1 << 13;
const SAY: u32 = 1 << 14;
const NOT: u32 = 1 << 15;
const NOW: u32 = 1 << 16;
const MODE: u32 = 1 << 17;
const REFUSE: u32 = 1 << 18;
const KEY: u32 = 1 << 19;
const HARM: u32 = 1 << 20;
const SEND: u32 = 1 << 21;
const USER: u32 = 1 << 22;
const SPELLING: u32 = 1 << 23;
const MUST: u32 = 1 << 24;
const SAID: u32 = 1 << 25;
const TRAIN: u32 = 1 << 26;
const SETUP: u32 = 1 << 27;
const SAFETY: u32 = 1 << 28;
const YOUR: u32 = 1 << 29;
const ASK: u32 = 1 << 30;
const ADDRESSED: u32 = YOU | YOUR;
const TELL: u32 = SHOW | REVEAL | SAY;

/// Families that stand near each other in any order, and how strong a hint that is, in eighths.
static NEAR: [(&[u32], i32); 38] = [
    (&[DROP, PRIOR, TOLD | LIMIT | SAFETY | SAID], 48),
    (
        &[DROP, ADDRESSED, TOLD | LIMIT | SAFETY | TRAIN | SETUP],
        40,
    ),
    (&[DROP, TOLD], 16),
    (&[DROP, SAFETY], 32),
    (&[DROP, LIMIT], 8),
    (&[TELL | ASK, ADDRESSED, TOLD], 32),
    (&[TELL | ASK, HIDDEN, TOLD], 32),
    (&[TELL | ASK, ADDRESSED, SAFETY], 24),
    (&[TELL, ADDRESSED, SETUP | LIMIT | TRAIN], 16),
    (&[TELL, HIDDEN, SETUP | LIMIT | SAFETY | TRAIN], 24),
    (&[REVEAL, TOLD | SAFETY | SETUP | LIMIT], 24),
    (&[REVEAL | SHOW, KEY, HIDDEN], 24),
    (&[NOT, SAFETY], 16),
    (&[NOT, LIMIT], 0),
    (&[AI, FREE | SAFETY], 8),
    (&[AI, TOLD | REVEAL | SETUP | LIMIT], 0),
    (&[ADDRESSED, TOLD], 16),
    (&[ADDRESSED, SAFETY], 24),
    (&[ADDRESSED, LIMIT], 8),
    (&[ADDRESSED, TRAIN], 0),
    (&[PLAY, AI | SAFETY], 0),
    (&[PLAY, FREE | HARM | SAFETY], 16),
    (&[AUTHORITY, SAFETY | REVEAL | FREE | MODE], 16),
    (&[AUTHORITY, TOLD | SETUP, ADDRESSED | SHOW | REVEAL], 16),
    (&[NOW, TOLD | FREE | SAFETY], 8),
    (&[MODE, FREE | SAFETY | NOT], 8),
    (&[NOT, REFUSE], 16),
    (&[ADDRESSED, REFUSE], 8),
    (&[HIDDEN, TOLD], 16),
    (&[HIDDEN, SETUP], 0),
    (&[MUST, TOLD | FREE, ADDRESSED], 16),
    (&[SPELLING, RUN | MUST], 16),
    (&[PRIOR, TOLD], 16),
    (&[SAID, TOLD, ADDRESSED], 16),
    (&[RUN, HARM | DROP], 16),
    (&[SEND, KEY, ADDRESSED | USER], 16),
    (&[FREE, ADDRESSED, PLAY | NOT | NOW], 24),
    (&[SAFETY, FREE], 16),
];

/// Two families in this order and at most so many tokens apart.
static CLOSE: [(u32, u32, u32, i32); 16] = [
    (YOUR, TOLD, 4, 24),
    (YOUR, SAFETY, 4, 32),
    (YOUR, SETUP, 3, 8),
    (YOUR, LIMIT, 3, 16),
    (YOUR, TRAIN, 3, 8),
    (HIDDEN, TOLD, 2, 16),
    (HIDDEN, SAFETY | LIMIT, 2, 16),
    (HIDDEN, SETUP, 2, 8),
    (NOT, SAFETY, 3, 24),
    (DROP, SAFETY, 4, 24),
    (DROP, LIMIT, 2, 16),
    (REVEAL, TOLD | SAFETY | SETUP, 4, 16),
    (SHOW, TOLD | SAFETY, 2, 8),
    (FREE, AI | MODE, 3, 24),
    (SAFETY, DROP, 4, 24),
    (TOLD | LIMIT, DROP, 3, 8),
];

/// Bit of the first entry of [`CLOSE`] in the evidence.
const CLOSE_FROM: usize = 44;

/// For each family the entries of [`NEAR`] that speak of it.
static SPEAKS_OF: [u64; 32] = speaks_of();

#[expect(clippy::indexing_slicing, reason = "evaluated at compile time")]
const fn speaks_of() -> [u64; 32] {
    let mut table = [0u64; 32];
    let mut i = 0;
    while i < NEAR.len() {
        let sets = NEAR[i].0;
        let mut n = 0;
        while n < sets.len() {
            let mut family = 0;
            while family < 32 {
                if sets[n] >> family & 1 != 0 {
                    table[family] |= 1 << i;
                }
                family += 1;
            }
            n += 1;
        }
        i += 1;
    }
    table
}

/// The evidence that `family` completes among the families `around` it, beyond what is `known`.
pub(super) fn near(family: u8, around: u32, known: u64) -> u64 {
    let mut candidates = SPEAKS_OF.get(usize::from(family)).copied().unwrap_or(0) & !known;
    let mut found = 0u64;
    while candidates != 0 {
        let i = candidates.trailing_zeros();
        candidates &= candidates - 1;
        if let Some((sets, _)) = NEAR.get(i as usize)
            && sets.iter().all(|s| s & around != 0)
        {
            found |= 1 << i;
        }
    }
    found
}

/// The evidence that `before` and `family` make, so many tokens apart.
pub(super) fn close(before: u8, family: u8, distance: u32) -> u64 {
    let mut found = 0u64;
    for (i, (first, second, most, _)) in CLOSE.iter().enumerate() {
        if first >> before & second >> family & 1 != 0 && distance <= *most {
            found |= 1 << (i + CLOSE_FROM);
        }
    }
    found
}

/// What is known beforehand of one bit of evidence, in eighths.
#[must_use]
pub fn prior(bit: usize) -> i32 {
    let close = bit.checked_sub(CLOSE_FROM).and_then(|i| CLOSE.get(i));
    let near = NEAR.get(bit).map_or(0, |(_, strength)| *strength);
    close.map_or(near, |(.., strength)| *strength)
}
