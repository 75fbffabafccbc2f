//! What the shadow is based on: for each path that it changes, what stood there when it was changed.
//! Lines of JSON, only ever appended; the first of a path holds.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Refused, Result};
use crate::files::state::Fingerprint;
use crate::record::Name;

/// Bytes of a file that are read to know it again; a larger one is known by its times.
pub(crate) const DIGEST_BYTES_MAX: u64 = 64 << 20;

#[derive(Debug, Serialize, Deserialize)]
struct Line {
    path: Name,
    base: Base,
}

/// What stood at a path.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Base {
    Known(Fingerprint),
    /// It was changed while a child process may have copied it: nobody knows which content it has.
    Unknown,
}

impl Base {
    /// How what stands at `at` differs; `None` when it is the same.
    pub(crate) fn differs(&self, at: &Path) -> std::io::Result<Option<String>> {
        match self {
            Self::Known(fingerprint) => fingerprint.differs(at, DIGEST_BYTES_MAX),
            Self::Unknown => Ok(Some("it changed while it was copied".to_owned())),
        }
    }

    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Self::Known(Fingerprint::Absent))
    }
}

/// The list.
#[derive(Debug)]
pub(crate) struct Bases {
    file: File,
    path: PathBuf,
    known: BTreeMap<PathBuf, Base>,
    /// Bytes that were read.
    read: u64,
}

impl Bases {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = File::options()
            .read(true)
            .append(true)
            .create(true)
            .open(path)?;
        let mut bases = Self {
            file,
            path: path.to_owned(),
            known: BTreeMap::new(),
            read: 0,
        };
        bases.refresh()?;
        Ok(bases)
    }

    /// Reads what other processes added. A last line that a crash cut off is dropped: what it would
    /// have allowed was not done.
    pub(crate) fn refresh(&mut self) -> Result<()> {
        let mut text = Vec::new();
        use std::io::Seek as _;
        self.file.seek(std::io::SeekFrom::Start(self.read))?;
        self.file.read_to_end(&mut text)?;
        let whole = text
            .iter()
            .rposition(|b| *b == b'\n')
            .map_or(0, |at| at + 1);
        for line in text[..whole].split(|b| *b == b'\n') {
            if line.is_empty() {
                continue;
            }
            let line: Line = serde_json::from_slice(line).map_err(|error| Refused::Damaged {
                path: self.path.clone(),
                why: error.to_string(),
            })?;
            self.known.entry(line.path.0).or_insert(line.base);
        }
        self.read += whole as u64;
        if whole < text.len() {
            self.file.set_len(self.read)?;
        }
        Ok(())
    }

    /// Whether the base of a path is known.
    pub(crate) fn has(&self, path: &Path) -> bool {
        self.known.contains_key(path)
    }

    /// Notes what stands at a path, unless it was noted before.
    pub(crate) fn note(&mut self, path: &Path) -> Result<()> {
        if self.has(path) {
            return Ok(());
        }
        let base = Base::Known(Fingerprint::read(path, DIGEST_BYTES_MAX)?);
        self.add(path, base)
    }

    pub(crate) fn add(&mut self, path: &Path, base: Base) -> Result<()> {
        if self.has(path) {
            return Ok(());
        }
        let line = Line {
            path: Name(path.to_owned()),
            base,
        };
        let mut text = serde_json::to_vec(&line).map_err(std::io::Error::other)?;
        text.push(b'\n');
        // Others' lines must not be taken for read.
        self.refresh()?;
        self.file.write_all(&text)?;
        self.read += text.len() as u64;
        self.known.entry(line.path.0).or_insert(line.base);
        Ok(())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&PathBuf, &Base)> {
        self.known.iter()
    }

    pub(crate) fn sync(&self) -> Result<()> {
        Ok(self.file.sync_data()?)
    }
}
