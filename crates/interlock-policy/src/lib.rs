//! The policy language of Interlock: YAML and Cedar to a compiled program.

mod condition;
mod diagnostic;
mod document;
mod lower;
mod schema;

pub use diagnostic::{Diagnostic, Severity};
pub use document::FILE_BYTES_MAX;
pub use condition::CONDITION_BYTES_MAX;
pub use lower::EXPR_DEPTH_MAX;
pub use schema::cedar_schema;
