// Against what a real server answered: `scripts/verify_console.py --fixtures` makes the file anew.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { unbase64, unhex, utf8 } from '../src/proof/bytes';
import { parseCheckpoint, parseKey, parseNote, parseProof } from '../src/proof/note';
import { verifyCheckpoint, verifyEntry, verifyGrowth, type Evidence } from '../src/proof/verify';

interface Fixture {
  vkey: string;
  entries: { seq: number; body: string; leaf: string; proof: string }[];
  grown: { old: string; new: string; hashes: string[] }[];
}

const FIXTURE = JSON.parse(readFileSync(new URL('./fixtures/proof.json', import.meta.url), 'utf8')) as Fixture;

const evidence = (at: number, change: Partial<Evidence> = {}): Evidence => {
  const entry = FIXTURE.entries[at % FIXTURE.entries.length];
  if (!entry) throw new Error('the fixture has no entries');
  return { seq: entry.seq, body: utf8(entry.body), leaf: entry.leaf, proof: entry.proof, vkey: FIXTURE.vkey, ...change };
};

const checkpoint = (note: string) => {
  const found = parseCheckpoint(parseNote(note)?.text ?? '');
  if (!found) throw new Error('the fixture has a damaged checkpoint');
  return found;
};

/** A character of a base64 text replaced by another one. */
const flip = (text: string, at: number) => text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);

describe('entries of a real server', () => {
  it.each(FIXTURE.entries.map((e, i) => [e.seq, i] as const))('entry %d stands in its log', async (_, at) => {
    const verdict = await verifyEntry(evidence(at));
    expect(verdict.steps.map((s) => [s.name, s.outcome])).toEqual([
      ['leaf', 'ok'],
      ['inclusion', 'ok'],
      ['signature', 'ok'],
    ]);
    expect(verdict.outcome).toBe('ok');
  });

  it('every altered byte of a body is found', async () => {
    const body = evidence(1).body;
    for (let i = 0; i < body.length; i += 37) {
      const altered = body.slice();
      altered[i] = (altered[i] ?? 0) ^ 1;
      const verdict = await verifyEntry(evidence(1, { body: altered }));
      expect(verdict.outcome).toBe('failed');
      // Not even with the leaf that fits the altered body.
      const { leafHash } = await import('../src/proof/merkle');
      const { hex } = await import('../src/proof/bytes');
      const fitting = await verifyEntry(evidence(1, { body: altered, leaf: hex(await leafHash(altered)) }));
      expect(fitting.steps.find((s) => s.name === 'inclusion')?.outcome).toBe('failed');
    }
  });

  it('every altered character of a proof is found', async () => {
    const { proof } = evidence(1);
    let found = 0;
    for (let i = 0; i < proof.length; i += 11) {
      if (proof[i] === '\n') continue;
      const verdict = await verifyEntry(evidence(1, { proof: flip(proof, i) }));
      expect(verdict.outcome, `character ${i}`).toBe('failed');
      found += 1;
    }
    expect(found).toBeGreaterThan(20);
  });

  it('a proof of another entry, or one said to be another, proves nothing', async () => {
    expect((await verifyEntry(evidence(1, { proof: evidence(2).proof }))).outcome).toBe('failed');
    expect((await verifyEntry(evidence(1, { seq: evidence(1).seq + 1 }))).outcome).toBe('failed');
  });

  it('another key signed nothing', async () => {
    const other = await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify']);
    if (!('publicKey' in other)) throw new Error('no pair');
    const raw = new Uint8Array(await crypto.subtle.exportKey('raw', other.publicKey));
    const { sha256, concat, hex } = await import('../src/proof/bytes');
    const name = FIXTURE.vkey.split('+')[0] ?? '';
    const data = concat(Uint8Array.of(1), raw);
    const id = (await sha256(utf8(`${name}\n`), data)).slice(0, 4);
    const vkey = `${name}+${hex(id)}+${btoa(String.fromCharCode(...data))}`;
    expect(await parseKey(vkey)).not.toBeNull();
    const verdict = await verifyEntry(evidence(1, { vkey }));
    expect(verdict.steps.at(-1)).toMatchObject({ name: 'signature', outcome: 'failed' });
  });
});

describe('growth', () => {
  it.each(FIXTURE.grown.map((g, i) => [i, g] as const))('pair %d', async (_, pair) => {
    const [old, now] = [checkpoint(pair.old), checkpoint(pair.new)];
    expect((await verifyCheckpoint(pair.old, FIXTURE.vkey)).outcome).toBe('ok');
    expect(await verifyGrowth(old, now, pair.hashes)).toBe(true);
    const altered = old.root.map((byte, i) => (i === 0 ? byte ^ 1 : byte));
    expect(await verifyGrowth({ ...old, root: altered }, now, pair.hashes)).toBe(false);
    expect(await verifyGrowth(old, { ...now, origin: 'another' }, pair.hashes)).toBe(false);
    expect(await verifyGrowth(now, old, pair.hashes)).toBe(old.size === now.size);
    if (pair.hashes.length > 0) {
      expect(await verifyGrowth(old, now, pair.hashes.slice(1))).toBe(false);
      expect(await verifyGrowth(old, now, [...pair.hashes].reverse())).toBe(pair.hashes.length === 1);
    }
  });
});

describe('what is no proof', () => {
  it.each([
    '',
    'c2sp.org/tlog-proof@v1\n\n',
    'c2sp.org/tlog-proof@v1\nindex 01\n\nnote',
    'c2sp.org/tlog-proof@v1\nindex -1\n\nnote',
    'c2sp.org/tlog-proof@v1\nindex 99999999999999999999\n\nnote',
    'c2sp.org/tlog-proof@v1\nindex 1\nAAAA\n\nnote',
    'c2sp.org/tlog-proof@v2\nindex 1\n\nnote',
  ])('%j', (text) => expect(parseProof(text)).toBeNull());
  it.each(['a\n\n', 'a\n\n\u2014 b\n', 'a\n\n- b AAAAAAAA\n', 'a\u0007\n\n\u2014 b AAAAAAAA\n', 'a\n\n\u2014 b AAA\n'])('no note: %j', (text) =>
    expect(parseNote(text)).toBeNull(),
  );
  it('bytes have one spelling', () => {
    expect(unbase64('QQ==')).toEqual(Uint8Array.of(65));
    for (const wrong of ['QQ', 'QQ=', 'QR==', ' QQ==', 'Q Q=', '!']) expect(unbase64(wrong), wrong).toBeNull();
    for (const wrong of ['A', 'zz', 'AB']) expect(unhex(wrong), wrong).toBeNull();
  });
});
