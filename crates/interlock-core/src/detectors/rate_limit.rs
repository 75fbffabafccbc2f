//! Too many requests too quickly: derived from the limits that rules and profiles set, from the
//! loop detector and from the circuit breakers.

use super::code::codes;
use super::{DetectContext, Detector, Phase};
use crate::model::{Finding, FindingCode, Findings, Vector};

codes! {
    RateLimit, "rate-limit";
    LIMIT = "limit", "a limit of a rule is used up", ["CWE-770", "ASI08", "AML.T0034.002"];
    FLOOD = "flood", "more actions within a minute than any agent needs", ["CWE-770", "ASI08", "AML.T0034.002"];
    LOOP = "loop", "the same call again and again", ["CWE-835", "ASI08", "AML.T0034.002"];
    SIMILAR = "near-loop", "nearly the same call again and again", ["CWE-835", "ASI08", "AML.T0034.002"];
    SURGE = "surge", "many times as many actions in this minute, hour or day as this agent's busiest ones", ["CWE-770", "ASI08", "AML.T0034.002"];
    SPEND = "spend", "much more spent in this hour or day than this agent ever spends", ["CWE-770", "ASI08", "AML.T0034.002"];
    BREAKER = "breaker", "a circuit breaker is open", ["CWE-770", "ASI08"];
    BUDGET = "budget", "a budget is used up", ["CWE-770", "ASI08", "AML.T0034.002"];
}

/// Actions within a minute from which on it is a flood, whatever the rules say.
const FLOOD_PER_MINUTE: i64 = 600;
/// Identical calls within five minutes from which on it is a loop.
const IDENTICAL_MAX: i64 = 10;
/// Near-same calls within five minutes from which on it is a loop, if they act.
const SIMILAR_MAX: i64 = 30;
/// Times the agent's own most, × 100: of the same call repeated, of actions, of money.
const EXCESS_REPEATS: i64 = 200;
const EXCESS_ACTIONS: i64 = 300;
const EXCESS_COST: i64 = 300;
/// The full budget, per mille.
const BUDGET_FULL: i64 = 1_000;

/// Reports limits that are used up.
#[derive(Debug)]
pub(super) struct RateLimit;

/// The finding for a limit of a rule that is used up.
pub(crate) const fn limit_exceeded() -> Finding {
    Finding::whole(&LIMIT, 95)
}

impl Detector for RateLimit {
    fn vector(&self) -> Vector {
        Vector::RateLimit
    }

    fn phase(&self) -> Phase {
        Phase::State
    }

    fn codes(&self) -> &'static [&'static FindingCode] {
        CODES
    }

    fn reads_facts(&self) -> bool {
        true
    }

    fn failed(&self) -> &'static FindingCode {
        &FAILED
    }

    fn detect(&self, cx: &DetectContext<'_>, out: &mut Findings) {
        let Some(readings) = cx.readings else {
            return;
        };
        let state = &readings.state;
        if readings.limits.iter().any(|l| l.exceeded) {
            out.push(limit_exceeded());
        }
        if state.actions_last_minute >= FLOOD_PER_MINUTE {
            out.push(Finding::whole(&FLOOD, 80));
        }
        if state.actions_excess >= EXCESS_ACTIONS {
            out.push(Finding::whole(&SURGE, 66));
        }
        if cx.action.cost_nano_usd > 0 && state.cost_excess >= EXCESS_COST {
            out.push(Finding::whole(&SPEND, 72));
        }
        // An agent that polls does so every day.
        let repeats = !state.baseline_ready || state.repeats_excess >= EXCESS_REPEATS;
        if state.identical_calls >= IDENTICAL_MAX && repeats {
            let many = state.identical_calls >= IDENTICAL_MAX * 3;
            out.push(Finding::whole(&LOOP, if many { 92 } else { 75 }));
        } else if state.similar_calls >= SIMILAR_MAX && cx.facts.action.side_effect {
            out.push(Finding::whole(&SIMILAR, 62));
        }
        if state.breaker_open {
            out.push(Finding::whole(&BREAKER, 90));
        }
        let refused = readings.ledger.iter().any(|l| l.verdict.refuses());
        if state.budget_used > BUDGET_FULL || refused {
            out.push(Finding::whole(&BUDGET, 95));
        }
    }
}
