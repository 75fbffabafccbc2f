//! The server end to end, over TCP.

mod bad_input;
mod client;
mod content;
mod keys;
mod kill;
mod published;
mod robust;
