//! Tests of the store from outside.

mod crash;
mod journal;
mod mutation;
mod support;
