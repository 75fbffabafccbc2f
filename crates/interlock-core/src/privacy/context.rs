//! What the words beside a value say about it.

use std::sync::LazyLock;

use super::kind::Kind;
use super::scan::{Input, KINDS};

/// Bytes before a value that are read.
const BEFORE_BYTES: usize = 48;
/// Bytes behind a value that are read.
const AFTER_BYTES: usize = 28;
/// Slots of the table of words; a power of two well above their number.
const SLOTS: usize = 4_096;

/// Kinds that words announce, one bit each in the order of [`KINDS`], and one bit for words that
/// announce a number that is nobody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Announced(u128);

impl Announced {
    /// A number that is nobody's: an order, a version, a time.
    const OTHER: u128 = 1 << 127;

    pub(super) const fn of(index: usize) -> Self {
        Self(1 << index)
    }

    pub(super) const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn other(self) -> bool {
        self.0 & Self::OTHER != 0
    }
}

/// Words that announce a number that is nobody's.
const OTHER_WORDS: &[&str] = &[
    "order",
    "tracking",
    "invoice",
    "ref",
    "reference",
    "isbn",
    "issn",
    "sku",
    "ticket",
    "epoch",
    "timestamp",
    "serial",
    "uuid",
    "guid",
    "version",
    "build",
    "commit",
    "parcel",
    "shipment",
    "batch",
    "lot",
    "part",
    "model",
    "receipt",
    "transaction",
    "txn",
    "booking",
    "reservation",
    "flight",
    "hash",
    "sha",
    "md5",
    "checksum",
    "revision",
    "bytes",
    "duration",
    "latency",
    "ean",
    "upc",
    "gtin",
    "barcode",
    "doi",
    "arxiv",
    "port",
    "pid",
    "trace",
    "span",
    "job",
    "page",
    "chapter",
    "figure",
    "latitude",
    "longitude",
    "lat",
    "lon",
    "coordinates",
    "item",
    "product",
    "order_id",
    "bestellung",
    "rechnung",
    "commande",
    "facture",
    "pedido",
    "factura",
    "ordine",
    "fattura",
    "nanoseconds",
    "milliseconds",
    "offset",
    "seed",
    "price",
    "total",
    "amount",
];

#[derive(Debug)]
struct Word {
    first: &'static str,
    /// The words that follow, with a space before each.
    rest: &'static str,
    bits: u128,
}

#[derive(Debug)]
struct Table {
    words: Vec<Word>,
    /// One more than the position of the first word that hashes here.
    slots: Vec<u16>,
    /// Words of scripts that put no space between words.
    unspaced: Vec<(&'static str, u128)>,
}

static TABLE: LazyLock<Table> = LazyLock::new(Table::new);

fn hash(word: impl Iterator<Item = u8>) -> usize {
    let folded = word.fold(0xcbf2_9ce4_8422_2325u64, |h, b| {
        (h ^ u64::from(b.to_ascii_lowercase())).wrapping_mul(0x0100_0000_01b3)
    });
    (folded ^ (folded >> 29)) as usize & (SLOTS - 1)
}

impl Table {
    fn new() -> Self {
        let mut table = Self {
            words: Vec::new(),
            slots: vec![0; SLOTS],
            unspaced: Vec::new(),
        };
        for (index, kind) in KINDS.iter().enumerate() {
            for word in kind.words {
                table.add(word, 1 << index);
            }
        }
        for word in OTHER_WORDS {
            table.add(word, Announced::OTHER);
        }
        // Words of one spelling stand together, so that a slot leads to all of them.
        table.words.sort_by_key(|w| (w.first, w.rest));
        for (at, word) in table.words.iter().enumerate().rev() {
            let first = word.first;
            let mut slot = hash(first.bytes());
            // Probing on: another spelling may hold the slot.
            while let Some(taken) = table.slots.get(slot).copied().filter(|t| *t != 0) {
                let same = table
                    .words
                    .get(usize::from(taken) - 1)
                    .is_some_and(|w| w.first == first);
                if same {
                    break;
                }
                slot = (slot + 1) & (SLOTS - 1);
            }
            if let Some(place) = table.slots.get_mut(slot) {
                *place = u16::try_from(at + 1).unwrap_or(0);
            }
        }
        table
    }

    fn add(&mut self, word: &'static str, bits: u128) {
        if word.chars().next().is_some_and(|c| c >= '\u{e00}') {
            self.unspaced.push((word, bits));
            return;
        }
        let split = word.find([' ', '-', '_']).unwrap_or(word.len());
        let (first, rest) = word.split_at(split);
        match self
            .words
            .iter_mut()
            .find(|w| w.first == first && w.rest == rest)
        {
            Some(known) => known.bits |= bits,
            None => self.words.push(Word { first, rest, bits }),
        }
    }

    /// What the word at `start..end` of `text` announces, with the words behind it.
    fn at(&self, text: &[u8], start: usize, end: usize) -> u128 {
        let word = text.get(start..end).unwrap_or_default();
        let mut slot = hash(word.iter().copied());
        let mut bits = 0;
        while let Some(taken) = self.slots.get(slot).copied().filter(|t| *t != 0) {
            let from = usize::from(taken) - 1;
            for known in self.words.iter().skip(from) {
                if !known.first.as_bytes().eq_ignore_ascii_case(word) {
                    break;
                }
                if follows(text, end, known.rest.as_bytes()) {
                    bits |= known.bits;
                }
            }
            if bits != 0 {
                break;
            }
            slot = (slot + 1) & (SLOTS - 1);
        }
        bits
    }

    fn window(&self, text: &[u8], from: usize, to: usize) -> u128 {
        let mut bits = 0;
        let mut foreign = false;
        let mut i = from;
        let at = |i: usize| text.get(i).copied().unwrap_or(0);
        while i < to {
            if !letter(at(i)) {
                i += 1;
                continue;
            }
            let start = i;
            let mut part = i;
            while i < to && letter(at(i)) {
                foreign |= at(i) >= 0xe0;
                // `passportNumber` is two words.
                if i > part && at(i).is_ascii_uppercase() && at(i - 1).is_ascii_lowercase() {
                    bits |= self.at(text, part, i);
                    part = i;
                }
                i += 1;
            }
            // A plural is the same word.
            bits |= self.at(text, part, i);
            if at(i - 1) == b's' && i - part > 3 {
                bits |= self.at(text, part, i - 1);
            }
            if part != start {
                bits |= self.at(text, start, i);
            }
        }
        if foreign {
            let window = text.get(from..to).unwrap_or_default();
            for (word, bit) in &self.unspaced {
                if window.windows(word.len()).any(|w| w == word.as_bytes()) {
                    bits |= bit;
                }
            }
        }
        bits
    }
}

/// Whether the words `rest` follow at `at`; a space stands for whatever separates words.
fn follows(text: &[u8], mut at: usize, rest: &[u8]) -> bool {
    for b in rest {
        let there = text.get(at).copied().unwrap_or(0);
        let same = match b {
            b' ' | b'-' | b'_' => matches!(there, b' ' | b'-' | b'_' | b'.' | b'\n' | b'\''),
            _ => there.eq_ignore_ascii_case(b),
        };
        if !same {
            return false;
        }
        at += 1;
    }
    !text.get(at).copied().is_some_and(letter)
        || rest.is_empty()
        || text.get(at).is_some_and(u8::is_ascii_uppercase)
}

const fn letter(b: u8) -> bool {
    b.is_ascii_alphabetic() || b >= 0x80
}

/// Where the words that speak of the value at `start` begin: behind the number before it, unless
/// nothing but separators stands between the two.
fn behind_last_number(text: &[u8], from: usize, start: usize) -> usize {
    /// Digits from which on a number has words of its own.
    const DIGITS_MIN: usize = 6;
    let (mut words, mut digits, mut end) = (false, 0, from);
    for i in (from..start).rev() {
        match text.get(i).copied().unwrap_or(0) {
            b if letter(b) => {
                words = true;
                digits = 0;
            }
            b'0'..=b'9' => {
                if digits == 0 {
                    end = i + 1;
                }
                digits += 1;
                if words && digits >= DIGITS_MIN {
                    return end;
                }
            }
            _ => {}
        }
    }
    from
}

/// What the words before and behind `start..end` announce.
pub(super) fn around(text: &str, start: usize, end: usize) -> Announced {
    let bytes = text.as_bytes();
    let mut from = start.saturating_sub(BEFORE_BYTES);
    // Not from the middle of a word.
    if from > 0 && bytes.get(from - 1).copied().is_some_and(letter) {
        while from < start && bytes.get(from).copied().is_some_and(letter) {
            from += 1;
        }
    }
    let before = TABLE.window(
        bytes,
        from.max(behind_last_number(bytes, from, start)),
        start,
    );
    let to = bytes.len().min(end + AFTER_BYTES);
    let after = match bytes.get(end) {
        // What stands in the next field or line announces the next value.
        Some(b'\n' | b',' | b'"' | b';' | b'|') | None => 0,
        _ => {
            let stop = bytes
                .get(end..to)
                .and_then(|t| {
                    t.iter()
                        .position(|b| matches!(b, b'\n' | b';' | b'|' | b':' | b'='))
                })
                .map_or(to, |n| end + n);
            TABLE.window(bytes, end, stop)
        }
    };
    Announced(before | (after & !Announced::OTHER))
}

/// What the name of a field announces.
pub(super) fn of_key(key: &str) -> Announced {
    /// Longer names are no field names.
    const KEY_BYTES_MAX: usize = 64;
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        return Announced::default();
    }
    Announced(TABLE.window(key.as_bytes(), 0, key.len()))
}

/// Whether a word of `kind` stands beside `start..end` or names the field.
pub(super) fn named(input: &Input<'_>, start: usize, end: usize, kind: &Kind) -> bool {
    let index = KINDS.iter().position(|k| k.name == kind.name);
    index.is_some_and(|i| {
        let announced = around(input.text, start, end).and(input.announced);
        announced.has(Announced::of(i))
    })
}
