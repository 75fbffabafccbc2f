//! The twelve threat vectors: one file each, one line of registration.

mod context;

pub use context::{DetectorConfig, Phase};
