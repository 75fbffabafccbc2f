//! Constraints: on arguments, and on counters that the state keeps.

use std::fmt;

use crate::facts::Facts;
use crate::model::{Action, Value};
use crate::program::eval::{Lookup, lookup};
use crate::program::rule::{ArgCheck, ArgConstraint, LimitSpec};
use crate::state::{LimitCharge, LimitKind, StableHash, tool_key};

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
            LimitKind::Retries => write!(f, "more than {} retries of one step", self.max)?,
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
    /// Money counts as the larger of the action's cost and the amount it moves, other currencies at
    /// par, an amount that could not be read as the largest.
    #[must_use]
    pub fn charge(&self, rule: &str, action: &Action, facts: &Facts) -> LimitCharge {
        LimitCharge {
            key: match (self.kind, &self.tool) {
                (LimitKind::PrecededBy, Some(tool)) => tool_key(tool),
                _ => self.key(rule, action),
            },
            kind: self.kind,
            amount: match self.kind {
                LimitKind::Spend => action.cost_nano_usd.max(if facts.money.present {
                    facts.money.amount_nano.saturating_abs()
                } else {
                    0
                }),
                _ => 1,
            },
            max: self.max,
            window_ms: self.window_ms,
        }
    }

    /// Tells apart rules, windows and values of `per`; the state tells apart agents, kinds, calls
    /// and steps.
    fn key(&self, rule: &str, action: &Action) -> u64 {
        let key = StableHash::new("limit")
            .text(rule)
            .number(self.window_ms.unsigned_abs());
        let Some(path) = &self.per else {
            return key.finish();
        };
        match lookup(&action.arguments, path) {
            // `5` and `5.0` are one customer.
            Lookup::Found(Value::Number(n)) => match n.as_nano() {
                Some(nano) => key.number(1).number(nano.cast_unsigned()),
                None => key.number(2).text(n.lexeme()),
            },
            Lookup::Found(value) => key.number(3).value(value),
            Lookup::Absent | Lookup::NotARecord => key.number(4),
        }
        .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ActionType;
    use crate::program::glob::Glob;

    fn path(text: &str) -> Box<[Box<str>]> {
        text.split('.').map(Box::from).collect()
    }

    #[test]
    fn constraints() {
        let values = |json: &str| {
            Value::parse(json.as_bytes())
                .unwrap()
                .as_array()
                .unwrap()
                .to_vec()
        };
        let check = |check: &ArgCheck, arguments: &str, violated: bool| {
            let constraint = ArgConstraint {
                path: path("a"),
                check: check.clone(),
            };
            let arguments = Value::parse(arguments.as_bytes()).unwrap();
            assert_eq!(
                constraint.is_violated(&arguments),
                violated,
                "{constraint} of {}",
                arguments.to_json()
            );
        };
        let max = ArgCheck::Max(500_500_000_000);
        check(&max, r#"{"a": 500.5}"#, false);
        check(&max, r#"{"a": 500.500000001}"#, true);
        check(&max, r#"{"a": 5e2}"#, false);
        check(&max, r#"{"a": -9e9}"#, false);
        check(&max, r#"{"a": 1e300}"#, true);
        check(&max, r#"{"a": "1"}"#, true);
        check(&max, r#"{"a": null}"#, true);
        check(&max, r#"{"b": 1}"#, true);
        check(&max, "[]", true);
        let min = ArgCheck::Min(0);
        check(&min, r#"{"a": 0}"#, false);
        check(&min, r#"{"a": -0.000000001}"#, true);
        check(&min, r#"{"a": true}"#, true);
        let one_of = ArgCheck::In(values(r#"["USD", 1, true, ["x", "y"]]"#));
        check(&one_of, r#"{"a": "USD"}"#, false);
        check(&one_of, r#"{"a": "usd"}"#, true);
        check(&one_of, r#"{"a": 1.0}"#, false);
        check(&one_of, r#"{"a": "1"}"#, true);
        check(&one_of, r#"{"a": ["x", "y"]}"#, false);
        check(&one_of, r#"{"a": ["USD", true]}"#, false);
        check(&one_of, r#"{"a": ["USD", "x"]}"#, true);
        let none_of = ArgCheck::NotIn(values(r#"["root", 0]"#));
        check(&none_of, r#"{"a": "me"}"#, false);
        check(&none_of, r#"{"a": ["me", "root"]}"#, true);
        check(&none_of, r#"{"a": 0.0}"#, true);
        check(&none_of, "{}", true);
        let like = ArgCheck::Like(vec![Glob::new("*@example.com")]);
        check(&like, r#"{"a": "x@example.com"}"#, false);
        check(&like, r#"{"a": ["x@example.com", "y@evil.com"]}"#, true);
        check(&like, r#"{"a": 5}"#, true);
        let length = ArgCheck::MaxLength(2);
        check(&length, r#"{"a": "éé"}"#, false);
        check(&length, r#"{"a": "abc"}"#, true);
        check(&length, r#"{"a": [1, 2]}"#, false);
        check(&length, r#"{"a": [1, 2, 3]}"#, true);
        check(&length, r#"{"a": 1}"#, true);
        check(&ArgCheck::Present, r#"{"a": false}"#, false);
        check(&ArgCheck::Present, r#"{"a": null}"#, true);
        check(&ArgCheck::Absent, r#"{"a": 1}"#, true);
        check(&ArgCheck::Absent, r#"{"a": null}"#, false);
        check(&ArgCheck::Absent, "{}", false);
    }

    #[test]
    fn a_field_of_what_has_no_fields_violates() {
        let constraint = ArgConstraint {
            path: path("a.b"),
            check: ArgCheck::Absent,
        };
        let check = |arguments: &str, violated| {
            let arguments = Value::parse(arguments.as_bytes()).unwrap();
            assert_eq!(constraint.is_violated(&arguments), violated);
        };
        check(r#"{"a": {"b": 1}}"#, true);
        check(r#"{"a": {}}"#, false);
        check(r#"{"a": null}"#, false);
        check(r#"{"a": "text"}"#, true);
    }

    #[test]
    fn what_is_counted_apart() {
        let limit = |per: Option<&str>| LimitSpec {
            kind: LimitKind::Calls,
            max: 1,
            window_ms: 60_000,
            per: per.map(path),
            tool: None,
        };
        let key = |limit: &LimitSpec, rule: &str, arguments: &str| {
            let mut action = Action::new("bot", ActionType::Payment);
            action.arguments = Value::parse(arguments.as_bytes()).unwrap();
            limit.charge(rule, &action, &Facts::default()).key
        };
        let per = limit(Some("customer"));
        let same = |a: u64, b: u64| assert_eq!(a, b);
        let apart = |a: u64, b: u64| assert_ne!(a, b);
        same(
            key(&limit(None), "r", r#"{"customer": 1}"#),
            key(&limit(None), "r", r#"{"customer": 2}"#),
        );
        apart(
            key(&limit(None), "r", r#"{"customer": 1}"#),
            key(&limit(None), "s", r#"{"customer": 1}"#),
        );
        apart(
            key(&per, "r", r#"{"customer": 1}"#),
            key(&per, "r", r#"{"customer": 2}"#),
        );
        same(
            key(&per, "r", r#"{"customer": 1}"#),
            key(&per, "r", r#"{"customer": 1.0, "x": 2}"#),
        );
        apart(
            key(&per, "r", r#"{"customer": 1}"#),
            key(&per, "r", r#"{"customer": "1"}"#),
        );
        same(
            key(&per, "r", r#"{"customer": null}"#),
            key(&per, "r", "{}"),
        );
    }

    #[test]
    fn what_is_spent() {
        let limit = LimitSpec {
            kind: LimitKind::Spend,
            max: 1,
            window_ms: 60_000,
            per: None,
            tool: None,
        };
        let check = |cost, moved: Option<i64>, amount| {
            let mut action = Action::new("bot", ActionType::Payment);
            action.cost_nano_usd = cost;
            let mut facts = Facts::default();
            facts.money.present = moved.is_some();
            facts.money.amount_nano = moved.unwrap_or(0);
            assert_eq!(limit.charge("r", &action, &facts).amount, amount);
        };
        check(5, None, 5);
        check(5, Some(7), 7);
        check(9, Some(7), 9);
        check(0, Some(-7), 7);
        check(0, Some(i64::MAX), i64::MAX);
        check(0, Some(i64::MIN), i64::MAX);
    }
}
