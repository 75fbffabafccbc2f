//! How the model crosses between processes.
//!
//! The readings of state behind a decision stay with the owner: nobody acts on them outside of the
//! decision, and the record has them. Of limits the answers cross.

use std::borrow::Cow;
use std::fmt::Write as _;

use interlock_core::approval::{
    Approval, Claim, Grant, Request, Resolution, ResolvedBy, State, Vote,
};
use interlock_core::model::{
    Action, ActionDigest, ActionError, Approvers, Decision, Effect, Finding, FindingCode, Findings,
    FiredRule, Object, Obligation, Outcome, OutcomeStatus, Principal, Reason, Role, RuleKind, Span,
    Value, Vector, VectorSet, limits,
};
use interlock_core::program::Settings;
use interlock_core::program::glob::Glob;
use interlock_core::program::rule::{Profile, ProfileBudget};
use interlock_core::risk::{Dimension, DimensionScore, RiskReport, Term, Terms};
use interlock_core::state::{LimitReading, Readings};
use interlock_store::{ApprovalRequest, ApprovalRow};

use super::wire::{Input, Malformed, Wire, named, put_text, structure, variants};
use crate::check::{CheckOptions, Checked, Claimed};
use crate::floor::{Asks, Floor, RiskFloor};
use crate::outcome::OutcomeReply;
use crate::recorded;

named!(Effect);
named!(Role);
named!(State);
named!(OutcomeStatus);

structure!(Principal {
    tenant,
    agent,
    environment,
    role,
    elevated
});
structure!(CheckOptions {
    key_id,
    reported,
    open,
    without_server,
    floor
});
structure!(Floor {
    profile,
    risk,
    asks
});
structure!(RiskFloor { from, effect });
structure!(Asks { effect, why });
structure!(Profile {
    allowed_actions,
    allowed_resources,
    blocked_resources,
    actions_per_minute,
    risk_max,
    budget,
});
structure!(ProfileBudget {
    day_nano_usd,
    month_nano_usd
});
structure!(Claimed {
    decision,
    risk_milli
});
structure!(Checked {
    id,
    at,
    agent_id,
    action_type,
    resource,
    decision,
    seq,
    leaf,
    approval_id,
    replayed,
});
structure!(Reason { code, message });
structure!(FiredRule {
    id,
    kind,
    effect,
    decided,
    errored
});
structure!(Approvers {
    group,
    quorum,
    timeout_ms
});
structure!(Span { start, end });
structure!(Finding {
    code,
    confidence,
    path,
    span
});
structure!(Term {
    code,
    text,
    points,
    value
});
structure!(DimensionScore { score, terms });
structure!(RiskReport {
    dimensions,
    composite,
    floor
});
structure!(LimitReading {
    key,
    used,
    exceeded,
    retry_after_ms
});
structure!(Decision {
    effect,
    decided,
    reasons,
    risk,
    findings,
    vectors_run,
    fired,
    shadow,
    obligations,
    approvals,
    readings,
    program,
    settings,
});
structure!(Settings { digest, thresholds });
structure!(Outcome {
    status,
    latency_ms,
    cost_nano_usd,
    result_bytes,
    rows,
    result
});
structure!(OutcomeReply {
    findings,
    tainted,
    seq
});
structure!(ApprovalRow { asked, approval });
structure!(ApprovalRequest {
    id,
    request,
    agent_id,
    session_id,
    run_id,
    step,
    action_type,
    resource,
    tool,
    group,
    risk,
    reason,
    detail,
});
structure!(Approval {
    request,
    requested_at,
    state,
    version,
    votes,
    grant,
    claim,
    resolution,
    changed_at,
});
structure!(Request {
    digest,
    policy_rev,
    excluded,
    quorum,
    expires_at,
    grant_ttl_ns
});
structure!(Vote {
    approver,
    approves,
    digest,
    reason,
    at
});
structure!(Grant {
    digest,
    policy_rev,
    expires_at,
    uses
});
structure!(Claim {
    fence,
    policy_rev,
    at,
    lease_until
});
structure!(Resolution { happened, by, at });
structure!(ActionError {
    field,
    code,
    message
});

variants!(RuleKind { 0 => Rule, 1 => Mandatory, 2 => Profile, 3 => Band, 4 => Detector, 5 => System });
variants!(Obligation {
    0 => Notify(groups), 1 => Redact(spans), 2 => Snapshot, 3 => Approve(approvers), 4 => Throttle(ms),
});
variants!(ResolvedBy { 0 => Retry, 1 => Probe, 2 => Person(name) });

impl Wire for ActionDigest {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
    }

    fn get(input: &mut Input<'_>) -> Result<Self, Malformed> {
        Wire::get(input).map(Self)
    }
}

impl Wire for Glob {
    fn put(&self, out: &mut Vec<u8>) {
        put_text(self.pattern(), out);
    }

    fn get(input: &mut Input<'_>) -> Result<Self, Malformed> {
        String::get(input).map(|pattern| Self::new(&pattern))
    }
}

impl Wire for std::sync::Arc<Floor> {
    fn put(&self, out: &mut Vec<u8>) {
        (**self).put(out);
    }

    fn get(input: &mut Input<'_>) -> Result<Self, Malformed> {
        Floor::get(input).map(Self::new)
    }
}

impl Wire for std::sync::Arc<Decision> {
    fn put(&self, out: &mut Vec<u8>) {
        (**self).put(out);
    }

    fn get(input: &mut Input<'_>) -> Result<Self, Malformed> {
        Decision::get(input).map(Self::new)
    }
}

impl Wire for &'static FindingCode {
    fn put(&self, out: &mut Vec<u8>) {
        put_text(self.code, out);
    }

    fn get(input: &mut Input<'_>) -> Result<Self, Malformed> {
        recorded::finding_code(&String::get(input)?).ok_or(Malformed("unknown finding"))
    }
}

impl Wire for Cow<'static, str> {
    fn put(&self, out: &mut Vec<u8>) {
        put_text(self, out);
    }

    fn get(input: &mut Input<'_>) -> Result<Self, Malformed> {
        String::get(input).map(Cow::Owned)
    }
}

impl Wire for Dimension {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(*self as u8);
    }

    fn get(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let index = usize::from(u8::get(input)?);
        let dimension = Self::ALL.get(index).copied();
        dimension.ok_or(Malformed("unknown dimension"))
    }
}

impl Wire for VectorSet {
    fn put(&self, out: &mut Vec<u8>) {
        self.bits().put(out);
    }

    fn get(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let bits = u16::get(input)?;
        let set: Self = (0u8..)
            .zip(Vector::ALL)
            .filter(|(bit, _)| bits >> bit & 1 == 1)
            .map(|(_, vector)| vector)
            .collect();
        if set.bits() == bits {
            Ok(set)
        } else {
            Err(Malformed("unknown vector"))
        }
    }
}

/// The findings that are kept; how many more there were does not cross.
impl Wire for Findings {
    fn put(&self, out: &mut Vec<u8>) {
        let count = u16::try_from(self.items().len()).unwrap_or(u16::MAX);
        count.put(out);
        for finding in self.items().iter().take(usize::from(count)) {
            finding.put(out);
        }
    }

    fn get(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let count = u16::get(input)?;
        if usize::from(count) > limits::FINDINGS_MAX {
            return Err(Malformed("too many findings"));
        }
        let mut findings = Self::default();
        for _ in 0..count {
            findings.push(Finding::get(input)?);
        }
        Ok(findings)
    }
}

impl Wire for Terms {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::try_from(self.len()).unwrap_or(u8::MAX));
        for term in self {
            term.put(out);
        }
    }

    fn get(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let count = u8::get(input)?;
        if usize::from(count) > interlock_core::risk::TERMS_MAX {
            return Err(Malformed("too many terms"));
        }
        let mut terms = Self::default();
        for _ in 0..count {
            terms.push(Term::get(input)?);
        }
        Ok(terms)
    }
}

impl Wire for [DimensionScore; 7] {
    fn put(&self, out: &mut Vec<u8>) {
        for score in self {
            score.put(out);
        }
    }

    fn get(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let mut scores = Self::default();
        for score in &mut scores {
            *score = Wire::get(input)?;
        }
        Ok(scores)
    }
}

impl Wire for Readings {
    fn put(&self, out: &mut Vec<u8>) {
        self.limits.put(out);
    }

    fn get(input: &mut Input<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            limits: Wire::get(input)?,
            ..Self::default()
        })
    }
}

/// Fields of an action's wire form that have a meaning of their own; any other name is kept as it
/// is at the top.
const KNOWN: &[&str] = &[
    "agent_id",
    "action_type",
    "resource",
    "tool",
    "arguments",
    "payload",
    "run_id",
    "session_id",
    "idempotency_key",
    "step",
    "user",
    "environment",
    "context",
    "observed",
    "capabilities",
    "cost_usd",
    "timestamp",
    "metadata",
];

fn object(fields: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let mut object = Object::new();
    for (name, value) in fields {
        object.insert(name, value);
    }
    Value::Object(object)
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

fn texts<'a>(items: impl IntoIterator<Item = &'a str>) -> Value {
    Value::Array(items.into_iter().map(text).collect())
}

/// An action in its wire form. The owner reads it with the same limits as any other, so that
/// nothing that it would refuse gets in this way.
pub(crate) fn action_json(action: &Action) -> String {
    let mut out = String::with_capacity(512);
    let mut first = true;
    let mut field = |name: &str, value: &Value| {
        out.push(if first { '{' } else { ',' });
        first = false;
        // Names are constants, or keys of metadata that were read from JSON.
        interlock_core::model::write_json_string(name, &mut out);
        out.push(':');
        value.write_json(&mut out);
    };
    field("agent_id", &text(&action.agent_id));
    field("action_type", &text(action.action_type.name()));
    for (name, value) in [
        ("resource", &action.resource),
        ("tool", &action.tool),
        ("run_id", &action.run_id),
        ("session_id", &action.session_id),
        ("idempotency_key", &action.idempotency_key),
    ] {
        if !value.is_empty() {
            field(name, &text(value));
        }
    }
    for (name, value) in [
        ("arguments", &action.arguments),
        ("payload", &action.payload),
    ] {
        if !value.is_null() {
            field(name, value);
        }
    }
    if let Some(step) = action.step {
        field("step", &integer(step));
    }
    let user = &action.user;
    if *user != Default::default() {
        let fields = [
            ("id", text(&user.id)),
            ("roles", texts(user.roles.iter().map(String::as_str))),
            ("ip", text(&user.ip)),
        ];
        field("user", &object(fields));
    }
    let environment = &action.environment;
    if *environment != Default::default() {
        let fields = [
            ("name", text(&environment.name)),
            ("region", text(&environment.region)),
            ("network", text(&environment.network)),
        ];
        field("environment", &object(fields));
    }
    if !action.context.is_empty() {
        field("context", &Value::Object(action.context.clone()));
    }
    let observed = &action.observed;
    if *observed != Default::default() {
        let path = [
            (
                "resolved",
                observed.path_resolved.as_deref().map_or(Value::Null, text),
            ),
            ("bytes", observed.bytes.map_or(Value::Null, integer)),
        ];
        let fields = [
            ("path", object(path)),
            ("rows", observed.rows.map_or(Value::Null, integer)),
            (
                "addresses",
                texts(observed.addresses.iter().map(String::as_str)),
            ),
        ];
        field("observed", &object(fields));
    }
    let can = action.capabilities;
    let can = [
        ("redact", can.redact),
        ("sandbox", can.sandbox),
        ("wait", can.wait),
        ("undo", can.undo),
    ];
    field(
        "capabilities",
        &texts(can.iter().filter(|(_, on)| *on).map(|(name, _)| *name)),
    );
    if action.cost_nano_usd != 0 {
        field("cost_usd", &text(&dollars(action.cost_nano_usd)));
    }
    if let Some(at) = action.timestamp
        && let Ok(at) = jiff::Timestamp::from_nanosecond(i128::from(at))
    {
        field("timestamp", &text(&at.to_string()));
    }
    // In their order. At the top where they can be, so that what was nested as deep as may be is
    // not nested deeper here.
    if action
        .metadata
        .iter()
        .any(|(name, _)| KNOWN.contains(&name))
    {
        field("metadata", &Value::Object(action.metadata.clone()));
    } else {
        for (name, value) in action.metadata.iter() {
            field(name, value);
        }
    }
    out.push('}');
    out
}

fn integer(n: i64) -> Value {
    Value::parse(n.to_string().as_bytes()).unwrap_or_default()
}

/// Billionths of a dollar as a decimal.
fn dollars(nano: i64) -> String {
    let mut out = String::new();
    if nano < 0 {
        out.push('-');
    }
    let nano = nano.unsigned_abs();
    // Writing to a string does not fail.
    let _ = write!(out, "{}.{:09}", nano / 1_000_000_000, nano % 1_000_000_000);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str) {
        let action = Action::from_json(json.as_bytes()).unwrap();
        let crossed = action_json(&action);
        let again = Action::from_json(crossed.as_bytes())
            .unwrap_or_else(|e| panic!("{e}\n{json}\n{crossed}"));
        assert_eq!(again, action, "{crossed}");
    }

    #[test]
    fn an_action_crosses_as_it_is() {
        check(r#"{"agent_id":"a","action_type":"payment"}"#);
        check(
            r#"{"agent_id":"a","action_type":"x.custom","resource":"r","tool":"t","run_id":"u",
                "session_id":"s","idempotency_key":"k","step":0,"arguments":{"n":1.50,"q":"\"\u0001é"},
                "payload":[1e400,null,true],"user":{"id":"u","roles":["a","b"],"ip":"::1","tz":"UTC"},
                "environment":{"name":"production","region":"eu","network":"internet","zone":7},
                "context":{"prompt":"x"},"capabilities":[],"cost_usd":"0.000000001",
                "observed":{"path":{"resolved":"/a","bytes":9},"rows":3,"addresses":["::1"],"more":1},
                "timestamp":"2026-11-21T03:00:00.000000001Z",
                "metadata":{"agent_id":"other","deep":{"a":[1]}},"unknown":{"b":"c"}}"#,
        );
        check(r#"{"agent_id":"a","action_type":"x","cost_usd":12.5,"capabilities":["redact"]}"#);
        check(
            r#"{"agent_id":"a","action_type":"x","environment":"staging","observed":{"rows":0}}"#,
        );
        let deep = format!(
            r#"{{"agent_id":"a","action_type":"x","own":{}1{}}}"#,
            "[".repeat(limits::JSON_DEPTH_MAX - 1),
            "]".repeat(limits::JSON_DEPTH_MAX - 1)
        );
        check(&deep);
    }

    #[test]
    fn money_is_written_as_a_decimal() {
        assert_eq!(dollars(1), "0.000000001");
        assert_eq!(dollars(-1_500_000_000), "-1.500000000");
        assert_eq!(dollars(i64::MAX), "9223372036.854775807");
    }
}
