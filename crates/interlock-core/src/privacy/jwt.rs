//! JSON Web Tokens (RFC 7519): three base64url parts, the first of which says `alg`.

use crate::text::Flags;

use super::kind::{Family, Kind, Match};
use super::mask::both_ends;
use super::scan::Words;

/// A JSON Web Token.
pub(super) static KIND: Kind = Kind {
    name: "jwt_token",
    label: "JWT_TOKEN",
    family: Family::Secret,
    risk: 85,
    flags: Flags::RUN,
    words: Words::JWT,
    find,
    partial: both_ends,
};

fn find(text: &str, out: &mut Vec<Match>) {
    let bytes = text.as_bytes();
    let run = |mut i: usize| {
        while bytes
            .get(i)
            .is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        {
            i += 1;
        }
        i
    };
    let mut from = 0;
    while let Some(found) = text.get(from..).and_then(|t| t.find("eyJ")) {
        let start = from + found;
        let first = run(start);
        from = first;
        if bytes.get(first) != Some(&b'.') {
            continue;
        }
        let second = run(first + 1);
        if bytes.get(second) != Some(&b'.') {
            continue;
        }
        let third = run(second + 1);
        from = third;
        if first - start < 16 || second - first < 8 || third - second < 16 {
            continue;
        }
        if header_says_alg(bytes.get(start..first).unwrap_or_default()) {
            out.push(Match {
                kind: &KIND,
                start,
                end: third,
                confidence: 92,
            });
        }
    }
}

/// `"alg"` in base64 at any of the three alignments.
fn header_says_alg(header: &[u8]) -> bool {
    [b"ImFsZyI".as_slice(), b"JhbGci", b"iYWxnI", b"hbGci"]
        .iter()
        .any(|needle| header.windows(needle.len()).any(|w| w == *needle))
}
