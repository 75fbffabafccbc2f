//! How much is kept.

/// Bounds of an undo journal. Past those of one effect, it is irreversible and says so before it
/// happens; past the others the oldest steps are forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes copied of one file that is written in place. A deleted or replaced file on the file
    /// system of the journal is kept whatever its size, as nothing is copied.
    pub file_bytes_max: u64,
    /// Bytes kept in all.
    pub total_bytes_max: u64,
    /// Entries of a tree that is removed as a whole.
    pub tree_entries_max: usize,
    /// Steps kept.
    pub steps_max: usize,
    /// Effects of one step; past it the step is irreversible.
    pub step_effects_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes_max: 64 << 20,
            total_bytes_max: 2 << 30,
            tree_entries_max: 100_000,
            steps_max: 10_000,
            step_effects_max: 200_000,
        }
    }
}
