//! The compiled form of a policy bundle and its evaluation.

mod classification;
pub mod glob;

pub use classification::{Classification, Tier};
