// JSON as somebody edits it: numbers keep the digits that were written, names stay in their order, and
// what is wrong is said with its line. Characters that cannot be seen are written as escapes, so that a
// field for text shows them.

import { hiddenName } from '../hostile/marks';

export type Json =
  | { kind: 'object'; entries: [string, Json][] }
  | { kind: 'array'; items: Json[] }
  | { kind: 'string'; value: string }
  /** As it is written. */
  | { kind: 'number'; text: string }
  | { kind: 'literal'; text: 'true' | 'false' | 'null' };

/** What is wrong with a text, and where; both count from one. */
export class JsonProblem extends Error {
  constructor(
    message: string,
    readonly line: number,
    readonly column: number,
  ) {
    super(message);
    this.name = 'JsonProblem';
  }
}

/** Nesting that the server takes as well. */
const DEPTH_MAX = 64;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const ESCAPES: Readonly<Record<string, string>> = { '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

class Reader {
  private at = 0;

  constructor(private readonly text: string) {}

  fail(message: string, at = this.at): never {
    const before = this.text.slice(0, at);
    const line = before.split('\n').length;
    throw new JsonProblem(message, line, at - (before.lastIndexOf('\n') + 1) + 1);
  }

  whole(): Json {
    const value = this.value(0);
    this.space();
    if (this.at < this.text.length) this.fail('the value ended before this');
    return value;
  }

  private space(): void {
    while (/[ \t\n\r]/.test(this.text[this.at] ?? '')) this.at += 1;
  }

  private peek(): string {
    this.space();
    return this.text[this.at] ?? '';
  }

  private value(depth: number): Json {
    if (depth > DEPTH_MAX) this.fail(`it is nested deeper than ${DEPTH_MAX}`);
    const char = this.peek();
    if (char === '') this.fail('a value is missing');
    if (char === '{') return this.object(depth);
    if (char === '[') return this.array(depth);
    if (char === '"') return { kind: 'string', value: this.string() };
    for (const word of ['true', 'false', 'null'] as const) {
      if (this.text.startsWith(word, this.at)) {
        this.at += word.length;
        return { kind: 'literal', text: word };
      }
    }
    NUMBER.lastIndex = this.at;
    const found = NUMBER.exec(this.text)?.[0];
    if (found === undefined) this.fail(char === "'" ? 'texts stand between double quotes' : 'this is no value');
    if (/[\w.]/.test(this.text[this.at + found.length] ?? '')) this.fail('this is no number');
    if (/[eE]/.test(found)) this.fail('write numbers without an exponent');
    this.at += found.length;
    return { kind: 'number', text: found };
  }

  private object(depth: number): Json {
    this.at += 1;
    const entries: [string, Json][] = [];
    const names = new Set<string>();
    if (this.peek() === '}') {
      this.at += 1;
      return { kind: 'object', entries };
    }
    for (;;) {
      if (this.peek() !== '"') this.fail('a name between double quotes is missing');
      const begun = this.at;
      const name = this.string();
      if (names.has(name)) this.fail('this name stands here twice', begun);
      names.add(name);
      if (this.peek() !== ':') this.fail('a colon is missing after the name');
      this.at += 1;
      entries.push([name, this.value(depth + 1)]);
      const next = this.peek();
      this.at += 1;
      if (next === '}') return { kind: 'object', entries };
      if (next !== ',') this.fail('a comma or `}` is missing', this.at - 1);
      if (this.peek() === '}') this.fail('there is nothing after the comma');
    }
  }

  private array(depth: number): Json {
    this.at += 1;
    const items: Json[] = [];
    if (this.peek() === ']') {
      this.at += 1;
      return { kind: 'array', items };
    }
    for (;;) {
      items.push(this.value(depth + 1));
      const next = this.peek();
      this.at += 1;
      if (next === ']') return { kind: 'array', items };
      if (next !== ',') this.fail('a comma or `]` is missing', this.at - 1);
      if (this.peek() === ']') this.fail('there is nothing after the comma');
    }
  }

  private string(): string {
    const begun = this.at;
    this.at += 1;
    let out = '';
    for (;;) {
      const char = this.text[this.at];
      if (char === undefined || char === '\n') this.fail('this text has no end', begun);
      this.at += 1;
      if (char === '"') break;
      if (char < ' ') this.fail('control characters are written as escapes', this.at - 1);
      if (char !== '\\') {
        out += char;
        continue;
      }
      const escaped = this.text[this.at] ?? '';
      this.at += 1;
      if (escaped === 'u') {
        const digits = this.text.slice(this.at, this.at + 4);
        if (!/^[0-9a-fA-F]{4}$/.test(digits)) this.fail('four hexadecimal digits follow `\\u`', this.at - 2);
        out += String.fromCharCode(Number.parseInt(digits, 16));
        this.at += 4;
      } else {
        const plain = ESCAPES[escaped];
        if (plain === undefined) this.fail('there is no such escape', this.at - 2);
        out += plain;
      }
    }
    if (/[\ud800-\udfff]/u.test(out)) this.fail('half of a character stands in this text', begun);
    return out;
  }
}

/** Reads a text; throws `JsonProblem`. */
export function parse(text: string): Json {
  return new Reader(text).whole();
}

/** A text with what cannot be seen, and what reorders, as escapes. */
function quoted(value: string): string {
  let out = '';
  for (const char of JSON.stringify(value)) {
    const point = char.codePointAt(0) ?? 0;
    if (point < 0x7f || hiddenName(point) === null) out += char;
    else for (let i = 0; i < char.length; i += 1) out += `\\u${char.charCodeAt(i).toString(16).padStart(4, '0')}`;
  }
  return out;
}

/** As text: on lines of its own where `indent` says how far, or as short as it gets. */
export function write(json: Json, indent = 0, before = ''): string {
  const [line, deeper, colon] = indent > 0 ? ['\n', before + ' '.repeat(indent), ': '] : ['', '', ':'];
  switch (json.kind) {
    case 'string':
      return quoted(json.value);
    case 'object': {
      if (json.entries.length === 0) return '{}';
      const inner = json.entries.map(([name, value]) => `${deeper}${quoted(name)}${colon}${write(value, indent, deeper)}`);
      return `{${line}${inner.join(`,${line}`)}${line}${indent > 0 ? before : ''}}`;
    }
    case 'array': {
      if (json.items.length === 0) return '[]';
      const inner = json.items.map((item) => `${deeper}${write(item, indent, deeper)}`);
      return `[${line}${inner.join(`,${line}`)}${line}${indent > 0 ? before : ''}]`;
    }
    default:
      return json.text;
  }
}

export interface Change {
  /** A JSON pointer. */
  path: string;
  before: Json | null;
  after: Json | null;
}

const step = (name: string) => name.replaceAll('~', '~0').replaceAll('/', '~1');

function same(a: Json, b: Json): boolean {
  return write(a) === write(b);
}

/** What changed, in the order in which it can be applied. */
export function changes(before: Json, after: Json, path = ''): Change[] {
  if (before.kind === 'object' && after.kind === 'object') {
    const [old, now] = [new Map(before.entries), new Map(after.entries)];
    return [
      ...before.entries.filter(([name]) => !now.has(name)).map(([name, value]): Change => ({ path: `${path}/${step(name)}`, before: value, after: null })),
      ...after.entries.flatMap(([name, value]): Change[] => {
        const was = old.get(name);
        const here = `${path}/${step(name)}`;
        return was === undefined ? [{ path: here, before: null, after: value }] : changes(was, value, here);
      }),
    ];
  }
  if (before.kind === 'array' && after.kind === 'array') {
    const both = Math.min(before.items.length, after.items.length);
    const out: Change[] = [];
    for (let i = 0; i < both; i += 1) out.push(...changes(before.items[i] as Json, after.items[i] as Json, `${path}/${i}`));
    // The last first: a removal moves what follows.
    for (let i = before.items.length - 1; i >= both; i -= 1) out.push({ path: `${path}/${i}`, before: before.items[i] as Json, after: null });
    for (let i = both; i < after.items.length; i += 1) out.push({ path: `${path}/${i}`, before: null, after: after.items[i] as Json });
    return out;
  }
  return same(before, after) ? [] : [{ path, before, after }];
}

/** The changes as a JSON patch (RFC 6902), as text: numbers stay as they are written. */
export function patch(found: readonly Change[]): string {
  return `[${found
    .map(({ path, before, after }) => {
      const op = after === null ? 'remove' : before === null ? 'add' : 'replace';
      return `{"op":"${op}","path":${quoted(path)}${after === null ? '' : `,"value":${write(after)}`}}`;
    })
    .join(',')}]`;
}

/** What masks leave of a text: `j**@example.com`, `****1111`, `[EMAIL]`. */
const MASK = /\*{2,}|\[[A-Z][A-Z_]{2,}(?::[0-9a-f]{8})?\]/;

function texts(json: Json | null): string[] {
  if (json === null) return [];
  if (json.kind === 'string') return [json.value];
  if (json.kind === 'object') return json.entries.flatMap(([, value]) => texts(value));
  return json.kind === 'array' ? json.items.flatMap(texts) : [];
}

/** Whether a change would put a mask in the place of what it hides: the agent would get the mask itself. */
export function keepsMask({ before, after }: Change): boolean {
  return texts(before).some((t) => MASK.test(t)) && texts(after).some((t) => MASK.test(t));
}
