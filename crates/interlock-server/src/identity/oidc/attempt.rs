//! A sign-in that is underway: what the browser that began it must bring back.
//!
//! It is sealed in a cookie, so that the server keeps nothing for whoever only begins; only the answer
//! that is taken is remembered, so that it is taken once.

use interlock_core::model::UnixNanos;
use interlock_store::keys::KeyRing;
use serde::{Deserialize, Serialize};

use super::jose::{from_base64url, to_base64url};
use crate::identity::browser::Reached;

/// How long a person may take at the provider, in seconds.
pub(crate) const LIFETIME_S: u64 = 600;
/// Characters of the path to go to afterwards.
const TO_MAX: usize = 512;
/// Characters of a sealed attempt; browsers take 4,096.
const SEALED_MAX: usize = 3_800;
const ABOUT: &str = "oidc-attempt/1";
const STATE: &str = "oidc-state";

/// A sign-in that is underway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attempt {
    /// The provider's name: an answer counts at the address that is registered for it alone.
    pub(crate) provider: String,
    /// Its issuer: the one that was asked is the one that must answer.
    pub(crate) issuer: String,
    pub(crate) redirect_uri: String,
    pub(crate) state: String,
    pub(crate) nonce: String,
    /// The secret of PKCE (RFC 7636).
    pub(crate) verifier: String,
    /// Where the person goes afterwards.
    pub(crate) to: String,
    pub(crate) tls: bool,
    pub(crate) expires: UnixNanos,
}

/// Whether a text is a path of this server: nothing that a browser takes for another host.
pub(crate) fn is_local(path: &str) -> bool {
    path.len() <= TO_MAX
        && path.starts_with('/')
        && !path[1..].starts_with(['/', '\\'])
        && path.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
}

impl Attempt {
    pub(crate) fn reached(&self) -> Reached {
        if self.tls {
            Reached::Tls
        } else {
            Reached::Loopback
        }
    }

    /// Under what its answer is remembered once it was taken.
    pub(crate) fn hash(&self, ring: &KeyRing) -> [u8; 32] {
        ring.token_hash(STATE, &self.state)
    }

    /// The challenge of PKCE: S256.
    pub(crate) fn challenge(&self) -> String {
        use sha2::Digest as _;
        to_base64url(&sha2::Sha256::digest(self.verifier.as_bytes()))
    }

    /// The value of the cookie; `None` when it would be too long.
    pub(crate) fn seal(&self, ring: &KeyRing) -> Option<String> {
        let json = zeroize::Zeroizing::new(serde_json::to_vec(self).ok()?);
        let sealed = to_base64url(&ring.seal(ABOUT, &json).ok()?);
        (sealed.len() <= SEALED_MAX).then_some(sealed)
    }

    /// What [`Self::seal`] wrote, if it is not too late.
    pub(crate) fn open(ring: &KeyRing, sealed: &str, now: UnixNanos) -> Option<Self> {
        if sealed.len() > SEALED_MAX {
            return None;
        }
        let json = ring.unseal(ABOUT, &from_base64url(sealed)?).ok()?;
        let attempt: Self = serde_json::from_slice(&json).ok()?;
        (attempt.expires > now).then_some(attempt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_server() {
        for path in ["/", "/approvals/1?show=all", "/a//b"] {
            assert!(is_local(path), "{path}");
        }
        let long = format!("/{}", "a".repeat(TO_MAX));
        for path in [
            "",
            "approvals",
            "//evil.example",
            "/\\evil.example",
            "/a\\b",
            "https://evil.example",
            "/a b",
            "/a\r\nset-cookie: x",
            "/é",
            &long,
        ] {
            assert!(!is_local(path), "{path}");
        }
    }

    #[test]
    fn an_attempt_opens_unchanged_and_in_time() {
        let ring = KeyRing::new([7; 32]);
        let attempt = Attempt {
            provider: "sso".to_owned(),
            issuer: "https://id.example".to_owned(),
            redirect_uri: "https://interlock.example/api/session/oidc/callback/sso".to_owned(),
            state: "s".repeat(43),
            nonce: "n".repeat(43),
            // The pair of RFC 7636, appendix B.
            verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned(),
            to: "/".to_owned(),
            tls: true,
            expires: 100,
        };
        assert_eq!(
            attempt.challenge(),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
        let sealed = attempt.seal(&ring).unwrap();
        assert_eq!(Attempt::open(&ring, &sealed, 99), Some(attempt.clone()));
        assert_eq!(Attempt::open(&ring, &sealed, 100), None, "too late");
        assert_eq!(Attempt::open(&KeyRing::new([8; 32]), &sealed, 1), None);
        assert_eq!(Attempt::open(&ring, &sealed[1..], 1), None);
        let long = Attempt {
            issuer: "i".repeat(SEALED_MAX),
            ..attempt
        };
        assert_eq!(long.seal(&ring), None);
    }
}
