//! The compiled form of conditions against Cedar itself.
//!
//! Conditions are drawn from a grammar, contexts at random; some arguments are absent, of another
//! type, or large enough to overflow. A one-policy Cedar set and the core must agree on true,
//! false and error. 5,000 pairs by default, 100,000 with `INTERLOCK_SOAK=1`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::str::FromStr as _;

use cedar_policy::{Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request};
use interlock_core::facts::{FactGroup, FactId, FactRef, Facts};
use interlock_core::model::{
    Action, ActionType, Finding, FindingCode, Findings, Object, Value, Vector,
};
use interlock_core::program::eval::{EvalContext, holds};
use interlock_core::program::expr::Expr;
use interlock_core::risk::{Dimension, RiskReport};
use interlock_core::state::StateFacts;
use interlock_policy::ConditionCompiler;
use serde_json::{Map, json};

const CONTEXTS_PER_CONDITION: usize = 10;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }
}

const BOOLS: &[&str] = &[
    "facts.outbound",
    "facts.sql.unbounded",
    "facts.shell.network",
    "facts.url.external",
    "facts.http.writes",
    "facts.money.present",
    "facts.data.pii",
    "facts.path.secret",
    "findings.pii",
    "findings.sql_injection",
    "findings.xss",
    "state.agent_known",
    "state.untrusted_seen",
    "args.flag",
];
const LONGS: &[&str] = &[
    "risk.composite",
    "risk.data",
    "risk.action",
    "findings.confidence.pii",
    "findings.confidence.xss",
    "facts.hour",
    "facts.records",
    "facts.sql.row_estimate",
    "facts.money.amount",
    "facts.url.port",
    "state.actions_last_minute",
    "state.bytes_deviation",
    "args.amount",
    "args.count",
    "args.customer.limit",
];
const STRINGS: &[&str] = &[
    "facts.environment",
    "facts.resource.name",
    "facts.resource.tier",
    "facts.path.name",
    "facts.url.host",
    "facts.http.method",
    "facts.money.currency",
    "args.to",
    "args.subject",
    "args.customer.id",
    "args[\"odd name\"]",
];
const STRING_SETS: &[&str] = &[
    "facts.sql.kinds",
    "facts.sql.tables",
    "facts.shell.commands",
    "facts.data.classes",
    "facts.url.hosts",
    "args.tags",
];
const LONG_SETS: &[&str] = &["args.ids", "args.more_ids"];
const HAS: &[&str] = &[
    "args has amount",
    "args has flag",
    "args has tags",
    "args has customer",
    "args has customer.id",
    "args.customer has limit",
    "args has \"odd name\"",
    "args has nothing",
];
const TEXTS: &[&str] = &[
    "",
    "a",
    "ab",
    "production",
    "staging",
    "users",
    "select",
    "delete",
    "pii",
    "rm",
    "a*b",
    "ü€",
    "GET",
    "POST",
    "critical",
    "public",
    "example.com",
    "/etc/passwd",
];
const PATTERNS: &[&str] = &[
    "*", "a*", "*b", "a*b", "*e*", "prod*", "*.com", "/etc/*", "", "a\\*b", "*ü*",
];
const NUMBERS: &[i64] = &[
    0,
    1,
    2,
    5,
    10,
    12,
    23,
    40,
    60,
    85,
    100,
    443,
    500,
    -1,
    -7,
    i64::MAX,
    i64::MIN + 1,
    4_611_686_018_427_387_904,
];

/// Draws the text of a condition, with abbreviations.
struct Grammar<'r> {
    random: &'r mut Random,
}

impl Grammar<'_> {
    fn bool(&mut self, depth: usize) -> String {
        let deep = depth > 0;
        match self.random.below(if deep { 22 } else { 4 }) {
            0 | 1 => self.random.pick(BOOLS).to_owned(),
            2 => self.random.pick(HAS).to_owned(),
            3 => match self.random.below(7) {
                0 => "principal == Agent::\"bot\"".to_owned(),
                1 => "principal != Agent::\"other\"".to_owned(),
                2 => "action == Action::\"payment\"".to_owned(),
                3 => "resource == Resource::\"users\"".to_owned(),
                4 => "action in [Action::\"file_read\", Action::\"payment\"]".to_owned(),
                _ => self.random.pick(BOOLS).to_owned(),
            },
            4 => format!("!({})", self.bool(depth - 1)),
            5 | 6 => format!("({} && {})", self.bool(depth - 1), self.bool(depth - 1)),
            7 | 8 => format!("({} || {})", self.bool(depth - 1), self.bool(depth - 1)),
            9 => format!(
                "(if {} then {} else {})",
                self.bool(depth - 1),
                self.bool(depth - 1),
                self.bool(depth - 1)
            ),
            10..=13 => {
                let operator = self.random.pick(&["<", "<=", ">", ">=", "==", "!="]);
                format!(
                    "{} {operator} {}",
                    self.long(depth - 1),
                    self.long(depth - 1)
                )
            }
            14 => {
                let operator = self.random.pick(&["==", "!="]);
                format!(
                    "{} {operator} {}",
                    self.string(depth - 1),
                    self.string(depth - 1)
                )
            }
            15 => format!(
                "{} like \"{}\"",
                self.string(depth - 1),
                self.random.pick(PATTERNS)
            ),
            16 => format!("{}.contains({})", self.strings(), self.string(depth - 1)),
            17 => format!("{}.contains({})", self.longs(), self.long(depth - 1)),
            18 => format!("{}.containsAll({})", self.strings(), self.strings()),
            19 => {
                if self.random.chance(50) {
                    format!("{}.containsAny({})", self.strings(), self.strings())
                } else {
                    format!("{}.containsAny({})", self.longs(), self.longs())
                }
            }
            20 => match self.random.below(4) {
                0 => format!("{}.isEmpty()", self.strings()),
                1 => format!("{}.isEmpty()", self.longs()),
                2 => format!("{} == {}", self.strings(), self.strings()),
                _ => format!("{} != {}", self.longs(), self.longs()),
            },
            _ => match self.random.below(3) {
                0 => "args.left == args.right".to_owned(),
                1 => format!("({} == {})", self.bool(depth - 1), self.bool(depth - 1)),
                _ => {
                    // Guarded, the way authors write it.
                    let (guard, value) = *[
                        ("args has amount", "args.amount"),
                        ("args has customer.limit", "args.customer.limit"),
                        ("args has count", "args.count"),
                    ]
                    .get(self.random.below(3))
                    .unwrap();
                    format!("({guard} && {value} > {})", self.number())
                }
            },
        }
    }

    fn number(&mut self) -> String {
        NUMBERS[self.random.below(NUMBERS.len())].to_string()
    }

    fn long(&mut self, depth: usize) -> String {
        match self.random.below(if depth > 0 { 10 } else { 5 }) {
            0..=2 => self.random.pick(LONGS).to_owned(),
            3 | 4 => self.number(),
            5 => format!("({} + {})", self.long(depth - 1), self.long(depth - 1)),
            6 => format!("({} - {})", self.long(depth - 1), self.long(depth - 1)),
            7 => format!("({} * {})", self.long(depth - 1), self.long(depth - 1)),
            8 => format!("-({})", self.long(depth - 1)),
            _ => format!(
                "(if {} then {} else {})",
                self.bool(depth - 1),
                self.long(depth - 1),
                self.long(depth - 1)
            ),
        }
    }

    fn string(&mut self, depth: usize) -> String {
        match self.random.below(if depth > 0 { 8 } else { 7 }) {
            0..=4 => self.random.pick(STRINGS).to_owned(),
            5 | 6 => format!("\"{}\"", self.random.pick(TEXTS)),
            _ => format!(
                "(if {} then {} else {})",
                self.bool(depth - 1),
                self.string(depth - 1),
                self.string(depth - 1)
            ),
        }
    }

    fn strings(&mut self) -> String {
        if self.random.chance(60) {
            return self.random.pick(STRING_SETS).to_owned();
        }
        let mut out = String::from("[");
        for i in 0..=self.random.below(3) {
            let comma = if i > 0 { ", " } else { "" };
            let item = if self.random.chance(30) {
                self.random.pick(STRINGS).to_owned()
            } else {
                format!("\"{}\"", self.random.pick(TEXTS))
            };
            write!(out, "{comma}{item}").unwrap();
        }
        out + "]"
    }

    fn longs(&mut self) -> String {
        if self.random.chance(60) {
            return self.random.pick(LONG_SETS).to_owned();
        }
        let mut out = String::from("[");
        for i in 0..=self.random.below(3) {
            let comma = if i > 0 { ", " } else { "" };
            write!(out, "{comma}{}", self.long(1)).unwrap();
        }
        out + "]"
    }
}

/// What one condition is evaluated on.
struct World {
    action: Action,
    facts: Facts,
    risk: RiskReport,
    findings: Findings,
    state: StateFacts,
}

static CODES: [FindingCode; 3] = [
    FindingCode {
        code: "pii.test",
        vector: Vector::Pii,
        summary: "",
        tags: &[],
    },
    FindingCode {
        code: "sql-injection.test",
        vector: Vector::SqlInjection,
        summary: "",
        tags: &[],
    },
    FindingCode {
        code: "xss.test",
        vector: Vector::Xss,
        summary: "",
        tags: &[],
    },
];

fn world(random: &mut Random) -> World {
    let text = |r: &mut Random| r.pick(TEXTS).to_owned();
    let texts = |r: &mut Random| {
        let mut set = Vec::new();
        for _ in 0..r.below(4) {
            interlock_core::facts::set_insert(&mut set, r.pick(TEXTS));
        }
        set
    };
    let long = |r: &mut Random| {
        if r.chance(8) {
            NUMBERS[r.below(NUMBERS.len())]
        } else {
            r.below(120) as i64 - 5
        }
    };
    let mut facts = Facts::default();
    let r = random;
    facts.action.outbound = r.chance(50);
    facts.action.hour = r.below(24) as i64;
    facts.action.records = long(r);
    facts.action.environment = text(r);
    facts.sql.unbounded = r.chance(50);
    facts.sql.kinds = texts(r);
    facts.sql.tables = texts(r);
    facts.sql.row_estimate = long(r);
    facts.shell.network = r.chance(50);
    facts.shell.commands = texts(r);
    facts.url.external = r.chance(50);
    facts.url.host = text(r);
    facts.url.hosts = texts(r);
    facts.url.port = long(r);
    facts.http.writes = r.chance(50);
    facts.http.method = text(r);
    facts.money.present = r.chance(50);
    facts.money.amount = long(r);
    facts.money.currency = text(r);
    facts.data.pii = r.chance(50);
    facts.data.classes = texts(r);
    facts.path.secret = r.chance(50);
    facts.path.name = text(r);
    facts.resource.name = text(r);
    facts.resource.tier = text(r);
    let mut risk = RiskReport {
        composite: r.below(101) as u8,
        ..RiskReport::default()
    };
    for dimension in &mut risk.dimensions {
        dimension.score = r.below(101) as u8;
    }
    let mut findings = Findings::default();
    for code in &CODES {
        if r.chance(50) {
            findings.push(Finding::whole(code, r.below(100) as u8 + 1));
        }
    }
    let state = StateFacts {
        agent_known: r.chance(50),
        untrusted_seen: r.chance(50),
        actions_last_minute: long(r),
        bytes_deviation: long(r),
        ..StateFacts::default()
    };
    let kind = r.pick(&["payment", "file_read", "my_own"]);
    let mut action = Action::new(r.pick(&["bot", "other"]), ActionType::parse(kind).unwrap());
    // Cedar has one name for a resource.
    action.resource.clone_from(&facts.resource.name);
    action.arguments = Value::Object(arguments(r));
    World {
        action,
        facts,
        risk,
        findings,
        state,
    }
}

fn arguments(r: &mut Random) -> Object {
    let mut out = Object::new();
    let put = |r: &mut Random, out: &mut Object, name: &str, usual: Value| match r.below(100) {
        0..=9 => {}
        10..=11 => out.insert(name, Value::Null),
        12..=17 => {
            let odd = any(r);
            out.insert(name, odd);
        }
        _ => out.insert(name, usual),
    };
    let long = |r: &mut Random| {
        Value::from(if r.chance(10) {
            NUMBERS[r.below(NUMBERS.len())]
        } else {
            r.below(1_000) as i64
        })
    };
    let text = |r: &mut Random| Value::from(r.pick(TEXTS));
    let (a, b, c, d, e, f) = (long(r), long(r), text(r), text(r), text(r), r.chance(50));
    put(r, &mut out, "amount", a);
    put(r, &mut out, "count", b);
    put(r, &mut out, "to", c);
    put(r, &mut out, "subject", d);
    put(r, &mut out, "odd name", e);
    put(r, &mut out, "flag", Value::from(f));
    let tags = Value::Array((0..r.below(4)).map(|_| text(r)).collect());
    put(r, &mut out, "tags", tags);
    for name in ["ids", "more_ids"] {
        let ids = Value::Array((0..r.below(4)).map(|_| long(r)).collect());
        put(r, &mut out, name, ids);
    }
    let mut customer = Object::new();
    let (id, limit) = (text(r), long(r));
    put(r, &mut customer, "id", id);
    put(r, &mut customer, "limit", limit);
    put(r, &mut out, "customer", Value::Object(customer));
    let left = any(r);
    let right = if r.chance(40) { left.clone() } else { any(r) };
    put(r, &mut out, "left", left);
    put(r, &mut out, "right", right);
    out
}

fn any(r: &mut Random) -> Value {
    match r.below(6) {
        0 => Value::from(r.chance(50)),
        1 => Value::from(r.below(3) as i64),
        2 => Value::from(r.pick(TEXTS)),
        3 => Value::Array(
            (0..r.below(3))
                .map(|_| Value::from(r.below(3) as i64))
                .collect(),
        ),
        4 => Value::Array(
            (0..r.below(3))
                .map(|_| Value::from(r.pick(TEXTS)))
                .collect(),
        ),
        _ => {
            let mut object = Object::new();
            object.insert("id", Value::from(r.pick(TEXTS)));
            Value::Object(object)
        }
    }
}

fn fact_json(value: FactRef<'_>) -> serde_json::Value {
    match value {
        FactRef::Bool(b) => json!(b),
        FactRef::Long(n) => json!(n),
        FactRef::String(s) => json!(s),
        FactRef::Strings(s) => json!(s),
    }
}

fn arguments_json(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(b) => json!(b),
        Value::Number(n) => json!(n.as_i64().unwrap()),
        Value::String(s) => json!(s),
        Value::Array(items) => items.iter().map(arguments_json).collect(),
        // Cedar has no null: such an argument is absent.
        Value::Object(object) => object
            .iter()
            .filter(|(_, v)| !v.is_null())
            .map(|(k, v)| (k.to_owned(), arguments_json(v)))
            .collect::<Map<_, _>>()
            .into(),
    }
}

/// The whole context as Cedar sees it.
fn context(world: &World) -> Context {
    let mut facts = Map::new();
    for group in FactGroup::ALL {
        for (index, spec) in group.specs().iter().enumerate() {
            let id = FactId {
                group: *group,
                index: index as u8,
            };
            let value = fact_json(world.facts.get(id).unwrap());
            if group.name().is_empty() {
                facts.insert(spec.name.to_owned(), value);
            } else {
                facts
                    .entry(group.name())
                    .or_insert_with(|| json!({}))
                    .as_object_mut()
                    .unwrap()
                    .insert(spec.name.to_owned(), value);
            }
        }
    }
    let mut risk = Map::new();
    risk.insert("composite".to_owned(), json!(world.risk.composite));
    for dimension in Dimension::ALL {
        risk.insert(
            dimension.name().to_owned(),
            json!(world.risk.score(dimension)),
        );
    }
    let mut findings = Map::new();
    let mut confidence = Map::new();
    for vector in Vector::ALL {
        findings.insert(vector.name().to_owned(), json!(world.findings.has(vector)));
        confidence.insert(
            vector.name().to_owned(),
            json!(world.findings.confidence(vector)),
        );
    }
    findings.insert("confidence".to_owned(), confidence.into());
    let state: Map<String, serde_json::Value> = (0u8..)
        .zip(StateFacts::SPECS)
        .map(|(i, s)| (s.name.to_owned(), fact_json(world.state.get(i).unwrap())))
        .collect();
    let whole = json!({
        "facts": facts, "risk": risk, "findings": findings, "state": state,
        "args": arguments_json(&world.action.arguments),
    });
    Context::from_json_value(whole, None).unwrap()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    True,
    False,
    Error,
}

fn by_cedar(authorizer: &Authorizer, set: &PolicySet, world: &World) -> Outcome {
    let uid = |kind: &str, id: &str| {
        EntityUid::from_type_name_and_id(kind.parse().unwrap(), id.parse().unwrap())
    };
    let request = Request::new(
        uid("Agent", &world.action.agent_id),
        uid("Action", world.action.action_type.name()),
        uid("Resource", &world.action.resource),
        context(world),
        None,
    )
    .unwrap();
    let response = authorizer.is_authorized(&request, set, &Entities::empty());
    if response.diagnostics().errors().next().is_some() {
        Outcome::Error
    } else if response.decision() == Decision::Allow {
        Outcome::True
    } else {
        Outcome::False
    }
}

fn by_core(expr: &Expr, world: &World) -> Outcome {
    let cx = EvalContext {
        action: &world.action,
        facts: &world.facts,
        risk: &world.risk,
        findings: &world.findings,
        state: &world.state,
    };
    match holds(expr, &cx) {
        Ok(true) => Outcome::True,
        Ok(false) => Outcome::False,
        Err(_) => Outcome::Error,
    }
}

/// The abbreviations written out, independently of the compiler: no literal of the grammar holds
/// one.
fn written_out(condition: &str) -> String {
    let mut out = condition.to_owned();
    for root in [
        "facts.",
        "risk.",
        "findings.",
        "state.",
        "args.",
        "args[",
        "args has",
    ] {
        out = out.replace(root, &format!("context.{root}"));
    }
    out
}

const OPERATORS: [&str; 18] = [
    "!",
    "-a",
    "&&",
    "||",
    "if",
    "==",
    "<",
    "<=",
    "+",
    "-",
    "*",
    "contains",
    "containsAll",
    "containsAny",
    "isEmpty",
    "like",
    "has",
    "entity",
];

fn count_operators(expr: &Expr, counts: &mut BTreeMap<&'static str, usize>) {
    let (name, operands): (&'static str, Vec<&Expr>) = match expr {
        Expr::Not(a) => ("!", vec![a]),
        Expr::Neg(a) => ("-a", vec![a]),
        Expr::And(a, b) => ("&&", vec![a, b]),
        Expr::Or(a, b) => ("||", vec![a, b]),
        Expr::If(a, b, c) => ("if", vec![a, b, c]),
        Expr::Eq(a, b) => ("==", vec![a, b]),
        Expr::Less(a, b) => ("<", vec![a, b]),
        Expr::LessEq(a, b) => ("<=", vec![a, b]),
        Expr::Add(a, b) => ("+", vec![a, b]),
        Expr::Sub(a, b) => ("-", vec![a, b]),
        Expr::Mul(a, b) => ("*", vec![a, b]),
        Expr::Contains(a, b) => ("contains", vec![a, b]),
        Expr::ContainsAll(a, b) => ("containsAll", vec![a, b]),
        Expr::ContainsAny(a, b) => ("containsAny", vec![a, b]),
        Expr::IsEmpty(a) => ("isEmpty", vec![a]),
        Expr::Like(a, _) => ("like", vec![a]),
        Expr::HasArg(_) => ("has", vec![]),
        Expr::AgentIs(_) | Expr::ActionIs(_) | Expr::ResourceIs(_) => ("entity", vec![]),
        Expr::Set(items) => ("set", items.iter().collect()),
        _ => return,
    };
    *counts.entry(name).or_default() += 1;
    for operand in operands {
        count_operators(operand, counts);
    }
}

#[test]
fn conditions_agree_with_cedar() {
    let soak = std::env::var_os("INTERLOCK_SOAK").is_some_and(|v| v == "1");
    let pairs = if soak { 100_000 } else { 5_000 };
    let mut random = Random(20_260_114);
    let mut compiler = ConditionCompiler::default();
    let authorizer = Authorizer::new();
    let mut operators = BTreeMap::new();
    let mut outcomes: BTreeMap<Outcome, usize> = BTreeMap::new();
    let (mut done, mut refused) = (0usize, 0usize);
    while done < pairs {
        let depth = 1 + random.below(4);
        let condition = Grammar {
            random: &mut random,
        }
        .bool(depth);
        // What the strict validator refuses never reaches a program.
        let Ok(expr) = compiler.compile(&condition) else {
            refused += 1;
            continue;
        };
        count_operators(&expr, &mut operators);
        let policy = format!(
            "permit(principal, action, resource) when {{ {} }};",
            written_out(&condition)
        );
        let set = PolicySet::from_str(&policy).unwrap();
        for _ in 0..CONTEXTS_PER_CONDITION {
            let world = world(&mut random);
            let expected = by_cedar(&authorizer, &set, &world);
            let got = by_core(&expr, &world);
            assert_eq!(
                got,
                expected,
                "core and Cedar differ\ncondition: {condition}\narguments: {}\nfacts: {:?}\nrisk: {:?}",
                world.action.arguments.to_json(),
                world.facts,
                world.risk
            );
            *outcomes.entry(got).or_default() += 1;
            done += 1;
        }
    }
    println!(
        "{done} pairs agree ({} conditions, {refused} refused by the validator){}",
        done / CONTEXTS_PER_CONDITION,
        if soak {
            ""
        } else {
            "; reduced size, INTERLOCK_SOAK=1 runs 100000"
        }
    );
    for (outcome, count) in &outcomes {
        println!(
            "  {outcome:?}: {:.1} %",
            *count as f64 * 100.0 / done as f64
        );
    }
    let shown: Vec<String> = operators.iter().map(|(o, n)| format!("{o} {n}")).collect();
    println!("  operators: {}", shown.join(", "));
    for operator in OPERATORS {
        assert!(
            operators.get(operator).is_some_and(|n| *n >= 5),
            "the grammar hardly draws `{operator}`"
        );
    }
    for outcome in [Outcome::True, Outcome::False, Outcome::Error] {
        let share = outcomes.get(&outcome).copied().unwrap_or(0) * 100 / done;
        assert!(share >= 5, "{outcome:?} only in {share} % of the pairs");
    }
}
