//! What-if: a draft over recorded actions, before it is published.
//!
//! One thread walks the journal, two decide anew. Batches wait in a bounded queue, and what is
//! gathered has limits, so that memory does not grow with the record.

mod jobs;
mod report;
mod reviewers;
mod tally;

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use interlock_core::audit::frame::Kind;
use interlock_core::audit::recorded::Recorded;
use interlock_core::model::{Layer, UnixNanos};
use interlock_core::program::Program;
use interlock_core::program::replay::{Missing, MissingKind, ProfileNow, Replay, Replayed};
use interlock_core::program::rule::Profile;
use interlock_policy::{Compiled, Source};
use interlock_store::journal::{Journal, JournalError, Position};

pub(crate) use self::jobs::Jobs;
pub use self::jobs::{WHAT_IF_JOBS_MAX, WHAT_IF_RUNNING_MAX, WhatIfJob, WhatIfState};
pub use self::report::{Flip, Further, Sample, SampleGroup, Unevaluated, WhatIfReport};
use self::reviewers::Answers;
pub use self::reviewers::{Reviewers, SECONDS_DEFAULT};
use self::tally::Tally;
use crate::error::RuntimeError;
use crate::{Runtime, rfc3339};

/// Records handed to a worker at once.
const BATCH_RECORDS: usize = 128;
/// Batches that wait.
const BATCHES_MAX: usize = 4;
/// Threads that decide.
const WORKERS: usize = 2;
/// Earlier revisions of a tenant's bundles that are compiled, so that a rule which they share with
/// the draft needs nothing but what it decided.
const REVISIONS_MAX: usize = 8;

/// Which actions are decided anew.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WhatIfRange {
    /// Only this tenant's; of all tenants when absent.
    pub tenant: Option<String>,
    /// Only those of this run.
    pub run: Option<String>,
    /// Only those of this agent.
    pub agent: Option<String>,
    /// Only those decided at or after this time.
    pub since: Option<UnixNanos>,
    /// Only those decided before this time.
    pub until: Option<UnixNanos>,
}

/// How far a replay is; shared with whoever watches or stops it.
#[derive(Debug, Default)]
pub struct WhatIfProgress {
    /// Entries of the record read.
    pub entries: AtomicU64,
    /// Entries of the record there were at the start.
    pub entries_total: AtomicU64,
    /// Actions decided anew, or found not to be decidable.
    pub actions: AtomicU64,
    stopped: AtomicBool,
}

impl WhatIfProgress {
    /// Ends it at the next batch.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Whether somebody ended it.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}

/// What an administrator set for an agent.
type Configured = Box<dyn Fn(&str) -> Option<Profile> + Send + Sync>;

/// A draft with everything that is known of what it would replace.
pub struct WhatIfDraft {
    replay: Replay,
    compiled: Compiled,
    /// What is in force, for the profiles that it sets.
    in_force: Option<Arc<crate::Loaded>>,
    /// What an administrator set, by agent.
    configured: Configured,
}

impl std::fmt::Debug for WhatIfDraft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WhatIfDraft")
            .field("program", &self.compiled.program.name())
            .finish_non_exhaustive()
    }
}

impl WhatIfDraft {
    /// A draft beside a record of which nothing else is at hand. `known` are programs that may have
    /// decided it; the built-in bundles need not be among them.
    #[must_use]
    pub fn alone(compiled: Compiled, known: Vec<Program>) -> Self {
        let known = known.into_iter().map(Arc::new).chain(built_in());
        Self {
            replay: Replay::new(Arc::new(compiled.program.clone()), known),
            compiled,
            in_force: None,
            configured: Box::new(|_| None),
        }
    }

    /// What the draft makes of one recorded action.
    #[must_use]
    pub fn decide(&self, recorded: &Recorded) -> Replayed {
        let agent = &recorded.action.agent_id;
        let configured = (self.configured)(agent);
        let drafted = self.compiled.profile(agent);
        let now = if let Some(profile) = &configured {
            ProfileNow {
                profile: Some(profile),
                of_draft: false,
            }
        } else {
            let before = self
                .in_force
                .as_ref()
                .and_then(|loaded| loaded.compiled.profile(agent));
            ProfileNow {
                profile: drafted,
                of_draft: self.in_force.is_some() && drafted != before,
            }
        };
        self.replay.decide(recorded, now)
    }

    /// The draft's program.
    #[must_use]
    pub fn program(&self) -> &Program {
        self.replay.draft()
    }
}

/// The built-in bundles, each by itself.
fn built_in() -> Vec<Arc<Program>> {
    static ALL: LazyLock<Vec<Arc<Program>>> = LazyLock::new(|| {
        interlock_policy::BUILT_IN
            .iter()
            .filter_map(|(name, _)| interlock_policy::built_in(name))
            .filter_map(|source| interlock_policy::compile(&[source], 0).ok())
            .map(|compiled| Arc::new(compiled.program))
            .collect()
    });
    ALL.clone()
}

/// One entry on its way to a worker.
struct Item {
    seq: u64,
    body: Vec<u8>,
}

/// Decides the actions of a record anew.
///
/// # Errors
/// When the journal cannot be read.
///
/// # Panics
/// When deciding an action does: a report that leaves actions out would look like a whole one.
pub fn what_if(
    journal: &Journal,
    draft: &WhatIfDraft,
    range: &WhatIfRange,
    progress: &WhatIfProgress,
) -> Result<WhatIfReport, JournalError> {
    progress
        .entries_total
        .store(journal.entries(), Ordering::Relaxed);
    let mut answers = Answers::default();
    let (send, receive) = sync_channel::<Vec<Item>>(BATCHES_MAX);
    let receive = Mutex::new(receive);
    let mut walked = Ok(());
    let tallies = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS)
            .map(|_| scope.spawn(|| work(&receive, draft, range, progress)))
            .collect();
        walked = read(journal, range, progress, &mut answers, &send);
        drop(send);
        // Every worker is waited for before a failure of one is passed on.
        let ended: Vec<_> = workers
            .into_iter()
            .map(std::thread::ScopedJoinHandle::join)
            .collect();
        ended
            .into_iter()
            .map(|tally| tally.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect::<Vec<_>>()
    });
    walked?;
    let mut all = Tally::default();
    for tally in tallies {
        all.merge(tally);
    }
    Ok(report::report(all, &answers))
}

/// Decides single bodies anew, one after the other, as an export has them.
#[derive(Debug, Default)]
pub struct WhatIfBodies {
    tally: Tally,
    answers: Answers,
    lines: u64,
}

impl WhatIfBodies {
    /// Takes the next body; what is no decision and no answer to an approval is passed over.
    pub fn add(&mut self, draft: &WhatIfDraft, range: &WhatIfRange, body: &[u8]) {
        let seq = self.lines;
        self.lines += 1;
        match interlock_core::audit::body::kind_name(body) {
            Some("decision") => one(draft, range, seq, body, &mut self.tally),
            Some("approval-final") => self.answers.note(body),
            _ => {}
        }
    }

    /// What came of it.
    #[must_use]
    pub fn report(self) -> WhatIfReport {
        report::report(self.tally, &self.answers)
    }
}

fn read(
    journal: &Journal,
    range: &WhatIfRange,
    progress: &WhatIfProgress,
    answers: &mut Answers,
    send: &SyncSender<Vec<Item>>,
) -> Result<(), JournalError> {
    let (since, until) = (range.since.map(rfc3339), range.until.map(rfc3339));
    let needles: Vec<Vec<u8>> = [("run", &range.run), ("agent", &range.agent)]
        .into_iter()
        .filter_map(|(key, value)| value.as_ref().map(|value| member(key, value)))
        .collect();
    let mut batch = Vec::with_capacity(BATCH_RECORDS);
    journal.for_each(Position::default(), &mut |tenant, entry| {
        progress.entries.fetch_add(1, Ordering::Relaxed);
        if progress.is_stopped() {
            return ControlFlow::Break(());
        }
        if range
            .tenant
            .as_deref()
            .is_some_and(|wanted| wanted != tenant)
        {
            return ControlFlow::Continue(());
        }
        match entry.kind {
            Kind::ApprovalFinal => answers.note(&entry.body),
            Kind::Decision
                if within(&entry.body, since.as_deref(), until.as_deref())
                    && needles.iter().all(|needle| contains(&entry.body, needle)) =>
            {
                batch.push(Item {
                    seq: entry.seq,
                    body: entry.body.clone(),
                });
            }
            _ => {}
        }
        if batch.len() >= BATCH_RECORDS
            && send
                .send(std::mem::replace(
                    &mut batch,
                    Vec::with_capacity(BATCH_RECORDS),
                ))
                .is_err()
        {
            // No worker is left; what they found is lost with them, and the caller is told.
            progress.stop();
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    if !batch.is_empty() {
        let _ = send.send(batch);
    }
    Ok(())
}

fn work(
    receive: &Mutex<Receiver<Vec<Item>>>,
    draft: &WhatIfDraft,
    range: &WhatIfRange,
    progress: &WhatIfProgress,
) -> Tally {
    let mut tally = Tally::default();
    loop {
        let next = receive
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv();
        let Ok(batch) = next else {
            return tally;
        };
        if progress.is_stopped() {
            continue;
        }
        let before = tally.actions();
        for item in &batch {
            one(draft, range, item.seq, &item.body, &mut tally);
        }
        progress
            .actions
            .fetch_add(tally.actions() - before, Ordering::Relaxed);
    }
}

fn one(draft: &WhatIfDraft, range: &WhatIfRange, seq: u64, body: &[u8], tally: &mut Tally) {
    match Recorded::read(body) {
        Ok(recorded) => {
            let other = |wanted: &Option<String>, have: &str| {
                wanted.as_deref().is_some_and(|wanted| wanted != have)
            };
            if other(&range.run, &recorded.action.run_id)
                || other(&range.agent, &recorded.action.agent_id)
                || other(&range.tenant, &recorded.tenant)
                || range.since.is_some_and(|since| recorded.at < since)
                || range.until.is_some_and(|until| recorded.at >= until)
            {
                return;
            }
            tally.add(seq, &recorded, draft.decide(&recorded));
        }
        Err(error) => tally.unreadable(
            seq,
            &Missing::new(MissingKind::Unreadable, error.to_string()),
        ),
    }
}

/// `"key":"value"` as a body writes it.
fn member(key: &str, value: &str) -> Vec<u8> {
    let mut text = format!("\"{key}\":");
    interlock_core::audit::body::write_string(&mut text, value);
    text.into_bytes()
}

/// Whether `needle` is in `body`: a quick look before the body is read as a whole.
fn contains(body: &[u8], needle: &[u8]) -> bool {
    body.windows(needle.len()).any(|window| window == needle)
}

/// Whether a body's time, which stands at a fixed place, may lie in the range.
fn within(body: &[u8], since: Option<&str>, until: Option<&str>) -> bool {
    const HEAD: &[u8] = b"{\"v\":1,\"ts\":\"";
    let Some(ts) = body.strip_prefix(HEAD).and_then(|rest| rest.get(..30)) else {
        // Another form; it is read as a whole.
        return true;
    };
    since.is_none_or(|since| ts >= since.as_bytes())
        && until.is_none_or(|until| ts < until.as_bytes())
}

impl Runtime {
    /// A draft of the bundle `name` with everything else that holds for the tenant, ready to decide
    /// recorded actions.
    ///
    /// # Errors
    /// When it does not compile, or the store fails.
    pub fn what_if_draft(
        &self,
        tenant: &str,
        name: &str,
        text: &str,
    ) -> Result<WhatIfDraft, RuntimeError> {
        let inner = &*self.inner;
        let draft = Source::new(name, text).in_layer(Layer::Team);
        let sources = inner.bundles.sources_with(tenant, &*inner.store, draft)?;
        let compiled = interlock_policy::compile(&sources, 0)
            .map_err(|d| RuntimeError::Policy(crate::bundles::render(&d)))?;
        let in_force = inner.bundles.current(tenant);
        let mut known = built_in();
        known.extend(self.earlier(tenant)?);
        known.extend(
            in_force
                .as_ref()
                .map(|loaded| Arc::new(loaded.compiled.program.clone())),
        );
        let (runtime, tenant) = (self.clone(), tenant.to_owned());
        Ok(WhatIfDraft {
            replay: Replay::new(Arc::new(compiled.program.clone()), known),
            compiled,
            in_force,
            configured: Box::new(move |agent| {
                runtime
                    .inner
                    .agents
                    .get(&tenant, agent)
                    .and_then(|configured| configured.profile.clone())
            }),
        })
    }

    /// The programs that the tenant's latest revisions made with what else is in force now.
    fn earlier(&self, tenant: &str) -> Result<Vec<Arc<Program>>, RuntimeError> {
        let store = &*self.inner.store;
        let mut programs = Vec::new();
        for bundle in store.bundles(tenant)? {
            let history = store.bundle_history(tenant, &bundle.name, REVISIONS_MAX)?;
            for (revision, ..) in history {
                if revision == bundle.revision || programs.len() >= REVISIONS_MAX {
                    continue;
                }
                let then = store.bundle(tenant, &bundle.name, Some(revision))?;
                let source = Source::new(then.name, then.text).in_layer(Layer::Team);
                let sources = self.inner.bundles.sources_with(tenant, store, source)?;
                // What no longer compiles decided nothing that can be told.
                if let Ok(compiled) = interlock_policy::compile(&sources, 0) {
                    programs.push(Arc::new(compiled.program));
                }
            }
        }
        // Before the first bundle of the tenant there was the base alone.
        let base = self.inner.bundles.with_base(<[Source]>::to_vec);
        if let Ok(compiled) = interlock_policy::compile(&base, 0) {
            programs.push(Arc::new(compiled.program));
        }
        Ok(programs)
    }
}
