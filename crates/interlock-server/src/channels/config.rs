//! The file that says who is who, and how people are reached.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use interlock_core::audit::base64;
use interlock_runtime::{Group, People};
use serde::Deserialize;

use super::address::{Guard, Network};
use super::pagerduty::{PagerDuty, PagerDutyFile};
use super::teams::{Teams, TeamsFile};

/// Bytes of the file.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Bytes of a file with a secret.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// A secret: it is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn text(&self) -> Result<&str, String> {
        std::str::from_utf8(&self.0).map_err(|_| "the secret is not text".to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Where a secret is: in a variable of the environment, or in a file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecretPlace {
    env: Option<String>,
    file: Option<PathBuf>,
}

impl SecretPlace {
    pub(crate) fn read(&self, what: &str) -> Result<Secret, String> {
        let bytes = match (&self.env, &self.file) {
            (Some(name), None) => std::env::var(name)
                .map_err(|_| format!("{what}: the variable `{name}` is not set"))?
                .into_bytes(),
            (None, Some(path)) => read(path, SECRET_BYTES_MAX)?,
            _ => return Err(format!("{what} needs either `env` or `file`")),
        };
        let trimmed = bytes.trim_ascii();
        if trimmed.is_empty() {
            return Err(format!("{what} is empty"));
        }
        Ok(Secret(trimmed.to_vec()))
    }
}

pub(crate) fn read(path: &Path, max: u64) -> Result<Vec<u8>, String> {
    use std::io::Read as _;
    let wrong = |e: std::io::Error| format!("cannot read `{}`: {e}", path.display());
    let file = std::fs::File::open(path).map_err(wrong)?;
    let mut bytes = Vec::new();
    file.take(max + 1).read_to_end(&mut bytes).map_err(wrong)?;
    if bytes.len() as u64 > max {
        return Err(format!("`{}` has more than {max} bytes", path.display()));
    }
    Ok(bytes)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    tenant: Option<String>,
    #[serde(default)]
    public_url: Option<String>,
    #[serde(default)]
    people: BTreeMap<String, PersonFile>,
    #[serde(default)]
    groups: BTreeMap<String, GroupFile>,
    #[serde(default)]
    owners: BTreeMap<String, String>,
    #[serde(default)]
    channels: BTreeMap<String, ChannelFile>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonFile {
    #[serde(default)]
    names: Vec<String>,
    email: Option<String>,
    #[serde(default)]
    slack: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupFile {
    #[serde(default)]
    people: BTreeSet<String>,
    next: Option<String>,
    #[serde(default)]
    channels: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChannelFile {
    webhook: Option<WebhookFile>,
    slack: Option<SlackFile>,
    email: Option<EmailFile>,
    pagerduty: Option<PagerDutyFile>,
    teams: Option<TeamsFile>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookFile {
    url: String,
    secrets: Vec<SecretPlace>,
    #[serde(default)]
    allow: Vec<String>,
    ca_file: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SlackFile {
    team: String,
    channel: String,
    token: SecretPlace,
    signing_secret: SecretPlace,
    api_url: Option<String>,
    #[serde(default)]
    allow: Vec<String>,
    ca_file: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EmailFile {
    host: String,
    port: Option<u16>,
    from: String,
    #[serde(default)]
    tls: Tls,
    username: Option<String>,
    password: Option<SecretPlace>,
    ca_file: Option<PathBuf>,
}

/// How a connection to a mail server is secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// From the first byte.
    #[default]
    Implicit,
    /// By `STARTTLS`, without which nothing is sent.
    Starttls,
    /// Not at all: only to this machine.
    None,
}

/// A webhook.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// Where to.
    pub url: String,
    /// The keys of the signatures: the current one, and others while they are exchanged.
    pub secrets: Vec<Secret>,
    /// Where it may connect to.
    pub guard: Guard,
    /// The authorities that it trusts.
    pub ca_file: Option<PathBuf>,
}

/// A channel of a Slack workspace.
#[derive(Debug, Clone)]
pub struct Slack {
    /// The workspace.
    pub team: String,
    /// The channel.
    pub channel: String,
    /// The bot's token.
    pub token: Secret,
    /// The key of Slack's signatures.
    pub signing_secret: Secret,
    /// The API.
    pub api_url: String,
    /// Where it may connect to.
    pub guard: Guard,
    /// The authorities that it trusts.
    pub ca_file: Option<PathBuf>,
}

/// A mail server.
#[derive(Debug, Clone)]
pub struct Email {
    /// The host.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The sender.
    pub from: String,
    /// How the connection is secured.
    pub tls: Tls,
    /// Who signs in.
    pub username: Option<String>,
    /// With what.
    pub password: Option<Secret>,
    /// The authorities that it trusts.
    pub ca_file: Option<PathBuf>,
}

/// One way to reach people.
#[derive(Debug, Clone)]
pub enum Channel {
    /// Another program.
    Webhook(Webhook),
    /// A Slack channel.
    Slack(Slack),
    /// Mail to each person.
    Email(Email),
    /// A service of PagerDuty.
    PagerDuty(PagerDuty),
    /// A channel or chat of Microsoft Teams.
    Teams(Teams),
}

impl Channel {
    /// The word that configures it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Webhook(_) => "webhook",
            Self::Slack(_) => "slack",
            Self::Email(_) => "email",
            Self::PagerDuty(_) => "pagerduty",
            Self::Teams(_) => "teams",
        }
    }

    /// Whether what it sends has a link that leads to this server.
    const fn links(&self) -> bool {
        matches!(self, Self::Email(_) | Self::PagerDuty(_) | Self::Teams(_))
    }

    /// Whether it is told what became of what it was told of: it keeps a state of its own.
    pub(super) const fn follows(&self) -> bool {
        matches!(self, Self::Webhook(_) | Self::PagerDuty(_))
    }
}

/// Who is who, and how people are reached.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// The tenant that it is about.
    pub tenant: String,
    /// Where people reach this server; links begin with it.
    pub public_url: Option<String>,
    /// The people, groups and owners.
    pub people: People,
    /// The address of each person who has one.
    pub emails: BTreeMap<String, String>,
    /// The channels of each group.
    pub group_channels: BTreeMap<String, Vec<String>>,
    /// The channels by name.
    pub channels: BTreeMap<String, Channel>,
}

pub(crate) fn networks(what: &str, texts: &[String]) -> Result<Guard, String> {
    let allow = texts
        .iter()
        .map(|text| {
            Network::parse(text).ok_or_else(|| format!("{what}: `{text}` is not a network"))
        })
        .collect::<Result<_, _>>()?;
    Ok(Guard { allow })
}

pub(crate) fn checked_url(what: &str, url: &str) -> Result<(), String> {
    let uri: ureq::http::Uri = url
        .parse()
        .map_err(|_| format!("{what}: `{url}` is not a URL"))?;
    let known = matches!(uri.scheme_str(), Some("https" | "http"));
    let plain = uri.authority().is_some_and(|a| !a.as_str().contains('@'));
    if known && plain {
        return Ok(());
    }
    Err(format!(
        "{what}: `{url}` must be an https address without a user"
    ))
}

impl Config {
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
        let mut config = Self {
            tenant: file.tenant.unwrap_or_else(|| "default".to_owned()),
            public_url: file
                .public_url
                .map(|url| url.trim_end_matches('/').to_owned()),
            ..Self::default()
        };
        if let Some(url) = &config.public_url {
            checked_url("public_url", url)?;
        }
        for (person, about) in file.people {
            let mail = about.email.as_ref().map(|mail| format!("mailto:{mail}"));
            let slack = about.slack.iter().map(|id| format!("slack:{id}"));
            let names = about.names.iter().cloned().chain(mail).chain(slack);
            for name in names.chain([person.clone()]) {
                if !config.people.add_name(&person, &name) {
                    return Err(format!("`{name}` is a name of two people"));
                }
            }
            if let Some(mail) = about.email {
                config.emails.insert(person, mail);
            }
        }
        for (name, channel) in file.channels {
            let channel = channel.read(&name)?;
            if channel.links() && config.public_url.is_none() {
                return Err(format!(
                    "channel `{name}` sends links, which need `public_url`"
                ));
            }
            config.channels.insert(name, channel);
        }
        let groups: BTreeSet<String> = file.groups.keys().cloned().collect();
        for (name, group) in file.groups {
            for person in &group.people {
                if config.people.known(person).is_none() {
                    return Err(format!("group `{name}`: there is no person `{person}`"));
                }
            }
            if let Some(next) = group.next.as_ref().filter(|next| !groups.contains(*next)) {
                return Err(format!("group `{name}`: there is no group `{next}`"));
            }
            for channel in &group.channels {
                if !config.channels.contains_key(channel) {
                    return Err(format!("group `{name}`: there is no channel `{channel}`"));
                }
            }
            config.group_channels.insert(name.clone(), group.channels);
            let people = group.people;
            let next = group.next;
            let group = Group {
                people,
                next,
                declared: false,
            };
            config.people.add_group(&name, group);
        }
        for (pattern, person) in file.owners {
            if config.people.known(&person).is_none() {
                return Err(format!(
                    "owner of `{pattern}`: there is no person `{person}`"
                ));
            }
            // Votes count under the name, whatever else the person is called.
            let person = config.people.name_of(&person).to_owned();
            config.people.add_owner(&pattern, &person);
        }
        Ok(config)
    }
}

impl ChannelFile {
    fn read(self, name: &str) -> Result<Channel, String> {
        let what = format!("channel `{name}`");
        let all = [
            self.webhook.map(|file| file.read(&what)),
            self.slack.map(|file| file.read(&what)),
            self.email.map(|file| file.read(&what)),
            self.pagerduty
                .map(|file| file.read(&what).map(Channel::PagerDuty)),
            self.teams.map(|file| file.read(&what).map(Channel::Teams)),
        ];
        let mut named = all.into_iter().flatten();
        match (named.next(), named.next()) {
            (Some(channel), None) => channel,
            _ => Err(format!(
                "{what} must be one of `webhook`, `slack`, `email`, `pagerduty` and `teams`"
            )),
        }
    }
}

impl WebhookFile {
    fn read(self, what: &str) -> Result<Channel, String> {
        checked_url(what, &self.url)?;
        let secrets = self
            .secrets
            .iter()
            .map(|place| signing_key(what, place))
            .collect::<Result<Vec<_>, _>>()?;
        if secrets.is_empty() || secrets.len() > 4 {
            return Err(format!("{what}: `secrets` must be 1 to 4"));
        }
        Ok(Channel::Webhook(Webhook {
            url: self.url,
            secrets,
            guard: networks(what, &self.allow)?,
            ca_file: self.ca_file,
        }))
    }
}

impl SlackFile {
    fn read(self, what: &str) -> Result<Channel, String> {
        let api_url = self
            .api_url
            .unwrap_or_else(|| "https://slack.com/api".to_owned());
        checked_url(what, &api_url)?;
        Ok(Channel::Slack(Slack {
            team: self.team,
            channel: self.channel,
            token: self.token.read(&format!("{what}: `token`"))?,
            signing_secret: self
                .signing_secret
                .read(&format!("{what}: `signing_secret`"))?,
            api_url: api_url.trim_end_matches('/').to_owned(),
            guard: networks(what, &self.allow)?,
            ca_file: self.ca_file,
        }))
    }
}

impl EmailFile {
    fn read(self, what: &str) -> Result<Channel, String> {
        let loopback = matches!(self.host.as_str(), "localhost" | "127.0.0.1" | "::1");
        if self.tls == Tls::None && !loopback {
            return Err(format!(
                "{what}: without TLS mail goes to this machine only"
            ));
        }
        let password = self
            .password
            .map(|place| place.read(&format!("{what}: `password`")))
            .transpose()?;
        if password.is_some() != self.username.is_some() {
            return Err(format!(
                "{what}: give both `username` and `password`, or none"
            ));
        }
        let port = self.port.unwrap_or(match self.tls {
            Tls::Implicit => 465,
            Tls::Starttls => 587,
            Tls::None => 25,
        });
        Ok(Channel::Email(Email {
            host: self.host,
            port,
            from: self.from,
            tls: self.tls,
            username: self.username,
            password,
            ca_file: self.ca_file,
        }))
    }
}

/// A key as Standard Webhooks writes it: `whsec_` and 24 to 64 bytes in base64.
pub(crate) fn signing_key(what: &str, place: &SecretPlace) -> Result<Secret, String> {
    let written = place.read(&format!("{what}: a secret"))?;
    let key = written
        .text()
        .ok()
        .and_then(|text| text.strip_prefix("whsec_"))
        .and_then(base64::decode)
        .filter(|key| (24..=64).contains(&key.len()))
        .ok_or_else(|| format!("{what}: a secret must be `whsec_` and 24 to 64 bytes in base64"))?;
    Ok(Secret(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_a_person_by_whichever_name() {
        for name in ["ann", "ann's key", "mailto:ann@example.com", "slack:T1/U1"] {
            let text = format!(
                "people:\n  ann: {{ names: [ann's key], email: ann@example.com, slack: [T1/U1] }}\n\
                 owners: {{ \"billing-*\": \"{name}\" }}\n"
            );
            let config = Config::parse(&text).expect("a configuration");
            let owners: Vec<&str> = config.people.owners_of("billing-bot").collect();
            assert_eq!(owners, ["ann"], "{name}");
        }
    }
}
