//! JSON Web Tokens (RFC 7519): three base64url parts, the first of which says `alg`.

use crate::privacy::draw::Draw;
use crate::privacy::kind::{Finder, Make, Match, kind};
use crate::privacy::mask::both_ends;
use crate::privacy::run::Run;
use crate::privacy::scan::Input;

kind! {
    /// A JSON Web Token: three parts of base64url, or five when encrypted, the first of which says `alg`.
    KIND = "jwt_token", Secret, 85;
    code "jwt", "a JSON Web Token";
    example "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P";
    checksum "";
    source "https://www.rfc-editor.org/rfc/rfc7519";
    words &[];
    find Finder::Run(find);
    mask both_ends;
    make Make::Own(make);
}

fn find(_: &Input<'_>, run: &Run<'_>, out: &mut Vec<Match>) {
    let Some(at) = run.text.find("eyJ") else {
        return;
    };
    let token = run.text.get(at..).unwrap_or_default();
    let mut parts = token.split('.');
    let (Some(first), Some(second), Some(third)) = (parts.next(), parts.next(), parts.next())
    else {
        return;
    };
    // An encrypted one may have no key in it: its second part is empty.
    let encrypted = parts.next().is_some();
    let long = first.len() >= 16 && (second.len() >= 8 || encrypted) && third.len() >= 16;
    if long && header_says_alg(first.as_bytes()) {
        out.push(Match {
            kind: &KIND,
            start: run.start + at,
            end: run.end(),
            confidence: 92,
        });
    }
}

/// The same header; payload and signature are drawn.
fn make(original: &str, draw: &mut Draw) -> String {
    let keep = original.find('.').unwrap_or(0);
    super::redraw(original, keep, draw)
}

/// `"alg"` in base64 at any of the three alignments.
fn header_says_alg(header: &[u8]) -> bool {
    [b"ImFsZyI".as_slice(), b"JhbGci", b"iYWxnI", b"hbGci"]
        .iter()
        .any(|needle| header.windows(needle.len()).any(|w| w == *needle))
}
