//! A simulated fleet of agents at their ordinary work, with attacks injected, played through the
//! engine: how many attacks the stateful detectors notice, how late, and how often they are wrong.

mod agent;
mod archetype;
mod attack;
mod calendar;
pub(crate) mod calibrate;
mod maker;
mod measure;
pub(crate) mod play;
pub(crate) mod plot;
mod random;
mod report;
pub(crate) mod run;
mod trace;
