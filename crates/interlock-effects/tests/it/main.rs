//! The crate from outside.

mod cases;
mod crash;
mod property;
mod tree;
