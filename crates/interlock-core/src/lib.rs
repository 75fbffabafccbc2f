//! The decision point of Interlock.
//!
//! Pure functions from an action, the readings of state, a compiled program and a clock to a
//! decision.
//!
//! **Invariant:** nothing here does I/O, reads a clock, draws randomness or spawns a thread;
//! whatever varies is handed in. **Invariant:** no function on the decision path can panic.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::indexing_slicing,
        clippy::string_slice
    )
)]

pub mod approval;
pub mod audit;
pub mod detectors;
pub mod engine;
pub mod facts;
pub mod model;
pub mod privacy;
pub mod program;
pub mod risk;
pub mod state;
pub mod text;
