//! A deeper model that reads texts after the decision.
//!
//! It decides about nothing that it reads: it takes seconds where a decision takes microseconds. What it
//! takes for an attack becomes an entry of its own, an alert for people, and taints the session for
//! what comes after. **Invariant:** no decision waits for it. What does not fit its queue is
//! counted, never silently left out.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use interlock_core::audit::body::Body;
use interlock_core::audit::frame::Kind;
use interlock_core::model::{Action, UnixNanos, Value, Vector};
use interlock_core::state::Taint;
use interlock_core::text::{Channel, flatten};
use interlock_store::journal::JournalError;
use interlock_store::{AlertCause, AlertRow};
use uuid::Uuid;

use crate::{Inner, Runtime, rfc3339};

/// Actions and results that wait.
const JOBS_MAX: usize = 256;
/// Bytes of text that wait.
const BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes of one action or result that are kept for reading.
const JOB_BYTES_MAX: usize = 64 * 1024;
/// Shorter texts, and those without a space, are no language.
const TEXT_BYTES_MIN: usize = 16;

/// Reads texts at leisure.
pub trait DeepModel: std::fmt::Debug + Send + Sync {
    /// The probability that `text` is an attack, per mille.
    fn score_milli(&self, text: &str) -> u16;
    /// From which probability on it counts as one, per mille.
    fn threshold_milli(&self) -> u16;
    /// By what the record names the model.
    fn digest(&self) -> &str;
}

/// What became of the texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeepCounts {
    /// Actions and results that were read.
    pub read: u64,
    /// Of those, the ones with a text that was taken for an attack.
    pub flagged: u64,
    /// Actions and results that were not read, or not whole: the queue was full, their texts are too
    /// long, or the process ended.
    pub dropped: u64,
    /// Actions and results that wait now.
    pub waiting: u64,
}

/// The texts of one action or of its result.
#[derive(Debug)]
pub(crate) struct Job {
    tenant: Arc<str>,
    agent: String,
    session: String,
    id: Uuid,
    of: Kind,
    seq: u64,
    texts: Vec<(String, String)>,
    bytes: usize,
    cut: bool,
}

impl Job {
    fn add(&mut self, path: &str, text: &str) {
        if text.len() < TEXT_BYTES_MIN || !text.contains(char::is_whitespace) && text.is_ascii() {
            return;
        }
        let mut end = text.len().min(JOB_BYTES_MAX - self.bytes);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.cut |= end < text.len();
        if end > 0 {
            self.bytes += end;
            self.texts.push((path.to_owned(), text[..end].to_owned()));
        }
    }

    /// The same, now that the entry is written whose texts they are.
    pub(crate) fn recorded(mut self, seq: u64) -> Self {
        self.seq = seq;
        self
    }
}

#[derive(Debug, Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    bytes: usize,
    stopped: bool,
}

#[derive(Debug)]
struct Queue {
    model: Arc<dyn DeepModel>,
    waiting: Mutex<Waiting>,
    changed: Condvar,
    read: AtomicU64,
    flagged: AtomicU64,
    dropped: AtomicU64,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, job: Job) {
        let mut waiting = self.lock();
        let full = waiting.jobs.len() >= JOBS_MAX || waiting.bytes + job.bytes > BYTES_MAX;
        if full || waiting.stopped {
            drop(waiting);
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        if job.cut {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        waiting.bytes += job.bytes;
        waiting.jobs.push_back(job);
        drop(waiting);
        self.changed.notify_one();
    }

    /// The next job; none once the runtime stops.
    fn next(&self) -> Option<Job> {
        let mut waiting = self.lock();
        loop {
            if waiting.stopped {
                return None;
            }
            if let Some(job) = waiting.jobs.pop_front() {
                waiting.bytes -= job.bytes;
                return Some(job);
            }
            waiting = self
                .changed
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn stop(&self) {
        let mut waiting = self.lock();
        waiting.stopped = true;
        let left = waiting.jobs.len() as u64;
        waiting.jobs.clear();
        waiting.bytes = 0;
        drop(waiting);
        self.dropped.fetch_add(left, Ordering::Relaxed);
        self.changed.notify_all();
    }

    /// The text that is surest to be an attack, if any is: its path and probability. A model that fails
    /// on a text hides nothing.
    fn flagged<'j>(&self, job: &'j Job) -> Option<(&'j str, u16)> {
        let threshold = self.model.threshold_milli();
        let mut surest: Option<(&str, u16)> = None;
        for (path, text) in &job.texts {
            let read = catch_unwind(AssertUnwindSafe(|| self.model.score_milli(text)));
            let score = read.unwrap_or_else(|_| {
                tracing::error!("the deeper model failed on a text; it counts as an attack");
                1_000
            });
            if score >= threshold && surest.is_none_or(|(_, best)| score > best) {
                surest = Some((path, score));
            }
        }
        surest
    }
}

/// The model of a runtime, where there is one.
#[derive(Debug, Default)]
pub(crate) struct Deep(OnceLock<Arc<Queue>>);

impl Deep {
    /// The texts of an action, where a model waits for them.
    pub(crate) fn action(&self, tenant: &Arc<str>, id: Uuid, action: &Action) -> Option<Job> {
        self.0.get()?;
        let mut job = Job {
            tenant: Arc::clone(tenant),
            agent: action.agent_id.clone(),
            session: action.session_id.clone(),
            id,
            of: Kind::Decision,
            seq: 0,
            texts: Vec::new(),
            bytes: 0,
            cut: false,
        };
        let (segments, truncated) = flatten(action);
        job.cut = truncated;
        for segment in &segments {
            if segment.channel != Channel::Resource {
                job.add(&segment.path, &segment.text);
            }
        }
        (!job.texts.is_empty()).then_some(job)
    }

    /// The text of a result, where a model waits for it.
    pub(crate) fn result(
        &self,
        tenant: &str,
        id: Uuid,
        (agent, session): (&str, &str),
        text: &str,
    ) -> Option<Job> {
        self.0.get()?;
        let mut job = Job {
            tenant: Arc::from(tenant),
            agent: agent.to_owned(),
            session: session.to_owned(),
            id,
            of: Kind::Outcome,
            seq: 0,
            texts: Vec::new(),
            bytes: 0,
            cut: false,
        };
        job.add("result", text);
        (!job.texts.is_empty()).then_some(job)
    }

    /// Puts a job in the queue, or counts it.
    pub(crate) fn push(&self, job: Job) {
        if let Some(queue) = self.0.get() {
            queue.push(job);
        }
    }

    /// Ends the thread after the text that it reads; what waits is counted as not read.
    pub(crate) fn stop(&self) {
        if let Some(queue) = self.0.get() {
            queue.stop();
        }
    }
}

impl Drop for Deep {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Runtime {
    /// From now on `model` reads the texts of actions and results after they are recorded; the first
    /// model stays.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn read_deeper(&self, model: Arc<dyn DeepModel>) -> std::io::Result<()> {
        let queue = Arc::new(Queue {
            model,
            waiting: Mutex::default(),
            changed: Condvar::new(),
            read: AtomicU64::new(0),
            flagged: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        });
        if self.inner.deep.0.set(Arc::clone(&queue)).is_err() {
            return Ok(());
        }
        let weak = Arc::downgrade(&self.inner);
        std::thread::Builder::new()
            .name("deep".to_owned())
            .spawn(move || {
                crate::background::yield_to_decisions();
                read(&queue, &weak);
            })?;
        Ok(())
    }

    /// What became of the texts for the deeper model; none without one.
    #[must_use]
    pub fn deep_counts(&self) -> Option<DeepCounts> {
        let queue = self.inner.deep.0.get()?;
        Some(DeepCounts {
            read: queue.read.load(Ordering::Relaxed),
            flagged: queue.flagged.load(Ordering::Relaxed),
            dropped: queue.dropped.load(Ordering::Relaxed),
            waiting: queue.lock().jobs.len() as u64,
        })
    }
}

fn read(queue: &Queue, inner: &Weak<Inner>) {
    while let Some(job) = queue.next() {
        let flagged = queue.flagged(&job);
        if let Some((path, score)) = flagged {
            // Held for the entry only, so that reading keeps no runtime alive.
            let Some(inner) = inner.upgrade() else { return };
            report(&inner, &*queue.model, &job, path, score);
            queue.flagged.fetch_add(1, Ordering::Relaxed);
        }
        queue.read.fetch_add(1, Ordering::Relaxed);
    }
}

/// Records the alert, then taints the session: what stops something holds once it is on record, and
/// the fold of a restart does the same.
fn report(inner: &Inner, model: &dyn DeepModel, job: &Job, path: &str, score: u16) {
    let mut body = Body::new(Kind::Alert, &rfc3339(inner.clock.now()));
    body.str("alert", ALERT)
        .str("id", &job.id.to_string())
        .str("tenant", &job.tenant)
        .str("agent", &job.agent)
        .str("session", &job.session)
        .str("of", &job.of.name())
        .int("of_seq", job.seq)
        .str("path", path)
        .int("score_milli", score)
        .int("threshold_milli", model.threshold_milli())
        .str("model", model.digest());
    let appended = body.finish().map_err(|e| e.to_string()).and_then(|bytes| {
        // Not by `append`: this thread has a low priority, and decisions would wait while it writes.
        let (reply, answer) = sync_channel(1);
        inner
            .journal
            .append_with(&job.tenant, Kind::Alert, bytes, move |result| {
                drop(reply.send(result));
            })
            .map_err(|e| e.to_string())?;
        let answered = answer.recv().unwrap_or(Err(JournalError::Closed));
        answered.map_err(|e| e.to_string())
    });
    if let Err(error) = appended {
        tracing::error!(%error, "an alert of the deeper model is not on record; its session is tainted until the next start");
    }
    let taint = taint(job.of == Kind::Outcome, job.seq);
    inner.memory.taint(&job.tenant, &job.session, &taint);
    inner.projector.wake();
}

/// By what an entry is known as one of these.
const ALERT: &str = "deep-model";

/// A result that is an attack brought instructions in; an action that holds one only shows that
/// something was read.
fn taint(result: bool, seq: u64) -> Taint {
    Taint {
        untrusted: true,
        instructions_seq: if result {
            i64::try_from(seq).unwrap_or(i64::MAX)
        } else {
            0
        },
        ..Taint::default()
    }
}

fn text<'a>(body: &'a Value, key: &str) -> &'a str {
    body.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// What the fold needs of an alert's entry: the session and its taint.
pub(crate) fn tainted(body: &Value) -> Option<(&str, Taint)> {
    if text(body, "alert") != ALERT {
        return None;
    }
    let seq = body.get("of_seq").and_then(Value::as_i64)?;
    let result = text(body, "of") == Kind::Outcome.name();
    Some((
        text(body, "session"),
        taint(result, u64::try_from(seq).unwrap_or(0)),
    ))
}

/// The alert that people see of an entry.
pub(crate) fn alert_row(body: &Value, seq: u64, at: UnixNanos) -> Option<AlertRow> {
    if text(body, "alert") != ALERT {
        return None;
    }
    let milli = |key: &str| {
        let milli = body.get(key).and_then(Value::as_i64).unwrap_or(0);
        format!("{}.{:03}", milli / 1_000, milli % 1_000)
    };
    let id = text(body, "id");
    Some(AlertRow {
        id: format!("alert-deep-{}-{id}", text(body, "of")),
        seq,
        agent_id: text(body, "agent").to_owned(),
        action_id: Some(id.to_owned()),
        level: "high".to_owned(),
        message: format!(
            "the deeper model takes `{}` for an attack: {} at a threshold of {}",
            text(body, "path"),
            milli("score_milli"),
            milli("threshold_milli")
        ),
        created: at,
        cause: AlertCause {
            kind: ALERT.to_owned(),
            detector: Vector::PromptInjection.name().to_owned(),
            ..AlertCause::default()
        },
    })
}
