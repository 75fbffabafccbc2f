//! Base58Check: an integer to the base 58 whose last four bytes are a hash of the others.

use sha2::{Digest as _, Sha256};

use crate::privacy::draw::Draw;

/// Bitcoin's order of digits.
const BITCOIN: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/// Ripple's.
const RIPPLE: &[u8; 58] = b"rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz";
/// A version, twenty bytes of a key's hash, and the checksum.
const BYTES: usize = 25;

fn alphabet(text: &str) -> &'static [u8; 58] {
    if text.starts_with('r') {
        RIPPLE
    } else {
        BITCOIN
    }
}

fn decode(text: &str) -> Option<[u8; BYTES]> {
    let alphabet = alphabet(text);
    let mut bytes = [0u8; BYTES];
    for b in text.bytes() {
        let mut carry = alphabet.iter().position(|a| *a == b)? as u32;
        for slot in bytes.iter_mut().rev() {
            carry += u32::from(*slot) * 58;
            *slot = (carry & 0xff) as u8;
            carry >>= 8;
        }
        if carry != 0 {
            return None;
        }
    }
    Some(bytes)
}

fn checksum(payload: &[u8]) -> [u8; 4] {
    let hash = Sha256::digest(Sha256::digest(payload));
    let mut four = [0; 4];
    for (to, from) in four.iter_mut().zip(hash) {
        *to = from;
    }
    four
}

/// The bytes before the checksum, if `text` is an address of 25 bytes whose checksum fits.
pub(super) fn checked(text: &str) -> Option<usize> {
    let bytes = decode(text)?;
    let (payload, check) = bytes.split_at_checked(BYTES - 4)?;
    (checksum(payload) == *check).then_some(payload.len())
}

/// Another address of the same version.
pub(super) fn redraw(original: &str, draw: &mut Draw) -> String {
    let alphabet = alphabet(original);
    let version = decode(original)
        .and_then(|b| b.first().copied())
        .unwrap_or(0);
    let mut bytes = [0u8; BYTES];
    if let Some(first) = bytes.first_mut() {
        *first = version;
    }
    for slot in bytes.iter_mut().take(BYTES - 4).skip(1) {
        *slot = draw.below(256) as u8;
    }
    let check = checksum(bytes.get(..BYTES - 4).unwrap_or_default());
    for (to, from) in bytes.iter_mut().skip(BYTES - 4).zip(check) {
        *to = from;
    }
    let zeros = bytes.iter().take_while(|b| **b == 0).count();
    let mut digits = Vec::new();
    let mut rest = bytes.to_vec();
    while rest.iter().any(|b| *b != 0) {
        let mut remainder = 0u32;
        for slot in &mut rest {
            let value = (remainder << 8) | u32::from(*slot);
            *slot = (value / 58) as u8;
            remainder = value % 58;
        }
        digits.push(alphabet.get(remainder as usize).copied().unwrap_or(b'1'));
    }
    let zero = alphabet.first().copied().unwrap_or(b'1');
    std::iter::repeat_n(zero, zeros)
        .chain(digits.into_iter().rev())
        .map(char::from)
        .collect()
}
