//! Passwords within URLs and connection strings: `scheme://user:password@host`.

use crate::text::Flags;

use super::kind::{Family, Kind, Match};
use super::mask::nothing;
use super::password::placeholder;
use super::scan::Words;

/// The credentials of a URL; the span is `user:password`.
pub(super) static KIND: Kind = Kind {
    name: "url_with_credentials",
    label: "URL_WITH_CREDENTIALS",
    family: Family::Secret,
    risk: 85,
    flags: Flags::AT,
    words: Words::URL,
    find,
    partial: nothing,
};

/// Bytes of an authority; a longer one is none, and looking on from every `://` would take the
/// square of the text's length.
const AUTHORITY_BYTES_MAX: usize = 512;

fn find(text: &str, out: &mut Vec<Match>) {
    let bytes = text.as_bytes();
    let mut from = 0;
    while let Some(found) = text.get(from..).and_then(|t| t.find("://")) {
        let start = from + found + 3;
        from = start;
        let authority_end = bytes
            .iter()
            .skip(start)
            .take(AUTHORITY_BYTES_MAX)
            .position(|b| {
                b.is_ascii_whitespace()
                    || matches!(b, b'/' | b'?' | b'#' | b'"' | b'\'' | b'<' | b'>' | b'`')
            })
            .map_or_else(
                || bytes.len().min(start + AUTHORITY_BYTES_MAX),
                |n| start + n,
            );
        let authority = text.get(start..authority_end).unwrap_or_default();
        let Some((userinfo, host)) = authority.rsplit_once('@') else {
            continue;
        };
        let Some((user, secret)) = userinfo.split_once(':') else {
            continue;
        };
        if secret.is_empty() || host.is_empty() || user.len() > 128 || example(user, secret) {
            continue;
        }
        out.push(Match {
            kind: &KIND,
            start,
            end: start + userinfo.len(),
            confidence: 88,
        });
    }
}

fn example(user: &str, secret: &str) -> bool {
    placeholder(secret)
        || ["pass", "password", "passwd", "pwd", "secret", "token"]
            .iter()
            .any(|w| w.eq_ignore_ascii_case(secret))
            && ["user", "username", "login", "u", "name", "usr"]
                .iter()
                .any(|w| w.eq_ignore_ascii_case(user))
}
