//! A sealed record on disk: u32 sealed length, u32 CRC32C of what follows, u32 slot, nonce (24),
//! sealed bytes with their tag; little endian.
//!
//! Opened, a record is the key of its commitments (32) and its fields, each u16 length, name, u32
//! length, content.

use super::{Key, RECORD_BYTES_MAX, Record, VaultError, commitment};
use crate::journal::vfs::File;

/// Length, CRC32C, slot, nonce.
pub(super) const FRAME_BYTES: usize = 4 + 4 + 4 + 24;
/// Bytes of the authentication tag.
pub(super) const TAG_BYTES: usize = 16;

type Frame = (u32, [u8; 24], Vec<u8>);

/// The sealed length and the slot of the frame at `offset`, if there is room for a whole one.
fn head_at(file: &dyn File, offset: u64) -> Result<Option<[u8; FRAME_BYTES]>, VaultError> {
    let mut head = [0u8; FRAME_BYTES];
    let bytes = file.bytes()?;
    if bytes < offset + FRAME_BYTES as u64 {
        return Ok(None);
    }
    file.read_exact_at(&mut head, offset)?;
    let length = word(&head, 0) as usize;
    if !(TAG_BYTES..=RECORD_BYTES_MAX).contains(&length)
        || bytes < offset + (FRAME_BYTES + length) as u64
    {
        return Ok(None);
    }
    Ok(Some(head))
}

fn word(head: &[u8; FRAME_BYTES], at: usize) -> u32 {
    u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]])
}

/// The frame at `offset`: slot, nonce and sealed bytes; none if there is no whole one.
pub(super) fn frame_at(file: &dyn File, offset: u64) -> Result<Option<Frame>, VaultError> {
    let Some(head) = head_at(file, offset)? else {
        return Ok(None);
    };
    let mut sealed = vec![0; word(&head, 0) as usize];
    file.read_exact_at(&mut sealed, offset + FRAME_BYTES as u64)?;
    let crc = crc32c::crc32c_append(crc32c::crc32c(&head[8..]), &sealed);
    if crc != word(&head, 4) {
        return Ok(None);
    }
    let mut nonce = [0; 24];
    nonce.copy_from_slice(&head[12..]);
    Ok(Some((word(&head, 8), nonce, sealed)))
}

/// The slot of the frame at `offset`, without reading what it holds.
pub(super) fn slot_at(file: &dyn File, offset: u64) -> Result<Option<u32>, VaultError> {
    Ok(head_at(file, offset)?.map(|head| word(&head, 8)))
}

/// How many of the frames in the first `end` bytes of a file are of `slot`.
pub(super) fn count_of(file: &dyn File, end: u64, slot: u32) -> Result<u64, VaultError> {
    let (mut at, mut count) = (0, 0);
    while at < end {
        let Some(head) = head_at(file, at)? else {
            break;
        };
        count += u64::from(word(&head, 8) == slot);
        at += FRAME_BYTES as u64 + u64::from(word(&head, 0));
    }
    Ok(count)
}

/// Length of the whole frames at the start of a file.
pub(super) fn whole_bytes(file: &dyn File) -> Result<u32, VaultError> {
    let mut at = 0;
    while let Some((.., sealed)) = frame_at(file, u64::from(at))? {
        at += (FRAME_BYTES + sealed.len()) as u32;
    }
    Ok(at)
}

/// Reads an opened record.
pub(super) fn read_record(plain: &[u8]) -> Option<Record> {
    let (key, mut rest) = plain.split_first_chunk::<32>()?;
    let mut record = Record {
        fields: Vec::new(),
        commitments: Vec::new(),
        key: Key::new(*key),
    };
    while !rest.is_empty() {
        let (length, tail) = rest.split_first_chunk::<2>()?;
        let (name, tail) = tail.split_at_checked(u16::from_le_bytes(*length).into())?;
        let (length, tail) = tail.split_first_chunk::<4>()?;
        let (content, tail) = tail.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        let name = std::str::from_utf8(name).ok()?;
        record.commitments.push(commitment(key, name, content));
        record.fields.push((name.to_owned(), content.to_vec()));
        rest = tail;
    }
    Some(record)
}
