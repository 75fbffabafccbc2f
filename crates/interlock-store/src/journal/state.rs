//! What the journal knows about its logs and segments, and the snapshot of it.

use super::vfs::File;
use interlock_core::audit::Hash;
use interlock_core::audit::keys::KeyEpochs;
use interlock_core::audit::merkle::Frontier;
use interlock_core::audit::note::Verifier;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

/// One entry in so many of a log is marked in the index of a segment.
pub(super) const MARK_EVERY: u64 = 32;

/// A place in the journal: between two records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Number of the segment.
    pub segment: u64,
    /// Offset in its file, bytes.
    pub offset: u64,
}

/// The last batch read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) epoch: u32,
    pub(super) number: u32,
    pub(super) ended: bool,
}

/// The checkpoint text that was signed last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signed {
    pub(super) size: u64,
    pub(super) note: Arc<str>,
}

#[derive(Debug, Clone)]
pub(super) struct LogState {
    pub(super) id: String,
    pub(super) origin: String,
    pub(super) tenant: Arc<str>,
    pub(super) genesis: Arc<[u8]>,
    pub(super) frontier: Frontier,
    pub(super) link: Hash,
    pub(super) keys: KeyEpochs,
    pub(super) signed: Option<Signed>,
}

#[derive(serde::Deserialize)]
struct Genesis {
    origin: String,
    id: String,
    vkey: String,
    tenant: String,
    log: u32,
}

impl LogState {
    /// The empty log of a genesis body; `None` if that is not one for log `number`.
    pub(super) fn from_genesis(body: &[u8], number: u32) -> Option<Self> {
        let genesis: Genesis = serde_json::from_slice(body).ok()?;
        if genesis.log != number {
            return None;
        }
        Some(Self {
            id: genesis.id,
            origin: genesis.origin,
            tenant: genesis.tenant.into(),
            genesis: body.into(),
            frontier: Frontier::default(),
            link: interlock_core::audit::chain::origin_link(body),
            keys: KeyEpochs::new(Verifier::parse(&genesis.vkey).ok()?),
            signed: None,
        })
    }

    pub(super) fn size(&self) -> u64 {
        self.frontier.size()
    }
}

/// The new key of a `key-rotate` body.
pub(super) fn rotated_key(body: &[u8]) -> Option<Verifier> {
    #[derive(serde::Deserialize)]
    struct Rotation {
        new: String,
    }
    let rotation: Rotation = serde_json::from_slice(body).ok()?;
    Verifier::parse(&rotation.new).ok()
}

/// Where the entries of a segment are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Index {
    /// Size of each log at the end of the segment.
    pub(super) ends: Vec<u64>,
    /// Per log: sequence number and offset of the first and of every 32nd entry after it.
    pub(super) marks: Vec<Vec<(u64, u32)>>,
    /// Per log: entries in the segment.
    counts: Vec<u64>,
}

impl Index {
    /// The index of a new segment over logs of these sizes.
    pub(super) fn starting(ends: Vec<u64>) -> Self {
        let logs = ends.len();
        Self {
            ends,
            marks: vec![Vec::new(); logs],
            counts: vec![0; logs],
        }
    }

    pub(super) fn add(&mut self, log: usize, seq: u64, offset: u64) {
        if self.ends.len() <= log {
            self.ends.resize(log + 1, 0);
            self.marks.resize(log + 1, Vec::new());
            self.counts.resize(log + 1, 0);
        }
        if self.counts[log].is_multiple_of(MARK_EVERY) {
            self.marks[log].push((seq, offset as u32));
        }
        self.counts[log] += 1;
        self.ends[log] = seq + 1;
    }

    /// The offset at which a scan for `seq` of `log` starts.
    pub(super) fn before(&self, log: usize, seq: u64) -> Option<u64> {
        let marks = self.marks.get(log)?;
        let after = marks.partition_point(|(marked, _)| *marked <= seq);
        let (_, offset) = marks.get(after.checked_sub(1)?)?;
        Some(u64::from(*offset))
    }

    pub(super) fn end(&self, log: usize) -> u64 {
        self.ends.get(log).copied().unwrap_or(0)
    }
}

#[derive(Debug)]
pub(super) struct Segment {
    pub(super) number: u64,
    pub(super) file: Arc<dyn File>,
    /// Index of a sealed segment, read when first needed.
    pub(super) index: OnceLock<Arc<Index>>,
}

/// What readers see.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) logs: Vec<LogState>,
    pub(super) by_tenant: HashMap<Arc<str>, usize>,
    pub(super) segments: Vec<Arc<Segment>>,
    /// Index of the last segment.
    pub(super) live: Index,
    pub(super) end: Position,
}

pub(super) fn segment_path(number: u64) -> String {
    format!("log/journal/{number:016x}.seg")
}

pub(super) fn snapshot_path(number: u64) -> String {
    format!("log/journal/{number:016x}.snap")
}

pub(super) fn log_path(id: &str, name: &str) -> String {
    format!("log/logs/{id}/{name}")
}

/// What a snapshot holds.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) batch: Option<Batch>,
    pub(super) logs: Vec<LogState>,
    pub(super) index: Index,
}

const SNAPSHOT_MAGIC: &[u8; 8] = b"ALOGSNP1";

/// The bytes of the snapshot at the end of segment `number`: a function of the journal alone, so
/// that it can be built anew and held against the hash in the next segment's header.
pub(super) fn encode_snapshot(
    number: u64,
    batch: Option<Batch>,
    logs: &[LogState],
    index: &Index,
) -> Vec<u8> {
    fn counted(out: &mut Vec<u8>, bytes: &[u8]) {
        out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        out.extend_from_slice(bytes);
    }
    let mut out = SNAPSHOT_MAGIC.to_vec();
    out.extend_from_slice(&number.to_le_bytes());
    let flag = match batch {
        None => 2,
        Some(batch) => u8::from(batch.ended),
    };
    let (epoch, at) = batch.map_or((0, 0), |batch| (batch.epoch, batch.number));
    out.extend_from_slice(&epoch.to_le_bytes());
    out.extend_from_slice(&at.to_le_bytes());
    out.push(flag);
    out.extend_from_slice(&(logs.len() as u32).to_le_bytes());
    for (n, log) in logs.iter().enumerate() {
        counted(&mut out, &log.genesis);
        out.extend_from_slice(&log.size().to_le_bytes());
        out.extend_from_slice(&log.link);
        for peak in log.frontier.peaks() {
            out.extend_from_slice(peak);
        }
        let rotations: Vec<_> = log.keys.iter().skip(1).collect();
        out.extend_from_slice(&(rotations.len() as u32).to_le_bytes());
        for (seq, key) in rotations {
            out.extend_from_slice(&seq.to_le_bytes());
            counted(&mut out, key.vkey().as_bytes());
        }
        let marks = index.marks.get(n).map_or(&[][..], Vec::as_slice);
        out.extend_from_slice(&(marks.len() as u32).to_le_bytes());
        for (seq, offset) in marks {
            out.extend_from_slice(&seq.to_le_bytes());
            out.extend_from_slice(&offset.to_le_bytes());
        }
    }
    let hash = Sha256::digest(&out);
    out.extend_from_slice(&hash);
    out
}

/// Reads a snapshot of segment `number`; `None` if it is not whole.
pub(super) fn decode_snapshot(bytes: &[u8], number: u64) -> Option<Snapshot> {
    struct Reader<'a>(&'a [u8]);
    impl<'a> Reader<'a> {
        fn take(&mut self, n: usize) -> Option<&'a [u8]> {
            let (head, rest) = self.0.split_at_checked(n)?;
            self.0 = rest;
            Some(head)
        }
        fn u32(&mut self) -> Option<u32> {
            Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
        }
        fn u64(&mut self) -> Option<u64> {
            Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
        }
        fn counted(&mut self) -> Option<&'a [u8]> {
            let n = self.u32()? as usize;
            self.take(n)
        }
    }
    let (hashed, hash) = bytes.split_last_chunk::<32>()?;
    if Hash::from(Sha256::digest(hashed)) != *hash {
        return None;
    }
    let mut reader = Reader(hashed);
    if reader.take(8)? != SNAPSHOT_MAGIC || reader.u64()? != number {
        return None;
    }
    let (epoch, at) = (reader.u32()?, reader.u32()?);
    let batch = match reader.take(1)? {
        [2] => None,
        [ended] => Some(Batch {
            epoch,
            number: at,
            ended: *ended == 1,
        }),
        _ => return None,
    };
    let mut logs = Vec::new();
    let mut index = Index::default();
    for n in 0..reader.u32()? {
        let mut log = LogState::from_genesis(reader.counted()?, n)?;
        let size = reader.u64()?;
        log.link = reader.take(32)?.try_into().ok()?;
        let mut peaks = Vec::new();
        for _ in 0..size.count_ones() {
            peaks.push(reader.take(32)?.try_into().ok()?);
        }
        log.frontier = Frontier::from_parts(size, peaks)?;
        for _ in 0..reader.u32()? {
            let seq = reader.u64()?;
            let vkey = std::str::from_utf8(reader.counted()?).ok()?;
            log.keys.rotate(seq, Verifier::parse(vkey).ok()?);
        }
        let mut marks = Vec::new();
        for _ in 0..reader.u32()? {
            marks.push((reader.u64()?, reader.u32()?));
        }
        index.ends.push(size);
        index.marks.push(marks);
        index.counts.push(0);
        logs.push(log);
    }
    reader
        .0
        .is_empty()
        .then_some(Snapshot { batch, logs, index })
}
