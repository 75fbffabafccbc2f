//! The few file operations of the journal, so that tests can put a failing disk below it.
//!
//! Paths are relative to a root and use `/`.

use std::any::Any;
use std::fmt::Debug;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::PathBuf;
use std::sync::Arc;

/// An open file.
pub trait File: Debug + Send + Sync {
    /// Reads up to `buffer.len()` bytes at `offset`; 0 at the end of the file.
    ///
    /// # Errors
    ///
    /// Those of the system.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes all of `bytes` at `offset`.
    ///
    /// # Errors
    ///
    /// Those of the system.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Makes written data and the length durable.
    ///
    /// # Errors
    ///
    /// Those of the system; after one, what is on disk is unknown.
    fn sync(&self) -> io::Result<()>;
    /// Length in bytes.
    ///
    /// # Errors
    ///
    /// Those of the system.
    fn bytes(&self) -> io::Result<u64>;
    /// Cuts or extends (with zeros) the file.
    ///
    /// # Errors
    ///
    /// Those of the system.
    fn set_bytes(&self, bytes: u64) -> io::Result<()>;
    /// Reserves space for `bytes` without writing them.
    ///
    /// # Errors
    ///
    /// `StorageFull` when there is none.
    fn allocate(&self, bytes: u64) -> io::Result<()>;

    /// Reads exactly `buffer.len()` bytes at `offset`.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof` when there are fewer.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let mut done = 0;
        while done < buffer.len() {
            match self.read_at(&mut buffer[done..], offset + done as u64) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(n) => done += n,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}

/// A lock that is released when dropped.
pub type Lock = Box<dyn Any + Send + Sync>;

/// A tree of files.
pub trait Vfs: Debug + Send + Sync {
    /// Opens a file for reading and writing.
    ///
    /// # Errors
    ///
    /// `NotFound`, and those of the system.
    fn open(&self, path: &str) -> io::Result<Arc<dyn File>>;
    /// Creates or empties a file that only its owner may read.
    ///
    /// # Errors
    ///
    /// Those of the system.
    fn create(&self, path: &str) -> io::Result<Arc<dyn File>>;
    /// Renames a file, replacing the target.
    ///
    /// # Errors
    ///
    /// Those of the system.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    ///
    /// # Errors
    ///
    /// `NotFound`, and those of the system.
    fn remove(&self, path: &str) -> io::Result<()>;
    /// Names in a folder, in any order; none if it does not exist.
    ///
    /// # Errors
    ///
    /// Those of the system.
    fn list(&self, dir: &str) -> io::Result<Vec<String>>;
    /// Creates a folder and those above it.
    ///
    /// # Errors
    ///
    /// Those of the system.
    fn create_dir(&self, dir: &str) -> io::Result<()>;
    /// Makes the names in a folder durable.
    ///
    /// # Errors
    ///
    /// Those of the system.
    fn sync_dir(&self, dir: &str) -> io::Result<()>;
    /// Takes an exclusive lock on a file, which is made if need be. Nothing else may open the
    /// file: closing any handle on it would give the lock up.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when another process or handle holds it.
    fn lock(&self, path: &str) -> io::Result<Lock>;

    /// The whole of a file.
    ///
    /// # Errors
    ///
    /// `NotFound`, and those of the system.
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        let file = self.open(path)?;
        let bytes = usize::try_from(file.bytes()?).map_err(|_| ErrorKind::FileTooLarge)?;
        let mut buffer = vec![0; bytes];
        file.read_exact_at(&mut buffer, 0)?;
        Ok(buffer)
    }

    /// Replaces a file so that after a crash it is either the old or the new one.
    ///
    /// # Errors
    ///
    /// Those of the system.
    fn publish(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let temporary = format!("{path}.tmp");
        let file = self.create(&temporary)?;
        file.write_at(bytes, 0)?;
        file.sync()?;
        self.rename(&temporary, path)?;
        self.sync_dir(path.rsplit_once('/').map_or("", |(dir, _)| dir))
    }
}

/// The file system below a folder.
#[derive(Debug, Clone)]
pub struct Disk {
    root: PathBuf,
}

impl Disk {
    /// The tree below `root`.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    fn options() -> fs::OpenOptions {
        let mut options = fs::OpenOptions::new();
        options.read(true).write(true).mode(0o600);
        options
    }
}

#[derive(Debug)]
struct DiskFile(fs::File);

impl File for DiskFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn bytes(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn set_bytes(&self, bytes: u64) -> io::Result<()> {
        self.0.set_len(bytes)
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        let flags = rustix::fs::FallocateFlags::empty();
        Ok(rustix::fs::fallocate(&self.0, flags, 0, bytes)?)
    }
}

impl Vfs for Disk {
    fn open(&self, path: &str) -> io::Result<Arc<dyn File>> {
        let file = Self::options().open(self.root.join(path))?;
        Ok(Arc::new(DiskFile(file)))
    }

    fn create(&self, path: &str) -> io::Result<Arc<dyn File>> {
        let file = Self::options()
            .create(true)
            .truncate(true)
            .open(self.root.join(path))?;
        Ok(Arc::new(DiskFile(file)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.root.join(from), self.root.join(to))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        fs::remove_file(self.root.join(path))
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(self.root.join(dir)) {
            Ok(entries) => entries,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(e),
        };
        let mut names = Vec::new();
        for entry in entries {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn create_dir(&self, dir: &str) -> io::Result<()> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(self.root.join(dir))
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        fs::File::open(self.root.join(dir))?.sync_all()
    }

    fn lock(&self, path: &str) -> io::Result<Lock> {
        Ok(Box::new(super::lock::take(&self.root.join(path))?))
    }
}
