//! The model: what an action is, and what a decision about it is.

mod action;
mod decision;
mod digest;
mod effect;
mod finding;
pub mod limits;
mod outcome;
pub mod patch;
pub mod reason;
mod value;

pub use action::{Action, ActionError, ActionType, Environment, Observed, Principal, Role, User};
pub use decision::{Approvers, Decision, FiredRule, Layer, Obligation, Reason, RuleKind, Timings};
pub use digest::{ActionDigest, DigestBuilder};
pub use effect::{Capabilities, Effect};
pub use finding::{Finding, FindingCode, Findings, Span, Vector, VectorSet};
pub use outcome::{Outcome, OutcomeStatus};
pub use reason::{REASONS, ReasonCode, ReasonSpec};
pub use value::{JsonError, JsonErrorKind, Number, Object, Value, parse_nano, write_json_string};

/// Nanoseconds since the Unix epoch, from the clock that the caller hands in.
pub type UnixNanos = i64;
