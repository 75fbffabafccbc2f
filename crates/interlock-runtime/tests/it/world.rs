//! A runtime on a clock that is set by hand.

use std::path::Path;
use std::sync::Arc;

use interlock_core::audit::record::ContentMode;
use interlock_core::model::{
    Action, Effect, Outcome, OutcomeStatus, Principal, Role, UnixNanos, Value,
};
use interlock_policy::Source;
use interlock_runtime::{
    CheckOptions, Checked, Clock, ManualClock, OpenError, Options, Runtime, RuntimeError,
};
use interlock_store::journal::{Durability, Journal, JournalOptions};
use interlock_store::{SqliteOptions, SqliteStore, Store};

pub(crate) const SECOND: UnixNanos = 1_000_000_000;
pub(crate) const MINUTE: UnixNanos = 60 * SECOND;
pub(crate) const HOUR: UnixNanos = 60 * MINUTE;
pub(crate) const DAY: UnixNanos = 24 * HOUR;
/// Monday 2026-03-02 00:00 UTC.
pub(crate) const MONDAY: UnixNanos = 1_772_409_600 * SECOND;

pub(crate) const TENANT: &str = "default";

/// A data directory, and what is needed to open it again and again.
pub(crate) struct World {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) policies: Vec<Source>,
    pub(crate) content: ContentMode,
    /// Entries that a start adds to the rows at once; as usual without.
    pub(crate) backlog: Option<u64>,
}

impl World {
    /// With the default bundle, on a Monday at 10:00 UTC.
    pub(crate) fn new() -> Self {
        Self::with(vec![
            interlock_policy::built_in("default").expect("a built-in bundle"),
        ])
    }

    /// With this policy alone.
    pub(crate) fn policy(text: &str) -> Self {
        Self::with(vec![Source::new("test.yaml", text)])
    }

    pub(crate) fn with(policies: Vec<Source>) -> Self {
        Self {
            dir: tempfile::tempdir().expect("a directory"),
            clock: Arc::new(ManualClock::at(MONDAY + 10 * HOUR)),
            policies,
            content: ContentMode::Full,
            backlog: None,
        }
    }

    fn options(&self, path: &Path) -> Options {
        let usual = Options::on(path);
        Options {
            policies: self.policies.clone(),
            content: self.content,
            durability: Durability::Async,
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            backlog: self.backlog.unwrap_or(usual.backlog),
            ..usual
        }
    }

    pub(crate) fn try_open(&self) -> Result<Runtime, OpenError> {
        self.try_open_then(|| {})
    }

    /// As [`Self::try_open`], and does something once the files are open, before the runtime is.
    pub(crate) fn try_open_then(&self, opened: impl FnOnce()) -> Result<Runtime, OpenError> {
        let path = self.dir.path();
        let clock = Arc::clone(&self.clock);
        let (journal, _) = Journal::open(
            path,
            JournalOptions {
                segment_bytes: 256 * 1024,
                reserve_bytes: 0,
                durability: Durability::Async,
                clock: Arc::new(move || u64::try_from(clock.now()).unwrap_or(0)),
                ..JournalOptions::default()
            },
        )?;
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(
            &path.join("interlock.db"),
            SqliteOptions::default(),
        )?);
        opened();
        Runtime::assemble(journal, store, self.options(path))
    }

    pub(crate) fn open(&self) -> Runtime {
        self.try_open().expect("the runtime opens")
    }

    pub(crate) fn advance(&self, by: UnixNanos) {
        self.clock.advance(by);
    }
}

/// An action from its wire form.
pub(crate) fn action(json: &str) -> Action {
    Action::from_json(json.as_bytes()).expect("the test's action is well-formed")
}

pub(crate) fn try_check(runtime: &Runtime, json: &str) -> Result<Checked, RuntimeError> {
    runtime.check(&Principal::local(), action(json), &CheckOptions::default())
}

pub(crate) fn check(runtime: &Runtime, json: &str) -> Checked {
    try_check(runtime, json).expect("there is a decision")
}

/// Checks, and compares effect and the code of the first reason.
pub(crate) fn expect(runtime: &Runtime, json: &str, effect: Effect, code: &str) -> Checked {
    let checked = check(runtime, json);
    let decision = &checked.decision;
    assert_eq!(decision.effect, effect, "{json}\n{:?}", decision.reasons);
    assert_eq!(
        codes(&checked).first().copied(),
        Some(code),
        "{json}\n{:?}",
        decision.reasons
    );
    checked
}

pub(crate) fn codes(checked: &Checked) -> Vec<&'static str> {
    checked.decision.reasons.iter().map(|r| r.code).collect()
}

pub(crate) fn fired(checked: &Checked) -> Vec<&str> {
    checked.decision.fired.iter().map(|f| &*f.id).collect()
}

/// The codes of all terms of the risk.
pub(crate) fn terms(checked: &Checked) -> Vec<&'static str> {
    let dimensions = &checked.decision.risk.dimensions;
    dimensions
        .iter()
        .flat_map(|d| d.terms.iter().map(|t| t.code))
        .collect()
}

pub(crate) fn outcome(status: OutcomeStatus) -> Outcome {
    Outcome {
        status,
        latency_ms: 5,
        cost_nano_usd: 0,
        result_bytes: 0,
        rows: None,
        result: None,
    }
}

pub(crate) fn principal(role: Role, agent: Option<&str>) -> Principal {
    Principal {
        agent: agent.map(Arc::from),
        role,
        ..Principal::local()
    }
}

/// The bodies of the tenant's records of this kind.
pub(crate) fn records(runtime: &Runtime, kind: &str) -> Vec<Value> {
    let entries = runtime
        .journal()
        .read(TENANT, 0, 100_000)
        .unwrap_or_default();
    let bodies = entries
        .iter()
        .map(|e| Value::parse(&e.body).expect("a body is JSON"));
    bodies
        .filter(|b| b.get("kind").and_then(Value::as_str) == Some(kind))
        .collect()
}

/// Closes a runtime and lets go of its directory.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the directory is free once it is dropped"
)]
pub(crate) fn end(runtime: Runtime) {
    runtime.close();
}
