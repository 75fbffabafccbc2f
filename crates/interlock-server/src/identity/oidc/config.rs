//! The file that says at which providers people may sign in, and what that makes of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use interlock_core::model::Role;
use serde::Deserialize;
use ureq::http::Uri;

use crate::channels::address::{Guard, Network};
use crate::channels::config::{Secret, SecretPlace, checked_url, networks, read};
use crate::identity::browser::is_loopback;

/// Bytes of the file.
const FILE_BYTES_MAX: u64 = 256 * 1024;
/// Providers.
const PROVIDERS_MAX: usize = 8;
/// Scopes that are asked for.
const SCOPES_MAX: usize = 16;
/// Groups that are mapped, of one provider.
const MAPPED_MAX: usize = 1_000;
/// Characters of a name, an issuer, a client's id.
const TEXT_MAX: usize = 255;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    providers: BTreeMap<String, ProviderFile>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProviderFile {
    label: Option<String>,
    issuer: String,
    client_id: String,
    client_secret: Option<SecretPlace>,
    #[serde(default)]
    client_auth: Option<ClientAuth>,
    scopes: Option<Vec<String>>,
    tenant: Option<String>,
    #[serde(default)]
    email_domains: BTreeSet<String>,
    groups_claim: Option<String>,
    #[serde(default)]
    roles: BTreeMap<String, String>,
    #[serde(default)]
    groups: BTreeMap<String, String>,
    #[serde(default)]
    allow: Vec<String>,
    ca_file: Option<PathBuf>,
    timeout_ms: Option<u64>,
}

/// How this server proves to a provider who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ClientAuth {
    /// By HTTP Basic (RFC 6749, section 2.3.1).
    Basic,
    /// In the body.
    Post,
}

/// One provider.
#[derive(Debug, Clone)]
pub(crate) struct ProviderConfig {
    /// The name in this file.
    pub(crate) name: String,
    /// What the button says.
    pub(crate) label: String,
    pub(crate) issuer: String,
    /// The provider is on this machine and reached without TLS.
    pub(crate) plain: bool,
    pub(crate) client_id: String,
    pub(crate) client_secret: Option<Secret>,
    /// `None`: as the provider says that it takes it.
    pub(crate) client_auth: Option<ClientAuth>,
    pub(crate) scopes: Vec<String>,
    pub(crate) tenant: String,
    /// Whose addresses count for invitations; empty: any.
    pub(crate) email_domains: BTreeSet<String>,
    pub(crate) groups_claim: String,
    /// The role of whoever is in a group of the provider's.
    pub(crate) roles: BTreeMap<String, Role>,
    /// The group here of whoever is in a group of the provider's.
    pub(crate) groups: BTreeMap<String, String>,
    pub(crate) guard: Guard,
    pub(crate) ca_file: Option<PathBuf>,
    /// How long one request to the provider may take.
    pub(crate) timeout: Duration,
}

/// The providers at which people may sign in.
#[derive(Debug, Clone, Default)]
pub struct SignInConfig {
    pub(crate) providers: Vec<ProviderConfig>,
}

/// Whether an address of a provider may be used: https, or on this machine where the issuer is.
pub(crate) fn may_reach(url: &str, plain: bool) -> bool {
    let Ok(uri) = url.parse::<Uri>() else {
        return false;
    };
    let Some(authority) = uri.authority().map(ureq::http::uri::Authority::as_str) else {
        return false;
    };
    let scheme = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => plain && is_loopback(authority),
        _ => false,
    };
    scheme
        && !authority.contains('@')
        && !url.contains('#')
        && url.len() <= 2_048
        && url.bytes().all(|b| b.is_ascii_graphic())
}

fn short(what: &str, field: &str, text: &str) -> Result<(), String> {
    if text.is_empty() || text.len() > TEXT_MAX || text.chars().any(char::is_control) {
        return Err(format!(
            "{what}: `{field}` must have 1 to {TEXT_MAX} bytes without control characters"
        ));
    }
    Ok(())
}

impl ProviderFile {
    fn read(self, name: &str) -> Result<ProviderConfig, String> {
        let what = format!("provider `{name}`");
        let issuer = self.issuer;
        short(&what, "issuer", &issuer)?;
        checked_url(&what, &issuer)?;
        let plain = issuer.starts_with("http:");
        if !may_reach(&issuer, true) || issuer.contains('?') {
            return Err(format!(
                "{what}: `issuer` must be an https address without a query, or one of this machine"
            ));
        }
        short(&what, "client_id", &self.client_id)?;
        let label = self.label.unwrap_or_else(|| name.to_owned());
        short(&what, "label", &label)?;
        let client_secret = (self.client_secret)
            .map(|place| place.read(&format!("{what}: `client_secret`")))
            .transpose()?;
        if let Some(secret) = &client_secret {
            secret.text().map_err(|e| format!("{what}: {e}"))?;
        }
        let mut scopes = self
            .scopes
            .unwrap_or_else(|| ["openid", "email", "profile"].map(str::to_owned).to_vec());
        if !scopes.iter().any(|scope| scope == "openid") {
            scopes.insert(0, "openid".to_owned());
        }
        // RFC 6749, section 3.3.
        let token = |scope: &String| {
            (1..=64).contains(&scope.len())
                && scope
                    .bytes()
                    .all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
        };
        if scopes.len() > SCOPES_MAX || !scopes.iter().all(token) {
            return Err(format!(
                "{what}: `scopes` must be at most {SCOPES_MAX} words of printable ASCII"
            ));
        }
        if self.roles.len() > MAPPED_MAX || self.groups.len() > MAPPED_MAX {
            return Err(format!(
                "{what}: `roles` and `groups` may map {MAPPED_MAX} groups each"
            ));
        }
        let role = |(group, role): (String, String)| match Role::from_name(&role) {
            Some(Role::Agent) | None => Err(format!(
                "{what}: the role of group `{group}` must be `approver`, `policy_author`, `auditor` or `admin`"
            )),
            Some(role) => Ok((group, role)),
        };
        let roles: BTreeMap<_, _> = self.roles.into_iter().map(role).collect::<Result<_, _>>()?;
        if roles.is_empty() && !self.groups.is_empty() {
            return Err(format!("{what}: `groups` counts with `roles` alone"));
        }
        if let Some(group) = self.groups.values().find(|g| g.is_empty() || g.len() > 128) {
            return Err(format!("{what}: `{group}` is no name of a group"));
        }
        let timeout_ms = self.timeout_ms.unwrap_or(5_000);
        if !(100..=30_000).contains(&timeout_ms) {
            return Err(format!("{what}: `timeout_ms` must be 100 to 30000"));
        }
        let mut guard = networks(&what, &self.allow)?;
        if plain {
            let here = ["127.0.0.0/8", "::1"]
                .into_iter()
                .filter_map(Network::parse);
            guard.allow.extend(here);
        }
        let lower = |domain: String| domain.to_ascii_lowercase();
        Ok(ProviderConfig {
            name: name.to_owned(),
            label,
            issuer,
            plain,
            client_id: self.client_id,
            client_secret,
            client_auth: self.client_auth,
            scopes,
            tenant: self.tenant.unwrap_or_else(|| "default".to_owned()),
            email_domains: self.email_domains.into_iter().map(lower).collect(),
            groups_claim: self.groups_claim.unwrap_or_else(|| "groups".to_owned()),
            roles,
            groups: self.groups,
            guard,
            ca_file: self.ca_file,
            timeout: Duration::from_millis(timeout_ms),
        })
    }
}

impl SignInConfig {
    /// Reads the file, and the secrets that it names.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn load(path: &Path) -> Result<Self, String> {
        let bytes = read(path, FILE_BYTES_MAX)?;
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| format!("`{}` is not UTF-8", path.display()))?;
        Self::parse(text).map_err(|e| format!("`{}`: {e}", path.display()))
    }

    /// Reads the text of such a file, and the secrets that it names.
    ///
    /// # Errors
    /// What is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let file: File = serde_saphyr::from_str(text).map_err(|e| e.to_string())?;
        if file.providers.is_empty() || file.providers.len() > PROVIDERS_MAX {
            return Err(format!("`providers` must be 1 to {PROVIDERS_MAX}"));
        }
        let is_name = |name: &str| {
            (1..=64).contains(&name.len())
                && name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        };
        let mut providers: Vec<ProviderConfig> = Vec::new();
        for (name, provider) in file.providers {
            if !is_name(&name) {
                return Err(format!(
                    "`{name}` is no name of a provider: letters, digits, `-` and `_`"
                ));
            }
            let provider = provider.read(&name)?;
            // Two of one issuer could not be told apart by what it answers.
            if let Some(other) = providers.iter().find(|p| p.issuer == provider.issuer) {
                return Err(format!("`{}` and `{name}` have one issuer", other.name));
            }
            providers.push(provider);
        }
        Ok(Self { providers })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(line: &str) -> Result<SignInConfig, String> {
        SignInConfig::parse(&format!(
            "providers:\n  sso:\n    client_id: interlock\n    {line}\n"
        ))
    }

    #[test]
    fn what_is_wrong_is_said() {
        let good = with("issuer: https://id.example.com").unwrap();
        assert_eq!(good.providers[0].scopes, ["openid", "email", "profile"]);
        assert!(!good.providers[0].plain && good.providers[0].guard.allow.is_empty());
        let here = with("issuer: http://127.0.0.1:9000/realm").unwrap();
        assert!(here.providers[0].plain);
        for (line, said) in [
            ("issuer: http://id.example.com", "must be an https address"),
            ("issuer: https://a@id.example.com", "without a user"),
            ("issuer: https://id.example.com/?a=b", "without a query"),
            ("issuer: ftp://id.example.com", "https"),
            ("issuer: ''", "`issuer` must have 1 to 255"),
            ("issuer: https://a.example\n    color: red", "color"),
            (
                "issuer: https://a.example\n    roles: {staff: agent}",
                "group `staff` must be",
            ),
            (
                "issuer: https://a.example\n    groups: {staff: x}",
                "with `roles` alone",
            ),
            (
                "issuer: https://a.example\n    timeout_ms: 5",
                "100 to 30000",
            ),
            ("issuer: https://a.example\n    scopes: ['a b']", "`scopes`"),
            ("issuer: https://a.example\n    allow: [x]", "not a network"),
            (
                "issuer: https://a.example\n    client_secret: {env: INTERLOCK_NO_SUCH}",
                "is not set",
            ),
        ] {
            let error = with(line).unwrap_err();
            assert!(error.contains(said), "{line}: {error}");
        }
        assert!(
            SignInConfig::parse("providers: {}")
                .unwrap_err()
                .contains("1 to 8")
        );
        let one = "{client_id: a, issuer: 'https://a.example'}";
        let twice = format!("providers: {{a: {one}, b: {one}}}");
        assert!(
            SignInConfig::parse(&twice)
                .unwrap_err()
                .contains("one issuer")
        );
    }

    #[test]
    fn the_guide_shows_a_file_that_is_one() {
        let guide = include_str!("../../../../../docs/guides/identity.md");
        let (_, rest) = guide.split_once("```yaml\n").expect("a file in the guide");
        let (text, _) = rest.split_once("```").expect("its end");
        let secret = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(secret.path(), "secret").unwrap();
        let file = format!("file: '{}'", secret.path().display());
        let text = text.replace("env: INTERLOCK_OIDC_SECRET", &file);
        let config = SignInConfig::parse(&text).unwrap();
        let provider = &config.providers[0];
        assert_eq!(provider.roles.get("on-call"), Some(&Role::Approver));
        assert_eq!(provider.groups["finance-leads"], "finance");
    }

    #[test]
    fn addresses_of_a_provider_are_https_or_here() {
        for (url, plain, may) in [
            ("https://a.example/token", false, true),
            ("http://a.example/token", true, false),
            ("http://127.0.0.1:9/token", true, true),
            ("http://127.0.0.1:9/token", false, false),
            ("http://127.0.0.1.example/token", true, false),
            ("https://u@a.example/token", false, false),
            ("https://a.example/#x", false, false),
            ("/token", true, false),
            ("javascript:alert(1)", true, false),
        ] {
            assert_eq!(may_reach(url, plain), may, "{url} {plain}");
        }
    }
}
