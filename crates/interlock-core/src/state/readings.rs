//! What a decision reads of the state, kept in its record so that a replay needs no state.

use super::ledger::LedgerReading;
use crate::facts::fact_group;

fact_group! {
    /// The state as one decision saw it; stands under `state` in policies. Shares are per mille,
    /// deviations are robust z-scores × 100.
    StateFacts {
        /// The agent has acted before.
        agent_known: bool,
        /// Actions of this agent so far, bounded.
        agent_actions: i64,
        /// Denials and violations of this agent, decayed with a half-life of a day, × 100.
        agent_violations: i64,
        /// Approvals given to this agent, decayed with a half-life of thirty days, × 100.
        agent_approvals: i64,
        /// The agent is paused.
        agent_paused: bool,
        /// The kill switch is on.
        kill_switch: bool,
        /// The tool, or the type of the action, is stopped.
        tool_stopped: bool,
        /// The baseline has seen enough actions to judge.
        baseline_ready: bool,
        /// Actions the baseline learned from.
        baseline_samples: i64,
        /// The share of this action type in the baseline.
        type_share: i64,
        /// The share of this tool in the baseline.
        tool_share: i64,
        /// The exact resource was seen before.
        resource_seen: bool,
        /// The resource's family (its directory, table, host) was seen before.
        family_seen: bool,
        /// The external host was seen before.
        host_seen: bool,
        /// These argument names were seen before with this tool.
        shape_seen: bool,
        /// This action type has followed the one before.
        sequence_seen: bool,
        /// The share of this hour of this kind of day (weekday or weekend), smoothed over the neighbouring hours.
        hour_share: i64,
        /// Deviation of the size of arguments and payload.
        bytes_deviation: i64,
        /// Deviation of the number of records touched.
        records_deviation: i64,
        /// Deviation of the action rate.
        rate_deviation: i64,
        /// The tool, the family or the external host was met for the first time, or within the last day; false until the agent is a week old.
        new_target: bool,
        /// Actions of this minute, hour or day over those of the agent's own busiest ones, × 100; this and the following are 0 while too little is known.
        actions_excess: i64,
        /// Bytes sent outside in this hour or day over the agent's own most, × 100.
        bytes_out_excess: i64,
        /// Records read in this hour or day over the agent's own most, × 100.
        records_excess: i64,
        /// What was spent in this hour or day over the agent's own most, × 100.
        cost_excess: i64,
        /// Actions of this hour or day on new targets over the agent's own most, × 100.
        new_target_excess: i64,
        /// Bytes sent in this hour or day to hosts known for less than a week over the agent's own most, × 100.
        new_host_excess: i64,
        /// Repetitions of the same call over the agent's own most, × 100.
        repeats_excess: i64,
        /// Actions at hours at which this agent never works, decayed with a half-life of three hours, × 100, this one included; 0 at its own hours.
        off_hours: i64,
        /// The environment's region was seen before.
        region_seen: bool,
        /// Actions of this agent in the last minute, this one included.
        actions_last_minute: i64,
        /// The same call with the same arguments in the last five minutes, this one included.
        identical_calls: i64,
        /// The same call with near-same arguments (same tool and target) in the last five minutes, this one included.
        similar_calls: i64,
        /// Failed outcomes of the last ten minutes.
        error_share: i64,
        /// Denials in the last ten minutes.
        denials: i64,
        /// A circuit breaker is open.
        breaker_open: bool,
        /// Bytes sent outside in the last five minutes, this action included.
        bytes_out: i64,
        /// Records read in the last five minutes, this action included.
        records_read: i64,
        /// The session has read untrusted content.
        untrusted_seen: bool,
        /// The sequence number of the record of the last result that brought instructions into the session; 0 without one.
        instructions_seq: i64,
        /// The session has touched private data.
        private_seen: bool,
        /// The session has reached outside.
        outbound_seen: bool,
        /// The session was used by another agent before.
        session_foreign_agent: bool,
        /// The session's user changed.
        session_user_changed: bool,
        /// The session's address or network changed.
        session_origin_changed: bool,
        /// The share of the tightest budget that is used, this action included.
        budget_used: i64,
    }
}

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LimitKind {
    /// Calls.
    Calls,
    /// Calls with the same arguments.
    IdenticalCalls,
    /// Money, in billionths of a US dollar.
    Spend,
    /// The share of failed outcomes, per mille.
    ErrorRate,
    /// Attempts of the same step of a run after the first; without a step, of the same call.
    Retries,
    /// Whether a certain tool was called before, within the window.
    PrecededBy,
}

impl LimitKind {
    /// All kinds; the order is that of the snapshot format.
    pub const ALL: [Self; 6] = [
        Self::Calls,
        Self::IdenticalCalls,
        Self::Spend,
        Self::ErrorRate,
        Self::Retries,
        Self::PrecededBy,
    ];

    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::IdenticalCalls => "identical_calls",
            Self::Spend => "spend",
            Self::ErrorRate => "error_rate",
            Self::Retries => "retries",
            Self::PrecededBy => "preceded_by",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.name() == name)
    }
}

/// One limit that a rule asks the state about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitCharge {
    /// The counter: a hash of tenant, agent, rule, kind and the `per` value.
    pub key: u64,
    /// What it counts.
    pub kind: LimitKind,
    /// How much this action charges: 1, or for spend its cost or the money it moves. For
    /// [`LimitKind::PrecededBy`] 0 asks whether the mark is there and 1 makes it, once the action
    /// is permitted.
    pub amount: i64,
    /// The most that the window may hold.
    pub max: i64,
    /// The window in milliseconds.
    pub window_ms: i64,
}

/// What the state answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitReading {
    /// The counter.
    pub key: u64,
    /// Used within the window, this action and everything in flight included.
    pub used: i64,
    /// Whether the maximum is passed.
    pub exceeded: bool,
    /// How long until it would fit, in milliseconds; 0 when it does.
    pub retry_after_ms: i64,
}

/// Everything a decision read of the state.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Readings {
    /// The typed readings.
    pub state: StateFacts,
    /// One answer per limit asked, in the order asked.
    pub limits: Vec<LimitReading>,
    /// One answer per budget of the ledger, in the order of the footprint's.
    pub ledger: Vec<LedgerReading>,
}
