//! Renaming. What is moved is copied first, a directory with all that is in it: the kernel's overlay
//! without redirections would refuse it (`EXDEV`), which the files themselves do not.

use std::path::Path;

use rustix::fs::Access;
use rustix::io::Errno;

use super::copy::{loudly, quietly, writable};
use super::ops::reaches;
use super::view::{Follow, Found, Last, Place};
use super::{Held, Result, Shadow, marks};

impl Shadow {
    /// `rename`.
    ///
    /// # Errors
    ///
    /// As the system call, and where a tree is too large to be copied.
    pub fn rename(&self, old: &Path, new: &Path) -> Result<()> {
        let mut held = self.hold()?;
        let from = self.resolve(old, Follow::Never)?;
        let to = self.resolve(new, Follow::Never)?;
        for place in [&from, &to] {
            if !matches!(place.last, Last::Name(_)) {
                return Err(Errno::BUSY.into());
            }
        }
        if from.kernel || to.kernel {
            let kernels = if from.kernel { &from } else { &to };
            return Err(reaches(&kernels.path, "the kernel's"));
        }
        if self.device(&from.dir)? != self.device(&to.dir)? {
            return Err(Errno::XDEV.into());
        }
        let source = from.found.as_ref().ok_or(Errno::NOENT)?;
        let is_dir = source.shown.is_dir();
        if !is_dir && (from.slash || to.slash) {
            return Err(Errno::NOTDIR.into());
        }
        if is_dir && to.path != from.path && to.path.starts_with(&from.path) {
            return Err(Errno::INVAL.into());
        }
        if to.path != from.path && from.path.starts_with(&to.path) {
            return Err(Errno::NOTEMPTY.into());
        }
        if to.path == from.path {
            return Ok(());
        }
        if let Some(target) = &to.found
            && (target.shown.dev, target.shown.ino) == (source.shown.dev, source.shown.ino)
        {
            // Two names of one file are left as they are.
            return Ok(());
        }
        self.may_remove(&from, source)?;
        match &to.found {
            None => {
                self.reachable(&to.path)?;
                self.may_write(&to.dir)?;
            }
            Some(target) => {
                self.may_remove(&to, target)?;
                match (is_dir, target.shown.is_dir()) {
                    (true, false) => return Err(Errno::NOTDIR.into()),
                    (false, true) => return Err(Errno::ISDIR.into()),
                    _ => {}
                }
            }
        }
        if is_dir && from.dir.path != to.dir.path {
            // Its `..` is written.
            self.may(source, Access::WRITE_OK)?;
        }
        if is_dir && to.found.is_some() && !self.names(&to.directory()?)?.is_empty() {
            return Err(Errno::NOTEMPTY.into());
        }
        self.moved(&mut held, &from, &to, source)
    }

    fn moved(&self, held: &mut Held<'_>, from: &Place, to: &Place, source: &Found) -> Result<()> {
        let is_dir = source.shown.is_dir();
        self.note(held, &from.dir, &from.path)?;
        self.note(held, &to.dir, &to.path)?;
        self.tree_up(held, &from.dir, &from.path)?;
        match &to.found {
            Some(target) if target.shown.is_dir() => self.take_directory(held, to)?,
            Some(target) => self.take_name(held, to, target)?,
            None => {}
        }
        let out_of = self.dir_up(held, &from.dir)?;
        let into = self.dir_up(held, &to.dir)?;
        let (real, there) = (self.above(&from.path), self.above(&to.path));
        if is_dir {
            // What lies below its new name is not its.
            writable(&real, |real| Ok(marks::set_opaque(real)?))?;
            let hidden = there
                .symlink_metadata()
                .is_ok_and(|found| marks::is_whiteout(&found));
            if hidden {
                quietly(&into, |_| std::fs::remove_file(&there))?;
            }
        }
        let below = from.dir.lower && from.path.symlink_metadata().is_ok();
        loudly(&into, |_| {
            loudly(&out_of, |_| {
                std::fs::rename(&real, &there)?;
                if below {
                    marks::whiteout(&real)?;
                }
                Ok(())
            })
            .map_err(|error| match error {
                super::ShadowError::System(errno) => errno.into(),
                refused => std::io::Error::other(refused.to_string()),
            })
        })
    }
}
