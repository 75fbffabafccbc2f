//! The verifier: is this log directory what its writer signed?
//!
//! It reads the bytes with parsing of its own and shares with the writer no more than the reading
//! of notes and checkpoints. `verifiers/FORMAT.md` states the rules and their order; the Python and
//! HTML verifiers follow the same page, and the first rule that fails gives the verdict of all.

use super::checkpoint::Checkpoint;
use super::note::{Note, Verifier};
use super::{Hash, base64, hex};
use core::fmt;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

const SEGMENT_HEADER: usize = 4_096;
const RECORD_HEADER: usize = 96;
/// Longest name or key read inside an entry.
const TOKEN_BYTES_MAX: usize = 400;

/// The files of a log directory.
pub trait Source {
    /// Names in the folder `dir`, in any order; empty if there is no such folder.
    fn list(&self, dir: &str) -> Vec<String>;
    /// The bytes of a file, `None` if it cannot be read.
    fn read(&self, path: &str) -> Option<Vec<u8>>;
}

/// What the reader trusts.
#[derive(Debug, Clone, Copy, Default)]
pub struct Trust<'a> {
    /// The vkeys that the first log may begin with.
    pub vkeys: &'a [String],
    /// Signed checkpoints kept outside the directory.
    pub checkpoints: &'a [String],
}

/// What the verifier found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Every entry is as it was signed.
    Ok {
        /// Entries of all logs.
        entries: u64,
        /// Number of logs.
        logs: usize,
        /// RFC 6962 root over the heads of all logs.
        root: Hash,
        /// Entries beyond the newest checkpoint of their log.
        unsigned: u64,
        /// Number of `erasure` entries.
        redactions: u64,
    },
    /// An entry is not what was written.
    Altered {
        /// Number of the log.
        log: usize,
        /// First entry that may differ.
        seq: u64,
        /// Where only a root differs: the size it is the root of.
        through: Option<u64>,
    },
    /// Entries that a checkpoint covers are missing.
    Truncated {
        /// The log, by number or by origin or folder if the journal does not know it.
        log: String,
        /// Entries found.
        size: u64,
        /// Entries that were signed.
        expected: u64,
    },
    /// The bytes are not a journal.
    CorruptSegment {
        /// Number of the segment.
        segment: u64,
        /// Offset of the first byte that cannot be read, at most.
        offset: u64,
    },
    /// A file is missing or does not match the journal.
    CorruptFile {
        /// Path inside the log directory.
        path: String,
    },
    /// A signature, or the key of its epoch, does not hold.
    Signature {
        /// Number of the log.
        log: usize,
        /// Size of the checkpoint, or sequence number of the entry.
        size: u64,
    },
    /// No usable verifier key or checkpoint was handed in.
    Trust,
}

impl Verdict {
    /// The exit code: 0 ok, 1 altered, 2 truncated or rolled back, 3 corrupt, 4 signature or key
    /// epoch, 5 ok with redactions.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Self::Ok { redactions: 0, .. } => 0,
            Self::Altered { .. } => 1,
            Self::Truncated { .. } => 2,
            Self::CorruptSegment { .. } | Self::CorruptFile { .. } => 3,
            Self::Signature { .. } | Self::Trust => 4,
            Self::Ok { .. } => 5,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok {
                entries,
                logs,
                root,
                unsigned,
                redactions,
            } => {
                write!(f, "ok entries={entries} root={} logs={logs}", hex(root))?;
                if *unsigned > 0 {
                    write!(f, " unsigned={unsigned}")?;
                }
                if *redactions > 0 {
                    write!(f, " redactions={redactions}")?;
                }
                Ok(())
            }
            Self::Altered { log, seq, through } => {
                write!(f, "altered seq={seq} log={log}")?;
                match through {
                    Some(size) => write!(f, " through={size}"),
                    None => Ok(()),
                }
            }
            Self::Truncated {
                log,
                size,
                expected,
            } => write!(f, "truncated size={size} expected={expected} log={log}"),
            Self::CorruptSegment { segment, offset } => {
                write!(f, "corrupt segment={segment} offset={offset}")
            }
            Self::CorruptFile { path } => write!(f, "corrupt file={path}"),
            Self::Signature { log, size } => write!(f, "signature size={size} log={log}"),
            Self::Trust => f.write_str("signature trust"),
        }
    }
}

/// The head of one log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogHead {
    /// Identity of the log in its checkpoints.
    pub origin: String,
    /// Folder of the log.
    pub id: String,
    /// The tenant, as written in the genesis entry: the inside of a JSON string.
    pub tenant: String,
    /// Number of entries.
    pub size: u64,
    /// RFC 6962 root.
    pub root: Hash,
    /// Size of the newest checkpoint that holds.
    pub signed: Option<u64>,
}

/// The verdict and, as far as the verifier came, the logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What was found.
    pub verdict: Verdict,
    /// The logs read, in the order of their numbers.
    pub logs: Vec<LogHead>,
}

/// Reads the whole directory and answers the first thing that is wrong.
#[must_use]
pub fn verify(source: &dyn Source, trust: Trust<'_>) -> Report {
    let mut reading = Reading::default();
    let verdict = reading.run(source, trust).unwrap_or_else(|bad| bad);
    let logs = reading.logs.iter().map(Log::head).collect();
    Report { verdict, logs }
}

#[derive(Debug)]
struct Log {
    origin: String,
    id: String,
    tenant: String,
    genesis: Vec<u8>,
    size: u64,
    link: Hash,
    tree: Vec<(u32, Hash)>,
    keys: Vec<(u64, Verifier)>,
    wanted: BTreeMap<u64, Hash>,
    good: Option<u64>,
}

impl Log {
    fn push(&mut self, leaf: Hash) {
        let mut top = (0, leaf);
        while let Some((level, left)) = self.tree.pop_if(|(level, _)| *level == top.0) {
            top = (level + 1, interior(&left, &top.1));
        }
        self.tree.push(top);
        self.size += 1;
        let size = self.size;
        if self.wanted.contains_key(&size) {
            let root = self.root();
            self.wanted.insert(size, root);
        }
    }

    fn root(&self) -> Hash {
        let mut right: Option<Hash> = None;
        for (_, left) in self.tree.iter().rev() {
            right = Some(right.map_or(*left, |right| interior(left, &right)));
        }
        right.unwrap_or_else(|| Sha256::digest([]).into())
    }

    fn key_for(&self, size: u64) -> Option<&Verifier> {
        self.keys
            .iter()
            .rev()
            .find(|(seq, _)| *seq == 0 || *seq < size)
            .map(|(_, key)| key)
    }

    fn head(&self) -> LogHead {
        LogHead {
            origin: self.origin.clone(),
            id: self.id.clone(),
            tenant: self.tenant.clone(),
            size: self.size,
            root: self.root(),
            signed: self.good,
        }
    }
}

fn interior(left: &Hash, right: &Hash) -> Hash {
    Sha256::new()
        .chain_update([1])
        .chain_update(left)
        .chain_update(right)
        .finalize()
        .into()
}

/// Where the batches of the journal stand.
#[derive(Debug, Clone, Copy)]
struct Batch {
    epoch: u32,
    number: u32,
    ended: bool,
    strict: bool,
}

#[derive(Debug, Default)]
struct Reading {
    logs: Vec<Log>,
    wanted: BTreeMap<String, BTreeSet<u64>>,
    node: Option<[u8; 16]>,
    batch: Option<Batch>,
    redactions: u64,
}

struct Record<'a> {
    crc_holds: bool,
    seq: u64,
    epoch: u32,
    log: usize,
    kind: u8,
    flags: u8,
    lag: u16,
    batch: u32,
    leaf: Hash,
    link: Hash,
    body: &'a [u8],
    next: usize,
}

fn bytes_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

fn record_at(segment: &[u8], at: usize) -> Option<Record<'_>> {
    let length = u32::from_le_bytes(bytes_at(segment, at)?) as usize;
    if length == 0 || length > 0xffff {
        return None;
    }
    let end = at + RECORD_HEADER + length;
    let next = end.div_ceil(8) * 8;
    let record = segment.get(at..next)?;
    let body = segment.get(at + RECORD_HEADER..end)?;
    let padding = segment.get(end..next)?;
    let crc = crc32c::crc32c_append(crc32c::crc32c(record.get(..4)?), segment.get(at + 8..end)?);
    let stored = u32::from_le_bytes(bytes_at(record, 4)?);
    let [kind, flags] = bytes_at(record, 24)?;
    Some(Record {
        crc_holds: crc == stored && padding.iter().all(|b| *b == 0),
        seq: u64::from_le_bytes(bytes_at(record, 8)?),
        epoch: u32::from_le_bytes(bytes_at(record, 16)?),
        log: u32::from_le_bytes(bytes_at(record, 20)?) as usize,
        kind,
        flags,
        lag: u16::from_le_bytes(bytes_at(record, 26)?),
        batch: u32::from_le_bytes(bytes_at(record, 28)?),
        leaf: bytes_at(record, 32)?,
        link: bytes_at(record, 64)?,
        body,
        next,
    })
}

/// Reads the fixed texts that a few entries are made of.
struct Text<'a>(&'a [u8]);

impl<'a> Text<'a> {
    fn eat(&mut self, expected: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(expected.as_bytes())?;
        Some(())
    }

    fn run(&mut self, max: usize, of: impl Fn(u8) -> bool) -> Option<&'a str> {
        let n = self.0.iter().take_while(|b| of(**b)).count();
        if n == 0 || n > max {
            return None;
        }
        let (head, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        core::str::from_utf8(head).ok()
    }

    fn token(&mut self) -> Option<&'a str> {
        self.run(TOKEN_BYTES_MAX, |b| {
            b.is_ascii_graphic() && b != b'"' && b != b'\\'
        })
    }

    fn number(&mut self) -> Option<u64> {
        super::checkpoint::decimal(self.run(10, |b| b.is_ascii_digit())?)
    }

    fn hex32(&mut self) -> Option<&'a str> {
        self.run(32, |b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
            .filter(|text| text.len() == 32)
    }

    /// `{"v":<n>,"ts":"<time>","kind":"<name>"`.
    fn head(&mut self) -> Option<&'a str> {
        self.eat("{\"v\":")?;
        self.run(9, |b| b.is_ascii_digit())?;
        self.eat(",\"ts\":\"")?;
        self.run(40, |b| b.is_ascii_digit() || b"TZ:.+-".contains(&b))?;
        self.eat("\",\"kind\":\"")?;
        let name = self.run(32, |b| b.is_ascii_lowercase() || b == b'-')?;
        self.eat("\"")?;
        matches!(self.0.first(), Some(b',' | b'}')).then_some(name)
    }
}

/// The names of the kinds by number, in this file's own words.
const KIND_NAMES: [&str; 23] = [
    "",
    "genesis",
    "checkpoint-intent",
    "decision",
    "outcome",
    "approval-request",
    "approval-vote",
    "approval-final",
    "policy-change",
    "key-rotate",
    "config-change",
    "budget",
    "breaker",
    "kill",
    "erasure",
    "gap",
    "node-start",
    "node-stop",
    "anchor",
    "export",
    "auth-failure",
    "run-end",
    "alert",
];
const GENESIS: u8 = 1;
const KEY_ROTATE: u8 = 9;
const ERASURE: u8 = 14;
const NODE_START: u8 = 16;

fn kind_agrees(kind: u8, body: &[u8]) -> bool {
    let Some(name) = Text(body).head() else {
        return false;
    };
    let known = KIND_NAMES.iter().skip(1).position(|known| *known == name);
    match (known, KIND_NAMES.get(usize::from(kind))) {
        (Some(position), _) => position + 1 == usize::from(kind),
        // Both unknown: an entry of a later version.
        (None, named) => named.is_none(),
    }
}

struct Genesis<'a> {
    origin: &'a str,
    log: u64,
    id: &'a str,
    node: &'a str,
    vkey: &'a str,
    tenant: &'a str,
}

fn genesis(body: &[u8]) -> Option<Genesis<'_>> {
    let mut text = Text(body);
    text.head()?;
    text.eat(",\"format\":\"alog1\",\"origin\":\"")?;
    let origin = text.token()?;
    text.eat("\",\"log\":")?;
    let log = text.number()?;
    text.eat(",\"id\":\"")?;
    let id = text.hex32()?;
    text.eat("\",\"node\":\"")?;
    let node = text.hex32()?;
    text.eat("\",\"vkey\":\"")?;
    let vkey = text.token()?;
    text.eat("\",\"tenant\":\"")?;
    let tenant = core::str::from_utf8(text.0.strip_suffix(b"\"}")?).ok()?;
    Some(Genesis {
        origin,
        log,
        id,
        node,
        vkey,
        tenant,
    })
}

/// Epoch and durability of a `node-start` entry.
fn node_start(body: &[u8]) -> Option<(u64, &str)> {
    let mut text = Text(body);
    text.head()?;
    text.eat(",\"epoch\":")?;
    let epoch = text.number()?;
    text.eat(",\"durability\":\"")?;
    let durability = text.run(8, |b| b.is_ascii_lowercase())?;
    text.eat("\"")?;
    Some((epoch, durability))
}

/// Old key, new key and their signatures in a `key-rotate` entry.
fn key_rotate(body: &[u8]) -> Option<[&str; 4]> {
    let mut text = Text(body);
    text.head()?;
    text.eat(",\"old\":\"")?;
    let old = text.token()?;
    text.eat("\",\"new\":\"")?;
    let new = text.token()?;
    text.eat("\",\"by_old\":\"")?;
    let by_old = text.token()?;
    text.eat("\",\"by_new\":\"")?;
    let by_new = text.token()?;
    text.eat("\"}")?;
    text.0.is_empty().then_some([old, new, by_old, by_new])
}

/// The notes of a `checkpoints.log`, which an empty line separates; `None` where one cannot be
/// told from the next.
fn history(bytes: &[u8]) -> Option<Vec<&str>> {
    let text = core::str::from_utf8(bytes).ok()?;
    let mut notes = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let body = rest.find("\n\n")? + 2;
        let end = body + rest.get(body..)?.find("\n\n")? + 2;
        notes.push(rest.get(..end - 1)?);
        rest = rest.get(end..)?;
    }
    Some(notes)
}

fn checkpoint_of(note: &str) -> Option<Checkpoint> {
    Checkpoint::parse(Note::parse(note).ok()?.text)
}

impl Reading {
    fn run(&mut self, source: &dyn Source, trust: Trust<'_>) -> Result<Verdict, Verdict> {
        let vkeys = trust
            .vkeys
            .iter()
            .map(|vkey| Verifier::parse(vkey.trim()).map_err(|_| Verdict::Trust))
            .collect::<Result<Vec<_>, _>>()?;
        if vkeys.is_empty() {
            return Err(Verdict::Trust);
        }
        let outside = trust
            .checkpoints
            .iter()
            .map(|note| Some((note.as_str(), checkpoint_of(note)?)))
            .collect::<Option<Vec<_>>>()
            .ok_or(Verdict::Trust)?;
        for (_, checkpoint) in &outside {
            self.want(checkpoint);
        }
        let mut folders = source.list("logs");
        folders.retain(|name| name.len() == 32 && super::unhex(name).is_some());
        folders.sort();
        let mut inside = BTreeMap::new();
        for id in &folders {
            let past = source.read(&format!("logs/{id}/checkpoints.log"));
            let newest = source.read(&format!("logs/{id}/checkpoint"));
            for note in past.as_deref().and_then(history).into_iter().flatten() {
                if let Some(checkpoint) = checkpoint_of(note) {
                    self.want(&checkpoint);
                }
            }
            let newest_text = newest.as_deref().and_then(|b| core::str::from_utf8(b).ok());
            if let Some(checkpoint) = newest_text.and_then(checkpoint_of) {
                self.want(&checkpoint);
            }
            inside.insert(id.clone(), (past, newest));
        }

        self.segments(source, &vkeys)?;

        for log in &self.logs {
            let path = format!("logs/{}/genesis.json", log.id);
            if source.read(&path).as_ref() != Some(&log.genesis) {
                return Err(Verdict::CorruptFile { path });
            }
        }
        for id in &folders {
            if !self.logs.iter().any(|log| log.id == *id) {
                return Err(Verdict::Truncated {
                    log: id.clone(),
                    size: 0,
                    expected: 1,
                });
            }
        }
        for number in 0..self.logs.len() {
            let Some(id) = self.logs.get(number).map(|log| log.id.clone()) else {
                break;
            };
            let Some((past, newest)) = inside.get(&id) else {
                continue;
            };
            let unreadable = Verdict::Signature {
                log: number,
                size: 0,
            };
            let notes = match past {
                Some(bytes) => history(bytes).ok_or(unreadable.clone())?,
                None => Vec::new(),
            };
            for note in &notes {
                self.hold(number, note)?;
            }
            if let Some(bytes) = newest {
                let note = core::str::from_utf8(bytes).map_err(|_| unreadable)?;
                self.hold(number, note)?;
                // The history is synced before the newest checkpoint is replaced.
                if !notes.contains(&note) {
                    let path = format!("logs/{id}/checkpoints.log");
                    return Err(Verdict::CorruptFile { path });
                }
            }
        }
        for (note, checkpoint) in &outside {
            let number = self
                .logs
                .iter()
                .position(|log| log.origin == checkpoint.origin)
                .ok_or_else(|| Verdict::Truncated {
                    log: checkpoint.origin.clone(),
                    size: 0,
                    expected: checkpoint.size,
                })?;
            self.hold(number, note)?;
        }
        self.sum()
    }

    fn want(&mut self, checkpoint: &Checkpoint) {
        self.wanted
            .entry(checkpoint.origin.clone())
            .or_default()
            .insert(checkpoint.size);
    }

    fn sum(&self) -> Result<Verdict, Verdict> {
        let mut heads: Vec<(u32, Hash)> = Vec::new();
        let (mut entries, mut unsigned) = (0, 0);
        for (number, log) in self.logs.iter().enumerate() {
            let signed = log.good.ok_or(Verdict::Signature {
                log: number,
                size: 0,
            })?;
            entries += log.size;
            unsigned += log.size - signed;
            let head = Checkpoint {
                origin: log.origin.clone(),
                size: log.size,
                root: log.root(),
            };
            let leaf = Sha256::new()
                .chain_update([0])
                .chain_update(head.text())
                .finalize();
            let mut top = (0, leaf.into());
            while let Some((level, left)) = heads.pop_if(|(level, _)| *level == top.0) {
                top = (level + 1, interior(&left, &top.1));
            }
            heads.push(top);
        }
        let mut root: Option<Hash> = None;
        for (_, left) in heads.iter().rev() {
            root = Some(root.map_or(*left, |right| interior(left, &right)));
        }
        Ok(Verdict::Ok {
            entries,
            logs: self.logs.len(),
            root: root.unwrap_or_else(|| Sha256::digest([]).into()),
            unsigned,
            redactions: self.redactions,
        })
    }

    /// Holds a checkpoint against log `number`.
    fn hold(&mut self, number: usize, note: &str) -> Result<(), Verdict> {
        let bad = |size| Verdict::Signature { log: number, size };
        let note = Note::parse(note).map_err(|_| bad(0))?;
        let checkpoint = Checkpoint::parse(note.text).ok_or(bad(0))?;
        let size = checkpoint.size;
        let log = self.logs.get_mut(number).ok_or(bad(0))?;
        let key = log.key_for(size).ok_or(bad(size))?;
        if checkpoint.origin != log.origin || note.verify(&[key]).is_err() {
            return Err(bad(size));
        }
        if size > log.size {
            return Err(Verdict::Truncated {
                log: number.to_string(),
                size: log.size,
                expected: size,
            });
        }
        let root = match size {
            0 => Sha256::digest([]).into(),
            _ => log.wanted.get(&size).copied().unwrap_or([0; 32]),
        };
        if root != checkpoint.root {
            return Err(Verdict::Altered {
                log: number,
                seq: log.good.filter(|good| *good < size).unwrap_or(0),
                through: Some(size),
            });
        }
        log.good = log.good.max(Some(size));
        Ok(())
    }

    fn segments(&mut self, source: &dyn Source, vkeys: &[Verifier]) -> Result<(), Verdict> {
        let mut names: Vec<String> = source.list("journal");
        names.retain(|name| {
            name.strip_suffix(".seg")
                .is_some_and(|number| number.len() == 16 && super::unhex(number).is_some())
        });
        names.sort();
        if names.is_empty() {
            return Err(Verdict::CorruptSegment {
                segment: 0,
                offset: 0,
            });
        }
        for (number, name) in (0u64..).zip(&names) {
            if *name != format!("{number:016x}.seg") {
                return Err(Verdict::CorruptSegment {
                    segment: number,
                    offset: 0,
                });
            }
            let bytes = source
                .read(&format!("journal/{name}"))
                .ok_or(Verdict::CorruptSegment {
                    segment: number,
                    offset: 0,
                })?;
            self.segment(source, number, &bytes, vkeys)?;
        }
        Ok(())
    }

    fn segment(
        &mut self,
        source: &dyn Source,
        number: u64,
        bytes: &[u8],
        vkeys: &[Verifier],
    ) -> Result<(), Verdict> {
        let corrupt = |offset: usize| Verdict::CorruptSegment {
            segment: number,
            offset: offset as u64,
        };
        let header = bytes.get(..SEGMENT_HEADER).ok_or(corrupt(bytes.len()))?;
        let (hashed, hash) = header.split_last_chunk::<32>().ok_or(corrupt(0))?;
        let field = |at| bytes_at::<8>(hashed, at).map(u64::from_le_bytes);
        let zeros = |from, to| {
            hashed
                .get(from..to)
                .is_some_and(|b| b.iter().all(|b| *b == 0))
        };
        let sound = Hash::from(Sha256::digest(hashed)) == *hash
            && hashed.starts_with(b"ALOGSEG1\x01\x00")
            && zeros(10, 16)
            && zeros(96, 4_064)
            && field(32) == Some(number);
        let (Some(node), Some(epoch), Some(snapshot), Some(size), true) = (
            bytes_at::<16>(hashed, 16),
            field(40),
            bytes_at::<32>(hashed, 48),
            field(88),
            sound,
        ) else {
            return Err(corrupt(0));
        };
        if size != bytes.len() as u64 {
            return Err(corrupt(bytes.len()));
        }
        let current = self.batch.map_or(0, |batch| u64::from(batch.epoch));
        if *self.node.get_or_insert(node) != node || epoch < current {
            return Err(corrupt(0));
        }
        match number.checked_sub(1) {
            None if snapshot != [0; 32] => return Err(corrupt(0)),
            None => {}
            Some(before) => {
                // A snapshot can be built anew from the journal, so its absence proves nothing.
                let path = format!("journal/{before:016x}.snap");
                if let Some(file) = source.read(&path)
                    && Hash::from(Sha256::digest(&file)) != snapshot
                {
                    return Err(Verdict::CorruptFile { path });
                }
            }
        }
        let mut at = SEGMENT_HEADER;
        while let Some(length) = bytes_at::<4>(bytes, at) {
            if length == [0; 4] {
                break;
            }
            let record = record_at(bytes, at).ok_or(corrupt(at))?;
            if at == SEGMENT_HEADER && u64::from(record.epoch) < epoch && record.crc_holds {
                return Err(corrupt(at));
            }
            self.record(&record, corrupt(at), vkeys)?;
            at = record.next;
        }
        let tail = bytes.get(at..).unwrap_or_default();
        match tail.iter().position(|b| *b != 0) {
            Some(offset) => Err(corrupt(at + offset)),
            None => Ok(()),
        }
    }

    fn record(
        &mut self,
        record: &Record<'_>,
        corrupt: Verdict,
        vkeys: &[Verifier],
    ) -> Result<(), Verdict> {
        let expected = self.logs.get(record.log).map(|log| log.size);
        if !record.crc_holds {
            return Err(match expected {
                Some(seq) if seq == record.seq => Verdict::Altered {
                    log: record.log,
                    seq,
                    through: None,
                },
                _ => corrupt,
            });
        }
        self.step(record, &corrupt)?;
        let seq = expected.unwrap_or(0);
        let altered = Verdict::Altered {
            log: record.log,
            seq,
            through: None,
        };
        let is_genesis = record.kind == GENESIS;
        if expected.is_none() && (record.log != self.logs.len() || !is_genesis) {
            return Err(corrupt);
        }
        if record.seq != seq || is_genesis != expected.is_none() {
            return Err(altered);
        }
        let leaf: Hash = Sha256::new()
            .chain_update([0])
            .chain_update(record.body)
            .finalize()
            .into();
        let previous = match self.logs.get(record.log) {
            Some(log) => log.link,
            None => Sha256::new()
                .chain_update(b"alog1\n")
                .chain_update(record.body)
                .finalize()
                .into(),
        };
        let link: Hash = Sha256::new()
            .chain_update([2])
            .chain_update(previous)
            .chain_update(leaf)
            .finalize()
            .into();
        if leaf != record.leaf || link != record.link || !kind_agrees(record.kind, record.body) {
            return Err(altered);
        }
        match record.kind {
            GENESIS => self.genesis(record, &altered, vkeys)?,
            KEY_ROTATE => self.key_rotate(record, &previous, &altered)?,
            NODE_START => {
                let (epoch, durability) = node_start(record.body).ok_or(altered.clone())?;
                if epoch != u64::from(record.epoch) || record.log != 0 {
                    return Err(altered);
                }
                if let Some(batch) = &mut self.batch {
                    batch.strict = durability == "strict";
                }
            }
            ERASURE => self.redactions += 1,
            _ => {}
        }
        if let Some(log) = self.logs.get_mut(record.log) {
            log.link = link;
            log.push(leaf);
        }
        Ok(())
    }

    /// Holds the record to its place in the sequence of epochs and batches.
    fn step(&mut self, record: &Record<'_>, corrupt: &Verdict) -> Result<(), Verdict> {
        let ended = record.flags == 1;
        let opens = record.batch == 0 && ended && record.log == 0;
        let (fits, strict) = match self.batch {
            None => (opens && record.kind == GENESIS, true),
            Some(batch) if record.epoch == batch.epoch => {
                let next = if batch.ended {
                    batch.number.checked_add(1)
                } else {
                    Some(batch.number)
                };
                (next == Some(record.batch), batch.strict)
            }
            Some(batch) => (
                opens && record.kind == NODE_START && record.epoch > batch.epoch,
                true,
            ),
        };
        if !fits || record.flags > 1 || (strict && record.lag != 0) {
            return Err(corrupt.clone());
        }
        self.batch = Some(Batch {
            epoch: record.epoch,
            number: record.batch,
            ended,
            strict,
        });
        Ok(())
    }

    fn node_key(&self) -> Option<&Verifier> {
        self.logs.first()?.keys.last().map(|(_, key)| key)
    }

    fn genesis(
        &mut self,
        record: &Record<'_>,
        altered: &Verdict,
        vkeys: &[Verifier],
    ) -> Result<(), Verdict> {
        let genesis = genesis(record.body).ok_or(altered.clone())?;
        let fits = genesis.log == record.log as u64
            && self.node.is_some_and(|node| hex(&node) == genesis.node)
            && !self
                .logs
                .iter()
                .any(|log| log.id == genesis.id || log.origin == genesis.origin);
        if !fits {
            return Err(altered.clone());
        }
        let untrusted = Verdict::Signature {
            log: record.log,
            size: 0,
        };
        let key = Verifier::parse(genesis.vkey).map_err(|_| untrusted.clone())?;
        let trusted = match self.node_key() {
            None => vkeys.contains(&key),
            Some(current) => *current == key,
        };
        if !trusted {
            return Err(untrusted);
        }
        let wanted = self.wanted.get(genesis.origin).into_iter().flatten();
        self.logs.push(Log {
            origin: genesis.origin.to_owned(),
            id: genesis.id.to_owned(),
            tenant: genesis.tenant.to_owned(),
            genesis: record.body.to_vec(),
            size: 0,
            link: [0; 32],
            tree: Vec::new(),
            keys: vec![(0, key)],
            wanted: wanted.map(|size| (*size, [0; 32])).collect(),
            good: None,
        });
        Ok(())
    }

    fn key_rotate(
        &mut self,
        record: &Record<'_>,
        previous: &Hash,
        altered: &Verdict,
    ) -> Result<(), Verdict> {
        let [old, new, by_old, by_new] = key_rotate(record.body).ok_or(altered.clone())?;
        let bad = Verdict::Signature {
            log: record.log,
            size: record.seq,
        };
        let node_key = self.node_key().cloned();
        let log = self.logs.get_mut(record.log).ok_or(bad.clone())?;
        let (_, current) = log.keys.last().ok_or(bad.clone())?;
        let text = format!(
            "interlock key-rotate v1\n{}\n{}\n{}\n{old}\n{new}\n",
            log.origin,
            record.seq,
            hex(previous)
        );
        let next = Verifier::parse(new).map_err(|_| bad.clone())?;
        let signed = |key: &Verifier, signature: &str| {
            base64::decode(signature).is_some_and(|bytes| key.verify(text.as_bytes(), &bytes))
        };
        let holds = current.vkey() == old
            && signed(current, by_old)
            && signed(&next, by_new)
            // The first log leads; the others follow it in the same batch.
            && (record.log == 0 || node_key.is_some_and(|key| key == next));
        if !holds {
            return Err(bad);
        }
        log.keys.push((record.seq, next));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::frame::Kind;

    #[test]
    fn both_tables_of_kinds_agree() {
        for (number, name) in KIND_NAMES.iter().enumerate().skip(1) {
            assert_eq!(Kind::from_number(number as u8).name(), *name);
        }
        assert_eq!(Kind::ALL.len() + 1, KIND_NAMES.len());
    }

    #[test]
    fn kinds_are_bound_to_bodies() {
        let body = br#"{"v":1,"ts":"2026","kind":"decision","x":1}"#;
        let later = br#"{"v":1,"ts":"2026","kind":"later","x":1}"#;
        assert!(kind_agrees(3, body));
        assert!(!kind_agrees(4, body));
        assert!(!kind_agrees(200, body));
        assert!(kind_agrees(200, later));
        assert!(!kind_agrees(3, later));
        assert!(!kind_agrees(3, b"{}"));
    }

    #[test]
    fn histories() {
        assert_eq!(history(b""), Some(vec![]));
        assert_eq!(history(b"a\n\nb\n\n"), Some(vec!["a\n\nb\n"]));
        assert_eq!(
            history(b"a\n\nb\n\nc\n\nd\n\n"),
            Some(vec!["a\n\nb\n", "c\n\nd\n"])
        );
        assert_eq!(history(b"a\n\nb\n"), None);
        assert_eq!(history(b"a\n\nb\n\nc"), None);
    }
}
