//! Passwords: what is asked of them, and how they are kept.
//!
//! Kept is Argon2id (RFC 9106) with a key that is not in the store, under the parameters that OWASP's
//! Password Storage Cheat Sheet gives as its first choice: 19 MiB, two passes, one lane.

use argon2::{Algorithm, Argon2, Params, Version};
use interlock_core::audit::base64;
use interlock_store::StoreError;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// Characters of the shortest password: length is all that is asked (NIST SP 800-63B, 5.1.1.2).
pub(crate) const CHARACTERS_MIN: usize = 12;
/// Bytes of the longest one.
pub(crate) const BYTES_MAX: usize = 256;

const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;

/// Parts of passwords that everybody tries first; a password that is little else is refused.
const COMMON: [&str; 16] = [
    "password",
    "passwort",
    "qwertz",
    "qwerty",
    "letmein",
    "welcome",
    "admin",
    "interlock",
    "abc",
    "iloveyou",
    "monkey",
    "dragon",
    "football",
    "secret",
    "login",
    "master",
];

/// Why a password may not be chosen.
pub(crate) fn objection(password: &str, login: &str) -> Option<&'static str> {
    if password.len() > BYTES_MAX {
        return Some("`password` has more than 256 bytes");
    }
    let characters = password.chars().count();
    if characters < CHARACTERS_MIN {
        return Some("`password` must have at least 12 characters");
    }
    let mut rest = password.to_lowercase();
    let name = login.split('@').next().unwrap_or_default();
    for part in COMMON.iter().copied().chain([login, name]) {
        if part.len() >= 3 {
            rest = rest.replace(part, "");
        }
    }
    let mut different: Vec<char> = rest.chars().filter(|c| !c.is_ascii_digit()).collect();
    different.sort_unstable();
    different.dedup();
    let digits = rest.chars().any(|c| c.is_ascii_digit());
    (different.len() + usize::from(digits) < 4).then_some(
        "`password` is one of those that are tried first; a few random words are a good one",
    )
}

fn argon2(pepper: &[u8; 32]) -> Result<Argon2<'_>, StoreError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(HASH_BYTES))
        .map_err(|e| StoreError::invalid("password", e.to_string()))?;
    Argon2::new_with_secret(pepper, Algorithm::Argon2id, Version::V0x13, params)
        .map_err(|e| StoreError::invalid("password", e.to_string()))
}

fn derive(
    pepper: &[u8; 32],
    password: &str,
    salt: &[u8],
) -> Result<Zeroizing<[u8; HASH_BYTES]>, StoreError> {
    let mut hash = Zeroizing::new([0; HASH_BYTES]);
    argon2(pepper)?
        .hash_password_into(password.as_bytes(), salt, hash.as_mut())
        .map_err(|e| StoreError::invalid("password", e.to_string()))?;
    Ok(hash)
}

/// What is kept of a password: parameters, salt and hash.
///
/// # Errors
/// When the system gives no random bytes or no memory.
pub(crate) fn keep(pepper: &[u8; 32], password: &str) -> Result<String, StoreError> {
    let mut salt = [0; SALT_BYTES];
    getrandom::fill(&mut salt).map_err(StoreError::Random)?;
    let hash = derive(pepper, password, &salt)?;
    Ok(format!(
        "$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${}${}",
        base64::encode(&salt),
        base64::encode(hash.as_ref())
    ))
}

fn parts(kept: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let expected = format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}$");
    let (salt, hash) = kept.strip_prefix(&expected)?.split_once('$')?;
    Some((base64::decode(salt)?, base64::decode(hash)?))
        .filter(|(salt, hash)| salt.len() == SALT_BYTES && hash.len() == HASH_BYTES)
}

/// Whether a password is the one that was kept. Without one the same work is done, so that time does
/// not tell which logins there are.
///
/// # Errors
/// When the system gives no memory, or what was kept is damaged.
pub(crate) fn is_right(
    pepper: &[u8; 32],
    password: &str,
    kept: Option<&str>,
) -> Result<bool, StoreError> {
    let parts_of = kept.map(|kept| {
        parts(kept).ok_or_else(|| StoreError::damaged("password", "its hash cannot be read"))
    });
    let (salt, expected, known) = match parts_of.transpose()? {
        Some((salt, hash)) => (salt, hash, true),
        None => (vec![0; SALT_BYTES], vec![0; HASH_BYTES], false),
    };
    // One that is too long is no password of anybody; the work is the same.
    let fits = password.len() <= BYTES_MAX;
    let hash = derive(pepper, if fits { password } else { "" }, &salt)?;
    Ok(bool::from(hash.as_slice().ct_eq(&expected)) && known && fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_under_its_pepper_is_right() {
        let kept = keep(&[7; 32], "plain tree over the ridge").unwrap();
        assert!(
            kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{kept}"
        );
        assert_ne!(kept, keep(&[7; 32], "plain tree over the ridge").unwrap());
        let right = |pepper, text: &str| is_right(&[pepper; 32], text, Some(&kept)).unwrap();
        assert!(right(7, "plain tree over the ridge"));
        assert!(!right(8, "plain tree over the ridge"));
        assert!(!right(7, "plain tree over the Ridge") && !right(7, ""));
        assert!(!right(7, &"x".repeat(10_000)));
        assert!(!is_right(&[7; 32], "", None).unwrap());
        assert!(is_right(&[7; 32], "x", Some("$argon2id$v=19$m=8,t=1,p=1$AA==$AA==")).is_err());
    }

    /// What `argon2` of the reference implementation gives with the same parameters but no secret is
    /// in RFC 9106; this one has the secret, as in its section 5.3.
    #[test]
    fn the_rfc_s_test_vector() {
        let params = argon2::ParamsBuilder::new()
            .m_cost(32)
            .t_cost(3)
            .p_cost(4)
            .data(argon2::AssociatedData::new(&[4; 12]).unwrap())
            .build()
            .unwrap();
        let secret = [3; 8];
        let argon2 =
            Argon2::new_with_secret(&secret, Algorithm::Argon2id, Version::V0x13, params).unwrap();
        let mut out = [0; 32];
        argon2
            .hash_password_into(&[1; 32], &[2; 16], &mut out)
            .unwrap();
        let expected = "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659";
        assert_eq!(interlock_core::audit::hex(&out), expected);
    }

    #[test]
    fn what_is_asked_of_a_password() {
        for (password, may) in [
            ("plain tree over the ridge", true),
            ("correct horse battery", true),
            ("Tr0ub4dor&3xyz", true),
            ("ein schöner Tag", true),
            ("short", false),
            ("passwordpassword", false),
            ("Password1234!", false),
            ("123456789012", false),
            ("aaaaaaaaaaaaaa", false),
            ("ana@example.com1", false),
            ("anaanaanaana1", false),
            ("qwertyqwerty99", false),
        ] {
            let said = objection(password, "ana@example.com");
            assert_eq!(said.is_none(), may, "{password}: {said:?}");
        }
        assert!(objection(&"long words ".repeat(30), "ana").is_some());
    }
}
