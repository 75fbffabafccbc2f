//! Eight bytes of a text at a time, as the lanes of one integer, the first byte in the lowest lane.
//!
//! Additions stay within their lane: seven bits of each byte take part.

const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
const HIGH: u64 = 0x8080_8080_8080_8080;

const fn all(b: u8) -> u64 {
    b as u64 * 0x0101_0101_0101_0101
}

/// The eight bytes from `at` on, `padding` past the end.
#[inline(always)]
pub(crate) fn eight(bytes: &[u8], at: usize, padding: u8) -> u64 {
    match bytes.get(at..).and_then(|b| b.first_chunk::<8>()) {
        Some(b) => u64::from_le_bytes(*b),
        None => rest(bytes, at, padding),
    }
}

#[cold]
fn rest(bytes: &[u8], at: usize, padding: u8) -> u64 {
    let mut out = [padding; 8];
    for (to, from) in out.iter_mut().zip(bytes.get(at..).unwrap_or_default()) {
        *to = *from;
    }
    u64::from_le_bytes(out)
}

/// The highest bit of each lane whose byte is an ASCII letter.
#[inline(always)]
pub(crate) const fn letters(x: u64) -> u64 {
    between(x | all(0x20), b'a', b'z')
}

/// The highest bit of each lane whose byte lies in `first..=last`, which are ASCII.
const fn between(x: u64, first: u8, last: u8) -> u64 {
    let low = x & LOW;
    let from = low.wrapping_add(all(0x80 - first));
    let past = low.wrapping_add(all(0x7f - last));
    from & !past & !x & HIGH
}

/// The highest bit of each lane whose byte is `b`.
#[inline(always)]
pub(crate) const fn equal(x: u64, b: u8) -> u64 {
    let other = x ^ all(b);
    !((other & LOW).wrapping_add(LOW) | other) & HIGH
}

/// The bytes with ASCII letters in lower case.
#[inline(always)]
pub(crate) const fn lower(x: u64) -> u64 {
    x | between(x, b'A', b'Z') >> 2
}

/// The highest bits of all lanes that are not set in `found`.
#[inline(always)]
pub(crate) const fn others(found: u64) -> u64 {
    !found & HIGH
}

/// The first lane whose highest bit is set; eight when there is none.
#[inline(always)]
pub(crate) const fn first(found: u64) -> usize {
    (found.trailing_zeros() / 8) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(bytes: [u8; 8], test: impl Fn(u8) -> bool) -> u64 {
        u64::from_le_bytes(bytes.map(|b| if test(b) { 0x80 } else { 0 }))
    }

    #[test]
    fn lanes_agree_with_bytes_whatever_stands_beside() {
        for b in 0..=255u8 {
            for beside in [
                0u8, b'@', b'A', b'Z', b'[', b'`', b'z', b'{', 0x7f, 0x80, 0xff,
            ] {
                let bytes = [beside, b, beside, b, b, beside, beside, b];
                let x = u64::from_le_bytes(bytes);
                let is_letter = bits(bytes, |b| b.is_ascii_alphabetic());
                assert_eq!(letters(x), is_letter, "{bytes:?}");
                assert_eq!(others(letters(x)), !is_letter & HIGH);
                assert_eq!(equal(x, beside), bits(bytes, |b| b == beside), "{bytes:?}");
                assert_eq!(
                    lower(x).to_le_bytes(),
                    bytes.map(|b| b.to_ascii_lowercase()),
                    "{bytes:?}"
                );
            }
        }
    }

    #[test]
    fn what_lies_past_the_end_is_padding() {
        let text = b"abcdefghij";
        assert_eq!(eight(text, 0, 0).to_le_bytes(), *b"abcdefgh");
        assert_eq!(eight(text, 2, 0).to_le_bytes(), *b"cdefghij");
        assert_eq!(eight(text, 7, b'-').to_le_bytes(), *b"hij-----");
        for at in [10, 11, usize::MAX] {
            assert_eq!(eight(text, at, b'-').to_le_bytes(), *b"--------");
        }
        assert_eq!(first(others(letters(eight(text, 7, 0)))), 3);
        assert_eq!(first(0), 8);
    }
}
