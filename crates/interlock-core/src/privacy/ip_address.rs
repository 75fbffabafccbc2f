//! Internet addresses that can belong to a person.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::text::Flags;

use super::context;
use super::draw::Draw;
use super::kind::{Finder, Make, Match, kind};
use super::mask::both_ends;
use super::scan::{Input, Words};

kind! {
    /// An IPv4 or IPv6 address outside of the ranges for private and special use.
    KIND = "ip_address", Personal, 40;
    code "ip-address", "a public internet address";
    example "client address 41.176.181.243";
    checksum "";
    source "https://www.rfc-editor.org/rfc/rfc6890";
    words &[
        "ip", "ipv4", "ipv6", "address", "client", "visitor", "logged in from", "remote", "login from",
        "adresse", "dirección ip", "indirizzo ip", "source ip", "src",
    ];
    find Finder::Text(Flags::DIGIT, Words::NONE, find);
    mask both_ends;
    make Make::Own(make);
}

/// Bytes of the longest spelling of an address, with a port.
const ADDRESS_BYTES_MAX: usize = 48;

fn find(input: &Input<'_>, out: &mut Vec<Match>) {
    let text = input.text;
    let bytes = text.as_bytes();
    let at = |i: usize| bytes.get(i).copied().unwrap_or(0);
    let mut i = 0;
    while i < bytes.len() {
        if !address_byte(at(i)) {
            i += 1;
            continue;
        }
        let start = i;
        let mut signs = 0;
        while address_byte(at(i)) {
            signs += usize::from(!at(i).is_ascii_hexdigit());
            i += 1;
        }
        // Three dots or two colons at the least: words end here.
        if signs < 2 || i - start < 7 || i - start > ADDRESS_BYTES_MAX {
            continue;
        }
        let token = text.get(start..i).unwrap_or_default();
        let end = start + token.trim_end_matches(['.', ':']).len();
        let token = text.get(start..end).unwrap_or_default();
        let joins = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
        if start
            .checked_sub(1)
            .is_some_and(|b| joins(at(b)) || at(b) == b'%')
            || joins(at(end))
        {
            continue;
        }
        let (host, length) = match token.split_once(':') {
            // An IPv4 address with a port.
            Some((host, port)) if !port.contains(':') && host.contains('.') => (host, host.len()),
            _ => (token, token.len()),
        };
        let four = host.contains('.') && !host.contains(':');
        let personal = if four {
            host.parse::<Ipv4Addr>().is_ok_and(personal_v4)
        } else {
            // Fewer groups may be a time, or the address of an interface.
            host.matches(':').count() >= 2 && host.parse::<Ipv6Addr>().is_ok_and(personal_v6)
        };
        if personal && !(four && version_before(text, start)) {
            let named = context::named(input, start, end, &KIND);
            out.push(Match {
                kind: &KIND,
                start,
                end: start + length,
                confidence: if named { 55 } else { 40 },
            });
        }
    }
}

const fn address_byte(b: u8) -> bool {
    b.is_ascii_hexdigit() || matches!(b, b'.' | b':')
}

const fn personal_v4(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    !(a == 0
        || a >= 224
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || (a == 100 && b >= 64 && b < 128)
        || (a == 198 && (b == 18 || b == 19)))
}

const fn personal_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    !(first == 0
        || first & 0xfe00 == 0xfc00
        || first & 0xff00 == 0xff00
        || first & 0xffc0 == 0xfe80
        || (first == 0x2001 && second == 0xdb8)
        || first == 0x64)
}

/// Four numbers with dots behind such a word are a version.
fn version_before(text: &str, start: usize) -> bool {
    let bytes = text.as_bytes();
    let head = bytes
        .get(start.saturating_sub(14)..start)
        .unwrap_or_default()
        .to_ascii_lowercase();
    let head = String::from_utf8_lossy(&head);
    let head = head.trim_end_matches([' ', ':', '=', '"', '\'']);
    [
        "version", "ver", " v", "release", " to", "build", "upgrade", "tag", "firmware", "@", "^",
        "~", ">", "==",
    ]
    .iter()
    .any(|w| head.ends_with(w))
        || head == "v"
}

/// An address of the ranges for documentation (RFC 5737, RFC 3849).
fn make(original: &str, draw: &mut Draw) -> String {
    if original.contains(':') {
        let groups: Vec<String> = (0..4)
            .map(|_| format!("{:x}", draw.below(0x1_0000)))
            .collect();
        return format!("2001:db8::{}", groups.join(":"));
    }
    let net = match draw.below(3) {
        0 => "192.0.2",
        1 => "198.51.100",
        _ => "203.0.113",
    };
    format!("{net}.{}", 1 + draw.below(254))
}

#[cfg(test)]
mod tests {
    use crate::privacy::tests::sure_of;

    #[test]
    fn addresses_and_what_looks_like_one() {
        let sure = |text: &str| sure_of("ip_address", text);
        for text in [
            "client 41.176.181.243 connected",
            "IP: 8.128.14.8:443",
            "address 2a02:8071:b82:6c00::17",
        ] {
            assert!(sure(text) >= 50, "{text}");
        }
        for text in [
            "address 10.20.30.40",
            "version 41.176.181.243",
            "ip 192.168.100.200",
            "address 300.176.181.243",
            "address fe80::1234:5678:9abc",
            "address 2001:db8::1234:5678",
            "at 10:20:30:400",
            "client 1.2.3.4.5.6.7.8",
            "upgraded libfoo to 142.10.19.13",
        ] {
            assert_eq!(sure(text), 0, "{text}");
        }
    }
}
