//! Keccak-256 as Ethereum uses it: the submission to the SHA-3 contest, with its padding.

const ROUNDS: usize = 24;
/// Bytes taken in at a time.
const RATE: usize = 136;

/// The hash of `message`.
pub(super) fn keccak_256(message: &[u8]) -> [u8; 32] {
    let mut state = [0u64; 25];
    let mut blocks = message.chunks_exact(RATE);
    for block in &mut blocks {
        absorb(&mut state, block);
    }
    let mut last = [0u8; RATE];
    let rest = blocks.remainder();
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    if let Some(slot) = last.get_mut(rest.len()) {
        *slot = 1;
    }
    if let Some(slot) = last.last_mut() {
        *slot |= 0x80;
    }
    absorb(&mut state, &last);
    let mut out = [0; 32];
    let bytes = state.iter().flat_map(|lane| lane.to_le_bytes());
    for (to, from) in out.iter_mut().zip(bytes) {
        *to = from;
    }
    out
}

fn absorb(state: &mut [u64; 25], block: &[u8]) {
    for (lane, bytes) in state.iter_mut().zip(block.chunks_exact(8)) {
        let mut eight = [0; 8];
        for (to, from) in eight.iter_mut().zip(bytes) {
            *to = *from;
        }
        *lane ^= u64::from_le_bytes(eight);
    }
    permute(state);
}

/// Keccak-f[1600]. The round constants come from the shift register that defines them.
fn permute(state: &mut [u64; 25]) {
    let mut register = 1u8;
    for _ in 0..ROUNDS {
        // Theta.
        let at =
            |s: &[u64; 25], x: usize, y: usize| s.get(x % 5 + 5 * (y % 5)).copied().unwrap_or(0);
        let mut column = [0u64; 5];
        for (x, sum) in column.iter_mut().enumerate() {
            *sum = (0..5).fold(0, |s, y| s ^ at(state, x, y));
        }
        let parity = |x: usize| column.get(x % 5).copied().unwrap_or(0);
        for (i, lane) in state.iter_mut().enumerate() {
            *lane ^= parity(i % 5 + 4) ^ parity(i % 5 + 1).rotate_left(1);
        }
        // Rho and pi.
        let (mut x, mut y) = (1, 0);
        let mut current = at(state, 1, 0);
        for t in 0..24u32 {
            (x, y) = (y, (2 * x + 3 * y) % 5);
            if let Some(lane) = state.get_mut(x + 5 * y) {
                let rotated = current.rotate_left((t + 1) * (t + 2) / 2 % 64);
                current = std::mem::replace(lane, rotated);
            }
        }
        // Chi.
        let before = *state;
        for (i, lane) in state.iter_mut().enumerate() {
            let (x, y) = (i % 5, i / 5);
            *lane ^= !at(&before, x + 1, y) & at(&before, x + 2, y);
        }
        // Iota.
        let mut constant = 0u64;
        for j in 0..7 {
            if register & 1 == 1 {
                constant |= 1 << ((1u32 << j) - 1);
            }
            register = (register << 1) ^ if register & 0x80 == 0 { 0 } else { 0x71 };
        }
        if let Some(lane) = state.first_mut() {
            *lane ^= constant;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|b| format!("{b:02x}")).collect()
    }

    #[test]
    fn hashes_are_those_of_the_reference() {
        assert_eq!(
            hex(&keccak_256(b"")),
            "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
        );
        assert_eq!(
            hex(&keccak_256(b"abc")),
            "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"
        );
    }
}
