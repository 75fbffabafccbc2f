//! Bech32 and Bech32m (BIP 173, BIP 350): a BCH code over 32 characters.

use crate::privacy::draw::Draw;

const ALPHABET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const BECH32: u32 = 1;
const BECH32M: u32 = 0x2bc8_30a3;

fn polymod(sum: u32, value: u32) -> u32 {
    const GENERATOR: [u32; 5] = [
        0x3b6a_57b2,
        0x2650_8e6d,
        0x1ea1_19fa,
        0x3d42_33dd,
        0x2a14_62b3,
    ];
    let top = sum >> 25;
    GENERATOR
        .iter()
        .enumerate()
        .fold(((sum & 0x01ff_ffff) << 5) ^ value, |s, (i, g)| {
            if top >> i & 1 == 1 { s ^ g } else { s }
        })
}

fn expanded(human: &str) -> u32 {
    let high = human.bytes().fold(1, |s, b| polymod(s, u32::from(b >> 5)));
    human
        .bytes()
        .fold(polymod(high, 0), |s, b| polymod(s, u32::from(b & 31)))
}

fn remainder(text: &str) -> Option<u32> {
    let lower = text.to_ascii_lowercase();
    if text != lower && text != text.to_ascii_uppercase() {
        return None;
    }
    let (human, data) = lower.rsplit_once('1')?;
    if human.is_empty() || data.len() < 6 {
        return None;
    }
    data.bytes().try_fold(expanded(human), |sum, b| {
        let value = ALPHABET.iter().position(|a| *a == b)? as u32;
        Some(polymod(sum, value))
    })
}

/// Whether the checksum fits, of either form.
pub(super) fn checked(text: &str) -> bool {
    matches!(remainder(text), Some(BECH32 | BECH32M))
}

/// Another text of the same length behind the separator at `split`, with its checksum.
pub(super) fn redraw(original: &str, split: usize, draw: &mut Draw) -> String {
    let constant = remainder(original).unwrap_or(BECH32);
    let lower = original.to_ascii_lowercase();
    let human = lower.get(..split).unwrap_or_default();
    let data = lower.get(split + 1..).unwrap_or_default();
    // The first character is the witness version.
    let mut values: Vec<u32> = data
        .bytes()
        .take(data.len().saturating_sub(6))
        .enumerate()
        .map(|(i, b)| {
            if i == 0 {
                ALPHABET.iter().position(|a| *a == b).unwrap_or(0) as u32
            } else {
                draw.below(32)
            }
        })
        .collect();
    let sum = values
        .iter()
        .copied()
        .chain([0; 6])
        .fold(expanded(human), polymod)
        ^ constant;
    values.extend((0..6).map(|i| sum >> (5 * (5 - i)) & 31));
    let body: String = values
        .iter()
        .map(|v| char::from(ALPHABET.get(*v as usize).copied().unwrap_or(b'q')))
        .collect();
    let text = format!("{human}1{body}");
    if original == lower {
        text
    } else {
        text.to_ascii_uppercase()
    }
}
