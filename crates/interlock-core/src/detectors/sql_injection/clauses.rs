//! What follows a word of SQL: another SELECT, another statement, a condition.

use super::names::{DELAYS, PROBES, SYSTEM};
use super::tokens::{Kind, Token};

/// Whether a text reads like a sentence: most tokens are plain words.
pub(super) fn prose(list: &[Token<'_>]) -> bool {
    let mut run = 0;
    let mut longest = 0;
    for token in list {
        run = if token.kind == Kind::Name { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest >= 4
}

pub(super) fn end_of(rest: &[Token<'_>], count: usize, otherwise: usize) -> usize {
    rest.iter()
        .take(count)
        .next_back()
        .map_or(otherwise, Token::end)
}

pub(super) fn listed(token: &Token<'_>, names: &[&str]) -> bool {
    token.kind != Kind::String && names.iter().any(|n| token.is(n))
}

pub(super) fn called(rest: &[Token<'_>]) -> bool {
    rest.first().is_some_and(|t| t.kind == Kind::Open)
}

/// After UNION: `[ALL|DISTINCT] [(] SELECT` and something that a sentence would not go on with.
pub(super) fn union_select(rest: &[Token<'_>]) -> Option<u8> {
    let mut at = 0;
    while rest.get(at).is_some_and(|t| {
        t.is("all") || t.is("distinct") || t.kind == Kind::Open || t.kind == Kind::Comment
    }) {
        at += 1;
    }
    rest.get(at).filter(|t| t.kind == Kind::Select)?;
    while rest.get(at + 1).is_some_and(|t| {
        ["all", "distinct", "distinctrow", "top"]
            .iter()
            .any(|w| t.is(w))
    }) {
        at += 1;
        let number = rest.get(at + 1).is_some_and(|t| t.kind == Kind::Number);
        at += usize::from(number && rest.get(at).is_some_and(|t| t.is("top")));
        if rest.get(at + 1).is_none_or(|t| t.kind == Kind::Comma) {
            return Some(95);
        }
    }
    let first = rest.get(at + 1);
    let second = rest.get(at + 2);
    let plain = match first.map(|t| t.kind) {
        None => return Some(60),
        Some(Kind::Operator) if first.is_some_and(|t| t.text == "%") => true,
        Some(Kind::Name) => !second.is_some_and(|t| {
            matches!(
                t.kind,
                Kind::Comma | Kind::Open | Kind::Cut | Kind::Dot | Kind::Compare
            ) || t.is("from")
        }),
        _ => false,
    };
    (!plain).then_some(95)
}

/// After a semicolon: the head of another statement.
pub(super) fn stacked(rest: &[Token<'_>]) -> bool {
    let Some((first, tail)) = rest.split_first() else {
        return false;
    };
    let next = tail.first();
    let next_is = |words: &[&str]| next.is_some_and(|t| words.iter().any(|w| t.is(w)));
    let named = next.is_some_and(|t| matches!(t.kind, Kind::Name | Kind::String));
    if first.is("drop") || first.is("alter") || first.is("create") {
        return next_is(&[
            "table",
            "database",
            "user",
            "view",
            "schema",
            "index",
            "procedure",
            "function",
            "login",
            "role",
            "trigger",
            "column",
            "or",
            "procedure",
            "global",
        ]) || (first.is("drop")
            && named
            && tail
                .get(1)
                .is_some_and(|t| matches!(t.kind, Kind::Cut | Kind::Semicolon)));
    }
    if first.is("load") {
        return next_is(&["data", "xml"]);
    }
    if first.is("delete") || first.is("insert") || first.is("replace") {
        return tail.iter().take(2).any(|t| t.is("from") || t.is("into"));
    }
    if first.is("truncate") {
        return next_is(&["table"]) || (named && tail.len() <= 2);
    }
    if first.is("update") || first.is("merge") {
        return tail.iter().take(4).any(|t| t.is("set") || t.is("into"));
    }
    if first.is("exec") || first.is("execute") {
        return next.is_some_and(|t| {
            t.kind == Kind::Open
                || t.text.contains('_')
                || t.kind == Kind::Variable
                || t.is("immediate")
                || t.is("master")
        });
    }
    if first.is("declare") || first.is("set") {
        return next.is_some_and(|t| t.kind == Kind::Variable);
    }
    if first.is("shutdown") {
        return next.is_none_or(|t| matches!(t.kind, Kind::Cut | Kind::Semicolon) || t.is("with"));
    }
    if first.is("waitfor") {
        return next_is(&["delay", "time"]);
    }
    if first.is("if") || first.is("begin") {
        // A program has braces and semicolons where SQL has statements.
        let head = || {
            tail.iter()
                .take(32)
                .take_while(|t| t.kind != Kind::Other && t.kind != Kind::Semicolon)
        };
        return head().any(|t| {
            t.is("select") || t.is("waitfor") || listed(t, &DELAYS) || listed(t, &SYSTEM)
        });
    }
    if first.is("grant") || first.is("revoke") {
        return tail.iter().take(8).any(|t| t.is("to") || t.is("from"));
    }
    if first.is("copy") {
        return tail
            .iter()
            .take(6)
            .any(|t| t.is("from") || t.is("to") || t.is("program"));
    }
    if first.kind == Kind::Select && first.is("select") {
        return tail.iter().take(12).any(|t| {
            t.is("from")
                || t.is("into")
                || t.text.starts_with("@@")
                || listed(t, &DELAYS)
                || listed(t, &SYSTEM)
        }) || next.is_some_and(|t| t.literal() || listed(t, &PROBES));
    }
    listed(first, &DELAYS) && called(tail)
}

/// After OR or AND: a condition that a person would not type into a field.
pub(super) fn condition(rest: &[Token<'_>], follows: bool) -> Option<u8> {
    let mut at = 0;
    let mut opened = 0u8;
    while rest.get(at).is_some_and(|t| {
        t.kind == Kind::Open || t.is("not") || matches!(t.text, "-" | "+" | "!" | "~")
    }) {
        opened += u8::from(rest.get(at).is_some_and(|t| t.kind == Kind::Open));
        at += 1;
    }
    let first = rest.get(at)?;
    let second = rest.get(at + 1);
    let third = rest.get(at + 2);
    let compare = second.is_some_and(|t| t.kind == Kind::Compare);
    if first.kind == Kind::Select && opened > 0 {
        return Some(88);
    }
    if (listed(first, &DELAYS) || listed(first, &SYSTEM))
        && second.is_some_and(|t| t.kind == Kind::Open)
    {
        // What is called says more than that it is called behind OR.
        return Some(64);
    }
    if (listed(first, &PROBES) || first.is("row"))
        && second.is_some_and(|t| t.kind == Kind::Open)
        && third.is_some_and(|t| t.kind != Kind::Close)
    {
        return Some(84);
    }
    if compare {
        let value = third?;
        let value_kind = if matches!(value.text, "-" | "+" | "~") {
            rest.get(at + 3)?.kind
        } else {
            value.kind
        };
        return match (first.kind, value_kind) {
            (Kind::Number, Kind::Number) => Some(90),
            (Kind::String, Kind::String) => Some(90),
            (Kind::Number | Kind::String, Kind::Open | Kind::Select) => Some(86),
            (Kind::Number, Kind::String) | (Kind::String, Kind::Number) => Some(80),
            (Kind::Number | Kind::String, _) if follows && listed(value, &PROBES) => Some(84),
            (Kind::Variable, _) | (_, Kind::Variable) => Some(80),
            (Kind::Name, Kind::Name) if first.is(value.text) => Some(74),
            _ => None,
        };
    }
    // `or true`.
    let ends = second.is_none_or(|t| matches!(t.kind, Kind::Cut | Kind::Semicolon | Kind::Close));
    match first.kind {
        Kind::Name if first.is("true") && ends => Some(70),
        _ => None,
    }
}
