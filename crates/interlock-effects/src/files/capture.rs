//! Before an operation: what it changes, and how that is now.

use std::io;
use std::path::{Path, PathBuf};

use super::blob::Blobs;
use super::state::{Kind, Meta, Times};
use super::{FileOp, entry, followed, will_fail};
use crate::error::{EffectError, Irreversible, Result, at};
use crate::limits::Limits;
use crate::record::{Bytes, Effect, Kept, Name, Parent, Pre};

/// Writing here gives orders to the kernel.
const KERNEL: [&str; 2] = ["/proc", "/sys"];

/// How much of an object must be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// Its metadata: it stays where it is with the content it has.
    Metadata,
    /// Its name goes away; the inode can be kept under another one.
    Name,
    /// It is written in place.
    Content,
    /// It is written in place, but only at its end.
    Prefix,
    /// Written in place, replaced or deleted.
    Any,
}

/// What an operation touches: each path with how much of it must be kept. A rename is apart.
enum Touched {
    Entries(Vec<(PathBuf, Depth)>),
    Rename(PathBuf, PathBuf),
}

/// Looks at operations and keeps what they change.
#[derive(Debug)]
pub(crate) struct Capture<'a> {
    pub(crate) limits: &'a Limits,
    /// Where the undo journal lies.
    pub(crate) own: &'a Path,
    /// `None` when it only looks.
    pub(crate) blobs: Option<&'a Blobs>,
    /// What the names of contents begin with.
    pub(crate) prefix: String,
    /// The number of the next one.
    pub(crate) next: usize,
}

impl Capture<'_> {
    /// The effects of `op`, in the order in which they happen. Their contents are kept, unless
    /// this only looks.
    pub(crate) fn effects(&mut self, op: FileOp<'_>) -> Result<Vec<Effect>> {
        let touched = self.touched(op)?;
        match touched {
            Touched::Entries(entries) => entries
                .into_iter()
                .map(|(path, depth)| {
                    let pre = self.pre(&path, depth)?;
                    // What is written in place leaves the directory as it is.
                    let named = pre == Pre::Absent || matches!(depth, Depth::Name | Depth::Any);
                    let parent = if named { parent(&path)? } else { None };
                    Ok(Effect::Entry {
                        path: Name(path),
                        pre,
                        parent,
                    })
                })
                .collect(),
            Touched::Rename(from, to) => self.rename(from, to).map(|effect| vec![effect]),
        }
    }

    fn touched(&self, op: FileOp<'_>) -> Result<Touched> {
        let (path, depth, follow) = match op {
            FileOp::Write(path) => (path, Depth::Content, true),
            FileOp::Append(path) => (path, Depth::Prefix, true),
            FileOp::Create(path) => (path, Depth::Metadata, false),
            FileOp::Delete(path) | FileOp::RemoveDirectory(path) => (path, Depth::Name, false),
            FileOp::Metadata(path) => (path, Depth::Metadata, true),
            FileOp::LinkMetadata(path) => (path, Depth::Metadata, false),
            FileOp::Any(path) => (path, Depth::Any, true),
            FileOp::Rename(from, to) => {
                let from = entry(from).map_err(at("find", from))?;
                let to = entry(to).map_err(at("find", to))?;
                self.apart(&from)?;
                self.apart(&to)?;
                return Ok(Touched::Rename(from, to));
            }
            FileOp::RemoveTree(path) => {
                let root = entry(path).map_err(at("find", path))?;
                self.apart(&root)?;
                let mut all = Vec::new();
                self.tree(&root, &mut all)?;
                return Ok(Touched::Entries(all));
            }
        };
        let find = if follow { followed(path) } else { entry(path) };
        let path = find.map_err(at("find", path))?;
        self.apart(&path)?;
        Ok(Touched::Entries(vec![(path, depth)]))
    }

    /// Nothing of the journal itself, nor what it lies in; and nothing that is a file in name only.
    fn apart(&self, path: &Path) -> Result<()> {
        if KERNEL.iter().any(|kernel| path.starts_with(kernel)) {
            return Err(Irreversible::NotAFile {
                path: path.to_owned(),
                what: "the kernel's",
            }
            .into());
        }
        if path.starts_with(self.own) || self.own.starts_with(path) {
            return Err(Irreversible::OwnJournal {
                path: path.to_owned(),
            }
            .into());
        }
        Ok(())
    }

    /// The entries below and with `root`, children first, as they are removed.
    fn tree(&self, root: &Path, all: &mut Vec<(PathBuf, Depth)>) -> Result<()> {
        // A list instead of a recursion: a tree may be deeper than a stack.
        let mut found = vec![root.to_owned()];
        let mut next = 0;
        while let Some(path) = found.get(next).cloned() {
            next += 1;
            let directory = path
                .symlink_metadata()
                .is_ok_and(|found| found.file_type().is_dir());
            if !directory {
                continue;
            }
            for child in std::fs::read_dir(&path).map_err(at("list", &path))? {
                let child = child.map_err(at("list", &path))?;
                found.push(child.path());
                if found.len() > self.limits.tree_entries_max {
                    return Err(Irreversible::TooMany {
                        path: root.to_owned(),
                        max: self.limits.tree_entries_max,
                    }
                    .into());
                }
            }
        }
        all.extend(found.into_iter().rev().map(|path| (path, Depth::Name)));
        Ok(())
    }

    fn rename(&mut self, from: PathBuf, to: PathBuf) -> Result<Effect> {
        let read = |path: &Path| Meta::read(path).map_err(at("look at", path));
        let Some(moved) = read(&from)? else {
            // It will fail.
            return Ok(Effect::Entry {
                path: Name(from),
                pre: Pre::Absent,
                parent: None,
            });
        };
        let same = read(&to)?.is_some_and(|found| found.id == moved.id);
        if same {
            // Two names of one inode: nothing happens.
            return Ok(Effect::Entry {
                path: Name(from),
                pre: Pre::Present {
                    meta: moved,
                    kept: Kept::Nothing,
                },
                parent: None,
            });
        }
        let victim = self.pre(&to, Depth::Name)?;
        let parents = [parent(&from)?, parent(&to)?];
        Ok(Effect::Rename {
            from: Name(from),
            to: Name(to),
            moved: moved.id,
            victim,
            parents: parents.into_iter().flatten().collect(),
        })
    }

    fn pre(&mut self, path: &Path, depth: Depth) -> Result<Pre> {
        let Some(meta) = Meta::read(path).map_err(at("look at", path))? else {
            return Ok(Pre::Absent);
        };
        let kept = match (meta.kind, depth) {
            (_, Depth::Metadata) => Kept::Nothing,
            (Kind::Directory, Depth::Any) => {
                return Err(Irreversible::NotAFile {
                    path: path.to_owned(),
                    what: "a directory",
                }
                .into());
            }
            // Writing to a directory fails; removing one leaves nothing but its metadata to keep.
            (Kind::Directory, _) => Kept::Nothing,
            (Kind::Symlink, Depth::Name) => {
                let target = std::fs::read_link(path).map_err(at("read", path))?;
                let target = target.into_os_string();
                Kept::Target(Bytes(std::os::unix::ffi::OsStringExt::into_vec(target)))
            }
            // The end of a loop of links: nothing can be written there.
            (Kind::Symlink, _) => Kept::Nothing,
            (Kind::File, Depth::Name) => self.keep_inode(path, &meta)?,
            (Kind::File, depth) => self.keep_copy(path, &meta, depth)?,
            (_, Depth::Name) => self.keep_special(path, meta.kind)?,
            (kind, _) => {
                return Err(Irreversible::NotAFile {
                    path: path.to_owned(),
                    what: kind.name(),
                }
                .into());
            }
        };
        Ok(Pre::Present { meta, kept })
    }

    fn name(&mut self) -> String {
        self.next += 1;
        format!("{}-{}", self.prefix, self.next)
    }

    fn keep_inode(&mut self, path: &Path, meta: &Meta) -> Result<Kept> {
        let name = self.name();
        let Some(blobs) = self.blobs else {
            let own = Meta::read(self.own).ok().flatten();
            return if own.is_some_and(|own| own.id.device == meta.id.device) {
                Ok(Kept::Linked(name))
            } else {
                self.copyable(path, meta)
            };
        };
        if blobs.link(path, &name).map_err(at("keep", path))? {
            return Ok(Kept::Linked(name));
        }
        self.copyable(path, meta)?;
        blobs.copy(path, &name).map_err(|e| unreadable(path, &e))?;
        Ok(Kept::Copied(name))
    }

    /// Whether a copy can stand for a file whose name goes away.
    fn copyable(&self, path: &Path, meta: &Meta) -> Result<Kept> {
        if meta.links > 1 {
            return Err(Irreversible::HardLinks {
                path: path.to_owned(),
            }
            .into());
        }
        self.fits(path, meta)?;
        Ok(Kept::Copied(String::new()))
    }

    fn keep_special(&mut self, path: &Path, kind: Kind) -> Result<Kept> {
        let name = self.name();
        let linked = match self.blobs {
            None => true,
            Some(blobs) => blobs.link(path, &name).map_err(at("keep", path))?,
        };
        if linked {
            Ok(Kept::Linked(name))
        } else {
            Err(Irreversible::NotAFile {
                path: path.to_owned(),
                what: kind.name(),
            }
            .into())
        }
    }

    fn keep_copy(&mut self, path: &Path, meta: &Meta, depth: Depth) -> Result<Kept> {
        if depth == Depth::Prefix && meta.size > self.limits.file_bytes_max {
            return Ok(Kept::Prefix);
        }
        if depth == Depth::Any && meta.links > 1 {
            return Err(Irreversible::HardLinks {
                path: path.to_owned(),
            }
            .into());
        }
        self.fits(path, meta)?;
        let name = self.name();
        match self.blobs {
            // Whether it can be read is known without reading it all.
            None => std::fs::File::open(path).map(drop),
            Some(blobs) => blobs.copy(path, &name),
        }
        .map_err(|e| unreadable(path, &e))?;
        Ok(Kept::Copied(name))
    }

    fn fits(&self, path: &Path, meta: &Meta) -> Result<()> {
        let max = self.limits.file_bytes_max.min(self.limits.total_bytes_max);
        if meta.size > max {
            return Err(Irreversible::TooLarge {
                path: path.to_owned(),
                bytes: meta.size,
                max,
            }
            .into());
        }
        Ok(())
    }
}

fn unreadable(path: &Path, error: &io::Error) -> EffectError {
    Irreversible::Unreadable {
        path: path.to_owned(),
        why: error.to_string(),
    }
    .into()
}

/// The directory that `path` is an entry of, and its times.
fn parent(path: &Path) -> Result<Option<Parent>> {
    let Some(parent) = path.parent() else {
        return Ok(None);
    };
    match std::fs::symlink_metadata(parent) {
        Ok(found) => Ok(Some(Parent {
            path: Name(parent.to_owned()),
            times: Times::of(&found),
        })),
        Err(error) if will_fail(&error) => Ok(None),
        Err(error) => Err(at("look at", parent)(error)),
    }
}
