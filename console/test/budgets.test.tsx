// What a budget stands at, exact to the billionth, and names that agents chose as hostile text.

import { renderToStaticMarkup } from 'react-dom/server';
import { describe, expect, it, test } from 'vitest';
import { atLimit, bar, fullest, nano, standing, usd, whom, type Budget, type Purse } from '../src/budgets';
import { terms, type BudgetFields } from '../src/parts/BudgetForm';
import { BudgetBar, BudgetItem } from '../src/screens/Budgets';

const purse = (over: Partial<Purse> = {}): Purse => ({
  subject: 'tenant',
  since: '2026-01-14T00:00:00.000Z',
  renews_at: '2026-01-15T00:00:00.000Z',
  settled: { usd: '6.1', calls: 4 },
  reserved: { usd: '0.400000001', calls: 2 },
  percent: 65,
  top: [{ agent_id: 'billing', used: { usd: '6', calls: 3 } }],
  others: { usd: '0', calls: 0 },
  ...over,
});

const budget = (over: Partial<Budget> = {}): Budget => ({
  id: 'team',
  scope: 'tenant',
  of: '*',
  period: 'day',
  limit_usd: '10',
  limit_calls: 1_000,
  thresholds: [50, 80],
  at_limit: 'block',
  calls_per_minute: null,
  notify: ['ops'],
  declared: false,
  set_by: 'ana',
  set_at: '2026-01-14T00:00:00.000Z',
  purses: [purse()],
  ...over,
});

describe('money', () => {
  it.each([
    ['0', 0n],
    ['6.5', 6_500_000_000n],
    ['0.000000001', 1n],
    ['999999999.999999999', 999_999_999_999_999_999n],
  ])('%s is read exactly', (text, want) => expect(nano(text)).toBe(want));
  it.each(['', '.', '1.', '-1', '1e3', '0.0000000001', '1,5', 'x'])('%j is none', (text) => expect(nano(text)).toBeNull());
  it('is shown with cents', () => {
    expect([usd(0n), usd(6_500_000_000n), usd(1n), usd(10_000_000_000n)]).toEqual(['0', '6.50', '0.000000001', '10']);
  });
});

describe('bars', () => {
  it('hold what is used, or the limit', () => {
    expect(bar(5n, 2n, 10n)).toEqual({ settled: 500, reserved: 200, limit: 1_000 });
    expect(bar(15n, 5n, 10n)).toEqual({ settled: 750, reserved: 250, limit: 500 });
    expect(bar(0n, 0n, 0n)).toEqual({ settled: 0, reserved: 0, limit: 1_000 });
    expect(bar(3n, 0n, 0n)).toEqual({ settled: 1_000, reserved: 0, limit: 0 });
  });
  it('are said as well as drawn', () => {
    const html = renderToStaticMarkup(<BudgetBar settled={15n} reserved={5n} limit={10n} label="20 of 10 USD" />);
    expect(html).toContain('role="img" aria-label="20 of 10 USD"');
    expect(html).toContain('bar-limit');
    expect(html).not.toContain('style=');
  });
});

test('what a purse stands at, in words', () => {
  expect(standing(budget(), purse())).toBe('6.500000001 of 10 USD, 6 of 1,000 calls');
  expect(standing(budget({ limit_usd: null }), purse())).toBe('6 of 1,000 calls');
  expect([whom(budget()), whom(budget({ scope: 'key' })), whom(budget({ scope: 'agent', of: 'b*' }))]).toEqual(['all together', 'each key', 'each agent that matches']);
  expect(atLimit(budget({ at_limit: 'throttle', calls_per_minute: 2 }))).toBe('past it 2 calls a minute go on');
});

test('the fullest purse is the one of the line', () => {
  expect(fullest([])).toBeNull();
  expect(fullest([budget({ purses: [] })])).toBeNull();
  const full = budget({ id: 'b', purses: [purse({ percent: 10 }), purse({ subject: 'key:k', percent: 90 })] });
  expect(fullest([budget(), full])?.purse.subject).toBe('key:k');
});

test('a name that an agent chose is text, with what it hides', () => {
  const subject = 'agent:<img src=x>\u202ebot';
  const html = renderToStaticMarkup(<BudgetItem budget={budget({ scope: 'agent', purses: [purse({ subject, percent: 100 })] })} selected onSelect={() => undefined} />);
  expect(html).not.toContain('<img');
  expect(html).not.toContain('\u202e');
  expect(html).toContain('purse-full');
  expect(html).toContain('each agent');
});

test('purses past the first five wait until they are asked for', () => {
  const purses = Array.from({ length: 8 }, (_, n) => purse({ subject: `key:k${n}` }));
  const html = renderToStaticMarkup(<BudgetItem budget={budget({ scope: 'key', purses })} selected={false} onSelect={() => undefined} />);
  expect(html.match(/data-purse=/g)).toHaveLength(5);
  expect(html).toContain('Show all 8');
});

describe('the form', () => {
  const fields: BudgetFields = { scope: 'agent', of: ' b* ', period: 'month', usd: '20', calls: '', thresholds: '50, 80 %', throttle: '', notify: 'ops, sec' };
  it('says what the server takes', () => {
    expect(terms({ ...fields, })).toEqual({ scope: 'agent', of: 'b*', period: 'month', limit_usd: '20', at_limit: 'block', thresholds: [50, 80], notify: ['ops', 'sec'] });
    expect(terms({ ...fields, thresholds: '', scope: 'tenant', usd: '', calls: '7', throttle: '2', notify: '' })).toEqual({
      scope: 'tenant',
      period: 'month',
      limit_calls: 7,
      at_limit: 'throttle',
      calls_per_minute: 2,
      thresholds: [],
      notify: [],
    });
  });
  it.each([
    [{ thresholds: 'half' }, 'Thresholds'],
    [{ calls: '1.5' }, 'Calls are'],
    [{ throttle: '-1', thresholds: '' }, 'Calls a minute'],
    [{ usd: ' ', thresholds: '' }, 'money, calls, or both'],
  ])('%j is refused', (over, want) => expect(terms({ ...fields, ...over })).toContain(want));
});
