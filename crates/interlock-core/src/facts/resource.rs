//! One name for one resource, whichever tool touches it.

use super::{FactInput, Facts, fact_group};

fact_group! {
    /// The one name of what is acted on.
    ResourceFacts {
        /// The one name: a file as its path, a table as `scheme://…/table`, a URL normalised.
        name: String,
        /// Every name that the action touches, the one name among them.
        names: Vec<String>,
        /// `file`, `database`, `url`, `host`, `mail`, `other`, or empty.
        kind: String,
        /// `public`, `internal`, `sensitive` or `critical`, by the configured patterns.
        tier: String,
    }
}

impl ResourceFacts {
    /// Computes the group from the others.
    #[must_use]
    pub fn compute(_input: FactInput<'_>, _facts: &Facts) -> Self {
        Self::default()
    }
}
