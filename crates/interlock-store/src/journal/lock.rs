//! The lock of a data directory: an advisory record lock (`fcntl`, `F_SETLK`) over a whole file.
//!
//! Of the three kinds that Linux has, this is the one that a forked child does not inherit: under
//! `flock` or an open-file-description lock, a worker that outlives the process that forked it
//! would keep the directory locked without anybody serving it. It has two traps of its own, which
//! the table below is for: a process does not stand in its own way, and closing *any* handle on
//! the file gives the lock up.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::thread;
use std::time::Duration;

use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::process::{Flock, FlockType, fcntl_getlk};

/// How often the table is asked for; each time a millisecond passes.
const TRIES: usize = 200;

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
struct Entry {
    process: u32,
    device: u64,
    inode: u64,
}

/// What this process holds. Entries of another process came with a fork and count for nothing.
static HELD: Mutex<Vec<Entry>> = Mutex::new(Vec::new());

/// Who holds a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// The process id, where the system tells it.
    pub process: Option<u32>,
}

/// A held lock; dropping it gives it up.
#[derive(Debug)]
pub struct Held {
    file: Option<File>,
    entry: Entry,
}

impl Drop for Held {
    fn drop(&mut self) {
        // A forked child has the handle but not the lock: closing it there changes nothing.
        let table = table();
        self.file = None;
        if let Ok(mut table) = table {
            table.retain(|entry| *entry != self.entry);
        }
    }
}

/// The table; never waited for without end, as in a forked child whoever had it may be gone.
fn table() -> io::Result<MutexGuard<'static, Vec<Entry>>> {
    for _ in 0..TRIES {
        match HELD.try_lock() {
            Ok(table) => return Ok(table),
            Err(TryLockError::Poisoned(table)) => return Ok(table.into_inner()),
            Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(1)),
        }
    }
    Err(ErrorKind::WouldBlock.into())
}

/// The entry of a file; `None` when there is no such file.
fn entry(path: &Path) -> io::Result<Option<Entry>> {
    match path.metadata() {
        Ok(metadata) => Ok(Some(Entry {
            process: std::process::id(),
            device: metadata.dev(),
            inode: metadata.ino(),
        })),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Takes the lock on `path`, a file that is made if need be and that nothing else opens.
///
/// # Errors
/// [`ErrorKind::WouldBlock`] when it is held, by this process or by another; else those of the
/// system.
pub fn take(path: &Path) -> io::Result<Held> {
    let mut table = table()?;
    if let Some(entry) = entry(path)?
        && table.contains(&entry)
    {
        return Err(ErrorKind::WouldBlock.into());
    }
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)?;
    fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|error| {
        match error {
            // POSIX leaves the choice between the two.
            rustix::io::Errno::ACCESS | rustix::io::Errno::AGAIN => ErrorKind::WouldBlock.into(),
            error => io::Error::from(error),
        }
    })?;
    let metadata = file.metadata()?;
    let entry = Entry {
        process: std::process::id(),
        device: metadata.dev(),
        inode: metadata.ino(),
    };
    table.push(entry);
    Ok(Held {
        file: Some(file),
        entry,
    })
}

/// Who holds the lock on `path`; `None` when nobody does.
///
/// # Errors
/// Those of the system.
pub(crate) fn holder(path: &Path) -> io::Result<Option<Holder>> {
    // Kept until the handle below is closed, so that no lock is taken in between and lost by it.
    let table = table()?;
    let Some(entry) = entry(path)? else {
        return Ok(None);
    };
    if table.contains(&entry) {
        return Ok(Some(Holder {
            process: Some(entry.process),
        }));
    }
    let file = OpenOptions::new().read(true).open(path)?;
    let found = fcntl_getlk(&file, &Flock::from(FlockType::WriteLock))?;
    Ok(found.map(|lock| Holder {
        process: lock
            .pid
            .and_then(|pid| u32::try_from(pid.as_raw_nonzero().get()).ok()),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holder_at_a_time_in_one_process_too() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("OWNER");
        assert_eq!(holder(&path).unwrap(), None, "no file, no holder");
        let held = take(&path).unwrap();
        assert_eq!(take(&path).unwrap_err().kind(), ErrorKind::WouldBlock);
        let me = Some(Holder {
            process: Some(std::process::id()),
        });
        assert_eq!(holder(&path).unwrap(), me);
        // Neither the failed attempt nor the look gave the lock up: another process sees it.
        assert!(locked_for_others(&path));
        drop(held);
        assert_eq!(holder(&path).unwrap(), None);
        assert!(!locked_for_others(&path));
        drop(take(&path).unwrap());
    }

    /// Whether the system lists a lock on the file.
    fn locked_for_others(path: &Path) -> bool {
        let inode = path.metadata().unwrap().ino();
        std::fs::read_to_string("/proc/locks")
            .unwrap()
            .lines()
            .any(|line| line.contains("POSIX") && line.contains(&format!(":{inode} ")))
    }

    #[test]
    fn an_entry_of_the_parent_counts_for_nothing_in_a_child() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("OWNER");
        std::fs::write(&path, "").unwrap();
        let inherited = Entry {
            process: std::process::id() + 1,
            ..entry(&path).unwrap().unwrap()
        };
        table().unwrap().push(inherited);
        assert_eq!(holder(&path).unwrap(), None);
        drop(take(&path).unwrap());
        table().unwrap().retain(|entry| *entry != inherited);
    }
}
