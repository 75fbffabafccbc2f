//! The shadow tree of a sandbox.

use std::ffi::OsString;
use std::os::fd::IntoRawFd;
use std::path::{Path, PathBuf};

use interlock_effects::{Changed, Conflict, Shadow, ShadowError, ShadowLimits, Shown};
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::error::raise;

/// Files as an agent in a sandbox sees them. Methods are named like the functions of `os`.
#[pyclass(frozen, name = "Shadow", module = "interlock._core")]
#[derive(Debug)]
pub(crate) struct PyShadow(Shadow);

/// A failure as `os` raises it; what is refused is a `SandboxError`.
fn failed(py: Python<'_>, path: &Path, error: ShadowError) -> PyErr {
    match error {
        ShadowError::System(errno) => {
            let errno = errno.raw_os_error();
            let said = py
                .import("os")
                .and_then(|os| os.call_method1("strerror", (errno,)))
                .map(Bound::unbind);
            match said {
                Ok(said) => PyOSError::new_err((errno, said, path.as_os_str().to_owned())),
                Err(error) => error,
            }
        }
        refused => raise(py, "SandboxError", refused.to_string(), "sandbox.refused"),
    }
}

/// Mode, inode, device, links, user, group, size, seconds of access, change and creation of the inode,
/// their nanoseconds, block size, blocks, device number.
type Stat = (
    (u32, u64, u64, u64, u32, u32, u64, i64, i64, i64),
    (i64, i64, i64),
    (u64, u64, u64),
);

/// How it changes, where, what it is, its size and mode, and what of it changes.
type Change = (
    &'static str,
    OsString,
    &'static str,
    u64,
    u32,
    Vec<&'static str>,
);

fn stat(found: &Shown) -> Stat {
    (
        (
            found.mode,
            found.ino,
            found.dev,
            found.nlink,
            found.uid,
            found.gid,
            found.size,
            found.atime.0,
            found.mtime.0,
            found.ctime.0,
        ),
        (found.atime.1, found.mtime.1, found.ctime.1),
        (found.blksize, found.blocks, found.rdev),
    )
}

fn against(conflicts: Vec<Conflict>) -> Vec<(OsString, String)> {
    conflicts
        .into_iter()
        .map(|conflict| (conflict.path.into_os_string(), conflict.why))
        .collect()
}

impl PyShadow {
    fn run<T: Send>(
        &self,
        py: Python<'_>,
        path: &Path,
        act: impl FnOnce(&Shadow) -> Result<T, ShadowError> + Send,
    ) -> PyResult<T> {
        py.detach(|| act(&self.0))
            .map_err(|error| failed(py, path, error))
    }
}

#[pymethods]
impl PyShadow {
    #[new]
    #[pyo3(signature = (path, forbidden, *, bytes_max=None, entries_max=None, sync=true))]
    fn new(
        py: Python<'_>,
        path: PathBuf,
        forbidden: Vec<PathBuf>,
        bytes_max: Option<u64>,
        entries_max: Option<u64>,
        sync: bool,
    ) -> PyResult<Self> {
        let usual = ShadowLimits::default();
        let limits = ShadowLimits {
            bytes_max: bytes_max.unwrap_or(usual.bytes_max),
            entries_max: entries_max.unwrap_or(usual.entries_max),
            sync,
        };
        py.detach(|| Shadow::open(&path, &forbidden, limits))
            .map(Self)
            .map_err(|error| failed(py, &path, error))
    }

    /// Where what is changed lies.
    #[getter]
    fn upper(&self) -> OsString {
        self.0.upper().as_os_str().to_owned()
    }

    /// The path for which a real one stands.
    fn logical(&self, path: PathBuf) -> OsString {
        self.0.logical(&path).into_os_string()
    }

    /// A descriptor, which is not inherited.
    fn open(&self, py: Python<'_>, path: PathBuf, flags: i32, mode: u32) -> PyResult<i32> {
        self.run(py, &path, |shadow| {
            shadow
                .open_file(&path, flags, mode)
                .map(IntoRawFd::into_raw_fd)
        })
    }

    fn stat(&self, py: Python<'_>, path: PathBuf, follow: bool) -> PyResult<Stat> {
        self.run(py, &path, |shadow| shadow.stat(&path, follow))
            .map(|found| stat(&found))
    }

    fn access(
        &self,
        py: Python<'_>,
        path: PathBuf,
        want: u32,
        effective: bool,
        follow: bool,
    ) -> PyResult<()> {
        self.run(py, &path, |shadow| {
            shadow.access(&path, want, effective, follow)
        })
    }

    /// Names with what stands there.
    fn list(&self, py: Python<'_>, path: PathBuf) -> PyResult<Vec<(OsString, Stat)>> {
        let entries = self.run(py, &path, |shadow| shadow.list(&path))?;
        Ok(entries
            .into_iter()
            .map(|entry| (entry.name, stat(&entry.shown)))
            .collect())
    }

    fn readlink(&self, py: Python<'_>, path: PathBuf) -> PyResult<OsString> {
        self.run(py, &path, |shadow| shadow.read_link(&path))
            .map(PathBuf::into_os_string)
    }

    /// Its absolute path, and a real one to stand in.
    fn directory(&self, py: Python<'_>, path: PathBuf) -> PyResult<(OsString, OsString)> {
        let (path, real) = self.run(py, &path, |shadow| shadow.directory(&path))?;
        Ok((path.into_os_string(), real.into_os_string()))
    }

    /// A real path of what stands there, to be read.
    fn real(&self, py: Python<'_>, path: PathBuf, follow: bool) -> PyResult<OsString> {
        self.run(py, &path, |shadow| shadow.real(&path, follow))
            .map(PathBuf::into_os_string)
    }

    /// Whether it is as it is without the shadow.
    fn is_untouched(&self, py: Python<'_>, path: PathBuf) -> bool {
        py.detach(|| self.0.is_untouched(&path))
    }

    fn getxattr<'py>(
        &self,
        py: Python<'py>,
        path: PathBuf,
        name: OsString,
        follow: bool,
    ) -> PyResult<Bound<'py, PyBytes>> {
        self.run(py, &path, |shadow| shadow.get_xattr(&path, &name, follow))
            .map(|value| PyBytes::new(py, &value))
    }

    fn listxattr(&self, py: Python<'_>, path: PathBuf, follow: bool) -> PyResult<Vec<OsString>> {
        self.run(py, &path, |shadow| shadow.list_xattrs(&path, follow))
    }

    fn mkdir(&self, py: Python<'_>, path: PathBuf, mode: u32) -> PyResult<()> {
        self.run(py, &path, |shadow| shadow.mkdir(&path, mode))
    }

    fn symlink(&self, py: Python<'_>, target: PathBuf, path: PathBuf) -> PyResult<()> {
        self.run(py, &path, |shadow| shadow.symlink(&target, &path))
    }

    fn mknod(&self, py: Python<'_>, path: PathBuf, mode: u32) -> PyResult<()> {
        self.run(py, &path, |shadow| shadow.mknod(&path, mode))
    }

    fn link(&self, py: Python<'_>, old: PathBuf, new: PathBuf) -> PyResult<()> {
        self.run(py, &old, |shadow| shadow.link(&old, &new))
    }

    fn unlink(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        self.run(py, &path, |shadow| shadow.unlink(&path))
    }

    fn rmdir(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        self.run(py, &path, |shadow| shadow.rmdir(&path))
    }

    fn rename(&self, py: Python<'_>, old: PathBuf, new: PathBuf) -> PyResult<()> {
        self.run(py, &old, |shadow| shadow.rename(&old, &new))
    }

    fn truncate(&self, py: Python<'_>, path: PathBuf, length: u64) -> PyResult<()> {
        self.run(py, &path, |shadow| shadow.truncate(&path, length))
    }

    fn chmod(&self, py: Python<'_>, path: PathBuf, mode: u32, follow: bool) -> PyResult<()> {
        self.run(py, &path, |shadow| shadow.chmod(&path, mode, follow))
    }

    fn chown(
        &self,
        py: Python<'_>,
        path: PathBuf,
        user: Option<u32>,
        group: Option<u32>,
        follow: bool,
    ) -> PyResult<()> {
        self.run(py, &path, |shadow| shadow.chown(&path, user, group, follow))
    }

    /// Access and modification, seconds and nanoseconds; `None`: now.
    fn utime(
        &self,
        py: Python<'_>,
        path: PathBuf,
        times: Option<((i64, i64), (i64, i64))>,
        follow: bool,
    ) -> PyResult<()> {
        let times = times.map(|(accessed, modified)| [accessed, modified]);
        self.run(py, &path, |shadow| shadow.set_times(&path, times, follow))
    }

    fn setxattr(
        &self,
        py: Python<'_>,
        path: PathBuf,
        name: OsString,
        value: &[u8],
        flags: u32,
        follow: bool,
    ) -> PyResult<()> {
        self.run(py, &path, |shadow| {
            shadow.set_xattr(&path, &name, value, flags, follow)
        })
    }

    fn removexattr(
        &self,
        py: Python<'_>,
        path: PathBuf,
        name: OsString,
        follow: bool,
    ) -> PyResult<()> {
        self.run(py, &path, |shadow| {
            shadow.remove_xattr(&path, &name, follow)
        })
    }

    /// What a commit would change: how, where, what, its size and mode, and what of it.
    fn diff(&self, py: Python<'_>) -> PyResult<Vec<Change>> {
        let changes = self.run(py, Path::new("/"), Shadow::diff)?;
        Ok(changes
            .into_iter()
            .map(|change| {
                let how = match change.changed {
                    Changed::Added => "added",
                    Changed::Changed => "changed",
                    Changed::Removed => "removed",
                };
                let kind = change.kind.trim_start_matches("a ");
                let path = change.path.into_os_string();
                (how, path, kind, change.size, change.mode, change.facets)
            })
            .collect())
    }

    /// What stands against a commit.
    fn conflicts(&self, py: Python<'_>) -> PyResult<Vec<(OsString, String)>> {
        self.run(py, Path::new("/"), Shadow::conflicts).map(against)
    }

    /// Commits; what stands against it, and then nothing was done.
    fn commit(&self, py: Python<'_>) -> PyResult<Vec<(OsString, String)>> {
        self.run(py, Path::new("/"), Shadow::commit).map(against)
    }

    /// Completes a commit that was cut off; whether there was one.
    fn resume(&self, py: Python<'_>) -> PyResult<bool> {
        self.run(py, Path::new("/"), Shadow::resume)
    }

    /// Notes what a child process in an overlay changed that began at that time.
    fn adopt(&self, py: Python<'_>, seconds: i64, nanoseconds: i64) -> PyResult<()> {
        self.run(py, Path::new("/"), |shadow| {
            shadow.adopt((seconds, nanoseconds))
        })
    }
}
