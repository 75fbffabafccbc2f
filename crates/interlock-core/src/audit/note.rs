//! C2SP signed notes with Ed25519 keys (c2sp.org/signed-note).

use super::base64;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

/// Largest note read, bytes.
pub const NOTE_BYTES_MAX: usize = 64 * 1024;
/// Most signatures read; verifiers must accept 16.
pub const SIGNATURES_MAX: usize = 64;
/// The signature type of plain Ed25519.
const ED25519: u8 = 0x01;

/// What is wrong with a note or a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoteError {
    /// Not a note.
    #[error("not a signed note")]
    Malformed,
    /// Beyond [`NOTE_BYTES_MAX`] or [`SIGNATURES_MAX`].
    #[error("note exceeds {NOTE_BYTES_MAX} bytes or {SIGNATURES_MAX} signatures")]
    TooLarge,
    /// No signature is by a known key.
    #[error("note is not signed by a known key")]
    UnknownKey,
    /// A signature by a known key does not verify.
    #[error("signature does not verify")]
    Signature,
    /// Not a verifier key.
    #[error("not a verifier key of the form `name+hash+key`")]
    Key,
}

fn name_is_valid(name: &str) -> bool {
    !name.is_empty()
        && !name
            .chars()
            .any(|c| c == '+' || c.is_whitespace() || c < ' ')
}

fn key_id(name: &str, public: &[u8; 32]) -> [u8; 4] {
    let digest: [u8; 32] = Sha256::new()
        .chain_update(name)
        .chain_update([b'\n', ED25519])
        .chain_update(public)
        .finalize()
        .into();
    let [a, b, c, d, ..] = digest;
    [a, b, c, d]
}

/// A public key with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    id: [u8; 4],
    key: VerifyingKey,
}

impl Verifier {
    /// Reads a vkey, `name+hash+key`.
    ///
    /// # Errors
    ///
    /// [`NoteError::Key`] when it is none, its hash does not match, or the point is weak.
    pub fn parse(vkey: &str) -> Result<Self, NoteError> {
        let (name, rest) = vkey.split_once('+').ok_or(NoteError::Key)?;
        let (hash, encoded) = rest.split_once('+').ok_or(NoteError::Key)?;
        let bytes = base64::decode(encoded).ok_or(NoteError::Key)?;
        let Some((ED25519, public)) = bytes.split_first().map(|(t, rest)| (*t, rest)) else {
            return Err(NoteError::Key);
        };
        let public: [u8; 32] = public.try_into().map_err(|_| NoteError::Key)?;
        let id = key_id(name, &public);
        if !name_is_valid(name) || super::hex(&id) != hash {
            return Err(NoteError::Key);
        }
        let key = VerifyingKey::from_bytes(&public).map_err(|_| NoteError::Key)?;
        if key.is_weak() {
            return Err(NoteError::Key);
        }
        let name = name.to_owned();
        Ok(Self { name, id, key })
    }

    /// The vkey text.
    #[must_use]
    pub fn vkey(&self) -> String {
        let mut public = vec![ED25519];
        public.extend_from_slice(self.key.as_bytes());
        format!(
            "{}+{}+{}",
            self.name,
            super::hex(&self.id),
            base64::encode(&public)
        )
    }

    /// The key's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key's id.
    #[must_use]
    pub fn id(&self) -> [u8; 4] {
        self.id
    }

    /// Whether `signature` over `text` is by this key (cofactorless, no small-order points).
    #[must_use]
    pub fn verify(&self, text: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature)
            .is_ok_and(|signature| self.key.verify_strict(text, &signature).is_ok())
    }
}

/// A private key with its name.
#[derive(Debug, Clone)]
pub struct Signer {
    verifier: Verifier,
    key: SigningKey,
}

impl Signer {
    /// The key of an RFC 8032 seed.
    ///
    /// # Errors
    ///
    /// [`NoteError::Key`] when the name is empty or holds a space, a plus or a control character.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, NoteError> {
        if !name_is_valid(name) {
            return Err(NoteError::Key);
        }
        let key = SigningKey::from_bytes(seed);
        let public = key.verifying_key();
        let verifier = Verifier {
            name: name.to_owned(),
            id: key_id(name, public.as_bytes()),
            key: public,
        };
        Ok(Self { verifier, key })
    }

    /// The public half.
    #[must_use]
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// The bare signature over `text`.
    #[must_use]
    pub fn signature(&self, text: &[u8]) -> [u8; 64] {
        self.key.sign(text).to_bytes()
    }

    /// The signature line of `text`, newline included.
    #[must_use]
    pub fn line(&self, text: &str) -> String {
        let mut bytes = self.verifier.id.to_vec();
        bytes.extend_from_slice(&self.signature(text.as_bytes()));
        format!(
            "\u{2014} {} {}\n",
            self.verifier.name,
            base64::encode(&bytes)
        )
    }

    /// The signed note of `text`, which ends in a newline.
    #[must_use]
    pub fn note(&self, text: &str) -> String {
        format!("{text}\n{}", self.line(text))
    }
}

/// A signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureLine<'a> {
    /// Name of the key.
    pub name: &'a str,
    /// Id of the key.
    pub id: [u8; 4],
    /// The signature itself.
    pub signature: Vec<u8>,
}

/// A note, its signatures not yet checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note<'a> {
    /// The text, with its last newline.
    pub text: &'a str,
    /// The signature lines, in order.
    pub signatures: Vec<SignatureLine<'a>>,
}

impl<'a> Note<'a> {
    /// Reads a note.
    ///
    /// # Errors
    ///
    /// When it is none or too large.
    pub fn parse(note: &'a str) -> Result<Self, NoteError> {
        if note.len() > NOTE_BYTES_MAX {
            return Err(NoteError::TooLarge);
        }
        if note.bytes().any(|b| b < b' ' && b != b'\n') {
            return Err(NoteError::Malformed);
        }
        let (before, lines) = note.rsplit_once("\n\n").ok_or(NoteError::Malformed)?;
        let text = note.get(..before.len() + 1).ok_or(NoteError::Malformed)?;
        let lines = lines.strip_suffix('\n').ok_or(NoteError::Malformed)?;
        let mut signatures = Vec::new();
        for line in lines.split('\n') {
            if signatures.len() == SIGNATURES_MAX {
                return Err(NoteError::TooLarge);
            }
            let rest = line.strip_prefix("\u{2014} ").ok_or(NoteError::Malformed)?;
            let (name, encoded) = rest.split_once(' ').ok_or(NoteError::Malformed)?;
            let bytes = base64::decode(encoded).ok_or(NoteError::Malformed)?;
            let (id, signature) = bytes.split_first_chunk::<4>().ok_or(NoteError::Malformed)?;
            if !name_is_valid(name) || signature.is_empty() {
                return Err(NoteError::Malformed);
            }
            signatures.push(SignatureLine {
                name,
                id: *id,
                signature: signature.to_vec(),
            });
        }
        Ok(Self { text, signatures })
    }

    /// Checks the signatures; answers the positions in `known` of the keys that signed.
    ///
    /// # Errors
    ///
    /// When no known key signed, or a known key's signature does not verify.
    pub fn verify(&self, known: &[&Verifier]) -> Result<Vec<usize>, NoteError> {
        let mut signed = Vec::new();
        for line in &self.signatures {
            for (i, key) in known.iter().enumerate() {
                if key.name != line.name || key.id != line.id {
                    continue;
                }
                if !key.verify(self.text.as_bytes(), &line.signature) {
                    return Err(NoteError::Signature);
                }
                if !signed.contains(&i) {
                    signed.push(i);
                }
            }
        }
        if signed.is_empty() {
            return Err(NoteError::UnknownKey);
        }
        Ok(signed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    // Published with the reference implementation of signed notes.
    const VKEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const TEXT: &str = "If you think cryptography is the answer to your problem,\n\
                        then you don't know what your problem is.\n";
    const LINE: &str = "\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    fn published() -> String {
        format!("{TEXT}\n{LINE}")
    }

    #[test]
    fn the_published_note_verifies() {
        let key = Verifier::parse(VKEY).unwrap();
        assert_eq!(key.vkey(), VKEY);
        let text = published();
        let note = Note::parse(&text).unwrap();
        assert_eq!(note.text, TEXT);
        assert_eq!(note.verify(&[&key]), Ok(vec![0]));
    }

    #[test]
    fn every_flip_in_a_note_is_refused() {
        let key = Verifier::parse(VKEY).unwrap();
        let text = published();
        for at in 0..text.len() {
            for bit in 0..8 {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let passes = core::str::from_utf8(&bytes)
                    .ok()
                    .and_then(|text| Note::parse(text).ok())
                    .is_some_and(|note| note.verify(&[&key]).is_ok());
                assert!(!passes, "byte {at} bit {bit}");
            }
        }
    }

    #[test]
    fn keys_that_are_none() {
        for vkey in [
            "",
            "PeterNeumann",
            "PeterNeumann+c74f20a3",
            "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "PeterNeumann+c74f20a3+AhpC2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        ] {
            assert_eq!(Verifier::parse(vkey), Err(NoteError::Key), "{vkey}");
        }
        // The identity point is of small order: everybody can sign for it.
        let mut identity = [0; 32];
        identity[0] = 1;
        let vkey = format!(
            "x+{}+{}",
            crate::audit::hex(&key_id("x", &identity)),
            base64::encode(&[&[ED25519][..], &identity].concat())
        );
        assert_eq!(Verifier::parse(&vkey), Err(NoteError::Key));
    }

    #[test]
    fn unknown_signatures_are_ignored_and_bad_ones_refused() {
        let ours = Signer::from_seed("example.com/log", &[1; 32]).unwrap();
        let witness = Signer::from_seed("witness.example", &[2; 32]).unwrap();
        let text = "a\nb\n";
        let both = format!("{}{}", ours.note(text), witness.line(text));
        let note = Note::parse(&both).unwrap();
        assert_eq!(note.verify(&[ours.verifier()]), Ok(vec![0]));
        assert_eq!(
            note.verify(&[witness.verifier(), ours.verifier()]),
            Ok(vec![1, 0])
        );
        assert_eq!(note.verify(&[]), Err(NoteError::UnknownKey));
        let forged = format!("{}{}", ours.note(text), witness.line("other\n"));
        let note = Note::parse(&forged).unwrap();
        assert_eq!(
            note.verify(&[ours.verifier(), witness.verifier()]),
            Err(NoteError::Signature)
        );
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text: String, tail in "(\u{2014} [a-z]{1,3} [A-Za-z0-9+/]{0,12}={0,2}\n){0,3}") {
            let _ = Note::parse(&text);
            let _ = Note::parse(&format!("{text}\n\n{tail}"));
            let _ = Verifier::parse(&text);
        }
    }
}
