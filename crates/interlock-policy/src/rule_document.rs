//! One rule of a YAML bundle.

use std::ops::Range;
use std::sync::Arc;

use interlock_core::model::{ActionType, Approvers, Effect, Layer, UnixNanos, Vector};
use interlock_core::program::expr::Expr;
use interlock_core::program::glob::Glob;
use interlock_core::program::rule::{Band, Exempt, Rule, Schedule, Select};

use crate::condition;
use crate::diagnostic::{Reports, nearest};
use crate::document::{Fields, Node, ScalarMap};
use crate::require;
use crate::schema::Validators;
use crate::units;

/// Bytes of a rule's id.
const ID_BYTES_MAX: usize = 128;

pub(crate) const RULE: &[&str] = &[
    "id",
    "description",
    "cites",
    "priority",
    "mandatory",
    "overridable",
    "shadow",
    "match",
    "when",
    "require",
    "effect",
    "exempt",
    "approvers",
    "notify",
    "schedule",
    "expires",
];

/// A rule with the places that messages about it point at.
#[derive(Debug, Clone)]
pub(crate) struct LocatedRule {
    pub(crate) rule: Rule,
    /// Index of the source.
    pub(crate) source: usize,
    pub(crate) id_span: Range<usize>,
    /// Where a message about its condition points.
    pub(crate) when_span: Range<usize>,
    /// The condition as written did not compile, so nothing can be proven about it.
    pub(crate) broken: bool,
}

/// Reads a rule; `None` when it lacks what a rule must have, which is then reported.
pub(crate) fn read(
    node: &Node,
    source: usize,
    layer: Layer,
    validators: &mut Validators,
    reports: &mut Reports<'_>,
) -> Option<LocatedRule> {
    if !matches!(node.kind, crate::document::Kind::Map(_)) {
        node.wrong(reports, "a rule", "a mapping");
        return None;
    }
    let fields = node.fields(reports, "a rule", RULE);
    let id = match fields.get("id") {
        Some(id) => id.text(reports, "`id`").map(|text| (text, id.span.clone())),
        None => {
            let span = node.first_line(reports);
            reports.error("policy.missing-field", span, "a rule needs an `id`");
            None
        }
    };
    if let Some((text, span)) = &id
        && !is_id(text)
    {
        reports.error(
            "policy.wrong-value",
            span.clone(),
            format!(
                "`id` must be 1 to {ID_BYTES_MAX} of a-z, A-Z, 0-9, `-`, `_`, `.`, `:` and `/`"
            ),
        );
    }
    let what = id
        .as_ref()
        .map_or("the rule".to_owned(), |(id, _)| format!("rule `{id}`"));
    let effect = match fields.get("effect") {
        Some(effect) => read_effect(effect, reports, "`effect`"),
        None => {
            let span = id
                .as_ref()
                .map_or_else(|| node.first_line(reports), |(_, s)| s.clone());
            reports.error_help(
                "policy.missing-field",
                span,
                format!("{what} needs an `effect`"),
                Some(format!("one of {}", effect_names())),
            );
            None
        }
    };
    let select = fields
        .get("match")
        .map(|m| read_select(m, reports))
        .unwrap_or_default();
    let require = fields
        .get("require")
        .map(|r| require::read(r, reports))
        .filter(|r| !r.arguments.is_empty() || !r.limits.is_empty());
    let mut broken = false;
    let mut when_span = id
        .as_ref()
        .map_or_else(|| node.first_line(reports), |(_, s)| s.clone());
    let mut when = None;
    if let Some(condition) = fields.get("when") {
        when_span = condition.first_line(reports);
        match read_condition(condition, validators, reports) {
            Some(compiled) => {
                for argument in &compiled.unguarded {
                    if select.tools.is_empty() {
                        reports.warning(
                            "policy.unguarded-argument",
                            when_span.clone(),
                            format!(
                                "{what} reads `{argument}` of every tool, and counts as fired \
                                 where it is absent"
                            ),
                            Some(format!(
                                "select a tool, or write `{} && …`",
                                guard(argument)
                            )),
                        );
                    }
                }
                when = Some(compiled.expr);
            }
            None => broken = true,
        }
    }
    let flag = |name: &'static str, reports: &mut Reports<'_>| {
        fields
            .get(name)
            .and_then(|n| n.boolean(reports, &format!("`{name}`")))
            .unwrap_or(false)
    };
    let (mandatory, overridable, shadow) = (
        flag("mandatory", reports),
        flag("overridable", reports),
        flag("shadow", reports),
    );
    if mandatory
        && overridable
        && let Some(entry) = fields.entry("overridable")
    {
        reports.error(
            "policy.contradiction",
            entry.key_span.clone(),
            format!("{what} is both `mandatory` and `overridable`"),
        );
    }
    let exempt = read_exempt(fields, effect, reports);
    let approvers = read_approvers(fields, effect, reports);
    let priority = fields
        .get("priority")
        .and_then(|p| {
            p.integer(
                reports,
                "`priority`",
                i64::from(i32::MIN)..=i64::from(i32::MAX),
            )
        })
        .and_then(|p| i32::try_from(p).ok())
        .unwrap_or(0);
    let names = |name: &'static str, reports: &mut Reports<'_>| -> Vec<Arc<str>> {
        fields
            .get(name)
            .map(|n| n.texts(reports, &format!("`{name}`")))
            .unwrap_or_default()
            .into_iter()
            .map(|(text, _)| Arc::from(text))
            .collect()
    };
    let notify = names("notify", reports);
    let cites = names("cites", reports);
    let schedule = fields
        .get("schedule")
        .and_then(|s| read_schedule(s, reports));
    let expires = fields
        .get("expires")
        .and_then(|e| read_instant(e, "`expires`", reports));
    let description = fields
        .get("description")
        .and_then(|d| d.text(reports, "`description`"))
        .unwrap_or_default();
    let (id, id_span) = id?;
    Some(LocatedRule {
        source,
        when_span,
        broken,
        rule: Rule {
            id: Arc::from(id),
            description: Arc::from(description.trim()),
            origin: Arc::from(reports.source.origin(id_span.start)),
            cites,
            layer,
            priority,
            mandatory,
            overridable,
            shadow,
            select,
            when,
            require,
            effect: effect?,
            exempt,
            notify,
            approvers,
            schedule,
            expires,
        },
        id_span,
    })
}

/// `args has a.b` for `args.a.b`.
fn guard(argument: &str) -> String {
    format!(
        "args has {}",
        argument.strip_prefix("args.").unwrap_or(argument)
    )
}

pub(crate) fn is_id(text: &str) -> bool {
    (1..=ID_BYTES_MAX).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':' | b'/'))
}

pub(crate) fn effect_names() -> String {
    let names: Vec<String> = Effect::ALL
        .iter()
        .map(|e| format!("`{}`", e.name()))
        .collect();
    names.join(", ")
}

pub(crate) fn read_effect(node: &Node, reports: &mut Reports<'_>, what: &str) -> Option<Effect> {
    let name = node.text(reports, what)?;
    let effect = Effect::from_name(name);
    if effect.is_none() {
        let help = nearest(name, Effect::ALL.map(Effect::name)).map_or_else(
            || format!("one of {}", effect_names()),
            |near| format!("did you mean `{near}`?"),
        );
        reports.error_help(
            "policy.wrong-value",
            node.first_line(reports),
            format!("`{name}` is not an effect"),
            Some(help),
        );
    }
    effect
}

/// Compiles a condition; mistakes are reported at their place in the file.
pub(crate) fn read_condition(
    node: &Node,
    validators: &mut Validators,
    reports: &mut Reports<'_>,
) -> Option<condition::Compiled> {
    // `when: true` is a boolean in YAML and a condition all the same.
    let text = match &node.kind {
        crate::document::Kind::Bool(b) => if *b { "true" } else { "false" }.to_owned(),
        _ => node.text(reports, "a condition")?.to_owned(),
    };
    match condition::compile(&text, validators) {
        Ok(compiled) => Some(compiled),
        Err(mistakes) => {
            let map = ScalarMap::new(node, &text, reports.source.text);
            for mistake in mistakes {
                reports.error_help(
                    mistake.code,
                    map.range(mistake.span),
                    mistake.message,
                    mistake.help,
                );
            }
            None
        }
    }
}

const SELECT: &[&str] = &["action", "tool", "resource", "environment", "agent"];

fn read_select(node: &Node, reports: &mut Reports<'_>) -> Select {
    let fields = node.fields(reports, "`match`", SELECT);
    let mut globs = |name: &'static str| -> Vec<(Glob, Range<usize>)> {
        fields
            .get(name)
            .map(|n| n.texts(reports, &format!("`{name}`")))
            .unwrap_or_default()
            .into_iter()
            .map(|(text, span)| (Glob::new(text), span))
            .collect()
    };
    let actions = globs("action");
    let strip = |globs: Vec<(Glob, Range<usize>)>| globs.into_iter().map(|(g, _)| g).collect();
    let select = Select {
        tools: strip(globs("tool")),
        resources: strip(globs("resource")),
        environments: strip(globs("environment")),
        agents: strip(globs("agent")),
        actions: actions.iter().map(|(g, _)| g.clone()).collect(),
    };
    for (glob, span) in actions {
        check_action_name(&glob, span, reports);
    }
    for name in SELECT {
        if let Some(node) = fields.get(name)
            && matches!(&node.kind, crate::document::Kind::List(items) if items.is_empty())
        {
            reports.error_help(
                "policy.wrong-value",
                node.first_line(reports),
                format!("`{name}` is an empty list, which would select everything"),
                Some(format!("leave `{name}` out to select everything")),
            );
        }
    }
    select
}

/// An action type that no action can have is an error, one that looks like a slip a warning.
pub(crate) fn check_action_name(glob: &Glob, span: Range<usize>, reports: &mut Reports<'_>) {
    let Some(name) = glob.literal() else { return };
    match ActionType::parse(name) {
        Err(e) => reports.error(
            "policy.wrong-value",
            span,
            format!("`action` {}", e.message),
        ),
        Ok(ActionType::Custom(_)) => {
            if let Some(near) = nearest(name, ActionType::LISTED.iter().copied()) {
                reports.warning(
                    "policy.unlisted-action",
                    span,
                    format!("`{name}` is not a listed action type"),
                    Some(format!("did you mean `{near}`?")),
                );
            }
        }
        Ok(_) => {}
    }
}

fn read_exempt(fields: Fields<'_>, effect: Option<Effect>, reports: &mut Reports<'_>) -> Exempt {
    let mut exempt = Exempt::default();
    let Some(node) = fields.get("exempt") else {
        return exempt;
    };
    if effect.is_some_and(|e| e != Effect::Allow) {
        reports.error_help(
            "policy.contradiction",
            node.first_line(reports),
            "only a rule with `effect: allow` can be exempt from anything",
            None,
        );
    }
    for (name, span) in node.texts(reports, "`exempt`") {
        match name {
            "bands" => exempt.bands = true,
            "packs" => exempt.packs = true,
            _ => match Vector::from_name(name) {
                Some(vector) => exempt.vectors.insert(vector),
                None => {
                    let known = ["bands", "packs"]
                        .into_iter()
                        .chain(Vector::ALL.map(Vector::name));
                    let help = nearest(name, known).map_or_else(
                        || "`bands`, `packs` or the name of a threat vector".to_owned(),
                        |near| format!("did you mean `{near}`?"),
                    );
                    reports.error_help(
                        "policy.wrong-value",
                        span,
                        format!("nothing called `{name}` can be lifted"),
                        Some(help),
                    );
                }
            },
        }
    }
    exempt
}

fn read_approvers(
    fields: Fields<'_>,
    effect: Option<Effect>,
    reports: &mut Reports<'_>,
) -> Option<Approvers> {
    let entry = fields.entry("approvers")?;
    if effect.is_some_and(|e| e != Effect::RequireApproval) {
        reports.error(
            "policy.contradiction",
            entry.key_span.clone(),
            "`approvers` needs `effect: require_approval`",
        );
    }
    let inner = entry
        .value
        .fields(reports, "`approvers`", &["group", "quorum", "timeout"]);
    let group = match inner.get("group") {
        Some(group) => group.text(reports, "`group`")?.to_owned(),
        None => {
            reports.error(
                "policy.missing-field",
                entry.key_span.clone(),
                "`approvers` needs a `group`",
            );
            return None;
        }
    };
    let quorum = inner
        .get("quorum")
        .and_then(|q| q.integer(reports, "`quorum`", 1..=32))
        .and_then(|q| u8::try_from(q).ok())
        .unwrap_or(1);
    let timeout_ms = inner
        .get("timeout")
        .and_then(|t| require::read_duration(t, "`timeout`", reports))
        .unwrap_or(units::DAY_MS);
    Some(Approvers {
        group,
        quorum,
        timeout_ms,
    })
}

fn read_schedule(node: &Node, reports: &mut Reports<'_>) -> Option<Schedule> {
    let fields = node.fields(reports, "`schedule`", &["days", "hours", "tz"]);
    let mut days = 0u8;
    if let Some(node) = fields.get("days") {
        for (text, span) in node.texts(reports, "`days`") {
            match units::days(text) {
                Some(some) => days |= some,
                None => reports.error_help(
                    "policy.wrong-value",
                    span,
                    format!("`{text}` is not a day"),
                    Some("`mon` to `sun`, or a range such as `mon-fri`".to_owned()),
                ),
            }
        }
    } else {
        days = 0x7f;
    }
    let minutes = match fields.get("hours") {
        None => None,
        Some(hours) => {
            let text = hours.text(reports, "`hours`")?;
            let range = units::hours(text);
            if range.is_none() {
                reports.error_help(
                    "policy.wrong-value",
                    hours.first_line(reports),
                    format!("`{text}` is not a range of hours"),
                    Some("write `\"09:00-17:00\"`; a range across midnight wraps".to_owned()),
                );
            }
            range
        }
    };
    let zone = match fields.get("tz") {
        None => jiff::tz::TimeZone::UTC,
        Some(tz) => {
            let name = tz.text(reports, "`tz`")?;
            match jiff::tz::TimeZone::get(name) {
                Ok(zone) => zone,
                Err(_) => {
                    reports.error_help(
                        "policy.wrong-value",
                        tz.first_line(reports),
                        format!("unknown time zone `{name}`"),
                        Some("an IANA name such as `Europe/Berlin`".to_owned()),
                    );
                    return None;
                }
            }
        }
    };
    Some(Schedule {
        days,
        minutes,
        zone,
    })
}

/// A date (00:00 UTC) or an RFC 3339 instant.
pub(crate) fn read_instant(
    node: &Node,
    what: &str,
    reports: &mut Reports<'_>,
) -> Option<UnixNanos> {
    let text = node.text(reports, what)?;
    let instant = units::instant(text);
    if instant.is_none() {
        reports.error_help(
            "policy.wrong-value",
            node.first_line(reports),
            format!("{what} is not a date or an instant"),
            Some("write `2027-01-31` or `2027-01-31T12:00:00Z`".to_owned()),
        );
    }
    instant
}

/// Reads a list of risk bands; each with the place of its condition.
pub(crate) fn read_bands(
    node: &Node,
    validators: &mut Validators,
    reports: &mut Reports<'_>,
) -> Vec<Band> {
    let mut bands = Vec::new();
    for item in node.list(reports, "`risk_bands`") {
        bands.extend(read_band(item, validators, reports));
    }
    bands
}

fn read_band(node: &Node, validators: &mut Validators, reports: &mut Reports<'_>) -> Option<Band> {
    let fields = node.fields(
        reports,
        "a risk band",
        &["above", "from", "when", "effect", "notify"],
    );
    let from = match (fields.get("above"), fields.get("from")) {
        (Some(above), None) => above.integer(reports, "`above`", 0..=99)? + 1,
        (None, Some(from)) => from.integer(reports, "`from`", 0..=100)?,
        _ => {
            let span = node.first_line(reports);
            reports.error(
                "policy.missing-field",
                span,
                "a risk band needs either `above` or `from`",
            );
            return None;
        }
    };
    let when: Option<Expr> = match fields.get("when") {
        None => None,
        Some(condition) => {
            let compiled = read_condition(condition, validators, reports)?;
            for argument in &compiled.unguarded {
                let span = condition.first_line(reports);
                reports.warning(
                    "policy.unguarded-argument",
                    span,
                    format!(
                        "a risk band reads `{argument}` of every tool, and counts as reached \
                         where it is absent"
                    ),
                    Some(format!("write `{} && …`", guard(argument))),
                );
            }
            if let Some(why) = crate::analyse::never_true(&compiled.expr) {
                let never = condition::never(0..0, Some(why));
                let span = condition.first_line(reports);
                reports.error_help(never.code, span, never.message, never.help);
            }
            Some(compiled.expr)
        }
    };
    let effect = match fields.get("effect") {
        Some(effect) => read_effect(effect, reports, "`effect`")?,
        None => {
            let span = node.first_line(reports);
            reports.error(
                "policy.missing-field",
                span,
                "a risk band needs an `effect`",
            );
            return None;
        }
    };
    let notify = fields
        .get("notify")
        .map(|n| n.texts(reports, "`notify`"))
        .unwrap_or_default();
    Some(Band {
        from: u8::try_from(from).unwrap_or(100),
        when,
        effect,
        notify: notify.into_iter().map(|(t, _)| Arc::from(t)).collect(),
    })
}
