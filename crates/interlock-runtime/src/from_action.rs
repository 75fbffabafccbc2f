//! A rule from a recorded action, with the test that reproduces it.
//!
//! A proposal is a text for people to read, change and publish as any other. What it says comes from
//! facts: tables, hosts, directories, commands. Free text of an agent never gets into a rule, and
//! into a test only what the rule cannot be shown without.

mod closed;

use std::fmt::Write as _;

use interlock_core::audit::recorded::Recorded;
use interlock_core::model::{ActionType, Effect, Object, Value, Vector, write_json_string};
use interlock_core::privacy;
use interlock_core::risk::Dimension;

use crate::error::RuntimeError;
use crate::{Draft, Runtime};

/// Names of one kind that a rule lists.
const NAMES_MAX: usize = 4;
/// Bytes of a name that gets into a rule.
const NAME_BYTES_MAX: usize = 200;
/// Arguments that are tried one by one for a test.
const ARGUMENTS_MAX: usize = 8;
/// Bytes of the arguments of a test.
const TEST_BYTES_MAX: usize = 4_096;

macro_rules! strengths {
    ($($(#[$meta:meta])* $variant:ident = $name:literal;)*) => {
        /// How much a rule covers beside the action that it is made of.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub enum Strength { $($(#[$meta])* $variant,)* }

        impl Strength {
            /// All of them, the narrowest first.
            pub const ALL: [Self; 3] = [$(Self::$variant),*];

            /// The stable name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

strengths! {
    /// This agent, tool and resource, and what it does to it.
    Exact = "exact";
    /// This tool on the same host, table or directory, by any agent.
    #[default]
    Target = "target";
    /// This tool doing the same kind of thing, to whatever.
    Tool = "tool";
}

impl Strength {
    /// The strength of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.name() == name)
    }
}

/// A rule that covers a recorded action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleProposal {
    /// The name for the bundle.
    pub name: String,
    /// The rule's id.
    pub rule: String,
    /// The bundle: the rule and its test.
    pub text: String,
    /// Whether the test is there and passes.
    pub tested: bool,
    /// What a person should know of it.
    pub notes: Vec<String>,
    /// What it would be, with everything else that is in force.
    pub draft: Draft,
}

impl Runtime {
    /// Proposes a rule that decides `effect` on actions like this recorded one. `arguments` are
    /// those of the action, where the caller may see them. Nothing is stored.
    ///
    /// # Errors
    /// When the action says nothing that a rule could go by, or the store fails.
    pub fn propose_rule(
        &self,
        tenant: &str,
        recorded: &Recorded,
        effect: Effect,
        strength: Strength,
        arguments: Option<&Value>,
    ) -> Result<RuleProposal, RuntimeError> {
        let mut notes = Vec::new();
        let rule = rule_id(recorded, effect);
        let head = rule_text(recorded, effect, strength, &rule, &mut notes)?;
        let name = format!("{rule}.yaml");
        let tries = |arguments: &Value, whole: bool| -> Result<(String, Draft), RuntimeError> {
            let test = test_text(recorded, effect, &rule, arguments, whole);
            let text = format!("{head}{test}");
            let draft = self.draft_bundle(tenant, &name, &text)?;
            Ok((text, draft))
        };
        let passes = |draft: &Draft| {
            draft.digest.is_some()
                && !draft.tests.is_empty()
                && draft.tests.iter().all(|test| test.failure.is_none())
        };
        let masked = arguments.map(masked);
        let nothing = Value::Object(Object::new());
        let mut candidates = vec![nothing];
        candidates.extend(rebuilt(recorded));
        candidates.extend(masked.filter(|a| a.to_json().len() <= TEST_BYTES_MAX));
        // The effect as a whole where the test's state leads to it, else that the rule fires.
        for whole in [true, false] {
            for candidate in &candidates {
                let (mut text, mut draft) = tries(candidate, whole)?;
                if !passes(&draft) {
                    continue;
                }
                let mut left = candidate.clone();
                for key in keys(candidate) {
                    let Value::Object(mut fewer) = left.clone() else {
                        break;
                    };
                    fewer.remove(&key);
                    let fewer = Value::Object(fewer);
                    let (shorter, passing) = tries(&fewer, whole)?;
                    if passes(&passing) {
                        (left, text, draft) = (fewer, shorter, passing);
                    }
                }
                if !whole {
                    notes.push(
                        "other rules, or state that a test does not have, decide with it: the test shows that the rule fires".to_owned(),
                    );
                }
                return Ok(RuleProposal {
                    name,
                    rule,
                    text,
                    tested: true,
                    notes,
                    draft,
                });
            }
        }
        notes.push(match arguments {
            Some(_) => "no test reproduces this action: what the rule reads does not follow from what may stand in a test".to_owned(),
            None => "no test reproduces this action without its arguments, which are not kept or not yours to read".to_owned(),
        });
        let draft = self.draft_bundle(tenant, &name, &head)?;
        Ok(RuleProposal {
            name,
            rule,
            text: head,
            tested: false,
            notes,
            draft,
        })
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::new();
    write_json_string(text, &mut out);
    out
}

/// Whether a name may stand in a rule: short, and nothing in it that a reader could be misled by.
fn plain(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= NAME_BYTES_MAX
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_./:@+=~,#%& ".contains(&b))
}

/// A pattern for exactly this name.
fn exactly(name: &str) -> Option<String> {
    plain(name).then(|| quoted(name))
}

fn rule_id(recorded: &Recorded, effect: Effect) -> String {
    let of = if recorded.action.tool.is_empty() {
        recorded.action.action_type.name()
    } else {
        &recorded.action.tool
    };
    let mut name = String::new();
    for c in of.chars().take(40) {
        name.push(if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        });
    }
    // The end of an id is its random part.
    let short = recorded.id.get(recorded.id.len().saturating_sub(8)..);
    let verb = effect.name().replace('_', "-");
    format!(
        "{verb}-{}-{}",
        name.trim_matches('-'),
        short.unwrap_or("action")
    )
}

fn rule_text(
    recorded: &Recorded,
    effect: Effect,
    strength: Strength,
    rule: &str,
    notes: &mut Vec<String>,
) -> Result<String, RuntimeError> {
    let action = &recorded.action;
    let facts = &recorded.facts;
    let lets_through = effect <= Effect::Alert;
    // Parts that the strength asks for and that cannot stand in a rule.
    let mut missing: Vec<&'static str> = Vec::new();
    if action.action_type.name() == ActionType::UNLISTED {
        missing.push("its type, which stands for every type that is not listed");
    }
    let mut selects = vec![format!("action: [{}]", quoted(action.action_type.name()))];
    let mut select = |key: &str, name: &str, what: &'static str| {
        if let Some(name) = exactly(name) {
            selects.push(format!("{key}: [{name}]"));
        } else {
            missing.push(what);
        }
    };
    if !action.tool.is_empty() {
        select("tool", &action.tool, "the tool");
    }
    if strength == Strength::Exact {
        select("agent", &action.agent_id, "the agent");
    }
    let environment = facts.action.environment.trim();
    if lets_through && !environment.is_empty() {
        // What is let through is let through where it was seen.
        select("environment", environment, "the environment");
    }
    if strength == Strength::Target && facts.path.present {
        if let Some(parent) = parent(&facts.path.name) {
            selects.push(format!("resource: [{}]", quoted(&format!("{parent}/*"))));
        } else {
            missing.push("the directory");
        }
    } else if (strength == Strength::Exact
        || strength == Strength::Target
            && !(facts.url.present || facts.sql.present || facts.shell.present))
        && !facts.resource.name.is_empty()
    {
        select("resource", &facts.resource.name, "the resource");
    }
    let mut when = if lets_through {
        if action.tool.is_empty() {
            // An empty pattern selects what names no tool.
            selects.push("tool: [\"\"]".to_owned());
        }
        closed::closed(recorded, strength, &mut missing)
    } else {
        conditions(recorded, strength, &mut missing)
    };
    missing.dedup();
    if lets_through && !missing.is_empty() {
        return Err(RuntimeError::Conflict(format!(
            "no rule that lets through only actions like this one: {} cannot stand in a rule, and without it the rule would cover more than strength `{}` says. Another strength may do, or write the rule by hand",
            missing.join(", "),
            strength.name()
        )));
    }
    notes.extend(missing.iter().map(|what| {
        format!("the rule does not go by {what}, which cannot stand in a rule: it covers more")
    }));
    if selects.len() == 1 && when.is_empty() {
        if strength == Strength::Exact {
            return Err(RuntimeError::Conflict(
                "this action names neither tool nor resource, and no fact tells it from others of its type".to_owned(),
            ));
        }
        notes.push(format!(
            "the rule covers every action of type `{}`",
            action.action_type.name()
        ));
    }
    if lets_through && facts.shell.present {
        notes.push(
            "the rule goes by the programs that run, not by what they are told to do".to_owned(),
        );
    }
    let mut text = format!(
        "interlock: 1\ndefault: allow\nrules:\n  - id: {rule}\n    description: {}\n    priority: 1000\n    match: {{ {} }}\n",
        quoted(&format!(
            "From action {} of {}",
            recorded.id,
            crate::rfc3339(recorded.at).get(..10).unwrap_or_default()
        )),
        selects.join(", ")
    );
    if !when.is_empty() {
        when.dedup();
        let _ = writeln!(text, "    when: {}", quoted(&when.join(" && ")));
    }
    let _ = writeln!(text, "    effect: {}", effect.name());
    if effect == Effect::Allow
        && let Some(exempt) = exempt(recorded)
    {
        let _ = writeln!(text, "    exempt: [{exempt}]");
        notes.push(format!("it also lifts what else held the action: {exempt}"));
    }
    Ok(text)
}

/// The directory of a path, where it may stand in a rule; the root is none.
fn parent(path: &str) -> Option<&str> {
    let (parent, _) = path.rsplit_once('/')?;
    plain(parent).then_some(parent)
}

/// What a fact-based condition of a rule that holds back says of the action, the widest first. It
/// also holds for an action that does more; what is `missing` makes it hold for others.
fn conditions(
    recorded: &Recorded,
    strength: Strength,
    missing: &mut Vec<&'static str>,
) -> Vec<String> {
    let facts = &recorded.facts;
    let mut all = Vec::new();
    let narrow = strength != Strength::Tool;
    let mut names =
        |all: &mut Vec<String>, fact: &str, names: &[String], kept: usize, what: &'static str| {
            let plain: Vec<&String> = names.iter().filter(|n| plain(n)).take(kept).collect();
            if plain.len() < names.len().min(kept) || (narrow && names.len() > kept) {
                missing.push(what);
            }
            all.extend(
                plain
                    .into_iter()
                    .map(|name| format!("facts.{fact}.contains({})", quoted(name))),
            );
        };
    if facts.sql.present && facts.sql.parsed {
        let sql = &facts.sql;
        let verb = [
            (sql.rights, "rights"),
            (sql.ddl, "ddl"),
            (sql.deletes, "deletes"),
            (sql.writes, "writes"),
            (sql.reads, "reads"),
        ];
        all.extend(
            verb.iter()
                .find(|(is, _)| *is)
                .map(|(_, fact)| format!("facts.sql.{fact}")),
        );
        if sql.unbounded {
            all.push("facts.sql.unbounded".to_owned());
        }
        if narrow {
            let tables = &sql.tables;
            names(&mut all, "sql.tables", tables, NAMES_MAX, "some tables");
        }
    }
    if facts.shell.present && facts.shell.parsed {
        if facts.shell.recursive_delete {
            all.push("facts.shell.recursive_delete".to_owned());
        }
        let kept = if narrow { NAMES_MAX } else { 1 };
        let commands = &facts.shell.commands;
        names(&mut all, "shell.commands", commands, kept, "some commands");
    }
    if facts.url.present && facts.url.parsed {
        if narrow && plain(&facts.url.host) {
            all.push(format!("facts.url.host == {}", quoted(&facts.url.host)));
        } else {
            if narrow {
                missing.push("the host");
            }
            if facts.url.external {
                all.push("facts.url.external".to_owned());
            }
        }
        if facts.http.present && plain(&facts.http.method) {
            all.push(format!(
                "facts.http.method == {}",
                quoted(&facts.http.method)
            ));
        } else if facts.http.present {
            missing.push("the HTTP method");
        }
    }
    if facts.money.present && facts.money.parsed && narrow {
        let amount = facts.money.amount;
        all.push(if strength == Strength::Exact {
            format!("facts.money.amount == {amount}")
        } else {
            format!("facts.money.amount >= {amount}")
        });
    }
    for (present, parsed, what) in [
        (facts.sql.present, facts.sql.parsed, "its SQL"),
        (facts.shell.present, facts.shell.parsed, "its command"),
        (facts.url.present, facts.url.parsed, "its URL"),
        (
            facts.money.present && narrow,
            facts.money.parsed,
            "its amount",
        ),
    ] {
        if present && !parsed {
            missing.push(what);
        }
    }
    all
}

/// What an `allow` must lift to have its way.
fn exempt(recorded: &Recorded) -> Option<String> {
    use interlock_core::model::RuleKind;
    let mut lifts: Vec<&str> = Vec::new();
    for fired in recorded.fired.iter().filter(|f| f.effect > Effect::Allow) {
        match fired.kind {
            RuleKind::Band if !lifts.contains(&"bands") => lifts.push("bands"),
            RuleKind::Detector => {
                let vector = fired
                    .id
                    .strip_prefix("detector.")
                    .and_then(Vector::from_name);
                lifts.extend(vector.map(Vector::name));
            }
            _ => {}
        }
    }
    (!lifts.is_empty()).then(|| lifts.join(", "))
}

/// Arguments made again from facts: enough for rules that go by them.
fn rebuilt(recorded: &Recorded) -> Vec<Value> {
    let facts = &recorded.facts;
    let mut all = Vec::new();
    let object = |fields: &[(&str, &str)]| {
        let mut object = Object::new();
        for (key, value) in fields {
            object.insert(*key, Value::from(*value));
        }
        Value::Object(object)
    };
    if facts.path.present && plain(&facts.path.name) {
        all.push(object(&[("path", &facts.path.name)]));
    }
    if facts.url.present && plain(&facts.url.host) && plain(&facts.url.scheme) {
        let url = format!("{}://{}/", facts.url.scheme, facts.url.host);
        let method = if facts.http.present && plain(&facts.http.method) {
            facts.http.method.as_str()
        } else {
            "GET"
        };
        all.push(object(&[("url", &url), ("method", method)]));
    }
    if facts.money.present {
        let mut amount = Object::new();
        amount.insert("amount", Value::from(facts.money.amount));
        if plain(&facts.money.currency) {
            amount.insert("currency", Value::from(facts.money.currency.as_str()));
        }
        all.push(Value::Object(amount));
    }
    all
}

fn keys(value: &Value) -> Vec<String> {
    let object = value.as_object().into_iter().flat_map(Object::iter);
    object
        .map(|(key, _)| key.to_owned())
        .take(ARGUMENTS_MAX)
        .collect()
}

/// The value with personal data and secrets masked.
fn masked(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::from(privacy::mask_text(text, privacy::Strategy::Full).text),
        Value::Array(items) => Value::Array(items.iter().map(masked).collect()),
        Value::Object(object) => Value::Object(
            object
                .iter()
                .map(|(key, value)| (key.to_owned(), masked(value)))
                .collect(),
        ),
        other => other.clone(),
    }
}

fn test_text(
    recorded: &Recorded,
    effect: Effect,
    rule: &str,
    arguments: &Value,
    whole: bool,
) -> String {
    let action = &recorded.action;
    let mut fields = vec![
        format!("agent_id: {}", quoted(&action.agent_id)),
        format!("action_type: {}", quoted(action.action_type.name())),
    ];
    for (key, value) in [
        ("tool", action.tool.as_str()),
        ("resource", action.resource.as_str()),
        ("environment", recorded.facts.action.environment.trim()),
    ] {
        if !value.is_empty() && value.len() <= TEST_BYTES_MAX {
            fields.push(format!("{key}: {}", quoted(value)));
        }
    }
    if arguments.as_object().is_some_and(|o| !o.is_empty()) {
        fields.push(format!("arguments: {}", arguments.to_json()));
    }
    let dimensions = Dimension::ALL
        .into_iter()
        .map(|d| format!("{}: {}", d.name(), recorded.risk.score(d)));
    let risk: Vec<String> = [format!("composite: {}", recorded.risk.composite)]
        .into_iter()
        .chain(dimensions)
        .collect();
    let mut given = vec![format!("risk: {{ {} }}", risk.join(", "))];
    let found: Vec<String> = Vector::ALL
        .into_iter()
        .filter(|v| recorded.findings.has(*v))
        .map(|v| format!("{}: {}", v.name(), recorded.findings.confidence(v)))
        .collect();
    if !found.is_empty() {
        given.push(format!("findings: {{ {} }}", found.join(", ")));
    }
    if !recorded.facts.action.authenticated {
        given.push("authenticated: false".to_owned());
    }
    let effect = if whole {
        format!("effect: {}, ", effect.name())
    } else {
        String::new()
    };
    format!(
        "tests:\n  - name: {}\n    action: {{ {} }}\n    given: {{ {} }}\n    expect: {{ {effect}rule: {rule} }}\n",
        quoted(&format!("action {} meets {rule}", recorded.id)),
        fields.join(", "),
        given.join(", "),
    )
}
