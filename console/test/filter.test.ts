import { describe, expect, it } from 'vitest';
import { globMatches, matches, parse, type Fields } from '../src/filter/grammar';

interface Item {
  agent: string;
  effect: string;
  risk: number;
  flagged: boolean;
  at: string;
  tool: string | null;
}

const FIELDS: Fields<Item> = {
  agent: { kind: 'text', read: (i) => i.agent, about: '' },
  effect: { kind: 'text', read: (i) => i.effect, about: '' },
  risk: { kind: 'number', read: (i) => i.risk, about: '' },
  flagged: { kind: 'flag', read: (i) => i.flagged, about: '' },
  since: { kind: 'time', read: (i) => i.at, about: '' },
  tool: { kind: 'text', read: (i) => i.tool, about: '' },
};

const NOW = Date.parse('2026-11-21T12:00:00Z');
const ITEM: Item = { agent: 'billing-bot', effect: 'block', risk: 72, flagged: true, at: '2026-11-21T11:30:00Z', tool: null };

function lets(filter: string): boolean {
  const parsed = parse(filter, FIELDS);
  if (!parsed.ok) throw new Error(`column ${parsed.error.column}: ${parsed.error.message}`);
  return matches(parsed.terms, ITEM, FIELDS, NOW);
}

describe('what a filter lets through', () => {
  it.each([
    ['', true],
    ['agent:billing-bot', true],
    ['agent:billing*', true],
    ['agent:BILLING*', true],
    ['agent:bot', false],
    ['agent:*bot', true],
    ['-agent:billing*', false],
    ['risk:>70', true],
    ['risk:>=72', true],
    ['risk:<72', false],
    ['risk:72', true],
    ['flagged:yes', true],
    ['flagged:no', false],
    ['since:1h', true],
    ['since:20m', false],
    ['since:2026-11-21T11:00:00Z', true],
    ['effect:block risk:>70', true],
    ['effect:block risk:>80', false],
    ['billing', true],
    ['"billing-bot"', true],
    ['-nothing', true],
    // What an item lacks is neither this nor that.
    ['tool:*', false],
    ['-tool:*', true],
  ])('%s', (filter, expected) => expect(lets(filter)).toBe(expected));
});

describe('what is wrong with a filter is said with its column', () => {
  it.each([
    ['agnt:x', 1, 'there is no field `agnt`; did you mean `agent`?'],
    ['effect:block riks:>7', 14, 'there is no field `riks`; did you mean `risk`?'],
    ['risk:>high', 7, '`high` is no number'],
    ['flagged:maybe', 9, '`maybe` is neither `yes` nor `no`'],
    ['since:yesterday', 7, '`yesterday` is neither a span such as `24h` nor a time'],
    ['agent:>a', 8, 'only numbers are compared with `<` and `>`'],
    ['agent:"a', 7, 'the quote is not closed'],
    ['agent:', 7, '`agent:` has no value'],
    ['constructor:x', 1, 'there is no field `constructor`'],
    ['a '.repeat(33), 65, 'more than 32 terms'],
    ['a'.repeat(1_001), 1_001, 'the filter has more than 1000 characters'],
  ])('%s', (filter, column, message) => {
    const parsed = parse(filter, FIELDS);
    expect(parsed.ok ? null : parsed.error).toEqual({ column, message });
  });
});

describe('patterns', () => {
  it.each([
    ['*', '', true],
    ['a*c', 'abc', true],
    ['a*c', 'ac', true],
    ['a*c', 'acb', false],
    ['*a*b*', 'xxaxxbxx', true],
    ['*a*b*', 'ba', false],
    ['a*a', 'a', false],
    ['ab*ba', 'aba', false],
  ])('%s against %s', (pattern, text, expected) => expect(globMatches(pattern, text)).toBe(expected));

  it('takes no longer than the text is long', () => {
    const begun = performance.now();
    globMatches('*a'.repeat(300), `${'a'.repeat(100_000)}b`);
    expect(performance.now() - begun).toBeLessThan(500);
  });
});
