// The files of a zip that somebody handed in, read strictly and within limits: what counts is the
// directory at its very end. Nothing is inflated that is not asked for.

import { utf8, type Bytes } from './bytes';

export const NAME_BYTES_MAX = 200;
const FILES_MAX = 1 << 20;
const DIRECTORY_BYTES_MAX = 256 << 20;
const FAR = 0xffffffff;

/** It is no bundle: the verdict line says which file, if it is one. */
export class Refused extends Error {
  constructor(file?: string) {
    super(file === undefined ? 'refused zip' : `refused file=${file}`);
    this.name = 'Refused';
  }
}

export function nameIsSafe(name: string): boolean {
  return name.length <= NAME_BYTES_MAX && /^[A-Za-z0-9._/-]+$/.test(name) && !name.split('/').some((part) => part === '' || part === '.' || part === '..');
}

function latin1(bytes: Bytes): string {
  return String.fromCharCode(...bytes);
}

interface Member {
  size: number;
  packed: number;
  at: number;
  deflated: boolean;
  /** Where the next file begins. */
  limit: number;
}

export class Zip {
  private readonly members = new Map<string, Member>();
  private end = 0;

  private constructor(private readonly blob: Blob) {}

  static async open(blob: Blob): Promise<Zip> {
    const zip = new Zip(blob);
    await zip.read();
    return zip;
  }

  private async view(at: number, size: number): Promise<DataView<ArrayBuffer>> {
    return new DataView(await this.blob.slice(at, at + size).arrayBuffer());
  }

  private async read(): Promise<void> {
    if (this.blob.size < 22) throw new Refused();
    let until = this.blob.size - 22;
    const last = await this.view(until, 22);
    let count = last.getUint16(10, true);
    let size = last.getUint32(12, true);
    let at = last.getUint32(16, true);
    if (last.getUint32(0, true) !== 0x06054b50 || last.getUint32(4, true) !== 0 || last.getUint16(8, true) !== count || last.getUint16(20, true) !== 0) {
      throw new Refused();
    }
    if (until >= 76) {
      const both = await this.view(until - 76, 76);
      const far = (place: number) => Number(both.getBigUint64(place, true));
      if (both.getUint32(56, true) === 0x07064b50) {
        until -= 76;
        const sound =
          both.getUint32(60, true) === 0 && far(64) === until && both.getUint32(72, true) === 1 && both.getUint32(0, true) === 0x06064b50;
        if (!sound || far(4) !== 44 || far(16) !== 0 || far(24) !== far(32)) throw new Refused();
        count = far(32);
        size = far(40);
        at = far(48);
      }
    }
    if (count > FILES_MAX || size > DIRECTORY_BYTES_MAX || at + size !== until) throw new Refused();
    this.end = at;
    const view = await this.view(at, size);
    let place = 0;
    for (; count > 0; count--) place = this.member(view, place);
    if (place !== view.byteLength) throw new Refused();
    // Not every reader minds what follows a deflated stream.
    const sorted = [...this.members.values()].sort((a, b) => a.at - b.at);
    sorted.forEach((member, n) => {
      member.limit = sorted[n + 1]?.at ?? this.end;
    });
  }

  private member(view: DataView<ArrayBuffer>, place: number): number {
    if (place + 46 > view.byteLength || view.getUint32(place, true) !== 0x02014b50) throw new Refused();
    const u16 = (at: number) => view.getUint16(place + at, true);
    const u32 = (at: number) => view.getUint32(place + at, true);
    const nameEnd = place + 46 + u16(28);
    const extraEnd = nameEnd + u16(30);
    const end = extraEnd + u16(32);
    if (end > view.byteLength) throw new Refused();
    const fields = [u32(24), u32(20), u32(42)];
    for (let at = nameEnd; at < extraEnd; ) {
      if (at + 4 > extraEnd) throw new Refused();
      const kind = view.getUint16(at, true);
      const stop = at + 4 + view.getUint16(at + 2, true);
      if (stop > extraEnd) throw new Refused();
      at += 4;
      for (let n = 0; kind === 1 && n < 3; n++) {
        if (fields[n] !== FAR) continue;
        if (at + 8 > stop) throw new Refused();
        fields[n] = Number(view.getBigUint64(at, true));
        at += 8;
      }
      at = stop;
    }
    const [size = 0, packed = 0, at = 0] = fields;
    const bytes = new Uint8Array(view.buffer, place + 46, nameEnd - place - 46);
    const name = latin1(bytes.slice(0, NAME_BYTES_MAX + 1));
    const method = u16(10);
    const plain = (u16(8) & 0b10_0000_0110_0001) === 0 && (method === 0 || method === 8) && u16(34) === 0;
    const inside = at + 30 + bytes.length + packed <= this.end;
    if (!plain || (method === 0 && size !== packed) || !nameIsSafe(name) || !inside || this.members.has(name)) {
      throw new Refused(name.slice(0, 100).replace(/[^A-Za-z0-9._/-]/g, '?'));
    }
    this.members.set(name, { size, packed, at, deflated: method === 8, limit: 0 });
    return end;
  }

  /** Names and lengths. */
  list(): ReadonlyMap<string, number> {
    return new Map([...this.members].map(([name, { size }]) => [name, size]));
  }

  /** The content, piece by piece; ends in null where it is damaged. */
  async *pieces(name: string): AsyncGenerator<Bytes | null> {
    const member = this.members.get(name);
    if (!member) {
      yield null;
      return;
    }
    const head = await this.view(member.at, 30);
    const length = head.getUint16(26, true);
    const start = member.at + 30 + length + head.getUint16(28, true);
    const named = new Uint8Array((await this.view(member.at + 30, length)).buffer);
    const expected = utf8(name);
    const same = named.length === expected.length && named.every((byte, i) => byte === expected[i]);
    if (head.getUint32(0, true) !== 0x04034b50 || !same || start + member.packed > member.limit) {
      yield null;
      return;
    }
    const stored: ReadableStream<Bytes> = this.blob.slice(start, start + member.packed).stream() as ReadableStream<Bytes>;
    const stream = member.deflated ? (stored.pipeThrough(new DecompressionStream('deflate-raw')) as ReadableStream<Bytes>) : stored;
    const reader = stream.getReader();
    let made = 0;
    try {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        made += value.length;
        if (made > member.size) break;
        yield value;
      }
    } catch {
      made = -1;
    } finally {
      await reader.cancel().catch(() => undefined);
    }
    if (made !== member.size) yield null;
  }

  /** The whole content of a file of at most so many bytes, or null when it is larger or damaged. */
  async whole(name: string, max: number): Promise<Bytes | null> {
    const member = this.members.get(name);
    if (!member || member.size > max) return null;
    const out = new Uint8Array(member.size);
    let at = 0;
    for await (const piece of this.pieces(name)) {
      if (piece === null) return null;
      out.set(piece, at);
      at += piece.length;
    }
    return out;
  }
}
