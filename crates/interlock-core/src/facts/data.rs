//! Which classes of data are involved.

use super::{FactInput, Facts, fact_group};

fact_group! {
    /// Which classes of data.
    DataFacts {
        /// Classes found in names or contents: `pii`, `phi`, `cardholder`, `credentials`, `financial`, `test`.
        classes: Vec<String>,
        /// Personal data.
        pii: bool,
        /// Health data.
        phi: bool,
        /// Cardholder data.
        cardholder: bool,
        /// Credentials.
        credentials: bool,
        /// Financial records.
        financial: bool,
        /// How many records are involved, by the best estimate there is; -1 when unknown.
        records: i64,
    }
}

impl DataFacts {
    /// Computes the group from the others.
    #[must_use]
    pub fn compute(_input: FactInput<'_>, _facts: &Facts) -> Self {
        Self::default()
    }
}
