//! The journal: what was decided, in the order it became durable.
//!
//! One physical journal per node, one logical log per tenant in it, so that a thousand tenants
//! share a sync and no proof shows a tenant the entries of another. The first log is the node's
//! own. `verifiers/FORMAT.md` states the format.
//!
//! Below the data directory:
//!
//! ```text
//! keys/journal-<id>.seed       private keys; not part of what is handed to an auditor
//! log/OWNER                    locked by the writer; nothing else opens it
//! log/LOCK                     the writer's last epoch
//! log/journal/<n>.seg          segments of records; <n>.snap at the end of each
//! log/journal/reserve          space for an orderly end when the disk is full
//! log/logs/<id>/               genesis.json, checkpoint, checkpoints.log, tile/
//! ```
//!
//! **Invariant:** an entry is acknowledged after its sync (under strict durability), and a
//! checkpoint covers synced entries only. **Invariant:** what an entry commits to is in the vault
//! before the entry is written, and synced before the entry is. **Invariant:** a failed sync is never tried again.

mod error;
mod evidence;
pub mod fault;
mod keyfile;
mod lock;
mod publish;
mod queue;
mod read;
mod recover;
mod seal;
mod seat;
mod state;
mod time;
mod verify;
pub mod vfs;
mod writer;

pub use error::JournalError;
pub use evidence::Seen;
pub use interlock_core::audit::body::Body;
pub use interlock_core::audit::frame::Kind;
pub use lock::{Held, Holder, take as lock_file};
pub use state::Position;
pub use time::rfc3339;
pub use verify::DirSource;

use crate::vault::{CONTENT_MEMBER_BYTES_MAX, Deferred, Vault};
use interlock_core::audit::body::kind_name;
use interlock_core::audit::frame::{BODY_BYTES_MAX, record_bytes};
use interlock_core::audit::note::{Signer, Verifier};
use interlock_core::audit::segment::{SEGMENT_HEADER_BYTES, SegmentHeader};
use interlock_core::audit::{Hash, hex};
use publish::Publisher;
use queue::{Control, Item, Queue, Waiter};
use seat::Seat;
use state::{LogState, Segment, State, segment_path, snapshot_path};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::mpsc::{channel, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use vfs::{Disk, File, Lock, Vfs};
use writer::{Publishing, Writer, WriterStart};

/// Tenant of the node's own log: starts, stops, gaps, key rotations.
pub const NODE_LOG: &str = "_node";
const OWNER: &str = "log/OWNER";
const LOCK: &str = "log/LOCK";
const SPARE: &str = "log/journal/spare.tmp";
const RESERVE: &str = "log/journal/reserve";
/// Smallest segment: room for its header and a few records.
const SEGMENT_BYTES_MIN: u64 = 16 * 1024;
const SEGMENT_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// When an entry is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// After its sync.
    #[default]
    Strict,
    /// After its write; at most 5 ms of entries are at stake.
    Batch,
    /// After its write; at most 1 s of entries are at stake.
    Async,
}

/// Nanoseconds since 1970.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// How a journal is opened.
#[derive(Clone)]
pub struct JournalOptions {
    /// Size of a segment, bytes; a multiple of 4,096 between 16 KiB and 1 GiB.
    pub segment_bytes: u64,
    /// When an entry is acknowledged.
    pub durability: Durability,
    /// Most entries queued before the writer.
    pub queue_entries_max: usize,
    /// How long [`Journal::append`] waits for room in the queue.
    pub queue_wait: Duration,
    /// A log with new entries is signed after this time.
    pub checkpoint_every: Duration,
    /// A log is signed after this many new entries.
    pub checkpoint_entries: u64,
    /// First part of the name of the key and of the logs; used when the journal is created.
    pub origin: String,
    /// Bytes kept in reserve for an orderly end when the disk is full; 0 for none.
    pub reserve_bytes: u64,
    /// Reads and hashes every segment at opening, not only the last.
    pub full_scan: bool,
    /// Signs and publishes on a thread of its own.
    pub background: bool,
    /// The time written into entries.
    pub clock: Clock,
}

impl Default for JournalOptions {
    fn default() -> Self {
        Self {
            segment_bytes: 64 * 1024 * 1024,
            durability: Durability::Strict,
            queue_entries_max: 4_096,
            queue_wait: Duration::from_secs(5),
            checkpoint_every: Duration::from_secs(1),
            checkpoint_entries: 1_024,
            origin: "interlock.local".to_owned(),
            reserve_bytes: 64 * 1024 * 1024,
            full_scan: false,
            background: true,
            clock: Arc::new(|| {
                let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
                since.map_or(0, |d| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX))
            }),
        }
    }
}

impl std::fmt::Debug for JournalOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JournalOptions")
            .field("segment_bytes", &self.segment_bytes)
            .field("durability", &self.durability)
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

/// Where an acknowledged entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Its number in its log.
    pub seq: u64,
    /// Its leaf hash.
    pub leaf: Hash,
}

/// An entry read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number in its log.
    pub seq: u64,
    /// What it records.
    pub kind: Kind,
    /// The stored bytes.
    pub body: Vec<u8>,
    /// Leaf hash of the body.
    pub leaf: Hash,
    /// Link to the entry before.
    pub link: Hash,
    /// Where it begins.
    pub position: Position,
}

/// The end of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Number of entries.
    pub size: u64,
    /// RFC 6962 root over them.
    pub root: Hash,
    /// Link of the last.
    pub link: Hash,
    /// Identity of the log in checkpoints.
    pub origin: String,
    /// Folder of the log.
    pub id: String,
}

/// What opening found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// Whether the journal was created.
    pub created: bool,
    /// Epoch of this writer.
    pub epoch: u32,
    /// Number of logs found.
    pub logs: usize,
    /// Records read.
    pub entries_scanned: u64,
    /// Where a torn tail was cut, and how many bytes.
    pub cut: Option<(Position, u64)>,
    /// How long recovery took.
    pub took: Duration,
}

#[derive(Debug)]
struct Shared {
    vfs: Arc<dyn Vfs>,
    options: JournalOptions,
    node: [u8; 16],
    /// Name of the signing key.
    name: String,
    epoch: u32,
    state: RwLock<State>,
    queue: Queue,
    signers: RwLock<Vec<Signer>>,
    spare: Mutex<Option<Arc<dyn File>>>,
    tiles: Mutex<()>,
    /// Held by who syncs; whether a sync failed.
    sync_failed: Mutex<bool>,
    lock: LockHolder,
    /// Where content goes that entries commit to.
    vault: OnceLock<Vault>,
}

/// Empty once the journal is closed.
struct LockHolder(Mutex<Option<Lock>>);

impl std::fmt::Debug for LockHolder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LockHolder")
    }
}

impl Shared {
    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn state_mut(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        (self.options.clock)()
    }

    fn signer(&self, key: &Verifier) -> Option<Signer> {
        let signers = self.signers.read().unwrap_or_else(PoisonError::into_inner);
        signers.iter().find(|s| s.verifier() == key).cloned()
    }

    fn first_key(&self) -> Option<Verifier> {
        let signers = self.signers.read().unwrap_or_else(PoisonError::into_inner);
        signers.first().map(|signer| signer.verifier().clone())
    }

    fn add_signer(&self, signer: Signer) {
        let mut signers = self.signers.write().unwrap_or_else(PoisonError::into_inner);
        signers.push(signer);
    }

    fn forget_signer(&self, key: &Verifier) -> Result<(), JournalError> {
        let mut signers = self.signers.write().unwrap_or_else(PoisonError::into_inner);
        signers.retain(|signer| signer.verifier() != key);
        drop(signers);
        keyfile::delete(&*self.vfs, key)
    }

    /// Makes a zeroed file ready for the next segment.
    fn prepare_spare(&self) {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.is_none() {
            match zeroed(&*self.vfs, SPARE, self.options.segment_bytes) {
                Ok(file) => *spare = Some(file),
                Err(error) => tracing::warn!(%error, "cannot prepare the next segment"),
            }
        }
    }

    /// Creates segment `number` of `bytes`, whole or not at all.
    fn create_segment(
        &self,
        number: u64,
        snapshot: Hash,
        created_ns: u64,
        bytes: u64,
    ) -> Result<Arc<dyn File>, JournalError> {
        let header = SegmentHeader {
            node: self.node,
            number,
            epoch: u64::from(self.epoch),
            snapshot,
            created_ns,
            bytes,
        };
        create_segment(&*self.vfs, &self.spare, &header)
    }

    fn release_reserve(&self) {
        for path in [RESERVE, SPARE] {
            if let Err(error) = self.vfs.remove(path)
                && error.kind() != ErrorKind::NotFound
            {
                tracing::warn!(%error, path, "cannot release the reserve");
            }
        }
    }
}

fn zeroed(vfs: &dyn Vfs, path: &str, bytes: u64) -> std::io::Result<Arc<dyn File>> {
    let file = vfs.create(path)?;
    let zeros = vec![0u8; 1 << 20];
    let mut at = 0;
    while at < bytes {
        let n = (bytes - at).min(zeros.len() as u64);
        file.write_at(&zeros[..n as usize], at)?;
        at += n;
    }
    file.sync()?;
    Ok(file)
}

fn create_segment(
    vfs: &dyn Vfs,
    spare: &Mutex<Option<Arc<dyn File>>>,
    header: &SegmentHeader,
) -> Result<Arc<dyn File>, JournalError> {
    let doing = "creating a segment";
    let mut spare = spare.lock().unwrap_or_else(PoisonError::into_inner);
    let fits = |file: &Arc<dyn File>| file.bytes().is_ok_and(|n| n == header.bytes);
    let file = match spare.take().filter(fits) {
        Some(file) => file,
        None => zeroed(vfs, SPARE, header.bytes).map_err(JournalError::io(doing))?,
    };
    file.write_at(&header.encode(), 0)
        .and_then(|()| file.sync())
        .and_then(|()| vfs.rename(SPARE, &segment_path(header.number)))
        .and_then(|()| vfs.sync_dir("log/journal"))
        .map_err(JournalError::io(doing))?;
    Ok(file)
}

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    seat: Arc<Seat>,
    threads: Mutex<Option<Threads>>,
}

#[derive(Debug)]
struct Threads {
    writer: JoinHandle<Result<(), JournalError>>,
    publisher: Option<JoinHandle<()>>,
}

impl Inner {
    fn close(&self) -> Result<(), JournalError> {
        self.shared.queue.close();
        let threads = self
            .threads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(threads) = threads else {
            return Ok(());
        };
        // The last handle may be dropped by a waiter, on the journal's own thread; not by one on the
        // thread of a caller that writes, which has a handle.
        if threads.writer.thread().id() == thread::current().id() {
            return Ok(());
        }
        let result = threads
            .writer
            .join()
            .unwrap_or_else(|_| Err(JournalError::Poisoned("the writer panicked".into())));
        if let Some(publisher) = threads.publisher {
            let _ = publisher.join();
        }
        // Nothing writes any more; the next owner need not wait for handles that only read.
        let lock = &self.shared.lock.0;
        drop(lock.lock().unwrap_or_else(PoisonError::into_inner).take());
        result
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::error!(%error, "the journal was not closed in order");
        }
    }
}

/// A handle on the open journal; clones share it.
#[derive(Debug, Clone)]
pub struct Journal {
    inner: Arc<Inner>,
}

fn lock_epoch(vfs: &dyn Vfs) -> u32 {
    vfs.read(LOCK)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(0)
}

impl Journal {
    /// Opens or creates the journal below the data directory `dir`, and recovers it.
    ///
    /// # Errors
    ///
    /// [`JournalError::Locked`] when another process has it open; [`JournalError::Corrupt`],
    /// [`JournalError::RolledBack`] and [`JournalError::Signature`] when it is not what was
    /// written, in which case the disk is left alone.
    pub fn open(dir: &Path, options: JournalOptions) -> Result<(Self, Recovery), JournalError> {
        Self::open_with(Arc::new(Disk::new(dir)), options)
    }

    /// Opens the journal on another file system, for tests.
    ///
    /// # Errors
    ///
    /// As [`Journal::open`].
    pub fn open_with(
        vfs: Arc<dyn Vfs>,
        mut options: JournalOptions,
    ) -> Result<(Self, Recovery), JournalError> {
        let started = Instant::now();
        options.segment_bytes = options
            .segment_bytes
            .clamp(SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX)
            .next_multiple_of(4_096);
        options.checkpoint_entries = options.checkpoint_entries.max(1);
        let lock = take_lock(&*vfs)?;
        let mut found = recover::recover(&vfs, options.full_scan)?;
        let last_epoch = found.batch.map_or(0, |batch| batch.epoch);
        let epoch = lock_epoch(&*vfs).max(last_epoch).saturating_add(1);
        let created = found.node.is_none();
        let node = match found.node {
            Some(node) => node,
            None => {
                let mut node = [0; 16];
                getrandom::fill(&mut node).map_err(|_| JournalError::Key("no randomness"))?;
                node
            }
        };
        let first = found.state.logs.first();
        let current = first.and_then(|log| log.keys.current().cloned());
        let name = match &current {
            Some(key) => key.name().to_owned(),
            None => format!("{}/{}", options.origin, hex(&node)),
        };
        let mut signers = keyfile::load(&*vfs, &name)?;
        match &current {
            Some(key) if signers.iter().any(|s| s.verifier() == key) => {}
            Some(_) => return Err(JournalError::Key("the private key of the log is missing")),
            None => signers = vec![keyfile::create(&*vfs, &name)?],
        }

        // From here on the disk is written.
        // In place: a renamed file would leave the lock on the old one.
        vfs.open(LOCK)
            .and_then(|file| {
                file.write_at(format!("{epoch:010}\n").as_bytes(), 0)?;
                file.sync()
            })
            .map_err(JournalError::io("storing the epoch"))?;
        let spare = Mutex::new(None);
        prepare(&*vfs, &found, &options)?;
        if created {
            found.created_ns = (options.clock)();
            found.segment_bytes = options.segment_bytes;
            let header = SegmentHeader {
                node,
                number: 0,
                epoch: u64::from(epoch),
                snapshot: [0; 32],
                created_ns: found.created_ns,
                bytes: options.segment_bytes,
            };
            let file = create_segment(&*vfs, &spare, &header)?;
            found.state.segments.push(Arc::new(Segment {
                number: 0,
                file,
                index: OnceLock::new(),
            }));
            found.state.end.offset = SEGMENT_HEADER_BYTES as u64;
        }
        let file = found
            .state
            .segments
            .last()
            .map(|segment| segment.file.clone())
            .ok_or(JournalError::Closed)?;
        let recovery = Recovery {
            created,
            epoch,
            logs: found.state.logs.len(),
            entries_scanned: found.entries,
            cut: found.cut,
            took: started.elapsed(),
        };
        let start = WriterStart {
            file,
            segment_bytes: found.segment_bytes,
            created_ns: found.created_ns,
            end: found.state.end,
            last: found.batch,
            index: found.state.live.clone(),
        };
        let shared = Arc::new(Shared {
            vfs,
            node,
            name,
            epoch,
            state: RwLock::new(found.state),
            queue: Queue::new(options.queue_entries_max),
            signers: RwLock::new(signers),
            spare,
            tiles: Mutex::new(()),
            sync_failed: Mutex::new(false),
            lock: LockHolder(Mutex::new(Some(lock))),
            vault: OnceLock::new(),
            options,
        });
        let journal = Self::start(shared, start, found.cut)?;
        Ok((journal, recovery))
    }

    fn start(
        shared: Arc<Shared>,
        start: WriterStart,
        cut: Option<(Position, u64)>,
    ) -> Result<Self, JournalError> {
        let publisher = Publisher::new(shared.clone());
        let spawning = "starting a thread of the journal";
        let (publishing, publisher) = if shared.options.background {
            let (jobs, inbox) = channel();
            let handle = thread::Builder::new()
                .name("journal-publish".to_owned())
                .spawn(move || publisher.run(&inbox))
                .map_err(JournalError::io(spawning))?;
            (Publishing::Thread(jobs), Some(handle))
        } else {
            (Publishing::Inline(Box::new(publisher)), None)
        };
        let mut writer = Writer::new(shared.clone(), publishing, start);
        writer.start(cut)?;
        let seat = Arc::new(Seat::new(shared.clone(), writer));
        let own = seat.clone();
        let writer = thread::Builder::new()
            .name("journal-write".to_owned())
            .spawn(move || own.run())
            .map_err(JournalError::io(spawning))?;
        let threads = Mutex::new(Some(Threads { writer, publisher }));
        Ok(Self {
            inner: Arc::new(Inner {
                shared,
                seat,
                threads,
            }),
        })
    }

    fn shared(&self) -> &Shared {
        &self.inner.shared
    }

    fn item(
        &self,
        tenant: &str,
        kind: Kind,
        body: Vec<u8>,
        content: Option<Deferred>,
        done: queue::Done,
    ) -> Result<Item, JournalError> {
        if tenant.is_empty() || tenant.len() > 512 {
            return Err(JournalError::Body("tenant name is empty or over 512 bytes"));
        }
        let limit = (self.shared().options.segment_bytes as usize) - SEGMENT_HEADER_BYTES;
        let bytes = match &content {
            None => body.len(),
            Some(_) if self.shared().vault.get().is_none() => {
                return Err(JournalError::Body("has content, and there is no vault"));
            }
            Some(_) => body.len() + CONTENT_MEMBER_BYTES_MAX,
        };
        if bytes > BODY_BYTES_MAX || record_bytes(bytes) > limit {
            return Err(JournalError::Body("longer than 65,535 bytes or a segment"));
        }
        // A NUL cannot occur in JSON, and without one no body can hold what looks like a record.
        if body.contains(&0) {
            return Err(JournalError::Body("holds a NUL byte"));
        }
        if kind_name(&body) != Some(&kind.name()) {
            return Err(JournalError::Body(
                "does not begin with `v`, `ts` and the `kind` it is appended as",
            ));
        }
        Ok(Item {
            tenant: tenant.into(),
            kind,
            body,
            content,
            done: Waiter::new(done),
        })
    }

    /// Why nothing can be appended any more, if that is so.
    #[must_use]
    pub fn stopped(&self) -> Option<JournalError> {
        self.shared().queue.stopped()
    }

    /// Appends a body to the log of `tenant`, which is created if need be, and waits until it is
    /// durable. The body begins as [`Body::new`] writes it.
    ///
    /// # Errors
    ///
    /// [`JournalError::QueueFull`] when there was no room in time; [`JournalError::Body`] when the
    /// body is not recordable; [`JournalError::Poisoned`] or [`JournalError::StorageFull`] when
    /// the journal stopped.
    pub fn append(
        &self,
        tenant: &str,
        kind: Kind,
        body: Vec<u8>,
    ) -> Result<Appended, JournalError> {
        self.append_content(tenant, kind, body, None)
    }

    /// As [`Journal::append`], with content for the vault: it is kept no later than the entry that
    /// commits to it.
    ///
    /// # Errors
    ///
    /// As [`Journal::append`], and [`JournalError::Content`] when the vault does not take it.
    pub fn append_content(
        &self,
        tenant: &str,
        kind: Kind,
        body: Vec<u8>,
        content: Option<Deferred>,
    ) -> Result<Appended, JournalError> {
        let (reply, answer) = sync_channel(1);
        self.append_content_here(tenant, kind, body, content, move |result| {
            drop(reply.send(result));
        })?;
        answer.recv().unwrap_or(Err(JournalError::Closed))
    }

    /// As [`Journal::append_content_with`], for a caller that waits for `done` anyway: unless
    /// somebody else is writing, it is the caller that writes, and `done` was called when this
    /// returns. Waiting for room is as with [`Journal::append`].
    ///
    /// A caller that writes also writes what others have queued, and calls their `done`.
    ///
    /// # Errors
    ///
    /// As [`Journal::append_content_with`].
    pub fn append_content_here(
        &self,
        tenant: &str,
        kind: Kind,
        body: Vec<u8>,
        content: Option<Deferred>,
        done: impl FnOnce(Result<Appended, JournalError>) + Send + 'static,
    ) -> Result<(), JournalError> {
        let item = self.item(tenant, kind, body, content, Box::new(done))?;
        let patience = self.shared().options.queue_wait;
        self.inner.seat.write(item, patience)
    }

    /// As [`Journal::append`], without waiting: `done` is called on the thread that writes, must
    /// be short and must not wait for the journal.
    ///
    /// # Errors
    ///
    /// At once, when the queue is full, the body not recordable, or the journal stopped; `done` is
    /// not called then.
    pub fn append_with(
        &self,
        tenant: &str,
        kind: Kind,
        body: Vec<u8>,
        done: impl FnOnce(Result<Appended, JournalError>) + Send + 'static,
    ) -> Result<(), JournalError> {
        self.append_content_with(tenant, kind, body, None, done)
    }

    /// As [`Journal::append_content`], without waiting: `content` is made, and `done` called, on
    /// the thread that writes.
    ///
    /// # Errors
    ///
    /// As [`Journal::append_with`], and when there is content and no vault is attached. That the
    /// vault does not take it is told to `done`.
    pub fn append_content_with(
        &self,
        tenant: &str,
        kind: Kind,
        body: Vec<u8>,
        content: Option<Deferred>,
        done: impl FnOnce(Result<Appended, JournalError>) + Send + 'static,
    ) -> Result<(), JournalError> {
        let item = self.item(tenant, kind, body, content, Box::new(done))?;
        self.shared().queue.push(item, Duration::ZERO, true)
    }

    /// Where content goes from now on; the first one attached stays.
    pub fn attach(&self, vault: Vault) {
        let _ = self.shared().vault.set(vault);
    }

    /// Syncs what was acknowledged; of use when durability is not strict.
    ///
    /// # Errors
    ///
    /// When the journal stopped.
    pub fn sync(&self) -> Result<(), JournalError> {
        let (reply, answer) = sync_channel(1);
        self.shared().queue.control(Control::Sync(reply))?;
        answer.recv().unwrap_or(Err(JournalError::Closed))
    }

    /// The signed note over the head of the tenant's log, signed now if it is stale.
    ///
    /// # Errors
    ///
    /// When there is no such log, or the journal stopped.
    pub fn checkpoint(&self, tenant: &str) -> Result<String, JournalError> {
        let (reply, answer) = sync_channel(1);
        self.shared()
            .queue
            .control(Control::Checkpoint(tenant.into(), reply))?;
        let note = answer.recv().unwrap_or(Err(JournalError::Closed))?;
        Ok(note.to_string())
    }

    /// Replaces the signing key in every log; answers the new vkey.
    ///
    /// # Errors
    ///
    /// When the key cannot be stored, or the journal stopped.
    pub fn rotate_key(&self) -> Result<String, JournalError> {
        let (reply, answer) = sync_channel(1);
        self.shared().queue.control(Control::Rotate(reply))?;
        answer.recv().unwrap_or(Err(JournalError::Closed))
    }

    /// The vkey the journal began with: what a verifier trusts; later keys follow from it.
    #[must_use]
    pub fn vkey(&self) -> String {
        let state = self.shared().state();
        let first = state.logs.first().and_then(|log| log.keys.iter().next());
        first.map_or_else(String::new, |(_, key)| key.vkey())
    }

    /// The vkey that signs now.
    #[must_use]
    pub fn current_vkey(&self) -> String {
        let state = self.shared().state();
        let current = state.logs.first().and_then(|log| log.keys.current());
        current.map_or_else(String::new, Verifier::vkey)
    }

    /// The epoch of this writer: higher than that of every writer before it.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.shared().epoch
    }

    /// When an entry is acknowledged.
    #[must_use]
    pub fn durability(&self) -> Durability {
        self.shared().options.durability
    }

    /// Closes the journal in order: what is queued is written, signed and published. Then another
    /// process may open it, though handles of this one can still read.
    ///
    /// # Errors
    ///
    /// When the last writes fail.
    pub fn close(self) -> Result<(), JournalError> {
        self.inner.close()
    }
}

fn take_lock(vfs: &dyn Vfs) -> Result<Lock, JournalError> {
    for dir in ["log", "log/journal", "log/logs", "keys"] {
        vfs.create_dir(dir)
            .map_err(JournalError::io("creating the data directory"))?;
    }
    let lock = vfs.lock(OWNER).map_err(|e| match e.kind() {
        ErrorKind::WouldBlock => JournalError::Locked,
        _ => JournalError::io("locking the journal")(e),
    })?;
    match vfs.open(LOCK) {
        Err(e) if e.kind() == ErrorKind::NotFound => {
            vfs.create(LOCK)
                .map_err(JournalError::io("creating the epoch's file"))?;
        }
        other => drop(other.map_err(JournalError::io("opening the epoch's file"))?),
    }
    Ok(lock)
}

/// Which process has the journal below the data directory `dir` open; `None` when none has.
///
/// # Errors
///
/// Those of the system.
pub fn holder(dir: &Path) -> std::io::Result<Option<Holder>> {
    lock::holder(&dir.join(OWNER))
}

/// Acts on what recovery found: cuts the torn tail and rebuilds what is missing beside it.
fn prepare(
    vfs: &dyn Vfs,
    found: &recover::Recovered,
    options: &JournalOptions,
) -> Result<(), JournalError> {
    if let (Some((at, bytes)), Some(segment)) = (found.cut, found.state.segments.last()) {
        segment
            .file
            .write_at(&vec![0; bytes as usize], at.offset)
            .and_then(|()| segment.file.sync())
            .map_err(JournalError::io("cutting the torn tail"))?;
    }
    for (number, snapshot) in &found.snapshots {
        vfs.publish(&snapshot_path(*number), snapshot)
            .map_err(JournalError::io("rebuilding a snapshot"))?;
    }
    for log in &found.state.logs {
        restore_log(vfs, log).map_err(JournalError::io("rebuilding the folder of a log"))?;
    }
    if let Err(e) = vfs.remove(SPARE)
        && e.kind() != ErrorKind::NotFound
    {
        return Err(JournalError::io("removing an unused segment")(e));
    }
    if options.reserve_bytes > 0 && vfs.open(RESERVE).is_err() {
        let reserved = vfs
            .create(RESERVE)
            .and_then(|file| file.allocate(options.reserve_bytes));
        if let Err(error) = reserved {
            tracing::warn!(%error, "no space for the reserve of the journal");
        }
    }
    Ok(())
}

fn restore_log(vfs: &dyn Vfs, log: &LogState) -> std::io::Result<()> {
    let path = state::log_path(&log.id, "genesis.json");
    if let Err(e) = vfs.open(&path) {
        if e.kind() != ErrorKind::NotFound {
            return Err(e);
        }
        vfs.create_dir(state::log_path(&log.id, "").trim_end_matches('/'))?;
        vfs.publish(&path, &log.genesis)?;
    }
    publish::repair_history(vfs, &log.id)
}
