//! The keys of the data subjects: fixed slots in one file, so that a key can be overwritten.
//!
//! Slot, 128 bytes: u8 state (1 live, 2 erased), seven zero bytes, keyed hash of the subject (32),
//! nonce (24), wrapped key (48), sixteen zero bytes. A slot of zeros was never used: its write was
//! lost in a crash, with every record that it might have sealed.

use super::{Key, VaultError, cipher, mac, random};
use crate::journal::vfs::{File, Vfs};
use chacha20poly1305::XNonce;
use chacha20poly1305::aead::{Aead, Payload};
use std::collections::HashMap;
use std::io::ErrorKind;
use std::sync::Arc;
use zeroize::{Zeroize as _, Zeroizing};

const PATH: &str = "vault/subjects";
const SLOT_BYTES: usize = 128;
const VOID: u8 = 0;
const LIVE: u8 = 1;
const ERASED: u8 = 2;

/// A subject by its keyed hash: the file names nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Who(pub(super) [u8; 32]);

impl Who {
    pub(super) fn new(kek: &Key, name: &str) -> Self {
        Self(mac(
            kek,
            &[b"interlock vault subject v1\0", name.as_bytes()],
        ))
    }
}

#[derive(Debug, Clone)]
struct Slot {
    state: u8,
    subject: Who,
    nonce: [u8; 24],
    wrapped: [u8; 48],
}

impl Slot {
    fn encode(&self) -> [u8; SLOT_BYTES] {
        let mut out = [0; SLOT_BYTES];
        out[0] = self.state;
        out[8..40].copy_from_slice(&self.subject.0);
        out[40..64].copy_from_slice(&self.nonce);
        out[64..112].copy_from_slice(&self.wrapped);
        out
    }

    fn decode(bytes: &[u8; SLOT_BYTES]) -> Option<Self> {
        let state = bytes[0];
        if state != LIVE && state != ERASED && bytes.iter().any(|b| *b != 0) {
            return None;
        }
        Some(Self {
            state,
            subject: Who(bytes[8..40].try_into().ok()?),
            nonce: bytes[40..64].try_into().ok()?,
            wrapped: bytes[64..112].try_into().ok()?,
        })
    }
}

pub(super) struct Slots {
    file: Arc<dyn File>,
    slots: Vec<Slot>,
    /// How many of them are on disk.
    durable: usize,
    live: HashMap<Who, u32>,
    /// Whether a sync failed.
    failed: bool,
    /// The key that was asked for last: one agent or user follows itself. Gone when it is erased.
    last: Option<(u32, Key)>,
}

/// The wrapped key is bound to its slot and subject.
fn associated(slot: u32, subject: &Who) -> Vec<u8> {
    [&slot.to_le_bytes()[..], &subject.0].concat()
}

impl Slots {
    pub(super) fn open(vfs: &dyn Vfs, kek: &Key) -> Result<Self, VaultError> {
        let file = match vfs.open(PATH) {
            Err(e) if e.kind() == ErrorKind::NotFound => {
                let file = vfs.create(PATH)?;
                vfs.sync_dir("vault")?;
                file
            }
            other => other?,
        };
        let mut bytes = vec![0; file.bytes()? as usize];
        file.read_exact_at(&mut bytes, 0)?;
        let (whole, _) = bytes.as_chunks::<SLOT_BYTES>();
        let mut slots: Vec<Slot> = Vec::new();
        let mut live = HashMap::new();
        for (number, bytes) in (0u32..).zip(whole) {
            // A slot is synced before a record uses it, so that only a last one can be torn.
            let Some(slot) = Slot::decode(bytes) else {
                if number as usize + 1 == whole.len() {
                    break;
                }
                return Err(VaultError::Corrupt("a slot of the subjects is damaged"));
            };
            if slot.state == LIVE {
                live.insert(slot.subject, number);
            }
            slots.push(slot);
        }
        while slots.last().is_some_and(|slot| slot.state == VOID) {
            slots.pop();
        }
        let durable = slots.len();
        let slots = Self {
            file,
            slots,
            durable,
            live,
            failed: false,
            last: None,
        };
        if let Some(last) = slots.slots.iter().rposition(|slot| slot.state == LIVE) {
            // The wrong wrapping key shall be noticed now, not at the first reading.
            slots.key_at(kek, last as u32)?;
        }
        Ok(slots)
    }

    /// Whose slot it is; none if it was never used.
    pub(super) fn who(&self, number: u32) -> Option<Who> {
        let slot = self.slots.get(number as usize)?;
        (slot.state != VOID).then_some(slot.subject)
    }

    pub(super) fn find(&self, subject: Who) -> Option<u32> {
        self.live.get(&subject).copied()
    }

    /// Makes new keys durable, so that records may use them. When it fails, the keys are gone.
    pub(super) fn flush(&mut self) -> Result<(), VaultError> {
        let Some(new) = self.slots.get(self.durable..).filter(|new| !new.is_empty()) else {
            return Ok(());
        };
        let bytes: Vec<u8> = new.iter().flat_map(Slot::encode).collect();
        let offset = (self.durable * SLOT_BYTES) as u64;
        let mut written = self.file.write_at(&bytes, offset);
        if written.is_ok() {
            written = self.file.sync();
            self.failed |= written.is_err();
        }
        match written {
            Ok(()) => self.durable = self.slots.len(),
            Err(_) => {
                self.slots.truncate(self.durable);
                let durable = self.durable;
                self.live.retain(|_, number| (*number as usize) < durable);
            }
        }
        Ok(written?)
    }

    /// Whether a sync of new keys failed, after which no more may be drawn.
    pub(super) fn failed(&self) -> bool {
        self.failed
    }

    /// The key of a subject, drawn if it has none; for use after [`Slots::flush`].
    pub(super) fn key(
        &mut self,
        kek: &Key,
        subject: Who,
        most: u32,
    ) -> Result<(u32, Key), VaultError> {
        if let Some(number) = self.find(subject) {
            if let Some((last, key)) = &self.last
                && *last == number
            {
                return Ok((number, key.clone()));
            }
            let key = self.key_at(kek, number)?;
            self.last = Some((number, key.clone()));
            return Ok((number, key));
        }
        let number = self.slots.len() as u32;
        if number >= most {
            return Err(VaultError::Full(most));
        }
        let key = random::<32>()?;
        let nonce = *random::<24>()?;
        let payload = Payload {
            msg: &*key,
            aad: &associated(number, &subject),
        };
        let wrapped = cipher(kek)
            .encrypt(XNonce::from_slice(&nonce), payload)
            .ok()
            .and_then(|sealed| sealed.try_into().ok())
            .ok_or(VaultError::Corrupt("a key cannot be wrapped"))?;
        self.slots.push(Slot {
            state: LIVE,
            subject,
            nonce,
            wrapped,
        });
        self.live.insert(subject, number);
        Ok((number, key))
    }

    pub(super) fn key_at(&self, kek: &Key, number: u32) -> Result<Key, VaultError> {
        let damaged = VaultError::Corrupt("a key does not unwrap");
        let Some(slot) = self.slots.get(number as usize) else {
            return Err(damaged);
        };
        match slot.state {
            LIVE => {}
            ERASED => return Err(VaultError::Erased),
            _ => return Err(damaged),
        }
        let payload = Payload {
            msg: &slot.wrapped,
            aad: &associated(number, &slot.subject),
        };
        let key = cipher(kek)
            .decrypt(XNonce::from_slice(&slot.nonce), payload)
            .map(Zeroizing::new);
        match key.map(|key| <[u8; 32]>::try_from(&key[..])) {
            Ok(Ok(key)) => Ok(Zeroizing::new(key)),
            _ => Err(damaged),
        }
    }

    /// Overwrites the key of a slot, durably; an erased one stays so.
    pub(super) fn erase(&mut self, number: u32) -> Result<(), VaultError> {
        let Some(slot) = self.slots.get_mut(number as usize) else {
            return Err(VaultError::Corrupt("there is no slot of that number"));
        };
        if self.last.as_ref().is_some_and(|(last, _)| *last == number) {
            self.last = None;
        }
        // Gone from memory first: whatever the disk says, nothing is opened with it any more.
        slot.state = ERASED;
        slot.nonce = [0; 24];
        slot.wrapped.zeroize();
        let (subject, bytes) = (slot.subject, slot.encode());
        if self.find(subject) == Some(number) {
            self.live.remove(&subject);
        }
        let offset = u64::from(number) * SLOT_BYTES as u64;
        self.file.write_at(&bytes, offset)?;
        Ok(self.file.sync()?)
    }
}
