//! Whoever waits for an entry writes it: many at once, errors, panics, and the end.

use crate::support::{body, verdict};
use interlock_core::audit::verify::{Trust, Verdict, verify};
use interlock_store::journal::fault::FaultVfs;
use interlock_store::journal::vfs::{File, Lock, Vfs};
use interlock_store::journal::{
    Appended, DirSource, Durability, Journal, JournalError, JournalOptions, Kind,
};
use std::collections::BTreeMap;
use std::io;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

/// What happens to a write of a segment.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Then {
    #[default]
    Write,
    Fail,
    Panic,
}

#[derive(Debug, Default)]
struct Watch {
    /// Whether writes of segments wait.
    held: Mutex<bool>,
    released: Condvar,
    then: Mutex<Then>,
    waiting: AtomicUsize,
    /// Who wrote to a segment.
    writers: Mutex<Vec<ThreadId>>,
    syncs: AtomicUsize,
    sync_fails: AtomicBool,
}

impl Watch {
    fn hold(&self, then: Then) {
        *self.held.lock().unwrap() = true;
        *self.then.lock().unwrap() = then;
    }

    fn release(&self) {
        *self.held.lock().unwrap() = false;
        self.released.notify_all();
    }

    fn writing(&self) -> io::Result<()> {
        self.writers.lock().unwrap().push(thread::current().id());
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let held = self.held.lock().unwrap();
        drop(self.released.wait_while(held, |held| *held).unwrap());
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        let then = *self.then.lock().unwrap();
        match then {
            Then::Write => Ok(()),
            Then::Fail => Err(io::Error::other("the disk is gone")),
            Then::Panic => panic!("a bug where the journal is written"),
        }
    }

    fn wait_for_a_writer(&self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.waiting.load(Ordering::SeqCst) == 0 {
            assert!(Instant::now() < deadline, "nobody writes");
            thread::yield_now();
        }
    }
}

/// A disk on which writes and syncs of segments are watched.
#[derive(Debug, Clone)]
struct Watched {
    disk: FaultVfs,
    watch: Arc<Watch>,
}

#[derive(Debug)]
struct WatchedFile {
    file: Arc<dyn File>,
    watch: Option<Arc<Watch>>,
}

impl Watched {
    fn new() -> Self {
        Self {
            disk: FaultVfs::new(),
            watch: Arc::default(),
        }
    }

    fn file(&self, path: &str, file: Arc<dyn File>) -> Arc<dyn File> {
        // A segment is made under another name.
        let segment = path.starts_with("log/journal/") && !path.ends_with("snap.tmp");
        Arc::new(WatchedFile {
            file,
            watch: segment.then(|| self.watch.clone()),
        })
    }
}

impl File for WatchedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if let Some(watch) = &self.watch {
            watch.writing()?;
        }
        self.file.write_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        if let Some(watch) = &self.watch {
            watch.syncs.fetch_add(1, Ordering::SeqCst);
            if watch.sync_fails.load(Ordering::SeqCst) {
                return Err(io::Error::other("the disk lost something"));
            }
        }
        self.file.sync()
    }

    fn bytes(&self) -> io::Result<u64> {
        self.file.bytes()
    }

    fn set_bytes(&self, bytes: u64) -> io::Result<()> {
        self.file.set_bytes(bytes)
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        self.file.allocate(bytes)
    }
}

impl Vfs for Watched {
    fn open(&self, path: &str) -> io::Result<Arc<dyn File>> {
        Ok(self.file(path, self.disk.open(path)?))
    }

    fn create(&self, path: &str) -> io::Result<Arc<dyn File>> {
        Ok(self.file(path, self.disk.create(path)?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        self.disk.list(dir)
    }

    fn create_dir(&self, dir: &str) -> io::Result<()> {
        self.disk.create_dir(dir)
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        self.disk.sync_dir(dir)
    }

    fn lock(&self, path: &str) -> io::Result<Lock> {
        self.disk.lock(path)
    }
}

fn options(durability: Durability) -> JournalOptions {
    JournalOptions {
        durability,
        ..crate::support::options()
    }
}

fn open(disk: &Watched, durability: Durability) -> Journal {
    Journal::open_with(Arc::new(disk.clone()), options(durability))
        .unwrap()
        .0
}

const ALL: [Durability; 3] = [Durability::Strict, Durability::Batch, Durability::Async];

fn append(journal: &Journal, n: u64) -> Result<Appended, JournalError> {
    journal.append("acme", Kind::Decision, body(Kind::Decision, n))
}

#[test]
fn a_caller_that_waits_writes_and_one_that_does_not_is_written_for() {
    for durability in ALL {
        let disk = Watched::new();
        let journal = open(&disk, durability);
        let own = thread::current().id();
        // The journal's thread may be at its first look.
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            disk.watch.writers.lock().unwrap().clear();
            append(&journal, 1).unwrap();
            if *disk.watch.writers.lock().unwrap() == [own] {
                break;
            }
            assert!(Instant::now() < deadline, "{durability:?}");
        }
        disk.watch.writers.lock().unwrap().clear();
        let (send, receive) = channel();
        let done = move |result| drop(send.send((thread::current().id(), result)));
        journal
            .append_with("acme", Kind::Decision, body(Kind::Decision, 2), done)
            .unwrap();
        let (called_on, result) = receive.recv().unwrap();
        assert!(result.is_ok());
        assert_ne!(called_on, own);
        let writers = disk.watch.writers.lock().unwrap().clone();
        assert!(!writers.is_empty() && !writers.contains(&own));
        journal.close().unwrap();
    }
}

#[test]
fn what_a_caller_wrote_is_synced_within_the_window_though_nobody_comes_after() {
    let disk = Watched::new();
    let journal = open(&disk, Durability::Batch);
    // At once, while the journal's thread still looks by itself, and when it sleeps.
    for pause in [0, 1, 7, 600] {
        thread::sleep(Duration::from_millis(pause));
        let before = disk.watch.syncs.load(Ordering::SeqCst);
        append(&journal, pause).unwrap();
        let wrote = Instant::now();
        while disk.watch.syncs.load(Ordering::SeqCst) == before {
            // Far more than the window: the machine may be loaded. Nothing else would sync.
            assert!(
                wrote.elapsed() < Duration::from_secs(10),
                "after {pause} ms"
            );
            thread::sleep(Duration::from_millis(1));
        }
    }
    // What is acknowledged and synced outlives the machine.
    journal.sync().unwrap();
    let crashed = disk
        .disk
        .after_crash(interlock_store::journal::fault::Survival::Nothing);
    let (journal, _) = Journal::open_with(Arc::new(crashed), options(Durability::Batch)).unwrap();
    assert_eq!(journal.head("acme").unwrap().size, 5);
}

#[test]
fn a_failed_sync_beside_the_writing_stops_the_journal() {
    let disk = Watched::new();
    let journal = open(&disk, Durability::Batch);
    append(&journal, 1).unwrap();
    disk.watch.sync_fails.store(true, Ordering::SeqCst);
    let deadline = Instant::now() + Duration::from_secs(20);
    let error = loop {
        match append(&journal, 2) {
            Ok(_) => assert!(Instant::now() < deadline, "it goes on"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, JournalError::Poisoned(_)), "{error}");
    // Not even when the disk says that all is well again.
    disk.watch.sync_fails.store(false, Ordering::SeqCst);
    let syncs = disk.watch.syncs.load(Ordering::SeqCst);
    assert!(append(&journal, 3).is_err());
    assert!(journal.sync().is_err());
    assert_eq!(disk.watch.syncs.load(Ordering::SeqCst), syncs);
    assert!(journal.close().is_err());
}

/// One caller is stuck in a write while others queue behind it; what each of them is told.
fn told_behind(
    disk: &Watched,
    journal: &Journal,
    then: Then,
) -> Vec<Result<Appended, JournalError>> {
    disk.watch.hold(then);
    let (told, all): (_, Receiver<Result<Appended, JournalError>>) = channel();
    thread::scope(|scope| {
        for n in 0..4 {
            let (told, journal) = (told.clone(), journal.clone());
            scope.spawn(move || {
                let result = append(&journal, n);
                told.send(result).unwrap();
            });
        }
        disk.watch.wait_for_a_writer();
        for n in 0..20 {
            let done = told.clone();
            journal
                .append_with(
                    "acme",
                    Kind::Outcome,
                    body(Kind::Outcome, n),
                    move |result| done.send(result).unwrap(),
                )
                .unwrap();
        }
        // Time for the other three to queue; whether they did makes no difference to the result.
        thread::sleep(Duration::from_millis(30));
        disk.watch.release();
    });
    drop(told);
    // Ends when nobody is left who might still answer.
    let mut results = Vec::new();
    while results.len() < 24 {
        results.push(
            all.recv_timeout(Duration::from_secs(20))
                .expect("somebody was never answered"),
        );
    }
    assert!(all.recv_timeout(Duration::from_millis(50)).is_err());
    results
}

#[test]
fn an_error_or_a_panic_of_who_writes_is_told_to_everybody_once() {
    for durability in ALL {
        for then in [Then::Fail, Then::Panic] {
            let disk = Watched::new();
            let journal = open(&disk, durability);
            for n in 0..3 {
                append(&journal, n).unwrap();
            }
            for result in told_behind(&disk, &journal, then) {
                assert!(
                    matches!(result, Err(JournalError::Poisoned(_))),
                    "{durability:?} {then:?}: {result:?}"
                );
            }
            *disk.watch.then.lock().unwrap() = Then::Write;
            assert!(matches!(
                append(&journal, 9),
                Err(JournalError::Poisoned(_))
            ));
            assert!(journal.stopped().is_some());
            assert!(journal.checkpoint("acme").is_err());
            assert!(journal.close().is_err());
            // What was acknowledged is there.
            let (journal, _) =
                Journal::open_with(Arc::new(disk.disk.clone()), options(durability)).unwrap();
            assert!(journal.head("acme").unwrap().size >= 4);
            let vkey = journal.vkey();
            journal.close().unwrap();
            assert_eq!(verdict(&disk.disk, &vkey, &[]).verdict.code(), 0);
        }
    }
}

#[test]
fn what_queues_behind_a_caller_that_writes_is_written() {
    for durability in ALL {
        let disk = Watched::new();
        let journal = open(&disk, durability);
        append(&journal, 0).unwrap();
        let results = told_behind(&disk, &journal, Then::Write);
        let mut seqs: Vec<u64> = results.into_iter().map(|r| r.unwrap().seq).collect();
        seqs.sort_unstable();
        assert_eq!(seqs, (2..26).collect::<Vec<_>>(), "{durability:?}");
        journal.close().unwrap();
    }
}

/// What `threads` were told when each appended to its own logs, until it was refused or had enough.
fn appended(
    journal: &Journal,
    threads: u64,
    each: u64,
    stop: impl FnOnce() + Send,
) -> Vec<Vec<(String, Appended)>> {
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|thread| {
                let journal = journal.clone();
                scope.spawn(move || {
                    let mut told = Vec::new();
                    for n in 0..each {
                        // Logs are shared by the threads, so that they follow one another in one.
                        let tenant = format!("tenant-{}", (thread + n) % 3);
                        let bytes = body(Kind::Decision, n + thread * 1_000_000);
                        let mut result = if n % 5 == 4 {
                            let (send, receive) = channel();
                            journal
                                .append_with(
                                    &tenant,
                                    Kind::Decision,
                                    bytes.clone(),
                                    move |result| {
                                        send.send(result).unwrap();
                                    },
                                )
                                .and_then(|()| receive.recv().unwrap())
                        } else {
                            journal.append(&tenant, Kind::Decision, bytes.clone())
                        };
                        // Who does not wait for the entry does not wait for room either.
                        if matches!(result, Err(JournalError::QueueFull(_))) {
                            result = journal.append(&tenant, Kind::Decision, bytes);
                        }
                        match result {
                            Ok(appended) => told.push((tenant, appended)),
                            Err(error) => {
                                assert!(matches!(error, JournalError::Closed), "{error}");
                                break;
                            }
                        }
                    }
                    told
                })
            })
            .collect();
        scope.spawn(stop);
        running.into_iter().map(|one| one.join().unwrap()).collect()
    })
}

/// Every acknowledged entry is where its caller was told, and those of a thread are in its order.
fn hold(journal: &Journal, told: &[Vec<(String, Appended)>], what: &str) {
    let mut found = BTreeMap::new();
    journal
        .for_each(
            interlock_store::journal::Position::default(),
            &mut |tenant, entry| {
                found.insert((tenant.to_owned(), entry.seq), entry.leaf);
                ControlFlow::Continue(())
            },
        )
        .unwrap();
    for one in told {
        let mut last: BTreeMap<&str, u64> = BTreeMap::new();
        for (tenant, appended) in one {
            assert_eq!(
                found.get(&(tenant.clone(), appended.seq)),
                Some(&appended.leaf),
                "{what}: {tenant} {}",
                appended.seq
            );
            let before = last.insert(tenant, appended.seq);
            assert!(before.is_none_or(|before| before < appended.seq), "{what}");
        }
    }
}

#[test]
fn many_callers_write_for_one_another() {
    let each = if crate::support::soak() { 20_000 } else { 400 };
    for durability in ALL {
        let what = format!("{durability:?}");
        let dir = tempfile::tempdir().unwrap();
        let options = JournalOptions {
            // Rolled while they write.
            segment_bytes: 128 * 1024,
            durability,
            checkpoint_every: Duration::from_millis(20),
            checkpoint_entries: 64,
            reserve_bytes: 4096,
            // Full now and then.
            queue_entries_max: 8,
            ..JournalOptions::default()
        };
        let (journal, _) = Journal::open(dir.path(), options.clone()).unwrap();
        let vkey = journal.vkey();
        let told = appended(&journal, 8, each, || {});
        for one in &told {
            assert_eq!(one.len() as u64, each, "{what}");
        }
        hold(&journal, &told, &what);
        journal.close().unwrap();
        let source = DirSource::new(&dir.path().join("log"));
        let trust = Trust {
            vkeys: &[vkey],
            checkpoints: &[],
        };
        let verdict = verify(&source, trust).verdict;
        assert!(
            matches!(verdict, Verdict::Ok { unsigned: 0, .. }),
            "{what}: {verdict}"
        );
        let (journal, recovery) = Journal::open(dir.path(), options).unwrap();
        assert_eq!(recovery.cut, None);
        hold(&journal, &told, &what);
    }
}

#[test]
fn closing_while_callers_write_answers_all_and_loses_none() {
    for durability in ALL {
        for after in [0, 1, 5, 20] {
            let what = format!("{durability:?} after {after} ms");
            let dir = tempfile::tempdir().unwrap();
            let options = JournalOptions {
                segment_bytes: 128 * 1024,
                durability,
                reserve_bytes: 0,
                ..JournalOptions::default()
            };
            let (journal, _) = Journal::open(dir.path(), options.clone()).unwrap();
            let closing = journal.clone();
            let told = appended(&journal, 4, u64::MAX, move || {
                thread::sleep(Duration::from_millis(after));
                closing.close().unwrap();
            });
            let (journal, recovery) = Journal::open(dir.path(), options).unwrap();
            assert_eq!(recovery.cut, None, "{what}");
            hold(&journal, &told, &what);
        }
    }
}
