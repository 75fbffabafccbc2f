//! The keys of a log: the first one, and how each later one was introduced.

use interlock_core::audit::keys::{KeyEpochs, rotation_text};
use interlock_core::audit::note::Verifier;
use interlock_core::audit::{base64, unhex};
use serde::{Deserialize, Serialize};

/// A change of the key, as the entry of kind `key-rotate` says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// The entry.
    pub seq: u64,
    /// The link of the entry before it, hex.
    pub link: String,
    /// The key before.
    pub old: String,
    /// The key after.
    pub new: String,
    /// Signature by the key before, base64.
    pub by_old: String,
    /// Signature by the key after, base64.
    pub by_new: String,
}

/// `keys/keys.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys {
    /// The origin of the log, which the signatures are over.
    pub origin: String,
    /// The key that the log began with.
    pub first: String,
    /// The changes, oldest first.
    pub rotations: Vec<Rotation>,
}

impl Keys {
    /// The epochs of the keys, when `first` is trusted and each later key was introduced by the one
    /// before it.
    #[must_use]
    pub fn epochs(&self, trusted: &[Verifier]) -> Option<KeyEpochs> {
        let first = Verifier::parse(&self.first).ok()?;
        if !trusted.contains(&first) {
            return None;
        }
        let mut epochs = KeyEpochs::new(first);
        let mut last = 0;
        for rotation in &self.rotations {
            let old = Verifier::parse(&rotation.old).ok()?;
            let new = Verifier::parse(&rotation.new).ok()?;
            let link = unhex(&rotation.link)?.try_into().ok()?;
            let text = rotation_text(
                &self.origin,
                rotation.seq,
                &link,
                &rotation.old,
                &rotation.new,
            );
            let signed = |key: &Verifier, signature: &str| {
                base64::decode(signature)
                    .is_some_and(|signature| key.verify(text.as_bytes(), &signature))
            };
            if epochs.current() != Some(&old)
                || rotation.seq <= last
                || !signed(&old, &rotation.by_old)
                || !signed(&new, &rotation.by_new)
            {
                return None;
            }
            last = rotation.seq;
            epochs.rotate(rotation.seq, new);
        }
        Some(epochs)
    }
}
