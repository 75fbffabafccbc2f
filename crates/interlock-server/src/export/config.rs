//! The file that says what goes where.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use interlock_core::audit::frame::Kind;
use interlock_core::model::Effect;
use serde::Deserialize;

use super::event::{SecurityEvent, Severity};
use crate::channels::address::Guard;
use crate::channels::config::{Secret, SecretPlace, checked_url, networks, read, signing_key};

/// Bytes of the file.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Sinks; each has a thread.
const SINKS_MAX: usize = 16;
/// Headers of one receiver.
const HEADERS_MAX: usize = 16;

/// The form of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Open Cybersecurity Schema Framework, one JSON object a line.
    #[default]
    Ocsf,
    /// Common Event Format.
    Cef,
    /// RFC 5424 with structured data.
    Syslog,
    /// The product's own names, one JSON object a line.
    Jsonl,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Ocsf, Self::Cef, Self::Syslog, Self::Jsonl];

    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ocsf => "ocsf",
            Self::Cef => "cef",
            Self::Syslog => "syslog",
            Self::Jsonl => "jsonl",
        }
    }

    /// The format of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|f| f.name() == name)
    }

    /// The type of a body of lines.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Ocsf | Self::Jsonl => "application/x-ndjson",
            Self::Cef | Self::Syslog => "text/plain; charset=utf-8",
        }
    }
}

/// How messages reach a syslog receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// A stream with TLS (RFC 5425).
    #[default]
    Tls,
    /// A stream (RFC 6587, octet counting).
    Tcp,
    /// Datagrams (RFC 5426): what is lost on the way stays lost.
    Udp,
}

/// Which events a sink wants.
#[derive(Debug, Clone, Default)]
pub struct Only {
    kinds: Option<BTreeSet<u8>>,
    effects: Option<BTreeSet<&'static str>>,
    severity: Option<Severity>,
    agents: Option<BTreeSet<String>>,
}

impl Only {
    /// Whether an event is wanted. A gap always is: it says that events are missing.
    #[must_use]
    pub fn wants(&self, event: &SecurityEvent) -> bool {
        if event.kind == Kind::Gap {
            return true;
        }
        let effect = event.asked.as_ref().and_then(|a| a.effect);
        self.kinds
            .as_ref()
            .is_none_or(|k| k.contains(&event.kind.number()))
            && self
                .effects
                .as_ref()
                // What is no decision has no effect to be chosen by.
                .is_none_or(|e| effect.is_none_or(|effect| e.contains(effect.name())))
            && self.severity.is_none_or(|s| event.severity >= s)
            && self
                .agents
                .as_ref()
                .is_none_or(|a| a.contains(&event.agent))
    }
}

/// A file.
#[derive(Debug, Clone)]
pub struct FileTarget {
    /// Where.
    pub path: PathBuf,
    /// It is put aside before it would be longer, bytes.
    pub bytes_max: u64,
    /// How many that were put aside are kept.
    pub keep: u32,
}

/// A syslog receiver.
#[derive(Debug, Clone)]
pub struct SyslogTarget {
    /// The host.
    pub host: String,
    /// The port.
    pub port: u16,
    /// How it is reached.
    pub transport: Transport,
    /// The facility, 0 to 23.
    pub facility: u8,
    /// The name of this machine in messages.
    pub hostname: Option<String>,
    /// The name that the receiver's certificate must have, where it is not the host.
    pub server_name: Option<String>,
    /// The authorities that it trusts.
    pub ca_file: Option<PathBuf>,
    /// The certificate that it shows.
    pub cert_file: Option<PathBuf>,
    /// The key of that.
    pub key_file: Option<PathBuf>,
    /// Where it may connect to.
    pub guard: Guard,
}

/// A Splunk HTTP Event Collector.
#[derive(Debug, Clone)]
pub struct Hec {
    /// The address, without the path.
    pub url: String,
    /// The token.
    pub token: Secret,
    /// The index, where it is not the token's own.
    pub index: Option<String>,
    /// The source type.
    pub sourcetype: String,
    /// Whether the indexer is asked for its acknowledgement.
    pub ack: bool,
    /// Where it may connect to.
    pub guard: Guard,
    /// The authorities that it trusts.
    pub ca_file: Option<PathBuf>,
}

/// A webhook that takes lines.
#[derive(Debug, Clone)]
pub struct Hook {
    /// Where to.
    pub url: String,
    /// The keys of the signatures.
    pub secrets: Vec<Secret>,
    /// Where it may connect to.
    pub guard: Guard,
    /// The authorities that it trusts.
    pub ca_file: Option<PathBuf>,
}

/// A receiver of traces.
#[derive(Debug, Clone)]
pub struct Otlp {
    /// The whole address; the path is usually `/v1/traces`.
    pub url: String,
    /// Headers, such as for a key.
    pub headers: Vec<(String, Secret)>,
    /// Whether names of resources are told.
    pub content: bool,
    /// `service.name` of the spans.
    pub service: String,
    /// Where it may connect to.
    pub guard: Guard,
    /// The authorities that it trusts.
    pub ca_file: Option<PathBuf>,
}

/// What carries the events of a sink.
#[derive(Debug, Clone)]
pub enum Target {
    /// A file.
    File(FileTarget),
    /// A syslog receiver.
    Syslog(SyslogTarget),
    /// A Splunk HTTP Event Collector.
    Hec(Hec),
    /// A webhook.
    Webhook(Hook),
    /// A receiver of traces.
    Otlp(Otlp),
}

impl Target {
    /// Its kind, for people.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::File(_) => "file",
            Self::Syslog(target) => match target.transport {
                Transport::Tls => "syslog-tls",
                Transport::Tcp => "syslog-tcp",
                Transport::Udp => "syslog-udp",
            },
            Self::Hec(_) => "hec",
            Self::Webhook(_) => "webhook",
            Self::Otlp(_) => "otlp",
        }
    }
}

/// One receiver and what it gets.
#[derive(Debug, Clone)]
pub struct Sink {
    /// Its name; its mark is kept under it.
    pub name: String,
    /// The form of events.
    pub format: Format,
    /// The tenant; none for all of them.
    pub tenant: Option<String>,
    /// Whether a new sink begins with what is recorded from now on.
    pub from_now: bool,
    /// Which events it wants.
    pub only: Only,
    /// Where they go.
    pub target: Target,
}

/// What goes where.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// The sinks in the order of their names.
    pub sinks: Vec<Sink>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    sinks: BTreeMap<String, SinkFile>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum From {
    #[default]
    Start,
    Now,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SinkFile {
    format: Option<Format>,
    tenant: Option<String>,
    #[serde(default)]
    from: From,
    #[serde(default)]
    only: OnlyFile,
    file: Option<FileFile>,
    syslog: Option<SyslogFile>,
    hec: Option<HecFile>,
    webhook: Option<HookFile>,
    otlp: Option<OtlpFile>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct OnlyFile {
    kinds: Option<Vec<String>>,
    effects: Option<Vec<String>>,
    severity: Option<String>,
    agents: Option<BTreeSet<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileFile {
    path: PathBuf,
    max_mb: Option<u64>,
    keep: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SyslogFile {
    host: String,
    port: Option<u16>,
    #[serde(default)]
    transport: Transport,
    facility: Option<u8>,
    hostname: Option<String>,
    server_name: Option<String>,
    ca_file: Option<PathBuf>,
    cert_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
    #[serde(default)]
    allow: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HecFile {
    url: String,
    token: SecretPlace,
    index: Option<String>,
    sourcetype: Option<String>,
    #[serde(default)]
    ack: bool,
    #[serde(default)]
    allow: Vec<String>,
    ca_file: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HookFile {
    url: String,
    secrets: Vec<SecretPlace>,
    #[serde(default)]
    allow: Vec<String>,
    ca_file: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OtlpFile {
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, SecretPlace>,
    #[serde(default)]
    content: bool,
    service: Option<String>,
    #[serde(default)]
    allow: Vec<String>,
    ca_file: Option<PathBuf>,
}

/// The name of this machine.
pub(super) fn hostname() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}

fn only(what: &str, file: OnlyFile) -> Result<Only, String> {
    let kind = |name: &String| {
        Kind::from_name(name)
            .map(Kind::number)
            .ok_or_else(|| format!("{what}: `only.kinds`: there is no kind `{name}`"))
    };
    let effect = |name: &String| {
        Effect::from_name(name)
            .map(Effect::name)
            .ok_or_else(|| format!("{what}: `only.effects`: there is no effect `{name}`"))
    };
    let severity = |name: String| {
        Severity::from_name(&name)
            .ok_or_else(|| format!("{what}: `only.severity`: there is no severity `{name}`"))
    };
    Ok(Only {
        kinds: file
            .kinds
            .map(|k| k.iter().map(kind).collect())
            .transpose()?,
        effects: file
            .effects
            .map(|e| e.iter().map(effect).collect())
            .transpose()?,
        severity: file.severity.map(severity).transpose()?,
        agents: file.agents,
    })
}

impl SyslogFile {
    fn read(self, what: &str) -> Result<SyslogTarget, String> {
        let tls = self.transport == Transport::Tls;
        if !tls
            && (self.ca_file.is_some() || self.cert_file.is_some() || self.server_name.is_some())
        {
            return Err(format!("{what}: certificates are for `transport: tls`"));
        }
        if self.cert_file.is_some() != self.key_file.is_some() {
            return Err(format!(
                "{what}: give both `cert_file` and `key_file`, or none"
            ));
        }
        let facility = self.facility.unwrap_or(13);
        if facility > 23 {
            return Err(format!("{what}: `facility` must be 0 to 23"));
        }
        Ok(SyslogTarget {
            host: self.host,
            port: self.port.unwrap_or(if tls { 6_514 } else { 514 }),
            transport: self.transport,
            facility,
            hostname: self.hostname,
            server_name: self.server_name,
            ca_file: self.ca_file,
            cert_file: self.cert_file,
            key_file: self.key_file,
            guard: networks(what, &self.allow)?,
        })
    }
}

impl OtlpFile {
    fn read(self, what: &str) -> Result<Otlp, String> {
        checked_url(what, &self.url)?;
        if self.headers.len() > HEADERS_MAX {
            return Err(format!("{what}: at most {HEADERS_MAX} headers"));
        }
        let header = |(name, place): (String, SecretPlace)| {
            let value = place.read(&format!("{what}: header `{name}`"))?;
            Ok((name, value))
        };
        Ok(Otlp {
            url: self.url,
            headers: self
                .headers
                .into_iter()
                .map(header)
                .collect::<Result<_, String>>()?,
            content: self.content,
            service: self.service.unwrap_or_else(|| "interlock".to_owned()),
            guard: networks(what, &self.allow)?,
            ca_file: self.ca_file,
        })
    }
}

impl SinkFile {
    fn target(&mut self, what: &str) -> Result<Target, String> {
        let given = [
            self.file.is_some(),
            self.syslog.is_some(),
            self.hec.is_some(),
            self.webhook.is_some(),
            self.otlp.is_some(),
        ];
        if given.into_iter().filter(|g| *g).count() != 1 {
            return Err(format!(
                "{what} needs one of `file`, `syslog`, `hec`, `webhook` and `otlp`"
            ));
        }
        if let Some(file) = self.file.take() {
            let max_mb = file.max_mb.unwrap_or(64);
            let keep = file.keep.unwrap_or(8);
            if !(1..=65_536).contains(&max_mb) || keep > 1_000 {
                return Err(format!(
                    "{what}: `max_mb` must be 1 to 65536 and `keep` at most 1000"
                ));
            }
            return Ok(Target::File(FileTarget {
                path: file.path,
                bytes_max: max_mb * 1024 * 1024,
                keep,
            }));
        }
        if let Some(file) = self.hec.take() {
            checked_url(what, &file.url)?;
            return Ok(Target::Hec(Hec {
                url: file.url,
                token: file.token.read(&format!("{what}: `token`"))?,
                index: file.index,
                sourcetype: file
                    .sourcetype
                    .unwrap_or_else(|| "interlock:event".to_owned()),
                ack: file.ack,
                guard: networks(what, &file.allow)?,
                ca_file: file.ca_file,
            }));
        }
        if let Some(file) = self.webhook.take() {
            checked_url(what, &file.url)?;
            if file.secrets.is_empty() || file.secrets.len() > 4 {
                return Err(format!("{what}: `secrets` must be 1 to 4"));
            }
            let keys = file.secrets.iter().map(|place| signing_key(what, place));
            return Ok(Target::Webhook(Hook {
                url: file.url,
                secrets: keys.collect::<Result<_, _>>()?,
                guard: networks(what, &file.allow)?,
                ca_file: file.ca_file,
            }));
        }
        if let Some(file) = self.otlp.take() {
            return file.read(what).map(Target::Otlp);
        }
        match self.syslog.take() {
            Some(file) => file.read(what).map(Target::Syslog),
            None => Err(format!("{what} has no receiver")),
        }
    }
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
        if file.sinks.is_empty() || file.sinks.len() > SINKS_MAX {
            return Err(format!("`sinks` must be 1 to {SINKS_MAX}"));
        }
        let mut config = Self::default();
        for (name, mut sink) in file.sinks {
            let plain = name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
            if !plain || !(1..=32).contains(&name.len()) {
                return Err(format!(
                    "`{name}` cannot name a sink: lower-case letters, digits and `-`, at most 32"
                ));
            }
            let what = format!("sink `{name}`");
            let target = sink.target(&what)?;
            if matches!(target, Target::Otlp(_)) && sink.format.is_some() {
                return Err(format!("{what}: traces have one form: leave `format` out"));
            }
            config.sinks.push(Sink {
                format: sink.format.unwrap_or_default(),
                tenant: match sink.tenant {
                    None => Some("default".to_owned()),
                    Some(all) if all == "*" => None,
                    one => one,
                },
                from_now: sink.from == From::Now,
                only: only(&what, sink.only)?,
                target,
                name,
            });
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_named() {
        let cases = [
            ("sinks: {}", "`sinks` must be 1 to 16"),
            (
                "sinks: { A: { file: { path: x } } }",
                "`A` cannot name a sink",
            ),
            (
                "sinks: { ../x: { file: { path: x } } }",
                "cannot name a sink",
            ),
            ("sinks: { a: { format: cef } }", "sink `a` needs one of"),
            (
                "sinks: { a: { file: { path: x }, webhook: { url: 'https://x', secrets: [] } } }",
                "sink `a` needs one of",
            ),
            (
                "sinks: { a: { only: { kinds: [decision, nothing] }, file: { path: x } } }",
                "there is no kind `nothing`",
            ),
            (
                "sinks: { a: { only: { effects: [deny] }, file: { path: x } } }",
                "there is no effect `deny`",
            ),
            (
                "sinks: { a: { file: { path: x, max_mb: 0 } } }",
                "`max_mb` must be 1 to 65536",
            ),
            (
                "sinks: { a: { syslog: { host: h, transport: tcp, ca_file: x } } }",
                "certificates are for `transport: tls`",
            ),
            (
                "sinks: { a: { syslog: { host: h, facility: 24 } } }",
                "`facility` must be 0 to 23",
            ),
            (
                "sinks: { a: { format: cef, otlp: { url: 'https://h/v1/traces' } } }",
                "leave `format` out",
            ),
            (
                "sinks: { a: { hec: { url: 'https://h', token: { env: INTERLOCK_NO_SUCH } } } }",
                "`INTERLOCK_NO_SUCH` is not set",
            ),
            ("sinks: { a: { file: { path: x }, extra: 1 } }", "extra"),
            (
                "sinks: { a: { webhook: { url: 'ftp://h', secrets: [] } } }",
                "must be an https address",
            ),
        ];
        for (text, wrong) in cases {
            let error = Config::parse(text).unwrap_err();
            assert!(error.contains(wrong), "{text}: {error}");
        }
    }
}
