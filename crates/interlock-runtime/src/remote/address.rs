//! Where a server is, and how it is known.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::error::ServerError;

/// Where the certificates are that this machine trusts, by distribution.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Where a server is, and what is needed to ask it.
#[derive(Clone)]
pub struct ServerAddress {
    /// `https://host:port`, or `http://` on this machine; a path before `/api` may follow.
    pub url: String,
    /// The API key.
    pub key: String,
    /// Certificates of the authorities to trust, PEM; those of this machine where there is none.
    pub ca_file: Option<PathBuf>,
    /// Whether the key may cross a network in the clear.
    pub allow_plain_http: bool,
}

/// Without the key.
impl std::fmt::Debug for ServerAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerAddress")
            .field("url", &self.url)
            .field("ca_file", &self.ca_file)
            .finish_non_exhaustive()
    }
}

/// An address that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Checked {
    /// Without a slash at its end.
    pub(crate) url: String,
    pub(crate) tls: bool,
    pub(crate) loopback: bool,
}

fn wrong(why: String) -> ServerError {
    ServerError::Configuration(why)
}

impl ServerAddress {
    /// The address, if a key may be sent there.
    pub(crate) fn checked(&self) -> Result<Checked, ServerError> {
        let url = self.url.trim_end_matches('/');
        let shown = url.rsplit('@').next().unwrap_or_default();
        let scheme = |name| self.url.strip_prefix(name).map(|r| r.trim_end_matches('/'));
        let (tls, rest) = match (scheme("https://"), scheme("http://")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ => {
                return Err(wrong(format!(
                    "`server` must begin with `https://` or `http://`, not `{shown}`"
                )));
            }
        };
        let authority = rest.split('/').next().unwrap_or_default();
        if rest.contains(['?', '#', '@', ' ']) || rest.chars().any(char::is_control) {
            return Err(wrong(format!(
                "`server` must be an address without user, query or fragment: `{shown}`"
            )));
        }
        let host = match authority.strip_prefix('[') {
            Some(v6) => v6.split(']').next().unwrap_or_default(),
            None => authority.split(':').next().unwrap_or_default(),
        };
        if host.is_empty() {
            return Err(wrong(format!("`server` names no host: `{shown}`")));
        }
        let loopback = host.eq_ignore_ascii_case("localhost")
            || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        if !tls && !loopback && !self.allow_plain_http {
            return Err(wrong(format!(
                "`{shown}` would send the API key in the clear: use `https://`, or set `allow_plain_http` where the network is trusted"
            )));
        }
        if self.key.is_empty() || !self.key.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(wrong(
                "a server needs an `api_key` of printable ASCII".to_owned(),
            ));
        }
        Ok(Checked {
            url: url.to_owned(),
            tls,
            loopback,
        })
    }

    /// The certificates of the authorities to trust, PEM.
    pub(crate) fn authorities(&self) -> Result<Vec<u8>, ServerError> {
        let read = |path: &Path| {
            std::fs::read(path)
                .map_err(|e| wrong(format!("cannot read `ca_file` `{}`: {e}", path.display())))
        };
        if let Some(path) = &self.ca_file {
            return read(path);
        }
        let named = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
        let found = named.or_else(|| {
            let mut known = BUNDLES.iter().map(PathBuf::from);
            known.find(|path| path.is_file())
        });
        match found {
            Some(path) => read(&path),
            None => Err(wrong(
                "this machine has no file of trusted authorities; give one as `ca_file`".to_owned(),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, allow_plain_http: bool) -> Result<Checked, String> {
        let address = ServerAddress {
            url: url.to_owned(),
            key: "k".to_owned(),
            ca_file: None,
            allow_plain_http,
        };
        address.checked().map_err(|e| e.to_string())
    }

    #[test]
    fn a_key_goes_in_the_clear_only_where_it_may() {
        for url in [
            "http://127.0.0.1:8088",
            "http://127.1.2.3",
            "http://localhost:1/",
            "http://[::1]:8088",
        ] {
            let found = check(url, false).unwrap();
            assert!(found.loopback && !found.tls, "{url}");
        }
        for url in [
            "http://example.com",
            "http://10.0.0.1:8088",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
            "http://[2001:db8::1]:80",
        ] {
            assert!(
                check(url, false).unwrap_err().contains("in the clear"),
                "{url}"
            );
            assert!(!check(url, true).unwrap().loopback, "{url}");
        }
        let found = check("https://example.com/interlock/", false).unwrap();
        assert_eq!(found.url, "https://example.com/interlock");
        assert!(found.tls);
    }

    #[test]
    fn what_is_no_address_is_said_so() {
        for (url, why) in [
            ("example.com", "must begin with"),
            ("ftp://x", "must begin with"),
            ("https://", "names no host"),
            ("http://:80", "names no host"),
            ("https://u:secret@x", "without user"),
            ("https://x?key=1", "without user"),
            ("https://x y", "without user"),
        ] {
            let said = check(url, false).unwrap_err();
            assert!(said.contains(why), "{url}: {said}");
            assert!(!said.contains("secret"), "{said}");
        }
        let unkeyed = ServerAddress {
            url: "https://x".to_owned(),
            key: "two words".to_owned(),
            ca_file: None,
            allow_plain_http: false,
        };
        let said = unkeyed.checked().unwrap_err().to_string();
        assert!(
            said.contains("api_key") && !said.contains("two words"),
            "{said}"
        );
        assert!(!format!("{unkeyed:?}").contains("two words"));
    }
}
