//! Risk: seven dimensions, each 0..=100, and their weighted composite.

mod report;

pub use report::{Dimension, DimensionScore, RiskConfig, RiskReport, Term};
