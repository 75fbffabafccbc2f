//! How much money is moved.

use super::{FactInput, fact_group};

fact_group! {
    /// How much money.
    MoneyFacts {
        /// The action names an amount of money.
        present: bool,
        /// The amount was understood; when it was not, it is the largest.
        parsed: bool,
        /// The amount in whole units, rounded up.
        amount: i64,
        /// The amount in billionths.
        amount_nano: i64,
        /// The currency in upper case, empty when none is named.
        currency: String,
        /// The amount is below zero.
        negative: bool,
    }
}

impl MoneyFacts {
    /// Computes the group.
    #[must_use]
    pub fn compute(_input: FactInput<'_>) -> Self {
        Self::default()
    }
}
