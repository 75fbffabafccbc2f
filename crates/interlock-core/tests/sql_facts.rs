//! What SQL texts do, held against cases written as text, and against an independent parser.

mod case_file;

use interlock_core::facts::sql::SqlFacts;

/// The facts as one line: kinds; tables, those written with `*`; what is true; functions; rows.
fn summary(facts: &SqlFacts) -> String {
    let tables: Vec<String> = facts
        .tables
        .iter()
        .map(|t| {
            let mark = if facts.tables_written.contains(t) {
                "*"
            } else {
                ""
            };
            format!("{t}{mark}")
        })
        .collect();
    let mut parts = vec![facts.kinds.join(","), tables.join(",")];
    let flags = case_file::true_flags(SqlFacts::SPECS, |i| facts.get(i), &["present", "parsed"]);
    parts.push(if facts.parsed {
        flags
    } else {
        format!("UNPARSED {flags}")
    });
    if !facts.functions.is_empty() {
        parts.push(format!("calls {}", facts.functions.join(",")));
    }
    if facts.statements != 1 {
        parts.push(format!("{} statements", facts.statements));
    }
    if facts.limit >= 0 {
        parts.push(format!("limit {}", facts.limit));
    }
    parts.push(format!("{} rows", facts.row_estimate));
    parts.join(" | ")
}

#[test]
fn cases() {
    let counts = case_file::check("sql.md", |text| summary(&SqlFacts::of(text, None)));
    assert!(counts.total >= 80, "{counts:?}");
    assert!(counts.sections >= 3, "{counts:?}");
}
