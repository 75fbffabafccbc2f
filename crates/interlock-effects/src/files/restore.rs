//! Puts back what stood at a path. Every function here can be repeated: after a crash at any point,
//! the same call ends in the same state.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{OpenOptionsExt as _, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, chmod, linkat};

use super::blob::{Blobs, contents};
use super::state::{FileId, Kind, Meta};
use super::will_fail;
use crate::record::{Kept, Parent, Pre};

/// One restoration.
#[derive(Debug)]
pub(crate) struct Restore<'a> {
    pub(crate) blobs: &'a Blobs,
    /// The name under which something is made before it takes its place.
    pub(crate) temporary: String,
    pub(crate) sync: bool,
}

/// An object that came back as another inode: before, now.
pub(crate) type Replaced = Option<(FileId, FileId)>;

impl Restore<'_> {
    /// Makes `path` what it was.
    pub(crate) fn entry(&self, path: &Path, pre: &Pre) -> io::Result<Replaced> {
        let now = Meta::read(path)?;
        let Pre::Present { meta, kept } = pre else {
            match now.map(|now| now.kind) {
                None => {}
                Some(Kind::Directory) => std::fs::remove_dir(path)?,
                Some(_) => std::fs::remove_file(path)?,
            }
            self.settle(path)?;
            return Ok(None);
        };
        match kept {
            Kept::Nothing => match (&now, meta.kind) {
                (Some(now), kind) if now.kind == kind => {}
                (None, Kind::Directory) => std::fs::create_dir(path)?,
                (None, _) => return Err(io::ErrorKind::NotFound.into()),
                (Some(_), _) => return Err(io::ErrorKind::AlreadyExists.into()),
            },
            Kept::Target(target) => {
                let target = Path::new(std::ffi::OsStr::from_bytes(&target.0));
                let there = std::fs::read_link(path).is_ok_and(|there| there == target);
                if !there {
                    self.replace(path, |temporary| symlink(target, temporary))?;
                }
            }
            Kept::Linked(name) => {
                let blob = self.blobs.path(name);
                let kept = Meta::read(&blob)?;
                if kept.is_none() || kept.map(|kept| kept.id) != now.map(|now| now.id) {
                    self.replace(path, |temporary| {
                        Ok(linkat(CWD, &blob, CWD, temporary, AtFlags::empty())?)
                    })?;
                }
            }
            Kept::Copied(name) => {
                let blob = File::open(self.blobs.path(name))?;
                if now.is_some_and(|now| now.kind == Kind::File) {
                    // In place, so that other names and open handles see it too.
                    self.fill(&blob, &mut writable(path)?)?;
                } else {
                    self.replace(path, |temporary| {
                        let mut made = OpenOptions::new()
                            .write(true)
                            .create_new(true)
                            .mode(0o600)
                            .open(temporary)?;
                        self.fill(&blob, &mut made)
                    })?;
                }
            }
            Kept::Prefix => {
                let file = writable(path)?;
                if file.metadata()?.len() < meta.size {
                    return Err(io::Error::other("it is shorter than it was"));
                }
                file.set_len(meta.size)?;
                if self.sync {
                    file.sync_all()?;
                }
            }
        }
        meta.apply(path)?;
        self.settle(path)?;
        let now = Meta::read(path)?.map(|now| now.id);
        Ok(now.filter(|now| *now != meta.id).map(|now| (meta.id, now)))
    }

    /// Moves `to` back to `from`. `same` knows an inode that came back as another one.
    pub(crate) fn rename(
        &self,
        from: &Path,
        to: &Path,
        victim: &Pre,
        same: impl Fn(FileId) -> bool,
    ) -> io::Result<Replaced> {
        let is = |path: &Path| Ok::<_, io::Error>(Meta::read(path)?.is_some_and(|m| same(m.id)));
        if !is(from)? {
            if !is(to)? {
                return Err(io::Error::other("what was renamed is gone"));
            }
            // Over nothing: what stands there is not ours to replace.
            rustix::fs::renameat_with(CWD, to, CWD, from, rustix::fs::RenameFlags::NOREPLACE)?;
            self.settle(from)?;
        }
        self.entry(to, victim)
    }

    /// Gives a directory its times back, if it is still there.
    pub(crate) fn parent(parent: &Parent) -> io::Result<()> {
        match parent.times.apply(&parent.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    fn fill(&self, blob: &File, to: &mut File) -> io::Result<()> {
        contents(blob, to)?;
        if self.sync {
            to.sync_all()?;
        }
        Ok(())
    }

    /// Makes something beside `path` and puts it in its place at once.
    fn replace(&self, path: &Path, make: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
        let temporary: PathBuf = path.with_file_name(&self.temporary);
        match std::fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        make(&temporary)?;
        std::fs::rename(&temporary, path)?;
        // Two names of one inode are left both by a rename of one over the other.
        match std::fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Makes the entry durable.
    fn settle(&self, path: &Path) -> io::Result<()> {
        if self.sync
            && let Some(parent) = path.parent()
        {
            match File::open(parent) {
                Ok(parent) => parent.sync_all()?,
                // Nothing stands there, and nothing is to: so it was when the step tried it.
                Err(error) if will_fail(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Opens a file for writing; its own mode may forbid it, and gets its turn afterwards.
fn writable(path: &Path) -> io::Result<File> {
    let open = || {
        OpenOptions::new()
            .write(true)
            .custom_flags(i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0))
            .open(path)
    };
    match open() {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            chmod(path, Mode::RUSR | Mode::WUSR)?;
            open()
        }
        other => other,
    }
}
