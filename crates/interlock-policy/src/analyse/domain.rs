//! What values facts can take, for proofs that a condition can never be true.
//!
//! Only what the fact tables promise: scores, hours, weekdays, counts, and closed lists of names.

use interlock_core::facts::{FactGroup, FactId};
use interlock_core::program::Tier;
use interlock_core::program::expr::Expr;
use interlock_core::state::StateFacts;

/// The range of an integer.
pub(super) fn range(expr: &Expr) -> Option<(i64, i64)> {
    match expr {
        Expr::Composite | Expr::Risk(_) | Expr::Confidence(_) => Some((0, 100)),
        Expr::Fact(id) => fact_range(*id),
        Expr::State(at) => {
            let name = StateFacts::SPECS.get(usize::from(*at))?.name;
            // Deviations are signed; everything else counts or is a share of 1000.
            match name {
                "type_share" | "tool_share" | "hour_share" | "error_share" => Some((0, 1_000)),
                _ if name.ends_with("_deviation") => None,
                _ => Some((0, i64::MAX)),
            }
        }
        _ => None,
    }
}

fn fact_range(id: FactId) -> Option<(i64, i64)> {
    let name = id.spec()?.name;
    match (id.group, name) {
        (FactGroup::Action, "hour") => Some((0, 23)),
        (FactGroup::Action, "weekday") => Some((1, 7)),
        (FactGroup::Url, "port") => Some((0, 65_535)),
        (FactGroup::Action, "records")
        | (FactGroup::Data, "records")
        | (FactGroup::Path, "bytes")
        | (FactGroup::Sql, "limit") => Some((-1, i64::MAX)),
        (FactGroup::Action, "bytes")
        | (FactGroup::Sql, "statements" | "row_estimate")
        | (FactGroup::Shell, "pipes")
        | (FactGroup::Http, "body_bytes") => Some((0, i64::MAX)),
        _ => None,
    }
}

const SQL_KINDS: &[&str] = &[
    "select",
    "insert",
    "update",
    "delete",
    "drop",
    "truncate",
    "alter",
    "create",
    "grant",
    "revoke",
    "call",
    "copy",
    "set",
    "transaction",
    "other",
];
const DATA_CLASSES: &[&str] = &[
    "pii",
    "phi",
    "cardholder",
    "credentials",
    "financial",
    "test",
];
const RESOURCE_KINDS: &[&str] = &["file", "database", "url", "host", "mail", "other", ""];
const TIERS: [&str; 5] = [
    Tier::ALL[0].name(),
    Tier::ALL[1].name(),
    Tier::ALL[2].name(),
    Tier::ALL[3].name(),
    "",
];

/// The names that a text, or the elements of a set, can be; `None`: any.
pub(super) fn names(expr: &Expr) -> Option<&'static [&'static str]> {
    let Expr::Fact(id) = expr else { return None };
    match (id.group, id.spec()?.name) {
        (FactGroup::Sql, "kinds") => Some(SQL_KINDS),
        (FactGroup::Data, "classes") => Some(DATA_CLASSES),
        (FactGroup::Resource, "kind") => Some(RESOURCE_KINDS),
        (FactGroup::Resource, "tier") => Some(&TIERS),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(group: &str, name: &str) -> Expr {
        Expr::Fact(FactId::find(group, name).unwrap())
    }

    #[test]
    fn every_named_fact_exists_and_its_table_promises_the_names() {
        for (group, name) in [
            ("", "hour"),
            ("", "weekday"),
            ("", "records"),
            ("", "bytes"),
            ("url", "port"),
            ("data", "records"),
            ("path", "bytes"),
            ("sql", "limit"),
            ("sql", "statements"),
            ("sql", "row_estimate"),
            ("shell", "pipes"),
            ("http", "body_bytes"),
        ] {
            assert!(range(&fact(group, name)).is_some(), "{group}.{name}");
        }
        for (group, name) in [
            ("sql", "kinds"),
            ("data", "classes"),
            ("resource", "kind"),
            ("resource", "tier"),
        ] {
            let id = FactId::find(group, name).unwrap();
            let doc = id.spec().unwrap().doc;
            for known in names(&Expr::Fact(id)).unwrap() {
                assert!(
                    known.is_empty() || doc.contains(&format!("`{known}`")),
                    "{known} is not in the table of {group}.{name}"
                );
            }
        }
    }
}
