//! Tags as a browser's tokenizer would find them: names after whatever stands between `<` and them,
//! attributes up to a `>` outside quotes, or to the end of the text.

use super::super::text_at::{at, part, skip_space, starts};
use super::{
    ACTIVE_TAG, EVENT_HANDLER, HANDLER, Page, SCRIPT_SCHEME, SCRIPT_TAG, SINK, STYLE, contains,
    scheme, style,
};

/// Elements whose mere presence in a data field loads or runs something.
const ACTIVE: [&str; 18] = [
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
    "vmlframe",
    "listener",
    "handler",
];

/// Bytes of a tag within another tag that are read again for its own name.
const NESTED_BYTES_MAX: usize = 1_024;

/// Attributes that hold an address that a browser follows.
const ADDRESSES: [&str; 20] = [
    "href",
    "src",
    "action",
    "formaction",
    "xlink:href",
    "data",
    "to",
    "from",
    "values",
    "code",
    "codebase",
    "background",
    "dynsrc",
    "lowsrc",
    "poster",
    "url",
    "value",
    "folder",
    "content",
    "srcset",
];

/// Attributes that run, load or rewrite on their own, whatever the element.
const ACTIVE_ATTRIBUTES: [(&str, u8); 7] = [
    ("srcdoc", 82),
    ("ev:handler", 66),
    ("dataformatas", 64),
    ("datasrc", 58),
    ("implementation", 64),
    ("fscommand", 70),
    ("seeksegmenttime", 70),
];

impl Page<'_> {
    pub(super) fn tags(&mut self) {
        let mut i = 0;
        // The tag that lies around the next one ends here.
        let mut around: Option<(usize, bool)> = None;
        while let Some(open) = self
            .bytes
            .get(i..)
            .and_then(|rest| rest.iter().position(|b| *b == b'<'))
        {
            let start = i + open;
            i = start + 1;
            let mut name_at = start + 1;
            while matches!(
                at(self.bytes, name_at),
                b'/' | b'\\' | 0 | b'<' | b'%' | b'!' | b'?'
            ) && name_at < start + 4
                && name_at < self.bytes.len()
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
            let nested = around.filter(|(end, _)| name_end < *end);
            let (end, closed) = nested.unwrap_or_else(|| self.tag_end(name_end));
            // What lies within another tag was read with it.
            let part_end = if nested.is_some() {
                end.min(self.boundary(name_end + NESTED_BYTES_MAX))
            } else {
                end
            };
            self.tag(start, (name_at, name_end), part_end);
            if nested.is_none() {
                around = Some((end, closed));
                self.handlers(name_end, end, closed);
                self.attributes(name_end, end);
            }
            i = name_end.max(start + 1);
        }
    }

    fn tag(&mut self, start: usize, (name_at, name_end): (usize, usize), end: usize) {
        const NAME_BYTES_MAX: usize = 40;
        if name_end - name_at > NAME_BYTES_MAX {
            return;
        }
        let name = part(self.text, name_at, name_end).to_ascii_lowercase();
        if name == "script" || name.ends_with(":script") {
            self.script_tag(start, end);
        } else if ACTIVE.contains(&name.as_str()) {
            let sourced = part(self.text, name_end, end).contains('=');
            self.push(&ACTIVE_TAG, if sourced { 80 } else { 62 }, (start, end));
        } else if let Some(confidence) = self.loads(&name, start, name_end, end) {
            self.push(&ACTIVE_TAG, confidence, (start, end));
        }
    }

    /// Elements that load or change something only with certain attributes.
    fn loads(&self, name: &str, start: usize, from: usize, end: usize) -> Option<u8> {
        let attributes = part(self.text, from, end);
        let with = |words: &[&str]| contains(attributes, words);
        let instruction = at(self.bytes, start + 1) == b'?';
        match name {
            "meta" if with(&["refresh", "set-cookie", "link", "url="]) => Some(66),
            "meta" if with(&["http-equiv", "utf-7", "us-ascii"]) => Some(62),
            "link" if with(&["stylesheet", "import"]) => Some(58),
            "import" if instruction || with(&["implementation"]) => Some(62),
            "xml-stylesheet" if instruction => Some(62),
            "animate" | "set" | "animatetransform" | "animatemotion"
                if with(&["attributename"]) =>
            {
                Some(62)
            }
            "xml" if with(&["src="]) => Some(62),
            "html:html" => Some(56),
            // The document's own grammar, with what it replaces.
            "doctype" if with(&["<!entity", "<!attlist", "<!element"]) => Some(66),
            "entity" | "attlist" if at(self.bytes, start + 1) == b'!' => Some(60),
            _ => None,
        }
    }

    fn script_tag(&mut self, start: usize, end: usize) {
        let closing = at(self.bytes, start + 1) == b'/';
        if closing {
            let sure = if self.classes & (1 << SINK) != 0 {
                60
            } else {
                52
            };
            self.push(&SCRIPT_TAG, sure, (start, end));
            return;
        }
        self.push(&SCRIPT_TAG, 90, (start, end));
    }

    /// Where a tag ends, quotes respected while they are balanced, and whether a `>` ends it.
    fn tag_end(&self, from: usize) -> (usize, bool) {
        let mut quote = 0u8;
        let mut first = None;
        let rest = self.bytes.get(from..).unwrap_or_default();
        for (n, b) in rest.iter().enumerate() {
            let i = from + n;
            if *b == b'>' && first.is_none() {
                first = Some(i + 1);
            }
            if quote != 0 {
                if *b == quote {
                    quote = 0;
                }
            } else if matches!(b, b'"' | b'\'') && at(self.bytes, i.wrapping_sub(1)) == b'=' {
                quote = *b;
            } else if *b == b'>' {
                return (i + 1, true);
            }
        }
        // An open quote hides the end.
        first.map_or((self.bytes.len(), false), |end| (end, true))
    }

    /// The first event handler among the attributes of a tag.
    fn handlers(&mut self, from: usize, end: usize, closed: bool) {
        let known = self.classes & (1 << HANDLER | 1 << SINK) != 0;
        let mut i = from;
        while i < end {
            if let Some((stop, value)) = self.handler(i, end) {
                let script = part(self.text, value, end.min(value + 200));
                // `onClick={…}` is a property of a component, not an attribute.
                let property = at(self.bytes, value) == b'{' && !script.contains("alert");
                let runs = script.contains(['(', '`']) || contains(script, &["alert", "location"]);
                if !property && (known || runs) {
                    let sure = if closed { 90 } else { 80 };
                    self.push(&EVENT_HANDLER, sure, (i, stop));
                    return;
                }
                i = stop.max(i + 1);
            } else {
                i += 1;
            }
        }
    }

    /// An attribute `on…=` that begins at `i`: where its value's first bytes end, and where the
    /// value begins.
    pub(super) fn handler(&self, i: usize, end: usize) -> Option<(usize, usize)> {
        if !starts(self.bytes, i, "on") {
            return None;
        }
        let before = i.checked_sub(1).map_or(b' ', |b| at(self.bytes, b));
        let separated = before.is_ascii_whitespace()
            || matches!(
                before,
                b'/' | b'"' | b'\'' | b'`' | b'+' | b';' | b',' | b'&'
            )
            || before >= 0x80
            || before.is_ascii_control();
        if !separated {
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

    /// The attributes of a tag, one by one: addresses that are script, styles that run it, and those
    /// that load a document of their own.
    fn attributes(&mut self, from: usize, end: usize) {
        let mut i = from;
        while i < end {
            let b = at(self.bytes, i);
            if b <= b' ' || matches!(b, b'/' | b'>' | b'"' | b'\'') {
                i += 1;
                continue;
            }
            let name_at = i;
            while i < end
                && at(self.bytes, i) > b' '
                && !matches!(at(self.bytes, i), b'/' | b'>' | b'=')
            {
                i += 1;
            }
            let name_end = i;
            let equals = skip_space(self.bytes, i);
            if at(self.bytes, equals) != b'=' || equals >= end {
                i = i.max(name_at + 1);
                continue;
            }
            let mut value_at = skip_space(self.bytes, equals + 1);
            let quote = at(self.bytes, value_at);
            let value_end = if matches!(quote, b'"' | b'\'' | b'`') {
                value_at += 1;
                self.until(value_at, end, |b| b == quote)
            } else {
                self.until(value_at, end, |b| b <= b' ' || b == b'>')
            };
            self.attribute((name_at, name_end), (value_at.min(value_end), value_end));
            i = value_end.max(equals + 1);
        }
    }

    fn until(&self, from: usize, end: usize, stop: impl Fn(u8) -> bool) -> usize {
        let rest = self.bytes.get(from..end).unwrap_or_default();
        rest.iter().position(|b| stop(*b)).map_or(end, |n| from + n)
    }

    fn attribute(&mut self, name: (usize, usize), value: (usize, usize)) {
        const NAME_BYTES_MAX: usize = 24;
        if name.1 - name.0 > NAME_BYTES_MAX {
            return;
        }
        let name_text = part(self.text, name.0, name.1).trim_start_matches(['[', ':', '@', '\'']);
        let is = |word: &str| name_text.eq_ignore_ascii_case(word);
        let bytes = self.bytes.get(value.0..value.1).unwrap_or_default();
        if bytes.is_empty() {
            return;
        }
        if let Some((_, sure)) = ACTIVE_ATTRIBUTES.iter().find(|(word, _)| is(word)) {
            self.push(&ACTIVE_TAG, *sure, (name.0, value.1));
        } else if ADDRESSES.iter().any(|word| is(word)) {
            if let Some(sure) = scheme::address(bytes) {
                self.push(&SCRIPT_SCHEME, sure, (name.0, value.1.min(value.0 + 40)));
            }
        } else if is("style")
            && let Some(sure) = style::declaration(bytes)
        {
            self.push(&STYLE, sure, (name.0, value.1.min(value.0 + 80)));
        }
    }
}
