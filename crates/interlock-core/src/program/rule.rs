//! A rule in compiled form.

use std::sync::Arc;

use crate::model::{Approvers, Effect, Layer, UnixNanos, Value, VectorSet};
use crate::program::expr::{ArgPath, Expr};
use crate::program::glob::Glob;
use crate::state::{BudgetCharge, BudgetPeriod, LimitKind, StableHash};

/// A compiled rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The id, unique in the program.
    pub id: Arc<str>,
    /// What it is for.
    pub description: Arc<str>,
    /// The file and the line it stands in, for messages.
    pub origin: Arc<str>,
    /// The paragraphs it serves, such as `PCI DSS 4.0.1 req. 3.4.1`.
    pub cites: Vec<Arc<str>>,
    /// The layer.
    pub layer: Layer,
    /// Higher decides first within its layer.
    pub priority: i32,
    /// A floor that nothing lowers.
    pub mandatory: bool,
    /// A lower layer may decide otherwise.
    pub overridable: bool,
    /// Evaluated and recorded, never enforced.
    pub shadow: bool,
    /// What it looks at.
    pub select: Select,
    /// The condition.
    pub when: Option<Expr>,
    /// Constraints: with any, the rule fires when one is violated.
    pub require: Option<Require>,
    /// What it asks for.
    pub effect: Effect,
    /// What an `allow` rule lifts.
    pub exempt: Exempt,
    /// Whom to tell.
    pub notify: Vec<Arc<str>>,
    /// Who decides.
    pub approvers: Option<Approvers>,
    /// When it applies.
    pub schedule: Option<Schedule>,
    /// From when on it no longer applies.
    pub expires: Option<UnixNanos>,
}

/// What a rule selects; an empty list selects everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Select {
    /// Action types.
    pub actions: Vec<Glob>,
    /// Tools.
    pub tools: Vec<Glob>,
    /// Resources, tried on the raw name and on every normalised name.
    pub resources: Vec<Glob>,
    /// Environments.
    pub environments: Vec<Glob>,
    /// Agents.
    pub agents: Vec<Glob>,
}

/// What an `allow` rule lifts of the things that always join by strictest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exempt {
    /// The risk bands.
    pub bands: bool,
    /// The thresholds of these detectors.
    pub vectors: VectorSet,
    /// The compliance packs.
    pub packs: bool,
}

/// Constraints of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Require {
    /// Constraints on arguments.
    pub arguments: Vec<ArgConstraint>,
    /// Limits, reserved before the decision.
    pub limits: Vec<LimitSpec>,
}

/// A constraint on one argument; an absent argument violates it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArgConstraint {
    /// Which argument.
    pub path: ArgPath,
    /// What holds of it.
    pub check: ArgCheck,
}

/// What must hold of an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArgCheck {
    /// At most this, in billionths.
    Max(i64),
    /// At least this, in billionths.
    Min(i64),
    /// One of these.
    In(Vec<Value>),
    /// None of these.
    NotIn(Vec<Value>),
    /// A string that one of these globs matches.
    Like(Vec<Glob>),
    /// A string of at most so many characters, or a list of at most so many items.
    MaxLength(usize),
    /// It is there.
    Present,
    /// It is not there.
    Absent,
}

/// A limit as a rule states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitSpec {
    /// What is counted.
    pub kind: LimitKind,
    /// The most that the window may hold; for [`LimitKind::PrecededBy`] it is 1.
    pub max: i64,
    /// The window in milliseconds.
    pub window_ms: i64,
    /// Counted apart for each value of this argument.
    pub per: Option<ArgPath>,
    /// For [`LimitKind::PrecededBy`]: the tool that must have run before.
    pub tool: Option<Arc<str>>,
}

/// When a rule applies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Bit 0 is Monday; all set when no days are named.
    pub days: u8,
    /// Minutes of the day, first and one past the last; a range across midnight wraps.
    pub minutes: Option<(u16, u16)>,
    /// The time zone's IANA name.
    pub zone: jiff::tz::TimeZone,
}

/// A band of the composite risk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Band {
    /// From this composite on (a band `above: 85` starts at 86).
    pub from: u8,
    /// A further condition.
    pub when: Option<Expr>,
    /// What it asks for.
    pub effect: Effect,
    /// Whom to tell.
    pub notify: Vec<Arc<str>>,
}

/// A profile of one agent, enforced as mandatory rules.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Profile {
    /// Allowed action types as globs; `None`: all.
    pub allowed_actions: Option<Vec<Glob>>,
    /// Allowed resources; `None`: all.
    pub allowed_resources: Option<Vec<Glob>>,
    /// Blocked resources.
    pub blocked_resources: Vec<Glob>,
    /// Most allowed actions in a minute.
    pub actions_per_minute: Option<i64>,
    /// The highest composite risk, 0..=100.
    pub risk_max: Option<u8>,
    /// What the agent's actions may cost.
    pub budget: ProfileBudget,
}

/// What the actions of one agent may cost, in billionths of a US dollar; `None`: no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProfileBudget {
    /// In a day, UTC.
    pub day_nano_usd: Option<i64>,
    /// In a month, UTC.
    pub month_nano_usd: Option<i64>,
}

impl ProfileBudget {
    /// The key of an agent's own budgets in its state.
    #[must_use]
    pub fn key() -> u64 {
        StableHash::new("budget").text("agent").finish()
    }

    /// What an action charges.
    ///
    /// An action without a cost charges too: its outcome may bring one, and an agent that has used
    /// its budget up stops, whatever it claims its next action will cost.
    #[must_use]
    pub fn charges(&self) -> Vec<BudgetCharge> {
        [
            (BudgetPeriod::Day, self.day_nano_usd),
            (BudgetPeriod::Month, self.month_nano_usd),
        ]
        .into_iter()
        .filter_map(|(period, max)| {
            Some(BudgetCharge {
                key: Self::key(),
                period,
                max_nano_usd: max?,
            })
        })
        .collect()
    }
}
