//! Behaviour: how far the action is from the agent's learned baseline.
//!
//! Until the baseline has seen enough there is one fixed term and no deviation, so that a new agent
//! is neither trusted nor punished for what nobody has seen yet.

use super::{DimensionScore, RiskContext, step};
use crate::model::Vector;

/// Points by deviation, in hundredths of a robust z-score.
const SIZE_STEPS: &[(i64, i16)] = &[(300, 10), (600, 20), (1_000, 25)];
const RECORD_STEPS: &[(i64, i16)] = &[(300, 15), (600, 30), (1_000, 40)];
const RATE_STEPS: &[(i64, i16)] = &[(300, 10), (600, 15)];

pub(super) fn score(cx: &RiskContext<'_>, out: &mut DimensionScore) {
    let state = cx.state;
    if state.baseline_ready {
        deviations(cx, out);
    } else {
        out.add_value(
            30,
            "behaviour.cold-start",
            "too few actions to know its usual behaviour",
            Some(state.baseline_samples),
        );
    }
    if cx.findings.has(Vector::SessionAnomaly) {
        out.add(
            20,
            "behaviour.session",
            "the session does not fit the agent",
        );
    }
}

fn deviations(cx: &RiskContext<'_>, out: &mut DimensionScore) {
    let state = cx.state;
    let facts = cx.facts;
    let kind = match state.type_share {
        i64::MIN..=0 => 35,
        1..=9 => 20,
        10..=49 => 8,
        _ => 0,
    };
    if kind > 0 {
        out.add_value(
            kind,
            "behaviour.type",
            "this agent hardly does this kind of action (share per mille)",
            Some(state.type_share),
        );
    }
    if !cx.action.tool.is_empty() && state.tool_share <= 0 {
        out.add(10, "behaviour.tool", "a tool that it never used");
    }
    if !facts.resource.name.is_empty() {
        if !state.family_seen {
            let strict = matches!(facts.resource.tier.as_str(), "sensitive" | "critical");
            if strict {
                out.add(
                    40,
                    "behaviour.sensitive-family",
                    "sensitive resources that it never touched",
                );
            } else {
                out.add(
                    20,
                    "behaviour.family",
                    "resources of a kind that it never touched",
                );
            }
        } else if !state.resource_seen {
            out.add(
                3,
                "behaviour.resource",
                "a resource that it never touched, of a usual kind",
            );
        }
    }
    if facts.url.external && !state.host_seen {
        out.add(
            20,
            "behaviour.host",
            "an external host that it never reached",
        );
    }
    if !state.shape_seen
        && cx
            .action
            .arguments
            .as_object()
            .is_some_and(|o| !o.is_empty())
    {
        out.add(8, "behaviour.shape", "arguments that this tool never had");
    }
    if !state.sequence_seen {
        out.add(
            8,
            "behaviour.sequence",
            "never followed the action before it",
        );
    }
    for (deviation, steps, code, text) in [
        (
            state.bytes_deviation,
            SIZE_STEPS,
            "behaviour.bytes",
            "larger than usual (hundredths of a deviation)",
        ),
        (
            state.records_deviation,
            RECORD_STEPS,
            "behaviour.records",
            "more records than usual (hundredths of a deviation)",
        ),
        (
            state.rate_deviation,
            RATE_STEPS,
            "behaviour.rate",
            "faster than usual (hundredths of a deviation)",
        ),
    ] {
        let points = step(deviation, steps);
        if points > 0 {
            out.add_value(points, code, text, Some(deviation));
        }
    }
}
