//! A simulated fleet of agents at their ordinary work, with attacks injected, played through the
//! engine: how many attacks the stateful detectors notice, how late, and how often they are wrong.

mod agent;
mod archetype;
mod attack;
mod calendar;
mod maker;
mod measure;
mod play;
mod random;
pub(crate) mod run;
mod trace;
