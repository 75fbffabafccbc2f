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
//! vault/erasing         an erasure whose entry is not in the journal yet
//! ```
//!
//! Records are sealed into memory ([`Vault::stage`]), written many at a time ([`Vault::flush`]) and
//! made durable ([`Vault::sync`]) before the journal writes the entries that commit to them.
//!
//! Backups of `vault/subjects` must not outlive the erasures that they would undo.
//!
//! **Invariant:** no plaintext and no unwrapped key is written. **Invariant:** a key is durable
//! before a record that it seals. **Invariant:** a failed sync is never tried again.

mod content;
mod erase;
mod frame;
mod slots;

pub use content::{CONTENT_MEMBER, CONTENT_MEMBER_BYTES_MAX, Content, Deferred, Subject};
pub use erase::{Erased, Erasure};

use crate::journal::vfs::{Disk, File, Lock, Vfs};
use chacha20poly1305::aead::AeadInPlace as _;
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use frame::{FRAME_BYTES, TAG_BYTES, frame_at, read_record, slot_at, whole_bytes};
use hmac::{Hmac, Mac as _};
use interlock_core::audit::hex;
use sha2::Sha256;
use slots::{Slots, Who};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use zeroize::Zeroizing;

const KEK: &str = "keys/vault.kek";
const LOCK: &str = "vault/LOCK";
/// Room kept for sealed records that wait to be written, bytes.
const PENDING_BYTES_KEPT: usize = 4 * 1024 * 1024;
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
    /// As many subjects have had a key as there may be.
    #[error("vault has held keys of {0} subjects, which is its limit")]
    Full(u32),
    /// What was sealed could not be written meanwhile.
    #[error("vault could not write what was sealed")]
    Lost,
    /// The vault was closed; another process may have it.
    #[error("vault is closed")]
    Closed,
    /// An earlier sync failed, after which the disk cannot be trusted until it is reread.
    #[error("vault stopped after a failed sync; restart to reread it")]
    Poisoned,
    /// An erasure is under way whose entry could not be written yet.
    #[error("an earlier erasure is not in the record yet; restart to complete it")]
    Unfinished,
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

/// Whose key seals a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner<'a> {
    /// The subject of this name.
    Name(&'a str),
    /// The subject of this record, under a new key if it was erased since.
    Of(RecordId),
}

/// A record opened again.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// Fields and their content, in order; none when only the key of the commitments was kept.
    pub fields: Vec<(String, Vec<u8>)>,
    /// The commitment to each, to be held against the journal.
    pub commitments: Vec<[u8; 32]>,
    key: Key,
}

impl Record {
    /// The commitment to `content` as `field` of this record: what somebody who presents content
    /// can be held against.
    #[must_use]
    pub fn commit(&self, field: &str, content: &[u8]) -> [u8; 32] {
        commitment(&self.key, field, content)
    }
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.fields.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Record")
            .field("fields", &names)
            .finish_non_exhaustive()
    }
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
    /// Bytes of whole records in the file.
    written: u32,
    /// Sealed records that follow them.
    pending: Vec<u8>,
    /// Whether there is something written that is not synced.
    dirty: bool,
    /// Whether a sync failed.
    failed: bool,
    /// Whether another process may have it.
    closed: bool,
    /// Whether sealed records were lost before who sealed them had them written.
    lost: bool,
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
    /// Empty once the vault is closed.
    lock: Mutex<Option<Lock>>,
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
        let written = whole_bytes(&*file)?;
        // What follows is the torn end of a record that nobody was told of.
        file.set_bytes(u64::from(written))?;
        let inner = Mutex::new(Inner {
            slots,
            file,
            number,
            written,
            pending: Vec::new(),
            dirty: false,
            failed: false,
            closed: false,
            lost: false,
        });
        Ok(Self {
            shared: Arc::new(Shared {
                vfs,
                options,
                kek,
                inner,
                lock: Mutex::new(Some(lock)),
            }),
        })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.shared
            .inner
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Seals a record under the key of `owner`, which is drawn if it has none; written by
    /// [`Vault::flush`]. With `keep` false the record holds the key of the commitments alone.
    ///
    /// # Errors
    ///
    /// When the record is too large, or no key can be had.
    pub fn stage(
        &self,
        owner: Owner<'_>,
        keep: bool,
        fields: &[(&str, &[u8])],
    ) -> Result<Stored, VaultError> {
        if fields.len() > FIELDS_MAX {
            return Err(VaultError::TooLarge);
        }
        let mut plain_bytes = 32;
        for (name, content) in fields {
            if name.len() > usize::from(u16::MAX) {
                return Err(VaultError::TooLarge);
            }
            plain_bytes += if keep {
                6 + name.len() + content.len()
            } else {
                0
            };
        }
        let sealed_bytes = plain_bytes + TAG_BYTES;
        if sealed_bytes > RECORD_BYTES_MAX {
            return Err(VaultError::TooLarge);
        }
        // One draw: the nonce, then the key of the commitments.
        let drawn = random::<56>()?;
        let (nonce, commit) = drawn.split_at(24);
        let commit: &[u8; 32] = commit.try_into().map_err(|_| VaultError::Randomness)?;
        let commitments = fields
            .iter()
            .map(|(name, content)| commitment(commit, name, content))
            .collect();
        let total = (FRAME_BYTES + sealed_bytes) as u32;

        let mut inner = self.inner();
        if inner.closed {
            return Err(VaultError::Closed);
        }
        if inner.failed {
            return Err(VaultError::Poisoned);
        }
        let who = self.who(&inner, owner)?;
        let used = inner.written + inner.pending.len() as u32;
        if used > 0 && used.saturating_add(total) > self.shared.options.file_bytes {
            self.roll(&mut inner)?;
        }
        let most = self.shared.options.subjects_max;
        let (slot, key) = inner.slots.key(&self.shared.kek, who, most)?;
        let id = RecordId {
            file: inner.number,
            offset: inner.written + inner.pending.len() as u32,
        };
        // Built and sealed in place: no second copy of the plaintext is left behind.
        let start = inner.pending.len();
        let pending = &mut inner.pending;
        pending.reserve(total as usize);
        pending.extend_from_slice(&(sealed_bytes as u32).to_le_bytes());
        pending.extend_from_slice(&[0; 4]);
        pending.extend_from_slice(&slot.to_le_bytes());
        pending.extend_from_slice(nonce);
        pending.extend_from_slice(commit);
        if keep {
            for (name, content) in fields {
                pending.extend_from_slice(&(name.len() as u16).to_le_bytes());
                pending.extend_from_slice(name.as_bytes());
                pending.extend_from_slice(&(content.len() as u32).to_le_bytes());
                pending.extend_from_slice(content);
            }
        }
        let plain = &mut pending[start + FRAME_BYTES..];
        let Ok(tag) = cipher(&key).encrypt_in_place_detached(
            XNonce::from_slice(nonce),
            &associated(id, slot),
            plain,
        ) else {
            plain.fill(0);
            pending.truncate(start);
            return Err(VaultError::TooLarge);
        };
        pending.extend_from_slice(&tag);
        let crc = crc32c::crc32c(&pending[start + 8..]);
        pending[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
        Ok(Stored { id, commitments })
    }

    /// Seals a record under the key of `subject` and writes it. Durable after [`Vault::sync`].
    ///
    /// # Errors
    ///
    /// As [`Vault::stage`] and [`Vault::flush`].
    pub fn put(&self, subject: &str, fields: &[(&str, &[u8])]) -> Result<Stored, VaultError> {
        let stored = self.stage(Owner::Name(subject), true, fields)?;
        self.flush()?;
        Ok(stored)
    }

    /// Writes what was staged. When it fails, what was staged is gone, and nothing may commit to
    /// it.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn flush(&self) -> Result<(), VaultError> {
        let mut inner = self.inner();
        if std::mem::take(&mut inner.lost) {
            inner.pending.clear();
            return Err(VaultError::Lost);
        }
        flush(&mut inner)
    }

    /// Makes what was written durable. After a failure nothing more is taken.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn sync(&self) -> Result<(), VaultError> {
        let file = {
            let mut inner = self.inner();
            if !std::mem::take(&mut inner.dirty) {
                return Ok(());
            }
            if inner.failed {
                return Err(VaultError::Poisoned);
            }
            inner.file.clone()
        };
        // Readers go on meanwhile.
        let synced = file.sync();
        if synced.is_err() {
            self.inner().failed = true;
        }
        Ok(synced?)
    }

    /// Takes no more, whoever holds a handle: another process may open the vault at once. What was
    /// not synced may be lost.
    pub fn close(&self) {
        let mut inner = self.inner();
        inner.closed = true;
        inner.pending.clear();
        drop(inner);
        drop(
            self.shared
                .lock
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
    }

    /// Begins another file.
    fn roll(&self, inner: &mut Inner) -> Result<(), VaultError> {
        flush_early(inner)?;
        if let Err(error) = inner.file.sync() {
            inner.failed = true;
            return Err(error.into());
        }
        inner.dirty = false;
        let number = inner.number + 1;
        let file = self.shared.vfs.create(&file_path(number))?;
        self.shared.vfs.sync_dir("vault")?;
        inner.file = file;
        inner.number = number;
        inner.written = 0;
        Ok(())
    }

    fn who(&self, inner: &Inner, owner: Owner<'_>) -> Result<Who, VaultError> {
        match owner {
            Owner::Name(name) => Ok(Who::new(&self.shared.kek, name)),
            Owner::Of(id) => {
                let file = self.file(inner, id)?;
                let slot = slot_at(&*file, id.offset.into())?;
                slot.and_then(|slot| inner.slots.who(slot))
                    .ok_or(VaultError::Unreadable(id))
            }
        }
    }

    /// The file that holds a record.
    fn file(&self, inner: &Inner, id: RecordId) -> Result<Arc<dyn File>, VaultError> {
        match id.file == inner.number {
            true if id.offset < inner.written => Ok(inner.file.clone()),
            true => Err(VaultError::Unreadable(id)),
            false => self
                .shared
                .vfs
                .open(&file_path(id.file))
                .map_err(|_| VaultError::Unreadable(id)),
        }
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
        let file = self.file(&inner, id)?;
        let (slot, nonce, mut sealed) =
            frame_at(&*file, u64::from(id.offset))?.ok_or_else(unreadable)?;
        let key = inner.slots.key_at(&self.shared.kek, slot)?;
        drop(inner);
        let tag = sealed.split_off(sealed.len() - TAG_BYTES);
        let mut plain = Zeroizing::new(sealed);
        cipher(&key)
            .decrypt_in_place_detached(
                XNonce::from_slice(&nonce),
                &associated(id, slot),
                &mut plain,
                tag.as_slice().into(),
            )
            .map_err(|_| unreadable())?;
        read_record(&plain).ok_or_else(unreadable)
    }

    /// The number of the key that a record is sealed under: that of its subject, which an
    /// [`Erasure`] names.
    ///
    /// # Errors
    ///
    /// [`VaultError::Unreadable`] when there is no such record.
    pub fn key_number(&self, id: RecordId) -> Result<u32, VaultError> {
        let inner = self.inner();
        let file = self.file(&inner, id)?;
        slot_at(&*file, id.offset.into())?.ok_or(VaultError::Unreadable(id))
    }

    /// Whether `subject` has content that can be opened.
    #[must_use]
    pub fn holds(&self, subject: &str) -> bool {
        let who = Who::new(&self.shared.kek, subject);
        self.inner().slots.find(who).is_some()
    }
}

/// [`flush`] before who staged the records asks for it: if it fails, they are told when they do.
fn flush_early(inner: &mut Inner) -> Result<(), VaultError> {
    let flushed = flush(inner);
    inner.lost |= flushed.is_err();
    flushed
}

/// Writes keys, then the records that they seal.
fn flush(inner: &mut Inner) -> Result<(), VaultError> {
    if inner.pending.is_empty() {
        return Ok(());
    }
    let written = match inner.slots.flush() {
        Ok(()) => inner
            .file
            .write_at(&inner.pending, inner.written.into())
            .map_err(VaultError::from),
        Err(error) => Err(error),
    };
    inner.failed |= inner.slots.failed();
    let bytes = inner.pending.len() as u32;
    inner.pending.clear();
    inner.pending.shrink_to(PENDING_BYTES_KEPT);
    if let Err(error) = written {
        // A part of it may be there; the next records go over it.
        let _ = inner.file.set_bytes(inner.written.into());
        return Err(error);
    }
    inner.written += bytes;
    inner.dirty = true;
    Ok(())
}

/// How the text of a commitment begins.
const COMMITMENT: &str = "hmac-sha256:";

/// A commitment as the journal writes it.
#[must_use]
pub fn commitment_text(commitment: &[u8; 32]) -> String {
    format!("{COMMITMENT}{}", hex(commitment))
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
