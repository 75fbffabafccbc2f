// What this browser remembers of a log: the key that it met first, and the newest checkpoint that it
// verified. A server that hides a part of its log, or begins a new one, does not fit them.

import { hex, unhex } from './bytes';
import type { Checkpoint } from './note';

const KEY = 'interlock.log-key';
const CHECKPOINT = 'interlock.log-checkpoint';

export interface Trusted {
  vkey: string;
  said: string;
  /** Whether it is the key that was met first. */
  known: boolean;
  changed: boolean;
}

function read(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

function write(name: string, value: string): void {
  try {
    localStorage.setItem(name, value);
  } catch {
    // Storage is switched off: every visit is the first one.
  }
}

/** The key to check with: the one that this browser met first, whatever the server says now. */
export function trustedKey(presented: string): Trusted {
  const first = read(KEY);
  if (first === null) {
    write(KEY, presented);
    return { vkey: presented, known: false, changed: false, said: 'This browser meets the key of this log for the first time and will hold later visits against it. log/logs/*/genesis.json of the data directory holds it: compare them once.' };
  }
  return first === presented
    ? { vkey: first, known: true, changed: false, said: 'Checked with the key that this browser met first.' }
    : { vkey: first, known: true, changed: true, said: 'The server presents another key than the one that this browser met first; the first one was used.' };
}

/** The key that this browser met first, if it met one. */
export function knownKey(): string | null {
  return read(KEY);
}

/** Takes the presented key as the one to check with. */
export function trustAnew(presented: string): void {
  write(KEY, presented);
  try {
    localStorage.removeItem(CHECKPOINT);
  } catch {
    // As above.
  }
}

export function remembered(): Checkpoint | null {
  try {
    const kept = JSON.parse(read(CHECKPOINT) ?? 'null') as { origin?: unknown; size?: unknown; root?: unknown } | null;
    const root = typeof kept?.root === 'string' ? unhex(kept.root) : null;
    if (!kept || typeof kept.origin !== 'string' || !Number.isSafeInteger(kept.size) || !root || root.length !== 32) return null;
    return { origin: kept.origin, size: kept.size as number, root };
  } catch {
    return null;
  }
}

/** Keeps a verified checkpoint, if it is the larger one of its log. */
export async function remember(checkpoint: Checkpoint): Promise<void> {
  const old = remembered();
  if (old && old.origin === checkpoint.origin && old.size >= checkpoint.size) return;
  write(CHECKPOINT, JSON.stringify({ origin: checkpoint.origin, size: checkpoint.size, root: hex(checkpoint.root) }));
}
