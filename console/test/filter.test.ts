import { describe, expect, it } from 'vitest';
import cases from '../../crates/interlock-filter/tests/cases.json';
import { canonical, like, matches, parse, suggest, type Reading, type Resource, type Term } from '../src/filter/grammar';

function terms(text: string, resource: Resource = 'actions'): Term[] {
  const parsed = parse(text, resource);
  if (!parsed.ok) throw new Error(`${text}: column ${parsed.error.column}: ${parsed.error.message}`);
  return parsed.terms;
}

const bare = (list: Term[]) => list.map(({ not, test }) => ({ not, test }));

describe('what the server accepts, and how everybody would write it', () => {
  it.each(cases.accepted as [Resource, string, string][])('%s: %s', (resource, text, expected) => {
    expect(canonical(terms(text, resource))).toBe(expected);
    expect(bare(terms(expected, resource))).toEqual(bare(terms(text, resource)));
  });
});

describe('what the server refuses, and where', () => {
  it.each(cases.refused as [Resource, string, number, string][])('%s: %s', (resource, text, column, message) => {
    const parsed = parse(text, resource);
    expect(parsed.ok ? null : parsed.error).toEqual({ column, message });
  });
  it.each([
    ['a '.repeat(33), 65],
    ['é'.repeat(1_001), 1_001],
    ['😀'.repeat(1_001), 1_001],
    [`risk:${'1,'.repeat(33)}`, 70],
  ])('too long: %s', (text, column) => {
    const parsed = parse(text, 'actions');
    expect(parsed.ok ? null : parsed.error.column).toBe(column);
  });
  it('takes as much as is allowed', () => {
    expect(parse('😀'.repeat(1_000), 'actions').ok).toBe(true);
    expect(parse('a '.repeat(32), 'actions').ok).toBe(true);
  });
});

type Item = typeof cases.item;
const reading: Reading<Item> = {
  texts: (item, field) => {
    const have: unknown = Object.entries(item).find(([name]) => name === field)?.[1];
    return Array.isArray(have) ? (have as string[]) : [];
  },
  number: (item, field) => (field === 'risk' ? item.risk : field === 'cost' ? item.cost : null),
  name: (item, field, name) => (field === 'decision' ? item.decision === name : field === 'is' && item.is.includes(name)),
  at: (item) => item.at,
};

describe('what a filter lets through', () => {
  it.each(cases.matches as [string, boolean][])('%s', (text, expected) => {
    expect(matches(terms(text), cases.item, 'actions', reading, Date.parse(cases.now))).toBe(expected);
  });
});

describe('patterns', () => {
  it('takes no longer than the text is long', () => {
    const begun = performance.now();
    like('*a'.repeat(300).split('*'), `${'a'.repeat(100_000)}b`);
    expect(performance.now() - begun).toBeLessThan(500);
  });
});

describe('what could stand at the caret', () => {
  const at = (text: string) => suggest(text, text.length, 'actions', (field) => (field === 'agent' ? ['billing', 'a b'] : []));
  it.each([
    ['ris', 0, ['risk:']],
    ['risk:>7 -dec', 8, ['-decision:']],
    ['decision:bl', 0, ['decision:block']],
    ['decision:block,re', 0, ['decision:block,redact', 'decision:block,require_approval']],
    ['agent:', 0, ['agent:billing', 'agent:"a b"']],
    ['nosuch:x', 0, []],
    ['decision:block ', 15, null],
  ])('%s', (text, from, expected) => {
    const found = at(text);
    expect(found.from).toBe(from);
    if (expected) expect(found.list.map((s) => s.text)).toEqual(expected);
    else expect(found.list.length).toBeGreaterThan(10);
  });
});
