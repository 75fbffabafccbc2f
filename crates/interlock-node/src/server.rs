//! The server of a connected or remote process.

use std::time::Duration;

use interlock_runtime::{Decider, ServerAddress, ServerOptions};
use napi::Result;
use napi_derive::napi;

use crate::answer::Writer;
use crate::engine::Engine;

/// What happens when the server does not answer.
#[napi(object)]
#[derive(Debug, Clone)]
pub struct Otherwise {
    /// `tool`, `tool@environment`, `@environment` or `*`.
    pub name: String,
    /// `closed` or `open`.
    pub word: String,
}

/// Where the server is and how it is asked.
#[napi(object)]
#[derive(Clone)]
pub struct Server {
    /// `https://…`, or `http://` on this machine.
    pub url: String,
    /// The API key.
    pub api_key: String,
    /// Whether it decides about everything.
    pub remote: bool,
    /// The key that signs its policies.
    pub server_key: Option<String>,
    /// What happens when it does not answer.
    pub on_unavailable: Vec<Otherwise>,
    /// Whether what has no side effect is decided without a lease.
    pub offline_reads: bool,
    /// A file of authorities to trust instead of this machine's.
    pub ca_file: Option<String>,
    /// Whether `http://` may leave this machine.
    pub allow_plain_http: bool,
}

impl std::fmt::Debug for Server {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// As the runtime takes it.
    pub(crate) fn options(self, timeout: Duration) -> ServerOptions {
        ServerOptions {
            address: ServerAddress {
                url: self.url,
                key: self.api_key,
                ca_file: self.ca_file.map(Into::into),
                allow_plain_http: self.allow_plain_http,
            },
            remote: self.remote,
            vkey: self.server_key,
            on_unavailable: self
                .on_unavailable
                .into_iter()
                .map(|rule| (rule.name, rule.word))
                .collect(),
            reads_without_lease: self.offline_reads,
            timeout,
        }
    }
}

#[napi]
impl Engine {
    /// How a process that decides by a server's policies stands with it, as JSON; `null` for others.
    ///
    /// # Errors
    /// None that is foreseen.
    #[napi(catch_unwind)]
    pub fn standing(&self) -> Result<Option<String>> {
        let Decider::Connected(connected) = &self.decider else {
            return Ok(None);
        };
        let standing = connected.standing();
        let mut out = Writer::object();
        out.flag("owner", standing.owner);
        out.flag("leased", standing.leased);
        out.number("bundle", i64::try_from(standing.bundle).unwrap_or(i64::MAX));
        out.number(
            "waiting",
            i64::try_from(standing.waiting).unwrap_or(i64::MAX),
        );
        out.optional("problem", standing.problem.as_deref());
        Ok(Some(out.finish()))
    }
}
