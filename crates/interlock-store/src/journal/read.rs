//! Reading entries and proving them.

use super::error::JournalError;
use super::recover::corrupt;
use super::state::{Index, Position, Segment, State, decode_snapshot, log_path, snapshot_path};
use super::{Entry, Head, Journal, Shared};
use interlock_core::audit::frame::{self, FrameError, HEADER_BYTES, Header};
use interlock_core::audit::merkle::{self, Frontier, Nodes, ProofError};
use interlock_core::audit::note::Note;
use interlock_core::audit::proof::TlogProof;
use interlock_core::audit::segment::SEGMENT_HEADER_BYTES;
use interlock_core::audit::{Hash, checkpoint, tiles};
use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, PoisonError};

/// A record where it stands.
type Found<'a> = (Position, Header, &'a [u8]);
/// Called with each record; ends the walk by breaking.
pub(super) type OnRecord<'a> = dyn FnMut(Position, &Header, &[u8]) -> ControlFlow<()> + 'a;
type Tiles = HashMap<(u8, u64), Arc<Vec<Hash>>>;

const CHUNK_BYTES: usize = 256 * 1024;
const TILE_WIDTH: u64 = tiles::TILE_WIDTH;

/// Walks the records of the journal in physical order, up to what was visible at the start.
struct Walk {
    segments: Vec<Arc<Segment>>,
    at: Position,
    end: Position,
    buffer: Vec<u8>,
    /// Offset in the segment of the first byte of `buffer`.
    buffered: u64,
    /// The segment that `buffer` is of.
    of: Option<u64>,
}

impl Walk {
    fn new(state: &State, from: Position) -> Self {
        let first = usize::try_from(from.segment).unwrap_or(usize::MAX);
        Self {
            segments: state.segments.get(first..).unwrap_or_default().to_vec(),
            at: Position {
                segment: from.segment,
                offset: from.offset.max(SEGMENT_HEADER_BYTES as u64),
            },
            end: state.end,
            buffer: Vec::new(),
            buffered: 0,
            of: None,
        }
    }

    /// The next record: its place, header and body.
    fn next(&mut self) -> Result<Option<Found<'_>>, JournalError> {
        loop {
            if self.at >= self.end {
                return Ok(None);
            }
            let Some(segment) = self.segments.first().cloned() else {
                return Ok(None);
            };
            if segment.number < self.at.segment {
                self.segments.remove(0);
                continue;
            }
            let damaged = |at: Position| corrupt(at.segment, at.offset as usize, "damaged record");
            match self.fill(&segment)? {
                Some(length) => {
                    let position = self.at;
                    self.at.offset += length as u64;
                    let start = (position.offset - self.buffered) as usize;
                    let record = &self.buffer[start..start + length];
                    let (header, body, _) = frame::decode(record).map_err(|_| damaged(position))?;
                    return Ok(Some((position, header, body)));
                }
                None if self.at.segment == self.end.segment => return Err(damaged(self.at)),
                None => {
                    self.at = Position {
                        segment: self.at.segment + 1,
                        offset: SEGMENT_HEADER_BYTES as u64,
                    };
                }
            }
        }
    }

    /// Makes the record at `at` available in the buffer; its length on disk, or none at the end of
    /// the segment.
    fn fill(&mut self, segment: &Segment) -> Result<Option<usize>, JournalError> {
        for attempt in 0..2 {
            if self.of == Some(segment.number) && self.at.offset >= self.buffered {
                let start = (self.at.offset - self.buffered) as usize;
                let rest = self.buffer.get(start..).unwrap_or_default();
                match frame::decode(rest) {
                    Ok((.., length)) => return Ok(Some(length)),
                    Err(FrameError::Empty) => return Ok(None),
                    Err(FrameError::Short) if attempt == 0 => {}
                    Err(FrameError::Short) if rest.len() < HEADER_BYTES => return Ok(None),
                    Err(_) => {
                        let offset = self.at.offset as usize;
                        return Err(corrupt(segment.number, offset, "damaged record"));
                    }
                }
            }
            self.buffer.resize(CHUNK_BYTES, 0);
            let mut filled = 0;
            while filled < CHUNK_BYTES {
                let n = segment
                    .file
                    .read_at(&mut self.buffer[filled..], self.at.offset + filled as u64)
                    .map_err(JournalError::io("reading the journal"))?;
                if n == 0 {
                    break;
                }
                filled += n;
            }
            self.buffer.truncate(filled);
            self.buffered = self.at.offset;
            self.of = Some(segment.number);
        }
        Ok(None)
    }
}

impl Shared {
    /// The index of a sealed segment: from its snapshot, or else from its records.
    fn index_of(
        &self,
        segments: &[Arc<Segment>],
        number: usize,
    ) -> Result<Arc<Index>, JournalError> {
        let segment = segments.get(number).ok_or(JournalError::Closed)?;
        if let Some(index) = segment.index.get() {
            return Ok(index.clone());
        }
        let snapshot = self
            .vfs
            .read(&snapshot_path(segment.number))
            .ok()
            .and_then(|bytes| decode_snapshot(&bytes, segment.number));
        let index = match snapshot {
            Some(snapshot) => snapshot.index,
            None => {
                let ends = match number.checked_sub(1) {
                    Some(before) => self.index_of(segments, before)?.ends.clone(),
                    None => Vec::new(),
                };
                let mut index = Index::starting(ends);
                let mut walk = Walk {
                    segments: vec![segment.clone()],
                    at: Position {
                        segment: segment.number,
                        offset: SEGMENT_HEADER_BYTES as u64,
                    },
                    end: Position {
                        segment: segment.number + 1,
                        offset: 0,
                    },
                    buffer: Vec::new(),
                    buffered: 0,
                    of: None,
                };
                while let Some((position, header, _)) = walk.next()? {
                    index.add(header.log as usize, header.seq, position.offset);
                }
                index
            }
        };
        Ok(segment.index.get_or_init(|| Arc::new(index)).clone())
    }

    /// A walk that starts at or before entry `seq` of `log`, which exists.
    fn walk_to(&self, log: usize, seq: u64) -> Result<Walk, JournalError> {
        let (segments, live, walk) = {
            let state = self.state();
            let live = state.segments.len().saturating_sub(1);
            let in_live = match live.checked_sub(1) {
                // Entries of the last segment need no index from disk.
                Some(_) => state.live.before(log, seq).is_some(),
                None => true,
            };
            if in_live {
                let offset = state.live.before(log, seq).unwrap_or(0);
                let segment = live as u64;
                return Ok(Walk::new(&state, Position { segment, offset }));
            }
            (
                state.segments.clone(),
                live,
                Walk::new(&state, Position::default()),
            )
        };
        let (mut low, mut high) = (0, live);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.index_of(&segments, middle)?.end(log) > seq {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        let offset = match low < live {
            true => self.index_of(&segments, low)?.before(log, seq).unwrap_or(0),
            false => 0,
        };
        Ok(Walk {
            segments: segments.get(low..).unwrap_or_default().to_vec(),
            at: Position {
                segment: low as u64,
                offset: offset.max(SEGMENT_HEADER_BYTES as u64),
            },
            ..walk
        })
    }

    /// Calls `f` with the entries of `log` from `seq` on until it breaks.
    pub(super) fn entries(
        &self,
        log: usize,
        seq: u64,
        f: &mut OnRecord<'_>,
    ) -> Result<(), JournalError> {
        let mut walk = self.walk_to(log, seq)?;
        while let Some((position, header, body)) = walk.next()? {
            if header.log as usize == log
                && header.seq >= seq
                && f(position, &header, body).is_break()
            {
                break;
            }
        }
        Ok(())
    }

    pub(super) fn log_of(&self, tenant: &str) -> Result<(usize, String, Frontier), JournalError> {
        let state = self.state();
        let log = state.by_tenant.get(tenant).copied();
        let found = log.and_then(|n| Some((n, state.logs.get(n)?)));
        found
            .map(|(n, log)| (n, log.id.clone(), log.frontier.clone()))
            .ok_or_else(|| JournalError::UnknownTenant(tenant.to_owned()))
    }
}

/// The subtrees of one log, from tiles on disk as far as they exist; full tiles that do not are
/// computed from the journal and stored for the next time.
struct TileNodes<'a> {
    shared: &'a Shared,
    log: usize,
    id: String,
    size: u64,
    tiles: RefCell<Tiles>,
    error: RefCell<Option<JournalError>>,
    trust_disk: bool,
}

impl TileNodes<'_> {
    fn tile(&self, level: u8, index: u64) -> Option<Arc<Vec<Hash>>> {
        if let Some(tile) = self.tiles.borrow().get(&(level, index)) {
            return Some(tile.clone());
        }
        let (full, partial) = tiles::widths(level, self.size);
        let width = if index < full { TILE_WIDTH } else { partial };
        let path = log_path(&self.id, &tiles::tile_path(level, index, width));
        let stored = (width == TILE_WIDTH && self.trust_disk)
            .then(|| self.shared.vfs.read(&path).ok())
            .flatten()
            .and_then(|bytes| tiles::tile_hashes(&bytes))
            .filter(|hashes| hashes.len() as u64 == TILE_WIDTH);
        let hashes = match stored {
            Some(hashes) => hashes,
            None => {
                let hashes = match level.checked_sub(1) {
                    None => self.leaves(index * TILE_WIDTH, width)?,
                    Some(below) => (0..width)
                        .map(|n| {
                            let tile = self.tile(below, index * TILE_WIDTH + n)?;
                            Some(root_of(&tile))
                        })
                        .collect::<Option<_>>()?,
                };
                if width == TILE_WIDTH {
                    self.store(&path, &hashes);
                }
                hashes
            }
        };
        let tile = Arc::new(hashes);
        self.tiles.borrow_mut().insert((level, index), tile.clone());
        Some(tile)
    }

    fn store(&self, path: &str, hashes: &[Hash]) {
        let dir = path.rsplit_once('/').map_or("", |(dir, _)| dir);
        let stored = self.shared.vfs.create_dir(dir).and_then(|()| {
            let file = self.shared.vfs.create(path)?;
            file.write_at(&tiles::tile_bytes(hashes), 0)
        });
        if let Err(error) = stored {
            tracing::warn!(%error, "cannot store a tile");
        }
    }

    fn leaves(&self, from: u64, count: u64) -> Option<Vec<Hash>> {
        let mut leaves = Vec::with_capacity(count as usize);
        let read = self.shared.entries(self.log, from, &mut |_, header, _| {
            leaves.push(header.leaf);
            if (leaves.len() as u64) < count {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
        if let Err(error) = read {
            *self.error.borrow_mut() = Some(error);
            return None;
        }
        (leaves.len() as u64 == count).then_some(leaves)
    }
}

fn root_of(hashes: &[Hash]) -> Hash {
    let mut frontier = Frontier::default();
    for hash in hashes {
        frontier.push(*hash);
    }
    frontier.root()
}

impl Nodes for TileNodes<'_> {
    fn node(&self, level: u8, index: u64) -> Option<Hash> {
        let (tile_level, height) = (level / 8, level % 8);
        let first = index.checked_shl(u32::from(height))?;
        let tile = self.tile(tile_level, first / TILE_WIDTH)?;
        let start = (first % TILE_WIDTH) as usize;
        let hashes = tile.get(start..start + (1 << height))?;
        Some(root_of(hashes))
    }
}

impl Journal {
    /// Up to `limit` entries of the tenant's log from `from_seq` on.
    ///
    /// # Errors
    ///
    /// When there is no such log, or the journal cannot be read.
    pub fn read(
        &self,
        tenant: &str,
        from_seq: u64,
        limit: usize,
    ) -> Result<Vec<Entry>, JournalError> {
        let (log, _, frontier) = self.shared().log_of(tenant)?;
        let mut entries = Vec::new();
        if from_seq >= frontier.size() || limit == 0 {
            return Ok(entries);
        }
        let last = frontier.size() - 1;
        self.shared()
            .entries(log, from_seq, &mut |position, header, body| {
                entries.push(entry(position, header, body));
                if entries.len() == limit || header.seq == last {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            })?;
        Ok(entries)
    }

    /// Calls `f` with every entry of every log from `from` on, in physical order, until it breaks
    /// or all that was visible at the start is read; answers where to go on.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn for_each(
        &self,
        from: Position,
        f: &mut dyn FnMut(&str, &Entry) -> ControlFlow<()>,
    ) -> Result<Position, JournalError> {
        let (mut walk, tenants) = {
            let state = self.shared().state();
            let tenants: Vec<Arc<str>> = state.logs.iter().map(|l| l.tenant.clone()).collect();
            (Walk::new(&state, from), tenants)
        };
        while let Some((position, header, body)) = walk.next()? {
            let entry = entry(position, &header, body);
            let tenant = tenants
                .get(header.log as usize)
                .ok_or(JournalError::Closed)?;
            if f(tenant, &entry).is_break() {
                break;
            }
        }
        Ok(walk.at)
    }

    /// Where the next entry will be.
    #[must_use]
    pub fn end(&self) -> Position {
        self.shared().state().end
    }

    /// How many entries all logs have together.
    #[must_use]
    pub fn entries(&self) -> u64 {
        let state = self.shared().state();
        state.logs.iter().map(super::state::LogState::size).sum()
    }

    /// The tenants that have a log, in the order of its creation; the first is the node's own.
    #[must_use]
    pub fn tenants(&self) -> Vec<String> {
        let state = self.shared().state();
        state
            .logs
            .iter()
            .map(|log| log.tenant.to_string())
            .collect()
    }

    /// The end of the tenant's log.
    #[must_use]
    pub fn head(&self, tenant: &str) -> Option<Head> {
        let state = self.shared().state();
        let log = state.logs.get(*state.by_tenant.get(tenant)?)?;
        Some(Head {
            size: log.size(),
            root: log.frontier.root(),
            link: log.link,
            origin: log.origin.clone(),
            id: log.id.clone(),
        })
    }

    /// Runs `make` over the subtrees of the first `size` entries, and again without the stored
    /// tiles if the root they give is not the known one.
    fn prove<T>(
        &self,
        tenant: &str,
        size: u64,
        make: impl Fn(&dyn Nodes) -> Result<T, ProofError>,
    ) -> Result<T, JournalError> {
        let shared = self.shared();
        let (log, id, frontier) = shared.log_of(tenant)?;
        if size > frontier.size() {
            return Err(JournalError::Range {
                index: size,
                size: frontier.size(),
            });
        }
        // One at a time: tiles are written in place.
        let _one = shared.tiles.lock().unwrap_or_else(PoisonError::into_inner);
        for trust_disk in [true, false] {
            let nodes = TileNodes {
                shared,
                log,
                id: id.clone(),
                size: frontier.size(),
                tiles: RefCell::default(),
                error: RefCell::default(),
                trust_disk,
            };
            let known = merkle::root(&nodes, frontier.size());
            if let Some(error) = nodes.error.borrow_mut().take() {
                return Err(error);
            }
            if known == Ok(frontier.root()) {
                let made = make(&nodes);
                if let Some(error) = nodes.error.borrow_mut().take() {
                    return Err(error);
                }
                match made {
                    Ok(made) => return Ok(made),
                    Err(error) if !trust_disk => return Err(error.into()),
                    Err(_) => {}
                }
            }
        }
        Err(ProofError::Root.into())
    }

    /// Siblings of entry `seq` in the tree of the first `size` entries (RFC 6962, 2.1.1).
    ///
    /// # Errors
    ///
    /// When `seq` is not below `size`, or `size` exceeds the log.
    pub fn inclusion_proof(
        &self,
        tenant: &str,
        seq: u64,
        size: u64,
    ) -> Result<Vec<Hash>, JournalError> {
        if seq >= size {
            return Err(JournalError::Range { index: seq, size });
        }
        let root = self.root_at(tenant, size)?;
        let leaf = self.read(tenant, seq, 1)?.first().map(|entry| entry.leaf);
        let leaf = leaf.ok_or(JournalError::Range { index: seq, size })?;
        self.prove(tenant, size, |nodes| {
            let proof = merkle::inclusion_proof(nodes, seq, size)?;
            merkle::verify_inclusion(&leaf, seq, size, &proof, &root)?;
            Ok(proof)
        })
    }

    /// The hashes that show the tree of `new` entries to extend that of `old` (RFC 6962, 2.1.2).
    ///
    /// # Errors
    ///
    /// When `old` exceeds `new`, or `new` the log.
    pub fn consistency_proof(
        &self,
        tenant: &str,
        old: u64,
        new: u64,
    ) -> Result<Vec<Hash>, JournalError> {
        if old > new {
            return Err(JournalError::Range {
                index: old,
                size: new,
            });
        }
        self.prove(tenant, new, |nodes| {
            merkle::consistency_proof(nodes, old, new)
        })
    }

    /// The root of the first `size` entries.
    ///
    /// # Errors
    ///
    /// When `size` exceeds the log.
    pub fn root_at(&self, tenant: &str, size: u64) -> Result<Hash, JournalError> {
        self.prove(tenant, size, |nodes| merkle::root(nodes, size))
    }

    /// The text of a `.tlog-proof` file for entry `seq`, under the newest checkpoint, or a new one
    /// if that does not cover it.
    ///
    /// # Errors
    ///
    /// When there is no such entry, or the journal stopped.
    pub fn tlog_proof(&self, tenant: &str, seq: u64) -> Result<String, JournalError> {
        let (log, _, frontier) = self.shared().log_of(tenant)?;
        if seq >= frontier.size() {
            return Err(JournalError::Range {
                index: seq,
                size: frontier.size(),
            });
        }
        let signed = {
            let state = self.shared().state();
            let signed = state.logs.get(log).and_then(|log| log.signed.clone());
            signed.filter(|signed| signed.size > seq)
        };
        let note = match signed {
            Some(signed) => signed.note.to_string(),
            None => self.checkpoint(tenant)?,
        };
        let size = size_of(&note).ok_or(JournalError::Key("unreadable checkpoint"))?;
        let proof = TlogProof {
            extra: None,
            index: seq,
            hashes: self.inclusion_proof(tenant, seq, size)?,
            checkpoint: note,
        };
        Ok(proof.text())
    }

    /// Writes the tenant's log as a tlog-tiles folder: `checkpoint`, `tile/` with entry bundles,
    /// and `genesis.json`.
    ///
    /// # Errors
    ///
    /// When there is no such log, or a file cannot be written.
    pub fn export_tiles(&self, tenant: &str, out: &Path) -> Result<(), JournalError> {
        let note = self.checkpoint(tenant)?;
        let size = size_of(&note).ok_or(JournalError::Key("unreadable checkpoint"))?;
        let (log, id, _) = self.shared().log_of(tenant)?;
        let write = |path: &str, bytes: &[u8]| {
            let path = out.join(path);
            path.parent()
                .map_or(Ok(()), fs::create_dir_all)
                .and_then(|()| fs::write(path, bytes))
                .map_err(JournalError::io("writing an export"))
        };
        let genesis = self
            .shared()
            .state()
            .logs
            .get(log)
            .map(|log| log.genesis.clone());
        write("genesis.json", &genesis.unwrap_or_default())?;
        let mut bundle = Vec::new();
        let mut failed = Ok(());
        self.shared().entries(log, 0, &mut |_, header, body| {
            let fits = tiles::push_entry(&mut bundle, body);
            debug_assert!(fits, "bodies are at most 65,535 bytes");
            let width = header.seq % TILE_WIDTH + 1;
            let last = header.seq + 1 == size;
            if width == TILE_WIDTH || last {
                failed = write(&tiles::bundle_path(header.seq / TILE_WIDTH, width), &bundle);
                bundle.clear();
            }
            if last || failed.is_err() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        failed?;
        let shared = self.shared();
        let one = shared.tiles.lock().unwrap_or_else(PoisonError::into_inner);
        let nodes = TileNodes {
            shared,
            log,
            id,
            size,
            tiles: RefCell::default(),
            error: RefCell::default(),
            // An export is built from the entries, not from what may lie about.
            trust_disk: false,
        };
        for level in 0..8 {
            let (full, partial) = tiles::widths(level, size);
            if full == 0 && partial == 0 {
                break;
            }
            for index in 0..full + u64::from(partial > 0) {
                let width = if index < full { TILE_WIDTH } else { partial };
                let tile = nodes
                    .tile(level, index)
                    .ok_or(ProofError::Missing { level, index })?;
                write(
                    &tiles::tile_path(level, index, width),
                    &tiles::tile_bytes(&tile),
                )?;
            }
        }
        drop(one);
        // Last, so that a reader who finds it finds the tiles too.
        write("checkpoint", note.as_bytes())
    }
}

fn size_of(note: &str) -> Option<u64> {
    let text = Note::parse(note).ok()?.text;
    Some(checkpoint::Checkpoint::parse(text)?.size)
}

fn entry(position: Position, header: &Header, body: &[u8]) -> Entry {
    Entry {
        seq: header.seq,
        kind: header.kind,
        body: body.to_vec(),
        leaf: header.leaf,
        link: header.link,
        position,
    }
}
