//! Contents that are kept: the inode itself where the effect takes a name from it, a copy where the
//! effect writes into it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, SeekFrom, chmod, ioctl_ficlone, linkat, seek};
use rustix::io::Errno;

/// Where contents are kept.
#[derive(Debug)]
pub(crate) struct Blobs {
    dir: PathBuf,
    /// Whether what is kept is on disk before the effect.
    sync: bool,
}

impl Blobs {
    pub(crate) fn open(dir: PathBuf, sync: bool) -> io::Result<Self> {
        std::fs::create_dir_all(&dir)?;
        chmod(&dir, Mode::RWXU)?;
        Ok(Self { dir, sync })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Keeps the inode at `path` under a name of ours. `false` when this file system, or this kind
    /// of object, does not allow it.
    pub(crate) fn link(&self, path: &Path, name: &str) -> io::Result<bool> {
        let to = self.path(name);
        remove(&to)?;
        match linkat(CWD, path, CWD, &to, AtFlags::empty()) {
            Ok(()) => Ok(true),
            Err(Errno::XDEV | Errno::PERM | Errno::ACCESS | Errno::MLINK | Errno::OPNOTSUPP) => {
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Copies the content of the file at `path`, shared with it where the file system can.
    pub(crate) fn copy(&self, path: &Path, name: &str) -> io::Result<()> {
        let to = self.path(name);
        remove(&to)?;
        let from = OpenOptions::new()
            .read(true)
            .custom_flags(nonblocking())
            .open(path)?;
        let mut kept = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&to)?;
        if ioctl_ficlone(&kept, &from).is_err() {
            contents(&from, &mut kept)?;
        }
        if self.sync {
            kept.sync_data()?;
        }
        Ok(())
    }

    /// Makes the names durable.
    pub(crate) fn settle(&self) -> io::Result<()> {
        if self.sync {
            File::open(&self.dir)?.sync_all()?;
        }
        Ok(())
    }

    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        remove(&self.path(name))
    }

    /// The names of everything that is kept.
    pub(crate) fn names(&self) -> io::Result<Vec<String>> {
        std::fs::read_dir(&self.dir)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect()
    }
}

/// A pipe that took the file's place meanwhile must not hold us up.
fn nonblocking() -> i32 {
    i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0)
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Replaces the content of `to` by that of `from`; holes stay holes.
pub(crate) fn contents(mut from: &File, to: &mut File) -> io::Result<()> {
    to.set_len(0)?;
    let size = from.metadata()?.len();
    let mut at = 0;
    let mut buffer = vec![0; 64 * 1024];
    while at < size {
        let start = match seek(from, SeekFrom::Data(at)) {
            Ok(start) => start,
            // A hole up to the end.
            Err(Errno::NXIO) => break,
            // A file system without holes.
            Err(Errno::INVAL | Errno::OPNOTSUPP) => at,
            Err(error) => return Err(error.into()),
        };
        let end = seek(from, SeekFrom::Hole(start)).unwrap_or(size);
        from.seek(io::SeekFrom::Start(start))?;
        to.seek(io::SeekFrom::Start(start))?;
        let mut left = end.saturating_sub(start);
        while left > 0 {
            let most = buffer
                .len()
                .min(usize::try_from(left).unwrap_or(usize::MAX));
            let read = from.read(&mut buffer[..most])?;
            if read == 0 {
                break;
            }
            to.write_all(&buffer[..read])?;
            left -= read as u64;
        }
        at = end.max(start + 1);
    }
    to.set_len(size)
}
