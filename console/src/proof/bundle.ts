// The verification of an evidence bundle in the browser, without asking anybody. The rules and their
// order are those of verifiers/FORMAT.md; the verdict is the line that the other verifiers print.

import { hex, same, sha256, unbase64, utf8, type Bytes } from './bytes';
import { leafHash } from './merkle';
import { parseCheckpoint, parseKey, parseNote, signedBy, type Checkpoint, type Key } from './note';
import { Tiles, wantedTiles } from './tiles';
import { nameIsSafe, Refused, type Zip } from './zip';

const MANIFEST_BYTES_MAX = 64 << 20;
const SMALL_BYTES_MAX = 16 << 20;
/** Largest of the files that are read for their digest alone. */
const FILE_BYTES_MAX = 256 << 20;
const BODY_BYTES_MAX = 65_535;
const RANGES_MAX = 1 << 20;
const CHECKPOINTS_MAX = 64;

export interface Manifest {
  tenant: string;
  origin: string;
  created: string;
  by: string;
  scope: Record<string, string>;
  size: number;
  entries: number;
  files: { name: string; bytes: number; sha256: string }[];
}

export interface BundleVerdict {
  outcome: 'ok' | 'failed' | 'unchecked';
  /** The line that every verifier prints. */
  line: string;
  manifest: Manifest | null;
}

class Bad extends Error {
  constructor(readonly line: string) {
    super(line);
  }
}

/** The browser cannot check signatures of this kind. */
class Unsupported extends Error {}

const altered = (file: string) => new Bad(`altered file=${file}`);
const alteredEntry = (seq: number) => new Bad(`altered seq=${seq} file=entries.jsonl`);
const missing = (file: string) => new Bad(`missing file=${file}`);
const unsigned = (file: string) => new Bad(`signature file=${file}`);

const isCount = (n: unknown): n is number => typeof n === 'number' && Number.isSafeInteger(n) && n >= 0;
const decimal = (text: string) => (/^(0|[1-9][0-9]{0,15})$/.test(text) && isCount(Number(text)) ? Number(text) : null);

function text(bytes: Bytes | null): string | null {
  try {
    return bytes && new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

function json(bytes: Bytes | null): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text(bytes) ?? 'null');
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

async function signed(note: string, key: Key): Promise<boolean> {
  const parsed = parseNote(note);
  const answer = parsed ? await signedBy(parsed, key) : 'no';
  if (answer === 'unsupported') throw new Unsupported();
  return answer === 'yes';
}

async function signedText(key: Key, message: Bytes, signature: string): Promise<boolean> {
  const bytes = unbase64(signature);
  if (!bytes) return false;
  let imported: CryptoKey;
  try {
    imported = await crypto.subtle.importKey('raw', key.public, 'Ed25519', false, ['verify']);
  } catch {
    throw new Unsupported();
  }
  return crypto.subtle.verify('Ed25519', imported, bytes, message);
}

/** Called with each entry once it is held against its leaf. */
export type OnEntry = (seq: number, body: Bytes) => void;

export async function verifyBundle(zip: Zip, vkey: string, onEntry: OnEntry, progress: (done: number, of: number) => void): Promise<BundleVerdict> {
  const bundle = new Bundle(zip, onEntry, progress);
  try {
    return { outcome: 'ok', line: await bundle.check(vkey), manifest: bundle.manifest };
  } catch (error) {
    if (error instanceof Bad) return { outcome: 'failed', line: error.line, manifest: bundle.manifest };
    if (error instanceof Refused) return { outcome: 'failed', line: error.message, manifest: null };
    if (error instanceof Unsupported) {
      return { outcome: 'unchecked', line: 'this browser has no Ed25519; verify.html and verify.py check it', manifest: null };
    }
    throw error;
  }
}

class Bundle {
  manifest: Manifest | null = null;
  private readonly listed: ReadonlyMap<string, number>;
  private epochs: { seq: number; key: Key }[] = [];
  private readonly tiles = new Tiles();

  constructor(
    private readonly zip: Zip,
    private readonly onEntry: OnEntry,
    private readonly progress: (done: number, of: number) => void,
  ) {
    this.listed = zip.list();
  }

  async check(vkey: string): Promise<string> {
    const trusted = await parseKey(vkey);
    if (!trusted) throw new Bad('signature trust');
    for (const name of ['manifest.json', 'manifest.note', 'keys/keys.json']) if (!this.listed.has(name)) throw missing(name);
    const origin = await this.keys(trusted);
    const manifest = await this.signedManifest(origin);
    this.manifest = manifest;
    const names = await this.digests(manifest);
    const head = await this.checkpoint(text(await this.small('checkpoint', names)));
    if (!head) throw unsigned('checkpoint');
    if (head.origin !== origin || head.size !== manifest.size) throw altered('checkpoint');
    const past = text(await this.small('checkpoints.txt', names));
    const ranges = readRanges(manifest, text(await this.small('ranges.csv', names)));
    await this.readTiles(names, head);
    await this.earlier(past, head);
    const redactions = await this.entries(manifest, ranges);
    const line = `ok entries=${manifest.entries} size=${head.size} root=${hex(head.root)} files=${manifest.files.length}`;
    return redactions > 0 ? `${line} redactions=${redactions}` : line;
  }

  private async keys(trusted: Key): Promise<string> {
    const wrong = unsigned('keys/keys.json');
    const said = json(await this.zip.whole('keys/keys.json', SMALL_BYTES_MAX));
    const first = typeof said?.first === 'string' ? await parseKey(said.first) : null;
    const origin = said?.origin;
    if (!said || !first || !same(first.public, trusted.public) || first.name !== trusted.name || typeof origin !== 'string') throw wrong;
    if (!Array.isArray(said.rotations)) throw wrong;
    this.epochs = [{ seq: 0, key: first }];
    for (const change of said.rotations as Record<string, unknown>[]) {
      const current = this.epochs.at(-1);
      const part = (name: string) => (typeof change?.[name] === 'string' ? (change[name] as string) : '');
      const [old, next] = [await parseKey(part('old')), await parseKey(part('new'))];
      const fits = current && old && next && same(old.public, current.key.public) && old.name === current.key.name;
      if (!fits || !isCount(change.seq) || change.seq <= current.seq || !/^[0-9a-f]{64}$/.test(part('link'))) throw wrong;
      const message = utf8(`interlock key-rotate v1\n${origin}\n${change.seq}\n${part('link')}\n${part('old')}\n${part('new')}\n`);
      if (!(await signedText(old, message, part('by_old'))) || !(await signedText(next, message, part('by_new')))) throw wrong;
      this.epochs.push({ seq: change.seq, key: next });
    }
    return origin;
  }

  private keyFor(size: number): Key {
    const found = [...this.epochs].reverse().find(({ seq }) => seq === 0 || seq < size);
    if (!found) throw unsigned('keys/keys.json');
    return found.key;
  }

  private async checkpoint(note: string | null): Promise<Checkpoint | null> {
    const parsed = note === null ? null : parseNote(note);
    const found = parsed && parseCheckpoint(parsed.text);
    return found && note !== null && (await signed(note, this.keyFor(found.size))) ? found : null;
  }

  private async signedManifest(origin: string): Promise<Manifest> {
    const note = text(await this.zip.whole('manifest.note', SMALL_BYTES_MAX));
    const said = /^interlock evidence v1\n([^\n]*)\n([^\n]*)\n([0-9a-f]{64})\n$/.exec((note !== null && parseNote(note)?.text) || '');
    const size = said?.[2] === undefined ? null : decimal(said[2]);
    if (note === null || !said || size === null || said[1] !== origin || !(await signed(note, this.keyFor(size)))) throw unsigned('manifest.note');
    const bytes = await this.zip.whole('manifest.json', MANIFEST_BYTES_MAX);
    if (!bytes || hex(await sha256(bytes)) !== said[3]) throw altered('manifest.json');
    const manifest = json(bytes);
    const files = manifest?.files;
    const sound =
      manifest?.format === 'interlock-evidence-1' &&
      manifest.origin === origin &&
      manifest.size === size &&
      isCount(manifest.entries) &&
      manifest.entries <= size &&
      Array.isArray(files) &&
      (files as Record<string, unknown>[]).every((f) => typeof f?.name === 'string' && nameIsSafe(f.name) && isCount(f.bytes) && /^[0-9a-f]{64}$/.test(String(f.sha256)));
    if (!sound) throw altered('manifest.json');
    return manifest as unknown as Manifest;
  }

  private async digests(manifest: Manifest): Promise<Set<string>> {
    const names = new Set(['manifest.json', 'manifest.note']);
    for (const { name } of manifest.files) {
      if (!this.listed.has(name)) throw missing(name);
      if (names.has(name)) throw altered('manifest.json');
      names.add(name);
    }
    for (const name of [...this.listed.keys()].sort()) if (!names.has(name)) throw new Bad(`unlisted file=${name}`);
    for (const { name, bytes, sha256: wanted } of manifest.files) {
      // Entries are held against the tree instead, each one.
      if (name === 'entries.jsonl') continue;
      const content = this.listed.get(name) === bytes ? await this.zip.whole(name, FILE_BYTES_MAX) : null;
      if (!content || hex(await sha256(content)) !== wanted) throw altered(name);
    }
    if (!names.has('entries.jsonl')) throw missing('entries.jsonl');
    return names;
  }

  private async small(name: string, names: Set<string>): Promise<Bytes> {
    if (!names.has(name)) throw missing(name);
    const bytes = await this.zip.whole(name, SMALL_BYTES_MAX);
    if (!bytes) throw altered(name);
    return bytes;
  }

  private async readTiles(names: Set<string>, head: Checkpoint): Promise<void> {
    let left = [...names].filter((name) => name.startsWith('tile/')).length;
    for (const tile of wantedTiles(head.size)) {
      if (names.has(tile.path)) {
        const bytes = await this.zip.whole(tile.path, tile.width * 32);
        if (bytes?.length !== tile.width * 32) throw altered(tile.path);
        this.tiles.insert(tile, bytes);
        left--;
      } else if (tile.must) throw missing(tile.path);
    }
    if (left > 0) throw altered('manifest.json');
    const misfit = await this.tiles.misfit();
    if (misfit !== null) throw altered(misfit);
    const root = await this.tiles.root(head.size);
    if (!root || !same(root, head.root)) throw altered('tile');
  }

  private async earlier(past: string | null, head: Checkpoint): Promise<void> {
    if (past === null) throw altered('checkpoints.txt');
    let count = 0;
    for (let at = 0; at < past.length; ) {
      const body = past.indexOf('\n\n', at);
      const end = body < 0 ? -1 : past.indexOf('\n\n', body + 2);
      if (end < 0 || ++count > CHECKPOINTS_MAX) throw altered('checkpoints.txt');
      const found = await this.checkpoint(past.slice(at, end + 1));
      if (!found || found.origin !== head.origin || found.size > head.size) throw unsigned('checkpoints.txt');
      const root = await this.tiles.root(found.size);
      if (!root || !same(root, found.root)) throw altered('checkpoints.txt');
      at = end + 2;
    }
  }

  private async entries(manifest: Manifest, ranges: Range[]): Promise<number> {
    const seqs = seqsOf(ranges);
    let next = seqs.next();
    let rest: Bytes = new Uint8Array(0);
    let length = 0;
    let redactions = 0;
    let sound = true;
    for await (const piece of this.zip.pieces('entries.jsonl')) {
      if (piece === null) {
        sound = false;
        break;
      }
      length += piece.length;
      const bodies: Bytes[] = [];
      let start = 0;
      for (let end = piece.indexOf(10); end >= 0; end = piece.indexOf(10, start)) {
        let body = piece.subarray(start, end);
        if (rest.length > 0) {
          const joined = new Uint8Array(rest.length + body.length);
          joined.set(rest);
          joined.set(body, rest.length);
          body = joined;
          rest = new Uint8Array(0);
        }
        bodies.push(body);
        start = end + 1;
      }
      if (start < piece.length) {
        const joined = new Uint8Array(rest.length + piece.length - start);
        joined.set(rest);
        joined.set(piece.subarray(start), rest.length);
        rest = joined;
      }
      const leaves = await Promise.all(bodies.map((body) => leafHash(body)));
      for (const [n, body] of bodies.entries()) {
        if (next.done) {
          sound = false;
          break;
        }
        const seq = next.value;
        const [known, leaf] = [this.tiles.leaf(seq), leaves[n]];
        if (!known || !leaf || !same(known, leaf)) throw alteredEntry(seq);
        if (/^\{"v":[0-9]*,"ts":"[^"]*","kind":"erasure"/.test(String.fromCharCode(...body.subarray(0, 120)))) redactions++;
        this.onEntry(seq, body);
        next = seqs.next();
      }
      if (!sound || rest.length > BODY_BYTES_MAX) {
        sound = false;
        break;
      }
      this.progress(length, this.listed.get('entries.jsonl') ?? 0);
    }
    if (!next.done) throw alteredEntry(next.value);
    const file = manifest.files.find(({ name }) => name === 'entries.jsonl');
    // Each line is one that the tree has, in its place, and nothing else is there: its digest follows.
    if (!sound || rest.length > 0 || length !== file?.bytes) throw altered('entries.jsonl');
    return redactions;
  }
}

interface Range {
  first: number;
  count: number;
}

function* seqsOf(ranges: Range[]): Generator<number, undefined> {
  for (const { first, count } of ranges) for (let n = 0; n < count; n++) yield first + n;
  return undefined;
}

function readRanges(manifest: Manifest, said: string | null): Range[] {
  const wrong = altered('ranges.csv');
  if (!said?.startsWith('first,count\n') || !said.endsWith('\n')) throw wrong;
  const ranges: Range[] = [];
  let next = 0;
  let entries = 0;
  for (const line of said.slice(0, -1).split('\n').slice(1)) {
    const [a, b, ...more] = line.split(',');
    const first = decimal(a ?? '');
    const count = decimal(b ?? '');
    if (more.length > 0 || first === null || !count || first < next || first + count > manifest.size || ranges.length >= RANGES_MAX) throw wrong;
    next = first + count + 1;
    entries += count;
    ranges.push({ first, count });
  }
  if (entries !== manifest.entries) throw wrong;
  return ranges;
}

