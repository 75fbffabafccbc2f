//! The policy language of Interlock: YAML and Cedar to a compiled program.
//!
//! [`compile`] takes the files of a bundle and answers a program with warnings and tests, or every
//! mistake with its line and a caret:
//!
//! ```
//! use interlock_policy::{Source, compile};
//!
//! let text = r#"
//! interlock: 1
//! default: allow                      # what holds when nothing else decides; mandatory
//! rules:
//!   - id: no-unbounded-deletes
//!     match: { action: [database_write], environment: ["prod*"] }
//!     when: facts.sql.unboundd && risk.composite > 40
//!     effect: block
//! "#;
//! let found = compile(&[Source::new("bundle.yaml", text)], 1).unwrap_err();
//! assert_eq!(
//!     found[0].to_string(),
//!     "\
//! error[policy.unknown-field]: unknown fact `facts.sql.unboundd`
//!  --> bundle.yaml:7:21
//!   |
//! 7 |     when: facts.sql.unboundd && risk.composite > 40
//!   |                     ^^^^^^^^
//!   = help: did you mean `facts.sql.unbounded`?"
//! );
//!
//! let text = text.replace("unboundd", "unbounded");
//! let compiled = compile(&[Source::new("bundle.yaml", text)], 1).unwrap();
//! assert_eq!(compiled.program.rules().len(), 1);
//! ```
//!
//! A rule selects by `match`, `when`, `schedule` and `expires`; with `require` it fires when a
//! constraint is violated, without it when it selects. Conditions are Cedar expressions over
//! `facts.…`, `risk.…`, `findings.…`, `state.…` and `args.…`, whose fields [`cedar_schema`] lists.
//! Several files, of several layers, make one program; `extends` brings in a [built-in](BUILT_IN)
//! bundle or another file.
//!
//! **Invariant:** nothing here runs when an action is decided. Cedar parses and validates; the
//! core evaluates. **Invariant:** a bundle either compiles as a whole or not at all.

mod abbreviation;
mod analyse;
mod budgets;
mod bundle;
mod cedar_file;
mod compile;
mod condition;
mod diagnostic;
mod document;
mod format;
mod infer;
mod lease;
mod lower;
mod pipeline;
mod require;
mod rule_document;
mod schema;
mod settings;
mod signed;
mod test_cases;
mod units;
mod yaml;

pub use budgets::{
    BUDGET_CALLS_MAX, BUDGET_ID_BYTES_MAX, BUDGET_NOTIFY_MAX, BUDGET_OF_BYTES_MAX, BUDGET_USD_MAX,
    BUDGETS_MAX, Budget, BudgetAtLimit, BudgetError, BudgetScope, THRESHOLDS_DEFAULT, Usd,
    check_budgets, load_budgets, read_budgets,
};
pub use bundle::{BUILT_IN, Source, built_in, layer_from_name, load, named};
pub use compile::{Compiled, SOURCES_MAX, compile};
pub use condition::{CONDITION_BYTES_MAX, ConditionCompiler};
pub use diagnostic::{Diagnostic, Severity, nearest};
pub use document::FILE_BYTES_MAX;
pub use format::format;
pub use lease::{
    DecidedByServer, LEASE_MS_MAX, Lease, LeaseError, RollbackWanted, StoppedTool, receipt,
    verify_receipt,
};
pub use schema::cedar_schema;
pub use signed::{
    BundleError, Manifest, SIGNED_BYTES_MAX, SignedSource, VerifiedBundle, layer_name,
    sources_digest, verify_bundle,
};
pub use test_cases::{Evaluate, Expectation, Given, TestCase, TestFailure, Verdict, run_tests};
pub use yaml::{Yaml, read_yaml};
