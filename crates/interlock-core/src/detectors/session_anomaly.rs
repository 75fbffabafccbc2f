//! A session that does not fit: another agent, another person, another place.

use super::code::codes;
use super::{DetectContext, Detector, Phase};
use crate::model::{Finding, FindingCode, Findings, Vector};

codes! {
    SessionAnomaly, "session-anomaly";
    FOREIGN_AGENT = "foreign-agent", "another agent used this session before", ["CWE-384", "ASI03"];
    USER_CHANGED = "user-changed", "the person behind the session changed", ["CWE-384", "ASI03"];
    ORIGIN_CHANGED = "origin-changed", "the session's address or network changed", ["CWE-384", "ASI03"];
    TAKEOVER = "takeover", "person or agent and origin changed together", ["CWE-384", "ASI03"];
}

/// Looks for sessions that do not fit.
#[derive(Debug)]
pub(super) struct SessionAnomaly;

impl Detector for SessionAnomaly {
    fn vector(&self) -> Vector {
        Vector::SessionAnomaly
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
        let Some(state) = cx.readings.map(|r| &r.state) else {
            return;
        };
        if cx.action.session_id.is_empty() {
            return;
        }
        let who = state.session_foreign_agent || state.session_user_changed;
        if who && state.session_origin_changed {
            out.push(Finding::whole(&TAKEOVER, 90));
        } else if state.session_foreign_agent {
            out.push(Finding::whole(&FOREIGN_AGENT, 75));
        } else if state.session_user_changed {
            out.push(Finding::whole(&USER_CHANGED, 72));
        } else if state.session_origin_changed {
            // People travel and networks change: alone it only counts for what cannot be undone, or
            // for what this agent never did before.
            let grave = cx.facts.action.elevated
                || cx.facts.action.delete
                || (cx.facts.action.side_effect && !state.region_seen && state.baseline_ready)
                || state.new_target;
            out.push(Finding::whole(&ORIGIN_CHANGED, if grave { 62 } else { 40 }));
        }
    }
}
