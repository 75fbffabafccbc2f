// The Merkle tree of RFC 6962, section 2.1.

import { same, sha256, type Bytes } from './bytes';

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);
/** Hashes of a path: a tree has fewer than 2^64 leaves. */
const PATH_MAX = 64;

export function leafHash(body: Bytes): Promise<Bytes> {
  return sha256(LEAF, body);
}

function node(left: Bytes, right: Bytes): Promise<Bytes> {
  return sha256(NODE, left, right);
}

const half = (n: number) => Math.floor(n / 2);
const odd = (n: number) => n % 2 === 1;

/** The root that a path leads to from the leaf with this number (section 2.1.1), or null. */
export async function inclusionRoot(leaf: Bytes, index: number, size: number, path: Bytes[]): Promise<Bytes | null> {
  if (index >= size || path.length > PATH_MAX) return null;
  let at = index;
  let last = size - 1;
  let root = leaf;
  for (const sibling of path) {
    if (last === 0) return null;
    if (odd(at) || at === last) {
      root = await node(sibling, root);
      while (!odd(at) && at !== 0) {
        at = half(at);
        last = half(last);
      }
    } else {
      root = await node(root, sibling);
    }
    at = half(at);
    last = half(last);
  }
  return last === 0 ? root : null;
}

/** Whether the path proves the tree of `old` leaves to be the beginning of that of `size` (section 2.1.2). */
export async function isConsistent(
  old: number,
  size: number,
  oldRoot: Bytes,
  root: Bytes,
  hashes: Bytes[],
): Promise<boolean> {
  if (old > size || hashes.length > 2 * PATH_MAX) return false;
  if (old === 0) return hashes.length === 0;
  if (old === size) return hashes.length === 0 && same(oldRoot, root);
  // A power of two is a whole subtree, whose root the verifier has.
  let power = old;
  while (!odd(power)) power = half(power);
  const path = power === 1 ? [oldRoot, ...hashes] : [...hashes];
  const first = path.shift();
  if (!first) return false;
  let at = old - 1;
  let last = size - 1;
  while (odd(at)) {
    at = half(at);
    last = half(last);
  }
  let small = first;
  let large = first;
  for (const hash of path) {
    if (last === 0) return false;
    if (odd(at) || at === last) {
      small = await node(hash, small);
      large = await node(hash, large);
      while (!odd(at) && at !== 0) {
        at = half(at);
        last = half(last);
      }
    } else {
      large = await node(large, hash);
    }
    at = half(at);
    last = half(last);
  }
  return last === 0 && same(small, oldRoot) && same(large, root);
}
