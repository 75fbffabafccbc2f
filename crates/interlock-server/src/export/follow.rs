//! One thread for each sink: it reads on from its mark, and moves the mark when the receiver has
//! what it read.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use interlock_core::audit::frame::Kind;
use interlock_runtime::Runtime;
use interlock_store::journal::{Entry, Journal, JournalError, Position};

use super::config::{Config, Sink, Target, hostname};
use super::event::{Bounds, Log, SecurityEvent};
use super::mark::{Mark, MarkFile};
use super::sink::{Destination, Failed};
use super::status::{Shared, SinkStatus};
use super::{hec, http, jsonl, network, otlp, rotate};
use crate::channels::retry::spread;

/// How often a sink that has nothing to do looks whether there is something.
const TICK: Duration = Duration::from_millis(200);
/// Events of one batch.
const BATCH_EVENTS: usize = 256;
/// Bytes of the entries of one batch.
const BATCH_BYTES: usize = 1024 * 1024;
/// Entries that are passed over in one go before other duties have their turn.
const BATCH_ENTRIES: u64 = 20_000;
/// How often a mark is written at most; after a crash what came since is sent again.
const MARK_EVERY: Duration = Duration::from_secs(1);
/// The longest pause between two attempts.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// Bytes of the file that keeps what a receiver refused.
const REJECTED_BYTES_MAX: u64 = 16 * 1024 * 1024;

#[derive(Debug, Default)]
struct Stop {
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    fn stop(&self) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    /// Waits; whether to stop.
    fn wait(&self, for_at_most: Duration) -> bool {
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        *self
            .changed
            .wait_timeout_while(stopped, for_at_most, |stopped| !*stopped)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }
}

/// The threads of all sinks.
#[derive(Debug)]
pub struct Exporter {
    stop: Arc<Stop>,
    threads: Vec<JoinHandle<()>>,
    statuses: Statuses,
}

/// How all sinks are doing. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Statuses {
    runtime: Runtime,
    sinks: Arc<Vec<Shared>>,
}

impl Statuses {
    /// Each sink as it is now: what was written since its thread last looked counts as well.
    #[must_use]
    pub fn now(&self) -> Vec<SinkStatus> {
        let entries = self.runtime.journal().entries();
        let now = |sink: &Shared| {
            let status = sink.lock().clone();
            SinkStatus {
                lag_entries: entries.saturating_sub(status.passed),
                ..status
            }
        };
        self.sinks.iter().map(now).collect()
    }
}

/// The log of a tenant, for its events.
pub(crate) fn log_of(journal: &Journal, tenant: &str) -> Log {
    let head = journal.head(tenant);
    Log {
        tenant: tenant.to_owned(),
        id: head.as_ref().map(|h| h.id.clone()).unwrap_or_default(),
        origin: head.map(|h| h.origin).unwrap_or_default(),
    }
}

/// The decision of an id, from the record.
fn lookup(runtime: &Runtime, tenant: &str, id: &str) -> Option<SecurityEvent> {
    let row = runtime.store().action(tenant, id).ok()?;
    let entries = runtime.journal().read(tenant, row.seq, 1).ok()?;
    let entry = entries.first().filter(|e| e.kind == Kind::Decision)?;
    let log = log_of(runtime.journal(), tenant);
    Some(SecurityEvent::of(&log, entry, Bounds::FULL))
}

fn destination(runtime: &Runtime, sink: &Sink) -> Result<Box<dyn Destination>, String> {
    let format = sink.format;
    let made: Box<dyn Destination> = match &sink.target {
        Target::File(target) => Box::new(rotate::Rotating::new(target, format)),
        Target::Syslog(target) => Box::new(network::Syslog::new(target, format)?),
        Target::Hec(target) => Box::new(hec::Sender::new(target, format, &hostname())?),
        Target::Webhook(target) => Box::new(http::Webhook::new(target, format)?),
        Target::Otlp(target) => {
            let runtime = runtime.clone();
            let lookup = move |tenant: &str, id: &str| lookup(&runtime, tenant, id);
            Box::new(otlp::Sender::new(target, Box::new(lookup))?)
        }
    };
    Ok(made)
}

impl Exporter {
    /// Starts a thread for each sink; marks are kept below `data`.
    ///
    /// # Errors
    /// When a sink cannot be set up, or its mark cannot be read.
    pub fn start(runtime: &Runtime, data: &Path, config: &Config) -> Result<Self, String> {
        let directory = data.join("export");
        fs::create_dir_all(&directory)
            .map_err(|e| format!("cannot make `{}`: {e}", directory.display()))?;
        let mut exporter = Self {
            stop: Arc::default(),
            threads: Vec::new(),
            statuses: Statuses {
                runtime: runtime.clone(),
                sinks: Arc::default(),
            },
        };
        let mut statuses = Vec::new();
        let mut followers = Vec::new();
        for sink in &config.sinks {
            let what = |e: String| format!("sink `{}`: {e}", sink.name);
            let follower = Follower::new(runtime, &directory, sink).map_err(what)?;
            statuses.push(follower.status.clone());
            followers.push(follower);
        }
        exporter.statuses.sinks = Arc::new(statuses);
        for mut follower in followers {
            let stop = Arc::clone(&exporter.stop);
            let thread = std::thread::Builder::new()
                .name(format!("export-{}", follower.sink.name))
                .spawn(move || follower.run(&stop))
                .map_err(|e| format!("cannot start a thread: {e}"))?;
            exporter.threads.push(thread);
        }
        Ok(exporter)
    }

    /// How the sinks are doing.
    #[must_use]
    pub fn statuses(&self) -> Statuses {
        self.statuses.clone()
    }

    /// Stops; what was not taken is sent after the next start.
    pub fn stop(&mut self) {
        self.stop.stop();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!(
                    "an export's thread failed; it goes on from its mark after the next start"
                );
            }
        }
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What was read of the journal in one go.
struct Batch {
    events: Vec<SecurityEvent>,
    next: Position,
    count: u64,
    last: Option<Entry>,
}

struct Follower {
    runtime: Runtime,
    sink: Sink,
    to: Box<dyn Destination>,
    mark: Mark,
    kept: MarkFile,
    stored: Instant,
    dirty: bool,
    /// What to say first: that there is a gap.
    gap: Option<SecurityEvent>,
    /// What the receiver refused of the batch that is under way.
    refused: BTreeSet<String>,
    rejected: PathBuf,
    logs: BTreeMap<String, Log>,
    status: Shared,
}

impl Follower {
    fn new(runtime: &Runtime, directory: &Path, sink: &Sink) -> Result<Self, String> {
        let journal = runtime.journal();
        let kept = MarkFile::new(directory, &sink.name);
        let mut gap = None;
        let mark = match kept.load()? {
            Some(mark) if mark.fits(journal) => mark,
            Some(_) => {
                tracing::error!(
                    sink = sink.name,
                    "the mark of an export is not of this record; it begins anew, and says so to its receiver"
                );
                gap = Some(SecurityEvent::gap(&sink.name, runtime.now()));
                Mark::start()
            }
            None => {
                let mark = if sink.from_now {
                    Mark::end(journal)
                } else {
                    Mark::start()
                };
                kept.store(&mark)?;
                mark
            }
        };
        let status = Shared::new(SinkStatus {
            name: sink.name.clone(),
            format: match sink.target {
                Target::Otlp(_) => "otlp",
                _ => sink.format.name(),
            },
            destination: sink.target.name(),
            passed: mark.entries,
            delivered: mark.delivered,
            rejected: mark.rejected,
            ..SinkStatus::default()
        });
        Ok(Self {
            to: destination(runtime, sink)?,
            runtime: runtime.clone(),
            sink: sink.clone(),
            mark,
            kept,
            stored: Instant::now(),
            dirty: false,
            gap,
            refused: BTreeSet::new(),
            rejected: directory.join(format!("{}.rejected.jsonl", sink.name)),
            logs: BTreeMap::new(),
            status,
        })
    }

    fn run(&mut self, stop: &Stop) {
        let mut failures = 0u32;
        let mut pause = Duration::ZERO;
        while !stop.wait(pause) {
            pause = match self.step() {
                Ok(true) => {
                    failures = 0;
                    Duration::ZERO
                }
                Ok(false) => {
                    failures = 0;
                    TICK
                }
                Err((why, wait_s)) => {
                    failures = failures.saturating_add(1);
                    self.failed(&why, failures);
                    between(failures, wait_s)
                }
            };
            self.keep(false);
        }
        self.keep(true);
    }

    /// One batch; whether there may be more.
    fn step(&mut self) -> Result<bool, (String, Option<u64>)> {
        if let Some(gap) = self.gap.clone() {
            let mut refused = Vec::new();
            self.divide(std::slice::from_ref(&gap), &mut refused)?;
            // It is of no entry: nothing that comes later would show that only it is refused.
            for (event, why) in refused {
                self.put_aside(event, &why);
            }
            self.gap = None;
            self.refused.clear();
        }
        let journal = self.runtime.journal().clone();
        if journal.end() == self.mark.next() {
            self.caught_up(&journal);
            return Ok(false);
        }
        let batch = self.read(&journal).map_err(|e| (e.to_string(), None))?;
        let Some(last) = batch.last else {
            // What there is is not visible yet.
            self.caught_up(&journal);
            return Ok(false);
        };
        if let Some(first) = batch.events.first() {
            self.status.lock().waiting_since = Some(first.time);
        }
        if !batch.events.is_empty() {
            self.deliver(&batch.events)?;
        }
        self.mark.delivered += batch.events.len() as u64 - self.refused.len() as u64;
        self.mark.rejected += self.refused.len() as u64;
        self.refused.clear();
        self.mark.advance(batch.next, batch.count, &last);
        self.dirty = true;
        let mut status = self.status.lock();
        status.passed = self.mark.entries;
        status.delivered = self.mark.delivered;
        status.rejected = self.mark.rejected;
        status.failures = 0;
        if !batch.events.is_empty() {
            status.delivered_at = Some(self.runtime.now());
        }
        Ok(true)
    }

    fn caught_up(&self, journal: &Journal) {
        let mut status = self.status.lock();
        status.passed = self.mark.entries;
        if journal.entries() <= status.passed {
            status.waiting_since = None;
        }
    }

    fn read(&mut self, journal: &Journal) -> Result<Batch, JournalError> {
        let bounds = match (&self.sink.target, self.sink.format) {
            (Target::Syslog(_), _) => Bounds::SHORT,
            _ => Bounds::FULL,
        };
        let mut batch = Batch {
            events: Vec::new(),
            next: self.mark.next(),
            count: 0,
            last: None,
        };
        let mut bytes = 0;
        let (logs, sink) = (&mut self.logs, &self.sink);
        batch.next = journal.for_each(self.mark.next(), &mut |tenant, entry| {
            batch.count += 1;
            // The last one is needed whole only for its hashes and place.
            batch.last = Some(Entry {
                body: Vec::new(),
                ..entry.clone()
            });
            if sink.tenant.as_deref().is_none_or(|t| t == tenant) {
                let log = logs
                    .entry(tenant.to_owned())
                    .or_insert_with(|| log_of(journal, tenant));
                let event = SecurityEvent::of(log, entry, bounds);
                if sink.only.wants(&event) {
                    bytes += entry.body.len();
                    batch.events.push(event);
                }
            }
            let full = batch.events.len() >= BATCH_EVENTS
                || bytes >= BATCH_BYTES
                || batch.count >= BATCH_ENTRIES;
            if full {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        Ok(batch)
    }

    /// Delivers all of `events` but those that the receiver will never take, which are put aside one
    /// by one, so that none of them keeps the others waiting. A receiver that takes none of them is
    /// more likely set up wrongly than right about each: then nothing is put aside, and all wait.
    fn deliver(&mut self, events: &[SecurityEvent]) -> Result<(), (String, Option<u64>)> {
        let mut refused = Vec::new();
        self.divide(events, &mut refused)?;
        match refused.first() {
            Some((_, why)) if refused.len() == events.len() => {
                let why = match events.len() {
                    1 => format!("the only event that waits is refused: {why}"),
                    count => format!("each of {count} events is refused: {why}"),
                };
                Err((why, None))
            }
            _ => {
                for (event, why) in refused {
                    self.put_aside(event, &why);
                }
                Ok(())
            }
        }
    }

    /// Sends `events`, in halves where they are refused; `refused` gets those that are refused alone.
    fn divide<'a>(
        &mut self,
        events: &'a [SecurityEvent],
        refused: &mut Vec<(&'a SecurityEvent, String)>,
    ) -> Result<(), (String, Option<u64>)> {
        match self.to.send(events) {
            Ok(()) => Ok(()),
            Err(Failed::Later(why, wait_s)) => Err((why, wait_s)),
            Err(Failed::Never(why)) => match events {
                [one] => {
                    refused.push((one, why));
                    Ok(())
                }
                _ => {
                    let (first, second) = events.split_at(events.len() / 2);
                    self.divide(first, refused)?;
                    self.divide(second, refused)
                }
            },
        }
    }

    fn put_aside(&mut self, event: &SecurityEvent, why: &str) {
        if !self.refused.insert(event.uid.clone()) {
            return;
        }
        tracing::error!(
            sink = self.sink.name,
            entry = event.uid,
            why,
            "a receiver refused an event for good; it is put aside"
        );
        self.status.lock().last_error = Some(format!("entry {}: {why}", event.seq));
        let length = fs::metadata(&self.rejected).map_or(0, |m| m.len());
        let line = format!("{}\n", jsonl::line(event));
        if length + line.len() as u64 > REJECTED_BYTES_MAX {
            return;
        }
        let written = fs::OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&self.rejected)
            .and_then(|mut file| file.write_all(line.as_bytes()));
        if let Err(error) = written {
            tracing::error!(%error, sink = self.sink.name, "what was put aside is not kept; it is in the record");
        }
    }

    fn failed(&self, why: &str, failures: u32) {
        // Each failure of a row would say the same.
        if failures == 1 {
            tracing::warn!(
                sink = self.sink.name,
                why,
                "an export waits; the record keeps what its receiver missed"
            );
        }
        let mut status = self.status.lock();
        status.failures = failures;
        status.last_error = Some(why.to_owned());
        status.failed_at = Some(self.runtime.now());
    }

    fn keep(&mut self, now: bool) {
        if !self.dirty || (!now && self.stored.elapsed() < MARK_EVERY) {
            return;
        }
        self.stored = Instant::now();
        match self.kept.store(&self.mark) {
            Ok(()) => self.dirty = false,
            Err(error) => {
                tracing::error!(
                    error,
                    sink = self.sink.name,
                    "after a crash events would come twice"
                );
            }
        }
    }
}

/// The pause after so many failures in a row: doubled from half a second on, up to a minute, spread
/// by a fifth. The receiver may ask for a longer one, up to an hour.
fn between(failures: u32, wait_s: Option<u64>) -> Duration {
    let doubled =
        Duration::from_millis(500) * 2u32.saturating_pow(failures.min(10).saturating_sub(1));
    let nanos = i64::try_from(doubled.min(PAUSE_MAX).as_nanos()).unwrap_or(i64::MAX);
    let mut random = [0; 2];
    // Without random bytes the pause is not spread, and just as right.
    let _ = getrandom::fill(&mut random);
    let spread = spread(nanos, u16::from_le_bytes(random));
    Duration::from_nanos(u64::try_from(spread).unwrap_or(0))
        .max(Duration::from_secs(wait_s.unwrap_or(0).min(3_600)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_minute() {
        for (failures, least, most) in [
            (1, 400, 600),
            (2, 800, 1_200),
            (8, 48_000, 72_000),
            (u32::MAX, 48_000, 72_000),
        ] {
            let pause = between(failures, None).as_millis();
            assert!((least..=most).contains(&pause), "{failures}: {pause}");
        }
        assert_eq!(between(1, Some(90)), Duration::from_secs(90));
        assert_eq!(between(1, Some(u64::MAX)), Duration::from_secs(3_600));
    }
}
