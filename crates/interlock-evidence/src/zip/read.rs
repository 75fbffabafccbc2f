//! Reading a zip that somebody hands in: strictly, and within limits.
//!
//! What is read is the central directory, at the very end; a local header must name the same file.
//! Times, attributes and comments are not looked at. Nothing of a stranger's is ever unpacked to disk.

use std::collections::BTreeSet;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use flate2::{Decompress, FlushDecompress, Status};

use super::{CENTRAL, END, END64, LOCAL, LOCATOR64};
use crate::{FILES_MAX, name_is_valid, printable};

/// Largest central directory.
const DIRECTORY_BYTES_MAX: u64 = 256 << 20;
const END_BYTES: u64 = 22;
const LOCATOR_BYTES: u64 = 20;
const END64_BYTES: u64 = 56;

/// Why it is not a bundle.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ZipError {
    /// Not a zip of the kind that bundles are.
    #[error("not a zip as bundles are: {0}")]
    Form(&'static str),
    /// A file that no bundle has: its name is unsafe, or there twice, or it is packed otherwise.
    #[error("file `{0}` is refused")]
    File(String),
    /// It cannot be read.
    #[error("cannot read: {0}")]
    Io(#[from] io::Error),
}

/// A file of the zip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Its length, as declared.
    pub bytes: u64,
    packed: u64,
    at: u64,
    deflated: bool,
}

/// A zip, opened.
#[derive(Debug)]
pub struct Archive<R> {
    from: BufReader<R>,
    length: u64,
    /// The files, in the order of the directory.
    pub members: Vec<Member>,
}

struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }
    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes(self.take()?))
    }
    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take()?))
    }
    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take()?))
    }
    fn bytes(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(head)
    }
}

/// Where the directory is: offset, length, entries.
fn directory(end: &[u8], far: Option<&[u8]>) -> Option<(u64, u64, u64)> {
    let mut fields = Fields(end);
    let (mark, disk, start) = (fields.u32()?, fields.u16()?, fields.u16()?);
    let (here, count) = (fields.u16()?, fields.u16()?);
    let (bytes, at, comment) = (fields.u32()?, fields.u32()?, fields.u16()?);
    if (mark, disk, start, comment) != (END, 0, 0, 0) || here != count {
        return None;
    }
    let Some(far) = far else {
        return Some((u64::from(at), u64::from(bytes), u64::from(count)));
    };
    let mut fields = Fields(far);
    let (mark, length) = (fields.u32()?, fields.u64()?);
    let (_, _, disk, start) = (fields.u16()?, fields.u16()?, fields.u32()?, fields.u32()?);
    let (here, count, bytes, at) = (fields.u64()?, fields.u64()?, fields.u64()?, fields.u64()?);
    ((mark, length, disk, start) == (END64, 44, 0, 0) && here == count)
        .then_some((at, bytes, count))
}

impl Member {
    /// A file of the directory; its name where it is refused.
    fn read(fields: &mut Fields<'_>) -> Option<Result<Self, String>> {
        if fields.u32()? != CENTRAL {
            return None;
        }
        let _versions = fields.u32()?;
        let (flags, method) = (fields.u16()?, fields.u16()?);
        let (_time, _crc) = (fields.u32()?, fields.u32()?);
        let (packed, bytes) = (fields.u32()?, fields.u32()?);
        let (name, extra, comment) = (fields.u16()?, fields.u16()?, fields.u16()?);
        let (disk, _internal, _external) = (fields.u16()?, fields.u16()?, fields.u32()?);
        let at = fields.u32()?;
        let name = fields.bytes(usize::from(name))?;
        let mut extra = Fields(fields.bytes(usize::from(extra))?);
        fields.bytes(usize::from(comment))?;
        let mut member = Self {
            name: printable(name),
            bytes: u64::from(bytes),
            packed: u64::from(packed),
            at: u64::from(at),
            deflated: method == 8,
        };
        while !extra.0.is_empty() {
            let (id, length) = (extra.u16()?, extra.u16()?);
            let mut far = Fields(extra.bytes(usize::from(length))?);
            if id == 1 {
                for (short, value) in [
                    (bytes, &mut member.bytes),
                    (packed, &mut member.packed),
                    (at, &mut member.at),
                ] {
                    if short == u32::MAX {
                        *value = far.u64()?;
                    }
                }
            }
        }
        // Encrypted (bit 0, 6), patched (5), masked (13).
        let plain = flags & 0b10_0000_0110_0001 == 0 && matches!(method, 0 | 8) && disk == 0;
        let stored = member.deflated || member.bytes == member.packed;
        let named = core::str::from_utf8(name).is_ok_and(name_is_valid);
        Some(if plain && stored && named {
            Ok(member)
        } else {
            Err(member.name)
        })
    }
}

impl<R: Read + Seek> Archive<R> {
    /// Reads the directory.
    ///
    /// # Errors
    /// When it is not a zip of the kind that bundles are, a file in it has a name that is unsafe or
    /// is there twice, or it cannot be read.
    pub fn open(mut from: R) -> Result<Self, ZipError> {
        let length = from.seek(SeekFrom::End(0))?;
        let mut read = |at: u64, bytes: u64| -> Result<Vec<u8>, ZipError> {
            let mut out = vec![0; usize::try_from(bytes).map_err(|_| ZipError::Form("size"))?];
            from.seek(SeekFrom::Start(at))?;
            from.read_exact(&mut out)?;
            Ok(out)
        };
        let tail = length
            .checked_sub(END_BYTES)
            .ok_or(ZipError::Form("too short"))?;
        let end = read(tail, END_BYTES)?;
        let mut until = tail;
        let mut far = None;
        if let Some(at) = tail.checked_sub(LOCATOR_BYTES + END64_BYTES) {
            let both = read(at, END64_BYTES + LOCATOR_BYTES)?;
            let mut locator = Fields(both.get(END64_BYTES as usize..).unwrap_or_default());
            if locator.u32() == Some(LOCATOR64) {
                if (locator.u32(), locator.u64(), locator.u32()) != (Some(0), Some(at), Some(1)) {
                    return Err(ZipError::Form("locator"));
                }
                until = at;
                far = Some(both);
            }
        }
        let (at, bytes, count) =
            directory(&end, far.as_deref()).ok_or(ZipError::Form("end of directory"))?;
        if count > FILES_MAX as u64 || bytes > DIRECTORY_BYTES_MAX {
            return Err(ZipError::Form("too many files"));
        }
        if at.checked_add(bytes) != Some(until) {
            return Err(ZipError::Form("directory"));
        }
        let raw = read(at, bytes)?;
        let mut fields = Fields(&raw);
        let mut members = Vec::new();
        let mut names = BTreeSet::new();
        for _ in 0..count {
            let member = Member::read(&mut fields)
                .ok_or(ZipError::Form("directory"))?
                .map_err(ZipError::File)?;
            let inside = member
                .at
                .checked_add(30 + member.name.len() as u64)
                .and_then(|start| start.checked_add(member.packed))
                .is_some_and(|end| end <= at);
            if !inside || !names.insert(member.name.clone()) {
                return Err(ZipError::File(member.name));
            }
            members.push(member);
        }
        if !fields.0.is_empty() {
            return Err(ZipError::Form("directory"));
        }
        Ok(Self {
            from: BufReader::with_capacity(256 * 1024, from),
            length: at,
            members,
        })
    }

    /// Calls `f` with the content of a file, piece by piece, until it answers false. Answers whether
    /// the file is whole: unpacked, it is as long as declared.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn each(&mut self, member: &Member, f: &mut dyn FnMut(&[u8]) -> bool) -> io::Result<bool> {
        self.from.seek(SeekFrom::Start(member.at))?;
        let mut header = [0; 30];
        self.from.read_exact(&mut header)?;
        let mut fields = Fields(&header);
        let mark = fields.u32();
        let (name, extra) = match fields
            .bytes(22)
            .and_then(|_| fields.u16().zip(fields.u16()))
        {
            Some(lengths) => lengths,
            None => return Ok(false),
        };
        let mut named = vec![0; usize::from(name)];
        self.from.read_exact(&mut named)?;
        let start = member.at + 30 + u64::from(name) + u64::from(extra);
        if mark != Some(LOCAL)
            || named != member.name.as_bytes()
            || start
                .checked_add(member.packed)
                .is_none_or(|end| end > self.length)
        {
            return Ok(false);
        }
        self.from.seek_relative(i64::from(extra))?;
        if member.deflated {
            self.inflate(member, f)
        } else {
            let mut left = member.packed;
            while left > 0 {
                let chunk = self.from.fill_buf()?;
                let n = chunk.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                if n == 0 || !f(chunk.get(..n).unwrap_or_default()) {
                    return Ok(false);
                }
                self.from.consume(n);
                left -= n as u64;
            }
            Ok(true)
        }
    }

    fn inflate(&mut self, member: &Member, f: &mut dyn FnMut(&[u8]) -> bool) -> io::Result<bool> {
        let mut inflate = Decompress::new(false);
        let mut out = vec![0; 256 * 1024];
        let (mut left, mut produced) = (member.packed, 0u64);
        loop {
            let chunk = self.from.fill_buf()?;
            let n = chunk.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let (before_in, before_out) = (inflate.total_in(), inflate.total_out());
            let status = inflate.decompress(
                chunk.get(..n).unwrap_or_default(),
                &mut out,
                FlushDecompress::None,
            );
            let used = usize::try_from(inflate.total_in() - before_in).unwrap_or(n);
            let made = usize::try_from(inflate.total_out() - before_out).unwrap_or(0);
            self.from.consume(used);
            left -= used as u64;
            produced += made as u64;
            if produced > member.bytes {
                return Ok(false);
            }
            if made > 0 && !f(out.get(..made).unwrap_or_default()) {
                return Ok(false);
            }
            match status {
                Ok(Status::StreamEnd) => return Ok(left == 0 && produced == member.bytes),
                Ok(_) if used > 0 || made > 0 => {}
                Ok(_) | Err(_) => return Ok(false),
            }
        }
    }

    /// The whole content of a file of at most `bytes_max`, `None` when it is damaged or larger.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn whole(&mut self, member: &Member, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
        if member.bytes > bytes_max {
            return Ok(None);
        }
        let mut out = Vec::new();
        let sound = self.each(member, &mut |piece| {
            out.extend_from_slice(piece);
            true
        })?;
        Ok(sound.then_some(out))
    }
}
