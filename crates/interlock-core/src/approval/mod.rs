//! Approvals: who may let an action run, and that it then runs at most once.
//!
//! ```text
//! pending → approved | approved_edited | denied | expired | cancelled | superseded
//! approved, approved_edited → claimed | expired | cancelled | superseded
//! claimed → executed | failed | unknown
//! unknown → executed | failed | resolved
//! ```
//!
//! A step is a pure function of the approval, an event and the time. The store keeps the record
//! and applies each step as one compare-and-set on its version, so that of any number of racing
//! deciders or claimers exactly one wins.

mod machine;
mod notice;
mod record;

pub use machine::{Event, Recheck, Refusal, Verdict};
pub use notice::{ESCALATE_AFTER_NS, NOTICES_MAX, Notice, REMIND_AFTER_NS};
pub use record::{
    Approval, Claim, Grant, Request, RequestError, Resolution, ResolvedBy, State, Vote,
};

/// People whose agreement one approval may ask for.
pub const QUORUM_MAX: u8 = 16;
/// People whose own agreement may be excluded on one approval.
pub const EXCLUDED_MAX: usize = 16;
/// How long an approval may wait for people: 30 days, in nanoseconds.
pub const WAIT_NS_MAX: i64 = 30 * 24 * 3_600 * 1_000_000_000;
/// How long a grant may be claimed after approval, unless asked otherwise: 10 minutes, in
/// nanoseconds.
pub const GRANT_TTL_NS_DEFAULT: i64 = 600 * 1_000_000_000;
/// The longest life of a grant: 24 hours, in nanoseconds.
pub const GRANT_TTL_NS_MAX: i64 = 24 * 3_600 * 1_000_000_000;
/// The longest lease of a claim: 24 hours, in nanoseconds.
pub const LEASE_NS_MAX: i64 = 24 * 3_600 * 1_000_000_000;
/// Bytes of the reason that a person gives.
pub const REASON_BYTES_MAX: usize = 4_096;
