//! How far a sink has come: a small file for each, replaced as a whole.

use std::fs::{self, File};
use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use interlock_store::journal::{Entry, Journal, Position};
use serde::{Deserialize, Serialize};

use crate::api::check::hex;

/// The form of the file.
const VERSION: u32 = 1;

/// Up to where everything was taken.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Mark {
    version: u32,
    /// Where the next entry begins.
    segment: u64,
    offset: u64,
    /// How many entries are before it, of all logs.
    pub(super) entries: u64,
    /// Events that the receiver took since the sink began.
    pub(super) delivered: u64,
    /// Events that it will never take.
    pub(super) rejected: u64,
    /// The last entry before it, by which the journal is known again.
    last: Option<Last>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Last {
    segment: u64,
    offset: u64,
    seq: u64,
    leaf: String,
}

impl Mark {
    /// Before the first entry.
    pub(super) fn start() -> Self {
        Self {
            version: VERSION,
            ..Self::default()
        }
    }

    /// After the last entry that there is.
    pub(super) fn end(journal: &Journal) -> Self {
        // The count first: an entry that comes between is counted as waiting, never as passed.
        let entries = journal.entries();
        let end = journal.end();
        Self {
            segment: end.segment,
            offset: end.offset,
            entries,
            ..Self::start()
        }
    }

    pub(super) fn next(&self) -> Position {
        Position {
            segment: self.segment,
            offset: self.offset,
        }
    }

    /// Moves behind `count` entries, of which `last` is the last.
    pub(super) fn advance(&mut self, next: Position, count: u64, last: &Entry) {
        self.segment = next.segment;
        self.offset = next.offset;
        self.entries += count;
        self.last = Some(Last {
            segment: last.position.segment,
            offset: last.position.offset,
            seq: last.seq,
            leaf: hex(&last.leaf),
        });
    }

    /// Whether it is a mark in this journal, rather than in one that this was put in the place of.
    pub(super) fn fits(&self, journal: &Journal) -> bool {
        if self.version != VERSION || self.next() > journal.end() {
            return false;
        }
        let Some(last) = &self.last else {
            return true;
        };
        let at = Position {
            segment: last.segment,
            offset: last.offset,
        };
        let mut fits = false;
        let read = journal.for_each(at, &mut |_, entry| {
            fits = entry.position == at && entry.seq == last.seq && hex(&entry.leaf) == last.leaf;
            ControlFlow::Break(())
        });
        read.is_ok() && fits
    }
}

/// Where a sink's mark is kept.
#[derive(Debug)]
pub(super) struct MarkFile {
    path: PathBuf,
    directory: PathBuf,
}

impl MarkFile {
    pub(super) fn new(directory: &Path, sink: &str) -> Self {
        Self {
            path: directory.join(format!("{sink}.json")),
            directory: directory.to_owned(),
        }
    }

    /// The mark; none where the sink is new. A file that cannot be understood is an error: to begin
    /// anew because of it would be a decision, and is the operator's.
    pub(super) fn load(&self) -> Result<Option<Mark>, String> {
        let wrong = |e: &dyn std::fmt::Display| format!("`{}`: {e}", self.path.display());
        match fs::read(&self.path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|e| wrong(&e)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(wrong(&e)),
        }
    }

    pub(super) fn store(&self, mark: &Mark) -> Result<(), String> {
        let write = || -> std::io::Result<()> {
            let new = self.path.with_extension("new");
            let mut file = File::create(&new)?;
            file.write_all(&serde_json::to_vec(mark)?)?;
            file.sync_data()?;
            fs::rename(&new, &self.path)?;
            File::open(&self.directory)?.sync_all()
        };
        write().map_err(|e| format!("cannot keep `{}`: {e}", self.path.display()))
    }
}
