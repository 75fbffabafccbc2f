//! The embedded back end: one SQLite file in WAL mode, one writer, a few readers.
//!
//! Every commit is synced (`synchronous = FULL`), as approvals, keys and policies have no other
//! home; the projector writes in batches, so that one sync serves many rows.

mod actions;
mod agents;
mod alerts;
mod approvals;
mod idempotency;
mod keys;
mod policies;
mod projection;
mod review;
mod rows;
mod runs;
mod schema;
mod search;
mod settings;
mod triage;
mod users;

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use crate::error::StoreError;

type Result<T> = std::result::Result<T, StoreError>;

/// How the embedded store is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SqliteOptions {
    /// Connections that read, 1 to 64.
    pub readers: usize,
    /// How long to wait for another process that holds the file, in milliseconds.
    pub busy_timeout_ms: u64,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            readers: 4,
            busy_timeout_ms: 5_000,
        }
    }
}

/// The embedded store.
#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    writer: Mutex<Connection>,
    readers: Vec<Mutex<Connection>>,
    next_reader: AtomicUsize,
}

impl SqliteStore {
    /// Opens the file, which is made, readable by its owner alone, if it is not there, and brings
    /// its schema up to date.
    ///
    /// # Errors
    /// When the file cannot be opened, is not an Interlock database, or was written by a later
    /// version of the program.
    pub fn open(path: &Path, options: SqliteOptions) -> Result<Self> {
        if !(1..=64).contains(&options.readers) {
            return Err(StoreError::invalid("readers", "must be 1 to 64"));
        }
        create_private(path)?;
        let mut writer = connect(path, options)?;
        schema::migrate(&mut writer, path)?;
        let readers = (0..options.readers)
            .map(|_| {
                let reader = connect(path, options)?;
                reader.pragma_update(None, "query_only", true)?;
                Ok(Mutex::new(reader))
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            path: path.to_owned(),
            writer: Mutex::new(writer),
            readers,
            next_reader: AtomicUsize::new(0),
        })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Checks the structure of the whole file.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] with the first problem found.
    pub fn check_integrity(&self) -> Result<()> {
        let reader = self.reader();
        let answer: String = reader.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
        if answer == "ok" {
            Ok(())
        } else {
            Err(StoreError::damaged("database", answer))
        }
    }

    /// The connection that writes.
    fn connection(&self) -> MutexGuard<'_, Connection> {
        // A panic inside a transaction has rolled it back: the connection is sound.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `f` in a transaction that holds the write lock from its beginning.
    fn write<T>(&self, f: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        let mut writer = self.connection();
        let tx = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = f(&tx)?;
        tx.commit()?;
        Ok(value)
    }

    /// A connection that reads; a free one if there is.
    fn reader(&self) -> MutexGuard<'_, Connection> {
        let first = self.next_reader.fetch_add(1, Ordering::Relaxed);
        let count = self.readers.len();
        for offset in 0..count {
            match self.readers[first.wrapping_add(offset) % count].try_lock() {
                Ok(reader) => return reader,
                Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        self.readers[first % count]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn create_private(path: &Path) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(source) => Err(StoreError::Io {
            path: path.display().to_string(),
            source,
        }),
    }
}

fn connect(path: &Path, options: SqliteOptions) -> Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(Duration::from_millis(options.busy_timeout_ms))?;
    connection.set_prepared_statement_cache_capacity(64);
    write_ahead(&connection, options)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    // What was erased shall not stay in free pages.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    Ok(connection)
}

/// Puts the file into WAL mode, which it then keeps.
///
/// The change upgrades a shared lock to an exclusive one. SQLite does not call the busy handler for
/// that, as two connections that wait for each other would wait for ever: whoever loses has let go
/// of its lock when it hears so, and tries again.
fn write_ahead(connection: &Connection, options: SqliteOptions) -> Result<()> {
    const PAUSE: Duration = Duration::from_millis(2);
    let started = Instant::now();
    let patience = Duration::from_millis(options.busy_timeout_ms);
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && started.elapsed() < patience =>
            {
                std::thread::sleep(PAUSE);
            }
            done => return Ok(done?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_commit_is_synced_and_readers_only_read() {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&dir.path().join("db"), SqliteOptions::default()).unwrap();
        let pragma = |connection: &Connection, name: &str| -> String {
            let sql = format!("SELECT CAST({name} AS TEXT) FROM pragma_{name}");
            connection.query_row(&sql, [], |row| row.get(0)).unwrap()
        };
        let writer = store.writer.lock().unwrap();
        assert_eq!(pragma(&writer, "journal_mode"), "wal");
        assert_eq!(pragma(&writer, "synchronous"), "2", "2 is FULL");
        let reader = store.reader();
        assert!(reader.execute("DELETE FROM agent", []).is_err());
    }
}
