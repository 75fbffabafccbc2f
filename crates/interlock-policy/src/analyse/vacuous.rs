//! Conditions that nothing can fulfil, beyond what Cedar's validator finds.
//!
//! The condition is taken apart into alternatives (disjunctive form, bounded); an alternative is
//! impossible when its parts leave an integer an empty range, a text no value, or ask for
//! something and its contrary. When every alternative is impossible, the condition is. Errors need
//! no care: they only take truth away.

use interlock_core::program::expr::Expr;

use super::domain;
use crate::condition;
use crate::diagnostic::{Diagnostic, Severity, SourceText};
use crate::rule_document::LocatedRule;

/// Alternatives looked at; a condition with more is left alone.
const ALTERNATIVES_MAX: usize = 128;
/// Parts of one alternative.
const PARTS_MAX: usize = 128;

pub(super) fn check(rules: &[LocatedRule], sources: &[SourceText<'_>], out: &mut Vec<Diagnostic>) {
    for located in rules {
        let Some(when) = &located.rule.when else {
            continue;
        };
        if let (Some(why), Some(source)) = (never_true(when), sources.get(located.source)) {
            let never = condition::never(located.when_span.clone(), Some(why));
            out.push(source.diagnostic(
                Severity::Error,
                never.code,
                never.span,
                format!("{} (rule `{}`)", never.message, located.rule.id),
                never.help,
            ));
        }
    }
}

/// Why the condition can never be true, if that can be shown.
pub(crate) fn never_true(expr: &Expr) -> Option<String> {
    let alternatives = alternatives(expr, true)?;
    let mut why = None;
    for parts in &alternatives {
        why = Some(impossible(parts)?);
    }
    why
}

/// A part of an alternative: an expression that must be true, or must be false.
#[derive(Debug, Clone, Copy)]
struct Part<'e> {
    expr: &'e Expr,
    holds: bool,
}

/// The alternatives under which `expr` is `wanted`; `None` when there are too many.
fn alternatives(expr: &Expr, wanted: bool) -> Option<Vec<Vec<Part<'_>>>> {
    match (expr, wanted) {
        (Expr::Not(inner), _) => alternatives(inner, !wanted),
        (Expr::And(a, b), true) | (Expr::Or(a, b), false) => {
            product(alternatives(a, wanted)?, &alternatives(b, wanted)?)
        }
        (Expr::Or(a, b), true) | (Expr::And(a, b), false) => {
            let mut either = alternatives(a, wanted)?;
            either.extend(alternatives(b, wanted)?);
            (either.len() <= ALTERNATIVES_MAX).then_some(either)
        }
        (Expr::If(c, a, b), _) => {
            let mut either = product(alternatives(c, true)?, &alternatives(a, wanted)?)?;
            either.extend(product(alternatives(c, false)?, &alternatives(b, wanted)?)?);
            (either.len() <= ALTERNATIVES_MAX).then_some(either)
        }
        _ => Some(vec![vec![Part {
            expr,
            holds: wanted,
        }]]),
    }
}

fn product<'e>(left: Vec<Vec<Part<'e>>>, right: &[Vec<Part<'e>>]) -> Option<Vec<Vec<Part<'e>>>> {
    if left.len() * right.len() > ALTERNATIVES_MAX {
        return None;
    }
    let mut out = Vec::with_capacity(left.len() * right.len());
    for a in &left {
        for b in right {
            if a.len() + b.len() > PARTS_MAX {
                return None;
            }
            out.push(a.iter().chain(b).copied().collect());
        }
    }
    Some(out)
}

/// Why the parts cannot hold together.
fn impossible(parts: &[Part<'_>]) -> Option<String> {
    for part in parts {
        if let Some(why) = alone(part) {
            return Some(why);
        }
    }
    for (index, one) in parts.iter().enumerate() {
        for other in parts.iter().take(index) {
            if let Some(why) = together(one, other) {
                return Some(why);
            }
        }
    }
    ranges(parts)
}

/// Why a part cannot hold by itself.
fn alone(part: &Part<'_>) -> Option<String> {
    let not_a_name = |what: &Expr, text: &str| -> Option<String> {
        let names = domain::names(what)?;
        (!names.contains(&text)).then(|| {
            let shown: Vec<&str> = names.iter().copied().filter(|n| !n.is_empty()).collect();
            format!(
                "`{}` never is or holds `{text}`; it knows `{}`",
                name_of(what),
                shown.join("`, `")
            )
        })
    };
    match (part.expr, part.holds) {
        (Expr::Bool(b), holds) if *b != holds => Some(format!("`{b}` is never {holds}")),
        (Expr::Eq(a, b), true) => match (&**a, &**b) {
            (Expr::Str(text), what) | (what, Expr::Str(text)) => not_a_name(what, text),
            _ => None,
        },
        (Expr::Contains(set, element), true) => match (&**set, &**element) {
            (what, Expr::Str(text)) => not_a_name(what, text),
            (Expr::Set(items), what) => {
                let names = domain::names(what)?;
                let texts: Vec<&str> = items.iter().map_while(text).collect();
                (texts.len() == items.len() && texts.iter().all(|t| !names.contains(t)))
                    .then(|| format!("`{}` never is one of these", name_of(what)))
            }
            _ => None,
        },
        (Expr::ContainsAny(set, wanted), true) => {
            let (names, Expr::Set(items)) = (domain::names(set)?, &**wanted) else {
                return None;
            };
            let texts: Vec<&str> = items.iter().map_while(text).collect();
            (texts.len() == items.len() && texts.iter().all(|t| !names.contains(t))).then(|| {
                format!(
                    "`{}` holds none of these; it knows `{}`",
                    name_of(set),
                    names.join("`, `")
                )
            })
        }
        (Expr::ContainsAll(set, wanted), true) => {
            let Expr::Set(items) = &**wanted else {
                return None;
            };
            items.iter().find_map(|i| not_a_name(set, text(i)?))
        }
        _ => None,
    }
}

fn text(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Str(text) => Some(text),
        _ => None,
    }
}

/// Why two parts cannot hold at once.
fn together(one: &Part<'_>, other: &Part<'_>) -> Option<String> {
    if one.expr == other.expr {
        return (one.holds != other.holds)
            .then(|| "the condition asks for something and its contrary".to_owned());
    }
    match (one.expr, one.holds, other.expr, other.holds) {
        (Expr::Eq(a, b), true, Expr::Eq(c, d), true) => {
            let (what, first) = constant(a, b)?;
            let (same, second) = constant(c, d)?;
            (what == same && first != second)
                .then(|| format!("`{}` cannot be two things at once", name_of(what)))
        }
        (Expr::AgentIs(a), true, Expr::AgentIs(b), true)
        | (Expr::ActionIs(a), true, Expr::ActionIs(b), true)
            if a != b =>
        {
            Some("an action has one agent and one type".to_owned())
        }
        (Expr::IsEmpty(a), true, Expr::Contains(b, _), true)
        | (Expr::Contains(b, _), true, Expr::IsEmpty(a), true)
            if a == b =>
        {
            Some(format!("an empty `{}` holds nothing", name_of(a)))
        }
        (Expr::Eq(a, b), true, Expr::Like(c, pattern), holds)
        | (Expr::Like(c, pattern), holds, Expr::Eq(a, b), true) => {
            let (what, Expr::Str(text)) = constant(a, b)? else {
                return None;
            };
            (what == &**c && like(text, pattern) != holds).then(|| {
                format!(
                    "`{}` cannot equal `{text}` and {} the pattern",
                    name_of(what),
                    if holds { "match" } else { "miss" }
                )
            })
        }
        _ => None,
    }
}

/// The side that varies and the literal it is compared with.
fn constant<'e>(a: &'e Expr, b: &'e Expr) -> Option<(&'e Expr, &'e Expr)> {
    let literal = |e: &Expr| matches!(e, Expr::Str(_) | Expr::Long(_) | Expr::Bool(_));
    match (literal(a), literal(b)) {
        (true, false) => Some((b, a)),
        (false, true) => Some((a, b)),
        _ => None,
    }
}

/// Cedar's `like`: `None` in the pattern is any text.
fn like(text: &str, pattern: &[Option<char>]) -> bool {
    let text: Vec<char> = text.chars().collect();
    // Which prefixes of the text the pattern so far can match.
    let mut reach = vec![false; text.len() + 1];
    reach[0] = true;
    for item in pattern {
        let mut next = vec![false; text.len() + 1];
        match item {
            None => {
                let from = reach.iter().position(|r| *r).unwrap_or(reach.len());
                next.iter_mut().skip(from).for_each(|r| *r = true);
            }
            Some(c) => {
                for (at, have) in text.iter().enumerate() {
                    next[at + 1] = reach[at] && have == c;
                }
            }
        }
        reach = next;
    }
    reach.last() == Some(&true)
}

/// Bounds that the parts put on one integer expression.
struct Bounds<'e> {
    what: &'e Expr,
    low: i128,
    high: i128,
    /// What the comparisons alone leave, without what the fact can be.
    asked: (i128, i128),
}

/// Why the comparisons leave some integer no value.
fn ranges(parts: &[Part<'_>]) -> Option<String> {
    let mut known: Vec<Bounds<'_>> = Vec::new();
    for part in parts {
        let Some((what, low, high)) = bounds(part) else {
            continue;
        };
        let at = match known.iter().position(|b| b.what == what) {
            Some(at) => at,
            None => {
                let (low, high) = domain::range(what).unwrap_or((i64::MIN, i64::MAX));
                known.push(Bounds {
                    what,
                    low: low.into(),
                    high: high.into(),
                    asked: (i128::MIN, i128::MAX),
                });
                known.len() - 1
            }
        };
        let entry = known.get_mut(at)?;
        entry.low = entry.low.max(low);
        entry.high = entry.high.min(high);
        entry.asked = (entry.asked.0.max(low), entry.asked.1.min(high));
        if entry.low > entry.high {
            let name = name_of(what);
            if entry.asked.0 > entry.asked.1 {
                return Some(format!(
                    "no value of `{name}` fulfils all of its comparisons"
                ));
            }
            return Some(match domain::range(what) {
                Some((low, high)) if high < i64::MAX => {
                    format!("`{name}` goes from {low} to {high}, and nothing there fulfils this")
                }
                Some((low, _)) => {
                    format!("`{name}` is at least {low}, and nothing there fulfils this")
                }
                None => format!("no value of `{name}` fulfils this"),
            });
        }
    }
    None
}

/// The expression that a comparison with a literal bounds, and the bounds.
fn bounds<'e>(part: &Part<'e>) -> Option<(&'e Expr, i128, i128)> {
    let all = (i128::from(i64::MIN), i128::from(i64::MAX));
    let long = |e: &Expr| match e {
        Expr::Long(n) => Some(i128::from(*n)),
        _ => None,
    };
    let (a, b, or_equal) = match part.expr {
        Expr::Less(a, b) => (&**a, &**b, false),
        Expr::LessEq(a, b) => (&**a, &**b, true),
        Expr::Eq(a, b) if part.holds => {
            let (what, n) = match (long(a), long(b)) {
                (Some(n), None) => (&**b, n),
                (None, Some(n)) => (&**a, n),
                _ => return None,
            };
            return Some((what, n, n));
        }
        _ => return None,
    };
    match (long(a), long(b), part.holds, or_equal) {
        // what < n, what <= n, and their negations what >= n, what > n.
        (None, Some(n), true, true) => Some((a, all.0, n)),
        (None, Some(n), true, false) => Some((a, all.0, n - 1)),
        (None, Some(n), false, true) => Some((a, n + 1, all.1)),
        (None, Some(n), false, false) => Some((a, n, all.1)),
        // n < what, n <= what, and their negations.
        (Some(n), None, true, true) => Some((b, n, all.1)),
        (Some(n), None, true, false) => Some((b, n + 1, all.1)),
        (Some(n), None, false, true) => Some((b, all.0, n - 1)),
        (Some(n), None, false, false) => Some((b, all.0, n)),
        _ => None,
    }
}

/// How an author writes what varies.
fn name_of(expr: &Expr) -> String {
    match expr {
        Expr::Composite => "risk.composite".to_owned(),
        Expr::Risk(d) => format!("risk.{}", d.name()),
        Expr::Finding(v) => format!("findings.{}", v.name()),
        Expr::Confidence(v) => format!("findings.confidence.{}", v.name()),
        Expr::Fact(id) => {
            let name = id.spec().map_or("", |s| s.name);
            match id.group.name() {
                "" => format!("facts.{name}"),
                group => format!("facts.{group}.{name}"),
            }
        }
        Expr::State(at) => {
            let spec = interlock_core::state::StateFacts::SPECS.get(usize::from(*at));
            format!("state.{}", spec.map_or("", |s| s.name))
        }
        Expr::Arg(path) => format!("args.{}", path.join(".")),
        _ => "the expression".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Validators;

    fn why(text: &str) -> Option<String> {
        let compiled = condition::compile(text, &mut Validators::default())
            .unwrap_or_else(|m| panic!("{text}: {m:?}"));
        never_true(&compiled.expr)
    }

    #[test]
    fn what_can_never_be_true_is_found() {
        for text in [
            "risk.composite > 100",
            "risk.data > 60 && risk.data < 40",
            "facts.hour > 23",
            "facts.weekday == 0",
            "facts.sql.kinds.contains(\"delte\")",
            "facts.sql.kinds.containsAny([\"remove\", \"erase\"])",
            "facts.data.classes.containsAll([\"pii\", \"secret\"])",
            "facts.resource.tier == \"secret\"",
            "[\"low\", \"high\"].contains(facts.resource.tier)",
            "facts.outbound && !facts.outbound",
            "args.currency == \"USD\" && args.currency == \"EUR\"",
            "args.n > 5 && (args.n < 3 || args.n == 5)",
            "!(risk.composite <= 100)",
            "facts.sql.tables.isEmpty() && facts.sql.tables.contains(\"users\")",
            "args.to == \"a@b.c\" && !(args.to like \"*@b.c\")",
            "if findings.pii then false else findings.pii",
            "findings.confidence.pii >= 101 || state.agent_actions < 0",
            "principal == Agent::\"a\" && principal == Agent::\"b\"",
            "100 < risk.composite",
            "facts.sql.row_estimate < 0",
        ] {
            assert!(why(text).is_some(), "{text}");
        }
    }

    #[test]
    fn what_can_be_true_is_left_alone() {
        for text in [
            "risk.composite > 99",
            "risk.data > 60 || risk.data < 40",
            "facts.records == -1",
            "facts.sql.limit < 0",
            "facts.sql.kinds.containsAny([\"remove\", \"delete\"])",
            "facts.resource.tier == \"critical\"",
            "!(facts.resource.tier == \"secret\")",
            "args.n > 5 && args.m < 3",
            "args.to == \"a@b.c\" && args.to like \"*@b.c\"",
            "state.bytes_deviation < 0",
            "facts.path.name like \"/etc/*\" && facts.path.name like \"*.conf\"",
            "args.n + 1 > 5 && args.n < 10",
            "resource == Resource::\"a\" && resource == Resource::\"b\"",
            "true",
        ] {
            assert_eq!(why(text), None, "{text}");
        }
    }
}
