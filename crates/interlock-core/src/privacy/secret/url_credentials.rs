//! Passwords within URLs and connection strings: `scheme://user:password@host`.

use crate::privacy::kind::{Finder, Make, Match, kind};
use crate::privacy::mask::nothing;
use crate::privacy::scan::{Input, Words};
use crate::text::Flags;

use super::placeholder::placeholder;

kind! {
    /// The user and the password within a URL or a connection string.
    KIND = "url_with_credentials", Secret, 85;
    code "url-credentials", "a password within a URL";
    example "postgres://app:s3cr3tpw@db.internal/prod";
    checksum "";
    source "https://www.rfc-editor.org/rfc/rfc3986#section-3.2.1";
    words &[];
    find Finder::Text(Flags::AT, Words::NONE, find);
    mask nothing;
    make Make::Own(super::redraw_all);
}

/// Bytes of an authority; a longer one is none, and looking on from every `://` would take the
/// square of the text's length.
const AUTHORITY_BYTES_MAX: usize = 512;

fn find(input: &Input<'_>, out: &mut Vec<Match>) {
    let text = input.text;
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
        || matches!(secret.as_bytes().first(), Some(b':' | b'@'))
        || ["pass", "password", "passwd", "pwd", "secret", "token", "pw"]
            .iter()
            .any(|w| w.eq_ignore_ascii_case(secret))
            && ["user", "username", "login", "u", "name", "usr"]
                .iter()
                .any(|w| w.eq_ignore_ascii_case(user))
}
