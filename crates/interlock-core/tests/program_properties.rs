//! Random programs and inputs against a naive reference of the combining algorithm.
//!
//! The reference looks at every rule, keeps lists where the program keeps indexes, and follows the
//! text of the algorithm, part by part. `INTERLOCK_SOAK=1` runs the full size.

use std::collections::BTreeSet;
use std::sync::Arc;

use interlock_core::facts::Facts;
use interlock_core::model::{
    Action, ActionDigest, ActionType, Capabilities, Effect, Finding, FindingCode, Findings, Layer,
    Obligation, Principal, Value, Vector, VectorSet, reason::code,
};
use interlock_core::program::expr::Expr;
use interlock_core::program::glob::Glob;
use interlock_core::program::rule::{
    ArgCheck, ArgConstraint, Band, Exempt, LimitSpec, Profile, Require, Rule, Select,
};
use interlock_core::program::{
    Classification, EnvironmentConfig, EvalInput, Grant, Program, ProgramParts, SelectInput,
};
use interlock_core::risk::RiskReport;
use interlock_core::state::{LimitCharge, LimitKind, LimitReading, Readings};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

const TOOLS: [&str; 4] = ["", "sql.execute", "mail.send", "sql"];
const TOOL_GLOBS: [&str; 5] = ["sql.execute", "sql", "sql*", "mail.send", ""];
const NAMES: [&str; 7] = [
    "",
    "/srv/app/.env",
    "/srv/x",
    "/srv",
    "postgres://prod/t",
    "/tmp/y",
    "/srv/application",
];
const NAME_GLOBS: [&str; 9] = [
    "/srv/*",
    "/srv/app/*",
    "/srv/app*",
    "*.env",
    "/srv/app/.env",
    "postgres://*",
    "/s*",
    "/srv",
    "[/]tmp/?",
];
const TYPES: [&str; 3] = ["file_read", "database_write", "robot.move"];
const TYPE_GLOBS: [&str; 6] = [
    "database_*",
    "file_read",
    "custom",
    "robot.move",
    "*",
    "*_*",
];
const AGENTS: [&str; 2] = ["bot", "other"];
const AGENT_GLOBS: [&str; 3] = ["bot", "other", "b*"];
const ENVIRONMENTS: [&str; 3] = ["", "production", "staging"];
const ENVIRONMENT_GLOBS: [&str; 3] = ["production", "prod*", "staging"];
const GROUPS: [&str; 3] = ["a", "b", "c"];

/// A condition whose outcome is plain.
#[derive(Debug, Clone, Copy)]
enum Condition {
    True,
    False,
    Error,
    RiskOver(i64),
    AmountOver(i64),
    /// A part known before the state is reserved, and one that is not.
    AmountAndRisk(i64, i64),
    Found(Vector),
}

impl Condition {
    fn expr(self) -> Expr {
        let over = |what: Expr, n| Expr::Less(Box::new(Expr::Long(n)), Box::new(what));
        let amount = || Expr::Arg(["amount".into()].into());
        match self {
            Self::True => Expr::Bool(true),
            Self::False => Expr::Bool(false),
            Self::Error => over(Expr::Arg(["missing".into()].into()), 0),
            Self::RiskOver(n) => over(Expr::Composite, n),
            Self::AmountOver(n) => over(amount(), n),
            Self::AmountAndRisk(a, r) => Expr::And(
                Box::new(over(amount(), a)),
                Box::new(over(Expr::Composite, r)),
            ),
            Self::Found(vector) => Expr::Finding(vector),
        }
    }

    /// `None` is an error.
    fn outcome(self, world: &World) -> Option<bool> {
        match self {
            Self::True => Some(true),
            Self::False => Some(false),
            Self::Error => None,
            Self::RiskOver(n) => Some(i64::from(world.risk) > n),
            Self::AmountOver(n) => world.amount.map(|a| a > n),
            Self::AmountAndRisk(a, r) => match world.amount {
                None => None,
                Some(amount) if amount <= a => Some(false),
                Some(_) => Some(i64::from(world.risk) > r),
            },
            Self::Found(vector) => Some(world.found.iter().any(|(v, _)| *v == vector)),
        }
    }
}

/// A rule with what the reference needs to know of it.
#[derive(Debug, Clone)]
struct Draft {
    rule: Rule,
    condition: Option<Condition>,
    amount_max: Option<i64>,
    limit_exceeded: Option<bool>,
}

/// What an action and its circumstances are.
#[derive(Debug, Clone)]
struct World {
    action_type: &'static str,
    tool: &'static str,
    agent: &'static str,
    environment: &'static str,
    resource: &'static str,
    names: Vec<&'static str>,
    amount: Option<i64>,
    risk: u8,
    found: Vec<(Vector, u8)>,
    failed: VectorSet,
    kill_switch: bool,
    profile_risk_max: Option<u8>,
    capabilities: Capabilities,
    /// Which ids a grant names; `Some` of nothing names all.
    grant: Option<Vec<usize>>,
    default: Effect,
    bands: Vec<(u8, Option<Condition>, Effect)>,
}

fn globs(all: &'static [&'static str]) -> impl Strategy<Value = Vec<Glob>> {
    prop_oneof![
        3 => Just(Vec::new()),
        2 => subsequence(all, 1..=2.min(all.len()))
            .prop_map(|some| some.into_iter().map(Glob::new).collect()),
    ]
}

fn effect() -> impl Strategy<Value = Effect> {
    select(&Effect::ALL[..])
}

const VECTORS: [Vector; 3] = [Vector::Pii, Vector::SqlInjection, Vector::PolicyViolation];

fn condition() -> impl Strategy<Value = Condition> {
    prop_oneof![
        3 => Just(Condition::True),
        1 => Just(Condition::False),
        1 => Just(Condition::Error),
        1 => (0i64..100).prop_map(Condition::RiskOver),
        1 => (0i64..10).prop_map(Condition::AmountOver),
        1 => (0i64..10, 0i64..100).prop_map(|(a, r)| Condition::AmountAndRisk(a, r)),
        1 => select(&VECTORS[..]).prop_map(Condition::Found),
    ]
}

fn rarely() -> impl Strategy<Value = bool> {
    prop::bool::weighted(0.15)
}

fn exempt() -> impl Strategy<Value = Exempt> {
    (
        any::<bool>(),
        any::<bool>(),
        subsequence(&VECTORS[..], 0..=2),
    )
        .prop_map(|(bands, packs, vectors)| Exempt {
            bands,
            packs,
            vectors: vectors.into_iter().collect(),
        })
}

fn draft() -> impl Strategy<Value = Draft> {
    let selectors = (
        globs(&TYPE_GLOBS),
        globs(&TOOL_GLOBS),
        globs(&NAME_GLOBS),
        globs(&ENVIRONMENT_GLOBS),
        globs(&AGENT_GLOBS),
    )
        .prop_map(|(actions, tools, resources, environments, agents)| Select {
            actions,
            tools,
            resources,
            environments,
            agents,
        });
    let select = prop_oneof![1 => Just(Select::default()), 1 => selectors];
    let flags = (rarely(), rarely(), rarely(), rarely());
    let layer = select_layer();
    let needs = (
        prop::option::of(condition()),
        prop::option::weighted(0.15, 0i64..10),
        prop::option::weighted(0.15, any::<bool>()),
    );
    (
        select,
        flags,
        (layer, -1i32..=2),
        effect(),
        exempt(),
        needs,
        subsequence(&GROUPS[..], 0..=2),
    )
        .prop_map(
            |(select, flags, (layer, priority), effect, exempt, needs, notify)| {
                let (mandatory, overridable, shadow, pack) = flags;
                let (condition, amount_max, limit_exceeded) = needs;
                let mut require = Require::default();
                if let Some(max) = amount_max {
                    require.arguments.push(ArgConstraint {
                        path: ["amount".into()].into(),
                        check: ArgCheck::Max(max * 1_000_000_000),
                    });
                }
                if limit_exceeded.is_some() {
                    require.limits.push(LimitSpec {
                        kind: LimitKind::Calls,
                        max: 1,
                        window_ms: 60_000,
                        per: None,
                        tool: None,
                    });
                }
                Draft {
                    condition,
                    amount_max,
                    limit_exceeded,
                    rule: Rule {
                        id: Arc::from(""),
                        description: Arc::from(""),
                        origin: Arc::from("generated"),
                        cites: pack
                            .then(|| Arc::from("GDPR Art. 32"))
                            .into_iter()
                            .collect(),
                        layer,
                        priority,
                        mandatory,
                        overridable,
                        shadow,
                        select,
                        when: condition.map(Condition::expr),
                        require: (require != Require::default()).then_some(require),
                        effect,
                        exempt,
                        notify: notify.into_iter().map(Arc::from).collect(),
                        approvers: None,
                        schedule: None,
                        expires: None,
                    },
                }
            },
        )
}

fn select_layer() -> impl Strategy<Value = Layer> {
    select(&[Layer::Organisation, Layer::Team, Layer::Agent][..])
}

fn world() -> impl Strategy<Value = World> {
    let what = (
        select(&TYPES[..]),
        select(&TOOLS[..]),
        select(&AGENTS[..]),
        select(&ENVIRONMENTS[..]),
        select(&NAMES[..]),
        subsequence(&NAMES[1..], 0..=3),
        prop::option::weighted(0.8, 0i64..10),
    );
    let seen = (
        0u8..=100,
        subsequence(&VECTORS[..], 0..=2),
        prop::collection::vec(1u8..=100, 3),
        prop::bool::weighted(0.05),
        prop::bool::weighted(0.05),
        prop::option::weighted(0.2, 0u8..=100),
    );
    let can = (any::<bool>(), any::<bool>(), prop::bool::weighted(0.8));
    let bands = prop::collection::vec((0u8..=100, prop::option::of(condition()), effect()), 0..3);
    let grant = prop::option::weighted(0.4, prop::collection::vec(0usize..14, 0..4));
    (what, seen, can, bands, grant, effect()).prop_map(
        |(what, seen, can, bands, grant, default)| {
            let (action_type, tool, agent, environment, resource, names, amount) = what;
            let (risk, vectors, confidences, failed, kill_switch, profile_risk_max) = seen;
            World {
                action_type,
                tool,
                agent,
                environment,
                resource,
                names,
                amount,
                risk,
                found: vectors.into_iter().zip(confidences).collect(),
                failed: failed.then_some(Vector::Xss).into_iter().collect(),
                kill_switch,
                profile_risk_max,
                capabilities: Capabilities {
                    redact: can.0,
                    sandbox: can.1,
                    wait: can.2,
                    undo: false,
                },
                grant,
                default,
                bands,
            }
        },
    )
}

/// The answer, as sets.
#[derive(Debug, Default, PartialEq, Eq)]
struct Answer {
    effect: Effect,
    decided: Effect,
    fired: BTreeSet<String>,
    deciders: BTreeSet<String>,
    errored: BTreeSet<String>,
    shadow: BTreeSet<String>,
    notify: BTreeSet<String>,
    approvals: BTreeSet<String>,
}

fn selects(rule: &Rule, world: &World) -> bool {
    let one = |globs: &[Glob], texts: &[&str]| {
        globs.is_empty() || globs.iter().any(|g| texts.iter().any(|t| g.matches(t)))
    };
    let types = match world.action_type {
        "robot.move" => vec!["robot.move", "custom"],
        listed => vec![listed],
    };
    let names: Vec<&str> = std::iter::once(world.resource)
        .chain(world.names.iter().copied())
        .filter(|n| !n.is_empty())
        .collect();
    one(&rule.select.actions, &types)
        && one(&rule.select.tools, &[world.tool])
        && one(&rule.select.resources, &names)
        && one(&rule.select.environments, &[world.environment])
        && one(&rule.select.agents, &[world.agent])
}

/// `None`: it stays silent. `Some(true)`: it could not be evaluated.
fn fires(draft: &Draft, world: &World) -> Option<bool> {
    if !selects(&draft.rule, world) {
        return None;
    }
    match draft.condition.map_or(Some(true), |c| c.outcome(world)) {
        None => return Some(true),
        Some(false) => return None,
        Some(true) => {}
    }
    if draft.rule.require.is_none() {
        return Some(false);
    }
    let too_much = draft
        .amount_max
        .is_some_and(|max| world.amount.is_none_or(|amount| amount > max));
    let used_up = draft.limit_exceeded == Some(true) && !draft.rule.shadow;
    (too_much || used_up).then_some(false)
}

/// DESIGN section 6, "Combining", word by word.
fn reference(drafts: &[Draft], world: &World, granted: Option<&[String]>) -> Answer {
    let mut answer = Answer::default();
    // Who has a say in the end, and what each asks for.
    let mut voices: Vec<(String, Effect)> = Vec::new();

    // (a) the system, the profile
    let mut block = |id: &str, answer: &mut Answer| {
        answer.fired.insert(id.to_owned());
        voices.push((id.to_owned(), Effect::Block));
    };
    if world.kill_switch {
        block(code::KILL_SWITCH, &mut answer);
    }
    if !world.failed.is_empty() {
        block(code::DETECTOR_PANIC, &mut answer);
    }
    if world.profile_risk_max.is_some_and(|max| world.risk > max) {
        block(code::PROFILE_RISK, &mut answer);
    }

    let mut ordinary: Vec<&Rule> = Vec::new();
    let mut packs: Vec<&Rule> = Vec::new();
    for draft in drafts {
        let rule = &draft.rule;
        let Some(errored) = fires(draft, world) else {
            continue;
        };
        let id = rule.id.to_string();
        if rule.shadow {
            // (h)
            answer.shadow.insert(id);
            continue;
        }
        answer.fired.insert(id.clone());
        if errored {
            answer.errored.insert(id.clone());
        }
        let counts = !(errored && rule.effect == Effect::Allow);
        if counts {
            // (f)
            answer
                .notify
                .extend(rule.notify.iter().map(ToString::to_string));
        }
        if errored || rule.mandatory {
            // (a), (e)
            if counts {
                voices.push((id, rule.effect));
            }
        } else if !rule.cites.is_empty() && rule.effect != Effect::Allow {
            packs.push(rule);
        } else {
            ordinary.push(rule);
        }
    }

    // (b), (c)
    let mut layers_say: Vec<&Rule> = Vec::new();
    for layer in [Layer::Organisation, Layer::Team, Layer::Agent] {
        let of_layer = || ordinary.iter().filter(|r| r.layer == layer);
        let Some(top) = of_layer().map(|r| r.priority).max() else {
            continue;
        };
        let below = ordinary.iter().any(|r| r.layer > layer);
        layers_say.extend(of_layer().filter(|r| r.priority == top && !(r.overridable && below)));
    }
    let mut lifted = Exempt::default();
    if layers_say.is_empty() {
        assert!(ordinary.is_empty());
        voices.push((code::DEFAULT.to_owned(), world.default));
    } else if layers_say.iter().all(|r| r.effect == Effect::Allow) {
        for rule in &layers_say {
            lifted.bands |= rule.exempt.bands;
            lifted.packs |= rule.exempt.packs;
            for vector in Vector::ALL {
                if rule.exempt.vectors.contains(vector) {
                    lifted.vectors.insert(vector);
                }
            }
        }
    }
    voices.extend(layers_say.iter().map(|r| (r.id.to_string(), r.effect)));

    // (d)
    if !lifted.packs {
        voices.extend(packs.iter().map(|r| (r.id.to_string(), r.effect)));
    }
    for (from, when, effect) in &world.bands {
        let outcome = when.map_or(Some(true), |c| c.outcome(world));
        if world.risk < *from || outcome == Some(false) {
            continue;
        }
        let id = format!("band.{from}");
        answer.fired.insert(id.clone());
        if outcome.is_none() {
            answer.errored.insert(id.clone());
            if *effect != Effect::Allow {
                voices.push((id, *effect));
            }
        } else if !lifted.bands {
            voices.push((id, *effect));
        }
    }
    for (vector, confidence) in &world.found {
        let effect = EnvironmentConfig::default().detector_effect(*vector);
        if *confidence >= 50 && effect != Effect::Allow {
            let id = format!("detector.{}", vector.name());
            answer.fired.insert(id.clone());
            if !lifted.vectors.contains(*vector) {
                voices.push((id, effect));
            }
        }
    }

    // (g)
    let approval = |effect| world.capabilities.enforceable(effect) == Effect::RequireApproval;
    if let Some(named) = granted {
        voices.retain(|(id, effect)| {
            !(approval(*effect) && (named.is_empty() || named.contains(id)))
        });
    }
    answer.decided = voices.iter().map(|(_, e)| *e).max().unwrap_or_default();
    answer.effect = world.capabilities.enforceable(answer.decided);
    for (id, effect) in voices {
        if effect == answer.decided && id != code::DEFAULT {
            answer.deciders.insert(id.clone());
        }
        if answer.effect == Effect::RequireApproval && approval(effect) {
            answer.approvals.insert(id);
        }
    }
    answer
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
    static CODES: [FindingCode; 3] = [code(VECTORS[0]), code(VECTORS[1]), code(VECTORS[2])];
    CODES.iter().find(|c| c.vector == vector).unwrap()
}

/// What the program answers, through the steps of the engine: charge, read, evaluate.
fn program_answer(drafts: &[Draft], world: &World, granted: Option<&[String]>) -> Answer {
    let band = |(from, when, effect): &(u8, Option<Condition>, Effect)| Band {
        from: *from,
        when: when.map(Condition::expr),
        effect: *effect,
        notify: Vec::new(),
    };
    let program = Program::new(ProgramParts {
        rules: drafts.iter().map(|d| d.rule.clone()).collect(),
        default: world.default,
        bands: world.bands.iter().map(band).collect(),
        environments: Vec::new(),
        base: EnvironmentConfig::default(),
        classification: Classification::default(),
        digest: [0; 32],
        number: 1,
        name: Arc::from("generated"),
    })
    .unwrap();
    let principal = Principal::local();
    let mut action = Action::new(world.agent, ActionType::parse(world.action_type).unwrap());
    action.tool = world.tool.to_owned();
    action.resource = world.resource.to_owned();
    action.environment.name = world.environment.to_owned();
    action.capabilities = world.capabilities;
    if let Some(amount) = world.amount {
        let fields = [("amount".to_owned(), Value::from(amount))];
        action.arguments = Value::Object(fields.into_iter().collect());
    }
    let mut facts = Facts::default();
    facts.resource.names = world.names.iter().map(|n| (*n).to_owned()).collect();
    facts.resource.name = facts.resource.names.first().cloned().unwrap_or_default();
    let mut findings = Findings::default();
    for (vector, confidence) in &world.found {
        findings.push(Finding::whole(finding_code(*vector), *confidence));
    }
    let mut charges: Vec<(u32, LimitCharge)> = Vec::new();
    program.charges(
        &SelectInput {
            action: &action,
            principal: &principal,
            facts: &facts,
            now: 0,
        },
        &mut charges,
    );
    let mut readings = Readings::default();
    readings.state.kill_switch = world.kill_switch;
    for (number, charge) in &charges {
        let draft = &drafts[*number as usize];
        assert!(!draft.rule.shadow, "a shadow rule reserves");
        assert!(
            selects(&draft.rule, world),
            "a rule that does not select reserves"
        );
        readings.limits.push(LimitReading {
            key: charge.key,
            used: 2,
            exceeded: draft.limit_exceeded.unwrap(),
            retry_after_ms: 0,
        });
    }
    let charged: Vec<(u32, usize)> = charges
        .iter()
        .enumerate()
        .map(|(at, (number, _))| (*number, at))
        .collect();
    let grant = granted.map(|named| Grant {
        digest: ActionDigest::of(&principal.tenant, &action),
        rules: named.iter().map(|id| Arc::from(id.as_str())).collect(),
        approval_id: Arc::from("ap-1"),
    });
    let profile = world.profile_risk_max.map(|max| Profile {
        risk_max: Some(max),
        ..Profile::default()
    });
    let input = EvalInput {
        action: &action,
        principal: &principal,
        facts: &facts,
        risk: &RiskReport {
            composite: world.risk,
            ..RiskReport::default()
        },
        findings: &findings,
        readings: &readings,
        charged: &charged,
        profile: profile.as_ref(),
        grant: grant.as_ref(),
        now: 0,
        environment: program.environment(world.environment),
        failed: world.failed,
    };
    let evaluation = program.evaluate(&input);
    assert_eq!(evaluation, program.evaluate(&input), "not deterministic");
    assert!(!evaluation.reasons.is_empty());
    for reason in &evaluation.reasons {
        assert_ne!(
            reason.code,
            code::STATE_UNAVAILABLE,
            "a limit was not reserved"
        );
    }
    let ids = |keep: &dyn Fn(&interlock_core::model::FiredRule) -> bool| {
        let fired = evaluation.fired.iter().filter(|f| keep(f));
        fired.map(|f| f.id.to_string()).collect()
    };
    Answer {
        effect: evaluation.effect,
        decided: evaluation.decided,
        fired: ids(&|_| true),
        deciders: ids(&|f| f.decided),
        errored: ids(&|f| f.errored),
        shadow: evaluation.shadow.iter().map(|f| f.id.to_string()).collect(),
        notify: evaluation
            .obligations
            .iter()
            .filter_map(|o| match o {
                Obligation::Notify(groups) => Some(groups.clone()),
                _ => None,
            })
            .flatten()
            .collect(),
        approvals: evaluation
            .approvals
            .iter()
            .map(ToString::to_string)
            .collect(),
    }
}

fn cases() -> u32 {
    if std::env::var_os("INTERLOCK_SOAK").is_some() {
        200_000
    } else {
        println!("reduced size: 20,000 of 200,000 cases; INTERLOCK_SOAK=1 runs all");
        20_000
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn programs_agree_with_the_naive_reference(
        mut drafts in prop::collection::vec(draft(), 0..14),
        world in world(),
    ) {
        for (number, draft) in drafts.iter_mut().enumerate() {
            draft.rule.id = Arc::from(format!("r{number}"));
        }
        let granted: Option<Vec<String>> = world.grant.as_ref().map(|numbers| {
            numbers.iter().map(|n| match n {
                12 => code::DEFAULT.to_owned(),
                13 => "detector.sql_injection".to_owned(),
                n => format!("r{n}"),
            }).collect()
        });
        let expected = reference(&drafts, &world, granted.as_deref());
        prop_assert_eq!(program_answer(&drafts, &world, granted.as_deref()), expected);
    }
}
