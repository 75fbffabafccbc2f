//! The server's JSON as what the runtime itself would have answered.

use std::borrow::Cow;
use std::sync::Arc;

use interlock_core::approval::{Approval, Request, State};
use interlock_core::audit::unhex;
use interlock_core::model::reason::REASONS;
use interlock_core::model::{
    ActionDigest, Approvers, Decision, Effect, Finding, Findings, FiredRule, Obligation, Reason,
    RuleKind, Span, UnixNanos, limits,
};
use interlock_core::risk::{Dimension, TERMS_MAX, Term};
use interlock_store::{ApprovalRequest, ApprovalRow};
use serde::Deserialize;
use std::collections::BTreeMap;

use crate::check::Checked;
use crate::outcome::OutcomeReply;
use crate::recorded::finding_code;
use crate::shared::wire::Names;

#[derive(Deserialize)]
struct ReasonJson {
    code: String,
    message: String,
}

#[derive(Deserialize)]
struct TermJson {
    code: String,
    points: i16,
    text: String,
    value: Option<i64>,
}

#[derive(Deserialize)]
struct DimensionJson {
    score: u8,
    terms: Vec<TermJson>,
}

#[derive(Deserialize)]
struct RiskJson {
    composite: u8,
    floor: Option<String>,
    dimensions: BTreeMap<String, DimensionJson>,
}

#[derive(Deserialize)]
struct FindingJson {
    code: String,
    confidence: u8,
    path: String,
    span: [u32; 2],
}

#[derive(Deserialize)]
struct FiredJson {
    id: String,
    effect: String,
    decided: bool,
    errored: bool,
}

#[derive(Deserialize)]
struct SpanJson {
    path: String,
    start: u32,
    end: u32,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum ObligationJson {
    Notify {
        groups: Vec<String>,
    },
    Redact {
        spans: Vec<SpanJson>,
    },
    Snapshot,
    Approve {
        group: String,
        quorum: u8,
        timeout_ms: i64,
    },
    Throttle {
        retry_after_ms: i64,
    },
}

#[derive(Deserialize)]
struct RecordJson {
    seq: u64,
    leaf: String,
}

#[derive(Deserialize)]
struct CheckJson {
    id: String,
    effect: String,
    reasons: Vec<ReasonJson>,
    risk: RiskJson,
    findings: Vec<FindingJson>,
    fired_rules: Vec<FiredJson>,
    shadow_rules: Vec<FiredJson>,
    obligations: Vec<ObligationJson>,
    approval_id: Option<String>,
    agent_id: String,
    action_type: String,
    resource: String,
    record: RecordJson,
    program: String,
    replayed: bool,
}

#[derive(Deserialize)]
struct OutcomeJson {
    findings: Vec<FindingJson>,
    tainted: bool,
    seq: u64,
}

#[derive(Deserialize)]
struct ApprovalJson {
    id: String,
    state: String,
    agent_id: String,
    run_id: String,
    action_type: String,
    resource: String,
    tool: String,
    group: String,
    quorum: u8,
    risk: u16,
    reason: String,
    detail: serde_json::Value,
    action_hash: String,
    requested_at: String,
    expires_at: String,
}

fn digest(hex: &str) -> Option<[u8; 32]> {
    unhex(hex)?.try_into().ok()
}

fn findings(items: Vec<FindingJson>) -> Option<Findings> {
    let mut all = Findings::default();
    for item in items.into_iter().take(limits::FINDINGS_MAX) {
        all.push(Finding {
            code: finding_code(&item.code)?,
            confidence: item.confidence,
            path: Cow::Owned(item.path),
            span: Span {
                start: item.span[0],
                end: item.span[1],
            },
        });
    }
    Some(all)
}

fn fired(items: Vec<FiredJson>) -> Option<Vec<FiredRule>> {
    let one = |item: FiredJson| {
        Some(FiredRule {
            id: Arc::from(item.id),
            // The answer does not say; nobody acts on it.
            kind: RuleKind::Rule,
            effect: Effect::from_name(&item.effect)?,
            decided: item.decided,
            errored: item.errored,
        })
    };
    items.into_iter().map(one).collect()
}

fn obligation(item: ObligationJson) -> Obligation {
    match item {
        ObligationJson::Notify { groups } => Obligation::Notify(groups),
        ObligationJson::Redact { spans } => {
            let span = |s: SpanJson| {
                let (start, end) = (s.start, s.end);
                (s.path, Span { start, end })
            };
            Obligation::Redact(spans.into_iter().map(span).collect())
        }
        ObligationJson::Snapshot => Obligation::Snapshot,
        ObligationJson::Approve {
            group,
            quorum,
            timeout_ms,
        } => Obligation::Approve(Approvers {
            group,
            quorum,
            timeout_ms,
        }),
        ObligationJson::Throttle { retry_after_ms } => Obligation::Throttle(retry_after_ms),
    }
}

/// The answer to a check. `None` when it is not one, which denies: an effect or a finding that this
/// version does not know is not to be acted on by guessing.
pub(super) fn checked(body: &[u8], names: &Names, now: UnixNanos) -> Option<Checked> {
    let answer: CheckJson = serde_json::from_slice(body).ok()?;
    let mut decision = Decision {
        effect: Effect::from_name(&answer.effect)?,
        decided: Effect::from_name(&answer.effect)?,
        findings: findings(answer.findings)?,
        fired: fired(answer.fired_rules)?,
        shadow: fired(answer.shadow_rules)?,
        obligations: answer.obligations.into_iter().map(obligation).collect(),
        program: digest(&answer.program)?,
        ..Decision::default()
    };
    for reason in answer.reasons {
        let known = REASONS.iter().find(|r| r.code == reason.code);
        decision.reasons.push(Reason {
            code: match known {
                Some(spec) => spec.code,
                None => names.intern(&reason.code).ok()?,
            },
            message: reason.message,
        });
    }
    decision.risk.composite = answer.risk.composite;
    decision.risk.floor = answer.risk.floor.as_deref().and_then(|name| {
        let mut all = Dimension::ALL.into_iter();
        all.find(|dimension| dimension.name() == name)
    });
    for (dimension, score) in Dimension::ALL
        .into_iter()
        .zip(&mut decision.risk.dimensions)
    {
        let Some(given) = answer.risk.dimensions.get(dimension.name()) else {
            continue;
        };
        score.score = given.score;
        for term in given.terms.iter().take(TERMS_MAX) {
            score.terms.push(Term {
                code: names.intern(&term.code).ok()?,
                text: names.intern(&term.text).ok()?,
                points: term.points,
                value: term.value,
            });
        }
    }
    Some(Checked {
        id: answer.id.parse().ok()?,
        at: now,
        agent_id: answer.agent_id,
        action_type: answer.action_type,
        resource: answer.resource,
        decision: Arc::new(decision),
        seq: answer.record.seq,
        leaf: digest(&answer.record.leaf)?,
        approval_id: match answer.approval_id {
            Some(id) => Some(id.parse().ok()?),
            None => None,
        },
        replayed: answer.replayed,
    })
}

pub(super) fn outcome(body: &[u8]) -> Option<OutcomeReply> {
    let answer: OutcomeJson = serde_json::from_slice(body).ok()?;
    Some(OutcomeReply {
        findings: findings(answer.findings)?,
        tainted: answer.tainted,
        seq: answer.seq,
    })
}

fn time(text: &str) -> Option<UnixNanos> {
    let at: jiff::Timestamp = text.parse().ok()?;
    i64::try_from(at.as_nanosecond()).ok()
}

/// An approval as the server shows it; votes and claims stay there.
pub(super) fn approval(body: &[u8]) -> Option<ApprovalRow> {
    let answer: ApprovalJson = serde_json::from_slice(body).ok()?;
    let (requested_at, expires_at) = (time(&answer.requested_at)?, time(&answer.expires_at)?);
    let request = Request {
        quorum: answer.quorum,
        ..Request::new(ActionDigest(digest(&answer.action_hash)?), 0, expires_at)
    };
    Some(ApprovalRow {
        approval: Approval {
            request: request.clone(),
            requested_at,
            state: State::from_name(&answer.state)?,
            version: 0,
            votes: Vec::new(),
            grant: None,
            claim: None,
            resolution: None,
            changed_at: requested_at,
        },
        asked: ApprovalRequest {
            id: answer.id,
            request,
            agent_id: answer.agent_id,
            session_id: String::new(),
            run_id: answer.run_id,
            step: None,
            action_type: answer.action_type,
            resource: answer.resource,
            tool: answer.tool,
            group: answer.group,
            risk: answer.risk,
            reason: answer.reason,
            detail: answer.detail.to_string(),
        },
    })
}
