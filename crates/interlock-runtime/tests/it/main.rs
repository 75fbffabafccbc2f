//! The runtime end to end: actions in, decisions and a record out.

mod alerts;
mod approval_model;
mod approvals;
mod baseline;
mod budget;
mod budgets;
mod bundles;
mod content;
mod deep;
mod disk;
mod evidence;
mod faults;
mod gate;
mod idempotency;
mod large_evidence;
mod processes;
mod profile;
mod projection;
mod restart;
mod review;
mod socket;
mod timer;
mod what_if;
mod world;
