//! The undo journal: frames in one file, written ahead of every effect.
//!
//! ```text
//! frame   length u32, CRC32C u32 (both little endian), JSON
//! ```
//!
//! Any number of processes share it. Who reads or writes holds the lock, and first reads what others
//! wrote since. The lock is a POSIX record lock, which a forked child does not inherit; within a
//! process a mutex stands for it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::io::Errno;

use crate::error::{EffectError, Result, at};
use crate::record::{Record, VERSION};

/// Bytes of a record: attributes of one object may take 64 KiB of names and as much per value.
const RECORD_BYTES_MAX: usize = 64 << 20;
const HEAD_BYTES: usize = 8;

/// The journal's file, as far as this process has read it.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    lock: File,
    file: File,
    /// Its inode: another process may have put a shorter one in its place.
    inode: u64,
    read: u64,
    sync: bool,
}

impl Journal {
    /// Opens the journal of a directory, which exists.
    pub(crate) fn open(dir: &Path, sync: bool) -> Result<Self> {
        let lock = dir.join("LOCK");
        let path = dir.join("journal");
        let open = |path: &Path| {
            OpenOptions::new()
                .read(true)
                .append(true)
                .create(true)
                .mode(0o600)
                .open(path)
                .map_err(at("open", path))
        };
        let file = open(&path)?;
        Ok(Self {
            lock: open(&lock)?,
            inode: file.metadata().map_err(at("look at", &path))?.ino(),
            file,
            path,
            read: 0,
            sync,
        })
    }

    /// Waits until no other process reads or writes.
    pub(crate) fn lock(&self) -> Result<()> {
        loop {
            match fcntl_lock(&self.lock, FlockOperation::LockExclusive) {
                Err(Errno::INTR) => {}
                Err(error) => return Err(at("lock", &self.path)(error.into())),
                Ok(()) => return Ok(()),
            }
        }
    }

    pub(crate) fn unlock(&self) {
        // What fails here fails again, and is told, at the next lock.
        let _ = fcntl_lock(&self.lock, FlockOperation::Unlock);
    }

    /// What was written since the last call; `true` when the journal was replaced, so that
    /// everything known of it must be forgotten first. Cuts off what a crash left unfinished.
    pub(crate) fn news(&mut self) -> Result<(bool, Vec<Record>)> {
        let here = at("read", &self.path);
        let (replaced, bytes) = self.bytes().map_err(here)?;
        let mut records = Vec::new();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            match frame(rest) {
                Ok((record, length)) => {
                    records.push(record);
                    rest = &rest[length..];
                    self.read += length as u64;
                }
                Err(Broken::Torn) => {
                    self.file
                        .set_len(self.read)
                        .map_err(at("cut", &self.path))?;
                    break;
                }
                Err(Broken::Damaged(why)) => {
                    return Err(EffectError::Damaged {
                        path: self.path.clone(),
                        at: self.read,
                        why,
                    });
                }
            }
        }
        if replaced || self.read == 0 {
            match records.first() {
                None if bytes.is_empty() || self.read == 0 => {
                    self.append(&[Record::Journal {
                        version: VERSION,
                        next: 1,
                    }])?;
                }
                Some(Record::Journal { version, .. }) if *version == VERSION => {}
                _ => {
                    return Err(EffectError::Damaged {
                        path: self.path.clone(),
                        at: 0,
                        why: format!("it is no undo journal of version {VERSION}"),
                    });
                }
            }
        }
        Ok((replaced, records))
    }

    fn bytes(&mut self) -> io::Result<(bool, Vec<u8>)> {
        let now = std::fs::metadata(&self.path)?;
        let mut replaced = false;
        if now.ino() != self.inode || now.len() < self.read {
            self.file = OpenOptions::new()
                .read(true)
                .append(true)
                .open(&self.path)?;
            self.inode = now.ino();
            self.read = 0;
            replaced = true;
        }
        let mut bytes = Vec::new();
        if now.len() > self.read {
            self.file.seek(SeekFrom::Start(self.read))?;
            self.file.read_to_end(&mut bytes)?;
        }
        Ok((replaced, bytes))
    }

    /// Appends records, and returns when they are as durable as they are to be.
    pub(crate) fn append(&mut self, records: &[Record]) -> Result<()> {
        let bytes = frames(records).map_err(at("write", &self.path))?;
        let sync = self.sync && records.iter().any(Record::is_promise);
        let written = self
            .file
            .write_all(&bytes)
            .and_then(|()| if sync { self.file.sync_data() } else { Ok(()) });
        if let Err(error) = written {
            // Half a frame must not stay in front of the next one.
            let _ = self.file.set_len(self.read);
            return Err(at("write", &self.path)(error));
        }
        self.read += bytes.len() as u64;
        Ok(())
    }

    /// Puts a journal of these records in the place of this one.
    pub(crate) fn replace(&mut self, records: &[Record]) -> Result<()> {
        let new = self.path.with_extension("new");
        let bytes = frames(records).map_err(at("write", &new))?;
        let write = || -> io::Result<File> {
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&new)?;
            file.write_all(&bytes)?;
            file.sync_data()?;
            std::fs::rename(&new, &self.path)?;
            if let Some(dir) = self.path.parent() {
                File::open(dir)?.sync_all()?;
            }
            OpenOptions::new().read(true).append(true).open(&self.path)
        };
        self.file = write().map_err(at("replace", &self.path))?;
        self.inode = self
            .file
            .metadata()
            .map_err(at("look at", &self.path))?
            .ino();
        self.read = bytes.len() as u64;
        Ok(())
    }

    /// Bytes of the journal.
    pub(crate) fn len(&self) -> u64 {
        self.read
    }
}

fn frames(records: &[Record]) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for record in records {
        let json = serde_json::to_vec(record)?;
        let length = u32::try_from(json.len())
            .ok()
            .filter(|_| json.len() <= RECORD_BYTES_MAX)
            .ok_or_else(|| {
                io::Error::other(format!(
                    "a record has {} bytes, the limit is {RECORD_BYTES_MAX}",
                    json.len()
                ))
            })?;
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&crc32c::crc32c(&json).to_le_bytes());
        bytes.extend_from_slice(&json);
    }
    Ok(bytes)
}

enum Broken {
    /// The end of it was never written.
    Torn,
    Damaged(String),
}

fn frame(bytes: &[u8]) -> std::result::Result<(Record, usize), Broken> {
    let word = |at: usize| {
        let four = bytes.get(at..at + 4).and_then(|four| four.try_into().ok());
        four.map(u32::from_le_bytes).ok_or(Broken::Torn)
    };
    let (length, crc) = (word(0)? as usize, word(4)?);
    if length > RECORD_BYTES_MAX {
        return Err(Broken::Damaged(format!("a record of {length} bytes")));
    }
    let json = bytes
        .get(HEAD_BYTES..HEAD_BYTES + length)
        .ok_or(Broken::Torn)?;
    if crc32c::crc32c(json) != crc {
        // A file that grew before its bytes came to the disk ends in zeros or in an older text.
        return Err(if HEAD_BYTES + length == bytes.len() || length == 0 {
            Broken::Torn
        } else {
            Broken::Damaged("a checksum does not fit".to_owned())
        });
    }
    if length == 0 {
        return Err(Broken::Torn);
    }
    match serde_json::from_slice(json) {
        Ok(record) => Ok((record, HEAD_BYTES + length)),
        Err(error) => Err(Broken::Damaged(error.to_string())),
    }
}
