//! Rules that say different things about the same actions at the same priority.

use super::cover;
use crate::diagnostic::{Diagnostic, Severity, SourceText};
use crate::rule_document::LocatedRule;

pub(super) fn check(rules: &[LocatedRule], sources: &[SourceText<'_>], out: &mut Vec<Diagnostic>) {
    for (index, one) in rules.iter().enumerate() {
        let other = rules
            .iter()
            .take(index)
            .find(|other| contradicts(other, one));
        if let (Some(other), Some(source)) = (other, sources.get(one.source)) {
            let stricter = one.rule.effect.max(other.rule.effect);
            out.push(source.diagnostic(
                Severity::Warning,
                "policy.contradictory",
                one.id_span.clone(),
                format!(
                    "rules `{}` ({}) and `{}` apply to the same actions at priority {} with \
                     different effects, `{}` and `{}`",
                    other.rule.id,
                    other.rule.origin,
                    one.rule.id,
                    one.rule.priority,
                    other.rule.effect,
                    one.rule.effect
                ),
                Some(format!(
                    "the strictest holds, `{stricter}`; give one of them a higher priority"
                )),
            ));
        }
    }
}

fn contradicts(one: &LocatedRule, other: &LocatedRule) -> bool {
    let (a, b) = (&one.rule, &other.rule);
    !one.broken
        && !other.broken
        && a.layer == b.layer
        && a.priority == b.priority
        && a.effect != b.effect
        && !a.shadow
        && !b.shadow
        && a.mandatory == b.mandatory
        && a.require == b.require
        && a.schedule == b.schedule
        && a.expires == b.expires
        && a.when == b.when
        && cover::selects(&a.select, &b.select)
        && cover::selects(&b.select, &a.select)
}
