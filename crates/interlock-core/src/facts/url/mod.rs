//! Which URL and host are reached.
//!
//! A small parser of URLs that reads them as an HTTP client would: backslashes, missing slashes,
//! userinfo, odd ports, every spelling of an address. A URL that is none takes the dangerous
//! values. International names are kept as they are given: whether one imitates another is not
//! judged here.

mod host;
mod suffix;

use std::net::IpAddr;

pub use host::{Host, is_below, is_internal_address, is_metadata_address};

use super::shell::ShellFacts;
use super::{FactInput, fact_group, set_insert};
use crate::model::limits::SCAN_BYTES_MAX;
use crate::model::{Action, ActionType, Value};
use crate::program::Classification;

fact_group! {
    /// Which URL and host.
    UrlFacts {
        /// The action names a URL or a host.
        present: bool,
        /// Every target was understood; when one was not, the dangerous values hold.
        parsed: bool,
        /// The scheme in lower case.
        scheme: String,
        /// The host in lower case; an address in canonical form whatever its spelling.
        host: String,
        /// The registrable domain, by a built-in list of common public suffixes; the host itself when it is an address.
        domain: String,
        /// The port, by default that of the scheme; 0 when unknown.
        port: i64,
        /// The path, `/` at least.
        path: String,
        /// Bytes of the query.
        query_bytes: i64,
        /// A target is inside: loopback, private range, a configured internal domain, or a single label.
        internal: bool,
        /// A target is outside.
        external: bool,
        /// The host is an address.
        address: bool,
        /// A target is a cloud metadata service, by name or by the address it resolves to.
        metadata_service: bool,
        /// An outside name resolves to an inside address.
        rebound: bool,
        /// A URL carries a user name or password.
        credentials: bool,
        /// Every host named anywhere in the arguments.
        hosts: Vec<String>,
    }
}

/// Hosts and targets kept of one action; what lies beyond makes the group unparsed.
const HOSTS_MAX: usize = 64;

/// Arguments that name the target of a request, the first of them decides the scalar facts.
const TARGET_KEYS: &[&str] = &[
    "url",
    "uri",
    "endpoint",
    "href",
    "link",
    "webhook",
    "webhook_url",
    "callback_url",
    "base_url",
    "api_url",
    "urls",
    "host",
    "hostname",
    "hosts",
    "domain",
    "server",
    "address",
    "remote",
];

/// From this position of [`TARGET_KEYS`] on, a value without scheme is a host.
const HOST_KEYS_START: usize = 11;

/// A parsed URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// The scheme in lower case; empty when none was given.
    pub scheme: String,
    /// The host.
    pub host: Host,
    /// The port given, or that of the scheme, or 0.
    pub port: u16,
    /// The path, dot segments resolved, `/` at least.
    pub path: String,
    /// Bytes of the query.
    pub query_bytes: usize,
    /// It carries a user name or password.
    pub credentials: bool,
}

impl Url {
    /// Parses an absolute URL with an authority.
    ///
    /// `None` when the text has no scheme or no readable host and port.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let cleaned;
        let mut text = text.trim_matches(|c: char| c <= ' ');
        if text.contains(['\t', '\n', '\r']) {
            cleaned = text.replace(['\t', '\n', '\r'], "");
            text = &cleaned;
        }
        let (mut scheme, mut rest) = split_scheme(text)?;
        if scheme.eq_ignore_ascii_case("jdbc") {
            (scheme, rest) = split_scheme(rest)?;
        }
        let scheme = scheme.to_ascii_lowercase();
        let special = matches!(scheme.as_str(), "http" | "https" | "ws" | "wss" | "ftp");
        let after = if special {
            rest.trim_start_matches(['/', '\\'])
        } else {
            rest.strip_prefix("//")?
        };
        Self::authority(scheme, after, special)
    }

    /// Parses `host[:port][/path]` without a scheme.
    #[must_use]
    pub fn parse_bare(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text.strip_prefix("//").unwrap_or(text);
        Self::authority(String::new(), text, true)
    }

    fn authority(scheme: String, text: &str, special: bool) -> Option<Self> {
        let end = text
            .find(|c| matches!(c, '/' | '?' | '#') || (special && c == '\\'))
            .unwrap_or(text.len());
        let (authority, tail) = text.split_at_checked(end)?;
        let (credentials, place) = match authority.rsplit_once('@') {
            Some((user, place)) => (!user.is_empty(), place),
            None => (false, authority),
        };
        let (name, port) = split_port(place)?;
        let host = Host::parse(name)?;
        let port = match port {
            Some("") | None => default_port(&scheme),
            // Nothing listens on port 0, and its name would be that of the scheme's own port.
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
                digits.parse().ok().filter(|port| *port != 0)?
            }
            Some(_) => return None,
        };
        let tail = tail.split('#').next().unwrap_or_default();
        let (path, query) = tail.split_once('?').unwrap_or((tail, ""));
        // Before a query as at the end: its name, which has none, must be read as itself.
        let path = path.trim_end_matches(|c: char| c <= ' ' || c.is_whitespace());
        Some(Self {
            scheme,
            host,
            port,
            path: resolve_dots(path, special),
            query_bytes: query.len(),
            credentials,
        })
    }

    /// The one spelling: no userinfo, query or fragment, and no port that the scheme implies.
    #[must_use]
    pub fn name(&self) -> String {
        let mut out = String::with_capacity(self.host.text.len() + self.path.len() + 12);
        if !self.scheme.is_empty() {
            out.push_str(&self.scheme);
            out.push_str("://");
        }
        let v6 = matches!(self.host.address, Some(IpAddr::V6(_)));
        if v6 {
            out.push('[');
        }
        out.push_str(&self.host.text);
        if v6 {
            out.push(']');
        }
        if self.port != 0 && self.port != default_port(&self.scheme) {
            out.push(':');
            out.push_str(&self.port.to_string());
        }
        if self.path != "/" || !self.scheme.is_empty() {
            out.push_str(&self.path);
        }
        out
    }

    /// Whether the host is a bucket of an object store, which is outside whatever it is called.
    #[must_use]
    pub fn is_bucket(&self) -> bool {
        matches!(
            self.scheme.as_str(),
            "s3" | "s3a"
                | "s3n"
                | "gs"
                | "gcs"
                | "abfs"
                | "abfss"
                | "wasb"
                | "wasbs"
                | "r2"
                | "oss"
        )
    }

    /// Whether the target is inside.
    #[must_use]
    pub fn is_internal(&self, classes: &Classification) -> bool {
        if self.is_bucket() {
            is_below(&self.host.text, &classes.internal_domains)
        } else {
            self.host.is_internal(&classes.internal_domains)
        }
    }
}

fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let first = scheme.bytes().next()?;
    (first.is_ascii_alphabetic()
        && scheme.len() <= 32
        && scheme
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')))
    .then_some((scheme, rest))
}

fn split_port(place: &str) -> Option<(&str, Option<&str>)> {
    if place.starts_with('[') {
        let end = place.find(']')? + 1;
        let (host, rest) = place.split_at_checked(end)?;
        return match rest.strip_prefix(':') {
            Some(port) => Some((host, Some(port))),
            None if rest.is_empty() => Some((host, None)),
            None => None,
        };
    }
    Some(match place.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (place, None),
    })
}

/// The port that a scheme implies, 0 when none is known.
#[must_use]
pub fn default_port(scheme: &str) -> u16 {
    match scheme {
        "http" | "ws" => 80,
        "https" | "wss" => 443,
        "ftp" => 21,
        "ssh" | "sftp" | "scp" => 22,
        "smtp" => 25,
        "ldap" => 389,
        "smtps" => 465,
        "ldaps" => 636,
        "mssql" | "sqlserver" => 1433,
        "mysql" | "mariadb" => 3306,
        "postgres" | "postgresql" => 5432,
        "amqp" => 5672,
        "redis" | "rediss" => 6379,
        "git" => 9418,
        "mongodb" => 27017,
        _ => 0,
    }
}

fn resolve_dots(path: &str, special: bool) -> String {
    if path.is_empty() {
        return "/".to_owned();
    }
    let mut out = String::with_capacity(path.len());
    let is_separator = |c| c == '/' || (special && c == '\\');
    let path = path.strip_prefix(is_separator).unwrap_or(path);
    let mut last_is_folder = true;
    for part in path.split(is_separator) {
        let dots = part.len() <= 6 && is_dots(part, 1);
        let up = part.len() <= 6 && is_dots(part, 2);
        last_is_folder = part.is_empty() || dots || up;
        if up {
            let cut = out.rfind('/').unwrap_or(0);
            out.truncate(cut);
        } else if !part.is_empty() && !dots {
            out.push('/');
            out.push_str(part);
        }
    }
    if last_is_folder {
        out.push('/');
    }
    out
}

/// Whether `part` is `count` dots, each plain or as `%2e`.
fn is_dots(part: &str, count: usize) -> bool {
    let mut rest = part;
    for _ in 0..count {
        let Some(next) = rest
            .strip_prefix('.')
            .or_else(|| rest.strip_prefix("%2e"))
            .or_else(|| rest.strip_prefix("%2E"))
        else {
            return false;
        };
        rest = next;
    }
    rest.is_empty()
}

impl UrlFacts {
    /// Computes the group from the action and the hosts that its shell command reaches.
    #[must_use]
    pub fn compute(input: FactInput<'_>, shell: &ShellFacts) -> Self {
        let mut facts = Self::default();
        let action = input.action;
        let mut targets = Targets::default();
        targets.collect(action, shell);
        let mut walk = Walk {
            hosts: &mut facts.hosts,
            budget: SCAN_BYTES_MAX,
            full: false,
        };
        walk.value(&action.arguments);
        walk.value(&action.payload);
        walk.text(&action.resource);
        if action.action_type == ActionType::MessageSend {
            for_each_recipient(action, &mut |address| {
                if let Some(domain) = mail_domain(address)
                    && let Some(host) = Host::parse(domain)
                {
                    walk.host(&host);
                }
            });
        }
        let overfull = walk.full || targets.full;
        if targets.urls.is_empty() && !targets.malformed && !overfull {
            return facts;
        }
        facts.present = true;
        facts.parsed = !targets.malformed && !overfull;
        for url in &targets.urls {
            facts.credentials |= url.credentials;
            facts.metadata_service |= url.host.is_metadata_service();
            let internal = url.is_internal(input.classes);
            facts.internal |= internal;
            facts.external |= !internal;
            if facts.hosts.len() < HOSTS_MAX {
                set_insert(&mut facts.hosts, &url.host.text);
            }
        }
        for address in &action.observed.addresses {
            let Some(Host {
                address: Some(address),
                ..
            }) = Host::parse(address).or_else(|| Host::parse(&format!("[{address}]")))
            else {
                continue;
            };
            facts.metadata_service |= is_metadata_address(address);
            // An outside name stays outside, since data that goes there is under the control of
            // whoever owns the name; that it reaches inside is a second danger.
            if is_internal_address(address) {
                facts.rebound |= facts.external;
                facts.internal = true;
            }
        }
        if let Some(main) = targets.urls.into_iter().next() {
            facts.port = i64::from(main.port);
            facts.domain = main.host.domain().to_owned();
            facts.address = main.host.address.is_some();
            facts.query_bytes = i64::try_from(main.query_bytes).unwrap_or(i64::MAX);
            facts.scheme = main.scheme;
            facts.host = main.host.text;
            facts.path = main.path;
        }
        if !facts.parsed {
            facts.internal = true;
            facts.external = true;
            facts.metadata_service = true;
        }
        facts
    }
}

/// What the action reaches, in order of precedence.
#[derive(Default)]
struct Targets {
    urls: Vec<Url>,
    malformed: bool,
    full: bool,
}

impl Targets {
    fn collect(&mut self, action: &Action, shell: &ShellFacts) {
        for root in [&action.arguments, &action.payload] {
            let Some(object) = root.as_object() else {
                continue;
            };
            if object.is_empty() {
                continue;
            }
            for (at, key) in TARGET_KEYS.iter().enumerate() {
                let bare = at >= HOST_KEYS_START;
                match object.get(key) {
                    Some(Value::String(text)) => self.add(text, action, bare),
                    Some(Value::Array(items)) => {
                        for text in items.iter().filter_map(Value::as_str) {
                            self.add(text, action, bare);
                        }
                    }
                    _ => {}
                }
            }
        }
        self.resource(action);
        for host in &shell.hosts {
            self.push(Url::parse(host).or_else(|| Url::parse_bare(host)));
        }
    }

    fn add(&mut self, text: &str, action: &Action, bare: bool) {
        let text = text.trim();
        // A path below a base URL, a mailbox or inline data reaches no host of its own.
        if text.is_empty() || is_hostless(text) {
            return;
        }
        if has_authority(text) {
            self.push(Url::parse(text));
        } else if text.starts_with("//") {
            self.push(Url::parse_bare(text));
        } else if text.starts_with('/') {
        } else if bare {
            // `address` also names streets, `server` also databases: only what reads as a host.
            if !text.contains([' ', '@']) {
                let url = Url::parse_bare(text);
                let request = is_request(action);
                if url.is_some() || request {
                    self.push(url);
                }
            }
        } else {
            self.push(Url::parse_bare(text));
        }
    }

    fn resource(&mut self, action: &Action) {
        let text = action.resource.trim();
        let text = strip_method(text).unwrap_or(text);
        if text.is_empty() || is_hostless(text) {
            return;
        }
        if has_authority(text) {
            self.push(Url::parse(text));
        } else if is_request(action) && !text.starts_with('/') {
            let url = Url::parse_bare(text);
            // `stripe.charges.create` names an operation; `api.stripe.com` a host.
            let reads_as_host = url.as_ref().is_some_and(|url| {
                url.host.address.is_some()
                    || url.port != 0
                    || url.host.text == "localhost"
                    || suffix::has_top_level(&url.host.text)
            });
            let must_be_host = action.action_type == ActionType::NetworkRequest
                && !text.contains(char::is_whitespace);
            if reads_as_host || must_be_host {
                self.push(url);
            }
        }
    }

    fn push(&mut self, url: Option<Url>) {
        match url {
            Some(url) if self.urls.len() < HOSTS_MAX => self.urls.push(url),
            Some(_) => self.full = true,
            None => self.malformed = true,
        }
    }
}

fn is_request(action: &Action) -> bool {
    matches!(
        action.action_type,
        ActionType::ApiCall | ActionType::NetworkRequest
    )
}

/// `POST https://…` names method and URL in one.
pub(super) fn strip_method(text: &str) -> Option<&str> {
    let (method, rest) = text.split_once(' ')?;
    super::http::is_method(method).then(|| rest.trim_start())
}

/// `scheme://…`, and the special schemes with fewer slashes.
pub(super) fn has_authority(text: &str) -> bool {
    match text.split_once(':') {
        Some((scheme, rest)) => {
            rest.starts_with("//")
                || rest.starts_with("\\\\")
                || ((scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https"))
                    && !rest.is_empty())
                || scheme.eq_ignore_ascii_case("jdbc")
        }
        None => false,
    }
}

fn is_hostless(text: &str) -> bool {
    let Some((scheme, _)) = text.split_once(':') else {
        return false;
    };
    [
        "about",
        "blob",
        "cid",
        "data",
        "file",
        "javascript",
        "mailto",
        "sqlite",
        "tel",
        "urn",
    ]
    .iter()
    .any(|s| scheme.eq_ignore_ascii_case(s))
}

/// Collects the hosts of every URL anywhere in the strings.
struct Walk<'a> {
    hosts: &'a mut Vec<String>,
    budget: usize,
    full: bool,
}

impl Walk<'_> {
    fn value(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.text(text),
            Value::Array(items) => items.iter().for_each(|item| self.value(item)),
            Value::Object(object) => object.iter().for_each(|(_, item)| self.value(item)),
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        let Some(left) = self.budget.checked_sub(text.len()) else {
            self.full = true;
            return;
        };
        self.budget = left;
        let mut rest = text;
        while let Some(at) = rest.find("://") {
            let (head, tail) = rest.split_at_checked(at).unwrap_or((rest, ""));
            let start = head
                .rfind(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.')))
                .map_or(0, |i| {
                    i + head
                        .get(i..)
                        .and_then(|s| s.chars().next())
                        .map_or(1, char::len_utf8)
                });
            let after = tail.get(3..).unwrap_or_default();
            let length = after
                .find(|c: char| {
                    c.is_whitespace()
                        || matches!(
                            c,
                            '"' | '\'' | '<' | '>' | '`' | ')' | '}' | ',' | ';' | '|'
                        )
                })
                .unwrap_or(after.len());
            let end = at + 3 + length;
            if let Some(url) = rest.get(start..end).and_then(Url::parse) {
                self.host(&url.host);
            }
            rest = rest.get(end..).unwrap_or_default();
        }
    }

    fn host(&mut self, host: &Host) {
        if self.hosts.len() < HOSTS_MAX {
            set_insert(self.hosts, &host.text);
        } else if !self.hosts.contains(&host.text) {
            self.full = true;
        }
    }
}

/// Arguments that name the people a message goes to.
const RECIPIENT_KEYS: &[&str] = &[
    "bcc",
    "cc",
    "email",
    "emails",
    "recipient",
    "recipients",
    "to",
    "to_email",
];

/// Calls `each` with every recipient of a message, trimmed.
pub(super) fn for_each_recipient<'a>(action: &'a Action, each: &mut impl FnMut(&'a str)) {
    let mut split = |text: &'a str| {
        for part in text.split([',', ';']).take(HOSTS_MAX) {
            let part = part.trim();
            // `Name <mail@host>`
            let part = match part.rsplit_once('<') {
                Some((_, inner)) => inner.trim_end_matches('>').trim(),
                None => part,
            };
            let part = part.strip_prefix("mailto:").unwrap_or(part);
            if !part.is_empty() {
                each(part);
            }
        }
    };
    for root in [&action.arguments, &action.payload] {
        let Some(object) = root.as_object() else {
            continue;
        };
        for (key, value) in object.iter() {
            if RECIPIENT_KEYS.binary_search(&key).is_err() {
                continue;
            }
            match value {
                Value::String(text) => split(text),
                Value::Array(items) => {
                    for item in items.iter().take(1_000) {
                        if let Some(text) = item.as_str().or_else(|| {
                            item.get("email")
                                .or_else(|| item.get("address"))
                                .and_then(Value::as_str)
                        }) {
                            split(text);
                        }
                    }
                }
                Value::Object(_) => {
                    if let Some(text) = value.get("email").or_else(|| value.get("address")) {
                        split(text.as_str().unwrap_or_default());
                    }
                }
                _ => {}
            }
        }
    }
    if mail_domain(&action.resource).is_some() && !action.resource.contains("://") {
        split(&action.resource);
    }
}

/// The domain of a mail address.
pub(super) fn mail_domain(address: &str) -> Option<&str> {
    let (user, domain) = address.rsplit_once('@')?;
    let domain = domain.trim_end_matches('>').trim();
    (!user.is_empty() && !domain.is_empty()).then_some(domain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tables_are_sorted_for_binary_search() {
        assert!(RECIPIENT_KEYS.is_sorted());
        assert_eq!(TARGET_KEYS.get(HOST_KEYS_START), Some(&"host"));
    }

    #[test]
    fn a_name_is_read_as_itself_whatever_stands_before_the_query() {
        for text in [
            "http://a/x\0?q",
            "http://a/x ?q",
            "http://a/x\u{a0}#f",
            "http://a/x",
        ] {
            let name = Url::parse(text).expect("a URL").name();
            assert_eq!(name, "http://a/x", "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn every_spelling_of_an_address_is_the_same_host(bits: u32, form in 0u8..8) {
            let [a, b, c, d] = bits.to_be_bytes();
            let spelt = match form {
                0 => format!("{a}.{b}.{c}.{d}"),
                1 => format!("{bits}"),
                2 => format!("0x{bits:x}"),
                3 => format!("0{bits:o}"),
                4 => format!("0x{a:X}.0{b:o}.{c}.{d}."),
                5 => format!("{a}.{}", bits & 0x00ff_ffff),
                6 => format!("{a}.{b}.0x{:x}", bits & 0xffff),
                _ => format!("[::ffff:{a}.{b}.{c}.{d}]"),
            };
            let url = Url::parse(&format!("http://{spelt}:8080/x")).map(|u| u.name());
            prop_assert_eq!(url, Some(format!("http://{a}.{b}.{c}.{d}:8080/x")), "{}", spelt);
        }

        #[test]
        fn any_text_is_taken(text in "(http|ftp|s3|x)?:?[/\\\\]{0,3}\\PC{0,60}") {
            if let Some(url) = Url::parse(&text) {
                // The one spelling reads as itself.
                let name = url.name();
                let again = Url::parse(&name);
                prop_assert_eq!(again.map(|u| u.name()), Some(name));
            }
            let _ = Url::parse_bare(&text);
        }
    }
}
