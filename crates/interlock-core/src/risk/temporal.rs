//! Temporal: when, and how fast.
//!
//! An agent's own hours come from its baseline: the share of this hour of this kind of day,
//! smoothed over the neighbouring hours. Around the clock each hour would have 41 per mille.

use super::{DimensionScore, RiskContext, step};

/// How far a claimed time may lie from the engine's clock.
const SKEW_NANOS: u64 = 300_000_000_000;

pub(super) fn score(cx: &RiskContext<'_>, out: &mut DimensionScore) {
    let state = cx.state;
    let facts = &cx.facts.action;
    if state.baseline_ready {
        let unusual = match state.hour_share {
            i64::MIN..=0 => 55,
            1..=4 => 35,
            5..=14 => 20,
            _ => 0,
        };
        if unusual > 0 {
            out.add_value(
                unusual,
                "temporal.unusual-hour",
                "this agent hardly acts at this hour (share per mille)",
                Some(state.hour_share),
            );
            if facts.side_effect {
                out.add(
                    15,
                    "temporal.unusual-change",
                    "changes something at an unusual hour",
                );
            }
        }
    } else {
        out.add(
            10,
            "temporal.no-baseline",
            "its usual hours are not known yet",
        );
    }
    if let Some((from, to)) = cx.config.operating_hours {
        let (from, to) = (i64::from(from), i64::from(to));
        let inside = if from <= to {
            (from..to).contains(&facts.hour)
        } else {
            facts.hour >= from || facts.hour < to
        };
        if !inside {
            out.add_value(
                30,
                "temporal.closed",
                "outside the operating hours",
                Some(facts.hour),
            );
        }
        if facts.weekday >= 6 {
            out.add_value(
                10,
                "temporal.weekend",
                "at the weekend",
                Some(facts.weekday),
            );
        }
    }
    let burst = step(state.rate_deviation, &[(300, 15), (600, 30)]);
    if burst > 0 {
        out.add_value(
            burst,
            "temporal.burst",
            "acts much faster than usual (hundredths of a deviation)",
            Some(state.rate_deviation),
        );
    }
    let rate = step(state.actions_last_minute, &[(30, 10), (60, 20), (120, 35)]);
    if rate > 0 {
        out.add_value(
            rate,
            "temporal.rate",
            "many actions in one minute",
            Some(state.actions_last_minute),
        );
    }
    let repeats = step(
        state.identical_calls.max(state.similar_calls),
        &[(4, 10), (8, 25)],
    );
    if repeats > 0 {
        out.add_value(
            repeats,
            "temporal.repeats",
            "the same call again and again",
            Some(state.identical_calls.max(state.similar_calls)),
        );
    }
    if cx
        .action
        .timestamp
        .is_some_and(|claimed| claimed.abs_diff(cx.now) > SKEW_NANOS)
    {
        out.add(
            10,
            "temporal.skew",
            "the claimed time is far from the clock",
        );
    }
}
