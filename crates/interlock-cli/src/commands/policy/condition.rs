//! Compiled conditions as text, what they read, and their value when some of that is not known.

use std::collections::BTreeSet;

use interlock_core::facts::{FactGroup, FactId};
use interlock_core::program::each_operand;
use interlock_core::program::eval::{EvalContext, holds};
use interlock_core::program::expr::Expr;
use interlock_core::program::rule::Rule;
use interlock_core::state::StateFacts;

/// A condition in Cedar's notation.
pub(super) fn text(expr: &Expr) -> String {
    let mut out = String::new();
    write(expr, 0, &mut out);
    out
}

/// The name of a fact in policies.
fn fact_name(id: FactId) -> String {
    let name = id.spec().map_or("?", |spec| spec.name);
    match id.group.name() {
        "" => format!("facts.{name}"),
        group => format!("facts.{group}.{name}"),
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::new();
    interlock_core::model::write_json_string(text, &mut out);
    out
}

/// How tightly an operator binds; an operand that binds looser is put in parentheses.
const fn rank(expr: &Expr) -> u8 {
    match expr {
        Expr::If(..) => 0,
        Expr::Or(..) => 1,
        Expr::And(..) => 2,
        Expr::Eq(..)
        | Expr::Less(..)
        | Expr::LessEq(..)
        | Expr::Like(..)
        | Expr::HasArg(_)
        | Expr::AgentIs(_)
        | Expr::ActionIs(_)
        | Expr::ResourceIs(_) => 3,
        Expr::Add(..) | Expr::Sub(..) => 4,
        Expr::Mul(..) => 5,
        Expr::Not(_) | Expr::Neg(_) => 6,
        _ => 7,
    }
}

fn write(expr: &Expr, least: u8, out: &mut String) {
    let own = rank(expr);
    if own < least {
        out.push('(');
        write(expr, 0, out);
        out.push(')');
        return;
    }
    let infix = |a: &Expr, operator: &str, b: &Expr, left: u8, right: u8, out: &mut String| {
        write(a, left, out);
        out.push_str(operator);
        write(b, right, out);
    };
    let method = |a: &Expr, name: &str, b: &Expr, out: &mut String| {
        write(a, 7, out);
        out.push_str(name);
        write(b, 0, out);
        out.push(')');
    };
    match expr {
        Expr::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Expr::Long(n) => out.push_str(&n.to_string()),
        Expr::Str(s) => out.push_str(&quoted(s)),
        Expr::Set(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                write(item, 0, out);
            }
            out.push(']');
        }
        Expr::Fact(id) => out.push_str(&fact_name(*id)),
        Expr::Composite => out.push_str("risk.composite"),
        Expr::Risk(dimension) => {
            out.push_str("risk.");
            out.push_str(dimension.name());
        }
        Expr::Finding(vector) => {
            out.push_str("findings.");
            out.push_str(vector.name());
        }
        Expr::Confidence(vector) => {
            out.push_str("findings.confidence.");
            out.push_str(vector.name());
        }
        Expr::State(index) => {
            out.push_str("state.");
            out.push_str(state_name(*index));
        }
        Expr::Arg(path) => {
            out.push_str("args.");
            out.push_str(&path.join("."));
        }
        Expr::HasArg(path) => {
            out.push_str("args has ");
            out.push_str(&path.join("."));
        }
        Expr::AgentIs(id) => {
            out.push_str("principal == Agent::");
            out.push_str(&quoted(id));
        }
        Expr::ActionIs(id) => {
            out.push_str("action == Action::");
            out.push_str(&quoted(id));
        }
        Expr::ResourceIs(id) => {
            out.push_str("resource == Resource::");
            out.push_str(&quoted(id));
        }
        Expr::Not(a) => {
            out.push('!');
            write(a, 7, out);
        }
        Expr::Neg(a) => {
            out.push('-');
            write(a, 7, out);
        }
        // How a chain is nested means nothing, so it is written without parentheses.
        Expr::And(a, b) => infix(a, " && ", b, 2, 2, out),
        Expr::Or(a, b) => infix(a, " || ", b, 1, 1, out),
        Expr::If(a, b, c) => {
            out.push_str("if ");
            write(a, 0, out);
            out.push_str(" then ");
            write(b, 0, out);
            out.push_str(" else ");
            write(c, 0, out);
        }
        Expr::Eq(a, b) => infix(a, " == ", b, 4, 4, out),
        Expr::Less(a, b) => infix(a, " < ", b, 4, 4, out),
        Expr::LessEq(a, b) => infix(a, " <= ", b, 4, 4, out),
        Expr::Add(a, b) => infix(a, " + ", b, 4, 5, out),
        Expr::Sub(a, b) => infix(a, " - ", b, 4, 5, out),
        Expr::Mul(a, b) => infix(a, " * ", b, 5, 6, out),
        Expr::Contains(a, b) => method(a, ".contains(", b, out),
        Expr::ContainsAll(a, b) => method(a, ".containsAll(", b, out),
        Expr::ContainsAny(a, b) => method(a, ".containsAny(", b, out),
        Expr::IsEmpty(a) => {
            write(a, 7, out);
            out.push_str(".isEmpty()");
        }
        Expr::Like(a, pattern) => {
            write(a, 4, out);
            out.push_str(" like ");
            let mut text = String::new();
            for c in pattern {
                match c {
                    None => text.push('*'),
                    Some('*') => text.push_str("\\*"),
                    Some(c) => text.push(*c),
                }
            }
            // The escape of a star is Cedar's own and must not be escaped again.
            out.push_str(&quoted(&text).replace("\\\\*", "\\*"));
        }
    }
}

fn state_name(index: u8) -> &'static str {
    StateFacts::SPECS
        .get(usize::from(index))
        .map_or("?", |spec| spec.name)
}

/// Calls `visit` with every part of a condition.
fn each<'a>(expr: &'a Expr, visit: &mut dyn FnMut(&'a Expr)) {
    visit(expr);
    each_operand(expr, &mut |operand| each(operand, visit));
}

/// Whatever a record may lack.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Read {
    /// A fact.
    Fact(&'static str, String),
    /// A reading of state.
    State(String),
    /// An argument.
    Argument(String),
    /// The name of the resource.
    Resource,
}

impl std::fmt::Display for Read {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Fact("", name) => write!(f, "facts.{name}"),
            Self::Fact(group, name) => write!(f, "facts.{group}.{name}"),
            Self::State(name) => write!(f, "state.{name}"),
            Self::Argument(path) => write!(f, "args.{path}"),
            Self::Resource => f.write_str("resource"),
        }
    }
}

/// What a condition reads that a record may lack.
pub(super) fn reads(expr: &Expr) -> BTreeSet<Read> {
    let mut found = BTreeSet::new();
    each(expr, &mut |part| {
        let read = match part {
            Expr::Fact(id) => Read::Fact(
                id.group.name(),
                id.spec().map_or("?", |s| s.name).to_owned(),
            ),
            Expr::State(index) => Read::State(state_name(*index).to_owned()),
            Expr::Arg(path) | Expr::HasArg(path) => Read::Argument(path.join(".")),
            Expr::ResourceIs(_) => Read::Resource,
            _ => return,
        };
        found.insert(read);
    });
    found
}

/// What a rule needs to be decided, in the words of policies.
pub(super) fn needs(rule: &Rule) -> Vec<String> {
    let mut found = BTreeSet::new();
    if let Some(when) = &rule.when {
        each(when, &mut |part| {
            if matches!(
                part,
                Expr::Fact(_)
                    | Expr::Composite
                    | Expr::Risk(_)
                    | Expr::Finding(_)
                    | Expr::Confidence(_)
                    | Expr::State(_)
                    | Expr::Arg(_)
            ) {
                found.insert(text(part));
            }
        });
    }
    if !rule.select.resources.is_empty() {
        found.insert("facts.resource.names".to_owned());
    }
    for constraint in rule.require.iter().flat_map(|r| &r.arguments) {
        found.insert(format!("args.{}", constraint.path.join(".")));
    }
    for limit in rule.require.iter().flat_map(|r| &r.limits) {
        found.insert(format!("the counter of `{}`", limit.kind.name()));
        if let Some(path) = &limit.per {
            found.insert(format!("args.{}", path.join(".")));
        }
    }
    found.into_iter().collect()
}

/// The value of a condition of which some parts are not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Known {
    /// It holds, or is in error, which counts as holding.
    Fires,
    /// It does not hold.
    Silent,
    /// It depends on what is not known.
    Unknown(BTreeSet<Read>),
}

/// Kleene's three values: what is known decides where it can.
pub(super) fn known(expr: &Expr, cx: &EvalContext<'_>, lacks: &dyn Fn(&Read) -> bool) -> Known {
    let missing: BTreeSet<Read> = reads(expr).into_iter().filter(|r| lacks(r)).collect();
    if missing.is_empty() {
        return match holds(expr, cx) {
            Ok(false) => Known::Silent,
            Ok(true) | Err(_) => Known::Fires,
        };
    }
    match expr {
        // In Cedar the right side of `false && …` is not looked at; the other way round an error
        // on the left would count, so only the left side may decide alone.
        Expr::And(a, b) => match known(a, cx, lacks) {
            Known::Silent => Known::Silent,
            Known::Fires if reads(a).iter().all(|r| !lacks(r)) && holds(a, cx) == Ok(true) => {
                known(b, cx, lacks)
            }
            _ => Known::Unknown(missing),
        },
        Expr::Or(a, b) => match known(a, cx, lacks) {
            Known::Fires => Known::Fires,
            Known::Silent if reads(a).iter().all(|r| !lacks(r)) => known(b, cx, lacks),
            _ => Known::Unknown(missing),
        },
        _ => Known::Unknown(missing),
    }
}

/// Whether a fact is text, which a record without names leaves out.
pub(super) fn is_text(group: &str, name: &str) -> bool {
    use interlock_core::facts::FactType;
    FactGroup::ALL
        .iter()
        .find(|g| g.name() == group)
        .and_then(|g| g.specs().iter().find(|s| s.name == name))
        .is_some_and(|s| matches!(s.kind, FactType::String | FactType::Strings))
}
