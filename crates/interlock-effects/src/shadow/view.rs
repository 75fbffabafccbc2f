//! What shadow and files have together: entries by name, and paths.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::io::Errno;

use super::marks::{self, Names};
use super::{Refused, Result, Shadow};

/// Links that are followed on the way to one path (`MAXSYMLINKS` of the kernel).
const LINKS_MAX: usize = 40;
/// Bytes of a path with everything that links add to it.
const PATH_BYTES_MAX: usize = 64 * 1024;

/// What somebody in the shadow sees of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the fields of `struct stat`, as POSIX names them"
)]
pub struct Shown {
    pub dev: u64,
    pub ino: u64,
    pub mode: u32,
    pub nlink: u64,
    pub uid: u32,
    pub gid: u32,
    pub rdev: u64,
    pub size: u64,
    pub blksize: u64,
    pub blocks: u64,
    pub atime: (i64, i64),
    pub mtime: (i64, i64),
    pub ctime: (i64, i64),
}

impl Shown {
    pub(crate) fn of(found: &std::fs::Metadata) -> Self {
        Self {
            dev: found.dev(),
            ino: found.ino(),
            mode: found.mode(),
            nlink: found.nlink(),
            uid: found.uid(),
            gid: found.gid(),
            rdev: found.rdev(),
            size: found.size(),
            blksize: found.blksize(),
            blocks: found.blocks(),
            atime: (found.atime(), found.atime_nsec()),
            mtime: (found.mtime(), found.mtime_nsec()),
            ctime: (found.ctime(), found.ctime_nsec()),
        }
    }

    fn kind(&self) -> u32 {
        self.mode & 0o170_000
    }

    /// Whether it is a directory.
    #[must_use]
    pub fn is_dir(&self) -> bool {
        self.kind() == 0o040_000
    }

    /// Whether it is a symbolic link.
    #[must_use]
    pub fn is_symlink(&self) -> bool {
        self.kind() == 0o120_000
    }

    /// Whether it is a regular file.
    #[must_use]
    pub fn is_file(&self) -> bool {
        self.kind() == 0o100_000
    }
}

/// A directory of the view. Its path has no links, so that it is the same in the shadow and below.
#[derive(Debug, Clone)]
pub(crate) struct Dir {
    pub(crate) path: PathBuf,
    pub(crate) upper: bool,
    pub(crate) lower: bool,
}

/// An object of the view.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// Where it lies.
    pub(crate) real: PathBuf,
    /// Whether that is in the shadow.
    pub(crate) upper: bool,
    /// Whether something of a directory lies below the shadow.
    pub(crate) lower: bool,
    pub(crate) shown: Shown,
    /// Whether it is a copy of somebody else's.
    pub(crate) foreign: bool,
}

/// Whether a link in the last place of a path is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Follow {
    Always,
    /// Where a slash follows it.
    Slash,
    /// It is the name itself that is made or removed.
    Never,
    /// A file is opened or made: a slash after its name, or after the target of a link that is
    /// followed, means a directory, which is none.
    Create {
        follow: bool,
    },
}

impl Follow {
    fn here(self, slash: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Slash => slash,
            Self::Never => false,
            Self::Create { follow } => follow,
        }
    }

    /// As the flags of most operations say it.
    pub(crate) fn when(follow: bool) -> Self {
        if follow { Self::Always } else { Self::Slash }
    }
}

/// The last component of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Last {
    Name(OsString),
    Dot,
    DotDot,
    Root,
}

/// Where a path leads.
#[derive(Debug)]
pub(crate) struct Place {
    /// The absolute path, without links before its last component.
    pub(crate) path: PathBuf,
    /// The directory that it is in; of `.`, `..` and `/` the directory itself.
    pub(crate) dir: Dir,
    pub(crate) last: Last,
    /// Whether it ends with a slash.
    pub(crate) slash: bool,
    pub(crate) found: Option<Found>,
    /// Whether the kernel alone knows what is there.
    pub(crate) kernel: bool,
}

impl Place {
    pub(crate) fn found(&self) -> Result<&Found> {
        let found = self.found.as_ref().ok_or(Errno::NOENT)?;
        if self.slash && !found.shown.is_dir() {
            return Err(Errno::NOTDIR.into());
        }
        Ok(found)
    }

    /// The directory that stands at this place.
    pub(crate) fn directory(&self) -> Result<Dir> {
        let found = self.found()?;
        if !found.shown.is_dir() {
            return Err(Errno::NOTDIR.into());
        }
        Ok(Dir {
            path: self.path.clone(),
            upper: found.upper,
            lower: found.lower,
        })
    }
}

/// Whether what is there is the kernel's.
pub(crate) fn is_kernels(path: &Path) -> bool {
    path.starts_with("/proc")
        || path.starts_with("/sys")
        || (path.starts_with("/dev") && !path.starts_with("/dev/shm"))
}

impl Shadow {
    pub(crate) fn above(&self, path: &Path) -> PathBuf {
        self.upper.join(path.strip_prefix("/").unwrap_or(path))
    }

    pub(crate) fn root(&self) -> Dir {
        Dir {
            path: PathBuf::from("/"),
            upper: true,
            lower: true,
        }
    }

    /// The entry of a directory.
    pub(crate) fn entry(&self, dir: &Dir, name: &OsStr) -> Result<Option<Found>> {
        let path = dir.path.join(name);
        if dir.upper {
            let real = self.above(&path);
            match real.symlink_metadata() {
                Ok(found) if marks::is_whiteout(&found) => return Ok(None),
                Ok(found) => {
                    let mut shown = Shown::of(&found);
                    let foreign = corrected(&real, &mut shown, false);
                    let lower = found.is_dir()
                        && dir.lower
                        && !marks::is_opaque(&real)
                        && path.symlink_metadata().is_ok_and(|below| below.is_dir());
                    return Ok(Some(Found {
                        real,
                        upper: true,
                        lower,
                        shown,
                        foreign,
                    }));
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        if dir.lower {
            match path.symlink_metadata() {
                Ok(found) => return Ok(Some(self.below(path, &found))),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }

    /// An object that is not in the shadow under this name.
    fn below(&self, path: PathBuf, found: &std::fs::Metadata) -> Found {
        if found.is_file() && found.nlink() > 1 {
            let real = self.indexed(found.dev(), found.ino());
            if let Ok(copy) = real.symlink_metadata() {
                let mut shown = Shown::of(&copy);
                let foreign = corrected(&real, &mut shown, true);
                return Found {
                    real,
                    upper: true,
                    lower: false,
                    shown,
                    foreign,
                };
            }
        }
        Found {
            real: path,
            upper: false,
            lower: found.is_dir(),
            shown: Shown::of(found),
            foreign: false,
        }
    }

    pub(crate) fn indexed(&self, device: u64, inode: u64) -> PathBuf {
        self.index.join(format!("{device}-{inode}"))
    }

    /// Finds where a path leads.
    pub(crate) fn resolve(&self, path: &Path, follow: Follow) -> Result<Place> {
        let mut bytes = path.as_os_str().as_bytes();
        if bytes.is_empty() {
            return Err(Errno::NOENT.into());
        }
        if bytes.contains(&0) {
            return Err(Errno::INVAL.into());
        }
        let relative;
        if bytes[0] != b'/' {
            let current = self.logical(&std::env::current_dir()?);
            relative = [current.as_os_str().as_bytes(), b"/", bytes].concat();
            bytes = &relative;
        }
        let mut pending: VecDeque<OsString> = split(bytes);
        let mut slash = bytes.ends_with(b"/");
        let mut dirs = vec![self.root()];
        let mut links = 0;
        let mut last = Last::Root;
        while let Some(name) = pending.pop_front() {
            // `dirs` always has the root.
            let Some(dir) = dirs.last().cloned() else {
                return Err(Errno::NOENT.into());
            };
            if name == "." {
                last = Last::Dot;
                continue;
            }
            if name == ".." {
                if dirs.len() > 1 {
                    dirs.pop();
                }
                last = Last::DotDot;
                continue;
            }
            let path = dir.path.join(&name);
            if is_kernels(&path) {
                return self.of_kernel(path, pending, follow, slash, links);
            }
            let found = self.entry(&dir, &name)?;
            let ends = pending.is_empty();
            if ends && slash && matches!(follow, Follow::Create { .. }) {
                return Err(Errno::ISDIR.into());
            }
            if ends && (found.is_none() || !follow.here(slash)) || found.is_none() {
                if !ends {
                    return Err(Errno::NOENT.into());
                }
                return Ok(Place {
                    path,
                    dir,
                    last: Last::Name(name),
                    slash,
                    found,
                    kernel: false,
                });
            }
            let Some(found) = found else {
                return Err(Errno::NOENT.into());
            };
            if found.shown.is_symlink() {
                links += 1;
                if links > LINKS_MAX {
                    return Err(Errno::LOOP.into());
                }
                let target = std::fs::read_link(&found.real)?;
                let target = target.as_os_str().as_bytes();
                if ends {
                    slash |= target.ends_with(b"/");
                }
                if target.first() == Some(&b'/') {
                    dirs.truncate(1);
                    last = Last::Root;
                }
                for part in split(target).into_iter().rev() {
                    pending.push_front(part);
                }
                let length: usize = pending.iter().map(|part| part.len() + 1).sum();
                if length > PATH_BYTES_MAX {
                    return Err(Errno::NAMETOOLONG.into());
                }
                continue;
            }
            if ends && !found.shown.is_dir() {
                return Ok(Place {
                    path,
                    dir,
                    last: Last::Name(name),
                    slash,
                    found: Some(found),
                    kernel: false,
                });
            }
            if !found.shown.is_dir() {
                return Err(Errno::NOTDIR.into());
            }
            if found.foreign && !ends {
                // The copy is this user's, who might search it.
                self.may(&found, Access::EXEC_OK)?;
            }
            if ends {
                return Ok(Place {
                    path,
                    dir,
                    last: Last::Name(name),
                    slash,
                    found: Some(found),
                    kernel: false,
                });
            }
            dirs.push(Dir {
                path,
                upper: found.upper,
                lower: found.lower,
            });
        }
        // `.`, `..` or `/`.
        let Some(dir) = dirs.pop() else {
            return Err(Errno::NOENT.into());
        };
        let real = if dir.upper && dir.path != Path::new("/") {
            self.above(&dir.path)
        } else {
            dir.path.clone()
        };
        let mut shown = Shown::of(&real.symlink_metadata()?);
        let foreign = dir.upper && corrected(&real, &mut shown, false);
        Ok(Place {
            path: dir.path.clone(),
            found: Some(Found {
                real,
                upper: dir.upper,
                lower: dir.lower,
                shown,
                foreign,
            }),
            dir,
            last,
            slash,
            kernel: false,
        })
    }

    /// A path in what is the kernel's. Its links may lead out again, as those of open files do.
    fn of_kernel(
        &self,
        mut path: PathBuf,
        rest: VecDeque<OsString>,
        follow: Follow,
        slash: bool,
        links: usize,
    ) -> Result<Place> {
        path.extend(rest);
        let mut stays = path.clone();
        if follow.here(slash) {
            if let Ok(target) = path.canonicalize() {
                let target = self.logical(&target);
                if !is_kernels(&target) {
                    if links > LINKS_MAX {
                        return Err(Errno::LOOP.into());
                    }
                    return self.resolve(&target, follow);
                }
                stays = target;
            }
        } else if let (Some(parent), Some(name)) = (path.parent(), path.file_name())
            && let Ok(parent) = parent.canonicalize()
        {
            let parent = self.logical(&parent);
            if !is_kernels(&parent) && parent != Path::new("/") {
                return self.resolve(&parent.join(name), follow);
            }
        }
        // A magic link to what has no path is followed by the kernel.
        let read = if follow.here(slash) {
            path.metadata()
        } else {
            path.symlink_metadata()
        };
        let found = match read {
            Ok(found) => Some(Found {
                real: path.clone(),
                upper: false,
                lower: found.is_dir(),
                shown: Shown::of(&found),
                foreign: false,
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(error.into()),
        };
        let name = stays.file_name().unwrap_or_default().to_owned();
        let parent = stays.parent().unwrap_or(Path::new("/")).to_owned();
        Ok(Place {
            path: stays,
            dir: Dir {
                path: parent,
                upper: false,
                lower: true,
            },
            last: Last::Name(name),
            slash,
            found,
            kernel: true,
        })
    }

    /// Whether this user may do that to an object.
    pub(crate) fn may(&self, found: &Found, want: Access) -> Result<()> {
        if !found.foreign {
            return Ok(accessat(CWD, &found.real, want, AtFlags::EACCESS)?);
        }
        let (user, group) = (
            rustix::process::geteuid().as_raw(),
            rustix::process::getegid().as_raw(),
        );
        let shown = &found.shown;
        let shift = if shown.uid == user {
            6
        } else if shown.gid == group
            || rustix::process::getgroups()?
                .iter()
                .any(|g| g.as_raw() == shown.gid)
        {
            3
        } else {
            0
        };
        if want.bits() & !(shown.mode >> shift) & 0o7 == 0 {
            Ok(())
        } else {
            Err(Errno::ACCESS.into())
        }
    }

    /// Refuses what is out of reach.
    pub(crate) fn reachable(&self, path: &Path) -> Result<()> {
        if self.forbidden.iter().any(|kept| path.starts_with(kept)) {
            return Err(forbidden(path));
        }
        Ok(())
    }

    /// The same, and what it lies in, which cannot be moved or removed.
    pub(crate) fn movable(&self, path: &Path) -> Result<()> {
        if self.forbidden.iter().any(|kept| kept.starts_with(path)) {
            return Err(forbidden(path));
        }
        self.reachable(path)
    }

    /// The names in a directory, with what stands there.
    pub(crate) fn names(&self, dir: &Dir) -> Result<Vec<(OsString, Found)>> {
        let mut names = std::collections::BTreeSet::new();
        if dir.upper {
            for entry in std::fs::read_dir(self.above(&dir.path))? {
                names.insert(entry?.file_name());
            }
        }
        if dir.lower {
            for entry in std::fs::read_dir(&dir.path)? {
                names.insert(entry?.file_name());
            }
        }
        let mut all = Vec::with_capacity(names.len());
        for name in names {
            if let Some(found) = self.entry(dir, &name)? {
                all.push((name, found));
            }
        }
        Ok(all)
    }
}

/// Shows a copy as what it stands for; whether it is somebody else's.
fn corrected(real: &Path, shown: &mut Shown, indexed: bool) -> bool {
    if shown.is_file()
        && (indexed || shown.nlink > 1)
        && let Some(names) = Names::read(real)
    {
        // One of its names is in the index.
        shown.nlink = (names.links + shown.nlink).saturating_sub(names.hidden + 1);
    }
    if !rustix::process::geteuid().is_root()
        && (shown.is_file() || shown.is_dir())
        && let Some((user, group)) = marks::owner(real)
    {
        (shown.uid, shown.gid) = (user, group);
        return true;
    }
    false
}

fn forbidden(path: &Path) -> super::ShadowError {
    Refused::Forbidden {
        path: path.to_owned(),
    }
    .into()
}

fn split(bytes: &[u8]) -> VecDeque<OsString> {
    bytes
        .split(|b| *b == b'/')
        .filter(|part| !part.is_empty())
        .map(|part| OsStr::from_bytes(part).to_owned())
        .collect()
}
