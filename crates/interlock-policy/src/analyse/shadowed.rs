//! Rules that another rule of their layer always outdecides.

use interlock_core::model::Effect;
use interlock_core::program::rule::{Exempt, Rule};

use super::cover;
use crate::diagnostic::{Diagnostic, Severity, SourceText};
use crate::rule_document::LocatedRule;

pub(super) fn check(rules: &[LocatedRule], sources: &[SourceText<'_>], out: &mut Vec<Diagnostic>) {
    // A rule that shadows has no condition of its own or a part of the other's, no constraint, no
    // end and no schedule: few rules qualify, so the pairs are few.
    let uppers: Vec<&LocatedRule> = rules.iter().filter(|r| decides_alone(r)).collect();
    for lower in rules {
        if lower.broken || lower.rule.shadow || joins_by_strictest(&lower.rule) {
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
        && !joins_by_strictest(rule)
        && rule.require.is_none()
        && rule.schedule.is_none()
        && rule.expires.is_none()
}

/// Whether the rule has its say whatever the priorities: a floor, or part of a compliance pack.
fn joins_by_strictest(rule: &Rule) -> bool {
    rule.mandatory || (!rule.cites.is_empty() && rule.effect > Effect::Allow)
}

fn shadows(upper: &LocatedRule, lower: &LocatedRule) -> bool {
    let (a, b) = (&upper.rule, &lower.rule);
    let before = a.priority > b.priority
        // Within one priority the strictest decides; two rules of the same selection and condition
        // are reported as contradictory.
        || (a.priority == b.priority
            && a.effect > b.effect
            && !(a.when == b.when && cover::selects(&b.select, &a.select)));
    let lifts = b.exempt != Exempt::default();
    a.id != b.id
        && a.layer == b.layer
        && before
        // What an exemption lifts is lifted whoever decides, unless the action is blocked.
        && (!lifts || a.effect == Effect::Block)
        && cover::selects(&a.select, &b.select)
        && cover::condition(a, b)
}
