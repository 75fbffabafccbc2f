//! Agent: who is asking, with which history and which rights.
//!
//! Violations and approvals arrive decayed (hundredths, half-lives of a day and of thirty days), so
//! that neither is held for or against an agent for ever.

use super::{DimensionScore, RiskContext, step};

/// Actions below which an agent is still new.
const FEW_ACTIONS: i64 = 20;

pub(super) fn score(cx: &RiskContext<'_>, out: &mut DimensionScore) {
    let state = cx.state;
    if !state.agent_known {
        out.add(35, "agent.new", "has never acted before");
    } else if state.agent_actions < FEW_ACTIONS {
        out.add_value(
            15,
            "agent.few-actions",
            "has acted only a few times",
            Some(state.agent_actions),
        );
    }
    if cx.principal.agent.is_none() {
        out.add(10, "agent.claimed", "its identity is only claimed");
    }
    let violations = step(
        state.agent_violations,
        &[(50, 10), (100, 15), (300, 30), (600, 50), (1_200, 65)],
    );
    if violations > 0 {
        out.add_value(
            violations,
            "agent.violations",
            "was denied or violated policies lately (hundredths, decayed)",
            Some(state.agent_violations),
        );
    }
    if state.denials >= 3 {
        out.add_value(
            10,
            "agent.denials",
            "was denied several times in ten minutes",
            Some(state.denials),
        );
    }
    let approvals = step(state.agent_approvals, &[(100, 3), (300, 6), (1_000, 10)]);
    if approvals > 0 {
        out.add_value(
            -approvals,
            "agent.approvals",
            "people approved its actions lately (hundredths, decayed)",
            Some(state.agent_approvals),
        );
    }
    if cx.principal.elevated {
        out.add(25, "agent.elevated", "holds elevated credentials");
    }
    if state.session_foreign_agent {
        out.add(
            15,
            "agent.foreign-session",
            "uses a session of another agent",
        );
    }
    if state.error_share >= 500 {
        out.add_value(
            5,
            "agent.errors",
            "most of its actions fail (per mille)",
            Some(state.error_share),
        );
    }
    if state.agent_paused {
        out.add(50, "agent.paused", "is paused");
    }
}
