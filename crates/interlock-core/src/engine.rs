//! The one pipeline: `prepare → reserve → decide → record`.
//!
//! `prepare` and `decide` are here and pure; `reserve` belongs to [`crate::state`], the record to
//! [`crate::audit`].

use crate::detectors::{self, DetectContext, Phase, Ran, policy_violation};
use crate::facts::{FactInput, Facts};
use crate::model::{
    Action, ActionDigest, Decision, Findings, Principal, RuleKind, UnixNanos, Vector, VectorSet,
};
use crate::program::rule::Profile;
use crate::program::{EvalInput, Grant, Program, SelectInput};
use crate::risk::{self, RiskContext};
use crate::state::{Footprint, LimitCharge, Readings};
use crate::text::flatten;

/// What one decision is about.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Who asks, by credential.
    pub principal: &'a Principal,
    /// What is asked.
    pub action: &'a Action,
    /// The engine's clock.
    pub now: UnixNanos,
    /// The id under which charges are held until the outcome.
    pub reservation: u128,
    /// The agent's profile.
    pub profile: Option<&'a Profile>,
    /// An approval that was given for exactly this action.
    pub grant: Option<&'a Grant>,
}

/// Everything that is known of an action before state is read.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The digest that binds grants and retries.
    pub digest: ActionDigest,
    /// The facts.
    pub facts: Facts,
    /// What the detectors found in the content.
    pub findings: Findings,
    /// Which detectors ran, and which failed.
    pub ran: Ran,
    /// What the state reads and is charged.
    pub footprint: Footprint,
    /// For each limit of the footprint, the rule that asked for it.
    pub charged: Vec<(u32, usize)>,
}

impl Prepared {
    /// What is known when understanding the action failed: every detector counts as failed, which
    /// denies.
    #[must_use]
    pub fn failed(request: &Request<'_>) -> Self {
        let mut facts = Facts::default();
        facts.action.side_effect = true;
        facts.action.unparsed = true;
        Self {
            digest: ActionDigest::of(&request.principal.tenant, request.action),
            footprint: Footprint::of(
                request.reservation,
                request.principal,
                request.action,
                &facts,
                request.now,
            ),
            facts,
            findings: Findings::default(),
            ran: Ran {
                vectors: VectorSet::default(),
                failed: VectorSet::ALL,
            },
            charged: Vec::new(),
        }
    }
}

/// Understands the action: facts, content detectors, and what to ask of the state.
#[must_use]
pub fn prepare(program: &Program, request: &Request<'_>) -> Prepared {
    let Request {
        principal, action, ..
    } = *request;
    let digest = ActionDigest::of(&principal.tenant, action);
    let facts = Facts::compute(FactInput {
        action,
        principal,
        classes: program.classification(),
        now: request.now,
    });
    let environment = program.environment(&facts.action.environment);
    let (segments, truncated) = if detectors::read_text(&environment.detectors) {
        flatten(action)
    } else {
        Default::default()
    };
    let scanned = detectors::scan(&segments, truncated);
    let mut findings = Findings::default();
    let ran = detectors::detect_content(
        &DetectContext {
            action,
            principal,
            facts: &facts,
            scanned: &scanned,
            readings: None,
            phase: Phase::Content,
        },
        &environment.detectors,
        &mut findings,
    );
    let mut charges: Vec<(u32, LimitCharge)> = Vec::new();
    program.charges(
        &SelectInput {
            action,
            principal,
            facts: &facts,
            now: request.now,
        },
        &mut charges,
    );
    let charged = charges
        .iter()
        .enumerate()
        .map(|(at, (rule, _))| (*rule, at))
        .collect();
    let mut footprint = Footprint::of(request.reservation, principal, action, &facts, request.now);
    footprint.limits = charges.into_iter().map(|(_, charge)| charge).collect();
    if let Some(profile) = request.profile {
        footprint.budgets = profile.budget.charges();
    }
    Prepared {
        digest,
        facts,
        findings,
        ran,
        footprint,
        charged,
    }
}

/// Decides: state detectors, risk, rules, combining, and what the enforcement point can do.
#[must_use]
pub fn decide(
    program: &Program,
    request: &Request<'_>,
    prepared: &Prepared,
    readings: Readings,
) -> Decision {
    let Request {
        principal, action, ..
    } = *request;
    let facts = &prepared.facts;
    let environment = program.environment(&facts.action.environment);
    let mut findings = prepared.findings.clone();
    let scanned = detectors::scan(&[], false);
    let ran = detectors::detect_state(
        &DetectContext {
            action,
            principal,
            facts,
            scanned: &scanned,
            readings: Some(&readings),
            phase: Phase::State,
        },
        &environment.detectors,
        &mut findings,
    );
    let mut vectors_run = prepared.ran.vectors.union(ran.vectors);
    let failed = prepared.ran.failed.union(ran.failed);
    let risk = risk::score(&RiskContext {
        action,
        principal,
        facts,
        findings: &findings,
        state: &readings.state,
        config: &environment.risk,
        now: request.now,
    });
    let evaluation = program.evaluate(&EvalInput {
        action,
        principal,
        facts,
        risk: &risk,
        findings: &findings,
        readings: &readings,
        charged: &prepared.charged,
        profile: request.profile,
        grant: request.grant,
        now: request.now,
        environment,
        failed,
    });
    if environment
        .detectors
        .enabled
        .contains(Vector::PolicyViolation)
    {
        vectors_run.insert(Vector::PolicyViolation);
        let strictest = evaluation
            .fired
            .iter()
            .filter(|f| {
                matches!(
                    f.kind,
                    RuleKind::Rule | RuleKind::Mandatory | RuleKind::Profile
                )
            })
            .map(|f| f.effect)
            .max()
            .unwrap_or_default();
        if let Some(finding) = policy_violation::finding(strictest) {
            findings.push(finding);
        }
    }
    let (decided, effect) = (evaluation.decided, evaluation.effect);
    Decision {
        effect,
        decided,
        reasons: evaluation.reasons,
        risk,
        findings,
        vectors_run,
        fired: evaluation.fired,
        shadow: evaluation.shadow,
        obligations: evaluation.obligations,
        approvals: evaluation.approvals,
        readings,
        program: program.digest(),
        settings: program.settings(&facts.action.environment),
    }
}
