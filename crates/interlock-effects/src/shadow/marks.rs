//! The marks of an overlay's upper directory, and our own beside them.

use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, XattrFlags, lgetxattr, lsetxattr, makedev, mknodat};
use rustix::io::Errno;

/// What attributes with a meaning of their own begin with; the agent does not see them.
pub(crate) const PREFIX: &[u8] = b"user.overlay.";
const OPAQUE: &str = "user.overlay.opaque";
/// Of a file in the index: how it stands with its other names, see [`Names`].
const NAMES: &str = "user.overlay.interlock.names";
/// Of a copy whose owner it cannot have: `uid:gid`.
const OWNER: &str = "user.overlay.interlock.owner";
const VALUE_BYTES_MAX: usize = 8 * 1024;

/// Marks a path as removed.
pub(crate) fn whiteout(path: &Path) -> Result<(), Errno> {
    mknodat(
        CWD,
        path,
        FileType::CharacterDevice,
        Mode::empty(),
        makedev(0, 0),
    )
}

pub(crate) fn is_whiteout(found: &std::fs::Metadata) -> bool {
    found.file_type().is_char_device() && found.rdev() == 0
}

/// Lets a directory hide what it covers.
pub(crate) fn set_opaque(dir: &Path) -> Result<(), Errno> {
    lsetxattr(dir, OPAQUE, b"y", XattrFlags::empty())
}

pub(crate) fn is_opaque(dir: &Path) -> bool {
    get(dir, OPAQUE).is_some_and(|value| value == b"y")
}

/// What a file of the index stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Names {
    pub(crate) device: u64,
    pub(crate) inode: u64,
    /// How many names it had when it was copied.
    pub(crate) links: u64,
    /// How many of them are gone from view, removed or changed for a name of the copy.
    pub(crate) hidden: u64,
    /// The name that it was copied from.
    pub(crate) first: Vec<u8>,
}

impl Names {
    pub(crate) fn read(path: &Path) -> Option<Self> {
        let value = get(path, NAMES)?;
        let mut parts = value.splitn(5, |b| *b == b':');
        let mut number = || {
            let digits = std::str::from_utf8(parts.next()?).ok()?;
            digits.parse::<u64>().ok()
        };
        let (device, inode, links, hidden) = (number()?, number()?, number()?, number()?);
        Some(Self {
            device,
            inode,
            links,
            hidden,
            first: parts.next()?.to_vec(),
        })
    }

    pub(crate) fn write(&self, path: &Path) -> Result<(), Errno> {
        let Self {
            device,
            inode,
            links,
            hidden,
            ..
        } = self;
        let mut value = format!("{device}:{inode}:{links}:{hidden}:").into_bytes();
        value.extend_from_slice(&self.first);
        lsetxattr(path, NAMES, &value, XattrFlags::empty())
    }
}

/// Whose a copy really is.
pub(crate) fn owner(path: &Path) -> Option<(u32, u32)> {
    let value = get(path, OWNER)?;
    let text = std::str::from_utf8(&value).ok()?;
    let (user, group) = text.split_once(':')?;
    Some((user.parse().ok()?, group.parse().ok()?))
}

pub(crate) fn set_owner(path: &Path, user: u32, group: u32) -> Result<(), Errno> {
    let value = format!("{user}:{group}");
    lsetxattr(path, OWNER, value.as_bytes(), XattrFlags::empty())
}

fn get(path: &Path, name: &str) -> Option<Vec<u8>> {
    let mut value = Vec::with_capacity(VALUE_BYTES_MAX);
    lgetxattr(path, name, rustix::buffer::spare_capacity(&mut value)).ok()?;
    Some(value)
}
