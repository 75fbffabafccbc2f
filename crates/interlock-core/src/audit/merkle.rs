//! Merkle tree hash, inclusion and consistency proofs of RFC 6962, section 2.1.
//!
//! Verification follows the algorithms of RFC 9162, sections 2.1.3.2 and 2.1.4.2.

use super::Hash;
use sha2::{Digest, Sha256};

/// `SHA-256(0x01 ‖ left ‖ right)`.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new()
        .chain_update([0x01])
        .chain_update(left)
        .chain_update(right)
        .finalize()
        .into()
}

/// `SHA-256("")`, the root of the empty tree.
#[must_use]
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// Why a proof could not be made or does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// Index and sizes do not fit together.
    #[error("index or size lies outside the tree")]
    Range,
    /// The source lacks a node.
    #[error("node {index} of level {level} is not available")]
    Missing {
        /// Height above the leaves.
        level: u8,
        /// Position in its level.
        index: u64,
    },
    /// The proof has too few or too many hashes.
    #[error("proof has the wrong length")]
    Length,
    /// The computed root is another one.
    #[error("proof leads to another root")]
    Root,
}

/// The right edge of a growing tree: one hash per complete subtree, largest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The frontier of a tree of `size` leaves with these `peaks`; `None` unless their number fits.
    #[must_use]
    pub fn from_parts(size: u64, peaks: Vec<Hash>) -> Option<Self> {
        (size.count_ones() as usize == peaks.len()).then_some(Self { size, peaks })
    }

    /// Number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Roots of the complete subtrees, largest first.
    #[must_use]
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// Adds a leaf hash.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// The root of the tree.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        match peaks.next() {
            None => empty_root(),
            Some(last) => peaks.fold(*last, |right, left| node_hash(left, &right)),
        }
    }
}

/// Hashes of the complete subtrees of a tree.
pub trait Nodes {
    /// The root over leaves `index << level` up to `(index + 1) << level`, all of which exist.
    fn node(&self, level: u8, index: u64) -> Option<Hash>;
}

/// All leaf hashes in memory.
#[derive(Debug, Clone, Copy)]
pub struct Leaves<'a>(pub &'a [Hash]);

impl Nodes for Leaves<'_> {
    fn node(&self, level: u8, index: u64) -> Option<Hash> {
        let start = usize::try_from(index.checked_shl(u32::from(level))?).ok()?;
        let count = 1usize.checked_shl(u32::from(level))?;
        let leaves = self.0.get(start..start.checked_add(count)?)?;
        let mut frontier = Frontier::default();
        for leaf in leaves {
            frontier.push(*leaf);
        }
        Some(frontier.root())
    }
}

/// The largest power of two below `n`, which is at least 2.
fn split(n: u64) -> u64 {
    1 << (63 - (n - 1).leading_zeros())
}

/// The root over `count` leaves from `start`, where `start` is a multiple of the largest power of
/// two not above `count`.
fn range_root(nodes: &dyn Nodes, start: u64, count: u64) -> Result<Hash, ProofError> {
    // Complete subtrees from the left; their heights are the bits of `count`.
    let mut peaks = Vec::with_capacity(64);
    let mut at = start;
    let mut left = count;
    while left > 0 {
        let level = (63 - left.leading_zeros()) as u8;
        let index = at >> level;
        let hash = nodes
            .node(level, index)
            .ok_or(ProofError::Missing { level, index })?;
        peaks.push(hash);
        at += 1 << level;
        left -= 1 << level;
    }
    let mut peaks = peaks.iter().rev();
    let last = peaks.next().ok_or(ProofError::Range)?;
    Ok(peaks.fold(*last, |right, left| node_hash(left, &right)))
}

/// The root of the tree of the first `size` leaves.
///
/// # Errors
///
/// When `nodes` lacks one.
pub fn root(nodes: &dyn Nodes, size: u64) -> Result<Hash, ProofError> {
    if size == 0 {
        return Ok(empty_root());
    }
    range_root(nodes, 0, size)
}

/// `PATH(index, D[size])`, leaf's sibling first.
///
/// # Errors
///
/// When `index` is not below `size`, or `nodes` lacks one.
pub fn inclusion_proof(nodes: &dyn Nodes, index: u64, size: u64) -> Result<Vec<Hash>, ProofError> {
    if index >= size {
        return Err(ProofError::Range);
    }
    let (mut start, mut count, mut at) = (0, size, index);
    let mut path = Vec::with_capacity(64);
    while count > 1 {
        let half = split(count);
        if at < half {
            path.push(range_root(nodes, start + half, count - half)?);
            count = half;
        } else {
            path.push(range_root(nodes, start, half)?);
            at -= half;
            start += half;
            count -= half;
        }
    }
    path.reverse();
    Ok(path)
}

/// `PROOF(old, D[new])`; empty when the sizes are equal or `old` is 0.
///
/// # Errors
///
/// When `old` exceeds `new`, or `nodes` lacks one.
pub fn consistency_proof(nodes: &dyn Nodes, old: u64, new: u64) -> Result<Vec<Hash>, ProofError> {
    if old > new {
        return Err(ProofError::Range);
    }
    if old == 0 || old == new {
        return Ok(Vec::new());
    }
    let (mut start, mut count, mut at, mut whole) = (0, new, old, true);
    let mut proof = Vec::with_capacity(64);
    while at != count {
        let half = split(count);
        if at <= half {
            proof.push(range_root(nodes, start + half, count - half)?);
            count = half;
        } else {
            proof.push(range_root(nodes, start, half)?);
            at -= half;
            start += half;
            count -= half;
            whole = false;
        }
    }
    if !whole {
        proof.push(range_root(nodes, start, count)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Checks that `leaf` is entry `index` of the tree of `size` leaves with `root`.
///
/// # Errors
///
/// When it is not, or the proof has the wrong length.
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::Range);
    }
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in proof {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(ProofError::Length);
    }
    if hash == *root {
        Ok(())
    } else {
        Err(ProofError::Root)
    }
}

/// Checks that the tree of `new` leaves is the tree of `old` leaves with more appended.
///
/// # Errors
///
/// When it is not, or the proof has the wrong length.
pub fn verify_consistency(
    old: u64,
    new: u64,
    old_root: &Hash,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if old > new {
        return Err(ProofError::Range);
    }
    if old == 0 || old == new {
        if !proof.is_empty() {
            return Err(ProofError::Length);
        }
        let expected = if old == 0 { &empty_root() } else { new_root };
        return if old_root == expected {
            Ok(())
        } else {
            Err(ProofError::Root)
        };
    }
    let (first, rest) = if old.is_power_of_two() {
        (old_root, proof)
    } else {
        proof.split_first().ok_or(ProofError::Length)?
    };
    let shift = (old - 1).trailing_ones();
    let (mut node, mut last) = ((old - 1) >> shift, (new - 1) >> shift);
    let (mut old_hash, mut new_hash) = (*first, *first);
    for hash in rest {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if node & 1 == 1 || node == last {
            old_hash = node_hash(hash, &old_hash);
            new_hash = node_hash(hash, &new_hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node_hash(&new_hash, hash);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(ProofError::Length);
    }
    if old_hash == *old_root && new_hash == *new_root {
        Ok(())
    } else {
        Err(ProofError::Root)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{chain::leaf, hex, unhex};
    use ct_merkle::mem_backed_tree::MemoryBackedTree;
    use proptest::prelude::*;

    fn leaves(n: u64) -> Vec<Hash> {
        (0..n).map(|i| leaf(&i.to_le_bytes())).collect()
    }

    fn oracle(n: u64) -> MemoryBackedTree<Sha256, Vec<u8>> {
        let mut tree = MemoryBackedTree::new();
        for i in 0..n {
            tree.push(i.to_le_bytes().to_vec());
        }
        tree
    }

    #[test]
    fn reference_roots_of_certificate_transparency() {
        // Leaves and roots published with the reference tests of RFC 6962 implementations.
        let inputs = [
            "",
            "00",
            "10",
            "2021",
            "3031",
            "40414243",
            "5051525354555657",
            "606162636465666768696a6b6c6d6e6f",
        ];
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut frontier = Frontier::default();
        assert_eq!(
            hex(&frontier.root()),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        for (input, root) in inputs.iter().zip(roots) {
            frontier.push(leaf(&unhex(input).unwrap()));
            assert_eq!(hex(&frontier.root()), root);
        }
    }

    #[test]
    fn every_proof_of_small_trees() {
        let all = leaves(40);
        let nodes = Leaves(&all);
        for size in 1..=40u64 {
            let tree = oracle(size);
            let root = root(&nodes, size).unwrap();
            assert_eq!(root[..], tree.root().as_bytes()[..]);
            for index in 0..size {
                let proof = inclusion_proof(&nodes, index, size).unwrap();
                assert_eq!(
                    proof.concat(),
                    tree.prove_inclusion(index as usize).as_bytes()
                );
                let leaf = &all[index as usize];
                assert_eq!(verify_inclusion(leaf, index, size, &proof, &root), Ok(()));
                for (i, s) in [(index + 1, size), (index, size + 1), (index, size - 1)] {
                    if (i, s) != (index, size)
                        && verify_inclusion(leaf, i, s, &proof, &root).is_ok()
                    {
                        // The same path serves two sizes only where the tree has the same shape
                        // on the way; RFC 9162 binds the size through the signed checkpoint.
                        assert!(i == index, "{index}/{size} passes as {i}/{s}");
                    }
                }
            }
            for old in 0..=size {
                let proof = consistency_proof(&nodes, old, size).unwrap();
                if old > 0 && old < size {
                    let theirs = tree.prove_consistency((size - old) as usize);
                    assert_eq!(proof.concat(), theirs.as_bytes());
                }
                let old_root = super::root(&nodes, old).unwrap();
                assert_eq!(
                    verify_consistency(old, size, &old_root, &root, &proof),
                    Ok(())
                );
                let mut other = old_root;
                other[0] ^= 1;
                assert!(verify_consistency(old, size, &other, &root, &proof).is_err());
                let mut longer = proof.clone();
                longer.push(root);
                assert!(verify_consistency(old, size, &old_root, &root, &longer).is_err());
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn proofs_agree_with_the_oracle(size in 1u64..3000, a: proptest::sample::Index, b: proptest::sample::Index, flip: proptest::sample::Index) {
            let all = leaves(size);
            let nodes = Leaves(&all);
            let tree = oracle(size);
            let root = root(&nodes, size).unwrap();
            prop_assert_eq!(root.to_vec(), tree.root().as_bytes().to_vec());
            let index = a.index(size as usize) as u64;
            let proof = inclusion_proof(&nodes, index, size).unwrap();
            let theirs = tree.prove_inclusion(index as usize);
            prop_assert_eq!(proof.concat(), theirs.as_bytes());
            if !proof.is_empty() {
                let mut bad = proof.clone();
                let at = flip.index(bad.len());
                bad[at][3] ^= 4;
                prop_assert!(verify_inclusion(&all[index as usize], index, size, &bad, &root).is_err());
                prop_assert!(verify_inclusion(&all[index as usize], index, size, &proof[1..], &root).is_err());
            }
            let old = b.index(size as usize) as u64;
            let proof = consistency_proof(&nodes, old, size).unwrap();
            let old_root = super::root(&nodes, old).unwrap();
            prop_assert!(verify_consistency(old, size, &old_root, &root, &proof).is_ok());
            if !proof.is_empty() {
                let mut bad = proof.clone();
                let at = flip.index(bad.len());
                bad[at][3] ^= 4;
                prop_assert!(verify_consistency(old, size, &old_root, &root, &bad).is_err());
            }
        }

        #[test]
        fn arbitrary_proofs_are_survived(index: u64, size: u64, proof: Vec<Hash>, root: Hash) {
            let _ = verify_inclusion(&root, index, size, &proof, &root);
            let _ = verify_consistency(index, size, &root, &root, &proof);
        }
    }
}
