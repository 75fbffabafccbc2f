//! Opening: what is written is copied first, and what leads to somebody else is refused.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{Access, CWD, Mode, OFlags, openat};
use rustix::io::Errno;

use super::ops::reaches;
use super::view::{Follow, Place};
use super::{Result, Shadow};

/// Numbers of devices whose content is nobody's: `/dev/null`, `zero`, `full`, `random`, `urandom`.
const MEMORY: [u32; 5] = [3, 5, 7, 8, 9];

impl Shadow {
    /// `open`: `flags` and `mode` as there. The file is closed when a program is executed.
    ///
    /// # Errors
    ///
    /// As the system call, and where writing would reach somebody outside of the shadow.
    pub fn open_file(&self, path: &Path, flags: i32, mode: u32) -> Result<OwnedFd> {
        let flags = OFlags::from_bits_retain(flags.cast_unsigned()) | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(mode & 0o7777);
        if flags.contains(OFlags::PATH) {
            // The other flags do not count.
            let follow = Follow::when(!flags.contains(OFlags::NOFOLLOW));
            let place = self.resolve(path, follow)?;
            self.reachable(&place.path)?;
            return Ok(openat(CWD, &place.found()?.real, flags, mode)?);
        }
        let (create, exclusive) = (
            flags.contains(OFlags::CREATE),
            flags.contains(OFlags::CREATE | OFlags::EXCL),
        );
        let write = flags.intersects(OFlags::WRONLY | OFlags::RDWR | OFlags::TRUNC);
        let follow = Follow::when(!(flags.contains(OFlags::NOFOLLOW) || exclusive));
        if !write && !create {
            let place = self.resolve(path, follow)?;
            return self.open_to_read(&place, flags);
        }
        let mut held = self.hold()?;
        let follow = if create {
            Follow::Create {
                follow: follow == Follow::Always,
            }
        } else {
            follow
        };
        let place = self.resolve(path, follow)?;
        self.reachable(&place.path)?;
        if flags.contains(OFlags::TMPFILE) {
            let dir = place.directory()?;
            self.may_write(&dir)?;
            let into = self.dir_up(&mut held, &dir)?;
            self.written(&mut held, &place.path)?;
            return Ok(openat(CWD, &into, flags, mode)?);
        }
        if place.kernel {
            return open_of_kernel(&place, flags, write);
        }
        let Some(found) = &place.found else {
            if !create {
                return Err(Errno::NOENT.into());
            }
            self.written(&mut held, &place.path)?;
            return self.make(&mut held, &place, |real| {
                Ok(openat(CWD, real, flags | OFlags::EXCL, mode)?)
            });
        };
        if exclusive {
            return Err(Errno::EXIST.into());
        }
        if found.shown.is_dir() {
            return Err(Errno::ISDIR.into());
        }
        if place.slash || flags.contains(OFlags::DIRECTORY) {
            return Err(Errno::NOTDIR.into());
        }
        if found.shown.is_symlink() {
            return Err(Errno::LOOP.into());
        }
        if !write {
            drop(held);
            return self.open_to_read(&place, flags - OFlags::CREATE);
        }
        if !found.shown.is_file() && !found.upper {
            return Err(reaches(&place.path, "a way to another process"));
        }
        let mut want = Access::WRITE_OK;
        want.set(Access::READ_OK, flags.contains(OFlags::RDWR));
        self.may(found, want)?;
        self.written(&mut held, &place.path)?;
        let keep = !flags.contains(OFlags::TRUNC);
        let real = self.copy_up(&mut held, &place.dir, &place.path, found, keep)?;
        Ok(openat(CWD, &real, flags - OFlags::CREATE, mode)?)
    }

    fn open_to_read(&self, place: &Place, flags: OFlags) -> Result<OwnedFd> {
        self.reachable(&place.path)?;
        let found = place.found()?;
        if found.shown.is_symlink() && !place.kernel {
            return Err(Errno::LOOP.into());
        }
        let pipe = found.shown.mode & 0o170_000 == 0o010_000;
        if pipe && !found.upper && !place.kernel {
            return Err(reaches(&place.path, "a pipe to another process"));
        }
        Ok(openat(CWD, &found.real, flags, Mode::empty())?)
    }
}

fn open_of_kernel(place: &Place, flags: OFlags, write: bool) -> Result<OwnedFd> {
    let found = place.found()?;
    let flags = flags - OFlags::CREATE;
    let open = || Ok(openat(CWD, &found.real, flags, Mode::empty())?);
    if !write {
        return open();
    }
    let number = found.shown.rdev;
    let (major, minor) = (rustix::fs::major(number), rustix::fs::minor(number));
    let harmless = match found.shown.mode & 0o170_000 {
        // Memory devices; terminals and the multiplexer of terminals.
        0o020_000 => major == 1 && MEMORY.contains(&minor) || matches!(major, 4 | 5 | 136..=143),
        // A pipe or socket that this process has open.
        0o010_000 | 0o140_000 => true,
        _ => false,
    };
    if harmless {
        open()
    } else {
        Err(reaches(&place.path, "the kernel's"))
    }
}
