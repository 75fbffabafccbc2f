//! State: what Interlock remembers of an agent, as plain data that folds over the journal.
//!
//! ```text
//! reserve(footprint) → readings → (decide) → conclude(effect) → … → settle(outcome)
//! ```
//!
//! `reserve` charges and counts everything at once, so that what is in flight counts and no two
//! callers pass a limit together; `conclude` gives back what was denied; `settle` corrects the
//! charge to what really happened. The journal records footprint, effect, outcome and times;
//! replaying them through the same functions gives the same state, byte for byte, as long as the
//! decisions of one agent did not overlap. Where they did, the counts and the money are the same;
//! what depends on order (which action came before which) follows the journal's.
//!
//! **Invariant:** no float, no clock, no randomness, no iteration in hash order.
//! **Invariant:** everything is bounded, and where a bound is reached a limit counts as passed,
//! never as free.

mod agent;
mod baseline;
mod breaker;
mod budget;
mod codec;
mod decay;
mod footprint;
mod hash;
mod histogram;
mod hours;
mod ledger;
mod loops;
mod rate;
mod readings;
mod recent;
mod reserve;
mod session;
mod sketch;
mod store;
mod taint;
mod usage;

pub use agent::{AgentState, OutcomeSummary, RESERVATION_TTL_NS};
pub use baseline::{AGE_READY_NS, Baseline, SAMPLES_READY, SAMPLES_READY_AT_ONCE};
pub use breaker::{BREAKER_OPEN_NS, BREAKER_WINDOW_NS};
pub use budget::{BUDGETS_MAX, BudgetCharge, BudgetPeriod, Budgets};
pub use decay::Decayed;
pub use footprint::{Flags, Footprint, FootprintError, LIMITS_MAX, tool_key};
pub(crate) use footprint::{counter_of, ledger_limit_of, limit_of, write_counter, write_limit};
pub use hash::StableHash;
pub use ledger::{
    Amount, CounterKey, CounterUse, Crossing, DRAWERS_MAX, LEDGER_CHARGES_MAX,
    LEDGER_COUNTERS_KEPT, LEDGER_COUNTERS_MAX, LEDGER_IN_FLIGHT_MAX, Ledger, LedgerCharge,
    LedgerReading, LedgerVerdict, Limit, THRESHOLDS_MAX, TRICKLE_MAX, dollars, used_of,
};
pub use loops::{LOOP_CALLS_MAX, LOOP_WINDOW_NS};
pub use rate::{BucketSum, Gcra, SlidingLog};
pub use readings::{LimitCharge, LimitKind, LimitReading, Readings, StateFacts};
pub use reserve::{CELLS_MAX, COUNTERS_MAX, EXACT_MAX, IN_FLIGHT_MAX};
pub use session::Session;
pub use store::{
    AGENTS_MAX, AgentTable, SESSIONS_MAX, SWITCHES_MAX, SessionTable, SnapshotError, StateStore,
    Switches, SwitchesFull, Table,
};
pub use taint::Taint;
