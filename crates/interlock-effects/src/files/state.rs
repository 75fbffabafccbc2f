//! What stands at a path: its metadata, and a fingerprint by which it is known again.

use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, Gid, Mode, Timespec, Timestamps, Uid, XattrFlags, chmod, chownat, lgetxattr,
    llistxattr, lremovexattr, lsetxattr, utimensat,
};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::will_fail;
use crate::record::Bytes;

/// Names of extended attributes of one object, bytes (`XATTR_LIST_MAX`).
const XATTR_NAMES_BYTES_MAX: usize = 64 * 1024;
/// One value (`XATTR_SIZE_MAX`).
const XATTR_VALUE_BYTES_MAX: usize = 64 * 1024;

/// Which object it is, as long as it exists: device and inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct FileId {
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

/// Access and modification, in seconds and nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Times {
    pub(crate) accessed: (i64, i64),
    pub(crate) modified: (i64, i64),
}

impl Times {
    pub(crate) fn of(found: &std::fs::Metadata) -> Self {
        Self {
            accessed: (found.atime(), found.atime_nsec()),
            modified: (found.mtime(), found.mtime_nsec()),
        }
    }

    /// Sets them; a link's own, not those of what it points to.
    pub(crate) fn apply(&self, path: &Path) -> io::Result<()> {
        let spec = |(tv_sec, tv_nsec): (i64, i64)| Timespec { tv_sec, tv_nsec };
        let times = Timestamps {
            last_access: spec(self.accessed),
            last_modification: spec(self.modified),
        };
        Ok(utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)?)
    }
}

/// The kind of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    File,
    Directory,
    Symlink,
    Fifo,
    Socket,
    Device,
}

impl Kind {
    pub(crate) fn of(found: &std::fs::Metadata) -> Self {
        let kind = found.file_type();
        if kind.is_file() {
            Self::File
        } else if kind.is_dir() {
            Self::Directory
        } else if kind.is_symlink() {
            Self::Symlink
        } else if kind.is_fifo() {
            Self::Fifo
        } else if kind.is_socket() {
            Self::Socket
        } else {
            Self::Device
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::File => "a file",
            Self::Directory => "a directory",
            Self::Symlink => "a symbolic link",
            Self::Fifo => "a pipe",
            Self::Socket => "a socket",
            Self::Device => "a device",
        }
    }
}

/// Everything about an object but its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Meta {
    pub(crate) kind: Kind,
    pub(crate) id: FileId,
    pub(crate) mode: u32,
    pub(crate) owner: u32,
    pub(crate) group: u32,
    pub(crate) links: u64,
    pub(crate) size: u64,
    pub(crate) times: Times,
    /// Sorted by name.
    pub(crate) xattrs: Vec<(Bytes, Bytes)>,
}

impl Meta {
    /// What stands at `path`, links not followed; `None` when nothing does.
    pub(crate) fn read(path: &Path) -> io::Result<Option<Self>> {
        let found = match std::fs::symlink_metadata(path) {
            Ok(found) => found,
            // Below what is no directory nothing stands either.
            Err(error) if will_fail(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(Some(Self {
            kind: Kind::of(&found),
            id: FileId {
                device: found.dev(),
                inode: found.ino(),
            },
            mode: found.mode() & 0o7777,
            owner: found.uid(),
            group: found.gid(),
            links: found.nlink(),
            size: found.size(),
            times: Times::of(&found),
            xattrs: xattrs(path)?,
        }))
    }

    /// Gives `path` these metadata, whatever it has now.
    pub(crate) fn apply(&self, path: &Path) -> io::Result<()> {
        let Some(now) = Self::read(path)? else {
            return Err(io::ErrorKind::NotFound.into());
        };
        if (now.owner, now.group) != (self.owner, self.group) {
            chownat(
                CWD,
                path,
                Some(Uid::from_raw(self.owner)),
                Some(Gid::from_raw(self.group)),
                AtFlags::SYMLINK_NOFOLLOW,
            )?;
        }
        let user = |name: &[u8]| name.starts_with(b"user.");
        let settle = |user_wanted: bool| -> io::Result<()> {
            for (name, _) in &now.xattrs {
                if user(&name.0) == user_wanted && !self.xattrs.iter().any(|(kept, _)| kept == name)
                {
                    lremovexattr(path, &name.0[..])?;
                }
            }
            for both in &self.xattrs {
                if user(&both.0.0) == user_wanted && !now.xattrs.contains(both) {
                    lsetxattr(path, &both.0.0[..], &both.1.0, XattrFlags::empty())?;
                }
            }
            Ok(())
        };
        // A user attribute needs the right to write, which the mode may take away; an access list
        // is in the attributes and has the last word over the mode.
        let writable = self.mode & 0o200 != 0;
        if self.kind != Kind::Symlink {
            if !writable {
                settle(true)?;
            }
            // Changing the owner clears set-user-id, so that the mode comes after it.
            chmod(path, Mode::from_raw_mode(self.mode))?;
        }
        if writable {
            settle(true)?;
        }
        settle(false)?;
        self.times.apply(path)
    }
}

fn xattrs(path: &Path) -> io::Result<Vec<(Bytes, Bytes)>> {
    let mut names = Vec::with_capacity(512);
    loop {
        match llistxattr(path, rustix::buffer::spare_capacity(&mut names)) {
            Ok(_) => break,
            Err(Errno::RANGE) if names.capacity() < XATTR_NAMES_BYTES_MAX => {
                names = Vec::with_capacity(XATTR_NAMES_BYTES_MAX);
            }
            // The file system has none.
            Err(Errno::OPNOTSUPP) => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        }
    }
    let mut all = Vec::new();
    for name in names.split(|b| *b == 0).filter(|name| !name.is_empty()) {
        let mut value = Vec::with_capacity(256);
        loop {
            match lgetxattr(path, name, rustix::buffer::spare_capacity(&mut value)) {
                Ok(_) => break,
                Err(Errno::RANGE) if value.capacity() < XATTR_VALUE_BYTES_MAX => {
                    value = Vec::with_capacity(XATTR_VALUE_BYTES_MAX);
                }
                Err(error) => return Err(error.into()),
            }
        }
        all.push((Bytes(name.to_vec()), Bytes(value)));
    }
    all.sort();
    Ok(all)
}

/// What stands at a path, so that it is known again. Times are no part of it: who restores a
/// content restores them, and who only touches a file does not change it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Fingerprint {
    Absent,
    Present {
        kind: Kind,
        mode: u32,
        owner: u32,
        group: u32,
        size: u64,
        xattrs: Vec<(Bytes, Bytes)>,
        /// SHA-256 of content or target; where a file is too large to be read, none.
        digest: Option<Bytes>,
        /// Identity and times: equal ones save reading the content.
        quick: Quick,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Quick {
    id: FileId,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Quick {
    fn of(path: &Path) -> io::Result<Self> {
        let found = std::fs::symlink_metadata(path)?;
        Ok(Self {
            id: FileId {
                device: found.dev(),
                inode: found.ino(),
            },
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        })
    }
}

impl Fingerprint {
    /// The fingerprint of what stands there; contents up to `bytes_max` are read.
    pub(crate) fn read(path: &Path, bytes_max: u64) -> io::Result<Self> {
        let Some(meta) = Meta::read(path)? else {
            return Ok(Self::Absent);
        };
        let quick = Quick::of(path)?;
        let digest = match meta.kind {
            Kind::File if meta.size <= bytes_max => Some(Bytes(digest(path)?)),
            Kind::Symlink => {
                let target = std::fs::read_link(path)?;
                Some(Bytes(
                    Sha256::digest(target.as_os_str().as_bytes()).to_vec(),
                ))
            }
            _ => None,
        };
        Ok(Self::Present {
            kind: meta.kind,
            mode: meta.mode,
            owner: meta.owner,
            group: meta.group,
            // A directory's size says how many names it ever had.
            size: if meta.kind == Kind::Directory {
                0
            } else {
                meta.size
            },
            xattrs: meta.xattrs,
            digest,
            quick,
        })
    }

    /// Whether what stands at `path` was touched since, also if it is the same again.
    pub(crate) fn differs_quickly(&self, path: &Path) -> io::Result<bool> {
        match (self, Quick::of(path)) {
            (Self::Present { quick, .. }, Ok(now)) => Ok(*quick != now),
            (Self::Absent, Err(error)) if will_fail(&error) => Ok(false),
            (Self::Present { .. }, Err(error)) if will_fail(&error) => Ok(true),
            (Self::Absent, Ok(_)) => Ok(true),
            (_, Err(error)) => Err(error),
        }
    }

    /// How what stands at `path` differs; `None` when it is the same.
    pub(crate) fn differs(&self, path: &Path, bytes_max: u64) -> io::Result<Option<String>> {
        let present = path.symlink_metadata().is_ok();
        let Self::Present { quick, .. } = self else {
            return Ok(present.then(|| "something stands where nothing stood".to_owned()));
        };
        if !present {
            return Ok(Some("it is gone".to_owned()));
        }
        if Quick::of(path)? == *quick {
            return Ok(None);
        }
        let now = Self::read(path, bytes_max)?;
        let (
            Self::Present {
                kind,
                mode,
                owner,
                group,
                size,
                xattrs,
                digest,
                ..
            },
            Self::Present {
                kind: now_kind,
                mode: now_mode,
                owner: now_owner,
                group: now_group,
                size: now_size,
                xattrs: now_xattrs,
                digest: now_digest,
                quick: now_quick,
            },
        ) = (self, &now)
        else {
            return Ok(Some("it is gone".to_owned()));
        };
        let unread = digest.is_none() && *kind == Kind::File;
        let why = if kind != now_kind {
            format!("it is {} now, not {}", now_kind.name(), kind.name())
        } else if size != now_size {
            format!("it has {now_size} bytes, not {size}")
        } else if digest != now_digest || unread && quick.modified != now_quick.modified {
            "its content is another one".to_owned()
        } else if mode != now_mode {
            format!("its mode is {now_mode:o}, not {mode:o}")
        } else if (owner, group) != (now_owner, now_group) {
            "its owner is another one".to_owned()
        } else if xattrs != now_xattrs {
            "its extended attributes are others".to_owned()
        } else {
            return Ok(None);
        };
        Ok(Some(why))
    }
}

/// SHA-256 of a file's content.
fn digest(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = std::fs::File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = io::Read::read(&mut file, &mut buffer)?;
        if read == 0 {
            return Ok(hash.finalize().to_vec());
        }
        hash.update(&buffer[..read]);
    }
}
