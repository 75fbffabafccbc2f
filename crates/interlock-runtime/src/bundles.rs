//! Policies: what is in force per tenant, and how it changes without a gap.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, PoisonError, RwLock};

use interlock_core::model::{Effect, Layer};
use interlock_policy::{Compiled, Diagnostic, Source};
use interlock_store::{Policy, Store};

use crate::error::RuntimeError;

/// A compiled bundle with its number.
#[derive(Debug)]
pub struct Loaded {
    /// The compiled form, with profiles, warnings and tests.
    pub compiled: Compiled,
    /// The revision of the tenant's policies; never goes back.
    pub revision: u64,
    /// The texts that it was compiled from.
    pub sources: Vec<Source>,
}

/// The bundles of all tenants.
#[derive(Debug)]
pub(crate) struct Bundles {
    /// What every tenant has, below its own.
    base: RwLock<Vec<Source>>,
    current: RwLock<HashMap<String, Arc<Loaded>>>,
    /// One change at a time, so that an older set of rows never replaces a newer one.
    changing: std::sync::Mutex<()>,
}

/// The diagnostics as one text.
pub(crate) fn render(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().fold(String::new(), |mut out, d| {
        let _ = writeln!(out, "{d}");
        out
    })
}

fn quoted(text: &str) -> String {
    let mut out = String::new();
    interlock_core::model::write_json_string(text, &mut out);
    out
}

/// The rows of the published API as a bundle of their own.
fn rows_source(rows: &[Policy]) -> Option<Source> {
    const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let mut text = String::from("interlock: 1\ndefault: allow\nrules:\n");
    let mut any = false;
    for row in rows.iter().filter(|r| r.enabled) {
        let policy = &row.policy;
        // "Trigger if risk score exceeds this value": nothing exceeds 1.0.
        if policy.max_risk_milli.is_some_and(|milli| milli >= 1_000) {
            continue;
        }
        any = true;
        let _ = writeln!(text, "  - id: {}", quoted(&format!("policy/{}", policy.id)));
        let _ = writeln!(text, "    description: {}", quoted(&policy.name));
        let _ = writeln!(text, "    priority: {}", policy.priority);
        let mut selectors = Vec::new();
        if let Some(glob) = &policy.action_type {
            selectors.push(format!("action: [{}]", quoted(glob)));
        }
        if let Some(glob) = &policy.resource_pattern {
            selectors.push(format!("resource: [{}]", quoted(glob)));
        }
        if !selectors.is_empty() {
            let _ = writeln!(text, "    match: {{ {} }}", selectors.join(", "));
        }
        if let Some(milli) = policy.max_risk_milli {
            let _ = writeln!(text, "    when: risk.composite > {}", milli / 10);
        }
        if policy.time_start.is_some() || policy.time_end.is_some() || policy.days.bits() != 0 {
            let days = (0..7)
                .filter(|d| policy.days.bits() & (1 << d) != 0)
                .filter_map(|d| DAYS.get(d).copied())
                .collect::<Vec<_>>()
                .join(", ");
            let days = if days.is_empty() {
                String::new()
            } else {
                format!("days: [{days}], ")
            };
            let (start, end) = (
                policy.time_start.unwrap_or(0),
                policy.time_end.unwrap_or(24),
            );
            let end = if end >= 24 {
                "24:00".to_owned()
            } else {
                format!("{end:02}:00")
            };
            let _ = writeln!(
                text,
                "    schedule: {{ {days}hours: \"{start:02}:00-{end}\", tz: UTC }}"
            );
        }
        let _ = writeln!(text, "    effect: {}", policy.effect.name());
    }
    any.then(|| Source::new("api-policies.yaml", text).in_layer(Layer::Team))
}

impl Bundles {
    pub(crate) fn new(base: Vec<Source>) -> Self {
        Self {
            base: RwLock::new(base),
            current: RwLock::default(),
            changing: std::sync::Mutex::default(),
        }
    }

    /// What is in force for a tenant; `None` when nothing is, which denies side effects.
    pub(crate) fn current(&self, tenant: &str) -> Option<Arc<Loaded>> {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(tenant)
            .map(Arc::clone)
    }

    /// Replaces what every tenant has below its own.
    pub(crate) fn set_base(&self, base: Vec<Source>) -> Vec<Source> {
        std::mem::replace(
            &mut *self.base.write().unwrap_or_else(PoisonError::into_inner),
            base,
        )
    }

    /// Shows `look` what every tenant has below its own.
    pub(crate) fn with_base<T>(&self, look: impl FnOnce(&[Source]) -> T) -> T {
        look(&self.base.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn compile(
        &self,
        tenant: &str,
        store: &dyn Store,
        extra: Option<Source>,
        rows: &[Policy],
    ) -> Result<Loaded, RuntimeError> {
        let mut sources = self
            .base
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        for bundle in store.bundles(tenant)? {
            if extra.as_ref().is_some_and(|e| e.name == bundle.name) {
                continue;
            }
            sources.push(Source::new(bundle.name, bundle.text).in_layer(Layer::Team));
        }
        sources.extend(extra);
        sources.extend(rows_source(rows));
        let revision = store.epochs(tenant)?.policy;
        let compiled = interlock_policy::compile(&sources, revision)
            .map_err(|d| RuntimeError::Policy(render(&d)))?;
        Ok(Loaded {
            compiled,
            revision,
            sources,
        })
    }

    /// Compiles what the store holds for a tenant and puts it in force. What does not compile
    /// never replaces what did.
    pub(crate) fn reload(
        &self,
        tenant: &str,
        store: &dyn Store,
    ) -> Result<Arc<Loaded>, RuntimeError> {
        let _one = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = Arc::new(self.compile(tenant, store, None, &store.policies(tenant)?)?);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(now) = current.get(tenant)
            && now.revision > loaded.revision
        {
            return Err(RuntimeError::Conflict(format!(
                "policy revision {} is older than {}, which is in force",
                loaded.revision, now.revision
            )));
        }
        current.insert(tenant.to_owned(), Arc::clone(&loaded));
        Ok(loaded)
    }

    /// Whether the tenant's policies would still compile with this source or these rows.
    pub(crate) fn try_compile(
        &self,
        tenant: &str,
        store: &dyn Store,
        extra: Option<Source>,
        rows: &[Policy],
    ) -> Result<Loaded, RuntimeError> {
        self.compile(tenant, store, extra, rows)
    }
}

/// The effect that a word of the published API asks for.
#[must_use]
pub fn published_effect(word: &str) -> Option<Effect> {
    match word {
        "block" | "deny" => Some(Effect::Block),
        "pause" => Some(Effect::RequireApproval),
        "allow" => Some(Effect::Allow),
        _ => None,
    }
}
