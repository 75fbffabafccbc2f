//! Numbers as people write them: groups of digits with single separators between them.

use std::cell::Cell;
use std::sync::LazyLock;

use super::context::{self, Announced};
use super::kind::{Finder, Kind, Match};
use super::scan::{Input, KINDS};

/// Digits of a number that any kind knows.
pub(super) const DIGITS_MAX: usize = 24;
/// Groups of one chain; a longer chain is cut.
const GROUPS_MAX: usize = 12;
/// Groups of a part of a chain that is looked at alone.
const PART_GROUPS_MAX: usize = 6;
/// Groups from which on a chain is a row of a table, whose cells of one digit are no parts of numbers.
const TABLE_GROUPS_MIN: usize = 10;
/// Digits below which no kind is known.
const DIGITS_MIN: usize = 6;

/// Separators between groups, as bits.
pub(super) mod separator {
    pub(in crate::privacy) const SPACE: u8 = 1;
    pub(in crate::privacy) const HYPHEN: u8 = 2;
    pub(in crate::privacy) const DOT: u8 = 4;
    pub(in crate::privacy) const PARENTHESIS: u8 = 8;
    pub(in crate::privacy) const SLASH: u8 = 16;
}
use separator::{DOT, HYPHEN, PARENTHESIS, SLASH, SPACE};

/// A group of digits and the separator before it.
#[derive(Debug, Clone, Copy, Default)]
struct Group {
    start: usize,
    end: usize,
    before: u8,
}

/// A number in a text.
#[derive(Debug)]
pub(super) struct Number<'a> {
    text: &'a str,
    /// First byte.
    pub(super) start: usize,
    /// One past the last byte.
    pub(super) end: usize,
    digits: [u8; DIGITS_MAX],
    count: usize,
    /// Digits of each group.
    groups: [u8; GROUPS_MAX],
    group_count: usize,
    /// The separators in it.
    pub(super) separators: u8,
    /// A `+` stands before it.
    pub(super) plus: bool,
    /// Bytes before its first digit that belong to it: `+`, and a parenthesis that closes in it.
    lead: usize,
    /// It stands for itself: it neither continues a word nor is continued by one.
    pub(super) alone: bool,
    key: Announced,
    around: Cell<Option<Announced>>,
    /// The chain of which it is a part: the words beside the one are the words beside the other.
    chain: (usize, usize),
    kind: Cell<Announced>,
}

impl<'a> Number<'a> {
    fn new(input: &Input<'a>, groups: &[Group]) -> Option<Self> {
        let (first, last) = (groups.first()?, groups.last()?);
        let mut number = Self {
            text: input.text,
            start: first.start,
            end: last.end,
            digits: [0; DIGITS_MAX],
            count: 0,
            groups: [0; GROUPS_MAX],
            group_count: groups.len().min(GROUPS_MAX),
            separators: 0,
            plus: false,
            lead: 0,
            alone: true,
            key: input.announced,
            around: Cell::new(None),
            chain: (first.start, last.end),
            kind: Cell::new(Announced::default()),
        };
        let bytes = input.text.as_bytes();
        for (i, group) in groups.iter().enumerate() {
            if i > 0 {
                number.separators |= group.before;
            }
            *number.groups.get_mut(i)? = u8::try_from(group.end - group.start).ok()?;
            for b in bytes.get(group.start..group.end)? {
                *number.digits.get_mut(number.count)? = b - b'0';
                number.count += 1;
            }
        }
        let before = |n: usize| number.start.checked_sub(n).and_then(|i| bytes.get(i));
        number.plus =
            before(1) == Some(&b'+') || (before(1) == Some(&b'(') && before(2) == Some(&b'+'));
        if before(1) == Some(&b'(') {
            number.lead = usize::from(number.separators & PARENTHESIS != 0);
            number.separators |= PARENTHESIS;
        }
        number.lead += usize::from(before(number.lead + 1) == Some(&b'+'));
        Some(number)
    }

    /// The digits.
    pub(super) fn digits(&self) -> &[u8] {
        self.digits.get(..self.count).unwrap_or_default()
    }

    /// The lengths of its groups.
    pub(super) fn groups(&self) -> &[u8] {
        self.groups.get(..self.group_count).unwrap_or_default()
    }

    /// The text behind it.
    pub(super) fn rest(&self) -> &'a str {
        self.text.get(self.end..).unwrap_or_default()
    }

    /// Whether it has no separators.
    pub(super) fn plain(&self) -> bool {
        self.group_count == 1
    }

    /// Whether its groups are so long and only these separators stand between them.
    pub(super) fn grouped(&self, groups: &[u8], separators: u8) -> bool {
        self.groups() == groups && self.separators & !separators == 0
    }

    /// Whether it is plain, or grouped in one of these ways with spaces or hyphens.
    pub(super) fn plain_or(&self, groups: &[u8]) -> bool {
        self.plain() || self.grouped(groups, SPACE | HYPHEN | DOT)
    }

    fn announced(&self) -> Announced {
        self.around.get().unwrap_or_else(|| {
            let around = context::around(self.text, self.chain.0, self.chain.1).and(self.key);
            self.around.set(Some(around));
            around
        })
    }

    /// Whether a word of the kind in question stands beside it.
    pub(super) fn named(&self) -> bool {
        self.announced().has(self.kind.get())
    }

    /// Whether a word beside it says that it is nobody's number: an order, a version.
    pub(super) fn other(&self) -> bool {
        self.announced().other()
    }

    /// How sure it is: `named` with a word of the kind beside it, `unnamed` without.
    pub(super) fn sure(&self, named: u8, unnamed: u8) -> u8 {
        if self.named() {
            named
        } else if unnamed > 0 && !self.other() {
            unnamed
        } else {
            0
        }
    }
}

/// The kinds that are numbers, by their digits.
static BY_DIGITS: LazyLock<Vec<Vec<usize>>> = LazyLock::new(|| {
    (0..=DIGITS_MAX)
        .map(|n| {
            let fits = |kind: &Kind| matches!(kind.finder, Finder::Number(min, max, _) if (usize::from(min)..=usize::from(max)).contains(&n));
            (0..KINDS.len()).filter(|i| KINDS.get(*i).is_some_and(|k| fits(k))).collect()
        })
        .collect()
});

/// Finds the kinds that are numbers.
pub(super) fn find(input: &Input<'_>, out: &mut Vec<Match>) {
    let bytes = input.text.as_bytes();
    let at = |i: usize| bytes.get(i).copied().unwrap_or(0);
    let mut chain = [Group::default(); GROUPS_MAX];
    let mut i = 0;
    while i < bytes.len() {
        if !at(i).is_ascii_digit() {
            i += 1;
            continue;
        }
        let mut count = 0;
        let mut before = 0;
        let mut digits = 0;
        loop {
            let start = i;
            while at(i).is_ascii_digit() {
                i += 1;
            }
            if let Some(slot) = chain.get_mut(count) {
                *slot = Group {
                    start,
                    end: i,
                    before,
                };
                count += 1;
            }
            digits += i - start;
            let (length, kind) = separator_at(bytes, i);
            if length == 0 || count >= GROUPS_MAX || i - start > DIGITS_MAX {
                break;
            }
            before = kind;
            i += length;
        }
        if digits >= DIGITS_MIN {
            let groups = chain.get(..count).unwrap_or_default();
            chain_of(input, groups, out);
        }
    }
}

/// Groups with a separator between each two, and the words beside them, once they are read.
#[derive(Debug)]
struct Chain {
    bounds: (usize, usize),
    around: Cell<Option<Announced>>,
}

/// Looks at a whole chain, then at its parts.
fn chain_of(input: &Input<'_>, groups: &[Group], out: &mut Vec<Match>) {
    let (Some(first), Some(last)) = (groups.first(), groups.last()) else {
        return;
    };
    let chain = Chain {
        bounds: (first.start, last.end),
        around: Cell::new(None),
    };
    if judge(input, groups, &chain, out) || groups.len() < 2 {
        return;
    }
    let table = groups.len() >= TABLE_GROUPS_MIN;
    let mut from = 0;
    while from < groups.len() {
        let most = (groups.len() - from).min(PART_GROUPS_MAX);
        let found = (1..=most).rev().find(|n| {
            let part = groups.get(from..from + n).unwrap_or_default();
            let cells = table && *n > 1 && part.iter().any(|g| g.end - g.start < 2);
            *n < groups.len()
                && !cells
                && separated(groups, from, from + n)
                && judge(input, part, &chain, out)
        });
        from += found.unwrap_or(1);
    }
}

/// Whether the part `from..to` of a chain is a number of its own: what separates it from the rest is
/// a space, a slash or a parenthesis, and within it one separator repeats.
fn separated(groups: &[Group], from: usize, to: usize) -> bool {
    let before = |i: usize| groups.get(i).map_or(SPACE, |g| g.before);
    let ends = (from == 0 || before(from) & !(SPACE | SLASH | PARENTHESIS) == 0)
        && before(to) & !(SPACE | SLASH | PARENTHESIS) == 0;
    let inner = (from + 1..to).fold(0, |all, i| all | before(i));
    ends && inner.count_ones() <= 1
}

/// Asks every kind of that many digits; whether any took it.
fn judge(input: &Input<'_>, groups: &[Group], chain: &Chain, out: &mut Vec<Match>) -> bool {
    let digits: usize = groups.iter().map(|g| g.end - g.start).sum();
    let Some(kinds) = BY_DIGITS.get(digits).filter(|k| !k.is_empty()) else {
        return false;
    };
    let Some(mut number) = Number::new(input, groups) else {
        return false;
    };
    let whole = (number.start, number.end) == chain.bounds;
    number.alone = alone(input.text, number.start, number.end, whole);
    number.chain = chain.bounds;
    number.around.set(chain.around.get());
    if !number.alone {
        return false;
    }
    let mut best: Option<Match> = None;
    for index in kinds {
        let Some(kind) = KINDS.get(*index) else {
            continue;
        };
        number.kind.set(Announced::of(*index));
        if let Finder::Number(_, _, judge) = kind.finder {
            let confidence = judge(&number);
            if confidence > best.map_or(0, |b| b.confidence) {
                best = Some(Match {
                    kind,
                    start: number.start - number.lead,
                    end: number.end + extension_bytes(input.text, number.end),
                    confidence,
                });
            }
        }
    }
    chain.around.set(number.around.get());
    out.extend(best);
    best.is_some()
}

/// Whether a number neither continues a word nor is continued by one.
fn alone(text: &str, start: usize, end: usize, whole: bool) -> bool {
    let bytes = text.as_bytes();
    let at = |i: usize| bytes.get(i).copied().unwrap_or(0);
    let back = |n: usize| start.checked_sub(n).map_or(0, at);
    let (before, after) = (back(1), at(end));
    let escaped = matches!(before, b'n' | b't' | b'r') && back(2) == b'\\';
    let front = (before.is_ascii_alphanumeric() && !escaped)
        || before >= 0x80 && !spacing(text, start)
        || matches!(before, b'_' | b'%')
        || before == b'$'
        || (before == b'\\')
        || (before == b'.' && back(2).is_ascii_digit())
        || (before == b'-' && back(2).is_ascii_alphanumeric() && whole);
    let behind = (after.is_ascii_alphanumeric() && !extension(bytes, end))
        || matches!(after, b'_' | b'%')
        || (after == b'-' && at(end + 1).is_ascii_alphanumeric() && !label(text, end + 1) && whole)
        || (matches!(after, b'.' | b',') && at(end + 1).is_ascii_digit());
    !front && !behind
}

/// Whether the character before `start` is a space or punctuation beyond ASCII, or a letter of a
/// script that puts no space between a word and a number.
fn spacing(text: &str, start: usize) -> bool {
    text.get(..start)
        .and_then(|t| t.chars().next_back())
        .is_some_and(|c| !c.is_alphanumeric() || c >= '\u{e00}')
}

/// The bytes of an extension behind a telephone number: `x123`, ` ext. 12`.
fn extension_bytes(text: &str, end: usize) -> usize {
    /// Digits of an extension.
    const DIGITS_MAX: usize = 6;
    let rest = text.get(end..).unwrap_or_default();
    let mark = ["x", " x", " ext. ", " ext ", " ext.", "ext.", "ext"]
        .iter()
        .find(|m| {
            rest.get(..m.len())
                .is_some_and(|t| t.eq_ignore_ascii_case(m))
        })
        .map_or(0, |m| m.len());
    let digits = rest
        .bytes()
        .skip(mark)
        .take(DIGITS_MAX)
        .take_while(u8::is_ascii_digit)
        .count();
    if mark > 0 && digits > 0 {
        mark + digits
    } else {
        0
    }
}

/// `x123` behind a telephone number.
fn extension(bytes: &[u8], at: usize) -> bool {
    matches!(bytes.get(at..at + 2), Some([b'x' | b'X', d]) if d.is_ascii_digit())
        || bytes
            .get(at..at + 3)
            .is_some_and(|t| t.eq_ignore_ascii_case(b"ext"))
}

/// A word that says which telephone it is, tied on with a hyphen.
fn label(text: &str, at: usize) -> bool {
    ["office", "fax", "home", "mobile", "work", "cell", "desk"]
        .iter()
        .any(|w| {
            text.get(at..at + w.len())
                .is_some_and(|t| t.eq_ignore_ascii_case(w))
        })
}

/// The separator at `i` if a digit follows it: its length and its kind.
fn separator_at(bytes: &[u8], i: usize) -> (usize, u8) {
    let at = |i: usize| bytes.get(i).copied().unwrap_or(0);
    let kind = |b: u8| match b {
        b' ' => SPACE,
        b'-' => HYPHEN,
        b'.' => DOT,
        b')' | b'(' => PARENTHESIS,
        b'/' => SLASH,
        _ => 0u8,
    };
    let first = kind(at(i));
    if first == 0 {
        // A no-break space or a narrow one.
        return match bytes.get(i..i + 3) {
            Some([0xc2, 0xa0, d]) if d.is_ascii_digit() => (2, SPACE),
            Some([0xe2, 0x80, 0xaf | 0x89 | 0x91]) if at(i + 3).is_ascii_digit() => {
                (3, if at(i + 2) == 0x91 { HYPHEN } else { SPACE })
            }
            _ => (0, 0),
        };
    }
    if at(i + 1).is_ascii_digit() {
        return (1, first);
    }
    let second = kind(at(i + 1));
    if second != 0 && (first | second) & PARENTHESIS != 0 && at(i + 2).is_ascii_digit() {
        return (2, first | second);
    }
    // `123 - 456` and `(0) 71`
    let third = kind(at(i + 2));
    if first | third == SPACE && second == HYPHEN && at(i + 3).is_ascii_digit() {
        return (3, SPACE | HYPHEN);
    }
    (0, 0)
}

/// How sure `judge` is that `text` as a whole is a number of its kind that a word announces.
pub(super) fn recognise(text: &str, judge: fn(&Number<'_>) -> u8) -> u8 {
    let input = Input::alone(text);
    let bytes = text.as_bytes();
    let mut groups: Vec<Group> = Vec::new();
    let mut i = 0;
    while i < bytes.len() && groups.len() < GROUPS_MAX {
        let start = i;
        while bytes.get(i).is_some_and(u8::is_ascii_digit) {
            i += 1;
        }
        if i > start {
            let before = groups
                .last()
                .map_or(0, |last| separator_at(bytes, last.end).1);
            groups.push(Group {
                start,
                end: i,
                before,
            });
        } else {
            i += 1;
        }
    }
    let Some(mut number) = Number::new(&input, &groups) else {
        return 0;
    };
    number.plus = text.starts_with('+') || text.starts_with("(+");
    number.kind.set(Announced::of(0));
    number.around.set(Some(Announced::of(0)));
    judge(&number)
}
