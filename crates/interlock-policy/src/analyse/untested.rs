//! Rules that no test of the bundle expects to fire.

use std::collections::BTreeSet;

use crate::diagnostic::{Diagnostic, Severity, SourceText};
use crate::rule_document::LocatedRule;
use crate::test_cases::LocatedTest;

pub(super) fn check(
    rules: &[LocatedRule],
    tests: &[LocatedTest],
    sources: &[SourceText<'_>],
    out: &mut Vec<Diagnostic>,
) {
    if rules.is_empty() {
        return;
    }
    if tests.is_empty() {
        if let Some(source) = sources.first() {
            out.push(Diagnostic {
                line: 0,
                column: 0,
                ..source.diagnostic(
                    Severity::Warning,
                    "policy.untested",
                    0..0,
                    "the bundle has no tests",
                    Some("add `tests:` with an action that fires each rule".to_owned()),
                )
            });
        }
        return;
    }
    let fired: BTreeSet<&str> = tests
        .iter()
        .flat_map(|t| t.case.expect.fires.iter().map(String::as_str))
        .collect();
    for rule in rules {
        if !fired.contains(&*rule.rule.id)
            && let Some(source) = sources.get(rule.source)
        {
            out.push(source.diagnostic(
                Severity::Warning,
                "policy.untested",
                rule.id_span.clone(),
                format!("no test expects rule `{}` to fire", rule.rule.id),
                None,
            ));
        }
    }
}
