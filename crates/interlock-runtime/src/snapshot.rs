//! The state snapshot: what the fold of the journal gives before a position, so that a start folds
//! the tail alone.
//!
//! It is made from the journal, never from the state of the running process: decisions charge the
//! state before their record is written, so that no moment of a running process is the fold of any
//! position. A thread loads the last snapshot, folds what came since into that copy, makes the
//! journal durable up to there, writes the copy and drops it. That costs it the memory of a second
//! state for as long, and takes no lock that a decision waits for.
//!
//! ```text
//! "ILCKSTAT"  format u32  journal's id, counted
//! entries u64
//! the last of them: segment u64, offset u64, tenant counted, seq u64, leaf 32, link 32
//! parts u64, each counted; SHA-256 of everything before it
//! ```
//!
//! The hash finds damage; it is not a signature. Who can write the data directory is trusted with
//! the state as with the keys beside it. A snapshot that is damaged, of another format or of
//! another journal is refused with a warning, and the whole journal is folded: it is the truth, the
//! snapshot saves time.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Read as _, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use interlock_store::journal::{Journal, JournalError, NODE_LOG, Position};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::bytes::{Reader, put_text, put_u64};
use crate::fold::{Folded, Folding, Last};

const MAGIC: &[u8; 8] = b"ILCKSTAT";
/// The form of the file, and of what the fold makes of an entry: a change of either is a new one.
const FORMAT: u32 = 3;
/// The largest snapshot, in bytes: beyond what the bounded tables can hold in practice.
const BYTES_MAX: u64 = 2 << 30;
const HASH_BYTES: usize = 32;

/// Why a snapshot could not be used, or not be made.
#[derive(Debug, Error)]
pub(crate) enum SnapshotError {
    #[error("{0}: {1}")]
    Io(&'static str, io::Error),
    #[error("it has {0} bytes, the limit is {BYTES_MAX}")]
    Size(u64),
    #[error("it is damaged")]
    Damaged,
    #[error("it is of format {0}, this program reads format {FORMAT}")]
    Format(u32),
    #[error("it is of another journal, or of one that was rolled back")]
    Foreign,
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// The directory of the snapshot below the data directory.
pub(crate) fn directory(data: &Path) -> PathBuf {
    data.join("state")
}

/// The snapshot in `dir`; `None` when there is none.
pub(crate) fn read(dir: &Path, journal: &Journal) -> Result<Option<Folded>, SnapshotError> {
    let file = match File::open(dir.join("snapshot")) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        other => other.map_err(|e| SnapshotError::Io("it cannot be opened", e))?,
    };
    let failed = |e| SnapshotError::Io("it cannot be read", e);
    let size = file.metadata().map_err(failed)?.len();
    if size > BYTES_MAX {
        return Err(SnapshotError::Size(size));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    file.take(BYTES_MAX)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    let (hashed, hash) = bytes
        .split_last_chunk::<HASH_BYTES>()
        .ok_or(SnapshotError::Damaged)?;
    let mut from = Reader(hashed);
    if from.array() != Some(*MAGIC) {
        return Err(SnapshotError::Damaged);
    }
    // Before the hash: another format may end otherwise.
    match from.array().map(u32::from_le_bytes) {
        Some(FORMAT) => {}
        Some(format) => return Err(SnapshotError::Format(format)),
        None => return Err(SnapshotError::Damaged),
    }
    if Sha256::digest(hashed)[..] != hash[..] {
        return Err(SnapshotError::Damaged);
    }
    let (id, entries, last) = header(&mut from).ok_or(SnapshotError::Damaged)?;
    let at = Folding {
        next: after(journal, &id, &last).ok_or(SnapshotError::Foreign)?,
        entries,
        last: Some(last),
    };
    let parts = parts(&mut from).ok_or(SnapshotError::Damaged)?;
    let folded = Folded::from_parts(&mut parts.into_iter(), at).ok_or(SnapshotError::Damaged)?;
    Ok(Some(folded))
}

fn header(from: &mut Reader<'_>) -> Option<(String, u64, Last)> {
    let (id, entries) = (from.text()?, from.u64()?);
    let last = Last {
        position: Position {
            segment: from.u64()?,
            offset: from.u64()?,
        },
        tenant: from.text()?,
        seq: from.u64()?,
        leaf: from.array()?,
        link: from.array()?,
    };
    Some((id, entries, last))
}

fn parts<'a>(from: &mut Reader<'a>) -> Option<Vec<&'a [u8]>> {
    let parts = (0..from.count()?)
        .map(|_| from.counted())
        .collect::<Option<_>>()?;
    from.end()?;
    Some(parts)
}

/// Where the journal goes on after the last entry of a snapshot, if it holds that entry where the
/// snapshot says. The link chains the entry to everything before it in its log.
fn after(journal: &Journal, id: &str, last: &Last) -> Option<Position> {
    journal.head(NODE_LOG).filter(|head| head.id == id)?;
    let mut found = false;
    // A position inside a record reads as damage; a journal that is damaged there is found out by
    // the fold of the whole.
    let next = journal.for_each(last.position, &mut |tenant, entry| {
        found = Last::of(tenant, entry) == *last;
        ControlFlow::Break(())
    });
    next.ok().filter(|_| found)
}

/// Hashes and counts what is written.
struct Hashing<W> {
    to: W,
    hash: Sha256,
    bytes: u64,
}

impl<W: Write> Hashing<W> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        self.to.write_all(bytes)
    }
}

/// Writes the snapshot of a fold, whole or not at all; answers its size in bytes. What it covers
/// must be durable.
pub(crate) fn write(dir: &Path, journal: &Journal, folded: &Folded) -> Result<u64, SnapshotError> {
    let (Some(last), Some(head)) = (&folded.at.last, journal.head(NODE_LOG)) else {
        return Ok(0);
    };
    let failed = |e| SnapshotError::Io("it cannot be written", e);
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(failed)?;
    let temporary = dir.join("snapshot.tmp");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)
        .map_err(failed)?;
    let mut out = Hashing {
        to: BufWriter::new(file),
        hash: Sha256::new(),
        bytes: 0,
    };
    let mut start = MAGIC.to_vec();
    start.extend_from_slice(&FORMAT.to_le_bytes());
    put_text(&mut start, &head.id);
    for n in [
        folded.at.entries,
        last.position.segment,
        last.position.offset,
    ] {
        put_u64(&mut start, n);
    }
    put_text(&mut start, &last.tenant);
    put_u64(&mut start, last.seq);
    start.extend_from_slice(&last.leaf);
    start.extend_from_slice(&last.link);
    let written = write_parts(&mut out, &start, folded);
    if let Err(error) = written {
        // Nobody reads it; the next one would overwrite it.
        let _ = std::fs::remove_file(&temporary);
        return Err(error);
    }
    let size = out.bytes;
    drop(out);
    std::fs::rename(&temporary, dir.join("snapshot"))
        .and_then(|()| File::open(dir)?.sync_all())
        .map_err(failed)?;
    Ok(size)
}

fn write_parts(
    out: &mut Hashing<BufWriter<File>>,
    start: &[u8],
    folded: &Folded,
) -> Result<(), SnapshotError> {
    let failed = |e| SnapshotError::Io("it cannot be written", e);
    out.put(start).map_err(failed)?;
    out.put(&(Folded::PARTS as u64).to_le_bytes())
        .map_err(failed)?;
    for part in folded.parts() {
        out.put(&(part.len() as u64).to_le_bytes())
            .and_then(|()| out.put(&part))
            .map_err(failed)?;
        if out.bytes > BYTES_MAX - HASH_BYTES as u64 {
            return Err(SnapshotError::Size(out.bytes));
        }
    }
    let hash = std::mem::take(&mut out.hash).finalize();
    out.put(&hash)
        .and_then(|()| out.to.flush())
        .and_then(|()| out.to.get_ref().sync_all())
        .map_err(failed)
}

#[cfg(test)]
mod tests;
