//! Which path is touched.

use super::{FactInput, fact_group};

fact_group! {
    /// Which path.
    PathFacts {
        /// The action names a path.
        present: bool,
        /// The path was understood; when it was not, the dangerous values hold.
        parsed: bool,
        /// The path: observed if the enforcement point resolved it, else normalised lexically.
        name: String,
        /// The name's extension in lower case, without the dot.
        extension: String,
        /// The path as given climbs out with `..`.
        traversal: bool,
        /// The path is absolute.
        absolute: bool,
        /// It holds a wildcard.
        wildcard: bool,
        /// It is a known place of secrets: `.env`, keys, credentials, shadow, cloud configuration.
        secret: bool,
        /// It belongs to the system: `/etc`, `/usr`, `/boot`, `/proc`, `/sys`, `/dev`.
        system: bool,
        /// Some part starts with a dot.
        hidden: bool,
        /// Bytes read or written, as observed; -1 when unknown.
        bytes: i64,
    }
}

impl PathFacts {
    /// Computes the group.
    #[must_use]
    pub fn compute(_input: FactInput<'_>) -> Self {
        Self::default()
    }
}
