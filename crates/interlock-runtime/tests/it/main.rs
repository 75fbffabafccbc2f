//! The runtime end to end: actions in, decisions and a record out.

mod approvals;
mod baseline;
mod bundles;
mod content;
mod faults;
mod idempotency;
mod profile;
mod projection;
mod restart;
mod world;
