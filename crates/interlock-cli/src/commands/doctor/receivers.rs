//! How the receivers of the record and the channels to people of a running server are doing.

use anyhow::Result;
use serde_json::Value;

use super::super::approvals::visible;
use super::{Found, Status};
use crate::client::Client;

/// Asks the server; nothing of what has no receiver or channel.
pub(super) fn look(server: &str, key: &str) -> Vec<Found> {
    let ask = |path: &str| -> Result<Vec<Value>> {
        let answer = Client::new(server, key)?.get(path)?;
        Ok(answer.as_array().cloned().unwrap_or_default())
    };
    [
        ("export", "/api/export/sinks", sink as fn(&Value) -> Found),
        ("channels", "/api/channels", channel),
    ]
    .into_iter()
    .flat_map(|(name, path, tell)| match ask(path) {
        Ok(all) => all.iter().map(tell).collect(),
        Err(error) => vec![Found::bad(
            name,
            Status::Warn,
            format!("`{server}` was not asked: {error:#}"),
            "give the server's address with `--server` and a key of role `auditor` or `admin`",
        )],
    })
    .collect()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// What failed, and since when it waits.
fn trouble(value: &Value) -> String {
    let mut said = String::new();
    if let Some(since) = value["waiting_since"].as_str() {
        said.push_str(&format!(", the oldest of {since}"));
    }
    let error = text(value, "last_error");
    if !error.is_empty() {
        said.push_str(&format!(
            "; last error: {}",
            visible(error).replace('\n', " ")
        ));
    }
    said
}

fn sink(sink: &Value) -> Found {
    const NAME: &str = "export";
    let lag = sink["lag_entries"].as_u64().unwrap_or(0);
    let name = text(sink, "name");
    let message = format!("`{name}` is {lag} entries behind");
    match sink["failures"].as_u64().unwrap_or(0) {
        0 => Found::ok(NAME, message),
        failures => Found::bad(
            NAME,
            Status::Warn,
            format!(
                "{message}, {failures} attempts in a row failed{}",
                trouble(sink)
            ),
            "nothing is lost: it goes on where it stopped once the receiver answers",
        ),
    }
}

fn channel(channel: &Value) -> Found {
    const NAME: &str = "channels";
    let count = |key: &str| channel[key].as_u64().unwrap_or(0);
    let (waiting, dead) = (count("waiting"), count("given_up"));
    let message = format!(
        "`{}` ({}): {waiting} messages wait, {dead} were given up",
        text(channel, "name"),
        text(channel, "kind")
    );
    if dead == 0 && count("failures") == 0 {
        return Found::ok(NAME, message);
    }
    Found::bad(
        NAME,
        Status::Warn,
        format!("{message}{}", trouble(channel)),
        "what was given up: `GET /api/deliveries?status=dead`; `POST /api/deliveries/SEQ/retry` tries it again",
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_fails_is_a_warning_with_its_reason() {
        let told = |found: Found| (found.status, found.message);
        let sink = |failures| {
            json!({"name": "siem", "lag_entries": 7, "failures": failures,
                "waiting_since": "2026-11-21T00:00:00Z", "last_error": "x\u{202e}y"})
        };
        assert_eq!(
            told(super::sink(&sink(0))),
            (Status::Ok, "`siem` is 7 entries behind".to_owned())
        );
        let (status, message) = told(super::sink(&sink(2)));
        assert_eq!(status, Status::Warn);
        assert!(
            message.contains("2 attempts") && message.contains("of 2026-11-21T00:00:00Z"),
            "{message}"
        );
        assert!(!message.contains('\u{202e}'), "{message}");
        let channel = |dead: u64, failures: u64| {
            json!({"name": "ops", "kind": "teams", "waiting": 3, "given_up": dead,
                "failures": failures, "last_error": "the workflow answered 429"})
        };
        assert_eq!(told(super::channel(&channel(0, 0))).0, Status::Ok);
        for (dead, failures) in [(1, 0), (0, 1)] {
            let (status, message) = told(super::channel(&channel(dead, failures)));
            assert_eq!(status, Status::Warn);
            assert!(message.contains("answered 429"), "{message}");
        }
    }
}
