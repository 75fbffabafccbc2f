//! Evaluation of conditions, with exactly Cedar's semantics.
//!
//! `&&`, `||` and `if` look only at the branch they need; every other operator evaluates all its
//! operands, and an error in any of them is an error of the whole. Integers are 64 bits and an
//! overflow is an error. `==` between different types is false. Sets have no order and no
//! duplicates. `like` knows one wildcard.
//!
//! **Arguments.** An integer is a Long however it is written (`4500`, `4500.0`, `45e2`), a list is
//! a set, an object is a record. `null` is an absent argument: `has` is false. Whatever else Cedar
//! has no type for — a fraction, a number past 64 bits, a list that holds one of these or more than
//! [`ARGUMENT_VALUES_MAX`] values — is present (`has` is true) and an error to read, so that an
//! agent cannot walk past `args has amount && args.amount > 500` by writing `4500.5`.

use std::fmt;

use crate::facts::{FactRef, Facts};
use crate::model::{Action, Findings, Number, Object, Value};
use crate::program::expr::Expr;
use crate::risk::RiskReport;
use crate::state::StateFacts;

/// Nesting of one condition.
pub const EXPR_DEPTH_MAX: u32 = 200;
/// Operators and operands of one condition.
pub const EXPR_NODES_MAX: usize = 4_096;
/// Values of one argument that a condition reads as a set or a record; comparing two sets is
/// quadratic, so this bounds the time.
pub const ARGUMENT_VALUES_MAX: usize = 1_024;

/// What conditions read.
#[derive(Debug, Clone, Copy)]
pub struct EvalContext<'a> {
    /// The action: its arguments, agent, type and resource.
    pub action: &'a Action,
    /// The facts.
    pub facts: &'a Facts,
    /// The risk.
    pub risk: &'a RiskReport,
    /// The findings that count.
    pub findings: &'a Findings,
    /// The readings of state.
    pub state: &'a StateFacts,
}

/// Why a condition has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvalError<'a> {
    /// The argument is not there.
    Absent(&'a [Box<str>]),
    /// The argument is a fraction, too large, or a list with a value that Cedar has no type for.
    Unrepresentable(&'a [Box<str>]),
    /// An operand is not of the type that the operator takes; names that type.
    Type(&'static str),
    /// An integer left 64 bits.
    Overflow,
    /// The condition is nested deeper than [`EXPR_DEPTH_MAX`].
    TooDeep,
}

impl fmt::Display for EvalError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent(path) => write!(f, "argument `{}` is absent", path.join(".")),
            Self::Unrepresentable(path) => write!(
                f,
                "argument `{}` is neither text, a boolean, a 64-bit integer nor a list or object of these with at most {ARGUMENT_VALUES_MAX} values",
                path.join(".")
            ),
            Self::Type(expected) => write!(f, "an operand is not {expected}"),
            Self::Overflow => f.write_str("an integer leaves 64 bits"),
            Self::TooDeep => write!(f, "the condition is nested deeper than {EXPR_DEPTH_MAX}"),
        }
    }
}

/// Whether `condition` holds.
///
/// # Errors
/// Where Cedar has an error: an absent argument, a value of another type, an overflow.
pub fn holds<'a>(condition: &'a Expr, cx: &EvalContext<'a>) -> Result<bool, EvalError<'a>> {
    // One level of nesting can pass through two of the functions below.
    cx.boolean(condition, 2 * EXPR_DEPTH_MAX + 2)
}

/// A value, borrowed wherever it can be.
#[derive(Debug, Clone)]
enum Val<'a> {
    Bool(bool),
    Long(i64),
    Str(&'a str),
    /// A set of strings: sorted, unique.
    Strings(&'a [String]),
    /// A set written down in the condition, of booleans, integers and strings only.
    Literals(&'a [Expr]),
    /// A list among the arguments, representable.
    Array(&'a [Value]),
    /// A set of computed elements.
    Items(Vec<Val<'a>>),
    /// An object among the arguments, representable but for its `null` fields.
    Record(&'a Object),
}

const BOOL: EvalError<'static> = EvalError::Type("a boolean");
const LONG: EvalError<'static> = EvalError::Type("an integer");
const STRING: EvalError<'static> = EvalError::Type("a string");
const SET: EvalError<'static> = EvalError::Type("a set");
const RECORD: EvalError<'static> = EvalError::Type("a record");

impl<'a> EvalContext<'a> {
    fn boolean(&self, expr: &'a Expr, depth: u32) -> Result<bool, EvalError<'a>> {
        let depth = depth.checked_sub(1).ok_or(EvalError::TooDeep)?;
        Ok(match expr {
            Expr::Bool(b) => *b,
            Expr::And(a, b) => self.boolean(a, depth)? && self.boolean(b, depth)?,
            Expr::Or(a, b) => self.boolean(a, depth)? || self.boolean(b, depth)?,
            Expr::Not(a) => !self.boolean(a, depth)?,
            Expr::Less(a, b) => self.long(a, depth)? < self.long(b, depth)?,
            Expr::LessEq(a, b) => self.long(a, depth)? <= self.long(b, depth)?,
            Expr::Eq(a, b) => equal(&self.value(a, depth)?, &self.value(b, depth)?),
            Expr::Finding(vector) => self.findings.has(*vector),
            Expr::HasArg(path) => self.has_argument(path)?,
            Expr::AgentIs(name) => self.action.agent_id == **name,
            Expr::ActionIs(name) => self.action.action_type.name() == &**name,
            Expr::ResourceIs(name) => {
                self.action.resource == **name || self.facts.resource.name == **name
            }
            Expr::Contains(set, element) => {
                let (set, element) = (self.value(set, depth)?, self.value(element, depth)?);
                set.contains(&element).ok_or(SET)?
            }
            Expr::ContainsAll(set, wanted) => {
                let (set, wanted) = (self.value(set, depth)?, self.value(wanted, depth)?);
                set.is_set().then_some(()).ok_or(SET)?;
                wanted
                    .all(&mut |element| set.contains(element) == Some(true))
                    .ok_or(SET)?
            }
            Expr::ContainsAny(set, wanted) => {
                let (set, wanted) = (self.value(set, depth)?, self.value(wanted, depth)?);
                set.is_set().then_some(()).ok_or(SET)?;
                !wanted
                    .all(&mut |element| set.contains(element) != Some(true))
                    .ok_or(SET)?
            }
            Expr::IsEmpty(set) => match self.value(set, depth)? {
                Val::Strings(s) => s.is_empty(),
                Val::Literals(s) => s.is_empty(),
                Val::Array(s) => s.is_empty(),
                Val::Items(s) => s.is_empty(),
                _ => return Err(SET),
            },
            Expr::Like(text, pattern) => match self.value(text, depth)? {
                Val::Str(text) => like(text, pattern),
                _ => return Err(STRING),
            },
            Expr::Long(_)
            | Expr::Str(_)
            | Expr::Set(_)
            | Expr::Fact(_)
            | Expr::Composite
            | Expr::Risk(_)
            | Expr::Confidence(_)
            | Expr::State(_)
            | Expr::Arg(_)
            | Expr::Neg(_)
            | Expr::If(..)
            | Expr::Add(..)
            | Expr::Sub(..)
            | Expr::Mul(..) => match self.value(expr, depth)? {
                Val::Bool(b) => b,
                _ => return Err(BOOL),
            },
        })
    }

    fn long(&self, expr: &'a Expr, depth: u32) -> Result<i64, EvalError<'a>> {
        let depth = depth.checked_sub(1).ok_or(EvalError::TooDeep)?;
        match expr {
            Expr::Long(n) => Ok(*n),
            Expr::Composite => Ok(i64::from(self.risk.composite)),
            Expr::Risk(dimension) => Ok(i64::from(self.risk.score(*dimension))),
            Expr::Confidence(vector) => Ok(i64::from(self.findings.confidence(*vector))),
            Expr::Neg(a) => self
                .long(a, depth)?
                .checked_neg()
                .ok_or(EvalError::Overflow),
            Expr::Add(a, b) => self
                .long(a, depth)?
                .checked_add(self.long(b, depth)?)
                .ok_or(EvalError::Overflow),
            Expr::Sub(a, b) => self
                .long(a, depth)?
                .checked_sub(self.long(b, depth)?)
                .ok_or(EvalError::Overflow),
            Expr::Mul(a, b) => self
                .long(a, depth)?
                .checked_mul(self.long(b, depth)?)
                .ok_or(EvalError::Overflow),
            _ => match self.value(expr, depth)? {
                Val::Long(n) => Ok(n),
                _ => Err(LONG),
            },
        }
    }

    fn value(&self, expr: &'a Expr, depth: u32) -> Result<Val<'a>, EvalError<'a>> {
        let depth = depth.checked_sub(1).ok_or(EvalError::TooDeep)?;
        Ok(match expr {
            Expr::Str(text) => Val::Str(text),
            // An id that no table has cannot come out of the compiler; reading it is an error.
            Expr::Fact(id) => self.facts.get(*id).ok_or(RECORD)?.into(),
            Expr::State(index) => self.state.get(*index).ok_or(RECORD)?.into(),
            Expr::Arg(path) => self.argument(path)?,
            Expr::Set(elements) if elements.iter().all(is_literal) => Val::Literals(elements),
            Expr::Set(elements) => Val::Items(
                elements
                    .iter()
                    .map(|element| self.value(element, depth))
                    .collect::<Result<_, _>>()?,
            ),
            Expr::If(condition, yes, no) => {
                let branch = if self.boolean(condition, depth)? {
                    yes
                } else {
                    no
                };
                self.value(branch, depth)?
            }
            Expr::Long(_)
            | Expr::Composite
            | Expr::Risk(_)
            | Expr::Confidence(_)
            | Expr::Neg(_)
            | Expr::Add(..)
            | Expr::Sub(..)
            | Expr::Mul(..) => Val::Long(self.long(expr, depth)?),
            Expr::Bool(_)
            | Expr::Finding(_)
            | Expr::HasArg(_)
            | Expr::AgentIs(_)
            | Expr::ActionIs(_)
            | Expr::ResourceIs(_)
            | Expr::Not(_)
            | Expr::And(..)
            | Expr::Or(..)
            | Expr::Eq(..)
            | Expr::Less(..)
            | Expr::LessEq(..)
            | Expr::Contains(..)
            | Expr::ContainsAll(..)
            | Expr::ContainsAny(..)
            | Expr::IsEmpty(_)
            | Expr::Like(..) => Val::Bool(self.boolean(expr, depth)?),
        })
    }

    fn argument(&self, path: &'a [Box<str>]) -> Result<Val<'a>, EvalError<'a>> {
        match lookup(&self.action.arguments, path) {
            Lookup::Found(value) => represent(value).ok_or(EvalError::Unrepresentable(path)),
            Lookup::Absent => Err(EvalError::Absent(path)),
            Lookup::NotARecord => Err(RECORD),
        }
    }

    fn has_argument(&self, path: &'a [Box<str>]) -> Result<bool, EvalError<'a>> {
        match lookup(&self.action.arguments, path) {
            Lookup::Found(_) => Ok(true),
            Lookup::Absent => Ok(false),
            Lookup::NotARecord => Err(RECORD),
        }
    }
}

pub(super) enum Lookup<'a> {
    Found(&'a Value),
    Absent,
    /// Something on the way is there but has no fields.
    NotARecord,
}

/// The argument at `path`; `null` counts as absent, and so does everything when the arguments are
/// not an object.
pub(super) fn lookup<'a>(arguments: &'a Value, path: &[Box<str>]) -> Lookup<'a> {
    let mut here = arguments;
    for (i, key) in path.iter().enumerate() {
        let Some(object) = here.as_object() else {
            return if i == 0 {
                Lookup::Absent
            } else {
                Lookup::NotARecord
            };
        };
        match object.get(key) {
            None | Some(Value::Null) => return Lookup::Absent,
            Some(value) => here = value,
        }
    }
    Lookup::Found(here)
}

fn represent(value: &Value) -> Option<Val<'_>> {
    match value {
        Value::Null => None,
        Value::Bool(b) => Some(Val::Bool(*b)),
        Value::Number(n) => integer(n).map(Val::Long),
        Value::String(s) => Some(Val::Str(s)),
        Value::Array(items) => {
            let mut budget = ARGUMENT_VALUES_MAX;
            is_representable(value, &mut budget).then_some(Val::Array(items))
        }
        Value::Object(object) => {
            let mut budget = ARGUMENT_VALUES_MAX;
            is_representable(value, &mut budget).then_some(Val::Record(object))
        }
    }
}

/// Recursion is bounded by the depth that the parser of arguments admits.
fn is_representable(value: &Value, budget: &mut usize) -> bool {
    let Some(left) = budget.checked_sub(1) else {
        return false;
    };
    *budget = left;
    match value {
        Value::Null => false,
        Value::Bool(_) | Value::String(_) => true,
        Value::Number(n) => integer(n).is_some(),
        Value::Array(items) => items.iter().all(|item| is_representable(item, budget)),
        Value::Object(object) => object
            .iter()
            .all(|(_, field)| field.is_null() || is_representable(field, budget)),
    }
}

/// The 64-bit integer that a number equals exactly, however it is written.
fn integer(number: &Number) -> Option<i64> {
    if let Some(n) = number.as_i64() {
        return Some(n);
    }
    let text = number.lexeme();
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fraction = fraction.trim_end_matches('0');
    let whole = whole.trim_start_matches('0');
    if whole.len() + fraction.len() > 36 {
        return None;
    }
    let mut digits: i128 = 0;
    for byte in whole.bytes().chain(fraction.bytes()) {
        if !byte.is_ascii_digit() {
            return None;
        }
        digits = digits * 10 + i128::from(byte - b'0');
    }
    if digits == 0 {
        return Some(0);
    }
    let scale = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?;
    let power = 10i128.checked_pow(scale.unsigned_abs())?;
    let exact = if scale >= 0 {
        digits.checked_mul(power)?
    } else if digits % power == 0 {
        digits / power
    } else {
        return None;
    };
    i64::try_from(if negative { -exact } else { exact }).ok()
}

fn is_literal(expr: &Expr) -> bool {
    matches!(expr, Expr::Bool(_) | Expr::Long(_) | Expr::Str(_))
}

fn literal(expr: &Expr) -> Option<Val<'_>> {
    match expr {
        Expr::Bool(b) => Some(Val::Bool(*b)),
        Expr::Long(n) => Some(Val::Long(*n)),
        Expr::Str(s) => Some(Val::Str(s)),
        _ => None,
    }
}

impl<'a> From<FactRef<'a>> for Val<'a> {
    fn from(fact: FactRef<'a>) -> Self {
        match fact {
            FactRef::Bool(b) => Self::Bool(b),
            FactRef::Long(n) => Self::Long(n),
            FactRef::String(s) => Self::Str(s),
            FactRef::Strings(s) => Self::Strings(s),
        }
    }
}

impl<'a> Val<'a> {
    fn is_set(&self) -> bool {
        matches!(
            self,
            Self::Strings(_) | Self::Literals(_) | Self::Array(_) | Self::Items(_)
        )
    }

    /// Whether `test` holds of every element; `None` when this is not a set.
    fn all(&self, test: &mut dyn FnMut(&Val<'a>) -> bool) -> Option<bool> {
        match self {
            Self::Strings(items) => Some(items.iter().all(|s| test(&Val::Str(s)))),
            Self::Literals(items) => Some(items.iter().filter_map(literal).all(|v| test(&v))),
            Self::Array(items) => Some(items.iter().filter_map(represent).all(|v| test(&v))),
            Self::Items(items) => Some(items.iter().all(test)),
            _ => None,
        }
    }

    /// Whether this set holds `element`; `None` when this is not a set.
    fn contains(&self, element: &Val<'a>) -> Option<bool> {
        match (self, element) {
            // Fact sets are sorted.
            (Self::Strings(items), Self::Str(text)) => Some(
                items
                    .binary_search_by(|have| have.as_str().cmp(text))
                    .is_ok(),
            ),
            (Self::Literals(items), Self::Str(text)) => Some(
                items
                    .iter()
                    .any(|have| matches!(have, Expr::Str(have) if **have == **text)),
            ),
            (Self::Array(items), Self::Str(text)) => Some(
                items
                    .iter()
                    .any(|have| matches!(have, Value::String(have) if have == text)),
            ),
            _ => self
                .all(&mut |have| !equal(have, element))
                .map(|none| !none),
        }
    }
}

fn equal(a: &Val<'_>, b: &Val<'_>) -> bool {
    match (a, b) {
        (Val::Bool(a), Val::Bool(b)) => a == b,
        (Val::Long(a), Val::Long(b)) => a == b,
        (Val::Str(a), Val::Str(b)) => a == b,
        (Val::Record(a), Val::Record(b)) => {
            let present = |record: &Object| record.iter().filter(|(_, v)| !v.is_null()).count();
            present(a) == present(b)
                && a.iter().filter(|(_, v)| !v.is_null()).all(|(key, left)| {
                    match (represent(left), b.get(key).and_then(represent)) {
                        (Some(left), Some(right)) => equal(&left, &right),
                        _ => false,
                    }
                })
        }
        (a, b) if a.is_set() && b.is_set() => {
            a.all(&mut |element| b.contains(element) == Some(true)) == Some(true)
                && b.all(&mut |element| a.contains(element) == Some(true)) == Some(true)
        }
        _ => false,
    }
}

/// Whether all of `text` matches; `None` in the pattern is any run of characters. Linear in `text`
/// times `pattern`.
fn like(text: &str, pattern: &[Option<char>]) -> bool {
    let mut rest = text.chars();
    let mut tokens = pattern;
    let mut retry: Option<(&[Option<char>], std::str::Chars<'_>)> = None;
    loop {
        match tokens.split_first() {
            Some((None, after)) => {
                if after.is_empty() {
                    return true;
                }
                retry = Some((after, rest.clone()));
                tokens = after;
                continue;
            }
            Some((Some(wanted), after)) => {
                let mut ahead = rest.clone();
                if ahead.next() == Some(*wanted) {
                    rest = ahead;
                    tokens = after;
                    continue;
                }
            }
            None if rest.as_str().is_empty() => return true,
            None => {}
        }
        let Some((after, mut from)) = retry else {
            return false;
        };
        if from.next().is_none() {
            return false;
        }
        rest = from.clone();
        tokens = after;
        retry = Some((after, from));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::FactId;
    use crate::model::ActionType;

    fn long(n: i64) -> Box<Expr> {
        Box::new(Expr::Long(n))
    }

    fn text(s: &str) -> Box<Expr> {
        Box::new(Expr::Str(s.into()))
    }

    fn arg(path: &str) -> Box<Expr> {
        Box::new(Expr::Arg(path.split('.').map(Box::from).collect()))
    }

    fn has(path: &str) -> Expr {
        Expr::HasArg(path.split('.').map(Box::from).collect())
    }

    fn fact(group: &str, name: &str) -> Box<Expr> {
        Box::new(Expr::Fact(FactId::find(group, name).unwrap()))
    }

    fn set(elements: &[Box<Expr>]) -> Box<Expr> {
        Box::new(Expr::Set(elements.iter().map(|e| (**e).clone()).collect()))
    }

    const ARGUMENTS: &str = r#"{
        "n": 7, "whole": 7.0, "exp": 70e-1, "big": 9223372036854775808, "half": 7.5, "s": "text",
        "yes": true, "null": null, "list": ["b", "a", "b"], "numbers": [1, 2.0], "odd": [1, 2.5],
        "holes": [1, null], "nest": {"in": {"n": 1}}, "other": {"in": {"n": 1.0}, "void": null}
    }"#;

    /// `T`, `F`, or the kind of error.
    fn outcome(expr: &Expr) -> &'static str {
        let mut action = Action::new("bot", ActionType::DatabaseWrite);
        action.resource = "postgres://prod/t".into();
        action.arguments = Value::parse(ARGUMENTS.as_bytes()).unwrap();
        let mut facts = Facts::default();
        facts.resource.name = "one-name".into();
        facts.sql.kinds = vec!["delete".into(), "select".into()];
        facts.sql.statements = 2;
        facts.action.outbound = true;
        let cx = EvalContext {
            action: &action,
            facts: &facts,
            risk: &RiskReport {
                composite: 41,
                ..RiskReport::default()
            },
            findings: &Findings::default(),
            state: &StateFacts::default(),
        };
        match holds(expr, &cx) {
            Ok(true) => "T",
            Ok(false) => "F",
            Err(EvalError::Absent(_)) => "absent",
            Err(EvalError::Unrepresentable(_)) => "unrepresentable",
            Err(EvalError::Type(_)) => "type",
            Err(EvalError::Overflow) => "overflow",
            Err(EvalError::TooDeep) => "deep",
        }
    }

    fn check(expr: Expr, expected: &str) {
        assert_eq!(outcome(&expr), expected, "{expr:?}");
    }

    fn equals(a: Box<Expr>, b: Box<Expr>, expected: &str) {
        check(Expr::Eq(b.clone(), a.clone()), expected);
        check(Expr::Eq(a, b), expected);
    }

    #[test]
    fn boolean_operators_look_only_where_they_must() {
        let t = || Box::new(Expr::Bool(true));
        let f = || Box::new(Expr::Bool(false));
        let error = || arg("missing");
        let number = || long(1);
        check(Expr::And(f(), error()), "F");
        check(Expr::And(t(), error()), "absent");
        check(Expr::And(error(), f()), "absent");
        check(Expr::And(f(), number()), "F");
        check(Expr::And(t(), number()), "type");
        check(Expr::And(number(), f()), "type");
        check(Expr::Or(t(), error()), "T");
        check(Expr::Or(f(), error()), "absent");
        check(Expr::Or(error(), t()), "absent");
        check(Expr::Or(f(), number()), "type");
        check(Expr::If(t(), f(), error()), "F");
        check(Expr::If(f(), error(), t()), "T");
        check(Expr::If(error(), t(), t()), "absent");
        check(Expr::If(number(), t(), t()), "type");
        check(Expr::Not(number()), "type");
        check(*number(), "type");
        check(*text("true"), "type");
    }

    #[test]
    fn integers() {
        check(Expr::Less(long(1), long(2)), "T");
        check(Expr::LessEq(long(2), long(2)), "T");
        check(Expr::Less(text("a"), text("b")), "type");
        check(Expr::Less(long(1), text("b")), "type");
        equals(
            Box::new(Expr::Add(long(i64::MAX), long(1))),
            long(0),
            "overflow",
        );
        equals(
            Box::new(Expr::Sub(long(i64::MIN), long(1))),
            long(0),
            "overflow",
        );
        equals(
            Box::new(Expr::Mul(long(i64::MAX), long(2))),
            long(0),
            "overflow",
        );
        equals(Box::new(Expr::Neg(long(i64::MIN))), long(0), "overflow");
        equals(Box::new(Expr::Neg(long(5))), long(-5), "T");
        check(Expr::Less(long(40), Box::new(Expr::Composite)), "T");
        check(Expr::Less(long(41), Box::new(Expr::Composite)), "F");
        // An operand in error is an error, though the other would decide.
        equals(arg("missing"), long(1), "absent");
    }

    #[test]
    fn equality_of_different_types_is_false() {
        equals(long(1), text("1"), "F");
        equals(long(1), Box::new(Expr::Bool(true)), "F");
        equals(set(&[]), long(0), "F");
        equals(arg("nest"), set(&[]), "F");
        equals(arg("s"), text("text"), "T");
        equals(fact("sql", "statements"), long(2), "T");
    }

    #[test]
    fn sets_have_no_order_and_no_duplicates() {
        equals(
            set(&[long(1), long(2)]),
            set(&[long(2), long(1), long(2)]),
            "T",
        );
        equals(set(&[long(1)]), set(&[long(1), text("1")]), "F");
        equals(arg("list"), set(&[text("a"), text("b")]), "T");
        equals(arg("numbers"), set(&[long(2), long(1)]), "T");
        equals(
            fact("sql", "kinds"),
            set(&[text("select"), text("delete")]),
            "T",
        );
        equals(fact("sql", "kinds"), arg("list"), "F");
        equals(
            set(&[set(&[long(1)])]),
            set(&[set(&[long(1), long(1)])]),
            "T",
        );
        let contains = |set, element, expected| check(Expr::Contains(set, element), expected);
        contains(fact("sql", "kinds"), text("delete"), "T");
        contains(fact("sql", "kinds"), text("drop"), "F");
        contains(fact("sql", "kinds"), long(1), "F");
        contains(set(&[text("a"), long(1)]), long(1), "T");
        contains(set(&[arg("n"), long(1)]), long(7), "T");
        contains(set(&[arg("missing"), long(1)]), long(1), "absent");
        contains(set(&[long(1)]), arg("missing"), "absent");
        contains(arg("s"), text("t"), "type");
        let all = |a, b, expected| check(Expr::ContainsAll(a, b), expected);
        all(fact("sql", "kinds"), set(&[text("delete")]), "T");
        all(
            fact("sql", "kinds"),
            set(&[text("delete"), text("drop")]),
            "F",
        );
        all(fact("sql", "kinds"), set(&[]), "T");
        all(set(&[]), long(1), "type");
        all(long(1), set(&[]), "type");
        let any = |a, b, expected| check(Expr::ContainsAny(a, b), expected);
        any(
            fact("sql", "kinds"),
            set(&[text("drop"), text("delete")]),
            "T",
        );
        any(fact("sql", "kinds"), set(&[text("drop")]), "F");
        any(fact("sql", "kinds"), set(&[]), "F");
        any(set(&[]), long(1), "type");
        any(long(1), set(&[]), "type");
        check(Expr::IsEmpty(set(&[])), "T");
        check(Expr::IsEmpty(arg("list")), "F");
        check(Expr::IsEmpty(fact("sql", "tables")), "T");
        check(Expr::IsEmpty(long(1)), "type");
    }

    #[test]
    fn like_knows_one_wildcard() {
        let check = |subject: &str, pattern: &str, expected: &str| {
            let pattern = pattern.chars().map(|c| (c != '*').then_some(c)).collect();
            let expr = Expr::Like(text(subject), pattern);
            assert_eq!(outcome(&expr), expected, "{expr:?}");
        };
        check("", "", "T");
        check("", "*", "T");
        check("a", "", "F");
        check("abc", "a*c", "T");
        check("abc", "a*b", "F");
        check("aXbXc", "*X*X*", "T");
        check("aXbc", "*X*X*", "F");
        check("a?c", "a?c", "T");
        check("abc", "a?c", "F");
        check("ééé", "*é", "T");
        check("aaab", "*aab", "T");
        check("rm -rf /", "*rm -rf*", "T");
        let literal_star = Expr::Like(text("a*"), [Some('a'), Some('*')].into());
        assert_eq!(outcome(&literal_star), "T");
        let of_a_number = Expr::Like(long(1), [None].into());
        assert_eq!(outcome(&of_a_number), "type");
    }

    #[test]
    fn arguments() {
        equals(arg("n"), long(7), "T");
        equals(arg("whole"), long(7), "T");
        equals(arg("exp"), long(7), "T");
        equals(arg("half"), long(7), "unrepresentable");
        equals(arg("big"), long(7), "unrepresentable");
        equals(arg("odd"), set(&[]), "unrepresentable");
        equals(arg("holes"), set(&[]), "unrepresentable");
        equals(arg("null"), long(7), "absent");
        equals(arg("nest.in.n"), long(1), "T");
        equals(arg("nest.in.x"), long(1), "absent");
        equals(arg("nest.x.n"), long(1), "absent");
        equals(arg("s.x"), long(1), "type");
        equals(arg("nest"), arg("other"), "T");
        equals(arg("nest"), arg("nest.in"), "F");
        check(*arg("yes"), "T");
        check(*arg("n"), "type");
        check(has("n"), "T");
        check(has("half"), "T");
        check(has("null"), "F");
        check(has("x"), "F");
        check(has("nest.in.n"), "T");
        check(has("nest.x.n"), "F");
        check(has("s.x"), "type");
    }

    #[test]
    fn integers_however_they_are_written() {
        let check = |lexeme: &str, expected: Option<i64>| {
            let value = Value::parse(lexeme.as_bytes()).unwrap();
            let Value::Number(number) = &value else {
                panic!("{lexeme} is not a number")
            };
            assert_eq!(integer(number), expected, "{lexeme}");
        };
        check("0", Some(0));
        check("-0", Some(0));
        check("-0.0e5", Some(0));
        check("0e99", Some(0));
        check("4500.0", Some(4_500));
        check("45e2", Some(4_500));
        check("45E+2", Some(4_500));
        check("4500000e-3", Some(4_500));
        check("-1.5e1", Some(-15));
        check("4500.5", None);
        check("4500.000000000000000001", None);
        check("1e-1", None);
        check("9223372036854775807", Some(i64::MAX));
        check("9223372036854775807.0", Some(i64::MAX));
        check("-9223372036854775808.0", Some(i64::MIN));
        check("9223372036854775808", None);
        check("1e19", None);
        check("1e400", None);
        check("1e-400", None);
        // More digits than anything real has: an error is safe.
        check("0.000000000000000000000000000000000000000001e42", None);
    }

    #[test]
    fn principal_action_and_resource() {
        check(Expr::AgentIs("bot".into()), "T");
        check(Expr::AgentIs("Bot".into()), "F");
        check(Expr::ActionIs("database_write".into()), "T");
        check(Expr::ActionIs("custom".into()), "F");
        check(Expr::ResourceIs("postgres://prod/t".into()), "T");
        check(Expr::ResourceIs("one-name".into()), "T");
        check(Expr::ResourceIs("t".into()), "F");
    }

    #[test]
    fn bounds() {
        let mut deep = Expr::Bool(true);
        for _ in 1..EXPR_DEPTH_MAX {
            deep = Expr::Not(Box::new(deep));
        }
        check(deep.clone(), "F");
        for _ in 0..2 * EXPR_DEPTH_MAX {
            deep = Expr::Not(Box::new(deep));
        }
        check(deep, "deep");
        let mut action = Action::new("bot", ActionType::Payment);
        let check = |count: usize, expected| {
            let list = vec![Value::from(1); count];
            action.arguments =
                Value::Object([("l".to_owned(), Value::Array(list))].into_iter().collect());
            let found = matches!(
                lookup(&action.arguments, &["l".into()]),
                Lookup::Found(value) if represent(value).is_some()
            );
            assert_eq!(found, expected);
        };
        let mut check = check;
        check(ARGUMENT_VALUES_MAX - 1, true);
        check(ARGUMENT_VALUES_MAX, false);
    }
}
