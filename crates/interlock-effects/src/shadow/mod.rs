//! A shadow tree: what is done to files through it is seen through it, and the files stay as they are.
//!
//! The shadow has the format of an upper directory of the kernel's overlay file system (kernel
//! documentation, `filesystems/overlayfs.rst`, mounted with `userxattr`), so that the two can be used
//! in turn: every changed entry stands below `upper` at its absolute path, a removed one is a character
//! device 0:0, and a directory with the attribute `user.overlay.opaque` hides what it covers. Files that
//! had several names are kept once, in `index`, for every name; a symbolic link that had several becomes one
//! for each when it is changed.
//!
//! Paths are resolved here, component by component, over what the shadow and the files below it have
//! together. What happens in `/proc`, `/sys` and `/dev` is the kernel's, and only read.

mod base;
mod commit;
mod copy;
mod diff;
mod errors;
mod marks;
mod open;
mod ops;
mod rename;
mod view;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{FlockOperation, Mode, chmod, fcntl_lock};
use rustix::io::Errno;

pub use commit::Conflict;
pub use diff::{Changed, ShadowChange};
pub use errors::{Refused, ShadowError};
pub use ops::{Entry, Times};
pub use view::Shown;

use base::Bases;

/// Bounds of a shadow tree, and how durable its commit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShadowLimits {
    /// Bytes in the shadow: copies of what is changed, and what is written.
    pub bytes_max: u64,
    /// Entries in the shadow.
    pub entries_max: u64,
    /// Whether a commit is on disk, not only written, before it counts as done.
    pub sync: bool,
}

impl Default for ShadowLimits {
    fn default() -> Self {
        Self {
            bytes_max: 2 << 30,
            entries_max: 200_000,
            sync: true,
        }
    }
}

type Result<T> = std::result::Result<T, ShadowError>;

/// A shadow of all files that this process can reach. Any number of forked processes share it.
#[derive(Debug)]
pub struct Shadow {
    dir: PathBuf,
    upper: PathBuf,
    work: PathBuf,
    index: PathBuf,
    /// Nothing of this is read or changed through the shadow.
    forbidden: Vec<PathBuf>,
    limits: ShadowLimits,
    state: Mutex<State>,
}

/// What changes with each operation.
#[derive(Debug)]
pub(crate) struct State {
    lock: File,
    bases: Bases,
    entries: u64,
    bytes: u64,
    /// Openings for writing until the bytes are counted again.
    until_count: u64,
    /// The number of the next temporary name.
    next: u64,
}

/// Holds off other threads and processes.
pub(crate) struct Held<'a>(MutexGuard<'a, State>);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // What fails here fails again, and is told, at the next lock.
        let _ = fcntl_lock(&self.0.lock, FlockOperation::Unlock);
    }
}

impl std::ops::Deref for Held<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        &self.0
    }
}

impl std::ops::DerefMut for Held<'_> {
    fn deref_mut(&mut self) -> &mut State {
        &mut self.0
    }
}

impl Shadow {
    /// The shadow in `dir`, which is made if it does not exist. What lies in `forbidden` is out of
    /// reach, as is `dir` itself.
    ///
    /// # Errors
    ///
    /// When `dir` cannot be written, or its file system has no user attributes or no whiteouts.
    pub fn open(dir: &Path, forbidden: &[PathBuf], limits: ShadowLimits) -> Result<Self> {
        std::fs::create_dir_all(dir)?;
        chmod(dir, Mode::RWXU)?;
        let dir = dir.canonicalize()?;
        let [upper, work, index] = ["upper", "work", "index"].map(|name| dir.join(name));
        for part in [&upper, &work, &index] {
            std::fs::create_dir_all(part)?;
            chmod(part, Mode::RWXU)?;
        }
        probe(&work)?;
        let mut forbidden: Vec<PathBuf> = forbidden
            .iter()
            .map(|path| path.canonicalize().unwrap_or_else(|_| path.clone()))
            .collect();
        forbidden.push(dir.clone());
        let lock = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(dir.join("SHADOW"))?;
        let state = State {
            lock,
            bases: Bases::open(&dir.join("bases"))?,
            entries: 0,
            bytes: 0,
            until_count: 0,
            next: 0,
        };
        Ok(Self {
            dir,
            upper,
            work,
            index,
            forbidden,
            limits,
            state: Mutex::new(state),
        })
    }

    /// Where what is changed lies: an upper directory of an overlay over `/`.
    #[must_use]
    pub fn upper(&self) -> &Path {
        &self.upper
    }

    /// The path for which a real one stands: one below [`Shadow::upper`] has one, another is its own.
    #[must_use]
    pub fn logical(&self, real: &Path) -> PathBuf {
        match real.strip_prefix(&self.upper) {
            Ok(below) => Path::new("/").join(below),
            Err(_) => real.to_owned(),
        }
    }

    fn hold(&self) -> Result<Held<'_>> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match fcntl_lock(&state.lock, FlockOperation::LockExclusive) {
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
                Ok(()) => return Ok(Held(state)),
            }
        }
    }

    /// Refuses what would take more entries or bytes than there may be.
    fn room(&self, state: &mut State, path: &Path, bytes: u64) -> Result<()> {
        state.entries += 1;
        state.bytes = state.bytes.saturating_add(bytes);
        if state.entries > self.limits.entries_max || state.bytes > self.limits.bytes_max {
            // Entries that came and went again count no more.
            self.count(state)?;
            state.bytes = state.bytes.saturating_add(bytes);
        }
        let (what, max) = if state.entries > self.limits.entries_max {
            ("entries", self.limits.entries_max)
        } else if state.bytes > self.limits.bytes_max {
            ("bytes", self.limits.bytes_max)
        } else {
            return Ok(());
        };
        Err(Refused::Full {
            path: path.to_owned(),
            what,
            max,
        }
        .into())
    }

    /// Counts again what is written through open files, from time to time.
    fn written(&self, state: &mut State, path: &Path) -> Result<()> {
        if state.until_count == 0 {
            self.count(state)?;
            state.until_count = 64.max(state.entries / 4);
        }
        state.until_count -= 1;
        if state.bytes > self.limits.bytes_max {
            return Err(Refused::Full {
                path: path.to_owned(),
                what: "bytes",
                max: self.limits.bytes_max,
            }
            .into());
        }
        Ok(())
    }

    fn count(&self, state: &mut State) -> Result<()> {
        use std::os::unix::fs::MetadataExt as _;
        (state.entries, state.bytes) = (0, 0);
        let mut next = vec![self.upper.clone()];
        while let Some(dir) = next.pop() {
            let Ok(listed) = std::fs::read_dir(&dir) else {
                continue;
            };
            for entry in listed {
                let entry = entry?;
                let Ok(found) = entry.path().symlink_metadata() else {
                    continue;
                };
                state.entries += 1;
                // Holes take no room.
                state.bytes = state.bytes.saturating_add(found.blocks() * 512);
                if found.is_dir() {
                    next.push(entry.path());
                }
            }
        }
        Ok(())
    }

    /// A name below `work` that nothing has.
    fn temporary(&self, state: &mut State) -> PathBuf {
        state.next += 1;
        self.work
            .join(format!("{}-{}", std::process::id(), state.next))
    }
}

/// Whether a directory can hold a shadow.
fn probe(work: &Path) -> Result<()> {
    let at = work.join(format!("probe-{}", std::process::id()));
    let _ = std::fs::remove_file(&at);
    let unfit = |what, source: Errno| {
        ShadowError::from(Refused::Unfit {
            path: work.to_owned(),
            what,
            why: io::Error::from(source).to_string(),
        })
    };
    marks::whiteout(&at).map_err(|e| unfit("whiteouts", e))?;
    std::fs::remove_file(&at)?;
    marks::set_opaque(work).map_err(|e| unfit("user attributes", e))
}
