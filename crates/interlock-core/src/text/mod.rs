//! Text of an action: flattened once, normalised once, prefiltered once for all detectors.

mod segment;

pub use segment::{Channel, Segment, flatten};
