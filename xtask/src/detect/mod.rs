//! Measures the detectors on labelled texts and makes the weights of those that learn.

pub(crate) mod calibration;
mod carried;
mod composed;
mod data;
pub(crate) mod eval;
mod exploit;
mod folds;
mod groups;
mod latency;
mod learn;
mod measure;
mod obfuscate;
mod personal;
mod plot;
mod provenance;
mod rules;
pub(crate) mod train;
mod web;
