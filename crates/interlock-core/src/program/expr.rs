//! Conditions in compiled form: Cedar's expression semantics over facts in a fixed layout.

use crate::facts::FactId;
use crate::model::Vector;
use crate::risk::Dimension;

/// A path into the arguments: `args.customer.id` is `["customer", "id"]`.
pub type ArgPath = Box<[Box<str>]>;

/// A condition. Evaluates to true, false or an error, exactly as Cedar would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expr {
    /// A boolean literal.
    Bool(bool),
    /// A 64-bit integer literal.
    Long(i64),
    /// A string literal.
    Str(Box<str>),
    /// A set of expressions.
    Set(Box<[Expr]>),
    /// `facts.…`
    Fact(FactId),
    /// `risk.composite`
    Composite,
    /// `risk.<dimension>`
    Risk(Dimension),
    /// `findings.<vector>`: whether the vector found anything that counts.
    Finding(Vector),
    /// `findings.confidence.<vector>`: 0..=100.
    Confidence(Vector),
    /// `state.…`, an index into `StateFacts::SPECS`.
    State(u8),
    /// `args.…`; an absent argument, or one that is not of the type used, is an error.
    Arg(ArgPath),
    /// `args has …`
    HasArg(ArgPath),
    /// `principal == Agent::"…"`
    AgentIs(Box<str>),
    /// `action == Action::"…"`
    ActionIs(Box<str>),
    /// `resource == Resource::"…"`, by the one name or the raw name.
    ResourceIs(Box<str>),
    /// `!a`
    Not(Box<Expr>),
    /// `-a`; an overflow is an error.
    Neg(Box<Expr>),
    /// `a && b`; the right side is not looked at when the left is false.
    And(Box<Expr>, Box<Expr>),
    /// `a || b`; the right side is not looked at when the left is true.
    Or(Box<Expr>, Box<Expr>),
    /// `if a then b else c`
    If(Box<Expr>, Box<Expr>, Box<Expr>),
    /// `a == b`; values of different types are unequal.
    Eq(Box<Expr>, Box<Expr>),
    /// `a < b`, integers only.
    Less(Box<Expr>, Box<Expr>),
    /// `a <= b`, integers only.
    LessEq(Box<Expr>, Box<Expr>),
    /// `a + b`; an overflow is an error.
    Add(Box<Expr>, Box<Expr>),
    /// `a - b`; an overflow is an error.
    Sub(Box<Expr>, Box<Expr>),
    /// `a * b`; an overflow is an error.
    Mul(Box<Expr>, Box<Expr>),
    /// `set.contains(element)`
    Contains(Box<Expr>, Box<Expr>),
    /// `set.containsAll(set)`
    ContainsAll(Box<Expr>, Box<Expr>),
    /// `set.containsAny(set)`
    ContainsAny(Box<Expr>, Box<Expr>),
    /// `set.isEmpty()`
    IsEmpty(Box<Expr>),
    /// `text like "pattern"`; `*` is the only wildcard, `None` in the pattern.
    Like(Box<Expr>, Box<[Option<char>]>),
}
