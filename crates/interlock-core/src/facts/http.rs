//! Which HTTP request is made.

use super::{FactInput, fact_group, url::UrlFacts};

fact_group! {
    /// Which HTTP request.
    HttpFacts {
        /// The action is an HTTP request.
        present: bool,
        /// The request was understood.
        parsed: bool,
        /// The method in upper case; `GET` when none is named and there is no body.
        method: String,
        /// The method changes something (POST, PUT, PATCH, DELETE).
        writes: bool,
        /// Bytes of the body.
        body_bytes: i64,
        /// The request carries an authorization header or cookie.
        authorization: bool,
    }
}

impl HttpFacts {
    /// Computes the group from the action and its URL.
    #[must_use]
    pub fn compute(_input: FactInput<'_>, _url: &UrlFacts) -> Self {
        Self::default()
    }
}
