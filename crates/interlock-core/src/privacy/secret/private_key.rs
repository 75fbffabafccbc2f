//! Private keys in PEM armour (RFC 7468) and PGP blocks.

use crate::privacy::kind::{Finder, Make, Match, kind};
use crate::privacy::mask::nothing;
use crate::privacy::scan::{Input, Words};
use crate::text::Flags;

kind! {
    /// A private key in PEM armour (RFC 7468), of OpenSSH or PGP.
    KIND = "private_key", Secret, 95;
    code "private-key", "a private key";
    example concat!("-----BEGIN RSA PRIVATE", " KEY-----\nMIIEpQIBAAKCAQEAn6O8li9SX4m98LLYt\n-----END RSA PRIVATE", " KEY-----");
    checksum "";
    source "https://www.rfc-editor.org/rfc/rfc7468";
    words &[];
    find Finder::Text(Flags::RUN.and(Flags::DIGIT), Words::PRIVATE_KEY, find);
    mask nothing;
    make Make::Own(super::redraw_all);
}

/// Bytes of the words between the hyphens.
const LABEL_BYTES_MAX: usize = 40;
/// Bytes of a key below which there is none.
const BODY_BYTES_MIN: usize = 32;

fn find(input: &Input<'_>, out: &mut Vec<Match>) {
    let text = input.text;
    let mut last = 0;
    for (start, _) in input.places(Words::PRIVATE_KEY) {
        let from = start + 11;
        if start < last || text.get(start..from) != Some("-----BEGIN ") {
            continue;
        }
        let line = text.get(from..).unwrap_or_default();
        let Some(label_end) = line.bytes().take(LABEL_BYTES_MAX).position(|b| b == b'-') else {
            continue;
        };
        let label = line.get(..label_end).unwrap_or_default();
        if !label.contains("PRIVATE KEY") {
            continue;
        }
        let body = from + label_end + 5;
        let rest = text.get(body..).unwrap_or_default();
        let close = rest.find("-----END ");
        let body_bytes = close.unwrap_or(rest.len());
        if body_bytes < BODY_BYTES_MIN {
            continue;
        }
        // Without its end the key is cut off, and the rest is key.
        let end = match close {
            Some(c) => rest
                .get(c + 9..)
                .and_then(|t| t.find("-----"))
                .map_or(text.len(), |e| body + c + 9 + e + 5),
            None => text.len(),
        };
        out.push(Match {
            kind: &KIND,
            start,
            end,
            confidence: 97,
        });
        last = end;
    }
}
