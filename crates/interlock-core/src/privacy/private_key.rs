//! Private keys in PEM armour (RFC 7468) and PGP blocks.

use crate::text::Flags;

use super::kind::{Family, Kind, Match};
use super::mask::nothing;
use super::scan::Words;

/// A private key.
pub(super) static KIND: Kind = Kind {
    name: "private_key",
    label: "PRIVATE_KEY",
    family: Family::Secret,
    risk: 95,
    flags: Flags::RUN,
    words: Words::PRIVATE_KEY,
    find,
    partial: nothing,
};

const BODY_BYTES_MIN: usize = 32;

fn find(text: &str, out: &mut Vec<Match>) {
    let mut from = 0;
    while let Some(found) = text.get(from..).and_then(|t| t.find("-----BEGIN ")) {
        let start = from + found;
        from = start + 11;
        let Some(label_end) = text.get(from..).and_then(|t| t.find("-----")) else {
            return;
        };
        let label = text.get(from..from + label_end).unwrap_or_default();
        if label.len() > 40 || !label.contains("PRIVATE KEY") {
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
        from = end;
    }
}
