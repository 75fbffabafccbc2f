//! What a SQL text does: statement kinds, tables, and whether anything bounds it.
//!
//! The text is lexed and parsed by a tolerant recursive descent that covers what PostgreSQL, MySQL,
//! SQLite and T-SQL have in common and what each adds. It reads structure and does not check that a
//! database would accept the text. Where a text means different things to different dialects, it is
//! read in each and the facts are joined.
//!
//! What it misses: `DELETE FROM t WHERE id IN (SELECT id FROM t)` and other conditions that are true
//! for reasons of the data count as bounding, and so do complements (`a OR NOT a`); the bodies of
//! functions, triggers and texts run by `EXEC` are not read (they set `dynamic`).

mod definition;
mod dml;
mod expr;
mod functions;
mod lexer;
mod parser;
mod query;
mod statement;

use lexer::Dialect;
use parser::{CONDITION_ROWS, Parser, UNBOUNDED_ROWS};

use super::{FactInput, fact_group, set_insert};
use crate::model::{ActionType, Value};

fact_group! {
    /// What a SQL text does.
    SqlFacts {
        /// The action carries SQL.
        present: bool,
        /// The text parsed; when it did not, the dangerous values hold.
        parsed: bool,
        /// How many statements there are.
        statements: i64,
        /// Statement kinds in lower case: `select`, `insert`, `update`, `delete`, `merge`, `drop`, `truncate`, `alter`, `create`, `grant`, `revoke`, `call`, `copy`, `set`, `transaction`, `other`.
        kinds: Vec<String>,
        /// Tables named, lower case and unquoted, with schema if given.
        tables: Vec<String>,
        /// Tables written to, altered or dropped.
        tables_written: Vec<String>,
        /// A statement reads rows.
        reads: bool,
        /// A statement changes data, structure or rights.
        writes: bool,
        /// A statement deletes rows or objects.
        deletes: bool,
        /// A statement changes the structure.
        ddl: bool,
        /// A statement changes rights.
        rights: bool,
        /// An UPDATE or DELETE without a condition that bounds it, a TRUNCATE or a DROP.
        unbounded: bool,
        /// A SELECT without a condition, limit or aggregate that bounds it.
        unbounded_read: bool,
        /// More than one statement that does something.
        stacked: bool,
        /// A condition that is always true, such as `1=1`.
        tautology: bool,
        /// Two constants are compared in a condition (`1=1`, `1=2`), as generated queries and injection probes do.
        constant_condition: bool,
        /// A comment cuts the statement off.
        comment: bool,
        /// A UNION joins another SELECT.
        set_operation: bool,
        /// Text is run as SQL or a body is stored (`EXEC(@s)`, `DO $$`, CREATE FUNCTION), so that not all that runs is seen.
        dynamic: bool,
        /// Functions that wait, read files, run commands or reach the network.
        functions: Vec<String>,
        /// The statement's own row limit, -1 when there is none.
        limit: i64,
        /// Rows that it may touch: observed, else the least of the limit, 1 for an equality on a key, the rows of a VALUES list, 1000 for any other condition, and 1000000 when unbounded.
        row_estimate: i64,
    }
}

/// Bytes of one SQL text that are read; past it the text counts as not parsed.
const TEXT_BYTES_MAX: usize = 128 * 1024;

/// Texts of one action that are read.
const TEXTS_MAX: usize = 32;

/// Argument keys that name SQL whatever the action type.
const SQL_KEYS: &[&str] = &[
    "sql",
    "query",
    "statement",
    "statements",
    "sql_query",
    "sqlquery",
    "raw_sql",
    "stmt",
    "queries",
];

/// Argument keys that hold SQL when the action is on a database.
const DATABASE_KEYS: &[&str] = &[
    "text", "command", "cmd", "q", "script", "input", "code", "body",
];

/// Words that a SQL statement begins with.
const STARTS: &[&str] = &[
    "select", "insert", "update", "delete", "with", "drop", "truncate", "alter", "create", "grant",
    "revoke", "merge", "replace", "call", "exec", "execute", "copy", "explain", "begin", "declare",
    "set", "do", "load", "pragma", "attach", "vacuum", "values", "show", "describe", "use",
    "prepare", "start", "commit", "rollback", "if", "rename", "analyze", "lock", "deny", "waitfor",
];

impl SqlFacts {
    /// Computes the group.
    #[must_use]
    pub fn compute(input: FactInput<'_>) -> Self {
        let action = input.action;
        let database = matches!(
            action.action_type,
            ActionType::DatabaseQuery | ActionType::DatabaseWrite
        ) || names_database(&action.tool);
        let mut texts = Texts {
            database,
            found: Vec::new(),
        };
        texts.collect(&action.arguments, 0);
        texts.collect(&action.payload, 0);
        if texts.found.is_empty() {
            let resource = action.resource.as_str();
            if !resource.is_empty() && starts_as_sql(resource) && resource.contains(' ') {
                texts.found.push((resource, database));
            } else {
                return Self::default();
            }
        }
        let mut facts: Option<Self> = None;
        for (text, certain) in texts.found {
            let one = Self::of(text, None);
            if !certain && !one.parsed && reads_as_prose(text) {
                continue;
            }
            match &mut facts {
                None => facts = Some(one),
                Some(all) => all.join(&one, i64::saturating_add),
            }
        }
        let mut facts = facts.unwrap_or_default();
        if let (true, Some(rows)) = (facts.present, action.observed.rows) {
            facts.row_estimate = rows.max(0);
        }
        facts
    }

    /// The facts of one SQL text, with the number of rows that the database itself expects to touch.
    #[must_use]
    pub fn of(sql: &str, rows_observed: Option<i64>) -> Self {
        let first = Self::read(sql, Dialect::Standard);
        let mut facts = first.facts;
        if first.ambiguous {
            let other = Self::read(sql, Dialect::MySql);
            let comment = if facts.parsed {
                facts.comment
            } else {
                other.facts.comment
            };
            // A database does not run a statement that it cannot parse, but some run those before it.
            match (facts.parsed, other.facts.parsed) {
                (true, true) => facts.join(&other.facts, i64::max),
                (true, false) if other.completed > 0 => {
                    facts.join(&other.facts, i64::max);
                    facts.parsed = true;
                }
                (false, true) => {
                    let partial = std::mem::replace(&mut facts, other.facts);
                    if first.completed > 0 {
                        facts.join(&partial, i64::max);
                        facts.parsed = true;
                    }
                }
                _ => {}
            }
            facts.comment = comment;
        }
        if !facts.parsed {
            facts.reads = true;
            facts.writes = true;
            facts.deletes = true;
            facts.unbounded = true;
            facts.unbounded_read = true;
            facts.stacked = true;
            facts.row_estimate = UNBOUNDED_ROWS;
        }
        if let Some(rows) = rows_observed {
            facts.row_estimate = rows.max(0);
        }
        facts
    }

    fn read(sql: &str, dialect: Dialect) -> Reading {
        let mut facts = Self {
            present: true,
            limit: -1,
            ..Self::default()
        };
        if sql.len() > TEXT_BYTES_MAX {
            return Reading {
                facts,
                ambiguous: false,
                completed: 0,
            };
        }
        let lexed = lexer::lex(sql, dialect);
        let mut parser = Parser::new(sql, &lexed.tokens, dialect, &mut facts);
        let parsed = parser.script().is_ok();
        let stacked = parser.active > 1;
        let estimate = parser.estimate;
        let completed = parser.completed;
        let limits = std::mem::take(&mut parser.limits);
        facts.parsed = parsed && lexed.ok && facts.statements > 0;
        facts.comment = lexed.comment;
        facts.stacked = stacked;
        facts.limit = limits.iter().copied().max().unwrap_or(-1);
        if limits.contains(&-1) {
            facts.limit = -1;
        }
        facts.row_estimate = if limits.is_empty() {
            // Neither rows nor objects: SET, BEGIN, EXPLAIN…
            if facts.writes { CONDITION_ROWS } else { 1 }
        } else {
            estimate
        };
        Reading {
            facts,
            ambiguous: lexed.ambiguous,
            completed,
        }
    }

    /// Joins the facts of another text, or of another reading of the same text: what either does.
    fn join(&mut self, other: &Self, rows: fn(i64, i64) -> i64) {
        self.parsed &= other.parsed;
        self.statements = rows(self.statements, other.statements);
        for (have, more) in [
            (&mut self.kinds, &other.kinds),
            (&mut self.tables, &other.tables),
            (&mut self.tables_written, &other.tables_written),
            (&mut self.functions, &other.functions),
        ] {
            for item in more {
                set_insert(have, item);
            }
        }
        for (have, more) in [
            (&mut self.reads, other.reads),
            (&mut self.writes, other.writes),
            (&mut self.deletes, other.deletes),
            (&mut self.ddl, other.ddl),
            (&mut self.rights, other.rights),
            (&mut self.unbounded, other.unbounded),
            (&mut self.unbounded_read, other.unbounded_read),
            (&mut self.stacked, other.stacked),
            (&mut self.tautology, other.tautology),
            (&mut self.constant_condition, other.constant_condition),
            (&mut self.comment, other.comment),
            (&mut self.set_operation, other.set_operation),
            (&mut self.dynamic, other.dynamic),
        ] {
            *have |= more;
        }
        self.limit = if self.limit < 0 || other.limit < 0 {
            -1
        } else {
            self.limit.max(other.limit)
        };
        self.row_estimate = rows(self.row_estimate, other.row_estimate);
    }
}

/// One reading of a text.
struct Reading {
    facts: SqlFacts,
    /// Other dialects read the text differently.
    ambiguous: bool,
    /// Statements that were read to the semicolon behind them.
    completed: u32,
}

/// The SQL texts of an action, each with whether it surely is SQL.
struct Texts<'a> {
    database: bool,
    found: Vec<(&'a str, bool)>,
}

impl<'a> Texts<'a> {
    fn collect(&mut self, value: &'a Value, depth: usize) {
        match value {
            Value::Object(object) => {
                for (key, value) in object.iter() {
                    let sql_key = listed(SQL_KEYS, key);
                    let fits = sql_key || self.database && listed(DATABASE_KEYS, key);
                    match value {
                        Value::String(text) if fits => {
                            self.text(text, key.eq_ignore_ascii_case("sql"));
                        }
                        Value::Array(items) if fits => {
                            for item in items {
                                match item {
                                    Value::String(text) => self.text(text, false),
                                    other => self.collect(other, depth + 1),
                                }
                            }
                        }
                        Value::Object(_) | Value::Array(_) if depth < 3 => {
                            self.collect(value, depth + 1);
                        }
                        _ => {}
                    }
                }
            }
            Value::Array(items) if depth < 3 => {
                for item in items {
                    match item {
                        Value::String(text) if self.database && starts_as_sql(text) => {
                            self.text(text, false);
                        }
                        other => self.collect(other, depth + 1),
                    }
                }
            }
            Value::String(text) if depth == 0 && self.database => self.text(text, false),
            _ => {}
        }
    }

    fn text(&mut self, text: &'a str, key_says: bool) {
        let trimmed = text.trim_start();
        // JSON is a document store's query, and an empty text does nothing.
        if trimmed.is_empty() || trimmed.starts_with(['{', '[']) {
            return;
        }
        let certain = self.database || key_says;
        if (certain || starts_as_sql(text)) && self.found.len() < TEXTS_MAX {
            self.found.push((text, certain));
        }
    }
}

fn listed(keys: &[&str], key: &str) -> bool {
    keys.iter()
        .any(|k| k.len() == key.len() && k.eq_ignore_ascii_case(key))
}

/// A tool whose name says that it runs SQL.
fn names_database(tool: &str) -> bool {
    if tool.is_empty() {
        return false;
    }
    const NAMES: &[&[u8]] = &[
        b"sql",
        b"postgres",
        b"duckdb",
        b"database",
        b"snowflake",
        b"bigquery",
    ];
    NAMES.iter().any(|name| names_part(tool, name))
}

/// `part`, in lower case, stands somewhere in `name`, whatever the case.
pub(super) fn names_part(name: &str, part: &[u8]) -> bool {
    let Some(first) = part.first() else {
        return true;
    };
    name.as_bytes().windows(part.len()).any(|have| {
        have.first().is_some_and(|b| b | 0x20 == *first) && have.eq_ignore_ascii_case(part)
    })
}

/// The text begins with a word of SQL, after white space, comments and opening parentheses.
fn starts_as_sql(text: &str) -> bool {
    let mut rest = text.trim_start_matches(|c: char| c.is_whitespace() || c == '(' || c == ';');
    // A few comments, so that one in front hides nothing.
    for _ in 0..8 {
        rest = if let Some(line) = rest.strip_prefix("--").or_else(|| rest.strip_prefix('#')) {
            line.split_once('\n').map_or("", |(_, after)| after)
        } else if rest.starts_with("/*!") {
            return true;
        } else if let Some(block) = rest.strip_prefix("/*") {
            block.split_once("*/").map_or("", |(_, after)| after)
        } else {
            break;
        };
        rest = rest.trim_start();
    }
    let len = rest
        .bytes()
        .take(12)
        .take_while(u8::is_ascii_alphabetic)
        .count();
    let Some((word, after)) = rest.split_at_checked(len) else {
        return false;
    };
    !after.starts_with(|c: char| c.is_alphanumeric() || c == '_') && listed(STARTS, word)
}

/// No punctuation that SQL which does anything would need.
fn reads_as_prose(text: &str) -> bool {
    !text.bytes().any(|b| {
        matches!(
            b,
            b';' | b'\'' | b'"' | b'=' | b'(' | b'*' | b'<' | b'>' | b'`' | b'#' | b'@'
        )
    }) && !text.contains("--")
}
