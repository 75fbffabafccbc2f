//! Measures the detectors on labelled texts and makes the weights of those that learn.

pub(crate) mod data;
pub(crate) mod folds;
mod groups;
mod learn;
pub(crate) mod rules;
pub(crate) mod train;
