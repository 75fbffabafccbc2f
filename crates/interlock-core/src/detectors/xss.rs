//! Script in data: tags, event handlers and script schemes, as a browser would read them.

use super::code::codes;
use super::text_at::{at, part, skip_space, starts};
use super::{DetectContext, Detector, Phase};
use crate::model::{FindingCode, Findings, Vector};
use crate::text::{Bound, Flags, Literals, ViewKind};

codes! {
    Xss, "xss";
    SCRIPT_TAG = "script-tag", "a script element", ["CWE-79", "CWE-80", "ASI05"];
    EVENT_HANDLER = "event-handler", "an attribute that runs script on an event", ["CWE-79", "CWE-83", "ASI05"];
    SCRIPT_SCHEME = "script-scheme", "an address that is script", ["CWE-79", "CWE-84", "ASI05"];
    ACTIVE_TAG = "active-tag", "an element that loads or runs foreign content", ["CWE-79", "ASI05"];
    ATTRIBUTE_BREAKOUT = "attribute-breakout", "a quote that ends an attribute or a script's string and goes on as script", ["CWE-79", "CWE-83", "ASI05"];
    STYLE = "active-style", "a style that runs script", ["CWE-79", "ASI05"];
}

const TAG: u8 = 0;
const HANDLER: u8 = 1;
const SCHEME: u8 = 2;
const SINK: u8 = 3;
const STYLE_WORD: u8 = 4;

static LITERALS: &[Literals] = &[
    Literals {
        class: TAG,
        bound: Bound::None,
        words: &[
            "<script",
            "</script",
            "<svg",
            "<iframe",
            "<object",
            "<embed",
            "<applet",
            "<base",
            "<meta",
            "<link",
            "<xml",
            "<math",
            "<isindex",
            "<layer",
            "<bgsound",
            "<frameset",
            "srcdoc",
            "<xss",
            "<xsl:",
            "<set",
            "<animate",
            "<?xml-stylesheet",
            "<?import",
            "<html:script",
            "<x:script",
            "<event-source",
            "<!entity",
            "<style",
            "<htmlfile",
            "<frame",
        ],
    },
    Literals {
        class: HANDLER,
        bound: Bound::Start,
        words: &[
            "onload",
            "onerror",
            "onclick",
            "onmouse",
            "onfocus",
            "onblur",
            "onkey",
            "onchange",
            "onsubmit",
            "onreset",
            "onselect",
            "onabort",
            "onunload",
            "onbefore",
            "onafter",
            "onresize",
            "onscroll",
            "ontoggle",
            "onanimation",
            "ontransition",
            "onpointer",
            "ontouch",
            "onwheel",
            "ondrag",
            "ondrop",
            "oncopy",
            "oncut",
            "onpaste",
            "oninput",
            "oninvalid",
            "onhashchange",
            "onmessage",
            "onpage",
            "onpopstate",
            "onstorage",
            "onplay",
            "oncanplay",
            "onended",
            "onpause",
            "onseek",
            "ontimeupdate",
            "onvolume",
            "ondblclick",
            "oncontextmenu",
            "onsearch",
            "onshow",
            "onauxclick",
            "onbegin",
            "onend",
            "onrepeat",
            "onactivate",
            "ondeactivate",
            "onstart",
            "onfinish",
            "onbounce",
            "onreadystatechange",
            "onpropertychange",
            "onlayoutcomplete",
            "onformdata",
            "onfilterchange",
            "onlosecapture",
            "oncellchange",
            "ondata",
            "onrow",
            "onhelp",
            "onmove",
            "oncontrolselect",
            "onloadstart",
            "onloadeddata",
            "onloadedmetadata",
            "onprogress",
            "onratechange",
            "onstalled",
            "onsuspend",
            "onwaiting",
            "onemptied",
            "ondurationchange",
            "oncuechange",
            "onwebkit",
            "onfullscreen",
            "ongesture",
            "ongotpointer",
            "onlostpointer",
            "onunhandledrejection",
            "onoffline",
            "ononline",
            "onlanguagechange",
            "onscrollend",
            "onsecuritypolicyviolation",
            "onslotchange",
            "oncancel",
            "onclose",
            "onmediacomplete",
            "onmediaerror",
            "onoutofsync",
            "onresume",
            "onreverse",
            "onsyncrestored",
            "ontimeerror",
            "ontrackchange",
            "onurlflip",
            "onerrorupdate",
            "onzoom",
            "onrender",
        ],
    },
    Literals {
        class: SCHEME,
        bound: Bound::None,
        words: &[
            "javascript",
            "vbscript",
            "livescript",
            "mocha:",
            "data:text/html",
            "data:image/svg",
            "data:text/xml",
            "data:application/x",
            "jav&",
            "java&",
            "jav\t",
            "java\n",
            "jav\n",
            "ja\nva",
            "j\na",
            "feed:",
            "ipt:",
            "script:",
            "data:,",
            "data:;base64",
            "data:text/javascript",
            "j&#",
            "script&",
        ],
    },
    Literals {
        class: SINK,
        bound: Bound::Start,
        words: &[
            "alert(",
            "alert`",
            "alert&",
            "alert;",
            "=alert",
            "(alert)",
            "confirm(",
            "confirm`",
            "prompt(",
            "prompt`",
            "eval(",
            "settimeout(",
            "setinterval(",
            "document.cookie",
            "document.write",
            "document.location",
            "document.domain",
            "window.location",
            "location=",
            "location.href",
            "location.replace",
            "string.fromcharcode",
            "fromcharcode",
            "constructor(",
            "[].constructor",
            "import(",
            "fetch(",
            "xmlhttprequest",
            "innerhtml",
            "document['",
            "document[\"",
            "window['",
            "window[\"",
            "self['",
            "top['",
            "parent['",
            "this['",
            "atob(",
            "$.getscript",
            "getscript(",
            "alert",
            "msgbox",
            "print()",
            "throw onerror",
            "onerror=alert",
        ],
    },
    Literals {
        class: STYLE_WORD,
        bound: Bound::None,
        words: &[
            "expression(",
            "expression/",
            "-moz-binding",
            "behavior:",
            "behaviour:",
            "url(javascript",
            "url('javascript",
            "url(\"javascript",
            "@import",
            "xss:expr",
            "-o-link",
        ],
    },
];

/// Elements whose mere presence in a data field loads or runs something.
const ACTIVE: [&str; 15] = [
    "iframe",
    "object",
    "embed",
    "applet",
    "base",
    "layer",
    "bgsound",
    "isindex",
    "frameset",
    "frame",
    "xss",
    "ilayer",
    "htmlfile",
    "event-source",
    "xsl:stylesheet",
];

/// Looks for script in data.
#[derive(Debug)]
pub(super) struct Xss;

impl Detector for Xss {
    fn vector(&self) -> Vector {
        Vector::Xss
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
            let classes = view.classes(Vector::Xss);
            if classes == 0 || view.kind == ViewKind::Respelt {
                continue;
            }
            let text = view.text.as_ref();
            let markup = view.flags.any(Flags::LESS);
            let mut page = Page::new(text, classes);
            if markup {
                page.tags();
            }
            if classes & (1 << SCHEME) != 0 {
                page.schemes();
            }
            if classes & (1 << STYLE_WORD) != 0 {
                page.styles();
            }
            if classes & (1 << HANDLER | 1 << SINK) != 0 {
                page.breakouts();
            }
            for (code, confidence, span) in page.found {
                cx.report(out, view, code, confidence, span);
            }
        }
    }
}

type Found = (&'static FindingCode, u8, (usize, usize));

/// Findings of one text.
const FOUND_MAX: usize = 16;

struct Page<'a> {
    text: &'a str,
    bytes: &'a [u8],
    classes: u64,
    /// The text is source code or a document rather than a value.
    document: bool,
    found: Vec<Found>,
}

impl<'a> Page<'a> {
    fn new(text: &'a str, classes: u64) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            classes,
            document: source_code(text),
            found: Vec::new(),
        }
    }

    fn push(&mut self, code: &'static FindingCode, confidence: u8, span: (usize, usize)) {
        // Code and documents speak of script without being an attack on whoever shows them.
        let confidence = if self.document {
            confidence.saturating_sub(45)
        } else {
            confidence
        };
        if self.found.len() < FOUND_MAX && confidence > 0 {
            self.found.push((code, confidence, span));
        }
    }

    fn tags(&mut self) {
        let mut i = 0;
        while let Some(open) = self.bytes.iter().skip(i).position(|b| *b == b'<') {
            let start = i + open;
            i = start + 1;
            if self.found.len() >= FOUND_MAX {
                return;
            }
            let mut name_at = start + 1;
            while matches!(
                at(self.bytes, name_at),
                b'/' | b'\\' | 0 | b'<' | b'%' | b'!' | b'?'
            ) && name_at < start + 4
            {
                name_at += 1;
            }
            let mut name_end = name_at;
            while at(self.bytes, name_end).is_ascii_alphanumeric()
                || matches!(at(self.bytes, name_end), b':' | b'-')
            {
                name_end += 1;
            }
            if name_end == name_at {
                continue;
            }
            let name = part(self.text, name_at, name_end).to_ascii_lowercase();
            let (end, closed) = self.tag_end(name_end);
            if name == "script" || name.ends_with(":script") {
                self.script_tag(start, name_end, end);
            } else if ACTIVE.contains(&name.as_str()) {
                let sourced = part(self.text, name_end, end).contains('=');
                self.push(&ACTIVE_TAG, if sourced { 80 } else { 62 }, (start, end));
            } else if name == "meta"
                && contains(part(self.text, name_end, end), &["http-equiv", "url="])
            {
                self.push(&ACTIVE_TAG, 62, (start, end));
            } else if name == "link"
                && contains(part(self.text, name_end, end), &["stylesheet", "import"])
            {
                self.push(&ACTIVE_TAG, 58, (start, end));
            } else if (matches!(name.as_str(), "import" | "xml-stylesheet")
                && at(self.bytes, start + 1) == b'?')
                || (matches!(name.as_str(), "animate" | "set")
                    && contains(part(self.text, name_end, end), &["attributename"]))
            {
                self.push(&ACTIVE_TAG, 62, (start, end));
            }
            self.attributes(name_end, end, closed);
            i = name_end.max(start + 1);
        }
    }

    fn script_tag(&mut self, start: usize, name_end: usize, end: usize) {
        let closing = at(self.bytes, start + 1) == b'/';
        if closing {
            if self.classes & (1 << SINK) != 0 {
                self.push(&SCRIPT_TAG, 60, (start, end));
            } else {
                self.push(&SCRIPT_TAG, 52, (start, end));
            }
            return;
        }
        // `<script>` in a sentence about script, with nothing behind it, is still a tag.
        let _ = name_end;
        self.push(&SCRIPT_TAG, 90, (start, end));
    }

    /// Where a tag ends, quotes respected while they are balanced, and whether a `>` ends it.
    fn tag_end(&self, from: usize) -> (usize, bool) {
        const TAG_BYTES_MAX: usize = 2_048;
        let limit = (from + TAG_BYTES_MAX).min(self.bytes.len());
        let mut quote = 0u8;
        for i in from..limit {
            let b = at(self.bytes, i);
            if quote != 0 {
                if b == quote {
                    quote = 0;
                }
            } else if matches!(b, b'"' | b'\'') && at(self.bytes, i.wrapping_sub(1)) == b'=' {
                quote = b;
            } else if b == b'>' {
                return (i + 1, true);
            }
        }
        // An open quote hides the end: look again without quotes.
        self.bytes
            .get(from..limit)
            .and_then(|t| t.iter().position(|b| *b == b'>'))
            .map_or((limit, false), |n| (from + n + 1, true))
    }

    /// The event handlers among the attributes of a tag.
    fn attributes(&mut self, from: usize, end: usize, closed: bool) {
        if self.classes & (1 << HANDLER | 1 << SINK) == 0
            && !contains(part(self.text, from, end), &["srcdoc"])
        {
            return;
        }
        let mut i = from;
        while i < end {
            if let Some((stop, value)) = self.handler(i, end) {
                // `onClick={…}` is a property of a component, not an attribute.
                let property = matches!(at(self.bytes, value), b'{')
                    && !part(self.text, value, end).contains("alert");
                if !property {
                    let sure = if closed { 90 } else { 80 };
                    self.push(&EVENT_HANDLER, sure, (i, stop));
                    return;
                }
                i = stop;
            } else if starts(self.bytes, i, "srcdoc") {
                self.push(&ACTIVE_TAG, 82, (i, end));
                return;
            } else {
                i += 1;
            }
        }
    }

    /// An attribute `on…=` that begins at `i`: where its value's first bytes end, and where the
    /// value begins.
    fn handler(&self, i: usize, end: usize) -> Option<(usize, usize)> {
        let before = i.checked_sub(1).map_or(0, |b| at(self.bytes, b));
        let separated = before.is_ascii_whitespace()
            || matches!(
                before,
                b'/' | b'"' | b'\'' | b'`' | b'+' | b';' | b',' | 0x0b | 0x0c | 0 | b'&'
            )
            || before >= 0x80
            || (before.is_ascii_control());
        if !separated || !starts(self.bytes, i, "on") {
            return None;
        }
        let mut name = i + 2;
        while at(self.bytes, name).is_ascii_alphanumeric() && name - i < 40 {
            name += 1;
        }
        if name - i < 4 || name > end {
            return None;
        }
        let mut equals = name;
        while equals < end
            && (at(self.bytes, equals).is_ascii_whitespace()
                || at(self.bytes, equals).is_ascii_control()
                || at(self.bytes, equals) == b'/'
                || matches!(at(self.bytes, equals), b'\\' | b'%') && equals - name < 8
                || (equals > name
                    && equals - name < 8
                    && at(self.bytes, equals).is_ascii_hexdigit()))
        {
            equals += 1;
        }
        if at(self.bytes, equals) != b'=' {
            return None;
        }
        let value = skip_space(self.bytes, equals + 1);
        let value = if matches!(at(self.bytes, value), b'"' | b'\'' | b'`') {
            value + 1
        } else {
            value
        };
        Some(((value + 24).min(end), value))
    }

    /// `javascript:` and its like, with white space and control characters between the letters.
    fn schemes(&mut self) {
        let mut compact: Vec<u8> = Vec::with_capacity(self.bytes.len());
        let mut origin: Vec<u32> = Vec::with_capacity(self.bytes.len());
        for (i, b) in self.bytes.iter().enumerate() {
            if *b > b' ' {
                compact.push(b.to_ascii_lowercase());
                origin.push(i as u32);
            }
        }
        let place = |n: usize| origin.get(n).copied().unwrap_or(0) as usize;
        for scheme in ["javascript:", "vbscript:", "livescript:"] {
            let mut from = 0;
            while let Some(n) = super::text_at::find(&compact, from, scheme) {
                from = n + scheme.len();
                let before = n.checked_sub(1).map_or(0, |b| at(&compact, b));
                if before.is_ascii_alphanumeric() && !self.spaced(place(n)) {
                    continue;
                }
                let tail = compact
                    .get(from..(from + 64).min(compact.len()))
                    .unwrap_or_default();
                let runs = tail
                    .iter()
                    .any(|b| matches!(b, b'(' | b'`' | b'=' | b'/' | b'%' | b'\\' | b'&'));
                let placed = n == 0
                    || matches!(
                        before,
                        b'=' | b'"'
                            | b'\''
                            | b'('
                            | b'`'
                            | b','
                            | b'>'
                            | b';'
                            | b':'
                            | b'&'
                            | b'/'
                            | b'\\'
                            | b'<'
                            | b']'
                            | b')'
                    );
                let harmless = tail.starts_with(b"void(0)") || tail.starts_with(b"void0");
                let confidence = match (runs && !harmless, placed) {
                    (true, true) => 88,
                    (true, false) => 66,
                    (false, true) => 44,
                    (false, false) => 30,
                };
                self.push(
                    &SCRIPT_SCHEME,
                    confidence,
                    (place(n), place(from.saturating_sub(1)) + 1),
                );
                break;
            }
        }
        for scheme in [
            "data:text/html",
            "data:image/svg+xml",
            "data:text/xml",
            "data:application/x",
            "data:text/javascript",
            "data:;base64",
            "data:,alert",
            "data:application/javascript",
        ] {
            if let Some(n) = super::text_at::find(&compact, 0, scheme) {
                let tail = compact
                    .get(n..(n + 400).min(compact.len()))
                    .unwrap_or_default();
                let active = tail.iter().any(|b| matches!(b, b'<' | b'('))
                    || super::text_at::find(tail, 0, "base64,").is_some();
                let image = scheme == "data:image/svg+xml";
                if active {
                    self.push(
                        &SCRIPT_SCHEME,
                        if image { 56 } else { 82 },
                        (place(n), place(n + scheme.len() - 1) + 1),
                    );
                    break;
                }
            }
        }
    }

    fn spaced(&self, i: usize) -> bool {
        i > 0 && at(self.bytes, i - 1) <= b' '
    }

    fn styles(&mut self) {
        for (word, confidence) in [
            ("expression(", 70),
            ("-moz-binding", 76),
            ("behavior:url", 70),
            ("url(javascript", 88),
            ("behavior:expr", 70),
            ("-o-link", 60),
        ] {
            if let Some(n) = super::text_at::find(self.bytes, 0, word) {
                let styled = contains(self.text, &["style", "<", "xss", "width:", "{"]);
                if styled {
                    self.push(&STYLE, confidence, (n, n + word.len()));
                }
            }
        }
        if let Some(n) = super::text_at::find(self.bytes, 0, "expression/") {
            self.push(&STYLE, 66, (n, n + 11));
        }
        if let Some(n) = super::text_at::find(self.bytes, 0, "@import")
            && contains(self.text, &["<style", "style="])
        {
            self.push(&STYLE, 60, (n, n + 7));
        }
    }

    /// A value that ends the attribute or string it stands in: `" onfocus=…`, `';alert(1)//`.
    fn breakouts(&mut self) {
        if self.classes & (1 << HANDLER) != 0 {
            let end = self.bytes.len();
            for i in 0..end {
                if !matches!(at(self.bytes, i), b'o' | b'O') {
                    continue;
                }
                if let Some((stop, value)) = self.handler(i, end) {
                    let head = part(self.text, i.saturating_sub(24), i);
                    let quoted = head.contains(['"', '\'', '`', '<', '>', '/']);
                    let script = part(self.text, value, (value + 120).min(end));
                    let runs = contains(
                        script,
                        &[
                            "alert",
                            "(",
                            "`",
                            "location",
                            "eval",
                            "document",
                            "javascript",
                            "&#",
                            "\\",
                        ],
                    );
                    if (quoted || i == 0) && runs && at(self.bytes, value) != b'{' {
                        self.push(&ATTRIBUTE_BREAKOUT, if quoted { 72 } else { 56 }, (i, stop));
                        break;
                    }
                }
            }
        }
        if self.classes & (1 << SINK) != 0 && self.found.is_empty() {
            for sink in [
                "alert(",
                "alert`",
                "confirm(",
                "confirm`",
                "prompt(",
                "prompt`",
                "eval(",
                "document.cookie",
                "document.write(",
                "document.location",
                "document.domain",
                "fromcharcode(",
                "location=",
                "location.href=",
                "(alert)",
                "=alert",
                "constructor(",
                "window['",
                "window[\"",
                "self['",
                "top['",
                "top[\"",
                "[`al",
                "['al",
                "[\"al",
                "$.getscript",
                "settimeout(",
                "setinterval(",
                "print()",
                "alert;",
                "alert&",
            ] {
                let Some(n) = super::text_at::find(self.bytes, 0, sink) else {
                    continue;
                };
                let head = part(self.text, 0, n);
                let trimmed = head.trim_end();
                let broken_out = trimmed.ends_with([
                    ';', '-', '+', '*', '/', '^', '|', '&', '}', ')', ']', '>', '{', '=', '(',
                    '\\', ',', '?', ':', '\'', '"', '`', '!', '~',
                ]) && trimmed
                    .contains(['\'', '"', '`', '}', '<', '>', '\\', '&', '|', '^', ')']);
                let bare = trimmed.is_empty() && self.text.len() <= 120;
                let show = matches!(
                    sink,
                    "alert("
                        | "alert`"
                        | "(alert)"
                        | "=alert"
                        | "confirm("
                        | "prompt("
                        | "confirm`"
                        | "prompt`"
                        | "document.cookie"
                        | "document.domain"
                        | "print()"
                );
                let tail = part(
                    self.text,
                    n + sink.len(),
                    (n + sink.len() + 40).min(self.text.len()),
                );
                let probe = show
                    && (tail.starts_with([
                        '1', '/', '\'', '"', '`', 'd', 'X', 'x', ')', '0', '2', '3', '4', '5', '6',
                        '7', '8', '9', '\\', 'S', 't', '&',
                    ]) || sink.ends_with(['e', ')', 't']));
                let confidence = match (broken_out, bare) {
                    (true, _) if probe => 74,
                    (true, _) => 56,
                    (_, true) if probe => 60,
                    _ => continue,
                };
                self.push(&ATTRIBUTE_BREAKOUT, confidence, (n, n + sink.len()));
                return;
            }
        }
    }
}

fn contains(text: &str, words: &[&str]) -> bool {
    words
        .iter()
        .any(|w| super::text_at::find(text.as_bytes(), 0, w).is_some())
}

/// Whether a text is source code or prose of some length rather than a value: then script in it is
/// content, not an attack.
fn source_code(text: &str) -> bool {
    const SIGNS: [&str; 22] = [
        "import ",
        "export ",
        "function ",
        "const ",
        "return ",
        "=> {",
        "className=",
        "def ",
        "class ",
        "interface ",
        "#include",
        "package ",
        "pub fn",
        "```",
        "useState",
        "</div>\n",
        "<!DOCTYPE html",
        "<!doctype html",
        "public ",
        "## ",
        "var ",
        "</p>\n",
    ];
    text.len() > 160 && SIGNS.iter().filter(|s| text.contains(**s)).count() >= 2
}
