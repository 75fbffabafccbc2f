//! A draft of a bundle: whether it would compile, and how its tests come out. Nothing is put in
//! force.

use interlock_core::model::Layer;
use interlock_policy::{Diagnostic, Source, run_tests};

use crate::Runtime;
use crate::error::RuntimeError;

/// What became of one test of the bundles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DraftTest {
    /// The test's name.
    pub name: String,
    /// `file:line`.
    pub origin: String,
    /// What was expected and what came; `None` when it passed.
    pub failure: Option<String>,
}

/// What a draft would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Errors, for which it could not be published, and warnings; in the order of the compiler.
    pub diagnostics: Vec<Diagnostic>,
    /// The digest of what all policies together would compile to; `None` when they do not.
    pub digest: Option<[u8; 32]>,
    /// The tests of the draft itself, run against all policies together with it; none when these do
    /// not compile.
    pub tests: Vec<DraftTest>,
}

impl Runtime {
    /// Compiles a bundle's text together with everything else that holds for the tenant, as
    /// [`Runtime::publish_bundle`] would, and runs the tests in it.
    ///
    /// # Errors
    /// When the store fails.
    pub fn draft_bundle(
        &self,
        tenant: &str,
        name: &str,
        text: &str,
    ) -> Result<Draft, RuntimeError> {
        let store = &*self.inner.store;
        let draft = Source::new(name, text).in_layer(Layer::Team);
        let sources = self.inner.bundles.sources_with(tenant, store, draft)?;
        let compiled = match interlock_policy::compile(&sources, 0) {
            Ok(compiled) => compiled,
            Err(diagnostics) => {
                return Ok(Draft {
                    diagnostics,
                    digest: None,
                    tests: Vec::new(),
                });
            }
        };
        let own = format!("{name}:");
        let cases: Vec<_> = compiled
            .tests
            .iter()
            .filter(|case| case.origin.starts_with(&own))
            .cloned()
            .collect();
        let failures = run_tests(&cases, &compiled);
        let tests = cases
            .into_iter()
            .map(|case| DraftTest {
                failure: failures
                    .iter()
                    .find(|f| f.origin == case.origin && f.name == case.name)
                    .map(|f| f.message.clone()),
                name: case.name,
                origin: case.origin,
            })
            .collect();
        Ok(Draft {
            digest: Some(compiled.program.digest()),
            diagnostics: compiled.warnings,
            tests,
        })
    }
}
