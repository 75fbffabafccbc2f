//! What a commit would change.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::base::DIGEST_BYTES_MAX;
use super::marks::{self, Names};
use super::{Result, Shadow};
use crate::files::state::{Kind, Meta};

/// How an entry changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words say it")]
pub enum Changed {
    Added,
    Changed,
    Removed,
}

/// One entry that a commit would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShadowChange {
    /// How.
    pub changed: Changed,
    /// Which.
    pub path: PathBuf,
    /// What it is then, or what is removed: `a file`, `a directory`, …
    pub kind: &'static str,
    /// Its size then, bytes.
    pub size: u64,
    /// Its permission bits then.
    pub mode: u32,
    /// What of it changes: `content`, `kind`, `mode`, `owner`, `times`, `attributes`.
    pub facets: Vec<&'static str>,
}

/// An entry of the shadow.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) path: PathBuf,
    /// Where it lies in the shadow.
    pub(crate) real: PathBuf,
    pub(crate) what: What,
    /// Whether the files below are in view in its directory.
    pub(crate) visible: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Whiteout,
    Directory { opaque: bool },
    Other,
}

impl Shadow {
    /// The entries of the shadow, directories before what is in them, sorted within each.
    pub(crate) fn steps(&self) -> Result<Vec<Step>> {
        let mut all = Vec::new();
        // Paths with what is known of the directory: whether the files below are in view in it.
        let mut next = vec![(PathBuf::from("/"), true)];
        while let Some((dir, visible)) = next.pop() {
            let mut names: Vec<OsString> = std::fs::read_dir(self.above(&dir))?
                .map(|entry| Ok(entry?.file_name()))
                .collect::<io::Result<_>>()?;
            names.sort();
            for name in names {
                let path = dir.join(name);
                let real = self.above(&path);
                let found = real.symlink_metadata()?;
                let what = if marks::is_whiteout(&found) {
                    What::Whiteout
                } else if found.is_dir() {
                    // One within a directory that hides what is below hides it as well.
                    let opaque = marks::is_opaque(&real) || !visible;
                    let below = path.symlink_metadata().is_ok_and(|below| below.is_dir());
                    next.push((path.clone(), visible && below && !opaque));
                    What::Directory { opaque }
                } else {
                    What::Other
                };
                all.push(Step {
                    path,
                    real,
                    what,
                    visible,
                });
            }
        }
        Ok(all)
    }

    /// What a commit would change, sorted by path. A directory that is removed stands for all in it.
    ///
    /// # Errors
    ///
    /// When something cannot be read.
    pub fn diff(&self) -> Result<Vec<ShadowChange>> {
        let _held = self.hold()?;
        let mut all = Vec::new();
        for step in self.steps()? {
            let below = below(&step.path)?;
            match (step.what, below) {
                (What::Whiteout, Some(found)) => all.push(removed(step.path, &found)),
                (What::Whiteout, None) => {}
                (_, None) => {
                    let found = step.real.symlink_metadata()?;
                    all.push(one(Changed::Added, step.path, &found, Vec::new()));
                }
                (what, Some(found)) => {
                    let facets = facets(&step.path, &step.real, &found)?;
                    let now = step.real.symlink_metadata()?;
                    let replaces = found.is_dir() && now.is_dir();
                    if what == (What::Directory { opaque: true }) && replaces {
                        self.uncovered(&step.path, |path, found| {
                            all.push(removed(path, found));
                        })?;
                    }
                    if !facets.is_empty() {
                        all.push(one(Changed::Changed, step.path, &now, facets));
                    }
                }
            }
        }
        all.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(all)
    }

    /// What lies below a directory of the shadow that hides it, and has no entry in the shadow.
    pub(crate) fn uncovered(
        &self,
        dir: &Path,
        mut each: impl FnMut(PathBuf, &Metadata),
    ) -> Result<()> {
        let kept: BTreeSet<OsString> = std::fs::read_dir(self.above(dir))?
            .map(|entry| Ok(entry?.file_name()))
            .collect::<io::Result<_>>()?;
        for entry in std::fs::read_dir(dir)? {
            let entry = entry?;
            if !kept.contains(&entry.file_name()) {
                each(entry.path(), &entry.path().symlink_metadata()?);
            }
        }
        Ok(())
    }
}

/// What stands at a path without the shadow, if no link leads there.
pub(crate) fn below(path: &Path) -> Result<Option<Metadata>> {
    let mut above = path.ancestors().skip(1);
    if above.any(|dir| !dir.symlink_metadata().is_ok_and(|found| found.is_dir())) {
        return Ok(None);
    }
    match path.symlink_metadata() {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn one(
    changed: Changed,
    path: PathBuf,
    found: &Metadata,
    facets: Vec<&'static str>,
) -> ShadowChange {
    use std::os::unix::fs::MetadataExt as _;
    ShadowChange {
        changed,
        path,
        kind: Kind::of(found).name(),
        size: if found.is_dir() { 0 } else { found.size() },
        mode: found.mode() & 0o7777,
        facets,
    }
}

fn removed(path: PathBuf, found: &Metadata) -> ShadowChange {
    one(Changed::Removed, path, found, Vec::new())
}

/// What of an entry differs in the shadow.
pub(crate) fn facets(path: &Path, real: &Path, found: &Metadata) -> Result<Vec<&'static str>> {
    let (Some(before), Some(now)) = (Meta::read(path)?, meta(real)?) else {
        return Ok(vec!["kind"]);
    };
    if before.kind != now.kind {
        return Ok(vec!["kind"]);
    }
    let mut facets = Vec::new();
    let differs = match now.kind {
        Kind::File => {
            before.size != now.size
                || if now.size > DIGEST_BYTES_MAX {
                    before.times.modified != now.times.modified
                } else {
                    !same_content(path, real)?
                }
        }
        Kind::Symlink => std::fs::read_link(path)? != std::fs::read_link(real)?,
        _ => false,
    };
    if differs {
        facets.push("content");
    }
    if before.mode != now.mode {
        facets.push("mode");
    }
    if (before.owner, before.group) != (now.owner, now.group) {
        facets.push("owner");
    }
    // The times of a directory are those of what is in it.
    if !found.is_dir() && before.times.modified != now.times.modified {
        facets.push("times");
    }
    if before.xattrs != now.xattrs {
        facets.push("attributes");
    }
    Ok(facets)
}

/// The metadata of an entry of the shadow, as they are to be.
pub(crate) fn meta(real: &Path) -> Result<Option<Meta>> {
    let Some(mut meta) = Meta::read(real)? else {
        return Ok(None);
    };
    meta.xattrs
        .retain(|(name, _)| !name.0.starts_with(marks::PREFIX));
    if !rustix::process::geteuid().is_root()
        && matches!(meta.kind, Kind::File | Kind::Directory)
        && let Some((user, group)) = marks::owner(real)
    {
        (meta.owner, meta.group) = (user, group);
    }
    Ok(Some(meta))
}

pub(crate) fn same_content(one: &Path, other: &Path) -> Result<bool> {
    let (mut one, mut other) = (File::open(one)?, File::open(other)?);
    let mut buffers = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    loop {
        let read = one.read(&mut buffers.0)?;
        let mut there = 0;
        while there < read {
            let more = other.read(&mut buffers.1[there..read])?;
            if more == 0 {
                return Ok(false);
            }
            there += more;
        }
        if read == 0 {
            return Ok(other.read(&mut buffers.1[..1])? == 0);
        }
        if buffers.0[..read] != buffers.1[..read] {
            return Ok(false);
        }
    }
}

impl Shadow {
    /// The files that stand for several names, with what they stand for.
    pub(crate) fn indexes(&self) -> Result<Vec<(PathBuf, Names)>> {
        let mut all = Vec::new();
        for entry in std::fs::read_dir(&self.index)? {
            let path = entry?.path();
            if let Some(names) = Names::read(&path) {
                all.push((path, names));
            }
        }
        Ok(all)
    }
}
