//! The body of a decision's record: typed, content-free facts always, names unless the content mode
//! says `none`.

use super::body::{Body, BodyError, write_hex, write_int, write_name, write_string};
use super::frame::Kind;
use crate::detectors::DetectorConfig;
use crate::engine::Prepared;
use crate::facts::{FactGroup, FactRef, FactSpec, FactVisitor};
use crate::model::{Action, Decision, FiredRule, Obligation, Principal, RuleKind};
use crate::risk::Dimension;
use crate::state::{write_counter, write_limit};

/// How much of an action's content a record may carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ContentMode {
    /// Names in the record, contents in the vault.
    #[default]
    Full,
    /// Names in the record, of contents only commitments.
    Hashes,
    /// Ids, scores, decisions and times only.
    None,
}

impl ContentMode {
    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Hashes => "hashes",
            Self::None => "none",
        }
    }

    /// The mode of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Full, Self::Hashes, Self::None]
            .into_iter()
            .find(|m| m.name() == name)
    }
}

/// What the caller knows of the record beyond action and decision.
#[derive(Debug, Clone, Copy)]
pub struct RecordMeta<'a> {
    /// The decision's id.
    pub id: &'a str,
    /// When it was decided, RFC 3339.
    pub ts: &'a str,
    /// The id of the key that asked; empty for a local caller.
    pub key: &'a str,
    /// `cooperative`, `mediated` or `supervised`.
    pub assurance: &'a str,
    /// Which content may be carried.
    pub content: ContentMode,
    /// The position in the run, from 1; 0 without a run.
    pub run_seq: u64,
    /// The leaf of the run's previous record.
    pub run_prev: Option<&'a [u8; 32]>,
    /// The approval that was asked for, or that granted the action.
    pub approval: Option<&'a str>,
    /// What asked, in its own words.
    pub source: &'a str,
    /// What the enforcement point decided itself, as finished JSON, when the action is reported after it ran.
    pub reported: Option<&'a str>,
}

/// Texts of one fact that a record keeps.
pub const FACT_ITEMS_MAX: usize = 32;

/// Most records fit in so many bytes; room for them is asked for once.
const RECORD_BYTES_USUAL: usize = 4_096;

/// Writes the body of a decision.
///
/// # Errors
/// When it would exceed the record's limit.
pub fn decision_body(
    meta: &RecordMeta<'_>,
    principal: &Principal,
    action: &Action,
    prepared: &Prepared,
    decision: &Decision,
) -> Result<Vec<u8>, BodyError> {
    let named = meta.content != ContentMode::None;
    let mut body = Body::with_capacity(Kind::Decision, meta.ts, RECORD_BYTES_USUAL);
    body.str("id", meta.id)
        .str("tenant", &principal.tenant)
        .str("agent", &action.agent_id)
        .str("run", &action.run_id)
        .int("run_seq", meta.run_seq)
        .opt_hash("run_prev", meta.run_prev);
    if let Some(step) = action.step {
        body.int("step", step);
    }
    body.str("session", &action.session_id)
        .str("type", action.action_type.name())
        .str("tool", &action.tool)
        .opt_str(
            "resource",
            named.then_some(prepared.facts.resource.name.as_str()),
        )
        .opt_str(
            "asked",
            (named && action.resource != prepared.facts.resource.name)
                .then_some(action.resource.as_str()),
        )
        .opt_hash("action_hash", Some(&prepared.digest.0))
        .str("effect", decision.effect.name())
        .str("decided", decision.decided.name())
        .int("risk", decision.risk.composite)
        .ints("dims", decision.risk.dimensions.iter().map(|d| d.score))
        .written("terms", |out| terms(out, decision))
        .opt_str("floor", decision.risk.floor.map(Dimension::name))
        .written("findings", |out| findings(out, decision))
        .int("vectors", decision.vectors_run.bits());
    if decision.findings.dropped() > 0 {
        body.written("unlisted", |out| unlisted(out, decision));
    }
    body.written("rules", |out| rules(out, &decision.fired))
        .written("shadow", |out| rules(out, &decision.shadow))
        .written("reasons", |out| reasons(out, decision, named));
    if !decision.obligations.is_empty() {
        body.written("obligations", |out| obligations(out, &decision.obligations));
    }
    body.written("facts", |out| facts(out, prepared, named))
        .written("readings", |out| readings(out, decision))
        .opt_hash("program", Some(&decision.program))
        .written("settings", |out| settings(out, decision))
        .str("engine", env!("CARGO_PKG_VERSION"))
        .written("state", |out| prepared.footprint.write_json(out))
        .opt_str("key", (!meta.key.is_empty()).then_some(meta.key))
        .str("assurance", meta.assurance)
        .opt_str(
            "idempotency",
            (!action.idempotency_key.is_empty()).then_some(action.idempotency_key.as_str()),
        )
        .opt_str("approval", meta.approval)
        .opt_str("traceparent", traceparent(action))
        .opt_str("source", (!meta.source.is_empty()).then_some(meta.source));
    if let Some(reported) = meta.reported {
        body.raw("reported", reported);
    }
    body.finish()
}

/// The trace that the caller is in, where its metadata says so in the form of W3C Trace Context
/// (section 3.2): `00-<32 digits>-<16 digits>-<2 digits>`, of which neither id is all zeros. Ids only, so
/// that it stands in every content mode.
fn traceparent(action: &Action) -> Option<&str> {
    let text = action.metadata.get("traceparent")?.as_str()?;
    let mut parts = text.split('-');
    let mut part = |bytes: usize| {
        let part = parts.next()?;
        let digits = part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        (part.len() == bytes && digits).then_some(part)
    };
    let (version, trace, span, _flags) = (part(2)?, part(32)?, part(16)?, part(2)?);
    let set = |id: &str| id.bytes().any(|b| b != b'0');
    (version == "00" && set(trace) && set(span) && parts.next().is_none()).then_some(text)
}

fn list<T>(
    out: &mut String,
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut String, T),
) {
    out.push('[');
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        write(out, item);
    }
    out.push(']');
}

fn terms(out: &mut String, decision: &Decision) {
    list(
        out,
        decision.risk.dimensions.iter().flat_map(|d| d.terms.iter()),
        |out, term| {
            out.push('[');
            write_name(out, term.code);
            out.push(',');
            write_int(out, i64::from(term.points));
            if let Some(value) = term.value {
                out.push(',');
                write_int(out, value);
            }
            out.push(']');
        },
    );
}

fn findings(out: &mut String, decision: &Decision) {
    list(out, decision.findings.items(), |out, finding| {
        out.push('[');
        write_name(out, finding.code.code);
        out.push(',');
        write_int(out, i64::from(finding.confidence));
        out.push(',');
        write_string(out, &finding.path);
        out.push(',');
        write_int(out, i64::from(finding.span.start));
        out.push(',');
        write_int(out, i64::from(finding.span.end));
        out.push(']');
    });
}

/// Findings that are counted but not kept: vector, number, strongest confidence.
fn unlisted(out: &mut String, decision: &Decision) {
    list(
        out,
        decision.findings.unlisted(),
        |out, (vector, count, confidence)| {
            out.push('[');
            write_name(out, vector.name());
            out.push(',');
            write_int(out, i64::from(count));
            out.push(',');
            write_int(out, i64::from(confidence));
            out.push(']');
        },
    );
}

/// What facts, scores and findings were made under: a hash, and the thresholds of the detectors
/// where one is not the usual.
fn settings(out: &mut String, decision: &Decision) {
    out.push_str("[\"");
    write_hex(out, decision.settings.digest);
    out.push('"');
    if decision.settings.thresholds != DetectorConfig::default().threshold {
        out.push(',');
        list(out, decision.settings.thresholds, |out, threshold| {
            write_int(out, i64::from(threshold));
        });
    }
    out.push(']');
}

fn flag(out: &mut String, on: bool) {
    out.push_str(if on { ",1" } else { ",0" });
}

fn rules(out: &mut String, fired: &[FiredRule]) {
    list(out, fired, |out, rule| {
        out.push('[');
        write_string(out, &rule.id);
        out.push_str(match rule.kind {
            RuleKind::Rule => ",\"rule\",\"",
            RuleKind::Mandatory => ",\"mandatory\",\"",
            RuleKind::Profile => ",\"profile\",\"",
            RuleKind::Band => ",\"band\",\"",
            RuleKind::Detector => ",\"detector\",\"",
            RuleKind::System => ",\"system\",\"",
        });
        out.push_str(rule.effect.name());
        out.push('"');
        flag(out, rule.decided);
        flag(out, rule.errored);
        out.push(']');
    });
}

fn reasons(out: &mut String, decision: &Decision, named: bool) {
    list(out, &decision.reasons, |out, reason| {
        out.push('[');
        write_name(out, reason.code);
        if named {
            out.push(',');
            write_string(out, &reason.message);
        }
        out.push(']');
    });
}

/// `["notify","team"]`, `["redact",["$.path",0,4]]`, `["snapshot"]`, `["approve","team",1,60000]`,
/// `["throttle",250]`.
fn obligations(out: &mut String, obligations: &[Obligation]) {
    use core::fmt::Write as _;
    list(out, obligations, |out, obligation| {
        match obligation {
            Obligation::Notify(groups) => {
                out.push_str("[\"notify\"");
                for group in groups {
                    out.push(',');
                    write_string(out, group);
                }
            }
            Obligation::Redact(spans) => {
                out.push_str("[\"redact\"");
                for (path, span) in spans {
                    out.push_str(",[");
                    write_string(out, path);
                    let _ = write!(out, ",{},{}]", span.start, span.end);
                }
            }
            Obligation::Snapshot => out.push_str("[\"snapshot\""),
            Obligation::Approve(approvers) => {
                out.push_str("[\"approve\",");
                write_string(out, &approvers.group);
                let _ = write!(out, ",{},{}", approvers.quorum, approvers.timeout_ms);
            }
            Obligation::Throttle(ms) => {
                let _ = write!(out, "[\"throttle\",{ms}");
            }
        }
        out.push(']');
    });
}

/// Whether a value is left out: absent means neutral, which keeps a record small.
#[inline]
fn neutral(value: FactRef<'_>, named: bool) -> bool {
    match value {
        FactRef::Bool(b) => !b,
        FactRef::Long(n) => n == 0,
        FactRef::String(s) => s.is_empty() || !named,
        FactRef::Strings(s) => s.is_empty() || !named,
    }
}

fn put(out: &mut String, first: bool, spec: &FactSpec, value: FactRef<'_>) {
    if !first {
        out.push(',');
    }
    out.push_str(spec.key);
    match value {
        FactRef::Bool(b) => out.push_str(if b { "true" } else { "false" }),
        FactRef::Long(n) => write_int(out, n),
        FactRef::String(s) => write_string(out, s),
        FactRef::Strings(items) => list(out, items.iter().take(FACT_ITEMS_MAX), |out, item| {
            write_string(out, item);
        }),
    }
}

/// Writes groups of facts; one whose facts are all neutral is left out.
struct FactWriter<'a> {
    out: &'a mut String,
    named: bool,
    /// Where the group begins.
    mark: usize,
    first_group: bool,
    first: bool,
}

impl FactVisitor for FactWriter<'_> {
    fn begin(&mut self, group: FactGroup) {
        self.mark = self.out.len();
        self.out
            .push_str(if self.first_group { "\"" } else { ",\"" });
        self.out.push_str(match group.name() {
            "" => "action",
            name => name,
        });
        self.out.push_str("\":{");
        self.first = true;
    }

    #[inline]
    fn fact(&mut self, spec: &'static FactSpec, value: FactRef<'_>) {
        if !neutral(value, self.named) {
            put(self.out, self.first, spec, value);
            self.first = false;
        }
    }

    fn end(&mut self) {
        if self.first {
            self.out.truncate(self.mark);
        } else {
            self.out.push('}');
            self.first_group = false;
        }
    }
}

fn facts(out: &mut String, prepared: &Prepared, named: bool) {
    out.push('{');
    prepared.facts.visit(&mut FactWriter {
        mark: out.len(),
        out,
        named,
        first_group: true,
        first: true,
    });
    out.push('}');
}

fn readings(out: &mut String, decision: &Decision) {
    out.push('{');
    let mut first = true;
    decision.readings.state.each(|spec, value| {
        if !neutral(value, true) {
            put(out, first, spec, value);
            first = false;
        }
    });
    if !decision.readings.limits.is_empty() {
        if !first {
            out.push(',');
        }
        out.push_str("\"limits\":");
        list(out, &decision.readings.limits, |out, limit| {
            out.push_str("[\"");
            write_hex(out, limit.key);
            out.push_str("\",");
            write_int(out, limit.used);
            flag(out, limit.exceeded);
            out.push(',');
            write_int(out, limit.retry_after_ms);
            out.push(']');
        });
        first = false;
    }
    if !decision.readings.ledger.is_empty() {
        if !first {
            out.push(',');
        }
        out.push_str("\"ledger\":");
        list(out, &decision.readings.ledger, |out, reading| {
            out.push('[');
            write_counter(&reading.key, out);
            out.push_str(",\"");
            out.push_str(reading.verdict.name());
            out.push('"');
            for n in [reading.used.nano_usd, reading.used.calls] {
                out.push(',');
                write_int(out, n);
            }
            write_limit(&reading.limit, out);
            for n in [reading.trickle, reading.retry_after_ms] {
                out.push(',');
                write_int(out, n);
            }
            out.push(']');
        });
    }
    out.push('}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_parent_is_taken_in_its_own_form_only() {
        let given = |text: &str| {
            let json = format!(
                r#"{{"agent_id":"a","action_type":"file_read","metadata":{{"traceparent":"{text}"}}}}"#
            );
            let action = Action::from_json(json.as_bytes()).unwrap();
            traceparent(&action).map(str::to_owned)
        };
        let right = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(given(right).as_deref(), Some(right));
        for wrong in [
            "",
            "00",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
        ] {
            assert_eq!(given(wrong), None, "{wrong}");
        }
    }
}
