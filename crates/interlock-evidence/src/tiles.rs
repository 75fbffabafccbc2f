//! The tree of a bundle: all tiles of hashes above the leaves, and of the leaves those tiles that
//! enclosed entries stand in.

use std::collections::BTreeMap;

use interlock_core::audit::Hash;
use interlock_core::audit::merkle::Frontier;
use interlock_core::audit::tiles::{TILE_WIDTH, tile_path, widths};
use sha2::{Digest, Sha256};

const WIDTH: usize = TILE_WIDTH as usize;

/// Makes the tiles of a log from its leaves, in order, with the tile that grows of each level in
/// memory.
#[derive(Debug, Default)]
pub struct Builder {
    levels: Vec<Growing>,
    wanted: bool,
    frontier: Frontier,
}

#[derive(Debug, Default)]
struct Growing {
    index: u64,
    hashes: Vec<Hash>,
}

/// Takes a finished tile: its path and its hashes.
pub type OnTile<'a> = dyn FnMut(String, &[Hash]) -> std::io::Result<()> + 'a;

fn root_of(hashes: &[Hash]) -> Hash {
    let mut frontier = Frontier::default();
    for hash in hashes {
        frontier.push(*hash);
    }
    frontier.root()
}

impl Builder {
    /// Appends a leaf; `wanted` keeps its tile.
    ///
    /// # Errors
    /// Those of `on`.
    pub fn push(&mut self, leaf: Hash, wanted: bool, on: &mut OnTile<'_>) -> std::io::Result<()> {
        self.wanted |= wanted;
        self.frontier.push(leaf);
        self.push_at(0, leaf, on)
    }

    fn push_at(&mut self, level: usize, hash: Hash, on: &mut OnTile<'_>) -> std::io::Result<()> {
        if self.levels.len() <= level {
            self.levels.push(Growing::default());
        }
        let Some(growing) = self.levels.get_mut(level) else {
            return Ok(());
        };
        growing.hashes.push(hash);
        if growing.hashes.len() < WIDTH {
            return Ok(());
        }
        let above = root_of(&growing.hashes);
        if level > 0 || std::mem::take(&mut self.wanted) {
            on(path(level, growing.index, WIDTH), &growing.hashes)?;
        }
        growing.index += 1;
        growing.hashes.clear();
        self.push_at(level + 1, above, on)
    }

    /// Ends the tree with its partial tiles; its root.
    ///
    /// # Errors
    /// Those of `on`.
    pub fn finish(self, on: &mut OnTile<'_>) -> std::io::Result<Hash> {
        for (level, growing) in self.levels.iter().enumerate() {
            if !growing.hashes.is_empty() {
                on(
                    path(level, growing.index, growing.hashes.len()),
                    &growing.hashes,
                )?;
            }
        }
        Ok(self.frontier.root())
    }
}

fn path(level: usize, index: u64, width: usize) -> String {
    // A tree of 2^53 entries has seven levels.
    tile_path(u8::try_from(level).unwrap_or(u8::MAX), index, width as u64)
}

fn interior(left: &Hash, right: &Hash) -> Hash {
    Sha256::new()
        .chain_update([1])
        .chain_update(left)
        .chain_update(right)
        .finalize()
        .into()
}

/// The tiles of a bundle, read back: checked with code of their own.
#[derive(Debug)]
pub struct Tiles {
    size: u64,
    tiles: BTreeMap<(u8, u64), Vec<Hash>>,
}

impl Tiles {
    /// The tiles of a tree of `size` leaves that a bundle may have: path, level, index, width, and whether it must.
    pub fn wanted(size: u64) -> impl Iterator<Item = (String, u8, u64, u64, bool)> {
        (0u8..8).flat_map(move |level| {
            let (full, partial) = widths(level, size);
            (0..full + u64::from(partial > 0)).map(move |index| {
                let width = if index < full { TILE_WIDTH } else { partial };
                let must = level > 0 || width < TILE_WIDTH;
                (tile_path(level, index, width), level, index, width, must)
            })
        })
    }

    /// No tiles yet, of a tree of `size` leaves.
    #[must_use]
    pub fn new(size: u64) -> Self {
        Self {
            size,
            tiles: BTreeMap::new(),
        }
    }

    /// Adds a tile.
    pub fn insert(&mut self, level: u8, index: u64, hashes: Vec<Hash>) {
        self.tiles.insert((level, index), hashes);
    }

    /// The leaf of entry `seq`, when its tile is there.
    #[must_use]
    pub fn leaf(&self, seq: u64) -> Option<&Hash> {
        let tile = self.tiles.get(&(0, seq / TILE_WIDTH))?;
        tile.get(usize::try_from(seq % TILE_WIDTH).ok()?)
    }

    /// The root of the whole subtree of 2^`height` leaves that has this number.
    fn node(&self, height: u32, number: u64) -> Option<Hash> {
        let (level, within) = (u8::try_from(height / 8).ok()?, height % 8);
        let first = number.checked_shl(within)?;
        let tile = self.tiles.get(&(level, first / TILE_WIDTH))?;
        let start = usize::try_from(first % TILE_WIDTH).ok()?;
        Some(folded(tile.get(start..start + (1 << within))?))
    }

    /// The root of the first `size` leaves, as far as the tiles tell.
    #[must_use]
    pub fn root(&self, size: u64) -> Option<Hash> {
        if size == 0 {
            return Some(Sha256::digest([]).into());
        }
        let mut root: Option<Hash> = None;
        for height in 0..u64::BITS {
            if size >> height & 1 == 1 {
                // The subtree of this bit begins where those of the higher bits end.
                let number = (size >> height) - 1;
                let left = self.node(height, number)?;
                root = Some(root.map_or(left, |right| interior(&left, &right)));
            }
        }
        root
    }

    /// The first tile that does not fit the one above it: level and number.
    #[must_use]
    pub fn first_misfit(&self) -> Option<(u8, u64)> {
        self.tiles.iter().find_map(|((level, index), hashes)| {
            if hashes.len() < WIDTH {
                return None;
            }
            let above = self.tiles.get(&(level + 1, index / TILE_WIDTH))?;
            let place = usize::try_from(index % TILE_WIDTH).ok()?;
            (above.get(place) != Some(&folded(hashes))).then_some((*level, *index))
        })
    }

    /// Leaves of the tree.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }
}

/// The root over hashes whose number is a power of two.
fn folded(hashes: &[Hash]) -> Hash {
    let mut hashes = hashes.to_vec();
    while hashes.len() > 1 {
        hashes = hashes
            .chunks_exact(2)
            .filter_map(|pair| Some(interior(pair.first()?, pair.get(1)?)))
            .collect();
    }
    hashes.first().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use interlock_core::audit::merkle::{Leaves, root};
    use interlock_core::audit::tiles::tile_hashes;
    use proptest::prelude::*;

    fn leaf(n: u64) -> Hash {
        Sha256::digest(n.to_be_bytes()).into()
    }

    fn built(size: u64, wanted: impl Fn(u64) -> bool) -> (BTreeMap<String, Vec<u8>>, Hash) {
        let mut builder = Builder::default();
        let mut files = BTreeMap::new();
        let mut on = |path: String, hashes: &[Hash]| {
            files.insert(path, hashes.concat());
            Ok(())
        };
        for n in 0..size {
            builder.push(leaf(n), wanted(n), &mut on).unwrap();
        }
        let root = builder.finish(&mut on).unwrap();
        (files, root)
    }

    fn read(size: u64, files: &BTreeMap<String, Vec<u8>>) -> Tiles {
        let mut tiles = Tiles::new(size);
        let mut found = 0;
        for (path, level, index, width, must) in Tiles::wanted(size) {
            match files.get(&path) {
                Some(bytes) => {
                    let hashes = tile_hashes(bytes).unwrap();
                    assert_eq!(hashes.len() as u64, width);
                    tiles.insert(level, index, hashes);
                    found += 1;
                }
                None => assert!(!must, "{path}"),
            }
        }
        assert_eq!(found, files.len());
        tiles
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn the_root_follows_from_few_tiles(size in 1u64..70_000, at: proptest::sample::Index, earlier: proptest::sample::Index) {
            let at = at.index(size as usize) as u64;
            let (files, top) = built(size, |n| n == at);
            let tiles = read(size, &files);
            let leaves: Vec<Hash> = (0..size).map(leaf).collect();
            prop_assert_eq!(top, root(&Leaves(&leaves), size).unwrap());
            prop_assert_eq!(tiles.root(size), Some(top));
            prop_assert_eq!(tiles.leaf(at), Some(&leaf(at)));
            prop_assert_eq!(tiles.first_misfit(), None);
            // An earlier root follows where the tiles reach, and is right.
            let earlier = earlier.index(size as usize) as u64 + 1;
            if let Some(known) = tiles.root(earlier) {
                prop_assert_eq!(known, root(&Leaves(&leaves), earlier).unwrap());
            }
            // Of leaves only the tiles of what was asked for and the last one.
            let leaves = files.keys().filter(|path| path.starts_with("tile/0/")).count();
            prop_assert!(leaves <= 2);
        }
    }

    #[test]
    fn a_changed_hash_is_found() {
        let (mut files, _) = built(66_000, |_| true);
        let path = tile_path(0, 5, 256);
        files.get_mut(&path).unwrap()[40] ^= 1;
        assert_eq!(read(66_000, &files).first_misfit(), Some((0, 5)));
    }
}
