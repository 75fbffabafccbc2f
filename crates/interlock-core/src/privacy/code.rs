//! Codes: letters and digits together, as documents, vehicles and national registers number things.

use std::cell::Cell;
use std::sync::LazyLock;

use super::context::{self, Announced};
use super::kind::{Finder, Kind, Match};
use super::scan::{Input, KINDS};

/// Letters and digits of a code that any kind knows.
const CODE_MAX: usize = 24;
/// Letters and digits below which no kind is known.
const CODE_MIN: usize = 6;
/// Digits below which no kind is known.
const DIGITS_MIN: usize = 2;

/// A code in a text.
#[derive(Debug)]
pub(super) struct Code<'a> {
    text: &'a str,
    start: usize,
    end: usize,
    compact: [u8; CODE_MAX],
    count: usize,
    key: Announced,
    around: Cell<Option<Announced>>,
    kind: Cell<Announced>,
}

impl<'a> Code<'a> {
    fn new(input: &Input<'a>, start: usize, end: usize) -> Option<Self> {
        let mut code = Self {
            text: input.text,
            start,
            end,
            compact: [0; CODE_MAX],
            count: 0,
            key: input.announced,
            around: Cell::new(None),
            kind: Cell::new(Announced::default()),
        };
        for b in input.text.as_bytes().get(start..end)? {
            if b.is_ascii_alphanumeric() {
                *code.compact.get_mut(code.count)? = b.to_ascii_uppercase();
                code.count += 1;
            }
        }
        Some(code)
    }

    /// Its letters, in upper case, and digits.
    pub(super) fn compact(&self) -> &[u8] {
        self.compact.get(..self.count).unwrap_or_default()
    }

    /// Its text.
    pub(super) fn part(&self) -> &'a str {
        self.text.get(self.start..self.end).unwrap_or_default()
    }

    /// Whether its letters are as given: `A` for a letter, `9` for a digit, `*` for either, a
    /// lower-case letter for that letter.
    pub(super) fn shaped(&self, shape: &str) -> bool {
        shaped(self.compact(), shape)
    }

    /// Whether all its letters are of upper case: documents print them so.
    pub(super) fn upper(&self) -> bool {
        !self.part().bytes().any(|b| b.is_ascii_lowercase())
    }

    /// Whether nothing separates its letters and digits.
    pub(super) fn plain(&self) -> bool {
        self.end - self.start == self.count
    }

    /// The digits of a part of it.
    pub(super) fn digits(&self, from: usize, to: usize) -> ([u8; CODE_MAX], usize) {
        let mut digits = [0; CODE_MAX];
        let mut count = 0;
        for b in self.compact().get(from..to).unwrap_or_default() {
            if b.is_ascii_digit()
                && let Some(slot) = digits.get_mut(count)
            {
                *slot = b - b'0';
                count += 1;
            }
        }
        (digits, count)
    }

    fn announced(&self) -> Announced {
        self.around.get().unwrap_or_else(|| {
            let around = context::around(self.text, self.start, self.end).and(self.key);
            self.around.set(Some(around));
            around
        })
    }

    /// Whether a word of the kind in question stands beside it.
    pub(super) fn named(&self) -> bool {
        self.announced().has(self.kind.get())
    }

    /// How sure it is: `named` with a word of the kind beside it, `unnamed` without.
    pub(super) fn sure(&self, named: u8, unnamed: u8) -> u8 {
        if self.named() {
            named
        } else if unnamed > 0 && self.upper() && !self.announced().other() {
            unnamed
        } else {
            0
        }
    }
}

/// As [`Code::shaped`], for any text in upper case.
pub(super) fn shaped(text: &[u8], shape: &str) -> bool {
    text.len() == shape.len()
        && text.iter().zip(shape.bytes()).all(|(b, s)| match s {
            b'A' => b.is_ascii_uppercase(),
            b'9' => b.is_ascii_digit(),
            b'*' => true,
            s => *b == s.to_ascii_uppercase(),
        })
}

/// The kinds that are codes, by their length.
static BY_LENGTH: LazyLock<Vec<Vec<usize>>> = LazyLock::new(|| {
    (0..=CODE_MAX)
        .map(|n| {
            let fits = |kind: &Kind| matches!(kind.finder, Finder::Code(min, max, _) if (usize::from(min)..=usize::from(max)).contains(&n));
            (0..KINDS.len()).filter(|i| KINDS.get(*i).is_some_and(|k| fits(k))).collect()
        })
        .collect()
});

/// Finds the kinds that are codes.
pub(super) fn find(input: &Input<'_>, out: &mut Vec<Match>) {
    let bytes = input.text.as_bytes();
    let at = |i: usize| bytes.get(i).copied().unwrap_or(0);
    let mut i = 0;
    while i < bytes.len() {
        if !at(i).is_ascii_alphanumeric() {
            i += 1;
            continue;
        }
        let start = i;
        let (mut digits, mut letters) = (0, 0);
        // A hyphen, a dot or a slash between two of its characters belongs to it.
        while at(i).is_ascii_alphanumeric()
            || (matches!(at(i), b'-' | b'.' | b'/') && at(i + 1).is_ascii_alphanumeric())
        {
            digits += usize::from(at(i).is_ascii_digit());
            letters += usize::from(at(i).is_ascii_alphabetic());
            i += 1;
        }
        // So does a check character in parentheses.
        if at(i) == b'(' && at(i + 1).is_ascii_alphanumeric() && at(i + 2) == b')' {
            digits += usize::from(at(i + 1).is_ascii_digit());
            letters += usize::from(at(i + 1).is_ascii_alphabetic());
            i += 3;
        }
        let before = start.checked_sub(1).map_or(0, at);
        let joined = matches!(
            before,
            b'_' | b'/' | b'+' | b'%' | b'\\' | b'@' | b'&' | b'~'
        ) || matches!(
            at(i),
            b'_' | b'/' | b'+' | b'%' | b'\\' | b'@' | b'~' | b'='
        ) || (before == b'-' || before == b'.')
            && start > 1
            && at(start - 2).is_ascii_alphanumeric();
        let length = digits + letters;
        if joined || digits < DIGITS_MIN || letters == 0 || !(CODE_MIN..=CODE_MAX).contains(&length)
        {
            continue;
        }
        judge(input, start, i, length, out);
    }
}

fn judge(input: &Input<'_>, start: usize, end: usize, length: usize, out: &mut Vec<Match>) {
    let Some(kinds) = BY_LENGTH.get(length).filter(|k| !k.is_empty()) else {
        return;
    };
    let Some(code) = Code::new(input, start, end) else {
        return;
    };
    let mut best: Option<Match> = None;
    for index in kinds {
        let Some(kind) = KINDS.get(*index) else {
            continue;
        };
        code.kind.set(Announced::of(*index));
        if let Finder::Code(_, _, judge) = kind.finder {
            let confidence = judge(&code);
            if confidence > best.map_or(0, |b| b.confidence) {
                best = Some(Match {
                    kind,
                    start,
                    end,
                    confidence,
                });
            }
        }
    }
    out.extend(best);
}

/// How sure `judge` is that `text` as a whole is a code of its kind that a word announces.
pub(super) fn recognise(text: &str, judge: fn(&Code<'_>) -> u8) -> u8 {
    let input = Input::alone(text);
    let Some(code) = Code::new(&input, 0, text.len()) else {
        return 0;
    };
    code.kind.set(Announced::of(0));
    code.around.set(Some(Announced::of(0)));
    judge(&code)
}
