//! Risk on text cases, and its properties.

use std::sync::Arc;

use interlock_core::facts::shell::ShellFacts;
use interlock_core::facts::sql::SqlFacts;
use interlock_core::facts::{
    FactInput, Facts, action::ActionFacts, data::DataFacts, path::PathFacts,
    resource::ResourceFacts, url::UrlFacts,
};
use interlock_core::model::{Action, Finding, FindingCode, Findings, Principal, Vector};
use interlock_core::program::Classification;
use interlock_core::risk::{
    COMPLIANCE_RULES, Dimension, FiveDimensions, PACKS, RiskConfig, RiskContext, RiskReport,
    explain, score,
};
use interlock_core::state::StateFacts;
use proptest::prelude::*;

/// Wednesday, 2026-11-18, 03:00 UTC.
const NOW: i64 = 1_794_970_800_000_000_000;

static CODES: [FindingCode; 12] = {
    const fn code(vector: Vector, code: &'static str) -> FindingCode {
        FindingCode {
            code,
            vector,
            summary: "",
            tags: &[],
        }
    }
    [
        code(Vector::PromptInjection, "prompt-injection.x"),
        code(Vector::SqlInjection, "sql-injection.x"),
        code(Vector::Xss, "xss.x"),
        code(Vector::ExfiltrationVelocity, "exfiltration-velocity.x"),
        code(Vector::Pii, "pii.email"),
        code(Vector::ExploitSignature, "exploit-signature.x"),
        code(Vector::ResourceExhaustion, "resource-exhaustion.x"),
        code(Vector::PrivilegeEscalation, "privilege-escalation.x"),
        code(Vector::SessionAnomaly, "session-anomaly.x"),
        code(Vector::BehaviouralAnomaly, "behavioural-anomaly.x"),
        code(Vector::RateLimit, "rate-limit.x"),
        code(Vector::PolicyViolation, "policy-violation.x"),
    ]
};

/// Everything a score depends on, owned.
struct Scene {
    action: Action,
    principal: Principal,
    facts: Facts,
    findings: Findings,
    state: StateFacts,
    config: RiskConfig,
}

impl Scene {
    fn new(json: &str, circumstances: &str) -> Self {
        let json = json.replacen('{', r#"{"agent_id":"a","#, 1);
        let mut scene = Self {
            action: Action::from_json(json.as_bytes()).unwrap(),
            principal: Principal::local(),
            facts: Facts::default(),
            findings: Findings::default(),
            state: StateFacts::default(),
            config: RiskConfig::default(),
        };
        let mut sql = None;
        let mut shell = None;
        for word in circumstances.split_whitespace() {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            match name {
                "usual" => {
                    scene.state = usual();
                    scene.principal.agent = Some(Arc::from("a"));
                    scene.principal.environment = Some(Arc::from("production"));
                }
                "new" => {}
                "elevated" => scene.principal.elevated = true,
                "environment" => scene.principal.environment = Some(Arc::from(value)),
                "hours" => {
                    let (from, to) = value.split_once('-').unwrap();
                    scene.config.operating_hours =
                        Some((from.parse().unwrap(), to.parse().unwrap()));
                }
                "regions" => scene.config.regions = vec![value.to_owned()],
                "packs" => scene.config.packs = vec![value.to_owned()],
                "sql" => sql = Some(sql_facts(value)),
                "shell" => shell = Some(shell_facts(value)),
                "finding" => scene.finding(value),
                _ => scene.set_state(name.strip_prefix("state.").unwrap(), value.parse().unwrap()),
            }
        }
        scene.compute(sql, shell);
        scene
    }

    /// Computes the facts; SQL and shell facts by hand where the case gives them.
    fn compute(&mut self, sql: Option<SqlFacts>, shell: Option<ShellFacts>) {
        let classes = Classification::default();
        let input = FactInput {
            action: &self.action,
            principal: &self.principal,
            classes: &classes,
            now: NOW,
        };
        let mut facts = Facts::compute(input);
        if let Some(sql) = sql {
            facts.sql = sql;
        }
        if let Some(shell) = shell {
            facts.shell = shell;
        }
        facts.path = PathFacts::compute(input, &facts.shell);
        facts.url = UrlFacts::compute(input, &facts.shell);
        facts.resource = ResourceFacts::compute(input, &facts);
        facts.data = DataFacts::compute(input, &facts);
        facts.action = ActionFacts::compute(input, &facts);
        self.facts = facts;
    }

    fn finding(&mut self, text: &str) {
        let (name, rest) = text.split_once(':').unwrap();
        let (confidence, path) = rest.split_once('@').unwrap_or((rest, ""));
        let vector = Vector::from_name(name).unwrap();
        let code = CODES.iter().find(|c| c.vector == vector).unwrap();
        let mut finding = Finding::whole(code, confidence.parse().unwrap());
        finding.path = path.to_owned().into();
        self.findings.push(finding);
    }

    fn set_state(&mut self, name: &str, value: i64) {
        let state = &mut self.state;
        match name {
            "hour_share" => state.hour_share = value,
            "records_deviation" => state.records_deviation = value,
            "bytes_deviation" => state.bytes_deviation = value,
            "rate_deviation" => state.rate_deviation = value,
            "records_read" => state.records_read = value,
            "type_share" => state.type_share = value,
            "tool_share" => state.tool_share = value,
            "actions_last_minute" => state.actions_last_minute = value,
            "identical_calls" => state.identical_calls = value,
            "agent_approvals" => state.agent_approvals = value,
            "agent_violations" => state.agent_violations = value,
            "agent_actions" => state.agent_actions = value,
            "denials" => state.denials = value,
            "private_seen" => state.private_seen = value != 0,
            "family_seen" => state.family_seen = value != 0,
            "resource_seen" => state.resource_seen = value != 0,
            "host_seen" => state.host_seen = value != 0,
            "shape_seen" => state.shape_seen = value != 0,
            "sequence_seen" => state.sequence_seen = value != 0,
            "region_seen" => state.region_seen = value != 0,
            _ => panic!("no state `{name}`"),
        }
    }

    fn score(&self) -> RiskReport {
        score(&RiskContext {
            action: &self.action,
            principal: &self.principal,
            facts: &self.facts,
            findings: &self.findings,
            state: &self.state,
            config: &self.config,
            now: NOW,
        })
    }
}

fn usual() -> StateFacts {
    StateFacts {
        agent_known: true,
        agent_actions: 500,
        baseline_ready: true,
        baseline_samples: 500,
        type_share: 400,
        tool_share: 400,
        resource_seen: true,
        family_seen: true,
        host_seen: true,
        shape_seen: true,
        sequence_seen: true,
        region_seen: true,
        hour_share: 80,
        actions_last_minute: 2,
        identical_calls: 1,
        similar_calls: 1,
        ..StateFacts::default()
    }
}

fn sql_facts(name: &str) -> SqlFacts {
    let (kind, rest) = name.split_once('-').unwrap_or((name, ""));
    let mut sql = SqlFacts {
        present: true,
        parsed: true,
        statements: 1,
        kinds: vec![kind.to_owned()],
        limit: -1,
        row_estimate: 1,
        ..SqlFacts::default()
    };
    match kind {
        "select" => {
            sql.reads = true;
            if let Some(table) = rest.strip_prefix("all-") {
                sql.tables = vec![table.to_owned()];
                sql.unbounded_read = true;
                sql.row_estimate = 1_000_000;
            } else if rest != "one" {
                sql.row_estimate = rest.parse().unwrap();
                sql.limit = sql.row_estimate;
            }
        }
        "update" => sql.writes = true,
        "delete" => {
            sql.writes = true;
            sql.deletes = true;
            sql.unbounded = rest == "all";
            if sql.unbounded {
                sql.row_estimate = 1_000_000;
            }
        }
        "unparsed" => {
            sql.parsed = false;
            sql.writes = true;
            sql.deletes = true;
            sql.unbounded = true;
            sql.stacked = true;
            sql.row_estimate = 1_000_000;
        }
        _ => panic!("no SQL `{name}`"),
    }
    sql
}

fn shell_facts(name: &str) -> ShellFacts {
    let mut shell = ShellFacts {
        present: true,
        parsed: true,
        ..ShellFacts::default()
    };
    match name {
        "ls" => {
            shell.commands = vec!["ls".to_owned()];
            shell.reads = vec!["/srv".to_owned()];
        }
        "rm-rf" => {
            shell.commands = vec!["rm".to_owned()];
            shell.deletes = vec!["/srv".to_owned()];
            shell.recursive_delete = true;
        }
        "fetched" => {
            shell.commands = vec!["curl".to_owned(), "sh".to_owned()];
            shell.hosts = vec!["a.test".to_owned()];
            shell.network = true;
            shell.code = true;
            shell.fetched_code = true;
            shell.pipes = 1;
        }
        _ => panic!("no shell `{name}`"),
    }
    shell
}

fn check(report: &RiskReport, want: &str) -> Result<(), String> {
    let has = |code: &str| {
        report
            .dimensions
            .iter()
            .any(|d| d.terms.iter().any(|t| t.code == code))
    };
    if let Some(code) = want.strip_prefix('+') {
        return has(code)
            .then_some(())
            .ok_or_else(|| format!("no term `{code}`"));
    }
    if let Some(code) = want.strip_prefix('-') {
        return (!has(code))
            .then_some(())
            .ok_or_else(|| format!("a term `{code}`"));
    }
    let at = want.find(['<', '>', '=']).unwrap();
    let (name, rest) = want.split_at(at);
    let got = if name == "composite" {
        report.composite
    } else {
        let dimension = Dimension::ALL.into_iter().find(|d| d.name() == name);
        report.score(dimension.unwrap_or_else(|| panic!("no dimension `{name}`")))
    };
    let digits = rest.trim_start_matches(['<', '>', '=']);
    let bound: u8 = digits.parse().unwrap();
    let holds = match rest.strip_suffix(digits).unwrap() {
        "<" => got < bound,
        ">=" => got >= bound,
        "=" => got == bound,
        other => panic!("no comparison `{other}`"),
    };
    holds
        .then_some(())
        .ok_or_else(|| format!("{name} is {got}, not {rest}"))
}

#[test]
fn cases() {
    let mut failures = Vec::new();
    let mut count = 0;
    for line in include_str!("cases/risk.txt").lines() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        count += 1;
        let parts: Vec<&str> = line.split(" | ").collect();
        let [description, json, circumstances, wanted] = parts.as_slice() else {
            panic!("{line}");
        };
        let scene = Scene::new(json, circumstances);
        let report = scene.score();
        for want in wanted.split_whitespace() {
            if let Err(why) = check(&report, want) {
                failures.push(format!(
                    "{description}: {why}\n{}",
                    explain(&report, &scene.config)
                ));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(count >= 50, "only {count} cases were read");
}

#[test]
fn explanation_shows_every_point() {
    let scene = Scene::new(
        r#"{"action_type":"database_write","resource":"postgres://prod/customers"}"#,
        "usual sql=delete-all",
    );
    let text = explain(&scene.score(), &scene.config);
    let want = "\
action       100  weight 1.5
   +55  deletes  [action.delete]
   +40  no condition bounds what it changes: 1000000  [action.unbounded]
   +15  cannot be undone  [action.irreversible]
   +15  what is deleted is sensitive  [action.delete-sensitive]
        125 points count as 100
agent          0  weight 1.2
temporal       0  weight 1.0
environment   40  weight 0.8
   +40  production  [environment.production]
behaviour      0  weight 1.3
compliance    55  weight 1.1
   +10  GDPR Art. 32: the processing of personal data is secured  [compliance.gdpr-32]
   +20  GDPR Art. 5(1)(c): personal data is limited to what is necessary  [compliance.gdpr-5-1c]
   +25  GDPR Art. 5(1)(f): personal data is protected from disclosure and loss  [compliance.gdpr-5-1f]
data         100  weight 1.0
   +30  the resource is sensitive  [data.sensitive]
   +15  personal data  [data.pii]
   +35  many records: 1000000  [data.volume]
   +20  it is deleted  [data.at-stake]
composite     95  342.5 / 7.9, lifted to 95 because `data` is at or above its critical mark
";
    assert_eq!(text, want, "\n{text}");
}

#[test]
fn the_five_dimensions_are_derived() {
    let scene = Scene::new(
        r#"{"action_type":"file_delete","resource":"/data/sensitive.csv"}"#,
        "usual state.records_deviation=700 state.hour_share=0 state.rate_deviation=300",
    );
    let report = scene.score();
    let five = FiveDimensions::of(&report);
    assert_eq!(
        five.entries(),
        [
            ("action_severity", report.score(Dimension::Action)),
            ("resource_sensitivity", report.score(Dimension::Data)),
            ("payload_anomaly", 60),
            ("frequency", 50),
            ("context_deviation", 70),
            ("blast_radius", 30),
        ]
    );
    assert_eq!(
        FiveDimensions::of(&RiskReport::default()),
        FiveDimensions::default()
    );
}

#[test]
fn compliance_rules_name_their_source() {
    for rule in COMPLIANCE_RULES {
        assert!(PACKS.contains(&rule.pack), "{}", rule.code);
        assert!(rule.code.starts_with("compliance."), "{}", rule.code);
        let prefix = match rule.pack {
            "pci-dss" => "PCI DSS ",
            "hipaa" => "HIPAA 164.",
            "sox" => "SOX ",
            _ => "GDPR Art. ",
        };
        assert!(rule.text.starts_with(prefix), "{}", rule.text);
        assert!(rule.text.contains(": ") && rule.points > 0);
    }
    let mut codes: Vec<&str> = COMPLIANCE_RULES.iter().map(|r| r.code).collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), COMPLIANCE_RULES.len());
}

/// Every rule fires somewhere: a rule that cannot is no rule.
#[test]
fn every_compliance_rule_can_fire() {
    let scenes = [
        (
            "credit_cards",
            "database_query",
            "new sql=select-100000 environment=staging",
        ),
        ("patients", "database_query", "new sql=select-100000"),
        ("patients", "database_write", "new sql=delete-one"),
        ("ledger", "database_write", "new sql=delete-all"),
        ("audit_log", "database_write", "new sql=delete-one"),
        ("customers", "database_write", "new sql=delete-all"),
    ];
    let mut fired: Vec<&str> = Vec::new();
    let mut take = |scene: &Scene| {
        for rule in COMPLIANCE_RULES {
            let alone = RiskConfig {
                packs: vec![rule.pack.to_owned()],
                ..RiskConfig::default()
            };
            let report = score(&RiskContext {
                action: &scene.action,
                principal: &scene.principal,
                facts: &scene.facts,
                findings: &scene.findings,
                state: &scene.state,
                config: &alone,
                now: NOW,
            });
            for dimension in &report.dimensions {
                fired.extend(dimension.terms.iter().map(|t| t.code));
            }
        }
    };
    for (resource, kind, circumstances) in scenes {
        let json = format!(r#"{{"action_type":"{kind}","resource":"{resource}"}}"#);
        take(&Scene::new(&json, circumstances));
    }
    for key in ["card_number", "patient", "ssn"] {
        for kind in ["api_call", "message_send"] {
            let json = format!(
                r#"{{"action_type":"{kind}","resource":"http://a.test/","arguments":{{"to":"x@a.test","method":"POST","{key}":"x"}}}}"#
            );
            take(&Scene::new(&json, "new state.records_read=5000"));
        }
    }
    for rule in COMPLIANCE_RULES {
        assert!(fired.contains(&rule.code), "`{}` never fires", rule.code);
    }
}

fn any_state() -> impl Strategy<Value = StateFacts> {
    let number = prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(0), -2_000i64..2_000];
    (
        proptest::collection::vec(number, 16),
        proptest::collection::vec(any::<bool>(), 12),
    )
        .prop_map(|(n, b)| StateFacts {
            agent_known: b[0],
            baseline_ready: b[1],
            resource_seen: b[2],
            family_seen: b[3],
            host_seen: b[4],
            shape_seen: b[5],
            sequence_seen: b[6],
            region_seen: b[7],
            private_seen: b[8],
            agent_paused: b[9],
            session_foreign_agent: b[10],
            session_origin_changed: b[11],
            agent_actions: n[0],
            agent_violations: n[1],
            agent_approvals: n[2],
            baseline_samples: n[3],
            type_share: n[4],
            tool_share: n[5],
            hour_share: n[6],
            bytes_deviation: n[7],
            records_deviation: n[8],
            rate_deviation: n[9],
            actions_last_minute: n[10],
            identical_calls: n[11],
            similar_calls: n[12],
            denials: n[13],
            bytes_out: n[14],
            records_read: n[15],
            ..StateFacts::default()
        })
}

const KINDS: [&str; 9] = [
    "file_read",
    "file_write",
    "file_delete",
    "api_call",
    "database_query",
    "database_write",
    "message_send",
    "payment",
    "custom_thing",
];

proptest! {
    #[test]
    fn scores_stay_within_their_range(
        kind in 0usize..9,
        state in any_state(),
        records in prop_oneof![Just(i64::MIN), Just(i64::MAX), -1i64..200_000],
        bits: u32,
        confidences: [u8; 12],
    ) {
        let json = format!(
            r#"{{"action_type":"{}","resource":"http://a.test/customers","arguments":{{"amount":1}}}}"#,
            KINDS[kind]
        );
        let mut scene = Scene::new(&json, "new");
        scene.state = state;
        let bit = |at: u32| bits & (1 << at) != 0;
        let facts = &mut scene.facts;
        facts.action.records = records;
        facts.data.records = records;
        facts.money.amount = records;
        facts.money.present = bit(0);
        facts.money.negative = bit(1);
        facts.sql.present = bit(2);
        facts.sql.unbounded = bit(3);
        facts.sql.ddl = bit(4);
        facts.sql.rights = bit(5);
        facts.sql.stacked = bit(6);
        facts.shell.destructive = bit(7);
        facts.shell.fetched_code = bit(8);
        facts.shell.recursive_delete = bit(9);
        facts.action.delete = bit(10);
        facts.action.outbound = bit(11);
        facts.action.elevated = bit(12);
        facts.action.unparsed = bit(13);
        facts.action.bulk = bit(14);
        facts.action.side_effect = bit(15);
        facts.data.phi = bit(16);
        facts.data.cardholder = bit(17);
        facts.data.credentials = bit(18);
        facts.url.metadata_service = bit(19);
        facts.path.present = bit(20);
        facts.path.secret = bit(21);
        facts.path.system = bit(22);
        facts.path.traversal = bit(23);
        for (code, confidence) in CODES.iter().zip(confidences) {
            scene.findings.push(Finding::whole(code, confidence));
        }
        let report = scene.score();
        prop_assert!(report.composite <= 100);
        for dimension in &report.dimensions {
            prop_assert!(dimension.score <= 100);
            let sum: i32 = dimension.terms.iter().map(|t| i32::from(t.points)).sum();
            prop_assert_eq!(i32::from(dimension.score), sum.clamp(0, 100));
        }
        prop_assert_eq!(scene.score(), report.clone());
        let _ = explain(&report, &scene.config);

        // What makes it worse never lowers the action's score.
        let before = report.score(Dimension::Action);
        let worse: [fn(&mut Scene); 5] = [
            |s| s.facts.sql.unbounded = true,
            |s| s.facts.shell.destructive = true,
            |s| s.facts.action.outbound = true,
            |s| s.facts.action.unparsed = true,
            |s| s.facts.path.secret = true,
        ];
        for (at, make) in worse.into_iter().enumerate() {
            let mut scene = Scene {
                action: scene.action.clone(),
                principal: scene.principal.clone(),
                facts: scene.facts.clone(),
                findings: scene.findings.clone(),
                state: scene.state.clone(),
                config: scene.config.clone(),
            };
            make(&mut scene);
            let after = scene.score().score(Dimension::Action);
            prop_assert!(after >= before, "{at}: {before} then {after}");
        }
    }
}
