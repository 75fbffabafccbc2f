//! The server end to end, over TCP.

mod bad_input;
mod client;
mod disk;
mod keys;
mod published;
mod robust;
