//! Runs tests through the core's own pipeline, with the state as each test gives it.

use std::sync::Arc;

use interlock_core::engine::{self, Request};
use interlock_core::model::{Finding, FindingCode, Principal, UnixNanos, Vector};
use interlock_core::program::EvalInput;
use interlock_core::risk::Dimension;
use interlock_core::state::{LimitKind, LimitReading, Readings, StateFacts};

use crate::compile::Compiled;
use crate::test_cases::{Evaluate, Given, TestCase, Verdict};

/// Wednesday 2026-01-14 10:00 UTC.
const NOW: UnixNanos = 1_768_384_800_000_000_000;

/// What a test gives as findings, where no detector did.
static GIVEN: [FindingCode; 12] = {
    const fn given(vector: Vector) -> FindingCode {
        FindingCode {
            code: "given",
            vector,
            summary: "given by the test",
            tags: &[],
        }
    }
    [
        given(Vector::ALL[0]),
        given(Vector::ALL[1]),
        given(Vector::ALL[2]),
        given(Vector::ALL[3]),
        given(Vector::ALL[4]),
        given(Vector::ALL[5]),
        given(Vector::ALL[6]),
        given(Vector::ALL[7]),
        given(Vector::ALL[8]),
        given(Vector::ALL[9]),
        given(Vector::ALL[10]),
        given(Vector::ALL[11]),
    ]
};

impl Evaluate for Compiled {
    /// Decides with a known agent whose baseline has seen the like, unless the test gives another
    /// state. What a test gives as risk or findings replaces or joins what is computed.
    fn decide(&self, case: &TestCase) -> Result<Verdict, String> {
        let program = &self.program;
        let action = &case.action;
        let now = case.now.unwrap_or(NOW);
        let principal = Principal {
            agent: case
                .authenticated
                .then(|| Arc::from(action.agent_id.as_str())),
            ..Principal::local()
        };
        let request = Request {
            principal: &principal,
            action,
            now,
            reservation: 0,
            profile: self.profile(&action.agent_id),
            grant: None,
        };
        let mut prepared = engine::prepare(program, &request);
        for (vector, confidence) in &case.findings {
            if let Some(code) = GIVEN.iter().find(|code| code.vector == *vector) {
                prepared.findings.push(Finding::whole(code, *confidence));
            }
        }
        let mut readings = Readings {
            state: state(case),
            ..Readings::default()
        };
        for (at, charge) in prepared.footprint.limits.iter().enumerate() {
            let rule = prepared.charged.iter().find(|(_, reading)| *reading == at);
            let id = rule
                .and_then(|(rule, _)| program.rules().get(*rule as usize))
                .map(|r| &*r.id);
            let exceeded = id.is_some_and(|id| case.exceeded.iter().any(|e| e == id));
            // The tool that must come first was called, unless the limit is exceeded.
            let within = match charge.kind {
                LimitKind::PrecededBy => 1,
                _ => charge.max.min(charge.amount),
            };
            let beyond = match charge.kind {
                LimitKind::PrecededBy => 0,
                _ => charge.max.saturating_add(1),
            };
            readings.limits.push(LimitReading {
                key: charge.key,
                used: if exceeded { beyond } else { within },
                exceeded,
                retry_after_ms: 0,
            });
        }
        let decision = engine::decide(program, &request, &prepared, readings);
        let mut fired = decision.fired;
        let mut shadow = decision.shadow;
        let mut effect = decision.decided;
        if case.composite.is_some() || !case.risk.is_empty() {
            let mut risk = decision.risk;
            for (at, dimension) in Dimension::ALL.into_iter().enumerate() {
                if let (Some(score), Some(slot)) =
                    (case.risk.get(&dimension), risk.dimensions.get_mut(at))
                {
                    slot.score = *score;
                }
            }
            risk.composite = case.composite.unwrap_or(risk.composite);
            let evaluation = program.evaluate(&EvalInput {
                action,
                principal: &principal,
                facts: &prepared.facts,
                risk: &risk,
                findings: &decision.findings,
                readings: &decision.readings,
                charged: &prepared.charged,
                profile: request.profile,
                grant: None,
                now,
                environment: program.environment(&prepared.facts.action.environment),
                failed: prepared.ran.failed,
            });
            (fired, shadow, effect) = (evaluation.fired, evaluation.shadow, evaluation.decided);
        }
        Ok(Verdict {
            effect,
            fired: fired
                .iter()
                .chain(&shadow)
                .map(|f| f.id.to_string())
                .collect(),
        })
    }
}

fn state(case: &TestCase) -> StateFacts {
    let mut state = StateFacts {
        agent_known: true,
        agent_actions: 500,
        baseline_ready: true,
        baseline_samples: 500,
        type_share: 200,
        tool_share: 200,
        resource_seen: true,
        family_seen: true,
        host_seen: true,
        shape_seen: true,
        sequence_seen: true,
        hour_share: 100,
        region_seen: true,
        actions_last_minute: 1,
        identical_calls: 1,
        similar_calls: 1,
        ..StateFacts::default()
    };
    for (name, given) in &case.state {
        set(&mut state, name, *given);
    }
    state
}

macro_rules! setters {
    ($state:ident, $name:ident, $given:ident; bool: $($flag:ident)*; i64: $($count:ident)*) => {
        match ($name, $given) {
            $((stringify!($flag), Given::Bool(value)) => $state.$flag = value,)*
            $((stringify!($count), Given::Long(value)) => $state.$count = value,)*
            _ => {}
        }
    };
}

/// Sets a reading by its name; names and types were checked when the test was read.
fn set(state: &mut StateFacts, name: &str, given: Given) {
    setters!(state, name, given;
        bool: agent_known agent_paused kill_switch tool_stopped baseline_ready resource_seen family_seen host_seen
            shape_seen sequence_seen region_seen breaker_open untrusted_seen private_seen
            outbound_seen session_foreign_agent session_user_changed session_origin_changed
            new_target;
        i64: agent_actions agent_violations agent_approvals baseline_samples type_share tool_share
            hour_share bytes_deviation records_deviation rate_deviation actions_last_minute
            identical_calls similar_calls error_share denials bytes_out records_read budget_used
            instructions_seq
            actions_excess bytes_out_excess records_excess cost_excess new_target_excess
            new_host_excess repeats_excess off_hours
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use interlock_core::facts::{FactRef, FactType};

    #[test]
    fn every_reading_can_be_given() {
        for (index, spec) in (0u8..).zip(StateFacts::SPECS) {
            let mut state = StateFacts::default();
            let (given, want) = match spec.kind {
                FactType::Bool => (Given::Bool(true), FactRef::Bool(true)),
                _ => (Given::Long(7), FactRef::Long(7)),
            };
            set(&mut state, spec.name, given);
            assert_eq!(state.get(index), Some(want), "{}", spec.name);
        }
    }
}
