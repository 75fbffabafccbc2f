//! The table of reason codes: why a decision is what it is.

/// A stable, kebab-case reason code.
pub type ReasonCode = &'static str;

/// One line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReasonSpec {
    /// The code.
    pub code: ReasonCode,
    /// What it means, for the operator.
    pub meaning: &'static str,
    /// What to do about it.
    pub help: &'static str,
}

macro_rules! reasons {
    ($($konst:ident = $code:literal, $meaning:literal, $help:literal;)*) => {
        /// The reason codes, each a constant.
        pub mod code {
            $(#[doc = $meaning] pub const $konst: &str = $code;)*
        }

        /// All reason codes.
        pub const REASONS: &[ReasonSpec] = &[
            $(ReasonSpec { code: $code, meaning: $meaning, help: $help },)*
        ];
    };
}

reasons! {
    DEFAULT = "policy.default", "nothing decided, so the bundle's default holds", "write a rule for this action";
    RULE = "policy.rule", "a rule of the bundle fired", "read the rule named beside this reason";
    RULE_ERROR = "policy.rule-error", "a rule could not be evaluated and counts as fired", "guard the argument with `has`, or fix its type";
    RISK_BAND = "risk.band", "the risk reached a band", "see the terms of the risk, or raise the band for this environment";
    DETECTOR = "detector.threshold", "a detector's confidence reached its threshold", "see the finding; exempt the rule if it is expected";
    PROFILE_TYPE = "profile.action-type", "the agent's profile does not allow this type of action", "add it to `allowed_action_types`";
    PROFILE_RESOURCE = "profile.resource", "the agent's profile does not allow this resource", "add a pattern to `allowed_resources`";
    PROFILE_BLOCKED = "profile.blocked-resource", "the agent's profile blocks this resource", "remove the pattern from `blocked_resources`";
    PROFILE_RATE = "profile.rate", "the agent made more actions in a minute than its profile allows", "wait, or raise `max_actions_per_minute`";
    PROFILE_RISK = "profile.risk", "the risk is over the agent's maximum", "raise `max_risk_score`, or see the terms of the risk";
    AGENT_PAUSED = "agent.paused", "the agent is paused", "resume it with `PATCH /api/agents/{id}`";
    KILL_SWITCH = "kill-switch", "the kill switch is on", "switch it off once the incident is over";
    TOOL_STOPPED = "tool.stopped", "the tool is stopped", "see `GET /api/tool-stops`; end the stop with `interlock tools start` once the incident is over";
    LIMIT = "limit.exceeded", "a limit of a rule is used up", "wait for the window, or raise the limit";
    LOOP = "loop.detected", "the agent repeats itself", "look at the run; the breaker closes after a pause";
    BREAKER = "breaker.open", "a circuit breaker is open", "wait for its cool-down or close it by hand";
    BUDGET = "budget.exceeded", "a budget is used up", "raise the budget or wait for the next period";
    CAPABILITY = "enforcement.capability", "the enforcement point cannot do the effect, so the next stricter one holds", "declare the capability if it has it";
    DETECTOR_PANIC = "engine.detector-failed", "a detector failed on this input, so the action is denied", "report it with the decision's id";
    STATE_UNAVAILABLE = "engine.state-unavailable", "the state could not be reserved", "look at the server's health";
    AUDIT_UNAVAILABLE = "audit-unavailable", "the record cannot be written, so the action is denied", "free disk space or restart; see `interlock doctor`";
    IDENTITY = "identity.mismatch", "the credential is bound to another agent or environment", "use the agent's own key";
    GRANT = "approval.granted", "a person approved exactly this action", "nothing to do";
    LEASE = "server.lease-expired", "the server has not confirmed the policies in time, so nothing new is decided here", "see whether the server can be reached from this machine";
    OPEN = "server.open", "no server decided, and this tool is configured to run all the same", "see `on_unavailable` of the client";
    CALLER_RISK = "caller.risk", "the risk reached the threshold that the enforcement point set", "see the terms of the risk, or raise `risk_threshold`";
    CALLER = "caller.asks", "the enforcement point asks for more than the policies do", "read the sentence beside this code";
    NO_POLICY = "policy.none", "no policy is loaded, so side effects are denied", "load a bundle";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_kebab_case() {
        let mut seen = std::collections::BTreeSet::new();
        for spec in REASONS {
            assert!(seen.insert(spec.code), "{} appears twice", spec.code);
            assert!(
                spec.code
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || matches!(b, b'-' | b'.')),
                "{}",
                spec.code
            );
            assert!(
                !spec.help.ends_with('.') && !spec.meaning.ends_with('.'),
                "{}",
                spec.code
            );
        }
    }
}
