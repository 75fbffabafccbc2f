//! Which steps of two runs belong together.

use std::collections::HashMap;

/// Steps put in and left out that are looked for exactly; past it steps are paired with the next one
/// that is the same, near by.
const EDITS_MAX: usize = 1_000;
/// How far the next one that is the same is looked for.
const NEAR: usize = 256;

/// Pairs of places, rising in both, whose keys are equal: as many as there can be, by Myers' greedy
/// algorithm (*An O(ND) Difference Algorithm and Its Variations*, 1986); and whether that holds, as
/// runs with very little in common are paired more simply.
///
/// Takes time in the product of the length and the edits, at most `EDITS_MAX`, and memory in the
/// square of the edits.
pub(super) fn align(a: &[u64], b: &[u64]) -> (Vec<(usize, usize)>, bool) {
    let head = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let (rest_a, rest_b) = (&a[head..], &b[head..]);
    let tail = rest_a
        .iter()
        .rev()
        .zip(rest_b.iter().rev())
        .take_while(|(x, y)| x == y)
        .count();
    let (inner_a, inner_b) = (
        &rest_a[..rest_a.len() - tail],
        &rest_b[..rest_b.len() - tail],
    );
    let found = myers(inner_a, inner_b);
    let exact = found.is_some();
    let inner = found.unwrap_or_else(|| next_same(inner_a, inner_b));
    let mut pairs: Vec<(usize, usize)> = (0..head).map(|i| (i, i)).collect();
    pairs.extend(inner.into_iter().map(|(i, j)| (head + i, head + j)));
    pairs.extend((0..tail).map(|i| (a.len() - tail + i, b.len() - tail + i)));
    (pairs, exact)
}

fn at(list: &[u64], place: i64) -> Option<u64> {
    usize::try_from(place)
        .ok()
        .and_then(|i| list.get(i))
        .copied()
}

/// The furthest place in `a` that is reached on each diagonal, after each number of edits.
fn myers(a: &[u64], b: &[u64]) -> Option<Vec<(usize, usize)>> {
    let (n, m) = (i64::try_from(a.len()).ok()?, i64::try_from(b.len()).ok()?);
    let most = i64::try_from((a.len() + b.len()).min(EDITS_MAX)).ok()?;
    // Diagonals -d..=d after d edits, each at its number plus d.
    let mut trace: Vec<Vec<i64>> = Vec::new();
    for d in 0..=most {
        let reached = |k: i64| {
            let before = trace.last()?;
            let place = usize::try_from(k + (d - 1)).ok()?;
            before.get(place).copied().filter(|x| *x >= 0)
        };
        let mut now = vec![-1; usize::try_from(2 * d + 1).ok()?];
        for k in (-d..=d).step_by(2) {
            let mut x = if d == 0 {
                0
            } else {
                let down = reached(k + 1);
                let right = reached(k - 1).map(|x| x + 1);
                down.max(right).unwrap_or(-1)
            };
            if x < 0 || x > n || x - k > m || x - k < 0 {
                continue;
            }
            while at(a, x).is_some() && at(a, x) == at(b, x - k) {
                x += 1;
            }
            now[usize::try_from(k + d).ok()?] = x;
            if x == n && x - k == m {
                trace.push(now);
                return Some(back(&trace, n, m));
            }
        }
        trace.push(now);
    }
    None
}

/// The pairs on the way that [`myers`] found, read from its end.
fn back(trace: &[Vec<i64>], n: i64, m: i64) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    let (mut x, mut y) = (n, m);
    for d in (0..trace.len()).rev() {
        let edits = i64::try_from(d).unwrap_or(0);
        let k = x - y;
        let (from_x, from_y) = if d == 0 {
            (0, 0)
        } else {
            let reached = |k: i64| {
                let place = usize::try_from(k + (edits - 1)).ok();
                let x = place.and_then(|p| trace[d - 1].get(p)).copied();
                x.filter(|x| *x >= 0)
            };
            let (down, right) = (reached(k + 1), reached(k - 1));
            if down > right.map(|x| x + 1) || right.is_none() {
                let x = down.unwrap_or(0);
                (x, x - (k + 1))
            } else {
                let x = right.unwrap_or(0);
                (x, x - (k - 1))
            }
        };
        // Where the edit ended; what lies between there and here is the same in both.
        let start = if d == 0 {
            0
        } else if from_x - from_y > k {
            from_x
        } else {
            from_x + 1
        };
        while x > start {
            x -= 1;
            y -= 1;
            pairs.push((
                usize::try_from(x).unwrap_or(0),
                usize::try_from(y).unwrap_or(0),
            ));
        }
        (x, y) = (from_x, from_y);
    }
    pairs.reverse();
    pairs
}

/// Each place with the next one that is the same, if that is near.
fn next_same(a: &[u64], b: &[u64]) -> Vec<(usize, usize)> {
    let mut places: HashMap<u64, Vec<usize>> = HashMap::new();
    for (j, key) in b.iter().enumerate() {
        places.entry(*key).or_default().push(j);
    }
    let (mut pairs, mut from) = (Vec::new(), 0);
    for (i, key) in a.iter().enumerate() {
        let Some(places) = places.get(key) else {
            continue;
        };
        let next = places.partition_point(|j| *j < from);
        if let Some(j) = places.get(next).copied().filter(|j| j - from <= NEAR) {
            pairs.push((i, j));
            from = j + 1;
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The length of the longest common subsequence, by the table.
    fn longest(a: &[u64], b: &[u64]) -> usize {
        let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
        for i in 1..=a.len() {
            for j in 1..=b.len() {
                table[i][j] = if a[i - 1] == b[j - 1] {
                    table[i - 1][j - 1] + 1
                } else {
                    table[i - 1][j].max(table[i][j - 1])
                };
            }
        }
        table[a.len()][b.len()]
    }

    fn sound(a: &[u64], b: &[u64], pairs: &[(usize, usize)]) {
        assert!(pairs.iter().all(|(i, j)| a[*i] == b[*j]));
        assert!(pairs.windows(2).all(|w| w[0].0 < w[1].0 && w[0].1 < w[1].1));
    }

    #[test]
    fn as_many_pairs_as_there_can_be() {
        let mut state = 3_u64;
        let mut pick = move |of: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) % of
        };
        for _ in 0..3_000 {
            let mut list = |of| (0..pick(14)).map(|_| pick(of)).collect::<Vec<_>>();
            let (a, b) = (list(4), list(4));
            let (pairs, exact) = align(&a, &b);
            sound(&a, &b, &pairs);
            assert!(exact);
            assert_eq!(pairs.len(), longest(&a, &b), "{a:?} {b:?}");
        }
    }

    #[test]
    fn runs_with_little_in_common_are_paired_more_simply() {
        let a: Vec<u64> = (0..4_000).collect();
        let b: Vec<u64> = (0..4_000)
            .map(|n| if n % 3 == 0 { n } else { n + 10_000 })
            .collect();
        let (pairs, exact) = align(&a, &b);
        assert!(!exact);
        sound(&a, &b, &pairs);
        assert_eq!(pairs.len(), 1_334);
    }
}
