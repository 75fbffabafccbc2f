//! E-mail addresses.

use crate::text::Flags;

use super::draw::Draw;
use super::kind::{Finder, Make, Match, kind};
use super::scan::{Input, Words};

kind! {
    /// An address `local@domain` with a letters-only last label (RFC 5321's usual form, unquoted).
    KIND = "email", Personal, 60;
    code "email", "an e-mail address";
    example "jo.doe@example.com";
    checksum "";
    source "https://www.rfc-editor.org/rfc/rfc5321#section-4.1.2";
    words &[];
    find Finder::Text(Flags::AT, Words::NONE, find);
    mask partial;
    make Make::Own(make);
}

/// Last labels that are names of files rather than of domains: `icon@2x.png`.
const FILE_LABELS: [&str; 10] = [
    "png", "jpg", "jpeg", "gif", "svg", "webp", "js", "css", "json", "html",
];

fn find(input: &Input<'_>, out: &mut Vec<Match>) {
    let text = input.text;
    let bytes = text.as_bytes();
    let at = |i: usize| bytes.get(i).copied().unwrap_or(0);
    let mut from = 0;
    while let Some(found) = bytes.iter().skip(from).position(|b| *b == b'@') {
        let sign = from + found;
        from = sign + 1;
        let mut start = sign;
        while start > 0 && sign - start < 64 && local_byte(at(start - 1)) {
            start -= 1;
        }
        while start < sign && matches!(at(start), b'.' | b'\'' | b'-') {
            start += 1;
        }
        let mut end = sign + 1;
        while domain_byte(at(end)) && end - sign < 254 {
            end += 1;
        }
        while end > sign + 1 && matches!(at(end - 1), b'.' | b'-') {
            end -= 1;
        }
        let (Some(local), Some(domain)) = (text.get(start..sign), text.get(sign + 1..end)) else {
            continue;
        };
        let before = start.checked_sub(1).map_or(0, at);
        // `scheme://user:password@host` and `git@host:path` are not addresses.
        let credentials = matches!(before, b'/') || (before == b':' && !mailto(text, start));
        let remote = local == "git" || (at(end) == b':' && at(end + 1).is_ascii_alphabetic());
        if local.is_empty() || credentials || remote || !domain_like(domain) {
            continue;
        }
        out.push(Match {
            kind: &KIND,
            start,
            end,
            confidence: if nobody(local) { 45 } else { 62 },
        });
        from = end.max(from);
    }
}

/// Whether a mailbox is that of a machine to which nobody listens.
fn nobody(local: &str) -> bool {
    [
        "noreply",
        "no-reply",
        "no_reply",
        "donotreply",
        "do-not-reply",
        "mailer-daemon",
    ]
    .iter()
    .any(|n| {
        local
            .get(..n.len())
            .is_some_and(|l| l.eq_ignore_ascii_case(n))
    })
}

/// Whether the colon before an address ends a label, as in `e-mail:jo@example.com`, and no user name
/// of a URL.
fn mailto(text: &str, start: usize) -> bool {
    /// Bytes of a word that could hold a URL; all the way back would take the square of the length.
    const WORD_BYTES_MAX: usize = 128;
    let head = text.as_bytes().get(..start).unwrap_or_default();
    let word = head
        .get(head.len().saturating_sub(WORD_BYTES_MAX)..)
        .unwrap_or_default()
        .rsplit(|b| matches!(b, b' ' | b'\n' | b'"' | b'\''))
        .next()
        .unwrap_or_default();
    let label = word.strip_suffix(b":").unwrap_or(word);
    !label.last().is_some_and(u8::is_ascii_digit) && !word.windows(2).any(|w| w == b"//")
}

fn domain_like(domain: &str) -> bool {
    let Some((rest, last)) = domain.rsplit_once('.') else {
        return false;
    };
    last.len() >= 2
        && last.bytes().all(|b| b.is_ascii_alphabetic())
        && !FILE_LABELS.iter().any(|f| f.eq_ignore_ascii_case(last))
        && rest
            .split('.')
            .all(|label| !label.is_empty() && !label.starts_with('-'))
}

const fn local_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'%' | b'+' | b'-' | b'\'') || b >= 0x80
}

const fn domain_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-')
}

/// The first character, as many stars as there are more, at most four, and the domain.
fn partial(value: &str) -> String {
    let Some((local, domain)) = value.split_once('@') else {
        return "****".to_owned();
    };
    let mut chars = local.chars();
    let first: String = chars.next().into_iter().collect();
    let stars = chars.count().min(4);
    format!("{first}{}@{domain}", "*".repeat(stars))
}

/// The same form under a domain that nobody has (RFC 2606).
fn make(value: &str, draw: &mut Draw) -> String {
    let local = value.split('@').next().unwrap_or_default();
    let drawn: String = local
        .chars()
        .map(|c| {
            if c.is_ascii() {
                draw.like(c, false)
            } else {
                draw.like('x', false)
            }
        })
        .collect();
    // So few letters are soon drawn twice.
    let more: String = (local.len()..6).map(|_| draw.digit()).collect();
    let domain = match draw.below(3) {
        0 => "example.com",
        1 => "example.net",
        _ => "example.org",
    };
    format!("{drawn}{more}@{domain}")
}
