//! A small client of the REST API, for the commands that speak to a running server.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// How long evidence may take to be gathered and sent.
const DOWNLOAD_TIMEOUT: Duration = Duration::from_secs(3_600);

/// A page of a list.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) body: Value,
    /// Where the next page begins; `None` after the last.
    pub(crate) next: Option<String>,
    /// How far was looked, when the server's time for one request was over.
    pub(crate) searched_to: Option<String>,
    /// How many recorded entries the list does not know yet.
    pub(crate) behind: Option<String>,
}

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

    /// `PATCH path` with a JSON body.
    pub(crate) fn patch(&self, path: &str, body: &Value) -> Result<Value> {
        self.send(self.http.patch(format!("{}{path}", self.base)).json(body))
    }

    /// `PUT path` with a JSON body.
    pub(crate) fn put(&self, path: &str, body: &Value) -> Result<Value> {
        self.send(self.http.put(format!("{}{path}", self.base)).json(body))
    }

    /// `DELETE path`.
    pub(crate) fn delete(&self, path: &str) -> Result<Value> {
        self.send(self.http.delete(format!("{}{path}", self.base)))
    }

    /// `GET path`, the body as it is.
    pub(crate) fn get_text(&self, path: &str) -> Result<String> {
        self.send_text(self.http.get(format!("{}{path}", self.base)))
    }

    /// `POST path` with a JSON body, for an answer of any length that may take long to begin.
    pub(crate) fn download(&self, path: &str, body: &Value) -> Result<reqwest::blocking::Response> {
        let request = self.http.post(format!("{}{path}", self.base)).json(body);
        self.respond(request.timeout(DOWNLOAD_TIMEOUT))
    }

    /// `GET path` of something that comes in pages: the lines, where the next page begins, and whether
    /// there is one already.
    pub(crate) fn get_page(&self, path: &str) -> Result<(String, Option<u64>, bool)> {
        let response = self.respond(self.http.get(format!("{}{path}", self.base)))?;
        let headers = response.headers().clone();
        let body = response.text().context("the server broke off its answer")?;
        let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
        let next = header("x-next-after").and_then(|v| v.parse().ok());
        Ok((body, next, header("x-more") == Some("true")))
    }

    /// A page of a list, with where the next one begins.
    pub(crate) fn page(&self, path: &str) -> Result<Page> {
        let response = self.respond(self.http.get(format!("{}{path}", self.base)))?;
        let header = |name: &str| {
            let value = response.headers().get(name)?;
            Some(value.to_str().ok()?.to_owned())
        };
        let (next, searched_to) = (header("interlock-next"), header("interlock-searched-to"));
        let behind = header("interlock-behind");
        let body = response.text().context("the server broke off its answer")?;
        Ok(Page {
            body: serde_json::from_str(&body).context("the server's answer is no JSON")?,
            next,
            searched_to,
            behind,
        })
    }

    fn send(&self, request: reqwest::blocking::RequestBuilder) -> Result<Value> {
        let body = self.send_text(request)?;
        Ok(serde_json::from_str(&body).unwrap_or(Value::String(body)))
    }

    fn send_text(&self, request: reqwest::blocking::RequestBuilder) -> Result<String> {
        self.respond(request)?
            .text()
            .context("the server broke off its answer")
    }

    /// The answer, when it is one of success.
    fn respond(
        &self,
        request: reqwest::blocking::RequestBuilder,
    ) -> Result<reqwest::blocking::Response> {
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
        if !status.is_success() {
            let body = response.text().context("the server broke off its answer")?;
            let value: Value = serde_json::from_str(&body).unwrap_or(Value::String(body));
            let message = value["message"]
                .as_str()
                .or(value.as_str())
                .unwrap_or("no message");
            bail!("the server answered {status}: {message}");
        }
        Ok(response)
    }
}
