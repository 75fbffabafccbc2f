//! The files of a log directory, as the verifier in the core reads them.

use super::vfs::{Disk, Vfs};
use interlock_core::audit::verify::Source;
use std::path::Path;
use std::sync::Arc;

/// A log directory, `<data>/log`.
#[derive(Debug, Clone)]
pub struct DirSource {
    vfs: Arc<dyn Vfs>,
    prefix: &'static str,
}

impl DirSource {
    /// The log directory `dir`.
    #[must_use]
    pub fn new(dir: &Path) -> Self {
        Self {
            vfs: Arc::new(Disk::new(dir)),
            prefix: "",
        }
    }

    /// The log directory below a data directory on another file system.
    #[must_use]
    pub fn below(vfs: Arc<dyn Vfs>) -> Self {
        Self {
            vfs,
            prefix: "log/",
        }
    }
}

impl Source for DirSource {
    fn list(&self, dir: &str) -> Vec<String> {
        let path = format!("{}{dir}", self.prefix);
        self.vfs.list(&path).unwrap_or_default()
    }

    fn read(&self, path: &str) -> Option<Vec<u8>> {
        self.vfs.read(&format!("{}{path}", self.prefix)).ok()
    }
}
