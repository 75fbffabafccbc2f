//! Script without a tag: a value that ends the attribute, string or template that it stands in, and
//! a value that is itself script.

use super::super::text_at::{at, find, part, starts};
use super::{ATTRIBUTE_BREAKOUT, HANDLER, Page, SCRIPT_TAG, SCRIPT_VALUE, SINK, contains};
use crate::text::Hit;

/// Bytes before a call that say what it stands in.
const HEAD_BYTES: usize = 160;
/// Bytes of a value that may be script as a whole.
const VALUE_BYTES_MAX: usize = 400;
/// Bytes of a value that is a single call.
const SHORT_BYTES: usize = 120;
/// Words before a call that make a sentence.
const PROSE_WORDS: usize = 4;
/// The page's own names, through which a call is spelt as text.
const GLOBALS: [&str; 8] = [
    "window",
    "self",
    "top",
    "parent",
    "this",
    "frames",
    "globalthis",
    "document",
];
/// Marks in a row from which on a text is script written with six characters.
const MARKS_MIN: usize = 24;

/// Calls whose effect somebody sees: what probes call.
const SHOWN: [&str; 16] = [
    "alert(",
    "alert`",
    "(alert)",
    "=alert",
    "confirm(",
    "prompt(",
    "confirm`",
    "prompt`",
    "document.cookie",
    "document.domain",
    "print()",
    "(confirm)",
    "(prompt)",
    "(print)",
    "alert?.(",
    "alert.call",
];

/// Literals of a sink that are too common to stand alone.
const COMMON: [&str; 4] = ["alert", "import(", "fetch(", "msgbox"];

/// What turns text into script.
const EVALUATORS: [&str; 9] = [
    "eval",
    "settimeout",
    "setinterval",
    "execscript",
    "function(",
    "document.write",
    "unescape",
    "constructor",
    "innerhtml",
];

/// Where a page has text that somebody else may have chosen, or what hides it.
const SOURCES: [&str; 11] = [
    "location",
    "unescape",
    "atob(",
    "fromcharcode",
    "document.cookie",
    "document.url",
    "document.referrer",
    "window.name",
    "decodeuri",
    "alert",
    "localstorage",
];

impl Page<'_> {
    /// A value that ends the attribute or string it stands in: `" onfocus=…`, `';alert(1)//`.
    pub(super) fn breakouts<'h>(&mut self, hits: impl Iterator<Item = &'h Hit>) {
        if self.classes & (1 << HANDLER) != 0 {
            self.handler_breakout();
        }
        if self.classes & (1 << SINK) == 0 || !self.found.is_empty() {
            return;
        }
        for hit in hits.filter(|h| h.class == SINK) {
            let (start, end) = (hit.start as usize, hit.end as usize);
            if let Some(confidence) = self.sink(start, end) {
                self.push(&ATTRIBUTE_BREAKOUT, confidence, (start, end));
                return;
            }
        }
        self.value();
    }

    fn handler_breakout(&mut self) {
        let end = self.bytes.len();
        for i in 0..end {
            if !matches!(at(self.bytes, i), b'o' | b'O') {
                continue;
            }
            let Some((stop, value)) = self.handler(i, end) else {
                continue;
            };
            let head = self.before(i, 24);
            let quoted = head.contains(['"', '\'', '`', '<', '>', '/']);
            let leading = head.trim().is_empty() && i <= 24;
            let script = part(self.text, value, self.boundary(value + 120));
            let runs = contains(
                script,
                &[
                    "alert",
                    "(",
                    "`",
                    "location",
                    "eval",
                    "document",
                    "javascript",
                    "&#",
                    "\\",
                ],
            );
            if (quoted || leading) && runs && at(self.bytes, value) != b'{' {
                let sure = if quoted { 72 } else { 58 };
                self.push(&ATTRIBUTE_BREAKOUT, sure, (i, stop));
                break;
            }
        }
    }

    /// The first boundary of characters from `at` on, at most the end.
    pub(super) fn boundary(&self, mut at: usize) -> usize {
        while at < self.text.len() && !self.text.is_char_boundary(at) {
            at += 1;
        }
        at.min(self.text.len())
    }

    /// At most `bytes` of the text before `end`.
    fn before(&self, end: usize, bytes: usize) -> &str {
        part(self.text, self.boundary(end.saturating_sub(bytes)), end)
    }

    /// A call that something was ended for, or that the text is all of.
    fn sink(&self, start: usize, end: usize) -> Option<u8> {
        let sink = part(self.text, start, end).to_ascii_lowercase();
        // `LOCATION=…` is a variable of a shell.
        let shouted = sink == "location=" && part(self.text, start, end) != sink;
        if COMMON.contains(&sink.as_str()) || shouted {
            return None;
        }
        let trimmed = self.before(start, HEAD_BYTES).trim_end();
        let punctuated = trimmed.ends_with([
            ';', '-', '+', '*', '/', '^', '|', '&', '}', ')', ']', '>', '{', '=', '(', '\\', ',',
            '?', ':', '\'', '"', '`', '!', '~', '[',
        ]);
        let ended =
            trimmed.contains(['\'', '"', '`', '}', '<', '>', '\\', '&', '|', '^', ')', ']']);
        let broken_out = punctuated && ended || trimmed.ends_with("${");
        // In a sentence, what a string was ended for stands right behind the quote.
        let ends = |b: char| matches!(b, '\'' | '"' | '`' | '>' | '}' | '<' | '\\' | '$');
        let right_behind = trimmed.chars().rev().take(3).any(ends);
        if !right_behind && super::markdown::prose_words(trimmed) >= PROSE_WORDS {
            return None;
        }
        let bare = trimmed.is_empty() && self.text.len() <= SHORT_BYTES;
        let tail = part(self.text, end, self.boundary(end + 40));
        let probe = SHOWN.contains(&sink.as_str())
            && (tail.starts_with([
                '1', '/', '\'', '"', '`', 'd', 'X', 'x', ')', '0', '2', '3', '4', '5', '6', '7',
                '8', '9', '\\', 'S', 't', '&', 'l', 'w',
            ]) || sink.ends_with(['e', ')', 't', 'n']));
        let commented = [")//", ")/*", ")<!--"].iter().any(|c| tail.contains(c));
        match (broken_out, bare) {
            (true, _) if probe => Some(74),
            (true, _) if self.text.len() <= VALUE_BYTES_MAX => Some(56),
            (_, false) if probe && commented && trimmed.ends_with([';', ',', '=']) => Some(62),
            (_, true) if probe => Some(60),
            // `[1].find(alert)`.
            _ if sink.starts_with('(')
                && self.text.len() <= SHORT_BYTES
                && trimmed.contains('.') =>
            {
                Some(60)
            }
            _ => None,
        }
    }

    /// A text that is script as a whole.
    fn value(&mut self) {
        if self.text.len() > VALUE_BYTES_MAX {
            return;
        }
        let whole = (0, self.text.len());
        let head = self.text.trim_start();
        let spelt = GLOBALS.iter().any(|g| {
            let rest = head.get(g.len()..).unwrap_or_default();
            starts(head.as_bytes(), 0, g)
                && ["['", "[\"", "[`", "[/"]
                    .iter()
                    .any(|b| rest.starts_with(b))
                && rest.contains("](")
        });
        let imported = ["import('", "import(\"", "import(`"].iter().any(|i| {
            starts(head.as_bytes(), 0, i)
                && contains(
                    head.get(i.len()..).unwrap_or_default(),
                    &["//", "data:", "javascript"],
                )
        });
        if (spelt || imported) && self.text.len() <= SHORT_BYTES {
            self.push(&SCRIPT_VALUE, 64, whole);
            return;
        }
        // `a=alert,a(1)`, `top.x = alert`: the function under another name.
        for name in ["alert", "eval", "prompt", "confirm"] {
            let mut from = 0;
            while let Some(n) = find(self.bytes, from, name) {
                from = n + name.len();
                let head = self.before(n, 8).trim_end();
                let after = at(self.bytes, from);
                let given = head.ends_with(['=', ',', '(', '['])
                    && (matches!(after, b';' | b',' | b')' | b']') || after == 0)
                    && contains(self.before(n, 40), &["="]);
                if given && !head.ends_with("==") {
                    self.push(&SCRIPT_VALUE, 64, whole);
                    return;
                }
            }
        }
        let evaluates = EVALUATORS.iter().find_map(|e| {
            let n = find(self.bytes, 0, e)?;
            let rest = part(self.text, n + e.len(), self.boundary(n + e.len() + 80));
            let called =
                rest.trim_start().starts_with(['(', '.', '=', '[', '`']) || e.ends_with('(');
            (called && contains(rest, &SOURCES)).then_some(n)
        });
        let prose = self
            .text
            .split_whitespace()
            .filter(|w| w.len() > 2 && w.bytes().all(|b| b.is_ascii_alphabetic()))
            .count();
        if let Some(n) = evaluates
            && prose <= 3
        {
            self.push(&SCRIPT_VALUE, 62, (n, self.text.len()));
        }
    }

    /// Spellings that only somebody uses who has to get past a filter.
    pub(super) fn disguises(&mut self) {
        if let Some(span) = self.marks() {
            self.push(&SCRIPT_VALUE, 80, span);
        }
        for (sign, sure) in [
            // The byte 0xBC is `<` to a reader that takes seven bits of it.
            ("\u{bc}script", 80),
            ("1\u{2044}4script", 80),
            ("1/4script", 80),
            ("+adw-", 72),
        ] {
            if let Some(n) = find(self.bytes, 0, sign) {
                self.push(&SCRIPT_TAG, sure, (n, n + sign.len()));
            }
        }
        // An expression of a template in the page: `{{constructor.constructor('…')()}}`.
        if let Some(n) = find(self.bytes, 0, "{{") {
            let rest = part(self.text, n, self.boundary(n + 400));
            if contains(rest, &["constructor", "$eval", "__proto__"]) && rest.contains('(') {
                self.push(&SCRIPT_VALUE, 76, (n, (n + 40).min(self.text.len())));
            }
        }
        if let Some(n) = find(self.bytes, 0, "document/*") {
            self.push(&SCRIPT_VALUE, 66, (n, n + 10));
        }
    }

    /// Script in brackets, parentheses, `!` and `+` alone.
    fn marks(&self) -> Option<(usize, usize)> {
        let mark = |b: u8| matches!(b, b'[' | b']' | b'(' | b')' | b'!' | b'+');
        let mut start = 0;
        let mut i = 0;
        while i <= self.bytes.len() {
            if !mark(at(self.bytes, i)) {
                let run = part(self.text, start, i);
                if run.len() >= MARKS_MIN && run.contains("[]") && run.contains(['+', '!']) {
                    return Some((start, i));
                }
                start = i + 1;
            }
            i += 1;
        }
        None
    }
}
