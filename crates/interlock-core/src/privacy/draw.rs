//! Draws for synthetic values: a stream of bytes from a key and the value that is replaced, the
//! same each time.

use sha2::{Digest as _, Sha256};

/// Bytes of a block of SHA-256.
const BLOCK_BYTES: usize = 64;

/// HMAC-SHA-256 (RFC 2104) of `parts` in a row.
pub(super) fn hmac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let pad = |with: u8| {
        let mut block = [with; BLOCK_BYTES];
        for (to, from) in block.iter_mut().zip(key) {
            *to ^= from;
        }
        block
    };
    let mut inner = Sha256::new_with_prefix(pad(0x36));
    for part in parts {
        inner.update(part);
    }
    let mut outer = Sha256::new_with_prefix(pad(0x5c));
    outer.update(inner.finalize());
    outer.finalize().into()
}

/// A stream of draws.
#[derive(Debug)]
pub(super) struct Draw {
    seed: [u8; 32],
    counter: u64,
    block: [u8; 32],
    used: usize,
}

impl Draw {
    /// The stream for `value` of the kind `name`; `attempt` gives another one.
    pub(super) fn new(key: &[u8; 32], name: &str, value: &str, attempt: u32) -> Self {
        let length = (name.len() as u64).to_be_bytes();
        let seed = hmac(
            key,
            &[
                &length,
                name.as_bytes(),
                value.as_bytes(),
                &attempt.to_be_bytes(),
            ],
        );
        Self {
            seed,
            counter: 0,
            block: [0; 32],
            used: 32,
        }
    }

    fn byte(&mut self) -> u8 {
        if self.used >= self.block.len() {
            self.block = hmac(&self.seed, &[&self.counter.to_be_bytes()]);
            self.counter += 1;
            self.used = 0;
        }
        let byte = self.block.get(self.used).copied().unwrap_or(0);
        self.used += 1;
        byte
    }

    /// A number below `limit`, which must not be zero.
    pub(super) fn below(&mut self, limit: u32) -> u32 {
        let drawn = (0..4).fold(0u32, |n, _| (n << 8) | u32::from(self.byte()));
        // Of 2^32 values, at most `limit` fall unevenly.
        ((u64::from(drawn) * u64::from(limit)) >> 32) as u32
    }

    /// A decimal digit as text.
    pub(super) fn digit(&mut self) -> char {
        char::from(b'0' + self.below(10) as u8)
    }

    /// One of `from`, which must not be empty.
    pub(super) fn pick(&mut self, from: &[u8]) -> char {
        let at = self.below(from.len().max(1) as u32) as usize;
        char::from(from.get(at).copied().unwrap_or(b'x'))
    }

    /// A character in place of `c`: a digit for a digit, a letter of the same case for a letter, of
    /// hexadecimal if `hex`; anything else stays.
    pub(super) fn like(&mut self, c: char, hex: bool) -> char {
        match c {
            '0'..='9' => self.digit(),
            'a'..='f' if hex => self.pick(b"abcdef"),
            'A'..='F' if hex => self.pick(b"ABCDEF"),
            'a'..='z' => self.pick(b"abcdefghijklmnopqrstuvwxyz"),
            'A'..='Z' => self.pick(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hmac_is_that_of_rfc_4231() {
        // Test case 2 has a key of four bytes, which zeros pad to the same block.
        let mut key = [0u8; 32];
        key[..4].copy_from_slice(b"Jefe");
        let mac = hmac(&key, &[b"what do ya want ", b"for nothing?"]);
        let hex: String = mac.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(
            hex,
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn draws_repeat_and_stay_in_range() {
        let mut a = Draw::new(&[7; 32], "card", "4111", 0);
        let mut b = Draw::new(&[7; 32], "card", "4111", 0);
        let mut c = Draw::new(&[7; 32], "card", "4111", 1);
        let mut other = false;
        for _ in 0..200 {
            let n = a.below(97);
            assert!(n < 97);
            assert_eq!(n, b.below(97));
            other |= n != c.below(97);
        }
        assert!(other);
    }
}
