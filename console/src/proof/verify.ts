// The verification of one entry, step by step, from what the server says to what this browser computed.

import { hex, same, unhex, type Bytes } from './bytes';
import { inclusionRoot, isConsistent, leafHash } from './merkle';
import { parseCheckpoint, parseKey, parseNote, parseProof, signedBy, type Checkpoint, type Key } from './note';

export type Outcome = 'ok' | 'failed' | 'unchecked';

export interface Step {
  name: 'leaf' | 'inclusion' | 'signature';
  outcome: Outcome;
  /** What was found, for a person. */
  text: string;
}

export interface Verdict {
  /** `ok` only when every step is. */
  outcome: Outcome;
  steps: Step[];
  checkpoint: Checkpoint | null;
}

export interface Evidence {
  seq: number;
  /** The entry's body, byte for byte as stored. */
  body: Bytes;
  /** The leaf hash that the server claims, hex. */
  leaf: string;
  /** The proof in C2SP tlog-proof form. */
  proof: string;
  /** The key that is trusted, in C2SP form. */
  vkey: string;
}

/** Why nothing can be computed here, or null. WebCrypto is there in secure contexts only. */
export function cannotVerify(): string | null {
  return globalThis.crypto?.subtle
    ? null
    : 'This browser gives no cryptography to pages without TLS. Open the console over https or on localhost, or use `interlock audit prove`.';
}

function verdict(steps: Step[], checkpoint: Checkpoint | null): Verdict {
  const any = (outcome: Outcome) => steps.some((s) => s.outcome === outcome);
  return { outcome: any('failed') ? 'failed' : any('unchecked') ? 'unchecked' : 'ok', steps, checkpoint };
}

async function signature(note: string, vkey: string): Promise<Step> {
  const step = (outcome: Outcome, text: string): Step => ({ name: 'signature', outcome, text });
  const key: Key | null = await parseKey(vkey);
  const parsed = parseNote(note);
  if (!key) return step('failed', 'the key is not in C2SP form');
  if (!parsed) return step('failed', 'the checkpoint is no signed note');
  switch (await signedBy(parsed, key)) {
    case 'yes':
      return step('ok', `signed by ${key.name}`);
    case 'no':
      return step('failed', `not signed by ${key.name}`);
    case 'unsupported':
      return step('unchecked', 'this browser has no Ed25519; `interlock audit prove` and verify.html check it');
  }
}

/** Checks that an entry with this body stands in the log that the checkpoint is about. */
export async function verifyEntry(evidence: Evidence): Promise<Verdict> {
  const steps: Step[] = [];
  const leaf = await leafHash(evidence.body);
  const claimed = unhex(evidence.leaf);
  steps.push(
    claimed && same(claimed, leaf)
      ? { name: 'leaf', outcome: 'ok', text: `SHA-256 of the stored bytes is ${hex(leaf)}` }
      : { name: 'leaf', outcome: 'failed', text: `the stored bytes hash to ${hex(leaf)}, the server says ${evidence.leaf}` },
  );
  const proof = parseProof(evidence.proof);
  const note = proof && parseNote(proof.note);
  const checkpoint = note && parseCheckpoint(note.text);
  if (!proof || !checkpoint) {
    steps.push({ name: 'inclusion', outcome: 'failed', text: 'the proof is damaged' });
    return verdict(steps, null);
  }
  const root = await inclusionRoot(leaf, proof.index, checkpoint.size, proof.hashes);
  const inside = proof.index === evidence.seq && root !== null && same(root, checkpoint.root);
  steps.push(
    inside
      ? {
          name: 'inclusion',
          outcome: 'ok',
          text: `${proof.hashes.length} hashes lead from entry ${proof.index} to the root of ${checkpoint.size} entries`,
        }
      : { name: 'inclusion', outcome: 'failed', text: 'the path does not lead to the root of the checkpoint' },
  );
  steps.push(await signature(proof.note, evidence.vkey));
  return verdict(steps, checkpoint);
}

/** Reads a checkpoint and says whether the key signed it. */
export async function verifyCheckpoint(note: string, vkey: string): Promise<Verdict> {
  const parsed = parseNote(note);
  return verdict([await signature(note, vkey)], parsed && parseCheckpoint(parsed.text));
}

/** Whether a log only grew between two checkpoints. */
export async function verifyGrowth(old: Checkpoint, now: Checkpoint, hashes: string[]): Promise<boolean> {
  const path: Bytes[] = [];
  for (const text of hashes) {
    const hash = unhex(text);
    if (!hash || hash.length !== 32) return false;
    path.push(hash);
  }
  return old.origin === now.origin && (await isConsistent(old.size, now.size, old.root, now.root, path));
}
