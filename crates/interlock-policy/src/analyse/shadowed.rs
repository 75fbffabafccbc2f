//! Rules that another rule of their layer always outdecides.

use interlock_core::model::Effect;

use super::cover;
use crate::diagnostic::{Diagnostic, Severity, SourceText};
use crate::rule_document::LocatedRule;

pub(super) fn check(
    rules: &[LocatedRule],
    sources: &[SourceText<'_>],
    out: &mut Vec<Diagnostic>,
) {
    // A rule that shadows has no condition of its own or a part of the other's, no constraint, no
    // end and no schedule: few rules qualify, so the pairs are few.
    let uppers: Vec<&LocatedRule> = rules.iter().filter(|r| decides_alone(r)).collect();
    for lower in rules {
        if lower.broken || lower.rule.shadow || lower.rule.mandatory {
            continue;
        }
        let Some(upper) = uppers.iter().find(|upper| shadows(upper, lower)) else {
            continue;
        };
        let Some(source) = sources.get(lower.source) else {
            continue;
        };
        out.push(source.diagnostic(
            Severity::Warning,
            "policy.shadowed",
            lower.id_span.clone(),
            format!(
                "rule `{}` never decides: rule `{}` ({}) selects everything it selects and comes \
                 first",
                lower.rule.id, upper.rule.id, upper.rule.origin
            ),
            Some(format!(
                "raise its priority above {}, or narrow rule `{}`",
                upper.rule.priority, upper.rule.id
            )),
        ));
    }
}

/// Whether the rule's effect holds whenever its selectors and its condition do.
fn decides_alone(located: &LocatedRule) -> bool {
    let rule = &located.rule;
    !located.broken
        && !rule.shadow
        && !rule.mandatory
        && rule.require.is_none()
        && rule.schedule.is_none()
        && rule.expires.is_none()
}

fn shadows(upper: &LocatedRule, lower: &LocatedRule) -> bool {
    let (a, b) = (&upper.rule, &lower.rule);
    let before = a.priority > b.priority
        // Within one priority the strictest decides.
        || (a.priority == b.priority && a.effect > b.effect && a.effect == Effect::Block);
    let lifts = b.exempt != interlock_core::program::rule::Exempt::default();
    a.id != b.id
        && a.layer == b.layer
        && before
        // What an exemption lifts is lifted whoever decides, unless the action is blocked.
        && (!lifts || a.effect == Effect::Block)
        && cover::selects(&a.select, &b.select)
        && cover::condition(a, b)
}
