//! A lexer for SQL that may be broken, foreign or no SQL at all. It never fails and keeps to one
//! pass.

/// Tokens read at a time.
const TOKENS_MAX: usize = 4_096;
/// Tokens that are read again with the next ones, so that what lies across is seen.
const OVERLAP: usize = 64;

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
    #[inline]
    pub(super) fn is(&self, word: &str) -> bool {
        // Lists of names are gone through with this: most differ in their length or first letter.
        let first = |text: &str| text.as_bytes().first().map(|b| b | 0x20);
        self.text.len() == word.len()
            && first(self.text) == first(word)
            && self.text.eq_ignore_ascii_case(word)
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
        let quoted = |b: u8| matches!(b, b'\'' | b'"');
        match self.text.bytes().position(quoted) {
            // The first token of a text read from within a string has no opening quote.
            Some(n) if n + 1 == self.text.len() && n > 0 => self.text.get(..n).unwrap_or_default(),
            Some(n) => {
                let inner = self.text.get(n + 1..).unwrap_or_default();
                inner.strip_suffix(['\'', '"']).unwrap_or(inner)
            }
            None => self.text,
        }
    }
}

/// The tokens of `text`. With `within`, the text is read as the inside of a string of that quote,
/// up to where the string ends; the first token is then that string.
pub(super) fn tokens(text: &str, within: Option<u8>) -> Vec<Token<'_>> {
    read(text, 0, within)
}

/// As [`tokens`] within a string in which a doubled quote stands for one; `None` when there is none.
pub(super) fn tokens_doubled(text: &str, quote: u8) -> Option<Vec<Token<'_>>> {
    let bytes = text.as_bytes();
    let mut at = bytes.iter().position(|b| *b == quote)?;
    let first = at;
    while byte(bytes, at + 1) == quote {
        let after = bytes.iter().skip(at + 2).position(|b| *b == quote)?;
        at += 2 + after;
    }
    if at == first {
        return None;
    }
    let mut out = Vec::with_capacity(16);
    push(&mut out, text, Kind::String, 0, at + 1);
    out.extend(read(text, at + 1, None));
    Some(out)
}

/// The tokens behind those of a text that were read, from a little before their end on; `None` when
/// all were read.
pub(super) fn more<'a>(text: &'a str, last: &[Token<'a>]) -> Option<Vec<Token<'a>>> {
    if last.len() < TOKENS_MAX {
        return None;
    }
    let from = last.get(last.len() - OVERLAP)?.start;
    Some(read(text, from, None))
}

fn read(text: &str, from: usize, within: Option<u8>) -> Vec<Token<'_>> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity((text.len().saturating_sub(from) / 4).clamp(8, 256));
    let mut i = from;
    if let Some(quote) = within {
        // Also behind a backslash: what escapes a quote for the one escapes the backslash for the other.
        let quoted = bytes.iter().position(|b| *b == quote);
        i = quoted.map_or(bytes.len(), |n| n + 1);
        push(&mut out, text, Kind::String, 0, i);
    }
    while i < bytes.len() && out.len() < TOKENS_MAX {
        let b = byte(bytes, i);
        if b.is_ascii_whitespace() || b == 0xC2 || b == 0xA0 || b == 0x0b {
            i += 1;
            continue;
        }
        if b == b'`' {
            let end = string_end(bytes, i + 1, b);
            push(
                &mut out,
                text,
                Kind::Name,
                i + 1,
                end.saturating_sub(1).max(i + 1),
            );
            i = end.max(i + 1);
            continue;
        }
        if let Some(end) = bracketed(bytes, i) {
            push(&mut out, text, Kind::Name, i + 1, end - 1);
            i = end;
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
        // `ESCAPE '\'`, where a backslash is only itself.
        b'\'' if b1 == b'\\' && byte(bytes, i + 2) == b'\'' && escapes(bytes, i) => {
            (Kind::String, i + 3)
        }
        b'\'' | b'"' => (Kind::String, string_end(bytes, i + 1, b)),
        // Paths into JSON.
        b'-' if b1 == b'>' => {
            let double = byte(bytes, i + 2) == b'>';
            (Kind::Operator, i + 2 + usize::from(double))
        }
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

/// Whether the word ESCAPE stands before `i`.
fn escapes(bytes: &[u8], i: usize) -> bool {
    let before = bytes.get(..i).unwrap_or_default().trim_ascii_end();
    before
        .len()
        .checked_sub(6)
        .and_then(|at| before.get(at..))
        .is_some_and(|w| w.eq_ignore_ascii_case(b"escape"))
}

/// One past a name in brackets, as T-SQL quotes names.
fn bracketed(bytes: &[u8], i: usize) -> Option<usize> {
    const NAME_BYTES_MAX: usize = 64;
    if byte(bytes, i) != b'[' {
        return None;
    }
    let inner = bytes.get(i + 1..bytes.len().min(i + 2 + NAME_BYTES_MAX))?;
    let end = inner.iter().position(|b| *b == b']')?;
    let name = inner.get(..end)?;
    let word = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b' ' | b'$');
    (name.first()?.is_ascii_alphabetic() && name.iter().all(word)).then_some(i + end + 2)
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
    if (byte(bytes, end).is_ascii_alphabetic() || byte(bytes, end) == b'_')
        && !glued_keyword(bytes, end)
    {
        while byte(bytes, end).is_ascii_alphanumeric() || byte(bytes, end) == b'_' {
            end += 1;
        }
        return (Kind::Name, end);
    }
    (Kind::Number, end)
}

/// Words that a number may end at, as in `1or 1=1`.
const GLUED: [&str; 14] = [
    "or", "and", "union", "xor", "div", "mod", "like", "rlike", "regexp", "between", "having",
    "order", "group", "limit",
];

/// `1or 1=1`, `1and(…)`, `1union select`.
fn glued_keyword(bytes: &[u8], i: usize) -> bool {
    GLUED.iter().any(|word| {
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
    let prefix = word.len() == 1
        && matches!(
            bytes.get(i),
            Some(b'N' | b'n' | b'x' | b'X' | b'b' | b'B' | b'e' | b'E')
        );
    let charset = bytes.get(i) == Some(&b'_')
        && ["_utf8", "_utf8mb4", "_latin1", "_binary", "_ascii"]
            .iter()
            .any(|w| w.eq_ignore_ascii_case(word));
    if (prefix || charset) && byte(bytes, end) == b'\'' {
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
        b'f' => &[("from", Kind::Clause), ("for", Kind::Clause)],
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

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(Kind, &str)> {
        tokens(text, None)
            .iter()
            .map(|t| (t.kind, t.text))
            .collect()
    }

    #[test]
    fn spellings_of_several_databases() {
        for (text, kind, word) in [
            ("[order details]", Kind::Name, "order details"),
            ("`a b`", Kind::Name, "a b"),
            ("_utf8'x'", Kind::String, "_utf8'x'"),
            ("e'a\\'b'", Kind::String, "e'a\\'b'"),
            ("@@version", Kind::Variable, "@@version"),
            ("0x4a", Kind::Number, "0x4a"),
            ("1e5", Kind::Number, "1e5"),
            ("42nd", Kind::Name, "42nd"),
            ("->>", Kind::Operator, "->>"),
            ("/* a */", Kind::Comment, "/* a */"),
            ("#a", Kind::Cut, "#a"),
        ] {
            assert_eq!(kinds(text), [(kind, word)], "{text}");
        }
        assert_eq!(
            kinds("1or 2"),
            [
                (Kind::Number, "1"),
                (Kind::Logic, "or"),
                (Kind::Number, "2")
            ]
        );
        assert_eq!(
            kinds("ESCAPE '\\' x"),
            [
                (Kind::Name, "ESCAPE"),
                (Kind::String, "'\\'"),
                (Kind::Name, "x")
            ]
        );
    }

    #[test]
    fn a_long_text_is_read_to_its_end_in_parts() {
        let text = format!("{}union", "a ".repeat(3 * TOKENS_MAX));
        let mut part = tokens(&text, None);
        let mut parts = 1;
        while let Some(next) = more(&text, &part) {
            assert!(next.len() <= TOKENS_MAX);
            part = next;
            parts += 1;
        }
        assert!(parts >= 3);
        assert!(part.last().is_some_and(|t| t.kind == Kind::SetWord));
    }

    #[test]
    fn a_string_ends_at_its_first_quote_or_behind_doubled_ones() {
        let first = |tokens: Vec<Token<'_>>| tokens.first().map(|t| t.text.to_owned());
        assert_eq!(
            first(tokens("a\\' or 1", Some(b'\''))).as_deref(),
            Some("a\\'")
        );
        assert_eq!(
            tokens_doubled("a''b' or 1", b'\'')
                .and_then(first)
                .as_deref(),
            Some("a''b'")
        );
        assert_eq!(tokens_doubled("a' or 1", b'\''), None);
        assert_eq!(tokens_doubled("a''b", b'\''), None);
    }
}
