//! What one server takes at once, and for how long.

use std::time::Duration;

/// What one server takes at once, and for how long. Past a limit a caller is told so; a request for
/// a decision is the last to be turned away, and one that is turned away got no permission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Open connections.
    pub connections_max: usize,
    /// Open connections of one address; of an IPv6 address, of its /64.
    pub connections_per_address_max: usize,
    /// Open connections of a loopback address: behind it may be a TLS proxy, or every agent of this
    /// machine.
    pub connections_per_loopback_max: usize,
    /// How long the head of a request may take once its first byte has come, and how long the first
    /// byte of a new connection may take.
    pub head_timeout: Duration,
    /// How long a connection may be idle between requests.
    pub idle_timeout: Duration,
    /// How long the body of a request may take.
    pub body_timeout: Duration,
    /// How long a client may take no byte of an answer.
    pub write_timeout: Duration,
    /// Bytes of the head of a request.
    pub head_bytes_max: usize,
    /// Header fields of a request.
    pub headers_max: usize,
    /// Decisions underway. When half of them are, reads are turned away.
    pub checks_max: usize,
    /// How long a request for a decision waits for its turn.
    pub checks_wait: Duration,
    /// Reads underway.
    pub reads_max: usize,
    /// Changes of configuration underway.
    pub changes_max: usize,
    /// How long a change waits for its turn.
    pub changes_wait: Duration,
    /// Requests that wait for an approval.
    pub waits_max: usize,
    /// Wrong keys that one address may present at once.
    pub wrong_keys_burst: u32,
    /// The time after which it may present one more.
    pub wrong_keys_every: Duration,
    /// How long a session of a person lasts.
    pub session_lifetime: Duration,
    /// How long one lasts without a request; noted to the minute.
    pub session_idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 10_000,
            connections_per_address_max: 256,
            connections_per_loopback_max: 10_000,
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            body_timeout: Duration::from_secs(15),
            write_timeout: Duration::from_secs(30),
            head_bytes_max: 16 * 1024,
            headers_max: 100,
            checks_max: 1_024,
            checks_wait: Duration::from_secs(2),
            reads_max: 128,
            changes_max: 32,
            changes_wait: Duration::from_secs(5),
            waits_max: 8_000,
            wrong_keys_burst: 10,
            wrong_keys_every: Duration::from_secs(6),
            session_lifetime: Duration::from_secs(12 * 3_600),
            session_idle: Duration::from_secs(30 * 60),
        }
    }
}
