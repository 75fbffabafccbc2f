//! A text that should be one value, judged in each place that a value can stand at.

use super::clauses::{called, condition, end_of, listed, prose, stacked, union_select};
use super::expression::unread;
use super::names::{DELAYS, PROBES, SYSTEM};
use super::tokens::{Kind, Token, more, tokens, tokens_doubled};
use super::{
    BREAKOUT, Best, COMPUTED, DELAY, STACKED, SYSTEM_ACCESS, TAUTOLOGY, TRUNCATION, UNION, Verdict,
    fragment,
};
use crate::model::FindingCode;

/// From this confidence on no other reading of a text is tried.
const SURE: u8 = 85;

/// Judges a text that should be one value.
///
/// `limited` becomes true where an expression is longer or deeper than is read.
pub(super) fn judge(text: &str, limited: &mut bool) -> Option<Verdict> {
    let mut best = Best::default();
    let mut part = tokens(text, None);
    best.take(judge_tokens(&part, None));
    *limited |= unread(&part);
    // Only local rules can find something past what one value is made of.
    while let Some(next) = more(text, &part).filter(|_| !best.reached(SURE)) {
        best.take(judge_tokens(&next, None));
        *limited |= unread(&next);
        part = next;
    }
    for quote in *b"'\"" {
        if best.reached(SURE) {
            break;
        }
        if ends_a_string(text.as_bytes(), quote) {
            for first in [Some(tokens(text, Some(quote))), tokens_doubled(text, quote)]
                .into_iter()
                .flatten()
            {
                let mut part = first;
                best.take(judge_tokens(&part, Some(quote)));
                *limited |= unread(&part);
                while let Some(next) = more(text, &part).filter(|_| !best.reached(SURE)) {
                    best.take(judge_tokens(&next, None));
                    *limited |= unread(&next);
                    part = next;
                }
            }
        }
    }
    best.verdict
}

/// A SELECT from the catalogue.
pub(super) fn catalogue(text: &str) -> Option<Verdict> {
    // Its first columns and table stand in the first part, whatever follows.
    let all = tokens(text, None);
    let select = all.first().filter(|t| t.is("select"))?;
    let from = all.iter().position(|t| t.is("from"))?;
    let table = all.get(from + 1..)?.iter().take(6);
    let system = table.clone().find(|t| listed(t, &SYSTEM))?;
    Some(Verdict {
        code: &SYSTEM_ACCESS,
        confidence: 64,
        span: (select.start, system.end()),
    })
}

/// Whether a text has a quote that could end a string: not only those within words, as in "don't".
fn ends_a_string(text: &[u8], quote: u8) -> bool {
    text.iter().enumerate().any(|(i, b)| {
        let letter = |at: Option<usize>| {
            at.and_then(|at| text.get(at))
                .is_some_and(u8::is_ascii_lowercase)
        };
        let word = |at: usize| {
            text.get(at..at + 2).is_some_and(|w| {
                matches!(
                    w,
                    b"t " | b"s " | b"re" | b"ve" | b"ll" | b"d " | b"m " | b"s," | b"s."
                )
            })
        };
        *b == quote && !(*b == b'\'' && letter(i.checked_sub(1)) && word(i + 1))
    })
}

/// Judges the tokens of a value, read from its start or from within a string of `quote`.
fn judge_tokens(tokens: &[Token<'_>], quote: Option<u8>) -> Option<Verdict> {
    let inside = quote.is_some();
    let last = tokens.len().saturating_sub(1);
    // A comment that ends with its line ends nothing else.
    let kept: Vec<Token<'_>> = tokens
        .iter()
        .enumerate()
        .filter(|(i, t)| t.kind != Kind::Comment && (t.kind != Kind::Cut || *i == last))
        .map(|(_, t)| *t)
        .collect();
    let list = kept.as_slice();
    let mut best = Best::default();
    best.take(fragment::judge(list, quote));
    let mut consider = |code: &'static FindingCode, confidence: u8, from: usize, to: usize| {
        best.take(Some(Verdict {
            code,
            confidence,
            span: (from, to.max(from)),
        }));
    };
    // Prose has long runs of names; SQL in a value does not.
    let prose = prose(list);
    for (i, token) in list.iter().enumerate() {
        let rest = list.get(i + 1..).unwrap_or_default();
        match token.kind {
            Kind::SetWord if token.is("union") => {
                if let Some(confidence) = union_select(rest) {
                    consider(
                        &UNION,
                        confidence,
                        token.start,
                        end_of(rest, 3, token.end()),
                    );
                }
            }
            Kind::Select if token.is("select") && !prose => {
                let probing = rest
                    .iter()
                    .take(24)
                    .any(|t| listed(t, &SYSTEM) || t.text.starts_with("@@"));
                let nested = i > 0 && list.get(i - 1).is_some_and(|t| t.kind == Kind::Open);
                if probing {
                    consider(
                        &SYSTEM_ACCESS,
                        85,
                        token.start,
                        end_of(rest, 8, token.end()),
                    );
                } else if nested
                    && rest.first().is_some_and(|t| {
                        t.literal()
                            || t.kind == Kind::Open
                            || t.kind == Kind::Variable
                            || listed(t, &PROBES)
                    })
                {
                    consider(&COMPUTED, 74, token.start, end_of(rest, 3, token.end()));
                }
            }
            Kind::Semicolon if stacked(rest) => {
                consider(
                    &STACKED,
                    if prose { 60 } else { 88 },
                    token.start,
                    end_of(rest, 3, token.end()),
                );
            }
            Kind::Logic => {
                if let Some(confidence) = condition(rest, inside || i > 0) {
                    // Within prose a comparison of names proves nothing.
                    let confidence = if prose && confidence < 80 {
                        0
                    } else {
                        confidence
                    };
                    if confidence > 0 {
                        consider(
                            &TAUTOLOGY,
                            confidence,
                            token.start,
                            end_of(rest, 3, token.end()),
                        );
                    }
                }
            }
            Kind::Clause if token.is("having") || token.is("order") || token.is("group") => {
                let by = rest.first().is_some_and(|t| t.is("by"));
                let what = rest.get(usize::from(by));
                let tail = rest.get(usize::from(by) + 1);
                let numbered = what.is_some_and(|t| t.kind == Kind::Number);
                let ends =
                    tail.is_none_or(|t| matches!(t.kind, Kind::Cut | Kind::Compare | Kind::Comma));
                if numbered && ends && !prose && (by || token.is("having")) {
                    consider(&BREAKOUT, 72, token.start, end_of(rest, 3, token.end()));
                }
            }
            Kind::Clause
                if token.is("procedure") && rest.first().is_some_and(|t| t.is("analyse")) =>
            {
                consider(
                    &SYSTEM_ACCESS,
                    88,
                    token.start,
                    end_of(rest, 2, token.end()),
                );
            }
            Kind::Clause
                if token.is("into")
                    && rest
                        .first()
                        .is_some_and(|t| t.is("outfile") || t.is("dumpfile")) =>
            {
                consider(
                    &SYSTEM_ACCESS,
                    92,
                    token.start,
                    end_of(rest, 2, token.end()),
                );
            }
            Kind::Verb
                if token.is("waitfor")
                    && rest.first().is_some_and(|t| t.is("delay") || t.is("time"))
                    && rest
                        .get(1)
                        .is_some_and(|t| t.literal() || t.kind == Kind::Variable) =>
            {
                consider(&DELAY, 92, token.start, end_of(rest, 2, token.end()));
            }
            Kind::Verb
                if (token.is("exec") || token.is("execute"))
                    && rest.iter().take(6).any(|t| {
                        listed(t, &SYSTEM)
                            || t.text.get(..3).is_some_and(|p| {
                                p.eq_ignore_ascii_case("xp_") || p.eq_ignore_ascii_case("sp_")
                            })
                    }) =>
            {
                consider(
                    &SYSTEM_ACCESS,
                    90,
                    token.start,
                    end_of(rest, 4, token.end()),
                );
            }
            Kind::Verb
                if (token.is("exec") || token.is("execute"))
                    && called(rest)
                    && rest.get(1).is_some_and(|t| t.kind == Kind::Variable) =>
            {
                consider(&STACKED, 70, token.start, end_of(rest, 3, token.end()));
            }
            Kind::Verb
                if token.is("declare")
                    && rest.first().is_some_and(|t| t.kind == Kind::Variable) =>
            {
                consider(&STACKED, 84, token.start, end_of(rest, 3, token.end()));
            }
            Kind::Name if called(rest) && listed(token, &DELAYS) => {
                // `benchmark(s)`: a call that waits says how long.
                let timed = token.is("pg_sleep")
                    || rest.get(1).is_some_and(|t| {
                        matches!(
                            t.kind,
                            Kind::Number | Kind::String | Kind::Open | Kind::Operator
                        ) || t.kind == Kind::Variable
                            || t.kind == Kind::Select
                            || called(rest.get(2..).unwrap_or_default())
                    });
                // `sleep(30)` alone is code in many languages; beside SQL it is a probe.
                let sql = list.len() > 5 && !prose
                    || rest.get(1).is_some_and(|t| t.kind == Kind::Open)
                    || i > 0;
                let long = |t: &Token<'_>| t.kind == Kind::Number && t.text.len() > 6;
                let heavy = rest.get(1).is_some_and(long);
                let sure = token.is("pg_sleep") || token.is("benchmark") || heavy;
                let near = i > 0
                    && list.get(i - 1).is_some_and(|t| {
                        matches!(
                            t.kind,
                            Kind::Logic
                                | Kind::Operator
                                | Kind::Comma
                                | Kind::Semicolon
                                | Kind::Open
                                | Kind::Select
                                | Kind::String
                                | Kind::Compare
                                | Kind::Close
                                | Kind::Clause
                        )
                    });
                if timed && (sure || (sql && near && !prose)) {
                    let confidence = if sure || inside { 88 } else { 66 };
                    consider(
                        &DELAY,
                        confidence,
                        token.start,
                        end_of(rest, 3, token.end()),
                    );
                }
            }
            Kind::Name if called(rest) && listed(token, &SYSTEM) && (inside || i > 0) && !prose => {
                consider(
                    &SYSTEM_ACCESS,
                    86,
                    token.start,
                    end_of(rest, 3, token.end()),
                );
            }
            _ => {}
        }
    }
    if inside {
        if let Some((code, confidence, to)) = breakout(list, prose) {
            let from = list.first().map_or(0, |t| t.end().saturating_sub(1));
            consider(code, confidence, from, to);
        }
    } else if let [first, cut, ..] = list {
        // `1 --`, `42/*`: a number and then nothing that was asked for.
        if first.kind == Kind::Number && cut.kind == Kind::Cut && cut.text.len() <= 4 {
            consider(&TRUNCATION, 62, cut.start, cut.end());
        }
    }
    best.verdict
}

/// What follows the end of a string that the value itself closed.
fn breakout(list: &[Token<'_>], prose: bool) -> Option<(&'static FindingCode, u8, usize)> {
    let (value, mut rest) = list.split_first()?;
    // Somebody searches for a few words; a sentence that has an apostrophe has more.
    let short = value.content().split_whitespace().count() <= 3;
    while let Some((first, tail)) = rest.split_first() {
        if first.kind == Kind::Close {
            rest = tail;
        } else {
            break;
        }
    }
    let first = rest.first()?;
    let to = end_of(rest, 3, first.end());
    let second = rest.get(1);
    match first.kind {
        // `admin' --`; a closing quote of prose is not followed by a comment.
        Kind::Cut if rest.len() == 1 && !prose && short => {
            let empty = first.text.len() <= 4 || first.text.starts_with("/*");
            let dashes = first.text.starts_with("--");
            (empty || dashes).then_some((&TRUNCATION, if empty { 82 } else { 60 }, to))
        }
        Kind::Semicolon if second.is_some_and(|t| t.kind == Kind::Cut) => {
            Some((&TRUNCATION, 84, to))
        }
        Kind::Logic => condition(rest.get(1..).unwrap_or_default(), true)
            .filter(|c| !prose || *c >= 70)
            .map(|c| (&TAUTOLOGY, c.saturating_add(6).min(95), to)),
        Kind::Compare if !prose && short => {
            // `'='`, `' like '`, `' in (…)`.
            let again = second.is_some_and(|t| t.kind == Kind::String || t.kind == Kind::Open);
            let operator = !first.is("is") && !first.is("in")
                || second.is_some_and(|t| t.kind == Kind::Open || t.is("null"));
            let closing = second.is_some_and(|t| t.kind == Kind::String && rest.len() == 2);
            (again && operator && (closing || rest.len() <= 6)).then_some((&BREAKOUT, 68, to))
        }
        Kind::Operator if !prose && short => {
            let computed = second.is_some_and(|t| {
                t.kind == Kind::Open
                    || t.kind == Kind::Variable
                    || listed(t, &PROBES)
                    || listed(t, &DELAYS)
                    || t.kind == Kind::Select
            }) && !first.is("/")
                && first.text != "%";
            let negated = first.is("not") && second.is_some_and(|t| t.kind == Kind::Compare);
            (computed || negated).then_some((&BREAKOUT, 64, to))
        }
        Kind::Clause
            if first.is("having")
                || first.is("limit")
                || (first.is("order") || first.is("group"))
                    && second.is_some_and(|t| t.is("by")) =>
        {
            let cut = rest
                .iter()
                .any(|t| t.kind == Kind::Cut || t.kind == Kind::Number);
            (cut && !prose).then_some((&BREAKOUT, 82, to))
        }
        Kind::Verb if first.is("declare") || first.is("waitfor") || first.is("exec") => second
            .is_some()
            .then_some((&STACKED, if prose { 55 } else { 80 }, to)),
        _ => None,
    }
}
