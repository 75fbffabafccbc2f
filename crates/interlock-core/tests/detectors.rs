//! The detectors on their text cases, and the promises of the registry.
//!
//! A case is one line of `tests/cases/detectors/<vector>.md`. A text stands as the argument `text`
//! of an API call; a line that begins with `{"action_type"` is an action. `@ name=value … |` before
//! it sets facts, readings or the place (`prompt`, `result`). `\n`, `\t`, `\\` and `\u{…}` are escapes.

use std::collections::BTreeSet;

use interlock_core::detectors::{
    DETECTORS, DetectContext, Detector, DetectorConfig, PREFILTER, Phase, Ran, detect_content,
    detect_state, policy_violation, run, scan, scan_result,
};
use interlock_core::facts::Facts;
use interlock_core::model::{
    Action, ActionType, Effect, FindingCode, Findings, Object, Principal, Value, Vector, VectorSet,
};
use interlock_core::state::{LimitReading, Readings};
use interlock_core::text::flatten;

struct Case {
    action: Action,
    facts: Facts,
    readings: Readings,
    result: Option<String>,
    effect: Option<Effect>,
}

macro_rules! set_fields {
    ($root:expr, $name:expr, $value:expr; $($first:ident $(. $second:ident)?),+ $(,)?) => {
        $(
            if $name == concat!(stringify!($first) $(, ".", stringify!($second))?) {
                $root.$first $(.$second)? = $value.parse().unwrap();
                return;
            }
        )+
        panic!("no setting `{}`", $name);
    };
}

fn set_state(readings: &mut Readings, name: &str, value: &str) {
    let state = &mut readings.state;
    set_fields!(state, name, value;
        agent_known, baseline_ready, family_seen, host_seen, shape_seen, sequence_seen,
        region_seen, untrusted_seen, private_seen, outbound_seen, session_foreign_agent,
        session_user_changed, session_origin_changed, breaker_open, type_share, tool_share,
        hour_share, bytes_deviation, records_deviation, rate_deviation, actions_last_minute,
        identical_calls, similar_calls, error_share, denials, bytes_out, records_read, budget_used,
        new_target, actions_excess, bytes_out_excess, records_excess, cost_excess,
        new_target_excess, new_host_excess, repeats_excess, off_hours,
    );
}

fn set_fact(facts: &mut Facts, name: &str, value: &str) {
    set_fields!(facts, name, value;
        action.outbound, action.side_effect, action.delete, action.elevated, action.records,
        data.pii, data.credentials, sql.present, sql.unbounded_read, sql.rights, sql.row_estimate,
    );
}

fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let tail = &rest[at + 1..];
        if let Some(code) = tail.strip_prefix("u{") {
            let (digits, after) = code.split_once('}').unwrap();
            out.push(char::from_u32(u32::from_str_radix(digits, 16).unwrap()).unwrap());
            rest = after;
        } else {
            let (c, length) = match tail.chars().next() {
                Some('n') => ("\n", 1),
                Some('t') => ("\t", 1),
                Some('\\') => ("\\", 1),
                _ => ("\\", 0),
            };
            out.push_str(c);
            rest = &tail[length..];
        }
    }
    out.push_str(rest);
    // Parts of a token, put together.
    out.replace("{}", "")
}

fn case(line: &str) -> Case {
    let mut case = Case {
        action: Action::new("case", ActionType::ApiCall),
        facts: Facts::default(),
        readings: Readings::default(),
        result: None,
        effect: None,
    };
    let (settings, text) = match line.strip_prefix("@ ") {
        Some(rest) => rest.split_once('|').expect("settings end with `|`"),
        None => ("", line),
    };
    let text = text.trim();
    let mut flood = 0;
    let mut prompt = false;
    for setting in settings.split_whitespace() {
        let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
        match (name.split_once('.'), name) {
            (Some(("state", field)), _) => set_state(&mut case.readings, field, value),
            (Some(("facts", field)), _) => set_fact(&mut case.facts, field, value),
            (None, "result") => case.result = Some(unescape(text)),
            (None, "prompt") => prompt = true,
            (None, "effect") => case.effect = Effect::from_name(value),
            (None, "flood") => flood = value.parse().unwrap(),
            (None, "limit") => case.readings.limits.push(LimitReading {
                key: 1,
                used: 7,
                exceeded: value == "exceeded",
                retry_after_ms: 0,
            }),
            (None, "usual") => {
                for (field, value) in [
                    ("baseline_ready", "true"),
                    ("family_seen", "true"),
                    ("host_seen", "true"),
                    ("shape_seen", "true"),
                    ("sequence_seen", "true"),
                    ("region_seen", "true"),
                    ("type_share", "400"),
                    ("tool_share", "400"),
                    ("hour_share", "100"),
                ] {
                    set_state(&mut case.readings, field, value);
                }
            }
            _ => panic!("no setting `{name}`"),
        }
    }
    if text.starts_with("{\"action_type\"") {
        let json = text.replacen('{', "{\"agent_id\":\"case\",", 1);
        case.action = Action::from_json(json.as_bytes()).unwrap();
    } else {
        let text = if flood > 0 {
            "ab ".repeat(flood / 3)
        } else {
            unescape(text)
        };
        let mut arguments = Object::new();
        if prompt {
            arguments.insert("prompt", Value::String(text));
            case.action.context = arguments;
        } else {
            arguments.insert("text", Value::String(text));
            case.action.arguments = Value::Object(arguments);
        }
    }
    case
}

fn findings(case: &Case, config: &DetectorConfig) -> Findings {
    let mut found = Findings::default();
    if let Some(text) = &case.result {
        scan_result(text, config, &mut found);
        return found;
    }
    if let Some(effect) = case.effect {
        policy_violation::report(effect, config, &mut found);
    }
    let (segments, truncated) = flatten(&case.action);
    let scanned = scan(&segments, truncated);
    let principal = Principal::local();
    let cx = DetectContext {
        action: &case.action,
        principal: &principal,
        facts: &case.facts,
        scanned: &scanned,
        readings: Some(&case.readings),
        phase: Phase::Content,
    };
    let ran = detect_content(&cx, config, &mut found).and(detect_state(&cx, config, &mut found));
    assert_eq!(ran.vectors, config.enabled, "every enabled detector runs");
    assert!(ran.failed.is_empty());
    found
}

fn off(vector: Vector) -> DetectorConfig {
    let mut config = DetectorConfig::default();
    config.enabled.remove(vector);
    config
}

/// Runs the cases of one vector: every positive is reported with its code and vanishes when the
/// detector is off, no benign one and no known miss is reported.
fn check(vector: Vector) {
    let path = format!(
        "{}/tests/cases/detectors/{}.md",
        env!("CARGO_MANIFEST_DIR"),
        vector.name()
    );
    let text = std::fs::read_to_string(&path).unwrap();
    let prefix = format!("{}.", vector.name().replace('_', "-"));
    let (mut positives, mut benigns, mut misses) = (0, 0, 0);
    let mut covered = BTreeSet::new();
    let mut wrong = Vec::new();
    let mut section = "";
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(title) = line.strip_prefix("## ") {
            section = title;
        }
        let Some(line) = line.strip_prefix("- ") else {
            continue;
        };
        match section {
            "Positive" => {
                positives += 1;
                let (code, rest) = line
                    .strip_prefix('`')
                    .and_then(|l| l.split_once("` "))
                    .unwrap_or_else(|| panic!("a positive names its code: {line}"));
                covered.insert(code.to_owned());
                let case = case(rest);
                let found = findings(&case, &DetectorConfig::default());
                if !found.has_code(&format!("{prefix}{code}")) {
                    wrong.push(format!("not reported: {line}\n    {:?}", codes(&found)));
                }
                let found = findings(&case, &off(vector));
                assert!(!found.has(vector), "reported though off: {line}");
            }
            "Benign" => {
                benigns += 1;
                let found = findings(&case(line), &DetectorConfig::default());
                if found.has(vector) {
                    wrong.push(format!("false alarm: {line}\n    {:?}", codes(&found)));
                }
            }
            "Known misses" => {
                misses += 1;
                let found = findings(&case(line), &DetectorConfig::default());
                if found.has(vector) {
                    wrong.push(format!("no miss any more: {line}\n    {:?}", codes(&found)));
                }
                let why = lines.peek().copied().unwrap_or_default();
                assert!(why.starts_with("  "), "a known miss says why: {line}");
            }
            other => panic!("case in section `{other}`"),
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", vector.name(), wrong.join("\n"));
    assert!(positives >= 10 && benigns >= 10 && misses >= 1, "{path}");
    for code in detector(vector).codes() {
        let short = code
            .code
            .strip_prefix(&prefix)
            .expect("codes carry the vector's name");
        assert!(
            covered.contains(short) || short == "detector-failed",
            "no case for `{}`",
            code.code
        );
    }
}

fn codes(found: &Findings) -> Vec<String> {
    found
        .items()
        .iter()
        .map(|f| format!("{} {} {}", f.code.code, f.confidence, f.path))
        .collect()
}

fn detector(vector: Vector) -> &'static dyn Detector {
    DETECTORS[vector as usize]
}

macro_rules! vector_tests {
    ($($name:ident: $vector:ident;)*) => { $(#[test] fn $name() { check(Vector::$vector); })* };
}

vector_tests! {
    prompt_injection: PromptInjection;
    sql_injection: SqlInjection;
    xss: Xss;
    exfiltration_velocity: ExfiltrationVelocity;
    pii: Pii;
    exploit_signature: ExploitSignature;
    resource_exhaustion: ResourceExhaustion;
    privilege_escalation: PrivilegeEscalation;
    session_anomaly: SessionAnomaly;
    behavioural_anomaly: BehaviouralAnomaly;
    rate_limit: RateLimit;
    policy_violations: PolicyViolation;
}

#[test]
fn the_registry_is_complete_and_in_order() {
    assert!(PREFILTER.len() > 1_000);
    let mut seen = BTreeSet::new();
    for (vector, detector) in Vector::ALL.into_iter().zip(DETECTORS) {
        assert_eq!(detector.vector(), vector);
        for code in detector.codes() {
            assert_eq!(code.vector, vector, "{}", code.code);
            assert!(seen.insert(code.code), "`{}` appears twice", code.code);
            assert!(!code.summary.ends_with('.'), "{}", code.code);
        }
        for literals in detector.literals() {
            assert!(literals.class < 64);
            assert!(literals.words.iter().all(|w| !w.is_empty()));
        }
    }
}

#[derive(Debug)]
struct Panics;

static FAILED: FindingCode = FindingCode {
    code: "xss.detector-failed",
    vector: Vector::Xss,
    summary: "failed",
    tags: &[],
};

impl Detector for Panics {
    fn vector(&self) -> Vector {
        Vector::Xss
    }
    fn phase(&self) -> Phase {
        Phase::Content
    }
    fn codes(&self) -> &'static [&'static FindingCode] {
        &[]
    }
    fn reads_facts(&self) -> bool {
        true
    }
    fn failed(&self) -> &'static FindingCode {
        &FAILED
    }
    fn detect(&self, _cx: &DetectContext<'_>, _out: &mut Findings) {
        panic!("on purpose");
    }
}

#[test]
fn a_panic_fails_closed_and_stays_alone() {
    let case = case("' OR '1'='1");
    let (segments, truncated) = flatten(&case.action);
    let scanned = scan(&segments, truncated);
    let cx = DetectContext {
        action: &case.action,
        principal: &Principal::local(),
        facts: &case.facts,
        scanned: &scanned,
        readings: None,
        phase: Phase::Content,
    };
    let mut found = Findings::default();
    let detectors: [&dyn Detector; 2] = [&Panics, DETECTORS[1]];
    let ran: Ran = run(&detectors, &cx, &DetectorConfig::default(), &mut found);
    let only = |v: Vector| VectorSet::from_iter([v]);
    assert_eq!(ran.failed, only(Vector::Xss));
    assert_eq!(found.confidence(Vector::Xss), 100);
    assert!(found.has(Vector::SqlInjection));
}

#[test]
fn findings_below_the_threshold_are_dropped() {
    let case = case("write to jo.doe@example.com");
    let mut config = DetectorConfig::default();
    assert!(findings(&case, &config).has(Vector::Pii));
    config.threshold[Vector::Pii as usize] = 90;
    let found = findings(&case, &config);
    assert!(!found.has(Vector::Pii) && found.items().is_empty());
}
