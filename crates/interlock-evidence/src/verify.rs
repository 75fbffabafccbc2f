//! The verifier: is this bundle what the log's key signed, and are its entries in the log?
//!
//! The rules and their order are those of `verifiers/FORMAT.md`; the first that fails gives the verdict.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use interlock_core::audit::checkpoint::Checkpoint;
use interlock_core::audit::keys::KeyEpochs;
use interlock_core::audit::note::{Note, Verifier};
use interlock_core::audit::tiles::tile_hashes;
use interlock_core::audit::{Hash, hex};
use sha2::{Digest, Sha256};

use crate::keys::Keys;
use crate::manifest::{FileEntry, Manifest, read_statement};
use crate::tiles::Tiles;
use crate::zip::read::{Archive, Member, ZipError};
use crate::{
    CHECKPOINT, CHECKPOINTS, ENTRIES, FILES_MAX, KEYS, MANIFEST, MANIFEST_BYTES_MAX, MANIFEST_NOTE,
    RANGES, SMALL_BYTES_MAX, name_is_valid, printable,
};

/// Longest entry.
const BODY_BYTES_MAX: usize = 65_535;
/// Most earlier checkpoints.
pub const CHECKPOINTS_MAX: usize = 64;
/// Most stretches of entries.
pub const RANGES_MAX: usize = 1 << 20;
/// Deepest directory of a bundle that was unpacked.
const DEPTH_MAX: usize = 16;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Every file is as it was signed, and every entry is in the log.
    Ok {
        /// Entries enclosed.
        entries: u64,
        /// Entries of the log.
        size: u64,
        /// Its root.
        root: Hash,
        /// Files, but for the manifest and its note.
        files: usize,
        /// Entries of kind `erasure` among them.
        redactions: u64,
    },
    /// An entry is not the one that the log has.
    Entry {
        /// Its number.
        seq: u64,
    },
    /// A file is not what was signed.
    Altered {
        /// Its name.
        file: String,
    },
    /// A file that was signed is not there.
    Missing {
        /// Its name.
        file: String,
    },
    /// A file is there that was not signed.
    Unlisted {
        /// Its name.
        file: String,
    },
    /// A checkpoint kept outside covers more than the log of the bundle has.
    Truncated {
        /// Entries of the log.
        size: u64,
        /// Entries that the checkpoint covers.
        expected: u64,
    },
    /// A checkpoint kept outside is of another history.
    Forked {
        /// Its size.
        size: u64,
    },
    /// A checkpoint kept outside cannot be held against this bundle: its tiles do not reach there.
    Unchecked {
        /// Its size.
        size: u64,
    },
    /// Not a bundle, or one with a file that none has.
    Refused {
        /// The file, as far as it can be printed.
        file: Option<String>,
    },
    /// A signature does not hold.
    Signature {
        /// The file that it is in.
        file: &'static str,
    },
    /// No usable key or checkpoint was handed in.
    Trust,
}

impl Verdict {
    /// The exit code: 0 ok, 1 altered, 2 something is missing, 3 no bundle, 4 signature or key, 5 ok
    /// with erased contents.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Self::Ok { redactions: 0, .. } => 0,
            Self::Entry { .. }
            | Self::Altered { .. }
            | Self::Unlisted { .. }
            | Self::Forked { .. } => 1,
            Self::Missing { .. } | Self::Truncated { .. } => 2,
            Self::Refused { .. } => 3,
            Self::Signature { .. } | Self::Trust | Self::Unchecked { .. } => 4,
            Self::Ok { .. } => 5,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok {
                entries,
                size,
                root,
                files,
                redactions,
            } => {
                write!(
                    f,
                    "ok entries={entries} size={size} root={} files={files}",
                    hex(root)
                )?;
                if *redactions > 0 {
                    write!(f, " redactions={redactions}")?;
                }
                Ok(())
            }
            Self::Entry { seq } => write!(f, "altered seq={seq} file={ENTRIES}"),
            Self::Altered { file } => write!(f, "altered file={file}"),
            Self::Missing { file } => write!(f, "missing file={file}"),
            Self::Unlisted { file } => write!(f, "unlisted file={file}"),
            Self::Truncated { size, expected } => {
                write!(f, "truncated size={size} expected={expected}")
            }
            Self::Forked { size } => write!(f, "altered checkpoint={size}"),
            Self::Unchecked { size } => write!(f, "unchecked checkpoint={size}"),
            Self::Refused { file: Some(file) } => write!(f, "refused file={file}"),
            Self::Refused { file: None } => f.write_str("refused zip"),
            Self::Signature { file } => write!(f, "signature file={file}"),
            Self::Trust => f.write_str("signature trust"),
        }
    }
}

/// The verdict, and what the signed manifest says where it came so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What was found.
    pub verdict: Verdict,
    /// The manifest, once its signature holds.
    pub manifest: Option<Manifest>,
}

/// What the reader trusts.
#[derive(Debug, Clone, Copy, Default)]
pub struct Trust<'a> {
    /// Keys that the log may begin with.
    pub vkeys: &'a [String],
    /// Signed checkpoints kept outside.
    pub checkpoints: &'a [String],
}

/// The files of a bundle: a zip, or the directory that one was unpacked to.
trait Files {
    /// Names and lengths.
    fn list(&self) -> Vec<(String, u64)>;
    /// Calls `f` with the content until it answers false; whether all of it was read and is whole.
    fn each(&mut self, name: &str, f: &mut dyn FnMut(&[u8]) -> bool) -> bool;

    fn whole(&mut self, name: &str, bytes_max: u64) -> Option<Vec<u8>> {
        let (_, bytes) = self.list().into_iter().find(|(known, _)| known == name)?;
        if bytes > bytes_max {
            return None;
        }
        let mut out = Vec::new();
        self.each(name, &mut |piece| {
            out.extend_from_slice(piece);
            out.len() as u64 <= bytes_max
        })
        .then_some(out)
    }
}

struct Zipped<R> {
    archive: Archive<R>,
    by_name: BTreeMap<String, Member>,
}

impl<R: Read + Seek> Files for Zipped<R> {
    fn list(&self) -> Vec<(String, u64)> {
        let named = |m: &Member| (m.name.clone(), m.bytes);
        self.archive.members.iter().map(named).collect()
    }

    fn each(&mut self, name: &str, f: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        let member = self.by_name.get(name);
        member.is_some_and(|member| self.archive.each(member, f).unwrap_or(false))
    }

    fn whole(&mut self, name: &str, bytes_max: u64) -> Option<Vec<u8>> {
        let member = self.by_name.get(name)?;
        self.archive.whole(member, bytes_max).ok().flatten()
    }
}

struct Unpacked {
    root: PathBuf,
    files: BTreeMap<String, u64>,
}

impl Unpacked {
    fn open(root: &Path) -> Result<Self, Verdict> {
        let mut files = BTreeMap::new();
        walk(root, "", 0, &mut files)?;
        Ok(Self {
            root: root.to_owned(),
            files,
        })
    }
}

fn walk(
    root: &Path,
    below: &str,
    depth: usize,
    files: &mut BTreeMap<String, u64>,
) -> Result<(), Verdict> {
    let entries =
        std::fs::read_dir(root.join(below)).map_err(|_| Verdict::Refused { file: None })?;
    for entry in entries.flatten() {
        let raw = entry.file_name();
        let bytes = raw.as_encoded_bytes();
        let name = match raw.to_str() {
            Some(name) if below.is_empty() => name.to_owned(),
            Some(name) => format!("{below}/{name}"),
            None => printable(bytes),
        };
        let kind = entry
            .file_type()
            .map_err(|_| Verdict::Refused { file: None })?;
        // A link may lead anywhere.
        if !name_is_valid(&name)
            || depth > DEPTH_MAX
            || files.len() >= FILES_MAX
            || kind.is_symlink()
        {
            return Err(Verdict::Refused {
                file: Some(printable(name.as_bytes())),
            });
        }
        if kind.is_dir() {
            walk(root, &name, depth + 1, files)?;
        } else {
            let length = entry.metadata().map_or(0, |m| m.len());
            files.insert(name, length);
        }
    }
    Ok(())
}

impl Files for Unpacked {
    fn list(&self) -> Vec<(String, u64)> {
        self.files.iter().map(|(n, l)| (n.clone(), *l)).collect()
    }

    fn each(&mut self, name: &str, f: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        let Ok(mut file) = File::open(self.root.join(name)) else {
            return false;
        };
        let mut piece = vec![0; 256 * 1024];
        loop {
            match file.read(&mut piece) {
                Ok(0) => return true,
                Ok(n) => {
                    if !f(piece.get(..n).unwrap_or_default()) {
                        return false;
                    }
                }
                Err(_) => return false,
            }
        }
    }
}

/// Verifies a bundle: a zip, or the directory that one was unpacked to.
///
/// # Errors
/// When there is no such file, or it cannot be opened.
pub fn verify_path(path: &Path, trust: Trust<'_>) -> io::Result<Report> {
    if path.is_dir() {
        let mut found = None;
        let verdict = Unpacked::open(path)
            .and_then(|mut files| check(&mut files, trust, &mut found))
            .unwrap_or_else(|bad| bad);
        return Ok(Report {
            verdict,
            manifest: found,
        });
    }
    Ok(verify_zip(File::open(path)?, trust))
}

/// Verifies a bundle that is a zip.
pub fn verify_zip<R: Read + Seek>(from: R, trust: Trust<'_>) -> Report {
    let mut manifest = None;
    let verdict = match Archive::open(from) {
        Ok(archive) => {
            let by_name = archive
                .members
                .iter()
                .map(|m| (m.name.clone(), m.clone()))
                .collect();
            let mut files = Zipped { archive, by_name };
            check(&mut files, trust, &mut manifest).unwrap_or_else(|bad| bad)
        }
        Err(ZipError::File(file)) => Verdict::Refused { file: Some(file) },
        Err(_) => Verdict::Refused { file: None },
    };
    Report { verdict, manifest }
}

fn altered(file: &str) -> Verdict {
    Verdict::Altered {
        file: file.to_owned(),
    }
}

fn text(bytes: &[u8]) -> Option<&str> {
    core::str::from_utf8(bytes).ok()
}

/// A checkpoint that the key of its epoch signed.
fn checkpoint(note: &str, epochs: &KeyEpochs) -> Option<Checkpoint> {
    let note = Note::parse(note).ok()?;
    let checkpoint = Checkpoint::parse(note.text)?;
    note.verify(&[epochs.for_size(checkpoint.size)?]).ok()?;
    Some(checkpoint)
}

fn check(
    files: &mut dyn Files,
    trust: Trust<'_>,
    found: &mut Option<Manifest>,
) -> Result<Verdict, Verdict> {
    let vkeys = trust
        .vkeys
        .iter()
        .map(|vkey| Verifier::parse(vkey.trim()).map_err(|_| Verdict::Trust))
        .collect::<Result<Vec<_>, _>>()?;
    if vkeys.is_empty() {
        return Err(Verdict::Trust);
    }
    let listed: BTreeMap<String, u64> = files.list().into_iter().collect();
    for name in [MANIFEST, MANIFEST_NOTE, KEYS] {
        if !listed.contains_key(name) {
            return Err(Verdict::Missing {
                file: name.to_owned(),
            });
        }
    }

    // Who signs.
    let keys: Keys = files
        .whole(KEYS, SMALL_BYTES_MAX)
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .ok_or(Verdict::Signature { file: KEYS })?;
    let epochs = keys
        .epochs(&vkeys)
        .ok_or(Verdict::Signature { file: KEYS })?;

    // What they signed.
    let unsigned = || Verdict::Signature {
        file: MANIFEST_NOTE,
    };
    let note = files
        .whole(MANIFEST_NOTE, SMALL_BYTES_MAX)
        .ok_or_else(unsigned)?;
    let note = text(&note)
        .and_then(|text| Note::parse(text).ok())
        .ok_or_else(unsigned)?;
    let (origin, size, digest) = read_statement(note.text).ok_or_else(unsigned)?;
    let key = epochs.for_size(size).ok_or_else(unsigned)?;
    if origin != keys.origin || note.verify(&[key]).is_err() {
        return Err(unsigned());
    }
    let bytes = files
        .whole(MANIFEST, MANIFEST_BYTES_MAX)
        .filter(|bytes| Hash::from(Sha256::digest(bytes)) == digest)
        .ok_or_else(|| altered(MANIFEST))?;
    let manifest = Manifest::parse(&bytes)
        .filter(|m| m.origin == origin && m.size == size)
        .ok_or_else(|| altered(MANIFEST))?;
    drop(bytes);
    let manifest = found.insert(manifest);

    // Each file that was signed, and no other.
    let mut signed = BTreeSet::from([MANIFEST, MANIFEST_NOTE]);
    for file in &manifest.files {
        if !listed.contains_key(&file.name) {
            return Err(Verdict::Missing {
                file: file.name.clone(),
            });
        }
        if !signed.insert(&file.name) {
            return Err(altered(MANIFEST));
        }
    }
    if let Some(file) = listed.keys().find(|name| !signed.contains(name.as_str())) {
        return Err(Verdict::Unlisted { file: file.clone() });
    }
    let mut entries = None;
    for file in &manifest.files {
        let fits = listed.get(&file.name) == Some(&file.bytes);
        if file.name == ENTRIES {
            entries = Some(file);
        } else if !fits || digest_of(files, &file.name).as_deref() != Some(file.sha256.as_str()) {
            return Err(altered(&file.name));
        }
    }
    let missing = |name: &str| Verdict::Missing {
        file: name.to_owned(),
    };
    let entries = entries.ok_or_else(|| missing(ENTRIES))?;
    let mut whole = |name: &str| {
        if !signed.contains(name) {
            return Err(missing(name));
        }
        files
            .whole(name, SMALL_BYTES_MAX)
            .ok_or_else(|| altered(name))
    };

    // The log.
    let newest = whole(CHECKPOINT)?;
    let head = text(&newest)
        .and_then(|note| checkpoint(note, &epochs))
        .ok_or(Verdict::Signature { file: CHECKPOINT })?;
    if head.origin != manifest.origin || head.size != manifest.size {
        return Err(altered(CHECKPOINT));
    }
    let past = whole(CHECKPOINTS)?;
    let ranges = text(&whole(RANGES)?)
        .and_then(|text| read_ranges(text, manifest))
        .ok_or_else(|| altered(RANGES))?;
    let tiles = read_tiles(files, &signed, head.size)?;
    if let Some((level, index)) = tiles.first_misfit() {
        return Err(altered(&format!("tile/{level}#{index}")));
    }
    if tiles.root(head.size) != Some(head.root) {
        return Err(altered("tile"));
    }
    let past = text(&past)
        .and_then(history)
        .ok_or_else(|| altered(CHECKPOINTS))?;
    for note in past {
        let earlier = checkpoint(note, &epochs)
            .filter(|c| c.origin == head.origin && c.size <= head.size)
            .ok_or(Verdict::Signature { file: CHECKPOINTS })?;
        if tiles.root(earlier.size) != Some(earlier.root) {
            return Err(altered(CHECKPOINTS));
        }
    }
    for note in trust.checkpoints {
        let outside = checkpoint(note, &epochs)
            .filter(|c| c.origin == head.origin)
            .ok_or(Verdict::Trust)?;
        if outside.size > head.size {
            return Err(Verdict::Truncated {
                size: head.size,
                expected: outside.size,
            });
        }
        match tiles.root(outside.size) {
            Some(root) if root == outside.root => {}
            Some(_) => return Err(Verdict::Forked { size: outside.size }),
            None => return Err(Verdict::Unchecked { size: outside.size }),
        }
    }

    // The entries.
    let redactions = check_entries(files, &ranges, &tiles, entries, listed.get(ENTRIES))?;
    Ok(Verdict::Ok {
        entries: manifest.entries,
        size: head.size,
        root: head.root,
        files: manifest.files.len(),
        redactions,
    })
}

fn digest_of(files: &mut dyn Files, name: &str) -> Option<String> {
    let mut digest = Sha256::new();
    files
        .each(name, &mut |piece| {
            digest.update(piece);
            true
        })
        .then(|| hex(&digest.finalize()))
}

/// The notes of a file, an empty line after each; `None` where one cannot be told from the next.
fn history(text: &str) -> Option<Vec<&str>> {
    let mut notes = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let body = rest.find("\n\n")? + 2;
        let end = body + rest.get(body..)?.find("\n\n")? + 2;
        notes.push(rest.get(..end - 1)?);
        rest = rest.get(end..)?;
        if notes.len() > CHECKPOINTS_MAX {
            return None;
        }
    }
    Some(notes)
}

/// First entry and number of entries of each stretch: apart from each other, in order, inside the
/// log, and together as many as the manifest says.
fn read_ranges(text: &str, manifest: &Manifest) -> Option<Vec<(u64, u64)>> {
    let mut lines = text.strip_suffix('\n')?.split('\n');
    if lines.next() != Some("first,count") {
        return None;
    }
    let mut ranges = Vec::new();
    let (mut next, mut entries) = (0, 0u64);
    for line in lines {
        let (first, count) = line.split_once(',')?;
        let first = interlock_core::audit::checkpoint::decimal(first)?;
        let count = interlock_core::audit::checkpoint::decimal(count)?;
        let end = first.checked_add(count)?;
        if first < next || count == 0 || end > manifest.size || ranges.len() >= RANGES_MAX {
            return None;
        }
        next = end + 1;
        entries += count;
        ranges.push((first, count));
    }
    (entries == manifest.entries).then_some(ranges)
}

fn read_tiles(files: &mut dyn Files, signed: &BTreeSet<&str>, size: u64) -> Result<Tiles, Verdict> {
    let mut tiles = Tiles::new(size);
    let mut left = signed.iter().filter(|n| n.starts_with("tile/")).count();
    for (path, level, index, width, must) in Tiles::wanted(size) {
        if signed.contains(path.as_str()) {
            let hashes = files
                .whole(&path, width * 32)
                .and_then(|bytes| tile_hashes(&bytes))
                .filter(|hashes| hashes.len() as u64 == width)
                .ok_or_else(|| altered(&path))?;
            tiles.insert(level, index, hashes);
            left -= 1;
        } else if must {
            return Err(Verdict::Missing { file: path });
        }
    }
    // One that no log of this size has.
    if left > 0 {
        return Err(altered(MANIFEST));
    }
    Ok(tiles)
}

/// Whether a body is of kind `erasure`: `{"v":<digits>,"ts":"<time>","kind":"erasure"`.
fn is_erasure(body: &[u8]) -> bool {
    let head = body.get(..body.len().min(120)).unwrap_or_default();
    let rest = head.strip_prefix(b"{\"v\":").map(|rest| {
        let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        rest.get(digits..).unwrap_or_default()
    });
    let rest = rest
        .and_then(|rest| rest.strip_prefix(b",\"ts\":\""))
        .map(|rest| {
            let time = rest.iter().take_while(|b| **b != b'"').count();
            rest.get(time..).unwrap_or_default()
        });
    rest.is_some_and(|rest| rest.starts_with(b"\",\"kind\":\"erasure\""))
}

/// Holds each line against its leaf; how many are erasures.
fn check_entries(
    files: &mut dyn Files,
    ranges: &[(u64, u64)],
    tiles: &Tiles,
    file: &FileEntry,
    length: Option<&u64>,
) -> Result<u64, Verdict> {
    let mut seqs = ranges
        .iter()
        .flat_map(|(first, count)| *first..first + count);
    let mut expected = seqs.next();
    let mut bad = None;
    let mut redactions = 0;
    let mut digest = Sha256::new();
    let mut rest: Vec<u8> = Vec::new();
    let mut line = |body: &[u8]| -> bool {
        let Some(seq) = expected else {
            return false;
        };
        let leaf: Hash = Sha256::new()
            .chain_update([0])
            .chain_update(body)
            .finalize()
            .into();
        if tiles.leaf(seq) != Some(&leaf) {
            bad = Some(seq);
            return false;
        }
        redactions += u64::from(is_erasure(body));
        expected = seqs.next();
        true
    };
    let whole = files.each(ENTRIES, &mut |piece| {
        digest.update(piece);
        let mut piece = piece;
        while let Some(end) = piece.iter().position(|b| *b == b'\n') {
            let (head, tail) = piece.split_at(end);
            let sound = if rest.is_empty() {
                line(head)
            } else {
                rest.extend_from_slice(head);
                let sound = line(&rest);
                rest.clear();
                sound
            };
            if !sound {
                return false;
            }
            piece = tail.get(1..).unwrap_or_default();
        }
        rest.extend_from_slice(piece);
        rest.len() <= BODY_BYTES_MAX
    });
    // A line that does not fit, or the first one that is not there whole.
    if let Some(seq) = bad.or(expected) {
        return Err(Verdict::Entry { seq });
    }
    let same = hex(&digest.finalize()) == file.sha256 && length == Some(&file.bytes);
    if whole && rest.is_empty() && same {
        Ok(redactions)
    } else {
        Err(altered(ENTRIES))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn erasures_are_told_by_their_head() {
        assert!(is_erasure(
            b"{\"v\":1,\"ts\":\"2026-01-01T00:00:00Z\",\"kind\":\"erasure\",\"a\":1}"
        ));
        for not in [
            &b"{\"v\":1,\"ts\":\"2026\",\"kind\":\"decision\",\"x\":{\"kind\":\"erasure\"}}"[..],
            b"{\"ts\":\"2026\",\"kind\":\"erasure\"}",
            b"",
            b"{\"v\":1",
        ] {
            assert!(!is_erasure(not));
        }
    }
}
