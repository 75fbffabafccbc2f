//! A decision read back from its record, for answers that are asked for again after a restart.
//!
//! What an enforcement point acts on is all there: effect, reasons, risk, findings, rules and
//! obligations. The terms of the risk are not; the record keeps them for people.

use std::borrow::Cow;
use std::sync::Arc;

use interlock_core::detectors::DETECTORS;
use interlock_core::model::reason::REASONS;
use interlock_core::model::{
    ActionDigest, Approvers, Decision, Effect, Finding, FindingCode, FiredRule, Obligation, Reason,
    RuleKind, Span, Value,
};
use interlock_core::risk::Dimension;
use interlock_store::journal::Entry;

use crate::Runtime;
use crate::check::Checked;
use crate::error::RuntimeError;
use crate::outcome::record_time;

impl Runtime {
    /// The answer that is in the record, for a retry of a request from before this process started.
    ///
    /// # Errors
    /// When the record cannot be read: then nobody may take the retry for a new request.
    pub(crate) fn recorded(&self, tenant: &str, seq: u64) -> Result<Checked, RuntimeError> {
        let unreadable = |why: String| {
            RuntimeError::AuditUnavailable(format!(
                "the first answer to this idempotency key is entry {seq} of the record: {why}"
            ))
        };
        let entries = self
            .inner
            .journal
            .read(tenant, seq, 1)
            .map_err(|e| unreadable(e.to_string()))?;
        entries
            .first()
            .and_then(answer)
            .ok_or_else(|| unreadable("it is not a decision that this version reads".to_owned()))
    }
}

/// The answer of a decision's record.
fn answer(entry: &Entry) -> Option<Checked> {
    let body = Value::parse(&entry.body).ok()?;
    let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
    let asked = body.get("asked").or_else(|| body.get("resource"));
    Some(Checked {
        id: text("id").parse().ok()?,
        at: record_time(&body)?,
        agent_id: text("agent").to_owned(),
        action_type: text("type").to_owned(),
        resource: asked.and_then(Value::as_str).unwrap_or_default().to_owned(),
        decision: Arc::new(decision(&body)?),
        seq: entry.seq,
        leaf: entry.leaf,
        approval_id: text("approval").parse().ok(),
        replayed: true,
    })
}

/// The decision of a record's body; `None` when it is not one that this version writes.
pub(crate) fn decision(body: &Value) -> Option<Decision> {
    let effect = |key: &str| Effect::from_name(body.get(key)?.as_str()?);
    let mut decision = Decision {
        effect: effect("effect")?,
        decided: effect("decided")?,
        program: hash(body.get("program")?.as_str()?)?,
        ..Decision::default()
    };
    for item in items(body, "reasons") {
        let (code, message) = (text(item, 0)?, text(item, 1).unwrap_or_default());
        let spec = REASONS.iter().find(|r| r.code == code)?;
        decision.reasons.push(Reason {
            code: spec.code,
            message: message.to_owned(),
        });
    }
    decision.risk.composite = u8::try_from(body.get("risk")?.as_i64()?).ok()?;
    for (dimension, score) in decision.risk.dimensions.iter_mut().zip(items(body, "dims")) {
        dimension.score = u8::try_from(score.as_i64()?).ok()?;
    }
    decision.risk.floor = body.get("floor").and_then(Value::as_str).and_then(|name| {
        Dimension::ALL
            .into_iter()
            .find(|dimension| dimension.name() == name)
    });
    for item in items(body, "findings") {
        decision.findings.push(Finding {
            code: finding_code(text(item, 0)?)?,
            confidence: u8::try_from(number(item, 1)?).ok()?,
            path: Cow::Owned(text(item, 2)?.to_owned()),
            span: span(item, 3)?,
        });
    }
    for (key, rules) in [
        ("rules", &mut decision.fired),
        ("shadow", &mut decision.shadow),
    ] {
        for item in items(body, key) {
            rules.push(FiredRule {
                id: Arc::from(text(item, 0)?),
                kind: match text(item, 1)? {
                    "rule" => RuleKind::Rule,
                    "mandatory" => RuleKind::Mandatory,
                    "profile" => RuleKind::Profile,
                    "band" => RuleKind::Band,
                    "detector" => RuleKind::Detector,
                    "system" => RuleKind::System,
                    _ => return None,
                },
                effect: Effect::from_name(text(item, 2)?)?,
                decided: number(item, 3)? == 1,
                errored: number(item, 4)? == 1,
            });
        }
    }
    for item in items(body, "obligations") {
        decision.obligations.push(obligation(item)?);
    }
    Some(decision)
}

/// The digest of the action of a record's body.
pub(crate) fn digest(body: &Value) -> Option<ActionDigest> {
    hash(body.get("action_hash")?.as_str()?).map(ActionDigest)
}

fn items<'a>(body: &'a Value, key: &str) -> &'a [Value] {
    body.get(key).and_then(Value::as_array).unwrap_or_default()
}

fn at(item: &Value, index: usize) -> Option<&Value> {
    item.as_array()?.get(index)
}

fn text(item: &Value, index: usize) -> Option<&str> {
    at(item, index)?.as_str()
}

fn number(item: &Value, index: usize) -> Option<i64> {
    at(item, index)?.as_i64()
}

fn span(item: &Value, index: usize) -> Option<Span> {
    Some(Span {
        start: u32::try_from(number(item, index)?).ok()?,
        end: u32::try_from(number(item, index + 1)?).ok()?,
    })
}

/// The finding of a code.
pub(crate) fn finding_code(code: &str) -> Option<&'static FindingCode> {
    DETECTORS
        .iter()
        .flat_map(|detector| detector.codes().iter().copied().chain([detector.failed()]))
        .find(|spec| spec.code == code)
}

fn obligation(item: &Value) -> Option<Obligation> {
    let rest = item.as_array()?.get(1..)?;
    Some(match text(item, 0)? {
        "notify" => Obligation::Notify(
            rest.iter()
                .map(|group| group.as_str().map(str::to_owned))
                .collect::<Option<_>>()?,
        ),
        "redact" => Obligation::Redact(
            rest.iter()
                .map(|part| Some((text(part, 0)?.to_owned(), span(part, 1)?)))
                .collect::<Option<_>>()?,
        ),
        "snapshot" => Obligation::Snapshot,
        "approve" => Obligation::Approve(Approvers {
            group: text(item, 1)?.to_owned(),
            quorum: u8::try_from(number(item, 2)?).ok()?,
            timeout_ms: number(item, 3)?,
        }),
        "throttle" => Obligation::Throttle(number(item, 1)?),
        _ => return None,
    })
}

fn hash(hex: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * i..2 * i + 2)?, 16).ok()?;
    }
    Some(bytes)
}
