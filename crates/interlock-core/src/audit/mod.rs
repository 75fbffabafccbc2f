//! The record: what is written about every decision, and how anybody can check it.
//!
//! Bytes in, bytes out. The writer in `interlock-store` lays these bytes on disk; [`verify`] reads
//! them back with parsing of its own, so that a bug in the encoder cannot hide itself.
//!
//! **Invariant:** hashes are taken over the stored bytes, never over a re-serialisation.
//! **Invariant:** [`verify`] uses neither [`frame`], [`segment`] nor [`chain`].

pub mod base64;
pub mod body;
pub mod chain;
pub mod checkpoint;
pub mod frame;
pub mod keys;
pub mod merkle;
pub mod note;
pub mod proof;
pub mod record;
pub mod recorded;
pub mod segment;
pub mod tiles;
pub mod verify;

/// A SHA-256 digest.
pub type Hash = [u8; 32];

/// Lower-case hexadecimal of `bytes`.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    let mut out = Vec::with_capacity(bytes.len() * 2);
    for nibble in bytes.iter().flat_map(|b| [b >> 4, b & 15]) {
        let base = if nibble < 10 { b'0' } else { b'a' - 10 };
        out.push(base + nibble);
    }
    // Digits and letters are valid text.
    String::from_utf8(out).unwrap_or_default()
}

/// The bytes that lower-case hexadecimal `text` stands for, or `None` if it is anything else.
#[must_use]
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text
        .bytes()
        .map(|b| match b {
            b'0'..=b'9' => Some(b - b'0'),
            b'a'..=b'f' => Some(b - b'a' + 10),
            _ => None,
        })
        .collect::<Option<Vec<u8>>>()?;
    if digits.len() % 2 != 0 {
        return None;
    }
    Some(
        digits
            .chunks_exact(2)
            .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
            .collect(),
    )
}
