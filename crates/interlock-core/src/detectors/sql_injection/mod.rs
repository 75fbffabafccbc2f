//! SQL that smuggles a second meaning: into a value, or as a whole query.

mod clauses;
mod expression;
mod fragment;
mod names;
mod query;
mod tokens;
mod value;

use super::code::codes;
use super::{DetectContext, Detector, Phase};
use crate::model::{ActionType, FindingCode, Findings, Vector};
use crate::text::{Bound, Channel, Flags, Literals, View, ViewKind};
use names::QUERY_KEYS;

codes! {
    SqlInjection, "sql-injection";
    TAUTOLOGY = "tautology", "a condition that is always true or made to be tested", ["CWE-89", "ASI02"];
    UNION = "union-select", "a second SELECT joined to the first", ["CWE-89", "ASI02"];
    STACKED = "stacked-statement", "a second statement after the first", ["CWE-89", "ASI02"];
    TRUNCATION = "comment-truncation", "a comment that cuts the rest of a statement off", ["CWE-89", "ASI02"];
    DELAY = "time-delay", "a function that waits, to learn from the delay", ["CWE-89", "ASI02"];
    SYSTEM_ACCESS = "system-access", "files, commands or the catalogue reached from SQL", ["CWE-89", "ASI02"];
    BREAKOUT = "quote-breakout", "a quote that ends the value and goes on as SQL", ["CWE-89", "ASI02"];
    COMPUTED = "computed-value", "an expression or a piece of a query where a value should be", ["CWE-89", "ASI02"];
}

const KEYWORD: u8 = 0;
const DANGER: u8 = 1;
const LOGIC: u8 = 2;
const SYMBOL: u8 = 3;

static LITERALS: &[Literals] = &[
    Literals {
        class: KEYWORD,
        bound: Bound::Word,
        words: &[
            "select", "union", "having", "order by", "group by", "waitfor", "drop", "insert",
            "delete", "update", "exec", "declare", "shutdown", "truncate",
        ],
    },
    Literals {
        class: LOGIC,
        bound: Bound::Word,
        words: &["or", "and", "xor"],
    },
    Literals {
        class: SYMBOL,
        bound: Bound::None,
        words: &[
            "--",
            "/*",
            "*/",
            "'#",
            "||",
            "&&",
            ")or",
            ")and",
            "'or",
            "'and",
            "\"or",
            "\"and",
            "+or+",
            "+and+",
            "' o",
            "' a",
            "'=",
            "';",
            "')",
            "\" o",
            "\" a",
            "\"=",
            "\";",
            "or'",
            "or\"",
            "1or",
            "1and",
            "'+",
            "'*",
            "'-",
            "',",
            "'/",
            "@@",
            "' l",
            "' u",
            "' h",
            "' g",
            "' |",
            "'|",
            "'&",
            "'<",
            "'>",
            "'!",
            "' m",
            "' r",
            "' x",
            "' n",
            "' s",
            "' b",
            "' c",
            "' i",
            "' -",
            "' +",
            "' *",
            "' /",
            "' <",
            "' >",
            "' =",
            "' !",
            "' &",
            "' ^",
            "'^",
            "' %",
            "'%",
            "'or",
            "'an",
            "'xo",
            "'li",
            "'rl",
            "'re",
            "'mo",
            "'di",
            "'so",
            "'no",
            "\"|",
            "\"&",
            "\"^",
            "\"<",
            "\">",
            "\"-",
            "\"+",
            "\" -",
            "\" +",
            "\"'",
            "'\"",
            "/*!",
            "<>",
            "' #",
            "\" #",
            "\"#",
            "union all",
            "union select",
            "union(",
            "(select",
            "\" or",
            "\"or",
        ],
    },
    Literals {
        class: DANGER,
        bound: Bound::Start,
        words: &[
            "sleep(",
            "analyse(",
            "analyse (",
            "sleep (",
            "benchmark(",
            "benchmark (",
            "pg_sleep",
            "waitfor delay",
            "dbms_",
            "utl_http",
            "utl_inaddr",
            "xp_cmdshell",
            "xp_",
            "sp_oacreate",
            "sp_executesql",
            "load_file",
            "outfile",
            "dumpfile",
            "information_schema",
            "sysobjects",
            "syscolumns",
            "sqlite_master",
            "pg_catalog",
            "pg_shadow",
            "pg_user",
            "mysql.user",
            "all_tables",
            "extractvalue",
            "updatexml",
            "group_concat",
            "concat_ws",
            "load data",
            "randomblob",
            "lo_import",
            "sys_exec",
            "sys_eval",
            "@@version",
            "msysobjects",
            "openrowset",
            "sysibm",
            "version()",
            "user()",
            "database()",
            "current_user",
            "ascii(",
            "chr(",
            "char(",
            "substr(",
            "substring(",
            "mid(",
            "pi()",
            "syscat",
            "sqlite_schema",
            "load_extension",
            "pg_read",
            "pg_ls",
            "lo_export",
            "rdb$",
            "v$version",
            "xmltype",
            "master..",
            "user_tables",
            "all_users",
            "dba_",
            "current_setting",
            "pg_group",
            "pg_roles",
            "pg_database",
            "pg_tables",
            "pg_class",
            "to_xml(",
            "httpuritype",
            "gtid_",
            "rlike",
            "regexp_",
            "elt(",
            "make_set(",
            "iif(",
            "case when",
            "zeroblob",
        ],
    },
];

/// Looks for SQL injection.
#[derive(Debug)]
pub(super) struct SqlInjection;

impl Detector for SqlInjection {
    fn vector(&self) -> Vector {
        Vector::SqlInjection
    }

    fn phase(&self) -> Phase {
        Phase::Content
    }

    fn codes(&self) -> &'static [&'static FindingCode] {
        CODES
    }

    fn literals(&self) -> &'static [Literals] {
        LITERALS
    }

    fn failed(&self) -> &'static FindingCode {
        &FAILED
    }

    fn detect(&self, cx: &DetectContext<'_>, out: &mut Findings) {
        for view in cx.scanned.views() {
            let classes = view.classes(Vector::SqlInjection);
            if classes == 0 || view.kind == ViewKind::Respelt {
                continue;
            }
            // Words of a sentence become SQL only beside its signs.
            let has = |class: u8| classes & (1 << class) != 0;
            let candidate = has(DANGER)
                || has(SYMBOL)
                || (has(KEYWORD)
                    && view
                        .flags
                        .any(Flags::QUOTE.and(Flags::META).and(Flags::DIGIT)))
                || (has(LOGIC) && view.flags.any(Flags::COMPARE));
            if !candidate {
                continue;
            }
            let Some(segment) = cx.scanned.segment_of(view) else {
                continue;
            };
            if segment.channel == Channel::Resource
                && segment.text.starts_with("http")
                && view.kind == ViewKind::Raw
            {
                continue;
            }
            let whole = whole_query(cx, view, segment.key);
            let mut limited = false;
            let verdict = if whole {
                let broken = cx.facts.sql.present && !cx.facts.sql.parsed;
                query::judge(&view.text, broken, &mut limited)
                    .or_else(|| misplaced(cx, view, segment.key))
            } else {
                value::judge(&view.text, &mut limited)
            };
            if limited {
                out.limit_reached();
            }
            if let Some(Verdict {
                code,
                confidence,
                span,
            }) = verdict
            {
                cx.report(out, view, code, confidence, span);
            }
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Verdict {
    code: &'static FindingCode,
    confidence: u8,
    span: (usize, usize),
}

/// The surest verdict so far.
#[derive(Debug, Clone, Copy, Default)]
struct Best {
    verdict: Option<Verdict>,
}

impl Best {
    fn take(&mut self, found: Option<Verdict>) {
        if let Some(found) = found
            && self.verdict.is_none_or(|b| found.confidence > b.confidence)
        {
            self.verdict = Some(found);
        }
    }

    fn reached(&self, confidence: u8) -> bool {
        self.verdict.is_some_and(|b| b.confidence >= confidence)
    }
}

/// Whether a text stands where a query is expected and begins like one.
fn whole_query(cx: &DetectContext<'_>, view: &View<'_>, key: &str) -> bool {
    if expected(cx, key) && begins(&view.text) {
        return true;
    }
    view.text.len() > 24 && statement(&view.text)
}

/// A query of the catalogue where no query belongs.
fn misplaced(cx: &DetectContext<'_>, view: &View<'_>, key: &str) -> Option<Verdict> {
    if expected(cx, key) {
        return None;
    }
    value::catalogue(&view.text)
}

/// Whether a query stands where one is expected.
fn expected(cx: &DetectContext<'_>, key: &str) -> bool {
    let database = matches!(
        cx.action.action_type,
        ActionType::DatabaseQuery | ActionType::DatabaseWrite
    );
    database || QUERY_KEYS.iter().any(|k| k.eq_ignore_ascii_case(key))
}

/// Whether the first word of a text begins a statement.
fn begins(text: &str) -> bool {
    const FIRST: [&str; 20] = [
        "select", "insert", "update", "delete", "with", "create", "alter", "drop", "truncate",
        "merge", "replace", "explain", "begin", "start", "declare", "set", "use", "show", "call",
        "grant",
    ];
    let mut words = text.split_whitespace();
    let first = words.next().unwrap_or_default().trim_end_matches(';');
    words.next().is_some() && FIRST.iter().any(|w| w.eq_ignore_ascii_case(first))
}

/// Whether a text begins like a complete statement.
fn statement(text: &str) -> bool {
    let head: Vec<&str> = text
        .get(..text.len().min(400))
        .unwrap_or(text)
        .split_whitespace()
        .take(48)
        .collect();
    let is = |n: usize, word: &str| head.get(n).is_some_and(|w| w.eq_ignore_ascii_case(word));
    let has = |word: &str| head.iter().any(|w| w.eq_ignore_ascii_case(word));
    (is(0, "select") && has("from"))
        || (is(0, "insert") && is(1, "into"))
        || (is(0, "update") && has("set"))
        || (is(0, "delete") && is(1, "from"))
        || (is(0, "with") && has("select"))
        || ((is(0, "create") || is(0, "alter") || is(0, "drop") || is(0, "truncate"))
            && (has("table") || has("view") || has("index") || has("database") || has("user")))
}
