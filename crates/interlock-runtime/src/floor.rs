//! What an enforcement point asks for beyond the policies. It only tightens.
//!
//! It comes with a check instead of being configured: whoever embeds Interlock can hold its own
//! agent to more than the policies do, in any process on the data directory, and cannot loosen what
//! an administrator set.

use std::sync::Arc;

use interlock_core::engine::{Prepared, Request};
use interlock_core::model::{
    Decision, Effect, FiredRule, Reason, ReasonCode, RuleKind, reason::code,
};
use interlock_core::program::rule::Profile;

/// The id under which it appears among the rules that fired, and in grants.
const ID: &str = "caller";

/// A floor under the decision on one action.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Floor {
    /// Limits that hold beside the agent's profile; what passes one is blocked. Budgets are not
    /// looked at: they are the data directory's.
    pub profile: Profile,
    /// From each of these risks on at least its effect.
    pub risk: Vec<RiskFloor>,
    /// At least this effect, whatever the action is.
    pub asks: Option<Asks>,
}

/// An effect that a risk brings about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RiskFloor {
    /// The composite risk, 0..=100.
    pub from: u8,
    /// The effect.
    pub effect: Effect,
}

/// An effect that the enforcement point asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asks {
    /// The effect.
    pub effect: Effect,
    /// Why, for the operator.
    pub why: String,
}

impl Floor {
    /// Raises `decision` to the floor.
    pub(crate) fn raise(
        &self,
        decision: &mut Decision,
        request: &Request<'_>,
        prepared: &Prepared,
    ) {
        let mut asked: Vec<(Arc<str>, RuleKind, Effect, ReasonCode, String)> = Vec::new();
        let (risk, state) = (&decision.risk, &decision.readings.state);
        self.profile.denials(
            request.action,
            &prepared.facts,
            risk,
            state,
            &mut |code, message| {
                let kind = RuleKind::Profile;
                asked.push((Arc::from(code), kind, Effect::Block, code, message));
            },
        );
        let reached = self.risk.iter().filter(|r| risk.composite >= r.from);
        if let Some(RiskFloor { from, effect }) = reached.max_by_key(|r| (r.effect, r.from)) {
            let (from, effect) = (*from, *effect);
            let message = format!(
                "risk {} reached the threshold {from} of the enforcement point",
                risk.composite
            );
            let kind = RuleKind::System;
            asked.push((Arc::from(ID), kind, effect, code::CALLER_RISK, message));
        }
        if let Some(Asks { effect, why }) = &self.asks {
            let kind = RuleKind::System;
            asked.push((Arc::from(ID), kind, *effect, code::CALLER, why.clone()));
        }
        let can = request.action.capabilities;
        // A grant was found for exactly this action, or there is none.
        let granted = |id: &Arc<str>, effect: Effect| {
            effect == Effect::RequireApproval
                && request
                    .grant
                    .is_some_and(|grant| grant.rules.is_empty() || grant.rules.contains(id))
        };
        asked.retain(|(id, _, effect, ..)| !granted(id, can.enforceable(*effect)));
        let Some(strictest) = asked.iter().map(|(_, _, effect, ..)| *effect).max() else {
            return;
        };
        let raises = strictest > decision.decided;
        if raises {
            for rule in &mut decision.fired {
                rule.decided = false;
            }
            decision.decided = strictest;
        }
        let effect = can.enforceable(strictest).max(decision.effect);
        if effect > decision.effect {
            decision.effect = effect;
            if effect > Effect::RequireApproval {
                // Nobody is asked any more.
                decision.approvals.clear();
            }
        }
        let mut at = 0;
        for (id, kind, asks, code, message) in asked {
            let decided = asks == decision.decided;
            let reason = Reason { code, message };
            if decided && raises {
                decision.reasons.insert(at, reason);
                at += 1;
            } else {
                decision.reasons.push(reason);
            }
            if decision.effect == Effect::RequireApproval
                && can.enforceable(asks) == Effect::RequireApproval
                && !decision.approvals.contains(&id)
            {
                decision.approvals.push(id.clone());
            }
            decision.fired.push(FiredRule {
                id,
                kind,
                effect: asks,
                decided,
                errored: false,
            });
        }
    }
}
