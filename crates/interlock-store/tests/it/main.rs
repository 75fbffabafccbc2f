//! Tests of the store from outside.

mod crash;
mod journal;
mod support;
