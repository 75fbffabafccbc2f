//! SQL facts held against an independent parser: where that one parses a text, kinds, tables and the
//! presence of a condition must agree.
//!
//! Known differences, each by design: see [`known_difference`].

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use interlock_core::facts::sql::SqlFacts;
use proptest::prelude::*;
use sqlparser::ast::{
    Expr, FromTable, FunctionArg, FunctionArgExpr, FunctionArguments, Insert, JoinConstraint,
    JoinOperator, LimitClause, ObjectName, Query, Select, SelectItem, SetExpr, Statement,
    TableFactor, TableObject, TableWithJoins, UpdateTableFromKind,
};
use sqlparser::dialect::{
    Dialect, GenericDialect, MsSqlDialect, MySqlDialect, PostgreSqlDialect, SQLiteDialect,
};
use sqlparser::parser::Parser;

/// What the oracle says.
#[derive(Debug, Default)]
struct Oracle {
    kinds: BTreeSet<&'static str>,
    tables: BTreeSet<String>,
    ctes: Vec<String>,
    /// An UPDATE or DELETE without WHERE.
    without_where: bool,
    /// An UPDATE or DELETE with WHERE, and none without.
    with_where: bool,
    /// A plain SELECT over tables only, without WHERE, limit, grouping or function: reads all.
    reads_all: bool,
    /// A plain SELECT with WHERE.
    reads_some: bool,
    /// A statement that the oracle's walk does not cover.
    beyond: bool,
}

fn name(name: &ObjectName) -> String {
    let parts: Vec<String> = name
        .0
        .iter()
        .filter_map(|p| p.as_ident())
        .map(|i| i.value.to_lowercase())
        .collect();
    parts.join(".")
}

impl Oracle {
    fn table(&mut self, table: &ObjectName) {
        let plain = name(table);
        if !self.ctes.contains(&plain) {
            self.tables.insert(plain);
        }
    }

    fn query(&mut self, query: &Query) {
        let ctes = self.ctes.len();
        if let Some(with) = &query.with {
            for cte in &with.cte_tables {
                let plain = cte.alias.name.value.to_lowercase();
                if with.recursive {
                    self.ctes.push(plain.clone());
                }
                self.query(&cte.query);
                self.ctes.push(plain);
            }
        }
        self.set_expr(&query.body);
        self.ctes.truncate(ctes);
    }

    fn set_expr(&mut self, body: &SetExpr) {
        match body {
            SetExpr::Select(select) => self.select(select),
            SetExpr::Query(query) => self.query(query),
            SetExpr::SetOperation { left, right, .. } => {
                self.set_expr(left);
                self.set_expr(right);
            }
            SetExpr::Values(values) => {
                for row in &values.rows {
                    for value in &row.content {
                        self.expr(value);
                    }
                }
            }
            SetExpr::Insert(s) | SetExpr::Update(s) | SetExpr::Delete(s) | SetExpr::Merge(s) => {
                self.statement(s);
            }
            SetExpr::Table(_) => self.beyond = true,
        }
    }

    fn select(&mut self, select: &Select) {
        for item in &select.projection {
            if let SelectItem::UnnamedExpr(e) | SelectItem::ExprWithAlias { expr: e, .. } = item {
                self.expr(e);
            }
        }
        // What SELECT INTO creates is written in forms that the walk does not tell apart.
        self.beyond |= select.into.is_some();
        for from in &select.from {
            self.joined(from);
        }
        for e in [&select.selection, &select.having, &select.qualify]
            .into_iter()
            .flatten()
        {
            self.expr(e);
        }
    }

    fn joined(&mut self, table: &TableWithJoins) {
        self.factor(&table.relation);
        for join in &table.joins {
            self.factor(&join.relation);
            let constraint = match &join.join_operator {
                JoinOperator::Join(c)
                | JoinOperator::Inner(c)
                | JoinOperator::Left(c)
                | JoinOperator::LeftOuter(c)
                | JoinOperator::Right(c)
                | JoinOperator::RightOuter(c)
                | JoinOperator::FullOuter(c) => Some(c),
                _ => None,
            };
            if let Some(JoinConstraint::On(e)) = constraint {
                self.expr(e);
            }
        }
    }

    fn factor(&mut self, factor: &TableFactor) {
        match factor {
            TableFactor::Table {
                name, args: None, ..
            } => self.table(name),
            TableFactor::Table { .. } | TableFactor::Function { .. } => {}
            TableFactor::Derived { subquery, .. } => self.query(subquery),
            TableFactor::NestedJoin {
                table_with_joins, ..
            } => self.joined(table_with_joins),
            TableFactor::UNNEST { .. } | TableFactor::TableFunction { .. } => {}
            _ => self.beyond = true,
        }
    }

    fn expr(&mut self, e: &Expr) {
        match e {
            Expr::BinaryOp { left, right, .. }
            | Expr::AnyOp { left, right, .. }
            | Expr::AllOp { left, right, .. }
            | Expr::IsDistinctFrom(left, right)
            | Expr::IsNotDistinctFrom(left, right) => {
                self.expr(left);
                self.expr(right);
            }
            Expr::UnaryOp { expr, .. }
            | Expr::Nested(expr)
            | Expr::IsNull(expr)
            | Expr::IsNotNull(expr)
            | Expr::IsTrue(expr)
            | Expr::IsNotTrue(expr)
            | Expr::IsFalse(expr)
            | Expr::IsNotFalse(expr)
            | Expr::Cast { expr, .. }
            | Expr::Extract { expr, .. }
            | Expr::Trim { expr, .. }
            | Expr::Substring { expr, .. }
            | Expr::Ceil { expr, .. }
            | Expr::Floor { expr, .. }
            | Expr::Collate { expr, .. }
            | Expr::Named { expr, .. } => self.expr(expr),
            Expr::InList { expr, list, .. } => {
                self.expr(expr);
                list.iter().for_each(|e| self.expr(e));
            }
            Expr::InSubquery { expr, subquery, .. } => {
                self.expr(expr);
                self.query(subquery);
            }
            Expr::Between {
                expr, low, high, ..
            } => {
                self.expr(expr);
                self.expr(low);
                self.expr(high);
            }
            Expr::Like { expr, pattern, .. } | Expr::ILike { expr, pattern, .. } => {
                self.expr(expr);
                self.expr(pattern);
            }
            Expr::Exists { subquery, .. } | Expr::Subquery(subquery) => self.query(subquery),
            Expr::Tuple(list) => list.iter().for_each(|e| self.expr(e)),
            Expr::Case {
                operand,
                conditions,
                else_result,
                ..
            } => {
                operand.iter().for_each(|e| self.expr(e));
                for when in conditions {
                    self.expr(&when.condition);
                    self.expr(&when.result);
                }
                else_result.iter().for_each(|e| self.expr(e));
            }
            Expr::Function(function) => match &function.args {
                FunctionArguments::Subquery(query) => self.query(query),
                FunctionArguments::List(list) => {
                    for arg in &list.args {
                        if let FunctionArg::Unnamed(FunctionArgExpr::Expr(e)) = arg {
                            self.expr(e);
                        }
                    }
                }
                FunctionArguments::None => {}
            },
            _ => {}
        }
    }

    fn insert(&mut self, insert: &Insert) {
        self.kinds.insert("insert");
        match &insert.table {
            TableObject::TableName(table) => {
                self.tables.insert(name(table));
            }
            _ => self.beyond = true,
        }
        if let Some(source) = &insert.source {
            self.query(source);
        }
        insert.assignments.iter().for_each(|a| self.expr(&a.value));
    }

    fn condition(&mut self, selection: Option<&Expr>) {
        match selection {
            Some(e) => {
                self.with_where = true;
                self.expr(e);
            }
            None => self.without_where = true,
        }
    }

    fn statement(&mut self, statement: &Statement) {
        match statement {
            Statement::Query(query) => {
                // A WITH before INSERT, UPDATE or DELETE is that statement, not a query.
                if !matches!(
                    *query.body,
                    SetExpr::Insert(_)
                        | SetExpr::Update(_)
                        | SetExpr::Delete(_)
                        | SetExpr::Merge(_)
                ) {
                    self.kinds.insert("select");
                }
                self.query(query);
                self.plain_select(query);
            }
            Statement::Insert(insert) => self.insert(insert),
            Statement::Update(update) => {
                self.kinds.insert("update");
                self.joined(&update.table);
                match &update.from {
                    Some(
                        UpdateTableFromKind::BeforeSet(from) | UpdateTableFromKind::AfterSet(from),
                    ) => {
                        from.iter().for_each(|t| self.joined(t));
                        // `UPDATE alias … FROM table alias`: the walk does not resolve aliases.
                        self.beyond |= from
                            .iter()
                            .any(|t| format!("{t}").to_lowercase().contains(" as "));
                    }
                    None => {}
                }
                update.assignments.iter().for_each(|a| self.expr(&a.value));
                self.condition(update.selection.as_ref());
            }
            Statement::Delete(delete) => {
                self.kinds.insert("delete");
                let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) =
                    &delete.from;
                from.iter().for_each(|t| self.joined(t));
                // `DELETE alias FROM …`: the names before FROM may be aliases.
                self.beyond |= !delete.tables.is_empty();
                for table in delete.using.iter().flatten() {
                    self.joined(table);
                }
                self.condition(delete.selection.as_ref());
            }
            Statement::Truncate(truncate) => {
                self.kinds.insert("truncate");
                for target in &truncate.table_names {
                    self.tables.insert(name(&target.name));
                }
            }
            Statement::Drop {
                names, object_type, ..
            } => {
                self.kinds.insert("drop");
                if matches!(format!("{object_type}").as_str(), "TABLE" | "VIEW") {
                    self.tables.extend(names.iter().map(name));
                }
            }
            Statement::CreateTable(create) => {
                self.kinds.insert("create");
                self.tables.insert(name(&create.name));
                if let Some(query) = &create.query {
                    self.query(query);
                }
            }
            Statement::CreateView(create) => {
                self.kinds.insert("create");
                self.tables.insert(name(&create.name));
                self.query(&create.query);
            }
            Statement::CreateIndex(create) => {
                self.kinds.insert("create");
                self.tables.insert(name(&create.table_name));
            }
            Statement::AlterTable(alter) => {
                self.kinds.insert("alter");
                self.tables.insert(name(&alter.name));
            }
            Statement::Merge(merge) => {
                self.kinds.insert("merge");
                self.factor(&merge.table);
                self.factor(&merge.source);
            }
            Statement::Grant(_) | Statement::Deny(_) => {
                self.kinds.insert("grant");
                self.beyond = true;
            }
            Statement::Revoke(_) => {
                self.kinds.insert("revoke");
                self.beyond = true;
            }
            Statement::StartTransaction { .. }
            | Statement::Commit { .. }
            | Statement::Rollback { .. }
            | Statement::Savepoint { .. }
            | Statement::ReleaseSavepoint { .. } => {
                self.kinds.insert("transaction");
            }
            Statement::Call(_) => {
                self.kinds.insert("call");
            }
            _ => self.beyond = true,
        }
    }

    /// Whether a query is the simple kind whose bounds the oracle can tell.
    fn plain_select(&mut self, query: &Query) {
        let SetExpr::Select(select) = &*query.body else {
            return;
        };
        let limited = query.fetch.is_some()
            || select.top.is_some()
            || match &query.limit_clause {
                None => false,
                Some(LimitClause::LimitOffset { limit, .. }) => limit.is_some(),
                Some(LimitClause::OffsetCommaLimit { .. }) => true,
            };
        let all_tables = !select.from.is_empty()
            && query.with.is_none()
            && select.from.iter().all(|t| {
                matches!(t.relation, TableFactor::Table { args: None, .. }) && t.joins.is_empty()
            });
        let calls = format!("{select}").contains('(');
        if select.selection.is_some() {
            self.reads_some = true;
        } else if all_tables && !limited && !calls {
            self.reads_all = true;
        }
    }
}

/// What the oracle makes of a text, in the first dialect that takes it.
fn oracle(sql: &str) -> Option<Oracle> {
    let dialects: [&dyn Dialect; 5] = [
        &PostgreSqlDialect {},
        &SQLiteDialect {},
        &MySqlDialect {},
        &MsSqlDialect {},
        &GenericDialect {},
    ];
    let statements = dialects
        .iter()
        .find_map(|d| Parser::parse_sql(*d, sql).ok())?;
    let mut oracle = Oracle::default();
    statements.iter().for_each(|s| oracle.statement(s));
    (!statements.is_empty()).then_some(oracle)
}

/// Differences that are meant.
fn known_difference(sql: &str) -> Option<&'static str> {
    let lower = sql.to_lowercase();
    if lower.contains("/*") || lower.contains('\\') || lower.contains('#') {
        Some("dialects read it differently: we join both readings, the oracle takes one")
    } else if lower.starts_with("update only ") {
        Some("PostgreSQL's ONLY: the oracle takes it for the table")
    } else if lower.contains("= delete ") {
        Some("a reserved word as a name: the oracle takes it, databases do not, and neither do we")
    } else if lower.starts_with("explain") {
        Some("EXPLAIN ANALYZE runs the statement: we report that one's kind")
    } else {
        None
    }
}

/// Compares; `Ok(false)` when the oracle does not parse the text.
fn compare(sql: &str) -> Result<bool, String> {
    let Some(oracle) = oracle(sql) else {
        return Ok(false);
    };
    if known_difference(sql).is_some() {
        return Ok(false);
    }
    let ours = SqlFacts::of(sql, None);
    let fail = |what: &str| {
        Err(format!(
            "{what}\n  {sql}\n  oracle {oracle:?}\n  ours {ours:?}"
        ))
    };
    if !ours.parsed {
        return fail("the oracle parses, we do not");
    }
    let kinds: BTreeSet<&str> = ours.kinds.iter().map(String::as_str).collect();
    if !oracle.kinds.is_subset(&kinds) || !oracle.beyond && oracle.kinds != kinds {
        return fail("kinds differ");
    }
    let tables: BTreeSet<String> = ours.tables.iter().cloned().collect();
    if !oracle.beyond && oracle.tables != tables {
        return fail("tables differ");
    }
    if oracle.without_where && !ours.unbounded {
        return fail("no condition, yet bounded");
    }
    let wipes = kinds.contains("drop") || kinds.contains("truncate") || kinds.contains("alter");
    if oracle.with_where && !oracle.without_where && !wipes && ours.unbounded && !ours.tautology {
        return fail("a condition, yet unbounded");
    }
    if kinds.len() == 1 && oracle.reads_all && !ours.unbounded_read {
        return fail("reads all, yet bounded");
    }
    if kinds.len() == 1
        && ours.statements == 1
        && oracle.reads_some
        && !ours.tautology
        && !ours.set_operation
        && ours.unbounded_read
    {
        return fail("reads by a condition, yet unbounded");
    }
    Ok(true)
}

fn check_all<'a>(what: &str, texts: impl Iterator<Item = &'a str>, least: usize) {
    let (mut compared, mut skipped) = (0, 0);
    let mut failures = Vec::new();
    for sql in texts {
        match compare(sql) {
            Ok(true) => compared += 1,
            Ok(false) => skipped += 1,
            Err(why) => failures.push(why),
        }
    }
    println!("{what}: {compared} compared, {skipped} beyond the oracle");
    assert!(
        failures.is_empty(),
        "{what}: {} differ\n{}",
        failures.len(),
        failures.join("\n")
    );
    assert!(compared >= least, "{what}: only {compared} compared");
}

#[test]
fn committed_statements_agree() {
    let text = include_str!("cases/sql_statements.sql");
    let statements: Vec<&str> = text
        .split("\n\n")
        .map(str::trim)
        .filter(|s| !s.is_empty())
        .collect();
    assert!(statements.len() >= 150, "{}", statements.len());
    let unparsed: Vec<&&str> = statements
        .iter()
        .filter(|sql| !SqlFacts::of(sql, None).parsed)
        .collect();
    assert!(unparsed.is_empty(), "not parsed: {unparsed:#?}");
    check_all("committed statements", statements.into_iter(), 100);
}

#[test]
fn collected_queries_agree() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = ["../../../shared", "../../../../shared"]
        .map(|at| root.join(at).join("data/detect/dev/sqli.jsonl.gz"))
        .into_iter()
        .find(|file| file.exists());
    let output = file.map(|file| Command::new("gzip").arg("-dc").arg(file).output());
    let Some(output) = output.and_then(Result::ok).filter(|o| o.status.success()) else {
        println!("skipped: no collected queries beside the repository");
        return;
    };
    let mut queries = Vec::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        if record["label"] == 0 && record["kind"] == "query" {
            queries.push(record["text"].as_str().unwrap_or_default().to_owned());
        }
    }
    check_all("collected queries", queries.iter().map(String::as_str), 500);
}

fn ident() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "users",
        "orders",
        "t1",
        "Order_Items",
        "a",
        "b",
        "country",
        "name",
        "price",
        "created_at",
        "\"Quoted\"",
        "public.users",
        "qty",
    ])
    .prop_map(str::to_owned)
}

fn column() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "a",
        "b",
        "name",
        "price",
        "t.x",
        "\"Col\"",
        "users.email",
        "qty",
    ])
    .prop_map(str::to_owned)
}

fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        column(),
        (0i64..1000).prop_map(|n| n.to_string()),
        "[a-z ']{0,6}".prop_map(|s| format!("'{}'", s.replace('\'', "''"))),
        Just("NULL".to_owned()),
        Just("now()".to_owned()),
        Just("-1.5e3".to_owned()),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            (
                inner.clone(),
                prop::sample::select(vec!["+", "-", "*", "/", "||", "%"]),
                inner.clone()
            )
                .prop_map(|(a, op, b)| format!("({a} {op} {b})")),
            (inner.clone(), inner.clone())
                .prop_map(|(a, b)| format!("CASE WHEN {a} = {b} THEN {a} ELSE {b} END")),
            inner.clone().prop_map(|a| format!("coalesce({a}, 0)")),
            inner.clone().prop_map(|a| format!("CAST({a} AS int)")),
            inner.prop_map(|a| format!("(SELECT max({a}) FROM sub1)")),
        ]
    })
}

fn condition() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        (
            expression(),
            prop::sample::select(vec!["=", "<>", "<", ">=", "!="]),
            expression()
        )
            .prop_map(|(a, op, b)| format!("{a} {op} {b}")),
        (column(), expression(), expression())
            .prop_map(|(a, b, c)| format!("{a} BETWEEN {b} AND {c}")),
        (column(), prop::collection::vec(expression(), 1..4))
            .prop_map(|(a, l)| format!("{a} NOT IN ({})", l.join(", "))),
        column().prop_map(|a| format!("{a} IN (SELECT z FROM sub2 WHERE z > 1)")),
        column().prop_map(|a| format!("{a} LIKE 'x%'")),
        column().prop_map(|a| format!("{a} IS NOT NULL")),
        Just("EXISTS (SELECT 1 FROM sub3)".to_owned()),
    ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} AND {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} OR {b}")),
            inner.prop_map(|a| format!("NOT ({a})")),
        ]
    })
}

fn filter() -> impl Strategy<Value = String> {
    prop::option::of(condition()).prop_map(|c| c.map_or(String::new(), |c| format!(" WHERE {c}")))
}

fn select() -> impl Strategy<Value = String> {
    (
        prop::collection::vec(expression(), 1..4),
        ident(),
        prop::option::of((ident(), condition())),
        filter(),
        prop::option::of(1i64..100),
        any::<bool>(),
    )
        .prop_map(|(items, table, join, filter, limit, star)| {
            let items = if star {
                "*".to_owned()
            } else {
                items.join(", ")
            };
            let join = join.map_or(String::new(), |(t, on)| {
                format!(" LEFT JOIN {t} AS j ON {on}")
            });
            let limit = limit.map_or(String::new(), |n| format!(" LIMIT {n}"));
            format!("SELECT {items} FROM {table} t{join}{filter} ORDER BY 1 DESC{limit}")
        })
}

fn statement() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => select(),
        1 => (select(), select()).prop_map(|(a, b)| format!("({a}) UNION ALL ({b})")),
        1 => (select(), select()).prop_map(|(a, b)| format!("WITH w AS ({a}) SELECT * FROM w, ({b}) d")),
        2 => (ident(), filter()).prop_map(|(t, w)| format!("DELETE FROM {t}{w}")),
        2 => (ident(), column(), expression(), filter())
            .prop_map(|(t, c, e, w)| format!("UPDATE {t} SET {} = {e}{w}", c.rsplit('.').next().unwrap())),
        1 => (ident(), select()).prop_map(|(t, s)| format!("INSERT INTO {t} {s}")),
        1 => (ident(), prop::collection::vec(expression(), 1..4))
            .prop_map(|(t, v)| format!("INSERT INTO {t} VALUES ({})", v.join(", "))),
        1 => (ident(), select()).prop_map(|(t, s)| format!("CREATE TABLE {t} AS {s}")),
        1 => ident().prop_map(|t| format!("DROP TABLE IF EXISTS {t}")),
        1 => ident().prop_map(|t| format!("TRUNCATE TABLE {t}")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn generated_statements_agree(sql in statement()) {
        let compared = compare(&sql);
        prop_assert!(compared.is_ok(), "{}", compared.unwrap_err());
    }

    #[test]
    fn generated_scripts_agree(list in prop::collection::vec(statement(), 2..4)) {
        let sql = list.join(";\n");
        let compared = compare(&sql);
        prop_assert!(compared.is_ok(), "{}", compared.unwrap_err());
        prop_assert_eq!(SqlFacts::of(&sql, None).statements, i64::try_from(list.len()).unwrap());
    }
}
