// The tree of a bundle, from its tiles (c2sp.org/tlog-tiles).

import { same, sha256, type Bytes } from './bytes';

const TILE = 256;
const NODE = Uint8Array.of(1);

function indexPath(index: number): string {
  let path = String(index % 1000).padStart(3, '0');
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    path = `x${String(rest % 1000).padStart(3, '0')}/${path}`;
  }
  return path;
}

export interface Tile {
  path: string;
  level: number;
  index: number;
  width: number;
  /** Whether a bundle must have it. */
  must: boolean;
}

/** The tiles of a tree of so many entries. */
export function* wantedTiles(size: number): Generator<Tile> {
  for (let level = 0, hashes = size; level < 8 && hashes > 0; level++, hashes = Math.floor(hashes / TILE)) {
    const full = Math.floor(hashes / TILE);
    const partial = hashes % TILE;
    for (let index = 0; index < full + (partial > 0 ? 1 : 0); index++) {
      const width = index < full ? TILE : partial;
      const suffix = width === TILE ? '' : `.p/${width}`;
      yield { path: `tile/${level}/${indexPath(index)}${suffix}`, level, index, width, must: level > 0 || width < TILE };
    }
  }
}

/** The root over hashes whose number is a power of two, one after the other. */
async function fold(hashes: Bytes): Promise<Bytes> {
  let below = hashes;
  while (below.length > 32) {
    const above = new Uint8Array(below.length / 2);
    const pairs = Array.from({ length: below.length / 64 }, (_, n) => sha256(NODE, below.subarray(n * 64, n * 64 + 64)));
    (await Promise.all(pairs)).forEach((hash, n) => above.set(hash, n * 32));
    below = above;
  }
  return below;
}

export class Tiles {
  private readonly tiles = new Map<string, Bytes>();

  insert(tile: Tile, hashes: Bytes): void {
    this.tiles.set(`${tile.level}/${tile.index}`, hashes);
  }

  leaf(seq: number): Bytes | null {
    const at = (seq % TILE) * 32;
    const leaf = this.tiles.get(`0/${Math.floor(seq / TILE)}`)?.subarray(at, at + 32);
    return leaf?.length === 32 ? leaf : null;
  }

  /** The first tile that does not fit the one above it. */
  async misfit(): Promise<string | null> {
    const names = [...this.tiles.keys()].map((name) => name.split('/').map(Number) as [number, number]);
    for (const [level, index] of names.sort(([a, b], [c, d]) => a - c || b - d)) {
      const hashes = this.tiles.get(`${level}/${index}`);
      if (!hashes || hashes.length < TILE * 32) continue;
      const at = (index % TILE) * 32;
      const above = this.tiles.get(`${level + 1}/${Math.floor(index / TILE)}`)?.subarray(at, at + 32);
      if (!above || !same(above, await fold(hashes))) return `tile/${level}#${index}`;
    }
    return null;
  }

  /** The root of the first entries, or null where the tiles do not reach. */
  async root(size: number): Promise<Bytes | null> {
    if (size === 0) return sha256();
    let root: Bytes | null = null;
    for (let height = 0, rest = size; rest > 0; height++, rest = Math.floor(rest / 2)) {
      if (rest % 2 === 0) continue;
      const within = 2 ** (height % 8);
      const first = (rest - 1) * within;
      const start = (first % TILE) * 32;
      const part = this.tiles.get(`${Math.floor(height / 8)}/${Math.floor(first / TILE)}`)?.subarray(start, start + within * 32);
      if (part?.length !== within * 32) return null;
      const left: Bytes = await fold(part);
      root = root ? await sha256(NODE, left, root) : left;
    }
    return root;
  }
}
