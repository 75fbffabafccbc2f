//! Constraints: on arguments, and on counters that the state keeps.

use std::fmt;

use crate::facts::Facts;
use crate::model::{Action, DigestBuilder, Principal, Value};
use crate::program::eval::{Lookup, lookup};
use crate::program::rule::{ArgCheck, ArgConstraint, LimitSpec};
use crate::state::{LimitCharge, LimitKind};

/// The rule number of a charge that no rule will read: it marks that a tool ran, for the rules of
/// other actions that ask whether it did.
pub const MARK: u32 = u32::MAX;

impl ArgConstraint {
    /// Whether the arguments violate this constraint.
    ///
    /// An absent argument violates every constraint but `absent`, and so does a value that the
    /// constraint cannot judge: a number written as a string, a string where a list is counted.
    /// `in`, `not_in` and `like` hold of a list when they hold of each of its items.
    #[must_use]
    pub fn is_violated(&self, arguments: &Value) -> bool {
        match (lookup(arguments, &self.path), &self.check) {
            (Lookup::Found(_), ArgCheck::Present) => false,
            (Lookup::Found(_), ArgCheck::Absent) => true,
            (Lookup::Absent, check) => *check != ArgCheck::Absent,
            (Lookup::NotARecord, _) => true,
            (Lookup::Found(value), check) => !satisfies(value, check),
        }
    }
}

fn satisfies(value: &Value, check: &ArgCheck) -> bool {
    let number = |value: &Value| match value {
        Value::Number(n) => n.as_nano(),
        _ => None,
    };
    match check {
        ArgCheck::Max(max) => number(value).is_some_and(|n| n <= *max),
        ArgCheck::Min(min) => number(value).is_some_and(|n| n >= *min),
        ArgCheck::In(allowed) => {
            let allowed_one = |value: &Value| allowed.iter().any(|a| same(a, value));
            allowed_one(value) || value.as_array().is_some_and(|v| v.iter().all(allowed_one))
        }
        ArgCheck::NotIn(forbidden) => {
            let forbidden_one = |value: &Value| forbidden.iter().any(|f| same(f, value));
            !forbidden_one(value)
                && !value
                    .as_array()
                    .is_some_and(|v| v.iter().any(forbidden_one))
        }
        ArgCheck::Like(globs) => {
            let matches = |value: &Value| {
                value
                    .as_str()
                    .is_some_and(|s| globs.iter().any(|g| g.matches(s)))
            };
            match value {
                Value::Array(items) => items.iter().all(matches),
                other => matches(other),
            }
        }
        ArgCheck::MaxLength(max) => match value {
            Value::String(s) => s.len() <= *max || s.chars().count() <= *max,
            Value::Array(items) => items.len() <= *max,
            _ => false,
        },
        // Judged by the caller, who knows whether the argument is there.
        ArgCheck::Present => true,
        ArgCheck::Absent => false,
    }
}

/// Equality of JSON values in which numbers are equal when their values are.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            a == b || a.as_nano().is_some_and(|n| b.as_nano() == Some(n))
        }
        (a, b) => a == b,
    }
}

impl fmt::Display for ArgConstraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "argument `{}` must ", self.path.join("."))?;
        match &self.check {
            ArgCheck::Max(max) => write!(f, "be at most {}", Nano(*max)),
            ArgCheck::Min(min) => write!(f, "be at least {}", Nano(*min)),
            ArgCheck::In(_) => f.write_str("be one of the values listed"),
            ArgCheck::NotIn(_) => f.write_str("be none of the values listed"),
            ArgCheck::Like(_) => f.write_str("match one of the patterns listed"),
            ArgCheck::MaxLength(max) => write!(f, "have a length of at most {max}"),
            ArgCheck::Present => f.write_str("be present"),
            ArgCheck::Absent => f.write_str("be absent"),
        }
    }
}

/// Billionths, shown as a decimal number without needless zeros.
struct Nano(i64);

impl fmt::Display for Nano {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NANO: u64 = 1_000_000_000;
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, fraction) = (self.0.unsigned_abs() / NANO, self.0.unsigned_abs() % NANO);
        if fraction == 0 {
            return write!(f, "{sign}{whole}");
        }
        let digits = format!("{fraction:09}");
        write!(f, "{sign}{whole}.{}", digits.trim_end_matches('0'))
    }
}

impl fmt::Display for LimitSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let window = Window(self.window_ms);
        match self.kind {
            LimitKind::Calls => write!(f, "more than {} calls in {window}", self.max)?,
            LimitKind::IdenticalCalls => {
                write!(f, "more than {} identical calls in {window}", self.max)?;
            }
            LimitKind::Spend => write!(f, "more than {} USD in {window}", Nano(self.max))?,
            LimitKind::ErrorRate => write!(
                f,
                "more than {}.{}% of calls failed in {window}",
                self.max / 10,
                self.max % 10
            )?,
            LimitKind::Retries => write!(f, "more than {} attempts of one step", self.max)?,
            LimitKind::PrecededBy => write!(
                f,
                "no call of `{}` in the {window} before",
                self.tool.as_deref().unwrap_or_default()
            )?,
        }
        match &self.per {
            Some(path) => write!(f, " for this `{}`", path.join(".")),
            None => Ok(()),
        }
    }
}

/// Milliseconds in the largest unit that divides them.
struct Window(i64);

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [
            (86_400_000, "d"),
            (3_600_000, "h"),
            (60_000, "m"),
            (1_000, "s"),
        ];
        match units.into_iter().find(|(ms, _)| self.0 % ms == 0) {
            Some((ms, unit)) => write!(f, "{}{unit}", self.0 / ms),
            None => write!(f, "{}ms", self.0),
        }
    }
}

impl LimitSpec {
    /// What this limit of rule `rule` asks the state when `action` comes.
    ///
    /// The key is the beginning of a SHA-256 over tenant, agent, rule, kind and what else the kind
    /// counts apart: an agent chooses its arguments, so it must not be able to choose which counter
    /// they hit. Money counts as the larger of the action's cost and the amount it moves, other
    /// currencies at par, an amount that could not be read as the largest.
    #[must_use]
    pub fn charge(
        &self,
        rule: &str,
        principal: &Principal,
        action: &Action,
        facts: &Facts,
    ) -> LimitCharge {
        LimitCharge {
            key: self.key(rule, principal, action),
            kind: self.kind,
            amount: match self.kind {
                LimitKind::Calls | LimitKind::IdenticalCalls | LimitKind::Retries => 1,
                LimitKind::Spend => action.cost_nano_usd.max(if facts.money.present {
                    facts.money.amount_nano.saturating_abs()
                } else {
                    0
                }),
                LimitKind::ErrorRate | LimitKind::PrecededBy => 0,
            },
            max: self.max,
            window_ms: self.window_ms,
        }
    }

    /// The mark that `action` leaves for this limit when it calls the tool that must come first.
    /// It has the key under which [`Self::charge`] asks, and amount 1 instead of 0.
    #[must_use]
    pub fn mark(&self, rule: &str, principal: &Principal, action: &Action) -> Option<LimitCharge> {
        let marks = self.kind == LimitKind::PrecededBy
            && !action.tool.is_empty()
            && self.tool.as_deref() == Some(action.tool.as_str());
        marks.then(|| LimitCharge {
            key: self.key(rule, principal, action),
            kind: self.kind,
            amount: 1,
            max: self.max,
            window_ms: self.window_ms,
        })
    }

    fn key(&self, rule: &str, principal: &Principal, action: &Action) -> u64 {
        let mut key = DigestBuilder::new();
        for text in ["limit", &principal.tenant, &action.agent_id, rule] {
            key.string(text);
        }
        key.integer(match self.kind {
            LimitKind::Calls => 1,
            LimitKind::IdenticalCalls => 2,
            LimitKind::Spend => 3,
            LimitKind::ErrorRate => 4,
            LimitKind::Retries => 5,
            LimitKind::PrecededBy => 6,
        });
        key.integer(self.window_ms);
        match &self.per {
            Some(path) => match lookup(&action.arguments, path) {
                // `5` and `5.0` are one customer.
                Lookup::Found(Value::Number(n)) => match n.as_nano() {
                    Some(nano) => key.integer(nano),
                    None => key.string(n.lexeme()),
                },
                Lookup::Found(value) => key.value(value),
                Lookup::Absent | Lookup::NotARecord => key.null(),
            },
            None => key.null(),
        }
        match self.kind {
            LimitKind::IdenticalCalls => {
                key.string(&action.tool);
                key.string(action.action_type.name());
                key.string(&action.resource);
                key.value(&action.arguments);
            }
            LimitKind::Retries => {
                key.string(&action.run_id);
                match action.step {
                    Some(step) => key.integer(step),
                    None => key.null(),
                }
            }
            LimitKind::PrecededBy => key.string(self.tool.as_deref().unwrap_or_default()),
            LimitKind::Calls | LimitKind::Spend | LimitKind::ErrorRate => {}
        }
        key.finish().short()
    }
}
