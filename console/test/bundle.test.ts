// Against bundles that `verify.py` wrote its verdict on: `scripts/verify_console_evidence.py --fixtures` makes the
// files anew, from what a real server exported.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { verifyBundle } from '../src/proof/bundle';
import { Zip } from '../src/proof/zip';
import { Gathered, shown } from '../src/screens/OpenFile';

interface Fixture {
  vkey: string;
  cases: { name: string; zip: string; line: string }[];
}

const FIXTURE = JSON.parse(readFileSync(new URL('./fixtures/bundles.json', import.meta.url), 'utf8')) as Fixture;
const blob = (base64: string) => new Blob([new Uint8Array(Buffer.from(base64, 'base64'))]);

async function line(zip: string, vkey: string): Promise<string> {
  try {
    const opened = await Zip.open(blob(zip));
    return (await verifyBundle(opened, vkey, () => undefined, () => undefined)).line;
  } catch (error) {
    return (error as Error).message;
  }
}

describe('bundles of a real server, and altered ones', () => {
  it.each(FIXTURE.cases.map((c) => [c.name, c] as const))('%s', async (_, c) => {
    expect(await line(c.zip, FIXTURE.vkey)).toBe(c.line);
  });

  it('there are sound ones and others', () => {
    expect(FIXTURE.cases.filter((c) => c.line.startsWith('ok ')).length).toBeGreaterThan(1);
    for (const kind of ['altered seq=', 'altered file=', 'missing', 'unlisted', 'signature', 'refused zip', 'refused file=']) {
      expect(FIXTURE.cases.some((c) => c.line.startsWith(kind)), kind).toBe(true);
    }
  });

  it('another key', async () => {
    const other = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
    expect(await line(FIXTURE.cases[0]?.zip ?? '', other)).toBe('signature file=keys/keys.json');
    expect(await line(FIXTURE.cases[0]?.zip ?? '', 'none')).toBe('signature trust');
  });
});

describe('what is shown', () => {
  it('is text, whatever an entry is', () => {
    expect(shown(7, '{"kind":"decision","agent":"<b>","effect":"block"}')).toMatchObject({ seq: 7, kind: 'decision', effect: 'block', about: '<b>' });
    for (const body of ['', 'null', '[1]', '{"kind":7}', '{', '"x"']) expect(shown(0, body).kind).toBe('unreadable');
  });

  it('has a limit', () => {
    const gathered = new Gathered();
    const body = new TextEncoder().encode('{"kind":"decision"}');
    for (let n = 0; n < 100_005; n++) gathered.add(n, body);
    expect([gathered.entries.length, gathered.beyond]).toEqual([100_000, 5]);
  });
});
