// The grammar of filters: `agent:billing* effect:block risk:>70 -type:file_read since:24h "free text"`.
// Terms are joined by and; a minus turns one around; `*` stands for anything.

export type Kind = 'text' | 'number' | 'flag' | 'time';

export interface Field<T> {
  kind: Kind;
  /** What the term is compared with; null never matches. */
  read: (item: T) => string | number | boolean | null | undefined;
  /** For the list of fields. */
  about: string;
}

export type Fields<T> = Readonly<Record<string, Field<T>>>;

export interface Term {
  field: string | null;
  not: boolean;
  compare: '=' | '>' | '<' | '>=' | '<=';
  value: string;
  /** Where it begins, from 0. */
  at: number;
}

export interface FilterError {
  message: string;
  /** The column, from 1. */
  column: number;
}

export type Parsed = { ok: true; terms: Term[] } | { ok: false; error: FilterError };

const TEXT_MAX = 1_000;
const TERMS_MAX = 32;

function fail(message: string, at: number): Parsed {
  return { ok: false, error: { message, column: at + 1 } };
}

/** The nearest of some names, by shared beginning. */
function near(name: string, names: string[]): string | null {
  const shared = (other: string) => {
    let n = 0;
    while (n < name.length && name[n] === other[n]) n += 1;
    return n;
  };
  const best = names.map((n) => [shared(n), n] as const).sort((a, b) => b[0] - a[0])[0];
  return best && best[0] >= 2 ? best[1] : null;
}

function checkValue(kind: Kind, compare: Term['compare'], value: string): string | null {
  if (kind === 'number' && !/^-?\d+(\.\d+)?$/.test(value)) return `\`${value}\` is no number`;
  if (kind === 'flag' && !/^(yes|no|true|false)$/.test(value)) return `\`${value}\` is neither \`yes\` nor \`no\``;
  if (kind === 'time' && !/^\d+[smhd]$/.test(value) && Number.isNaN(Date.parse(value))) {
    return `\`${value}\` is neither a span such as \`24h\` nor a time`;
  }
  if (kind !== 'number' && compare !== '=') return 'only numbers are compared with `<` and `>`';
  return null;
}

export function parse<T>(text: string, fields: Fields<T>): Parsed {
  if (text.length > TEXT_MAX) return fail(`the filter has more than ${TEXT_MAX} characters`, TEXT_MAX);
  const terms: Term[] = [];
  const names = Object.keys(fields);
  let at = 0;
  while (at < text.length) {
    if (/\s/.test(text[at] ?? '')) {
      at += 1;
      continue;
    }
    const begin = at;
    if (terms.length === TERMS_MAX) return fail(`more than ${TERMS_MAX} terms`, begin);
    const not = text[at] === '-' && at + 1 < text.length && !/\s/.test(text[at + 1] ?? '');
    if (not) at += 1;
    const head = /^([a-z_]+):/.exec(text.slice(at));
    let field: string | null = null;
    let compare: Term['compare'] = '=';
    if (head?.[1] !== undefined) {
      field = head[1];
      if (!Object.hasOwn(fields, field)) {
        const meant = near(field, names);
        return fail(`there is no field \`${field}\`${meant === null ? '' : `; did you mean \`${meant}\`?`}`, at);
      }
      at += head[0].length;
      const sign = /^(>=|<=|>|<|=)/.exec(text.slice(at));
      if (sign?.[1] !== undefined) {
        compare = sign[1] as Term['compare'];
        at += sign[1].length;
      }
    }
    const valueAt = at;
    let value = '';
    if (text[at] === '"') {
      const end = text.indexOf('"', at + 1);
      if (end < 0) return fail('the quote is not closed', at);
      value = text.slice(at + 1, end);
      at = end + 1;
    } else {
      while (at < text.length && !/\s/.test(text[at] ?? '')) at += 1;
      value = text.slice(valueAt, at);
    }
    if (value === '') return fail(field === null ? 'a term is empty' : `\`${field}:\` has no value`, valueAt);
    const wrong = field === null ? null : checkValue(fields[field]?.kind ?? 'text', compare, value);
    if (wrong !== null) return fail(wrong, valueAt);
    terms.push({ field, not, compare, value, at: begin });
  }
  return { ok: true, terms };
}

/** Whether a text is what a pattern says, in which `*` stands for anything. Linear, no expressions. */
export function globMatches(pattern: string, text: string): boolean {
  const [first = '', ...rest] = pattern.toLowerCase().split('*');
  const whole = text.toLowerCase();
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

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function since(value: string, now: number): number {
  const span = /^(\d+)([smhd])$/.exec(value);
  return span ? now - Number(span[1]) * (UNITS[span[2] ?? ''] ?? 0) : Date.parse(value);
}

function compareNumber(have: number, compare: Term['compare'], want: number): boolean {
  switch (compare) {
    case '>':
      return have > want;
    case '<':
      return have < want;
    case '>=':
      return have >= want;
    case '<=':
      return have <= want;
    case '=':
      return have === want;
  }
}

function holds<T>(term: Term, item: T, fields: Fields<T>, now: number): boolean {
  if (term.field === null) {
    const part = term.value.toLowerCase();
    return Object.values(fields).some((f) => {
      const have = f.read(item);
      return typeof have === 'string' && have.toLowerCase().includes(part);
    });
  }
  const field = fields[term.field];
  const have = field?.read(item);
  if (!field || have === null || have === undefined) return false;
  switch (field.kind) {
    case 'text':
      return globMatches(term.value, String(have));
    case 'number':
      return compareNumber(Number(have), term.compare, Number(term.value));
    case 'flag':
      return have === /^(yes|true)$/.test(term.value);
    case 'time':
      return Date.parse(String(have)) >= since(term.value, now);
  }
}

/** Whether an item is what all terms say. `now` is in milliseconds. */
export function matches<T>(terms: Term[], item: T, fields: Fields<T>, now: number): boolean {
  return terms.every((term) => holds(term, item, fields, now) !== term.not);
}
