//! Receivers that are asked over HTTP: one request for each batch.

use std::path::Path;

use super::config::{Format, Hook};
use super::event::SecurityEvent;
use super::lines;
use super::sink::{Destination, Failed};
use crate::channels::address::{ANSWER_BYTES_MAX, Guard, client};
use crate::channels::webhook::signatures;

/// What a receiver said.
pub(super) struct Answer {
    pub(super) status: u16,
    /// Seconds after which it wants to be asked again.
    pub(super) wait_s: Option<u64>,
    pub(super) body: Vec<u8>,
}

/// One receiver, connected to only where it may be.
pub(super) struct Endpoint {
    url: String,
    client: ureq::Agent,
}

impl Endpoint {
    pub(super) fn new(url: &str, guard: &Guard, ca_file: Option<&Path>) -> Result<Self, String> {
        Ok(Self {
            client: client(guard, url.starts_with("https:"), ca_file)?,
            url: url.trim_end_matches('/').to_owned(),
        })
    }

    /// Posts to `path` below the endpoint's address.
    pub(super) fn post(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer, Failed> {
        let mut request = self.client.post(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut answer = request
            .send(body)
            .map_err(|error| Failed::Later(error.to_string(), None))?;
        let wait_s = answer
            .headers()
            .get("retry-after")
            .and_then(|v| v.to_str().ok()?.parse().ok());
        // Read to its end, so that the connection can be used again.
        let body = answer
            .body_mut()
            .with_config()
            .limit(ANSWER_BYTES_MAX)
            .read_to_vec();
        Ok(Answer {
            status: answer.status().as_u16(),
            wait_s,
            body: body.unwrap_or_default(),
        })
    }
}

/// What an answer that is no success means. Only what says that the content is wrong is final: a
/// receiver that is set up wrongly is put right some day, and then wants what it missed.
pub(super) fn refusal(answer: &Answer) -> Failed {
    let why = format!("the receiver answered {}", answer.status);
    match answer.status {
        400 | 413 | 422 => Failed::Never(why),
        _ => Failed::Later(why, answer.wait_s),
    }
}

/// Sends lines to a webhook, signed as Standard Webhooks says.
pub(super) struct Webhook {
    hook: Hook,
    format: Format,
    endpoint: Endpoint,
}

impl Webhook {
    pub(super) fn new(hook: &Hook, format: Format) -> Result<Self, String> {
        Ok(Self {
            endpoint: Endpoint::new(&hook.url, &hook.guard, hook.ca_file.as_deref())?,
            hook: hook.clone(),
            format,
        })
    }
}

impl Destination for Webhook {
    fn send(&mut self, events: &[SecurityEvent]) -> Result<(), Failed> {
        let mut body = String::new();
        for line in events.iter().flat_map(|event| lines(self.format, event)) {
            body.push_str(&line);
            body.push('\n');
        }
        // The same for every attempt at the same batch.
        let first = events.first().map_or("none", |e| e.uid.as_str());
        let id = format!("exp_{first}_{}", events.len());
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let timestamp = now.map_or(0, |d| d.as_secs()).to_string();
        let signature = signatures(&self.hook.secrets, &id, &timestamp, body.as_bytes());
        let headers = [
            ("content-type", self.format.content_type()),
            ("webhook-id", id.as_str()),
            ("webhook-timestamp", &timestamp),
            ("webhook-signature", &signature),
        ];
        let answer = self.endpoint.post("", &headers, body.as_bytes())?;
        match answer.status {
            200..=299 => Ok(()),
            _ => Err(refusal(&answer)),
        }
    }
}
