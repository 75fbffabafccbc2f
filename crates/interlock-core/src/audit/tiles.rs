//! Paths and bytes of tlog-tiles (c2sp.org/tlog-tiles).

use super::Hash;

/// Hashes of a full tile, entries of a full bundle.
pub const TILE_WIDTH: u64 = 256;

fn index_path(index: u64) -> String {
    let mut path = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1000);
        rest /= 1000;
    }
    path
}

fn suffix(width: u64) -> String {
    if width == TILE_WIDTH {
        String::new()
    } else {
        format!(".p/{width}")
    }
}

/// The path of tile `index` of `level`, of `width` hashes.
#[must_use]
pub fn tile_path(level: u8, index: u64, width: u64) -> String {
    format!("tile/{level}/{}{}", index_path(index), suffix(width))
}

/// The path of entry bundle `index`, of `width` entries.
#[must_use]
pub fn bundle_path(index: u64, width: u64) -> String {
    format!("tile/entries/{}{}", index_path(index), suffix(width))
}

/// The widths of the tiles of a tree of `size` at `level`: how many are full, and the width of the
/// partial one, 0 if there is none.
#[must_use]
pub fn widths(level: u8, size: u64) -> (u64, u64) {
    let hashes = size.checked_shr(u32::from(level) * 8).unwrap_or(0);
    (hashes / TILE_WIDTH, hashes % TILE_WIDTH)
}

/// The bytes of a tile.
#[must_use]
pub fn tile_bytes(hashes: &[Hash]) -> Vec<u8> {
    hashes.concat()
}

/// The hashes of a tile; `None` unless there are 1 to 256 of them.
#[must_use]
pub fn tile_hashes(bytes: &[u8]) -> Option<Vec<Hash>> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    if !rest.is_empty() || hashes.is_empty() || hashes.len() as u64 > TILE_WIDTH {
        return None;
    }
    Some(hashes.to_vec())
}

/// Appends an entry to a bundle: u16 length, big endian, and the body.
///
/// Answers `false`, and leaves `out` alone, when the body is longer than 65,535 bytes.
#[must_use]
pub fn push_entry(out: &mut Vec<u8>, body: &[u8]) -> bool {
    let Ok(length) = u16::try_from(body.len()) else {
        return false;
    };
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(body);
    true
}

/// The entries of a bundle; `None` if it is cut short or holds more than 256.
#[must_use]
pub fn bundle_entries(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut entries = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (length, tail) = rest.split_first_chunk::<2>()?;
        let (body, tail) = tail.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        if entries.len() as u64 == TILE_WIDTH {
            return None;
        }
        entries.push(body);
        rest = tail;
    }
    Some(entries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths_of_the_specification() {
        assert_eq!(tile_path(0, 1_234_067, 256), "tile/0/x001/x234/067");
        assert_eq!(tile_path(2, 0, 1), "tile/2/000.p/1");
        assert_eq!(bundle_path(273, 112), "tile/entries/273.p/112");
        // The example of the specification: a tree of 70,000.
        assert_eq!(widths(0, 70_000), (273, 112));
        assert_eq!(widths(1, 70_000), (1, 17));
        assert_eq!(widths(2, 70_000), (0, 1));
        assert_eq!(widths(0, 256), (1, 0));
        assert_eq!(widths(1, 256), (0, 1));
        assert_eq!(widths(8, u64::MAX), (0, 0));
    }

    proptest! {
        #[test]
        fn bundles_survive(bodies in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..20), noise: Vec<u8>) {
            let mut out = Vec::new();
            for body in &bodies {
                prop_assert!(push_entry(&mut out, body));
            }
            let read = bundle_entries(&out).unwrap();
            prop_assert_eq!(read, bodies.iter().map(Vec::as_slice).collect::<Vec<_>>());
            let _ = bundle_entries(&noise);
            let _ = tile_hashes(&noise);
        }
    }
}
