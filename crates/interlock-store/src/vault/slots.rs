//! The keys of the data subjects: fixed slots in one file, so that a key can be overwritten.
//!
//! Slot, 128 bytes: u8 state (1 live, 2 erased), seven zero bytes, keyed hash of the subject (32), nonce
//! (24), wrapped key (48), u64 records, u64 zero.

use super::{Erased, Key, VaultError, cipher, mac, random};
use crate::journal::vfs::{File, Vfs};
use chacha20poly1305::XNonce;
use chacha20poly1305::aead::{Aead, Payload};
use std::collections::HashMap;
use std::io::ErrorKind;
use std::sync::Arc;
use zeroize::Zeroizing;

const PATH: &str = "vault/subjects";
const SLOT_BYTES: usize = 128;
const LIVE: u8 = 1;
const ERASED: u8 = 2;

/// A subject by its keyed hash: the file names nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Subject([u8; 32]);

impl Subject {
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
    subject: Subject,
    nonce: [u8; 24],
    wrapped: [u8; 48],
    /// Records sealed since the vault was opened and before, as far as a slot was rewritten.
    records: u64,
}

impl Slot {
    fn encode(&self) -> [u8; SLOT_BYTES] {
        let mut out = [0; SLOT_BYTES];
        out[0] = self.state;
        out[8..40].copy_from_slice(&self.subject.0);
        out[40..64].copy_from_slice(&self.nonce);
        out[64..112].copy_from_slice(&self.wrapped);
        out[112..120].copy_from_slice(&self.records.to_le_bytes());
        out
    }

    fn decode(bytes: &[u8; SLOT_BYTES]) -> Option<Self> {
        let state = bytes[0];
        if state != LIVE && state != ERASED {
            return None;
        }
        Some(Self {
            state,
            subject: Subject(bytes[8..40].try_into().ok()?),
            nonce: bytes[40..64].try_into().ok()?,
            wrapped: bytes[64..112].try_into().ok()?,
            records: u64::from_le_bytes(bytes[112..120].try_into().ok()?),
        })
    }
}

pub(super) struct Slots {
    file: Arc<dyn File>,
    slots: Vec<Slot>,
    live: HashMap<Subject, u32>,
}

/// The wrapped key is bound to its slot and subject.
fn associated(slot: u32, subject: &Subject) -> Vec<u8> {
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
        let mut slots = Vec::new();
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
        let slots = Self { file, slots, live };
        if let Some((last, slot)) = slots.slots.iter().enumerate().next_back()
            && slot.state == LIVE
        {
            // The wrong wrapping key shall be noticed now, not at the first reading.
            slots.key_at(kek, last as u32)?;
        }
        Ok(slots)
    }

    pub(super) fn find(&self, subject: Subject) -> Option<u32> {
        self.live.get(&subject).copied()
    }

    fn write(&self, number: u32) -> Result<(), VaultError> {
        let slot = &self.slots[number as usize];
        let offset = u64::from(number) * SLOT_BYTES as u64;
        self.file.write_at(&slot.encode(), offset)?;
        Ok(self.file.sync()?)
    }

    /// The key of a subject, drawn and stored durably if it has none.
    pub(super) fn key(
        &mut self,
        kek: &Key,
        subject: Subject,
        most: u32,
    ) -> Result<(u32, Key), VaultError> {
        if let Some(number) = self.find(subject) {
            return Ok((number, self.key_at(kek, number)?));
        }
        let number = self.slots.len() as u32;
        if number >= most {
            return Err(VaultError::Corrupt("no slot is left for another subject"));
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
            records: 0,
        });
        self.live.insert(subject, number);
        if let Err(error) = self.write(number) {
            self.slots.pop();
            self.live.remove(&subject);
            return Err(error);
        }
        Ok((number, key))
    }

    pub(super) fn key_at(&self, kek: &Key, number: u32) -> Result<Key, VaultError> {
        let damaged = VaultError::Corrupt("a key does not unwrap");
        let Some(slot) = self.slots.get(number as usize) else {
            return Err(damaged);
        };
        if slot.state == ERASED {
            return Err(VaultError::Erased);
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

    pub(super) fn count(&mut self, number: u32) {
        if let Some(slot) = self.slots.get_mut(number as usize) {
            slot.records += 1;
        }
    }

    pub(super) fn erase(&mut self, subject: Subject) -> Result<Erased, VaultError> {
        let Some(number) = self.live.remove(&subject) else {
            return Ok(Erased {
                keys: 0,
                records: 0,
            });
        };
        let slot = &mut self.slots[number as usize];
        let records = slot.records;
        slot.state = ERASED;
        slot.nonce = [0; 24];
        slot.wrapped = [0; 48];
        self.write(number)?;
        Ok(Erased { keys: 1, records })
    }
}
