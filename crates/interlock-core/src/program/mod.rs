//! The compiled form of a policy bundle and its evaluation.

mod classification;
pub mod expr;
pub mod glob;
pub mod rule;

pub use classification::{Classification, Tier};
