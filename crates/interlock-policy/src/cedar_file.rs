//! Plain Cedar beside the YAML: `forbid` is a rule, `permit` a prioritised exception.
//!
//! Annotations carry what Cedar has no word for: `@id`, `@description`, `@priority`, `@effect`,
//! `@notify`, `@cites`, `@exempt` (lists separated by commas), `@expires`, `@approvers` (a group),
//! `@mode("shadow")`, `@mandatory` and `@overridable`.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use cedar_policy::Policy;
use interlock_core::model::{Approvers, Effect, Layer, Vector};
use interlock_core::program::expr::Expr;
use interlock_core::program::glob::Glob;
use interlock_core::program::rule::{Exempt, Rule, Select};

use crate::abbreviation::{self, Rewritten};
use crate::condition::{self, Mistake};
use crate::diagnostic::{Reports, nearest};
use crate::rule_document::{LocatedRule, check_action_name, effect_names, is_id};
use crate::schema::Validators;
use crate::units;

const ANNOTATIONS: &[&str] = &[
    "id",
    "description",
    "priority",
    "effect",
    "notify",
    "cites",
    "exempt",
    "expires",
    "approvers",
    "mode",
    "mandatory",
    "overridable",
];

/// Reads a file of statements.
pub(crate) fn read(
    source: usize,
    layer: Layer,
    validators: &mut Validators,
    reports: &mut Reports<'_>,
) -> Vec<LocatedRule> {
    let text = reports.source.text;
    let stem = Path::new(reports.source.name)
        .file_stem()
        .and_then(|s| s.to_str())
        .unwrap_or("policy");
    let mut rules = Vec::new();
    for (number, span) in abbreviation::statements(text).into_iter().enumerate() {
        let statement = text.get(span.clone()).unwrap_or_default();
        match read_statement(statement, validators) {
            Ok(read) => {
                let context = Place {
                    span: span.start..span.start + first_line(statement),
                    default_id: format!("{stem}-{}", number + 1),
                };
                rules.extend(build(read, source, layer, &context, reports));
            }
            Err(mistakes) => {
                for m in mistakes {
                    let place = span.start + m.span.start..span.start + m.span.end;
                    reports.error_help(m.code, place, m.message, m.help);
                }
            }
        }
    }
    rules
}

fn first_line(text: &str) -> usize {
    text.split('\n').next().unwrap_or_default().trim_end().len()
}

struct Place {
    span: Range<usize>,
    default_id: String,
}

/// A statement whose parts are understood.
struct Statement {
    forbid: bool,
    select: Select,
    when: Option<Expr>,
    annotations: Vec<(String, String)>,
}

fn read_statement(text: &str, validators: &mut Validators) -> Result<Statement, Vec<Mistake>> {
    let whole = 0..first_line(text);
    let rewritten = Rewritten::new(text);
    if !rewritten.mistakes.is_empty() {
        return Err(rewritten.mistakes);
    }
    let policy = Policy::parse(None, &rewritten.text)
        .map_err(|e| condition::parse_mistakes(&e, &rewritten, 0, whole.clone()))?;
    let mistake = |message: String, help: Option<String>| {
        vec![Mistake {
            code: "policy.unsupported",
            span: whole.clone(),
            message,
            help,
        }]
    };
    let json = policy.to_json().map_err(|e| mistake(e.to_string(), None))?;
    let mut select = Select::default();
    for (part, kind, globs) in [
        ("principal", "Agent", &mut select.agents),
        ("action", "Action", &mut select.actions),
        ("resource", "Resource", &mut select.resources),
    ] {
        let scope = json.get(part).unwrap_or(&serde_json::Value::Null);
        *globs = read_scope(scope, part, kind)
            .map_err(|(message, help)| mistake(message, Some(help)))?;
    }
    let actions = select
        .actions
        .iter()
        .map(|g| g.pattern().to_owned())
        .collect();
    let compiled =
        condition::compile_statement(&policy, &rewritten, whole.clone(), actions, validators)?;
    Ok(Statement {
        forbid: policy.effect() == cedar_policy::Effect::Forbid,
        select,
        when: (compiled.expr != Expr::Bool(true)).then_some(compiled.expr),
        annotations: policy
            .annotations()
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .collect(),
    })
}

/// The globs of one part of a head.
fn read_scope(
    scope: &serde_json::Value,
    part: &str,
    kind: &str,
) -> Result<Vec<Glob>, (String, String)> {
    let help = format!("write `{part} == {kind}::\"…\"`");
    let unsupported = |what: &str| (format!("{what} is not supported in a head"), help.clone());
    let glob = |uid: &serde_json::Value| -> Result<Glob, (String, String)> {
        let text = |field: &str| uid.get(field).and_then(|v| v.as_str()).unwrap_or_default();
        if text("type") == kind {
            Ok(literal_glob(text("id")))
        } else {
            Err((
                format!("`{part}` is never a `{}`", text("type")),
                help.clone(),
            ))
        }
    };
    match scope.get("op").and_then(|op| op.as_str()) {
        Some("All") => Ok(Vec::new()),
        Some("==") => Ok(vec![glob(
            scope
                .get("entity")
                .ok_or_else(|| unsupported("a template slot"))?,
        )?]),
        Some("in") => match scope.get("entities").and_then(|e| e.as_array()) {
            Some(entities) if !entities.is_empty() => entities.iter().map(glob).collect(),
            _ => Err(unsupported("a hierarchy of entities (`in`)")),
        },
        Some("is") => Err(unsupported("`is`")),
        _ => Err(unsupported("this")),
    }
}

/// A glob that matches exactly `text`.
fn literal_glob(text: &str) -> Glob {
    let mut pattern = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '*' | '?' | '[') {
            pattern.extend(['[', c, ']']);
        } else {
            pattern.push(c);
        }
    }
    Glob::new(&pattern)
}

fn build(
    statement: Statement,
    source: usize,
    layer: Layer,
    place: &Place,
    reports: &mut Reports<'_>,
) -> Option<LocatedRule> {
    for (name, _) in &statement.annotations {
        if !ANNOTATIONS.contains(&name.as_str()) {
            let help = nearest(name, ANNOTATIONS.iter().copied())
                .map(|near| format!("did you mean `@{near}`?"));
            reports.warning(
                "policy.unknown-annotation",
                place.span.clone(),
                format!("the annotation `@{name}` has no meaning here"),
                help,
            );
        }
    }
    let get = |name: &str| {
        statement
            .annotations
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    };
    let wrong = |message: String, help: Option<String>, reports: &mut Reports<'_>| {
        reports.error_help("policy.wrong-value", place.span.clone(), message, help);
    };
    let id = get("id").unwrap_or(&place.default_id);
    if !is_id(id) {
        wrong(
            "`@id` must be 1 to 128 of a-z, A-Z, 0-9, `-`, `_`, `.`, `:` and `/`".to_owned(),
            None,
            reports,
        );
    }
    let effect = read_effect(statement.forbid, get("effect"), place, reports);
    let priority = match get("priority").map(str::parse::<i32>) {
        None => 0,
        Some(Ok(priority)) => priority,
        Some(Err(_)) => {
            wrong(
                "`@priority` must be a whole number".to_owned(),
                None,
                reports,
            );
            0
        }
    };
    let mut flag = |name: &str| match get(name) {
        None | Some("false") => false,
        Some("" | "true") => true,
        Some(other) => {
            wrong(
                format!("`@{name}` is `true` or `false`, not `{other}`"),
                None,
                reports,
            );
            false
        }
    };
    let (mandatory, overridable) = (flag("mandatory"), flag("overridable"));
    let shadow = match get("mode") {
        None | Some("enforce") => false,
        Some("shadow") => true,
        Some(other) => {
            wrong(
                format!("`@mode` is `enforce` or `shadow`, not `{other}`"),
                None,
                reports,
            );
            false
        }
    };
    let list = |name: &str| -> Vec<Arc<str>> {
        get(name)
            .into_iter()
            .flat_map(|v| v.split(','))
            .map(str::trim)
            .filter(|v| !v.is_empty())
            .map(Arc::from)
            .collect()
    };
    let mut exempt = Exempt::default();
    for name in list("exempt") {
        match (&*name, Vector::from_name(&name)) {
            ("bands", _) => exempt.bands = true,
            ("packs", _) => exempt.packs = true,
            (_, Some(vector)) => exempt.vectors.insert(vector),
            _ => wrong(
                format!("nothing called `{name}` can be lifted"),
                None,
                reports,
            ),
        }
    }
    if exempt != Exempt::default() && effect.is_some_and(|e| e != Effect::Allow) {
        wrong(
            "only a `permit` can be exempt from anything".to_owned(),
            None,
            reports,
        );
    }
    let expires = get("expires").and_then(|text| {
        let instant = units::instant(text);
        if instant.is_none() {
            wrong(
                "`@expires` is not a date or an instant".to_owned(),
                None,
                reports,
            );
        }
        instant
    });
    for glob in &statement.select.actions {
        check_action_name(glob, place.span.clone(), reports);
    }
    Some(LocatedRule {
        source,
        id_span: place.span.clone(),
        when_span: place.span.clone(),
        broken: false,
        rule: Rule {
            id: Arc::from(id),
            description: Arc::from(get("description").unwrap_or_default()),
            origin: Arc::from(reports.source.origin(place.span.start)),
            cites: list("cites"),
            layer,
            priority,
            mandatory,
            overridable,
            shadow,
            when: statement.when,
            require: None,
            effect: effect?,
            exempt,
            notify: list("notify"),
            approvers: get("approvers").map(|group| Approvers {
                group: group.to_owned(),
                quorum: 1,
                timeout_ms: units::DAY_MS,
            }),
            schedule: None,
            expires,
            select: statement.select,
        },
    })
}

fn read_effect(
    forbid: bool,
    annotation: Option<&str>,
    place: &Place,
    reports: &mut Reports<'_>,
) -> Option<Effect> {
    let Some(name) = annotation else {
        return Some(if forbid { Effect::Block } else { Effect::Allow });
    };
    let effect = Effect::from_name(name);
    let (message, help) = match effect {
        None => (
            format!("`{name}` is not an effect"),
            nearest(name, Effect::ALL.map(Effect::name)).map_or_else(
                || format!("one of {}", effect_names()),
                |near| format!("did you mean `{near}`?"),
            ),
        ),
        Some(Effect::Allow) if forbid => (
            "a `forbid` cannot allow".to_owned(),
            "write `permit`".to_owned(),
        ),
        Some(e) if !forbid && e != Effect::Allow => (
            format!("a `permit` cannot ask for `{e}`"),
            "write `forbid`".to_owned(),
        ),
        Some(e) => return Some(e),
    };
    reports.error_help(
        "policy.wrong-value",
        place.span.clone(),
        message,
        Some(help),
    );
    None
}
