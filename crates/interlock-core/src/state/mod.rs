//! State: what Interlock remembers of an agent, as plain data that folds over the journal.

mod readings;

pub use readings::{LimitCharge, LimitKind, LimitReading, Readings, StateFacts};
