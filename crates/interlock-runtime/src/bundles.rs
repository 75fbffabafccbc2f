//! Policies: what is in force per tenant, and how it changes without a gap.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use interlock_core::audit::note::Signer;
use interlock_core::audit::{hex, unhex};
use interlock_core::model::{Effect, Layer};
use interlock_policy::{Compiled, Diagnostic, Manifest, Source, VerifiedBundle, sources_digest};
use interlock_store::{Policy, Store, StoreError};

use crate::clock::Clock;
use crate::error::RuntimeError;
use crate::reload::Stale;

/// The setting that keeps the number of the bundle in force, and what it stands for.
const NUMBER: &str = "bundle-in-force";

/// A compiled bundle with its number.
#[derive(Debug)]
pub struct Loaded {
    /// The compiled form, with profiles, warnings and tests.
    pub compiled: Compiled,
    /// The revision of the tenant's own policies; never goes back.
    pub revision: u64,
    /// The number of the bundle: it stands for one set of texts and never goes back.
    pub number: u64,
    /// The digest of the texts, as the manifest has it.
    pub sources_digest: [u8; 32],
    /// The signed manifest: [`interlock_policy::Manifest`] as a note. Of a server's bundle, its text.
    pub manifest: String,
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
    changing: Mutex<()>,
    stale: Mutex<Option<Stale>>,
    signer: Signer,
    clock: Arc<dyn Clock>,
    /// Whether a server's bundle is in force, which nothing here changes.
    fixed: AtomicBool,
    /// Held from looking at the rows until they are changed: what compiled is what is stored.
    editing: Mutex<()>,
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
    pub(crate) fn new(base: Vec<Source>, signer: Signer, clock: Arc<dyn Clock>) -> Self {
        Self {
            base: RwLock::new(base),
            current: RwLock::default(),
            changing: Mutex::default(),
            stale: Mutex::default(),
            signer,
            clock,
            editing: Mutex::default(),
            fixed: AtomicBool::new(false),
        }
    }

    /// Signs what clients are told beside bundles.
    pub(crate) fn signer(&self) -> &Signer {
        &self.signer
    }

    /// Puts a server's bundle in force for `tenant`, for good: what is stored here no longer counts.
    pub(crate) fn fix(&self, tenant: &str, bundle: VerifiedBundle) {
        let _one = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = Loaded {
            manifest: bundle.manifest.text(),
            compiled: bundle.compiled,
            revision: bundle.manifest.number,
            number: bundle.manifest.number,
            sources_digest: bundle.manifest.sources,
            sources: bundle.sources,
        };
        self.fixed.store(true, Ordering::SeqCst);
        self.current
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(tenant.to_owned(), Arc::new(loaded));
    }

    /// One edit at a time.
    pub(crate) fn editing(&self) -> std::sync::MutexGuard<'_, ()> {
        self.editing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is in force for a tenant; `None` when nothing is, which denies side effects.
    pub(crate) fn current(&self, tenant: &str) -> Option<Arc<Loaded>> {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(tenant)
            .map(Arc::clone)
    }

    /// The key by which clients check bundles.
    pub(crate) fn vkey(&self) -> String {
        self.signer.verifier().vkey()
    }

    /// Shows `look` what every tenant has below its own.
    pub(crate) fn with_base<T>(&self, look: impl FnOnce(&[Source]) -> T) -> T {
        look(&self.base.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn stale(&self) -> Option<Stale> {
        self.stale
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn set_stale(&self, stale: Option<Stale>) {
        *self.stale.lock().unwrap_or_else(PoisonError::into_inner) = stale;
    }

    fn base(&self) -> Vec<Source> {
        self.base
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The texts of a tenant: the base, its own bundles, its rows.
    fn sources(
        mut sources: Vec<Source>,
        tenant: &str,
        store: &dyn Store,
        extra: Option<Source>,
        rows: &[Policy],
    ) -> Result<Vec<Source>, RuntimeError> {
        for bundle in store.bundles(tenant)? {
            if extra.as_ref().is_some_and(|e| e.name == bundle.name) {
                continue;
            }
            sources.push(Source::new(bundle.name, bundle.text).in_layer(Layer::Team));
        }
        sources.extend(extra);
        sources.extend(rows_source(rows));
        Ok(sources)
    }

    /// The number of these texts: the one that they have if they are in force, else the next.
    fn number(
        tenant: &str,
        store: &dyn Store,
        digest: &[u8; 32],
    ) -> Result<(u64, Option<String>), RuntimeError> {
        let Some(kept) = store.setting(tenant, NUMBER)? else {
            return Ok((1, Some(format!("1 {}", hex(digest)))));
        };
        let (number, of) = kept
            .split_once(' ')
            .and_then(|(number, of)| Some((number.parse::<u64>().ok()?, unhex(of)?)))
            .ok_or(StoreError::Damaged {
                what: NUMBER,
                problem: "it is not a number and a digest".to_owned(),
            })?;
        if of == digest {
            return Ok((number, None));
        }
        let number = number.saturating_add(1);
        Ok((number, Some(format!("{number} {}", hex(digest)))))
    }

    /// Compiles what a tenant would have with this base and gives it its number, which is kept.
    fn load(
        &self,
        base: Vec<Source>,
        tenant: &str,
        store: &dyn Store,
    ) -> Result<Arc<Loaded>, RuntimeError> {
        let revision = store.epochs(tenant)?.policy;
        let sources = Self::sources(base, tenant, store, None, &store.policies(tenant)?)?;
        let digest = sources_digest(&sources);
        let (number, keep) = Self::number(tenant, store, &digest)?;
        let compiled = interlock_policy::compile(&sources, number)
            .map_err(|d| RuntimeError::Policy(render(&d)))?;
        if let Some(keep) = keep {
            store.set_setting(tenant, NUMBER, Some(&keep))?;
        }
        let manifest = Manifest {
            tenant: tenant.to_owned(),
            number,
            sources: digest,
            program: compiled.program.digest(),
            created: crate::rfc3339(self.clock.now()),
        };
        Ok(Arc::new(Loaded {
            compiled,
            revision,
            number,
            sources_digest: digest,
            manifest: manifest.signed(&self.signer),
            sources,
        }))
    }

    /// Compiles what the store holds for a tenant and puts it in force. What does not compile
    /// never replaces what did.
    pub(crate) fn reload(
        &self,
        tenant: &str,
        store: &dyn Store,
    ) -> Result<Arc<Loaded>, RuntimeError> {
        let _one = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.fixed.load(Ordering::SeqCst)
            && let Some(loaded) = self.current(tenant)
        {
            return Ok(loaded);
        }
        let loaded = self.load(self.base(), tenant, store)?;
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

    /// Replaces what every tenant has below its own, for all of `tenants` or for none. Returns
    /// whether it is another one than before.
    pub(crate) fn replace_base(
        &self,
        base: Vec<Source>,
        tenants: &[String],
        store: &dyn Store,
    ) -> Result<bool, RuntimeError> {
        let _one = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.base() == base || self.fixed.load(Ordering::SeqCst) {
            return Ok(false);
        }
        let mut all = Vec::with_capacity(tenants.len());
        // All are compiled before one is numbered: what never was in force has no number.
        for tenant in tenants {
            self.compiles(base.clone(), tenant, store, None, &store.policies(tenant)?)?;
        }
        for tenant in tenants {
            all.push((tenant.clone(), self.load(base.clone(), tenant, store)?));
        }
        *self.base.write().unwrap_or_else(PoisonError::into_inner) = base;
        self.current
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(all);
        Ok(true)
    }

    fn compiles(
        &self,
        base: Vec<Source>,
        tenant: &str,
        store: &dyn Store,
        extra: Option<Source>,
        rows: &[Policy],
    ) -> Result<Compiled, RuntimeError> {
        let sources = Self::sources(base, tenant, store, extra, rows)?;
        interlock_policy::compile(&sources, 0).map_err(|d| RuntimeError::Policy(render(&d)))
    }

    /// The texts of a tenant with this one in the place of the one of its name.
    pub(crate) fn sources_with(
        &self,
        tenant: &str,
        store: &dyn Store,
        draft: Source,
    ) -> Result<Vec<Source>, RuntimeError> {
        Self::sources(
            self.base(),
            tenant,
            store,
            Some(draft),
            &store.policies(tenant)?,
        )
    }

    /// Whether the tenant's policies would still compile with this source or these rows.
    pub(crate) fn try_compile(
        &self,
        tenant: &str,
        store: &dyn Store,
        extra: Option<Source>,
        rows: &[Policy],
    ) -> Result<Compiled, RuntimeError> {
        self.compiles(self.base(), tenant, store, extra, rows)
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
