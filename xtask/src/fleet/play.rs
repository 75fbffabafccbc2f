//! Plays a trace through the engine and the state of the product, on the clock of the trace.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use interlock_core::engine::{Prepared, Request, decide, prepare};
use interlock_core::model::{Decision, Effect, Principal, Role, Vector};
use interlock_core::program::{Grant, Program};
use interlock_core::risk::Dimension;
use interlock_core::state::{OutcomeSummary, StateStore};
use interlock_policy::{Source, compile};

use super::attack::Family;
use super::calibrate::Scored;
use super::maker::Event;

/// The vectors that judge by what they remember, or that stand for load and rights.
pub(crate) const STATEFUL: [Vector; 6] = [
    Vector::ExfiltrationVelocity,
    Vector::ResourceExhaustion,
    Vector::PrivilegeEscalation,
    Vector::SessionAnomaly,
    Vector::BehaviouralAnomaly,
    Vector::RateLimit,
];

/// What was decided about one action.
#[derive(Debug, Clone)]
pub(crate) struct Played {
    pub(crate) at: i64,
    pub(crate) effect: Effect,
    pub(crate) composite: u8,
    pub(crate) dimensions: [u8; 7],
    /// The codes of the stateful vectors.
    pub(crate) codes: Vec<&'static str>,
}

impl Played {
    /// What calibration needs of it.
    pub(crate) fn scored(&self, attack: Option<Family>) -> Scored {
        Scored {
            composite: self.composite,
            dimensions: self.dimensions,
            attack,
        }
    }
}

/// The default bundle, and what the company of the fleet adds to it.
fn default_program() -> Result<Program> {
    let source = Source::new("bundle.yaml", include_str!("bundle.yaml"));
    match compile(&[source], 1) {
        Ok(compiled) => Ok(compiled.program),
        Err(found) => bail!(
            "the default bundle: {}",
            found.first().map(ToString::to_string).unwrap_or_default()
        ),
    }
}

/// An agent's state and what decides about it.
#[derive(Debug, Clone)]
pub(crate) struct Player<'p> {
    program: &'p Program,
    principal: Principal,
    state: StateStore,
    decisions: u128,
}

impl<'p> Player<'p> {
    pub(crate) fn new(program: &'p Program, agent: &str) -> Self {
        let principal = Principal {
            tenant: Arc::from("acme"),
            agent: Some(Arc::from(agent)),
            environment: Some(Arc::from("production")),
            role: Role::Agent,
            elevated: false,
        };
        Self {
            program,
            principal,
            state: StateStore::default(),
            decisions: 0,
        }
    }

    /// Decides about an action and reports its outcome. A person who is asked consents to ordinary
    /// work and to no attack.
    pub(crate) fn play(&mut self, event: &Event) -> Played {
        let (decision, prepared) = self.decide(event, None);
        let mut codes = Vec::new();
        for finding in decision.findings.items() {
            if STATEFUL.contains(&finding.code.vector) {
                codes.push(finding.code.code);
            }
        }
        let played = Played {
            at: event.at,
            effect: decision.effect,
            composite: decision.risk.composite,
            dimensions: Dimension::ALL.map(|d| decision.risk.score(d)),
            codes,
        };
        if decision.effect.permits() {
            self.settle(event, &prepared);
        } else if decision.effect == Effect::RequireApproval && !event.attack {
            let tenant = Arc::clone(&self.principal.tenant);
            self.state
                .approved(&tenant, &event.action.agent_id, event.at);
            let grant = Grant {
                digest: prepared.digest,
                rules: Vec::new(),
                approval_id: Arc::from("approved"),
            };
            let (second, prepared) = self.decide(event, Some(&grant));
            if second.effect.permits() {
                self.settle(event, &prepared);
            }
        }
        played
    }

    fn decide(&mut self, event: &Event, grant: Option<&Grant>) -> (Decision, Prepared) {
        self.decisions += 1;
        let request = Request {
            principal: &self.principal,
            action: &event.action,
            now: event.at,
            reservation: self.decisions,
            profile: None,
            grant,
        };
        let prepared = prepare(self.program, &request);
        let readings = self.state.reserve(&prepared.footprint, event.at);
        let decision = decide(self.program, &request, &prepared, readings);
        self.state
            .conclude(&prepared.footprint, decision.effect, event.at);
        (decision, prepared)
    }

    fn settle(&mut self, event: &Event, prepared: &Prepared) {
        let outcome = OutcomeSummary {
            status: event.status,
            cost_nano_usd: None,
            records: event.rows,
        };
        let print = &prepared.footprint;
        self.state
            .settle(&print.tenant, &print.agent, print.id, &outcome, event.at);
    }
}

/// What decides about the fleet.
pub(crate) fn program() -> Result<Program> {
    default_program().context("the fleet is judged by the default bundle")
}
