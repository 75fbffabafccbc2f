//! Splunk's HTTP Event Collector.
//!
//! Source: Splunk Enterprise, "Format events for HTTP Event Collector" and "About HTTP Event Collector
//! Indexer Acknowledgment": events one after the other in one body, the token as `Authorization:
//! Splunk <token>`; with acknowledgement a channel, and a question whether it is indexed.

use std::time::Duration;

use serde_json::{Value, json};

use super::config::{Format, Hec};
use super::event::SecurityEvent;
use super::http::{Answer, Endpoint};
use super::sink::{Destination, Failed};
use super::text::shown;
use super::{cef, jsonl, ocsf, syslog};

/// How often the indexer is asked whether it has what it was sent.
const ASKED_MAX: u32 = 20;
/// How long between two questions.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// Bytes of the collector's own words that are passed on.
const TEXT_BYTES_MAX: usize = 160;

/// Sends to a collector.
pub(super) struct Sender {
    hec: Hec,
    format: Format,
    endpoint: Endpoint,
    channel: String,
    host: String,
}

impl Sender {
    pub(super) fn new(hec: &Hec, format: Format, host: &str) -> Result<Self, String> {
        Ok(Self {
            endpoint: Endpoint::new(&hec.url, &hec.guard, hec.ca_file.as_deref())?,
            hec: hec.clone(),
            format,
            channel: uuid::Uuid::now_v7().to_string(),
            host: host.to_owned(),
        })
    }

    fn envelope(&self, event: &SecurityEvent, content: &Value) -> Value {
        let mut to = json!({
            // Seconds, as text: a number would lose its last digits.
            "time": format!("{}.{:03}", event.time / 1_000_000_000, event.time / 1_000_000 % 1_000),
            "host": self.host,
            "source": "interlock",
            "sourcetype": self.hec.sourcetype,
            "event": content,
            "fields": {
                "entry_id": event.uid, "code": event.code,
                "severity": event.severity.name(), "tenant": event.tenant,
            },
        });
        if let (Some(index), Some(members)) = (&self.hec.index, to.as_object_mut()) {
            members.insert("index".to_owned(), Value::from(index.as_str()));
        }
        to
    }

    fn body(&self, events: &[SecurityEvent]) -> String {
        let mut body = String::new();
        for event in events {
            let contents = match self.format {
                Format::Ocsf => ocsf::events(event),
                Format::Jsonl => vec![jsonl::object(event)],
                Format::Cef => vec![Value::from(cef::line(event))],
                Format::Syslog => vec![Value::from(syslog::Header::local().message(event))],
            };
            for content in &contents {
                body.push_str(&self.envelope(event, content).to_string());
                body.push('\n');
            }
        }
        body
    }

    fn post(&self, path: &str, body: &str) -> Result<Answer, Failed> {
        let token = self.hec.token.text().map_err(|e| Failed::Later(e, None))?;
        let authorization = format!("Splunk {token}");
        let mut headers = vec![
            ("authorization", authorization.as_str()),
            ("content-type", "application/json"),
        ];
        if self.hec.ack {
            headers.push(("x-splunk-request-channel", &self.channel));
        }
        self.endpoint.post(path, &headers, body.as_bytes())
    }

    /// Waits until the indexer has what it took under this number.
    fn indexed(&self, number: u64) -> Result<(), Failed> {
        let question = json!({"acks": [number]}).to_string();
        for _ in 0..ASKED_MAX {
            let answer = self.post("/services/collector/ack", &question)?;
            let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            let known = body
                .get("acks")
                .and_then(|acks| acks.get(number.to_string()));
            match (answer.status, known.and_then(Value::as_bool)) {
                (200, Some(true)) => return Ok(()),
                (200, _) => std::thread::sleep(ASK_EVERY),
                _ => return Err(refused(&answer)),
            }
        }
        Err(Failed::Later(
            "the collector took the events and did not index them in time".to_owned(),
            None,
        ))
    }
}

/// What an answer that is no success means. With 400 the collector also answers what is set up
/// wrongly, such as an index that the token may not write to (7), no channel (10) or a token without
/// acknowledgement (14): an event is given up only for what says that the event itself is wrong.
///
/// Source: Splunk Enterprise, "Troubleshoot HTTP Event Collector", possible error codes.
fn refused(answer: &Answer) -> Failed {
    let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let code = said.get("code").and_then(Value::as_u64);
    let why = match (code, said.get("text").and_then(Value::as_str)) {
        (Some(code), Some(text)) => format!(
            "the collector answered {}, code {code}: {}",
            answer.status,
            shown(text, TEXT_BYTES_MAX)
        ),
        _ => format!("the collector answered {}", answer.status),
    };
    match (answer.status, code) {
        // No data, invalid data format, no event field, a blank one.
        (400, Some(5 | 6 | 12 | 13)) => Failed::Never(why),
        // Fewer events may be short enough.
        (413, _) => Failed::Never(why),
        _ => Failed::Later(why, answer.wait_s),
    }
}

impl Destination for Sender {
    fn send(&mut self, events: &[SecurityEvent]) -> Result<(), Failed> {
        let answer = self.post("/services/collector/event", &self.body(events))?;
        if !matches!(answer.status, 200..=299) {
            return Err(refused(&answer));
        }
        if !self.hec.ack {
            return Ok(());
        }
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let number = body.get("ackId").and_then(Value::as_u64).ok_or_else(|| {
            Failed::Later(
                "the collector gave no `ackId`: switch indexer acknowledgement on for the token"
                    .to_owned(),
                None,
            )
        })?;
        self.indexed(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_wrong_with_an_event_is_final() {
        let said = |status, body: &str| {
            refused(&Answer {
                status,
                wait_s: None,
                body: body.as_bytes().to_vec(),
            })
        };
        for (code, last) in [
            (5, true),
            (6, true),
            (7, false),
            (10, false),
            (11, false),
            (12, true),
            (13, true),
            (14, false),
            (15, false),
        ] {
            let body = json!({"text": "Incorrect\nindex", "code": code}).to_string();
            let failed = said(400, &body);
            assert_eq!(matches!(failed, Failed::Never(_)), last, "{code}");
            let (Failed::Never(why) | Failed::Later(why, _)) = failed;
            assert!(why.contains(&format!("400, code {code}: Incorrect")));
            assert!(!why.contains('\n'), "{why}");
        }
        for (status, body) in [
            (400, "<html>"),
            (400, "{}"),
            (403, "{\"code\":6}"),
            (503, ""),
        ] {
            assert!(
                matches!(said(status, body), Failed::Later(..)),
                "{status} {body}"
            );
        }
        assert!(matches!(said(413, ""), Failed::Never(_)));
    }
}
