//! Files: what an operation changes, how that is kept, and how it is put back.

pub(crate) mod blob;
pub(crate) mod capture;
pub(crate) mod restore;
pub(crate) mod state;

use std::io;
use std::path::{Component, Path, PathBuf};

/// What is about to be done to the file system. Relative paths count from the current directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileOp<'a> {
    /// A file is opened for writing, made if it does not exist, truncated or not. Links are
    /// followed, as the system does.
    Write(&'a Path),
    /// A file only ever grows. As [`FileOp::Write`], but a file that is too large to be copied can
    /// still be undone, by its size.
    Append(&'a Path),
    /// A new name: an exclusive create, `mkdir`, `symlink`, `mkfifo`, or the new name of `link`.
    Create(&'a Path),
    /// `unlink`.
    Delete(&'a Path),
    /// `rmdir`.
    RemoveDirectory(&'a Path),
    /// A whole tree is removed.
    RemoveTree(&'a Path),
    /// `rename`, also over what exists.
    Rename(&'a Path, &'a Path),
    /// Mode, owner, times or extended attributes change, of what a link points to.
    Metadata(&'a Path),
    /// The same, of the link itself.
    LinkMetadata(&'a Path),
    /// Anything may happen to this file (or to the name, if nothing stands there): it is
    /// overwritten, replaced or deleted. Not for directories.
    Any(&'a Path),
}

/// Links that are followed on the way to one path, as the system does.
const LINKS_MAX: usize = 40;

/// The absolute path of an entry: links before the last component are resolved, that one is not.
pub(crate) fn entry(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let Some(last) = path.components().next_back() else {
        return Ok(path);
    };
    match (last, path.parent()) {
        (Component::Normal(name), Some(parent)) => match parent.canonicalize() {
            Ok(parent) => Ok(parent.join(name)),
            // The operation will fail for the same reason.
            Err(error) if will_fail(&error) => Ok(path),
            Err(error) => Err(error),
        },
        // `..` and `/` are directories, and never links.
        _ => path.canonicalize(),
    }
}

/// As [`entry`], but a link in the last place is followed, also to where nothing stands yet.
pub(crate) fn followed(path: &Path) -> io::Result<PathBuf> {
    let mut at = entry(path)?;
    for _ in 0..LINKS_MAX {
        match std::fs::read_link(&at) {
            Ok(target) => {
                let target = at.parent().unwrap_or(Path::new("/")).join(target);
                at = entry(&target)?;
            }
            Err(_) => return Ok(at),
        }
    }
    // A loop: the operation fails at it.
    Ok(at)
}

/// Whether no directory above `path` is a link; what is not there is none.
pub(crate) fn is_straight(path: &Path) -> bool {
    let above = path.parent().unwrap_or(path);
    above.canonicalize().map_or(true, |real| real == above)
}

/// Whether nothing can be done at a path where this happens.
pub(crate) fn will_fail(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    ) || error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
}
