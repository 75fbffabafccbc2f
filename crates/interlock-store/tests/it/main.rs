//! Tests of the store from outside.

mod content;
mod crash;
mod journal;
mod kill;
mod mutation;
mod others;
mod recovery;
mod support;
mod vault;
mod writers;
