//! API keys: their form, how they are made and how a presented one is checked.
//!
//! ```text
//! ilk_<id: 12>_<secret: 43>_<crc: 6>      all base 62
//! ```
//!
//! The id is public and finds the row. The secret has 256 bits, so that a keyed hash of it needs no
//! slow derivation: the row keeps HMAC-SHA256 (RFC 2104) under a pepper that is not in the
//! database. The last part is the CRC-32C of all before it, so that a scanner recognises a leaked
//! key and a mistyped one is told from an unknown one without a look-up.
//!
//! A key of another form (`vtk_…`) can be imported; its id is derived from it by keyed hash.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::Path;

use hmac::{Hmac, KeyInit as _, Mac as _};
use interlock_core::model::{Role, UnixNanos};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use thiserror::Error;
use zeroize::{Zeroize as _, Zeroizing};

use crate::error::StoreError;
use crate::model::{KeyRecord, NAME_BYTES_MAX, StoredKey, check_id, check_len};
use crate::traits::KeyStore;

/// What a key of our form begins with.
pub const PREFIX: &str = "ilk_";
/// Characters of an id.
pub const ID_LEN: usize = 12;
/// Characters of a secret.
pub const SECRET_LEN: usize = 43;
/// Characters of the checksum.
pub const CRC_LEN: usize = 6;
/// Characters of a whole key.
pub const KEY_LEN: usize = PREFIX.len() + ID_LEN + 1 + SECRET_LEN + 1 + CRC_LEN;
/// How long a key is accepted unless asked otherwise: 90 days, in nanoseconds.
pub const LIFETIME_NS_DEFAULT: i64 = 90 * 24 * 3_600 * 1_000_000_000;
/// Bytes of the shortest key that can be imported.
pub const IMPORTED_BYTES_MIN: usize = 8;
/// Bytes of the longest key that is looked at.
pub const PRESENTED_BYTES_MAX: usize = 512;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The parts of a key of our form. Not printed: it holds the secret.
struct Parts<'a> {
    id: &'a str,
    secret: &'a str,
}

/// Why a text is not a key of our form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FormError {
    /// It does not begin with `ilk_`, or a part has another length or alphabet.
    #[error("the key does not have the form `ilk_<id>_<secret>_<checksum>`")]
    Form,
    /// Its checksum does not fit: it was mistyped or cut.
    #[error("the checksum of the key does not fit: it was mistyped or cut")]
    Checksum,
}

fn parse(text: &str) -> Result<Parts<'_>, FormError> {
    let body = text.strip_prefix(PREFIX).ok_or(FormError::Form)?;
    let mut parts = body.split('_');
    let (Some(id), Some(secret), Some(crc), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(FormError::Form);
    };
    for (part, len) in [(id, ID_LEN), (secret, SECRET_LEN), (crc, CRC_LEN)] {
        if part.len() != len || !part.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(FormError::Form);
        }
    }
    let covered = text.len() - CRC_LEN - 1;
    if checksum(&text[..covered]) != crc {
        return Err(FormError::Checksum);
    }
    Ok(Parts { id, secret })
}

/// Checks the form and the checksum of a key without looking it up; returns its id.
///
/// # Errors
/// When it is not a key of our form, or its checksum does not fit.
pub fn id_of(text: &str) -> Result<&str, FormError> {
    parse(text).map(|parts| parts.id)
}

/// CRC-32C in base 62, most significant digit first.
fn checksum(text: &str) -> String {
    let mut rest = crc32c::crc32c(text.as_bytes());
    let mut out = [b'0'; CRC_LEN];
    for slot in out.iter_mut().rev() {
        *slot = DIGITS[rest as usize % DIGITS.len()];
        rest /= 62;
    }
    out.iter().map(|b| char::from(*b)).collect()
}

/// Random digits of base 62, without bias: bytes of 248 and more are drawn again.
fn random_digits(len: usize) -> Result<Zeroizing<String>, StoreError> {
    let mut out = Zeroizing::new(String::with_capacity(len));
    let mut bytes = Zeroizing::new([0_u8; 64]);
    while out.len() < len {
        getrandom::fill(bytes.as_mut()).map_err(StoreError::Random)?;
        for byte in bytes.iter().filter(|b| **b < 248).take(len - out.len()) {
            out.push(char::from(DIGITS[usize::from(*byte) % DIGITS.len()]));
        }
    }
    Ok(out)
}

/// A whole key, shown once. Neither printed by `Debug` nor left in memory.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The key, to be shown once.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What a key binds to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The tenant.
    pub tenant: String,
    /// The agent; absent: any of the tenant.
    pub agent_id: Option<String>,
    /// The environment; absent: any.
    pub environment: Option<String>,
    /// What it may do.
    pub role: Role,
    /// What it is for.
    pub label: String,
    /// The id of the user whose key it is, if it is a person's.
    pub user_id: Option<String>,
}

impl Binding {
    fn record(
        self,
        id: String,
        now: UnixNanos,
        expires: Option<UnixNanos>,
    ) -> Result<KeyRecord, StoreError> {
        check_id("tenant", &self.tenant)?;
        for (field, text) in [
            ("agent_id", &self.agent_id),
            ("environment", &self.environment),
        ] {
            if let Some(text) = text {
                check_id(field, text)?;
            }
        }
        check_len("label", &self.label, NAME_BYTES_MAX)?;
        if expires.is_some_and(|at| at <= now) {
            return Err(StoreError::invalid("expires", "must be later than now"));
        }
        Ok(KeyRecord {
            id,
            tenant: self.tenant,
            agent_id: self.agent_id,
            environment: self.environment,
            role: self.role,
            label: self.label,
            created: now,
            expires,
            revoked: None,
            last_used: None,
            previous_until: None,
            user_id: self.user_id,
        })
    }
}

/// Why a presented key is not accepted. All of it is one and the same 401 to whoever presented it;
/// the reason is for the log.
#[derive(Debug, Error)]
pub enum AuthError {
    /// No key of that id, or another secret.
    #[error("the key is unknown")]
    Unknown,
    /// The checksum does not fit.
    #[error(transparent)]
    Form(#[from] FormError),
    /// It is revoked.
    #[error("key `{0}` is revoked")]
    Revoked(String),
    /// It has expired.
    #[error("key `{0}` has expired")]
    Expired(String),
    /// The user whose key it is was disabled, or has another role by now.
    #[error("key `{0}` belongs to a user who may not use it any more")]
    User(String),
    /// The store failed: nobody is let in.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes and checks keys under one pepper.
pub struct KeyRing {
    pepper: Zeroizing<[u8; 32]>,
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyRing(…)")
    }
}

impl KeyRing {
    /// A ring with this pepper.
    #[must_use]
    pub fn new(pepper: [u8; 32]) -> Self {
        Self {
            pepper: Zeroizing::new(pepper),
        }
    }

    /// A ring with the pepper of this file, which is made with 32 random bytes, readable by its
    /// owner alone, if it is not there.
    ///
    /// # Errors
    /// When the file cannot be read or written, or does not hold 32 bytes.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let io = |source| StoreError::Io {
            path: path.display().to_string(),
            source,
        };
        match read_pepper(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(io(error)),
            Ok(ring) => return ring,
        }
        let mut pepper = [0_u8; 32];
        getrandom::fill(&mut pepper).map_err(StoreError::Random)?;
        let made = write_pepper(path, &pepper);
        pepper.zeroize();
        match made {
            Ok(()) => {}
            // Another process was faster: its pepper is the one.
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(io(error)),
        }
        read_pepper(path).map_err(io)?
    }

    fn hmac(&self, domain: &[u8], text: &str) -> [u8; 32] {
        // HMAC takes a key of any size; the error of the interface cannot occur.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.pepper.as_ref()) else {
            return [0; 32];
        };
        mac.update(domain);
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().into()
    }

    fn hash(&self, secret: &str) -> [u8; 32] {
        self.hmac(b"", secret)
    }

    /// The id of a key of another form: 12 digits of base 62 from its keyed hash.
    fn imported_id(&self, key: &str) -> String {
        let hash = self.hmac(b"interlock/imported-key-id/1\0", key);
        hash.iter()
            .take(ID_LEN)
            .map(|b| char::from(DIGITS[usize::from(*b) % DIGITS.len()]))
            .collect()
    }

    /// Makes a key: what to show once, and the row to keep with the hash of its secret.
    ///
    /// # Errors
    /// When a field of the binding is outside its limits, or the system gives no random bytes.
    pub fn mint(
        &self,
        binding: Binding,
        now: UnixNanos,
        expires: Option<UnixNanos>,
    ) -> Result<(Secret, KeyRecord, [u8; 32]), StoreError> {
        let id = random_digits(ID_LEN)?;
        let (key, hash) = self.secret_for(&id)?;
        let record = binding.record(id.as_str().to_owned(), now, expires)?;
        Ok((key, record, hash))
    }

    /// A new secret for the key of this id: what to show once, and the hash to keep.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn secret_for(&self, id: &str) -> Result<(Secret, [u8; 32]), StoreError> {
        let secret = random_digits(SECRET_LEN)?;
        let mut key = Zeroizing::new(String::with_capacity(KEY_LEN));
        for part in [PREFIX, id, "_", &secret] {
            key.push_str(part);
        }
        let crc = checksum(&key);
        key.push('_');
        key.push_str(&crc);
        Ok((Secret(key), self.hash(&secret)))
    }

    /// 256 random bits as text, such as of a session, and the keyed hash to keep. `domain` keeps a
    /// secret of one use from being taken for one of another.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn token(&self, domain: &str) -> Result<(Secret, [u8; 32]), StoreError> {
        let token = random_digits(SECRET_LEN)?;
        let hash = self.token_hash(domain, &token);
        Ok((Secret(token), hash))
    }

    /// The keyed hash of a presented text of this domain.
    #[must_use]
    pub fn token_hash(&self, domain: &str, token: &str) -> [u8; 32] {
        self.hmac(format!("interlock/{domain}/1\0").as_bytes(), token)
    }

    /// The row and hash of a key that somebody chose, such as one given in the environment. A key
    /// of our own form keeps its id.
    ///
    /// # Errors
    /// When the key is shorter than [`IMPORTED_BYTES_MIN`], longer than [`PRESENTED_BYTES_MAX`], or
    /// begins as ours and is not one; or a field of the binding is outside its limits.
    pub fn import(
        &self,
        key: &str,
        binding: Binding,
        now: UnixNanos,
        expires: Option<UnixNanos>,
    ) -> Result<(KeyRecord, [u8; 32]), StoreError> {
        if !(IMPORTED_BYTES_MIN..=PRESENTED_BYTES_MAX).contains(&key.len()) {
            return Err(StoreError::invalid(
                "key",
                format!("must be {IMPORTED_BYTES_MIN} to {PRESENTED_BYTES_MAX} bytes"),
            ));
        }
        if !key.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(StoreError::invalid(
                "key",
                "must be printable ASCII without spaces",
            ));
        }
        let (id, hash) = if key.starts_with(PREFIX) {
            let parts =
                parse(key).map_err(|error| StoreError::invalid("key", error.to_string()))?;
            (parts.id.to_owned(), self.hash(parts.secret))
        } else {
            (self.imported_id(key), self.hash(key))
        };
        Ok((binding.record(id, now, expires)?, hash))
    }

    /// The row of a presented key, if it is accepted at this time.
    ///
    /// The comparison takes the same time whether the id is known or not.
    ///
    /// # Errors
    /// When it is unknown, revoked or expired, or the store fails.
    pub fn authenticate(
        &self,
        store: &dyn KeyStore,
        presented: &str,
        now: UnixNanos,
    ) -> Result<StoredKey, AuthError> {
        if presented.len() > PRESENTED_BYTES_MAX {
            return Err(AuthError::Unknown);
        }
        let imported;
        let (id, secret) = if presented.starts_with(PREFIX) {
            let parts = parse(presented)?;
            (parts.id, parts.secret)
        } else {
            imported = self.imported_id(presented);
            (imported.as_str(), presented)
        };
        let found = store.key_for_authentication(id)?;
        let mut hash = self.hash(secret);
        let expected = found.as_ref().map_or([0; 32], |found| found.hash);
        let previous = found
            .as_ref()
            .filter(|found| found.record.previous_until.is_some_and(|until| now < until))
            .and_then(|found| found.previous);
        // Both are compared, so that time does not tell which.
        let same = hash.ct_eq(&expected) | hash.ct_eq(&previous.unwrap_or(expected));
        hash.zeroize();
        let Some(found) = found.filter(|_| same.into()) else {
            return Err(AuthError::Unknown);
        };
        let record = &found.record;
        if record.revoked.is_some() {
            return Err(AuthError::Revoked(record.id.clone()));
        }
        if record.expires.is_some_and(|at| now >= at) {
            return Err(AuthError::Expired(record.id.clone()));
        }
        if record.user_id.is_some() && found.login.is_none() {
            return Err(AuthError::User(record.id.clone()));
        }
        Ok(found)
    }
}

fn read_pepper(path: &Path) -> Result<Result<KeyRing, StoreError>, std::io::Error> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(64));
    File::open(path)?.take(33).read_to_end(&mut bytes)?;
    Ok(<[u8; 32]>::try_from(bytes.as_slice())
        .map(KeyRing::new)
        .map_err(|_| StoreError::damaged("pepper", "the file does not hold 32 bytes")))
}

fn write_pepper(path: &Path, pepper: &[u8; 32]) -> Result<(), std::io::Error> {
    // Written aside and linked, so that no reader ever sees half of it.
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.new", std::process::id()));
    let aside = path.with_file_name(name);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let made = options
        .open(&aside)
        .and_then(|mut file| {
            file.write_all(pepper)?;
            file.sync_all()
        })
        .and_then(|()| std::fs::hard_link(&aside, path));
    let removed = std::fs::remove_file(&aside);
    made.and(removed)?;
    match path.parent().filter(|p| !p.as_os_str().is_empty()) {
        Some(parent) => File::open(parent)?.sync_all(),
        None => File::open(".")?.sync_all(),
    }
}

mod seal;
#[cfg(test)]
mod tests;
