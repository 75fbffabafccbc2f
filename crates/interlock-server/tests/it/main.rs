//! The server end to end, over TCP.

mod bad_input;
mod bundle;
mod client;
mod hardening;
mod content;
mod disk;
mod keys;
mod kill;
mod published;
mod refused;
mod robust;
