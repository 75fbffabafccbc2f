//! The server end to end, over TCP.

mod approvals;
mod bad_input;
mod bundle;
mod channels;
mod client;
mod connected;
mod content;
mod disk;
mod distrust;
mod door;
mod hardening;
mod keys;
mod published;
mod reading;
mod records;
mod refused;
mod robust;
mod rollbacks;
mod search;
mod vaikora;
