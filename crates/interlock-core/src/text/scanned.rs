//! The texts of one action, each in the views that detectors read, with what the prefilter found.

use std::borrow::Cow;

use super::decode;
use super::hidden;
use super::lanes;
use super::normalise::normalise;
use super::prefilter::{Hit, Hits, Prefilter};
use super::segment::{Channel, Segment};
use super::span_map::SpanMap;
use crate::model::limits::{DECODE_DEPTH_MAX, DECODE_GROWTH_MAX};
use crate::model::{Span, Vector, VectorSet};

/// Views made of one action beyond those of its texts.
const VIEWS_EXTRA_MAX: usize = 128;
/// Views made of each text: most that need any need its normal form, or what it unescapes to, alone.
const VIEWS_PER_TEXT: usize = 2;
/// Letters in a row, each alone between spaces, from which on a text is spelt out.
const SPELT_OUT_MIN: usize = 6;
/// Letters after marks that make a run, in a text that has a longer one.
const HELD_APART_MIN: usize = 1;
/// Words with digits for letters from which on a text is read in that spelling.
const LEET_WORDS_MIN: usize = 2;

/// How a view came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ViewKind {
    /// The text itself.
    Raw,
    /// In normal form.
    Normalised,
    /// Escapes undone, or a run of base64 or hexadecimal decoded.
    Decoded,
    /// Letters joined or digits read as letters; only worth reading as language.
    Respelt,
    /// What a page carries and nobody sees: a comment, an element that is styled away.
    Hidden,
    /// What a page says in an attribute: an alternative for an image, a tooltip.
    Attribute,
}

/// Byte classes of a text, gathered in one pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags(u32);

impl Flags {
    /// It holds an `@`.
    pub const AT: Self = Self(1);
    /// It holds a quote: `'`, `"` or a backtick.
    pub const QUOTE: Self = Self(1 << 1);
    /// It holds `<`.
    pub const LESS: Self = Self(1 << 2);
    /// It holds `%`, `&` or a backslash.
    pub const ESCAPE: Self = Self(1 << 3);
    /// It holds a digit.
    pub const DIGIT: Self = Self(1 << 4);
    /// It holds a byte that is not ASCII.
    pub const FOREIGN: Self = Self(1 << 5);
    /// It holds one of `; | $ { } (`.
    pub const META: Self = Self(1 << 6);
    /// It holds at least seven digits close to each other: a number of a person or account.
    pub const LONG_NUMBER: Self = Self(1 << 7);
    /// It holds a run long enough to be base64 or hexadecimal.
    pub const RUN: Self = Self(1 << 8);
    /// It holds `=` or `:`.
    pub const ASSIGN: Self = Self(1 << 9);
    /// It holds characters that hide text.
    pub const HIDDEN: Self = Self(1 << 10);
    /// Digits stand between letters.
    pub const LEET: Self = Self(1 << 11);
    /// Single letters stand between spaces.
    pub const SPELT_OUT: Self = Self(1 << 12);
    /// It holds a dot.
    pub const DOT: Self = Self(1 << 13);
    /// Of a text in normal form: some of it was disguised.
    pub const DISGUISED: Self = Self(1 << 14);

    /// The byte classes of `text`.
    #[must_use]
    pub fn of(text: &str) -> Self {
        classify(text)
    }

    /// It holds `=`, `<` or `>`.
    pub const COMPARE: Self = Self(1 << 15);

    /// Whether any of `other` is in.
    #[must_use]
    pub const fn any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

const DIGIT_BIT: u32 = 1 << 4;
const ALPHA_BIT: u32 = 1 << 16;
const RUN_BIT: u32 = 1 << 17;
/// It may hold letters apart, or stand for one.
const SIGN_BIT: u32 = 1 << 18;

const fn byte_classes() -> [u32; 256] {
    let mut table = [0u32; 256];
    let mut i = 0;
    while i < 256 {
        let b = i as u8;
        let mut bits = match b {
            b'@' => Flags::AT.0,
            b'\'' | b'"' | b'`' => Flags::QUOTE.0,
            b'<' => Flags::LESS.0 | Flags::COMPARE.0,
            b'>' => Flags::COMPARE.0,
            b'%' | b'&' | b'\\' => Flags::ESCAPE.0,
            b'0'..=b'9' => DIGIT_BIT,
            128.. => Flags::FOREIGN.0,
            b';' | b'|' | b'$' | b'{' | b'}' | b'(' => Flags::META.0,
            b'=' => Flags::ASSIGN.0 | Flags::COMPARE.0,
            b':' => Flags::ASSIGN.0,
            b'.' => Flags::DOT.0,
            _ => 0,
        };
        if b.is_ascii_alphabetic() {
            bits |= ALPHA_BIT;
        }
        if b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_') {
            bits |= RUN_BIT;
        }
        if matches!(
            b,
            b'\\' | b'-' | b'.' | b'_' | b'*' | b'@' | b'$' | b'|' | b'!'
        ) {
            bits |= SIGN_BIT;
        }
        #[expect(clippy::indexing_slicing, reason = "evaluated at compile time")]
        {
            table[i] = bits;
        }
        i += 1;
    }
    table
}

static CLASSES: [u32; 256] = byte_classes();

fn classify(text: &str) -> Flags {
    let bytes = text.as_bytes();
    let class_at = |i: Option<usize>| {
        i.and_then(|i| bytes.get(i))
            .and_then(|b| CLASSES.get(usize::from(*b)))
            .copied()
            .unwrap_or(0)
    };
    let mut bits = 0u32;
    // One past the last byte that ends a run.
    let mut run_start = 0usize;
    let mut longest = 0usize;
    // Digits with at most three other bytes between them count as close.
    let (mut digits, mut most_digits, mut last_digit) = (0u32, 0u32, 0usize);
    let mut leet = 0u32;
    let (mut alone, mut most_alone) = (0u32, 0u32);
    // A mark, a letter, the same mark.
    let (mut held, mut most_held) = (0u32, 0u32);
    let (mut next, mut others) = (0, 0);
    loop {
        // Letters, which most of a text is, are passed over eight at a time.
        while others == 0 && next < bytes.len() {
            others = lanes::others(lanes::letters(lanes::eight(bytes, next, b'a')));
            next += 8;
        }
        if others == 0 {
            break;
        }
        let i = next - 8 + lanes::first(others);
        others &= others - 1;
        let Some(b) = bytes.get(i) else { break };
        let class = CLASSES.get(usize::from(*b)).copied().unwrap_or(0);
        bits |= class;
        let sign = class & SIGN_BIT != 0;
        if sign && matches!(*b, b'\\' | b'-' | b'.' | b'_' | b'*') {
            let before = i.checked_sub(2).and_then(|i| bytes.get(i));
            held = if before == Some(b) { held + 1 } else { 0 };
            most_held = most_held.max(held);
        }
        if class & DIGIT_BIT != 0 {
            digits = if i - last_digit <= 4 { digits + 1 } else { 1 };
            last_digit = i;
            most_digits = most_digits.max(digits);
            // A letter, one or two digits, a letter.
            let before = class_at(i.checked_sub(1));
            let before = if before & DIGIT_BIT != 0 {
                class_at(i.checked_sub(2))
            } else {
                before
            };
            leet += u32::from(before & class_at(Some(i + 1)) & ALPHA_BIT != 0);
        } else if class & RUN_BIT == 0 {
            if sign && matches!(*b, b'@' | b'$' | b'|' | b'!') {
                let around = class_at(i.checked_sub(1)) & class_at(Some(i + 1));
                leet += u32::from(around & ALPHA_BIT != 0);
            }
            longest = longest.max(i - run_start);
            // A space, a letter, a space.
            if *b == b' ' && i > run_start {
                alone = if i - run_start == 1 && class_at(Some(run_start)) & ALPHA_BIT != 0 {
                    alone + 1
                } else {
                    0
                };
                most_alone = most_alone.max(alone);
            }
            run_start = i + 1;
        }
    }
    longest = longest.max(bytes.len() - run_start);
    let mut flags = Flags(bits & !(ALPHA_BIT | RUN_BIT | SIGN_BIT));
    if most_digits >= 7 {
        flags = flags.and(Flags::LONG_NUMBER);
    }
    if longest >= 16 {
        flags = flags.and(Flags::RUN);
    }
    if leet as usize >= LEET_WORDS_MIN {
        flags = flags.and(Flags::LEET);
    }
    if most_alone as usize >= SPELT_OUT_MIN - 1 || most_held as usize >= SPELT_OUT_MIN - 2 {
        flags = flags.and(Flags::SPELT_OUT);
    }
    flags
}

/// One text as a detector reads it.
#[derive(Debug)]
pub struct View<'a> {
    /// The position of its segment.
    pub segment: usize,
    /// How it came about.
    pub kind: ViewKind,
    /// The text.
    pub text: Cow<'a, str>,
    /// Its byte classes.
    pub flags: Flags,
    hits: Hits,
    map: Option<SpanMap>,
    parent: Option<usize>,
    /// Another view says the same in a plainer form.
    replaced: bool,
}

impl View<'_> {
    /// Whether another view says the same in a plainer form: decoded, normalised or respelt.
    #[must_use]
    pub const fn replaced(&self) -> bool {
        self.replaced
    }

    /// Whether `vector` has a literal in it.
    #[must_use]
    pub fn has(&self, vector: Vector) -> bool {
        self.hits.vectors.contains(vector)
    }

    /// The classes of `vector` that have a literal in it, one bit each.
    #[must_use]
    pub fn classes(&self, vector: Vector) -> u64 {
        self.hits.classes.get(vector as usize).copied().unwrap_or(0)
    }

    /// The literals of `vector` in it, by their end.
    pub fn hits(&self, vector: Vector) -> impl Iterator<Item = &Hit> + Clone {
        self.hits.hits.iter().filter(move |h| h.vector == vector)
    }
}

/// All texts of one action with their views.
#[derive(Debug)]
pub struct Scanned<'a> {
    segments: &'a [Segment<'a>],
    views: Vec<View<'a>>,
    vectors: VectorSet,
    flags: Flags,
    limited: bool,
}

impl<'a> Scanned<'a> {
    /// Makes the views of `segments` and runs `prefilter` over each. `truncated` says that the
    /// flattening already left text out.
    #[must_use]
    pub fn new(segments: &'a [Segment<'a>], truncated: bool, prefilter: &Prefilter) -> Self {
        let mut scanned = Self {
            segments,
            views: Vec::with_capacity(segments.len()),
            vectors: VectorSet::default(),
            flags: Flags::default(),
            limited: truncated,
        };
        let bytes: usize = segments.iter().map(|s| s.text.len()).sum();
        let mut budget = Budget {
            bytes: bytes.saturating_mul(DECODE_GROWTH_MAX),
            views: VIEWS_EXTRA_MAX.saturating_add(segments.len().saturating_mul(VIEWS_PER_TEXT)),
        };
        for (index, segment) in segments.iter().enumerate() {
            let flags = classify(&segment.text);
            let view = View {
                segment: index,
                kind: ViewKind::Raw,
                text: Cow::Borrowed(segment.text.as_ref()),
                flags,
                hits: prefilter.scan(&segment.text),
                map: None,
                parent: None,
                replaced: false,
            };
            scanned.add(view);
            scanned.derive(index, &mut budget, prefilter);
        }
        scanned
    }

    fn add(&mut self, view: View<'a>) {
        self.limited |= view.hits.flooded;
        self.flags = self.flags.and(view.flags);
        self.vectors = self.vectors.union(view.hits.vectors);
        self.views.push(view);
    }

    /// Adds the views that follow from the raw one of `segment`, which is the last.
    fn derive(&mut self, segment: usize, budget: &mut Budget, prefilter: &Prefilter) {
        let first = self.views.len().saturating_sub(1);
        // Most texts are plain.
        if !self.views.get(first).is_some_and(|v| self.more_to(v)) {
            return;
        }
        let mut queue = vec![first];
        for _ in 0..DECODE_DEPTH_MAX {
            let mut next = Vec::new();
            for parent in queue {
                let (children, more) = self.children(parent);
                self.limited |= more;
                let whole = |kind: ViewKind| children.iter().any(|c| c.kind == kind && !c.part);
                let decoded = whole(ViewKind::Decoded);
                if let Some(view) = self.views.get_mut(parent) {
                    view.replaced =
                        decoded || whole(ViewKind::Normalised) || whole(ViewKind::Respelt);
                }
                for Child {
                    kind,
                    text,
                    map,
                    hidden,
                    disguised,
                    ..
                } in children
                {
                    if !budget.take(text.len()) {
                        self.limited = true;
                        return;
                    }
                    let mut flags = classify(&text);
                    if hidden {
                        flags = flags.and(Flags::HIDDEN);
                    }
                    if disguised {
                        flags = flags.and(Flags::DISGUISED);
                    }
                    let view = View {
                        segment,
                        kind,
                        hits: prefilter.scan(&text),
                        text: Cow::Owned(text),
                        flags,
                        map: Some(map),
                        parent: Some(parent),
                        replaced: decoded && kind == ViewKind::Normalised,
                    };
                    if kind != ViewKind::Respelt {
                        next.push(self.views.len());
                    }
                    self.add(view);
                }
            }
            if next.is_empty() {
                return;
            }
            queue = next;
        }
        // Something is still encoded below the deepest level that is followed.
        if queue.iter().any(|&v| {
            self.views
                .get(v)
                .is_some_and(|v| v.kind == ViewKind::Decoded && decode::is_encoded(&v.text))
        }) {
            self.limited = true;
        }
    }

    /// Whether `view` is read as a page: those come in as results; markup that an agent writes is not
    /// read as one.
    fn is_page(&self, view: &View<'_>) -> bool {
        matches!(view.kind, ViewKind::Raw | ViewKind::Decoded)
            && view.flags.any(Flags::LESS)
            && self
                .segments
                .get(view.segment)
                .is_some_and(|s| s.channel == Channel::Result)
    }

    /// Whether another view may follow from `view`.
    fn more_to(&self, view: &View<'_>) -> bool {
        let worth = Flags::FOREIGN
            .and(Flags::ESCAPE)
            .and(Flags::RUN)
            .and(Flags::LEET)
            .and(Flags::SPELT_OUT);
        view.flags.any(worth) || self.is_page(view)
    }

    /// The views that follow from `parent`, and whether a limit left some out.
    fn children(&self, parent: usize) -> (Vec<Child>, bool) {
        let Some(view) = self.views.get(parent) else {
            return (Vec::new(), false);
        };
        if !self.more_to(view) {
            return (Vec::new(), false);
        }
        let mut out = Vec::new();
        let mut limited = false;
        if self.is_page(view) {
            for piece in hidden::pieces(&view.text) {
                let mut map = SpanMap::new(piece.end - piece.start);
                map.piece(0, 0, false);
                let kind = if piece.unseen {
                    ViewKind::Hidden
                } else {
                    ViewKind::Attribute
                };
                out.push(Child {
                    part: true,
                    ..Child::whole(kind, piece.text, map.shifted(piece.start))
                });
            }
        }
        if view.flags.any(Flags::FOREIGN) && view.kind != ViewKind::Normalised {
            let form = normalise(&view.text);
            if form.text != view.text {
                let hidden = form.hidden >= 4;
                out.push(Child {
                    hidden,
                    disguised: form.disguised > 0,
                    ..Child::whole(ViewKind::Normalised, form.text, form.map)
                });
            }
        }
        if view.kind != ViewKind::Normalised {
            if view.flags.any(Flags::ESCAPE)
                && let Some(decoded) = decode::unescape(&view.text)
            {
                out.push(Child::whole(ViewKind::Decoded, decoded.text, decoded.map));
            }
            if view.flags.any(Flags::RUN) {
                let (runs, more) = decode::runs(&view.text);
                limited = more;
                for decoded in runs {
                    out.push(Child {
                        part: true,
                        ..Child::whole(ViewKind::Decoded, decoded.text, decoded.map)
                    });
                }
            }
        }
        if view.flags.any(Flags::LEET.and(Flags::SPELT_OUT))
            && let Some((text, map)) = respell(&view.text, view.flags)
        {
            out.push(Child::whole(ViewKind::Respelt, text, map));
        }
        (out, limited)
    }

    /// The segments that the views are of.
    #[must_use]
    pub const fn segments(&self) -> &'a [Segment<'a>] {
        self.segments
    }

    /// The segment of a view.
    #[must_use]
    pub fn segment_of(&self, view: &View<'_>) -> Option<&'a Segment<'a>> {
        self.segments.get(view.segment)
    }

    /// All views, those of one segment together, its raw text first.
    #[must_use]
    pub fn views(&self) -> &[View<'a>] {
        &self.views
    }

    /// The views in their plainest form: of a text that was normalised, decoded or respelt only
    /// what it became. A run that was decoded stands beside the text that it was in.
    pub fn leaves(&self) -> impl Iterator<Item = &View<'a>> {
        self.views.iter().filter(|v| !v.replaced)
    }

    /// Whether any view has a literal of `vector`.
    #[must_use]
    pub const fn has(&self, vector: Vector) -> bool {
        self.vectors.contains(vector)
    }

    /// The byte classes of all views together.
    #[must_use]
    pub const fn flags(&self) -> Flags {
        self.flags
    }

    /// Whether a limit on text was reached, so that something was not looked at.
    #[must_use]
    pub const fn limited(&self) -> bool {
        self.limited
    }

    /// The span in the segment's own text that `start..end` of `view` came from, at character
    /// boundaries.
    #[must_use]
    pub fn origin(&self, view: &View<'_>, start: usize, end: usize) -> Span {
        let clamp = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let mut span = Span {
            start: clamp(start),
            end: clamp(end),
        };
        let mut current = view;
        for _ in 0..=DECODE_DEPTH_MAX {
            let Some(map) = &current.map else { break };
            span = map.source_of(span.start, span.end);
            match current.parent.and_then(|p| self.views.get(p)) {
                Some(parent) => current = parent,
                None => break,
            }
        }
        let text = self
            .segments
            .get(view.segment)
            .map_or("", |s| s.text.as_ref());
        let mut from = (span.start as usize).min(text.len());
        while !text.is_char_boundary(from) {
            from -= 1;
        }
        let mut to = (span.end as usize).clamp(from, text.len());
        while !text.is_char_boundary(to) {
            to += 1;
        }
        Span {
            start: clamp(from),
            end: clamp(to),
        }
    }
}

/// A view that follows from another.
struct Child {
    kind: ViewKind,
    text: String,
    map: SpanMap,
    hidden: bool,
    /// Its parent held what is not what it looks like.
    disguised: bool,
    /// It stands for a part of its parent only.
    part: bool,
}

impl Child {
    const fn whole(kind: ViewKind, text: String, map: SpanMap) -> Self {
        Self {
            kind,
            text,
            map,
            hidden: false,
            disguised: false,
            part: false,
        }
    }
}

struct Budget {
    bytes: usize,
    views: usize,
}

impl Budget {
    fn take(&mut self, bytes: usize) -> bool {
        if self.views == 0 || bytes > self.bytes {
            return false;
        }
        self.views -= 1;
        self.bytes -= bytes;
        true
    }
}

/// Joins letters that stand alone or are held apart by a mark, and reads digits and signs between
/// letters as the letters they look like.
fn respell(text: &str, flags: Flags) -> Option<(String, SpanMap)> {
    let mut out = String::with_capacity(text.len());
    let mut map = SpanMap::new(text.len());
    let mut changed = false;
    let leet = flags.any(Flags::LEET);
    let join = flags.any(Flags::SPELT_OUT);
    let mut alone_before = false;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|r| !r.is_empty()) {
        if join && let Some((length, letters)) = held_apart(rest) {
            map.piece(out.len(), at, false);
            out.push_str(&letters);
            at += length;
            changed = true;
            alone_before = false;
            continue;
        }
        let length = rest.find(' ').map_or(rest.len(), |i| i + 1);
        let word = rest.get(..length).unwrap_or_default();
        let body = word.trim_end_matches(' ');
        let alone = body.len() == 1 && body.bytes().all(|b| b.is_ascii_alphanumeric());
        if join && alone && alone_before && out.ends_with(' ') {
            out.pop();
            changed = true;
        }
        map.piece(out.len(), at, false);
        if leet && read_as_letters(word, &mut out) {
            changed = true;
        } else {
            out.push_str(word);
        }
        alone_before = alone;
        at += length;
    }
    changed.then_some((out, map))
}

/// A run of single characters, each followed by the same mark: `i-g-n-o-r-e`, `\i\g\n`. Its length
/// and its characters.
fn held_apart(text: &str) -> Option<(usize, String)> {
    let bytes = text.as_bytes();
    let first = *bytes.first()?;
    let marked = |b: u8| matches!(b, b'\\' | b'-' | b'.' | b'_' | b'*');
    // The run begins with its mark, or with a letter that one follows.
    let mut at = usize::from(!marked(first));
    let mark = *bytes.get(at).filter(|b| marked(**b))?;
    let mut letters = String::new();
    if at == 1 {
        letters.push(char::from(first).to_ascii_lowercase());
    }
    let mut count = 0usize;
    while bytes.get(at) == Some(&mark) {
        match bytes.get(at + 1) {
            Some(b) if b.is_ascii_graphic() || *b == b' ' => {
                letters.push(char::from(*b).to_ascii_lowercase());
                count += usize::from(b.is_ascii_alphabetic());
                at += 2;
            }
            _ => break,
        }
    }
    (first.is_ascii() && count >= HELD_APART_MIN).then_some((at, letters))
}

/// Writes `word` with digits and signs as letters; nothing when it has none between letters.
fn read_as_letters(word: &str, out: &mut String) -> bool {
    let bytes = word.as_bytes();
    let at = |i: usize| bytes.get(i).copied().unwrap_or(b' ');
    let poses = |b: u8| {
        matches!(
            b,
            b'0' | b'1'
                | b'3'
                | b'4'
                | b'5'
                | b'6'
                | b'7'
                | b'8'
                | b'9'
                | b'@'
                | b'$'
                | b'|'
                | b'!'
                | b'+'
        )
    };
    let letter = |b: u8| b.is_ascii_alphabetic() || !b.is_ascii();
    let mixed = (0..bytes.len()).any(|i| {
        let after = at(i + 1);
        // `execut3:` and `tha7` have their only sign at the end.
        let ends = i >= 1
            && matches!(at(i), b'0' | b'3' | b'4' | b'5' | b'7')
            && !after.is_ascii_alphanumeric()
            && bytes.iter().take(i).all(|b| letter(*b));
        poses(at(i)) && (letter(after) || (poses(after) && i > 0 && letter(at(i - 1))) || ends)
    });
    // Words of one letter.
    if let [b'1', rest @ ..] | [b'4', rest @ ..] = bytes
        && matches!(rest, [] | [b' '])
    {
        out.push(if bytes.first() == Some(&b'1') {
            'i'
        } else {
            'a'
        });
        out.extend(rest.iter().map(|b| char::from(*b)));
        return true;
    }
    if !mixed || !bytes.iter().any(|b| letter(*b)) {
        return false;
    }
    let vowel = |b: u8| {
        matches!(
            b.to_ascii_lowercase(),
            b'a' | b'e' | b'i' | b'o' | b'u' | b'0' | b'3' | b'4' | b'@'
        )
    };
    for (i, c) in word.char_indices() {
        let last = !letter(at(i + 1)) && !poses(at(i + 1));
        out.push(match c {
            '0' => 'o',
            '3' | '€' => 'e',
            '4' | '@' => 'a',
            '5' | '$' => 's',
            '7' => 't',
            '8' => 'b',
            '6' | '9' => 'g',
            '+' if !last => 't',
            '1' | '|' | '!' if !(last && c == '!') => one_as_letter(bytes, i, &vowel),
            other => other,
        });
    }
    true
}

/// Whether a one stands for `i` or `l`, by what is around it: `pr1nt`, `prev1ous`; `ru1es`, `p1ease`.
fn one_as_letter(bytes: &[u8], i: usize, vowel: &dyn Fn(u8) -> bool) -> char {
    let at = |i: usize| bytes.get(i).copied().unwrap_or(b' ');
    let before = i.checked_sub(1).map_or(b' ', at);
    let after = at(i + 1);
    let cluster = matches!(
        before.to_ascii_lowercase(),
        b'p' | b'b' | b'c' | b'f' | b'g' | b's'
    );
    let begins = i == 1 && cluster;
    let ends = cluster && !at(i + 2).is_ascii_alphanumeric();
    if vowel(before) || after == b'y' || (vowel(after) && (i == 0 || begins || ends)) {
        'l'
    } else {
        'i'
    }
}
