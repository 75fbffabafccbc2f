//! A fast stable 64-bit hash for the keys of the state.
//!
//! Stable across platforms and releases, because the journal carries its values: eight bytes at a
//! time, each folded in by the two halves of a 64×64-bit product (the mixing step of wyhash). It is
//! not keyed and does not resist collisions by design. Whoever can choose what is hashed can make
//! two of their own keys meet; every map it keys lives inside one agent's state, so that they harm
//! themselves alone. What is shared between agents (agents, sessions) is keyed by its full name.

use crate::model::Value;

const START: u64 = 0x9e37_79b9_7f4a_7c15;
const LANE: u64 = 0xe703_7ed1_a0b4_28db;
const LAST: u64 = 0x8ebc_6af0_9c88_c6e3;

/// Values nested deeper than this all look the same; what came over the wire never is.
const DEPTH_MAX: usize = 70;

const fn fold(a: u64, b: u64) -> u64 {
    let product = (a as u128).wrapping_mul(b as u128);
    (product as u64) ^ ((product >> 64) as u64)
}

/// Collects what is hashed. Every piece is bounded by its length or type, so that no two different
/// sequences of pieces give the same stream.
#[derive(Debug, Clone, Copy)]
pub struct StableHash(u64);

impl StableHash {
    /// A hash of its own for each purpose.
    #[must_use]
    pub fn new(domain: &str) -> Self {
        Self(START).text(domain)
    }

    const fn word(self, word: u64) -> Self {
        // The rotation of the old state keeps a zero product from forgetting what came before.
        Self(fold(self.0 ^ word, LANE) ^ self.0.rotate_left(23))
    }

    /// Adds a number.
    #[must_use]
    pub const fn number(self, n: u64) -> Self {
        self.word(n)
    }

    /// Adds bytes and their length.
    #[must_use]
    pub fn bytes(self, bytes: &[u8]) -> Self {
        let mut state = self.word(bytes.len() as u64);
        let (words, tail) = bytes.as_chunks::<8>();
        for word in words {
            state = state.word(u64::from_le_bytes(*word));
        }
        if tail.is_empty() {
            return state;
        }
        let mut last = [0u8; 8];
        last.iter_mut().zip(tail).for_each(|(to, from)| *to = *from);
        state.word(u64::from_le_bytes(last))
    }

    /// Adds a text and its length.
    #[must_use]
    pub fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    /// Adds a text as if in lower case, without surrounding space: how people spell one address.
    #[must_use]
    pub fn folded(self, text: &str) -> Self {
        let text = text.trim();
        let mut state = self.word(text.len() as u64);
        for chunk in text.as_bytes().chunks(8) {
            let mut word = [0u8; 8];
            word.iter_mut()
                .zip(chunk)
                .for_each(|(to, from)| *to = from.to_ascii_lowercase());
            state = state.word(u64::from_le_bytes(word));
        }
        state
    }

    /// Adds a JSON value; the order of an object's keys does not matter.
    #[must_use]
    pub fn value(self, value: &Value) -> Self {
        self.value_at(value, 0)
    }

    fn value_at(self, value: &Value, depth: usize) -> Self {
        if depth > DEPTH_MAX {
            return self.word(0xff);
        }
        match value {
            Value::Null => self.word(1),
            Value::Bool(b) => self.word(2 + u64::from(*b)),
            Value::Number(n) => self.word(4).text(n.lexeme()),
            Value::String(s) => self.word(5).text(s),
            Value::Array(items) => items
                .iter()
                .fold(self.word(6).word(items.len() as u64), |state, item| {
                    state.value_at(item, depth + 1)
                }),
            Value::Object(object) => {
                let fields = object
                    .iter()
                    .map(|(key, value)| Self(LAST).text(key).value_at(value, depth + 1).finish())
                    .fold(0u64, u64::wrapping_add);
                self.word(7).word(object.len() as u64).word(fields)
            }
        }
    }

    /// The hash; never 0, which means "none" wherever these are kept.
    #[must_use]
    pub const fn finish(self) -> u64 {
        let hash = fold(self.0 ^ START, LAST);
        if hash == 0 { 1 } else { hash }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str) -> u64 {
        let value = Value::parse(json.as_bytes()).unwrap();
        StableHash::new("test").value(&value).finish()
    }

    /// The journal carries these: a change of the function is a change of the format.
    #[test]
    fn committed_vectors_hold() {
        let check = |text: &str, hash: u64| {
            assert_eq!(
                StableHash::new("test").text(text).finish(),
                hash,
                "{text}: {:#018x}",
                StableHash::new("test").text(text).finish()
            );
        };
        check("", VECTORS[0]);
        check("a", VECTORS[1]);
        check("billing-bot", VECTORS[2]);
        check("customers/42/profile", VECTORS[3]);
    }

    const VECTORS: [u64; 4] = [
        0x2d65_a182_5b5c_9c78,
        0x5e12_2388_b57b_70c3,
        0xeef5_8ec9_6c59_a68d,
        0x6612_1a01_fb33_d825,
    ];

    #[test]
    fn different_values_differ_and_key_order_does_not_matter() {
        assert_eq!(
            of(r#"{"a":1,"b":{"x":[],"y":2}}"#),
            of(r#"{"b":{"y":2,"x":[]},"a":1}"#)
        );
        let texts = [
            "null",
            "true",
            "false",
            "0",
            "\"0\"",
            "0.0",
            "[]",
            "{}",
            "[0]",
            "[[0]]",
            "[0,0]",
            r#"{"a":1}"#,
            r#"{"a":"1"}"#,
            r#"{"a":1,"b":1}"#,
            r#"{"a":{"b":1}}"#,
            "\"\"",
            "\"aaaaaaaa\"",
            "\"aaaaaaaaa\"",
            "\"aaaaaaaa\\u0000\"",
        ];
        let mut hashes: Vec<u64> = texts.iter().map(|t| of(t)).collect();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), texts.len());
    }

    #[test]
    fn one_address_has_one_hash_however_spelt() {
        let h = |t: &str| StableHash::new("t").folded(t).finish();
        assert_eq!(h(" Ann@Example.com"), h("ann@example.com "));
        assert_ne!(h("ann@example.com"), h("anne@example.com"));
    }

    #[test]
    fn a_hundred_thousand_keys_do_not_meet() {
        let mut hashes: Vec<u64> = (0..100_000u64)
            .map(|n| {
                StableHash::new("t")
                    .text(&format!("customers/{n}"))
                    .finish()
            })
            .collect();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), 100_000);
    }
}
