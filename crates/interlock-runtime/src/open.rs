//! Starting: the journal is recovered, state is folded from it, policies are put in force.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use interlock_core::approval::State as ApprovalState;
use interlock_core::audit::frame::Kind;
use interlock_core::audit::record::ContentMode;
use interlock_core::model::{Effect, UnixNanos, Value};
use interlock_core::state::Footprint;
use interlock_policy::Source;
use interlock_store::journal::{
    Durability, Entry, Journal, JournalError, JournalOptions, Position, Recovery,
};
use interlock_store::vault::{Vault, VaultError, VaultOptions};
use interlock_store::{SqliteOptions, SqliteStore, Store, StoreError};
use thiserror::Error;

use crate::check::Checked;
use crate::clock::{Clock, SystemClock};
use crate::content::About;
use crate::error::RuntimeError;
use crate::outcome::{Open, record_time, summary};
use crate::{Inner, Runtime, projector, recorded};

/// How a runtime is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// The data directory; made when it is not there.
    pub data: PathBuf,
    /// What every tenant has below its own policies.
    pub policies: Vec<Source>,
    /// When a decision is returned.
    pub durability: Durability,
    /// How much content a record may carry.
    pub content: ContentMode,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Tenants to open.
    pub tenants: Vec<String>,
}

impl Options {
    /// The defaults on `data`: strict durability, full content, the default starter bundle.
    #[must_use]
    pub fn on(data: &Path) -> Self {
        Self {
            data: data.to_owned(),
            policies: interlock_policy::built_in("default").into_iter().collect(),
            durability: Durability::Strict,
            content: ContentMode::Full,
            clock: Arc::new(SystemClock::default()),
            tenants: vec![crate::DEFAULT_TENANT.to_owned()],
        }
    }
}

/// Why a runtime could not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The data directory cannot be used.
    #[error("cannot use data directory `{path}`: {source}")]
    Directory {
        /// The directory.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another process has the data directory open.
    #[error("data directory `{0}` is in use by another server: stop it, or give another directory")]
    InUse(String),
    /// The journal cannot be opened.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The vault cannot be opened.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The database cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The policies do not compile, or a tenant cannot be opened.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The empty program could not be built, or the projection failed.
    #[error("{0}")]
    Internal(String),
}

impl Runtime {
    /// Opens a data directory and everything in it.
    ///
    /// # Errors
    /// When another process owns it, the record is corrupt, or the policies do not compile.
    pub fn open(options: Options) -> Result<(Self, Recovery), OpenError> {
        std::fs::create_dir_all(&options.data).map_err(|source| OpenError::Directory {
            path: options.data.display().to_string(),
            source,
        })?;
        let clock = Arc::clone(&options.clock);
        let (journal, recovery) = Journal::open(
            &options.data,
            JournalOptions {
                durability: options.durability,
                clock: Arc::new(move || u64::try_from(clock.now()).unwrap_or(0)),
                ..JournalOptions::default()
            },
        )
        .map_err(|error| match error {
            JournalError::Locked => OpenError::InUse(options.data.display().to_string()),
            error => OpenError::Journal(error),
        })?;
        let store =
            SqliteStore::open(&options.data.join("interlock.db"), SqliteOptions::default())?;
        let runtime = Self::assemble(journal, Arc::new(store), options)?;
        Ok((runtime, recovery))
    }

    /// Wires an open journal and store; the vault is opened below `options.data`.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn assemble(
        journal: Journal,
        store: Arc<dyn Store>,
        options: Options,
    ) -> Result<Self, OpenError> {
        let nothing = [Source::new("empty.yaml", "interlock: 1\ndefault: block\n")];
        let empty = interlock_policy::compile(&nothing, 0)
            .map_err(|d| OpenError::Internal(crate::bundles::render(&d)))?
            .program;
        let vault = Vault::open(&options.data, VaultOptions::default()).map_err(|e| match e {
            VaultError::Locked => OpenError::InUse(options.data.display().to_string()),
            other => OpenError::Vault(other),
        })?;
        journal.attach(vault.clone());
        let runtime = Self {
            inner: Arc::new(Inner {
                clock: options.clock,
                bundles: crate::bundles::Bundles::new(options.policies),
                empty,
                memory: crate::memory::Memory::new(),
                agents: crate::agents::Agents::default(),
                journal,
                store,
                idempotency: crate::idempotency::Idempotency::default(),
                runs: crate::runs::Runs::default(),
                open: crate::outcome::OpenDecisions::default(),
                vault,
                erasing: Mutex::default(),
                projector: Arc::default(),
                thread: Mutex::default(),
                changed: crate::settings::Changed::default(),
                stats: crate::stats::Stats::default(),
                content: options.content,
            }),
        };
        runtime.fold()?;
        for tenant in &options.tenants {
            runtime.open_tenant(tenant)?;
        }
        runtime.complete_erasure()?;
        projector::catch_up(
            &runtime.inner.journal,
            &*runtime.inner.store,
            &runtime.inner.vault,
        )
        .map_err(|e| OpenError::Internal(e.to_string()))?;
        let (journal, store, wake, vault) = (
            runtime.inner.journal.clone(),
            Arc::clone(&runtime.inner.store),
            Arc::clone(&runtime.inner.projector),
            runtime.inner.vault.clone(),
        );
        let thread = std::thread::Builder::new()
            .name("projector".to_owned())
            .spawn(move || projector::run(&journal, &*store, &wake, &vault))
            .map_err(|e| OpenError::Internal(format!("cannot start a thread: {e}")))?;
        *runtime
            .inner
            .thread
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(thread);
        Ok(runtime)
    }

    /// Folds state from the journal, so that a restart resets no limit.
    fn fold(&self) -> Result<(), OpenError> {
        let inner = &*self.inner;
        inner
            .journal
            .for_each(Position::default(), &mut |tenant, entry| {
                if matches!(
                    entry.kind,
                    Kind::Decision | Kind::Outcome | Kind::ApprovalFinal
                ) && let Ok(body) = Value::parse(&entry.body)
                {
                    self.fold_entry(tenant, entry, &body);
                }
                ControlFlow::Continue(())
            })?;
        Ok(())
    }

    fn fold_entry(&self, tenant: &str, entry: &Entry, body: &Value) -> Option<()> {
        let (kind, leaf) = (entry.kind, entry.leaf);
        let inner = &*self.inner;
        let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
        let at = record_time(body)?;
        let id: uuid::Uuid = text("id").parse().ok()?;
        if kind == Kind::ApprovalFinal {
            if ApprovalState::from_name(text("state")).is_some_and(ApprovalState::is_approved) {
                inner.memory.approved(tenant, text("agent"), at);
            }
        } else if kind == Kind::Decision {
            let effect = Effect::from_name(text("effect"))?;
            if body.get("reported").is_some() {
                return None;
            }
            let footprint = Footprint::from_value(body.get("state")?).ok()?;
            inner.memory.fold_decision(&footprint, effect, at);
            let run_seq = body.get("run_seq").and_then(Value::as_i64).unwrap_or(0);
            inner.runs.restore(
                &Arc::from(tenant),
                text("run"),
                u64::try_from(run_seq).unwrap_or(0),
                leaf,
            );
            inner.open.insert(
                tenant,
                id,
                Open {
                    agent: text("agent").to_owned(),
                    session: text("session").to_owned(),
                    run: text("run").to_owned(),
                    about: About::body(body),
                    permitted: effect.permits(),
                },
            );
            self.fold_answer(tenant, entry, body, id, at);
        } else {
            let (outcome, taint) = summary(body)?;
            inner.open.remove(tenant, id);
            inner
                .memory
                .settle(tenant, text("agent"), id.as_u128(), &outcome, at);
            inner.memory.taint(tenant, text("session"), &taint);
        }
        Some(())
    }

    /// Restores the answer to an idempotency key.
    fn fold_answer(
        &self,
        tenant: &str,
        entry: &Entry,
        body: &Value,
        id: uuid::Uuid,
        at: UnixNanos,
    ) -> Option<()> {
        let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
        let name = body.get("idempotency")?.as_str()?;
        let approval: Option<uuid::Uuid> = text("approval").parse().ok();
        // A request that asked has the id of what it asked for; another one used a grant.
        let used = approval.filter(|a| *a != id).map(|a| a.to_string());
        let asked = body.get("asked").or_else(|| body.get("resource"));
        let checked = Checked {
            id,
            at,
            agent_id: text("agent").to_owned(),
            action_type: text("type").to_owned(),
            resource: asked.and_then(Value::as_str).unwrap_or_default().to_owned(),
            decision: Arc::new(recorded::decision(body)?),
            seq: entry.seq,
            leaf: entry.leaf,
            approval_id: approval,
            replayed: false,
        };
        self.inner.idempotency.answer(
            (
                tenant.to_owned(),
                checked.agent_id.clone(),
                name.to_owned(),
                used.unwrap_or_default(),
            ),
            recorded::digest(body)?,
            &checked,
        );
        Some(())
    }
}
