// What the tests share: an Interlock on a directory of its own.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRequire } from 'node:module';
import { Interlock } from '@interlock/sdk';

export const POLICY = `
interlock: 1
default: allow
rules:
  - id: no-delete
    match: { tool: [delete_record] }
    effect: block
    description: records are kept
  - id: ask-refund
    match: { tool: [refund] }
    effect: require_approval
  - id: three
    match: { tool: [limited] }
    require: { limits: { calls: 3/1h } }
    effect: block
`;

const ends = new WeakMap();

/** Does this when the test has ended, before what was asked for earlier: a directory outlives who uses it. */
export function atEnd(t, work) {
  const known = ends.get(t);
  if (known) {
    known.unshift(work);
    return;
  }
  const all = [work];
  ends.set(t, all);
  t.after(async () => {
    for (const one of all) await one();
  });
}

export function temporary(t) {
  const dir = mkdtempSync(join(tmpdir(), 'interlock-node-'));
  atEnd(t, () => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }));
  return dir;
}

export function world(t, options = {}) {
  const { policy = POLICY, dir = temporary(t), ...rest } = options;
  const file = join(dir, 'policy.yaml');
  writeFileSync(file, policy);
  const il = new Interlock(join(dir, 'data'), { agent: 'bot', policy: file, durability: 'batch', ...rest });
  atEnd(t, () => il.close());
  return { il, dir };
}

/** A package that `make tools` installs, or `undefined`. */
export async function installed(name) {
  try {
    createRequire(import.meta.url).resolve(name);
  } catch {
    return undefined;
  }
  return import(name);
}
