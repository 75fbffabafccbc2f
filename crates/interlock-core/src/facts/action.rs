//! What the action does as a whole.

use super::{FactInput, Facts, fact_group};

fact_group! {
    /// What the action does as a whole; stands directly under `facts`.
    ActionFacts {
        /// It reads.
        read: bool,
        /// It writes, sends, pays, runs or deletes: it changes something.
        side_effect: bool,
        /// It deletes.
        delete: bool,
        /// It touches many records or files, or all of them.
        bulk: bool,
        /// Data leaves for an external host or person.
        outbound: bool,
        /// It can be undone.
        reversible: bool,
        /// It runs code or starts a process.
        executes: bool,
        /// It uses or asks for raised rights.
        elevated: bool,
        /// Some text that should have parsed did not.
        unparsed: bool,
        /// Bytes of arguments and payload.
        bytes: i64,
        /// Records or files touched, by the best estimate there is; -1 when unknown.
        records: i64,
        /// The hour by the engine's clock, UTC, 0 to 23.
        hour: i64,
        /// The weekday by the engine's clock, UTC, 1 Monday to 7 Sunday.
        weekday: i64,
        /// The environment: the credential's if it is bound, else as claimed.
        environment: String,
        /// The agent's identity is proven by its credential.
        authenticated: bool,
    }
}

impl ActionFacts {
    /// Computes the group from the others.
    #[must_use]
    pub fn compute(_input: FactInput<'_>, _facts: &Facts) -> Self {
        Self::default()
    }
}
