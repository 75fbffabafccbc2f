// The grammar of filters, as the server and the command line have it: docs/reference/filters.md says
// what it is, and both run crates/interlock-filter/tests/cases.json. The server searches; the browser
// parses to say what is wrong while somebody types, and filters what it holds anyway.

import declared from './fields.json';

export type Resource = keyof typeof declared;
export type Kind = 'text' | 'names' | 'number' | 'time';

export interface Field {
  name: string;
  kind: Kind;
  about: string;
  names?: readonly string[];
}

export type Compare = '' | '>' | '>=' | '<' | '<=';

export type Test =
  | { kind: 'text'; field: string; patterns: Pattern[] }
  | { kind: 'names'; field: string; names: string[] }
  | { kind: 'number'; field: string; compare: Compare; numbers: bigint[] }
  | { kind: 'time'; field: 'since' | 'until'; text: string }
  | { kind: 'free'; pattern: Pattern };

/** What stands between the `*`; a single part is the whole text. */
export type Pattern = readonly string[];

export interface Term {
  not: boolean;
  test: Test;
  /** Where it begins, from 1, in characters. */
  column: number;
}

export interface FilterError {
  message: string;
  /** The column, from 1, in characters. */
  column: number;
}

export type Parsed = { ok: true; terms: Term[] } | { ok: false; error: FilterError };

export const TEXT_MAX = 1_000;
const TERMS_MAX = 32;
const VALUES_MAX = 32;
const ALIASES: Readonly<Record<string, string>> = { effect: 'decision' };

export function fieldsOf(resource: Resource): readonly Field[] {
  return declared[resource].fields as readonly Field[];
}

function fieldNamed(resource: Resource, name: string): Field | undefined {
  const real = Object.hasOwn(ALIASES, name) ? ALIASES[name] : name;
  return fieldsOf(resource).find((f) => f.name === real);
}

/** Levenshtein's distance: how many characters must be put in, taken away or changed. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 0; i < a.length; i += 1) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j += 1) {
      next.push(Math.min((row[j] ?? 0) + (a[i] === b[j] ? 0 : 1), (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

function nearest(resource: Resource, name: string): string | null {
  let best: [number, string] | null = null;
  for (const field of fieldsOf(resource)) {
    const far = distance(name, field.name);
    if (best === null || far < best[0]) best = [far, field.name];
  }
  return best && best[0] * 2 <= Math.max(best[1].length, 2) ? best[1] : null;
}

/** Only these: what counts as a space must not depend on the language that parses. */
const isSpace = (c: string | undefined) => c === ' ' || c === '\t' || c === '\n' || c === '\r';

class Refused extends Error {
  constructor(
    readonly at: number,
    message: string,
  ) {
    super(message);
  }
}

interface Value {
  at: number;
  text: string;
  parts: string[];
  quoted: boolean;
}

/** The beginning of what was found, for a message. */
function shown(text: string): string {
  const all = Array.from(text);
  return all.length > 40 ? `${all.slice(0, 40).join('')}…` : text;
}

const NUMBER = /^(-?)([0-9]{1,9})(?:\.([0-9]{1,9}))?$/;

/** A decimal in billionths. */
function nano(text: string): bigint | null {
  const parts = NUMBER.exec(text);
  if (!parts) return null;
  const all = BigInt(`${parts[2] ?? ''}${(parts[3] ?? '').padEnd(9, '0')}`);
  return parts[1] === '-' ? -all : all;
}

const SPAN = /^([0-9]{1,6})([smhdw])$/;
const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const TIME = /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(?:Z|([+-])(\d\d):(\d\d)))?$/;

/** When a span back from now, or a time, is; null when the text is neither. In milliseconds. */
function moment(text: string, now: number): number | null {
  const span = SPAN.exec(text);
  if (span) return now - Number(span[1]) * (UNITS[span[2] ?? ''] ?? 0);
  const time = TIME.exec(text);
  if (!time) return null;
  const n = (i: number) => Number(time[i] ?? 0);
  const midnight = Date.UTC(n(1), n(2) - 1, n(3));
  const date = new Date(midnight);
  if (n(1) < 1970 || n(1) > 2200 || date.getUTCMonth() !== n(2) - 1 || date.getUTCDate() !== n(3)) return null;
  if (n(4) > 23 || n(5) > 59 || n(6) > 59 || n(9) > 23 || n(10) > 59) return null;
  const offset = (time[8] === '-' ? -1 : 1) * (n(9) * 60 + n(10)) * 60_000;
  const fraction = Number(`0.${time[7] ?? 0}`) * 1_000;
  return midnight + ((n(4) * 60 + n(5)) * 60 + n(6)) * 1_000 + fraction - offset;
}

class Reader {
  at = 0;

  constructor(
    private readonly chars: readonly string[],
    private readonly resource: Resource,
  ) {}

  get next(): string | undefined {
    return this.chars[this.at];
  }

  terms(): Term[] {
    if (this.chars.length > TEXT_MAX) throw new Refused(TEXT_MAX, `the filter has more than ${TEXT_MAX} characters`);
    const terms: Term[] = [];
    for (;;) {
      while (isSpace(this.next)) this.at += 1;
      if (this.next === undefined) return terms;
      if (terms.length === TERMS_MAX) throw new Refused(this.at, `there are more than ${TERMS_MAX} terms`);
      terms.push(this.term());
    }
  }

  private eat(c: string): boolean {
    const found = this.next === c;
    if (found) this.at += 1;
    return found;
  }

  private ends(): boolean {
    return this.next === undefined || isSpace(this.next);
  }

  private term(): Term {
    const begin = this.at;
    const not = this.eat('-');
    if (not && this.ends()) throw new Refused(begin, '`-` stands before nothing; it turns a term around');
    const name = this.fieldName();
    const test: Test = name === null ? { kind: 'free', pattern: this.value(false).parts } : this.field(name);
    if (!this.ends()) throw new Refused(this.at, 'a space is missing between two terms');
    return { not, test, column: begin + 1 };
  }

  /** `name` of `name:`, if that is what comes next; nothing is read otherwise. */
  private fieldName(): string | null {
    let end = this.at;
    while (/^[a-z_]$/.test(this.chars[end] ?? '')) end += 1;
    return end > this.at && this.chars[end] === ':' ? this.chars.slice(this.at, end).join('') : null;
  }

  private field(name: string): Test {
    const field = fieldNamed(this.resource, name);
    if (!field) {
      const near = nearest(this.resource, name);
      const meant = near === null ? 'quotes make it a text to look for' : `did you mean \`${near}\`?`;
      throw new Refused(this.at, `${this.resource} have no field \`${name}\`; ${meant}`);
    }
    this.at += name.length + 1;
    const signAt = this.at;
    const compare = this.compare();
    if (compare !== '' && field.kind !== 'number') throw new Refused(signAt, 'only numbers are compared with `<` and `>`');
    const values = this.values(field);
    if (compare !== '' && values[1]) throw new Refused(values[1].at, 'only one number can be compared with');
    return this.test(field, compare, values);
  }

  private compare(): Compare {
    if (this.eat('>')) return this.eat('=') ? '>=' : '>';
    if (this.eat('<')) return this.eat('=') ? '<=' : '<';
    return '';
  }

  private values(field: Field): Value[] {
    const values: Value[] = [];
    for (;;) {
      if (values.length === VALUES_MAX) throw new Refused(this.at, `there are more than ${VALUES_MAX} values`);
      if (this.ends() || this.next === ',') throw new Refused(this.at, `\`${field.name}:\` has no value here`);
      values.push(this.value(true));
      if (!this.eat(',')) return values;
    }
  }

  private value(inList: boolean): Value {
    const at = this.at;
    if (this.next === '"') return this.quoted();
    const parts = [''];
    let text = '';
    while (!this.ends() && !(inList && this.next === ',')) {
      const c = this.next ?? '';
      if (c === '"') throw new Refused(this.at, 'a quote stands within a word; it must be around all of it');
      text += c;
      if (c === '*') parts.push('');
      else parts[parts.length - 1] += c;
      this.at += 1;
    }
    return { at, text, parts, quoted: false };
  }

  private quoted(): Value {
    const at = this.at;
    let text = '';
    for (this.at += 1; this.next !== '"'; this.at += 1) {
      if (this.next === undefined) throw new Refused(at, 'the quote is not closed');
      if (this.next === '\\') {
        this.at += 1;
        if (!['"', '\\'].includes(this.chars[this.at] ?? '')) throw new Refused(this.at - 1, 'in quotes, `\\` stands only before `"` and `\\`');
      }
      text += this.next;
    }
    this.at += 1;
    if (text === '') throw new Refused(at, 'there is nothing in the quotes');
    return { at, text, parts: [text], quoted: true };
  }

  private test(field: Field, compare: Compare, values: Value[]): Test {
    switch (field.kind) {
      case 'text':
        return { kind: 'text', field: field.name, patterns: values.map((v) => v.parts) };
      case 'names': {
        const names = field.names ?? [];
        const wrong = values.find((v) => !names.includes(v.text));
        if (wrong) throw new Refused(wrong.at, `\`${shown(wrong.text)}\` is none of \`${names.join('`, `')}\``);
        return { kind: 'names', field: field.name, names: values.map((v) => v.text) };
      }
      case 'number': {
        const numbers = values.map((v) => {
          const number = v.quoted ? null : nano(v.text);
          if (number === null) throw new Refused(v.at, `\`${shown(v.text)}\` is no number`);
          return number;
        });
        return { kind: 'number', field: field.name, compare, numbers };
      }
      case 'time': {
        if (values[1]) throw new Refused(values[1].at, `\`${field.name}:\` takes one time`);
        const { text, at } = values[0] ?? { text: '', at: this.at };
        if (moment(text, 0) === null) {
          throw new Refused(at, `\`${shown(text)}\` is neither a span such as \`24h\` nor a time such as \`2026-11-21T12:00Z\``);
        }
        return { kind: 'time', field: field.name === 'since' ? 'since' : 'until', text };
      }
    }
  }
}

export function parse(text: string, resource: Resource): Parsed {
  // A character more than allowed is enough to see that there are too many.
  const reader = new Reader(Array.from(text.slice(0, 2 * (TEXT_MAX + 1))).slice(0, TEXT_MAX + 1), resource);
  try {
    return { ok: true, terms: reader.terms() };
  } catch (error) {
    if (error instanceof Refused) return { ok: false, error: { message: error.message, column: error.at + 1 } };
    throw error;
  }
}

/** A pattern as it must be written: in quotes where it would be read as something else. */
function written(parts: Pattern, free: boolean): string {
  const text = parts.join('*');
  if (parts.length !== 1 || (!/[ \t\n\r",*\\]/.test(text) && !/^[-<>]/.test(text) && !(free && text.includes(':')))) return text;
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

function decimal(number: bigint): string {
  const all = number < 0n ? -number : number;
  const rest = String(all % 1_000_000_000n).padStart(9, '0').replace(/0+$/, '');
  return `${number < 0n ? '-' : ''}${all / 1_000_000_000n}${rest === '' ? '' : `.${rest}`}`;
}

/** The text that everybody would write for these terms. */
export function canonical(terms: readonly Term[]): string {
  const one = ({ test }: Term) => {
    switch (test.kind) {
      case 'text':
        return `${test.field}:${test.patterns.map((p) => written(p, false)).join(',')}`;
      case 'names':
        return `${test.field}:${test.names.join(',')}`;
      case 'number':
        return `${test.field}:${test.compare}${test.numbers.map(decimal).join(',')}`;
      case 'time':
        return `${test.field}:${test.text}`;
      case 'free':
        return written(test.pattern, true);
    }
  };
  return terms.map((term) => `${term.not ? '-' : ''}${one(term)}`).join(' ');
}

/** Whether a text is like a pattern. An empty one is a text that is not there. Linear, no expressions. */
export function like(pattern: Pattern, text: string): boolean {
  const whole = text.toLowerCase();
  const [first = '', ...rest] = pattern.map((p) => p.toLowerCase());
  if (whole === '') return false;
  if (rest.length === 0) return whole === first;
  if (!whole.startsWith(first)) return false;
  const last = rest.pop() ?? '';
  let at = first.length;
  for (const part of rest) {
    const found = whole.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return whole.length - last.length >= at && whole.endsWith(last);
}

/** Whether a text holds a pattern somewhere. */
export function within(pattern: Pattern, text: string): boolean {
  return like(['', ...pattern, ''], text);
}

/** How a screen reads the fields of what it holds. */
export interface Reading<T> {
  texts: (item: T, field: string) => readonly (string | null | undefined)[];
  number: (item: T, field: string) => number | null | undefined;
  name: (item: T, field: string, name: string) => boolean;
  at: (item: T) => string;
}

function compares(have: number, compare: Compare, want: number): boolean {
  switch (compare) {
    case '>':
      return have > want;
    case '>=':
      return have >= want;
    case '<':
      return have < want;
    case '<=':
      return have <= want;
    case '':
      return have === want;
  }
}

function holds<T>(test: Test, item: T, resource: Resource, reading: Reading<T>, now: number): boolean {
  switch (test.kind) {
    case 'text':
      return reading.texts(item, test.field).some((text) => test.patterns.some((p) => like(p, text ?? '')));
    case 'names':
      return test.names.some((name) => reading.name(item, test.field, name));
    case 'number': {
      const have = reading.number(item, test.field);
      return have !== null && have !== undefined && test.numbers.some((want) => compares(have, test.compare, Number(want) / 1e9));
    }
    case 'time': {
      const when = moment(test.text, now) ?? 0;
      const at = Date.parse(reading.at(item));
      return test.field === 'since' ? at >= when : at < when;
    }
    case 'free':
      return declared[resource].free.some((field) => reading.texts(item, field).some((text) => within(test.pattern, text ?? '')));
  }
}

/** Whether an item is what all terms say. `now` is in milliseconds. */
export function matches<T>(terms: readonly Term[], item: T, resource: Resource, reading: Reading<T>, now: number): boolean {
  return terms.every((term) => holds(term.test, item, resource, reading, now) !== term.not);
}

/** What could stand where somebody types: whole texts to put in the place of the word at the caret. */
export interface Suggestion {
  text: string;
  about: string;
}

/** Suggestions for the word that ends at the caret, and where that word begins. `known` are values that the screen has seen. */
export function suggest(text: string, caret: number, resource: Resource, known: (field: string) => readonly string[] = () => []): { from: number; list: Suggestion[] } {
  let from = caret;
  while (from > 0 && !isSpace(text[from - 1])) from -= 1;
  const minus = text[from] === '-' ? 1 : 0;
  const word = text.slice(from + minus, caret);
  const sign = text.slice(from, from + minus);
  const colon = word.indexOf(':');
  if (colon < 0) {
    const list = fieldsOf(resource)
      .filter((f) => f.name.startsWith(word))
      .map((f) => ({ text: `${sign}${f.name}:`, about: f.about }));
    return { from, list };
  }
  const field = fieldNamed(resource, word.slice(0, colon));
  if (!field) return { from, list: [] };
  const comma = word.lastIndexOf(',');
  const start = Math.max(colon, comma) + 1;
  const begun = word.slice(start).toLowerCase();
  const values =
    field.kind === 'names' ? (field.names ?? []) : field.kind === 'time' ? ['30m', '24h', '7d', '30d'] : field.kind === 'number' ? ['>', '>=', '<', '<='] : known(field.name);
  const list = values
    .filter((v) => v.toLowerCase().startsWith(begun) && v.toLowerCase() !== begun)
    .slice(0, 12)
    .map((v) => ({ text: `${sign}${word.slice(0, start)}${field.kind === 'text' ? written([v], false) : v}`, about: field.about }));
  return { from, list };
}
