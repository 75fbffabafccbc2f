//! Content that may be erased: arguments, payloads, prompts, results.
//!
//! The journal holds a commitment to each piece, `HMAC-SHA256(k, 0x10 ‖ length ‖ field ‖ content)`
//! with a 256-bit `k` drawn per record (the length of the field's name, u16 big endian, keeps name
//! and content apart). The vault holds `k` and the content, sealed with XChaCha20-Poly1305 under a
//! key per data subject, which is itself wrapped by one key per vault. Erasing a subject
//! overwrites its key: content and `k` are gone at once, the commitment proves nothing any more,
//! and every proof over the journal still holds.
//!
//! ```text
//! keys/vault.kek        the wrapping key, for its owner alone
//! vault/subjects        fixed slots: who (keyed hash), nonce, wrapped key
//! vault/<n>.vlt         sealed records, appended; a new file past a size
//! ```
//!
//! Backups of `vault/subjects` must not outlive the erasures that they would undo.
//!
//! **Invariant:** no plaintext and no unwrapped key is written.

mod slots;

use crate::journal::vfs::{Disk, File, Lock, Vfs};
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac as _};
use interlock_core::audit::hex;
use sha2::Sha256;
use slots::{Slots, Subject};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use zeroize::Zeroizing;

const KEK: &str = "keys/vault.kek";
const LOCK: &str = "vault/LOCK";
/// Length, CRC32C, slot, nonce.
const FRAME_BYTES: usize = 4 + 4 + 4 + 24;
/// Most fields of a record.
pub const FIELDS_MAX: usize = 256;
/// Largest record, sealed, bytes.
pub const RECORD_BYTES_MAX: usize = 16 * 1024 * 1024;

pub(crate) type Key = Zeroizing<[u8; 32]>;

/// Why the vault refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// The subject was erased, and with it this record.
    #[error("content was erased")]
    Erased,
    /// There is no such record, or it was tampered with.
    #[error("record `{0}` does not exist or does not open")]
    Unreadable(RecordId),
    /// The record is too large.
    #[error(
        "record exceeds {RECORD_BYTES_MAX} bytes, {FIELDS_MAX} fields or a name of 65,535 bytes"
    )]
    TooLarge,
    /// A file is not what was written.
    #[error("vault is corrupt: {0}")]
    Corrupt(&'static str),
    /// Another process has the vault open.
    #[error("vault is locked by another process")]
    Locked,
    /// No randomness could be drawn.
    #[error("no randomness")]
    Randomness,
    /// The system refused an operation.
    #[error("vault: {0}")]
    Io(#[from] io::Error),
}

/// Where a record lies; the journal names it beside the commitments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordId {
    file: u32,
    offset: u32,
}

impl std::fmt::Display for RecordId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:x}-{:x}", self.file, self.offset)
    }
}

impl std::str::FromStr for RecordId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = |part: &str| u32::from_str_radix(part, 16).ok();
        text.split_once('-')
            .and_then(|(file, offset)| {
                Some(Self {
                    file: parse(file)?,
                    offset: parse(offset)?,
                })
            })
            .filter(|id| id.to_string() == text)
            .ok_or("not a record of the vault")
    }
}

/// What [`Vault::put`] answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Where the record lies.
    pub id: RecordId,
    /// The commitment to each field, in order, for the body of the journal entry.
    pub commitments: Vec<[u8; 32]>,
}

/// A record opened again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Fields and their content, in order.
    pub fields: Vec<(String, Vec<u8>)>,
    /// The commitment to each, to be held against the journal.
    pub commitments: Vec<[u8; 32]>,
}

/// What [`Vault::erase`] did, for the `erasure` entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erased {
    /// Keys destroyed: 0 if the subject had none.
    pub keys: u32,
    /// Records that cannot be opened any more.
    pub records: u64,
}

/// How a vault is opened.
#[derive(Debug, Clone)]
pub struct VaultOptions {
    /// Size past which a new file of records begins, bytes; at most 2³¹.
    pub file_bytes: u32,
    /// Most keys, erased ones included.
    pub subjects_max: u32,
}

impl Default for VaultOptions {
    fn default() -> Self {
        Self {
            file_bytes: 64 * 1024 * 1024,
            subjects_max: 1 << 20,
        }
    }
}

struct Inner {
    slots: Slots,
    file: Arc<dyn File>,
    number: u32,
    end: u32,
}

/// The vault; clones share it.
#[derive(Clone)]
pub struct Vault {
    shared: Arc<Shared>,
}

struct Shared {
    vfs: Arc<dyn Vfs>,
    options: VaultOptions,
    kek: Key,
    inner: Mutex<Inner>,
    _lock: Lock,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault").finish_non_exhaustive()
    }
}

pub(crate) fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, VaultError> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(&mut *bytes).map_err(|_| VaultError::Randomness)?;
    Ok(bytes)
}

pub(crate) fn cipher(key: &Key) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new((&**key).into())
}

pub(crate) fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    use hmac::KeyInit as _;
    // Filled up to the block with zeros, as HMAC does with a short key.
    let mut block = Zeroizing::new([0; 64]);
    block[..32].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new((&*block).into());
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// The commitment to one field.
fn commitment(key: &[u8; 32], field: &str, content: &[u8]) -> [u8; 32] {
    let length = (field.len() as u16).to_be_bytes();
    mac(key, &[&[0x10], &length, field.as_bytes(), content])
}

fn file_path(number: u32) -> String {
    format!("vault/{number:08x}.vlt")
}

/// What the seal is bound to, so that no record can stand in for another.
fn associated(id: RecordId, slot: u32) -> [u8; 12] {
    let mut out = [0; 12];
    out[..4].copy_from_slice(&id.file.to_le_bytes());
    out[4..8].copy_from_slice(&id.offset.to_le_bytes());
    out[8..].copy_from_slice(&slot.to_le_bytes());
    out
}

impl Vault {
    /// Opens or creates the vault below the data directory `dir`.
    ///
    /// # Errors
    ///
    /// When another process has it, a key is missing, or a file cannot be read.
    pub fn open(dir: &Path, options: VaultOptions) -> Result<Self, VaultError> {
        Self::open_with(Arc::new(Disk::new(dir)), options)
    }

    /// Opens the vault on another file system, for tests.
    ///
    /// # Errors
    ///
    /// As [`Vault::open`].
    pub fn open_with(vfs: Arc<dyn Vfs>, mut options: VaultOptions) -> Result<Self, VaultError> {
        options.file_bytes = options.file_bytes.clamp(4_096, 1 << 31);
        vfs.create_dir("keys")?;
        vfs.create_dir("vault")?;
        let lock = vfs.lock(LOCK).map_err(|e| match e.kind() {
            ErrorKind::WouldBlock => VaultError::Locked,
            _ => e.into(),
        })?;
        let mut numbers: Vec<u32> = vfs
            .list("vault")?
            .iter()
            .filter_map(|name| u32::from_str_radix(name.strip_suffix(".vlt")?, 16).ok())
            .collect();
        numbers.sort_unstable();
        let kek = match vfs.read(KEK) {
            Ok(bytes) => {
                let bytes = Zeroizing::new(bytes);
                let key: [u8; 32] = bytes[..]
                    .try_into()
                    .map_err(|_| VaultError::Corrupt("the wrapping key has another length"))?;
                Zeroizing::new(key)
            }
            Err(e) if e.kind() == ErrorKind::NotFound && numbers.is_empty() => {
                let key = random::<32>()?;
                vfs.publish(KEK, &*key)?;
                key
            }
            Err(e) => return Err(e.into()),
        };
        let slots = Slots::open(&*vfs, &kek)?;
        let number = numbers.last().copied().unwrap_or(0);
        let path = file_path(number);
        let file = match vfs.open(&path) {
            Err(e) if e.kind() == ErrorKind::NotFound => {
                let file = vfs.create(&path)?;
                vfs.sync_dir("vault")?;
                file
            }
            other => other?,
        };
        let end = whole_bytes(&*file)?;
        // What follows is the torn end of a record that nobody was told of.
        file.set_bytes(u64::from(end))?;
        let inner = Mutex::new(Inner {
            slots,
            file,
            number,
            end,
        });
        Ok(Self {
            shared: Arc::new(Shared {
                vfs,
                options,
                kek,
                inner,
                _lock: lock,
            }),
        })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.shared
            .inner
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Seals a record under the key of `subject`, which is drawn if it has none. Durable after
    /// [`Vault::sync`].
    ///
    /// # Errors
    ///
    /// When the record is too large, or cannot be written.
    pub fn put(&self, subject: &str, fields: &[(&str, &[u8])]) -> Result<Stored, VaultError> {
        let nonce = random::<24>()?;
        let commit = random::<32>()?;
        if fields.len() > FIELDS_MAX {
            return Err(VaultError::TooLarge);
        }
        let mut plain = Zeroizing::new(commit.to_vec());
        let mut commitments = Vec::with_capacity(fields.len());
        for (name, content) in fields {
            let length = u16::try_from(name.len()).map_err(|_| VaultError::TooLarge)?;
            plain.extend_from_slice(&length.to_le_bytes());
            plain.extend_from_slice(name.as_bytes());
            let length = u32::try_from(content.len()).map_err(|_| VaultError::TooLarge)?;
            plain.extend_from_slice(&length.to_le_bytes());
            plain.extend_from_slice(content);
            commitments.push(commitment(&commit, name, content));
        }
        let sealed_bytes = plain.len() + 16;
        if sealed_bytes > RECORD_BYTES_MAX {
            return Err(VaultError::TooLarge);
        }
        let mut inner = self.inner();
        let total = (FRAME_BYTES + sealed_bytes) as u32;
        if inner.end > 0 && inner.end.saturating_add(total) > self.shared.options.file_bytes {
            inner.file.sync()?;
            let number = inner.number + 1;
            inner.file = self.shared.vfs.create(&file_path(number))?;
            self.shared.vfs.sync_dir("vault")?;
            inner.number = number;
            inner.end = 0;
        }
        let who = Subject::new(&self.shared.kek, subject);
        let most = self.shared.options.subjects_max;
        let (slot, key) = inner.slots.key(&self.shared.kek, who, most)?;
        let id = RecordId {
            file: inner.number,
            offset: inner.end,
        };
        let payload = Payload {
            msg: &plain,
            aad: &associated(id, slot),
        };
        let sealed = cipher(&key)
            .encrypt(XNonce::from_slice(&*nonce), payload)
            .map_err(|_| VaultError::TooLarge)?;
        let mut tail = Vec::with_capacity(FRAME_BYTES + sealed.len());
        tail.extend_from_slice(&slot.to_le_bytes());
        tail.extend_from_slice(&*nonce);
        tail.extend_from_slice(&sealed);
        let mut frame = Vec::with_capacity(8 + tail.len());
        frame.extend_from_slice(&(sealed.len() as u32).to_le_bytes());
        frame.extend_from_slice(&crc32c::crc32c(&tail).to_le_bytes());
        frame.extend_from_slice(&tail);
        inner.file.write_at(&frame, u64::from(id.offset))?;
        inner.end += total;
        inner.slots.count(slot);
        Ok(Stored { id, commitments })
    }

    /// Opens a record.
    ///
    /// # Errors
    ///
    /// [`VaultError::Erased`] when its subject was erased, [`VaultError::Unreadable`] when there is
    /// no such record or it was tampered with.
    pub fn get(&self, id: RecordId) -> Result<Record, VaultError> {
        let unreadable = || VaultError::Unreadable(id);
        let inner = self.inner();
        let file = match id.file == inner.number {
            true if id.offset < inner.end => inner.file.clone(),
            true => return Err(unreadable()),
            false => self
                .shared
                .vfs
                .open(&file_path(id.file))
                .map_err(|_| unreadable())?,
        };
        let (slot, nonce, sealed) =
            frame_at(&*file, u64::from(id.offset))?.ok_or_else(unreadable)?;
        let key = inner.slots.key_at(&self.shared.kek, slot)?;
        drop(inner);
        let payload = Payload {
            msg: &sealed,
            aad: &associated(id, slot),
        };
        let plain = cipher(&key)
            .decrypt(XNonce::from_slice(&nonce), payload)
            .map_err(|_| unreadable())?;
        let plain = Zeroizing::new(plain);
        read_record(&plain).ok_or_else(unreadable)
    }

    /// Destroys the key of `subject`: its content cannot be opened any more, here or by anybody.
    /// The caller appends the `erasure` entry.
    ///
    /// # Errors
    ///
    /// When the key cannot be overwritten durably.
    pub fn erase(&self, subject: &str) -> Result<Erased, VaultError> {
        let who = Subject::new(&self.shared.kek, subject);
        self.inner().slots.erase(who)
    }

    /// Whether `subject` has content that can be opened.
    #[must_use]
    pub fn holds(&self, subject: &str) -> bool {
        let who = Subject::new(&self.shared.kek, subject);
        self.inner().slots.find(who).is_some()
    }

    /// Makes what was put durable.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn sync(&self) -> Result<(), VaultError> {
        let file = self.inner().file.clone();
        Ok(file.sync()?)
    }
}

type Frame = (u32, [u8; 24], Vec<u8>);

/// The frame at `offset`: slot, nonce and sealed bytes; none if there is no whole one.
fn frame_at(file: &dyn File, offset: u64) -> Result<Option<Frame>, VaultError> {
    let mut head = [0u8; FRAME_BYTES];
    if file.bytes()? < offset + FRAME_BYTES as u64 {
        return Ok(None);
    }
    file.read_exact_at(&mut head, offset)?;
    let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let length = word(0) as usize;
    if !(16..=RECORD_BYTES_MAX).contains(&length)
        || file.bytes()? < offset + (FRAME_BYTES + length) as u64
    {
        return Ok(None);
    }
    let mut sealed = vec![0; length];
    file.read_exact_at(&mut sealed, offset + FRAME_BYTES as u64)?;
    let crc = crc32c::crc32c_append(crc32c::crc32c(&head[8..]), &sealed);
    if crc != word(4) {
        return Ok(None);
    }
    let mut nonce = [0; 24];
    nonce.copy_from_slice(&head[12..]);
    Ok(Some((word(8), nonce, sealed)))
}

/// Length of the whole frames at the start of a file.
fn whole_bytes(file: &dyn File) -> Result<u32, VaultError> {
    let mut at = 0;
    while let Some((.., sealed)) = frame_at(file, u64::from(at))? {
        at += (FRAME_BYTES + sealed.len()) as u32;
    }
    Ok(at)
}

fn read_record(plain: &[u8]) -> Option<Record> {
    let (key, mut rest) = plain.split_first_chunk::<32>()?;
    let mut record = Record {
        fields: Vec::new(),
        commitments: Vec::new(),
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

/// A commitment as the journal writes it.
#[must_use]
pub fn commitment_text(commitment: &[u8; 32]) -> String {
    format!("hmac-sha256:{}", hex(commitment))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commitments_are_those_of_the_format() {
        // Computed apart, with another HMAC: 0x10, length of the name, name, content.
        assert_eq!(
            hex(&commitment(&[0; 32], "prompt", b"x")),
            "d6d4cf925caba012aa3c393a901854d0b5fc5be56efdcbd469365871926793f5"
        );
        assert_ne!(
            commitment(&[0; 32], "a", b"bc"),
            commitment(&[0; 32], "ab", b"c")
        );
    }
}
