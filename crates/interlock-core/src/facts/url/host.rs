//! Hosts: one canonical spelling, and whether they are inside.
//!
//! Address spellings follow the host parser of the WHATWG URL standard: decimal, octal and
//! hexadecimal parts, short forms, percent-encoding, full-width digits and dots. What the agent's
//! HTTP client would reach is what counts, not how it is written.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use unicode_normalization::UnicodeNormalization;

use super::suffix;

/// A host in canonical form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Lower case, without trailing dot; an address in its canonical text, IPv6 without brackets.
    pub text: String,
    /// The address, if it is one; an IPv4 address mapped into IPv6 is the IPv4 address.
    pub address: Option<IpAddr>,
}

/// Bytes of a host name, RFC 1035 section 2.3.4.
const HOST_BYTES_MAX: usize = 253;

impl Host {
    /// Reads a host as it stands in a URL.
    ///
    /// `None` when it is no host: empty, too long, an impossible address, a forbidden character.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(inner) = text.strip_prefix('[') {
            return Self::v6(inner.strip_suffix(']')?);
        }
        let decoded = super::super::path::percent_decoded(text);
        let text = decoded.as_deref().unwrap_or(text);
        let mut name: String = if text.is_ascii() {
            text.to_ascii_lowercase()
        } else {
            text.chars()
                .filter(|c| !is_ignored(*c))
                .nfkc()
                .map(|c| if is_dot(c) { '.' } else { c })
                .flat_map(char::to_lowercase)
                .collect()
        };
        if name.ends_with('.') {
            name.pop();
        }
        if name.is_empty() || name.len() > HOST_BYTES_MAX || name.contains(is_forbidden) {
            return None;
        }
        if ends_in_number(&name) {
            let address = parse_v4(&name)?;
            return Some(Self::of(IpAddr::V4(address)));
        }
        if name.split('.').any(str::is_empty) {
            return None;
        }
        Some(Self {
            text: name,
            address: None,
        })
    }

    fn v6(text: &str) -> Option<Self> {
        // A zone names an interface of the machine, not another host.
        let text = text.split('%').next().unwrap_or(text);
        let address: Ipv6Addr = text.parse().ok()?;
        Some(Self::of(IpAddr::V6(address)))
    }

    /// The host with that address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Self {
            text: address.to_string(),
            address: Some(address),
        }
    }

    /// The registrable domain, by the built-in list of suffixes; an address is its own.
    #[must_use]
    pub fn domain(&self) -> &str {
        if self.address.is_some() {
            &self.text
        } else {
            suffix::registrable(&self.text)
        }
    }

    /// Whether the host is inside: an internal address, a single label, or a domain that is
    /// configured as internal.
    #[must_use]
    pub fn is_internal(&self, internal_domains: &[String]) -> bool {
        match self.address.or_else(|| self.embedded()) {
            Some(address) => is_internal_address(address),
            None => !self.text.contains('.') || is_below(&self.text, internal_domains),
        }
    }

    /// Whether it is a cloud metadata service.
    #[must_use]
    pub fn is_metadata_service(&self) -> bool {
        match self.address.or_else(|| self.embedded()) {
            Some(address) => is_metadata_address(address),
            None => METADATA_NAMES.contains(&self.text.as_str()),
        }
    }

    /// The address that a public wildcard name resolves to: `10.0.0.1.nip.io`, `localtest.me`.
    fn embedded(&self) -> Option<IpAddr> {
        let name = self.text.as_str();
        if LOOPBACK_NAMES.iter().any(|d| is_at_or_below(name, d)) {
            return Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
        }
        let domain = WILDCARD_NAMES.iter().find(|d| is_at_or_below(name, d))?;
        let labels = name.strip_suffix(domain)?.strip_suffix('.')?;
        // The address may stand after other labels, with dots or hyphens.
        let mut parts = labels.rsplit(['.', '-']);
        let mut octets = [0u8; 4];
        for octet in octets.iter_mut().rev() {
            *octet = parts.next()?.parse().ok()?;
        }
        Some(IpAddr::V4(Ipv4Addr::from(octets)))
    }
}

/// Domains below which an address in the name is the address.
const WILDCARD_NAMES: &[&str] = &["nip.io", "sslip.io", "xip.io"];

/// Public domains that resolve to the own machine.
const LOOPBACK_NAMES: &[&str] = &["localtest.me", "lvh.me", "vcap.me", "lacolhost.com"];

/// Names of metadata services of the large clouds.
const METADATA_NAMES: &[&str] = &[
    "instance-data",
    "instance-data.ec2.internal",
    "metadata",
    "metadata.azure.internal",
    "metadata.goog",
    "metadata.google.internal",
    "metadata.tencentyun.com",
];

/// Whether an address is that of a metadata service.
#[must_use]
pub fn is_metadata_address(address: IpAddr) -> bool {
    match embedded_v4(address) {
        // AWS, GCP, Azure, OpenStack; ECS; EKS pod identity; Alibaba; Oracle; Azure's wire server.
        IpAddr::V4(v4) => matches!(
            v4.octets(),
            [169, 254, 169, 254]
                | [169, 254, 170, 2 | 23]
                | [100, 100, 100, 200]
                | [192, 0, 0, 192]
                | [168, 63, 129, 16]
        ),
        // EC2 and GCP over IPv6.
        IpAddr::V6(v6) => matches!(
            v6.segments(),
            [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254] | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254]
        ),
    }
}

/// Whether an address is inside: RFC 1918, loopback, link-local, shared (RFC 6598), unique local
/// (RFC 4193), unspecified, benchmark and multicast ranges, and IPv6 forms that carry such an IPv4
/// address (mapped, compatible, NAT64, 6to4).
#[must_use]
pub fn is_internal_address(address: IpAddr) -> bool {
    match embedded_v4(address) {
        IpAddr::V4(v4) => {
            is_metadata_address(IpAddr::V4(v4))
                || matches!(
                    v4.octets(),
                    [0 | 10 | 127, ..]
                        | [100, 64..=127, ..]
                        | [169, 254, ..]
                        | [172, 16..=31, ..]
                        | [192, 168, ..]
                        | [198, 18 | 19, ..]
                        | [224..=239, ..]
                        | [255, 255, 255, 255]
                )
        }
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                || matches!(v6.segments(), [0xfc00..=0xfdff | 0xfe80..=0xfeff, ..])
        }
    }
}

/// The IPv4 address that an IPv6 address stands for, if it does.
fn embedded_v4(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address.to_canonical() else {
        return address.to_canonical();
    };
    let pair = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match v6.segments() {
        // `::` and `::1` are addresses of their own.
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => pair(high, low),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => pair(high, low),
        [0x2002, high, low, ..] => pair(high, low),
        _ => IpAddr::V6(v6),
    }
}

fn is_at_or_below(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Whether `name` is one of `domains` or below one.
#[must_use]
pub fn is_below(name: &str, domains: &[String]) -> bool {
    domains
        .iter()
        .any(|d| !d.is_empty() && is_at_or_below(name, d.trim_matches('.')))
}

/// Characters that the mapping of UTS 46 drops.
const fn is_ignored(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' | '\u{fe00}'..='\u{fe0f}')
}

/// Characters that end a label besides the full stop, UTS 46 section 2.3.
const fn is_dot(c: char) -> bool {
    matches!(c, '\u{3002}' | '\u{ff0e}' | '\u{ff61}')
}

/// The forbidden host code points of the URL standard, and controls.
const fn is_forbidden(c: char) -> bool {
    c.is_ascii_control()
        || matches!(
            c,
            ' ' | '#' | '/' | ':' | '<' | '>' | '?' | '@' | '[' | '\\' | ']' | '^' | '|' | '%'
        )
}

fn ends_in_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    if !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit()) {
        return true;
    }
    last.strip_prefix("0x")
        .is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn parse_v4(name: &str) -> Option<Ipv4Addr> {
    let mut numbers = [0u64; 4];
    let mut count = 0usize;
    for part in name.split('.') {
        *numbers.get_mut(count)? = parse_number(part)?;
        count += 1;
    }
    let (last, heads) = numbers.get(..count)?.split_last()?;
    if heads.iter().any(|n| *n > 255) {
        return None;
    }
    // The last part fills all bytes that are left: `127.1` is 127.0.0.1.
    let room = 4u32.checked_sub(u32::try_from(heads.len()).ok()?)?;
    if *last >= 256u64.pow(room) {
        return None;
    }
    let mut value = *last;
    for (i, head) in heads.iter().enumerate() {
        value |= head << (24 - 8 * i);
    }
    u32::try_from(value).ok().map(Ipv4Addr::from)
}

fn parse_number(part: &str) -> Option<u64> {
    let (digits, radix) = if let Some(hex) = part.strip_prefix("0x") {
        (hex, 16)
    } else if part.len() > 1 && part.starts_with('0') {
        (part.get(1..).unwrap_or_default(), 8)
    } else {
        (part, 10)
    };
    if digits.is_empty() {
        // `0x` is zero; an empty part is no number.
        return (radix != 10).then_some(0);
    }
    if !digits.bytes().all(|b| char::from(b).is_digit(radix)) {
        return None;
    }
    u64::from_str_radix(digits, radix).ok()
}
