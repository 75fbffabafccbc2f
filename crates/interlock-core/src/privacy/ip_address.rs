//! Internet addresses that can belong to a person: public ones.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::text::Flags;

use super::kind::{Family, Kind, Match};
use super::mask::both_ends;
use super::numbers::announced;
use super::scan::Words;

/// A public IPv4 or IPv6 address.
pub(super) static KIND: Kind = Kind {
    name: "ip_address",
    label: "IP_ADDRESS",
    family: Family::Personal,
    risk: 40,
    flags: Flags::DIGIT,
    words: Words::NONE,
    find,
    partial: both_ends,
};

const ADDRESS_WORDS: [&str; 6] = [
    "ip",
    "address",
    "client",
    "visitor",
    "logged in from",
    "remote",
];

fn find(text: &str, out: &mut Vec<Match>) {
    let bytes = text.as_bytes();
    let mut i = 0;
    while i < bytes.len() {
        if !address_byte(bytes.get(i).copied().unwrap_or(0)) {
            i += 1;
            continue;
        }
        let start = i;
        while bytes.get(i).copied().is_some_and(address_byte) {
            i += 1;
        }
        let token = text.get(start..i).unwrap_or_default();
        let end = start + token.trim_end_matches(['.', ':']).len();
        let token = text.get(start..end).unwrap_or_default();
        let joined = start > 0
            && bytes
                .get(start - 1)
                .is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
            || bytes
                .get(end)
                .is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
        if joined || token.len() < 7 {
            continue;
        }
        let (host, length) = match token.split_once(':') {
            // An IPv4 address with a port.
            Some((host, port)) if !port.contains(':') && host.contains('.') => (host, host.len()),
            _ => (token, token.len()),
        };
        let public = if host.contains('.') && !host.contains(':') {
            host.parse::<Ipv4Addr>().is_ok_and(public_v4)
        } else {
            host.matches(':').count() >= 2 && host.parse::<Ipv6Addr>().is_ok_and(public_v6)
        };
        if public && !version_before(text, start) {
            out.push(Match {
                kind: &KIND,
                start,
                end: start + length,
                confidence: if announced(text, start, 24, &ADDRESS_WORDS) {
                    55
                } else {
                    40
                },
            });
        }
    }
}

const fn address_byte(b: u8) -> bool {
    b.is_ascii_hexdigit() || matches!(b, b'.' | b':')
}

const fn public_v4(address: Ipv4Addr) -> bool {
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_unspecified()
        || address.is_broadcast()
        || address.is_multicast()
        || address.is_documentation())
}

const fn public_v6(address: Ipv6Addr) -> bool {
    !(address.is_loopback() || address.is_unspecified() || address.is_multicast())
        && matches!(address.segments(), [0x2000..=0x3fff, ..])
}

fn version_before(text: &str, start: usize) -> bool {
    let head = text
        .get(start.saturating_sub(10)..start)
        .unwrap_or_default();
    let head = head.to_ascii_lowercase();
    head.contains("version") || head.ends_with(" to ") || head.ends_with('v')
}
