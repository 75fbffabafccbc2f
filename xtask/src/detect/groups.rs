//! Near-duplicates: texts that share half of their runs of three words.
//!
//! A fold that leaves a source out also leaves out what other sources copied of it.

use std::collections::{BTreeMap, BTreeSet};

/// Texts that share a run of words with more texts than this say nothing about copying.
const POSTINGS_MAX: usize = 400;

fn fnv(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Hashes of the runs of three words of a text; a shorter text is one run.
fn shingles(text: &str) -> BTreeSet<u64> {
    let lower = text.to_lowercase();
    let words: Vec<u64> = lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty())
        .take(600)
        .map(|w| fnv(w.bytes()))
        .collect();
    let run = |w: &[u64]| fnv(w.iter().flat_map(|x| x.to_le_bytes()));
    if words.len() < 3 {
        return BTreeSet::from([run(&words)]);
    }
    words.windows(3).map(run).collect()
}

/// For each text the number of its group: equal for texts with a Jaccard similarity of a half or
/// more, and for those that are linked by such.
pub(crate) fn groups<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<usize> {
    let sets: Vec<BTreeSet<u64>> = texts.map(shingles).collect();
    let mut postings: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (row, set) in sets.iter().enumerate() {
        for shingle in set {
            postings.entry(*shingle).or_default().push(row);
        }
    }
    let mut parent: Vec<usize> = (0..sets.len()).collect();
    for (row, set) in sets.iter().enumerate() {
        let mut shared: BTreeMap<usize, usize> = BTreeMap::new();
        for shingle in set {
            let rows = &postings[shingle];
            if rows.len() <= POSTINGS_MAX {
                for other in rows.iter().filter(|o| **o > row) {
                    *shared.entry(*other).or_default() += 1;
                }
            }
        }
        for (other, both) in shared {
            let either = set.len() + sets[other].len() - both;
            if both * 2 >= either {
                let (a, b) = (root(&mut parent, row), root(&mut parent, other));
                parent[a.max(b)] = a.min(b);
            }
        }
    }
    (0..sets.len()).map(|row| root(&mut parent, row)).collect()
}

fn root(parent: &mut [usize], mut at: usize) -> usize {
    while parent[at] != at {
        parent[at] = parent[parent[at]];
        at = parent[at];
    }
    at
}
