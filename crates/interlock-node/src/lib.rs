//! The native half of `@interlock/sdk`: the gate to a data directory as a Node.js addon. What
//! JavaScript programmers meet is the package around it, in `lib/`.
//!
//! Actions and answers cross as JSON texts: one string each way costs less than twenty properties,
//! and nothing of the addon lives on in JavaScript's heap.

mod answer;
pub mod elsewhere;
pub mod engine;
mod error;
pub mod limits;
pub mod privacy;
pub mod run;
pub mod server;
mod task;
pub mod terms;
pub mod undo;
