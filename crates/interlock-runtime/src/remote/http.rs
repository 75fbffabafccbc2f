//! One request to a server and its answer, bounded in time and size.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

use super::address::ServerAddress;
use super::error::ServerError;

/// Bytes of an answer other than a bundle.
const ANSWER_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// How often one call is tried within its time.
const TRIES_MAX: u32 = 3;
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(100);

/// A server that can be asked. Belongs to one process: a forked child makes its own.
#[derive(Debug)]
pub(crate) struct Server {
    agent: ureq::Agent,
    url: String,
    key: String,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

#[derive(Deserialize)]
struct Refusal {
    code: String,
    message: String,
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) path: &'a str,
    /// Sent with POST; nothing with GET.
    pub(crate) body: Option<&'a [u8]>,
    pub(crate) answer_bytes_max: u64,
}

impl<'a> Call<'a> {
    pub(crate) fn get(path: &'a str) -> Self {
        Self {
            path,
            body: None,
            answer_bytes_max: ANSWER_BYTES_MAX,
        }
    }

    pub(crate) fn post(path: &'a str, body: &'a [u8]) -> Self {
        Self {
            body: Some(body),
            ..Self::get(path)
        }
    }
}

impl Server {
    pub(crate) fn new(address: &ServerAddress) -> Result<Self, ServerError> {
        let checked = address.checked()?;
        let mut config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(concat!("interlock/", env!("CARGO_PKG_VERSION")))
            .https_only(checked.tls);
        if checked.loopback {
            // Nobody else's business, whatever the environment says of proxies.
            config = config.proxy(None);
        }
        if checked.tls {
            let pem = address.authorities()?;
            let mut certificates = Vec::new();
            for item in parse_pem(&pem) {
                match item {
                    Ok(PemItem::Certificate(certificate)) => certificates.push(certificate),
                    Ok(_) => {}
                    Err(error) => {
                        return Err(ServerError::Configuration(format!(
                            "the trusted authorities cannot be read: {error}"
                        )));
                    }
                }
            }
            if certificates.is_empty() {
                return Err(ServerError::Configuration(
                    "the file of trusted authorities holds no certificate".to_owned(),
                ));
            }
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            config = config.tls_config(
                TlsConfig::builder()
                    .unversioned_rustls_crypto_provider(provider)
                    .root_certs(RootCerts::Specific(Arc::new(certificates)))
                    .build(),
            );
        }
        Ok(Self {
            agent: config.build().new_agent(),
            url: checked.url,
            key: address.key.clone(),
        })
    }

    pub(crate) fn untrusted(&self, why: impl ToString) -> ServerError {
        ServerError::Untrusted {
            url: self.url.clone(),
            why: why.to_string(),
        }
    }

    /// Asks until there is an answer or `timeout` is over. `make` is told whether an earlier try may
    /// have arrived; what it makes must be repeatable then.
    pub(crate) fn call<'a>(
        &self,
        timeout: Duration,
        mut make: impl FnMut(bool) -> Call<'a>,
    ) -> Result<Answer, ServerError> {
        let started = Instant::now();
        let until = started + timeout;
        let mut why = String::new();
        for try_number in 0..TRIES_MAX {
            if try_number > 0 {
                let left = until.saturating_duration_since(Instant::now());
                if left <= PAUSE {
                    break;
                }
                thread::sleep(PAUSE);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            match self.send(make(try_number > 0), left) {
                Ok(answer) if (200..300).contains(&answer.status) => return Ok(answer),
                Ok(answer) => {
                    let refused = self.refused(&answer);
                    // It has no room just now: that may pass.
                    let busy = answer.status == 503 && try_number + 1 < TRIES_MAX;
                    if !busy {
                        return Err(refused);
                    }
                    why = refused.to_string();
                }
                Err(error) => {
                    if let Some(error) = self.hopeless(&error) {
                        return Err(error);
                    }
                    why = error.to_string();
                }
            }
        }
        Err(ServerError::Unreachable {
            url: self.url.clone(),
            waited: started.elapsed(),
            why,
        })
    }

    fn send(&self, call: Call<'_>, timeout: Duration) -> Result<Answer, ureq::Error> {
        let url = format!("{}{}", self.url, call.path);
        let mut response = match call.body {
            Some(body) => self
                .agent
                .post(&url)
                .header("x-api-key", &self.key)
                .header("content-type", "application/json")
                .config()
                .timeout_global(Some(timeout))
                .build()
                .send(body)?,
            None => self
                .agent
                .get(&url)
                .header("x-api-key", &self.key)
                .config()
                .timeout_global(Some(timeout))
                .build()
                .call()?,
        };
        let status = response.status().as_u16();
        let body = response
            .body_mut()
            .with_config()
            .limit(call.answer_bytes_max)
            .read_to_vec()?;
        Ok(Answer { status, body })
    }

    fn refused(&self, answer: &Answer) -> ServerError {
        let said = serde_json::from_slice::<Refusal>(&answer.body).unwrap_or_else(|_| Refusal {
            code: "server.answer".to_owned(),
            message: format!("status {} without a reason", answer.status),
        });
        ServerError::Refused {
            status: answer.status,
            code: said.code.chars().take(128).collect(),
            message: said.message.chars().take(2_000).collect(),
        }
    }

    /// What another try does not mend.
    fn hopeless(&self, error: &ureq::Error) -> Option<ServerError> {
        match error {
            ureq::Error::Tls(_) | ureq::Error::Rustls(_) | ureq::Error::Pem(_) => {
                Some(self.untrusted(error))
            }
            // A certificate that is refused comes as an error of the connection.
            ureq::Error::Io(io) if io.kind() == std::io::ErrorKind::InvalidData => {
                Some(self.untrusted(error))
            }
            ureq::Error::Http(_) | ureq::Error::BadUri(_) | ureq::Error::InvalidProxyUrl => {
                Some(ServerError::Configuration(error.to_string()))
            }
            ureq::Error::BodyExceedsLimit(_) => Some(self.untrusted(error)),
            _ => None,
        }
    }
}
