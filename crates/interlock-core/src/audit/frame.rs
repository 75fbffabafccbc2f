//! One record: a 96-byte header and the body, padded with zeros to eight bytes, little endian.
//!
//! | offset | field |
//! |---|---|
//! | 0 | u32 body length, 1 to 65,535 |
//! | 4 | u32 CRC32C over bytes 0..4 and 8..96 + body length |
//! | 8 | u64 sequence number in its log, dense from 0 |
//! | 16 | u32 writer epoch, u32 log number |
//! | 24 | u8 kind, u8 flags (bit 0: last of its batch), u16 lag, u32 batch number |
//! | 32 | leaf, `SHA-256(0x00 ‖ body)` |
//! | 64 | link, `SHA-256(0x02 ‖ previous link ‖ leaf)` |
//!
//! `lag` counts the batches before this one that had been written and not yet synced when this one
//! was written; zero under strict durability. Recovery needs it to tell a torn write from damage.

use super::Hash;
use std::borrow::Cow;

/// Bytes of a record header.
pub const HEADER_BYTES: usize = 96;
/// Longest body: an entry bundle of tlog-tiles has a 16-bit length.
pub const BODY_BYTES_MAX: usize = 65_535;
/// Flag bit of the last record of a batch.
pub const LAST_OF_BATCH: u8 = 1;

macro_rules! kinds {
    ($($number:literal $variant:ident $name:literal $doc:literal,)*) => {
        /// What an entry records. Numbers and names are for ever; unknown ones pass.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Kind {
            $(#[doc = $doc] $variant,)*
            /// A kind of a later version.
            Other(u8),
        }

        impl Kind {
            /// Every known kind.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The number in the frame.
            #[must_use]
            pub fn number(self) -> u8 {
                match self { $(Self::$variant => $number,)* Self::Other(n) => n }
            }

            /// The kind of a number.
            #[must_use]
            pub fn from_number(number: u8) -> Self {
                match number { $($number => Self::$variant,)* n => Self::Other(n) }
            }

            /// The name in the body; `kind-<n>` would not pass, so that an unknown kind cannot be
            /// written by accident.
            #[must_use]
            pub fn name(self) -> Cow<'static, str> {
                match self {
                    $(Self::$variant => Cow::Borrowed($name),)*
                    Self::Other(n) => Cow::Owned(format!("kind-{n}")),
                }
            }

            /// The kind of a name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

kinds! {
    1 Genesis "genesis" "First entry of a log.",
    2 CheckpointIntent "checkpoint-intent" "A checkpoint is about to be published outside.",
    3 Decision "decision" "A decision of the engine.",
    4 Outcome "outcome" "What became of an action.",
    5 ApprovalRequest "approval-request" "An approval was asked for.",
    6 ApprovalVote "approval-vote" "Somebody voted on an approval.",
    7 ApprovalFinal "approval-final" "An approval was granted, refused or expired.",
    8 PolicyChange "policy-change" "Another policy revision took effect.",
    9 KeyRotate "key-rotate" "The signing key of the log changed.",
    10 ConfigChange "config-change" "Settings, agents or keys of the API changed.",
    11 Budget "budget" "A budget was set, charged or settled.",
    12 Breaker "breaker" "A circuit breaker changed its state.",
    13 Kill "kill" "A kill switch was thrown or released.",
    14 Erasure "erasure" "Content was erased from the vault.",
    15 Gap "gap" "Recovery cut the torn tail of a batch that had not been synced.",
    16 NodeStart "node-start" "A writer opened the journal.",
    17 NodeStop "node-stop" "A writer closed the journal.",
    18 Anchor "anchor" "A checkpoint was lodged outside.",
    19 Export "export" "Part of the record was exported.",
    20 AuthFailure "auth-failure" "A login or an authorisation failed.",
    21 RunEnd "run-end" "A run ended, with the count and head of its entries.",
    22 Alert "alert" "An alert was raised, acknowledged or resolved.",
}

/// The fixed part of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Length of the body, bytes.
    pub body_bytes: u32,
    /// Sequence number in its log, dense from 0.
    pub seq: u64,
    /// Epoch of the writer; one more each time the journal is opened.
    pub epoch: u32,
    /// Number of the log in this journal, dense from 0.
    pub log: u32,
    /// What the entry records.
    pub kind: Kind,
    /// [`LAST_OF_BATCH`] or nothing.
    pub flags: u8,
    /// Batches written and not yet synced when this one was written.
    pub lag: u16,
    /// Number of the batch in its epoch, dense from 0.
    pub batch: u32,
    /// Leaf hash of the body.
    pub leaf: Hash,
    /// Link to the entry before.
    pub link: Hash,
}

/// Why bytes are not a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// Length zero: no record was written here.
    #[error("no record here")]
    Empty,
    /// The record does not fit into what is left.
    #[error("record is cut short")]
    Short,
    /// The length is beyond [`BODY_BYTES_MAX`].
    #[error("body length exceeds {BODY_BYTES_MAX} bytes")]
    Length,
    /// The checksum does not match.
    #[error("checksum does not match")]
    Checksum,
    /// A padding byte is not zero.
    #[error("padding is not zero")]
    Padding,
}

/// Bytes on disk of a record with a body of `body_bytes`.
#[must_use]
pub const fn record_bytes(body_bytes: usize) -> usize {
    (HEADER_BYTES + body_bytes).next_multiple_of(8)
}

fn checksum(head: &[u8], rest: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(head), rest)
}

/// Appends a record to `out`; `header.body_bytes` is taken from `body`.
///
/// # Errors
///
/// When the body is empty or longer than [`BODY_BYTES_MAX`].
pub fn encode(header: &Header, body: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
    if body.is_empty() {
        return Err(FrameError::Empty);
    }
    let length = u32::try_from(body.len()).map_err(|_| FrameError::Length)?;
    if body.len() > BODY_BYTES_MAX {
        return Err(FrameError::Length);
    }
    let mut fixed = [0u8; HEADER_BYTES - 8];
    let fields: [&[u8]; 9] = [
        &header.seq.to_le_bytes(),
        &header.epoch.to_le_bytes(),
        &header.log.to_le_bytes(),
        &[header.kind.number()],
        &[header.flags],
        &header.lag.to_le_bytes(),
        &header.batch.to_le_bytes(),
        &header.leaf,
        &header.link,
    ];
    for (to, from) in fixed.iter_mut().zip(fields.iter().copied().flatten()) {
        *to = *from;
    }
    let head = length.to_le_bytes();
    let crc = crc32c::crc32c_append(checksum(&head, &fixed), body);
    out.extend_from_slice(&head);
    out.extend_from_slice(&crc.to_le_bytes());
    out.extend_from_slice(&fixed);
    out.extend_from_slice(body);
    let padding = record_bytes(body.len()) - HEADER_BYTES - body.len();
    out.extend(core::iter::repeat_n(0, padding));
    Ok(())
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }
}

fn header(bytes: &[u8]) -> Option<(Header, u32)> {
    let mut fields = Fields(bytes);
    let body_bytes = u32::from_le_bytes(fields.take()?);
    let crc = u32::from_le_bytes(fields.take()?);
    let seq = u64::from_le_bytes(fields.take()?);
    let epoch = u32::from_le_bytes(fields.take()?);
    let log = u32::from_le_bytes(fields.take()?);
    let [kind, flags] = fields.take()?;
    let lag = u16::from_le_bytes(fields.take()?);
    let batch = u32::from_le_bytes(fields.take()?);
    let leaf = fields.take()?;
    let link = fields.take()?;
    let kind = Kind::from_number(kind);
    Some((
        Header {
            body_bytes,
            seq,
            epoch,
            log,
            kind,
            flags,
            lag,
            batch,
            leaf,
            link,
        },
        crc,
    ))
}

/// Reads the record at the start of `bytes`: header, body, and the bytes it takes up on disk.
///
/// # Errors
///
/// A [`FrameError`] says what is wrong; nothing about the leaf or the link is checked here.
pub fn decode(bytes: &[u8]) -> Result<(Header, &[u8], usize), FrameError> {
    let head = bytes.first_chunk::<4>().ok_or(FrameError::Short)?;
    let length = u32::from_le_bytes(*head) as usize;
    if length == 0 {
        return Err(FrameError::Empty);
    }
    if length > BODY_BYTES_MAX {
        return Err(FrameError::Length);
    }
    let total = record_bytes(length);
    let record = bytes.get(..total).ok_or(FrameError::Short)?;
    let (header, crc) = header(record).ok_or(FrameError::Short)?;
    let covered = record
        .get(8..HEADER_BYTES + length)
        .ok_or(FrameError::Short)?;
    if checksum(head, covered) != crc {
        return Err(FrameError::Checksum);
    }
    let (body, padding) = record
        .get(HEADER_BYTES..)
        .and_then(|rest| rest.split_at_checked(length))
        .ok_or(FrameError::Short)?;
    if padding.iter().any(|b| *b != 0) {
        return Err(FrameError::Padding);
    }
    Ok((header, body, total))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn arbitrary() -> impl Strategy<Value = (Header, Vec<u8>)> {
        (
            any::<(u64, u32, u32, u8, u8, u16, u32, Hash, Hash)>(),
            proptest::collection::vec(any::<u8>(), 1..300),
        )
            .prop_map(
                |((seq, epoch, log, kind, flags, lag, batch, leaf, link), body)| {
                    let header = Header {
                        body_bytes: body.len() as u32,
                        seq,
                        epoch,
                        log,
                        kind: Kind::from_number(kind),
                        flags,
                        lag,
                        batch,
                        leaf,
                        link,
                    };
                    (header, body)
                },
            )
    }

    proptest! {
        #[test]
        fn decodes_what_it_encodes((header, body) in arbitrary()) {
            let mut out = Vec::new();
            encode(&header, &body, &mut out).unwrap();
            prop_assert_eq!(out.len() % 8, 0);
            prop_assert_eq!(decode(&out), Ok((header, &body[..], out.len())));
        }

        #[test]
        fn no_flip_and_no_cut_passes((header, body) in arbitrary(), at: proptest::sample::Index, bit in 0u8..8) {
            let mut out = Vec::new();
            encode(&header, &body, &mut out).unwrap();
            let at = at.index(out.len());
            prop_assert!(decode(&out[..at]).is_err());
            out[at] ^= 1 << bit;
            // A flip in the length may leave a shorter record only if its checksum matched too.
            prop_assert!(decode(&out).is_err());
        }

        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>) {
            let _ = decode(&bytes);
        }
    }

    #[test]
    fn limits() {
        let header = Header {
            body_bytes: 0,
            seq: 0,
            epoch: 0,
            log: 0,
            kind: Kind::Decision,
            flags: 0,
            lag: 0,
            batch: 0,
            leaf: [0; 32],
            link: [0; 32],
        };
        let mut out = Vec::new();
        assert_eq!(encode(&header, b"", &mut out), Err(FrameError::Empty));
        let long = vec![b'x'; BODY_BYTES_MAX + 1];
        assert_eq!(encode(&header, &long, &mut out), Err(FrameError::Length));
        assert!(encode(&header, &long[1..], &mut out).is_ok());
    }

    #[test]
    fn kinds_have_one_number_and_one_name() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_number(kind.number()), *kind);
            assert_eq!(Kind::from_name(&kind.name()), Some(*kind));
        }
        assert_eq!(Kind::from_number(200), Kind::Other(200));
    }
}
