//! C2SP proofs (c2sp.org/tlog-proof): one entry's inclusion, checkable offline.

use super::checkpoint::{Checkpoint, decimal};
use super::merkle::{ProofError, verify_inclusion};
use super::note::{Note, NoteError, Verifier};
use super::{Hash, base64};

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";
/// Most hashes of an inclusion proof: the height of a tree of 2⁶⁴ leaves.
const HASHES_MAX: usize = 64;

/// An inclusion proof with the checkpoint that it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    /// Opaque, unauthenticated extra data.
    pub extra: Option<Vec<u8>>,
    /// Sequence number of the entry.
    pub index: u64,
    /// Siblings from the leaf to below the root.
    pub hashes: Vec<Hash>,
    /// The signed checkpoint, as issued.
    pub checkpoint: String,
}

/// Why a proof does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlogProofError {
    /// Not a proof.
    #[error("not a transparency-log proof")]
    Malformed,
    /// The checkpoint is of another log.
    #[error("checkpoint is of log `{0}`")]
    Origin(String),
    /// The checkpoint's signatures do not hold.
    #[error("checkpoint: {0}")]
    Note(#[from] NoteError),
    /// The entry is not where the proof says.
    #[error("inclusion: {0}")]
    Proof(#[from] ProofError),
}

impl TlogProof {
    /// The text of a `.tlog-proof` file.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = format!("{FIRST_LINE}\n");
        if let Some(extra) = &self.extra {
            out.push_str(&format!("extra {}\n", base64::encode(extra)));
        }
        out.push_str(&format!("index {}\n", self.index));
        for hash in &self.hashes {
            out.push_str(&base64::encode(hash));
            out.push('\n');
        }
        out.push('\n');
        out.push_str(&self.checkpoint);
        out
    }

    /// Reads a `.tlog-proof` file.
    ///
    /// # Errors
    ///
    /// [`TlogProofError::Malformed`] when it is none.
    pub fn parse(text: &str) -> Result<Self, TlogProofError> {
        Self::read(text).ok_or(TlogProofError::Malformed)
    }

    fn read(text: &str) -> Option<Self> {
        let (head, checkpoint) = text.split_once("\n\n")?;
        let mut lines = head.split('\n');
        if lines.next()? != FIRST_LINE {
            return None;
        }
        let mut line = lines.next()?;
        let extra = match line.strip_prefix("extra ") {
            Some(encoded) => {
                line = lines.next()?;
                Some(base64::decode(encoded)?)
            }
            None => None,
        };
        let index = decimal(line.strip_prefix("index ")?)?;
        let mut hashes = Vec::new();
        for line in lines {
            if hashes.len() == HASHES_MAX {
                return None;
            }
            hashes.push(base64::decode(line)?.try_into().ok()?);
        }
        Some(Self {
            extra,
            index,
            hashes,
            checkpoint: checkpoint.to_owned(),
        })
    }

    /// Checks that the entry with `leaf` is in the log `origin`, under a checkpoint that one of
    /// `known` signed; answers the checkpoint.
    ///
    /// # Errors
    ///
    /// What does not hold.
    pub fn verify(
        &self,
        leaf: &Hash,
        origin: &str,
        known: &[&Verifier],
    ) -> Result<Checkpoint, TlogProofError> {
        let note = Note::parse(&self.checkpoint)?;
        note.verify(known)?;
        let checkpoint = Checkpoint::parse(note.text).ok_or(TlogProofError::Malformed)?;
        if checkpoint.origin != origin {
            return Err(TlogProofError::Origin(checkpoint.origin));
        }
        verify_inclusion(
            leaf,
            self.index,
            checkpoint.size,
            &self.hashes,
            &checkpoint.root,
        )?;
        Ok(checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::chain::leaf;
    use crate::audit::merkle::{Leaves, inclusion_proof, root};
    use crate::audit::note::Signer;
    use proptest::prelude::*;

    fn example(extra: Option<Vec<u8>>) -> (TlogProof, Hash, Signer) {
        let signer = Signer::from_seed("example.com/log", &[3; 32]).unwrap();
        let leaves: Vec<Hash> = (0..11u8).map(|i| leaf(&[i])).collect();
        let checkpoint = Checkpoint {
            origin: "example.com/log".to_owned(),
            size: 11,
            root: root(&Leaves(&leaves), 11).unwrap(),
        };
        let proof = TlogProof {
            extra,
            index: 4,
            hashes: inclusion_proof(&Leaves(&leaves), 4, 11).unwrap(),
            checkpoint: signer.note(&checkpoint.text()),
        };
        (proof, leaves[4], signer)
    }

    #[test]
    fn no_flip_passes() {
        let (proof, leaf, signer) = example(None);
        let known = [signer.verifier()];
        let text = proof.text();
        assert_eq!(TlogProof::parse(&text), Ok(proof.clone()));
        assert!(proof.verify(&leaf, "example.com/log", &known).is_ok());
        assert!(proof.verify(&leaf, "example.com/other", &known).is_err());
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            let passes = core::str::from_utf8(&bytes)
                .ok()
                .and_then(|text| TlogProof::parse(text).ok())
                .is_some_and(|p| p.verify(&leaf, "example.com/log", &known).is_ok());
            assert!(!passes, "byte {at}");
        }
    }

    proptest! {
        #[test]
        fn texts_survive(extra: Option<Vec<u8>>, noise: String) {
            let (proof, ..) = example(extra);
            prop_assert_eq!(TlogProof::parse(&proof.text()), Ok(proof));
            let _ = TlogProof::parse(&noise);
            let _ = TlogProof::parse(&format!("{FIRST_LINE}\nindex 1\n{noise}"));
        }
    }
}
