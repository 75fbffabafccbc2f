//! The `tests` of a bundle and what runs them.

use std::collections::BTreeMap;
use std::ops::Range;

use interlock_core::model::{Action, Effect, UnixNanos, Value, Vector};
use interlock_core::risk::Dimension;
use interlock_core::state::StateFacts;

use crate::diagnostic::{Diagnostic, Reports, Severity, SourceText, nearest};
use crate::document::{Entry, Kind, Node};
use crate::rule_document::{read_effect, read_instant};

/// A value that a test sets in the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given {
    /// A boolean.
    Bool(bool),
    /// An integer.
    Long(i64),
}

/// One test of a bundle: an action, what is given besides, and what must come of it.
#[derive(Debug, Clone, PartialEq)]
pub struct TestCase {
    /// What it shows.
    pub name: String,
    /// `file:line`.
    pub origin: String,
    /// The action.
    pub action: Action,
    /// The clock; `None`: Wednesday 2026-01-14 10:00 UTC.
    pub now: Option<UnixNanos>,
    /// The composite risk, where the test sets it.
    pub composite: Option<u8>,
    /// Scores of dimensions, where the test sets them.
    pub risk: BTreeMap<Dimension, u8>,
    /// Confidences of findings, where the test sets them.
    pub findings: BTreeMap<Vector, u8>,
    /// Readings of the state, by their name.
    pub state: BTreeMap<String, Given>,
    /// Rules whose limits are exceeded; those of all others are not.
    pub exceeded: Vec<String>,
    /// Whether the agent's identity is proven by its credential; it is, unless a test says else.
    pub authenticated: bool,
    /// What must come of it.
    pub expect: Expectation,
}

/// What a test expects.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Expectation {
    /// The effect.
    pub effect: Option<Effect>,
    /// Rules that must fire.
    pub fires: Vec<String>,
    /// Rules that must not fire.
    pub silent: Vec<String>,
}

/// What an evaluator answered to a test.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verdict {
    /// The effect.
    pub effect: Effect,
    /// The ids of all fired rules, shadow rules included.
    pub fired: Vec<String>,
}

/// Decides the action of a test.
pub trait Evaluate {
    /// # Errors
    /// Why the action could not be decided.
    fn decide(&self, case: &TestCase) -> Result<Verdict, String>;
}

/// A test that did not come out as expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestFailure {
    /// The test's name.
    pub name: String,
    /// `file:line`.
    pub origin: String,
    /// What was expected and what came.
    pub message: String,
}

/// Runs tests and returns those that failed.
pub fn run_tests(cases: &[TestCase], evaluator: &dyn Evaluate) -> Vec<TestFailure> {
    let mut failures = Vec::new();
    for case in cases {
        if let Some(message) = failure(case, evaluator) {
            failures.push(TestFailure {
                name: case.name.clone(),
                origin: case.origin.clone(),
                message,
            });
        }
    }
    failures
}

fn failure(case: &TestCase, evaluator: &dyn Evaluate) -> Option<String> {
    let verdict = match evaluator.decide(case) {
        Ok(verdict) => verdict,
        Err(e) => return Some(format!("could not be decided: {e}")),
    };
    let fired = || {
        if verdict.fired.is_empty() {
            "nothing".to_owned()
        } else {
            format!("`{}`", verdict.fired.join("`, `"))
        }
    };
    if let Some(effect) = case.expect.effect
        && effect != verdict.effect
    {
        return Some(format!(
            "expected `{effect}`, got `{}`; fired: {}",
            verdict.effect,
            fired()
        ));
    }
    for id in &case.expect.fires {
        if !verdict.fired.contains(id) {
            return Some(format!("expected rule `{id}` to fire; fired: {}", fired()));
        }
    }
    for id in &case.expect.silent {
        if verdict.fired.contains(id) {
            return Some(format!("expected rule `{id}` to stay silent, it fired"));
        }
    }
    None
}

/// A test with the places of the rule ids it names.
#[derive(Debug, Clone)]
pub(crate) struct LocatedTest {
    pub(crate) case: TestCase,
    pub(crate) source: usize,
    pub(crate) rules: Vec<(String, Range<usize>)>,
}

pub(crate) fn read(node: &Node, source: usize, reports: &mut Reports<'_>) -> Option<LocatedTest> {
    let fields = node.fields(reports, "a test", &["name", "action", "given", "expect"]);
    let name = fields.get("name").and_then(|n| n.text(reports, "`name`"));
    let (Some(name), Some(action_node), Some(expect_node)) =
        (name, fields.get("action"), fields.get("expect"))
    else {
        let span = node.first_line(reports);
        reports.error(
            "policy.missing-field",
            span,
            "a test needs `name`, `action` and `expect`",
        );
        return None;
    };
    let mut value = action_node.to_value();
    if let Value::Object(object) = &mut value
        && object.get("agent_id").is_none()
    {
        object.insert("agent_id", Value::from("test-agent"));
    }
    let action = match Action::from_value(value) {
        Ok(action) => Some(action),
        Err(e) => {
            let span = action_node.first_line(reports);
            reports.error("policy.wrong-value", span, format!("the action's {e}"));
            None
        }
    };
    let mut case = TestCase {
        name: name.to_owned(),
        origin: reports.source.origin(node.span.start),
        action: action?,
        now: None,
        composite: None,
        risk: BTreeMap::new(),
        findings: BTreeMap::new(),
        state: BTreeMap::new(),
        exceeded: Vec::new(),
        authenticated: true,
        expect: Expectation::default(),
    };
    let mut rules = Vec::new();
    if let Some(given) = fields.get("given") {
        read_given(given, &mut case, &mut rules, reports);
    }
    let expect = expect_node.fields(reports, "`expect`", &["effect", "rule", "silent"]);
    case.expect.effect = expect
        .get("effect")
        .and_then(|e| read_effect(e, reports, "`effect`"));
    for (key, list) in [
        ("rule", &mut case.expect.fires),
        ("silent", &mut case.expect.silent),
    ] {
        if let Some(node) = expect.get(key) {
            for (id, span) in node.texts(reports, &format!("`{key}`")) {
                list.push(id.to_owned());
                rules.push((id.to_owned(), span));
            }
        }
    }
    if case.expect == Expectation::default() {
        let span = expect_node.first_line(reports);
        reports.error(
            "policy.missing-field",
            span,
            "`expect` names neither `effect` nor `rule` nor `silent`",
        );
    }
    Some(LocatedTest {
        case,
        source,
        rules,
    })
}

fn read_given(
    node: &Node,
    case: &mut TestCase,
    rules: &mut Vec<(String, Range<usize>)>,
    reports: &mut Reports<'_>,
) {
    let fields = node.fields(
        reports,
        "`given`",
        &[
            "now",
            "risk",
            "findings",
            "state",
            "exceeded",
            "authenticated",
        ],
    );
    case.now = fields
        .get("now")
        .and_then(|n| read_instant(n, "`now`", reports));
    if let Some(authenticated) = fields.get("authenticated")
        && let Some(value) = authenticated.boolean(reports, "`authenticated`")
    {
        case.authenticated = value;
    }
    if let Some(exceeded) = fields.get("exceeded") {
        for (id, span) in exceeded.texts(reports, "`exceeded`") {
            case.exceeded.push(id.to_owned());
            rules.push((id.to_owned(), span));
        }
    }
    let score = |entry: &Entry, reports: &mut Reports<'_>| {
        entry
            .value
            .integer(reports, &format!("`{}`", entry.key), 0..=100)
            .and_then(|n| u8::try_from(n).ok())
    };
    if let Some(risk) = fields.get("risk") {
        for entry in risk.entries(reports, "`risk`") {
            let Some(score) = score(entry, reports) else {
                continue;
            };
            if entry.key == "composite" {
                case.composite = Some(score);
            } else if let Some(dimension) =
                Dimension::ALL.into_iter().find(|d| d.name() == entry.key)
            {
                case.risk.insert(dimension, score);
            } else {
                unknown(
                    entry,
                    "dimension of risk",
                    Dimension::ALL.map(Dimension::name),
                    reports,
                );
            }
        }
    }
    if let Some(findings) = fields.get("findings") {
        for entry in findings.entries(reports, "`findings`") {
            let Some(score) = score(entry, reports) else {
                continue;
            };
            match Vector::from_name(&entry.key) {
                Some(vector) => {
                    case.findings.insert(vector, score);
                }
                None => unknown(
                    entry,
                    "threat vector",
                    Vector::ALL.map(Vector::name),
                    reports,
                ),
            }
        }
    }
    if let Some(state) = fields.get("state") {
        for entry in state.entries(reports, "`state`") {
            read_state(entry, case, reports);
        }
    }
}

fn read_state(entry: &Entry, case: &mut TestCase, reports: &mut Reports<'_>) {
    use interlock_core::facts::FactType;
    let Some(spec) = StateFacts::SPECS.iter().find(|s| s.name == entry.key) else {
        let names = StateFacts::SPECS.iter().map(|s| s.name);
        unknown(entry, "state", names, reports);
        return;
    };
    let given = match (spec.kind, &entry.value.kind) {
        (FactType::Bool, Kind::Bool(b)) => Some(Given::Bool(*b)),
        (FactType::Long, Kind::Number(lexeme)) => lexeme.parse().ok().map(Given::Long),
        _ => None,
    };
    match given {
        Some(given) => {
            case.state.insert(entry.key.clone(), given);
        }
        None => {
            let wanted = match spec.kind {
                FactType::Bool => "true or false",
                _ => "a whole number",
            };
            entry
                .value
                .wrong(reports, &format!("`{}`", entry.key), wanted);
        }
    }
}

fn unknown<'n>(
    entry: &Entry,
    what: &str,
    known: impl IntoIterator<Item = &'n str>,
    reports: &mut Reports<'_>,
) {
    let help = nearest(&entry.key, known).map(|near| format!("did you mean `{near}`?"));
    reports.error_help(
        "policy.unknown-field",
        entry.key_span.clone(),
        format!("unknown {what} `{}`", entry.key),
        help,
    );
}

/// Tests that name rules which do not exist are mistakes.
pub(crate) fn check_ids(
    tests: &[LocatedTest],
    known: &[&str],
    sources: &[SourceText<'_>],
    out: &mut Vec<Diagnostic>,
) {
    for test in tests {
        let Some(source) = sources.get(test.source) else {
            continue;
        };
        for (id, span) in &test.rules {
            // Bands, detectors and the system have names of their own.
            let is_rule = !["band.", "detector.", "profile.", "system."]
                .iter()
                .any(|p| id.starts_with(p));
            if is_rule && !known.contains(&id.as_str()) {
                let help = nearest(id, known.iter().copied())
                    .map(|near| format!("did you mean `{near}`?"));
                out.push(source.diagnostic(
                    Severity::Error,
                    "policy.unknown-rule",
                    span.clone(),
                    format!("the test names the rule `{id}`, which does not exist"),
                    help,
                ));
            }
        }
    }
}
