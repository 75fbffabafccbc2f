//! The truth table of the combining algorithm: `fixtures/combining.json`, which every language
//! runs. Here its bundles are compiled by a small reader of the few conditions that it uses.

use std::collections::BTreeMap;
use std::sync::Arc;

use interlock_core::facts::{FactId, Facts};
use interlock_core::model::{
    Action, ActionDigest, Approvers, Effect, Finding, FindingCode, Findings, Layer, Obligation,
    Principal, Span, UnixNanos, Value, Vector, VectorSet, parse_nano,
};
use interlock_core::program::expr::{ArgPath, Expr};
use interlock_core::program::glob::Glob;
use interlock_core::program::rule::{
    ArgCheck, ArgConstraint, Band, Exempt, LimitSpec, Profile, Require, Rule, Schedule, Select,
};
use interlock_core::program::{
    Classification, EnvironmentConfig, EvalInput, Evaluation, Grant, Program, ProgramParts,
};
use interlock_core::risk::RiskReport;
use interlock_core::state::{LimitKind, LimitReading, Readings, StateFacts};
use serde_json::Value as Json;

const TABLE: &str = include_str!("fixtures/combining.json");

#[test]
fn truth_table() {
    let table: Json = serde_json::from_str(TABLE).unwrap();
    let rows = table["rows"].as_array().unwrap();
    assert!(rows.len() >= 60, "the table has {} rows", rows.len());
    let mut wrong = Vec::new();
    let mut parts: BTreeMap<&str, usize> = BTreeMap::new();
    for row in rows {
        *parts.entry(row["part"].as_str().unwrap()).or_default() += 1;
        let expected = &row["expect"];
        let evaluation = decide(row, &table["default_action"]);
        for (key, got) in observed(&evaluation) {
            let want = expected.get(key).cloned().unwrap_or_else(|| match key {
                // What a row does not state is not compared, or is empty.
                "reason" | "decided" => got.clone(),
                "throttle_ms" => Json::Null,
                _ => Json::Array(Vec::new()),
            });
            // Approvals are stated where they matter.
            if key == "approvals"
                && expected.get(key).is_none()
                && expected["effect"] == "require_approval"
            {
                continue;
            }
            if want != got {
                wrong.push(format!(
                    "({}) {}: {key} is {got}, expected {want}; reasons: {:#?}",
                    row["part"].as_str().unwrap(),
                    row["name"].as_str().unwrap(),
                    evaluation.reasons
                ));
            }
        }
        assert!(
            !evaluation.reasons.is_empty(),
            "{} has no reason",
            row["name"]
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for part in [
        "a",
        "b",
        "c",
        "d",
        "e",
        "f",
        "g",
        "h",
        "i",
        "schedule",
        "capability",
    ] {
        assert!(parts.contains_key(part), "no row for part {part}");
    }
}

/// The sentences that an operator reads.
#[test]
fn reasons_are_readable() {
    let check = |row: &str, sentence: &str| {
        let table: Json = serde_json::from_str(TABLE).unwrap();
        let row: Json = serde_json::from_str(row).unwrap();
        let evaluation = decide(&row, &table["default_action"]);
        assert_eq!(evaluation.reasons[0].message, sentence);
    };
    check(
        r#"{"bundle": {"default": "allow", "rules": [{"id": "no-unbounded-deletes",
            "description": "A delete in production must say which rows", "effect": "block"}]}}"#,
        "rule `no-unbounded-deletes` fired: A delete in production must say which rows",
    );
    check(
        r#"{"bundle": {"default": "allow", "rules": [{"id": "refunds", "effect": "block",
            "cites": ["SOX 404"], "require": {"arguments": {"amount": {"max": 499.5}}}}]}}"#,
        "rule `refunds` fired (SOX 404); argument `amount` must be at most 499.5",
    );
    check(
        r#"{"bundle": {"default": "allow", "rules": [{"id": "r", "effect": "block",
            "require": {"limits": {"calls": "20/5m"}}}]},
            "limits": {"r": [{"used": 21, "exceeded": true}]}}"#,
        "rule `r` fired; more than 20 calls in 5m, this is number 21",
    );
    check(
        r#"{"bundle": {"default": "allow", "rules": [{"id": "r", "effect": "block",
            "when": "args.missing > 1"}]}}"#,
        "rule `r` could not be evaluated: argument `missing` is absent",
    );
    check(
        r#"{"bundle": {"default": "allow", "rules": [],
            "risk_bands": [{"above": 85, "effect": "block"}]}, "risk": 90}"#,
        "risk 90 reached the band from 86",
    );
    check(
        r#"{"bundle": {"default": "allow", "rules": []}, "findings": {"sql_injection": 80}}"#,
        "`sql_injection` found something with confidence 80, the threshold is 50",
    );
    check(
        r#"{"bundle": {"default": "sandbox", "rules": []}}"#,
        "no rule decided, so the default `sandbox` holds",
    );
}

fn observed(evaluation: &Evaluation) -> Vec<(&'static str, Json)> {
    let sorted = |mut ids: Vec<String>| {
        ids.sort();
        Json::from(ids)
    };
    let fired = |keep: &dyn Fn(&interlock_core::model::FiredRule) -> bool| {
        let ids = evaluation.fired.iter().filter(|f| keep(f));
        sorted(ids.map(|f| f.id.to_string()).collect())
    };
    let mut notify = Vec::new();
    let mut approvers = Vec::new();
    let mut redact = Vec::new();
    let mut throttle = Json::Null;
    for obligation in &evaluation.obligations {
        match obligation {
            Obligation::Notify(groups) => notify.clone_from(groups),
            Obligation::Approve(who) if who.quorum == 1 => approvers.push(who.group.clone()),
            Obligation::Approve(who) => approvers.push(format!("{}:{}", who.group, who.quorum)),
            Obligation::Redact(spans) => redact.extend(spans.iter().map(|(path, _)| path.clone())),
            Obligation::Throttle(ms) => throttle = Json::from(*ms),
            Obligation::Snapshot => {}
        }
    }
    vec![
        ("effect", evaluation.effect.name().into()),
        ("decided", evaluation.decided.name().into()),
        ("fired", fired(&|_| true)),
        ("deciders", fired(&|f| f.decided)),
        ("errored", fired(&|f| f.errored)),
        (
            "shadow",
            sorted(evaluation.shadow.iter().map(|f| f.id.to_string()).collect()),
        ),
        ("reason", evaluation.reasons.first().map(|r| r.code).into()),
        ("notify", Json::from(notify)),
        ("approvers", sorted(approvers)),
        (
            "approvals",
            sorted(
                evaluation
                    .approvals
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
            ),
        ),
        ("redact", Json::from(redact)),
        ("throttle_ms", throttle),
    ]
}

fn decide(row: &Json, default_action: &Json) -> Evaluation {
    let program = Program::new(bundle(row)).unwrap();
    let action = row.get("action").unwrap_or(default_action).to_string();
    let action = Action::from_value(Value::parse(action.as_bytes()).unwrap()).unwrap();
    let mut principal = Principal::local();
    principal.environment = row["credential_environment"].as_str().map(Arc::from);

    let mut facts = Facts::default();
    facts.resource.names = strings(&row["names"]);
    facts.resource.name = facts.resource.names.first().cloned().unwrap_or_default();
    facts.path.present = row["path"] == true;
    facts.action.outbound = row["facts"]["outbound"] == true;

    let risk = RiskReport {
        composite: row["risk"].as_u64().unwrap_or(0).try_into().unwrap(),
        ..RiskReport::default()
    };
    let mut findings = Findings::default();
    for (vector, confidence) in row["findings"].as_object().into_iter().flatten() {
        let path = row["spans"][vector].as_str().map(str::to_owned);
        findings.push(Finding {
            code: finding_code(Vector::from_name(vector).unwrap()),
            confidence: confidence.as_u64().unwrap().try_into().unwrap(),
            span: Span {
                start: 0,
                end: u32::from(path.is_some()) * 5,
            },
            path: path.unwrap_or_default().into(),
        });
    }

    let (limits, charged) = readings(row, &program);
    let readings = Readings {
        state: state(&row["state"]),
        limits,
        ledger: Vec::new(),
    };
    let name = principal
        .environment
        .as_deref()
        .unwrap_or(&action.environment.name);
    let grant = row.get("grant").map(|grant| {
        let mut of = action.clone();
        if grant["of"] == "another" {
            of.resource.push('x');
        }
        Grant {
            digest: ActionDigest::of(&principal.tenant, &of),
            rules: strings(&grant["rules"])
                .iter()
                .map(|s| Arc::from(s.as_str()))
                .collect(),
            approval_id: Arc::from("ap-1"),
        }
    });
    let profile = row.get("profile").map(profile);
    program.evaluate(&EvalInput {
        action: &action,
        principal: &principal,
        facts: &facts,
        risk: &risk,
        findings: &findings,
        readings: &readings,
        charged: &charged,
        profile: profile.as_ref(),
        grant: grant.as_ref(),
        now: instant(row["now"].as_str().unwrap_or("2026-11-20T12:00:00Z")),
        environment: program.environment(name),
        failed: strings(&row["failed"])
            .iter()
            .map(|v| Vector::from_name(v).unwrap())
            .collect(),
    })
}

fn readings(row: &Json, program: &Program) -> (Vec<LimitReading>, Vec<(u32, usize)>) {
    let (mut limits, mut charged) = (Vec::new(), Vec::new());
    for (number, rule) in (0u32..).zip(program.rules()) {
        for reading in row["limits"][&*rule.id].as_array().into_iter().flatten() {
            charged.push((number, limits.len()));
            limits.push(LimitReading {
                key: 0,
                used: reading["used"].as_i64().unwrap(),
                exceeded: reading["exceeded"] == true,
                retry_after_ms: reading["retry_after_ms"].as_i64().unwrap_or(0),
            });
        }
    }
    (limits, charged)
}

fn state(json: &Json) -> StateFacts {
    let mut state = StateFacts::default();
    for (name, value) in json.as_object().into_iter().flatten() {
        match name.as_str() {
            "kill_switch" => state.kill_switch = value == true,
            "agent_paused" => state.agent_paused = value == true,
            "breaker_open" => state.breaker_open = value == true,
            "budget_used" => state.budget_used = value.as_i64().unwrap(),
            "identical_calls" => state.identical_calls = value.as_i64().unwrap(),
            "similar_calls" => state.similar_calls = value.as_i64().unwrap(),
            "actions_last_minute" => state.actions_last_minute = value.as_i64().unwrap(),
            other => panic!("unknown state `{other}`"),
        }
    }
    state
}

fn finding_code(vector: Vector) -> &'static FindingCode {
    const fn code(vector: Vector) -> FindingCode {
        FindingCode {
            code: "test.finding",
            vector,
            summary: "found by a test",
            tags: &[],
        }
    }
    static CODES: [FindingCode; 3] = [
        code(Vector::Pii),
        code(Vector::SqlInjection),
        code(Vector::PromptInjection),
    ];
    CODES.iter().find(|c| c.vector == vector).unwrap()
}

fn strings(json: &Json) -> Vec<String> {
    let items = json.as_array().into_iter().flatten();
    items.map(|s| s.as_str().unwrap().to_owned()).collect()
}

fn globs(json: &Json) -> Vec<Glob> {
    strings(json).iter().map(|g| Glob::new(g)).collect()
}

fn arcs(json: &Json) -> Vec<Arc<str>> {
    strings(json)
        .iter()
        .map(|s| Arc::from(s.as_str()))
        .collect()
}

fn instant(text: &str) -> UnixNanos {
    text.parse::<jiff::Timestamp>()
        .unwrap()
        .as_nanosecond()
        .try_into()
        .unwrap()
}

fn effect(json: &Json) -> Effect {
    Effect::from_name(json.as_str().unwrap()).unwrap()
}

fn profile(json: &Json) -> Profile {
    let list = |key: &str| json.get(key).map(globs);
    Profile {
        allowed_actions: list("allowed_action_types"),
        allowed_resources: list("allowed_resources"),
        blocked_resources: list("blocked_resources").unwrap_or_default(),
        actions_per_minute: json["max_actions_per_minute"].as_i64(),
        risk_max: json
            .get("max_risk_score")
            .map(|score| (score.as_f64().unwrap() * 100.0).round() as u8),
        budget: Default::default(),
    }
}

fn bundle(row: &Json) -> ProgramParts {
    let bundle = &row["bundle"];
    let environments = row["environments"].as_object().into_iter().flatten();
    ProgramParts {
        rules: bundle["rules"]
            .as_array()
            .unwrap()
            .iter()
            .map(rule)
            .collect(),
        default: effect(&bundle["default"]),
        bands: bands(&bundle["risk_bands"]),
        environments: environments
            .map(|(name, json)| (Glob::new(name), environment(json)))
            .collect(),
        base: EnvironmentConfig::default(),
        classification: Classification::default(),
        digest: [7; 32],
        number: 1,
        name: Arc::from("truth-table"),
    }
}

fn environment(json: &Json) -> EnvironmentConfig {
    let mut config = EnvironmentConfig {
        bands: json.get("risk_bands").map(bands),
        default: json.get("default").map(effect),
        ..EnvironmentConfig::default()
    };
    for (name, detector) in json["detectors"].as_object().into_iter().flatten() {
        let vector = Vector::from_name(name).unwrap();
        if detector["enabled"] == false {
            config.detectors.enabled.remove(vector);
        }
        if let Some(asked) = detector.get("effect") {
            config.detector_effects[vector as usize] = effect(asked);
        }
    }
    config
}

fn bands(json: &Json) -> Vec<Band> {
    let band = |band: &Json| Band {
        from: match (band["from"].as_u64(), band["above"].as_u64()) {
            (Some(from), None) => from.try_into().unwrap(),
            (None, Some(above)) => (above + 1).try_into().unwrap(),
            other => panic!("a band from {other:?}"),
        },
        when: band["when"].as_str().map(condition),
        effect: effect(&band["effect"]),
        notify: arcs(&band["notify"]),
    };
    json.as_array().into_iter().flatten().map(band).collect()
}

fn rule(json: &Json) -> Rule {
    for key in json.as_object().unwrap().keys() {
        let known = [
            "id",
            "description",
            "cites",
            "layer",
            "priority",
            "mandatory",
            "overridable",
            "shadow",
            "match",
            "when",
            "require",
            "effect",
            "exempt",
            "notify",
            "approvers",
            "schedule",
            "expires",
        ];
        assert!(known.contains(&key.as_str()), "unknown key `{key}`");
    }
    Rule {
        id: Arc::from(json["id"].as_str().unwrap()),
        description: Arc::from(json["description"].as_str().unwrap_or_default()),
        origin: Arc::from("combining.json"),
        cites: arcs(&json["cites"]),
        layer: match json["layer"].as_str() {
            Some("organisation") => Layer::Organisation,
            Some("agent") => Layer::Agent,
            Some("team") | None => Layer::Team,
            other => panic!("layer {other:?}"),
        },
        priority: json["priority"].as_i64().unwrap_or(0).try_into().unwrap(),
        mandatory: json["mandatory"] == true,
        overridable: json["overridable"] == true,
        shadow: json["shadow"] == true,
        select: Select {
            actions: globs(&json["match"]["action"]),
            tools: globs(&json["match"]["tool"]),
            resources: globs(&json["match"]["resource"]),
            environments: globs(&json["match"]["environment"]),
            agents: globs(&json["match"]["agent"]),
        },
        when: json["when"].as_str().map(condition),
        require: json.get("require").map(require),
        effect: effect(&json["effect"]),
        exempt: exempt(&json["exempt"]),
        notify: arcs(&json["notify"]),
        approvers: json.get("approvers").map(|who| Approvers {
            group: who["group"].as_str().unwrap().to_owned(),
            quorum: who["quorum"].as_u64().unwrap_or(1).try_into().unwrap(),
            timeout_ms: 86_400_000,
        }),
        schedule: json.get("schedule").map(schedule),
        expires: json["expires"].as_str().map(instant),
    }
}

fn exempt(json: &Json) -> Exempt {
    let mut exempt = Exempt::default();
    for item in strings(json) {
        match item.as_str() {
            "bands" => exempt.bands = true,
            "packs" => exempt.packs = true,
            vector => exempt.vectors.insert(Vector::from_name(vector).unwrap()),
        }
    }
    exempt
}

fn path(text: &str) -> ArgPath {
    text.split('.').map(Box::from).collect()
}

fn require(json: &Json) -> Require {
    let mut require = Require::default();
    for (name, checks) in json["arguments"].as_object().into_iter().flatten() {
        for (check, value) in checks.as_object().unwrap() {
            require.arguments.push(ArgConstraint {
                path: path(name),
                check: match check.as_str() {
                    "max" => ArgCheck::Max(parse_nano(&value.to_string()).unwrap()),
                    "in" => ArgCheck::In(
                        strings(value)
                            .iter()
                            .map(|s| Value::from(s.as_str()))
                            .collect(),
                    ),
                    "absent" => ArgCheck::Absent,
                    other => panic!("unknown check `{other}`"),
                },
            });
        }
    }
    for (kind, limit) in json["limits"].as_object().into_iter().flatten() {
        assert_eq!(kind, "calls");
        let (max, window) = limit.as_str().unwrap().split_once('/').unwrap();
        let minutes: i64 = window.strip_suffix('m').unwrap().parse().unwrap();
        require.limits.push(LimitSpec {
            kind: LimitKind::Calls,
            max: max.parse().unwrap(),
            window_ms: minutes * 60_000,
            per: None,
            tool: None,
        });
    }
    require
}

fn schedule(json: &Json) -> Schedule {
    const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let days = strings(&json["days"]).iter().fold(0, |set, day| {
        set | 1 << DAYS.iter().position(|d| d == day).unwrap()
    });
    let minute = |text: &str| {
        let (hour, minute) = text.split_once(':').unwrap();
        hour.parse::<u16>().unwrap() * 60 + minute.parse::<u16>().unwrap()
    };
    let (from, to) = json["hours"].as_str().unwrap().split_once('-').unwrap();
    Schedule {
        days,
        minutes: Some((minute(from), minute(to))),
        zone: jiff::tz::TimeZone::get(json["tz"].as_str().unwrap()).unwrap(),
    }
}

/// The conditions that the table uses: `&&`, `||` and `>` over a few operands, without brackets.
fn condition(text: &str) -> Expr {
    let both = |(a, b): (&str, &str)| (Box::new(condition(a)), Box::new(condition(b)));
    if let Some(sides) = text.split_once(" || ") {
        let (a, b) = both(sides);
        return Expr::Or(a, b);
    }
    if let Some(sides) = text.split_once(" && ") {
        let (a, b) = both(sides);
        return Expr::And(a, b);
    }
    if let Some(sides) = text.split_once(" > ") {
        // As Cedar has it: a > b is !(a <= b).
        let (a, b) = both(sides);
        return Expr::Not(Box::new(Expr::LessEq(a, b)));
    }
    if let Some(sides) = text.split_once(" + ") {
        let (a, b) = both(sides);
        return Expr::Add(a, b);
    }
    if let Some(argument) = text.strip_prefix("args has ") {
        return Expr::HasArg(path(argument));
    }
    if let Ok(n) = text.parse() {
        return Expr::Long(n);
    }
    match text.split_once('.') {
        Some(("args", argument)) => Expr::Arg(path(argument)),
        Some(("findings", vector)) => Expr::Finding(Vector::from_name(vector).unwrap()),
        Some(("facts", fact)) => Expr::Fact(FactId::find("", fact).unwrap()),
        Some(("risk", "composite")) => Expr::Composite,
        _ => Expr::Bool(text.parse().unwrap()),
    }
}

/// What a detector that failed denies is every vector's own.
#[test]
fn every_failed_detector_denies() {
    let table: Json = serde_json::from_str(TABLE).unwrap();
    for vector in Vector::ALL {
        let row = serde_json::json!({
            "bundle": {"default": "allow", "rules": []}, "failed": [vector.name()],
        });
        let evaluation = decide(&row, &table["default_action"]);
        assert_eq!(evaluation.effect, Effect::Block, "{}", vector.name());
        assert!(evaluation.reasons[0].message.contains(vector.name()));
    }
    assert_eq!(VectorSet::ALL.len(), 12);
}
