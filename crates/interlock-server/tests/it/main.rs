//! The server end to end, over TCP.

mod alerts;
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
mod export;
mod hardening;
mod keys;
mod matrix;
mod oidc;
mod published;
mod reading;
mod records;
mod refused;
mod robust;
mod rollbacks;
mod search;
mod sessions;
mod vaikora;
mod what_if;
