//! A whole query that somebody injected into: conditions that no row changes, a second SELECT that
//! pads its columns, another statement, a comment that hides the rest, strings that end early.

use super::clauses::{called, end_of, listed, stacked};
use super::expression::{Reader, Shape, unread};
use super::names::{DELAYS, REACH, REACH_BYTES_MIN, SECRETS, SYSTEM, TYPED};
use super::tokens::{Kind, Token, more, tokens};
use super::{
    BREAKOUT, Best, DELAY, STACKED, SYSTEM_ACCESS, TAUTOLOGY, TRUNCATION, UNION, Verdict, value,
};
use crate::model::FindingCode;

/// What a finding that is no proof alone gains when the query is not well formed.
const BROKEN: u8 = 20;
/// Bytes of a string from which on it may be a value that somebody injected.
const VALUE_BYTES_MIN: usize = 6;

/// Judges a whole query; `broken` says that it does not parse. Its strings are values again, one
/// level deep.
pub(super) fn judge(text: &str, broken: bool, limited: &mut bool) -> Option<Verdict> {
    let mut best = Best::default();
    let mut part = tokens(text, None);
    loop {
        let query = Query::new(text, &part, broken);
        query.judge(&mut best, limited);
        *limited |= unread(&part);
        match more(text, &part) {
            Some(next) => part = next,
            None => return best.verdict.filter(|v| v.confidence >= 50),
        }
    }
}

struct Query<'a> {
    /// Without closed comments.
    list: Vec<Token<'a>>,
    /// As conditions are read: without comments, and with quoted names as names.
    plain: Vec<Token<'a>>,
    broken: bool,
    /// It is a script of several statements by its first word.
    script: bool,
}

impl<'a> Query<'a> {
    fn new(text: &'a str, all: &[Token<'a>], broken: bool) -> Self {
        let mut list: Vec<Token<'a>> = Vec::with_capacity(all.len());
        for token in all.iter().filter(|t| t.kind != Kind::Comment) {
            // A doubled quote is a part of its string.
            if let Some(last) = list.last_mut()
                && last.kind == Kind::String
                && token.kind == Kind::String
                && last.end() == token.start
                && last.text.as_bytes().last() == token.text.as_bytes().first()
            {
                last.text = text.get(last.start..token.end()).unwrap_or(last.text);
                continue;
            }
            list.push(*token);
        }
        let last = list.len().saturating_sub(1);
        let mut plain = Vec::with_capacity(list.len());
        for (i, token) in list.iter().enumerate() {
            if token.kind == Kind::Cut && i != last {
                continue;
            }
            // Some databases quote names like this, others strings.
            let name =
                token.kind == Kind::String && token.text.starts_with('"') && token.text.len() > 2;
            plain.push(Token {
                kind: if name { Kind::Name } else { token.kind },
                ..*token
            });
        }
        let script = list.first().is_some_and(|t| {
            ["begin", "start", "declare", "set", "use", "create"]
                .iter()
                .any(|w| t.is(w))
        });
        Self {
            list,
            plain,
            broken,
            script,
        }
    }

    fn judge(&self, best: &mut Best, limited: &mut bool) {
        let mut consider = |code: &'static FindingCode, confidence: u8, from: usize, to: usize| {
            best.take(Some(Verdict {
                code,
                confidence,
                span: (from, to.max(from)),
            }));
        };
        for (i, token) in self.plain.iter().enumerate() {
            let rest = self.plain.get(i + 1..).unwrap_or_default();
            match token.kind {
                Kind::Logic | Kind::Clause | Kind::Verb => {
                    if let Some((code, confidence)) = self.condition(i, token) {
                        consider(code, confidence, token.start, end_of(rest, 3, token.end()));
                    }
                }
                Kind::SetWord if token.is("union") || token.is("intersect") => {
                    if let Some(confidence) = self.union(i) {
                        consider(
                            &UNION,
                            confidence,
                            token.start,
                            end_of(rest, 5, token.end()),
                        );
                    }
                }
                Kind::Compare => {
                    // `id = UNION …`, `id = AND …`: nothing was put where a value belongs.
                    let nothing = rest
                        .first()
                        .is_none_or(|t| matches!(t.kind, Kind::SetWord | Kind::Logic | Kind::Cut));
                    let value = rest
                        .first()
                        .is_some_and(|t| t.text == "||" || t.text == "&&");
                    if nothing && !value && !token.is("is") {
                        consider(&BREAKOUT, 62, token.start, end_of(rest, 1, token.end()));
                    }
                }
                _ => {}
            }
        }
        // It stops where a clause or an operand should begin.
        if let Some(last) = self.plain.iter().rev().find(|t| t.kind != Kind::Cut)
            && (last.kind == Kind::Logic
                || ["where", "from", "by", "having"].iter().any(|w| last.is(w)))
        {
            consider(&BREAKOUT, 58, last.start, last.end());
        }
        for (i, token) in self.list.iter().enumerate() {
            let rest = self.list.get(i + 1..).unwrap_or_default();
            let before = i.checked_sub(1).and_then(|b| self.list.get(b));
            match token.kind {
                // A script that begins a transaction goes on with other statements.
                Kind::Semicolon if !self.script && stacked(rest) => {
                    consider(&STACKED, 78, token.start, end_of(rest, 3, token.end()));
                }
                Kind::Name if called(rest) && listed(token, &DELAYS) => {
                    consider(&DELAY, 82, token.start, end_of(rest, 3, token.end()));
                }
                Kind::Verb
                    if token.is("waitfor")
                        && rest.first().is_some_and(|t| t.is("delay") || t.is("time")) =>
                {
                    consider(&DELAY, 88, token.start, end_of(rest, 2, token.end()));
                }
                Kind::Name if token.text.len() >= REACH_BYTES_MIN && listed(token, &REACH) => {
                    consider(&SYSTEM_ACCESS, 84, token.start, token.end());
                }
                Kind::Clause
                    if token.is("procedure") && rest.first().is_some_and(|t| t.is("analyse")) =>
                {
                    consider(
                        &SYSTEM_ACCESS,
                        84,
                        token.start,
                        end_of(rest, 1, token.end()),
                    );
                }
                Kind::Cut => {
                    if let Some(confidence) = self.truncated(token, before) {
                        consider(&TRUNCATION, confidence, token.start, token.end());
                    }
                }
                Kind::String => {
                    if let Some(confidence) = torn(token, before, rest.first()) {
                        consider(&BREAKOUT, confidence, token.start, token.end());
                    }
                    if let Some(v) = content(token, limited) {
                        consider(v.code, v.confidence, v.span.0, v.span.1);
                    }
                }
                _ => {}
            }
        }
    }

    /// The term behind OR, AND, WHERE or HAVING.
    fn condition(&self, i: usize, token: &Token<'_>) -> Option<(&'static FindingCode, u8)> {
        let sets = token.is("set");
        let begins = sets || token.is("where") || token.is("having") || token.is("when");
        if token.kind != Kind::Logic && !begins {
            return None;
        }
        let mut reader = Reader::new(&self.plain, i + 1);
        let term = reader.term()?;
        if term.chained {
            return Some((&BREAKOUT, 64));
        }
        if term.odd {
            return Some((&BREAKOUT, 60));
        }
        if sets || token.is("where") || token.text == "||" {
            return None;
        }
        if term.reach && (term.select || term.compares > 0) {
            return Some((&SYSTEM_ACCESS, 76));
        }
        if term.info && (term.select || term.constant()) && term.compares > 0 {
            return Some((&TAUTOLOGY, 74));
        }
        let rest = self.plain.get(i + 1..).unwrap_or_default();
        let call = rest.first().is_some_and(|t| {
            t.kind == Kind::Name && !["exists", "any", "all"].iter().any(|w| t.is(w))
        });
        if token.kind == Kind::Logic && call && term.select && term.compares == 0 {
            return Some((&TAUTOLOGY, 62));
        }
        if let [number, compare, open, select, ..] = rest
            && number.kind == Kind::Number
            && number.text.len() > 1
            && compare.kind == Kind::Compare
            && open.kind == Kind::Open
            && select.kind == Kind::Select
        {
            return Some((&TAUTOLOGY, 68));
        }
        let either = !token.is("and") && token.text != "&&" && token.kind == Kind::Logic;
        let known = term.constant() && term.session == 0;
        let alone = rest
            .get(reader.at.saturating_sub(i + 1))
            .is_none_or(|t| t.kind != Kind::Dot && t.kind != Kind::Other);
        let constants = token.kind == Kind::Logic || term.functions == 0;
        if known && alone && constants && term.compares > 0 {
            // `AND 1=1` is how programs begin a list of conditions that they put together.
            let usual = !either && token.kind == Kind::Logic && one_and_zero(rest);
            return match (either, usual) {
                (true, _) => Some((&TAUTOLOGY, 84)),
                (false, false) => Some((&TAUTOLOGY, 72)),
                (false, true) => self.broken.then_some((&TAUTOLOGY, 60)),
            };
        }
        if either && term.always {
            return Some((&TAUTOLOGY, 80));
        }
        (either && known && alone && term.bare()).then_some((&TAUTOLOGY, 68))
    }

    fn union(&self, i: usize) -> Option<u8> {
        let rest = self.plain.get(i + 1..)?;
        let select = rest
            .iter()
            .take(64)
            .take_while(|t| t.kind != Kind::Clause)
            .position(|t| t.kind == Kind::Select && t.is("select"))?;
        let columns = rest.get(select + 1..).unwrap_or_default();
        let from = columns
            .iter()
            .take(256)
            .position(|t| t.kind == Kind::Clause && (t.is("from") || t.is("into")));
        let listed_columns = columns.get(..from.unwrap_or(columns.len().min(64)))?;
        let first = self.plain.get(..i).unwrap_or_default();
        let first_reads = first.iter().any(|t| t.is("from"));
        let numbers = listed_columns
            .iter()
            .filter(|t| t.kind == Kind::Number)
            .count();
        let null = columns.first().is_some_and(|t| t.is("null"));
        let hexadecimal = listed_columns
            .iter()
            .any(|t| t.kind == Kind::Number && t.text.starts_with("0x"));
        let mut shape = Shape::default();
        for (n, token) in columns.iter().take(96).enumerate() {
            shape.take(
                token,
                columns.get(n + 1).is_some_and(|t| t.kind == Kind::Open),
            );
        }
        let system = columns
            .iter()
            .take(96)
            .any(|t| listed(t, &SYSTEM) || t.text.starts_with("@@"));
        let probe = columns.first().zip(columns.get(1)).is_some_and(|(f, o)| {
            o.kind == Kind::Open
                && [
                    "user",
                    "version",
                    "database",
                    "concat_ws",
                    "group_concat",
                    "char",
                ]
                .iter()
                .any(|w| f.is(w))
        });
        if system || probe || hexadecimal || (numbers >= 3 && null) {
            return Some(90);
        }
        if first_reads && (numbers >= 3 || (numbers >= 1 && from.is_none())) {
            return Some(84);
        }
        let cut = self.list.last().is_some_and(|t| t.kind == Kind::Cut);
        if first_reads && (null || numbers >= 1) && cut {
            return Some(78);
        }
        let secret = |tokens: &[Token<'_>]| tokens.iter().any(|t| listed(t, &SECRETS));
        if first_reads && secret(listed_columns) && !secret(first) {
            return Some(74);
        }
        if null && first_reads {
            return Some(58);
        }
        // Behind it stands what the query had: `… UNION SELECT a FROM b LIMIT 1 AND c = 1`.
        (self.broken && first_reads).then_some(45 + BROKEN)
    }

    /// A comment right behind a string or number, with something left to hide.
    fn truncated(&self, token: &Token<'_>, before: Option<&Token<'_>>) -> Option<u8> {
        let before = before?;
        if token.text.contains('\n') {
            return None;
        }
        let tail = token.text.trim_start_matches(['-', '#', '/', '*', ' ']);
        let hides = tail.contains('\'') || tail.contains('"') || cut_clause(tail);
        let behind = before.literal() || matches!(before.kind, Kind::Close | Kind::Name);
        (hides && behind).then_some(70)
    }
}

/// `1=1`, `1=0` and `0=1`.
fn one_and_zero(rest: &[Token<'_>]) -> bool {
    let digit = |at: usize| rest.get(at).is_some_and(|t| t.text == "1" || t.text == "0");
    digit(0) && digit(2) && rest.get(1).is_some_and(|t| t.text == "=")
}

/// Whether a string begins or ends within what was meant to be one: it touches a word, or it is
/// never closed.
fn torn(token: &Token<'_>, before: Option<&Token<'_>>, after: Option<&Token<'_>>) -> Option<u8> {
    let quote = token.text.as_bytes().first().copied();
    if !matches!(quote, Some(b'\'' | b'"')) {
        return None;
    }
    let closed = token.text.len() >= 2 && token.text.as_bytes().last().copied() == quote;
    if !closed {
        return before.is_some().then_some(58);
    }
    // A doubled quote, which stands for one.
    if token.text.len() == 2 {
        return None;
    }
    let touches = |t: &Token<'_>| matches!(t.kind, Kind::Name | Kind::Number | Kind::Variable);
    if before.is_some_and(|b| {
        b.end() == token.start && touches(b) && b.text.len() > 1 && !listed(b, &TYPED)
    }) {
        return Some(60);
    }
    after
        .is_some_and(|t| t.start == token.end() && touches(t) && quote == Some(b'\''))
        .then_some(58)
}

/// The content of a string, judged as a value.
fn content(token: &Token<'_>, limited: &mut bool) -> Option<Verdict> {
    let content = token.content();
    if content.len() < VALUE_BYTES_MIN || is_plain(content) {
        return None;
    }
    let found = value::judge(content, limited).filter(|v| v.confidence >= 62)?;
    let start = token.start + token.text.find(content).unwrap_or(0);
    Some(Verdict {
        code: found.code,
        confidence: (found.confidence - 8).max(54),
        span: (start + found.span.0, start + found.span.1),
    })
}

/// One word, number, date or address: nothing in it can end a value or begin a comment.
fn is_plain(content: &str) -> bool {
    let mut last = b' ';
    content.bytes().all(|b| {
        let comment = b == b'-' && last == b'-';
        last = b;
        !comment && (b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':' | b'@'))
    })
}

/// Whether what a comment hides was part of the statement.
fn cut_clause(tail: &str) -> bool {
    let mut words = tail.split_whitespace();
    let first = words.next().unwrap_or_default();
    ["and", "or", "where", "order", "limit", "group", "having"]
        .iter()
        .any(|w| first.eq_ignore_ascii_case(w))
        && tail
            .bytes()
            .any(|b| b == b'=' || b.is_ascii_digit() || b == b'_')
}
