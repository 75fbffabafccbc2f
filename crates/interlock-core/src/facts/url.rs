//! Which URL and host are reached.

use super::{FactInput, fact_group};

fact_group! {
    /// Which URL and host.
    UrlFacts {
        /// The action names a URL or a host.
        present: bool,
        /// The URL was understood; when it was not, the dangerous values hold.
        parsed: bool,
        /// The scheme in lower case.
        scheme: String,
        /// The host in lower case; an address in canonical form whatever its spelling.
        host: String,
        /// The registrable domain, by a built-in list of common public suffixes; the host itself when it is an address.
        domain: String,
        /// The port, by default that of the scheme; 0 when unknown.
        port: i64,
        /// The path, `/` at least.
        path: String,
        /// The host is inside: loopback, private range, a configured internal domain, or a single label.
        internal: bool,
        /// The host is outside.
        external: bool,
        /// The host is an address.
        address: bool,
        /// The host is a cloud metadata service.
        metadata_service: bool,
        /// The URL carries a user name or password.
        credentials: bool,
        /// Every host named anywhere in the arguments.
        hosts: Vec<String>,
    }
}

impl UrlFacts {
    /// Computes the group.
    #[must_use]
    pub fn compute(_input: FactInput<'_>) -> Self {
        Self::default()
    }
}
