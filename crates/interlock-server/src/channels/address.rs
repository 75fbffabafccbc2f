//! Where a channel may connect to: the address that was checked is the address that is used.
//!
//! A name is resolved once. Every address that it has must be a public one, or lie in a network that
//! the configuration allows; the connection goes to one of those. Redirects are not followed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

/// How long one message may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of an answer that are read.
pub(crate) const ANSWER_BYTES_MAX: u64 = 64 * 1024;
/// Where systems keep the authorities that they trust.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// A network: an address and how many of its leading bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    bits: u128,
    prefix: u8,
    is_v4: bool,
}

fn number(address: IpAddr) -> (u128, bool) {
    match address {
        IpAddr::V4(v4) => (u128::from(u32::from(v4)) << 96, true),
        IpAddr::V6(v6) => (u128::from(v6), false),
    }
}

impl Network {
    /// Reads `10.0.0.0/8`, `fd00::/8`, or one address.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let (bits, is_v4) = number(address.parse().ok()?);
        let max = if is_v4 { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) => prefix.parse::<u8>().ok().filter(|p| *p <= max)?,
            None => max,
        };
        Some(Self {
            bits,
            prefix,
            is_v4,
        })
    }

    fn contains(self, address: IpAddr) -> bool {
        let (bits, is_v4) = number(address);
        let mask = match self.prefix {
            0 => 0,
            prefix => u128::MAX << (128 - u32::from(prefix)),
        };
        is_v4 == self.is_v4 && bits & mask == self.bits & mask
    }
}

fn is_public_v4(v4: Ipv4Addr) -> bool {
    let [a, b, c, _] = v4.octets();
    !(v4.is_private()
        || v4.is_loopback()
        || v4.is_link_local()
        || v4.is_multicast()
        || v4.is_broadcast()
        || v4.is_documentation()
        || a == 0
        || a >= 240
        // Shared by carriers (RFC 6598), benchmarks (RFC 2544), protocol assignments (RFC 6890).
        || (a == 100 && (64..128).contains(&b))
        || (a == 198 && (b == 18 || b == 19))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99))
}

fn is_public_v6(v6: Ipv6Addr) -> bool {
    let segments = v6.segments();
    // What carries an IPv4 address leads to it: mapped, translated (RFC 6052), 6to4.
    let inner = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        [0, 0, 0, 0, 0, 0xffff, high, low] => inner(high, low),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => inner(high, low),
        [0x64, 0xff9b, ..] => false,
        [0x2002, high, low, ..] => inner(high, low),
        // Teredo and others of the protocol's own block, documentation.
        [0x2001, b, ..] if b < 0x200 || b == 0xdb8 => false,
        [0x3fff, ..] => false,
        // Only this block is given out to anybody.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

/// Whether an address belongs to the public network.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

/// Which addresses may be connected to.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    /// Networks that are not public and allowed all the same.
    pub allow: Vec<Network>,
}

impl Guard {
    /// Whether `address` may be connected to; without TLS only where it is allowed by name.
    #[must_use]
    pub fn permits(&self, address: IpAddr, tls: bool) -> bool {
        self.allow.iter().any(|network| network.contains(address)) || (tls && is_public(address))
    }
}

/// Resolves, and refuses a name with any address that may not be connected to.
#[derive(Debug)]
struct Checked {
    guard: Guard,
    inner: DefaultResolver,
}

impl Resolver for Checked {
    fn resolve(
        &self,
        uri: &ureq::http::Uri,
        config: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let tls = uri.scheme_str() == Some("https");
        let found = self.inner.resolve(uri, config, timeout)?;
        for address in found.iter() {
            if !self.guard.permits(address.ip(), tls) {
                return Err(ureq::Error::Io(std::io::Error::new(
                    std::io::ErrorKind::PermissionDenied,
                    format!(
                        "`{}` leads to {}, which is not public: list its network under `allow`",
                        uri.host().unwrap_or_default(),
                        address.ip()
                    ),
                )));
            }
        }
        Ok(found)
    }
}

/// The authorities that this machine trusts, or those of a file, as PEM.
pub(crate) fn authorities(file: Option<&std::path::Path>) -> Result<Vec<u8>, String> {
    let path = match file {
        Some(path) => path.to_owned(),
        None => BUNDLES
            .iter()
            .map(std::path::PathBuf::from)
            .find(|path| path.is_file())
            .ok_or("this machine has no file of trusted authorities; give one as `ca_file`")?,
    };
    std::fs::read(&path).map_err(|e| format!("cannot read `{}`: {e}", path.display()))
}

/// A client that connects where it may.
pub(crate) fn client(
    guard: &Guard,
    tls: bool,
    ca_file: Option<&std::path::Path>,
) -> Result<ureq::Agent, String> {
    let mut config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        // A proxy would resolve for itself.
        .proxy(None)
        .timeout_global(Some(TIMEOUT))
        .user_agent(concat!("interlock/", env!("CARGO_PKG_VERSION")));
    if tls {
        let pem = authorities(ca_file)?;
        let certificates = parse_pem(&pem)
            .filter_map(|item| match item {
                Ok(PemItem::Certificate(certificate)) => Some(certificate),
                _ => None,
            })
            .collect::<Vec<_>>();
        if certificates.is_empty() {
            return Err("the file of trusted authorities holds no certificate".to_owned());
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        config = config.tls_config(
            TlsConfig::builder()
                .unversioned_rustls_crypto_provider(provider)
                .root_certs(RootCerts::Specific(Arc::new(certificates)))
                .build(),
        );
    }
    let resolver = Checked {
        guard: guard.clone(),
        inner: DefaultResolver::default(),
    };
    Ok(ureq::Agent::with_parts(
        config.build(),
        DefaultConnector::default(),
        resolver,
    ))
}

/// What a receiver answered.
#[derive(Debug)]
pub(crate) struct Answered {
    /// The status of HTTP.
    pub(crate) status: u16,
    /// The seconds of `retry-after`, if it says so many.
    pub(crate) wait_s: Option<u64>,
    /// At most [`ANSWER_BYTES_MAX`] of the body; nothing when that failed.
    pub(crate) body: Vec<u8>,
}

/// The header of a body that is JSON.
pub(crate) const JSON: (&str, &str) = ("content-type", "application/json");

/// Posts one body. Why it could not be sent is told without the address: that may be a secret.
pub(crate) fn post(
    client: &ureq::Agent,
    url: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Answered, String> {
    let answer = headers
        .iter()
        .fold(client.post(url), |request, (name, value)| {
            request.header(*name, *value)
        })
        .send(body.as_bytes());
    let mut answer = answer.map_err(|error| without(&error.to_string(), url))?;
    let wait_s = answer
        .headers()
        .get("retry-after")
        .and_then(|v| v.to_str().ok()?.parse().ok());
    Ok(Answered {
        status: answer.status().as_u16(),
        wait_s,
        // Read to its end, so that the connection can be used again.
        body: answer
            .body_mut()
            .with_config()
            .limit(ANSWER_BYTES_MAX)
            .read_to_vec()
            .unwrap_or_default(),
    })
}

/// A text without an address, its path and its query.
fn without(text: &str, url: &str) -> String {
    let text = text.replace(url, "the address");
    let after = url.split_once("://").map_or(url, |(_, rest)| rest);
    match after.find('/').and_then(|at| after.get(at..)) {
        Some(path) if path.len() > 1 => text.replace(path, "/…"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_public_is_refused() {
        let private = "127.0.0.1 0.0.0.0 10.1.2.3 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1
            198.18.0.1 224.0.0.1 255.255.255.255 240.0.0.1 192.0.2.1 192.0.0.8
            ::1 :: fe80::1 fc00::1 fd12::1 ff02::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1
            64:ff9b::7f00:1 64:ff9b:1::1 2002:7f00:1:: 2001::1 2001:db8::1 fec0::1 4000::1";
        for text in private.split_whitespace() {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
        for text in "8.8.8.8 1.1.1.1 172.32.0.1 100.128.0.1 2606:4700::1 ::ffff:8.8.8.8".split(' ')
        {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn an_error_does_not_tell_the_address() {
        let url = "https://x.example/run?sig=s3cret";
        assert_eq!(
            without("bad `https://x.example/run?sig=s3cret`", url),
            "bad `the address`"
        );
        assert_eq!(without("no /run?sig=s3cret here", url), "no /… here");
        assert_eq!(without("a/b", "https://x.example/"), "a/b");
        assert_eq!(without("a/b", "https://x.example"), "a/b");
    }

    #[test]
    fn a_network_is_allowed_by_name() {
        let allow = |texts: &[&str]| Guard {
            allow: texts.iter().map(|t| Network::parse(t).unwrap()).collect(),
        };
        let guard = allow(&["10.0.0.0/8", "fd00::/8", "127.0.0.1"]);
        let permits = |text: &str, tls| guard.permits(text.parse().unwrap(), tls);
        assert!(permits("10.9.9.9", false) && permits("fd01::1", true));
        assert!(permits("127.0.0.1", false) && !permits("127.0.0.2", true));
        assert!(!permits("11.0.0.1", false) && permits("11.0.0.1", true));
        assert!(allow(&["0.0.0.0/0"]).permits("10.0.0.1".parse().unwrap(), true));
        assert!(!allow(&["0.0.0.0/0"]).permits("::1".parse().unwrap(), true));
        for wrong in ["10.0.0.0/33", "::/129", "10.0.0/8", "x", "10.0.0.0/", ""] {
            assert_eq!(Network::parse(wrong), None, "{wrong}");
        }
    }
}
