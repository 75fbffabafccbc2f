//! What writes: stages what was queued, one write, one sync, then answers. One thread at a time
//! has it (`seat.rs`).

use super::error::JournalError;
use super::publish::{Job, Publisher};
use super::queue::{Control, Item, Waiter};
use super::seat::Rest;
use super::state::{
    Batch, Index, LogState, Position, Segment, encode_snapshot, log_path, snapshot_path,
};
use super::time::rfc3339;
use super::vfs::File;
use super::{Appended, Durability, NODE_LOG, Shared, keyfile};
use interlock_core::audit::body::Body;
use interlock_core::audit::checkpoint::Checkpoint;
use interlock_core::audit::frame::{self, Header, Kind, LAST_OF_BATCH};
use interlock_core::audit::keys::rotation_body;
use interlock_core::audit::segment::SEGMENT_HEADER_BYTES;
use interlock_core::audit::{chain, hex};
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashMap};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// Age at which a segment is sealed, ns.
const SEGMENT_AGE_NS: u64 = 24 * 3600 * 1_000_000_000;
/// Size of the segment that takes the last entries when no space is left.
const LAST_SEGMENT_BYTES: u64 = 1024 * 1024;
/// How long the journal's thread looks by itself whether there is something to sync after the last
/// write: who writes then need not wake it.
const LINGER: Duration = Duration::from_millis(250);
/// Most logs in one journal.
const LOGS_MAX: usize = 100_000;

pub(super) enum Publishing {
    Thread(std::sync::mpsc::Sender<Job>),
    Inline(Box<Publisher>),
}

struct Staged {
    header: Header,
    body: Vec<u8>,
    offset: u64,
    done: Option<Waiter>,
}

pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) publishing: Publishing,
    pub(super) file: Arc<dyn File>,
    pub(super) segment: u64,
    pub(super) segment_bytes: u64,
    pub(super) created_ns: u64,
    pub(super) offset: u64,
    pub(super) logs: Vec<LogState>,
    pub(super) by_tenant: HashMap<Arc<str>, usize>,
    pub(super) index: Index,
    /// The last batch on disk.
    pub(super) last: Option<Batch>,
    /// Number of the batch being staged.
    pub(super) batch: u32,
    /// Batches of this epoch that are synced.
    pub(super) synced: u32,
    staged: Vec<Staged>,
    created: Vec<usize>,
    buffer: Vec<u8>,
    unsynced_since: Option<Instant>,
    /// Logs with entries that no checkpoint covers, and the sizes last handed to the publisher.
    dirty: BTreeSet<usize>,
    asked: Vec<u64>,
    ticked: Instant,
    /// When the journal's thread last saw that something was written.
    wrote_at: Instant,
    spare_asked: bool,
}

/// A sync that runs while others write.
pub(super) struct Syncing {
    pub(super) file: Arc<dyn File>,
    /// The batches before this one are synced by it.
    batches: u32,
}

pub(super) struct WriterStart {
    pub(super) file: Arc<dyn File>,
    pub(super) segment_bytes: u64,
    pub(super) created_ns: u64,
    pub(super) end: Position,
    pub(super) last: Option<Batch>,
    pub(super) index: Index,
}

fn io(doing: &'static str) -> impl FnOnce(std::io::Error) -> JournalError {
    JournalError::io(doing)
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, publishing: Publishing, start: WriterStart) -> Self {
        let (logs, by_tenant) = {
            let state = shared.state();
            (state.logs.clone(), state.by_tenant.clone())
        };
        let asked: Vec<u64> = logs
            .iter()
            .map(|log| log.signed.as_ref().map_or(0, |signed| signed.size))
            .collect();
        let dirty = (0..logs.len())
            .filter(|n| asked[*n] < logs[*n].size())
            .collect();
        Self {
            shared,
            publishing,
            file: start.file,
            segment: start.end.segment,
            segment_bytes: start.segment_bytes,
            created_ns: start.created_ns,
            offset: start.end.offset,
            logs,
            by_tenant,
            index: start.index,
            last: start.last,
            batch: 0,
            synced: 0,
            staged: Vec::new(),
            created: Vec::new(),
            buffer: Vec::new(),
            unsynced_since: None,
            dirty,
            asked,
            ticked: Instant::now(),
            wrote_at: Instant::now(),
            spare_asked: false,
        }
    }

    fn now(&self) -> String {
        rfc3339(self.shared.now())
    }

    /// The first entries of an epoch.
    pub(super) fn start(&mut self, cut: Option<(Position, u64)>) -> Result<(), JournalError> {
        if self.logs.is_empty() {
            self.create_log(NODE_LOG.into())?;
            self.commit()?;
            self.sync()?;
        }
        let durability = match self.shared.options.durability {
            Durability::Strict => "strict",
            Durability::Batch => "batch",
            Durability::Async => "async",
        };
        let body = Body::new(Kind::NodeStart, &self.now())
            .int("epoch", self.shared.epoch)
            .str("durability", durability)
            .str("node", &hex(&self.shared.node))
            .str("version", env!("CARGO_PKG_VERSION"))
            .finish()
            .map_err(|_| JournalError::Body("node-start is too large"))?;
        self.stage(0, Kind::NodeStart, body, None)?;
        self.commit()?;
        // Alone in its batch and synced whatever the mode: recovery counts on it.
        self.sync()?;
        if let Some((at, bytes)) = cut {
            let body = Body::new(Kind::Gap, &self.now())
                .int("segment", at.segment)
                .int("offset", at.offset)
                .int("bytes", bytes)
                .finish()
                .map_err(|_| JournalError::Body("gap is too large"))?;
            self.stage(0, Kind::Gap, body, None)?;
            self.commit()?;
        }
        // A crash may have cut a rotation between two logs.
        self.follow_rotation()?;
        self.commit()?;
        self.sync()
    }

    /// Answers what is staged: nothing more is written.
    pub(super) fn stop(&mut self, error: &JournalError) {
        for staged in std::mem::take(&mut self.staged) {
            answer(staged.done, Err(error.clone()));
        }
    }

    pub(super) fn end_publishing(&mut self) {
        match &mut self.publishing {
            Publishing::Thread(jobs) => drop(jobs.send(Job::Close)),
            Publishing::Inline(publisher) => publisher.flush(),
        }
    }

    /// How long the journal's thread may rest; `seen` is the batch at which it rested last.
    pub(super) fn rest(&mut self, seen: &mut u32) -> Rest {
        let options = &self.shared.options;
        if std::mem::replace(seen, self.batch) != self.batch {
            self.wrote_at = Instant::now();
        }
        let mut rest = Rest {
            time: Duration::from_secs(3600),
            asleep: true,
        };
        if !self.dirty.is_empty() {
            rest.time = options
                .checkpoint_every
                .saturating_sub(self.ticked.elapsed());
            rest.asleep = false;
        }
        let Some(window) = options.durability.window() else {
            return rest;
        };
        rest.asleep = true;
        if let Some(since) = self.unsynced_since {
            rest.time = rest.time.min(window.saturating_sub(since.elapsed()));
            rest.asleep = false;
        } else if rest.time <= window || self.wrote_at.elapsed() < LINGER {
            // What is written meanwhile is synced in time, though nobody says that it is there.
            rest.time = rest.time.min(window);
            rest.asleep = false;
        }
        rest
    }

    /// Takes items of the queue and writes them.
    pub(super) fn write(&mut self, items: Vec<Item>) -> Result<(), JournalError> {
        let mut items = self.seal(items).into_iter();
        let mut failed = None;
        for item in items.by_ref() {
            if let Err((error, done)) = self.accept(item) {
                answer(done, Err(error.clone()));
                failed = Some(error);
                break;
            }
        }
        let committed = match failed {
            None => self.commit(),
            Some(error) => Err(error),
        };
        if let Err(error) = &committed {
            for item in items {
                item.done.answer(Err(error.clone()));
            }
        }
        committed
    }

    /// One turn of the journal's thread.
    pub(super) fn turn(
        &mut self,
        items: Vec<Item>,
        control: Vec<Control>,
    ) -> Result<(), JournalError> {
        if let Err(error) = self.write(items) {
            for control in control {
                control.refuse(&error);
            }
            return Err(error);
        }
        let mut control = control.into_iter();
        while let Some(next) = control.next() {
            if let Err(error) = self.control(next) {
                for rest in control {
                    rest.refuse(&error);
                }
                return Err(error);
            }
        }
        if !self.dirty.is_empty() && self.ticked.elapsed() >= self.shared.options.checkpoint_every {
            self.checkpoint_all()?;
        }
        Ok(())
    }

    /// The sync that is due now that the window of written entries is over.
    pub(super) fn due_sync(&mut self) -> Option<Syncing> {
        let window = self.shared.options.durability.window()?;
        if self.unsynced_since?.elapsed() < window {
            return None;
        }
        self.unsynced_since = None;
        Some(Syncing {
            file: self.file.clone(),
            batches: self.batch,
        })
    }

    /// Notes that what was due is synced.
    pub(super) fn synced(&mut self, syncing: &Syncing) {
        self.synced = self.synced.max(syncing.batches);
    }

    /// Stages an item. Refusals that concern it alone are answered here; an error ends the writer.
    fn accept(&mut self, item: Item) -> Result<(), (JournalError, Option<Waiter>)> {
        let log = match self.by_tenant.get(&item.tenant) {
            Some(log) => *log,
            None if self.logs.len() >= LOGS_MAX => {
                item.done
                    .answer(Err(JournalError::Body("too many tenants")));
                return Ok(());
            }
            None => match self.create_log(item.tenant.clone()) {
                Ok(log) => log,
                Err(error) => return Err((error, Some(item.done))),
            },
        };
        self.stage(log, item.kind, item.body, Some(item.done))
    }

    fn create_log(&mut self, tenant: Arc<str>) -> Result<usize, JournalError> {
        let mut id = [0u8; 16];
        getrandom::fill(&mut id).map_err(|_| JournalError::Key("no randomness"))?;
        let number = self.logs.len();
        let key = match self.logs.first() {
            Some(log) => log.keys.current().cloned(),
            None => self.shared.first_key(),
        };
        let key = key.ok_or(JournalError::Key("no current key"))?;
        let id = hex(&id);
        let body = Body::new(Kind::Genesis, &self.now())
            .str("format", "alog1")
            .str("origin", &format!("{}/{id}", self.shared.name))
            .int("log", number as u64)
            .str("id", &id)
            .str("node", &hex(&self.shared.node))
            .str("vkey", &key.vkey())
            .str("tenant", &tenant)
            .finish()
            .map_err(|_| JournalError::Body("tenant name is too long"))?;
        let log = LogState::from_genesis(&body, number as u32)
            .ok_or(JournalError::Body("genesis entry cannot be read back"))?;
        self.logs.push(log);
        self.asked.push(0);
        self.by_tenant.insert(tenant, number);
        self.created.push(number);
        self.stage(number, Kind::Genesis, body, None)
            .map_err(|(error, _)| error)?;
        Ok(number)
    }

    /// Adds a record to the batch; first commits and rolls if it does not fit.
    fn stage(
        &mut self,
        log: usize,
        kind: Kind,
        body: Vec<u8>,
        done: Option<Waiter>,
    ) -> Result<(), (JournalError, Option<Waiter>)> {
        let bytes = frame::record_bytes(body.len()) as u64;
        if self.offset + bytes > self.segment_bytes {
            let rolled = self.commit().and_then(|()| self.roll());
            if let Err(error) = rolled {
                return Err((error, done));
            }
        }
        let state = &mut self.logs[log];
        let leaf = chain::leaf(&body);
        let link = chain::link(&state.link, &leaf);
        let header = Header {
            body_bytes: body.len() as u32,
            seq: state.size(),
            epoch: self.shared.epoch,
            log: log as u32,
            kind,
            flags: 0,
            lag: 0,
            batch: self.batch,
            leaf,
            link,
        };
        state.link = link;
        state.frontier.push(leaf);
        self.dirty.insert(log);
        self.staged.push(Staged {
            header,
            body,
            offset: self.offset,
            done,
        });
        self.offset += bytes;
        Ok(())
    }

    /// Writes what is staged and, under strict durability, syncs it; then answers.
    fn commit(&mut self) -> Result<(), JournalError> {
        let Some(first) = self.staged.first() else {
            return Ok(());
        };
        let start = first.offset;
        if self.batch - self.synced >= u32::from(u16::MAX) {
            self.sync()?;
        }
        let lag = (self.batch - self.synced) as u16;
        self.buffer.clear();
        let last = self.staged.len() - 1;
        for (n, staged) in self.staged.iter_mut().enumerate() {
            staged.header.lag = lag;
            if n == last {
                staged.header.flags |= LAST_OF_BATCH;
            }
            frame::encode(&staged.header, &staged.body, &mut self.buffer)
                .map_err(|_| JournalError::Body("empty or too long"))?;
        }
        self.file
            .write_at(&self.buffer, start)
            .map_err(io("writing to the journal"))?;
        self.last = Some(Batch {
            epoch: self.shared.epoch,
            number: self.batch,
            ended: true,
        });
        self.batch += 1;
        if self.shared.options.durability == Durability::Strict {
            self.sync()?;
        } else {
            self.unsynced_since.get_or_insert_with(Instant::now);
        }
        let created = std::mem::take(&mut self.created);
        for log in &created {
            // Recovery makes it again from the genesis entry if it is missing.
            let mut written = self.shared.write_genesis(&self.logs[*log]);
            if matches!(&written, Err(e) if e.kind() == std::io::ErrorKind::StorageFull) {
                self.shared.release_reserve();
                written = self.shared.write_genesis(&self.logs[*log]);
            }
            if let Err(error) = written {
                tracing::error!(%error, "cannot write a genesis file");
            }
        }
        let staged = std::mem::take(&mut self.staged);
        self.show(&staged);
        for staged in staged {
            let appended = Appended {
                seq: staged.header.seq,
                leaf: staged.header.leaf,
            };
            answer(staged.done, Ok(appended));
        }
        self.ask_for_checkpoints()?;
        if !self.spare_asked && self.offset > self.segment_bytes / 2 {
            self.spare_asked = true;
            if let Publishing::Thread(jobs) = &self.publishing {
                let _ = jobs.send(Job::Spare);
            }
        }
        let now = self.shared.now();
        if now.saturating_sub(self.created_ns) > SEGMENT_AGE_NS {
            self.roll()?;
        }
        Ok(())
    }

    /// Lets readers see the batch.
    fn show(&mut self, staged: &[Staged]) {
        let mut touched: Vec<usize> = staged.iter().map(|s| s.header.log as usize).collect();
        touched.sort_unstable();
        touched.dedup();
        let mut state = self.shared.state_mut();
        for log in touched {
            let ours = &self.logs[log];
            match state.logs.get_mut(log) {
                Some(theirs) => {
                    theirs.frontier.clone_from(&ours.frontier);
                    theirs.link = ours.link;
                    if theirs.keys != ours.keys {
                        theirs.keys.clone_from(&ours.keys);
                    }
                }
                None => {
                    state.by_tenant.insert(ours.tenant.clone(), log);
                    state.logs.push(ours.clone());
                }
            }
        }
        for staged in staged {
            let log = staged.header.log as usize;
            self.index.add(log, staged.header.seq, staged.offset);
            state.live.add(log, staged.header.seq, staged.offset);
        }
        state.end = Position {
            segment: self.segment,
            offset: self.offset,
        };
    }

    fn sync(&mut self) -> Result<(), JournalError> {
        if self.synced != self.batch {
            self.shared.sync(&*self.file)?;
            self.synced = self.batch;
        }
        self.unsynced_since = None;
        Ok(())
    }

    /// Asks for a checkpoint of each log that grew by enough entries.
    fn ask_for_checkpoints(&mut self) -> Result<(), JournalError> {
        let every = self.shared.options.checkpoint_entries;
        let due: Vec<usize> = self
            .dirty
            .iter()
            .copied()
            .filter(|log| self.logs[*log].size() - self.asked[*log] >= every)
            .collect();
        if !due.is_empty() {
            self.sync()?;
        }
        for log in due {
            self.ask(log, None);
        }
        Ok(())
    }

    fn checkpoint_all(&mut self) -> Result<(), JournalError> {
        self.sync()?;
        self.ticked = Instant::now();
        for log in std::mem::take(&mut self.dirty) {
            self.ask(log, None);
        }
        Ok(())
    }

    /// Hands the head of a log, which must be synced, to the publisher.
    fn ask(&mut self, log: usize, reply: Option<SyncSender<Result<Arc<str>, JournalError>>>) {
        let state = &self.logs[log];
        self.asked[log] = state.size();
        self.dirty.remove(&log);
        let job = Job::Sign {
            log,
            checkpoint: Checkpoint {
                origin: state.origin.clone(),
                size: state.size(),
                root: state.frontier.root(),
            },
            reply,
        };
        match &mut self.publishing {
            Publishing::Thread(jobs) => drop(jobs.send(job)),
            Publishing::Inline(publisher) => {
                publisher.take(job);
                publisher.flush();
            }
        }
    }

    fn control(&mut self, control: Control) -> Result<(), JournalError> {
        match control {
            Control::Checkpoint(tenant, reply) => match self.by_tenant.get(&tenant).copied() {
                Some(log) => {
                    if let Err(error) = self.sync() {
                        let _ = reply.send(Err(error.clone()));
                        return Err(error);
                    }
                    self.ask(log, Some(reply));
                }
                None => {
                    let _ = reply.send(Err(JournalError::UnknownTenant(tenant.to_string())));
                }
            },
            Control::Sync(reply) => {
                let synced = self.sync();
                let _ = reply.send(synced.clone());
                synced?;
            }
            Control::Rotate(reply) => {
                let rotated = self.rotate();
                let _ = reply.send(rotated.clone());
                rotated?;
            }
        }
        Ok(())
    }

    /// Replaces the signing key: a checkpoint under the old one, an entry in every log that both
    /// keys signed, and the old private key is deleted.
    fn rotate(&mut self) -> Result<String, JournalError> {
        self.sync()?;
        for log in 0..self.logs.len() {
            let (reply, signed) = sync_channel(1);
            self.ask(log, Some(reply));
            signed.recv().map_err(|_| JournalError::Closed)??;
        }
        let old = self.logs[0].keys.current().cloned();
        let next = keyfile::create(&*self.shared.vfs, &self.shared.name)?;
        let vkey = next.verifier().vkey();
        self.shared.add_signer(next.clone());
        self.rotate_log(0, &next)?;
        self.follow_rotation()?;
        self.commit()?;
        self.sync()?;
        if let Some(old) = old {
            self.shared.forget_signer(&old)?;
        }
        Ok(vkey)
    }

    /// Brings every log to the key of the first one.
    fn follow_rotation(&mut self) -> Result<(), JournalError> {
        let Some(current) = self.logs.first().and_then(|log| log.keys.current()) else {
            return Ok(());
        };
        let current = current.clone();
        let behind: Vec<usize> = (1..self.logs.len())
            .filter(|log| self.logs[*log].keys.current() != Some(&current))
            .collect();
        if behind.is_empty() {
            return Ok(());
        }
        let next = self
            .shared
            .signer(&current)
            .ok_or(JournalError::Key("the current key is missing"))?;
        for log in behind {
            self.rotate_log(log, &next)?;
        }
        Ok(())
    }

    fn rotate_log(
        &mut self,
        log: usize,
        next: &interlock_core::audit::note::Signer,
    ) -> Result<(), JournalError> {
        let state = &self.logs[log];
        let old = state.keys.current().and_then(|key| self.shared.signer(key));
        let old = old.ok_or(JournalError::Key("the key before is missing"))?;
        let seq = state.size();
        let body = rotation_body(&self.now(), &state.origin, seq, &state.link, &old, next)
            .map_err(|_| JournalError::Body("rotation is too large"))?;
        self.stage(log, Kind::KeyRotate, body, None)
            .map_err(|(error, _)| error)?;
        self.logs[log].keys.rotate(seq, next.verifier().clone());
        Ok(())
    }

    /// Seals the segment and begins the next.
    fn roll(&mut self) -> Result<(), JournalError> {
        match self.roll_to(self.shared.options.segment_bytes) {
            Err(JournalError::StorageFull) => {}
            other => return other,
        }
        // The reserve buys room for an orderly end.
        self.shared.release_reserve();
        let bytes = self.shared.options.segment_bytes.min(LAST_SEGMENT_BYTES);
        if let Err(error) = self.roll_to(bytes) {
            // Not even that: what there is shall at least be signed.
            self.checkpoint_all()?;
            return Err(error);
        }
        let body = Body::new(Kind::NodeStop, &self.now())
            .int("epoch", self.shared.epoch)
            .str("reason", "storage-full")
            .finish()
            .map_err(|_| JournalError::Body("node-stop is too large"))?;
        self.stage(0, Kind::NodeStop, body, None)
            .map_err(|(error, _)| error)?;
        self.commit()?;
        self.checkpoint_all()?;
        Err(JournalError::StorageFull)
    }

    fn roll_to(&mut self, bytes: u64) -> Result<(), JournalError> {
        self.sync()?;
        let snapshot = encode_snapshot(self.segment, self.last, &self.logs, &self.index);
        self.shared
            .vfs
            .publish(&snapshot_path(self.segment), &snapshot)
            .map_err(io("writing a snapshot"))?;
        let number = self.segment + 1;
        let hash = Sha256::digest(&snapshot).into();
        let created_ns = self.shared.now();
        let file = self
            .shared
            .create_segment(number, hash, created_ns, bytes)?;
        let ends = self.logs.iter().map(LogState::size).collect();
        let sealed = std::mem::replace(&mut self.index, Index::starting(ends));
        let mut state = self.shared.state_mut();
        if let Some(segment) = state.segments.last() {
            let _ = segment.index.set(Arc::new(sealed));
        }
        state.segments.push(Arc::new(Segment {
            number,
            file: file.clone(),
            index: OnceLock::new(),
        }));
        state.live = self.index.clone();
        state.end = Position {
            segment: number,
            offset: SEGMENT_HEADER_BYTES as u64,
        };
        drop(state);
        self.file = file;
        self.segment = number;
        self.segment_bytes = bytes;
        self.created_ns = created_ns;
        self.offset = SEGMENT_HEADER_BYTES as u64;
        self.spare_asked = false;
        Ok(())
    }

    pub(super) fn finish(&mut self) -> Result<(), JournalError> {
        let body = Body::new(Kind::NodeStop, &self.now())
            .int("epoch", self.shared.epoch)
            .str("reason", "closed")
            .finish()
            .map_err(|_| JournalError::Body("node-stop is too large"))?;
        self.stage(0, Kind::NodeStop, body, None)
            .map_err(|(error, _)| error)?;
        self.commit()?;
        self.checkpoint_all()
    }
}

impl From<(JournalError, Option<Waiter>)> for JournalError {
    fn from((error, done): (JournalError, Option<Waiter>)) -> Self {
        answer(done, Err(error.clone()));
        error
    }
}

/// Answers a waiter, if there is one.
fn answer(done: Option<Waiter>, result: Result<Appended, JournalError>) {
    if let Some(done) = done {
        done.answer(result);
    }
}

impl Shared {
    /// Makes what was written durable, content first: it is durable no later than what commits to
    /// it. Syncs follow one another, and none follows one that failed, whoever asks for it: the
    /// system reports an error once and drops what it could not write.
    pub(super) fn sync(&self, file: &dyn File) -> Result<(), JournalError> {
        let mut failed = self
            .sync_failed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if *failed {
            return Err(JournalError::Poisoned("an earlier sync failed".into()));
        }
        *failed = true;
        if let Some(vault) = self.vault.get() {
            vault.sync().map_err(|e| JournalError::content(&e))?;
        }
        file.sync().map_err(io("syncing the journal"))?;
        *failed = false;
        Ok(())
    }

    pub(super) fn write_genesis(&self, log: &LogState) -> std::io::Result<()> {
        self.vfs
            .create_dir(log_path(&log.id, "").trim_end_matches('/'))?;
        self.vfs
            .publish(&log_path(&log.id, "genesis.json"), &log.genesis)
    }
}
