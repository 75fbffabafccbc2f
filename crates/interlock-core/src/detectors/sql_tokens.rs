//! A lexer for SQL that may be broken, foreign or no SQL at all. It never fails and keeps to one
//! pass.

/// Tokens read of one text.
const TOKENS_MAX: usize = 4_096;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A word that is no listed keyword.
    Name,
    /// A number.
    Number,
    /// A quoted string, closed or not.
    String,
    /// A `@variable`.
    Variable,
    /// `=`, `<`, `>`, `!=`, `like`, `in`, `is`, `between`, `regexp`, `rlike`.
    Compare,
    /// `or`, `and`, `xor`, `||`, `&&`.
    Logic,
    /// `+ - * / % ^ & |`, `not`, `mod`, `div`.
    Operator,
    /// A comment that reaches the end of the text or line: `--`, `#`, an open `/*`.
    Cut,
    /// A closed comment.
    Comment,
    Semicolon,
    Comma,
    Dot,
    Open,
    Close,
    /// `union`, `intersect`, `except`, `minus`.
    SetWord,
    /// `select`, `values`.
    Select,
    /// The first word of another statement.
    Verb,
    /// `from`, `where`, `having`, `group`, `order`, `by`, `limit`, `into`, …
    Clause,
    /// Anything else.
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    pub(super) start: usize,
}

impl Token<'_> {
    pub(super) fn is(&self, word: &str) -> bool {
        self.text.eq_ignore_ascii_case(word)
    }

    pub(super) const fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// A literal: a number or a string.
    pub(super) const fn literal(&self) -> bool {
        matches!(self.kind, Kind::Number | Kind::String)
    }

    /// The content of a string token, without its quotes.
    pub(super) fn content(&self) -> &str {
        let inner = self.text.get(1..).unwrap_or_default();
        let quote = self.text.chars().next().unwrap_or('\'');
        inner.strip_suffix(quote).unwrap_or(inner)
    }
}

/// The tokens of `text`. With `within`, the text is read as the inside of a string of that quote,
/// up to where the string ends; the first token is then that string.
pub(super) fn tokens(text: &str, within: Option<u8>) -> Vec<Token<'_>> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(16);
    let mut i = 0;
    if let Some(quote) = within {
        i = string_end(bytes, 0, quote);
        push(&mut out, text, Kind::String, 0, i);
    }
    while i < bytes.len() && out.len() < TOKENS_MAX {
        let b = byte(bytes, i);
        if b.is_ascii_whitespace() || b == 0xC2 || b == 0xA0 || b == 0x0b {
            i += 1;
            continue;
        }
        let (kind, end) = next(text, bytes, i, b);
        push(&mut out, text, kind, i, end);
        i = end.max(i + 1);
    }
    out
}

fn push<'a>(out: &mut Vec<Token<'a>>, text: &'a str, kind: Kind, start: usize, end: usize) {
    if let Some(part) = text.get(start..end) {
        out.push(Token {
            kind,
            text: part,
            start,
        });
    }
}

fn byte(bytes: &[u8], i: usize) -> u8 {
    bytes.get(i).copied().unwrap_or(0)
}

/// One past the closing quote of a string whose content begins at `from`.
fn string_end(bytes: &[u8], from: usize, quote: u8) -> usize {
    let mut i = from;
    while i < bytes.len() {
        let b = byte(bytes, i);
        if b == b'\\' && quote != b'`' {
            i += 2;
            continue;
        }
        if b == quote {
            return i + 1;
        }
        i += 1;
    }
    bytes.len()
}

fn next(text: &str, bytes: &[u8], i: usize, b: u8) -> (Kind, usize) {
    let b1 = byte(bytes, i + 1);
    match b {
        b'\'' | b'"' | b'`' => (Kind::String, string_end(bytes, i + 1, b)),
        b'-' if b1 == b'-' => (Kind::Cut, line_end(bytes, i)),
        b'#' => (Kind::Cut, line_end(bytes, i)),
        // A versioned comment of MySQL is executed: only its marks are skipped.
        b'/' if b1 == b'*' && byte(bytes, i + 2) == b'!' => {
            let mut end = i + 3;
            while byte(bytes, end).is_ascii_digit() {
                end += 1;
            }
            (Kind::Comment, end)
        }
        b'/' if b1 == b'*' => match text.get(i + 2..).and_then(|t| t.find("*/")) {
            Some(n) => (Kind::Comment, i + n + 4),
            None => (Kind::Cut, bytes.len()),
        },
        b'*' if b1 == b'/' => (Kind::Comment, i + 2),
        b';' => (Kind::Semicolon, i + 1),
        b',' => (Kind::Comma, i + 1),
        b'(' => (Kind::Open, i + 1),
        b')' => (Kind::Close, i + 1),
        b'|' if b1 == b'|' => (Kind::Logic, i + 2),
        b'&' if b1 == b'&' => (Kind::Logic, i + 2),
        b'=' | b'<' | b'>' | b'!' => {
            let mut end = i + 1;
            while matches!(byte(bytes, end), b'=' | b'<' | b'>' | b'~') {
                end += 1;
            }
            let kind = if b == b'!' && end == i + 1 {
                Kind::Operator
            } else {
                Kind::Compare
            };
            (kind, end)
        }
        b'+' | b'-' | b'*' | b'/' | b'%' | b'^' | b'&' | b'|' | b'~' => (Kind::Operator, i + 1),
        b'@' => {
            let mut end = i + 1;
            while matches!(byte(bytes, end), b'@' | b'_' | b'.')
                || byte(bytes, end).is_ascii_alphanumeric()
            {
                end += 1;
            }
            (Kind::Variable, end)
        }
        b'.' if !b1.is_ascii_digit() => (Kind::Dot, i + 1),
        b'0'..=b'9' | b'.' => number(bytes, i),
        _ if b.is_ascii_alphabetic() || b == b'_' || b == b'$' || b >= 0x80 => word(text, bytes, i),
        _ => (Kind::Other, i + 1),
    }
}

fn line_end(bytes: &[u8], i: usize) -> usize {
    bytes
        .iter()
        .skip(i)
        .position(|b| *b == b'\n')
        .map_or(bytes.len(), |n| i + n)
}

fn number(bytes: &[u8], i: usize) -> (Kind, usize) {
    let mut end = i;
    let hex = byte(bytes, i) == b'0' && matches!(byte(bytes, i + 1), b'x' | b'X');
    if hex {
        end += 2;
    }
    while byte(bytes, end).is_ascii_digit()
        || (hex && byte(bytes, end).is_ascii_hexdigit())
        || (byte(bytes, end) == b'.' && !hex)
    {
        end += 1;
    }
    if !hex && matches!(byte(bytes, end), b'e' | b'E') && byte(bytes, end + 1).is_ascii_digit() {
        end += 2;
        while byte(bytes, end).is_ascii_digit() {
            end += 1;
        }
    }
    // `1st`, `3M`, `42a-b`: a word that begins with a digit.
    if byte(bytes, end).is_ascii_alphabetic() || byte(bytes, end) == b'_' {
        let glued = byte(bytes, end);
        let keyword = matches!(glued.to_ascii_lowercase(), b'o' | b'a' | b'u');
        if !keyword || !glued_keyword(bytes, end) {
            while byte(bytes, end).is_ascii_alphanumeric() || byte(bytes, end) == b'_' {
                end += 1;
            }
            return (Kind::Name, end);
        }
    }
    (Kind::Number, end)
}

/// `1or 1=1`, `1and(…)`, `1union select`.
fn glued_keyword(bytes: &[u8], i: usize) -> bool {
    ["or", "and", "union"].iter().any(|word| {
        bytes
            .get(i..i + word.len())
            .is_some_and(|w| w.eq_ignore_ascii_case(word.as_bytes()))
            && !byte(bytes, i + word.len()).is_ascii_alphanumeric()
    })
}

fn word(text: &str, bytes: &[u8], i: usize) -> (Kind, usize) {
    let mut end = i;
    while byte(bytes, end).is_ascii_alphanumeric()
        || matches!(byte(bytes, end), b'_' | b'$')
        || byte(bytes, end) >= 0x80
    {
        end += 1;
    }
    let word = text.get(i..end).unwrap_or_default();
    // A string with a prefix: N'…', X'…', b'…'.
    if word.len() == 1
        && byte(bytes, end) == b'\''
        && matches!(bytes.get(i), Some(b'N' | b'n' | b'x' | b'X' | b'b' | b'B'))
    {
        return (Kind::String, string_end(bytes, end + 1, b'\''));
    }
    (keyword(word), end)
}

fn keyword(word: &str) -> Kind {
    if !(2..=9).contains(&word.len()) {
        return Kind::Name;
    }
    let first = word.as_bytes().first().map_or(0, u8::to_ascii_lowercase);
    let words: &[(&str, Kind)] = match first {
        b'a' => &[
            ("and", Kind::Logic),
            ("alter", Kind::Verb),
            ("attach", Kind::Verb),
        ],
        b'b' => &[
            ("between", Kind::Compare),
            ("binary", Kind::Operator),
            ("begin", Kind::Verb),
            ("by", Kind::Clause),
        ],
        b'c' => &[
            ("collate", Kind::Operator),
            ("create", Kind::Verb),
            ("call", Kind::Verb),
            ("copy", Kind::Verb),
            ("case", Kind::Clause),
        ],
        b'd' => &[
            ("div", Kind::Operator),
            ("delete", Kind::Verb),
            ("drop", Kind::Verb),
            ("declare", Kind::Verb),
        ],
        b'e' => &[
            ("except", Kind::SetWord),
            ("exec", Kind::Verb),
            ("execute", Kind::Verb),
            ("end", Kind::Clause),
        ],
        b'f' => &[("from", Kind::Clause)],
        b'g' => &[("grant", Kind::Verb), ("group", Kind::Clause)],
        b'h' => &[("handler", Kind::Verb), ("having", Kind::Clause)],
        b'i' => &[
            ("in", Kind::Compare),
            ("is", Kind::Compare),
            ("intersect", Kind::SetWord),
            ("insert", Kind::Verb),
            ("if", Kind::Verb),
            ("into", Kind::Clause),
        ],
        b'l' => &[
            ("like", Kind::Compare),
            ("load", Kind::Verb),
            ("limit", Kind::Clause),
        ],
        b'm' => &[
            ("mod", Kind::Operator),
            ("minus", Kind::SetWord),
            ("merge", Kind::Verb),
        ],
        b'n' => &[("not", Kind::Operator), ("null", Kind::Number)],
        b'o' => &[
            ("or", Kind::Logic),
            ("order", Kind::Clause),
            ("offset", Kind::Clause),
        ],
        b'p' => &[("procedure", Kind::Clause)],
        b'r' => &[
            ("rlike", Kind::Compare),
            ("regexp", Kind::Compare),
            ("revoke", Kind::Verb),
            ("replace", Kind::Verb),
            ("rename", Kind::Verb),
        ],
        b's' => &[
            ("sounds", Kind::Compare),
            ("select", Kind::Select),
            ("shutdown", Kind::Verb),
            ("set", Kind::Verb),
        ],
        b't' => &[("truncate", Kind::Verb), ("then", Kind::Clause)],
        b'u' => &[
            ("union", Kind::SetWord),
            ("update", Kind::Verb),
            ("use", Kind::Verb),
        ],
        b'v' => &[("values", Kind::Select)],
        b'w' => &[
            ("waitfor", Kind::Verb),
            ("where", Kind::Clause),
            ("when", Kind::Clause),
        ],
        b'x' => &[("xor", Kind::Logic)],
        _ => &[],
    };
    words
        .iter()
        .find(|(w, _)| w.eq_ignore_ascii_case(word))
        .map_or(Kind::Name, |(_, kind)| *kind)
}
