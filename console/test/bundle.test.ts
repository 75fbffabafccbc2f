// Against a bundle and alterations of it, with what `verify.py` says of each.
// `scripts/verify_console_evidence.py BASE KEY --fixtures FILE` makes the file anew from a running server.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { verifyBundle } from '../src/proof/bundle';
import type { Bytes } from '../src/proof/bytes';
import { Zip } from '../src/proof/zip';
import { Gathered, shown } from '../src/screens/OpenFile';

type Op = [string, ...(string | number)[]];
interface Fixture {
  vkey: string;
  zip: string;
  cases: { name: string; ops: Op[]; line: string }[];
}

const FIXTURE = JSON.parse(readFileSync(new URL('./fixtures/bundles.json', import.meta.url), 'utf8')) as Fixture;
const TAKEN = new Blob([new Uint8Array(Buffer.from(FIXTURE.zip, 'base64'))]);

/** A zip of these files, as they are. */
function packed(files: Map<string, Bytes>): Bytes {
  const [parts, directory]: [Buffer[], Buffer[]] = [[], []];
  let at = 0;
  for (const [text, content] of files) {
    const name = Buffer.from(text);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt32LE(content.length, 18);
    local.writeUInt32LE(content.length, 22);
    local.writeUInt16LE(name.length, 26);
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50, 0);
    central.writeUInt32LE(content.length, 20);
    central.writeUInt32LE(content.length, 24);
    central.writeUInt16LE(name.length, 28);
    central.writeUInt32LE(at, 42);
    directory.push(central, name);
    parts.push(local, name, Buffer.from(content));
    at += 30 + name.length + content.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(files.size, 8);
  end.writeUInt16LE(files.size, 10);
  end.writeUInt32LE(Buffer.concat(directory).length, 12);
  end.writeUInt32LE(at, 16);
  return new Uint8Array(Buffer.concat([...parts, ...directory, end]));
}

async function altered(ops: Op[]): Promise<Blob> {
  if (ops.length === 0) return TAKEN;
  const zip = await Zip.open(TAKEN);
  const files = new Map<string, Bytes>();
  for (const name of zip.list().keys()) files.set(name, (await zip.whole(name, 1 << 26)) ?? new Uint8Array(0));
  let cut = 0;
  for (const [op, ...args] of ops) {
    const [first, at, value] = [String(args[0]), Number(args[1]), Number(args[2])];
    if (op === 'xor') {
      const content = files.get([...files.keys()].find((name) => name.startsWith(first)) ?? '');
      if (content) content[at] = (content[at] ?? 0) ^ value;
    } else if (op === 'remove') files.delete(first);
    else if (op === 'add') files.set(first, new Uint8Array(Buffer.from('trust me')));
    else if (op === 'cut') cut = Number(args[0]);
  }
  const out = packed(files);
  return new Blob([out.slice(0, out.length - cut)]);
}

async function line(blob: Blob, vkey: string): Promise<string> {
  try {
    return (await verifyBundle(await Zip.open(blob), vkey, () => undefined, () => undefined)).line;
  } catch (error) {
    return (error as Error).message;
  }
}

describe('a bundle, and altered ones', () => {
  it.each(FIXTURE.cases.map((c) => [c.name, c] as const))('%s', async (_, c) => {
    expect(await line(await altered(c.ops), FIXTURE.vkey)).toBe(c.line);
  });

  it('there are sound ones and others', () => {
    expect(FIXTURE.cases.filter((c) => c.line.startsWith('ok ')).length).toBe(2);
    for (const kind of ['altered seq=', 'altered file=', 'missing', 'unlisted', 'signature', 'refused zip', 'refused file=']) {
      expect(FIXTURE.cases.some((c) => c.line.startsWith(kind)), kind).toBe(true);
    }
  });

  it('another key', async () => {
    const other = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
    expect(await line(TAKEN, other)).toBe('signature file=keys/keys.json');
    expect(await line(TAKEN, 'none')).toBe('signature trust');
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
