//! Standard Base 64 with padding (RFC 4648, section 4), strict: one text per value.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Encodes `bytes`.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = (0..3).fold(0u32, |word, i| {
            word << 8 | u32::from(chunk.get(i).copied().unwrap_or(0))
        });
        for i in 0..4u32 {
            if i as usize > chunk.len() {
                out.push('=');
                continue;
            }
            let digit = (word >> (18 - 6 * i)) & 63;
            out.push(char::from(
                ALPHABET.get(digit as usize).copied().unwrap_or(b'='),
            ));
        }
    }
    out
}

fn digit(byte: u8) -> Option<u32> {
    Some(u32::from(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

/// Decodes `text`; `None` if it is not exactly what [`encode`] writes.
#[must_use]
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let bytes = text.as_bytes();
    if !bytes.len().is_multiple_of(4) {
        return None;
    }
    let padding = bytes.iter().rev().take_while(|b| **b == b'=').count();
    if padding > 2 {
        return None;
    }
    let digits = bytes.len() - padding;
    let mut out = Vec::with_capacity(bytes.len() / 4 * 3);
    for chunk in bytes.get(..digits)?.chunks(4) {
        let mut word = 0u32;
        for i in 0..4 {
            word = word << 6 | chunk.get(i).map_or(Some(0), |b| digit(*b))?;
        }
        let whole = [(word >> 16) as u8, (word >> 8) as u8, word as u8];
        let kept = chunk.len() * 3 / 4;
        // Bits beyond the last byte must be zero, else two texts would stand for one value.
        if whole.iter().skip(kept).any(|b| *b != 0) {
            return None;
        }
        out.extend(whole.iter().take(kept));
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};
    use proptest::prelude::*;

    #[test]
    fn vectors_of_rfc_4648() {
        for (plain, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encode(plain.as_bytes()), text);
            assert_eq!(decode(text).as_deref(), Some(plain.as_bytes()));
        }
    }

    #[test]
    fn one_text_per_value() {
        for text in [
            "Zh==", "Zm9", "Zm9v=", "Zg", "====", "Zg=a", "Zm 9v", "Zm9_",
        ] {
            assert_eq!(decode(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn decodes_what_it_encodes(bytes: Vec<u8>) {
            prop_assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }

        #[test]
        fn accepts_only_what_it_encodes(text in "[A-Za-z0-9+/=]{0,12}") {
            if let Some(bytes) = decode(&text) {
                prop_assert_eq!(encode(&bytes), text);
            }
        }
    }
}
