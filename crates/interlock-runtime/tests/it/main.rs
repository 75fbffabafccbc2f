//! The runtime end to end: actions in, decisions and a record out.

mod approvals;
mod baseline;
mod budget;
mod bundles;
mod disk;
mod content;
mod faults;
mod gate;
mod idempotency;
mod processes;
mod profile;
mod projection;
mod restart;
mod timer;
mod socket;
mod world;
