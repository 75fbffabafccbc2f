//! Erasure: the key of a subject is destroyed, and the journal says so.
//!
//! What is about to be done is written down first (`vault/erasing`), and forgotten once its entry is
//! in the journal: a crash in between leaves no key without an entry, and no entry without a
//! destroyed key.

use super::frame::count_of;
use super::slots::Who;
use super::{Subject, Vault, VaultError, file_path, flush_early};
use interlock_core::audit::hex;
use serde::{Deserialize, Serialize};
use std::io::ErrorKind;

const ERASING: &str = "vault/erasing";

/// An erasure, by whom and of what. It names the subject by its keyed hash only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// The tenant.
    pub tenant: String,
    /// `user` or `agent`.
    pub kind: String,
    /// The keyed hash of the subject, hex.
    pub subject: String,
    /// The number of the key that is destroyed.
    pub key: u32,
    /// Who asked for it.
    pub by: String,
    /// Why, in the words of who asked.
    pub reason: String,
}

/// What [`Vault::erase`] did, for the `erasure` entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erased {
    /// What was asked for.
    pub erasure: Erasure,
    /// Keys destroyed.
    pub keys: u32,
    /// Records that cannot be opened any more.
    pub records: u64,
}

impl Vault {
    /// Destroys the key of `subject`: its content cannot be opened any more, here or by anybody.
    /// The caller appends the `erasure` entry and then calls [`Vault::erasure_recorded`]. Nothing
    /// happens when there is no content of the subject.
    ///
    /// # Errors
    ///
    /// When the key cannot be overwritten durably, or an earlier erasure is not recorded yet.
    pub fn erase(
        &self,
        subject: &Subject,
        by: &str,
        reason: &str,
    ) -> Result<Option<Erased>, VaultError> {
        let Some((tenant, kind, name)) = subject.named() else {
            return Err(VaultError::Corrupt("a subject without a name"));
        };
        if self.inner().closed {
            return Err(VaultError::Closed);
        }
        if self.unfinished()?.is_some() {
            return Err(VaultError::Unfinished);
        }
        let who = Who::new(&self.shared.kek, &name);
        let key = {
            let mut inner = self.inner();
            // What is sealed already is to be erased too.
            flush_early(&mut inner)?;
            match inner.slots.find(who) {
                Some(key) => key,
                None => return Ok(None),
            }
        };
        let erasure = Erasure {
            tenant: tenant.to_owned(),
            kind: kind.to_owned(),
            subject: hex(&who.0),
            key,
            by: by.to_owned(),
            reason: reason.to_owned(),
        };
        let note = serde_json::to_vec(&erasure)
            .map_err(|_| VaultError::Corrupt("an erasure cannot be written down"))?;
        self.shared.vfs.publish(ERASING, &note)?;
        self.finish(erasure).map(Some)
    }

    /// Completes an erasure that a crash cut off, whose entry may be missing from the journal.
    ///
    /// # Errors
    ///
    /// As [`Vault::erase`].
    pub fn resume_erasure(&self) -> Result<Option<Erased>, VaultError> {
        if self.inner().closed {
            return Err(VaultError::Closed);
        }
        match self.unfinished()? {
            Some(erasure) => self.finish(erasure).map(Some),
            None => Ok(None),
        }
    }

    /// The entry of the last erasure is in the journal.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn erasure_recorded(&self) -> Result<(), VaultError> {
        match self.shared.vfs.remove(ERASING) {
            Err(e) if e.kind() != ErrorKind::NotFound => Err(e.into()),
            _ => Ok(self.shared.vfs.sync_dir("vault")?),
        }
    }

    fn unfinished(&self) -> Result<Option<Erasure>, VaultError> {
        let bytes = match self.shared.vfs.read(ERASING) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|_| VaultError::Corrupt("`vault/erasing` is damaged"))
    }

    fn finish(&self, erasure: Erasure) -> Result<Erased, VaultError> {
        let (current, written) = {
            let mut inner = self.inner();
            inner.slots.erase(erasure.key)?;
            (inner.number, inner.written)
        };
        // Nothing is sealed under that key any more, so that the count is exact.
        let mut records = 0;
        for number in 0..=current {
            let file = match self.shared.vfs.open(&file_path(number)) {
                Err(e) if e.kind() == ErrorKind::NotFound => continue,
                other => other?,
            };
            let end = if number == current {
                written.into()
            } else {
                file.bytes()?
            };
            records += count_of(&*file, end, erasure.key)?;
        }
        Ok(Erased {
            erasure,
            keys: 1,
            records,
        })
    }
}
