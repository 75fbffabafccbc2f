//! What is wrong with a filter.

use std::fmt;

/// Why a filter is refused, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterError {
    /// The column, from 1, in characters.
    pub column: usize,
    /// What was found there and what is allowed, for a person.
    pub message: String,
}

impl FilterError {
    /// The text with a caret under the column. What would move the caret (a line break, a character
    /// that takes no place) is shown as a space.
    #[must_use]
    pub fn pointed(&self, text: &str) -> String {
        let shown: String = text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let before = " ".repeat(self.column.saturating_sub(1));
        format!("{shown}\n{before}^ {}", self.message)
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: {}", self.column, self.message)
    }
}

impl std::error::Error for FilterError {}
