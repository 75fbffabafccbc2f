//! Before something is changed, it is copied into the shadow, with the directories that it lies in.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, FileType, Gid, Mode, OFlags, Uid, XattrFlags, chmod, chownat, ioctl_ficlone,
    linkat, lsetxattr, mknodat,
};
use rustix::io::Errno;

use super::marks::{self, Names};
use super::view::{Dir, Found};
use super::{Held, Refused, Result, Shadow, State};
use crate::files::blob::contents;
use crate::files::state::{Fingerprint, Kind, Meta, Times};

/// How often a file is copied that changes meanwhile.
const TRIES: usize = 3;

impl Shadow {
    /// Makes a directory of the view one of the shadow; its path there.
    pub(crate) fn dir_up(&self, held: &mut Held<'_>, dir: &Dir) -> Result<PathBuf> {
        let real = self.above(&dir.path);
        if dir.upper {
            return Ok(real);
        }
        let mut at = self.root();
        for name in dir.path.iter().skip(1) {
            let Some(found) = self.entry(&at, name)? else {
                return Err(Errno::NOENT.into());
            };
            let path = at.path.join(name);
            if !found.upper {
                let into = self.above(&at.path);
                self.copy_dir(held, &path, &into)?;
            }
            at = Dir {
                path,
                upper: true,
                lower: found.lower,
            };
        }
        Ok(real)
    }

    /// Copies a directory without what is in it.
    fn copy_dir(&self, held: &mut Held<'_>, path: &Path, into: &Path) -> Result<()> {
        self.room(held, path, 0)?;
        let meta = Meta::read(path)?.ok_or(Errno::NOENT)?;
        let made = into.join(path.file_name().ok_or(Errno::INVAL)?);
        quietly(into, |_| std::fs::create_dir(&made))?;
        dress(&meta, &made)
    }

    /// Copies what was found at a place, so that it can be changed; where the copy lies. Without
    /// `content` a file's stays behind.
    pub(crate) fn copy_up(
        &self,
        held: &mut Held<'_>,
        dir: &Dir,
        path: &Path,
        found: &Found,
        content: bool,
    ) -> Result<PathBuf> {
        let real = self.above(path);
        if found.upper && found.real == real {
            return Ok(real);
        }
        let into = self.dir_up(held, dir)?;
        if found.shown.is_dir() {
            held.bases.note(path)?;
            self.copy_dir(held, path, &into)?;
            return Ok(real);
        }
        if found.shown.is_file() && (found.upper || found.shown.nlink > 1) {
            let index = self.index_up(held, path, found)?;
            self.hide_name(&index)?;
            quietly(&into, |_| {
                Ok(linkat(CWD, &index, CWD, &real, AtFlags::empty())?)
            })?;
            return Ok(real);
        }
        self.room(held, path, if content { found.shown.size } else { 0 })?;
        let made = self.copy_stable(held, path, content)?;
        quietly(&into, |_| std::fs::rename(&made, &real))?;
        Ok(real)
    }

    /// The file of the index that stands for all names of what was found, made if there is none.
    pub(crate) fn index_up(
        &self,
        held: &mut Held<'_>,
        path: &Path,
        found: &Found,
    ) -> Result<PathBuf> {
        held.bases.note(path)?;
        if found.upper {
            return Ok(found.real.clone());
        }
        let index = self.indexed(found.shown.dev, found.shown.ino);
        self.room(held, path, found.shown.size)?;
        let made = self.copy_stable(held, path, true)?;
        let names = Names {
            device: found.shown.dev,
            inode: found.shown.ino,
            links: found.shown.nlink,
            hidden: 0,
            first: path.as_os_str().as_bytes().to_vec(),
        };
        writable(&made, |made| Ok(names.write(made)?))?;
        std::fs::rename(&made, &index)?;
        Ok(index)
    }

    /// Notes that one more name of a file of the index is gone from view.
    pub(crate) fn hide_name(&self, index: &Path) -> Result<()> {
        if let Some(mut names) = Names::read(index) {
            names.hidden += 1;
            writable(index, |index| Ok(names.write(index)?))?;
        }
        Ok(())
    }

    /// A copy that is what its noted base is, below `work`.
    fn copy_stable(&self, held: &mut Held<'_>, path: &Path, content: bool) -> Result<PathBuf> {
        let state: &mut State = held;
        for _ in 0..TRIES {
            let base = Fingerprint::read(path, super::base::DIGEST_BYTES_MAX)?;
            let made = self.temporary(state);
            copy(path, &made, content)?;
            if base.differs_quickly(path)? {
                std::fs::remove_file(&made)?;
                continue;
            }
            state.bases.add(path, super::base::Base::Known(base))?;
            return Ok(made);
        }
        Err(Refused::Restless {
            path: path.to_owned(),
        }
        .into())
    }

    /// Copies a whole tree, so that it can be moved.
    pub(crate) fn tree_up(&self, held: &mut Held<'_>, dir: &Dir, path: &Path) -> Result<()> {
        let name = path.file_name().ok_or(Errno::INVAL)?;
        let found = self.entry(dir, name)?.ok_or(Errno::NOENT)?;
        self.copy_up(held, dir, path, &found, true)?;
        if !found.shown.is_dir() {
            return Ok(());
        }
        let mut next = vec![Dir {
            path: path.to_owned(),
            upper: true,
            lower: found.lower,
        }];
        while let Some(dir) = next.pop() {
            for (name, found) in self.names(&dir)? {
                let path = dir.path.join(&name);
                self.movable(&path)?;
                self.copy_up(held, &dir, &path, &found, true)?;
                if found.shown.is_dir() && found.lower {
                    // It may have been copied before, for the sake of what is in it.
                    held.bases.note(&path)?;
                    next.push(Dir {
                        path,
                        upper: true,
                        lower: true,
                    });
                }
            }
        }
        Ok(())
    }
}

/// Copies one object that is no directory.
fn copy(from: &Path, to: &Path, content: bool) -> Result<()> {
    let meta = Meta::read(from)?.ok_or(Errno::NOENT)?;
    make(&meta, from, to, content)?;
    dress(&meta, to)
}

/// Makes an object of the same kind and content.
pub(crate) fn make(meta: &Meta, from: &Path, to: &Path, content: bool) -> Result<()> {
    match meta.kind {
        Kind::File => {
            let mut made = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(to)?;
            if content {
                let source = File::options()
                    .read(true)
                    .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
                    .open(from)?;
                if ioctl_ficlone(&made, &source).is_err() {
                    contents(&source, &mut made)?;
                }
            }
        }
        Kind::Symlink => symlink(std::fs::read_link(from)?, to)?,
        Kind::Directory => std::fs::create_dir(to)?,
        Kind::Fifo | Kind::Socket | Kind::Device => {
            let found = from.symlink_metadata()?;
            let kind = FileType::from_raw_mode(found.mode());
            mknodat(CWD, to, kind, Mode::RUSR | Mode::WUSR, found.rdev())?;
        }
    }
    Ok(())
}

/// Gives a copy the metadata of what it stands for, and notes the owner that it cannot have.
fn dress(meta: &Meta, to: &Path) -> Result<()> {
    let link = meta.kind == Kind::Symlink;
    let (user, group) = (Uid::from_raw(meta.owner), Gid::from_raw(meta.group));
    match chownat(CWD, to, Some(user), Some(group), AtFlags::SYMLINK_NOFOLLOW) {
        Ok(()) => {}
        Err(Errno::PERM | Errno::INVAL) if link => {}
        Err(Errno::PERM | Errno::INVAL) => {
            if matches!(meta.kind, Kind::File | Kind::Directory) {
                marks::set_owner(to, meta.owner, meta.group)?;
            }
        }
        Err(error) => return Err(error.into()),
    }
    for (name, value) in &meta.xattrs {
        if name.0.starts_with(marks::PREFIX) {
            continue;
        }
        match lsetxattr(to, &name.0[..], &value.0, XattrFlags::empty()) {
            // What only root may set, such as capabilities, a copy has no need of.
            Ok(()) | Err(Errno::PERM | Errno::OPNOTSUPP) => {}
            Err(error) => return Err(error.into()),
        }
    }
    if !link {
        chmod(to, Mode::from_raw_mode(meta.mode))?;
    }
    Ok(meta.times.apply(to)?)
}

/// Does something to a file that its mode may forbid.
pub(crate) fn writable<T>(path: &Path, act: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
    let mode = path.symlink_metadata()?.permissions().mode() & 0o7777;
    let lacks = !rustix::process::geteuid().is_root() && mode & 0o200 == 0;
    if lacks {
        chmod(path, Mode::from_raw_mode(mode | 0o200))?;
    }
    let done = act(path);
    if lacks {
        chmod(path, Mode::from_raw_mode(mode))?;
    }
    done
}

/// Changes the names in a directory of the shadow of which nobody is to see anything: it keeps its
/// times, and its mode does not stand in the way.
pub(crate) fn quietly<T>(dir: &Path, act: impl FnOnce(&Path) -> io::Result<T>) -> Result<T> {
    let before = dir.symlink_metadata()?;
    let done = loudly(dir, act)?;
    Times::of(&before).apply(dir)?;
    Ok(done)
}

/// The same, but it is seen.
pub(crate) fn loudly<T>(dir: &Path, act: impl FnOnce(&Path) -> io::Result<T>) -> Result<T> {
    let mode = dir.symlink_metadata()?.mode() & 0o7777;
    let lacks = !rustix::process::geteuid().is_root() && mode & 0o300 != 0o300;
    if lacks {
        chmod(dir, Mode::from_raw_mode(mode | 0o300))?;
    }
    let done = act(dir);
    if lacks {
        chmod(dir, Mode::from_raw_mode(mode))?;
    }
    Ok(done?)
}
