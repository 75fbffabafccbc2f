//! The policy language of Interlock: YAML and Cedar to a compiled program.
//!
//! [`compile`] takes the files of a bundle and answers a program with warnings and tests, or every
//! mistake with its line and a caret.
//!
//! **Invariant:** nothing here runs when an action is decided. Cedar parses and validates; the
//! core evaluates. **Invariant:** a bundle either compiles as a whole or not at all.

mod analyse;
mod bundle;
mod cedar_file;
mod compile;
mod condition;
mod diagnostic;
mod document;
mod lower;
mod require;
mod rule_document;
mod schema;
mod settings;
mod test_cases;
mod units;

pub use bundle::{BUILT_IN, Source, built_in, layer_from_name, load};
pub use compile::{Compiled, SOURCES_MAX, compile};
pub use condition::{CONDITION_BYTES_MAX, ConditionCompiler};
pub use diagnostic::{Diagnostic, Severity};
pub use document::FILE_BYTES_MAX;
pub use schema::cedar_schema;
pub use test_cases::{Evaluate, Expectation, Given, TestCase, TestFailure, Verdict, run_tests};
