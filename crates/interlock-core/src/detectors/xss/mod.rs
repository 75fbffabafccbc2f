//! Script in data: tags, event handlers and script schemes, as a browser would read them.

mod markdown;
mod scheme;
mod script;
mod style;
mod tags;

use super::code::codes;
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
    SCRIPT_VALUE = "script-value", "a value that is script as a whole, or disguised script", ["CWE-79", "CWE-116", "ASI05"];
    STYLE = "active-style", "a style that runs script", ["CWE-79", "ASI05"];
}

const TAG: u8 = 0;
const HANDLER: u8 = 1;
const SCHEME: u8 = 2;
const SINK: u8 = 3;
const STYLE_WORD: u8 = 4;
const DISGUISE: u8 = 5;

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
            "self[\"",
            "top[\"",
            "parent[\"",
            "this[\"",
            "this['",
            "atob(",
            "$.getscript",
            "getscript(",
            "alert",
            "msgbox",
            "print()",
            "throw onerror",
            "onerror=alert",
            "unescape(",
            "=eval",
            "execscript(",
            "document.url",
            "=prompt",
            "=confirm",
            "alert?.(",
            "document.writeln",
            "frames[",
            "globalthis[",
            "eval.call",
            "eval`",
        ],
    },
    Literals {
        class: SINK,
        bound: Bound::None,
        words: &["(alert)", "(confirm)", "(prompt)", "(print)", "(eval)"],
    },
    Literals {
        class: DISGUISE,
        bound: Bound::None,
        words: &[
            "![]",
            "[]+",
            "+[]",
            "+adw-",
            "\u{bc}script",
            "{{constructor",
            "{{$",
            "{{'",
            "{{[",
            "{{a=",
            "{{x=",
            "{{_",
            "{{(",
            "{{tostring",
            "document/*",
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
            "binding",
            "behavior",
        ],
    },
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

    /// Markup, for elements and attributes that no literal names.
    fn triggers(&self) -> Flags {
        Flags::LESS
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
            let markup = view.flags.any(Flags::LESS);
            if (classes == 0 && !markup) || view.kind == ViewKind::Respelt {
                continue;
            }
            let text = view.text.as_ref();
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
                page.breakouts(view.hits(Vector::Xss));
            }
            if classes & (1 << DISGUISE) != 0 {
                page.disguises();
            }
            for (code, confidence, span) in page.found {
                cx.report(out, view, code, confidence, span);
            }
            if let Some(confidence) = page.unlisted {
                out.count(Vector::Xss, confidence);
                out.limit_reached();
            }
        }
    }
}

type Found = (&'static FindingCode, u8, (usize, usize));

/// Findings of one text.
const FOUND_MAX: usize = 16;
/// Confidence from which on a finding without a place is counted.
const WORTH_MIN: u8 = 50;
/// How much less a finding says in what is shown as code.
const SHOWN_AS_CODE: u8 = 45;

struct Page<'a> {
    text: &'a str,
    bytes: &'a [u8],
    classes: u64,
    /// The text is source code or a document rather than a value, once it was asked.
    document: Option<bool>,
    /// The parts that Markdown shows as code, once they were asked for.
    code: Option<Vec<(usize, usize)>>,
    found: Vec<Found>,
    /// The surest of what found no place, if it is worth anything.
    unlisted: Option<u8>,
}

impl<'a> Page<'a> {
    fn new(text: &'a str, classes: u64) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            classes,
            document: None,
            code: None,
            found: Vec::new(),
            unlisted: None,
        }
    }

    fn push(&mut self, code: &'static FindingCode, confidence: u8, span: (usize, usize)) {
        // Code and documents speak of script without being an attack on whoever shows them.
        let text = self.text;
        let document = *self.document.get_or_insert_with(|| source_code(text));
        let confidence = if document || self.shown_as_code(span.0) {
            confidence.saturating_sub(SHOWN_AS_CODE)
        } else {
            confidence
        };
        if self.found.len() < FOUND_MAX {
            self.found.push((code, confidence, span));
            return;
        }
        let mut left_out = confidence;
        if let Some(least) = self.found.iter_mut().min_by_key(|f| f.1)
            && least.1 < confidence
        {
            left_out = least.1;
            *least = (code, confidence, span);
        }
        if left_out >= WORTH_MIN {
            self.unlisted = self.unlisted.max(Some(left_out));
        }
    }

    /// Whether a place is in a code span or block of a Markdown text, which is shown and not run. A
    /// text that is nothing but quoted is no document.
    fn shown_as_code(&mut self, place: usize) -> bool {
        let text = self.text;
        let code = self.code.get_or_insert_with(|| markdown::code(text));
        let after = code.partition_point(|(start, _)| *start <= place);
        after
            .checked_sub(1)
            .and_then(|i| code.get(i))
            .is_some_and(|(_, end)| place < *end)
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
    // A page or a program does not begin like this; what somebody injects does.
    const HEADS: [&str; 10] = [
        "<script",
        "<svg",
        "<img",
        "<iframe",
        "<body",
        "\">",
        "'>",
        "\"'",
        "';",
        "javascript:",
    ];
    let head = text.trim_start();
    let injected = HEADS.iter().any(|h| {
        head.get(..h.len())
            .is_some_and(|t| t.eq_ignore_ascii_case(h))
    });
    !injected && text.len() > 160 && SIGNS.iter().filter(|s| text.contains(**s)).count() >= 2
}
