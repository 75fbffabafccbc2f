//! Parameters that would lock or drain the system: endless loops, enormous counts, unbounded
//! reads, bombs.

use std::cell::LazyCell;

use super::code::codes;
use super::text_at::{at, find, part};
use super::{DetectContext, Detector, Phase};
use crate::model::limits::{JSON_DEPTH_MAX, PATH_BYTES_MAX, PATH_CUT};
use crate::model::{Finding, FindingCode, Findings, Value, Vector};
use crate::text::{Bound, Literals, View, ViewKind};

codes! {
    ResourceExhaustion, "resource-exhaustion";
    SCAN_LIMIT = "scan-limit", "more text or deeper encoding than is looked through", ["CWE-400", "CWE-770", "ASI08"];
    HUGE_COUNT = "huge-count", "a count, size or range that no task needs", ["CWE-770", "CWE-400", "ASI08", "AML.T0034.002"];
    UNBOUNDED_READ = "unbounded-read", "a read of everything in a large table, or of every pair of rows", ["CWE-770", "ASI08"];
    ENDLESS = "endless-loop", "a loop or stream without an end", ["CWE-835", "ASI08", "AML.T0034.002"];
    FORK_BOMB = "fork-bomb", "a process that multiplies itself", ["CWE-400", "ASI08", "AML.T0029"];
    LONG_WAIT = "long-wait", "a call that does nothing for a long time", ["CWE-400", "ASI08"];
    REGEX_BOMB = "regex-bomb", "a pattern whose matching takes exponential time", ["CWE-1333", "ASI08"];
    EXPANSION_BOMB = "expansion-bomb", "data that grows without measure when it is read", ["CWE-409", "CWE-776", "ASI08"];
    DISK_FILL = "disk-fill", "a command that fills disk or memory", ["CWE-400", "ASI08"];
}

const LOOP: u8 = 0;
const SERIES: u8 = 1;
const WAIT: u8 = 2;
const FORK: u8 = 3;
const NESTED: u8 = 4;
const FILL: u8 = 5;
const JOIN: u8 = 6;

static LITERALS: &[Literals] = &[
    Literals {
        class: LOOP,
        bound: Bound::None,
        words: &[
            "while true",
            "while(true)",
            "while (true)",
            "while(1)",
            "while (1)",
            "while :",
            "while 1",
            "for(;;)",
            "for (;;)",
            "for ((;;",
            "loop {",
            "yes |",
            "yes|",
            "/dev/zero",
            "/dev/urandom",
            "/dev/random",
            "itertools.count(",
            "itertools.cycle",
            "itertools.repeat(",
        ],
    },
    Literals {
        class: SERIES,
        bound: Bound::Start,
        words: &[
            "generate_series",
            "range(",
            "seq ",
            "repeat(",
            "rpad(",
            "lpad(",
            "space(",
            "replicate(",
            "randomblob(",
            "zeroblob(",
            "new array(",
            "bytes(",
            "bytearray(",
            "alloc(",
            "malloc(",
            ".repeat(",
            "numbers(",
            "benchmark(",
        ],
    },
    Literals {
        class: WAIT,
        bound: Bound::Start,
        words: &[
            "sleep",
            "pg_sleep",
            "waitfor delay",
            "usleep",
            "settimeout",
            "thread.sleep",
            "time.sleep",
        ],
    },
    Literals {
        class: FORK,
        bound: Bound::None,
        words: &[
            ":(){",
            ":() {",
            ":|:",
            "os.fork",
            "fork()",
            "fork while",
            "%0|%0",
            "bomb()",
            ".fork(",
        ],
    },
    Literals {
        class: NESTED,
        bound: Bound::None,
        words: &[
            "+)+", "+)*", "*)*", "*)+", "+){", "*){", "<!entity", "+$)+", "|a)*", "|a)+", "|.)*",
            "}){",
        ],
    },
    Literals {
        class: FILL,
        bound: Bound::Start,
        words: &[
            "fallocate",
            "dd if=",
            "truncate -s",
            "stress ",
            "stress-ng",
            "tail /dev/zero",
            "memtester",
            "head -c",
            "mkfile",
        ],
    },
    Literals {
        class: JOIN,
        bound: Bound::Word,
        words: &["cross join", "recursive"],
    },
];

/// Rows from which on an unbounded read is more than a page of results.
const ROWS_HUGE: i64 = 1_000_000;
/// A count from which on no task needs it.
const COUNT_HUGE: i64 = 10_000_000;
/// Iterations from which on a loop in code takes hours.
const RANGE_HUGE: i64 = 1_000_000_000;
/// Seconds from which on a wait is a lock.
const WAIT_LONG: i64 = 600;
/// Keys whose number says how much is asked for.
const COUNT_KEYS: [&str; 26] = [
    "limit",
    "count",
    "size",
    "num",
    "n",
    "max_results",
    "page_size",
    "pagesize",
    "per_page",
    "rows",
    "iterations",
    "repeat",
    "times",
    "concurrency",
    "threads",
    "workers",
    "batch_size",
    "depth",
    "max_tokens",
    "quantity",
    "replicas",
    "instances",
    "max_depth",
    "width",
    "height",
    "retries",
];
/// The least value that is too much, where it is far below [`COUNT_HUGE`].
const KEY_LIMITS: [(&str, i64); 9] = [
    ("concurrency", 10_000),
    ("threads", 10_000),
    ("workers", 10_000),
    ("replicas", 10_000),
    ("instances", 10_000),
    ("retries", 100_000),
    ("depth", 100_000),
    ("max_depth", 100_000),
    ("max_tokens", 10_000_000),
];
/// Keys whose number is a duration, and how many there are in a second.
const WAIT_KEYS: [(&str, i64); 8] = [
    ("timeout", 1),
    ("timeout_seconds", 1),
    ("timeout_ms", 1_000),
    ("delay", 1),
    ("delay_ms", 1_000),
    ("sleep", 1),
    ("seconds", 1),
    ("duration", 1),
];
/// A duration in an argument from which on it is no time-out any more: a week.
const ARGUMENT_SECONDS_MAX: i64 = 7 * 86_400;

/// Looks for parameters that exhaust a resource.
#[derive(Debug)]
pub(super) struct ResourceExhaustion;

impl Detector for ResourceExhaustion {
    fn vector(&self) -> Vector {
        Vector::ResourceExhaustion
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

    fn reads_facts(&self) -> bool {
        true
    }

    fn failed(&self) -> &'static FindingCode {
        &FAILED
    }

    fn detect(&self, cx: &DetectContext<'_>, out: &mut Findings) {
        if cx.scanned.limited() {
            out.push(scan_limit());
        }
        for (root, value) in [
            ("arguments", &cx.action.arguments),
            ("payload", &cx.action.payload),
        ] {
            let place = Place {
                outer: None,
                name: root,
                depth: 0,
            };
            numbers(value, "", &place, out);
        }
        let sql = &cx.facts.sql;
        if sql.present && sql.unbounded_read && sql.row_estimate > ROWS_HUGE {
            out.push(Finding::whole(&UNBOUNDED_READ, 66));
        }
        if !cx.scanned.has(Vector::ResourceExhaustion) {
            return;
        }
        for view in cx.scanned.views() {
            let classes = view.classes(Vector::ResourceExhaustion);
            if classes == 0 || view.kind == ViewKind::Respelt {
                continue;
            }
            let mut report = |found: Option<(&'static FindingCode, u8, usize, usize)>| {
                if let Some((code, confidence, start, end)) = found {
                    cx.report(out, view, code, confidence, (start, end));
                }
            };
            let has = |class: u8| classes & (1 << class) != 0;
            if has(FORK) {
                report(fork_bomb(view));
            }
            if has(LOOP) {
                report(endless(view));
            }
            if has(SERIES) {
                report(series(view));
            }
            if has(WAIT) {
                report(wait(view));
            }
            if has(NESTED) {
                report(nested(view));
            }
            if has(FILL) {
                report(fill(view));
            }
            if has(JOIN) {
                report(join(view));
            }
        }
    }
}

/// That the text pass or a detector stopped before it had looked at everything.
pub(super) fn scan_limit() -> Finding {
    Finding::whole(&SCAN_LIMIT, 60)
}

/// Where a value stands. Written out only for a finding: a long name around many values would
/// otherwise be copied for each.
struct Place<'a> {
    outer: Option<&'a Place<'a>>,
    name: &'a str,
    depth: usize,
}

impl Place<'_> {
    /// The JSON path, as flattening writes it.
    fn path(&self) -> String {
        let mut names = Vec::new();
        let mut place = Some(self);
        while let Some(at) = place {
            names.push(at.name);
            place = at.outer;
        }
        let mut path = String::new();
        for name in names.into_iter().rev() {
            if path.len() + 1 + name.len() > PATH_BYTES_MAX {
                path.push(PATH_CUT);
                break;
            }
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(name);
        }
        path
    }
}

/// Numbers among the arguments whose key says that they are an amount.
fn numbers(value: &Value, key: &str, place: &Place<'_>, out: &mut Findings) {
    if place.depth > JSON_DEPTH_MAX {
        out.limit_reached();
        return;
    }
    match value {
        Value::Object(object) => {
            for (name, item) in object.iter() {
                let within = matches!(item, Value::Object(_) | Value::Array(_));
                if within || (matches!(item, Value::Number(_)) && known_key(name)) {
                    let place = Place {
                        outer: Some(place),
                        name,
                        depth: place.depth + 1,
                    };
                    numbers(item, name, &place, out);
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                if matches!(item, Value::Object(_) | Value::Array(_)) {
                    let place = Place {
                        depth: place.depth + 1,
                        ..*place
                    };
                    numbers(item, key, &place, out);
                }
            }
        }
        Value::Number(number) => {
            // A number beyond 64 bits is huge whatever it counts.
            let amount = number.as_i64().unwrap_or_else(|| {
                if number.lexeme().contains(['.', '-']) {
                    0
                } else {
                    i64::MAX
                }
            });
            let lower = |k: &str| k.eq_ignore_ascii_case(key);
            let bound = KEY_LIMITS
                .iter()
                .find(|(k, _)| lower(k))
                .map_or(COUNT_HUGE, |(_, n)| *n);
            if COUNT_KEYS.iter().any(|k| lower(k)) && amount >= bound {
                out.push(whole_at(&HUGE_COUNT, 72, place));
            } else if let Some((_, per_second)) = WAIT_KEYS.iter().find(|(k, _)| lower(k))
                && amount / per_second > ARGUMENT_SECONDS_MAX
            {
                out.push(whole_at(&LONG_WAIT, 62, place));
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

fn known_key(name: &str) -> bool {
    COUNT_KEYS.iter().any(|k| k.eq_ignore_ascii_case(name))
        || WAIT_KEYS.iter().any(|(k, _)| k.eq_ignore_ascii_case(name))
}

fn whole_at(code: &'static FindingCode, confidence: u8, place: &Place<'_>) -> Finding {
    Finding {
        path: place.path().into(),
        ..Finding::whole(code, confidence)
    }
}

type Found = (&'static FindingCode, u8, usize, usize);

fn fork_bomb(view: &View<'_>) -> Option<Found> {
    let text = view.text.as_ref();
    let bytes = text.as_bytes();
    let compact: Vec<u8> = bytes
        .iter()
        .copied()
        .filter(|b| !b.is_ascii_whitespace())
        .collect();
    if let Some(n) = find(&compact, 0, "(){") {
        // `name(){ name|name & };name`
        let mut from = n;
        while from > 0
            && !matches!(at(&compact, from - 1), b';' | b'&' | b'|' | b'\'' | b'"')
            && n - from < 24
        {
            from -= 1;
        }
        let name = compact.get(from..n).unwrap_or_default();
        let body = compact.get(n + 3..).unwrap_or_default();
        let twice: Vec<u8> = [name, b"|", name].concat();
        if !name.is_empty() && body.windows(twice.len()).any(|w| w == twice) && body.contains(&b'&')
        {
            return Some((&FORK_BOMB, 97, 0, text.len()));
        }
    }
    if find(bytes, 0, "%0|%0").is_some() {
        return Some((&FORK_BOMB, 92, 0, text.len()));
    }
    let forks = ["os.fork()", "fork()", "fork while", ".fork("]
        .iter()
        .find_map(|w| find(bytes, 0, w).map(|n| (n, n + w.len())));
    let looped = [
        "while true",
        "while(1)",
        "while (1)",
        "while 1",
        "for(;;)",
        "for (;;)",
        "fork while",
        "while(true)",
        "while (true)",
    ]
    .iter()
    .any(|w| find(bytes, 0, w).is_some());
    forks
        .filter(|_| looped)
        .map(|(start, end)| (&FORK_BOMB, 88, start, end))
}

fn endless(view: &View<'_>) -> Option<Found> {
    let text = view.text.as_ref();
    let bytes = text.as_bytes();
    for source in ["yes |", "yes|"] {
        if let Some(n) = find(bytes, 0, source) {
            // `yes | apt install` answers questions; it is a stream only into something that keeps it.
            let tail = part(text, n + source.len(), text.len());
            let kept = [
                " tr ", ">", "dd ", "sort", "head -c", "md5", "sha", "openssl",
            ]
            .iter()
            .any(|k| tail.contains(k));
            let alone = !n
                .checked_sub(1)
                .map(|b| at(bytes, b))
                .is_some_and(|b| b.is_ascii_alphanumeric());
            if kept && alone {
                return Some((&ENDLESS, 74, n, text.len()));
            }
        }
    }
    for device in ["/dev/zero", "/dev/urandom", "/dev/random"] {
        if let Some(n) = find(bytes, 0, device) {
            let bounded = ["count=", "head -c", "head -n", "bs=1 ", "-c "]
                .iter()
                .any(|w| find(bytes, 0, w).is_some());
            let copied = [
                "dd ", "cat ", "cp ", "tail ", "sort ", "md5sum", "tar ", "> ",
            ]
            .iter()
            .any(|w| find(bytes, 0, w).is_some());
            if copied && !bounded {
                return Some((&ENDLESS, 78, n, n + device.len()));
            }
        }
    }
    let heads = [
        "while true",
        "while(true)",
        "while (true)",
        "while(1)",
        "while (1)",
        "while :",
        "while 1",
        "for(;;)",
        "for (;;)",
        "for ((;;",
    ];
    let (n, head) = heads
        .iter()
        .find_map(|h| find(bytes, 0, h).map(|n| (n, h)))?;
    let tail = part(text, n + head.len(), text.len());
    // A loop that can end, or that waits for something, is how programs are written.
    let leaves = [
        "break", "return", "sleep", "exit", "await", "recv", "read", "yield", "raise", "throw",
        "wait", "accept", "select", "next(", "input", "poll", "get(",
    ]
    .iter()
    .any(|w| find(tail.as_bytes(), 0, w).is_some());
    let body = [
        "pass", "{}", "{ }", "do :", "do true", "fork", "append", "malloc", "done", "+=", "open(",
        "push", "curl", ";}", "++", "continue", "*=",
    ]
    .iter()
    .any(|w| find(tail.as_bytes(), 0, w).is_some());
    (!leaves && body && text.len() < 2_000).then_some((&ENDLESS, 70, n, n + head.len()))
}

/// Bytes of a call that are read for its numbers.
const CALL_BYTES_MAX: usize = 120;

/// The largest number that stands within the parentheses after `from`, products and powers computed.
fn largest(text: &str, from: usize) -> i64 {
    let bytes = text.as_bytes();
    let within = bytes.get(from..).unwrap_or_default();
    let end = within
        .iter()
        .take(CALL_BYTES_MAX)
        .position(|b| matches!(b, b')' | b'\n' | b';' | b'}'))
        .unwrap_or(within.len().min(CALL_BYTES_MAX));
    let mut end = from + end;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let inner = part(text, from, end);
    let mut most = 0i64;
    let mut product = 1i64;
    let mut power = false;
    for piece in inner
        .split([',', ' ', '('])
        .flat_map(|p| p.split_inclusive('*'))
    {
        let multiplied = piece.ends_with('*');
        let body: String = piece.chars().filter(char::is_ascii_alphanumeric).collect();
        if body.is_empty() {
            power = multiplied;
            continue;
        }
        let value = numeral(&body);
        let value = if power {
            let exponent = u32::try_from(value).unwrap_or(u32::MAX).min(64);
            product.checked_pow(exponent).unwrap_or(i64::MAX)
        } else {
            value.saturating_mul(product)
        };
        most = most.max(value);
        product = if multiplied { value.max(1) } else { 1 };
        power = false;
    }
    most
}

/// `1000`, `1e9`, `10G`.
fn numeral(text: &str) -> i64 {
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    let Ok(base) = digits.parse::<i64>() else {
        return if digits.len() > 18 { i64::MAX } else { 0 };
    };
    let rest = part(text, digits.len(), text.len());
    if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
        let exponent = exponent.parse::<u32>().unwrap_or(0).min(19);
        return base.saturating_mul(10i64.checked_pow(exponent).unwrap_or(i64::MAX));
    }
    match rest.chars().next() {
        Some('k' | 'K') => base.saturating_mul(1_000),
        Some('m' | 'M') => base.saturating_mul(1_000_000),
        Some('g' | 'G') => base.saturating_mul(1_000_000_000),
        Some('t' | 'T') => base.saturating_mul(1_000_000_000_000),
        _ => base,
    }
}

fn series(view: &View<'_>) -> Option<Found> {
    let text = view.text.as_ref();
    for hit in view.hits(Vector::ResourceExhaustion) {
        if hit.class != SERIES {
            continue;
        }
        let (start, end) = (hit.start as usize, hit.end as usize);
        let word = part(text, start, end).to_ascii_lowercase();
        let bound = match word.as_str() {
            "range(" | "seq " | "numbers(" => RANGE_HUGE,
            "generate_series" | "benchmark(" => COUNT_HUGE / 10,
            _ => RANGE_HUGE / 10,
        };
        if largest(text, end) >= bound {
            return Some((&HUGE_COUNT, 76, start, end));
        }
    }
    None
}

fn wait(view: &View<'_>) -> Option<Found> {
    let text = view.text.as_ref();
    // Looked for once, however many hits there are.
    let prose = LazyCell::new(|| {
        !text.trim_start().starts_with("sleep") && !text.contains([';', '|', '&', '('])
    });
    for hit in view.hits(Vector::ResourceExhaustion) {
        if hit.class != WAIT {
            continue;
        }
        let (start, end) = (hit.start as usize, hit.end as usize);
        let word = part(text, start, end).to_ascii_lowercase();
        let rest = part(text, end, (end + 40).min(text.len()));
        let argument = rest.trim_start_matches(['(', ' ', '\'', '"']);
        if argument.starts_with("infinity")
            || argument.starts_with("inf ")
            || argument.starts_with("inf\n")
        {
            return Some((&LONG_WAIT, 72, start, end));
        }
        let called = rest.starts_with('(') || rest.starts_with(' ');
        let digits: String = argument
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect();
        if !called || !digits.starts_with(|c: char| c.is_ascii_digit()) {
            continue;
        }
        let number: String = digits.chars().take_while(char::is_ascii_digit).collect();
        let Ok(amount) = number.parse::<i64>() else {
            return Some((&LONG_WAIT, 72, start, end));
        };
        let unit = digits.chars().last().unwrap_or('s');
        let seconds = match (word.as_str(), unit) {
            ("usleep", _) => amount / 1_000_000,
            ("settimeout" | "thread.sleep", _) => amount / 1_000,
            (_, 'd') => amount.saturating_mul(86_400),
            (_, 'h') => amount.saturating_mul(3_600),
            (_, 'm') => amount.saturating_mul(60),
            _ => amount,
        };
        // `sleep 8 hours` of a person is not a call: a unit must touch the number.
        if seconds >= WAIT_LONG && !(rest.starts_with(' ') && *prose) {
            return Some((&LONG_WAIT, 66, start, end));
        }
    }
    None
}

fn nested(view: &View<'_>) -> Option<Found> {
    let text = view.text.as_ref();
    let entities = text.matches("<!ENTITY").count();
    if entities >= 3 && text.matches('&').count() >= 10 {
        return Some((&EXPANSION_BOMB, 88, 0, text.len()));
    }
    // A group that repeats and is repeated, in something that is a pattern and no sentence.
    let pattern_like = text.len() <= 400
        && !text.contains("  ")
        && text.split(' ').count() <= 4
        && text.contains('(');
    if !pattern_like {
        return None;
    }
    let bytes = text.as_bytes();
    for close in 1..bytes.len() {
        let repeated = matches!(at(bytes, close + 1), b'+' | b'*' | b'{');
        if at(bytes, close) != b')' || !repeated {
            continue;
        }
        let Some(open) = text.get(..close).and_then(|t| t.rfind('(')) else {
            continue;
        };
        if ambiguous(part(text, open + 1, close)) {
            return Some((&REGEX_BOMB, 68, open, close + 2));
        }
    }
    None
}

/// Whether a group that is repeated can match the same text in more than one way: it is one atom
/// repeated, or has an alternative that begins like another.
fn ambiguous(group: &str) -> bool {
    let group = group.trim_start_matches("?:");
    if let Some((left, right)) = group.split_once('|') {
        return !left.is_empty()
            && (right.starts_with(left) || left.starts_with(right) || left == "." || right == ".");
    }
    let Some(atom) = group.strip_suffix(['+', '*']) else {
        return false;
    };
    let one_class = atom.starts_with('[') && atom.find(']') == Some(atom.len().saturating_sub(1));
    let escape = atom.len() == 2 && atom.starts_with('\\');
    one_class || escape || atom.chars().count() == 1
}

fn fill(view: &View<'_>) -> Option<Found> {
    let text = view.text.as_ref();
    let bytes = text.as_bytes();
    for (word, unit) in [
        ("fallocate", 1i64),
        ("truncate -s", 1),
        ("head -c", 1),
        ("mkfile", 1),
    ] {
        if let Some(n) = find(bytes, 0, word) {
            let amount = part(text, n + word.len(), text.len())
                .split_whitespace()
                .map(|w| numeral(w.trim_start_matches(['-', 'l', '+', '='])))
                .max()
                .unwrap_or(0);
            if amount / unit >= 50_000_000_000 {
                return Some((&DISK_FILL, 74, n, text.len()));
            }
        }
    }
    if let Some(n) = find(bytes, 0, "dd if=/dev/") {
        let value = |name: &str, otherwise: i64| {
            find(bytes, n, name).map_or(otherwise, |at| {
                let word: String = part(text, at + name.len(), text.len())
                    .chars()
                    .take_while(char::is_ascii_alphanumeric)
                    .collect();
                numeral(&word)
            })
        };
        let bytes_written = value("bs=", 512).saturating_mul(value("count=", i64::MAX));
        if bytes_written >= 50_000_000_000 {
            return Some((&DISK_FILL, 76, n, text.len()));
        }
    }
    let tool = ["stress ", "stress-ng", "memtester", "tail /dev/zero"]
        .iter()
        .find(|t| {
            view.text
                .trim_start()
                .get(..t.len())
                .is_some_and(|h| h.eq_ignore_ascii_case(t))
        })?;
    Some((&DISK_FILL, 62, 0, tool.len()))
}

fn join(view: &View<'_>) -> Option<Found> {
    let text = view.text.as_ref();
    let bytes = text.as_bytes();
    let mut crosses = 0;
    let mut from = 0;
    while let Some(n) = find(bytes, from, "cross join") {
        crosses += 1;
        from = n + 10;
    }
    let bounded = find(bytes, 0, "limit").is_some() || find(bytes, 0, "where").is_some();
    if crosses >= 2 && !bounded {
        return Some((&UNBOUNDED_READ, 72, 0, text.len()));
    }
    if let Some(n) = find(bytes, 0, "with recursive") {
        let conditions = ["where", "limit", " on "]
            .iter()
            .any(|w| find(bytes, n, w).is_some());
        if find(bytes, n, "union all").is_some() && !conditions {
            return Some((&ENDLESS, 76, n, text.len()));
        }
    }
    None
}
