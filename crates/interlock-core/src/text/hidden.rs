//! Text that a page carries and does not show: comments, elements that are styled away, and the
//! attributes that only some readers see.
//!
//! A scanner over tags, not a parser of documents: it knows what a tag, an attribute and a comment
//! are (WHATWG HTML, section 13.2.5), and looks no further than the element that it is in. Style
//! sheets are not followed. Time is linear in the text: what one element hides is passed over once.

/// Pieces taken of one text.
const PIECES_MAX: usize = 32;
/// Bytes of one piece; a longer one is cut.
const PIECE_BYTES_MAX: usize = 8_192;
/// Bytes from which on a piece can say something.
const PIECE_BYTES_MIN: usize = 12;
/// Bytes of a tag that are read.
const TAG_BYTES_MAX: usize = 2_048;
/// Attributes of a tag that are read.
const ATTRIBUTES_MAX: usize = 32;

/// A text that a page does not show as its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    /// What it says, without tags.
    pub(super) text: String,
    /// Where it stands.
    pub(super) start: usize,
    pub(super) end: usize,
    /// No person sees it; otherwise it is shown in some places, as an alternative or a tooltip.
    pub(super) unseen: bool,
}

/// A tag: its name in lower case, and where it ends.
struct Tag<'a> {
    name: String,
    closing: bool,
    /// It closes itself, by a slash.
    empty: bool,
    attributes: Vec<(String, &'a str, usize)>,
    end: usize,
}

/// Elements that have no content.
const VOID: [&str; 9] = [
    "area", "base", "br", "hr", "img", "input", "link", "meta", "source",
];
/// Elements whose content is no text for anybody.
const RAW: [&str; 2] = ["script", "style"];
/// Elements whose content is not shown by a browser that runs scripts.
const NEVER_SHOWN: [&str; 2] = ["noscript", "template"];
/// Attributes that hold words.
const WORDS: [&str; 6] = [
    "alt",
    "aria-description",
    "aria-label",
    "longdesc",
    "summary",
    "title",
];

/// The pieces of `text`, in the order in which they end.
pub(super) fn pieces(text: &str) -> Vec<Piece> {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|t| t.find('<')) {
        if out.len() >= PIECES_MAX {
            break;
        }
        let start = at + found;
        let rest = text.get(start..).unwrap_or_default();
        if let Some(body) = rest.strip_prefix("<!--") {
            let length = body.find("-->").unwrap_or(body.len());
            push(&mut out, text, start + 4, start + 4 + length, true);
            at = start + 4 + length;
            continue;
        }
        let Some(tag) = tag(text, start) else {
            at = start + 1;
            continue;
        };
        at = tag.end;
        if tag.closing {
            continue;
        }
        for (name, value, from) in &tag.attributes {
            let words = WORDS.contains(&name.as_str())
                || (name == "content" && tag.name == "meta")
                || (name == "value" && tag.name == "input" && attribute(&tag, "type") == "hidden")
                || name.starts_with("data-");
            if words && value.contains(' ') {
                let unseen =
                    matches!(name.as_str(), "content" | "value") || name.starts_with("data-");
                push(&mut out, text, *from, from + value.len(), unseen);
            }
        }
        if tag.empty || VOID.contains(&tag.name.as_str()) {
            continue;
        }
        if RAW.contains(&tag.name.as_str()) {
            at = close(text, &tag).0;
        } else if hides(&tag) {
            let (end, after) = element(text, &tag);
            push(&mut out, text, tag.end, end, true);
            at = after;
        }
    }
    out.truncate(PIECES_MAX);
    out
}

fn attribute<'a>(tag: &Tag<'a>, name: &str) -> &'a str {
    tag.attributes
        .iter()
        .find(|(n, ..)| n == name)
        .map_or("", |(_, value, _)| value)
}

/// Whether a tag keeps what is in it from being seen.
fn hides(tag: &Tag<'_>) -> bool {
    if NEVER_SHOWN.contains(&tag.name.as_str()) {
        return true;
    }
    tag.attributes
        .iter()
        .any(|(name, value, _)| match name.as_str() {
            "hidden" => true,
            "aria-hidden" => value.eq_ignore_ascii_case("true"),
            "style" => unseen_style(value),
            _ => false,
        })
}

/// Declarations that make text vanish.
const VANISHING: [&str; 16] = [
    "display:none",
    "visibility:hidden",
    "opacity:0;",
    "opacity:0.0",
    "font-size:0",
    "font-size:1px",
    "color:transparent",
    "text-indent:-9",
    "left:-9",
    "top:-9",
    "clip:rect(0",
    "clip-path:inset(50%",
    "clip-path:inset(100%",
    "max-height:0",
    "transform:scale(0",
    "line-height:0;",
];
/// Ways to write white, which vanishes where no background is set beside it.
const WHITE: [&str; 6] = [
    "color:white",
    "color:#fff;",
    "color:#ffffff",
    "color:rgb(255,255,255",
    "color:rgba(255,255,255",
    "color:#fefefe",
];

fn unseen_style(style: &str) -> bool {
    let mut plain: String = style
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_ascii_lowercase())
        .collect();
    plain.push(';');
    let declares = |what: &str| {
        plain.match_indices(what).any(|(at, _)| {
            // `background-color` is another property than `color`.
            let before = plain.get(..at).and_then(|b| b.bytes().next_back());
            let another = before.is_some_and(|b| b == b'-' || b.is_ascii_alphanumeric());
            // `font-size:0.9em` is small, not nothing.
            let after = plain.get(at + what.len()..).unwrap_or_default();
            let some = what.ends_with(":0") && after.starts_with('.') && !after.starts_with(".0");
            !(another || some)
        })
    };
    let any = |all: &[&str]| all.iter().any(|d| declares(d));
    any(&VANISHING)
        || (any(&WHITE) && !plain.contains("background"))
        || (any(&WHITE)
            && [
                "background:white",
                "background:#fff",
                "background-color:white",
                "background-color:#fff",
            ]
            .iter()
            .any(|b| plain.contains(b)))
}

/// Reads the tag at `start`; `None` when there is none, or no end of it within
/// [`TAG_BYTES_MAX`].
fn tag(text: &str, start: usize) -> Option<Tag<'_>> {
    let bytes = text.as_bytes();
    let at = |i: usize| bytes.get(i).copied().unwrap_or(b'>');
    let mut i = start + 1;
    let closing = at(i) == b'/';
    i += usize::from(closing);
    let name_start = i;
    if !at(i).is_ascii_alphabetic() {
        return None;
    }
    while at(i).is_ascii_alphanumeric() || at(i) == b'-' {
        i += 1;
    }
    let name = text.get(name_start..i)?.to_ascii_lowercase();
    let mut attributes = Vec::new();
    let mut empty = false;
    let last = start.saturating_add(TAG_BYTES_MAX);
    loop {
        if i >= bytes.len() || i > last {
            return None;
        }
        match at(i) {
            b'>' => break,
            b'/' => {
                empty = at(i + 1) == b'>';
                i += 1;
            }
            b if b.is_ascii_whitespace() => i += 1,
            _ => {
                let from = i;
                while i < bytes.len()
                    && !at(i).is_ascii_whitespace()
                    && !matches!(at(i), b'=' | b'>' | b'/')
                {
                    i += 1;
                }
                let name = text.get(from..i)?;
                let mut value = (i, i);
                if at(i) == b'=' {
                    i += 1;
                    let quote = at(i);
                    if matches!(quote, b'"' | b'\'') {
                        i += 1;
                        let from = i;
                        while i < bytes.len() && at(i) != quote {
                            i += 1;
                        }
                        value = (from, i);
                        i += 1;
                    } else {
                        let from = i;
                        while i < bytes.len() && !at(i).is_ascii_whitespace() && at(i) != b'>' {
                            i += 1;
                        }
                        value = (from, i);
                    }
                } else if i == from {
                    i += 1;
                }
                if attributes.len() < ATTRIBUTES_MAX {
                    attributes.push((
                        name.to_ascii_lowercase(),
                        text.get(value.0..value.1)?,
                        value.0,
                    ));
                }
            }
        }
    }
    Some(Tag {
        name,
        closing,
        empty,
        attributes,
        end: i + 1,
    })
}

/// Where the content of a raw element ends, and where its closing tag does.
fn close(text: &str, tag: &Tag<'_>) -> (usize, usize) {
    let rest = text.get(tag.end..).unwrap_or_default();
    let mut at = 0;
    while let Some(found) = rest.get(at..).and_then(|t| t.find("</")) {
        let name = rest.get(at + found + 2..).unwrap_or_default();
        if name
            .get(..tag.name.len())
            .is_some_and(|n| n.eq_ignore_ascii_case(&tag.name))
        {
            return (tag.end + at + found, tag.end + at + found + 2);
        }
        at += found + 2;
    }
    (text.len(), text.len())
}

/// Where the content of an element ends, counting elements of the same name in it, and what is
/// after its closing tag. One that is never closed hides what a piece can hold.
fn element(text: &str, outer: &Tag<'_>) -> (usize, usize) {
    let mut depth = 1usize;
    let mut at = outer.end;
    while let Some(found) = text.get(at..).and_then(|t| t.find('<')) {
        let start = at + found;
        if start - outer.end > PIECE_BYTES_MAX {
            break;
        }
        let Some(inner) = tag(text, start) else {
            at = start + 1;
            continue;
        };
        at = inner.end;
        if inner.name == outer.name && !inner.empty {
            if inner.closing {
                depth -= 1;
                if depth == 0 {
                    return (start, inner.end);
                }
            } else {
                depth += 1;
            }
        }
    }
    let mut end = text.len().min(outer.end + PIECE_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    (end, end)
}

/// Keeps `start..end` as a piece, its tags taken out.
fn push(out: &mut Vec<Piece>, text: &str, start: usize, end: usize, unseen: bool) {
    let mut end = end.min(start + PIECE_BYTES_MAX).min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let body = text.get(start..end).unwrap_or_default();
    let mut plain = String::with_capacity(body.len());
    let mut rest = body;
    while let Some(open) = rest.find('<') {
        let (before, from) = rest.split_at_checked(open).unwrap_or((rest, ""));
        plain.push_str(before);
        match from.find('>') {
            Some(shut)
                if from
                    .as_bytes()
                    .get(1)
                    .is_some_and(|b| b.is_ascii_alphabetic() || *b == b'/') =>
            {
                plain.push(' ');
                rest = from.get(shut + 1..).unwrap_or_default();
            }
            _ => {
                plain.push('<');
                rest = from.get(1..).unwrap_or_default();
            }
        }
    }
    plain.push_str(rest);
    if plain.trim().len() >= PIECE_BYTES_MIN && out.len() < PIECES_MAX {
        out.push(Piece {
            text: plain,
            start,
            end,
            unseen,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(page: &str, expected: &[(&str, bool)]) {
        let found: Vec<(String, bool)> = pieces(page)
            .into_iter()
            .map(|p| (p.text.trim().to_owned(), p.unseen))
            .collect();
        let expected: Vec<(String, bool)> = expected
            .iter()
            .map(|(text, unseen)| ((*text).to_owned(), *unseen))
            .collect();
        assert_eq!(found, expected, "{page}");
    }

    #[test]
    fn finds_what_is_not_shown() {
        check("<p>Open at ten.</p>", &[]);
        check(
            "a <!-- note to the reader --> b",
            &[("note to the reader", true)],
        );
        check(
            "a <!-- never ends, it seems",
            &[("never ends, it seems", true)],
        );
        for style in [
            "display: none",
            "color:#FFF",
            "font-size:0",
            "visibility:hidden;margin:1px",
            "position:absolute; left:-9999px",
            "opacity:0",
            "color:white;background:#ffffff",
        ] {
            check(
                &format!("<div style=\"{style}\">do this <b>at once</b> please</div><p>x</p>"),
                &[("do this  at once  please", true)],
            );
        }
        check(
            "<div hidden><div>one thing</div> and another</div> the rest",
            &[("one thing  and another", true)],
        );
        check(
            "<span aria-hidden='true'>not for the screen reader</span>",
            &[("not for the screen reader", true)],
        );
        check(
            "<template>kept for later use</template>",
            &[("kept for later use", true)],
        );
        check(
            "<img src=a.png alt=\"a bird on a branch\"><meta name=d content='what the page says'>",
            &[("a bird on a branch", false), ("what the page says", true)],
        );
        check(
            "<input type=hidden value=\"send it all to me\">",
            &[("send it all to me", true)],
        );
    }

    #[test]
    fn leaves_what_is_shown() {
        for page in [
            "<div style=\"font-size:0.9em\">small print of the offer</div>",
            "<div style=\"color:white;background:navy\">a banner on dark ground</div>",
            "<div style=\"background-color:white\">text on white ground</div>",
            "<div style=\"opacity:0.8\">a little faded text</div>",
            "<span aria-hidden=\"false\">all can read this</span>",
            "if a < b and b > c then nothing is hidden here",
            "<script>var a = '<!-- no comment here -->';</script>",
            "<style>.x { display:none }</style>",
        ] {
            check(page, &[]);
        }
    }

    #[test]
    fn floods_take_linear_time_and_stay_bounded() {
        for unit in [
            "<!--",
            "<div hidden>",
            "<a b=\"",
            "<",
            "<div style=\"display:none\">x</p>",
            "<!-- 0123456789ab -->",
        ] {
            let page = unit.repeat(200_000 / unit.len());
            let found = pieces(&page);
            assert!(found.len() <= PIECES_MAX);
            assert!(found.iter().all(|p| p.text.len() <= PIECE_BYTES_MAX));
        }
    }

    proptest! {
        #[test]
        fn pieces_lie_in_the_text(page in "(<(!--|div hidden|p title=\"|/div)|-->|[ \\PC]|>|\"|=|styl){0,60}") {
            for piece in pieces(&page) {
                prop_assert!(piece.start <= piece.end && piece.end <= page.len());
                prop_assert!(page.is_char_boundary(piece.start) && page.is_char_boundary(piece.end));
            }
        }
    }
}
