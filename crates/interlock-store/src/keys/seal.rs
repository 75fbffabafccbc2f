//! Secrets that must be read again, such as those of one-time codes, under a key of the pepper: a
//! copy of the database alone does not hold them.

use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use super::KeyRing;
use crate::error::StoreError;

/// Bytes of the nonce before what is sealed: enough for random ones.
const NONCE_LEN: usize = 24;

impl KeyRing {
    /// Encrypts for `about`, which must be given again to open it: XChaCha20-Poly1305 under a key of
    /// the pepper, a random nonce before it.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn seal(&self, about: &str, plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        let mut nonce = [0_u8; NONCE_LEN];
        getrandom::fill(&mut nonce).map_err(StoreError::Random)?;
        let payload = Payload {
            msg: plain,
            aad: about.as_bytes(),
        };
        let sealed = self
            .cipher()
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| StoreError::invalid("secret", "is too long"))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// What [`Self::seal`] encrypted for `about`.
    ///
    /// # Errors
    /// When it is damaged, for something else, or of another pepper.
    pub fn unseal(&self, about: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        sealed
            .split_first_chunk::<NONCE_LEN>()
            .and_then(|(nonce, rest)| {
                let payload = Payload {
                    msg: rest,
                    aad: about.as_bytes(),
                };
                self.cipher().decrypt(&XNonce::from(*nonce), payload).ok()
            })
            .map(Zeroizing::new)
            .ok_or_else(|| {
                StoreError::damaged("sealed secret", "it does not open under this pepper")
            })
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        let key = Zeroizing::new(self.hmac(b"interlock/seal/1\0", ""));
        XChaCha20Poly1305::new((&*key).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_pepper_and_purpose_open() {
        let ring = KeyRing::new([7; 32]);
        let sealed = ring.seal("t/ana", b"secret").unwrap();
        assert_ne!(sealed, ring.seal("t/ana", b"secret").unwrap());
        assert_eq!(*ring.unseal("t/ana", &sealed).unwrap(), b"secret");
        assert!(ring.unseal("t/bo", &sealed).is_err());
        assert!(KeyRing::new([8; 32]).unseal("t/ana", &sealed).is_err());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(ring.unseal("t/ana", &changed).is_err(), "{at}");
            assert!(ring.unseal("t/ana", &sealed[..at]).is_err(), "{at}");
        }
    }
}
