//! A small client of the REST API, for the commands that speak to a running server.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// A connection to a server with one key.
#[derive(Debug)]
pub(crate) struct Client {
    base: String,
    key: String,
    http: reqwest::blocking::Client,
}

impl Client {
    /// A client of the server at `base`.
    pub(crate) fn new(base: &str, key: &str) -> Result<Self> {
        Ok(Self {
            base: base.trim_end_matches('/').to_owned(),
            key: key.to_owned(),
            http: reqwest::blocking::Client::builder()
                .timeout(Duration::from_secs(60))
                .build()?,
        })
    }

    /// `GET path`.
    pub(crate) fn get(&self, path: &str) -> Result<Value> {
        self.send(self.http.get(format!("{}{path}", self.base)))
    }

    /// `POST path` with a JSON body.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.send(self.http.post(format!("{}{path}", self.base)).json(body))
    }

    /// `DELETE path`.
    pub(crate) fn delete(&self, path: &str) -> Result<Value> {
        self.send(self.http.delete(format!("{}{path}", self.base)))
    }

    fn send(&self, request: reqwest::blocking::RequestBuilder) -> Result<Value> {
        let response = request
            .header("x-api-key", &self.key)
            .header(
                "user-agent",
                concat!("interlock-cli/", env!("CARGO_PKG_VERSION")),
            )
            .send()
            .with_context(|| {
                format!(
                    "cannot reach the server at {}; is `interlock up` running?",
                    self.base
                )
            })?;
        let status = response.status();
        let body = response.text().unwrap_or_default();
        let value: Value = serde_json::from_str(&body).unwrap_or(Value::String(body));
        if !status.is_success() {
            let message = value["message"]
                .as_str()
                .or(value.as_str())
                .unwrap_or("no message");
            bail!("the server answered {status}: {message}");
        }
        Ok(value)
    }
}
