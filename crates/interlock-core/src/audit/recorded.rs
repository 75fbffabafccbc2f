//! The body of a decision's record, read back: everything that its policy stage was given.
//!
//! The other side of [`super::record`]. What a record leaves out is neutral if the engine that
//! wrote it knew of it; what it cannot say is listed, never guessed.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, LazyLock};

use crate::audit::record::FACT_ITEMS_MAX;
use crate::detectors::{DETECTORS, DetectorConfig};
use crate::facts::{FactGroup, FactId, Facts};
use crate::model::reason::code;
use crate::model::{
    Action, ActionType, Effect, Finding, FindingCode, Findings, FiredRule, Object, RuleKind, Span,
    UnixNanos, Value, Vector, VectorSet,
};
use crate::program::{Read, Settings, fact_name};
use crate::risk::{Dimension, RiskReport};
use crate::state::{
    Amount, LedgerReading, LedgerVerdict, LimitCharge, LimitReading, Readings, counter_of,
    ledger_limit_of, limit_of,
};

/// Why bytes are not the body of a decision that this version reads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// They are no JSON within the limits of values.
    #[error("the body is not JSON: {0}")]
    Json(String),
    /// They are another kind of entry.
    #[error("the body is not that of a decision")]
    NotADecision,
    /// They are of a later format.
    #[error("the body is of version {0}, this reads version 1")]
    Version(i64),
    /// A member is missing or malformed.
    #[error("`{0}` is missing or malformed")]
    Field(&'static str),
}

/// What was decided, with everything that it was decided from and that the record holds.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The decision's id.
    pub id: String,
    /// When it was decided.
    pub at: UnixNanos,
    /// The tenant.
    pub tenant: Arc<str>,
    /// The action, without its arguments and texts.
    pub action: Action,
    /// What the caller had to do.
    pub effect: Effect,
    /// What was decided before the enforcement point's capabilities were considered.
    pub decided: Effect,
    /// The facts.
    pub facts: Facts,
    /// What the detectors found; what only follows from the rules is left out.
    pub findings: Findings,
    /// The detectors that ran.
    pub vectors: VectorSet,
    /// The detectors that failed.
    pub failed: VectorSet,
    /// The risk: scores without their terms.
    pub risk: RiskReport,
    /// The readings of state.
    pub readings: Readings,
    /// The limits that were asked, each with its answer at the same place in the readings.
    pub charges: Vec<LimitCharge>,
    /// Everything that fired.
    pub fired: Vec<FiredRule>,
    /// The approval that was asked for, or that permitted it; empty without one.
    pub approval: String,
    /// The digest of the program that decided; all zero when it is not there.
    pub program: [u8; 32],
    /// What facts, scores and findings were made under; `None` in records that do not say.
    pub settings: Option<Settings>,
    /// Names are recorded.
    pub named: bool,
    /// The action ran before anybody asked.
    pub reported: bool,
    /// Whether the program's number of findings that have no place may be missing.
    pub findings_cut: bool,
    /// Facts and findings in a form that this version does not know.
    pub unknown: BTreeSet<String>,
    /// Facts of which the record keeps only the first texts.
    pub cut: Vec<FactId>,
    /// Facts and readings that are there, of a record by another engine: absent may mean unknown.
    pub present: Option<BTreeSet<Read>>,
}

static CODES: LazyLock<HashMap<&'static str, &'static FindingCode>> = LazyLock::new(|| {
    DETECTORS
        .iter()
        .flat_map(|d| d.codes().iter().copied().chain([d.failed()]))
        .map(|spec| (spec.code, spec))
        .collect()
});

type Fields = HashMap<&'static str, Value>;

impl Recorded {
    /// Reads a body.
    ///
    /// # Errors
    /// When it is not that of a decision, or lacks what every decision has.
    pub fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        let Value::Object(body) =
            Value::parse(bytes).map_err(|e| DecodeError::Json(e.to_string()))?
        else {
            return Err(DecodeError::NotADecision);
        };
        Self::from_object(body)
    }

    fn from_object(body: Object) -> Result<Self, DecodeError> {
        let mut members = Members::default();
        for (key, value) in body {
            members.put(&key, value);
        }
        if members.text("kind") != "decision" {
            return Err(DecodeError::NotADecision);
        }
        match members.number("v") {
            Some(1) => {}
            Some(other) => return Err(DecodeError::Version(other)),
            None => return Err(DecodeError::Field("v")),
        }
        let effect = |name: &'static str, text: String| {
            Effect::from_name(&text).ok_or(DecodeError::Field(name))
        };
        let state = members.0.remove("state").unwrap_or_default();
        let at = match state.get("at").and_then(Value::as_i64) {
            Some(at) => at,
            None => instant(&members.text("ts")).ok_or(DecodeError::Field("ts"))?,
        };
        let action_type = ActionType::parse(&members.text("type"));
        let mut action = Action::new(
            members.take_text("agent"),
            action_type.map_err(|_| DecodeError::Field("type"))?,
        );
        let named = members.0.contains_key("resource");
        let resource = members.take_text("resource");
        action.resource = match members.0.remove("asked") {
            Some(Value::String(asked)) => asked,
            _ => resource,
        };
        action.tool = members.take_text("tool");
        action.run_id = members.take_text("run");
        action.session_id = members.take_text("session");
        action.step = members.number("step");
        action.cost_nano_usd = state
            .get("cost_nano_usd")
            .and_then(Value::as_i64)
            .unwrap_or(0);
        let engine = members.take_text("engine");
        let mut recorded = Self {
            id: members.take_text("id"),
            at,
            tenant: Arc::from(members.take_text("tenant")),
            action,
            effect: effect("effect", members.take_text("effect"))?,
            decided: effect("decided", members.take_text("decided"))?,
            facts: Facts::default(),
            findings: Findings::default(),
            vectors: VectorSet::from_bits(
                members
                    .number("vectors")
                    .and_then(|n| u16::try_from(n).ok())
                    .ok_or(DecodeError::Field("vectors"))?,
            ),
            failed: VectorSet::default(),
            risk: RiskReport::default(),
            readings: Readings::default(),
            charges: Vec::new(),
            fired: Vec::new(),
            approval: members.take_text("approval"),
            program: hash(&members.text("program")).unwrap_or_default(),
            settings: None,
            named,
            reported: members.0.contains_key("reported"),
            findings_cut: false,
            unknown: BTreeSet::new(),
            cut: Vec::new(),
            // What the record leaves out is neutral, if the engine that wrote it knew it.
            present: (engine != env!("CARGO_PKG_VERSION")).then(BTreeSet::new),
        };
        if let Some(settings) = members.0.remove("settings") {
            recorded.settings =
                Some(read_settings(&settings).ok_or(DecodeError::Field("settings"))?);
        }
        recorded.read_facts(members.object("facts")?);
        recorded.read_readings(members.object("readings")?, &state)?;
        recorded.read_risk(&members)?;
        recorded.read_findings(&members)?;
        recorded.read_rules(&members)?;
        let can = &mut recorded.action.capabilities;
        can.sandbox = recorded.facts.action.can_sandbox;
        can.redact = recorded.facts.action.can_redact;
        can.wait = recorded.facts.action.can_wait;
        recorded
            .facts
            .action
            .environment
            .clone_into(&mut recorded.action.environment.name);
        Ok(recorded)
    }

    fn read_facts(&mut self, facts: Object) {
        for (name, fields) in facts {
            let wanted = if name == "action" { "" } else { name.as_str() };
            let group = FactGroup::ALL.iter().copied().find(|g| g.name() == wanted);
            let (Some(group), Value::Object(fields)) = (group, fields) else {
                self.unknown.insert(format!("facts.{name}"));
                continue;
            };
            for (fact, value) in fields.iter() {
                let cut = value
                    .as_array()
                    .is_some_and(|items| items.len() >= FACT_ITEMS_MAX);
                if !self.facts.set(group, fact, value) {
                    self.unknown.insert(format!("facts.{name}.{fact}"));
                } else if (cut || self.present.is_some())
                    && let Some(id) = FactId::find(group.name(), fact)
                {
                    if cut {
                        self.cut.push(id);
                    }
                    if let Some(present) = &mut self.present {
                        present.insert(Read::Fact(fact_name(id)));
                    }
                }
            }
        }
    }

    fn read_readings(&mut self, readings: Object, state: &Value) -> Result<(), DecodeError> {
        const LIMITS: DecodeError = DecodeError::Field("readings.limits");
        for (name, value) in readings.iter() {
            if name == "ledger" {
                const LEDGER: DecodeError = DecodeError::Field("readings.ledger");
                for reading in value.as_array().ok_or(LEDGER)? {
                    let reading = ledger_reading(reading).ok_or(LEDGER)?;
                    self.readings.ledger.push(reading);
                }
                continue;
            }
            if name != "limits" {
                if !self.readings.state.set(name, value) {
                    self.unknown.insert(format!("state.{name}"));
                } else if let Some(present) = &mut self.present {
                    present.insert(Read::State(format!("state.{name}")));
                }
                continue;
            }
            for limit in value.as_array().ok_or(LIMITS)? {
                let Some([key, used, exceeded, retry]) = limit.as_array() else {
                    return Err(LIMITS);
                };
                self.readings.limits.push(LimitReading {
                    key: key.as_str().and_then(number_of_hex).ok_or(LIMITS)?,
                    used: used.as_i64().ok_or(LIMITS)?,
                    exceeded: exceeded.as_i64() == Some(1),
                    retry_after_ms: retry.as_i64().unwrap_or(0),
                });
            }
        }
        const STATE: DecodeError = DecodeError::Field("state.limits");
        let limits = state.get("limits").and_then(Value::as_array);
        for charge in limits.unwrap_or_default() {
            self.charges.push(limit_of(charge).ok_or(STATE)?);
        }
        Ok(())
    }

    fn read_risk(&mut self, members: &Members) -> Result<(), DecodeError> {
        let score = |value: &Value| {
            value
                .as_i64()
                .and_then(|n| u8::try_from(n).ok())
                .filter(|n| *n <= 100)
        };
        let composite = members.0.get("risk").and_then(score);
        self.risk.composite = composite.ok_or(DecodeError::Field("risk"))?;
        let dims = members.items("dims");
        if dims.len() != self.risk.dimensions.len() {
            return Err(DecodeError::Field("dims"));
        }
        for (dimension, value) in self.risk.dimensions.iter_mut().zip(dims) {
            dimension.score = score(value).ok_or(DecodeError::Field("dims"))?;
        }
        let floor = members.text("floor");
        self.risk.floor = Dimension::ALL.into_iter().find(|d| d.name() == floor);
        Ok(())
    }

    fn read_findings(&mut self, members: &Members) -> Result<(), DecodeError> {
        const FINDINGS: DecodeError = DecodeError::Field("findings");
        let small = |value: &Value| value.as_i64().and_then(|n| u8::try_from(n).ok());
        let at = |value: &Value| value.as_i64().and_then(|n| u32::try_from(n).ok());
        let items = members.items("findings");
        for finding in items {
            let Some([code, confidence, path, start, end]) = finding.as_array() else {
                return Err(FINDINGS);
            };
            let code = code.as_str().ok_or(FINDINGS)?;
            let Some(spec) = CODES.get(code) else {
                self.unknown.insert(code.to_owned());
                continue;
            };
            // It follows from the rules that fired, and is no input of them.
            if spec.vector == Vector::PolicyViolation {
                continue;
            }
            self.findings.push(Finding {
                code: spec,
                confidence: small(confidence).ok_or(FINDINGS)?,
                path: path.as_str().ok_or(FINDINGS)?.to_owned().into(),
                span: Span {
                    start: at(start).ok_or(FINDINGS)?,
                    end: at(end).ok_or(FINDINGS)?,
                },
            });
        }
        const UNLISTED: DecodeError = DecodeError::Field("unlisted");
        for item in members.items("unlisted") {
            let Some([vector, count, confidence]) = item.as_array() else {
                return Err(UNLISTED);
            };
            let vector = vector
                .as_str()
                .and_then(Vector::from_name)
                .ok_or(UNLISTED)?;
            // Which one had no place is not known of what follows from the rules.
            if vector != Vector::PolicyViolation {
                let count = at(count).ok_or(UNLISTED)?;
                self.findings
                    .count_many(vector, count, small(confidence).ok_or(UNLISTED)?);
            }
        }
        // Records before `settings` do not say what was only counted.
        self.findings_cut =
            self.settings.is_none() && items.len() >= crate::model::limits::FINDINGS_MAX;
        Ok(())
    }

    fn read_rules(&mut self, members: &Members) -> Result<(), DecodeError> {
        const RULES: DecodeError = DecodeError::Field("rules");
        for rule in members.items("rules") {
            let Some([id, kind, effect, decided, errored]) = rule.as_array() else {
                return Err(RULES);
            };
            let kind = match kind.as_str() {
                Some("rule") => RuleKind::Rule,
                Some("mandatory") => RuleKind::Mandatory,
                Some("profile") => RuleKind::Profile,
                Some("band") => RuleKind::Band,
                Some("detector") => RuleKind::Detector,
                Some("system") => RuleKind::System,
                _ => return Err(RULES),
            };
            self.fired.push(FiredRule {
                id: Arc::from(id.as_str().ok_or(RULES)?),
                kind,
                effect: effect.as_str().and_then(Effect::from_name).ok_or(RULES)?,
                decided: decided.as_i64() == Some(1),
                errored: errored.as_i64() == Some(1),
            });
        }
        let failed = |rule: &FiredRule| {
            rule.kind == RuleKind::System
                && (&*rule.id == code::DETECTOR_PANIC || &*rule.id == "engine")
        };
        if self.fired.iter().any(failed) {
            // Which detector failed is told by its finding; without one, all count as failed.
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
        Ok(())
    }
}

/// The members that are read, by name.
#[derive(Default)]
struct Members(Fields);

/// What is read of a body; the rest is for people or for the chain.
const NAMES: &[&str] = &[
    "v", "ts", "kind", "id", "tenant", "agent", "run", "step", "session", "type", "tool",
    "resource", "asked", "effect", "decided", "risk", "dims", "floor", "findings", "unlisted",
    "vectors", "rules", "facts", "readings", "program", "settings", "engine", "state", "approval",
    "reported",
];

impl Members {
    fn put(&mut self, key: &str, value: Value) {
        if let Some(name) = NAMES.iter().find(|name| **name == key) {
            self.0.insert(name, value);
        }
    }

    fn text(&self, key: &str) -> String {
        let value = self.0.get(key).and_then(Value::as_str);
        value.unwrap_or_default().to_owned()
    }

    fn take_text(&mut self, key: &str) -> String {
        match self.0.remove(key) {
            Some(Value::String(text)) => text,
            _ => String::new(),
        }
    }

    fn number(&self, key: &str) -> Option<i64> {
        self.0.get(key)?.as_i64()
    }

    fn items(&self, key: &str) -> &[Value] {
        self.0
            .get(key)
            .and_then(Value::as_array)
            .unwrap_or_default()
    }

    fn object(&mut self, key: &'static str) -> Result<Object, DecodeError> {
        match self.0.remove(key) {
            Some(Value::Object(object)) => Ok(object),
            _ => Err(DecodeError::Field(key)),
        }
    }
}

/// Nanoseconds since the epoch of an RFC 3339 time.
fn instant(text: &str) -> Option<UnixNanos> {
    let at: jiff::Timestamp = text.parse().ok()?;
    i64::try_from(at.as_nanosecond()).ok()
}

fn number_of_hex(text: &str) -> Option<u64> {
    (text.len() == 16)
        .then(|| u64::from_str_radix(text, 16).ok())
        .flatten()
}

fn hash(text: &str) -> Option<[u8; 32]> {
    super::unhex(text)?.try_into().ok()
}

fn read_settings(value: &Value) -> Option<Settings> {
    let (digest, rest) = value.as_array()?.split_first()?;
    let mut thresholds = DetectorConfig::default().threshold;
    if let Some(list) = rest.first() {
        let list = list.as_array()?;
        if list.len() != thresholds.len() {
            return None;
        }
        for (slot, item) in thresholds.iter_mut().zip(list) {
            *slot = u8::try_from(item.as_i64()?).ok()?;
        }
    }
    Some(Settings {
        digest: number_of_hex(digest.as_str()?)?,
        thresholds,
    })
}

/// The answer of a budget of the ledger, as a record has it.
///
/// Public for readers of records in other crates.
#[must_use]
pub fn ledger_reading(value: &Value) -> Option<LedgerReading> {
    let [
        budget,
        subject,
        period,
        verdict,
        nano,
        calls,
        max_nano,
        max_calls,
        trickle,
        retry,
    ] = value.as_array()?
    else {
        return None;
    };
    Some(LedgerReading {
        key: counter_of(budget, subject, period)?,
        verdict: LedgerVerdict::from_name(verdict.as_str()?)?,
        used: Amount {
            nano_usd: nano.as_i64()?,
            calls: calls.as_i64()?,
        },
        limit: ledger_limit_of(max_nano, max_calls)?,
        trickle: trickle.as_i64()?,
        retry_after_ms: retry.as_i64()?,
    })
}
