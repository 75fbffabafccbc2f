//! What SQL texts do, held against cases written as text, and against an independent parser.

mod case_file;

use interlock_core::facts::sql::SqlFacts;
use proptest::prelude::*;

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

#[test]
fn past_a_bound_is_not_parsed() {
    for text in [
        format!("SELECT {}1{}", "(".repeat(120), ")".repeat(120)),
        format!("SELECT * FROM {}t{}", "(".repeat(120), ")".repeat(120)),
        format!("{}1", "IF 1=1 ".repeat(100)),
        format!("SELECT 1{}", "+1".repeat(40_000)),
        format!("SELECT '{}'", "x".repeat(140_000)),
        format!("SELECT {} 1", "CASE WHEN ".repeat(100)),
        format!("SELECT {}", "/*".repeat(200)),
        format!(
            "SELECT * FROM {}",
            (0..300)
                .map(|i| format!("t{i}"))
                .collect::<Vec<_>>()
                .join(",")
        ),
    ] {
        let facts = SqlFacts::of(&text, None);
        assert!(!facts.parsed, "{}", &text[..30]);
        assert!(facts.writes && facts.deletes && facts.unbounded && facts.stacked);
    }
}

#[test]
fn long_is_not_deep() {
    let many = format!(
        "SELECT * FROM t WHERE {} id = 1",
        "a = 1 AND b = 2 OR ".repeat(500)
    );
    assert!(SqlFacts::of(&many, None).parsed);
    let rows = format!("INSERT INTO t VALUES {}", vec!["(1, 'x')"; 3_000].join(","));
    assert_eq!(SqlFacts::of(&rows, None).row_estimate, 3_000);
}

proptest! {
    #[test]
    fn any_text_is_read(text in any::<String>()) {
        let facts = SqlFacts::of(&text, None);
        prop_assert!(facts.present);
        prop_assert_eq!(facts, SqlFacts::of(&text, None));
    }

    #[test]
    fn any_sql_like_text_is_read(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "select", "from", "where", "t", "a.b", "*", "1", "'x'", "\"q\"", "(", ")", ",", ";", "=", "<>", "+", "-",
            "union", "all", "with", "as", "insert", "into", "values", "update", "set", "delete", "using", "join", "on",
            "case", "when", "then", "else", "end", "and", "or", "not", "in", "between", "like", "is", "null", "limit",
            "order", "by", "group", "having", "create", "table", "drop", "begin", "if", "exec", "--", "/*", "*/", "/*!",
            "#", "$$", "'", "\"", "`", "[", "]", "\\", ":a", "@b", "$1", "?", "::", ".", "||", "é", "\u{0}", "\n",
        ]), 0..40),
    ) {
        let text = pieces.join(" ");
        let facts = SqlFacts::of(&text, None);
        prop_assert!(facts.parsed || facts.unbounded && facts.stacked);
        prop_assert_eq!(facts, SqlFacts::of(&text, None));
        let dense = SqlFacts::of(&pieces.concat(), None);
        prop_assert!(dense.present);
    }
}

/// PostgreSQL ends a line at one, too; for MySQL the comment goes on, and both are read.
#[test]
fn a_carriage_return_ends_a_comment() {
    let written = |text| SqlFacts::of(text, None).tables_written;
    assert_eq!(written("SELECT 1 -- x\r; COMMIT; DELETE FROM t"), ["t"]);
    assert_eq!(written("SELECT 1 -- x\r'\n; DELETE FROM t -- '"), ["t"]);
    assert!(written("SELECT 1 -- DELETE FROM t\r\n").is_empty());
}
