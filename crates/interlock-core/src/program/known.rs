//! The value of a condition of which some parts are not known.

use crate::facts::FactId;
use crate::program::eval::{EvalContext, holds};
use crate::program::expr::Expr;
use crate::program::needs::each_operand;
use crate::state::StateFacts;

/// Something that a record may lack.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Read {
    /// A fact, as conditions write it.
    Fact(String),
    /// A reading of state, as conditions write it.
    State(String),
    /// An argument, as conditions write it.
    Argument(String),
    /// The name of the resource.
    Resource,
}

impl std::fmt::Display for Read {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Fact(name) | Self::State(name) | Self::Argument(name) => f.write_str(name),
            Self::Resource => f.write_str("resource"),
        }
    }
}

/// The name of a fact in policies.
#[must_use]
pub fn fact_name(id: FactId) -> String {
    let name = id.spec().map_or("?", |spec| spec.name);
    match id.group.name() {
        "" => format!("facts.{name}"),
        group => format!("facts.{group}.{name}"),
    }
}

/// The name of a reading of state in policies.
#[must_use]
pub fn state_name(index: u8) -> String {
    let name = StateFacts::SPECS
        .get(usize::from(index))
        .map_or("?", |spec| spec.name);
    format!("state.{name}")
}

/// What a record may lack of this one part, its operands aside.
fn read(part: &Expr) -> Option<Read> {
    Some(match part {
        Expr::Fact(id) => Read::Fact(fact_name(*id)),
        Expr::State(index) => Read::State(state_name(*index)),
        Expr::Arg(path) | Expr::HasArg(path) => Read::Argument(format!("args.{}", path.join("."))),
        Expr::ResourceIs(_) => Read::Resource,
        _ => return None,
    })
}

/// Calls `visit` with every part of a condition.
pub fn each<'a>(expr: &'a Expr, visit: &mut dyn FnMut(&'a Expr)) {
    visit(expr);
    each_operand(expr, &mut |operand| each(operand, visit));
}

/// Adds what `expr` reads and `lacks` says is not there.
pub(super) fn lacking(expr: &Expr, lacks: &dyn Fn(&Expr) -> bool, out: &mut Vec<Read>) {
    each(expr, &mut |part| {
        if let Some(read) = read(part)
            && lacks(part)
            && !out.contains(&read)
        {
            out.push(read);
        }
    });
}

/// What is known of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    True,
    False,
    /// It is in error, which counts as fired.
    Error,
    Unknown,
}

/// The value of `expr` where `lacks` says which parts are not there: what is known decides where it
/// can, in the order in which Cedar looks.
///
/// The right side of `&&` and `||` cannot decide before the left: an error on the left counts.
pub(super) fn known(expr: &Expr, cx: &EvalContext<'_>, lacks: &dyn Fn(&Expr) -> bool) -> Known {
    match expr {
        Expr::And(a, b) => match known(a, cx, lacks) {
            Known::True => known(b, cx, lacks),
            other => other,
        },
        Expr::Or(a, b) => match known(a, cx, lacks) {
            Known::False => known(b, cx, lacks),
            other => other,
        },
        Expr::Not(a) => match known(a, cx, lacks) {
            Known::True => Known::False,
            Known::False => Known::True,
            other => other,
        },
        Expr::If(condition, yes, no) => match known(condition, cx, lacks) {
            Known::True => known(yes, cx, lacks),
            Known::False => known(no, cx, lacks),
            other => other,
        },
        _ => {
            let mut missing = false;
            each(expr, &mut |part| {
                missing |= read_of_record(part) && lacks(part);
            });
            if missing {
                return Known::Unknown;
            }
            match holds(expr, cx) {
                Ok(true) => Known::True,
                Ok(false) => Known::False,
                Err(_) => Known::Error,
            }
        }
    }
}

const fn read_of_record(part: &Expr) -> bool {
    matches!(
        part,
        Expr::Fact(_) | Expr::State(_) | Expr::Arg(_) | Expr::HasArg(_) | Expr::ResourceIs(_)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Facts;
    use crate::model::{Action, ActionType, Findings};
    use crate::risk::RiskReport;
    use proptest::prelude::*;

    fn expr(depth: u32) -> BoxedStrategy<Expr> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Expr::Bool),
            Just(Expr::HasArg(["a".into()].into())),
            Just(Expr::Arg(["b".into()].into())),
            Just(Expr::Less(
                Box::new(Expr::Composite),
                Box::new(Expr::Long(50))
            )),
        ];
        leaf.prop_recursive(depth, 24, 3, |inner| {
            let two = (inner.clone(), inner.clone());
            prop_oneof![
                two.clone()
                    .prop_map(|(a, b)| Expr::And(Box::new(a), Box::new(b))),
                two.prop_map(|(a, b)| Expr::Or(Box::new(a), Box::new(b))),
                inner.clone().prop_map(|a| Expr::Not(Box::new(a))),
                (inner.clone(), inner.clone(), inner).prop_map(|(a, b, c)| Expr::If(
                    Box::new(a),
                    Box::new(b),
                    Box::new(c)
                )),
            ]
        })
        .boxed()
    }

    proptest! {
        /// What is called known holds whatever the arguments are.
        #[test]
        fn what_is_known_holds_for_all_arguments(expr in expr(4)) {
            let facts = Facts::default();
            let (risk, findings) = (RiskReport::default(), Findings::default());
            let state = StateFacts::default();
            let arguments = ["{}", r#"{"a":1}"#, r#"{"b":true}"#, r#"{"a":1,"b":false}"#, r#"{"b":7}"#];
            let mut known_as = None;
            for text in arguments {
                let mut action = Action::new("x", ActionType::FileRead);
                action.arguments = crate::model::Value::parse(text.as_bytes()).unwrap();
                let cx = EvalContext { action: &action, facts: &facts, risk: &risk, findings: &findings, state: &state };
                let without = known(&expr, &cx, &|part| matches!(part, Expr::Arg(_) | Expr::HasArg(_)));
                let truth = match holds(&expr, &cx) {
                    Ok(true) => Known::True,
                    Ok(false) => Known::False,
                    Err(_) => Known::Error,
                };
                prop_assert!(without == Known::Unknown || without == truth);
                // It does not depend on what it must not see.
                prop_assert!(known_as.is_none_or(|before| before == without));
                known_as = Some(without);
                prop_assert_eq!(known(&expr, &cx, &|_| false), truth);
            }
        }
    }
}
