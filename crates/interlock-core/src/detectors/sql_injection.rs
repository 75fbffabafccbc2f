//! SQL that smuggles a second meaning: into a value, or as a whole query.

use super::code::codes;
use super::sql_tokens::{Kind, Token, tokens};
use super::{DetectContext, Detector, Phase};
use crate::model::{ActionType, FindingCode, Findings, Vector};
use crate::text::{Bound, Channel, Flags, Literals, View, ViewKind};

codes! {
    SqlInjection, "sql-injection";
    TAUTOLOGY = "tautology", "a condition that is always true or made to be tested", ["CWE-89", "ASI02"];
    UNION = "union-select", "a second SELECT joined to the first", ["CWE-89", "ASI02"];
    STACKED = "stacked-statement", "a second statement after the first", ["CWE-89", "ASI02"];
    TRUNCATION = "comment-truncation", "a comment that cuts the rest of a statement off", ["CWE-89", "ASI02"];
    DELAY = "time-delay", "a function that waits, to learn from the delay", ["CWE-89", "ASI02"];
    SYSTEM_ACCESS = "system-access", "files, commands or the catalogue reached from SQL", ["CWE-89", "ASI02"];
    BREAKOUT = "quote-breakout", "a quote that ends the value and goes on as SQL", ["CWE-89", "ASI02"];
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
            "--", "/*", "*/", "'#", "||", "&&", ")or", ")and", "'or", "'and", "\"or", "\"and",
            "+or+", "+and+", "' o", "' a", "'=", "';", "')", "\" o", "\" a", "\"=", "\";", "or'",
            "or\"", "1or", "1and", "'+", "'*", "'-", "',", "'/", "@@", "' l", "' u", "' h", "' g",
            "' |", "'|", "'&", "'<", "'>", "'!",
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
        ],
    },
];

/// Functions that wait.
const DELAYS: [&str; 6] = [
    "sleep",
    "benchmark",
    "pg_sleep",
    "pg_sleep_for",
    "randomblob",
    "receive_message",
];
/// Functions and names that reach files, commands, the network or the catalogue.
const SYSTEM: [&str; 33] = [
    "xp_cmdshell",
    "xp_regread",
    "xp_dirtree",
    "sp_oacreate",
    "load_file",
    "outfile",
    "dumpfile",
    "utl_http",
    "utl_inaddr",
    "extractvalue",
    "updatexml",
    "information_schema",
    "sysobjects",
    "syscolumns",
    "sqlite_master",
    "pg_shadow",
    "pg_authid",
    "pg_read_file",
    "lo_import",
    "sys_exec",
    "sys_eval",
    "msysobjects",
    "openrowset",
    "dbms_lock",
    "dbms_pipe",
    "all_tables",
    "sysdatabases",
    "dba_users",
    "utl_file",
    "dbms_java",
    "pg_user",
    "sysdummy1",
    "analyse",
];
/// Functions that only a probe uses in a value.
const PROBES: [&str; 30] = [
    "version",
    "user",
    "database",
    "concat",
    "concat_ws",
    "group_concat",
    "char",
    "chr",
    "ascii",
    "substring",
    "substr",
    "mid",
    "ord",
    "hex",
    "unhex",
    "md5",
    "count",
    "floor",
    "rand",
    "cast",
    "convert",
    "exists",
    "if",
    "elt",
    "length",
    "current_user",
    "session_user",
    "system_user",
    "load_file",
    "make_set",
];
/// Keys under which a whole query stands.
const QUERY_KEYS: [&str; 6] = ["sql", "query", "statement", "command", "stmt", "sql_query"];

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
            let verdict = if whole {
                judge_query(&view.text, 0)
            } else {
                judge_value(&view.text)
            };
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

/// Whether a text stands where a query is expected and begins like one.
fn whole_query(cx: &DetectContext<'_>, view: &View<'_>, key: &str) -> bool {
    let database = matches!(
        cx.action.action_type,
        ActionType::DatabaseQuery | ActionType::DatabaseWrite
    );
    let named = QUERY_KEYS.iter().any(|k| k.eq_ignore_ascii_case(key));
    (database || named || view.text.len() > 24) && statement(&view.text)
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

/// Judges a text that should be one value.
fn judge_value(text: &str) -> Option<Verdict> {
    let mut best = judge_tokens(text, &tokens(text, None), false);
    for quote in *b"'\"" {
        if best.is_some_and(|b| b.confidence >= 85) {
            break;
        }
        if ends_a_string(text.as_bytes(), quote) {
            let inside = judge_tokens(text, &tokens(text, Some(quote)), true);
            if inside.map_or(0, |v| v.confidence) > best.map_or(0, |v| v.confidence) {
                best = inside;
            }
        }
    }
    best
}

/// Whether a text has a quote that could end a string: not only those within words, as in "don't".
fn ends_a_string(text: &[u8], quote: u8) -> bool {
    text.iter().enumerate().any(|(i, b)| {
        let letter = |at: Option<usize>| {
            at.and_then(|at| text.get(at))
                .is_some_and(u8::is_ascii_lowercase)
        };
        let word = |at: usize| {
            text.get(at..at + 2).is_some_and(|w| {
                matches!(
                    w,
                    b"t " | b"s " | b"re" | b"ve" | b"ll" | b"d " | b"m " | b"s," | b"s."
                )
            })
        };
        *b == quote && !(*b == b'\'' && letter(i.checked_sub(1)) && word(i + 1))
    })
}

/// Judges the tokens of a value, read from its start or (`inside`) from within a string.
fn judge_tokens(text: &str, tokens: &[Token<'_>], inside: bool) -> Option<Verdict> {
    let code_tokens: Vec<Token<'_>> = tokens
        .iter()
        .filter(|t| t.kind != Kind::Comment)
        .copied()
        .collect();
    let list = code_tokens.as_slice();
    let mut best: Option<Verdict> = None;
    let mut consider = |code: &'static FindingCode, confidence: u8, from: usize, to: usize| {
        if best.is_none_or(|b| confidence > b.confidence) {
            best = Some(Verdict {
                code,
                confidence,
                span: (from.min(text.len()), to.min(text.len())),
            });
        }
    };
    // Prose has long runs of names; SQL in a value does not.
    let prose = prose(list);
    for (i, token) in list.iter().enumerate() {
        let rest = list.get(i + 1..).unwrap_or_default();
        match token.kind {
            Kind::SetWord if token.is("union") => {
                if let Some(confidence) = union_select(rest) {
                    consider(
                        &UNION,
                        confidence,
                        token.start,
                        end_of(rest, 3, token.end()),
                    );
                }
            }
            Kind::Select if token.is("select") && !prose => {
                let probing = rest
                    .iter()
                    .take(24)
                    .any(|t| listed(t, &SYSTEM) || t.text.starts_with("@@"));
                let nested = i > 0 && list.get(i - 1).is_some_and(|t| t.kind == Kind::Open);
                if probing {
                    consider(
                        &SYSTEM_ACCESS,
                        85,
                        token.start,
                        end_of(rest, 8, token.end()),
                    );
                } else if nested
                    && rest.first().is_some_and(|t| {
                        t.literal()
                            || t.kind == Kind::Open
                            || t.kind == Kind::Variable
                            || listed(t, &PROBES)
                    })
                {
                    consider(&UNION, 74, token.start, end_of(rest, 3, token.end()));
                }
            }
            Kind::Semicolon if stacked(rest) => {
                consider(
                    &STACKED,
                    if prose { 60 } else { 88 },
                    token.start,
                    end_of(rest, 3, token.end()),
                );
            }
            Kind::Logic => {
                if let Some(confidence) = condition(rest, inside || i > 0) {
                    // Within prose a comparison of names proves nothing.
                    let confidence = if prose && confidence < 80 {
                        0
                    } else {
                        confidence
                    };
                    if confidence > 0 {
                        consider(
                            &TAUTOLOGY,
                            confidence,
                            token.start,
                            end_of(rest, 3, token.end()),
                        );
                    }
                }
            }
            Kind::Clause if token.is("having") || token.is("order") || token.is("group") => {
                let by = rest.first().is_some_and(|t| t.is("by"));
                let what = rest.get(usize::from(by));
                let tail = rest.get(usize::from(by) + 1);
                let numbered = what.is_some_and(|t| t.kind == Kind::Number);
                let ends =
                    tail.is_none_or(|t| matches!(t.kind, Kind::Cut | Kind::Compare | Kind::Comma));
                if numbered && ends && !prose && (by || token.is("having")) {
                    consider(&BREAKOUT, 72, token.start, end_of(rest, 3, token.end()));
                }
            }
            Kind::Clause
                if token.is("procedure") && rest.first().is_some_and(|t| t.is("analyse")) =>
            {
                consider(
                    &SYSTEM_ACCESS,
                    88,
                    token.start,
                    end_of(rest, 2, token.end()),
                );
            }
            Kind::Clause
                if token.is("into")
                    && rest
                        .first()
                        .is_some_and(|t| t.is("outfile") || t.is("dumpfile")) =>
            {
                consider(
                    &SYSTEM_ACCESS,
                    92,
                    token.start,
                    end_of(rest, 2, token.end()),
                );
            }
            Kind::Verb
                if token.is("waitfor")
                    && rest.first().is_some_and(|t| t.is("delay") || t.is("time")) =>
            {
                consider(&DELAY, 92, token.start, end_of(rest, 2, token.end()));
            }
            Kind::Verb
                if (token.is("exec") || token.is("execute"))
                    && rest.iter().take(6).any(|t| {
                        listed(t, &SYSTEM)
                            || t.text.get(..3).is_some_and(|p| {
                                p.eq_ignore_ascii_case("xp_") || p.eq_ignore_ascii_case("sp_")
                            })
                    }) =>
            {
                consider(
                    &SYSTEM_ACCESS,
                    90,
                    token.start,
                    end_of(rest, 4, token.end()),
                );
            }
            Kind::Verb
                if token.is("declare")
                    && rest.first().is_some_and(|t| t.kind == Kind::Variable) =>
            {
                consider(&STACKED, 84, token.start, end_of(rest, 3, token.end()));
            }
            Kind::Name if called(rest) && listed(token, &DELAYS) => {
                // `sleep(30)` alone is code in many languages; beside SQL it is a probe.
                let sql = list.len() > 5 && !prose
                    || rest.get(1).is_some_and(|t| t.kind == Kind::Open)
                    || i > 0;
                let sure = token.is("pg_sleep") || token.is("benchmark");
                let near = i > 0
                    && list.get(i - 1).is_some_and(|t| {
                        matches!(
                            t.kind,
                            Kind::Logic
                                | Kind::Operator
                                | Kind::Comma
                                | Kind::Semicolon
                                | Kind::Open
                                | Kind::Select
                                | Kind::String
                                | Kind::Compare
                                | Kind::Close
                        )
                    });
                if sure || (sql && near && !prose) {
                    let confidence = if sure || inside { 88 } else { 66 };
                    consider(
                        &DELAY,
                        confidence,
                        token.start,
                        end_of(rest, 3, token.end()),
                    );
                }
            }
            Kind::Name if listed(token, &SYSTEM) && called(rest) && (inside || i > 0) && !prose => {
                consider(
                    &SYSTEM_ACCESS,
                    86,
                    token.start,
                    end_of(rest, 3, token.end()),
                );
            }
            _ => {}
        }
    }
    if inside {
        if let Some((code, confidence, to)) = breakout(list, prose) {
            let from = list.first().map_or(0, |t| t.end().saturating_sub(1));
            consider(code, confidence, from, to);
        }
    } else if let [first, cut, ..] = list {
        // `1 --`, `42/*`: a number and then nothing that was asked for.
        if first.kind == Kind::Number && cut.kind == Kind::Cut && cut.text.len() <= 4 {
            consider(&TRUNCATION, 62, cut.start, cut.end());
        }
    }
    best
}

/// What follows the end of a string that the value itself closed.
fn breakout(list: &[Token<'_>], prose: bool) -> Option<(&'static FindingCode, u8, usize)> {
    let (_, mut rest) = list.split_first()?;
    while let Some((first, tail)) = rest.split_first() {
        if first.kind == Kind::Close {
            rest = tail;
        } else {
            break;
        }
    }
    let first = rest.first()?;
    let to = end_of(rest, 3, first.end());
    let second = rest.get(1);
    match first.kind {
        // `admin' --`; a closing quote of prose is not followed by a comment.
        Kind::Cut if rest.len() == 1 && !prose => {
            let short = first.text.len() <= 4 || first.text.starts_with("/*");
            (first.text != "#" || short).then_some((&TRUNCATION, if short { 82 } else { 60 }, to))
        }
        Kind::Semicolon if second.is_some_and(|t| t.kind == Kind::Cut) => {
            Some((&TRUNCATION, 84, to))
        }
        Kind::Logic => condition(rest.get(1..).unwrap_or_default(), true)
            .filter(|c| !prose || *c >= 70)
            .map(|c| (&TAUTOLOGY, c.saturating_add(6).min(95), to)),
        Kind::Compare if !prose => {
            // `'='`, `' like '`, `' in (…)`.
            let again = second.is_some_and(|t| t.kind == Kind::String || t.kind == Kind::Open);
            let operator = !first.is("is") && !first.is("in")
                || second.is_some_and(|t| t.kind == Kind::Open || t.is("null"));
            let closing = second.is_some_and(|t| t.kind == Kind::String && rest.len() == 2);
            (again && operator && (closing || rest.len() <= 6)).then_some((&BREAKOUT, 68, to))
        }
        Kind::Operator if !prose => {
            let computed = second.is_some_and(|t| {
                t.kind == Kind::Open
                    || t.kind == Kind::Variable
                    || listed(t, &PROBES)
                    || listed(t, &DELAYS)
                    || (t.kind == Kind::String && rest.len() <= 3)
                    || t.kind == Kind::Select
            }) && !first.is("/")
                && first.text != "%";
            let negated = first.is("not") && second.is_some_and(|t| t.kind == Kind::Compare);
            (computed || negated).then_some((&BREAKOUT, 64, to))
        }
        Kind::Clause
            if first.is("having")
                || first.is("limit")
                || (first.is("order") || first.is("group"))
                    && second.is_some_and(|t| t.is("by")) =>
        {
            let cut = rest
                .iter()
                .any(|t| t.kind == Kind::Cut || t.kind == Kind::Number);
            (cut && !prose).then_some((&BREAKOUT, 82, to))
        }
        Kind::Verb if first.is("declare") || first.is("waitfor") || first.is("exec") => second
            .is_some()
            .then_some((&STACKED, if prose { 55 } else { 80 }, to)),
        _ => None,
    }
}

/// Whether a text reads like a sentence: most tokens are plain words.
fn prose(list: &[Token<'_>]) -> bool {
    let mut run = 0;
    let mut longest = 0;
    for token in list {
        run = if token.kind == Kind::Name { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest >= 4
}

fn end_of(rest: &[Token<'_>], count: usize, otherwise: usize) -> usize {
    rest.iter()
        .take(count)
        .next_back()
        .map_or(otherwise, Token::end)
}

fn listed(token: &Token<'_>, names: &[&str]) -> bool {
    token.kind != Kind::String && names.iter().any(|n| token.is(n))
}

fn called(rest: &[Token<'_>]) -> bool {
    rest.first().is_some_and(|t| t.kind == Kind::Open)
}

/// After UNION: `[ALL|DISTINCT] [(] SELECT` and something that a sentence would not go on with.
fn union_select(rest: &[Token<'_>]) -> Option<u8> {
    let mut at = 0;
    while rest.get(at).is_some_and(|t| {
        t.is("all") || t.is("distinct") || t.kind == Kind::Open || t.kind == Kind::Comment
    }) {
        at += 1;
    }
    rest.get(at).filter(|t| t.kind == Kind::Select)?;
    let first = rest.get(at + 1);
    let second = rest.get(at + 2);
    let plain = match first.map(|t| t.kind) {
        None => return Some(60),
        Some(Kind::Name) => !second.is_some_and(|t| {
            matches!(
                t.kind,
                Kind::Comma | Kind::Open | Kind::Cut | Kind::Dot | Kind::Compare
            ) || t.is("from")
        }),
        _ => false,
    };
    (!plain).then_some(95)
}

/// After a semicolon: the head of another statement.
fn stacked(rest: &[Token<'_>]) -> bool {
    let Some((first, tail)) = rest.split_first() else {
        return false;
    };
    let next = tail.first();
    let next_is = |words: &[&str]| next.is_some_and(|t| words.iter().any(|w| t.is(w)));
    let named = next.is_some_and(|t| matches!(t.kind, Kind::Name | Kind::String));
    if first.is("drop") || first.is("alter") || first.is("create") {
        return next_is(&[
            "table",
            "database",
            "user",
            "view",
            "schema",
            "index",
            "procedure",
            "function",
            "login",
            "role",
            "trigger",
            "column",
            "or",
        ]);
    }
    if first.is("delete") || first.is("insert") {
        return next_is(&["from", "into"]);
    }
    if first.is("truncate") {
        return next_is(&["table"]) || (named && tail.len() <= 2);
    }
    if first.is("update") || first.is("merge") {
        return tail.iter().take(4).any(|t| t.is("set") || t.is("into"));
    }
    if first.is("exec") || first.is("execute") {
        return next.is_some_and(|t| {
            t.kind == Kind::Open || t.text.contains('_') || t.kind == Kind::Variable
        });
    }
    if first.is("declare") || first.is("set") {
        return next.is_some_and(|t| t.kind == Kind::Variable);
    }
    if first.is("shutdown") {
        return next.is_none_or(|t| matches!(t.kind, Kind::Cut | Kind::Semicolon) || t.is("with"));
    }
    if first.is("waitfor") {
        return next_is(&["delay", "time"]);
    }
    if first.is("grant") || first.is("revoke") {
        return tail.iter().take(8).any(|t| t.is("to") || t.is("from"));
    }
    if first.is("copy") {
        return tail
            .iter()
            .take(6)
            .any(|t| t.is("from") || t.is("to") || t.is("program"));
    }
    if first.kind == Kind::Select && first.is("select") {
        return tail.iter().take(12).any(|t| {
            t.is("from")
                || t.is("into")
                || t.text.starts_with("@@")
                || listed(t, &DELAYS)
                || listed(t, &SYSTEM)
        }) || next.is_some_and(|t| t.literal() || listed(t, &PROBES));
    }
    listed(first, &DELAYS) && called(tail)
}

/// After OR or AND: a condition that a person would not type into a field.
fn condition(rest: &[Token<'_>], follows: bool) -> Option<u8> {
    let mut at = 0;
    let mut opened = 0u8;
    while rest.get(at).is_some_and(|t| {
        t.kind == Kind::Open || t.is("not") || matches!(t.text, "-" | "+" | "!" | "~")
    }) {
        opened += u8::from(rest.get(at).is_some_and(|t| t.kind == Kind::Open));
        at += 1;
    }
    let first = rest.get(at)?;
    let second = rest.get(at + 1);
    let third = rest.get(at + 2);
    let compare = second.is_some_and(|t| t.kind == Kind::Compare);
    if first.kind == Kind::Select && opened > 0 {
        return Some(88);
    }
    if (listed(first, &DELAYS) || listed(first, &SYSTEM))
        && second.is_some_and(|t| t.kind == Kind::Open)
    {
        // What is called says more than that it is called behind OR.
        return Some(64);
    }
    if (listed(first, &PROBES) || first.is("row")) && second.is_some_and(|t| t.kind == Kind::Open) {
        return Some(84);
    }
    if compare {
        let value = third?;
        let value_kind = if matches!(value.text, "-" | "+" | "~") {
            rest.get(at + 3)?.kind
        } else {
            value.kind
        };
        return match (first.kind, value_kind) {
            (Kind::Number, Kind::Number) => Some(90),
            (Kind::String, Kind::String) => Some(90),
            (Kind::Number | Kind::String, Kind::Open | Kind::Select) => Some(86),
            (Kind::Number, Kind::String) | (Kind::String, Kind::Number) => Some(80),
            (Kind::Number | Kind::String, _) if follows && listed(value, &PROBES) => Some(84),
            (Kind::Variable, _) | (_, Kind::Variable) => Some(80),
            (Kind::Name, Kind::Name) if first.is(value.text) => Some(74),
            (Kind::Name, Kind::String) if follows && value.text.len() <= 24 => Some(58),
            _ => None,
        };
    }
    // `' or 1 --`, `' or 'x`, `or true`.
    let ends = second.is_none_or(|t| matches!(t.kind, Kind::Cut | Kind::Semicolon | Kind::Close));
    match first.kind {
        Kind::Number if ends && follows && second.is_some_and(|t| t.kind == Kind::Cut) => Some(78),
        Kind::Name if first.is("true") && ends => Some(70),
        Kind::String if ends && follows && second.is_some_and(|t| t.kind == Kind::Cut) => Some(74),
        _ => None,
    }
}

/// Judges a whole query. Its strings are values again, one level deep.
fn judge_query(text: &str, depth: u8) -> Option<Verdict> {
    let all = tokens(text, None);
    let list: Vec<Token<'_>> = all
        .iter()
        .filter(|t| t.kind != Kind::Comment)
        .copied()
        .collect();
    let mut best: Option<Verdict> = None;
    let mut consider = |code: &'static FindingCode, confidence: u8, from: usize, to: usize| {
        if best.is_none_or(|b| confidence > b.confidence) {
            best = Some(Verdict {
                code,
                confidence,
                span: (from.min(text.len()), to.min(text.len())),
            });
        }
    };
    for (i, token) in list.iter().enumerate() {
        let rest = list.get(i + 1..).unwrap_or_default();
        match token.kind {
            Kind::Semicolon if stacked(rest) => {
                consider(&STACKED, 78, token.start, end_of(rest, 3, token.end()));
            }
            Kind::SetWord if token.is("union") => {
                let select = rest
                    .iter()
                    .position(|t| t.kind == Kind::Select)
                    .filter(|p| *p <= 3);
                let columns = select.and_then(|p| rest.get(p + 1..)).unwrap_or_default();
                let dumb = columns
                    .iter()
                    .take_while(|t| t.kind != Kind::Clause)
                    .filter(|t| t.kind == Kind::Number)
                    .count();
                let system = columns
                    .iter()
                    .take(64)
                    .any(|t| listed(t, &SYSTEM) || t.text.starts_with("@@"));
                let probe = columns.first().zip(columns.get(1)).is_some_and(|(f, o)| {
                    o.kind == Kind::Open
                        && (f.is("user")
                            || f.is("version")
                            || f.is("database")
                            || f.is("concat_ws")
                            || f.is("group_concat"))
                });
                if system
                    || dumb >= 3
                    || probe
                    || columns
                        .first()
                        .is_some_and(|t| t.kind == Kind::Number && t.is("null"))
                {
                    consider(&UNION, 90, token.start, end_of(columns, 3, token.end()));
                } else if dumb >= 1 && columns.iter().any(|t| t.kind == Kind::Cut) {
                    consider(&UNION, 80, token.start, end_of(columns, 3, token.end()));
                }
            }
            Kind::Logic if !token.is("and") && token.text != "&&" && token.text != "||" => {
                if let [a, op, b, ..] = rest {
                    let same = a.literal() && b.literal() && a.kind == b.kind;
                    let equal =
                        op.kind == Kind::Compare && op.text == "=" && same && a.text == b.text;
                    let loose = op.kind == Kind::Compare && same;
                    let cut_after = rest
                        .get(3)
                        .is_some_and(|t| matches!(t.kind, Kind::Cut | Kind::String));
                    if equal || (loose && cut_after) {
                        consider(&TAUTOLOGY, 84, token.start, b.end());
                    } else if loose {
                        consider(&TAUTOLOGY, 62, token.start, b.end());
                    }
                }
            }
            Kind::Name if called(rest) && listed(token, &DELAYS) => {
                consider(&DELAY, 82, token.start, end_of(rest, 3, token.end()));
            }
            Kind::Verb if token.is("waitfor") && rest.first().is_some_and(|t| t.is("delay")) => {
                consider(&DELAY, 88, token.start, end_of(rest, 2, token.end()));
            }
            Kind::Name
                if listed(
                    token,
                    &[
                        "xp_cmdshell",
                        "load_file",
                        "outfile",
                        "dumpfile",
                        "sys_exec",
                        "sys_eval",
                        "utl_http",
                        "pg_read_file",
                        "lo_import",
                        "sp_oacreate",
                        "utl_inaddr",
                        "extractvalue",
                        "updatexml",
                    ],
                ) =>
            {
                consider(&SYSTEM_ACCESS, 84, token.start, token.end());
            }
            // A comment right behind a string or number, with something left to hide.
            Kind::Cut if i > 0 && !token.text.contains('\n') => {
                let before = list.get(i - 1);
                let tail = token.text.trim_start_matches(['-', '#', '/', '*', ' ']);
                let hides = tail.contains('\'') || tail.contains('"') || cut_clause(tail);
                if hides
                    && before.is_some_and(|t| {
                        t.literal() || t.kind == Kind::Close || t.kind == Kind::Name
                    })
                {
                    consider(&TRUNCATION, 70, token.start, token.end());
                }
            }
            Kind::String if token.text.starts_with(['\'', '"']) => {
                let content = token.content();
                let closed = token.text.len() >= 2 && token.text.ends_with(['\'', '"']);
                if !closed && i > 0 {
                    consider(&BREAKOUT, 58, token.start, token.end());
                }
                // A string right behind another one: a quote within the value ended it early.
                let adjacent = i > 0
                    && list.get(i - 1).is_some_and(|t| {
                        t.kind == Kind::String && t.end() == token.start && t.text.len() > 2
                    });
                if adjacent && token.text.len() > 2 && token.content().starts_with(' ') {
                    consider(&BREAKOUT, 56, token.start, token.end());
                }
                if depth == 0
                    && content.len() > 5
                    && let Some(v) = judge_value(content)
                    && v.confidence >= 74
                {
                    consider(
                        v.code,
                        v.confidence - 8,
                        token.start + 1 + v.span.0,
                        token.start + 1 + v.span.1,
                    );
                }
            }
            _ => {}
        }
    }
    best
}

/// Whether what a comment hides was part of the statement.
fn cut_clause(tail: &str) -> bool {
    let mut words = tail.split_whitespace();
    let first = words.next().unwrap_or_default();
    ["and", "or", "where", "order", "limit", "group", "having"]
        .iter()
        .any(|w| first.eq_ignore_ascii_case(w))
        && tail
            .bytes()
            .any(|b| b == b'=' || b.is_ascii_digit() || b == b'_')
}
