//! What can be proven about a bundle without running it.
//!
//! Everything here is reported only when proven; what cannot be proven within the bounds is left
//! unsaid.

mod contradictory;
mod cover;
mod domain;
mod shadowed;
mod untested;
mod vacuous;

pub(crate) use vacuous::never_true;

use crate::diagnostic::{Diagnostic, SourceText};
use crate::rule_document::LocatedRule;
use crate::test_cases::LocatedTest;

/// Rules up to which pairs are compared; beyond, comparing all pairs would take too long.
const PAIRS_RULES_MAX: usize = 2_000;

/// Runs every analysis over the rules that were read.
pub(crate) fn analyse(
    rules: &[LocatedRule],
    tests: &[LocatedTest],
    sources: &[SourceText<'_>],
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    vacuous::check(rules, sources, &mut found);
    if rules.len() <= PAIRS_RULES_MAX {
        shadowed::check(rules, sources, &mut found);
        contradictory::check(rules, sources, &mut found);
    }
    untested::check(rules, tests, sources, &mut found);
    found
}
