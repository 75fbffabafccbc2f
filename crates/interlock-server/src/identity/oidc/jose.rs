//! Signed tokens of a provider: the compact form of a JWS (RFC 7515), and the keys that it is checked
//! with (RFC 7517). RS256, ES256 and `EdDSA` with Ed25519 are taken; `none`, and what is keyed with a
//! shared secret, is refused before anything else is looked at.
//!
//! **Invariant:** which algorithm a key is good for is said by the key, never by the token alone.

use interlock_core::audit::base64;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use serde::Deserialize;

/// Bytes of a token.
pub(crate) const TOKEN_BYTES_MAX: usize = 16 * 1024;
/// Keys of a provider that are looked at.
pub(crate) const KEYS_MAX: usize = 64;
/// Bytes of a key's name.
const KID_BYTES_MAX: usize = 256;

/// Why a token, or a set of keys, is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    /// It is not of the compact form, or its parts are no JSON of the form that they must have.
    #[error("the token has not the form of one: {0}")]
    Form(&'static str),
    /// It is signed in a way that is not taken.
    #[error("the token's `alg` is not RS256, ES256 or EdDSA")]
    Algorithm,
    /// No key of that name, or no single one.
    #[error("the provider has no key that fits the token's `kid`")]
    UnknownKey,
    /// The signature is another one.
    #[error("the token's signature does not hold")]
    Signature,
    /// The set of keys is none.
    #[error("the provider's keys cannot be read: {0}")]
    Keys(&'static str),
    /// A claim is not as it must be.
    #[error("the token's `{0}` {1}")]
    Claim(&'static str, &'static str),
}

/// How a token may be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    fn from_name(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::Rs256),
            "ES256" => Some(Self::Es256),
            "EdDSA" | "Ed25519" => Some(Self::EdDsa),
            _ => None,
        }
    }

    /// The hash that goes with it, as `at_hash` is made (`OpenID` Connect Core 1.0, section 3.1.3.6).
    pub(crate) fn hash(self, bytes: &[u8]) -> Vec<u8> {
        use sha2::Digest as _;
        match self {
            Self::Rs256 | Self::Es256 => sha2::Sha256::digest(bytes).to_vec(),
            // The hash that Ed25519 itself uses.
            Self::EdDsa => sha2::Sha512::digest(bytes).to_vec(),
        }
    }
}

/// Writes base64url without padding (RFC 4648, section 5).
pub(crate) fn to_base64url(bytes: &[u8]) -> String {
    let mut text = base64::encode(bytes).replace('+', "-").replace('/', "_");
    text.truncate(text.trim_end_matches('=').len());
    text
}

/// Reads base64url without padding, strictly: one text per value.
pub(crate) fn from_base64url(text: &str) -> Option<Vec<u8>> {
    let mut plain = String::with_capacity(text.len() + 3);
    for c in text.chars() {
        plain.push(match c {
            '-' => '+',
            '_' => '/',
            '+' | '/' | '=' => return None,
            other => other,
        });
    }
    while !plain.len().is_multiple_of(4) {
        plain.push('=');
    }
    base64::decode(&plain)
}

#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<serde_json::Value>,
}

/// A token whose signature is not checked yet.
#[derive(Debug)]
pub(crate) struct Unverified<'a> {
    signed: &'a str,
    algorithm: Algorithm,
    kid: Option<String>,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl<'a> Unverified<'a> {
    /// Reads a token.
    ///
    /// # Errors
    /// When it has another form, or is signed in a way that is not taken.
    pub(crate) fn parse(token: &'a str) -> Result<Self, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::Form("it is too long"));
        }
        let form = TokenError::Form("it is not three parts in base64url");
        let (signed, signature) = token.rsplit_once('.').ok_or_else(|| form.clone())?;
        let (header, payload) = signed.split_once('.').ok_or_else(|| form.clone())?;
        let header = from_base64url(header).ok_or_else(|| form.clone())?;
        let payload = from_base64url(payload).ok_or_else(|| form.clone())?;
        let signature = from_base64url(signature).ok_or(form)?;
        let header: Header = serde_json::from_slice(&header)
            .map_err(|_| TokenError::Form("its header is not as it must be"))?;
        let algorithm = Algorithm::from_name(&header.alg).ok_or(TokenError::Algorithm)?;
        if header.crit.is_some() {
            return Err(TokenError::Form(
                "it has extensions that must be understood",
            ));
        }
        if header.kid.as_ref().is_some_and(|k| k.len() > KID_BYTES_MAX) {
            return Err(TokenError::Form("its `kid` is too long"));
        }
        Ok(Self {
            signed,
            algorithm,
            kid: header.kid,
            payload,
            signature,
        })
    }

    /// How it is signed.
    pub(crate) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// What it says, if one of these keys signed it.
    ///
    /// # Errors
    /// [`TokenError::UnknownKey`] when no key is the one, [`TokenError::Signature`] when it did not.
    pub(crate) fn verify(&self, keys: &Keys) -> Result<&[u8], TokenError> {
        let mut fitting = keys.0.iter().filter(|key| {
            key.algorithm() == self.algorithm
                && (self.kid.is_none() || self.kid.as_deref() == key.kid.as_deref())
        });
        // A token without a name of its key is taken only where there is no choice.
        let (Some(key), None) = (fitting.next(), fitting.next()) else {
            return Err(TokenError::UnknownKey);
        };
        if key.holds(self.signed.as_bytes(), &self.signature) {
            Ok(&self.payload)
        } else {
            Err(TokenError::Signature)
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    kid: Option<String>,
    material: Material,
}

impl Key {
    fn algorithm(&self) -> Algorithm {
        match self.material {
            Material::Rsa { .. } => Algorithm::Rs256,
            Material::P256(_) => Algorithm::Es256,
            Material::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    fn holds(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.material {
            Material::Rsa { n, e } => RsaPublicKeyComponents { n, e }
                .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
                .is_ok(),
            Material::P256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                .verify(message, signature)
                .is_ok(),
            Material::Ed25519(point) => UnparsedPublicKey::new(&ED25519, point)
                .verify(message, signature)
                .is_ok(),
        }
    }
}

#[derive(Debug, Deserialize)]
struct Jwk {
    kty: String,
    #[serde(rename = "use")]
    purpose: Option<String>,
    alg: Option<String>,
    kid: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Jwk {
    /// The key, if it is one that may sign a token in a way that is taken.
    fn key(self) -> Option<Key> {
        if self
            .purpose
            .as_deref()
            .is_some_and(|purpose| purpose != "sig")
        {
            return None;
        }
        let number = |text: &Option<String>| {
            let bytes = from_base64url(text.as_deref()?)?;
            let zeros = bytes.iter().take_while(|b| **b == 0).count();
            Some(bytes[zeros..].to_vec())
        };
        let point = |text: &Option<String>| {
            from_base64url(text.as_deref()?).filter(|bytes| bytes.len() == 32)
        };
        let material = match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => Material::Rsa {
                n: number(&self.n)?,
                e: number(&self.e)?,
            },
            ("EC", Some("P-256")) => {
                Material::P256([&[4][..], &point(&self.x)?, &point(&self.y)?].concat())
            }
            ("OKP", Some("Ed25519")) => Material::Ed25519(point(&self.x)?),
            _ => return None,
        };
        let key = Key {
            kid: self.kid.filter(|kid| kid.len() <= KID_BYTES_MAX),
            material,
        };
        let fits = |alg: &String| Algorithm::from_name(alg) == Some(key.algorithm());
        self.alg.as_ref().is_none_or(fits).then_some(key)
    }
}

/// The keys of a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Keys(Vec<Key>);

impl Keys {
    /// Reads a set of keys; those of other kinds are left out.
    ///
    /// # Errors
    /// When it is no such set, has more than [`KEYS_MAX`], or none that could sign a token.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, TokenError> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<serde_json::Value>,
        }
        let set: Set = serde_json::from_slice(bytes)
            .map_err(|_| TokenError::Keys("they are no JSON object with `keys`"))?;
        if set.keys.len() > KEYS_MAX {
            return Err(TokenError::Keys("there are more than 64"));
        }
        let read = |value| serde_json::from_value::<Jwk>(value).ok()?.key();
        let keys: Vec<Key> = set.keys.into_iter().filter_map(read).collect();
        if keys.is_empty() {
            return Err(TokenError::Keys(
                "none is of RSA, P-256 or Ed25519, to sign",
            ));
        }
        Ok(Self(keys))
    }
}

#[cfg(test)]
#[path = "jose_tests.rs"]
mod tests;
