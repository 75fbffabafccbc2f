//! Whether everything that one rule selects is selected by another, too.

use interlock_core::program::expr::Expr;
use interlock_core::program::glob::Glob;
use interlock_core::program::rule::{Rule, Select};

/// Whether `upper` selects everything that `lower` selects; false when it cannot be told.
pub(super) fn selects(upper: &Select, lower: &Select) -> bool {
    globs(&upper.actions, &lower.actions)
        && globs(&upper.tools, &lower.tools)
        && globs(&upper.resources, &lower.resources)
        && globs(&upper.environments, &lower.environments)
        && globs(&upper.agents, &lower.agents)
}

/// Every text that a glob of `lower` matches, a glob of `upper` matches.
///
/// A resource rule tries its globs on several names of one action; a name matched by a glob of
/// `lower` is matched by one of `upper`, so that the claim holds for sets of names as well.
fn globs(upper: &[Glob], lower: &[Glob]) -> bool {
    if upper.is_empty() || upper.iter().any(Glob::is_any) {
        // An empty list selects everything, also what has no name; `*` matches the empty name.
        return true;
    }
    !lower.is_empty() && lower.iter().all(|l| upper.iter().any(|u| covers(u, l)))
}

fn covers(upper: &Glob, lower: &Glob) -> bool {
    if upper == lower {
        return true;
    }
    if let Some(text) = lower.literal() {
        return upper.matches(text);
    }
    // `prefix*` covers whatever begins with the prefix.
    upper
        .pattern()
        .strip_suffix('*')
        .is_some_and(|prefix| prefix == upper.prefix() && lower.prefix().starts_with(prefix))
}

/// Whether `upper` fires whenever `lower` does, as far as conditions go: it has none, the same, or
/// a part of the other's conjunction.
pub(super) fn condition(upper: &Rule, lower: &Rule) -> bool {
    match (&upper.when, &lower.when) {
        (None | Some(Expr::Bool(true)), _) => true,
        (Some(upper), Some(lower)) => {
            let parts = conjuncts(lower);
            conjuncts(upper).iter().all(|part| parts.contains(part))
        }
        (Some(_), None) => false,
    }
}

fn conjuncts(expr: &Expr) -> Vec<&Expr> {
    let mut out = Vec::new();
    let mut open = vec![expr];
    while let Some(expr) = open.pop() {
        if let Expr::And(a, b) = expr {
            open.push(a);
            open.push(b);
        } else {
            out.push(expr);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glob_covers_another_only_when_that_is_certain() {
        let check = |upper: &str, lower: &str, expected: bool| {
            assert_eq!(
                covers(&Glob::new(upper), &Glob::new(lower)),
                expected,
                "{upper} over {lower}"
            );
        };
        check("prod.*", "prod.users", true);
        check("prod.*", "prod.users.*", true);
        check("prod.*", "prod*", false);
        check("*", "anything*", true);
        check("a?c", "a?c", true);
        check("a?c", "abc", true);
        check("a*c", "ab*c", false);
        check("[ab]*", "a*", false);
    }
}
