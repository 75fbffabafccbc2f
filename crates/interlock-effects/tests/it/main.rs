//! The crate from outside.

mod cases;
mod crash;
mod property;
mod shadow;
mod shadow_property;
mod tree;
