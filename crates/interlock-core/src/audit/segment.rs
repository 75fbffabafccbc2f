//! The 4,096-byte header of a journal segment.
//!
//! `"ALOGSEG1"`, u16 version, u16 flags, u32 zero, node id 16, u64 segment number, u64 writer
//! epoch, SHA-256 of the snapshot of the segment before, u64 creation time in ns since 1970, u64
//! size of the segment file, zeros; at 4,064 the SHA-256 of all bytes before.

use super::Hash;
use sha2::{Digest, Sha256};

/// Bytes of a segment header.
pub const SEGMENT_HEADER_BYTES: usize = 4_096;
const HASHED_BYTES: usize = SEGMENT_HEADER_BYTES - 32;
const MAGIC: [u8; 8] = *b"ALOGSEG1";
/// The format this library writes.
pub const VERSION: u16 = 1;

/// The fields of a segment header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentHeader {
    /// Identity of the node that wrote it.
    pub node: [u8; 16],
    /// Number of the segment, dense from 0.
    pub number: u64,
    /// Epoch of the writer that created it.
    pub epoch: u64,
    /// SHA-256 of the snapshot taken at the end of the segment before; zeros in the first.
    pub snapshot: Hash,
    /// Creation time, ns since 1970.
    pub created_ns: u64,
    /// Size of the segment file, header included.
    pub bytes: u64,
}

/// Why bytes are not a segment header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SegmentError {
    /// Fewer than [`SEGMENT_HEADER_BYTES`].
    #[error("segment header is cut short")]
    Short,
    /// The first bytes are not those of a segment.
    #[error("not a segment")]
    Magic,
    /// Written by a later version.
    #[error("segment version {0} is not known")]
    Version(u16),
    /// The hash over the header does not match.
    #[error("hash of the segment header does not match")]
    Hash,
}

impl SegmentHeader {
    /// The header's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(SEGMENT_HEADER_BYTES);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&[0; 6]);
        out.extend_from_slice(&self.node);
        out.extend_from_slice(&self.number.to_le_bytes());
        out.extend_from_slice(&self.epoch.to_le_bytes());
        out.extend_from_slice(&self.snapshot);
        out.extend_from_slice(&self.created_ns.to_le_bytes());
        out.extend_from_slice(&self.bytes.to_le_bytes());
        out.resize(HASHED_BYTES, 0);
        let hash: Hash = Sha256::digest(&out).into();
        out.extend_from_slice(&hash);
        out
    }

    /// Reads a header.
    ///
    /// # Errors
    ///
    /// A [`SegmentError`] says what is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self, SegmentError> {
        fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Result<&'a [u8; N], SegmentError> {
            let (head, tail) = rest.split_first_chunk().ok_or(SegmentError::Short)?;
            *rest = tail;
            Ok(head)
        }
        let whole = bytes
            .first_chunk::<SEGMENT_HEADER_BYTES>()
            .ok_or(SegmentError::Short)?;
        let (hashed, hash) = whole.split_last_chunk::<32>().ok_or(SegmentError::Short)?;
        let mut rest = hashed;
        if *take::<8>(&mut rest)? != MAGIC {
            return Err(SegmentError::Magic);
        }
        if Hash::from(Sha256::digest(hashed)) != *hash {
            return Err(SegmentError::Hash);
        }
        let version = u16::from_le_bytes(*take(&mut rest)?);
        if version != VERSION {
            return Err(SegmentError::Version(version));
        }
        take::<6>(&mut rest)?;
        Ok(Self {
            node: *take(&mut rest)?,
            number: u64::from_le_bytes(*take(&mut rest)?),
            epoch: u64::from_le_bytes(*take(&mut rest)?),
            snapshot: *take(&mut rest)?,
            created_ns: u64::from_le_bytes(*take(&mut rest)?),
            bytes: u64::from_le_bytes(*take(&mut rest)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flip_and_every_cut_is_noticed() {
        let header = SegmentHeader {
            node: [7; 16],
            number: 3,
            epoch: 9,
            snapshot: [1; 32],
            created_ns: 5,
            bytes: 65_536,
        };
        let bytes = header.encode();
        assert_eq!(bytes.len(), SEGMENT_HEADER_BYTES);
        assert_eq!(SegmentHeader::decode(&bytes), Ok(header));
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            assert!(SegmentHeader::decode(&flipped).is_err(), "{at}");
        }
        for length in (0..bytes.len()).step_by(61) {
            assert_eq!(
                SegmentHeader::decode(&bytes[..length]),
                Err(SegmentError::Short)
            );
        }
    }
}
