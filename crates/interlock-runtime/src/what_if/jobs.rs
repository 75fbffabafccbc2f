//! Replays that run beside requests: few at once, few kept.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use interlock_core::model::UnixNanos;
use uuid::Uuid;

use super::{WhatIfDraft, WhatIfProgress, WhatIfRange, WhatIfReport, what_if};
use crate::Runtime;
use crate::clock::new_id;
use crate::error::RuntimeError;

/// Replays that run at once.
pub const WHAT_IF_RUNNING_MAX: usize = 2;
/// Replays of one tenant that are kept; the oldest that has ended makes room.
pub const WHAT_IF_JOBS_MAX: usize = 8;
/// Replays of all tenants that are kept.
const KEPT_MAX: usize = 64;

/// Where a replay stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhatIfState {
    /// It runs.
    Running,
    /// It has ended.
    Done(Arc<WhatIfReport>),
    /// Somebody ended it.
    Cancelled,
    /// The record could not be read.
    Failed(String),
}

impl WhatIfState {
    /// The stable name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done(_) => "done",
            Self::Cancelled => "cancelled",
            Self::Failed(_) => "failed",
        }
    }
}

/// One replay.
#[derive(Debug)]
pub struct WhatIfJob {
    /// Its id.
    pub id: Uuid,
    /// Whose.
    pub tenant: String,
    /// Who asked.
    pub by: String,
    /// When.
    pub at: UnixNanos,
    /// How far it is.
    pub progress: WhatIfProgress,
    state: Mutex<WhatIfState>,
    ended: Condvar,
}

impl WhatIfJob {
    fn lock(&self) -> MutexGuard<'_, WhatIfState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> WhatIfState {
        self.lock().clone()
    }

    /// Where it stands once it has ended, or after `patience`.
    #[must_use]
    pub fn wait(&self, patience: Duration) -> WhatIfState {
        let running = |state: &mut WhatIfState| *state == WhatIfState::Running;
        let (state, _) = self
            .ended
            .wait_timeout_while(self.lock(), patience, running)
            .unwrap_or_else(PoisonError::into_inner);
        state.clone()
    }

    fn end(&self, state: WhatIfState) {
        *self.lock() = state;
        self.ended.notify_all();
    }
}

/// The replays of all tenants, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Jobs(Mutex<VecDeque<Arc<WhatIfJob>>>);

impl Jobs {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<WhatIfJob>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends all of them: the process stops.
    pub(crate) fn stop(&self) {
        for job in self.lock().iter() {
            job.progress.stop();
        }
    }

    fn admit(&self, job: &Arc<WhatIfJob>) -> Result<(), RuntimeError> {
        let mut jobs = self.lock();
        let runs = |job: &Arc<WhatIfJob>| job.state() == WhatIfState::Running;
        if jobs.iter().filter(|job| runs(job)).count() >= WHAT_IF_RUNNING_MAX {
            return Err(RuntimeError::Conflict(format!(
                "{WHAT_IF_RUNNING_MAX} replays run already: wait for one to end, or cancel it"
            )));
        }
        let own = jobs.iter().filter(|j| j.tenant == job.tenant).count();
        if own >= WHAT_IF_JOBS_MAX
            && let Some(at) = jobs.iter().position(|j| j.tenant == job.tenant && !runs(j))
        {
            jobs.remove(at);
        }
        if jobs.len() >= KEPT_MAX
            && let Some(at) = jobs.iter().position(|j| !runs(j))
        {
            jobs.remove(at);
        }
        jobs.push_back(Arc::clone(job));
        Ok(())
    }
}

impl Runtime {
    /// Begins to decide the tenant's recorded actions anew, on threads of its own.
    ///
    /// # Errors
    /// When as many replays run as may at once, or a thread cannot be started.
    pub fn start_what_if(
        &self,
        tenant: &str,
        by: &str,
        draft: WhatIfDraft,
        range: WhatIfRange,
    ) -> Result<Arc<WhatIfJob>, RuntimeError> {
        let now = self.now();
        let job = Arc::new(WhatIfJob {
            id: new_id(now),
            tenant: tenant.to_owned(),
            by: by.to_owned(),
            at: now,
            progress: WhatIfProgress::default(),
            state: Mutex::new(WhatIfState::Running),
            ended: Condvar::new(),
        });
        self.inner.what_if.admit(&job)?;
        let range = WhatIfRange {
            tenant: Some(tenant.to_owned()),
            ..range
        };
        let (runtime, running) = (self.clone(), Arc::clone(&job));
        let started = std::thread::Builder::new()
            .name("what-if".to_owned())
            .spawn(move || {
                let job = running;
                let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    what_if(runtime.journal(), &draft, &range, &job.progress)
                }));
                job.end(match ran {
                    // First: the walk stops by itself when no worker is left.
                    Err(_) => WhatIfState::Failed("the replay failed on a record".to_owned()),
                    _ if job.progress.is_stopped() => WhatIfState::Cancelled,
                    Ok(Ok(report)) => WhatIfState::Done(Arc::new(report)),
                    Ok(Err(error)) => WhatIfState::Failed(error.to_string()),
                });
            });
        if let Err(error) = started {
            job.end(WhatIfState::Failed(error.to_string()));
        }
        Ok(job)
    }

    /// A replay of the tenant.
    #[must_use]
    pub fn what_if_job(&self, tenant: &str, id: &str) -> Option<Arc<WhatIfJob>> {
        let id: Uuid = id.parse().ok()?;
        let jobs = self.inner.what_if.lock();
        jobs.iter()
            .find(|job| job.tenant == tenant && job.id == id)
            .cloned()
    }
}

#[cfg(test)]
mod tests {
    use interlock_core::model::{Action, Principal, Value};
    use interlock_core::program::replay::Replay;

    use super::*;
    use crate::{CheckOptions, Options};

    /// A worker that fails takes what it found with it: no report, of however many actions.
    #[test]
    fn a_replay_that_lost_a_worker_has_failed() {
        let directory = tempfile::tempdir().expect("a directory");
        let (runtime, _) = Runtime::open(Options::on(directory.path())).expect("it opens");
        for agent in ["good", "bad", "good"] {
            let json = format!(
                r#"{{"agent_id":"{agent}","action_type":"file_read","tool":"read","resource":"/a"}}"#
            );
            let action = Action::from_value(Value::parse(json.as_bytes()).expect("JSON"));
            runtime
                .check(
                    &Principal::local(),
                    action.expect("an action"),
                    &CheckOptions::default(),
                )
                .expect("it decides");
        }
        let text = "interlock: 1\ndefault: allow\nrules: []\n";
        let draft = |broken: &'static str| {
            let source = interlock_policy::Source::new("t.yaml", text);
            let compiled = interlock_policy::compile(&[source], 0).expect("it compiles");
            WhatIfDraft {
                replay: Replay::new(Arc::new(compiled.program.clone()), []),
                compiled,
                in_force: None,
                configured: Box::new(move |agent| {
                    assert!(agent != broken, "this action cannot be decided");
                    None
                }),
            }
        };
        for (broken, state) in [("nobody", "done"), ("bad", "failed"), ("good", "failed")] {
            let job = runtime
                .start_what_if("default", "ana", draft(broken), WhatIfRange::default())
                .expect("it starts");
            let found = job.wait(Duration::from_secs(60));
            assert_eq!(found.name(), state, "{broken}: {found:?}");
        }
        runtime.close();
    }
}
