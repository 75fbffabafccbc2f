//! What Interlock keeps on disk.
//!
//! **Invariant:** the journal is the truth; whatever else lies on disk is rebuilt from it or is
//! content that may be erased without breaking it.

pub mod journal;
pub mod vault;
