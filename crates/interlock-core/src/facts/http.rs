//! Which HTTP request is made.

use super::{FactInput, fact_group, measure, url::UrlFacts};
use crate::model::{ActionType, Object, Value};

fact_group! {
    /// Which HTTP request.
    HttpFacts {
        /// The action is an HTTP request.
        present: bool,
        /// The request was understood.
        parsed: bool,
        /// The method in upper case; `GET` when none is named and there is no body, else `POST`.
        method: String,
        /// The method changes something (POST, PUT, PATCH, DELETE), also when a header overrides it, or is not known.
        writes: bool,
        /// Bytes of the body.
        body_bytes: i64,
        /// The request carries an authorization header or cookie.
        authorization: bool,
    }
}

const READING: &[&str] = &[
    "GET", "HEAD", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "REPORT", "SEARCH",
];
const WRITING: &[&str] = &[
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "UNLOCK",
    "PROPPATCH",
    "PURGE",
];

const METHOD_KEYS: &[&str] = &["method", "http_method", "verb"];
const BODY_KEYS: &[&str] = &[
    "body", "content", "data", "files", "form", "json", "payload",
];
const HEADER_KEYS: &[&str] = &["headers", "header", "http_headers"];

/// Whether a word is a method in the usual upper case.
pub(super) fn is_method(word: &str) -> bool {
    READING.contains(&word) || WRITING.contains(&word)
}

impl HttpFacts {
    /// Computes the group from the action and its URL.
    #[must_use]
    pub fn compute(input: FactInput<'_>, url: &UrlFacts) -> Self {
        let mut facts = Self::default();
        let action = input.action;
        let request = matches!(
            action.action_type,
            ActionType::ApiCall | ActionType::NetworkRequest
        );
        // A link in a message or a prompt is no request.
        let web = matches!(url.scheme.as_str(), "http" | "https")
            && (request || matches!(action.action_type, ActionType::Custom(_)));
        let arguments = action.arguments.as_object();
        let given = arguments
            .and_then(|a| METHOD_KEYS.iter().find_map(|key| a.get(key)))
            .or_else(|| request.then(|| action.payload.get("method")).flatten());
        let in_resource = action
            .resource
            .split_once(' ')
            .map(|(word, _)| word)
            .filter(|word| is_method(word));
        let bare = url.present && url.scheme.is_empty();
        let named = given.is_some() || in_resource.is_some();
        // An unreadable URL of a request is taken for a request to anywhere.
        let broken = request && url.present && !url.parsed;
        if !(web || broken || (request && (bare || named)) || (named && url.present)) {
            return facts;
        }
        facts.present = true;
        facts.parsed = true;
        if let Some(arguments) = arguments {
            for key in BODY_KEYS {
                if let Some(body) = arguments.get(key) {
                    facts.body_bytes = facts.body_bytes.saturating_add(measure::bytes(body));
                }
            }
        }
        if request {
            facts.body_bytes = facts
                .body_bytes
                .saturating_add(measure::bytes(&action.payload));
        }
        let method = match given {
            Some(Value::String(word)) => word.trim().to_ascii_uppercase(),
            Some(_) => {
                facts.parsed = false;
                String::new()
            }
            None => in_resource.map_or_else(String::new, str::to_owned),
        };
        facts.method = if !method.is_empty() {
            method
        } else if facts.body_bytes > 0 || !facts.parsed {
            "POST".to_owned()
        } else {
            "GET".to_owned()
        };
        facts.parsed &= is_method(&facts.method);
        facts.writes = !READING.contains(&facts.method.as_str());
        facts.authorization = url.credentials;
        if let Some(headers) = arguments.and_then(|a| HEADER_KEYS.iter().find_map(|key| a.get(key)))
        {
            facts.headers(headers);
        }
        if let Some(arguments) = arguments {
            facts.authorization |= ["auth", "authorization", "cookies", "bearer_token"]
                .iter()
                .any(|key| arguments.get(key).is_some_and(|v| !v.is_null()));
        }
        facts
    }

    fn headers(&mut self, headers: &Value) {
        let mut each = |name: &str, value: &str| {
            let is = |wanted: &str| name.trim().eq_ignore_ascii_case(wanted);
            if [
                "authorization",
                "cookie",
                "proxy-authorization",
                "x-api-key",
            ]
            .into_iter()
            .any(is)
            {
                self.authorization = true;
            }
            if [
                "x-http-method-override",
                "x-http-method",
                "x-method-override",
            ]
            .into_iter()
            .any(is)
            {
                self.writes |= !READING.contains(&value.trim().to_ascii_uppercase().as_str());
            }
        };
        let mut of_object = |object: &Object| {
            for (name, value) in object.iter() {
                each(name, value.as_str().unwrap_or_default());
            }
        };
        match headers {
            Value::Object(object) => of_object(object),
            Value::Array(items) => {
                for item in items {
                    match item {
                        Value::Object(object) => of_object(object),
                        Value::String(line) => {
                            let mut one = Object::new();
                            if let Some((name, value)) = line.split_once(':') {
                                one.insert(name, Value::from(value));
                            }
                            of_object(&one);
                        }
                        _ => {}
                    }
                }
            }
            Value::String(lines) => {
                let mut all = Object::new();
                for (name, value) in lines.lines().filter_map(|line| line.split_once(':')) {
                    all.insert(name, Value::from(value));
                }
                of_object(&all);
            }
            _ => {}
        }
    }
}
