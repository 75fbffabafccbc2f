//! A decision as its record holds it.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use interlock_core::audit::recorded::ledger_reading;
use interlock_core::detectors::DETECTORS;
use interlock_core::facts::{FactGroup, Facts};
use interlock_core::model::reason::code;
use interlock_core::model::{
    Action, ActionDigest, ActionType, Effect, Finding, FindingCode, Findings, Object, Principal,
    Span, UnixNanos, Value, Vector, VectorSet,
};
use interlock_core::program::Grant;
use interlock_core::risk::{Dimension, RiskReport};
use interlock_core::state::{Footprint, LimitCharge, LimitReading, Readings};

use super::member;
use crate::commands::policy::condition::{self, Read};

/// A recorded decision, taken apart.
#[derive(Debug)]
pub(super) struct Recorded {
    pub(super) id: String,
    pub(super) ts: String,
    pub(super) now: UnixNanos,
    pub(super) principal: Principal,
    pub(super) action: Action,
    pub(super) decided: Effect,
    pub(super) facts: Facts,
    pub(super) findings: Findings,
    pub(super) risk: RiskReport,
    pub(super) readings: Readings,
    /// The limits that were asked.
    pub(super) charged: Vec<LimitCharge>,
    pub(super) failed: VectorSet,
    pub(super) grant: Option<Grant>,
    /// A profile had a say.
    pub(super) profile_fired: bool,
    /// Names are recorded.
    pub(super) named: bool,
    /// What this version cannot read of the record.
    pub(super) unknown: BTreeSet<String>,
    /// Facts and readings that are there, where absent does not mean neutral.
    present: Option<BTreeSet<String>>,
}

/// RFC 3339 in UTC.
pub(crate) fn instant(at: UnixNanos) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(at))
        .map_or_else(|_| at.to_string(), |t| t.to_string())
}

impl Recorded {
    /// Reads a body; `None` when it is not that of a decision.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<Self>> {
        let body = Value::parse(bytes).context("not a recorded body")?;
        let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
        if text("kind") != "decision" {
            return Ok(None);
        }
        let ts = member(&body, "ts")?.as_str().unwrap_or_default().to_owned();
        let now: jiff::Timestamp = ts.parse().with_context(|| format!("`ts` is `{ts}`"))?;
        let mut action = Action::new(text("agent"), ActionType::parse(text("type"))?);
        let named = body.get("resource").is_some();
        let asked = if body.get("asked").is_some() {
            text("asked")
        } else {
            text("resource")
        };
        asked.clone_into(&mut action.resource);
        text("tool").clone_into(&mut action.tool);
        text("run").clone_into(&mut action.run_id);
        text("session").clone_into(&mut action.session_id);
        action.step = body.get("step").and_then(Value::as_i64);
        let decided = Effect::from_name(text("decided"))
            .with_context(|| format!("`decided` is `{}`", text("decided")))?;
        let mut recorded = Self {
            id: text("id").to_owned(),
            ts,
            now: i64::try_from(now.as_nanosecond()).context("`ts` is out of range")?,
            principal: Principal {
                tenant: Arc::from(text("tenant")),
                ..Principal::local()
            },
            action,
            decided,
            facts: Facts::default(),
            findings: Findings::default(),
            risk: RiskReport::default(),
            readings: Readings::default(),
            charged: Vec::new(),
            failed: VectorSet::default(),
            grant: None,
            profile_fired: false,
            named,
            unknown: BTreeSet::new(),
            // What the record leaves out is neutral, if the engine that wrote it knew it.
            present: (text("engine") != env!("CARGO_PKG_VERSION")).then(BTreeSet::new),
        };
        recorded.read_facts(member(&body, "facts")?);
        recorded.read_readings(member(&body, "readings")?)?;
        recorded.read_risk(&body)?;
        recorded.read_findings(member(&body, "findings")?)?;
        recorded.read_rules(member(&body, "rules")?);
        let footprint = Footprint::from_value(member(&body, "state")?);
        recorded.charged = footprint
            .map_err(|e| anyhow::anyhow!("`state`: {e}"))?
            .limits;
        recorded
            .facts
            .action
            .environment
            .clone_into(&mut recorded.action.environment.name);
        if body.get("approval").is_some() && decided.permits() {
            recorded.grant = Some(Grant {
                digest: ActionDigest::of(&recorded.principal.tenant, &recorded.action),
                rules: Vec::new(),
                approval_id: Arc::from(text("approval")),
            });
        }
        Ok(Some(recorded))
    }

    fn note(&mut self, known: bool, name: String) {
        if !known {
            self.unknown
                .insert(format!("`{name}` in a form known here"));
        } else if let Some(present) = &mut self.present {
            present.insert(name);
        }
    }

    fn read_facts(&mut self, facts: &Value) {
        for (name, fields) in facts.as_object().into_iter().flat_map(Object::iter) {
            let wanted = if name == "action" { "" } else { name };
            let group = FactGroup::ALL.iter().copied().find(|g| g.name() == wanted);
            for (fact, value) in fields.as_object().into_iter().flat_map(Object::iter) {
                let known = group.is_some_and(|group| self.facts.set(group, fact, value));
                self.note(
                    known,
                    Read::Fact(
                        "",
                        format!("{wanted}{}{fact}", if wanted.is_empty() { "" } else { "." }),
                    )
                    .to_string(),
                );
            }
        }
    }

    fn read_readings(&mut self, readings: &Value) -> Result<()> {
        for (name, value) in readings.as_object().into_iter().flat_map(Object::iter) {
            if name == "ledger" {
                for reading in value.as_array().unwrap_or_default() {
                    let reading = ledger_reading(reading);
                    let reading = reading.context("a reading of a budget is malformed")?;
                    self.readings.ledger.push(reading);
                }
                continue;
            }
            if name != "limits" {
                let known = self.readings.state.set(name, value);
                self.note(known, format!("state.{name}"));
                continue;
            }
            for limit in value.as_array().unwrap_or_default() {
                let Some([key, used, exceeded, retry]) = limit.as_array() else {
                    bail!("a reading of a limit is malformed");
                };
                self.readings.limits.push(LimitReading {
                    key: key
                        .as_str()
                        .and_then(|k| u64::from_str_radix(k, 16).ok())
                        .context("the key of a limit is malformed")?,
                    used: used.as_i64().context("the count of a limit is malformed")?,
                    exceeded: exceeded.as_i64() == Some(1),
                    retry_after_ms: retry.as_i64().unwrap_or(0),
                });
            }
        }
        Ok(())
    }

    fn read_risk(&mut self, body: &Value) -> Result<()> {
        let score = |value: &Value| value.as_i64().and_then(|n| u8::try_from(n).ok());
        self.risk.composite = score(member(body, "risk")?).context("`risk` is out of range")?;
        let dims = member(body, "dims")?.as_array().unwrap_or_default();
        if dims.len() != self.risk.dimensions.len() {
            bail!("`dims` has {} scores", dims.len());
        }
        for (dimension, value) in self.risk.dimensions.iter_mut().zip(dims) {
            dimension.score = score(value).context("`dims` is out of range")?;
        }
        self.risk.floor = body
            .get("floor")
            .and_then(Value::as_str)
            .and_then(|name| Dimension::ALL.into_iter().find(|d| d.name() == name));
        Ok(())
    }

    fn read_findings(&mut self, findings: &Value) -> Result<()> {
        for finding in findings.as_array().unwrap_or_default() {
            let Some([code, confidence, path, start, end]) = finding.as_array() else {
                bail!("a finding is malformed");
            };
            let code = code.as_str().unwrap_or_default();
            let Some(known) = finding_code(code) else {
                self.unknown
                    .insert(format!("the finding `{code}` in a form known here"));
                continue;
            };
            // It follows from the rules that fired, and is no input of the draft.
            if known.vector == Vector::PolicyViolation {
                continue;
            }
            let at = |value: &Value| {
                value
                    .as_i64()
                    .and_then(|n| u32::try_from(n).ok())
                    .unwrap_or(0)
            };
            let confidence = confidence.as_i64().and_then(|n| u8::try_from(n).ok());
            self.findings.push(Finding {
                code: known,
                confidence: confidence.context("the confidence of a finding is out of range")?,
                path: path.as_str().unwrap_or_default().to_owned().into(),
                span: Span {
                    start: at(start),
                    end: at(end),
                },
            });
        }
        Ok(())
    }

    fn read_rules(&mut self, rules: &Value) {
        for rule in rules.as_array().unwrap_or_default() {
            let Some([id, kind, ..]) = rule.as_array() else {
                continue;
            };
            match (kind.as_str(), id.as_str()) {
                (Some("profile"), _) => self.profile_fired = true,
                // Which detector failed is told by its finding; without one, all count as failed.
                (Some("system"), Some(id)) if id == code::DETECTOR_PANIC || id == "engine" => {
                    self.failed = self
                        .findings
                        .items()
                        .iter()
                        .filter(|f| f.code.code.ends_with(".detector-failed"))
                        .map(|f| f.code.vector)
                        .collect();
                    if self.failed.is_empty() {
                        self.failed = VectorSet::ALL;
                    }
                }
                _ => {}
            }
        }
    }

    /// Whether the record does not hold what a condition reads.
    pub(super) fn lacks(&self, read: &Read) -> bool {
        match read {
            Read::Argument(_) => true,
            Read::Resource => !self.named,
            Read::Fact(group, name) => {
                (!self.named && condition::is_text(group, name)) || self.absent(read)
            }
            Read::State(_) => self.absent(read),
        }
    }

    fn absent(&self, read: &Read) -> bool {
        self.present
            .as_ref()
            .is_some_and(|present| !present.contains(&read.to_string()))
    }
}

fn finding_code(code: &str) -> Option<&'static FindingCode> {
    DETECTORS
        .iter()
        .flat_map(|d| d.codes())
        .copied()
        .find(|c| c.code == code)
}
