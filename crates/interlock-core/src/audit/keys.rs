//! Key epochs: which key may sign a checkpoint of which size.
//!
//! A `key-rotate` entry names the next key and carries a signature by the old and by the new one.
//! A key signs sizes above the entry that introduced it, up to and including the size at which the
//! next rotation is written. A verifier that did not hold keys to their epochs would accept all of
//! history signed anew with the current key (CVE-2023-31439).

use super::body::{Body, BodyError};
use super::frame::Kind;
use super::note::{Signer, Verifier};
use super::{Hash, base64, hex};

/// The text that both keys sign when the key of a log changes.
#[must_use]
pub fn rotation_text(origin: &str, seq: u64, previous: &Hash, old: &str, new: &str) -> String {
    format!(
        "interlock key-rotate v1\n{origin}\n{seq}\n{}\n{old}\n{new}\n",
        hex(previous)
    )
}

/// The body of the `key-rotate` entry at `seq`, whose predecessor has the link `previous`.
///
/// # Errors
///
/// When it is too large, which takes an origin of tens of kilobytes.
pub fn rotation_body(
    ts: &str,
    origin: &str,
    seq: u64,
    previous: &Hash,
    old: &Signer,
    new: &Signer,
) -> Result<Vec<u8>, BodyError> {
    let (old_vkey, new_vkey) = (old.verifier().vkey(), new.verifier().vkey());
    let text = rotation_text(origin, seq, previous, &old_vkey, &new_vkey);
    Body::new(Kind::KeyRotate, ts)
        .str("old", &old_vkey)
        .str("new", &new_vkey)
        .str("by_old", &base64::encode(&old.signature(text.as_bytes())))
        .str("by_new", &base64::encode(&new.signature(text.as_bytes())))
        .finish()
}

/// The keys of one log in the order of their epochs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyEpochs {
    /// Each key with the sequence number of the entry that introduced it.
    keys: Vec<(u64, Verifier)>,
}

impl KeyEpochs {
    /// The epochs of a log that begins with `first`.
    #[must_use]
    pub fn new(first: Verifier) -> Self {
        Self {
            keys: vec![(0, first)],
        }
    }

    /// Records that entry `seq` introduced `key`.
    pub fn rotate(&mut self, seq: u64, key: Verifier) {
        self.keys.push((seq, key));
    }

    /// The newest key.
    #[must_use]
    pub fn current(&self) -> Option<&Verifier> {
        self.keys.last().map(|(_, key)| key)
    }

    /// The key that signs a checkpoint of `size`.
    #[must_use]
    pub fn for_size(&self, size: u64) -> Option<&Verifier> {
        self.keys
            .iter()
            .rev()
            .find(|(seq, _)| *seq < size || *seq == 0)
            .map(|(_, key)| key)
    }

    /// All keys with the entry that introduced each, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &Verifier)> {
        self.keys.iter().map(|(seq, key)| (*seq, key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_size_has_one_key() {
        let key = |n: u8| Signer::from_seed("x", &[n; 32]).unwrap().verifier().clone();
        let mut epochs = KeyEpochs::new(key(1));
        epochs.rotate(10, key(2));
        epochs.rotate(20, key(3));
        for (size, n) in [(0, 1), (1, 1), (10, 1), (11, 2), (20, 2), (21, 3), (99, 3)] {
            assert_eq!(epochs.for_size(size), Some(&key(n)), "{size}");
        }
        assert_eq!(epochs.current(), Some(&key(3)));
    }
}
