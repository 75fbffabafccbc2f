//! Starting: the journal is recovered, state is folded from it, policies are put in force.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use interlock_core::audit::record::ContentMode;
use interlock_policy::{Budget, Source};
use interlock_store::journal::{Durability, Journal, JournalError, JournalOptions, Recovery};
use interlock_store::vault::{Vault, VaultError, VaultOptions};
use interlock_store::{SqliteOptions, SqliteStore, Store, StoreError};
use thiserror::Error;

use crate::background::SNAPSHOT_ENTRIES;
use crate::clock::{Clock, SystemClock};
use crate::error::RuntimeError;
use crate::{Inner, Runtime, projector};

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
    /// Size of a segment of the journal, bytes.
    pub segment_bytes: u64,
    /// Bytes kept in reserve for an orderly end when the disk is full.
    pub reserve_bytes: u64,
    /// Budgets of tenant `default` that stand in a file and are changed there; `None`: there is no
    /// file, and what is stored holds.
    pub budgets: Option<Vec<Budget>>,
    /// How it is connected to a server whose policies hold here; [`crate::Connected`] sets it.
    pub connection: Option<crate::ConnectionOptions>,
    /// For how long decisions are gathered before rows for lists are made of them.
    pub gather: Duration,
    /// Recorded entries that are not in the rows and that a start adds to them before it is over; where
    /// there are more, it adds them beside the decisions, and [`Runtime::behind`] says how many are left.
    pub backlog: u64,
    /// For how long whoever runs an approved action is believed alive without a word of it; at most 24
    /// hours.
    pub executor_lease: Duration,
}

impl Options {
    /// The defaults on `data`: strict durability, full content, the default starter bundle.
    #[must_use]
    pub fn on(data: &Path) -> Self {
        let journal = JournalOptions::default();
        Self {
            data: data.to_owned(),
            policies: interlock_policy::built_in("default").into_iter().collect(),
            durability: Durability::Strict,
            content: ContentMode::Full,
            clock: Arc::new(SystemClock::default()),
            tenants: vec![crate::DEFAULT_TENANT.to_owned()],
            segment_bytes: journal.segment_bytes,
            reserve_bytes: journal.reserve_bytes,
            budgets: None,
            connection: None,
            gather: projector::GATHER,
            backlog: crate::behind::AT_START_MAX,
            executor_lease: crate::approvals::EXECUTOR_LEASE,
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
    /// The socket for the other processes cannot be made.
    #[error("cannot make the socket in data directory `{path}`: {source}")]
    Socket {
        /// The directory.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
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
        // What is in it is for its owner alone; a directory that is there is left as it is.
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&options.data)
            .map_err(|source| OpenError::Directory {
                path: options.data.display().to_string(),
                source,
            })?;
        let clock = Arc::clone(&options.clock);
        let (journal, recovery) = Journal::open(
            &options.data,
            JournalOptions {
                durability: options.durability,
                segment_bytes: options.segment_bytes,
                reserve_bytes: options.reserve_bytes,
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
        let bundle_key =
            crate::bundle_key::open(&options.data).map_err(|source| OpenError::Directory {
                path: options.data.display().to_string(),
                source,
            })?;
        let vault = Vault::open(&options.data, VaultOptions::default()).map_err(|e| match e {
            VaultError::Locked => OpenError::InUse(options.data.display().to_string()),
            other => OpenError::Vault(other),
        })?;
        journal.attach(vault.clone());
        let snapshots = crate::snapshot::directory(&options.data);
        let mut folded = crate::background::restore(&snapshots, &journal);
        let mut snapshot_entries = folded.at.entries;
        if folded.advance(&journal, u64::MAX)? >= SNAPSHOT_ENTRIES {
            // So that the next start need not do this again.
            // What was found on disk is durable, the entry of this start may not be yet.
            let made = journal
                .sync()
                .map_err(crate::snapshot::SnapshotError::from)
                .and_then(|()| crate::snapshot::write(&snapshots, &journal, &folded));
            match made {
                Ok(_) => snapshot_entries = folded.at.entries,
                Err(error) => tracing::warn!(%error, "no state snapshot could be made"),
            }
        }
        let runtime = Self {
            inner: Arc::new(Inner {
                bundles: crate::bundles::Bundles::new(
                    options.policies,
                    bundle_key,
                    Arc::clone(&options.clock),
                ),
                clock: options.clock,
                empty,
                memory: folded.memory,
                agents: crate::agents::Agents::default(),
                journal,
                store,
                idempotency: folded.answers,
                runs: folded.runs,
                open: folded.open,
                settled: folded.settled,
                vault,
                erasing: Mutex::default(),
                projector: Arc::default(),
                behind: Arc::default(),
                thread: Mutex::default(),
                background: crate::background::Background::default(),
                deciding: Arc::default(),
                executor_lease: options.executor_lease,
                people: arc_swap::ArcSwap::default(),
                changed: crate::settings::Changed::default(),
                stats: crate::stats::Stats::default(),
                deep: crate::deep::Deep::default(),
                content: options.content,
                connection: options.connection.map(crate::remote::Connection::new),
                received: crate::received::Recent::default(),
                rollbacks: crate::rollbacks::Rollbacks::default(),
                responses: crate::responses::Responses::default(),
                budgets: crate::budgets::Budgets::default(),
                tool_stops: crate::tool_stops::ToolStops::default(),
                triaging: crate::alerts::Triaging::default(),
                what_if: crate::what_if::Jobs::default(),
            }),
        };
        for tenant in &options.tenants {
            runtime.open_tenant(tenant)?;
        }
        if let Some(budgets) = &options.budgets {
            runtime.declare_budgets(crate::DEFAULT_TENANT, "file", budgets)?;
        }
        runtime.restore_connection(&options.data)?;
        runtime.complete_erasure()?;
        let projector = projector::Projector {
            journal: runtime.inner.journal.clone(),
            store: Arc::clone(&runtime.inner.store),
            vault: runtime.inner.vault.clone(),
            deciding: Arc::clone(&runtime.inner.deciding),
            behind: Arc::clone(&runtime.inner.behind),
        };
        projector
            .start(options.backlog)
            .map_err(|e| OpenError::Internal(e.to_string()))?;
        let wake = Arc::clone(&runtime.inner.projector);
        let gather = options.gather;
        let thread = std::thread::Builder::new()
            .name("projector".to_owned())
            .spawn(move || projector.run(&wake, gather))
            .map_err(|e| OpenError::Internal(format!("cannot start a thread: {e}")))?;
        *runtime
            .inner
            .thread
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(thread);
        runtime
            .inner
            .background
            .start(&runtime.inner, &options.data, snapshot_entries)
            .map_err(|e| OpenError::Internal(format!("cannot start a thread: {e}")))?;
        Ok(runtime)
    }
}
