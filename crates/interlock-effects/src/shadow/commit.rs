//! Doing to the files what was done in the shadow. The shadow has all of it and is not changed
//! meanwhile, so that a commit that is cut off is done again from its beginning.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{
    Access, AtFlags, CWD, Gid, Mode, OFlags, Uid, XattrFlags, accessat, chmod, chownat, linkat,
    lremovexattr, lsetxattr, openat, syncfs,
};
use rustix::io::Errno;

use super::copy::make;
use super::diff::{Step, What, below, facets, meta, same_content};
use super::marks::{self, Names};
use super::{Result, Shadow};
use crate::files::blob::contents;
use crate::files::state::{Fingerprint, Kind, Meta, Times};

/// Why nothing was committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Where.
    pub path: PathBuf,
    /// What stands against it.
    pub why: String,
}

fn conflict(path: &Path, why: impl Into<String>) -> Conflict {
    Conflict {
        path: path.to_owned(),
        why: why.into(),
    }
}

/// How far a commit is.
const APPLYING: &str = "applying";
const DONE: &str = "done";

impl Shadow {
    /// What stands against a commit: what was changed below since the shadow changed it. At most 100.
    ///
    /// # Errors
    ///
    /// When something cannot be looked at.
    pub fn conflicts(&self) -> Result<Vec<Conflict>> {
        let mut held = self.hold()?;
        held.bases.refresh()?;
        let mut all = Vec::new();
        for (path, base) in held.bases.iter() {
            if self.reachable(path).is_err() {
                all.push(conflict(path, "it is out of reach"));
            } else if let Some(why) = base.differs(path)? {
                all.push(conflict(path, why));
            } else if !base.is_absent() && below(path)?.is_none() {
                all.push(conflict(path, "a link leads there now"));
            }
        }
        for step in self.steps()? {
            let found = below(&step.path)?;
            let stands = found.as_ref().is_some_and(std::fs::Metadata::is_dir);
            let merged = step.what == (What::Directory { opaque: false }) && stands;
            if step.visible && !merged && !held.bases.has(&step.path) {
                let lost = step.what == (What::Directory { opaque: false });
                let why = if lost {
                    "it is gone"
                } else {
                    "nobody knows what it was"
                };
                all.push(conflict(&step.path, why));
            }
            if stands && !merged && self.movable(&step.path).is_err() {
                all.push(conflict(&step.path, "it is out of reach"));
            }
            if stands && !merged {
                let opaque = matches!(step.what, What::Directory { .. });
                tree(&step.path, |path| {
                    let replaced = opaque && self.above(path).symlink_metadata().is_ok();
                    if !replaced && !held.bases.has(path) {
                        all.push(conflict(path, "it is new"));
                    }
                })?;
            }
            if !merged
                && let Some(parent) = step.path.parent()
                && below(parent)?.is_some()
                && accessat(
                    CWD,
                    parent,
                    Access::WRITE_OK | Access::EXEC_OK,
                    AtFlags::EACCESS,
                )
                .is_err()
                && !owned(parent)?
            {
                all.push(conflict(parent, "it cannot be written"));
            }
            if all.len() >= 100 {
                break;
            }
        }
        all.truncate(100);
        Ok(all)
    }

    /// Notes what entries are based on that somebody made past this shadow: a child process in an
    /// overlay, which began at `since` (seconds and nanoseconds since 1970). What was changed below
    /// after that is in conflict.
    ///
    /// # Errors
    ///
    /// When something cannot be read.
    pub fn adopt(&self, since: (i64, i64)) -> Result<()> {
        use super::base::{Base, DIGEST_BYTES_MAX};
        let mut held = self.hold()?;
        held.bases.refresh()?;
        let mut wanted = Vec::new();
        for step in self.steps()? {
            if !step.visible {
                continue;
            }
            let found = below(&step.path)?;
            let stands = found.as_ref().is_some_and(std::fs::Metadata::is_dir);
            let merged = step.what == (What::Directory { opaque: false }) && stands;
            if !merged || self.dir_differs(&step)? {
                wanted.push(step.path.clone());
            }
            if stands && !merged {
                tree(&step.path, |path| wanted.push(path.to_owned()))?;
            }
        }
        for path in wanted {
            if held.bases.has(&path) {
                continue;
            }
            let changed = match path.symlink_metadata() {
                Ok(found) => (found.ctime(), found.ctime_nsec()) >= since,
                Err(_) => false,
            };
            let base = if changed {
                Base::Unknown
            } else {
                Base::Known(Fingerprint::read(&path, DIGEST_BYTES_MAX)?)
            };
            held.bases.add(&path, base)?;
        }
        Ok(())
    }

    /// Whether the metadata of a directory were changed in the shadow.
    fn dir_differs(&self, step: &Step) -> Result<bool> {
        let (Some(before), Some(now)) = (Meta::read(&step.path)?, meta(&step.real)?) else {
            return Ok(true);
        };
        // A user's copies are the user's, who can give nothing away.
        let owners = rustix::process::geteuid().is_root()
            && (before.owner, before.group) != (now.owner, now.group);
        Ok(owners || before.mode != now.mode || before.xattrs != now.xattrs)
    }

    /// Does to the files what was done in the shadow; nothing of it where something stands against
    /// it, which is returned. Nobody may use the shadow meanwhile or afterwards.
    ///
    /// # Errors
    ///
    /// When it fails half way, such as on a full disk: [`Shadow::resume`] goes on.
    pub fn commit(&self) -> Result<Vec<Conflict>> {
        if self.phase()? == DONE {
            return Ok(Vec::new());
        }
        let against = self.conflicts()?;
        if !against.is_empty() {
            return Ok(against);
        }
        let held = self.hold()?;
        if self.limits.sync {
            syncfs(File::open(&self.upper)?)?;
            held.bases.sync()?;
        }
        for (_, names) in self.indexes()? {
            if let Err(error) = self.stage(&names) {
                self.unstage()?;
                return Err(error);
            }
        }
        self.set_phase(APPLYING)?;
        self.apply(&held, false)?;
        self.set_phase(DONE)?;
        self.unstage()?;
        Ok(Vec::new())
    }

    /// Completes a commit that was cut off; whether there was one.
    ///
    /// # Errors
    ///
    /// When it fails again.
    pub fn resume(&self) -> Result<bool> {
        let phase = self.phase()?;
        if phase == APPLYING {
            let held = self.hold()?;
            self.apply(&held, true)?;
            self.set_phase(DONE)?;
        }
        self.unstage()?;
        Ok(phase == APPLYING)
    }

    fn phase(&self) -> Result<String> {
        match std::fs::read_to_string(self.dir.join("phase")) {
            Ok(phase) => Ok(phase),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(error.into()),
        }
    }

    fn set_phase(&self, phase: &str) -> Result<()> {
        let new = self.dir.join("phase.new");
        std::fs::write(&new, phase)?;
        if self.limits.sync {
            File::open(&new)?.sync_all()?;
        }
        std::fs::rename(&new, self.dir.join("phase"))?;
        if self.limits.sync {
            File::open(&self.dir)?.sync_all()?;
        }
        Ok(())
    }

    // -- files with several names -----------------------------------------------------------------

    /// The name under which a file with several names is held while they change, in a directory that
    /// stays.
    fn staged(&self, names: &Names) -> Result<(PathBuf, OsString)> {
        let first = PathBuf::from(OsStr::from_bytes(&names.first));
        let mut stays = PathBuf::from("/");
        for part in first.parent().unwrap_or(Path::new("/")).iter().skip(1) {
            let next = stays.join(part);
            let goes = match self.above(&next).symlink_metadata() {
                Ok(found) => !found.is_dir() || marks::is_opaque(&self.above(&next)),
                Err(_) => false,
            };
            if goes {
                break;
            }
            stays = next;
        }
        if stays.symlink_metadata()?.dev() != names.device {
            return Err(Errno::XDEV.into());
        }
        Ok((stays, self.beside(&names.inode.to_string()).into()))
    }

    /// A name of this shadow's own beside the files, the same after a crash.
    fn beside(&self, what: &str) -> String {
        let mark = self.dir.parent().and_then(Path::file_name);
        let mark = mark.unwrap_or_default().to_string_lossy();
        format!(".interlock-{mark}-{what}")
    }

    fn stage(&self, names: &Names) -> Result<()> {
        let first = PathBuf::from(OsStr::from_bytes(&names.first));
        let from = beneath(first.parent().ok_or(Errno::INVAL)?)?;
        let from = at(&from, first.file_name().ok_or(Errno::INVAL)?);
        let found = from.symlink_metadata()?;
        if (found.dev(), found.ino()) != (names.device, names.inode) {
            return Err(Errno::STALE.into());
        }
        let (dir, name) = self.staged(names)?;
        hushed(&beneath(&dir)?, &name, |staged| {
            remove_file(staged)?;
            Ok(linkat(CWD, &from, CWD, staged, AtFlags::empty())?)
        })
    }

    fn unstage(&self) -> Result<()> {
        for (_, names) in self.indexes()? {
            let Ok((dir, name)) = self.staged(&names) else {
                continue;
            };
            let dir = beneath(&dir)?;
            if at(&dir, &name).symlink_metadata().is_ok() {
                hushed(&dir, &name, remove_file)?;
            }
        }
        Ok(())
    }

    // -- applying -----------------------------------------------------------------------------

    /// `again`: a commit that was cut off, which may have made a directory and not finished it.
    fn apply(&self, held: &super::State, again: bool) -> Result<()> {
        let steps = self.steps()?;
        let mut apply = Apply {
            shadow: self,
            temporary: self.beside("new"),
            staged: BTreeMap::new(),
            made: BTreeMap::new(),
            touched: BTreeSet::new(),
            new: BTreeSet::new(),
        };
        apply.hold_staged()?;
        for step in &steps {
            apply.entry(step)?;
        }
        apply.fill_staged()?;
        // Directories last, inner ones first: what happens in them changes their times.
        for step in steps.iter().rev() {
            if !matches!(step.what, What::Directory { .. }) {
                continue;
            }
            let all = apply.new.contains(&step.path)
                || held.bases.has(&step.path)
                || step.what == (What::Directory { opaque: true })
                || (again && (rustix::process::geteuid().is_root() || owned(&step.path)?));
            if all || apply.touched.contains(&step.path) {
                apply.directory(step, all)?;
            }
        }
        if self.limits.sync {
            let mut synced = BTreeSet::new();
            for path in &apply.touched {
                let dir = File::open(path)?;
                if synced.insert(dir.metadata()?.dev()) {
                    syncfs(&dir)?;
                }
            }
        }
        Ok(())
    }
}

struct Apply<'a> {
    shadow: &'a Shadow,
    temporary: String,
    /// Files with several names, by the inode of their copy: the name under which each is held.
    staged: BTreeMap<u64, (OwnedFd, OsString, PathBuf)>,
    /// Files that the shadow has several names for, by inode: where the first one was put.
    made: BTreeMap<u64, PathBuf>,
    /// Directories in which names changed.
    touched: BTreeSet<PathBuf>,
    /// Directories that were made.
    new: BTreeSet<PathBuf>,
}

impl Apply<'_> {
    fn hold_staged(&mut self) -> Result<()> {
        for (index, names) in self.shadow.indexes()? {
            let (dir, name) = self.shadow.staged(&names)?;
            let dir = beneath(&dir)?;
            let inode = index.symlink_metadata()?.ino();
            self.staged.insert(inode, (dir, name, index));
        }
        Ok(())
    }

    fn entry(&mut self, step: &Step) -> Result<()> {
        let (Some(parent), Some(name)) = (step.path.parent(), step.path.file_name()) else {
            return Ok(());
        };
        let dir = beneath(parent)?;
        let to = at(&dir, name);
        let there = match to.symlink_metadata() {
            Ok(found) => Some(found),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error.into()),
        };
        match step.what {
            What::Whiteout => {
                if there.is_some() {
                    self.touch(parent, &dir)?;
                    remove(&dir, name)?;
                }
            }
            What::Directory { opaque } => {
                let stands = there.as_ref().is_some_and(std::fs::Metadata::is_dir);
                if !stands {
                    self.touch(parent, &dir)?;
                    if there.is_some() {
                        remove(&dir, name)?;
                    }
                    std::fs::create_dir(&to)?;
                    chmod(&to, Mode::RWXU)?;
                    self.new.insert(step.path.clone());
                } else if opaque {
                    let mut gone = Vec::new();
                    self.shadow.uncovered(&step.path, |path, _| {
                        gone.extend(path.file_name().map(OsStr::to_owned));
                    })?;
                    let within = beneath(&step.path)?;
                    for name in gone {
                        self.touch(&step.path, &within)?;
                        remove(&within, &name)?;
                    }
                }
            }
            What::Other => {
                if let Some(found) = &there
                    && step.real.symlink_metadata()?.nlink() == 1
                    && facets(&to, &step.real, found)?.is_empty()
                {
                    // It was only copied, or put there before a crash.
                    return Ok(());
                }
                self.touch(parent, &dir)?;
                if there.is_some_and(|found| found.is_dir()) {
                    remove(&dir, name)?;
                }
                self.install(step, &dir, &to)?;
            }
        }
        Ok(())
    }

    /// Notes that names in a directory change, which its mode must not forbid.
    fn touch(&mut self, path: &Path, dir: &OwnedFd) -> Result<()> {
        if self.touched.insert(path.to_owned()) {
            let dir = at(dir, OsStr::new("."));
            let found = dir.symlink_metadata()?;
            let user = rustix::process::geteuid();
            if !user.is_root() && found.uid() == user.as_raw() && found.mode() & 0o300 != 0o300 {
                chmod(&dir, Mode::from_raw_mode((found.mode() & 0o7777) | 0o700))?;
            }
        }
        Ok(())
    }

    fn install(&mut self, step: &Step, dir: &OwnedFd, to: &Path) -> Result<()> {
        let temporary = at(dir, OsStr::new(&self.temporary));
        remove_file(&temporary)?;
        let found = step.real.symlink_metadata()?;
        let meta = meta(&step.real)?.ok_or(Errno::NOENT)?;
        let first = if found.is_file() && found.nlink() > 1 {
            match self.staged.get(&found.ino()) {
                Some((held, name, _)) => Some(at(held, name)),
                None => match self.made.get(&found.ino()) {
                    Some(path) => {
                        let held = beneath(path.parent().unwrap_or(Path::new("/")))?;
                        let name = path.file_name().unwrap_or_default();
                        linkat(CWD, at(&held, name), CWD, &temporary, AtFlags::empty())?;
                        std::fs::rename(&temporary, to)?;
                        return remove_file(&temporary);
                    }
                    None => {
                        self.made.insert(found.ino(), step.path.clone());
                        None
                    }
                },
            }
        } else {
            None
        };
        if let Some(first) = first {
            linkat(CWD, &first, CWD, &temporary, AtFlags::empty())?;
            std::fs::rename(&temporary, to)?;
            // Two names of one file are both left by a rename.
            return remove_file(&temporary);
        }
        let user = rustix::process::geteuid();
        if meta.kind == Kind::File
            && !user.is_root()
            && meta.owner != user.as_raw()
            && to.symlink_metadata().is_ok_and(|found| found.is_file())
        {
            // A new file would be this user's.
            return fill(&step.real, to);
        }
        make(&meta, &step.real, &temporary, true)?;
        settle(&meta, &temporary)?;
        Ok(std::fs::rename(&temporary, to)?)
    }

    /// Writes files with several names in place.
    fn fill_staged(&mut self) -> Result<()> {
        for (dir, name, index) in self.staged.values() {
            let to = at(dir, name);
            let meta = meta(index)?.ok_or(Errno::NOENT)?;
            if !same_content(index, &to)? {
                fill(index, &to)?;
            }
            settle(&meta, &to)?;
        }
        Ok(())
    }

    fn directory(&self, step: &Step, all: bool) -> Result<()> {
        let (Some(parent), Some(name)) = (step.path.parent(), step.path.file_name()) else {
            return Ok(());
        };
        let dir = beneath(parent)?;
        let to = at(&dir, name);
        let meta = meta(&step.real)?.ok_or(Errno::NOENT)?;
        if all {
            return settle(&meta, &to);
        }
        if meta.mode != to.symlink_metadata()?.mode() & 0o7777 && owned(&step.path)? {
            chmod(&to, Mode::from_raw_mode(meta.mode))?;
        }
        match meta.times.apply(&to) {
            // Somebody else's, in which this user may write.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
            other => Ok(other?),
        }
    }
}

/// Whether a directory is this user's.
fn owned(path: &Path) -> Result<bool> {
    Ok(path.symlink_metadata()?.uid() == rustix::process::geteuid().as_raw())
}

/// A directory, reached without a link: who swaps one in meanwhile gets an error.
fn beneath(path: &Path) -> Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut at = openat(CWD, "/", flags, Mode::empty())?;
    for name in path.iter().skip(1) {
        at = openat(&at, name, flags, Mode::empty())?;
    }
    Ok(at)
}

/// A path of an entry that goes through an open directory.
fn at(dir: &OwnedFd, name: &OsStr) -> PathBuf {
    Path::new("/proc/self/fd")
        .join(dir.as_raw_fd().to_string())
        .join(name)
}

/// Does something with a name that is not to be seen: the directory keeps its times.
fn hushed(dir: &OwnedFd, name: &OsStr, act: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let here = at(dir, OsStr::new("."));
    let before = Times::of(&here.symlink_metadata()?);
    act(&at(dir, name))?;
    match before.apply(&here) {
        // Somebody else's, in which this user may write.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        other => Ok(other?),
    }
}

fn remove_file(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Removes an entry with all in it.
fn remove(dir: &OwnedFd, name: &OsStr) -> Result<()> {
    let path = at(dir, name);
    let found = path.symlink_metadata()?;
    if found.is_dir() {
        Ok(std::fs::remove_dir_all(&path)?)
    } else {
        Ok(std::fs::remove_file(&path)?)
    }
}

/// Every entry below a directory.
fn tree(root: &Path, mut each: impl FnMut(&Path)) -> Result<()> {
    let mut next = vec![root.to_owned()];
    while let Some(dir) = next.pop() {
        for entry in std::fs::read_dir(&dir)? {
            let path = entry?.path();
            if path.symlink_metadata()?.is_dir() {
                next.push(path.clone());
            }
            each(&path);
        }
    }
    Ok(())
}

/// Replaces the content of a file in place.
fn fill(from: &Path, to: &Path) -> Result<()> {
    let open = |path: &Path, write: bool| {
        OpenOptions::new()
            .read(!write)
            .write(write)
            .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
            .open(path)
    };
    Ok(contents(&open(from, false)?, &mut open(to, true)?)?)
}

/// Gives an object metadata, as far as this user may.
fn settle(meta: &Meta, to: &Path) -> Result<()> {
    let allowed = |done: std::result::Result<(), Errno>| match done {
        Err(Errno::PERM | Errno::OPNOTSUPP | Errno::INVAL)
            if !rustix::process::geteuid().is_root() =>
        {
            Ok(())
        }
        other => other,
    };
    let now = Meta::read(to)?.ok_or(Errno::NOENT)?;
    if (now.owner, now.group) != (meta.owner, meta.group) {
        let (user, group) = (Uid::from_raw(meta.owner), Gid::from_raw(meta.group));
        allowed(chownat(
            CWD,
            to,
            Some(user),
            Some(group),
            AtFlags::SYMLINK_NOFOLLOW,
        ))?;
    }
    super::copy::writable(to, |to| {
        for (name, _) in &now.xattrs {
            let gone = !meta.xattrs.iter().any(|(kept, _)| kept == name);
            if gone && agents(&name.0) {
                allowed(lremovexattr(to, &name.0[..]))?;
            }
        }
        for both in &meta.xattrs {
            if !now.xattrs.contains(both) && agents(&both.0.0) {
                allowed(lsetxattr(to, &both.0.0[..], &both.1.0, XattrFlags::empty()))?;
            }
        }
        Ok(())
    })?;
    if meta.kind != Kind::Symlink {
        allowed(chmod(to, Mode::from_raw_mode(meta.mode)))?;
    }
    match meta.times.apply(to) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        other => Ok(other?),
    }
}

/// Whether an attribute is one that whoever owns a file sets.
fn agents(name: &[u8]) -> bool {
    (name.starts_with(b"user.") && !name.starts_with(marks::PREFIX))
        || name.starts_with(b"system.posix_acl")
        || (rustix::process::geteuid().is_root() && !name.starts_with(b"security.selinux"))
            && !name.starts_with(marks::PREFIX)
}
