//! Personal data and secrets: numbers with their check digits, tokens with their vendor's form, and
//! values that a word beside them or the name of their field announces.
//!
//! An address in a field that says where a message goes is no leak, as long as the field holds nothing
//! else. What is disguised (digits of another width, characters that are not shown) is read as it
//! looks. [`crate::privacy`] holds the kinds; a kind is one declaration, which makes its code.

use std::cmp::Reverse;
use std::sync::LazyLock;

use super::{DetectContext, Detector, Phase};
use crate::model::limits::FINDINGS_MAX;
use crate::model::{ActionType, FindingCode, Findings, Vector};
use crate::privacy::{self, Input, KINDS};
use crate::text::{Channel, Flags, Literals, Segment, View, ViewKind};

/// The detector itself failed on this input.
static FAILED: FindingCode = FindingCode {
    code: "pii.detector-failed",
    vector: Vector::Pii,
    summary: "the detector failed on this input, so the worst is assumed",
    tags: &[],
};

/// One code for each kind, and the failure.
static CODES: LazyLock<Vec<&'static FindingCode>> =
    LazyLock::new(|| KINDS.iter().map(|k| &k.code).chain([&FAILED]).collect());

/// Keys under which an address says where a message goes, not what it holds.
const RECIPIENT_KEYS: [&str; 14] = [
    "to",
    "cc",
    "bcc",
    "from",
    "sender",
    "recipient",
    "recipients",
    "reply_to",
    "replyto",
    "reply-to",
    "attendees",
    "assignee",
    "author",
    "mailbox",
];
/// Keys within such a field that hold the address itself.
const ADDRESS_KEYS: [&str; 8] = [
    "email",
    "address",
    "mail",
    "emailaddress",
    "email_address",
    "phone",
    "number",
    "name",
];
/// Bytes up to which a text under such a key is a list of addresses and not a message.
const RECIPIENT_BYTES_MAX: usize = 2_048;
/// Bytes up to which a text with any digit is looked at: it may be one short code, as the value of a
/// field often is. Longer texts must show more.
const VALUE_BYTES_MAX: usize = 128;
/// Matches reported of one text with their place; more are counted, so that nobody takes the text for
/// one whose every match is known.
const MATCHES_MAX: usize = FINDINGS_MAX;

/// Looks for personal data and secrets.
#[derive(Debug)]
pub(super) struct Pii;

impl Detector for Pii {
    fn vector(&self) -> Vector {
        Vector::Pii
    }

    fn phase(&self) -> Phase {
        Phase::Content
    }

    fn codes(&self) -> &'static [&'static FindingCode] {
        &CODES
    }

    fn literals(&self) -> &'static [Literals] {
        privacy::KEYWORD_LITERALS
    }

    fn triggers(&self) -> Flags {
        Flags::AT.and(Flags::LONG_NUMBER).and(Flags::RUN)
    }

    /// The name of a field may say what its text does not.
    fn reads_facts(&self) -> bool {
        true
    }

    fn reads_results(&self) -> bool {
        true
    }

    fn failed(&self) -> &'static FindingCode {
        &FAILED
    }

    fn detect(&self, cx: &DetectContext<'_>, out: &mut Findings) {
        for view in cx.scanned.views() {
            let segment = cx.scanned.segment_of(view);
            // What is called `password` is a value, not the names of its parts.
            let key = segment.map_or("", |s| if s.named.is_none() { s.key } else { "" });
            let short = view.text.len() <= VALUE_BYTES_MAX && view.flags.any(Flags::DIGIT);
            let marked = short || view.has(Vector::Pii) || view.flags.any(self.triggers());
            if !marked && !telling(key) {
                continue;
            }
            let worth = match view.kind {
                ViewKind::Raw | ViewKind::Decoded => true,
                // Accents and letter case change no match, and case is part of some.
                ViewKind::Normalised => view.flags.any(Flags::DISGUISED),
                // Pieces of a page were read with the page.
                ViewKind::Respelt | ViewKind::Hidden | ViewKind::Attribute => false,
            };
            if worth {
                look(cx, view, segment, key, out);
            }
        }
    }
}

/// Whether the name of a field ends as those do that hold a password. Nearly all names end here, with
/// one comparison.
fn telling(key: &str) -> bool {
    let bytes = key.as_bytes();
    let [.., a, b, c] = bytes else { return false };
    let tail = [
        a.to_ascii_lowercase(),
        b.to_ascii_lowercase(),
        c.to_ascii_lowercase(),
    ];
    matches!(&tail, b"ord" | b"swd" | b"pwd" | b"ase" | b"ode" | b"ort")
}

fn look(
    cx: &DetectContext<'_>,
    view: &View<'_>,
    segment: Option<&Segment<'_>>,
    key: &str,
    out: &mut Findings,
) {
    if telling(key)
        && privacy::password_field(key, &view.text)
        && let Some(kind) = privacy::kind("password")
    {
        cx.report(out, view, &kind.code, 75, (0, view.text.len()));
        return;
    }
    let hits = if view.has(Vector::Pii) {
        view.hits(Vector::Pii).copied().collect()
    } else {
        Vec::new()
    };
    let input = Input::new(&view.text, view.flags, hits, key);
    let mut found = privacy::find_with(&input);
    if found.is_empty() {
        return;
    }
    let addressing = segment.is_some_and(|s| addresses(cx, s, &view.text, &found));
    found.retain(|m| !addressing || !matches!(m.kind.name, "email" | "phone" | "person_name"));
    if found.len() > MATCHES_MAX {
        surest_of_each_kind_first(&mut found);
    }
    let mut found = found.iter();
    for found in found.by_ref().take(MATCHES_MAX) {
        let place = (found.start, found.end);
        cx.report(out, view, &found.kind.code, found.confidence, place);
    }
    for found in found {
        out.count(Vector::Pii, found.confidence);
    }
}

/// Brings the surest match of each kind to the front, so that a flood of one kind hides no other.
fn surest_of_each_kind_first(found: &mut [privacy::Match]) {
    found.sort_by_key(|m| (m.kind.name, Reverse(m.confidence)));
    let mut kinds = 0;
    for at in 0..found.len() {
        let name = |i: usize| found.get(i).map(|m| m.kind.name);
        if kinds == 0 || name(at) != name(kinds - 1) {
            found.swap(kinds, at);
            kinds += 1;
        }
    }
}

/// Whether a text says where a message goes: to address a message is not to leak the address, which
/// the recipient knows and without which nothing could be sent. No hole for what a message holds: the
/// text must stand in a field for addresses of the action itself, not of a result, and hold nothing but
/// addresses and the names beside them, so that a body put there is read as one.
fn addresses(
    cx: &DetectContext<'_>,
    segment: &Segment<'_>,
    text: &str,
    found: &[privacy::Match],
) -> bool {
    if text.len() > RECIPIENT_BYTES_MAX || segment.channel == Channel::Result {
        return false;
    }
    let is = |list: &[&str], name: &str| list.iter().any(|k| k.eq_ignore_ascii_case(name));
    // `arguments.to`, `arguments.to[0]`, `arguments.to[0].email`.
    let mut parts = segment
        .path
        .rsplit('.')
        .map(|p| p.split_once('[').map_or(p, |(head, _)| head));
    let field = match parts.next() {
        Some(last) if is(&RECIPIENT_KEYS, last) => true,
        Some(last) if is(&ADDRESS_KEYS, last) => {
            parts.next().is_some_and(|p| is(&RECIPIENT_KEYS, p))
        }
        _ => false,
    };
    if !field {
        return false;
    }
    // What is left beside the addresses: names and separators. Other fields than those of a message
    // may hold an address alone.
    let mut rest = 0;
    let mut at = 0;
    for found in found {
        let between = text.get(at..found.start).unwrap_or_default();
        if between.bytes().any(|b| b.is_ascii_digit()) {
            return false;
        }
        rest += between.split_whitespace().count();
        at = found.end;
    }
    let tail = text.get(at..).unwrap_or_default();
    let words = if cx.action.action_type == ActionType::MessageSend {
        4
    } else {
        2
    };
    rest <= found.len() * words
        && tail.split_whitespace().count() <= 1
        && !tail.bytes().any(|b| b.is_ascii_digit())
}
