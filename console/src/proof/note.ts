// Signed notes, checkpoints and proofs in their C2SP forms: signed-note, tlog-checkpoint, tlog-proof.

import { concat, sha256, unbase64, unhex, utf8, same, type Bytes } from './bytes';

const NOTE_BYTES_MAX = 65_536;
const SIGNATURES_MAX = 64;

export interface Signature {
  name: string;
  id: Bytes;
  signature: Bytes;
}

export interface Note {
  text: string;
  signatures: Signature[];
}

export interface Key {
  name: string;
  id: Bytes;
  public: Bytes;
}

export interface Checkpoint {
  origin: string;
  size: number;
  root: Bytes;
}

export interface Proof {
  index: number;
  hashes: Bytes[];
  note: string;
}

function nameIsValid(name: string): boolean {
  return name !== '' && !/[+\s\u0000-\u001f]/.test(name);
}

/** A decimal without leading zeros that a number holds exactly. */
function decimal(text: string): number | null {
  if (!/^(0|[1-9][0-9]{0,15})$/.test(text)) return null;
  const n = Number(text);
  return Number.isSafeInteger(n) ? n : null;
}

/** `name+id+base64(1 || public key)`; the id is held against name and key. */
export async function parseKey(vkey: string): Promise<Key | null> {
  const [name, digest, ...rest] = vkey.trim().split('+');
  const data = unbase64(rest.join('+'));
  if (name === undefined || digest === undefined || !nameIsValid(name)) return null;
  if (!data || data.length !== 33 || data[0] !== 1) return null;
  const id = (await sha256(utf8(`${name}\n`), data)).slice(0, 4);
  const said = unhex(digest);
  return said && same(said, id) ? { name, id, public: data.slice(1) } : null;
}

export function parseNote(note: string): Note | null {
  if (utf8(note).length > NOTE_BYTES_MAX || /[\u0000-\u0009\u000b-\u001f]/.test(note)) return null;
  const gap = note.lastIndexOf('\n\n');
  if (gap < 0 || !note.endsWith('\n')) return null;
  const signatures: Signature[] = [];
  for (const line of note.slice(gap + 2, -1).split('\n')) {
    const [dash, name, encoded, ...rest] = line.split(' ');
    const data = encoded === undefined ? null : unbase64(encoded);
    if (dash !== '\u2014' || name === undefined || !nameIsValid(name) || rest.length > 0) return null;
    if (!data || data.length < 5 || signatures.length === SIGNATURES_MAX) return null;
    signatures.push({ name, id: data.slice(0, 4), signature: data.slice(4) });
  }
  return { text: note.slice(0, gap + 1), signatures };
}

export function parseCheckpoint(text: string): Checkpoint | null {
  const lines = text.slice(0, -1).split('\n');
  const [origin, size, root] = lines;
  if (!text.endsWith('\n') || lines.length !== 3 || !origin || size === undefined || root === undefined) return null;
  const n = decimal(size);
  const hash = unbase64(root);
  return n === null || !hash || hash.length !== 32 ? null : { origin, size: n, root: hash };
}

export function parseProof(text: string): Proof | null {
  const gap = text.indexOf('\n\n');
  if (gap < 0) return null;
  const [first, ...lines] = text.slice(0, gap).split('\n');
  if (lines[0]?.startsWith('extra ')) {
    if (!unbase64(lines[0].slice(6))) return null;
    lines.shift();
  }
  const [at, ...path] = lines;
  if (first !== 'c2sp.org/tlog-proof@v1' || !at?.startsWith('index ')) return null;
  const index = decimal(at.slice(6));
  if (index === null) return null;
  const hashes: Bytes[] = [];
  for (const line of path) {
    const hash = unbase64(line);
    if (!hash || hash.length !== 32) return null;
    hashes.push(hash);
  }
  return { index, hashes, note: text.slice(gap + 2) };
}

/** Whether this key signed the note; `unsupported` where the browser has no Ed25519. */
export async function signedBy(note: Note, key: Key): Promise<'yes' | 'no' | 'unsupported'> {
  const ours = note.signatures.filter((s) => s.name === key.name && same(s.id, key.id));
  if (ours.length === 0) return 'no';
  let imported: CryptoKey;
  try {
    imported = await crypto.subtle.importKey('raw', key.public, 'Ed25519', false, ['verify']);
  } catch (error) {
    if (error instanceof DOMException && error.name === 'NotSupportedError') return 'unsupported';
    return 'no';
  }
  for (const one of ours) {
    if (!(await crypto.subtle.verify('Ed25519', imported, one.signature, concat(utf8(note.text))))) return 'no';
  }
  return 'yes';
}
