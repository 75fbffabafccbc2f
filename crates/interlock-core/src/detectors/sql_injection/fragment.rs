//! What a value becomes when it is put into a query: read as the rest of a statement from each
//! place that a value can stand at.
//!
//! A value that was put between quotes ends that string and goes on as SQL up to where the query's
//! own closing quote is taken in or cut off; one that stands bare goes on behind its number. A
//! sentence with a quote in it does neither.

use super::clauses::stacked;
use super::expression::{Reader, Shape};
use super::tokens::{Kind, Token};
use super::{
    BREAKOUT, COMPUTED, DELAY, STACKED, SYSTEM_ACCESS, TAUTOLOGY, TRUNCATION, UNION, Verdict,
};
use crate::model::FindingCode;

/// Closing parentheses that a value may bring.
const CLOSES_MAX: usize = 16;

/// How a continuation ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// What the query has behind the value is cut off or taken into an open string.
    Bound,
    /// With the text.
    Text,
    /// Another clause or statement follows.
    Goes,
    /// It is no continuation: something else follows.
    Inside,
}

/// Judges the tokens of a value without comments. With `quote`, they were read from within a string
/// of that quote, and the first token is the string.
pub(super) fn judge(list: &[Token<'_>], quote: Option<u8>) -> Option<Verdict> {
    match quote {
        Some(quote) => inside(list, quote),
        None => bare(list),
    }
}

fn verdict(
    list: &[Token<'_>],
    from: usize,
    reader: &Reader<'_, '_>,
    (code, confidence): (&'static FindingCode, u8),
) -> Verdict {
    let start = list.get(from).map_or(0, |t| t.start);
    let end = reader
        .at
        .checked_sub(1)
        .and_then(|last| list.get(last))
        .map_or(start, Token::end);
    Verdict {
        code,
        confidence,
        span: (start, end.max(start)),
    }
}

/// Whether a token is a string that nothing closes.
fn open(token: &Token<'_>, quote: u8) -> bool {
    let text = token.text.as_bytes();
    token.kind == Kind::String
        && text.first() == Some(&quote)
        && (text.len() == 1 || text.last() != Some(&quote))
}

fn end(reader: &mut Reader<'_, '_>, list: &[Token<'_>], quote: Option<u8>) -> End {
    loop {
        let Some(token) = list.get(reader.at) else {
            let bound = list
                .last()
                .is_some_and(|t| quote.is_some_and(|q| open(t, q)));
            return if bound { End::Bound } else { End::Text };
        };
        match token.kind {
            Kind::Close => reader.at += 1,
            Kind::Cut => return End::Bound,
            Kind::Semicolon => {
                let last = list.get(reader.at + 1).is_none_or(|t| t.kind == Kind::Cut);
                return if last { End::Bound } else { End::Goes };
            }
            Kind::Clause | Kind::SetWord => return End::Goes,
            _ => return End::Inside,
        }
    }
}

/// Reads on behind `left`, over closing parentheses that the value brings.
fn continued(reader: &mut Reader<'_, '_>, left: Shape) -> Option<Shape> {
    let mut shape = reader.rest(left)?;
    for _ in 0..CLOSES_MAX {
        let mut closes = 0;
        while reader.kind(closes) == Some(Kind::Close) {
            closes += 1;
        }
        let goes = matches!(
            reader.kind(closes),
            Some(Kind::Logic | Kind::Compare | Kind::Operator)
        );
        if closes == 0 || !goes {
            break;
        }
        reader.at += closes;
        shape = reader.rest(shape)?;
    }
    Some(shape)
}

fn inside(list: &[Token<'_>], quote: u8) -> Option<Verdict> {
    let value = list.first()?.content();
    // A value that somebody would search for, not a sentence with an apostrophe.
    let short = value.split_whitespace().count() <= 3;
    let mut from = 1;
    while list.get(from).is_some_and(|t| t.kind == Kind::Close) {
        from += 1;
    }
    let first = list.get(from)?;
    let mut reader = Reader::new(list, from);
    let string = Shape {
        literals: 1,
        ..Shape::default()
    };
    match first.kind {
        Kind::Logic | Kind::Compare | Kind::Operator => {
            let shape = continued(&mut reader, string)?;
            let end = end(&mut reader, list, Some(quote));
            let found = behind_quote(list, &shape, end, short, value)?;
            Some(verdict(list, from, &reader, found))
        }
        // The next value of a list, and the list's end cut off.
        Kind::Comma => {
            let mut all = string;
            while reader.kind(0) == Some(Kind::Comma) {
                reader.at += 1;
                let next = reader.expression()?;
                all.reach |= next.reach;
                all.select |= next.select;
            }
            let closed = reader.kind(0) == Some(Kind::Close);
            let bound = end(&mut reader, list, None) == End::Bound;
            (short && (closed && bound || all.select || all.reach))
                .then(|| verdict(list, from, &reader, (&BREAKOUT, 72)))
        }
        // Another statement: some databases need no semicolon before it.
        Kind::Verb
            if short
                && !first.is("execute")
                && !first.is("exec")
                && stacked(list.get(from..).unwrap_or_default()) =>
        {
            reader.at = list.len().min(from + 4);
            Some(verdict(list, from, &reader, (&STACKED, 66)))
        }
        Kind::Semicolon => {
            let empty = |t: &Token<'_>| t.kind == Kind::Cut && t.text.len() <= 6;
            reader.at = list.len();
            (short && list.len() < 64 && list.last().is_some_and(empty))
                .then(|| verdict(list, from, &reader, (&STACKED, 62)))
        }
        Kind::Clause | Kind::SetWord => {
            let cut = list.last().is_some_and(|t| t.kind == Kind::Cut);
            reader.at = list.len();
            (short && cut && list.len() > from + 2)
                .then(|| verdict(list, from, &reader, (&BREAKOUT, 68)))
        }
        _ => None,
    }
}

/// What a condition that no row changes is there for.
fn told(shape: &Shape) -> &'static FindingCode {
    match (shape.waits, shape.reach) {
        (true, _) => &DELAY,
        (false, true) => &SYSTEM_ACCESS,
        (false, false) => &TAUTOLOGY,
    }
}

fn behind_quote(
    list: &[Token<'_>],
    shape: &Shape,
    end: End,
    short: bool,
    value: &str,
) -> Option<(&'static FindingCode, u8)> {
    if end == End::Inside {
        return None;
    }
    let probing = shape.select || shape.reach || shape.info;
    if shape.telling {
        return (short || end == End::Bound).then_some((told(shape), 88));
    }
    // `' or '`: two strings and an operator between them, which a sentence with quoted words can
    // look like.
    let strings = shape.literals == 2
        && shape.columns + shape.calls + shape.functions + shape.session == 0
        && !shape.select;
    if strings {
        let last = list.last().filter(|t| t.kind == Kind::String);
        let suffix = last.map_or("", |t| t.content()).trim();
        let tight = (!value.contains(' ') || value.len() <= 2)
            && suffix.len() <= 16
            && !suffix.contains(' ');
        return (tight && end == End::Bound).then_some((&BREAKOUT, 62));
    }
    match end {
        End::Bound if shape.dangling => short.then_some((&BREAKOUT, 56)),
        End::Bound if shape.logic > 0 => short.then_some((&TAUTOLOGY, 74)),
        End::Bound if shape.columns == 0 || probing => short.then_some((&BREAKOUT, 68)),
        _ if probing => short.then_some((&BREAKOUT, 70)),
        _ if shape.logic > 0 && shape.compares > 0 => {
            (short && shape.calls == 0 && shape.literals > 1).then_some((&TAUTOLOGY, 58))
        }
        _ => None,
    }
}

fn bare(list: &[Token<'_>]) -> Option<Verdict> {
    let mut from = 0;
    while list.get(from).is_some_and(|t| t.kind == Kind::Close) {
        from += 1;
    }
    let first = list.get(from)?;
    let headless = matches!(first.kind, Kind::Logic | Kind::Compare);
    // `IF (1=1) …`: a statement of the database that tests nothing.
    if first.is("if") {
        let mut reader = Reader::new(list, from + 1);
        let shape = reader.expression()?;
        return (shape.constant() && shape.compares > 0 && reader.peek(0).is_some())
            .then(|| verdict(list, from, &reader, (&TAUTOLOGY, 66)));
    }
    if first.kind == Kind::Select || first.is("with") {
        return select(list, from);
    }
    let mut reader = Reader::new(list, from);
    let shape = if headless {
        reader.rest(Shape::default())?
    } else {
        reader.expression()?
    };
    let shape = continued(&mut reader, shape)?;
    let end = end(&mut reader, list, None);
    if end == End::Inside {
        return behind_value(list, from, &reader, &shape);
    }
    if end == End::Goes
        && let Some(found) = clause(list, &mut reader, &shape)
    {
        return Some(verdict(list, from, &reader, found));
    }
    let cut = list
        .get(reader.at)
        .is_some_and(|t| t.kind == Kind::Cut && (t.text.len() <= 4 || t.text.starts_with("/*")));
    let found = if shape.telling {
        (told(&shape), 84)
    } else if headless
        && ["or", "and", "xor"].iter().any(|w| first.is(w))
        && shape.compares > 0
        && shape.calls == 0
    {
        (&TAUTOLOGY, 58)
    } else if headless && first.is("like") && shape.literals == 1 && shape.columns == 0 {
        (&BREAKOUT, 56)
    } else if first.literal()
        && shape.logic > 0
        && list.last().is_some_and(|t| open(t, b'\'') || open(t, b'"'))
    {
        (&TAUTOLOGY, 60)
    } else if parenthesised(list, from) {
        (&COMPUTED, 70)
    } else if cut
        && shape.columns == 0
        && shape.calls == 0
        && (list.len() > from + 3 || first.kind == Kind::Logic)
    {
        (&TRUNCATION, 64)
    } else if shape.reach
        && (shape.operators + shape.compares + shape.logic > 0
            || shape.functions > 1
            || shape.select)
    {
        (told(&shape), 66)
    } else if first.literal() && shape.select && shape.compares + shape.operators > 0 {
        (&COMPUTED, 68)
    } else if shape.constant()
        && (shape.case || shape.functions > 0 && shape.inner > 0 && shape.literals > 1)
        || shape.info && shape.calls == 0 && (shape.functions > 1 || shape.operators > 0)
    {
        (&COMPUTED, 62)
    } else if shape.info && shape.session > 0 && shape.constant() {
        (&COMPUTED, 60)
    } else {
        return None;
    };
    Some(verdict(list, from, &reader, found))
}

/// What stands behind a value that goes on as no expression.
fn behind_value(
    list: &[Token<'_>],
    from: usize,
    reader: &Reader<'_, '_>,
    shape: &Shape,
) -> Option<Verdict> {
    let next = list.get(reader.at)?;
    let rest = list.get(reader.at + 1..)?;
    let select = rest.first().is_some_and(|t| t.kind == Kind::Open)
        && rest.get(1).is_some_and(|t| t.is("select"));
    if next.kind == Kind::Comma && shape.constant() && select {
        return Some(verdict(list, from, reader, (&COMPUTED, 66)));
    }
    let number = list.get(from).is_some_and(|t| t.kind == Kind::Number);
    (number && next.kind == Kind::Verb && stacked(list.get(reader.at..)?))
        .then(|| verdict(list, from, reader, (&STACKED, 60)))
}

/// HAVING with a condition that no row changes, or a UNION that its SELECT was cut off from.
fn clause(
    list: &[Token<'_>],
    reader: &mut Reader<'_, '_>,
    shape: &Shape,
) -> Option<(&'static FindingCode, u8)> {
    let last = list.last()?;
    if last.kind == Kind::SetWord && shape.constant() {
        return last.is("union").then_some((&UNION, 60));
    }
    let having = list
        .iter()
        .skip(reader.at)
        .take(48)
        .position(|t| t.is("having"))?;
    reader.at += having + 1;
    let condition = reader.expression()?;
    (condition.constant() && end(reader, list, None) != End::Inside).then_some((&BREAKOUT, 68))
}

/// `(SELECT … FROM …)` as a value; not the "(select one)" of a form.
fn parenthesised(list: &[Token<'_>], from: usize) -> bool {
    let open = list.get(from).is_some_and(|t| t.kind == Kind::Open);
    let select = list.get(from + 1).is_some_and(|t| t.is("select"));
    let columns = list.get(from + 2..).unwrap_or_default();
    let table = columns
        .iter()
        .take(64)
        .position(|t| t.is("from"))
        .filter(|at| *at > 0)
        .and_then(|at| columns.get(at + 1..));
    let named = |at: usize| {
        table
            .and_then(|t| t.get(at))
            .is_some_and(|t| t.kind == Kind::Name)
    };
    let sentence = named(1) && named(2);
    open && select && (table.is_some() && !sentence || columns.first().is_some_and(Token::literal))
}

/// A SELECT that stops where a clause begins: a piece of a query, not a query.
fn select(list: &[Token<'_>], from: usize) -> Option<Verdict> {
    let last = list.iter().rev().find(|t| t.kind != Kind::Cut)?;
    let torn = matches!(last.kind, Kind::Clause | Kind::Logic)
        && ["where", "and", "or", "from", "by", "having"]
            .iter()
            .any(|w| last.is(w));
    let listed = list
        .iter()
        .take(16)
        .any(|t| matches!(t.kind, Kind::Comma | Kind::Open));
    let mut reader = Reader::new(list, from);
    let asks = reader
        .expression()
        .is_some_and(|s| s.columns == 0 && s.calls == 0 && (s.info || s.session > 0));
    let whole = !list.iter().any(|t| t.is("from"));
    reader.at = list.len();
    (asks && whole || torn && listed && list.len() >= 6)
        .then(|| verdict(list, from, &reader, (&COMPUTED, 58)))
}
