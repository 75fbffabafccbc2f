//! Foreign APIs: one folder each. They translate to the native model; none of their quirks leaks
//! inward.

pub(crate) mod vaikora;
pub(crate) mod vaultak;
