//! Text of an action: flattened once, normalised once, prefiltered once for all detectors.

mod decode;
mod hidden;
mod key;
pub(crate) mod lanes;
mod normalise;
mod prefilter;
mod scanned;
mod segment;
mod span_map;

pub(crate) use key::push_step;
pub use normalise::{Normalised, normalise};
pub use prefilter::{Bound, Hit, Literals, Prefilter};
pub use scanned::{Flags, Scanned, View, ViewKind};
pub use segment::{Channel, Segment, flatten};
pub use span_map::SpanMap;
