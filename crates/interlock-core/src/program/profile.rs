//! An agent's profile as mandatory denials.

use std::fmt;

use crate::facts::Facts;
use crate::model::{Action, ActionType, ReasonCode, reason::code};
use crate::program::glob::Glob;
use crate::program::rule::Profile;
use crate::risk::RiskReport;
use crate::state::StateFacts;

/// A limit of a profile that an action passes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Breach<'a> {
    Type(&'a str),
    Resource(&'a str),
    Blocked(&'a str, &'a str),
    Rate(i64, i64),
    Risk(u8, u8),
}

impl Breach<'_> {
    pub(super) const fn code(&self) -> ReasonCode {
        match self {
            Self::Type(_) => code::PROFILE_TYPE,
            Self::Resource(_) => code::PROFILE_RESOURCE,
            Self::Blocked(..) => code::PROFILE_BLOCKED,
            Self::Rate(..) => code::PROFILE_RATE,
            Self::Risk(..) => code::PROFILE_RISK,
        }
    }
}

impl fmt::Display for Breach<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Type(name) => write!(f, "the profile does not allow actions of type `{name}`"),
            Self::Resource("") => {
                f.write_str("the profile allows certain resources only and the action names none")
            }
            Self::Resource(name) => write!(f, "the profile does not allow resource `{name}`"),
            Self::Blocked(name, pattern) => {
                write!(
                    f,
                    "the profile blocks resource `{name}` by pattern `{pattern}`"
                )
            }
            Self::Rate(made, max) => {
                write!(f, "action {made} within a minute, the profile allows {max}")
            }
            Self::Risk(risk, max) => write!(f, "risk {risk} is over the profile's maximum {max}"),
        }
    }
}

/// Whether one of `globs` selects `action_type`: by its name, and types that are not listed also
/// as `custom`.
pub(super) fn selects_type(globs: &[Glob], action_type: &ActionType) -> bool {
    globs.iter().any(|glob| {
        glob.matches(action_type.name())
            || (matches!(action_type, ActionType::Custom(_)) && glob.matches(ActionType::UNLISTED))
    })
}

/// Every name of what is acted on: as given, the one name, and all others.
pub(super) fn names<'a>(action: &'a Action, facts: &'a Facts) -> impl Iterator<Item = &'a str> {
    let one = facts.resource.name.as_str();
    std::iter::once(action.resource.as_str())
        .chain((one != action.resource).then_some(one))
        .chain(
            facts
                .resource
                .names
                .iter()
                .map(String::as_str)
                .filter(move |name| *name != one && *name != action.resource),
        )
        .filter(|name| !name.is_empty())
}

impl Profile {
    /// Every limit that the action passes, in a fixed order: the code and the sentence of each.
    pub fn denials(
        &self,
        action: &Action,
        facts: &Facts,
        risk: &RiskReport,
        state: &StateFacts,
        found: &mut dyn FnMut(ReasonCode, String),
    ) {
        self.breaches(action, facts, risk, state, &mut |breach| {
            found(breach.code(), breach.to_string());
        });
    }

    /// Every limit that the action passes, in a fixed order.
    pub(super) fn breaches<'a>(
        &'a self,
        action: &'a Action,
        facts: &'a Facts,
        risk: &RiskReport,
        state: &StateFacts,
        found: &mut dyn FnMut(Breach<'a>),
    ) {
        if let Some(allowed) = &self.allowed_actions
            && !selects_type(allowed, &action.action_type)
        {
            found(Breach::Type(action.action_type.name()));
        }
        if let Some(allowed) = &self.allowed_resources
            && let Some(name) = not_allowed(allowed, action, facts)
        {
            found(Breach::Resource(name));
        }
        if !self.blocked_resources.is_empty()
            && let Some((name, pattern)) = blocked(&self.blocked_resources, action, facts)
        {
            found(Breach::Blocked(name, pattern));
        }
        if let Some(max) = self.actions_per_minute
            && state.actions_last_minute > max
        {
            found(Breach::Rate(state.actions_last_minute, max));
        }
        if let Some(max) = self.risk_max
            && risk.composite > max
        {
            found(Breach::Risk(risk.composite, max));
        }
    }
}

/// The first name that no pattern allows; empty when the action names nothing at all.
///
/// All names must be allowed. The spelling that the agent chose may stand for the one name only
/// where spelling is not a way out: never for a path, since `/data/../etc/passwd` matches
/// `/data/*`.
fn not_allowed<'a>(allowed: &[Glob], action: &'a Action, facts: &'a Facts) -> Option<&'a str> {
    let allows = |name: &str| allowed.iter().any(|glob| glob.matches(name));
    let one = facts.resource.name.as_str();
    let by_spelling = !facts.path.present && allows(&action.resource);
    let mut named = false;
    for name in names(action, facts) {
        let is_spelling = name == action.resource && !one.is_empty() && name != one;
        if is_spelling {
            continue;
        }
        named = true;
        if !(allows(name) || (name == one && by_spelling)) {
            return Some(name);
        }
    }
    (!named).then_some("")
}

/// The first name that a pattern blocks, tried on the whole name and on its last part.
fn blocked<'a>(
    patterns: &'a [Glob],
    action: &'a Action,
    facts: &'a Facts,
) -> Option<(&'a str, &'a str)> {
    names(action, facts).find_map(|name| {
        let last = name.rsplit(['/', '\\']).next().unwrap_or(name);
        patterns
            .iter()
            .find(|glob| glob.matches(name) || glob.matches(last))
            .map(|glob| (name, glob.pattern()))
    })
}
