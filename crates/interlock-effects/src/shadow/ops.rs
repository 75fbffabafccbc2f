//! Operations on single entries. Each does what the system call of its name does, with the same errors.

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{
    Access, AtFlags, CWD, FileType, Gid, Mode, OFlags, Timespec, Timestamps, UTIME_NOW, Uid,
    XattrFlags, chmod, chownat, lgetxattr, linkat, llistxattr, lremovexattr, lsetxattr, mkdirat,
    mknodat, openat, symlinkat, utimensat,
};
use rustix::io::Errno;

use super::copy::{loudly, quietly};
use super::marks;
use super::view::{Dir, Follow, Found, Last, Place, Shown};
use super::{Held, Refused, Result, Shadow};

/// One value or all names of attributes, bytes (`XATTR_SIZE_MAX`, `XATTR_LIST_MAX`).
const XATTR_BYTES_MAX: usize = 64 * 1024;
/// A name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name.
    pub name: OsString,
    /// What stands there; a link is not followed.
    pub shown: Shown,
}

/// Times to set: access and modification, seconds and nanoseconds since 1970; `None`: now.
pub type Times = Option<[(i64, i64); 2]>;

impl Shadow {
    // -- looking ------------------------------------------------------------------------------

    /// `stat`, or `lstat` without `follow`.
    ///
    /// # Errors
    ///
    /// As the system call; so do all that follow.
    pub fn stat(&self, path: &Path, follow: bool) -> Result<Shown> {
        let place = self.resolve(path, Follow::when(follow))?;
        Ok(place.found()?.shown.clone())
    }

    /// `faccessat`; `want` has the bits of `access`, `effective` asks for the effective user.
    pub fn access(&self, path: &Path, want: u32, effective: bool, follow: bool) -> Result<()> {
        let place = self.resolve(path, Follow::when(follow))?;
        let found = place.found()?;
        let want = Access::from_bits_retain(want);
        if found.foreign {
            return self.may(found, want);
        }
        let mut flags = AtFlags::empty();
        flags.set(AtFlags::EACCESS, effective);
        flags.set(AtFlags::SYMLINK_NOFOLLOW, !follow);
        Ok(rustix::fs::accessat(CWD, &found.real, want, flags)?)
    }

    /// The names in a directory, sorted.
    pub fn list(&self, path: &Path) -> Result<Vec<Entry>> {
        let place = self.resolve(path, Follow::Always)?;
        let dir = place.directory()?;
        if place.kernel {
            return Ok(kernels(&place.found()?.real)?);
        }
        let names = self.names(&dir)?.into_iter();
        Ok(names
            .map(|(name, found)| Entry {
                name,
                shown: found.shown,
            })
            .collect())
    }

    /// `readlink`.
    pub fn read_link(&self, path: &Path) -> Result<PathBuf> {
        let place = self.resolve(path, Follow::Slash)?;
        let target = std::fs::read_link(&place.found()?.real)?;
        Ok(if place.kernel {
            self.logical(&target)
        } else {
            target
        })
    }

    /// The directory that a path leads to: its absolute path, and a real one that stands for it.
    pub fn directory(&self, path: &Path) -> Result<(PathBuf, PathBuf)> {
        let place = self.resolve(path, Follow::Always)?;
        place.directory()?;
        let found = place.found()?;
        self.may(found, Access::EXEC_OK)?;
        let real = if found.lower {
            place.path.clone()
        } else {
            found.real.clone()
        };
        Ok((place.path, real))
    }

    /// A real path of what stands at a path, to be read and not kept.
    pub fn real(&self, path: &Path, follow: bool) -> Result<PathBuf> {
        let place = self.resolve(path, Follow::when(follow))?;
        Ok(place.found()?.real.clone())
    }

    /// Whether what a path leads to is as it is without the shadow, so that it can be read there.
    #[must_use]
    pub fn is_untouched(&self, path: &Path) -> bool {
        self.resolve(path, Follow::Always).is_ok_and(|place| {
            place.kernel
                || place.found.as_ref().is_some_and(|found| {
                    // A link on the way may be another one below.
                    !found.upper && path.canonicalize().is_ok_and(|below| below == place.path)
                })
        })
    }

    /// `getxattr`, or `lgetxattr`.
    pub fn get_xattr(&self, path: &Path, name: &OsStr, follow: bool) -> Result<Vec<u8>> {
        let place = self.resolve(path, Follow::when(follow))?;
        let found = place.found()?;
        ours(name, Errno::NODATA)?;
        let mut value = Vec::with_capacity(XATTR_BYTES_MAX);
        lgetxattr(
            &found.real,
            name,
            rustix::buffer::spare_capacity(&mut value),
        )?;
        Ok(value)
    }

    /// `listxattr`, or `llistxattr`.
    pub fn list_xattrs(&self, path: &Path, follow: bool) -> Result<Vec<OsString>> {
        use std::os::unix::ffi::OsStrExt as _;
        let place = self.resolve(path, Follow::when(follow))?;
        let mut names = Vec::with_capacity(XATTR_BYTES_MAX);
        llistxattr(
            &place.found()?.real,
            rustix::buffer::spare_capacity(&mut names),
        )?;
        Ok(names
            .split(|b| *b == 0)
            .filter(|name| !name.is_empty() && !name.starts_with(marks::PREFIX))
            .map(|name| OsStr::from_bytes(name).to_owned())
            .collect())
    }

    // -- making -------------------------------------------------------------------------------

    /// `mkdir`.
    pub fn mkdir(&self, path: &Path, mode: u32) -> Result<()> {
        let mut held = self.hold()?;
        let place = self.resolve(path, Follow::Never)?;
        self.new_name(&place)?;
        let hides = place.dir.lower && place.path.symlink_metadata().is_ok();
        self.make(&mut held, &place, |real| {
            mkdirat(CWD, real, Mode::from_raw_mode(mode & 0o7777))?;
            if hides {
                super::copy::writable(real, |real| Ok(marks::set_opaque(real)?))?;
            }
            Ok(())
        })
    }

    /// `symlink`.
    pub fn symlink(&self, target: &Path, path: &Path) -> Result<()> {
        let mut held = self.hold()?;
        if target.as_os_str().is_empty() {
            return Err(Errno::NOENT.into());
        }
        let place = self.resolve(path, Follow::Never)?;
        self.new_name(&place)?;
        no_slash(&place)?;
        self.make(&mut held, &place, |real| Ok(symlinkat(target, CWD, real)?))
    }

    /// `mknod` of a pipe, a socket or a file; devices are refused.
    pub fn mknod(&self, path: &Path, mode: u32) -> Result<()> {
        let mut held = self.hold()?;
        let place = self.resolve(path, Follow::Never)?;
        self.new_name(&place)?;
        no_slash(&place)?;
        let kind = match FileType::from_raw_mode(mode) {
            FileType::Unknown if mode & 0o170_000 == 0 => FileType::RegularFile,
            kind @ (FileType::RegularFile | FileType::Fifo | FileType::Socket) => kind,
            _ => return Err(reaches(&place.path, "a device")),
        };
        let mode = Mode::from_raw_mode(mode & 0o7777);
        self.make(&mut held, &place, |real| {
            Ok(mknodat(CWD, real, kind, mode, 0)?)
        })
    }

    /// `link`; a link is not followed.
    pub fn link(&self, old: &Path, new: &Path) -> Result<()> {
        let mut held = self.hold()?;
        let from = self.resolve(old, Follow::Slash)?;
        let found = from.found()?;
        let to = self.resolve(new, Follow::Never)?;
        self.new_name(&to)?;
        no_slash(&to)?;
        if from.kernel {
            return Err(Errno::XDEV.into());
        }
        self.reachable(&from.path)?;
        if self.device(&from.dir)? != self.device(&to.dir)? {
            return Err(Errno::XDEV.into());
        }
        if found.shown.is_dir() {
            return Err(Errno::PERM.into());
        }
        self.may_write(&to.dir)?;
        let real = self.copy_up(&mut held, &from.dir, &from.path, found, true)?;
        self.make(&mut held, &to, |to| {
            Ok(linkat(CWD, &real, CWD, to, AtFlags::empty())?)
        })
    }

    /// Whether a name can be given to something new.
    fn new_name(&self, place: &Place) -> Result<()> {
        if place.found.is_some() {
            return Err(Errno::EXIST.into());
        }
        if place.kernel {
            return Err(reaches(&place.path, "the kernel's"));
        }
        self.reachable(&place.path)
    }

    /// Makes a new entry of a directory.
    pub(crate) fn make<T>(
        &self,
        held: &mut Held<'_>,
        place: &Place,
        act: impl FnOnce(&Path) -> Result<T>,
    ) -> Result<T> {
        self.reachable(&place.path)?;
        self.may_write(&place.dir)?;
        self.note(held, &place.dir, &place.path)?;
        let into = self.dir_up(held, &place.dir)?;
        self.room(held, &place.path, 0)?;
        let real = self.above(&place.path);
        let hidden = real
            .symlink_metadata()
            .is_ok_and(|f| marks::is_whiteout(&f));
        if hidden {
            quietly(&into, |_| std::fs::remove_file(&real))?;
        }
        let mut failed = None;
        let made = loudly(&into, |_| match act(&real) {
            Ok(made) => Ok(Some(made)),
            Err(error) => {
                failed = Some(error);
                Ok(None)
            }
        })?;
        match (made, failed) {
            (Some(made), _) => Ok(made),
            (None, error) => {
                if hidden {
                    quietly(&into, |_| Ok(marks::whiteout(&real)?))?;
                }
                Err(error.unwrap_or(Errno::IO.into()))
            }
        }
    }

    /// Notes what stands below the shadow at a path, if that is in view.
    pub(crate) fn note(&self, held: &mut Held<'_>, dir: &Dir, path: &Path) -> Result<()> {
        if dir.lower {
            held.bases.note(path)?;
        }
        Ok(())
    }

    // -- removing -----------------------------------------------------------------------------

    /// `unlink`.
    pub fn unlink(&self, path: &Path) -> Result<()> {
        let mut held = self.hold()?;
        let place = self.resolve(path, Follow::Never)?;
        if place.last != Last::Name(place.path.file_name().unwrap_or_default().to_owned()) {
            return Err(Errno::ISDIR.into());
        }
        let found = place.found.as_ref().ok_or(Errno::NOENT)?;
        if place.slash && !found.shown.is_dir() {
            return Err(Errno::NOTDIR.into());
        }
        self.may_remove(&place, found)?;
        if found.shown.is_dir() {
            return Err(Errno::ISDIR.into());
        }
        self.take_name(&mut held, &place, found)
    }

    /// Takes away the name of what is no directory.
    pub(crate) fn take_name(
        &self,
        held: &mut Held<'_>,
        place: &Place,
        found: &Found,
    ) -> Result<()> {
        self.note(held, &place.dir, &place.path)?;
        let real = self.above(&place.path);
        if found.real != real && found.shown.is_file() && (found.upper || found.shown.nlink > 1) {
            let index = self.index_up(held, &place.path, found)?;
            self.hide_name(&index)?;
        }
        let into = self.dir_up(held, &place.dir)?;
        self.conceal(held, place, &into, |real| {
            if found.real == real {
                std::fs::remove_file(real)
            } else {
                Ok(())
            }
        })
    }

    /// Removes what the shadow has at a place, and hides what lies below it.
    pub(crate) fn conceal(
        &self,
        held: &mut Held<'_>,
        place: &Place,
        into: &Path,
        remove: impl FnOnce(&Path) -> std::io::Result<()>,
    ) -> Result<()> {
        let real = self.above(&place.path);
        let below = place.dir.lower && place.path.symlink_metadata().is_ok();
        if below {
            self.room(held, &place.path, 0)?;
        }
        loudly(into, |_| {
            remove(&real)?;
            if below {
                marks::whiteout(&real)?;
            }
            Ok(())
        })
    }

    /// `rmdir`.
    pub fn rmdir(&self, path: &Path) -> Result<()> {
        let mut held = self.hold()?;
        let place = self.resolve(path, Follow::Never)?;
        match place.last {
            Last::Name(_) => {}
            Last::Dot => return Err(Errno::INVAL.into()),
            Last::DotDot => return Err(Errno::NOTEMPTY.into()),
            Last::Root => return Err(Errno::BUSY.into()),
        }
        let found = place.found.as_ref().ok_or(Errno::NOENT)?;
        self.may_remove(&place, found)?;
        if !found.shown.is_dir() {
            return Err(Errno::NOTDIR.into());
        }
        self.take_directory(&mut held, &place)
    }

    /// Takes away a directory in which nothing is seen.
    pub(crate) fn take_directory(&self, held: &mut Held<'_>, place: &Place) -> Result<()> {
        let dir = place.directory()?;
        self.movable(&place.path)?;
        if !self.names(&dir)?.is_empty() {
            return Err(Errno::NOTEMPTY.into());
        }
        self.note(held, &place.dir, &place.path)?;
        let into = self.dir_up(held, &place.dir)?;
        self.conceal(held, place, &into, |real| {
            if dir.upper {
                // What is left in it are marks.
                std::fs::remove_dir_all(real)
            } else {
                Ok(())
            }
        })
    }

    // -- changing -----------------------------------------------------------------------------

    /// `truncate`.
    pub fn truncate(&self, path: &Path, length: u64) -> Result<()> {
        let mut held = self.hold()?;
        let place = self.resolve(path, Follow::Always)?;
        let found = place.found()?;
        if found.shown.is_dir() {
            return Err(Errno::ISDIR.into());
        }
        if !found.shown.is_file() {
            return Err(Errno::INVAL.into());
        }
        self.changeable(&place)?;
        self.may(found, Access::WRITE_OK)?;
        self.written(&mut held, &place.path)?;
        let real = self.copy_up(&mut held, &place.dir, &place.path, found, length > 0)?;
        let file = openat(CWD, &real, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(rustix::fs::ftruncate(file, length)?)
    }

    /// `chmod`, or `fchmodat` without following.
    pub fn chmod(&self, path: &Path, mode: u32, follow: bool) -> Result<()> {
        let place = self.resolve(path, Follow::when(follow))?;
        if place.found()?.shown.is_symlink() {
            return Err(Errno::OPNOTSUPP.into());
        }
        self.change(path, follow, true, |real| {
            Ok(chmod(real, Mode::from_raw_mode(mode & 0o7777))?)
        })
    }

    /// `chown`, or `lchown`; `None` leaves it.
    pub fn chown(
        &self,
        path: &Path,
        user: Option<u32>,
        group: Option<u32>,
        follow: bool,
    ) -> Result<()> {
        self.change(path, follow, true, |real| {
            let (user, group) = (user.map(Uid::from_raw), group.map(Gid::from_raw));
            Ok(chownat(CWD, real, user, group, AtFlags::SYMLINK_NOFOLLOW)?)
        })
    }

    /// `utimensat`.
    pub fn set_times(&self, path: &Path, times: Times, follow: bool) -> Result<()> {
        let spec = |(tv_sec, tv_nsec): (i64, i64)| Timespec { tv_sec, tv_nsec };
        let now = (0, UTIME_NOW);
        let [accessed, modified] = times.unwrap_or([now, now]);
        let stamps = Timestamps {
            last_access: spec(accessed),
            last_modification: spec(modified),
        };
        self.change(path, follow, times.is_some(), |real| {
            Ok(utimensat(CWD, real, &stamps, AtFlags::SYMLINK_NOFOLLOW)?)
        })
    }

    /// `setxattr`, or `lsetxattr`; `flags` as there.
    pub fn set_xattr(
        &self,
        path: &Path,
        name: &OsStr,
        value: &[u8],
        flags: u32,
        follow: bool,
    ) -> Result<()> {
        ours(name, Errno::OPNOTSUPP)?;
        self.change(path, follow, false, |real| {
            Ok(lsetxattr(
                real,
                name,
                value,
                XattrFlags::from_bits_retain(flags),
            )?)
        })
    }

    /// `removexattr`, or `lremovexattr`.
    pub fn remove_xattr(&self, path: &Path, name: &OsStr, follow: bool) -> Result<()> {
        ours(name, Errno::NODATA)?;
        self.change(path, follow, false, |real| Ok(lremovexattr(real, name)?))
    }

    /// Changes metadata. Only who owns an object may, or, where `own` does not ask for that, who may
    /// write it.
    fn change(
        &self,
        path: &Path,
        follow: bool,
        own: bool,
        act: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<()> {
        let mut held = self.hold()?;
        let place = self.resolve(path, Follow::when(follow))?;
        let found = place.found()?;
        self.changeable(&place)?;
        let user = rustix::process::geteuid();
        if !user.is_root() && found.shown.uid != user.as_raw() {
            if own {
                return Err(Errno::PERM.into());
            }
            self.may(found, Access::WRITE_OK)?;
        }
        let real = match place.last {
            Last::Name(_) => self.copy_up(&mut held, &place.dir, &place.path, found, true)?,
            _ => {
                if found.lower {
                    held.bases.note(&place.path)?;
                }
                self.dir_up(&mut held, &place.dir)?
            }
        };
        if found.shown.is_dir() && found.lower {
            held.bases.note(&place.path)?;
        }
        act(&real)
    }

    /// Refuses to change what is the kernel's, out of reach, or the root.
    fn changeable(&self, place: &Place) -> Result<()> {
        if place.kernel {
            return Err(reaches(&place.path, "the kernel's"));
        }
        if place.path == Path::new("/") {
            return Err(reaches(&place.path, "the root of all files"));
        }
        self.reachable(&place.path)
    }

    // -- rights -------------------------------------------------------------------------------

    fn of_dir(&self, dir: &Dir) -> Result<Found> {
        if let (Some(parent), Some(name)) = (dir.path.parent(), dir.path.file_name())
            && dir.upper
        {
            let parent = Dir {
                path: parent.to_owned(),
                upper: true,
                lower: dir.lower,
            };
            return self.entry(&parent, name)?.ok_or(Errno::NOENT.into());
        }
        let found = dir.path.symlink_metadata()?;
        Ok(Found {
            real: dir.path.clone(),
            upper: dir.upper,
            lower: true,
            shown: Shown::of(&found),
            foreign: false,
        })
    }

    /// Whether names in a directory may be changed.
    pub(crate) fn may_write(&self, dir: &Dir) -> Result<()> {
        self.may(&self.of_dir(dir)?, Access::WRITE_OK | Access::EXEC_OK)
    }

    /// Whether the name of what was found may be taken away.
    pub(crate) fn may_remove(&self, place: &Place, found: &Found) -> Result<()> {
        if place.kernel {
            return Err(reaches(&place.path, "the kernel's"));
        }
        self.movable(&place.path)?;
        let dir = self.of_dir(&place.dir)?;
        self.may(&dir, Access::WRITE_OK | Access::EXEC_OK)?;
        let user = rustix::process::geteuid();
        let sticky = dir.shown.mode & 0o1000 != 0;
        if sticky && !user.is_root() && ![dir.shown.uid, found.shown.uid].contains(&user.as_raw()) {
            return Err(Errno::PERM.into());
        }
        Ok(())
    }

    /// The device on which a directory would be without the shadow.
    pub(crate) fn device(&self, dir: &Dir) -> Result<u64> {
        let mut at = dir.path.as_path();
        loop {
            match at.symlink_metadata() {
                Ok(found) if found.is_dir() => return Ok(found.dev()),
                _ => at = at.parent().ok_or(Errno::NOENT)?,
            }
        }
    }
}

pub(crate) fn reaches(path: &Path, what: &'static str) -> super::ShadowError {
    Refused::Reaches {
        path: path.to_owned(),
        what,
    }
    .into()
}

/// What is made here is no directory, as a slash after its name says.
fn no_slash(place: &Place) -> Result<()> {
    if place.slash {
        return Err(Errno::NOENT.into());
    }
    Ok(())
}

/// Refuses names of attributes that have a meaning of their own here.
fn ours(name: &OsStr, error: Errno) -> Result<()> {
    use std::os::unix::ffi::OsStrExt as _;
    if name.as_bytes().starts_with(marks::PREFIX) {
        return Err(error.into());
    }
    Ok(())
}

fn kernels(path: &Path) -> std::io::Result<Vec<Entry>> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        // Processes come and go.
        if let Ok(found) = entry.path().symlink_metadata() {
            all.push(Entry {
                name: entry.file_name(),
                shown: Shown::of(&found),
            });
        }
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(all)
}
