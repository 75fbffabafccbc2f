//! The `require` block: constraints on arguments, limits, and what must have happened before.

use std::sync::Arc;

use interlock_core::model::{Value, parse_nano};
use interlock_core::program::expr::ArgPath;
use interlock_core::program::glob::Glob;
use interlock_core::program::rule::{ArgCheck, ArgConstraint, LimitSpec, Require};
use interlock_core::state::LimitKind;

use crate::diagnostic::Reports;
use crate::document::{Entry, Kind, Node};
use crate::units;

/// How long a step's attempts count when a rule names no window, in milliseconds.
const RETRY_WINDOW_MS: i64 = units::DAY_MS;

pub(crate) fn read(node: &Node, reports: &mut Reports<'_>) -> Require {
    let fields = node.fields(
        reports,
        "`require`",
        &["arguments", "limits", "preceded_by"],
    );
    let mut require = Require::default();
    if let Some(arguments) = fields.get("arguments") {
        for entry in arguments.entries(reports, "`arguments`") {
            read_argument(entry, reports, &mut require.arguments);
        }
    }
    if let Some(limits) = fields.get("limits") {
        read_limits(limits, reports, &mut require.limits);
    }
    if let Some(before) = fields.get("preceded_by") {
        require.limits.extend(read_preceded(before, reports));
    }
    if require.arguments.is_empty() && require.limits.is_empty() {
        let span = node.first_line(reports);
        reports.error(
            "policy.missing-field",
            span,
            "`require` holds no constraint, so the rule would never fire",
        );
    }
    require
}

pub(crate) fn read_duration(node: &Node, what: &str, reports: &mut Reports<'_>) -> Option<i64> {
    let text = node.text(reports, what)?;
    let ms = units::duration_ms(text);
    if ms.is_none() {
        reports.error_help(
            "policy.wrong-value",
            node.first_line(reports),
            format!("{what} is not a duration from 1s to 366d"),
            Some("write `30s`, `5m`, `1h` or `1d`".to_owned()),
        );
    }
    ms
}

fn arg_path(text: &str) -> ArgPath {
    let text = text
        .strip_prefix("arguments.")
        .or_else(|| text.strip_prefix("args."))
        .unwrap_or(text);
    text.split('.').map(Box::from).collect()
}

const CHECKS: &[&str] = &[
    "max",
    "min",
    "in",
    "not_in",
    "like",
    "max_length",
    "present",
    "absent",
];

fn read_argument(entry: &Entry, reports: &mut Reports<'_>, out: &mut Vec<ArgConstraint>) {
    let path = arg_path(&entry.key);
    if path.iter().any(|part| part.is_empty()) {
        reports.error(
            "policy.wrong-value",
            entry.key_span.clone(),
            format!("`{}` is not a path to an argument", entry.key),
        );
        return;
    }
    let what = format!("argument `{}`", entry.key);
    // Reports unknown fields; the checks are then taken in the order written.
    entry.value.fields(reports, &what, CHECKS);
    let checks = entry.value.entries(reports, &what);
    if checks.is_empty() {
        reports.error(
            "policy.missing-field",
            entry.key_span.clone(),
            format!("{what} has no constraint"),
        );
    }
    let before = out.len();
    for check in checks {
        if let Some(check) = read_check(check, reports) {
            out.push(ArgConstraint {
                path: path.clone(),
                check,
            });
        }
    }
    check_range(out.get(before..).unwrap_or_default(), entry, reports);
}

fn check_range(checks: &[ArgConstraint], entry: &Entry, reports: &mut Reports<'_>) {
    let max = checks.iter().find_map(|c| match c.check {
        ArgCheck::Max(n) => Some(n),
        _ => None,
    });
    let min = checks.iter().find_map(|c| match c.check {
        ArgCheck::Min(n) => Some(n),
        _ => None,
    });
    let both = |a: fn(&ArgCheck) -> bool, b: fn(&ArgCheck) -> bool| {
        checks.iter().any(|c| a(&c.check)) && checks.iter().any(|c| b(&c.check))
    };
    let no_number = max.zip(min).is_some_and(|(max, min)| max < min);
    let no_state = both(
        |c| matches!(c, ArgCheck::Absent),
        |c| !matches!(c, ArgCheck::Absent),
    );
    if no_number || no_state {
        reports.error(
            "policy.contradiction",
            entry.key_span.clone(),
            format!(
                "no value of argument `{}` can satisfy all of its constraints",
                entry.key
            ),
        );
    }
}

fn read_check(entry: &Entry, reports: &mut Reports<'_>) -> Option<ArgCheck> {
    let node = &entry.value;
    let what = format!("`{}`", entry.key);
    let values = |node: &Node, reports: &mut Reports<'_>| -> Option<Vec<Value>> {
        match &node.kind {
            Kind::List(items) if !items.is_empty() => {
                Some(items.iter().map(Node::to_value).collect())
            }
            Kind::List(_) | Kind::Map(_) | Kind::Null => {
                node.wrong(reports, &what, "a list of values that is not empty");
                None
            }
            _ => Some(vec![node.to_value()]),
        }
    };
    match entry.key.as_str() {
        "max" => nano(node, &what, reports).map(ArgCheck::Max),
        "min" => nano(node, &what, reports).map(ArgCheck::Min),
        "in" => values(node, reports).map(ArgCheck::In),
        "not_in" => values(node, reports).map(ArgCheck::NotIn),
        "like" => {
            let globs = node.texts(reports, &what);
            (!globs.is_empty())
                .then(|| ArgCheck::Like(globs.into_iter().map(|(g, _)| Glob::new(g)).collect()))
        }
        "max_length" => node
            .integer(reports, &what, 0..=i64::from(u32::MAX))
            .and_then(|n| usize::try_from(n).ok())
            .map(ArgCheck::MaxLength),
        // `present: false` is `absent: true`.
        "present" => node.boolean(reports, &what).map(|b| {
            if b {
                ArgCheck::Present
            } else {
                ArgCheck::Absent
            }
        }),
        "absent" => node.boolean(reports, &what).map(|b| {
            if b {
                ArgCheck::Absent
            } else {
                ArgCheck::Present
            }
        }),
        _ => None,
    }
}

/// A number in billionths.
fn nano(node: &Node, what: &str, reports: &mut Reports<'_>) -> Option<i64> {
    let number = match &node.kind {
        Kind::Number(lexeme) => parse_nano(lexeme),
        _ => None,
    };
    if number.is_none() {
        reports.error(
            "policy.wrong-value",
            node.first_line(reports),
            format!("{what} must be a number below 9223372036 with at most nine decimals"),
        );
    }
    number
}

const LIMITS: &[&str] = &[
    "calls",
    "identical_calls",
    "per",
    "spend_usd",
    "error_rate",
    "retries",
];

fn read_limits(node: &Node, reports: &mut Reports<'_>, out: &mut Vec<LimitSpec>) {
    let fields = node.fields(reports, "`limits`", LIMITS);
    let per = fields
        .get("per")
        .and_then(|p| p.text(reports, "`per`"))
        .map(arg_path);
    let before = out.len();
    for name in LIMITS {
        if *name == "per" {
            continue;
        }
        if let Some(limit) = fields.get(name)
            && let Some(spec) = read_limit(name, limit, per.clone(), reports)
        {
            out.push(spec);
        }
    }
    if out.len() == before
        && let Some(entry) = fields.entry("per")
    {
        reports.error(
            "policy.missing-field",
            entry.key_span.clone(),
            "`per` needs a limit beside it",
        );
    }
}

fn read_limit(
    name: &str,
    node: &Node,
    per: Option<ArgPath>,
    reports: &mut Reports<'_>,
) -> Option<LimitSpec> {
    let spec = |kind, max, window_ms| LimitSpec {
        kind,
        max,
        window_ms,
        per,
        tool: None,
    };
    let parsed = match (&node.kind, name) {
        (Kind::Number(lexeme), "retries") => lexeme
            .parse()
            .ok()
            .filter(|n| (0..=1_000_000).contains(n))
            .map(|n| spec(LimitKind::Retries, n, RETRY_WINDOW_MS)),
        (Kind::Text(text), _) => units::rate(text).and_then(|(amount, window)| match name {
            "calls" => Some(spec(LimitKind::Calls, count(amount)?, window)),
            "identical_calls" => Some(spec(LimitKind::IdenticalCalls, count(amount)?, window)),
            "retries" => Some(spec(LimitKind::Retries, count(amount)?, window)),
            "spend_usd" => {
                let nano = parse_nano(amount).filter(|n| *n >= 0)?;
                Some(spec(LimitKind::Spend, nano, window))
            }
            _ => {
                // Per mille, from a percentage with at most one decimal.
                let percent = amount.strip_suffix('%')?;
                let mille = parse_nano(percent)?;
                (mille % 100_000_000 == 0 && (0..=100_000_000_000).contains(&mille))
                    .then(|| spec(LimitKind::ErrorRate, mille / 100_000_000, window))
            }
        }),
        _ => None,
    };
    if parsed.is_none() {
        let example = match name {
            "spend_usd" => "200/1d",
            "error_rate" => "\"50%/10m\"",
            "retries" => "3",
            _ => "20/1m",
        };
        reports.error_help(
            "policy.wrong-value",
            node.first_line(reports),
            format!("`{name}` is not a limit"),
            Some(format!(
                "write `{name}: {example}`; windows go from 1s to 366d"
            )),
        );
    }
    parsed
}

fn count(text: &str) -> Option<i64> {
    text.parse()
        .ok()
        .filter(|n| (0..=1_000_000_000).contains(n))
}

fn read_preceded(node: &Node, reports: &mut Reports<'_>) -> Option<LimitSpec> {
    let fields = node.fields(reports, "`preceded_by`", &["tool", "within"]);
    let (Some(tool), Some(within)) = (fields.get("tool"), fields.get("within")) else {
        let span = node.first_line(reports);
        reports.error(
            "policy.missing-field",
            span,
            "`preceded_by` needs `tool` and `within`",
        );
        return None;
    };
    let tool = tool.text(reports, "`tool`")?;
    Some(LimitSpec {
        kind: LimitKind::PrecededBy,
        max: 1,
        window_ms: read_duration(within, "`within`", reports)?,
        per: None,
        tool: Some(Arc::from(tool)),
    })
}
