//! Reading the journal back: what is whole, what is a torn tail, what is damage.
//!
//! Nothing here writes. A torn tail is what one batch that had not been synced may leave; the
//! caller cuts it. Everything else is an error, and the disk stays as it is.

use super::error::JournalError;
use super::publish::{newest_signed, notes_of};
use super::state::{
    Batch, Index, LogState, Position, Segment, State, decode_snapshot, encode_snapshot, log_path,
    rotated_key, segment_path, snapshot_path,
};
use super::vfs::Vfs;
use interlock_core::audit::chain;
use interlock_core::audit::checkpoint::Checkpoint;
use interlock_core::audit::frame::{self, FrameError, Kind, LAST_OF_BATCH};
use interlock_core::audit::merkle;
use interlock_core::audit::segment::{SEGMENT_HEADER_BYTES, SegmentHeader};
use interlock_core::audit::{Hash, unhex};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::io::ErrorKind;
use std::sync::{Arc, OnceLock};

/// What recovery found, not yet acted on.
#[derive(Debug, Default)]
pub(super) struct Recovered {
    pub(super) state: State,
    pub(super) batch: Option<Batch>,
    pub(super) node: Option<[u8; 16]>,
    /// Where the torn tail begins, and its length up to its last byte that is not zero.
    pub(super) cut: Option<(Position, u64)>,
    pub(super) entries: u64,
    pub(super) segment_bytes: u64,
    pub(super) created_ns: u64,
    /// Snapshots that were missing and were computed anew.
    pub(super) snapshots: Vec<(u64, Vec<u8>)>,
}

struct Scan {
    logs: Vec<LogState>,
    batch: Option<Batch>,
    /// Newest signed checkpoint of each log, by folder.
    signed: HashMap<String, Checkpoint>,
    full: bool,
    entries: u64,
}

/// Where the records of a segment end, and how many bytes of a torn tail follow.
struct End {
    offset: usize,
    torn: usize,
}

pub(super) fn corrupt(segment: u64, offset: usize, reason: &'static str) -> JournalError {
    JournalError::Corrupt {
        file: format!("journal/{segment:016x}.seg"),
        offset: offset as u64,
        reason,
    }
}

impl Scan {
    fn segment(
        &mut self,
        number: u64,
        bytes: &[u8],
        last: bool,
        index: &mut Index,
    ) -> Result<End, JournalError> {
        let mut at = SEGMENT_HEADER_BYTES;
        loop {
            let rest = &bytes[at..];
            if rest.len() < 8 {
                break;
            }
            let (header, body, length) = match frame::decode(rest) {
                Ok(record) => record,
                Err(FrameError::Empty) if rest.iter().all(|b| *b == 0) => break,
                Err(_) if !last => return Err(corrupt(number, at, "damaged record")),
                Err(_) => {
                    let torn = self.torn(number, bytes, at)?;
                    return Ok(End { offset: at, torn });
                }
            };
            self.record(&header, body)
                .map_err(|reason| corrupt(number, at, reason))?;
            index.add(header.log as usize, header.seq, at as u64);
            at += length;
        }
        Ok(End {
            offset: at,
            torn: 0,
        })
    }

    /// Checks a record whose checksum holds: such a record is never the mark of a torn write.
    fn record(&mut self, header: &frame::Header, body: &[u8]) -> Result<(), &'static str> {
        let ended = header.flags & LAST_OF_BATCH != 0;
        let opens = header.batch == 0 && ended && header.log == 0;
        let fits = match self.batch {
            None => opens && header.kind == Kind::Genesis,
            Some(batch) if batch.epoch == header.epoch => {
                header.batch == batch.number.wrapping_add(u32::from(batch.ended))
            }
            Some(batch) => opens && header.kind == Kind::NodeStart && header.epoch > batch.epoch,
        };
        if !fits {
            return Err("record out of its batch");
        }
        let number = header.log as usize;
        if number == self.logs.len() && header.kind == Kind::Genesis {
            let log = LogState::from_genesis(body, header.log).ok_or("unreadable genesis")?;
            self.logs.push(log);
        }
        let log = self
            .logs
            .get_mut(number)
            .ok_or("record of an unknown log")?;
        if header.seq != log.size() {
            return Err("record out of sequence");
        }
        if self.full && chain::leaf(body) != header.leaf {
            return Err("leaf does not match the body");
        }
        if chain::link(&log.link, &header.leaf) != header.link {
            return Err("link does not match");
        }
        if header.kind == Kind::KeyRotate {
            let key = rotated_key(body).ok_or("unreadable key rotation")?;
            log.keys.rotate(header.seq, key);
        }
        log.link = header.link;
        log.frontier.push(header.leaf);
        if let Some(signed) = self.signed.get(&log.id)
            && signed.size == log.size()
            && signed.root != log.frontier.root()
        {
            return Err("entries differ from those that were signed");
        }
        self.batch = Some(Batch {
            epoch: header.epoch,
            number: header.batch,
            ended,
        });
        self.entries += 1;
        Ok(())
    }

    /// Decides whether the bytes from `hole` are the torn end of the last batch; answers their
    /// number up to the last that is not zero.
    ///
    /// The sectors of one batch reach the disk in any order, so that whole records of the same
    /// batch may follow a hole. A record of a batch that was written only after the hole's batch
    /// was synced may not.
    fn torn(&self, number: u64, bytes: &[u8], hole: usize) -> Result<usize, JournalError> {
        let hole_batch = match self.batch {
            None => 0,
            Some(batch) => u64::from(batch.number) + u64::from(batch.ended),
        };
        let epoch = self.batch.map(|batch| batch.epoch);
        let damaged = || corrupt(number, hole, "damaged record before a later batch");
        let mut at = hole + 8;
        while at + frame::HEADER_BYTES < bytes.len() {
            let rest = &bytes[at..];
            at += 8;
            if rest[..4] == [0; 4] {
                continue;
            }
            let Ok((header, ..)) = frame::decode(rest) else {
                continue;
            };
            // The first batch of an epoch is a single record, so that nothing of the epoch may
            // follow a hole in it; and nothing may follow the first record of all.
            if epoch != Some(header.epoch) {
                return Err(damaged());
            }
            let batch = u64::from(header.batch);
            let synced_before = batch.checked_sub(u64::from(header.lag));
            if batch < hole_batch || synced_before.is_none_or(|synced| hole_batch < synced) {
                return Err(damaged());
            }
        }
        let end = bytes
            .iter()
            .rposition(|b| *b != 0)
            .map_or(hole, |at| at + 1);
        Ok(end.saturating_sub(hole))
    }
}

fn read_segment(vfs: &dyn Vfs, number: u64) -> Result<(SegmentHeader, Vec<u8>), JournalError> {
    let bytes = vfs
        .read(&segment_path(number))
        .map_err(JournalError::io("reading a segment"))?;
    let header =
        SegmentHeader::decode(&bytes).map_err(|_| corrupt(number, 0, "damaged segment header"))?;
    if header.number != number {
        return Err(corrupt(number, 0, "segment under another number"));
    }
    if header.bytes != bytes.len() as u64 {
        return Err(corrupt(number, bytes.len(), "segment has another length"));
    }
    Ok((header, bytes))
}

fn segment_numbers(vfs: &dyn Vfs) -> Result<u64, JournalError> {
    let names = vfs
        .list("log/journal")
        .map_err(JournalError::io("listing the journal"))?;
    let mut numbers: Vec<u64> = names
        .iter()
        .filter_map(|name| name.strip_suffix(".seg"))
        .filter(|name| name.len() == 16 && unhex(name).is_some())
        .filter_map(|name| u64::from_str_radix(name, 16).ok())
        .collect();
    numbers.sort_unstable();
    for (expected, number) in (0u64..).zip(&numbers) {
        if expected != *number {
            return Err(corrupt(expected, 0, "segment is missing"));
        }
    }
    Ok(numbers.len() as u64)
}

/// Reads the journal below `log/`.
pub(super) fn recover(vfs: &Arc<dyn Vfs>, full: bool) -> Result<Recovered, JournalError> {
    let count = segment_numbers(&**vfs)?;
    let mut folders = vfs
        .list("log/logs")
        .map_err(JournalError::io("listing the logs"))?;
    folders.retain(|name| name.len() == 32 && unhex(name).is_some());
    folders.sort();
    let mut notes = HashMap::new();
    for id in &folders {
        if let Some(note) = notes_of(&**vfs, id)? {
            notes.insert(id.clone(), note);
        }
    }
    let signed = notes
        .iter()
        .map(|(id, (checkpoint, _))| (id.clone(), checkpoint.clone()))
        .collect();
    let mut scan = Scan {
        logs: Vec::new(),
        batch: None,
        signed,
        full,
        entries: 0,
    };
    let mut out = Recovered::default();
    if let Some(last) = count.checked_sub(1) {
        read_all(vfs, last, full, &mut scan, &mut out)?;
    }
    for id in &folders {
        if !scan.logs.iter().any(|log| log.id == *id) {
            return Err(JournalError::RolledBack {
                log: id.clone(),
                size: 0,
                signed: notes.get(id).map_or(1, |(checkpoint, _)| checkpoint.size),
            });
        }
    }
    for log in &mut scan.logs {
        if let Some((checkpoint, note)) = notes.remove(&log.id) {
            log.signed = Some(newest_signed(log, &checkpoint, &note)?);
        }
        let path = log_path(&log.id, "genesis.json");
        match vfs.read(&path) {
            Ok(bytes) if bytes[..] == log.genesis[..] => {}
            // The folder of a log is made after its first entry is durable.
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(JournalError::io("reading a genesis file")(e)),
            Ok(_) => {
                return Err(JournalError::Corrupt {
                    file: path,
                    offset: 0,
                    reason: "differs from the first entry",
                });
            }
        }
    }
    out.state.by_tenant = scan
        .logs
        .iter()
        .enumerate()
        .map(|(n, log)| (log.tenant.clone(), n))
        .collect();
    out.state.logs = scan.logs;
    out.batch = scan.batch;
    out.entries = scan.entries;
    Ok(out)
}

fn read_all(
    vfs: &Arc<dyn Vfs>,
    last: u64,
    full: bool,
    scan: &mut Scan,
    out: &mut Recovered,
) -> Result<(), JournalError> {
    let (mut header, mut bytes) = read_segment(&**vfs, last)?;
    out.node = Some(header.node);
    out.segment_bytes = header.bytes;
    out.created_ns = header.created_ns;
    // With a snapshot that the last header vouches for, the segments before need no reading.
    let mut first = 0;
    if let Some(before) = last.checked_sub(1)
        && !full
        && let Ok(file) = vfs.read(&snapshot_path(before))
        && Hash::from(Sha256::digest(&file)) == header.snapshot
        && let Some(snapshot) = decode_snapshot(&file, before)
    {
        scan.logs = snapshot.logs;
        scan.batch = snapshot.batch;
        first = last;
    }
    let mut previous: Option<Hash> = (first == 0).then_some([0; 32]);
    for number in 0..=last {
        let file = vfs
            .open(&segment_path(number))
            .map_err(JournalError::io("opening a segment"))?;
        let segment = Segment {
            number,
            file,
            index: OnceLock::new(),
        };
        if number < first {
            out.state.segments.push(Arc::new(segment));
            continue;
        }
        if number != last {
            (header, bytes) = read_segment(&**vfs, number)?;
        } else if first != last {
            (header, bytes) = read_segment(&**vfs, last)?;
        }
        if previous.is_some_and(|hash| hash != header.snapshot) {
            return Err(corrupt(number, 48, "segments do not join"));
        }
        let ends = scan.logs.iter().map(LogState::size).collect();
        let mut index = Index::starting(ends);
        let end = scan.segment(number, &bytes, number == last, &mut index)?;
        if number == last {
            out.state.end = Position {
                segment: number,
                offset: end.offset as u64,
            };
            out.cut = (end.torn > 0).then_some((out.state.end, end.torn as u64));
            out.state.live = index;
        } else {
            let snapshot = encode_snapshot(number, scan.batch, &scan.logs, &index);
            previous = Some(Sha256::digest(&snapshot).into());
            if vfs.read(&snapshot_path(number)).ok().as_ref() != Some(&snapshot) {
                out.snapshots.push((number, snapshot));
            }
            let _ = segment.index.set(Arc::new(index));
        }
        out.state.segments.push(Arc::new(segment));
    }
    for log in &scan.logs {
        if let Some(signed) = scan.signed.get(&log.id)
            && signed.size == log.size()
            && signed.root != merkle_root(log)
        {
            return Err(corrupt(
                last,
                0,
                "entries differ from those that were signed",
            ));
        }
    }
    Ok(())
}

fn merkle_root(log: &LogState) -> Hash {
    match log.size() {
        0 => merkle::empty_root(),
        _ => log.frontier.root(),
    }
}
